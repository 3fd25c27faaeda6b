#include <stdio.h>
#include <stdlib.h>

#include "core/html/html.h"
#include "tests/unit/growing.h"
#include "tests/unit/unit-arena.h"

static struct html render(const char *text)
{
	struct html h;

	html_render(arena, str_of(text), &h);
	return h;
}

static void text_is(const char *in, const char *visible, const char *hidden)
{
	struct html h = render(in);

	assert_str(h.visible, visible);
	assert_str(h.hidden, hidden);
}

static void text(void **state)
{
	(void)state;
	text_is("", "", "");
	text_is("a  b\n\tc", "a b c", "");
	text_is("<p>one</p><p>two</p>", "\n\none\n\n\n\ntwo\n\n", "");
	text_is("a<br>b<br/>c<td>d", "a\nb\nc d", "");
	text_is("1 < 2 <b>x</b> <3", "1 < 2 x <3", "");
	text_is("a<!-- c -->b<!doctype x>c<?php x ?>d", "abcd", "");
	text_is("a<script>if (a<b) x</script>b<style>p{}</style>c", "abc", "");
	text_is("a<script>never closed", "a", "");
	text_is("a<!-- never closed", "a", "");
	text_is("&lt;&amp;&#65;&#x42;&eacute;&notit;&nosuch;&amp", "<&AB\xc3\xa9\xc2\xacit;&nosuch;&", "");
	text_is("&#128;&#0;&#xd83d;&#xdcec;&#1114112;", "\xe2\x82\xac\xef\xbf\xbd\xf0\x9f\x93\xac\xef\xbf\xbd", "");
	text_is("a&nbsp;b", "a b", "");
	text_is("<title>T &amp; <b></title>x", "\n\nT & <b>\n\nx", "");
}

static void hiding(void **state)
{
	(void)state;
	text_is("a<span style=\"display:none\">b</span>c", "ac", "b");
	text_is("a<div style='VISIBILITY: hidden !important'>b</div>c", "a\n\nc", "b");
	text_is("a<span style=font-size:0px>b</span>c", "ac", "b");
	text_is("a<span style=font-size:1px>b</span>c", "ac", "b");
	text_is("a<span style=font-size:2px>b</span>c", "abc", "");
	text_is("a<font size=1>b</font>c", "ac", "b");
	text_is("a<font color=#fff>b</font>c", "ac", "b");
	text_is("a<font color=#fefefe>b</font>c", "ac", "b");
	text_is("a<font color=gray>b</font>c", "abc", "");
	text_is("<td bgcolor=black><font color=white>b</font></td>", " b ", "");
	text_is("<td bgcolor=black><font color=black>b</font></td>", "  ", "b");
	text_is("<p style=\"background:#000 url(x.png);color:rgb(255,255,255)\">b</p>", "\n\nb\n\n", "");
	text_is("<p style=\"background:rgba(0,0,0,0);color:#fff\">b</p>", "\n\n\n\n", "b");
	text_is("a<span style=\"opacity:0\">b</span>", "a", "b");
	text_is("a<span style=\"opacity:0.5\">b</span>", "ab", "");
	text_is("<span style=\"display:none\">a<b>b</span>c", "c", "ab");
	assert_true(render("<font color=white>x</font>").facts.font_low_contrast);
	assert_true(render("<font color=nocolour>x</font>").facts.font_invalid_colour);
	assert_int_equal(render("<font color=white>x</font>").facts.low_contrast, 1);
	assert_int_equal(render("<font size=1>x</font>").facts.tiny_font, 1);
}

static void link_is(const char *in, const char *url, const char *anchor)
{
	struct html h = render(in);

	assert_int_equal(h.link_count, 1);
	assert_str(h.links[0].url, url);
	assert_str(h.links[0].anchor, anchor);
}

static void links(void **state)
{
	(void)state;
	link_is("<a href=\"http://a.b/?x=1&amp;y=2\">go <b>there</b></a>", "http://a.b/?x=1&y=2", "go there");
	link_is("<A HREF='http://a.b/'>x", "http://a.b/", "x");
	link_is("<a class=c href = http://a.b/ >x</a>", "http://a.b/", "x");
	link_is("<a/href=http://a.b/>x</a>", "http://a.b/", "x");
	link_is("<img src=http://a.b/i.png>", "http://a.b/i.png", "");
	link_is("<form action=\"http://a.b/f\">", "http://a.b/f", "");
	link_is("<meta http-equiv=\"Refresh\" content=\"5; URL='http://a.b/'\">", "http://a.b/", "");
	link_is("<p style=\"background: url( 'http://a.b/c' )\">", "http://a.b/c", "");
	link_is("<a href=\"http://a.b/>open</a>", "http://a.b/", "open");
	link_is("<a href=\xe2\x80\x9dhttp://a.b/\xe2\x80\x9d>x</a>", "http://a.b/", "x");
	link_is("<a href=\"//www.a.b/\">x</a>", "http://www.a.b/", "x");
	assert_int_equal(render("<img srcset=\"http://a/1 1x,http://a/2 2x\">").link_count, 2);
	assert_int_equal(render("<a>x</a><a href=\"\">y</a>").link_count, 0);
	assert_str(render("<base href=\"http://a.b/c/d.html\"><a href=../e>x</a>").links[1].url, "http://a.b/e");
	assert_true(render("<a href=\"x>y</a>").facts.has_unclosed_quote);
}

static void resolve_is(const char *r, const char *wanted)
{
	assert_str(html_resolve(arena, STR("http://a/b/c/d;p?q"), str_of(r)), wanted);
}

/* The table of RFC 3986 part 5.4. */
static void resolving(void **state)
{
	(void)state;
	resolve_is("g:h", "g:h");
	resolve_is("g", "http://a/b/c/g");
	resolve_is("./g", "http://a/b/c/g");
	resolve_is("g/", "http://a/b/c/g/");
	resolve_is("/g", "http://a/g");
	resolve_is("//g", "http://g");
	resolve_is("?y", "http://a/b/c/d;p?y");
	resolve_is("g?y", "http://a/b/c/g?y");
	resolve_is("#s", "http://a/b/c/d;p?q#s");
	resolve_is("", "http://a/b/c/d;p?q");
	resolve_is(".", "http://a/b/c/");
	resolve_is("..", "http://a/b/");
	resolve_is("../g", "http://a/b/g");
	resolve_is("../..", "http://a/");
	resolve_is("../../g", "http://a/g");
	resolve_is("../../../g", "http://a/g");
	resolve_is("/./g", "http://a/g");
	resolve_is("g..", "http://a/b/c/g..");
	resolve_is("./../g", "http://a/b/g");
	resolve_is("g/./h", "http://a/b/c/g/h");
	resolve_is("g/../h", "http://a/b/c/h");
	resolve_is("http:g", "http://a/b/c/g");
}

static struct html repeated(const char *text, size_t n, const char *end)
{
	struct buf b = {0};
	struct html h;

	for (size_t i = 0; i < n; i++)
		buf_adds(&b, text);
	buf_adds(&b, end);
	html_render(arena, buf_take(&b, arena), &h);
	return h;
}

/* So many tags that HTML does not have: how many were told apart. */
static size_t strange_tags(int n)
{
	struct buf b = {0};
	struct html h;

	for (int i = 0; i < n; i++)
		buf_addf(&b, "<zz%d>", i);
	html_render(arena, buf_take(&b, arena), &h);
	return h.facts.tags_seen;
}

/* Of a link with so many octets: how many are left. */
static size_t link_octets(int n)
{
	return render(arena_printf(arena, "<a href=\"http://a/%0*d\">", n - 9, 0).p).links[0].url.n;
}

static void limits(void **state)
{
	(void)state;
	assert_int_equal(strange_tags(HTML_STRANGE_MAX - 1), HTML_STRANGE_MAX - 1);
	assert_int_equal(strange_tags(HTML_STRANGE_MAX), HTML_STRANGE_MAX);
	assert_int_equal(strange_tags(HTML_STRANGE_MAX + 1), HTML_STRANGE_MAX);
	assert_int_equal(link_octets(HTML_LINK_MAX - 1), HTML_LINK_MAX - 1);
	assert_int_equal(link_octets(HTML_LINK_MAX), HTML_LINK_MAX);
	assert_int_equal(link_octets(HTML_LINK_MAX + 1), HTML_LINK_MAX);
	assert_int_equal(repeated("<a href=http://a/>", HTML_LINKS_MAX - 1, "").link_count, HTML_LINKS_MAX - 1);
	assert_int_equal(repeated("<a href=http://a/>", HTML_LINKS_MAX, "").link_count, HTML_LINKS_MAX);
	assert_false(repeated("<a href=http://a/>", HTML_LINKS_MAX, "").is_over);
	assert_int_equal(repeated("<a href=http://a/>", HTML_LINKS_MAX + 1, "").link_count, HTML_LINKS_MAX);
	assert_true(repeated("<a href=http://a/>", HTML_LINKS_MAX + 1, "").is_over);
	/* Styles beyond the limit change nothing, and their ends close nothing. */
	assert_str(repeated("<span>", HTML_STYLES_MAX - 2, "<font color=white>x").hidden, "x");
	assert_str(repeated("<span>", HTML_STYLES_MAX - 1, "<font color=white>x").hidden, "");
	assert_str(repeated("<span>", HTML_STYLES_MAX + 5, "<font color=white>x").hidden, "");
	/* Attributes beyond the limit are not seen. */
	assert_int_equal(repeated("", 0, "<a href=http://a/>").link_count, 1);
	assert_str(html_unescape(arena, STR("&")), "&");
}

static void attribute_limit(void **state)
{
	struct buf b = {0};
	struct html h;

	(void)state;
	for (int n = HTML_ATTRIBUTES_MAX - 1; n <= HTML_ATTRIBUTES_MAX; n++) {
		b.n = 0;
		buf_adds(&b, "<a");
		for (int i = 0; i < n; i++)
			buf_adds(&b, " x=y");
		buf_adds(&b, " href=http://a/>");
		html_render(arena, buf_str(&b), &h);
		assert_int_equal(h.link_count, n < HTML_ATTRIBUTES_MAX);
	}
	buf_free(&b);
}

static void run(struct arena *a, struct str in)
{
	struct html h;

	html_render(a, in, &h);
}

static void linear(void **state)
{
	enum { KB = 1024 };

	(void)state;
	assert_linear("open signs", run, "", STR("<"), 512 * KB);
	assert_linear("tags", run, "", STR("<div>"), 256 * KB);
	assert_linear("unclosed tags", run, "", STR("<a "), 256 * KB);
	assert_linear("unclosed quotes", run, "", STR("<a href=\"x>"), 256 * KB);
	assert_linear("last quote", run, "", STR("<a b=' c=\"x>"), 256 * KB);
	assert_linear("comments", run, "", STR("<!--"), 256 * KB);
	assert_linear("titles", run, "", STR("<title>"), 256 * KB);
	assert_linear("textareas", run, "", STR("<textarea></x"), 256 * KB);
	assert_linear("ends", run, "", STR("</font>"), 256 * KB);
	assert_linear("spans", run, "", STR("<span style=color:red>a"), 256 * KB);
	assert_linear("cells", run, "", STR("<table><tr><td>"), 256 * KB);
	assert_linear("references", run, "", STR("&a"), 256 * KB);
	assert_linear("numbers", run, "", STR("&#1"), 256 * KB);
	assert_linear("css", run, "<style>", STR("url("), 256 * KB);
	assert_linear("style", run, "<p style=\"", STR("color:url(;"), 256 * KB);
	assert_linear("dots", run, "<a href=\"http://a/", STR("../a/"), 256 * KB);
	assert_linear("attributes", run, "<a ", STR("href=a "), 256 * KB);
	assert_linear("anchors", run, "", STR("<a href=x>y"), 64 * KB);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(text),
	    cmocka_unit_test(hiding),
	    cmocka_unit_test(links),
	    cmocka_unit_test(resolving),
	    cmocka_unit_test(limits),
	    cmocka_unit_test(attribute_limit),
	    cmocka_unit_test(linear),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
