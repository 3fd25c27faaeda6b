/*
 * Turns what the files said into an immutable set: scores, patterns with their literals, groups by
 * the text they look at, evals by name, metas in order. A rule that cannot be compiled is an error
 * at its place and is left out.
 */
#include <assert.h>
#include <glob.h>
#include <stdlib.h>

#include "rules/evals/evals.h"
#include "rules/match/literal.h"
#include "rules/perlre.h"
#include "rules/set.h"

struct ruleset_builder {
	struct arena *arena;
	struct rules_conf *conf;
};

struct ruleset_builder *ruleset_start(struct arena *a, struct conf_load *load)
{
	struct ruleset_builder *b = arena_alloc(a, sizeof *b);

	b->arena = a;
	b->conf = rules_conf_new(a, load);
	return b;
}

void ruleset_allow_network(struct ruleset_builder *b, bool has_network)
{
	b->conf->has_network = has_network;
}

bool ruleset_load(struct ruleset_builder *b, const char *path, struct conf_place place)
{
	return rules_conf_load(b->conf, path, place);
}

bool ruleset_load_glob(struct ruleset_builder *b, const char *pattern, struct conf_place place)
{
	glob_t found;
	bool ok = true;

	if (glob(pattern, GLOB_BRACE, NULL, &found) != 0) {
		conf_error(b->conf->load, place, "no rule file matches '%s'", pattern);
		return false;
	}
	for (size_t i = 0; i < found.gl_pathc; i++)
		ok &= rules_conf_load(b->conf, found.gl_pathv[i], place);
	globfree(&found);
	return ok;
}

void ruleset_text(struct ruleset_builder *b, const char *name, struct str text)
{
	rules_conf_text(b->conf, name, text);
}

/* ---- patterns ---- */

static void set_status(struct rule *r, enum rule_status status, const char *why)
{
	if (r->status >= status)
		return;
	r->status = status;
	r->why = str_of(why);
}

/*
 * Whether a match inside one line is also a match in all lines joined by line ends: no assertion
 * may look at the neighbours, no group may swallow more than it did alone.
 */
static bool can_join(struct str body)
{
	static const char *const bars[] = {"(?!", "(?=", "(?<!", "(?<=", "(?>", "(?(", "++", "*+", "?+",
	    "}+", "\\A", "\\Z", "\\z", "\\G", "\\K", "(*"};

	for (size_t i = 0; i < sizeof bars / sizeof *bars; i++)
		if (str_find(body, str_of(bars[i])) >= 0)
			return false;
	for (size_t i = 0; i < body.n; i++) {
		if (body.p[i] == '\\')
			i++;
		else if (body.p[i] == '$' || (body.p[i] == '^' && (i == 0 || body.p[i - 1] != '[')))
			return false;
	}
	return true;
}

static bool bad_pattern(struct ruleset *rs, struct compiled_rule *c, const char *what, const char *why)
{
	conf_error(rs->conf->load, c->rule->place, "rule %.*s: %s%s", STR_ARG(c->rule->name), what, why);
	set_status(c->rule, RULE_IGNORED, "the pattern has an error");
	return false;
}

/* Tags are filled in; when that is too large, repeats become calls, and at last the tags themselves. */
static struct regex *compile_replaced(struct ruleset *rs, struct compiled_rule *c, struct perlre *re,
    struct str *body, struct str *ret_error)
{
	struct str filled = rules_replace(rs->conf, *body, false), called, pattern;
	struct perlre work = {filled, re->flags};
	struct regex *out = NULL;
	size_t offset;

	*ret_error = STR("the filled pattern is too large");
	if (filled.n <= RULE_EXPANDED_MAX && !perlre_translate(rs->arena, &work, body) &&
	    body->n <= REGEX_PATTERN_MAX)
		out = regex_new(rs->arena, *body, work.flags, ret_error, &offset);
	if (!out && filled.n <= RULE_EXPANDED_MAX)
		out = regex_new(rs->arena, rules_shrink(rs->conf, *body), work.flags, ret_error, &offset);
	if (!out) {
		called = rules_replace(rs->conf, re->body, true);
		work = (struct perlre){called, re->flags};
		if (!perlre_translate(rs->arena, &work, &pattern))
			out = regex_new(rs->arena, pattern, work.flags, ret_error, &offset);
	}
	(void)c;
	return out;
}

static void free_arena(void *arena)
{
	arena_free(arena);
}

/* What must stand in a text for the pattern to match; the tree is kept where that is not enough. */
static void analyse(struct ruleset *rs, struct compiled_rule *c, struct str body, unsigned flags)
{
	struct arena *nodes = arena_new(0);
	struct node *tree = pattern_parse(nodes, body, flags);

	c->literals = arena_alloc(rs->arena, sizeof *c->literals);
	literals_of(rs->arena, rs->pattern_work, tree, c->literals);
	c->times = c->literals->times;
	arena_reset(rs->pattern_work);
	if (tree && !rule_has_rare_literals(c)) {
		c->tree = tree;
		arena_defer(rs->work, free_arena, nodes);
	} else {
		arena_free(nodes);
	}
}

static bool compile_pattern(struct ruleset *rs, struct compiled_rule *c)
{
	struct perlre re;
	struct str body, error = STR_NONE;
	const char *why = perlre_split(c->rule->pattern, &re);
	size_t offset = 0;
	bool is_template = false;

	if (!why)
		why = perlre_translate(rs->arena, &re, &body);
	if (why)
		return bad_pattern(rs, c, "", why);
	body = capture_template(rs->arena, body, &is_template);
	if (is_template) {
		c->flags |= RULE_TEMPLATE;
		c->template = body;
		c->template_flags = re.flags;
		return true;
	}
	if (c->rule->kind == RULE_MIMEHEADER && c->flags & RULE_NEGATED)
		set_status(c->rule, RULE_APPROXIMATED, "hits when no part has a match; 4.0.1 lets each such rule hit always");
	if (re.flags & REGEX_UTF)
		set_status(c->rule, RULE_APPROXIMATED, "matches characters where SpamAssassin compares octets");
	if (c->flags & RULE_REPLACE)
		c->re = compile_replaced(rs, c, &re, &body, &error);
	else
		c->re = regex_new(rs->arena, body, re.flags, &error, &offset);
	if (!c->re)
		return bad_pattern(rs, c, "pattern: ", arena_cstr(rs->arena, error));
	for (size_t g = 1; g <= regex_group_count(c->re); g++) {
		const char *name = regex_group_name(c->re, g);
		if (name && *name >= 'A' && *name <= 'Z')
			c->flags |= RULE_CAPTURES;
	}
	c->joins = regex_is_fast(c->re) && can_join(body);
	analyse(rs, c, body, re.flags);
	return true;
}

/* ---- single rules ---- */

static double score_of(const struct rule *r, unsigned set)
{
	double score;

	if (r->flags & RULE_HAS_SCORE)
		return r->scores[set];
	score = str_starts(r->name, STR("T_")) ? 0.01 : 1;
	return r->flags & RULE_NICE ? -score : score;
}

double ruleset_score(const struct ruleset *rs, const struct rule *r)
{
	return score_of(r, rs->options.score_set);
}

/* A rule that asks the DNS; the configuration may not want that. */
static bool compile_ask(struct ruleset *rs, struct compiled_rule *c, const struct ask_kind *kind)
{
	const char *ignored, *why = ask_compile(rs, c, kind, &ignored);

	if (why) {
		conf_error(rs->conf->load, c->rule->place, "rule %.*s: %s", STR_ARG(c->rule->name), why);
		ignored = "the definition has an error";
	} else if (!ignored && !rs->options.has_network) {
		ignored = "asks the DNS, which is off (network on in filter rules)";
	}
	if (ignored) {
		c->ask = NULL;
		set_status(c->rule, RULE_IGNORED, ignored);
	} else if (ask_differs(kind)) {
		set_status(c->rule, RULE_APPROXIMATED, ask_differs(kind));
	}
	return !ignored;
}

static bool compile_eval(struct ruleset *rs, struct compiled_rule *c)
{
	if (c->rule->function.n == 0) {
		set_status(c->rule, RULE_IGNORED, "the definition has an error");
		return false;
	}
	if (ask_kind_of(c->rule))
		return compile_ask(rs, c, ask_kind_of(c->rule));
	c->eval = eval_find(c->rule->function);
	if (!c->eval) {
		const char *why = eval_missing(c->rule->function);
		if (!why) {
			/* Somebody's plugin: this rule is lost, the others are not. */
			conf_warning(rs->conf->load, c->rule->place,
			    "rule %.*s: unknown eval function '%.*s'; the rule is ignored", STR_ARG(c->rule->name),
			    STR_ARG(c->rule->function));
			why = "unknown eval function";
		}
		set_status(c->rule, RULE_IGNORED, why);
		return false;
	}
	if (eval_needs(c->eval, rs->options.auth)) {
		set_status(c->rule, RULE_IGNORED, eval_needs(c->eval, rs->options.auth));
		return false;
	}
	if (c->eval->differs)
		set_status(c->rule, RULE_APPROXIMATED, c->eval->differs);
	return true;
}

/* What a header rule says about a missing field is known now: "" or the if-unset text. */
static bool hits_absent(const struct compiled_rule *c, struct regex_scratch *scratch)
{
	bool is_match;

	if (c->flags & RULE_EXISTS || !c->re)
		return false;
	is_match = regex_match(c->re, scratch, c->rule->has_if_unset ? c->rule->if_unset : STR(""), 0, NULL) ==
	           REGEX_MATCH;
	return is_match != !!(c->flags & RULE_NEGATED);
}

static bool compile_one(struct ruleset *rs, struct compiled_rule *c)
{
	bool is_exists = c->flags & RULE_EXISTS;
	const char *error;

	switch (c->rule->kind) {
	case RULE_HEADER:
	case RULE_MIMEHEADER:
	case RULE_BODY:
	case RULE_RAWBODY:
	case RULE_FULL:
	case RULE_URI:
		if (is_exists)
			return c->rule->header.n > 0;
		if (c->rule->pattern.n == 0) {
			set_status(c->rule, RULE_IGNORED, "the definition has an error");
			return false;
		}
		return compile_pattern(rs, c);
	case RULE_URI_DETAIL:
		error = detail_compile(rs, c);
		return !error || bad_pattern(rs, c, "uri_detail: ", error);
	case RULE_EVAL:
		return compile_eval(rs, c);
	case RULE_META:
		return true;
	case RULE_DNS:
		return compile_ask(rs, c, ask_kind_of(c->rule));
	default:
		return false;
	}
}

static void compile_rules(struct ruleset *rs)
{
	struct regex_scratch *scratch = regex_scratch_new();

	for (size_t i = 0; i < rs->n; i++) {
		struct compiled_rule *c = &rs->rules[i];
		c->flags = c->rule->flags;
		c->maxhits = !(c->flags & RULE_MULTIPLE) ? 1 : c->rule->maxhits ? c->rule->maxhits : UINT32_MAX;
		c->score = score_of(c->rule, rs->options.score_set);
		c->is_active = compile_one(rs, c) && c->score != 0;
		if (c->is_active && (c->rule->kind == RULE_HEADER || c->rule->kind == RULE_MIMEHEADER))
			c->absent_hits = hits_absent(c, scratch);
	}
	regex_scratch_free(scratch);
}

static void take_rules(struct ruleset *rs)
{
	rs->rules = arena_array(rs->arena, rs->conf->count, sizeof *rs->rules);
	for (size_t i = 0; i < rs->conf->count; i++) {
		struct rule *r = rs->conf->rules[i];
		r->index = UINT32_MAX;
		if (!(r->flags & RULE_IS_DEFINED))
			continue;
		r->index = (uint32_t)rs->n;
		r->status = RULE_SUPPORTED;
		r->why = STR_NONE;
		rs->rules[rs->n++].rule = r;
	}
}

/* ---- settings of the set ---- */

static void add_networks(struct ruleset *rs, struct networks *nets, const struct rule_setting *s)
{
	struct str rest = s->value, word;

	while (str_word(&rest, &word))
		if (!networks_add_text(rs->arena, nets, word))
			conf_error(rs->conf->load, s->place, "%.*s: '%.*s' is no network", STR_ARG(s->keyword),
			    STR_ARG(word));
}

static void read_originating(struct ruleset *rs)
{
	struct str *v = arena_array(rs->arena, 100, sizeof *v), word, rest;
	size_t n = 0;

	for (const struct rule_setting *s = rs->conf->settings; s; s = s->next) {
		if (str_is(s->keyword, "clear_originating_ip_headers"))
			n = 0;
		if (!str_is(s->keyword, "originating_ip_headers"))
			continue;
		rest = s->value;
		while (str_word(&rest, &word) && n < 100)
			v[n++] = arena_str(rs->arena, word);
	}
	rs->policy.originating = v;
	rs->policy.originating_count = n;
}

static void read_settings(struct ruleset *rs)
{
	const struct conf_cidrs *trusted = &rs->options.trusted, *internal = &rs->options.internal;

	for (size_t i = 0; i < trusted->n; i++)
		networks_add(rs->arena, &rs->trusted, trusted->v[i], false);
	for (size_t i = 0; i < internal->n; i++)
		networks_add(rs->arena, &rs->internal, internal->v[i], false);
	for (const struct rule_setting *s = rs->conf->settings; s; s = s->next) {
		if (str_is(s->keyword, "trusted_networks"))
			add_networks(rs, &rs->trusted, s);
		else if (str_is(s->keyword, "internal_networks"))
			add_networks(rs, &rs->internal, s);
		else if (str_is(s->keyword, "msa_networks"))
			add_networks(rs, &rs->msa, s);
		else if (str_is(s->keyword, "envelope_sender_header"))
			rs->envelope_header = arena_str(rs->arena, str_trim(s->value));
		else if (str_is(s->keyword, "parse_dkim_uris"))
			rs->no_signers = str_is(s->value, "0");
	}
	read_originating(rs);
	rs->policy.trusted = &rs->trusted;
	rs->policy.internal = &rs->internal;
	rs->policy.msa = &rs->msa;
}

static void ruleset_free(void *arg)
{
	struct ruleset *rs = arg;

	for (struct matcher *m = rs->idle, *next; m; m = next) {
		next = m->next;
		matcher_free(m);
	}
	pthread_mutex_destroy(&rs->lock);
}

static bool reads_relays(const struct ruleset *rs)
{
	for (size_t i = 0; i < rs->field_count; i++)
		if (rs->fields[i].spec.source > FIELD_ALL && rs->fields[i].spec.source < FIELD_TO_CC)
			return true;
	return false;
}

struct ruleset *ruleset_finish(struct ruleset_builder *b, const struct ruleset_options *options)
{
	struct ruleset *rs = arena_alloc(b->arena, sizeof *rs);

	rs->arena = b->arena;
	rs->conf = b->conf;
	rs->options = *options;
	assert(options->score_set < RULE_SCORE_SETS);
	pthread_mutex_init(&rs->lock, NULL);
	arena_defer(b->arena, ruleset_free, rs);
	rs->work = arena_new(0);
	rs->pattern_work = arena_new(0);
	rs->space = automaton_space_new(rs->work);
	take_rules(rs);
	read_settings(rs);
	rs->eval_data = eval_data_new(rs);
	rs->registry = registry_new(rs->arena, rs->conf);
	compile_rules(rs);
	compile_metas(rs);
	group_rules(rs);
	arena_free(rs->pattern_work);
	arena_free(rs->work);
	rs->work = rs->pattern_work = NULL;
	rs->space = NULL;
	/* Patterns for Received fields and evals take longer to compile than a small set. */
	if (rs->eval_count || rs->ask_count)
		eval_data_compile(rs->eval_data, rs->arena);
	if (rs->ask_count)
		ask_finish_set(rs);
	if (rs->eval_count || rs->ask_count || rs->capture_count || reads_relays(rs))
		rs->received = received_new(rs->arena);
	return rs;
}

bool ruleset_asks(const struct ruleset *rs)
{
	return rs->ask_count > 0;
}

size_t ruleset_count(const struct ruleset *rs)
{
	return rs->n;
}

const struct rule *ruleset_rule(const struct ruleset *rs, size_t i)
{
	return rs->rules[i].rule;
}

const struct rules_conf *ruleset_conf(const struct ruleset *rs)
{
	return rs->conf;
}

struct str rule_where(struct arena *a, const struct rule *r)
{
	const char *slash = r->place.file ? strrchr(r->place.file, '/') : NULL;

	return arena_printf(a, "%s:%u", slash ? slash + 1 : r->place.file ? r->place.file : "", r->place.line);
}

const char *rule_kind_name(const struct rule *r)
{
	static const char *const names[RULE_KINDS] = {"empty", "header", "body", "rawbody", "full", "uri",
	    "mimeheader", "uri_detail", "meta", "eval", "dns"};

	return names[r->kind];
}
