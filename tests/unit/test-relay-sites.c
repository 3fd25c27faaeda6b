/* Where the relay sends mail: names and MX, weights, sites that come and go, hops that take their time. */
#define _GNU_SOURCE
#include "gateway/relay/relay_private.h"
#include "tests/unit/relay-world.h"

/* Sends a line of a reply that never ends, a minute after the other. */
static void *drip(void *arg)
{
	int fd = accept(*(int *)arg, NULL, NULL);

	for (int i = 0; i < 50 && send(fd, "220-still\r\n", 11, MSG_NOSIGNAL) == 11; i++) {
		usleep(20000);
		step_s(60);
	}
	close(fd);
	return NULL;
}

static void a_reply_in_drops(void **state)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof in;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	pthread_t thread;

	(void)state;
	assert_int_equal(bind(fd, (struct sockaddr *)&in, n) | listen(fd, 5) | getsockname(fd, (struct sockaddr *)&in, &n), 0);
	make_routes(arena_printf(arena, "relay example.org { to 127.0.0.1:%u; command-timeout 3m; }", ntohs(in.sin_port)).p);
	open_writer();
	open_relay();
	pthread_create(&thread, NULL, drip, &fd);
	submit_plain("u@example.org");
	assert_true(wait_listed("waiting for the greeting: timed out"));
	pthread_join(thread, NULL);
	close(fd);
}

static bool no_sites(void)
{
	return statistic("sites ") == 0;
}

/* What nobody needs any more is forgotten, and found again when mail comes; what is needed stays. */
static void idle_sites_are_forgotten(void **state)
{
	struct buf out = {0};
	struct queue_recipient to = {.address = STR("u@nowhere.example")};

	(void)state;
	server_start(&hop);
	make_routes(arena_printf(arena, "relay example.org sender.example {to named.example:%u;}", hop.port).p);
	open_writer();
	open_relay();
	submit(message("a@sender.example", plain, &to, 1));
	assert_true(wait_for(one_message));
	assert_true(wait_for(nothing_waits));
	assert_int_equal(statistic("sites "), 2);
	run_a_while();
	assert_int_equal(statistic("sites "), 2);
	step_s(601);
	assert_true(wait_for(no_sites));
	/* One whose mail waits is kept, however long that takes. */
	server_set_rule(&hop, (struct server_rule){"RCPT", "451 later", -1});
	submit_plain("u@example.org");
	assert_true(wait_listed("451 later"));
	assert_int_equal(statistic("sites "), 1);
	step_s(1200);
	run_a_while();
	assert_int_equal(statistic("sites "), 1);
	server_set_rule(&hop, (struct server_rule){0});
	assert_null(relay_commands[2].run(relay, STR("0\t100\tall"), &out));
	buf_free(&out);
	assert_true(wait_for(two_messages));
	step_s(601);
	assert_true(wait_for(no_sites));
}

static bool few_sites(void)
{
	return statistic("sites ") <= 1000;
}

/* Many outside domains at once, then none: the numbers are used again. */
static void many_sites(void **state)
{
	(void)state;
	start("");
	for (int round = 0; round < 2; round++) {
		submit_to_many("", "nowhere.example", 0, 1100);
		assert_true(wait_for(nothing_waits));
		/* More than are kept without need: the rest goes before its time. */
		assert_true(wait_for(few_sites));
	}
}

/* ---- strangers ---- */

/* A server that keeps its clients waiting; *ret_port: where. */
static int silent_server(uint16_t *ret_port)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof in;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&in, n) | listen(fd, 2 * OUTSIDE_MAX) |
	    getsockname(fd, (struct sockaddr *)&in, &n), 0);
	*ret_port = ntohs(in.sin_port);
	return fd;
}

static unsigned wanted_outside;

static bool has_outside(void)
{
	return relay->outside == wanted_outside && waiting() > 0;
}

static bool wait_outside(unsigned n)
{
	wanted_outside = n;
	return wait_for(has_outside);
}

static int take_all(int fd, int *fds)
{
	int n = 0;

	while ((fds[n] = accept(fd, NULL, NULL)) >= 0)
		n++;
	return n;
}

/* Servers of strangers that answer slowly take some of the connections, never those of our own servers. */
static void strangers_have_a_share(void **state)
{
	int held[2 * OUTSIDE_MAX], first, fd;

	(void)state;
	start("");
	fd = silent_server(&relay->defaults.hops[0].port);
	submit_to_many("a@sender.example", "outside.example", 0, OUTSIDE_MAX - 1);
	assert_true(wait_outside(OUTSIDE_MAX - 1));
	submit_to_many("a@sender.example", "outside.example", OUTSIDE_MAX - 1, OUTSIDE_MAX);
	assert_true(wait_outside(OUTSIDE_MAX));
	submit_to_many("a@sender.example", "outside.example", OUTSIDE_MAX, OUTSIDE_MAX + 5);
	submit_plain("u@example.org");
	assert_true(wait_for(one_message)); /* behind all of them, but ours */
	run_a_while();
	assert_int_equal(relay->outside, OUTSIDE_MAX);
	first = take_all(fd, held);
	assert_int_equal(first, OUTSIDE_MAX);
	/* Each that ends lets one in that waits. */
	for (int i = 0; i < 3; i++)
		close(held[i]);
	assert_true(wait_outside(OUTSIDE_MAX));
	run_a_while();
	assert_int_equal(take_all(fd, held + first), 3);
	for (int i = 3; i < 10; i++)
		close(held[i]);
	assert_true(wait_outside(OUTSIDE_MAX + 5 - 10));
	assert_int_equal(take_all(fd, held + first), 2);
	close(fd);
}

static void by_name_and_by_mx(void **state)
{
	struct queue_recipient to = {.address = STR("u@nowhere.example")};

	(void)state;
	server_start(&hop);
	make_routes(arena_printf(arena, "relay example.org {to named.example:%u;} relay sender.example {to 127.0.0.1:%u;}",
	    hop.port, hop.port).p);
	open_writer();
	open_relay();
	submit_plain("u@example.org");
	assert_true(wait_for(one_message));
	/* A domain that does not exist and one that takes no mail come back at once. */
	submit(message("a@sender.example", plain, &to, 1));
	assert_true(wait_for(two_messages));
	assert_int_equal(server_count(&hop, "Status: 5.1.2\r\n", true), 1);
	to.address = STR("u@null.example");
	submit(message("a@sender.example", plain, &to, 1));
	assert_true(wait_for(three_messages));
	assert_int_equal(server_count(&hop, "Status: 5.1.10\r\n", true), 1);
}

static bool hop_has_two_thirds(void)
{
	return hop.messages + other.messages == 30;
}

static void weights(void **state)
{
	(void)state;
	server_start(&hop);
	server_start(&other);
	make_routes(arena_printf(arena, "relay example.org {to 127.0.0.1:%u weight 3 127.0.0.1:%u; max-connections 1;}",
	    hop.port, other.port).p);
	open_writer();
	queue_writer_set_doorbell(writer, -1); /* what nobody rings for is found all the same */
	open_relay();
	for (int i = 0; i < 30; i++)
		submit_plain("u@example.org");
	assert_true(wait_for(hop_has_two_thirds));
	assert_true(hop.messages > 0 && other.messages > 0);
	assert_int_equal(hop.connections, 1);
	assert_int_equal(other.connections, 1);
}

static int expected;
static bool as_many_as_expected(void)
{
	return hop.messages + other.messages == expected;
}

/* One message after the other goes three times to the one and once to the other. */
static void weights_in_turn(void **state)
{
	(void)state;
	server_start(&hop);
	server_start(&other);
	make_routes(arena_printf(arena, "relay example.org {to 127.0.0.1:%u weight 3 127.0.0.1:%u;}", hop.port, other.port).p);
	open_writer();
	open_relay();
	for (expected = 1; expected <= 24; expected++) {
		submit_plain("u@example.org");
		assert_true(wait_for(as_many_as_expected));
	}
	assert_in_range(hop.messages, 17, 19);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    TEST(by_name_and_by_mx), TEST(weights), TEST(weights_in_turn), TEST(idle_sites_are_forgotten),
	    TEST(many_sites), TEST(strangers_have_a_share), TEST(a_reply_in_drops),
	};

	return relay_world_run(tests, sizeof tests / sizeof *tests, argc > 1 ? argv[1] : NULL);
}
