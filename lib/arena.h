/*
 * An arena owns everything that lives as long as one session or one message: memory, and by
 * arena_defer() whatever else must be given back (descriptors, tickets, handles).
 *
 * Life cycle: arena_new, any number of allocations, arena_free. Not thread-safe: the arena belongs
 * to the thread that holds its session. Allocation never fails: a process without memory aborts and
 * is restarted. The budget is not a hard stop either; who reads from a peer asks arena_is_over()
 * and answers 452.
 */
#ifndef REEVE_LIB_ARENA_H
#define REEVE_LIB_ARENA_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "lib/str.h"

struct arena;

/* budget: bytes after which arena_is_over() is true; 0 is no budget. */
struct arena *arena_new(size_t budget);
/* Runs the deferred functions, last first, then frees all memory. NULL is allowed. */
void arena_free(struct arena *a);

/*
 * As good as freed and made anew, but keeps a block of memory: for one that serves many small works, one after
 * the other.
 */
void arena_reset(struct arena *a);

/* Zeroed memory, aligned for any type. */
void *arena_alloc(struct arena *a, size_t size);
/* The same without zeros, for large texts that the caller writes at once. */
void *arena_room(struct arena *a, size_t size);
/* Zeroed array; aborts when n * size overflows. */
void *arena_array(struct arena *a, size_t n, size_t size);
/* A copy; one NUL byte stands behind the last octet, so that .p is a C string too. */
struct str arena_str(struct arena *a, struct str s);
const char *arena_cstr(struct arena *a, struct str s);
struct str arena_printf(struct arena *a, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
struct str arena_vprintf(struct arena *a, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));

/* fn(arg) runs when the arena is freed. */
void arena_defer(struct arena *a, void (*fn)(void *), void *arg);

size_t arena_used(const struct arena *a);
bool arena_is_over(const struct arena *a);

#endif
