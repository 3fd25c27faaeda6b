/* Control sockets: the roles' side on their loop, reevectl's side with plain blocking calls. */
#define _GNU_SOURCE
#include "gateway/control.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

enum { CALL_TIMEOUT_S = 60, ANSWER_LINE_MAX = 4 * 1024 * 1024 };

struct control {
	struct loop *loop;
	struct listener *listener;
	const struct control_command *commands;
	void *arg;
	int fd;
	struct caller *callers;
	unsigned n;
	char path[sizeof((struct sockaddr_un){0}.sun_path)];
};

struct caller {
	struct caller *next;
	struct control *control;
	struct conn *conn;
};

/* ---- the role's side ---- */

static void caller_end(struct caller *k)
{
	struct caller **at = &k->control->callers;

	while (*at != k)
		at = &(*at)->next;
	*at = k->next;
	k->control->n--;
	conn_close_after_write(k->conn);
	free(k);
}

/* Each line of the answer gets its blank in front. */
static void add_lines(struct buf *out, struct str text)
{
	struct str line;

	while (text.n && str_split(&text, '\n', &line)) {
		buf_addc(out, ' ');
		buf_add(out, line);
		buf_addc(out, '\n');
	}
}

void control_answer(const struct control_command *commands, void *arg, struct str request, struct buf *out)
{
	const char *error = "unknown command";
	struct buf lines = {0};
	struct str word = STR("");

	str_word(&request, &word);
	for (const struct control_command *cmd = commands; cmd->word; cmd++)
		if (str_is(word, cmd->word)) {
			error = cmd->run(arg, str_trim(request), &lines);
			break;
		}
	add_lines(out, buf_str(&lines));
	if (error)
		buf_addf(out, "ERR %s\n", error);
	else
		buf_adds(out, "OK\n");
	buf_free(&lines);
}

static void answer(struct caller *k, struct str request)
{
	struct buf out = {0};

	control_answer(k->control->commands, k->control->arg, request, &out);
	conn_write(k->conn, buf_str(&out));
	buf_free(&out);
}

/*
 * One answer at a time: the next request is read when the last answer went out, so that who asks and
 * does not read fills his own buffers and not ours.
 */
static void on_input(void *arg)
{
	struct caller *k = arg;
	struct str in = conn_input(k->conn);
	ptrdiff_t end = str_chr(in, '\n');

	if (end > CONTROL_REQUEST_MAX || (end < 0 && in.n > CONTROL_REQUEST_MAX)) {
		conn_write(k->conn, STR("ERR the request is too long\n"));
		caller_end(k);
		return;
	}
	if (end < 0)
		return;
	answer(k, str_sub(in, 0, (size_t)end));
	conn_consume(k->conn, (size_t)end + 1);
	conn_pause(k->conn);
}

static void on_drained(void *arg)
{
	struct caller *k = arg;

	conn_resume(k->conn);
}

static void on_end(void *arg, enum conn_end why)
{
	(void)why;
	caller_end(arg);
}

static bool is_allowed(int fd)
{
	struct ucred who;
	socklen_t n = sizeof who;

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &n) == 0 && n == sizeof who &&
	       (who.uid == 0 || who.uid == geteuid());
}

static void on_accept(void *arg, int fd, const struct sockaddr *peer)
{
	static const struct conn_events events = {.on_input = on_input, .on_drained = on_drained, .on_end = on_end};
	struct control *c = arg;
	struct caller *k;

	(void)peer;
	if (!is_allowed(fd) || c->n >= CONTROL_CLIENTS_MAX) {
		close(fd);
		return;
	}
	k = calloc(1, sizeof *k);
	if (!k)
		abort();
	k->control = c;
	k->next = c->callers;
	c->callers = k;
	c->n++;
	k->conn = conn_accept(c->loop, fd, NULL, &events, k);
	conn_timeout(k->conn, CONTROL_IDLE_MS, CONTROL_IDLE_MS);
}

struct control *control_new(struct loop *l, const char *path, const struct control_command *commands, void *arg)
{
	struct control *c;
	int fd = listen_unix(path, 0600);

	if (fd < 0)
		return NULL;
	c = calloc(1, sizeof *c);
	if (!c)
		abort();
	snprintf(c->path, sizeof c->path, "%s", path);
	c->loop = l;
	c->fd = fd;
	c->commands = commands;
	c->arg = arg;
	c->listener = listener_new(l, fd, on_accept, c);
	return c;
}

void control_free(struct control *c)
{
	if (!c)
		return;
	while (c->callers)
		caller_end(c->callers);
	listener_free(c->listener);
	close(c->fd);
	unlink(c->path);
	free(c);
}

/* ---- reevectl's side ---- */

static int call_connect(const char *path)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	struct timeval patience = {CALL_TIMEOUT_S, 0};
	int fd;

	if (strlen(path) >= sizeof sa.sun_path) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(sa.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
	if (connect(fd, (struct sockaddr *)&sa, sizeof sa)) {
		int saved = errno;
		close(fd);
		errno = saved;
		return -1;
	}
	return fd;
}

static bool call_send(int fd, struct str s)
{
	while (s.n) {
		ssize_t n = send(fd, s.p, s.n, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		s = str_from(s, (size_t)n);
	}
	return true;
}

/* Takes the lines that are complete; true with the result when the last one was there. */
static bool take_lines(struct buf *in, void (*each)(void *arg, struct str line), void *arg,
    struct buf *ret_text, enum res *ret_res)
{
	struct str rest = buf_str(in), line;
	ptrdiff_t end;

	while ((end = str_chr(rest, '\n')) >= 0) {
		line = str_sub(rest, 0, (size_t)end);
		rest = str_from(rest, (size_t)end + 1);
		if (line.n && line.p[0] == ' ') {
			if (each)
				each(arg, str_from(line, 1));
			continue;
		}
		*ret_res = str_starts(line, STR("OK")) ? RES_OK : RES_PERM;
		if (ret_text)
			buf_add(ret_text, str_trim(str_from(line, str_starts(line, STR("ERR")) ? 3 : 2)));
		return true;
	}
	memmove(in->p, rest.p, rest.n);
	in->n = rest.n;
	return false;
}

enum res control_read(int fd, void (*each)(void *arg, struct str line), void *arg, struct buf *ret_text)
{
	struct buf in = {0};
	enum res res = RES_TEMP;

	while (in.n < ANSWER_LINE_MAX) {
		ssize_t n = recv(fd, buf_reserve(&in, 65536), 65536, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			if (ret_text)
				buf_adds(ret_text, n ? strerror(errno) : "closed without an answer (no permission?)");
			break;
		}
		in.n += (size_t)n;
		if (take_lines(&in, each, arg, ret_text, &res))
			break;
	}
	buf_free(&in);
	return res;
}

enum res control_call(const char *path, struct str request, void (*each)(void *arg, struct str line),
    void *arg, struct buf *ret_text)
{
	int fd = call_connect(path);
	enum res res = RES_TEMP;

	if (fd < 0) {
		res = errno == ENOENT || errno == ECONNREFUSED ? RES_NONE : RES_TEMP;
		if (ret_text)
			buf_addf(ret_text, "%s: %s", path, strerror(errno));
		return res;
	}
	if (call_send(fd, request) && call_send(fd, STR("\n")))
		res = control_read(fd, each, arg, ret_text);
	else if (ret_text)
		buf_addf(ret_text, "%s: %s", path, strerror(errno));
	close(fd);
	return res;
}
