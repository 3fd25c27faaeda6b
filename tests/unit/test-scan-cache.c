/* What a worker remembers of leaves: only final answers, for the same bytes and question, within bounds. */
#include <stdio.h>
#include <stdlib.h>

#include "scanner/cache.h"
#include "tests/unit/unit.h"

static char room[WIRE_ANSWER_MAX];

static struct wire_answer start(void)
{
	struct wire_head request = {.op = WIRE_SCAN, .id = 1};
	struct wire_answer a;

	wire_answer_start(&a, room, &request);
	return a;
}

static struct cache_key key_of(uint32_t n)
{
	return (struct cache_key){.size = 100, .hash = {n % 65536, n}};
}

static void keep(struct cache *c, uint32_t n, enum wire_status status, size_t names)
{
	struct wire_record record = {.type = WIRE_MEMBER, .item = 7, .kind = KIND_ZIP, .flags = WIRE_F_ARCHIVE, .size = n};
	struct cache_key key = key_of(n);
	struct wire_answer a = start();
	size_t from = a.n;

	for (size_t i = 0; i < names; i++)
		assert_true(wire_answer_add(&a, &record, STR("name"), NULL));
	cache_keep(c, &key, &a, from, status);
}

static bool is_there(struct cache *c, uint32_t n)
{
	struct cache_key key = key_of(n);
	struct wire_answer a = start();
	enum wire_status status;

	return cache_replay(c, &key, 3, &a, &status);
}

static void replays(void **state)
{
	struct cache *c = cache_new();
	struct cache_key key = key_of(5), other = key;
	struct wire_answer a = start();
	enum wire_status status;
	struct wire_record record;
	struct wire_head head;
	struct str rest, name;

	(void)state;
	keep(c, 5, WIRE_INFECTED, 2);
	assert_true(cache_replay(c, &key, 3, &a, &status));
	assert_int_equal(status, WIRE_INFECTED);
	rest = wire_answer_finish(&a);
	assert_true(wire_read_answer(rest, &head));
	assert_int_equal(head.count, 2);
	rest = str_from(rest, sizeof head);
	assert_true(wire_next_record(&rest, &record, &name));
	assert_int_equal(record.item, 3); /* of the message at hand */
	assert_int_equal(record.size, 5);
	assert_str(name, "name");
	other.size++;
	assert_false(cache_replay(c, &other, 3, &a, &status));
	other = key;
	other.flags = WIRE_I_BODY;
	assert_false(cache_replay(c, &other, 3, &a, &status));
	cache_free(c);
}

static void only_final_answers(void **state)
{
	struct cache *c = cache_new();

	(void)state;
	for (unsigned status = 0; status < WIRE_STATUSES; status++) {
		keep(c, status, status, 1);
		assert_int_equal(is_there(c, status), status == WIRE_CLEAN || status == WIRE_INFECTED);
	}
	cache_free(c);
	assert_false(is_there(NULL, 1));
	keep(NULL, 1, WIRE_CLEAN, 1);
}

/* The bytes in memory of their own, so that a sanitizer sees each octet behind them. */
static struct cache_key key_of_bytes(const struct cache *c, const char *bytes, size_t n, uint32_t flags)
{
	char *copy = malloc(n ? n : 1);
	struct cache_key key;

	memcpy(copy, bytes, n);
	key = cache_key(c, (struct str){copy, n}, flags);
	free(copy);
	return key;
}

static void check_keys(const struct cache *c, const struct cache *other, size_t n)
{
	char text[3000];
	struct cache_key key, more;

	memset(text, 'a', sizeof text);
	key = key_of_bytes(c, text, n, 1);
	more = key_of_bytes(c, text, n, 2);
	assert_memory_equal(key.hash, more.hash, sizeof key.hash);
	assert_int_not_equal(key.flags, more.flags);
	more = key_of_bytes(other, text, n, 1);
	assert_true(n == 0 || key.hash[0] != more.hash[0]);
	for (size_t i = 0; i < n; i++) {
		text[i] ^= 1;
		more = key_of_bytes(c, text, n, 1);
		assert_true(key.hash[0] != more.hash[0] && key.hash[1] != more.hash[1]);
		text[i] ^= 1;
	}
	more = key_of_bytes(c, text, n + 1, 1);
	assert_int_not_equal(key.size, more.size);
}

/* Each octet, the length, the flags and the worker's secret make the key. */
static void keys(void **state)
{
	static const size_t sizes[] = {1007, 1008, 1009, 1023, 1024, 1025, 2047, 2048, 2049, 2999};
	struct cache *c = cache_new(), *other = cache_new();
	char text[4096];
	struct cache_key key, more;

	(void)state;
	for (size_t n = 0; n <= 64; n++)
		check_keys(c, other, n);
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
		check_keys(c, other, sizes[i]);
	/* The same blocks in another order. */
	memset(text, 'a', 1024);
	memset(text + 1024, 'b', 1024);
	memset(text + 2048, 'b', 1024);
	memset(text + 3072, 'a', 1024);
	key = key_of_bytes(c, text, 2048, 1);
	more = key_of_bytes(c, text + 2048, 2048, 1);
	assert_true(key.hash[0] != more.hash[0] && key.hash[1] != more.hash[1]);
	cache_free(c);
	cache_free(other);
}

static void bounds(void **state)
{
	size_t each = sizeof(struct wire_record) + 4, most = CACHE_RECORDS_MAX / each;
	struct cache *c = cache_new();
	struct cache_key key = key_of(1);
	struct wire_answer a = start();
	enum wire_status status;

	(void)state;
	keep(c, 1, WIRE_CLEAN, most);
	keep(c, 2, WIRE_CLEAN, most + 1);
	assert_true(is_there(c, 1));
	assert_false(is_there(c, 2));
	/* An answer that is full: as if it were not known, and nothing is added. */
	a.n = WIRE_ANSWER_MAX - most * each + 1;
	assert_false(cache_replay(c, &key, 0, &a, &status));
	a.n--;
	assert_true(cache_replay(c, &key, 0, &a, &status));
	assert_int_equal(a.n, WIRE_ANSWER_MAX);
	cache_free(c);
}

/* Sets have few ways: the one that was not used for longest goes. */
static void oldest_goes(void **state)
{
	struct cache *c = cache_new();

	(void)state;
	for (uint32_t i = 0; i < CACHE_WAYS; i++)
		keep(c, i * 65536, WIRE_CLEAN, 1);
	assert_true(is_there(c, 0));
	keep(c, CACHE_WAYS * 65536, WIRE_CLEAN, 1);
	assert_true(is_there(c, 0));
	assert_false(is_there(c, 65536));
	for (uint32_t i = 2; i <= CACHE_WAYS; i++)
		assert_true(is_there(c, i * 65536));
	for (uint32_t i = 0; i < 100000; i++)
		keep(c, i, WIRE_CLEAN, 1);
	cache_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(replays),
	    cmocka_unit_test(only_final_answers),
	    cmocka_unit_test(keys),
	    cmocka_unit_test(bounds),
	    cmocka_unit_test(oldest_goes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
