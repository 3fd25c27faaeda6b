/* DMARC: records, tree walk, alignment, policies, authors. */
#include <stdio.h>

#include "auth/author.h"
#include "auth/dmarc.h"
#include "lib/res.h"
#include "tests/unit/auth-fixture.h"

/* ids: "spf DOMAIN", "dkim DOMAIN", "?dkim DOMAIN" apart by commas. */
static struct dmarc_report check(const struct row *zone, const char *author, const char *ids, char *domain)
{
	struct dmarc_id list[10];
	struct str rest = str_of(ids), id;
	struct dmarc_report report;
	struct auth_fixture f;
	size_t n = 0;

	while (*ids && str_split(&rest, ',', &id)) {
		list[n].is_temporary = id.p[0] == '?';
		id = str_from(id, list[n].is_temporary);
		list[n].is_spf = id.p[0] == 's';
		list[n++].domain = str_from(id, (size_t)str_chr(id, ' ') + 1);
	}
	auth_fixture_start(&f, zone);
	dmarc_ask(f.scope, DMARC_TREEWALK, str_of(author));
	dmarc_check(f.arena, f.scope, DMARC_TREEWALK, str_of(author), list, n, &report);
	if (domain)
		snprintf(domain, 256, "%.*s", STR_ARG(report.domain));
	auth_fixture_end(&f);
	return report;
}

static void records(void **state)
{
	struct dmarc_record r;

	(void)state;
	assert_false(dmarc_record_parse(STR(""), &r));
	assert_false(dmarc_record_parse(STR("v=spf1 -all"), &r));
	assert_false(dmarc_record_parse(STR("v=DMARC12; p=reject"), &r));
	assert_false(dmarc_record_parse(STR("v=dmarc1; p=reject"), &r));
	assert_false(dmarc_record_parse(STR("p=reject; v=DMARC1"), &r));
	assert_true(dmarc_record_parse(STR("v = DMARC1 ; p = Reject ; sp=NONE; adkim=s; aspf=S; t=y; psd=n; fo=1:d"), &r));
	assert_int_equal(r.p, DMARC_POLICY_REJECT);
	assert_int_equal(r.sp, DMARC_POLICY_NONE);
	assert_true(r.is_strict_dkim && r.is_strict_spf && r.is_testing && r.has_sp && !r.has_np);
	assert_int_equal(r.psd, 'n');
	/* Faulty tags are left out, the first of two counts, unknown ones and pct are ignored. */
	assert_true(dmarc_record_parse(STR("v=DMARC1; p=quarantine; p=reject; adkim=x; pct=0; foo; t=maybe; psd=z;;"), &r));
	assert_int_equal(r.p, DMARC_POLICY_QUARANTINE);
	assert_false(r.is_strict_dkim || r.is_testing || r.is_broken);
	assert_int_equal(r.psd, 'u');
	/* No readable policy: p=none where reports are wanted, nothing elsewhere. */
	assert_true(dmarc_record_parse(STR("v=DMARC1; p=rejct; rua=mailto:a@example.org"), &r));
	assert_false(r.is_broken);
	assert_int_equal(r.p, DMARC_POLICY_NONE);
	assert_true(dmarc_record_parse(STR("v=DMARC1; p=reject; sp=x; rua=https://example.org"), &r));
	assert_true(r.is_broken);
	assert_true(dmarc_record_parse(STR("v=DMARC1"), &r));
	assert_true(r.is_broken);
}

static void alignment(void **state)
{
	static const char *const modes[] = {"v=DMARC1; p=reject", "v=DMARC1; p=reject; adkim=s; aspf=s"};
	static const struct {
		const char *author, *id;
		bool relaxed, strict;
	} cases[] = {
	    {"example.org", "dkim example.org", true, true},
	    {"example.org", "dkim Example.ORG", true, true},
	    {"example.org", "spf example.org", true, true},
	    {"example.org", "dkim mail.example.org", true, false},
	    {"example.org", "spf bounce.mail.example.org", true, false},
	    {"news.example.org", "dkim example.org", true, false},
	    {"news.example.org", "spf mail.example.org", true, false},
	    {"example.org", "dkim badexample.org", false, false},
	    {"example.org", "dkim example.org.evil.example", false, false},
	    {"example.org", "spf org", false, false},
	    {"example.org", "spf ", false, false},
	    {"example.org", "", false, false},
	};

	(void)state;
	for (int mode = 0; mode < 2; mode++) {
		struct row zone[] = {{"_dmarc.example.org", DNS_TXT, modes[mode]}, {"news.example.org", DNS_A, "192.0.2.1"}, {0}};

		for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
			bool passes = check(zone, cases[i].author, cases[i].id, NULL).result == AUTH_PASS;

			if (passes != (mode ? cases[i].strict : cases[i].relaxed))
				fail_msg("%s with %s, mode %d", cases[i].author, cases[i].id, mode);
		}
	}
}

static void policies(void **state)
{
	static const struct row zone[] = {{"_dmarc.example.org", DNS_TXT, "v=DMARC1; p=reject; sp=quarantine; np=none"},
	    {"www.example.org", DNS_A, "192.0.2.1"}, {"_dmarc.own.example.org", DNS_TXT, "v=DMARC1; p=none"},
	    {"_dmarc.test.example", DNS_TXT, "v=DMARC1; p=reject; t=y"}, {"_dmarc.quiet.example", DNS_TXT, "v=DMARC1; p=none; t=y"}, {0}};
	char domain[256];

	(void)state;
	assert_int_equal(check(zone, "example.org", "", domain).policy, DMARC_POLICY_REJECT);
	assert_int_equal(check(zone, "www.example.org", "", domain).policy, DMARC_POLICY_QUARANTINE);
	assert_string_equal(domain, "example.org");
	assert_int_equal(check(zone, "nowhere.example.org", "", domain).policy, DMARC_POLICY_NONE);
	assert_int_equal(check(zone, "own.example.org", "", domain).policy, DMARC_POLICY_NONE);
	assert_string_equal(domain, "own.example.org");
	assert_int_equal(check(zone, "test.example", "", domain).policy, DMARC_POLICY_QUARANTINE);
	assert_int_equal(check(zone, "test.example", "", domain).published, DMARC_POLICY_REJECT);
	assert_int_equal(check(zone, "quiet.example", "", domain).policy, DMARC_POLICY_NONE);
	assert_int_equal(check(zone, "unknown.example", "", domain).result, AUTH_NONE);
	assert_string_equal(domain, "");
}

static void several_records(void **state)
{
	static const struct row zone[] = {{"_dmarc.example.org", DNS_TXT, "v=DMARC1; p=reject"},
	    {"_dmarc.example.org", DNS_TXT, "v=DMARC1; p=none"}, {"_dmarc.other.org", DNS_TXT, "v=spf1"},
	    {"_dmarc.other.org", DNS_TXT, "v=DMARC1; p=reject"}, {0}};

	(void)state;
	assert_int_equal(check(zone, "example.org", "", NULL).result, AUTH_NONE);
	assert_int_equal(check(zone, "other.org", "", NULL).result, AUTH_FAIL);
}

/* The same zone read in both ways: a list knows suffixes that have no record, and only they count. */
static void by_list(void **state)
{
	static const struct row zone[] = {{"_dmarc.example.co.uk", DNS_TXT, "v=DMARC1; p=reject; sp=quarantine"},
	    {"_dmarc.co.uk", DNS_TXT, "v=DMARC1; p=reject"}, {"_dmarc.mail.example.org", DNS_TXT, "v=DMARC1; p=reject"},
	    {"_dmarc.org", DNS_TXT, "v=DMARC1; p=reject; psd=y"}, {0}};
	static const struct {
		const char *author, *id, *domain;
		enum auth_result walk, list;
	} cases[] = {
	    {"example.co.uk", "mail.example.co.uk", "example.co.uk", AUTH_PASS, AUTH_PASS},
	    {"a.b.example.co.uk", "c.example.co.uk", "example.co.uk", AUTH_PASS, AUTH_PASS},
	    {"example.co.uk", "other.co.uk", "example.co.uk", AUTH_PASS, AUTH_FAIL}, /* co.uk lacks psd=y */
	    {"none.co.uk", "none.co.uk", "", AUTH_PASS, AUTH_NONE},
	    {"a.mail.example.org", "mail.example.org", "", AUTH_PASS, AUTH_NONE},
	    {"mail.example.org", "example.org", "mail.example.org", AUTH_PASS, AUTH_PASS},
	    {"co.uk", "example.co.uk", "co.uk", AUTH_PASS, AUTH_FAIL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct dmarc_id id = {.domain = str_of(cases[i].id)};
		struct dmarc_report walk, list;
		struct auth_fixture f;

		auth_fixture_start(&f, zone);
		dmarc_ask(f.scope, DMARC_PSL, str_of(cases[i].author));
		dmarc_check(f.arena, f.scope, DMARC_PSL, str_of(cases[i].author), &id, 1, &list);
		dmarc_check(f.arena, f.scope, DMARC_TREEWALK, str_of(cases[i].author), &id, 1, &walk);
		assert_str(list.domain, cases[i].domain);
		if (list.result != cases[i].list || walk.result != cases[i].walk)
			fail_msg("%s with %s: list %d, walk %d", cases[i].author, cases[i].id, list.result, walk.result);
		auth_fixture_end(&f);
	}
}

static void public_suffixes(void **state)
{
	static const struct row zone[] = {{"_dmarc.bank.example", DNS_TXT, "v=DMARC1; p=reject; sp=quarantine; np=reject; psd=y"},
	    {"mega.bank.example", DNS_A, "192.0.2.1"}, {"_dmarc.giant.bank.example", DNS_TXT, "v=DMARC1; p=none; psd=n"}, {0}};
	char domain[256];

	(void)state;
	/* The suffix speaks for those that say nothing, and two names below it are two organizations. */
	assert_int_equal(check(zone, "mega.bank.example", "", domain).policy, DMARC_POLICY_QUARANTINE);
	assert_string_equal(domain, "bank.example");
	assert_int_equal(check(zone, "mail.mega.bank.example", "spf mega.bank.example", NULL).result, AUTH_PASS);
	assert_int_equal(check(zone, "mega.bank.example", "dkim tiny.bank.example", NULL).result, AUTH_FAIL);
	assert_int_equal(check(zone, "mega.bank.example", "dkim bank.example", NULL).result, AUTH_FAIL);
	assert_int_equal(check(zone, "fake.bank.example", "", NULL).policy, DMARC_POLICY_REJECT);
	assert_int_equal(check(zone, "a.giant.bank.example", "dkim b.giant.bank.example", domain).result, AUTH_PASS);
	assert_string_equal(domain, "giant.bank.example");
}

static void temporary(void **state)
{
	static const struct row zone[] = {{"_dmarc.example.org", DNS_TXT, "v=DMARC1; p=reject"},
	    {"_dmarc.down.example", DNS_TXT, "TEMP"}, {0}};

	(void)state;
	assert_int_equal(check(zone, "down.example", "spf other.example", NULL).result, AUTH_TEMPERROR);
	assert_int_equal(check(zone, "down.example", "", NULL).policy, DMARC_POLICY_NONE);
	assert_int_equal(check(zone, "example.org", "?dkim example.org", NULL).result, AUTH_TEMPERROR);
	assert_int_equal(check(zone, "example.org", "?dkim example.org,spf example.org", NULL).result, AUTH_PASS);
	assert_int_equal(check(zone, "example.org", "?dkim other.example", NULL).result, AUTH_FAIL);
}

/* 7, 8, 9 and 100 labels: never more than eight questions. */
static void walk_limit(void **state)
{
	static const struct row zone[] = {{"_dmarc.example.org", DNS_TXT, "v=DMARC1; p=reject"}, {0}};
	static const int labels[] = {7, 8, 9, 60};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct str organization = STR("");
		struct buf name = {0};
		struct auth_fixture f;

		for (int k = 2; k < labels[i]; k++)
			buf_adds(&name, "x.");
		buf_adds(&name, "example.org");
		auth_fixture_start(&f, zone);
		assert_int_equal(dmarc_organization(f.arena, f.scope, buf_str(&name), &organization), RES_OK);
		assert_str(organization, "example.org");
		assert_int_equal(f.asked, labels[i] < DMARC_WALK_MAX ? labels[i] : DMARC_WALK_MAX);
		auth_fixture_end(&f);
		buf_free(&name);
	}
}

/* The common case: one question, nothing else. */
static void one_query(void **state)
{
	static const struct row zone[] = {{"_dmarc.example.org", DNS_TXT, "v=DMARC1; p=reject"}, {0}};
	struct dmarc_id id = {STR("example.org"), false, false};
	struct dmarc_report report;
	struct auth_fixture f;

	(void)state;
	auth_fixture_start(&f, zone);
	dmarc_ask(f.scope, DMARC_TREEWALK, STR("example.org"));
	dmarc_check(f.arena, f.scope, DMARC_TREEWALK, STR("example.org"), &id, 1, &report);
	assert_int_equal(report.result, AUTH_PASS);
	assert_int_equal(f.asked, 1);
	auth_fixture_end(&f);
}

static void report_addresses(void **state)
{
	struct arena *a = arena_new(0);
	struct str list = STR("mailto:a@example.org!10m , https://x.example, MAILTO:b%21c@Example.net?x=y, mailto:, mailto:x, "
			       "mailto:a%0d%0aBcc:%20b@example.org, mailto:a%00@example.org, mailto:a@[192.0.2.1], mailto:a@b@example.org, "
			       "mailto:a b@example.org, mailto:a@-x.example, mailto:%3Ca@example.org%3E");
	struct address address;

	(void)state;
	assert_true(dmarc_next_address(a, &list, &address));
	assert_str(address.text, "a@example.org");
	assert_true(dmarc_next_address(a, &list, &address));
	assert_str(address.text, "b!c@Example.net");
	assert_str(address.domain, "example.net");
	assert_false(dmarc_next_address(a, &list, &address));
	arena_free(a);
}

/* ---- authors ---- */

/* "example.org example.net" or "fault". */
static void authors_are(const char *text, const char *wanted)
{
	struct arena *a = arena_new(0);
	struct headers headers;
	struct authors authors;
	struct buf got = {0};

	headers_parse(a, str_of(text), &headers);
	authors_find(a, &headers, &authors);
	for (size_t i = 0; i < authors.n && !authors.fault; i++)
		buf_addf(&got, "%s%.*s", i ? " " : "", STR_ARG(authors.domains[i]));
	if (authors.fault)
		buf_adds(&got, "fault");
	if (!str_is(buf_str(&got), wanted))
		fail_msg("%s -> %.*s (%s), not %s", text, STR_ARG(buf_str(&got)), authors.fault ? authors.fault : "", wanted);
	buf_free(&got);
	arena_free(a);
}

static void authors(void **state)
{
	(void)state;
	authors_are("From: a@Example.ORG\r\n\r\n", "example.org");
	authors_are("From: \"Joe (x@evil.example)\" <a@example.org>\r\n\r\n", "example.org");
	authors_are("From: a@example.org (b@evil.example)\r\n\r\n", "example.org");
	authors_are("From: a@example.org, b@example.org\r\n\r\n", "example.org");
	authors_are("From: a@example.org,\r\n b@example.net\r\n\r\n", "example.org example.net");
	authors_are("From: team: a@example.org, b@example.net;\r\n\r\n", "example.org example.net");
	authors_are("From: a@b\xc3\xbc" "cher.example\r\n\r\n", "xn--bcher-kva.example");
	authors_are("From: =?utf-8?q?Joe?= <a@example.org>\r\n\r\n", "example.org");
	authors_are("Subject: x\r\n\r\n", "fault");
	authors_are("From: a@example.org\r\nFrom: b@example.org\r\n\r\n", "fault");
	authors_are("From:\r\n\r\n", "fault");
	authors_are("From: undisclosed:;\r\n\r\n", "fault");
	authors_are("From: Joe\r\n\r\n", "fault");
	authors_are("From: a@example.org <\r\n\r\n", "fault");
	authors_are("From: <a@example.org> <b@evil.example>\r\n\r\n", "fault");
	authors_are("From: a@example.org>\r\n\r\n", "fault");
	authors_are("From: a@[192.0.2.1]\r\n\r\n", "fault");
	authors_are("From: a@example..org\r\n\r\n", "fault");
	authors_are("From: a@example.org@evil.example\r\n\r\n", "fault");
	authors_are("From: a@example.org x\r\n\r\n", "fault");
	authors_are("From: a@a.example,a@b.example,a@c.example,a@d.example,a@e.example,a@f.example,a@g.example,a@h.example\r\n\r\n",
	    "a.example b.example c.example d.example e.example f.example g.example h.example");
	authors_are("From: a@a.example,a@b.example,a@c.example,a@d.example,a@e.example,a@f.example,a@g.example,a@h.example,a@i.example\r\n\r\n",
	    "fault");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(records),
	    cmocka_unit_test(alignment),
	    cmocka_unit_test(policies),
	    cmocka_unit_test(several_records),
	    cmocka_unit_test(public_suffixes),
	    cmocka_unit_test(by_list),
	    cmocka_unit_test(temporary),
	    cmocka_unit_test(walk_limit),
	    cmocka_unit_test(one_query),
	    cmocka_unit_test(report_addresses),
	    cmocka_unit_test(authors),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
