/* Names of facts: slots, the stage at which they can be known, and what to say about the unknown. */
#include "policy/program.h"

static bool is_known_at(const struct fact_def *def, enum stage stage)
{
	/* At header all recipients are judged together. */
	if (stage == STAGE_HEADER && def->stage == STAGE_RCPT)
		return false;
	return def->stage <= stage;
}

static void too_early(struct compiler *c, struct conf_place place, const struct fact_def *def)
{
	if (c->stage == STAGE_HEADER && def->stage == STAGE_RCPT)
		conf_error(c->load, place, "'%s' belongs to one recipient; at header all are judged together, "
					   "expected it at rcpt or message", def->name);
	else
		conf_error(c->load, place, "'%s' cannot be known yet at %s; expected it at %s or later", def->name,
		    stage_name(c->stage), stage_name(def->stage));
}

static int slot_of(struct compiler *c, struct conf_place place, const struct fact_def *def)
{
	struct policy *p = c->policy;
	size_t i = 0;

	while (i < p->fact_count && p->facts[i] != def)
		i++;
	if (i == POLICY_FACTS_MAX) {
		conf_error(c->load, place, "a policy reads at most %d different facts", POLICY_FACTS_MAX);
		return -1;
	}
	if (i == p->fact_count)
		p->facts[p->fact_count++] = def;
	return (int)i;
}

static void note_read(struct compiler *c, unsigned slot)
{
	for (size_t i = 0; i < c->read_count; i++)
		if (c->reads[i] == slot)
			return;
	c->reads[c->read_count++] = slot;
}

/* The filter whose table has the fact; all that there are, configured or not. */
static const struct filter *find_setter(const struct compiler *c, struct str name, const struct fact_def **ret_def)
{
	for (size_t i = 0; c->known && c->known[i]; i++)
		for (const struct fact_def *def = c->known[i]->facts; def && def->name; def++)
			if (str_is(name, def->name)) {
				*ret_def = def;
				return c->known[i];
			}
	return NULL;
}

const struct fact_def *compile_find(const struct compiler *c, struct str name)
{
	const struct fact_def *def = fact_def_find(c->facts, name);

	if (!def && !c->is_lenient)
		find_setter(c, name, &def);
	return def;
}

/* Checked like any other fact, so that a policy may be written before its filters; its author is told. */
static void warn_unset(struct compiler *c, struct conf_place place, const struct fact_def *def)
{
	const struct fact_def *same;
	const struct filter *setter;

	if (fact_def_find(c->facts, str_of(def->name)))
		return;
	setter = find_setter(c, str_of(def->name), &same);
	conf_warning(c->load, place, "the fact '%s' is never set: filter %s is not configured; add \"filter %s;\"",
	    def->name, setter->name, setter->name);
}

int compile_fact(struct compiler *c, struct conf_place place, struct str name)
{
	const struct fact_def *def = compile_find(c, name);
	int slot;

	if (!def) {
		compile_unknown(c, place, name);
		return -1;
	}
	warn_unset(c, place, def);
	if (!is_known_at(def, c->stage)) {
		too_early(c, place, def);
		return -1;
	}
	slot = slot_of(c, place, def);
	if (slot >= 0)
		note_read(c, (unsigned)slot);
	return slot;
}

static const char *find_near(struct compiler *c, struct str name)
{
	size_t n = fact_registry_count(c->facts), room = n;
	const char **names;

	for (size_t i = 0; c->known && c->known[i]; i++)
		for (const struct fact_def *def = c->known[i]->facts; def && def->name; def++)
			room++;
	names = arena_array(c->arena, room + 1, sizeof *names);
	for (size_t i = 0; i < n; i++)
		names[i] = fact_registry_at(c->facts, i)->name;
	for (size_t i = 0; c->known && c->known[i]; i++)
		for (const struct fact_def *def = c->known[i]->facts; def && def->name; def++)
			names[n++] = def->name;
	return conf_near(name, names, n);
}

void compile_unknown(struct compiler *c, struct conf_place place, struct str name)
{
	const char *near;

	if (c->is_lenient) {
		c->policy->left_out++;
		return;
	}
	near = find_near(c, name);
	if (near)
		conf_error(c->load, place, "unknown fact '%.*s'; did you mean '%s'?", STR_ARG(name), near);
	else
		conf_error(c->load, place, "unknown fact '%.*s'; see reevectl help facts", STR_ARG(name));
}
