/* Reading and writing of what wire.h describes: nothing is believed that was not measured. */
#define _GNU_SOURCE
#include "scanner/wire.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static bool read_head(struct str datagram, struct wire_head *ret_head)
{
	if (datagram.n < sizeof *ret_head)
		return false;
	memcpy(ret_head, datagram.p, sizeof *ret_head);
	return ret_head->magic == WIRE_MAGIC && ret_head->version == WIRE_VERSION;
}

/* behind: octets behind the head, all of the items or nothing. */
static bool scan_is_sane(const struct wire_head *head, size_t behind)
{
	return head->count >= 1 && head->count <= WIRE_ITEMS_MAX && head->size <= WIRE_BYTES_MAX &&
	       head->size >= head->count * sizeof(struct wire_item) && (behind == 0 || behind == head->size);
}

bool wire_read_request(struct str datagram, struct wire_head *ret_head)
{
	if (datagram.n > WIRE_REQUEST_MAX || !read_head(datagram, ret_head))
		return false;
	if (ret_head->op == WIRE_SETUP)
		return ret_head->count <= WIRE_PATHS_MAX;
	if (ret_head->op == WIRE_SCAN)
		return scan_is_sane(ret_head, datagram.n - sizeof *ret_head);
	return datagram.n == sizeof *ret_head && ret_head->op >= WIRE_STATUS && ret_head->op <= WIRE_OVERDUE;
}

bool wire_has_items(struct str datagram)
{
	return datagram.n > sizeof(struct wire_head);
}

static bool settings_are_sane(const struct wire_settings *s)
{
	return s->workers >= 1 && s->workers <= WIRE_WORKERS_MAX && s->max_recursion >= 1 && s->max_recursion <= 100 &&
	       s->max_depth <= 32 && s->max_file <= INT64_MAX / 4 && s->max_scan <= INT64_MAX / 4 &&
	       s->max_total <= INT64_MAX / 4 && s->max_member <= INT64_MAX / 4 && s->max_files >= 1 && s->check_ms >= 10;
}

bool wire_read_settings(struct str datagram, struct wire_settings *ret_settings, struct str *ret_paths,
    size_t *ret_count)
{
	struct wire_head head;
	struct str rest;

	if (!wire_read_request(datagram, &head) || head.op != WIRE_SETUP)
		return false;
	rest = str_from(datagram, sizeof head);
	if (rest.n < sizeof *ret_settings)
		return false;
	memcpy(ret_settings, rest.p, sizeof *ret_settings);
	rest = str_from(rest, sizeof *ret_settings);
	for (size_t i = 0; i < head.count; i++) {
		uint16_t n;

		if (rest.n < sizeof n)
			return false;
		memcpy(&n, rest.p, sizeof n);
		rest = str_from(rest, sizeof n);
		if (n == 0 || n > rest.n || memchr(rest.p, 0, n))
			return false;
		ret_paths[i] = str_sub(rest, 0, n);
		rest = str_from(rest, n);
	}
	*ret_count = head.count;
	return rest.n == 0 && settings_are_sane(ret_settings);
}

void wire_put_settings(struct buf *out, uint64_t id, const struct wire_settings *settings, const struct str *paths,
    size_t count)
{
	struct wire_head head = {.magic = WIRE_MAGIC, .version = WIRE_VERSION, .op = WIRE_SETUP, .id = id,
	    .count = (uint32_t)count};

	assert(count <= WIRE_PATHS_MAX);
	buf_add(out, (struct str){(const char *)&head, sizeof head});
	buf_add(out, (struct str){(const char *)settings, sizeof *settings});
	for (size_t i = 0; i < count; i++) {
		uint16_t n = (uint16_t)paths[i].n;

		buf_add(out, (struct str){(const char *)&n, sizeof n});
		buf_add(out, str_sub(paths[i], 0, n));
	}
}

bool wire_check_items(const void *map, uint64_t size, uint32_t count)
{
	const struct wire_item *items = map;

	if (count < 1 || count > WIRE_ITEMS_MAX || size < count * sizeof *items)
		return false;
	for (uint32_t i = 0; i < count; i++)
		if (items[i].offset > size || items[i].size > size - items[i].offset)
			return false;
	return true;
}

void wire_answer_start(struct wire_answer *a, char *room, const struct wire_head *request)
{
	*a = (struct wire_answer){.p = room, .n = sizeof a->head};
	a->head = (struct wire_head){.magic = WIRE_MAGIC, .version = WIRE_VERSION, .op = request->op, .id = request->id};
}

bool wire_answer_add(struct wire_answer *a, const struct wire_record *record, struct str name, size_t *ret_at)
{
	struct wire_record r = *record;

	if (name.n > WIRE_NAME_MAX && r.type != WIRE_TEXT)
		name.n = WIRE_NAME_MAX;
	if (name.n > UINT16_MAX || WIRE_ANSWER_MAX - a->n < sizeof r + name.n) {
		a->head.is_cut = 1;
		return false;
	}
	r.name_length = (uint16_t)name.n;
	if (ret_at)
		*ret_at = a->n;
	memcpy(a->p + a->n, &r, sizeof r);
	if (name.n)
		memcpy(a->p + a->n + sizeof r, name.p, name.n);
	a->n += sizeof r + name.n;
	a->head.count++;
	return true;
}

void wire_answer_mark(struct wire_answer *a, size_t at, unsigned kind, uint32_t flags)
{
	struct wire_record r;

	assert(at + sizeof r <= a->n);
	memcpy(&r, a->p + at, sizeof r);
	r.flags |= flags;
	r.kind = (uint16_t)kind;
	memcpy(a->p + at, &r, sizeof r);
}

struct str wire_answer_finish(struct wire_answer *a)
{
	a->head.size = a->n - sizeof a->head;
	memcpy(a->p, &a->head, sizeof a->head);
	return (struct str){a->p, a->n};
}

static bool record_is_sane(const struct wire_record *r)
{
	return r->type >= WIRE_RESULT && r->type <= WIRE_TEXT && r->item < WIRE_ITEMS_MAX && r->kind < KIND_COUNT &&
	       r->status < WIRE_STATUSES && (r->type == WIRE_TEXT || r->name_length <= WIRE_NAME_MAX);
}

bool wire_next_record(struct str *rest, struct wire_record *ret_record, struct str *ret_name)
{
	if (rest->n < sizeof *ret_record)
		return false;
	memcpy(ret_record, rest->p, sizeof *ret_record);
	if (!record_is_sane(ret_record) || ret_record->name_length > rest->n - sizeof *ret_record)
		return false;
	*ret_name = str_sub(*rest, sizeof *ret_record, ret_record->name_length);
	*rest = str_from(*rest, sizeof *ret_record + ret_record->name_length);
	return true;
}

bool wire_read_answer(struct str datagram, struct wire_head *ret_head)
{
	struct wire_record record;
	struct str rest, name;

	if (datagram.n > WIRE_ANSWER_MAX || !read_head(datagram, ret_head) || ret_head->status >= WIRE_STATUSES ||
	    ret_head->op < WIRE_SETUP || ret_head->op > WIRE_OVERDUE)
		return false;
	rest = str_from(datagram, sizeof *ret_head);
	if (ret_head->size != rest.n || ret_head->count > WIRE_ANSWER_MAX / sizeof record)
		return false;
	for (uint32_t i = 0; i < ret_head->count; i++)
		if (!wire_next_record(&rest, &record, &name))
			return false;
	return rest.n == 0;
}

void wire_widen(int fd)
{
	int size = 2 * WIRE_ANSWER_MAX;

	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
}

void wire_fds_close(struct wire_fds *fds)
{
	while (fds->n)
		close(fds->fd[--fds->n]);
}

bool wire_send(int fd, struct str datagram, const struct wire_fds *pass, int flags)
{
	return wire_send_pieces(fd, &(struct iovec){(void *)datagram.p, datagram.n}, 1, pass, flags);
}

static size_t size_of(const struct iovec *pieces, size_t count)
{
	size_t n = 0;

	for (size_t i = 0; i < count; i++)
		n += pieces[i].iov_len;
	return n;
}

/* Room for descriptors beside a datagram. */
union control {
	char room[CMSG_SPACE(2 * WIRE_FDS_MAX * sizeof(int))];
	struct cmsghdr align;
};

static void put_fds(struct msghdr *message, union control *control, const struct wire_fds *pass)
{
	size_t octets = pass->n * sizeof pass->fd[0];
	struct cmsghdr *c;

	message->msg_control = control->room;
	message->msg_controllen = CMSG_SPACE(octets);
	c = CMSG_FIRSTHDR(message);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(octets);
	memcpy(CMSG_DATA(c), pass->fd, octets);
}

bool wire_send_pieces(int fd, const struct iovec *pieces, size_t count, const struct wire_fds *pass, int flags)
{
	union control control = {0};
	struct msghdr message = {.msg_iov = (struct iovec *)pieces, .msg_iovlen = count};
	ssize_t n;

	if (pass && pass->n)
		put_fds(&message, &control, pass);
	do
		n = sendmsg(fd, &message, flags | MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n == (ssize_t)size_of(pieces, count);
}

/* Keeps the first descriptors that came, closes all others; how many there were. */
static size_t take_fds(struct msghdr *message, struct wire_fds *ret_fds)
{
	size_t all = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
		size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < count; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
			if (ret_fds && ret_fds->n < WIRE_FDS_MAX)
				ret_fds->fd[ret_fds->n++] = fd;
			else
				close(fd);
		}
		all += count;
	}
	return all;
}

/* cut: of MSG_TRUNC and MSG_CTRUNC, what must not have happened. */
static ptrdiff_t receive(int fd, struct iovec piece, struct wire_fds *ret_fds, int flags, int cut)
{
	union control control;
	struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1, .msg_control = control.room,
	    .msg_controllen = sizeof control.room};
	size_t came;
	ssize_t n;

	if (ret_fds)
		ret_fds->n = 0;
	do
		n = recvmsg(fd, &message, flags | MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -1;
	came = take_fds(&message, ret_fds);
	if (!(message.msg_flags & cut))
		return n;
	if (ret_fds)
		wire_fds_close(ret_fds);
	errno = message.msg_flags & MSG_CTRUNC && came < 2 * WIRE_FDS_MAX ? EMFILE : EMSGSIZE;
	return -1;
}

ptrdiff_t wire_receive(int fd, char *room, size_t size, struct wire_fds *ret_fds, int flags)
{
	return receive(fd, (struct iovec){room, size}, ret_fds, flags, MSG_TRUNC | MSG_CTRUNC);
}

bool wire_receive_head(int fd, struct wire_head *ret_head, struct wire_fds *ret_fds)
{
	char room[sizeof *ret_head];
	ptrdiff_t n = receive(fd, (struct iovec){room, sizeof room}, ret_fds, MSG_DONTWAIT, MSG_CTRUNC);

	if (n >= 0 && !read_head((struct str){room, (size_t)n}, ret_head))
		wire_fds_close(ret_fds);
	return n >= 0;
}
