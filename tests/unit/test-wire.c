/* The pure parsers of the SMTP front end: lines, content, parameters, PROXY. */
#include <stdio.h>
#include <stdlib.h>

#include "gateway/smtp/wire.h"
#include "tests/unit/unit-arena.h"

/* ---- lines ---- */

static void lines_end_in_crlf_only(void **state)
{
	static const struct {
		const char *in;
		bool lax;
		enum line_step step;
		const char *line;
		size_t used;
	} cases[] = {
	    {"NOOP\r\nX", false, LINE_OK, "NOOP", 6}, {"\r\n", false, LINE_OK, "", 2}, {"NOOP", false, LINE_MORE, NULL, 0},
	    {"NOOP\r", false, LINE_MORE, NULL, 0}, {"", false, LINE_MORE, NULL, 0}, {"NOOP\n", false, LINE_BARE, NULL, 5},
	    {"NO\rOP\r\n", false, LINE_BARE, NULL, 7}, {"NOOP\r\r\n", false, LINE_BARE, NULL, 7}, {"\n", false, LINE_BARE, NULL, 1},
	    {"NOOP\n", true, LINE_OK, "NOOP", 5}, {"NOOP\r\n", true, LINE_OK, "NOOP", 6},
	    {"12345678\r\n", false, LINE_OK, "12345678", 10}, {"123456789\r\n", false, LINE_LONG, NULL, 11},
	    {"123456789\n", true, LINE_LONG, NULL, 10}, {"12345678901\r", false, LINE_LONG, NULL, 11},
	    {"123456789\r", false, LINE_LONG, NULL, 9}, {"123456789abcdef\nX", false, LINE_BARE, NULL, 16},
	    {"123456789abcdef\r\nX", false, LINE_LONG, NULL, 17}, {"123456789abcdef\nX", true, LINE_LONG, NULL, 16},
	    {"123\r56789abcdefg", false, LINE_BARE, NULL, 16}, {"123456789\rbcdef\r\n", false, LINE_BARE, NULL, 17},
	    {"123456789abcdef\r\r\n", false, LINE_BARE, NULL, 18},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct str line = STR_NONE;
		size_t used;
		enum line_step step = line_take(str_of(cases[i].in), 8, cases[i].lax, &line, &used);

		if (step != cases[i].step || used != cases[i].used)
			fail_msg("case %zu: step %d used %zu", i, step, used);
		if (cases[i].line)
			assert_str(line, cases[i].line);
	}
}

static void verbs_and_arguments_are_cut(void **state)
{
	struct str verb, args;

	(void)state;
	line_split(STR("MAIL FROM:<a@b>  SIZE=3 \t"), &verb, &args);
	assert_str(verb, "MAIL");
	assert_str(args, "FROM:<a@b>  SIZE=3");
	line_split(STR("  "), &verb, &args);
	assert_int_equal(verb.n + args.n, 0);
	line_split(STR("QUIT"), &verb, &args);
	assert_str(verb, "QUIT");
	assert_int_equal(args.n, 0);
	assert_true(line_is_clean(STR("a\tb\xc3\xa4")));
	assert_false(line_is_clean((struct str){"a\0b", 3}));
	assert_false(line_is_clean(STR("a\x1b[1m")));
	assert_false(line_is_clean(STR("a\x7f")));
}

/* ---- content ---- */

static bool collect(void *arg, struct str run)
{
	buf_add(arg, run);
	return true;
}

struct outcome {
	enum content_step step;
	size_t used;
	struct buf out;
	bool has_long_line;
};

/* Feeds in pieces of `piece` octets, as if each came in a segment of its own. */
static struct outcome feed(struct str in, size_t piece, bool dots, bool lax)
{
	struct outcome o = {.step = CONTENT_MORE};
	struct content_reader r;

	content_start(&r, dots, lax, 20, collect, &o.out);
	while (o.used < in.n && o.step == CONTENT_MORE) {
		size_t used;
		/* A copy of its own, so that reading beyond it is noticed. */
		struct str part = str_sub(in, o.used, piece);
		char *copy = malloc(part.n);

		memcpy(copy, part.p, part.n);
		o.step = content_feed(&r, (struct str){copy, part.n}, &used);
		free(copy);
		o.used += used;
		if (o.step == CONTENT_MORE)
			assert_int_equal(used, part.n);
	}
	if (!dots && o.step == CONTENT_MORE)
		o.step = content_finish(&r);
	o.has_long_line = r.has_long_line;
	return o;
}

struct content_case {
	const char *in;
	enum content_step step;
	const char *out; /* NULL: do not look */
	const char *rest;
};

static void check_all_segmentations(const struct content_case *c, size_t n, bool dots, bool lax)
{
	for (size_t i = 0; i < n; i++)
		for (size_t piece = 1; piece <= strlen(c[i].in) + 1; piece++) {
			struct outcome o = feed(str_of(c[i].in), piece, dots, lax);

			if (o.step != c[i].step)
				fail_msg("case %zu in pieces of %zu: step %d", i, piece, o.step);
			if (c[i].out)
				assert_str(buf_str(&o.out), c[i].out);
			if (c[i].rest)
				assert_string_equal(c[i].in + o.used, c[i].rest);
			buf_free(&o.out);
		}
}

static void data_ends_at_crlf_dot_crlf_only(void **state)
{
	static const struct content_case cases[] = {
	    {".\r\nNOOP\r\n", CONTENT_END, "", "NOOP\r\n"},
	    {"a\r\n.\r\n", CONTENT_END, "a\r\n", ""},
	    {"a\r\n..\r\n.\r\n", CONTENT_END, "a\r\n.\r\n", ""},
	    {"..a\r\n.b\r\n...\r\n.\r\nX", CONTENT_END, ".a\r\nb\r\n..\r\n", "X"},
	    {"a.\r\nb\r\n.\r\n", CONTENT_END, "a.\r\nb\r\n", ""},
	    {"\r\n\r\n.\r\n", CONTENT_END, "\r\n\r\n", ""},
	    {"a\r\n.", CONTENT_MORE, "a\r\n", ""},
	    {"a\r\n.\r", CONTENT_MORE, "a\r\n", ""},
	    {"a\r\nb", CONTENT_MORE, "a\r\nb", ""},
	};

	(void)state;
	check_all_segmentations(cases, sizeof cases / sizeof *cases, true, false);
	check_all_segmentations(cases, sizeof cases / sizeof *cases, true, true);
}

/* The known ways to smuggle, each with a message that would follow. */
static const char *const smuggles[] = {
    "a\n.\n", "a\n.\r\n", "a\r\n.\n", "a\r.\r", "a\r.\r\n", "a\r\n.\r", "a\n.\r", "a\r.\n", "a\n\n.\r\n", "a\r\r\n.\r\n",
    "a\n.\n\r\n", "a\r\n\n.\n", "a\n\r.\r\n", "a\r\n\r.\r\n", "a\n\r.\n\r", "a\r\n.\r\r\n", "a\r\n.\n\r\n", "a\r\n\r.\r\r\n",
    "a\n\n.\n\n", "a\r\r.\r\r", "a\r\n.\r\x20\r\n", "\n.\r\n", "\r.\r\n", ".\n", ".\r.\r\n", "a\rb\r\n.\r\n", "a\nb\r\n.\r\n",
};

static void bare_newlines_are_refused_in_every_variant(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof smuggles / sizeof *smuggles; i++)
		for (size_t piece = 1; piece < 12; piece++) {
			char text[64];
			struct outcome o;

			snprintf(text, sizeof text, "%sMAIL FROM:<x@y>\r\n", smuggles[i]);
			o = feed(str_of(text), piece, true, false);
			if (o.step != CONTENT_BARE)
				fail_msg("variant %zu in pieces of %zu: step %d", i, piece, o.step);
			buf_free(&o.out);
			o = feed(str_of(text), piece, false, false);
			if (o.step != CONTENT_BARE)
				fail_msg("chunk variant %zu in pieces of %zu: step %d", i, piece, o.step);
			buf_free(&o.out);
		}
}

/* With normalisation nothing that leaves has a bare CR or LF, and none of the ends was taken for one. */
static void normalised_variants_stay_one_message(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof smuggles / sizeof *smuggles; i++)
		for (size_t piece = 1; piece < 12; piece++) {
			char text[96];
			struct outcome o;
			struct str out;

			snprintf(text, sizeof text, "X%sMAIL FROM:<x@y>\r\n.\r\n", smuggles[i]);
			o = feed(str_of(text), piece, true, true);
			out = buf_str(&o.out);
			assert_int_equal(o.step, CONTENT_END);
			for (size_t k = 0; k < out.n; k++) {
				if (out.p[k] == '\n')
					assert_true(k > 0 && out.p[k - 1] == '\r');
				if (out.p[k] == '\r')
					assert_true(k + 1 < out.n && out.p[k + 1] == '\n');
			}
			buf_free(&o.out);
		}
}

static void nul_and_dots_are_content(void **state)
{
	static const char in[] = "a\0.\r\n\0.\r\n.\r\n";
	struct outcome o = feed((struct str){in, sizeof in - 1}, 100, true, false);

	(void)state;
	assert_int_equal(o.step, CONTENT_END);
	assert_int_equal(o.out.n, sizeof in - 1 - 3);
	assert_memory_equal(o.out.p, in, o.out.n);
	buf_free(&o.out);
}

static void chunks_are_taken_as_they_are(void **state)
{
	static const struct content_case cases[] = {
	    {".\r\n", CONTENT_MORE, ".\r\n", ""}, {"a\r\n.\r\nb\r\n", CONTENT_MORE, "a\r\n.\r\nb\r\n", ""},
	    {"..a\r\n", CONTENT_MORE, "..a\r\n", ""}, {"no end", CONTENT_MORE, "no end\r\n", ""}, {"", CONTENT_MORE, "", ""},
	    {"a\r\n\r", CONTENT_BARE, NULL, NULL},
	};
	static const struct content_case lax[] = {{"a\rb\nc", CONTENT_MORE, "a b\r\nc\r\n", ""},
	    {"a\r\n\r", CONTENT_MORE, "a\r\n \r\n", ""}};

	(void)state;
	check_all_segmentations(cases, sizeof cases / sizeof *cases, false, false);
	check_all_segmentations(lax, 2, false, true);
}

static void long_lines_are_noticed(void **state)
{
	static const struct {
		const char *in;
		bool is_long;
	} cases[] = {{"1234567890123456789\r\n.\r\n", false}, {"12345678901234567890\r\n.\r\n", false},
	    {"123456789012345678901\r\n.\r\n", true}, {"x\r\n123456789012345678901\r\nx\r\n.\r\n", true},
	    {"..2345678901234567890\r\n.\r\n", false}, {"..23456789012345678901\r\n.\r\n", true}};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		for (size_t piece = 1; piece < 30; piece++) {
			struct outcome o = feed(str_of(cases[i].in), piece, true, false);

			assert_int_equal(o.step, CONTENT_END);
			assert_int_equal(o.has_long_line, cases[i].is_long);
			buf_free(&o.out);
		}
}

static bool refuse(void *arg, struct str run)
{
	(void)arg;
	(void)run;
	return false;
}

static void a_sink_that_refuses_ends_it(void **state)
{
	struct content_reader r;
	size_t used;

	(void)state;
	content_start(&r, true, false, 100, refuse, NULL);
	assert_int_equal(content_feed(&r, STR("abc\r\n"), &used), CONTENT_SINK);
}

/* ---- parameters ---- */

static const char *mail(const char *text, struct message *m)
{
	*m = (struct message){0};
	return mail_params(arena, str_of(text), m);
}

static void mail_parameters(void **state)
{
	static const struct {
		const char *text, *code;
	} bad[] = {{" SIZE=", "501"}, {" SIZE=x", "501"}, {" SIZE=1 SIZE=2", "501"}, {" SIZE", "501"}, {" BODY=BINARYMIME", "501"},
	    {" SIZE=999999999999999999999", "501"}, {" FOO=1", "555"}, {" AUTH=<>", "555"}, {" SMTPUTF8=x", "501"}, {" RET=ALL", "501"},
	    {" ENVID=a+", "501"}, {" ENVID=a+4g", "501"}, {" ENVID=", "501"},
	    {" ENVID=a+0D+0Ab", "501"}, {" ENVID=+00", "501"}, {" ENVID=+7F", "501"}, {" -A=1", "501"}, {" SIZE=1=2", "501"}, {" =1", "501"},
	    {" S\xc3\xa4=1", "501"}};
	struct message m;
	struct str longest = arena_printf(arena, " ENVID=%0100d", 0), longer = arena_printf(arena, " ENVID=%0101d", 0);

	(void)state;
	assert_null(mail("", &m));
	assert_null(mail(" SIZE=12345 body=8bitmime SMTPUTF8 RET=HDRS ENVID=a+2Bb", &m));
	assert_int_equal(m.declared_size, 12345);
	assert_true(m.is_8bit && m.is_utf8);
	assert_int_equal(m.ret, DSN_RET_HDRS);
	assert_str(m.envid, "a+2Bb");
	assert_null(mail("  BODY=7BIT   RET=full ", &m));
	assert_false(m.is_8bit);
	assert_int_equal(m.ret, DSN_RET_FULL);
	assert_null(mail(longest.p, &m));
	assert_non_null(mail(longer.p, &m));
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		const char *wrong = mail(bad[i].text, &m);

		if (!wrong || strncmp(wrong, bad[i].code, 3) != 0)
			fail_msg("%s: %s", bad[i].text, wrong ? wrong : "accepted");
	}
}

static void rcpt_parameters(void **state)
{
	static const struct {
		const char *text, *code;
	} bad[] = {{" NOTIFY=", "501"}, {" NOTIFY", "501"}, {" NOTIFY=NEVER,DELAY", "501"}, {" NOTIFY=SUCCESS,SUCCESS", "501"},
	    {" NOTIFY=,", "501"}, {" NOTIFY=X", "501"}, {" NOTIFY=NEVER NOTIFY=NEVER", "501"}, {" ORCPT=a@b", "501"}, {" ORCPT=;a@b", "501"},
	    {" ORCPT=rfc822;", "501"}, {" ORCPT=rfc822;a+b", "501"},
	    {" ORCPT=rfc822;a+0Ab", "501"}, {" ORCPT=utf-8;\xc3\xbc+0D", "501"}, {" ORCPT=rfc822;a ORCPT=rfc822;b", "501"},
	    {" X", "555"}, {" SIZE=1", "555"}};
	struct recipient r = {0};

	(void)state;
	assert_null(rcpt_params(arena, STR(" NOTIFY=success,FAILURE,delay ORCPT=rfc822;a+2Bb@c"), &r));
	assert_int_equal(r.notify, NOTIFY_SUCCESS | NOTIFY_FAILURE | NOTIFY_DELAY);
	assert_str(r.orcpt, "rfc822;a+2Bb@c");
	r = (struct recipient){0};
	assert_null(rcpt_params(arena, STR(" NOTIFY=NEVER ORCPT=utf-8;\xc3\xbc@c"), &r));
	assert_int_equal(r.notify, NOTIFY_NEVER);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		const char *wrong;

		r = (struct recipient){0};
		wrong = rcpt_params(arena, str_of(bad[i].text), &r);
		if (!wrong || strncmp(wrong, bad[i].code, 3) != 0)
			fail_msg("%s: %s", bad[i].text, wrong ? wrong : "accepted");
	}
}

static void xtext(void **state)
{
	struct str out;

	(void)state;
	assert_true(xtext_is_valid(STR("a+2Bb+3D")));
	assert_false(xtext_is_valid(STR("a+2bb")));
	assert_false(xtext_is_valid(STR("a b")));
	assert_false(xtext_is_valid(STR("a=b")));
	assert_true(xtext_decode(arena, STR("a+2Bb+20c"), &out));
	assert_str(out, "a+b c");
	assert_false(xtext_decode(arena, STR("a+0A"), &out));
	assert_false(xtext_decode(arena, STR("a+00"), &out));
	assert_false(xtext_decode(arena, STR("+2"), &out));
}

/* ---- PROXY ---- */

static void check_prefixes_want_more(struct str in)
{
	struct proxy_header h;
	size_t used;

	for (size_t n = 0; n < in.n; n++)
		assert_int_equal(proxy_parse(str_sub(in, 0, n), &h, &used), PROXY_MORE);
	assert_int_equal(proxy_parse(in, &h, &used), PROXY_OK);
	assert_int_equal(used, in.n);
}

static void proxy_version_1(void **state)
{
	static const char *const bad[] = {"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\n", "PROXY TCP4 1.2.3.4 5.6.7.8 1\r\n",
	    "PROXY TCP4 1.2.3.4 5.6.7.8 1 2 3\r\n", "PROXY TCP4 1.2.3.4 5.6.7.8 1 65536\r\n", "PROXY TCP6 1.2.3.4 5.6.7.8 1 2\r\n",
	    "PROXY TCP4 ::1 ::2 1 2\r\n", "PROXY UDP4 1.2.3.4 5.6.7.8 1 2\r\n", "PROXY \r\n", "PROXY  TCP4 1.2.3.4 5.6.7.8 1 2\r\n",
	    "EHLO x\r\n", "PROXY TCP4 1.2.3.4 5.6.7.8 -1 2\r\n", "PROXYTCP4\r\n"};
	struct proxy_header h;
	struct ip ip;
	size_t used;

	(void)state;
	check_prefixes_want_more(STR("PROXY TCP4 192.0.2.1 198.51.100.2 1234 25\r\n"));
	check_prefixes_want_more(STR("PROXY TCP6 2001:db8::1 2001:db8::2 1234 25\r\n"));
	assert_int_equal(proxy_parse(STR("PROXY TCP4 192.0.2.1 198.51.100.2 1234 25\r\nEHLO"), &h, &used), PROXY_OK);
	assert_int_equal(used, 43);
	ip_parse(STR("192.0.2.1"), &ip);
	assert_true(ip_eq(&h.client, &ip));
	ip_parse(STR("198.51.100.2"), &ip);
	assert_true(ip_eq(&h.local, &ip));
	assert_int_equal(h.client_port, 1234);
	assert_int_equal(h.local_port, 25);
	assert_int_equal(proxy_parse(STR("PROXY UNKNOWN ffff::1 x\r\n"), &h, &used), PROXY_OK);
	assert_true(h.is_local);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (proxy_parse(str_of(bad[i]), &h, &used) != PROXY_BAD)
			fail_msg("not refused: %s", bad[i]);
	/* Longest line, one more, and none in sight. */
	char line[PROXY_V1_MAX + 8];
	memset(line, 'x', sizeof line);
	memcpy(line, "PROXY UNKNOWN ", 14);
	memcpy(line + PROXY_V1_MAX - 2, "\r\n", 2);
	assert_int_equal(proxy_parse((struct str){line, PROXY_V1_MAX}, &h, &used), PROXY_OK);
	memcpy(line + PROXY_V1_MAX - 2, "x\r\n", 3);
	assert_int_equal(proxy_parse((struct str){line, PROXY_V1_MAX + 1}, &h, &used), PROXY_BAD);
}

static void proxy_version_2(void **state)
{
	static const char v4[] = "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\2\1\xc6\x33\x64\2\x04\xd2\0\x19";
	static const char local[] = "\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";
	char v6[16 + 36 + 3] = "\r\n\r\n\0\r\nQUIT\n\x21\x21\0\x27";
	char bad[sizeof v4];
	struct proxy_header h;
	struct ip ip;
	size_t used;

	(void)state;
	check_prefixes_want_more((struct str){v4, sizeof v4 - 1});
	assert_int_equal(proxy_parse((struct str){v4, sizeof v4 - 1}, &h, &used), PROXY_OK);
	ip_parse(STR("192.0.2.1"), &ip);
	assert_true(ip_eq(&h.client, &ip));
	assert_int_equal(h.client_port, 1234);
	check_prefixes_want_more((struct str){local, sizeof local - 1});
	assert_int_equal(proxy_parse((struct str){local, sizeof local - 1}, &h, &used), PROXY_OK);
	assert_true(h.is_local);
	v6[16] = 0x20;
	v6[16 + 10] = 0; /* 2000:: with three octets of extensions */
	check_prefixes_want_more((struct str){v6, sizeof v6});
	assert_int_equal(proxy_parse((struct str){v6, sizeof v6}, &h, &used), PROXY_OK);
	assert_int_equal(h.client.family, 6);

	memcpy(bad, v4, sizeof bad);
	bad[12] = 0x11; /* version 1 in the binary header */
	assert_int_equal(proxy_parse((struct str){bad, sizeof v4 - 1}, &h, &used), PROXY_BAD);
	memcpy(bad, v4, sizeof bad);
	bad[12] = 0x22; /* unknown command */
	assert_int_equal(proxy_parse((struct str){bad, sizeof v4 - 1}, &h, &used), PROXY_BAD);
	memcpy(bad, v4, sizeof bad);
	bad[15] = 11; /* too short for the addresses */
	assert_int_equal(proxy_parse((struct str){bad, sizeof v4 - 1}, &h, &used), PROXY_BAD);
	memcpy(bad, v4, sizeof bad);
	bad[14] = 127; /* longer than we take */
	assert_int_equal(proxy_parse((struct str){bad, sizeof v4 - 1}, &h, &used), PROXY_BAD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(lines_end_in_crlf_only),
	    cmocka_unit_test(verbs_and_arguments_are_cut),
	    cmocka_unit_test(data_ends_at_crlf_dot_crlf_only),
	    cmocka_unit_test(bare_newlines_are_refused_in_every_variant),
	    cmocka_unit_test(normalised_variants_stay_one_message),
	    cmocka_unit_test(nul_and_dots_are_content),
	    cmocka_unit_test(chunks_are_taken_as_they_are),
	    cmocka_unit_test(long_lines_are_noticed),
	    cmocka_unit_test(a_sink_that_refuses_ends_it),
	    cmocka_unit_test(mail_parameters),
	    cmocka_unit_test(rcpt_parameters),
	    cmocka_unit_test(xtext),
	    cmocka_unit_test(proxy_version_1),
	    cmocka_unit_test(proxy_version_2),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
