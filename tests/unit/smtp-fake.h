/*
 * A small internal server for tests: accepts connections on loopback, one thread each, and answers
 * by what the recipient's local part begins with. Counts what it was asked.
 *
 *   good 250   bad 550 5.1.1   later 451   full 552   policy 550 5.7.1   odd "reply is no SMTP"
 *   drop closes at RCPT   slow 250 after fake->slow_ms   utf8 250, only behind SMTPUTF8
 */
#ifndef REEVE_TESTS_SMTP_FAKE_H
#define REEVE_TESTS_SMTP_FAKE_H

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/tls.h"

struct smtp_fake {
	int fd;
	unsigned short port;
	pthread_t thread;
	atomic_bool stop;
	atomic_int connections, rcpts, threads;
	/* what to do; set before connections come */
	const char *banner;	   /* NULL: 220 */
	const char *ehlo;	   /* NULL: 250 with PIPELINING and SMTPUTF8 */
	const char *mail;	   /* NULL: 250 */
	atomic_bool is_silent;	   /* accepts and says nothing */
	atomic_int close_after;	   /* recipients on one connection; 0 never */
	int slow_ms;
	struct ssl_ctx_st *tls;	   /* NULL: no STARTTLS */
	const char *starttls;	   /* NULL: 220 */
	atomic_int secured;	   /* handshakes that went well */
};

struct smtp_fake_conn {
	struct smtp_fake *fake;
	int fd;
	struct ssl_st *ssl;
};

/* Blocking TLS: the descriptor blocks, so that each step is done or failed. */
static inline void smtp_fake_say(struct smtp_fake_conn *c, const char *text)
{
	struct str data = str_of(text);
	size_t n;

	if (c->ssl)
		(void)!tls_write(c->ssl, data, &n);
	else if (send(c->fd, text, data.n, MSG_NOSIGNAL) < 0)
		return;
}

static inline ssize_t smtp_fake_hear(struct smtp_fake_conn *c, char *to, size_t room)
{
	size_t n = 0;

	if (!c->ssl)
		return recv(c->fd, to, room, 0);
	return tls_read(c->ssl, to, room, &n) == TLS_DONE ? (ssize_t)n : -1;
}

static inline bool smtp_fake_starttls(struct smtp_fake_conn *c)
{
	if (!c->fake->tls) {
		smtp_fake_say(c, "502 no\r\n");
		return true;
	}
	smtp_fake_say(c, c->fake->starttls ? c->fake->starttls : "220 go\r\n");
	c->ssl = tls_server_session(c->fake->tls);
	tls_attach(c->ssl, c->fd);
	c->fake->secured += tls_handshake(c->ssl) == TLS_DONE;
	return true;
}

static inline const char *smtp_fake_rcpt(const char *local)
{
	static const struct {
		const char *begin, *reply;
	} rows[] = {{"good", "250 2.1.5 ok\r\n"}, {"bad", "550-5.1.1 no such\r\n550 5.1.1 user\r\n"},
	    {"later", "451 4.3.0 later\r\n"}, {"full", "552 5.2.2 full\r\n"}, {"policy", "550 5.7.1 no\r\n"},
	    {"odd", "what?\r\n"}, {"slow", "250 2.1.5 ok\r\n"}, {"utf8", "250 2.1.5 ok\r\n"}};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (strncasecmp(local, rows[i].begin, strlen(rows[i].begin)) == 0)
			return rows[i].reply;
	return "550 5.1.1 unheard of\r\n";
}

/* False when the connection is to be closed. */
static inline bool smtp_fake_line(struct smtp_fake_conn *c, const char *line, int *rcpts)
{
	struct smtp_fake *f = c->fake;
	const char *local = strchr(line, '<');

	if (strncasecmp(line, "EHLO", 4) == 0) {
		smtp_fake_say(c, f->ehlo ? f->ehlo : "250-fake\r\n250-PIPELINING\r\n250 SMTPUTF8\r\n");
	} else if (strncasecmp(line, "STARTTLS", 8) == 0) {
		return smtp_fake_starttls(c);
	} else if (strncasecmp(line, "MAIL", 4) == 0) {
		smtp_fake_say(c, f->mail ? f->mail : "250 ok\r\n");
	} else if (strncasecmp(line, "RCPT", 4) == 0 && local) {
		f->rcpts++;
		if (strncasecmp(local + 1, "drop", 4) == 0 || (f->close_after && ++*rcpts > f->close_after))
			return false;
		if (strncasecmp(local + 1, "slow", 4) == 0)
			usleep((unsigned)f->slow_ms * 1000);
		smtp_fake_say(c, smtp_fake_rcpt(local + 1));
	} else {
		smtp_fake_say(c, "250 ok\r\n");
	}
	return true;
}

static inline void *smtp_fake_serve(void *arg)
{
	struct smtp_fake_conn *c = arg;
	char text[4096], *end;
	size_t n = 0;
	int rcpts = 0;
	bool open = true;

	if (!c->fake->is_silent)
		smtp_fake_say(c, c->fake->banner ? c->fake->banner : "220-fake\r\n220 ready\r\n");
	while (open && !c->fake->stop) {
		struct pollfd pfd = {.fd = c->fd, .events = POLLIN};
		ssize_t got;

		if (poll(&pfd, 1, 20) <= 0)
			continue;
		got = smtp_fake_hear(c, text + n, sizeof text - 1 - n);
		if (got <= 0)
			break;
		n += (size_t)got;
		text[n] = '\0';
		while (open && !c->fake->is_silent && (end = strstr(text, "\r\n"))) {
			*end = '\0';
			open = smtp_fake_line(c, text, &rcpts);
			n -= (size_t)(end + 2 - text);
			memmove(text, end + 2, n + 1);
		}
	}
	if (c->ssl)
		tls_session_free(c->ssl);
	close(c->fd);
	c->fake->threads--;
	free(c);
	return NULL;
}

static inline void *smtp_fake_accept(void *arg)
{
	struct smtp_fake *f = arg;

	while (!f->stop) {
		struct pollfd pfd = {.fd = f->fd, .events = POLLIN};
		struct smtp_fake_conn *c;
		pthread_t thread;
		int fd;

		if (poll(&pfd, 1, 20) <= 0 || (fd = accept(f->fd, NULL, NULL)) < 0)
			continue;
		f->connections++;
		f->threads++;
		c = calloc(1, sizeof *c);
		*c = (struct smtp_fake_conn){.fake = f, .fd = fd};
		pthread_create(&thread, NULL, smtp_fake_serve, c);
		pthread_detach(thread);
	}
	return NULL;
}

static inline void smtp_fake_start(struct smtp_fake *f)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof in;

	f->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(f->fd, (struct sockaddr *)&in, n) < 0 || listen(f->fd, 64) < 0 ||
	    getsockname(f->fd, (struct sockaddr *)&in, &n) < 0)
		abort();
	f->port = ntohs(in.sin_port);
	pthread_create(&f->thread, NULL, smtp_fake_accept, f);
}

static inline void smtp_fake_stop(struct smtp_fake *f)
{
	f->stop = true;
	pthread_join(f->thread, NULL);
	while (f->threads)
		usleep(1000);
	close(f->fd);
}

#endif
