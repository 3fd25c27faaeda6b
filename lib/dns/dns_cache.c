/* The cache in front of the resolver: sets of a few places each, a lock for every 32nd set. */
#include "lib/dns/dns_cache.h"

#include <pthread.h>
#include <stdlib.h>

#include "lib/clock.h"
#include "lib/dns/dns_packet.h"

enum { LOCKS = 32 };

struct place {
	uint64_t hash;
	unsigned type;
	bool is_secure;
	int64_t since_us, until_us;
	size_t name_n, length;
	char *octets; /* name, then packet; NULL: free */
};

struct dns_cache {
	pthread_mutex_t locks[LOCKS];
	struct place sets[DNS_CACHE_SETS][DNS_CACHE_WAYS];
};

struct dns_cache *dns_cache_new(void)
{
	struct dns_cache *c = calloc(1, sizeof *c);

	if (!c)
		abort();
	for (int i = 0; i < LOCKS; i++)
		pthread_mutex_init(&c->locks[i], NULL);
	return c;
}

void dns_cache_free(struct dns_cache *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < DNS_CACHE_SETS; i++)
		for (size_t k = 0; k < DNS_CACHE_WAYS; k++)
			free(c->sets[i][k].octets);
	for (int i = 0; i < LOCKS; i++)
		pthread_mutex_destroy(&c->locks[i]);
	free(c);
}

static size_t set_of(uint64_t hash, unsigned type)
{
	return (hash ^ hash >> 32 ^ type * 0x9e3779b1u) % DNS_CACHE_SETS;
}

static struct place *find(struct place set[DNS_CACHE_WAYS], struct str name, uint64_t hash, unsigned type)
{
	for (size_t k = 0; k < DNS_CACHE_WAYS; k++) {
		struct place *p = &set[k];
		if (p->octets && p->hash == hash && p->type == type && str_eq((struct str){p->octets, p->name_n}, name))
			return p;
	}
	return NULL;
}

bool dns_cache_get(struct dns_cache *c, struct str name, uint64_t hash, unsigned type,
    struct dns_cached *ret_cached)
{
	size_t set = set_of(hash, type);
	int64_t now = clock_mono_us();
	const struct place *p;
	bool is_there;

	pthread_mutex_lock(&c->locks[set % LOCKS]);
	p = find(c->sets[set], name, hash, type);
	is_there = p && p->until_us > now;
	if (is_there) {
		*ret_cached = (struct dns_cached){.packet = malloc(p->length),
		    .length = p->length,
		    .is_secure = p->is_secure,
		    .age = (uint32_t)((now - p->since_us) / 1000000)};
		if (!ret_cached->packet)
			abort();
		memcpy(ret_cached->packet, p->octets + p->name_n, p->length);
	}
	pthread_mutex_unlock(&c->locks[set % LOCKS]);
	return is_there;
}

/* The place of the key, a free one, or the one that ends first. */
static struct place *place_for(struct place set[DNS_CACHE_WAYS], struct str name, uint64_t hash, unsigned type)
{
	struct place *best = find(set, name, hash, type);

	if (best)
		return best;
	best = &set[0];
	for (size_t k = 1; k < DNS_CACHE_WAYS && best->octets; k++)
		if (!set[k].octets || set[k].until_us < best->until_us)
			best = &set[k];
	return best;
}

void dns_cache_put(struct dns_cache *c, struct str name, uint64_t hash, unsigned type,
    const uint8_t *packet, size_t length, bool is_secure)
{
	size_t set = set_of(hash, type);
	uint32_t ttl = length <= DNS_CACHE_PACKET_MAX ? dns_packet_ttl(packet, length) : 0;
	struct place *p, fresh;
	int64_t now;

	if (ttl == 0)
		return;
	now = clock_mono_us();
	fresh = (struct place){.hash = hash,
	    .type = type,
	    .is_secure = is_secure,
	    .since_us = now,
	    .until_us = now + (ttl < DNS_CACHE_TTL_MAX ? ttl : DNS_CACHE_TTL_MAX) * (int64_t)1000000,
	    .name_n = name.n,
	    .length = length,
	    .octets = malloc(name.n + length)};
	if (!fresh.octets)
		abort();
	memcpy(fresh.octets, name.p, name.n);
	memcpy(fresh.octets + name.n, packet, length);
	pthread_mutex_lock(&c->locks[set % LOCKS]);
	p = place_for(c->sets[set], name, hash, type);
	free(p->octets);
	*p = fresh;
	pthread_mutex_unlock(&c->locks[set % LOCKS]);
}
