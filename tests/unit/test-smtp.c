/*
 * The SMTP front end over loopback, with the real chain, routes and spool, and with a policy and a
 * queue of this file: what they are told to say is checked against what the client hears.
 */
#define _GNU_SOURCE
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

#include "gateway/judge.h"
#include "gateway/queue/queue.h"
#include "gateway/quarantine.h"
#include "gateway/setaside.h"
#include "gateway/smtp/smtp.h"
#include "gateway/snapshot.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/loop.h"
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
	g->edits = s->message->edits;
	g->is_quarantine = j->whole.kind == VERDICT_QUARANTINE;
	g->verdict = &j->verdicts[0];
	return g;
}

void judge_log(const struct snapshot *snap, const struct session *s, const struct judgement *j, struct str reply)
{
	(void)snap;
	(void)s;
	(void)j;
	assert_true(reply.n > 3);
}

enum res setaside_put(struct quarantine *q, const struct session *s, const struct judgement *j,
    const struct delivery_group *g)
{
	(void)q;
	(void)s;
	(void)j;
	assert_true(g->is_quarantine);
	atomic_fetch_add(&set_aside, 1);
	errno = ENOSPC;
	return queue_says == QUEUE_OK ? RES_OK : RES_TEMP;
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
	snprintf(queued_text, sizeof queued_text, "from=%.*s to=%.*s n=%zu envid=%.*s ret=%d notify=%u orcpt=%.*s 8bit=%d utf8=%d\n%.*s: %.*s",
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
	queue_holds = false;
	queued_length = 0;
	w.config.limits = (struct limits_conf){.line = 100, .command = 2048, .recipients = 5, .commands = 50, .errors = 20, .hops = 3,
	    .message = 10000, .memory = 262144, .memory_total = 1000000, .idle_ms = 3000, .session_ms = 20000, .stage_ms = 1000};
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

static void make_snapshot(void)
{
	struct conf_load load;
	struct filter_env env = {.arena = w.arena};

	conf_load_init(&load, w.arena);
	w.snap.arena = w.arena;
	w.snap.config = &w.config;
	w.snap.facts = fact_registry_new(w.arena);
	assert_null(fact_registry_add(w.snap.facts, core_facts));
	w.snap.chain = chain_new(w.arena, &env, w.snap.facts);
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

/* ---- tests ---- */

static void a_message_goes_through(void **state)
{
	struct client *c = dial_ehlo();

	(void)state;
	say(c, "MAIL FROM:<a@sender.test> SIZE=100 BODY=8BITMIME RET=HDRS ENVID=e+2B1", "250 2.1.0");
	say(c, "RCPT TO:<u@example.org> NOTIFY=SUCCESS ORCPT=rfc822;x@y", "250 2.1.5");
	say(c, "DATA", "354 ");
	say(c, "Subject: hi\r\n\r\n..dot\r\n.", "250 2.0.0 accepted (");
	assert_int_equal(queued, 1);
	assert_str(((struct str){queued_data, queued_length}), "Subject: hi\r\n\r\n.dot\r\n");
	if (!strstr(queued_text, "from=a@sender.test to=u@example.org n=1 envid=e+2B1 ret=2 notify=2 orcpt=rfc822;x@y 8bit=1 utf8=0\nReceived: from client.test ([127.0.0.1])\r\n\tby mx.test with ESMTP id ") ||
	    !strstr(queued_text, "\r\n\tfor <u@example.org>;\r\n\t"))
		fail_msg("%s", queued_text);
	quit(c);
	settle();
	assert_int_equal(smtp_server_stats(w.server)->accepted, 1);
	assert_int_equal(smtp_server_stats(w.server)->messages, 1);
}

static void ehlo_offers_what_there_is(void **state)
{
	static const char *const words[] = {"PIPELINING", "SIZE 10000", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES", "CHUNKING", "DSN"};
	struct client *c = dial_ehlo();

	(void)state;
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (!strstr(c->reply, words[i]))
			fail_msg("%s is not offered: %s", words[i], c->reply);
	assert_null(strstr(c->reply, "STARTTLS"));
	assert_null(strstr(c->reply, "XCLIENT"));
	assert_null(strstr(c->reply, "AUTH"));
	say(c, "HELO client.test", "250 mx.test");
	quit(c);
}

static void order_and_syntax(void **state)
{
	static const char *const table[][2] = {{"MAIL FROM:<a@b>", "503 5.5.1"}, {"RCPT TO:<a@b>", "503 5.5.1"}, {"DATA", "503 5.5.1"},
	    {"EHLO", "501 5.5.4"}, {"EHLO a b", "501 5.5.4"}, {"NOOP x", "250 2.0.0"}, {"VRFY x", "252 "}, {"EXPN x", "502 5.5.1"},
	    {"HELP", "214 2.0.0"}, {"STARTTLS", "502 5.5.1"}, {"", "500 5.5.2"}, {"BOGUS", "500 5.5.2"}, {"helo x", "250 mx.test"},
	    {"RCPT TO:<u@example.org>", "503 5.5.1"}, {"MAIL FROM:<a@b> SIZE=1", "555 5.5.4"}, {"mail from:<a@b>", "250 2.1.0"},
	    {"MAIL FROM:<a@b>", "503 5.5.1"}, {"DATA", "503 5.5.1"}, {"RCPT TO:<u@example.org> ", "250 2.1.5"}, {"DATA x", "501 5.5.4"},
	    {"RSET x", "501 5.5.4"}, {"RSET", "250 2.0.0"}, {"DATA", "503 5.5.1"}, {"XCLIENT ADDR=1.2.3.4", "550 5.7.0"}};
	struct client *c = dial();

	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof *table; i++)
		say(c, table[i][0], table[i][1]);
	quit(c);
}

static void recipients_only_of_our_domains(void **state)
{
	static const char *const table[][2] = {{"<u@elsewhere.test>", "550 5.7.1"}, {"<u@sub.example.org>", "550 5.7.1"},
	    {"<u%elsewhere.test@example.org>", "550 5.7.1"}, {"<elsewhere.test!u@example.org>", "550 5.7.1"},
	    {"<\"u@elsewhere.test\"@example.org>", "550 5.7.1"}, {"<u@[127.0.0.1]>", "550 5.7.1"}, {"<>", "501 5.1.3"}, {"<u>", "501 5.1.3"},
	    {"<u@example.org>x", "501 5.1.3"}, {"<\xc3\xbc@example.org>", "553 5.6.7"}, {"<reject@example.org>", "550 5.1.1"},
	    {"<@elsewhere.test:u@example.org>", "250 2.1.5"}, {"<u@EXAMPLE.NET>", "250 2.1.5"}, {"<u%x_y@example.org>", "250 2.1.5"},
	    {"<PostMaster>", "250 2.1.5"}, {"<u5@example.org>", "250 2.1.5"}, {"<u6@example.org>", "452 4.5.3"}, {"<u7@example.org>", "452 4.5.3"}};
	struct client *c = dial_ehlo();
	char line[256];

	(void)state;
	say(c, "MAIL FROM:<>", "250 2.1.0");
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		snprintf(line, sizeof line, "RCPT TO:%s", table[i][0]);
		say(c, line, table[i][1]);
	}
	say(c, "DATA", "354 ");
	say(c, "Subject: x\r\n\r\nx\r\n.", "250 2.0.0");
	if (!strstr(queued_text, "from= to=u@example.org n=5 ") || strstr(queued_text, "for <"))
		fail_msg("%s", queued_text);
	quit(c);
}

static void postmaster_is_taken_whatever_policy_says(void **state)
{
	struct client *c;

	(void)state;
	plan[STAGE_RCPT] = verdict_of(VERDICT_REJECT, 550, "5.7.1", "nobody");
	c = dial_ehlo();
	say(c, "MAIL FROM:<>", "250 ");
	say(c, "RCPT TO:<u@example.org>", "550 5.7.1 nobody (");
	say(c, "DATA", "554 5.5.1");
	say(c, "RCPT TO:<postmaster>", "250 2.1.5");
	say(c, "DATA", "354 ");
	say(c, ".", "250 2.0.0");
	assert_non_null(strstr(queued_text, "to=admin@example.org"));
	quit(c);
}

static void utf8_addresses_need_smtputf8(void **state)
{
	struct client *c = dial_ehlo();

	(void)state;
	say(c, "MAIL FROM:<\xc3\xbc@sender.test>", "553 5.6.7");
	say(c, "MAIL FROM:<\xff@sender.test> SMTPUTF8", "501 5.1.7");
	say(c, "MAIL FROM:<\xc3\xbc@sender.test> SMTPUTF8", "250 2.1.0");
	say(c, "RCPT TO:<\xc3\xbc@example.org>", "250 2.1.5");
	say(c, "DATA", "354 ");
	say(c, ".", "250 2.0.0");
	assert_non_null(strstr(queued_text, "utf8=1"));
	assert_non_null(strstr(queued_text, "with UTF8SMTP id"));
	quit(c);
}

static void pipelined_in_one_segment_or_octet_by_octet(void **state)
{
	static const char text[] = "EHLO c.test\r\nMAIL FROM:<a@b>\r\nRCPT TO:<reject@example.org>\r\nRCPT TO:<u@example.org>\r\n"
				   "DATA\r\nSubject: x\r\n\r\nx\r\n.\r\nMAIL FROM:<c@d>\r\nRCPT TO:<u@example.net>\r\nBDAT 3 LAST\r\nx\r\nNOOP\r\nQUIT\r\n";
	static const char *const replies[] = {"250 ", "250 2.1.0", "550 5.1.1", "250 2.1.5", "354 ", "250 2.0.0", "250 2.1.0", "250 2.1.5",
	    "250 2.0.0", "250 2.0.0 ok", "221 "};

	(void)state;
	for (int pass = 0; pass < 4; pass++) {
		struct client *c;

		/* Inline, and with every stage on a worker. */
		is_quick = pass % 2 == 0;
		c = dial();
		if (pass < 2)
			put(c, str_of(text));
		else
			for (size_t i = 0; i < sizeof text - 1; i++)
				put(c, (struct str){text + i, 1});
		for (size_t i = 0; i < sizeof replies / sizeof *replies; i++)
			expect(c, replies[i]);
		expect(c, "");
		hang_up(c);
	}
	assert_int_equal(queued, 8);
	settle();
}

static void verdicts_of_each_stage_are_told(void **state)
{
	struct client *c;

	(void)state;
	for (int quick = 0; quick < 2; quick++) {
		is_quick = quick;
		plan[STAGE_CONNECT] = verdict_of(VERDICT_REJECT, 554, "5.7.1", "listed");
		c = dial_quietly();
		expect(c, "554 5.7.1 listed (");
		say(c, "EHLO x", "503 5.5.1");
		say(c, "QUIT", "221 ");
		plan[STAGE_CONNECT] = verdict_of(VERDICT_TEMPFAIL, 421, "4.7.1", "later");
		c = dial_quietly();
		expect(c, "421 4.7.1 later (");
		expect(c, "");
		plan[STAGE_CONNECT] = verdict_of(VERDICT_NONE, 0, "", "");
		plan[STAGE_HELO] = verdict_of(VERDICT_REJECT, 550, "5.7.1", "not you");
		c = dial();
		say(c, "EHLO x", "550 5.7.1 not you (");
		say(c, "MAIL FROM:<a@b>", "503 ");
		quit(c);
		plan[STAGE_HELO] = verdict_of(VERDICT_NONE, 0, "", "");
		plan[STAGE_MAIL] = verdict_of(VERDICT_TEMPFAIL, 451, "4.7.1", "later");
		c = dial_ehlo();
		say(c, "MAIL FROM:<a@b>", "451 4.7.1 later (");
		say(c, "RCPT TO:<u@example.org>", "503 ");
		quit(c);
		plan[STAGE_MAIL] = verdict_of(VERDICT_NONE, 0, "", "");
		plan[STAGE_HEADER] = verdict_of(VERDICT_REJECT, 550, "5.6.0", "bad header");
		c = dial_ehlo();
		envelope(c);
		say(c, "DATA", "354 ");
		say(c, "x: y\r\n.", "550 5.6.0 bad header (");
		plan[STAGE_HEADER] = verdict_of(VERDICT_NONE, 0, "", "");
		plan[STAGE_MESSAGE] = verdict_of(VERDICT_REJECT, 554, "5.7.1", "spam");
		envelope(c);
		say(c, "BDAT 0 LAST", "554 5.7.1 spam (");
		say(c, "RCPT TO:<u@example.org>", "503 ");
		plan[STAGE_MESSAGE] = verdict_of(VERDICT_ACCEPT, 0, "", "");
		quit(c);
	}
	assert_int_equal(queued, 0);
	settle();
}

static void a_delay_holds_the_reply_and_no_thread(void **state)
{
	int64_t start = clock_ticks_ns();
	struct client *c[8];

	(void)state;
	plan[STAGE_MAIL].delay_ms = 200;
	for (size_t i = 0; i < 8; i++) {
		c[i] = dial_ehlo();
		put(c[i], STR("MAIL FROM:<a@b>\r\nRSET\r\n"));
	}
	for (size_t i = 0; i < 8; i++) {
		expect(c[i], "250 2.1.0");
		expect(c[i], "250 2.0.0");
		quit(c[i]);
	}
	assert_in_range((clock_ticks_ns() - start) / 1000000, 200, 1500);
}

static void quarantine_and_discard_are_accepted(void **state)
{
	struct client *c = dial_ehlo();

	(void)state;
	plan[STAGE_MESSAGE] = verdict_of(VERDICT_QUARANTINE, 0, "", "");
	envelope(c);
	say(c, "DATA", "354 ");
	say(c, "x: y\r\n.", "250 2.0.0");
	assert_int_equal(set_aside, 1);
	assert_int_equal(queued, 0);
	queue_says = QUEUE_FULL;
	envelope(c);
	say(c, "DATA", "354 ");
	say(c, "x: y\r\n.", "452 4.3.1");
	queue_says = QUEUE_OK;
	plan[STAGE_MESSAGE] = verdict_of(VERDICT_DISCARD, 0, "", "");
	envelope(c);
	say(c, "DATA", "354 ");
	say(c, "x: y\r\n.", "250 2.0.0");
	assert_int_equal(queued, 0);
	/* Decided at HELO: for all recipients. */
	plan[STAGE_MESSAGE] = verdict_of(VERDICT_ACCEPT, 0, "", "");
	say(c, "EHLO quarantine", "250 ");
	envelope(c);
	say(c, "DATA", "354 ");
	say(c, "x: y\r\n.", "250 2.0.0");
	assert_int_equal(set_aside, 3);
	assert_int_equal(queued, 0);
	/* And forgotten with the next greeting. */
	say(c, "EHLO other", "250 ");
	envelope(c);
	say(c, "DATA", "354 ");
	say(c, "x: y\r\n.", "250 2.0.0");
	assert_int_equal(queued, 1);
	quit(c);
}

static void the_queue_has_the_last_word(void **state)
{
	struct client *c = dial_ehlo();

	(void)state;
	queue_says = QUEUE_FULL;
	envelope(c);
	say(c, "DATA", "354 ");
	say(c, "x: y\r\n.", "452 4.3.1");
	queue_says = QUEUE_FAILED;
	envelope(c);
	say(c, "DATA", "354 ");
	say(c, "x: y\r\n.", "451 4.3.0");
	quit(c);
	settle();
	assert_int_equal(smtp_server_stats(w.server)->tempfailed, 2);
}

static void clients_may_go_at_any_moment(void **state)
{
	static const char text[] = "EHLO c.test\r\nMAIL FROM:<a@b>\r\nRCPT TO:<u@example.org>\r\nDATA\r\nSubject: x\r\n\r\nx\r\n.\r\nQUIT\r\n";

	struct client *c;

	(void)state;
	is_quick = false;
	worker_ms = 3;
	for (size_t n = 0; n < sizeof text; n += 3) {
		c = dial_quietly();
		if (n % 2)
			expect(c, "220 ");
		put(c, (struct str){text, n});
		hang_up(c);
	}
	settle();
	/* While the queue has it. */
	queued = 0;
	atomic_store(&queue_holds, true);
	c = dial_ehlo();
	envelope(c);
	say(c, "DATA", "354 ");
	put(c, STR("x: y\r\n.\r\n"));
	while (queued == 0)
		usleep(1000);
	hang_up(c);
	usleep(20000);
	assert_int_equal(smtp_server_stats(w.server)->sessions, 1);
	atomic_store(&queue_holds, false);
	settle();
}

static void a_full_pool_sheds_the_load(void **state)
{
	struct client *c[24];
	int busy = 0, ok = 0;

	(void)state;
	for (size_t i = 0; i < 24; i++)
		c[i] = dial_ehlo();
	is_quick = false;
	worker_ms = 100;
	for (size_t i = 0; i < 24; i++)
		put(c[i], STR("MAIL FROM:<a@b>\r\n"));
	for (size_t i = 0; i < 24; i++) {
		char line[256];

		assert_true(get_line(c[i], line, sizeof line));
		busy += strncmp(line, "451 4.3.2", 9) == 0;
		ok += strncmp(line, "250 2.1.0", 9) == 0;
	}
	assert_int_equal(busy + ok, 24);
	assert_true(busy > 0 && ok >= 10);
	is_quick = true;
	for (size_t i = 0; i < 24; i++)
		quit(c[i]);
	assert_true(smtp_server_stats(w.server)->shed > 0);
}

static void bare_newlines_close_the_session(void **state)
{
	static const char *const commands[] = {"NOOP\n", "NO\rOP\r\n", "MAIL FROM:<a@b>\nRSET\r\n"};
	static const char *const contents[] = {"x\n.\nMAIL FROM:<evil@x>\r\n", "x\r.\r", "x\r\n.\nRSET\r\n", "a\rb\r\n.\r\n"};
	struct client *c;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		c = dial_ehlo();
		put(c, str_of(commands[i]));
		expect(c, "521 5.5.2");
		expect(c, "");
		hang_up(c);
	}
	for (size_t i = 0; i < 4; i++) {
		c = dial_ehlo();
		envelope(c);
		say(c, "DATA", "354 ");
		put(c, str_of(contents[i]));
		if (contents[i][strlen(contents[i]) - 1] == '\r')
			put(c, STR("x"));
		expect(c, "521 5.5.2");
		expect(c, "");
		hang_up(c);
		c = dial_ehlo();
		envelope(c);
		put(c, arena_printf(w.arena, "BDAT %zu LAST\r\n%s", strlen(contents[i]), contents[i]));
		expect(c, "521 5.5.2");
		expect(c, "");
		hang_up(c);
	}
	assert_int_equal(queued, 0);
	w.listen.bare_newline = BARE_NORMALIZE;
	c = dial();
	put(c, STR("EHLO x\n"));
	expect(c, "250 ");
	envelope(c);
	say(c, "DATA", "354 ");
	say(c, "a\n.\n\rb\r\n.", "250 2.0.0");
	assert_str(((struct str){queued_data, queued_length}), "a\r\n.\r\n b\r\n");
	quit(c);
}

static void message_size_at_the_limit(void **state)
{
	struct client *c = dial_ehlo();
	char *big = arena_alloc(w.arena, 20000);

	(void)state;
	for (size_t i = 0; i < 20000; i += 100) {
		memset(big + i, 'x', 98);
		memcpy(big + i + 98, "\r\n", 2);
	}
	say(c, "MAIL FROM:<a@b> SIZE=10001", "552 5.3.4");
	say(c, "MAIL FROM:<a@b> SIZE=10000", "250 2.1.0");
	say(c, "RCPT TO:<u@example.org>", "250 ");
	say(c, "DATA", "354 ");
	put(c, (struct str){big, 10000});
	put(c, STR(".\r\n"));
	expect(c, "250 2.0.0");
	assert_int_equal(queued_length, 10000);
	envelope(c);
	say(c, "DATA", "354 ");
	put(c, (struct str){big, 10000});
	put(c, STR("\r\n.\r\n"));
	expect(c, "552 5.3.4");
	envelope(c);
	put(c, STR("BDAT 9900\r\n"));
	put(c, (struct str){big, 9900});
	expect(c, "250 2.0.0");
	put(c, STR("BDAT 101 LAST\r\nQ\n"));
	put(c, (struct str){big, 99});
	put(c, STR("NOOP\r\n"));
	expect(c, "552 5.3.4");
	expect(c, "250 2.0.0 ok");
	envelope(c);
	put(c, STR("BDAT 20000\r\n"));
	put(c, (struct str){big, 20000});
	put(c, STR("BDAT 5 LAST\r\nRSET\nNOOP\r\n"));
	expect(c, "552 5.3.4");
	expect(c, "503 5.5.1");
	expect(c, "250 2.0.0 ok");
	say(c, "BDAT 18446744073709551616", "503 ");
	expect(c, "");
	hang_up(c);
	assert_int_equal(queued, 1);
	settle();
}

static void lines_commands_errors_hops_at_their_limits(void **state)
{
	struct client *c = dial_ehlo();
	char line[3000];

	(void)state;
	memset(line, 'x', sizeof line);
	memcpy(line, "NOOP ", 5);
	line[2046] = '\0';
	say(c, line, "250 ");
	line[2046] = 'x';
	line[2047] = '\0';
	say(c, line, "500 5.5.2");
	say(c, "NOOP", "250 ");

	memset(line, 'x', sizeof line);
	envelope(c);
	say(c, "DATA", "354 ");
	line[100] = '\0';
	put(c, str_of(line));
	say(c, "\r\n.", "250 2.0.0");
	envelope(c);
	say(c, "DATA", "354 ");
	put(c, str_of(line));
	say(c, "x\r\n.", "554 5.6.0");

	envelope(c);
	say(c, "DATA", "354 ");
	say(c, "Received: x\r\nReceived: y\r\nReceived: z\r\n\r\n.", "250 2.0.0");
	envelope(c);
	say(c, "DATA", "354 ");
	say(c, "Received: x\r\nReceived: y\r\nReceived: z\r\nreceived: z\r\n\r\n.", "554 5.4.6");

	for (int i = 0; i < 18; i++)
		say(c, "X", "500 ");
	say(c, "X", "500 ");
	expect(c, "421 4.7.0");
	expect(c, "");
	hang_up(c);

	c = dial_ehlo();
	for (int i = 0; i < 49; i++)
		say(c, "NOOP", "250 ");
	say(c, "NOOP", "421 4.7.0");
	expect(c, "");
	hang_up(c);
}

static void chunks_keep_their_octets_to_themselves(void **state)
{
	struct client *c = dial_ehlo();

	(void)state;
	put(c, STR("BDAT 6\r\nRSET\r\nNOOP\r\n"));
	expect(c, "503 5.5.1");
	expect(c, "250 2.0.0 ok");
	say(c, "MAIL FROM:<a@b>", "250 ");
	put(c, STR("BDAT 6 LAST\r\nRSET\r\n"));
	expect(c, "503 5.5.1");
	say(c, "RCPT TO:<u@example.org>", "250 ");
	say(c, "BDAT x", "501 5.5.4");
	say(c, "BDAT 5 FIRST", "501 5.5.4");
	say(c, "BDAT 0", "250 2.0.0");
	say(c, "DATA", "503 5.5.1");
	say(c, "RCPT TO:<u@example.org>", "503 5.5.1");
	put(c, STR("BDAT 4\r\na\r\nb"));
	expect(c, "250 2.0.0 4 octets");
	put(c, STR("BDAT 6 LAST\r\n\r\n.\r\nc"));
	expect(c, "250 2.0.0 accepted");
	assert_str(((struct str){queued_data, queued_length}), "a\r\nb\r\n.\r\nc\r\n");
	quit(c);
}

static void early_talkers_are_noticed_and_others_not_kept(void **state)
{
	struct client *c;

	(void)state;
	w.config.limits.banner_ms = 200;
	c = dial_quietly();
	put(c, STR("EHLO x\r\n"));
	expect(c, "554 5.7.1 talked early");
	hang_up(c);
	c = dial();
	say(c, "EHLO x", "250 ");
	quit(c);
}

static void time_limits(void **state)
{
	struct client *idle, *whole, *data;

	(void)state;
	w.config.limits.idle_ms = 150;
	idle = dial_ehlo();
	data = dial_ehlo();
	envelope(data);
	say(data, "DATA", "354 ");
	w.config.limits.idle_ms = 5000;
	w.config.limits.session_ms = 150;
	whole = dial_ehlo();
	expect(whole, "421 4.4.2");
	expect(whole, "");
	expect(idle, "421 4.4.2");
	expect(idle, "");
	expect(data, "421 4.4.2");
	expect(data, "");
	hang_up(idle);
	hang_up(whole);
	hang_up(data);
	settle();
	assert_int_equal(smtp_server_stats(w.server)->timeouts, 3);
}

static void session_counts(void **state)
{
	struct client *a, *b, *c;

	(void)state;
	w.listen.max_sessions = 2;
	a = dial_ehlo();
	b = dial_ehlo();
	c = dial_quietly();
	expect(c, "421 4.3.2");
	expect(c, "");
	hang_up(c);
	quit(a);
	while (smtp_server_stats(w.server)->sessions > 1)
		usleep(1000);
	w.listen.max_sessions = 50;
	w.listen.max_sessions_per_client = 2;
	a = dial_ehlo();
	c = dial_quietly();
	expect(c, "421 4.7.0");
	expect(c, "");
	hang_up(c);
	quit(a);
	quit(b);
	settle();
}

static void memory_budget(void **state)
{
	struct client *c = dial_ehlo();
	char *line = arena_alloc(w.arena, 100);

	(void)state;
	memset(line, 'x', 98);
	memcpy(line + 98, "\r\n", 2);
	w.config.limits.memory_total = 4096;
	envelope(c);
	say(c, "DATA", "354 ");
	for (int i = 0; i < 40; i++)
		put(c, (struct str){line, 100});
	say(c, ".", "250 2.0.0");
	envelope(c);
	say(c, "DATA", "354 ");
	for (int i = 0; i < 42; i++)
		put(c, (struct str){line, 100});
	say(c, ".", "452 4.3.1");
	quit(c);
	settle();
}

static struct conf_cidrs *loopback_net(void)
{
	static struct cidr net;
	static struct conf_cidrs nets = {&net, 1};

	assert_true(cidr_parse(STR("127.0.0.0/8"), false, &net));
	return &nets;
}

static void proxy_header_names_the_client(void **state)
{
	struct client *c;

	(void)state;
	w.listen.proxy = *loopback_net();
	c = dial_quietly();
	put(c, STR("PROXY TCP4 192.0.2.7 198.51.100.1 1000 25\r\n"));
	expect(c, "220 ");
	say(c, "EHLO x", "250 ");
	envelope(c);
	say(c, "DATA", "354 ");
	say(c, ".", "250 2.0.0");
	assert_non_null(strstr(queued_text, "from x ([192.0.2.7])"));
	quit(c);
	c = dial_quietly();
	put(c, STR("EHLO x\r\n"));
	expect(c, "");
	hang_up(c);
}

static void xclient_starts_anew_for_another(void **state)
{
	struct client *c;

	(void)state;
	w.listen.xclient = *loopback_net();
	c = dial_ehlo();
	assert_non_null(strstr(c->reply, "XCLIENT NAME ADDR PORT PROTO HELO LOGIN DESTADDR"));
	say(c, "XCLIENT FOO=1", "501 5.5.4");
	say(c, "XCLIENT ADDR=999.1.1.1", "501 5.5.4");
	say(c, "MAIL FROM:<a@b>", "250 ");
	say(c, "XCLIENT ADDR=192.0.2.9", "503 5.5.1");
	say(c, "RSET", "250 ");
	say(c, "XCLIENT NAME=[UNAVAILABLE] LOGIN=joe+2Bx", "220 mx.test");
	say(c, "MAIL FROM:<a@b>", "250 "); /* HELO stays */
	say(c, "RSET", "250 ");
	say(c, "XCLIENT ADDR=IPV6:2001:db8::9 PORT=77 NAME=n.test HELO=h.test PROTO=ESMTP", "220 mx.test");
	say(c, "XCLIENT ADDR=192.0.2.9", "550 5.7.0");
	envelope(c);
	say(c, "DATA", "354 ");
	say(c, ".", "250 2.0.0");
	if (!strstr(queued_text, "from h.test (n.test [IPv6:2001:db8::9])") || !strstr(queued_text, "with ESMTPA id"))
		fail_msg("%s", queued_text);
	quit(c);
}

static void drain_ends_idle_sessions_and_waits_for_the_others(void **state)
{
	struct client *idle = dial_ehlo(), *busy = dial_ehlo();

	(void)state;
	envelope(busy);
	say(busy, "DATA", "354 ");
	smtp_server_drain(w.server);
	expect(idle, "421 4.3.2");
	expect(idle, "");
	assert_false(w.drained);
	say(busy, "x: y\r\n.", "250 2.0.0");
	expect(busy, "421 4.3.2");
	expect(busy, "");
	hang_up(idle);
	hang_up(busy);
	for (int i = 0; i < WAIT_MS && !w.drained; i++)
		usleep(1000);
	assert_true(w.drained);
	assert_int_equal(queued, 1);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	    T(a_message_goes_through),
	    T(ehlo_offers_what_there_is),
	    T(order_and_syntax),
	    T(recipients_only_of_our_domains),
	    T(postmaster_is_taken_whatever_policy_says),
	    T(utf8_addresses_need_smtputf8),
	    T(pipelined_in_one_segment_or_octet_by_octet),
	    T(verdicts_of_each_stage_are_told),
	    T(a_delay_holds_the_reply_and_no_thread),
	    T(quarantine_and_discard_are_accepted),
	    T(the_queue_has_the_last_word),
	    T(clients_may_go_at_any_moment),
	    T(a_full_pool_sheds_the_load),
	    T(bare_newlines_close_the_session),
	    T(message_size_at_the_limit),
	    T(lines_commands_errors_hops_at_their_limits),
	    T(chunks_keep_their_octets_to_themselves),
	    T(early_talkers_are_noticed_and_others_not_kept),
	    T(time_limits),
	    T(session_counts),
	    T(memory_budget),
	    T(proxy_header_names_the_client),
	    T(xclient_starts_anew_for_another),
	    T(drain_ends_idle_sessions_and_waits_for_the_others),
	};
	clock_init();
	log_init(LOG_TARGET_STDERR, LOG_LEVEL_ERROR, "test");
	cmocka_set_test_filter(getenv("ONLY"));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
