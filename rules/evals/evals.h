/*
 * Functions that rules call by name: header X eval:check_something('a', 'b'). Each is a row of a
 * table: name, function, and where it differs from SpamAssassin's. They see the message through
 * struct matcher and return how often the rule hits.
 */
#ifndef REEVE_RULES_EVALS_EVALS_H
#define REEVE_RULES_EVALS_EVALS_H

#include "rules/set.h"

struct eval_call {
	struct matcher *m;
	const struct rule *rule;
	const struct str *args;
	size_t n;
	struct str text; /* out: what the rule saw, for the report */
};

struct eval_def {
	const char *name;
	double (*run)(struct eval_call *c);
	const char *differs; /* NULL: as SpamAssassin; else how it is approximated */
};

/* NULL: there is none of that name. */
const struct eval_def *eval_find(struct str name);
/* NULL: it can run; else which filter it misses among those of auth (enum rule_auth_kind). */
const char *eval_needs(const struct eval_def *def, unsigned auth);
/* Why a function that SpamAssassin has is not here; NULL for a name that nobody knows. */
const char *eval_missing(struct str name);

/* Tables made once per set from its settings (address lists, domain lists ...). */
struct eval_data *eval_data_new(struct ruleset *rs);
/* The patterns that eval functions share; not needed by a set without evals. */
void eval_data_compile(struct eval_data *d, struct arena *a);

/* The i-th argument, or "" / the default. */
struct str eval_arg(const struct eval_call *c, size_t i);
double eval_number(const struct eval_call *c, size_t i, double otherwise);

#endif
