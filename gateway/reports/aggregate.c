/*
 * Aggregate reports of a day. Table "dmarc-sent": DAY TAB DOMAIN = id of the queue's entry (about to be
 * handed over) or "1" (done); DAY = "1" when nothing of the day is left.
 */
#include "gateway/reports/reports.h"

#include "lib/clock.h"

enum {
	DOMAINS_MAX = 100000,
	QUERIES = 60,
	TIMEOUT_MS = 4000, /* of the DNS, for one report: the process must come to an end when told to */
	SENT_KEEP_SECONDS = 30 * 86400,
	PATIENCE_SECONDS = 2 * 86400, /* then a destination that cannot be looked up is left out */
};

static const char sent_table[] = "dmarc-sent";

const char *const report_state_words[] = {"ready", "nobody", "later", "queued", "sent", "limit", NULL};

static bool mark(struct reports *r, struct str key, struct str value)
{
	return store_put(r->store, sent_table, key, value, SENT_KEEP_SECONDS) == RES_OK && store_flush(r->store) == RES_OK;
}

/* RES_OK: it was. An id alone is of one who was interrupted: the queue knows. */
static enum res was_sent(struct reports *r, struct arena *a, struct str key)
{
	struct store_entry entry;
	enum res res = store_get(r->store, sent_table, key, a, &entry);

	if (res != RES_OK || str_is(entry.value, "1"))
		return res;
	res = reports_is_queued(r, entry.value);
	if (res == RES_OK && !mark(r, key, STR("1")))
		return RES_TEMP;
	return res;
}

static enum report_state send_report(struct reports *r, struct arena *a, const struct report_meta *meta, struct str xml, struct str key,
    struct str *to, size_t n)
{
	char id[ID_TEXT_MAX];

	n = reports_limit(r, a, to, n);
	if (n == 0)
		return mark(r, key, STR("1")) ? REPORT_LIMIT : REPORT_LATER;
	reports_make_id(id);
	if (!mark(r, key, str_of(id)) || !reports_queue(r, id, report_mail(a, meta, xml, to, n), to, n))
		return REPORT_LATER;
	mark(r, key, STR("1"));
	return REPORT_QUEUED;
}

static enum report_state state_of(struct reports *r, struct arena *a, const struct report_meta *meta, struct str day, struct str xml,
    struct str *to, size_t n, bool is_complete)
{
	struct str key = arena_printf(a, "%.*s\t%.*s", STR_ARG(day), STR_ARG(meta->domain));
	enum res sent = was_sent(r, a, key);

	if (sent != RES_NONE)
		return sent == RES_OK ? REPORT_SENT : REPORT_LATER;
	if (!is_complete && (n == 0 || clock_now() < meta->end + PATIENCE_SECONDS))
		return REPORT_LATER;
	if (n == 0)
		return REPORT_NOBODY;
	return r->writer ? send_report(r, a, meta, xml, key, to, n) : REPORT_READY;
}

static enum report_state report_on(struct reports *r, struct str day, struct str domain, const struct reports_watch *watch)
{
	static const struct dns_limits limits = {.queries = QUERIES, .timeout_ms = TIMEOUT_MS};
	struct dns_scope *scope = dns_scope_new(r->dns, &limits, NULL, NULL);
	struct arena *a = arena_new(0);
	struct report_meta meta = {.domain = domain, .receiver = r->snapshot->config->hostname, .email = reports_from(r, a),
	    .organization = r->conf->organization, .method = (enum dmarc_method)r->conf->method, .bytes_max = r->conf->bytes_max};
	struct report_item item = {.meta = &meta, .state = REPORT_NOBODY};
	struct str to[REPORTS_ADDRESSES_MAX];

	if (meta.organization.n == 0)
		meta.organization = meta.receiver;
	if (report_make(a, r->store, day, &meta, &item.xml)) {
		enum res res = report_addresses(a, scope, REPORT_AGGREGATE, domain, meta.record.rua, to, REPORTS_ADDRESSES_MAX, &item.n);

		item.to = to;
		item.state = state_of(r, a, &meta, day, item.xml, to, item.n, res == RES_OK);
		watch->each(watch->arg, &item);
	}
	arena_free(a);
	dns_scope_free(scope);
	return item.state;
}

/* ---- all of them ---- */

struct collection {
	const struct reports *reports;
	const struct reports_watch *watch;
	struct arena *arena;
	struct str *v;
	size_t n, room;
};

static bool collect(void *arg, struct str domain)
{
	struct collection *c = arg;

	if (reports_skips(c->reports, domain) || (c->watch->wants && !c->watch->wants(c->watch->arg, domain)))
		return true;
	if (c->n == c->room) {
		struct str *more = arena_array(c->arena, c->room ? c->room * 2 : 64, sizeof *more);

		if (c->n)
			memcpy(more, c->v, c->n * sizeof *more);
		c->v = more;
		c->room = c->room ? c->room * 2 : 64;
	}
	c->v[c->n++] = arena_str(c->arena, domain);
	return c->n < DOMAINS_MAX;
}

enum res reports_day(struct reports *r, struct str day, const struct reports_watch *watch)
{
	struct collection c = {.reports = r, .watch = watch, .arena = arena_new(0)};
	enum res res = report_domains(r->store, day, collect, &c) == RES_TEMP ? RES_TEMP : RES_OK;

	for (size_t i = 0; i < c.n; i++) {
		if (r->ends && *r->ends)
			res = RES_TEMP;
		else if (report_on(r, day, c.v[i], watch) == REPORT_LATER)
			res = RES_TEMP;
	}
	if (res == RES_OK && r->writer && !watch->wants && !str_eq(day, report_day(c.arena, clock_now())))
		mark(r, day, STR("1"));
	arena_free(c.arena);
	return res;
}

bool reports_day_is_done(const struct reports *r, struct str day)
{
	return store_has(r->store, sent_table, day) == RES_OK;
}
