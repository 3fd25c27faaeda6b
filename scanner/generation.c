/*
 * Generations: one set of loaded databases each, with its template process and its workers. A new
 * one loads beside the one in force and takes over when it has proved itself; the old one finishes
 * what it has begun. A load that fails changes nothing.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
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
	RETRY_MS = 10000, RETRY_DEATH_MS = 250, PATIENCE_MS = 120000, PATIENCE_CHECKS = 200, SPAWN_AGAIN_MS = 1000,
	SETTLE_MS = 60000, OLD_S = 7 * 86400, DAY_MS = 86400 * 1000
};

static void fall_back(pid_t pid)
{
	/* What is over gives its memory back when there is time for it. */
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
	free(g->settings.datagram);
	free(g);
}

/* In the template's process: only its own link stays open. */
static _Noreturn void become_template(struct generation *g, int link)
{
	sigset_t none;

	if (link != 3) {
		dup2(link, 3);
		link = 3;
	}
	close_range(4, ~0u, 0);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	template_main(link, &g->settings, g->tmpdir, g->rank);
}

static bool fork_template(struct generation *g)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return false;
	g->pid = fork();
	if (g->pid == 0)
		become_template(g, ends[1]);
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
	g = calloc(1, sizeof *g);
	if (!g)
		abort();
	copy_settings(g, buf_str(&s->wanted));
	g->number = ++s->numbers;
	g->link = -1;
	g->rank = !s->current ? LOAD_AS_ALL : s->hurries ? LOAD_LOW : LOAD_IDLE;
	g->started_ms = supervisor_now_ms();
	snprintf(g->tmpdir, sizeof g->tmpdir, "%.200s/g%u", s->tmpdir, g->number);
	*place = g;
	s->changed = false;
	if (mkdir(g->tmpdir, 0700) == 0 && fork_template(g)) {
		s->next = g;
		return;
	}
	snprintf(s->error, sizeof s->error, "cannot start a process for the databases: %s", strerror(errno));
	generation_free(s, g);
	retry_later(s, RETRY_MS);
}

/* What was said to those who wait for a reload. */
static void tell_waiting(struct supervisor *s, enum wire_status status, const char *text)
{
	for (size_t i = 0; i < s->conn_end; i++)
		if (s->conns[i].fd >= 0 && s->conns[i].state == CONN_RELOADS)
			conn_answer(s, &s->conns[i], status, str_of(text));
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
	tell_waiting(s, WIRE_UNSCANNED, s->error);
	supervisor_give_up(s);
}

static void drain(struct generation *g)
{
	g->state = GENERATION_DRAINS;
	for (size_t i = 0; i < g->worker_count; i++)
		if (!g->workers[i].job && g->workers[i].fd >= 0) {
			fall_back(g->workers[i].pid);
			close(g->workers[i].fd);
			g->workers[i].fd = -1;
		}
}

static int64_t age_s(const struct generation *g)
{
	return g->info.database_time ? (int64_t)time(NULL) - g->info.database_time : 0;
}

static void say_ready(const struct generation *g)
{
	struct log_line l = log_start(LOG_LEVEL_INFO, "databases");

	log_int(&l, "generation", g->number);
	log_int(&l, "signatures", g->info.signatures);
	log_int(&l, "age_s", age_s(g));
	log_int(&l, "load_ms", g->ready_ms - g->started_ms);
	log_end(&l);
}

static void ask_for_worker(struct generation *g, size_t slot)
{
	struct link_message m = {.op = LINK_SPAWN, .slot = (uint32_t)slot};
	struct worker *w = &g->workers[slot];
	int64_t now = supervisor_now_ms();
	int ends[2];

	/* One that died before it had settled may do so again. */
	if (w->asked_ms && now - w->asked_ms < SPAWN_AGAIN_MS)
		return;
	w->asked_ms = now;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return;
	wire_widen(ends[1]);
	if (wire_send(g->link, (struct str){(const char *)&m, sizeof m}, ends[1], MSG_DONTWAIT)) {
		*w = (struct worker){.generation = g, .fd = ends[0], .busy = true, .asked_ms = now};
	} else {
		close(ends[0]);
	}
	close(ends[1]);
}

/* Its workers have settled before it takes over, so that no message waits for that. */
static void loaded(struct generation *g, const struct link_message *m)
{
	g->info = m->info;
	g->ready_ms = supervisor_now_ms();
	g->worker_count = g->settings.wire.workers;
	for (size_t i = 0; i < g->worker_count; i++) {
		g->workers[i] = (struct worker){.generation = g, .fd = -1};
		ask_for_worker(g, i);
	}
}

static void take_over(struct supervisor *s, struct generation *g)
{
	char text[64];

	g->state = GENERATION_READY;
	if (s->current)
		drain(s->current);
	s->current = g;
	s->next = NULL;
	s->hurries = false;
	forget_failures(s);
	s->stats.loads++;
	say_ready(g);
	snprintf(text, sizeof text, "generation %u, %u signatures", g->number, g->info.signatures);
	tell_waiting(s, WIRE_CLEAN, text);
}

void generation_settled(struct supervisor *s, struct worker *w)
{
	struct generation *g = w->generation;

	w->is_ready = true;
	for (size_t i = 0; i < g->worker_count; i++)
		if (!g->workers[i].is_ready)
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
	else if (m.op == LINK_SPAWNED && m.slot < g->worker_count)
		g->workers[m.slot].pid = m.pid;
	else if (m.op == LINK_CHANGED && (g == s->current || g == s->next))
		s->changed = true;
}

void generation_lost(struct supervisor *s, struct worker *w)
{
	struct generation *g = w->generation;
	bool was_ready = w->is_ready;

	close(w->fd);
	*w = (struct worker){.generation = g, .fd = -1, .asked_ms = was_ready ? 0 : w->asked_ms};
	if (was_ready || ++g->lost <= 2 * g->worker_count)
		return;
	g->lost = 0;
	if (g == s->next)
		load_failed(s, g, "workers with the new databases die before they can scan", RETRY_MS);
}

struct worker *generation_idle_worker(struct generation *g, const struct worker *after)
{
	for (size_t i = after ? (size_t)(after - g->workers) + 1 : 0; i < g->worker_count; i++) {
		if (g->workers[i].fd < 0 && g->link >= 0)
			ask_for_worker(g, i);
		if (g->workers[i].fd >= 0 && !g->workers[i].busy)
			return &g->workers[i];
	}
	return NULL;
}

void generation_kill(struct worker *w)
{
	/* The template buries it; until then the pid is its own. */
	if (w->pid > 0)
		kill(w->pid, SIGKILL);
	close(w->fd);
	*w = (struct worker){.generation = w->generation, .fd = -1};
}

/* Once a day, from the first on. */
static void warn_of_age(struct supervisor *s)
{
	int64_t now = supervisor_now_ms();

	if (!s->current || age_s(s->current) <= OLD_S || now < s->warn_ms)
		return;
	s->warn_ms = now + DAY_MS;
	log_say(LOG_LEVEL_WARNING, "databases", "the newest virus database is %" PRId64 " days old: is freshclam running?",
	    age_s(s->current) / 86400);
}

static bool has_work(const struct generation *g)
{
	for (size_t i = 0; i < g->worker_count; i++)
		if (g->workers[i].fd >= 0 && g->workers[i].job)
			return true;
	return false;
}

/* One that does not settle is no worker. */
static void end_unsettled(struct generation *g)
{
	for (size_t i = 0; i < g->worker_count; i++)
		if (g->workers[i].fd >= 0 && !g->workers[i].is_ready && supervisor_now_ms() - g->workers[i].asked_ms > SETTLE_MS)
			generation_kill(&g->workers[i]);
}

static void ask_for_missing(struct generation *g)
{
	for (size_t i = 0; g && g->link >= 0 && i < g->worker_count; i++)
		if (g->workers[i].fd < 0)
			ask_for_worker(g, i);
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

void generations_tend(struct supervisor *s)
{
	struct generation *g = s->current;

	hurry(s);
	if (s->changed && !s->next && supervisor_now_ms() >= s->retry_ms && s->wanted.n) {
		struct wire_settings wire;

		memcpy(&wire, s->wanted.p + sizeof(struct wire_head), sizeof wire);
		if (g && wire.options & WIRE_O_IN_PLACE) {
			drain(g); /* one set in memory at a time: mail waits */
			s->current = NULL;
		}
		start(s);
	}
	ask_for_missing(s->current);
	ask_for_missing(s->next);
	warn_of_age(s);
	if (s->current)
		end_unsettled(s->current);
	for (size_t i = 0; i < GENERATIONS_MAX; i++)
		if (s->generations[i] && s->generations[i]->state == GENERATION_DRAINS && !has_work(s->generations[i]))
			generation_free(s, s->generations[i]);
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

static const char *state_of(const struct supervisor *s)
{
	return s->current ? "ready" : s->next ? "loading" : s->error[0] ? "failed" : "waiting";
}

size_t supervisor_status(const struct supervisor *s, char *text, size_t size)
{
	const struct generation *g = s->current;
	unsigned busy = 0, waiting = 0, alive = 0;
	int n;

	for (size_t i = 0; g && i < g->worker_count; i++) {
		busy += g->workers[i].busy;
		alive += g->workers[i].fd >= 0;
	}
	for (size_t i = 0; i < s->conn_end; i++)
		waiting += s->conns[i].fd >= 0 && s->conns[i].state == CONN_WAITS;
	n = snprintf(text, size, "state %s\ngeneration %u\nsignatures %u\ndatabase-age-s %" PRId64 "\nworkers %u\nbusy %u\n"
	    "waiting %u\nscans %" PRIu64 "\ninfected %" PRIu64 "\nunscanned %" PRIu64 "\ntimeouts %" PRIu64
	    "\ndeaths %" PRIu64 "\nretries %" PRIu64 "\nmicros %" PRIu64 "\nloads %" PRIu64 "\nload-failures %" PRIu64
	    "\nerror %s\n", state_of(s), g ? g->number : 0, g ? g->info.signatures : 0,
	    g ? age_s(g) : 0, alive, busy, waiting, s->stats.scans,
	    s->stats.infected, s->stats.unscanned, s->stats.timeouts, s->stats.deaths, s->stats.retries, s->stats.micros,
	    s->stats.loads, s->stats.load_failures, s->error[0] ? s->error : "none");
	return n > 0 && (size_t)n < size ? (size_t)n : 0;
}
