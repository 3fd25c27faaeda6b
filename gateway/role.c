/* What every role does first: rights, limits, readiness. */
#define _GNU_SOURCE
#include "gateway/role.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "gateway/title.h"
#include "lib/log.h"
#include "lib/sandbox.h"
#include "lib/sanitizer.h"

static void die(const char *what)
{
	log_say(LOG_LEVEL_ERROR, "role", "cannot %s: %s", what, strerror(errno));
	_exit(1);
}

bool role_account(struct role_env *env)
{
	const char *user = env->config->user.n ? env->config->user.p : "mailreeve";
	struct passwd *pw;
	struct group *gr;

	env->is_root = geteuid() == 0;
	env->uid = geteuid();
	env->gid = getegid();
	if (!env->is_root)
		return true;
	pw = getpwnam(user);
	if (!pw && !env->config->user.n) {
		log_say(LOG_LEVEL_WARNING, "account", "there is no account 'mailreeve': the roles run as 'nobody'; "
		    "create it with: adduser --system --group mailreeve");
		pw = getpwnam("nobody");
	}
	if (!pw) {
		log_say(LOG_LEVEL_ERROR, "account", "there is no account '%s'", user);
		return false;
	}
	env->uid = pw->pw_uid;
	env->gid = pw->pw_gid;
	gr = env->config->group.n ? getgrnam(env->config->group.p) : NULL;
	if (env->config->group.n && !gr) {
		log_say(LOG_LEVEL_ERROR, "account", "there is no group '%s'", env->config->group.p);
		return false;
	}
	if (gr)
		env->gid = gr->gr_gid;
	return true;
}

void role_give_up_root(const struct role_env *env)
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

/* The folder of a unix socket that a milter role makes. */
static const char *socket_folder(const struct role_env *env, struct arena *a)
{
	struct str path = env->milter ? env->milter->socket : STR_NONE;
	ptrdiff_t colon = str_chr(path, ':'), slash;

	if (str_starts(path, STR("inet")))
		return "";
	path = str_from(path, colon < 0 ? 0 : (size_t)colon + 1);
	slash = str_rchr(path, '/');
	return slash > 0 ? arena_cstr(a, str_sub(path, 0, (size_t)slash)) : "";
}

size_t role_paths(const struct role_env *env, struct arena *a, struct sandbox_path *ret)
{
	size_t n = 0;

	/* Lists, rules and certificates may stand anywhere; a reload names new ones. */
	ret[n++] = (struct sandbox_path){"/", false};
	ret[n++] = (struct sandbox_path){"/dev", true};
	ret[n++] = (struct sandbox_path){arena_cstr(a, env->config->state), true};
	ret[n++] = (struct sandbox_path){arena_cstr(a, env->config->runtime), true};
	ret[n++] = (struct sandbox_path){socket_folder(env, a), true};
	return n;
}

/* The scanner confines itself once it has become a program of its own. */
static void confine(const struct role_env *env, const char *name)
{
	struct arena *a = arena_new(0);
	struct sandbox_path paths[ROLE_PATHS];
	size_t n = role_paths(env, a, paths);
	struct sandbox s;

	for (int kind = SANDBOX_GATEWAY; kind <= SANDBOX_REPORTS; kind++) {
		if (strcmp(sandbox_name(kind), name) != 0)
			continue;
		if (!sandbox_enter(kind, paths, n, &s))
			log_say(LOG_LEVEL_ERROR, "sandbox", "%s", s.error);
		else if (!s.has_landlock)
			log_say(LOG_LEVEL_WARNING, "sandbox", "this kernel has no Landlock: folders are not confined");
	}
	arena_free(a);
}

void role_settle(const struct role_env *env, const char *name)
{
	log_init((enum log_target)env->config->log_target, (enum log_level)env->config->log_level, name);
	title_set(name);
	signal(SIGPIPE, SIG_IGN);
	/* A role must not outlive its master. */
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != env->master_pid)
		_exit(0);
	set_limits();
	if (env->is_root)
		role_give_up_root(env);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		die("set no_new_privs");
	/* Changing the account clears it. */
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	prctl(PR_SET_DUMPABLE, sanitizer_seeks_leaks());
	if (!sanitizer_seeks_leaks())
		confine(env, name);
}

void role_ready(const struct role_env *env)
{
	if (write(env->ready_fd, "", 1) != 1)
		log_say(LOG_LEVEL_WARNING, "role", "cannot tell the master: %s", strerror(errno));
	close(env->ready_fd);
}
