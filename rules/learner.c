/*
 * Logistic regression, one step a lesson. Table "learn" of the store: "w" NN is a chunk of weights,
 * "n" the counts and the generation; "learnt": digest of a message = what was learnt of it.
 */
#include "rules/learner.h"

#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/clock.h"
#include "lib/store.h"

enum {
	WEIGHTS = 1 << LEARNER_BITS,
	CHUNK = STORE_VALUE_MAX / sizeof(float),
	CHUNKS = WEIGHTS / CHUNK,
	LESSON_STEPS = 8,
	REFRESH_US = 5000000,
	LESSON_KEEP = 400 * 86400,
};

static const double rate = 1.5, margin = 0.15;

struct learner {
	struct store *store;
	float *weights;
	bool is_changed[CHUNKS];
	uint64_t spam, ham, generation;
	int64_t looked_us;
	pthread_mutex_t lock; /* training, loading, saving */
};

static float weight_get(const struct learner *l, uint32_t i)
{
	float w;

	__atomic_load(&l->weights[i], &w, __ATOMIC_RELAXED);
	return w;
}

static void weight_add(struct learner *l, uint32_t i, float step)
{
	float w = weight_get(l, i) + step;

	__atomic_store(&l->weights[i], &w, __ATOMIC_RELAXED);
	l->is_changed[i / CHUNK] = true;
}

/* ---- the model ---- */

/* Features count as a vector of length 1, so that long messages are no louder than short ones. */
static double unit(const struct features *f)
{
	return f->n ? 1 / sqrt((double)f->n) : 0;
}

double learner_probability(const struct learner *l, const struct features *f)
{
	double sum = 0;

	for (size_t i = 0; i < f->n; i++)
		sum += (double)weight_get(l, f->v[i]);
	return 1 / (1 + exp(-sum * unit(f)));
}

static void move(struct learner *l, const struct features *f, double step)
{
	for (size_t i = 0; i < f->n; i++)
		weight_add(l, f->v[i], (float)(step * unit(f)));
}

/* Steps until the message is on its side by a margin; the sum of the steps. */
static double teach(struct learner *l, const struct features *f, bool is_spam)
{
	double total = 0;

	for (int i = 0; i < LESSON_STEPS; i++) {
		double error = (is_spam ? 1 : 0) - learner_probability(l, f);

		if (fabs(error) < margin)
			break;
		move(l, f, rate * error);
		total += rate * error;
	}
	return total;
}

/* ---- lessons ---- */

struct lesson {
	bool is_spam;
	double step;
};

static struct str lesson_key(const struct features *f, char out[20])
{
	return (struct str){out, (size_t)snprintf(out, 20, "%016" PRIx64, features_digest(f))};
}

static enum res lesson_get(struct learner *l, const struct features *f, struct lesson *ret_lesson)
{
	struct arena *a = arena_new(0);
	struct store_entry entry;
	char key[20], kind = 0;
	enum res res = l->store ? store_get(l->store, "learnt", lesson_key(f, key), a, &entry) : RES_NONE;

	if (res == RES_OK && sscanf(arena_cstr(a, entry.value), "%c %lf", &kind, &ret_lesson->step) != 2)
		res = RES_NONE;
	ret_lesson->is_spam = kind == 's';
	arena_free(a);
	return res;
}

static void lesson_put(struct learner *l, const struct features *f, const struct lesson *lesson)
{
	char key[20], value[64];
	int n = snprintf(value, sizeof value, "%c %.17g", lesson->is_spam ? 's' : 'h', lesson->step);

	if (l->store)
		store_put(l->store, "learnt", lesson_key(f, key), (struct str){value, (size_t)n}, LESSON_KEEP);
}

static void uncount(struct learner *l, bool is_spam)
{
	uint64_t *counter = is_spam ? &l->spam : &l->ham;

	if (*counter)
		--*counter;
}

enum res learner_learn(struct learner *l, const struct features *f, bool is_spam)
{
	struct lesson lesson;
	enum res res;

	pthread_mutex_lock(&l->lock);
	res = lesson_get(l, f, &lesson);
	if (res == RES_OK && lesson.is_spam != is_spam) {
		move(l, f, -lesson.step);
		uncount(l, lesson.is_spam);
		res = RES_NONE;
	} else if (res == RES_OK) {
		pthread_mutex_unlock(&l->lock);
		return RES_NONE;
	}
	if (res == RES_NONE) {
		lesson = (struct lesson){is_spam, teach(l, f, is_spam)};
		lesson_put(l, f, &lesson);
		++*(is_spam ? &l->spam : &l->ham);
	}
	pthread_mutex_unlock(&l->lock);
	return res == RES_NONE ? RES_OK : res;
}

enum res learner_forget(struct learner *l, const struct features *f)
{
	struct lesson lesson;
	char key[20];
	enum res res;

	pthread_mutex_lock(&l->lock);
	res = lesson_get(l, f, &lesson);
	if (res == RES_OK) {
		move(l, f, -lesson.step);
		uncount(l, lesson.is_spam);
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
	return (struct str){out, (size_t)snprintf(out, 8, "w%03zu", i)};
}

static void load_chunk(struct learner *l, size_t i, struct arena *a)
{
	struct store_entry entry;
	char key[8];

	if (store_get(l->store, "learn", chunk_key(i, key), a, &entry) != RES_OK || entry.value.n != CHUNK * sizeof(float))
		return;
	for (size_t k = 0; k < CHUNK; k++) {
		float w;

		memcpy(&w, entry.value.p + k * sizeof w, sizeof w);
		if (isfinite(w))
			__atomic_store(&l->weights[i * CHUNK + k], &w, __ATOMIC_RELAXED);
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

	if (!l || !(l->weights = calloc(WEIGHTS, sizeof *l->weights)))
		abort();
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
	free(l->weights);
	free(l);
}

static enum res save_changed(struct learner *l)
{
	char key[8];

	for (size_t i = 0; i < CHUNKS; i++) {
		if (!l->is_changed[i])
			continue;
		if (store_put(l->store, "learn", chunk_key(i, key),
			(struct str){(const char *)&l->weights[i * CHUNK], CHUNK * sizeof(float)}, 0) != RES_OK)
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
