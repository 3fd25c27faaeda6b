/*
 * Generations: one set of loaded databases each, with its template process and its workers. A new
 * one loads beside the one in force and takes over when it has proved itself; the old one finishes
 * what it has begun. A load that fails changes nothing.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lib/log.h"
#include "lib/sanitizer.h"
#include "scanner/supervisor.h"

enum {
	RETRY_MS = 10000, RETRY_DEATH_MS = 250, PATIENCE_MS = 120000, PATIENCE_CHECKS = 200, OLD_S = 7 * 86400,
	DAY_MS = 86400 * 1000
};

/* What is over gives its memory back when there is time for it. */
static void fall_back(pid_t pid)
{
	if (pid > 0)
		setpriority(PRIO_PROCESS, (id_t)pid, 19);
}

static void generation_free(struct supervisor *s, struct generation *g)
{
	for (size_t i = 0; i < g->worker_count; i++)
		if (g->workers[i].fd >= 0)
			close(g->workers[i].fd);
	if (g->link >= 0)
		close(g->link);
	fall_back(g->pid);
	if (g->pid > 0 && !sanitizer_seeks_leaks())
		kill(g->pid, SIGKILL); /* its workers go with it */
	tmpdir_clear(g->tmpdir, true);
	for (size_t i = 0; i < GENERATIONS_MAX; i++)
		if (s->generations[i] == g)
			s->generations[i] = NULL;
	if (s->current == g)
		s->current = NULL;
	if (s->next == g)
		s->next = NULL;
	generation_add_counts(g, &s->stats);
	for (size_t i = 0; i < g->settings.wire.workers; i++)
		desk_free(g->desks[i]);
	free(g->settings.datagram);
	free(g);
}

/* In the template's process: nothing stays open but its link and what its workers need. */
static _Noreturn void become_template(const struct supervisor *s, const struct generation *g, int link)
{
	struct template_job job = {.settings = &g->settings, .tmpdir = g->tmpdir, .rank = g->rank, .generation = g->number, .desks = g->desks};
	int fds[] = {link, s->queues.fresh, s->queues.again};
	sigset_t none;

	for (int i = 0; i < 3; i++)
		fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 3 + 3);
	for (int i = 0; i < 3; i++)
		dup2(fds[i], 3 + i);
	close_range(3 + 3, ~0u, 0);
	job.queues = (struct queues){.fresh = 4, .again = 5};
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	template_main(3, &job);
}

static bool fork_template(const struct supervisor *s, struct generation *g)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return false;
	g->pid = fork();
	if (g->pid == 0)
		become_template(s, g, ends[1]);
	close(ends[1]);
	g->link = ends[0];
	return g->pid > 0;
}

static void copy_settings(struct generation *g, struct str datagram)
{
	g->settings.datagram = malloc(datagram.n);
	if (!g->settings.datagram)
		abort();
	memcpy(g->settings.datagram, datagram.p, datagram.n);
	wire_read_settings((struct str){g->settings.datagram, datagram.n}, &g->settings.wire, g->settings.paths,
	    &g->settings.count);
}

/* Loads go well, or shall begin anew with other settings. */
static void forget_failures(struct supervisor *s)
{
	s->retry_ms = 0;
	s->load_deaths = 0;
	s->error[0] = '\0';
}

static void retry_later(struct supervisor *s, int64_t ms)
{
	s->changed = true;
	s->retry_ms = supervisor_now_ms() + ms;
}

/* What was killed once may live the next time. */
static int64_t after_death_ms(struct supervisor *s)
{
	int64_t ms = (int64_t)RETRY_DEATH_MS << s->load_deaths;

	if (ms > RETRY_MS)
		return RETRY_MS;
	s->load_deaths++;
	return ms;
}

static struct generation *generation_new(struct supervisor *s)
{
	struct generation *g = calloc(1, sizeof *g);

	if (!g)
		abort();
	copy_settings(g, buf_str(&s->wanted));
	for (size_t i = 0; i < g->settings.wire.workers; i++)
		if (!(g->desks[i] = desk_new()))
			abort();
	g->number = ++s->numbers;
	g->link = -1;
	g->rank = !s->current ? LOAD_AS_ALL : s->hurries ? LOAD_LOW : LOAD_IDLE;
	g->started_ms = supervisor_now_ms();
	snprintf(g->tmpdir, sizeof g->tmpdir, "%.200s/g%u", s->tmpdir, g->number);
	return g;
}

static void start(struct supervisor *s)
{
	struct generation **place = NULL, *g;

	for (size_t i = 0; i < GENERATIONS_MAX && !place; i++)
		if (!s->generations[i])
			place = &s->generations[i];
	if (!place) { /* old ones still scan: later */
		s->retry_ms = supervisor_now_ms() + 200;
		return;
	}
	g = *place = generation_new(s);
	s->changed = false;
	if (mkdir(g->tmpdir, 0700) == 0 && fork_template(s, g)) {
		s->next = g;
		return;
	}
	snprintf(s->error, sizeof s->error, "cannot start a process for the databases: %s", strerror(errno));
	generation_free(s, g);
	retry_later(s, RETRY_MS);
}

static void load_failed(struct supervisor *s, struct generation *g, const char *why, int64_t retry_ms)
{
	s->stats.load_failures++;
	if (strcmp(s->error, why) != 0)
		log_say(LOG_LEVEL_ERROR, "databases", "%s%s", why, s->current ? "; the old ones stay in force" : "");
	snprintf(s->error, sizeof s->error, "%s", why);
	g->state = GENERATION_DRAINS; /* freed later: the loop may still know its workers */
	if (s->next == g)
		s->next = NULL;
	retry_later(s, retry_ms);
	supervisor_tell_waiting(s, WIRE_UNSCANNED, s->error);
}

int64_t generation_age_s(const struct generation *g)
{
	return g->info.database_time ? (int64_t)time(NULL) - g->info.database_time : 0;
}

static void say_ready(const struct generation *g)
{
	struct log_line l = log_start(LOG_LEVEL_INFO, "databases");

	log_int(&l, "generation", g->number);
	log_int(&l, "signatures", g->info.signatures);
	log_int(&l, "age_s", generation_age_s(g));
	log_int(&l, "load_ms", g->ready_ms - g->started_ms);
	log_end(&l);
}

/* Its workers have settled before it takes over, so that no message waits for that. */
static void loaded(struct generation *g, const struct link_message *m)
{
	g->info = m->info;
	g->ready_ms = supervisor_now_ms();
	g->worker_count = g->settings.wire.workers;
	for (size_t i = 0; i < g->worker_count; i++) {
		g->workers[i] = (struct worker){.generation = g, .fd = -1, .desk = g->desks[i]};
	}
}

/* The new ones take mail from now on, the old ones none: when that is certain, it is told. */
static void take_over(struct supervisor *s, struct generation *g)
{
	g->state = GENERATION_READY;
	for (size_t i = 0; i < g->worker_count; i++)
		worker_go(&g->workers[i]);
	if (s->current)
		generation_drain(s->current);
	s->current = g;
	s->next = NULL;
	s->takes_over = true;
	s->hurries = false;
	forget_failures(s);
	s->stats.loads++;
}

static void tell_of_current(struct supervisor *s)
{
	const struct generation *g = s->current;
	char text[64];

	s->takes_over = false;
	if (!g)
		return; /* its template died */
	say_ready(g);
	snprintf(text, sizeof text, "generation %u, %u signatures", g->number, g->info.signatures);
	supervisor_tell_waiting(s, WIRE_CLEAN, text);
}

static void settled(struct supervisor *s, struct worker *w, pid_t pid)
{
	struct generation *g = w->generation;

	w->pid = pid;
	w->state = WORKER_SETTLED;
	if (g == s->current)
		worker_go(w);
	for (size_t i = 0; i < g->worker_count; i++)
		if (g->workers[i].state != WORKER_SETTLED)
			return;
	if (g == s->next)
		take_over(s, g);
}

static void template_gone(struct supervisor *s, struct generation *g)
{
	close(g->link);
	g->link = -1;
	g->pid = 0;
	if (g->state == GENERATION_LOADS) {
		load_failed(s, g, "the process that loads the databases died", after_death_ms(s));
		return;
	}
	/* Its workers have died with it: each is noticed by itself. */
	if (s->current == g) {
		log_say(LOG_LEVEL_ERROR, "databases", "the template process died: loading again");
		s->current = NULL;
		s->changed = true;
	}
	g->state = GENERATION_DRAINS;
}

void generation_event(struct supervisor *s, struct generation *g)
{
	struct link_message m;
	ptrdiff_t n = g->link >= 0 ? wire_receive(g->link, (char *)&m, sizeof m, NULL, MSG_DONTWAIT) : -1;

	if (g->link < 0 || (n < 0 && errno == EAGAIN))
		return;
	if (n != sizeof m) {
		template_gone(s, g);
		return;
	}
	m.text[sizeof m.text - 1] = '\0';
	if (m.op == LINK_READY && g == s->next)
		loaded(g, &m);
	else if (m.op == LINK_FAILED && g == s->next)
		load_failed(s, g, m.text, RETRY_MS);
	else if (m.op == LINK_SPAWNED && m.slot < g->worker_count && g->workers[m.slot].state == WORKER_STARTS)
		g->workers[m.slot].pid = m.pid;
	else if (m.op == LINK_CHANGED && (g == s->current || g == s->next))
		s->changed = true;
}

static void lost(struct supervisor *s, struct worker *w)
{
	struct generation *g = w->generation;
	bool had_settled = w->state != WORKER_STARTS;

	if (w->desk->id) {
		s->stats.deaths++;
		s->stats.unscanned += w->desk->is_again != 0;
	}
	worker_forget(w, had_settled ? 0 : w->asked_ms);
	if (had_settled || ++g->lost <= 2 * g->worker_count)
		return;
	g->lost = 0;
	if (g == s->next)
		load_failed(s, g, "workers with the new databases die before they can scan", RETRY_MS);
}

void generation_worker_event(struct supervisor *s, struct worker *w)
{
	struct link_message m;
	ptrdiff_t n = wire_receive(w->fd, (char *)&m, sizeof m, NULL, MSG_DONTWAIT);

	if (n < 0 && errno == EAGAIN)
		return;
	if (n == sizeof m && m.op == LINK_SETTLED && w->state == WORKER_STARTS)
		settled(s, w, m.pid);
	else if (n > 0)
		worker_kill(w); /* it has been taken over, or is broken */
	else
		lost(s, w);
}

/* Once a day, from the first on. */
static void warn_of_age(struct supervisor *s)
{
	int64_t now = supervisor_now_ms();

	if (!s->current || generation_age_s(s->current) <= OLD_S || now < s->warn_ms)
		return;
	s->warn_ms = now + DAY_MS;
	log_say(LOG_LEVEL_WARNING, "databases", "the newest virus database is %" PRId64 " days old: is freshclam running?",
	    generation_age_s(s->current) / 86400);
}

static void watch_workers(struct supervisor *s)
{
	int64_t now = supervisor_now_ms();
	bool quiet = true;

	for (size_t i = 0; i < GENERATIONS_MAX; i++)
		for (size_t k = 0; s->generations[i] && k < s->generations[i]->worker_count; k++) {
			worker_watch(s, &s->generations[i]->workers[k], now);
			quiet = quiet && (s->generations[i] == s->current || worker_is_quiet(&s->generations[i]->workers[k]));
		}
	if (s->takes_over && quiet)
		tell_of_current(s);
}

static void bury_drained(struct supervisor *s)
{
	for (size_t i = 0; i < GENERATIONS_MAX; i++)
		if (s->generations[i] && s->generations[i]->state == GENERATION_DRAINS && !generation_has_work(s->generations[i]))
			generation_free(s, s->generations[i]);
}

/* Where somebody always wants the processor, what loads when nobody does would never be done. */
static void hurry(struct supervisor *s)
{
	struct generation *g = s->next;
	int64_t patience = g ? (int64_t)g->settings.wire.check_ms * PATIENCE_CHECKS : 0;

	if (!g || g->rank != LOAD_IDLE || g->ready_ms ||
	    supervisor_now_ms() - g->started_ms < (patience < PATIENCE_MS ? patience : PATIENCE_MS))
		return;
	s->hurries = true;
	s->changed = true;
	g->state = GENERATION_DRAINS;
	s->next = NULL;
}

/* Begins a load when something has changed. */
static void start_when_due(struct supervisor *s)
{
	struct wire_settings wire;

	hurry(s);
	if (!s->changed || s->next || supervisor_now_ms() < s->retry_ms || !s->wanted.n)
		return;
	memcpy(&wire, s->wanted.p + sizeof(struct wire_head), sizeof wire);
	if (s->current && wire.options & WIRE_O_IN_PLACE) {
		generation_drain(s->current); /* one set in memory at a time: mail waits */
		s->current = NULL;
	}
	start(s);
}

void generations_tend(struct supervisor *s)
{
	if (!s->ends) {
		start_when_due(s);
		generation_ask_for_missing(s->current);
		generation_ask_for_missing(s->next);
		warn_of_age(s);
	}
	if (s->current)
		generation_leave_gaps(s->current, s->next && s->next->rank == LOAD_IDLE);
	watch_workers(s);
	bury_drained(s);
}

bool generations_are_done(const struct supervisor *s)
{
	for (size_t i = 0; i < GENERATIONS_MAX; i++)
		if (s->generations[i] && generation_has_work(s->generations[i]))
			return false;
	return true;
}

void generations_end(struct supervisor *s)
{
	for (size_t i = 0; i < GENERATIONS_MAX; i++)
		if (s->generations[i])
			generation_free(s, s->generations[i]);
}

void generation_want(struct supervisor *s, struct str datagram)
{
	size_t head = sizeof(struct wire_head), serial = sizeof(uint64_t);
	struct wire_settings wire;

	memcpy(&wire, datagram.p + head, sizeof wire);
	if (s->wanted.n && wire.serial < s->serial)
		return; /* of a configuration that was replaced since */
	s->serial = wire.serial;
	/* All but the serial must be the same. */
	if (s->wanted.n == datagram.n &&
	    memcmp(s->wanted.p + head + serial, datagram.p + head + serial, datagram.n - head - serial) == 0)
		return;
	s->wanted.n = 0;
	buf_add(&s->wanted, datagram);
	s->changed = true;
	forget_failures(s);
	if (s->next) { /* loads what nobody wants any more: goes with the drained ones */
		s->next->state = GENERATION_DRAINS;
		s->next = NULL;
	}
}

bool generation_reload(struct supervisor *s)
{
	s->retry_ms = 0;
	s->changed = !s->next || s->changed;
	return s->wanted.n > 0;
}
