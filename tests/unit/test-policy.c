#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/list.h"
#include "lib/store.h"
#include "policy/policy.h"
#include "tests/unit/unit.h"

static const char *const spf_words[] = {"none", "neutral", "pass", "fail", "softfail", "temperror", "permerror", NULL};
static const char *const dmarc_words[] = {"none", "pass", "fail", NULL};
static const char *const dmarc_policies[] = {"none", "quarantine", "reject", NULL};

/* What filters would declare, for every fact that DESIGN.md and the default policy name. */
static const struct fact_def dnsbl_facts[] = {
    {"dnsbl.weight", FACT_INT, STAGE_CONNECT, NULL, ""},
    {"dnsbl.zone", FACT_TEXT, STAGE_CONNECT, NULL, ""},
    {0},
};
static const struct fact_def spf_facts[] = {
    {"spf", FACT_WORD, STAGE_MAIL, spf_words, ""},
    {"spf.explanation", FACT_TEXT, STAGE_MAIL, NULL, ""},
    {0},
};
static const struct fact_def auth_facts[] = {
    {"dmarc", FACT_WORD, STAGE_MESSAGE, dmarc_words, ""},
    {"dmarc.policy", FACT_WORD, STAGE_MESSAGE, dmarc_policies, ""},
    {"dmarc.domain", FACT_TEXT, STAGE_MESSAGE, NULL, ""},
    {"arc", FACT_WORD, STAGE_MESSAGE, dmarc_words, ""},
    {0},
};
static const struct fact_def other_facts[] = {
    {"rcpt.unknown", FACT_BOOL, STAGE_RCPT, NULL, ""},
    {"rate.exceeded", FACT_BOOL, STAGE_RCPT, NULL, ""},
    {"rate.limit", FACT_TEXT, STAGE_RCPT, NULL, ""},
    {"rate.wait", FACT_DURATION, STAGE_RCPT, NULL, ""},
    {"greylist.new", FACT_BOOL, STAGE_RCPT, NULL, ""},
    {"greylist.wait", FACT_DURATION, STAGE_RCPT, NULL, ""},
    {"clamav.infected", FACT_BOOL, STAGE_MESSAGE, NULL, ""},
    {"clamav.name", FACT_TEXT, STAGE_MESSAGE, NULL, ""},
    {"mime.ambiguous", FACT_BOOL, STAGE_MESSAGE, NULL, ""},
    {"attachment.program", FACT_BOOL, STAGE_MESSAGE, NULL, ""},
    {"attachment.extensions", FACT_LIST, STAGE_MESSAGE, NULL, ""},
    {0},
};

static const struct filter spf_filter = {.name = "spf", .facts = spf_facts};
static const struct filter dnsbl_filter = {.name = "dnsbl", .facts = dnsbl_facts};
static const struct filter *const known[] = {&dnsbl_filter, &spf_filter, NULL};

struct kit {
	struct arena *a;
	struct conf_load load;
	struct fact_registry *registry;
	struct lists *lists;
	struct filter_env env;
	struct session *s;
	struct recipient *r;
	struct chain_slot slot;
};

static void with_registry(struct kit *k, bool all)
{
	k->registry = fact_registry_new(k->a);
	assert_null(fact_registry_add(k->registry, core_facts));
	if (!all)
		return;
	assert_null(fact_registry_add(k->registry, dnsbl_facts));
	assert_null(fact_registry_add(k->registry, spf_facts));
	assert_null(fact_registry_add(k->registry, auth_facts));
	assert_null(fact_registry_add(k->registry, other_facts));
}

static int kit_open(void **state)
{
	struct kit *k = calloc(1, sizeof *k);
	struct address rcpt = {.text = STR("joe@example.net"), .local = STR("joe"), .domain = STR("example.net")};

	k->a = arena_new(0);
	conf_load_init(&k->load, k->a);
	with_registry(k, true);
	k->lists = lists_new(k->a, NULL);
	k->s = session_new(chain_new(k->a, &k->env, k->registry), NULL, FACE_SMTP);
	message_start(k->s);
	k->r = recipient_start(k->s->message, &rcpt);
	recipient_keep(k->s->message);
	*state = k;
	return 0;
}

static int kit_close(void **state)
{
	struct kit *k = *state;

	session_free(k->s);
	arena_free(k->a);
	free(k);
	return 0;
}

static const char *errors(struct kit *k)
{
	struct buf b = {0};

	conf_errors_print(&k->load, &b);
	conf_load_init(&k->load, k->a);
	return buf_addc(&b, '\0'), buf_take(&b, k->a).p;
}

static struct policy *compile(struct kit *k, const char *text)
{
	struct conf_node *node = conf_parse_text(&k->load, "p", str_of(text));

	return policy_new(&k->load, node, k->registry, k->lists, known);
}

/* A policy that must be right. */
static struct policy *good(struct kit *k, const char *text)
{
	struct policy *p = compile(k, text);

	if (!p)
		fail_msg("%s", errors(k));
	return p;
}

static struct verdict decide(struct kit *k, const struct policy *p, enum stage stage)
{
	struct verdict v;

	policy_decide(p, k->s, stage, stage == STAGE_RCPT || stage == STAGE_MESSAGE ? k->r : NULL, k->a, &v);
	return v;
}

static struct facts *message_facts(struct kit *k)
{
	return &k->s->message->facts;
}

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

static void set_some(struct kit *k)
{
	struct ip client;

	assert_true(ip_parse(STR("192.0.2.7"), &client));
	fact_set_ip(&k->s->facts, "client", &client);
	fact_set_text(&k->s->facts, "helo", STR("Mail.Example.ORG"));
	fact_set_int(&k->s->facts, "dnsbl.weight", 8);
	fact_set_word(message_facts(k), "spf", "fail");
	fact_set_number(message_facts(k), "score", 5.5);
	fact_set_text(message_facts(k), "sender", STR("joe@example.org"));
	fact_set_text(message_facts(k), "subject", STR("Free Money"));
	fact_set_int(message_facts(k), "size", 26 * 1024 * 1024);
	fact_set_bool(message_facts(k), "mime.ambiguous", true);
	fact_set_bool(message_facts(k), "tls", false);
	fact_add_text(message_facts(k), "attachment.extensions", STR("exe"));
	fact_add_text(message_facts(k), "attachment.extensions", STR("Doc"));
	fact_set_duration(&k->r->facts, "rate.wait", 300000);
	fact_set_text(&k->r->facts, "rcpt.domain", STR("example.net"));
}

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
	wrong(k, "sender =~ abc", "21: error: 'abc' is wrong here; expected a pattern in double quotes");
	wrong(k, "sender =~ \"(\"", "21: error: pattern: missing closing parenthesis, at octet 2");
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
	assert_null(compile(k, "policy { at message { discard if spf == fail; tag header X \"{dnsbl.zone}\"; accept; } }"));
	assert_string_equal(errors(k),
	    "p:1:34: error: the fact 'spf' is set by filter spf, which is not configured; add \"filter spf;\"\n"
	    "p:1:62: error: the fact 'dnsbl.zone' is set by filter dnsbl, which is not configured; add \"filter dnsbl;\"\n");
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

/* ---- actions ---- */

static void reply_codes(void **state)
{
	struct kit *k = *state;
	struct policy *p = good(k, "policy { at connect { reject; } at helo { tempfail; } at mail { reject 554 \"no {sender}\"; }\n"
				   "at rcpt { tempfail 4.2.2 \"full\"; } at header { stop; } at message { quarantine \"why {score}\"; } }");
	struct verdict v = decide(k, p, STAGE_CONNECT);

	assert_int_equal(v.kind, VERDICT_REJECT);
	assert_int_equal(v.code, 550);
	assert_str(v.enhanced, "5.7.1");
	assert_str(v.text, "refused by policy");
	assert_string_equal(v.decided_by.file, "p");
	assert_int_equal(v.decided_by.line, 1);
	v = decide(k, p, STAGE_HELO);
	assert_int_equal(v.kind, VERDICT_TEMPFAIL);
	assert_int_equal(v.code, 451);
	assert_str(v.enhanced, "4.7.1");
	fact_set_text(message_facts(k), "sender", STR("a@b"));
	v = decide(k, p, STAGE_MAIL);
	assert_int_equal(v.code, 554);
	assert_str(v.enhanced, "5.7.1");
	assert_str(v.text, "no a@b");
	v = decide(k, p, STAGE_RCPT);
	assert_int_equal(v.code, 451);
	assert_str(v.enhanced, "4.2.2");
	assert_str(v.text, "full");
	v = decide(k, p, STAGE_HEADER);
	assert_int_equal(v.kind, VERDICT_NONE);
	assert_int_equal(v.decided_by.line, 2);
	fact_set_number(message_facts(k), "score", 17.25);
	v = decide(k, p, STAGE_MESSAGE);
	assert_int_equal(v.kind, VERDICT_QUARANTINE);
	assert_int_equal(v.code, 250);
	assert_str(v.text, "why 17.25");
}

static void no_verdict(void **state)
{
	struct kit *k = *state;
	struct policy *p = compile(k, "policy { at message { accept if tls; stop if score > 1; } }");
	struct verdict v = decide(k, p, STAGE_MESSAGE);

	assert_int_equal(v.kind, VERDICT_TEMPFAIL);
	assert_int_equal(v.code, 451);
	assert_str(v.enhanced, "4.3.5");
	assert_null(v.decided_by.file);
	assert_str(v.trail->statement, "no statement ended the stage");
	assert_int_equal(decide(k, p, STAGE_RCPT).kind, VERDICT_NONE);
	assert_false(policy_has(p, STAGE_RCPT));
	assert_true(policy_has(p, STAGE_MESSAGE));
	fact_set_number(message_facts(k), "score", 2);
	assert_int_equal(decide(k, p, STAGE_MESSAGE).kind, VERDICT_TEMPFAIL);
}

static void tags(void **state)
{
	struct kit *k = *state;
	struct policy *p = good(k, "policy { at message { tag header X-Flag \"YES {score}\"; add-header \"X-Two\" \"{{b}} {subject}\";\n"
				   "remove-header X-Old; tag subject \"[SPAM] \"; tag subject \"! \"; copy a@b.example; copy c@d.example;\n"
				   "redirect e@f.example; delay 5s; delay 2s; tag header x-flag \"again\" if tls; accept; } }");
	struct headers *h = &k->s->message->headers;
	const struct str *names;
	struct verdict v;
	struct edit *e;

	headers_parse(k->a, STR("X-Old: 1\r\nA: b\r\nx-old: 2\r\n\r\n"), h);
	fact_set_number(message_facts(k), "score", 7);
	v = decide(k, p, STAGE_MESSAGE);
	assert_int_equal(v.kind, VERDICT_ACCEPT);
	e = v.tags.first;
	assert_int_equal(e->op, EDIT_ADD_HEADER);
	assert_str(e->name, "X-Flag");
	assert_str(e->value, "YES 7");
	e = e->next;
	assert_str(e->name, "X-Two");
	assert_str(e->value, "{b} ");
	e = e->next;
	assert_int_equal(e->op, EDIT_REMOVE_HEADER);
	assert_int_equal(e->index, 1);
	assert_int_equal(e->next->index, 2);
	assert_int_equal(v.tags.n, 4);
	assert_str(v.subject_prefix, "[SPAM] ! ");
	assert_int_equal(v.copy_count, 2);
	assert_str(v.copies[1], "c@d.example");
	assert_str(v.redirect, "e@f.example");
	assert_int_equal(v.delay_ms, 5000);
	assert_int_equal(policy_own_headers(p, &names), 2);
	assert_str(names[0], "x-flag");
	assert_str(names[1], "x-two");
}

static void blocks(void **state)
{
	struct kit *k = *state;
	struct policy *p = good(k, "policy { at message { for rcpt.domain == \"example.net\" { for score >= 6 { quarantine \"q\" if tls; }\n"
				   "tag header X-A \"1\"; } for rcpt.domain == \"other.example\" { reject; } for tls { } accept; }\n"
				   "at message { discard; } }");
	struct verdict v;

	errors(k);
	fact_set_text(&k->r->facts, "rcpt.domain", STR("example.net"));
	v = decide(k, p, STAGE_MESSAGE);
	assert_int_equal(v.kind, VERDICT_ACCEPT);
	assert_int_equal(v.tags.n, 1);
	fact_set_number(message_facts(k), "score", 6);
	fact_set_bool(message_facts(k), "tls", true);
	v = decide(k, p, STAGE_MESSAGE);
	assert_int_equal(v.kind, VERDICT_QUARANTINE);
	assert_int_equal(v.tags.n, 0);
	fact_set_text(&k->r->facts, "rcpt.domain", STR("other.example"));
	assert_int_equal(decide(k, p, STAGE_MESSAGE).kind, VERDICT_REJECT);
	fact_set_text(&k->r->facts, "rcpt.domain", STR("third.example"));
	assert_int_equal(decide(k, p, STAGE_MESSAGE).kind, VERDICT_ACCEPT);
}

/* ---- what lands where ---- */

static struct verdict with_sender(struct kit *k, const struct policy *p, struct str sender)
{
	fact_set_text(message_facts(k), "sender", sender);
	return decide(k, p, STAGE_MESSAGE);
}

static void safe_replies(void **state)
{
	struct kit *k = *state;
	struct policy *p = good(k, "policy { at message { reject \"<{sender}>\"; } }");
	char many[700];
	struct verdict v;

	assert_str(with_sender(k, p, STR("a\r\n250 ok\t\x7f" "b")).text, "<a  250 ok  b>");
	assert_int_equal(with_sender(k, p, STR("a\0b")).text.n, 5);
	assert_str(with_sender(k, p, STR("\xc3\xbc\xff")).text, "<?\?>");
	k->s->message->is_utf8 = true;
	assert_str(with_sender(k, p, STR("\xc3\xbc\xff\xc3")).text, "<\xc3\xbc?\?>");
	memset(many, 'a', sizeof many);
	v = with_sender(k, p, (struct str){many, 498});
	assert_int_equal(v.text.n, 500);
	assert_int_equal(v.text.p[499], '>');
	v = with_sender(k, p, (struct str){many, 499});
	assert_int_equal(v.text.n, 500);
	assert_int_equal(v.text.p[499], 'a');
	v = with_sender(k, p, (struct str){many, 700});
	assert_int_equal(v.text.n, 500);
}

static void safe_headers(void **state)
{
	struct kit *k = *state;
	struct policy *p = good(k, "policy { at message { tag header X \"{sender}\"; tag subject \"{sender} \"; accept; } }");
	struct buf b = {0};
	struct verdict v;
	struct str rest, line;

	v = with_sender(k, p, STR("a\r\nBcc: x@y\0z"));
	assert_str(v.tags.first->value, "a  Bcc: x@y z");
	v = with_sender(k, p, STR("gr\xc3\xbc\xc3\x9f"));
	assert_str(v.tags.first->value, "=?utf-8?B?Z3LDvMOf?=");
	assert_str(v.subject_prefix, "=?utf-8?B?Z3LDvMOfIA==?= ");
	v = with_sender(k, p, STR("\xff"));
	assert_str(v.tags.first->value, "=?utf-8?B?77+9?=");
	for (int i = 0; i < 3000; i++)
		buf_adds(&b, "\xc3\xbc");
	v = with_sender(k, p, buf_str(&b));
	rest = v.tags.first->value;
	while (str_split(&rest, '\n', &line)) {
		line = str_trim(line);
		assert_true(line.n <= 75);
		assert_true(str_starts(line, STR("=?utf-8?B?")) && str_ends(line, STR("?=")));
	}
	assert_true(v.tags.first->value.n < 8000);
	buf_free(&b);
}

/* ---- failures ---- */

static void fail_with(struct kit *k, enum on_failure word)
{
	k->slot = (struct chain_slot){.filter = &spf_filter, .on_failure = (int)word, .place = {"c", 9, 1}};
	k->s->failed = &k->slot;
	k->s->failed_why = STR("socket /run/secret is gone");
}

static void failures(void **state)
{
	struct kit *k = *state;
	struct policy *p = good(k, "policy { at message { accept; } }");
	struct verdict v;

	fail_with(k, ON_FAILURE_TEMPFAIL);
	v = decide(k, p, STAGE_MESSAGE);
	assert_int_equal(v.kind, VERDICT_TEMPFAIL);
	assert_int_equal(v.code, 451);
	assert_str(v.enhanced, "4.7.1");
	assert_string_equal(v.failed_filter, "spf");
	assert_null(v.decided_by.file);
	assert_int_equal(str_find(v.text, STR("secret")), -1);
	assert_str(v.trail->statement, "filter spf on-failure tempfail");
	assert_str(v.trail->facts, "socket /run/secret is gone");
	assert_int_equal(v.trail->place.line, 9);
	fail_with(k, ON_FAILURE_REJECT);
	v = decide(k, p, STAGE_CONNECT);
	assert_int_equal(v.kind, VERDICT_REJECT);
	assert_int_equal(v.code, 554);
	fail_with(k, ON_FAILURE_ACCEPT);
	v = decide(k, p, STAGE_MESSAGE);
	assert_int_equal(v.kind, VERDICT_ACCEPT);
	assert_null(v.failed_filter);
	assert_str(v.trail->statement, "filter spf on-failure accept");
	assert_str(v.trail->next->statement, "accept");
	assert_int_equal(decide(k, p, STAGE_RCPT).kind, VERDICT_NONE);
}

/* A list that cannot be asked is neither in nor out, wherever it stands in the condition. */
static void list_failures(void **state)
{
	static const char *const conditions[] = {"sender in s", "not sender in s", "tls or sender in s",
	    "sender not in s and tls", "tls or not (sender in s or tls)"};
	struct kit *k = *state;

	lists_add(k->lists, &k->load, conf_parse_text(&k->load, "l", STR("list s state;")));
	fact_set_text(message_facts(k), "sender", STR("a@b.example"));
	for (size_t i = 0; i < sizeof conditions / sizeof *conditions; i++) {
		const char *text = arena_printf(k->a, "policy { at message { for tls { accept; }\nfor %s { accept; } discard; } }",
		    conditions[i]).p;
		struct verdict v = decide(k, good(k, text), STAGE_MESSAGE);

		assert_int_equal(v.kind, VERDICT_TEMPFAIL);
		assert_int_equal(v.code, 451);
		assert_int_equal(v.decided_by.line, 2);
	}
}

/* ---- the trail ---- */

static void trail(void **state)
{
	struct kit *k = *state;
	struct policy *p = good(k, "policy { at message { reject if score >= 15;\nfor mime.ambiguous { tag header X \"a \\\"b\\\"\" if spf in (fail, pass); }\n"
				   "discard if rcpt.unknown; accept; } }");
	struct trail_step *t;
	struct verdict v;

	set_some(k);
	v = decide(k, p, STAGE_MESSAGE);
	t = v.trail;
	assert_str(t->statement, "for mime.ambiguous");
	assert_str(t->facts, "mime.ambiguous = yes");
	t = t->next;
	assert_str(t->statement, "tag header X \"a \\\"b\\\"\" if spf in (fail, pass)");
	assert_str(t->facts, "spf = fail");
	assert_true(t->matched);
	assert_int_equal(t->place.line, 2);
	t = t->next;
	assert_str(t->statement, "accept");
	assert_str(t->facts, "");
	assert_null(t->next);
	k->s->face = FACE_SCAN;
	v = decide(k, p, STAGE_MESSAGE);
	assert_str(v.trail->statement, "reject if score >= 15");
	assert_str(v.trail->facts, "score = 5.5");
	assert_false(v.trail->matched);
	/* rcpt.unknown was not set: it has nothing to say. */
	assert_str(v.trail->next->next->next->statement, "accept");
}

static void long_statement(void **state)
{
	struct kit *k = *state;
	struct buf b = {0};
	struct verdict v;

	buf_adds(&b, "policy { at message { quarantine \"");
	for (int i = 0; i < 300; i++)
		buf_adds(&b, "\xc3\xbc");
	buf_adds(&b, "\"; } }");
	buf_addc(&b, '\0');
	v = decide(k, good(k, b.p), STAGE_MESSAGE);
	assert_true(v.trail->statement.n <= 200);
	assert_true(str_is_utf8(v.trail->statement));
	assert_true(str_ends(v.trail->statement, STR("...")));
	buf_free(&b);
}

/* ---- the default policy, and the one of DESIGN.md ---- */

static struct policy *default_policy(struct kit *k)
{
	struct policy *p = policy_new(&k->load, NULL, k->registry, k->lists, known);

	assert_string_equal(errors(k), "");
	assert_non_null(p);
	return p;
}

static void default_without_filters(void **state)
{
	struct kit *k = *state;
	struct policy *p;

	with_registry(k, false);
	p = default_policy(k);
	assert_true(policy_left_out(p) > 0);
	assert_int_equal(decide(k, p, STAGE_CONNECT).kind, VERDICT_NONE);
	assert_int_equal(decide(k, p, STAGE_RCPT).kind, VERDICT_NONE);
	assert_int_equal(decide(k, p, STAGE_MESSAGE).kind, VERDICT_ACCEPT);
}

static void default_with_filters(void **state)
{
	struct kit *k = *state;
	struct policy *p = default_policy(k);
	struct verdict v;

	assert_int_equal(policy_left_out(p), 0);
	fact_set_int(&k->s->facts, "dnsbl.weight", 8);
	fact_set_text(&k->s->facts, "dnsbl.zone", STR("bl.example"));
	fact_set_ip(&k->s->facts, "client", &(struct ip){4, {192, 0, 2, 1}});
	v = decide(k, p, STAGE_CONNECT);
	assert_int_equal(v.code, 554);
	assert_str(v.text, "192.0.2.1 is listed by bl.example");
	assert_int_equal(decide(k, p, STAGE_MESSAGE).kind, VERDICT_ACCEPT);
	fact_set_number(message_facts(k), "score", 5);
	assert_str(decide(k, p, STAGE_MESSAGE).tags.first->name, "X-Spam-Flag");
	fact_set_number(message_facts(k), "score", 10);
	assert_int_equal(decide(k, p, STAGE_MESSAGE).kind, VERDICT_QUARANTINE);
	fact_set_number(message_facts(k), "score", 15.04);
	v = decide(k, p, STAGE_MESSAGE);
	assert_int_equal(v.kind, VERDICT_REJECT);
	assert_str(v.text, "this looks like spam (score 15.04)");
	fact_set_number(message_facts(k), "score", 0);
	fact_set_word(message_facts(k), "dmarc", "fail");
	fact_set_word(message_facts(k), "dmarc.policy", "reject");
	assert_int_equal(decide(k, p, STAGE_MESSAGE).kind, VERDICT_QUARANTINE);
	fact_set_word(message_facts(k), "arc", "pass");
	assert_int_equal(decide(k, p, STAGE_MESSAGE).kind, VERDICT_ACCEPT);
	fact_set_bool(message_facts(k), "clamav.infected", true);
	assert_int_equal(decide(k, p, STAGE_MESSAGE).code, 554);
	fact_set_bool(&k->r->facts, "greylist.new", true);
	fact_set_duration(&k->r->facts, "greylist.wait", 300000);
	v = decide(k, p, STAGE_RCPT);
	assert_str(v.text, "greylisted, retry in 5m");
	fact_set_bool(&k->r->facts, "rcpt.unknown", true);
	assert_str(decide(k, p, STAGE_RCPT).enhanced, "5.1.1");
}

static const char design_policy[] =
    "policy {\n"
    "at connect { reject 554 5.7.1 \"{client} is listed by {dnsbl.zone}\" if dnsbl.weight >= 8; }\n"
    "at rcpt {\n"
    "    reject 550 5.1.1 \"no such user here\" if rcpt.unknown;\n"
    "    reject 550 5.7.23 \"{spf.explanation}\" if spf == fail and not sender in partners;\n"
    "    tempfail 452 4.7.1 \"over the limit {rate.limit}, retry in {rate.wait}\" if rate.exceeded;\n"
    "    tempfail 451 4.7.1 \"greylisted, retry in {greylist.wait}\" if greylist.new and spf != pass;\n"
    "}\n"
    "at message {\n"
    "    reject 554 5.7.1 \"infected: {clamav.name}\" if clamav.infected;\n"
    "    reject 550 5.7.1 \"rejected by the DMARC policy of {dmarc.domain}\" if dmarc == fail and dmarc.policy == reject;\n"
    "    quarantine \"ambiguous MIME carrying a program\" if mime.ambiguous and attachment.program;\n"
    "    reject 550 5.7.1 \"spam, score {score}\" if score >= 15;\n"
    "    for rcpt.domain == \"example.net\" { quarantine \"spam\" if score >= 6; }\n"
    "    tag header \"X-Spam-Flag\" \"YES\" if score >= 5;\n"
    "    accept;\n"
    "}\n}\n";

static void design(void **state)
{
	struct kit *k = *state;
	struct policy *p;

	lists_add(k->lists, &k->load, conf_parse_text(&k->load, "l", STR("list partners { example.org; }")));
	p = good(k, design_policy);
	assert_string_equal(errors(k), "");
	fact_set_word(message_facts(k), "spf", "fail");
	fact_set_text(message_facts(k), "sender", STR("joe@example.org"));
	assert_int_equal(decide(k, p, STAGE_RCPT).kind, VERDICT_NONE);
	fact_set_text(message_facts(k), "sender", STR("joe@example.com"));
	assert_str(decide(k, p, STAGE_RCPT).enhanced, "5.7.23");
	fact_set_number(message_facts(k), "score", 6);
	assert_int_equal(decide(k, p, STAGE_MESSAGE).tags.n, 1);
	fact_set_text(&k->r->facts, "rcpt.domain", STR("example.net"));
	assert_int_equal(decide(k, p, STAGE_MESSAGE).kind, VERDICT_QUARANTINE);
}

/* 20 statements over some 40 facts. */
static void speed(void **state)
{
	struct kit *k = *state;
	struct buf b = {0};
	struct timespec from, to;
	struct policy *p;
	double ns;

	buf_adds(&b, "policy { at message {");
	buf_adds(&b, "reject 554 5.7.1 \"infected: {clamav.name}\" if clamav.infected;"
		     "reject \"dmarc\" if dmarc == fail and dmarc.policy == reject;"
		     "quarantine \"mime\" if mime.ambiguous and attachment.program;"
		     "for rcpt.domain == \"example.net\" { quarantine \"spam\" if score >= 16; }");
	for (int i = 0; i < 15; i++)
		buf_addf(&b, "reject if score >= %d or (spf == pass and not client in 10.%d.0.0/16);", 15 + i, i);
	buf_adds(&b, "accept; } }");
	buf_addc(&b, '\0');
	p = good(k, b.p);
	set_some(k);
	for (const struct fact_def *d = core_facts; d->name; d++)
		if (d->type == FACT_TEXT)
			fact_set_text(message_facts(k), d->name, STR("some text"));
	fact_set_bool(message_facts(k), "clamav.infected", false);
	fact_set_word(message_facts(k), "dmarc", "pass");
	fact_set_bool(message_facts(k), "mime.ambiguous", false);
	clock_gettime(CLOCK_MONOTONIC, &from);
	for (int i = 0; i < 100; i++) {
		struct arena *a = arena_new(0);
		struct verdict v;

		for (int j = 0; j < 100; j++)
			policy_decide(p, k->s, STAGE_MESSAGE, k->r, a, &v);
		assert_int_equal(v.kind, VERDICT_ACCEPT);
		arena_free(a);
	}
	clock_gettime(CLOCK_MONOTONIC, &to);
	ns = ((double)(to.tv_sec - from.tv_sec) * 1e9 + (double)(to.tv_nsec - from.tv_nsec)) / 10000;
	print_message("%.0f ns for a policy of 20 statements\n", ns);
	assert_true(ns < 100000);
	buf_free(&b);
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
	    TEST(reply_codes),
	    TEST(no_verdict),
	    TEST(tags),
	    TEST(blocks),
	    TEST(safe_replies),
	    TEST(safe_headers),
	    TEST(failures),
	    TEST(list_failures),
	    TEST(trail),
	    TEST(long_statement),
	    TEST(default_without_filters),
	    TEST(default_with_filters),
	    TEST(design),
	    TEST(speed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
