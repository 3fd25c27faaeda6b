/*
 * Counts of features by kind, and the log-odds that they make. How they are kept: learner_store.c.
 */
#include "rules/learn/learner.h"

#include <math.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "lib/clock.h"
#include "rules/learn/learner_private.h"

enum { REFRESH_US = 5000000, READ_AHEAD = 256 };

/*
 * prior: a part of a lesson that nobody gave: small, for what one kind has and the other never had tells
 * most. least: log-odds below which a feature says nothing. doubt: features that say nothing, added to
 * those of a zone, so that one alone does not decide. span: what a zone may say at most: all of it known from
 * one message, which may have been taught wrongly, is no surer than much that many had. sharpness: from the
 * zones' sum to the log-odds of the message. lean: a message of which little is known is rather spam, for ham is
 * more like what was learnt; as soon as many were. Both are fitted on mail that was judged before it was learnt.
 */
static const float least = 2.5F;
static const double prior = 0.01, doubt = 3, span = 5, sharpness = 0.27, lean = 0.7, many = 100;

/* What a zone's mean counts for. */
static const double weights[ZONE_COUNT] = {
    [ZONE_RULE] = 2, [ZONE_SHAPE] = 1, [ZONE_LINK] = 0.75, [ZONE_HOP] = 1.5, [ZONE_PATH] = 0.5, [ZONE_ADDRESS] = 1,
    [ZONE_SUBJECT] = 0.5, [ZONE_WORD] = 2, [ZONE_SUBJECT_GRAM] = 0.5, [ZONE_HEADER_GRAM] = 2, [ZONE_TEXT_GRAM] = 1,
};

/* ---- slots ---- */

/* Never 0. */
static uint32_t tag_of(uint32_t feature)
{
	const uint32_t bits = 32 - LINE_BITS;

	return (feature & ((1u << bits) - 1)) | 1u << bits;
}

static bool has_tag(uint64_t slot, uint32_t tag)
{
	return slot >> 48 == tag;
}

static struct count count_of(uint64_t slot)
{
	return (struct count){(uint16_t)(slot >> 32), (uint16_t)slot};
}

/* The tag is in both halves, so that they can be searched in parallel. */
static uint64_t slot_of(uint32_t tag, struct count c)
{
	return c.spam | c.ham ? (uint64_t)(tag << 16 | c.spam) << 32 | tag << 16 | c.ham : 0;
}

typedef uint32_t halves __attribute__((vector_size(16), may_alias));
typedef uint64_t pair __attribute__((vector_size(16)));

static inline halves matching(halves two, halves tags)
{
	return two & (halves)(two >> 16 == tags);
}

/*
 * The slot of a feature, or 0: all of the line at once, without a branch, for which one it is is not to be foreseen.
 * A slot is read whole, like any aligned word, also while another thread writes it.
 */
__attribute__((no_sanitize("thread"))) static inline uint64_t slot_get(const struct learner *l, uint32_t feature)
{
	const halves *line = (const halves *)slot_line(l, feature);
	uint32_t tag = tag_of(feature);
	halves tags = {tag, tag, tag, tag};
	pair found = (pair)(matching(line[0], tags) | matching(line[1], tags) | matching(line[2], tags) | matching(line[3], tags));

	return found[0] | found[1];
}

/* The slot of a feature, or one for it: free, or with what one lesson alone had. NULL: neither. */
static uint64_t *slot_for(const struct learner *l, uint32_t feature)
{
	uint64_t *line = slot_line(l, feature), *room = NULL;
	uint32_t tag = tag_of(feature);

	for (size_t i = 0; i < LINE; i++) {
		struct count c = count_of(line[i]);

		if (has_tag(line[i], tag))
			return &line[i];
		if (!line[i] || (c.spam + c.ham == 1 && !(room && !*room)))
			room = &line[i];
	}
	return room;
}

/* ---- layers ---- */

uint64_t layer_hash(struct str domain)
{
	return domain.n ? str_ihash(domain) | 1 : 0;
}

uint32_t layer_salt(uint64_t layer, uint32_t feature)
{
	return layer ? (uint32_t)(((feature ^ layer) * 0x9e3779b97f4a7c15u) >> 32) : feature;
}

const struct layer *layer_find(const struct learner *l, uint64_t hash)
{
	size_t n = __atomic_load_n(&l->layer_count, __ATOMIC_ACQUIRE);

	for (size_t i = 0; i < n; i++)
		if (l->layers[i].hash == hash)
			return &l->layers[i];
	return NULL;
}

struct layer *layer_make(struct learner *l, uint64_t hash)
{
	struct layer *found = (struct layer *)layer_find(l, hash);

	if (found || l->layer_count == LEARNER_LAYERS_MAX)
		return found;
	l->layers[l->layer_count] = (struct layer){.hash = hash};
	__atomic_store_n(&l->layer_count, l->layer_count + 1, __ATOMIC_RELEASE);
	return &l->layers[l->layer_count - 1];
}

void learner_counts(const struct learner *l, struct str domain, uint64_t *ret_spam, uint64_t *ret_ham)
{
	const struct layer *layer = layer_find(l, layer_hash(domain));

	*ret_spam = layer ? __atomic_load_n(&layer->spam, __ATOMIC_RELAXED) : 0;
	*ret_ham = layer ? __atomic_load_n(&layer->ham, __ATOMIC_RELAXED) : 0;
}

/* ---- counting ---- */

/* Stays at the top: what was seen 65,535 times is known. */
static uint16_t moved(uint16_t n, int step)
{
	if (n == UINT16_MAX || (step < 0 && n == 0))
		return n;
	return (uint16_t)(n + step);
}

static void move(struct learner *l, uint32_t feature, int spam, int ham)
{
	uint64_t *slot = slot_for(l, feature);
	uint32_t tag = tag_of(feature);
	struct count c = {0};

	if (!slot)
		return;
	if (has_tag(*slot, tag))
		c = count_of(*slot);
	else if (spam + ham < 1)
		return; /* what is taken back has made room already */
	__atomic_store_n(slot, slot_of(tag, (struct count){moved(c.spam, spam), moved(c.ham, ham)}), __ATOMIC_RELAXED);
	l->is_changed[(size_t)(slot - l->slots) / CHUNK] = true;
}

bool learner_step(struct learner *l, const struct step *step, const uint32_t *v, size_t n)
{
	struct layer *layer = layer_make(l, step->layer);

	if (!layer)
		return false;
	for (size_t i = 0; i < n; i++)
		move(l, layer_salt(step->layer, v[i]), step->spam, step->ham);
	__atomic_store_n(&layer->spam, layer->spam + (uint64_t)step->spam, __ATOMIC_RELAXED);
	__atomic_store_n(&layer->ham, layer->ham + (uint64_t)step->ham, __ATOMIC_RELAXED);
	return true;
}

/* ---- the model ---- */

/* The words that speak most for one side; the strongest first. */
struct reasons {
	double odds[LEARNER_REASONS];
	size_t at[LEARNER_REASONS];
	size_t n;
};

static bool overlaps(struct str a, struct str b)
{
	return a.p < b.p + b.n && b.p < a.p + a.n;
}

/* What the next one must be beyond. */
static double reason_least(const struct reasons *r)
{
	return r->n == LEARNER_REASONS ? r->odds[LEARNER_REASONS - 1] : 0;
}

static void reason_add(struct reasons *r, const struct features *f, size_t at, double odds)
{
	size_t i;

	for (i = 0; i < r->n; i++)
		if (overlaps(f->words[r->at[i]], f->words[at]) && r->odds[i] >= odds)
			return;
	for (i = r->n < LEARNER_REASONS ? r->n++ : LEARNER_REASONS - 1; i > 0 && r->odds[i - 1] < odds; i--) {
		r->odds[i] = r->odds[i - 1];
		r->at[i] = r->at[i - 1];
	}
	r->odds[i] = odds;
	r->at[i] = at;
}

/* Hardly any is stronger than those before. */
static void reasons_add(struct reasons sides[2], const struct features *f, size_t at, const float *odds, size_t n)
{
	float low = (float)-reason_least(&sides[0]), high = (float)reason_least(&sides[1]);

	for (size_t i = 0; i < n; i++) {
		struct reasons *side = &sides[odds[i] > 0];

		if (odds[i] >= low && odds[i] <= high)
			continue;
		reason_add(side, f, at + i, (double)fabsf(odds[i]));
		low = (float)-reason_least(&sides[0]);
		high = (float)reason_least(&sides[1]);
	}
}

/* A layer, and what the numbers of its lessons say by themselves. */
struct view {
	const struct learner *l;
	const struct layer *layer;
	float balance;
};

static struct view view_of(const struct learner *l, const struct layer *layer)
{
	return (struct view){l, layer, (float)(log((double)layer->ham + 2 * prior) - log((double)layer->spam + 2 * prior))};
}

/* Of what says something. */
struct said {
	double sum;
	size_t n;
};

/* All are read before any is reckoned with: many are on their way at once. */
static void read_slots(const struct view *view, const uint32_t *v, size_t n, uint64_t *ret_slots)
{
	for (size_t i = 0; i < n; i++)
		ret_slots[i] = slot_get(view->l, layer_salt(view->layer->hash, v[i]));
}

/* What each feature of some says; 0 when that is little. A branch would be mistaken half the time. */
static struct said read_odds(const struct view *view, const uint32_t *v, size_t n, float *ret_odds)
{
	uint64_t slots[READ_AHEAD];
	unsigned telling = 0;
	float sum = 0;

	read_slots(view, v, n, slots);
	for (size_t i = 0; i < n; i++) {
		struct count c = count_of(slots[i]);
		float odds = view->l->logs[c.spam] - view->l->logs[c.ham] + view->balance;
		unsigned tells = (slots[i] != 0) & (fabsf(odds) >= least);

		ret_odds[i] = odds * (float)tells;
		sum += ret_odds[i];
		telling += tells;
	}
	return (struct said){(double)sum, telling};
}

/*
 * The mean log-odds of the features of a zone that say something. They overlap and repeat each other, so
 * their odds are not added up as if each were evidence of its own; zones nearly are.
 */
static double zone_odds(const struct view *view, const struct features *f, size_t from, size_t to, struct reasons sides[2])
{
	float odds[READ_AHEAD];
	struct said said = {0};

	for (size_t at = from; at < to; at += READ_AHEAD) {
		size_t some = to - at < READ_AHEAD ? to - at : READ_AHEAD;
		struct said more = read_odds(view, f->v + at, some, odds);

		said.sum += more.sum;
		said.n += more.n;
		if (at < f->word_count)
			reasons_add(sides, f, at, odds, some);
	}
	return said.sum / ((double)said.n + doubt);
}

static double layer_odds(const struct learner *l, const struct layer *layer, const struct features *f,
    struct reasons sides[2])
{
	struct view view = view_of(l, layer);
	double sum = 0;
	size_t from = 0;

	for (size_t z = 0; z < ZONE_COUNT; from = f->ends[z++])
		sum += weights[z] * span * tanh(zone_odds(&view, f, from, f->ends[z], sides) / span);
	return sum;
}

static enum learner_zone zone_of(const struct features *f, size_t at)
{
	size_t z = 0;

	while (z + 1 < ZONE_COUNT && at >= f->ends[z])
		z++;
	return (enum learner_zone)z;
}

static uint64_t rarer(uint64_t spam, uint64_t ham)
{
	return spam < ham ? spam : ham;
}

static uint64_t fewer(const struct layer *layer)
{
	return rarer(layer->spam, layer->ham);
}

enum res learner_judge(const struct learner *l, struct str domain, uint64_t minimum, const struct features *f,
    struct learner_verdict *ret_verdict)
{
	const struct layer *layers[] = {layer_find(l, 0), domain.n ? layer_find(l, layer_hash(domain)) : NULL};
	struct learner_verdict v = {.probability = 0.5};
	struct reasons sides[2] = {0}, *side;
	enum res res = RES_NONE;

	for (size_t i = 0; i < 2; i++) {
		if (!layers[i] || fewer(layers[i]) < (minimum ? minimum : 1))
			continue;
		v.odds += sharpness * layer_odds(l, layers[i], f, sides);
		if (res == RES_NONE || fewer(layers[i]) > rarer(v.spam, v.ham)) {
			v.spam = layers[i]->spam;
			v.ham = layers[i]->ham;
		}
		res = RES_OK;
	}
	v.odds += lean * (double)rarer(v.spam, v.ham) / ((double)rarer(v.spam, v.ham) + many);
	side = &sides[v.odds > 0];
	for (v.reason_count = 0; v.reason_count < side->n; v.reason_count++) {
		v.reasons[v.reason_count].zone = zone_of(f, side->at[v.reason_count]);
		v.reasons[v.reason_count].word = f->words[side->at[v.reason_count]];
	}
	v.probability = 1 / (1 + exp(-v.odds));
	*ret_verdict = v;
	return res;
}

/* ---- lessons ---- */

static struct step step_of(uint64_t layer, bool was_known, bool was_spam, bool is_known, bool is_spam)
{
	return (struct step){layer, (is_known && is_spam) - (was_known && was_spam), (is_known && !is_spam) - (was_known && !was_spam)};
}

typedef enum res keep_lesson(struct learner *l, const struct features *f, const struct step *step, const char *record);

/* Between begin and save: into the counts, kept with the next save. */
static enum res take(struct learner *l, const struct features *f, const struct step *step, const char *record)
{
	if (l->pending_count >= SAVE_EVERY && learner_write(l) != RES_OK)
		return RES_TEMP; /* no more than may wait, when the store takes nothing */
	if (!learner_step(l, step, f->v, f->n))
		return RES_PERM;
	lesson_keep(l, f, step, record);
	return RES_OK;
}

static enum res lesson(struct learner *l, struct str domain, const struct features *f, const char *record, keep_lesson *keep)
{
	bool was_spam = false, is_known = *record, is_spam = str_is(STR("spam"), record);
	uint64_t layer = layer_hash(domain);
	struct step step;
	enum res res;

	pthread_mutex_lock(&l->lock);
	res = l->state == RES_OK ? lesson_get(l, f, layer, &was_spam) : RES_TEMP;
	if (res == RES_OK || res == RES_NONE) {
		step = step_of(layer, res == RES_OK, was_spam, is_known, is_spam);
		res = step.spam || step.ham ? keep(l, f, &step, record) : RES_NONE;
	}
	pthread_mutex_unlock(&l->lock);
	return res;
}

enum res learner_learn(struct learner *l, struct str domain, const struct features *f, bool is_spam)
{
	return lesson(l, domain, f, is_spam ? "spam" : "ham", take);
}

enum res learner_forget(struct learner *l, struct str domain, const struct features *f)
{
	return lesson(l, domain, f, "", take);
}

enum res learner_note(struct learner *l, struct str domain, const struct features *f, bool is_spam)
{
	return lesson(l, domain, f, is_spam ? "spam" : "ham", lesson_note);
}

enum res learner_begin(struct learner *l)
{
	bool ok;

	pthread_mutex_lock(&l->lock);
	ok = learner_lock(l, true);
	if (ok && l->store)
		learner_load(l);
	pthread_mutex_unlock(&l->lock);
	return ok ? l->state : RES_TEMP;
}

enum res learner_reset(struct learner *l)
{
	enum res res = RES_TEMP;

	pthread_mutex_lock(&l->lock);
	if (learner_lock(l, true))
		res = learner_clear(l);
	learner_unlock(l);
	pthread_mutex_unlock(&l->lock);
	return res;
}

enum res learner_save(struct learner *l)
{
	enum res res;

	pthread_mutex_lock(&l->lock);
	res = l->store ? learner_write(l) : RES_NONE;
	learner_unlock(l);
	pthread_mutex_unlock(&l->lock);
	return res;
}

/* ---- life ---- */

/* Read at random all over: large pages spare most look-ups of pages. */
static uint64_t *new_slots(void)
{
	size_t bytes = SLOTS * sizeof(uint64_t);
	uint64_t *slots = aligned_alloc(2 * 1024 * 1024, bytes);

	if (!slots)
		abort();
	madvise(slots, bytes, MADV_HUGEPAGE);
	memset(slots, 0, bytes);
	return slots;
}

struct learner *learner_new(struct store *store, const char *lock_path)
{
	struct learner *l = calloc(1, sizeof *l);

	if (!l || !(l->slots = new_slots()) || !(l->logs = calloc(LOGS, sizeof *l->logs)) ||
	    !(l->pending = calloc(PENDING_SLOTS, sizeof *l->pending)))
		abort();
	for (size_t i = 0; i < LOGS; i++)
		l->logs[i] = (float)log((double)i + prior);
	l->store = store;
	l->lock_fd = -1;
	if (lock_path && *lock_path && !(l->lock_path = strdup(lock_path)))
		abort();
	l->notes_arena = arena_new(0);
	l->pending_arena = arena_new(0);
	pthread_mutex_init(&l->lock, NULL);
	layer_make(l, 0);
	if (store)
		learner_load(l);
	return l;
}

void learner_free(struct learner *l)
{
	if (!l)
		return;
	learner_unlock(l);
	pthread_mutex_destroy(&l->lock);
	arena_free(l->notes_arena);
	arena_free(l->pending_arena);
	free(l->pending);
	free(l->lock_path);
	free(l->slots);
	free(l->logs);
	free(l);
}

enum res learner_state(const struct learner *l)
{
	return l->state;
}

/* Takes in what others learnt; when many notes wait, and nobody else is at it, writes them into the counts. */
void learner_refresh(struct learner *l)
{
	int64_t now = clock_mono_us(), last = __atomic_load_n(&l->looked_us, __ATOMIC_RELAXED);

	if (!l->store || now - last < REFRESH_US ||
	    !__atomic_compare_exchange_n(&l->looked_us, &last, now, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		return;
	pthread_mutex_lock(&l->lock);
	learner_load(l);
	if (l->note_count >= NOTES_TAKE && l->state == RES_OK && learner_lock(l, false)) {
		learner_load(l);
		learner_write(l);
		learner_unlock(l);
	}
	pthread_mutex_unlock(&l->lock);
}
