/* Required literals are never wrong and often there; the prefilter finds what a plain search finds. */
#include <stdio.h>
#include <stdlib.h>

#include "lib/regex.h"
#include "rules/match/literal.h"
#include "rules/perlre.h"
#include "rules/match/prefilter.h"
#include "tests/unit/unit.h"

/* The literals of a written pattern, sorted by place, joined by blanks. */
static const char *literals(const char *written)
{
	static char text[2048];
	struct arena *a = arena_new(0);
	struct perlre re;
	struct str pattern;
	struct literals l;
	size_t n = 0;

	assert_null(perlre_split(str_of(written), &re));
	assert_null(perlre_translate(a, &re, &pattern));
	literals_of(a, a, pattern_parse(a, pattern, re.flags), &l);
	text[0] = '\0';
	for (size_t i = 0; i < l.n; i++)
		n += (size_t)snprintf(text + n, sizeof text - n, "%s%.*s", i ? " " : "", STR_ARG(l.v[i]));
	arena_free(a);
	return text;
}

static void literals_are_taken_from_patterns(void **state)
{
	(void)state;
	assert_string_equal(literals("/viagra/"), "viagra");
	assert_string_equal(literals("/VIAGRA/i"), "viagra");
	assert_string_equal(literals("/foo|bar/"), "foo bar");
	assert_string_equal(literals("/(?:foo|ba[rz])q/"), "fooq barq bazq");
	assert_string_equal(literals("/abc\\d+defgh/"), "defgh");
	assert_string_equal(literals("/ad+res+x?/"), "dres");
	assert_string_equal(literals("/(?:ab){2,}c/"), "ababc");
	assert_string_equal(literals("/\\bhello?\\b/"), "hell");
	assert_string_equal(literals("/a{3}b/"), "aaab");
	assert_string_equal(literals("/(?:ab){2,}/"), "abab");
	assert_string_equal(literals("m{http://x}"), "http://x");
	assert_string_equal(literals("/foo # note\n bar/x"), "foobar");
	assert_string_equal(literals("/foo(?=bar)baz/"), "foobaz");
	assert_string_equal(literals("/(?i)FOO(?-i:BAR)/"), "foobar");
	assert_string_equal(literals("/\\x66oo\\.bar/"), "foo.bar");
	assert_string_equal(literals("/some\\sthing/"), "some thing");
	assert_string_equal(literals("/names?|navne|nickname/"), "name navne");
}

/* How often one of the literals must occur. */
static unsigned times(const char *pattern)
{
	struct arena *a = arena_new(0);
	struct literals l;
	unsigned n;

	literals_of(a, a, pattern_parse(a, str_of(pattern), 0), &l);
	n = l.times;
	arena_free(a);
	return n;
}

static void repeated_literals_are_needed_as_often(void **state)
{
	(void)state;
	assert_int_equal(times("foo"), 1);
	assert_int_equal(times("(?:foo|bars?)"), 1);
	assert_int_equal(times("(?:foo.?|bars?x+){3}"), 3);
	assert_int_equal(times("(?:(?:foo.?){2}-){2}"), 4);
	assert_int_equal(times("(?:foo.?){2,}"), 2);
	assert_int_equal(times("(?:foo.?){0,9}|bar"), 0);
	assert_int_equal(times("(?:(?:foo.?){2}|bar.?){2}"), 2);
}

static void nothing_is_required_where_nothing_is(void **state)
{
	(void)state;
	assert_string_equal(literals("/ab/"), "");
	assert_string_equal(literals("/foo|b/"), "");
	assert_string_equal(literals("/(?:foo)?/"), "");
	assert_string_equal(literals("/(?:foo)*/"), "");
	assert_string_equal(literals("/[a-z]+/"), "");
	assert_string_equal(literals("/(?!foo)/"), "");
	assert_string_equal(literals("/(?:foo){0}/"), "");
	assert_string_equal(literals("/(foo)\\1?|x/"), "");
	assert_string_equal(literals("/f\\p{L}o/"), "");
	assert_string_equal(literals("/(?(1)foo|bar)/"), "");
}

static unsigned seed = 7;

static unsigned draw(unsigned most)
{
	seed = seed * 1103515245 + 12345;
	return (seed >> 16) % most;
}

/* A random pattern over few letters, so that random texts match it often. */
static void draw_pattern(struct buf *out, unsigned depth)
{
	unsigned pieces = 1 + draw(4);

	for (unsigned i = 0; i < pieces; i++) {
		switch (draw(depth ? 10 : 6)) {
		case 0:
			buf_adds(out, "[ab]");
			break;
		case 1:
			buf_adds(out, draw(2) ? "." : "\\s");
			break;
		case 6:
		case 7:
			buf_adds(out, draw(2) ? "(?:" : "(");
			draw_pattern(out, depth - 1);
			buf_addc(out, '|');
			draw_pattern(out, depth - 1);
			buf_addc(out, ')');
			break;
		case 8:
			buf_adds(out, "(?i:");
			draw_pattern(out, depth - 1);
			buf_addc(out, ')');
			break;
		default:
			buf_addc(out, "abcAB "[draw(6)]);
		}
		if (draw(4) == 0)
			buf_adds(out, (const char *[]){"?", "*", "+", "{2}", "{0,2}", "{1,}", "??", "*+"}[draw(8)]);
	}
}

static bool note_found(void *arg, uint32_t value, size_t at)
{
	(void)value;
	(void)at;
	++*(unsigned *)arg;
	return true;
}

/* Whether as many literals stand there as a match needs. */
static bool enough_are_there(struct arena *a, const struct literals *l, struct str text)
{
	struct prefilter_builder *b = prefilter_start(a);
	char *folded = arena_alloc(a, text.n + 1);
	unsigned found = 0;

	for (size_t i = 0; i < l->n; i++)
		prefilter_add(b, l->v[i], 0);
	prefilter_fold(text, folded);
	prefilter_scan(prefilter_finish(b), (struct str){folded, text.n}, note_found, &found);
	return found && found >= l->times;
}

static void no_match_is_lost(void **state)
{
	struct regex_scratch *scratch = regex_scratch_new();
	unsigned useful = 0;

	(void)state;
	for (unsigned i = 0; i < 4000; i++) {
		struct arena *a = arena_new(0);
		struct buf pattern = {0};
		struct str error;
		struct literals l;
		struct regex *re;
		size_t offset;
		draw_pattern(&pattern, 2);
		re = regex_new(a, buf_str(&pattern), 0, &error, &offset);
		literals_of(a, a, pattern_parse(a, buf_str(&pattern), 0), &l);
		for (unsigned k = 0; re && l.n && k < 30; k++) {
			char text[24];
			size_t n = draw(sizeof text);
			for (size_t c = 0; c < n; c++)
				text[c] = "abcAB x"[draw(7)];
			if (regex_match(re, scratch, (struct str){text, n}, 0, NULL) != REGEX_MATCH)
				continue;
			useful++;
			if (!enough_are_there(a, &l, (struct str){text, n}))
				fail_msg("%.*s matches '%.*s' without enough of its literals", STR_ARG(buf_str(&pattern)),
				    (int)n, text);
		}
		buf_free(&pattern);
		arena_free(a);
	}
	regex_scratch_free(scratch);
	assert_true(useful > 100);
}

struct count {
	uint32_t seen[300];
};

static bool count_found(void *arg, uint32_t value, size_t at)
{
	struct count *c = arg;

	(void)at;
	c->seen[value]++;
	return true;
}

/* Each word as often as a plain search finds it. */
static void check_occurrences(size_t word_count, size_t text_size)
{
	struct arena *a = arena_new(0);
	struct prefilter_builder *b = prefilter_start(a);
	struct prefilter *pf;
	struct str *words = arena_array(a, word_count, sizeof *words);
	char *text = arena_alloc(a, text_size), *folded = arena_alloc(a, text_size);
	struct count found = {{0}};

	for (size_t i = 0; i < word_count; i++) {
		char w[8];
		size_t n = 3 + draw(5);
		for (size_t k = 0; k < n; k++)
			w[k] = "abcd"[draw(4)];
		words[i] = arena_str(a, (struct str){w, n});
		prefilter_add(b, words[i], (uint32_t)i);
	}
	pf = prefilter_finish(b);
	assert_int_equal(prefilter_literals(pf), word_count);
	for (size_t i = 0; i < text_size; i++)
		text[i] = "abcdABCD"[draw(8)];
	prefilter_fold((struct str){text, text_size}, folded);
	prefilter_scan(pf, (struct str){folded, text_size}, count_found, &found);
	for (size_t i = 0; i < word_count; i++) {
		uint32_t plain = 0;
		for (size_t at = 0; at + words[i].n <= text_size; at++)
			plain += memcmp(folded + at, words[i].p, words[i].n) == 0;
		assert_int_equal(found.seen[i], plain);
	}
	arena_free(a);
}

/* With few words every second octet is looked at, with many short ones each. */
static void the_prefilter_finds_every_occurrence(void **state)
{
	(void)state;
	check_occurrences(300, 5000);
	for (size_t i = 0; i < 300; i++) {
		check_occurrences(1 + draw(12), draw(24));
		check_occurrences(1 + draw(12), 1000);
	}
}

static void folding_is_ascii_and_exact(void **state)
{
	char all[256], folded[256];

	(void)state;
	for (int i = 0; i < 256; i++)
		all[i] = (char)i;
	prefilter_fold((struct str){all, 256}, folded);
	for (int i = 0; i < 256; i++)
		assert_int_equal((unsigned char)folded[i], (unsigned char)(i >= 9 && i <= 13 ? ' ' : to_lower(all[i])));
}

static void texts_at_the_edges(void **state)
{
	struct arena *a = arena_new(0);
	struct literals l = {.v = (struct str[]){STR("abc"), STR("wxyz")}, .n = 2, .times = 1};

	(void)state;
	assert_false(enough_are_there(a, &l, STR("")));
	assert_false(enough_are_there(a, &l, STR("ab")));
	assert_true(enough_are_there(a, &l, STR("ABC")));
	assert_true(enough_are_there(a, &l, STR("xxabc")));
	assert_true(enough_are_there(a, &l, STR("wxyz")));
	assert_false(enough_are_there(a, &l, STR("wxy")));
	assert_true(enough_are_there(a, &l, STR("awxyz")));
	arena_free(a);
}

static void perl_is_put_into_pcre(void **state)
{
	static const struct {
		const char *written, *text;
		bool matches;
	} rows[] = {
	    {"/save $?[\\d]/", "save 5", true},
	    {"/a\\_b/", "a_b", true},
	    {"/\\N{U+69}\\N{U+7a}/", "iz", true},
	    {"/^b{,2}$/", "bb", true},
	    {"/^b{,2}$/", "bbb", false},
	    {"/^b{ 1, 2 }$/", "bb", true},
	    {"/^b{ 2 }$/", "bb", true},
	    {"/^[{,2}]$/", ",", true},
	    {"/^b\\{,2}$/", "b{,2}", true},
	    {"/[\\w-.]+x/", "a-x", true},
	    {"/\\xc4/i", "\xe4", true},
	    {"/[\\xc4]/i", "\xe4", true},
	    {"/[\\xc0-\\xc5]/i", "\xe2", true},
	    {"/\xc4/i", "\xe4", true},
	    {"/\\xd7/i", "\xf7", false},
	    {"/\\xc4/", "\xe4", false},
	    {"/[]x]/", "]", true},
	    {"/[[:alpha:]]]/", "a]", true},
	    {"m!a/b!", "a/b", true},
	    {"m<x>i", "X", true},
	    {"/a.b/s", "a\nb", true},
	    {"/^b/m", "a\nb", true},
	};
	struct regex_scratch *scratch = regex_scratch_new();

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct arena *a = arena_new(0);
		struct perlre re;
		struct str pattern, error;
		struct regex *compiled;
		size_t offset;
		assert_null(perlre_split(str_of(rows[i].written), &re));
		assert_null(perlre_translate(a, &re, &pattern));
		compiled = regex_new(a, pattern, re.flags, &error, &offset);
		if (!compiled)
			fail_msg("%s: %.*s", rows[i].written, STR_ARG(error));
		if ((regex_match(compiled, scratch, str_of(rows[i].text), 0, NULL) == REGEX_MATCH) != rows[i].matches)
			fail_msg("%s on %s", rows[i].written, rows[i].text);
		arena_free(a);
	}
	regex_scratch_free(scratch);
}

/* "b{ 2}" with blanks until the braces have so many octets. */
static bool is_quantifier(int octets)
{
	struct arena *a = arena_new(0);
	struct perlre re;
	struct str pattern, written = arena_printf(a, "/b{%*s}/", octets - 2, "2");
	bool found;

	assert_null(perlre_split(written, &re));
	assert_null(perlre_translate(a, &re, &pattern));
	found = str_is(pattern, "b{2}");
	arena_free(a);
	return found;
}

static void quantifiers_are_bounded(void **state)
{
	(void)state;
	assert_true(is_quantifier(PERLRE_QUANTIFIER_MAX - 1));
	assert_true(is_quantifier(PERLRE_QUANTIFIER_MAX));
	assert_false(is_quantifier(PERLRE_QUANTIFIER_MAX + 1));
}

static void what_is_no_pattern_is_refused(void **state)
{
	static const char *const rows[] = {"", "/", "foo", "/foo", "m", "/a/b/", "/a/e", "/a/g", "/a/o", "/a/c", "\\a\\", "m aa "};
	static const char *const escapes[] = {"/\\i/", "/[\\j]/", "/\\Qa.b\\E/", "/a\\E/", "/\\Ua/", "/\\u0061/"};
	struct arena *a = arena_new(0);
	struct str pattern;
	struct perlre re;

	(void)state;
	for (size_t i = 0; i < sizeof escapes / sizeof *escapes; i++)
		if (perlre_split(str_of(escapes[i]), &re) || !perlre_translate(a, &re, &pattern))
			fail_msg("'%s' was taken", escapes[i]);
	arena_free(a);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (!perlre_split(str_of(rows[i]), &re))
			fail_msg("'%s' was taken", rows[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(literals_are_taken_from_patterns),
	    cmocka_unit_test(repeated_literals_are_needed_as_often),
	    cmocka_unit_test(nothing_is_required_where_nothing_is),
	    cmocka_unit_test(no_match_is_lost),
	    cmocka_unit_test(the_prefilter_finds_every_occurrence),
	    cmocka_unit_test(folding_is_ascii_and_exact),
	    cmocka_unit_test(texts_at_the_edges),
	    cmocka_unit_test(perl_is_put_into_pcre),
	    cmocka_unit_test(quantifiers_are_bounded),
	    cmocka_unit_test(what_is_no_pattern_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
