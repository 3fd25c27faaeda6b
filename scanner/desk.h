/*
 * What a worker has on its desk: told in memory that the supervisor reads, so that no word goes between the two for a
 * message. Each desk is a page of its own, and a worker has no other. It is the worker's word: deadlines and counts go by
 * it, no verdict does.
 */
#ifndef REEVE_SCANNER_DESK_H
#define REEVE_SCANNER_DESK_H

#include <stdatomic.h>
#include <stdint.h>

struct desk {
	_Atomic uint64_t id;	      /* of the message at hand, written after what belongs to it; 0: none */
	_Atomic int64_t deadline_ms;  /* of that */
	_Atomic uint32_t is_again;    /* that is tried a second time */
	_Atomic uint32_t takes_no_more;
	_Atomic uint32_t has_begun;   /* it has taken the second try that waited for it, if there was one */
	_Atomic uint32_t leaves_gaps; /* the supervisor's word: somebody loads, and runs only when nobody else does */
	_Atomic int64_t since_ms;     /* when the last message was taken, or put away */
	_Atomic uint64_t scans, infected, unscanned, retries, micros; /* of all workers that sat here */
};

/* Memory of its own, so that whoever has one cannot reach another. NULL when there is none. What is forked shares it. */
struct desk *desk_new(void);
void desk_free(struct desk *d);

/* A worker's moves. */
void desk_take(struct desk *d, uint64_t id, int64_t deadline_ms, uint32_t is_again, int64_t now_ms);
void desk_clear(struct desk *d, int64_t now_ms);

#endif
