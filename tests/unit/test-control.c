/* Control sockets: the protocol, its limits, and callers that misbehave. */
#define _GNU_SOURCE
#include "gateway/control.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/clock.h"
#include "tests/unit/unit.h"

enum { BIG = 1 << 20 };

static char path[64];
static struct loop *loop;
static struct control *control;
static pthread_t thread;
static _Atomic int asked;
static size_t arguments;

static const char *run_echo(void *arg, struct str args, struct buf *out)
{
	(void)arg;
	asked++;
	arguments = args.n;
	buf_add(out, str_sub(args, 0, 100));
	return NULL;
}

static const char *run_big(void *arg, struct str args, struct buf *out)
{
	(void)arg;
	(void)args;
	asked++;
	for (int i = 0; i < BIG / 64; i++)
		buf_adds(out, "0123456789012345678901234567890123456789012345678901234567890\n");
	return NULL;
}

static const char *run_fail(void *arg, struct str args, struct buf *out)
{
	(void)arg;
	(void)args;
	buf_adds(out, "one\n\nthree");
	return "it did not work";
}

static const struct control_command commands[] = {
    {"echo", run_echo, ""}, {"big", run_big, ""}, {"fail", run_fail, ""}, {NULL, NULL, NULL}};

static void *run_loop(void *arg)
{
	loop_run(arg);
	return NULL;
}

static int set_up(void **state)
{
	(void)state;
	snprintf(path, sizeof path, "/tmp/test-control-%d.sock", (int)getpid());
	asked = 0;
	loop = loop_new();
	control = control_new(loop, path, commands, NULL);
	return control ? pthread_create(&thread, NULL, run_loop, loop) : -1;
}

static int tear_down(void **state)
{
	(void)state;
	loop_stop(loop);
	pthread_join(thread, NULL);
	control_free(control);
	loop_free(loop);
	assert_int_equal(access(path, F_OK), -1);
	return 0;
}

static int dial(void)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(sa.sun_path, path, strlen(path) + 1);
	assert_int_equal(connect(fd, (struct sockaddr *)&sa, sizeof sa), 0);
	return fd;
}

static void put(int fd, struct str s)
{
	assert_int_equal(send(fd, s.p, s.n, MSG_NOSIGNAL), (ssize_t)s.n);
}

static void each_line(void *arg, struct str line)
{
	buf_add(arg, line);
	buf_addc(arg, '|');
}

/* One question on an open connection. */
static void check(int fd, const char *question, enum res res, const char *lines, const char *last)
{
	struct buf got = {0}, text = {0};

	if (*question) /* nothing to ask: the answer to what was put before */
		put(fd, str_of(question));
	assert_int_equal(control_read(fd, each_line, &got, &text), res);
	assert_str(buf_str(&got), lines);
	assert_str(buf_str(&text), last);
	buf_free(&got);
	buf_free(&text);
}

static void questions_and_answers(void **state)
{
	struct buf text = {0};
	int fd = dial();

	(void)state;
	check(fd, "echo a  b \n", RES_OK, "a  b|", "");
	check(fd, "echo\n", RES_OK, "", "");
	check(fd, "fail\n", RES_PERM, "one||three|", "it did not work");
	check(fd, "\n", RES_PERM, "", "unknown command");
	check(fd, "ech x\n", RES_PERM, "", "unknown command");
	close(fd);
	assert_int_equal(control_call(path, STR("echo x"), NULL, NULL, &text), RES_OK);
	assert_int_equal(control_call("/nonexistent/x.sock", STR("echo x"), NULL, NULL, &text), RES_NONE);
	buf_free(&text);
}

static void length_of_a_request(void **state)
{
	char *line = malloc(CONTROL_REQUEST_MAX + 2);
	int fd = dial();

	(void)state;
	memset(line, 'x', CONTROL_REQUEST_MAX + 2);
	memcpy(line, "echo ", 5);
	line[CONTROL_REQUEST_MAX] = '\n';
	for (int below = 1; below >= 0; below--) {
		struct buf text = {0};

		put(fd, (struct str){line, 5});
		put(fd, (struct str){line + 5 + below, CONTROL_REQUEST_MAX - 4 - (size_t)below});
		assert_int_equal(control_read(fd, NULL, NULL, &text), RES_OK);
		assert_int_equal(arguments, CONTROL_REQUEST_MAX - 5 - below);
		buf_free(&text);
	}
	line[CONTROL_REQUEST_MAX] = 'x';
	line[CONTROL_REQUEST_MAX + 1] = '\n';
	put(fd, (struct str){line, CONTROL_REQUEST_MAX + 2});
	check(fd, "", RES_PERM, "", "the request is too long");
	assert_true(read(fd, line, 1) <= 0); /* what was not read makes the end a reset */
	close(fd);
	/* Without an end too. */
	fd = dial();
	line[CONTROL_REQUEST_MAX + 1] = 'x';
	put(fd, (struct str){line, CONTROL_REQUEST_MAX + 1});
	check(fd, "", RES_PERM, "", "the request is too long");
	close(fd);
	free(line);
}

/* Who asks again and again and reads nothing is not answered into memory. */
static void who_does_not_read_is_not_served(void **state)
{
	int fd = dial(), before;

	(void)state;
	for (int i = 0; i < 100; i++)
		put(fd, STR("big\n"));
	for (int i = 0; i < 1000 && !asked; i++)
		usleep(10000);
	usleep(100000);
	before = asked;
	assert_in_range(before, 1, 3);
	assert_int_equal(control_read(fd, NULL, NULL, NULL), RES_OK);
	usleep(100000);
	assert_in_range(asked, before, before + 3);
	close(fd);
}

/* Closed, without a word or a question having been read. */
static bool is_closed(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	char octet;

	assert_int_equal(poll(&p, 1, 60000), 1);
	return recv(fd, &octet, 1, MSG_PEEK) <= 0;
}

static bool is_served(int fd)
{
	return send(fd, "echo x\n", 7, MSG_NOSIGNAL) == 7 && !is_closed(fd);
}

static void number_of_callers(void **state)
{
	int fd[CONTROL_CLIENTS_MAX + 1];

	(void)state;
	for (int i = 0; i < CONTROL_CLIENTS_MAX; i++) {
		fd[i] = dial();
		check(fd[i], "echo x\n", RES_OK, "x|", "");
	}
	fd[CONTROL_CLIENTS_MAX] = dial();
	assert_true(is_closed(fd[CONTROL_CLIENTS_MAX]));
	close(fd[CONTROL_CLIENTS_MAX]);
	close(fd[0]);
	for (fd[0] = dial(); !is_served(fd[0]); fd[0] = dial()) /* the other side has not seen the end yet */
		close(fd[0]);
	for (int i = 0; i < CONTROL_CLIENTS_MAX; i++)
		close(fd[i]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {TEST(questions_and_answers), TEST(length_of_a_request),
	    TEST(who_does_not_read_is_not_served), TEST(number_of_callers)};

	clock_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
