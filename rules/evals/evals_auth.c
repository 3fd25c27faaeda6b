/*
 * Eval functions over what the filters spf, dkim, dmarc and arc found out before (rule_target.auth),
 * and the welcome lists that ask for their word.
 */
#include "rules/evals/evals_private.h"

unsigned rule_auth_kind_of(struct str filter)
{
	static const struct {
		const char *name;
		enum rule_auth_kind kind;
	} filters[] = {{"spf", RULE_AUTH_SPF}, {"dkim", RULE_AUTH_DKIM}, {"dmarc", RULE_AUTH_DMARC}, {"arc", RULE_AUTH_ARC}};

	for (size_t i = 0; i < sizeof filters / sizeof *filters; i++)
		if (str_is(filter, filters[i].name))
			return filters[i].kind;
	return 0;
}

static const struct rule_auth *auth_of(const struct eval_call *c)
{
	static const struct rule_auth nothing;

	return c->m->t->auth ? c->m->t->auth : &nothing;
}

/* ---- SPF: check_for_spf_RESULT, check_for_spf_helo_RESULT ---- */

static bool is_result(struct str result, struct str function, const char *prefix)
{
	return result.n && str_eq(result, str_from(function, strlen(prefix)));
}

static double spf_is(struct eval_call *c)
{
	return is_result(auth_of(c)->spf, c->rule->function, "check_for_spf_");
}

static double spf_helo_is(struct eval_call *c)
{
	return is_result(auth_of(c)->spf_helo, c->rule->function, "check_for_spf_helo_");
}

static double spf_skipped(struct eval_call *c)
{
	return !auth_of(c)->spf.n;
}

static bool sender_is_on(struct eval_call *c, enum eval_list list)
{
	struct str v[1];

	return eval_addresses(c, "EnvelopeFrom", v, 1) && text_set_has(c->m->rs->eval_data->lists[list], v[0]);
}

static double spf_welcome(struct eval_call *c)
{
	return str_is(auth_of(c)->spf, "pass") && sender_is_on(c, LIST_WELCOME_SPF);
}

static double spf_default_welcome(struct eval_call *c)
{
	return str_is(auth_of(c)->spf, "pass") && sender_is_on(c, LIST_DEF_WELCOME_SPF);
}

/* ---- DKIM ---- */

/* ".example.org" and "*.example.org" are the domain and what is below it. */
static bool is_acceptable(struct str domain, struct str accepted)
{
	if (str_starts(accepted, STR("*.")))
		accepted = str_from(accepted, 1);
	if (accepted.n < 2 || accepted.p[0] != '.')
		return str_ieq(domain, accepted);
	return str_iends(domain, accepted) || str_ieq(domain, str_from(accepted, 1));
}

static bool is_any_acceptable(struct eval_call *c, struct str domain)
{
	for (size_t i = 0; i < c->n; i++)
		if (is_acceptable(domain, c->args[i]))
			return true;
	return c->n == 0;
}

/* The d= of a signature field. */
static struct str signing_domain(struct str field)
{
	struct str tag;

	while (str_split(&field, ';', &tag)) {
		tag = str_trim(tag);
		if (tag.n > 2 && tag.p[0] == 'd' && str_trim(str_from(tag, 1)).p[0] == '=')
			return str_trim(str_from(tag, (size_t)str_chr(tag, '=') + 1));
	}
	return STR("");
}

size_t signer_domains(const struct matcher *m, struct str out[SIGNERS_MAX])
{
	static const char *const fields[] = {"DomainKey-Signature", "DKIM-Signature"};
	const struct header *h;
	size_t n = 0, k;

	for (size_t f = 0; f < 2 && !m->rs->no_signers; f++)
		for (size_t i = 0; n < SIGNERS_MAX && (h = headers_get(m->t->headers, fields[f], i)); i++) {
			struct str domain = str_lower(m->t->arena, signing_domain(h->value));
			for (k = 0; k < n && !str_eq(out[k], domain); k++)
				;
			if (k == n && domain.n && !memchr(domain.p, '\n', domain.n))
				out[n++] = domain;
		}
	return n;
}

static double dkim_signed(struct eval_call *c)
{
	const struct headers *headers = c->m->t->headers;
	const struct header *h;

	if (!auth_of(c)->dkim_count)
		return 0;
	for (size_t i = 0; (h = headers_get(headers, "DKIM-Signature", i)); i++)
		if (is_any_acceptable(c, signing_domain(h->value)))
			return 1;
	return 0;
}

static double dkim_valid(struct eval_call *c)
{
	const struct rule_auth *auth = auth_of(c);

	for (size_t i = 0; i < auth->dkim_domain_count; i++) {
		if (is_any_acceptable(c, auth->dkim_domains[i])) {
			c->text = auth->dkim_domains[i];
			return 1;
		}
	}
	return 0;
}

static struct str domain_of(struct str address)
{
	return str_from(address, (size_t)(str_rchr(address, '@') + 1));
}

static size_t authors_of(struct eval_call *c, struct str *out, size_t most)
{
	return eval_addresses(c, "From", out, most);
}

static double dkim_author(struct eval_call *c)
{
	const struct rule_auth *auth = auth_of(c);
	struct str v[EVAL_ADDRESSES_MAX];
	size_t n = auth->dkim_domain_count ? authors_of(c, v, EVAL_ADDRESSES_MAX) : 0;

	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < auth->dkim_domain_count; k++)
			if (str_ieq(domain_of(v[i]), auth->dkim_domains[k]) && is_any_acceptable(c, auth->dkim_domains[k]))
				return 1;
	return 0;
}

static double dkim_sender(struct eval_call *c)
{
	const struct rule_auth *auth = auth_of(c);
	struct str v[1];

	if (!auth->dkim_domain_count || !eval_addresses(c, "EnvelopeFrom", v, 1))
		return 0;
	for (size_t k = 0; k < auth->dkim_domain_count; k++)
		if (str_ieq(domain_of(v[0]), auth->dkim_domains[k]))
			return 1;
	return 0;
}

static double dkim_dependable(struct eval_call *c)
{
	return auth_of(c)->dkim_count > 0 && !str_is(auth_of(c)->dkim, "temperror");
}

static double dkim_testing(struct eval_call *c)
{
	return auth_of(c)->is_dkim_test;
}

static double never(struct eval_call *c)
{
	(void)c;
	return 0;
}

/* Author and maybe signing domain; without one it must be the author's own. */
static bool is_signed_by(const struct eval_call *c, const struct rcvd_entry *e, struct str author)
{
	const struct rule_auth *auth = auth_of(c);
	struct str wanted = e->host.n ? domain_of(e->host) : domain_of(author);

	for (size_t i = 0; i < auth->dkim_domain_count; i++) {
		struct str d = auth->dkim_domains[i];
		bool below = str_starts(wanted, STR(".")) || str_starts(wanted, STR("*."));
		if (below ? str_iends(d, str_from(wanted, wanted.p[0] == '*')) : str_ieq(d, wanted))
			return true;
	}
	return false;
}

static double dkim_listed(struct eval_call *c, const struct rcvd_entry *list)
{
	struct str v[EVAL_ADDRESSES_MAX];
	size_t n = list && auth_of(c)->dkim_domain_count ? authors_of(c, v, EVAL_ADDRESSES_MAX) : 0;

	for (const struct rcvd_entry *e = list; n && e; e = e->next)
		for (size_t i = 0; i < n; i++)
			if (str_glob(v[i], e->address) && is_signed_by(c, e, v[i])) {
				c->text = v[i];
				return 1;
			}
	return 0;
}

static double dkim_welcome(struct eval_call *c)
{
	return dkim_listed(c, c->m->rs->eval_data->dkim);
}

static double dkim_default_welcome(struct eval_call *c)
{
	return dkim_listed(c, c->m->rs->eval_data->def_dkim);
}

/* ---- DMARC, ARC ---- */

static double dmarc_pass(struct eval_call *c)
{
	return str_is(auth_of(c)->dmarc, "pass");
}

static double dmarc_missing(struct eval_call *c)
{
	return str_is(auth_of(c)->dmarc, "none");
}

/* check_dmarc_reject, _quarantine, _none: fails, and that is what the author's domain asks for. */
static double dmarc_asks(struct eval_call *c)
{
	return str_is(auth_of(c)->dmarc, "fail") &&
	       is_result(auth_of(c)->dmarc_policy, c->rule->function, "check_dmarc_");
}

static double arc_signed(struct eval_call *c)
{
	return auth_of(c)->arc_count > 0 && c->n == 0;
}

static double arc_valid(struct eval_call *c)
{
	return str_is(auth_of(c)->arc, "pass") && c->n == 0;
}

const struct eval_def eval_auth_table[] = {
    {"check_arc_signed", arc_signed, NULL},
    {"check_arc_valid", arc_valid, NULL},
    {"check_dkim_dependable", dkim_dependable, NULL},
    {"check_dkim_signed", dkim_signed, NULL},
    {"check_dkim_signsome", never, NULL}, /* as 4.0.1: author policies of that kind are history */
    {"check_dkim_testing", dkim_testing, NULL},
    {"check_dkim_valid", dkim_valid, NULL},
    {"check_dkim_valid_author_sig", dkim_author, NULL},
    {"check_dkim_valid_envelopefrom", dkim_sender, NULL},
    {"check_dkim_verified", dkim_valid, NULL},
    {"check_dmarc_missing", dmarc_missing, NULL},
    {"check_dmarc_none", dmarc_asks, NULL},
    {"check_dmarc_pass", dmarc_pass, NULL},
    {"check_dmarc_quarantine", dmarc_asks, NULL},
    {"check_dmarc_reject", dmarc_asks, NULL},
    {"check_for_def_dkim_welcomelist_from", dkim_default_welcome, NULL},
    {"check_for_def_dkim_whitelist_from", dkim_default_welcome, NULL},
    {"check_for_def_spf_welcomelist_from", spf_default_welcome, NULL},
    {"check_for_def_spf_whitelist_from", spf_default_welcome, NULL},
    {"check_for_dkim_welcomelist_from", dkim_welcome, NULL},
    {"check_for_dkim_whitelist_from", dkim_welcome, NULL},
    {"check_for_spf_fail", spf_is, NULL},
    {"check_for_spf_helo_fail", spf_helo_is, NULL},
    {"check_for_spf_helo_neutral", spf_helo_is, NULL},
    {"check_for_spf_helo_none", spf_helo_is, NULL},
    {"check_for_spf_helo_pass", spf_helo_is, NULL},
    {"check_for_spf_helo_permerror", spf_helo_is, NULL},
    {"check_for_spf_helo_softfail", spf_helo_is, NULL},
    {"check_for_spf_helo_temperror", spf_helo_is, NULL},
    {"check_for_spf_neutral", spf_is, NULL},
    {"check_for_spf_none", spf_is, NULL},
    {"check_for_spf_pass", spf_is, NULL},
    {"check_for_spf_permerror", spf_is, NULL},
    {"check_for_spf_softfail", spf_is, NULL},
    {"check_for_spf_temperror", spf_is, NULL},
    {"check_for_spf_welcomelist_from", spf_welcome, NULL},
    {"check_for_spf_whitelist_from", spf_welcome, NULL},
    {"check_spf_skipped_noenvfrom", spf_skipped, NULL},
    {NULL, NULL, NULL},
};

static const struct {
	const char *part, *filter;
	unsigned kind;
} needs[] = {
    {"_spf_", "sender authentication: it needs filter spf before filter rules", RULE_AUTH_SPF},
    {"_dkim_", "sender authentication: it needs filter dkim before filter rules", RULE_AUTH_DKIM},
    {"_dmarc_", "sender authentication: it needs filter dmarc before filter rules", RULE_AUTH_DMARC},
    {"_arc_", "sender authentication: it needs filter arc before filter rules", RULE_AUTH_ARC},
};

const char *eval_needs(const struct eval_def *def, unsigned auth)
{
	const struct eval_def *d = eval_auth_table;

	while (d->name && d != def)
		d++;
	for (size_t i = 0; d->name && i < sizeof needs / sizeof *needs; i++)
		if (strstr(def->name, needs[i].part))
			return auth & needs[i].kind ? NULL : needs[i].filter;
	return NULL;
}
