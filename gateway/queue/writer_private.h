/*
 * The writing side of the queue, as its two files share it: submit.c makes records of what is handed in
 * and links the files of large messages, writer.c opens, closes and commits.
 */
#ifndef REEVE_GATEWAY_QUEUE_WRITER_PRIVATE_H
#define REEVE_GATEWAY_QUEUE_WRITER_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/uio.h>

#include "gateway/queue/live.h"
#include "gateway/queue/record.h"

enum { WRITER_NAME_MAX = 32 };

/* One record on its way to the disk. */
struct item {
	struct queue_entry entry; /* its slices are the caller's */
	struct record_head head;
	unsigned char *octets;	  /* head and meta */
	char file[RECORD_NAME_MAX];
	bool is_linked;
};

struct submission {
	struct submission *next;
	void (*done)(void *arg, enum queue_result result);
	void *arg;
	enum queue_result result;
	uint64_t bytes;
	size_t n;
	struct item items[];
};

/* Submissions that wait for one thread. */
struct line {
	struct submission *first, **last;
	pthread_cond_t is_filled;
	pthread_t thread;
	bool is_started, is_stopping;
};

struct queue_writer {
	char name[WRITER_NAME_MAX];
	uint64_t segment_bytes, free_min;
	bool is_durable;
	int dir_fd;
	struct live live;
	uint64_t epoch;
	_Atomic uint64_t serial;
	_Atomic int doorbell;

	pthread_mutex_t lock; /* of the two lines */
	struct line commit, link;

	/* The commit thread's own. */
	int fd;
	uint64_t number, offset;
	bool is_new; /* the segment's name is not on disk yet */
	int64_t free_checked_us;
	bool is_low;
	struct iovec *iov;
	size_t iov_room;
};

/* writer.c */
void writer_line_add(struct queue_writer *w, struct line *line, struct submission *s);
/* Takes all that wait; NULL at the end of the line's life. */
struct submission *writer_line_take(struct queue_writer *w, struct line *line);
/* Tells its owner the result and frees it; of one that failed the linked files go too. */
void writer_submission_end(struct queue_writer *w, struct submission *s);
enum queue_result writer_result_of_errno(int e);

/* submit.c: the link thread */
void *writer_link_main(void *arg);

#endif
