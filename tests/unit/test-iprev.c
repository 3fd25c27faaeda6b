#include "tests/unit/chain-fixture.h"

extern const struct filter iprev_filter;

static const struct zone zone[] = {
    {"1.2.0.192.in-addr.arpa", DNS_PTR, "mx.example.org", 0},
    {"mx.example.org", DNS_A, "192.0.2.9 192.0.2.1", 0},
    {"2.2.0.192.in-addr.arpa", DNS_PTR, "liar.example.org other.example.org", 0},
    {"liar.example.org", DNS_A, "198.51.100.1", 0},
    {"4.2.0.192.in-addr.arpa", DNS_PTR, NULL, DNS_TEMP},
    {"5.2.0.192.in-addr.arpa", DNS_PTR, "slow.example.org mx5.example.org", 0},
    {"slow.example.org", DNS_A, NULL, DNS_TEMP},
    {"mx5.example.org", DNS_A, "192.0.2.5", 0},
    {"6.2.0.192.in-addr.arpa", DNS_PTR, "slow.example.org", 0},
    {"7.2.0.192.in-addr.arpa", DNS_PTR, "n1.example.org n2.example.org n3.example.org n4.example.org", 0},
    {"n3.example.org", DNS_A, "192.0.2.7", 0},
    {"8.2.0.192.in-addr.arpa", DNS_PTR, NULL, DNS_NODATA},
    {"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa", DNS_PTR, "six.example.org", 0},
    {"six.example.org", DNS_A, "192.0.2.1", 0},
    {"six.example.org", DNS_AAAA, "2001:db8::1", 0},
    {0},
};

static void expect(const char *conf, const char *client, const char *result, const char *name, const char *finding)
{
	struct fixture *f = fixture_new(&iprev_filter, conf, zone);

	assert_int_equal(f->load.errors, 0);
	fixture_client(f, client);
	assert_int_equal(fixture_run(f, STAGE_CONNECT), RUN_OK);
	assert_string_equal(fixture_fact(f, "iprev"), result);
	if (name)
		assert_string_equal(fixture_fact(f, "iprev.name"), name);
	else
		assert_null(fixture_fact(f, "iprev.name"));
	assert_int_equal(fixture_found(f, NULL), finding != NULL);
	assert_int_equal(fixture_found(f, finding), finding != NULL);
	fixture_free(f);
}

static void results_are_those_of_rfc_8601(void **state)
{
	static const char conf[] = "filter iprev;";

	(void)state;
	expect(conf, "192.0.2.1", "pass", "mx.example.org", NULL);
	expect(conf, "192.0.2.2", "fail", NULL, "iprev.fail");
	expect(conf, "192.0.2.3", "permerror", NULL, "iprev.none");
	expect(conf, "192.0.2.8", "permerror", NULL, "iprev.none");
	expect(conf, "192.0.2.4", "temperror", NULL, "iprev.temperror");
	expect(conf, "192.0.2.5", "pass", "mx5.example.org", NULL);
	expect(conf, "192.0.2.6", "temperror", NULL, "iprev.temperror");
	expect(conf, "2001:db8::1", "pass", "six.example.org", NULL);
}

static void only_so_many_names_are_looked_at(void **state)
{
	(void)state;
	expect("filter iprev { names 2; }", "192.0.2.7", "fail", NULL, "iprev.fail");
	expect("filter iprev { names 3; }", "192.0.2.7", "pass", "n3.example.org", NULL);
	expect("filter iprev { names 4; }", "192.0.2.7", "pass", "n3.example.org", NULL);
}

static void local_submission_is_skipped(void **state)
{
	struct fixture *f = fixture_new(&iprev_filter, "filter iprev;", zone);

	(void)state;
	fixture_run(f, STAGE_CONNECT);
	assert_null(fixture_fact(f, "iprev"));
	assert_int_equal(f->asked, 0);
	fixture_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(results_are_those_of_rfc_8601),
	    cmocka_unit_test(only_so_many_names_are_looked_at),
	    cmocka_unit_test(local_submission_is_skipped),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
