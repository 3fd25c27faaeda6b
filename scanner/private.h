/*
 * What the files of mailreeve-scanner share. Four kinds of process, none has threads:
 *
 *   supervisor  one; talks to clients, queues, deadlines; opens nothing, knows no library
 *   template    one per generation of databases; loads them, then only forks workers
 *   worker      several per generation; one message at a time; the only ones that read mail
 */
#ifndef REEVE_SCANNER_PRIVATE_H
#define REEVE_SCANNER_PRIVATE_H

#include <sys/types.h>

#include "scanner/engine.h"
#include "scanner/wire.h"

enum { LINK_TEXT_MAX = ENGINE_TEXT_MAX, TMPDIR_MAX = 256 };

/* Between supervisor and template, one struct a datagram. */
enum link_op {
	LINK_SPAWN = 1, /* to the template, with a socket for the worker */
	LINK_READY,	/* from it: loaded and tested */
	LINK_FAILED,	/* from it, with text; it ends */
	LINK_SPAWNED,	/* from it: pid */
	LINK_CHANGED,	/* from it: the databases are not those that it loaded */
	LINK_FORGIVE,	/* to it: take what is there now as known */
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

/* Process bodies: do not return. tmpdir: of this generation, private. */
_Noreturn void template_main(int link, const struct settings *settings, const char *tmpdir, enum load_rank rank);
_Noreturn void worker_main(int fd, struct engine *engine, const struct wire_settings *settings, const char *tmpdir);
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
