#include "filters/greet.h"
#include "tests/unit/chain-fixture.h"

extern const struct filter greet_filter;

static const struct zone zone[] = {
    {"mx.example.org", DNS_A, "192.0.2.1", 0},
    {"six.example.org", DNS_AAAA, "2001:db8::1", 0},
    {"elsewhere.example.org", DNS_A, "198.51.100.1", 0},
    {"under_score.example.org", DNS_A, "192.0.2.1", 0},
    {"slow.example.org", DNS_A, NULL, DNS_TEMP},
    {"1.2.0.192.in-addr.arpa", DNS_PTR, "mx.example.org", 0},
    {"7.2.0.192.in-addr.arpa", DNS_PTR, "192-0-2-7.dsl.example.net", 0},
    {"192-0-2-7.dsl.example.net", DNS_A, "192.0.2.7", 0},
    {"mail.small.example", DNS_A, "192.0.2.7", 0},
    {0},
};

static struct fixture *greeted(const char *conf, const char *client, const char *helo)
{
	struct fixture *f = fixture_new(&greet_filter, conf, zone);

	assert_int_equal(f->load.errors, 0);
	fixture_client(f, client);
	assert_int_equal(fixture_run(f, STAGE_CONNECT), RUN_OK);
	f->s->helo = str_of(helo);
	assert_int_equal(fixture_run(f, STAGE_HELO), RUN_OK);
	return f;
}

static void syntax_has_a_word_and_a_finding(void **state)
{
	static const struct {
		const char *helo, *word, *finding;
	} rows[] = {
	    {"mx.example.org", "name", NULL},
	    {"mx.example.org.", "name", NULL},
	    {"[192.0.2.1]", "literal", NULL},
	    {"[192.0.2.2]", "literal", "greet.helo-mismatch"},
	    {"[IPv6:2001:db8::5]", "literal", "greet.helo-mismatch"},
	    {"[2001:db8::5]", "invalid", "greet.helo-invalid"},
	    {"[192.0.2.1", "invalid", "greet.helo-invalid"},
	    {"192.0.2.1", "bare-address", "greet.helo-bare-address"},
	    {"localhost", "unqualified", "greet.helo-unqualified"},
	    {"under_score.example.org", "underscore", "greet.helo-underscore"},
	    {"-a.example.org", "invalid", "greet.helo-invalid"},
	    {"a-.example.org", "invalid", "greet.helo-invalid"},
	    {"a..example.org", "invalid", "greet.helo-invalid"},
	    {"a b.example.org", "invalid", "greet.helo-invalid"},
	    {"\xff\xfe.example.org", "invalid", "greet.helo-invalid"},
	    {"", "invalid", "greet.helo-invalid"},
	    {".", "invalid", "greet.helo-invalid"},
	    {"mx.example.com", "name", "greet.helo-ours"},
	    {"MX.Example.Com.", "name", "greet.helo-ours"},
	    {"[203.0.113.25]", "literal", "greet.helo-ours"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct fixture *f = greeted("filter greet { resolve off; }", "192.0.2.1", rows[i].helo);

		assert_string_equal(fixture_fact(f, "greet.helo-syntax"), rows[i].word);
		assert_int_equal(fixture_found(f, NULL), rows[i].finding != NULL);
		assert_int_equal(fixture_found(f, rows[i].finding), rows[i].finding != NULL);
		assert_int_equal(f->asked, 0);
		fixture_free(f);
	}
}

static void labels_have_their_limits(void **state)
{
	char helo[300];

	(void)state;
	for (int n = 62; n <= 64; n++) {
		struct fixture *f;

		memset(helo, 'a', (size_t)n);
		snprintf(helo + n, sizeof helo - (size_t)n, ".example.org");
		f = greeted("filter greet { resolve off; }", "192.0.2.1", helo);
		assert_string_equal(fixture_fact(f, "greet.helo-syntax"), n <= 63 ? "name" : "invalid");
		fixture_free(f);
	}
	for (int n = 252; n <= 254; n++) {
		struct fixture *f;

		for (int i = 0; i < n; i++)
			helo[i] = i % 2 ? '.' : 'a';
		helo[n - 1] = 'b';
		helo[n - 2] = 'b';
		helo[n] = '\0';
		f = greeted("filter greet { resolve off; }", "192.0.2.1", helo);
		assert_string_equal(fixture_fact(f, "greet.helo-syntax"), n <= 253 ? "name" : "invalid");
		fixture_free(f);
	}
}

static void names_are_looked_up(void **state)
{
	static const struct {
		const char *client, *helo, *resolves, *confirmed, *finding;
	} rows[] = {
	    {"192.0.2.1", "mx.example.org", "yes", "yes", NULL},
	    {"2001:db8::1", "six.example.org", "yes", "yes", NULL},
	    {"192.0.2.1", "elsewhere.example.org", "yes", "no", NULL},
	    {"192.0.2.1", "nowhere.example.org", "no", "no", "greet.helo-unresolvable"},
	    {"192.0.2.1", "slow.example.org", "temperror", "no", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct fixture *f = greeted("filter greet;", rows[i].client, rows[i].helo);

		assert_string_equal(fixture_fact(f, "greet.helo-resolves"), rows[i].resolves);
		assert_string_equal(fixture_fact(f, "greet.helo-confirmed"), rows[i].confirmed);
		assert_int_equal(fixture_found(f, NULL), rows[i].finding != NULL);
		assert_int_equal(fixture_found(f, rows[i].finding), rows[i].finding != NULL);
		fixture_free(f);
	}
}

static void customer_lines_need_a_servers_name(void **state)
{
	struct fixture *f = greeted("filter greet;", "192.0.2.7", "nowhere.example.org");

	(void)state;
	assert_int_equal(fixture_found(f, "greet.dynamic"), 1);
	fixture_free(f);
	f = greeted("filter greet;", "192.0.2.7", "192-0-2-7.dsl.example.net");
	assert_int_equal(fixture_found(f, "greet.dynamic"), 1);
	fixture_free(f);
	f = greeted("filter greet;", "192.0.2.7", "mail.small.example");
	assert_int_equal(fixture_found(f, "greet.dynamic"), 0);
	fixture_free(f);
	f = greeted("filter greet;", "192.0.2.1", "nowhere.example.org");
	assert_int_equal(fixture_found(f, "greet.dynamic"), 0);
	fixture_free(f);
}

static void names_of_customer_lines(void **state)
{
	static const struct {
		const char *name, *ip;
		bool is_dynamic;
	} rows[] = {
	    {"192-0-2-7.dsl.example.net", "192.0.2.7", true},
	    {"7.2.0.192.example.net", "192.0.2.7", true},
	    {"host7-2-0.example.net", "192.0.2.7", true},
	    {"pool-2-7.example.net", "192.0.2.7", true},
	    {"c0000207.example.net", "192.0.2.7", true},
	    {"x192000002007.example.net", "192.0.2.7", true},
	    {"mail2-7.example.net", "192.0.2.7", false},
	    {"mx7.example.net", "192.0.2.7", false},
	    {"pool.example.net", "192.0.2.7", false},
	    {"mx1.pool.example.net", "10.1.1.9", false},
	    {"", "192.0.2.7", false},
	    {"20010db8000000000000000000000001.example.net", "2001:db8::1", true},
	    {"2001-db8-0-0-0-0-0-1.example.net", "2001:db8::1", true},
	    {"mx.example.net", "2001:db8::1", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct ip ip;

		assert_true(ip_parse(str_of(rows[i].ip), &ip));
		if (greet_is_dynamic(str_of(rows[i].name), &ip) != rows[i].is_dynamic)
			fail_msg("%s", rows[i].name);
	}
}

static void nothing_counts_twice(void **state)
{
	struct fixture *f = fixture_new(&greet_filter, "filter greet;", zone);

	(void)state;
	fixture_client(f, "192.0.2.1");
	f->s->talked_early = true;
	fixture_run(f, STAGE_CONNECT);
	session_mark(f->s);
	assert_int_equal(fixture_found(f, "greet.early"), 1);
	/* As judge_stage() does it: again and again, as after STARTTLS, and nothing is lost by that either. */
	for (int i = 0; i < 3; i++) {
		f->s->helo = i == 2 ? STR("other") : STR("localhost");
		session_forget_helo(f->s);
		fixture_run(f, STAGE_HELO);
		assert_int_equal(fixture_found(f, "greet.early"), 1);
		assert_int_equal(fixture_found(f, "greet.helo-unqualified"), 1);
	}
	assert_int_equal(fixture_found(f, NULL), 2);
	assert_string_equal(fixture_fact(f, "greet.helo-syntax"), "unqualified");
	fixture_free(f);
}

static void trusted_clients_are_left_alone(void **state)
{
	struct fixture *f = greeted("filter greet { trust 192.0.2.0/24; }", "192.0.2.1", "localhost");

	(void)state;
	assert_int_equal(fixture_found(f, NULL), 0);
	assert_null(fixture_fact(f, "greet.helo-syntax"));
	assert_int_equal(f->asked, 0);
	fixture_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(syntax_has_a_word_and_a_finding),
	    cmocka_unit_test(labels_have_their_limits),
	    cmocka_unit_test(names_are_looked_up),
	    cmocka_unit_test(customer_lines_need_a_servers_name),
	    cmocka_unit_test(names_of_customer_lines),
	    cmocka_unit_test(nothing_counts_twice),
	    cmocka_unit_test(trusted_clients_are_left_alone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
