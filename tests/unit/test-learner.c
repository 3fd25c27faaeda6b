#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/store/store.h"
#include "tests/unit/features-kit.h"

static double odds_in(const struct learner *l, const char *domain, const struct features *f)
{
	struct learner_verdict v;

	learner_judge(l, str_of(domain), 1, f, &v);
	return v.odds;
}

static double odds(const struct learner *l, const struct features *f)
{
	return odds_in(l, "", f);
}

static enum res learn(struct learner *l, const struct features *f, bool is_spam)
{
	return learner_learn(l, STR(""), f, is_spam);
}

static struct features numbered(const char *what, int i)
{
	return features_of(arena_printf(arena, "From: a@%s.example\r\nSubject: %s %c%c\r\n\r\n%s again %d\r\n", what, what,
	    'a' + i % 26, 'a' + i / 26, what, i));
}

/* Ten lessons of each kind. */
static void teach(struct learner *l)
{
	for (int i = 0; i < 10; i++) {
		struct features one = numbered("pills", i), other = numbered("lunch", i);

		assert_int_equal(learn(l, &one, true), RES_OK);
		assert_int_equal(learn(l, &other, false), RES_OK);
	}
}

static void assert_counts(const struct learner *l, const char *domain, uint64_t spam, uint64_t ham)
{
	uint64_t has_spam, has_ham;

	learner_counts(l, str_of(domain), &has_spam, &has_ham);
	assert_int_equal(has_spam, spam);
	assert_int_equal(has_ham, ham);
}

static void learns_and_knows(void **state)
{
	struct learner *l = learner_new(NULL, NULL);
	struct features pills = numbered("pills", 500), lunch = numbered("lunch", 500);
	struct learner_verdict v;

	(void)state;
	assert_int_equal(learner_judge(l, STR(""), 1, &pills, &v), RES_NONE);
	assert_true(v.odds == 0 && v.probability == 0.5 && v.reason_count == 0);
	teach(l);
	assert_int_equal(learner_judge(l, STR(""), 10, &pills, &v), RES_OK);
	assert_true(v.probability > 0.9);
	assert_true(odds(l, &lunch) < -2);
	assert_int_equal(learner_judge(l, STR(""), 11, &pills, &v), RES_NONE);
	assert_counts(l, "", 10, 10);
	learner_free(l);
}

static void says_which_words_decided(void **state)
{
	struct learner *l = learner_new(NULL, NULL);
	struct features pills = numbered("pills", 500);
	struct learner_verdict v;
	bool is_named = false;

	(void)state;
	teach(l);
	assert_int_equal(learner_judge(l, STR(""), 1, &pills, &v), RES_OK);
	assert_int_equal(v.reason_count, LEARNER_REASONS);
	for (size_t i = 0; i < v.reason_count; i++)
		is_named |= v.reasons[i].zone == ZONE_SUBJECT && str_find(v.reasons[i].word, STR("pills")) >= 0;
	assert_true(is_named);
	assert_string_equal(zone_name(ZONE_LINK), "link");
	learner_free(l);
}

static void the_order_of_lessons_does_not_matter(void **state)
{
	struct learner *mixed = learner_new(NULL, NULL), *blocks = learner_new(NULL, NULL);
	struct features f = numbered("pills", 500);

	(void)state;
	teach(mixed);
	for (int kind = 1; kind >= 0; kind--)
		for (int i = 9; i >= 0; i--) {
			struct features one = numbered(kind ? "pills" : "lunch", i);

			learn(blocks, &one, kind);
		}
	assert_true(odds(mixed, &f) == odds(blocks, &f));
	learner_free(mixed);
	learner_free(blocks);
}

static struct store *memory_store(void)
{
	struct str error;

	return store_open(NULL, false, arena, &error);
}

static void forgets_exactly_and_changes_its_mind(void **state)
{
	struct store *store = memory_store();
	struct learner *l = learner_new(store, NULL);
	struct features f = numbered("boat", 100);
	double before, spammy;

	(void)state;
	assert_int_equal(learner_begin(l), RES_OK);
	teach(l);
	before = odds(l, &f);
	assert_int_equal(learn(l, &f, true), RES_OK);
	spammy = odds(l, &f);
	assert_true(spammy > before);
	assert_int_equal(learn(l, &f, true), RES_NONE);
	assert_int_equal(learn(l, &f, false), RES_OK);
	assert_true(odds(l, &f) < before);
	assert_int_equal(learner_save(l), RES_OK);
	assert_int_equal(learn(l, &f, false), RES_NONE);
	assert_int_equal(learn(l, &f, true), RES_OK);
	assert_true(odds(l, &f) == spammy);
	assert_counts(l, "", 11, 10);
	assert_int_equal(learner_forget(l, STR(""), &f), RES_OK);
	assert_int_equal(learner_forget(l, STR(""), &f), RES_NONE);
	assert_true(odds(l, &f) == before);
	learner_free(l);
	store_close(store);
}

static void is_kept_by_the_store(void **state)
{
	struct store *store = memory_store();
	struct learner *l = learner_new(store, NULL), *other;
	struct features f = numbered("pills", 500), one = numbered("pills", 11);
	double after_many, after_one;

	(void)state;
	teach(l); /* many: by counts */
	after_many = odds(l, &f);
	assert_int_equal(learner_save(l), RES_OK);
	other = learner_new(store, NULL);
	assert_true(odds(other, &f) == after_many);
	learn(l, &one, true); /* one: by a note */
	after_one = odds(l, &f);
	assert_int_equal(learner_save(l), RES_OK);
	assert_true(odds(other, &f) == after_many);
	learner_free(other);
	other = learner_new(store, NULL);
	assert_true(odds(other, &f) == after_one && after_one != after_many);
	learner_free(other);
	learner_free(l);
	store_close(store);
}

/* Notes wait until somebody writes the counts anew; nothing is counted twice or lost on the way. */
static void notes_become_counts(void **state)
{
	struct store *store = memory_store();
	struct learner *l = learner_new(store, NULL), *other = learner_new(store, NULL);
	struct features f = numbered("pills", 500);

	(void)state;
	for (int i = 0; i < 100; i++) {
		struct features one = numbered(i % 2 ? "pills" : "lunch", i);

		assert_int_equal(learner_note(other, STR(""), &one, i % 2), RES_OK);
		assert_int_equal(learner_note(other, STR(""), &one, i % 2), RES_NONE);
	}
	assert_int_equal(learner_begin(l), RES_OK);
	assert_counts(l, "", 50, 50);
	assert_true(odds(l, &f) == odds(other, &f));
	assert_int_equal(learn(l, &f, true), RES_OK);
	assert_int_equal(learner_save(l), RES_OK);
	assert_int_equal(learner_begin(other), RES_OK);
	assert_counts(other, "", 51, 50);
	assert_true(odds(l, &f) == odds(other, &f));
	learner_free(other);
	learner_free(l);
	store_close(store);
}

static void a_domain_has_its_own_layer(void **state)
{
	struct store *store = memory_store();
	struct learner *l = learner_new(store, NULL);
	struct features pills = numbered("pills", 500);

	(void)state;
	for (int i = 0; i < 10; i++) {
		struct features one = numbered("pills", i), other = numbered("lunch", i);

		learner_learn(l, STR("Pharmacy.example"), &one, false);
		learner_learn(l, STR("pharmacy.example"), &other, true);
	}
	assert_counts(l, "", 0, 0);
	assert_counts(l, "pharmacy.example", 10, 10);
	assert_true(odds(l, &pills) == 0 && odds_in(l, "other.example", &pills) == 0);
	assert_true(odds_in(l, "PHARMACY.example", &pills) < -2);
	teach(l);
	assert_true(odds(l, &pills) > 2);
	assert_true(odds_in(l, "pharmacy.example", &pills) < odds(l, &pills));
	assert_int_equal(learner_save(l), RES_OK);
	learner_free(l);
	l = learner_new(store, NULL);
	assert_counts(l, "pharmacy.example", 10, 10);
	learner_free(l);
	store_close(store);
}

static void layers_are_bounded(void **state)
{
	struct learner *l = learner_new(NULL, NULL);
	struct features f = numbered("pills", 1);

	(void)state;
	for (int i = 1; i < LEARNER_LAYERS_MAX; i++)
		assert_int_equal(learner_learn(l, arena_printf(arena, "d%d.example", i), &f, true), RES_OK);
	assert_int_equal(learner_learn(l, STR("onemore.example"), &f, true), RES_PERM);
	assert_int_equal(learner_learn(l, STR("d7.example"), &f, true), RES_OK);
	learner_free(l);
}

static void what_is_damaged_or_of_a_later_version_is_not_believed(void **state)
{
	struct store *store = memory_store();
	struct learner *l = learner_new(store, NULL);
	struct features f = numbered("pills", 1);

	(void)state;
	teach(l);
	learner_save(l);
	learner_free(l);
	assert_int_equal(store_put(store, "learn", STR("c007"), STR("short"), 0), RES_OK);
	l = learner_new(store, NULL);
	assert_int_equal(learner_state(l), RES_PERM);
	assert_int_equal(learner_begin(l), RES_PERM);
	assert_int_equal(learn(l, &f, true), RES_TEMP);
	assert_int_equal(learner_reset(l), RES_OK);
	assert_int_equal(learner_state(l), RES_OK);
	assert_counts(l, "", 0, 0);
	assert_int_equal(learn(l, &f, true), RES_OK); /* known to nobody any more */
	learner_free(l);
	assert_int_equal(store_put(store, "learn", STR("n"), STR("99 7\n0 3 3\n"), 0), RES_OK);
	l = learner_new(store, NULL);
	assert_int_equal(learner_state(l), RES_PERM);
	learner_free(l);
	store_close(store);
}

/* After an update there is nothing that anybody could believe, and mail goes on. */
static void what_is_of_an_earlier_version_is_cleared(void **state)
{
	struct store *store = memory_store();
	struct learner *l = learner_new(store, NULL), *other;
	struct features f = numbered("pills", 500);
	struct store_entry entry;

	(void)state;
	teach(l);
	assert_int_equal(learner_save(l), RES_OK);
	learner_free(l);
	assert_int_equal(store_put(store, "learn", STR("n"), STR("2 7\n0 10 10\n"), 0), RES_OK);
	assert_int_equal(store_put(store, "learn", STR("c007"), STR("short"), 0), RES_OK);
	l = learner_new(store, NULL);
	assert_int_equal(learner_state(l), RES_OK);
	assert_counts(l, "", 0, 0);
	assert_true(odds(l, &f) == 0);
	assert_int_equal(store_get(store, "learn", STR("c007"), arena, &entry), RES_NONE);
	teach(l);
	assert_int_equal(learner_save(l), RES_OK);
	other = learner_new(store, NULL);
	assert_counts(other, "", 10, 10);
	assert_true(odds(other, &f) == odds(l, &f));
	learner_free(other);
	learner_free(l);
	store_close(store);
}

static struct features of_numbers(const uint32_t *v, size_t n)
{
	struct features f = {.v = v, .n = n};

	for (size_t z = ZONE_RULE + 1; z < ZONE_COUNT; z++)
		f.ends[z] = n;
	return f;
}

/* Features of one line: there is room for eight. What two lessons had stays, what one had makes room. */
static void a_full_table_forgets_what_was_rare(void **state)
{
	struct store *store = memory_store();
	struct learner *l = learner_new(store, NULL);
	uint32_t v[12];
	struct features four, all, last;

	(void)state;
	for (uint32_t i = 0; i < 12; i++)
		v[i] = 5u << 13 | i;
	four = of_numbers(v, 4);
	all = of_numbers(v, 12);
	last = of_numbers(v + 11, 1);
	learn(l, &four, false);
	learn(l, &all, true);
	assert_true(odds(l, &last) > 0); /* the last of the new ones took the place of one before it */
	assert_true(fabs(odds(l, &four)) < 0.05); /* both kinds had them */
	assert_int_equal(learner_forget(l, STR(""), &all), RES_OK);
	learn(l, &last, true);
	assert_true(odds(l, &four) < -0.5);
	learner_free(l);
	store_close(store);
}

/* What was never learnt has the odds of nothing else, though they share a line. */
static void what_is_unknown_says_nothing(void **state)
{
	struct learner *l = learner_new(NULL, NULL);
	uint32_t spam[3] = {7u << 13 | 1, 7u << 13 | 2, 9u << 13 | 1}, ham[3] = {7u << 13 | 3, 6u << 13 | 1, 6u << 13 | 2};
	uint32_t none[4] = {7u << 13 | 4, 6u << 13 | 3, 9u << 13 | 3, 0};
	struct features a = of_numbers(spam, 3), b = of_numbers(ham, 3), unknown = of_numbers(none, 4);

	(void)state;
	learn(l, &a, true);
	learn(l, &b, false);
	assert_true(odds(l, &a) > 0.5 && odds(l, &b) < -0.5);
	assert_true(fabs(odds(l, &unknown)) < 0.05);
	learner_free(l);
}

static void broken_notes_teach_nothing(void **state)
{
	static const char *const notes[] = {"", "short", "12345678\x01", "12345678\x05\x01zzz", "12345678\x01\x02\xff\xff\xff\xff\xff\x01",
	    "12345678\x01\x02\xff"};
	struct store *store = memory_store();
	struct learner *l;

	(void)state;
	for (size_t i = 0; i < sizeof notes / sizeof *notes; i++)
		assert_int_equal(store_put(store, "learnnote", arena_printf(arena, "k%zu", i), str_of(notes[i]), 0), RES_OK);
	l = learner_new(store, NULL);
	assert_int_equal(learner_state(l), RES_OK);
	teach(l);
	assert_counts(l, "", 10, 10);
	learner_free(l);
	store_close(store);
}

/* ---- a disk that takes nothing ---- */

static enum res learn_number(struct learner *l, uint32_t i)
{
	uint32_t v[2] = {i, 77};
	struct features f = of_numbers(v, 2);

	return learn(l, &f, i % 2);
}

static void limit_files(rlim_t octets)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = octets < limit.rlim_max ? octets : limit.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* Lessons that cannot be saved wait up to a bound; then they are refused, and what waited is saved when that goes again. */
static void what_cannot_be_saved_is_bounded(void **state)
{
	char folder[] = "/tmp/reeve-learner-XXXXXX";
	struct str error;
	struct store *store;
	struct learner *l;
	uint32_t n = 0;

	(void)state;
	assert_non_null(mkdtemp(folder));
	store = store_open(arena_printf(arena, "%s/state.db", folder).p, false, arena, &error);
	assert_non_null(store);
	l = learner_new(store, NULL);
	assert_int_equal(learner_begin(l), RES_OK);
	signal(SIGXFSZ, SIG_IGN);
	limit_files(1);
	while (n < 20000 && learn_number(l, n) == RES_OK)
		n++;
	assert_in_range(n, 1000, 10000);
	assert_int_equal(learn_number(l, n), RES_TEMP);
	assert_int_equal(learner_save(l), RES_TEMP);
	assert_counts(l, "", n / 2, n - n / 2);
	limit_files(RLIM_INFINITY);
	assert_int_equal(learn_number(l, n), RES_OK);
	assert_int_equal(learn_number(l, n), RES_NONE);
	assert_int_equal(learner_save(l), RES_OK);
	learner_free(l);
	l = learner_new(store, NULL);
	assert_counts(l, "", (n + 1) / 2, n + 1 - (n + 1) / 2);
	assert_int_equal(learn_number(l, 3), RES_NONE);
	learner_free(l);
	store_close(store);
	assert_int_equal(system(arena_printf(arena, "rm -r %s", folder).p), 0);
}

/* ---- several at once ---- */

struct pupil {
	const char *folder, *what;
	int first;
};

static void *run_pupil(void *arg)
{
	const struct pupil *p = arg;
	struct arena *own = arena_new(0);
	struct str error;
	struct store *store = store_open(arena_printf(own, "%s/state.db", p->folder).p, false, own, &error);

	for (int i = 0; i < 6; i++) {
		struct learner *l = learner_new(store, arena_printf(own, "%s/lock", p->folder).p);

		assert_int_equal(learner_begin(l), RES_OK);
		for (int k = 0; k < 12; k++) {
			uint32_t v[2] = {(uint32_t)(p->first + i * 12 + k), 77};
			struct features f = {.v = v, .n = 2, .ends = {0, 2, 2, 2, 2, 2, 2}};

			assert_int_equal(learn(l, &f, p->what[0] == 's'), RES_OK);
		}
		assert_int_equal(learner_save(l), RES_OK);
		learner_free(l);
	}
	store_close(store);
	arena_free(own);
	return NULL;
}

/* As two processes: each with a store and a learner of its own. */
static void two_teach_at_once_and_nothing_is_lost(void **state)
{
	char folder[] = "/tmp/reeve-learner-XXXXXX";
	struct pupil one = {folder, "spam", 1000}, two = {folder, "ham", 5000};
	struct store *store;
	struct learner *l;
	pthread_t thread;
	struct str error;

	(void)state;
	assert_non_null(mkdtemp(folder));
	pthread_create(&thread, NULL, run_pupil, &one);
	run_pupil(&two);
	pthread_join(thread, NULL);
	store = store_open(arena_printf(arena, "%s/state.db", folder).p, false, arena, &error);
	l = learner_new(store, NULL);
	assert_counts(l, "", 72, 72);
	learner_free(l);
	store_close(store);
	assert_int_equal(system(arena_printf(arena, "rm -r %s", folder).p), 0);
}

static void a_lock_that_cannot_be_had_is_told(void **state)
{
	struct store *store = memory_store();
	struct learner *l = learner_new(store, "/nowhere/at/all");

	(void)state;
	assert_int_equal(learner_begin(l), RES_TEMP);
	assert_int_equal(learner_state(l), RES_OK);
	learner_free(l);
	store_close(store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(learns_and_knows),
	    cmocka_unit_test(says_which_words_decided),
	    cmocka_unit_test(the_order_of_lessons_does_not_matter),
	    cmocka_unit_test(forgets_exactly_and_changes_its_mind),
	    cmocka_unit_test(is_kept_by_the_store),
	    cmocka_unit_test(notes_become_counts),
	    cmocka_unit_test(a_domain_has_its_own_layer),
	    cmocka_unit_test(layers_are_bounded),
	    cmocka_unit_test(what_is_damaged_or_of_a_later_version_is_not_believed),
	    cmocka_unit_test(what_is_of_an_earlier_version_is_cleared),
	    cmocka_unit_test(a_full_table_forgets_what_was_rare),
	    cmocka_unit_test(what_is_unknown_says_nothing),
	    cmocka_unit_test(broken_notes_teach_nothing),
	    cmocka_unit_test(what_cannot_be_saved_is_bounded),
	    cmocka_unit_test(two_teach_at_once_and_nothing_is_lost),
	    cmocka_unit_test(a_lock_that_cannot_be_had_is_told),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
