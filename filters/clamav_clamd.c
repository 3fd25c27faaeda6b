/*
 * clamd's protocol: one IDSESSION a message, its items one after the other, as a descriptor (FILDES)
 * over a unix socket and else as a stream (INSTREAM). Only "OK" is clean; an answer that is not
 * understood, one that does not come in time and a connection that breaks twice mean not scanned.
 */
#define _GNU_SOURCE
#include "filters/clamav_clamd.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "lib/addr.h"
#include "lib/clock.h"

enum { LINE_MAX_OCTETS = 1024, CHUNK = 128 * 1024, ADDRESSES_MAX = 16, CONNECT_MS = 5000, BUSY_MS = 20 };

struct clamd_address {
	struct sockaddr_storage address;
	socklen_t size;
	struct str name; /* as configured, for reasons */
};

struct clamd {
	struct clamd_address addresses[ADDRESSES_MAX];
	size_t n;
	int64_t timeout_ms;
	uint64_t max_file;
};

/* A connection, and what came over it. */
struct talk {
	const struct clamd *clamd;
	size_t turn; /* which address is next */
	bool is_unix, no_fildes;
	int fd; /* -1: none */
	int64_t deadline_ms;
	unsigned number; /* of the last command in the session */
	char line[LINE_MAX_OCTETS];
	size_t n; /* octets in line */
	const char *failure;
	int64_t database_time;
};

static int64_t now_ms(void)
{
	return clock_ticks_ns() / 1000000;
}

/* ---- connections ---- */

static void hang_up(struct talk *t)
{
	if (t->fd >= 0)
		close(t->fd);
	t->fd = -1;
	t->n = 0;
	t->number = 0;
}

static bool fail(struct talk *t, const char *why)
{
	t->failure = why;
	return false;
}

/* What is ready of the events, 0 when the time is over. */
static short wait_for(struct talk *t, short events, int64_t until_ms)
{
	for (;;) {
		struct pollfd p = {.fd = t->fd, .events = events};
		int64_t left = until_ms - now_ms();

		if (left <= 0)
			return 0;
		if (poll(&p, 1, left < 3600000 ? (int)left : 3600000) > 0)
			return p.revents;
	}
}

static bool finish_connect(struct talk *t, int64_t until_ms)
{
	int error = 0;
	socklen_t n = sizeof error;

	if (!wait_for(t, POLLOUT, until_ms))
		return fail(t, "clamd does not accept connections");
	if (getsockopt(t->fd, SOL_SOCKET, SO_ERROR, &error, &n) < 0 || error)
		return fail(t, "clamd cannot be reached");
	return true;
}

static bool connect_to(struct talk *t, const struct clamd_address *a)
{
	int64_t until_ms = now_ms() + CONNECT_MS;

	if (until_ms > t->deadline_ms)
		until_ms = t->deadline_ms;
	t->is_unix = a->address.ss_family == AF_UNIX;
	t->fd = socket(a->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (!t->is_unix) /* commands are small, and each is waited for */
		setsockopt(t->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
	while (t->fd >= 0) {
		if (connect(t->fd, (const struct sockaddr *)&a->address, a->size) == 0)
			return true;
		if (errno == EINPROGRESS)
			return finish_connect(t, until_ms);
		/* A unix socket whose queue is full has no event for that. */
		if (errno != EAGAIN || now_ms() >= until_ms)
			break;
		poll(NULL, 0, BUSY_MS);
	}
	return fail(t, "clamd cannot be reached");
}

/* ---- sending and receiving ---- */

enum sent { SENT_ALL, SENT_PART, SENT_NOT };

/* All octets; SENT_PART when clamd says something before it has them, which is its answer. */
static enum sent send_octets(struct talk *t, struct str s)
{
	while (s.n) {
		short ready = wait_for(t, POLLIN | POLLOUT, t->deadline_ms);
		ssize_t n;

		if (!ready) {
			fail(t, "clamd did not answer in time");
			return SENT_NOT;
		}
		if (ready & POLLIN)
			return SENT_PART;
		n = send(t->fd, s.p, s.n, MSG_NOSIGNAL);
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return SENT_PART; /* closed: perhaps it has said why */
		s = str_from(s, n > 0 ? (size_t)n : 0);
	}
	return SENT_ALL;
}

/* One answer, which ends with a zero octet or with the connection. */
static bool receive_line(struct talk *t, struct str *ret_line)
{
	t->n = 0;
	for (;;) {
		ssize_t n;

		if (!wait_for(t, POLLIN, t->deadline_ms))
			return fail(t, "clamd did not answer in time");
		n = recv(t->fd, t->line + t->n, sizeof t->line - t->n, 0);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n <= 0)
			return fail(t, "clamd closed the connection");
		t->n += (size_t)n;
		if (t->line[t->n - 1] == '\0') {
			*ret_line = (struct str){t->line, t->n - 1};
			return !memchr(t->line, 0, t->n - 1) || fail(t, "clamd answered something that was not asked");
		}
		if (t->n == sizeof t->line)
			return fail(t, "clamd's answer is too long");
	}
}

/* Without the number of the session, which must be the one of our command. */
static bool receive_answer(struct talk *t, struct str *ret_answer)
{
	struct str line, number;
	ptrdiff_t colon;
	uint64_t got;

	if (!receive_line(t, &line))
		return false;
	colon = str_find(line, STR(": "));
	number = str_sub(line, 0, colon < 0 ? 0 : (size_t)colon);
	*ret_answer = line;
	if (!str_u64(number, &got))
		return true; /* some errors have none */
	*ret_answer = str_from(line, (size_t)colon + 2);
	return got == t->number || fail(t, "clamd answered something that was not asked");
}

static bool command(struct talk *t, struct str words)
{
	t->number++;
	return send_octets(t, words) != SENT_NOT;
}

/* ---- answers ---- */

static enum wire_status error_status(struct str text)
{
	if (str_ifind(text, STR("size limit exceeded")) >= 0)
		return WIRE_LIMIT;
	return WIRE_UNSCANNED;
}

enum wire_status clamd_answer(struct str line, struct str *ret_text)
{
	ptrdiff_t colon = str_find(line, STR(": "));
	struct str text = str_from(line, colon < 0 ? 0 : (size_t)colon + 2);

	*ret_text = STR("clamd answered something that was not asked");
	if (str_ends(line, STR(" ERROR"))) {
		*ret_text = str_sub(text, 0, text.n >= 6 ? text.n - 6 : 0);
		return error_status(text);
	}
	if (colon < 0)
		return WIRE_UNSCANNED;
	if (str_ends(text, STR(" FOUND")) && text.n > 6) {
		text = str_sub(text, 0, text.n - 6);
		if (text.p[text.n - 1] == ')' && str_rchr(text, '(') > 0) /* "Name(md5:size)" */
			text = str_sub(text, 0, (size_t)str_rchr(text, '('));
		*ret_text = text;
		return wire_alert_status(text);
	}
	if (!str_is(text, "OK"))
		return WIRE_UNSCANNED;
	*ret_text = STR("");
	return WIRE_CLEAN;
}

int64_t clamd_database_time(struct str version)
{
	ptrdiff_t slash = str_rchr(version, '/');
	char text[64];
	struct tm tm = {.tm_isdst = -1};

	if (slash < 0 || version.n - (size_t)slash > sizeof text)
		return 0;
	snprintf(text, sizeof text, "%.*s", STR_ARG(str_from(version, (size_t)slash + 1)));
	return strptime(text, "%a %b %d %H:%M:%S %Y", &tm) ? (int64_t)mktime(&tm) : 0;
}

/* ---- one item ---- */

static bool send_chunk(struct talk *t, struct str s, enum sent *ret)
{
	uint32_t size = htonl((uint32_t)s.n);

	*ret = send_octets(t, (struct str){(const char *)&size, sizeof size});
	if (*ret == SENT_ALL)
		*ret = send_octets(t, s);
	return *ret == SENT_ALL;
}

static bool send_stream(struct talk *t, struct str prefix, struct str bytes)
{
	enum sent sent = SENT_ALL;

	if (!command(t, (struct str){"zINSTREAM", 10}))
		return false;
	if (prefix.n && !send_chunk(t, prefix, &sent))
		return sent != SENT_NOT;
	for (; bytes.n; bytes = str_from(bytes, CHUNK))
		if (!send_chunk(t, str_sub(bytes, 0, CHUNK), &sent))
			return sent != SENT_NOT;
	send_chunk(t, STR_NONE, &sent);
	return sent != SENT_NOT;
}

static bool write_all(int fd, struct str s)
{
	while (s.n) {
		ssize_t n = write(fd, s.p, s.n);

		if (n < 0 && errno != EINTR)
			return false;
		s = str_from(s, n > 0 ? (size_t)n : 0);
	}
	return true;
}

/* False when it could not be sent at all; the stream is the other way. */
static bool send_descriptor(struct talk *t, struct str prefix, struct str bytes)
{
	int fd = memfd_create("mail", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	bool ok = fd >= 0 && write_all(fd, prefix) && write_all(fd, bytes) && lseek(fd, 0, SEEK_SET) == 0;

	/* clamd may not change what others will see. */
	ok = ok && fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) == 0;
	ok = ok && command(t, (struct str){"zFILDES", 8}) && wire_send(t->fd, (struct str){"", 1}, &(struct wire_fds){1, {fd}}, 0);
	if (fd >= 0)
		close(fd);
	return ok;
}

static bool session_start(struct talk *t)
{
	struct str version;

	t->number = 0;
	if (send_octets(t, (struct str){"zIDSESSION", 11}) != SENT_ALL || !command(t, (struct str){"zVERSION", 9}) ||
	    !receive_answer(t, &version))
		return t->failure ? false : fail(t, "clamd closed the connection");
	if (!str_starts(version, STR("ClamAV")))
		return fail(t, "what listens there is no clamd");
	t->database_time = clamd_database_time(version);
	return true;
}

/* The first address that answers, from the one that was next. */
static bool ready(struct talk *t)
{
	for (size_t i = 0; t->fd < 0 && i < t->clamd->n; i++) {
		const struct clamd_address *a = &t->clamd->addresses[t->turn % t->clamd->n];

		t->failure = NULL;
		if (connect_to(t, a) && session_start(t))
			return true;
		hang_up(t);
		t->turn++;
	}
	return t->fd >= 0;
}

/* One try; false when there was no answer at all. */
static bool try_item(struct talk *t, struct str prefix, struct str bytes, bool as_descriptor, enum wire_status *ret_status,
    struct str *ret_text)
{
	struct str answer;

	if (!ready(t))
		return false;
	if (!(as_descriptor ? send_descriptor(t, prefix, bytes) : send_stream(t, prefix, bytes)) || !receive_answer(t, &answer)) {
		hang_up(t);
		return false;
	}
	*ret_status = clamd_answer(answer, ret_text);
	if (str_ends(answer, STR(" ERROR")))
		hang_up(t); /* it closes the session after most of them */
	return true;
}

/* A descriptor that clamd may not read goes as a stream; what broke is tried once more. */
static enum wire_status scan_item(struct talk *t, struct str prefix, struct str bytes, struct str *ret_text)
{
	enum wire_status status;

	for (int attempt = 0; attempt < 2; attempt++) {
		if (ready(t) && t->is_unix && !t->no_fildes) {
			if (try_item(t, prefix, bytes, true, &status, ret_text) && status != WIRE_UNSCANNED)
				return status;
			t->no_fildes = true;
		}
		if (try_item(t, prefix, bytes, false, &status, ret_text))
			return status;
		t->turn++;
	}
	*ret_text = str_of(t->failure ? t->failure : "clamd cannot be reached");
	return WIRE_UNSCANNED;
}

/* ---- a message ---- */

static void take(struct scan_report *report, struct arena *a, enum wire_status status, struct str text)
{
	if (status <= report->status)
		return;
	report->status = status;
	if (status == WIRE_INFECTED)
		report->name = arena_str(a, text);
	report->reason = arena_str(a, text);
}

const struct scan_report *clamd_scan(const struct clamd *clamd, struct message *m)
{
	struct scan_report *report = arena_alloc(m->arena, sizeof *report);
	struct talk *t = arena_alloc(m->arena, sizeof *t);
	struct scan_items items;

	*report = (struct scan_report){.status = WIRE_CLEAN};
	*t = (struct talk){.clamd = clamd, .fd = -1, .deadline_ms = now_ms() + clamd->timeout_ms};
	scan_items(m, &items);
	for (size_t i = 0; i < items.n && report->status < WIRE_UNSCANNED; i++) {
		struct str text, prefix = i == 0 ? scan_prefix : STR_NONE;

		/* clamd itself would pass what is above its own limit as clean. */
		if (items.bytes[i].n > clamd->max_file)
			take(report, m->arena, WIRE_LIMIT, STR("a part is larger than max-file"));
		else
			take(report, m->arena, scan_item(t, prefix, items.bytes[i], &text), text);
	}
	if (t->fd >= 0)
		(void)!send(t->fd, "zEND", 5, MSG_NOSIGNAL);
	hang_up(t);
	if (items.is_cut)
		take(report, m->arena, WIRE_LIMIT, STR("the message has too many parts"));
	report->database_time = t->database_time;
	return report;
}

/* ---- configuration ---- */

static bool add_path(struct conf_load *load, const struct conf_token *token, struct clamd_address *a)
{
	struct sockaddr_un *address = (struct sockaddr_un *)&a->address;
	struct str path = str_from(token->text, str_starts(token->text, STR("unix:")) ? 5 : 0);

	if (path.n >= sizeof address->sun_path) {
		conf_error(load, token->place, "this path is too long for a socket: at most %zu octets",
		    sizeof address->sun_path - 1);
		return false;
	}
	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	memcpy(address->sun_path, path.p, path.n);
	a->size = sizeof *address;
	return true;
}

static bool add_address(struct conf_load *load, const struct conf_token *token, struct clamd_address *a)
{
	struct ip ip;
	uint16_t port;

	a->name = token->text;
	if (str_starts(token->text, STR("/")) || str_starts(token->text, STR("unix:")))
		return add_path(load, token, a);
	if (!conf_endpoint(load, token, 0, &ip, &port))
		return false;
	a->size = ip_to_sockaddr(&ip, port, &a->address);
	return true;
}

struct clamd *clamd_new(struct conf_load *load, const struct conf_strings *sockets, int64_t timeout_ms, uint64_t max_file)
{
	struct clamd *c = arena_alloc(load->arena, sizeof *c);
	bool ok = true;

	*c = (struct clamd){.timeout_ms = timeout_ms, .max_file = max_file};
	for (size_t i = 0; i < sockets->n; i++) {
		if (c->n == ADDRESSES_MAX) {
			conf_error(load, sockets->v[i].place, "at most %d sockets", ADDRESSES_MAX);
			return NULL;
		}
		ok &= add_address(load, &sockets->v[i], &c->addresses[c->n++]);
	}
	return ok ? c : NULL;
}
