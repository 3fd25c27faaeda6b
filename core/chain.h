/*
 * The chain: the filters that the configuration names, in its order, with their settings. Built
 * once per snapshot, immutable, shared by all threads.
 *
 *   chain_want(s, stage);      starts the look-ups of a stage; the front end then parks the session
 *                              until dns_scope_arm() says that nothing is pending
 *   chain_run(s, stage);       runs the filters of the stage, in order
 *   chain_failure(s, stage, r) the failure that counts for a recipient
 */
#ifndef REEVE_CORE_CHAIN_H
#define REEVE_CORE_CHAIN_H

#include "core/filter.h"

struct chain;

enum on_failure { ON_FAILURE_ACCEPT, ON_FAILURE_TEMPFAIL, ON_FAILURE_REJECT };

struct chain_slot {
	const struct filter *filter;
	void *conf;
	int on_failure;	     /* enum on_failure */
	double *scores;	     /* one per row of filter->findings */
	struct str *wheres;  /* where each was set; "" built in */
	size_t index;
	struct conf_place place;
	_Atomic uint64_t *failures; /* counted by chain_run */
};

struct chain *chain_new(struct arena *a, const struct filter_env *env, struct fact_registry *facts);
/*
 * One `filter NAME { ... }` node; known: NULL-terminated array of the built-in filters. Besides its
 * own directives each block takes `on-failure accept|tempfail|reject;` and `score FINDING NUMBER;`.
 */
void chain_add(struct chain *c, struct conf_load *load, const struct conf_node *node,
    const struct filter *const known[]);
/* After all were added: calls each open(). False when any failed. */
bool chain_open(struct chain *c, struct conf_load *load);
/* Calls each close(). NULL is allowed. */
void chain_close(struct chain *c);

size_t chain_length(const struct chain *c);
const struct chain_slot *chain_at(const struct chain *c, size_t i);
const struct fact_registry *chain_facts(const struct chain *c);
/* Whether any filter has work at the stage: otherwise the front end need not hand over. */
bool chain_has_want(const struct chain *c, enum stage stage);
bool chain_has_run(const struct chain *c, enum stage stage);
bool chain_is_heavy(const struct chain *c, enum stage stage);
bool chain_has_data(const struct chain *c);
/* Whether anything that runs at the stage may have look-ups to wait for; else they can go on meanwhile. */
bool chain_needs_answers(const struct chain *c, enum stage stage);

void chain_want(struct session *s, enum stage stage);
void chain_run(struct session *s, enum stage stage);
/*
 * The failure of the stage that ran last whose on-failure word is the strictest; at the message stage
 * without those of filters that r has off. NULL: there is none.
 */
const struct failure *chain_failure(const struct session *s, enum stage stage, const struct recipient *r);
/*
 * The body for filters that want to see it. chain_data() as it comes in, in order, once message->headers
 * are there; chain_body() what was not given yet, all of it at most, from the finished spool.
 */
void chain_data(struct session *s, struct str piece);
void chain_body(struct session *s);
/* Tells the filters what policy decided. */
void chain_settle(struct session *s, enum stage stage, enum verdict_kind kind);

/* Directive table of the words that every filter block takes, for the manual. */
extern const struct directive chain_common_directives[];
/* Facts that the core itself sets (client, helo, sender, rcpt, score, subject, from, size ...). */
extern const struct fact_def core_facts[];
/* Sets those facts that become known at the stage; chain_run calls it first. */
void core_facts_set(struct session *s, enum stage stage);

#endif
