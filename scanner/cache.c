/* A table of sets with a few ways each; the one that was used longest ago gives way. */
#include "scanner/cache.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum { BLOCK = 1024, PAIR = 2 * sizeof(uint64_t), WORDS = BLOCK / sizeof(uint64_t) };

struct entry {
	struct cache_key key;
	enum wire_status status;
	uint32_t n;   /* octets of records */
	char *records; /* NULL: free */
	uint64_t used;
};

struct cache {
	struct entry entries[CACHE_SETS][CACHE_WAYS];
	uint64_t clock;
	struct {
		uint64_t points[2];
		uint64_t words[WORDS + 2];
	} secret;
};

static const uint64_t prime = ((uint64_t)1 << 61) - 1;

static uint64_t modulo(unsigned __int128 n)
{
	uint64_t sum = (uint64_t)(n & prime) + (uint64_t)(n >> 61);

	sum = (sum & prime) + (sum >> 61);
	return sum >= prime ? sum - prime : sum;
}

struct cache *cache_new(void)
{
	struct cache *c = calloc(1, sizeof *c);

	if (c && getrandom(&c->secret, sizeof c->secret, 0) != sizeof c->secret) {
		free(c);
		return NULL;
	}
	for (size_t i = 0; c && i < 2; i++)
		c->secret.points[i] %= prime;
	return c;
}

static uint64_t word_at(const char *p)
{
	uint64_t word;

	memcpy(&word, p, sizeof word);
	return word;
}

/* Pairs of words, a secret added to each, multiplied and summed up: once, and once with the secrets of the next pair. */
static void sum_pairs(const uint64_t *secret, const char *p, size_t pairs, unsigned __int128 sums[2])
{
	for (size_t i = 0; i < pairs; i++, secret += 2, p += PAIR) {
		uint64_t a = word_at(p), b = word_at(p + PAIR / 2);

		sums[0] += (unsigned __int128)(a + secret[0]) * (b + secret[1]);
		sums[1] += (unsigned __int128)(a + secret[2]) * (b + secret[3]);
	}
}

/* A block's sum as three coefficients of the polynomial. */
static uint64_t add_sum(uint64_t hash, unsigned __int128 sum, uint64_t point)
{
	const uint64_t low = ((uint64_t)1 << 56) - 1;

	hash = modulo((unsigned __int128)(hash + (uint64_t)(sum & low)) * point);
	hash = modulo((unsigned __int128)(hash + (uint64_t)(sum >> 56 & low)) * point);
	return modulo((unsigned __int128)(hash + (uint64_t)(sum >> 112)) * point);
}

static void add_block(const struct cache *c, struct str block, uint64_t hash[2])
{
	size_t whole = block.n / PAIR;
	unsigned __int128 sums[2] = {0, 0};
	char last[PAIR] = "";

	sum_pairs(c->secret.words, block.p, whole, sums);
	if (block.n % PAIR) {
		memcpy(last, block.p + whole * PAIR, block.n % PAIR);
		sum_pairs(c->secret.words + 2 * whole, last, 1, sums);
	}
	for (size_t i = 0; i < 2; i++)
		hash[i] = add_sum(hash[i], sums[i], c->secret.points[i]);
}

/*
 * Blocks are summed up in pairs of words, which takes a multiplication for sixteen octets; two blocks of one length that
 * differ have one sum with a chance of 2^-64. The sums are coefficients of a polynomial modulo 2^61 - 1, and the hash is
 * its value at a secret point. Two files of n octets agree in both hashes with a chance below (2^-64 + n / 2^69)^2.
 */
struct cache_key cache_key(const struct cache *c, struct str bytes, uint32_t flags)
{
	struct cache_key key = {.size = bytes.n, .flags = flags};

	for (; c && bytes.n; bytes = str_from(bytes, BLOCK))
		add_block(c, str_sub(bytes, 0, BLOCK), key.hash);
	return key;
}

void cache_free(struct cache *c)
{
	for (size_t i = 0; c && i < CACHE_SETS; i++)
		for (size_t k = 0; k < CACHE_WAYS; k++)
			free(c->entries[i][k].records);
	free(c);
}

static bool is_same(const struct cache_key *a, const struct cache_key *b)
{
	return a->hash[0] == b->hash[0] && a->hash[1] == b->hash[1] && a->size == b->size && a->flags == b->flags;
}

static struct entry *set_of(struct cache *c, const struct cache_key *key)
{
	return c->entries[key->hash[0] % CACHE_SETS];
}

static struct entry *find(struct cache *c, const struct cache_key *key)
{
	struct entry *set = set_of(c, key);

	for (size_t k = 0; k < CACHE_WAYS; k++)
		if (set[k].records && is_same(&set[k].key, key))
			return &set[k];
	return NULL;
}

bool cache_replay(struct cache *c, const struct cache_key *key, uint16_t item, struct wire_answer *a,
    enum wire_status *ret_status)
{
	struct entry *e = c ? find(c, key) : NULL;
	struct str rest, name;
	struct wire_record record;

	if (!e || WIRE_ANSWER_MAX - a->n < e->n)
		return false;
	e->used = ++c->clock;
	rest = (struct str){e->records, e->n};
	while (wire_next_record(&rest, &record, &name)) {
		record.item = item;
		wire_answer_add(a, &record, name, NULL);
	}
	*ret_status = e->status;
	return true;
}

static struct entry *oldest(struct cache *c, const struct cache_key *key)
{
	struct entry *set = set_of(c, key), *e = set;

	for (size_t k = 1; k < CACHE_WAYS; k++)
		if (set[k].used < e->used)
			e = &set[k];
	return e;
}

void cache_keep(struct cache *c, const struct cache_key *key, const struct wire_answer *a, size_t from,
    enum wire_status status)
{
	size_t n = a->n - from;
	struct entry *e;
	char *records;

	if (!c || (status != WIRE_CLEAN && status != WIRE_INFECTED) || n > CACHE_RECORDS_MAX)
		return;
	records = malloc(n ? n : 1);
	if (!records)
		return;
	memcpy(records, a->p + from, n);
	e = oldest(c, key);
	free(e->records);
	*e = (struct entry){.key = *key, .status = status, .n = (uint32_t)n, .records = records, .used = ++c->clock};
}
