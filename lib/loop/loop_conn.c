/*
 * Buffered streams of a loop, plain or TLS: life cycle, time-outs, handshakes. An idle connection
 * holds no buffers. What callbacks write is sent when the callback is over, in one call
 * (conns_settle). Closed conns are freed there too, so a conn may be closed inside its callbacks.
 */
#define _GNU_SOURCE
#include "lib/loop/loop_private.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/tls.h"

enum {
	CLOSE_MS = 30000,	 /* for the last octets when no write time-out was set */
	CLOSE_ALL_MS = 60000,	 /* for all that was left to write */
	LINGER_MS = 2000,	 /* of silence */
	LINGER_ALL_MS = 30000,
};

static void on_timer(void *arg);

/* ---- bookkeeping ---- */

void conn_todo(struct conn *c)
{
	if (c->is_todo)
		return;
	c->is_todo = true;
	c->next = NULL;
	*c->loop->todo_last = c;
	c->loop->todo_last = &c->next;
}

void conn_want_read(struct conn *c, bool wanted)
{
	if (wanted == c->is_reading)
		return;
	c->is_reading = wanted;
	if (wanted)
		event_add(&c->readable, NULL);
	else
		event_del(&c->readable);
}

void conn_want_write(struct conn *c, bool wanted)
{
	if (wanted == c->is_writing)
		return;
	c->is_writing = wanted;
	if (wanted)
		event_add(&c->writable, NULL);
	else
		event_del(&c->writable);
}

/* The earliest moment at which a limit is passed; INT64_MAX: none is running. */
static int64_t deadline_of(const struct conn *c)
{
	int64_t due = INT64_MAX;
	bool is_waiting = c->state == STATE_CONNECTING || c->out_n > 0;
	int64_t write_ms = c->write_ms ? c->write_ms : c->state == STATE_CONNECTING ? c->read_ms : 0;

	if (c->state == STATE_LINGER) {
		due = c->write_us + LINGER_MS * 1000;
		return due < c->read_us + LINGER_ALL_MS * 1000 ? due : c->read_us + LINGER_ALL_MS * 1000;
	}
	if (c->is_closing && !write_ms)
		write_ms = CLOSE_MS;
	if (is_waiting && write_ms)
		due = c->write_us + write_ms * 1000;
	/* Nobody counts it any more: who takes his last octets one by one must not keep the descriptor. */
	if (c->is_closing && due > c->read_us + CLOSE_ALL_MS * 1000)
		due = c->read_us + CLOSE_ALL_MS * 1000;
	if (c->read_ms && !c->is_closing &&
	    (c->state == STATE_HANDSHAKE || (c->state == STATE_OPEN && !c->is_paused)) &&
	    c->read_us + c->read_ms * 1000 < due)
		due = c->read_us + c->read_ms * 1000;
	return due;
}

/* The timer may fire too early (it then looks again), never too late. */
void conn_arm_timer(struct conn *c)
{
	int64_t due = deadline_of(c);

	if (due == INT64_MAX || (c->timer.at && c->timer.due_us <= due))
		return;
	timer_set(&c->timer, (due - clock_mono_us() + 999) / 1000);
}

/* ---- ends ---- */

void conn_end(struct conn *c, enum conn_end why)
{
	if (c->is_closing || c->state == STATE_LINGER) {
		conn_close(c);
		return;
	}
	c->state = STATE_ENDED;
	conn_want_read(c, false);
	conn_want_write(c, false);
	timer_stop(&c->timer);
	c->events->on_end(c->arg, why);
}

static void on_timer(void *arg)
{
	struct conn *c = arg;

	if (deadline_of(c) <= clock_mono_us())
		conn_end(c, CONN_TIMEOUT);
	else
		conn_arm_timer(c);
}

void conn_close(struct conn *c)
{
	if (!c || c->state == STATE_CLOSED)
		return;
	if (c->leaving_link) {
		*c->leaving_link = c->leaving_next;
		if (c->leaving_next)
			c->leaving_next->leaving_link = c->leaving_link;
	}
	if (c->ssl) {
		if (conn_is_tls(c) && !c->tls_failed && !c->write_failed && c->state != STATE_LINGER)
			tls_close(c->ssl);
		tls_session_free(c->ssl);
		c->ssl = NULL;
	}
	conn_want_read(c, false);
	conn_want_write(c, false);
	timer_stop(&c->timer);
	close(c->fd);
	conn_drop_output(c);
	conn_drop_input(c);
	c->state = STATE_CLOSED;
	if (!c->is_todo) {
		c->next = c->loop->dead;
		c->loop->dead = c;
	}
}

/* All is written; with must_linger the peer gets time to read it before the socket goes. */
void conn_finish_close(struct conn *c)
{
	if (!c->must_linger || c->state == STATE_ENDED) {
		conn_close(c);
		return;
	}
	if (conn_is_tls(c) && !c->tls_failed)
		tls_close(c->ssl);
	shutdown(c->fd, SHUT_WR);
	conn_drop_input(c);
	c->state = STATE_LINGER;
	c->read_us = c->write_us = clock_mono_us();
	conn_want_read(c, true);
	timer_stop(&c->timer);
	conn_arm_timer(c);
}

/* Nobody but the loop knows it from now on. */
static void leave(struct conn *c)
{
	struct loop *l = c->loop;

	if (c->leaving_link)
		return;
	c->leaving_next = l->leaving;
	c->leaving_link = &l->leaving;
	if (c->leaving_next)
		c->leaving_next->leaving_link = &c->leaving_next;
	l->leaving = c;
}

static void close_soon(struct conn *c, bool must_linger)
{
	if (c->state == STATE_CLOSED)
		return;
	c->is_closing = true;
	c->must_linger = must_linger;
	if (c->state == STATE_CONNECTING || c->state == STATE_HANDSHAKE || c->write_failed) {
		conn_close(c);
		return;
	}
	leave(c);
	c->read_us = clock_mono_us();
	conn_want_read(c, false);
	if (c->out_n == 0) {
		conn_finish_close(c);
		return;
	}
	conn_arm_timer(c);
	c->todo_flush = true;
	conn_todo(c);
}

void conn_close_after_write(struct conn *c)
{
	close_soon(c, false);
}

void conn_close_linger(struct conn *c)
{
	close_soon(c, true);
}

/* ---- connecting and the handshake ---- */

static void handshake(struct conn *c)
{
	switch (tls_handshake(c->ssl)) {
	case TLS_DONE:
		c->state = STATE_OPEN;
		c->read_us = clock_mono_us();
		conn_want_write(c, c->out_n > 0);
		conn_want_read(c, true);
		c->has_more = c->todo_read = true;
		conn_todo(c);
		if (c->events->on_secured)
			c->events->on_secured(c->arg);
		break;
	case TLS_WANT_READ:
		conn_want_write(c, false);
		conn_want_read(c, true);
		break;
	case TLS_WANT_WRITE:
		conn_want_write(c, true);
		break;
	case TLS_EOF:
		c->tls_failed = true;
		conn_end(c, CONN_EOF);
		break;
	case TLS_FAILED:
		c->tls_failed = true;
		conn_end(c, CONN_ERROR);
		break;
	}
}

void conn_start_handshake(struct conn *c)
{
	c->state = STATE_HANDSHAKE;
	c->read_us = clock_mono_us();
	conn_arm_timer(c);
	handshake(c);
}

static void connected(struct conn *c)
{
	int error = 0;
	socklen_t length = sizeof error;

	if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0)
		error = errno;
	if (error) {
		c->error = error;
		conn_end(c, CONN_ERROR);
		return;
	}
	c->state = STATE_OPEN;
	c->read_us = c->write_us = clock_mono_us();
	conn_want_write(c, false);
	conn_want_read(c, !c->is_paused);
	conn_arm_timer(c);
	if (c->out_n > 0) {
		c->todo_flush = true;
		conn_todo(c);
	}
	if (c->events->on_connected)
		c->events->on_connected(c->arg);
}

/* ---- events ---- */

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;
	struct loop *l = c->loop;

	(void)fd;
	(void)what;
	if (c->state == STATE_HANDSHAKE) {
		c->read_us = clock_mono_us();
		handshake(c);
	} else if (c->state == STATE_LINGER) {
		conn_linger_read(c);
	} else if (c->is_paused || c->state != STATE_OPEN) {
		conn_want_read(c, false); /* only now: most pauses are over before anything comes */
	} else {
		conn_read_some(c);
	}
	loop_settle(l);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;
	struct loop *l = c->loop;

	(void)fd;
	(void)what;
	if (c->state == STATE_CONNECTING) {
		connected(c);
	} else if (c->state == STATE_HANDSHAKE) {
		handshake(c);
	} else {
		conn_want_write(c, false);
		conn_flush(c);
		if (c->state == STATE_OPEN && c->read_wants_write && !c->is_paused && !c->is_closing)
			conn_read_some(c);
	}
	loop_settle(l);
}

static void settle_one(struct conn *c)
{
	if (c->todo_fail && c->state != STATE_CLOSED) {
		c->todo_fail = false;
		conn_end(c, CONN_ERROR);
	}
	if (c->todo_input && c->state == STATE_OPEN && !c->is_paused) {
		c->todo_input = false;
		if (c->in_n)
			conn_deliver(c);
	}
	if (c->todo_read && c->state == STATE_OPEN && !c->is_paused && !c->is_closing) {
		c->todo_read = false;
		conn_read_some(c);
	}
	if (c->todo_flush && !c->is_writing) {
		c->todo_flush = false;
		conn_flush(c);
	}
}

void conns_settle(struct loop *l)
{
	while (l->todo_first || l->dead) {
		struct conn *c = l->todo_first;

		if (!c) {
			c = l->dead;
			l->dead = c->next;
			free(c);
			continue;
		}
		l->todo_first = c->next;
		if (!l->todo_first)
			l->todo_last = &l->todo_first;
		/* Still marked: who closes it now must not put it on the other list. */
		settle_one(c);
		c->is_todo = false;
		if (c->state == STATE_CLOSED)
			free(c);
		else if (c->todo_fail || (c->todo_flush && !c->is_writing) ||
		    (c->todo_input && !c->is_paused && c->state == STATE_OPEN) ||
		    (c->todo_read && !c->is_paused && c->state == STATE_OPEN && !c->is_closing))
			conn_todo(c);
	}
}

/* ---- the rest of the interface ---- */

static struct conn *conn_new(struct loop *l, int fd, const struct conn_events *events, void *arg)
{
	struct conn *c = calloc(1, sizeof *c);

	if (!c)
		abort();
	c->loop = l;
	c->fd = fd;
	c->events = events;
	c->arg = arg;
	c->out_last = &c->out_first;
	c->read_us = c->write_us = clock_mono_us();
	timer_init(&c->timer, l, on_timer, c);
	if (fd >= 0) {
		event_assign(&c->readable, l->base, fd, EV_READ | EV_PERSIST, on_readable, c);
		event_assign(&c->writable, l->base, fd, EV_WRITE | EV_PERSIST, on_writable, c);
	}
	return c;
}

struct conn *conn_accept(struct loop *l, int fd, struct ssl_st *ssl, const struct conn_events *events,
    void *arg)
{
	struct conn *c = conn_new(l, fd, events, arg);

	c->state = STATE_OPEN;
	if (ssl)
		conn_starttls(c, ssl, true);
	else
		conn_want_read(c, true);
	return c;
}

/* The socket with its connect under way; -1 and errno. */
static int start_connect(const struct ip *ip, uint16_t port, const struct ip *local)
{
	static const int on = 1;
	struct sockaddr_storage sa;
	socklen_t length = ip_to_sockaddr(ip, port, &sa);
	int fd = socket(sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), saved;

	if (fd < 0)
		return -1;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	if (local && local->family) {
		struct sockaddr_storage from;
		socklen_t n = ip_to_sockaddr(local, 0, &from);

		setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
		if (bind(fd, (struct sockaddr *)&from, n) < 0)
			goto fail;
	}
	if (connect(fd, (struct sockaddr *)&sa, length) == 0 || errno == EINPROGRESS)
		return fd;
fail:
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

struct conn *conn_connect(struct loop *l, const struct ip *ip, uint16_t port, const struct ip *local,
    const struct conn_events *events, void *arg)
{
	int fd = start_connect(ip, port, local);
	int saved = errno;
	struct conn *c = conn_new(l, fd, events, arg);

	c->state = STATE_CONNECTING;
	if (fd >= 0) {
		conn_want_write(c, true);
		return c;
	}
	c->error = saved;
	c->todo_fail = true;
	conn_todo(c);
	return c;
}

bool conn_starttls(struct conn *c, struct ssl_st *ssl, bool is_server)
{
	(void)is_server; /* the session knows */
	if (c->in_n > 0) {
		tls_session_free(ssl);
		return false;
	}
	return conn_starttls_behind(c, ssl);
}

bool conn_starttls_behind(struct conn *c, struct ssl_st *ssl)
{
	if (c->ssl || c->state != STATE_OPEN || c->is_closing) {
		tls_session_free(ssl);
		return false;
	}
	c->ssl = ssl;
	tls_attach(ssl, c->fd);
	if (c->in_n > 0)
		tls_give(ssl, conn_input(c));
	conn_consume(c, c->in_n);
	c->state = STATE_TLS_WAIT;
	conn_end_plain(c);
	conn_want_read(c, false);
	c->todo_flush = true;
	conn_todo(c);
	return true;
}

struct ssl_st *conn_ssl(const struct conn *c)
{
	return c->ssl;
}

struct str conn_input(struct conn *c)
{
	return c->in_n ? (struct str){c->in + c->in_at, c->in_n} : STR_NONE;
}

size_t conn_input_length(const struct conn *c)
{
	return c->in_n;
}

struct str conn_input_piece(const struct conn *c)
{
	return c->in_n ? (struct str){c->in + c->in_at, c->in_n} : STR_NONE;
}

void conn_consume(struct conn *c, size_t n)
{
	assert(n <= c->in_n);
	c->in_at += n;
	c->in_n -= n;
}

void conn_pause(struct conn *c)
{
	c->is_paused = true;
}

void conn_resume(struct conn *c)
{
	if (!c->is_paused || c->state == STATE_CLOSED)
		return;
	c->is_paused = false;
	c->read_us = clock_mono_us();
	c->todo_input = true;
	if (c->has_more || c->write_failed)
		c->todo_read = true;
	conn_todo(c);
	if (c->state == STATE_OPEN && !c->is_closing) {
		conn_want_read(c, true);
		conn_arm_timer(c);
	}
}

size_t conn_output_length(const struct conn *c)
{
	return c->out_n;
}

void conn_timeout(struct conn *c, int64_t read_ms, int64_t write_ms)
{
	c->read_ms = read_ms;
	c->write_ms = write_ms;
	if (c->state == STATE_CLOSED)
		return;
	c->read_us = clock_mono_us();
	conn_arm_timer(c);
}

struct str conn_error_text(struct conn *c, char out[128])
{
	if (c->ssl && c->tls_failed)
		tls_error_text(c->ssl, out, 128);
	else
		snprintf(out, 128, "%s", c->error ? strerror(c->error) : "closed by the peer");
	return str_of(out);
}

int conn_fd(const struct conn *c)
{
	return c->fd;
}
