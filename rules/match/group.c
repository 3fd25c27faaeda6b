/*
 * Sorts the active rules of a set by the text that they look at, and within a text by how they are
 * found: by rare literals (prefilter), by an automaton, or not at all (tried on everything).
 */
#include <math.h>
#include <stdlib.h>

#include "rules/match/literal.h"
#include "rules/set.h"

/* A prefilter of its own pays only from a few rules on. */
enum { PREFILTER_RULES_MIN = 4 };
/* A pattern that may match in more lines of ordinary mail is simply tried. */
enum { ORDINARY_TOLD_MAX = 3 };
/* Literals per octet from which on they are too common to look for: automata are better. */
static const double literal_rate_max = 2e-5;
/* What the patterns of one automaton may have together: see automaton_entropy(). */
static const double automaton_bits_max = 7;

static void push(struct arena *a, uint32_t **v, size_t *n, size_t *room, uint32_t value)
{
	if (*n == *room) {
		size_t more = *room ? *room * 2 : 8;
		uint32_t *p = arena_array(a, more, sizeof *p);
		if (*n)
			memcpy(p, *v, *n * sizeof *p);
		*v = p;
		*room = more;
	}
	(*v)[(*n)++] = value;
}

static bool has_literals(const struct compiled_rule *c)
{
	return c->literals && c->literals->n && !(c->flags & RULE_NEGATED);
}

bool rule_has_rare_literals(const struct compiled_rule *c)
{
	return has_literals(c) && c->literals->rate < literal_rate_max;
}

static void add_literals(struct prefilter_builder *b, const struct compiled_rule *c, uint32_t rule)
{
	for (size_t k = 0; k < c->literals->n; k++)
		prefilter_add(b, c->literals->v[k], rule);
}

static void add_always(struct ruleset *rs, struct rule_group *g, uint32_t rule)
{
	push(rs->arena, &g->always, &g->always_count, &g->room, rule);
	rs->rules[rule].is_always = true;
}

static void add_automaton(struct ruleset *rs, struct rule_group *g, struct automaton *au,
    const struct automaton_pattern *v, size_t n)
{
	struct rule_automaton *to = &g->automata[g->automaton_count++];

	*to = (struct rule_automaton){au, arena_array(rs->arena, n, sizeof *to->rules), n, rs->automaton_count++};
	for (size_t i = 0; i < n; i++)
		to->rules[i] = v[i].value;
}

/* Ordinary mail: patterns that make many states on it are better not put together with others. */
static const char *const ordinary[] = {
    "Dear Mr. Smith, thank you for your order of 12 June 2024. Your invoice no. 2024-00713 over $1,249.50 is attached;",
    "please pay within 14 days to our account. Name: John Miller, Address: 12 Station Road, Phone: +44 20 7946 0123.",
    "On Thu, Nov 26, 2009 at 10:15 AM, Jane Doe <jane.doe@example.com> wrote: > I think that we should meet on Monday.",
    "WINNER! You have won 1,000,000 dollars, CLICK HERE http://www.example.org/offer/?id=7f3a9c0d52b1e6&amp;u=42 to claim",
    "your prize now. This is free, 100% guaranteed, no prescription required! Unsubscribe: mailto:leave@lists.example.net",
    "<div style=\"font-size:12px;color:#333333\"><a href=\"https://shop.example.com/item/12345\">Buy&nbsp;it</a><br></div>",
    "<td align=3D\"center\" width=3D600><img src=3D\"cid:part1.06090908\" border=3D0 alt=3D\"Logo\"></td> -- 50% off ***",
    "SGVsbG8gd29ybGQsIHRoaXMgaXMgYSBsb25nIGxpbmUgb2YgYmFzZTY0IHRleHQgdGhhdCBsb29rcyBsaWtlIG5vdGhpbmc=",
    "for (i = 0; i < n; i++) if (list[i] == NULL) return -1; /* see RFC 5321, section 4.5.3.1 */ diff --git a/x.c b/x.c",
    "Gr\xc3\xbc\xc3\x9fung aus M\xc3\xbcnchen, \xe2\x82\xac 99,95 \xe2\x80\x93 \xd0\x9f\xd1\x80\xd0\xb8\xd0\xb2\xd0\xb5\xd1\x82 \xe4\xf6\xfc",
};

/* What a pattern needs in an automaton, see automaton_entropy(); INFINITY: it is not worth one. */
static double bits_on_mail(const struct ruleset *rs, struct node *tree)
{
	struct automaton_pattern one = {tree, 0, 0};
	struct automaton_states *s;
	double bits = INFINITY;
	size_t taken, told;
	struct automaton *au = automaton_new(rs->pattern_work, rs->space, &one, 1, &taken);

	if (au) {
		s = automaton_states_new(au);
		bits = automaton_entropy(s, ordinary, sizeof ordinary / sizeof *ordinary, &told);
		if (told > ORDINARY_TOLD_MAX)
			bits = INFINITY;
		automaton_states_free(s);
	}
	arena_reset(rs->pattern_work);
	return bits;
}

static int by_bits(const void *x, const void *y)
{
	const struct automaton_pattern *a = x, *b = y;

	if (a->bits != b->bits)
		return a->bits < b->bits ? -1 : 1;
	return a->value < b->value ? -1 : a->value > b->value;
}

/* Patterns from the first one on that may share an automaton. */
static size_t how_many(const struct automaton_pattern *v, size_t n)
{
	double bits = 0;
	size_t i = 0;

	while (i < n && (i == 0 || bits + v[i].bits <= automaton_bits_max))
		bits += v[i++].bits;
	return i;
}

static void add_to_automata(struct ruleset *rs, struct rule_group *g, const struct automaton_pattern *v, size_t n)
{
	size_t taken;

	g->automata = arena_array(rs->arena, n, sizeof *g->automata);
	for (size_t i = 0; i < n; i += taken) {
		struct automaton *au = automaton_new(rs->arena, rs->space, v + i, how_many(v + i, n - i), &taken);
		if (au)
			add_automaton(rs, g, au, v + i, taken);
		else /* it did alone */
			add_always(rs, g, v[i].value), taken = 1;
	}
}

/* Whether the rule goes to an automaton; v gets it then. */
static bool wants_automaton(const struct ruleset *rs, uint32_t rule, struct automaton_pattern *ret)
{
	const struct compiled_rule *c = &rs->rules[rule];

	if (!c->tree || rule_has_rare_literals(c))
		return false;
	*ret = (struct automaton_pattern){c->tree, rule, bits_on_mail(rs, c->tree)};
	return !isinf(ret->bits);
}

static void fill_group(struct ruleset *rs, struct rule_group *g, const uint32_t *rules, size_t n, bool has_automata)
{
	struct prefilter_builder *b = prefilter_start(rs->arena);
	struct automaton_pattern *v = calloc(n + 1, sizeof *v);
	size_t count = 0;

	if (!v)
		abort();
	for (size_t i = 0; i < n; i++) {
		struct compiled_rule *c = &rs->rules[rules[i]];
		if (c->flags & RULE_NEGATED || n < PREFILTER_RULES_MIN)
			add_always(rs, g, rules[i]);
		else if (has_automata && wants_automaton(rs, rules[i], &v[count]))
			count++;
		else if (has_literals(c))
			add_literals(b, c, rules[i]);
		else
			add_always(rs, g, rules[i]);
	}
	qsort(v, count, sizeof *v, by_bits);
	add_to_automata(rs, g, v, count);
	g->prefilter = prefilter_finish(b);
	free(v);
}

static struct field_slot *slot_for(struct ruleset *rs, struct field_slot **slots, size_t *n, struct rule *r)
{
	struct field_spec spec = field_spec_of(r->header, r->modifiers);

	for (size_t i = 0; i < *n; i++) {
		const struct field_spec *s = &(*slots)[i].spec;
		if (str_ieq(s->name, spec.name) && s->source == spec.source && s->modifiers == spec.modifiers)
			return &(*slots)[i];
	}
	if ((*n & (*n - 1)) == 0) {
		struct field_slot *more = arena_array(rs->arena, *n ? *n * 2 : 1, sizeof *more);
		if (*n)
			memcpy(more, *slots, *n * sizeof *more);
		*slots = more;
	}
	(*slots)[*n].spec = spec;
	return &(*slots)[(*n)++];
}

static void group_fields(struct ruleset *rs, enum rule_kind kind, struct field_slot **slots, size_t *n)
{
	for (size_t i = 0; i < rs->n; i++) {
		struct compiled_rule *c = &rs->rules[i];
		struct field_slot *s;
		if (!c->is_active || c->rule->kind != kind || c->flags & (RULE_CAPTURES | RULE_TEMPLATE))
			continue;
		s = slot_for(rs, slots, n, c->rule);
		push(rs->arena, &s->rules, &s->count, &s->room, (uint32_t)i);
	}
	for (size_t i = 0; i < *n; i++)
		fill_group(rs, &(*slots)[i].group, (*slots)[i].rules, (*slots)[i].count, false);
}

static bool is_of_text(const struct compiled_rule *c, enum text_kind text)
{
	static const enum rule_kind kinds[TEXT_KINDS] = {RULE_BODY, RULE_RAWBODY, RULE_FULL, RULE_URI};

	return c->is_active && c->rule->kind == kinds[text] && !(c->flags & (RULE_CAPTURES | RULE_TEMPLATE));
}

static void group_texts(struct ruleset *rs)
{
	uint32_t *rules = calloc(rs->n + 1, sizeof *rules);

	if (!rules)
		abort();
	for (int text = 0; text < TEXT_KINDS; text++) {
		size_t n = 0;
		for (size_t i = 0; i < rs->n; i++)
			if (is_of_text(&rs->rules[i], (enum text_kind)text))
				rules[n++] = (uint32_t)i;
		fill_group(rs, &rs->texts[text], rules, n, text != TEXT_FULL);
	}
	free(rules);
}

static uint32_t *numbers_of(struct ruleset *rs, bool (*is)(const struct compiled_rule *c), size_t *ret_n)
{
	uint32_t *out = NULL;
	size_t room = 0;

	*ret_n = 0;
	for (size_t i = 0; i < rs->n; i++)
		if (rs->rules[i].is_active && is(&rs->rules[i]))
			push(rs->arena, &out, ret_n, &room, (uint32_t)i);
	return out;
}

static bool is_eval(const struct compiled_rule *c)
{
	return c->rule->kind == RULE_EVAL && !c->ask;
}

static bool is_ask(const struct compiled_rule *c)
{
	return c->ask;
}

static bool is_detail(const struct compiled_rule *c)
{
	return c->rule->kind == RULE_URI_DETAIL;
}

/* Sub-rules that are tried on all text or on many lines. */
static void mark_lazies(struct ruleset *rs)
{
	for (size_t i = 0; i < rs->n; i++) {
		struct compiled_rule *c = &rs->rules[i];
		bool is_dear = ((is_of_text(c, TEXT_BODY) || is_of_text(c, TEXT_RAW)) && !rule_has_rare_literals(c)) ||
			       (is_of_text(c, TEXT_FULL) && c->is_always);
		c->is_lazy = is_dear && c->flags & RULE_IS_SUB;
	}
}

static bool is_lazy(const struct compiled_rule *c)
{
	return c->is_lazy;
}

static bool is_full(const struct compiled_rule *c)
{
	return c->rule->kind == RULE_FULL;
}

static bool is_capture(const struct compiled_rule *c)
{
	return c->flags & RULE_CAPTURES;
}

static bool is_template(const struct compiled_rule *c)
{
	return c->flags & RULE_TEMPLATE;
}

void group_rules(struct ruleset *rs)
{
	rs->captures = numbers_of(rs, is_capture, &rs->capture_count);
	rs->templates = numbers_of(rs, is_template, &rs->template_count);
	group_fields(rs, RULE_HEADER, &rs->fields, &rs->field_count);
	group_fields(rs, RULE_MIMEHEADER, &rs->mime_fields, &rs->mime_field_count);
	group_texts(rs);
	mark_lazies(rs);
	rs->lazies = numbers_of(rs, is_lazy, &rs->lazy_count);
	lazy_mark(rs);
	rs->asks = numbers_of(rs, is_ask, &rs->ask_count);
	rs->evals = numbers_of(rs, is_eval, &rs->eval_count);
	rs->details = numbers_of(rs, is_detail, &rs->detail_count);
	rs->fulls = numbers_of(rs, is_full, &rs->full_count);
}
