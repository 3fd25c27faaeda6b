/* Faults on demand: crashes, hunger, loops, and what a worker must not be able to do. */
#define _GNU_SOURCE
#include "scanner/faults.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LINK = 3, QUEUE };

static bool crash(void)
{
	volatile int *nowhere = NULL;

	*nowhere = 1;
	return false;
}

static bool give_up(void)
{
	abort();
}

/* As a parser does that believes a length. The limit must end it; where there is none it ends by itself. */
static bool eat_memory(void)
{
	for (int i = 0; i < 200; i++) {
		char *piece = malloc(16 << 20);

		if (!piece)
			abort();
		piece[0] = 1;
	}
	return true;
}

static unsigned deeper(unsigned n)
{
	volatile char room[65536];

	room[0] = (char)n;
	if (n == UINT32_MAX)
		return 0;
	return deeper(n + 1) + (unsigned)room[0];
}

static bool eat_stack(void)
{
	return deeper(0) == 1;
}

static bool loop(void)
{
	for (volatile unsigned i = 0; i < UINT32_MAX;)
		;
	return false;
}

static bool can_open(void)
{
	return open("/etc/passwd", O_RDONLY) >= 0;
}

static bool can_socket(void)
{
	return socket(AF_INET, SOCK_STREAM, 0) >= 0 || socket(AF_UNIX, SOCK_STREAM, 0) >= 0;
}

static bool can_execute(void)
{
	char *const argv[] = {(char *)"/bin/true", NULL};

	execve(argv[0], argv, argv + 1);
	return errno == ENOENT;
}

static bool can_trace(void)
{
	return ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0 || ptrace(PTRACE_ATTACH, getppid(), NULL, NULL) == 0;
}

static bool can_fork(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	return pid > 0;
}

static bool can_kill(void)
{
	return kill(getppid(), 0) == 0;
}

static bool can_write(void)
{
	return open("/tmp/escaped", O_WRONLY | O_CREAT, 0600) >= 0 || open("/dev/shm/escaped", O_WRONLY | O_CREAT, 0600) >= 0;
}

/* The account is the same as that of all others. */
static bool can_signal(void)
{
	return syscall(SYS_tgkill, getppid(), getppid(), 0) == 0 || syscall(SYS_rt_sigqueueinfo, getppid(), 0, NULL) == 0;
}

static bool can_limit(void)
{
	struct rlimit files;

	return prlimit(getppid(), RLIMIT_NOFILE, NULL, &files) == 0;
}

static bool can_set_owner(void)
{
	int ends[2];

	return pipe(ends) == 0 && fcntl(ends[0], F_SETOWN, getppid()) == 0;
}

static bool can_type(void)
{
	return ioctl(0, TIOCSTI, "x") == 0 || errno != EPERM;
}

/* It would outlive who forked it. */
static bool can_be_orphan(void)
{
	return prctl(PR_SET_PDEATHSIG, 0) == 0;
}

/* Messages for others, and where they are answered. Each descriptor is tried: one is the queue. */
static bool can_peek(void)
{
	struct msghdr message = {0};
	bool found = false;

	for (int fd = 0; fd < 32; fd++)
		found |= recvmsg(fd, &message, MSG_PEEK | MSG_DONTWAIT) >= 0 || errno == EAGAIN;
	return found;
}

/* Something for clients, through the queue that they send into. */
static bool can_send_back(void)
{
	struct iovec piece = {(void *)"x", 1};
	struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};

	return sendmsg(QUEUE, &message, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0;
}

/* As a library does that forgets to close: nothing more can be opened, or received. */
static bool use_all_files(void)
{
	struct rlimit none = {0, 0};

	setrlimit(RLIMIT_NOFILE, &none);
	return false;
}

/* Nobody hears of it any more, and it does not hear that it shall end. What it says is said. */
static bool hide(void)
{
	signal(SIGTERM, SIG_IGN);
	close(LINK); /* as the template forks it */
	return false;
}

static const struct {
	const char *text;
	bool (*happen)(void);
} faults[] = {
    {"FAULT:segv", crash}, {"FAULT:abort", give_up}, {"FAULT:memory", eat_memory}, {"FAULT:stack", eat_stack},
    {"FAULT:loop", loop}, {"FAULT:open", can_open}, {"FAULT:socket", can_socket}, {"FAULT:execve", can_execute},
    {"FAULT:ptrace", can_trace}, {"FAULT:fork", can_fork}, {"FAULT:kill", can_kill}, {"FAULT:write", can_write}, {"FAULT:signal", can_signal},
    {"FAULT:limit", can_limit}, {"FAULT:owner", can_set_owner}, {"FAULT:type", can_type},
    {"FAULT:orphan", can_be_orphan}, {"FAULT:peek", can_peek}, {"FAULT:hide", hide}, {"FAULT:back", can_send_back},
    {"FAULT:files", use_all_files},
};

bool fault_happens(struct str bytes)
{
	for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
		if (str_starts(bytes, str_of(faults[i].text)))
			return faults[i].happen();
	return false;
}

void fault_of_rank(bool is_idle)
{
	const char *fault = getenv("REEVE_FAULT");

	while (is_idle && fault && strcmp(fault, "starved") == 0)
		pause();
}
