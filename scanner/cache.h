/*
 * What a worker has found out of a leaf, by its hash, so that the same attachment is not scanned again.
 * The hash is keyed with a secret of the worker: nobody can make two files of one hash, and it takes a
 * fifteenth of the time of SHA-256. It lives and dies with the worker, and a worker with its generation: databases and options are
 * those that the answer came from. Bounded in entries and in octets; only whole answers are kept.
 */
#ifndef REEVE_SCANNER_CACHE_H
#define REEVE_SCANNER_CACHE_H

#include "scanner/wire.h"

enum { CACHE_SETS = 512, CACHE_WAYS = 4, CACHE_RECORDS_MAX = 4096 };

struct cache;

struct cache_key {
	uint64_t hash[2];
	uint64_t size;
	uint32_t flags; /* enum WIRE_I_*: what was asked */
};

/* NULL when there is no memory: then nothing is remembered. */
struct cache *cache_new(void);
void cache_free(struct cache *c);
struct cache_key cache_key(const struct cache *c, struct str bytes, uint32_t flags);
/* Adds the records to the answer as those of the item; false when there is none, or no room. */
bool cache_replay(struct cache *c, const struct cache_key *key, uint16_t item, struct wire_answer *a,
    enum wire_status *ret_status);
/* Keeps the records of the answer from that octet on, unless they are too long or the status is not final. */
void cache_keep(struct cache *c, const struct cache_key *key, const struct wire_answer *a, size_t from,
    enum wire_status status);

#endif
