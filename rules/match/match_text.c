/*
 * The texts of a message against the rules for them. For each kind of text the lines are joined and
 * folded once; the prefilter names the rules that can match and the line where, automata do the same
 * for rules without rare literals, and PCRE2 decides on that line. Rules that neither can take are
 * run on all lines, first on the joined text where that is safe. Sub-rules that are tried often only
 * note their lines and wait (lazy.c).
 */
#include <stdlib.h>

#include "core/finding.h"
#include "lib/clock.h"
#include "rules/links.h"
#include "rules/set.h"

enum { WAITING_MAX = 100000 };

static bool skips_line(const struct matcher *m, uint32_t rule, size_t line)
{
	return line == 0 && m->rs->rules[rule].flags & RULE_NOSUBJECT && m->lines == m->t->content->body;
}

static void run_on_line(struct matcher *m, uint32_t rule, size_t line)
{
	if (!(m->rs->rules[rule].flags & RULE_NOSUBJECT) || !skips_line(m, rule, line))
		matcher_run(m, rule, m->lines[line]);
}

/* One more literal of the rule on the line (from 1): whether there are enough of them now. */
bool matcher_has_enough(struct matcher *m, uint32_t rule, uint32_t line)
{
	struct near *near = &m->near[rule];

	if (m->rs->rules[rule].times <= 1)
		return true;
	if (near->line != line)
		*near = (struct near){line, 0};
	return ++near->count >= m->rs->rules[rule].times;
}

/* The line will be tried when the rule is asked for; false: no room, try it now. */
static bool wait_for(struct matcher *m, uint32_t rule, size_t line)
{
	struct waiting *w = &m->waiting;

	if (m->runs_all || !m->rs->rules[rule].is_lazy || w->n == WAITING_MAX)
		return false;
	if (w->n == w->room) {
		w->room = w->room ? w->room * 2 : 256;
		w->v = realloc(w->v, w->room * sizeof *w->v);
		if (!w->v)
			abort();
	}
	w->v[w->n++] = (struct waiting_line){(uint32_t)line, 0};
	if (w->first[rule])
		w->v[w->last[rule] - 1].next = w->n;
	else
		w->first[rule] = w->n;
	w->last[rule] = w->n;
	return true;
}

bool matcher_is_waiting(const struct matcher *m, uint32_t rule)
{
	return m->rs->rules[rule].is_always || m->waiting.first[rule];
}

/* The rule may match on the line: try it there, once, or when it is asked for. */
static void may_match(struct matcher *m, uint32_t rule, size_t line)
{
	if (m->seen[rule] == line + 1)
		return;
	m->seen[rule] = (uint32_t)line + 1;
	if (!wait_for(m, rule, line))
		run_on_line(m, rule, line);
}

/* A literal of the rule stands at `at` of the joined text. */
static bool found_literal(void *arg, uint32_t rule, size_t at)
{
	struct matcher *m = arg;

	while (m->line + 1 < m->line_count && m->starts[m->line + 1] <= at)
		m->line++;
	if (m->seen[rule] != m->line + 1 && matcher_has_enough(m, rule, (uint32_t)m->line + 1))
		may_match(m, rule, m->line);
	return !m->result->is_timed_out;
}

static void join_lines(struct matcher *m)
{
	if (m->line_count > m->start_room) {
		free(m->starts);
		m->start_room = m->line_count * 2;
		m->starts = calloc(m->start_room, sizeof *m->starts);
		if (!m->starts)
			abort();
	}
	m->joined.n = 0;
	m->joined_lines = m->lines;
	for (size_t i = 0; i < m->line_count; i++) {
		m->starts[i] = m->joined.n;
		buf_add(&m->joined, m->lines[i]);
		buf_addc(&m->joined, '\n');
	}
}

static void scan(struct matcher *m, const struct rule_group *g, struct str text)
{
	char *to;

	m->folded.n = 0;
	to = buf_reserve(&m->folded, text.n + 1);
	prefilter_fold(text, to);
	m->line = 0;
	prefilter_scan(g->prefilter, (struct str){to, text.n}, found_literal, m);
}

static void found_by_automaton(void *arg, uint32_t rule)
{
	struct matcher *m = arg;

	if (!m->result->is_timed_out)
		may_match(m, rule, m->line);
}

static struct automaton_states *states_of(struct matcher *m, const struct rule_automaton *a, size_t octets)
{
	struct automaton_states **states = &m->states[a->number];

	if (!*states)
		*states = automaton_states_new(a->au);
	automaton_start(*states, octets);
	return *states;
}

static void all_may_match(struct matcher *m, const struct rule_automaton *a)
{
	for (size_t i = 0; i < a->count && !m->result->is_timed_out; i++)
		may_match(m, a->rules[i], m->line);
}

/* Up to four automata side by side. One that gave up on this text lets all its rules be tried. */
static void run_automata(struct matcher *m, const struct rule_automaton *a, size_t n)
{
	struct automaton_states *lanes[AUTOMATON_LANES];
	bool is_spent[AUTOMATON_LANES] = {false};

	for (size_t i = 0; i < AUTOMATON_LANES; i++)
		lanes[i] = i < n ? states_of(m, &a[i], m->joined.n) : automaton_idle();
	for (m->line = 0; m->line < m->line_count && !m->result->is_timed_out; m->line++) {
		bool ok = automaton_run(lanes, m->lines[m->line], found_by_automaton, m);
		for (size_t i = 0; i < n; i++) {
			if (!ok || is_spent[i])
				all_may_match(m, &a[i]);
			is_spent[i] |= automaton_is_spent(lanes[i]);
			if (is_spent[i])
				lanes[i] = automaton_idle();
		}
	}
	matcher_check_clock(m, m->joined.n);
}

/* An automaton that found no three others of its group to run with. */
struct left {
	const struct rule_automaton *automaton; /* NULL: none was left */
	const struct str *lines;
	size_t line_count, octets;
};

static void go_to(struct matcher *m, const struct automaton_lane *lane)
{
	m->lines = lane->lines;
	m->line_count = lane->n;
	m->line = lane->line;
}

/* Two of them, and where in the message each is. */
struct pair {
	struct matcher *m;
	const struct left *left;
	struct automaton_lane lanes[2];
};

static void pair_found(void *arg, uint32_t rule, const struct automaton_lane *lane)
{
	struct pair *pair = arg;

	go_to(pair->m, lane);
	found_by_automaton(pair->m, rule);
}

static void pair_gave_up(void *arg, const struct automaton_lane *lane)
{
	struct pair *pair = arg;

	go_to(pair->m, lane);
	all_may_match(pair->m, pair->left[lane - pair->lanes].automaton);
}

static void run_left(struct matcher *m, const struct left left[2])
{
	struct pair pair = {.m = m, .left = left};
	struct automaton_calls calls = {pair_found, pair_gave_up, &pair};

	if (m->result->is_timed_out)
		return;
	for (size_t i = 0; i < 2; i++)
		pair.lanes[i] = (struct automaton_lane){.lines = left[i].lines, .n = left[i].line_count,
		    .states = left[i].automaton ? states_of(m, left[i].automaton, left[i].octets) : automaton_idle()};
	automaton_run_two(pair.lanes, &calls);
	matcher_check_clock(m, left[0].octets + left[1].octets);
}

static void run_always(struct matcher *m, uint32_t rule)
{
	const struct compiled_rule *c = &m->rs->rules[rule];

	if (c->joins && m->line_count > 1) {
		int64_t start = matcher_cost_start(m);
		enum regex_result joined = regex_match(c->re, m->scratch, buf_str(&m->joined), 0, NULL);
		m->result->runs++;
		matcher_check_clock(m, m->joined.n);
		matcher_cost_end(m, rule, start);
		if (joined == REGEX_NO)
			return;
	}
	for (size_t i = 0; i < m->line_count && !matcher_is_settled(m, rule) && !m->result->is_timed_out; i++)
		run_on_line(m, rule, i);
}

/* With ret_left, an automaton that would run alone is left to run_left(). */
static void run_group(struct matcher *m, const struct rule_group *g, const struct str *lines, size_t n, struct left *ret_left)
{
	size_t count = g->automaton_count;

	if (n == 0 || (!g->prefilter && g->automaton_count == 0 && g->always_count == 0))
		return;
	m->lines = lines;
	m->line_count = n < TARGET_LINES_MAX ? n : TARGET_LINES_MAX;
	join_lines(m);
	if (g->prefilter)
		scan(m, g, buf_str(&m->joined));
	if (ret_left && count % AUTOMATON_LANES == 1)
		*ret_left = (struct left){&g->automata[--count], m->lines, m->line_count, m->joined.n};
	for (size_t i = 0; i < count && !m->result->is_timed_out; i += AUTOMATON_LANES)
		run_automata(m, &g->automata[i], count - i < AUTOMATON_LANES ? count - i : AUTOMATON_LANES);
	for (size_t i = 0; i < g->always_count && !m->result->is_timed_out; i++)
		if (m->runs_all || !m->rs->rules[g->always[i]].is_lazy)
			run_always(m, g->always[i]);
}

static void run_waiting(struct matcher *m, uint32_t rule, const struct str *lines, size_t n)
{
	m->lines = lines;
	m->line_count = n;
	for (uint32_t i = m->waiting.first[rule]; i && !matcher_is_settled(m, rule) && !m->result->is_timed_out;
	     i = m->waiting.v[i - 1].next)
		run_on_line(m, rule, m->waiting.v[i - 1].line);
}

/* The message with LF line ends, up to TARGET_FULL_MAX. */
static struct str make_full_text(struct matcher *m)
{
	struct str in = str_sub(m->t->message, 0, TARGET_FULL_MAX);
	const char *p = in.p, *end = in.p + in.n, *cr;

	if (!in.n || !memchr(in.p, '\r', in.n))
		return in;
	m->full.n = 0;
	while (p < end && (cr = memchr(p, '\r', (size_t)(end - p)))) {
		buf_add(&m->full, str_range(p, cr));
		if (cr + 1 == end || cr[1] != '\n')
			buf_addc(&m->full, '\r');
		p = cr + 1;
	}
	buf_add(&m->full, str_range(p, end));
	return buf_str(&m->full);
}

static struct str full_text(struct matcher *m)
{
	if (!m->has_whole)
		m->whole = make_full_text(m);
	m->has_whole = true;
	return m->whole;
}

/* One rule that waited, over its lines; they are joined again when the last one had others. */
void match_waiting(struct matcher *m, uint32_t rule)
{
	const struct content *c = m->t->content;
	enum rule_kind kind = m->rs->rules[rule].rule->kind;
	bool is_raw = kind == RULE_RAWBODY;
	const struct str *lines = is_raw ? c->raw : c->body;
	size_t n = is_raw ? c->raw_count : c->body_count;

	if (kind == RULE_FULL) {
		matcher_run(m, rule, full_text(m));
		return;
	}
	if (n == 0)
		return;
	if (!m->rs->rules[rule].is_always) {
		run_waiting(m, rule, lines, n);
		return;
	}
	m->lines = lines;
	m->line_count = n < TARGET_LINES_MAX ? n : TARGET_LINES_MAX;
	if (m->joined_lines != lines)
		join_lines(m);
	run_always(m, rule);
}

/* ---- the texts ---- */

void match_texts(struct matcher *m)
{
	const struct rule_group *groups = m->rs->texts;
	const struct content *c = m->t->content;
	struct left left[2] = {{NULL, NULL, 0, 0}, {NULL, NULL, 0, 0}};
	const struct str *uris;
	struct str full;
	size_t n;

	if (c) {
		run_group(m, &groups[TEXT_BODY], c->body, c->body_count, &left[0]);
		run_group(m, &groups[TEXT_RAW], c->raw, c->raw_count, &left[1]);
		run_left(m, left);
		uris = link_lines(m, &n);
		run_group(m, &groups[TEXT_URI], uris, n, NULL);
	}
	if (groups[TEXT_FULL].prefilter || groups[TEXT_FULL].always_count) {
		full = full_text(m);
		match_one_text(m, &groups[TEXT_FULL], &full);
		/* What was shown of it must outlive the buffer. */
		for (size_t i = 0; i < m->rs->full_count; i++) {
			struct str *shown = &m->texts[m->rs->fulls[i]];
			if (m->counts[m->rs->fulls[i]] > 0)
				*shown = arena_str(m->t->arena, str_sub(*shown, 0, FINDING_TEXT_MAX));
		}
	}
}

const struct str *matcher_lines(struct matcher *m, const struct compiled_rule *c, size_t *ret_n)
{
	struct field_spec spec = field_spec_of(c->rule->header, c->rule->modifiers);
	const struct content *content = m->t->content;
	struct str *one;

	*ret_n = 0;
	switch (c->rule->kind) {
	case RULE_HEADER:
		one = arena_alloc(m->t->arena, sizeof *one);
		*ret_n = field_get(&m->fields, &spec, one);
		return one;
	case RULE_MIMEHEADER:
		return match_part_lines(m, &spec, ret_n);
	case RULE_FULL:
		one = arena_alloc(m->t->arena, sizeof *one);
		*one = arena_str(m->t->arena, full_text(m));
		*ret_n = 1;
		return one;
	case RULE_BODY:
		*ret_n = content ? content->body_count : 0;
		return content ? content->body : NULL;
	case RULE_RAWBODY:
		*ret_n = content ? content->raw_count : 0;
		return content ? content->raw : NULL;
	case RULE_URI:
		return content ? link_lines(m, ret_n) : NULL;
	default:
		return NULL;
	}
}
