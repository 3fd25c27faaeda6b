/*
 * What the files of mailreeve-scanner share. Four kinds of process, none has threads:
 *
 *   supervisor  one; settings, questions, deadlines; opens nothing, knows no library, sees no mail
 *   template    one per generation of databases; loads them, then only forks workers
 *   worker      several per generation; takes one message at a time from the queue; the only ones that read mail
 */
#ifndef REEVE_SCANNER_PRIVATE_H
#define REEVE_SCANNER_PRIVATE_H

#include <sys/types.h>

#include "scanner/desk.h"
#include "scanner/engine.h"
#include "scanner/wire.h"

enum { LINK_TEXT_MAX = ENGINE_TEXT_MAX, TMPDIR_MAX = 256, MESSAGE_MS_MAX = 3600 * 1000 };

/* Between supervisor and template, or worker, one struct a datagram. */
enum link_op {
	LINK_SPAWN = 1, /* to the template, with a socket for the worker */
	LINK_READY,	/* from it: loaded and tested */
	LINK_FAILED,	/* from it, with text; it ends */
	LINK_SPAWNED,	/* from it: pid */
	LINK_CHANGED,	/* from it: the databases are not those that it loaded */
	LINK_SETTLED,	/* from a worker: pid; it has made a scan of its own */
	LINK_GO,	/* to it: take mail. SIGTERM: no more of it, and end */
};

struct link_message {
	uint32_t op;
	uint32_t slot;
	int32_t pid;
	struct engine_info info;
	char text[LINK_TEXT_MAX];
};

struct settings {
	struct wire_settings wire;
	struct str paths[WIRE_PATHS_MAX];
	size_t count;
	char *datagram; /* holds the paths */
	size_t size;
};

/* How a template loads while others scan, who come first. */
enum load_rank {
	LOAD_AS_ALL, /* nobody scans meanwhile */
	LOAD_LOW,    /* with a tenth of the others' time when all want some */
	LOAD_IDLE,   /* when nobody else wants the processor */
};

/* Where mail waits: receiving ends of sockets. */
struct queues {
	int fresh;
	int again; /* for workers that have had none yet */
};

/* What a template is given when it is forked. */
struct template_job {
	const struct settings *settings;
	const char *tmpdir; /* of this generation, private */
	enum load_rank rank;
	uint32_t generation;
	struct queues queues;
	struct desk *const *desks; /* of the workers */
};

/* What a worker is given. */
struct worker_job {
	int link; /* to the supervisor */
	struct queues queues;
	struct engine *engine; /* NULL: none is wanted */
	const struct wire_settings *settings;
	const char *tmpdir; /* its own */
	struct desk *desk;
	uint32_t generation;
	struct engine_info info;
};

/* Process bodies: do not return. */
_Noreturn void template_main(int link, const struct template_job *job);
_Noreturn void worker_main(const struct worker_job *job);
int supervisor_main(int listen_fd, int life_fd, int ready_fd, const char *tmpdir);

/* Puts what this process has in memory into huge pages, where the kernel can and the administrator lets. */
void hugepages_gather(void);

/*
 * Makes a new folder of our own in /dev/shm, for memory is the place for what is unpacked, or in the given one
 * when there is none. Before that, removes those there that killed scanners have left. path: TMPDIR_MAX octets.
 */
bool tmpdir_make(const char *given, char *path, size_t size);
/* Removes what is in the folder, and the folder itself when asked. */
void tmpdir_clear(const char *path, bool itself);

#endif
