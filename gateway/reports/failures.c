/* Failure reports: turns notes (auth/failure.h) into messages, for those destinations that agreed. */
#include "gateway/reports/reports.h"

enum { QUERIES = 60, TIMEOUT_MS = 4000 };

struct run {
	struct reports *reports;
	size_t sent;
};

/* False: the DNS could not be asked, the note stays. */
static bool find_destinations(struct reports *r, struct arena *a, const struct failure_note *note, struct str *to, size_t *ret_n)
{
	static const struct dns_limits limits = {.queries = QUERIES, .timeout_ms = TIMEOUT_MS};
	struct dns_scope *scope = dns_scope_new(r->dns, &limits, NULL, NULL);
	enum res res = report_addresses(a, scope, REPORT_FAILURE, note->domain, note->ruf, to, REPORTS_ADDRESSES_MAX, ret_n);

	dns_scope_free(scope);
	if (res == RES_OK)
		*ret_n = reports_limit(r, a, to, *ret_n);
	return res == RES_OK;
}

static void deal_with(struct run *run, struct arena *a, const struct failure_note *note)
{
	struct reports *r = run->reports;
	struct str to[REPORTS_ADDRESSES_MAX], message_id;
	char id[ID_TEXT_MAX];
	size_t n = 0;

	if (reports_skips(r, note->domain)) {
		failure_done(r->store, note, false);
		return;
	}
	if (!find_destinations(r, a, note, to, &n))
		return;
	if (n == 0) {
		failure_done(r->store, note, true); /* nobody: not asked again for a while */
		return;
	}
	reports_make_id(id);
	message_id = arena_printf(a, "%s.dmarc@%.*s", id, STR_ARG(r->snapshot->config->hostname));
	if (!reports_queue(r, id, failure_mail(a, note, reports_from(r, a), message_id, to, n), to, n))
		return;
	failure_done(r->store, note, true);
	run->sent++;
}

static bool each(void *arg, const struct failure_note *note)
{
	struct run *run = arg;
	struct arena *a = arena_new(0);

	if (failure_is_due(note))
		deal_with(run, a, note);
	arena_free(a);
	return !run->reports->ends || !*run->reports->ends;
}

size_t reports_failures(struct reports *r)
{
	struct run run = {.reports = r};

	failure_each(r->store, each, &run);
	store_flush(r->store);
	return run.sent;
}
