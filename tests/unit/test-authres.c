/* Authentication-Results: grammar, forged ids in all spellings, what we write reads back. */
#include <stdio.h>

#include "auth/authres.h"
#include "auth/tags.h"
#include "tests/unit/unit.h"

static void reading(void **state)
{
	struct arena *a = arena_new(0);
	struct authres r;

	(void)state;
	assert_true(authres_parse(a, STR(" example.org 1; none"), &r));
	assert_str(r.id, "example.org");
	assert_str(r.version, "1");
	assert_int_equal(r.n, 0);
	assert_true(authres_parse(a, STR("(x (y)) \"example.org\"(z);\r\n"
					 "\tSPF/1 (no) = Pass (see \\) it)\r\n\treason=\"a;b\" smtp.mailfrom=\"a b\"@c.d"
					 "; dkim=fail header.d=x.y header.b=\"ab/c\" policy (q) . s (t) = 1"), &r));
	assert_str(r.id, "example.org");
	assert_int_equal(r.n, 2);
	assert_str(r.v[0].method, "spf");
	assert_str(r.v[0].version, "1");
	assert_str(r.v[0].result, "pass");
	assert_str(r.v[0].reason, "a;b");
	assert_str(r.v[0].properties[0].value, "\"a b\"@c.d");
	assert_int_equal(r.v[1].n, 3);
	assert_str(r.v[1].properties[1].value, "ab/c");
	assert_str(r.v[1].properties[2].name, "s");
	assert_true(authres_parse(a, STR("example.org; spf=pass;"), &r));
	arena_free(a);
}

static void broken(void **state)
{
	static const char *const bad[] = {"", ";", "; spf=pass", "example.org; spf", "example.org; spf=", "example.org; =pass",
	    "example.org; spf=pass x", "example.org; spf=pass x.y", "example.org; spf=pass x.y=", "example.org (", "example.org; spf=pass (a",
	    "\"example.org", "example.org; spf=pass reason=\"a", "example.org x; spf=pass", "a b; none"};
	struct arena *a = arena_new(0);
	struct authres r;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (authres_parse(a, str_of(bad[i]), &r))
			fail_msg("taken: '%s'", bad[i]);
	arena_free(a);
}

/* 99, 100 and 101 results; 20 and 21 properties; comments 32 and 33 deep. */
static bool parse_many(int results, int properties, int comments)
{
	struct arena *a = arena_new(0);
	struct buf text = {0};
	struct authres r;
	bool ok;

	for (int i = 0; i < comments; i++)
		buf_addc(&text, '(');
	for (int i = 0; i < comments; i++)
		buf_addc(&text, ')');
	buf_adds(&text, "example.org");
	for (int i = 0; i < results; i++)
		buf_adds(&text, "; spf=pass");
	for (int i = 0; i < properties; i++)
		buf_adds(&text, " a.b=c");
	ok = authres_parse(a, buf_str(&text), &r);
	buf_free(&text);
	arena_free(a);
	return ok;
}

static void limits(void **state)
{
	(void)state;
	assert_true(parse_many(AUTHRES_RESULTS_MAX - 1, 0, 0));
	assert_true(parse_many(AUTHRES_RESULTS_MAX, 0, 0));
	assert_false(parse_many(AUTHRES_RESULTS_MAX + 1, 0, 0));
	assert_true(parse_many(1, AUTHRES_PROPERTIES_MAX - 1, 0));
	assert_true(parse_many(1, AUTHRES_PROPERTIES_MAX, 0));
	assert_false(parse_many(1, AUTHRES_PROPERTIES_MAX + 1, 0));
	assert_true(parse_many(1, 0, TAG_COMMENT_DEPTH));
	assert_false(parse_many(1, 0, TAG_COMMENT_DEPTH + 1));
}

static void claims(void **state)
{
	static const char *const ours[] = {"mx.example.org; none", "MX.Example.Org;spf=pass", "\r\n\tmx.example.org\r\n ; x=y",
	    "\"mx.example.org\"; a=b", "\"mx\\.example.org\"; a=b", "(hi) mx.example.org (there) 1; a=b", "mx.example.org.; a=b", "mx.example.org",
	    "mx.example.org; broken", "mx.example.org 1 2 3; (", "\" mx.example.org \"; a=b", "(a(b)c)mx.example.org;",
	    "mx.(x)example.org; a=b", "mx . example . org; a=b", "mx.exam\r\n ple.org; a=b", "mx.\"example\".org; a=b",
	    "mx.example.org(x)1; a=b", "mx.example.org/1; a=b", "mx.example.org / 2; a=b", "mx.(a;b)example.org; a=b"};
	static const char *const others[] = {"mx.example.net; none", "xmx.example.org; a=b", "mx.example.org.evil.example; a=b", "",
	    "(mx.example.org) other.example; a=b", "other.example (mx.example.org); a=b", "other.example; a=mx.example.org", "; mx.example.org",
	    "mx.example.org1; a=b", "mx.example.org2.example; a=b", "mx.example.or(g); a=b", "m x;example.org",
	    "mx.example.org-1; a=b"};
	struct arena *a = arena_new(0);

	(void)state;
	for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
		if (!authres_claims(a, str_of(ours[i]), STR("mx.example.org")))
			fail_msg("not found: '%s'", ours[i]);
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		if (authres_claims(a, str_of(others[i]), STR("mx.example.org")))
			fail_msg("taken for ours: '%s'", others[i]);
	assert_true(authres_claims(a, STR("mx.b\xc3\xbc" "cher.example; a=b"), STR("mx.xn--bcher-kva.example")));
	arena_free(a);
}

static void writing(void **state)
{
	struct arena *a = arena_new(0);
	struct authres_writer w = authres_start(STR("mx.example.org"));
	struct authres r;
	struct str text;

	(void)state;
	assert_str(authres_end(&w, a), "mx.example.org; none");
	w = authres_start(STR("mx.example.org"));
	authres_method(&w, "spf", "fail");
	authres_comment(&w, STR("a (b) \r\n\\"));
	authres_reason(&w, STR("it's \"so\"; x=y"));
	authres_property(&w, "smtp", "mailfrom", STR("a\r\nX-Evil: b@example.org"));
	authres_property(&w, "smtp", "helo", STR(""));
	authres_method(&w, "dkim", "pass");
	authres_property(&w, "header", "i", STR("@example.org"));
	authres_property(&w, "header", "b", STR("ab/+="));
	text = authres_end(&w, a);
	assert_int_equal(str_find(text, STR("\r\nX-Evil")), -1);
	assert_true(authres_parse(a, text, &r));
	assert_int_equal(r.n, 2);
	assert_str(r.v[0].reason, "it's \"so\"; x=y");
	assert_str(r.v[0].properties[0].value, "a  X-Evil: b@example.org");
	assert_str(r.v[1].properties[0].value, "@example.org");
	assert_str(r.v[1].properties[1].value, "ab/+=");
	arena_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reading),
	    cmocka_unit_test(broken),
	    cmocka_unit_test(limits),
	    cmocka_unit_test(claims),
	    cmocka_unit_test(writing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
