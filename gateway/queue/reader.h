/*
 * The relay's side of the queue folder: finds the segments of all writers, reads new records as
 * they are committed, and gives access to what a record holds. For one thread.
 *
 * queue_reader_poll() calls each() for every record that was not seen yet, in the order of each
 * segment. Whoever keeps an entry holds its segment with segment_ref(); a segment of which nothing
 * is held, and to which nothing will be added, is deleted by queue_reader_sweep().
 */
#ifndef REEVE_GATEWAY_QUEUE_READER_H
#define REEVE_GATEWAY_QUEUE_READER_H

#include "gateway/queue/record.h"

struct queue_reader;
struct segment;

struct queue_reader_events {
	/* A record at offset; keep what you need. */
	void (*each)(void *arg, struct segment *seg, uint64_t offset, const struct record_head *head,
	    const struct queue_entry *entry, struct str file);
	/* Something is wrong on disk: a text for the log. */
	void (*trouble)(void *arg, struct str text);
	/* The segment is deleted or the reader closed: free its tag. May be NULL. */
	void (*gone)(void *arg, struct segment *seg);
};

/* dir: STATE/queue, made when missing. NULL and a text when it cannot. */
struct queue_reader *queue_reader_open(const char *dir, const struct queue_reader_events *events,
    void *arg, struct arena *a, struct str *ret_error);
void queue_reader_close(struct queue_reader *r);

int queue_reader_dir(const struct queue_reader *r);
/*
 * Reads at most max records; true when there may be more at once. look_around: also looks for new
 * writers and segments (a directory listing); else only when a known writer has gone on to a new one.
 */
bool queue_reader_poll(struct queue_reader *r, bool look_around, size_t max);

void segment_ref(struct segment *seg);
void segment_unref(struct segment *seg);
const char *segment_name(const struct segment *seg);
uint64_t segment_size(const struct segment *seg);
size_t segment_refs(const struct segment *seg);
/* Whatever the caller wants to keep with it; NULL at first. */
void **segment_tag(struct segment *seg);
/* No writer adds to it and all of it was read. */
bool segment_is_complete(const struct segment *seg);
struct segment *queue_reader_first(struct queue_reader *r);
struct segment *segment_next(struct segment *seg);
/* Records of it from *offset (start with 0) on, each() as in poll; RES_NONE at the end. */
enum res segment_read(struct queue_reader *r, struct segment *seg, uint64_t *offset);

/* Deletes complete segments that nobody holds and that may() agrees to (NULL: all); returns their count. */
size_t queue_reader_sweep(struct queue_reader *r, bool (*may)(void *arg, struct segment *seg), void *arg);
void queue_reader_remove_file(struct queue_reader *r, struct str file);
/*
 * Removes *.msg that no record names and no living writer is about to name; is_known is asked for each.
 */
void queue_reader_remove_orphans(struct queue_reader *r, bool (*is_known)(void *arg, struct str file), void *arg);

/* An entry once more: head, and envelope and edits in the arena. False: unreadable or damaged. */
bool queue_reader_entry(struct queue_reader *r, struct segment *seg, uint64_t offset, struct arena *a,
    struct record_head *ret_head, struct queue_entry *ret_entry, struct str *ret_file);

/* The data of an entry: a descriptor (of the segment or a file of its own) and where it starts. */
struct queue_data {
	int fd;
	uint64_t offset, length;
	bool is_own; /* close it */
};
bool queue_reader_data(struct queue_reader *r, struct segment *seg, uint64_t offset,
    const struct record_head *head, struct str file, struct queue_data *ret_data);
void queue_data_close(struct queue_data *d);

#endif
