/*
 * A job on a connection: RSET when the last one was left open, MAIL, RCPT for each, then DATA or
 * BDAT. With PIPELINING all of it goes out at once (and with CHUNKING a small message too: one
 * write, one answer to wait for); without it one command at a time.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "gateway/relay/client_private.h"

static void send_more(struct client *c);

/* ---- outcomes ---- */

static void set_fate(struct client *c, struct job_rcpt *r, bool is_late)
{
	const struct reply *reply = &c->reply;
	int class = reply->code / 100;

	r->code = reply->code;
	memcpy(r->enhanced, reply->enhanced, sizeof r->enhanced);
	r->text = arena_str(c->job->arena, reply_text(reply));
	r->is_late = is_late;
	r->fate = class == 2 ? FATE_OK : class == 5 ? FATE_PERM : FATE_TEMP;
}

/* For all that have none yet. */
static void set_fates(struct client *c)
{
	for (size_t i = 0; i < c->job->n; i++)
		if (c->job->rcpts[i].fate == FATE_NONE)
			set_fate(c, &c->job->rcpts[i], true);
}

static bool is_undecided(const struct job *job)
{
	for (size_t i = 0; i < job->n; i++)
		if (job->rcpts[i].fate == FATE_NONE)
			return true;
	return false;
}

/*
 * The job is over. When the connection cannot be used further (replies are still to come and would
 * be out of step, or the server said good-bye), it goes too.
 */
static void finish(struct client *c)
{
	struct job *job = c->job;
	bool is_over = c->must_close || c->answered < c->sent;
	struct str why = c->reply.code == 421 ? reply_text(&c->reply) : STR("out of step");

	c->must_close = is_over;
	if (is_over && is_undecided(job)) {
		client_fail(c, TROUBLE_LOST, why);
		return;
	}
	c->job = NULL;
	if (!is_over) {
		c->phase = PHASE_READY;
		client_wait(c, 0);
	}
	c->events->on_done(c->arg, c, job);
	if (is_over)
		client_fail(c, c->reply.code == 421 ? TROUBLE_BUSY : TROUBLE_IDLE, why);
}

/* ---- writing the commands ---- */

static bool use_bdat(const struct client *c)
{
	return c->offers & OFFER_CHUNKING && c->job->body.is_clean;
}

static bool is_small(const struct client *c)
{
	return c->job->body.fd < 0;
}

static void add_notify(struct buf *b, unsigned notify)
{
	static const struct {
		unsigned bit;
		const char *name;
	} words[] = {{NOTIFY_SUCCESS, "SUCCESS"}, {NOTIFY_FAILURE, "FAILURE"}, {NOTIFY_DELAY, "DELAY"}};
	const char *sep = " NOTIFY=";

	if (notify & NOTIFY_NEVER) {
		buf_adds(b, " NOTIFY=NEVER");
		return;
	}
	for (size_t i = 0; i < 3; i++) {
		if (!(notify & words[i].bit))
			continue;
		buf_adds(b, sep);
		buf_adds(b, words[i].name);
		sep = ",";
	}
}

static void write_mail(struct client *c, struct buf *b)
{
	const struct queue_entry *e = c->job->entry;

	buf_addf(b, "MAIL FROM:<%.*s>", STR_ARG(e->sender));
	if (c->offers & OFFER_SIZE)
		buf_addf(b, " SIZE=%llu", (unsigned long long)c->job->body.size);
	if (c->job->needs_8bit && c->offers & OFFER_8BITMIME)
		buf_adds(b, " BODY=8BITMIME");
	if (c->job->needs_utf8)
		buf_adds(b, " SMTPUTF8");
	if (c->offers & OFFER_DSN) {
		if (e->ret != DSN_RET_NONE)
			buf_adds(b, e->ret == DSN_RET_FULL ? " RET=FULL" : " RET=HDRS");
		if (e->envid.n)
			buf_addf(b, " ENVID=%.*s", STR_ARG(e->envid));
	}
	buf_adds(b, "\r\n");
}

static void write_rcpt(struct client *c, struct buf *b, size_t i)
{
	const struct queue_recipient *r = &c->job->entry->recipients[c->job->rcpts[i].index];

	buf_addf(b, "RCPT TO:<%.*s>", STR_ARG(r->address));
	if (c->offers & OFFER_DSN) {
		add_notify(b, r->notify);
		if (r->orcpt.n)
			buf_addf(b, " ORCPT=%.*s", STR_ARG(r->orcpt));
	}
	buf_adds(b, "\r\n");
}

static void out(void *arg, struct str s)
{
	conn_write(((struct client *)arg)->conn, s);
}

/* Pieces and data as they are: for BDAT, and for DATA when no octet needs a change. */
static void write_plain(struct client *c)
{
	const struct body *body = &c->job->body;

	for (size_t i = 0; i < body->edited.n; i++)
		conn_write(c->conn, body->edited.pieces[i]);
	if (body->fd < 0)
		conn_write(c->conn, body->memory);
	else
		conn_write_file(c->conn, body->fd, (off_t)body->offset, body->length);
	c->all_written = true;
}

/* Writes DATA's text: at once when it is small or clean, else chunk by chunk as the socket drains. */
static void write_text(struct client *c)
{
	const struct body *body = &c->job->body;

	c->dots = (struct dots){.is_start = true};
	if (body->is_clean && !body->has_dots) {
		write_plain(c);
		dots_end(&c->dots, out, c);
		return;
	}
	for (size_t i = 0; i < body->edited.n; i++)
		dots_write(&c->dots, body->edited.pieces[i], out, c);
	if (body->fd >= 0) {
		mail_drained(c); /* the first chunk; then whenever all is written */
		return;
	}
	dots_write(&c->dots, body->memory, out, c);
	dots_end(&c->dots, out, c);
	c->all_written = true;
}

static bool read_chunk(struct client *c, size_t *ret_n)
{
	const struct body *body = &c->job->body;
	uint64_t left = body->length - c->written;
	size_t want = left < BODY_CHUNK ? (size_t)left : BODY_CHUNK;
	ssize_t got;

	if (!c->chunk && !(c->chunk = malloc(BODY_CHUNK)))
		abort();
	do
		got = pread(body->fd, c->chunk, want, (off_t)(body->offset + c->written));
	while (got < 0 && errno == EINTR);
	*ret_n = got > 0 ? (size_t)got : 0;
	c->written += *ret_n;
	return got > 0 || want == 0;
}

void mail_drained(struct client *c)
{
	size_t n;

	if (c->all_written) { /* from now on the server has its time to answer */
		if (!is_small(c))
			client_wait(c, c->target.data_ms);
		return;
	}
	if (c->phase == PHASE_ENVELOPE)
		return; /* the commands have drained, DATA is not answered yet */
	if (!read_chunk(c, &n)) {
		/* Never an end of data behind half a message. */
		c->must_close = true;
		client_fail(c, TROUBLE_LOST, STR("the message cannot be read from disk"));
		return;
	}
	dots_write(&c->dots, (struct str){c->chunk, n}, out, c);
	if (c->written < c->job->body.length)
		return;
	dots_end(&c->dots, out, c);
	c->all_written = true;
	free(c->chunk);
	c->chunk = NULL;
}

static void enter_data(struct client *c)
{
	c->phase = PHASE_DATA;
	c->written = 0;
	c->all_written = false;
}

/* May the last command go now? DATA may be pipelined; a large BDAT waits for a recipient. */
static bool may_send_data(const struct client *c)
{
	bool all_answered = c->answered == c->sent;

	if (c->offers & OFFER_PIPELINING && (!use_bdat(c) || is_small(c)))
		return true;
	return all_answered && c->accepted > 0;
}

static void send_data_command(struct client *c)
{
	c->data_sent = true;
	c->sent++;
	if (!use_bdat(c)) {
		conn_write(c->conn, STR("DATA\r\n"));
		return;
	}
	client_say(c, "BDAT %llu LAST\r\n", (unsigned long long)c->job->body.size);
	write_plain(c);
	if (!is_small(c))
		client_wait_text(c);
}

static size_t commands(const struct client *c)
{
	return c->first + 1 + c->job->n;
}

static void send_more(struct client *c)
{
	struct buf b = {0};

	while (c->sent < commands(c) && (c->offers & OFFER_PIPELINING || c->sent == c->answered)) {
		if (c->sent < c->first)
			buf_adds(&b, "RSET\r\n");
		else if (c->sent == c->first)
			write_mail(c, &b);
		else
			write_rcpt(c, &b, c->sent - c->first - 1);
		c->sent++;
	}
	conn_write(c->conn, buf_str(&b));
	buf_free(&b);
	if (c->sent == commands(c) && !c->data_sent && may_send_data(c))
		send_data_command(c);
}

void mail_start(struct client *c)
{
	c->phase = PHASE_ENVELOPE;
	c->first = c->needs_reset;
	c->sent = c->answered = c->accepted = 0;
	c->mail_ok = c->data_sent = c->needs_reset = c->all_written = false;
	client_wait(c, c->target.command_ms);
	send_more(c);
}

/* ---- the answers ---- */

static void mail_answer(struct client *c)
{
	c->mail_ok = c->reply.code == 250;
	if (!c->mail_ok)
		set_fates(c);
}

static void rcpt_answer(struct client *c, struct job_rcpt *r)
{
	if (!c->mail_ok)
		return; /* 503 or whatever: MAIL has decided */
	if (c->reply.code / 100 == 2) {
		c->accepted++;
		return; /* the reply to the data decides */
	}
	/* RFC 5321, 4.5.3.1.10: 552 for too many recipients is really a 452. */
	if (c->reply.code == 552 && c->reply.enhanced[0] == '\0')
		c->reply.code = 452;
	set_fate(c, r, false);
}

/* The reply to DATA: 354, or a refusal of all that were accepted. */
static void data_answer(struct client *c)
{
	if (c->reply.code != 354) {
		c->needs_reset = c->mail_ok;
		if (c->accepted)
			set_fates(c);
		finish(c);
		return;
	}
	enter_data(c);
	c->sent++; /* the text is answered once more */
	if (c->accepted == 0) { /* pipelined, and nobody wants it: nothing is sent */
		c->all_written = true;
		conn_write(c->conn, STR(".\r\n"));
		return;
	}
	client_wait_text(c);
	write_text(c);
	if (c->all_written && is_small(c))
		client_wait(c, c->target.data_ms);
}

/* The reply to the whole message. */
static void final_answer(struct client *c, bool was_bdat)
{
	bool is_ok = c->reply.code / 100 == 2;

	if (!c->all_written || conn_output_length(c->conn)) /* it spoke before it had all */
		c->must_close = true;
	if (c->accepted)
		set_fates(c);
	c->needs_reset = was_bdat && !is_ok;
	finish(c);
}

/* A 421 can answer anything, and nothing comes behind it. */
static bool is_goodbye(struct client *c)
{
	if (c->reply.code != 421)
		return false;
	set_fates(c);
	c->must_close = true;
	finish(c);
	return true;
}

static void envelope_answer(struct client *c, size_t k)
{
	if (k < c->first) {
		if (c->reply.code != 250)
			c->must_close = true;
	} else if (k == c->first) {
		mail_answer(c);
	} else {
		rcpt_answer(c, &c->job->rcpts[k - c->first - 1]);
	}
	if (!c->mail_ok && k >= c->first && !(c->offers & OFFER_PIPELINING)) {
		finish(c);
		return;
	}
	if (c->answered == commands(c) && c->accepted == 0 && !c->data_sent) {
		c->needs_reset = c->mail_ok;
		finish(c);
		return;
	}
	send_more(c);
	if (c->answered == commands(c) && c->data_sent && is_small(c))
		client_wait(c, c->target.data_ms);
}

void mail_reply(struct client *c)
{
	size_t k = c->answered++;

	if (is_goodbye(c))
		return;
	if (c->phase == PHASE_DATA)
		final_answer(c, false);
	else if (k < commands(c))
		envelope_answer(c, k);
	else if (use_bdat(c))
		final_answer(c, true);
	else
		data_answer(c);
}
