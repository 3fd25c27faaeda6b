/* What every role does first: rights, limits, readiness. */
#define _GNU_SOURCE
#include "gateway/role.h"

#include <errno.h>
#include <grp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "lib/log.h"

static void die(const char *what)
{
	log_say(LOG_LEVEL_ERROR, "role", "cannot %s: %s", what, strerror(errno));
	_exit(1);
}

static void give_up_root(const struct role_env *env)
{
	if (setgroups(0, NULL) < 0)
		die("drop the supplementary groups");
	if (setresgid(env->gid, env->gid, env->gid) < 0)
		die("become the group");
	if (setresuid(env->uid, env->uid, env->uid) < 0)
		die("become the user");
	if (env->uid != 0 && setuid(0) == 0)
		die("stay without root: the account could return to it");
}

/* As many descriptors as the system lets us have; no core files with people's mail in them. */
static void set_limits(void)
{
	struct rlimit files, none = {0, 0};

	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	setrlimit(RLIMIT_CORE, &none);
}

void role_settle(const struct role_env *env, const char *name)
{
	log_init((enum log_target)env->config->log_target, (enum log_level)env->config->log_level, name);
	signal(SIGPIPE, SIG_IGN);
	/* A role must not outlive its master. */
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != env->master_pid)
		_exit(0);
	set_limits();
	if (env->is_root)
		give_up_root(env);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		die("set no_new_privs");
	/* Changing the account clears it. */
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	prctl(PR_SET_DUMPABLE, 0);
}

void role_ready(const struct role_env *env)
{
	if (write(env->ready_fd, "", 1) != 1)
		log_say(LOG_LEVEL_WARNING, "role", "cannot tell the master: %s", strerror(errno));
	close(env->ready_fd);
}
