#include "tests/unit/chain-fixture.h"

extern const struct filter phishing_filter;

#define CONF                                                                                                       \
	"list board { \"jane doe\"; } list friends { .friend.example.net; partner.org; } list away { mailinator.com; } " \
	"relay example.com { to 192.0.2.1; } relay .example.net { to 192.0.2.1; } "                                  \
	"filter phishing { brand \"Big Bank\" bigbank.com bigbank.de; brand \"Google\" google.com; names board; disposable away; "               \
	"except lookalike-link partner; except display-brand friends; }"

static struct fixture *judged(const char *head, const char *sender)
{
	struct fixture *f = fixture_new(&phishing_filter, "list partner { bigbank-login.com; } " CONF, NULL);
	struct str text = str_of(head);

	assert_int_equal(f->load.errors, 0);
	message_start(f->s);
	address_parse(f->s->message->arena, str_of(sender), false, &f->s->message->sender);
	f->s->message->spool = spool_of(text);
	headers_parse(f->s->message->arena, text, &f->s->message->headers);
	assert_int_equal(fixture_run(f, STAGE_MAIL), RUN_OK);
	assert_int_equal(fixture_run(f, STAGE_MESSAGE), RUN_OK);
	return f;
}

#define HTML "MIME-Version: 1.0\r\nContent-Type: text/html\r\n\r\n"
#define FORM "<form action=http://x.test/><input type=\"PassWord\" name=p></form>"

static void each_check(void **state)
{
	static const struct {
		const char *text, *checks; /* NULL: none */
	} rows[] = {
	    {"From: Jane Doe <jane@example.com>\r\n\r\n", NULL}, /* ours */
	    {"From: Jane Doe <jane@sub.example.net>\r\n\r\n", NULL},
	    {"From: A <a@other.org>\r\n\r\nhi", NULL},
	    {"From: \"JANE DOE\" <ceo@other.org>\r\n\r\n", "display-user"},
	    {"From: =?utf-8?q?Jane_Doe?= <ceo@gmail.com>\r\n\r\n", "display-user"},
	    {"From: \"Example.com support\" <a@other.org>\r\n\r\n", "display-domain"},
	    {"From: \"bigbank.de\" <a@other.org>\r\n\r\n", "display-domain"},
	    {"From: \"bigbank.de\" <a@bigbank.com>\r\n\r\n", NULL}, /* another one of the brand's */
	    {"From: Big Bank <service@other.org>\r\n\r\n", "display-brand"},
	    {"From: \"B\xd1\x96g B\xd0\xb0nk\" <service@other.org>\r\n\r\n", "display-brand"},
	    {"From: Big Bank <service@mx.partner2.org>\r\n\r\n", "display-brand"},
	    {"From: Big Bankers <service@other.org>\r\n\r\n", NULL},
	    {"From: Big Bank <a@partner.org>\r\n\r\n", NULL}, /* excepted */
	    {"From: \"jane@acme.org\" <x@other.org>\r\n\r\n", "display-address"},
	    {"From: \"jane@acme.org\" <jane=acme.org@list.other.org>\r\n\r\n", NULL},
	    {"From: \"jane@acme.org via list\" <list@other.org>\r\n\r\n", NULL},
	    {"From: \"jane@acme.org\" <list@other.org>\r\nTo: list@other.org\r\n\r\n", NULL},
	    {"From: a@exarnple.com\r\n\r\n", "lookalike"},
	    {"From: a@xn--bgbank-wva.com\r\n\r\n", "lookalike"},
	    {"From: a@bigbank-secure.net\r\n\r\n", "lookalike"},
	    {"From: a@bigbank.co\r\n\r\n", "other-ending"},
	    {"From: a@bigbank.de\r\n\r\n", NULL},
	    {"From: a@googlemail.com\r\n\r\n", NULL}, /* a provider, though google.com is protected */
	    {"From: a@other.org\r\nReply-To: b@bigbanc.com\r\n\r\n", "lookalike"},
	    {"From: a@xn--bcher-kva.org\r\n\r\n", NULL},
	    {"From: a@other.org\r\n" HTML "<a href=http://bigbank.com.evil.net/>x</a>", "lookalike-link"},
	    {"From: a@other.org\r\n" HTML "<a href=http://bigbank-login.com/>x</a>", NULL}, /* excepted */
	    {"From: a@other.org\r\n" HTML "<a href=http://www.bigbank.de/>x</a>", NULL},
	    {"From: a@other.org\r\nReply-To: b@gmail.com\r\n\r\n", "reply-to"},
	    {"From: a@gmx.de\r\nReply-To: b@gmail.com\r\n\r\n", NULL},
	    {"From: a@other.org\r\nList-Id: <x>\r\nReply-To: b@gmail.com\r\n\r\n", NULL},
	    {"From: a@other.org\r\n" HTML FORM, "form-body"},
	    {"From: a@other.org\r\nContent-Disposition: attachment; filename=a.html\r\n" HTML FORM, "form"},
	    {"From: a@other.org\r\nContent-Type: application/octet-stream; name=a.htm\r\n\r\n" FORM, "form"},
	    {"From: a@other.org\r\n" HTML "<form><input name=q></form>", NULL},
	    {"\r\n", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct fixture *f = judged(rows[i].text, "");
		const char *got = fixture_fact(f, "phishing.checks");

		if ((got != NULL) != (rows[i].checks != NULL) || (got && strcmp(got, rows[i].checks) != 0))
			print_error("%s: %s, not %s\n", rows[i].text, got ? got : "-", rows[i].checks ? rows[i].checks : "-");
		assert_true(got ? rows[i].checks && strcmp(got, rows[i].checks) == 0 : !rows[i].checks);
		assert_int_equal(fixture_found(f, NULL), got ? 1 : 0);
		fixture_free(f);
	}
}

static void says_what_is_imitated(void **state)
{
	struct fixture *f = judged("From: Big Bank <x@bigbank-login.net>\r\n\r\n", "a@bigbnak.com");

	(void)state;
	assert_string_equal(fixture_fact(f, "phishing.checks"), "lookalike, display-brand");
	assert_string_equal(fixture_fact(f, "phishing.imitates"), "bigbank.com, big bank");
	assert_string_equal(fixture_fact(f, "phishing.domains"), "bigbank-login.net, bigbnak.com");
	fixture_free(f);
}

static void free_mail(void **state)
{
	struct fixture *f = judged("From: a@web.de\r\nReply-To: x@gmail.com\r\n\r\n", "a@mailinator.com");

	(void)state;
	assert_string_equal(fixture_fact(f, "sender.freemail"), "no");
	assert_string_equal(fixture_fact(f, "sender.disposable"), "yes");
	assert_string_equal(fixture_fact(f, "from.freemail"), "yes");
	assert_string_equal(fixture_fact(f, "from.disposable"), "no");
	assert_string_equal(fixture_fact(f, "reply-to.freemail"), "yes");
	fixture_free(f);
}

static void errors_in_settings(void **state)
{
	static const char *const wrong[] = {
	    "filter phishing { names nobody; }", "filter phishing { except nothing friends; }", "filter phishing { except form nobody; }",
	    "filter phishing { brand \"Big Bank\"; }", "filter phishing { brand \"Big Bank\" localhost; }",
	};

	(void)state;
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		struct fixture *f = fixture_new(&phishing_filter, wrong[i], NULL);

		assert_int_equal(f->load.errors, 1);
		fixture_free(f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_check),
	    cmocka_unit_test(says_what_is_imitated),
	    cmocka_unit_test(free_mail),
	    cmocka_unit_test(errors_in_settings),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
