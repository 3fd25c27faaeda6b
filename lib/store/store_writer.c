/*
 * The store's writer: one thread per process that writes what waits in groups, and between them
 * looks after the file.
 */
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "lib/clock.h"
#include "lib/store/store_private.h"

enum {
	GATHER_MAX = 20000, /* so many changes are written at once, without waiting for more */
	IDLE_SHARE = 10,    /* the writer waits so many times as long as it writes */
	CARE_MS = 1000,	   /* between looks at the file, and purging steps */
	RETRY_MS = 200,	   /* after a commit that failed, */
	LAST_TRIES = 3,	   /* at the end: the first may only find out that the file must be opened anew */
	RETRY_MAX_MS = 10000, /* and up to this after an opening that failed again and again */
	NS_PER_MS = 1000000,
	SLOW_NS = 1000 * NS_PER_MS,
};

static void *writer_run(void *arg);

bool writer_start(struct store *st)
{
	sigset_t all, old;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	st->has_writer = pthread_create(&st->writer, NULL, writer_run, st) == 0;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return st->has_writer;
}

void writer_stop(struct store *st)
{
	if (!st->has_writer)
		return;
	pthread_mutex_lock(&st->lock);
	st->is_stopping = true;
	pthread_cond_signal(&st->work);
	pthread_mutex_unlock(&st->lock);
	pthread_join(st->writer, NULL);
}

static void wait_ms(struct store *st, int64_t ms)
{
	int64_t until_ns = clock_ticks_ns() + ms * NS_PER_MS;
	struct timespec ts = {.tv_sec = until_ns / 1000000000, .tv_nsec = until_ns % 1000000000};

	pthread_cond_timedwait(&st->work, &st->lock, &ts);
}

static bool is_wanted(const struct store *st)
{
	return st->is_stopping || st->wanted > st->written;
}

/*
 * Lets changes come together for one commit interval. What the last commit took makes it longer: many
 * changes on few pages of the file are cheaper than few on each.
 */
static void gather(struct store *st, int64_t last_ns)
{
	int64_t interval = IDLE_SHARE * last_ns, until;

	if (interval < STORE_COMMIT_MS * NS_PER_MS)
		interval = STORE_COMMIT_MS * NS_PER_MS;
	if (interval > STORE_COMMIT_MAX_MS * NS_PER_MS)
		interval = STORE_COMMIT_MAX_MS * NS_PER_MS;
	until = clock_ticks_ns() + interval;

	while (st->frozen || (!is_wanted(st) && st->pending.n < GATHER_MAX)) {
		int64_t left = until - clock_ticks_ns();
		if (left <= 0 && !st->frozen)
			break;
		wait_ms(st, left > 0 ? left / NS_PER_MS + 1 : 1);
	}
}

/* With the lock, which is dropped for the work. */
static bool commit(struct store *st)
{
	struct change **all;
	struct overlay done;
	enum res res;
	size_t n;

	if (st->committing.n == 0) {
		st->committing = st->pending;
		st->pending = (struct overlay){.is_bulk = true, .first_slots = st->committing.slot_count / 2};
		st->generation++;
	}
	pthread_mutex_unlock(&st->lock);
	all = overlay_sorted(&st->committing, STR(""), &n); /* only this thread changes it */
	res = backend_commit(st->backend, all, n, clock_now());
	pthread_mutex_lock(&st->lock);
	for (size_t i = 0; i < n && res == RES_OK; i++)
		hot_committed(st->hot, all[i]);
	if (st->was_blind && res == RES_OK) { /* what was put may not be what is there */
		st->was_blind = false;
		hot_forget(st->hot);
	}
	free(all);
	if (res == RES_OK) {
		done = st->committing;
		st->committing = (struct overlay){0};
		st->written = st->generation - 1;
		st->stats.commits++;
		st->stats.written += n;
		pthread_mutex_unlock(&st->lock);
		overlay_clear(&done);
		pthread_mutex_lock(&st->lock);
	} else {
		st->stats.failures++;
	}
	pthread_cond_broadcast(&st->written_more);
	return res == RES_OK;
}

static bool is_busy(void *arg)
{
	struct store *st = arg;
	bool busy;

	pthread_mutex_lock(&st->lock);
	busy = is_wanted(st) || st->pending.n >= GATHER_MAX;
	pthread_mutex_unlock(&st->lock);
	return busy;
}

void store_tell(struct store *st)
{
	store_listener *tell;
	uint64_t kept = 0;
	int from;

	pthread_mutex_lock(&st->lock);
	tell = st->listener;
	pthread_mutex_unlock(&st->lock);
	if (!tell || !st->backend)
		return;
	if (backend_was_rebuilt(st->backend, &kept))
		tell(st->listener_arg, STORE_REBUILT, kept, STR(""));
	from = backend_was_migrated(st->backend);
	if (from)
		tell(st->listener_arg, STORE_MIGRATED, (uint64_t)from, STR(""));
}

/* Once when commits begin to fail, and once when they go well again. With the lock, dropped to tell. */
static void tell_of_result(struct store *st, bool is_ok)
{
	store_listener *tell = st->listener;
	struct arena *a;

	if (st->is_failing == !is_ok || !tell)
		return;
	st->is_failing = !is_ok;
	pthread_mutex_unlock(&st->lock);
	a = arena_new(0);
	tell(st->listener_arg, is_ok ? STORE_WRITES : STORE_FAILS, 0, is_ok ? STR("") : backend_said(st->backend, a));
	arena_free(a);
	pthread_mutex_lock(&st->lock);
}

static void take_care(struct store *st, int64_t *last_ns)
{
	size_t purged;
	unsigned era;

	if (clock_ticks_ns() - *last_ns < (int64_t)CARE_MS * NS_PER_MS)
		return;
	pthread_mutex_unlock(&st->lock);
	era = backend_era(st->backend);
	backend_care(st->backend, is_busy, st);
	if (era != backend_era(st->backend)) {
		pthread_mutex_lock(&st->lock);
		hot_forget(st->hot);
		pthread_mutex_unlock(&st->lock);
	}
	purged = backend_purge(st->backend, clock_now());
	store_tell(st);
	*last_ns = clock_ticks_ns();
	pthread_mutex_lock(&st->lock);
	st->stats.purged += purged;
}

/* The file that could not be opened at the start: once more. With the lock, dropped for the work. */
static bool open_late(struct store *st, int64_t *wait)
{
	bool is_readable = st->is_readable, is_open;

	pthread_mutex_unlock(&st->lock);
	is_open = backend_retry(st->backend, &is_readable);
	pthread_mutex_lock(&st->lock);
	st->is_readable = is_readable;
	if (!is_open) {
		st->stats.failures++;
		pthread_cond_broadcast(&st->written_more);
		if (!st->is_stopping)
			wait_ms(st, *wait);
		*wait = *wait * 2 < RETRY_MAX_MS ? *wait * 2 : RETRY_MAX_MS;
		return false;
	}
	if (st->was_blind)
		overlay_yield(&st->pending);
	st->was_blind &= st->pending.n > 0;
	store_open_hot(st);
	st->is_open = true;
	tell_of_result(st, true);
	return true;
}

static void *writer_run(void *arg)
{
	struct store *st = arg;
	int64_t last_care_ns = clock_ticks_ns(), last_commit_ns = 0, began, wait = RETRY_MS;
	int tries = LAST_TRIES;
	bool is_ok = true;

	pthread_mutex_lock(&st->lock);
	while (!st->is_stopping || tries-- > 0) {
		if (!st->is_open && !open_late(st, &wait))
			continue;
		if (st->pending.n + st->committing.n == 0) {
			if (st->is_stopping)
				break;
			wait_ms(st, CARE_MS);
		} else {
			gather(st, last_commit_ns);
			began = clock_ticks_ns();
			is_ok = commit(st);
			last_commit_ns = clock_ticks_ns() - began;
			tell_of_result(st, is_ok);
			/* Whoever waited for a lock in vain does not do so again at the end. */
			tries = is_ok ? LAST_TRIES : last_commit_ns > SLOW_NS ? !st->is_stopping : tries;
			if (!is_ok && !st->is_stopping)
				wait_ms(st, RETRY_MS);
		}
		if (!st->is_stopping)
			take_care(st, &last_care_ns);
	}
	pthread_mutex_unlock(&st->lock);
	return NULL;
}

enum res store_flush(struct store *st)
{
	uint64_t target, failures;
	enum res res;

	if (!st->has_writer)
		return RES_OK;
	pthread_mutex_lock(&st->lock);
	target = st->pending.n ? st->generation : st->generation - 1;
	failures = st->stats.failures;
	if (st->wanted < target)
		st->wanted = target;
	pthread_cond_signal(&st->work);
	while (st->written < target && st->stats.failures == failures)
		pthread_cond_wait(&st->written_more, &st->lock);
	res = st->written >= target ? RES_OK : RES_TEMP;
	pthread_mutex_unlock(&st->lock);
	return res;
}
