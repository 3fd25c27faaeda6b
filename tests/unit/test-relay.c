/* The relay against a next hop: jobs, replies, reports, restarts. Sites: test-relay-sites.c. */
#define _GNU_SOURCE
#include "tests/unit/relay-world.h"

/* ---- tests ---- */

static void pipelined_data(void **state)
{
	(void)state;
	start("");
	submit_plain("u@example.org");
	assert_true(wait_for(one_message));
	assert_true(wait_for(nothing_waits));
	assert_int_equal(server_count(&hop, "EHLO mx.example.org", false), 1);
	assert_int_equal(server_count(&hop, "MAIL FROM:<a@sender.example> SIZE=34\n", false), 1);
	assert_int_equal(server_count(&hop, "RCPT TO:<u@example.org>\n", false), 1);
	assert_int_equal(server_count(&hop, plain, true), 1);
	/* A second one takes the same connection. */
	submit_plain("v@example.org");
	assert_true(wait_for(two_messages));
	assert_int_equal(hop.connections, 1);
	assert_int_equal(server_count(&hop, "RSET", false), 0);
}

static void chunking(void **state)
{
	struct edits edits = {0};
	struct edit add = {EDIT_ADD_HEADER, STR("Received"), STR("by us"), 0, NULL};
	struct queue_recipient to = {.address = STR("u@example.org")};
	struct queue_entry e = message("a@sender.example", plain, &to, 1);

	(void)state;
	hop.offers = "PIPELINING\nCHUNKING";
	start("");
	edits = (struct edits){&add, &add.next, 1};
	e.edits = &edits;
	submit(e);
	assert_true(wait_for(one_message));
	assert_int_equal(server_count(&hop, "BDAT 51 LAST", false), 1);
	assert_int_equal(server_count(&hop, "Received: by us\r\nSubject: one\r\n\r\n.dot\r\n..two\r\nend\r\n", true), 1);
}

static void old_server(void **state)
{
	(void)state;
	hop.offers = NULL;
	start("");
	submit_plain("u@example.org");
	assert_true(wait_for(one_message));
	assert_int_equal(server_count(&hop, "HELO mx.example.org", false), 1);
	assert_int_equal(server_count(&hop, "MAIL FROM:<a@sender.example>\n", false), 1);
	assert_int_equal(server_count(&hop, plain, true), 1);
}

/* One of three each way; the report goes to the sender, and only about the one that failed. */
static void mixed_replies(void **state)
{
	struct queue_recipient to[] = {{.address = STR("good@example.org")}, {.address = STR("later@example.org")},
	    {.address = STR("bad@example.org"), .orcpt = STR("rfc822;first+2Bname@x.example")}};
	struct queue_entry e = message("a@sender.example", plain, to, 3);

	(void)state;
	hop.rules[0] = (struct server_rule){"RCPT TO:<bad@", "550 5.1.1 no such user", -1};
	hop.rules[1] = (struct server_rule){"RCPT TO:<later@", "450 4.2.1 come back", 1};
	start("");
	e.envid = STR("env+2Dx");
	submit(e);
	assert_true(wait_for(two_messages));
	assert_int_equal(server_count(&hop, "MAIL FROM:<> ", false), 1);
	assert_int_equal(server_count(&hop, "RCPT TO:<a@sender.example>", false), 1);
	assert_int_equal(server_count(&hop, "Final-Recipient: rfc822; bad@example.org\r\n", true), 1);
	assert_int_equal(server_count(&hop, "Original-Recipient: rfc822; first+name@x.example\r\n", true), 1);
	assert_int_equal(server_count(&hop, "Original-Envelope-Id: env-x\r\n", true), 1);
	assert_int_equal(server_count(&hop, "Status: 5.1.1\r\n", true), 1);
	assert_int_equal(server_count(&hop, "Action: failed\r\n", true), 1);
	assert_int_equal(server_count(&hop, "Diagnostic-Code: smtp; 550 5.1.1 no such user\r\n", true), 1);
	assert_int_equal(server_count(&hop, "good@example.org", true), 0);
	assert_int_equal(waiting(), 1);
	assert_true(list_has("later@example.org\tdeferred\t1\t"));
	assert_true(list_has("450 4.2.1 come back"));
	step_s(100);
	assert_true(wait_for(nothing_waits));
	assert_int_equal(hop.messages, 3);
	assert_int_equal(server_count(&hop, "RCPT TO:<good@", false), 1);
	assert_int_equal(server_count(&hop, "RCPT TO:<later@", false), 2);
}

static void null_sender_hears_nothing(void **state)
{
	struct queue_recipient to = {.address = STR("bad@example.org")};

	(void)state;
	hop.rules[0] = (struct server_rule){"RCPT TO:<bad@", "550 no", -1};
	start("");
	submit(message("", plain, &to, 1));
	assert_true(wait_for(nothing_waits));
	run_a_while();
	assert_int_equal(hop.messages, 0);
	assert_int_equal(waiting(), 0);
}

static void notify_is_honoured(void **state)
{
	struct queue_recipient to[] = {{.address = STR("bad@example.org"), .notify = NOTIFY_NEVER},
	    {.address = STR("good@example.org"), .notify = NOTIFY_SUCCESS | NOTIFY_FAILURE}};

	(void)state;
	hop.rules[0] = (struct server_rule){"RCPT TO:<bad@", "550 no", -1};
	start("");
	submit(message("a@sender.example", plain, to, 2));
	assert_true(wait_for(two_messages)); /* the message, and "relayed" since the server has no DSN */
	assert_int_equal(server_count(&hop, "Action: relayed\r\n", true), 1);
	assert_int_equal(server_count(&hop, "bad@example.org", true), 0);
}

static void dsn_is_passed_on(void **state)
{
	struct queue_recipient to = {STR("u@example.org"), STR("rfc822;u@example.org"), NOTIFY_SUCCESS | NOTIFY_DELAY};
	struct queue_entry e = message("a@sender.example", plain, &to, 1);

	(void)state;
	hop.offers = "DSN";
	start("");
	e.envid = STR("abc");
	e.ret = DSN_RET_HDRS;
	submit(e);
	assert_true(wait_for(nothing_waits));
	assert_int_equal(server_count(&hop, "MAIL FROM:<a@sender.example> RET=HDRS ENVID=abc\n", false), 1);
	assert_int_equal(server_count(&hop, "RCPT TO:<u@example.org> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;u@example.org\n", false), 1);
	run_a_while();
	assert_int_equal(hop.messages, 1);
}

static void fail_over(void **state)
{
	uint16_t dead;

	(void)state;
	server_start(&other);
	dead = other.port;
	server_stop(&other);
	other.port = 0;
	server_start(&hop);
	make_routes(arena_printf(arena, "relay example.org {to 127.0.0.1:%u 127.0.0.1:%u;}", dead, hop.port).p);
	open_writer();
	open_relay();
	for (int i = 0; i < 5; i++)
		submit_plain("u@example.org");
	assert_true(wait_for(nothing_waits));
	assert_int_equal(hop.messages, 5);
}

static void all_down_then_up(void **state)
{
	(void)state;
	hop.greeting = "421 not now";
	start("");
	submit_plain("u@example.org");
	assert_true(wait_listed("greeting: 421 not now"));
	assert_int_equal(hop.messages, 0);
	hop.greeting = "220 ready";
	step_s(400);
	assert_true(wait_for(one_message));
}

static void goodbye_in_the_middle(void **state)
{
	(void)state;
	hop.rules[0] = (struct server_rule){"RCPT", "421 4.3.2 going down", 1};
	start("");
	submit_plain("u@example.org");
	assert_true(wait_listed("421 4.3.2 going down"));
	step_s(400);
	assert_true(wait_for(one_message));
}

static void lost_connection(void **state)
{
	(void)state;
	hop.rules[0] = (struct server_rule){"END", NULL, 1};
	start("");
	submit_plain("u@example.org");
	assert_true(wait_listed("the server closed the connection"));
	step_s(100);
	assert_true(wait_for(one_message));
	assert_int_equal(hop.messages, 1);
}

/* An idle connection that the server has dropped costs nothing: the message goes at once on a new one. */
static void stale_connection(void **state)
{
	(void)state;
	start("");
	submit_plain("u@example.org");
	assert_true(wait_for(one_message));
	server_set_rule(&hop, (struct server_rule){"MAIL", NULL, 1});
	submit_plain("v@example.org");
	assert_true(wait_for(two_messages));
	assert_int_equal(hop.connections, 2);
}

static void refused_data(void **state)
{
	(void)state;
	hop.rules[0] = (struct server_rule){"END", "554 5.7.1 spam", 1};
	start("");
	submit_plain("u@example.org");
	assert_true(wait_for(one_message)); /* the report */
	assert_true(wait_for(nothing_waits));
	assert_int_equal(server_count(&hop, "554 5.7.1 spam", true), 2);
}

static void needs_8bit(void **state)
{
	struct queue_recipient to = {.address = STR("u@example.org")};

	(void)state;
	hop.offers = "PIPELINING";
	start("");
	submit(message("a@sender.example", "Subject: x\r\n\r\ngr\xc3\xbc\xc3\x9f\r\n", &to, 1));
	assert_true(wait_for(one_message));
	assert_int_equal(server_count(&hop, "Status: 5.6.3\r\n", true), 1);
}

static void takes_8bit(void **state)
{
	struct queue_recipient to = {.address = STR("u@example.org")};

	(void)state;
	start("");
	submit(message("a@sender.example", "Subject: x\r\n\r\ngr\xc3\xbc\xc3\x9f\r\n", &to, 1));
	assert_true(wait_for(nothing_waits));
	assert_int_equal(server_count(&hop, "BODY=8BITMIME", false), 1);
}

static void needs_utf8(void **state)
{
	struct queue_recipient to = {.address = STR("gr\xc3\xbc@example.org")};

	(void)state;
	start("");
	submit(message("a@sender.example", plain, &to, 1));
	assert_true(wait_for(one_message));
	assert_int_equal(server_count(&hop, "Status: 5.6.7\r\n", true), 1);
	assert_int_equal(server_count(&hop, "Final-Recipient: utf-8; gr\\x{FC}@example.org\r\n", true), 1);
}

static void too_large(void **state)
{
	(void)state;
	hop.offers = "SIZE 33";
	hop.rules[0] = (struct server_rule){"MAIL FROM:<>", "550 never", -1};
	start("");
	submit_plain("u@example.org");
	assert_true(wait_for(nothing_waits));
	assert_int_equal(hop.messages, 0);
	assert_int_equal(server_count(&hop, "MAIL FROM:<a", false), 0);
}

static void tls_is_required(void **state)
{
	(void)state;
	start("tls require;");
	submit_plain("u@example.org");
	assert_true(wait_listed("STARTTLS is not offered"));
	assert_int_equal(hop.messages, 0);
}

/* What comes in one packet with the 220 is not believed, nor is the mail sent in the clear. */
static void tls_injection(void **state)
{
	(void)state;
	hop.offers = "STARTTLS";
	hop.rules[0] = (struct server_rule){"STARTTLS", "220 go\r\n250 injected", -1};
	start("tls require;");
	submit_plain("u@example.org");
	assert_true(wait_listed("before the TLS handshake"));
	assert_int_equal(server_count(&hop, "MAIL", false), 0);
}

static void expiry_and_warning(void **state)
{
	(void)state;
	hop.rules[0] = (struct server_rule){"RCPT TO:<u@", "450 4.2.0 busy", -1};
	start("lifetime 2h; warn-after 30m; retry-first 10s; retry-max 20m;");
	submit_plain("u@example.org");
	assert_true(wait_listed("450 4.2.0 busy"));
	step_s(31 * 60);
	assert_true(wait_for(one_message));
	assert_int_equal(server_count(&hop, "Action: delayed\r\n", true), 1);
	assert_int_equal(server_count(&hop, "Will-Retry-Until: ", true), 1);
	assert_int_equal(waiting(), 1);
	step_s(2 * 3600);
	assert_true(wait_for(two_messages));
	assert_true(wait_for(nothing_waits));
	assert_int_equal(server_count(&hop, "Status: 4.4.7\r\n", true), 1);
	assert_int_equal(server_count(&hop, "Diagnostic-Code: X-Mailreeve; 450 4.2.0 busy", true), 1);
	assert_int_equal(server_count(&hop, "Diagnostic-Code: X-Mailreeve; not delivered in time; last: ", true), 1);
}

/* What was done stays done, what was deferred stays deferred, over a restart. */
static void restart(void **state)
{
	struct queue_recipient to[] = {{.address = STR("good@example.org")}, {.address = STR("later@example.org")}};

	(void)state;
	hop.rules[0] = (struct server_rule){"RCPT TO:<later@", "450 4.2.1 come back", 1};
	start("");
	submit(message("a@sender.example", plain, to, 2));
	submit_plain("third@example.org");
	assert_true(wait_for(two_messages));
	assert_true(wait_listed("come back"));
	relay_close(relay);
	loop_free(loop);
	loop = loop_new();
	open_relay();
	assert_int_equal(waiting(), 1);
	assert_true(list_has("later@example.org\tdeferred\t1"));
	assert_true(list_has("come back"));
	run_a_while();
	assert_int_equal(hop.messages, 2);
	step_s(100);
	assert_true(wait_for(nothing_waits));
	assert_int_equal(server_count(&hop, "RCPT TO:<good@", false), 1);
	assert_int_equal(server_count(&hop, "RCPT TO:<third@", false), 1);
}

static size_t files_ending(const char *end)
{
	char path[100];
	size_t n = 0;
	DIR *d;

	snprintf(path, sizeof path, "%s/queue", dir);
	d = opendir(path);
	for (struct dirent *e; (e = readdir(d));)
		n += str_ends(str_of(e->d_name), str_of(end));
	closedir(d);
	return n;
}

static bool no_segments(void)
{
	return files_ending(".seg") == 0 && files_ending(".msg") == 0;
}

static void nothing_is_left_on_disk(void **state)
{
	(void)state;
	start("");
	submit_plain("u@example.org");
	assert_true(wait_for(nothing_waits));
	queue_writer_close(writer);
	writer = NULL;
	step_s(2);
	assert_true(wait_for(no_segments));
}

/* 3 MB in a file of its own, with and without dots, by DATA and by BDAT. */
static void large_message(const char *offers, const char *line)
{
	struct queue_recipient to = {.address = STR("u@example.org")};
	size_t n = strlen(line), lines = 3000000 / n;
	char *text = malloc(n * lines + 20), *at = text + sprintf(text, "Subject: big\r\n\r\n");
	struct queue_entry e;

	for (size_t i = 0; i < lines; i++, at += n)
		memcpy(at, line, n);
	*at = '\0';
	hop.offers = offers;
	start("");
	e = message("a@sender.example", text, &to, 1);
	e.data_fd = openat(queue_writer_dir(writer), ".", O_TMPFILE | O_RDWR, 0600);
	assert_int_equal(write(e.data_fd, text, e.data.n), e.data.n);
	submit(e);
	close(e.data_fd);
	assert_int_equal(files_ending(".msg"), 1);
	assert_true(wait_for(one_message));
	assert_true(wait_for(nothing_waits));
	pthread_mutex_lock(&hop.lock);
	assert_int_equal(hop.data.n, e.data.n + 6);
	assert_memory_equal(hop.data.p, text, e.data.n);
	pthread_mutex_unlock(&hop.lock);
	free(text);
	queue_writer_close(writer);
	writer = NULL;
	step_s(2);
	assert_true(wait_for(no_segments));
}

static void large_data(void **state)
{
	(void)state;
	large_message("PIPELINING\n8BITMIME", "an ordinary line of text, as there are many in any message\r\n");
}

static void large_data_with_dots(void **state)
{
	(void)state;
	large_message("8BITMIME", ".a line with a dot in front of it, which must be doubled and undone\r\n");
}

static void large_bdat(void **state)
{
	(void)state;
	large_message("PIPELINING\nCHUNKING", ".dots do not matter here\r\n");
}

static void hold_release_delete(void **state)
{
	struct buf out = {0};

	(void)state;
	hop.greeting = "421 not now";
	start("");
	submit_plain("u@example.org");
	submit_plain("v@example.org");
	assert_true(wait_listed("v@example.org"));
	assert_true(wait_listed("not now"));
	assert_null(relay_commands[3].run(relay, STR("0\t100\trecipient=U@example.org"), &out)); /* hold */
	assert_str(buf_str(&out), "count\t1\nbusy\t0\n");
	out.n = 0;
	assert_true(list_has("u@example.org\theld"));
	hop.greeting = "220 ready";
	assert_null(relay_commands[2].run(relay, STR("0\t100\tall"), &out)); /* retry */
	assert_str(buf_str(&out), "count\t1\nbusy\t0\n");
	out.n = 0;
	assert_true(wait_for(one_message));
	assert_int_equal(server_count(&hop, "RCPT TO:<v@", false), 1);
	assert_null(relay_commands[4].run(relay, STR("0\t100\tdomain=example.org"), &out)); /* release */
	assert_true(wait_for(two_messages));
	assert_true(wait_for(nothing_waits));
	hop.greeting = "421 not now";
	step_s(10); /* the idle connection goes */
	run_a_while();
	submit_plain("w@example.org");
	assert_true(wait_listed("w@example.org"));
	assert_true(wait_listed("not now"));
	assert_null(relay_commands[3].run(relay, STR("0\t100\tsender=a@sender.example"), &out)); /* hold */
	step_s(6 * 24 * 3600); /* what is held does not age */
	run_a_while();
	assert_int_equal(waiting(), 1);
	assert_null(relay_commands[5].run(relay, STR("0\t100\tolder=1000"), &out)); /* delete */
	assert_true(wait_for(nothing_waits));
	assert_non_null(relay_commands[5].run(relay, STR("0\t100\tcolour=red"), &out));
	assert_non_null(relay_commands[5].run(relay, STR("0\t100"), &out));
	buf_free(&out);
	assert_int_equal(hop.messages, 2);
}

static void too_many_recipients(void **state)
{
	struct queue_recipient to[] = {{.address = STR("a@example.org")}, {.address = STR("b@example.org")}};

	(void)state;
	hop.rules[0] = (struct server_rule){"RCPT TO:<b@", "452 4.5.3 too many recipients", 1};
	start("");
	submit(message("a@sender.example", plain, to, 2));
	assert_true(wait_for(two_messages)); /* the second at once, without waiting for a retry */
	assert_true(wait_for(nothing_waits));
}

static void drained(void *arg)
{
	(void)arg;
	loop_stop(loop);
}

static void drain(void **state)
{
	(void)state;
	start("");
	submit_plain("u@example.org");
	assert_true(wait_for(one_message));
	relay_drain(relay, drained, NULL);
	loop_run(loop);
	submit_plain("v@example.org");
	run_a_while();
	assert_int_equal(hop.messages, 1);
}

/* Many changes of state make the journal long; it is written anew and says the same. */
static void damaged_data(void **state)
{
	char path[100];
	int fd;

	(void)state;
	hop.greeting = "421 not now";
	start("");
	submit_plain("u@example.org");
	assert_true(wait_listed("not now"));
	snprintf(path, sizeof path, "%s/queue/gateway-00000001.seg", dir);
	fd = open(path, O_WRONLY);
	assert_int_equal(pwrite(fd, "XX", 2, lseek(fd, 0, SEEK_END) - 16), 2);
	close(fd);
	hop.greeting = "220 ready";
	step_s(400);
	assert_true(wait_listed("held"));
	assert_true(list_has("not what was written"));
	assert_int_equal(hop.messages, 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    TEST(pipelined_data), TEST(chunking), TEST(old_server), TEST(mixed_replies),
	    TEST(null_sender_hears_nothing), TEST(notify_is_honoured), TEST(dsn_is_passed_on), TEST(fail_over),
	    TEST(all_down_then_up), TEST(goodbye_in_the_middle), TEST(lost_connection), TEST(stale_connection),
	    TEST(refused_data), TEST(needs_8bit), TEST(takes_8bit), TEST(needs_utf8), TEST(too_large),
	    TEST(tls_is_required), TEST(tls_injection), TEST(expiry_and_warning), TEST(restart),
	    TEST(nothing_is_left_on_disk), TEST(large_data), TEST(large_data_with_dots), TEST(large_bdat),
	    TEST(hold_release_delete), TEST(too_many_recipients), TEST(drain),
	    TEST(damaged_data),
	};

	return relay_world_run(tests, sizeof tests / sizeof *tests, argc > 1 ? argv[1] : NULL);
}
