/*
 * The scanner's clients: connections that wait for the next message, and one exchange. What is in
 * the message is core/scan/scan_items.c, a scanner of our own core/scan/scan_own.c.
 */
#define _GNU_SOURCE
#include "core/scan/scan_private.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/res.h"

enum { SETUP_MS = 10000, AGAIN_MS = 50, ABSENT_MS = 5000, GRACE_MS = 1000 };

static int64_t now_ms(void)
{
	return clock_ticks_ns() / 1000000;
}

struct scan *scan_new(struct arena *a, struct str socket, struct str tmpdir)
{
	struct scan *sc = arena_alloc(a, sizeof *sc);
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	sc->arena = a;
	sc->socket = arena_str(a, socket);
	sc->tmpdir = arena_str(a, tmpdir);
	sc->life_fd = -1;
	pthread_mutex_init(&sc->lock, NULL);
	sc->settings = (struct wire_settings){.serial = (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000,
	    .max_recursion = 1, .max_files = 1, .workers = 1, .check_ms = 5000,
	    /* As the filter attachment has them by default. */
	    .max_members = 2000, .max_depth = 8, .max_member = 64 << 20, .max_total = 256 << 20, .max_ratio = 250};
	return sc;
}

struct wire_settings *scan_settings(struct scan *sc)
{
	return &sc->settings;
}

bool scan_add_database(struct scan *sc, struct str path)
{
	if (sc->path_count == WIRE_PATHS_MAX || path.n > 1000)
		return false;
	sc->paths[sc->path_count++] = path;
	return sc->path_count * 1010 + 200 < WIRE_REQUEST_MAX;
}

void scan_set_timeout(struct scan *sc, int64_t ms)
{
	if (ms > sc->timeout_ms)
		sc->timeout_ms = ms;
}

bool scan_is_used(const struct scan *sc)
{
	return (sc->settings.options & (WIRE_O_CLAMAV | WIRE_O_CONTENT)) != 0;
}

/* ---- connections ---- */

static int connect_to(const struct sockaddr_un *address, socklen_t size)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

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

/* The answer's octets; -1 with errno. */
static ptrdiff_t wait_for_answer(int fd, char *room, int64_t deadline_ms)
{
	for (;;) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		int64_t left = deadline_ms - now_ms();
		ptrdiff_t n;

		if (left <= 0) {
			errno = ETIMEDOUT;
			return -1;
		}
		if (poll(&p, 1, left < 3600000 ? (int)left : 3600000) <= 0)
			continue;
		n = wire_receive(fd, room, WIRE_ANSWER_MAX, NULL, MSG_DONTWAIT);
		if (n > 0)
			return n;
		if (n == 0)
			errno = ECONNRESET;
		if (n == 0 || errno != EAGAIN)
			return -1;
	}
}

/* One request and its answer in room; false with errno. */
static bool exchange(int fd, const struct scan_request *request, int64_t deadline_ms, char *room, struct wire_head *ret_head)
{
	ptrdiff_t n;

	if (!wire_send_pieces(fd, request->pieces, request->count, request->memory, 0))
		return false;
	n = wait_for_answer(fd, room, deadline_ms);
	if (n < 0)
		return false;
	if (wire_read_answer((struct str){room, (size_t)n}, ret_head) && ret_head->id == request->head.id &&
	    ret_head->op == request->head.op)
		return true;
	errno = EPROTO;
	return false;
}

/* A request that is one piece, or its head alone. */
static struct scan_request plain_request(struct iovec *piece)
{
	struct scan_request r = {.pieces = piece, .count = 1, .memory = -1};

	memcpy(&r.head, piece->iov_base, sizeof r.head);
	return r;
}

static bool send_setup(struct scan *sc, int fd, char *room, int64_t deadline_ms)
{
	struct wire_head head;
	struct buf settings = {0};
	struct scan_request request;
	bool ok;

	wire_put_settings(&settings, 1, &sc->settings, sc->paths, sc->path_count);
	request = plain_request(&(struct iovec){settings.p, settings.n});
	ok = exchange(fd, &request, deadline_ms, room, &head);
	if (ok && head.status != WIRE_CLEAN) {
		ok = false;
		errno = EINVAL;
	}
	buf_free(&settings);
	return ok;
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

static void close_link(struct scan_link *l)
{
	int why = errno;

	if (l->fd >= 0)
		close(l->fd);
	free(l->room);
	*l = (struct scan_link){.fd = -1};
	errno = why;
}

/* Connected, and the scanner knows what we want; else fd -1 with errno. */
static struct scan_link open_link(struct scan *sc, int64_t deadline_ms)
{
	struct scan_link l = {.fd = connect_scanner(sc)};

	if (l.fd < 0)
		return l;
	l.room = malloc(WIRE_ANSWER_MAX);
	if (!l.room || !send_setup(sc, l.fd, l.room, deadline_ms))
		close_link(&l);
	return l;
}

/* A scanner that starts again is there in a moment. */
static struct scan_link connect_patiently(struct scan *sc, int64_t deadline_ms)
{
	int64_t until = now_ms() + ABSENT_MS;

	for (;;) {
		struct scan_link l = open_link(sc, deadline_ms);
		int why = errno;

		if (l.fd >= 0 || now_ms() >= until || now_ms() >= deadline_ms || (sc->socket.n == 0 && sc->own_size == 0)) {
			errno = why;
			return l;
		}
		poll(NULL, 0, AGAIN_MS);
	}
}

static struct scan_link take_idle(struct scan *sc)
{
	struct scan_link l = {.fd = -1};

	pthread_mutex_lock(&sc->lock);
	if (sc->idle_count)
		l = sc->idle[--sc->idle_count];
	pthread_mutex_unlock(&sc->lock);
	return l;
}

static void keep_idle(struct scan *sc, struct scan_link *l)
{
	pthread_mutex_lock(&sc->lock);
	if (sc->idle_count < SCAN_IDLE_MAX) {
		sc->idle[sc->idle_count++] = *l;
		*l = (struct scan_link){.fd = -1};
	}
	pthread_mutex_unlock(&sc->lock);
	close_link(l);
}

void scan_start(struct scan *sc)
{
	struct scan_link l;

	if (!scan_is_used(sc))
		return;
	if (sc->timeout_ms == 0)
		sc->timeout_ms = 60000;
	l = open_link(sc, now_ms() + SETUP_MS);
	if (l.fd >= 0)
		keep_idle(sc, &l);
}

void scan_close(struct scan *sc)
{
	if (!sc)
		return;
	while (sc->idle_count)
		close_link(&sc->idle[--sc->idle_count]);
	if (sc->life_fd >= 0)
		scan_own_end(sc);
	pthread_mutex_destroy(&sc->lock);
}

/* ---- a message ---- */

static struct scan_report *unscanned(struct arena *a, struct str reason)
{
	struct scan_report *report = arena_alloc(a, sizeof *report);

	report->status = WIRE_UNSCANNED;
	report->reason = arena_str(a, reason);
	return report;
}

/* The worst item speaks for the message. */
static void take_reason(struct scan_report *report, const struct scan_record *x)
{
	bool is_worst = x->r.type == WIRE_RESULT && x->r.status == report->status;

	if (is_worst && report->status == WIRE_INFECTED && !report->name.n)
		report->name = x->name;
	if ((is_worst || x->r.type == WIRE_TEXT) && !report->reason.n)
		report->reason = x->name;
}

static struct scan_report *read_report(struct arena *a, const struct wire_head *head, const char *room,
    const struct scan_items *items)
{
	struct scan_report *report = arena_alloc(a, sizeof *report);
	struct scan_record *records = arena_array(a, head->count ? head->count : 1, sizeof *records);
	struct str rest = arena_str(a, (struct str){room + sizeof *head, head->size}), name;
	struct wire_record r;

	*report = (struct scan_report){.status = head->status, .is_cut = head->is_cut, .database_time = head->database_time,
	    .generation = head->generation, .signatures = head->signatures, .records = records, .parts = items->parts,
	    .items = items->n, .has_content = head->status != WIRE_UNSCANNED};
	while (wire_next_record(&rest, &r, &name)) {
		if (r.item >= items->n)
			return unscanned(a, STR("the scanner answered something that was not asked"));
		records[report->n] = (struct scan_record){r, name};
		take_reason(report, &records[report->n++]);
	}
	if (report->status == WIRE_CLEAN && items->is_cut) {
		report->status = WIRE_LIMIT;
		report->reason = STR("the message has too many parts");
	}
	return report;
}

static struct str why_not(struct arena *a, const struct scan *sc)
{
	if (sc->failure.n)
		return sc->failure;
	if (errno == ETIMEDOUT)
		return STR("the scanner did not answer in time");
	return arena_printf(a, "the scanner cannot be reached: %s", strerror(errno));
}

static struct scan_report *ask(struct scan *sc, struct arena *a, const struct scan_items *items, struct scan_request *request)
{
	int64_t deadline_ms = now_ms() + sc->timeout_ms + GRACE_MS;
	struct wire_head answer;
	struct scan_link l = take_idle(sc);
	struct scan_report *report;
	bool ok = false, was_idle = l.fd >= 0;

	request->head.id = __atomic_add_fetch(&sc->ids, 1, __ATOMIC_RELAXED) + 1;
	/* A connection that waited may be of a scanner that is no more: once more with a new one. */
	for (int attempt = 0; attempt < 1 + was_idle && !ok; attempt++) {
		if (l.fd < 0)
			l = connect_patiently(sc, deadline_ms);
		if (l.fd < 0)
			break;
		request->head.timeout_ms = deadline_ms - GRACE_MS > now_ms() ? (uint32_t)(deadline_ms - GRACE_MS - now_ms()) : 1;
		ok = exchange(l.fd, request, deadline_ms, l.room, &answer);
		if (ok)
			break;
		close_link(&l);
		if (errno == ETIMEDOUT)
			break;
	}
	if (!ok)
		return unscanned(a, why_not(a, sc));
	report = read_report(a, &answer, l.room, items);
	keep_idle(sc, &l);
	return report;
}

const struct scan_report *message_scan(struct scan *sc, struct message *m)
{
	struct scan_request request;
	struct scan_items items;

	if (m->scan)
		return m->scan;
	scan_items(m, &items);
	if (scan_request_pack(&request, m->arena, &items))
		m->scan = ask(sc, m->arena, &items, &request);
	else
		m->scan = unscanned(m->arena, request.head.size > WIRE_BYTES_MAX ? STR("the message is too large to be scanned") :
		    STR("there is no memory for the scan"));
	if (request.memory >= 0)
		close(request.memory);
	return m->scan;
}

/* One request without a message; closes the connection. */
static enum res ask_text(int fd, enum wire_op op, unsigned timeout_ms, struct arena *a, struct str *ret_text)
{
	struct wire_head head, asked = {.magic = WIRE_MAGIC, .version = WIRE_VERSION, .op = (uint16_t)op, .id = 1};
	struct scan_request request = plain_request(&(struct iovec){&asked, sizeof asked});
	char *room = arena_alloc(a, WIRE_ANSWER_MAX);
	struct wire_record r;
	struct str rest;
	bool ok;

	*ret_text = STR("");
	if (fd < 0)
		return RES_NONE;
	ok = exchange(fd, &request, now_ms() + timeout_ms, room, &head);
	close(fd);
	if (!ok) {
		*ret_text = str_of(strerror(errno));
		return RES_TEMP;
	}
	rest = (struct str){room + sizeof head, head.size};
	wire_next_record(&rest, &r, ret_text);
	return head.status == WIRE_CLEAN ? RES_OK : RES_PERM;
}

enum res scan_ask(struct str socket, enum wire_op op, unsigned timeout_ms, struct arena *a, struct str *ret_text)
{
	return ask_text(connect_path(socket), op, timeout_ms, a, ret_text);
}

enum res scan_ask_own(struct scan *sc, enum wire_op op, unsigned timeout_ms, struct arena *a, struct str *ret_text)
{
	return ask_text(connect_scanner(sc), op, timeout_ms, a, ret_text);
}
