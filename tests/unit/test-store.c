/*
 * What any back end of the store must keep to (conform_*, run for memory and file alike), and what
 * the SQLite file must survive.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/store.h"
#include "tests/unit/clock-fake.h"
#include "tests/unit/unit.h"

static char folder[64], path[96];

struct fixture {
	struct arena *a;
	struct store *st;
};

static struct store *open_file(struct arena *a)
{
	struct str error = STR_NONE;
	struct store *st = store_open(path, false, a, &error);

	if (!st)
		print_message("%.*s\n", STR_ARG(error));
	return st;
}

static void remove_files(void)
{
	char command[128];

	snprintf(command, sizeof command, "rm -rf %s/*", folder);
	assert_int_equal(system(command), 0);
}

static int setup(void **state, const char *file)
{
	struct fixture *f = calloc(1, sizeof *f);
	struct str error = STR_NONE;

	remove_files();
	f->a = arena_new(0);
	f->st = store_open(file, false, f->a, &error);
	*state = f;
	return f->st ? 0 : -1;
}

static int setup_memory(void **state)
{
	return setup(state, NULL);
}

static int setup_file(void **state)
{
	return setup(state, path);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	store_close(f->st);
	arena_free(f->a);
	free(f);
	return 0;
}

static void expect(struct fixture *f, const char *table, const char *key, const char *value)
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
static void expect_both(struct fixture *f, const char *table, const char *key, const char *value)
{
	expect(f, table, key, value);
	assert_int_equal(store_flush(f->st), RES_OK);
	expect(f, table, key, value);
}

static void conform_put_replaces_and_delete_forgets(void **state)
{
	struct fixture *f = *state;

	expect(f, "a", "k", NULL);
	assert_int_equal(store_put(f->st, "a", STR("k"), STR("one"), 0), RES_OK);
	expect_both(f, "a", "k", "one");
	assert_int_equal(store_put(f->st, "a", STR("k"), STR(""), 0), RES_OK);
	expect_both(f, "a", "k", "");
	expect(f, "b", "k", NULL);
	expect(f, "a", "kk", NULL);
	assert_int_equal(store_delete(f->st, "a", STR("nobody")), RES_NONE);
	assert_int_equal(store_delete(f->st, "a", STR("k")), RES_OK);
	expect_both(f, "a", "k", NULL);
	assert_int_equal(store_delete(f->st, "a", STR("k")), RES_NONE);
	assert_int_equal(store_put(f->st, "a", STR("k"), STR("two"), 0), RES_OK);
	expect_both(f, "a", "k", "two");
}

static void conform_keys_are_any_octets_within_the_limit(void **state)
{
	struct fixture *f = *state;
	char octets[STORE_KEY_MAX + 1];
	struct store_entry e;

	memset(octets, 0, sizeof octets);
	for (size_t n = 0; n <= STORE_KEY_MAX; n += n < 3 || n > 500 ? 1 : 7)
		assert_int_equal(
		    store_put(f->st, "t", (struct str){octets, n}, STR("v"), 0), RES_OK);
	assert_int_equal(
	    store_put(f->st, "t", (struct str){octets, sizeof octets}, STR("v"), 0), RES_PERM);
	assert_int_equal(
	    store_get(f->st, "t", (struct str){octets, sizeof octets}, f->a, &e), RES_PERM);
	store_flush(f->st);
	assert_int_equal(
	    store_get(f->st, "t", (struct str){octets, STORE_KEY_MAX}, f->a, &e), RES_OK);
	assert_int_equal(store_get(f->st, "t", STR(""), f->a, &e), RES_OK);
}

static void conform_values_within_the_limit(void **state)
{
	struct fixture *f = *state;
	char *octets = calloc(1, STORE_VALUE_MAX + 1);
	struct store_entry e;

	memset(octets, 0xff, STORE_VALUE_MAX + 1);
	octets[7] = '\0';
	assert_int_equal(
	    store_put(f->st, "t", STR("k"), (struct str){octets, STORE_VALUE_MAX + 1}, 0),
	    RES_PERM);
	assert_int_equal(
	    store_put(f->st, "t", STR("k"), (struct str){octets, STORE_VALUE_MAX}, 0), RES_OK);
	assert_int_equal(store_flush(f->st), RES_OK);
	assert_int_equal(store_get(f->st, "t", STR("k"), f->a, &e), RES_OK);
	assert_int_equal(e.value.n, STORE_VALUE_MAX);
	assert_memory_equal(e.value.p, octets, STORE_VALUE_MAX);
	free(octets);
}

static void conform_entries_expire_on_the_second(void **state)
{
	struct fixture *f = *state;
	struct store_entry e;
	int64_t total;

	for (int is_written = 0; is_written < 2; is_written++) {
		assert_int_equal(store_put(f->st, "t", STR("k"), STR("v"), 10), RES_OK);
		assert_int_equal(store_put(f->st, "t", STR("stays"), STR("v"), 0), RES_OK);
		assert_int_equal(store_count(f->st, "t", STR("n"), 5, 10, &total), RES_OK);
		if (is_written)
			store_flush(f->st);
		assert_int_equal(store_get(f->st, "t", STR("k"), f->a, &e), RES_OK);
		assert_in_range(e.expires, clock_now() + 8, clock_now() + 10);
		step_s(8);
		expect(f, "t", "k", "v");
		step_s(3);
		expect(f, "t", "k", NULL);
		expect(f, "t", "n", NULL);
		expect(f, "t", "stays", "v");
		assert_int_equal(store_delete(f->st, "t", STR("k")), RES_NONE);
		assert_int_equal(store_count(f->st, "t", STR("n"), 1, 10, &total), RES_OK);
		assert_int_equal(total, 1);
		assert_int_equal(store_add(f->st, "t", STR("k"), STR("new"), 10, f->a, &e), RES_OK);
		expect_both(f, "t", "k", "new");
		step_s(11);
	}
}

static void conform_add_is_for_the_first(void **state)
{
	struct fixture *f = *state;
	struct store_entry e;

	assert_int_equal(store_add(f->st, "t", STR("k"), STR("first"), 60, f->a, &e), RES_OK);
	for (int is_written = 0; is_written < 2; is_written++) {
		assert_int_equal(
		    store_add(f->st, "t", STR("k"), STR("second"), 60, f->a, &e), RES_NONE);
		assert_str(e.value, "first");
		assert_true(e.expires > clock_now());
		assert_int_equal(
		    store_add(f->st, "t", STR("k"), STR("third"), 60, NULL, NULL), RES_NONE);
		store_flush(f->st);
	}
	assert_int_equal(store_delete(f->st, "t", STR("k")), RES_OK);
	assert_int_equal(store_add(f->st, "t", STR("k"), STR("again"), 60, f->a, &e), RES_OK);
	expect_both(f, "t", "k", "again");
}

static void conform_counters_add_up(void **state)
{
	struct fixture *f = *state;
	int64_t total;

	for (int i = 1; i <= 20; i++) {
		assert_int_equal(
		    store_count(f->st, "t", STR("n"), i % 2 ? 3 : -1, 100, &total), RES_OK);
		assert_int_equal(total, (i + 1) / 2 * 3 - i / 2);
		if (i % 3 == 0)
			store_flush(f->st);
	}
	expect_both(f, "t", "n", "20");
	assert_int_equal(store_put(f->st, "t", STR("text"), STR(" 41 apples"), 0), RES_OK);
	store_flush(f->st);
	assert_int_equal(store_count(f->st, "t", STR("text"), 1, 0, &total), RES_OK);
	assert_int_equal(total, 42);
	expect_both(f, "t", "text", "42");
	assert_int_equal(store_delete(f->st, "t", STR("n")), RES_OK);
	assert_int_equal(store_count(f->st, "t", STR("n"), 7, 0, NULL), RES_OK);
	expect_both(f, "t", "n", "7");
	assert_int_equal(store_count(f->st, "t", STR("n"), INT64_MAX, 0, &total), RES_OK);
	assert_true(total == INT64_MAX);
}

struct seen {
	char text[4096];
	int left;
};

static bool note_entry(void *arg, const struct store_entry *entry)
{
	struct seen *seen = arg;
	size_t n = strlen(seen->text);

	snprintf(seen->text + n, sizeof seen->text - n, "%.*s=%.*s ", STR_ARG(entry->key),
	    STR_ARG(entry->value));
	return --seen->left != 0;
}

static void expect_each(struct fixture *f, const char *prefix, int most, const char *text)
{
	struct seen seen = {.left = most};

	assert_int_equal(store_each(f->st, "t", str_of(prefix), note_entry, &seen), RES_OK);
	assert_string_equal(seen.text, text);
}

static void conform_each_goes_in_key_order(void **state)
{
	struct fixture *f = *state;

	store_put(f->st, "s", STR("zz"), STR("other table"), 0);
	store_put(f->st, "t", STR("b"), STR("1"), 0);
	store_put(f->st, "t", STR("ab"), STR("2"), 0);
	store_put(f->st, "t", STR("\xff\xff"), STR("9"), 0);
	store_put(f->st, "t", STR("old"), STR("x"), 5);
	store_put(f->st, "u", STR("a"), STR("other table"), 0);
	expect_each(f, "", 0, "ab=2 b=1 old=x \xff\xff=9 ");
	store_flush(f->st);
	expect_each(f, "", 0, "ab=2 b=1 old=x \xff\xff=9 ");
	step_s(6);
	store_put(f->st, "t", STR("aa"), STR("3"), 0);
	store_put(f->st, "t", STR("b"), STR("4"), 0);
	store_delete(f->st, "t", STR("ab"));
	store_count(f->st, "t", STR("c"), 5, 0, NULL);
	expect_each(f, "", 0, "aa=3 b=4 c=5 \xff\xff=9 ");
	expect_each(f, "", 2, "aa=3 b=4 ");
	expect_each(f, "a", 0, "aa=3 ");
	expect_each(f, "\xff", 0, "\xff\xff=9 ");
	expect_each(f, "nothing", 0, "");
	store_flush(f->st);
	expect_each(f, "", 0, "aa=3 b=4 c=5 \xff\xff=9 ");
}

static void conform_batch_is_all_or_nothing(void **state)
{
	struct fixture *f = *state;
	char too_long[STORE_KEY_MAX + 1] = {0};
	struct store_change changes[] = {
	    {.what = STORE_PUT, .table = "t", .key = STR("a"), .value = STR("1")},
	    {.what = STORE_COUNT, .table = "t", .key = STR("n"), .add = 2},
	    {.what = STORE_DELETE, .table = "t", .key = STR("gone")},
	    {.what = STORE_COUNT, .table = "t", .key = STR("n"), .add = 3},
	    {.what = STORE_PUT, .table = "t", .key = {too_long, sizeof too_long}},
	};

	store_put(f->st, "t", STR("gone"), STR("x"), 0);
	store_flush(f->st);
	assert_int_equal(store_apply(f->st, changes, 5), RES_PERM);
	expect_both(f, "t", "a", NULL);
	expect(f, "t", "n", NULL);
	assert_int_equal(store_apply(f->st, changes, 4), RES_OK);
	expect_both(f, "t", "a", "1");
	expect(f, "t", "n", "5");
	expect(f, "t", "gone", NULL);
}

static void conform_bucket_holds_refills_and_gives_back(void **state)
{
	struct fixture *f = *state;
	struct store_rate rate = {.capacity = 3, .per_ms = 30000};
	struct store_level level;

	for (int i = 0; i < 3; i++) {
		assert_int_equal(store_bucket(f->st, "rate", STR("k"), &rate, 1, &level), RES_OK);
		assert_int_equal(level.wait_ms, 0);
		assert_true(level.left > 1.9 - i && level.left < 2.1 - i);
		if (i == 1)
			store_flush(f->st);
	}
	assert_int_equal(store_bucket(f->st, "rate", STR("k"), &rate, 1, &level), RES_NONE);
	assert_in_range(level.wait_ms, 8000, 10000);
	assert_int_equal(store_bucket(f->st, "rate", STR("k"), &rate, 4, &level), RES_NONE);
	assert_int_equal(level.wait_ms, -1);
	assert_int_equal(store_bucket(f->st, "rate", STR("k"), &rate, 0, &level), RES_OK);
	assert_true(level.left < 0.3);
	store_flush(f->st);
	step_s(10);
	assert_int_equal(store_bucket(f->st, "rate", STR("k"), &rate, 1, &level), RES_OK);
	assert_int_equal(store_bucket(f->st, "rate", STR("k"), &rate, 1, &level), RES_NONE);
	assert_int_equal(store_bucket(f->st, "rate", STR("k"), &rate, -1, &level), RES_OK);
	store_flush(f->st);
	assert_int_equal(store_bucket(f->st, "rate", STR("k"), &rate, 1, &level), RES_OK);
	step_s(1000);
	assert_int_equal(store_bucket(f->st, "rate", STR("k"), &rate, 3, &level), RES_OK);
	assert_int_equal(store_bucket(f->st, "rate", STR("k"), &rate, 1, &level), RES_NONE);
	assert_int_equal(store_bucket(f->st, "rate", STR("fresh"), &rate, -5, &level), RES_OK);
	assert_int_equal(store_bucket(f->st, "rate", STR("fresh"), &rate, 3, &level), RES_OK);
	assert_int_equal(store_bucket(f->st, "rate", STR("fresh"), &rate, 1, &level), RES_NONE);
}

static void conform_bucket_reads_as_its_level(void **state)
{
	struct fixture *f = *state;
	struct store_rate rate = {.capacity = 100, .per_ms = 3600000};
	struct store_entry e;

	assert_int_equal(store_bucket(f->st, "rate", STR("k"), &rate, 60, NULL), RES_OK);
	store_flush(f->st);
	assert_int_equal(store_get(f->st, "rate", STR("k"), f->a, &e), RES_OK);
	assert_true(
	    store_level_at(e.value, &rate).left >= 40 && store_level_at(e.value, &rate).left < 41);
	assert_in_range(e.expires, clock_now() + 2150, clock_now() + 2165);
}

/* Property: over any time, admitted <= capacity + rate * time; and it is not starved either. */
static void conform_bucket_never_admits_more_than_its_rate(void **state)
{
	struct fixture *f = *state;
	unsigned random = 12345;

	for (int round = 0; round < 30; round++) {
		struct store_rate rate = {
		    .capacity = 1 + round * 7 % 50, .per_ms = 1000 + round * 977};
		int64_t admitted = 0, start = clock_now_us(), wanted = 0;
		char key[16];
		double most;

		snprintf(key, sizeof key, "k%d", round);
		for (int i = 0; i < 300; i++) {
			int64_t n = 1 + (random = random * 1103515245 + 12345) / 65536 % 3;
			wanted += n;
			if (store_bucket(f->st, "rate", str_of(key), &rate, n, NULL) == RES_OK)
				admitted += n;
			step_ms((int64_t)(random / 7 % 200));
		}
		most = (double)rate.capacity + (double)rate.capacity *
						   (double)(clock_now_us() - start) / 1000 /
						   (double)rate.per_ms;
		assert_true((double)admitted <= most + 1e-6);
		assert_true((double)admitted >=
				(most - 4 < (double)wanted ? most : (double)wanted) * 0.5 - 4 ||
			    rate.capacity < 3);
	}
}

/* A bucket that a clock of next year left behind is not shut until then. */
static void conform_bucket_forgets_impossible_debt(void **state)
{
	struct fixture *f = *state;
	struct store_rate rate = {.capacity = 2, .per_ms = 1000};

	step_s(365 * 86400);
	assert_int_equal(store_bucket(f->st, "rate", STR("k"), &rate, 2, NULL), RES_OK);
	store_flush(f->st);
	step_s(-365 * 86400);
	assert_int_equal(store_bucket(f->st, "rate", STR("k"), &rate, 1, NULL), RES_NONE);
	step_s(2);
	assert_int_equal(store_bucket(f->st, "rate", STR("k"), &rate, 0, NULL), RES_OK);
	step_s(2);
	assert_int_equal(store_bucket(f->st, "rate", STR("k"), &rate, 1, NULL), RES_OK);
}

enum { THREADS = 4, ROUNDS = 2000 };

static void *count_up(void *arg)
{
	struct fixture *f = arg;
	struct store_rate rate = {.capacity = 1000, .per_ms = 1000000000};
	int64_t admitted = 0, total;
	char key[16];

	for (int i = 0; i < ROUNDS; i++) {
		snprintf(key, sizeof key, "c%d", i % 7);
		assert_int_equal(store_count(f->st, "t", str_of(key), 1, 0, &total), RES_OK);
		admitted += store_bucket(f->st, "t", STR("bucket"), &rate, 1, NULL) == RES_OK;
		if (store_add(f->st, "once", (struct str){(char *)&i, sizeof i}, STR("x"), 0, NULL,
			NULL) == RES_OK)
			store_count(f->st, "t", STR("firsts"), 1, 0, &total);
	}
	return (void *)(intptr_t)admitted;
}

static void conform_threads_lose_nothing(void **state)
{
	struct fixture *f = *state;
	pthread_t threads[THREADS];
	int64_t admitted = 0, sum = 0;
	struct store_entry e;
	char key[16];
	void *result;

	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, count_up, f), 0);
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], &result);
		admitted += (intptr_t)result;
	}
	store_flush(f->st);
	for (int i = 0; i < 7; i++) {
		snprintf(key, sizeof key, "c%d", i);
		assert_int_equal(store_get(f->st, "t", str_of(key), f->a, &e), RES_OK);
		sum += atoll(arena_cstr(f->a, e.value));
	}
	assert_int_equal(sum, THREADS * ROUNDS);
	assert_int_equal(admitted, 1000);
	snprintf(key, sizeof key, "%d", ROUNDS);
	expect(f, "t", "firsts", key);
}

/* ---- the file ---- */

static void reopen(struct fixture *f)
{
	store_close(f->st);
	f->st = open_file(f->a);
	assert_non_null(f->st);
}

static void file_keeps_what_was_closed(void **state)
{
	struct fixture *f = *state;
	struct store_rate rate = {.capacity = 2, .per_ms = 1000000};

	store_put(f->st, "t", STR("k"), STR("v"), 100);
	store_count(f->st, "t", STR("n"), 41, 0, NULL);
	store_bucket(f->st, "t", STR("b"), &rate, 2, NULL);
	reopen(f);
	expect(f, "t", "k", "v");
	store_count(f->st, "t", STR("n"), 1, 0, NULL);
	expect(f, "t", "n", "42");
	assert_int_equal(store_bucket(f->st, "t", STR("b"), &rate, 1, NULL), RES_NONE);
}

static void file_is_shared(void **state)
{
	struct fixture *f = *state, other = {.a = f->a, .st = open_file(f->a)};
	struct store_rate rate = {.capacity = 10, .per_ms = 1000000000};
	int admitted = 0;

	assert_non_null(other.st);
	for (int i = 0; i < 100; i++) {
		store_count(f->st, "t", STR("n"), 1, 0, NULL);
		store_count(other.st, "t", STR("n"), 10, 0, NULL);
		if (i % 10 == 0)
			store_flush(f->st);
	}
	store_flush(f->st);
	store_flush(other.st);
	expect(f, "t", "n", "1100");
	expect(&other, "t", "n", "1100");
	for (int i = 0; i < 40; i++) {
		admitted += store_bucket(f->st, "t", STR("b"), &rate, 1, NULL) == RES_OK;
		admitted += store_bucket(other.st, "t", STR("b"), &rate, 1, NULL) == RES_OK;
	}
	assert_in_range(admitted, 10, 20); /* the documented bound: processes times what was left */
	store_flush(f->st);
	store_flush(other.st);
	assert_int_equal(store_bucket(f->st, "t", STR("b"), &rate, 1, NULL), RES_NONE);
	assert_int_equal(store_bucket(other.st, "t", STR("b"), &rate, 1, NULL), RES_NONE);
	store_close(other.st);
}

/* One process of several that take as much as they get for so long; how much that was. */
static int64_t take_for(const struct store_rate *rate, int64_t us)
{
	struct arena *a = arena_new(0);
	struct store *st = open_file(a);
	int64_t end = clock_now_us() + us, taken = 0;

	while (st && clock_now_us() < end) {
		taken += store_bucket(st, "t", STR("b"), rate, 1, NULL) == RES_OK;
		usleep(300);
	}
	store_close(st);
	return taken;
}

/*
 * Property: P processes never admit more than P * capacity + rate * time, for what they took too much
 * of is missing later; nor do they starve each other.
 */
static void file_shared_by_processes_keeps_the_rate(void **state)
{
	const struct store_rate rate = {.capacity = 20, .per_ms = 500};
	enum { PROCESSES = 4, MS = 2500 };
	int64_t taken, total = 0, start = clock_now_us(), ms;
	int ends[2];

	(void)state;
	remove_files();
	assert_int_equal(pipe(ends), 0);
	for (int i = 0; i < PROCESSES; i++)
		if (fork() == 0) {
			taken = take_for(&rate, MS * 1000);
			_exit(write(ends[1], &taken, sizeof taken) != sizeof taken);
		}
	close(ends[1]);
	for (int i = 0; i < PROCESSES; i++) {
		assert_int_equal(read(ends[0], &taken, sizeof taken), sizeof taken);
		total += taken;
	}
	close(ends[0]);
	ms = (clock_now_us() - start) / 1000;
	while (wait(NULL) > 0)
		;
	assert_in_range(total, MS * rate.capacity / rate.per_ms / 2,
	    PROCESSES * rate.capacity + ms * rate.capacity / rate.per_ms + 1);
}

static void file_opened_read_only_stays_as_it_is(void **state)
{
	struct fixture *f = *state, reader = {.a = f->a};
	struct str error;

	store_put(f->st, "t", STR("k"), STR("v"), 0);
	store_flush(f->st);
	reader.st = store_open(path, true, f->a, &error);
	assert_non_null(reader.st);
	store_put(reader.st, "t", STR("k"), STR("mine"), 0);
	store_put(reader.st, "t", STR("new"), STR("mine"), 0);
	store_delete(reader.st, "t", STR("k2"));
	expect_both(&reader, "t", "k", "mine");
	store_close(reader.st);
	expect(f, "t", "k", "v");
	expect(f, "t", "new", NULL);
	remove_files();
	reader.st = store_open(path, true, f->a, &error);
	assert_non_null(reader.st);
	expect(&reader, "t", "k", NULL);
	store_close(reader.st);
	assert_int_equal(access(path, F_OK), -1);
}

static bool wait_for(struct store *st, bool (*is_so)(struct store *st))
{
	for (int i = 0; i < 500; i++) {
		if (is_so(st))
			return true;
		usleep(20000);
	}
	return false;
}

static bool has_purged(struct store *st)
{
	struct store_stats stats;

	store_stats(st, &stats);
	return stats.purged >= 3000;
}

static void file_is_purged_in_the_background(void **state)
{
	struct fixture *f = *state;
	char key[16];

	for (int i = 0; i < 4000; i++) {
		snprintf(key, sizeof key, "%d", i);
		store_put(f->st, "t", str_of(key), STR("v"), i % 4 ? 10 : 0);
	}
	store_flush(f->st);
	step_s(20);
	assert_true(wait_for(f->st, has_purged));
	expect(f, "t", "4", "v");
	expect(f, "t", "5", NULL);
}

/* The child counts and says how far it came only after a flush; then it is killed while writing. */
static void count_until_killed(int ready)
{
	struct arena *a = arena_new(0);
	struct store *st = open_file(a);
	int64_t total;

	for (int i = 0; st; i++) {
		char key[32];
		snprintf(key, sizeof key, "%d", i);
		store_count(st, "t", STR("n"), 1, 0, &total);
		store_put(st, "many", str_of(key), str_of(key), 0);
		if (i % 500 == 0 &&
		    (store_flush(st) != RES_OK || write(ready, &total, sizeof total) < 0))
			break;
	}
	_exit(1);
}

/* Runs SQL on the file behind the store's back; the first column of the first row goes to word. */
static void run_sql(const char *sql, char word[16])
{
	sqlite3 *db = NULL;
	sqlite3_stmt *stmt = NULL;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
	word[0] = '\0';
	if (sqlite3_step(stmt) == SQLITE_ROW)
		snprintf(word, 16, "%s", (const char *)sqlite3_column_text(stmt, 0));
	sqlite3_finalize(stmt);
	sqlite3_close(db);
}

static bool integrity_is_ok(void)
{
	char word[16];

	run_sql("PRAGMA integrity_check", word);
	return strcmp(word, "ok") == 0;
}

static void file_survives_kill_9(void **state)
{
	const char *rounds = getenv("STORE_KILLS");
	struct arena *a = arena_new(0);

	(void)state;
	remove_files();
	for (int i = rounds ? atoi(rounds) : 5; i > 0; i--) {
		int64_t said = 0, sure = 0;
		struct store_entry e;
		int fds[2];
		pid_t pid;

		assert_int_equal(pipe(fds), 0);
		pid = fork();
		if (pid == 0)
			count_until_killed(fds[1]);
		close(fds[1]);
		usleep(30000 + (unsigned)i * 7919 % 60000);
		while (sure == 0)
			assert_int_equal(read(fds[0], &sure, sizeof sure), sizeof sure);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		while (read(fds[0], &said, sizeof said) == sizeof said)
			sure = said;
		close(fds[0]);
		assert_true(integrity_is_ok());
		struct store *st = open_file(a);
		assert_int_equal(store_get(st, "t", STR("n"), a, &e), RES_OK);
		assert_true(atoll(arena_cstr(a, e.value)) >= sure);
		assert_false(store_was_rebuilt(st, NULL));
		store_close(st);
	}
	arena_free(a);
}

static void overwrite(const char *file, off_t at, size_t n)
{
	int fd = open(file, O_WRONLY | O_CREAT, 0600);
	char junk[4096];

	memset(junk, 0xa5, sizeof junk);
	for (; n > 0; n -= n < sizeof junk ? n : sizeof junk, at += (off_t)sizeof junk)
		assert_true(pwrite(fd, junk, n < sizeof junk ? n : sizeof junk, at) > 0);
	close(fd);
}

static void fill(struct store *st, int n)
{
	char key[16];

	for (int i = 0; i < n; i++) {
		snprintf(key, sizeof key, "%08d", i);
		assert_int_equal(store_put(st, "t", str_of(key), str_of(key), 0), RES_OK);
	}
	assert_int_equal(store_flush(st), RES_OK);
}

static bool has_damaged_file(void)
{
	char command[128];

	snprintf(command, sizeof command, "ls %s/state.db.damaged-* >/dev/null 2>&1", folder);
	return system(command) == 0;
}

static void damaged_header_is_set_aside_at_start(void **state)
{
	struct fixture *f = *state;
	uint64_t kept = 77;

	fill(f->st, 100);
	store_close(f->st);
	overwrite(path, 0, 100);
	f->st = open_file(f->a);
	assert_non_null(f->st);
	assert_true(store_was_rebuilt(f->st, &kept));
	assert_int_equal(kept, 0);
	assert_false(store_was_rebuilt(f->st, &kept));
	assert_true(has_damaged_file());
	assert_int_equal(store_put(f->st, "t", STR("k"), STR("v"), 0), RES_OK);
	expect_both(f, "t", "k", "v");
	assert_true(integrity_is_ok());
}

static bool was_rebuilt(struct store *st)
{
	return store_was_rebuilt(st, NULL);
}

static bool has(struct fixture *f, const char *key)
{
	struct store_entry e;

	return store_get(f->st, "t", str_of(key), f->a, &e) == RES_OK;
}

/* Each looks every second whether the file is still the one that it has open. */
static bool share_a_file(struct fixture *one, struct fixture *other)
{
	for (int i = 0; i < 200; i++) {
		store_put(one->st, "t", STR("from one"), STR("1"), 0);
		store_put(other->st, "t", STR("from other"), STR("2"), 0);
		store_flush(one->st);
		store_flush(other->st);
		if (has(one, "from other") && has(other, "from one"))
			return true;
		usleep(100000);
	}
	return false;
}

/* Two processes share the file; both go on with the same new one, and what can be read is kept. */
static void damage_while_running_is_repaired(void **state)
{
	struct fixture *f = *state, other = {.a = f->a};
	struct stat st;
	char key[16];
	int kept = 0;

	fill(f->st, 20000);
	store_close(f->st); /* so that all is in the file, not in the log */
	f->st = open_file(f->a);
	other.st = open_file(f->a);
	stat(path, &st);
	overwrite(path, st.st_size / 2 & ~(off_t)4095, 3 * 4096);
	assert_true(wait_for(f->st, was_rebuilt) || store_was_rebuilt(other.st, NULL));
	assert_true(has_damaged_file());
	for (int i = 0; i < 20000; i += 100) {
		struct store_entry e;
		snprintf(key, sizeof key, "%08d", i);
		kept += store_get(f->st, "t", str_of(key), f->a, &e) == RES_OK;
	}
	assert_in_range(kept, 190, 200);
	assert_true(share_a_file(f, &other));
	expect(f, "t", "from other", "2");
	expect(&other, "t", "from one", "1");
	store_close(other.st);
	assert_true(integrity_is_ok());
}

static void truncated_file_is_set_aside(void **state)
{
	struct fixture *f = *state;
	struct stat st;

	fill(f->st, 5000);
	store_close(f->st);
	stat(path, &st);
	assert_int_equal(truncate(path, st.st_size / 3), 0);
	f->st = open_file(f->a);
	assert_non_null(f->st);
	assert_true(store_was_rebuilt(f->st, NULL) || wait_for(f->st, was_rebuilt));
	assert_int_equal(store_put(f->st, "t", STR("k"), STR("v"), 0), RES_OK);
	expect_both(f, "t", "k", "v");
}

static void foreign_and_newer_files_are_refused(void **state)
{
	struct fixture *f = *state;
	struct str error = STR_NONE;
	char word[16];

	store_close(f->st);
	run_sql("PRAGMA user_version=99", word);
	f->st = store_open(path, false, f->a, &error);
	assert_null(f->st);
	assert_true(str_find(error, STR("newer version")) > 0);
	f->st = store_open(path, true, f->a, &error);
	assert_null(f->st);
	assert_true(str_find(error, STR("newer version")) > 0);
	assert_false(has_damaged_file());
	f->st = store_open("/nonexistent/state.db", false, f->a, &error);
	assert_null(f->st);
	assert_true(str_find(error, STR("No such file")) > 0);
}

/* With a limit on file sizes as a full disk: refused as RES_TEMP, served from memory, caught up
 * later. */
static void full_disk_child(void)
{
	struct arena *a = arena_new(0);
	struct fixture f = {.a = a, .st = open_file(a)};
	struct rlimit limit = {.rlim_cur = 64 * 1024, .rlim_max = RLIM_INFINITY};
	char value[1000] = {0}, key[16];
	bool ok = f.st != NULL;

	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &limit);
	for (int i = 0; i < 500; i++) {
		snprintf(key, sizeof key, "%d", i);
		ok = ok && store_put(f.st, "t", str_of(key), (struct str){value, sizeof value},
			       0) == RES_OK;
	}
	ok = ok && store_flush(f.st) == RES_TEMP;
	for (int i = 0; i < 500; i++) {
		struct store_entry e;
		snprintf(key, sizeof key, "%d", i);
		ok = ok && store_get(f.st, "t", str_of(key), a, &e) == RES_OK;
	}
	limit.rlim_cur = RLIM_INFINITY;
	setrlimit(RLIMIT_FSIZE, &limit);
	for (int i = 0; ok && i < 300 && store_flush(f.st) != RES_OK; i++)
		usleep(100000);
	ok = ok && store_flush(f.st) == RES_OK && !store_was_rebuilt(f.st, NULL);
	store_close(f.st);
	_exit(ok ? 0 : 1);
}

static void full_disk_is_outlived(void **state)
{
	struct fixture *f = *state;
	int status;
	pid_t pid;

	store_close(f->st);
	pid = fork();
	if (pid == 0)
		full_disk_child();
	waitpid(pid, &status, 0);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	f->st = open_file(f->a);
	struct store_entry e;
	assert_int_equal(store_get(f->st, "t", STR("499"), f->a, &e), RES_OK);
	assert_int_equal(e.value.n, 1000);
}

static void too_much_waiting_is_refused(void **state)
{
	struct fixture *f = *state;
	int64_t n = 0;
	enum res res;

	while ((res = store_put(f->st, "t", (struct str){(char *)&n, sizeof n}, STR("v"), 0)) ==
	       RES_OK)
		n++;
	assert_int_equal(res, RES_TEMP);
	assert_int_equal(n, STORE_WAITING_MAX);
	assert_int_equal(store_count(f->st, "t", STR("n"), 1, 0, &n), RES_TEMP);
}

#define BOTH(f)                                                                                    \
	cmocka_unit_test_setup_teardown(f, setup_memory, teardown),                                \
	    cmocka_unit_test_setup_teardown(f, setup_file, teardown)
#define FILE_ONLY(f) cmocka_unit_test_setup_teardown(f, setup_file, teardown)

static int init(void **state)
{
	(void)state;
	snprintf(folder, sizeof folder, "/tmp/test-store-XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof path, "%s/state.db", folder);
	steer_start();
	return 0;
}

static int fini(void **state)
{
	(void)state;
	remove_files();
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    BOTH(conform_put_replaces_and_delete_forgets),
	    BOTH(conform_keys_are_any_octets_within_the_limit),
	    BOTH(conform_values_within_the_limit),
	    BOTH(conform_entries_expire_on_the_second),
	    BOTH(conform_add_is_for_the_first),
	    BOTH(conform_counters_add_up),
	    BOTH(conform_each_goes_in_key_order),
	    BOTH(conform_batch_is_all_or_nothing),
	    BOTH(conform_bucket_holds_refills_and_gives_back),
	    BOTH(conform_bucket_reads_as_its_level),
	    BOTH(conform_bucket_never_admits_more_than_its_rate),
	    BOTH(conform_bucket_forgets_impossible_debt),
	    BOTH(conform_threads_lose_nothing),
	    FILE_ONLY(file_keeps_what_was_closed),
	    FILE_ONLY(file_is_shared),
	    cmocka_unit_test(file_shared_by_processes_keeps_the_rate),
	    FILE_ONLY(file_opened_read_only_stays_as_it_is),
	    FILE_ONLY(file_is_purged_in_the_background),
	    cmocka_unit_test(file_survives_kill_9),
	    FILE_ONLY(damaged_header_is_set_aside_at_start),
	    FILE_ONLY(damage_while_running_is_repaired),
	    FILE_ONLY(truncated_file_is_set_aside),
	    FILE_ONLY(foreign_and_newer_files_are_refused),
	    FILE_ONLY(full_disk_is_outlived),
	    cmocka_unit_test_setup_teardown(too_much_waiting_is_refused, setup_memory, teardown),
	};
	return cmocka_run_group_tests(tests, init, fini);
}
