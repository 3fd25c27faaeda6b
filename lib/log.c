/* Log lines: built in a buffer of the caller, written with one system call. */
#include "lib/log.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "lib/clock.h"

static const struct {
	const char *name;
	int priority;
} levels[] = {{"error", LOG_ERR}, {"warning", LOG_WARNING}, {"info", LOG_INFO}, {"debug", LOG_DEBUG}};

static const char journal_path[] = "/run/systemd/journal/socket";

static _Atomic int target = LOG_TARGET_STDERR, threshold = LOG_LEVEL_INFO;
static const char *role = "mailreeve";
static int journal = -1;

static int journal_open(void)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	memcpy(to.sun_path, journal_path, sizeof journal_path);
	if (fd >= 0 && connect(fd, (const struct sockaddr *)&to, sizeof to) < 0) {
		close(fd);
		fd = -1;
	}
	return fd;
}

void log_init(enum log_target to, enum log_level level, const char *name)
{
	role = name;
	if (to == LOG_TARGET_SYSLOG)
		/* What goes wrong before the master is in the background shows at the prompt, too. */
		openlog("mailreeve", LOG_PID | LOG_NDELAY | LOG_PERROR, LOG_MAIL);
	if (to == LOG_TARGET_JOURNALD && journal < 0)
		journal = journal_open();
	if (to == LOG_TARGET_JOURNALD && journal < 0)
		to = LOG_TARGET_STDERR;
	target = (int)to;
	threshold = (int)level;
}

bool log_wants(enum log_level level)
{
	return (int)level <= threshold;
}

static struct str time_text(char out[40])
{
	int64_t us = clock_now_us();
	time_t seconds = us / 1000000;
	struct tm tm;
	size_t n;

	gmtime_r(&seconds, &tm);
	n = strftime(out, 40, "%Y-%m-%dT%H:%M:%S", &tm);
	n += (size_t)snprintf(out + n, 40 - n, ".%03dZ", (int)(us / 1000 % 1000));
	return (struct str){out, n};
}

struct log_line log_start(enum log_level level, const char *event)
{
	struct log_line l = {.level = level};
	char text[40];

	l.json = json_start(&l.buf);
	json_open(&l.json, '{');
	json_kv(&l.json, "time", time_text(text));
	json_kv(&l.json, "level", str_of(levels[level].name));
	json_kv(&l.json, "role", str_of(role));
	json_kv(&l.json, "event", str_of(event));
	return l;
}

/* A line is handed from log_start by value: the writer's pointer follows the buffer here. */
struct json *log_key(struct log_line *l, const char *key)
{
	l->json.out = &l->buf;
	json_key(&l->json, key);
	return &l->json;
}

void log_text(struct log_line *l, const char *key, struct str value)
{
	json_text(log_key(l, key), value);
}

void log_int(struct log_line *l, const char *key, int64_t value)
{
	json_int(log_key(l, key), value);
}

void log_number(struct log_line *l, const char *key, double value)
{
	json_number(log_key(l, key), value);
}

static void send_stderr(struct str line)
{
	ssize_t n = write(STDERR_FILENO, line.p, line.n);

	(void)n; /* nowhere left to complain */
}

static void send_journal(enum log_level level, struct str line)
{
	char head[64];
	int n = snprintf(head, sizeof head, "PRIORITY=%d\nSYSLOG_IDENTIFIER=mailreeve\nMESSAGE=", levels[level].priority);
	struct iovec parts[] = {{head, (size_t)n}, {(char *)line.p, line.n}};
	struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};

	if (sendmsg(journal, &message, MSG_NOSIGNAL) < 0)
		send_stderr(line);
}

void log_end(struct log_line *l)
{
	l->json.out = &l->buf;
	json_close(&l->json);
	buf_addc(&l->buf, '\n');
	if (!log_wants(l->level))
		;
	else if (target == LOG_TARGET_SYSLOG)
		syslog(levels[l->level].priority, "%.*s", (int)l->buf.n - 1, l->buf.p);
	else if (target == LOG_TARGET_JOURNALD)
		send_journal(l->level, buf_str(&l->buf));
	else
		send_stderr(buf_str(&l->buf));
	buf_free(&l->buf);
}

void log_say(enum log_level level, const char *event, const char *format, ...)
{
	struct log_line l;
	struct buf text = {0};
	va_list args;
	int n;

	if (!log_wants(level))
		return;
	va_start(args, format);
	n = vsnprintf(NULL, 0, format, args);
	va_end(args);
	va_start(args, format);
	vsnprintf(buf_reserve(&text, (size_t)n + 1), (size_t)n + 1, format, args);
	va_end(args);
	text.n = (size_t)n;
	l = log_start(level, event);
	log_text(&l, "text", buf_str(&text));
	log_end(&l);
	buf_free(&text);
}
