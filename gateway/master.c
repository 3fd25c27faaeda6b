/*
 * The master: binds, makes folders, forks gateway, relay and milters, restarts what ends with a
 * growing delay, passes SIGHUP on (first to those that read the whole configuration, and when it is
 * right to the others), starts and ends roles as a new configuration needs, and on SIGTERM waits for
 * the roles to drain. It reads no mail and has one thread.
 */
#define _GNU_SOURCE
#include "gateway/master.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gateway/keys.h"
#include "gateway/milter/milter.h"
#include "gateway/notify.h"
#include "gateway/restart.h"
#include "gateway/role.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/sanitizer.h"

enum { ROLES_MAX = 34, BACKOFF_FIRST_MS = 100, BACKOFF_MOST_MS = 30000, STEADY_MS = 60000, BIND_PATIENCE_MS = 3000,
	END_PATIENCE_MS = 2000 };

struct child {
	const char *name;
	int (*run)(const struct role_env *env);
	const struct milter_conf *milter; /* in the arena */
	unsigned milter_number;
	struct arena *arena;
	pid_t pid;
	int ready_fd, keys_fd;
	bool is_ready, is_wanted, was_told; /* was_told: to end, as it is not wanted any more */
	int64_t started_ms, start_at_ms, backoff_ms, end_at_ms;
};

struct master {
	const struct config *config;
	struct role_env env;
	struct child children[ROLES_MAX];
	size_t n;
	bool ends, announced, is_reloaded;
	bool is_reloading; /* roles that read a part of the configuration are still to be told */
	int64_t end_by_ms, drain_ms; /* drain_ms: as the configuration in force says */
	int status, signals;
	sigset_t old_mask;
};

static int64_t now_ms(void)
{
	return clock_ticks_ns() / 1000000;
}

/* ---- preparation, while we may be root ---- */

/* Makes the folder (and its parent when missing) and gives it to the roles' account. */
static bool make_folder(struct master *m, const char *path, mode_t mode)
{
	char parent[4096];
	const char *slash = strrchr(path, '/');

	if (slash && slash != path && (size_t)(slash - path) < sizeof parent) {
		memcpy(parent, path, (size_t)(slash - path));
		parent[slash - path] = '\0';
		mkdir(parent, 0755);
	}
	if (mkdir(path, mode) < 0 && errno != EEXIST) {
		log_say(LOG_LEVEL_ERROR, "master", "cannot make the folder %s: %s", path, strerror(errno));
		return false;
	}
	if (m->env.is_root && chown(path, m->env.uid, m->env.gid) < 0) {
		log_say(LOG_LEVEL_ERROR, "master", "cannot give %s to its account: %s", path, strerror(errno));
		return false;
	}
	return true;
}

/* Roles of a master that was killed hold its ports until they have noticed: a moment of patience. */
static int listen_patiently(const struct listen_conf *l)
{
	int64_t until = now_ms() + BIND_PATIENCE_MS;
	int fd;

	while ((fd = listen_tcp(&l->ip, l->port, 1024)) < 0 && errno == EADDRINUSE && now_ms() < until)
		usleep(50000);
	return fd;
}

static int *bind_all(struct master *m, struct arena *a)
{
	size_t n = 0, i = 0;
	int *fds;

	for (const struct listen_conf *l = m->config->listens; l; l = l->next)
		n++;
	fds = arena_array(a, n ? n : 1, sizeof *fds);
	for (const struct listen_conf *l = m->config->listens; l; l = l->next, i++) {
		char ip[IP_TEXT_MAX];

		fds[i] = listen_patiently(l);
		if (fds[i] < 0) {
			log_say(LOG_LEVEL_ERROR, "master", "%s:%u: cannot listen on %s port %u: %s", l->place.file, l->place.line,
			    ip_format(&l->ip, ip).p, l->port, strerror(errno));
			return NULL;
		}
	}
	m->env.listen_count = n;
	return fds;
}

static bool make_doorbell(struct master *m)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0) {
		log_say(LOG_LEVEL_ERROR, "master", "cannot make a pipe: %s", strerror(errno));
		return false;
	}
	m->env.doorbell_read = ends[0];
	m->env.doorbell_write = ends[1];
	return true;
}

static bool prepare(struct master *m, struct arena *a)
{
	m->env.config = m->config;
	m->env.master_pid = getpid();
	if (!role_account(&m->env) || !make_folder(m, m->config->state.p, 0750) ||
	    !make_folder(m, m->config->runtime.p, 0755) || !make_doorbell(m))
		return false;
	m->env.listen_fds = bind_all(m, a);
	return m->env.listen_fds != NULL;
}

/* ---- which roles there are ---- */

static struct child *find_child(struct master *m, int (*run)(const struct role_env *), const struct milter_conf *milter)
{
	for (size_t i = 0; i < m->n; i++) {
		struct child *c = &m->children[i];

		if (c->run == run && (!milter || str_eq(c->milter->socket, milter->socket)))
			return c;
	}
	return NULL;
}

/* The configuration that names it goes at the next reload. */
static const struct milter_conf *copy_milter(struct arena *a, const struct milter_conf *milter)
{
	struct milter_conf *copy = arena_alloc(a, sizeof *copy);

	*copy = *milter;
	copy->socket = str_of(arena_cstr(a, milter->socket));
	copy->group = str_of(arena_cstr(a, milter->group));
	copy->place.file = arena_cstr(a, str_of(milter->place.file));
	copy->next = NULL;
	return copy;
}

static unsigned free_milter_number(const struct master *m)
{
	unsigned number = 1;

	for (size_t i = 0; i < m->n; i++)
		if (m->children[i].milter_number == number) {
			number++;
			i = (size_t)-1;
		}
	return number;
}

/* Its socket is made once, and its options are those it began with. */
static void tell_of_milter(const struct milter_conf *now, const struct milter_conf *wanted)
{
	if (now->mode != wanted->mode || !str_eq(now->group, wanted->group) || now->max_sessions != wanted->max_sessions ||
	    now->hold != wanted->hold)
		log_say(LOG_LEVEL_WARNING, "master", "milter %.*s is changed: that needs a restart", STR_ARG(wanted->socket));
}

static void want(struct master *m, const char *name, int (*run)(const struct role_env *), const struct milter_conf *milter)
{
	struct child *c = find_child(m, run, milter);

	if (!c && m->n == ROLES_MAX) {
		log_say(LOG_LEVEL_ERROR, "master", "there are %d roles already: no other %s is started", ROLES_MAX, name);
		return;
	}
	if (c && milter)
		tell_of_milter(c->milter, milter);
	if (!c) {
		unsigned number = milter ? free_milter_number(m) : 0;

		c = &m->children[m->n++];
		*c = (struct child){.name = name, .run = run, .milter_number = number, .arena = arena_new(0), .ready_fd = -1,
		    .keys_fd = -1, .backoff_ms = BACKOFF_FIRST_MS};
		c->milter = milter ? copy_milter(c->arena, milter) : NULL;
		if (m->announced)
			log_say(LOG_LEVEL_INFO, "master", "the configuration needs the %s now: starting it", name);
	}
	c->is_wanted = true;
}

/* Sessions that keep the configuration before may still have something to scan. */
static void let_go(struct master *m, struct child *c)
{
	if (c->end_at_ms)
		return;
	c->end_at_ms = now_ms() + (c->run == scanner_role ? m->drain_ms : 0);
	log_say(LOG_LEVEL_INFO, "master", "the configuration does not need the %s any more: ending it", c->name);
}

static void plan(struct master *m, const struct config *config)
{
	for (size_t i = 0; i < m->n; i++)
		m->children[i].is_wanted = false;
	want(m, "relay", relay_role, NULL);
	if (scanner_is_wanted(config))
		want(m, "scanner", scanner_role, NULL);
	if (reports_are_wanted(config))
		want(m, "reports", reports_role, NULL);
	if (m->env.listen_count)
		want(m, "gateway", gateway_role, NULL);
	for (const struct milter_conf *c = config->milters; c; c = c->next)
		want(m, "milter", milter_role, c);
	for (size_t i = 0; i < m->n; i++) {
		struct child *c = &m->children[i];

		if (!c->is_wanted)
			let_go(m, c);
		else if (!c->was_told)
			c->end_at_ms = 0;
	}
}

/* Ports are bound at a start, when we are root for sure. */
static void tell_of_ports(const struct config *some, const struct config *other, const char *what)
{
	char ip[IP_TEXT_MAX];

	for (const struct listen_conf *l = some->listens; l; l = l->next)
		if (!config_listen(other, l))
			log_say(LOG_LEVEL_WARNING, "master", "listen %s:%u is %s: that needs a restart", ip_format(&l->ip, ip).p, l->port,
			    what);
}

static void tell_of_restart(const char *directive)
{
	log_say(LOG_LEVEL_WARNING, "master", "%s is changed: that needs a restart", directive);
}

/* Who reads all of the configuration knows whether it is right; the others read what they need of it. */
static bool reads_all(const struct child *c)
{
	return c->run == gateway_role || c->run == milter_role;
}

/* Tells those of one kind to read it again; false: there are none. */
static bool tell_to_reload(const struct master *m, bool who_read_all)
{
	bool any = false;

	for (size_t i = 0; i < m->n; i++) {
		const struct child *c = &m->children[i];

		if (c->pid > 0 && reads_all(c) == who_read_all)
			any |= kill(c->pid, SIGHUP) == 0;
	}
	return any;
}

/* In two steps, so that a broken configuration changes nothing anywhere. */
static void reload(struct master *m)
{
	m->is_reloading = tell_to_reload(m, true);
	if (!m->is_reloading)
		tell_to_reload(m, false);
}

/* A role has taken the new configuration over: it has no errors. */
static void plan_again(struct master *m)
{
	struct arena *a = arena_new(0);
	const struct config *config;
	struct conf_load load;

	m->is_reloaded = false;
	conf_load_init(&load, a);
	config = config_load(&load, m->env.config_path);
	if (config && !load.errors && !m->ends) {
		if (m->is_reloading)
			tell_to_reload(m, false);
		m->is_reloading = false;
		plan(m, config);
		m->drain_ms = config->drain_ms;
		tell_of_ports(config, m->config, "new");
		tell_of_ports(m->config, config, "gone");
		restart_needed(m->config, config, tell_of_restart);
	}
	arena_free(a);
}

/* ---- children ---- */

static void forget_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void child_main(struct master *m, struct child *c, int ready_fd, int keys_fd)
{
	struct role_env env = m->env;
	int status;

	sigprocmask(SIG_SETMASK, &m->old_mask, NULL);
	/* Only the gateway listens: a port must be free as soon as it has ended. */
	for (size_t i = 0; c->run != gateway_role && i < env.listen_count; i++)
		close(env.listen_fds[i]);
	for (size_t i = 0; i < m->n; i++) {
		forget_fd(&m->children[i].ready_fd);
		forget_fd(&m->children[i].keys_fd);
	}
	close(m->signals);
	env.ready_fd = ready_fd;
	env.keys_fd = keys_fd;
	env.milter = c->milter;
	env.milter_number = c->milter_number;
	status = c->run(&env);
	sanitizer_report_leaks();
	_exit(status);
}

static void start(struct master *m, struct child *c)
{
	int ends[2], keys_fd = -1;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return;
	if (!keys_pair(&c->keys_fd, &keys_fd))
		log_say(LOG_LEVEL_WARNING, "master", "cannot make a socket: %s", strerror(errno));
	c->started_ms = now_ms();
	c->is_ready = false;
	c->pid = fork();
	if (c->pid == 0) {
		close(ends[0]);
		child_main(m, c, ends[1], keys_fd);
	}
	close(ends[1]);
	close(keys_fd);
	c->ready_fd = ends[0];
	if (c->pid < 0) {
		log_say(LOG_LEVEL_ERROR, "master", "cannot fork the %s: %s", c->name, strerror(errno));
		c->pid = 0;
		c->start_at_ms = now_ms() + c->backoff_ms;
	}
}

static void signal_all(struct master *m, int signo)
{
	for (size_t i = 0; i < m->n; i++)
		if (m->children[i].pid > 0)
			kill(m->children[i].pid, signo);
}

static void begin_end(struct master *m)
{
	if (m->ends)
		return;
	m->ends = true;
	m->end_by_ms = now_ms() + m->drain_ms + END_PATIENCE_MS;
	notify_manager("STOPPING=1");
	signal_all(m, SIGTERM);
}

static void say_ended(const struct child *c, int status)
{
	if (WIFSIGNALED(status))
		log_say(LOG_LEVEL_ERROR, "master", "the %s (pid %d) was ended by signal %d", c->name, (int)c->pid, WTERMSIG(status));
	else if (WEXITSTATUS(status))
		log_say(LOG_LEVEL_ERROR, "master", "the %s (pid %d) ended with status %d", c->name, (int)c->pid, WEXITSTATUS(status));
}

/* A role that ran steadily starts again at once, one that falls at each start ever later. */
static void plan_restart(struct child *c)
{
	if (now_ms() - c->started_ms > STEADY_MS)
		c->backoff_ms = BACKOFF_FIRST_MS;
	c->start_at_ms = now_ms() + c->backoff_ms;
	c->backoff_ms = c->backoff_ms * 2 < BACKOFF_MOST_MS ? c->backoff_ms * 2 : BACKOFF_MOST_MS;
	log_say(LOG_LEVEL_WARNING, "master", "starting the %s again in %d ms", c->name, (int)(c->start_at_ms - now_ms()));
}

static void child_ended(struct master *m, struct child *c, int status)
{
	say_ended(c, status);
	c->pid = 0;
	forget_fd(&c->ready_fd);
	forget_fd(&c->keys_fd);
	if (m->ends || !c->is_wanted)
		return;
	c->was_told = false;
	c->end_at_ms = 0;
	if (WIFEXITED(status) && WEXITSTATUS(status) == ROLE_EXIT_CONFIG && !m->announced) {
		m->status = 1;
		begin_end(m);
		return;
	}
	plan_restart(c);
}

static void reap(struct master *m)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (size_t i = 0; i < m->n; i++)
			if (m->children[i].pid == pid)
				child_ended(m, &m->children[i], status);
}

static void on_signal(struct master *m)
{
	struct signalfd_siginfo info;

	while (read(m->signals, &info, sizeof info) == sizeof info) {
		if (info.ssi_signo == SIGCHLD)
			reap(m);
		else if (info.ssi_signo == SIGHUP)
			reload(m);
		else
			begin_end(m);
	}
}

/* The one whose word counts when all have read the same configuration: the gateway, else the first milter. */
static bool is_speaker(struct master *m, const struct child *c)
{
	const struct child *gateway = find_child(m, gateway_role, NULL);

	return c == (gateway && gateway->pid > 0 ? gateway : find_child(m, milter_role, NULL));
}

static void announce(struct master *m)
{
	for (size_t i = 0; i < m->n; i++)
		if (!m->children[i].is_ready)
			return;
	if (!m->announced) {
		m->announced = true;
		notify_manager("READY=1");
		log_say(LOG_LEVEL_INFO, "ready", "%zu listeners, %zu roles", m->env.listen_count, m->n);
	}
}

static void on_ready(struct master *m, struct child *c)
{
	char byte;

	c->is_ready |= read(c->ready_fd, &byte, 1) == 1;
	/* It ended before it could say so, and has started with the configuration that the others wait for. */
	m->is_reloaded |= c->is_ready && m->is_reloading && is_speaker(m, c);
	forget_fd(&c->ready_fd);
	announce(m);
}

static bool any_alive(const struct master *m)
{
	for (size_t i = 0; i < m->n; i++)
		if (m->children[i].pid > 0)
			return true;
	return false;
}

/* Starts what is due; returns how long the poll may sleep. */
static int start_due(struct master *m)
{
	int64_t wait = 1000;

	if (m->ends)
		return 100;
	for (size_t i = 0; i < m->n; i++) {
		struct child *c = &m->children[i];

		if (c->pid > 0 || !c->is_wanted)
			continue;
		if (c->start_at_ms <= now_ms())
			start(m, c);
		else if (c->start_at_ms - now_ms() < wait)
			wait = c->start_at_ms - now_ms();
	}
	return (int)wait;
}

static void drop_child(struct master *m, size_t at)
{
	arena_free(m->children[at].arena);
	memmove(&m->children[at], &m->children[at + 1], (--m->n - at) * sizeof m->children[0]);
}

/* Ends what is not wanted any more, and forgets it when it has ended. */
static void end_unwanted(struct master *m)
{
	int64_t now = now_ms();

	for (size_t i = m->n; i-- > 0;) {
		struct child *c = &m->children[i];

		if (c->is_wanted || m->ends)
			continue;
		if (c->pid <= 0) {
			drop_child(m, i);
		} else if (now > c->end_at_ms + m->drain_ms + END_PATIENCE_MS) {
			kill(c->pid, SIGKILL);
		} else if (now >= c->end_at_ms && !c->was_told) {
			c->was_told = true;
			kill(c->pid, SIGTERM);
		}
	}
}

static void take_request(struct master *m, struct child *c)
{
	enum keys_request request = keys_answer(c->keys_fd, m->env.config_path);

	if (request == KEYS_GONE)
		forget_fd(&c->keys_fd);
	m->is_reloaded |= request == KEYS_RELOADED && is_speaker(m, c);
}

static void wait_for_events(struct master *m)
{
	struct pollfd fds[1 + 2 * ROLES_MAX] = {{.fd = m->signals, .events = POLLIN}};
	int wait = start_due(m);

	for (size_t i = 0; i < m->n; i++) {
		fds[1 + 2 * i] = (struct pollfd){.fd = m->children[i].ready_fd, .events = POLLIN};
		fds[2 + 2 * i] = (struct pollfd){.fd = m->children[i].keys_fd, .events = POLLIN};
	}
	if (poll(fds, 1 + 2 * m->n, wait) <= 0)
		return;
	for (size_t i = 0; i < m->n; i++) {
		struct child *c = &m->children[i];

		if (fds[1 + 2 * i].revents)
			on_ready(m, c);
		if (fds[2 + 2 * i].revents)
			take_request(m, c);
	}
	if (fds[0].revents)
		on_signal(m);
}

static int watch_signals(struct master *m)
{
	sigset_t mask;

	sigemptyset(&mask);
	sigaddset(&mask, SIGCHLD);
	sigaddset(&mask, SIGHUP);
	sigaddset(&mask, SIGTERM);
	sigaddset(&mask, SIGINT);
	sigprocmask(SIG_BLOCK, &mask, &m->old_mask);
	return signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
}

int master_run(const struct config *config, const char *config_path, bool foreground)
{
	struct arena *a = arena_new(0);
	struct master m = {.config = config, .env.config_path = config_path, .drain_ms = config->drain_ms};

	if (!prepare(&m, a))
		return 1;
	if (!foreground && daemon(1, 0) < 0)
		return 1;
	m.env.master_pid = getpid();
	plan(&m, config);
	m.signals = watch_signals(&m);
	while (!m.ends || any_alive(&m)) {
		wait_for_events(&m);
		if (m.is_reloaded)
			plan_again(&m);
		end_unwanted(&m);
		if (m.ends && now_ms() > m.end_by_ms) {
			log_say(LOG_LEVEL_WARNING, "master", "roles did not drain in time");
			signal_all(&m, SIGKILL);
		}
	}
	log_say(LOG_LEVEL_INFO, "stopped", "all roles ended");
	for (size_t i = 0; i < m.n; i++)
		arena_free(m.children[i].arena);
	arena_free(a);
	return m.status;
}
