#include "filters/fuzzy.h"
#include "lib/clock.h"
#include "tests/unit/chain-fixture.h"
#include "tests/unit/growing.h"

extern const struct filter fuzzy_filter;

static const char *const vocabulary[] = {
    "offer", "season", "garden", "window", "paper", "river", "market", "silver", "candle", "winter", "summer", "doctor",
    "teacher", "bridge", "forest", "mountain", "pocket", "letter", "number", "yellow", "orange", "purple", "kitchen",
    "village", "station", "journey", "history", "picture", "machine", "question", "answer", "morning", "evening",
    "holiday", "theatre", "library", "country", "village", "painting", "computer",
};
enum { WORDS = sizeof vocabulary / sizeof *vocabulary };

/* n words that depend on seed; one in `other` words is another one (0: none). */
static struct str text(struct arena *a, unsigned seed, size_t n, unsigned other)
{
	struct buf b = {0};
	unsigned x = seed * 2654435761u + 1;

	for (size_t i = 0; i < n; i++) {
		x = x * 1103515245u + 12345u;
		if (other && i % other == other - 1)
			buf_adds(&b, "changed ");
		else
			buf_adds(&b, vocabulary[(x >> 16) % WORDS]);
		buf_addc(&b, ' ');
	}
	return buf_take(&b, a);
}

static struct fuzzy_print print_of(struct str body)
{
	struct fuzzy_print p = {0};

	fuzzy_text(&p, &body, 1);
	return p;
}

static void near_and_far(void **state)
{
	struct arena *a = arena_new(0);
	size_t strangers = 0;

	(void)state;
	for (unsigned seed = 1; seed <= 50; seed++) {
		struct fuzzy_print one = print_of(text(a, seed, 150, 0)), same = print_of(text(a, seed, 150, 0));
		struct fuzzy_print near = print_of(text(a, seed, 150, 40)), other = print_of(text(a, seed + 1000, 150, 0));

		assert_int_equal(fuzzy_shared(&one, &same), FUZZY_BANDS);
		assert_true(fuzzy_shared(&one, &near) >= 3);
		strangers += fuzzy_shared(&one, &other);
	}
	assert_true(strangers <= 1);
	arena_free(a);
}

/* What differs from copy to copy counts as no word. */
static void personal_things_do_not_count(void **state)
{
	struct fuzzy_print a = print_of(STR("Dear customer, your parcel AB12345 waits at http://a.example/x1 until Monday, please pay now"));
	struct fuzzy_print b = print_of(STR("Dear customer, your parcel ZZ99 waits at https://b.example/other?y=2 until Monday, please pay now!"));
	struct str quoted[] = {STR("first line of the answer that was written"), STR("> old text"), STR("--"), STR("signature")};
	struct str plain = STR("first line of the answer that was written");
	struct fuzzy_print c = {0}, d = {0};

	(void)state;
	assert_int_equal(fuzzy_shared(&a, &b), FUZZY_BANDS);
	fuzzy_text(&c, quoted, 4);
	fuzzy_text(&d, &plain, 1);
	assert_int_equal(fuzzy_shared(&c, &d), FUZZY_BANDS);
	assert_int_equal(c.words, d.words);
	assert_int_equal(print_of(STR("12 34")).words, 0);
}

/* ---- the filter ---- */

#define HEAD "From: a@b.test\r\nSubject: s\r\n\r\n"

static void judge(struct fixture *f, struct str body)
{
	struct message *m;
	struct str all = arena_printf(f->arena, HEAD "%.*s", STR_ARG(body));

	fixture_again(f);
	m = message_start(f->s);
	m->spool = spool_of(all);
	headers_parse(m->arena, all, &m->headers);
	assert_int_equal(fixture_run(f, STAGE_MESSAGE), RUN_OK);
}

static void settle(struct fixture *f, enum verdict_kind kind)
{
	chain_settle(f->s, STAGE_MESSAGE, kind);
}

static struct fixture *started(const char *conf, struct store **ret_store)
{
	struct arena *a = arena_new(0);
	struct str error;

	*ret_store = store_open(NULL, false, a, &error);
	arena_free(a);
	return fixture_new_with(&fuzzy_filter, conf, NULL, *ret_store);
}

static void counts_and_forgets(void **state)
{
	struct store *store;
	struct fixture *f;

	(void)state;
	clock_fix(1700000000);
	f = started("filter fuzzy { bulk-from 3; window 1h; }", &store);
	for (unsigned i = 0; i < 4; i++) {
		judge(f, text(f->arena, 7, 100, 30 + i));
		assert_int_equal(fixture_found(f, "fuzzy.bulk"), i >= 3);
		settle(f, i == 1 ? VERDICT_REJECT : VERDICT_ACCEPT);
	}
	assert_string_equal(fixture_fact(f, "fuzzy.bulk"), "yes");
	judge(f, text(f->arena, 8, 100, 0));
	assert_string_equal(fixture_fact(f, "fuzzy.count"), "0");
	settle(f, VERDICT_TEMPFAIL); /* comes again: does not count */
	judge(f, text(f->arena, 8, 100, 0));
	assert_string_equal(fixture_fact(f, "fuzzy.count"), "0");
	judge(f, STR("see you at noon"));
	settle(f, VERDICT_ACCEPT);
	judge(f, STR("see you at noon")); /* too short to say anything */
	assert_string_equal(fixture_fact(f, "fuzzy.count"), "0");
	clock_fix(1700000000 + 2 * 3600);
	judge(f, text(f->arena, 7, 100, 30));
	assert_string_equal(fixture_fact(f, "fuzzy.count"), "0");
	fixture_free(f);
	store_close(store);
}

static void known_spam(void **state)
{
	struct store *store;
	struct fixture *f = started("filter fuzzy { spam-count 2; }", &store);
	struct fuzzy_print print = print_of(text(f->arena, 9, 100, 0));

	(void)state;
	assert_int_equal(fuzzy_mark(store, &print, FUZZY_SPAM, 3600), RES_OK);
	judge(f, text(f->arena, 9, 100, 0));
	assert_int_equal(fixture_found(f, "fuzzy.known-spam"), 0); /* one below the count */
	assert_int_equal(fuzzy_mark(store, &print, FUZZY_SPAM, 3600), RES_OK);
	judge(f, text(f->arena, 9, 100, 25));
	assert_int_equal(fixture_found(f, "fuzzy.known-spam"), 1);
	assert_string_equal(fixture_fact(f, "fuzzy.spam"), "2");
	for (int i = 0; i < 2; i++)
		assert_int_equal(fuzzy_mark(store, &print, FUZZY_HAM, 3600), RES_OK);
	judge(f, text(f->arena, 9, 100, 0));
	assert_int_equal(fixture_found(f, "fuzzy.known-spam"), 0);
	assert_int_equal(fuzzy_forget(store, &print, f->arena), RES_OK);
	assert_int_equal(fuzzy_forget(store, &print, f->arena), RES_NONE);
	judge(f, text(f->arena, 9, 100, 0));
	assert_string_equal(fixture_fact(f, "fuzzy.spam"), "0");
	assert_string_equal(fixture_fact(f, "fuzzy.ham"), "0");
	fixture_free(f);
	store_close(store);
}

/* One counter holds three numbers. */
static void numbers_stay_apart(void **state)
{
	struct store *store;
	struct fixture *f = started("filter fuzzy;", &store);
	struct fuzzy_print print = print_of(text(f->arena, 11, 100, 0));
	struct fuzzy_counts n;

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_int_equal(fuzzy_see(store, &print, 3600), RES_OK);
	for (int i = 0; i < 100; i++)
		fuzzy_mark(store, &print, FUZZY_SPAM, 3600);
	fuzzy_mark(store, &print, FUZZY_HAM, 3600);
	assert_int_equal(fuzzy_counts(store, &print, f->arena, &n), RES_OK);
	assert_int_equal(n.text[FUZZY_SEEN], 3);
	assert_int_equal(n.text[FUZZY_SPAM], 100);
	assert_int_equal(n.text[FUZZY_HAM], 1);
	assert_int_equal(n.shared, FUZZY_BANDS);
	fixture_free(f);
	store_close(store);
}

static void run(struct arena *a, struct str in)
{
	struct fuzzy_print print = {0};

	(void)a;
	fuzzy_text(&print, &in, 1);
}

static void linear(void **state)
{
	(void)state;
	assert_linear("words", run, "", STR("some words of text "), FUZZY_TEXT_MAX / 2);
	assert_linear("one run", run, "", STR("aaaaaaaa"), FUZZY_TEXT_MAX / 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(near_and_far), cmocka_unit_test(personal_things_do_not_count), cmocka_unit_test(counts_and_forgets),
	    cmocka_unit_test(known_spam),   cmocka_unit_test(numbers_stay_apart),	    cmocka_unit_test(linear),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
