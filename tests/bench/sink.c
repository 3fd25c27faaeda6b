/*
 * sink ADDRESS PORT COUNTER: an SMTP server that takes everything and keeps nothing, for `make bench`
 * and the client tests. One epoll thread. The file COUNTER holds one uint64_t, the messages taken so
 * far, mapped so that the bench reads it without asking.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 4096, OUT_MAX = 16384, READ_BYTES = 65536 };

struct session {
	int fd;
	bool in_data;
	unsigned matched; /* of CRLF.CRLF, in data */
	size_t line_n, out_n;
	char line[LINE_MAX_BYTES], out[OUT_MAX];
};

static _Atomic uint64_t *counter;

static void reply(struct session *s, const char *text)
{
	size_t n = strlen(text);

	if (s->out_n + n > sizeof s->out)
		exit(3); /* a peer that pipelines this much does not belong here */
	memcpy(s->out + s->out_n, text, n);
	s->out_n += n;
}

static bool flush(struct session *s)
{
	bool ok = s->out_n == 0 || send(s->fd, s->out, s->out_n, MSG_NOSIGNAL) == (ssize_t)s->out_n;

	s->out_n = 0;
	return ok;
}

static bool is_verb(const struct session *s, const char *verb)
{
	return s->line_n >= 4 && strncasecmp(s->line, verb, 4) == 0;
}

/* False ends the session. */
static bool command(struct session *s)
{
	if (is_verb(s, "EHLO"))
		reply(s, "250-sink.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 ENHANCEDSTATUSCODES\r\n");
	else if (is_verb(s, "DATA"))
		reply(s, "354 go ahead\r\n");
	else if (is_verb(s, "QUIT"))
		reply(s, "221 2.0.0 bye\r\n");
	else
		reply(s, "250 2.0.0 ok\r\n");
	s->in_data = is_verb(s, "DATA");
	s->matched = 2; /* a first line that is a dot ends the message too */
	return !is_verb(s, "QUIT");
}

/* Eats data up to its end; returns the octets taken. */
static size_t eat(struct session *s, const char *p, size_t n)
{
	static const char end[] = "\r\n.\r\n";

	for (size_t i = 0; i < n; i++) {
		if (s->matched == 0 && p[i] != '\r') {
			const char *cr = memchr(p + i, '\r', n - i);

			if (!cr)
				return n;
			i = (size_t)(cr - p);
		}
		s->matched = p[i] == end[s->matched] ? s->matched + 1 : p[i] == '\r';
		if (s->matched == 5) {
			s->in_data = false;
			(*counter)++;
			reply(s, "250 2.0.0 taken\r\n");
			return i + 1;
		}
	}
	return n;
}

static bool take(struct session *s, const char *p, size_t n)
{
	for (size_t i = 0; i < n;) {
		const char *lf;
		size_t piece;

		if (s->in_data) {
			i += eat(s, p + i, n - i);
			continue;
		}
		lf = memchr(p + i, '\n', n - i);
		piece = (lf ? (size_t)(lf - p) + 1 : n) - i;
		if (s->line_n + piece > sizeof s->line)
			return false;
		memcpy(s->line + s->line_n, p + i, piece);
		s->line_n += piece;
		i += piece;
		if (lf && !command(s))
			return false;
		if (lf)
			s->line_n = 0;
	}
	return true;
}

static void end_session(struct session *s)
{
	flush(s);
	close(s->fd);
	free(s);
}

static void on_readable(struct session *s)
{
	static char buffer[READ_BYTES];
	ssize_t n = recv(s->fd, buffer, sizeof buffer, 0);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0 || !take(s, buffer, (size_t)n) || !flush(s))
		end_session(s);
}

static void on_connection(int epoll, int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC), on = 1;
	struct session *s;

	if (fd < 0)
		return;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	s = calloc(1, sizeof *s);
	if (!s)
		exit(1);
	s->fd = fd;
	reply(s, "220 sink.example ESMTP\r\n");
	if (!flush(s) || epoll_ctl(epoll, EPOLL_CTL_ADD, fd,
			     &(struct epoll_event){.events = EPOLLIN, .data.ptr = s}) < 0)
		end_session(s);
}

static int listen_on(const char *address, const char *port)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons((uint16_t)strtoul(port, NULL, 10))};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (inet_pton(AF_INET, address, &in.sin_addr) != 1 || bind(fd, (struct sockaddr *)&in, sizeof in) < 0 ||
	    listen(fd, 1024) < 0) {
		perror("sink");
		exit(1);
	}
	return fd;
}

int main(int argc, char **argv)
{
	int listener, epoll = epoll_create1(EPOLL_CLOEXEC), fd;

	if (argc != 4) {
		fputs("usage: sink ADDRESS PORT COUNTERFILE\n", stderr);
		return 2;
	}
	fd = open(argv[3], O_RDWR | O_CREAT, 0644);
	if (fd < 0 || ftruncate(fd, sizeof *counter) < 0)
		return 1;
	counter = mmap(NULL, sizeof *counter, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (counter == MAP_FAILED)
		return 1;
	listener = listen_on(argv[1], argv[2]);
	epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &(struct epoll_event){.events = EPOLLIN});
	for (;;) {
		struct epoll_event events[64];
		int n = epoll_wait(epoll, events, 64, -1);

		for (int i = 0; i < n; i++) {
			if (events[i].data.ptr)
				on_readable(events[i].data.ptr);
			else
				on_connection(epoll, listener);
		}
	}
}
