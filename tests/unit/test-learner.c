#include <math.h>
#include <stdio.h>

#include "core/chain.h"
#include "lib/store.h"
#include "rules/learner.h"
#include "tests/unit/unit.h"

static struct arena *arena;
static struct chain *chain;

static int set_up(void **state)
{
	static struct filter_env env;
	struct fact_registry *facts;

	(void)state;
	env.arena = arena = arena_new(0);
	facts = fact_registry_new(arena);
	fact_registry_add(facts, core_facts);
	chain = chain_new(arena, &env, facts);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	arena_free(arena);
	return 0;
}

static struct features features_of(struct str text)
{
	struct session *s = session_new(chain, NULL, FACE_SCAN);
	struct features f, copy = {0};
	uint32_t *v;

	message_start(s)->spool = spool_of(text);
	headers_parse(s->message->arena, text, &s->message->headers);
	features_make(s->message->arena, s->message, &f);
	v = arena_array(arena, f.n, sizeof *v);
	memcpy(v, f.v, f.n * sizeof *v);
	copy.v = v;
	copy.n = f.n;
	session_free(s);
	return copy;
}

static struct features numbered(const char *what, int i)
{
	return features_of(arena_printf(arena, "From: a@%s.example\r\nSubject: %s %c%c\r\n\r\n%s again %d\r\n", what, what,
	    'a' + i % 26, 'a' + i / 26, what, i));
}

static void learns_and_knows(void **state)
{
	struct learner *l = learner_new(NULL);
	struct features pills = numbered("pills", 500), lunch = numbered("lunch", 500);
	uint64_t spam, ham;

	(void)state;
	assert_true(fabs(learner_probability(l, &pills) - 0.5) < 1e-9);
	for (int i = 0; i < 30; i++) {
		struct features one = numbered("pills", i), other = numbered("lunch", i);

		assert_int_equal(learner_learn(l, &one, true), RES_OK);
		assert_int_equal(learner_learn(l, &other, false), RES_OK);
	}
	assert_true(learner_probability(l, &pills) > 0.8);
	assert_true(learner_probability(l, &lunch) < 0.2);
	learner_counts(l, &spam, &ham);
	assert_int_equal(spam, 30);
	assert_int_equal(ham, 30);
	learner_free(l);
}

static void forgets_exactly_and_changes_its_mind(void **state)
{
	struct str error;
	struct store *store = store_open(NULL, false, arena, &error);
	struct learner *l = learner_new(store);
	struct features f = numbered("pills", 1), lunch = numbered("lunch", 1), dinner = numbered("dinner", 1);
	uint64_t spam, ham;
	double before;

	(void)state;
	assert_int_equal(learner_learn(l, &lunch, false), RES_OK);
	assert_int_equal(learner_learn(l, &dinner, true), RES_OK);
	before = learner_probability(l, &f);
	assert_int_equal(learner_learn(l, &f, true), RES_OK);
	assert_int_equal(learner_learn(l, &f, true), RES_NONE);
	assert_true(learner_probability(l, &f) > before);
	assert_int_equal(learner_learn(l, &f, false), RES_OK);
	assert_true(learner_probability(l, &f) < before);
	learner_counts(l, &spam, &ham);
	assert_int_equal(spam, 1);
	assert_int_equal(ham, 2);
	assert_int_equal(learner_forget(l, &f), RES_OK);
	assert_int_equal(learner_forget(l, &f), RES_NONE);
	assert_true(fabs(learner_probability(l, &f) - before) < 1e-12);
	learner_free(l);
	store_close(store);
}

static void is_kept_by_the_store(void **state)
{
	struct str error;
	struct store *store = store_open(NULL, false, arena, &error);
	struct learner *l = learner_new(store), *other;
	struct features f = numbered("pills", 1);
	double p;

	(void)state;
	learner_learn(l, &f, true);
	p = learner_probability(l, &f);
	assert_int_equal(learner_save(l), RES_OK);
	other = learner_new(store);
	assert_true(fabs(learner_probability(other, &f) - p) < 1e-6);
	learner_free(other);
	learner_free(l);
	store_close(store);
}

static void features_are_bounded_and_leave_our_fields_out(void **state)
{
	struct buf text = {0};
	struct features f, with, without;

	(void)state;
	buf_adds(&text, "Subject: x\r\n\r\n");
	for (uint64_t i = 0, seed = 1; i < 200000; i++) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		buf_addc(&text, i % 60 == 59 ? '\n' : (char)('!' + (seed >> 33) % 90));
	}
	f = features_of(buf_str(&text));
	assert_true(f.n <= LEARNER_FEATURES_MAX && f.n > 1000);
	buf_free(&text);
	with = features_of(STR("Received: from a by b\r\nX-Spam-Flag: YES\r\nSubject: x\r\n\r\ny\r\n"));
	without = features_of(STR("Subject: x\r\n\r\ny\r\n"));
	assert_true(features_digest(&with) == features_digest(&without));
	f = features_of(STR(""));
	assert_true(f.n > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(learns_and_knows),
	    cmocka_unit_test(forgets_exactly_and_changes_its_mind),
	    cmocka_unit_test(is_kept_by_the_store),
	    cmocka_unit_test(features_are_bounded_and_leave_our_fields_out),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
