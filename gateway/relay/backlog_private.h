/* The inside of the backlog, shared by backlog.c and compact.c. */
#ifndef REEVE_GATEWAY_RELAY_BACKLOG_PRIVATE_H
#define REEVE_GATEWAY_RELAY_BACKLOG_PRIVATE_H

#include "gateway/relay/backlog.h"

/* What a segment carries. */
struct segment_tag {
	struct uid *done; /* its records that are done */
	size_t n, room;
	uint64_t live_bytes;
	uint64_t done_at; /* position of the journal behind the last that was done */
};

/* A message file that may go when the journal is on disk up to position. */
struct garbage {
	struct garbage *next;
	uint64_t position;
	char file[RECORD_NAME_MAX];
};

/* A message that ended while compaction was copying it: its copy is still to come, and is done too. */
struct ended {
	struct ended *next;
	struct uid uid;
};

enum journal_pass { PASS_NONE, PASS_SEGMENTS, PASS_MAILS };

struct backlog {
	struct queue_reader *reader;
	struct journal *journal;
	struct queue_writer *writer;
	struct backlog_events events;
	void *arg;
	struct mail **buckets;
	size_t room, n, bytes, done;
	unsigned generation; /* of the table's layout */
	bool is_loaded;

	struct garbage *files, **files_last;

	/* The journal's compaction. */
	enum journal_pass pass;
	unsigned pass_generation;
	size_t pass_cursor;

	/* The compaction of one segment. */
	struct segment *copying;
	uint64_t copying_at;
	bool is_copying; /* each_record() is called for compact_record() */
	struct copy *copies;	 /* on their way through the writer */
	struct ended *ended;
	uint64_t copied_bytes;
	int64_t looked_ms;
};

struct mail *backlog_find(const struct backlog *b, struct uid uid);
struct segment_tag *tag_of(struct segment *seg);
/* True when the message ended while it was copied; forgets it. */
bool ended_take(struct backlog *b, struct uid uid);
/* The state of a recipient, written again into the current journal. */
void journal_copy(struct backlog *b, struct mail *m, uint32_t i, struct arena *a);
void journal_done(struct backlog *b, struct uid uid);

#endif
