#include <stdlib.h>

#include "core/url/known_domains.h"
#include "core/text/language.h"
#include "core/url/lookalike.h"
#include "core/url/url.h"
#include "tests/unit/growing.h"
#include "tests/unit/unit-arena.h"

static void reads(const char *text, uint32_t c, size_t n)
{
	uint32_t got;

	assert_int_equal(unicode_read(str_of(text), &got), n);
	assert_int_equal(got, c);
}

static void characters(void **state)
{
	(void)state;
	reads("a", 'a', 1);
	reads("\xc3\xa4", 0xe4, 2);
	reads("\xe2\x82\xac", 0x20ac, 3);
	reads("\xf0\x9f\x98\x80", 0x1f600, 4);
	reads("\xc0\x80", 0xfffd, 1);	      /* too long a form */
	reads("\xed\xa0\x80", 0xfffd, 1);     /* a surrogate */
	reads("\xf4\x90\x80\x80", 0xfffd, 1); /* beyond the last */
	reads("\xe2\x82", 0xfffd, 1);
	assert_true(unicode_is_invisible(0x200b));
	assert_false(unicode_is_invisible(' '));
}

static void scripts(void **state)
{
	(void)state;
	assert_int_equal(unicode_script('a'), SCRIPT_LATIN);
	assert_int_equal(unicode_script('1'), SCRIPT_COMMON);
	assert_int_equal(unicode_script(0x436), SCRIPT_CYRILLIC);
	assert_int_equal(unicode_script(0x3b1), SCRIPT_GREEK);
	assert_int_equal(unicode_script(0x4e00), SCRIPT_HAN);
	assert_int_equal(unicode_script(0x3042), SCRIPT_KANA);
	assert_int_equal(unicode_script(0xac00), SCRIPT_HANGUL);
	assert_string_equal(script_name(SCRIPT_THAI), "thai");
	assert_true(unicode_is_mixed(STR("p\xd0\xb0ypal.com")));	 /* Cyrillic a */
	assert_false(unicode_is_mixed(STR("b\xc3\xbc" "cher.de")));
	assert_false(unicode_is_mixed(STR("\xd0\xb6\xd0\xb6.com"))); /* one script a label */
}

static void skeletons(void **state)
{
	(void)state;
	assert_str(unicode_skeleton(arena, STR("PayPal.com")), "paypal.com");
	assert_str(unicode_skeleton(arena, STR("p\xd0\xb0yp\xd0\xb0l.com")), "paypal.com");
	assert_str(unicode_skeleton(arena, STR("paypa1.com")), "paypal.com");
	assert_str(unicode_skeleton(arena, STR("exarnple.org")), "example.org");
	assert_str(unicode_skeleton(arena, STR("vvindows")), "windows");
	assert_str(unicode_skeleton(arena, STR("\xce\x91\xce\xa1\xce\xa1")), "app"); /* Greek capitals */
	assert_str(unicode_skeleton(arena, STR("g\xc3\xb6\xe2\x80\x8bogle")), "google");
	assert_str(unicode_skeleton(arena, STR("\xff\x80")), "\xff\x80");
}

static enum lookalike check(const char *mine, const char *other)
{
	struct lookalike_host a, b;

	lookalike_prepare(arena, str_of(mine), &a);
	lookalike_prepare(arena, str_of(other), &b);
	return lookalike_check(&a, &b);
}

static void lookalikes(void **state)
{
	static const struct {
		const char *mine, *other;
		enum lookalike kind;
	} rows[] = {
	    {"example.org", "example.org", LOOKALIKE_NONE},
	    {"example.org", "mail.example.org", LOOKALIKE_NONE},
	    {"example.org", "exarnple.org", LOOKALIKE_SHAPE},
	    {"example.org", "examp1e.org", LOOKALIKE_SHAPE},
	    {"example.org", "examp1e.net", LOOKALIKE_SHAPE},
	    {"paypal.com", "xn--pypal-4ve.com", LOOKALIKE_SHAPE},
	    {"example.org", "exmaple.org", LOOKALIKE_TYPO},
	    {"example.org", "exampel.net", LOOKALIKE_TYPO},
	    {"example.org", "examplee.org", LOOKALIKE_TYPO},
	    {"example.org", "exmple.org", LOOKALIKE_TYPO},
	    {"example.org", "exammmple.org", LOOKALIKE_NONE},
	    {"example.org", "sample.org", LOOKALIKE_NONE},
	    {"acme.org", "acne.org", LOOKALIKE_NONE}, /* short names are near to much */
	    {"example.org", "example-login.com", LOOKALIKE_WORD},
	    {"example.org", "my-example.net", LOOKALIKE_WORD},
	    {"example.org", "secureexample.net", LOOKALIKE_WORD},
	    {"example.org", "examplesupport.net", LOOKALIKE_WORD},
	    {"example.org", "counterexample.net", LOOKALIKE_NONE},
	    {"acme.org", "acme-login.org", LOOKALIKE_NONE},
	    {"example.org", "example.co", LOOKALIKE_ENDING},
	    {"acme.org", "acme.com", LOOKALIKE_NONE},
	    {"example.org", "example.org.evil.net", LOOKALIKE_SUBDOMAIN},
	    {"example.org", "www.example.org-login.evil.net", LOOKALIKE_SUBDOMAIN},
	    {"example.com", "www.example.com.au", LOOKALIKE_ENDING},
	    {"example.org", "192.0.2.1", LOOKALIKE_NONE},
	    {"example.org", "", LOOKALIKE_NONE},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		enum lookalike got = check(rows[i].mine, rows[i].other);

		if (got != rows[i].kind)
			print_error("%s %s: %s\n", rows[i].mine, rows[i].other, lookalike_name(got));
		assert_int_equal(got, rows[i].kind);
	}
}

static void known(void **state)
{
	(void)state;
	assert_true(domain_is_known(KNOWN_FREEMAIL, STR("gmail.com")));
	assert_true(domain_is_known(KNOWN_FREEMAIL, STR("Yahoo.co.uk")));
	assert_false(domain_is_known(KNOWN_FREEMAIL, STR("example.org")));
	assert_false(domain_is_known(KNOWN_FREEMAIL, STR("")));
	assert_true(domain_is_known(KNOWN_SHORTENER, STR("bit.ly")));
	assert_true(domain_is_known(KNOWN_HOSTER, STR("a.b.pages.dev")));
	assert_false(domain_is_known(KNOWN_HOSTER, STR("xpages.dev")));
	for (int kind = 0; kind < KNOWN_KINDS; kind++) {
		size_t n;
		const char *const *v = known_domains(kind, &n);

		for (size_t i = 0; i < n; i++) {
			assert_true(i == 0 || str_icmp(str_of(v[i - 1]), str_of(v[i])) < 0);
			assert_true(domain_is_known(kind, str_of(v[i])));
		}
	}
}

static void speaks(const char *text, const char *code, enum script script)
{
	struct str line = str_of(text);
	struct language l;

	language_guess(&line, 1, &l);
	if (strcmp(l.code, code) != 0)
		print_error("%s (%.2f): %s\n", l.code, l.confidence, text);
	assert_string_equal(l.code, code);
	assert_int_equal(l.script, script);
	assert_true(l.confidence >= 0 && l.confidence <= 1);
}

static void languages(void **state)
{
	(void)state;
	speaks("Please find the report attached to this message; we will be in touch with you when it is done.", "en", SCRIPT_LATIN);
	speaks("Bitte lesen Sie den Bericht und sagen Sie uns, ob das f\xc3\xbcr Sie so in Ordnung ist oder nicht.", "de", SCRIPT_LATIN);
	speaks("Nous vous prions de lire le rapport que nous avons mis dans ce message pour vous et les autres.", "fr", SCRIPT_LATIN);
	speaks("Por favor lea el informe que est\xc3\xa1 en este mensaje y d\xc3\xadganos lo que piensa de los resultados.", "es", SCRIPT_LATIN);
	speaks("\xd0\x9f\xd1\x80\xd0\xbe\xd1\x88\xd1\x83 \xd0\xb2\xd0\xb0\xd1\x81 \xd0\xbd\xd0\xb0 \xd1\x8d\xd1\x82\xd0\xbe "
	       "\xd0\xbd\xd0\xb5 \xd1\x81\xd0\xbc\xd0\xbe\xd1\x82\xd1\x80\xd0\xb5\xd1\x82\xd1\x8c, \xd0\xb8 \xd0\xb2\xd1\x8b \xd0\xb2 "
	       "\xd1\x8d\xd1\x82\xd0\xbe \xd0\xbd\xd0\xb5 \xd0\xb2\xd0\xb5\xd1\x80\xd0\xb8\xd1\x82\xd0\xb5, \xd0\xba\xd0\xb0\xd0\xba "
	       "\xd0\xb8 \xd0\xbe\xd0\xbd", "ru", SCRIPT_CYRILLIC);
	speaks("\xe4\xbd\xa0\xe5\xa5\xbd\xe4\xb8\x96\xe7\x95\x8c\xe4\xbd\xa0\xe5\xa5\xbd", "zh", SCRIPT_HAN);
	speaks("\xe3\x81\x93\xe3\x82\x93\xe3\x81\xab\xe3\x81\xa1\xe3\x81\xaf\xe4\xb8\x96\xe7\x95\x8c", "ja", SCRIPT_KANA);
	speaks("\xce\xba\xce\xb1\xce\xbb\xce\xb7\xce\xbc\xce\xad\xcf\x81\xce\xb1", "el", SCRIPT_GREEK);
	speaks("int main return void static const", "", SCRIPT_LATIN); /* no language */
	speaks("ok thanks", "", SCRIPT_LATIN);
	speaks("", "", SCRIPT_COMMON);
}

static void run_hidden(struct arena *a, struct str in)
{
	struct urls urls = {0}, none = {0};

	urls_from_hidden(a, &urls, &none, in, URL_FROM_TEXT);
}

static void run_skeleton(struct arena *a, struct str in)
{
	unicode_skeleton(a, in);
}

static void linear(void **state)
{
	enum { MB = 1024 * 1024 };

	(void)state;
	assert_linear("hxxp", run_hidden, "", STR("hxxp : // "), MB);
	assert_linear("brackets", run_hidden, "", STR("a[.]"), MB);
	assert_linear("addresses in brackets", run_hidden, "", STR("http://[::1"), MB);
	assert_linear("one foreign name", run_hidden, "", STR("\xc3\xa4."), MB);
	assert_linear("blanks", run_hidden, "hxxp://a", STR(" . "), MB);
	assert_linear("skeleton", run_skeleton, "", STR("\xd0\xb0rn"), MB / 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(characters), cmocka_unit_test(scripts),   cmocka_unit_test(skeletons), cmocka_unit_test(lookalikes),
	    cmocka_unit_test(known),	  cmocka_unit_test(languages), cmocka_unit_test(linear),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
