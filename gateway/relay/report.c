/* Reports to senders: whether one is owed, what goes into it, and its way into the queue. */
#include <stdlib.h>
#include <string.h>

#include "gateway/relay/dsn.h"
#include "gateway/relay/relay_private.h"
#include "lib/clock.h"
#include "lib/log.h"

enum { WHOLE_MAX = 256 * 1024, HEADERS_MAX = 64 * 1024 };

struct report {
	struct delivery *delivery;
	bool *which;
	void (*done)(struct delivery *d, const bool *which, bool ok);
	struct buf text;
	struct queue_entry entry;
	struct queue_recipient to;
	bool ok;
};

bool report_is_owed(const struct mail *m, const struct queue_entry *e, uint32_t i, enum report_kind kind)
{
	unsigned notify = e->recipients[i].notify;

	if (m->flags & MAIL_DSN || e->sender.n == 0 || notify & NOTIFY_NEVER)
		return false;
	switch (kind) {
	case REPORT_FAILED:
		return notify == 0 || notify & NOTIFY_FAILURE;
	case REPORT_DELAYED:
		return notify == 0 || notify & NOTIFY_DELAY;
	case REPORT_RELAYED:
		return notify & NOTIFY_SUCCESS;
	}
	return false;
}

/* The reply's own status when it is of the right class, else the class and nothing more. */
static struct str status_of(const struct job_rcpt *j, enum report_kind kind)
{
	static const char *const plain[] = {
		[REPORT_FAILED] = "5.0.0", [REPORT_DELAYED] = "4.0.0", [REPORT_RELAYED] = "2.0.0"};
	bool fits = j->enhanced[0] == plain[kind][0] || (kind == REPORT_FAILED && j->enhanced[0] == '4');

	return str_of(j->enhanced[0] && fits ? j->enhanced : plain[kind]);
}

/* "name[ip]:port" to "name", "ip:port" to "[ip]"; what Remote-MTA wants. */
static struct str remote_of(struct arena *a, const char *hop)
{
	struct str s = str_of(hop);
	ptrdiff_t bracket = str_chr(s, '['), colon = str_rchr(s, ':');

	if (bracket > 0)
		return str_sub(s, 0, (size_t)bracket);
	if (bracket == 0 || colon < 0)
		return str_sub(s, 0, colon < 0 ? s.n : (size_t)colon);
	return arena_printf(a, "[%.*s]", (int)colon, s.p);
}

static struct dsn_recipient *recipients_of(struct delivery *d, enum report_kind kind, const bool *which, size_t *ret_n)
{
	struct dsn_recipient *v = arena_array(d->arena, d->job.n, sizeof *v);
	size_t n = 0;

	for (size_t i = 0; i < d->job.n; i++) {
		const struct job_rcpt *j = &d->job.rcpts[i];
		const struct queue_recipient *q = &d->entry.recipients[j->index];
		if (!which[i])
			continue;
		v[n] = (struct dsn_recipient){.address = q->address, .orcpt = q->orcpt, .status = status_of(j, kind),
		    .is_reply = j->code && d->hop[0], .diagnostic = j->text};
		if (j->code)
			v[n].diagnostic = arena_printf(d->arena, "%d %.*s", j->code, STR_ARG(j->text));
		if (v[n].is_reply)
			v[n].remote = remote_of(d->arena, d->hop);
		n++;
	}
	*ret_n = n;
	return v;
}

static void report_text(struct report *p, enum report_kind kind, const bool *which)
{
	static const enum dsn_kind kinds[] = {
		[REPORT_FAILED] = DSN_FAILED, [REPORT_DELAYED] = DSN_DELAYED, [REPORT_RELAYED] = DSN_RELAYED};
	struct delivery *d = p->delivery;
	const struct relay *r = d->relay;
	int64_t lifetime = d->site ? d->site->route.lifetime_ms : r->defaults.lifetime_ms;
	struct dsn dsn = {.kind = kinds[kind], .hostname = r->hostname, .postmaster = r->config->postmaster,
	    .to = d->entry.sender, .id = str_of(p->entry.id), .message_id = str_of(d->entry.id),
	    .envid = d->entry.envid, .now = clock_now(), .arrived = d->entry.arrived,
	    .retry_until = d->entry.arrived + lifetime / 1000};

	dsn.recipients = recipients_of(d, kind, which, &dsn.n);
	dsn.is_whole = kind == REPORT_FAILED && d->entry.ret == DSN_RET_FULL && d->job.body.size <= WHOLE_MAX;
	dsn.original = dsn.is_whole ? body_start(d->arena, &d->job.body, WHOLE_MAX)
				    : body_headers(d->arena, &d->job.body, HEADERS_MAX);
	dsn_write(&dsn, &p->text, &p->entry.is_8bit);
}

static void log_report(const struct report *p)
{
	struct log_line l = log_start(p->ok ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR, "report");

	log_text(&l, "id", str_of(p->delivery->entry.id));
	log_text(&l, "report", str_of(p->entry.id));
	log_text(&l, "to", p->delivery->entry.sender);
	log_text(&l, "status", p->ok ? STR("queued") : STR("the queue did not take it"));
	log_end(&l);
}

static void report_end(void *arg)
{
	struct report *p = arg;
	struct relay *r = p->delivery->relay;

	log_report(p);
	r->reports--;
	r->reported += p->ok;
	r->more_waits |= p->ok; /* the next tick looks for it */
	buf_free(&p->text);
	p->done(p->delivery, p->which, p->ok);
	free(p->which);
	free(p);
}

static void on_commit(void *arg, enum queue_result result)
{
	struct report *p = arg;

	p->ok = result == QUEUE_OK;
	loop_post(p->delivery->relay->loop, report_end, p);
}

/* Who forges senders by the thousand must not make us their cannon: what is over waits. */
static bool may_report(struct relay *r, struct str sender)
{
	struct report_rate *rate = &r->report_rate;
	ptrdiff_t at = str_rchr(sender, '@');
	struct str domain = str_from(sender, (size_t)(at + 1));
	uint16_t *here = &rate->by_domain[str_ihash(domain) % REPORT_DOMAINS];
	int64_t minute = clock_now() / 60;

	if (rate->minute != minute)
		*rate = (struct report_rate){.minute = minute};
	if (rate->total >= r->config->reports || *here >= r->config->reports_domain)
		return false;
	rate->total++;
	++*here;
	return true;
}

void report_send(struct delivery *d, enum report_kind kind, const bool *which,
    void (*done)(struct delivery *d, const bool *which, bool ok))
{
	struct report *p;

	if (!may_report(d->relay, d->entry.sender)) {
		done(d, which, false);
		return;
	}
	p = calloc(1, sizeof *p);
	if (!p || !(p->which = malloc(d->job.n)))
		abort();
	memcpy(p->which, which, d->job.n);
	p->delivery = d;
	p->done = done;
	d->relay->reports++;
	id_make(p->entry.id);
	report_text(p, kind, which);
	p->to = (struct queue_recipient){.address = d->entry.sender, .notify = NOTIFY_NEVER};
	p->entry.arrived = clock_now();
	p->entry.is_dsn = true;
	p->entry.is_utf8 = !str_is_ascii(d->entry.sender);
	p->entry.recipients = &p->to;
	p->entry.recipient_count = 1;
	p->entry.data = buf_str(&p->text);
	p->entry.data_fd = -1;
	queue_submit(d->relay->writer, &p->entry, 1, on_commit, p);
}
