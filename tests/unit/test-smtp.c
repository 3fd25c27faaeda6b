/* SMTP sessions from greeting to queue: order, verdicts, hand-overs, ends. */
#define _GNU_SOURCE
#include "tests/unit/smtp-world.h"

static void a_message_goes_through(void **state)
{
	struct client *c = dial_ehlo();

	(void)state;
	say(c, "MAIL FROM:<a@sender.test> SIZE=100 BODY=8BITMIME RET=HDRS ENVID=e+2B1", "250 2.1.0");
	say(c, "RCPT TO:<u@example.org> NOTIFY=SUCCESS ORCPT=rfc822;x@y", "250 2.1.5");
	say(c, "DATA", "354 ");
	say(c, "Subject: hi\r\n\r\n..dot\r\n.", "250 2.0.0 accepted (");
	assert_int_equal(queued, 1);
	assert_str(((struct str){queued_data, queued_length}), "Subject: hi\r\n\r\n.dot\r\n");
	if (!strstr(queued_text, "from=a@sender.test to=u@example.org n=1 envid=e+2B1 ret=2 notify=2 orcpt=rfc822;x@y "
				 "8bit=1 utf8=0\nReceived: from client.test ([127.0.0.1])\r\n\tby mx.test with ESMTP id ") ||
	    !strstr(queued_text, "\r\n\tfor <u@example.org>;\r\n\t"))
		fail_msg("%s", queued_text);
	quit(c);
	settle();
	assert_int_equal(smtp_server_stats(w.server)->accepted, 1);
	assert_int_equal(smtp_server_stats(w.server)->messages, 1);
}

static void ehlo_offers_what_there_is(void **state)
{
	static const char *const words[] = {"PIPELINING", "SIZE 10000", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES", "CHUNKING", "DSN"};
	struct client *c = dial_ehlo();

	(void)state;
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (!strstr(c->reply, words[i]))
			fail_msg("%s is not offered: %s", words[i], c->reply);
	assert_null(strstr(c->reply, "STARTTLS"));
	assert_null(strstr(c->reply, "XCLIENT"));
	assert_null(strstr(c->reply, "AUTH"));
	say(c, "HELO client.test", "250 mx.test");
	quit(c);
}

static void order_and_syntax(void **state)
{
	static const char *const table[][2] = {{"MAIL FROM:<a@b>", "503 5.5.1"}, {"RCPT TO:<a@b>", "503 5.5.1"}, {"DATA", "503 5.5.1"},
	    {"EHLO", "501 5.5.4"}, {"EHLO a b", "501 5.5.4"}, {"NOOP x", "250 2.0.0"}, {"VRFY x", "252 "}, {"EXPN x", "502 5.5.1"},
	    {"HELP", "214 2.0.0"}, {"STARTTLS", "502 5.5.1"}, {"", "500 5.5.2"}, {"BOGUS", "500 5.5.2"}, {"helo x", "250 mx.test"},
	    {"RCPT TO:<u@example.org>", "503 5.5.1"}, {"MAIL FROM:<a@b> SIZE=1", "555 5.5.4"}, {"mail from:<a@b>", "250 2.1.0"},
	    {"MAIL FROM:<a@b>", "503 5.5.1"}, {"DATA", "503 5.5.1"}, {"RCPT TO:<u@example.org> ", "250 2.1.5"}, {"DATA x", "501 5.5.4"},
	    {"RSET x", "501 5.5.4"}, {"RSET", "250 2.0.0"}, {"DATA", "503 5.5.1"}, {"XCLIENT ADDR=1.2.3.4", "550 5.7.0"}};
	struct client *c = dial();

	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof *table; i++)
		say(c, table[i][0], table[i][1]);
	quit(c);
}

static void recipients_only_of_our_domains(void **state)
{
	static const char *const table[][2] = {{"<u@elsewhere.test>", "550 5.7.1"}, {"<u@sub.example.org>", "550 5.7.1"},
	    {"<u%elsewhere.test@example.org>", "550 5.7.1"}, {"<elsewhere.test!u@example.org>", "550 5.7.1"},
	    {"<\"u@elsewhere.test\"@example.org>", "550 5.7.1"}, {"<u@[127.0.0.1]>", "550 5.7.1"}, {"<>", "501 5.1.3"}, {"<u>", "501 5.1.3"},
	    {"<u@example.org>x", "501 5.1.3"}, {"<\xc3\xbc@example.org>", "553 5.6.7"}, {"<reject@example.org>", "550 5.1.1"},
	    {"<@elsewhere.test:u@example.org>", "250 2.1.5"}, {"<u@EXAMPLE.NET>", "250 2.1.5"}, {"<u%x_y@example.org>", "250 2.1.5"},
	    {"<PostMaster>", "250 2.1.5"}, {"<u5@example.org>", "250 2.1.5"}, {"<u6@example.org>", "452 4.5.3"}, {"<u7@example.org>", "452 4.5.3"}};
	struct client *c = dial_ehlo();
	char line[256];

	(void)state;
	say(c, "MAIL FROM:<>", "250 2.1.0");
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		snprintf(line, sizeof line, "RCPT TO:%s", table[i][0]);
		say(c, line, table[i][1]);
	}
	say(c, "DATA", "354 ");
	say(c, "Subject: x\r\n\r\nx\r\n.", "250 2.0.0");
	if (!strstr(queued_text, "from= to=u@example.org n=5 ") || strstr(queued_text, "for <"))
		fail_msg("%s", queued_text);
	quit(c);
}

static void postmaster_is_taken_whatever_policy_says(void **state)
{
	struct client *c;

	(void)state;
	plan[STAGE_RCPT] = verdict_of(VERDICT_REJECT, 550, "5.7.1", "nobody");
	c = dial_ehlo();
	say(c, "MAIL FROM:<>", "250 ");
	say(c, "RCPT TO:<u@example.org>", "550 5.7.1 nobody (");
	say(c, "DATA", "554 5.5.1");
	say(c, "RCPT TO:<postmaster>", "250 2.1.5");
	say(c, "DATA", "354 ");
	say(c, ".", "250 2.0.0");
	assert_non_null(strstr(queued_text, "to=admin@example.org"));
	quit(c);
}

static void utf8_addresses_need_smtputf8(void **state)
{
	struct client *c = dial_ehlo();

	(void)state;
	say(c, "MAIL FROM:<\xc3\xbc@sender.test>", "553 5.6.7");
	say(c, "MAIL FROM:<\xff@sender.test> SMTPUTF8", "501 5.1.7");
	say(c, "MAIL FROM:<\xc3\xbc@sender.test> SMTPUTF8", "250 2.1.0");
	say(c, "RCPT TO:<\xc3\xbc@example.org>", "250 2.1.5");
	say(c, "DATA", "354 ");
	say(c, ".", "250 2.0.0");
	assert_non_null(strstr(queued_text, "utf8=1"));
	assert_non_null(strstr(queued_text, "with UTF8SMTP id"));
	quit(c);
}

static void pipelined_in_one_segment_or_octet_by_octet(void **state)
{
	static const char text[] = "EHLO c.test\r\nMAIL FROM:<a@b>\r\nRCPT TO:<reject@example.org>\r\nRCPT TO:<u@example.org>\r\n"
				   "DATA\r\nSubject: x\r\n\r\nx\r\n.\r\nMAIL FROM:<c@d>\r\nRCPT TO:<u@example.net>\r\n"
				   "BDAT 3 LAST\r\nx\r\nNOOP\r\nQUIT\r\n";
	static const char *const replies[] = {"250 ", "250 2.1.0", "550 5.1.1", "250 2.1.5", "354 ", "250 2.0.0", "250 2.1.0", "250 2.1.5",
	    "250 2.0.0", "250 2.0.0 ok", "221 "};

	(void)state;
	for (int pass = 0; pass < 4; pass++) {
		struct client *c;

		/* Inline, and with every stage on a worker. */
		is_quick = pass % 2 == 0;
		c = dial();
		if (pass < 2)
			put(c, str_of(text));
		else
			for (size_t i = 0; i < sizeof text - 1; i++)
				put(c, (struct str){text + i, 1});
		for (size_t i = 0; i < sizeof replies / sizeof *replies; i++)
			expect(c, replies[i]);
		expect(c, "");
		hang_up(c);
	}
	assert_int_equal(queued, 8);
	settle();
}

static void verdicts_of_each_stage_are_told(void **state)
{
	struct client *c;

	(void)state;
	for (int quick = 0; quick < 2; quick++) {
		is_quick = quick;
		plan[STAGE_CONNECT] = verdict_of(VERDICT_REJECT, 554, "5.7.1", "listed");
		c = dial_quietly();
		expect(c, "554 5.7.1 listed (");
		say(c, "EHLO x", "503 5.5.1");
		say(c, "QUIT", "221 ");
		plan[STAGE_CONNECT] = verdict_of(VERDICT_TEMPFAIL, 421, "4.7.1", "later");
		c = dial_quietly();
		expect(c, "421 4.7.1 later (");
		expect(c, "");
		plan[STAGE_CONNECT] = verdict_of(VERDICT_NONE, 0, "", "");
		plan[STAGE_HELO] = verdict_of(VERDICT_REJECT, 550, "5.7.1", "not you");
		c = dial();
		say(c, "EHLO x", "550 5.7.1 not you (");
		say(c, "MAIL FROM:<a@b>", "503 ");
		quit(c);
		plan[STAGE_HELO] = verdict_of(VERDICT_NONE, 0, "", "");
		plan[STAGE_MAIL] = verdict_of(VERDICT_TEMPFAIL, 451, "4.7.1", "later");
		c = dial_ehlo();
		say(c, "MAIL FROM:<a@b>", "451 4.7.1 later (");
		say(c, "RCPT TO:<u@example.org>", "503 ");
		quit(c);
		plan[STAGE_MAIL] = verdict_of(VERDICT_NONE, 0, "", "");
		plan[STAGE_HEADER] = verdict_of(VERDICT_REJECT, 550, "5.6.0", "bad header");
		c = dial_ehlo();
		envelope(c);
		say(c, "DATA", "354 ");
		say(c, "x: y\r\n.", "550 5.6.0 bad header (");
		plan[STAGE_HEADER] = verdict_of(VERDICT_NONE, 0, "", "");
		plan[STAGE_MESSAGE] = verdict_of(VERDICT_REJECT, 554, "5.7.1", "spam");
		envelope(c);
		say(c, "BDAT 0 LAST", "554 5.7.1 spam (");
		say(c, "RCPT TO:<u@example.org>", "503 ");
		plan[STAGE_MESSAGE] = verdict_of(VERDICT_ACCEPT, 0, "", "");
		quit(c);
	}
	assert_int_equal(queued, 0);
	settle();
}

static void a_delay_holds_the_reply_and_no_thread(void **state)
{
	int64_t start = clock_ticks_ns();
	struct client *c[8];

	(void)state;
	plan[STAGE_MAIL].delay_ms = 500;
	for (size_t i = 0; i < 8; i++) {
		c[i] = dial_ehlo();
		put(c[i], STR("MAIL FROM:<a@b>\r\nRSET\r\n"));
	}
	for (size_t i = 0; i < 8; i++) {
		expect(c[i], "250 2.1.0");
		expect(c[i], "250 2.0.0");
		quit(c[i]);
	}
	assert_in_range((clock_ticks_ns() - start) / 1000000, 500, 8 * 500 - 1);
}

static void quarantine_and_discard_are_accepted(void **state)
{
	struct client *c = dial_ehlo();

	(void)state;
	plan[STAGE_MESSAGE] = verdict_of(VERDICT_QUARANTINE, 0, "", "");
	envelope(c);
	say(c, "DATA", "354 ");
	say(c, "x: y\r\n.", "250 2.0.0");
	assert_int_equal(set_aside, 1);
	assert_int_equal(queued, 0);
	aside_says = ASIDE_NOT_WRITTEN;
	envelope(c);
	say(c, "DATA", "354 ");
	say(c, "x: y\r\n.", "452 4.3.1");
	aside_says = ASIDE_WORKS;
	plan[STAGE_MESSAGE] = verdict_of(VERDICT_DISCARD, 0, "", "");
	envelope(c);
	say(c, "DATA", "354 ");
	say(c, "x: y\r\n.", "250 2.0.0");
	assert_int_equal(queued, 0);
	/* Decided at HELO: for all recipients. */
	plan[STAGE_MESSAGE] = verdict_of(VERDICT_ACCEPT, 0, "", "");
	say(c, "EHLO quarantine", "250 ");
	envelope(c);
	say(c, "DATA", "354 ");
	say(c, "x: y\r\n.", "250 2.0.0");
	assert_int_equal(set_aside, 2);
	assert_int_equal(queued, 0);
	/* And forgotten with the next greeting. */
	say(c, "EHLO other", "250 ");
	envelope(c);
	say(c, "DATA", "354 ");
	say(c, "x: y\r\n.", "250 2.0.0");
	assert_int_equal(queued, 1);
	quit(c);
}

/*
 * Accepted for one and set aside for the other, and one of the two cannot be stored: the client comes again, and
 * nobody may have it twice then. The queue delivers whatever it took.
 */
static void both_are_stored_or_neither(void **state)
{
	static const struct {
		int aside_says;
		enum queue_result queue_says;
		const char *reply;
		int queued, set_aside;
	} rows[] = {
	    {ASIDE_WORKS, QUEUE_OK, "250 2.0.0", 1, 1},
	    {ASIDE_NOT_WRITTEN, QUEUE_OK, "452 4.3.1", 0, 0},
	    {ASIDE_NOT_PUBLISHED, QUEUE_OK, "452 4.3.1", 0, 0},
	    {ASIDE_WORKS, QUEUE_FULL, "452 4.3.1", 1, 0},
	    {ASIDE_WORKS, QUEUE_FAILED, "451 4.3.0", 1, 0},
	};
	struct client *c = dial_ehlo();

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		queued = set_aside = 0;
		aside_says = rows[i].aside_says;
		queue_says = rows[i].queue_says;
		envelope(c);
		say(c, "RCPT TO:<held@example.net>", "250 ");
		say(c, "DATA", "354 ");
		say(c, "x: y\r\n.", rows[i].reply);
		assert_int_equal(queued, rows[i].queued); /* asked */
		assert_int_equal(set_aside, rows[i].set_aside);
	}
	quit(c);
}

static void the_queue_has_the_last_word(void **state)
{
	struct client *c = dial_ehlo();

	(void)state;
	queue_says = QUEUE_FULL;
	envelope(c);
	say(c, "DATA", "354 ");
	say(c, "x: y\r\n.", "452 4.3.1");
	queue_says = QUEUE_FAILED;
	envelope(c);
	say(c, "DATA", "354 ");
	say(c, "x: y\r\n.", "451 4.3.0");
	quit(c);
	settle();
	assert_int_equal(smtp_server_stats(w.server)->tempfailed, 2);
}

static void clients_may_go_at_any_moment(void **state)
{
	static const char text[] = "EHLO c.test\r\nMAIL FROM:<a@b>\r\nRCPT TO:<u@example.org>\r\nDATA\r\nSubject: x\r\n\r\nx\r\n.\r\nQUIT\r\n";

	struct client *c;

	(void)state;
	is_quick = false;
	worker_ms = 3;
	for (size_t n = 0; n < sizeof text; n += 3) {
		c = dial_quietly();
		if (n % 2)
			expect(c, "220 ");
		put(c, (struct str){text, n});
		hang_up(c);
	}
	settle();
	/* While the queue has it. */
	queued = 0;
	atomic_store(&queue_holds, true);
	c = dial_ehlo();
	envelope(c);
	say(c, "DATA", "354 ");
	put(c, STR("x: y\r\n.\r\n"));
	while (queued == 0)
		usleep(1000);
	hang_up(c);
	usleep(20000);
	assert_int_equal(smtp_server_stats(w.server)->sessions, 1);
	atomic_store(&queue_holds, false);
	settle();
}

static void drain_ends_idle_sessions_and_waits_for_the_others(void **state)
{
	struct client *idle = dial_ehlo(), *busy = dial_ehlo();

	(void)state;
	envelope(busy);
	say(busy, "DATA", "354 ");
	smtp_server_drain(w.server);
	expect(idle, "421 4.3.2");
	expect(idle, "");
	assert_false(w.drained);
	say(busy, "x: y\r\n.", "250 2.0.0");
	expect(busy, "421 4.3.2");
	expect(busy, "");
	hang_up(idle);
	hang_up(busy);
	for (int i = 0; i < WAIT_MS && !w.drained; i++)
		usleep(1000);
	assert_true(w.drained);
	assert_int_equal(queued, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    T(a_message_goes_through),
	    T(ehlo_offers_what_there_is),
	    T(order_and_syntax),
	    T(recipients_only_of_our_domains),
	    T(postmaster_is_taken_whatever_policy_says),
	    T(utf8_addresses_need_smtputf8),
	    T(pipelined_in_one_segment_or_octet_by_octet),
	    T(verdicts_of_each_stage_are_told),
	    T(a_delay_holds_the_reply_and_no_thread),
	    T(quarantine_and_discard_are_accepted),
	    T(both_are_stored_or_neither),
	    T(the_queue_has_the_last_word),
	    T(clients_may_go_at_any_moment),
	    T(drain_ends_idle_sessions_and_waits_for_the_others),
	};
	smtp_world_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
