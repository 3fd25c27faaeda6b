/* Messages that come in pieces: the header is judged, and the body seen, before the end is there. */
#define _GNU_SOURCE
#include "tests/unit/smtp-world.h"

static const char header[] = "Subject: one\r\nFrom: a@b\r\n\r\n";

static void wait_judged(int n)
{
	for (int i = 0; i < WAIT_MS && judged < n; i++)
		usleep(1000);
	assert_int_equal(judged, n);
}

static size_t pieces(void)
{
	return __atomic_load_n(&seen.pieces, __ATOMIC_ACQUIRE);
}

static void wait_pieces(size_t n)
{
	for (int i = 0; i < WAIT_MS && pieces() < n; i++)
		usleep(1000);
	assert_true(pieces() >= n);
}

enum { BEGINNING = 8000 };

/* More of the body is not kept. */
static void check_dropped(struct client *c)
{
	for (int i = 0; i < BEGINNING / 100; i++)
		put(c, arena_printf(w.arena, "%098d\r\n", i));
	usleep(50000);
	assert_true(smtp_server_stats(w.server)->memory < BEGINNING);
}

/* MAIL to 354, then the header and the beginning of the body: judged at once. */
static struct client *begin(void)
{
	struct client *c = dial_ehlo();
	int before;

	envelope(c);
	say(c, "DATA", "354 ");
	before = judged;
	put(c, STR("Subject: one\r\nFrom: a@b\r\n\r\nbody\r\n"));
	wait_judged(before + 1);
	return c;
}

static void refused_by_its_header(void **state)
{
	struct client *c;

	(void)state;
	plan[STAGE_HEADER] = verdict_of(VERDICT_REJECT, 550, "5.7.1", "no such subjects");
	c = begin();
	/* Nothing of the rest is kept or seen, and the answer waits for the end. */
	check_dropped(c);
	put(c, STR("more\r\n..\r\n"));
	say(c, ".", "550 5.7.1 no such subjects (");
	assert_int_equal(smtp_server_stats(w.server)->rejected, 1);
	assert_int_equal(smtp_server_stats(w.server)->messages, 0);
	assert_int_equal(seen.at_end, 0);
	plan[STAGE_HEADER] = verdict_of(VERDICT_NONE, 0, "", "");
	envelope(c);
	say(c, "DATA", "354 ");
	say(c, "Subject: two\r\n\r\nx\r\n.", "250 2.0.0");
	assert_int_equal(queued, 1);
	quit(c);
	settle();
}

static void refused_with_goodbye(void **state)
{
	struct client *c;

	(void)state;
	plan[STAGE_HEADER] = verdict_of(VERDICT_TEMPFAIL, 421, "4.7.0", "go away");
	c = begin();
	say(c, ".", "421 4.7.0 go away (");
	expect(c, "");
	hang_up(c);
	assert_int_equal(smtp_server_stats(w.server)->tempfailed, 1);
	settle();
}

/* RFC 3030: the chunk is read to its end, then refused; what follows belongs to no message. */
static void refused_in_a_chunk(void **state)
{
	struct client *c = dial_ehlo();

	(void)state;
	plan[STAGE_HEADER] = verdict_of(VERDICT_REJECT, 550, "5.7.1", "no");
	envelope(c);
	put(c, STR("BDAT 100\r\nSubject: one\r\n\r\n"));
	wait_judged(5);
	put(c, arena_printf(w.arena, "%084d", 1));
	expect(c, "550 5.7.1 no (");
	say(c, "BDAT 6 LAST\r\nRSET", "503 5.5.1");
	say(c, "NOOP", "250 ");
	quit(c);
	settle();
}

static void loops_and_sizes_are_seen_early(void **state)
{
	struct client *c = dial_ehlo();

	(void)state;
	envelope(c);
	say(c, "DATA", "354 ");
	put(c, STR("Received: a\r\nReceived: b\r\nReceived: c\r\nReceived: d\r\n\r\n"));
	usleep(50000);
	say(c, "x\r\n.", "554 5.4.6");
	assert_int_equal(judged, 4); /* connect, helo, mail, rcpt */
	quit(c);
	settle();
}

/* A section over its limit, cut inside of a field name: what follows is no body. */
static void too_long_a_section_in_pieces(void **state)
{
	struct parse_limits *limits = &w.config.limits.parse;
	int64_t before = limits->header_bytes;
	struct client *c = dial_ehlo();

	(void)state;
	limits->header_bytes = 100;
	envelope(c);
	say(c, "DATA", "354 ");
	put(c, arena_printf(w.arena, "Subject: %089d\r\nFr", 1));
	usleep(50000);
	put(c, STR("om: ceo@bank.example\r\n\r\nbody\r\n.\r\n"));
	expect(c, "552 5.3.4 header section too large");
	quit(c);
	settle();
	limits->header_bytes = before;
}

static void check_body(const char *body)
{
	assert_str(((struct str){seen.body, seen.n}), body);
	assert_int_equal(seen.at_end, seen.n);
}

static void the_body_is_seen_as_it_comes(void **state)
{
	struct client *c = begin();

	(void)state;
	wait_pieces(1);
	put(c, STR("..dot\r\nhalf"));
	wait_pieces(2);
	put(c, STR(" a line\r\n"));
	wait_pieces(3);
	assert_int_equal(queued, 0);
	say(c, ".", "250 2.0.0");
	check_body("body\r\n.dot\r\nhalf a line\r\n");
	assert_int_equal(judged, 5);
	quit(c);
	settle();
}

static void the_body_is_seen_whole(void **state)
{
	struct client *c = dial_ehlo();

	(void)state;
	envelope(c);
	say(c, "DATA", "354 ");
	put(c, STR("Subject: x\r\n\r\n..all\r\nof it\r\n.\r\n"));
	expect(c, "250 2.0.0");
	check_body(".all\r\nof it\r\n");
	quit(c);
	settle();
}

/* Chunks that cut the header, its end, and the last line. */
static void the_body_is_seen_in_chunks(void **state)
{
	static const size_t cuts[] = {1, 13, 14, 15, 24, 25, 26, 27, 28, 29};
	size_t whole = sizeof header - 1 + 5;

	(void)state;
	for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++) {
		struct client *c = dial_ehlo();
		struct str text = arena_printf(w.arena, "%s.\r\nxy", header);

		seen.n = seen.at_end = 0;
		envelope(c);
		put(c, arena_printf(w.arena, "BDAT %zu\r\n", cuts[i]));
		put(c, str_sub(text, 0, cuts[i]));
		expect(c, "250 2.0.0");
		put(c, arena_printf(w.arena, "BDAT %zu LAST\r\n", whole - cuts[i]));
		put(c, str_from(text, cuts[i]));
		expect(c, "250 2.0.0");
		check_body(".\r\nxy\r\n");
		assert_int_equal(queued_length, whole + 2);
		quit(c);
		settle();
	}
}

/* No header, no body, no blank line: in pieces and as a whole. */
static void odd_messages(void **state)
{
	static const struct {
		const char *first, *second, *body;
	} rows[] = {{"\r\nbo", "dy\r\n", "body\r\n"}, {"\r\n", "body\r\n", "body\r\n"}, {"A: b\r\n", "\r\n", ""},
	    {"A: b\r\n\r\n", "", ""}, {"A: b\r\n", "C: d\r\n", ""}, {"A: b\r\nno field\r\n", "\r\nx\r\n", "no field\r\n\r\nx\r\n"}};

	(void)state;
	for (size_t i = 0; i < 2 * sizeof rows / sizeof *rows; i++) {
		struct client *c = dial_ehlo();

		seen.n = seen.at_end = 0;
		envelope(c);
		say(c, "DATA", "354 ");
		put(c, str_of(rows[i / 2].first));
		if (i % 2)
			usleep(20000);
		put(c, str_of(rows[i / 2].second));
		put(c, STR(".\r\n"));
		expect(c, "250 2.0.0");
		if (str_starts(str_of(rows[i / 2].first), STR("A")))
			check_body(rows[i / 2].body);
		quit(c);
	}
	settle();
}

/* On a worker: input that comes meanwhile waits, and the order of everything stays. */
static void a_slow_header_stage(void **state)
{
	struct client *c;

	(void)state;
	c = dial_ehlo();
	envelope(c);
	say(c, "DATA", "354 ");
	is_quick = false;
	worker_ms = 100;
	put(c, str_of(header));
	usleep(20000);
	put(c, STR("late\r\n.\r\nNOOP\r\n"));
	expect(c, "250 2.0.0 accepted");
	expect(c, "250 2.0.0 ok");
	check_body("late\r\n");
	/* Who leaves meanwhile is forgotten when the worker is done. */
	envelope(c);
	say(c, "DATA", "354 ");
	put(c, str_of(header));
	usleep(20000);
	hang_up(c);
	settle();
	assert_int_equal(queued, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    T(refused_by_its_header),
	    T(refused_with_goodbye),
	    T(refused_in_a_chunk),
	    T(loops_and_sizes_are_seen_early),
	    T(too_long_a_section_in_pieces),
	    T(the_body_is_seen_as_it_comes),
	    T(the_body_is_seen_whole),
	    T(the_body_is_seen_in_chunks),
	    T(odd_messages),
	    T(a_slow_header_stage),
	};

	smtp_world_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
