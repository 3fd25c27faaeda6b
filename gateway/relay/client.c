/* The session of a client: from connecting to ready, and its ends. Jobs are in client_mail.c. */
#include "gateway/relay/client.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/relay/client_private.h"
#include "lib/tls.h"

enum { TEXT_LEAST = 128 /* octets a second */ };

static void on_connected(void *arg);
static void on_input(void *arg);
static void on_drained(void *arg);
static void on_secured(void *arg);
static void on_end(void *arg, enum conn_end why);
static void on_patience_over(void *arg);

static const struct conn_events conn_events = {
	.on_input = on_input,
	.on_drained = on_drained,
	.on_end = on_end,
	.on_connected = on_connected,
	.on_secured = on_secured,
};

struct client *client_new(struct loop *l, const struct client_target *target,
    const struct client_events *events, void *arg)
{
	struct client *c = calloc(1, sizeof *c);

	if (!c)
		abort();
	c->loop = l;
	c->target = *target;
	tls_keep(target->tls_context); /* a reload may forget it */
	c->events = events;
	c->arg = arg;
	snprintf(c->tls_text, sizeof c->tls_text, "none");
	c->conn = conn_connect(l, &target->ip, target->port, NULL, &conn_events, c);
	c->timer = timer_new(l, on_patience_over, c);
	client_wait(c, target->connect_ms);
	return c;
}

static void be_patient(struct client *c, int64_t all_ms, int64_t read_ms, int64_t write_ms)
{
	c->patience_ms = all_ms;
	conn_timeout(c->conn, read_ms, write_ms);
	if (all_ms)
		timer_set(c->timer, all_ms);
	else
		timer_stop(c->timer);
}

void client_wait(struct client *c, int64_t ms)
{
	be_patient(c, ms, ms, ms);
}

void client_wait_text(struct client *c)
{
	int64_t text_ms = (int64_t)(c->job->body.size / TEXT_LEAST) * 1000;

	be_patient(c, c->target.data_ms + text_ms, 0, c->target.data_ms);
}

static void client_free(struct client *c)
{
	if (c->is_gone)
		*c->is_gone = true;
	timer_free(c->timer);
	tls_free(c->target.tls_context);
	free(c->chunk);
	free(c);
}

void client_drop(struct client *c)
{
	conn_close(c->conn);
	client_free(c);
}

void client_quit(struct client *c)
{
	conn_write(c->conn, STR("QUIT\r\n"));
	conn_close_after_write(c->conn);
	client_free(c);
}

void client_fail(struct client *c, enum client_trouble trouble, struct str text)
{
	struct job *job = c->job;

	/* A server that closes is told nothing; one that we leave is. */
	if (c->phase > PHASE_CONNECT && trouble != TROUBLE_LOST && trouble != TROUBLE_STALE &&
	    trouble != TROUBLE_IDLE && !c->must_close)
		conn_write(c->conn, STR("QUIT\r\n"));
	conn_close_after_write(c->conn);
	c->conn = NULL;
	c->job = NULL;
	c->events->on_gone(c->arg, c, job, trouble, text);
	client_free(c);
}

void client_say(struct client *c, const char *format, ...)
{
	char line[2048];
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(line, sizeof line, format, args);
	va_end(args);
	assert(n >= 0 && (size_t)n < sizeof line);
	conn_write(c->conn, (struct str){line, (size_t)n});
}

bool client_is_ready(const struct client *c)
{
	return c->phase == PHASE_READY;
}

unsigned client_offers(const struct client *c)
{
	return c->offers;
}

uint64_t client_size_max(const struct client *c)
{
	return c->size_max;
}

unsigned client_jobs(const struct client *c)
{
	return c->jobs;
}

const char *client_tls(const struct client *c)
{
	return c->tls_text;
}

void client_send(struct client *c, struct job *job)
{
	assert(c->phase == PHASE_READY && !c->job);
	c->job = job;
	c->jobs++;
	mail_start(c);
}

/* ---- the greeting ---- */

static void become_ready(struct client *c)
{
	c->phase = PHASE_READY;
	client_wait(c, 0);
	c->events->on_ready(c->arg, c);
}

static void fail_by_reply(struct client *c, const char *at)
{
	char text[256];

	snprintf(text, sizeof text, "%s: %d %.*s", at, c->reply.code,
	    c->reply.text_length < 180 ? (int)c->reply.text_length : 180, c->reply.text);
	client_fail(c, TROUBLE_BUSY, str_of(text));
}

static void say_ehlo(struct client *c)
{
	c->phase = PHASE_EHLO;
	client_say(c, "EHLO %.*s\r\n", STR_ARG(c->target.helo));
}

static void on_banner(struct client *c)
{
	client_wait(c, c->target.command_ms);
	if (c->reply.code == 220)
		say_ehlo(c);
	else
		fail_by_reply(c, "greeting");
}

static const struct {
	const char *name;
	unsigned bit;
} keywords[] = {
    {"PIPELINING", OFFER_PIPELINING},
    {"8BITMIME", OFFER_8BITMIME},
    {"SMTPUTF8", OFFER_SMTPUTF8},
    {"CHUNKING", OFFER_CHUNKING},
    {"DSN", OFFER_DSN},
    {"STARTTLS", OFFER_STARTTLS},
    {"SIZE", OFFER_SIZE},
};

static void read_keyword(struct client *c, struct str line)
{
	struct str word, size;

	if (!str_word(&line, &word))
		return;
	for (size_t i = 0; i < sizeof keywords / sizeof *keywords; i++) {
		if (!str_iis(word, keywords[i].name))
			continue;
		c->offers |= keywords[i].bit;
		if (keywords[i].bit == OFFER_SIZE && str_word(&line, &size) && !str_u64(size, &c->size_max))
			c->size_max = 0;
	}
}

static void read_offers(struct client *c)
{
	struct str rest = reply_text(&c->reply), line;

	c->offers = 0;
	c->size_max = 0;
	str_split(&rest, '\n', &line); /* the first is the server's name */
	while (str_split(&rest, '\n', &line))
		read_keyword(c, line);
}

/* After EHLO: TLS now, or never, or it is there already. */
static void decide_tls(struct client *c)
{
	int wanted = c->is_secure ? ROUTE_TLS_NONE : c->target.tls;

	if (wanted == ROUTE_TLS_NONE) {
		become_ready(c);
	} else if (c->offers & OFFER_STARTTLS && c->target.tls_context) {
		c->phase = PHASE_STARTTLS;
		conn_write(c->conn, STR("STARTTLS\r\n"));
	} else if (wanted == ROUTE_TLS_MAY) {
		become_ready(c);
	} else {
		client_fail(c, TROUBLE_TLS, STR("TLS is required, but STARTTLS is not offered"));
	}
}

static void on_ehlo(struct client *c)
{
	if (c->reply.code == 250) {
		read_offers(c);
		decide_tls(c);
	} else if (c->reply.code >= 500 && !c->is_secure) {
		c->phase = PHASE_HELO;
		client_say(c, "HELO %.*s\r\n", STR_ARG(c->target.helo));
	} else {
		fail_by_reply(c, "EHLO");
	}
}

static void on_helo(struct client *c)
{
	c->offers = 0;
	if (c->reply.code == 250)
		decide_tls(c);
	else
		fail_by_reply(c, "HELO");
}

static void on_starttls(struct client *c)
{
	struct ssl_st *ssl;

	if (c->reply.code != 220 && c->target.tls == ROUTE_TLS_MAY) {
		become_ready(c);
		return;
	}
	if (c->reply.code != 220) {
		client_fail(c, TROUBLE_TLS, STR("TLS is required, but STARTTLS was refused"));
		return;
	}
	ssl = tls_client_session(c->target.tls_context, c->target.tls_name,
	    c->target.tls == ROUTE_TLS_VERIFY);
	c->phase = PHASE_HANDSHAKE;
	if (!conn_starttls(c->conn, ssl, false)) {
		c->must_close = true;
		client_fail(c, TROUBLE_TLS, STR("octets came before the TLS handshake: not believed"));
	}
}

static void on_secured(void *arg)
{
	struct client *c = arg;
	const struct ssl_st *ssl = conn_ssl(c->conn);

	c->is_secure = true;
	snprintf(c->tls_text, sizeof c->tls_text, "%.*s %s", STR_ARG(tls_version(ssl)),
	    tls_is_verified(ssl) ? "verified" : "unverified");
	say_ehlo(c);
}

/* ---- the connection's events ---- */

static void on_connected(void *arg)
{
	struct client *c = arg;

	c->phase = PHASE_BANNER;
	client_wait(c, c->target.command_ms);
}

static void (*const on_reply[])(struct client *c) = {
	[PHASE_BANNER] = on_banner,
	[PHASE_EHLO] = on_ehlo,
	[PHASE_HELO] = on_helo,
	[PHASE_STARTTLS] = on_starttls,
	[PHASE_ENVELOPE] = mail_reply,
	[PHASE_DATA] = mail_reply,
};

static void unexpected_reply(struct client *c)
{
	/* 421 is how a server says good-bye to an idle client; anything else is out of step. */
	c->must_close = true;
	client_fail(c, TROUBLE_IDLE, reply_text(&c->reply));
}

/* One reply; false when no whole one is there, or c had to go. */
static bool take_reply(struct client *c)
{
	enum reply_status status = reply_parse(conn_input(c->conn), &c->reply);

	if (status == REPLY_MORE)
		return false;
	if (status == REPLY_BAD) {
		c->must_close = true;
		client_fail(c, c->job ? TROUBLE_LOST : TROUBLE_CONNECT, STR("a reply that is not SMTP"));
		return false;
	}
	conn_consume(c->conn, c->reply.length);
	if (c->patience_ms)
		timer_set(c->timer, c->patience_ms);
	if (c->phase == PHASE_READY) {
		unexpected_reply(c);
		return false;
	}
	on_reply[c->phase](c);
	return true;
}

/* Handlers may free c: client_free() then says so in is_gone. */
static void on_input(void *arg)
{
	struct client *c = arg;
	bool is_gone = false;

	c->is_gone = &is_gone;
	while (c->phase != PHASE_HANDSHAKE && conn_input_length(c->conn)) {
		bool goes_on = take_reply(c);
		if (is_gone)
			return;
		if (!goes_on)
			break;
	}
	c->is_gone = NULL;
}

static void on_drained(void *arg)
{
	struct client *c = arg;

	if (c->phase == PHASE_DATA || (c->phase == PHASE_ENVELOPE && c->data_sent && c->all_written))
		mail_drained(c);
}

static enum client_trouble trouble_of(const struct client *c)
{
	if (c->phase == PHASE_HANDSHAKE || c->phase == PHASE_STARTTLS)
		return TROUBLE_TLS;
	if (c->phase == PHASE_READY)
		return TROUBLE_IDLE;
	if (c->phase < PHASE_READY)
		return TROUBLE_CONNECT;
	return c->answered == 0 && c->jobs > 1 ? TROUBLE_STALE : TROUBLE_LOST;
}

static void on_end(void *arg, enum conn_end why)
{
	static const char *const doing[] = {
		[PHASE_CONNECT] = "connecting", [PHASE_BANNER] = "waiting for the greeting",
		[PHASE_EHLO] = "EHLO", [PHASE_HELO] = "HELO", [PHASE_STARTTLS] = "STARTTLS",
		[PHASE_HANDSHAKE] = "the TLS handshake", [PHASE_READY] = "idle",
		[PHASE_ENVELOPE] = "the envelope", [PHASE_DATA] = "the data",
	};
	struct client *c = arg;
	char error[128], text[256];

	snprintf(text, sizeof text, "%s: %s", doing[c->phase],
	    why == CONN_TIMEOUT ? "timed out"
	    : why == CONN_EOF   ? "the server closed the connection"
				: conn_error_text(c->conn, error).p);
	c->must_close = true;
	client_fail(c, trouble_of(c), str_of(text));
}

static void on_patience_over(void *arg)
{
	on_end(arg, CONN_TIMEOUT);
}
