/*
 * Timers of a loop: a binary heap on clock_mono_us(), so that a test which moves the clock moves
 * them too. libevent only knows one time-out, that of the earliest.
 */
#include "lib/loop/loop_private.h"

#include <assert.h>
#include <stdlib.h>

#include "lib/clock.h"

enum { STEERED_TICK_US = 20000 };

void timer_init(struct timer *t, struct loop *l, void (*fn)(void *), void *arg)
{
	*t = (struct timer){.loop = l, .fn = fn, .arg = arg};
}

struct timer *timer_new(struct loop *l, void (*fn)(void *), void *arg)
{
	struct timer *t = malloc(sizeof *t);

	if (!t)
		abort();
	timer_init(t, l, fn, arg);
	return t;
}

void timer_free(struct timer *t)
{
	if (!t)
		return;
	timer_stop(t);
	free(t);
}

static void put(struct loop *l, size_t at, struct timer *t)
{
	l->heap[at] = t;
	t->at = at;
}

static void sift_up(struct loop *l, size_t at)
{
	struct timer *t = l->heap[at];

	for (; at > 1 && l->heap[at / 2]->due_us > t->due_us; at /= 2)
		put(l, at, l->heap[at / 2]);
	put(l, at, t);
}

static void sift_down(struct loop *l, size_t at)
{
	struct timer *t = l->heap[at];

	for (size_t child; (child = at * 2) <= l->heap_n; at = child) {
		if (child < l->heap_n && l->heap[child + 1]->due_us < l->heap[child]->due_us)
			child++;
		if (l->heap[child]->due_us >= t->due_us)
			break;
		put(l, at, l->heap[child]);
	}
	put(l, at, t);
}

static void grow(struct loop *l)
{
	size_t room = l->heap_room ? l->heap_room * 2 : 64;

	l->heap = realloc(l->heap, room * sizeof *l->heap);
	if (!l->heap)
		abort();
	l->heap_room = room;
}

void timer_set(struct timer *t, int64_t ms)
{
	struct loop *l = t->loop;

	t->due_us = clock_mono_us() + (ms > 0 ? ms * 1000 : 0);
	if (t->at == 0) {
		if (l->heap_n + 1 >= l->heap_room)
			grow(l);
		put(l, ++l->heap_n, t);
	}
	sift_up(l, t->at);
	sift_down(l, t->at);
}

void timer_stop(struct timer *t)
{
	struct loop *l = t->loop;
	struct timer *moved;
	size_t at = t->at;

	if (at == 0)
		return;
	t->at = 0;
	moved = l->heap[l->heap_n--];
	if (moved == t)
		return;
	put(l, at, moved);
	sift_up(l, moved->at);
	sift_down(l, moved->at);
}

/* Those that are due now; what they set anew waits for the next round. */
void timers_run(struct loop *l)
{
	int64_t now = clock_mono_us();

	l->tick_us = INT64_MAX;
	for (size_t left = l->heap_n; left > 0 && l->heap_n > 0 && l->heap[1]->due_us <= now; left--) {
		struct timer *t = l->heap[1];

		timer_stop(t);
		t->fn(t->arg);
	}
}

void timers_arm(struct loop *l)
{
	int64_t now, wait;
	struct timeval tv;

	if (l->heap_n == 0 || l->tick_us <= l->heap[1]->due_us)
		return;
	now = clock_mono_us();
	wait = l->heap[1]->due_us - now;
	if (wait < 0)
		wait = 0;
	if (clock_is_steered() && wait > STEERED_TICK_US)
		wait = STEERED_TICK_US;
	if (l->tick_us <= now + wait)
		return;
	l->tick_us = now + wait;
	tv = (struct timeval){.tv_sec = wait / 1000000, .tv_usec = wait % 1000000};
	evtimer_add(&l->tick, &tv);
}
