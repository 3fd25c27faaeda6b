/*
 * The filter `rules`: SpamAssassin-format rule files over each message. It fills in what the rules
 * look at, runs the compiled set (rules/) and turns hits into findings and facts. The engine knows
 * limits; what they cut off is a fact too, so that a policy can tell "no hit" from "not looked".
 */
#include "core/filter.h"

#include "core/content.h"
#include "core/mime.h"
#include "rules/ruleset.h"

struct rules_filter_conf {
	struct conf_strings load;
	bool report_subrules;
	int64_t budget_ms, match_limit;
	int64_t score_set;
	struct conf_cidrs trusted, internal;
	struct ruleset *set;
};

static bool rules_open(void *arg, const struct filter_env *env, struct conf_load *load, struct conf_place place)
{
	struct rules_filter_conf *conf = arg;
	struct ruleset_options options = {
	    .score_set = (unsigned)conf->score_set, .trusted = conf->trusted, .internal = conf->internal};
	struct ruleset_builder *b = ruleset_start(env->arena, load);
	size_t before = load->errors;

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

static struct rule_target target_of(struct session *s)
{
	struct message *m = s->message;
	struct rule_target t = {
	    .arena = m->arena,
	    .message = spool_data(m->spool),
	    .headers = &m->headers,
	    .content = message_content(m),
	    .mime = message_mime(m),
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

static void report(struct session *s, const struct rule_result *result)
{
	struct arena *a = s->message->arena;

	for (size_t i = 0; i < result->n; i++) {
		const struct rule_hit *hit = &result->v[i];
		finding_put(s, hit->rule->name, hit->score, hit->rule->describe, rule_where(a, hit->rule),
		    str_sub(hit->text, 0, FINDING_TEXT_MAX));
		if (!(hit->rule->flags & RULE_IS_SUB))
			fact_add_text(FACTS(s), "rules.names", hit->rule->name);
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

static enum outcome rules_run(struct session *s, const void *arg)
{
	const struct rules_filter_conf *conf = arg;
	struct match_options options = {
	    .budget_us = conf->budget_ms * 1000, .match_limit = (unsigned)conf->match_limit,
	    .with_subrules = conf->report_subrules};
	struct rule_target target = target_of(s);
	struct rule_result result;
	int64_t hits = 0;

	ruleset_match(conf->set, &target, &options, &result);
	report(s, &result);
	for (size_t i = 0; i < result.n; i++)
		hits += !(result.v[i].rule->flags & RULE_IS_SUB);
	fact_set_int(FACTS(s), "rules.hits", hits);
	fact_set_int(FACTS(s), "rules.count", (int64_t)ruleset_count(conf->set));
	fact_set_number(FACTS(s), "rules.score", result.score);
	report_limits(s, conf, &result);
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
        .help = "time for all rules together per message; what is left then is skipped and told"},
    {.name = "match-limit", .type = CONF_INT, .offset = offsetof(struct rules_filter_conf, match_limit),
        .def = "100000", .min = 100, .max = 100000000, .args = "NUMBER",
        .help = "steps of one pattern on one text; what takes more is no hit, and told (rules.limits)"},
    {.name = "score-set", .type = CONF_INT, .offset = offsetof(struct rules_filter_conf, score_set),
        .def = "0", .min = 0, .max = 3, .args = "0..3",
        .help = "which of the four scores counts: 0 alone, 1 with network tests, 2 with learning, 3 both"},
    {.name = "trusted", .type = CONF_CIDRS, .offset = offsetof(struct rules_filter_conf, trusted),
        .args = "NETWORK...", .repeats = true, .help = "hosts whose Received fields are believed"},
    {.name = "internal", .type = CONF_CIDRS, .offset = offsetof(struct rules_filter_conf, internal),
        .args = "NETWORK...", .repeats = true, .help = "our own mail hosts; default: the trusted ones"},
    {0},
};

static const struct fact_def rules_facts[] = {
    {"rules.hits", FACT_INT, STAGE_MESSAGE, NULL, "number of scored rules that hit"},
    {"rules.names", FACT_LIST, STAGE_MESSAGE, NULL, "their names"},
    {"rules.score", FACT_NUMBER, STAGE_MESSAGE, NULL, "the sum of their scores"},
    {"rules.count", FACT_INT, STAGE_MESSAGE, NULL, "number of rules in the set"},
    {"rules.timed-out", FACT_BOOL, STAGE_MESSAGE, NULL, "the budget was used up before all rules were run"},
    {"rules.limits", FACT_INT, STAGE_MESSAGE, NULL, "matches cut off by a limit: they count as no hit"},
    {"rules.limit-rule", FACT_TEXT, STAGE_MESSAGE, NULL, "the first rule that was cut off, with its place"},
    {0},
};

static const struct finding_def rules_findings[] = {
    {"rules.limit", 0, "a pattern was cut off by match-limit; the place is that of the rule"},
    {"rules.timed-out", 0, "the budget was used up before all rules were run"},
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
    .run = {[STAGE_MESSAGE] = rules_run},
    .is_heavy = true,
};
