/* Hash map with linear probing; grows at half load. */
#include "lib/names.h"

enum { FIRST_ROOM = 8 };

struct slot {
	struct str key; /* p NULL: free */
	uint64_t hash;
	void *value;
};

struct names {
	struct arena *arena;
	struct slot *slots;
	size_t n, room; /* room is a power of two */
};

struct names *names_new(struct arena *a)
{
	struct names *m = arena_alloc(a, sizeof *m);

	m->arena = a;
	m->room = FIRST_ROOM;
	m->slots = arena_array(a, m->room, sizeof *m->slots);
	return m;
}

/* Where the key is, or where it would go. */
static struct slot *find(const struct names *m, struct str key, uint64_t hash)
{
	size_t at = hash & (m->room - 1);

	while (m->slots[at].key.p && (m->slots[at].hash != hash || !str_ieq(m->slots[at].key, key)))
		at = (at + 1) & (m->room - 1);
	return &m->slots[at];
}

static void grow(struct names *m)
{
	struct slot *old = m->slots;
	size_t room = m->room;

	m->room *= 2;
	m->slots = arena_array(m->arena, m->room, sizeof *m->slots);
	for (size_t i = 0; i < room; i++)
		if (old[i].key.p)
			*find(m, old[i].key, old[i].hash) = old[i];
}

void *names_add(struct names *m, struct str key, void *value)
{
	uint64_t hash = str_ihash(key);
	struct slot *slot = find(m, key, hash);

	if (slot->key.p)
		return slot->value;
	if (2 * (m->n + 1) > m->room) {
		grow(m);
		slot = find(m, key, hash);
	}
	*slot = (struct slot){{key.p ? key.p : "", key.n}, hash, value};
	m->n++;
	return NULL;
}

void *names_get(const struct names *m, struct str key)
{
	return m->n ? find(m, key, str_ihash(key))->value : NULL;
}

size_t names_count(const struct names *m)
{
	return m->n;
}
