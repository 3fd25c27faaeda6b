/* TLS between two conns of one loop: implicit, upgraded, verified, refused. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/loop/loop.h"
#include "lib/tls.h"
#include "tests/unit/pem.h"
#include "tests/unit/unit.h"

static struct arena *arena;
static char pem_path[] = "/tmp/reeve-tls-XXXXXX";
static struct ssl_ctx_st *server_ctx, *client_ctx, *other_ctx;

struct end {
	struct loop *loop;
	struct conn *conn;
	char *got;
	size_t n, want;
	bool is_secured, has_ended;
	enum conn_end why;
};

static size_t running;

/* The loop ends when both sides have what they waited for, or either has ended. */
static void one_done(struct end *e)
{
	if (--running == 0)
		loop_stop(e->loop);
}

static void on_input(void *arg)
{
	struct end *e = arg;
	struct str in = conn_input(e->conn);
	size_t before = e->n;

	assert_true(e->n + in.n <= e->want);
	memcpy(e->got + e->n, in.p, in.n);
	e->n += in.n;
	conn_consume(e->conn, in.n);
	if (before < e->want && e->n == e->want)
		one_done(e);
}

static void on_end(void *arg, enum conn_end why)
{
	struct end *e = arg;

	e->has_ended = true;
	e->why = why;
	running = 1;
	one_done(e);
}

static void on_secured(void *arg)
{
	struct end *e = arg;

	e->is_secured = true;
	if (e->want == 0)
		one_done(e);
}

static const struct conn_events events = {.on_input = on_input, .on_end = on_end, .on_secured = on_secured};

static struct end *end_new(struct loop *l, int fd, struct ssl_st *ssl, size_t want)
{
	struct end *e = calloc(1, sizeof *e);

	e->loop = l;
	e->want = want;
	e->got = malloc(want + 1);
	e->conn = conn_accept(l, fd, ssl, &events, e);
	return e;
}

static void end_free(struct end *e)
{
	conn_close(e->conn);
	free(e->got);
	free(e);
}

static void pair(int fds[2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
}

static void both_ways(void **state)
{
	enum { MUCH = 300000 };
	static char up[MUCH], down[MUCH];
	struct loop *l = loop_new();
	struct end *server, *client;
	int fds[2];

	(void)state;
	for (int i = 0; i < MUCH; i++) {
		up[i] = (char)(i * 7);
		down[i] = (char)(i * 13 + 1);
	}
	pair(fds);
	server = end_new(l, fds[0], tls_server_session(server_ctx), MUCH);
	client = end_new(l, fds[1], tls_client_session(client_ctx, STR("mx.test"), true), MUCH);
	conn_write(client->conn, (struct str){up, MUCH});
	conn_write(server->conn, (struct str){down, MUCH});
	running = 2;
	loop_run(l);
	assert_true(server->is_secured && client->is_secured);
	assert_memory_equal(server->got, up, MUCH);
	assert_memory_equal(client->got, down, MUCH);
	assert_str(tls_version(conn_ssl(client->conn)), "TLSv1.3");
	assert_true(tls_is_verified(conn_ssl(client->conn)));
	assert_false(tls_is_verified(conn_ssl(server->conn)));
	assert_true(tls_cipher_bits(conn_ssl(server->conn)) >= 128);
	assert_str(tls_peer(conn_ssl(client->conn), arena), "/CN=mx.test");
	assert_str(tls_peer(conn_ssl(server->conn), arena), "");
	end_free(server);
	end_free(client);
	loop_free(l);
}

static void a_file_goes_through_tls(void **state)
{
	enum { SIZE = 100000 };
	FILE *file = tmpfile();
	struct loop *l = loop_new();
	struct end *server, *client;
	int fds[2];

	(void)state;
	for (int i = 0; i < SIZE; i++)
		fputc(i % 251, file);
	fflush(file);
	pair(fds);
	server = end_new(l, fds[0], tls_server_session(server_ctx), 0);
	client = end_new(l, fds[1], tls_client_session(client_ctx, STR("mx.test"), true), SIZE + 2);
	conn_write(server->conn, STR("<"));
	conn_write_file(server->conn, fileno(file), 0, SIZE);
	conn_write(server->conn, STR(">"));
	running = 2;
	loop_run(l);
	assert_int_equal(client->n, SIZE + 2);
	for (int i = 0; i < SIZE; i++)
		assert_int_equal((unsigned char)client->got[i + 1], i % 251);
	assert_int_equal(client->got[SIZE + 1], '>');
	end_free(server);
	end_free(client);
	fclose(file);
	loop_free(l);
}

static void a_running_conn_is_upgraded(void **state)
{
	struct loop *l = loop_new();
	struct end *server, *client;
	int fds[2];

	(void)state;
	pair(fds);
	server = end_new(l, fds[0], NULL, 4);
	client = end_new(l, fds[1], NULL, 4);
	conn_write(client->conn, STR("helo"));
	running = 1;
	loop_run(l);
	conn_write(server->conn, STR("220."));
	running = 1;
	assert_true(conn_starttls(server->conn, tls_server_session(server_ctx), true));
	conn_write(server->conn, STR("250!")); /* not in the clear any more */
	loop_run(l);
	assert_memory_equal(client->got, "220.", 4);
	server->n = client->n = 0;
	assert_true(conn_starttls(client->conn, tls_client_session(client_ctx, STR("mx.test"), false), false));
	conn_write(client->conn, STR("ehlo"));
	running = 2;
	loop_run(l);
	assert_true(server->is_secured && client->is_secured);
	assert_memory_equal(server->got, "ehlo", 4);
	assert_memory_equal(client->got, "250!", 4);
	end_free(server);
	end_free(client);
	loop_free(l);
}

static void leave_it(void *arg)
{
	loop_stop(((struct end *)arg)->loop);
}

static void octets_before_the_upgrade_forbid_it(void **state)
{
	static const struct conn_events lazy = {.on_input = leave_it, .on_end = on_end};
	struct loop *l = loop_new();
	struct end *server = calloc(1, sizeof *server);
	int fds[2];

	(void)state;
	pair(fds);
	server->loop = l;
	server->conn = conn_accept(l, fds[0], NULL, &lazy, server);
	assert_int_equal(write(fds[1], "injected", 8), 8);
	loop_run(l);
	assert_false(conn_starttls(server->conn, tls_server_session(server_ctx), true));
	assert_null(conn_ssl(server->conn));
	end_free(server);
	close(fds[1]);
	loop_free(l);
}

static void take_header_and_start(void *arg)
{
	struct end *e = arg;

	assert_true(str_starts(conn_input(e->conn), STR("PROXY\r\n")));
	assert_true(conn_input_length(e->conn) > 7);
	conn_consume(e->conn, 7);
	assert_true(conn_starttls_behind(e->conn, tls_server_session(server_ctx)));
}

/* A load balancer sends its header and the client's first octets in one segment. */
static void a_handshake_that_came_with_a_header_goes_on(void **state)
{
	static struct conn_events header_first;
	struct loop *l = loop_new();
	struct end *server = calloc(1, sizeof *server), *client;
	char hello[4096];
	ssize_t n = 7;
	int fds[2], between[2];

	(void)state;
	/* The client's first flight is caught and glued behind the header. */
	pair(fds);
	pair(between);
	client = end_new(l, between[0], tls_client_session(client_ctx, STR("mx.test"), true), 3);
	loop_stop(l);
	loop_run(l);
	memcpy(hello, "PROXY\r\n", 7);
	n += read(between[1], hello + 7, sizeof hello - 7);
	assert_true(n > 100);
	assert_int_equal(write(fds[1], hello, (size_t)n), n);
	header_first = (struct conn_events){.on_input = take_header_and_start, .on_end = on_end, .on_secured = on_secured};
	server->loop = l;
	server->want = 1; /* never comes: the server only talks */
	server->conn = conn_accept(l, fds[0], NULL, &header_first, server);
	running = 1;
	/* From here on the two sockets are one. */
	for (int i = 0; i < 200 && client->n < 3; i++) {
		ssize_t got;

		loop_stop(l);
		loop_run(l);
		if ((got = read(fds[1], hello, sizeof hello)) > 0)
			assert_int_equal(write(between[1], hello, (size_t)got), got);
		if ((got = read(between[1], hello, sizeof hello)) > 0)
			assert_int_equal(write(fds[1], hello, (size_t)got), got);
		if (server->is_secured && conn_output_length(server->conn) == 0 && i < 100) {
			conn_write(server->conn, STR("220"));
			i = 100;
		}
	}
	assert_memory_equal(client->got, "220", 3);
	end_free(server);
	end_free(client);
	close(fds[1]);
	close(between[1]);
	loop_free(l);
}

/* How a handshake ends for the client. */
static struct end *try(struct loop *l, struct ssl_ctx_st *ctx, const char *name, bool must_verify, struct end **ret_server)
{
	struct end *client;
	int fds[2];

	pair(fds);
	*ret_server = end_new(l, fds[0], tls_server_session(server_ctx), 0);
	client = end_new(l, fds[1], tls_client_session(ctx, str_of(name), must_verify), 0);
	running = 2;
	loop_run(l);
	return client;
}

static void certificates_are_verified_by_name_and_issuer(void **state)
{
	struct loop *l = loop_new();
	struct end *server, *client;
	char text[128];

	(void)state;
	client = try(l, client_ctx, "mx.test", true, &server);
	assert_true(client->is_secured && tls_is_verified(conn_ssl(client->conn)));
	end_free(client);
	end_free(server);
	client = try(l, client_ctx, "other.test", true, &server);
	assert_false(client->is_secured);
	assert_true(strstr(conn_error_text(client->conn, text).p, "certificate verify failed") != NULL);
	end_free(client);
	end_free(server);
	client = try(l, client_ctx, "", true, &server);
	assert_false(client->is_secured);
	end_free(client);
	end_free(server);
	client = try(l, other_ctx, "mx.test", true, &server);
	assert_false(client->is_secured);
	end_free(client);
	end_free(server);
	client = try(l, other_ctx, "mx.test", false, &server);
	assert_true(client->is_secured);
	assert_false(tls_is_verified(conn_ssl(client->conn)));
	end_free(client);
	end_free(server);
	loop_free(l);
}

static void plain_talk_on_a_tls_port_is_an_error(void **state)
{
	struct loop *l = loop_new();
	struct end *server;
	int fds[2];
	char text[128];

	(void)state;
	pair(fds);
	server = end_new(l, fds[0], tls_server_session(server_ctx), 1);
	assert_int_equal(write(fds[1], "EHLO me.example\r\n", 17), 17);
	running = 1;
	loop_run(l);
	assert_true(server->has_ended);
	assert_int_equal(server->why, CONN_ERROR);
	assert_true(strstr(conn_error_text(server->conn, text).p, "SSL") != NULL);
	end_free(server);
	close(fds[1]);
	loop_free(l);
}

static void files_that_cannot_be_used_are_told(void **state)
{
	struct str error;

	(void)state;
	assert_null(tls_server_new("/nonexistent", pem_path, arena, &error));
	assert_true(str_find(error, STR("/nonexistent")) >= 0);
	assert_null(tls_server_new("/etc/passwd", pem_path, arena, &error));
	assert_null(tls_client_new("/nonexistent", arena, &error));
}

static int set_up(void **state)
{
	struct str error = STR_NONE;
	int fd = mkstemp(pem_path);

	(void)state;
	arena = arena_new(0);
	assert_int_equal(write(fd, test_pem, sizeof test_pem - 1), sizeof test_pem - 1);
	close(fd);
	server_ctx = tls_server_new(pem_path, pem_path, arena, &error);
	client_ctx = tls_client_new(pem_path, arena, &error);
	other_ctx = tls_client_new(NULL, arena, &error);
	unlink(pem_path);
	return !server_ctx || !client_ctx || !other_ctx;
}

static int tear_down(void **state)
{
	(void)state;
	tls_free(server_ctx);
	tls_free(client_ctx);
	tls_free(other_ctx);
	arena_free(arena);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(both_ways),
	    cmocka_unit_test(a_file_goes_through_tls),
	    cmocka_unit_test(a_running_conn_is_upgraded),
	    cmocka_unit_test(octets_before_the_upgrade_forbid_it),
	    cmocka_unit_test(a_handshake_that_came_with_a_header_goes_on),
	    cmocka_unit_test(certificates_are_verified_by_name_and_issuer),
	    cmocka_unit_test(plain_talk_on_a_tls_port_is_an_error),
	    cmocka_unit_test(files_that_cannot_be_used_are_told),
	};
	clock_init();
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
