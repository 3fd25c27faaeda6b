/* Rules that ask the DNS: what is asked, what an answer must be, and the limits. */
#include <stdio.h>
#include <stdlib.h>

#include "rules/ruleset.h"
#include "rules/subtest.h"
#include "tests/unit/unit.h"

enum { LOOKUPS = 40, LOOKUP_US = 5000000, ASKED_MAX = 8192 };

/* "name TYPE data" lines; data "!" is a look-up that fails. What no line names does not exist. */
struct world {
	const char *zone;
	char asked[ASKED_MAX];
	struct arena *arena;
};

static const char *type_name(enum dns_type type)
{
	return type == DNS_A ? "A" : type == DNS_TXT ? "TXT" : type == DNS_NS ? "NS" : type == DNS_MX ? "MX" : "?";
}

static void add_record(struct world *w, enum dns_type type, struct str data, struct dns_answer *ret)
{
	struct dns_record *records = arena_array(w->arena, ret->n + 1, sizeof *records);

	if (ret->n)
		memcpy(records, ret->records, ret->n * sizeof *records);
	if (type == DNS_A)
		assert_true(ip_parse(data, &records[ret->n].ip));
	else if (type == DNS_TXT)
		records[ret->n].data = data;
	else
		records[ret->n].name = data;
	ret->records = records;
	ret->n++;
}

static void answer(void *arg, struct str name, enum dns_type type, struct dns_answer *ret)
{
	struct world *w = arg;
	struct str rest = str_of(w->zone), line, first, second;
	size_t used = strlen(w->asked);

	snprintf(w->asked + used, sizeof w->asked - used, "%.*s/%s ", STR_ARG(name), type_name(type));
	*ret = (struct dns_answer){.status = DNS_NXDOMAIN};
	while (str_split(&rest, '\n', &line)) {
		if (!str_word(&line, &first) || !str_word(&line, &second) || !str_eq(first, name))
			continue;
		line = str_trim(line);
		if (ret->status == DNS_NXDOMAIN)
			ret->status = DNS_NODATA;
		if (!str_is(second, type_name(type)))
			continue;
		ret->status = str_is(line, "!") ? DNS_TEMP : DNS_OK;
		if (ret->status == DNS_OK)
			add_record(w, type, line, ret);
	}
}

struct outcome_of {
	char hits[1024];
	struct rule_result result;
};

static struct world world;

/* Names of the rules that hit; world.asked is what was asked, in order. */
static struct outcome_of *run_with(const char *rules, const char *zone, const char *message, size_t lookups,
    const struct rule_auth *auth)
{
	static struct outcome_of out;
	struct dns_limits limits = {.queries = 1000, .timeout_ms = 1000};
	struct match_options options = {.lookups = lookups, .lookup_us = LOOKUP_US};
	struct ruleset_options set_options = {.has_network = true, .auth = 15};
	struct arena *a = arena_new(0);
	struct conf_load load;
	struct ruleset_builder *b;
	struct ruleset *rs;
	struct rule_target target;
	struct dns *dns;
	size_t n = 0;

	world = (struct world){.zone = zone, .arena = a};
	dns = dns_new_table(answer, &world);
	conf_load_init(&load, a);
	b = ruleset_start(a, &load);
	ruleset_text(b, "t.cf", str_of(rules));
	rs = ruleset_finish(b, &set_options);
	assert_int_equal(load.errors, 0);
	rule_target_parse(a, str_of(message), &target);
	target.auth = auth;
	target.dns = dns_scope_new(dns, &limits, NULL, NULL);
	ruleset_ask(rs, &target, &options);
	ruleset_match(rs, &target, &options, &out.result);
	for (size_t i = 0; i < out.result.n; i++)
		n += (size_t)snprintf(out.hits + n, sizeof out.hits - n, "%.*s ", STR_ARG(out.result.v[i].rule->name));
	out.hits[n] = '\0';
	dns_scope_free(target.dns);
	dns_free(dns);
	arena_free(a);
	return &out;
}

static const char *hits(const char *rules, const char *zone, const char *message)
{
	return run_with(rules, zone, message, LOOKUPS, NULL)->hits;
}

#define RELAYS                                                                                                         \
	"Received: from a.example (a.example [192.0.2.1]) by mx.example.net (Postfix) with ESMTP id 11111\n"             \
	"Received: from b.example (b.example [198.51.100.2]) by a.example (Postfix) with ESMTP id 22222\n"              \
	"Received: from c.example (c.example [203.0.113.3]) by b.example (Postfix) with ESMTP id 33333\n"

static void lists_are_asked_about_the_hosts_of_their_set(void **state)
{
	static const struct {
		const char *rule, *asked;
	} rows[] = {
	    {"header R eval:check_rbl('x', 'l.example.')",
		"3.113.0.203.l.example/A 2.100.51.198.l.example/A 1.2.0.192.l.example/A "},
	    {"header R eval:check_rbl('x-lastexternal', 'l.example.')", "1.2.0.192.l.example/A "},
	    {"header R eval:check_rbl('x-firsttrusted', 'l.example.')", "1.2.0.192.l.example/A "},
	    {"header R eval:check_rbl('x-untrusted', 'l.example.')", "2.100.51.198.l.example/A 3.113.0.203.l.example/A "},
	    {"header R eval:check_rbl('x-notfirsthop', 'l.example.')", "1.2.0.192.l.example/A 2.100.51.198.l.example/A "},
	    {"header R eval:check_rbl_txt('x-lastexternal', 'l.example')", "1.2.0.192.l.example/TXT "},
	    {"trusted_networks 192.0.2.1\nheader R eval:check_rbl('x-lastexternal', 'l.example')",
		"2.100.51.198.l.example/A "},
	    {"trusted_networks 192.0.2.1\ninternal_networks 10/8\nheader R eval:check_rbl('x-lastexternal', 'l.example')", ""},
	    {"trusted_networks 192.0.2.1\ninternal_networks 10/8\ntflags R nice\n"
	     "header R eval:check_rbl('x-lastexternal', 'l.example')", "1.2.0.192.l.example/A "},
	    {"trusted_networks 0/0\nheader R eval:check_rbl('x', 'l.example')", ""},
	    {"originating_ip_headers X-Originating-IP\nheader R eval:check_rbl('x-untrusted', 'l.example')",
		"2.100.51.198.l.example/A 3.113.0.203.l.example/A 9.2.0.192.l.example/A "},
	    {"skip_rbl_checks 1\nheader R eval:check_rbl('x', 'l.example.')", ""},
	    {"dns_available no\nheader R eval:check_rbl('x', 'l.example.')", ""},
	    {"dns_query_restriction deny example\ndns_query_restriction allow l.example\n"
	     "header R eval:check_rbl('x-lastexternal', 'l.example')\nheader S eval:check_rbl('x-lastexternal', 'm.example')",
		"1.2.0.192.l.example/A "},
	    {"header R eval:check_rbl_envfrom('x', 'l.example')", "mail.sender.example.com.l.example/A "},
	    {"header R eval:check_rbl_from_host('x', 'l.example')",
		"mail.author.example.com.l.example/A mail.sender.example.com.l.example/A "},
	    {"header R eval:check_rbl_from_domain('x', 'l.example')", "example.com.l.example/A "},
	    {"header R eval:check_rbl_from_domain('x', 'l.example')\ntflags R ips_only", ""},
	    {"header R eval:check_rbl_headers('x', 'l.example', '', 'Reply-To,X-Originating-IP')",
		"reply.example.com.l.example/A 9.2.0.192.l.example/A "},
	    {"header R eval:check_rbl_headers('x', 'l.example', '', 'Reply-To,X-Originating-IP')\ntflags R domains_only",
		"reply.example.com.l.example/A "},
	    {"header R eval:check_rbl_rcvd('x', 'l.example')", "3.113.0.203.l.example/A "},
	    {"header R eval:check_dns_sender()", "mail.sender.example.com/MX mail.sender.example.com/A "},
	};
	static const char message[] = "Return-Path: <s@mail.sender.example.com>\n" RELAYS
				      "X-Originating-IP: [192.0.2.9]\nFrom: A <a@mail.author.example.com>\n"
				      "Reply-To: r@reply.example.com\n\nx\n";

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		hits(rows[i].rule, "", message);
		assert_string_equal(world.asked, rows[i].asked);
	}
}

static void answers_are_judged_by_the_subtest(void **state)
{
	static const char rules[] = "header ANY eval:check_rbl('x-lastexternal', 'l.example')\n"
				    "header BITS eval:check_rbl_sub('x-lastexternal', '4')\n"
				    "header TEXT eval:check_rbl_sub('x-lastexternal', '127.0.0.6')\n"
				    "header RE eval:check_rbl_sub('x-lastexternal', '^127\\.0\\.0\\.[67]$')\n"
				    "header OTHER eval:check_rbl_sub('other', '127.0.0.6')\n"
				    "header OWN eval:check_rbl('x-lastexternal', 'l.example', '^127\\.0\\.0\\.2$')\n"
				    "header ZERO eval:check_rbl_sub('x-lastexternal', '127.0.0.6')\nscore ZERO 0\n"
				    "meta BOTH BITS && RE\n";

	(void)state;
	assert_string_equal(hits(rules, "1.2.0.192.l.example A 127.0.0.6", RELAYS "\nx"), "ANY BITS TEXT RE BOTH ");
	/* One look-up for all. */
	assert_string_equal(world.asked, "1.2.0.192.l.example/A ");
	assert_string_equal(hits(rules, "1.2.0.192.l.example A 127.0.0.2", RELAYS "\nx"), "ANY OWN ");
	/* No listing: outside of 127/8, a refusal, no such name, no answer. */
	assert_string_equal(hits(rules, "1.2.0.192.l.example A 192.0.2.6", RELAYS "\nx"), "");
	assert_string_equal(hits(rules, "1.2.0.192.l.example A 127.255.255.255", RELAYS "\nx"), "BITS ");
	assert_string_equal(hits(rules, "", RELAYS "\nx"), "");
	assert_string_equal(hits(rules, "1.2.0.192.l.example A !", RELAYS "\nx"), "");
	assert_string_equal(hits("header T eval:check_rbl_txt('x', 'l.example', '(?i:spamcop)')\n",
				"1.2.0.192.l.example TXT Blocked - see SpamCop", RELAYS "\nx"), "T ");
	assert_string_equal(hits("header N eval:check_dns_sender()\n", "", "Return-Path: <a@gone.example>\n\nx"), "N ");
	assert_string_equal(hits("header N eval:check_dns_sender()\n", "here.example A 192.0.2.1",
				"Return-Path: <a@here.example>\n\nx"), "");
	assert_string_equal(hits("header N eval:check_rbl_ns_from('n', 'l.example')\n",
				"s.example NS ns1.bad.com\nns1.bad.com.l.example A 127.0.0.2", "Return-Path: <a@s.example>\n\nx"), "N ");
}

static void subtests_are_read_in_three_ways(void **state)
{
	static const struct {
		const char *(*read)(struct arena *a, struct str text, struct subtest *ret_test);
		const char *text, *hits, *misses; /* text NULL in hits: an error */
	} rows[] = {
	    {subtest_number, "127.0.1.2", "127.0.1.2", "127.0.1.3"},
	    {subtest_number, "4", "127.0.0.6", "127.0.0.3"},
	    {subtest_number, "4", "127.0.0.4", "192.0.0.4"},
	    {subtest_number, "0x10", "127.0.0.16", "127.0.0.15"},
	    {subtest_number, "127.0.1.20-127.0.1.39", "127.0.1.39", "127.0.1.40"},
	    {subtest_number, "0.0.0.16/0.0.0.16", "127.0.0.17", "127.0.0.1"},
	    {subtest_number, "16/0x10", "127.0.0.17", "127.0.0.1"},
	    {subtest_number, "nonsense", NULL, NULL},
	    {subtest_number, "127.0.0.300", NULL, NULL},
	    {subtest_number, "1-", NULL, NULL},
	    {subtest_number, "99999999999", NULL, NULL},
	    {subtest_number, "", NULL, NULL},
	    {subtest_list, "2", "127.0.0.2", "127.0.0.5"},
	    {subtest_list, "127.0.0.2", "127.0.0.2", "127.0.0.20"},
	    {subtest_list, "^127\\.0\\.\\d+\\.1$", "127.0.9.1", "127.0.9.2"},
	    {subtest_list, "(", NULL, NULL},
	    {subtest_answer, "/^v=DMARC1;.*\\bp=reject/", "v=DMARC1; p=reject", "v=DMARC1; p=none"},
	    {subtest_answer, "m{^V=}i", "v=spf1", "x"},
	    {subtest_answer, "\"127.0.0.1\"", "127.0.0.1", "127.0.0.2"},
	    {subtest_answer, "'some text'", "some text", "some"},
	    {subtest_answer, "127.0.0.2-127.0.0.4", "127.0.0.3", "127.0.0.5"},
	    {subtest_answer, "[NOSUCHCODE]", NULL, NULL},
	    {subtest_answer, "[]", NULL, NULL},
	};
	struct regex_scratch *scratch = regex_scratch_new();
	struct subtest codes = {0};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct arena *a = arena_new(0);
		struct subtest test = {0};
		const char *error = rows[i].read(a, str_of(rows[i].text), &test);
		assert_int_equal(!!error, !rows[i].hits);
		if (!error) {
			assert_true(subtest_holds(&test, scratch, str_of(rows[i].hits)));
			assert_false(subtest_holds(&test, scratch, str_of(rows[i].misses)));
		}
		arena_free(a);
	}
	assert_null(subtest_answer(NULL, STR("[NXDOMAIN, 5]"), &codes));
	assert_true(subtest_has_code(&codes, DNS_NXDOMAIN));
	assert_false(subtest_has_code(&codes, DNS_OK));
	assert_false(subtest_has_code(&codes, DNS_TEMP));
	assert_false(subtest_has_code(&codes, DNS_BUDGET));
	regex_scratch_free(scratch);
}

static void links_are_looked_up(void **state)
{
	static const char rules[] =
	    "urirhsbl R l.example. A\nbody R eval:check_uridnsbl('R')\n"
	    "urirhssub S l.example A 8\nbody S eval:check_uridnsbl('S')\n"
	    "urirhssub H h.example A 127.0.0.2\nbody H eval:check_uridnsbl('H')\ntflags H notrim\n"
	    "urirhssub I i.example A 2\nbody I eval:check_uridnsbl('I')\ntflags I net ips_only\n"
	    "uridnsbl_skip_domain skipped.com\n";
	static const char servers[] =
	    "uridnssub N ip.example A 2\nbody N eval:check_uridnsbl('N')\n"
	    "uridnsbl A ip.example A\nbody A eval:check_uridnsbl('A')\ntflags A a\n"
	    "urinsrhsbl D l.example A\nbody D eval:check_uridnsbl('D')\n"
	    "urifullnsrhssub F l.example A 4\nbody F eval:check_uridnsbl('F')\n";

	(void)state;
	assert_string_equal(hits(rules, "bad.com.l.example A 127.0.0.8\nwww.bad.com.h.example A 127.0.0.2",
				"S: x\n\nsee http://www.bad.com/x and http://www.bad.com/y and http://skipped.com/\n"), "R S H ");
	assert_string_equal(world.asked, "bad.com.l.example/A www.bad.com.h.example/A ");
	assert_string_equal(hits(rules, "9.2.0.192.i.example A 127.0.0.2\n9.2.0.192.l.example A 127.0.0.4",
				"S: x\n\nhttp://192.0.2.9/\n"), "R I ");
	assert_string_equal(hits(rules, "", "S: x\n\nhttp://127.0.0.1/ http://[2001:db8::1]/ mailto:a@b.com\n"), "");
	assert_string_equal(world.asked, "");
	assert_string_equal(hits(servers, "bad.com NS ns.host.com\nns.host.com A 192.0.2.7\nwww.bad.com A 192.0.2.8\n"
					  "7.2.0.192.ip.example A 127.0.0.2\n8.2.0.192.ip.example A 127.0.0.4\n"
					  "host.com.l.example A 127.0.0.2\nns.host.com.l.example A 127.0.0.4",
				"S: x\n\nhttp://www.bad.com/\n"), "N A D F ");
	assert_string_equal(hits("uridnsbl_max_domains 2\nurirhsbl R l.example A\nbody R eval:check_uridnsbl('R')\n", "",
				"S: x\n\nhttp://a.com http://b.com http://c.com http://d.com\n"), "");
	assert_string_equal(world.asked, "a.com.l.example/A b.com.l.example/A ");
	assert_string_equal(hits("skip_uribl_checks 1\nurirhsbl R l.example A\nbody R eval:check_uridnsbl('R')\n", "",
				"S: x\n\nhttp://a.com\n"), "");
	assert_string_equal(world.asked, "");
}

static void tags_make_names(void **state)
{
	static const struct str signers[] = {STR("signer.com"), STR("other.com")};
	static const struct rule_auth auth = {.dkim = STR("pass"), .dkim_domains = signers, .dkim_domain_count = 2};
	static const char message[] = "Return-Path: <s@sender.com>\n" RELAYS "From: a@one.com, b@two.com\nX-Id: 4711\n\nhttp://u.w.com/\n";

	(void)state;
	assert_string_equal(hits("askdns P _dmarc._AUTHORDOMAIN_ TXT /\\bp=reject;/\n",
				"_dmarc.two.com TXT v=DMARC1; p=reject;", message), "P ");
	assert_string_equal(world.asked, "_dmarc.one.com/TXT _dmarc.two.com/TXT ");
	assert_string_equal(hits("askdns N _SENDERDOMAIN_ A [NXDOMAIN]\naskdns O _SENDERDOMAIN_ A [NOERROR]\n", "", message), "N ");
	assert_string_equal(hits("askdns N _SENDERDOMAIN_ A [NXDOMAIN]\naskdns O _SENDERDOMAIN_ A [NOERROR]\n",
				"sender.com MX mx.sender.com", message), "O ");
	assert_string_equal(hits("askdns M _SENDERDOMAIN_ MX /^0 mx\\.sender\\.com\\.$/\n", "sender.com MX mx.sender.com", message),
	    "M ");
	hits("askdns U _URIDOMAINS_.l.example\naskdns V _URIHOSTS_.l.example\naskdns L _LASTEXTERNALREVIP_.l.example\n"
	     "askdns E _LASTEXTERNALHELO_.l.example\naskdns H _HEADER(From:addr:host)_.m.example\n", "", message);
	assert_string_equal(world.asked, "w.com.l.example/A u.w.com.l.example/A 1.2.0.192.l.example/A a.example.l.example/A "
					 "one.com.m.example/A two.com.m.example/A ");
	/* Kept by a named group; a tag that nothing sets asks nothing. */
	assert_string_equal(hits("header __ID X-Id =~ /(?<MYID>\\d+)/\naskdns K _MYID_.k.example\naskdns Z _NOTHING_.k.example\n",
				"4711.k.example A 127.0.0.1", message), "K ");
	assert_string_equal(world.asked, "4711.k.example/A ");
	assert_string_equal(run_with("askdns D _DKIMDOMAIN_.d.example A 2\n", "other.com.d.example A 127.0.0.2", message, LOOKUPS,
				&auth)->hits, "D ");
	/* A value is no template. */
	hits("askdns R _HEADER(X-Evil)_._AUTHORDOMAIN_\n", "", "From: a@one.com\nX-Evil: _AUTHORDOMAIN_\n\nx");
	assert_string_equal(world.asked, "_authordomain_.one.com/A ");
}

static void hashes_are_looked_up(void **state)
{
	(void)state;
	assert_string_equal(hits("header E eval:check_hashbl_emails('e.example', 'md5', 'From', '^127\\.', 'all')\n",
				"810250c761c370eb6eb2397ff7ff73ee.e.example A 127.0.0.2", "From: X <Someone@Spam.com>\n\nx"), "E ");
	assert_string_equal(hits("header E eval:check_hashbl_emails('e.example', 'raw/notag/nodot', 'body')\n"
				 "header H eval:check_hashbl_emails('e.example', 'raw/host', 'body')\n"
				 "uridnsbl_skip_domain skip.com\n", "spam.com.e.example A 127.0.0.2",
				"S: x\n\nwrite to A.b+c@spam.com, <quoted@skip.com> or abuse@spam.com\n"), "H ");
	assert_string_equal(world.asked, "ab@spam.com.e.example/A spam.com.e.example/A ");
	assert_string_equal(hits("hashbl_acl_free free.com !not.free.com\nhashbl_email_domain_alias free.com liberty.com\n"
				 "header E eval:check_hashbl_emails('e.example', 'raw', 'ALLFROM/Reply-To', '', 'free')\n", "",
				"From: x@other.com\nReply-To: y@liberty.com\n\nx"), "");
	assert_string_equal(world.asked, "y@free.com.e.example/A ");
	assert_string_equal(hits("header U eval:check_hashbl_uris('u.example', 'sha1')\n",
				"28a718b49f34b44f12ce9ee2548357cbbfc1421c.u.example A 127.0.0.2",
				"S: x\n\nsee http://bad.com/x?y\n"), "U ");
	assert_string_equal(hits("body B eval:check_hashbl_bodyre('b.example/TXT', 'raw/num', 'call ([\\d -]+)', '^listed')\n"
				 "body M eval:check_hashbl_bodyre('m.example', 'raw/max=2', '\\b(x\\d)\\b')\n",
				"5551234.b.example TXT listed", "S: x\n\ncall 555-12 34 or x1 x2 x3 X1\n"), "B ");
	assert_string_equal(world.asked, "5551234.b.example/TXT x1.m.example/A x2.m.example/A ");
	assert_string_equal(hits("header __I X-Id =~ /(?<MYID>\\S+)/\n"
				 "header T eval:check_hashbl_tag('t.example', 'sha256', '_MYID_')\n"
				 "header V eval:check_hashbl_tag('t.example', 'raw/ip/revip', 'LASTEXTERNALIP')\n"
				 "hashbl_ignore 1.2.0.192\n",
				"3zsq2ypvxulgvepyztwdcwbjpwyyxhkq5lw4ui4m2ko4hiquvela.t.example A 127.0.0.2", RELAYS "X-Id: 4711\n\nx"), "T ");
}

static void limits_hold(void **state)
{
	static const char rules[] = "header R eval:check_rbl('x', 'l.example.')\n";
	struct outcome_of *out;

	(void)state;
	out = run_with(rules, "", RELAYS "\nx", 3, NULL);
	assert_int_equal(out->result.asked, 3);
	assert_int_equal(out->result.unasked, 0);
	out = run_with(rules, "1.2.0.192.l.example A 127.0.0.2\n3.113.0.203.l.example A 127.0.0.2", RELAYS "\nx", 2, NULL);
	assert_int_equal(out->result.asked, 2);
	assert_int_equal(out->result.unasked, 1);
	assert_string_equal(out->hits, "R ");
	out = run_with(rules, "1.2.0.192.l.example A !", RELAYS "\nx", 3, NULL);
	assert_int_equal(out->result.unanswered, 1);
}

/* Without network every such rule is told, and metas go on without them. */
static void off_is_told(void **state)
{
	struct ruleset_options options = {0};
	struct arena *a = arena_new(0);
	struct conf_load load;
	struct ruleset_builder *b;
	struct ruleset *rs;

	(void)state;
	conf_load_init(&load, a);
	b = ruleset_start(a, &load);
	ruleset_text(b, "t.cf", STR("header R eval:check_rbl('x', 'l.example.')\naskdns D x.example\n"
				    "header S eval:check_for_spf_pass()\n"));
	rs = ruleset_finish(b, &options);
	assert_int_equal(load.errors, 0);
	assert_false(ruleset_asks(rs));
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(ruleset_rule(rs, i)->status, RULE_IGNORED);
	assert_non_null(strstr(arena_cstr(a, ruleset_rule(rs, 0)->why), "network on"));
	assert_non_null(strstr(arena_cstr(a, ruleset_rule(rs, 2)->why), "filter spf"));
	arena_free(a);
}

static void wrong_lines_are_errors(void **state)
{
	static const char *const wrong[] = {
	    "header R eval:check_rbl('x')", "header R eval:check_rbl('x', '.')", "header R eval:check_rbl('x', 'l', '(')",
	    "header R eval:check_rbl_sub('x')", "urirhssub R l.example A nonsense\nbody R eval:check_uridnsbl('R')",
	    "urirhssub R l.example A\nbody R eval:check_uridnsbl('R')", "urirhsbl R l.example\nbody R eval:check_uridnsbl('R')",
	    "urirhsbl R l.example MX\nbody R eval:check_uridnsbl('R')", "askdns R x.example A /(/", "askdns R x.example A what",
	    "header R eval:check_hashbl_emails()", "body R eval:check_hashbl_bodyre('z')",
	    "body R eval:check_hashbl_bodyre('z', 'md5', '(')", "header R eval:check_hashbl_uris('z', 'raw')",
	    "header R eval:check_hashbl_tag('z', 'raw')"};
	struct ruleset_options options = {.has_network = true};

	(void)state;
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		struct arena *a = arena_new(0);
		struct conf_load load;
		struct ruleset_builder *b;
		conf_load_init(&load, a);
		b = ruleset_start(a, &load);
		ruleset_text(b, "t.cf", str_of(wrong[i]));
		ruleset_finish(b, &options);
		if (load.errors != 1)
			print_message("%s: %zu errors\n", wrong[i], load.errors);
		assert_int_equal(load.errors, 1);
		arena_free(a);
	}
}

static void the_senders_checks_are_seen(void **state)
{
	static const struct str signers[] = {STR("author.com")};
	static const struct rule_auth good = {.spf = STR("pass"), .spf_helo = STR("none"), .dkim = STR("pass"),
	    .dkim_domains = signers, .dkim_domain_count = 1, .dkim_count = 2, .dmarc = STR("pass"),
	    .dmarc_policy = STR("reject"), .arc = STR("pass"), .arc_count = 1};
	static const struct rule_auth bad = {.spf = STR("softfail"), .spf_helo = STR("fail"), .dkim = STR("fail"), .dkim_count = 1,
	    .is_dkim_test = true, .dmarc = STR("fail"), .dmarc_policy = STR("quarantine"), .arc = STR("fail"), .arc_count = 2};
	static const struct rule_auth none = {.dmarc = STR("none")};
	static const char rules[] = "header SP eval:check_for_spf_pass()\nheader SS eval:check_for_spf_softfail()\n"
				    "header SK eval:check_spf_skipped_noenvfrom()\n"
				    "header HN eval:check_for_spf_helo_none()\nheader HF eval:check_for_spf_helo_fail()\n"
				    "full DS eval:check_dkim_signed()\nfull DV eval:check_dkim_valid()\n"
				    "full DVD eval:check_dkim_valid('*.author.com')\nfull DVO eval:check_dkim_valid('other.com')\n"
				    "full DA eval:check_dkim_valid_author_sig()\nfull DE eval:check_dkim_valid_envelopefrom()\n"
				    "full DT eval:check_dkim_testing()\n"
				    "header MP eval:check_dmarc_pass()\nheader MQ eval:check_dmarc_quarantine()\n"
				    "header MR eval:check_dmarc_reject()\nheader MM eval:check_dmarc_missing()\n"
				    "full AS eval:check_arc_signed()\nfull AV eval:check_arc_valid()\n"
				    "welcomelist_from_spf *@sender.com\nheader WS eval:check_for_spf_welcomelist_from()\n"
				    "welcomelist_from_dkim *@author.com\nheader WD eval:check_for_dkim_welcomelist_from()\n"
				    "def_welcomelist_auth *@author.com *@sender.com\n"
				    "header XS eval:check_for_def_spf_whitelist_from()\n"
				    "header XD eval:check_for_def_dkim_whitelist_from()\n"
				    "unwelcomelist_from_dkim *@author.com\n";
	static const char message[] = "Return-Path: <s@sender.com>\nDKIM-Signature: v=1; a=rsa-sha256; d=author.com; s=x\n"
				      "From: a@author.com\n\nx\n";

	(void)state;
	assert_string_equal(run_with(rules, "", message, LOOKUPS, &good)->hits, "SP HN DS DV DVD DA MP AS AV WS XS ");
	assert_string_equal(run_with(rules, "", message, LOOKUPS, &bad)->hits, "SS HF DS DT MQ AS ");
	assert_string_equal(run_with(rules, "", message, LOOKUPS, &none)->hits, "SK MM ");
	assert_string_equal(run_with(rules, "", message, LOOKUPS, NULL)->hits, "SK ");
	assert_string_equal(run_with("full D eval:check_dkim_valid_envelopefrom()\n", "", "Return-Path: <a@author.com>\n\nx", LOOKUPS,
				&good)->hits, "D ");
	assert_string_equal(run_with("welcomelist_from_dkim *@b.com author.com\nheader W eval:check_for_dkim_welcomelist_from()\n", "",
				"From: x@b.com\n\nx", LOOKUPS, &good)->hits, "W ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(lists_are_asked_about_the_hosts_of_their_set),
	    cmocka_unit_test(answers_are_judged_by_the_subtest),
	    cmocka_unit_test(subtests_are_read_in_three_ways),
	    cmocka_unit_test(links_are_looked_up),
	    cmocka_unit_test(tags_make_names),
	    cmocka_unit_test(hashes_are_looked_up),
	    cmocka_unit_test(limits_hold),
	    cmocka_unit_test(off_is_told),
	    cmocka_unit_test(wrong_lines_are_errors),
	    cmocka_unit_test(the_senders_checks_are_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
