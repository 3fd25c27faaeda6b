#include <stdio.h>

#include "lib/names.h"
#include "tests/unit/unit.h"

static void add_and_get(void **state)
{
	struct arena *a = arena_new(0);
	struct names *m = names_new(a);
	int one, two;

	(void)state;
	assert_null(names_get(m, STR("a")));
	assert_null(names_add(m, STR("Example.Org"), &one));
	assert_ptr_equal(names_add(m, STR("example.ORG"), &two), &one);
	assert_ptr_equal(names_get(m, STR("EXAMPLE.org")), &one);
	assert_null(names_get(m, STR("example.or")));
	assert_null(names_get(m, STR("")));
	assert_null(names_add(m, STR_NONE, &two));
	assert_ptr_equal(names_get(m, STR("")), &two);
	assert_int_equal(names_count(m), 2);
	arena_free(a);
}

static void many(void **state)
{
	struct arena *a = arena_new(0);
	struct names *m = names_new(a);

	(void)state;
	for (size_t i = 1; i <= 10000; i++)
		assert_null(names_add(m, arena_printf(a, "name-%zu", i), (void *)i));
	for (size_t i = 1; i <= 10000; i++)
		assert_ptr_equal(names_get(m, arena_printf(a, "NAME-%zu", i)), (void *)i);
	assert_null(names_get(m, STR("name-10001")));
	arena_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(add_and_get),
	    cmocka_unit_test(many),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
