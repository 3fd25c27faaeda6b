/*
 * Entries in memory, so that a hot key costs no read of the file. Whether one is still true is told by
 * a file that all processes map: a number for each group of keys, raised after every commit that
 * changed one of them. What this process raised itself is counted too, so that the difference tells
 * what the others did: its own changes it knows. An entry counts only while that difference is what it
 * was before it was read. What a process that was killed between its commit and raising the numbers
 * left behind is forgotten when the next process opens the store, or after HOT_AGE_S. With the store's
 * lock.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/store/store_private.h"

enum {
	HOT_VALUE_MAX = 2048,
	HOT_BYTES_MAX = 192 * 1024 * 1024,
	HOT_AGE_S = 60,
	GROUPS = 1 << 20,
	FIRST_SLOTS = 1024,
};

static const uint64_t NS_PER_S = 1000000000;

struct shared {
	_Atomic uint32_t era;
	_Atomic uint32_t version[GROUPS];
};

struct hot_entry {
	struct hot_entry *next;
	uint32_t hash, version, read_s;
	uint16_t key_n, value_n;
	int64_t expires, number;
	bool exists, is_number, was_used;
	char b[]; /* key, value */
};

struct hot {
	struct shared *shared;
	uint32_t *own; /* by group: how often this process raised its number */
	struct hot_entry **slots;
	size_t slot_count, n, bytes, hand;
};

/* ---- the numbers ---- */

struct hot *hot_open(const char *path)
{
	struct shared *shared;
	struct hot *h;
	int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return NULL;
	/* With room on the disk: a page of a mapped file for which there is none kills who touches it. */
	if (posix_fallocate(fd, 0, sizeof *shared) != 0) {
		close(fd);
		return NULL;
	}
	shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (shared == MAP_FAILED)
		return NULL;
	h = calloc(1, sizeof *h);
	if (!h || !(h->own = calloc(GROUPS, sizeof *h->own)))
		abort();
	h->shared = shared;
	atomic_fetch_add(&shared->era, 1);
	return h;
}

/* Not the hash of the table: processes must agree, and that one has a seed of its own in each. */
static size_t group_of(struct str key)
{
	return (size_t)(key_mix(key, 0x243f6a8885a308d3u) >> 44) & (GROUPS - 1);
}

static uint32_t version_of(const struct hot *h, uint32_t raised, size_t group)
{
	return raised - h->own[group] + atomic_load(&h->shared->era) * 0x9e3779b1u;
}

uint32_t hot_version(const struct hot *h, struct str key)
{
	size_t group;

	if (!h)
		return 0;
	group = group_of(key);
	return version_of(h, atomic_load(&h->shared->version[group]), group);
}

/* ---- the entries ---- */

static size_t size_of(const struct hot_entry *e)
{
	return sizeof *e + e->key_n + e->value_n;
}

static struct hot_entry **find(const struct hot *h, struct str key, uint64_t hash)
{
	struct hot_entry **at = &h->slots[hash & (h->slot_count - 1)];

	while (*at && ((*at)->hash != (uint32_t)(hash >> 32) || (*at)->key_n != key.n || memcmp((*at)->b, key.p, key.n) != 0))
		at = &(*at)->next;
	return at;
}

static void drop(struct hot *h, struct hot_entry **at)
{
	struct hot_entry *e = *at;

	*at = e->next;
	h->bytes -= size_of(e);
	h->n--;
	free(e);
}

/* What is kept of the key is not true any more. */
static void hot_drop(struct hot *h, struct str key, uint64_t hash)
{
	struct hot_entry **at = h->n ? find(h, key, hash) : NULL;

	if (at && *at)
		drop(h, at);
}

static uint32_t now_s(void)
{
	return (uint32_t)((uint64_t)clock_ticks_ns() / NS_PER_S);
}

bool hot_get(struct hot *h, struct str key, uint64_t hash, struct arena *a, struct view *ret_view)
{
	struct hot_entry **at, *e;
	uint32_t version;

	if (!h || !h->n)
		return false;
	at = find(h, key, hash);
	e = *at;
	if (!e)
		return false;
	version = hot_version(h, key);
	if (e->version != version || now_s() - e->read_s > HOT_AGE_S) {
		drop(h, at);
		return false;
	}
	e->was_used = true;
	*ret_view = (struct view){.exists = e->exists, .is_number = e->is_number, .number = e->number, .expires = e->expires,
	    .version = version};
	if (e->exists && !e->is_number) {
		struct str value = {e->b + e->key_n, e->value_n};

		ret_view->value = a ? arena_str(a, value) : STR_NONE;
		ret_view->number = a ? 0 : text_number(value);
	}
	return true;
}

/* Entries keep only the upper half of their hash: the lower one is made anew from the key. */
static void grow(struct hot *h)
{
	struct hot_entry **old = h->slots;
	size_t count = h->slot_count;

	h->slot_count = count ? 2 * count : FIRST_SLOTS;
	h->slots = calloc(h->slot_count, sizeof(struct hot_entry *));
	if (!h->slots)
		abort();
	for (size_t i = 0; i < count; i++)
		for (struct hot_entry *e = old[i], *next; e; e = next) {
			struct hot_entry **slot = &h->slots[key_hash((struct str){e->b, e->key_n}) & (h->slot_count - 1)];

			next = e->next;
			e->next = *slot;
			*slot = e;
		}
	free(old);
}

/* The hand goes round: what was not used since it last came by has to go. */
static void make_room(struct hot *h)
{
	for (size_t steps = 0; h->bytes > HOT_BYTES_MAX / 16 * 15 && steps < 2 * h->slot_count; steps++) {
		struct hot_entry **at = &h->slots[h->hand++ & (h->slot_count - 1)];

		while (*at) {
			if ((*at)->was_used) {
				(*at)->was_used = false;
				at = &(*at)->next;
			} else {
				drop(h, at);
			}
		}
	}
}

void hot_keep(struct hot *h, struct str key, uint64_t hash, uint32_t version, const struct view *v)
{
	size_t value_n = v->exists && !v->is_number ? v->value.n : 0;
	struct hot_entry **at, *e;

	if (!h)
		return;
	if (value_n > HOT_VALUE_MAX) {
		hot_drop(h, key, hash);
		return;
	}
	if (h->n >= h->slot_count)
		grow(h);
	at = find(h, key, hash);
	e = *at;
	if (e && e->value_n != value_n) {
		drop(h, at);
		e = NULL;
	}
	if (!e) {
		e = calloc(1, sizeof *e + key.n + value_n);
		if (!e)
			abort();
		e->hash = (uint32_t)(hash >> 32);
		e->key_n = (uint16_t)key.n;
		e->value_n = (uint16_t)value_n;
		memcpy(e->b, key.p, key.n);
		at = &h->slots[hash & (h->slot_count - 1)];
		e->next = *at;
		*at = e;
		h->n++;
		h->bytes += size_of(e);
	}
	e->version = version;
	e->read_s = now_s();
	e->exists = v->exists;
	e->is_number = v->is_number;
	e->number = v->number;
	e->expires = v->expires;
	if (value_n)
		memcpy(e->b + key.n, v->value.p, value_n);
	if (h->bytes > HOT_BYTES_MAX)
		make_room(h);
}

/* Nobody else changed the group since the change was based on it: then we know how the entry looks now. */
void hot_committed(struct hot *h, const struct change *c)
{
	struct str key = {c->key, c->key_n};
	struct view v;
	uint32_t version;
	size_t group;

	if (!h)
		return;
	group = group_of(key);
	version = version_of(h, atomic_fetch_add(&h->shared->version[group], 1), group);
	h->own[group]++;
	if (version != c->version) {
		hot_drop(h, key, c->hash);
		return;
	}
	v = (struct view){.exists = c->kind != CHANGE_DELETE, .is_number = c->is_number, .number = c->number, .value = c->value,
	    .expires = c->expires};
	hot_keep(h, key, c->hash, version, &v);
}

void hot_forget(struct hot *h)
{
	for (size_t i = 0; h && i < h->slot_count; i++)
		while (h->slots[i])
			drop(h, &h->slots[i]);
}

size_t hot_bytes(const struct hot *h, size_t *ret_n)
{
	*ret_n = h ? h->n : 0;
	return h ? h->bytes + h->slot_count * sizeof(struct hot_entry *) + h->n * sizeof(size_t) + GROUPS * sizeof *h->own : 0;
}

void hot_close(struct hot *h)
{
	if (!h)
		return;
	hot_forget(h);
	munmap(h->shared, sizeof *h->shared);
	free(h->slots);
	free(h->own);
	free(h);
}
