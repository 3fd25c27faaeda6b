/* Rate limits: units, keys, what is given back, exact waits, and that no bucket admits too much. */
#include <sys/wait.h>

#include "tests/unit/folder.h"
#include "tests/unit/state-fixture.h"

extern const struct filter rate_filter;

static struct fixture *make(struct store *st, const char *conf)
{
	struct fixture *f = fixture_new_with(&rate_filter, conf, NULL, st);

	assert_int_equal(f->load.errors, 0);
	fixture_client(f, "192.0.2.1");
	return f;
}

static bool connects(struct fixture *f, const char *client)
{
	fixture_again(f);
	fixture_client(f, client);
	return pass(f, STAGE_CONNECT, "rate.exceeded", VERDICT_REJECT);
}

/* One message; whether MAIL was taken. */
static bool sends(struct fixture *f, const char *sender, size_t octets, enum verdict_kind end)
{
	bool taken;

	mail_from(f, sender);
	taken = pass(f, STAGE_MAIL, "rate.exceeded", VERDICT_TEMPFAIL) && rcpt_to(f, "b@example.net", NULL);
	if (taken && end != VERDICT_NONE) {
		body(f, octets);
		chain_run(f->s, STAGE_MESSAGE);
		chain_settle(f->s, STAGE_MESSAGE, end);
	}
	message_end(f->s);
	return taken;
}

static void connections_wait_exactly(void **state)
{
	struct state_world *w = *state;
	struct fixture *f = make(w->st, "filter rate { limit connections 3 per 1m by client; limit connections 4 per 1m by network; }");

	for (int i = 0; i < 3; i++)
		assert_true(connects(f, "192.0.2.1"));
	assert_false(connects(f, "192.0.2.1"));
	assert_string_equal(fixture_fact(f, "rate.limit"), "3 connections per 1m by client");
	assert_string_equal(fixture_fact(f, "rate.key"), "192.0.2.1");
	assert_string_equal(fixture_fact(f, "rate.unit"), "connections");
	assert_string_equal(fixture_fact(f, "rate.wait"), "20s");
	/* The layer above took its token all the same, and ends here. */
	assert_false(connects(f, "192.0.2.9"));
	assert_string_equal(fixture_fact(f, "rate.key"), "192.0.2.0/24");
	assert_true(connects(f, "198.51.100.1"));
	step_ms(20000);
	assert_true(connects(f, "192.0.2.1"));
	assert_false(connects(f, "192.0.2.1"));
	fixture_free(f);
}

/* Twenty HELOs of one session are one connection. */
static void connections_count_once_a_session(void **state)
{
	struct state_world *w = *state;
	struct fixture *f = make(w->st, "filter rate { limit connections 2 per 1m by helo; }");

	for (int i = 0; i < 20; i++) {
		f->s->helo = STR("one.example");
		assert_true(pass(f, STAGE_HELO, "rate.exceeded", VERDICT_REJECT));
	}
	fixture_again(f);
	f->s->helo = STR("ONE.example");
	assert_true(pass(f, STAGE_HELO, "rate.exceeded", VERDICT_REJECT));
	fixture_again(f);
	f->s->helo = STR("one.example");
	assert_false(pass(f, STAGE_HELO, "rate.exceeded", VERDICT_REJECT));
	fixture_free(f);
}

static void messages_that_were_not_taken_are_given_back(void **state)
{
	struct state_world *w = *state;
	struct fixture *f = make(w->st, "filter rate { limit messages 2 per 1h by sender; }");

	for (int i = 0; i < 10; i++) {
		assert_true(sends(f, "a@example.org", 10, VERDICT_NONE));    /* RSET, or the client left */
		assert_true(sends(f, "a@example.org", 10, VERDICT_REJECT));
		assert_true(sends(f, "a@example.org", 10, VERDICT_TEMPFAIL));
	}
	assert_true(sends(f, "a@example.org", 10, VERDICT_ACCEPT));
	assert_true(sends(f, "A@Example.org", 10, VERDICT_QUARANTINE));
	assert_false(sends(f, "a@example.org", 10, VERDICT_ACCEPT));
	assert_true(sends(f, "b@example.org", 10, VERDICT_ACCEPT));
	step_ms(1800 * 1000);
	assert_true(sends(f, "a@example.org", 10, VERDICT_ACCEPT));
	fixture_free(f);
}

static void charging_the_refused_is_an_option(void **state)
{
	struct state_world *w = *state;
	struct fixture *f = make(w->st, "filter rate { limit messages 2 per 1h by sender; charge-refused on; }");

	assert_true(sends(f, "a@example.org", 10, VERDICT_REJECT));
	assert_true(sends(f, "a@example.org", 10, VERDICT_NONE));
	assert_false(sends(f, "a@example.org", 10, VERDICT_ACCEPT));
	fixture_free(f);
}

/* Sessions side by side hold their tokens from MAIL on: no more than there are can be under way. */
static void messages_under_way_are_counted(void **state)
{
	struct state_world *w = *state;
	struct fixture *f[4];

	for (int i = 0; i < 4; i++) {
		f[i] = make(w->st, "filter rate { limit messages 3 per 1h by sender; }");
		mail_from(f[i], "a@example.org");
		assert_int_equal(pass(f[i], STAGE_MAIL, "rate.exceeded", VERDICT_TEMPFAIL), i < 3);
	}
	for (int i = 0; i < 4; i++)
		fixture_free(f[i]);
}

static void messages_by_recipient_count_once(void **state)
{
	struct state_world *w = *state;
	struct fixture *f = make(w->st, "filter rate { limit messages 2 per 1h by rcpt.domain; }");

	for (int i = 0; i < 3; i++) {
		mail_from(f, "a@example.org");
		pass(f, STAGE_MAIL, NULL, VERDICT_NONE);
		assert_int_equal(rcpt_to(f, "a@one.example", "rate.exceeded"), i < 2);
		assert_int_equal(rcpt_to(f, "b@one.example", "rate.exceeded"), i < 2);
		assert_true(rcpt_to(f, i ? "x@two.example" : "x@three.example", "rate.exceeded"));
		body(f, 20);
		chain_settle(f->s, STAGE_MESSAGE, VERDICT_ACCEPT);
		message_end(f->s);
	}
	fixture_free(f);
}

static void bytes_are_made_right_at_the_end(void **state)
{
	struct state_world *w = *state;
	struct fixture *f = make(w->st, "filter rate { limit bytes 10K per 10h by sender; }");

	mail_from(f, "a@example.org");
	f->s->message->declared_size = 10240;
	assert_true(pass(f, STAGE_MAIL, "rate.exceeded", VERDICT_TEMPFAIL));
	body(f, 4096);
	chain_settle(f->s, STAGE_MESSAGE, VERDICT_ACCEPT);
	message_end(f->s);
	assert_true(sends(f, "a@example.org", 6144, VERDICT_ACCEPT)); /* nothing was said: 1 is there */
	assert_false(sends(f, "a@example.org", 1, VERDICT_ACCEPT));
	step_ms(10 * 3600 * 1000);
	mail_from(f, "a@example.org");
	f->s->message->declared_size = 1 << 30; /* above the limit: takes all of a full one */
	assert_true(pass(f, STAGE_MAIL, "rate.exceeded", VERDICT_TEMPFAIL));
	message_end(f->s);
	assert_true(sends(f, "a@example.org", 100, VERDICT_ACCEPT));
	mail_from(f, "a@example.org");
	f->s->message->declared_size = 1 << 30;
	assert_false(pass(f, STAGE_MAIL, "rate.exceeded", VERDICT_TEMPFAIL));
	fixture_free(f);
}

static void recipients_refused_are_given_back(void **state)
{
	struct state_world *w = *state;
	struct fixture *f = make(w->st, "filter rate { limit recipients 3 per 1h by sender; }");

	mail_from(f, "a@example.org");
	pass(f, STAGE_MAIL, NULL, VERDICT_NONE);
	for (int i = 0; i < 10; i++) {
		struct address address;

		assert_null(address_parse(f->s->message->arena, STR("x@example.net"), false, &address));
		recipient_start(f->s->message, &address);
		fixture_run(f, STAGE_RCPT);
		assert_string_equal(fixture_fact(f, "rate.exceeded"), "no");
		chain_settle(f->s, STAGE_RCPT, VERDICT_REJECT);
	}
	for (int i = 0; i < 4; i++)
		assert_int_equal(rcpt_to(f, "b@example.net", "rate.exceeded"), i < 3);
	fixture_free(f);
}

static void errors_stop_the_next_connection(void **state)
{
	struct state_world *w = *state;
	struct fixture *f = make(w->st, "filter rate { limit errors 2 per 1h by client; }");

	for (int i = 0; i < 2; i++) {
		assert_true(connects(f, "192.0.2.1"));
		mail_from(f, "a@example.org");
		fixture_run(f, STAGE_MAIL);
		chain_settle(f->s, STAGE_MAIL, VERDICT_REJECT);
	}
	assert_false(connects(f, "192.0.2.1"));
	assert_true(connects(f, "192.0.2.2"));
	fixture_free(f);
}

static void keys_that_are_not_set_do_not_count(void **state)
{
	struct state_world *w = *state;
	struct fixture *f = make(w->st, "filter rate { limit messages 1 per 1h by auth.user client; }");

	fixture_run(f, STAGE_CONNECT);
	for (int i = 0; i < 5; i++)
		assert_true(sends(f, "a@example.org", 10, VERDICT_ACCEPT));
	f->s->auth_user = STR("joe");
	assert_true(sends(f, "a@example.org", 10, VERDICT_ACCEPT));
	assert_false(sends(f, "a@example.org", 10, VERDICT_ACCEPT));
	fixture_free(f);
}

static void exceptions_take_nothing(void **state)
{
	struct state_world *w = *state;
	struct fixture *f = make(w->st, "list good { 192.0.2.7; vip@example.org; } "
	    "filter rate { limit messages 1 per 1h by network except good; }");

	fixture_client(f, "192.0.2.7");
	for (int i = 0; i < 3; i++)
		assert_true(sends(f, "a@example.org", 10, VERDICT_ACCEPT));
	fixture_client(f, "192.0.2.8");
	for (int i = 0; i < 3; i++)
		assert_true(sends(f, "vip@example.org", 10, VERDICT_ACCEPT));
	assert_true(sends(f, "a@example.org", 10, VERDICT_ACCEPT));
	assert_false(sends(f, "a@example.org", 10, VERDICT_ACCEPT));
	fixture_free(f);
}

/* Whatever a client does: what is admitted in any stretch is bounded by capacity + rate x time. */
static void never_admits_too_much(void **state)
{
	struct state_world *w = *state;
	struct fixture *f = make(w->st, "filter rate { limit messages 20 per 10s by sender; }");
	int64_t start = clock_now_us(), admitted = 0;
	uint32_t dice = 12345;

	for (int i = 0; i < 4000; i++) {
		static const enum verdict_kind ends[] = {VERDICT_ACCEPT, VERDICT_REJECT, VERDICT_NONE, VERDICT_ACCEPT};
		enum verdict_kind end;

		dice = dice * 1103515245 + 12345;
		end = ends[dice >> 28 & 3];
		if (sends(f, "a@example.org", 10, end) && end == VERDICT_ACCEPT)
			admitted++;
		step_ms(dice >> 16 & 255);
		assert_true((double)admitted <= 20 + 2e-6 * (double)(clock_now_us() - start) + 1e-6);
	}
	/* And not much less either, for the demand was there. */
	assert_true((double)admitted >= 0.9 * 2e-6 * (double)(clock_now_us() - start));
	fixture_free(f);
}

static void survives_a_restart(void **state)
{
	char folder[FOLDER_MAX], path[FOLDER_MAX + 16];
	struct str error;

	(void)state;
	assert_int_equal(folder_make(folder), 0);
	snprintf(path, sizeof path, "%s/state.db", folder);
	for (int life = 0; life < 3; life++) {
		struct arena *a = arena_new(0);
		struct store *st = store_open(path, false, a, &error);
		struct fixture *f = make(st, "filter rate { limit messages 2 per 1h by sender; }");

		assert_int_equal(sends(f, "a@example.org", 10, VERDICT_ACCEPT), life < 2);
		fixture_free(f);
		store_close(st);
		arena_free(a);
	}
	assert_int_equal(folder_remove(folder), 0);
}

/* Until what was changed is in the file, where others find it. */
static void wait_written(struct store *st)
{
	struct store_stats stats;

	for (int i = 0; i < 300000; i++) {
		store_stats(st, &stats);
		if (stats.waiting == 0)
			return;
		usleep(200);
	}
}

/* Five at a time, then their commit: however slow the machine is, nobody is further ahead of the others. */
enum { AT_A_TIME = 5 };

static int take_slowly(const char *path, const struct store_rate *rate)
{
	struct arena *a = arena_new(0);
	struct str error;
	struct store *st = store_open(path, false, a, &error);
	int taken = 0;

	for (int i = 0; st && i < 400; i++) {
		taken += store_bucket(st, "rate", STR("shared"), rate, 1, NULL) == RES_OK;
		if (i % AT_A_TIME == 0)
			wait_written(st);
	}
	store_close(st);
	arena_free(a);
	return taken;
}

/* Four processes and one bucket: what each does is seen by the others with its next commit. */
static void processes_share_a_bucket(void **state)
{
	static const struct store_rate rate = {.capacity = 100, .per_ms = 1000 * INT64_C(86400000)};
	char folder[FOLDER_MAX], path[FOLDER_MAX + 16];
	int ends[2], taken, total = 0;

	(void)state;
	assert_int_equal(folder_make(folder), 0);
	snprintf(path, sizeof path, "%s/state.db", folder);
	take_slowly(path, &(struct store_rate){.capacity = 1, .per_ms = 1}); /* makes the file */
	assert_int_equal(pipe(ends), 0);
	for (int i = 0; i < 4; i++)
		if (fork() == 0) {
			taken = take_slowly(path, &rate);
			_exit(write(ends[1], &taken, sizeof taken) != sizeof taken);
		}
	for (int i = 0; i < 4; i++) {
		assert_int_equal(read(ends[0], &taken, sizeof taken), sizeof taken);
		total += taken;
	}
	print_message("4 processes took %d of 100\n", total);
	/* Never less than there is; above it at most what four can take within a commit, and another that was under way. */
	assert_in_range(total, 100, 100 + 4 * 2 * AT_A_TIME);
	assert_int_equal(take_slowly(path, &rate), 0);
	assert_int_equal(folder_remove(folder), 0);
	while (waitpid(-1, NULL, 0) > 0)
		;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, state_setup, state_teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(connections_wait_exactly),
	    TEST(connections_count_once_a_session),
	    TEST(messages_that_were_not_taken_are_given_back),
	    TEST(charging_the_refused_is_an_option),
	    TEST(messages_under_way_are_counted),
	    TEST(messages_by_recipient_count_once),
	    TEST(bytes_are_made_right_at_the_end),
	    TEST(recipients_refused_are_given_back),
	    TEST(errors_stop_the_next_connection),
	    TEST(keys_that_are_not_set_do_not_count),
	    TEST(exceptions_take_nothing),
	    TEST(never_admits_too_much),
	    cmocka_unit_test(survives_a_restart),
	    cmocka_unit_test(processes_share_a_bucket),
	};

	steer_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
