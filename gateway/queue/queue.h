/*
 * The queue: durable hand-over from whoever accepts mail (gateway, DSNs of the relay, released
 * quarantine) to the relay.
 *
 * Layout in STATE/queue/: each writing process appends to segments of its own,
 * WRITER-NNNNNNNN.seg; a record is a header with magic, length and CRC-32C, the envelope, the
 * headers that we add, and the message bytes. A message that had been spooled to a file is linked
 * beside the segments (NNNN.msg) instead of copied, and its record names the file. The relay reads
 * segments as a log, in order; what became of each recipient goes to its journal; a segment that
 * has nothing left to deliver is deleted, one that has little left is compacted.
 *
 * Promise: when done(ok) is called with ok, record, data, file name and directory are on disk
 * (fdatasync or fsync; one sync for all that waited: group commit). A record that was torn by a crash
 * has a wrong CRC and was never acknowledged.
 */
#ifndef REEVE_GATEWAY_QUEUE_QUEUE_H
#define REEVE_GATEWAY_QUEUE_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/edit.h"
#include "core/session.h"
#include "lib/arena.h"
#include "lib/str.h"

struct queue_recipient {
	struct str address;
	struct str orcpt;
	unsigned notify; /* NOTIFY_* */
};

/* What is to be delivered. Slices must stay valid until done() is called. */
struct queue_entry {
	char id[ID_TEXT_MAX]; /* of the message; several entries (groups) may share it */
	int64_t arrived;      /* Unix seconds */
	struct str sender;    /* "" null */
	struct str envid;
	enum dsn_ret ret;
	bool is_8bit, is_utf8;
	bool is_dsn;	      /* one of our own: never answered */
	struct queue_recipient *recipients;
	size_t recipient_count;
	const struct edits *edits; /* applied by the relay while it writes */
	struct str data;      /* the bytes as they came in (CRLF) */
	int data_fd;	      /* the unlinked file that holds them, or -1 */
};

enum queue_result { QUEUE_OK, QUEUE_FULL /* no space: 452 */, QUEUE_FAILED /* 451 */ };

struct queue_writer;

struct queue_options {
	const char *dir;	/* STATE/queue, made when missing */
	const char *writer;	/* "gateway", "relay" ...; one process at a time (locked) */
	uint64_t segment_bytes;
	uint64_t free_min;	/* less free space than this: QUEUE_FULL before anything is written */
	bool is_durable;
};

struct queue_writer *queue_writer_open(const struct queue_options *options, struct arena *a, struct str *ret_error);
/* Descriptor of the directory, for spool_new(). */
int queue_writer_dir(const struct queue_writer *w);
/*
 * Hands entries (a chain of n: all or nothing) to the commit thread; done is called on it.
 * Thread-safe.
 */
void queue_submit(struct queue_writer *w, const struct queue_entry *entries, size_t n,
    void (*done)(void *arg, enum queue_result result), void *arg);
/* The same for who may block: waits for the commit. */
enum queue_result queue_submit_wait(struct queue_writer *w, const struct queue_entry *entries, size_t n);
/* Commits what waits, then closes. */
void queue_writer_close(struct queue_writer *w);

/* Wakes the relay after a commit: the gateway's end of a pipe that the master made; -1: none. */
void queue_writer_set_doorbell(struct queue_writer *w, int fd);

#endif
