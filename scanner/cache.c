/* A table of sets with a few ways each; the one that was used longest ago gives way. */
#include "scanner/cache.h"

#include <stdlib.h>
#include <string.h>

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
};

struct cache *cache_new(void)
{
	return calloc(1, sizeof(struct cache));
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
	return memcmp(a->hash, b->hash, sizeof a->hash) == 0 && a->size == b->size && a->flags == b->flags;
}

static struct entry *set_of(struct cache *c, const struct cache_key *key)
{
	return c->entries[(key->hash[0] | key->hash[1] << 8) % CACHE_SETS];
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
