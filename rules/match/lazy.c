/*
 * Sub-rules without literals are the dear ones: each is tried on the whole text, those for the full message on all
 * of that; those with common literals on many lines. They wait until all else is known; then a sub-rule runs only
 * when a scored meta can still be changed by it. For that, metas are evaluated over intervals: what is unknown may
 * be anything between 0 and its most hits.
 */
#include <float.h>

#include "rules/set.h"

struct range {
	float low, high;
};

struct lazy {
	struct matcher *m;
	struct range *ranges; /* by rule */
	bool *seen;	      /* by meta position: asked in this search, or to be updated */
};

static bool is_zero(struct range r)
{
	return r.low == 0 && r.high == 0;
}

static bool is_true(struct range r)
{
	return r.low > 0 || r.high < 0;
}

static struct range hull(struct range a, struct range b)
{
	return (struct range){a.low < b.low ? a.low : b.low, a.high > b.high ? a.high : b.high};
}

static struct range truth(bool always, bool never)
{
	return (struct range){always, !never};
}

static struct range product(struct range a, struct range b)
{
	float v[4] = {a.low * b.low, a.low * b.high, a.high * b.low, a.high * b.high};
	struct range out = {v[0], v[0]};

	for (size_t i = 1; i < 4; i++)
		out = hull(out, (struct range){v[i], v[i]});
	return out;
}

static struct range binary(enum meta_code code, struct range a, struct range b)
{
	static const struct range zero = {0, 0}, any = {-FLT_MAX, FLT_MAX};

	switch (code) {
	case META_ADD:
		return (struct range){a.low + b.low, a.high + b.high};
	case META_SUBTRACT:
		return (struct range){a.low - b.high, a.high - b.low};
	case META_MULTIPLY:
		return product(a, b);
	case META_LESS:
		return truth(a.high < b.low, a.low >= b.high);
	case META_GREATER:
		return truth(a.low > b.high, a.high <= b.low);
	case META_LESS_EQUAL:
		return truth(a.high <= b.low, a.low > b.high);
	case META_GREATER_EQUAL:
		return truth(a.low >= b.high, a.high < b.low);
	case META_EQUAL:
		return truth(a.low == a.high && b.low == b.high && a.low == b.low, a.high < b.low || b.high < a.low);
	case META_NOT_EQUAL:
		return truth(a.high < b.low || b.high < a.low, a.low == a.high && b.low == b.high && a.low == b.low);
	case META_AND:
		return is_zero(a) ? zero : is_true(a) ? b : hull(zero, b);
	case META_OR:
		return is_true(a) ? a : is_zero(a) ? b : hull(a, b);
	default:
		return any;
	}
}

/* As meta_value(), over ranges. */
static struct range range_of(const struct meta *meta, const struct range *ranges)
{
	struct range stack[META_STACK_MAX + 1] = {{0, 0}};
	size_t n = 0;

	for (const struct meta_op *op = meta->ops, *end = op + meta->n; op < end; op++) {
		switch (op->code) {
		case META_NUMBER:
			stack[n++] = (struct range){(float)op->number, (float)op->number};
			break;
		case META_RULE:
			stack[n++] = ranges[op->rule];
			break;
		case META_NOT:
			stack[n - 1] = truth(is_zero(stack[n - 1]), is_true(stack[n - 1]));
			break;
		case META_MINUS:
			stack[n - 1] = (struct range){-stack[n - 1].high, -stack[n - 1].low};
			break;
		case META_CHOOSE:
			n -= 2;
			stack[n - 1] = is_true(stack[n - 1])   ? stack[n]
			               : is_zero(stack[n - 1]) ? stack[n + 1]
			                                       : hull(stack[n], stack[n + 1]);
			break;
		default:
			n--;
			stack[n - 1] = binary(op->code, stack[n - 1], stack[n]);
		}
	}
	return n ? stack[0] : (struct range){0, 0};
}

/* The value that others see: a meta that is true counts at least a bit, one that is off nothing. */
static void update_meta(struct lazy *l, size_t position)
{
	const struct ruleset *rs = l->m->rs;
	uint32_t rule = rs->metas[position];
	const struct compiled_rule *c = &rs->rules[rule];
	struct range r = {0, 0};

	if (c->is_active)
		r = range_of(&c->meta, l->ranges);
	/* A negative value is a hit of 1. */
	if (r.low < 0)
		r = (struct range){r.high < 0 ? 1 : 0, r.high > 1 ? r.high : 1};
	l->ranges[rule] = r;
}

/* Whether a scored meta that is still open can be reached from the rule through open metas. */
static bool is_wanted(struct lazy *l, uint32_t rule)
{
	const struct ruleset *rs = l->m->rs;

	for (uint32_t k = rs->meta_first[rule]; k < rs->meta_first[rule + 1]; k++) {
		uint32_t position = rs->meta_users[k], meta = rs->metas[position];
		const struct compiled_rule *c = &rs->rules[meta];
		struct range r = l->ranges[meta];
		if (l->seen[position] || r.low == r.high || !c->is_active)
			continue;
		l->seen[position] = true;
		if (!(c->flags & RULE_IS_SUB) && !is_true(r))
			return true;
		if (is_wanted(l, meta))
			return true;
	}
	return false;
}

/* The metas that read the rule are to be updated. */
static void mark_users(struct lazy *l, uint32_t rule)
{
	const struct ruleset *rs = l->m->rs;

	for (uint32_t k = rs->meta_first[rule]; k < rs->meta_first[rule + 1]; k++)
		l->seen[rs->meta_users[k]] = true;
}

/* Ranges of all metas above the rule, in their order. */
static void settle(struct lazy *l, uint32_t rule)
{
	const struct ruleset *rs = l->m->rs;
	float count = l->m->counts[rule];

	l->ranges[rule] = (struct range){count, count};
	memset(l->seen, 0, rs->meta_count * sizeof *l->seen);
	mark_users(l, rule);
	for (size_t i = rs->first_waiting; i < rs->meta_count; i++) {
		if (!l->seen[i])
			continue;
		update_meta(l, i);
		mark_users(l, rs->metas[i]);
	}
}

static void start(struct lazy *l, struct matcher *m)
{
	const struct ruleset *rs = m->rs;
	struct arena *a = m->t->arena;

	l->m = m;
	l->ranges = arena_array(a, rs->n, sizeof *l->ranges);
	l->seen = arena_array(a, rs->meta_count, sizeof *l->seen);
	for (uint32_t i = 0; i < rs->n; i++) {
		if (m->counts[i] == 0)
			continue;
		l->ranges[i] = (struct range){m->counts[i], m->counts[i]};
		mark_users(l, i);
	}
	for (size_t i = 0; i < rs->lazy_count; i++) {
		const struct compiled_rule *c = &rs->rules[rs->lazies[i]];
		if (!matcher_is_waiting(m, rs->lazies[i]))
			continue;
		l->ranges[rs->lazies[i]].high = c->maxhits == UINT32_MAX ? 1e6f : (float)c->maxhits;
		mark_users(l, rs->lazies[i]);
	}
	/* What nothing below has changed from zero is what it was at zero. */
	for (size_t i = rs->first_waiting; i < rs->meta_count; i++) {
		if (!rs->meta_waits[i] || !(l->seen[i] || rs->meta_at_zero[i]))
			continue;
		update_meta(l, i);
		if (!is_zero(l->ranges[rs->metas[i]]))
			mark_users(l, rs->metas[i]);
	}
}

void lazy_mark(struct ruleset *rs)
{
	rs->meta_waits = arena_array(rs->arena, rs->meta_count, sizeof *rs->meta_waits);
	rs->first_waiting = rs->meta_count;
	for (size_t i = 0; i < rs->meta_count; i++) {
		const struct meta *meta = &rs->rules[rs->metas[i]].meta;
		for (size_t k = 0; k < meta->rule_count && !rs->meta_waits[i]; k++)
			rs->meta_waits[i] = rs->rules[meta->rules[k]].is_lazy;
	}
	for (size_t i = 0; i < rs->meta_count; i++) {
		uint32_t rule = rs->metas[i];
		for (uint32_t k = rs->meta_first[rule]; rs->meta_waits[i] && k < rs->meta_first[rule + 1]; k++)
			rs->meta_waits[rs->meta_users[k]] = true;
		if (rs->meta_waits[i] && rs->first_waiting == rs->meta_count)
			rs->first_waiting = i;
	}
}

void lazy_run(struct matcher *m, void (*run)(struct matcher *m, uint32_t rule))
{
	const struct ruleset *rs = m->rs;
	struct lazy l;

	if (rs->lazy_count == 0)
		return;
	start(&l, m);
	for (size_t i = 0; i < rs->lazy_count && !matcher_is_over(m); i++) {
		if (!matcher_is_waiting(m, rs->lazies[i]))
			continue;
		memset(l.seen, 0, rs->meta_count * sizeof *l.seen);
		if (!is_wanted(&l, rs->lazies[i]))
			continue;
		run(m, rs->lazies[i]);
		settle(&l, rs->lazies[i]);
	}
}
