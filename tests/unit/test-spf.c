/* SPF: results, limits at and above, macros, explanations. The official suites are in tests/suites. */
#include <stdio.h>

#include "auth/spf.h"
#include "tests/unit/auth-fixture.h"

static struct spf_report check_with(const struct row *zone, const char *client, const char *helo, const char *sender,
    char explanation[600])
{
	struct spf_query q = {.helo = str_of(helo), .sender = str_of(sender), .receiver = STR("mx.example.net")};
	struct spf_report report;
	struct auth_fixture f;

	auth_fixture_start(&f, zone);
	ip_parse(str_of(client), &q.client);
	spf_prefetch(f.scope, &q);
	spf_check(f.arena, f.scope, &q, &report);
	if (explanation)
		snprintf(explanation, 600, "%.*s", STR_ARG(report.explanation));
	auth_fixture_end(&f);
	return report;
}

static enum spf_result check(const struct row *zone, const char *client)
{
	return check_with(zone, client, "mx.example.org", "a@example.org", NULL).result;
}

static enum spf_result check_record(const char *record, const char *client)
{
	struct row zone[] = {{"example.org", DNS_TXT, record}, {"example.org", DNS_A, "192.0.2.1"},
	    {"example.org", DNS_AAAA, "2001:db8::1"}, {"example.org", DNS_MX, "mail.example.org"},
	    {"mail.example.org", DNS_A, "192.0.2.2"}, {"1.2.0.192.in-addr.arpa", DNS_PTR, "example.org"}, {0}};

	return check(zone, client);
}

static void mechanisms(void **state)
{
	(void)state;
	assert_int_equal(check_record("v=spf1 ip4:192.0.2.0/30 -all", "192.0.2.3"), SPF_PASS);
	assert_int_equal(check_record("v=spf1 ip4:192.0.2.0/30 -all", "192.0.2.4"), SPF_FAIL);
	assert_int_equal(check_record("v=spf1 ip6:2001:db8::/32 ~all", "2001:db8:1::1"), SPF_PASS);
	assert_int_equal(check_record("v=spf1 ip6:2001:db8::/32 ~all", "2001:db9::1"), SPF_SOFTFAIL);
	assert_int_equal(check_record("v=spf1 a -all", "192.0.2.1"), SPF_PASS);
	assert_int_equal(check_record("v=spf1 a -all", "2001:db8::1"), SPF_PASS);
	assert_int_equal(check_record("v=spf1 a//126 -all", "2001:db8::2"), SPF_PASS);
	assert_int_equal(check_record("v=spf1 mx -all", "192.0.2.2"), SPF_PASS);
	assert_int_equal(check_record("v=spf1 mx/31 -all", "192.0.2.3"), SPF_PASS);
	assert_int_equal(check_record("v=spf1 ptr -all", "192.0.2.1"), SPF_PASS);
	assert_int_equal(check_record("v=spf1 exists:mail.%{d} -all", "203.0.113.1"), SPF_PASS);
	assert_int_equal(check_record("v=spf1", "203.0.113.1"), SPF_NEUTRAL);
	assert_int_equal(check_record("V=SPF1 ?ALL", "203.0.113.1"), SPF_NEUTRAL);
	assert_int_equal(check_record("v=spf10 -all", "203.0.113.1"), SPF_NONE);
	/* An IPv4-mapped client is an IPv4 client. */
	assert_int_equal(check_record("v=spf1 ip4:192.0.2.3 -all", "::ffff:192.0.2.3"), SPF_PASS);
	assert_int_equal(check_record("v=spf1 ip6:::ffff:192.0.2.3 -all", "192.0.2.3"), SPF_FAIL);
}

static void syntax(void **state)
{
	static const char *const bad[] = {"v=spf1 ip4:192.0.2.1/33", "v=spf1 ip4:192.0.2.1/032", "v=spf1 ip4:192.0.2",
	    "v=spf1 ip4:2001:db8::1", "v=spf1 ip6:192.0.2.1", "v=spf1 ip6:2001:db8::/129", "v=spf1 a/33",
	    "v=spf1 a//129", "v=spf1 a:", "v=spf1 a:org", "v=spf1 a:example.org:25 x", "v=spf1 include:", "v=spf1 include",
	    "v=spf1 exists", "v=spf1 all:x", "v=spf1 -all/8", "v=spf1 ptr/0", "v=spf1 foo", "v=spf1 =", "v=spf1 a:%{x}.org",
	    "v=spf1 a:%{d0}", "v=spf1 a:%{d", "v=spf1 a:%", "v=spf1 a:%{c}.org", "v=spf1 redirect=", "v=spf1 exp=",
	    "v=spf1 redirect=a.org redirect=b.org", "v=spf1 exp=a.org exp=b.org", "v=spf1 x=%x", "v=spf1 -all \xc3\xbc",
	    "v=spf1 a:a..example.-", "v=spf1 ip4:1.2.3.4\t-all"};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (check_record(bad[i], "192.0.2.9") != SPF_PERMERROR)
			fail_msg("not refused: %s", bad[i]);
	assert_int_equal(check_record("v=spf1 unknown=%{d}/x -all", "192.0.2.9"), SPF_FAIL);
	assert_int_equal(check_record("v=spf1   -all   ", "192.0.2.9"), SPF_FAIL);
}

static void records(void **state)
{
	static const struct row two[] = {{"example.org", DNS_TXT, "v=spf1 -all"}, {"example.org", DNS_TXT, "v=spf1 +all"}, {0}};
	static const struct row other[] = {{"example.org", DNS_TXT, "hello"}, {"example.org", DNS_TXT, "v=spf1 +all"}, {0}};
	static const struct row temp[] = {{"example.org", DNS_TXT, "TEMP"}, {0}};
	static const struct row none[] = {{"example.org", DNS_A, "192.0.2.1"}, {0}};

	(void)state;
	assert_int_equal(check(two, "192.0.2.1"), SPF_PERMERROR);
	assert_int_equal(check(other, "192.0.2.1"), SPF_PASS);
	assert_int_equal(check(temp, "192.0.2.1"), SPF_TEMPERROR);
	assert_int_equal(check(none, "192.0.2.1"), SPF_NONE);
}

/* n terms that look up, of a record that then passes. */
static enum spf_result with_terms(int n)
{
	struct row zone[] = {{"example.org", DNS_TXT, NULL}, {"example.org", DNS_A, "192.0.2.1"}, {0}};
	char record[400] = "v=spf1";

	for (int i = 0; i < n; i++)
		snprintf(record + strlen(record), sizeof record - strlen(record), " a:example.org");
	snprintf(record + strlen(record), sizeof record - strlen(record), " ip4:203.0.113.1 -all");
	zone[0].data = record;
	return check(zone, "203.0.113.1");
}

static enum spf_result with_voids(int n)
{
	struct row zone[] = {{"example.org", DNS_TXT, NULL}, {0}};
	char record[400] = "v=spf1";

	for (int i = 0; i < n; i++)
		snprintf(record + strlen(record), sizeof record - strlen(record), " a:n%d.example.org", i);
	snprintf(record + strlen(record), sizeof record - strlen(record), " ip4:203.0.113.1 -all");
	zone[0].data = record;
	return check(zone, "203.0.113.1");
}

/* n names in the MX answer; the client is the last one. */
static enum spf_result with_mx(int n)
{
	struct row zone[40] = {{"example.org", DNS_TXT, "v=spf1 mx -all"}};
	char names[20][32];

	for (int i = 0; i < n; i++) {
		snprintf(names[i], sizeof names[i], "m%d.example.org", i);
		zone[2 * i + 1] = (struct row){"example.org", DNS_MX, names[i]};
		zone[2 * i + 2] = (struct row){names[i], DNS_A, i == n - 1 ? "203.0.113.1" : "192.0.2.1"};
	}
	return check(zone, "203.0.113.1");
}

static void limits(void **state)
{
	static const struct row loop[] = {{"example.org", DNS_TXT, "v=spf1 include:example.org"}, {0}};
	static const struct row redirects[] = {{"example.org", DNS_TXT, "v=spf1 redirect=example.org"}, {0}};

	(void)state;
	assert_int_equal(with_terms(9), SPF_PASS);
	assert_int_equal(with_terms(10), SPF_PASS);
	assert_int_equal(with_terms(11), SPF_PERMERROR);
	assert_int_equal(with_voids(1), SPF_PASS);
	assert_int_equal(with_voids(2), SPF_PASS);
	assert_int_equal(with_voids(3), SPF_PERMERROR);
	assert_int_equal(with_mx(9), SPF_PASS);
	assert_int_equal(with_mx(10), SPF_PASS);
	assert_int_equal(with_mx(11), SPF_PERMERROR);
	assert_int_equal(check(loop, "192.0.2.1"), SPF_PERMERROR);
	assert_int_equal(check(redirects, "192.0.2.1"), SPF_PERMERROR);
}

static void include_and_redirect(void **state)
{
	static const struct row zone[] = {{"example.org", DNS_TXT, "v=spf1 include:in.example.org redirect=re.example.org"},
	    {"in.example.org", DNS_TXT, "v=spf1 ip4:192.0.2.1 -all exp=no.example.org"},
	    {"re.example.org", DNS_TXT, "v=spf1 -all exp=why.%{d}"},
	    {"no.example.org", DNS_TXT, "the included one must not explain"},
	    {"why.re.example.org", DNS_TXT, "%{i} is not for %{d}, says %{r}"}, {0}};
	static const struct row missing[] = {{"example.org", DNS_TXT, "v=spf1 include:none.example.org ?all"}, {0}};
	struct spf_report report;
	char why[600];

	(void)state;
	report = check_with(zone, "192.0.2.1", "h.example", "a@example.org", why);
	assert_int_equal(report.result, SPF_PASS);
	report = check_with(zone, "192.0.2.2", "h.example", "a@example.org", why);
	assert_int_equal(report.result, SPF_FAIL);
	assert_string_equal(why, "192.0.2.2 is not for re.example.org, says mx.example.net");
	assert_int_equal(check(missing, "192.0.2.1"), SPF_PERMERROR);
}

static const char *expand(const char *macro, const char *client, const char *sender)
{
	static char why[600], text[600];
	struct row zone[] = {{"email.example.com", DNS_TXT, "v=spf1 -all exp=why.example.com"}, {"why.example.com", DNS_TXT, text}, {0}};

	snprintf(text, sizeof text, "%s", macro);
	check_with(zone, client, "helo.example.com", sender, why);
	return why;
}

/* The examples of RFC 7208 part 7.4, and limits. */
static void macros(void **state)
{
	static const char *const examples[][2] = {{"%{s}", "strong-bad@email.example.com"}, {"%{o}", "email.example.com"},
	    {"%{d}", "email.example.com"}, {"%{d4}", "email.example.com"}, {"%{d3}", "email.example.com"},
	    {"%{d2}", "example.com"}, {"%{d1}", "com"}, {"%{dr}", "com.example.email"}, {"%{d2r}", "example.email"},
	    {"%{l}", "strong-bad"}, {"%{l-}", "strong.bad"}, {"%{lr}", "strong-bad"}, {"%{lr-}", "bad.strong"},
	    {"%{l1r-}", "strong"}, {"%{ir}.%{v}._spf.%{d2}", "3.2.0.192.in-addr._spf.example.com"},
	    {"%{lr-}.lp._spf.%{d2}", "bad.strong.lp._spf.example.com"}, {"%{S}", "strong-bad%40email.example.com"},
	    {"%%%_%-", "% %20"}, {"%{h}", "helo.example.com"}, {"%{p}", "unknown"}, {"%{c}", "192.0.2.3"}};

	(void)state;
	for (size_t i = 0; i < sizeof examples / sizeof *examples; i++)
		assert_string_equal(expand(examples[i][0], "192.0.2.3", "strong-bad@email.example.com"), examples[i][1]);
	assert_string_equal(expand("%{i}", "2001:db8::cb01", "a@email.example.com"),
	    "2.0.0.1.0.D.B.8.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.C.B.0.1");
	assert_string_equal(expand("%{x}", "192.0.2.3", "a@email.example.com"), "");
	assert_string_equal(expand("100%", "192.0.2.3", "a@email.example.com"), "");
	assert_string_equal(expand("a\tb", "192.0.2.3", "a@email.example.com"), "");
}

static void identities(void **state)
{
	static const struct row zone[] = {{"mx.example.org", DNS_TXT, "v=spf1 ip4:192.0.2.1 -all"}, {0}};
	struct spf_report report = check_with(zone, "192.0.2.1", "MX.example.org", "", NULL);

	(void)state;
	assert_int_equal(report.result, SPF_PASS);
	assert_int_equal(report.identity, SPF_HELO);
	assert_int_equal(check_with(zone, "192.0.2.1", "", "", NULL).result, SPF_NONE);
	assert_int_equal(check_with(zone, "192.0.2.1", "org", "", NULL).result, SPF_NONE);
	assert_int_equal(check_with(zone, "192.0.2.1", "x", "a@mx.example.org.", NULL).result, SPF_PASS);
	assert_int_equal(check_with(zone, "192.0.2.1", "x", "@mx.example.org", NULL).result, SPF_PASS);
	assert_int_equal(check_with(zone, "192.0.2.1", "x", "a@mx..example.org", NULL).result, SPF_NONE);
	assert_int_equal(check_with(zone, "", "x", "a@mx.example.org", NULL).result, SPF_NONE);
}

static struct str repeat(struct buf *out, const char *macro, int n)
{
	buf_adds(out, "v=spf1 exists:");
	for (int i = 0; i < n; i++)
		buf_adds(out, macro);
	buf_add(out, (struct str){".org -all", 10});
	return buf_str(out);
}

/* 12,000 macros that come out empty, and ones that grow without end: bounded in memory and time. */
static void hostile_macros(void **state)
{
	char helo[1501];
	struct buf empty = {0}, growing = {0};
	struct row zone[] = {{"example.org", DNS_TXT, repeat(&empty, "%{h1}", 12000).p}, {0}};

	(void)state;
	memset(helo, '.', sizeof helo - 1);
	helo[sizeof helo - 1] = '\0';
	assert_int_equal(check_with(zone, "192.0.2.1", helo, "a@example.org", NULL).result, SPF_FAIL);
	zone[0].data = repeat(&growing, "%{s}", 15000).p;
	assert_int_equal(check(zone, "192.0.2.1"), SPF_PERMERROR);
	buf_free(&empty);
	buf_free(&growing);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(mechanisms),
	    cmocka_unit_test(syntax),
	    cmocka_unit_test(records),
	    cmocka_unit_test(limits),
	    cmocka_unit_test(include_and_redirect),
	    cmocka_unit_test(macros),
	    cmocka_unit_test(identities),
	    cmocka_unit_test(hostile_macros),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
