/*
 * The scanner's role: gives up root, binds the socket in the runtime folder and becomes
 * mailreeve-scanner, which is a program of its own so that nothing of ours is in its memory.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/scan/scan.h"
#include "gateway/role.h"
#include "gateway/snapshot.h"
#include "lib/log.h"

enum { LISTEN_FD = 10, READY_FD = 11 };

/* One that asks a clamd needs no scanner of ours. */
static bool has_socket(const struct conf_node *filter)
{
	for (const struct conf_node *node = filter->children; node; node = node->next)
		if (node->n && str_is(node->tokens[0].text, "socket"))
			return true;
	return false;
}

bool scanner_is_wanted(const struct config *config)
{
	for (const struct conf_node *node = config->root; node; node = node->next)
		if (node->n >= 2 && str_is(node->tokens[0].text, "filter") &&
		    (str_is(node->tokens[1].text, "attachment") ||
			(str_is(node->tokens[1].text, "clamav") && !has_socket(node))))
			return true;
	return false;
}

static int bind_socket(struct str path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	mode_t old;
	bool ok;

	if (fd < 0 || path.n >= sizeof address.sun_path) {
		errno = fd < 0 ? errno : ENAMETOOLONG;
		return -1;
	}
	memcpy(address.sun_path, path.p, path.n);
	unlink(address.sun_path);
	old = umask(0177);
	ok = bind(fd, (struct sockaddr *)&address, sizeof address) == 0 && listen(fd, 256) == 0;
	umask(old);
	return ok ? fd : -1;
}

int scanner_role(const struct role_env *env)
{
	struct arena *a = arena_new(0);
	struct str path = scan_socket(a, env->config->runtime);
	const char *program, *runtime = arena_cstr(a, env->config->runtime);
	char target[2] = {(char)('0' + env->config->log_target), '\0'};
	int listen_fd;

	role_settle(env, "scanner");
	program = scan_program(a);
	listen_fd = bind_socket(path);
	if (listen_fd < 0) {
		log_say(LOG_LEVEL_ERROR, "scanner", "%.*s: %s", STR_ARG(path), strerror(errno));
		return 1;
	}
	dup2(listen_fd, 1000);
	dup2(env->ready_fd, 1001);
	dup2(1000, LISTEN_FD);
	dup2(1001, READY_FD);
	close_range(3, LISTEN_FD - 1, 0);
	close_range(READY_FD + 1, ~0u, 0);
	execl(program, program, "10", "-1", "11", runtime, target, (char *)NULL);
	log_say(LOG_LEVEL_ERROR, "scanner", "%s: %s", program, strerror(errno));
	return 1;
}
