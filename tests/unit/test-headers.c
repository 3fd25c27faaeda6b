#include "filters/headers.h"
#include "lib/clock.h"
#include "tests/unit/chain-fixture.h"

extern const struct filter headers_filter;

enum { NOW = 1700000000 }; /* Tue, 14 Nov 2023 22:13:20 +0000 */

#define GOOD                                                                                           \
	"From: A <a@example.org>\r\nTo: b@example.net\r\nSubject: s\r\n"                               \
	"Date: Tue, 14 Nov 2023 22:00:00 +0000\r\nMessage-ID: <1@example.org>\r\n"

static struct fixture *judged(const char *conf, const char *text)
{
	struct fixture *f = fixture_new(&headers_filter, conf, NULL);

	assert_int_equal(f->load.errors, 0);
	message_start(f->s);
	headers_parse(f->s->message->arena, str_of(text), &f->s->message->headers);
	assert_int_equal(fixture_run(f, STAGE_HEADER), RUN_OK);
	return f;
}

static void each_fault_has_its_finding(void **state)
{
	static const struct {
		const char *text, *finding;
		size_t n; /* findings in all */
	} rows[] = {
	    {GOOD "\r\nbody", NULL, 0},
	    {GOOD "MIME-Version: (by) 1.0 (me)\r\nContent-Type: text/plain\r\n\r\n", NULL, 0},
	    {"To: b@c.test\r\n\r\n", "headers.missing-from", 4},
	    {"To: b@c.test\r\n\r\n", "headers.missing-date", 4},
	    {"To: b@c.test\r\n\r\n", "headers.missing-message-id", 4},
	    {"To: b@c.test\r\n\r\n", "headers.missing-subject", 4},
	    {"", "headers.missing-to", 5},
	    {GOOD "Content-Type: text/plain\r\n\r\n", "headers.missing-mime-version", 1},
	    {GOOD "From: c@example.org\r\n\r\n", "headers.duplicate-from", 1},
	    {GOOD "subject: again\r\n\r\n", "headers.duplicate", 1},
	    {GOOD "MIME-Version: 2.0\r\n\r\n", "headers.malformed-mime-version", 1},
	    {GOOD "X: \xe4\r\n\r\n", "headers.8bit", 1},
	    {GOOD "no field at all\r\n\r\n", "headers.broken", 1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct fixture *f = judged("filter headers;", rows[i].text);

		if (fixture_found(f, NULL) != rows[i].n || (rows[i].n && fixture_found(f, rows[i].finding) != 1)) {
			for (struct finding *x = f->s->message->findings.first; x; x = x->next)
				print_message("row %zu: %.*s\n", i, STR_ARG(x->name));
			fail();
		}
		fixture_free(f);
	}
}

static void lists_name_the_fields(void **state)
{
	struct fixture *f = judged("filter headers;", "From: a@b.test\r\nFrom: c@d.test\r\nDate: x\r\nDate: y\r\n"
						      "Message-ID: 1\r\nMIME-Version: 1\r\n\r\n");

	(void)state;
	assert_string_equal(fixture_fact(f, "headers.missing"), "subject, to");
	assert_string_equal(fixture_fact(f, "headers.duplicate"), "from, date");
	assert_string_equal(fixture_fact(f, "headers.malformed"), "message-id, mime-version, date");
	fixture_free(f);
}

static void from_must_hold_an_address(void **state)
{
	struct fixture *f = judged("filter headers;", "From: nobody at all\r\nTo: b@c.test\r\n\r\n");

	(void)state;
	assert_int_equal(fixture_found(f, "headers.malformed-from"), 1);
	fixture_free(f);
}

static void date_may_be_off_by_so_much(void **state)
{
	static const struct {
		const char *date, *finding;
	} rows[] = {
	    {"Tue, 14 Nov 2023 23:13:20 +0000", NULL},
	    {"Tue, 14 Nov 2023 23:13:21 +0000", "headers.date-future"},
	    {"Wed, 15 Nov 2023 01:13:20 +0200", NULL},
	    {"Sun, 12 Nov 2023 22:13:20 +0000", NULL},
	    {"Sun, 12 Nov 2023 22:13:19 +0000", "headers.date-past"},
	    {"yesterday", "headers.malformed-date"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char text[400];
		struct fixture *f;

		snprintf(text, sizeof text, "From: a@b.test\r\nTo: b@c.test\r\nSubject: s\r\nMessage-ID: <1@b>\r\nDate: %s\r\n\r\n",
		    rows[i].date);
		f = judged("filter headers { date-future 1h; date-past 2d; }", text);
		assert_int_equal(fixture_found(f, NULL), rows[i].finding != NULL);
		assert_int_equal(fixture_found(f, rows[i].finding), rows[i].finding != NULL);
		fixture_free(f);
	}
}

static void received_fields_are_counted(void **state)
{
	(void)state;
	for (int n = 2; n <= 4; n++) {
		struct buf text = {0};
		struct fixture *f;

		for (int i = 0; i < n; i++)
			buf_adds(&text, "Received: from a by b\r\n");
		buf_adds(&text, GOOD "\r\n");
		buf_addc(&text, '\0');
		f = judged("filter headers { received-max 3; }", text.p);
		assert_int_equal(fixture_found(f, "headers.received"), n > 3);
		fixture_free(f);
		buf_free(&text);
	}
}

static void utf8_is_allowed_when_declared(void **state)
{
	struct fixture *f = fixture_new(&headers_filter, "filter headers;", NULL);

	(void)state;
	message_start(f->s)->is_utf8 = true;
	headers_parse(f->s->message->arena, STR(GOOD "X: \xc3\xa4\r\n\r\n"), &f->s->message->headers);
	fixture_run(f, STAGE_HEADER);
	assert_int_equal(fixture_found(f, NULL), 0);
	fixture_free(f);
}

static void dates_are_read(void **state)
{
	static const struct {
		const char *text;
		int64_t when; /* -1: none */
	} rows[] = {
	    {"Tue, 14 Nov 2023 22:13:20 +0000", NOW},
	    {"14 Nov 2023 22:13:20 +0000", NOW},
	    {"Tue,14 Nov 2023 22:13:20 GMT", NOW},
	    {"Tue, 14 nov 23 17:13:20 EST", NOW},
	    {"Tue, 14 Nov 2023 23:13:20 +0100 (MEZ (winter))", NOW},
	    {"(x) Tue (y) , 14 Nov 2023 22 : 13 : 20 -0000", NOW},
	    {"Tue, 14 Nov 2023 22:13 +0000", NOW - 20},
	    {"Thu, 01 Jan 1970 00:00:00 +0000", 0},
	    {"29 Feb 2024 00:00:00 +0000", 1709164800},
	    {"29 Feb 2023 00:00:00 +0000", -1},
	    {"31 Dec 1999 23:59:60 +0000", 946684800},
	    {"1 Jan 99 00:00:00 +0000", 915148800},
	    {"32 Jan 2023 00:00:00 +0000", -1},
	    {"1 Foo 2023 00:00:00 +0000", -1},
	    {"1 Jan 2023 24:00:00 +0000", -1},
	    {"1 Jan 2023 00:60:00 +0000", -1},
	    {"1 Jan 2023 00:00:00 +00000", -1},
	    {"1 Jan 2023 00:00:00 +0060", -1},
	    {"1 Jan 20233 00:00:00 +0000", -1},
	    {"Tue 14 Nov 2023 22:13:20 +0000", -1},
	    {"Tue, 14 Nov 2023 22:13:20 +0000 junk", -1},
	    {"Tue, 14 Nov 2023 22:13:20 +0000 (open", -1},
	    {"2023-11-14T22:13:20Z", -1},
	    {"", -1},
	    {"((((((((((((((((((((", -1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		int64_t when = -1;

		if (!headers_parse_date(str_of(rows[i].text), &when))
			when = -1;
		if (when != rows[i].when)
			fail_msg("%s: %lld", rows[i].text, (long long)when);
	}
}

static void message_identifiers_are_checked(void **state)
{
	static const char *const good[] = {"<a@b>", "<a.b+c=@[1.2.3.4]>", "<\"q@r\"@b>", "<a@b.c.d>"};
	static const char *const bad[] = {"", "a@b", "<a@b", "<>", "<@>", "<a@>", "<@b>", "<ab>", "<a b@c>", "<a@b\tc>",
	    "<a@<b>>", "<a@b> <c@d>"};

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		assert_true(headers_is_message_id(str_of(good[i])));
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (headers_is_message_id(str_of(bad[i])))
			fail_msg("%s", bad[i]);
}

static int init(void **state)
{
	(void)state;
	clock_fix(NOW);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_fault_has_its_finding),
	    cmocka_unit_test(lists_name_the_fields),
	    cmocka_unit_test(from_must_hold_an_address),
	    cmocka_unit_test(date_may_be_off_by_so_much),
	    cmocka_unit_test(received_fields_are_counted),
	    cmocka_unit_test(utf8_is_allowed_when_declared),
	    cmocka_unit_test(dates_are_read),
	    cmocka_unit_test(message_identifiers_are_checked),
	};
	return cmocka_run_group_tests(tests, init, NULL);
}
