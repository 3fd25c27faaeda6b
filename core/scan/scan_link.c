/*
 * Ways to the scanner: a connection for a question each, and for messages the queues that it gives us, which all threads
 * share.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/scan/scan_private.h"
#include "lib/clock.h"
#include "lib/res.h"

enum { AGAIN_MS = 50, FULL_MS = 10, ABSENT_MS = 5000, GRACE_MS = 1000, CONTROL_MAX = 16 * 1024, FIRST_MAX = 4096 };

int64_t scan_now_ms(void)
{
	return clock_ticks_ns() / 1000000;
}

/* False with ETIMEDOUT. */
static bool wait_for(int fd, short events, int64_t deadline_ms)
{
	for (;;) {
		struct pollfd p = {.fd = fd, .events = events};
		int64_t left = deadline_ms - scan_now_ms();

		if (left <= 0) {
			errno = ETIMEDOUT;
			return false;
		}
		if (poll(&p, 1, left < 3600000 ? (int)left : 3600000) > 0)
			return true;
	}
}

/* ---- questions ---- */

static int connect_to(const struct sockaddr_un *address, socklen_t size)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0); /* a scanner that hangs does not hold us */

	if (fd >= 0 && connect(fd, (const struct sockaddr *)address, size) < 0) {
		int why = errno;

		close(fd);
		errno = why;
		return -1;
	}
	return fd;
}

static int connect_path(struct str path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	if (path.n >= sizeof address.sun_path) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(address.sun_path, path.p, path.n);
	return connect_to(&address, sizeof address);
}

static int connect_scanner(struct scan *sc)
{
	if (sc->socket.n)
		return connect_path(sc->socket);
	pthread_mutex_lock(&sc->lock);
	if (sc->own_size == 0)
		scan_own_start(sc);
	pthread_mutex_unlock(&sc->lock);
	if (sc->own_size == 0)
		return -1;
	return connect_to(&sc->own_address, sc->own_size);
}

/* An answer, as it came. */
struct reply {
	char room[CONTROL_MAX];
	struct wire_head head;
	struct wire_fds fds;
};

/* What came is what was asked for; else EPROTO. */
static bool check_reply(struct reply *r, ptrdiff_t n, struct str question)
{
	struct wire_head asked;

	memcpy(&asked, question.p, sizeof asked);
	if (n > 0 && wire_read_answer((struct str){r->room, (size_t)n}, &r->head) && r->head.id == asked.id && r->head.op == asked.op)
		return true;
	wire_fds_close(&r->fds);
	errno = n == 0 ? ECONNRESET : EPROTO;
	return false;
}

/* False with errno. */
static bool question(int fd, struct str datagram, int64_t deadline_ms, struct reply *ret)
{
	ptrdiff_t n;

	if (!wire_send(fd, datagram, NULL, 0) || !wait_for(fd, POLLIN, deadline_ms))
		return false;
	n = wire_receive(fd, ret->room, sizeof ret->room, &ret->fds, MSG_DONTWAIT);
	return n >= 0 && check_reply(ret, n, datagram);
}

static struct str text_of(const struct reply *r)
{
	struct str rest = {r->room + sizeof r->head, r->head.size}, text = STR_NONE;
	struct wire_record record;

	wire_next_record(&rest, &record, &text);
	return text;
}

/* Closes the connection. */
static enum res ask(int fd, struct wire_head head, unsigned timeout_ms, struct arena *a, struct str *ret_text)
{
	struct reply reply;
	bool ok;

	*ret_text = STR("");
	if (fd < 0)
		return RES_NONE;
	head.magic = WIRE_MAGIC;
	head.version = WIRE_VERSION;
	ok = question(fd, (struct str){(const char *)&head, sizeof head}, scan_now_ms() + timeout_ms, &reply);
	close(fd);
	if (!ok) {
		*ret_text = str_of(strerror(errno));
		return RES_TEMP;
	}
	wire_fds_close(&reply.fds);
	*ret_text = arena_str(a, text_of(&reply));
	return reply.head.status == WIRE_CLEAN ? RES_OK : RES_PERM;
}

enum res scan_ask(struct str socket, enum wire_op op, unsigned timeout_ms, struct arena *a, struct str *ret_text)
{
	return ask(connect_path(socket), (struct wire_head){.op = (uint16_t)op, .id = 1}, timeout_ms, a, ret_text);
}

enum res scan_ask_own(struct scan *sc, enum wire_op op, unsigned timeout_ms, struct arena *a, struct str *ret_text)
{
	return ask(connect_scanner(sc), (struct wire_head){.op = (uint16_t)op, .id = 1}, timeout_ms, a, ret_text);
}

bool scan_why_overdue(struct scan *sc, const struct wire_head *request, struct arena *a, struct str *ret_why)
{
	struct wire_head head = {.op = WIRE_OVERDUE, .id = request->id, .sent_ms = request->sent_ms, .deadline_ms = request->deadline_ms,
	    .options = request->options};

	return ask(connect_scanner(sc), head, GRACE_MS, a, ret_why) == RES_PERM;
}

/* ---- queues ---- */

static struct scan_link *link_new(struct wire_fds queues, int control)
{
	struct scan_link *l = malloc(sizeof *l);

	if (!l) {
		wire_fds_close(&queues);
		errno = ENOMEM;
		return NULL;
	}
	*l = (struct scan_link){.users = 1, .queues = queues, .control = control};
	return l;
}

/* The scanner knows what we want, and has given its queues. */
static struct scan_link *set_up(struct scan *sc, int fd, int64_t deadline_ms)
{
	struct buf settings = {0};
	struct reply reply;
	bool ok;

	wire_put_settings(&settings, 1, &sc->settings, sc->paths, sc->path_count);
	ok = question(fd, buf_str(&settings), deadline_ms, &reply);
	buf_free(&settings);
	if (!ok)
		return NULL;
	if (reply.head.status == WIRE_CLEAN && reply.fds.n == 2)
		return link_new(reply.fds, fd);
	wire_fds_close(&reply.fds);
	errno = EINVAL;
	return NULL;
}

/* NULL with errno. */
static struct scan_link *link_open(struct scan *sc, int64_t deadline_ms)
{
	int fd = connect_scanner(sc), why;
	struct scan_link *l = fd >= 0 ? set_up(sc, fd, deadline_ms) : NULL;

	why = errno;
	if (!l && fd >= 0)
		close(fd);
	errno = why;
	return l;
}

/* A scanner that starts again is there in a moment. */
static struct scan_link *open_patiently(struct scan *sc, int64_t deadline_ms)
{
	int64_t until = scan_now_ms() + ABSENT_MS;

	for (;;) {
		struct scan_link *l = link_open(sc, deadline_ms);
		int why = errno;

		/* Nobody starts our own again. */
		if (l || scan_now_ms() >= until || scan_now_ms() >= deadline_ms ||
		    (sc->socket.n == 0 && (sc->own_size == 0 || why == ECONNREFUSED))) {
			errno = why;
			return l;
		}
		poll(NULL, 0, AGAIN_MS);
	}
}

/* Under the lock. */
static void unuse(struct scan_link *l)
{
	if (--l->users > 0)
		return;
	wire_fds_close(&l->queues);
	close(l->control);
	free(l);
}

static struct scan_link *use_known(struct scan *sc)
{
	if (sc->link)
		sc->link->users++;
	return sc->link;
}

/* Others may have opened one meanwhile. */
static struct scan_link *use_new(struct scan *sc, struct scan_link *l)
{
	if (sc->link)
		unuse(l);
	else
		sc->link = l;
	return use_known(sc);
}

struct scan_link *scan_link_take(struct scan *sc, int64_t deadline_ms)
{
	struct scan_link *l;

	pthread_mutex_lock(&sc->lock);
	l = use_known(sc);
	pthread_mutex_unlock(&sc->lock);
	if (l)
		return l;
	l = open_patiently(sc, deadline_ms);
	if (!l)
		return NULL;
	pthread_mutex_lock(&sc->lock);
	l = use_new(sc, l);
	pthread_mutex_unlock(&sc->lock);
	return l;
}

void scan_link_drop(struct scan *sc, struct scan_link *l)
{
	pthread_mutex_lock(&sc->lock);
	unuse(l);
	pthread_mutex_unlock(&sc->lock);
}

void scan_link_lost(struct scan *sc, struct scan_link *l)
{
	pthread_mutex_lock(&sc->lock);
	if (sc->link == l) {
		sc->link = NULL;
		unuse(l);
	}
	pthread_mutex_unlock(&sc->lock);
}

void scan_link_forget(struct scan *sc)
{
	pthread_mutex_lock(&sc->lock);
	if (sc->link)
		unuse(sc->link);
	sc->link = NULL;
	pthread_mutex_unlock(&sc->lock);
}

bool scan_link_lives(const struct scan_link *l)
{
	struct pollfd p = {.fd = l->control, .events = POLLIN};

	return poll(&p, 1, 0) == 0; /* it says nothing by itself */
}

/* ---- a message ---- */

/* No room in the queue, for descriptors on their way, or of memory: all of it passes. */
static bool is_full(int why)
{
	return why == EAGAIN || why == ETOOMANYREFS || why == ENOBUFS || why == ENOMEM;
}

/*
 * Where there is no room in the queue, it waits; not for the kernel's word, which comes when the queue is nearly empty: by
 * then others may have come and filled it.
 */
static enum scan_outcome put(int queue, const struct scan_request *request, const struct wire_fds *pass)
{
	while (scan_now_ms() < request->head.deadline_ms) {
		struct pollfd p = {.fd = queue, .events = POLLOUT};
		int why;

		if (wire_send_pieces(queue, request->pieces, request->count, pass, MSG_DONTWAIT))
			return SCAN_ANSWERED;
		why = errno;
		if (why == EPIPE || why == ECONNRESET || why == ECONNREFUSED)
			return SCAN_ABSENT;
		if (!is_full(why))
			return SCAN_FAILED;
		if (poll(&p, 1, FULL_MS) > 0 && why != EAGAIN)
			poll(NULL, 0, FULL_MS);
	}
	return SCAN_OVERDUE;
}

/* Octets that an answer has in all, by its beginning; 0 when that cannot be. */
static size_t whole_size(const char *room)
{
	struct wire_head head;

	memcpy(&head, room, sizeof head);
	return head.size <= WIRE_ANSWER_MAX - sizeof head ? sizeof head + head.size : 0;
}

/* Reads until there are so many octets. */
static enum scan_outcome fill(int fd, char *room, size_t *n, size_t wanted, size_t most, int64_t deadline_ms)
{
	while (*n < wanted) {
		ssize_t got;

		if (!wait_for(fd, POLLIN, deadline_ms))
			return SCAN_OVERDUE;
		got = read(fd, room + *n, most - *n);
		if (got <= 0)
			return SCAN_LOST;
		*n += (size_t)got;
	}
	return SCAN_ANSWERED;
}

/* Most are short. */
static enum scan_outcome read_answer(int fd, int64_t deadline_ms, struct arena *a, struct str *ret_answer)
{
	char first[FIRST_MAX], *room;
	size_t n = 0, whole;
	enum scan_outcome outcome = fill(fd, first, &n, sizeof(struct wire_head), sizeof first, deadline_ms);

	if (outcome != SCAN_ANSWERED)
		return outcome;
	whole = whole_size(first);
	if (whole < n)
		return SCAN_LOST;
	room = arena_alloc(a, whole);
	memcpy(room, first, n);
	*ret_answer = (struct str){room, whole};
	return fill(fd, room, &n, whole, whole, deadline_ms);
}

enum scan_outcome scan_exchange(const struct scan_link *l, const struct scan_request *request, struct arena *a, struct str *ret_answer)
{
	struct wire_fds pass = {.n = request->memory < 0 ? 1 : 2};
	enum scan_outcome outcome;
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return SCAN_FAILED;
	pass.fd[0] = ends[1];
	pass.fd[1] = request->memory;
	outcome = put(l->queues.fd[request->head.is_again], request, &pass);
	close(ends[1]); /* so that its end is seen when whoever has the other copy dies */
	if (outcome == SCAN_ANSWERED)
		outcome = read_answer(ends[0], request->head.deadline_ms, a, ret_answer);
	close(ends[0]);
	return outcome;
}
