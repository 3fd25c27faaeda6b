/*
 * The writing side of a conn: pieces of memory and of files in order, sent in as few calls as the
 * kernel allows. Called by conns_settle() at the end of a callback and when the socket has room.
 */
#define _GNU_SOURCE
#include "lib/loop/loop_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/tls.h"

enum {
	PIECE_ROOM = 1024, /* least size of an output piece */
	TLS_RECORD = 16 * 1024,
	WRITE_BATCH = 16,
};

static struct piece *piece_new(struct conn *c, size_t room)
{
	struct piece *p = malloc(sizeof *p + room);

	if (!p)
		abort();
	*p = (struct piece){.room = room, .fd = -1};
	*c->out_last = p;
	c->out_last = &p->next;
	return p;
}

static void wrote(struct conn *c, size_t n)
{
	c->out_n -= n;
	while (c->out_first && n >= c->out_first->n - c->out_first->done) {
		struct piece *p = c->out_first;

		n -= p->n - p->done;
		c->out_first = p->next;
		if (!c->out_first)
			c->out_last = &c->out_first;
		c->plain_done |= p->ends_plain;
		if (p->fd >= 0)
			close(p->fd);
		free(p);
	}
	if (c->out_first)
		c->out_first->done += n;
}

static ssize_t send_memory(struct conn *c)
{
	struct iovec v[WRITE_BATCH];
	struct msghdr m = {.msg_iov = v};
	const struct piece *p = c->out_first;

	while (p && p->fd < 0 && m.msg_iovlen < WRITE_BATCH) {
		v[m.msg_iovlen++] = (struct iovec){(char *)p->data + p->done, p->n - p->done};
		p = p->ends_plain ? NULL : p->next;
	}
	return sendmsg(c->fd, &m, MSG_NOSIGNAL | (p ? MSG_MORE : 0));
}

static enum tls_step flush_plain(struct conn *c)
{
	while (c->out_first && !(c->state == STATE_TLS_WAIT && c->plain_done)) {
		struct piece *p = c->out_first;
		off_t at = p->offset + (off_t)p->done;
		ssize_t n = p->fd >= 0 ? sendfile(c->fd, p->fd, &at, p->n - p->done) : send_memory(c);

		if (n == 0) { /* the file is shorter than was promised */
			c->error = EIO;
			return TLS_FAILED;
		}
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			c->error = errno;
			return errno == EAGAIN ? TLS_WANT_WRITE : TLS_FAILED;
		}
		c->write_us = clock_mono_us();
		wrote(c, (size_t)n);
	}
	return TLS_DONE;
}

static enum tls_step flush_tls(struct conn *c)
{
	char record[TLS_RECORD];

	while (c->out_first) {
		struct piece *p = c->out_first;
		struct str data = {p->data + p->done, p->n - p->done};
		enum tls_step step;
		size_t n = 0;

		if (p->fd >= 0) {
			size_t want = data.n < sizeof record ? data.n : sizeof record;
			ssize_t got = pread(p->fd, record, want, p->offset + (off_t)p->done);

			if (got <= 0) {
				c->error = got < 0 ? errno : EIO;
				return TLS_FAILED;
			}
			data = (struct str){record, (size_t)got};
		}
		step = tls_write(c->ssl, data, &n);
		if (step != TLS_DONE)
			return step;
		c->write_us = clock_mono_us();
		wrote(c, n);
	}
	return TLS_DONE;
}

/* The peer may have said why before it went: what it sent is read first. */
static void output_failed(struct conn *c)
{
	c->write_failed = true;
	conn_drop_output(c);
	if (c->is_closing)
		conn_close(c);
	else if (c->state == STATE_OPEN && !c->is_paused)
		conn_read_some(c);
}

void conn_flush(struct conn *c)
{
	enum tls_step step;

	if (c->state == STATE_CLOSED || c->state == STATE_LINGER ||
	    (c->state != STATE_OPEN && c->state != STATE_TLS_WAIT && !c->is_closing))
		return;
	if (c->out_n == 0 && c->state != STATE_TLS_WAIT)
		return;
	step = conn_is_tls(c) ? flush_tls(c) : flush_plain(c);
	if (step == TLS_DONE) {
		if (c->state == STATE_TLS_WAIT && !c->is_closing)
			conn_start_handshake(c);
		else if (c->is_closing)
			conn_finish_close(c);
		else if (c->events->on_drained)
			c->events->on_drained(c->arg);
	} else if (step == TLS_FAILED || step == TLS_EOF) {
		c->tls_failed |= conn_is_tls(c);
		output_failed(c);
	} else {
		conn_want_write(c, step == TLS_WANT_WRITE);
		conn_arm_timer(c);
	}
}

void conn_drop_output(struct conn *c)
{
	for (struct piece *p = c->out_first, *next; p; p = next) {
		next = p->next;
		if (p->fd >= 0)
			close(p->fd);
		free(p);
	}
	c->out_first = NULL;
	c->out_last = &c->out_first;
	c->out_n = 0;
}

static struct piece *last_piece(struct conn *c)
{
	return c->out_first ? (struct piece *)((char *)c->out_last - offsetof(struct piece, next)) : NULL;
}

void conn_end_plain(struct conn *c)
{
	struct piece *p = last_piece(c);

	if (p)
		p->ends_plain = true;
	else
		c->plain_done = true;
}

void conn_write(struct conn *c, struct str data)
{
	struct piece *p;

	if (data.n == 0 || c->write_failed || c->is_closing || c->state == STATE_CLOSED)
		return;
	p = last_piece(c);
	if (!p || p->ends_plain || p->fd >= 0 || p->room - p->n < data.n)
		p = piece_new(c, data.n > PIECE_ROOM ? data.n : PIECE_ROOM);
	memcpy(p->data + p->n, data.p, data.n);
	p->n += data.n;
	if (c->out_n == 0)
		c->write_us = clock_mono_us();
	c->out_n += data.n;
	c->todo_flush = true;
	conn_todo(c);
}

void conn_write_file(struct conn *c, int fd, off_t offset, size_t length)
{
	struct piece *p;

	if (length == 0 || c->write_failed || c->is_closing || c->state == STATE_CLOSED)
		return;
	p = piece_new(c, 0);
	p->n = length;
	p->offset = offset;
	p->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (c->out_n == 0)
		c->write_us = clock_mono_us();
	c->out_n += length;
	if (p->fd < 0) {
		/* Never a shortened stream: the connection ends instead. */
		c->error = errno;
		c->write_failed = c->todo_fail = true;
		conn_drop_output(c);
	}
	c->todo_flush = true;
	conn_todo(c);
}
