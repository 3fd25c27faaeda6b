/*
 * The learning classifier: counts how many messages of spam and of ham had each hashed feature (byte
 * 4-grams of the header section and of the text that a reader sees, hosts of links, shape of the
 * MIME tree); a message's probability comes from the mean log-odds of its features.
 *
 *     features_make(arena, message, &features);
 *     p = learner_probability(learner, &features);            0 ham .. 1 spam; 0.5 untrained
 *     learner_learn(learner, &features, true);
 *     learner_save(learner);
 *
 * Counts do not depend on the order of lessons, and a lesson can be taken back exactly.
 *
 * Thread rules: probability may run in many threads while one trains: counts are read and written
 * as relaxed atomics, a reader sees a mix of old and new ones for a moment.
 */
#ifndef REEVE_RULES_LEARNER_H
#define REEVE_RULES_LEARNER_H

#include <stdbool.h>
#include <stdint.h>

#include "core/session.h"
#include "lib/arena.h"
#include "lib/res.h"
#include "lib/str.h"

struct store;

enum {
	LEARNER_BITS = 20,		     /* 2^20 counts, 4 MiB */
	LEARNER_FEATURES_MAX = 12000,
	LEARNER_HEADER_BYTES = 3000,	     /* of the header section that are looked at */
	LEARNER_TEXT_BYTES = 4000,	     /* of the visible text */
};

/* Distinct hashed features of one message, each present once. */
struct features {
	const uint32_t *v;
	size_t n;
};

void features_make(struct arena *a, struct message *m, struct features *ret_features);
/* A digest of what makes the features: the same message again is the same lesson. */
uint64_t features_digest(const struct features *f);

struct learner;

/* store may be NULL (nothing is kept). Loads the counts; RES_TEMP leaves it untrained. */
struct learner *learner_new(struct store *store);
void learner_free(struct learner *l);
double learner_probability(const struct learner *l, const struct features *f);
/* Messages learnt as spam and as ham so far. */
void learner_counts(const struct learner *l, uint64_t *ret_spam, uint64_t *ret_ham);

/*
 * Learns a message, forgets it, or learns it as the other kind. RES_OK: something changed; RES_NONE:
 * it was known so already; RES_TEMP: the store could not be read. Kept by learner_save().
 */
enum res learner_learn(struct learner *l, const struct features *f, bool is_spam);
enum res learner_forget(struct learner *l, const struct features *f);
/* Writes what changed; RES_TEMP when it cannot. */
enum res learner_save(struct learner *l);
/* Looks whether another process saved since, at most every few seconds, and loads that. */
void learner_refresh(struct learner *l);

#endif
