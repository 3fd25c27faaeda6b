/*
 * The changes that wait to be written: a hash table by key, emptied as a whole after a commit. With a
 * writer their memory comes from an arena that goes with them; a store that keeps all in memory frees
 * one by one what has expired.
 */
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/random.h>

#include "lib/store/store_private.h"

enum { FIRST_SLOTS = 256 };

/* Keys come from peers: the seed keeps them from choosing their slots. */
static uint64_t seed(void)
{
	static _Atomic uint64_t value;
	uint64_t fresh, none = 0, known = atomic_load_explicit(&value, memory_order_relaxed);

	if (known)
		return known;
	if (getrandom(&fresh, sizeof fresh, 0) != (ssize_t)sizeof fresh)
		abort();
	atomic_compare_exchange_strong(&value, &none, fresh | 1);
	return value;
}

/* Eight octets at a time; the multiplication is wide, so that no input makes it forget its state. */
uint64_t key_mix(struct str key, uint64_t h)
{
	for (size_t i = 0; i < key.n; i += 8) {
		uint64_t word = 0;
		unsigned __int128 product;

		memcpy(&word, key.p + i, key.n - i < 8 ? key.n - i : 8);
		product = (unsigned __int128)(h ^ word) * 0x9e3779b97f4a7c15u;
		h = (uint64_t)product ^ (uint64_t)(product >> 64);
		h += 0xbf58476d1ce4e5b9u;
	}
	h ^= key.n;
	h ^= h >> 31;
	h *= 0xbf58476d1ce4e5b9u;
	return h ^ h >> 32;
}

uint64_t key_hash(struct str key)
{
	return key_mix(key, seed());
}

static struct change **slot_of(const struct overlay *o, uint64_t hash)
{
	return &o->slots[hash & (o->slot_count - 1)];
}

struct change *overlay_find(const struct overlay *o, struct str key, uint64_t hash)
{
	struct change *c = o->slot_count ? *slot_of(o, hash) : NULL;

	while (c && (c->hash != hash || c->key_n != key.n || memcmp(c->key, key.p, key.n) != 0))
		c = c->next;
	return c;
}

static void grow(struct overlay *o)
{
	struct overlay wide = {.slot_count = o->slot_count ? 2 * o->slot_count : o->first_slots ? o->first_slots : FIRST_SLOTS};

	wide.slots = calloc(wide.slot_count, sizeof *wide.slots);
	if (!wide.slots)
		abort();
	for (size_t i = 0; i < o->slot_count; i++)
		for (struct change *c = o->slots[i], *next; c; c = next) {
			struct change **slot = slot_of(&wide, c->hash);
			next = c->next;
			c->next = *slot;
			*slot = c;
		}
	free(o->slots);
	o->slots = wide.slots;
	o->slot_count = wide.slot_count;
}

static void *take(struct overlay *o, size_t n)
{
	void *p;

	if (o->is_bulk && !o->arena)
		o->arena = arena_new(0);
	p = o->arena ? arena_alloc(o->arena, n) : calloc(1, n);
	if (!p)
		abort();
	return p;
}

/* What an arena has is gone with it; until then it counts. */
static void give(struct overlay *o, void *p, size_t n)
{
	if (o->arena)
		return;
	o->bytes -= n;
	free(p);
}

struct change *overlay_at(struct overlay *o, struct str key, uint64_t hash)
{
	struct change *c = overlay_find(o, key, hash);

	if (c)
		return c;
	if (o->n >= o->slot_count)
		grow(o);
	c = take(o, sizeof *c + key.n);
	c->hash = hash;
	c->kind = CHANGE_DELETE;
	c->key_n = (uint32_t)key.n;
	memcpy(c->key, key.p, key.n);
	c->next = *slot_of(o, hash);
	*slot_of(o, hash) = c;
	o->n++;
	o->bytes += sizeof *c + key.n;
	return c;
}

static void drop_value(struct overlay *o, struct change *c)
{
	if (c->value_room)
		give(o, (char *)c->value.p, c->value_room);
	c->value = STR_NONE;
	c->value_room = 0;
}

/* A value that fits into the place of the one before takes it. */
void overlay_set_value(struct overlay *o, struct change *c, struct str value)
{
	if (value.n > c->value_room) {
		drop_value(o, c);
		c->value.p = take(o, value.n);
		c->value_room = (uint32_t)value.n;
		o->bytes += value.n;
	}
	if (value.n)
		memcpy((char *)c->value.p, value.p, value.n);
	c->value.n = value.n;
	c->is_number = false;
}

void overlay_set_number(struct change *c, int64_t number)
{
	c->value.n = 0;
	c->is_number = true;
	c->number = number;
}

static int by_key(const void *a, const void *b)
{
	const struct change *x = *(struct change *const *)a, *y = *(struct change *const *)b;

	return str_cmp((struct str){x->key, x->key_n}, (struct str){y->key, y->key_n});
}

struct change **overlay_sorted(const struct overlay *o, struct str prefix, size_t *ret_n)
{
	struct change **all = malloc((o->n + 1) * sizeof(struct change *));
	size_t n = 0;

	if (!all)
		abort();
	for (size_t i = 0; i < o->slot_count; i++)
		for (struct change *c = o->slots[i]; c; c = c->next)
			if (str_starts((struct str){c->key, c->key_n}, prefix))
				all[n++] = c;
	qsort(all, n, sizeof *all, by_key);
	*ret_n = n;
	return all;
}

static void change_free(struct overlay *o, struct change *c)
{
	drop_value(o, c);
	o->n--;
	give(o, c, sizeof *c + c->key_n);
}

void overlay_expire(struct overlay *o, int64_t now, bool keeps_deleted)
{
	for (size_t i = 0; i < o->slot_count; i++)
		for (struct change **at = &o->slots[i], *c; (c = *at);) {
			bool is_kept = c->kind == CHANGE_DELETE ? keeps_deleted : !is_over(c->expires, now);

			if (is_kept) {
				at = &c->next;
				continue;
			}
			*at = c->next;
			change_free(o, c);
		}
}

void overlay_yield(struct overlay *o)
{
	for (size_t i = 0; i < o->slot_count; i++)
		for (struct change *c = o->slots[i]; c; c = c->next)
			if (c->kind == CHANGE_PUT)
				c->kind = CHANGE_ADD;
}

void overlay_clear(struct overlay *o)
{
	for (size_t i = 0; i < o->slot_count && !o->arena; i++)
		for (struct change *c = o->slots[i], *next; c; c = next) {
			next = c->next;
			change_free(o, c);
		}
	arena_free(o->arena);
	free(o->slots);
	*o = (struct overlay){.is_bulk = o->is_bulk};
}

int64_t text_number(struct str text)
{
	int64_t value = 0;
	bool is_negative;

	text = str_trim(text);
	is_negative = text.n && text.p[0] == '-';
	if (text.n && (text.p[0] == '-' || text.p[0] == '+'))
		text = str_from(text, 1);
	for (size_t i = 0; i < text.n && is_digit((unsigned char)text.p[i]); i++) {
		int digit = text.p[i] - '0';
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, is_negative ? -digit : digit, &value))
			return is_negative ? INT64_MIN : INT64_MAX;
	}
	return value;
}
