/*
 * The end of a message: header and message stage, then the durable hand-over, then the reply. The
 * client hears 250 only when every copy (queue, quarantine) is on disk.
 */
#include <errno.h>
#include <stdio.h>

#include "auth/sealing.h"
#include "gateway/quarantine/quarantine.h"
#include "gateway/quarantine/setaside.h"
#include "gateway/smtp/private.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/pool.h"
#include "lib/tls.h"

struct smtp_delivery {
	struct delivery_group *groups;
	struct queue_entry *entries; /* of the groups that are delivered */
	size_t count, quarantined;
	enum queue_result result;
};

/* ---- the end ---- */

static void count_final(struct smtp *c, char first_digit)
{
	struct smtp_stats *stats = smtp_stats(c);

	smtp_count(first_digit == '2' ? &stats->accepted : first_digit == '4' ? &stats->tempfailed : &stats->rejected);
}

/* Logs, replies if there is still somebody, and forgets the message. */
static void conclude(struct smtp *c, struct str reply, int code)
{
	char text[512];

	count_final(c, reply.p[0]);
	if (c->judgement)
		judge_log(c->snap, c->s, c->judgement, reply);
	snprintf(text, sizeof text, "%.*s", STR_ARG(reply));
	smtp_message_end(c);
	smtp_reply(c, text);
	c->commands = 0;
	if (code == 421 || code == 521)
		smtp_end(c, true);
}

static void refuse_whole(struct smtp *c, const char *reply)
{
	conclude(c, arena_printf(c->s->message->arena, "%s (%s)", reply, c->s->message->id), 0);
}

static void accepted(struct smtp *c)
{
	conclude(c, judge_reply(c->s->message->arena, &c->verdict, c->s->message->id), 250);
}

static void queue_result(struct smtp *c)
{
	switch (c->delivery->result) {
	case QUEUE_OK:
		accepted(c);
		break;
	case QUEUE_FULL:
		refuse_whole(c, "452 4.3.1 insufficient system storage");
		break;
	case QUEUE_FAILED:
		refuse_whole(c, "451 4.3.0 cannot store the message now");
		break;
	}
}

/* ---- queue and quarantine ---- */

static void stored(void *arg)
{
	struct smtp *c = arg;

	/* First of all what was promised by the commit: the log line is due even when nobody listens. */
	queue_result(c);
	if (!smtp_take_back(c))
		return;
	smtp_pump(c);
	smtp_settle(c);
}

/* On the commit thread. */
static void on_committed(void *arg, enum queue_result result)
{
	struct smtp *c = arg;

	c->delivery->result = result;
	loop_post(c->home->loop, stored, c);
}

static void submit(struct smtp *c)
{
	struct smtp_delivery *d = c->delivery;

	if (d->count == 0) {
		accepted(c);
		return;
	}
	c->wait = WAIT_QUEUE;
	queue_submit(c->home->server->o.queue, d->entries, d->count, on_committed, c);
}

static enum queue_result failed_by_errno(void)
{
	return errno == ENOSPC || errno == EDQUOT ? QUEUE_FULL : QUEUE_FAILED;
}

/*
 * Quarantine and queue take the message both or not at all; where a worker may wait for the commit. What the
 * queue has taken is delivered whatever we reply, so it comes last: nothing may fail behind it.
 */
static enum queue_result store_both(struct smtp *c)
{
	const struct smtp_server_options *o = &c->home->server->o;
	struct smtp_delivery *d = c->delivery;
	struct setaside *aside = setaside_prepare(o->quarantine, c->s, c->judgement, d->groups);
	enum queue_result result = QUEUE_OK;

	if (!aside || !setaside_publish(aside))
		return failed_by_errno();
	if (d->count)
		result = queue_submit_wait(o->queue, d->entries, d->count);
	if (result != QUEUE_OK)
		setaside_abandon(aside);
	return result;
}

static void set_aside(void *arg)
{
	struct smtp *c = arg;

	c->delivery->result = store_both(c);
	smtp_work_done(c, stored);
}

/* ---- from judgement to entries ---- */

static void fill_entry(struct smtp *c, struct queue_entry *e, const struct delivery_group *g)
{
	const struct message *m = c->s->message;

	*e = (struct queue_entry){.arrived = clock_now(), .sender = g->sender, .envid = m->envid, .ret = m->ret,
	    .is_8bit = m->is_8bit, .is_utf8 = m->is_utf8, .recipient_count = g->n, .edits = &g->edits,
	    .data = spool_data(m->spool), .data_fd = spool_fd(m->spool)};
	if (g->replaces_body) {
		e->data = judge_with_body(m->arena, m, g);
		e->data_fd = -1;
	}
	memcpy(e->id, m->id, sizeof e->id);
	e->recipients = arena_array(m->arena, g->n, sizeof *e->recipients);
	for (size_t i = 0; i < g->n; i++) {
		const struct recipient *origin = g->origins[i];

		e->recipients[i].address = g->recipients[i];
		if (origin) {
			e->recipients[i].orcpt = origin->orcpt;
			e->recipients[i].notify = origin->notify;
		}
	}
}

static void make_delivery(struct smtp *c)
{
	struct session *s = c->s;
	struct arena *a = s->message->arena;
	struct smtp_delivery *d = arena_alloc(a, sizeof *d);
	unsigned bits = c->is_tls && c->conn ? tls_cipher_bits(conn_ssl(c->conn)) : 0;
	size_t n = 0;

	d->groups = c->groups;
	for (struct delivery_group *g = d->groups; g; g = g->next, n++)
		edit_add_header(&g->edits, a, STR("Received"), smtp_received(s, a, bits, clock_now()));
	d->entries = arena_array(a, n, sizeof *d->entries);
	for (struct delivery_group *g = d->groups; g; g = g->next) {
		if (g->is_quarantine) {
			d->quarantined++;
			continue;
		}
		judge_unite(g, a);
		fill_entry(c, &d->entries[d->count++], g);
	}
	c->delivery = d;
}

static void deliver(struct smtp *c)
{
	make_delivery(c);
	if (c->delivery->quarantined == 0)
		submit(c);
	else if (!c->home->server->o.quarantine)
		refuse_whole(c, "451 4.3.5 no quarantine to put the message into");
	else if (!smtp_work(c, set_aside))
		refuse_whole(c, "451 4.3.2 too busy, try again later");
}

/* ---- stages ---- */

static void message_judged(struct smtp *c, const struct verdict *v)
{
	if (smtp_verdict_refuses(v))
		conclude(c, judge_reply(c->s->message->arena, v, c->s->message->id), v->code);
	else
		deliver(c);
}

void smtp_judge_message(struct smtp *c)
{
	struct session *s = c->s;
	struct message *m = s->message;
	struct gate *gate = chain_is_heavy(s->chain, STAGE_MESSAGE) ? c->home->server->o.gate : NULL;

	if (gate && !gate_enter(gate, clock_mono_us() + c->snap->config->limits.stage_ms * 1000)) {
		smtp_count(&smtp_stats(c)->shed);
		c->verdict = (struct verdict){.kind = VERDICT_TEMPFAIL, .code = 451, .enhanced = STR("4.3.2"),
		    .text = STR("too busy, try again later")};
		return;
	}
	chain_body(s);
	c->judgement = arena_alloc(m->arena, sizeof *c->judgement);
	judge_message(c->snap, s, c->judgement);
	c->verdict = c->judgement->whole;
	c->groups = judge_groups(s, c->judgement, m->arena);
	for (struct delivery_group *g = c->groups; g; g = g->next)
		if (!g->is_quarantine && !g->replaces_body)
			seal_outgoing(s, &g->edits);
	if (gate)
		gate_leave(gate);
}

void smtp_header_decided(struct smtp *c, const struct verdict *v)
{
	struct message *m = c->s->message;
	const struct verdict *decided = verdict_keep(m->arena, v);

	for (struct recipient *r = m->first; r; r = r->next)
		if (!r->verdict)
			r->verdict = decided;
}

static void header_judged(struct smtp *c, const struct verdict *v)
{
	if (smtp_verdict_refuses(v)) {
		count_final(c, v->kind == VERDICT_TEMPFAIL ? '4' : '5');
		smtp_refuse(c, v);
		smtp_message_end(c);
		return;
	}
	smtp_header_decided(c, v);
	smtp_stage(c, STAGE_MESSAGE, message_judged);
}

/* The header section of a message that came as a whole. */
static void judge_header(struct smtp *c)
{
	struct message *m = c->s->message;
	const char *wrong;

	headers_parse_within(m->arena, spool_data(m->spool), m->limits, &m->headers);
	wrong = content_headers_wrong(&m->headers, c->snap->config->limits.hops);
	if (wrong)
		refuse_whole(c, wrong);
	else
		smtp_stage(c, STAGE_HEADER, header_judged);
}

void smtp_finish(struct smtp *c)
{
	struct message *m = c->s->message;

	smtp_count(&smtp_stats(c)->messages);
	if (!spool_finish(m->spool)) {
		log_say(LOG_LEVEL_ERROR, "spool", "cannot finish: %s", strerror(errno));
		refuse_whole(c, "452 4.3.1 insufficient system storage");
		return;
	}
	atomic_fetch_add_explicit(&smtp_stats(c)->bytes, spool_size(m->spool), memory_order_relaxed);
	if (c->has_header) {
		headers_move(&m->headers, c->header, spool_data(m->spool).p);
		smtp_stage(c, STAGE_MESSAGE, message_judged);
	} else {
		judge_header(c);
	}
}
