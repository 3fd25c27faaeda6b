/* The parts of the relay that need no connection: edits, dots, replies, retries, reports. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/date.h"
#include "core/edit_apply.h"
#include "gateway/queue/crc32c.h"
#include "gateway/relay/body.h"
#include "gateway/relay/dsn.h"
#include "gateway/relay/map.h"
#include "gateway/relay/reply.h"
#include "gateway/relay/retry.h"
#include "tests/unit/unit.h"

/* ---- edits ---- */

static struct str applied(struct arena *a, const struct edits *e, const char *message)
{
	struct edited edited;
	struct buf b = {0};
	size_t bytes;

	edits_apply(a, e, str_of(message), &edited);
	for (size_t i = 0; i < edited.n; i++)
		buf_add(&b, edited.pieces[i]);
	bytes = b.n;
	assert_int_equal(bytes, edited.bytes);
	buf_add(&b, str_from(str_of(message), edited.tail));
	return buf_take(&b, a);
}

static void edits(void **state)
{
	static const char message[] = "A: 1\r\nB: x\r\n\ty\r\nA: 2\r\na: 3\r\n\r\nA: 4\r\n";
	struct arena *a = arena_new(0);
	struct edits e;

	(void)state;
	edits_init(&e);
	assert_str(applied(a, &e, message), message);
	assert_str(applied(a, NULL, message), message);
	edit_add_header(&e, a, STR("First"), STR("1"));
	edit_add_header(&e, a, STR("Second"), STR("2\r\n\tfolded"));
	assert_str(applied(a, &e, message), "Second: 2\r\n\tfolded\r\nFirst: 1\r\nA: 1\r\nB: x\r\n\ty\r\nA: 2\r\na: 3\r\n\r\nA: 4\r\n");
	edit_remove_header(&e, a, STR("a"), 2);
	edit_change_header(&e, a, STR("b"), 1, STR("new"));
	assert_str(applied(a, &e, message), "Second: 2\r\n\tfolded\r\nFirst: 1\r\nA: 1\r\nB: new\r\na: 3\r\n\r\nA: 4\r\n");
	edits_init(&e);
	edit_remove_header(&e, a, STR("A"), 1);
	edit_remove_header(&e, a, STR("A"), 2);
	edit_remove_header(&e, a, STR("A"), 3);
	edit_remove_header(&e, a, STR("A"), 4);		     /* none: the body is no header */
	edit_remove_header(&e, a, STR("A"), 0);
	edit_change_header(&e, a, STR("C"), 1, STR("none"));
	assert_str(applied(a, &e, message), "B: x\r\n\ty\r\n\r\nA: 4\r\n");
	edit_change_header(&e, a, STR("A"), 3, STR("last word"));
	assert_str(applied(a, &e, message), "B: x\r\n\ty\r\na: last word\r\n\r\nA: 4\r\n");
	arena_free(a);
}

/* Without headers of its own, a message must not be drawn into ours. */
static void edits_of_odd_messages(void **state)
{
	struct arena *a = arena_new(0);
	struct edits e;

	(void)state;
	edits_init(&e);
	edit_add_header(&e, a, STR("X"), STR("1"));
	assert_str(applied(a, &e, ""), "X: 1\r\n");
	assert_str(applied(a, &e, "\r\nbody\r\n"), "X: 1\r\n\r\nbody\r\n");
	assert_str(applied(a, &e, " starts with a blank\r\n"), "X: 1\r\n\r\n starts with a blank\r\n");
	assert_str(applied(a, &e, "\tor a tab: x\r\n"), "X: 1\r\n\r\n\tor a tab: x\r\n");
	arena_free(a);
}

/* ---- dots and line ends ---- */

static void append(void *arg, struct str s)
{
	buf_add(arg, s);
}

static void check_dots(const char *in, const char *expected)
{
	size_t n = strlen(in);

	/* In one piece, and cut at every place. */
	for (size_t cut = 0; cut <= n; cut++) {
		struct dots d = {.is_start = true};
		struct buf b = {0};
		dots_write(&d, (struct str){in, cut}, append, &b);
		dots_write(&d, (struct str){in + cut, n - cut}, append, &b);
		dots_end(&d, append, &b);
		assert_str(buf_str(&b), expected);
		buf_free(&b);
	}
}

static void dots(void **state)
{
	(void)state;
	check_dots("", ".\r\n");
	check_dots("a\r\n", "a\r\n.\r\n");
	check_dots("a", "a\r\n.\r\n");
	check_dots(".\r\n", "..\r\n.\r\n");
	check_dots("a\r\n.\r\n..b\r\n", "a\r\n..\r\n...b\r\n.\r\n");
	/* What others might read as the end of the message. */
	check_dots("a\n.\nb\n", "a\r\n..\r\nb\r\n.\r\n");
	check_dots("a\r.\rb", "a\r\n..\r\nb\r\n.\r\n");
	check_dots("a\n.\r\nb", "a\r\n..\r\nb\r\n.\r\n");
	check_dots("a\r\n.\nb", "a\r\n..\r\nb\r\n.\r\n");
	check_dots("a\r\n.\rb", "a\r\n..\r\nb\r\n.\r\n");
	check_dots("a\r\r\nb\r", "a\r\n\r\nb\r\n.\r\n");
	check_dots("\n\n.", "\r\n\r\n..\r\n.\r\n");
}

static enum res open_body(struct arena *a, const char *text, size_t n, struct body *b, FILE **ret_file, bool lie)
{
	struct record_head h = {.data_length = n, .data_crc = crc32c(0, text, n) + lie};
	struct queue_data d = {.length = n};

	*ret_file = tmpfile();
	assert_int_equal(fwrite(text, 1, n, *ret_file), n);
	fflush(*ret_file);
	d.fd = fileno(*ret_file);
	return body_open(a, &d, &h, NULL, b);
}

static void body_looks(void **state)
{
	static const struct {
		const char *text;
		bool is_8bit, is_8bit_header, is_clean, has_dots;
	} rows[] = {
	    {"A: b\r\n\r\nbody\r\n", false, false, true, false},
	    {"A: b\r\n\r\nb\xc3\xbc\r\n", true, false, true, false},
	    {"A: \xc3\xbc\r\n\r\nbody\r\n", true, true, true, false},
	    {"A: b\r\n\r\n.body\r\n", false, false, true, true},
	    {".\r\n", false, false, true, true},
	    {"A: b\r\n\r\nbody", false, false, false, false},
	    {"A: b\n\nbody\r\n", false, false, false, false},
	    {"A: b\r\n\r\nbo\rdy\r\n", false, false, false, false},
	    {"A: b\r\r\n", false, false, false, false},
	    {"A: b\r\n\n", false, false, false, false},
	    {"", false, false, true, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct arena *a = arena_new(0);
		struct body b;
		FILE *f;
		assert_int_equal(open_body(a, rows[i].text, strlen(rows[i].text), &b, &f, false), RES_OK);
		assert_int_equal(b.has_8bit, rows[i].is_8bit);
		assert_int_equal(b.has_8bit_header, rows[i].is_8bit_header);
		assert_int_equal(b.is_clean, rows[i].is_clean);
		assert_int_equal(b.has_dots, rows[i].has_dots);
		assert_str(body_start(a, &b, 100), rows[i].text);
		fclose(f);
		assert_int_equal(open_body(a, rows[i].text, strlen(rows[i].text), &b, &f, true), RES_PERM);
		fclose(f);
		arena_free(a);
	}
}

/* A line end that the pieces of a large file cut in the middle; just below, at and above the memory limit. */
static void body_in_pieces(void **state)
{
	size_t sizes[] = {BODY_MEMORY - 1, BODY_MEMORY, BODY_MEMORY + 1, 3 * BODY_CHUNK + 1};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct arena *a = arena_new(0);
		size_t n = sizes[i];
		char *text = malloc(n + 1);
		struct body b;
		FILE *f;
		memset(text, 'x', n);
		for (size_t at = BODY_CHUNK - 1; at + 1 < n; at += BODY_CHUNK)
			memcpy(text + at, "\r\n", 2);
		memcpy(text + n - 2, "\r\n", 2);
		assert_int_equal(open_body(a, text, n, &b, &f, false), RES_OK);
		if (!b.is_clean)
			fail_msg("%zu octets", n);
		assert_int_equal(b.fd >= 0, n > BODY_MEMORY);
		fclose(f);
		text[n / 2 + 5] = '\n';
		assert_int_equal(open_body(a, text, n, &b, &f, false), RES_OK);
		assert_false(b.is_clean);
		fclose(f);
		free(text);
		arena_free(a);
	}
}

/* ---- replies ---- */

static void replies(void **state)
{
	struct reply r;

	(void)state;
	assert_int_equal(reply_parse(STR("250 ok\r\nrest"), &r), REPLY_DONE);
	assert_int_equal(r.code, 250);
	assert_int_equal(r.length, 8);
	assert_str(reply_text(&r), "ok");
	assert_string_equal(r.enhanced, "");
	assert_int_equal(reply_parse(STR("550-5.1.1 no\r\n550 5.1.1 user\x07\n"), &r), REPLY_DONE);
	assert_string_equal(r.enhanced, "5.1.1");
	assert_str(reply_text(&r), "5.1.1 no\n5.1.1 user ");
	assert_int_equal(reply_parse(STR("250\r\n"), &r), REPLY_DONE);
	assert_int_equal(reply_parse(STR("250-one\r\n250"), &r), REPLY_MORE);
	assert_int_equal(reply_parse(STR(""), &r), REPLY_MORE);
	assert_int_equal(reply_parse(STR("25 x\r\n"), &r), REPLY_BAD);
	assert_int_equal(reply_parse(STR("250-one\r\n251 two\r\n"), &r), REPLY_BAD);
	assert_int_equal(reply_parse(STR("199 x\r\n"), &r), REPLY_BAD);
	assert_int_equal(reply_parse(STR("600 x\r\n"), &r), REPLY_BAD);
	assert_int_equal(reply_parse(STR("2500 x\r\n"), &r), REPLY_BAD);
	/* The wrong class, and what only looks like a code. */
	assert_int_equal(reply_parse(STR("450 5.1.1 x\r\n"), &r), REPLY_DONE);
	assert_string_equal(r.enhanced, "");
	assert_int_equal(reply_parse(STR("550 5.1234.1 x\r\n"), &r), REPLY_DONE);
	assert_string_equal(r.enhanced, "");
	assert_int_equal(reply_parse(STR("550 5.1.1x\r\n"), &r), REPLY_DONE);
	assert_string_equal(r.enhanced, "");
	assert_int_equal(reply_parse(STR("550 5.999.999\r\n"), &r), REPLY_DONE);
	assert_string_equal(r.enhanced, "5.999.999");
}

static enum reply_status many_lines(size_t n)
{
	struct buf b = {0};
	struct reply r;
	enum reply_status status;

	for (size_t i = 1; i < n; i++)
		buf_adds(&b, "250-x\r\n");
	buf_adds(&b, "250 x\r\n");
	status = reply_parse(buf_str(&b), &r);
	buf_free(&b);
	return status;
}

static enum reply_status long_line(size_t n)
{
	struct buf b = {0};
	struct reply r;
	enum reply_status status;

	buf_adds(&b, "250 ");
	while (b.n < n)
		buf_addc(&b, 'x');
	buf_addc(&b, '\n');
	status = reply_parse(buf_str(&b), &r);
	if (status == REPLY_DONE)
		assert_int_equal(r.text_length, n - 4 < REPLY_TEXT_MAX ? n - 4 : REPLY_TEXT_MAX);
	buf_free(&b);
	return status;
}

static void reply_limits(void **state)
{
	(void)state;
	assert_int_equal(many_lines(REPLY_LINES_MAX - 1), REPLY_DONE);
	assert_int_equal(many_lines(REPLY_LINES_MAX), REPLY_DONE);
	assert_int_equal(many_lines(REPLY_LINES_MAX + 1), REPLY_BAD);
	assert_int_equal(long_line(REPLY_TEXT_MAX + 3), REPLY_DONE);
	assert_int_equal(long_line(REPLY_TEXT_MAX + 4), REPLY_DONE);
	assert_int_equal(long_line(REPLY_TEXT_MAX + 5), REPLY_DONE);
	assert_int_equal(long_line(REPLY_BYTES_MAX), REPLY_DONE);
	assert_int_equal(long_line(REPLY_BYTES_MAX + 1), REPLY_BAD);
}

/* ---- retries ---- */

/* Against a plain array: whatever is removed, the others are still found. */
static void map_removes(void **state)
{
	enum { KEYS = 500 };
	struct map *m = map_new();
	bool is_there[KEYS] = {false};
	char key[16];
	uint32_t value, dice = 1;

	(void)state;
	for (int step = 0; step < 20000; step++) {
		dice = dice * 1664525u + 1013904223u;
		uint32_t i = dice >> 8 & 511;
		if (i >= KEYS)
			continue;
		snprintf(key, sizeof key, "k%u", i);
		if (is_there[i])
			assert_true(map_remove(m, str_of(key)));
		else
			map_add(m, str_of(key), i);
		is_there[i] = !is_there[i];
	}
	for (uint32_t i = 0; i < KEYS; i++) {
		snprintf(key, sizeof key, "k%u", i);
		assert_int_equal(map_get(m, str_of(key), &value), is_there[i]);
		if (is_there[i])
			assert_int_equal(value, i);
		else
			assert_false(map_remove(m, str_of(key)));
	}
	map_free(m);
}

static void retries(void **state)
{
	const uint32_t middle = UINT32_MAX / 2;

	(void)state;
	assert_in_range(retry_delay_ms(60000, 3600000, 1, middle), 59999, 60001);
	assert_in_range(retry_delay_ms(60000, 3600000, 2, middle), 119999, 120001);
	assert_in_range(retry_delay_ms(60000, 3600000, 6, middle), 1919999, 1920001);
	assert_in_range(retry_delay_ms(60000, 3600000, 7, middle), 3599999, 3600001);
	assert_in_range(retry_delay_ms(60000, 3600000, 65535, middle), 3599999, 3600001);
	assert_int_equal(retry_delay_ms(60000, 3600000, 1, 0), 48000);
	assert_in_range(retry_delay_ms(60000, 3600000, 1, UINT32_MAX), 71999, 72000);
	assert_int_equal(retry_delay_ms(0, 0, 3, 0), 1);
	assert_int_not_equal(retry_dice(), retry_dice());
}

/* ---- reports ---- */

static void date(void **state)
{
	struct buf b = {0};

	(void)state;
	date_write(&b, 951782400);
	assert_str(buf_str(&b), "Tue, 29 Feb 2000 00:00:00 +0000");
	buf_free(&b);
}

static void report(void **state)
{
	struct dsn_recipient to[] = {
	    {.address = STR("u@example.org"), .orcpt = STR("rfc822;old+2Bname@example.org"), .status = STR("5.1.1"),
		.remote = STR("mx.example.org"), .diagnostic = STR("550 5.1.1 no\nsuch user"), .is_reply = true},
	    {.address = STR("gr\xc3\xbc\xc3\x9f@example.org"), .status = STR("4.4.7"), .diagnostic = STR("too old")}};
	struct dsn d = {.kind = DSN_FAILED, .hostname = STR("mx.here.example"), .postmaster = STR("pm@here.example"),
	    .to = STR("s@example.com"), .id = STR("0id"), .message_id = STR("0orig"), .envid = STR("e+2Dx"),
	    .now = 951782400, .arrived = 951782000, .recipients = to, .n = 2,
	    .original = STR("Subject: gr\xc3\xbc\xc3\x9f\r\n")};
	static const char status[] =
	    "\r\nContent-Type: message/delivery-status\r\n\r\nOriginal-Envelope-Id: e-x\r\nReporting-MTA: dns; mx.here.example\r\n"
	    "Arrival-Date: Mon, 28 Feb 2000 23:53:20 +0000\r\n\r\n"
	    "Original-Recipient: rfc822; old+name@example.org\r\nFinal-Recipient: rfc822; u@example.org\r\nAction: failed\r\n"
	    "Status: 5.1.1\r\nRemote-MTA: dns; mx.example.org\r\nDiagnostic-Code: smtp; 550 5.1.1 no such user\r\n"
	    "Last-Attempt-Date: Tue, 29 Feb 2000 00:00:00 +0000\r\n\r\n"
	    "Final-Recipient: utf-8; gr\\x{FC}\\x{DF}@example.org\r\nAction: failed\r\nStatus: 4.4.7\r\n"
	    "Diagnostic-Code: X-Mailreeve; too old\r\nLast-Attempt-Date: Tue, 29 Feb 2000 00:00:00 +0000\r\n";
	struct buf b = {0};
	bool is_8bit;

	(void)state;
	dsn_write(&d, &b, &is_8bit);
	assert_false(is_8bit);
	assert_true(str_is_ascii(buf_str(&b)));
	assert_true(str_find(buf_str(&b), str_of(status)) > 0);
	assert_true(str_find(buf_str(&b), STR("\r\nAuto-Submitted: auto-replied\r\n")) > 0);
	assert_true(str_find(buf_str(&b), STR("\r\nMessage-ID: <0id.report@mx.here.example>\r\n")) > 0);
	assert_true(str_find(buf_str(&b), STR("Content-Type: text/rfc822-headers\r\n\r\nSubject: gr????\r\n")) > 0);
	assert_true(str_ends(buf_str(&b), STR("\r\n--=_report_0id--\r\n")));
	b.n = 0;
	d.is_whole = true;
	d.kind = DSN_DELAYED;
	d.retry_until = 951868800;
	dsn_write(&d, &b, &is_8bit);
	assert_true(is_8bit);
	assert_true(str_find(buf_str(&b), STR("\r\nContent-Type: message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n\r\nSubject: gr\xc3\xbc")) > 0);
	assert_true(str_find(buf_str(&b), STR("\r\nWill-Retry-Until: Wed, 01 Mar 2000 00:00:00 +0000\r\n")) > 0);
	buf_free(&b);
}

/* Nothing that a next hop or a client said may start a line of its own. */
static void report_injection(void **state)
{
	struct dsn_recipient to = {.address = STR("u\r\nBcc: x@example.org"), .orcpt = STR("rfc822;a+0D+0AX-Evil:+20b"),
	    .status = STR("5.0.0"), .remote = STR("mx\r\nX-Evil: 1"), .diagnostic = STR("550 no\r\n\r\nX-Evil: 2"), .is_reply = true};
	struct dsn d = {.kind = DSN_FAILED, .hostname = STR("h"), .postmaster = STR("pm@h"), .to = STR("s@example.com"),
	    .id = STR("0id"), .envid = STR("a+0AX-Evil:3"), .recipients = &to, .n = 1};
	struct buf b = {0};
	bool is_8bit;

	(void)state;
	dsn_write(&d, &b, &is_8bit);
	assert_true(str_find(buf_str(&b), STR("\nX-Evil")) < 0);
	assert_true(str_find(buf_str(&b), STR("\nBcc")) < 0);
	buf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(edits),
	    cmocka_unit_test(edits_of_odd_messages),
	    cmocka_unit_test(dots),
	    cmocka_unit_test(body_looks),
	    cmocka_unit_test(body_in_pieces),
	    cmocka_unit_test(replies),
	    cmocka_unit_test(reply_limits),
	    cmocka_unit_test(map_removes), cmocka_unit_test(retries),
	    cmocka_unit_test(date),
	    cmocka_unit_test(report),
	    cmocka_unit_test(report_injection),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
