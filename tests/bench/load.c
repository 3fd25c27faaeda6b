/*
 * SMTP load for `make bench`: one epoll thread, closed loop.
 *
 *   load [-a ADDRESS] -p PORT [-c SESSIONS] [-n MESSAGES] [-m PER-SESSION] [-t RCPT] FILE.eml...
 *       sends the files in turn; prints one JSON object: messages, seconds, rate, p50 and p99 in ms
 *       (MAIL to the reply after the final dot), replies that were not positive, connection errors.
 *   load -i [-s] -p PORT -c SESSIONS
 *       opens idle sessions (EHLO done; -s: after STARTTLS), prints "ready", holds them until its
 *       standard input ends, prints how many were still open.
 *
 * Client addresses go round 127.0.1.1 to 127.0.1.60, so that 10,000 sessions find ports.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { SOURCES = 60, IN_BYTES = 4096 };

/* The reply that a session waits for next. */
enum step { BANNER, EHLO, MAIL, RCPT, DATA, END, QUIT };

struct mail {
	char *p; /* dot-stuffed, CRLF, final dot */
	size_t n;
};

struct session {
	int fd;
	enum step step;
	unsigned left;	/* messages in this session */
	char in[IN_BYTES];
	size_t in_n;
	const char *out;
	size_t out_n;
	char envelope[512];
	const struct mail *mail;
	double started;
};

static struct options {
	const char *address, *rcpt;
	uint16_t port;
	unsigned sessions, messages, per_session;
	bool idle, tls;
} options = {.address = "127.0.0.1", .rcpt = "user@example.net", .sessions = 20, .messages = 1000, .per_session = 5};

static struct mail *mails;
static size_t mail_count;
static unsigned claimed, done, refused, broken, opened;
static double *latencies;
static int epoll;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void die(const char *what)
{
	fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* ---- messages ---- */

static void stuff(struct mail *m, const char *p, size_t n)
{
	bool at_start = true;

	m->p = malloc(2 * n + 16);
	if (!m->p)
		die("memory");
	for (size_t i = 0; i < n; i++) {
		if (p[i] == '\r')
			continue;
		if (at_start && p[i] == '.')
			m->p[m->n++] = '.';
		if (p[i] == '\n')
			m->p[m->n++] = '\r';
		m->p[m->n++] = p[i];
		at_start = p[i] == '\n';
	}
	memcpy(m->p + m->n, at_start ? ".\r\n" : "\r\n.\r\n", at_start ? 3 : 5);
	m->n += at_start ? 3 : 5;
	m->p = realloc(m->p, m->n);
}

static void read_mail(const char *path)
{
	struct stat st;
	int fd = open(path, O_RDONLY);
	char *raw;

	if (fd < 0 || fstat(fd, &st) < 0)
		die(path);
	raw = malloc((size_t)st.st_size + 1);
	if (!raw || read(fd, raw, (size_t)st.st_size) != st.st_size)
		die(path);
	close(fd);
	stuff(&mails[mail_count++], raw, (size_t)st.st_size);
	free(raw);
}

/* ---- sessions ---- */

static void push(struct session *s);

static int dial(unsigned i, int flags)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(options.port)};
	struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000101u + i % SOURCES)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0), on = 1;

	if (fd < 0)
		die("socket");
	inet_pton(AF_INET, options.address, &to.sin_addr);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
	if (bind(fd, (struct sockaddr *)&from, sizeof from) < 0)
		die("bind");
	if (connect(fd, (struct sockaddr *)&to, sizeof to) < 0 && errno != EINPROGRESS)
		die("connect");
	return fd;
}

static void open_session(struct session *s)
{
	if (claimed >= options.messages)
		return;
	*s = (struct session){.step = BANNER, .left = options.per_session};
	s->fd = dial(opened++, SOCK_NONBLOCK);
	if (epoll_ctl(epoll, EPOLL_CTL_ADD, s->fd, &(struct epoll_event){.events = EPOLLIN, .data.ptr = s}) < 0)
		die("epoll");
}

static void close_session(struct session *s, bool is_broken)
{
	broken += is_broken;
	close(s->fd);
	if (is_broken && s->step > EHLO && s->step < QUIT)
		done++;
	open_session(s);
}

static void queue_out(struct session *s, const char *p, size_t n)
{
	s->out = p;
	s->out_n = n;
	push(s);
}

static void next_message(struct session *s)
{
	if (s->left == 0 || claimed >= options.messages) {
		s->step = QUIT;
		queue_out(s, "QUIT\r\n", 6);
		return;
	}
	s->left--;
	s->mail = &mails[claimed % mail_count];
	s->step = MAIL;
	s->started = now();
	snprintf(s->envelope, sizeof s->envelope, "MAIL FROM:<load%u@sender.example>\r\nRCPT TO:<%s>\r\nDATA\r\n", claimed++,
	    options.rcpt);
	queue_out(s, s->envelope, strlen(s->envelope));
}

/* False: the session is over. */
static bool on_reply(struct session *s, char class)
{
	bool good = class == (s->step == DATA ? '3' : '2');

	if (s->step == QUIT || (!good && s->step != END)) {
		refused += s->step != QUIT;
		return false;
	}
	switch (s->step) {
	case BANNER:
		s->step = EHLO;
		queue_out(s, "EHLO load.example\r\n", 19);
		break;
	case DATA:
		s->step = END;
		queue_out(s, s->mail->p, s->mail->n);
		break;
	case END:
		refused += !good;
		latencies[done++] = now() - s->started;
		next_message(s);
		break;
	case EHLO:
		next_message(s);
		break;
	default:
		s->step++;
	}
	return true;
}

static bool on_lines(struct session *s)
{
	char *line = s->in, *lf;

	while ((lf = memchr(line, '\n', s->in_n - (size_t)(line - s->in)))) {
		if (lf - line >= 4 && line[3] == ' ' && !on_reply(s, line[0]))
			return false;
		line = lf + 1;
	}
	s->in_n -= (size_t)(line - s->in);
	memmove(s->in, line, s->in_n);
	return true;
}

static void watch(struct session *s, uint32_t events)
{
	epoll_ctl(epoll, EPOLL_CTL_MOD, s->fd, &(struct epoll_event){.events = events, .data.ptr = s});
}

static void push(struct session *s)
{
	ssize_t n = send(s->fd, s->out, s->out_n, MSG_NOSIGNAL);
	bool was_waiting = n < 0;

	if (n > 0) {
		s->out += n;
		s->out_n -= (size_t)n;
	}
	if (s->out_n > 0 || was_waiting)
		watch(s, EPOLLIN | EPOLLOUT);
}

static void on_event(struct session *s, uint32_t events)
{
	ssize_t n;

	if (events & EPOLLOUT) {
		if (s->out_n > 0)
			push(s);
		if (s->out_n == 0)
			watch(s, EPOLLIN);
	}
	if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
		return;
	n = recv(s->fd, s->in + s->in_n, sizeof s->in - s->in_n, 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		close_session(s, s->step != QUIT);
		return;
	}
	s->in_n += (size_t)n;
	if (!on_lines(s))
		close_session(s, false);
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static int run_load(void)
{
	struct session *sessions = calloc(options.sessions, sizeof *sessions);
	double started = now(), seconds;

	latencies = calloc(options.messages + 1, sizeof *latencies);
	if (!sessions || !latencies)
		die("memory");
	epoll = epoll_create1(EPOLL_CLOEXEC);
	for (unsigned i = 0; i < options.sessions; i++)
		open_session(&sessions[i]);
	while (done < options.messages && now() - started < 300 && broken < options.messages) {
		struct epoll_event events[256];
		int n = epoll_wait(epoll, events, 256, 1000);

		for (int i = 0; i < n; i++)
			on_event(events[i].data.ptr, events[i].events);
	}
	seconds = now() - started;
	qsort(latencies, done, sizeof *latencies, by_size);
	printf("{\"messages\":%u,\"seconds\":%.3f,\"rate\":%.1f,\"p50\":%.2f,\"p99\":%.2f,\"refused\":%u,\"broken\":%u}\n", done,
	    seconds, done / seconds, 1000 * latencies[done / 2], 1000 * latencies[(size_t)(done * 0.99)], refused, broken);
	return done < options.messages || refused || broken;
}

/* ---- idle sessions: blocking, one after the other ---- */

static void say(int fd, SSL *ssl, const char *text)
{
	if (ssl ? SSL_write(ssl, text, (int)strlen(text)) <= 0 : write(fd, text, strlen(text)) < 0)
		die("write");
}

static void hear(int fd, SSL *ssl)
{
	char in[IN_BYTES];
	size_t n = 0;

	do {
		ssize_t got = ssl ? SSL_read(ssl, in + n, (int)(sizeof in - n)) : read(fd, in + n, sizeof in - n);

		if (got <= 0 || n + (size_t)got >= sizeof in)
			die("read");
		n += (size_t)got;
		in[n] = '\0';
	} while (in[n - 1] != '\n' || (strstr(in, "\n250-") && !strstr(in, "\n250 ")));
}

static int hold_one(unsigned i, SSL_CTX *ctx)
{
	int fd = dial(i, 0);
	SSL *ssl = NULL;

	hear(fd, NULL);
	say(fd, NULL, "EHLO idle.example\r\n");
	hear(fd, NULL);
	if (!ctx)
		return fd;
	say(fd, NULL, "STARTTLS\r\n");
	hear(fd, NULL);
	ssl = SSL_new(ctx);
	if (!ssl || !SSL_set_fd(ssl, fd) || SSL_connect(ssl) != 1)
		die("TLS handshake");
	say(fd, ssl, "EHLO idle.example\r\n");
	hear(fd, ssl);
	return fd; /* ssl lives as long as the process */
}

static int run_idle(void)
{
	SSL_CTX *ctx = options.tls ? SSL_CTX_new(TLS_client_method()) : NULL;
	struct pollfd *fds = calloc(options.sessions, sizeof *fds);
	struct rlimit files;
	unsigned open_still = 0;
	char byte;

	if (!fds)
		die("memory");
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	if (ctx)
		SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
	for (unsigned i = 0; i < options.sessions; i++)
		fds[i] = (struct pollfd){.fd = hold_one(i, ctx), .events = POLLIN};
	puts("ready");
	fflush(stdout);
	while (read(0, &byte, 1) > 0)
		continue;
	poll(fds, options.sessions, 0);
	/* Readable: TLS tickets are, and a closed session is; only the latter hung up or ended. */
	for (unsigned i = 0; i < options.sessions; i++)
		open_still += !(fds[i].revents & POLLIN) || recv(fds[i].fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
	printf("{\"open\":%u}\n", open_still);
	return 0;
}

int main(int argc, char **argv)
{
	int option;

	while ((option = getopt(argc, argv, "a:p:c:n:m:t:is")) != -1) {
		switch (option) {
		case 'a': options.address = optarg; break;
		case 'p': options.port = (uint16_t)strtoul(optarg, NULL, 10); break;
		case 'c': options.sessions = (unsigned)strtoul(optarg, NULL, 10); break;
		case 'n': options.messages = (unsigned)strtoul(optarg, NULL, 10); break;
		case 'm': options.per_session = (unsigned)strtoul(optarg, NULL, 10); break;
		case 't': options.rcpt = optarg; break;
		case 'i': options.idle = true; break;
		case 's': options.tls = true; break;
		default: fputs("load: see the top of load.c\n", stderr); return 2;
		}
	}
	if (options.idle)
		return run_idle();
	mails = calloc((size_t)(argc - optind) + 1, sizeof *mails);
	for (int i = optind; mails && i < argc; i++)
		read_mail(argv[i]);
	if (!mail_count || !options.port) {
		fputs("load: no port or no messages\n", stderr);
		return 2;
	}
	return run_load();
}
