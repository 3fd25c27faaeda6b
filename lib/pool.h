/*
 * A fixed pool of worker threads (1 MiB stacks: libraries want them) with one bounded queue.
 * Thread-safe. A job runs once, on some worker; what it touches must have been handed over.
 */
#ifndef REEVE_LIB_POOL_H
#define REEVE_LIB_POOL_H

#include <stdbool.h>
#include <stddef.h>

struct pool;

struct pool *pool_new(const char *name, unsigned threads, unsigned queue_max);
/* False when the queue is full: the caller sheds the load (421, 451). */
bool pool_submit(struct pool *p, void (*fn)(void *), void *arg);
size_t pool_waiting(struct pool *p);
/* Runs what waits, then ends the threads. */
void pool_free(struct pool *p);

/* Counting gate for CPU-heavy work: at most `slots` inside, first come first served. */
struct gate;
struct gate *gate_new(unsigned slots);
/* False when the deadline (clock_mono_us) passes before a slot is free. */
bool gate_enter(struct gate *g, long long deadline_us);
void gate_leave(struct gate *g);
void gate_free(struct gate *g);

#endif
