/*
 * mailreeve-scanner: started by the master, or by a program that scans without a daemon.
 *
 *     mailreeve-scanner LISTEN-FD LIFE-FD READY-FD TMPDIR LOG-TARGET
 *
 * LISTEN-FD is a listening SOCK_SEQPACKET socket; the scanner ends when the other end of LIFE-FD is
 * closed; one octet is written to READY-FD (-1: none). TMPDIR is a folder in which it may work,
 * LOG-TARGET a number of enum log_target.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "lib/sandbox.h"
#include "lib/sanitizer.h"
#include "scanner/private.h"

static bool fd_of(const char *text, int *ret_fd)
{
	uint64_t n;

	*ret_fd = -1;
	if (strcmp(text, "-1") == 0)
		return true;
	if (!str_u64(str_of(text), &n) || n > 1023 || fcntl((int)n, F_GETFD) < 0)
		return false;
	*ret_fd = (int)n;
	fcntl(*ret_fd, F_SETFD, FD_CLOEXEC);
	return true;
}

/* Databases may stand anywhere: all may be read here, workers have less. */
static void confine(const char *tmpdir)
{
	const struct sandbox_path paths[] = {{"/", false, true}, {tmpdir, true}};
	struct sandbox s;

	if (!sandbox_enter(SANDBOX_SUPERVISOR, paths, 2, &s))
		log_say(LOG_LEVEL_ERROR, "sandbox", "%s", s.error);
	else if (!s.has_landlock)
		log_say(LOG_LEVEL_WARNING, "sandbox", "this kernel has no Landlock: folders are not confined");
}

int main(int argc, char **argv)
{
	struct rlimit none = {0, 0};
	int listen_fd, life_fd, ready_fd, status;
	char tmpdir[TMPDIR_MAX];

	if (argc != 6 || !fd_of(argv[1], &listen_fd) || !fd_of(argv[2], &life_fd) || !fd_of(argv[3], &ready_fd) ||
	    listen_fd < 0) {
		fputs("mailreeve-scanner is started by mailreeved and reevectl, not by hand\n", stderr);
		return 2;
	}
	clock_init();
	/* Beside a program that a person runs only trouble is worth a line. */
	log_init((enum log_target)(argv[5][0] - '0'), life_fd >= 0 ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO, "scanner");
	signal(SIGPIPE, SIG_IGN);
	umask(077);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	prctl(PR_SET_DUMPABLE, sanitizer_seeks_leaks());
	setrlimit(RLIMIT_CORE, &none);
	if (!tmpdir_make(argv[4], tmpdir, sizeof tmpdir)) {
		log_say(LOG_LEVEL_ERROR, "scanner", "cannot make a folder in /dev/shm or %s: %s", argv[4], strerror(errno));
		return 1;
	}
	if (!sanitizer_seeks_leaks())
		confine(tmpdir);
	status = supervisor_main(listen_fd, life_fd, ready_fd, tmpdir);
	tmpdir_clear(tmpdir, true);
	sanitizer_exit(status);
}
