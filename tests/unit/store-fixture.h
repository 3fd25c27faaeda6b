/* A store for a test, in memory or in a file of its own, with a clock that can be steered. */
#ifndef REEVE_TESTS_STORE_FIXTURE_H
#define REEVE_TESTS_STORE_FIXTURE_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/store/store.h"
#include "tests/unit/clock-fake.h"
#include "tests/unit/folder.h"
#include "tests/unit/unit.h"

static char folder[FOLDER_MAX], path[FOLDER_MAX + 32];

struct fixture {
	struct arena *a;
	struct store *st;
};

static inline struct store *open_file(struct arena *a)
{
	struct str error = STR_NONE;
	struct store *st = store_open(path, false, a, &error);

	if (!st)
		print_message("%.*s\n", STR_ARG(error));
	return st;
}

static inline void remove_files(void)
{
	char command[128];

	snprintf(command, sizeof command, "rm -rf %s/*", folder);
	assert_int_equal(system(command), 0);
}

static inline int setup(void **state, const char *file)
{
	struct fixture *f = calloc(1, sizeof *f);
	struct str error = STR_NONE;

	remove_files();
	f->a = arena_new(0);
	f->st = store_open(file, false, f->a, &error);
	*state = f;
	return f->st ? 0 : -1;
}

static inline int setup_memory(void **state)
{
	return setup(state, NULL);
}

static inline int setup_file(void **state)
{
	return setup(state, path);
}

static inline int teardown(void **state)
{
	struct fixture *f = *state;

	store_close(f->st);
	arena_free(f->a);
	free(f);
	return 0;
}

static inline void expect(struct fixture *f, const char *table, const char *key, const char *value)
{
	struct store_entry e;
	enum res res = store_get(f->st, table, str_of(key), f->a, &e);

	assert_int_equal(res, value ? RES_OK : RES_NONE);
	if (value) {
		assert_str(e.value, value);
		assert_str(e.key, key);
	}
}

/* Every conformance test looks twice: while the change waits, and when it is written. */
static inline void expect_both(struct fixture *f, const char *table, const char *key, const char *value)
{
	expect(f, table, key, value);
	assert_int_equal(store_flush(f->st), RES_OK);
	expect(f, table, key, value);
}

static inline int init(void **state)
{
	(void)state;
	if (folder_make(folder) != 0)
		return -1;
	snprintf(path, sizeof path, "%s/state.db", folder);
	steer_start();
	return 0;
}

static inline int fini(void **state)
{
	(void)state;
	remove_files();
	return rmdir(folder);
}

#endif
