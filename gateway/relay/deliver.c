/*
 * Deliveries: a due message with its envelope and data in hand, and what becomes of its recipients.
 * A recipient is busy from the moment he is taken until his fate is in the journal, so that a
 * bounce waits for its report to be durable while everybody else goes on.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/address.h"
#include "gateway/relay/relay_private.h"
#include "gateway/relay/retry.h"
#include "lib/clock.h"
#include "lib/log.h"

enum { REPORT_AGAIN_MS = 60000 };

static int64_t now_ms(void)
{
	return wall_ms(clock_now_us());
}

static bool is_waiting(const struct rcpt *r)
{
	return rcpt_is_live(r) && !(r->flags & (RCPT_BUSY | STATE_HELD));
}

/* ---- life ---- */

void delivery_place(struct delivery *d, struct site *s)
{
	d->site = s;
	s->deliveries++;
}

void delivery_ref(struct delivery *d)
{
	d->refs++;
}

void delivery_unref(struct delivery *d)
{
	if (--d->refs)
		return;
	if (d->site)
		d->site->deliveries--;
	queue_data_close(&d->data);
	if (d->segment)
		segment_unref(d->segment);
	mail_unpin(d->mail);
	arena_free(d->arena);
}

/* Whatever is wrong with the message itself: held, for a person to look at. */
static void hold_damaged(struct relay *r, struct mail *m, const char *why)
{
	struct log_line l = log_start(LOG_LEVEL_ERROR, "damaged");

	log_text(&l, "segment", str_of(m->seg ? segment_name(m->seg) : ""));
	log_int(&l, "offset", (int64_t)m->offset);
	log_text(&l, "text", str_of(why));
	log_end(&l);
	for (uint32_t i = 0; i < m->n; i++) {
		if (!rcpt_is_live(&m->r[i]))
			continue;
		m->r[i].flags = (uint8_t)((m->r[i].flags & ~RCPT_BUSY) | STATE_HELD);
		backlog_note(r->backlog, m, i, str_of(why));
	}
}

static bool read_message(struct delivery *d)
{
	struct relay *r = d->relay;
	struct str file;

	d->data.fd = -1;
	d->segment = d->mail->seg; /* compaction may move the message while this one is being sent */
	if (d->segment)
		segment_ref(d->segment);
	if (!backlog_entry(r->backlog, d->mail, d->arena, &d->head, &d->entry, &file) ||
	    !backlog_data(r->backlog, d->mail, &d->head, file, &d->data)) {
		hold_damaged(r, d->mail, "the message cannot be read from the queue");
		return false;
	}
	switch (body_open(d->arena, &d->data, &d->head, d->entry.edits, &d->job.body)) {
	case RES_OK:
		break;
	case RES_PERM:
		hold_damaged(r, d->mail, "the message on disk is not what was written");
		return false;
	default:
		hold_damaged(r, d->mail, strerror(errno));
		return false;
	}
	d->job.needs_8bit = d->job.body.has_8bit;
	return true;
}

static struct delivery *delivery_new(struct relay *r, struct mail *m)
{
	struct arena *a = arena_new(0);
	struct delivery *d = arena_alloc(a, sizeof *d);

	d->relay = r;
	d->mail = m;
	d->arena = a;
	d->refs = 1;
	d->tls = "none";
	d->job.arena = a;
	d->job.owner = d;
	d->job.entry = &d->entry;
	mail_pin(m);
	if (!read_message(d)) {
		delivery_unref(d);
		return NULL;
	}
	d->job.rcpts = arena_array(a, m->n, sizeof *d->job.rcpts);
	return d;
}

/* ---- taking what is due ---- */

void delivery_requeue(struct relay *r, struct mail *m, uint32_t site)
{
	int64_t at = INT64_MAX;

	if (m->flags & MAIL_DONE)
		return;
	for (uint32_t i = 0; i < m->n; i++)
		if (m->r[i].site == site && is_waiting(&m->r[i]) && m->r[i].next_ms < at)
			at = m->r[i].next_ms;
	if (at != INT64_MAX)
		site_push(r->sites[site], m, at);
}

static bool is_due(const struct rcpt *rcpt, uint32_t site, int64_t now)
{
	return rcpt->site == site && is_waiting(rcpt) && rcpt->next_ms <= now;
}

static bool any_due(const struct mail *m, uint32_t site, int64_t now)
{
	for (uint32_t i = 0; i < m->n; i++)
		if (is_due(&m->r[i], site, now))
			return true;
	return false;
}

/* Routes may have changed since the message came: recipients that belong elsewhere go there. */
static void take_recipients(struct delivery *d, uint32_t site, int64_t now)
{
	struct relay *r = d->relay;
	struct mail *m = d->mail;

	for (uint32_t i = 0; i < m->n; i++) {
		if (!is_due(&m->r[i], site, now))
			continue;
		m->r[i].site = place_of(r, d->entry.recipients[i].address);
		if (m->r[i].site != site) {
			site_push(r->sites[m->r[i].site], m, m->r[i].next_ms);
			pump_later(r, r->sites[m->r[i].site]);
		} else if (d->job.n < JOB_RECIPIENTS_MAX) {
			m->r[i].flags |= RCPT_BUSY;
			d->job.rcpts[d->job.n++].index = i;
		}
	}
	delivery_requeue(r, m, site); /* more than one transaction takes, or due later */
}

struct delivery *delivery_take(struct relay *r, struct site *s)
{
	int64_t now = now_ms();
	struct mail *m;

	while ((m = site_pop(s, now))) {
		struct delivery *d = NULL;
		if (!(m->flags & MAIL_DONE) && any_due(m, s->index, now)) {
			d = delivery_new(r, m);
			if (d)
				take_recipients(d, s->index, now);
		} else {
			delivery_requeue(r, m, s->index);
		}
		mail_unpin(m);
		if (d && d->job.n) {
			delivery_place(d, s);
			return d;
		}
		if (d)
			delivery_unref(d);
	}
	return NULL;
}

struct delivery *delivery_of(struct relay *r, struct mail *m, bool (*each)(const struct relay *r, const struct mail *m, uint32_t i))
{
	struct delivery *d = delivery_new(r, m);

	if (!d)
		return NULL;
	for (uint32_t i = 0; i < m->n; i++) {
		if (!is_waiting(&m->r[i]) || !each(r, m, i))
			continue;
		m->r[i].flags |= RCPT_BUSY;
		d->job.rcpts[d->job.n++].index = i;
	}
	if (d->job.n == 0) {
		delivery_unref(d);
		return NULL;
	}
	return d;
}

/* ---- may it be sent there? ---- */

void delivery_decide(struct delivery *d, enum fate fate, int code, const char *enhanced, struct str text)
{
	for (size_t i = 0; i < d->job.n; i++) {
		struct job_rcpt *j = &d->job.rcpts[i];
		if (j->fate != FATE_NONE)
			continue;
		j->fate = fate;
		j->code = code;
		snprintf(j->enhanced, sizeof j->enhanced, "%s", enhanced);
		j->text = arena_str(d->arena, text);
	}
}

static bool needs_utf8(const struct delivery *d)
{
	if (!str_is_ascii(d->entry.sender) || (d->entry.is_utf8 && d->job.body.has_8bit_header))
		return true;
	for (size_t i = 0; i < d->job.n; i++)
		if (!str_is_ascii(d->entry.recipients[d->job.rcpts[i].index].address))
			return true;
	return false;
}

/* Envelope texts go into commands: whatever wrote the record, no control may get through. */
static bool is_safe(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] < 32 || s.p[i] == 127 || s.p[i] == '<' || s.p[i] == '>')
			return false;
	return true;
}

static bool envelope_is_safe(const struct delivery *d)
{
	if (!is_safe(d->entry.sender) || !is_safe(d->entry.envid) || str_chr(d->entry.envid, ' ') >= 0)
		return false;
	for (size_t i = 0; i < d->job.n; i++) {
		const struct queue_recipient *q = &d->entry.recipients[d->job.rcpts[i].index];
		if (!is_safe(q->address) || !is_safe(q->orcpt) || str_chr(q->orcpt, ' ') >= 0 || q->address.n == 0)
			return false;
	}
	return true;
}

bool delivery_check(struct delivery *d, const struct client *c)
{
	unsigned offers = client_offers(c);
	uint64_t most = client_size_max(c);

	/*
	 * RFC 6531, 3.5 and RFC 6152, 3: what the server cannot take is neither sent nor changed (that
	 * would break signatures), so it goes back. UTF-8 headers that came without SMTPUTF8 are passed
	 * on as 8-bit data, as they came.
	 */
	d->job.needs_utf8 = needs_utf8(d);
	if (!envelope_is_safe(d))
		delivery_decide(d, FATE_PERM, 553, "5.1.3", STR("the envelope cannot be put into SMTP commands"));
	else if (d->job.needs_utf8 && !(offers & OFFER_SMTPUTF8))
		delivery_decide(d, FATE_PERM, 550, "5.6.7", STR("the next hop does not take internationalized mail (SMTPUTF8)"));
	else if (d->job.needs_8bit && !(offers & OFFER_8BITMIME))
		delivery_decide(d, FATE_PERM, 554, "5.6.3", STR("the next hop does not take 8-bit mail (8BITMIME)"));
	else if (most && d->job.body.size > most)
		delivery_decide(d, FATE_PERM, 552, "5.3.4", STR("the message is larger than the next hop takes"));
	else
		return true;
	delivery_settle(d, STR(""));
	return false;
}

/* ---- what became of it ---- */

static struct str one_line(struct arena *a, struct str text)
{
	struct str copy = arena_str(a, text);

	for (size_t i = 0; i < copy.n; i++)
		if ((unsigned char)copy.p[i] < 32)
			((char *)copy.p)[i] = ' ';
	return copy;
}

/* What the journal keeps: "HOP<TAB>CODE TEXT", or the reason without a code. */
static struct str note_text(struct delivery *d, const struct job_rcpt *j)
{
	struct str text = one_line(d->arena, j->text);

	if (j->code)
		return arena_printf(d->arena, "%s\t%d %.*s", d->hop, j->code, STR_ARG(text));
	return arena_printf(d->arena, "%s\t%.*s", d->hop, STR_ARG(text));
}

static void log_delivery(struct delivery *d, const struct job_rcpt *j, const char *status)
{
	const struct mail *m = d->mail;
	struct log_line l = log_start(LOG_LEVEL_INFO, "delivery");
	int64_t now = clock_mono_us();

	log_text(&l, "id", str_of(d->entry.id));
	log_text(&l, "status", str_of(status));
	log_text(&l, "from", d->entry.sender);
	log_text(&l, "rcpt", d->entry.recipients[j->index].address);
	log_text(&l, "hop", str_of(d->hop));
	if (j->code)
		log_int(&l, "code", j->code);
	log_text(&l, "reply", one_line(d->arena, str_sub(j->text, 0, 500)));
	log_text(&l, "tls", str_of(d->tls));
	log_int(&l, "attempts", m->r[j->index].attempts);
	log_int(&l, "bytes", (int64_t)d->job.body.size);
	log_int(&l, "age", clock_now() - m->arrived);
	if (d->job.started_us)
		log_number(&l, "seconds", (double)(now - d->job.started_us) / 1e6);
	log_end(&l);
}

static void note(struct delivery *d, const struct job_rcpt *j, uint8_t state)
{
	struct rcpt *r = &d->mail->r[j->index];

	r->flags &= (uint8_t)~RCPT_BUSY;
	r->state = state;
	backlog_note(d->relay->backlog, d->mail, j->index, note_text(d, j));
}

static void defer(struct delivery *d, struct job_rcpt *j)
{
	struct rcpt *r = &d->mail->r[j->index];
	const struct route *route = &d->site->route;

	d->relay->deferred++;
	if (d->is_free_try) {
		r->flags &= (uint8_t)~RCPT_BUSY;
		return;
	}
	if (r->attempts < UINT16_MAX)
		r->attempts++;
	r->next_ms = d->next_ms ? d->next_ms
				: now_ms() + retry_delay_ms(route->retry_first_ms, route->retry_max_ms, r->attempts, retry_dice());
	log_delivery(d, j, "deferred");
	note(d, j, STATE_WAITING);
}

/* "Too many recipients" while others of the job went through: the rest may come at once. */
static bool is_only_too_many(const struct delivery *d, const struct job_rcpt *j)
{
	bool any_ok = false;

	for (size_t i = 0; i < d->job.n; i++)
		any_ok |= d->job.rcpts[i].fate == FATE_OK;
	return any_ok && j->code == 452 && !j->is_late;
}

static void delivered(struct delivery *d, struct job_rcpt *j)
{
	struct rcpt *r = &d->mail->r[j->index];

	d->relay->delivered++;
	r->attempts++;
	log_delivery(d, j, "sent");
	note(d, j, STATE_DELIVERED);
}

static void failed(struct delivery *d, struct job_rcpt *j)
{
	d->relay->bounced++;
	log_delivery(d, j, "bounced");
	note(d, j, STATE_FAILED);
}

static void end_settle(struct delivery *d)
{
	struct relay *r = d->relay;
	struct mail *m = d->mail;
	uint32_t last = UINT32_MAX;

	/* Every site that a recipient of this delivery belongs to has the message in its heap again. */
	for (size_t i = 0; i < d->job.n && !(m->flags & MAIL_DONE); i++) {
		const struct rcpt *rcpt = &m->r[d->job.rcpts[i].index];
		if (!is_waiting(rcpt) || rcpt->site == last)
			continue;
		last = rcpt->site;
		delivery_requeue(r, m, last);
		pump_later(r, r->sites[last]);
	}
	delivery_unref(d);
	delivery_check_drained(r);
}

/* The report about those who failed is in the queue, so they are done; or it is not: later again. */
static void failures_reported(struct delivery *d, const bool *which, bool ok)
{
	for (size_t i = 0; i < d->job.n; i++) {
		struct job_rcpt *j = &d->job.rcpts[i];
		if (!which[i])
			continue;
		if (ok) {
			failed(d, j);
			continue;
		}
		j->text = STR("refused for good, but the report to the sender could not be queued");
		j->code = 0;
		d->mail->r[j->index].next_ms = now_ms() + REPORT_AGAIN_MS;
		note(d, j, STATE_WAITING);
	}
	end_settle(d);
}

static void relayed_reported(struct delivery *d, const bool *which, bool ok)
{
	struct relay *r = d->relay;

	(void)which;
	if (!ok)
		log_say(LOG_LEVEL_WARNING, "report", "%s: a success report could not be queued", d->entry.id);
	delivery_unref(d);
	delivery_check_drained(r);
}

static void settle_one(struct delivery *d, size_t i, bool *fails, bool *relayed)
{
	struct job_rcpt *j = &d->job.rcpts[i];

	switch (j->fate) {
	case FATE_OK:
		*relayed = !d->server_has_dsn && report_is_owed(d->mail, &d->entry, j->index, REPORT_RELAYED);
		delivered(d, j);
		break;
	case FATE_PERM:
		*fails = report_is_owed(d->mail, &d->entry, j->index, REPORT_FAILED);
		if (!*fails)
			failed(d, j);
		break;
	default:
		if (is_only_too_many(d, j))
			d->is_free_try = true;
		defer(d, j);
		d->is_free_try = false;
		break;
	}
}

static bool any(const bool *which, size_t n)
{
	return memchr(which, true, n) != NULL;
}

void delivery_settle(struct delivery *d, struct str text)
{
	bool *fails = arena_array(d->arena, d->job.n, sizeof *fails);
	bool *relayed = arena_array(d->arena, d->job.n, sizeof *relayed);
	bool is_free_try = d->is_free_try;

	delivery_decide(d, FATE_TEMP, 0, "", text);
	for (size_t i = 0; i < d->job.n; i++) {
		d->is_free_try = is_free_try;
		settle_one(d, i, &fails[i], &relayed[i]);
	}
	if (any(relayed, d->job.n)) {
		delivery_ref(d);
		report_send(d, REPORT_RELAYED, relayed, relayed_reported);
	}
	if (any(fails, d->job.n))
		report_send(d, REPORT_FAILED, fails, failures_reported);
	else
		end_settle(d);
}
