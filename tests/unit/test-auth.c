/* The filters spf, dkim, arc and dmarc in one chain: facts, findings, our field on top, signing. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "auth/auth.h"
#include "auth/sealing.h"
#include "core/chain.h"
#include "lib/clock.h"
#include "lib/store/store.h"
#include "tests/unit/auth-fixture.h"

extern const struct filter spf_filter, dkim_filter, arc_filter, dmarc_filter;
static const struct filter *const known[] = {&spf_filter, &dkim_filter, &arc_filter, &dmarc_filter, NULL};

struct mail {
	struct auth_fixture f;
	struct conf_load load;
	struct fact_registry *facts;
	struct filter_env env;
	struct chain *chain;
	struct session *s;
};

static struct store *store; /* of the tests that want one */

static const struct row zone[] = {{"example.org", DNS_TXT, "v=spf1 ip4:192.0.2.1 -all exp=why.example.org"},
    {"why.example.org", DNS_TXT, "%{i} is not ours"}, {"_dmarc.example.org", DNS_TXT, "v=DMARC1; p=reject"},
    {"mx.example.org", DNS_TXT, "v=spf1 ip4:192.0.2.1 -all"},
    {"s1._domainkey.example.org", DNS_TXT, "k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="}, {0}};

static struct mail *start(const char *conf, const char *client)
{
	static struct mail m;

	m = (struct mail){0};
	auth_fixture_start(&m.f, zone);
	conf_load_init(&m.load, m.f.arena);
	m.facts = fact_registry_new(m.f.arena);
	fact_registry_add(m.facts, core_facts);
	m.env = (struct filter_env){.arena = m.f.arena, .hostname = STR("mx.example.net"), .dns = m.f.dns, .store = store};
	m.chain = chain_new(m.f.arena, &m.env, m.facts);
	m.env.chain = m.chain;
	for (struct conf_node *n = conf_parse_text(&m.load, "test.conf", str_of(conf)); n; n = n->next)
		chain_add(m.chain, &m.load, n, known);
	assert_true(chain_open(m.chain, &m.load));
	assert_int_equal(m.load.errors, 0);
	m.s = session_new(m.chain, m.f.dns, FACE_SMTP);
	m.s->hostname = m.env.hostname;
	m.s->helo = STR("mx.example.org");
	ip_parse(str_of(client), &m.s->client);
	return &m;
}

static void end(struct mail *m)
{
	session_free(m->s);
	chain_close(m->chain);
	auth_fixture_end(&m->f);
}

static void stage(struct mail *m, enum stage at)
{
	chain_want(m->s, at);
	chain_run(m->s, at);
	assert_null(m->s->failed);
}

/* feed: how much of the body goes by in pieces; the rest is found in the spool. */
static void deliver(struct mail *m, const char *sender, const char *message, size_t feed)
{
	struct message *msg;
	struct str body;

	stage(m, STAGE_HELO);
	msg = message_start(m->s);
	if (*sender)
		address_parse(msg->arena, str_of(sender), false, &msg->sender);
	stage(m, STAGE_MAIL);
	msg->spool = spool_of(str_of(message));
	headers_parse(msg->arena, str_of(message), &msg->headers);
	stage(m, STAGE_HEADER);
	body = str_from(str_of(message), msg->headers.body);
	for (size_t at = 0; at < body.n && at < feed; at += 3)
		chain_data(m->s, str_sub(body, at, 3));
	stage(m, STAGE_MESSAGE);
}

static const char *fact(struct mail *m, const char *name)
{
	const struct fact_def *def = fact_def_find(m->facts, str_of(name));
	const struct fact *f;

	assert_non_null(def);
	f = session_fact(m->s, NULL, def);
	return f ? arena_cstr(m->f.arena, fact_text(m->f.arena, f)) : "";
}

static size_t findings(struct mail *m, const char *name)
{
	size_t n = 0;

	for (const struct finding *f = m->s->message->findings.first; f; f = f->next)
		n += str_is(f->name, name);
	return n;
}

static const struct edit *edit_of(struct mail *m, enum edit_op op, const char *name)
{
	for (const struct edit *e = m->s->message->edits.first; e; e = e->next)
		if (e->op == op && str_is(e->name, name))
			return e;
	return NULL;
}

static const char all[] = "filter spf; filter dkim; filter arc; filter dmarc;";
static const char plain[] = "From: a@example.org\r\nSubject: x\r\n\r\nHello\r\n";

static void pass(void **state)
{
	struct mail *m = start(all, "192.0.2.1");

	(void)state;
	deliver(m, "a@example.org", plain, 999);
	assert_string_equal(fact(m, "spf.helo"), "pass");
	assert_string_equal(fact(m, "spf"), "pass");
	assert_string_equal(fact(m, "spf.domain"), "example.org");
	assert_string_equal(fact(m, "spf.mechanism"), "ip4:192.0.2.1");
	assert_string_equal(fact(m, "dkim"), "none");
	assert_string_equal(fact(m, "arc"), "none");
	assert_string_equal(fact(m, "dmarc"), "pass");
	assert_string_equal(fact(m, "dmarc.policy"), "reject");
	assert_string_equal(fact(m, "dmarc.disposition"), "none");
	assert_string_equal(fact(m, "dmarc.spf-aligned"), "yes");
	assert_int_equal(m->s->message->findings.n, 0);
	assert_str(edit_of(m, EDIT_ADD_HEADER, "Authentication-Results")->value,
	    "mx.example.net;\r\n\tspf=pass smtp.mailfrom=a@example.org;\r\n\tdkim=none;\r\n\tarc=none smtp.remote-ip=192.0.2.1;\r\n"
	    "\tdmarc=pass (p=reject) header.from=example.org");
	end(m);
}

static void forged(void **state)
{
	struct mail *m = start(all, "203.0.113.9");

	(void)state;
	deliver(m, "a@example.org", plain, 0);
	assert_string_equal(fact(m, "spf"), "fail");
	assert_string_equal(fact(m, "spf.explanation"), "example.org explains: 203.0.113.9 is not ours");
	assert_string_equal(fact(m, "dmarc"), "fail");
	assert_string_equal(fact(m, "dmarc.disposition"), "reject");
	assert_int_equal(findings(m, "spf.fail"), 1);
	assert_int_equal(findings(m, "dmarc.reject"), 1);
	end(m);
}

static void two_authors(void **state)
{
	struct mail *m = start(all, "192.0.2.1");

	(void)state;
	deliver(m, "a@example.org", "From: a@example.org, b@other.example\r\n\r\nx\r\n", 0);
	/* The one without a policy is the worse: a pass must hold for all. */
	assert_string_equal(fact(m, "dmarc"), "none");
	assert_int_equal(findings(m, "dmarc.authors"), 1);
	end(m);
	m = start(all, "192.0.2.1");
	deliver(m, "a@example.org", "From: a@example.org\r\nFrom: b@example.org\r\n\r\nx\r\n", 0);
	assert_string_equal(fact(m, "dmarc"), "permerror");
	assert_int_equal(findings(m, "dmarc.author"), 1);
	end(m);
}

static void forged_results(void **state)
{
	static const char message[] = "Authentication-Results: MX.example.net; spf=pass\r\nAuthentication-Results: other.example; spf=pass\r\n"
				      "authentication-results:\r\n \"mx.example.net\"; dkim=pass\r\nFrom: a@example.org\r\n\r\nx\r\n";
	struct mail *m = start(all, "192.0.2.1");
	unsigned removed = 0;

	(void)state;
	deliver(m, "a@example.org", message, 0);
	for (const struct edit *e = m->s->message->edits.first; e; e = e->next)
		if (e->op == EDIT_REMOVE_HEADER) {
			assert_int_equal(e->index, removed ? 3 : 1);
			removed++;
		}
	assert_int_equal(removed, 2);
	end(m);
}

static void submissions(void **state)
{
	struct mail *m = start(all, "203.0.113.9");

	(void)state;
	m->s->auth_user = STR("joe");
	deliver(m, "a@example.org", plain, 0);
	assert_string_equal(fact(m, "spf"), "");
	assert_string_equal(fact(m, "dmarc"), "");
	assert_str(edit_of(m, EDIT_ADD_HEADER, "Authentication-Results")->value,
	    "mx.example.net;\r\n\tauth=pass smtp.auth=joe;\r\n\tdkim=none;\r\n\tarc=none smtp.remote-ip=203.0.113.9");
	end(m);
}

static const char key_pem[] = "-----BEGIN PRIVATE KEY-----\n"
			      "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----\n";

/* What went out, as text again. */
static const char *outgoing(struct mail *m, const char *message)
{
	struct arena *a = m->f.arena;
	struct headers view;
	struct buf out = {0};

	seal_outgoing(m->s, &m->s->message->edits);
	sign_view(a, &m->s->message->headers, &m->s->message->edits, &view);
	for (size_t i = 0; i < view.n; i++)
		buf_add(&out, view.v[i].raw);
	buf_addf(&out, "\r\n%s", message + m->s->message->headers.body);
	return buf_take(&out, a).p;
}

static void sign_and_verify(void **state)
{
	char path[] = "/tmp/reeve-test-key-XXXXXX", conf[300];
	struct arena *a = arena_new(0);
	int fd = mkstemp(path);
	struct mail *m;
	const char *text;

	(void)state;
	assert_int_equal(write(fd, key_pem, sizeof key_pem - 1), sizeof key_pem - 1);
	close(fd);
	snprintf(conf, sizeof conf, "filter dkim { sign example.org selector s1 key \"%s\"; } filter arc { seal example.org"
				    " selector s1 key \"%s\"; }", path, path);
	m = start(conf, "203.0.113.9");
	m->s->auth_user = STR("joe");
	deliver(m, "a@example.org", plain, 999);
	text = arena_cstr(a, str_of(outgoing(m, plain)));
	assert_null(strstr(text, "ARC-Seal"));
	assert_non_null(strstr(text, "DKIM-Signature: v=1; a=ed25519-sha256"));
	end(m);
	/* At the next host: the signature passes, alone carries DMARC, and an ARC set goes on top. */
	snprintf(conf, sizeof conf, "filter spf; filter dkim; filter arc { seal example.org selector s1 key \"%s\";"
				    " trusted example.org; } filter dmarc;", path);
	m = start(conf, "203.0.113.9");
	deliver(m, "bounce@lists.example", text, 3);
	assert_string_equal(fact(m, "dkim"), "pass");
	assert_string_equal(fact(m, "dkim.domains"), "example.org");
	assert_string_equal(fact(m, "dmarc"), "pass");
	text = arena_cstr(a, str_of(outgoing(m, text)));
	assert_non_null(strstr(text, "ARC-Seal: a=ed25519-sha256"));
	end(m);
	/* And one more: the chain is believed. */
	m = start(conf, "203.0.113.9");
	deliver(m, "bounce@lists.example", text, 999);
	assert_string_equal(fact(m, "arc"), "pass");
	assert_string_equal(fact(m, "arc.trusted"), "yes");
	assert_string_equal(fact(m, "arc.dmarc"), "pass");
	end(m);
	unlink(path);
	arena_free(a);
}

/* The message with a signature over the fields named. */
static const char *signed_message(struct arena *a, const char *names, const char *message)
{
	struct sign_key key = {STR("example.org"), STR("s1"), crypto_private_key(str_of(key_pem))};
	struct sign_request request = {.key = &key, .names = str_of(names), .now = 1};
	uint8_t hash[CRYPTO_DIGEST_MAX];
	struct headers headers;
	struct str value;

	headers_parse(a, str_of(message), &headers);
	sign_body(a, str_from(str_of(message), headers.body), hash);
	assert_true(sign_dkim(a, &headers, hash, &request, &value));
	crypto_key_free((struct crypto_key *)key.key);
	return arena_printf(a, "DKIM-Signature: %.*s\r\n%s", STR_ARG(value), message).p;
}

static void add_recipients(struct mail *m, int n)
{
	for (int i = 0; i < n; i++) {
		struct address address;

		assert_null(address_parse(m->s->message->arena, STR("u@example.net"), false, &address));
		recipient_start(m->s->message, &address);
		recipient_keep(m->s->message);
	}
}

/* One more copy for n recipients; the fact as it was before, and what became of the message. */
static void copy_is(const char *conf, const char *text, int n, const char *replays, size_t found, enum verdict_kind kind)
{
	struct mail *m = start(conf, "203.0.113.9");

	deliver(m, "a@example.org", text, 0);
	add_recipients(m, n);
	assert_string_equal(fact(m, "dkim"), "pass");
	assert_string_equal(fact(m, "dkim.replays"), replays);
	assert_int_equal(findings(m, "dkim.replay"), found);
	chain_settle(m->s, STAGE_MESSAGE, kind);
	end(m);
}

static void replays(void **state)
{
	static const char conf[] = "filter dkim { replay-limit 5; replay-period 1h; }";
	struct arena *a = arena_new(0);
	const char *text = signed_message(a, "from:subject", plain), *other = signed_message(a, "from", plain);
	struct str error;

	(void)state;
	clock_fix(1000000);
	store = store_open(NULL, false, a, &error);
	copy_is(conf, text, 3, "0", 0, VERDICT_ACCEPT);
	copy_is(conf, text, 7, "3", 0, VERDICT_TEMPFAIL); /* will come again: not counted */
	copy_is(conf, text, 7, "3", 0, VERDICT_REJECT);
	copy_is(conf, text, 1, "3", 0, VERDICT_ACCEPT);
	copy_is(conf, text, 1, "4", 0, VERDICT_QUARANTINE);
	copy_is(conf, text, 1, "5", 1, VERDICT_ACCEPT); /* at the limit */
	copy_is(conf, text, 1, "6", 1, VERDICT_ACCEPT);
	copy_is(conf, other, 1, "0", 0, VERDICT_ACCEPT);
	copy_is("filter dkim { replay-limit 0; }", text, 1, "", 0, VERDICT_ACCEPT);
	clock_fix(1000000 + 3600);
	copy_is(conf, text, 1, "0", 0, VERDICT_ACCEPT);
	store_close(store);
	store = NULL;
	arena_free(a);
}

static void added_is(const char *names, const char *on_top, const char *wanted, const char *dkim)
{
	struct mail *m = start("filter dkim;", "203.0.113.9");
	const char *text = arena_printf(m->f.arena, "%s%s", on_top, signed_message(m->f.arena, names, plain)).p;

	deliver(m, "a@example.org", text, 0);
	assert_string_equal(fact(m, "dkim"), dkim);
	assert_string_equal(fact(m, "dkim.added"), wanted);
	assert_int_equal(findings(m, "dkim.added"), *wanted ? 1 : 0);
	end(m);
}

static void added_fields(void **state)
{
	(void)state;
	added_is("from:subject", "", "", "pass");
	added_is("from:subject", "Subject: mine\r\n", "Subject", "pass");
	added_is("from:subject", "FROM: b@evil.example\r\n", "From", "pass");
	added_is("from", "Subject: mine\r\n", "", "pass");	     /* never was signed */
	added_is("from:subject", "Received: x\r\n", "", "pass"); /* may be there as often as one likes */
	added_is("from:subject:subject", "Subject: mine\r\n", "", "fail"); /* oversigned, as we do it */
	added_is("", "Subject: mine\r\n", "", "fail");
	added_is("", "Reply-To: b@evil.example\r\n", "", "fail");
	added_is("", "Content-Type: text/html\r\n", "", "fail");
}

/* Cut anywhere, the body hashes as if it had come in one piece; what did not come is hashed at the end. */
static void pieces(void **state)
{
	static const char message[] = "From: a@example.org\r\n\r\n \t a  b\r\n\r\n\tx\r\n.\r\n\r\n\r\n";
	struct arena *a = arena_new(0);
	const char *text = signed_message(a, "from", message);
	struct str body = str_from(str_of(text), (size_t)str_find(str_of(text), STR("\r\n\r\n")) + 4);

	(void)state;
	for (size_t at = 0; at <= body.n; at++)
		for (size_t last = at; last <= body.n; last++) {
			struct mail *m = start("filter dkim;", "203.0.113.9");

			stage(m, STAGE_HELO);
			message_start(m->s);
			stage(m, STAGE_MAIL);
			m->s->message->spool = spool_of(str_of(text));
			headers_parse(m->s->message->arena, str_of(text), &m->s->message->headers);
			stage(m, STAGE_HEADER);
			chain_data(m->s, str_sub(body, 0, at));
			chain_data(m->s, str_sub(body, at, last - at));
			stage(m, STAGE_MESSAGE);
			assert_string_equal(fact(m, "dkim"), "pass");
			end(m);
		}
	arena_free(a);
}

static void list_is(const char *fields, const char *wanted)
{
	struct mail *m = start(all, "192.0.2.1");
	const char *text = arena_printf(m->f.arena, "%sFrom: a@example.net\r\n\r\nx\r\n", fields).p;

	deliver(m, "bounce@example.org", text, 0); /* SPF passes for example.org */
	if (strcmp(fact(m, "dmarc.list"), wanted) != 0)
		fail_msg("'%s' is %s", fields, fact(m, "dmarc.list"));
	end(m);
}

/* A list is one that is authenticated; what it calls itself is not enough. */
static void lists_that_are(void **state)
{
	(void)state;
	list_is("", "no");
	list_is("List-Id: Users <users.lists.example.org>\r\n", "yes");
	list_is("List-Id: users.EXAMPLE.org\r\n", "yes");
	list_is("List-Post: <mailto:users@example.org?subject=x>\r\n", "yes");
	list_is("List-Id: <users.lists.debian.org>\r\n", "no");
	list_is("List-Id: <example.org> <users.lists.debian.org>\r\n", "no");
	list_is("List-Id: <users.lists.debian.org>\r\nList-Post: <mailto:users@lists.debian.org>\r\n", "no");
	list_is("List-Id: <>\r\nList-Post: NO\r\n", "no");
	list_is("List-Id: <example.org.evil.example>\r\n", "no");
}

/* What a client says stays inside its quotes. */
static void received_spf(void **state)
{
	struct mail *m = start("filter spf { received-spf on; helo off; }", "192.0.2.1");

	(void)state;
	m->s->helo = STR("x\"; y=\\\"z");
	deliver(m, "\"a\\\"; b=c\"@example.org", plain, 0);
	assert_str(edit_of(m, EDIT_ADD_HEADER, "Received-SPF")->value,
	    "Pass\r\n\tclient-ip=192.0.2.1; envelope-from=\"\\\"a\\\\\\\"; b=c\\\"@example.org\";\r\n"
	    " helo=\"x\\\"; y=\\\\\\\"z\";\r\n\tidentity=mailfrom; receiver=mx.example.net; mechanism=\"ip4:192.0.2.1\"");
	end(m);
}

/* Each stage asks in want all that its run needs: a message of the usual kind waits for one round trip a stage. */
static void one_round_trip(void **state)
{
	struct arena *a = arena_new(0);
	const char *text = signed_message(a, "from:subject", plain);
	struct mail *m = start(all, "192.0.2.1");
	static const enum stage stages[] = {STAGE_HELO, STAGE_MAIL, STAGE_HEADER, STAGE_MESSAGE};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		unsigned asked;

		if (stages[i] == STAGE_MAIL) {
			message_start(m->s);
			assert_null(address_parse(m->s->message->arena, STR("a@example.org"), false, &m->s->message->sender));
		}
		if (stages[i] == STAGE_HEADER) {
			m->s->message->spool = spool_of(str_of(text));
			headers_parse(m->s->message->arena, str_of(text), &m->s->message->headers);
		}
		chain_want(m->s, stages[i]);
		asked = m->f.asked;
		chain_run(m->s, stages[i]);
		assert_int_equal(m->f.asked, asked);
	}
	assert_string_equal(fact(m, "spf"), "pass");
	assert_string_equal(fact(m, "dkim"), "pass");
	assert_string_equal(fact(m, "dmarc"), "pass");
	assert_true(m->f.asked <= 5); /* HELO, MAIL, the key, the policy: nothing twice, nothing in vain */
	end(m);
	arena_free(a);
}

/* Signatures that make us ask for keys, as many as there may be, do not hide what the author's domain says. */
static void budget_used_up(void **state)
{
	struct mail *m = start(all, "203.0.113.9");
	struct buf text = {0};

	(void)state;
	m->s->dns_limits.queries = 8;
	for (int i = 0; i < 10; i++)
		buf_addf(&text, "DKIM-Signature: v=1; a=rsa-sha256; d=d%d.example; s=s; h=from; bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; "
				"b=AAAA\r\n", i);
	buf_adds(&text, plain);
	deliver(m, "a@evil.example", buf_take(&text, m->f.arena).p, 0);
	assert_true(dns_scope_used(m->s->message->dns) <= 8);
	assert_string_equal(fact(m, "dmarc"), "fail");
	assert_string_equal(fact(m, "dmarc.policy"), "reject");
	end(m);
}

static void bad_keys(void **state)
{
	static const char *const confs[] = {"filter dkim { sign example.org selector s1 key \"/nonexistent\"; }",
	    "filter dkim { sign example.org selector s1 key \"/etc/passwd\"; }", "filter dkim { sign example.org s1 \"/etc/passwd\"; }",
	    "filter dkim { sign \"exa mple\" selector s1 key x; }"};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct arena *a = arena_new(0);
		struct filter_env env = {.arena = a, .hostname = STR("mx.example.net")};
		struct fact_registry *facts = fact_registry_new(a);
		struct conf_load load;
		struct chain *chain;

		conf_load_init(&load, a);
		chain = chain_new(a, &env, facts);
		chain_add(chain, &load, conf_parse_text(&load, "test.conf", str_of(confs[i])), known);
		chain_open(chain, &load);
		assert_int_equal(load.errors, 1);
		chain_close(chain);
		arena_free(a);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(pass),
	    cmocka_unit_test(forged),
	    cmocka_unit_test(two_authors),
	    cmocka_unit_test(forged_results),
	    cmocka_unit_test(submissions),
	    cmocka_unit_test(sign_and_verify),
	    cmocka_unit_test(replays),
	    cmocka_unit_test(added_fields),
	    cmocka_unit_test(pieces),
	    cmocka_unit_test(lists_that_are),
	    cmocka_unit_test(received_spf),
	    cmocka_unit_test(one_round_trip),
	    cmocka_unit_test(budget_used_up),
	    cmocka_unit_test(bad_keys),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
