#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/loop/loop.h"
#include "tests/unit/unit.h"

/* One end on the loop: collects what comes and notes the events. */
struct end {
	struct loop *loop;
	struct conn *conn;
	char got[300000];
	size_t n, take_max, stop_at;
	unsigned inputs, drained, connected, ends;
	enum conn_end why;
	bool stop_on_drained, stop_on_connected;
};

static void on_input(void *arg)
{
	struct end *e = arg;
	struct str in = conn_input(e->conn);
	size_t n = e->take_max && in.n > e->take_max ? e->take_max : in.n;

	e->inputs++;
	assert_true(e->n + n <= sizeof e->got);
	memcpy(e->got + e->n, in.p, n);
	e->n += n;
	conn_consume(e->conn, n);
	if (e->stop_at && e->n >= e->stop_at)
		loop_stop(e->loop);
}

static void on_drained(void *arg)
{
	struct end *e = arg;

	e->drained++;
	if (e->stop_on_drained)
		loop_stop(e->loop);
}

static void on_end(void *arg, enum conn_end why)
{
	struct end *e = arg;

	e->ends++;
	e->why = why;
	conn_close(e->conn);
	e->conn = NULL;
	loop_stop(e->loop);
}

static void on_connected(void *arg)
{
	struct end *e = arg;

	e->connected++;
	if (e->stop_on_connected)
		loop_stop(e->loop);
}

static const struct conn_events events = {
    .on_input = on_input, .on_drained = on_drained, .on_end = on_end, .on_connected = on_connected};

static struct end *end_new(struct loop *l, int fd)
{
	struct end *e = calloc(1, sizeof *e);

	e->loop = l;
	if (fd >= 0)
		e->conn = conn_accept(l, fd, NULL, &events, e);
	return e;
}

static void pair(int fds[2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
}

static void put(int fd, const char *text)
{
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

static void finish(struct loop *l, struct end *e)
{
	conn_close(e->conn);
	loop_free(l);
	free(e);
}

static void input_is_delivered_and_the_rest_is_kept(void **state)
{
	struct loop *l = loop_new();
	int fds[2];
	struct end *e;

	(void)state;
	pair(fds);
	e = end_new(l, fds[0]);
	e->take_max = 3;
	e->stop_at = 3;
	put(fds[1], "abcdefg");
	loop_run(l);
	assert_int_equal(conn_input_length(e->conn), 4);
	e->stop_at = 6;
	put(fds[1], "hij");
	loop_run(l);
	assert_int_equal(e->n, 6);
	assert_memory_equal(e->got, "abcdef", 6);
	assert_str(conn_input(e->conn), "ghij");
	close(fds[1]);
	finish(l, e);
}

static void paused_input_waits_for_resume(void **state)
{
	struct loop *l = loop_new();
	int fds[2];
	struct end *e;
	struct timer *t;

	(void)state;
	pair(fds);
	e = end_new(l, fds[0]);
	conn_pause(e->conn);
	put(fds[1], "x");
	t = timer_new(l, (void (*)(void *))loop_stop, l);
	timer_set(t, 20);
	loop_run(l);
	assert_int_equal(e->inputs, 0);
	e->stop_at = 1;
	conn_resume(e->conn);
	loop_run(l);
	assert_int_equal(e->n, 1);

	/* Kept input is offered again by resume although nothing new came. */
	e->take_max = 1;
	e->stop_at = 2;
	put(fds[1], "yz");
	loop_run(l);
	conn_pause(e->conn);
	e->stop_at = 3;
	conn_resume(e->conn);
	loop_run(l);
	assert_memory_equal(e->got, "xyz", 3);
	timer_free(t);
	close(fds[1]);
	finish(l, e);
}

static void end_of_file_comes_after_the_last_input(void **state)
{
	struct loop *l = loop_new();
	int fds[2];
	struct end *e;

	(void)state;
	pair(fds);
	e = end_new(l, fds[0]);
	put(fds[1], "last");
	close(fds[1]);
	loop_run(l);
	assert_int_equal(e->n, 4);
	assert_int_equal(e->ends, 1);
	assert_int_equal(e->why, CONN_EOF);
	finish(l, e);
}

static void *drain(void *arg)
{
	int fd = *(int *)arg;
	char *all = malloc(4000000);
	size_t n = 0;
	ssize_t got;

	fcntl(fd, F_SETFL, 0);
	while ((got = read(fd, all + n, 4000000 - n)) > 0)
		n += (size_t)got;
	/* First the digits, then the file, then the digits. */
	for (size_t i = 0; i < 1000000; i++)
		if (all[i] != (char)('0' + i % 10))
			abort();
	for (size_t i = 0; i < 100000; i++)
		if (all[1000000 + i] != 'f')
			abort();
	if (memcmp(all + 1100000, "tail", 4) != 0 || n != 1100004)
		abort();
	free(all);
	return NULL;
}

static void output_larger_than_the_socket_goes_in_order(void **state)
{
	struct loop *l = loop_new();
	FILE *file = tmpfile();
	char *digits = malloc(1000000);
	int fds[2];
	struct end *e;
	pthread_t reader;

	(void)state;
	pair(fds);
	for (size_t i = 0; i < 1000000; i++)
		digits[i] = (char)('0' + i % 10);
	fputs("skip", file);
	for (size_t i = 0; i < 100000; i++)
		fputc('f', file);
	fflush(file);
	e = end_new(l, fds[0]);
	for (size_t i = 0; i < 1000000; i += 10000)
		conn_write(e->conn, (struct str){digits + i, 10000});
	conn_write_file(e->conn, fileno(file), 4, 100000);
	conn_write(e->conn, STR("tail"));
	fclose(file); /* the conn has its own descriptor */
	assert_int_equal(conn_output_length(e->conn), 1100004);
	e->stop_on_drained = true;
	pthread_create(&reader, NULL, drain, &fds[1]);
	loop_run(l);
	assert_int_equal(e->drained, 1);
	assert_int_equal(conn_output_length(e->conn), 0);
	conn_close(e->conn);
	e->conn = NULL;
	pthread_join(reader, NULL);
	free(digits);
	close(fds[1]);
	finish(l, e);
}

static void close_after_write_writes_first(void **state)
{
	struct loop *l = loop_new();
	int fds[2];
	struct end *e;
	char got[16];
	struct timer *t;

	(void)state;
	pair(fds);
	e = end_new(l, fds[0]);
	conn_write(e->conn, STR("bye"));
	conn_close_after_write(e->conn);
	conn_write(e->conn, STR("not this"));
	e->conn = NULL;
	t = timer_new(l, (void (*)(void *))loop_stop, l);
	timer_set(t, 10);
	loop_run(l);
	assert_int_equal(read(fds[1], got, sizeof got), 3);
	assert_int_equal(read(fds[1], got, sizeof got), 0);
	assert_int_equal(e->ends, 0);
	timer_free(t);
	close(fds[1]);
	finish(l, e);
}

/* Who takes what was left octet by octet does not keep the descriptor for longer than a minute. */
static void closing_has_an_end(void **state)
{
	char name[] = "/tmp/test-loop-clock-XXXXXX", got[4096];
	int fds[2], clock_fd = mkstemp(name);
	size_t size = 4 << 20, total = 0;
	int64_t ahead = 0;
	char *big = calloc(1, size);
	struct loop *l;
	struct timer *t;
	struct end *e;
	ssize_t n;

	(void)state;
	assert_int_equal(pwrite(clock_fd, &ahead, sizeof ahead, 0), sizeof ahead);
	setenv("REEVE_CLOCK", name, 1);
	clock_init();
	l = loop_new();
	pair(fds);
	e = end_new(l, fds[0]);
	conn_timeout(e->conn, 300000, 300000);
	conn_write(e->conn, (struct str){big, size});
	conn_close_after_write(e->conn);
	e->conn = NULL;
	t = timer_new(l, (void (*)(void *))loop_stop, l);
	for (ahead = 0; ahead <= 62000000000; ahead += 31000000000) {
		assert_int_equal(pwrite(clock_fd, &ahead, sizeof ahead, 0), sizeof ahead);
		timer_set(t, 60);
		loop_run(l);
		n = read(fds[1], got, sizeof got);
		total += n > 0 ? (size_t)n : 0;
	}
	while ((n = read(fds[1], got, sizeof got)) > 0)
		total += (size_t)n;
	assert_int_equal(n, 0);
	assert_true(total < size);
	timer_free(t);
	close(fds[1]);
	close(clock_fd);
	unlink(name);
	free(big);
	finish(l, e);
}

static void lingering_close_reads_on_so_that_the_reply_arrives(void **state)
{
	struct loop *l = loop_new();
	struct ip ip;
	struct sockaddr_storage sa;
	socklen_t n = sizeof sa;
	int ls, client, server;
	struct end *e;
	char got[16];
	struct timer *t;
	static char junk[200000];

	(void)state;
	assert_true(ip_parse(STR("127.0.0.1"), &ip));
	ls = listen_tcp(&ip, 0, 5);
	assert_true(ls >= 0);
	getsockname(ls, (struct sockaddr *)&sa, &n);
	client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(client, (struct sockaddr *)&sa, n), 0);
	server = accept4(ls, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	e = end_new(l, server);
	assert_int_equal(write(client, junk, sizeof junk), sizeof junk);
	conn_write(e->conn, STR("421"));
	conn_close_linger(e->conn);
	e->conn = NULL;
	t = timer_new(l, (void (*)(void *))loop_stop, l);
	timer_set(t, 50);
	loop_run(l);
	assert_int_equal(read(client, got, sizeof got), 3);
	assert_int_equal(read(client, got, sizeof got), 0);
	close(client);
	timer_set(t, 50);
	loop_run(l);
	timer_free(t);
	close(ls);
	finish(l, e);
}

static void silence_ends_with_a_timeout(void **state)
{
	struct loop *l = loop_new();
	int64_t start = clock_ticks_ns();
	int fds[2];
	struct end *e;

	(void)state;
	pair(fds);
	e = end_new(l, fds[0]);
	conn_timeout(e->conn, 60, 0);
	loop_run(l);
	assert_int_equal(e->why, CONN_TIMEOUT);
	assert_in_range((clock_ticks_ns() - start) / 1000000, 59, 20000);
	close(fds[1]);
	finish(l, e);
}

static void a_reader_that_never_reads_ends_with_a_timeout(void **state)
{
	struct loop *l = loop_new();
	int fds[2];
	struct end *e;
	static char much[4000000];

	(void)state;
	pair(fds);
	e = end_new(l, fds[0]);
	conn_timeout(e->conn, 0, 60);
	conn_write(e->conn, (struct str){much, sizeof much});
	loop_run(l);
	assert_int_equal(e->why, CONN_TIMEOUT);
	close(fds[1]);
	finish(l, e);
}

static void connect_works_and_a_refusal_is_an_error(void **state)
{
	struct loop *l = loop_new();
	struct ip ip;
	struct sockaddr_storage sa;
	socklen_t n = sizeof sa;
	uint16_t port;
	struct ip bound;
	struct end *e = end_new(l, -1);
	char text[128];
	int ls;

	(void)state;
	ip_parse(STR("127.0.0.1"), &ip);
	ls = listen_tcp(&ip, 0, 5);
	getsockname(ls, (struct sockaddr *)&sa, &n);
	ip_from_sockaddr((struct sockaddr *)&sa, &bound, &port);
	e->stop_on_connected = true;
	e->conn = conn_connect(l, &ip, port, &ip, &events, e);
	loop_run(l);
	assert_int_equal(e->connected, 1);
	conn_close(e->conn);
	close(ls);
	e->conn = conn_connect(l, &ip, port, NULL, &events, e);
	assert_str(conn_error_text(e->conn, text), "closed by the peer");
	loop_run(l);
	assert_int_equal(e->connected, 1);
	assert_int_equal(e->why, CONN_ERROR);
	finish(l, e);
}

struct accepted {
	struct loop *loop;
	int fd;
};

static void on_accept(void *arg, int fd, const struct sockaddr *peer)
{
	struct accepted *a = arg;

	assert_int_equal(peer->sa_family, AF_INET);
	a->fd = fd;
	loop_stop(a->loop);
}

static void listeners_hand_over_nonblocking_descriptors(void **state)
{
	struct loop *l = loop_new();
	struct accepted a = {l, -1};
	struct sockaddr_storage sa;
	socklen_t n = sizeof sa;
	struct ip ip;
	int ls, client;
	struct listener *listener;

	(void)state;
	ip_parse(STR("127.0.0.1"), &ip);
	ls = listen_tcp(&ip, 0, 5);
	getsockname(ls, (struct sockaddr *)&sa, &n);
	client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	connect(client, (struct sockaddr *)&sa, n);
	listener = listener_new(l, ls, on_accept, &a);
	loop_run(l);
	assert_true(a.fd >= 0);
	assert_true(fcntl(a.fd, F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(a.fd, F_GETFD) & FD_CLOEXEC);
	listener_free(listener);
	close(a.fd);
	close(client);
	close(ls);
	loop_free(l);
}

static int order[100], ordered;

static void note_order(void *arg)
{
	order[ordered++] = (int)(intptr_t)arg;
}

static void timers_fire_in_the_order_of_their_times(void **state)
{
	struct loop *l = loop_new();
	struct timer *t[50], *last;

	(void)state;
	ordered = 0;
	for (int i = 0; i < 50; i++) {
		t[i] = timer_new(l, note_order, (void *)(intptr_t)(i * 17 % 50));
		timer_set(t[i], 1 + i * 17 % 50);
	}
	for (int i = 0; i < 50; i += 7)
		timer_stop(t[i]);
	timer_set(t[0], 60); /* moved to the end */
	last = timer_new(l, (void (*)(void *))loop_stop, l);
	timer_set(last, 80);
	loop_run(l);
	assert_int_equal(ordered, 43);
	for (int i = 1; i < 42; i++)
		assert_true(order[i - 1] < order[i]);
	assert_int_equal(order[42], 0);
	for (int i = 0; i < 50; i++)
		timer_free(t[i]);
	timer_free(last);
	loop_free(l);
}

static void *post_many(void *arg)
{
	for (int i = 0; i < 99; i++)
		loop_post(arg, note_order, (void *)(intptr_t)i);
	loop_stop(arg);
	return NULL;
}

static void posts_of_a_thread_run_in_order(void **state)
{
	struct loop *l = loop_new();
	pthread_t thread;

	(void)state;
	ordered = 0;
	pthread_create(&thread, NULL, post_many, l);
	loop_run(l);
	pthread_join(thread, NULL);
	assert_int_equal(ordered, 99);
	for (int i = 0; i < 99; i++)
		assert_int_equal(order[i], i);
	loop_free(l);
}

static void signals_and_descriptors_are_watched(void **state)
{
	struct loop *l = loop_new();
	int fds[2];

	(void)state;
	pair(fds);
	loop_signal(l, SIGUSR1, (void (*)(void *))loop_stop, l);
	raise(SIGUSR1);
	loop_run(l);
	loop_watch(l, fds[0], (void (*)(void *, int))(void *)loop_stop, l);
	put(fds[1], "x");
	loop_run(l);
	close(fds[0]);
	close(fds[1]);
	loop_free(l);
}

static void unix_sockets_have_their_mode(void **state)
{
	char path[] = "/tmp/reeve-loop-XXXXXX";
	char name[64];
	int fd;

	(void)state;
	assert_non_null(mkdtemp(path));
	snprintf(name, sizeof name, "%s/s", path);
	fd = listen_unix(name, 0600);
	assert_true(fd >= 0);
	close(fd);
	fd = listen_unix(name, 0600); /* replaces the old one */
	assert_true(fd >= 0);
	close(fd);
	unlink(name);
	rmdir(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(input_is_delivered_and_the_rest_is_kept),
	    cmocka_unit_test(paused_input_waits_for_resume),
	    cmocka_unit_test(end_of_file_comes_after_the_last_input),
	    cmocka_unit_test(output_larger_than_the_socket_goes_in_order),
	    cmocka_unit_test(close_after_write_writes_first),
	    cmocka_unit_test(lingering_close_reads_on_so_that_the_reply_arrives),
	    cmocka_unit_test(silence_ends_with_a_timeout),
	    cmocka_unit_test(a_reader_that_never_reads_ends_with_a_timeout),
	    cmocka_unit_test(connect_works_and_a_refusal_is_an_error),
	    cmocka_unit_test(listeners_hand_over_nonblocking_descriptors),
	    cmocka_unit_test(timers_fire_in_the_order_of_their_times),
	    cmocka_unit_test(posts_of_a_thread_run_in_order),
	    cmocka_unit_test(signals_and_descriptors_are_watched),
	    cmocka_unit_test(unix_sockets_have_their_mode),
	    cmocka_unit_test(closing_has_an_end), /* steers the clock: last */
	};
	clock_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
