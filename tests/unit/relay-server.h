/*
 * A next hop for tests: a thread that listens on loopback, one thread per connection, replies by
 * rules, and keeps what it was told. Plain blocking sockets.
 */
#ifndef REEVE_TESTS_RELAY_SERVER_H
#define REEVE_TESTS_RELAY_SERVER_H

#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/str.h"

/* The first rule whose text is part of the command answers instead of the default; times < 0: always. */
struct server_rule {
	const char *match, *reply; /* reply NULL: close without a word */
	int times;
};

struct server {
	int fd;
	uint16_t port;
	const char *offers; /* EHLO lines: "PIPELINING\n8BITMIME"; NULL: EHLO is refused */
	_Atomic(const char *) greeting;
	struct server_rule rules[8];
	pthread_t thread;
	pthread_mutex_t lock;
	struct buf log;	    /* commands, one a line */
	struct buf data;    /* messages as they came, dots undone, "=====\n" behind each */
	_Atomic int messages, connections, sessions;
};

struct server_session {
	struct server *server;
	FILE *in;
	int fd, recipients;
};

static inline void server_say(int fd, const char *text)
{
	char line[1024];
	int n = snprintf(line, sizeof line, "%s\r\n", text);

	if (write(fd, line, (size_t)n) < 0)
		return;
}

static inline void server_log(struct server *s, const char *line)
{
	pthread_mutex_lock(&s->lock);
	buf_adds(&s->log, line);
	buf_addc(&s->log, '\n');
	pthread_mutex_unlock(&s->lock);
}

/* 0: no rule; 1: answered; -1: close. */
static inline int server_rule(struct server *s, int fd, const char *command)
{
	int result = 0;

	pthread_mutex_lock(&s->lock);
	for (size_t i = 0; i < 8 && s->rules[i].match && !result; i++) {
		struct server_rule *rule = &s->rules[i];
		if (rule->times == 0 || !strstr(command, rule->match))
			continue;
		rule->times -= rule->times > 0;
		result = rule->reply ? 1 : -1;
		if (rule->reply)
			server_say(fd, rule->reply);
	}
	pthread_mutex_unlock(&s->lock);
	return result;
}

static inline void server_ehlo(struct server *s, int fd)
{
	struct str rest = str_of(s->offers), line;
	char text[200];

	if (!s->offers) {
		server_say(fd, "502 not here");
		return;
	}
	server_say(fd, "250-test.example");
	while (rest.n && str_split(&rest, '\n', &line)) {
		snprintf(text, sizeof text, "250-%.*s", STR_ARG(line));
		server_say(fd, text);
	}
	server_say(fd, "250 HELP");
}

static inline void server_keep(struct server *s, struct buf *message)
{
	pthread_mutex_lock(&s->lock);
	buf_add(&s->data, buf_str(message));
	buf_adds(&s->data, "=====\n");
	pthread_mutex_unlock(&s->lock);
	buf_free(message);
}

static inline bool server_data(struct server_session *k)
{
	struct buf message = {0};
	char *line = NULL;
	size_t room = 0;
	ssize_t n;
	int ruled;

	while ((n = getline(&line, &room, k->in)) > 0 && strcmp(line, ".\r\n") != 0)
		buf_add(&message, (struct str){line + (line[0] == '.'), (size_t)n - (line[0] == '.')});
	free(line);
	ruled = server_rule(k->server, k->fd, "END");
	if (n <= 0 || ruled) {
		buf_free(&message);
		return n > 0 && ruled > 0;
	}
	server_keep(k->server, &message);
	k->server->messages++;
	server_say(k->fd, "250 2.0.0 taken");
	return true;
}

static inline bool server_bdat(struct server_session *k, const char *line)
{
	size_t n = (size_t)strtoul(line + 5, NULL, 10);
	struct buf message = {0};
	char *to = buf_reserve(&message, n + 1);

	if (fread(to, 1, n, k->in) != n)
		return false;
	message.n = n;
	int ruled = server_rule(k->server, k->fd, "END");
	if (ruled) {
		buf_free(&message);
		return ruled > 0;
	}
	server_keep(k->server, &message);
	k->server->messages++;
	server_say(k->fd, "250 2.0.0 taken");
	return true;
}

static inline bool server_command(struct server_session *k, const char *line)
{
	int ruled;

	server_log(k->server, line);
	if (strncmp(line, "BDAT", 4) == 0)
		return server_bdat(k, line);
	ruled = server_rule(k->server, k->fd, line);
	if (ruled < 0)
		return false;
	if (ruled > 0)
		return true;
	if (strncmp(line, "MAIL", 4) == 0)
		k->recipients = 0;
	k->recipients += strncmp(line, "RCPT", 4) == 0;
	if (strncmp(line, "EHLO", 4) == 0) {
		server_ehlo(k->server, k->fd);
	} else if (strcmp(line, "DATA") == 0 && !k->recipients) {
		server_say(k->fd, "503 5.5.1 nobody to send it to");
	} else if (strcmp(line, "DATA") == 0) {
		server_say(k->fd, "354 go on");
		return server_data(k);
	} else if (strcmp(line, "QUIT") == 0) {
		server_say(k->fd, "221 bye");
		return false;
	} else {
		server_say(k->fd, "250 2.1.0 fine");
	}
	return true;
}

static inline void *server_session(void *arg)
{
	struct server_session *k = arg;
	char line[4096];

	server_say(k->fd, k->server->greeting);
	while (fgets(line, sizeof line, k->in)) {
		line[strcspn(line, "\r\n")] = '\0';
		if (!server_command(k, line))
			break;
	}
	fclose(k->in);
	k->server->sessions--;
	free(k);
	return NULL;
}

static inline void *server_main(void *arg)
{
	struct server *s = arg;
	pthread_attr_t detached;
	int fd;

	pthread_attr_init(&detached);
	pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
	while ((fd = accept(s->fd, NULL, NULL)) >= 0) {
		struct server_session *k = calloc(1, sizeof *k);
		pthread_t thread;
		*k = (struct server_session){s, fdopen(fd, "r"), fd, 0};
		s->connections++;
		s->sessions++;
		pthread_create(&thread, &detached, server_session, k);
	}
	return NULL;
}

static inline void server_start(struct server *s)
{
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof sa;

	pthread_mutex_init(&s->lock, NULL);
	if (!s->greeting)
		s->greeting = "220 test.example ESMTP";
	s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(s->fd, (struct sockaddr *)&sa, n) || listen(s->fd, 64) ||
	    getsockname(s->fd, (struct sockaddr *)&sa, &n))
		abort();
	s->port = ntohs(sa.sin_port);
	pthread_create(&s->thread, NULL, server_main, s);
}

/* While it runs. */
static inline void server_set_rule(struct server *s, struct server_rule rule)
{
	pthread_mutex_lock(&s->lock);
	s->rules[0] = rule;
	pthread_mutex_unlock(&s->lock);
}

/* Stops listening, and waits for the sessions, whose clients must be gone. */
static inline void server_stop(struct server *s)
{
	shutdown(s->fd, SHUT_RDWR);
	pthread_join(s->thread, NULL);
	close(s->fd);
	while (s->sessions)
		usleep(1000);
	pthread_mutex_destroy(&s->lock);
	buf_free(&s->log);
	buf_free(&s->data);
}

/* How often text is in what was logged (data: in the messages). */
static inline size_t server_count(struct server *s, const char *text, bool in_data)
{
	size_t n = 0;

	pthread_mutex_lock(&s->lock);
	struct str rest = buf_str(in_data ? &s->data : &s->log);
	for (ptrdiff_t at; rest.n && (at = str_find(rest, str_of(text))) >= 0; n++)
		rest = str_from(rest, (size_t)at + 1);
	pthread_mutex_unlock(&s->lock);
	return n;
}

#endif
