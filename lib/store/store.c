/*
 * The store's calls: what each means for the changes that wait and for what the file says.
 */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "lib/clock.h"
#include "lib/store/store_private.h"

/* ---- life ---- */

void store_open_hot(struct store *st)
{
	char name[4200];

	if ((size_t)snprintf(name, sizeof name, "%s-seen", backend_path(st->backend)) >= sizeof name)
		return;
	create_file(name);
	st->hot = hot_open(name);
}

static struct store *store_new(void)
{
	struct store *st = calloc(1, sizeof *st);
	pthread_condattr_t attr;

	if (!st)
		abort();
	st->generation = 1;
	st->is_open = st->is_readable = true;
	pthread_mutex_init(&st->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&st->work, &attr);
	pthread_cond_init(&st->written_more, &attr);
	pthread_condattr_destroy(&attr);
	return st;
}

struct store *store_open(const char *path, bool read_only, struct arena *a, struct str *ret_error)
{
	struct store *st = store_new();

	if (!path)
		return st;
	*ret_error = STR_NONE;
	st->backend = backend_open(path, read_only, a, ret_error);
	if (!st->backend && ret_error->n) {
		store_close(st);
		return NULL;
	}
	if (st->backend && !read_only)
		store_open_hot(st);
	st->pending.is_bulk = st->backend && !read_only;
	if (st->backend && !read_only && !writer_start(st)) {
		*ret_error = STR("cannot start the writer's thread");
		store_close(st);
		return NULL;
	}
	return st;
}

struct store *store_open_patiently(
    const char *path, const char *const *unknown, struct arena *a, struct str *ret_why, bool *ret_is_readable)
{
	struct store *st = store_new();

	*ret_why = STR_NONE;
	st->unknown = unknown;
	st->backend = backend_open_patiently(path, a, ret_why, &st->is_open, &st->is_readable);
	st->was_blind = !st->is_readable;
	st->is_failing = !st->is_open; /* whoever opens tells that */
	*ret_is_readable = st->is_readable;
	if (st->is_open)
		store_open_hot(st);
	st->pending.is_bulk = st->is_open;
	if (!writer_start(st)) {
		*ret_why = STR("cannot start the writer's thread");
		st->is_open = false;
	}
	return st;
}

void store_close(struct store *st)
{
	if (!st)
		return;
	writer_stop(st);
	backend_close(st->backend);
	hot_close(st->hot);
	overlay_clear(&st->pending);
	overlay_clear(&st->committing);
	pthread_cond_destroy(&st->work);
	pthread_cond_destroy(&st->written_more);
	pthread_mutex_destroy(&st->lock);
	free(st);
}

bool store_was_rebuilt(struct store *st, uint64_t *ret_kept)
{
	return st->backend && backend_was_rebuilt(st->backend, ret_kept);
}

void store_listen(struct store *st, store_listener *listener, void *arg)
{
	pthread_mutex_lock(&st->lock);
	st->listener = listener;
	st->listener_arg = arg;
	pthread_mutex_unlock(&st->lock);
	store_tell(st);
}

void store_set_file_max(struct store *st, uint64_t octets)
{
	if (st->backend)
		backend_set_file_max(st->backend, octets > 1 << 20 ? octets : 1 << 20);
}

void store_stats(struct store *st, struct store_stats *ret_stats)
{
	size_t hot;

	pthread_mutex_lock(&st->lock);
	*ret_stats = st->stats;
	ret_stats->waiting = st->pending.n + st->committing.n;
	ret_stats->hot_bytes = hot_bytes(st->hot, &hot);
	ret_stats->hot = hot;
	pthread_mutex_unlock(&st->lock);
}

/* ---- keys, and how an entry looks ---- */

bool place_init(struct place *p, const char *table, struct str key)
{
	size_t n = strlen(table);

	assert(n > 0 && n <= STORE_TABLE_MAX);
	if (key.n > STORE_KEY_MAX)
		return false;
	memcpy(p->key.b, table, n + 1);
	if (key.n)
		memcpy(p->key.b + n + 1, key.p, key.n);
	p->key.n = n + 1 + key.n;
	p->text = (struct str){p->key.b, p->key.n};
	p->hash = key_hash(p->text);
	return true;
}

static int64_t expiry(int64_t ttl, int64_t now)
{
	return ttl > 0 ? now + ttl : 0;
}

void view_change(const struct change *c, int64_t now, struct arena *a, struct view *ret_view)
{
	*ret_view = (struct view){
	    .exists = c->kind != CHANGE_DELETE && !is_over(c->expires, now),
	    .is_number = c->is_number,
	    .number = c->is_number ? c->number : text_number(c->value),
	    .expires = c->expires,
	    .version = c->version,
	};
	if (a && ret_view->exists && !c->is_number)
		ret_view->value = arena_str(a, c->value);
}

static const struct change *find_waiting(const struct store *st, const struct place *p)
{
	const struct change *c = overlay_find(&st->pending, p->text, p->hash);

	return c ? c : overlay_find(&st->committing, p->text, p->hash);
}

void store_set_unknown(struct store *st, const char *const *tables)
{
	pthread_mutex_lock(&st->lock);
	st->unknown = tables;
	pthread_mutex_unlock(&st->lock);
}

bool store_is_unknown(const struct store *st, const struct place *p)
{
	for (const char *const *table = st->unknown; table && *table; table++)
		if (strcmp(*table, p->key.b) == 0) /* the NUL of the key ends its table */
			return true;
	return false;
}

enum res store_look(
    struct store *st, const struct place *p, struct arena *a, int64_t now, struct view *ret_view)
{
	const struct change *c;
	uint64_t commits;
	uint32_t version;
	enum res res;

	for (;;) {
		c = find_waiting(st, p);
		if (c) {
			view_change(c, now, a, ret_view);
			return RES_OK;
		}
		*ret_view = (struct view){0};
		if (!st->backend || !st->is_readable)
			return store_is_unknown(st, p) ? RES_TEMP : RES_OK;
		if (hot_get(st->hot, p->text, p->hash, a, ret_view))
			break;
		version = hot_version(st->hot, p->text);
		commits = st->stats.commits;
		pthread_mutex_unlock(&st->lock);
		res = backend_get(st->backend, p->text, a, ret_view);
		pthread_mutex_lock(&st->lock);
		if (res != RES_OK)
			return res;
		if (commits != st->stats.commits || find_waiting(st, p))
			continue;
		ret_view->version = version;
		if (a || ret_view->is_number || !ret_view->exists)
			hot_keep(st->hot, p->text, p->hash, version, ret_view);
		break;
	}
	ret_view->exists = ret_view->exists && !is_over(ret_view->expires, now);
	return RES_OK;
}

void entry_from_view(
    struct arena *a, struct str key, const struct view *v, struct store_entry *ret_entry)
{
	*ret_entry = (struct store_entry){.key = key, .value = v->value, .expires = v->expires};
	if (v->is_number)
		ret_entry->value = arena_printf(a, "%" PRId64, v->number);
}

/* ---- changes: all with the lock ---- */

/* A store that writes no file, or not yet, forgets what has expired first. */
bool store_has_room(struct store *st, size_t keys, int64_t now)
{
	size_t n = st->pending.n + st->committing.n + keys;
	size_t bytes = st->pending.bytes + st->committing.bytes;

	if ((!st->has_writer || !st->is_open) && now != st->expired_at && n > STORE_WAITING_MAX / 2) {
		overlay_expire(&st->pending, now, st->backend != NULL);
		st->expired_at = now;
		n = st->pending.n + st->committing.n + keys;
		bytes = st->pending.bytes + st->committing.bytes;
	}
	return n <= STORE_WAITING_MAX && bytes <= STORE_WAITING_BYTES_MAX;
}

struct change *store_change_at(struct store *st, const struct place *p, bool *ret_is_new)
{
	size_t before = st->pending.n;
	struct change *c = overlay_at(&st->pending, p->text, p->hash);

	*ret_is_new = st->pending.n != before;
	if (*ret_is_new) {
		const struct change *earlier = overlay_find(&st->committing, p->text, p->hash);

		c->version = earlier ? earlier->version : hot_version(st->hot, p->text);
	}
	if (before == 0 && st->has_writer)
		pthread_cond_signal(&st->work);
	return c;
}

static void change_put(struct store *st, const struct place *p, struct str value, int64_t expires)
{
	bool is_new;
	struct change *c = store_change_at(st, p, &is_new);

	c->kind = CHANGE_PUT;
	c->expires = expires;
	overlay_set_value(&st->pending, c, value);
}

static int64_t add_bounded(int64_t a, int64_t b)
{
	int64_t sum;

	if (__builtin_add_overflow(a, b, &sum))
		return b < 0 ? INT64_MIN : INT64_MAX;
	return sum;
}

static enum res change_count(struct store *st, const struct place *p, int64_t add, int64_t ttl,
    int64_t now, int64_t *ret_total)
{
	struct view v;
	struct change *c;
	bool is_new;

	if (store_look(st, p, NULL, now, &v) != RES_OK)
		return RES_TEMP;
	c = store_change_at(st, p, &is_new);
	if (is_new)
		c->version = v.version;
	if (is_new)
		c->kind = CHANGE_COUNT;
	else if (c->kind != CHANGE_COUNT || !v.exists)
		c->kind = CHANGE_PUT;
	c->amount = add_bounded(c->amount, add);
	c->expires = v.exists ? v.expires : expiry(ttl, now);
	overlay_set_number(c, add_bounded(v.exists ? v.number : 0, add));
	*ret_total = c->number;
	return RES_OK;
}

static void change_delete(struct store *st, const struct place *p)
{
	bool is_new;
	struct change *c = store_change_at(st, p, &is_new);

	c->kind = CHANGE_DELETE;
	c->expires = 0;
	overlay_set_number(c, 0);
}

/* ---- the calls ---- */

static enum res look_up(struct store *st, const char *table, struct str key, struct arena *a, struct view *ret_view)
{
	struct place p;
	enum res res;

	if (!place_init(&p, table, key))
		return RES_PERM;
	pthread_mutex_lock(&st->lock);
	res = store_look(st, &p, a, clock_now(), ret_view);
	pthread_mutex_unlock(&st->lock);
	return res == RES_OK && !ret_view->exists ? RES_NONE : res;
}

enum res store_get(struct store *st, const char *table, struct str key, struct arena *a, struct store_entry *ret_entry)
{
	struct view v;
	enum res res = look_up(st, table, key, a, &v);

	if (res == RES_OK)
		entry_from_view(a, arena_str(a, key), &v, ret_entry);
	return res;
}

enum res store_has(struct store *st, const char *table, struct str key)
{
	struct view v;

	return look_up(st, table, key, NULL, &v);
}

enum res store_put(
    struct store *st, const char *table, struct str key, struct str value, int64_t ttl)
{
	int64_t now = clock_now();
	enum res res = RES_TEMP;
	struct place p;

	if (!place_init(&p, table, key) || value.n > STORE_VALUE_MAX)
		return RES_PERM;
	pthread_mutex_lock(&st->lock);
	if (store_has_room(st, 1, now)) {
		change_put(st, &p, value, expiry(ttl, now));
		res = RES_OK;
	}
	pthread_mutex_unlock(&st->lock);
	return res;
}

enum res store_add(struct store *st, const char *table, struct str key, struct str value,
    int64_t ttl, struct arena *a, struct store_entry *ret_entry)
{
	int64_t now = clock_now();
	struct place p;
	struct view v;
	enum res res;
	bool is_new;

	if (!place_init(&p, table, key) || value.n > STORE_VALUE_MAX)
		return RES_PERM;
	pthread_mutex_lock(&st->lock);
	res = store_look(st, &p, ret_entry ? a : NULL, now, &v);
	if (res == RES_OK && v.exists) {
		res = RES_NONE;
	} else if (res == RES_OK && store_has_room(st, 1, now)) {
		struct change *c = store_change_at(st, &p, &is_new);
		c->kind = is_new ? CHANGE_ADD : CHANGE_PUT;
		if (is_new)
			c->version = v.version;
		c->expires = expiry(ttl, now);
		overlay_set_value(&st->pending, c, value);
	} else {
		res = RES_TEMP;
	}
	pthread_mutex_unlock(&st->lock);
	if (res == RES_NONE && ret_entry)
		entry_from_view(a, arena_str(a, key), &v, ret_entry);
	return res;
}

enum res store_count(struct store *st, const char *table, struct str key, int64_t add, int64_t ttl,
    int64_t *ret_total)
{
	int64_t now = clock_now(), total;
	enum res res = RES_TEMP;
	struct place p;

	if (!place_init(&p, table, key))
		return RES_PERM;
	pthread_mutex_lock(&st->lock);
	if (store_has_room(st, 1, now))
		res = change_count(st, &p, add, ttl, now, &total);
	pthread_mutex_unlock(&st->lock);
	if (res == RES_OK && ret_total)
		*ret_total = total;
	return res;
}

enum res store_delete(struct store *st, const char *table, struct str key)
{
	int64_t now = clock_now();
	struct place p;
	struct view v;
	enum res res;

	if (!place_init(&p, table, key))
		return RES_PERM;
	pthread_mutex_lock(&st->lock);
	res = store_look(st, &p, NULL, now, &v);
	if (res == RES_OK && !v.exists)
		res = RES_NONE;
	else if (res == RES_OK && !store_has_room(st, 1, now))
		res = RES_TEMP;
	else if (res == RES_OK)
		change_delete(st, &p);
	pthread_mutex_unlock(&st->lock);
	return res;
}

static enum res apply_one(struct store *st, const struct store_change *change, int64_t now)
{
	struct place p;
	int64_t total;

	if (!place_init(&p, change->table, change->key) || change->value.n > STORE_VALUE_MAX)
		return RES_PERM;
	if (change->what == STORE_COUNT)
		return change_count(st, &p, change->add, change->ttl, now, &total);
	if (change->what == STORE_PUT)
		change_put(st, &p, change->value, expiry(change->ttl, now));
	else
		change_delete(st, &p);
	return RES_OK;
}

/* Counters need a look that may fail: it is done once before, so that nothing stays half done. */
static enum res check_all(
    struct store *st, const struct store_change *changes, size_t n, int64_t now)
{
	struct place p;
	struct view v;

	for (size_t i = 0; i < n; i++) {
		if (!place_init(&p, changes[i].table, changes[i].key) ||
		    changes[i].value.n > STORE_VALUE_MAX)
			return RES_PERM;
		if (changes[i].what == STORE_COUNT && store_look(st, &p, NULL, now, &v) != RES_OK)
			return RES_TEMP;
	}
	return store_has_room(st, n, now) ? RES_OK : RES_TEMP;
}

enum res store_apply(struct store *st, const struct store_change *changes, size_t n)
{
	int64_t now = clock_now();
	enum res res;

	pthread_mutex_lock(&st->lock);
	st->frozen++;
	res = check_all(st, changes, n, now);
	for (size_t i = 0; i < n && res == RES_OK; i++)
		res = apply_one(st, &changes[i], now);
	st->frozen--;
	pthread_cond_signal(&st->work);
	pthread_mutex_unlock(&st->lock);
	return res;
}
