/*
 * One message against a set: fields and MIME part headers (match_field.c), texts (match_text.c), then
 * evals, uri_detail and metas. The matcher comes from a small pool of the set; nothing here is
 * shared.
 */
#include "rules/ruleset.h"

#include <assert.h>
#include <stdlib.h>

#include "core/finding.h"
#include "lib/clock.h"
#include "rules/evals/evals.h"
#include "rules/set.h"

enum { CLOCK_EVERY = 8, CLOCK_BYTES = 8192, MULTIPLE_MAX = 10000, READINGS = 16 };

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
		m->states = must_calloc(rs->automaton_count, sizeof *m->states);
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

void matcher_free(struct matcher *m)
{
	regex_scratch_free(m->scratch);
	buf_free(&m->joined);
	buf_free(&m->folded);
	buf_free(&m->full);
	free(m->counts);
	free(m->seen);
	free(m->near);
	free(m->waiting.v);
	free(m->waiting.first);
	free(m->waiting.last);
	free(m->texts);
	free(m->starts);
	for (size_t i = 0; i < m->rs->automaton_count; i++)
		automaton_states_free(m->states[i]);
	free(m->states);
	free(m);
}

/* ---- one rule on one line ---- */

void matcher_hit(struct matcher *m, uint32_t rule, double count, struct str text)
{
	if (m->counts[rule] == 0)
		m->texts[rule] = text;
	m->counts[rule] += (float)count;
}

/*
 * Work counts, not time: on a machine with too much to do a message must not lose its rules. The
 * thread's own clock is dearer to read, so it is asked only when the time is over too.
 */
void matcher_check_clock(struct matcher *m, size_t bytes)
{
	int64_t now, left;

	if (m->deadline_ns == 0 || (m->result->runs % CLOCK_EVERY && bytes < CLOCK_BYTES))
		return;
	now = clock_ticks_ns();
	if (now <= m->deadline_ns)
		return;
	left = m->options->budget_us * 1000 - (clock_thread_ns() - m->started_ns);
	m->deadline_ns = now + left;
	m->result->is_timed_out |= left <= 0;
}

bool matcher_is_settled(const struct matcher *m, uint32_t rule)
{
	return (double)m->counts[rule] >= (double)m->rs->rules[rule].maxhits;
}

enum regex_result matcher_try(struct matcher *m, uint32_t rule, struct str line, size_t from,
    struct regex_hit *ret_hit)
{
	const struct compiled_rule *c = &m->rs->rules[rule];
	enum regex_result result = regex_match(c->re, m->scratch, line, from, ret_hit);

	m->result->runs++;
	if (result == REGEX_LIMIT) {
		if (m->result->limits++ == 0)
			m->result->limit_rule = c->rule;
	}
	matcher_check_clock(m, line.n);
	return result;
}

/* Counts matches in the line, up to what the rule asks for. */
static void count_matches(struct matcher *m, uint32_t rule, struct str line)
{
	struct regex_hit hit;
	size_t from = 0;

	for (unsigned i = 0; i < MULTIPLE_MAX && from <= line.n && !m->result->is_timed_out; i++) {
		if (matcher_try(m, rule, line, from, &hit) != REGEX_MATCH)
			return;
		matcher_hit(m, rule, 1, str_sub(line, hit.start, hit.end - hit.start));
		if (matcher_is_settled(m, rule))
			return;
		from = hit.end > hit.start && hit.end > from ? hit.end : hit.end + 1;
	}
}

static void run_plain(struct matcher *m, uint32_t rule, struct str line)
{
	const struct compiled_rule *c = &m->rs->rules[rule];

	if (matcher_is_settled(m, rule) || m->result->is_timed_out)
		return;
	if (c->flags & RULE_NEGATED) {
		if (matcher_try(m, rule, line, 0, NULL) == REGEX_NO)
			matcher_hit(m, rule, 1, STR(""));
		return;
	}
	count_matches(m, rule, line);
}

void matcher_run(struct matcher *m, uint32_t rule, struct str line)
{
	int64_t start = matcher_cost_start(m);

	run_plain(m, rule, line);
	matcher_cost_end(m, rule, start);
}

/* Two readings of the thread's clock by themselves: what they cost is no cost of a rule. */
static int64_t reading_ns(void)
{
	int64_t least = INT64_MAX;

	for (int i = 0; i < READINGS; i++) {
		int64_t start = clock_thread_ns(), took = clock_thread_ns() - start;
		if (took < least)
			least = took;
	}
	return least;
}

void matcher_cost_end(struct matcher *m, uint32_t rule, int64_t start)
{
	struct rule_cost *costs = m->options->costs;
	int64_t took;

	if (!costs)
		return;
	took = clock_thread_ns() - start - m->reading_ns;
	costs[rule].ns += took > 0 ? (uint64_t)took : 0;
	costs[rule].runs++;
}

/* ---- evals ---- */

static void run_evals(struct matcher *m)
{
	for (size_t i = 0; i < m->rs->eval_count && !m->result->is_timed_out; i++) {
		uint32_t rule = m->rs->evals[i];
		const struct rule *r = m->rs->rules[rule].rule;
		struct eval_call call = {m, r, r->args, r->arg_count, STR_NONE};
		int64_t start = matcher_cost_start(m);
		double count = m->rs->rules[rule].eval->run(&call);
		if (count > 0)
			matcher_hit(m, rule, count, call.text);
		matcher_cost_end(m, rule, start);
		matcher_check_clock(m, CLOCK_BYTES);
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
		/* What stands in small tables first: the rules themselves are far apart in memory. */
		if (rs->meta_waits[i] != waiting || (!dirty[i] && !rs->meta_at_zero[i]))
			continue;
		if (!c->is_active || c->meta.n == 0)
			continue;
		value = meta_value(&c->meta, m->counts);
		if (value == 0)
			continue;
		matcher_hit(m, rule, value > 0 ? value : 1, STR(""));
		for (uint32_t k = rs->meta_first[rule]; k < rs->meta_first[rule + 1]; k++)
			dirty[rs->meta_users[k]] = true;
	}
}

/* A pattern that is looked for several times scores each time; a meta, eval or mimeheader once, whatever its value. */
static double times_scored(const struct compiled_rule *c, double count)
{
	bool is_pattern = c->rule->kind >= RULE_HEADER && c->rule->kind <= RULE_URI;

	return is_pattern && c->flags & RULE_MULTIPLE ? count : 1;
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
		double score;
		if (m->counts[i] <= 0)
			continue;
		if (m->options->costs)
			m->options->costs[i].hits++;
		if (is_sub && !m->options->with_subrules)
			continue;
		score = is_sub ? 0 : c->score * times_scored(c, (double)m->counts[i]);
		out->v[out->n++] = (struct rule_hit){c->rule, score, (double)m->counts[i], m->texts[i]};
		out->score += score;
	}
}

static struct matcher *matcher_start(const struct ruleset *rs, const struct rule_target *t, const struct match_options *o,
    struct rule_result *ret_result)
{
	struct matcher *m = matcher_take(rs);

	*ret_result = (struct rule_result){0};
	m->t = t;
	m->options = o;
	m->result = ret_result;
	m->eval_state = NULL;
	m->captured = NULL;
	m->links = NULL;
	m->has_whole = false;
	m->joined_lines = NULL;
	m->runs_all = o->with_subrules;
	m->reading_ns = o->costs ? reading_ns() : 0;
	m->started_ns = o->budget_us ? clock_thread_ns() : 0;
	m->deadline_ns = o->budget_us ? clock_ticks_ns() + o->budget_us * 1000 : 0;
	regex_scratch_limit(m->scratch, o->match_limit);
	fields_init(&m->fields, t, m->scratch);
	m->fields.received = rs->received;
	m->fields.policy = &rs->policy;
	m->fields.registry = rs->registry;
	m->fields.envelope_header = rs->envelope_header;
	return m;
}

void ruleset_ask(const struct ruleset *rs, const struct rule_target *t, const struct match_options *o)
{
	struct rule_result result;
	struct matcher *m;

	if (!ruleset_asks(rs))
		return;
	m = matcher_start(rs, t, o, &result);
	ask_start(m, true);
	matcher_give(m);
}

void ruleset_match(const struct ruleset *rs, const struct rule_target *t, const struct match_options *o,
    struct rule_result *ret_result)
{
	struct matcher *m = matcher_start(rs, t, o, ret_result);
	struct asker *asker;

	if (rs->capture_count || rs->template_count)
		capture_run(m);
	asker = ask_start(m, false);
	match_fields(m);
	match_parts(m);
	match_texts(m);
	detail_run(m);
	run_evals(m);
	if (asker)
		ask_finish(asker); /* to wait is no work: it does not count against the budget */
	/* Over time: what was found so far still counts, metas included. */
	run_metas(m, false);
	if (!m->runs_all && t->content) {
		lazy_run(m, match_waiting);
	}
	run_metas(m, true);
	collect(m);
	matcher_give(m);
}
