/* A table of sets with a few ways each; the one that was used longest ago gives way. */
#include "scanner/cache.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum { PIECE = 7, PIECES = 4 };

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
	uint64_t powers[2][PIECES]; /* of the secret points, the highest first */
};

static const uint64_t prime = ((uint64_t)1 << 61) - 1;

/* Of what is below 2^125. */
static uint64_t modulo(unsigned __int128 n)
{
	uint64_t sum = (uint64_t)(n & prime) + (uint64_t)(n >> 61);

	sum = (sum & prime) + (sum >> 61);
	return sum >= prime ? sum - prime : sum;
}

static void set_powers(uint64_t powers[PIECES], uint64_t point)
{
	powers[PIECES - 1] = point;
	for (size_t k = PIECES - 1; k > 0; k--)
		powers[k - 1] = modulo((unsigned __int128)powers[k] * point);
}

struct cache *cache_new(void)
{
	struct cache *c = calloc(1, sizeof *c);
	uint64_t points[2];

	if (c && getrandom(points, sizeof points, 0) != sizeof points) {
		free(c);
		return NULL;
	}
	for (size_t i = 0; c && i < 2; i++)
		set_powers(c->powers[i], points[i] % prime);
	return c;
}

static uint64_t piece_at(const char *p)
{
	uint64_t piece;

	memcpy(&piece, p, sizeof piece);
	return piece & (((uint64_t)1 << 8 * PIECE) - 1);
}

/* So many pieces in one step, with one reduction: they do not wait for each other. */
static void add_pieces(const struct cache *c, const char *p, uint64_t hash[2])
{
	uint64_t first = piece_at(p), pieces[PIECES];

	for (size_t k = 1; k < PIECES; k++)
		pieces[k] = piece_at(p + k * PIECE);
	for (size_t i = 0; i < 2; i++) {
		const uint64_t *powers = c->powers[i];
		unsigned __int128 sum = (unsigned __int128)(hash[i] + first) * powers[0];

#pragma GCC unroll 8
		for (size_t k = 1; k < PIECES; k++)
			sum += (unsigned __int128)pieces[k] * powers[k];
		hash[i] = modulo(sum);
	}
}

/*
 * The bytes, with noughts behind them, are the coefficients, seven octets each, of a polynomial modulo 2^61 - 1, and
 * the hash its value at two secret points. Two files of n octets agree at both with a chance below (n / 2^63)^2.
 */
struct cache_key cache_key(const struct cache *c, struct str bytes, uint32_t flags)
{
	struct cache_key key = {.size = bytes.n, .flags = flags};
	char last[PIECES * PIECE + 1] = "";

	if (!c)
		return key;
	for (; bytes.n > PIECES * PIECE; bytes = str_from(bytes, PIECES * PIECE))
		add_pieces(c, bytes.p, key.hash);
	if (bytes.n)
		memcpy(last, bytes.p, bytes.n);
	add_pieces(c, last, key.hash);
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
