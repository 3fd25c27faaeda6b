/*
 * The policy language (DESIGN.md part 4): facts and findings in, verdict and explanation out.
 * A policy is compiled once per snapshot, is immutable, and is evaluated without locks.
 *
 *     policy {
 *         at STAGE { STATEMENT... }       connect helo mail rcpt header message; blocks add up
 *     }
 *     STATEMENT: ACTION ARGUMENTS [if CONDITION];      or      for CONDITION { STATEMENT... }
 *
 * Statements run in order. accept, reject, tempfail, quarantine, discard and stop end the stage.
 * The rules of conditions:
 *   - A fact that was not set compares false with everything, by != too; `not x` of it is true.
 *   - A number is compared with numbers and sizes (25M), a duration with durations (5m), a word
 *     with its words (spf == fail), a text with "text" (case is ignored), an address with addresses.
 *   - A list fact is equal to a text, matches a pattern, or is in a list when one of its texts is.
 *   - `in` takes a named list, a network, or (a, b, c), which works like a named list.
 *   - =~ and !~ take a PCRE2 pattern: "PATTERN", or /PATTERN/i (flags imsx) where it has no blanks,
 *     brackets ( ) { } or other signs that end a word. !~ of an unset fact is false.
 *   - + - * / need blanks around them; what cannot be reckoned (division by 0) is not set.
 *   - not binds closest, then and, then or.
 * Texts in replies, headers and reasons are templates: {fact} is filled in, {{ is a brace. They are
 * said in the language of the recipient (settings.language) where a block has them:
 *     language de { "spam, score {score}" "Spam, Punkte {score}"; }
 */
#ifndef REEVE_POLICY_POLICY_H
#define REEVE_POLICY_POLICY_H

#include "core/chain.h"
#include "core/list/list.h"
#include "core/session.h"
#include "core/verdict.h"

struct policy;

/* Reads `language NAME { "TEXT" "TRANSLATION"; ... }` nodes. */
struct policy_texts;
struct policy_texts *policy_texts_new(struct arena *a);
void policy_texts_add(struct policy_texts *t, struct conf_load *load, const struct conf_node *node);

/*
 * Compiles a `policy { ... }` node (NULL: the shipped default policy, in which facts that no
 * configured filter sets are allowed and never set). Everything is checked here: unknown facts, types,
 * stages at which a fact cannot be known yet, unknown lists, unreachable statements, templates.
 * known: NULL-terminated, all filters that there are: a fact of one that is not configured is never
 * set, which is a warning; may be NULL. texts may be NULL. NULL when there were errors.
 */
struct policy *policy_new(struct conf_load *load, const struct conf_node *node, const struct fact_registry *facts,
    const struct lists *lists, const struct filter *const known[], struct policy_texts *texts);
extern const char policy_default_text[];
/* Reads of facts in the default policy that no configured filter sets: they count as never set. */
size_t policy_left_out(const struct policy *p);

/* Whether the policy has statements at the stage. */
bool policy_has(const struct policy *p, enum stage stage);
/*
 * Evaluates a stage for one recipient (NULL at connect, helo, mail and header: for all). The failure
 * that chain_failure() names speaks first. At STAGE_MESSAGE the result is never VERDICT_NONE. Everything in the
 * verdict lives in arena a or in the policy. The trail holds what matched; for FACE_SCAN also what
 * was evaluated and did not match.
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
	POLICY_USES_SENDER = 64,    /* changes the envelope sender */
	POLICY_USES_BODY = 128,	    /* replaces the body */
};

unsigned policy_uses(const struct policy *p);
/*
 * Names of the headers that `tag header` and `add-header` statements of the policy may add: fields
 * of these names in incoming mail are forgeries and are removed. Lower case, no name twice.
 */
size_t policy_own_headers(const struct policy *p, const struct str **ret_names);

/*
 * One condition outside of a policy, for directives of filters (core/filter.h): the tokens of the node
 * behind `from`, which may read what is known at the stage. NULL after an error. Lives in the load's arena.
 */
struct condition;
struct condition *condition_new(struct conf_load *load, const struct conf_node *node, size_t from, enum stage stage,
    const struct fact_registry *facts, const struct lists *lists, const struct filter *const known[]);
/* From which stage on all that it reads can be known. */
enum stage condition_stage(const struct condition *x);
/* RES_TEMP: a list could not be asked. r may be NULL. */
enum res condition_holds(const struct condition *x, const struct session *s, const struct recipient *r, struct arena *a);

/* For the manual: {name, arguments, help} of each action and operator. */
struct policy_word {
	const char *name, *args, *help;
};
extern const struct policy_word policy_actions[];
extern const struct policy_word policy_operators[];

#endif
