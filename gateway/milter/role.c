/*
 * The milter process. libmilter's own threads run in smfi_main(), started from a second thread; the
 * main thread runs a loop for signals and control with SIGTERM and SIGHUP unblocked, because
 * libmilter waits for the same signals and would stop at SIGHUP.
 */
#include "gateway/milter/milter.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/control.h"
#include "gateway/milter/private.h"
#include "lib/clock.h"
#include "lib/log.h"

struct milter milter = {.lock = PTHREAD_MUTEX_INITIALIZER, .idle = PTHREAD_COND_INITIALIZER};

/*
 * MTA_TIMEOUT_S: an MTA says nothing while its client sends a message. PACKET_MAX: one header field;
 * libmilter closes the connection at larger packets, and its own limit of 64 KiB is less than what
 * Postfix sends.
 */
enum { BACKLOG = 256, MTA_TIMEOUT_S = 7210, PACKET_MAX = 4 * HEADER_BYTES_MAX, LAST_WORDS_MS = 500 };

/* To our account, and to the MTA's group when one is named. */
static bool give_socket(const struct role_env *env, const char *path)
{
	struct group *group = env->milter->group.n ? getgrnam(env->milter->group.p) : NULL;

	if (env->milter->group.n && !group)
		log_say(LOG_LEVEL_ERROR, "milter", "there is no group '%s'", env->milter->group.p);
	else if (!env->is_root && !group)
		return true;
	else if (chown(path, env->is_root ? env->uid : (uid_t)-1, group ? group->gr_gid : env->gid) < 0)
		log_say(LOG_LEVEL_ERROR, "milter", "cannot give %s to its account: %s", path, strerror(errno));
	else
		return true;
	return false;
}

static bool open_socket(const struct role_env *env)
{
	char *socket = (char *)env->milter->socket.p;
	const char *path = strchr(socket, ':') && strchr(socket, '/') ? strchr(socket, ':') + 1 : NULL;

	smfi_setmaxdatasize(PACKET_MAX);
	if (smfi_setconn(socket) != MI_SUCCESS || smfi_register(milter_callbacks) != MI_SUCCESS ||
	    smfi_setbacklog(BACKLOG) != MI_SUCCESS || smfi_settimeout(MTA_TIMEOUT_S) != MI_SUCCESS ||
	    smfi_opensocket(true) != MI_SUCCESS) {
		log_say(LOG_LEVEL_ERROR, "milter", "%s:%u: cannot listen on %s", env->milter->place.file,
		    env->milter->place.line, socket);
		return false;
	}
	if (path && chmod(path, (mode_t)env->milter->mode) < 0)
		log_say(LOG_LEVEL_WARNING, "milter", "cannot set the mode of %s", path);
	return !path || give_socket(env, path);
}

static bool open_all(const struct role_env *env)
{
	struct arena *a = milter.world.arena;
	const char *state = arena_cstr(a, env->config->state);
	struct str error;

	milter.spool_dir = open(state, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
	milter.quarantine = quarantine_open(arena_printf(a, "%s/quarantine", state).p, a, &error);
	if (!milter.quarantine) {
		log_say(LOG_LEVEL_ERROR, "milter", "cannot open the quarantine: %.*s", STR_ARG(error));
		return false;
	}
	milter.gate = gate_new((unsigned)env->config->scans);
	return milter.spool_dir >= 0;
}

static void *run_libmilter(void *arg)
{
	(void)arg;
	if (smfi_main() != MI_SUCCESS)
		log_say(LOG_LEVEL_ERROR, "milter", "libmilter ended with an error");
	return NULL;
}

static void on_term(void *arg)
{
	loop_stop(arg);
}

static void on_hup(void *arg)
{
	(void)arg;
	world_reload(&milter.world, NULL);
}

static void on_look(void *arg)
{
	struct timer **look = arg;

	milter_progress();
	milter_nudge_look();
	timer_set(*look, LOOK_MS);
}

static const char *control_reload(void *arg, struct str args, struct buf *out)
{
	(void)arg;
	(void)args;
	return world_reload(&milter.world, out) ? NULL : "the configuration has errors: the old one stays in force";
}

static uint64_t open_connections(void)
{
	uint64_t n;

	pthread_mutex_lock(&milter.lock);
	n = milter.connections;
	pthread_mutex_unlock(&milter.lock);
	return n;
}

static const char *control_stats(void *arg, struct str args, struct buf *out)
{
	const struct {
		const char *name;
		uint64_t value;
	} rows[] = {{"sessions", milter.sessions}, {"messages", milter.messages}, {"accepted", milter.accepted},
	    {"rejected", milter.rejected}, {"tempfailed", milter.tempfailed}, {"quarantined", milter.quarantined},
	    {"discarded", milter.discarded}, {"refused-stages", milter.refused_stages}, {"shed", milter.shed},
	    {"open", open_connections()}, {"memory", milter.memory}};

	(void)arg;
	(void)args;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		world_stat(out, "milter", rows[i].name, rows[i].value);
	world_stats(&milter.world, out);
	return NULL;
}

static const struct control_command control_commands[] = {
    {"reload", control_reload, "takes the configuration over, or says what is wrong with it"},
    {"stats", control_stats, "counters"},
    {NULL, NULL, NULL},
};

/* milter.sock, milter-2.sock ... */
static struct control *open_control(const struct role_env *env, struct loop *loop)
{
	struct arena *a = milter.world.arena;
	const char *path = arena_printf(a, "%.*s/milter.sock", STR_ARG(env->config->runtime)).p;
	struct control *control;

	if (env->milter_number > 1)
		path = arena_printf(a, "%.*s/milter-%u.sock", STR_ARG(env->config->runtime), env->milter_number).p;
	control = control_new(loop, path, control_commands, NULL);
	if (!control)
		log_say(LOG_LEVEL_ERROR, "control", "%s: %s", path, strerror(errno));
	return control;
}

/* New threads inherit the mask: libmilter's have the signals blocked, the main thread has not. */
static bool start_libmilter(pthread_t *ret_thread)
{
	sigset_t blocked, old;
	bool ok;

	sigemptyset(&blocked);
	sigaddset(&blocked, SIGTERM);
	sigaddset(&blocked, SIGHUP);
	sigaddset(&blocked, SIGINT);
	pthread_sigmask(SIG_BLOCK, &blocked, &old);
	ok = pthread_create(ret_thread, NULL, run_libmilter, NULL) == 0;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return ok;
}

/*
 * Transactions that were begun are brought to their end; new ones, and new connections, are told to
 * come again. Then the process ends as it is: smfi_stop() would leave open connections unserved, and
 * waits for the listener, which holds its lock for up to 5 s.
 */
static void drain(int64_t limit_ms)
{
	int64_t until_us = clock_mono_us() + limit_ms * 1000;

	milter.is_draining = true;
	pthread_mutex_lock(&milter.lock);
	while (milter.busy > 0 && clock_mono_us() < until_us) {
		struct timespec look;

		clock_gettime(CLOCK_REALTIME, &look);
		look.tv_sec++;
		if (pthread_cond_timedwait(&milter.idle, &milter.lock, &look) == 0)
			continue;
		pthread_mutex_unlock(&milter.lock);
		milter_progress();
		pthread_mutex_lock(&milter.lock);
	}
	pthread_mutex_unlock(&milter.lock);
	/* libmilter sends what the last callback returned, and tells nobody when it has. */
	usleep(LAST_WORDS_MS * 1000);
}

int milter_role(const struct role_env *env)
{
	struct control *control;
	struct timer *look;
	struct loop *loop;
	pthread_t thread;
	int status;

	milter.conf = env->milter;
	if (!open_socket(env))
		return 1;
	milter_nudge_open(env->milter->socket);
	role_settle(env, "milter");
	status = world_open(&milter.world, env);
	if (status || !open_all(env))
		return status ? status : 1;
	loop = loop_new();
	loop_signal(loop, SIGTERM, on_term, loop);
	loop_signal(loop, SIGHUP, on_hup, NULL);
	look = timer_new(loop, on_look, &look);
	timer_set(look, LOOK_MS);
	control = open_control(env, loop);
	if (!control || !start_libmilter(&thread))
		return 1;
	role_ready(env);
	loop_run(loop);
	timer_free(look);
	drain(snapshot_drain_ms());
	control_free(control);
	/* libmilter's threads may still run: the world stays open, but what it learnt is written down. */
	store_flush(milter.world.store);
	return 0;
}
