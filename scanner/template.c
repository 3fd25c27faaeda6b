/*
 * The template: loads the databases once, proves them, and forks workers that share their memory.
 * It never sees mail, so a worker that is forked again is as clean as the first.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/sandbox.h"
#include "lib/sanitizer.h"
#include "scanner/faults.h"
#include "scanner/private.h"

enum { LOW_NICE = 10 };

struct template {
	int link;
	const struct template_job *job;
	const struct settings *settings; /* the job's */
	struct engine *engine;
	struct engine_info info;
	uint64_t fingerprint;
	bool told;
	pid_t pids[WIRE_WORKERS_MAX];
};

static void say(struct template *t, struct link_message *m)
{
	if (!wire_send(t->link, (struct str){(const char *)m, sizeof *m}, NULL, 0))
		_exit(0); /* the supervisor is gone */
}

static void worker_path(const struct template *t, unsigned slot, char *path, size_t size)
{
	snprintf(path, size, "%s/w%u", t->job->tmpdir, slot);
}

/* What a killed worker left behind goes as soon as it is buried. */
static void bury(struct template *t)
{
	char path[TMPDIR_MAX + 16];
	pid_t pid;

	while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
		for (unsigned i = 0; i < WIRE_WORKERS_MAX; i++)
			if (t->pids[i] == pid) {
				t->pids[i] = 0;
				worker_path(t, i, path, sizeof path);
				tmpdir_clear(path, true);
			}
}

static _Noreturn void become_worker(const struct template *t, unsigned slot, int link, const char *path)
{
	const struct template_job *job = t->job;
	const struct worker_job worker = {.link = t->link, .queues = job->queues, .engine = t->engine, .settings = &t->settings->wire,
	    .tmpdir = path, .desk = job->desks[slot], .generation = job->generation, .info = t->info};

	dup2(link, t->link); /* to the supervisor as ours was */
	close(link);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (unsigned i = 0; i < t->settings->wire.workers; i++)
		if (i != slot)
			desk_free(job->desks[i]);
	worker_main(&worker);
}

/* Of a worker that the supervisor does not hear any more: it may live, and must not. */
static void end_former(struct template *t, unsigned slot)
{
	if (t->pids[slot] <= 0)
		return;
	kill(t->pids[slot], SIGKILL);
	waitpid(t->pids[slot], NULL, 0);
	t->pids[slot] = 0;
}

static void spawn(struct template *t, unsigned slot, int link)
{
	struct link_message answer = {.op = LINK_SPAWNED, .slot = slot};
	char path[TMPDIR_MAX + 16];

	end_former(t, slot);
	worker_path(t, slot, path, sizeof path);
	tmpdir_clear(path, true);
	mkdir(path, 0700);
	answer.pid = fork();
	if (answer.pid == 0)
		become_worker(t, slot, link, path);
	t->pids[slot] = answer.pid;
	say(t, &answer);
}

static void on_link(struct template *t)
{
	struct link_message m;
	struct wire_fds fds;

	if (wire_receive(t->link, (char *)&m, sizeof m, &fds, 0) != sizeof m)
		sanitizer_exit(0);
	bury(t);
	if (m.op == LINK_SPAWN && m.slot < t->settings->wire.workers && fds.n == 1)
		spawn(t, m.slot, fds.fd[0]);
	wire_fds_close(&fds);
}

static void look_at_databases(struct template *t)
{
	struct link_message m = {.op = LINK_CHANGED};

	if (t->told || engine_fingerprint(t->settings->paths, t->settings->count) == t->fingerprint)
		return;
	t->told = true;
	say(t, &m);
}

/* A load beside scans rests for a quarter of its time. */
enum { TURN_US = 2000, REST_US = 500 };

struct loading {
	struct template *t;
	struct link_message m;
};

/* As sched_setattr() wants it, version 0; the header of the kernel and that of libc cannot be included both. */
struct rank {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
};

/* Of this thread alone. Failing that it loads like all. */
static void take_rank(enum load_rank rank)
{
	struct rank low = {.size = sizeof low, .policy = SCHED_BATCH, .nice = LOW_NICE}, idle = {.size = sizeof idle, .policy = SCHED_IDLE};

	if (rank == LOAD_LOW || (rank == LOAD_IDLE && syscall(SYS_sched_setattr, 0, &idle, 0) < 0))
		syscall(SYS_sched_setattr, 0, &low, 0);
	fault_of_rank(rank == LOAD_IDLE);
}

/* A signal handler: the processor is free for a moment. What this interrupts is calculation and reads, which go on. */
static void rest(int number)
{
	int why = errno;

	(void)number;
	nanosleep(&(struct timespec){.tv_nsec = REST_US * 1000}, NULL);
	errno = why;
}

/*
 * A processor that always has something to do, of whatever rank, does not look for what waits at another: scans
 * would stand in line there, tens of milliseconds, beside one that only loads. So this thread rests often.
 */
static bool rest_often(timer_t *ret_timer)
{
	struct itimerspec often = {.it_interval.tv_nsec = TURN_US * 1000, .it_value.tv_nsec = TURN_US * 1000};
	struct sigaction action = {.sa_handler = rest, .sa_flags = SA_RESTART};
	struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGALRM, ._sigev_un._tid = gettid()};

	if (sigaction(SIGALRM, &action, NULL) < 0 || timer_create(CLOCK_MONOTONIC, &event, ret_timer) < 0)
		return false;
	return timer_settime(*ret_timer, 0, &often, NULL) == 0;
}

/*
 * A thread, for its rank is its own: while it loads, those who scan come first, and what is forked
 * later has the usual rank again. It has ended by then.
 */
static void *load_quietly(void *arg)
{
	struct loading *l = arg;
	struct template *t = l->t;
	timer_t timer;
	bool rests;

	take_rank(t->job->rank);
	rests = t->job->rank != LOAD_AS_ALL && rest_often(&timer);
	t->engine = engine_load(&t->settings->wire, t->settings->paths, t->settings->count, t->job->tmpdir, &l->m.info, l->m.text);
	if (t->engine && !sanitizer_is_here()) /* which has mapped terabytes */
		hugepages_gather();
	if (rests)
		timer_delete(timer);
	return NULL;
}

static void load_engine(struct template *t, struct link_message *m)
{
	struct loading l = {.t = t, .m = *m};
	pthread_t thread;

	if (pthread_create(&thread, NULL, load_quietly, &l) == 0)
		pthread_join(thread, NULL);
	else
		snprintf(l.m.text, sizeof l.m.text, "cannot start a thread to load the databases");
	*m = l.m;
}

static void load(struct template *t)
{
	struct link_message m = {.op = LINK_READY};

	/* Before loading: what changes meanwhile is noticed. */
	t->fingerprint = engine_fingerprint(t->settings->paths, t->settings->count);
	engine_init();
	if (t->settings->wire.options & WIRE_O_CLAMAV)
		load_engine(t, &m);
	t->info = m.info;
	if (t->engine || !(t->settings->wire.options & WIRE_O_CLAMAV)) {
		say(t, &m);
		return;
	}
	m.op = LINK_FAILED;
	say(t, &m);
	_exit(1);
}

_Noreturn void template_main(int link, const struct template_job *job)
{
	struct sandbox confined;
	const struct settings *settings = job->settings;
	struct template t = {.link = link, .job = job, .settings = settings};

	prctl(PR_SET_NAME, "reeve-template");
	load(&t);
	if (!sanitizer_seeks_leaks())
		sandbox_enter(SANDBOX_TEMPLATE, (struct sandbox_path[]){{"/", false}, {job->tmpdir, true}}, 2, &confined);
	for (;;) {
		struct pollfd p = {.fd = link, .events = POLLIN};
		int n = poll(&p, 1, (int)settings->wire.check_ms);

		if (n > 0)
			on_link(&t);
		bury(&t);
		if (settings->count)
			look_at_databases(&t);
	}
}
