/* Passes key files from the master to a role: one datagram each way, a memfd with the answer. */
#define _GNU_SOURCE
#include "gateway/keys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/config.h"

bool keys_pair(int *ret_master, int *ret_role)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return false;
	*ret_master = ends[0];
	*ret_role = ends[1];
	return true;
}

/* ---- the master's side ---- */

static bool is_tls_file(const struct config *config, const char *path)
{
	for (const struct listen_conf *l = config->listens; l; l = l->next)
		if (l->has_tls && (str_is(l->certificate, path) || str_is(l->key, path)))
			return true;
	return false;
}

/* The last word of `sign` in filter dkim and of `seal` in filter arc: auth/sealing.c reads them. */
static bool is_signing_key(const struct config *config, struct arena *a, const char *path)
{
	for (const struct conf_node *filter = config->root; filter; filter = filter->next) {
		if (filter->n != 2 || !str_is(filter->tokens[0].text, "filter"))
			continue;
		for (const struct conf_node *line = filter->children; line; line = line->next) {
			const struct conf_token *t = line->tokens;

			if (line->n == 6 && (str_is(t[0].text, "sign") || str_is(t[0].text, "seal")) &&
			    str_is(t[4].text, "key") && str_is(conf_path(a, t[5].place, t[5].text), path))
				return true;
		}
	}
	return false;
}

/* Asks the file as it is now, for a reload may name other keys than the start did. */
static bool is_allowed(const char *config_path, const char *path)
{
	struct arena *a = arena_new(0);
	const struct config *config;
	struct conf_load load;
	bool allowed;

	conf_load_init(&load, a);
	config = config_load(&load, config_path);
	allowed = config && (is_tls_file(config, path) || is_signing_key(config, a, path));
	arena_free(a);
	return allowed;
}

static int copy_to_memory(const char *path)
{
	static char data[KEYS_FILE_MAX];
	int from = open(path, O_RDONLY | O_CLOEXEC), to = -1;
	ssize_t n = from < 0 ? -1 : read(from, data, sizeof data);

	if (n > 0)
		to = memfd_create("mailreeve-key", MFD_CLOEXEC);
	if (to >= 0 && write(to, data, (size_t)n) != n) {
		close(to);
		to = -1;
	}
	if (from >= 0)
		close(from);
	explicit_bzero(data, sizeof data);
	return to;
}

/* An octet, 0 or an errno, with the descriptor when there is one. */
static bool send_answer(int fd, int file, int error)
{
	unsigned char byte = (unsigned char)error;
	struct iovec part = {&byte, 1};
	union {
		char room[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = {{0}};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};

	if (file >= 0) {
		struct cmsghdr *head;

		message.msg_control = control.room;
		message.msg_controllen = sizeof control.room;
		head = CMSG_FIRSTHDR(&message);
		head->cmsg_level = SOL_SOCKET;
		head->cmsg_type = SCM_RIGHTS;
		head->cmsg_len = CMSG_LEN(sizeof file);
		memcpy(CMSG_DATA(head), &file, sizeof file);
	}
	return sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT) == 1;
}

enum keys_request keys_answer(int fd, const char *config_path)
{
	char path[KEYS_PATH_MAX + 1];
	ssize_t n = recv(fd, path, KEYS_PATH_MAX, MSG_DONTWAIT);
	int file = -1, error = EACCES;
	bool ok;

	if (n <= 0)
		return n < 0 && (errno == EAGAIN || errno == EINTR) ? KEYS_FILE : KEYS_GONE;
	if (path[0] == '\0')
		return KEYS_RELOADED;
	path[n] = '\0';
	if (strlen(path) == (size_t)n && is_allowed(config_path, path)) {
		file = copy_to_memory(path);
		error = file < 0 ? errno : 0;
	}
	ok = send_answer(fd, file, error);
	if (file >= 0)
		close(file);
	return ok ? KEYS_FILE : KEYS_GONE;
}

/* ---- the role's side ---- */

void keys_tell_reloaded(int fd)
{
	/* No path is empty. When the master does not listen it is about to end, and all roles with it. */
	(void)!send(fd, "", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static int receive_answer(int fd)
{
	unsigned char byte = EIO;
	struct iovec part = {&byte, 1};
	union {
		char room[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control.room,
	    .msg_controllen = sizeof control.room};
	struct cmsghdr *head;
	int file = -1;

	if (recvmsg(fd, &message, MSG_CMSG_CLOEXEC) != 1) {
		errno = EIO;
		return -1;
	}
	head = CMSG_FIRSTHDR(&message);
	if (head && head->cmsg_type == SCM_RIGHTS && head->cmsg_len == CMSG_LEN(sizeof file))
		memcpy(&file, CMSG_DATA(head), sizeof file);
	if (file < 0)
		errno = byte ? byte : EIO;
	return file;
}

bool keys_open(int fd, const char *path, char *out, size_t size, int *ret_fd)
{
	size_t n = strlen(path);

	*ret_fd = -1;
	if (n >= size || n > KEYS_PATH_MAX) {
		errno = ENAMETOOLONG;
		return false;
	}
	memcpy(out, path, n + 1);
	if (access(path, R_OK) == 0)
		return true;
	if (fd < 0 || errno != EACCES)
		return false;
	if (send(fd, path, n, MSG_NOSIGNAL) != (ssize_t)n)
		return false;
	*ret_fd = receive_answer(fd);
	if (*ret_fd < 0)
		return false;
	snprintf(out, size, "/proc/self/fd/%d", *ret_fd);
	return true;
}

int keys_open_file(int fd, const char *path)
{
	char out[KEYS_PATH_MAX + 1];
	int copy, file;

	if (!keys_open(fd, path, out, sizeof out, &copy))
		return -1;
	file = open(out, O_RDONLY | O_CLOEXEC);
	keys_forget(copy);
	return file;
}

void keys_forget(int fd)
{
	if (fd >= 0)
		close(fd);
}
