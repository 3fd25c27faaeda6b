/*
 * What mail may do to a worker: crash it, hang it, eat its memory, try to get out. Such a message is
 * never clean, and nobody else's scan is worse for it. Uses tests/scanner-faulty.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdatomic.h>
#include <sys/resource.h>

#include "tests/unit/scan-kit.h"

#include "tests/unit/growing.h"

enum { TIMEOUT_MS = 1500, MANY = 200, FAULTS_LIMITED = GROWING_IS_TIMED };

static struct kit *faulty_kit(int64_t timeout_ms)
{
	struct kit *k = kit_with("tests/scanner-faulty");

	write_sample(k, "One");
	start(k, timeout_ms);
	assert_int_equal(status_of(k, sample), WIRE_INFECTED);
	return k;
}

/* A load of low rank that gets no time is begun again with a better one. */
static void starved_load(void **state)
{
	struct kit *k = kit_with("tests/scanner-faulty");

	(void)state;
	setenv("REEVE_FAULT", "starved", 1);
	write_sample(k, "One");
	start_checking(k, 20000, 10);
	assert_int_equal(status_of(k, sample), WIRE_INFECTED);
	unsetenv("REEVE_FAULT"); /* it has a copy */
	write_sample(k, "Second");
	for (int i = 0; i < 6000 && count_of(k, "loads") < 2; i++)
		usleep(10000);
	assert_int_equal(count_of(k, "loads"), 2);
	assert_int_equal(count_of(k, "load-failures"), 0);
	kit_free(k);
}

/* Each is tried again in a fresh worker, once; then it is not scanned. */
static void crashes(void **state)
{
	static const char *const faults[] = {"FAULT:segv", "FAULT:abort", "FAULT:stack", "FAULT:memory"};
	size_t n = FAULTS_LIMITED ? 4 : 3; /* a sanitizer's memory has no limit */
	struct kit *k = faulty_kit(20000);

	(void)state;
	for (size_t i = 0; i < n; i++) {
		struct arena *a = arena_new(0);
		const struct scan_report *report = scan_text(k, a, faults[i]);

		assert_int_equal(report->status, WIRE_UNSCANNED);
		assert_true(str_find(report->reason, STR("died")) >= 0);
		arena_free(a);
		assert_int_equal(status_of(k, "nothing"), WIRE_CLEAN);
		assert_int_equal(status_of(k, sample), WIRE_INFECTED);
	}
	/* The client knows of a death as soon as the supervisor does, and may ask first. */
	for (int i = 0; i < 6000 && count_of(k, "deaths") < 2 * n; i++)
		usleep(10000);
	assert_int_equal(count_of(k, "deaths"), 2 * n);
	assert_int_equal(count_of(k, "retries"), n);
	kit_free(k);
}

static void hangs(void **state)
{
	struct kit *k = faulty_kit(TIMEOUT_MS);
	int64_t before = clock_ticks_ns();

	(void)state;
	assert_int_equal(status_of(k, "FAULT:loop"), WIRE_UNSCANNED);
	assert_in_range((clock_ticks_ns() - before) / 1000000, TIMEOUT_MS - 100, TIMEOUT_MS + 3000);
	assert_int_equal(count_of(k, "timeouts"), 1);
	assert_int_equal(status_of(k, sample), WIRE_INFECTED);
	kit_free(k);
}

/* Its client has gone: nobody says that it takes too long. */
static void hangs_alone(void **state)
{
	struct kit *k = faulty_kit(60000);
	struct small r = small_request("FAULT:loop");

	(void)state;
	r.head.deadline_ms = scan_now_ms() + 500;
	close(put(k, 0, (struct str){(const char *)&r, sizeof r}, -1));
	for (int i = 0; i < 6000 && count_of(k, "timeouts") < 1; i++)
		usleep(10000);
	assert_int_equal(count_of(k, "timeouts"), 1);
	assert_int_equal(status_of(k, sample), WIRE_INFECTED);
	kit_free(k);
}

/* One that cannot receive any more ends, and the message gets another. */
static void without_descriptors(void **state)
{
	struct kit *k = faulty_kit(60000);
	uint64_t before;

	(void)state;
	for (int i = 0; i < 4; i++)
		status_of(k, "FAULT:files");
	before = count_of(k, "retries");
	for (int i = 0; i < 20; i++)
		assert_int_equal(status_of(k, sample), WIRE_INFECTED);
	assert_true(count_of(k, "retries") <= before + 2); /* one for each that was there */
	for (int i = 0; i < 6000 && count_of(k, "workers") < 2; i++)
		usleep(10000);
	assert_int_equal(count_of(k, "workers"), 2);
	kit_free(k);
}

/* In a worker all of this is denied; the message is as clean as it was. */
static void denied(void **state)
{
	static const char *const tries[] = {"FAULT:open", "FAULT:socket", "FAULT:execve", "FAULT:ptrace", "FAULT:fork", "FAULT:kill",
	    "FAULT:write", "FAULT:signal", "FAULT:limit", "FAULT:owner", "FAULT:type", "FAULT:orphan", "FAULT:peek", "FAULT:back"};
	struct kit *k = faulty_kit(20000);

	(void)state;
	unsetenv("REEVE_SECCOMP");
	for (size_t i = 0; i < sizeof tries / sizeof *tries; i++)
		assert_int_equal(status_of(k, tries[i]), WIRE_CLEAN);
	assert_int_equal(count_of(k, "deaths"), 0);
	kit_free(k);
}

/* With the filters in kill mode it is the worker's end; what only folders forbid is denied as before. */
static void killed_for_it(void **state)
{
	static const char *const tries[] = {"FAULT:socket", "FAULT:execve", "FAULT:ptrace", "FAULT:fork", "FAULT:kill"};
	struct kit *k;

	(void)state;
	setenv("REEVE_SECCOMP", "kill", 1);
	k = faulty_kit(20000);
	unsetenv("REEVE_SECCOMP");
	for (size_t i = 0; i < sizeof tries / sizeof *tries; i++)
		assert_int_equal(status_of(k, tries[i]), WIRE_UNSCANNED);
	assert_int_equal(status_of(k, "FAULT:open"), WIRE_CLEAN);
	assert_int_equal(status_of(k, sample), WIRE_INFECTED);
	kit_free(k);
}

/* One that mail has taken over hides: another takes its place, and it is ended, as all are when the databases change. */
static void those_who_hide_are_ended(void **state)
{
	struct kit *k = faulty_kit(60000);
	pid_t before[8], after[8];
	struct arena *a = arena_new(0);
	struct str text;
	size_t n, m;

	(void)state;
	n = find_processes("reeve-worker", before, 8);
	for (int i = 0; i < 4; i++)
		status_of(k, "FAULT:hide"); /* clean, or not scanned when it was ended before it had answered */
	for (int i = 0; i < 6000 && count_of(k, "workers") < 2; i++)
		usleep(10000);
	assert_int_equal(find_processes("reeve-worker", after, 8), 2);
	assert_int_equal(scan_ask_own(k->scan, WIRE_RELOAD, 60000, a, &text), RES_OK);
	for (int i = 0; i < 6000 && (m = find_processes("reeve-worker", after, 8)) != n; i++)
		usleep(10000);
	assert_int_equal(m, n);
	for (size_t i = 0; i < n * n; i++)
		assert_int_not_equal(before[i / n], after[i % n]);
	assert_int_equal(status_of(k, sample), WIRE_INFECTED);
	arena_free(a);
	kit_free(k);
}

static int by_size(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static int64_t median_ns(struct kit *k)
{
	int64_t took[MANY];

	for (size_t i = 0; i < MANY; i++) {
		int64_t before = clock_ticks_ns();

		assert_int_equal(status_of(k, sample), WIRE_INFECTED);
		took[i] = clock_ticks_ns() - before;
	}
	qsort(took, MANY, sizeof *took, by_size);
	return took[MANY / 2];
}

struct trouble {
	struct kit *kit;
	const char *text;
	_Atomic bool began, ends;
	_Atomic unsigned scans, clean;
};

static void *make_trouble(void *arg)
{
	struct trouble *t = arg;

	t->began = true;
	do {
		t->clean += status_of(t->kit, t->text) == WIRE_CLEAN;
		t->scans++;
	} while (!t->ends);
	return NULL;
}

/* One of two workers is always in trouble; messages that go through the other take what they took. */
static void others_go_on(void **state)
{
	static const char *const texts[] = {"FAULT:segv", "FAULT:loop"};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct kit *k = faulty_kit(TIMEOUT_MS);
		struct trouble t = {.kit = k, .text = texts[i]};
		int64_t before = median_ns(k), during;
		pthread_t thread;

		assert_int_equal(pthread_create(&thread, NULL, make_trouble, &t), 0);
		while (!t.began)
			usleep(1000);
		usleep(50000);
		during = median_ns(k);
		t.ends = true;
		pthread_join(thread, NULL);
		print_message("%s: median %.2f ms, before %.2f ms; %u in trouble\n", texts[i], (double)during / 1e6,
		    (double)before / 1e6, t.scans);
		assert_int_equal(t.clean, 0);
		assert_true(t.scans > 0);
		/* A loop takes a processor, of which there may be only one more; a stuck scan would cost 1500 ms. */
		assert_true(during < 4 * before + 20000000);
		kit_free(k);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(starved_load),
	    cmocka_unit_test(crashes),
	    cmocka_unit_test(hangs),
	    cmocka_unit_test(hangs_alone),
	    cmocka_unit_test(without_descriptors),
	    cmocka_unit_test(denied),
	    cmocka_unit_test(killed_for_it),
	    cmocka_unit_test(those_who_hide_are_ended),
	    cmocka_unit_test(others_go_on),
	};

	clock_init();
	setpgid(0, 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
