/*
 * What a worker has on its desk: told in memory that the supervisor reads, so that no word goes between the two for a
 * message. Each desk is a page of its own, and a worker has no other. It is the worker's word: deadlines and counts go by
 * it, no verdict does.
 */
#ifndef REEVE_SCANNER_DESK_H
#define REEVE_SCANNER_DESK_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

struct desk {
	_Atomic uint64_t id;	      /* of the message at hand, written after what belongs to it; 0: none */
	_Atomic int64_t deadline_ms;  /* of that */
	_Atomic uint32_t is_again;    /* that is tried a second time */
	_Atomic uint32_t takes_no_more;
	_Atomic int64_t since_ms;     /* when the last message was taken, or put away */
	_Atomic uint64_t scans, infected, unscanned, retries, micros; /* of all workers that sat here */
};

/* NULL when there is no memory. What is forked shares them. */
void *desks_new(size_t count);
void desks_free(void *desks, size_t count);
struct desk *desk_at(void *desks, size_t i);
/* In a worker: the others' are out of reach. */
void desks_leave(void *desks, size_t count, size_t but);

/* A worker's moves. */
void desk_take(struct desk *d, uint64_t id, int64_t deadline_ms, uint32_t is_again, int64_t now_ms);
void desk_clear(struct desk *d, int64_t now_ms);

#endif
