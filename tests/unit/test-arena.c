#include <stdio.h>

#include "tests/unit/unit.h"

static int order[3], calls;

static void note(void *arg)
{
	order[calls++] = *(int *)arg;
}

static void deferred_run_last_first(void **state)
{
	static int one = 1, two = 2;
	struct arena *a = arena_new(0);

	(void)state;
	calls = 0;
	arena_defer(a, note, &one);
	arena_defer(a, note, &two);
	arena_free(a);
	assert_int_equal(calls, 2);
	assert_int_equal(order[0], 2);
	assert_int_equal(order[1], 1);
	arena_free(NULL);
}

/* Deferred functions run once, memory is zero again, and the count begins anew. */
static void a_reset_arena_is_as_a_new_one(void **state)
{
	static int one = 1;
	struct arena *a = arena_new(1000);

	(void)state;
	calls = 0;
	arena_reset(a);
	for (size_t turn = 0; turn < 3; turn++) {
		arena_defer(a, note, &one);
		for (size_t n = 1; n < 100000; n *= 3) {
			unsigned char *p = arena_alloc(a, n);
			for (size_t i = 0; i < n; i++)
				assert_int_equal(p[i], 0);
			memset(p, 0xff, n);
		}
		assert_true(arena_is_over(a));
		arena_reset(a);
		assert_int_equal(calls, turn + 1);
		assert_int_equal(arena_used(a), 0);
		assert_false(arena_is_over(a));
	}
	arena_free(a);
	assert_int_equal(calls, 3);
}

static void allocations_of_any_size_are_apart_and_zero(void **state)
{
	struct arena *a = arena_new(0);
	unsigned char *p[200];

	(void)state;
	for (size_t i = 0; i < 200; i++) {
		size_t n = (i * 7919) % 70000 + 1;
		p[i] = arena_alloc(a, n);
		assert_int_equal((uintptr_t)p[i] % 16, 0);
		for (size_t k = 0; k < n; k++)
			assert_int_equal(p[i][k], 0);
		memset(p[i], (int)i, n);
	}
	for (size_t i = 0; i < 200; i++)
		assert_int_equal(p[i][0], i);
	arena_free(a);
}

static void budget_is_told_not_enforced(void **state)
{
	struct arena *a = arena_new(1000);

	(void)state;
	arena_alloc(a, 1000);
	assert_false(arena_is_over(a));
	arena_alloc(a, 1);
	assert_true(arena_is_over(a));
	assert_int_equal(arena_used(a), 1001);
	arena_free(a);
}

static void texts_are_terminated(void **state)
{
	struct arena *a = arena_new(0);

	(void)state;
	assert_string_equal(arena_cstr(a, STR_NONE), "");
	assert_string_equal(arena_cstr(a, str_sub(STR("abc"), 0, 2)), "ab");
	assert_str(arena_printf(a, "%d-%s", 7, "x"), "7-x");
	arena_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(deferred_run_last_first),
	    cmocka_unit_test(a_reset_arena_is_as_a_new_one),
	    cmocka_unit_test(allocations_of_any_size_are_apart_and_zero),
	    cmocka_unit_test(budget_is_told_not_enforced),
	    cmocka_unit_test(texts_are_terminated),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
