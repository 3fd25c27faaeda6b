#include <stdio.h>

#include "tests/unit/unit.h"

static void compare(void **state)
{
	(void)state;
	assert_true(str_eq(STR(""), STR_NONE));
	assert_true(str_ieq(STR("ExAmple"), STR("eXample")));
	assert_false(str_ieq(STR("a"), STR("ab")));
	assert_true(str_starts(STR("abc"), STR("ab")));
	assert_true(str_iends(STR("mx.Example.ORG"), STR(".example.org")));
	assert_false(str_ends(STR("c"), STR("bc")));
	assert_true(str_cmp(STR("ab"), STR("b")) < 0);
	assert_true(str_cmp(STR("ab"), STR("a")) > 0);
	assert_int_equal(str_find(STR("hello"), STR("ll")), 2);
	assert_int_equal(str_ifind(STR("heLLo"), STR("ll")), 2);
	assert_int_equal(str_ifind(STR("and THE QUICK brown fox jumps over the lazy dog"), STR("the quick BROWN fox jumps over the lazy DOG")), 4);
	assert_int_equal(str_ifind(STR("and the quick brown fox jumps over the lazy cat"), STR("the quick brown fox jumps over the lazy dog")), -1);
	assert_int_equal(str_find(STR("hello"), STR("lo!")), -1);
	assert_int_equal(str_rchr(STR("a@b@c"), '@'), 3);
}

static void cut(void **state)
{
	struct str rest = STR("a,,b"), part;

	(void)state;
	assert_true(str_split(&rest, ',', &part));
	assert_str(part, "a");
	assert_true(str_split(&rest, ',', &part));
	assert_str(part, "");
	assert_true(str_split(&rest, ',', &part));
	assert_str(part, "b");
	assert_false(str_split(&rest, ',', &part));
	rest = STR("  one\t two ");
	assert_true(str_word(&rest, &part));
	assert_str(part, "one");
	assert_true(str_word(&rest, &part));
	assert_str(part, "two");
	assert_false(str_word(&rest, &part));
	assert_str(str_trim(STR(" \r\n x y \t")), "x y");
	assert_str(str_sub(STR("abc"), 2, 9), "c");
	assert_str(str_from(STR("abc"), 9), "");
}

static void numbers(void **state)
{
	uint64_t v;

	(void)state;
	assert_true(str_u64(STR("18446744073709551615"), &v));
	assert_true(v == UINT64_MAX);
	assert_false(str_u64(STR("18446744073709551616"), &v));
	assert_false(str_u64(STR(""), &v));
	assert_false(str_u64(STR("+1"), &v));
	assert_false(str_u64(STR("1 "), &v));
}

static void utf8(void **state)
{
	(void)state;
	assert_true(str_is_utf8(STR("gr\xc3\xbc\xc3\x9f \xf0\x9f\x93\xac")));
	assert_false(str_is_utf8(STR("\xc0\xaf")));
	assert_false(str_is_utf8(STR("\xed\xa0\x80")));
	assert_false(str_is_utf8(STR("\xf4\x90\x80\x80")));
	assert_false(str_is_utf8(STR("\xc3")));
	assert_true(str_is_ascii(STR("abc")));
	assert_false(str_is_ascii(STR("\x80")));
}

static void growing(void **state)
{
	struct arena *a = arena_new(0);
	struct buf b = {0};

	(void)state;
	for (int i = 0; i < 1000; i++)
		buf_addf(&b, "%d,", i);
	assert_int_equal(b.n, 10 * 2 + 90 * 3 + 900 * 4);
	assert_true(str_ends(buf_str(&b), STR("998,999,")));
	buf_add(&b, STR_NONE);
	assert_true(str_starts(buf_take(&b, a), STR("0,1,2,")));
	assert_int_equal(b.room, 0);
	arena_free(a);
}

static bool same(struct str a, struct str b, bool any_case)
{
	return any_case ? str_ieq(a, b) : str_eq(a, b);
}

static ptrdiff_t place_by_place(struct str s, struct str needle, bool any_case)
{
	for (size_t i = 0; i + needle.n <= s.n; i++)
		if (same(str_sub(s, i, needle.n), needle, any_case))
			return (ptrdiff_t)i;
	return -1;
}

/* Needles of every length around the widths that are compared at once, at every place, and some that are nowhere. */
static void finds_what_is_there(void **state)
{
	char text[] = "aAbBaabBA@`[{k\xcb\xebK/..//a-B_a aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab.c.d!";

	(void)state;
	for (size_t n = 1; n < 40; n++) {
		for (size_t at = 0; at + n < sizeof text; at++) {
			struct str whole = {text, sizeof text - 1}, needle = str_sub(whole, at, n), odd;
			char copy[64];
			memcpy(copy, needle.p, n);
			copy[n - 1] ^= 0x20;
			odd = (struct str){copy, n};
			for (size_t end = at; end <= whole.n; end += 7) {
				struct str s = str_sub(whole, end % 5, end);
				assert_int_equal(str_find(s, needle), place_by_place(s, needle, false));
				assert_int_equal(str_ifind(s, needle), place_by_place(s, needle, true));
				assert_int_equal(str_find(s, odd), place_by_place(s, odd, false));
				assert_int_equal(str_ifind(s, odd), place_by_place(s, odd, true));
			}
			for (char c = 'A'; c <= 'z'; c += 3) {
				size_t count = 0;
				for (size_t i = 0; i < needle.n; i++)
					count += (unsigned char)needle.p[i] >= (unsigned char)c && (unsigned char)needle.p[i] <= 'z';
				assert_int_equal(str_count(needle, c, 'z'), count);
			}
		}
	}
}

static void globs(void **state)
{
	static const struct {
		const char *text, *glob;
		bool fits;
	} cases[] = {
	    {"", "", true}, {"", "*", true}, {"", "?", false}, {"a", "", false}, {"abc", "a?c", true}, {"abc", "a?", false},
	    {"abc", "*c", true}, {"abc", "**", true}, {"abcbcd", "a*bcd", true}, {"abcbcx", "a*bcd", false},
	    {"*x", "*", true}, {"a*", "a*", true}, {"aab", "a*?b", true}, {"ab", "a*?b", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_int_equal(str_glob(str_of(cases[i].text), str_of(cases[i].glob)), cases[i].fits);
}

static void quotes(void **state)
{
	struct buf b = {0};

	(void)state;
	buf_add_quoted(&b, STR_NONE);
	buf_add_quoted(&b, STR("a\"b\\c\r\n\x7f\xc3\xa9"));
	assert_str(buf_str(&b), "\"\"\"a\\\"b\\\\c   \xc3\xa9\"");
	buf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(compare),
	    cmocka_unit_test(cut),
	    cmocka_unit_test(numbers),
	    cmocka_unit_test(utf8),
	    cmocka_unit_test(growing),
	    cmocka_unit_test(finds_what_is_there),
	    cmocka_unit_test(globs),
	    cmocka_unit_test(quotes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
