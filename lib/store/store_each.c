/*
 * Going through a table in key order: the file's entries, with what waits merged into them.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/clock.h"
#include "lib/store/store_private.h"

struct walk {
	struct arena *arena;   /* of the copies of what waits */
	struct store_entry *v; /* in key order; expires -1: is not there */
	size_t n, at, table_n;
	int64_t now;
	bool (*each)(void *arg, const struct store_entry *entry);
	void *arg;
	bool is_ended;
};

static void copy_waiting(struct walk *w, const struct overlay *o, struct str prefix)
{
	size_t n;
	struct change **all = overlay_sorted(o, prefix, &n);
	struct store_entry *v = arena_array(w->arena, w->n + n + 1, sizeof *v);
	size_t old = 0, k = 0;

	for (size_t i = 0; i < n; i++) {
		struct view view;
		struct str key = {all[i]->key, all[i]->key_n};
		while (old < w->n && str_cmp(w->v[old].key, key) < 0)
			v[k++] = w->v[old++];
		if (old < w->n && str_eq(w->v[old].key, key))
			old++;
		view_change(all[i], w->now, w->arena, &view);
		entry_from_view(w->arena, arena_str(w->arena, key), &view, &v[k]);
		if (!view.exists)
			v[k].expires = -1;
		k++;
	}
	while (old < w->n)
		v[k++] = w->v[old++];
	w->v = v;
	w->n = k;
	free(all);
}

/* Hands over an entry whose key still has the table in front. */
static bool walk_give(struct walk *w, struct store_entry entry)
{
	if (entry.expires < 0 || is_over(entry.expires, w->now))
		return true;
	entry.key = str_from(entry.key, w->table_n);
	w->is_ended = !w->each(w->arg, &entry);
	return !w->is_ended;
}

/* One of the file; what waits goes before it, or in its place. */
static bool walk_file(void *arg, struct str key, const struct view *view)
{
	struct walk *w = arg;
	struct store_entry entry;
	char number[24];
	int order = 1;

	while (w->at < w->n && (order = str_cmp(w->v[w->at].key, key)) < 0)
		if (!walk_give(w, w->v[w->at++]))
			return false;
	if (w->at < w->n && order == 0)
		return walk_give(w, w->v[w->at++]);
	entry = (struct store_entry){.key = key, .value = view->value, .expires = view->expires};
	if (view->is_number) {
		snprintf(number, sizeof number, "%" PRId64, view->number);
		entry.value = str_of(number);
	}
	return walk_give(w, entry);
}

/* The first key that is behind all with the prefix: there is one, as a table's name is ASCII. */
static struct str behind(const struct place *p, char out[FULL_KEY_MAX])
{
	size_t n = p->text.n;

	memcpy(out, p->text.p, n);
	while ((unsigned char)out[n - 1] == 0xff)
		n--;
	out[n - 1]++;
	return (struct str){out, n};
}

enum res store_each(struct store *st, const char *table, struct str prefix,
    bool (*each)(void *arg, const struct store_entry *entry), void *arg)
{
	struct walk w = {
	    .each = each, .arg = arg, .now = clock_now(), .table_n = strlen(table) + 1};
	char to[FULL_KEY_MAX];
	enum res res = RES_OK;
	bool has_file;
	struct place p;

	if (!place_init(&p, table, prefix))
		return RES_PERM;
	w.arena = arena_new(0);
	pthread_mutex_lock(&st->lock);
	copy_waiting(&w, &st->committing, p.text);
	copy_waiting(&w, &st->pending, p.text);
	has_file = st->backend && st->is_readable;
	if (!has_file && store_is_unknown(st, &p))
		res = RES_TEMP;
	pthread_mutex_unlock(&st->lock);
	if (has_file)
		res = backend_each(st->backend, p.text, behind(&p, to), walk_file, &w);
	while (res == RES_OK && !w.is_ended && w.at < w.n)
		walk_give(&w, w.v[w.at++]);
	arena_free(w.arena);
	return res;
}
