/*
 * How the learner is kept. Table "learn" of the store: "cNNN" a chunk of slots, "n" version, generation and
 * the totals of each layer. "learnt": digest of a message and layer = its kind. "learnnote": single lessons that
 * are not in the chunks yet: what they do, and their features. Who writes chunks holds the lock; notes need none.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "lib/clock.h"
#include "rules/learn/learner_private.h"

enum {
	VERSION = 5, /* of the features: counts of other ones mean nothing */
	LESSON_KEEP = 400 * 86400,
	KEY_MAX = 48,
	SLOT_OCTETS = 10, /* in the store: number in the chunk, and the slot */
	NOTE_HEAD = 10, /* octets before the features: layer, spam, ham */
};

/* ---- the lock ---- */

bool learner_lock(struct learner *l, bool may_wait)
{
	if (!l->lock_path || l->lock_fd >= 0)
		return true;
	l->lock_fd = open(l->lock_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (l->lock_fd < 0)
		return false;
	while (flock(l->lock_fd, may_wait ? LOCK_EX : LOCK_EX | LOCK_NB))
		if (errno != EINTR) {
			learner_unlock(l);
			return false;
		}
	return true;
}

void learner_unlock(struct learner *l)
{
	if (l->lock_fd >= 0)
		close(l->lock_fd);
	l->lock_fd = -1;
}

/* ---- what is known of messages ---- */

static uint64_t lesson_digest(const struct features *f, uint64_t layer)
{
	return features_digest(f) ^ layer;
}

static struct str lesson_key(struct arena *a, uint64_t digest)
{
	return arena_printf(a, "%016" PRIx64, digest);
}

/* The slot of a message, or the free one for it. */
static struct pending *pending_slot(struct learner *l, uint64_t digest)
{
	size_t at = (digest ^ digest >> 32) & (PENDING_SLOTS - 1);

	while (l->pending[at].record && l->pending[at].key != digest)
		at = (at + 1) & (PENDING_SLOTS - 1);
	return &l->pending[at];
}

enum res lesson_get(struct learner *l, const struct features *f, uint64_t layer, bool *ret_is_spam)
{
	uint64_t digest = lesson_digest(f, layer);
	const struct pending *pending = pending_slot(l, digest);
	struct arena *a = arena_new(0);
	struct store_entry entry;
	enum res res = RES_NONE;

	if (pending->record) {
		res = *pending->record ? RES_OK : RES_NONE;
		*ret_is_spam = str_is(STR("spam"), pending->record);
	} else if (l->store) {
		res = store_get(l->store, LEARNER_LESSON_TABLE, lesson_key(a, digest), a, &entry);
		*ret_is_spam = res == RES_OK && str_is(entry.value, "spam");
	}
	arena_free(a);
	return res;
}

static struct store_change record_change(struct arena *a, uint64_t digest, const char *record)
{
	return (struct store_change){.what = *record ? STORE_PUT : STORE_DELETE, .table = LEARNER_LESSON_TABLE,
	    .key = lesson_key(a, digest), .value = str_of(record), .ttl = *record ? LESSON_KEEP : 0};
}

/* ---- notes: layer, what the step does, and the sorted features as distances of 7 bits an octet ---- */

static int by_number(const void *x, const void *y)
{
	uint32_t a = *(const uint32_t *)x, b = *(const uint32_t *)y;

	return (a > b) - (a < b);
}

static struct str note_pack(struct arena *a, const struct step *step, const struct features *f)
{
	uint32_t *sorted = arena_array(a, f->n + 1, sizeof *sorted), last = 0;
	unsigned char *out = arena_alloc(a, NOTE_HEAD + f->n * 5), *p = out + NOTE_HEAD;

	memcpy(out, &step->layer, sizeof step->layer);
	out[8] = (unsigned char)(step->spam + 1);
	out[9] = (unsigned char)(step->ham + 1);
	if (f->n)
		memcpy(sorted, f->v, f->n * sizeof *sorted);
	qsort(sorted, f->n, sizeof *sorted, by_number);
	for (size_t i = 0; i < f->n; last = sorted[i++]) {
		uint32_t distance = sorted[i] - last;

		for (; distance > 127; distance >>= 7)
			*p++ = (unsigned char)(distance | 128);
		*p++ = (unsigned char)distance;
	}
	return (struct str){(const char *)out, (size_t)(p - out)};
}

/* False when it is none of ours. */
static bool note_unpack(struct arena *a, struct str note, struct step *ret_step, uint32_t **ret_v, size_t *ret_n)
{
	uint32_t *v = arena_array(a, note.n + 1, sizeof *v);
	uint64_t last = 0, distance = 0;
	unsigned shift = 0;
	size_t n = 0;

	if (note.n < NOTE_HEAD || note.p[8] < 0 || note.p[8] > 2 || note.p[9] < 0 || note.p[9] > 2)
		return false;
	memcpy(&ret_step->layer, note.p, sizeof ret_step->layer);
	ret_step->spam = note.p[8] - 1;
	ret_step->ham = note.p[9] - 1;
	for (size_t i = NOTE_HEAD; i < note.n; i++) {
		unsigned char c = (unsigned char)note.p[i];

		distance |= (uint64_t)(c & 127) << shift;
		shift = c & 128 ? shift + 7 : 0;
		if (shift > 28)
			return false;
		if (shift)
			continue;
		last += distance;
		distance = 0;
		if (last > UINT32_MAX)
			return false;
		v[n++] = (uint32_t)last;
	}
	*ret_v = v;
	*ret_n = n;
	return shift == 0;
}

/* Distinct among processes and in time. */
static struct str note_key(struct arena *a)
{
	static unsigned number;

	return arena_printf(a, "%016" PRIx64 "-%x-%x", (uint64_t)clock_now() * 1000000 + (uint64_t)(clock_ticks_ns() / 1000 % 1000000),
	    (unsigned)getpid(), __atomic_fetch_add(&number, 1, __ATOMIC_RELAXED));
}

static void note_done(struct learner *l, struct str key)
{
	if (l->note_count < NOTES_MAX)
		l->notes[l->note_count++] = arena_str(l->notes_arena, key);
}

void lesson_keep(struct learner *l, const struct features *f, const struct step *step, const char *record)
{
	uint64_t digest = lesson_digest(f, step->layer);
	struct pending *slot = pending_slot(l, digest);

	if (!l->store)
		return;
	l->pending_count += !slot->record;
	*slot = (struct pending){digest, record};
	if (l->few_count < FEW)
		l->few[l->few_count] = note_pack(l->pending_arena, step, f);
	l->few_count++;
}

enum res lesson_note(struct learner *l, const struct features *f, const struct step *step, const char *record)
{
	struct arena *a = arena_new(0);
	struct store_change changes[] = {
	    {.what = STORE_PUT, .table = LEARNER_NOTE_TABLE, .key = note_key(a), .value = note_pack(a, step, f)},
	    record_change(a, lesson_digest(f, step->layer), record)};
	enum res res = l->note_count < NOTES_MAX && !l->is_old ? store_apply(l->store, changes, 2) : RES_TEMP;

	if (res == RES_OK && learner_step(l, step, f->v, f->n))
		note_done(l, changes[0].key);
	arena_free(a);
	return res;
}

/* ---- loading ---- */

static struct str chunk_key(size_t i, char out[8])
{
	return (struct str){out, (size_t)snprintf(out, 8, "c%03zu", i)};
}

/* Only slots that are in use are kept. */
static struct str pack_chunk(const struct learner *l, struct arena *a, size_t chunk)
{
	const uint64_t *slots = l->slots + chunk * CHUNK;
	char *out = arena_alloc(a, CHUNK * SLOT_OCTETS), *p = out;

	for (uint16_t i = 0; i < CHUNK; i++) {
		if (!slots[i])
			continue;
		memcpy(p, &i, sizeof i);
		memcpy(p + sizeof i, &slots[i], sizeof slots[i]);
		p += SLOT_OCTETS;
	}
	return str_range(out, p);
}

static bool unpack_chunk(struct str packed, uint64_t slots[CHUNK])
{
	memset(slots, 0, CHUNK * sizeof *slots);
	for (size_t at = 0; at + SLOT_OCTETS <= packed.n; at += SLOT_OCTETS) {
		uint16_t i;

		memcpy(&i, packed.p + at, sizeof i);
		if (i >= CHUNK)
			return false;
		memcpy(&slots[i], packed.p + at + sizeof i, sizeof *slots);
	}
	return packed.n % SLOT_OCTETS == 0;
}

static bool load_chunk(struct learner *l, size_t chunk)
{
	struct arena *a = arena_new(0);
	struct store_entry entry = {0};
	uint64_t slots[CHUNK];
	char key[8];
	enum res res = store_get(l->store, LEARNER_TABLE, chunk_key(chunk, key), a, &entry);
	bool is_whole = unpack_chunk(res == RES_OK ? entry.value : STR(""), slots) && (res == RES_OK || res == RES_NONE);

	for (size_t i = 0; i < CHUNK; i++)
		__atomic_store_n(&l->slots[chunk * CHUNK + i], slots[i], __ATOMIC_RELAXED);
	l->is_changed[chunk] = false;
	arena_free(a);
	return is_whole;
}

/* "VERSION GENERATION", then a line per layer: "HASH SPAM HAM". */
static bool read_totals(struct learner *l, struct str text)
{
	struct arena *a = arena_new(0);
	struct str line;
	bool ok = true;

	__atomic_store_n(&l->layer_count, 1, __ATOMIC_RELEASE);
	l->layers[0].spam = l->layers[0].ham = 0;
	str_split(&text, '\n', &line);
	while (ok && text.n && str_split(&text, '\n', &line)) {
		uint64_t hash, spam, ham;
		struct layer *layer;

		if (!line.n)
			continue;
		ok = sscanf(arena_cstr(a, line), "%" SCNx64 " %" SCNu64 " %" SCNu64, &hash, &spam, &ham) == 3 &&
		     (layer = layer_make(l, hash));
		if (ok) {
			layer->spam = spam;
			layer->ham = ham;
		}
	}
	arena_free(a);
	return ok;
}

/*
 * What was learnt with other features is of no use. Who can have the lock clears it, for others it is as if
 * nothing had been learnt.
 */
static enum res start_anew(struct learner *l)
{
	bool had_lock = l->lock_fd >= 0;

	l->is_old = !learner_lock(l, false) || learner_clear(l) != RES_OK;
	if (!had_lock)
		learner_unlock(l);
	return RES_NONE;
}

/* RES_OK: `text` is of a generation that is not loaded yet. RES_NONE: nothing new. */
static enum res look(struct learner *l, struct arena *a, struct str *ret_text, uint64_t *ret_generation)
{
	struct store_entry entry;
	unsigned version;
	enum res res = store_get(l->store, LEARNER_TABLE, STR("n"), a, &entry);

	if (res == RES_NONE && l->generation) { /* somebody took the file away */
		*ret_generation = 0;
		*ret_text = STR("");
		return RES_OK;
	}
	l->is_old = false;
	if (res != RES_OK)
		return res;
	if (sscanf(arena_cstr(a, entry.value), "%u %" SCNu64, &version, ret_generation) != 2 || version > VERSION)
		return RES_PERM;
	if (version < VERSION)
		return start_anew(l);
	*ret_text = entry.value;
	return *ret_generation == l->generation ? RES_NONE : RES_OK;
}

static enum res load_counts(struct learner *l)
{
	struct arena *a = arena_new(0);
	uint64_t generation;
	struct str text;
	enum res res = look(l, a, &text, &generation);

	if (res == RES_OK) {
		bool is_whole = read_totals(l, text);

		for (size_t i = 0; i < CHUNKS; i++)
			is_whole = load_chunk(l, i) && is_whole;
		l->generation = is_whole ? generation : UINT64_MAX; /* to be read again at the next look */
		l->note_count = 0;
		arena_free(l->notes_arena);
		l->notes_arena = arena_new(0);
		res = is_whole ? RES_OK : RES_PERM;
	}
	arena_free(a);
	return res == RES_NONE ? RES_OK : res;
}

static bool is_done(const struct learner *l, struct str key)
{
	for (size_t i = l->note_count; i > 0; i--)
		if (str_eq(l->notes[i - 1], key))
			return true;
	return false;
}

static bool load_note(void *arg, const struct store_entry *entry)
{
	struct learner *l = arg;
	struct arena *a;
	struct step step;
	uint32_t *v;
	size_t n;

	if (l->note_count == NOTES_MAX)
		return false;
	if (is_done(l, entry->key))
		return true;
	a = arena_new(0);
	if (note_unpack(a, entry->value, &step, &v, &n))
		learner_step(l, &step, v, n);
	note_done(l, entry->key); /* a broken one too: it goes with the next save */
	arena_free(a);
	return true;
}

void learner_load(struct learner *l)
{
	enum res res = load_counts(l);

	/* What a save changed stays: it was saved, or will be. RES_TEMP: goes on with what it has. */
	if (res == RES_OK && !l->is_old)
		res = store_each(l->store, LEARNER_NOTE_TABLE, STR(""), load_note, l) == RES_TEMP ? RES_TEMP : RES_OK;
	if (res != RES_TEMP || l->generation == 0)
		l->state = res;
}

/* ---- saving ---- */

struct batch {
	struct arena *a;
	struct store_change *v;
	size_t n;
};

static void put(struct batch *b, const char *table, struct str key, struct str value)
{
	b->v[b->n++] = (struct store_change){.what = STORE_PUT, .table = table, .key = key, .value = value};
}

static struct str totals_text(struct learner *l, struct arena *a)
{
	struct buf text = {0};

	buf_addf(&text, "%u %" PRIu64 "\n", VERSION, l->generation + 1);
	for (size_t i = 0; i < l->layer_count; i++)
		buf_addf(&text, "%" PRIx64 " %" PRIu64 " %" PRIu64 "\n", l->layers[i].hash, l->layers[i].spam, l->layers[i].ham);
	return buf_take(&text, a);
}

static void add_records(struct learner *l, struct batch *b)
{
	for (size_t i = 0; i < PENDING_SLOTS; i++)
		if (l->pending[i].record)
			b->v[b->n++] = record_change(b->a, l->pending[i].key, l->pending[i].record);
}

static void add_counts(struct learner *l, struct batch *b)
{
	char key[8];

	for (size_t i = 0; i < CHUNKS; i++)
		if (l->is_changed[i])
			put(b, LEARNER_TABLE, arena_str(b->a, chunk_key(i, key)), pack_chunk(l, b->a, i));
	put(b, LEARNER_TABLE, STR("n"), totals_text(l, b->a));
	for (size_t i = 0; i < l->note_count; i++)
		b->v[b->n++] = (struct store_change){.what = STORE_DELETE, .table = LEARNER_NOTE_TABLE, .key = l->notes[i]};
}

static void add_notes(struct learner *l, struct batch *b)
{
	for (size_t i = 0; i < l->few_count; i++)
		put(b, LEARNER_NOTE_TABLE, note_key(b->a), l->few[i]);
}

static void forget_pending(struct learner *l)
{
	memset(l->pending, 0, PENDING_SLOTS * sizeof *l->pending);
	l->pending_count = l->few_count = 0;
	arena_free(l->pending_arena);
	l->pending_arena = arena_new(0);
}

static void settle(struct learner *l, const struct batch *b, bool wrote_counts)
{
	if (wrote_counts) {
		l->generation++;
		l->note_count = 0;
		arena_free(l->notes_arena);
		l->notes_arena = arena_new(0);
		memset(l->is_changed, 0, sizeof l->is_changed);
	} else {
		for (size_t i = 0; i < b->n; i++)
			if (strcmp(b->v[i].table, LEARNER_NOTE_TABLE) == 0)
				note_done(l, b->v[i].key);
	}
	forget_pending(l);
}

enum res learner_write(struct learner *l)
{
	bool is_few = l->few_count <= FEW && l->note_count + l->few_count < NOTES_TAKE;
	struct batch b = {.a = arena_new(0)};
	enum res res = l->is_old ? RES_TEMP : RES_OK;

	b.v = arena_array(b.a, l->pending_count + CHUNKS + l->note_count + FEW + 1, sizeof *b.v);
	if (is_few)
		add_notes(l, &b);
	else
		add_counts(l, &b);
	add_records(l, &b);
	if (res == RES_OK && b.n)
		res = store_apply(l->store, b.v, b.n);
	if (res == RES_OK && b.n)
		res = store_flush(l->store);
	if (res == RES_OK)
		settle(l, &b, !is_few);
	arena_free(b.a);
	return res;
}

/* ---- starting anew ---- */

struct keys {
	struct arena *a;
	struct store_change *v;
	size_t n, room;
	const char *table;
};

static bool collect(void *arg, const struct store_entry *entry)
{
	struct keys *k = arg;

	if (k->n == k->room) {
		k->room = k->room ? 2 * k->room : 1024;
		k->v = realloc(k->v, k->room * sizeof *k->v);
		if (!k->v)
			abort();
	}
	k->v[k->n++] = (struct store_change){.what = STORE_DELETE, .table = k->table, .key = arena_str(k->a, entry->key)};
	return k->n < STORE_WAITING_MAX / 4;
}

/* In pieces that the store takes; what is left after a kill is nothing that misleads: records go first. */
static enum res clear_table(struct learner *l, const char *table)
{
	enum res res = RES_OK;
	size_t n = 1;

	while (res == RES_OK && n) {
		struct keys k = {.a = arena_new(0), .table = table};

		res = store_each(l->store, table, STR(""), collect, &k);
		if (res == RES_NONE)
			res = RES_OK;
		if (res == RES_OK && k.n)
			res = store_apply(l->store, k.v, k.n);
		if (res == RES_OK)
			res = store_flush(l->store);
		n = k.n;
		free(k.v);
		arena_free(k.a);
	}
	return res;
}

enum res learner_clear(struct learner *l)
{
	static const char *const tables[] = {LEARNER_LESSON_TABLE, LEARNER_NOTE_TABLE, LEARNER_TABLE};
	struct batch b = {.a = arena_new(0)};
	enum res res = RES_OK;

	for (size_t i = 0; i < 3 && res == RES_OK; i++)
		res = clear_table(l, tables[i]);
	l->generation = (uint64_t)clock_now(); /* another than anybody has loaded */
	l->layer_count = 1;
	l->layers[0].spam = l->layers[0].ham = 0;
	b.v = arena_array(b.a, 1, sizeof *b.v);
	put(&b, LEARNER_TABLE, STR("n"), totals_text(l, b.a));
	if (res == RES_OK && (res = store_apply(l->store, b.v, 1)) == RES_OK && (res = store_flush(l->store)) == RES_OK) {
		settle(l, &b, true);
		l->is_old = false;
		memset(l->slots, 0, SLOTS * sizeof *l->slots);
		l->state = RES_OK;
	}
	arena_free(b.a);
	return res;
}
