#include <stdio.h>

#include "lib/addr.h"
#include "tests/unit/unit.h"

static void parse_and_format(void **state)
{
	static const char *const good[][2] = {{"192.0.2.1", "192.0.2.1"}, {"2001:DB8::1", "2001:db8::1"},
	    {"::ffff:192.0.2.1", "192.0.2.1"}, {"::", "::"}};
	static const char *const bad[] = {"", "1.2.3", "01.2.3.4", "1.2.3.256", "fe80::1%eth0", "1.2.3.4 ", "x"};
	char text[IP_TEXT_MAX];
	struct ip ip;

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		assert_true(ip_parse(str_of(good[i][0]), &ip));
		assert_str(ip_format(&ip, text), good[i][1]);
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_false(ip_parse(str_of(bad[i]), &ip));
}

static void networks(void **state)
{
	static const struct {
		const char *net, *ip;
		bool has;
	} rows[] = {{"192.0.2.0/24", "192.0.2.255", true}, {"192.0.2.0/25", "192.0.2.128", false},
	    {"0.0.0.0/0", "8.8.8.8", true}, {"0.0.0.0/0", "::1", false}, {"2001:db8::/33", "2001:db8:7fff::1", true},
	    {"2001:db8::/33", "2001:db8:8000::1", false}, {"::ffff:10.0.0.0/104", "10.9.9.9", true},
	    {"10.0.0.1", "10.0.0.1", true}};
	struct cidr net;
	struct ip ip;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		assert_true(cidr_parse(str_of(rows[i].net), false, &net));
		assert_true(ip_parse(str_of(rows[i].ip), &ip));
		assert_int_equal(cidr_has(&net, &ip), rows[i].has);
	}
	assert_false(cidr_parse(STR("10.0.0.1/8"), false, &net));
	assert_true(cidr_parse(STR("10.0.0.1/8"), true, &net));
	assert_false(cidr_parse(STR("10.0.0.0/33"), false, &net));
	assert_false(cidr_parse(STR("10.0.0.0/"), false, &net));
}

static void reverse_names(void **state)
{
	char out[72];
	struct ip ip;

	(void)state;
	ip_parse(STR("192.0.2.9"), &ip);
	assert_str(ip_reverse(&ip, out), "9.2.0.192");
	ip_parse(STR("2001:db8::1"), &ip);
	assert_str(ip_reverse(&ip, out), "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(parse_and_format),
	    cmocka_unit_test(networks),
	    cmocka_unit_test(reverse_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
