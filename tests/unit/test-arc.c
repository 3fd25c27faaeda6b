/* ARC: chains that we seal verify; structure and limits. The ValiMail suites are in tests/suites. */
#include <stdio.h>

#include "auth/sign.h"
#include "auth/tags.h"
#include "tests/unit/auth-fixture.h"

static const char base[] = "From: Joe <joe@example.org>\r\nSubject: hi\r\n\r\nHello\r\n";

struct chain_mail {
	struct auth_fixture f;
	struct row zone[2];
	struct sign_key key;
	struct str text;
};

static struct chain_mail *start(void)
{
	static struct chain_mail m;
	struct str pem;

	m = (struct chain_mail){0};
	auth_fixture_start(&m.f, m.zone);
	m.key = (struct sign_key){STR("lists.example.net"), STR("a"), crypto_generate(CRYPTO_ED25519, 0, m.f.arena, &pem)};
	m.zone[0] = (struct row){"a._domainkey.lists.example.net", DNS_TXT, arena_printf(m.f.arena, "v=DKIM1; k=ed25519; p=%.*s",
	    STR_ARG(crypto_public_text(m.f.arena, m.key.key))).p};
	m.text = str_of(base);
	return &m;
}

static void end(struct chain_mail *m)
{
	crypto_key_free((struct crypto_key *)m->key.key);
	auth_fixture_end(&m->f);
}

static struct arc *verify(struct chain_mail *m, struct str text)
{
	static const struct signature_options options = {.minimum_rsa_bits = 1024};

	return arc_verify(m->f.arena, m->f.scope, text, &options);
}

/* One more hop; false when there is nothing to add. */
static bool hop(struct chain_mail *m)
{
	struct sign_request request = {.key = &m->key, .names = STR(""), .now = 1000};
	struct arena *a = m->f.arena;
	uint8_t hash[CRYPTO_DIGEST_MAX];
	struct arc_values values;
	struct headers h;

	headers_parse(a, m->text, &h);
	sign_body(a, str_from(m->text, h.body), hash);
	if (!sign_arc(a, &h, hash, verify(m, m->text), STR("mx.example.net; spf=pass"), &request, &values))
		return false;
	m->text = arena_printf(a, "ARC-Seal: %.*s\r\nARC-Message-Signature: %.*s\r\nARC-Authentication-Results: %.*s\r\n%.*s",
	    STR_ARG(values.seal), STR_ARG(values.message), STR_ARG(values.results), STR_ARG(m->text));
	return true;
}

static struct str replaced(struct chain_mail *m, const char *old, const char *new)
{
	ptrdiff_t at = str_find(m->text, str_of(old));

	assert_true(at >= 0);
	return arena_printf(m->f.arena, "%.*s%s%.*s", (int)at, m->text.p, new,
	    STR_ARG(str_from(m->text, (size_t)at + strlen(old))));
}

static void instances(void **state)
{
	static const struct {
		const char *spec;
		unsigned number;
	} rows[] = {
	    {"i=1", 1}, {" i = 50 ", 50}, {"\r\n\ti\r\n =\r\n 7\r\n ", 7}, {"i=01", 1}, {"i=00", 0}, {"i=001", 0}, {"i=999", 999},
	    {"i=1000", 0}, {"(a (b) \\) c)i(=2)=(i=3)4(;)", 4}, {"i=1(", 0}, {"(i=1)", 0}, {"(i=1", 0}, {"i=1)", 0}, {"I=1", 0}, {"i=", 0},
	    {"i", 0}, {"", 0}, {"i==1", 0}, {"i=1 2", 0}, {"i=+1", 0}, {"i=1x", 0}, {"xi=1", 0},
	};
	struct str deep = STR("((((((((((((((((((((((((((((((((a))))))))))))))))))))))))))))))))i=1"), deeper, rest;
	char text[80];

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (tag_instance(str_of(rows[i].spec)) != rows[i].number)
			fail_msg("%s is not %u", rows[i].spec, rows[i].number);
	assert_int_equal(tag_instance(deep), 1);
	deeper = (struct str){text, (size_t)snprintf(text, sizeof text, "(%.32s)%s", deep.p, deep.p + 32)};
	assert_int_equal(tag_instance(deeper), 0);
	assert_int_equal(arc_results_instance(STR("i=3 (a;b); x; y"), &rest), 3);
	assert_string_equal(rest.p, " x; y");
	assert_int_equal(arc_results_instance(STR("i=3 (a;b)"), &rest), 0);
}

/* A field that claims a number beyond the chain keeps it from being sealed with one that is there. */
static void highest_is_kept(void **state)
{
	struct chain_mail *m = start();

	(void)state;
	assert_true(hop(m));
	m->text = arena_printf(m->f.arena, "ARC-Seal: i=50; a=x\r\n%.*s", STR_ARG(m->text));
	assert_int_equal(verify(m, m->text)->result, AUTH_FAIL);
	assert_false(hop(m));
	m->text = replaced(m, "i=50", "i=60");
	assert_int_equal(verify(m, m->text)->highest, 60);
	assert_false(hop(m));
	end(m);
}

static void chains(void **state)
{
	struct chain_mail *m = start();
	struct arc *arc = verify(m, m->text);

	(void)state;
	assert_int_equal(arc->result, AUTH_NONE);
	for (unsigned i = 1; i <= 4; i++) {
		assert_true(hop(m));
		arc = verify(m, m->text);
		assert_int_equal(arc->result, AUTH_PASS);
		assert_int_equal(arc->instance, i);
		assert_int_equal(arc->oldest_pass, 0);
		assert_str(arc->sets[1].chain.domain, "lists.example.net");
	}
	/* A list that changes the subject and seals again: the older view is gone, the chain holds. */
	m->text = replaced(m, "Subject: hi", "Subject: [list] hi");
	assert_int_equal(verify(m, m->text)->result, AUTH_FAIL);
	end(m);
}

static void changed_between(void **state)
{
	struct chain_mail *m = start();
	struct sign_request request = {.key = &m->key, .names = STR(""), .now = 1000};
	struct arc_values values;
	uint8_t hash[CRYPTO_DIGEST_MAX];
	struct headers h;
	struct arc *arc;

	(void)state;
	assert_true(hop(m));
	arc = verify(m, m->text);
	m->text = replaced(m, "Hello", "Hello and a footer");
	headers_parse(m->f.arena, m->text, &h);
	sign_body(m->f.arena, str_from(m->text, h.body), hash);
	assert_true(sign_arc(m->f.arena, &h, hash, arc, STR("mx.example.net; arc=pass"), &request, &values));
	m->text = arena_printf(m->f.arena, "ARC-Seal: %.*s\r\nARC-Message-Signature: %.*s\r\nARC-Authentication-Results: %.*s\r\n%.*s",
	    STR_ARG(values.seal), STR_ARG(values.message), STR_ARG(values.results), STR_ARG(m->text));
	arc = verify(m, m->text);
	assert_int_equal(arc->result, AUTH_PASS);
	assert_int_equal(arc->oldest_pass, 2);
	end(m);
}

static void tampered(void **state)
{
	static const char *const changes[][2] = {{"i=2; mx", "i=3; mx"}, {"i=1; mx", "i=2; mx"}, {"i=1; mx", "i=01; mx"},
	    {"i=1; mx", "i=51; mx"}, {"i=1; mx", "mx"}, {"i=2; mx.example.net; spf=pass", "i=2; mx.example.net; spf=fail"},
	    {"i=1; mx.example.net; spf=pass", "i=1; mx.example.net; spf=fail"}, {"cv=none", "cv=pass"}, {"cv=pass", "cv=none"},
	    {"cv=pass", "cv=fail"}, {"Hello", "Hallo"}, {"ARC-Seal", "X-Seal"}, {"cv=none;", "cv=none; h=from;"},
	    {"ARC-Seal:", "ARC-Seal: i=2; a=b\r\nARC-Seal:"}};
	struct chain_mail *m = start();

	(void)state;
	assert_true(hop(m) && hop(m));
	assert_int_equal(verify(m, m->text)->result, AUTH_PASS);
	for (size_t i = 0; i < sizeof changes / sizeof *changes; i++)
		if (verify(m, replaced(m, changes[i][0], changes[i][1]))->result != AUTH_FAIL)
			fail_msg("not noticed: %s -> %s", changes[i][0], changes[i][1]);
	end(m);
}

static void failed_chain_is_sealed_once(void **state)
{
	struct chain_mail *m = start();
	struct arc *arc;

	(void)state;
	assert_true(hop(m));
	m->text = replaced(m, "Hello", "Hallo");
	assert_true(hop(m));
	assert_true(str_find(m->text, STR("cv=fail")) > 0);
	arc = verify(m, m->text);
	assert_int_equal(arc->result, AUTH_FAIL);
	assert_true(arc->was_failed);
	assert_false(hop(m));
	end(m);
}

/* 49, 50 and 51 sets. */
static void fifty_sets(void **state)
{
	struct chain_mail *m = start();
	unsigned asked;

	(void)state;
	for (int i = 1; i <= ARC_SETS_MAX - 1; i++)
		assert_true(hop(m));
	assert_int_equal(verify(m, m->text)->result, AUTH_PASS);
	assert_true(hop(m));
	assert_int_equal(verify(m, m->text)->result, AUTH_PASS);
	assert_false(hop(m));
	asked = m->f.asked;
	assert_int_equal(verify(m, arena_printf(m->f.arena, "ARC-Seal: i=51\r\n%.*s", STR_ARG(m->text)))->result, AUTH_FAIL);
	assert_int_equal(m->f.asked, asked);
	end(m);
}

static void unreachable_key(void **state)
{
	struct chain_mail *m = start();
	struct arc *arc;

	(void)state;
	assert_true(hop(m));
	m->zone[0].data = "TEMP";
	arc = verify(m, m->text);
	assert_int_equal(arc->result, AUTH_FAIL);
	assert_true(arc->is_temporary);
	end(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(instances),
	    cmocka_unit_test(chains),
	    cmocka_unit_test(highest_is_kept),
	    cmocka_unit_test(changed_between),
	    cmocka_unit_test(tampered),
	    cmocka_unit_test(failed_chain_is_sealed_once),
	    cmocka_unit_test(fifty_sets),
	    cmocka_unit_test(unreachable_key),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
