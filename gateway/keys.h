/*
 * What a role may ask or tell the master. Certificates and keys that only root can read, for roles that
 * have given root up: the master reads them again at a reload. It hands out files that the configuration
 * names in a `tls` directive or in a `sign` or `seal` line, nothing else, as a copy in memory. And that
 * a new configuration is in force, which may need other roles.
 */
#ifndef REEVE_GATEWAY_KEYS_H
#define REEVE_GATEWAY_KEYS_H

#include <stdbool.h>
#include <stddef.h>

enum { KEYS_PATH_MAX = 1024, KEYS_FILE_MAX = 1024 * 1024 };

/* Both ends of a socket for one role; false with errno. */
bool keys_pair(int *ret_master, int *ret_role);

enum keys_request { KEYS_GONE, KEYS_FILE, KEYS_RELOADED };

/* Master: takes one request that waits on fd, and answers it. GONE: the role has ended. */
enum keys_request keys_answer(int fd, const char *config_path);

/*
 * Role: a path under which the file can be read, in out: itself when we may read it, else one that
 * is valid until keys_forget(). ret_fd is -1 or what keys_forget() closes. False with errno.
 */
bool keys_open(int fd, const char *path, char *out, size_t size, int *ret_fd);
void keys_forget(int fd);
/* Role: it has taken the whole configuration over. */
void keys_tell_reloaded(int fd);
/* Role: the file, open for reading; -1 with errno. For struct filter_env. */
int keys_open_file(int fd, const char *path);

#endif
