/*
 * What reevectl asks the relay. Arguments and answers are fields between tabs, so that addresses
 * can hold anything else. Work is bounded by a count of messages per call: the answer ends with
 * "next<TAB>CURSOR" when there is more, and reevectl asks again.
 *
 *   queue-list CURSOR COUNT SELECTION...     a line per recipient (print_recipient)
 *   queue-show SELECTION...                  the same, then "header<TAB>LINE" for the message
 *   queue-retry | queue-hold | queue-release | queue-delete CURSOR COUNT SELECTION...
 *                                            "count<TAB>RECIPIENTS", "busy<TAB>RECIPIENTS"
 *   SELECTION: id=ID sender=A recipient=A domain=D older=SECONDS younger=SECONDS all
 */
#include <stdio.h>
#include <string.h>

#include "gateway/relay/relay_private.h"
#include "lib/clock.h"
#include "lib/log.h"

enum { COUNT_MOST = 10000, SHOW_HEADERS_MAX = 32 * 1024 };

struct selection {
	struct str id, sender, recipient, domain;
	int64_t older, younger; /* seconds; -1: not asked */
	bool all;
};

struct sweep {
	struct relay *r;
	struct selection select;
	struct buf *out;
	const struct action *action;
	size_t count, busy;
};

/* One thing that can be done to recipients. False: not to this one. */
struct action {
	const char *name;
	bool (*run)(struct relay *r, struct mail *m, uint32_t i);
};

/* ---- selections ---- */

static bool read_seconds(struct str s, int64_t *ret)
{
	uint64_t v;

	if (!str_u64(s, &v) || v > INT32_MAX)
		return false;
	*ret = (int64_t)v;
	return true;
}

static bool read_select(struct str token, struct selection *s)
{
	struct str name;

	if (str_is(token, "all"))
		return s->all = true;
	if (!str_split(&token, '=', &name) || !token.p)
		return false;
	if (str_is(name, "id"))
		s->id = token;
	else if (str_is(name, "sender"))
		s->sender = token;
	else if (str_is(name, "recipient"))
		s->recipient = token;
	else if (str_is(name, "domain"))
		s->domain = token;
	else if (str_is(name, "older"))
		return read_seconds(token, &s->older);
	else if (str_is(name, "younger"))
		return read_seconds(token, &s->younger);
	else
		return false;
	return true;
}

static bool read_selection(struct str args, struct selection *s)
{
	struct str token;

	*s = (struct selection){.older = -1, .younger = -1};
	while (str_split(&args, '\t', &token))
		if (!read_select(token, s))
			return false;
	return s->all || s->id.p || s->sender.p || s->recipient.p || s->domain.p || s->older >= 0 || s->younger >= 0;
}

static bool fits_age(const struct selection *s, const struct mail *m)
{
	int64_t age = clock_now() - m->arrived;

	return (s->older < 0 || age >= s->older) && (s->younger < 0 || age <= s->younger);
}

static bool fits_message(const struct selection *s, const struct queue_entry *e)
{
	return (!s->id.p || str_is(s->id, e->id)) && (!s->sender.p || str_ieq(s->sender, e->sender));
}

static bool fits_recipient(const struct selection *s, struct str address)
{
	struct str domain = str_from(address, (size_t)(str_rchr(address, '@') + 1));

	return (!s->recipient.p || str_ieq(s->recipient, address)) && (!s->domain.p || str_ieq(s->domain, domain));
}

/* ---- list and show ---- */

static const char *state_of(const struct rcpt *r)
{
	return r->flags & RCPT_BUSY ? "active" : r->flags & STATE_HELD ? "held" : r->attempts ? "deferred" : "waiting";
}

/* id arrived bytes sender recipient state attempts next hop text */
static void print_recipient(struct sweep *w, struct mail *m, uint32_t i, const struct record_head *h,
    const struct queue_entry *e, struct arena *a)
{
	const struct rcpt *r = &m->r[i];
	const struct site *s = w->r->sites[r->site];
	struct str text = backlog_text(w->r->backlog, r, a), hop = STR("");
	int64_t next = r->next_ms ? r->next_ms / 1000 : m->arrived;

	if (!str_split(&text, '\t', &hop) || !text.p)
		text = STR("");
	if (text.n == 0 && rcpt_is_live(r))
		text = s->trouble;
	buf_addf(w->out, "%s\t%lld\t%llu\t%.*s\t%.*s\t%s\t%u\t%lld\t%.*s\t%.*s\n", e->id, (long long)m->arrived,
	    (unsigned long long)h->data_length, STR_ARG(e->sender), STR_ARG(e->recipients[i].address),
	    state_of(r), r->attempts, (long long)next, STR_ARG(hop), STR_ARG(text));
}

/* CURSOR COUNT in front of the selection. */
static bool read_window(struct str *args, size_t *ret_cursor, size_t *ret_count)
{
	struct str token;
	uint64_t cursor, count;

	if (!str_split(args, '\t', &token) || !str_u64(token, &cursor) || !str_split(args, '\t', &token) ||
	    !str_u64(token, &count))
		return false;
	*ret_cursor = cursor;
	*ret_count = count < COUNT_MOST ? count : COUNT_MOST;
	return true;
}

static void each_mail(void *arg, struct mail *m);

/* action NULL: lists them. */
static const char *sweep(struct relay *r, struct str args, struct buf *out, const struct action *action)
{
	struct sweep w = {.r = r, .out = out, .action = action};
	size_t cursor, count;

	if (!read_window(&args, &cursor, &count) || !read_selection(args, &w.select))
		return "expected CURSOR, COUNT and a selection";
	if (backlog_walk(r->backlog, &cursor, count, each_mail, &w))
		buf_addf(out, "next\t%zu\n", cursor);
	if (action)
		buf_addf(out, "count\t%zu\nbusy\t%zu\n", w.count, w.busy);
	return NULL;
}

static const char *run_list(void *arg, struct str args, struct buf *out)
{
	return sweep(arg, args, out, NULL);
}

static void show_headers(struct sweep *w, struct mail *m, const struct record_head *h,
    const struct queue_entry *e, struct str file, struct arena *a)
{
	struct queue_data d;
	struct body body;
	struct str headers, line;

	if (!backlog_data(w->r->backlog, m, h, file, &d))
		return;
	if (body_open(a, &d, h, e->edits, &body) == RES_OK) {
		headers = body_headers(a, &body, SHOW_HEADERS_MAX);
		while (headers.n && str_split(&headers, '\n', &line)) {
			if (line.n && line.p[line.n - 1] == '\r')
				line.n--;
			buf_addf(w->out, "header\t%.*s\n", STR_ARG(line));
		}
	}
	queue_data_close(&d);
}

static void each_show(void *arg, struct mail *m)
{
	struct sweep *w = arg;
	struct arena *a = arena_new(0);
	struct record_head h;
	struct queue_entry e;
	struct str file;

	if (backlog_entry(w->r->backlog, m, a, &h, &e, &file) && fits_message(&w->select, &e)) {
		for (uint32_t i = 0; i < m->n; i++)
			if (rcpt_is_live(&m->r[i]))
				print_recipient(w, m, i, &h, &e, a);
		if (w->count++ == 0)
			show_headers(w, m, &h, &e, file, a);
	}
	arena_free(a);
}

static const char *run_show(void *arg, struct str args, struct buf *out)
{
	struct sweep w = {.r = arg, .out = out};
	size_t cursor, count;

	if (!read_window(&args, &cursor, &count) || !read_selection(args, &w.select) || !w.select.id.p)
		return "expected CURSOR, COUNT and id=ID";
	if (backlog_walk(w.r->backlog, &cursor, count, each_show, &w))
		buf_addf(out, "next\t%zu\n", cursor);
	return NULL;
}

/* ---- doing something ---- */

static void wake(struct relay *r, struct mail *m, uint32_t i, bool must_push)
{
	struct site *s = r->sites[m->r[i].site];

	for (struct endpoint *e = s->endpoints; e; e = e->next)
		e->down_until_us = 0;
	if (s->find == SITE_UNKNOWN || s->find == SITE_NOWHERE)
		s->find_again_us = 1;
	if (must_push)
		site_push(s, m, m->r[i].next_ms);
	pump_later(r, s);
}

static bool act_retry(struct relay *r, struct mail *m, uint32_t i)
{
	bool was_due = m->r[i].next_ms <= wall_ms(clock_now_us());

	if (m->r[i].flags & STATE_HELD)
		return false;
	m->r[i].next_ms = 0;
	wake(r, m, i, !was_due); /* who was due waits in the heap already, however often he is retried */
	return true;
}

static void note_again(struct relay *r, struct mail *m, uint32_t i)
{
	struct arena *a = arena_new(0);

	backlog_note(r->backlog, m, i, backlog_text(r->backlog, &m->r[i], a));
	arena_free(a);
}

static bool act_hold(struct relay *r, struct mail *m, uint32_t i)
{
	if (m->r[i].flags & STATE_HELD)
		return false;
	m->r[i].flags |= STATE_HELD;
	note_again(r, m, i);
	return true;
}

static bool act_release(struct relay *r, struct mail *m, uint32_t i)
{
	if (!(m->r[i].flags & STATE_HELD))
		return false;
	m->r[i].flags &= (uint8_t)~STATE_HELD;
	m->r[i].next_ms = 0;
	note_again(r, m, i);
	wake(r, m, i, true);
	return true;
}

static bool act_delete(struct relay *r, struct mail *m, uint32_t i)
{
	m->r[i].state = STATE_DELETED;
	backlog_note(r->backlog, m, i, STR("\tdeleted by the administrator"));
	return true;
}

static const struct action actions[] = {
    {"retry", act_retry}, {"hold", act_hold}, {"release", act_release}, {"delete", act_delete}};

static void log_action(const struct action *action, const struct queue_entry *e, uint32_t i)
{
	struct log_line l = log_start(LOG_LEVEL_INFO, "queue-action");

	log_text(&l, "action", str_of(action->name));
	log_text(&l, "id", str_of(e->id));
	log_text(&l, "rcpt", e->recipients[i].address);
	log_end(&l);
}

static void act_on(struct sweep *w, struct mail *m, const struct queue_entry *e, uint32_t i)
{
	if (m->r[i].flags & RCPT_BUSY) {
		w->busy++;
		return;
	}
	if (!w->action->run(w->r, m, i))
		return;
	w->count++;
	log_action(w->action, e, i);
}

/* Each recipient that is selected. */
static void each_mail(void *arg, struct mail *m)
{
	struct sweep *w = arg;
	struct arena *a;
	struct record_head h;
	struct queue_entry e;
	struct str file;

	if (!fits_age(&w->select, m))
		return;
	a = arena_new(0);
	mail_pin(m);
	if (backlog_entry(w->r->backlog, m, a, &h, &e, &file) && fits_message(&w->select, &e))
		for (uint32_t i = 0; i < m->n; i++)
			if (rcpt_is_live(&m->r[i]) && fits_recipient(&w->select, e.recipients[i].address))
				w->action ? act_on(w, m, &e, i) : print_recipient(w, m, i, &h, &e, a);
	mail_unpin(m);
	arena_free(a);
}

static const char *act(struct relay *r, struct str args, struct buf *out, size_t which)
{
	const char *error = sweep(r, args, out, &actions[which]);

	pump_queued(r);
	return error;
}

static const char *run_retry(void *arg, struct str args, struct buf *out)
{
	return act(arg, args, out, 0);
}

static const char *run_hold(void *arg, struct str args, struct buf *out)
{
	return act(arg, args, out, 1);
}

static const char *run_release(void *arg, struct str args, struct buf *out)
{
	return act(arg, args, out, 2);
}

static const char *run_delete(void *arg, struct str args, struct buf *out)
{
	return act(arg, args, out, 3);
}

/* ---- the rest ---- */

static void stat_line(struct buf *out, const char *name, uint64_t value)
{
	buf_addf(out, "relay %s %llu\n", name, (unsigned long long)value);
}

static const char *run_stats(void *arg, struct str args, struct buf *out)
{
	const struct relay *r = arg;
	size_t connections = 0;

	(void)args;
	for (size_t i = 0; i < r->site_n; i++)
		connections += r->sites[i] ? r->sites[i]->connections : 0;
	stat_line(out, "waiting", backlog_count(r->backlog));
	stat_line(out, "memory", backlog_bytes_in_memory(r->backlog));
	stat_line(out, "delivered", r->delivered);
	stat_line(out, "deferred", r->deferred);
	stat_line(out, "bounced", r->bounced);
	stat_line(out, "reports", r->reported);
	stat_line(out, "sites", r->site_count);
	stat_line(out, "connections", connections);
	if (r->stats)
		r->stats(r->hook_arg, out);
	return NULL;
}

static const char *run_reload(void *arg, struct str args, struct buf *out)
{
	struct relay *r = arg;

	(void)args;
	return r->reload ? r->reload(r->hook_arg, out) : "cannot be reloaded";
}

const struct control_command relay_commands[] = {
    {"queue-list", run_list, "recipients that are waiting"},
    {"queue-show", run_show, "one message with its headers"},
    {"queue-retry", run_retry, "delivers now"},
    {"queue-hold", run_hold, "stops delivery until released"},
    {"queue-release", run_release, "goes on with what was held"},
    {"queue-delete", run_delete, "forgets recipients without a report"},
    {"reload", run_reload, "takes the configuration over, or says what is wrong with it"},
    {"stats", run_stats, "counters"},
    {NULL, NULL, NULL},
};
