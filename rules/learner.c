/*
 * Counts of features by kind, and the log-odds that they make. Table "learn" of the store: "c" NNN is
 * a chunk of counts, "n" the totals and the generation; "learnt": digest of a message = its kind.
 */
#include "rules/learner.h"

#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/clock.h"
#include "lib/store.h"

/* Messages of each kind that had the feature. */
struct count {
	_Alignas(4) uint16_t spam; /* one word, so that both move at once */
	uint16_t ham;
};

enum {
	FEATURES = 1 << LEARNER_BITS,
	CHUNK = STORE_VALUE_MAX / sizeof(struct count),
	CHUNKS = FEATURES / CHUNK,
	REFRESH_US = 5000000,
	LESSON_KEEP = 400 * 86400,
	LOGS = 1 << 16,
};

/*
 * prior: a part of a lesson that nobody gave, so that a feature seen once proves little; least: log-odds
 * below which a feature says nothing; sharpness: from mean log-odds to probability.
 */
static const double prior = 0.1, least = 1.5, sharpness = 4;

struct learner {
	struct store *store;
	struct count *counts;
	float *logs; /* log(n + prior) */
	bool is_changed[CHUNKS];
	uint64_t spam, ham, generation;
	int64_t looked_us;
	pthread_mutex_t lock; /* learning, loading, saving */
};

static struct count count_get(const struct learner *l, uint32_t i)
{
	struct count c;

	__atomic_load(&l->counts[i], &c, __ATOMIC_RELAXED);
	return c;
}

/* Saturates: what was seen 65,535 times is known. */
static uint16_t moved(uint16_t n, int step)
{
	return step > 0 ? (uint16_t)(n + (n < UINT16_MAX)) : (uint16_t)(n - (n > 0));
}

static void count_all(struct learner *l, const struct features *f, bool is_spam, int step)
{
	for (size_t i = 0; i < f->n; i++) {
		struct count c = count_get(l, f->v[i]);

		if (is_spam)
			c.spam = moved(c.spam, step);
		else
			c.ham = moved(c.ham, step);
		__atomic_store(&l->counts[f->v[i]], &c, __ATOMIC_RELAXED);
		l->is_changed[f->v[i] / CHUNK] = true;
	}
	*(is_spam ? &l->spam : &l->ham) += (uint64_t)step;
}

/* ---- the model ---- */

/*
 * The mean log-odds of the features that say something. 4-grams overlap and repeat each other, so their
 * odds are not added up as if each were evidence of its own.
 */
double learner_probability(const struct learner *l, const struct features *f)
{
	double balance = log((double)l->ham + 2 * prior) - log((double)l->spam + 2 * prior), sum = 0;
	size_t n = 0;

	for (size_t i = 0; i < f->n; i++) {
		struct count c = count_get(l, f->v[i]);
		double odds = (double)(l->logs[c.spam] - l->logs[c.ham]) + balance;

		if (c.spam + c.ham == 0 || fabs(odds) < least)
			continue;
		sum += odds;
		n++;
	}
	return n ? 1 / (1 + exp(-sharpness * sum / (double)n)) : 0.5;
}

/* ---- lessons ---- */

static struct str lesson_key(const struct features *f, char out[20])
{
	return (struct str){out, (size_t)snprintf(out, 20, "%016" PRIx64, features_digest(f))};
}

/* RES_OK: it was learnt before, and as what. */
static enum res lesson_get(struct learner *l, const struct features *f, bool *ret_is_spam)
{
	struct arena *a = arena_new(0);
	struct store_entry entry;
	char key[20];
	enum res res = l->store ? store_get(l->store, "learnt", lesson_key(f, key), a, &entry) : RES_NONE;

	if (res == RES_OK)
		*ret_is_spam = str_is(entry.value, "spam");
	arena_free(a);
	return res;
}

enum res learner_learn(struct learner *l, const struct features *f, bool is_spam)
{
	bool was_spam;
	enum res res;
	char key[20];

	pthread_mutex_lock(&l->lock);
	res = lesson_get(l, f, &was_spam);
	if (res == RES_OK && was_spam != is_spam) {
		count_all(l, f, was_spam, -1);
		res = RES_NONE;
	} else if (res == RES_OK) {
		pthread_mutex_unlock(&l->lock);
		return RES_NONE;
	}
	if (res == RES_NONE) {
		count_all(l, f, is_spam, 1);
		res = l->store ? store_put(l->store, "learnt", lesson_key(f, key), is_spam ? STR("spam") : STR("ham"), LESSON_KEEP)
			       : RES_OK;
	}
	pthread_mutex_unlock(&l->lock);
	return res;
}

enum res learner_forget(struct learner *l, const struct features *f)
{
	bool was_spam;
	char key[20];
	enum res res;

	pthread_mutex_lock(&l->lock);
	res = lesson_get(l, f, &was_spam);
	if (res == RES_OK) {
		count_all(l, f, was_spam, -1);
		store_delete(l->store, "learnt", lesson_key(f, key));
	}
	pthread_mutex_unlock(&l->lock);
	return res;
}

void learner_counts(const struct learner *l, uint64_t *ret_spam, uint64_t *ret_ham)
{
	*ret_spam = l->spam;
	*ret_ham = l->ham;
}

/* ---- the store ---- */

static struct str chunk_key(size_t i, char out[8])
{
	return (struct str){out, (size_t)snprintf(out, 8, "c%03zu", i)};
}

static void load_chunk(struct learner *l, size_t i, struct arena *a)
{
	struct store_entry entry;
	char key[8];

	if (store_get(l->store, "learn", chunk_key(i, key), a, &entry) != RES_OK ||
	    entry.value.n != CHUNK * sizeof(struct count))
		return;
	for (size_t k = 0; k < CHUNK; k++) {
		struct count c;

		memcpy(&c, entry.value.p + k * sizeof c, sizeof c);
		__atomic_store(&l->counts[i * CHUNK + k], &c, __ATOMIC_RELAXED);
	}
}

/* The counts; true when they are of a generation that is not loaded yet. */
static bool load_counts(struct learner *l, struct arena *a)
{
	struct store_entry entry;
	uint64_t generation, spam, ham;

	if (store_get(l->store, "learn", STR("n"), a, &entry) != RES_OK ||
	    sscanf(arena_cstr(a, entry.value), "%" SCNu64 " %" SCNu64 " %" SCNu64, &generation, &spam, &ham) != 3 ||
	    generation == l->generation)
		return false;
	l->generation = generation;
	l->spam = spam;
	l->ham = ham;
	return true;
}

static void load(struct learner *l)
{
	struct arena *a = arena_new(0);

	if (load_counts(l, a))
		for (size_t i = 0; i < CHUNKS; i++) {
			struct arena *own = arena_new(0);

			load_chunk(l, i, own);
			arena_free(own);
		}
	arena_free(a);
}

struct learner *learner_new(struct store *store)
{
	struct learner *l = calloc(1, sizeof *l);

	if (!l || !(l->counts = calloc(FEATURES, sizeof *l->counts)) || !(l->logs = calloc(LOGS, sizeof *l->logs)))
		abort();
	for (size_t i = 0; i < LOGS; i++)
		l->logs[i] = (float)log((double)i + prior);
	l->store = store;
	pthread_mutex_init(&l->lock, NULL);
	if (store)
		load(l);
	return l;
}

void learner_free(struct learner *l)
{
	if (!l)
		return;
	pthread_mutex_destroy(&l->lock);
	free(l->counts);
	free(l->logs);
	free(l);
}

static enum res save_changed(struct learner *l)
{
	char key[8];

	for (size_t i = 0; i < CHUNKS; i++) {
		if (!l->is_changed[i])
			continue;
		if (store_put(l->store, "learn", chunk_key(i, key),
			(struct str){(const char *)&l->counts[i * CHUNK], CHUNK * sizeof(struct count)}, 0) != RES_OK)
			return RES_TEMP;
		l->is_changed[i] = false;
	}
	return RES_OK;
}

enum res learner_save(struct learner *l)
{
	char text[80];
	enum res res;
	int n;

	if (!l->store)
		return RES_NONE;
	pthread_mutex_lock(&l->lock);
	res = save_changed(l);
	n = snprintf(text, sizeof text, "%" PRIu64 " %" PRIu64 " %" PRIu64, ++l->generation, l->spam, l->ham);
	if (res == RES_OK)
		res = store_put(l->store, "learn", STR("n"), (struct str){text, (size_t)n}, 0);
	pthread_mutex_unlock(&l->lock);
	return res == RES_OK ? store_flush(l->store) : res;
}

void learner_refresh(struct learner *l)
{
	int64_t now = clock_mono_us(), last = __atomic_load_n(&l->looked_us, __ATOMIC_RELAXED);

	if (!l->store || now - last < REFRESH_US ||
	    !__atomic_compare_exchange_n(&l->looked_us, &last, now, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		return;
	pthread_mutex_lock(&l->lock);
	load(l);
	pthread_mutex_unlock(&l->lock);
}
