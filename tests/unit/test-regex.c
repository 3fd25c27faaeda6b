#include <stdio.h>
#include <stdlib.h>

#include "lib/regex.h"
#include "tests/unit/unit.h"

struct kit {
	struct arena *a;
	struct regex_scratch *scratch;
};

static int kit_open(void **state)
{
	struct kit *k = calloc(1, sizeof *k);

	k->a = arena_new(0);
	k->scratch = regex_scratch_new();
	*state = k;
	return 0;
}

static int kit_close(void **state)
{
	struct kit *k = *state;

	arena_free(k->a);
	regex_scratch_free(k->scratch);
	free(k);
	return 0;
}

static struct regex *compile(struct kit *k, const char *pattern, unsigned flags)
{
	struct str error = STR_NONE;
	size_t offset;
	struct regex *re = regex_new(k->a, str_of(pattern), flags, &error, &offset);

	if (!re)
		fail_msg("%s: %.*s", pattern, STR_ARG(error));
	return re;
}

static enum regex_result match(struct kit *k, const char *pattern, unsigned flags, struct str subject)
{
	return regex_match(compile(k, pattern, flags), k->scratch, subject, 0, NULL);
}

static void flags(void **state)
{
	struct kit *k = *state;

	assert_int_equal(match(k, "ABC", 0, STR("xabcx")), REGEX_NO);
	assert_int_equal(match(k, "ABC", REGEX_CASELESS, STR("xabcx")), REGEX_MATCH);
	assert_int_equal(match(k, "(?i)ABC", 0, STR("xabcx")), REGEX_MATCH);
	assert_int_equal(match(k, "^b$", 0, STR("a\nb\nc")), REGEX_NO);
	assert_int_equal(match(k, "^b$", REGEX_MULTILINE, STR("a\nb\nc")), REGEX_MATCH);
	assert_int_equal(match(k, "a.b", 0, STR("a\nb")), REGEX_NO);
	assert_int_equal(match(k, "a.b", REGEX_DOTALL, STR("a\nb")), REGEX_MATCH);
	assert_int_equal(match(k, "a b # c", REGEX_EXTENDED, STR("ab")), REGEX_MATCH);
	assert_int_equal(match(k, "^.$", 0, STR("\xc3\xbc")), REGEX_NO);
	assert_int_equal(match(k, "^.$", REGEX_UTF, STR("\xc3\xbc")), REGEX_MATCH);
	assert_int_equal(match(k, "^\\w$", REGEX_UTF, STR("\xc3\xbc")), REGEX_NO);
	assert_int_equal(match(k, "^\\w$", REGEX_UTF | REGEX_UCP, STR("\xc3\xbc")), REGEX_MATCH);
	assert_int_equal(match(k, "b", REGEX_ANCHORED, STR("ab")), REGEX_NO);
	assert_int_equal(match(k, "", 0, STR_NONE), REGEX_MATCH);
}

/* What is no UTF-8 matches nothing, and does not hide what follows. */
static void bad_utf8(void **state)
{
	struct kit *k = *state;

	assert_int_equal(match(k, "b\xc3\xbc", REGEX_UTF, STR("a\xff\xc3(b\xc3\xbc")), REGEX_MATCH);
	assert_int_equal(match(k, "a.b", REGEX_UTF, STR("a\xff" "b")), REGEX_NO);
}

static void groups(void **state)
{
	struct kit *k = *state;
	struct regex *re = compile(k, "(?<user>\\w+)(x)?@(\\w+)", 0);
	struct str subject = STR("to joe@example");
	struct regex_hit hit;

	assert_int_equal(regex_group_count(re), 3);
	assert_string_equal(regex_group_name(re, 1), "user");
	assert_null(regex_group_name(re, 2));
	assert_null(regex_group_name(re, 99));
	assert_int_equal(regex_min_length(re), 3);
	assert_int_equal(regex_match(re, k->scratch, subject, 0, &hit), REGEX_MATCH);
	assert_int_equal(hit.start, 3);
	assert_int_equal(hit.end, subject.n);
	assert_str(regex_group(k->scratch, subject, 1), "joe");
	assert_null(regex_group(k->scratch, subject, 2).p);
	assert_str(regex_group(k->scratch, subject, 3), "example");
	assert_null(regex_group(k->scratch, subject, 4).p);
	assert_int_equal(regex_match(re, k->scratch, STR("none"), 0, NULL), REGEX_NO);
	assert_null(regex_group(k->scratch, subject, 0).p);
}

static void offsets(void **state)
{
	struct kit *k = *state;
	struct regex *re = compile(k, "\\bab", 0);
	struct regex_hit hit;

	assert_int_equal(regex_match(re, k->scratch, STR("ab ab"), 1, &hit), REGEX_MATCH);
	assert_int_equal(hit.start, 3);
	assert_int_equal(regex_match(re, k->scratch, STR("xab"), 1, NULL), REGEX_NO);
	assert_int_equal(regex_match(re, k->scratch, STR("ab"), 3, NULL), REGEX_NO);
	re = compile(k, "foo\\Kbar", 0);
	assert_int_equal(regex_match(re, k->scratch, STR("foobar"), 0, &hit), REGEX_MATCH);
	assert_int_equal(hit.start, 3);
}

static void many_groups(void **state)
{
	struct kit *k = *state;
	struct buf b = {0};
	struct regex *re;
	struct str subject = STR("aaaaaaaaaabbbbbbbbbbaaaaaaaaaabbbbbbbbbb");

	for (int i = 0; i < 40; i++)
		buf_adds(&b, "(.)");
	re = compile(k, buf_take(&b, k->a).p, 0);
	assert_int_equal(regex_match(re, k->scratch, subject, 0, NULL), REGEX_MATCH);
	assert_str(regex_group(k->scratch, subject, 31), "b");
	assert_null(regex_group(k->scratch, subject, 32).p);
}

static void errors(void **state)
{
	struct kit *k = *state;
	struct str error;
	size_t offset;
	struct buf b = {0};

	assert_null(regex_new(k->a, STR("a(b"), 0, &error, &offset));
	assert_int_equal(offset, 3);
	assert_true(str_find(error, STR("parenthesis")) >= 0);
	while (b.n < REGEX_PATTERN_MAX)
		buf_addc(&b, 'a');
	assert_null(regex_new(k->a, str_sub(buf_str(&b), 0, REGEX_PATTERN_MAX), REGEX_UTF, &error, &offset));
	assert_true(str_find(error, STR("too large")) >= 0);
	buf_addc(&b, 'a');
	assert_null(regex_new(k->a, buf_str(&b), 0, &error, &offset));
	assert_str(error, "longer than 65536 octets");
	buf_free(&b);
}

/* Patterns that explode are cut short, in time, and are no hit. */
static void limits(void **state)
{
	static const char *const patterns[] = {"^(a+)+$", "(?:a|aa)+$", "(.*a){12}$"};
	struct kit *k = *state;
	struct buf b = {0};

	for (int i = 0; i < 3000; i++)
		buf_addc(&b, 'a');
	buf_addc(&b, '!');
	for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++)
		assert_int_equal(match(k, patterns[i], 0, buf_str(&b)), REGEX_LIMIT);
	assert_int_equal(match(k, "^a+$", 0, buf_str(&b)), REGEX_NO);
	/* The same scratch serves the next pattern. */
	assert_int_equal(match(k, "a!$", 0, buf_str(&b)), REGEX_MATCH);
	buf_free(&b);
}

/* The least limit with which a pattern comes to an end: at it and above it does, below it is cut. */
static void match_limit_at_its_bounds(void **state)
{
	struct kit *k = *state;
	struct regex *re = compile(k, "^(?:a+)+$", 0);
	struct str subject = STR("aaaaaaaaaa!");
	unsigned low = 1, high = REGEX_MATCH_LIMIT;

	while (low + 1 < high) {
		unsigned middle = low + (high - low) / 2;

		regex_scratch_limit(k->scratch, middle);
		if (regex_match(re, k->scratch, subject, 0, NULL) == REGEX_LIMIT)
			low = middle;
		else
			high = middle;
	}
	assert_in_range(high, 10, 10000);
	for (unsigned limit = high - 1; limit <= high + 1; limit++) {
		regex_scratch_limit(k->scratch, limit);
		assert_int_equal(regex_match(re, k->scratch, subject, 0, NULL), limit < high ? REGEX_LIMIT : REGEX_NO);
	}
	regex_scratch_limit(k->scratch, 0);
	assert_int_equal(regex_match(re, k->scratch, subject, 0, NULL), REGEX_NO);
}

static void jit(void **state)
{
	struct kit *k = *state;

	assert_int_equal(regex_is_fast(compile(k, "abc", 0)), regex_has_jit());
	/* (*NO_JIT) takes the interpreter: its subjects are cut. */
	struct regex *slow = compile(k, "(*NO_JIT)b", 0);
	struct buf b = {0};
	assert_false(regex_is_fast(slow));
	while (b.n < REGEX_SLOW_SUBJECT_MAX - 1)
		buf_addc(&b, 'a');
	buf_addc(&b, 'b');
	assert_int_equal(regex_match(slow, k->scratch, buf_str(&b), 0, NULL), REGEX_MATCH);
	b.p[b.n - 1] = 'a';
	buf_addc(&b, 'b');
	assert_int_equal(regex_match(slow, k->scratch, buf_str(&b), 0, NULL), REGEX_NO);
	assert_int_equal(regex_match(slow, k->scratch, buf_str(&b), b.n, NULL), REGEX_NO);
	buf_free(&b);
}

static void pool(void **state)
{
	struct kit *k = *state;
	struct regex_pool *p = regex_pool_new(k->a);
	struct regex_scratch *one = regex_borrow(p), *two = regex_borrow(p);

	assert_ptr_not_equal(one, two);
	regex_give_back(p, one);
	assert_ptr_equal(regex_borrow(p), one);
	assert_int_equal(regex_match(compile(k, "b", 0), one, STR("abc"), 0, NULL), REGEX_MATCH);
	regex_give_back(p, one);
	regex_give_back(p, two);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(flags, kit_open, kit_close),
	    cmocka_unit_test_setup_teardown(bad_utf8, kit_open, kit_close),
	    cmocka_unit_test_setup_teardown(groups, kit_open, kit_close),
	    cmocka_unit_test_setup_teardown(offsets, kit_open, kit_close),
	    cmocka_unit_test_setup_teardown(many_groups, kit_open, kit_close),
	    cmocka_unit_test_setup_teardown(errors, kit_open, kit_close),
	    cmocka_unit_test_setup_teardown(limits, kit_open, kit_close),
	    cmocka_unit_test_setup_teardown(match_limit_at_its_bounds, kit_open, kit_close),
	    cmocka_unit_test_setup_teardown(pool, kit_open, kit_close),
	    cmocka_unit_test_setup_teardown(jit, kit_open, kit_close),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
