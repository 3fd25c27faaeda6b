#include <stdio.h>

#include "core/address.h"
#include "tests/unit/unit-arena.h"

/* A string of n times c. */
static struct str times(char c, size_t n)
{
	char *p = arena_alloc(arena, n + 1);

	memset(p, c, n);
	return (struct str){p, n};
}

struct path_case {
	const char *in, *text, *local, *domain, *rest;
};

static void good_paths_are_split(void **state)
{
	static const struct path_case cases[] = {
	    {"<a@b>", "a@b", "a", "b", ""},
	    {"<a@b> SIZE=1", "a@b", "a", "b", " SIZE=1"},
	    {"<A.b+c@Example.ORG>", "A.b+c@Example.ORG", "A.b+c", "example.org", ""},
	    {"<!#$%&'*+-/=?^_`{|}~@x>", "!#$%&'*+-/=?^_`{|}~@x", "!#$%&'*+-/=?^_`{|}~", "x", ""},
	    {"<\"a b\"@x>", "\"a b\"@x", "\"a b\"", "x", ""},
	    {"<\"a\\\"b\\\\\"@x>", "\"a\\\"b\\\\\"@x", "\"a\\\"b\\\\\"", "x", ""},
	    {"<\"<>@\"@x>", "\"<>@\"@x", "\"<>@\"", "x", ""},
	    {"<\"\"@x>", "\"\"@x", "\"\"", "x", ""},
	    {"<a@[192.0.2.1]>", "a@[192.0.2.1]", "a", "[192.0.2.1]", ""},
	    {"<a@[IPv6:2001:DB8::1]>", "a@[IPv6:2001:DB8::1]", "a", "[ipv6:2001:db8::1]", ""},
	    {"<@r.example,@[192.0.2.9]:a@b.example>", "a@b.example", "a", "b.example", ""},
	    {"<a@1.2.3.4>", "a@1.2.3.4", "a", "1.2.3.4", ""},
	    {"<a@b-c.d--e.f0>", "a@b-c.d--e.f0", "a", "b-c.d--e.f0", ""},
	    {"<Postmaster>", "Postmaster", "Postmaster", "", ""},
	    {"<\xc3\xbc@\xc3\xa4.example>", "\xc3\xbc@\xc3\xa4.example", "\xc3\xbc", "\xc3\xa4.example", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct str rest = str_of(cases[i].in);
		struct address address;
		const char *wrong = address_path(arena, &rest, false, true, &address);

		if (wrong)
			fail_msg("%s: %s", cases[i].in, wrong);
		assert_str(address.text, cases[i].text);
		assert_str(address.local, cases[i].local);
		assert_str(address.domain, cases[i].domain);
		assert_str(rest, cases[i].rest);
		assert_int_equal(address.is_utf8, !str_is_ascii(address.text));
	}
}

static void bad_paths_are_refused_and_rest_stays(void **state)
{
	static const char *const cases[] = {
	    "", "<", ">", "<>", "a@b", "<a@b", "a@b>", "<a>", "<@b>", "<a@>", "<a@@b>", "<a@b@c>", "< a@b>",
	    "<a@b >", "<a b@c>", "<.a@b>", "<a.@b>", "<a..b@c>", "<a@.b>", "<a@b.>", "<a@b..c>", "<a@-b>",
	    "<a@b->", "<a@b.-c.d>", "<a@b_c>", "<\"a@b>", "<\"a\"b@c>", "<\"a\\\"@b>", "<\"a\x01\"@b>",
	    "<\"a\\\x01\"@b>", "<\"a\r\n\"@b>", "<a\x7f@b>", "<a(c)@b>", "<a,b@c>", "<a:b@c>", "<a;b@c>",
	    "<a@[1.2.3]>", "<a@[1.2.3.4>", "<a@[2001:db8::1]>", "<a@[IPv6:192.0.2.1]>", "<a@[IPv6:]>", "<a@[]>",
	    "<a@[tag:x]>", "<@a>", "<@a:>", "<@a:b>", "<@a,:b@c>", "<@a;b@c>", "<@:a@b>", "<<a@b>>", "<a<@b>",
	    "<\xff@b>", "<a@\xc3>", "<postmaster@>", "<\"postmaster\">", "<a@b\\>",
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct str rest = str_of(cases[i]);
		struct address address;

		if (!address_path(arena, &rest, false, true, &address))
			fail_msg("accepted: %s", cases[i]);
		assert_ptr_equal(rest.p, cases[i]);
	}
}

static void null_and_postmaster_have_their_places(void **state)
{
	struct str rest = STR("<> X");
	struct address address;

	(void)state;
	assert_null(address_path(arena, &rest, true, false, &address));
	assert_str(rest, " X");
	assert_int_equal(address.text.n, 0);
	rest = STR("<postmaster>");
	assert_non_null(address_path(arena, &rest, true, false, &address));
}

static void utf8_needs_to_be_allowed(void **state)
{
	static const char *const cases[] = {"<\xc3\xbc@b>", "<a@\xc3\xa4.example>", "<\"\xc3\xbc\"@b>"};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct str rest = str_of(cases[i]);
		struct address address;

		assert_non_null(address_path(arena, &rest, false, false, &address));
		assert_null(address_path(arena, &rest, false, true, &address));
		assert_true(address.is_utf8);
	}
}

static const char *try_bare(struct str local, struct str domain)
{
	struct address address;

	return address_parse(arena, arena_printf(arena, "%.*s@%.*s", STR_ARG(local), STR_ARG(domain)), true,
	    &address);
}

/* A domain of n octets with labels of at most 63. */
static struct str domain_of(size_t n)
{
	struct str d = times('d', n);

	for (size_t i = 63; i + 1 < n; i += 64)
		((char *)d.p)[i] = '.';
	return d;
}

static void lengths_at_the_limits(void **state)
{
	(void)state;
	assert_null(try_bare(times('a', 63), STR("x")));
	assert_null(try_bare(times('a', 64), STR("x")));
	assert_non_null(try_bare(times('a', 65), STR("x")));
	assert_null(try_bare(STR("a"), times('d', 63)));
	assert_non_null(try_bare(STR("a"), times('d', 64)));
	assert_null(try_bare(STR("a"), domain_of(251)));
	assert_null(try_bare(STR("a"), domain_of(252)));     /* 254 in all */
	assert_non_null(try_bare(STR("a"), domain_of(253))); /* 255 */
	assert_true(domain_is_valid(domain_of(254), false));
	assert_true(domain_is_valid(domain_of(255), false));
	assert_false(domain_is_valid(domain_of(257), false));
}

static void bare_addresses(void **state)
{
	struct address address;

	(void)state;
	assert_null(address_parse(arena, STR("User@Example.org"), false, &address));
	assert_str(address.domain, "example.org");
	assert_non_null(address_parse(arena, STR("postmaster"), false, &address));
	assert_non_null(address_parse(arena, STR("a@b c"), false, &address));
	assert_non_null(address_parse(arena, STR("<a@b>"), false, &address));
	assert_non_null(address_parse(arena, STR("a@b\r"), false, &address));
	assert_non_null(address_parse(arena, STR(""), false, &address));
	assert_non_null(address_parse(arena, (struct str){"a\0b@c", 5}, false, &address));
}

static void domains_become_a_labels(void **state)
{
	struct str ascii;

	(void)state;
	assert_true(domain_to_ascii(arena, STR("B\xc3\xbc" "cher.Example"), &ascii));
	assert_str(ascii, "xn--bcher-kva.example");
	assert_true(domain_to_ascii(arena, STR("fa\xc3\x9f.de"), &ascii));
	assert_str(ascii, "xn--fa-hia.de");
	assert_true(domain_to_ascii(arena, STR("Plain.ORG"), &ascii));
	assert_str(ascii, "plain.org");
	assert_false(domain_to_ascii(arena, STR("\xff.org"), &ascii));
	assert_false(domain_to_ascii(arena, STR(""), &ascii));
	assert_false(domain_to_ascii(arena, (struct str){"a\0b", 3}, &ascii));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(good_paths_are_split),
	    cmocka_unit_test(bad_paths_are_refused_and_rest_stays),
	    cmocka_unit_test(null_and_postmaster_have_their_places),
	    cmocka_unit_test(utf8_needs_to_be_allowed),
	    cmocka_unit_test(lengths_at_the_limits),
	    cmocka_unit_test(bare_addresses),
	    cmocka_unit_test(domains_become_a_labels),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
