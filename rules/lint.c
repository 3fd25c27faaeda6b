/* Looks at each rule of a compiled set; the slow patterns are found by trying, not by reading. */
#include "rules/lint.h"

#include <math.h>
#include <stdlib.h>

#include "lib/clock.h"
#include "rules/match/literal.h"
#include "rules/set.h"

enum { PROBE_BYTES = 3000, PROBE_NS_MAX = 3000000, PROBE_TRIES = 3 };

/* A score like that marks a message for a test (GTUBE); it weighs nothing. */
#define TEST_SCORE 1000.0

const char *lint_kind_name(enum lint_kind kind)
{
	static const char *const names[LINT_KINDS] = {"ignored", "approximated", "slow", "redos", "never-hits",
	    "duplicate", "redefined", "undescribed"};

	return names[kind];
}

static void note(struct lint_report *out, struct arena *a, enum lint_kind kind, const struct rule *r,
    struct str text)
{
	if (out->n == out->room) {
		size_t room = out->room ? out->room * 2 : 64;
		struct lint_note *more = arena_array(a, room, sizeof *more);
		if (out->n)
			memcpy(more, out->v, out->n * sizeof *more);
		out->v = more;
		out->room = room;
	}
	out->v[out->n++] = (struct lint_note){kind, r, text};
	out->counts[kind]++;
}

/* ---- slow patterns ---- */

/* Texts that make backtracking patterns work: runs of one kind, and an end that fits nothing. */
static const char *const probe_units[] = {"a", " ", "0", "a ", "a.", "=\n", "<a ", "-", "aA0 ", "x@x.", "\n", "."};

static struct str probe_text(struct arena *a, const char *unit)
{
	size_t n = strlen(unit), count = PROBE_BYTES / n;
	char *p = arena_alloc(a, count * n + 1);

	for (size_t i = 0; i < count; i++)
		memcpy(p + i * n, unit, n);
	p[count * n] = '\001';
	return (struct str){p, count * n + 1};
}

struct probes {
	struct str v[sizeof probe_units / sizeof *probe_units];
	struct regex_scratch *scratch;
};

/* The least of a few tries, in time of this thread: what else the machine does is no fault of the pattern. */
static int64_t probe(const struct regex *re, struct probes *probes, struct str text, enum regex_result *ret_result)
{
	int64_t least = INT64_MAX;

	for (int i = 0; i < PROBE_TRIES && least >= PROBE_NS_MAX; i++) {
		int64_t start = clock_thread_ns(), took;
		*ret_result = regex_match(re, probes->scratch, text, 0, NULL);
		took = clock_thread_ns() - start;
		least = took < least ? took : least;
	}
	return least;
}

static void check_speed(struct lint_report *out, struct arena *a, const struct compiled_rule *c,
    struct probes *probes)
{
	for (size_t i = 0; c->re && i < sizeof probe_units / sizeof *probe_units; i++) {
		enum regex_result r;
		int64_t took = probe(c->re, probes, probes->v[i], &r);
		if (r != REGEX_LIMIT && took < PROBE_NS_MAX)
			continue;
		note(out, a, LINT_REDOS, c->rule,
		    arena_printf(a, "%s on %d octets of repeated text after %.1f ms",
		        r == REGEX_LIMIT ? "reaches the match limit" : "is slow", PROBE_BYTES, (double)took / 1e6));
		return;
	}
}

static bool is_text_kind(const struct compiled_rule *c)
{
	enum rule_kind k = c->rule->kind;

	return k == RULE_BODY || k == RULE_RAWBODY || k == RULE_FULL || k == RULE_URI;
}

/* ---- rules that cannot hit ---- */

static bool needs_more_than_lines_have(struct str literal)
{
	for (size_t i = 0; i < literal.n; i++) {
		if (i + 1 < literal.n && literal.p[i] == ' ' && literal.p[i + 1] == ' ')
			return true;
	}
	return false;
}

/* Body text has single blanks and no line ends inside: a literal with more is never there. */
static bool body_lacks(const struct compiled_rule *c)
{
	if (c->rule->kind != RULE_BODY || !c->literals || c->literals->n == 0)
		return false;
	for (size_t i = 0; i < c->literals->n; i++)
		if (!needs_more_than_lines_have(c->literals->v[i]))
			return false;
	return true;
}

/* A meta all of whose rules are ignored, and that is not true without them. */
static const struct rule *meta_lacks(const struct ruleset *rs, const struct compiled_rule *c)
{
	const struct rule *missing = NULL;

	for (size_t i = 0; i < c->meta.rule_count; i++) {
		const struct compiled_rule *dep = &rs->rules[c->meta.rules[i]];
		if (dep->rule->status != RULE_IGNORED && dep->is_active)
			return NULL;
		missing = dep->rule;
	}
	return missing;
}

static void check_reach(struct lint_report *out, struct arena *a, const struct ruleset *rs,
    const struct compiled_rule *c)
{
	const struct rule *missing;

	if (body_lacks(c))
		note(out, a, LINT_NEVER, c->rule, STR("needs blanks or line ends that body text never has"));
	if (c->rule->kind != RULE_META)
		return;
	if (c->meta.rule_count == 0 && c->meta.n && meta_value(&c->meta, NULL) == 0)
		note(out, a, LINT_NEVER, c->rule, STR("is always false"));
	missing = meta_lacks(rs, c);
	if (missing && !c->meta.is_never_run)
		note(out, a, LINT_NEVER, c->rule,
		    arena_printf(a, "reads only rules that do not run, like %.*s", STR_ARG(missing->name)));
}

/* ---- repeated definitions ---- */

static int by_text(const void *x, const void *y)
{
	const struct rule *a = (*(const struct compiled_rule *const *)x)->rule;
	const struct rule *b = (*(const struct compiled_rule *const *)y)->rule;
	int order = (int)a->kind - (int)b->kind;

	if (order == 0)
		order = str_cmp(a->text, b->text);
	return order ? order : (a->index > b->index) - (a->index < b->index);
}

static void check_duplicates(struct lint_report *out, struct arena *a, const struct ruleset *rs)
{
	const struct compiled_rule **v = arena_array(a, rs->n, sizeof *v);

	for (size_t i = 0; i < rs->n; i++)
		v[i] = &rs->rules[i];
	qsort(v, rs->n, sizeof *v, by_text);
	for (size_t i = 1; i < rs->n; i++) {
		const struct rule *first = v[i - 1]->rule, *r = v[i]->rule;
		if (first->kind != r->kind || !str_eq(first->text, r->text) || !r->text.n || r->kind == RULE_EVAL)
			continue;
		if ((first->flags & (RULE_MULTIPLE | RULE_REPLACE)) != (r->flags & (RULE_MULTIPLE | RULE_REPLACE)))
			continue;
		note(out, a, LINT_DUPLICATE, r, arena_printf(a, "is the same test as %.*s (%.*s)",
		    STR_ARG(first->name), STR_ARG(rule_where(a, first))));
	}
}

static void weigh(struct lint_report *out, const struct compiled_rule *c)
{
	bool weighs = !(c->rule->flags & RULE_IS_SUB) && fabs(c->score) < TEST_SCORE;
	double mass = weighs ? fabs(c->score) : 0;

	out->mass += mass;
	if (c->rule->status == RULE_IGNORED)
		out->mass_ignored += mass;
	if (c->rule->status == RULE_APPROXIMATED)
		out->mass_approximated += mass;
	out->active += c->is_active;
}

static void check_rule(struct lint_report *out, struct arena *a, const struct ruleset *rs,
    const struct compiled_rule *c, struct probes *probes)
{
	const struct rule *r = c->rule;

	weigh(out, c);
	if (r->status == RULE_IGNORED)
		note(out, a, LINT_IGNORED, r, r->why);
	else if (r->status == RULE_APPROXIMATED)
		note(out, a, LINT_APPROXIMATED, r, r->why);
	if (r->earlier.line)
		note(out, a, LINT_REDEFINED, r, arena_printf(a, "replaces the definition at %s:%u",
		    r->earlier.file, r->earlier.line));
	if (!(r->flags & RULE_IS_SUB) && !r->describe.n && c->score != 0)
		note(out, a, LINT_UNDESCRIBED, r, STR("has no description"));
	if (is_text_kind(c) && c->re && c->is_always && (!c->literals || c->literals->n == 0))
		note(out, a, LINT_SLOW, r, STR("has no fixed text of three letters: it is tried on every message"));
	check_speed(out, a, c, probes);
	check_reach(out, a, rs, c);
}

void ruleset_lint(const struct ruleset *rs, struct arena *a, struct lint_report *out)
{
	struct probes probes = {.scratch = regex_scratch_new()};

	*out = (struct lint_report){.rules = rs->n};
	for (size_t i = 0; i < sizeof probe_units / sizeof *probe_units; i++)
		probes.v[i] = probe_text(a, probe_units[i]);
	for (size_t i = 0; i < rs->n; i++)
		check_rule(out, a, rs, &rs->rules[i], &probes);
	check_duplicates(out, a, rs);
	regex_scratch_free(probes.scratch);
}
