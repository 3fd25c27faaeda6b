/*
 * One message against a set. For each kind of text: the lines are joined and folded once, the
 * prefilter names the rules that can match and the line where, and PCRE2 decides on that line. Rules
 * without literals are run on all lines, first on the joined text where that is safe. Then evals,
 * uri_detail and metas. The matcher comes from a small pool of the set; nothing here is shared.
 */
#include "rules/ruleset.h"

#include <assert.h>
#include <stdlib.h>

#include "core/finding.h"
#include "lib/clock.h"
#include "rules/evals.h"
#include "rules/set.h"

enum { CLOCK_EVERY = 8, CLOCK_BYTES = 8192, MULTIPLE_MAX = 10000, WAITING_MAX = 100000 };

/* ---- the pool ---- */

static void *must_calloc(size_t n, size_t size)
{
	void *p = calloc(n ? n : 1, size);

	if (!p)
		abort();
	return p;
}

static struct matcher *matcher_take(const struct ruleset *shared)
{
	/* The pool is the one part of a set that changes, under its lock. */
	struct ruleset *rs = (struct ruleset *)(uintptr_t)shared;
	struct matcher *m;

	pthread_mutex_lock(&rs->lock);
	m = rs->idle;
	if (m)
		rs->idle = m->next;
	pthread_mutex_unlock(&rs->lock);
	if (!m) {
		m = must_calloc(1, sizeof *m);
		m->rs = rs;
		m->scratch = regex_scratch_new();
		m->counts = must_calloc(rs->n, sizeof *m->counts);
		m->seen = must_calloc(rs->n, sizeof *m->seen);
		m->near = must_calloc(rs->n, sizeof *m->near);
		m->waiting.first = must_calloc(rs->n, sizeof *m->waiting.first);
		m->waiting.last = must_calloc(rs->n, sizeof *m->waiting.last);
		m->texts = must_calloc(rs->n, sizeof *m->texts);
	} else {
		memset(m->counts, 0, rs->n * sizeof *m->counts);
		memset(m->seen, 0, rs->n * sizeof *m->seen);
		memset(m->near, 0, rs->n * sizeof *m->near);
		memset(m->waiting.first, 0, rs->n * sizeof *m->waiting.first);
	}
	return m;
}

/* Buffers that a large message made large are given back. */
static void trim(struct buf *b)
{
	if (b->room > 4 * 1024 * 1024)
		buf_free(b);
	b->n = 0;
}

static void matcher_give(struct matcher *m)
{
	struct ruleset *rs = (struct ruleset *)(uintptr_t)m->rs;

	trim(&m->joined);
	trim(&m->folded);
	trim(&m->full);
	m->waiting.n = 0;
	m->t = NULL;
	m->result = NULL;
	m->options = NULL;
	pthread_mutex_lock(&rs->lock);
	m->next = rs->idle;
	rs->idle = m;
	pthread_mutex_unlock(&rs->lock);
}

/* ---- one rule on one line ---- */

void matcher_hit(struct matcher *m, uint32_t rule, double count, struct str text)
{
	if (m->counts[rule] == 0)
		m->texts[rule] = text;
	m->counts[rule] += (float)count;
}

static void check_clock(struct matcher *m, size_t bytes)
{
	if (m->deadline_ns == 0 || (m->result->runs % CLOCK_EVERY && bytes < CLOCK_BYTES))
		return;
	if (clock_ticks_ns() > m->deadline_ns)
		m->result->is_timed_out = true;
}

static bool is_settled(const struct matcher *m, uint32_t rule)
{
	return (double)m->counts[rule] >= (double)m->rs->rules[rule].maxhits;
}

static enum regex_result try(struct matcher *m, uint32_t rule, struct str line, size_t from,
    struct regex_hit *ret_hit)
{
	const struct compiled_rule *c = &m->rs->rules[rule];
	enum regex_result result = regex_match(c->re, m->scratch, line, from, ret_hit);

	m->result->runs++;
	if (result == REGEX_LIMIT) {
		if (m->result->limits++ == 0)
			m->result->limit_rule = c->rule;
	}
	check_clock(m, line.n);
	return result;
}

/* Counts matches in the line, up to what the rule asks for. */
static void count_matches(struct matcher *m, uint32_t rule, struct str line)
{
	struct regex_hit hit;
	size_t from = 0;

	for (unsigned i = 0; i < MULTIPLE_MAX && from <= line.n && !m->result->is_timed_out; i++) {
		if (try(m, rule, line, from, &hit) != REGEX_MATCH)
			return;
		matcher_hit(m, rule, 1, str_sub(line, hit.start, hit.end - hit.start));
		if (is_settled(m, rule))
			return;
		from = hit.end > hit.start && hit.end > from ? hit.end : hit.end + 1;
	}
}

static void run_plain(struct matcher *m, uint32_t rule, struct str line)
{
	const struct compiled_rule *c = &m->rs->rules[rule];

	if (is_settled(m, rule) || m->result->is_timed_out)
		return;
	if (c->flags & RULE_NEGATED) {
		if (try(m, rule, line, 0, NULL) == REGEX_NO)
			matcher_hit(m, rule, 1, STR(""));
		return;
	}
	count_matches(m, rule, line);
}

static void run_rule(struct matcher *m, uint32_t rule, struct str line)
{
	struct rule_cost *cost = m->options->costs;
	int64_t start;

	if (!cost) {
		run_plain(m, rule, line);
		return;
	}
	start = clock_ticks_ns();
	run_plain(m, rule, line);
	cost[rule].ns += (uint64_t)(clock_ticks_ns() - start);
	cost[rule].runs++;
}

/* ---- groups ---- */

static bool skips_line(const struct matcher *m, uint32_t rule, size_t line)
{
	return line == 0 && m->rs->rules[rule].flags & RULE_NOSUBJECT && m->lines == m->t->content->body;
}

static void run_on_line(struct matcher *m, uint32_t rule, size_t line)
{
	if (!(m->rs->rules[rule].flags & RULE_NOSUBJECT) || !skips_line(m, rule, line))
		run_rule(m, rule, m->lines[line]);
}

/* One more literal of the rule on the line (from 1): whether there are enough of them now. */
static bool is_enough(struct matcher *m, uint32_t rule, uint32_t line)
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

/* A literal of the rule stands at `at` of the joined text: try the rule on its line, once. */
static bool found_literal(void *arg, uint32_t rule, size_t at)
{
	struct matcher *m = arg;

	if (at < m->starts[m->line])
		m->line = 0; /* the second pass over the text */
	while (m->line + 1 < m->line_count && m->starts[m->line + 1] <= at)
		m->line++;
	if (m->seen[rule] == m->line + 1 || !is_enough(m, rule, (uint32_t)m->line + 1))
		return true;
	m->seen[rule] = (uint32_t)m->line + 1;
	if (!wait_for(m, rule, m->line))
		run_on_line(m, rule, m->line);
	return !m->result->is_timed_out;
}

static void join_lines(struct matcher *m)
{
	if (m->line_count > m->start_room) {
		free(m->starts);
		m->start_room = m->line_count * 2;
		m->starts = must_calloc(m->start_room, sizeof *m->starts);
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

static void run_always(struct matcher *m, uint32_t rule)
{
	const struct compiled_rule *c = &m->rs->rules[rule];

	if (c->joins && m->line_count > 1) {
		int64_t start = m->options->costs ? clock_ticks_ns() : 0;
		enum regex_result joined = regex_match(c->re, m->scratch, buf_str(&m->joined), 0, NULL);
		m->result->runs++;
		check_clock(m, m->joined.n);
		if (m->options->costs) {
			m->options->costs[rule].ns += (uint64_t)(clock_ticks_ns() - start);
			m->options->costs[rule].runs++;
		}
		if (joined == REGEX_NO)
			return;
	}
	for (size_t i = 0; i < m->line_count && !is_settled(m, rule) && !m->result->is_timed_out; i++)
		run_on_line(m, rule, i);
}

static void run_group(struct matcher *m, const struct rule_group *g, const struct str *lines, size_t n)
{
	if (n == 0 || (!g->prefilter && g->always_count == 0))
		return;
	m->lines = lines;
	m->line_count = n < TARGET_LINES_MAX ? n : TARGET_LINES_MAX;
	join_lines(m);
	if (g->prefilter)
		scan(m, g, buf_str(&m->joined));
	for (size_t i = 0; i < g->always_count && !m->result->is_timed_out; i++)
		if (m->runs_all || !m->rs->rules[g->always[i]].is_lazy)
			run_always(m, g->always[i]);
}

static void run_waiting(struct matcher *m, uint32_t rule, const struct str *lines, size_t n)
{
	m->lines = lines;
	m->line_count = n;
	for (uint32_t i = m->waiting.first[rule]; i && !is_settled(m, rule) && !m->result->is_timed_out;
	     i = m->waiting.v[i - 1].next)
		run_on_line(m, rule, m->waiting.v[i - 1].line);
}

/* One rule that waited, over its lines; they are joined again when the last one had others. */
static void run_lazy(struct matcher *m, uint32_t rule)
{
	const struct content *c = m->t->content;
	bool is_raw = m->rs->rules[rule].rule->kind == RULE_RAWBODY;
	const struct str *lines = is_raw ? c->raw : c->body;
	size_t n = is_raw ? c->raw_count : c->body_count;

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

/* ---- header fields ---- */

static void run_absent(struct matcher *m, const struct field_slot *s)
{
	for (size_t i = 0; i < s->count; i++)
		if (m->rs->rules[s->rules[i]].absent_hits)
			matcher_hit(m, s->rules[i], 1, STR(""));
}

static void run_exists(struct matcher *m, const struct field_slot *s)
{
	for (size_t i = 0; i < s->count; i++) {
		unsigned flags = m->rs->rules[s->rules[i]].flags;
		if (flags & RULE_EXISTS && !(flags & RULE_NEGATED))
			matcher_hit(m, s->rules[i], 1, STR(""));
	}
}

static bool found_in_field(void *arg, uint32_t rule, size_t at)
{
	struct matcher *m = arg;

	(void)at;
	if (m->seen[rule] || !is_enough(m, rule, 1))
		return true;
	m->seen[rule] = 1;
	run_rule(m, rule, m->lines[0]);
	return !m->result->is_timed_out;
}

static void run_on_text(struct matcher *m, const struct rule_group *g, const struct str *text)
{
	m->lines = text;
	m->line_count = 1;
	if (g->prefilter) {
		char *to;
		m->folded.n = 0;
		to = buf_reserve(&m->folded, text->n + 1);
		prefilter_fold(*text, to);
		prefilter_scan(g->prefilter, (struct str){to, text->n}, found_in_field, m);
	}
	for (size_t i = 0; i < g->always_count; i++)
		if (m->rs->rules[g->always[i]].re)
			run_rule(m, g->always[i], *text);
}

static void run_fields(struct matcher *m)
{
	for (size_t i = 0; i < m->rs->field_count && !m->result->is_timed_out; i++) {
		const struct field_slot *s = &m->rs->fields[i];
		struct str text;
		if (!field_get(&m->fields, &s->spec, &text)) {
			run_absent(m, s);
			continue;
		}
		run_exists(m, s);
		run_on_text(m, &s->group, &text);
	}
}

/* ---- headers of MIME parts ---- */

static struct str part_value(struct matcher *m, const struct mime_part *part, const struct field_spec *spec,
    bool *ret_has)
{
	struct arena *a = m->t->arena;
	const struct header *h = headers_get(&part->headers, spec->name.p, 0);
	struct str value;

	*ret_has = h != NULL;
	if (str_is(spec->name, "ALL")) {
		struct buf all = {0};
		for (size_t i = 0; i < part->headers.n; i++)
			buf_addf(&all, "%.*s: %.*s\n", STR_ARG(part->headers.v[i].name),
			    STR_ARG(header_decode(a, header_unfold(a, part->headers.v[i].value))));
		*ret_has = true;
		return buf_take(&all, a);
	}
	if (!h)
		return STR("");
	if (spec->modifiers & HEADER_RAW) {
		/* Part headers are read without the blanks behind the colon. */
		value = field_raw(a, h);
		while (value.n && (value.p[0] == ' ' || value.p[0] == '\t'))
			value = str_from(value, 1);
	} else {
		value = header_decode(a, header_unfold(a, h->value));
	}
	return arena_printf(a, "%.*s\n", STR_ARG(value));
}

static bool in_range(const struct compiled_rule *c, size_t number)
{
	return !(c->flags & RULE_RANGE) || (number >= c->rule->range_from && number <= c->rule->range_to);
}

/* A negated rule holds when no part matches; the others when any does. */
static void run_part_rule(struct matcher *m, uint32_t rule, struct str value, bool has, size_t number)
{
	const struct compiled_rule *c = &m->rs->rules[rule];

	if (!in_range(c, number) || m->result->is_timed_out)
		return;
	if (!has && !c->rule->has_if_unset)
		value = STR("");
	else if (!has)
		value = c->rule->if_unset;
	if (!(c->flags & RULE_NEGATED))
		run_rule(m, rule, value);
	else if (m->seen[rule] != UINT32_MAX && try(m, rule, value, 0, NULL) == REGEX_MATCH)
		m->seen[rule] = UINT32_MAX;
}

static void run_part_slot(struct matcher *m, const struct field_slot *s)
{
	struct buf all = {0};
	size_t number = 0;
	bool has;

	for (struct mime_part *p = m->t->mime->root; p; p = mime_next(p)) {
		struct str value = part_value(m, p, &s->spec, &has);
		number++;
		if (p->is_alternative_reading)
			continue;
		buf_add(&all, value);
		for (size_t i = 0; i < s->count; i++)
			if (!(m->rs->rules[s->rules[i]].flags & RULE_CONCAT))
				run_part_rule(m, s->rules[i], value, has, number);
	}
	for (size_t i = 0; i < s->count; i++) {
		unsigned flags = m->rs->rules[s->rules[i]].flags;
		if (flags & RULE_CONCAT)
			run_rule(m, s->rules[i], arena_str(m->t->arena, buf_str(&all)));
		else if (flags & RULE_NEGATED && m->seen[s->rules[i]] != UINT32_MAX)
			matcher_hit(m, s->rules[i], 1, STR(""));
	}
	buf_free(&all);
}

static void run_parts(struct matcher *m)
{
	if (!m->t->mime || !m->t->mime->root)
		return;
	for (size_t i = 0; i < m->rs->mime_field_count && !m->result->is_timed_out; i++)
		run_part_slot(m, &m->rs->mime_fields[i]);
}

/* ---- the texts ---- */

/* The message with LF line ends, up to TARGET_FULL_MAX. */
static struct str full_text(struct matcher *m)
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

/* Near the end, where doubles are: links to the same place stand together. */
static bool is_known_uri(const struct str *v, size_t n, struct str s)
{
	for (size_t i = n > 32 ? n - 32 : 0; i < n; i++)
		if (str_eq(v[i], s))
			return true;
	return false;
}

/* All writings of all links, each once. Made at first use. */
static struct str *uri_lines(struct matcher *m, size_t *ret_n)
{
	const struct urls *urls = &m->t->content->urls;
	struct str **lists;
	size_t *counts, total = 0, n = 0;

	if (m->uris) {
		*ret_n = m->uri_count;
		return m->uris;
	}
	lists = arena_array(m->t->arena, urls->n + 1, sizeof *lists);
	counts = arena_array(m->t->arena, urls->n + 1, sizeof *counts);
	for (size_t i = 0; i < urls->n; i++) {
		const struct url *u = &urls->v[i];
		lists[i] = url_variants(m->t->arena, u->is_schemeless ? u->url : u->raw, &counts[i]);
		total += counts[i];
	}
	m->uris = arena_array(m->t->arena, total + 1, sizeof *m->uris);
	for (size_t i = 0; i < urls->n; i++)
		for (size_t k = 0; k < counts[i]; k++)
			if (!is_known_uri(m->uris, n, lists[i][k]))
				m->uris[n++] = lists[i][k];
	m->uri_count = n;
	*ret_n = n;
	return m->uris;
}

static void run_texts(struct matcher *m)
{
	const struct rule_group *groups = m->rs->texts;
	const struct content *c = m->t->content;
	struct str full, *uris;
	size_t n;

	if (c) {
		run_group(m, &groups[TEXT_BODY], c->body, c->body_count);
		run_group(m, &groups[TEXT_RAW], c->raw, c->raw_count);
		uris = uri_lines(m, &n);
		run_group(m, &groups[TEXT_URI], uris, n);
	}
	if (groups[TEXT_FULL].prefilter || groups[TEXT_FULL].always_count) {
		full = full_text(m);
		run_on_text(m, &groups[TEXT_FULL], &full);
		/* What was shown of it must outlive the buffer. */
		for (size_t i = 0; i < m->rs->n; i++)
			if (m->rs->rules[i].rule->kind == RULE_FULL && m->counts[i] > 0)
				m->texts[i] = arena_str(m->t->arena, str_sub(m->texts[i], 0, FINDING_TEXT_MAX));
	}
}

void matcher_run(struct matcher *m, uint32_t rule, struct str line)
{
	run_rule(m, rule, line);
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
		return content ? uri_lines(m, ret_n) : NULL;
	default:
		return NULL;
	}
}

static void run_evals(struct matcher *m)
{
	for (size_t i = 0; i < m->rs->eval_count && !m->result->is_timed_out; i++) {
		uint32_t rule = m->rs->evals[i];
		const struct rule *r = m->rs->rules[rule].rule;
		struct eval_call call = {m, r, r->args, r->arg_count, STR_NONE};
		int64_t start = m->options->costs ? clock_ticks_ns() : 0;
		double count = m->rs->rules[rule].eval->run(&call);
		if (count > 0)
			matcher_hit(m, rule, count, call.text);
		if (m->options->costs) {
			m->options->costs[rule].ns += (uint64_t)(clock_ticks_ns() - start);
			m->options->costs[rule].runs++;
		}
		check_clock(m, CLOCK_BYTES);
	}
}

/* ---- metas and the result ---- */

/* Those that wait for lazy sub-rules, or the others. */
static void run_metas(struct matcher *m, bool waiting)
{
	const struct ruleset *rs = m->rs;
	bool *dirty = arena_array(m->t->arena, rs->meta_count, sizeof *dirty);

	for (uint32_t r = 0; r < rs->n; r++)
		if (m->counts[r] > 0)
			for (uint32_t k = rs->meta_first[r]; k < rs->meta_first[r + 1]; k++)
				dirty[rs->meta_users[k]] = true;
	for (size_t i = 0; i < rs->meta_count; i++) {
		uint32_t rule = rs->metas[i];
		const struct compiled_rule *c = &rs->rules[rule];
		double value;
		if (rs->meta_waits[i] != waiting || !c->is_active || c->meta.n == 0)
			continue;
		if (!dirty[i] && !rs->meta_at_zero[i])
			continue;
		value = meta_value(&c->meta, m->counts);
		if (value == 0)
			continue;
		matcher_hit(m, rule, value > 0 ? value : 1, STR(""));
		for (uint32_t k = rs->meta_first[rule]; k < rs->meta_first[rule + 1]; k++)
			dirty[rs->meta_users[k]] = true;
	}
}

static void collect(struct matcher *m)
{
	const struct ruleset *rs = m->rs;
	struct rule_result *out = m->result;
	size_t n = 0;

	for (size_t i = 0; i < rs->n; i++)
		n += m->counts[i] > 0;
	out->v = arena_array(m->t->arena, n, sizeof *out->v);
	for (size_t i = 0; i < rs->n; i++) {
		const struct compiled_rule *c = &rs->rules[i];
		bool is_sub = c->flags & RULE_IS_SUB;
		if (m->counts[i] <= 0)
			continue;
		if (m->options->costs)
			m->options->costs[i].hits++;
		if (is_sub && !m->options->with_subrules)
			continue;
		out->v[out->n++] = (struct rule_hit){c->rule, is_sub ? 0 : c->score, (double)m->counts[i], m->texts[i]};
		if (!is_sub)
			out->score += c->score;
	}
}

void ruleset_match(const struct ruleset *rs, const struct rule_target *t, const struct match_options *o,
    struct rule_result *ret_result)
{
	struct matcher *m = matcher_take(rs);

	*ret_result = (struct rule_result){0};
	m->t = t;
	m->options = o;
	m->result = ret_result;
	m->eval_state = NULL;
	m->captured = NULL;
	m->uris = NULL;
	m->joined_lines = NULL;
	m->runs_all = o->with_subrules;
	m->deadline_ns = o->budget_us ? clock_ticks_ns() + o->budget_us * 1000 : 0;
	regex_scratch_limit(m->scratch, o->match_limit);
	fields_init(&m->fields, t, m->scratch);
	m->fields.received = rs->received;
	m->fields.policy = &rs->policy;
	m->fields.envelope_header = rs->envelope_header;
	if (rs->capture_count || rs->template_count)
		capture_run(m);
	run_fields(m);
	run_parts(m);
	run_texts(m);
	detail_run(m);
	run_evals(m);
	/* Over time: what was found so far still counts, metas included. */
	run_metas(m, false);
	if (!m->runs_all && t->content) {
		lazy_run(m, run_lazy);
	}
	run_metas(m, true);
	collect(m);
	matcher_give(m);
}
