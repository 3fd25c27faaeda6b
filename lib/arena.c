/* Bump allocation in doubling blocks, with a list of deferred clean-ups. */
#include "lib/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_BLOCK = 1024, LARGEST_BLOCK = 256 * 1024 };

struct block {
	struct block *next;
	size_t size, used;
	alignas(max_align_t) char data[];
};

struct cleanup {
	struct cleanup *next;
	void (*fn)(void *);
	void *arg;
};

struct arena {
	struct block *blocks;
	struct cleanup *cleanups;
	size_t budget, used, next_size;
};

static struct block *block_new(size_t size)
{
	struct block *b = malloc(sizeof *b + size);

	if (!b)
		abort();
	b->next = NULL;
	b->size = size;
	b->used = 0;
	return b;
}

struct arena *arena_new(size_t budget)
{
	struct arena *a = calloc(1, sizeof *a);

	if (!a)
		abort();
	a->budget = budget;
	a->next_size = FIRST_BLOCK;
	return a;
}

static void run_cleanups(struct arena *a)
{
	for (struct cleanup *c = a->cleanups; c; c = c->next)
		c->fn(c->arg);
}

static void blocks_free(struct block *b)
{
	for (struct block *next; b; b = next) {
		next = b->next;
		free(b);
	}
}

void arena_free(struct arena *a)
{
	if (!a)
		return;
	run_cleanups(a);
	blocks_free(a->blocks);
	free(a);
}

void arena_reset(struct arena *a)
{
	struct block *kept = a->blocks;

	run_cleanups(a);
	a->cleanups = NULL;
	a->used = 0;
	if (!kept)
		return;
	blocks_free(kept->next);
	kept->next = NULL;
	kept->used = 0;
}

/* A block for size bytes; a large request gets a block of its own behind the current one. */
static struct block *block_for(struct arena *a, size_t size)
{
	struct block *b;

	if (size > a->next_size / 2 && a->blocks) {
		b = block_new(size);
		b->next = a->blocks->next;
		a->blocks->next = b;
		return b;
	}
	while (a->next_size < size)
		a->next_size *= 2;
	b = block_new(a->next_size);
	b->next = a->blocks;
	a->blocks = b;
	if (a->next_size < LARGEST_BLOCK)
		a->next_size *= 2;
	return b;
}

static void *take(struct arena *a, size_t size, size_t align)
{
	struct block *b = a->blocks;
	size_t start = 0;

	if (size > SIZE_MAX / 4)
		abort();
	if (b)
		start = (b->used + align - 1) & ~(align - 1);
	if (!b || start > b->size || size > b->size - start) {
		b = block_for(a, size);
		start = 0;
	}
	b->used = start + size;
	a->used += size;
	return b->data + start;
}

void *arena_alloc(struct arena *a, size_t size)
{
	return memset(take(a, size, alignof(max_align_t)), 0, size);
}

void *arena_room(struct arena *a, size_t size)
{
	return take(a, size, alignof(max_align_t));
}

void *arena_array(struct arena *a, size_t n, size_t size)
{
	if (size && n > SIZE_MAX / 4 / size)
		abort();
	return arena_alloc(a, n * size);
}

struct str arena_str(struct arena *a, struct str s)
{
	char *p = take(a, s.n + 1, 1);

	if (s.n)
		memcpy(p, s.p, s.n);
	p[s.n] = '\0';
	return (struct str){p, s.n};
}

const char *arena_cstr(struct arena *a, struct str s)
{
	return arena_str(a, s).p;
}

struct str arena_vprintf(struct arena *a, const char *format, va_list args)
{
	va_list again;
	int n;
	char *p;

	va_copy(again, args);
	n = vsnprintf(NULL, 0, format, again);
	va_end(again);
	if (n < 0)
		abort();
	p = take(a, (size_t)n + 1, 1);
	vsnprintf(p, (size_t)n + 1, format, args);
	return (struct str){p, (size_t)n};
}

struct str arena_printf(struct arena *a, const char *format, ...)
{
	va_list args;
	struct str s;

	va_start(args, format);
	s = arena_vprintf(a, format, args);
	va_end(args);
	return s;
}

void arena_defer(struct arena *a, void (*fn)(void *), void *arg)
{
	struct cleanup *c = arena_alloc(a, sizeof *c);

	c->fn = fn;
	c->arg = arg;
	c->next = a->cleanups;
	a->cleanups = c;
}

size_t arena_used(const struct arena *a)
{
	return a->used;
}

bool arena_is_over(const struct arena *a)
{
	return a->budget && a->used > a->budget;
}
