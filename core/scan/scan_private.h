/* Shared by the files of this folder only. */
#ifndef REEVE_CORE_SCAN_SCAN_PRIVATE_H
#define REEVE_CORE_SCAN_SCAN_PRIVATE_H

#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "core/scan/scan.h"

enum { SCAN_IDLE_MAX = 64 };

/* A connection, and room for the answers that come over it. */
struct scan_link {
	int fd; /* -1: none */
	char *room;
};

struct scan {
	struct arena *arena;
	struct str socket, tmpdir;
	struct wire_settings settings;
	struct str paths[WIRE_PATHS_MAX];
	size_t path_count;
	int64_t timeout_ms;
	uint64_t ids;
	pthread_mutex_t lock; /* of what follows */
	struct scan_link idle[SCAN_IDLE_MAX];
	size_t idle_count;
	struct sockaddr_un own_address;
	socklen_t own_size;
	int life_fd, own_pid;
	struct str failure; /* why our own could not be started */
};

/* Under the lock. Leaves own_size 0 and a failure when it cannot. */
void scan_own_start(struct scan *sc);
void scan_own_end(struct scan *sc);
/* A sealed memfd with the table and the bytes, or -1. */
int scan_items_memory(struct arena *a, const struct scan_items *items, uint64_t *ret_size);

#endif
