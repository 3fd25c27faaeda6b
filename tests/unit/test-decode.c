#include <stdio.h>
#include <stdlib.h>

#include "core/text/charset.h"
#include "core/content/decode.h"
#include "core/header.h"
#include "core/content/mime.h"
#include "tests/unit/growing.h"
#include "tests/unit/unit-arena.h"

static void base64(const char *in, const char *out, bool is_bad)
{
	uint32_t seen = 0;

	assert_str(decode_base64(arena, str_of(in), &seen), out);
	assert_int_equal((seen & MIME_BAD_BASE64) != 0, is_bad);
}

static void base64_cases(void **state)
{
	uint32_t seen = 0;
	struct str all;

	(void)state;
	base64("", "", false);
	base64("QQ==", "A", false);
	base64("QUI=", "AB", false);
	base64("QUJD", "ABC", false);
	base64("QU\r\n JD\tRA\n==\n", "ABCD", false);
	base64("QUJDR", "ABC", true);
	base64("QUJDRA", "ABCD", true);
	base64("QU!JD", "ABC", true);
	base64("=QUJD", "ABC", true);
	base64("QQ=QUI", "A\x04\x14", true); /* one = where two are due is junk */
	base64("QQ==QUJD", "A", true);
	assert_str(decode_base64_both(arena, STR("QQ==QUJD"), &seen, &all), "A");
	assert_str(all, "AABC");
	assert_str(decode_base64_both(arena, STR("QUJD"), &seen, &all), "ABC");
	assert_str(decode_base64_unpadded(arena, STR("QU=JD")), "ABC");
	assert_str(all, "ABC");
}

/* What the decoder of sixteen at once must agree with. */
static size_t one_by_one(struct str in, unsigned char *out)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	uint32_t bits = 0;
	size_t n = 0, have = 0;

	for (size_t i = 0; i < in.n && in.p[i] != '='; i++) {
		const char *at = in.p[i] ? strchr(alphabet, in.p[i]) : NULL;
		if (!at)
			continue;
		bits = bits << 6 | (uint32_t)(at - alphabet);
		if (++have % 4 == 0)
			for (int shift = 16; shift >= 0; shift -= 8)
				out[n++] = (unsigned char)(bits >> shift);
	}
	if (have % 4 == 2)
		out[n++] = (unsigned char)(bits >> 4);
	if (have % 4 == 3)
		out[n++] = (unsigned char)(bits >> 10), out[n++] = (unsigned char)(bits >> 2);
	return n;
}

/* Every octet at every place of more than two blocks. */
static void base64_at_all_places(void **state)
{
	char text[] = "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWZnaGlqa2xtbm9w+/89";
	unsigned char want[sizeof text];

	(void)state;
	for (size_t at = 0; at < 40; at++) {
		for (unsigned c = 0; c < 256; c++) {
			char kept = text[at];
			struct str in = {text, sizeof text - 1}, got;
			uint32_t seen = 0;
			text[at] = (char)c;
			got = decode_base64(arena, in, &seen);
			if (c != '=')
				assert_true(str_eq(got, (struct str){(char *)want, one_by_one(in, want)}));
			text[at] = kept;
		}
	}
}

static void qp(const char *in, const char *out, bool is_bad)
{
	uint32_t seen = 0;

	assert_str(decode_quoted_printable(arena, str_of(in), &seen), out);
	assert_int_equal((seen & MIME_BAD_QP) != 0, is_bad);
}

static void qp_cases(void **state)
{
	(void)state;
	qp("", "", false);
	qp("a=3Db=3d", "a=b=", false);
	qp("soft=\r\nbreak=\nhere", "softbreakhere", false);
	qp("blank = \t\r\nbehind", "blank behind", false);
	qp("trail \t\r\nx ", "trail\r\nx", false);
	qp("end=", "end", false);
	qp("a=ZZb=1", "a=ZZb=1", true);
	qp("==41", "=A", true);
	qp("=", "", false);
	qp("\n\n", "\n\n", false);
}

static void uu_cases(void **state)
{
	uint32_t seen = 0;
	struct str name;

	(void)state;
	assert_str(decode_uuencode(arena, STR("text\nbegin 644 a b.txt\n#0V%T\n`\nend\nmore\n"), &seen, &name), "Cat");
	assert_str(name, "a b.txt");
	assert_int_equal(seen, 0);
	assert_str(decode_uuencode(arena, STR("begin 644 x\r\n#0V%T\r\n"), &seen, &name), "Cat");
	assert_true(seen & MIME_MISSING_END);
	assert_false(uu_begin(STR("begin 9 x"), &name));
	assert_false(uu_begin(STR("begin 64400 x"), &name));
	assert_false(uu_begin(STR("begin 644x"), &name));
	assert_true(uu_begin(STR("begin 644 "), &name) && name.n == 0);
	assert_true(uu_begin(STR("begin \t0644  x y "), &name));
	assert_str(name, "x y");
	/* Lines that are no data are passed over. */
	assert_str(decode_uuencode(arena, STR("begin 644 x\n#0V%T\nplain words\n#0V%T\nend\n"), &seen, &name), "CatCat");
	assert_false(uu_is_data(STR("Hello, this is a line of text, as long as that")));
	/* The count of a line is not believed beyond what a line can hold. */
	assert_int_equal(decode_uuencode(arena, STR("begin 644 x\n_\nend\n"), &seen, &name).n, 18);
}

static void to_utf8(const char *charset, const char *in, const char *out, bool is_bad)
{
	bool bad;

	assert_str(charset_to_utf8(arena, str_of(charset), str_of(in), &bad), out);
	assert_int_equal(bad, is_bad);
}

static void charsets(void **state)
{
	bool bad;

	(void)state;
	to_utf8("us-ascii", "abc", "abc", false);
	to_utf8("us-ascii", "gr\xfcn", "gr\xc3\xbcn", true);
	to_utf8("", "gr\xc3\xbcn", "gr\xc3\xbcn", false);
	to_utf8("ISO_8859-1", "\x80\xfc", "\xe2\x82\xac\xc3\xbc", false);
	to_utf8("Windows-1251", "\xcf", "\xd0\x9f", false);
	to_utf8("koi8-r*ru", "\xf0", "\xd0\x9f", false);
	to_utf8("iso-2022-jp", "\x1b$B$\"\x1b(B", "\xe3\x81\x82", false);
	to_utf8("gb2312", "\xc4\xe3", "\xe4\xbd\xa0", false);
	to_utf8("shift_jis", "\x82\xa0", "\xe3\x81\x82", false);
	to_utf8("euc-kr", "\xb0\xa1", "\xea\xb0\x80", false);
	to_utf8("utf-7", "+AOQ-", "\xc3\xa4", false);
	to_utf8("no-such-charset", "\xe4", "\xc3\xa4", true);
	to_utf8("UTF-8//TRANSLIT", "a", "a", true);
	to_utf8("utf-8", "a\xc3\xa4\xff\xc3\xb6", "a\xc3\xa4\xef\xbf\xbd\xc3\xb6", true);
	to_utf8("utf-8", "it\x92s", "it\xe2\x80\x99s", true);
	to_utf8("gb18030", "\x81", "\xef\xbf\xbd", true);
	to_utf8("big5", "\xff\xff\xa4\x40", "\xef\xbf\xbd\xe4\xb8\x80", true);
	to_utf8("big5", "\xa4\x40\xff" "a", "\xe4\xb8\x80\xef\xbf\xbd" "a", true);
	assert_str(charset_to_utf8(arena, STR("utf-16"), (struct str){"\xfe\xff\0a", 4}, &bad), "a");
	assert_str(charset_to_utf8(arena, STR("utf-16"), (struct str){"a\0b\0", 4}, &bad), "ab");
	assert_str(charset_to_utf8(arena, STR("utf-16le"), (struct str){"\0\xd8" "a\0", 4}, &bad), "\xef\xbf\xbd" "a");
	assert_true(bad);
	assert_true(charset_is_known(STR("ISO-8859-15")));
	assert_false(charset_is_known(STR("../../x")));
}

static void word(const char *in, const char *out)
{
	assert_str(header_decode(arena, str_of(in)), out);
}

static void encoded_words(void **state)
{
	(void)state;
	word(" plain\r\n text ", "plain text");
	word("=?utf-8?Q?a=5Fb_c?=", "a_b c");
	word("=?UTF-8?b?w6Q=?= =?utf-8?q?=C3=B6?=", "\xc3\xa4\xc3\xb6");
	word("=?utf-8?Q?=C3?=\r\n =?utf-8?Q?=A4?=", "\xc3\xa4");
	word("a =?iso-8859-1?q?=E4?= b", "a \xc3\xa4 b");
	word("\"=?iso-8859-1*de?q?=E4?=\"", "\"\xc3\xa4\"");
	word("=?utf-8?q?what?is?this?=", "what?is?this");
	word("=?utf-8?x?abc?=", "=?utf-8?x?abc?=");
	word("=?utf-8?q?never closed", "=?utf-8?q?never closed");
	word("=?\?q?a?=", "=?\?q?a?=");
	word("gr\xfcn", "gr\xc3\xbcn");
	word("=?utf-8?q?\?=", "");
	word("=?utf-8?q?a?==?utf-8?q?b?=", "ab");
}

static void run_words(struct arena *a, struct str in)
{
	header_decode(a, in);
}

static void run_base64(struct arena *a, struct str in)
{
	uint32_t seen = 0;

	decode_base64(a, in, &seen);
}

static void run_qp(struct arena *a, struct str in)
{
	uint32_t seen = 0;

	decode_quoted_printable(a, in, &seen);
}

static void run_uu(struct arena *a, struct str in)
{
	uint32_t seen = 0;
	struct str name;

	decode_uuencode(a, in, &seen, &name);
}

static void run_gb(struct arena *a, struct str in)
{
	bool bad;

	charset_to_utf8(a, STR("gb18030"), in, &bad);
}

static void run_utf8(struct arena *a, struct str in)
{
	bool bad;

	charset_to_utf8(a, STR("utf-8"), in, &bad);
}

static void linear(void **state)
{
	enum { KB = 1024 };

	(void)state;
	assert_linear("word starts", run_words, "", STR("=?a?q?"), 128 * KB);
	assert_linear("words", run_words, "", STR("=?utf-8?q?a?= "), 64 * KB);
	assert_linear("words of changing charset", run_words, "", STR("=?utf-8?q?a?= =?koi8-r?b?wQ==?="), 64 * KB);
	assert_linear("question marks", run_words, "=?a?q?", STR("?"), 128 * KB);
	assert_linear("base64", run_base64, "", STR("QUJD\r\n"), 1024 * KB);
	assert_linear("pads", run_base64, "", STR("QQ=="), 1024 * KB);
	assert_linear("junk", run_base64, "", STR("!=Q"), 1024 * KB);
	assert_linear("quoted-printable", run_qp, "", STR("= \t =3\r\n"), 1024 * KB);
	assert_linear("blanks", run_qp, "", STR(" "), 1024 * KB);
	assert_linear("uuencode", run_uu, "begin 644 x\n", STR("_\n"), 512 * KB);
	assert_linear("bad gb18030", run_gb, "", STR("\xff"), 64 * KB);
	assert_linear("bad utf-8", run_utf8, "", STR("\xc3\xa4\xc3\xa4\xe2\x82"), 256 * KB);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(base64_cases),
	    cmocka_unit_test(base64_at_all_places),
	    cmocka_unit_test(qp_cases),
	    cmocka_unit_test(uu_cases),
	    cmocka_unit_test(charsets),
	    cmocka_unit_test(encoded_words),
	    cmocka_unit_test(linear),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
