/* Meta expressions: Perl's precedence and values, names, limits. */
#include <stdio.h>

#include "rules/meta.h"
#include "tests/unit/unit.h"

/* A..J count 0..9; anything else is unknown. */
static uint32_t find(void *arg, struct str name)
{
	(void)arg;
	return name.n == 1 && name.p[0] >= 'A' && name.p[0] <= 'J' ? (uint32_t)(name.p[0] - 'A') : UINT32_MAX;
}

static void match(void *arg, struct str glob, void (*add)(void *to, uint32_t rule), void *to)
{
	(void)arg;
	if (str_is(glob, "*"))
		for (uint32_t i = 0; i < 10; i++)
			add(to, i);
}

static void note(void *arg, struct str name)
{
	(void)name;
	++*(unsigned *)arg;
}

static double value_of(const char *text, unsigned *ret_unknown)
{
	static const float counts[10] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
	struct arena *a = arena_new(0);
	struct meta_names names = {find, match, note, ret_unknown};
	struct meta meta;
	const char *error = meta_compile(a, str_of(text), &names, &meta);
	double value;

	if (error)
		fail_msg("%s: %s", text, error);
	value = meta_value(&meta, counts);
	arena_free(a);
	return value;
}

static void values_are_as_in_perl(void **state)
{
	static const struct {
		const char *text;
		double value;
	} rows[] = {
	    {"B", 1},
	    {"!A", 1},
	    {"!C", 0},
	    {"!!C", 1},
	    {"A || C", 2},
	    {"C && D", 3},
	    {"A && D", 0},
	    {"C + D * E", 14},
	    {"(C + D) * E", 20},
	    {"E - C - B", 1},
	    {"I / 2 / 2", 2},
	    {"D < C < B", 0},
	    {"B < C < D", 1},
	    {"D > C > A", 1},
	    {"C > D > A", 0},
	    {"C == C == C", 1}, /* not 1 == 2 */
	    {"B == C != D", 0},
	    {"C <= C + 1 < D + 1 <= 4", 1},
	    {"(B < C) < D", 1},
	    {"A && B / C", 0},
	    {"B +- C", -1},
	    {"C < D", 1},
	    {"C >= D", 0},
	    {"C + D > E", 1},
	    {"C == 2", 1},
	    {"C != 2", 0},
	    {"C > 1 && D > 1 || A", 1},
	    {"A || B && C", 2},
	    {"!A && !A", 1},
	    {"!B || C", 2},
	    {"-C + D", 1},
	    {"B - 1", 0},
	    {"-B+C", 1},
	    {"local_tests_only", 0},
	    {"D ^ B", 2},
	    {"A ? C : D", 3},
	    {"B ? C : D", 2},
	    {"A ? B : A ? C : D", 3},
	    {"1.5 * C", 3},
	    {"rules_matching(*)", 45},
	    {"rules_matching(Q*)", 0},
	    {"((((B))))", 1},
	    {"B\t+\n1", 2},
	    {"1 ? 2 : 1 / 0", 2},
	};
	unsigned unknown = 0;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		double value = value_of(rows[i].text, &unknown);
		if (value < rows[i].value - 1e-9 || value > rows[i].value + 1e-9)
			fail_msg("%s is %g, not %g", rows[i].text, value, rows[i].value);
	}
	assert_int_equal(unknown, 0);
	assert_true(value_of("NOBODY || B", &unknown) == 1);
	assert_int_equal(unknown, 1);
}

static const char *error_of(const char *text)
{
	struct arena *a = arena_new(0);
	unsigned unknown = 0;
	struct meta_names names = {find, match, note, &unknown};
	struct meta meta;
	const char *error = meta_compile(a, str_of(text), &names, &meta);

	arena_free(a);
	return error;
}

static void errors_are_told(void **state)
{
	static const char *const rows[] = {"", "A +", "A B", "(A", "A)", "A && && B", "1.2.3", "A ? B", "A @ B",
	    "1.", ".5", "-2", "B -1", "B-1", "1+ B", "1+1", "--B", "++B", "B ++ C", "B / C", "B / (C && D)", "!(B / C)", "1 / 0",
	    "rules_matching A", "A & B", "* A", "&& A"};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (!error_of(rows[i]))
			fail_msg("'%s' was taken", rows[i]);
}

/* "(((...1...)))" */
static const char *nested(unsigned depth)
{
	struct buf b = {0};
	const char *error;

	for (unsigned i = 0; i < depth; i++)
		buf_addc(&b, '(');
	buf_addc(&b, '1');
	for (unsigned i = 0; i < depth; i++)
		buf_addc(&b, ')');
	buf_addc(&b, '\0');
	error = error_of(b.p);
	buf_free(&b);
	return error;
}

static void limits_hold(void **state)
{
	struct buf b = {0};

	(void)state;
	assert_null(nested(META_DEPTH_MAX - 1));
	assert_non_null(nested(META_DEPTH_MAX));
	/* Right-leaning sums pile up on the stack. */
	for (int i = 0; i < META_STACK_MAX + 1; i++)
		buf_adds(&b, i < META_STACK_MAX ? "1 + (" : "1");
	for (int i = 0; i < META_STACK_MAX; i++)
		buf_addc(&b, ')');
	buf_addc(&b, '\0');
	assert_non_null(error_of(b.p));
	b.n = 0;
	for (int i = 0; i < META_OPS_MAX / 2; i++)
		buf_adds(&b, i ? " + 1" : "1");
	buf_addc(&b, '\0');
	assert_null(error_of(b.p));
	b.n--;
	buf_adds(&b, " + 1");
	buf_addc(&b, '\0');
	assert_non_null(error_of(b.p));
	/* The middle of a chain is reckoned twice: chains in chains double it, up to the same limit. */
	for (int depth = 4; depth <= 40; depth += 36) {
		b.n = 0;
		for (int i = 0; i < depth; i++)
			buf_adds(&b, "B < (");
		buf_addc(&b, 'C');
		for (int i = 0; i < depth; i++)
			buf_adds(&b, ") < D");
		buf_addc(&b, '\0');
		if (depth == 4)
			assert_null(error_of(b.p));
		else
			assert_non_null(error_of(b.p));
	}
	buf_free(&b);
}

static void an_empty_pair_is_a_placeholder(void **state)
{
	struct arena *a = arena_new(0);
	unsigned unknown = 0;
	struct meta_names names = {find, match, note, &unknown};
	struct meta meta;

	(void)state;
	assert_null(meta_compile(a, STR(" ( ) "), &names, &meta));
	assert_true(meta.is_never_run);
	assert_int_equal(meta.n, 0);
	arena_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(values_are_as_in_perl),
	    cmocka_unit_test(errors_are_told),
	    cmocka_unit_test(limits_hold),
	    cmocka_unit_test(an_empty_pair_is_a_placeholder),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
