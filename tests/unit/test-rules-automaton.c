/* An automaton never misses a match, keeps patterns apart, and is bounded on texts made against it. */
#include <stdlib.h>

#include "lib/regex.h"
#include "rules/match/automaton.h"
#include "tests/unit/unit.h"

enum { TOLD_MAX = 40 };

struct told {
	unsigned count[TOLD_MAX];
};

static void note_told(void *arg, uint32_t value)
{
	struct told *t = arg;

	t->count[value]++;
}

/* One line over one automaton; false when it gave up. */
static bool run(struct automaton_states *s, struct str line, struct told *ret)
{
	struct automaton_states *lanes[AUTOMATON_LANES];

	for (size_t i = 0; i < AUTOMATON_LANES; i++)
		lanes[i] = automaton_idle();
	lanes[2] = s;
	*ret = (struct told){{0}};
	return automaton_run(lanes, line, note_told, ret);
}

static bool tells(const char *pattern, unsigned flags, const char *text)
{
	struct arena *a = arena_new(0);
	struct automaton_pattern one = {pattern_parse(a, str_of(pattern), flags), 0, 0};
	struct automaton_states *s;
	struct told told;
	struct automaton *au;
	size_t taken;

	assert_non_null(one.tree);
	au = automaton_new(a, automaton_space_new(a), &one, 1, &taken);
	assert_non_null(au);
	s = automaton_states_new(au);
	automaton_start(s, 0);
	assert_true(run(s, str_of(text), &told));
	automaton_states_free(s);
	arena_free(a);
	return told.count[0] > 0;
}

static void patterns_are_found_and_others_are_not(void **state)
{
	static const struct {
		const char *pattern, *text;
		unsigned flags;
		bool tells;
	} rows[] = {
	    {"abc", "xxabcxx", 0, true},
	    {"abc", "xxabxcx", 0, false},
	    {"abc", "ABC", 0, false},
	    {"x\x85 y", "xy", REGEX_EXTENDED, true},
	    {"x\x85 y", "xy", 0, false},
	    {"abc", "ABC", REGEX_CASELESS, true},
	    {"a(?:b|cd)+e", "xacdbe", 0, true},
	    {"a(?:b|cd)+e", "xacbe", 0, false},
	    {"[^a-y]{3}", "abzzy", 0, false},
	    {"[^a-y]{3}", "abzzz", 0, true},
	    {"(?:ab){3}c", "ababc", 0, false},
	    {"(?:ab){3}c", "abababc", 0, true},
	    {"x\\d{2,3}y", "x1y", 0, false},
	    {"x\\d{2,3}y", "x123y", 0, true},
	    {"x\\d{2,3}y", "x1234y", 0, false},
	    {"\\bfoo\\b(?!bar)", "afoobar", 0, true}, /* what only looks is not seen */
	    {"a.b", "a\nb", 0, false},
	    {"a.b", "a\nb", REGEX_DOTALL, true},
	    {"a(?s:.)b", "a\nb", 0, true},
	    {"(a)(b)\\1c", "abac", 0, true},
	    {"a\\x{e9}", "xa\xe9", 0, true},
	    {"[\\W\\d]q", "aq", 0, false},
	    {"[\\W\\d]q", "7q", 0, true},
	    /* a letter in many writings: one of them with several octets */
	    {"(?:[a4@]|\\xc3[\\xa0-\\xa5]|\\xd0\\xb0|&#97;|&#x61;)bc", "4bc", 0, true},
	    {"(?:[a4@]|\\xc3[\\xa0-\\xa5]|\\xd0\\xb0|&#97;|&#x61;)bc", "\xc3\xa2" "bc", 0, true},
	    {"(?:[a4@]|\\xc3[\\xa0-\\xa5]|\\xd0\\xb0|&#97;|&#x61;)bc", "&#x61;bc", 0, true},
	    {"(?:[a4@]|\\xc3[\\xa0-\\xa5]|\\xd0\\xb0|&#97;|&#x61;)bc", "ebc", 0, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (tells(rows[i].pattern, rows[i].flags, rows[i].text) != rows[i].tells)
			fail_msg("%s on '%s'", rows[i].pattern, rows[i].text);
}

static void what_does_not_fit_is_refused(void **state)
{
	static const char *const rows[] = {"", "a*", "(?:foo)?", "(?=foo)"};
	struct arena *a = arena_new(0);
	struct automaton_pattern v[3] = {{NULL, 0, 0}, {NULL, 1, 0}, {NULL, 2, 0}};
	size_t taken;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		v[0].tree = pattern_parse(a, str_of(rows[i]), 0);
		assert_null(automaton_new(a, automaton_space_new(a), v, 1, &taken));
		assert_int_equal(taken, 0);
	}
	/* The one that does not fit ends the list, not those before it. */
	v[0].tree = pattern_parse(a, STR("foo"), 0);
	v[1].tree = pattern_parse(a, STR("bar"), 0);
	v[2].tree = pattern_parse(a, STR("b*"), 0);
	assert_non_null(automaton_new(a, automaton_space_new(a), v, 3, &taken));
	assert_int_equal(taken, 2);
	arena_free(a);
}

static unsigned seed = 11;

static unsigned draw(unsigned most)
{
	seed = seed * 1103515245 + 12345;
	return (seed >> 16) % most;
}

/* A random pattern over few letters, so that random texts match it often. */
static void draw_pattern(struct buf *out, unsigned depth)
{
	static const char *const pieces[] = {"[ab]", "[^a]", ".", "\\s", "a", "b", "c", "A", "ab", "(?i:b)"};
	static const char *const counts[] = {"?", "*", "+", "{2}", "{0,2}", "{1,}", "??", "*+", "{3,9}", "{20}"};

	for (unsigned i = 1 + draw(4); i > 0; i--) {
		if (depth && draw(3) == 0) {
			buf_adds(out, draw(2) ? "(?:" : "(");
			draw_pattern(out, depth - 1);
			buf_addc(out, '|');
			draw_pattern(out, depth - 1);
			buf_addc(out, ')');
		} else {
			buf_adds(out, pieces[draw(sizeof pieces / sizeof *pieces)]);
		}
		if (draw(4) == 0)
			buf_adds(out, counts[draw(sizeof counts / sizeof *counts)]);
	}
}

static struct str draw_text(char *to, size_t room)
{
	size_t n = draw((unsigned)room);

	for (size_t i = 0; i < n; i++)
		to[i] = "aabbcAB \n"[draw(9)];
	return (struct str){to, n};
}

struct set {
	struct automaton_pattern v[6];
	struct regex *re[6];
	struct automaton *au; /* NULL: the first did not fit */
	size_t taken;
};

static void draw_set(struct arena *a, struct set *out)
{
	for (size_t n = 0; n < 6;) {
		struct buf pattern = {0};
		struct str error, kept;
		size_t offset;
		draw_pattern(&pattern, 2);
		kept = buf_take(&pattern, a);
		out->re[n] = regex_new(a, kept, 0, &error, &offset);
		out->v[n] = (struct automaton_pattern){pattern_parse(a, kept, 0), (uint32_t)n, 0};
		n += out->re[n] && out->v[n].tree;
	}
	out->au = automaton_new(a, automaton_space_new(a), out->v, 6, &out->taken);
}

/* A few random patterns in one automaton: whatever one of them matches, its value is told. */
static void check_random_set(struct regex_scratch *scratch, unsigned *useful)
{
	struct arena *a = arena_new(0);
	struct set set;
	struct automaton_states *s;

	draw_set(a, &set);
	s = set.au ? automaton_states_new(set.au) : NULL;
	for (unsigned k = 0; s && k < 40; k++) {
		char room[40];
		struct str text = draw_text(room, sizeof room);
		struct told told;
		automaton_start(s, 0);
		assert_true(run(s, text, &told));
		for (size_t i = 0; i < set.taken; i++) {
			bool is_match = regex_match(set.re[i], scratch, text, 0, NULL) == REGEX_MATCH;
			*useful += is_match;
			if (is_match && !told.count[i])
				fail_msg("pattern %zu matches '%.*s' and nobody told", i, STR_ARG(text));
		}
	}
	automaton_states_free(s);
	arena_free(a);
}

static void no_match_is_lost(void **state)
{
	struct regex_scratch *scratch = regex_scratch_new();
	unsigned useful = 0;

	(void)state;
	for (unsigned i = 0; i < 1500; i++)
		check_random_set(scratch, &useful);
	regex_scratch_free(scratch);
	assert_true(useful > 1000);
}

/* Every octet asks for a new state: the run gives up after the share that the size allows. */
static void hostile_text_is_given_up(void **state)
{
	struct arena *a = arena_new(0);
	struct automaton_pattern v[] = {
	    {pattern_parse(a, STR("a[ab][ab][ab][ab][ab][ab][ab][ab][ab][ab][ab][ab][ab]c"), 0), 0, 0},
	};
	struct automaton_states *s;
	struct told told;
	char *text = malloc(200000);
	size_t taken;
	struct automaton *au = automaton_new(a, automaton_space_new(a), v, 1, &taken);

	(void)state;
	assert_non_null(au);
	assert_non_null(text);
	for (size_t i = 0; i < 200000; i++)
		text[i] = "ab"[draw(2)];
	s = automaton_states_new(au);
	automaton_start(s, 100);
	assert_false(run(s, (struct str){text, 200000}, &told));
	assert_true(automaton_is_spent(s));
	/* The next message starts afresh, and after all restarts nothing is lost. */
	automaton_start(s, 10000000);
	assert_true(run(s, (struct str){text, 200000}, &told));
	assert_int_equal(told.count[0], 0);
	assert_true(run(s, STR("xxaababababababcbb"), &told) && told.count[0] == 0);
	assert_true(run(s, STR("xxaabababababababcbb"), &told) && told.count[0] > 0);
	automaton_states_free(s);
	free(text);
	arena_free(a);
}

/* ---- two texts side by side ---- */

enum { PAIR_LINES = 6 };

struct pair {
	const struct automaton_lane *lanes;
	struct told told[2][PAIR_LINES];
	unsigned gave_up[2][PAIR_LINES];
};

static void pair_found(void *arg, uint32_t value, const struct automaton_lane *lane)
{
	struct pair *p = arg;

	p->told[lane - p->lanes][lane->line].count[value]++;
}

static void pair_gave_up(void *arg, const struct automaton_lane *lane)
{
	struct pair *p = arg;

	p->gave_up[lane - p->lanes][lane->line]++;
}

static void run_pair(struct automaton_lane lanes[2], struct pair *ret)
{
	struct automaton_calls calls = {pair_found, pair_gave_up, ret};

	*ret = (struct pair){.lanes = lanes};
	automaton_run_two(lanes, &calls);
}

static void check_random_pair(unsigned *useful)
{
	struct arena *a = arena_new(0);
	struct automaton_lane lanes[2] = {{.states = automaton_idle()}, {.states = automaton_idle()}};
	struct str lines[2][PAIR_LINES];
	struct pair pair;

	for (size_t i = 0; i < 2; i++) {
		struct set set;
		draw_set(a, &set);
		if (!set.au)
			continue;
		lanes[i] = (struct automaton_lane){.states = automaton_states_new(set.au), .lines = lines[i], .n = draw(PAIR_LINES + 1)};
		automaton_start(lanes[i].states, 0);
		for (size_t k = 0; k < lanes[i].n; k++)
			lines[i][k] = draw_text(arena_alloc(a, 60), 60);
	}
	run_pair(lanes, &pair);
	for (size_t i = 0; i < 2; i++) {
		for (size_t k = 0; k < lanes[i].n; k++) {
			struct told alone;
			assert_true(run(lanes[i].states, lines[i][k], &alone));
			assert_memory_equal(&alone, &pair.told[i][k], sizeof alone);
			assert_int_equal(pair.gave_up[i][k], 0);
			*useful += alone.count[0] > 0;
		}
		if (lanes[i].states != automaton_idle())
			automaton_states_free(lanes[i].states);
	}
	arena_free(a);
}

static void two_texts_side_by_side_are_as_each_alone(void **state)
{
	unsigned useful = 0;

	(void)state;
	for (unsigned i = 0; i < 500; i++)
		check_random_pair(&useful);
	assert_true(useful > 100);
}

/* One of two gives up, and so it does with its later lines; the other goes on. */
static void hostile_text_beside_another(void **state)
{
	struct arena *a = arena_new(0);
	struct automaton_pattern hostile = {pattern_parse(a, STR("a[ab][ab][ab][ab][ab][ab][ab][ab][ab][ab][ab][ab][ab]c"), 0), 0, 0};
	struct automaton_pattern plain = {pattern_parse(a, STR("foo"), 0), 1, 0};
	char *text = arena_alloc(a, 200000);
	struct str one[] = {{text, 200000}, STR("aabababababababcbb")}, other[] = {STR("foo"), STR(""), {text, 200000}, STR("a foo")};
	size_t taken;
	struct automaton_lane lanes[2] = {
	    {.states = automaton_states_new(automaton_new(a, automaton_space_new(a), &hostile, 1, &taken)), .lines = one, .n = 2},
	    {.states = automaton_states_new(automaton_new(a, automaton_space_new(a), &plain, 1, &taken)), .lines = other, .n = 4},
	};
	struct pair pair;

	(void)state;
	for (size_t i = 0; i < 200000; i++)
		text[i] = "ab"[draw(2)];
	for (size_t i = 0; i < 2; i++)
		automaton_start(lanes[i].states, 100);
	run_pair(lanes, &pair);
	assert_true(pair.gave_up[0][0] == 1 && pair.gave_up[0][1] == 1);
	for (size_t k = 0; k < 4; k++) {
		assert_int_equal(pair.gave_up[1][k], 0);
		assert_int_equal(pair.told[1][k].count[1] > 0, k == 0 || k == 3);
	}
	for (size_t i = 0; i < 2; i++)
		automaton_states_free(lanes[i].states);
	arena_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(patterns_are_found_and_others_are_not),
	    cmocka_unit_test(what_does_not_fit_is_refused),
	    cmocka_unit_test(no_match_is_lost),
	    cmocka_unit_test(hostile_text_is_given_up),
	    cmocka_unit_test(two_texts_side_by_side_are_as_each_alone),
	    cmocka_unit_test(hostile_text_beside_another),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
