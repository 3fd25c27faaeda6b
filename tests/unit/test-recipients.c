#include <fcntl.h>
#include <sys/mman.h>

#include "tests/unit/chain-fixture.h"
#include "tests/unit/clock-fake.h"
#include "tests/unit/pem.h"
#include "tests/unit/smtp-fake.h"

extern const struct filter recipients_filter;

struct world {
	struct smtp_fake server;
	struct store *store;
	struct fixture *f;
};

/* relay: "verify", "any" or "list NAME"; the next hop is our fake server. */
static void start(struct world *w, const char *relay, const char *filter, const char *more)
{
	char conf[1000];

	smtp_fake_start(&w->server);
	w->store = store_open(NULL, false, NULL, NULL);
	snprintf(conf, sizeof conf, "%s relay example.org { to 127.0.0.1:%u; recipients %s; } %s", more, w->server.port,
	    relay, filter);
	w->f = fixture_new_with(&recipients_filter, conf, NULL, w->store);
	assert_int_equal(w->f->load.errors, 0);
	fixture_client(w->f, "192.0.2.1");
}

static void stop(struct world *w)
{
	fixture_free(w->f);
	store_close(w->store);
	smtp_fake_stop(&w->server);
}

static enum outcome ask_in(struct fixture *f, const char *rcpt)
{
	struct address address;

	if (f->s->message)
		message_end(f->s);
	message_start(f->s);
	assert_null(address_parse(f->s->message->arena, str_of(rcpt), true, &address));
	recipient_start(f->s->message, &address);
	return fixture_run(f, STAGE_RCPT);
}

static enum outcome ask(struct world *w, const char *rcpt)
{
	return ask_in(w->f, rcpt);
}

static void expect(struct world *w, const char *rcpt, const char *unknown, const char *source)
{
	assert_int_equal(ask(w, rcpt), RUN_OK);
	assert_string_equal(fixture_fact(w->f, "rcpt.unknown"), unknown);
	assert_string_equal(fixture_fact(w->f, "recipients.source"), source);
}

static void server_decides_and_is_remembered(void **state)
{
	struct world w = {0};

	(void)state;
	start(&w, "verify", "filter recipients;", "");
	expect(&w, "good@example.org", "no", "server");
	assert_string_equal(fixture_fact(w.f, "recipients.reply"), "250 2.1.5 ok");
	expect(&w, "bad@example.org", "yes", "server");
	assert_string_equal(fixture_fact(w.f, "recipients.reply"), "550 5.1.1 no such");
	expect(&w, "full@example.org", "yes", "server");
	expect(&w, "policy@example.org", "yes", "server");
	expect(&w, "Good@Example.org", "no", "cache");
	expect(&w, "bad@example.org", "yes", "cache");
	assert_string_equal(fixture_fact(w.f, "recipients.reply"), "550 5.1.1 no such");
	assert_int_equal(w.server.connections, 1); /* used again */
	assert_int_equal(w.server.rcpts, 4);
	assert_int_equal(fixture_found(w.f, "recipients.unknown"), 1);
	stop(&w);
}

static void answers_that_say_nothing_are_failures(void **state)
{
	static const char *const rcpts[] = {"later@example.org", "drop@example.org", "odd@example.org"};
	struct world w = {0};

	(void)state;
	start(&w, "verify", "filter recipients;", "");
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(ask(&w, rcpts[i]), RUN_TEMP);
		assert_null(fixture_fact(w.f, "rcpt.unknown"));
		assert_true(str_find(w.f->s->failed_why, STR("could not be asked")) >= 0);
	}
	expect(&w, "good@example.org", "no", "server");
	stop(&w);
}

static void servers_that_do_not_want_us_are_failures(void **state)
{
	static const struct {
		const char *banner, *ehlo, *mail, *why;
	} rows[] = {
	    {"554 go away\r\n", NULL, NULL, "554 go away"},
	    {"220 ok\r\n", "421 busy\r\n", NULL, "421 busy"},
	    {"220 ok\r\n", NULL, "550 5.7.1 no null sender\r\n", "550 5.7.1 no null sender"},
	    {"HTTP/1.1 400 Bad\r\n", NULL, NULL, "no SMTP"},
	    {"\x01\x02\x03", NULL, NULL, "in time"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct world w = {.server = {.banner = rows[i].banner, .ehlo = rows[i].ehlo, .mail = rows[i].mail}};

		start(&w, "verify", i == 4 ? "filter recipients { timeout 300ms; }" : "filter recipients;", "");
		assert_int_equal(ask(&w, "good@example.org"), RUN_TEMP);
		if (str_find(w.f->s->failed_why, str_of(rows[i].why)) < 0)
			fail_msg("row %zu: %.*s", i, STR_ARG(w.f->s->failed_why));
		stop(&w);
	}
}

static void without_pipelining_it_goes_step_by_step(void **state)
{
	struct world w = {.server = {.ehlo = "250 plain\r\n"}};

	(void)state;
	start(&w, "verify", "filter recipients;", "");
	expect(&w, "good@example.org", "no", "server");
	expect(&w, "bad@example.org", "yes", "server");
	assert_int_equal(w.server.connections, 1);
	stop(&w);
}

static void utf8_needs_a_server_that_takes_it(void **state)
{
	struct world w = {0};

	(void)state;
	start(&w, "verify", "filter recipients;", "");
	expect(&w, "utf8\xc3\xa4@example.org", "no", "server");
	stop(&w);
	w = (struct world){.server = {.ehlo = "250 plain\r\n"}};
	start(&w, "verify", "filter recipients;", "");
	expect(&w, "utf8\xc3\xa4@example.org", "yes", "server");
	assert_int_equal(w.server.rcpts, 0);
	stop(&w);
}

static void silent_server_costs_its_time_once(void **state)
{
	struct world w = {.server = {.is_silent = true}};
	int64_t before = clock_ticks_ns(), first, second;

	(void)state;
	start(&w, "verify", "filter recipients { timeout 1s; }", "");
	assert_int_equal(ask(&w, "good@example.org"), RUN_TEMP);
	first = clock_ticks_ns() - before;
	assert_int_equal(ask(&w, "good@example.org"), RUN_TEMP);
	second = clock_ticks_ns() - before - first;
	assert_in_range(first / 1000000, 990, 20000);
	assert_in_range(second / 1000000, 0, 989);
	step_s(11);
	w.server.is_silent = false;
	expect(&w, "good@example.org", "no", "server");
	stop(&w);
}

static void old_yes_counts_while_nobody_answers(void **state)
{
	struct world w = {0};
	unsigned short port;

	(void)state;
	start(&w, "verify", "filter recipients { positive 1h; negative 10m; stale 2h; }", "");
	expect(&w, "good@example.org", "no", "server");
	expect(&w, "bad@example.org", "yes", "server");
	step_s(11 * 60);
	expect(&w, "bad@example.org", "yes", "server"); /* a no is forgotten sooner */
	expect(&w, "good@example.org", "no", "cache");
	port = w.server.port;
	smtp_fake_stop(&w.server);
	step_s(3600);
	expect(&w, "good@example.org", "no", "cache");
	assert_string_equal(fixture_fact(w.f, "recipients.stale"), "yes");
	assert_int_equal(ask(&w, "bad@example.org"), RUN_TEMP);
	step_s(3 * 3600);
	assert_int_equal(ask(&w, "good@example.org"), RUN_TEMP);
	assert_int_not_equal(port, 0);
	fixture_free(w.f);
	store_close(w.store);
}

static void lost_connections_are_made_again(void **state)
{
	struct world w = {.server = {.close_after = 1}};

	(void)state;
	start(&w, "verify", "filter recipients;", "");
	expect(&w, "good1@example.org", "no", "server");
	expect(&w, "good2@example.org", "no", "server");
	expect(&w, "good3@example.org", "no", "server");
	assert_int_equal(w.server.connections, 3);
	step_s(21); /* older than we keep them */
	expect(&w, "good4@example.org", "no", "server");
	assert_int_equal(w.server.connections, 4);
	assert_int_equal(w.server.rcpts, 6);
	stop(&w);
}

static void second_server_is_tried(void **state)
{
	struct smtp_fake dead = {0}, alive = {0};
	struct store *store = store_open(NULL, false, NULL, NULL);
	static const struct zone zone[] = {{"in.example.org", DNS_A, "127.0.0.1", 0},
	    {"example.net", DNS_MX, "in.example.org", 0}, {0}};
	struct fixture *f;
	char conf[400];

	(void)state;
	smtp_fake_start(&dead);
	smtp_fake_stop(&dead);
	smtp_fake_start(&alive);
	snprintf(conf, sizeof conf, "relay example.org { to 127.0.0.1:%u in.example.org:%u; recipients verify; }"
				    "relay example.net { to mx:example.net:%u; recipients verify; } filter recipients;",
	    dead.port, alive.port, alive.port);
	f = fixture_new_with(&recipients_filter, conf, zone, store);
	assert_int_equal(f->load.errors, 0);
	assert_int_equal(ask_in(f, "good@example.org"), RUN_OK);
	assert_string_equal(fixture_fact(f, "rcpt.unknown"), "no");
	assert_int_equal(ask_in(f, "good@example.net"), RUN_OK);
	assert_string_equal(fixture_fact(f, "rcpt.unknown"), "no");
	assert_int_equal(alive.rcpts, 2);
	fixture_free(f);
	smtp_fake_stop(&alive);
	store_close(store);
}

enum { ASKERS = 8 };

struct asker {
	struct world *w;
	const char *rcpt;
	enum outcome outcome;
};

static void *ask_alone(void *arg)
{
	struct asker *asker = arg;
	struct fixture mine = *asker->w->f;

	mine.s = session_new(mine.chain, mine.env.dns, FACE_SMTP);
	mine.s->client = asker->w->f->s->client;
	asker->outcome = ask_in(&mine, asker->rcpt);
	session_free(mine.s);
	return NULL;
}

static void ask_together(struct world *w, struct asker askers[ASKERS])
{
	pthread_t threads[ASKERS];

	for (int i = 0; i < ASKERS; i++) {
		askers[i].w = w;
		pthread_create(&threads[i], NULL, ask_alone, &askers[i]);
	}
	for (int i = 0; i < ASKERS; i++)
		pthread_join(threads[i], NULL);
}

static void askers_for_one_address_share_a_question(void **state)
{
	struct world w = {.server = {.slow_ms = 300}};
	struct asker askers[ASKERS] = {0};

	(void)state;
	start(&w, "verify", "filter recipients;", "");
	for (int i = 0; i < ASKERS; i++)
		askers[i].rcpt = "slow@example.org";
	ask_together(&w, askers);
	for (int i = 0; i < ASKERS; i++)
		assert_int_equal(askers[i].outcome, RUN_OK);
	assert_int_equal(w.server.rcpts, 1);
	stop(&w);
}

/* Two at a time, each of so long, and all wait for as long as two and a half take: a slow machine has more time. */
static void questions_at_a_time_are_bounded(void **state)
{
	const char *slow = getenv("MAILTEST_SLOW");
	unsigned ms = 1000 * (slow ? (unsigned)atoi(slow) : 1);
	char conf[100];
	static const char *const rcpts[ASKERS] = {"slow0@example.org", "slow1@example.org", "slow2@example.org",
	    "slow3@example.org", "slow4@example.org", "slow5@example.org", "slow6@example.org", "slow7@example.org"};
	struct world w = {.server = {.slow_ms = ms}};
	struct asker askers[ASKERS] = {0};
	int ok = 0;

	(void)state;
	snprintf(conf, sizeof conf, "filter recipients { probes 2; timeout %ums; }", ms * 5 / 2);
	start(&w, "verify", conf, "");
	for (int i = 0; i < ASKERS; i++)
		askers[i].rcpt = rcpts[i];
	ask_together(&w, askers);
	for (int i = 0; i < ASKERS; i++)
		ok += askers[i].outcome == RUN_OK;
	assert_in_range(ok, 2, 6);
	assert_in_range(w.server.connections, 1, 6);
	stop(&w);
}

static void harvesters_get_no_more_answers(void **state)
{
	struct world w = {0};
	char rcpt[40];

	(void)state;
	start(&w, "verify", "filter recipients { harvest 3; harvest-window 1h; }", "");
	expect(&w, "good@example.org", "no", "server");
	for (int i = 1; i <= 4; i++) {
		snprintf(rcpt, sizeof rcpt, "bad%d@example.org", i);
		expect(&w, rcpt, "yes", "server");
		assert_string_equal(fixture_fact(w.f, "recipients.harvest"), i > 3 ? "yes" : "no");
		assert_int_equal(fixture_found(w.f, "recipients.harvest"), i > 3);
	}
	assert_int_equal(ask(&w, "good5@example.org"), RUN_TEMP);
	assert_string_equal(fixture_fact(w.f, "recipients.harvest"), "yes");
	assert_string_equal(fixture_fact(w.f, "recipients.misses"), "4");
	expect(&w, "good@example.org", "no", "cache"); /* what is known costs nothing */
	fixture_client(w.f, "192.0.2.2");
	expect(&w, "good5@example.org", "no", "server");
	fixture_client(w.f, "192.0.2.1");
	step_s(3601);
	expect(&w, "good6@example.org", "no", "server");
	stop(&w);
}

static void ipv6_clients_are_counted_by_network(void **state)
{
	struct world w = {0};

	(void)state;
	start(&w, "verify", "filter recipients { harvest 1; }", "");
	fixture_client(w.f, "2001:db8::1");
	expect(&w, "bad1@example.org", "yes", "server");
	fixture_client(w.f, "2001:db8::ffff");
	expect(&w, "bad2@example.org", "yes", "server");
	assert_string_equal(fixture_fact(w.f, "recipients.misses"), "2");
	assert_int_equal(ask(&w, "good@example.org"), RUN_TEMP);
	fixture_client(w.f, "2001:db8:0:1::1");
	expect(&w, "good@example.org", "no", "server");
	stop(&w);
}

static void maps_and_lists_need_no_server(void **state)
{
	char path[] = "/tmp/test-recipients-XXXXXX", filter[200];
	static const char text[] = "# ours\njoe@Example.org\n  ann@example.org   # and a comment\n\n@all.example.net\n";
	int fd = mkstemp(path);
	struct world w = {0};

	(void)state;
	assert_int_equal(write(fd, text, sizeof text - 1), sizeof text - 1);
	close(fd);
	snprintf(filter, sizeof filter, "filter recipients { map \"%s\"; list extra; }", path);
	start(&w, "any", filter, "list extra { zoe@example.org; } relay all.example.net { to 127.0.0.1:1; }");
	expect(&w, "joe@example.org", "no", "map");
	expect(&w, "JOE@example.ORG", "no", "map");
	expect(&w, "joe+news@example.org", "no", "map");
	expect(&w, "+joe@example.org", "yes", "map");
	expect(&w, "jo@example.org", "yes", "map");
	expect(&w, "zoe+x@example.org", "no", "list");
	expect(&w, "anybody@all.example.net", "no", "map");
	expect(&w, "anybody@other.example", "no", "any");
	assert_int_equal(w.server.connections, 0);
	stop(&w);
	unlink(path);
}

static void relay_may_name_a_list(void **state)
{
	struct world w = {0};

	(void)state;
	start(&w, "list staff", "filter recipients { subaddress \"-\"; }", "list staff { joe@example.org; }");
	expect(&w, "joe@example.org", "no", "list");
	expect(&w, "joe-x@example.org", "no", "list");
	expect(&w, "joe+x@example.org", "yes", "list");
	stop(&w);
}

static void dry_run_asks_nobody(void **state)
{
	struct world w = {0};

	(void)state;
	start(&w, "verify", "filter recipients;", "");
	w.f->s->face = FACE_SCAN;
	assert_int_equal(ask(&w, "good@example.org"), RUN_OK);
	assert_null(fixture_fact(w.f, "rcpt.unknown"));
	assert_int_equal(w.server.connections, 0);
	stop(&w);
}

/* relay_tls: as in a relay block; the server offers what it has. */
static enum outcome ask_secured(struct smtp_fake *server, const char *relay_tls, struct str *ret_why)
{
	struct fixture *f;
	char conf[400];
	enum outcome outcome;
	static char why[300];

	smtp_fake_start(server);
	snprintf(conf, sizeof conf, "relay example.org { to 127.0.0.1:%u; recipients verify; %s } filter recipients;",
	    server->port, relay_tls);
	f = fixture_new_with(&recipients_filter, conf, NULL, NULL);
	assert_int_equal(f->load.errors, 0);
	outcome = ask_in(f, "good@example.org");
	snprintf(why, sizeof why, "%.*s", STR_ARG(f->s->failed_why));
	*ret_why = str_of(why);
	fixture_free(f);
	smtp_fake_stop(server);
	return outcome;
}

static void tls_is_as_the_route_wants_it(void **state)
{
	static const char ehlo[] = "250-fake\r\n250-PIPELINING\r\n250 STARTTLS\r\n";
	struct arena *a = arena_new(0);
	char pem[] = "/tmp/test-recipients-XXXXXX", verify[200], other[200];
	struct ssl_ctx_st *tls;
	struct str error, why;
	int fd = mkstemp(pem);
	const struct {
		const char *relay;
		bool offers;
		const char *starttls;
		enum outcome outcome;
		int secured;
	} rows[] = {
	    {"tls none;", true, NULL, RUN_OK, 0},
	    {"tls may;", true, NULL, RUN_OK, 1},
	    {"tls may;", false, NULL, RUN_OK, 0},
	    {"tls require;", true, NULL, RUN_OK, 1},
	    {"tls require;", false, NULL, RUN_TEMP, 0},
	    {verify, true, NULL, RUN_OK, 1},
	    {other, true, NULL, RUN_TEMP, 0},
	    {verify, true, "454 not now\r\n", RUN_TEMP, 0},
	    {verify, true, "220 go\r\n250 injected\r\n", RUN_TEMP, 0},
	};

	(void)state;
	assert_int_equal(write(fd, test_pem, sizeof test_pem - 1), sizeof test_pem - 1);
	close(fd);
	tls = tls_server_new(pem, pem, a, &error);
	assert_non_null(tls);
	snprintf(verify, sizeof verify, "tls verify; tls-name mx.test; tls-ca \"%s\";", pem);
	snprintf(other, sizeof other, "tls verify; tls-name other.test; tls-ca \"%s\";", pem);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct smtp_fake server = {.tls = tls, .ehlo = rows[i].offers ? ehlo : NULL, .starttls = rows[i].starttls};

		if (ask_secured(&server, rows[i].relay, &why) != rows[i].outcome)
			fail_msg("row %zu: %.*s", i, STR_ARG(why));
		assert_int_equal(server.secured, rows[i].secured);
	}
	tls_free(tls);
	unlink(pem);
	arena_free(a);
}

static void settings_are_checked(void **state)
{
	char path[] = "/tmp/test-recipients-XXXXXX", map[100];
	int fd = mkstemp(path);
	const char *wrong[] = {"filter recipients { map \"/nonexistent\"; }", "filter recipients { list nobody; }",
	    "filter recipients { positive 0s; }", map};

	(void)state;
	assert_int_equal(write(fd, "a@b\nnonsense\n@\na b@c\n", 21), 21);
	close(fd);
	snprintf(map, sizeof map, "filter recipients { map \"%s\"; }", path);
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		struct fixture *f;

		f = fixture_new_with(&recipients_filter, wrong[i], NULL, NULL);
		assert_int_equal(f->load.errors, i == 3 ? 3 : 1);
		if (i == 3)
			assert_int_equal(f->load.first->place.line, 2);
		fixture_free(f);
	}
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(server_decides_and_is_remembered),
	    cmocka_unit_test(answers_that_say_nothing_are_failures),
	    cmocka_unit_test(servers_that_do_not_want_us_are_failures),
	    cmocka_unit_test(without_pipelining_it_goes_step_by_step),
	    cmocka_unit_test(utf8_needs_a_server_that_takes_it),
	    cmocka_unit_test(silent_server_costs_its_time_once),
	    cmocka_unit_test(old_yes_counts_while_nobody_answers),
	    cmocka_unit_test(lost_connections_are_made_again),
	    cmocka_unit_test(second_server_is_tried),
	    cmocka_unit_test(askers_for_one_address_share_a_question),
	    cmocka_unit_test(questions_at_a_time_are_bounded),
	    cmocka_unit_test(harvesters_get_no_more_answers),
	    cmocka_unit_test(ipv6_clients_are_counted_by_network),
	    cmocka_unit_test(maps_and_lists_need_no_server),
	    cmocka_unit_test(relay_may_name_a_list),
	    cmocka_unit_test(dry_run_asks_nobody),
	    cmocka_unit_test(tls_is_as_the_route_wants_it),
	    cmocka_unit_test(settings_are_checked),
	};
	return cmocka_run_group_tests(tests, steer_setup, NULL);
}
