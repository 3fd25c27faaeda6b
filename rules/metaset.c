/*
 * The metas of a set: compiled, put into an order in which each stands behind what it reads, and
 * indexed by what they read, so that a message evaluates only those that a hit can have changed.
 */
#include <stdlib.h>

#include "rules/set.h"

struct naming {
	struct ruleset *rs;
	const struct rule *meta;
};

static uint32_t find_name(void *arg, struct str name)
{
	struct naming *n = arg;
	struct rule *r = rules_conf_find(n->rs->conf, name);

	return r ? r->index : UINT32_MAX;
}

static void match_names(void *arg, struct str glob, void (*add)(void *to, uint32_t rule), void *to)
{
	struct naming *n = arg;

	for (size_t i = 0; i < n->rs->n; i++)
		if (n->rs->rules[i].rule != n->meta && str_glob(n->rs->rules[i].rule->name, glob))
			add(to, (uint32_t)i);
}

static void note_undefined(void *arg, struct str name)
{
	struct naming *n = arg;

	conf_warning(n->rs->conf->load, n->meta->place, "rule %.*s: '%.*s' is not defined and counts 0",
	    STR_ARG(n->meta->name), STR_ARG(name));
}

static void compile_all(struct ruleset *rs)
{
	for (size_t i = 0; i < rs->n; i++) {
		struct compiled_rule *c = &rs->rules[i];
		struct naming naming = {rs, c->rule};
		struct meta_names names = {find_name, match_names, note_undefined, &naming,
		    !rs->conf->has_network};
		const char *error;
		if (c->rule->kind != RULE_META)
			continue;
		error = meta_compile(rs->arena, c->rule->text, &names, &c->meta);
		if (error) {
			conf_error(rs->conf->load, c->rule->place, "rule %.*s: %s", STR_ARG(c->rule->name), error);
			c->is_active = false;
			c->rule->status = RULE_IGNORED;
			c->rule->why = STR("the expression has an error");
		}
	}
}

/* ---- order ---- */

enum mark { UNSEEN, OPEN, DONE };

struct frame {
	uint32_t rule;
	size_t next; /* dependency to look at */
};

struct order {
	struct ruleset *rs;
	unsigned char *marks;
	struct frame *stack;
	size_t depth;
};

static void cycle_error(struct ruleset *rs, struct compiled_rule *c, const struct compiled_rule *other)
{
	conf_error(rs->conf->load, c->rule->place, "rule %.*s: depends on itself through %.*s",
	    STR_ARG(c->rule->name), STR_ARG(other->rule->name));
	c->is_active = false;
	c->rule->status = RULE_IGNORED;
	c->rule->why = STR("depends on itself");
}

static void finish_frame(struct order *o)
{
	struct ruleset *rs = o->rs;
	uint32_t rule = o->stack[--o->depth].rule;
	struct compiled_rule *c = &rs->rules[rule];

	o->marks[rule] = DONE;
	/* A meta waits for the metas that it reads: one that never runs keeps it from running. */
	for (size_t i = 0; i < c->meta.rule_count; i++) {
		const struct compiled_rule *dep = &rs->rules[c->meta.rules[i]];
		if (dep->rule->kind == RULE_META && !dep->is_active) {
			c->is_active = false;
			c->is_dead = true;
			if (c->rule->status == RULE_SUPPORTED && c->score != 0) {
				c->rule->status = RULE_IGNORED;
				c->rule->why = arena_printf(rs->arena, "reads %.*s, a meta that is switched off",
				    STR_ARG(dep->rule->name));
			}
		}
	}
	rs->metas[rs->meta_count++] = rule;
}

/* Depth first without recursion: a chain of metas may be as long as a file. */
static void visit(struct order *o, uint32_t start)
{
	struct ruleset *rs = o->rs;

	o->stack[o->depth++] = (struct frame){start, 0};
	o->marks[start] = OPEN;
	while (o->depth) {
		struct frame *f = &o->stack[o->depth - 1];
		struct compiled_rule *c = &rs->rules[f->rule];
		uint32_t dep;
		if (f->next == c->meta.rule_count) {
			finish_frame(o);
			continue;
		}
		dep = c->meta.rules[f->next++];
		if (rs->rules[dep].rule->kind != RULE_META || o->marks[dep] == DONE)
			continue;
		if (o->marks[dep] == OPEN) {
			cycle_error(rs, c, &rs->rules[dep]);
			continue;
		}
		o->marks[dep] = OPEN;
		o->stack[o->depth++] = (struct frame){dep, 0};
	}
}

static void order_all(struct ruleset *rs)
{
	struct order o = {rs, calloc(rs->n + 1, 1), calloc(rs->n + 1, sizeof(struct frame)), 0};

	if (!o.marks || !o.stack)
		abort();
	rs->metas = arena_array(rs->arena, rs->n, sizeof *rs->metas);
	for (size_t i = 0; i < rs->n; i++)
		if (rs->rules[i].rule->kind == RULE_META && o.marks[i] == UNSEEN)
			visit(&o, (uint32_t)i);
	free(o.marks);
	free(o.stack);
}

/* ---- index ---- */

static void index_users(struct ruleset *rs)
{
	size_t total = 0;

	rs->meta_first = arena_array(rs->arena, rs->n + 2, sizeof *rs->meta_first);
	for (size_t i = 0; i < rs->meta_count; i++) {
		const struct meta *m = &rs->rules[rs->metas[i]].meta;
		for (size_t k = 0; k < m->rule_count; k++)
			rs->meta_first[m->rules[k] + 2]++;
		total += m->rule_count;
	}
	for (size_t i = 2; i < rs->n + 2; i++)
		rs->meta_first[i] += rs->meta_first[i - 1];
	rs->meta_users = arena_array(rs->arena, total, sizeof *rs->meta_users);
	/* Shifted by one while it fills: ends where the index says. */
	for (size_t i = 0; i < rs->meta_count; i++) {
		const struct meta *m = &rs->rules[rs->metas[i]].meta;
		for (size_t k = 0; k < m->rule_count; k++)
			rs->meta_users[rs->meta_first[m->rules[k] + 1]++] = (uint32_t)i;
	}
}

static void find_true_at_zero(struct ruleset *rs)
{
	float *counts = calloc(rs->n + 1, sizeof *counts);

	if (!counts)
		abort();
	rs->meta_at_zero = arena_array(rs->arena, rs->n, sizeof *rs->meta_at_zero);
	for (size_t i = 0; i < rs->meta_count; i++) {
		const struct meta *m = &rs->rules[rs->metas[i]].meta;
		rs->meta_at_zero[i] = m->n && meta_value(m, counts) != 0;
	}
	free(counts);
}

void compile_metas(struct ruleset *rs)
{
	compile_all(rs);
	order_all(rs);
	index_users(rs);
	find_true_at_zero(rs);
}
