/*
 * reevectl quarantine: works on the folder itself, so that it needs no running daemon. Released
 * mail goes into the queue by a writer of our own; the relay finds it within a second. Run as root,
 * it takes the identity of the folder's owner first, so that nothing is left that the roles cannot
 * touch.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/ctl/learn.h"
#include "gateway/ctl/select.h"
#include "gateway/ctl/state.h"
#include "gateway/quarantine/quarantine.h"
#include "lib/clock.h"
#include "lib/json.h"

enum { WRITER_TRIES = 50, WRITER_WAIT_US = 100000 };

struct work {
	struct ctl *ctl;
	struct quarantine *q;
	struct queue_writer *writer;
	struct ctl_lessons *lessons; /* NULL: what is released teaches nothing */
	struct ctl_select select;
	struct buf out;
	char (*keys)[QUARANTINE_KEY_MAX];
	size_t n, room;
	uint64_t done;
};

/* ---- which ---- */

static bool is_named(const struct ctl_select *s, const struct quarantine_item *item)
{
	for (size_t i = 0; i < s->id_count; i++)
		if (strcmp(s->ids[i], item->key) == 0 || strcmp(s->ids[i], item->id) == 0)
			return true;
	return s->id_count == 0;
}

static bool has_recipient(const struct ctl_select *s, const struct quarantine_item *item)
{
	for (size_t i = 0; i < item->recipient_count; i++) {
		struct str address = item->recipients[i].address;
		struct str domain = str_from(address, (size_t)(str_rchr(address, '@') + 1));
		if ((!s->recipient || str_iis(address, s->recipient)) && (!s->domain || str_iis(domain, s->domain)))
			return true;
	}
	return false;
}

static bool fits(const struct ctl_select *s, const struct quarantine_item *item)
{
	int64_t age = clock_now() - item->arrived;

	return is_named(s, item) && (!s->sender || str_iis(item->sender, s->sender)) && has_recipient(s, item) &&
	       (s->older < 0 || age >= s->older) && (s->younger < 0 || age <= s->younger);
}

static bool collect(void *arg, const struct quarantine_item *item)
{
	struct work *w = arg;

	if (!fits(&w->select, item))
		return true;
	if (w->n == w->room) {
		w->room = w->room ? w->room * 2 : 64;
		w->keys = realloc(w->keys, w->room * sizeof *w->keys);
		if (!w->keys)
			abort();
	}
	memcpy(w->keys[w->n++], item->key, QUARANTINE_KEY_MAX);
	return true;
}

static int by_key(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* ---- printing ---- */

static void print_json(struct work *w, const struct quarantine_item *item, bool is_full)
{
	struct json j = json_start(&w->out);

	json_open(&j, '{');
	json_kv(&j, "key", str_of(item->key));
	json_kv(&j, "id", str_of(item->id));
	json_kv_int(&j, "arrived", item->arrived);
	json_kv(&j, "client", item->client);
	json_kv(&j, "helo", item->helo);
	json_kv(&j, "sender", item->sender);
	json_key(&j, "recipients");
	json_open(&j, '[');
	for (size_t i = 0; i < item->recipient_count; i++)
		json_text(&j, item->recipients[i].address);
	json_close(&j);
	json_kv(&j, "subject", item->subject);
	json_kv_int(&j, "bytes", (int64_t)item->size);
	json_key(&j, "score");
	json_number(&j, item->score);
	json_kv(&j, "verdict", item->verdict);
	json_kv(&j, "decided_by", item->decided_by);
	if (is_full)
		json_kv(&j, "trail", item->trail);
	json_close(&j);
	buf_addc(&w->out, '\n');
}

static void print_row(struct work *w, const struct quarantine_item *item)
{
	struct arena *a = arena_new(0);

	if (w->done == 0)
		buf_addf(&w->out, "%-15s %5s %7s %6s  %s\n", "KEY", "AGE", "SIZE", "SCORE", "SENDER -> RECIPIENT");
	buf_addf(&w->out, "%-15s %5.*s %7.*s %6.1f  <%.*s> -> <%.*s>", item->key,
	    STR_ARG(ctl_age(a, clock_now() - item->arrived)), STR_ARG(ctl_bytes(a, item->size)), item->score,
	    STR_ARG(ctl_plain(a, item->sender, 0)), STR_ARG(ctl_plain(a, item->recipients[0].address, 0)));
	if (item->recipient_count > 1)
		buf_addf(&w->out, " and %zu more", item->recipient_count - 1);
	buf_addf(&w->out, "\n    %.*s: %.*s\n", STR_ARG(ctl_plain(a, item->verdict, 100)),
	    STR_ARG(ctl_plain(a, item->subject, 100)));
	arena_free(a);
}

static void print_full(struct work *w, const struct quarantine_item *item)
{
	struct arena *a = arena_new(0);
	struct str trail = item->trail, line;

	print_row(w, item);
	buf_addf(&w->out, "    from %.*s (%.*s), decided by %.*s\n", STR_ARG(ctl_plain(a, item->client, 0)),
	    STR_ARG(ctl_plain(a, item->helo, 0)), STR_ARG(ctl_plain(a, item->decided_by, 0)));
	for (size_t i = 0; i < item->recipient_count; i++)
		buf_addf(&w->out, "    to <%.*s>\n", STR_ARG(ctl_plain(a, item->recipients[i].address, 0)));
	while (trail.n && str_split(&trail, '\n', &line))
		buf_addf(&w->out, "    %.*s\n", STR_ARG(ctl_plain(a, line, 0)));
	arena_free(a);
}

/* ---- the verbs: one item each ---- */

static bool do_list(struct work *w, const struct quarantine_item *item)
{
	if (w->ctl->json)
		print_json(w, item, false);
	else
		print_row(w, item);
	return true;
}

static bool do_show(struct work *w, const struct quarantine_item *item)
{
	if (w->ctl->json)
		print_json(w, item, true);
	else
		print_full(w, item);
	return true;
}

static bool do_delete(struct work *w, const struct quarantine_item *item)
{
	return quarantine_delete(w->q, str_of(item->key)) == RES_OK;
}

static bool do_release(struct work *w, const struct quarantine_item *item)
{
	if (quarantine_release(w->q, str_of(item->key), w->writer) != RES_OK)
		return false;
	if (w->lessons)
		ctl_lessons_ham(w->lessons, item->data);
	return true;
}

static const struct verb {
	const char *name;
	bool (*run)(struct work *w, const struct quarantine_item *item);
	bool needs_selection, needs_writer;
	const char *done;
} verbs[] = {
    {"list", do_list, false, false, NULL},
    {"show", do_show, true, false, NULL},
    {"release", do_release, true, true, "released"},
    {"delete", do_delete, true, false, "deleted"},
};

static int run_all(struct work *w, const struct verb *verb)
{
	int status = 0;

	if (w->n > 1)
		qsort(w->keys, w->n, sizeof *w->keys, by_key);
	for (size_t i = 0; i < w->n; i++) {
		struct arena *a = arena_new(0);
		struct quarantine_item item;
		if (quarantine_get(w->q, str_of(w->keys[i]), a, &item) == RES_OK && verb->run(w, &item))
			w->done++;
		else
			status = ctl_fail("%s: could not be %s: %s", w->keys[i], verb->done ? verb->done : "read", strerror(errno));
		ctl_print(buf_str(&w->out));
		w->out.n = 0;
		arena_free(a);
	}
	if (w->n < w->select.id_count)
		status = ctl_fail("not all of these are in the quarantine");
	if (verb->done && w->ctl->json)
		printf("{\"count\":%llu}\n", (unsigned long long)w->done);
	else if (verb->done)
		printf("%llu %s\n", (unsigned long long)w->done, verb->done);
	else if (!w->ctl->json && w->n == 0 && status == 0)
		puts("nothing is in the quarantine");
	return status;
}

/* ---- opening ---- */

static bool open_quarantine(struct work *w)
{
	const struct config *config = ctl_config(w->ctl);
	const char *state = arena_cstr(w->ctl->arena, config->state);
	struct str error = STR_NONE;

	if (!ctl_become_owner(state)) {
		ctl_fail("%s: cannot act as its owner: %s", state, strerror(errno));
		return false;
	}
	w->q = quarantine_open(arena_printf(w->ctl->arena, "%s/quarantine", state).p, w->ctl->arena, &error);
	if (!w->q)
		ctl_fail("%.*s", STR_ARG(error));
	return w->q != NULL;
}

/* Another reevectl may be releasing: its turn ends soon. */
static bool open_writer(struct work *w)
{
	const struct config *config = ctl_config(w->ctl);
	struct queue_options options = {.writer = "reevectl", .segment_bytes = config->queue_segment,
	    .free_min = config->queue_free_min, .is_durable = config->queue_durable};
	struct str error = STR_NONE;

	options.dir = arena_printf(w->ctl->arena, "%.*s/queue", STR_ARG(config->state)).p;
	for (int i = 0; i < WRITER_TRIES; i++) {
		w->writer = queue_writer_open(&options, w->ctl->arena, &error);
		if (w->writer || (errno != EAGAIN && errno != EACCES))
			break;
		usleep(WRITER_WAIT_US);
	}
	if (!w->writer)
		ctl_fail("%.*s", STR_ARG(error));
	return w->writer != NULL;
}

int ctl_quarantine(struct ctl *ctl, int argc, char **argv)
{
	struct work w = {.ctl = ctl};
	const struct verb *verb = NULL;
	bool teaches;
	int status = 1;

	argc = ctl_options(ctl, argc, argv);
	teaches = !ctl_flag(&argc, argv, "--no-lesson");
	for (size_t i = 0; argc >= 2 && i < sizeof verbs / sizeof *verbs; i++)
		if (strcmp(argv[1], verbs[i].name) == 0)
			verb = &verbs[i];
	if (!verb)
		return ctl_usage(ctl);
	if (!ctl_select_read(ctl, argc - 1, argv + 1, &w.select))
		return 2;
	if (verb->needs_selection && ctl_select_is_empty(&w.select)) {
		ctl_fail("which? name keys, or use --sender, --recipient, --domain, --older, --younger or --all");
		return 2;
	}
	if (verb->needs_writer && teaches)
		w.lessons = ctl_lessons_open(ctl);
	if (open_quarantine(&w) && (!verb->needs_writer || open_writer(&w)) &&
	    quarantine_each(w.q, collect, &w) == RES_OK)
		status = run_all(&w, verb);
	ctl_lessons_close(w.lessons);
	queue_writer_close(w.writer);
	quarantine_close(w.q);
	buf_free(&w.out);
	free(w.keys);
	return status;
}
