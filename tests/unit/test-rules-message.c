/* Whole messages: Received fields into relays, eval functions, samples, lint. */
#include <stdio.h>

#include "rules/lint.h"
#include "rules/sample.h"
#include "rules/set.h"
#include "rules/evals/evals_private.h"
#include "tests/unit/unit.h"

static struct ruleset *set_of(struct arena *a, struct conf_load *load, const char *rules)
{
	struct ruleset_options options = {0};
	struct ruleset_builder *b;

	conf_load_init(load, a);
	b = ruleset_start(a, load);
	ruleset_text(b, "t.cf", str_of(rules));
	return ruleset_finish(b, &options);
}

/* Names of the rules that hit, in order, each with a blank behind. */
static const char *hits(const char *rules, const char *message)
{
	static char text[1024];
	struct arena *a = arena_new(0);
	struct match_options options = {.with_subrules = true};
	struct rule_target target;
	struct rule_result result;
	struct conf_load load;
	struct ruleset *rs = set_of(a, &load, rules);
	size_t n = 0;

	assert_int_equal(load.errors, 0);
	rule_target_parse(a, str_of(message), &target);
	ruleset_match(rs, &target, &options, &result);
	text[0] = '\0';
	for (size_t i = 0; i < result.n; i++)
		n += (size_t)snprintf(text + n, sizeof text - n, "%.*s ", STR_ARG(result.v[i].rule->name));
	arena_free(a);
	return text;
}

static void relays_are_read(void **state)
{
	static const struct {
		const char *field, *expected;
	} rows[] = {
	    {"from h.example (r.example [192.0.2.1]) by b.example (Postfix) with ESMTP id 4QXYZ; Mon, 2 Jun 2025 "
	     "10:00:00 +0000",
		"[ ip=192.0.2.1 rdns=r.example helo=h.example by=b.example ident= envfrom= intl=0 id=4QXYZ auth= "
		"msa=0 ]"},
	    {"from h.example (unknown [192.0.2.1]) by b.example (Postfix) with ESMTPSA id 4QXYZ",
		"[ ip=192.0.2.1 rdns= helo=h.example by=b.example ident= envfrom= intl=1 id=4QXYZ auth=ESMTPSA "
		"msa=0 ]"},
	    {"from h.example ([192.0.2.1] helo=x.example) by b.example with esmtps (Exim 4.96) (envelope-from "
	     "<a@b.example>) id 1pABC-0001",
		"[ ip=192.0.2.1 rdns=h.example helo=x.example by=b.example ident= envfrom=a@b.example intl=0 "
		"id=1pABC-0001 auth= msa=0 ]"},
	    {"from [IPv6:2001:db8::1] (helo=x.example) by b.example with esmtp (Exim 4.96) id 1pABC-0001",
		"[ ip=2001:db8::1 rdns= helo=x.example by=b.example ident= envfrom= intl=0 id=1pABC-0001 auth= "
		"msa=0 ]"},
	    {"from AM0PR01.eurprd01.prod.outlook.com (2603:10a6:208::1) by AM0PR02.eurprd01.prod.outlook.com with "
	     "mapi id 15.20.1.2",
		"[ ip=2603:10a6:208::1 rdns= helo=AM0PR01.eurprd01.prod.outlook.com "
		"by=AM0PR02.eurprd01.prod.outlook.com ident= envfrom= intl=0 id= auth= msa=0 ]"},
	    {"from h.example (r.example [192.0.2.1] (may be forged)) by b.example  with ESMTP id n6AAUtUI029175",
		"[ ip=192.0.2.1 rdns= helo=h.example by=b.example ident= envfrom= intl=0 id=n6AAUtUI029175 auth= "
		"msa=0 ]"},
	    {"from unknown (192.0.2.1) by b.example with QMQP; 21 Jul 2002 19:12:58 -0000",
		"[ ip=192.0.2.1 rdns= helo=unknown by=b.example ident= envfrom= intl=0 id= auth= msa=0 ]"},
	    {"by 10.1.2.3 with SMTP id abc", ""},
	    {"from localhost (localhost [127.0.0.1]) by b.example with local", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct arena *a = arena_new(0);
		struct regex_scratch *scratch = regex_scratch_new();
		struct header h = {STR("Received"), str_of(rows[i].field), str_of(rows[i].field)};
		struct headers headers = {.v = &h, .n = 1};
		struct rule_target target = {.arena = a, .headers = &headers};
		struct networks none = {0};
		struct received_policy policy = {&none, &none, &none, NULL, 0};
		struct relays *relays = arena_alloc(a, sizeof *relays);
		received_read(received_new(a), scratch, &target, &policy, relays);
		if (i < 5)
			assert_str(received_text(a, relays, 0, relays->n), rows[i].expected);
		regex_scratch_free(scratch);
		arena_free(a);
	}
}

/* Fields as the modifiers want them. */
static void modifiers_take_parts_of_fields(void **state)
{
	static const struct {
		const char *spec, *pattern, *header;
	} rows[] = {
	    {"List-Id:host", "^$", "List-Id: <users.lists.example.org>"},
	    {"From:host", "^example\\.org$", "From: A <a@example.org>"},
	    {"From:host", "^b\\.example\\.com$", "From: see b.example.com"},
	    {"From:host", "^$", "From: a@nothing.invalidtop"},
	    {"To:addr:host", "^pot$", "To: <a@pot>"},
	    {"To:addr", "^a@pot$", "To: <a@pot@outlook.com>"},
	    {"To:name", "^a@b\\.com$", "To: \"a@b.com\" <a@b.com>"},
	    {"To:name", "^X$", "To: X <Y <a@b.com>"},
	    {"To:addr", "^a@b\\.com\\nc@d\\.com$", "To: Group: a@b.com; c@d.com"},
	    {"Received:ip", "^IPv6:2001:db8::1$", "Received: from x ([IPv6:2001:db8::1])"},
	    {"Received:ip", "^192\\.0\\.2\\.1$", "Received: from x ([::1]) y 192.0.2.1"},
	    {"Received:revip", "^1\\.2\\.0\\.192$", "Received: from x (192.0.2.1)"},
	    {"From:name", "^L\\xc3\\xbc$", "From: L\xfc <a@b.com>"},
	    {"ToCc:raw", "^ a@b\\.com, c@d\\.com$", "To: a@b.com,\n\t c@d.com"},
	    {"MESSAGEID:raw", "^  <a@b>$", "Message-Id: \n <a@b>"},
	    {"X-Spam-Flag", "^$", "X-Spam-Flag: YES"},
	    {"ALL", "^Subject: x$", "X-Spam-Flag: YES\nSubject: x"},
	    {"From:domain", "^example\\.co\\.uk$", "From: a@b.example.co.uk"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char rules[512], message[512];
		snprintf(rules, sizeof rules, "header R %s =~ /%s/\n", rows[i].spec, rows[i].pattern);
		snprintf(message, sizeof message, "%s\n\nx\n", rows[i].header);
		if (strcmp(hits(rules, message), "R ") != 0)
			print_message("%s of %s\n", rows[i].spec, rows[i].header);
		assert_string_equal(hits(rules, message), "R ");
	}
	/* The set says what is registered, where it says anything. */
	assert_string_equal(hits("util_rb_2tld co.uk\nheader R From:domain =~ /^freedesktop\\.org$/\n",
				"From: a@lists.freedesktop.org\n\nx"), "R ");
	assert_string_equal(hits("header R EnvelopeFrom =~ /x/ [if-unset: x]\n", "Return-Path: <>\n\nx"), "R ");
}

static void trust_ends_where_it_must(void **state)
{
	static const char message[] = "Received: from a.example (a.example [10.0.0.1]) by x (Postfix) with ESMTP id 11111\n"
	                              "Received: from b.example (b.example [192.0.2.9]) by y (Postfix) with ESMTP id 22222\n"
	                              "Received: from c.example (c.example [198.51.100.3]) by z (Postfix) with ESMTP id 33333\n"
	                              "X-Late: yes\n\nx\n";

	(void)state;
	assert_string_equal(hits("header A X-Spam-Relays-Untrusted =~ /^\\[ ip=192\\.0\\.2\\.9 /\n"
	                         "header B X-Spam-Relays-Trusted =~ /^\\[ ip=10\\.0\\.0\\.1 [^\\]]+\\]$/\n"
	                         "header C ALL-TRUSTED =~ /22222/\n"
	                         "header D ALL-TRUSTED =~ /33333/\n"
	                         "header E ALL-UNTRUSTED =~ /X-Late/\n",
				message),
	    "A B C E ");
	assert_string_equal(hits("trusted_networks 10/8 192.0.2.0/24 !192.0.2.10\n"
	                         "header A X-Spam-Relays-Untrusted =~ /^\\[ ip=198\\.51\\.100\\.3 /\n", message), "A ");
	assert_string_equal(hits("header A eval:check_all_trusted()\nheader B eval:check_no_relays()\n", "S: x\n\nx"),
	    "B ");
}

static void eval_functions_see_the_message(void **state)
{
	(void)state;
	assert_string_equal(hits("header A eval:subject_is_all_caps()\nheader B eval:check_for_missing_to_header()\n",
				"Subject: HELLO THERE WORLD\n\nx"), "A B ");
	assert_string_equal(hits("body A eval:check_for_mime('mime_multipart_alternative')\n"
	                         "body B eval:check_for_mime_html_only()\n"
	                         "body C eval:html_tag_exists('center')\nbody D eval:html_tag_exists('script')\n"
	                         "body E eval:html_test('html')\n"
	                         "body F eval:html_text_match('title', '(?i)^big')\n",
				"Content-Type: text/html\n\n<html><head><title>Big Sale</title></head><body><center>hi"
				"</center></body></html>\n"), "B C E F ");
	assert_string_equal(hits("freemail_domains free.example *.free.example\n"
	                         "header A eval:check_freemail_from()\n"
	                         "header B eval:check_freemail_replyto('replyto')\n"
	                         "header C eval:check_freemail_header('Reply-To', '^b')\n",
				"From: A <a@free.example>\nReply-To: b@x.free.example\n\nx\n"), "A B C ");
	assert_string_equal(hits("blocklist_from *@bad.example\nwelcomelist_from_rcvd *@good.example good.example\n"
	                         "header A eval:check_from_in_blocklist()\nheader B eval:check_from_in_welcomelist()\n",
				"Received: from x (mx.good.example [192.0.2.1]) by y (Postfix) with ESMTP id 12345\n"
				"From: a@good.example\n\nx\n"), "B ");
	assert_string_equal(hits("enlist_uri_host (BADTLD) top !ok.top\nbody A eval:check_uri_host_listed('BADTLD')\n",
				"S: x\n\nhttp://a.b.top/ and http://ok.top/\n"), "A ");
	assert_string_equal(hits("header A eval:check_for_shifted_date('12', '24')\n"
	                         "header B eval:check_for_shifted_date('undef', '-12')\n",
				"Received: from x (y [192.0.2.1]) by z; Mon, 2 Jun 2025 10:00:00 +0000\n"
				"Date: Tue, 3 Jun 2025 03:00:00 +0000\n\nx\n"), "A ");
	assert_string_equal(hits("body A eval:image_count('png', 1, 1)\nbody B eval:pixel_coverage('all', 6, 6)\n",
				"Content-Type: image/png\nContent-Transfer-Encoding: base64\n\n"
				"iVBORw0KGgoAAAANSUhEUgAAAAMAAAACCAIAAAASFvFNAAAAAElFTkSuQmCC\n"), "A B ");
	assert_string_equal(hits("body A eval:check_msg_parse_flags('mime_epilogue_exists')\n"
	                         "body B eval:check_msg_parse_flags('missing_mime_headers')\n",
				"Content-Type: multipart/mixed; boundary=b\n\n--b\nno header\n\nx\n--b--\nmore\n"), "A B ");
}

/* A link is one with all its places; of two conditions on a key the later counts; signers are links too. */
static void links_are_tested_by_their_details(void **state)
{
	static const char message[] = "DKIM-Signature: v=1; d=signer.example.org; s=x\nContent-Type: text/html\n\n"
				      "<a href='http://www.a.com/x'>First</a> <a href='http://www.c.com/x'></a> <img src='http://i.a.com/y.gif'>"
				      "www.b.com\n";

	(void)state;
	assert_string_equal(hits("uri_detail A text =~ /^First$/ type =~ /^a$/\n"
				 "uri_detail B text =~ /^$/ host =~ /^www\\.c\\.com$/\n"
				 "uri_detail C type =~ /^img$/ domain =~ /^a\\.com$/ raw !~ /jpg/\n"
				 "uri_detail D type =~ /^parsed$/ raw =~ /^http:/\n"
				 "uri_detail E text =~ /./ type =~ /^img$/\n"
				 "uri_detail F type !~ /^a$/ type =~ /^a$/\n"
				 "uri_detail G type =~ /^domainkeys$/ domain =~ /^example\\.org$/\n"
				 "uri_detail H cleaned =~ /x$/ text !~ /First/\n", message), "A B C D F G H ");
	assert_string_equal(hits("parse_dkim_uris 0\nuri_detail G type =~ /^domainkeys$/\n", message), "");
}

static void headers_of_parts_are_read(void **state)
{
	static const char message[] = "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type:  text/plain\n\nx\n"
				      "--b\nContent-Type: image/png;\n\tname=a.png\nContent-ID: <1>\n\ny\n--b--\n";

	(void)state;
	assert_string_equal(hits("mimeheader A Content-Type:raw =~ /^ multipart/\nmimeheader B Content-Type:raw =~ /^text/\n"
				 "mimeheader C Content-Type:raw =~ /;\\n\\tname/\nmimeheader D Content-Type =~ /png; name/\n"
				 "mimeheader E Content-ID =~ /^\\n\\n<1>\\n$/\ntflags E concat\n"
				 "mimeheader F Content-Type =~ /image/\ntflags F range=1-2\n"
				 "mimeheader G Content-Type !~ /audio/\nmimeheader H Content-Type !~ /image/\n", message), "A B C D E G ");
}

static void signatures_are_measured(void **state)
{
	static const char rules[] = "body SIG_20 eval:plaintext_sig_length('20')\n"
				    "body BODY_NONE eval:plaintext_body_length('0','0')\n"
				    "body RATIO_LOW eval:plaintext_body_sig_ratio('0','0.5')\n";

	(void)state;
	assert_string_equal(hits(rules, "From: a@x\n\nHello\n-- \nA long signature, 20 octets\n"), "SIG_20 RATIO_LOW ");
	assert_string_equal(hits(rules, "From: a@x\n\n-- \nA long signature, 20 octets\n"), "SIG_20 BODY_NONE RATIO_LOW ");
	assert_string_equal(hits(rules, "From: a@x\n\nHello, this has none\n"), "");
	assert_string_equal(hits(rules, "From: a@x\n\nHello, a delimiter at the end is bait\n-- \n"), "");
	assert_string_equal(hits(rules, "From: a@x\nContent-Type: text/html\n\n<p>x\n-- \nA long signature, 20 octets\n"), "");
}

static const char *html_hits(const char *html)
{
	static const char rules[] = "body FACE eval:html_test('font_face_bad')\n"
				    "body SMALL eval:html_image_ratio('0.0','0.001')\n"
				    "body LARGE eval:html_image_ratio('0.001','100')\n"
				    "body ONLY_20 eval:html_image_only('0','20')\n";
	char message[1000];

	snprintf(message, sizeof message, "From: a@x\nContent-Type: text/html; charset=utf-8\n\n%s\n", html);
	return hits(rules, message);
}

static void pictures_and_fonts_are_measured(void **state)
{
	(void)state;
	/* A size that is no number, or not whole, is as none: 200. */
	assert_string_equal(html_hits("<p>text of a letter</p><img src=x width=1 height=1>"), "LARGE ");
	assert_string_equal(html_hits("<p>text of a letter</p><img src=x width=1px height=1>"), "LARGE ");
	assert_string_equal(html_hits("<p>text of a letter</p><img src=x width=1px height=1px>"), "SMALL ");
	assert_string_equal(html_hits("<p>text of a letter</p><img src=x width=\"100%\" height=\"50%\">"), "SMALL ");
	/* The length is in characters. */
	assert_string_equal(html_hits("\xc3\xa4\xc3\xa4<img src=x>\xc3\xa4"), "ONLY_20 ");
	assert_string_equal(html_hits("abcdefghijk<img src=x>"), "");
	assert_string_equal(html_hits("<font face=\"Arial, 'Segoe UI',sans-serif;\">text</font>"), "");
	assert_string_equal(html_hits("<font face=\".Helvetica\">text</font>"), "");
	assert_string_equal(html_hits("<font face=\"-apple-system, Arial\">text</font>"), "FACE ");
	assert_string_equal(html_hits("<font face=\"Arial, Verdana ;\">text</font>"), "FACE ");
}

static void mime_headers_are_matched_by_part(void **state)
{
	static const char message[] = "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain\n\nx\n"
	                              "--b\nContent-Type: application/pdf; name=\"a.pdf\"\n\nx\n--b--\n";

	(void)state;
	assert_string_equal(hits("mimeheader A Content-Type =~ /a\\.pdf/\nmimeheader B Content-Type !~ /pdf/\n"
	                         "mimeheader C Content-Type !~ /zip/\nmimeheader D Content-Disposition =~ /^$/\n"
	                         "mimeheader E Content-Type =~ /pdf/\ntflags E range=-2\n"
	                         "mimeheader F Content-Type =~ /plain.*pdf/s\ntflags F concat\n", message),
	    "A C D F ");
	/* A fold is one blank; of several parts the first that matches counts; a range holds for joined ones too. */
	assert_string_equal(hits("mimeheader A Content-Type =~ /plain; charset/\nmimeheader B Content-Type =~ /-[82]/\n"
	                         "tflags B multiple\nmeta TWO B == 2\n"
	                         "mimeheader C Content-Type =~ /mixed.*plain/s\ntflags C range=2- concat\n"
	                         "mimeheader D Content-Type =~ /plain.*plain/s\ntflags D range=2-3 concat\n"
	                         "mimeheader E Content-Type =~ /multipart\\/(?<KIND>\\w+)/\nbody F /%{KIND}/\n",
				"Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain;\n\tcharset=iso-8859-2\n\n"
				"of mixed quality\n--b\nContent-Type: text/plain;\n\tcharset=iso-8859-2\n\nx\n--b--\n"),
	    "A B TWO D E F ");
	/* A NUL that an encoded word brings hides nothing behind it. */
	assert_string_equal(hits("mimeheader A Content-Type =~ /b\\.exe/\nmimeheader B ALL =~ /a.b\\.exe\"\\nX-Last: y/s\n",
				"Content-Type: application/x; name=\"=?utf-8?q?a=00b.exe?=\"\nX-Last: y\n\nx\n"),
	    "A B ");
}

static void dates_are_read(void **state)
{
	static const struct {
		const char *text;
		int64_t time; /* -1: none */
	} rows[] = {
	    {"Thu, 1 Jan 1970 00:00:10 +0000", 10},
	    {"1 Jan 1970 00:00:10 GMT", 10},
	    {"Mon, 2 Jun 2025 10:00:00 +0200 (CEST)", 1748851200},
	    {"Mon, 02 Jun 25 10:00 -0730", 1748885400},
	    {"29 Feb 2024 12:00:00 EST", 1709226000},
	    {"2025-06-02", -1},
	    {"", -1},
	    {"Mon, 2 Foo 2025 10:00:00", -1},
	    {"2 Jun 2025 99:00:00", -1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		int64_t t = -1;
		bool ok = date_parse(str_of(rows[i].text), &t);
		assert_int_equal(ok, rows[i].time >= 0);
		if (ok)
			assert_int_equal(t, rows[i].time);
	}
}

static void samples_say_what_fails(void **state)
{
	struct arena *a = arena_new(0);
	struct conf_load load;
	struct sample_results r;
	struct ruleset *rs = set_of(a, &load, "body A /pills/\n#+ cheap pills\n#- rolls\n"
	                                      "header B Subject =~ /x/\n#+ Subject: y\n#- Subject: x\n"
	                                      "uri C /evil/\ntest C ok http://evil.example/\n"
	                                      "meta D A && B\n#+ Subject: x\\n\\npills\n");

	(void)state;
	samples_run(rs, a, &r);
	assert_int_equal(r.run, 6);
	assert_int_equal(r.failed, 2);
	assert_str(r.first->rule->name, "B");
	assert_int_equal(r.first->sample->place.line, 5);
	assert_false(r.first->did_hit);
	assert_true(r.first->next->did_hit);
	arena_free(a);
}

static void lint_names_what_is_wrong(void **state)
{
	struct arena *a = arena_new(0);
	struct conf_load load;
	struct lint_report r;
	struct ruleset *rs = set_of(a, &load,
	    "body A /foo  bar/\ndescribe A x\nscore A 2\nbody B /(a|a)+$/\ndescribe B x\nheader C eval:check_rbl('x','y')\n"
	    "describe C x\nscore C 3\nmeta D C\ndescribe D x\nbody E /hello/\ndescribe E x\nbody F /hello/\n"
	    "describe F x\nbody E2 /x\\x{456}/\ndescribe E2 x\nbody A2 /one/\nbody A2 /two/\ndescribe A2 x\n"
	    "body G /no description/\nmeta H 0\ndescribe H x\n");

	(void)state;
	ruleset_lint(rs, a, &r);
	assert_int_equal(r.counts[LINT_IGNORED], 1);
	assert_int_equal(r.counts[LINT_APPROXIMATED], 1);
	assert_int_equal(r.counts[LINT_REDOS], 1);
	assert_int_equal(r.counts[LINT_NEVER], 3);
	assert_int_equal(r.counts[LINT_DUPLICATE], 1);
	assert_int_equal(r.counts[LINT_REDEFINED], 1);
	assert_int_equal(r.counts[LINT_UNDESCRIBED], 1);
	assert_int_equal(r.counts[LINT_SLOW], 2);
	assert_true(r.mass_ignored > 2.99 && r.mass_ignored < 3.01);
	arena_free(a);
}

/* ---- sub-rules that wait ---- */

static unsigned seed = 3;

static unsigned draw(unsigned most)
{
	seed = seed * 1103515245 + 12345;
	return (seed >> 16) % most;
}

static void draw_meta(struct buf *out, unsigned metas, unsigned depth)
{
	static const char *const operators[] = {"&&", "||", "+", "-", "*", ">", "<", ">=", "<=", "==", "!="};

	switch (draw(depth ? 8 : 3)) {
	case 0:
	case 1:
		buf_addf(out, "__S%u", draw(8));
		break;
	case 2:
		if (metas && draw(3))
			buf_addf(out, "%sM%u", draw(2) ? "__" : "T", draw(metas));
		else
			buf_addf(out, "%u", draw(4));
		break;
	case 3:
		buf_adds(out, "!(");
		draw_meta(out, metas, depth - 1);
		buf_addc(out, ')');
		break;
	default:
		buf_addc(out, '(');
		draw_meta(out, metas, depth - 1);
		buf_addf(out, " %s ", operators[draw(11)]);
		draw_meta(out, metas, depth - 1);
		buf_addc(out, ')');
	}
}

/* One rule per line; every other sub-rule counts each place. */
static void draw_set(struct buf *out)
{
	static const char *const kinds[] = {"body", "full", "rawbody"};

	for (unsigned i = 0; i < 8; i++) {
		buf_addf(out, "%s __S%u /[%c%c]/\n", kinds[draw(3)], i, 'a' + i, 'A' + i);
		if (i % 2)
			buf_addf(out, "tflags __S%u multiple maxhits=4\n", i);
	}
	for (unsigned i = 0; i < 6; i++) {
		buf_addf(out, "meta __M%u ", i);
		draw_meta(out, i, 3);
		buf_addf(out, "\nmeta TM%u ", i);
		draw_meta(out, i, 3);
		buf_addf(out, "\nscore TM%u 1\n", i);
	}
}

static void scores_do_not_depend_on_waiting(void **state)
{
	uint64_t few_runs = 0, all_runs = 0;

	(void)state;
	for (unsigned round = 0; round < 300; round++) {
		struct arena *a = arena_new(0);
		struct match_options lazy = {0}, full = {.with_subrules = true};
		struct rule_target target;
		struct rule_result few, all;
		struct conf_load load;
		struct buf rules = {0};
		struct ruleset *rs;
		draw_set(&rules);
		rs = set_of(a, &load, arena_cstr(a, buf_str(&rules)));
		assert_int_equal(load.errors, 0);
		assert_true(rs->lazy_count > 0);
		for (unsigned k = 0; k < 20; k++) {
			char text[64] = "Subject: x\n\n";
			size_t n = strlen(text), more = draw(12);
			for (size_t i = 0; i < more; i++)
				text[n++] = "abcdefghxyz "[draw(12)];
			text[n] = '\0';
			rule_target_parse(a, arena_str(a, str_of(text)), &target);
			ruleset_match(rs, &target, &lazy, &few);
			ruleset_match(rs, &target, &full, &all);
			assert_true(few.score == all.score);
			assert_true(few.runs <= all.runs);
			few_runs += few.runs;
			all_runs += all.runs;
		}
		buf_free(&rules);
		arena_free(a);
	}
	assert_true(few_runs < all_runs);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(relays_are_read),
	    cmocka_unit_test(scores_do_not_depend_on_waiting),
	    cmocka_unit_test(modifiers_take_parts_of_fields),
	    cmocka_unit_test(trust_ends_where_it_must),
	    cmocka_unit_test(eval_functions_see_the_message),
	    cmocka_unit_test(links_are_tested_by_their_details),
	    cmocka_unit_test(headers_of_parts_are_read),
	    cmocka_unit_test(signatures_are_measured),
	    cmocka_unit_test(pictures_and_fonts_are_measured),
	    cmocka_unit_test(mime_headers_are_matched_by_part),
	    cmocka_unit_test(dates_are_read),
	    cmocka_unit_test(samples_say_what_fails),
	    cmocka_unit_test(lint_names_what_is_wrong),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
