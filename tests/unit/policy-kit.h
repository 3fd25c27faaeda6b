/* What the tests of policies share: a session, a recipient, and the facts that filters would declare. */
#ifndef REEVE_TESTS_POLICY_KIT_H
#define REEVE_TESTS_POLICY_KIT_H

#include <stdio.h>
#include <stdlib.h>

#include "core/list/list.h"
#include "lib/store/store.h"
#include "policy/policy.h"
#include "tests/unit/conf-kit.h"
#include "tests/unit/unit.h"

static const char *const spf_words[] = {"none", "neutral", "pass", "fail", "softfail", "temperror", "permerror", NULL};
static const char *const dmarc_words[] = {"none", "pass", "fail", "temperror", "permerror", NULL};
static const char *const dmarc_policies[] = {"none", "quarantine", "reject", NULL};

/* What filters would declare, for every fact that DESIGN.md and the default policy name. */
static const char *const clamav_words[] = {"clean", "infected", "encrypted", "limit", "broken", "unscanned", NULL};

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
    {"dmarc.list", FACT_BOOL, STAGE_MESSAGE, NULL, ""},
    {"dmarc.reason", FACT_TEXT, STAGE_MESSAGE, NULL, ""},
    {"arc.trusted", FACT_BOOL, STAGE_MESSAGE, NULL, ""},
    {"arc.dmarc", FACT_TEXT, STAGE_MESSAGE, NULL, ""},
    {0},
};
static const struct fact_def other_facts[] = {
    {"rcpt.unknown", FACT_BOOL, STAGE_RCPT, NULL, ""},
    {"rate.exceeded", FACT_BOOL, STAGE_CONNECT, NULL, ""},
    {"rate.limit", FACT_TEXT, STAGE_CONNECT, NULL, ""},
    {"rate.wait", FACT_DURATION, STAGE_CONNECT, NULL, ""},
    {"greylist.new", FACT_BOOL, STAGE_RCPT, NULL, ""},
    {"settings.spam-reject", FACT_NUMBER, STAGE_RCPT, NULL, ""},
    {"settings.spam-quarantine", FACT_NUMBER, STAGE_RCPT, NULL, ""},
    {"settings.language", FACT_TEXT, STAGE_RCPT, NULL, ""},
    {"settings.spam-tag", FACT_NUMBER, STAGE_RCPT, NULL, ""},
    {"greylist.wait", FACT_DURATION, STAGE_RCPT, NULL, ""},
    {"clamav.infected", FACT_BOOL, STAGE_MESSAGE, NULL, ""},
    {"clamav.name", FACT_TEXT, STAGE_MESSAGE, NULL, ""},
    {"clamav.reason", FACT_TEXT, STAGE_MESSAGE, NULL, ""},
    {"clamav.status", FACT_WORD, STAGE_MESSAGE, clamav_words, ""},
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
	struct failure failure;
};

static inline void with_registry(struct kit *k, bool all)
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

static inline int kit_open(void **state)
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

static inline int kit_close(void **state)
{
	struct kit *k = *state;

	session_free(k->s);
	arena_free(k->a);
	free(k);
	return 0;
}

static const char *errors(struct kit *k)
{
	return conf_kit_errors(k->a, &k->load);
}

static inline struct policy *compile(struct kit *k, const char *text)
{
	struct conf_node *node = conf_parse_text(&k->load, "p", str_of(text));

	return policy_new(&k->load, node, k->registry, k->lists, known, NULL);
}

/* A policy that must be right. */
static inline struct policy *good(struct kit *k, const char *text)
{
	struct policy *p = compile(k, text);

	if (!p)
		fail_msg("%s", errors(k));
	return p;
}

static inline struct verdict decide(struct kit *k, const struct policy *p, enum stage stage)
{
	struct verdict v;

	policy_decide(p, k->s, stage, stage == STAGE_RCPT || stage == STAGE_MESSAGE ? k->r : NULL, k->a, &v);
	return v;
}

static inline struct facts *message_facts(struct kit *k)
{
	return &k->s->message->facts;
}

static inline void set_some(struct kit *k)
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

#endif
