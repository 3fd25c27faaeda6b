/* Open addressing with linear probing, at most half full, seeded: domains come from strangers. */
#include "gateway/relay/map.h"

#include <stdlib.h>

#include "gateway/relay/retry.h"

enum { FIRST_ROOM = 64 };

struct slot {
	char *key; /* NULL: free */
	uint32_t length, value;
};

struct map {
	struct slot *v;
	size_t room, n;
	uint64_t seed;
};

struct map *map_new(void)
{
	struct map *m = calloc(1, sizeof *m);

	if (!m)
		abort();
	m->room = FIRST_ROOM;
	m->v = calloc(m->room, sizeof *m->v);
	m->seed = retry_dice();
	if (!m->v)
		abort();
	return m;
}

void map_clear(struct map *m)
{
	for (size_t i = 0; i < m->room; i++)
		free(m->v[i].key);
	memset(m->v, 0, m->room * sizeof *m->v);
	m->n = 0;
}

void map_free(struct map *m)
{
	if (!m)
		return;
	map_clear(m);
	free(m->v);
	free(m);
}

static struct slot *slot_of(const struct map *m, struct str key)
{
	uint64_t h = (str_hash(key) ^ m->seed) * 0x9e3779b97f4a7c15u;
	size_t i = h >> 32 & (m->room - 1);

	while (m->v[i].key && !str_eq((struct str){m->v[i].key, m->v[i].length}, key))
		i = (i + 1) & (m->room - 1);
	return &m->v[i];
}

bool map_get(const struct map *m, struct str key, uint32_t *ret_value)
{
	const struct slot *s = slot_of(m, key);

	if (!s->key)
		return false;
	*ret_value = s->value;
	return true;
}

static void grow(struct map *m)
{
	struct slot *old = m->v;
	size_t room = m->room;

	m->room *= 2;
	m->v = calloc(m->room, sizeof *m->v);
	if (!m->v)
		abort();
	for (size_t i = 0; i < room; i++)
		if (old[i].key)
			*slot_of(m, (struct str){old[i].key, old[i].length}) = old[i];
	free(old);
}

void map_add(struct map *m, struct str key, uint32_t value)
{
	struct slot *s;

	if (2 * ++m->n > m->room)
		grow(m);
	s = slot_of(m, key);
	s->key = malloc(key.n + 1);
	if (!s->key)
		abort();
	memcpy(s->key, key.p ? key.p : "", key.n);
	s->length = (uint32_t)key.n;
	s->value = value;
}

/* Those behind it move up, so that no search ends too early. */
bool map_remove(struct map *m, struct str key)
{
	struct slot *hole = slot_of(m, key), moved;

	if (!hole->key)
		return false;
	free(hole->key);
	hole->key = NULL;
	m->n--;
	for (size_t i = (size_t)(hole - m->v);;) {
		i = (i + 1) & (m->room - 1);
		if (!m->v[i].key)
			return true;
		moved = m->v[i];
		m->v[i].key = NULL;
		*slot_of(m, (struct str){moved.key, moved.length}) = moved;
	}
}

size_t map_count(const struct map *m)
{
	return m->n;
}
