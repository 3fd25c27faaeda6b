/*
 * The filter `rules`: SpamAssassin-format rule files over each message. It fills in what the rules
 * look at, runs the compiled set (rules/) and turns hits into findings and facts. The engine knows
 * limits; what they cut off is a fact too, so that a policy can tell "no hit" from "not looked".
 */
#include "core/filter.h"

#include <stdatomic.h>

#include "core/chain.h"
#include "core/content/content.h"
#include "core/content/mime.h"
#include "rules/ruleset.h"

enum { SCORE_SET_AUTO = RULE_SCORE_SETS };

static const char *const score_sets[] = {"0", "1", "2", "3", "auto", NULL};

struct rules_filter_conf {
	struct conf_strings load;
	bool report_subrules, has_network;
	int64_t budget_ms, match_limit;
	int64_t lookups, network_ms;
	int score_set;	/* of score_sets */
	unsigned auth;	/* enum rule_auth_kind: filters before this one */
	struct conf_cidrs trusted, internal;
	struct ruleset *set;
};

/* Filters that run before this one: what they found, rules can ask for. */
static unsigned checks_before(const struct chain *chain, const void *conf)
{
	unsigned found = 0;

	for (size_t i = 0; i < chain_length(chain) && chain_at(chain, i)->conf != conf; i++)
		found |= rule_auth_kind_of(str_of(chain_at(chain, i)->filter->name));
	return found;
}

/* Without a word the scores are those with network tests where rules may ask. */
static unsigned score_set(const struct rules_filter_conf *conf)
{
	return conf->score_set == SCORE_SET_AUTO ? conf->has_network : (unsigned)conf->score_set;
}

static bool rules_open(void *arg, const struct filter_env *env, struct conf_load *load, struct conf_place place)
{
	struct rules_filter_conf *conf = arg;
	struct ruleset_options options;
	struct ruleset_builder *b = ruleset_start(env->arena, load);
	size_t before = load->errors;

	conf->auth = checks_before(env->chain, conf);
	options = (struct ruleset_options){
	    .score_set = score_set(conf), .trusted = conf->trusted, .internal = conf->internal,
	    .has_network = conf->has_network, .auth = conf->auth};
	ruleset_allow_network(b, conf->has_network);
	if (conf->load.n == 0)
		conf_warning(load, place, "filter rules has no rule files; add load \"FILES\"");
	for (size_t i = 0; i < conf->load.n; i++)
		ruleset_load_glob(b, arena_cstr(env->arena, conf->load.v[i].text), conf->load.v[i].place);
	conf->set = ruleset_finish(b, &options);
	return load->errors == before;
}

/*
 * A stored message knows its envelope only by its fields, unless a sender was given; the rules read
 * those themselves, with more doubts about Return-Path than the scan has.
 */
static bool is_sender_known(const struct session *s)
{
	const struct header *path = headers_get(&s->message->headers, "Return-Path", 0);
	struct str sender = s->message->sender.text;

	if (s->face != FACE_SCAN)
		return true;
	return sender.n > 0 && !(path && str_find(path->value, sender) >= 0);
}

static struct str text_of(struct session *s, const char *fact)
{
	const struct fact *f = fact_find(&s->message->facts, fact);

	if (!f)
		f = fact_find(&s->facts, fact);
	return f ? f->u.text : STR("");
}

static int64_t number_of(struct session *s, const char *fact)
{
	const struct fact *f = fact_find(&s->message->facts, fact);

	return f ? f->u.integer : 0;
}

static const struct rule_auth *auth_of(struct session *s)
{
	struct rule_auth *auth = arena_alloc(s->message->arena, sizeof *auth);
	const struct fact *domains = fact_find(&s->message->facts, "dkim.domains");
	const struct fact *test = fact_find(&s->message->facts, "dkim.testing");

	/* Rules about the sender mean the envelope's; the greeting has its own. */
	if (str_is(text_of(s, "spf.identity"), "mailfrom"))
		auth->spf = text_of(s, "spf");
	auth->spf_helo = text_of(s, "spf.helo");
	auth->dkim = text_of(s, "dkim");
	auth->dkim_count = (size_t)number_of(s, "dkim.count");
	auth->is_dkim_test = test && test->u.boolean;
	if (domains) {
		auth->dkim_domains = domains->u.list.v;
		auth->dkim_domain_count = domains->u.list.n;
	}
	auth->dmarc = text_of(s, "dmarc");
	auth->dmarc_policy = text_of(s, "dmarc.policy");
	auth->arc = text_of(s, "arc");
	auth->arc_count = number_of(s, "arc.instance");
	return auth;
}

/* What headers and envelope tell. */
static struct rule_target header_target(struct session *s)
{
	struct message *m = s->message;
	struct rule_target t = {
	    .arena = m->arena,
	    .headers = &m->headers,
	    .client = s->client,
	    .helo = s->helo,
	    .client_name = s->client_name,
	    .hostname = s->hostname,
	    .auth_user = s->auth_user,
	    .sender = m->sender.text,
	    .has_sender = is_sender_known(s),
	};
	const struct fact *name = fact_find(&s->facts, "iprev.name");

	if (!t.client_name.n && name && name->def->type == FACT_TEXT)
		t.client_name = name->u.text;
	return t;
}

static struct rule_target target_of(struct session *s, const struct rules_filter_conf *conf)
{
	struct rule_target t = header_target(s);

	t.message = spool_data(s->message->spool);
	t.content = message_content(s->message);
	t.mime = message_mime(s->message);
	t.auth = conf->auth ? auth_of(s) : NULL;
	t.dns = ruleset_asks(conf->set) ? filter_dns(s) : NULL;
	return t;
}

static void report(struct session *s, const struct rule_result *result)
{
	struct arena *a = s->message->arena;

	for (size_t i = 0; i < result->n; i++) {
		const struct rule_hit *hit = &result->v[i];
		finding_put(s, hit->rule->name, hit->score, hit->rule->describe, rule_where(a, hit->rule),
		    str_sub(hit->text, 0, FINDING_TEXT_MAX));
		if (hit->rule->flags & RULE_IS_SUB)
			continue;
		fact_add_text(FACTS(s), "rules.names", hit->rule->name);
		if (!(hit->rule->flags & RULE_NET))
			fact_add_text(FACTS(s), "rules.offline", hit->rule->name);
	}
}

/* What a limit cut off is told with the rule and its place: it stands in the log like a hit. */
static void report_limits(struct session *s, const struct rules_filter_conf *conf, const struct rule_result *result)
{
	const struct rule *r = result->limit_rule;
	struct arena *a = s->message->arena;

	fact_set_bool(FACTS(s), "rules.timed-out", result->is_timed_out);
	fact_set_int(FACTS(s), "rules.limits", (int64_t)result->limits);
	if (result->is_timed_out)
		finding_put(s, STR("rules.timed-out"), 0,
		    arena_printf(a, "not all rules were run in %lld ms", (long long)conf->budget_ms), STR(""), STR(""));
	if (!r)
		return;
	fact_set_text(FACTS(s), "rules.limit-rule",
	    arena_printf(a, "%.*s (%.*s)", STR_ARG(r->name), STR_ARG(rule_where(a, r))));
	finding_put(s, STR("rules.limit"), 0,
	    arena_printf(a, "%.*s needs more than %lld steps on this text; %zu such matches were cut off", STR_ARG(r->name),
	        (long long)conf->match_limit, result->limits),
	    rule_where(a, r), STR(""));
}

/* Look-ups that gave nothing: rules that did not run are told from rules that did not hit. */
static void report_lookups(struct session *s, const struct rules_filter_conf *conf, const struct rule_result *result,
    bool is_offline)
{
	struct arena *a = s->message->arena;

	if (!ruleset_asks(conf->set))
		return;
	fact_set_int(FACTS(s), "rules.lookups", (int64_t)result->asked);
	fact_set_int(FACTS(s), "rules.unasked", (int64_t)result->unasked);
	fact_set_int(FACTS(s), "rules.unanswered", (int64_t)result->unanswered);
	if (is_offline)
		finding_put(s, STR("rules.unanswered"), 0, STR("rules that ask the DNS were not run: there is no DNS here"),
		    STR(""), STR(""));
	else if (result->unanswered)
		finding_put(s, STR("rules.unanswered"), 0,
		    arena_printf(a, "%zu of %zu look-ups of rules had no answer; they count as no hit", result->unanswered,
		        result->asked),
		    STR(""), STR(""));
	if (result->unasked)
		finding_put(s, STR("rules.unasked"), 0,
		    arena_printf(a, "rules wanted %zu more look-ups than a message may have (lookups %lld, limits dns-queries)",
		        result->unasked, (long long)conf->lookups),
		    STR(""), STR(""));
}

static struct match_options options_of(const struct rules_filter_conf *conf)
{
	return (struct match_options){
	    .budget_us = conf->budget_ms * 1000, .match_limit = (unsigned)conf->match_limit,
	    .with_subrules = conf->report_subrules, .lookups = (size_t)conf->lookups,
	    .lookup_us = conf->network_ms * 1000};
}

/* What the headers make rules ask goes out while the body is still coming. */
static void rules_want(struct session *s, const void *arg)
{
	const struct rules_filter_conf *conf = arg;
	struct match_options options = options_of(conf);
	struct rule_target target;

	if (!ruleset_asks(conf->set))
		return;
	target = header_target(s);
	target.dns = filter_dns(s);
	if (target.dns)
		ruleset_ask(conf->set, &target, &options);
}

/* ---- counters ---- */

enum count {
	COUNT_MESSAGES,
	COUNT_MATCH_LIMIT,
	COUNT_TIMED_OUT,
	COUNT_LOOKUPS,
	COUNT_UNASKED,
	COUNT_UNANSWERED,
	COUNTS
};

static _Atomic uint64_t counts[COUNTS];

static const struct filter_counter rules_counters[] = {
    {"messages", &counts[COUNT_MESSAGES], "messages that rules were run on"},
    {"match-limit", &counts[COUNT_MATCH_LIMIT], "patterns that were given up on a text because they took too many steps"},
    {"timed-out", &counts[COUNT_TIMED_OUT], "messages on which the time for rules ran out"},
    {"lookups", &counts[COUNT_LOOKUPS], "questions that rules asked the DNS"},
    {"unasked", &counts[COUNT_UNASKED], "questions that were above the limit of a message"},
    {"unanswered", &counts[COUNT_UNANSWERED], "questions that had no answer in time"}, {0}};

static void add_count(enum count which, size_t n)
{
	if (n)
		atomic_fetch_add_explicit(&counts[which], n, memory_order_relaxed);
}

static void count_message(const struct rule_result *result)
{
	add_count(COUNT_MESSAGES, 1);
	add_count(COUNT_MATCH_LIMIT, result->limits);
	add_count(COUNT_TIMED_OUT, result->is_timed_out);
	add_count(COUNT_LOOKUPS, result->asked);
	add_count(COUNT_UNASKED, result->unasked);
	add_count(COUNT_UNANSWERED, result->unanswered);
}

static enum outcome rules_run(struct session *s, const void *arg)
{
	const struct rules_filter_conf *conf = arg;
	struct match_options options = options_of(conf);
	struct rule_target target = target_of(s, conf);
	struct rule_result result;
	int64_t hits = 0;

	ruleset_match(conf->set, &target, &options, &result);
	report(s, &result);
	for (size_t i = 0; i < result.n; i++)
		hits += !(result.v[i].rule->flags & RULE_IS_SUB);
	fact_set_int(FACTS(s), "rules.hits", hits);
	fact_set_int(FACTS(s), "rules.count", (int64_t)ruleset_count(conf->set));
	fact_set_number(FACTS(s), "rules.score", result.score);
	count_message(&result);
	report_limits(s, conf, &result);
	report_lookups(s, conf, &result, !target.dns);
	return RUN_OK;
}

static const struct directive rules_directives[] = {
    {.name = "load", .type = CONF_STRINGS, .offset = offsetof(struct rules_filter_conf, load),
        .args = "FILES...", .repeats = true,
        .help = "rule files in SpamAssassin's format, globs allowed; order counts: later lines override"},
    {.name = "report-subrules", .type = CONF_FLAG, .offset = offsetof(struct rules_filter_conf, report_subrules),
        .def = "off", .args = "on | off", .help = "also report hits of __ sub-rules, with score 0"},
    {.name = "budget", .type = CONF_DURATION, .offset = offsetof(struct rules_filter_conf, budget_ms),
        .def = "2s", .min = 1, .max = 60000, .args = "DURATION",
        .help = "processor time for all rules together per message; what is left then is skipped and told"},
    {.name = "match-limit", .type = CONF_INT, .offset = offsetof(struct rules_filter_conf, match_limit),
        .def = "100000", .min = 100, .max = 100000000, .args = "NUMBER",
        .help = "steps of one pattern on one text; what takes more is no hit, and told (rules.limits)"},
    {.name = "network", .type = CONF_FLAG, .offset = offsetof(struct rules_filter_conf, has_network), .def = "off",
        .args = "on | off",
        .help = "run rules that ask the DNS: check_rbl, urirhssub, askdns and their kin. Public lists have terms of use, and "
                "most want no questions from the resolvers of big providers: see them first"},
    {.name = "lookups", .type = CONF_INT, .offset = offsetof(struct rules_filter_conf, lookups), .def = "40", .min = 1,
        .max = 1000, .args = "NUMBER",
        .help = "DNS look-ups that the rules of one message may make; what is left then is not asked, and told "
                "(rules.unasked). The limit dns-queries holds for all filters together"},
    {.name = "network-time", .type = CONF_DURATION, .offset = offsetof(struct rules_filter_conf, network_ms), .def = "5s",
        .min = 1, .max = 60000, .args = "DURATION",
        .help = "how long a message waits for the answers to its rules' look-ups, beside the budget"},
    {.name = "score-set", .type = CONF_CHOICE, .offset = offsetof(struct rules_filter_conf, score_set), .def = "auto",
        .choices = score_sets, .args = "0 | 1 | 2 | 3 | auto",
        .help = "which of the four scores counts: 0 alone, 1 with network tests, 2 with learning, 3 both; auto: 1 where network "
                "is on, else 0"},
    {.name = "trusted", .type = CONF_CIDRS, .offset = offsetof(struct rules_filter_conf, trusted),
        .args = "NETWORK...", .repeats = true, .help = "hosts whose Received fields are believed"},
    {.name = "internal", .type = CONF_CIDRS, .offset = offsetof(struct rules_filter_conf, internal),
        .args = "NETWORK...", .repeats = true, .help = "our own mail hosts; default: the trusted ones"},
    {0},
};

static const struct fact_def rules_facts[] = {
    {"rules.hits", FACT_INT, STAGE_MESSAGE, NULL, "number of scored rules that hit"},
    {"rules.names", FACT_LIST, STAGE_MESSAGE, NULL, "their names"},
    {"rules.offline", FACT_LIST, STAGE_MESSAGE, NULL, "names of those that are no network tests (tflags net); the filter learn counts them"},
    {"rules.score", FACT_NUMBER, STAGE_MESSAGE, NULL, "the sum of their scores"},
    {"rules.count", FACT_INT, STAGE_MESSAGE, NULL, "number of rules in the set"},
    {"rules.timed-out", FACT_BOOL, STAGE_MESSAGE, NULL, "the budget was used up before all rules were run"},
    {"rules.limits", FACT_INT, STAGE_MESSAGE, NULL, "matches cut off by a limit: they count as no hit"},
    {"rules.lookups", FACT_INT, STAGE_MESSAGE, NULL, "DNS look-ups that its rules made; with network on"},
    {"rules.unasked", FACT_INT, STAGE_MESSAGE, NULL, "look-ups left out because of a limit"},
    {"rules.unanswered", FACT_INT, STAGE_MESSAGE, NULL, "look-ups without an answer: they count as no hit"},
    {"rules.limit-rule", FACT_TEXT, STAGE_MESSAGE, NULL, "the first rule that was cut off, with its place"},
    {0},
};

static const struct finding_def rules_findings[] = {
    {"rules.limit", 0, "a pattern was cut off by match-limit; the place is that of the rule"},
    {"rules.timed-out", 0, "the budget was used up before all rules were run"},
    {"rules.unanswered", 0, "look-ups of rules had no answer: no DNS, no network, or too slow"},
    {"rules.unasked", 0, "rules wanted more look-ups than a message may have"},
    {0},
};

const struct filter rules_filter;
const struct filter rules_filter = {
    .name = "rules",
    .help = "runs rule files in SpamAssassin's format over headers, text and links",
    .directives = rules_directives,
    .conf_size = sizeof(struct rules_filter_conf),
    .facts = rules_facts,
    .findings = rules_findings,
    .open = rules_open,
    .want = {[STAGE_HEADER] = rules_want},
    .run = {[STAGE_MESSAGE] = rules_run},
    .is_heavy = true,
    .counters = rules_counters,
};
