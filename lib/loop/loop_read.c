/*
 * The reading side of a conn. What a read brings lies in the loop's scratch buffer while on_input
 * looks at it; only what the callback leaves is copied to the heap.
 */
#include "lib/loop/loop_private.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "lib/clock.h"
#include "lib/tls.h"

enum {
	KEEP_ROOM = 256,       /* least heap block for kept input */
	READ_ROOM = 16 * 1024, /* least room for reading behind kept input */
	LINGER_OCTETS = 64 * 1024 * 1024,
};

void conn_drop_input(struct conn *c)
{
	if (c->in != c->loop->scratch)
		free(c->in);
	c->in = NULL;
	c->in_at = c->in_n = c->in_room = 0;
}

/* Room behind what is kept; the scratch buffer when nothing is. */
static char *read_room(struct conn *c, size_t *ret_room)
{
	if (c->in_n == 0) {
		conn_drop_input(c);
		c->in = c->loop->scratch;
		c->in_room = LOOP_SCRATCH;
	} else if (c->in_room - c->in_at - c->in_n < READ_ROOM) {
		size_t room = c->in_n + (c->in_n > READ_ROOM ? c->in_n : READ_ROOM);
		char *in = malloc(room);

		if (!in)
			abort();
		memcpy(in, c->in + c->in_at, c->in_n);
		free(c->in);
		c->in = in;
		c->in_at = 0;
		c->in_room = room;
	}
	*ret_room = c->in_room - c->in_at - c->in_n;
	return c->in + c->in_at + c->in_n;
}

/* The scratch buffer belongs to the next conn now: what was left goes to the heap. */
static void keep_rest(struct conn *c)
{
	char *in;
	size_t room;

	if (c->in_n == 0) {
		conn_drop_input(c);
		return;
	}
	if (c->in != c->loop->scratch)
		return;
	room = c->in_n > KEEP_ROOM ? c->in_n : KEEP_ROOM;
	in = malloc(room);
	if (!in)
		abort();
	memcpy(in, c->in + c->in_at, c->in_n);
	c->in = in;
	c->in_at = 0;
	c->in_room = room;
}

void conn_deliver(struct conn *c)
{
	c->events->on_input(c->arg);
	if (c->state != STATE_CLOSED)
		keep_rest(c);
}

/* Reads until the room is full or nothing is there; the last step says how it ended. */
static enum tls_step receive_tls(struct conn *c, char *to, size_t room, size_t *ret_n)
{
	enum tls_step step = TLS_DONE;
	size_t n = 0;

	while (n < room && step == TLS_DONE) {
		size_t part = 0;

		step = tls_read(c->ssl, to + n, room - n, &part);
		n += step == TLS_DONE ? part : 0;
	}
	c->has_more = step != TLS_WANT_READ;
	c->read_wants_write = step == TLS_WANT_WRITE;
	c->tls_failed |= step == TLS_FAILED;
	*ret_n = n;
	return step;
}

static enum tls_step receive_plain(struct conn *c, char *to, size_t room, size_t *ret_n)
{
	ssize_t n = recv(c->fd, to, room, 0);

	*ret_n = n > 0 ? (size_t)n : 0;
	if (n > 0)
		return TLS_DONE;
	if (n == 0)
		return TLS_EOF;
	if (errno == EAGAIN || errno == EINTR)
		return TLS_WANT_READ;
	c->error = errno;
	return TLS_FAILED;
}

void conn_linger_read(struct conn *c)
{
	ssize_t n = recv(c->fd, c->loop->scratch, LOOP_SCRATCH, 0);

	if (n > 0) {
		c->lingered += (size_t)n;
		c->write_us = clock_mono_us();
	}
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR) || c->lingered > LINGER_OCTETS)
		conn_close(c);
}

void conn_read_some(struct conn *c)
{
	size_t room, n;
	char *to = read_room(c, &room);
	enum tls_step step = c->ssl ? receive_tls(c, to, room, &n) : receive_plain(c, to, room, &n);

	if (n > 0) {
		c->read_us = clock_mono_us();
		c->in_n += n;
		if (c->has_more) {
			c->todo_read = true;
			conn_todo(c);
		}
		if (step == TLS_WANT_WRITE)
			conn_want_write(c, true);
		conn_deliver(c);
		return;
	}
	keep_rest(c);
	if (step == TLS_EOF)
		conn_end(c, c->write_failed ? CONN_ERROR : CONN_EOF);
	else if (step == TLS_FAILED || c->write_failed)
		conn_end(c, CONN_ERROR);
	else if (step == TLS_WANT_WRITE)
		conn_want_write(c, true);
}
