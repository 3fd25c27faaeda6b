/*
 * The policy language (DESIGN.md part 4): facts and findings in, verdict and explanation out.
 * A policy is compiled once per snapshot, is immutable, and is evaluated without locks.
 */
#ifndef REEVE_POLICY_POLICY_H
#define REEVE_POLICY_POLICY_H

#include "core/chain.h"
#include "core/list.h"
#include "core/session.h"
#include "core/verdict.h"

struct policy;

/*
 * Compiles a `policy { ... }` node (NULL: the shipped default policy). Everything is checked here:
 * unknown facts, types, stages at which a fact cannot be known yet, unknown lists, unreachable
 * statements, templates. NULL when there were errors.
 */
struct policy *policy_new(struct conf_load *load, const struct conf_node *node,
    const struct fact_registry *facts, const struct lists *lists);
extern const char policy_default_text[];

/* Whether the policy has statements at the stage. */
bool policy_has(const struct policy *p, enum stage stage);
/*
 * Evaluates a stage for one recipient (NULL at connect, helo, mail and header: for all). A failure
 * in s->failed speaks first. At STAGE_MESSAGE the result is never VERDICT_NONE. Everything in the
 * verdict lives in arena a.
 */
void policy_decide(const struct policy *p, const struct session *s, enum stage stage,
    const struct recipient *r, struct arena *a, struct verdict *ret_verdict);

/* What a policy may do, for the milter's negotiation: bits of policy_uses(). */
enum policy_use {
	POLICY_USES_TAGS = 1,	    /* adds, changes or removes headers, tags subjects */
	POLICY_USES_COPY = 2,
	POLICY_USES_REDIRECT = 4,
	POLICY_USES_QUARANTINE = 8, /* or may turn a minority's reject into one: any reject at message */
	POLICY_USES_DISCARD = 16,
	POLICY_USES_SIZE = 32,	    /* reads the fact `size` */
};

unsigned policy_uses(const struct policy *p);
/*
 * Names of the headers that `tag header` and `add-header` statements of the policy may add: fields
 * of these names in incoming mail are forgeries and are removed. Lower case, no name twice.
 */
size_t policy_own_headers(const struct policy *p, const struct str **ret_names);

/* For the manual: {name, arguments, help} of each action and operator. */
struct policy_word {
	const char *name, *args, *help;
};
extern const struct policy_word policy_actions[];
extern const struct policy_word policy_operators[];

#endif
