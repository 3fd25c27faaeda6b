/*
 * Shared by loop.c (events, posts, listeners), loop_timer.c (timers), loop_conn.c (streams),
 * loop_read.c and loop_write.c (their two directions).
 */
#ifndef REEVE_LIB_LOOP_LOOP_PRIVATE_H
#define REEVE_LIB_LOOP_LOOP_PRIVATE_H

#include <event2/event.h>
#include <event2/event_struct.h>
#include <pthread.h>

#include "lib/loop/loop.h"

enum { LOOP_SCRATCH = 64 * 1024 };

/* Heap index 0 means "not set". */
struct timer {
	struct loop *loop;
	void (*fn)(void *arg);
	void *arg;
	int64_t due_us;
	size_t at;
};

struct post {
	void (*fn)(void *arg);
	void *arg;
};

struct post_list {
	struct post *v;
	size_t n, room;
};

struct loop {
	struct event_base *base;
	bool is_stopping;

	/* Binary heap by due_us, from 1. */
	struct timer **heap;
	size_t heap_n, heap_room;
	struct event tick;
	int64_t tick_us; /* when tick fires; INT64_MAX: not set */

	pthread_mutex_t lock; /* posts and doorbell_rung */
	struct post_list posts, running;
	bool is_rung;
	int doorbell;
	struct event ring;

	struct conn *todo_first, **todo_last; /* conns with work at the end of a callback */
	struct conn *dead;
	struct conn *leaving; /* closed by their owners, still writing or lingering */
	struct watch *watches;
	char *scratch; /* what one read brings, before anybody had to keep it */
};

/* Embedded timers. */
void timer_init(struct timer *t, struct loop *l, void (*fn)(void *), void *arg);
void timers_run(struct loop *l);
/* Sets the event for the earliest timer. */
void timers_arm(struct loop *l);

/* Every entry from libevent ends with this: deferred input, flushes, the dead, the next timer. */
void loop_settle(struct loop *l);
/* Part of it, in loop_conn.c. */
void conns_settle(struct loop *l);

/* Output in order: memory (room > 0) or part of a file. */
struct piece {
	struct piece *next;
	size_t n, done;
	size_t room;
	bool ends_plain; /* conn_starttls was called behind it: what follows is encrypted */
	int fd;
	off_t offset;
	char data[];
};

enum conn_state {
	STATE_CONNECTING,
	STATE_OPEN,
	STATE_TLS_WAIT, /* the plain output has to go out before the handshake starts */
	STATE_HANDSHAKE,
	STATE_ENDED,	/* on_end was called */
	STATE_LINGER,	/* our side is shut; reads and forgets */
	STATE_CLOSED,
};

struct conn {
	struct loop *loop;
	int fd;
	int error;
	enum conn_state state;
	struct ssl_st *ssl;
	const struct conn_events *events;
	void *arg;
	struct event readable, writable;

	char *in; /* loop->scratch or heap */
	size_t in_at, in_n, in_room;
	struct piece *out_first, **out_last;
	size_t out_n;

	struct timer timer;
	int64_t read_ms, write_ms, read_us, write_us; /* limits; last progress */
	size_t lingered;

	bool is_reading, is_writing; /* events are added */
	bool is_paused;
	bool is_closing, must_linger; /* conn_close_after_write */
	bool plain_done;	     /* all that was written before conn_starttls is out */
	bool has_more;		     /* OpenSSL may hold more than we read */
	bool read_wants_write;
	bool write_failed, tls_failed;
	bool is_todo, todo_input, todo_read, todo_flush, todo_fail;
	struct conn *next; /* todo or dead */
	struct conn *leaving_next, **leaving_link;
};

/* Puts it on the list of conns that conns_settle() looks at. */
void conn_todo(struct conn *c);
void conn_want_read(struct conn *c, bool wanted);
void conn_want_write(struct conn *c, bool wanted);
void conn_arm_timer(struct conn *c);
void conn_read_some(struct conn *c);
/* Calls on_input, then keeps what it left. */
void conn_deliver(struct conn *c);
void conn_linger_read(struct conn *c);
void conn_drop_input(struct conn *c);
/* Tells the owner that it is over; frees it when it has none any more. */
void conn_end(struct conn *c, enum conn_end why);
void conn_start_handshake(struct conn *c);
void conn_finish_close(struct conn *c);
void conn_flush(struct conn *c);
void conn_drop_output(struct conn *c);
/* What is written from now on goes through TLS. */
void conn_end_plain(struct conn *c);

static inline bool conn_is_tls(const struct conn *c)
{
	return c->ssl && c->state != STATE_TLS_WAIT;
}

#endif
