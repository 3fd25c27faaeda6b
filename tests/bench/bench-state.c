/*
 * What policy state costs: decisions of rate, greylist and reputation on one store file with a million
 * keys, by 1, 4 and 16 threads, and the memory of a hot key. A message asks for three decisions: a rate
 * bucket taken, a greylisting origin looked up, a reputation read and learnt. Every message has other
 * keys, evenly spread: the worst that can come, for real senders come again within a commit.
 *
 *     make tests/bench/bench-state && tests/bench/bench-state [FOLDER [KEYS [SECONDS]]]
 */
#define _GNU_SOURCE
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "filters/greylist.h"
#include "filters/rate.h"
#include "filters/reputation.h"
#include "lib/clock.h"

static struct store *st;
static uint64_t keys = 1000000;
static _Atomic bool stop;

static double now_of(clockid_t which)
{
	struct timespec t;

	clock_gettime(which, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* A third of the keys belongs to each of the three. */
__attribute__((format(printf, 2, 0))) static struct str key_of(char out[96], const char *format, uint64_t i)
{
	int n = snprintf(out, 96, format, (unsigned)(10 + (i >> 16 & 63)), (unsigned)(i >> 8 & 255), (unsigned)(i & 255));

	return (struct str){out, (size_t)n};
}

#define RATE_KEY "60 connections per 1m by client\n%u.%u.%u.7"
#define GREY_KEY "a%u.%u.%u.0/24"
#define REP_KEY "client:%u.%u.%u.0/24"

static bool decide(uint64_t i)
{
	static const struct store_rate rate = {.capacity = 60, .per_ms = 60000};
	char text[96], record[REPUTATION_RECORD];
	struct arena *a = arena_new(0);
	struct store_level level;
	struct store_entry entry;
	struct history h = {.first = clock_now(), .at = clock_now()};
	struct str key = key_of(text, RATE_KEY, i);
	bool ok;

	/* Nothing else slows the callers down here: where the writer falls behind, they wait for it. */
	while (store_bucket(st, RATE_TABLE, key, &rate, 1, &level) == RES_TEMP)
		usleep(1000);
	key = key_of(text, GREY_KEY, i);
	ok = store_get(st, GREYLIST_TABLE, key, a, &entry) < RES_TEMP;
	key = key_of(text, REP_KEY, i);
	if (store_get(st, REPUTATION_TABLE, key, a, &entry) == RES_OK)
		history_read(entry.value, &h);
	history_decay(&h, 14 * INT64_C(86400000), clock_now());
	h.volume++;
	h.ham++;
	history_write(&h, record);
	while (store_put(st, REPUTATION_TABLE, key, (struct str){record, sizeof record}, 86400 * 180) == RES_TEMP)
		usleep(1000);
	arena_free(a);
	return ok;
}

static void fill(void)
{
	uint64_t n = keys / 3;

	for (uint64_t i = 0; i < n; i++) {
		char text[96];

		while (store_put(st, GREYLIST_TABLE, key_of(text, GREY_KEY, i), STR("1800000000"), 36 * 86400) == RES_TEMP)
			usleep(1000);
		decide(i);
		if (i % 20000 == 0)
			store_flush(st);
	}
	store_flush(st);
}

struct thread {
	pthread_t id;
	uint64_t dice, done;
	double cpu;
	bool ok;
};

static void *run(void *arg)
{
	struct thread *t = arg;

	pthread_setname_np(pthread_self(), "caller");
	while (!stop) {
		t->dice = t->dice * 6364136223846793005u + 1442695040888963407u;
		t->ok &= decide((t->dice >> 33) % (keys / 3));
		t->done++;
	}
	t->cpu = now_of(CLOCK_THREAD_CPUTIME_ID);
	return NULL;
}

static bool measure(int threads, unsigned seconds)
{
	struct thread all[16];
	double cpu = now_of(CLOCK_PROCESS_CPUTIME_ID), callers = 0, start = now_of(CLOCK_MONOTONIC), wall;
	uint64_t done = 0;
	bool ok = true;

	stop = false;
	for (int i = 0; i < threads; i++) {
		all[i] = (struct thread){.dice = (uint64_t)i * 77 + 1, .ok = true};
		pthread_create(&all[i].id, NULL, run, &all[i]);
	}
	sleep(seconds);
	stop = true;
	for (int i = 0; i < threads; i++) {
		pthread_join(all[i].id, NULL);
		done += all[i].done;
		callers += all[i].cpu;
		ok &= all[i].ok;
	}
	store_flush(st);
	wall = now_of(CLOCK_MONOTONIC) - start;
	cpu = now_of(CLOCK_PROCESS_CPUTIME_ID) - cpu;
	printf("%2d threads  %9.0f decisions/s  %6.2f us CPU each: %.2f to decide, %.2f to write the file%s\n", threads,
	    3 * (double)done / wall, 1e6 * cpu / (3 * (double)done), 1e6 * callers / (3 * (double)done),
	    1e6 * (cpu - callers) / (3 * (double)done), ok ? "" : "  FAILURES");
	return ok;
}

int main(int argc, char **argv)
{
	const char *folder = argc > 1 ? argv[1] : "/tmp";
	char path[4096];
	struct arena *a = arena_new(0);
	struct store_stats stats;
	struct str error;
	bool ok = true;

	clock_init();
	keys = argc > 2 ? strtoull(argv[2], NULL, 10) : keys;
	snprintf(path, sizeof path, "%s/bench-state-%d.db", folder, (int)getpid());
	st = store_open(path, false, a, &error);
	if (!st)
		return fprintf(stderr, "%.*s\n", STR_ARG(error)), 1;
	fill();
	store_stats(st, &stats);
	printf("%" PRIu64 " keys; %" PRIu64 " hot ones take %.0f bytes each\n", keys, stats.hot,
	    (double)stats.hot_bytes / (double)(stats.hot + !stats.hot));
	for (int threads = 1; threads <= 16; threads *= 4)
		ok &= measure(threads, argc > 3 ? (unsigned)strtoul(argv[3], NULL, 10) : 5);
	store_close(st);
	arena_free(a);
	for (size_t i = 0; i < 4; i++) {
		static const char *const tails[] = {"", "-wal", "-shm", "-seen"};
		char name[4200];

		snprintf(name, sizeof name, "%s%s", path, tails[i]);
		unlink(name);
	}
	return ok ? 0 : 1;
}
