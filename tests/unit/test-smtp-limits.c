/* SMTP sessions at their limits, and who may speak for others. */
#define _GNU_SOURCE
#include "tests/unit/smtp-world.h"

static void a_full_pool_sheds_the_load(void **state)
{
	struct client *c[24];
	int busy = 0, ok = 0;

	(void)state;
	for (size_t i = 0; i < 24; i++)
		c[i] = dial_ehlo();
	is_quick = false;
	worker_ms = 100;
	for (size_t i = 0; i < 24; i++)
		put(c[i], STR("MAIL FROM:<a@b>\r\n"));
	for (size_t i = 0; i < 24; i++) {
		char line[256];

		assert_true(get_line(c[i], line, sizeof line));
		busy += strncmp(line, "451 4.3.2", 9) == 0;
		ok += strncmp(line, "250 2.1.0", 9) == 0;
	}
	assert_int_equal(busy + ok, 24);
	assert_true(busy > 0 && ok >= 10);
	is_quick = true;
	for (size_t i = 0; i < 24; i++)
		quit(c[i]);
	assert_true(smtp_server_stats(w.server)->shed > 0);
}

static void bare_newlines_close_the_session(void **state)
{
	static const char *const commands[] = {"NOOP\n", "NO\rOP\r\n", "MAIL FROM:<a@b>\nRSET\r\n"};
	static const char *const contents[] = {"x\n.\nMAIL FROM:<evil@x>\r\n", "x\r.\r", "x\r\n.\nRSET\r\n", "a\rb\r\n.\r\n"};
	struct client *c;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		c = dial_ehlo();
		put(c, str_of(commands[i]));
		expect(c, "521 5.5.2");
		expect(c, "");
		hang_up(c);
	}
	for (size_t i = 0; i < 4; i++) {
		c = dial_ehlo();
		envelope(c);
		say(c, "DATA", "354 ");
		put(c, str_of(contents[i]));
		if (contents[i][strlen(contents[i]) - 1] == '\r')
			put(c, STR("x"));
		expect(c, "521 5.5.2");
		expect(c, "");
		hang_up(c);
		c = dial_ehlo();
		envelope(c);
		put(c, arena_printf(w.arena, "BDAT %zu LAST\r\n%s", strlen(contents[i]), contents[i]));
		expect(c, "521 5.5.2");
		expect(c, "");
		hang_up(c);
	}
	assert_int_equal(queued, 0);
	w.listen.bare_newline = BARE_NORMALIZE;
	c = dial();
	put(c, STR("EHLO x\n"));
	expect(c, "250 ");
	envelope(c);
	say(c, "DATA", "354 ");
	say(c, "a\n.\n\rb\r\n.", "250 2.0.0");
	assert_str(((struct str){queued_data, queued_length}), "a\r\n.\r\n b\r\n");
	quit(c);
}

static void message_size_at_the_limit(void **state)
{
	struct client *c = dial_ehlo();
	char *big = arena_alloc(w.arena, 20000);

	(void)state;
	for (size_t i = 0; i < 20000; i += 100) {
		memset(big + i, 'x', 98);
		memcpy(big + i + 98, "\r\n", 2);
	}
	say(c, "MAIL FROM:<a@b> SIZE=10001", "552 5.3.4");
	say(c, "MAIL FROM:<a@b> SIZE=10000", "250 2.1.0");
	say(c, "RCPT TO:<u@example.org>", "250 ");
	say(c, "DATA", "354 ");
	put(c, (struct str){big, 10000});
	put(c, STR(".\r\n"));
	expect(c, "250 2.0.0");
	assert_int_equal(queued_length, 10000);
	envelope(c);
	say(c, "DATA", "354 ");
	put(c, (struct str){big, 10000});
	put(c, STR("\r\n.\r\n"));
	expect(c, "552 5.3.4");
	envelope(c);
	put(c, STR("BDAT 9900\r\n"));
	put(c, (struct str){big, 9900});
	expect(c, "250 2.0.0");
	put(c, STR("BDAT 101 LAST\r\nQ\n"));
	put(c, (struct str){big, 99});
	put(c, STR("NOOP\r\n"));
	expect(c, "552 5.3.4");
	expect(c, "250 2.0.0 ok");
	envelope(c);
	put(c, STR("BDAT 20000\r\n"));
	put(c, (struct str){big, 20000});
	put(c, STR("BDAT 5 LAST\r\nRSET\nNOOP\r\n"));
	expect(c, "552 5.3.4");
	expect(c, "503 5.5.1");
	expect(c, "250 2.0.0 ok");
	say(c, "BDAT 18446744073709551616", "503 ");
	expect(c, "");
	hang_up(c);
	assert_int_equal(queued, 1);
	settle();
}

static void lines_commands_errors_hops_at_their_limits(void **state)
{
	struct client *c = dial_ehlo();
	char line[3000];

	(void)state;
	memset(line, 'x', sizeof line);
	memcpy(line, "NOOP ", 5);
	line[2046] = '\0';
	say(c, line, "250 ");
	line[2046] = 'x';
	line[2047] = '\0';
	say(c, line, "500 5.5.2");
	say(c, "NOOP", "250 ");

	memset(line, 'x', sizeof line);
	envelope(c);
	say(c, "DATA", "354 ");
	line[100] = '\0';
	put(c, str_of(line));
	say(c, "\r\n.", "250 2.0.0");
	envelope(c);
	say(c, "DATA", "354 ");
	put(c, str_of(line));
	say(c, "x\r\n.", "554 5.6.0");

	envelope(c);
	say(c, "DATA", "354 ");
	say(c, "Received: x\r\nReceived: y\r\nReceived: z\r\n\r\n.", "250 2.0.0");
	envelope(c);
	say(c, "DATA", "354 ");
	say(c, "Received: x\r\nReceived: y\r\nReceived: z\r\nreceived: z\r\n\r\n.", "554 5.4.6");

	for (int i = 0; i < 18; i++)
		say(c, "X", "500 ");
	say(c, "X", "500 ");
	expect(c, "421 4.7.0");
	expect(c, "");
	hang_up(c);

	c = dial_ehlo();
	for (int i = 0; i < 49; i++)
		say(c, "NOOP", "250 ");
	say(c, "NOOP", "421 4.7.0");
	expect(c, "");
	hang_up(c);
}

static void chunks_keep_their_octets_to_themselves(void **state)
{
	struct client *c = dial_ehlo();

	(void)state;
	put(c, STR("BDAT 6\r\nRSET\r\nNOOP\r\n"));
	expect(c, "503 5.5.1");
	expect(c, "250 2.0.0 ok");
	say(c, "MAIL FROM:<a@b>", "250 ");
	put(c, STR("BDAT 6 LAST\r\nRSET\r\n"));
	expect(c, "503 5.5.1");
	say(c, "RCPT TO:<u@example.org>", "503 5.5.1"); /* a refused chunk ends the transaction */
	say(c, "MAIL FROM:<a@b>", "250 ");
	say(c, "RCPT TO:<u@example.org>", "250 ");
	say(c, "BDAT 0", "250 2.0.0");
	say(c, "DATA", "503 5.5.1");
	say(c, "RCPT TO:<u@example.org>", "503 5.5.1");
	put(c, STR("BDAT 4\r\na\r\nb"));
	expect(c, "250 2.0.0 4 octets");
	put(c, STR("BDAT 6 LAST\r\n\r\n.\r\nc"));
	expect(c, "250 2.0.0 accepted");
	assert_str(((struct str){queued_data, queued_length}), "a\r\nb\r\n.\r\nc\r\n");
	quit(c);
}

static void early_talkers_are_noticed_and_others_not_kept(void **state)
{
	struct client *c;

	(void)state;
	w.config.limits.banner_ms = 200;
	c = dial_quietly();
	put(c, STR("EHLO x\r\n"));
	expect(c, "554 5.7.1 talked early");
	hang_up(c);
	c = dial();
	say(c, "EHLO x", "250 ");
	quit(c);
}

static void time_limits(void **state)
{
	struct client *idle, *whole, *data;

	(void)state;
	w.config.limits.idle_ms = 150;
	idle = dial_ehlo();
	data = dial_ehlo();
	envelope(data);
	say(data, "DATA", "354 ");
	w.config.limits.idle_ms = 5000;
	w.config.limits.session_ms = 150;
	whole = dial_ehlo();
	expect(whole, "421 4.4.2");
	expect(whole, "");
	expect(idle, "421 4.4.2");
	expect(idle, "");
	expect(data, "421 4.4.2");
	expect(data, "");
	hang_up(idle);
	hang_up(whole);
	hang_up(data);
	settle();
	assert_int_equal(smtp_server_stats(w.server)->timeouts, 3);
}

static void session_counts(void **state)
{
	struct client *a, *b, *c;

	(void)state;
	w.listen.max_sessions = 2;
	a = dial_ehlo();
	b = dial_ehlo();
	c = dial_quietly();
	expect(c, "421 4.3.2");
	expect(c, "");
	hang_up(c);
	quit(a);
	while (smtp_server_stats(w.server)->sessions > 1)
		usleep(1000);
	w.listen.max_sessions = 50;
	w.listen.max_sessions_per_client = 2;
	a = dial_ehlo();
	c = dial_quietly();
	expect(c, "421 4.7.0");
	expect(c, "");
	hang_up(c);
	quit(a);
	quit(b);
	settle();
}

static void memory_budget(void **state)
{
	struct client *c = dial_ehlo();
	char *line = arena_alloc(w.arena, 100);

	(void)state;
	memset(line, 'x', 98);
	memcpy(line + 98, "\r\n", 2);
	w.config.limits.memory_total = 12288; /* the spool grows to 4,096 and then 16,384 */
	envelope(c);
	say(c, "DATA", "354 ");
	for (int i = 0; i < 40; i++)
		put(c, (struct str){line, 100});
	say(c, ".", "250 2.0.0");
	envelope(c);
	say(c, "DATA", "354 ");
	for (int i = 0; i < 42; i++)
		put(c, (struct str){line, 100});
	say(c, ".", "452 4.3.1");
	quit(c);
	settle();
}

/* Recipients take memory too, refused ones as well, and give it back. */
static void envelope_memory(void **state)
{
	struct client *c = dial_ehlo();
	int taken = 0;

	(void)state;
	w.config.limits.memory_total = 12288;
	say(c, "MAIL FROM:<a@sender.test>", "250 2.1.0");
	for (; taken < 45; taken++) {
		char line[64];

		put(c, STR("RCPT TO:<reject-somebody-with-a-long-name-that-takes-memory-in-vain@example.org>\r\n"));
		assert_true(get_line(c, line, sizeof line));
		if (strncmp(line, "452 4.3.1", 9) == 0)
			break;
		assert_true(strncmp(line, "550 5.1.1", 9) == 0);
	}
	assert_in_range(taken, 5, 44);
	assert_true(smtp_server_stats(w.server)->shed > 0);
	say(c, "RSET", "250 ");
	assert_int_equal(smtp_server_stats(w.server)->memory, 0);
	envelope(c);
	quit(c);
	settle();
}

static void greetings_at_the_limit(void **state)
{
	struct client *c;

	(void)state;
	w.config.limits.commands = 1000;
	c = dial();
	for (int i = 0; i < 64; i++)
		say(c, "EHLO client.test", "250 ");
	envelope(c);
	say(c, "DATA", "354 ");
	say(c, "Subject: x\r\n\r\nx\r\n.", "250 2.0.0");
	say(c, "HELO client.test", "421 4.7.0 too many greetings");
	expect(c, "");
	hang_up(c);
	settle();
}

/* Who sends commands and reads no replies is not answered into memory. */
static void replies_that_nobody_reads(void **state)
{
	struct client *c;
	uint64_t before;
	size_t lines = 0;
	int room = 65536;

	(void)state;
	w.config.limits.commands = 5000;
	setsockopt(w.smtp_listen.fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
	c = dial_ehlo();
	setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
	before = smtp_server_stats(w.server)->commands;
	for (int i = 0; i < 4000; i++)
		put(c, STR("HELP\r\n"));
	usleep(200000);
	/* About 800 octets each: what the sockets hold, and 64 KiB. */
	assert_in_range(smtp_server_stats(w.server)->commands - before, 1, 3900);
	while (lines < 4000) {
		char line[256];

		assert_true(get_line(c, line, sizeof line));
		lines += strcmp(line, "214 2.0.0 end of help") == 0;
	}
	assert_int_equal(smtp_server_stats(w.server)->commands - before, 4000);
	quit(c);
	settle();
}

static struct conf_cidrs *loopback_net(void)
{
	static struct cidr net;
	static struct conf_cidrs nets = {&net, 1};

	assert_true(cidr_parse(STR("127.0.0.0/8"), false, &net));
	return &nets;
}

static void proxy_header_names_the_client(void **state)
{
	struct client *c;

	(void)state;
	w.listen.proxy = *loopback_net();
	c = dial_quietly();
	put(c, STR("PROXY TCP4 192.0.2.7 198.51.100.1 1000 25\r\n"));
	expect(c, "220 ");
	say(c, "EHLO x", "250 ");
	envelope(c);
	say(c, "DATA", "354 ");
	say(c, ".", "250 2.0.0");
	assert_non_null(strstr(queued_text, "from x ([192.0.2.7])"));
	quit(c);
	c = dial_quietly();
	put(c, STR("EHLO x\r\n"));
	expect(c, "");
	hang_up(c);
}

static void xclient_starts_anew_for_another(void **state)
{
	struct client *c;

	(void)state;
	w.listen.xclient = *loopback_net();
	c = dial_ehlo();
	assert_non_null(strstr(c->reply, "XCLIENT NAME ADDR PORT PROTO HELO LOGIN DESTADDR"));
	say(c, "XCLIENT FOO=1", "501 5.5.4");
	say(c, "XCLIENT ADDR=999.1.1.1", "501 5.5.4");
	say(c, "MAIL FROM:<a@b>", "250 ");
	say(c, "XCLIENT ADDR=192.0.2.9", "503 5.5.1");
	say(c, "RSET", "250 ");
	say(c, "XCLIENT NAME=[UNAVAILABLE] LOGIN=joe+2Bx", "220 mx.test");
	say(c, "MAIL FROM:<a@b>", "250 "); /* HELO stays */
	say(c, "RSET", "250 ");
	say(c, "XCLIENT ADDR=IPV6:2001:db8::9 PORT=77 NAME=n.test HELO=h.test PROTO=ESMTP", "220 mx.test");
	say(c, "XCLIENT ADDR=192.0.2.9", "550 5.7.0");
	envelope(c);
	say(c, "DATA", "354 ");
	say(c, ".", "250 2.0.0");
	if (!strstr(queued_text, "from h.test (n.test [IPv6:2001:db8::9])") || !strstr(queued_text, "with ESMTPA id"))
		fail_msg("%s", queued_text);
	quit(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    T(a_full_pool_sheds_the_load),
	    T(bare_newlines_close_the_session),
	    T(message_size_at_the_limit),
	    T(lines_commands_errors_hops_at_their_limits),
	    T(chunks_keep_their_octets_to_themselves),
	    T(early_talkers_are_noticed_and_others_not_kept),
	    T(time_limits),
	    T(session_counts),
	    T(memory_budget),
	    T(envelope_memory),
	    T(greetings_at_the_limit),
	    T(replies_that_nobody_reads),
	    T(proxy_header_names_the_client),
	    T(xclient_starts_anew_for_another),
	};
	smtp_world_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
