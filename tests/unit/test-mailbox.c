#include <stdio.h>
#include <stdlib.h>

#include "core/mailbox.h"
#include "tests/unit/growing.h"
#include "tests/unit/unit-arena.h"

static struct mailboxes parse(struct str text)
{
	struct mailboxes list;

	mailboxes_parse(arena, text, &list);
	return list;
}

/* Names and addresses as "name <address>; ..." and the flags as words. */
static void check(const char *value, const char *wanted, const char *odd)
{
	struct mailboxes list = parse(str_of(value));
	struct buf got = {0}, flags = {0};

	for (size_t i = 0; i < list.n; i++)
		buf_addf(&got, "%s%.*s<%.*s>", i ? "; " : "", STR_ARG(list.v[i].name), STR_ARG(list.v[i].address));
	for (uint32_t bit = 1; bit; bit <<= 1)
		if (list.odd & bit)
			buf_addf(&flags, "%s%s", flags.n ? " " : "", mailbox_odd_name(bit));
	assert_str(buf_take(&got, arena), wanted);
	assert_str(buf_take(&flags, arena), odd);
}

static void plain(void **state)
{
	(void)state;
	check("a@b.example", "<a@b.example>", "");
	check(" Joe Q. Public <john.q.public@Example.COM>\r\n", "Joe Q. Public<john.q.public@example.com>", "");
	check("\"Joe \\\"Q\\\" P\" <a@b.example>", "Joe \"Q\" P<a@b.example>", "");
	check("a@b.example (Joe)", "Joe<a@b.example>", "");
	check("=?utf-8?q?J=C3=BCrgen?= <a@b.example>", "J\xc3\xbcrgen<a@b.example>", "");
	check("a@b.example, C <c@d.example>", "<a@b.example>; C<c@d.example>", "several");
	check("\"a b\"@c.example", "<\"a b\"@c.example>", "quoted-local");
	check("a@[192.0.2.1]", "<a@[192.0.2.1]>", "literal");
	check("Friends: a@b.example, c@d.example;", "<a@b.example>; <c@d.example>", "group several");
	check("undisclosed-recipients:;", "", "group");
	check("J. R. \"x@y\" (a@b): a@b.example;", "<a@b.example>", "group");
	check("a@b.example <a@b.example>", "a@b.example<a@b.example>", "address-name");
	check("a@b.example c@d.example> <a@b.example>", "a@b.example c@d.example><a@b.example>", "unbalanced junk address-name");
	check("\"c@d.example\"> <a@b.example>", "c@d.example><a@b.example>", "unbalanced address-name");
	check("a@b.example c@d.example <a@b.example>", "a@b.example c@d.example<a@b.example>", "junk address-name");
	check("[ <c@d.example>]<a@b.example>", "[ <c@d.example>]<a@b.example>", "junk address-name");
	check("a@b.example(c)x", "c<a@b.example>", "junk comment");
	check("a@b(c).example", "c<a@b.example>", "comment");
	check("c@d.example Friends: a@b.example;", "<a@b.example>", "junk group");
	check("<c@d.example> x:a@b.example;", "<a@b.example>", "junk group");
	check("c@d.example: a@b.example;", "<a@b.example>", "junk group");
	check("<@x.example,@y.example:a@b.example>", "<a@b.example>", "route");
	check("<>", "<>", "null-angle");
	check("J <a@b.example> (c)", "J<a@b.example>", "");
}

static void obsolete(void **state)
{
	(void)state;
	check("a . b @ c . example", "<a.b@c.example>", "obsolete");
	check("a(x)@(y)b.example", "y<a@b.example>", "comment");
	check("a..b@c.example", "<a..b@c.example>", "obsolete");
	check("a@b.example,, c@d.example", "<a@b.example>; <c@d.example>", "several empty-item");
	check("a@b.example; c@d.example", "<a@b.example>; <c@d.example>", "several semicolon");
	check("gr\xc3\xbcn@b.example", "<gr\xc3\xbcn@b.example>", "8bit");
	check("x@y.example <a@b.example>", "<x@y.example>; x@y.example<a@b.example>", "junk several address-name");
	check("\"x@y.example\" <a@b.example>", "x@y.example<a@b.example>", "address-name");
}

/* What programs disagree on is broken, whatever we make of it. */
static void broken(const char *value, const char *address, uint32_t bit)
{
	struct mailboxes list = parse(str_of(value));
	bool has = !*address && !list.n;

	for (size_t i = 0; i < list.n; i++)
		has |= str_is(list.v[i].address, address);
	if (!has || !(list.odd & bit & MAILBOX_BROKEN))
		print_error("%s: %#x\n", value, list.odd);
	assert_true(has);
	assert_true(list.odd & bit & MAILBOX_BROKEN);
}

static void broken_input(void **state)
{
	static const char nul[] = "a@b.example\0.evil.example";

	(void)state;
	broken("\"Joe <a@b.example>", "a@b.example", MAILBOX_UNBALANCED);
	broken("Joe <a@b.example", "a@b.example", MAILBOX_UNBALANCED);
	broken("Joe a@b.example>", "a@b.example", MAILBOX_UNBALANCED);
	broken("a@b.example (never", "a@b.example", MAILBOX_UNBALANCED);
	broken("a@b.example )", "a@b.example", MAILBOX_UNBALANCED);
	broken("<a@b.example> <c@d.example>", "a@b.example", MAILBOX_TWO_ANGLES);
	broken("<a@b.example> <c@d.example>", "c@d.example", MAILBOX_TWO_ANGLES);
	broken("<<a@b.example>>", "a@b.example", MAILBOX_TWO_ANGLES);
	broken("<a@b.example> trailing", "a@b.example", MAILBOX_JUNK);
	broken("Joe Public a@b.example", "a@b.example", MAILBOX_JUNK);
	broken("a@b.example more", "a@b.example", MAILBOX_JUNK);
	broken("a@b@c.example", "a@b", MAILBOX_BAD_LOCAL);
	broken("root", "root", MAILBOX_NO_DOMAIN);
	broken("Joe Public", "", MAILBOX_NONE);
	broken("a@", "a", MAILBOX_BAD_DOMAIN);
	broken("a@-bad-.example", "a@-bad-.example", MAILBOX_BAD_DOMAIN);
	broken("a@b_c..example", "a@b_c..example", MAILBOX_BAD_DOMAIN);
	broken("=?utf-8?q?a=40b=2Eexample?=", "=?utf-8?q?a=40b=2Eexample?=", MAILBOX_NO_DOMAIN);
	broken("=?utf-8?q?a?=@b.example", "=?utf-8?q?a?=@b.example", MAILBOX_ENCODED);
	broken("Team,(<a@b.example>)", "a@b.example", MAILBOX_JUNK);
	broken("a@b.example\r c", "a@b.example", MAILBOX_CONTROL);
	assert_true(parse((struct str){nul, sizeof nul - 1}).odd & MAILBOX_NUL);
}

static struct mailboxes with_addresses(size_t n)
{
	struct buf b = {0};

	for (size_t i = 0; i < n; i++)
		buf_addf(&b, "%su%zu@b.example", i ? "," : "", i);
	return parse(buf_take(&b, arena));
}

static struct mailboxes with_comments(size_t n)
{
	struct buf b = {0};

	for (size_t i = 0; i < n; i++)
		buf_addc(&b, '(');
	for (size_t i = 0; i < n; i++)
		buf_addc(&b, ')');
	buf_adds(&b, "a@b.example");
	return parse(buf_take(&b, arena));
}

static void limits(void **state)
{
	(void)state;
	assert_int_equal(with_addresses(MAILBOXES_MAX - 1).n, MAILBOXES_MAX - 1);
	assert_int_equal(with_addresses(MAILBOXES_MAX).n, MAILBOXES_MAX);
	assert_false(with_addresses(MAILBOXES_MAX).odd & MAILBOX_OVER);
	assert_int_equal(with_addresses(MAILBOXES_MAX + 1).n, MAILBOXES_MAX);
	assert_true(with_addresses(MAILBOXES_MAX + 1).odd & MAILBOX_OVER);
	assert_false(with_comments(MAILBOX_COMMENT_DEPTH - 1).odd & MAILBOX_BROKEN);
	assert_false(with_comments(MAILBOX_COMMENT_DEPTH).odd & MAILBOX_BROKEN);
	assert_true(with_comments(MAILBOX_COMMENT_DEPTH + 1).odd & MAILBOX_UNBALANCED);
}

static void run(struct arena *a, struct str in)
{
	struct mailboxes list;

	mailboxes_parse(a, in, &list);
}

static void linear(void **state)
{
	(void)state;
	assert_linear("comments", run, "", STR("("), 65536);
	assert_linear("quotes", run, "a", STR("\"a"), 65536);
	assert_linear("brackets", run, "", STR("["), 65536);
	assert_linear("angles", run, "", STR("<"), 8192);
	assert_linear("ats", run, "", STR("@a "), 16384);
	assert_linear("groups", run, "", STR("a:"), 16384);
	assert_linear("commas", run, "", STR(","), 8192);
	assert_linear("words", run, "", STR("a "), 16384);
	assert_linear("dots", run, "", STR("a. "), 16384);
	assert_linear("one word", run, "", STR("aaaa"), 131072);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(plain),
	    cmocka_unit_test(obsolete),
	    cmocka_unit_test(broken_input),
	    cmocka_unit_test(limits),
	    cmocka_unit_test(linear),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
