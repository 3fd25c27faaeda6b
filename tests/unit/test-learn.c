/* The filter learn: what it says, and whom it lets teach. */
#include <math.h>

#include "rules/learn/learner.h"
#include "tests/unit/state-fixture.h"

extern const struct filter learn_filter;

static const char *const dmarc_words[] = {"pass", "fail", NULL};
static const struct fact_def dmarc_facts[] = {{"dmarc", FACT_WORD, STAGE_MESSAGE, dmarc_words, "as of the filter"}, {0}};

struct world {
	struct arena *a;
	struct store *store;
	struct fixture *f;
};

/* Only the order of the words in Received tells pills from others there. */
static struct str mail_about(struct arena *a, const char *what, int number)
{
	const char *path = strcmp(what, "pills") == 0 ? "by\r\n\trelay gate" : "by\r\n\tgate relay";

	return arena_printf(a, "Received: %s\r\nFrom: x@%s.example\r\nSubject: %s %c\r\n\r\n%s again, number %d\r\n", path, what, what,
	    'a' + number % 26, what, number);
}

static void say_text(struct fixture *f, const char *sender, struct str text)
{
	struct message *m;

	fixture_again(f);
	m = message_start(f->s);
	assert_null(address_parse(m->arena, str_of(sender), false, &m->sender));
	m->spool = spool_of(text);
	headers_parse(m->arena, text, &m->headers);
	assert_int_equal(fixture_run(f, STAGE_MESSAGE), RUN_OK);
}

static void say(struct fixture *f, const char *sender, const char *what, int number)
{
	say_text(f, sender, mail_about(f->arena, what, number));
}

static void other_finds(struct fixture *f, const char *filter, double score)
{
	struct finding finding = {.filter = filter, .name = STR("something"), .score = score};

	assert_true(findings_add(&f->s->message->findings, f->s->message->arena, &finding));
}

static void by_hand(struct world *w, const char *what, int n, bool is_spam)
{
	struct fixture *plain = fixture_new(&learn_filter, "", NULL);
	struct learner *l = learner_new(w->store, NULL);

	assert_int_equal(learner_begin(l), RES_OK);
	for (int i = 0; i < n; i++) {
		struct session *s = session_new(plain->chain, NULL, FACE_SCAN);
		struct str text = mail_about(w->a, what, i);
		struct features features;

		message_start(s)->spool = spool_of(text);
		headers_parse(s->message->arena, text, &s->message->headers);
		features_make(s->message->arena, s->message, &(struct feature_source){.learner = l}, &features);
		assert_int_equal(learner_learn(l, STR(""), &features, is_spam), RES_OK);
		session_free(s);
	}
	assert_int_equal(learner_save(l), RES_OK);
	learner_free(l);
	fixture_free(plain);
}

static struct world world_new(const char *conf)
{
	struct world w = {.a = arena_new(0)};

	w.store = memory_store(w.a);
	by_hand(&w, "pills", 20, true);
	by_hand(&w, "lunch", 20, false);
	w.f = fixture_new_with(&learn_filter, conf, NULL, w.store);
	fact_registry_add(w.f->facts, dmarc_facts);
	fixture_client(w.f, "192.0.2.1");
	return w;
}

static void world_free(struct world *w)
{
	fixture_free(w->f);
	store_close(w->store);
	arena_free(w->a);
}

static void assert_learnt(struct world *w, uint64_t spam, uint64_t ham)
{
	struct learner *l = learner_new(w->store, NULL);
	uint64_t has_spam, has_ham;

	learner_counts(l, STR(""), &has_spam, &has_ham);
	assert_int_equal(has_spam, spam);
	assert_int_equal(has_ham, ham);
	learner_free(l);
}

/* Spam of which two other filters are sure, and that was refused. */
static void sure_spam(struct world *w, const char *client, const char *sender, const char *what)
{
	fixture_client(w->f, client);
	say(w->f, sender, what, 1);
	other_finds(w->f, "rules", 9);
	other_finds(w->f, "dnsbl", 4);
	chain_settle(w->f->s, STAGE_MESSAGE, VERDICT_REJECT);
}

static void sure_ham(struct world *w, const char *client, const char *sender, const char *what, const char *dmarc)
{
	fixture_client(w->f, client);
	say(w->f, sender, what, 1);
	other_finds(w->f, "reputation", -2);
	fact_set_word(&w->f->s->message->facts, "dmarc", dmarc);
	chain_settle(w->f->s, STAGE_MESSAGE, VERDICT_ACCEPT);
}

static void says_how_likely_and_why(void **state)
{
	struct world w = world_new("filter learn;");
	const struct finding *finding;

	(void)state;
	say(w.f, "x@pills.example", "pills", 500);
	finding = w.f->s->message->findings.first;
	assert_true(finding->score > 3 && finding->score < 6);
	assert_true(atof(fixture_fact(w.f, "learn.probability")) > 0.9);
	assert_string_equal(fixture_fact(w.f, "learn.lessons"), "20");
	assert_true(str_find(finding->reason, STR("by 20 messages of spam and 20 of ham; ")) > 0);
	assert_true(str_find(finding->reason, STR("\"pills")) > 0);
	say(w.f, "x@lunch.example", "lunch", 500);
	assert_true(w.f->s->message->findings.first->score < -3);
	chain_settle(w.f->s, STAGE_MESSAGE, VERDICT_ACCEPT);
	assert_learnt(&w, 20, 20);
	world_free(&w);
}

static void shows_folded_words_on_one_line(void **state)
{
	struct world w = world_new("filter learn;");

	(void)state;
	say_text(w.f, "x@new.example", STR("Received: by\r\n\trelay gate\r\n\r\nsomething else\r\n"));
	assert_true(str_find(w.f->s->message->findings.first->reason, STR("Received \"by relay\"")) > 0);
	world_free(&w);
}

static void is_silent_below_the_minimum(void **state)
{
	struct world w = world_new("filter learn { minimum 21; }");

	(void)state;
	say(w.f, "x@pills.example", "pills", 500);
	assert_int_equal(fixture_found(w.f, NULL), 0);
	assert_null(fixture_fact(w.f, "learn.probability"));
	world_free(&w);
}

static void learns_by_itself_only_when_told_to(void **state)
{
	struct world off = world_new("filter learn;"), on = world_new("filter learn { auto-learn on; }");

	(void)state;
	sure_spam(&off, "192.0.2.1", "x@boat.example", "boat");
	assert_learnt(&off, 20, 20);
	sure_spam(&on, "192.0.2.1", "x@boat.example", "boat");
	assert_learnt(&on, 21, 20);
	sure_ham(&on, "192.0.2.2", "x@tea.example", "tea", "pass");
	assert_learnt(&on, 21, 21);
	world_free(&off);
	world_free(&on);
}

static void is_not_taught_by_doubtful_evidence(void **state)
{
	struct world w = world_new("filter learn { auto-learn on; }");

	(void)state;
	say(w.f, "x@boat.example", "boat", 1); /* one filter alone */
	other_finds(w.f, "rules", 20);
	chain_settle(w.f->s, STAGE_MESSAGE, VERDICT_REJECT);
	say(w.f, "x@boat.example", "boat", 1); /* not enough */
	other_finds(w.f, "rules", 9);
	other_finds(w.f, "dnsbl", 2.9);
	chain_settle(w.f->s, STAGE_MESSAGE, VERDICT_REJECT);
	say(w.f, "x@boat.example", "boat", 1); /* accepted after all */
	other_finds(w.f, "rules", 9);
	other_finds(w.f, "dnsbl", 4);
	chain_settle(w.f->s, STAGE_MESSAGE, VERDICT_ACCEPT);
	sure_ham(&w, "192.0.2.2", "x@tea.example", "tea", "fail");
	sure_spam(&w, "192.0.2.3", "x@lunch.example", "lunch"); /* against what was taught by hand */
	sure_ham(&w, "192.0.2.4", "x@pills.example", "pills", "pass");
	sure_spam(&w, "192.0.2.5", "x@pills.example", "pills"); /* known already */
	assert_learnt(&w, 20, 20);
	world_free(&w);
}

static void one_sender_or_network_teaches_little(void **state)
{
	static const char *const names[] = {"boat", "tree", "goat", "moon"};
	struct world w = world_new("filter learn { auto-learn on; }"), x = world_new("filter learn { auto-learn on; }");

	(void)state;
	for (int i = 0; i < 4; i++) {
		sure_spam(&w, arena_printf(w.a, "192.0.2.%d", i + 1).p, "x@same.example", names[i]);
		sure_spam(&x, "192.0.2.1", arena_printf(x.a, "x@%s.example", names[i]).p, names[i]);
	}
	assert_learnt(&w, 22, 20);
	assert_learnt(&x, 22, 20);
	world_free(&w);
	world_free(&x);
}

static void a_day_teaches_so_much(void **state)
{
	static const char *const names[] = {"boat", "tree", "goat", "moon"};
	struct world w = world_new("filter learn { auto-learn on; auto-rate 3; }");

	(void)state;
	for (int i = 0; i < 4; i++)
		sure_spam(&w, arena_printf(w.a, "192.0.2.%d", i + 1).p, arena_printf(w.a, "x@%s.example", names[i]).p, names[i]);
	assert_learnt(&w, 23, 20);
	world_free(&w);
}

static void neither_kind_outgrows_the_other(void **state)
{
	struct world w = world_new("");

	(void)state;
	by_hand(&w, "wires", 21, true); /* 41 of spam, 20 of ham */
	fixture_free(w.f);
	w.f = fixture_new_with(&learn_filter, "filter learn { auto-learn on; }", NULL, w.store);
	fact_registry_add(w.f->facts, dmarc_facts);
	sure_spam(&w, "192.0.2.1", "x@boat.example", "boat");
	assert_learnt(&w, 41, 20);
	sure_ham(&w, "192.0.2.2", "x@tea.example", "tea", "pass");
	assert_learnt(&w, 41, 21);
	world_free(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(says_how_likely_and_why),
	    cmocka_unit_test(shows_folded_words_on_one_line),
	    cmocka_unit_test(is_silent_below_the_minimum),
	    cmocka_unit_test(learns_by_itself_only_when_told_to),
	    cmocka_unit_test(is_not_taught_by_doubtful_evidence),
	    cmocka_unit_test(one_sender_or_network_teaches_little),
	    cmocka_unit_test(a_day_teaches_so_much),
	    cmocka_unit_test(neither_kind_outgrows_the_other),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
