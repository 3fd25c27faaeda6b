/*
 * Linear time, proved by growing inputs: twice the input may cost at most 2.5 times the time. The
 * best of several runs counts, in CPU time of the thread, and a noisy machine gets more tries. The
 * slack is for fresh pages; what is not linear takes far more at the sizes that are used. Under a
 * sanitizer times say nothing: a small input is run once, for its memory faults.
 */
#ifndef REEVE_TESTS_GROWING_H
#define REEVE_TESTS_GROWING_H

#include <stdio.h>
#include <time.h>

#include "tests/unit/unit.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) /* clang's way to say it */
#define GROWING_IS_SANITIZED
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || defined(GROWING_IS_SANITIZED)
enum { GROWING_IS_TIMED = 0 };
#else
enum { GROWING_IS_TIMED = 1 };
#endif
enum { GROWING_RUNS = 5, GROWING_TRIES = 6, GROWING_SLACK_US = 2000 };

static inline double growing_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static inline double growing_best(void (*run)(struct arena *a, struct str in), struct str in)
{
	double best = 1e12;

	for (int i = 0; i < GROWING_RUNS; i++) {
		struct arena *a = arena_new(0);
		double start = growing_now(), took;

		run(a, in);
		took = growing_now() - start;
		best = took < best ? took : best;
		arena_free(a);
	}
	return best;
}

/* text: what is repeated; head stands in front once. */
static inline struct str growing_text(const char *head, struct str text, size_t bytes)
{
	struct buf b = {0};

	buf_adds(&b, head);
	while (b.n < bytes)
		buf_add(&b, text);
	return buf_str(&b);
}

static inline void assert_linear(const char *what, void (*run)(struct arena *a, struct str in),
    const char *head, struct str text, size_t bytes)
{
	double once = 0, twice = 0;

	if (!GROWING_IS_TIMED) {
		struct str small = growing_text(head, text, bytes / 32);
		struct arena *a = arena_new(0);

		run(a, small);
		arena_free(a);
		free((char *)small.p);
		return;
	}
	for (int i = 0; i < GROWING_TRIES; i++) {
		struct str small = growing_text(head, text, bytes), large = growing_text(head, text, 2 * bytes);

		once = growing_best(run, small);
		twice = growing_best(run, large);
		free((char *)small.p);
		free((char *)large.p);
		if (twice <= 2.5 * once + GROWING_SLACK_US)
			return;
	}
	print_error("%s: %.0f us, then %.0f us for twice as much\n", what, once, twice);
	fail();
}

#endif
