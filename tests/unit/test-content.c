#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

#include "core/content/content.h"
#include "core/content/pdf.h"
#include "tests/unit/growing.h"
#include "tests/unit/unit-arena.h"

static struct content *make(struct str message)
{
	return content_make(arena, mime_parse(arena, message, NULL));
}

static struct str joined(const struct str *v, size_t n)
{
	struct buf b = {0};

	for (size_t i = 0; i < n; i++)
		buf_addf(&b, "[%.*s]", STR_ARG(v[i]));
	return buf_take(&b, arena);
}

static void plain(void **state)
{
	struct content *c = make(STR("Subject: =?utf-8?q?H=C3=A9?=\r\n\tyou\r\n\r\none\r\ntwo \t three\r\n\r\n \r\nfour\r\n"));

	(void)state;
	assert_str(joined(c->body, c->body_count), "[H\xc3\xa9 you\n][one two three\n][four ]");
	assert_str(joined(c->raw, c->raw_count), "[one\ntwo \t three\n\n \nfour\n]");
	assert_int_equal(c->hidden_count, 0);
	assert_false(c->html.is_html);
}

static void no_subject(void **state)
{
	struct content *c = make(STR("\r\nx"));

	(void)state;
	assert_str(joined(c->body, c->body_count), "[\n][x]");
}

/* A blank in front of the first and behind the last of several line ends stays. */
static void folding(void **state)
{
	struct content *c = make(STR("Subject: s\n\na \n \n b\xc2\xa0\xe2\x80\x83" "c\nd\xe3\x80\x80\n"));

	(void)state;
	assert_str(joined(c->body, c->body_count), "[s\n][a \n][ b c d ]");
}

/* The same wherever in a block of octets it stands. */
static void folding_at_all_places(void **state)
{
	static const char *const cases[][2] = {
	    {"a \n \n b\xc2\xa0\xe2\x80\x83" "c\nd", "a \n b c d"}, {"a\tb\vc d", "a b c d"}, {"a\x01" "b\x1f.", "a\x01" "b\x1f."},
	    {"\xc3\xa9 \xe3\x80\x80\xe3\x80\x82 x", "\xc3\xa9 \xe3\x80\x82 x"}, {"a\xe2\x80\xa9 b  c", "a b c"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		for (int before = 1; before < 40; before++) {
			static const char dots[] = "........................................";
			struct str source = arena_printf(arena, "Content-Type: text/plain; charset=utf-8\n\n%.*s%s%s", before, dots,
			    cases[i][0], dots);
			struct str want = arena_printf(arena, "%.*s%s%s", before, dots, cases[i][1], dots);
			struct content *c = make(source);
			struct buf got = {0};
			for (size_t k = 1; k < c->body_count; k++)
				buf_add(&got, c->body[k]);
			assert_true(str_eq(buf_take(&got, arena), want));
		}
	}
}

static void parts(void **state)
{
	struct content *c = make(STR("Subject: s\nContent-Type: multipart/mixed; boundary=x\n\n--x\n\nfirst\n"
	    "--x\nContent-Type: image/png\n\npixels\n--x\nContent-Type: text/html\n\n<p>Hi <a href=http://a.example.com/>you</a>"
	    "<i style=x><font color=white>ghost</font></i></p>\n--x\nContent-Type: text/calendar\n\nBEGIN\n"
	    "--x\nContent-Type: text/csv\n\n1,2\n--x\nContent-Type: application/octet-stream; name=page.htm\n\n<b>page</b>\n--x--\n"));

	(void)state;
	assert_str(joined(c->body, c->body_count), "[s\n][first\n][Hi youghost\n][page ]");
	assert_str(joined(c->hidden, c->hidden_count), "[ghost ]");
	assert_int_equal(c->raw_count, 4);
	assert_true(c->html.is_html);
	assert_int_equal(c->urls.n, 1);
	assert_str(c->urls.v[0].anchor, "you");
	assert_int_equal(c->urls.v[0].source, URL_FROM_HREF);
}

/* Links where rules do not look; hosts that are no news are left out. */
static void more_links(void **state)
{
	static const struct {
		const char *html, *host; /* NULL: nothing more */
	} rows[] = {
	    {"<video poster=http://a.example.com/x>", "a.example.com"},
	    {"<v:roundrect href='http://a.example.com/x'>", "a.example.com"},
	    {"<svg><a xlink:href=http://a.example.com/>", "a.example.com"},
	    {"<iframe srcdoc='&lt;a href=http://a.example.com/&gt;'>", "a.example.com"},
	    {"<script>location = 'http://a.example.com/';</script>", "a.example.com"},
	    {"<img src=x onerror=\"location='http://a.example.com/'\">", "a.example.com"},
	    {"<a href='java\nscript:location=\"http://a.example.com/\"'>", "a.example.com"},
	    {"<style>@import 'http://a.example.com/x.css';</style>", "a.example.com"},
	    {"<!--[if mso]><a href=http://a.example.com/>x</a><![endif]-->", "a.example.com"},
	    {"<!-- http://a.example.com/ -->", NULL},
	    {"<a href=http://a.example.com/><svg><a xlink:href=http://a.example.com/2>", NULL},
	    {"<input type=image src=http://a.example.com/>", "a.example.com"},
	    {"see a[.]example[.]com", "a.example.com"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct content *c = make(arena_printf(arena, "Content-Type: text/html\n\n%s", rows[i].html));

		if (c->more_urls.n != (rows[i].host != NULL))
			print_error("%s\n", rows[i].html);
		assert_int_equal(c->more_urls.n, rows[i].host != NULL);
		if (rows[i].host)
			assert_str(c->more_urls.v[0].host, rows[i].host);
	}
}

static void links_of_pdf(void **state)
{
	struct content *c = make(STR("Content-Type: application/pdf\n\n%PDF-1.4 /A << /S /URI /URI (http://a.example.com/x\\)y) >>"
	    " /URI <00> /URI(http://b.example.com/) /URI (http://c.example.com"));

	(void)state;
	assert_int_equal(c->more_urls.n, 3);
	assert_str(c->more_urls.v[0].url, "http://a.example.com/x)y");
	assert_int_equal(c->more_urls.v[0].source, URL_FROM_HREF);
}

/* Digits of a link may have blanks between them, and the end may be missing. */
static void hexadecimal_links_of_pdf(void **state)
{
	static const char hex[] = "6874 7470 3a2f 2f61 2e65 7861\n6d70 6c65 2e63 6f6d 2f78";
	struct content *c = make(arena_printf(arena, "Content-Type: application/pdf\n\n%%PDF /URI <%s> /URI<%s", hex,
	    "687474703a2f2f622e6578616d706c652e636f6d2f7"));
	struct buf longer = {0};

	(void)state;
	assert_int_equal(c->more_urls.n, 2);
	assert_str(c->more_urls.v[0].url, "http://a.example.com/x");
	assert_str(c->more_urls.v[1].url, "http://b.example.com/");
	/* One that is longer than any is cut, and what is behind it is found. */
	buf_addf(&longer, "Content-Type: application/pdf\n\n%%PDF /URI <%s", hex);
	for (size_t i = 0; i < URL_BYTES_MAX; i++)
		buf_adds(&longer, "79 ");
	buf_adds(&longer, "> /URI(http://b.example.com/)");
	c = make(buf_take(&longer, arena));
	assert_int_equal(c->more_urls.n, 2);
	assert_true(c->more_urls.v[0].url.n <= URL_BYTES_MAX && c->more_urls.v[0].url.n > URL_BYTES_MAX / 2);
}

/* Objects in a stream, as most programs write them since PDF 1.5. */
static struct str packed_pdf(const char *kind, const char *objects)
{
	struct buf b = {0};
	uLongf n = compressBound(strlen(objects));
	unsigned char *packed = malloc(n);

	assert_non_null(packed);
	assert_int_equal(compress(packed, &n, (const Bytef *)objects, strlen(objects)), Z_OK);
	buf_addf(&b, "Content-Type: application/pdf\nContent-Transfer-Encoding: binary\n\n%%PDF-1.5\n1 0 obj\n<<%s>>stream\n", kind);
	buf_add(&b, (struct str){(char *)packed, n});
	buf_adds(&b, "\nendstream\nendobj\n");
	free(packed);
	return buf_take(&b, arena);
}

/* One link whose last octet comes out as the n-th. */
static size_t unpacked_links(size_t n)
{
	static const char link[] = "/URI(http://a.example.com/)";
	struct buf objects = {0};
	size_t found;

	memset(buf_reserve(&objects, n + 1), ' ', n + 1);
	memcpy(objects.p + n - strlen(link), link, strlen(link));
	objects.p[n] = '\0';
	found = make(packed_pdf("/ObjStm", objects.p))->more_urls.n;
	buf_free(&objects);
	return found;
}

static void packed_links(void **state)
{
	static const char objects[] = "9 0 <</S/URI/URI(http://hidden.example.com/\\141)>> <</URI <687474703a2f2f6865782e6578616d706c652e636f6d2f>>>";
	struct content *c = make(packed_pdf("/Type/ObjStm/Filter/FlateDecode", objects));

	(void)state;
	assert_int_equal(c->more_urls.n, 2);
	assert_str(c->more_urls.v[0].url, "http://hidden.example.com/a");
	assert_str(c->more_urls.v[1].host, "hex.example.com");
	assert_int_equal(make(packed_pdf("/Type/#4fbjStm/Filter/FlateDecode", objects))->more_urls.n, 2);
	assert_int_equal(make(packed_pdf("/Subtype/Image/Filter/FlateDecode", objects))->more_urls.n, 0);
	/* Whatever it grows to, so much is unpacked: at the limit, and above it. */
	assert_int_equal(unpacked_links(PDF_UNPACKED_MAX - 1), 1);
	assert_int_equal(unpacked_links(PDF_UNPACKED_MAX), 1);
	assert_int_equal(unpacked_links(PDF_UNPACKED_MAX + 27), 0);
}

static struct str text_of(const char *word, size_t n)
{
	struct buf b = {0};

	buf_adds(&b, "Subject: s\n\n");
	while (b.n < n + 12)
		buf_adds(&b, word);
	b.n = n + 12;
	return buf_take(&b, arena);
}

static void line_limit(void **state)
{
	(void)state;
	assert_int_equal(make(text_of("abcdefg ", CONTENT_LINE_MAX - 1))->body_count, 2);
	assert_int_equal(make(text_of("abcdefgh", CONTENT_LINE_MAX))->body_count, 2);
	assert_int_equal(make(text_of("abcdefgh", CONTENT_LINE_MAX + 1))->body_count, 3);
	assert_int_equal(make(text_of("abcdefgh", CONTENT_LINE_MAX + 1))->body[1].n, CONTENT_LINE_MAX);
	assert_int_equal(make(text_of("abcdefg ", CONTENT_LINE_MAX + 9))->body[1].n, CONTENT_LINE_MAX);
	assert_int_equal(make(text_of("abcdef\n", CONTENT_LINE_MAX))->raw_count, 1);
	assert_int_equal(make(text_of("abcdef\n", 2 * CONTENT_LINE_MAX))->raw_count, 1);
	assert_int_equal(make(text_of("abcdef\n", 2 * CONTENT_LINE_MAX + 1))->raw_count, 2);
}

static void part_limits(void **state)
{
	(void)state;
	assert_false(make(text_of("abcdef\n", CONTENT_BODY_PART_MAX))->is_truncated);
	assert_true(make(text_of("abcdef\n", CONTENT_BODY_PART_MAX + 1))->is_truncated);
	assert_true(make(text_of("abcdef\n", CONTENT_RAW_PART_MAX + 1))->is_truncated);
}

static struct content *with_many_parts(size_t part, size_t n)
{
	struct buf b = {0};

	buf_adds(&b, "Content-Type: multipart/mixed; boundary=x\n\n");
	for (size_t i = 0; i < n; i++) {
		buf_adds(&b, "--x\n\n");
		for (size_t k = 0; k < part; k++)
			buf_addc(&b, 'a');
		buf_addc(&b, '\n');
	}
	buf_adds(&b, "--x--\n");
	return make(buf_take(&b, arena));
}

static void text_limit(void **state)
{
	enum { PART = 32 * 1024, FULL = CONTENT_TEXT_MAX / PART };

	(void)state;
	assert_false(with_many_parts(PART, FULL - 1)->is_truncated);
	assert_false(with_many_parts(PART, FULL)->is_truncated);
	assert_true(with_many_parts(PART, FULL + 1)->is_truncated);
}

/* What only a second reading shows is text, too; the same text twice is not. */
static void readings(void **state)
{
	struct content *c = make(STR("Subject: s\nContent-Type: multipart/mixed; boundary=x\n\n--x\n\nseen\n--x--\n--x\n\nlate\n--x--\n"));

	(void)state;
	assert_str(joined(c->body, c->body_count), "[s\n][seen\n][late ]");
}

static void run(struct arena *a, struct str in)
{
	content_make(a, mime_parse(a, in, NULL));
}

static void linear(void **state)
{
	enum { KB = 1024 };

	(void)state;
	assert_linear("text", run, "Subject: s\n\n", STR("a b\n\n"), 128 * KB);
	assert_linear("blanks", run, "Subject: s\n\n", STR(" \n"), 128 * KB);
	assert_linear("html", run, "Content-Type: text/html\n\n", STR("<p>a <a href=http://a.com>b</a>"), 128 * KB);
	assert_linear("parts", run, "Content-Type: multipart/mixed; boundary=x\n\n", STR("--x\n\nabc www.a.com\n"), 8 * KB);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(plain),
	    cmocka_unit_test(no_subject),
	    cmocka_unit_test(folding),
	    cmocka_unit_test(folding_at_all_places),
	    cmocka_unit_test(parts),
	    cmocka_unit_test(more_links),
	    cmocka_unit_test(links_of_pdf), cmocka_unit_test(packed_links),
	    cmocka_unit_test(hexadecimal_links_of_pdf),
	    cmocka_unit_test(line_limit),
	    cmocka_unit_test(part_limits),
	    cmocka_unit_test(text_limit),
	    cmocka_unit_test(readings),
	    cmocka_unit_test(linear),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
