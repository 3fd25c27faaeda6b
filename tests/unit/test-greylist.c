/* Greylisting and reputation: who waits, who is let through, what is remembered. */
#include <math.h>

#include "core/list/list.h"
#include "filters/greylist.h"
#include "filters/reputation.h"
#include "tests/unit/state-fixture.h"

extern const struct filter greylist_filter, reputation_filter;

/* What spf and dkim would say; a filter in front of the one under test cannot be had in this fixture. */
static const char *const spf_words[] = {"pass", "none", NULL};
static const struct fact_def auth_facts[] = {
    {"spf", FACT_WORD, STAGE_MAIL, spf_words, "x"},
    {"spf.domain", FACT_TEXT, STAGE_MAIL, NULL, "x"},
    {"dkim.domains", FACT_LIST, STAGE_MESSAGE, NULL, "x"},
};

/* Their facts belong to a table of the filter itself here, so that open() finds them. */
static struct filter with_auth(const struct filter *filter, struct fact_def *room)
{
	struct filter copy = *filter;
	size_t n = 0, more = sizeof auth_facts / sizeof *auth_facts;

	for (; filter->facts[n].name; n++)
		room[n] = filter->facts[n];
	for (size_t i = 0; i < more; i++)
		room[n + i] = auth_facts[i];
	room[n + more] = (struct fact_def){0};
	copy.facts = room;
	return copy;
}

static uint64_t counted(struct state_world *w, const char *what)
{
	struct store_entry e;
	uint64_t n = 0;

	if (store_get(w->st, GREYLIST_COUNTS, str_of(what), w->a, &e) == RES_OK)
		assert_true(str_u64(e.value, &n));
	return n;
}

enum ended { AT_RCPT, AT_MESSAGE, TAKEN };

static bool is_new_at_message(struct fixture *f)
{
	const struct fact *fact = fact_find(&f->s->message->first->facts, "greylist.new");

	return fact && fact->u.boolean;
}

/* One try, where it ended; spf, dkim NULL: do not pass. */
static enum ended try_signed(struct fixture *f, const char *client, const char *sender, const char *rcpt, const char *spf,
    const char *dkim)
{
	bool is_new;

	fixture_again(f);
	fixture_client(f, client);
	mail_from(f, sender);
	fixture_run(f, STAGE_MAIL);
	fact_set_word(&f->s->message->facts, "spf", spf ? "pass" : "none");
	if (spf)
		fact_set_text(&f->s->message->facts, "spf.domain", str_of(spf));
	if (!rcpt_to(f, rcpt, "greylist.new"))
		return AT_RCPT;
	body(f, 20);
	if (dkim)
		fact_add_text(&f->s->message->facts, "dkim.domains", str_of(dkim));
	fixture_run(f, STAGE_MESSAGE);
	is_new = is_new_at_message(f);
	chain_settle(f->s, STAGE_MESSAGE, is_new ? VERDICT_TEMPFAIL : VERDICT_ACCEPT);
	return is_new ? AT_MESSAGE : TAKEN;
}

/* Whether the message was delivered. */
static bool tries(struct fixture *f, const char *client, const char *sender, const char *rcpt, const char *spf)
{
	return try_signed(f, client, sender, rcpt, spf, NULL) == TAKEN;
}

static void waits_and_comes_back(void **state)
{
	struct state_world *w = *state;
	struct fact_def room[16];
	struct filter filter = with_auth(&greylist_filter, room);
	struct fixture *f = fixture_new_with(&filter, "filter greylist { delay 5m; window 1d; allow-for 10d; }", NULL, w->st);

	assert_false(tries(f, "192.0.2.1", "a@example.org", "b@example.net", NULL));
	step_ms(299 * 1000);
	assert_false(tries(f, "192.0.2.2", "A@Example.org", "B@Example.net", NULL));
	step_ms(2000);
	assert_false(tries(f, "192.0.2.1", "other@example.org", "b@example.net", NULL));
	assert_true(tries(f, "192.0.2.200", "a@example.org", "b@example.net", NULL));
	assert_true(tries(f, "192.0.2.1", "new@example.org", "b@example.net", NULL));
	assert_false(tries(f, "192.0.3.1", "a@example.org", "b@example.net", NULL));
	assert_int_equal(counted(w, GREYLIST_DELAYED), 3);
	assert_int_equal(counted(w, GREYLIST_TOO_EARLY), 1);
	assert_int_equal(counted(w, GREYLIST_CAME_BACK), 1);
	assert_int_equal(counted(w, GREYLIST_ALLOWED), 1);
	step_ms(9 * 86400 * INT64_C(1000));
	assert_true(tries(f, "192.0.2.1", "x@example.org", "b@example.net", NULL)); /* counted anew from here */
	step_ms(9 * 86400 * INT64_C(1000));
	assert_true(tries(f, "192.0.2.1", "y@example.org", "b@example.net", NULL));
	step_ms(11 * 86400 * INT64_C(1000));
	assert_false(tries(f, "192.0.2.1", "z@example.org", "b@example.net", NULL));
	fixture_free(f);
}

/* A provider sends each try from another of 20 addresses in as many networks. */
static void a_pool_waits_once_when_spf_passes(void **state)
{
	struct state_world *w = *state;
	struct fact_def room[16];
	struct filter filter = with_auth(&greylist_filter, room);
	struct fixture *f = fixture_new_with(&filter, "filter greylist { delay 5m; }", NULL, w->st);
	unsigned delayed = 0;

	for (int message = 0; message < 50; message++) {
		char sender[64];
		int attempt = 0;
		bool done;

		snprintf(sender, sizeof sender, "user%d@provider.example", message);
		do {
			char client[32];

			snprintf(client, sizeof client, "198.51.%d.%d", (message * 7 + attempt) % 20, 10 + attempt);
			done = tries(f, client, sender, "b@example.net", "provider.example");
			if (!done)
				step_ms(6 * 60 * 1000);
		} while (!done && ++attempt < 30);
		assert_true(done);
		delayed += attempt > 0;
		assert_true(attempt <= 1);
	}
	assert_int_equal(delayed, 1);
	fixture_free(f);
}

static const char *pool_address(char out[32], int i)
{
	snprintf(out, 32, "198.51.%d.%d", i % 20, 10 + i % 7);
	return out;
}

/*
 * The same pool, whose domain has no SPF record that passes, but signs. Messages are tried one after
 * the other from all addresses in turn, as a provider does: the first one waits once, no other does.
 */
static void a_pool_waits_once_when_dkim_passes(void **state)
{
	struct state_world *w = *state;
	struct fact_def room[16];
	struct filter filter = with_auth(&greylist_filter, room);
	struct fixture *f = fixture_new_with(&filter, "filter greylist { delay 5m; }", NULL, w->st);
	unsigned delayed = 0, turn = 0;

	for (int message = 0; message < 50; message++) {
		char sender[64], client[32];
		int attempts = 0;

		snprintf(sender, sizeof sender, "user%d@provider.example", message);
		while (try_signed(f, pool_address(client, (int)turn++), sender, "b@example.net", NULL, "provider.example") != TAKEN) {
			assert_true(++attempts <= 1);
			step_ms(6 * 60 * 1000);
		}
		delayed += attempts > 0;
	}
	assert_int_equal(delayed, 1);
	assert_int_equal(counted(w, GREYLIST_DELAYED), 1);
	assert_int_equal(counted(w, GREYLIST_CAME_BACK), 1);
	assert_int_equal(counted(w, GREYLIST_ALLOWED), 49);
	fixture_free(f);
}

/* Many messages at once, each with its own retries: every one is delayed once at most. */
static void a_pool_that_retries_in_parallel_waits_once_each(void **state)
{
	struct state_world *w = *state;
	struct fact_def room[16];
	struct filter filter = with_auth(&greylist_filter, room);
	struct fixture *f = fixture_new_with(&filter, "filter greylist { delay 5m; }", NULL, w->st);
	char sender[64], client[32];

	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < 20; i++) {
			snprintf(sender, sizeof sender, "user%d@customer%d.example", i, i);
			assert_int_equal(try_signed(f, pool_address(client, i + 3 * round), sender, "b@example.net", NULL,
			    "provider.example"), round ? TAKEN : AT_RCPT);
		}
		step_ms(6 * 60 * 1000);
	}
	fixture_free(f);
}

/* Who only says that it is of a signing domain waits as before, and so does who signs for the first time. */
static void a_name_without_signature_waits(void **state)
{
	struct state_world *w = *state;
	struct fact_def room[16];
	struct filter filter = with_auth(&greylist_filter, room);
	struct fixture *f = fixture_new_with(&filter, "filter greylist { delay 5m; }", NULL, w->st);

	assert_int_equal(try_signed(f, "198.51.1.1", "a@p.example", "b@example.net", NULL, "p.example"), AT_RCPT);
	step_ms(299 * 1000);
	assert_int_equal(try_signed(f, "198.51.2.1", "a@p.example", "b@example.net", NULL, "p.example"), AT_RCPT);
	step_ms(2 * 1000);
	/* The delay is over, but from elsewhere and unsigned: what is another server of nobody? */
	assert_int_equal(try_signed(f, "203.0.1.1", "a@p.example", "b@example.net", NULL, NULL), AT_MESSAGE);
	assert_str(fact_find(&f->s->message->first->facts, "greylist.origin")->u.text, "203.0.1.0/24");
	assert_int_equal(try_signed(f, "198.51.3.1", "a@p.example", "b@example.net", NULL, "p.example"), TAKEN);
	/* From now on the sender's domain is known to sign. */
	assert_int_equal(try_signed(f, "203.0.2.1", "c@p.example", "b@example.net", NULL, NULL), AT_MESSAGE);
	assert_int_equal(try_signed(f, "203.0.2.1", "c@p.example", "b@example.net", NULL, "evil.example"), AT_MESSAGE);
	assert_int_equal(try_signed(f, "203.0.2.1", "c@p.example", "b@example.net", NULL, "p.example"), TAKEN);
	assert_int_equal(try_signed(f, "203.0.3.1", "c@other.example", "b@example.net", NULL, "p.example"), AT_RCPT);
	step_ms(301 * 1000);
	assert_int_equal(try_signed(f, "203.0.3.9", "c@other.example", "b@example.net", NULL, NULL), TAKEN); /* by its network */
	fixture_free(f);
}

static void dkim_may_always_or_never_be_waited_for(void **state)
{
	struct state_world *w = *state;
	struct fact_def room[16];
	struct filter filter = with_auth(&greylist_filter, room);
	struct fixture *f = fixture_new_with(&filter, "filter greylist { delay 5m; wait-for-dkim always; }", NULL, w->st);

	assert_int_equal(try_signed(f, "198.51.1.1", "a@p.example", "b@example.net", NULL, "p.example"), AT_MESSAGE);
	assert_int_equal(try_signed(f, "198.51.2.1", "n@q.example", "b@example.net", NULL, NULL), AT_MESSAGE);
	step_ms(301 * 1000);
	assert_int_equal(try_signed(f, "198.51.3.1", "a@p.example", "b@example.net", NULL, "p.example"), TAKEN);
	assert_int_equal(try_signed(f, "198.51.4.1", "x@new.example", "b@example.net", NULL, "p.example"), TAKEN);
	assert_int_equal(try_signed(f, "198.51.2.1", "n@q.example", "b@example.net", NULL, NULL), TAKEN);
	fixture_free(f);
	f = fixture_new_with(&filter, "filter greylist { delay 5m; wait-for-dkim never; }", NULL, w->st);
	assert_int_equal(try_signed(f, "203.0.1.1", "a@p.example", "z@example.net", NULL, "p.example"), AT_RCPT);
	step_ms(301 * 1000);
	assert_int_equal(try_signed(f, "203.0.2.1", "a@p.example", "z@example.net", NULL, "p.example"), AT_RCPT);
	assert_int_equal(try_signed(f, "203.0.1.1", "a@p.example", "z@example.net", NULL, "p.example"), TAKEN);
	fixture_free(f);
}

/* The state file cannot be read: what a list says is not known, so the filter does not guess. */
static void unknown_lists_are_no_empty_lists(void **state)
{
	static const char *const tables[] = {LIST_STATE_TABLE, NULL};
	struct state_world *w = *state;
	struct fixture *f = fixture_new_with(&greylist_filter, "list good state; filter greylist { known good; }", NULL, w->st);

	store_set_unknown(w->st, tables);
	fixture_client(f, "192.0.2.3");
	mail_from(f, "a@example.org");
	fixture_run(f, STAGE_MAIL);
	rcpt_to(f, "b@example.net", NULL);
	assert_ptr_equal(f->s->failed->slot->filter, &greylist_filter);
	fixture_free(f);
}

static void refused_messages_allow_nobody(void **state)
{
	struct state_world *w = *state;
	struct fixture *f = fixture_new_with(&greylist_filter, "filter greylist { delay 5m; }", NULL, w->st);

	fixture_client(f, "192.0.2.1");
	for (int i = 0; i < 2; i++) {
		mail_from(f, "a@example.org");
		fixture_run(f, STAGE_MAIL);
		assert_int_equal(rcpt_to(f, "b@example.net", "greylist.new"), i);
		if (i) {
			body(f, 20);
			chain_run(f->s, STAGE_MESSAGE);
			chain_settle(f->s, STAGE_MESSAGE, VERDICT_REJECT);
		}
		message_end(f->s);
		step_ms(301 * 1000);
	}
	mail_from(f, "other@example.org");
	fixture_run(f, STAGE_MAIL);
	assert_false(rcpt_to(f, "b@example.net", "greylist.new"));
	message_end(f->s);
	fixture_free(f);
}

static void lists_and_users_do_not_wait(void **state)
{
	struct state_world *w = *state;
	struct fixture *f = fixture_new_with(&greylist_filter,
	    "list good { 192.0.2.0/28; .friend.example; } list no { tired@example.net; } list mine state;"
	    "filter greylist { delay 5m; known good; opt-out no; }", NULL, w->st);

	fixture_client(f, "192.0.2.3");
	mail_from(f, "a@example.org");
	fixture_run(f, STAGE_MAIL);
	assert_true(rcpt_to(f, "b@example.net", "greylist.new"));
	message_end(f->s);
	fixture_client(f, "192.0.2.99");
	mail_from(f, "a@mx.friend.example");
	fixture_run(f, STAGE_MAIL);
	assert_true(rcpt_to(f, "b@example.net", "greylist.new"));
	message_end(f->s);
	mail_from(f, "a@example.org");
	fixture_run(f, STAGE_MAIL);
	assert_true(rcpt_to(f, "tired@example.net", "greylist.new"));
	assert_false(rcpt_to(f, "b@example.net", "greylist.new"));
	message_end(f->s);
	f->s->auth_user = STR("joe");
	mail_from(f, "a@example.org");
	fixture_run(f, STAGE_MAIL);
	assert_true(rcpt_to(f, "b@example.net", "greylist.new"));
	assert_int_equal(counted(w, GREYLIST_EXEMPT), 4);
	fixture_free(f);
}

/* An allowance is written once a day, not with each message. */
static void known_origins_write_once_a_day(void **state)
{
	struct state_world *w = *state;
	struct fixture *f = fixture_new_with(&greylist_filter, "filter greylist { delay 5m; }", NULL, w->st);
	struct store_entry first, later;

	fixture_client(f, "192.0.2.1");
	for (int i = 0; i < 50; i++) {
		mail_from(f, "a@example.org");
		fixture_run(f, STAGE_MAIL);
		if (rcpt_to(f, "b@example.net", "greylist.new")) {
			body(f, 20);
			pass(f, STAGE_MESSAGE, NULL, VERDICT_NONE);
		}
		message_end(f->s);
		step_ms(600 * 1000);
		if (i == 1)
			assert_int_equal(store_get(w->st, GREYLIST_TABLE, STR("a192.0.2.0/24"), w->a, &first), RES_OK);
	}
	assert_int_equal(store_get(w->st, GREYLIST_TABLE, STR("a192.0.2.0/24"), w->a, &later), RES_OK);
	assert_true(str_eq(first.value, later.value));
	fixture_free(f);
}

/* ---- reputation ---- */

static void judged(struct fixture *f, const char *client, double score, enum verdict_kind kind)
{
	fixture_again(f);
	fixture_client(f, client);
	fixture_run(f, STAGE_CONNECT);
	chain_settle(f->s, STAGE_CONNECT, VERDICT_NONE);
	mail_from(f, "a@example.org");
	fixture_run(f, STAGE_MAIL);
	rcpt_to(f, "b@example.net", NULL);
	body(f, 20);
	chain_run(f->s, STAGE_MESSAGE);
	findings_add(&f->s->message->findings, f->s->message->arena, &(struct finding){.filter = "x", .name = STR("X"), .score = score});
	chain_settle(f->s, STAGE_MESSAGE, kind);
	message_end(f->s);
}

static double number(struct fixture *f, const char *name)
{
	const struct fact *fact = session_fact(f->s, NULL, fact_def_find(f->facts, str_of(name)));

	assert_non_null(fact);
	return fact->u.number;
}

static void reputation_scores(void **state)
{
	struct state_world *w = *state;
	struct fixture *f = fixture_new_with(&reputation_filter, "filter reputation { half-life 10d; prior 5; }", NULL, w->st);

	for (int i = 0; i < 15; i++) {
		judged(f, "192.0.2.1", 0, VERDICT_ACCEPT);
		judged(f, "198.51.100.1", 9, VERDICT_REJECT);
	}
	judged(f, "192.0.2.77", 0, VERDICT_ACCEPT);
	assert_true(fabs(number(f, "reputation.client.score") - 0.75) < 0.01);
	assert_true(fabs(number(f, "reputation.client.volume") - 15) < 0.01);
	judged(f, "198.51.100.9", 0, VERDICT_TEMPFAIL);
	assert_true(fabs(number(f, "reputation.client.score") + 0.75) < 0.01);
	assert_true(fabs(number(f, "reputation.client.refused") - 15) < 0.01);
	assert_int_equal(fixture_found(f, "reputation.bad"), 1);
	step_ms(10 * 86400 * INT64_C(1000));
	judged(f, "198.51.100.9", 0, VERDICT_TEMPFAIL);
	assert_true(fabs(number(f, "reputation.client.score") + 7.5 / 12.5) < 0.01);
	assert_string_equal(fixture_fact(f, "reputation.client.first-seen"), "10d");
	fixture_free(f);
}

/* What a message is to reputation.domain: NULL, or its volume so far. */
static const char *domain_volume(struct fixture *f, const char *sender, const char *spf, const char *dkim)
{
	const struct fact *fact;

	try_signed(f, "192.0.2.1", sender, "b@example.net", spf, dkim);
	fact = session_fact(f->s, f->s->message->first, fact_def_find(f->facts, STR("reputation.domain.volume")));
	return fact ? arena_cstr(f->arena, fact_text(f->arena, fact)) : NULL;
}

/* A name counts only where SPF or a signature of its own vouches for it. */
static void reputation_of_vouched_domains(void **state)
{
	struct state_world *w = *state;
	struct fact_def room[40];
	struct fact_def greylist_new[] = {{"greylist.new", FACT_BOOL, STAGE_RCPT, NULL, "x"}, {0}};
	struct filter filter = with_auth(&reputation_filter, room);
	struct fixture *f;
	size_t n = 0;

	while (room[n].name)
		n++;
	room[n] = greylist_new[0];
	room[n + 1] = greylist_new[1];
	f = fixture_new_with(&filter, "filter reputation;", NULL, w->st);
	assert_null(domain_volume(f, "a@p.example", NULL, NULL));
	assert_string_equal(domain_volume(f, "a@p.example", "p.example", NULL), "0");
	assert_string_equal(domain_volume(f, "a@p.example", NULL, "p.example"), "1");
	assert_string_equal(domain_volume(f, "a@P.example", NULL, "P.Example"), "2");
	assert_null(domain_volume(f, "a@p.example", NULL, "other.example"));
	assert_null(domain_volume(f, "a@p.example", NULL, "xp.example"));
	assert_null(domain_volume(f, "a@xp.example", NULL, "p.example"));
	assert_string_equal(domain_volume(f, "a@mx.p.example", NULL, "p.example"), "0");
	assert_string_equal(domain_volume(f, "a@p.example", "p.example", "p.example"), "3");
	fixture_free(f);
}

static void reputation_sees_floods(void **state)
{
	struct state_world *w = *state;
	struct fixture *f = fixture_new_with(&reputation_filter, "filter reputation;", NULL, w->st);

	for (int i = 0; i < 24 * 7; i++) { /* a week of four messages an hour is usual, from the first day on */
		judged(f, "192.0.2.1", 0, VERDICT_ACCEPT);
		step_ms(900 * 1000);
		assert_int_equal(fixture_found(f, "reputation.anomaly"), 0);
	}
	for (int i = 0; i < 600; i++)
		judged(f, "192.0.2.1", 0, VERDICT_ACCEPT);
	assert_true(number(f, "reputation.client.anomaly") >= 20);
	assert_true(number(f, "reputation.client.spread") >= 20);
	assert_int_equal(fixture_found(f, "reputation.anomaly"), 1);
	fixture_free(f);
}

static void records_are_read_back(void **state)
{
	struct history h = {.first = 1700000000, .at = 1800000000, .ham = 1.5f, .spam = 2, .refused = 3, .volume = 4,
	    .recipients = 5, .hour = 6, .hour_recipients = 7}, back;
	char record[REPUTATION_RECORD + 1];

	(void)state;
	history_write(&h, record);
	assert_true(history_read((struct str){record, REPUTATION_RECORD}, &back));
	assert_memory_equal(&h, &back, offsetof(struct history, hour_recipients) + sizeof h.hour_recipients);
	assert_false(history_read((struct str){record, REPUTATION_RECORD - 1}, &back));
	assert_false(history_read((struct str){record, REPUTATION_RECORD + 1}, &back));
	assert_false(history_read(STR(""), &back));
	memset(record + 9, 0xff, 4); /* not a number */
	assert_false(history_read((struct str){record, REPUTATION_RECORD}, &back));
	record[0] = 99;
	assert_false(history_read((struct str){record, REPUTATION_RECORD}, &back));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, state_setup, state_teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(waits_and_comes_back),
	    TEST(a_pool_waits_once_when_spf_passes),
	    TEST(a_pool_waits_once_when_dkim_passes),
	    TEST(a_pool_that_retries_in_parallel_waits_once_each),
	    TEST(a_name_without_signature_waits),
	    TEST(dkim_may_always_or_never_be_waited_for),
	    TEST(unknown_lists_are_no_empty_lists),
	    TEST(refused_messages_allow_nobody),
	    TEST(lists_and_users_do_not_wait),
	    TEST(known_origins_write_once_a_day),
	    TEST(reputation_scores),
	    TEST(reputation_of_vouched_domains),
	    TEST(reputation_sees_floods),
	    cmocka_unit_test(records_are_read_back),
	};

	steer_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
