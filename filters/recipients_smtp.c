/*
 * One SMTP connection to an internal server, as a client that only ever asks about recipients.
 * Blocking calls on a non-blocking socket: each waits with poll() until the deadline. Replies are
 * bounded in lines and length and made printable.
 */
#define _GNU_SOURCE
#include "filters/recipients_smtp.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/tls.h"

enum { SLICE_MS = 20 }; /* of a wait, while a test steers the clock */

struct smtp_link {
	int fd;
	struct ssl_st *ssl;
	bool has_pipelining, has_utf8, has_starttls, is_used;
	size_t at, n; /* of in, not read yet */
	char in[CALLAHEAD_LINE_MAX];
};

static void say(struct smtp_reply *reply, const char *what)
{
	reply->code = 0;
	snprintf(reply->text, sizeof reply->text, "%s", what);
}

/* ---- octets ---- */

static bool wait_for(const struct smtp_link *link, short events, int64_t deadline_us)
{
	struct pollfd pfd = {.fd = link->fd, .events = events};
	int64_t left_ms;
	int n;

	do {
		left_ms = (deadline_us - clock_mono_us() + 999) / 1000;
		if (left_ms <= 0)
			return false;
		if (clock_is_steered() && left_ms > SLICE_MS)
			left_ms = SLICE_MS;
		n = poll(&pfd, 1, left_ms > INT32_MAX ? INT32_MAX : (int)left_ms);
	} while (n == 0 || (n < 0 && errno == EINTR));
	return n > 0;
}

/* 1 something was read or written, 0 wait for what, -1 the connection is gone. */
static int step_read(struct smtp_link *link, short *ret_wait)
{
	size_t got = 0;
	ssize_t n;

	*ret_wait = POLLIN;
	if (!link->ssl) {
		n = recv(link->fd, link->in, sizeof link->in, 0);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return 0;
		if (n <= 0)
			return -1;
		got = (size_t)n;
	} else {
		enum tls_step step = tls_read(link->ssl, link->in, sizeof link->in, &got);
		*ret_wait = step == TLS_WANT_WRITE ? POLLOUT : POLLIN;
		if (step == TLS_WANT_READ || step == TLS_WANT_WRITE)
			return 0;
		if (step != TLS_DONE || got == 0)
			return -1;
	}
	link->at = 0;
	link->n = got;
	return 1;
}

static int step_write(struct smtp_link *link, struct str *data, short *ret_wait)
{
	size_t done = 0;
	ssize_t n;

	*ret_wait = POLLOUT;
	if (!link->ssl) {
		n = send(link->fd, data->p, data->n, MSG_NOSIGNAL);
		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -1;
		done = (size_t)n;
	} else {
		enum tls_step step = tls_write(link->ssl, *data, &done);
		*ret_wait = step == TLS_WANT_READ ? POLLIN : POLLOUT;
		if (step == TLS_WANT_READ || step == TLS_WANT_WRITE)
			return 0;
		if (step != TLS_DONE)
			return -1;
	}
	*data = str_from(*data, done);
	return 1;
}

static bool write_all(struct smtp_link *link, struct str data, int64_t deadline_us)
{
	short events;
	int done;

	while (data.n) {
		done = step_write(link, &data, &events);
		if (done < 0 || (done == 0 && !wait_for(link, events, deadline_us)))
			return false;
	}
	return true;
}

/* One line without its end; a longer one is cut. False when the connection ends or time is up. */
static bool read_line(struct smtp_link *link, char line[CALLAHEAD_LINE_MAX], size_t *ret_n, int64_t deadline_us)
{
	size_t n = 0;
	short events;
	int done;

	for (;;) {
		while (link->at < link->n) {
			char c = link->in[link->at++];
			if (c == '\n') {
				*ret_n = n && line[n - 1] == '\r' ? n - 1 : n;
				return true;
			}
			if (n == CALLAHEAD_LINE_MAX)
				return false;
			line[n++] = c;
		}
		done = step_read(link, &events);
		if (done < 0 || (done == 0 && !wait_for(link, events, deadline_us)))
			return false;
	}
}

/* ---- replies ---- */

static void keep_text(struct smtp_reply *reply, struct str line)
{
	size_t n = line.n < sizeof reply->text - 1 ? line.n : sizeof reply->text - 1;

	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)line.p[i];
		reply->text[i] = (char)(c < ' ' || c > '~' ? '?' : c);
	}
	reply->text[n] = '\0';
	if (n > 3 && reply->text[3] == '-')
		reply->text[3] = ' ';
}

static void note_extension(struct smtp_link *link, struct str word)
{
	link->has_pipelining |= str_iis(word, "PIPELINING");
	link->has_utf8 |= str_iis(word, "SMTPUTF8");
	link->has_starttls |= str_iis(word, "STARTTLS");
}

/* The whole reply; its first line is kept. extensions: the lines behind it are those of EHLO. */
static bool read_reply(struct smtp_link *link, int64_t deadline_us, bool extensions, struct smtp_reply *reply)
{
	char line[CALLAHEAD_LINE_MAX];
	struct str rest, word;
	uint64_t code;
	size_t n;

	for (int i = 0; i < CALLAHEAD_REPLY_LINES; i++) {
		if (!read_line(link, line, &n, deadline_us)) {
			say(reply, clock_mono_us() >= deadline_us ? "no reply in time" : "connection lost");
			return false;
		}
		rest = (struct str){line, n};
		if (!str_u64(str_sub(rest, 0, 3), &code) || code < 200 || code > 599 || n < 3 ||
		    (n > 3 && line[3] != ' ' && line[3] != '-')) {
			say(reply, "reply is no SMTP");
			return false;
		}
		if (i == 0)
			keep_text(reply, rest);
		rest = str_from(rest, 4);
		if (extensions && i > 0 && str_word(&rest, &word))
			note_extension(link, word);
		if (n == 3 || line[3] == ' ') {
			reply->code = (int)code;
			return true;
		}
	}
	say(reply, "reply has too many lines");
	return false;
}

static bool command(struct smtp_link *link, struct str text, int64_t deadline_us, struct smtp_reply *reply)
{
	if (!write_all(link, text, deadline_us)) {
		say(reply, "connection lost");
		return false;
	}
	return read_reply(link, deadline_us, str_istarts(text, STR("EHLO")), reply);
}

/* ---- opening ---- */

static bool connect_to(struct smtp_link *link, const struct callahead_server *server, int64_t deadline_us,
    struct smtp_reply *reply)
{
	struct sockaddr_storage ss;
	socklen_t length = ip_to_sockaddr(&server->ip, server->port, &ss), size = sizeof(int);
	int one = 1, error = 0;

	link->fd = socket(ss.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (link->fd < 0) {
		say(reply, "no socket");
		return false;
	}
	setsockopt(link->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	if (connect(link->fd, (struct sockaddr *)&ss, length) == 0)
		return true;
	error = errno;
	if (error == EINPROGRESS) {
		if (!wait_for(link, POLLOUT, deadline_us))
			error = ETIMEDOUT;
		else if (getsockopt(link->fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
			error = errno;
	}
	if (error)
		say(reply, error == ETIMEDOUT ? "no connection in time" : strerrordesc_np(error));
	return error == 0;
}

static bool greet(struct smtp_link *link, struct str hostname, int64_t deadline_us, struct smtp_reply *reply)
{
	char text[300];

	link->has_pipelining = link->has_utf8 = link->has_starttls = false;
	snprintf(text, sizeof text, "EHLO %.*s\r\n", STR_ARG(hostname));
	if (!command(link, str_of(text), deadline_us, reply))
		return false;
	if (reply->code / 100 == 5) {
		snprintf(text, sizeof text, "HELO %.*s\r\n", STR_ARG(hostname));
		if (!command(link, str_of(text), deadline_us, reply))
			return false;
	}
	return reply->code / 100 == 2;
}

static bool handshake(struct smtp_link *link, int64_t deadline_us)
{
	enum tls_step step;

	while ((step = tls_handshake(link->ssl)) != TLS_DONE) {
		if (step != TLS_WANT_READ && step != TLS_WANT_WRITE)
			return false;
		if (!wait_for(link, step == TLS_WANT_READ ? POLLIN : POLLOUT, deadline_us))
			return false;
	}
	return true;
}

/* STARTTLS when the route wants it; octets behind the reply would be injected: refused. */
static bool secure(struct smtp_link *link, const struct callahead_server *server, const struct route *route,
    struct ssl_ctx_st *tls, struct str hostname, int64_t deadline_us, struct smtp_reply *reply)
{
	struct str name = route->tls_name.n ? route->tls_name : server->name;

	if (route->tls == ROUTE_TLS_NONE || (route->tls == ROUTE_TLS_MAY && (!link->has_starttls || !tls)))
		return true;
	if (!link->has_starttls || !tls) {
		say(reply, tls ? "offers no STARTTLS" : "no TLS here");
		return false;
	}
	if (!command(link, STR("STARTTLS\r\n"), deadline_us, reply) || reply->code != 220)
		return false;
	if (link->at < link->n) {
		say(reply, "octets behind the reply to STARTTLS");
		return false;
	}
	link->ssl = tls_client_session(tls, name, route->tls == ROUTE_TLS_VERIFY);
	if (!link->ssl) {
		say(reply, "no TLS session");
		return false;
	}
	tls_attach(link->ssl, link->fd);
	if (!handshake(link, deadline_us)) {
		say(reply, "TLS handshake failed");
		return false;
	}
	return greet(link, hostname, deadline_us, reply);
}

struct smtp_link *smtp_link_open(const struct callahead_server *server, const struct route *route,
    struct ssl_ctx_st *tls, struct str hostname, int64_t deadline_us, struct smtp_reply *ret_reply)
{
	struct smtp_link *link = calloc(1, sizeof *link);

	if (!link)
		abort();
	if (connect_to(link, server, deadline_us, ret_reply) &&
	    read_reply(link, deadline_us, false, ret_reply) && ret_reply->code == 220 &&
	    greet(link, hostname, deadline_us, ret_reply) &&
	    secure(link, server, route, tls, hostname, deadline_us, ret_reply))
		return link;
	ret_reply->code = 0;
	smtp_link_close(link);
	return NULL;
}

void smtp_link_close(struct smtp_link *link)
{
	if (!link)
		return;
	if (link->ssl) {
		tls_close(link->ssl);
		tls_session_free(link->ssl);
	}
	if (link->fd >= 0)
		close(link->fd);
	free(link);
}

bool smtp_link_has_utf8(const struct smtp_link *link)
{
	return link->has_utf8;
}

/* ---- asking ---- */

void smtp_link_ask(struct smtp_link *link, struct str address, bool is_utf8, int64_t deadline_us,
    struct smtp_reply *ret_reply, bool *ret_is_stale)
{
	char mail[64], rcpt[400];
	struct str commands[] = {STR("RSET\r\n"), {0}, {0}};
	size_t first = link->is_used ? 0 : 1;
	struct buf all = {0};
	bool ok = true;

	*ret_is_stale = false;
	snprintf(mail, sizeof mail, "MAIL FROM:<>%s\r\n", is_utf8 ? " SMTPUTF8" : "");
	snprintf(rcpt, sizeof rcpt, "RCPT TO:<%.*s>\r\n", STR_ARG(address));
	commands[1] = str_of(mail);
	commands[2] = str_of(rcpt);
	for (size_t i = first; i < 3 && link->has_pipelining; i++)
		buf_add(&all, commands[i]);
	if (all.n && !write_all(link, buf_str(&all), deadline_us)) {
		say(ret_reply, "connection lost");
		ok = false;
	}
	for (size_t i = first; i < 3 && ok; i++) {
		ok = link->has_pipelining ? read_reply(link, deadline_us, false, ret_reply)
					  : command(link, commands[i], deadline_us, ret_reply);
		if (ok && i < 2 && ret_reply->code / 100 != 2) {
			ret_reply->code = 0;
			ok = false;
		}
	}
	*ret_is_stale = !ok && link->is_used;
	link->is_used = true;
	buf_free(&all);
}
