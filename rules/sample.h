/*
 * Samples beside rules: comment lines below a definition,
 *
 *     body  CHEAP_PILLS  /cheap (?:pills|meds)/i
 *     #+ Order cheap pills today
 *     #- The pills were not cheap
 *
 * "#+" must hit the rule above, "#-" must not. For header and mimeheader rules the text is header
 * fields, for full rules, metas and evals a whole message when it starts with a field; for the
 * others it is the text of a message. \n and \t in it are line end and tab. SpamAssassin's own
 * `test NAME ok|fail TEXT` lines are run the same way.
 */
#ifndef REEVE_RULES_SAMPLE_H
#define REEVE_RULES_SAMPLE_H

#include "rules/ruleset.h"

struct sample_result {
	const struct rule *rule;
	const struct rule_sample *sample;
	bool did_hit;
	struct sample_result *next;
};

struct sample_results {
	struct sample_result *first, **last; /* only those that failed */
	size_t run, failed, rules, without; /* without: scored rules that have no sample of either kind */
};

void samples_run(const struct ruleset *rs, struct arena *a, struct sample_results *ret_results);

#endif
