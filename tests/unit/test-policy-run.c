/* Verdicts, their trail, and what lands in replies and headers. */
#include <time.h>

#include "tests/unit/policy-kit.h"

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
	k->failure = (struct failure){.slot = &k->slot, .why = STR("socket /run/secret is gone"), .stage = STAGE_MESSAGE};
	k->s->failed = k->s->message->failures = &k->failure;
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
	assert_str(v.text, "the check spf could not be made, try again later");
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

/* What a recipient has off does not speak for it; what else failed does, by its own word. */
static void failures_of_others(void **state)
{
	struct kit *k = *state;
	struct policy *p = good(k, "policy { at message { accept; } }");
	struct chain_slot other = {.filter = &spf_filter, .on_failure = ON_FAILURE_TEMPFAIL, .index = 1};
	struct failure second = {.slot = &other, .why = STR("slow"), .stage = STAGE_MESSAGE, .next = &k->failure};

	fail_with(k, ON_FAILURE_REJECT);
	k->r->filters_off = 1;
	assert_int_equal(decide(k, p, STAGE_MESSAGE).kind, VERDICT_ACCEPT);
	k->s->message->failures = &second;
	assert_int_equal(decide(k, p, STAGE_MESSAGE).kind, VERDICT_TEMPFAIL);
	k->r->filters_off = 2;
	assert_int_equal(decide(k, p, STAGE_MESSAGE).kind, VERDICT_REJECT);
	k->r->filters_off = 3;
	assert_int_equal(decide(k, p, STAGE_MESSAGE).kind, VERDICT_ACCEPT);
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
		const char *text = arena_printf(k->a,
		    "policy { at message { for tls { accept; }\nfor %s { accept; } discard; } }", conditions[i]).p;
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
	struct policy *p = good(k, "policy { at message { reject if score >= 15;\n"
				   "for mime.ambiguous { tag header X \"a \\\"b\\\"\" if spf in (fail, pass); }\n"
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
	struct policy *p = policy_new(&k->load, NULL, k->registry, k->lists, known, NULL);

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

/* An author who cannot be told, or whose policy cannot be had now. */
static void default_without_author(void **state)
{
	struct kit *k = *state;
	struct policy *p = default_policy(k);
	struct verdict v;

	fact_set_word(message_facts(k), "dmarc", "permerror");
	fact_set_text(message_facts(k), "dmarc.reason", STR("more than one From"));
	fact_set_number(message_facts(k), "score", 3.9);
	assert_int_equal(decide(k, p, STAGE_MESSAGE).kind, VERDICT_ACCEPT);
	fact_set_number(message_facts(k), "score", 4);
	assert_int_equal(decide(k, p, STAGE_MESSAGE).kind, VERDICT_QUARANTINE);
	fact_set_number(message_facts(k), "score", 6);
	v = decide(k, p, STAGE_MESSAGE);
	assert_int_equal(v.code, 550);
	assert_str(v.text, "more than one From");
	fact_set_word(message_facts(k), "dmarc", "temperror");
	v = decide(k, p, STAGE_MESSAGE);
	assert_int_equal(v.kind, VERDICT_TEMPFAIL);
	assert_int_equal(v.code, 451);
	fact_set_bool(message_facts(k), "arc.trusted", true);
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
	fact_set_bool(message_facts(k), "arc.trusted", true);
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

/* A recipient's thresholds take the place of the default policy's. */
static void default_with_settings(void **state)
{
	struct kit *k = *state;
	struct policy *p = default_policy(k);
	struct facts *own = &k->r->facts;

	fact_set_number(message_facts(k), "score", 9);
	fact_set_number(own, "settings.spam-reject", 9.5);
	assert_int_equal(decide(k, p, STAGE_MESSAGE).kind, VERDICT_ACCEPT);
	fact_set_number(own, "settings.spam-quarantine", 9);
	assert_int_equal(decide(k, p, STAGE_MESSAGE).kind, VERDICT_QUARANTINE);
	fact_set_number(own, "settings.spam-reject", 9);
	assert_int_equal(decide(k, p, STAGE_MESSAGE).kind, VERDICT_REJECT);
	fact_set_number(message_facts(k), "score", 30);
	fact_set_number(own, "settings.spam-reject", 100);
	fact_set_number(own, "settings.spam-quarantine", 100);
	fact_set_number(own, "settings.spam-tag", 100);
	assert_int_equal(decide(k, p, STAGE_MESSAGE).kind, VERDICT_ACCEPT);
	assert_string_equal(decide(k, p, STAGE_MESSAGE).tags.first->name.p, "X-Spam-Score");
}

/* ---- conditions that filters have ---- */

static struct condition *condition(struct kit *k, const char *text)
{
	const struct conf_node *node = conf_parse_text(&k->load, "c", arena_printf(k->a, "limit unless %s;", text));

	return condition_new(&k->load, node, 2, STAGE_RCPT, k->registry, k->lists, known);
}

static void conditions_of_filters(void **state)
{
	struct kit *k = *state;
	struct condition *x;

	set_some(k);
	x = condition(k, "client in 192.0.2.0/24");
	assert_non_null(x);
	assert_int_equal(condition_stage(x), STAGE_CONNECT);
	x = condition(k, "client in 192.0.2.0/24 and not tls"); /* tls: at mail */
	assert_int_equal(condition_stage(x), STAGE_MAIL);
	assert_int_equal(condition_holds(x, k->s, NULL, k->a), RES_OK);
	x = condition(k, "spf == pass");
	assert_int_equal(condition_stage(x), STAGE_MAIL);
	assert_int_equal(condition_holds(x, k->s, NULL, k->a), RES_NONE);
	x = condition(k, "rcpt.domain =~ \"^EXAMPLE\"");
	assert_int_equal(condition_stage(x), STAGE_RCPT);
	assert_int_equal(condition_holds(x, k->s, NULL, k->a), RES_NONE); /* of nobody */
	assert_int_equal(condition_holds(x, k->s, k->r, k->a), RES_NONE);
	x = condition(k, "rcpt.domain =~ \"(?i)^EXAMPLE\"");
	assert_int_equal(condition_holds(x, k->s, k->r, k->a), RES_OK);
	assert_string_equal(errors(k), "");
	assert_null(condition(k, "subject == \"x\""));
	assert_null(condition(k, "client =="));
	assert_null(condition(k, ""));
	assert_int_equal(k->load.errors, 3);
}

/* A list that cannot be asked is neither in nor out. */
static void conditions_do_not_guess(void **state)
{
	struct kit *k = *state;

	set_some(k);
	lists_add(k->lists, &k->load, conf_parse_text(&k->load, "l", STR("list deny state;")));
	assert_int_equal(condition_holds(condition(k, "sender in deny"), k->s, k->r, k->a), RES_TEMP);
	assert_int_equal(condition_holds(condition(k, "not sender in deny"), k->s, k->r, k->a), RES_TEMP);
}

/* ---- texts in the recipient's language ---- */

static void texts_in_his_language(void **state)
{
	struct kit *k = *state;
	struct policy_texts *texts = policy_texts_new(k->a);
	const struct conf_node *node = conf_parse_text(&k->load, "p", STR(
	    "policy { at rcpt { reject \"no {rcpt.domain}\" if tls; } at message { tag subject \"[SPAM] \"; reject \"no {rcpt.domain}\"; } }"));
	struct policy *p;

	set_some(k);
	policy_texts_add(texts, &k->load, conf_parse_text(&k->load, "t", STR(
	    "language de { \"no {rcpt.domain}\" \"nicht an {rcpt.domain}, {score}\"; \"[SPAM] \" \"[M\xc3\xbcll] \"; }")));
	p = policy_new(&k->load, node, k->registry, k->lists, known, texts);
	assert_non_null(p);
	assert_str(decide(k, p, STAGE_MESSAGE).text, "no example.net");
	fact_set_text(&k->r->facts, "settings.language", STR("fr"));
	assert_str(decide(k, p, STAGE_MESSAGE).text, "no example.net");
	assert_str(decide(k, p, STAGE_MESSAGE).subject_prefix, "[SPAM] ");
	fact_set_text(&k->r->facts, "settings.language", STR("DE"));
	assert_str(decide(k, p, STAGE_MESSAGE).text, "nicht an example.net, 5.5");
	assert_true(str_starts(decide(k, p, STAGE_MESSAGE).subject_prefix, STR("=?utf-8?B?")));
	assert_string_equal(errors(k), "");
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
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &from);
	for (int i = 0; i < 100; i++) {
		struct arena *a = arena_new(0);
		struct verdict v;

		for (int j = 0; j < 100; j++)
			policy_decide(p, k->s, STAGE_MESSAGE, k->r, a, &v);
		assert_int_equal(v.kind, VERDICT_ACCEPT);
		arena_free(a);
	}
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &to);
	ns = ((double)(to.tv_sec - from.tv_sec) * 1e9 + (double)(to.tv_nsec - from.tv_nsec)) / 10000;
	print_message("%.0f ns for a policy of 20 statements\n", ns);
	assert_true(ns < 100000);
	buf_free(&b);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, kit_open, kit_close)
int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(reply_codes),
	    TEST(no_verdict),
	    TEST(tags),
	    TEST(blocks),
	    TEST(safe_replies),
	    TEST(safe_headers),
	    TEST(failures), TEST(failures_of_others),
	    TEST(list_failures),
	    TEST(trail),
	    TEST(long_statement),
	    TEST(default_without_filters),
	    TEST(default_with_filters),
	    TEST(default_with_settings),
	    TEST(conditions_of_filters),
	    TEST(conditions_do_not_guess),
	    TEST(texts_in_his_language),
	    TEST(default_without_author),
	    TEST(design),
	    TEST(speed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
