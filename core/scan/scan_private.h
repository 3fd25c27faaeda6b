/* Shared by the files of this folder only. */
#ifndef REEVE_CORE_SCAN_SCAN_PRIVATE_H
#define REEVE_CORE_SCAN_SCAN_PRIVATE_H

#include <pthread.h>
#include <sys/socket.h>
#include <sys/uio.h>
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

/* A request as it is sent: the first piece is the head, what else goes into the datagram is behind it. */
struct scan_request {
	struct wire_head head;
	struct iovec *pieces;
	size_t count;
	int memory; /* a sealed memfd with the items, -1 none */
};
/* Of a SCAN; points into itself and to the items. False when it is too large (size > WIRE_BYTES_MAX) or there is no memory. */
bool scan_request_pack(struct scan_request *r, struct arena *a, const struct scan_items *items);

#endif
