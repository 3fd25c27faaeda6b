/*
 * The learning classifier: counts how many messages of spam and of ham had each feature, zone
 * by zone (order and shape of the header fields, links, the way it came, people, words, byte 4-grams). The
 * log-odds of the telling features of a zone are averaged, and the zones added up.
 *
 *     features_make(arena, message, &features);
 *     learner_judge(learner, STR("example.org"), &features, &verdict);     0.5 when untrained
 *     learner_learn(learner, STR(""), &features, true);
 *     learner_save(learner);
 *
 * Counts do not depend on the order of lessons, and a lesson can be taken back exactly. That ends where a
 * count stands at 65,535, where it stays, and where the table has no room left, towards four million features:
 * what only one lesson had then makes room for what is new.
 *
 * Layers: lessons may be of the whole installation ("") or of one recipient domain. Features of a
 * domain's layer are salted with its name and live in the same table. A message for a domain that has
 * lessons of both kinds is judged by both layers, others by the installation's alone.
 *
 * Memory: 32 MiB in each process that judges, however much is learnt; in the store 10 octets a feature.
 *
 * Thread rules: judge may run in many threads while one trains: counts are read and written
 * as relaxed atomics, a reader sees a mix of old and new ones for a moment.
 */
#ifndef REEVE_RULES_LEARN_LEARNER_H
#define REEVE_RULES_LEARN_LEARNER_H

#include <stdbool.h>
#include <stdint.h>

#include "core/session.h"
#include "lib/arena.h"
#include "lib/res.h"
#include "lib/str.h"

struct store;

/* Of the store: counts, what was learnt, and notes that wait (learner_store.c). */
#define LEARNER_TABLE "learn"
#define LEARNER_LESSON_TABLE "learnt"
#define LEARNER_NOTE_TABLE "learnnote"

enum {
	LEARNER_FEATURES_MAX = 6100,
	LEARNER_RULES = 200,
	LEARNER_HEADER_BYTES = 3000,	     /* of the header section, of whose 4-grams every other one is taken */
	LEARNER_TEXT_BYTES = 1000,	     /* of the visible text, of whose 4-grams one in four is */
	LEARNER_WORDS = 500,		     /* of the visible text */
	LEARNER_SUBJECT_BYTES = 200,	     /* of the subject */
	LEARNER_FIELDS = 100,		     /* header fields that are looked at */
	LEARNER_LINKS = 50,
	LEARNER_LAYERS_MAX = 1000,	     /* the installation and domains */
};

/* Parts of a message whose features are counted apart. Up to ZONE_WORDS_END they have words. */
enum learner_zone {
	ZONE_RULE,	   /* names of the rules that hit; first, for they are not in the digest */
	ZONE_SHAPE,	   /* order of the header fields, what their values look like, MIME parts */
	ZONE_LINK,	   /* hosts, domains, words of links */
	ZONE_HOP,	   /* Received fields of the last two hosts that had it */
	ZONE_PATH,	   /* those of the hosts before */
	ZONE_ADDRESS,	   /* names and domains of senders and recipients */
	ZONE_SUBJECT,	   /* words of the subject, alone and in pairs */
	ZONE_WORD,	   /* and of the visible text */
	ZONE_WORDS_END,
	ZONE_SUBJECT_GRAM = ZONE_WORDS_END, /* 4 octets in a row, in the subject */
	ZONE_HEADER_GRAM,  /* in the header section */
	ZONE_TEXT_GRAM,	   /* and in the visible text */
	ZONE_COUNT,
};

/* Hashed features of one message, zone after zone, distinct within each. */
struct features {
	const uint32_t *v;	 /* 32 bits of a hash each */
	const struct str *words; /* what stands for the first word_count of v; slices of the message */
	size_t n, word_count;
	size_t ends[ZONE_COUNT];
};

struct learner;

/* What features are made of, beside the message. */
struct feature_source {
	/*
	 * Ours: Received fields up to the last one that was written "by" it are left out, so that a stored message has
	 * the features that it had when it came.
	 */
	struct str hostname;
	/* Names of the rules that hit; they live as long as the features. */
	const struct str *rules;
	size_t rule_count;
	/* Who will be asked, or NULL; its counts are on their way from memory when the features are made. */
	const struct learner *learner;
};

/*
 * Takes the names from the facts of the message, where the filter rules ran before: those of `rules.offline`, not what
 * the DNS said today.
 */
void feature_source_take(struct feature_source *source, const struct message *m);
void features_make(struct arena *a, struct message *m, const struct feature_source *from, struct features *ret_features);
/* A digest of what makes the features, but the rules: the same message again is the same lesson, also when rules changed. */
uint64_t features_digest(const struct features *f);
/* "a link", "the text": for explanations. */
const char *zone_name(enum learner_zone zone);

enum { LEARNER_REASONS = 3 };

struct learner_verdict {
	double odds;	    /* logarithm; 0 is undecided, below is ham */
	double probability; /* 0 ham .. 1 spam */
	uint64_t spam, ham; /* messages that were learnt, in the layer that has more of the rarer kind */
	/* The words that speak most for the side that it is on. */
	struct {
		enum learner_zone zone;
		struct str word;
	} reasons[LEARNER_REASONS];
	size_t reason_count;
};

/*
 * store may be NULL (nothing is kept). Loads the counts. lock_path: a file that those lock who change
 * the counts, NULL or "" none.
 */
struct learner *learner_new(struct store *store, const char *lock_path);
void learner_free(struct learner *l);
/*
 * RES_PERM: what the store holds is damaged, or of a later version of the features (of an earlier one: it is
 * untaught again, and the store is cleared by who may); RES_TEMP: it cannot be read.
 */
enum res learner_state(const struct learner *l);
/* domain "" : only what the whole installation was taught. RES_NONE: fewer than minimum lessons of a kind. */
enum res learner_judge(const struct learner *l, struct str domain, uint64_t minimum, const struct features *f,
    struct learner_verdict *ret_verdict);
/* Messages of a layer learnt as spam and as ham so far. */
void learner_counts(const struct learner *l, struct str domain, uint64_t *ret_spam, uint64_t *ret_ham);

/*
 * Only one process at a time changes counts: waits for the lock and loads what is there. RES_TEMP: the lock or
 * the store cannot be had. learner_save() and learner_free() let it go.
 */
enum res learner_begin(struct learner *l);
/*
 * Learns a message, forgets it, or learns it as the other kind, in one layer. RES_OK: something changed; RES_NONE:
 * it was known so already; RES_TEMP: the store could not be read, or does not take what waits to be saved;
 * RES_PERM: more layers than there may be. Between begin and save; kept by save. Saves by itself every few
 * thousand lessons.
 */
enum res learner_learn(struct learner *l, struct str domain, const struct features *f, bool is_spam);
enum res learner_forget(struct learner *l, struct str domain, const struct features *f);
/* Writes what changed, all or nothing; RES_TEMP when it cannot. */
enum res learner_save(struct learner *l);
/* Forgets everything that was ever learnt. */
enum res learner_reset(struct learner *l);
/*
 * A single lesson of a running role: goes to the store as a note, which every process adds to its counts
 * at its next look, and the next save takes in. Needs no begin. Results as those of learner_learn().
 */
enum res learner_note(struct learner *l, struct str domain, const struct features *f, bool is_spam);
/* Looks whether another process saved since, at most every few seconds, and loads that. */
void learner_refresh(struct learner *l);

#endif
