/* The supervisor's state, for its files: supervisor.c (clients), generation.c (databases), workers.c, status.c. */
#ifndef REEVE_SCANNER_SUPERVISOR_H
#define REEVE_SCANNER_SUPERVISOR_H

#include <poll.h>

#include "scanner/private.h"

enum { GENERATIONS_MAX = 8, POLLS_MAX = 8 + WIRE_CONNECTIONS_MAX + GENERATIONS_MAX * (1 + WIRE_WORKERS_MAX) };

struct conn {
	int fd; /* -1: free */
	bool waits; /* for a new generation */
	struct wire_head head; /* of the request */
};

enum worker_state {
	WORKER_NONE,
	WORKER_STARTS,	/* the template was told to fork it */
	WORKER_SETTLED, /* it has made a scan of its own, and waits for our word */
	WORKER_SERVES,
	WORKER_ENDS,	/* was told to take no more */
};

struct worker {
	struct generation *generation;
	enum worker_state state;
	int fd; /* -1: none, or being forked again */
	pid_t pid;
	struct desk *desk;
	int64_t asked_ms; /* when the template was told to fork it */
	int64_t told_ms;  /* when it was told to begin, or to end */
};

enum generation_state { GENERATION_LOADS, GENERATION_READY, GENERATION_DRAINS };

struct generation {
	enum generation_state state;
	uint32_t number;
	pid_t pid;
	int link;
	struct settings settings;
	struct engine_info info;
	char tmpdir[TMPDIR_MAX];
	struct desk *desks[WIRE_WORKERS_MAX];
	struct worker workers[WIRE_WORKERS_MAX];
	size_t worker_count; /* 0 until it has loaded */
	unsigned lost; /* workers that died before they had settled */
	enum load_rank rank;
	int64_t started_ms, ready_ms;
};

enum poll_kind { POLL_LISTEN, POLL_SIGNAL, POLL_LIFE, POLL_QUEUE, POLL_CONN, POLL_TEMPLATE, POLL_WORKER };
struct poll_what {
	enum poll_kind kind;
	void *what;
};

struct supervisor_stats {
	uint64_t scans, infected, unscanned, timeouts, deaths, retries, micros, loads, load_failures;
};

struct supervisor {
	int listen_fd, life_fd, signals;
	const char *tmpdir;
	struct queues queues;	/* workers take from here */
	struct wire_fds senders; /* the other ends of the two, for clients */
	struct conn conns[WIRE_CONNECTIONS_MAX];
	size_t conn_end; /* behind the last that is used */
	struct generation *generations[GENERATIONS_MAX];
	struct generation *current; /* NULL until one is ready */
	struct generation *next;    /* loads */
	bool takes_over;	    /* the one before may still take a message, nobody has been told */
	struct buf wanted;	    /* the settings in force, as they came */
	uint64_t serial;
	bool changed;		    /* databases or settings are newer than what is loaded */
	bool hurries;		    /* the last load got no time: the next takes some */
	int64_t retry_ms;	    /* not before */
	unsigned load_deaths;	    /* processes that died while they loaded, one after the other */
	int64_t warn_ms;	    /* of old databases, not before */
	int64_t idle_ms;	    /* when workers were ended last because they did nothing */
	char error[LINK_TEXT_MAX];  /* why the last load failed; "" it did not */
	uint32_t numbers;
	bool ends;
	struct supervisor_stats stats; /* but for what the desks of living generations count */
	struct pollfd polls[POLLS_MAX];
	struct poll_what poll_what[POLLS_MAX];
	size_t poll_count;
	struct wire_answer answer;
	char request_room[WIRE_REQUEST_MAX], answer_room[WIRE_ANSWER_MAX];
};

int64_t supervisor_now_ms(void);
/* To all who wait for a new generation. */
void supervisor_tell_waiting(struct supervisor *s, enum wire_status status, const char *text);
/* ---- scanner/generation.c ---- */

/* A client's settings; nothing happens when they are in force already. */
void generation_want(struct supervisor *s, struct str datagram);
/* False when there are no settings yet. */
bool generation_reload(struct supervisor *s);
/* From the template. */
void generation_event(struct supervisor *s, struct generation *g);
/* From a worker: it has settled, has gone, or says what it should not. */
void generation_worker_event(struct supervisor *s, struct worker *w);
/* Of its newest database. */
int64_t generation_age_s(const struct generation *g);
/* Starts what is due, asks for missing workers, ends what hangs, buries what has drained. */
void generations_tend(struct supervisor *s);
/* True when none has a worker that may have mail. */
bool generations_are_done(const struct supervisor *s);
void generations_end(struct supervisor *s);

/* ---- scanner/workers.c ---- */

/* The template is told to fork those who are not there. g may be NULL. */
void generation_ask_for_missing(struct generation *g);
/* It takes mail from now on. */
void worker_go(struct worker *w);
/* At once. */
void worker_kill(struct worker *w);
/* It has gone; asked_ms: as in the struct, for the next one in its place. */
void worker_forget(struct worker *w, int64_t asked_ms);
/* Takes nothing any more. True also of one that is stopped, and of those who were not told to end. */
bool worker_is_quiet(const struct worker *w);
/* Ends it when it does not settle, does not hear that it shall end, or has a message whose time is over. */
void worker_watch(struct supervisor *s, struct worker *w, int64_t now_ms);
/* The workers take no more mail; what has begun is finished. */
void generation_drain(struct generation *g);
bool generation_has_work(const struct generation *g);
/* Some worker ends or starts, and will look for a second try in a moment; or nothing can be done but wait for one that ends. */
bool generation_awaits_fresh(const struct generation *g);
/* Whether its workers leave time to who loads. */
void generation_leave_gaps(struct generation *g, bool wanted);
/* Some worker was told to end. */
bool generation_has_ending(const struct generation *g);
/* One of the workers ends, so that a fresh one comes. */
void generation_refresh(struct generation *g);
/* The worker with that message on its desk, or NULL. */
struct worker *generation_find(struct supervisor *s, uint64_t id);
/* Ends it at once: its message had no more time. */
void generation_time_out(struct supervisor *s, struct worker *w);
/* Ends those who have nothing to do and did not take what has waited since then: they hang. */
void generation_end_idle(struct generation *g, int64_t sent_ms);

/* ---- scanner/status.c ---- */

/* Lines "NAME VALUE"; returns their length. */
size_t supervisor_status(const struct supervisor *s, char *text, size_t size);
/* What its workers have counted. */
void generation_add_counts(const struct generation *g, struct supervisor_stats *sum);

#endif
