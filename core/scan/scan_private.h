/* Shared by the files of this folder only. */
#ifndef REEVE_CORE_SCAN_SCAN_PRIVATE_H
#define REEVE_CORE_SCAN_SCAN_PRIVATE_H

#include <pthread.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>

#include "core/scan/scan.h"

/* Where messages go, counted by those who use it: it is closed when the last of them has found that nobody takes them. */
struct scan_link {
	unsigned users; /* under the lock; one for being the scan's */
	struct wire_fds queues; /* fresh messages; those whose worker died */
	int control; /* over which they came: it lasts as long as the supervisor does */
};

struct scan {
	struct arena *arena;
	struct str socket, tmpdir;
	struct wire_settings settings;
	struct str paths[WIRE_PATHS_MAX];
	size_t path_count;
	int64_t timeout_ms;
	uint64_t ids; /* begins anywhere: other processes count too */
	pthread_mutex_t lock; /* of what follows */
	struct scan_link *link; /* NULL: none yet, or the scanner has gone */
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

int64_t scan_now_ms(void);
/* NULL with errno. A scanner that starts again is waited for until then, for some seconds. Goes back by scan_link_drop(). */
struct scan_link *scan_link_take(struct scan *sc, int64_t deadline_ms);
void scan_link_drop(struct scan *sc, struct scan_link *l);
/* Nobody takes messages there: the next take opens a new one. */
void scan_link_lost(struct scan *sc, struct scan_link *l);

/* The same of whatever link there is. */
void scan_link_forget(struct scan *sc);
/* False when the supervisor has died, with which all workers go. */
bool scan_link_lives(const struct scan_link *l);

enum scan_outcome {
	SCAN_ANSWERED,
	SCAN_LOST,    /* whoever took it has died, or the scanner before anybody did */
	SCAN_ABSENT,  /* nobody takes messages there any more */
	SCAN_FAILED,  /* it could not be sent; errno */
	SCAN_OVERDUE,
};
/* One message into one of the link's queues, and the answer, which is in the arena. */
enum scan_outcome scan_exchange(const struct scan_link *l, const struct scan_request *request, struct arena *a, struct str *ret_answer);
/* Why a message got no answer, or not one that it wants; false when there is hope, or the scanner says nothing. */
bool scan_why_overdue(struct scan *sc, const struct wire_head *request, struct arena *a, struct str *ret_why);

/* Of a SCAN; points into itself and to the items. False when it is too large (size > WIRE_BYTES_MAX) or there is no memory. */
bool scan_request_pack(struct scan_request *r, struct arena *a, const struct scan_items *items);

#endif
