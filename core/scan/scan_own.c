/* A scanner of our own, for programs that run without the daemon. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/scan/scan_private.h"

#ifndef LIBEXECDIR
#define LIBEXECDIR "/usr/local/libexec"
#endif

/* REEVE_SCANNER for tests; beside our own program (a build folder); where make install puts it. */
const char *scan_program(struct arena *a)
{
	const char *given = secure_getenv("REEVE_SCANNER");
	char self[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
	struct str path = {self, n > 0 ? (size_t)n : 0};
	const char *beside;

	if (given)
		return given;
	beside = arena_printf(a, "%.*s/mailreeve-scanner", (int)(str_rchr(path, '/') < 0 ? 0 : str_rchr(path, '/')), self).p;
	return access(beside, X_OK) == 0 ? beside : LIBEXECDIR "/mailreeve-scanner";
}

struct str scan_socket(struct arena *a, struct str runtime)
{
	return arena_printf(a, "%.*s/scanner.seq", STR_ARG(runtime));
}

static int listen_anywhere(struct scan *sc)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	socklen_t n = sizeof sc->own_address;

	/* An address without name: the kernel picks an abstract one. */
	if (fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address.sun_family) == 0 && listen(fd, 64) == 0 &&
	    getsockname(fd, (struct sockaddr *)&sc->own_address, &n) == 0) {
		sc->own_size = n;
		return fd;
	}
	if (fd >= 0)
		close(fd);
	return -1;
}

static _Noreturn void run(const char *program, int listen_fd, int life_fd, const char *tmpdir)
{
	sigset_t none;

	dup2(listen_fd, 10);
	dup2(life_fd, 11);
	close_range(3, 9, 0);
	close_range(12, ~0u, 0);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execl(program, program, "10", "11", "-1", tmpdir, "0", (char *)NULL);
	_exit(127);
}

void scan_own_start(struct scan *sc)
{
	const char *tmpdir = sc->tmpdir.n ? sc->tmpdir.p : "/tmp", *program;
	int listen_fd, life[2] = {-1, -1}, high[2];

	if (sc->failure.n)
		return;
	program = scan_program(sc->arena);
	if (access(program, X_OK) < 0) {
		sc->failure = arena_printf(sc->arena, "%s: %s", program, strerror(errno));
		return;
	}
	listen_fd = listen_anywhere(sc);
	if (listen_fd < 0 || pipe2(life, O_CLOEXEC) < 0) {
		if (listen_fd >= 0)
			close(listen_fd);
		sc->own_size = 0;
		sc->failure = arena_printf(sc->arena, "cannot make a socket for the scanner: %s", strerror(errno));
		return;
	}
	/* Above the numbers that they get in the child. */
	high[0] = fcntl(listen_fd, F_DUPFD_CLOEXEC, 20);
	high[1] = fcntl(life[0], F_DUPFD_CLOEXEC, 20);
	close(listen_fd);
	close(life[0]);
	sc->own_pid = fork();
	if (sc->own_pid == 0)
		run(program, high[0], high[1], tmpdir);
	close(high[0]);
	close(high[1]);
	sc->life_fd = life[1];
}

void scan_own_end(struct scan *sc)
{
	close(sc->life_fd);
	sc->life_fd = -1;
	if (sc->own_pid > 0)
		waitpid(sc->own_pid, NULL, 0);
}
