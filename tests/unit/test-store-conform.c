/* What any back end of the store must keep to: each test is run for memory and for a file. */
#include <pthread.h>

#include "tests/unit/store-fixture.h"

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

#define BOTH(f)                                                                                    \
	cmocka_unit_test_setup_teardown(f, setup_memory, teardown),                                \
	    cmocka_unit_test_setup_teardown(f, setup_file, teardown)

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
	};
	return cmocka_run_group_tests(tests, init, fini);
}
