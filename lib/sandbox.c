/* Allow-lists of system calls and folders: the one user of seccomp and Landlock. */
#define _GNU_SOURCE
#include "lib/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sched.h>
#include <seccomp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- system calls, in groups ---- */

enum { BASE = 1, FILES = 2, WRITES = 4, NETWORK = 8, MESSAGES = 16, LOOPS = 32, THREADS = 64, FORKS = 128, ACCEPTS = 256, CONFINES = 512,
	SELF = 1024, TAKES = 2048 };

static const struct {
	unsigned group;
	const char *names;
} groups[] = {
    {BASE, "read write readv writev pread64 pwrite64 preadv pwritev preadv2 pwritev2 close close_range fstat newfstatat statx "
	"lseek mmap munmap mprotect mremap madvise brk msync mincore rt_sigaction rt_sigprocmask rt_sigreturn rt_sigpending "
	"rt_sigtimedwait sigaltstack futex clock_gettime clock_getres clock_nanosleep nanosleep gettimeofday time getpid gettid "
	"getuid geteuid getgid getegid getppid getresuid getresgid exit exit_group poll ppoll select pselect6 dup dup2 dup3 "
	"getrandom sched_yield sched_getaffinity sysinfo uname getrlimit setrlimit getrusage restart_syscall rseq "
	"set_robust_list get_robust_list set_tid_address arch_prctl membarrier fadvise64 readahead pipe pipe2 "
	"eventfd2 memfd_create getcpu times umask"},
    {FILES, "open openat stat lstat access faccessat faccessat2 readlink readlinkat getdents64 statfs fstatfs getcwd flock"},
    {WRITES, "creat mkdir mkdirat unlink unlinkat rmdir rename renameat renameat2 ftruncate truncate fallocate fsync fdatasync "
	"sync_file_range link linkat chmod fchmod fchmodat fchown chown fchownat utimensat copy_file_range sendfile splice syncfs"},
    {NETWORK, "socket connect bind listen accept accept4 getsockname getpeername setsockopt getsockopt sendto recvfrom sendmmsg "
	"recvmmsg shutdown socketpair"},
    {MESSAGES, "sendmsg recvmsg"},
    {SELF, "prctl"},
    {ACCEPTS, "accept4 getsockopt setsockopt socketpair shutdown signalfd4"},
    {LOOPS, "epoll_create epoll_create1 epoll_ctl epoll_wait epoll_pwait epoll_pwait2 timerfd_create timerfd_settime "
	"timerfd_gettime signalfd4"},
    {CONFINES, "chdir seccomp landlock_create_ruleset landlock_add_rule landlock_restrict_self"},
    {FORKS, "clone fork vfork wait4 waitid kill setpriority sched_setattr timer_create timer_settime timer_delete"},
};

static const struct {
	const char *name;
	unsigned groups;
} kinds[SANDBOX_KINDS] = {
    [SANDBOX_GATEWAY] = {"gateway", BASE | SELF | FILES | WRITES | NETWORK | MESSAGES | LOOPS | THREADS},
    [SANDBOX_MILTER] = {"milter", BASE | SELF | FILES | WRITES | NETWORK | MESSAGES | LOOPS | THREADS},
    [SANDBOX_RELAY] = {"relay", BASE | SELF | FILES | WRITES | NETWORK | MESSAGES | LOOPS | THREADS},
    [SANDBOX_REPORTS] = {"reports", BASE | SELF | FILES | WRITES | NETWORK | MESSAGES | LOOPS | THREADS},
    [SANDBOX_SUPERVISOR] = {"scanner", BASE | SELF | FILES | WRITES | MESSAGES | ACCEPTS | FORKS | CONFINES},
    [SANDBOX_TEMPLATE] = {"scanner-template", BASE | SELF | FILES | WRITES | MESSAGES | FORKS | CONFINES},
    [SANDBOX_WORKER] = {"scanner-worker", BASE | FILES | WRITES | TAKES},
};

const char *sandbox_name(enum sandbox_kind kind)
{
	return kinds[kind].name;
}

/*
 * Calls of which one argument decides. Roles have one account: none may signal another, shorten its
 * limits or have the kernel signal it for input, and none types on the terminal that it was started from.
 */
static const struct {
	int call;
	unsigned argument;
	const int *values; /* that are allowed, -1 ends them; NULL: our own process */
} choices[] = {
    {SCMP_SYS(prlimit64), 0, (const int[]){0, -1}},
    {SCMP_SYS(tgkill), 0, NULL},
    {SCMP_SYS(fcntl), 1, (const int[]){F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_GETLK, F_SETLK, F_SETLKW, F_OFD_GETLK, F_OFD_SETLK,
	F_OFD_SETLKW, F_DUPFD_CLOEXEC, F_SETPIPE_SZ, F_GETPIPE_SZ, F_ADD_SEALS, F_GET_SEALS, -1}},
    {SCMP_SYS(ioctl), 1, (const int[]){TCGETS, FIONREAD, FIONBIO, FIOCLEX, FIONCLEX, TIOCOUTQ, TIOCGWINSZ, -1}},
};

static int allow_choices(scmp_filter_ctx filter)
{
	const int self[] = {(int)getpid(), -1};
	int result = 0;

	for (size_t i = 0; i < sizeof choices / sizeof *choices; i++)
		for (const int *v = choices[i].values ? choices[i].values : self; *v >= 0 && result == 0; v++)
			result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, choices[i].call, 1,
			    SCMP_CMP(choices[i].argument, SCMP_CMP_MASKED_EQ, 0xffffffff, (unsigned)*v));
	return result;
}

/* Names that this kernel or machine does not know are left out. */
static int allow_names(scmp_filter_ctx filter, const char *names)
{
	int result = 0;

	for (const char *p = names; *p && result == 0; p += strspn(p, " ")) {
		size_t n = strcspn(p, " ");
		char name[32];
		int number;

		snprintf(name, sizeof name, "%.*s", (int)n, p);
		number = seccomp_syscall_resolve_name(name);
		if (number >= 0)
			result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, number, 0);
		p += n;
	}
	return result;
}

/* Threads yes, processes no. clone3 hides its flags: without it the C library takes clone. */
static int allow_threads(scmp_filter_ctx filter)
{
	return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
	    SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD));
}

/*
 * What a worker may do that others would misuse: take messages, but not look at those that another will take; name itself
 * and its memory, but not outlive who forked it.
 */
static int allow_takes(scmp_filter_ctx filter)
{
	static const int names[] = {PR_SET_NAME, PR_GET_NAME, PR_GET_DUMPABLE, PR_GET_NO_NEW_PRIVS, 0x53564d41 /* PR_SET_VMA, in newer headers */};
	int result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(sendmsg), 0);

	if (result == 0)
		result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(recvmsg), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, MSG_PEEK, 0));
	for (size_t i = 0; i < sizeof names / sizeof *names && result == 0; i++)
		result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prctl), 1, SCMP_A0(SCMP_CMP_MASKED_EQ, 0xffffffff, (unsigned)names[i]));
	return result;
}

static int fill_filter(scmp_filter_ctx filter, unsigned wanted)
{
	int result = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);

	for (size_t i = 0; i < sizeof groups / sizeof *groups && result == 0; i++)
		if (wanted & groups[i].group)
			result = allow_names(filter, groups[i].names);
	if (result == 0)
		result = allow_choices(filter);
	if (result == 0 && wanted & THREADS)
		result = allow_threads(filter);
	if (result == 0 && wanted & TAKES)
		result = allow_takes(filter);
	return result;
}

static int enter_seccomp(unsigned wanted)
{
	const char *mode = secure_getenv("REEVE_SECCOMP");
	bool kills = mode && strcmp(mode, "kill") == 0;
	scmp_filter_ctx filter = seccomp_init(kills ? SCMP_ACT_KILL_PROCESS : SCMP_ACT_ERRNO(EPERM));
	int result;

	if (!filter)
		return -ENOMEM;
	seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* a tree: the list is long */
	result = fill_filter(filter, wanted);
	if (result == 0)
		result = seccomp_load(filter);
	seccomp_release(filter);
	return result;
}

/* ---- folders ---- */

/* Rights by number, for headers may be older than the kernel. */
enum {
	RIGHT_EXECUTE = 1 << 0, RIGHT_WRITE_FILE = 1 << 1, RIGHT_READ_FILE = 1 << 2, RIGHT_READ_DIR = 1 << 3,
	RIGHT_REMOVE_DIR = 1 << 4,
	RIGHTS_ABI_1 = (1 << 13) - 1, RIGHT_REFER = 1 << 13, RIGHT_TRUNCATE = 1 << 14,
	RIGHTS_FILE = RIGHT_EXECUTE | RIGHT_WRITE_FILE | RIGHT_READ_FILE | RIGHT_TRUNCATE,
};

static int landlock_abi(void)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

	return abi > 0 ? (int)abi : 0;
}

static uint64_t known_rights(int abi)
{
	return RIGHTS_ABI_1 | (abi >= 2 ? RIGHT_REFER : 0) | (abi >= 3 ? RIGHT_TRUNCATE : 0);
}

static bool add_path(int rules, const struct sandbox_path *path, uint64_t known)
{
	struct landlock_path_beneath_attr rule = {.parent_fd = open(path->path, O_PATH | O_CLOEXEC)};
	struct stat st;
	bool ok;

	if (rule.parent_fd < 0)
		return errno == ENOENT || errno == EACCES;
	rule.allowed_access = path->is_writable ? known & ~(uint64_t)RIGHT_EXECUTE : RIGHT_READ_FILE | RIGHT_READ_DIR;
	if (path->may_lose)
		rule.allowed_access |= RIGHT_REMOVE_DIR;
	if (fstat(rule.parent_fd, &st) == 0 && !S_ISDIR(st.st_mode))
		rule.allowed_access &= RIGHTS_FILE;
	ok = syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0;
	close(rule.parent_fd);
	return ok;
}

static bool enter_landlock(int abi, const struct sandbox_path *paths, size_t count)
{
	struct landlock_ruleset_attr attr = {.handled_access_fs = known_rights(abi)};
	int rules = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof attr.handled_access_fs, 0);
	bool ok = rules >= 0;

	for (size_t i = 0; i < count && ok; i++)
		ok = add_path(rules, &paths[i], attr.handled_access_fs);
	ok = ok && syscall(SYS_landlock_restrict_self, rules, 0) == 0;
	if (rules >= 0)
		close(rules);
	return ok;
}

static void say(struct sandbox *s, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void say(struct sandbox *s, const char *format, ...)
{
	size_t n = strlen(s->error);
	va_list args;

	va_start(args, format);
	vsnprintf(s->error + n, sizeof s->error - n, format, args);
	va_end(args);
}

bool sandbox_enter(enum sandbox_kind kind, const struct sandbox_path *paths, size_t count, struct sandbox *ret)
{
	int result;

	*ret = (struct sandbox){.landlock_abi = landlock_abi()};
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		say(ret, "no_new_privs: %s; ", strerror(errno));
	if (ret->landlock_abi > 0) {
		ret->has_landlock = enter_landlock(ret->landlock_abi, paths, count);
		if (!ret->has_landlock)
			say(ret, "Landlock: %s; ", strerror(errno));
	}
	result = enter_seccomp(kinds[kind].groups);
	ret->has_seccomp = result == 0;
	if (result < 0)
		say(ret, "seccomp: %s", strerror(-result));
	return ret->error[0] == '\0';
}

/* ---- the self-test ---- */

static bool can_execute(void)
{
	static char *const argv[] = {(char *)"/bin/true", NULL};
	pid_t pid = (pid_t)syscall(SYS_fork);
	int status = 0;

	/* Where there is no fork, the process itself would be replaced: ask for a file that is none. */
	if (pid < 0) {
		static char *const none[] = {(char *)"", NULL};

		execve("/", none, none);
		return errno == EACCES && prctl(PR_GET_SECCOMP) == 0;
	}
	if (pid == 0) {
		execve("/bin/true", argv, argv + 1);
		_exit(1);
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static bool can_trace(void)
{
	return ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0;
}

static bool can_socket(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static bool can_fork(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	if (pid > 0)
		waitpid(pid, NULL, 0);
	return pid > 0;
}

static bool can_open(const char *path, int flags)
{
	int fd = open(path, flags, 0600);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static bool can_read_outside(void)
{
	return can_open("/etc/passwd", O_RDONLY);
}

static bool can_write_outside(void)
{
	return can_open("/var/tmp", O_TMPFILE | O_WRONLY) || can_open("/", O_TMPFILE | O_WRONLY);
}

/* Calls that no role makes; one that does not fail with EPERM got through to the kernel. */
static bool can_reach_kernel(void)
{
	static const long calls[] = {SYS_unshare, SYS_mount, SYS_bpf, SYS_perf_event_open, SYS_io_uring_setup, SYS_userfaultfd,
	    SYS_keyctl, SYS_add_key, SYS_setns, SYS_process_vm_readv, SYS_init_module, SYS_kexec_load, SYS_personality,
	    SYS_name_to_handle_at, SYS_chroot, SYS_pidfd_getfd};

	for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
		if (syscall(calls[i], -1L, 0L, 0L, 0L, 0L) >= 0 || errno != EPERM)
			return true;
	return false;
}

static bool can_gain_rights(void)
{
	return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1;
}

static const struct {
	const char *name;
	bool (*can)(void);
	bool is_landlock; /* else seccomp */
	unsigned kinds;	  /* bits: must be denied to these */
} probes[PROBES] = {
    [PROBE_EXECUTE] = {"run programs", can_execute, false, (1 << SANDBOX_KINDS) - 1},
    [PROBE_TRACE] = {"trace processes", can_trace, false, (1 << SANDBOX_KINDS) - 1},
    [PROBE_SOCKET] = {"make sockets", can_socket, false, 1 << SANDBOX_SUPERVISOR | 1 << SANDBOX_TEMPLATE | 1 << SANDBOX_WORKER},
    [PROBE_FORK] = {"fork", can_fork, false, 1 << SANDBOX_GATEWAY | 1 << SANDBOX_MILTER | 1 << SANDBOX_RELAY |
	    1 << SANDBOX_REPORTS | 1 << SANDBOX_WORKER},
    [PROBE_READ_OUTSIDE] = {"read other files", can_read_outside, true, 1 << SANDBOX_WORKER},
    [PROBE_WRITE_OUTSIDE] = {"write other files", can_write_outside, true, (1 << SANDBOX_KINDS) - 1},
    [PROBE_KERNEL] = {"reach other parts", can_reach_kernel, false, (1 << SANDBOX_KINDS) - 1},
    [PROBE_RIGHTS] = {"gain rights", can_gain_rights, false, (1 << SANDBOX_KINDS) - 1},
};

const char *sandbox_probe_name(enum sandbox_probe probe)
{
	return probes[probe].name;
}

bool sandbox_can(enum sandbox_probe probe)
{
	return probes[probe].can();
}

bool sandbox_denies(enum sandbox_kind kind, enum sandbox_probe probe, const struct sandbox *s)
{
	if (!(probes[probe].kinds & 1u << kind))
		return false;
	return probes[probe].is_landlock ? s->landlock_abi > 0 : true;
}
