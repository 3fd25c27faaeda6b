/* A table of sets with a few ways each; the one that was used longest ago gives way. */
#include "scanner/cache.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

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
	uint64_t points[2]; /* the secret */
};

static const uint64_t prime = ((uint64_t)1 << 61) - 1;

struct cache *cache_new(void)
{
	struct cache *c = calloc(1, sizeof *c);

	if (c && getrandom(c->points, sizeof c->points, 0) != sizeof c->points) {
		free(c);
		return NULL;
	}
	for (size_t i = 0; c && i < 2; i++)
		c->points[i] %= prime;
	return c;
}

static uint64_t modulo(unsigned __int128 n)
{
	uint64_t sum = (uint64_t)(n & prime) + (uint64_t)(n >> 61);

	return sum >= prime ? sum - prime : sum;
}

/*
 * The bytes are the coefficients, seven octets each, of a polynomial modulo 2^61 - 1, and the hash its
 * value at two secret points. Two files of n octets agree at both with a chance below (n / 2^63)^2.
 */
struct cache_key cache_key(const struct cache *c, struct str bytes, uint32_t flags)
{
	struct cache_key key = {.size = bytes.n, .flags = flags};

	for (size_t at = 0; c && at < bytes.n; at += 7) {
		uint64_t piece = 0;

		if (bytes.n - at >= 8) {
			memcpy(&piece, bytes.p + at, 8);
			piece &= ((uint64_t)1 << 56) - 1;
		} else {
			memcpy(&piece, bytes.p + at, bytes.n - at < 7 ? bytes.n - at : 7);
		}
		for (size_t i = 0; i < 2; i++)
			key.hash[i] = modulo((unsigned __int128)(key.hash[i] + piece) * c->points[i]);
	}
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
