/*
 * The literal finder. Each literal is entered under its rarest window of four octets (three for
 * literals of three), chosen so that no window collects many. Scanning costs one table bit for every
 * second octet, of the four from there on: a literal of five has two such fours side by side, and one of
 * them begins at an even place wherever the literal stands. Shorter ones have their bits with any octet in
 * front or behind; where they are so many that most bits would be set, every octet is looked at. Only where the
 * bit is set the windows around are looked up and the literals compared.
 */
#include "rules/match/prefilter.h"

#include <assert.h>
#include <stdlib.h>

#include "lib/block.h"
#include "rules/match/literal.h"

enum { BITS_MIN = 10, BITS_MAX = 18, SPREAD = 16, OCTETS = 256 };

struct entry {
	uint32_t window;
	uint32_t value;
	uint16_t before; /* octets of the literal before the window */
	uint16_t length;
	const char *literal;
};

/* Windows of one size: the bitmap, and entries sorted by window behind a hashed index. */
struct layer {
	unsigned shift; /* of the product: 32 - bits */
	uint64_t *bitmap;
	uint32_t *first; /* by hash: index of the first entry; the next one's is the end */
	struct entry *entries;
	size_t n;
};

struct prefilter {
	struct layer four, three;
	uint64_t *bits; /* by hash of four octets */
	unsigned shift;
	size_t stride; /* every so many octets are looked at: 2 or 1 */
	size_t literals;
};

struct draft {
	struct str literal;
	uint32_t value;
};

struct prefilter_builder {
	struct arena *arena;
	struct draft *v;
	size_t n, room;
};

struct prefilter_builder *prefilter_start(struct arena *a)
{
	struct prefilter_builder *b = arena_alloc(a, sizeof *b);

	b->arena = a;
	return b;
}

void prefilter_add(struct prefilter_builder *b, struct str literal, uint32_t value)
{
	assert(literal.n >= LITERAL_MIN && literal.n <= LITERAL_MAX);
	if (b->n == b->room) {
		size_t room = b->room ? b->room * 2 : 64;
		struct draft *more = arena_array(b->arena, room, sizeof *more);
		if (b->n)
			memcpy(more, b->v, b->n * sizeof *more);
		b->v = more;
		b->room = room;
	}
	b->v[b->n++] = (struct draft){literal, value};
}

static uint32_t load4(const char *p)
{
	uint32_t w;

	memcpy(&w, p, 4);
	return w;
}

static uint32_t load3(const char *p)
{
	uint32_t w = 0;

	memcpy(&w, p, 3);
	return w;
}

static uint32_t hash(uint32_t window, unsigned shift)
{
	return (window * 2654435761u) >> shift;
}

static int by_hash_then_window(const void *x, const void *y)
{
	const struct entry *a = x, *b = y;
	uint32_t ha = a->window * 2654435761u, hb = b->window * 2654435761u;

	if (ha != hb)
		return ha < hb ? -1 : 1;
	return a->value < b->value ? -1 : a->value > b->value;
}

/* Counts, while choosing, how many literals stand under a window already. */
struct tally {
	uint16_t *counts;
};

static struct entry choose_window(struct tally *t, const struct draft *d, size_t size, size_t stride)
{
	bool is_pair = stride == 2 && d->literal.n > size && size == 4;
	struct entry e = {.value = d->value, .length = (uint16_t)d->literal.n, .literal = d->literal.p};
	double best = -1;
	uint32_t slot = 0;

	for (size_t i = 0; i + size + is_pair <= d->literal.n; i++) {
		const char *p = d->literal.p + i;
		uint32_t window = size == 4 ? load4(p) : load3(p), at = hash(window, 32 - 16);
		double rate = literal_rate((struct str){p, size}) + (is_pair ? literal_rate((struct str){p + 1, size}) : 0);
		double cost = rate * (1 + t->counts[at]);
		if (best >= 0 && cost >= best)
			continue;
		best = cost;
		slot = at;
		e.window = window;
		e.before = (uint16_t)i;
	}
	if (t->counts[slot] < UINT16_MAX)
		t->counts[slot]++;
	return e;
}

static unsigned bits_for(size_t n)
{
	unsigned bits = BITS_MIN;

	while (bits < BITS_MAX && ((size_t)1 << bits) < n)
		bits++;
	return bits;
}

static void layer_finish(struct arena *a, struct layer *l, unsigned spread)
{
	unsigned bits = bits_for(l->n * spread);
	size_t slots;

	l->shift = 32 - bits;
	slots = (size_t)1 << bits;
	l->bitmap = arena_array(a, slots / 64, sizeof *l->bitmap);
	l->first = arena_array(a, slots + 1, sizeof *l->first);
	qsort(l->entries, l->n, sizeof *l->entries, by_hash_then_window);
	for (size_t i = 0; i < l->n; i++) {
		uint32_t h = hash(l->entries[i].window, l->shift);
		l->bitmap[h / 64] |= (uint64_t)1 << (h % 64);
		l->first[h + 1]++;
	}
	for (size_t i = 0; i < slots; i++)
		l->first[i + 1] += l->first[i];
}

static void set_bit(struct prefilter *pf, const char *four)
{
	uint32_t h = hash(load4(four), pf->shift);

	pf->bits[h / 64] |= (uint64_t)1 << (h % 64);
}

/* Three octets, with any other in the place that is left. */
static void set_bits(struct prefilter *pf, const char *three, size_t wild)
{
	char four[4];

	memcpy(four + (wild == 0), three, 3);
	for (unsigned c = 0; c < OCTETS; c++) {
		four[wild] = (char)c;
		set_bit(pf, four);
	}
}

/* See prefilter_scan(): the places where it looks for the window. */
static void set_bits_of(struct prefilter *pf, const struct entry *e)
{
	const char *window = e->literal + e->before;

	if (e->length == 3)
		set_bits(pf, window, 3);
	else
		set_bit(pf, window);
	if (pf->stride == 1)
		return;
	if (e->length == 3)
		set_bits(pf, window, 0);
	else if (e->length == 4)
		set_bits(pf, window + 1, 3);
	else
		set_bit(pf, window + 1);
}

/* How many bits that makes, if every second octet is looked at or each. */
static size_t count_bits(const struct prefilter_builder *b, size_t stride)
{
	size_t n = 0;

	for (size_t i = 0; i < b->n; i++) {
		size_t length = b->v[i].literal.n;
		n += length == 3 ? stride * OCTETS : length == 4 && stride == 2 ? 1 + OCTETS : stride;
	}
	return n;
}

struct prefilter *prefilter_finish(struct prefilter_builder *b)
{
	struct prefilter *pf;
	struct tally tally;

	if (b->n == 0)
		return NULL;
	pf = arena_alloc(b->arena, sizeof *pf);
	pf->literals = b->n;
	pf->stride = count_bits(b, 2) * SPREAD <= (size_t)1 << BITS_MAX ? 2 : 1;
	pf->shift = 32 - bits_for(count_bits(b, pf->stride) * SPREAD);
	pf->bits = arena_array(b->arena, ((size_t)1 << (32 - pf->shift)) / 64, sizeof *pf->bits);
	pf->four.entries = arena_array(b->arena, b->n, sizeof *pf->four.entries);
	pf->three.entries = arena_array(b->arena, b->n, sizeof *pf->three.entries);
	tally.counts = calloc((size_t)1 << 16, sizeof *tally.counts);
	if (!tally.counts)
		abort();
	for (size_t i = 0; i < b->n; i++) {
		size_t size = b->v[i].literal.n > 3 ? 4 : 3;
		struct layer *l = size == 4 ? &pf->four : &pf->three;
		l->entries[l->n] = choose_window(&tally, &b->v[i], size, pf->stride);
		set_bits_of(pf, &l->entries[l->n++]);
	}
	free(tally.counts);
	layer_finish(b->arena, &pf->four, 16);
	layer_finish(b->arena, &pf->three, 32);
	return pf;
}

size_t prefilter_literals(const struct prefilter *pf)
{
	return pf ? pf->literals : 0;
}

void prefilter_fold(struct str in, char *out)
{
	size_t i = 0;

	for (; i + BLOCK <= in.n; i += BLOCK) {
		block here = block_load(in.p + i);
		block is_space = block_within(here, '\t', '\r'), is_upper = block_within(here, 'A', 'Z');

		block_store(out + i, (block)((here | (is_upper & 0x20)) & ~is_space) | (is_space & ' '));
	}
	for (; i < in.n; i++)
		out[i] = literal_letter((unsigned char)in.p[i]);
}

/* The entries under the window that ends nowhere before `at`; false when found() said stop. */
static bool look(const struct layer *l, uint32_t window, uint32_t h, struct str text, size_t at,
    bool (*found)(void *arg, uint32_t value, size_t at), void *arg)
{
	for (uint32_t i = l->first[h]; i < l->first[h + 1]; i++) {
		const struct entry *e = &l->entries[i];
		if (e->window != window || e->before > at || (size_t)(e->length - e->before) > text.n - at)
			continue;
		if (memcmp(text.p + at - e->before, e->literal, e->length) == 0 &&
		    !found(arg, e->value, at - e->before))
			return false;
	}
	return true;
}

/* The windows of one size at `at`. */
static bool look_under(const struct layer *l, uint32_t window, struct str text, size_t at,
    bool (*found)(void *arg, uint32_t value, size_t at), void *arg)
{
	uint32_t h = hash(window, l->shift);

	return !(l->bitmap[h / 64] >> (h % 64) & 1) || look(l, window, h, text, at, found, arg);
}

/* The windows from `at` to `end` (not included), as far as they are inside. */
static bool look_around(const struct prefilter *pf, struct str text, size_t at, size_t end,
    bool (*found)(void *arg, uint32_t value, size_t at), void *arg)
{
	for (; at < end && at + 3 <= text.n; at++) {
		if (at + 4 <= text.n && !look_under(&pf->four, load4(text.p + at), text, at, found, arg))
			return false;
		if (pf->three.n && !look_under(&pf->three, load3(text.p + at), text, at, found, arg))
			return false;
	}
	return true;
}

/*
 * With a stride of 2, what stands at an odd place is seen from the even one behind it, of three octets from the one in
 * front of it.
 */
void prefilter_scan(const struct prefilter *pf, struct str text,
    bool (*found)(void *arg, uint32_t value, size_t at), void *arg)
{
	const uint64_t *bits = pf->bits;
	unsigned shift = pf->shift;
	size_t stride = pf->stride, i = 0, done = 0;

	for (; i + 4 <= text.n; i += stride) {
		uint32_t h = hash(load4(text.p + i), shift);
		if (!(bits[h / 64] >> (h % 64) & 1))
			continue;
		if (i > done)
			done = i + 1 - stride;
		if (!look_around(pf, text, done, i + stride, found, arg))
			return;
		done = i + stride;
	}
	/* Behind the last place that was looked at. */
	i = i ? i + 1 - stride : 0;
	look_around(pf, text, i > done ? i : done, text.n, found, arg);
}
