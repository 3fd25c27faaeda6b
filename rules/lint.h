/*
 * What there is to say about the rules of a set before mail meets them: what is not run and what
 * that costs in score, patterns that are slow or can be made slow, rules that cannot hit, names
 * that mean nothing, definitions that repeat. Called by `reevectl rules lint`.
 */
#ifndef REEVE_RULES_LINT_H
#define REEVE_RULES_LINT_H

#include "rules/ruleset.h"

enum lint_kind {
	LINT_IGNORED,
	LINT_APPROXIMATED,
	LINT_SLOW,	   /* no literal: tried on every text */
	LINT_REDOS,	   /* some short texts take it to the match limit */
	LINT_NEVER,	   /* cannot hit */
	LINT_DUPLICATE,	   /* the same test as another rule */
	LINT_REDEFINED,
	LINT_UNDESCRIBED,
	LINT_KINDS,
};

struct lint_note {
	enum lint_kind kind;
	const struct rule *rule;
	struct str text;
};

struct lint_report {
	struct lint_note *v;
	size_t n, room;
	size_t rules, active, counts[LINT_KINDS];
	double mass, mass_ignored, mass_approximated; /* sums of |score| */
};

void ruleset_lint(const struct ruleset *rs, struct arena *a, struct lint_report *ret_report);
/* "ignored", "slow" ...; and whether it is worth showing without --all. */
const char *lint_kind_name(enum lint_kind kind);

#endif
