/* What peers and neighbours may do to the store: flood it with keys, hold its file, fill its disk. */
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
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

static struct store *open_it(struct arena *a)
{
	struct str error = STR_NONE;

	return store_open(path, false, a, &error);
}

static int64_t size_of(const char *tail)
{
	char name[128];
	struct stat st;

	snprintf(name, sizeof name, "%s%s", path, tail);
	return stat(name, &st) == 0 ? st.st_size : -1;
}

static void fill(struct store *st, const char *table, int n, int64_t ttl)
{
	for (int i = 0; i < n; i++) {
		char key[64];

		snprintf(key, sizeof key, "%08x-some-key-of-a-usual-length", (unsigned)i * 2654435761u);
		while (store_put(st, table, str_of(key), STR("a value of some length, as values are"), ttl) == RES_TEMP)
			usleep(1000);
	}
	/* The file may have to be made room in first. */
	for (int i = 0; i < 200 && store_flush(st) != RES_OK; i++)
		usleep(100000);
	assert_int_equal(store_flush(st), RES_OK);
}

static bool count_one(void *arg, const struct store_entry *entry)
{
	(void)entry;
	++*(int *)arg;
	return true;
}

static int count(struct store *st, const char *table)
{
	int n = 0;

	assert_int_equal(store_each(st, table, STR(""), count_one, &n), RES_OK);
	return n;
}

/* The writer looks every second. */
static void await_size(int64_t max)
{
	for (int i = 0; i < 300 && size_of("") > max; i++)
		usleep(100000);
}

/* Keys that a peer can make at will drive out each other, not what is worth more. */
static void flood_does_not_grow_the_file(void **state)
{
	struct fixture *f = *state;
	int64_t after_first = 0;

	store_set_file_max(f->st, 2 << 20);
	fill(f->st, "list", 300, 0);
	fill(f->st, "allowed", 3000, 36 * 86400);
	for (int wave = 0; wave < 4; wave++) {
		char table[16];

		snprintf(table, sizeof table, "flood%d", wave);
		fill(f->st, table, 12000, 3000);
		await_size(3 << 20);
		if (wave == 0)
			after_first = size_of("");
	}
	assert_int_equal(count(f->st, "list"), 300);
	assert_int_equal(count(f->st, "allowed"), 3000);
	assert_true(size_of("") <= 3 << 20);
	assert_true(size_of("") <= after_first * 2 + (1 << 20));
	/* It is in order and goes on. */
	assert_int_equal(store_put(f->st, "t", STR("k"), STR("v"), 0), RES_OK);
	assert_int_equal(store_flush(f->st), RES_OK);
}

struct blocked {
	struct fixture *f;
	sqlite3 *db;
	int n, checkpointed;
};

static int note_busy(void *arg, int n, char **values, char **names)
{
	struct blocked *blocked = arg;

	(void)n;
	(void)names;
	blocked->checkpointed += strcmp(values[0], "0") == 0;
	return 0;
}

/* An administrator lets the output stand in a pager: the log must be able to be emptied. */
static bool stand_still(void *arg, const struct store_entry *entry)
{
	struct blocked *blocked = arg;

	(void)entry;
	if (blocked->n++ == 10) {
		assert_int_equal(store_put(blocked->f->st, "t", STR("while"), STR("v"), 0), RES_OK);
		assert_int_equal(store_flush(blocked->f->st), RES_OK);
		assert_int_equal(sqlite3_exec(blocked->db, "PRAGMA wal_checkpoint(TRUNCATE)", note_busy, blocked, NULL), SQLITE_OK);
	}
	return true;
}

static void slow_reader_holds_nothing(void **state)
{
	struct fixture *f = *state;
	struct blocked blocked = {.f = f};

	fill(f->st, "many", 3000, 0);
	assert_int_equal(sqlite3_open(path, &blocked.db), SQLITE_OK);
	assert_int_equal(store_each(f->st, "many", STR(""), stand_still, &blocked), RES_OK);
	assert_int_equal(blocked.n, 3000);
	assert_int_equal(blocked.checkpointed, 1);
	sqlite3_close(blocked.db);
	assert_int_equal(size_of("-wal"), 0);
}

/* Some other program, or a backup, has the file locked for writing: nobody who decides waits for it. */
static void locked_file_delays_nobody(void **state)
{
	struct fixture *f = *state;
	struct store_rate rate = {.capacity = 1000000, .per_ms = 1000};
	sqlite3 *db;
	int64_t start;

	fill(f->st, "t", 10, 0);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	start = clock_ticks_ns();
	for (int i = 0; i < 2000; i++) {
		char key[16];

		snprintf(key, sizeof key, "%d", i);
		assert_int_equal(store_bucket(f->st, "rate", str_of(key), &rate, 1, NULL), RES_OK);
		assert_int_equal(store_count(f->st, "n", STR("n"), 1, 0, NULL), RES_OK);
	}
	/* Each of them would wait for a second and more. */
	assert_true(clock_ticks_ns() - start < INT64_C(60000000000));
	assert_int_equal(sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	for (int i = 0; i < 300 && store_flush(f->st) != RES_OK; i++)
		usleep(100000);
	assert_int_equal(count(f->st, "rate"), 2000);
}

/* No room even for the numbers that processes share: slower, but nobody is killed by touching them. */
static void full_disk_at_the_start_is_survived(void **state)
{
	struct fixture *f = *state;
	int status;

	store_close(f->st);
	f->st = NULL;
	assert_int_equal(system(arena_printf(f->a, "rm -f %s-seen", path).p), 0);
	if (fork() == 0) {
		struct rlimit limit = {.rlim_cur = 1 << 20, .rlim_max = RLIM_INFINITY};
		struct store_entry e;
		struct store *st;
		bool ok;

		signal(SIGXFSZ, SIG_IGN);
		setrlimit(RLIMIT_FSIZE, &limit);
		st = open_it(f->a);
		ok = st && store_put(st, "t", STR("k"), STR("v"), 0) == RES_OK && store_flush(st) == RES_OK;
		for (int i = 0; i < 100 && ok; i++)
			ok = store_get(st, "t", STR("k"), f->a, &e) == RES_OK;
		store_close(st);
		_exit(ok ? 0 : 1);
	}
	wait(&status);
	assert_int_equal(status, 0);
}

/* Keys and values as peers would like to have them: all of them are what they are. */
static void keys_are_not_confused(void **state)
{
	struct fixture *f = *state;
	static const struct str keys[] = {{"", 0}, {"\0", 1}, {"\0\0", 2}, {"a", 1}, {"a\0", 2}, {"a\0b", 3}, {"A", 1},
	    {"\xc3\xbc", 2}, {"\xc3", 1}, {"\xff\xff\xff", 3}, {"'; DROP TABLE entry; --", 23}, {"%s%n", 4}};
	enum { KEYS = sizeof keys / sizeof *keys };
	struct store_entry e;

	for (size_t i = 0; i < KEYS; i++)
		assert_int_equal(store_put(f->st, "t", keys[i], arena_printf(f->a, "%zu", i), 0), RES_OK);
	for (int is_written = 0; is_written < 2; is_written++) {
		for (size_t i = 0; i < KEYS; i++) {
			assert_int_equal(store_get(f->st, "t", keys[i], f->a, &e), RES_OK);
			assert_str(e.value, arena_printf(f->a, "%zu", i).p);
			assert_int_equal(store_has(f->st, "t2", keys[i]), RES_NONE);
		}
		assert_int_equal(count(f->st, "t"), KEYS);
		assert_int_equal(store_flush(f->st), RES_OK);
	}
}

/* What one process committed and keeps in memory gives way as soon as another one changes it. */
static void no_process_believes_what_is_old(void **state)
{
	struct fixture *f = *state;
	struct store *other = open_it(f->a);
	struct store_entry e;

	for (int i = 0; i < 200; i++) {
		struct store *one = i % 2 ? f->st : other, *two = i % 2 ? other : f->st;
		struct str value = arena_printf(f->a, i % 3 ? "%d" : "%04000d", i); /* some are too long to be kept */

		assert_int_equal(store_put(one, "t", STR("k"), value, 0), RES_OK);
		assert_int_equal(store_flush(one), RES_OK);
		for (int k = 0; k < 2; k++) {
			assert_int_equal(store_get(k ? one : two, "t", STR("k"), f->a, &e), RES_OK);
			assert_true(str_eq(e.value, value));
		}
	}
	store_close(other);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	if (folder_make(folder) != 0)
		return -1;
	snprintf(path, sizeof path, "%s/state.db", folder);
	f->a = arena_new(0);
	f->st = open_it(f->a);
	*state = f;
	return f->st ? 0 : -1;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	store_close(f->st);
	arena_free(f->a);
	free(f);
	return folder_remove(folder);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
/* ---- a file that cannot be opened at the start ---- */

static const char *const unknown_tables[] = {"unknown", NULL};

static void count_return(void *arg, enum store_event event, uint64_t number, struct str text)
{
	(void)number, (void)text;
	if (event == STORE_WRITES)
		++*(_Atomic int *)arg;
}

/* The file goes aside, and a link to a folder takes its place: it can be moved back in one step. */
static struct store *open_blindly(struct fixture *f, const char *aside)
{
	struct str why;
	bool is_readable;
	struct store *st;

	store_close(f->st);
	assert_int_equal(rename(path, aside), 0);
	assert_int_equal(symlink(folder, path), 0);
	st = store_open_patiently(path, unknown_tables, f->a, &why, &is_readable);
	assert_true(why.n > 0);
	assert_false(is_readable);
	return st;
}

static bool is_written(struct store *st)
{
	for (int i = 0; i < 500; i++) {
		if (store_flush(st) == RES_OK)
			return true;
		usleep(20000);
	}
	return false;
}

static void expect(struct fixture *f, const char *table, const char *key, const char *value)
{
	struct store_entry e;

	assert_int_equal(store_get(f->st, table, str_of(key), f->a, &e), RES_OK);
	assert_str(e.value, value);
}

static void expect_both(struct fixture *f, const char *table, const char *key, const char *value)
{
	expect(f, table, key, value);
	assert_int_equal(store_flush(f->st), RES_OK);
	expect(f, table, key, value);
}

static int each_of(struct store *st, const char *table)
{
	int n = 0;

	return store_each(st, table, STR(""), count_one, &n) == RES_OK ? n : -1;
}

static void unopened_file_is_tried_again(void **state)
{
	struct fixture *f = *state;
	struct store_rate rate = {.capacity = 10, .per_ms = 1000000};
	struct store_level level;
	struct store_entry e;
	_Atomic int returns = 0;
	int64_t total;
	char aside[80];

	assert_int_equal(store_put(f->st, "t", STR("history"), STR("long"), 0), RES_OK);
	assert_int_equal(store_put(f->st, "unknown", STR("k"), STR("v"), 0), RES_OK);
	assert_int_equal(store_count(f->st, "t", STR("n"), 5, 0, &total), RES_OK);
	assert_int_equal(store_bucket(f->st, "t", STR("b"), &rate, 3, NULL), RES_OK);
	snprintf(aside, sizeof aside, "%s/aside", folder);
	f->st = open_blindly(f, aside);
	store_listen(f->st, count_return, &returns);
	/* Nothing is known, and what is written now waits. */
	assert_int_equal(store_get(f->st, "t", STR("history"), f->a, &e), RES_NONE);
	assert_int_equal(store_get(f->st, "unknown", STR("k"), f->a, &e), RES_TEMP);
	assert_int_equal(each_of(f->st, "unknown"), -1);
	assert_int_equal(each_of(f->st, "t"), 0);
	assert_int_equal(store_put(f->st, "t", STR("history"), STR("short"), 0), RES_OK);
	assert_int_equal(store_put(f->st, "t", STR("new"), STR("1"), 0), RES_OK);
	assert_int_equal(store_count(f->st, "t", STR("n"), 2, 0, &total), RES_OK);
	assert_int_equal(total, 2);
	assert_int_equal(store_bucket(f->st, "t", STR("b"), &rate, 4, NULL), RES_OK);
	assert_int_equal(store_flush(f->st), RES_TEMP);
	expect(f, "t", "history", "short");
	assert_int_equal(returns, 0);
	/* There it is: numbers add up, and what was put blindly stays behind what is there. */
	assert_int_equal(rename(aside, path), 0);
	assert_true(is_written(f->st));
	assert_int_equal(returns, 1);
	expect_both(f, "t", "history", "long");
	expect(f, "t", "new", "1");
	expect(f, "t", "n", "7");
	expect(f, "unknown", "k", "v");
	assert_int_equal(each_of(f->st, "unknown"), 1);
	assert_int_equal(store_bucket(f->st, "t", STR("b"), &rate, 4, &level), RES_NONE);
	assert_in_range((int)level.left, 2, 3);
	assert_int_equal(store_put(f->st, "t", STR("history"), STR("seen"), 0), RES_OK);
	expect_both(f, "t", "history", "seen");
}

/* It comes back although nothing waits to be written, and ends without it. */
static void unopened_file_without_changes(void **state)
{
	struct fixture *f = *state;
	_Atomic int returns = 0;
	char aside[80];

	assert_int_equal(store_put(f->st, "unknown", STR("k"), STR("v"), 0), RES_OK);
	snprintf(aside, sizeof aside, "%s/aside", folder);
	f->st = open_blindly(f, aside);
	store_listen(f->st, count_return, &returns);
	assert_int_equal(rename(aside, path), 0);
	for (int i = 0; i < 2000 && returns == 0; i++)
		usleep(10000);
	assert_int_equal(returns, 1);
	expect(f, "unknown", "k", "v");
	f->st = open_blindly(f, aside);
	assert_int_equal(store_put(f->st, "t", STR("k"), STR("v"), 0), RES_OK);
	store_close(f->st);
	assert_int_equal(unlink(path), 0);
	f->st = open_it(f->a);
	assert_non_null(f->st);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(flood_does_not_grow_the_file),
	    TEST(slow_reader_holds_nothing),
	    TEST(locked_file_delays_nobody),
	    TEST(full_disk_at_the_start_is_survived),
	    TEST(keys_are_not_confused),
	    TEST(no_process_believes_what_is_old),
	    TEST(unopened_file_is_tried_again),
	    TEST(unopened_file_without_changes),
	};

	steer_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
