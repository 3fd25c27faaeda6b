/* One condition outside of a policy: what a filter's directive takes as an exception. */
#include "policy/program.h"

struct condition {
	struct policy policy; /* its facts only */
	struct expr *expr;
	enum stage stage;
};

static enum stage latest_stage(const struct policy *p)
{
	enum stage latest = STAGE_CONNECT;

	for (size_t i = 0; i < p->fact_count; i++)
		if (p->facts[i]->stage > latest)
			latest = p->facts[i]->stage;
	return latest;
}

struct condition *condition_new(struct conf_load *load, const struct conf_node *node, size_t from, enum stage stage,
    const struct fact_registry *facts, const struct lists *lists, const struct filter *const known[])
{
	struct condition *x = arena_alloc(load->arena, sizeof *x);
	struct compiler *c = arena_alloc(load->arena, sizeof *c);

	compiler_start(c, load, &x->policy, facts, lists);
	c->known = known;
	c->stage = stage;
	x->expr = compile_condition(c, node, from);
	policy_finish(&x->policy);
	x->stage = latest_stage(&x->policy);
	return x->expr ? x : NULL;
}

enum stage condition_stage(const struct condition *x)
{
	return x->stage;
}

enum res condition_holds(const struct condition *x, const struct session *s, const struct recipient *r, struct arena *a)
{
	struct run run = {.policy = &x->policy, .session = s, .recipient = r, .arena = a, .stage = s->stage};
	bool holds;

	run_load_facts(&run);
	holds = run_condition(&run, x->expr);
	if (run.scratch)
		regex_give_back(x->policy.pool, run.scratch);
	if (run.list_failed)
		return RES_TEMP;
	return holds ? RES_OK : RES_NONE;
}
