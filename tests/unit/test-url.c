#include <stdio.h>
#include <stdlib.h>

#include "core/url/url.h"
#include "tests/unit/growing.h"
#include "tests/unit/unit-arena.h"

static void read_one(const char *raw, const char *url, const char *host, const char *domain)
{
	struct url u;

	assert_true(url_read(arena, str_of(raw), &u));
	assert_str(u.url, url);
	assert_str(u.host, host);
	assert_str(u.domain, domain);
}

static void reading(void **state)
{
	struct url u;

	(void)state;
	read_one("http://WWW.Example.co.uk/x", "http://WWW.Example.co.uk/x", "www.example.co.uk", "example.co.uk");
	read_one(" https:example.com?q ", "https://example.com/?q", "example.com", "example.com");
	read_one("http:\\\\example.com\\a?b\\c", "http://example.com/a?b\\c", "example.com", "example.com");
	read_one("//example.com/a", "http://example.com/a", "example.com", "example.com");
	read_one("example.com/a", "http://example.com/a", "example.com", "example.com");
	read_one("http://user:pw@example.com:8080/", "http://user:pw@example.com:8080/", "example.com", "example.com");
	read_one("http://good.example@evil.com/", "http://good.example@evil.com/", "evil.com", "evil.com");
	read_one("http://%65vil%2ecom/", "http://%65vil%2ecom/", "evil.com", "evil.com");
	read_one("ht\ntp://exa\rmple.com/", "http://example.com/", "example.com", "example.com");
	read_one("%68ttp://example.com/", "http://example.com/", "example.com", "example.com");
	read_one("http://0x7f.1/", "http://0x7f.1/", "127.0.0.1", "127.0.0.1");
	read_one("http://2130706433/", "http://2130706433/", "127.0.0.1", "127.0.0.1");
	read_one("http://0300.0250.1/", "http://0300.0250.1/", "192.168.0.1", "192.168.0.1");
	read_one("http://[2001:DB8::1]:80/", "http://[2001:DB8::1]:80/", "[2001:db8::1]", "[2001:db8::1]");
	read_one("http://b\xc3\xbc" "cher.example.de/", "http://b\xc3\xbc" "cher.example.de/", "xn--bcher-kva.example.de",
	    "example.de");
	read_one("http://example\xe3\x80\x82" "com/", "http://example\xe3\x80\x82" "com/", "example.com", "example.com");
	read_one("http://evil.com/a>click</a>", "http://evil.com/a", "evil.com", "evil.com");
	read_one("mailto:a@Example.org?subject=x", "mailto:a@Example.org?subject=x", "example.org", "example.org");
	read_one("javascript:alert(1)", "javascript:alert(1)", "", "");
	read_one("tel:123", "tel:123", "", "");
	assert_false(url_read(arena, STR("#top"), &u));
	assert_false(url_read(arena, STR("/path"), &u));
	assert_false(url_read(arena, STR("page.html"), &u));
	assert_false(url_read(arena, STR(""), &u));
}

static void domains(void **state)
{
	struct str host, domain;

	(void)state;
	assert_str(domain_registered(STR("a.b.Example.co.uk")), "Example.co.uk");
	assert_str(domain_registered(STR("co.uk")), "co.uk");
	assert_str(domain_registered(STR("")), "");
	assert_str(domain_registered(STR("192.0.2.1")), "192.0.2.1");
	assert_true(host_is_public(STR("example.com")));
	assert_true(host_is_public(STR("www.example.za")));
	assert_false(host_is_public(STR("example.php")));
	assert_false(host_is_public(STR("a..example.com")));
	assert_false(host_is_public(STR("a_b.com")));
	assert_true(host_is_public(STR("a_b.example.com")));
	assert_false(host_is_public(STR("com")));
	assert_true(url_domain(arena, STR("http://x:y@www.example.com:80/a@b"), &host, &domain));
	assert_str(host, "www.example.com");
	assert_str(domain, "example.com");
	assert_false(url_domain(arena, STR("mailto:a@b@example.com"), &host, &domain));
	assert_false(url_domain(arena, STR("javascript:x.com"), &host, &domain));
}

static void found(const char *text, const char *wanted)
{
	struct urls urls = {0};
	struct buf got = {0};

	urls_from_text(arena, &urls, str_of(text), URL_FROM_TEXT);
	for (size_t i = 0; i < urls.n; i++)
		buf_addf(&got, "%s%.*s", i ? " " : "", STR_ARG(urls.v[i].url));
	assert_str(buf_take(&got, arena), wanted);
}

static void in_text(void **state)
{
	(void)state;
	found("see http://a.example.com/x, and (www.example.org).", "http://a.example.com/x http://www.example.org");
	found("<http://a.example.com/(x)>", "http://a.example.com/(x");
	found("bare example.com/path and example.php", "http://example.com/path");
	found("mail joe@example.com or mailto:x@example.org?y", "mailto:joe@example.com mailto:x@example.org?y");
	found("a@b.invalid and 10.1.1.1 and 1.2.3", "");
	found("twice www.example.com www.example.com", "http://www.example.com");
	found("http://r.example.com/?u=http%3A%2F%2Ft.example.org%2F&x", "http://r.example.com/?u=http%3A%2F%2Ft.example.org%2F&x"
	    " http://t.example.org/");
	found("http:// https:// www. ftp.", "");
	found("", "");
}

/* Links are found wherever in a block of octets they stand, and the ends of sentences are none. */
static void at_all_places(void **state)
{
	static const char dots[] = "word word. Two: three @ four, five; six, seven eight nine. ";
	struct arena *a = arena_new(0);

	(void)state;
	for (int before = 0; before < (int)sizeof dots; before++) {
		struct str text = arena_printf(a, "%.*s www.example.com, a@example.org. (http://example.net/x) %s", before, dots, dots);
		struct str odd = arena_printf(a, "%.*s hxxp://example[.]com/ and example(dot)org. %s", before, dots, dots);
		struct urls urls = {0}, known = {0}, hidden = {0};
		urls_from_text(a, &urls, text, URL_FROM_TEXT);
		assert_int_equal(urls.n, 3);
		urls_from_hidden(a, &hidden, &known, odd, URL_FROM_TEXT);
		assert_int_equal(hidden.n, 2);
	}
	arena_free(a);
}

static void url_limit(void **state)
{
	struct urls urls = {0};

	(void)state;
	for (size_t i = 0; i < URL_MAX; i++)
		urls_add(arena, &urls, arena_printf(arena, "http://h%zu.example.com/", i), URL_FROM_HREF, STR(""));
	assert_int_equal(urls.n, URL_MAX);
	assert_false(urls.is_over);
	urls_add(arena, &urls, STR("http://one.example.com/"), URL_FROM_HREF, STR(""));
	assert_int_equal(urls.n, URL_MAX);
	assert_true(urls.is_over);
}

/* Longer ones are cut, not dropped. */
static void bytes_limit(void **state)
{
	struct buf b = {0};
	struct url u;

	(void)state;
	buf_adds(&b, "http://example.com/");
	while (b.n < 3 * URL_BYTES_MAX)
		buf_addc(&b, 'a');
	for (size_t n = URL_BYTES_MAX - 1; n <= URL_BYTES_MAX + 1; n++) {
		assert_true(url_read(arena, str_sub(buf_str(&b), 0, n), &u));
		assert_int_equal(u.url.n, n < URL_BYTES_MAX ? n : URL_BYTES_MAX);
	}
	buf_free(&b);
}

static void run(struct arena *a, struct str in)
{
	struct urls urls = {0};

	urls_from_text(a, &urls, in, URL_FROM_TEXT);
}

static void run_read(struct arena *a, struct str in)
{
	struct url u;
	size_t n;

	url_read(a, in, &u);
	url_variants(a, in, &n);
}

static void linear(void **state)
{
	enum { KB = 1024 };

	(void)state;
	assert_linear("one word", run, "", STR("www.a"), 256 * KB);
	assert_linear("ats", run, "", STR("a@"), 256 * KB);
	assert_linear("dots", run, "", STR("a."), 256 * KB);
	assert_linear("names", run, "", STR("a.com "), 256 * KB);
	assert_linear("schemes", run, "", STR("http://"), 256 * KB);
	assert_linear("many", run, "", STR("http://x.example.com/ "), 512 * KB);
	assert_linear("colons", run, "", STR("a:1."), 256 * KB);
	assert_linear("brackets", run, "", STR("(("), 256 * KB);
	assert_linear("redirectors", run_read, "http://a.example.com/", STR("http://"), 64 * KB);
	assert_linear("percent", run_read, "http://a.example.com/", STR("%68"), 64 * KB);
}

/* ---- what is written to be missed ---- */

static void hidden(void **state)
{
	static const struct {
		const char *text, *host; /* NULL: nothing, or no news */
		bool is_obfuscated;
	} rows[] = {
	    {"see hxxp://evil.com/x", NULL, false}, /* a name without scheme: found already */
	    {"go to evil[.]com now", "evil.com", true},
	    {"evil(.)com", "evil.com", true},
	    {"evil [dot] com", "evil.com", true},
	    {"evil {dot} com", "evil.com", true},
	    {"hxxp[:]//evil[.]com/x", "evil.com", true},
	    {"hXXps : // evil . com / x", "evil.com", true},
	    {"http:\\\\evil.com\\x", "evil.com", true},
	    {"http:/evil.com/", "evil.com", true},
	    {"http://[2001:db8::1]/x", "[2001:db8::1]", true},
	    {"h\xe2\x80\x8bttp://evil.com/", "evil.com", true},
	    {"www.ev\xc2\xadil.com", NULL, false}, /* soft hyphens vanish in names anyway */
	    {"http://ev\xe2\x80\x8bil\xe2\x80\xa4" "com/", "evil.com", true},
	    {"\xd0\xbf\xd1\x80\xd0\xb8\xd0\xbc\xd0\xb5\xd1\x80.\xd1\x80\xd1\x84", "xn--e1afmkfd.xn--p1ai", false},
	    {"b\xc3\xbc" "cher.de", "xn--bcher-kva.de", false},
	    {"Ende.\xc3\x9c" "brigens", NULL, false}, /* no top-level domain */
	    {"plain http://evil.com/ text", NULL, false},
	    {"a (dot) b", NULL, false},
	    {"f(x) [.] {y}", NULL, false},
	    {"", NULL, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct urls known = {0}, more = {0};

		urls_from_text(arena, &known, str_of(rows[i].text), URL_FROM_TEXT);
		urls_from_hidden(arena, &more, &known, str_of(rows[i].text), URL_FROM_TEXT);
		if (more.n != (rows[i].host != NULL))
			print_error("%s: %zu\n", rows[i].text, more.n);
		assert_int_equal(more.n, rows[i].host != NULL);
		if (more.n) {
			assert_str(more.v[0].host, rows[i].host);
			assert_int_equal(more.v[0].is_obfuscated, rows[i].is_obfuscated);
		}
	}
}

static void nested_ones_are_marked(void **state)
{
	struct urls urls = {0};

	(void)state;
	urls_add(arena, &urls, STR("https://t.co/?u=http%3A%2F%2Fevil.com%2F"), URL_FROM_HREF, STR(""));
	assert_int_equal(urls.n, 2);
	assert_false(urls.v[0].is_nested);
	assert_true(urls.v[1].is_nested);
	assert_str(urls.v[1].host, "evil.com");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(hidden),
	    cmocka_unit_test(nested_ones_are_marked),
	    cmocka_unit_test(reading),
	    cmocka_unit_test(domains),
	    cmocka_unit_test(in_text),
	    cmocka_unit_test(at_all_places),
	    cmocka_unit_test(url_limit),
	    cmocka_unit_test(bytes_limit),
	    cmocka_unit_test(linear),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
