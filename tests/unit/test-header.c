#include <stdio.h>
#include <stdlib.h>

#include "core/header.h"
#include "tests/unit/unit-arena.h"

static struct headers parse(struct str text)
{
	struct headers h;

	headers_parse(arena, text, &h);
	return h;
}

static void plain(void **state)
{
	struct str text = STR("From: a@b\r\nSubject : x\r\n  y\r\n\tz\r\nX:\r\n\r\nbody: no\r\n");
	struct headers h = parse(text);

	(void)state;
	assert_int_equal(h.n, 3);
	assert_true(h.has_end);
	assert_str(str_from(text, h.body), "body: no\r\n");
	assert_str(h.v[1].name, "Subject");
	assert_str(h.v[1].value, " x\r\n  y\r\n\tz");
	assert_str(h.v[1].raw, "Subject : x\r\n  y\r\n\tz\r\n");
	assert_str(header_unfold(arena, h.v[1].value), "x  y\tz");
	assert_str(h.v[2].value, "");
	assert_false(h.has_nul || h.has_bare_cr || h.has_bare_lf || h.has_8bit || h.is_over);
	assert_int_equal(h.broken_at, 0);
}

static void line_feeds(void **state)
{
	struct str text = STR("A: 1\nB: 2\n 3\n\nrest");
	struct headers h = parse(text);

	(void)state;
	assert_int_equal(h.n, 2);
	assert_str(h.v[1].value, " 2\n 3");
	assert_str(header_unfold(arena, h.v[1].value), "2 3");
	assert_str(str_from(text, h.body), "rest");
	assert_false(h.has_bare_lf);
	assert_true(parse(STR("A: 1\r\nB: 2\n\r\n")).has_bare_lf);
}

static void ends(void **state)
{
	struct headers h = parse(STR("A: 1\r\nno field\r\nB: 2\r\n\r\n"));

	(void)state;
	assert_int_equal(h.n, 1);
	assert_int_equal(h.broken_at, 6);
	assert_int_equal(h.body, 6);
	assert_false(h.has_end);
	h = parse(STR("A: 1"));
	assert_int_equal(h.n, 1);
	assert_str(h.v[0].value, " 1");
	assert_int_equal(h.body, 4);
	assert_false(h.has_end);
	h = parse(STR(""));
	assert_int_equal(h.n, 0);
	assert_int_equal(h.body, 0);
	h = parse(STR("\r\nA: 1\r\n"));
	assert_int_equal(h.n, 0);
	assert_true(h.has_end);
	assert_int_equal(h.body, 2);
	h = parse(STR(" A: 1\r\n\r\n"));
	assert_int_equal(h.n, 0);
	assert_int_equal(h.body, 0);
	assert_false(h.has_end);
	/* A line of blanks goes on with the field (RFC 5322 part 4.2). */
	h = parse(STR("A: 1\r\n \r\nB: 2\r\n\r\n"));
	assert_int_equal(h.n, 2);
	assert_str(header_unfold(arena, h.v[0].value), "1");
}

static void octets(void **state)
{
	static const char nul[] = "A: 1\0002\r\n\r\n";

	(void)state;
	assert_true(parse((struct str){nul, sizeof nul - 1}).has_nul);
	assert_true(parse(STR("A: 1\r2\r\n\r\n")).has_bare_cr);
	assert_true(parse(STR("A: gr\xfcn and more\r\n\r\n")).has_8bit);
	assert_true(parse(STR("A:\xfc\r\n\r\n")).has_8bit);
	/* Only the section counts. */
	assert_false(parse(STR("A: 1\r\n\r\n\xfc\r")).has_8bit);
	assert_int_equal(parse(STR("N\xc3\xa4me: 1\r\n\r\n")).n, 0);
}

static void look_up(void **state)
{
	struct headers h = parse(STR("To: 1\r\nTO: 2\r\nT: 3\r\nto: 4\r\n\r\n"));

	(void)state;
	assert_int_equal(headers_count(&h, "to"), 3);
	assert_str(headers_get(&h, "to", 0)->value, " 1");
	assert_str(headers_get(&h, "tO", 2)->value, " 4");
	assert_null(headers_get(&h, "to", 3));
	assert_null(headers_get(&h, "cc", 0));
}

static struct headers with_fields(size_t n)
{
	struct buf b = {0};

	for (size_t i = 0; i < n; i++)
		buf_adds(&b, "A: 1\r\n");
	buf_adds(&b, "\r\nbody");
	return parse(buf_take(&b, arena));
}

static void count_limit(void **state)
{
	(void)state;
	assert_int_equal(with_fields(HEADER_COUNT_MAX - 1).n, HEADER_COUNT_MAX - 1);
	assert_int_equal(with_fields(HEADER_COUNT_MAX).n, HEADER_COUNT_MAX);
	assert_false(with_fields(HEADER_COUNT_MAX).is_over);
	assert_int_equal(with_fields(HEADER_COUNT_MAX + 1).n, HEADER_COUNT_MAX);
	assert_true(with_fields(HEADER_COUNT_MAX + 1).is_over);
	/* The body is found all the same. */
	assert_int_equal(with_fields(HEADER_COUNT_MAX + 9).body, (HEADER_COUNT_MAX + 9) * 6 + 2);
}

/* A small field, then one of so many octets that both have n. */
static struct headers with_bytes(size_t n)
{
	struct buf b = {0};

	buf_adds(&b, "A: 1\r\nB: ");
	while (b.n < n - 3)
		buf_adds(&b, b.n % 60 || b.n > n - 20 ? "x" : "x\r\n ");
	buf_adds(&b, "x\r\n");
	assert_int_equal(b.n, n);
	buf_adds(&b, "\r\nbody");
	return parse(buf_take(&b, arena));
}

static void bytes_limit(void **state)
{
	struct headers h;

	(void)state;
	assert_int_equal(with_bytes(HEADER_BYTES_MAX - 1).n, 2);
	assert_int_equal(with_bytes(HEADER_BYTES_MAX).n, 2);
	h = with_bytes(HEADER_BYTES_MAX + 1);
	assert_int_equal(h.n, 1);
	assert_true(h.is_over);
	assert_int_equal(h.body, HEADER_BYTES_MAX + 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(plain),
	    cmocka_unit_test(line_feeds),
	    cmocka_unit_test(ends),
	    cmocka_unit_test(octets),
	    cmocka_unit_test(look_up),
	    cmocka_unit_test(count_limit),
	    cmocka_unit_test(bytes_limit),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
