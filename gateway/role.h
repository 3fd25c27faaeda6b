/*
 * Roles: the unprivileged processes that the master forks. Each is one function that gets what the
 * master prepared as root, gives up its rights with role_settle(), says role_ready() and works
 * until SIGTERM. Its exit status is the process's.
 */
#ifndef REEVE_GATEWAY_ROLE_H
#define REEVE_GATEWAY_ROLE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "gateway/config.h"
#include "lib/loop/loop.h"

struct role_env {
	const struct config *config; /* the master's reading; roles load a snapshot of their own */
	const char *config_path;
	const int *listen_fds;	     /* one per config->listens, in order */
	size_t listen_count;
	const struct milter_conf *milter; /* of a milter role */
	unsigned milter_number;	     /* from 1, no two have the same */
	int doorbell_read, doorbell_write; /* gateway and milter ring, relay hears */
	int ready_fd;
	int keys_fd;		     /* gateway/keys.h */
	int master_pid;
	uid_t uid;		     /* account to become; same as ours when not root */
	gid_t gid;
	bool is_root;
};

enum { ROLE_PATHS = 8 };
struct sandbox_path;
/* Folders of a role; returns how many. */
size_t role_paths(const struct role_env *env, struct arena *a, struct sandbox_path *ret); /* ROLE_PATHS of them */
/* Finds the account that roles become, by env->config; false, logged, when it does not exist. */
bool role_account(struct role_env *env);
/* Becomes that account for good, without any capability; exits when that cannot be done. */
void role_give_up_root(const struct role_env *env);
/* Gives up root, sets no_new_privs and limits; exits when that cannot be done. */
void role_settle(const struct role_env *env, const char *name);
/* Tells the master that the role works. */
void role_ready(const struct role_env *env);

int gateway_role(const struct role_env *env);
int relay_role(const struct role_env *env);
int reports_role(const struct role_env *env);
/* There is a filter dmarc, whatever it says of reports. */
bool reports_are_wanted(const struct config *config);
int scanner_role(const struct role_env *env);
/* A filter of the configuration needs it. */
bool scanner_is_wanted(const struct config *config);

enum { ROLE_EXIT_CONFIG = 78 }; /* EX_CONFIG: starting again would not help */

#endif
