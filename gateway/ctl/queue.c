/*
 * reevectl queue: asks the relay (gateway/relay/command.c says how) and prints. The relay answers
 * in pieces, so that a question about a million messages does not hold up their delivery.
 */
#include <stdio.h>
#include <string.h>

#include "gateway/control.h"
#include "gateway/ctl/select.h"
#include "lib/clock.h"
#include "lib/json.h"

enum { PIECE = 1000 };

struct verb {
	const char *name, *request;
	bool needs_selection;
	void (*each)(void *arg, struct str line);
	const char *done; /* "%llu recipients ..." */
};

struct question {
	struct ctl *ctl;
	const struct verb *verb;
	const char *path;
	struct str selection;
	struct buf out;
	uint64_t cursor, count, busy, lines;
	bool has_next;
	int missing; /* 1: an ID that was named is not there */
};

static void each_recipient(void *arg, struct str line);
static void each_shown(void *arg, struct str line);
static void each_count(void *arg, struct str line);

static const struct verb verbs[] = {
    {"list", "queue-list", false, each_recipient, NULL},
    {"show", "queue-show", true, each_shown, NULL},
    {"retry", "queue-retry", true, each_count, "will be tried now"},
    {"hold", "queue-hold", true, each_count, "held"},
    {"release", "queue-release", true, each_count, "released"},
    {"delete", "queue-delete", true, each_count, "deleted"},
};

/* ---- answers ---- */

/* "NAME<TAB>NUMBER" lines that end an answer; false for any other. */
static bool take_number(struct question *q, struct str line)
{
	struct str name;
	uint64_t value;

	if (!str_split(&line, '\t', &name) || !line.p || !str_u64(line, &value))
		return false;
	if (str_is(name, "next")) {
		q->cursor = value;
		q->has_next = true;
	} else if (str_is(name, "count")) {
		q->count += value;
	} else if (str_is(name, "busy")) {
		q->busy += value;
	} else {
		return false;
	}
	return true;
}

static void each_count(void *arg, struct str line)
{
	take_number(arg, line);
}

enum { F_ID, F_ARRIVED, F_BYTES, F_SENDER, F_RECIPIENT, F_STATE, F_ATTEMPTS, F_NEXT, F_HOP, F_TEXT, FIELDS };

static const struct {
	const char *name;
	bool is_number;
} fields[FIELDS] = {
	[F_ID] = {"id", false}, [F_ARRIVED] = {"arrived", true}, [F_BYTES] = {"bytes", true},
	[F_SENDER] = {"sender", false}, [F_RECIPIENT] = {"recipient", false}, [F_STATE] = {"state", false},
	[F_ATTEMPTS] = {"attempts", true}, [F_NEXT] = {"next", true}, [F_HOP] = {"hop", false},
	[F_TEXT] = {"text", false},
};

static bool split_fields(struct str line, struct str v[FIELDS])
{
	for (size_t i = 0; i < FIELDS; i++)
		if (!str_split(&line, '\t', &v[i]))
			return false;
	return true;
}

static void print_json(struct question *q, const struct str v[FIELDS])
{
	struct json j = json_start(&q->out);
	uint64_t number;

	json_open(&j, '{');
	for (size_t i = 0; i < FIELDS; i++) {
		if (!fields[i].is_number)
			json_kv(&j, fields[i].name, v[i]);
		else if (str_u64(v[i], &number))
			json_kv_int(&j, fields[i].name, (int64_t)number);
	}
	json_close(&j);
	buf_addc(&q->out, '\n');
}

static void print_row(struct question *q, const struct str v[FIELDS])
{
	struct arena *a = arena_new(0);
	uint64_t arrived = 0, bytes = 0, next = 0;
	int64_t now = clock_now();
	struct str text = ctl_plain(a, v[F_TEXT], 0);

	str_u64(v[F_ARRIVED], &arrived);
	str_u64(v[F_BYTES], &bytes);
	str_u64(v[F_NEXT], &next);
	if (q->lines == 0)
		buf_addf(&q->out, "%-15s %-8s %5s %7s %5s %5s  %s\n", "ID", "STATE", "AGE", "SIZE", "TRIES", "NEXT",
		    "SENDER -> RECIPIENT");
	buf_addf(&q->out, "%-15.*s %-8.*s %5.*s %7.*s %5.*s %5.*s  <%.*s> -> <%.*s>\n", STR_ARG(v[F_ID]), STR_ARG(v[F_STATE]),
	    STR_ARG(ctl_age(a, now - (int64_t)arrived)), STR_ARG(ctl_bytes(a, bytes)), STR_ARG(v[F_ATTEMPTS]),
	    STR_ARG(ctl_age(a, (int64_t)next - now)), STR_ARG(ctl_plain(a, v[F_SENDER], 0)),
	    STR_ARG(ctl_plain(a, v[F_RECIPIENT], 0)));
	if (text.n)
		buf_addf(&q->out, "    %.*s%s%.*s\n", STR_ARG(ctl_plain(a, v[F_HOP], 0)), v[F_HOP].n ? ": " : "", STR_ARG(text));
	arena_free(a);
}

static void each_recipient(void *arg, struct str line)
{
	struct question *q = arg;
	struct str v[FIELDS];

	if (take_number(q, line) || !split_fields(line, v))
		return;
	if (q->ctl->json)
		print_json(q, v);
	else
		print_row(q, v);
	q->lines++;
	if (q->out.n > 65536) {
		ctl_print(buf_str(&q->out));
		q->out.n = 0;
	}
}

static void each_shown(void *arg, struct str line)
{
	struct question *q = arg;
	struct arena *a;

	if (!str_starts(line, STR("header\t"))) {
		each_recipient(arg, line);
		return;
	}
	a = arena_new(0);
	if (q->ctl->json) {
		struct json j = json_start(&q->out);
		json_open(&j, '{');
		json_kv(&j, "header", str_from(line, 7));
		json_close(&j);
		buf_addc(&q->out, '\n');
	} else {
		buf_addf(&q->out, "  | %.*s\n", STR_ARG(ctl_plain(a, str_from(line, 7), 0)));
	}
	arena_free(a);
}

/* ---- questions ---- */

static int ask(struct question *q)
{
	struct buf text = {0}, request = {0};
	enum res res = RES_OK;

	q->cursor = 0;
	do {
		q->has_next = false;
		request.n = text.n = 0;
		buf_addf(&request, "%s %llu\t%d\t%.*s", q->verb->request, (unsigned long long)q->cursor, PIECE,
		    STR_ARG(q->selection));
		res = control_call(q->path, buf_str(&request), q->verb->each, q, &text);
	} while (res == RES_OK && q->has_next);
	ctl_print(buf_str(&q->out));
	q->out.n = 0;
	if (res == RES_NONE)
		ctl_fail("no daemon is running with this configuration (%.*s)", STR_ARG(buf_str(&text)));
	else if (res != RES_OK)
		ctl_fail("relay: %.*s", STR_ARG(buf_str(&text)));
	buf_free(&text);
	buf_free(&request);
	return res == RES_OK ? 0 : 1;
}

static void add_text(struct buf *b, const char *name, const char *value)
{
	if (value)
		buf_addf(b, "\t%s=%s", name, value);
}

/* Fields between tabs; what has a tab in it cannot be an address and matches nothing anyway. */
static struct str selection_text(struct ctl *ctl, const struct ctl_select *s, const char *id)
{
	struct buf b = {0};

	add_text(&b, "id", id);
	add_text(&b, "sender", s->sender);
	add_text(&b, "recipient", s->recipient);
	add_text(&b, "domain", s->domain);
	if (s->older >= 0)
		buf_addf(&b, "\tolder=%lld", (long long)s->older);
	if (s->younger >= 0)
		buf_addf(&b, "\tyounger=%lld", (long long)s->younger);
	if (b.n == 0)
		buf_adds(&b, "\tall");
	return str_from(buf_take(&b, ctl->arena), 1);
}

static int ask_for_each(struct question *q, const struct ctl_select *s)
{
	int status = 0;

	q->selection = selection_text(q->ctl, s, NULL);
	if (s->id_count == 0)
		return ask(q);
	for (size_t i = 0; i < s->id_count && status == 0; i++) {
		unsigned long long before = q->count + q->busy;

		q->selection = selection_text(q->ctl, s, s->ids[i]);
		status = ask(q);
		if (status == 0 && q->verb->done && q->count + q->busy == before)
			q->missing = ctl_fail("%s: nothing of that ID waits", s->ids[i]);
	}
	return status;
}

static void print_summary(struct question *q)
{
	if (q->verb->done && q->ctl->json)
		printf("{\"count\":%llu,\"busy\":%llu}\n", (unsigned long long)q->count, (unsigned long long)q->busy);
	else if (q->verb->done)
		printf("%llu recipients %s\n", (unsigned long long)q->count, q->verb->done);
	if (q->verb->done && q->busy && !q->ctl->json)
		printf("%llu are being delivered just now and were left alone\n", (unsigned long long)q->busy);
	if (!q->verb->done && q->lines == 0 && !q->ctl->json)
		puts("nothing is waiting");
}

int ctl_queue(struct ctl *ctl, int argc, char **argv)
{
	struct question q = {.ctl = ctl};
	struct ctl_select select;
	int status;

	argc = ctl_options(ctl, argc, argv);
	for (size_t i = 0; argc >= 2 && i < sizeof verbs / sizeof *verbs; i++)
		if (strcmp(argv[1], verbs[i].name) == 0)
			q.verb = &verbs[i];
	if (!q.verb)
		return ctl_usage(ctl);
	if (!ctl_select_read(ctl, argc - 1, argv + 1, &select))
		return 2;
	if (q.verb->needs_selection && ctl_select_is_empty(&select)) {
		ctl_fail("which? name IDs, or use --sender, --recipient, --domain, --older, --younger or --all");
		return 2;
	}
	q.path = arena_printf(ctl->arena, "%.*s/relay.sock", STR_ARG(ctl_config(ctl)->runtime)).p;
	status = ask_for_each(&q, &select);
	if (status == 0)
		print_summary(&q);
	buf_free(&q.out);
	return status ? status : q.missing;
}
