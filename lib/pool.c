/* Worker threads on one bounded ring, and the counting gate for CPU-heavy work. */
#define _GNU_SOURCE
#include "lib/pool.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "lib/clock.h"

enum { STACK_SIZE = 1024 * 1024, STEERED_LOOK_US = 20000 };

struct job {
	void (*fn)(void *);
	void *arg;
};

struct pool {
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct job *ring;
	size_t first, n, room;
	bool is_ending;
	unsigned threads;
	pthread_t *ids;
	char name[16];
};

static void *work(void *arg)
{
	struct pool *p = arg;

	pthread_setname_np(pthread_self(), p->name);
	pthread_mutex_lock(&p->lock);
	for (;;) {
		struct job job;

		while (p->n == 0 && !p->is_ending)
			pthread_cond_wait(&p->more, &p->lock);
		if (p->n == 0)
			break;
		job = p->ring[p->first];
		p->first = (p->first + 1) % p->room;
		p->n--;
		pthread_mutex_unlock(&p->lock);
		job.fn(job.arg);
		pthread_mutex_lock(&p->lock);
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

/* Workers take no signals: those belong to the thread that runs the main loop. */
static void start_threads(struct pool *p)
{
	pthread_attr_t attr;
	sigset_t all, before;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	for (unsigned i = 0; i < p->threads; i++)
		if (pthread_create(&p->ids[i], &attr, work, p) != 0)
			abort();
	pthread_attr_destroy(&attr);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

struct pool *pool_new(const char *name, unsigned threads, unsigned queue_max)
{
	struct pool *p = calloc(1, sizeof *p);

	if (!p || threads == 0 || queue_max == 0)
		abort();
	p->room = queue_max;
	p->threads = threads;
	p->ring = calloc(queue_max, sizeof *p->ring);
	p->ids = calloc(threads, sizeof *p->ids);
	if (!p->ring || !p->ids)
		abort();
	snprintf(p->name, sizeof p->name, "%s", name);
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->more, NULL);
	start_threads(p);
	return p;
}

bool pool_submit(struct pool *p, void (*fn)(void *), void *arg)
{
	bool has_room;

	pthread_mutex_lock(&p->lock);
	has_room = p->n < p->room && !p->is_ending;
	if (has_room) {
		p->ring[(p->first + p->n) % p->room] = (struct job){fn, arg};
		p->n++;
		pthread_cond_signal(&p->more);
	}
	pthread_mutex_unlock(&p->lock);
	return has_room;
}

size_t pool_waiting(struct pool *p)
{
	size_t n;

	pthread_mutex_lock(&p->lock);
	n = p->n;
	pthread_mutex_unlock(&p->lock);
	return n;
}

void pool_free(struct pool *p)
{
	if (!p)
		return;
	pthread_mutex_lock(&p->lock);
	p->is_ending = true;
	pthread_cond_broadcast(&p->more);
	pthread_mutex_unlock(&p->lock);
	for (unsigned i = 0; i < p->threads; i++)
		pthread_join(p->ids[i], NULL);
	pthread_cond_destroy(&p->more);
	pthread_mutex_destroy(&p->lock);
	free(p->ring);
	free(p->ids);
	free(p);
}

/* ---- gate ---- */

/* Lives on the stack of the thread that waits. */
struct waiter {
	pthread_cond_t turn;
	bool is_in;
	struct waiter *next;
};

struct gate {
	pthread_mutex_t lock;
	unsigned free_slots;
	struct waiter *first, **last;
};

struct gate *gate_new(unsigned slots)
{
	struct gate *g = calloc(1, sizeof *g);

	if (!g || slots == 0)
		abort();
	pthread_mutex_init(&g->lock, NULL);
	g->free_slots = slots;
	g->last = &g->first;
	return g;
}

static void unlink_waiter(struct gate *g, struct waiter *w)
{
	struct waiter **at = &g->first;

	while (*at != w)
		at = &(*at)->next;
	*at = w->next;
	if (!w->next)
		g->last = at;
}

/* Until it is our turn or the deadline; a steered clock is looked at again every 20 ms. */
static void wait_turn(struct gate *g, struct waiter *w, long long deadline_us)
{
	while (!w->is_in) {
		long long left = deadline_us - clock_mono_us();
		struct timespec until;

		if (left <= 0)
			return;
		if (clock_is_steered() && left > STEERED_LOOK_US)
			left = STEERED_LOOK_US;
		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_sec += left / 1000000;
		until.tv_nsec += left % 1000000 * 1000;
		if (until.tv_nsec >= 1000000000) {
			until.tv_nsec -= 1000000000;
			until.tv_sec++;
		}
		pthread_cond_timedwait(&w->turn, &g->lock, &until);
	}
}

static bool queue_up(struct gate *g, long long deadline_us)
{
	struct waiter w = {0};
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&w.turn, &attr);
	pthread_condattr_destroy(&attr);
	*g->last = &w;
	g->last = &w.next;
	wait_turn(g, &w, deadline_us);
	if (!w.is_in)
		unlink_waiter(g, &w);
	pthread_cond_destroy(&w.turn);
	return w.is_in;
}

bool gate_enter(struct gate *g, long long deadline_us)
{
	bool is_in = true;

	pthread_mutex_lock(&g->lock);
	if (g->free_slots > 0 && !g->first)
		g->free_slots--;
	else
		is_in = queue_up(g, deadline_us);
	pthread_mutex_unlock(&g->lock);
	return is_in;
}

/* The slot goes straight to the first who waits, so that nobody overtakes. */
void gate_leave(struct gate *g)
{
	struct waiter *w;

	pthread_mutex_lock(&g->lock);
	w = g->first;
	if (w) {
		g->first = w->next;
		if (!g->first)
			g->last = &g->first;
		w->is_in = true;
		pthread_cond_signal(&w->turn);
	} else {
		g->free_slots++;
	}
	pthread_mutex_unlock(&g->lock);
}

void gate_free(struct gate *g)
{
	if (!g)
		return;
	pthread_mutex_destroy(&g->lock);
	free(g);
}
