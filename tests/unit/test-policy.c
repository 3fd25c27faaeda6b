/* Conditions, and what is found wrong with a policy at load. */
#include "tests/unit/policy-kit.h"

/* ---- conditions ---- */

static bool holds(struct kit *k, const char *condition)
{
	const char *text = arena_printf(k->a, "policy { at message { accept if %s; discard; } }", condition).p;

	return decide(k, good(k, text), STAGE_MESSAGE).kind == VERDICT_ACCEPT;
}

#define YES(condition)                                                                             \
	do {                                                                                       \
		if (!holds(k, condition))                                                          \
			fail_msg("false: %s", condition);                                          \
	} while (0)
#define NO(condition)                                                                              \
	do {                                                                                       \
		if (holds(k, condition))                                                           \
			fail_msg("true: %s", condition);                                           \
	} while (0)

static void numbers(void **state)
{
	struct kit *k = *state;

	set_some(k);
	YES("score == 5.5");
	NO("score != 5.5");
	YES("score != 5");
	YES("score >= 5.5");
	NO("score > 5.5");
	YES("score <= 5.5");
	NO("score < 5.5");
	YES("5 < score");
	YES("size > 25M");
	NO("size > 26M");
	YES("size >= 26624K");
	YES("score + dnsbl.weight * 2 > 21");
	NO("score + dnsbl.weight * 2 > 21.5");
	YES("(score + dnsbl.weight) * 2 == 27");
	YES("10 - 3 - 2 == 5");
	YES("12 / 3 / 2 == 2");
	YES("size / 1M == 26");
	NO("score / 0 == 0");
	NO("score / 0 != 0");
	YES("score in (1, 5.5, 9)");
	NO("score in (1, 2)");
	YES("rate.wait == 5m");
	YES("rate.wait in (1m, 300s)");
	YES("rate.wait + 1m > 359s");
	YES("rate.wait * 2 == 10m");
	YES("rate.wait / 1m == 5");
	YES("-5 < score");
}

static void words_and_texts(void **state)
{
	struct kit *k = *state;

	set_some(k);
	YES("spf == fail");
	YES("fail == spf");
	NO("spf == pass");
	YES("spf != pass");
	YES("spf in (softfail, fail)");
	NO("spf in (pass, none)");
	YES("sender == \"JOE@example.org\"");
	NO("sender == \"joe@example.com\"");
	YES("sender != \"joe@example.com\"");
	YES("helo =~ \"Example\"");
	NO("helo =~ \"example\"");
	YES("helo =~ \"(?i)^mail\\.example\\.\"");
	YES("helo !~ \"example\"");
	YES("helo =~ /^mail\\.EXAMPLE\\./i");
	NO("helo =~ /^mail/");
	YES("subject =~ /^f.*[xm]oney$/is");
	NO("subject =~ /free/");
	YES("subject =~ \"/?Money\"");
	YES("sender in (example.org, a@b.example)");
	YES("sender in (\".org\")");
	NO("sender in (example.com)");
	YES("helo in (.example.org)");
	YES("sender in (\"/^joe@/\")");
	YES("rcpt.domain == \"example.net\"");
	YES("sender not in (example.com)");
	YES("not sender in (example.com)");
}

static void addresses_and_lists(void **state)
{
	struct kit *k = *state;

	set_some(k);
	lists_add(k->lists, &k->load, conf_parse_text(&k->load, "l", STR("list friends { example.org; 192.0.2.0/28; exe; }")));
	YES("client in 192.0.2.0/24");
	NO("client in 192.0.3.0/24");
	YES("client == 192.0.2.7");
	YES("client != 192.0.2.8");
	YES("client == 192.0.2.0/24");
	YES("client in (10.0.0.0/8, 192.0.2.7)");
	NO("client in (10.0.0.0/8, 2001:db8::/32)");
	YES("client in friends");
	YES("sender in friends");
	NO("helo in friends");
	YES("attachment.extensions == \"EXE\"");
	NO("attachment.extensions == \"zip\"");
	YES("attachment.extensions != \"zip\"");
	NO("attachment.extensions != \"doc\"");
	YES("\"doc\" in attachment.extensions");
	NO("\"zip\" in attachment.extensions");
	YES("attachment.extensions in (zip, exe)");
	YES("attachment.extensions in friends");
	YES("attachment.extensions =~ \"^ex\"");
	NO("attachment.extensions =~ \"^zi\"");
	YES("attachment.extensions !~ \"^zi\"");
}

static void logic(void **state)
{
	struct kit *k = *state;

	set_some(k);
	YES("mime.ambiguous");
	NO("not mime.ambiguous");
	YES("not tls");
	YES("not not mime.ambiguous");
	YES("tls or mime.ambiguous and spf == fail");
	NO("(tls or mime.ambiguous) and not spf == fail");
	YES("mime.ambiguous or tls and tls");
	NO("tls and tls or tls");
	YES("(((mime.ambiguous)))");
	YES("not (tls and mime.ambiguous) and score > 1");
	YES("tls or tls or tls or tls or mime.ambiguous");
}

/* A fact that was not set compares false with everything; not of it is true. */
static void unset(void **state)
{
	struct kit *k = *state;

	NO("spf == fail");
	NO("spf != fail");
	NO("score > 0");
	NO("score < 1");
	NO("score != 1");
	NO("score + 1 == 1");
	NO("mime.ambiguous");
	YES("not mime.ambiguous");
	YES("not spf == fail");
	NO("sender == \"\"");
	NO("sender != \"x\"");
	NO("sender =~ \"\"");
	NO("sender !~ \"x\"");
	NO("sender in (example.org)");
	YES("sender not in (example.org)");
	NO("client in 0.0.0.0/0");
	NO("client != 192.0.2.1");
	NO("attachment.extensions != \"exe\"");
	NO("attachment.extensions !~ \"exe\"");
	NO("\"exe\" in attachment.extensions");
	fact_set_ip(&k->s->facts, "client", &(struct ip){0});
	NO("client != 192.0.2.1");
}

static void innermost_scope(void **state)
{
	struct kit *k = *state;

	fact_set_number(&k->s->facts, "score", 1);
	YES("score == 1");
	fact_set_number(message_facts(k), "score", 2);
	YES("score == 2");
	fact_set_number(&k->r->facts, "score", 3);
	YES("score == 3");
}

/* ---- mistakes ---- */

static void wrong(struct kit *k, const char *condition, const char *error)
{
	const char *text = arena_printf(k->a, "policy { at message {\naccept if %s;\ndiscard; } }", condition).p;

	if (compile(k, text))
		fail_msg("no error: %s", condition);
	assert_string_equal(errors(k), arena_printf(k->a, "p:2:%s\n", error).p);
}

static void wrong_conditions(void **state)
{
	struct kit *k = *state;

	wrong(k, "scoer > 1", "11: error: unknown fact 'scoer'; did you mean 'score'?");
	wrong(k, "qwertz", "11: error: unknown fact 'qwertz'; see reevectl help facts");
	wrong(k, "score > \"10\"", "19: error: 'score' is a number, but \"10\" is a text: they cannot be compared");
	wrong(k, "sender == 10", "21: error: 'sender' is a text, but this is a number: they cannot be compared");
	wrong(k, "spf == fial", "18: error: 'spf' is never 'fial'; expected none, neutral, pass, fail, softfail, temperror "
				"or permerror; did you mean 'fail'?");
	wrong(k, "spf in (fial)", "19: error: 'spf' is never 'fial'; expected none, neutral, pass, fail, softfail, "
				  "temperror or permerror; did you mean 'fail'?");
	wrong(k, "spf > fail", "11: error: 'spf' is a word: only numbers and durations have an order");
	wrong(k, "spf", "11: error: 'spf' is a word; compare it: spf == none");
	wrong(k, "score", "11: error: 'score' is a number, not yes or no; expected a comparison");
	wrong(k, "not sender", "15: error: 'sender' is a text, not yes or no; expected a comparison");
	wrong(k, "tls == mime.ambiguous", "11: error: yes or no is not compared; write the fact alone, or not before it");
	wrong(k, "rcpt.domain == example.net",
	    "26: error: 'example.net' is no fact; a text needs double quotes: \"example.net\"");
	wrong(k, "rate.wait > 300", "23: error: 'rate.wait' is a duration, but this is a number: they cannot be compared; "
				    "a duration has a unit: 30s, 5m");
	wrong(k, "rate.wait > 5M", "23: error: 'rate.wait' is a duration, but this is a number: they cannot be compared; "
				   "a duration has a unit: 30s, 5m");
	wrong(k, "score = 5", "17: error: '=' is wrong here; expected == to compare");
	wrong(k, "!tls", "11: error: '!' is wrong here; expected not");
	wrong(k, "score > ", "19: error: the end of the statement is wrong here; expected a fact or a value");
	wrong(k, "", "11: error: the end of the statement is wrong here; expected a fact or a value");
	wrong(k, "(tls", "15: error: the end of the statement is wrong here; expected ')'");
	wrong(k, "tls tls", "15: error: 'tls' is wrong here; expected and, or, an operator or the end of the statement");
	wrong(k, "tls and", "18: error: the end of the statement is wrong here; expected a fact or a value");
	wrong(k, "score + sender > 1", "19: error: 'sender' is a text; cannot reckon with it here; expected two numbers, or "
				       "durations");
	wrong(k, "rate.wait + 5 > 1m", "23: error: this is a number; cannot reckon with it here; expected two numbers, or "
				       "durations");
	wrong(k, "sender =~ abc", "21: error: 'abc' is wrong here; expected a pattern: \"PATTERN\" or /PATTERN/i");
	wrong(k, "sender =~ \"(\"", "21: error: pattern: missing closing parenthesis, at octet 2");
	wrong(k, "sender =~ /a", "21: error: '/a' is wrong here; expected a pattern: \"PATTERN\" or /PATTERN/i");
	wrong(k, "sender =~ /a/q", "21: error: '/a/q' is wrong here; expected a pattern: \"PATTERN\" or /PATTERN/i");
	wrong(k, "sender =~ /[/", "21: error: pattern: missing terminating ] for character class, at octet 2");
	wrong(k, "score =~ \"1\"", "11: error: 'score' is a number; only texts and lists are matched with patterns");
	wrong(k, "sender in nobody", "21: error: there is no list 'nobody'; expected a list, a network or values in "
				     "parentheses");
	wrong(k, "sender in", "20: error: the end of the statement is wrong here; expected a list, a network or values in "
			      "parentheses");
	wrong(k, "sender in ()", "22: error: ')' is wrong here; expected a member of the list");
	wrong(k, "sender in (a b)", "24: error: 'b' is wrong here; expected ',' or ')'");
	wrong(k, "client in (a)", "22: error: 'a' is no address or network");
	wrong(k, "client in (10.0.0.1/8)", "22: error: '10.0.0.1/8' is no network: wrong prefix length, or bits set behind it");
	wrong(k, "score in (a)", "21: error: 'a' is wrong here; expected a number");
	wrong(k, "score in friends", "11: error: 'score' is a number; that cannot be in a list");
	wrong(k, "tls in (a)", "11: error: 'tls' is yes or no; that cannot be in a list");
	wrong(k, "client == \"192.0.2.1\"", "21: error: 'client' is an address, but \"192.0.2.1\" is a text: they cannot be "
					    "compared");
	wrong(k, "pass == fail", "11: error: unknown fact 'pass'; see reevectl help facts");
}

static void unconfigured_filter(void **state)
{
	struct kit *k = *state;

	with_registry(k, false);
	assert_non_null(compile(k, "policy { at message { discard if spf == fail; tag header X \"{dnsbl.zone}\"; accept; } }"));
	assert_string_equal(errors(k),
	    "p:1:34: warning: the fact 'spf' is never set: filter spf is not configured; add \"filter spf;\"\n"
	    "p:1:62: warning: the fact 'dnsbl.zone' is never set: filter dnsbl is not configured; add \"filter dnsbl;\"\n");
	/* It is checked all the same. */
	assert_null(compile(k, "policy { at message { discard if spf == maybe; accept; } }"));
	assert_true(str_ends(str_of(errors(k)), STR("expected none, neutral, pass, fail, softfail, temperror or permerror\n")));
	assert_null(compile(k, "policy { at message { discard if dnsbl.wieght > 1; accept; } }"));
	assert_string_equal(errors(k), "p:1:34: error: unknown fact 'dnsbl.wieght'; did you mean 'dnsbl.weight'?\n");
}

static void wrong_stages(void **state)
{
	struct kit *k = *state;

	assert_null(compile(k, "policy { at connect { reject if spf == fail; }\nat header { reject if rcpt.unknown; }\n"
			       "at rpct { accept; }\nat mail { tag header X \"y\"; quarantine; reject \"{subject}\"; }\n"
			       "accept;\nat { accept; }\nat helo; at message { accept; } }"));
	assert_string_equal(errors(k),
	    "p:1:33: error: 'spf' cannot be known yet at connect; expected it at mail or later\n"
	    "p:2:23: error: 'rcpt.unknown' belongs to one recipient; at header all are judged together, expected it at rcpt "
	    "or message\n"
	    "p:3:4: error: there is no stage 'rpct'; expected connect, helo, mail, rcpt, header or message; did you mean "
	    "'rcpt'?\n"
	    "p:4:11: error: tag header is not possible at mail; expected it at message\n"
	    "p:4:29: error: quarantine is not possible at mail; expected it at rcpt or message\n"
	    "p:4:50: error: 'subject' cannot be known yet at mail; expected it at header or later\n"
	    "p:5:1: error: 'accept' is wrong here; expected at STAGE { ... }\n"
	    "p:6:1: error: 'at' needs more; expected at STAGE { ... }\n"
	    "p:7:8: error: expected '{' behind 'at'\n");
}

static void wrong_statements(void **state)
{
	struct kit *k = *state;

	assert_null(compile(k, "policy { at message {\n"
			       "rejct;\n"
			       "reject 450 \"x\";\n"
			       "reject 550 4.7.1;\n"
			       "tempfail 550;\n"
			       "reject 599;\n"
			       "accept now;\n"
			       "reject \"a\" \"b\";\n"
			       "reject 550 5.7.1 text;\n"
			       "tag;\n"
			       "tag haeder X \"y\";\n"
			       "tag header \"a b\" \"y\";\n"
			       "tag header Subject \"y\";\n"
			       "tag header X y;\n"
			       "copy joe;\n"
			       "delay 61s;\n"
			       "delay;\n"
			       "accept { accept; }\n"
			       "reject \"{score\";\n"
			       "reject \"{scoer}\";\n"
			       "for tls;\n"
			       "if score > 5 { accept; }\n"
			       "} }"));
	assert_string_equal(errors(k),
	    "p:2:1: error: 'rejct' is no action; did you mean 'reject'?\n"
	    "p:3:8: error: reject takes a reply code 5yz, not 450\n"
	    "p:4:12: error: reject takes an enhanced code 5.y.z, not 4.7.1\n"
	    "p:5:10: error: tempfail takes a reply code 4yz, not 550\n"
	    "p:6:8: error: reject takes a reply code 5yz, not 599\n"
	    "p:7:8: error: 'now' is wrong here; expected accept [if CONDITION]\n"
	    "p:8:12: error: string \"b\" is wrong here; expected reject [CODE] [X.Y.Z] [\"TEXT\"] [if CONDITION]\n"
	    "p:9:18: error: 'text' is wrong here; expected reject [CODE] [X.Y.Z] [\"TEXT\"] [if CONDITION]\n"
	    "p:10:4: error: ';' is wrong here; expected tag header NAME \"VALUE\" [if CONDITION]\n"
	    "p:11:5: error: 'haeder' is wrong here; expected tag header NAME \"VALUE\" [if CONDITION]\n"
	    "p:12:12: error: string \"a b\" cannot name a header\n"
	    "p:13:12: error: the field Subject cannot be added or removed; expected tag subject \"PREFIX\"\n"
	    "p:14:14: error: 'y' is wrong here; expected tag header NAME \"VALUE\" [if CONDITION]\n"
	    "p:15:6: error: 'joe' is no address: domain missing\n"
	    "p:16:7: error: a delay is at most 1m\n"
	    "p:17:6: error: ';' is wrong here; expected delay DURATION [if CONDITION]\n"
	    "p:18:1: error: 'accept' takes no block; expected ';'\n"
	    "p:19:9: error: this '{' is never closed; expected {FACT}, or {{ for a brace\n"
	    "p:20:10: error: unknown fact 'scoer'; did you mean 'score'?\n"
	    "p:21:8: error: expected '{' behind 'for'\n"
	    "p:22:1: error: the condition stands behind the action; expected one such as: reject if score >= 15;\n"
	    "p:1:1: warning: the message stage can end without a verdict, then the message is tempfailed; end it with "
	    "accept;\n");
}

static void warnings(void **state)
{
	struct kit *k = *state;

	assert_non_null(compile(k, "policy { at message {\naccept;\nreject if tls;\ndiscard; }\nat rcpt {\n"
				   "for tls { reject;\naccept; } } }"));
	assert_string_equal(errors(k),
	    "p:3:1: warning: never reached: the statement in line 2 always ends the stage\n"
	    "p:7:1: warning: never reached: the statement in line 6 always ends the stage\n");
	assert_non_null(compile(k, "policy { at message { accept if tls; } }"));
	assert_string_equal(errors(k), "p:1:23: warning: the message stage can end without a verdict, then the message is "
				       "tempfailed; end it with accept;\n");
	assert_non_null(compile(k, "policy { }"));
	assert_non_null(strstr(errors(k), "p:1:1: warning: the message stage"));
}

/* ---- limits ---- */

static struct policy *repeated(struct kit *k, const char *before, const char *piece, int n, const char *after)
{
	struct buf b = {0};

	buf_adds(&b, "policy { at message { accept if ");
	buf_adds(&b, before);
	for (int i = 0; i < n; i++)
		buf_adds(&b, piece);
	buf_adds(&b, after);
	buf_adds(&b, "; discard; } }");
	buf_addc(&b, '\0');
	return compile(k, buf_take(&b, k->a).p);
}

static void limits(void **state)
{
	struct kit *k = *state;
	struct policy *p;

	assert_non_null(repeated(k, "", "not ", 63, "tls"));
	assert_null(repeated(k, "", "not ", 64, "tls"));
	assert_non_null(strstr(errors(k), "nested more than 64 deep"));
	assert_null(repeated(k, "", "(", 5000, "tls"));
	assert_non_null(strstr(errors(k), "nested more than 64 deep"));
	assert_non_null(repeated(k, "score", " + 1", 64, " > 1"));
	assert_null(repeated(k, "score", " + 1", 65, " > 1"));
	assert_non_null(strstr(errors(k), "more than 64 operations in a row"));
	fact_set_bool(message_facts(k), "tls", true);
	p = repeated(k, "tls", " and tls", 4999, "");
	assert_non_null(p);
	assert_int_equal(decide(k, p, STAGE_MESSAGE).kind, VERDICT_ACCEPT);
	assert_null(repeated(k, "tls", " and tls", 5000, ""));
	assert_non_null(strstr(errors(k), "a condition has at most 10000 parts"));
	assert_int_equal(k->load.errors, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, kit_open, kit_close)
int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(numbers),
	    TEST(words_and_texts),
	    TEST(addresses_and_lists),
	    TEST(logic),
	    TEST(unset),
	    TEST(innermost_scope),
	    TEST(wrong_conditions),
	    TEST(unconfigured_filter),
	    TEST(wrong_stages),
	    TEST(wrong_statements),
	    TEST(warnings),
	    TEST(limits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
