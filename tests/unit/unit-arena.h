/* For tests whose cases need an arena each and nothing else: cmocka_unit_test_setup_teardown(case, set_up, tear_down). */
#ifndef REEVE_TESTS_UNIT_ARENA_H
#define REEVE_TESTS_UNIT_ARENA_H

#include "tests/unit/unit.h"

static struct arena *arena;

static int set_up(void **state)
{
	(void)state;
	arena = arena_new(0);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	arena_free(arena);
	return 0;
}

#endif
