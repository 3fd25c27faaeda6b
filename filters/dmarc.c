/*
 * DMARC (RFC 9989): does the author's domain stand behind this message, and what does it ask for
 * where not? Works on what the filters spf and dkim found. It only asks: what is done is policy's.
 */
#include "auth/failure.h"
#include "core/address.h"
#include "core/chain.h"
#include "core/filter.h"
#include "core/url/url.h"

static const char *const dmarc_words[] = {"none", "pass", "fail", "temperror", "permerror", NULL};

static const struct fact_def dmarc_facts[] = {
    {"dmarc", FACT_WORD, STAGE_MESSAGE, dmarc_words, "DMARC result; permerror: the author cannot be told for certain"},
    {"dmarc.policy", FACT_WORD, STAGE_MESSAGE, dmarc_policy_words, "what the author's domain asks for when it fails (p, sp or np, after t=y)"},
    {"dmarc.published", FACT_WORD, STAGE_MESSAGE, dmarc_policy_words, "the same before t=y"},
    {"dmarc.disposition", FACT_WORD, STAGE_MESSAGE, dmarc_policy_words, "dmarc.policy when DMARC fails, else none"},
    {"dmarc.domain", FACT_TEXT, STAGE_MESSAGE, NULL, "domain whose record applies"},
    {"dmarc.author", FACT_TEXT, STAGE_MESSAGE, NULL, "domain in From"},
    {"dmarc.spf-aligned", FACT_BOOL, STAGE_MESSAGE, NULL, "SPF passes for the author's organization"},
    {"dmarc.dkim-aligned", FACT_BOOL, STAGE_MESSAGE, NULL, "a signature of the author's organization passes"},
    {"dmarc.list", FACT_BOOL, STAGE_MESSAGE, NULL,
	"comes from a mailing list: SPF or DKIM passes for the domain that its List-Id or List-Post names"},
    {"dmarc.reason", FACT_TEXT, STAGE_MESSAGE, NULL, "what is wrong, for permerror and temperror"},
    {0},
};

static const struct finding_def dmarc_findings[] = {
    {"dmarc.reject", 4.0, "fails DMARC; the author's domain asks for rejection"},
    {"dmarc.quarantine", 2.5, "fails DMARC; the author's domain asks for quarantine"},
    {"dmarc.fail", 0.5, "fails DMARC; the author's domain asks for nothing"},
    {"dmarc.author", 3.0, "From is missing, there twice, or can be read in more than one way"},
    {"dmarc.authors", 0.5, "From has addresses of several domains"},
    {0},
};

static bool has_filter(const struct chain *chain, const char *name)
{
	for (size_t i = 0; i < chain_length(chain); i++)
		if (strcmp(chain_at(chain, i)->filter->name, name) == 0)
			return true;
	return false;
}

struct dmarc_conf {
	struct report_conf report;
	struct store *store;
};

static const char *const method_names[] = {"tree-walk", "psl", NULL};

static bool dmarc_open(void *conf, const struct filter_env *env, struct conf_load *load, struct conf_place place)
{
	struct dmarc_conf *c = conf;
	struct address from;

	c->store = env->store;
	if (c->report.from.n && (address_parse(env->arena, c->report.from, false, &from) || !from.domain.n)) {
		conf_error(load, place, "report-from: '%.*s' is no address; expected one such as dmarc@%.*s", STR_ARG(c->report.from),
		    STR_ARG(env->hostname));
		return false;
	}
	if (env->chain && !has_filter(env->chain, "dkim"))
		conf_warning(load, place, "filter dmarc without filter dkim fails mail that is signed");
	if (env->chain && !has_filter(env->chain, "spf"))
		conf_warning(load, place, "filter dmarc without filter spf fails mail that is not signed");
	return domains_check(&c->report.skip, load);
}

static void dmarc_want(struct session *s, const void *conf)
{
	struct auth *auth = message_auth(s->message);

	auth->method = (enum dmarc_method)((const struct dmarc_conf *)conf)->report.method;
	if (!auth_is_submission(s))
		auth_start_dmarc(auth, filter_dns(s), &s->message->headers);
}

/* "Users <users.lists.example.org>" or "<mailto:users@lists.example.org?x>": the domain, "" none. */
static struct str list_domain(const struct headers *h, const char *name)
{
	const struct header *field = headers_get(h, name, 0);
	struct str text = field ? str_trim(field->value) : STR("");
	size_t n = 0;

	text = str_from(text, (size_t)(str_rchr(text, '<') + 1));
	text = str_from(text, (size_t)(str_rchr(text, '@') + 1));
	while (n < text.n && (is_alnum((unsigned char)text.p[n]) || text.p[n] == '-' || text.p[n] == '.' || text.p[n] == '_'))
		n++;
	return str_sub(text, 0, n);
}

static bool is_same_organization(struct str a, struct str b)
{
	return str_ieq(domain_registered(a), domain_registered(b));
}

static bool is_authenticated(const struct auth *auth, struct str domain)
{
	if (domain.n == 0)
		return false;
	if (auth->has_spf && auth->spf.result == SPF_PASS && is_same_organization(auth->spf.domain, domain))
		return true;
	for (size_t i = 0; auth->dkim && i < auth->dkim->n; i++)
		if (auth->dkim->v[i].result == AUTH_PASS && is_same_organization(auth->dkim->v[i].ascii, domain))
			return true;
	return false;
}

/*
 * A hint for policy that the failure may be a list's, not a forger's. The list must be who it says:
 * anybody can write that his mail comes from a list.
 */
static bool is_from_list(const struct session *s, const struct auth *auth)
{
	const struct headers *h = &s->message->headers;

	return is_authenticated(auth, list_domain(h, "List-Id")) || is_authenticated(auth, list_domain(h, "List-Post"));
}

static void set_facts(struct session *s, const struct auth *auth)
{
	const struct dmarc_report *r = &auth->dmarc;
	struct facts *f = FACTS(s);

	fact_set_word(f, "dmarc", auth_result_words[r->result]);
	fact_set_word(f, "dmarc.policy", dmarc_policy_words[r->policy]);
	fact_set_word(f, "dmarc.published", dmarc_policy_words[r->published]);
	fact_set_word(f, "dmarc.disposition", dmarc_policy_words[r->result == AUTH_FAIL ? r->policy : DMARC_POLICY_NONE]);
	fact_set_text(f, "dmarc.domain", r->domain);
	fact_set_text(f, "dmarc.author", r->author);
	fact_set_bool(f, "dmarc.spf-aligned", r->is_spf_aligned);
	fact_set_bool(f, "dmarc.dkim-aligned", r->is_dkim_aligned);
	fact_set_bool(f, "dmarc.list", is_from_list(s, auth));
	if (r->reason.n)
		fact_set_text(f, "dmarc.reason", r->reason);
}

static void add_findings(struct session *s, const struct auth *auth)
{
	static const char *const names[] = {"dmarc.fail", "dmarc.quarantine", "dmarc.reject"};
	const struct dmarc_report *r = &auth->dmarc;

	if (r->result == AUTH_FAIL)
		finding_add(s, names[r->policy], "nothing authenticated stands for %.*s (policy of %.*s: %s)",
		    STR_ARG(r->author), STR_ARG(r->domain), dmarc_policy_words[r->policy]);
	if (auth->authors.fault)
		finding_add(s, "dmarc.author", "%s", auth->authors.fault);
	if (auth->authors.n > 1)
		finding_add(s, "dmarc.authors", "From has %zu domains", auth->authors.n);
}

static enum outcome dmarc_run(struct session *s, const void *conf)
{
	struct auth *auth = message_auth(s->message);
	struct message *m = s->message;

	auth->method = (enum dmarc_method)((const struct dmarc_conf *)conf)->report.method;
	if (auth_is_submission(s)) {
		auth_done(s);
		return RUN_SKIP;
	}
	auth_start_dmarc(auth, filter_dns(s), &m->headers);
	auth_finish_dkim(auth, filter_dns(s), &m->headers, str_from(spool_data(m->spool), m->headers.body));
	auth_finish_dmarc(auth, filter_dns(s));
	set_facts(s, auth);
	add_findings(s, auth);
	auth_done(s);
	return RUN_OK;
}

/* What became of a message that fails, and why it is not what the domain asked for. */
static const char *disposition_of(const struct dmarc_report *r, enum verdict_kind kind)
{
	if (r->result == AUTH_PASS)
		return r->policy == DMARC_POLICY_NONE ? "none" : "pass";
	if (r->policy == DMARC_POLICY_REJECT && kind == VERDICT_REJECT)
		return "reject";
	if (r->policy != DMARC_POLICY_NONE && (kind == VERDICT_QUARANTINE || kind == VERDICT_REJECT))
		return "quarantine";
	return "none";
}

static const char *reason_of(const struct auth *auth, const char *disposition, bool is_list)
{
	const struct dmarc_report *r = &auth->dmarc;

	if (r->result == AUTH_PASS)
		return "";
	if (r->published != r->policy && strcmp(disposition, dmarc_policy_words[r->policy]) == 0)
		return "policy_test_mode";
	if (strcmp(disposition, dmarc_policy_words[r->policy]) == 0)
		return "";
	if (auth->arc && auth->arc->result == AUTH_PASS)
		return "trusted_forwarder";
	return is_list ? "mailing_list" : "local_policy";
}

/* Reports of others: answered by reports, they would go to and fro for ever. */
static bool is_report(const struct headers *h)
{
	const struct header *subject = headers_get(h, "Subject", 0), *type = headers_get(h, "Content-Type", 0);

	return (subject && str_istarts(str_trim(subject->value), STR("Report Domain:"))) ||
	    (type && str_istarts(str_trim(type->value), STR("multipart/report")));
}

/* Nor is a machine told that its mail fails, nor the null sender. */
static bool may_tell_of(const struct message *m)
{
	const struct header *automatic = headers_get(&m->headers, "Auto-Submitted", 0);

	return m->sender.text.n && !is_report(&m->headers) && (!automatic || str_iis(str_trim(automatic->value), "no"));
}

static const char *delivery_word(enum verdict_kind kind)
{
	return kind == VERDICT_ACCEPT ? "delivered" : kind == VERDICT_REJECT ? "reject" : kind == VERDICT_QUARANTINE ? "spam" : "other";
}

/* ---- counters ---- */

enum count { COUNT_EVALUATED, COUNT_PASS, COUNT_NONE, COUNT_QUARANTINE, COUNT_REJECT, COUNT_NO_POLICY, COUNT_ERROR, COUNTS };

static _Atomic uint64_t counts[COUNTS];

static const struct filter_counter dmarc_counters[] = {
    {"evaluated", &counts[COUNT_EVALUATED], "messages whose author's domain was asked for its policy"},
    {"pass", &counts[COUNT_PASS], "those that passed"},
    {"fail-none", &counts[COUNT_NONE], "those that failed and were taken"},
    {"fail-quarantine", &counts[COUNT_QUARANTINE], "those that failed and were set aside"},
    {"fail-reject", &counts[COUNT_REJECT], "those that failed and were refused"},
    {"no-policy", &counts[COUNT_NO_POLICY], "those whose domain has no policy"},
    {"error", &counts[COUNT_ERROR], "those of which nothing can be said: no answer, or a From field that names no one"}, {0}};

/* A failure counts by what became of the message. */
static enum count count_of(enum auth_result result, const char *disposition)
{
	if (result == AUTH_PASS)
		return COUNT_PASS;
	if (result == AUTH_NONE)
		return COUNT_NO_POLICY;
	if (result != AUTH_FAIL)
		return COUNT_ERROR;
	return *disposition == 'r' ? COUNT_REJECT : *disposition == 'q' ? COUNT_QUARANTINE : COUNT_NONE;
}

/* ---- what policy decided ---- */

static void dmarc_settle(struct session *s, const void *conf, enum stage stage, enum verdict_kind kind)
{
	const struct dmarc_conf *c = conf;
	const struct auth *auth = s->message ? s->message->auth : NULL;
	const char *disposition;

	if (stage != STAGE_MESSAGE || !auth || !auth->has_dmarc || kind == VERDICT_TEMPFAIL)
		return;
	disposition = disposition_of(&auth->dmarc, kind);
	counts[COUNT_EVALUATED]++;
	counts[count_of(auth->dmarc.result, disposition)]++;
	if (c->report.is_failure_on && may_tell_of(s->message))
		failure_note(c->store, &c->report, s, delivery_word(kind));
	if (!c->report.is_on || (auth->dmarc.result == AUTH_PASS && is_report(&s->message->headers)))
		return;
	report_count(c->store, auth, &s->client, s->message->sender.domain, disposition,
	    reason_of(auth, disposition, is_from_list(s, auth)));
}

#define AT(field) offsetof(struct dmarc_conf, field)
static const struct directive dmarc_directives[] = {
    {.name = "organizational-domain", .type = CONF_CHOICE, .offset = AT(report.method), .choices = method_names,
	.def = "tree-walk", .args = "tree-walk | psl",
	.help = "how it is found which domains belong together: by DNS records (RFC 9989) or by the public suffix list"},
    {.name = "report", .type = CONF_FLAG, .offset = AT(report.is_on), .def = "off", .args = "on | off",
	.help = "collect rows for aggregate reports (RFC 9990), which are sent every night"},
    {.name = "report-send", .type = CONF_FLAG, .offset = AT(report.is_sent), .def = "on", .args = "on | off",
	.help = "the daemon sends the reports itself; off: only reevectl dmarc report --send does"},
    {.name = "report-delay", .type = CONF_DURATION, .offset = AT(report.delay_ms), .def = "30m", .min = 60e3, .max = 23 * 3600e3,
	.args = "DURATION", .help = "how long after midnight UTC the reports about the day that ended are sent"},
    {.name = "report-size", .type = CONF_SIZE, .offset = AT(report.bytes_max), .def = "8M", .min = 4096, .max = 64 * 1024 * 1024,
	.args = "SIZE", .help = "XML of one report, before it is packed; what has no room is told of as a number"},
    {.name = "report-limit", .type = CONF_INT, .offset = AT(report.per_host), .def = "2000", .min = 1, .max = 1000000,
	.args = "NUMBER", .help = "reports of both kinds that one destination gets a day"},
    {.name = "report-from", .type = CONF_STRING, .offset = AT(report.from), .args = "ADDRESS",
	.help = "where reports come from; its domain should be signed for; default dmarc-noreply@HOSTNAME"},
    {.name = "report-organization", .type = CONF_STRING, .offset = AT(report.organization), .args = "NAME",
	.help = "who reports; default the host name"},
    {.name = "report-skip", .type = CONF_STRINGS, .offset = AT(report.skip), .args = "DOMAIN...", .repeats = true,
	.help = "domains that get no reports, of either kind"},
    {.name = "failure-report", .type = CONF_FLAG, .offset = AT(report.is_failure_on), .def = "off", .args = "on | off",
	.help = "tell domains that ask for it (ruf=) of single messages that fail (RFC 9991): they then see header fields of "
		"mail to our users, with the addresses of recipients replaced"},
    {.name = "failure-body", .type = CONF_SIZE, .offset = AT(report.failure_body), .def = "0", .max = 32 * 1024, .args = "SIZE",
	.help = "how much of the body such reports show, as it is; 0: header fields only"},
    {.name = "failure-limit", .type = CONF_INT, .offset = AT(report.failure_limit), .def = "10", .min = 1, .max = 1000,
	.args = "NUMBER", .help = "such reports an hour about one domain; alike failures are one report with a count"},
    {0},
};

const struct filter dmarc_filter = {
    .name = "dmarc",
    .help = "DMARC: does the domain in From stand behind the message, and what does it ask for where not",
    .directives = dmarc_directives,
    .conf_size = sizeof(struct dmarc_conf),
    .facts = dmarc_facts,
    .findings = dmarc_findings,
    .open = dmarc_open,
    .want = {[STAGE_HEADER] = dmarc_want},
    .run = {[STAGE_MESSAGE] = dmarc_run},
    .settle = dmarc_settle,
    .counters = dmarc_counters,
};
