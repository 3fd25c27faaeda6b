/* What the makers of features share: the set that they fill, words and hashes (features.c, features_fields.c). */
#ifndef REEVE_RULES_LEARN_FEATURES_PRIVATE_H
#define REEVE_RULES_LEARN_FEATURES_PRIVATE_H

#include <endian.h>

#include "rules/learn/learner_private.h"

enum {
	SEEN_BITS = 13,
	SEEN = 1 << SEEN_BITS, /* of the table that keeps features distinct: never full */
	WORDS_MAX = 3800, /* features that have words: the shares of their zones */
};

_Static_assert((size_t)LEARNER_FEATURES_MAX < SEEN, "the search for a free place ends");

struct set {
	/*
	 * Where the last bits of a feature say, or behind: 16 of its other bits; 0 free. That two features have the same is
	 * as rare as that two texts have the same feature, and half the memory is in the first cache.
	 */
	uint16_t seen[SEEN];
	uint32_t v[LEARNER_FEATURES_MAX + 1];
	struct str words[WORDS_MAX + 1]; /* what stands for the first of v */
	uint64_t names[LEARNER_FIELDS];	 /* hashes of the header fields' names, without case */
	bool is_ours[LEARNER_FIELDS];
	const struct feature_source *from;
	size_t n, most; /* end of the zone at the latest */
	size_t fields;	/* that are looked at */
	size_t hops_end; /* behind the fields of ZONE_HOP */
	bool has_words;
};

static const uint64_t golden = 0x9e3779b97f4a7c15u;

/*
 * What is there already, and what is new, come in no order that a processor could foresee: that one of them is
 * looked for further is the only branch. One slot behind the last takes what is not kept.
 */
static inline void set_add(struct set *set, uint32_t feature, struct str word)
{
	uint16_t mark = (uint16_t)(feature >> SEEN_BITS | 1);
	size_t at = feature & (SEEN - 1);
	bool is_new;

	if (set->n == set->most)
		return;
	while (__builtin_expect((set->seen[at] != 0) & (set->seen[at] != mark), 0))
		at = (at + 1) & (SEEN - 1);
	is_new = !set->seen[at];
	set->seen[at] = mark;
	if (set->has_words)
		set->words[set->n] = word;
	if (set->from->learner)
		learner_fetch(set->from->learner, feature);
	set->v[set->n] = feature;
	set->n += is_new;
}

static inline void add(struct set *set, uint64_t hash, struct str word)
{
	set_add(set, (uint32_t)((hash * golden) >> 32), word);
}

/* Kinds keep equal values at different places apart. */
static inline uint64_t kind(unsigned number, uint64_t hash)
{
	return (hash ^ (hash >> 31)) + (uint64_t)number * 0xd6e8feb86659fd93u;
}

/* ---- hashes, eight octets at a time, the same on every machine ---- */

static inline uint64_t octets8(const char *p)
{
	uint64_t x;

	memcpy(&x, p, sizeof x);
	return le64toh(x);
}

/* n < 8 octets, the others 0. Whose length is not to be foreseen reads all eight, where these may be read. */
static inline uint64_t octets_few(const char *p, size_t n, const char *end)
{
	uint64_t x = 0;

	if (end - p >= 8)
		return octets8(p) & (((uint64_t)1 << 8 * n) - 1);
	memcpy(&x, p, n);
	return le64toh(x);
}

/* Capitals of ASCII, eight at once. */
static inline uint64_t lowered(uint64_t x)
{
	const uint64_t each = 0x0101010101010101u;
	uint64_t low = x & (each * 0x7f);
	uint64_t from_a = low + each * (0x80 - 'A'), past_z = low + each * (0x7f - 'Z');

	return x | (from_a & ~past_z & ~x & (each * 0x80)) >> 2;
}

static inline uint64_t stirred(uint64_t h, uint64_t x)
{
	h = (h ^ x) * 0x9fb21c651e98df25u;
	return h ^ h >> 32;
}

static inline uint64_t hash_of(struct str s)
{
	uint64_t h = s.n;
	size_t i;

	if (s.n == 0)
		return 0; /* .p may be NULL */
	for (i = 0; i + 8 <= s.n; i += 8)
		h = stirred(h, octets8(s.p + i));
	return stirred(h, octets_few(s.p + i, s.n - i, s.p + s.n));
}

/* The same whatever the case; up to end may be read. */
static inline uint64_t ihash_before(struct str s, const char *end)
{
	uint64_t h = s.n;
	size_t i;

	for (i = 0; i + 8 <= s.n; i += 8)
		h = stirred(h, lowered(octets8(s.p + i)));
	return stirred(h, lowered(octets_few(s.p + i, s.n - i, end)));
}

static inline uint64_t ihash_of(struct str s)
{
	return s.n ? ihash_before(s, s.p + s.n) : 0;
}

/* ---- words ---- */

/* 1 for what a word has, or a name of a host. */
extern const unsigned char features_word[256], features_name[256];

struct word {
	struct str text;
	uint64_t hash; /* without case */
};

static inline unsigned bits4(const unsigned char *in, const char *p)
{
	const unsigned char *c = (const unsigned char *)p;

	return in[c[0]] | (unsigned)in[c[1]] << 1 | (unsigned)in[c[2]] << 2 | (unsigned)in[c[3]] << 3;
}

/* The first octet that is not in; eight at a time, for where a word ends is not to be foreseen. */
static inline const char *word_end(const unsigned char *in, const char *p, const char *end)
{
	for (; end - p >= 8; p += 8) {
		unsigned out = 0xff ^ (bits4(in, p) | bits4(in, p + 4) << 4);

		if (out)
			return p + __builtin_ctz(out);
	}
	while (p < end && in[(unsigned char)*p])
		p++;
	return p;
}

static inline bool next_word(const unsigned char *in, struct str *rest, struct word *ret_word)
{
	const char *p = rest->p, *end, *start;

	if (rest->n == 0)
		return false;
	end = p + rest->n;
	while (p < end && !in[(unsigned char)*p])
		p++;
	start = p;
	p = word_end(in, p, end);
	ret_word->text = str_range(start, p);
	ret_word->hash = ihash_before(ret_word->text, end);
	*rest = str_range(p, end);
	return p > start;
}

/* Two words and what is between them; the second alone when there is no first. */
static inline struct str both_words(struct str first, struct str second)
{
	return first.p ? str_range(first.p, second.p + second.n) : second;
}

/* ---- features_fields.c: what the header section has ---- */

/* Hashes the fields' names and knows ours; before the others. */
void fields_start(struct set *set, const struct headers *headers);
bool field_is_trace(const struct set *set, size_t i);
/* Order, presence and shape of the fields. */
void fields_add_shapes(struct set *set, const struct headers *headers);
/* Received fields behind our own: the topmost ones, then the others. */
void fields_add_hops(struct set *set, const struct headers *headers);
void fields_add_path(struct set *set, const struct headers *headers);
void fields_add_addresses(struct set *set, const struct headers *headers);

#endif
