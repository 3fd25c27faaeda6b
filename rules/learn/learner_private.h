/* What the learner's two halves share: the model (learner.c) and how it is kept (learner_store.c). */
#ifndef REEVE_RULES_LEARN_LEARNER_PRIVATE_H
#define REEVE_RULES_LEARN_LEARNER_PRIVATE_H

#include <pthread.h>

#include "lib/store/store.h"
#include "rules/learn/learner.h"

enum {
	LINE_BITS = 19,
	LINE = 8, /* slots that the processor reads at once */
	SLOTS = LINE << LINE_BITS,
	CHUNK = 4096, /* slots that are written together; 10 octets each at most, in one value of the store */
	CHUNKS = SLOTS / CHUNK,
	FEW = 8,	  /* lessons that are written as notes, not by writing the counts anew */
	NOTES_TAKE = 64,  /* notes after which a process writes them into the counts */
	NOTES_MAX = 4096, /* notes that may wait for that */
	LOGS = 1 << 16,
	SAVE_EVERY = 5000,	     /* lessons of one run between saves; no more ever wait */
	PENDING_SLOTS = 1 << 14,     /* always has free ones */
};

/* Messages of each kind that had the feature. */
struct count {
	uint16_t spam, ham;
};

struct layer {
	uint64_t hash; /* of the domain; 0 the installation */
	uint64_t spam, ham;
};

/* What one lesson does to the counts. */
struct step {
	uint64_t layer;
	int spam, ham; /* -1, 0 or 1 */
};

/* What is known of a message, and not written yet. */
struct pending {
	uint64_t key;
	const char *record; /* "spam", "ham", "" forgotten; NULL: a free slot */
};

struct learner {
	struct store *store;
	char *lock_path;
	int lock_fd; /* -1: not held */
	/*
	 * A feature has a line by its upper bits and any slot in it. A slot is its lower bits, spam and ham in one word,
	 * so that all move at once; 0 a free one. Two features hardly ever share a slot: one that was never learnt must
	 * not have the odds of another, and most features of mail of another kind were never learnt.
	 */
	uint64_t *slots;
	float *logs; /* log(n + prior) */
	struct layer layers[LEARNER_LAYERS_MAX];
	size_t layer_count;
	bool is_changed[CHUNKS];
	uint64_t generation;
	enum res state;
	bool is_old; /* the store has another version's, which could not be cleared yet */
	struct str notes[NOTES_MAX]; /* keys of the notes that are in the counts; in notes_arena */
	size_t note_count;
	struct arena *notes_arena;
	struct pending *pending;     /* hash table of the lessons since the last save */
	size_t pending_count;
	struct str few[FEW];	     /* these lessons as notes, as long as there are few; in pending_arena */
	size_t few_count;	     /* lessons since the last save, whichever messages they were of */
	struct arena *pending_arena;
	int64_t looked_us;
	pthread_mutex_t lock; /* learning, loading, saving */
};

static inline uint64_t *slot_line(const struct learner *l, uint32_t feature)
{
	return l->slots + (size_t)(feature >> (32 - LINE_BITS)) * LINE;
}

/* The counts of a feature come from memory while others are still being found: there are no caches for 32 MiB. */
static inline void learner_fetch(const struct learner *l, uint32_t feature)
{
	__builtin_prefetch(slot_line(l, feature));
}

uint64_t layer_hash(struct str domain);
/* NULL when there is none. */
const struct layer *layer_find(const struct learner *l, uint64_t hash);
/* NULL when there are too many. */
struct layer *layer_make(struct learner *l, uint64_t hash);
/* As what a layer counts that feature. */
uint32_t layer_salt(uint64_t layer, uint32_t feature);
/* False when it would be one layer too many. */
bool learner_step(struct learner *l, const struct step *step, const uint32_t *v, size_t n);

/* ---- learner_store.c; all with l->lock held ---- */

/* Takes in what the store has and this process has not. */
void learner_load(struct learner *l);
/* Writes what changed since the last time. */
enum res learner_write(struct learner *l);
enum res learner_clear(struct learner *l);
bool learner_lock(struct learner *l, bool may_wait);
void learner_unlock(struct learner *l);
/* RES_OK: it was learnt before, and as what. */
enum res lesson_get(struct learner *l, const struct features *f, uint64_t layer, bool *ret_is_spam);
/* Remembers a lesson for the next save: the step, and the record that it leaves ("spam", "ham", "" none). */
void lesson_keep(struct learner *l, const struct features *f, const struct step *step, const char *record);
/* Writes one lesson as a note at once. */
enum res lesson_note(struct learner *l, const struct features *f, const struct step *step, const char *record);

#endif
