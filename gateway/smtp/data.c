/*
 * DATA, and what it shares with BDAT: the content goes from the connection through the content
 * reader into the spool, within the limits of size and memory. What fails on the way is remembered
 * and said at the end, for a client that is sending does not listen.
 */
#include <errno.h>
#include <stdio.h>

#include "gateway/smtp/private.h"
#include "lib/clock.h"
#include "lib/log.h"

enum { DRAIN_MORE = 64 * 1024 * 1024 }; /* of a message that failed already */

static const char too_large[] = "552 5.3.4 message too large";
static const char no_space[] = "452 4.3.1 insufficient system storage";
static const char no_memory[] = "452 4.3.1 out of memory for messages, try again later";

/* ---- into the spool ---- */

bool smtp_charge(struct smtp *c)
{
	struct smtp_stats *stats = smtp_stats(c);
	const struct message *m = c->s->message;
	uint64_t total = c->snap->config->limits.memory_total, used;
	size_t now = arena_used(m->arena) + (m->spool ? spool_memory(m->spool) : 0);

	if (now == c->charged)
		return true;
	used = atomic_fetch_add(&stats->memory, now - c->charged) + now - c->charged;
	c->charged = now;
	return total == 0 || used <= total;
}

void smtp_receive_fail(struct smtp *c, const char *reply)
{
	struct message *m = c->s->message;

	c->failure = reply;
	spool_free(m->spool);
	m->spool = NULL;
	smtp_charge(c);
}

static bool sink(void *arg, struct str run)
{
	struct smtp *c = arg;
	struct spool *spool = c->s->message->spool;
	uint64_t max = c->snap->config->limits.message;

	if (c->failure)
		return true;
	if (max && spool_size(spool) + run.n > max) {
		smtp_receive_fail(c, too_large);
	} else if (!spool_add(spool, run)) {
		log_say(LOG_LEVEL_ERROR, "spool", "cannot write: %s", strerror(errno));
		smtp_receive_fail(c, no_space);
	} else if (!smtp_charge(c)) {
		smtp_count(&smtp_stats(c)->shed);
		smtp_receive_fail(c, no_memory);
	} else if (c->has_header) {
		chain_data(c->s, run);
	}
	return true;
}

const char *smtp_receive_start(struct smtp *c, bool is_bdat)
{
	const struct limits_conf *limits = &c->snap->config->limits;
	struct smtp_server *server = c->home->server;
	struct message *m = c->s->message;

	if (limits->memory_total && server->stats.memory >= limits->memory_total) {
		smtp_count(&server->stats.shed);
		return no_memory;
	}
	m->spool = spool_new(queue_writer_dir(server->o.queue), limits->memory);
	c->reader = arena_alloc(m->arena, sizeof *c->reader);
	content_start(c->reader, !is_bdat, c->conf->bare_newline == BARE_NORMALIZE, (size_t)limits->line, sink, c);
	c->is_bdat = is_bdat;
	c->failure = NULL;
	c->is_refused = c->has_header = false;
	c->searched = 0;
	c->received = 0;
	c->data_us = clock_mono_us();
	return NULL;
}

void smtp_receive_failed(struct smtp *c)
{
	char reply[REPLY_MAX + 1]; /* for the message's arena goes */

	snprintf(reply, sizeof reply, "%s", c->failure);
	smtp_count(reply[0] == '4' ? &smtp_stats(c)->tempfailed : &smtp_stats(c)->rejected);
	if (c->s->message && !c->is_refused)
		log_say(LOG_LEVEL_INFO, "refused", "%s: %s", c->s->message->id, reply);
	smtp_message_end(c);
	smtp_reply(c, reply);
	if (strncmp(reply, "421", 3) == 0 || strncmp(reply, "521", 3) == 0)
		smtp_end(c, true);
}

/* Less than the least rate since the start, looked at after a minute. */
bool smtp_too_slow(struct smtp *c)
{
	int64_t elapsed = clock_mono_us() - c->data_us, least = c->snap->config->limits.transfer_min;

	if (elapsed < TRANSFER_GRACE_MS * 1000 || (int64_t)c->received >= elapsed / 1000000 * least)
		return false;
	smtp_count(&smtp_stats(c)->timeouts);
	smtp_bye(c, "421 4.4.2 too slow, closing");
	return true;
}

void smtp_smuggled(struct smtp *c)
{
	char ip[IP_TEXT_MAX];

	smtp_count(&smtp_stats(c)->smuggling);
	log_say(LOG_LEVEL_WARNING, "bare-newline", "session %s, client %s: bare CR or LF, closed", c->s->id,
	    ip_format(&c->s->client, ip).p);
	smtp_bye(c, "521 5.5.2 bare CR or LF is not allowed, lines end in CRLF");
}

/* ---- DATA ---- */

void smtp_data(struct smtp *c, struct str args)
{
	const char *wrong;

	if (args.n) {
		smtp_error(c, "501 5.5.4 DATA takes no argument");
		return;
	}
	if (c->s->message->recipients == 0) {
		smtp_error(c, c->has_failed_rcpt ? "554 5.5.1 no valid recipients" : "503 5.5.1 say RCPT first");
		return;
	}
	wrong = smtp_receive_start(c, false);
	if (wrong) {
		smtp_message_end(c);
		smtp_reply(c, wrong);
		return;
	}
	c->mode = MODE_DATA;
	smtp_reply(c, "354 go on, end with a dot on a line of its own");
}

static void data_end(struct smtp *c)
{
	c->mode = MODE_COMMAND;
	if (!c->failure && c->reader->has_long_line)
		c->failure = "554 5.6.0 a line of the message is too long";
	if (c->failure)
		smtp_receive_failed(c);
	else
		smtp_finish(c);
}

bool smtp_data_input(struct smtp *c)
{
	struct str in = conn_input_piece(c->conn);
	enum content_step step;
	size_t used;

	if (in.n == 0)
		return false;
	step = content_feed(c->reader, in, &used);
	conn_consume(c->conn, used);
	c->received += used;
	if (step == CONTENT_BARE) {
		smtp_smuggled(c);
		return false;
	}
	if (step == CONTENT_END) {
		data_end(c);
		return true;
	}
	if (c->failure && c->received > c->snap->config->limits.message + DRAIN_MORE) {
		smtp_bye(c, c->failure);
		return false;
	}
	if (smtp_too_slow(c))
		return false;
	smtp_header_look(c);
	return true;
}
