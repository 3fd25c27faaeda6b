/*
 * check_host() of RFC 7208: finds the record, walks its terms, follows include and redirect. The
 * parser is in spf_record.c, macros are in spf_macro.c. Recursion is as deep as the term limit.
 */
#include "auth/spf.h"

#include <assert.h>
#include <stdio.h>

#include "auth/spf_private.h"
#include "core/address.h"

const char *const spf_result_words[] = {"none", "neutral", "pass", "fail", "softfail", "temperror",
    "permerror", NULL};

/* What a term says: it matches, it does not, or the whole check ends with an error. */
enum match { MATCH_NO, MATCH_YES, MATCH_TEMP, MATCH_PERM };

static enum spf_result check_host(struct spf_state *st, struct str domain, unsigned depth,
    struct spf_report *report);

static enum match perm(struct spf_state *st, struct str problem)
{
	st->problem = problem;
	return MATCH_PERM;
}

/* Names of one label, of empty labels or too long ones are not looked up (RFC 7208 part 4.3). */
static bool name_is_usable(struct str name)
{
	struct str rest = name, label;
	unsigned labels = 0;

	if (rest.n && rest.p[rest.n - 1] == '.')
		rest.n--;
	if (rest.n == 0 || rest.n > SPF_NAME_MAX)
		return false;
	while (str_split(&rest, '.', &label)) {
		if (label.n == 0 || label.n > 63)
			return false;
		labels++;
	}
	return labels > 1;
}

/* Left-hand labels are dropped until the name fits (RFC 7208 part 7.3). */
static struct str shorten(struct str name)
{
	if (name.n && name.p[name.n - 1] == '.')
		name.n--;
	while (name.n > SPF_NAME_MAX) {
		ptrdiff_t dot = str_chr(name, '.');

		if (dot < 0)
			break;
		name = str_from(name, (size_t)dot + 1);
	}
	return name;
}

static const struct spf_limits *limits(const struct spf_state *st)
{
	static const struct spf_limits rfc = {SPF_TERMS_MAX, SPF_VOID_MAX};

	return st->query->limits ? st->query->limits : &rfc;
}

static struct str too_many_terms(const struct spf_state *st)
{
	return arena_printf(st->arena, "more than %lld terms that need look-ups", (long long)limits(st)->terms);
}

static enum match too_many_voids(struct spf_state *st)
{
	return perm(st, arena_printf(st->arena, "more than %lld void look-ups", (long long)limits(st)->voids));
}

/* Looks a mechanism's name up and counts void answers. */
static enum match look_up(struct spf_state *st, struct str name, enum dns_type type,
    const struct dns_answer **ret_answer)
{
	const struct dns_answer *answer = dns_get(st->dns, name, type);

	*ret_answer = answer;
	switch (answer->status) {
	case DNS_OK:
		return MATCH_YES;
	case DNS_NXDOMAIN:
	case DNS_NODATA:
		if (++st->voids > limits(st)->voids)
			return too_many_voids(st);
		return MATCH_NO;
	case DNS_BADNAME:
		return MATCH_NO;
	default:
		st->problem = arena_printf(st->arena, "%.*s: %s", STR_ARG(name),
		    dns_answer_problem(answer));
		return MATCH_TEMP;
	}
}

static bool term_domain(struct spf_state *st, struct str spec, struct str domain, struct str *ret_name)
{
	*ret_name = domain;
	if (spec.n == 0)
		return true;
	if (!spf_expand(st, spec, domain, ret_name))
		return false;
	*ret_name = shorten(*ret_name);
	return true;
}

/* ---- mechanisms ---- */

static enum match match_address(struct spf_state *st, const struct spf_term *term, struct str name)
{
	const struct ip *client = &st->query->client;
	const struct dns_answer *answer;
	enum match found = look_up(st, name, client->family == 6 ? DNS_AAAA : DNS_A, &answer);

	if (found != MATCH_YES)
		return found;
	for (size_t i = 0; i < answer->n; i++) {
		struct cidr net = {answer->records[i].ip, client->family == 6 ? term->bits6 : term->bits4};

		if (cidr_has(&net, client))
			return MATCH_YES;
	}
	return MATCH_NO;
}

static enum match match_mx(struct spf_state *st, const struct spf_term *term, struct str name)
{
	enum dns_type type = st->query->client.family == 6 ? DNS_AAAA : DNS_A;
	const struct dns_answer *answer;
	enum match found = look_up(st, name, DNS_MX, &answer);

	if (found != MATCH_YES)
		return found;
	if (answer->n > SPF_NAMES_MAX)
		return perm(st, arena_printf(st->arena, "%.*s has more than 10 MX records", STR_ARG(name)));
	for (size_t i = 0; i < answer->n; i++)
		dns_ask(st->dns, answer->records[i].name, type); /* all at once; awaited below */
	for (size_t i = 0; i < answer->n; i++) {
		found = match_address(st, term, answer->records[i].name);
		if (found != MATCH_NO)
			return found;
	}
	return MATCH_NO;
}

static bool name_leads_to(struct spf_state *st, struct str name)
{
	const struct ip *client = &st->query->client;
	const struct dns_answer *answer = dns_get(st->dns, name, client->family == 6 ? DNS_AAAA : DNS_A);

	for (size_t i = 0; answer->status == DNS_OK && i < answer->n; i++)
		if (ip_eq(&answer->records[i].ip, client))
			return true;
	return false;
}

void spf_validate_names(struct spf_state *st, bool count_void)
{
	const struct ip *client = &st->query->client;
	char reverse[72], name[96];
	const struct dns_answer *answer;
	size_t n;

	if (st->has_validated)
		return;
	st->has_validated = true;
	n = (size_t)snprintf(name, sizeof name, "%s.%s", ip_reverse(client, reverse).p,
	    client->family == 6 ? "ip6.arpa" : "in-addr.arpa");
	answer = dns_get(st->dns, (struct str){name, n}, DNS_PTR);
	if (answer->status != DNS_OK) {
		st->voids += count_void && (answer->status == DNS_NXDOMAIN || answer->status == DNS_NODATA);
		return;
	}
	n = answer->n < SPF_NAMES_MAX ? answer->n : SPF_NAMES_MAX;
	st->validated = arena_array(st->arena, n, sizeof *st->validated);
	for (size_t i = 0; i < n; i++)
		dns_ask(st->dns, answer->records[i].name, client->family == 6 ? DNS_AAAA : DNS_A);
	for (size_t i = 0; i < n; i++)
		if (name_leads_to(st, answer->records[i].name))
			st->validated[st->validated_count++] = answer->records[i].name;
}

static bool is_below(struct str name, struct str domain)
{
	return name.n > domain.n && str_iends(name, domain) && name.p[name.n - domain.n - 1] == '.';
}

struct str spf_validated_name(const struct spf_state *st, struct str domain, bool must_be_below)
{
	for (size_t i = 0; i < st->validated_count; i++)
		if (str_ieq(st->validated[i], domain))
			return st->validated[i];
	for (size_t i = 0; i < st->validated_count; i++)
		if (is_below(st->validated[i], domain))
			return st->validated[i];
	return st->validated_count && !must_be_below ? st->validated[0] : STR("");
}

static enum match match_ptr(struct spf_state *st, struct str name)
{
	spf_validate_names(st, true);
	if (st->voids > limits(st)->voids)
		return too_many_voids(st);
	return spf_validated_name(st, name, true).n ? MATCH_YES : MATCH_NO;
}

static enum match match_exists(struct spf_state *st, struct str name)
{
	const struct dns_answer *answer;

	return look_up(st, name, DNS_A, &answer);
}

/* RFC 7208 part 5.2: the table of results. */
static enum match match_include(struct spf_state *st, struct str name, unsigned depth)
{
	static const enum match table[] = {
	    [SPF_NONE] = MATCH_PERM,
	    [SPF_NEUTRAL] = MATCH_NO,
	    [SPF_PASS] = MATCH_YES,
	    [SPF_FAIL] = MATCH_NO,
	    [SPF_SOFTFAIL] = MATCH_NO,
	    [SPF_TEMPERROR] = MATCH_TEMP,
	    [SPF_PERMERROR] = MATCH_PERM,
	};
	enum spf_result result = check_host(st, name, depth + 1, NULL);

	if (result == SPF_NONE)
		st->problem = arena_printf(st->arena, "included %.*s has no SPF record", STR_ARG(name));
	return table[result];
}

static bool takes_look_up(enum spf_kind kind)
{
	return kind != SPF_ALL && kind != SPF_IP4 && kind != SPF_IP6;
}

static enum match match_term(struct spf_state *st, const struct spf_term *term, struct str domain, unsigned depth)
{
	struct str name;

	if (!takes_look_up(term->kind))
		return term->kind == SPF_ALL || cidr_has(&term->net, &st->query->client);
	if (++st->terms > limits(st)->terms)
		return perm(st, too_many_terms(st));
	if (!term_domain(st, term->domain, domain, &name))
		return perm(st, STR("a macro grows without bound"));
	switch (term->kind) {
	case SPF_INCLUDE:
		return match_include(st, name, depth);
	case SPF_A:
		return match_address(st, term, name);
	case SPF_MX:
		return match_mx(st, term, name);
	case SPF_PTR:
		return match_ptr(st, name);
	default:
		return match_exists(st, name);
	}
}

/* ---- records ---- */

static bool is_spf_record(struct str text)
{
	return str_istarts(text, STR("v=spf1")) && (text.n == 6 || text.p[6] == ' ');
}

/* The one SPF record of a name, without its version. */
static enum spf_result find_record(struct spf_state *st, struct str domain, struct str *ret_text)
{
	const struct dns_answer *answer = dns_get(st->dns, domain, DNS_TXT);
	unsigned found = 0;

	if (answer->status == DNS_NXDOMAIN || answer->status == DNS_NODATA || answer->status == DNS_BADNAME)
		return SPF_NONE;
	if (answer->status != DNS_OK) {
		st->problem = arena_printf(st->arena, "%.*s: %s", STR_ARG(domain),
		    dns_answer_problem(answer));
		return SPF_TEMPERROR;
	}
	for (size_t i = 0; i < answer->n; i++)
		if (is_spf_record(answer->records[i].data)) {
			*ret_text = str_from(answer->records[i].data, 6);
			found++;
		}
	if (found > 1) {
		st->problem = arena_printf(st->arena, "%.*s has more than one SPF record", STR_ARG(domain));
		return SPF_PERMERROR;
	}
	return found ? SPF_PASS : SPF_NONE;
}

/*
 * Starts what the terms ahead will ask, so that a record costs one round trip more, not one per
 * term. Stops at a term that decides without DNS, and at the term limit.
 */
static void ask_ahead(struct spf_state *st, const struct spf_record *r, struct str domain)
{
	enum dns_type address = st->query->client.family == 6 ? DNS_AAAA : DNS_A;
	unsigned terms = st->terms;

	for (size_t i = 0; i < r->n && terms < SPF_TERMS_MAX; i++) {
		const struct spf_term *t = &r->terms[i];
		struct str name = t->domain.n ? t->domain : domain;

		if (!takes_look_up(t->kind)) {
			if (t->kind == SPF_ALL || cidr_has(&t->net, &st->query->client))
				return;
			continue;
		}
		terms++;
		if (str_chr(name, '%') >= 0)
			continue;
		if (t->kind == SPF_INCLUDE)
			dns_ask(st->dns, shorten(name), DNS_TXT);
		else if (t->kind == SPF_A || t->kind == SPF_MX)
			dns_ask(st->dns, shorten(name), t->kind == SPF_A ? address : DNS_MX);
	}
}

/* RFC 7208 part 6.2: any fault on the way means no explanation. */
static void explain(struct spf_state *st, struct str spec, struct str domain, struct spf_report *report)
{
	const struct dns_answer *answer;
	struct str name, text;

	if (spec.n == 0 || !term_domain(st, spec, domain, &name))
		return;
	answer = dns_get(st->dns, name, DNS_TXT);
	if (answer->status != DNS_OK || answer->n != 1 ||
	    !spf_macro_is_valid(answer->records[0].data, true))
		return;
	st->is_explaining = true;
	if (spf_expand(st, answer->records[0].data, domain, &text) && str_is_ascii(text))
		report->explanation = arena_str(st->arena, text);
	st->is_explaining = false;
}

static enum spf_result follow_redirect(struct spf_state *st, const struct spf_record *r, struct str domain,
    unsigned depth, struct spf_report *report)
{
	enum spf_result result;
	struct str name;

	if (++st->terms > limits(st)->terms) {
		st->problem = too_many_terms(st);
		return SPF_PERMERROR;
	}
	if (!term_domain(st, r->redirect, domain, &name))
		return SPF_PERMERROR;
	result = check_host(st, name, depth + 1, report);
	if (result != SPF_NONE)
		return result;
	st->problem = arena_printf(st->arena, "%.*s has no SPF record", STR_ARG(r->redirect_text));
	return SPF_PERMERROR;
}

/* report is NULL inside an include: what decided there is not what the sender's domain wrote. */
static enum spf_result walk(struct spf_state *st, const struct spf_record *r, struct str domain,
    unsigned depth, struct spf_report *report)
{
	ask_ahead(st, r, domain);
	for (size_t i = 0; i < r->n; i++) {
		const struct spf_term *term = &r->terms[i];
		enum match found = match_term(st, term, domain, depth);

		if (found == MATCH_NO)
			continue;
		if (report)
			report->mechanism = term->text;
		if (found == MATCH_TEMP)
			return SPF_TEMPERROR;
		if (found == MATCH_PERM)
			return SPF_PERMERROR;
		if (report && term->qualifier == SPF_FAIL)
			explain(st, r->explain, domain, report);
		return term->qualifier;
	}
	return r->redirect.n ? follow_redirect(st, r, domain, depth, report) : SPF_NEUTRAL;
}

static enum spf_result check_host(struct spf_state *st, struct str domain, unsigned depth,
    struct spf_report *report)
{
	struct spf_record record;
	struct str text = STR_NONE;
	enum spf_result result;

	assert(depth <= SPF_TERMS_MAX + 1);
	if (!name_is_usable(domain))
		return SPF_NONE;
	result = find_record(st, domain, &text);
	if (result != SPF_PASS)
		return result;
	if (report && depth == 0)
		report->record = arena_printf(st->arena, "v=spf1%.*s", STR_ARG(text));
	if (!spf_record_parse(st->arena, text, &record, &st->problem))
		return SPF_PERMERROR;
	return walk(st, &record, domain, depth, report);
}

/* ---- the identity ---- */

/* Names of SMTPUTF8 are looked up in A-labels (RFC 7208 part 4.3). */
static struct str to_ascii(struct arena *a, struct str domain)
{
	struct str ascii;

	return !str_is_ascii(domain) && domain_to_ascii(a, domain, &ascii) ? ascii : domain;
}

static void set_identity(struct spf_state *st, struct spf_report *report)
{
	struct str sender = st->query->sender;
	ptrdiff_t at = str_rchr(sender, '@');

	report->identity = sender.n ? SPF_MAILFROM : SPF_HELO;
	st->local = at > 0 ? str_sub(sender, 0, (size_t)at) : STR("postmaster");
	st->sender_domain = sender.n ? str_from(sender, (size_t)(at + 1)) : st->query->helo;
	st->sender = arena_printf(st->arena, "%.*s@%.*s", STR_ARG(st->local), STR_ARG(st->sender_domain));
	st->sender_domain = to_ascii(st->arena, st->sender_domain);
	report->domain = str_lower(st->arena, st->sender_domain);
}

void spf_prefetch(struct dns_scope *dns, const struct spf_query *q)
{
	ptrdiff_t at = str_rchr(q->sender, '@');
	struct str domain = q->sender.n ? str_from(q->sender, (size_t)(at + 1)) : q->helo;
	struct arena *a = str_is_ascii(domain) ? NULL : arena_new(0);

	domain = a ? to_ascii(a, domain) : domain;
	if (name_is_usable(domain))
		dns_ask(dns, domain, DNS_TXT);
	arena_free(a);
}

void spf_check(struct arena *a, struct dns_scope *dns, const struct spf_query *q, struct spf_report *ret_report)
{
	struct spf_state st = {.arena = a, .dns = dns, .query = q};
	struct spf_report report = {.domain = STR(""), .mechanism = STR(""), .record = STR(""), .explanation = STR("")};

	set_identity(&st, &report);
	if (!dns || !q->client.family) {
		report.result = dns ? SPF_NONE : SPF_TEMPERROR;
		st.problem = dns ? STR("no client address") : STR("no resolver");
	} else {
		report.result = check_host(&st, st.sender_domain, 0, &report);
	}
	report.mechanism = arena_str(a, report.mechanism);
	if (report.result == SPF_TEMPERROR || report.result == SPF_PERMERROR)
		report.problem = st.problem;
	report.terms = st.terms;
	report.voids = st.voids;
	*ret_report = report;
}
