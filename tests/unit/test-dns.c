/* Look-ups against a scripted server, dead servers, and time. test-dns-packet.c has the parser. */
#include <stdio.h>
#include <stdlib.h>

#include "lib/clock.h"
#include "lib/dns/dns.h"
#include "tests/unit/dns-fake.h"
#include "tests/unit/unit.h"

struct fixture {
	struct arena *a;
	struct dns_fake server;
	struct dns *dns;
	struct dns_scope *scope;
};

static struct dns *resolver(struct arena *a, const char *const servers[], size_t n, unsigned timeout_ms,
    const char *anchor)
{
	struct str v[4], error = STR_NONE;
	struct dns_options options = {
	    .servers = v, .server_count = n, .timeout_ms = timeout_ms, .trust_anchor_file = anchor};
	struct dns *dns;

	for (size_t i = 0; i < n; i++)
		v[i] = str_of(servers[i]);
	dns = dns_new(&options, a, &error);
	if (!dns)
		print_message("%.*s\n", STR_ARG(error));
	return dns;
}

static struct dns_scope *scope_of(struct dns *dns, unsigned timeout_ms)
{
	struct dns_limits limits = {.queries = 60, .timeout_ms = timeout_ms};

	return dns_scope_new(dns, &limits, NULL, NULL);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	char server[40];

	f->a = arena_new(0);
	dns_fake_start(&f->server);
	snprintf(server, sizeof server, "127.0.0.1@%u", f->server.port);
	f->dns = resolver(f->a, (const char *[]){server}, 1, 2000, NULL);
	f->scope = scope_of(f->dns, 3000);
	*state = f;
	return f->dns ? 0 : -1;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	dns_scope_free(f->scope);
	dns_free(f->dns);
	dns_fake_stop(&f->server);
	arena_free(f->a);
	free(f);
	return 0;
}

static const struct dns_answer *get(struct fixture *f, const char *name, enum dns_type type)
{
	return dns_get(f->scope, str_of(name), type);
}

enum { BUSY_MS = 4000 }; /* so late may a busy machine be; less than the limits that must not apply */

static int64_t ms_since(int64_t ns)
{
	return (clock_ticks_ns() - ns) / 1000000;
}

static void four_outcomes_are_told_apart(void **state)
{
	struct fixture *f = *state;
	static const struct {
		const char *name;
		enum dns_status status;
		const char *problem;
	} rows[] = {{"ok.example.test", DNS_OK, "ok"}, {"nx.example.test", DNS_NXDOMAIN, "no such name"},
	    {"nodata.example.test", DNS_NODATA, "no such record"},
	    {"refused.example.test", DNS_TEMP, "the name server failed (SERVFAIL)"}, /* of our own resolver: it asked others */
	    {"servfail.example.test", DNS_TEMP, "the name server failed (SERVFAIL)"},
	    {"loop.example.test", DNS_TEMP, "the name server failed (SERVFAIL)"}, {"ok.example.invalid", DNS_OK, "ok"},
	    {"ok.localhost", DNS_OK, "ok"}, {"ok.0.0.127.in-addr.arpa", DNS_OK, "ok"}, {"ok.168.192.in-addr.arpa", DNS_OK, "ok"}};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct dns_answer *a = get(f, rows[i].name, DNS_A);

		if (a->status != rows[i].status)
			fail_msg("%s: %s", rows[i].name, dns_answer_problem(a));
		assert_string_equal(dns_answer_problem(a), rows[i].problem);
		assert_int_equal(a->n, a->status == DNS_OK);
		assert_false(a->is_secure);
		dns_scope_renew(f->scope);
	}
}

static void records_of_each_type(void **state)
{
	struct fixture *f = *state;
	char text[IP_TEXT_MAX];
	const struct dns_answer *a;

	a = get(f, "many-3.example.test", DNS_A);
	assert_int_equal(a->n, 3);
	assert_int_equal(a->ttl, 60);
	assert_str(ip_format(&get(f, "ok.example.test", DNS_AAAA)->records[0].ip, text), "2001:db8::1");
	assert_str(get(f, "multi.example.test", DNS_TXT)->records[0].data, "one two");
	assert_str(get(f, "ok.4.3.2.1.in-addr.arpa", DNS_PTR)->records[0].name, "host1.example.test");
	a = get(f, "many-2.example.test", DNS_MX);
	assert_int_equal(a->n, 2);
	assert_int_equal(a->records[0].preference + a->records[1].preference, 30);
}

static void chains_are_followed(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(get(f, "chain-1.example.test", DNS_A)->n, 1);
	assert_int_equal(get(f, "chain-8.example.test", DNS_A)->n, 1);
	assert_int_equal(get(f, "chain-12.example.test", DNS_A)->status, DNS_TEMP);
}

static void truncated_answers_come_over_tcp(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(get(f, "tc.example.test", DNS_TXT)->status, DNS_OK);
	assert_int_equal(f->server.tcp_queries, 1);
	assert_int_equal(get(f, "many-200.example.test", DNS_A)->n, 200);
	assert_int_equal(get(f, "many-201.example.test", DNS_A)->n, DNS_RECORDS_MAX);
	assert_int_equal(get(f, "many-900.example.test", DNS_TXT)->n, DNS_RECORDS_MAX);
}

static void garbage_is_no_answer(void **state)
{
	struct fixture *f = *state;
	static const char *const names[] = {"garbage.example.test", "wrong.example.test", "short.example.test"};
	struct dns_scope *scope = scope_of(f->dns, 400);

	for (size_t i = 0; i < 3; i++) {
		int64_t before = clock_ticks_ns();

		dns_scope_renew(scope);
		assert_int_equal(dns_get(scope, str_of(names[i]), DNS_A)->status, DNS_TEMP);
		assert_in_range(ms_since(before), 0, BUSY_MS);
	}
	dns_scope_free(scope);
}

static void names_have_their_limits(void **state)
{
	struct fixture *f = *state;
	static const char *const bad[] = {"", "..", ".a.test", "a..test", "a.test.."};
	char name[300];

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(get(f, bad[i], DNS_A)->status, DNS_BADNAME);
	for (int n = 62; n <= 64; n++) {
		memset(name, 'x', (size_t)n);
		snprintf(name + n, sizeof name - (size_t)n, ".test");
		assert_int_equal(get(f, name, DNS_A)->status, n <= 63 ? DNS_OK : DNS_BADNAME);
	}
	for (int n = 252; n <= 254; n++) {
		for (int i = 0; i < n; i++)
			name[i] = i % 4 == 3 ? '.' : 'a';
		name[n - 1] = 'b';
		name[n - 2] = 'b';
		name[n] = '\0';
		assert_int_equal(get(f, name, DNS_A)->status, n <= 253 ? DNS_OK : DNS_BADNAME);
	}
	assert_int_equal(get(f, "odd \"\\;$\x01\xc3\xa4.example.test", DNS_A)->status, DNS_OK);
	assert_int_equal(f->server.queries, 2 + 2 + 1);
}

static void one_question_is_one_ticket(void **state)
{
	struct fixture *f = *state;
	struct dns_ticket *t = dns_ask(f->scope, STR("ok.example.test"), DNS_A);

	assert_ptr_equal(dns_ask(f->scope, STR("OK.Example.Test."), DNS_A), t);
	assert_ptr_not_equal(dns_ask(f->scope, STR("ok.example.test"), DNS_MX), t);
	assert_int_equal(dns_scope_used(f->scope), 2);
	assert_int_equal(dns_wait(t)->status, DNS_OK);
	assert_true(dns_is_done(t));
}

static void budget_ends_questions(void **state)
{
	struct fixture *f = *state;
	struct dns_limits limits = {.queries = 3, .timeout_ms = 1000};
	struct dns_scope *scope = dns_scope_new(f->dns, &limits, NULL, NULL);
	char name[40];

	for (int i = 0; i < 5; i++) {
		snprintf(name, sizeof name, "ok.n%d.test", i);
		assert_int_equal(dns_get(scope, str_of(name), DNS_A)->status, i < 3 ? DNS_OK : DNS_BUDGET);
	}
	assert_int_equal(dns_get(scope, STR("ok.n0.test"), DNS_A)->status, DNS_OK);
	assert_int_equal(dns_scope_used(scope), 3);
	dns_scope_free(scope);
}

/* The last questions are for what must be known, and for nothing else. */
static void budget_has_a_reserve(void **state)
{
	struct fixture *f = *state;
	struct dns_limits limits = {.queries = 5, .timeout_ms = 1000, .reserve = 2};
	struct dns_scope *scope = dns_scope_new(f->dns, &limits, NULL, NULL);
	char name[40];

	for (int i = 0; i < 4; i++) {
		snprintf(name, sizeof name, "ok.n%d.test", i);
		assert_int_equal(dns_get(scope, str_of(name), DNS_A)->status, i < 3 ? DNS_OK : DNS_BUDGET);
	}
	for (int i = 4; i < 7; i++) {
		snprintf(name, sizeof name, "ok.n%d.test", i);
		assert_int_equal(dns_wait(dns_ask_reserved(scope, str_of(name), DNS_A))->status, i < 6 ? DNS_OK : DNS_BUDGET);
	}
	assert_int_equal(dns_get(scope, STR("ok.n5.test"), DNS_A)->status, DNS_OK); /* is there already */
	dns_scope_free(scope);
}

/* A busy machine may be late once, not always. */
static bool is_on_time(int64_t before_ns, int64_t from_ms, int64_t to_ms, int *tries)
{
	int64_t ms = ms_since(before_ns);

	if (ms >= from_ms && ms <= to_ms)
		return true;
	if (ms < from_ms || --*tries == 0)
		fail_msg("%d ms, expected %d to %d", (int)ms, (int)from_ms, (int)to_ms);
	return false;
}

static bool deadline_is_kept(struct dns *dns, unsigned timeout_ms, int *tries)
{
	bool ok;
	struct dns_scope *scope = scope_of(dns, timeout_ms);
	int64_t before = clock_ticks_ns();
	struct dns_ticket *a = dns_ask(scope, STR("silent.one.test"), DNS_A);
	struct dns_ticket *b = dns_ask(scope, STR("silent.two.test"), DNS_A);

	assert_string_equal(dns_answer_problem(dns_wait(a)), "no answer");
	assert_int_equal(dns_wait(b)->status, DNS_TEMP);
	ok = is_on_time(before, timeout_ms - 1, timeout_ms + 50, tries);
	before = clock_ticks_ns();
	assert_int_equal(dns_get(scope, STR("ok.three.test"), DNS_A)->status, DNS_TEMP);
	ok &= is_on_time(before, 0, 20, tries);
	dns_scope_free(scope);
	return ok;
}

static void silent_server_costs_no_more_than_the_deadline(void **state)
{
	struct fixture *f = *state;
	struct dns_scope *scope;
	int tries = 5;

	while (!deadline_is_kept(f->dns, 300, &tries) || !deadline_is_kept(f->dns, 50, &tries))
		;
	/* and what works goes on */
	scope = scope_of(f->dns, 3000);
	assert_int_equal(dns_get(scope, STR("ok.four.test"), DNS_A)->status, DNS_OK);
	dns_scope_free(scope);
}

static void dead_server_costs_no_more_than_the_deadline(void **state)
{
	struct fixture *f = *state;
	struct dns *dns = resolver(f->a, (const char *[]){"127.0.0.1@1"}, 1, 5000, NULL);
	struct dns_scope *scope = scope_of(dns, 300);
	int64_t before = clock_ticks_ns();

	assert_int_equal(dns_get(scope, STR("ok.example.test"), DNS_A)->status, DNS_TEMP);
	assert_in_range(ms_since(before), 0, BUSY_MS);
	dns_scope_free(scope);
	before = clock_ticks_ns();
	dns_free(dns);
	assert_in_range(ms_since(before), 0, BUSY_MS);
}

static void second_server_is_used(void **state)
{
	struct fixture *f = *state;
	char server[40];
	struct dns_scope *scope;
	struct dns *dns;

	snprintf(server, sizeof server, "127.0.0.1@%u", f->server.port);
	dns = resolver(f->a, (const char *[]){"127.0.0.1@1", server}, 2, 5000, NULL);
	scope = scope_of(dns, 5000);
	assert_int_equal(dns_get(scope, STR("ok.example.test"), DNS_A)->status, DNS_OK);
	dns_scope_free(scope);
	dns_free(dns);
}

static void one_question_has_its_own_limit(void **state)
{
	struct fixture *f = *state;
	char server[40];
	struct dns_scope *scope;
	struct dns *dns;
	int64_t before = clock_ticks_ns();

	snprintf(server, sizeof server, "127.0.0.1@%u", f->server.port);
	dns = resolver(f->a, (const char *[]){server}, 1, 600, NULL);
	scope = scope_of(dns, 20000);
	assert_int_equal(dns_get(scope, STR("silent.example.test"), DNS_A)->status, DNS_TEMP);
	assert_in_range(ms_since(before), 599, BUSY_MS);
	assert_int_equal(dns_get(scope, STR("ok.example.test"), DNS_A)->status, DNS_OK);
	dns_scope_free(scope);
	dns_free(dns);
}

/* Time that nobody waited for is not used up. */
static void idle_time_is_free(void **state)
{
	struct fixture *f = *state;
	struct dns_scope *scope = scope_of(f->dns, 1200);

	assert_int_equal(dns_get(scope, STR("ok.one.test"), DNS_A)->status, DNS_OK);
	usleep(1300000);
	assert_int_equal(dns_get(scope, STR("ok.two.test"), DNS_A)->status, DNS_OK);
	assert_int_equal(dns_get(scope, STR("silent.test"), DNS_A)->status, DNS_TEMP);
	assert_int_equal(dns_get(scope, STR("ok.three.test"), DNS_A)->status, DNS_TEMP);
	dns_scope_renew(scope);
	assert_int_equal(dns_get(scope, STR("ok.four.test"), DNS_A)->status, DNS_OK);
	dns_scope_free(scope);
}

struct idle {
	atomic_int calls;
	_Atomic int64_t at;
};

static void note_idle(void *arg)
{
	struct idle *idle = arg;

	idle->at = clock_ticks_ns();
	idle->calls++;
}

static void on_idle_is_called_once(void **state)
{
	struct fixture *f = *state;
	struct dns_limits limits = {.queries = 60, .timeout_ms = 300};
	struct idle idle = {0};
	struct dns_scope *scope = dns_scope_new(f->dns, &limits, note_idle, &idle);
	int64_t before;

	assert_true(dns_scope_arm(scope));
	dns_ask(scope, STR("slow-100.example.test"), DNS_A);
	dns_ask(scope, STR("ok.example.test"), DNS_A);
	assert_false(dns_scope_arm(scope));
	for (int i = 0; i < 1000 && !idle.calls; i++)
		usleep(5000);
	usleep(50000);
	assert_int_equal(idle.calls, 1);
	assert_true(dns_scope_arm(scope));
	before = clock_ticks_ns();
	dns_scope_renew(scope);
	dns_ask(scope, STR("silent.example.test"), DNS_A);
	assert_false(dns_scope_arm(scope));
	for (int i = 0; i < 1000 && idle.calls < 2; i++)
		usleep(5000);
	assert_int_equal(idle.calls, 2);
	assert_in_range((idle.at - before) / 1000000, 299, BUSY_MS);
	/* not armed: nobody is called */
	dns_scope_renew(scope);
	dns_ask(scope, STR("ok.other.test"), DNS_A);
	usleep(100000);
	assert_int_equal(idle.calls, 2);
	dns_scope_free(scope);
}

static void freed_scopes_hear_nothing(void **state)
{
	struct fixture *f = *state;
	struct dns_limits limits = {.queries = 60, .timeout_ms = 5000};

	for (int i = 0; i < 200; i++) {
		struct idle *idle = calloc(1, sizeof *idle);
		struct dns_scope *scope = dns_scope_new(f->dns, &limits, note_idle, idle);
		char name[40];

		snprintf(name, sizeof name, "ok.n%d.test", i);
		dns_ask(scope, str_of(name), DNS_A);
		dns_ask(scope, STR("silent.example.test"), DNS_A);
		dns_scope_arm(scope);
		if (i % 3)
			usleep((unsigned)i);
		dns_scope_free(scope);
		free(idle); /* whoever calls now is caught by the sanitizer */
	}
}

static void *ask_much(void *arg)
{
	struct fixture *f = arg;
	intptr_t good = 0;
	char name[40];

	for (int i = 0; i < 40; i++) {
		struct dns_scope *scope = scope_of(f->dns, 5000);
		struct dns_ticket *t[6];

		for (int k = 0; k < 6; k++) {
			snprintf(name, sizeof name, "%s.n%d.test", k % 3 ? "ok" : "nx", (i * 7 + k) % 50);
			t[k] = dns_ask(scope, str_of(name), DNS_A);
		}
		for (int k = 0; k < 6; k++)
			good += dns_wait(t[k])->status == (k % 3 ? DNS_OK : DNS_NXDOMAIN);
		dns_scope_free(scope);
	}
	return (void *)good;
}

static void many_threads_may_ask(void **state)
{
	struct fixture *f = *state;
	pthread_t threads[8];
	intptr_t good = 0;
	void *result;

	for (int i = 0; i < 8; i++)
		pthread_create(&threads[i], NULL, ask_much, f);
	for (int i = 0; i < 8; i++) {
		pthread_join(threads[i], &result);
		good += (intptr_t)result;
	}
	assert_int_equal(good, 8 * 40 * 6);
}

/* A trust anchor for a zone that is not signed: what comes from there is forged. */
static void forged_answers_are_bogus(void **state)
{
	struct fixture *f = *state;
	static const char anchor[] = "signed.test. IN DS 12345 8 2 "
				     "E2D3C916F6DEEAC73294E8268FB5885044A833FC5459588F4A9184CFC41A5766\n";
	char path[] = "/tmp/test-dns-XXXXXX", server[40];
	int fd = mkstemp(path);
	struct dns_scope *scope;
	struct dns *dns;

	assert_int_equal(write(fd, anchor, sizeof anchor - 1), sizeof anchor - 1);
	close(fd);
	snprintf(server, sizeof server, "127.0.0.1@%u", f->server.port);
	dns = resolver(f->a, (const char *[]){server}, 1, 3000, path);
	assert_non_null(dns);
	scope = scope_of(dns, 5000);
	assert_int_equal(dns_get(scope, STR("ok.signed.test"), DNS_A)->status, DNS_BOGUS);
	assert_int_equal(dns_get(scope, STR("ok.signed.test"), DNS_A)->n, 0);
	assert_int_equal(dns_get(scope, STR("ok.unsigned.test"), DNS_A)->status, DNS_OK);
	assert_false(dns_get(scope, STR("ok.unsigned.test"), DNS_A)->is_secure);
	dns_scope_free(scope);
	dns_free(dns);
	unlink(path);
}

static void wrong_options_are_refused(void **state)
{
	struct fixture *f = *state;
	struct dns *dns;

	assert_null(resolver(f->a, NULL, 0, 1000, NULL));
	assert_null(resolver(f->a, (const char *[]){"not an address"}, 1, 1000, NULL));
	assert_null(resolver(f->a, (const char *[]){"127.0.0.1"}, 1, 1000, "/nonexistent"));
	dns = resolver(f->a, (const char *[]){"127.0.0.1@53", "::1@5353"}, 2, 1000, NULL);
	assert_non_null(dns);
	dns_free(dns);
	dns_free(NULL);
}

static void without_a_resolver_all_fails(void **state)
{
	struct dns_scope *scope = scope_of(NULL, 1000);

	(void)state;
	assert_int_equal(dns_get(scope, STR("ok.test"), DNS_A)->status, DNS_TEMP);
	assert_int_equal(dns_get(NULL, STR("ok.test"), DNS_A)->status, DNS_TEMP);
	assert_true(dns_scope_arm(NULL));
	dns_scope_free(scope);
	dns_scope_free(NULL);
}

static void one_record(void *arg, struct str name, enum dns_type type, struct dns_answer *ret_answer)
{
	static const struct dns_record record = {.preference = 7};

	(*(int *)arg)++;
	if (type == DNS_MX && str_is(name, "known.test"))
		*ret_answer = (struct dns_answer){.status = DNS_OK, .n = 1, .records = &record};
	else if (type == DNS_MX)
		*ret_answer = (struct dns_answer){.status = DNS_NXDOMAIN};
}

static void table_stands_in_for_the_network(void **state)
{
	int calls = 0;
	struct dns *dns = dns_new_table(one_record, &calls);
	struct dns_scope *scope = scope_of(dns, 1000);

	(void)state;
	assert_int_equal(dns_get(scope, STR("Known.Test."), DNS_MX)->records[0].preference, 7);
	assert_int_equal(dns_get(scope, STR("other.test"), DNS_MX)->status, DNS_NXDOMAIN);
	assert_int_equal(dns_get(scope, STR("other.test"), DNS_A)->status, DNS_TEMP);
	assert_int_equal(dns_get(scope, STR("a..b"), DNS_A)->status, DNS_BADNAME);
	assert_true(dns_scope_arm(scope));
	assert_int_equal(calls, 3);
	dns_scope_free(scope);
	dns_free(dns);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(four_outcomes_are_told_apart),
	    TEST(records_of_each_type),
	    TEST(chains_are_followed),
	    TEST(truncated_answers_come_over_tcp),
	    TEST(garbage_is_no_answer),
	    TEST(names_have_their_limits),
	    TEST(one_question_is_one_ticket),
	    TEST(budget_ends_questions),
	    TEST(budget_has_a_reserve),
	    TEST(silent_server_costs_no_more_than_the_deadline),
	    TEST(dead_server_costs_no_more_than_the_deadline),
	    TEST(second_server_is_used),
	    TEST(one_question_has_its_own_limit),
	    TEST(idle_time_is_free),
	    TEST(on_idle_is_called_once),
	    TEST(freed_scopes_hear_nothing),
	    TEST(many_threads_may_ask),
	    TEST(forged_answers_are_bogus),
	    TEST(wrong_options_are_refused),
	    cmocka_unit_test(without_a_resolver_all_fails),
	    cmocka_unit_test(table_stands_in_for_the_network),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
