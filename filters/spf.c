/*
 * SPF (RFC 7208): asks at HELO and MAIL whether the client may use the names it gave. What `fail`
 * means is policy's; the explanation that the domain wrote is there for its reply.
 */
#include "auth/auth.h"
#include "core/filter.h"

enum { EXPLANATION_MAX = 400, QUOTED_MAX = 320 };

struct spf_conf {
	bool check_helo, add_received;
	struct conf_cidrs skip;
	struct spf_limits limits;
};

static const char *const identity_words[] = {"mailfrom", "helo", NULL};

static const struct fact_def spf_facts[] = {
    {"spf.helo", FACT_WORD, STAGE_HELO, spf_result_words, "SPF result for the HELO name"},
    {"spf", FACT_WORD, STAGE_MAIL, spf_result_words, "SPF result for the sender (for the HELO name when the sender is null)"},
    {"spf.domain", FACT_TEXT, STAGE_MAIL, NULL, "the domain that was checked"},
    {"spf.identity", FACT_WORD, STAGE_MAIL, identity_words, "where that domain came from"},
    {"spf.mechanism", FACT_TEXT, STAGE_MAIL, NULL, "the term of the record that decided"},
    {"spf.explanation", FACT_TEXT, STAGE_MAIL, NULL, "why it failed: in the words of the domain, or in ours"},
    {"spf.reason", FACT_TEXT, STAGE_MAIL, NULL, "what is wrong with the record, or which look-up failed"},
    {0},
};

static const struct finding_def spf_findings[] = {
    {"spf.fail", 3.0, "the domain says that this client must not send for it"},
    {"spf.softfail", 1.0, "the domain says that this client probably must not send for it"},
    {"spf.permerror", 0.8, "the SPF record of the domain is broken"},
    {"spf.helo-fail", 1.0, "the HELO name says that this client must not use it"},
    {"spf.none", 0.2, "the domain has no SPF record"},
    {0},
};

#define AT(field) offsetof(struct spf_conf, field)
static const struct directive spf_directives[] = {
    {.name = "helo", .type = CONF_FLAG, .offset = AT(check_helo), .def = "on", .args = "on | off",
	.help = "check the HELO name too (RFC 7208 part 2.3)"},
    {.name = "received-spf", .type = CONF_FLAG, .offset = AT(add_received), .def = "off", .args = "on | off",
	.help = "add a Received-SPF field (RFC 7208 part 9.1)"},
    {.name = "skip", .type = CONF_CIDRS, .offset = AT(skip), .args = "NETWORK...", .repeats = true,
	.help = "clients that are not checked: own relays, backup MX"},
    {.name = "lookups", .type = CONF_INT, .offset = AT(limits.terms), .def = "10", .min = 1, .max = 50, .args = "NUMBER",
	.help = "terms of a record, included ones too, that need look-ups; more is a permerror"},
    {.name = "void-lookups", .type = CONF_INT, .offset = AT(limits.voids), .def = "2", .min = 0, .max = 50, .args = "NUMBER",
	.help = "look-ups for a record that find nothing; more is a permerror"},
    {0},
};

static bool is_skipped(const struct session *s, const struct spf_conf *conf)
{
	if (s->auth_user.n || s->client.family == 0)
		return true;
	for (size_t i = 0; i < conf->skip.n; i++)
		if (cidr_has(&conf->skip.v[i], &s->client))
			return true;
	return false;
}

static struct spf_query query_for(const struct session *s, const struct spf_conf *c, struct str sender)
{
	return (struct spf_query){.client = s->client, .helo = s->helo, .sender = sender, .receiver = s->hostname,
	    .limits = &c->limits};
}

static void spf_want_helo(struct session *s, const void *conf)
{
	const struct spf_conf *c = conf;
	struct spf_query q = query_for(s, c, STR(""));

	if (c->check_helo && !is_skipped(s, c))
		spf_prefetch(filter_dns(s), &q);
}

static enum outcome spf_run_helo(struct session *s, const void *conf)
{
	const struct spf_conf *c = conf;
	struct spf_query q = query_for(s, c, STR(""));
	struct spf_report report;

	if (!c->check_helo || is_skipped(s, c) || !filter_dns(s))
		return RUN_SKIP;
	spf_check(filter_arena(s), filter_dns(s), &q, &report);
	fact_set_word(FACTS(s), "spf.helo", spf_result_words[report.result]);
	if (report.result == SPF_FAIL)
		finding_add(s, "spf.helo-fail", "%.*s does not let this client use its name", STR_ARG(report.domain));
	return RUN_OK;
}

static void spf_want(struct session *s, const void *conf)
{
	struct spf_query q = query_for(s, conf, s->message->sender.text);

	if (!is_skipped(s, conf))
		spf_prefetch(filter_dns(s), &q);
}

/* The domain's words are its own: the reader of a bounce must see that they are not ours. */
static struct str explanation_text(struct session *s, const struct spf_report *report)
{
	char ip[IP_TEXT_MAX];

	if (report->explanation.n)
		return arena_printf(filter_arena(s), "%.*s explains: %.*s", STR_ARG(report->domain),
		    STR_ARG(str_sub(report->explanation, 0, EXPLANATION_MAX)));
	return arena_printf(filter_arena(s), "%.*s does not let %s send for it", STR_ARG(report->domain),
	    ip_format(&s->client, ip).p);
}

static void set_facts(struct session *s, const struct spf_report *report)
{
	struct facts *f = FACTS(s);

	fact_set_word(f, "spf", spf_result_words[report->result]);
	fact_set_text(f, "spf.domain", report->domain);
	fact_set_word(f, "spf.identity", identity_words[report->identity]);
	fact_set_text(f, "spf.mechanism", report->mechanism);
	if (report->result == SPF_FAIL)
		fact_set_text(f, "spf.explanation", explanation_text(s, report));
	if (report->problem.n)
		fact_set_text(f, "spf.reason", report->problem);
}

static void add_finding(struct session *s, const struct spf_report *report)
{
	char text[IP_TEXT_MAX];
	const char *ip = ip_format(&s->client, text).p;

	if (report->result == SPF_FAIL)
		finding_add(s, "spf.fail", "%s is not permitted by %.*s (%.*s)", ip, STR_ARG(report->domain),
		    STR_ARG(report->mechanism));
	else if (report->result == SPF_SOFTFAIL)
		finding_add(s, "spf.softfail", "%s is probably not permitted by %.*s (%.*s)", ip, STR_ARG(report->domain),
		    STR_ARG(report->mechanism));
	else if (report->result == SPF_PERMERROR)
		finding_add(s, "spf.permerror", "%.*s: %.*s", STR_ARG(report->domain), STR_ARG(report->problem));
	else if (report->result == SPF_NONE)
		finding_add(s, "spf.none", "%.*s has no SPF record", STR_ARG(report->domain));
}

static enum outcome spf_run(struct session *s, const void *conf)
{
	struct spf_query q = query_for(s, conf, s->message->sender.text);
	struct auth *auth = message_auth(s->message);

	if (is_skipped(s, conf))
		return RUN_SKIP;
	if (!filter_dns(s)) {
		filter_failed(s, "no resolver");
		return RUN_TEMP;
	}
	spf_check(filter_arena(s), filter_dns(s), &q, &auth->spf);
	auth->has_spf = true;
	auth->sender = q.sender;
	set_facts(s, &auth->spf);
	add_finding(s, &auth->spf);
	return RUN_OK;
}

/* The client's words in a quoted string: nothing in them can end it. */
static void add_quoted(struct buf *out, const char *key, struct str value)
{
	buf_addf(out, " %s=", key);
	buf_add_quoted(out, str_sub(value, 0, QUOTED_MAX));
}

static void add_received(struct session *s, const struct auth *auth)
{
	static const char *const words[] = {"None", "Neutral", "Pass", "Fail", "SoftFail", "TempError", "PermError"};
	struct arena *a = filter_arena(s);
	struct buf out = {0};
	char ip[IP_TEXT_MAX];

	buf_addf(&out, "%s\r\n\tclient-ip=%s;", words[auth->spf.result], ip_format(&s->client, ip).p);
	add_quoted(&out, "envelope-from", s->message->sender.text);
	buf_adds(&out, ";\r\n");
	add_quoted(&out, "helo", s->helo);
	buf_addf(&out, ";\r\n\tidentity=%s; receiver=%.*s;", identity_words[auth->spf.identity], STR_ARG(s->hostname));
	if (auth->spf.mechanism.n)
		add_quoted(&out, "mechanism", auth->spf.mechanism);
	edit_add_header(&s->message->edits, a, STR("Received-SPF"), buf_take(&out, a));
}

static enum outcome spf_run_message(struct session *s, const void *conf)
{
	const struct spf_conf *c = conf;

	if (c->add_received && message_auth(s->message)->has_spf)
		add_received(s, message_auth(s->message));
	auth_done(s);
	return RUN_OK;
}

const struct filter spf_filter = {
    .name = "spf",
    .help = "Sender Policy Framework: may this client send for that domain",
    .directives = spf_directives,
    .conf_size = sizeof(struct spf_conf),
    .facts = spf_facts,
    .findings = spf_findings,
    .want = {[STAGE_HELO] = spf_want_helo, [STAGE_MAIL] = spf_want},
    .run = {[STAGE_HELO] = spf_run_helo, [STAGE_MAIL] = spf_run, [STAGE_MESSAGE] = spf_run_message},
};
