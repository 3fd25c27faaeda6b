/*
 * The SMTP front end over loopback, with the real chain, routes and spool, and with a policy and a
 * queue of this file: what they are told to say is checked against what the client hears. Part of
 * test-smtp.c and test-smtp-limits.c.
 */
#ifndef REEVE_TESTS_UNIT_SMTP_WORLD_H
#define REEVE_TESTS_UNIT_SMTP_WORLD_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/filter.h"
#include "gateway/judge.h"
#include "gateway/queue/queue.h"
#include "gateway/quarantine/quarantine.h"
#include "gateway/quarantine/setaside.h"
#include "gateway/smtp/smtp.h"
#include "gateway/snapshot.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/loop/loop.h"
#include "lib/pool.h"
#include "tests/unit/unit.h"

enum { WAIT_MS = 5000 };

/* ---- the world around the front end ---- */

static struct {
	struct arena *arena;
	struct config config;
	struct listen_conf listen;
	struct smtp_listen smtp_listen;
	struct snapshot snap;
	struct loop *loop;
	struct pool *pool;
	struct smtp_server *server;
	pthread_t thread;
	uint16_t port;
	_Atomic bool drained;
} w;

/* What policy says at each stage: all for one client in one test. */
static struct verdict plan[STAGE_COUNT];
static bool is_quick = true;
static int worker_ms; /* how long a stage takes on a worker */
static enum queue_result queue_says;
static _Atomic int queued, set_aside, judged;
static enum { ASIDE_WORKS, ASIDE_NOT_WRITTEN, ASIDE_NOT_PUBLISHED } aside_says;
static char queued_data[1 << 20], queued_text[4096];
static size_t queued_length;
static _Atomic bool queue_holds;

struct snapshot *snapshot_current(void)
{
	w.snap.references++;
	return &w.snap;
}

void snapshot_unref(struct snapshot *s)
{
	s->references--;
}

bool judge_is_quick(const struct snapshot *snap, enum stage stage)
{
	(void)snap;
	(void)stage;
	return is_quick;
}

static struct verdict verdict_of(enum verdict_kind kind, int code, const char *enhanced, const char *text)
{
	struct verdict v = {.kind = kind, .code = code, .enhanced = str_of(enhanced), .text = str_of(text)};

	edits_init(&v.tags);
	return v;
}

void judge_stage(const struct snapshot *snap, struct session *s, enum stage stage, struct verdict *ret_verdict)
{
	(void)snap;
	if (worker_ms && !is_quick)
		usleep((unsigned)worker_ms * 1000);
	atomic_fetch_add(&judged, 1);
	chain_run(s, stage);
	*ret_verdict = plan[stage];
	if (stage == STAGE_RCPT && str_starts(s->message->current->address.local, STR("reject")))
		*ret_verdict = verdict_of(VERDICT_REJECT, 550, "5.1.1", "no such user");
	if (stage == STAGE_CONNECT && s->talked_early)
		*ret_verdict = verdict_of(VERDICT_REJECT, 554, "5.7.1", "talked early");
	if (stage == STAGE_HELO && str_is(s->helo, "quarantine"))
		*ret_verdict = verdict_of(VERDICT_QUARANTINE, 0, "", "");
}

void judge_message(const struct snapshot *snap, struct session *s, struct judgement *j)
{
	struct message *m = s->message;
	size_t i = 0;

	(void)snap;
	if (worker_ms && !is_quick)
		usleep((unsigned)worker_ms * 1000);
	chain_run(s, STAGE_MESSAGE);
	*j = (struct judgement){.n = m->recipients};
	j->verdicts = arena_array(m->arena, j->n, sizeof *j->verdicts);
	j->recipients = arena_array(m->arena, j->n, sizeof *j->recipients);
	for (struct recipient *r = m->first; r; r = r->next, i++) {
		j->recipients[i] = r;
		j->verdicts[i] = r->verdict ? *r->verdict : plan[STAGE_MESSAGE];
	}
	j->whole = j->verdicts[0];
}

struct str judge_reply(struct arena *a, const struct verdict *v, const char *id)
{
	if (v->kind == VERDICT_REJECT || v->kind == VERDICT_TEMPFAIL)
		return arena_printf(a, "%d %.*s %.*s (%s)", v->code, STR_ARG(v->enhanced), STR_ARG(v->text), id);
	return arena_printf(a, "250 2.0.0 accepted (%s)", id);
}

/* A group of its own, which is quarantined; the list begins with it. */
static void hold_second(struct delivery_group *g, struct arena *a)
{
	struct delivery_group *other = arena_alloc(a, sizeof *other);

	*other = *g;
	edits_init(&other->edits);
	other->recipients = g->recipients + 1;
	other->origins = g->origins + 1;
	g->n = other->n = 1;
	g->next = other;
	g->is_quarantine = true;
}

struct delivery_group *judge_groups(struct session *s, const struct judgement *j, struct arena *a)
{
	struct delivery_group *g = arena_alloc(a, sizeof *g);

	if (j->whole.kind == VERDICT_DISCARD)
		return NULL;
	g->recipients = arena_array(a, j->n, sizeof *g->recipients);
	g->origins = arena_array(a, j->n, sizeof *g->origins);
	for (size_t i = 0; i < j->n; i++) {
		g->recipients[i] = j->recipients[i]->address.text;
		g->origins[i] = j->recipients[i];
	}
	g->n = j->n;
	edits_init(&g->edits);
	for (const struct edit *e = s->message->edits.first; e; e = e->next)
		edit_add_header(&g->edits, a, e->name, e->value);
	g->sender = s->message->sender.text;
	g->is_quarantine = j->whole.kind == VERDICT_QUARANTINE;
	g->verdict = &j->verdicts[0];
	if (j->n == 2 && str_is(j->recipients[1]->address.local, "held"))
		hold_second(g, a);
	return g;
}

void judge_unite(struct delivery_group *g, struct arena *a)
{
	(void)g;
	(void)a;
}

struct str judge_with_body(struct arena *a, const struct message *m, const struct delivery_group *g)
{
	(void)a;
	(void)m;
	return g->body;
}

void judge_log_refused(const struct session *s, enum stage stage, const struct verdict *v, struct str reply)
{
	(void)s;
	(void)stage;
	(void)v;
	(void)reply;
}

void judge_log(const struct snapshot *snap, const struct session *s, const struct judgement *j, struct str reply)
{
	(void)snap;
	(void)s;
	(void)j;
	assert_true(reply.n > 3);
}

struct setaside *setaside_prepare(struct quarantine *q, const struct session *s, const struct judgement *j,
    const struct delivery_group *groups)
{
	(void)q;
	(void)s;
	(void)j;
	assert_true(groups->is_quarantine);
	errno = ENOSPC;
	if (aside_says == ASIDE_NOT_WRITTEN)
		return NULL;
	atomic_fetch_add(&set_aside, 1);
	return (struct setaside *)&set_aside;
}

bool setaside_publish(struct setaside *a)
{
	assert_non_null(a);
	errno = ENOSPC;
	if (aside_says == ASIDE_WORKS)
		return true;
	atomic_fetch_sub(&set_aside, 1);
	return false;
}

void setaside_abandon(struct setaside *a)
{
	assert_non_null(a);
	atomic_fetch_sub(&set_aside, 1);
}

enum queue_result queue_submit_wait(struct queue_writer *writer, const struct queue_entry *e, size_t n)
{
	(void)writer;
	(void)e;
	(void)n;
	atomic_fetch_add(&queued, 1);
	return queue_says;
}

int queue_writer_dir(const struct queue_writer *writer)
{
	(void)writer;
	return -1;
}

static void *commit_late(void *arg)
{
	void **call = arg;

	while (atomic_load(&queue_holds))
		usleep(1000);
	((void (*)(void *, enum queue_result))call[0])(call[1], queue_says);
	free(call);
	return NULL;
}

void queue_submit(struct queue_writer *writer, const struct queue_entry *e, size_t n,
    void (*done)(void *arg, enum queue_result result), void *arg)
{
	void **call = malloc(2 * sizeof *call);
	pthread_t thread;

	(void)writer;
	assert_int_equal(n, 1);
	assert_true(e->data.n <= sizeof queued_data);
	memcpy(queued_data, e->data.p, e->data.n);
	queued_length = e->data.n;
	snprintf(queued_text, sizeof queued_text,
	    "from=%.*s to=%.*s n=%zu envid=%.*s ret=%d notify=%u orcpt=%.*s 8bit=%d utf8=%d\n%.*s: %.*s",
	    STR_ARG(e->sender), STR_ARG(e->recipients[0].address), e->recipient_count, STR_ARG(e->envid), e->ret,
	    e->recipients[0].notify, STR_ARG(e->recipients[0].orcpt), e->is_8bit, e->is_utf8, STR_ARG(e->edits->first->name),
	    STR_ARG(e->edits->first->value));
	atomic_fetch_add(&queued, 1);
	call[0] = (void *)done;
	call[1] = arg;
	pthread_create(&thread, NULL, commit_late, call);
	pthread_detach(thread);
}

static void defaults(void)
{
	for (int i = 0; i < STAGE_COUNT; i++)
		plan[i] = verdict_of(VERDICT_NONE, 0, "", "");
	plan[STAGE_MESSAGE] = verdict_of(VERDICT_ACCEPT, 0, "", "");
	is_quick = true;
	worker_ms = 0;
	queue_says = QUEUE_OK;
	queued = set_aside = judged = 0;
	aside_says = ASIDE_WORKS;
	queue_holds = false;
	queued_length = 0;
	w.config.limits = (struct limits_conf){.line = 100, .command = 2048, .recipients = 5, .commands = 50, .errors = 20, .hops = 3,
	    .message = 10000, .memory = 262144, .memory_total = 1000000, .idle_ms = 3000, .session_ms = 20000, .stage_ms = 1000,
	    .parse = parse_limits_default};
	w.listen.max_sessions = 50;
	w.listen.max_sessions_per_client = 0;
	w.listen.xclient = w.listen.proxy = (struct conf_cidrs){0};
	w.listen.bare_newline = BARE_REJECT;
	w.listen.tls_required = false;
}

static void *run_loop(void *arg)
{
	loop_run(arg);
	return NULL;
}

static void note_drained(void *arg)
{
	(void)arg;
	atomic_store(&w.drained, true);
}

/* What filters see of the body, and when. */
static struct {
	char body[1 << 16];
	size_t n, pieces;
	size_t at_end; /* of n, when the message stage ran */
} seen;

static void watch_data(struct session *s, const void *conf, struct str piece)
{
	(void)s;
	(void)conf;
	assert_true(seen.n + piece.n <= sizeof seen.body);
	memcpy(seen.body + seen.n, piece.p, piece.n);
	seen.n += piece.n;
	__atomic_add_fetch(&seen.pieces, 1, __ATOMIC_RELEASE);
}

static enum outcome watch_run(struct session *s, const void *conf)
{
	(void)s;
	(void)conf;
	seen.at_end = seen.n;
	return RUN_OK;
}

static const struct filter watch = {.name = "watch", .help = "sees bodies", .data = watch_data,
    .run = {[STAGE_MESSAGE] = watch_run}};

static void make_snapshot(void)
{
	static const struct filter *const known[] = {&watch, NULL};
	struct conf_load load;
	struct filter_env env = {.arena = w.arena};

	conf_load_init(&load, w.arena);
	w.snap.arena = w.arena;
	w.snap.config = &w.config;
	w.snap.facts = fact_registry_new(w.arena);
	assert_null(fact_registry_add(w.snap.facts, core_facts));
	w.snap.chain = chain_new(w.arena, &env, w.snap.facts);
	chain_add(w.snap.chain, &load, conf_parse_text(&load, "test", STR("filter watch;")), known);
	assert_true(chain_open(w.snap.chain, &load));
	w.snap.routes = routes_new(w.arena);
	routes_add(w.snap.routes, &load, conf_parse_text(&load, "test", STR("relay example.org example.net { to 127.0.0.1:26; }")));
	assert_int_equal(load.errors, 0);
}

static int set_up(void **state)
{
	static struct smtp_server_options options;
	struct sockaddr_in sa;
	socklen_t n = sizeof sa;

	(void)state;
	memset(&w, 0, sizeof w);
	memset(&seen, 0, sizeof seen);
	defaults();
	w.arena = arena_new(0);
	w.config.hostname = STR("mx.test");
	w.config.postmaster = STR("admin@example.org");
	make_snapshot();
	ip_parse(STR("127.0.0.1"), &w.listen.ip);
	w.smtp_listen = (struct smtp_listen){.fd = listen_tcp(&w.listen.ip, 0, 100), .conf = &w.listen};
	getsockname(w.smtp_listen.fd, (struct sockaddr *)&sa, &n);
	w.port = ntohs(sa.sin_port);
	w.loop = loop_new();
	w.pool = pool_new("test", 2, 10);
	options = (struct smtp_server_options){.loops = &w.loop, .loop_count = 1, .listens = &w.smtp_listen, .listen_count = 1,
	    .pool = w.pool, .quarantine = (struct quarantine *)&w, .on_drained = note_drained};
	w.server = smtp_server_new(&options);
	return pthread_create(&w.thread, NULL, run_loop, w.loop);
}

static int tear_down(void **state)
{
	(void)state;
	loop_stop(w.loop);
	pthread_join(w.thread, NULL);
	pool_free(w.pool);
	smtp_server_free(w.server);
	loop_free(w.loop);
	close(w.smtp_listen.fd);
	chain_close(w.snap.chain);
	arena_free(w.arena);
	assert_int_equal(w.snap.references, 0);
	return 0;
}

/* ---- a client ---- */

struct client {
	int fd;
	char in[65536];
	size_t n, at;
	char reply[65536]; /* all lines of the last one */
};

static void put(struct client *c, struct str text)
{
	assert_int_equal(send(c->fd, text.p, text.n, MSG_NOSIGNAL), (ssize_t)text.n);
}

/* One line without CRLF into out; false at the end of the connection. */
static bool get_line(struct client *c, char *out, size_t size)
{
	for (;;) {
		struct pollfd p = {.fd = c->fd, .events = POLLIN};
		char *lf = memchr(c->in + c->at, '\n', c->n - c->at);
		ssize_t got;

		if (lf) {
			size_t length = (size_t)(lf - c->in) - c->at;

			assert_true(length >= 1 && lf[-1] == '\r');
			snprintf(out, size, "%.*s", (int)length - 1, c->in + c->at);
			c->at += length + 1;
			return true;
		}
		memmove(c->in, c->in + c->at, c->n - c->at);
		c->n -= c->at;
		c->at = 0;
		if (poll(&p, 1, WAIT_MS) != 1)
			fail_msg("no reply within %d ms", WAIT_MS);
		got = recv(c->fd, c->in + c->n, sizeof c->in - c->n, 0);
		if (got <= 0)
			return false;
		c->n += (size_t)got;
	}
}

/* The next reply starts with what is expected; "" expects the end of the connection. */
static void expect(struct client *c, const char *what)
{
	char line[1024];

	c->reply[0] = '\0';
	do {
		if (!get_line(c, line, sizeof line)) {
			if (what[0])
				fail_msg("closed instead of '%s'", what);
			return;
		}
		strncat(c->reply, line, sizeof c->reply - strlen(c->reply) - 2);
		strcat(c->reply, "\n");
	} while (line[3] == '-');
	if (!what[0] || strncmp(line, what, strlen(what)) != 0)
		fail_msg("'%s' instead of '%s'", line, what);
}

static void say(struct client *c, const char *text, const char *what)
{
	put(c, str_of(text));
	put(c, STR("\r\n"));
	expect(c, what);
}

static struct client *dial_quietly(void)
{
	static struct client clients[64];
	static size_t next;
	static const int on = 1;
	struct client *c = &clients[next++ % 64];
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons(w.port), .sin_addr = {htonl(INADDR_LOOPBACK)}};

	*c = (struct client){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	assert_int_equal(connect(c->fd, (struct sockaddr *)&sa, sizeof sa), 0);
	return c;
}

static struct client *dial(void)
{
	struct client *c = dial_quietly();

	expect(c, "220 mx.test ESMTP");
	return c;
}

static struct client *dial_ehlo(void)
{
	struct client *c = dial();

	say(c, "EHLO client.test", "250 ");
	return c;
}

static void hang_up(struct client *c)
{
	close(c->fd);
	c->fd = -1;
}

static void quit(struct client *c)
{
	say(c, "QUIT", "221 2.0.0");
	expect(c, "");
	hang_up(c);
}

/* MAIL and RCPT that are accepted. */
static void envelope(struct client *c)
{
	say(c, "MAIL FROM:<a@sender.test>", "250 2.1.0");
	say(c, "RCPT TO:<u@example.org>", "250 2.1.5");
}

static void settle(void)
{
	/* Until the loop has seen the end of all sessions. */
	for (int i = 0; i < WAIT_MS && smtp_server_stats(w.server)->sessions > 0; i++)
		usleep(1000);
	assert_int_equal(smtp_server_stats(w.server)->sessions, 0);
	assert_int_equal(smtp_server_stats(w.server)->memory, 0);
}

/* ONLY=pattern in the environment runs some of them. */
static inline void smtp_world_start(void)
{
	clock_init();
	log_init(LOG_TARGET_STDERR, LOG_LEVEL_ERROR, "test");
	cmocka_set_test_filter(getenv("ONLY"));
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

#endif
