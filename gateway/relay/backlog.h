/*
 * What the relay has to deliver, in memory: one small struct per queued message, found by uid, with
 * the state of each recipient. Envelopes and data stay on disk and are read when needed (a message
 * costs about 150 octets, so that a backlog of a million is nothing).
 *
 * The backlog owns the reader, the journal and the cleaning: message files and segments are deleted
 * when nothing in them is waiting and the journal that says so is on disk; a journal that has
 * become long, and a segment of which little is left, are compacted.
 */
#ifndef REEVE_GATEWAY_RELAY_BACKLOG_H
#define REEVE_GATEWAY_RELAY_BACKLOG_H

#include "gateway/queue/journal.h"
#include "gateway/queue/reader.h"

enum { RCPT_BUSY = 128 /* in flags, beside STATE_*: being delivered now; never in the journal */ };

struct rcpt {
	uint32_t site;
	uint16_t attempts;
	uint8_t state, flags;
	int64_t next_ms;
	journal_ref ref;
};

enum { MAIL_DSN = 1, MAIL_FILE = 2, MAIL_DONE = 4, MAIL_COPYING = 8 };

struct mail {
	struct mail *chain;
	struct uid uid;
	struct segment *seg;
	uint64_t offset, length;
	int64_t arrived;
	uint32_t n, live; /* recipients; those that are waiting */
	uint32_t pins;	  /* who still points here */
	uint32_t flags;
	struct rcpt r[];
};

static inline bool rcpt_is_live(const struct rcpt *r)
{
	return r->state == STATE_WAITING;
}

struct backlog;

struct backlog_events {
	/* A new message: set site of each recipient. */
	void (*added)(void *arg, struct mail *m, const struct queue_entry *e);
	/* It is known what is left to do: put it where it belongs. */
	void (*ready)(void *arg, struct mail *m);
	void (*trouble)(void *arg, struct str text);
};

/* Reads all that is there; added for each message, then ready for each that has something left. */
struct backlog *backlog_open(const char *dir, const struct backlog_events *events, void *arg,
    struct arena *a, struct str *ret_error);
void backlog_close(struct backlog *b);
/* Where compaction writes; NULL: none is done. */
void backlog_set_writer(struct backlog *b, struct queue_writer *w);

/* New records, at most max; true: call again soon. */
bool backlog_poll(struct backlog *b, bool look_around, size_t max);
/* Cleans and compacts, a little at a time; call it a few times a second. */
void backlog_maintain(struct backlog *b);

/* Keeps m in memory although it may be done; unpin may free it. */
void mail_pin(struct mail *m);
void mail_unpin(struct mail *m);

/* Reads head and envelope. False: damaged; the caller holds it. */
bool backlog_entry(struct backlog *b, const struct mail *m, struct arena *a, struct record_head *ret_head,
    struct queue_entry *ret_entry, struct str *ret_file);
bool backlog_data(struct backlog *b, const struct mail *m, const struct record_head *head, struct str file,
    struct queue_data *ret_data);

/* Writes the recipient's state to the journal, text with it; the last live one ends the message. */
void backlog_note(struct backlog *b, struct mail *m, uint32_t i, struct str text);
/* The last text noted for the recipient, and when. */
struct str backlog_text(struct backlog *b, const struct rcpt *r, struct arena *a);
int64_t backlog_when(struct backlog *b, const struct rcpt *r);

/*
 * Walks all messages, count at most, from *cursor (start with 0) on; false when it was through.
 * Messages may be ended meanwhile; those added meanwhile may be missed.
 */
bool backlog_walk(struct backlog *b, size_t *cursor, size_t count, void (*each)(void *arg, struct mail *m), void *arg);
size_t backlog_count(const struct backlog *b);
size_t backlog_bytes_in_memory(const struct backlog *b);

#endif
