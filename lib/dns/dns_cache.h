/*
 * Answers that were given lately, as packets, in front of the resolver: a hit costs no change of
 * threads. libunbound keeps its own cache behind it; here only the names count that come again and
 * again. Fixed number of places; a new answer replaces the one of its set that ends first.
 * Thread-safe.
 */
#ifndef REEVE_LIB_DNS_DNS_CACHE_H
#define REEVE_LIB_DNS_DNS_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/str.h"

enum {
	DNS_CACHE_SETS = 2048,
	DNS_CACHE_WAYS = 8,
	DNS_CACHE_PACKET_MAX = 4096, /* longer answers are not kept: 64 MiB at most in all */
	DNS_CACHE_TTL_MAX = 3600,
};

struct dns_cache;

struct dns_cached {
	uint8_t *packet; /* a copy from malloc */
	size_t length;
	bool is_secure;
	uint32_t age; /* seconds */
};

struct dns_cache *dns_cache_new(void);
/* NULL is allowed. */
void dns_cache_free(struct dns_cache *c);
/* name: lower case, hash: of it. */
bool dns_cache_get(struct dns_cache *c, struct str name, uint64_t hash, unsigned type,
    struct dns_cached *ret_cached);
/* Kept as long as the packet says; not at all when it does not say. */
void dns_cache_put(struct dns_cache *c, struct str name, uint64_t hash, unsigned type,
    const uint8_t *packet, size_t length, bool is_secure);

#endif
