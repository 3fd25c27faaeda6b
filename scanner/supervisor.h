/* The supervisor's state, for supervisor.c (clients, queue) and generation.c (templates, workers). */
#ifndef REEVE_SCANNER_SUPERVISOR_H
#define REEVE_SCANNER_SUPERVISOR_H

#include <poll.h>

#include "scanner/private.h"

enum { GENERATIONS_MAX = 8, POLLS_MAX = 8 + WIRE_CONNECTIONS_MAX + GENERATIONS_MAX * (1 + WIRE_WORKERS_MAX) };

enum conn_state {
	CONN_IDLE,
	CONN_WAITS,   /* for a worker */
	CONN_RUNS,    /* in one */
	CONN_RELOADS, /* for a new generation */
};

struct conn {
	int fd; /* -1: free */
	enum conn_state state;
	struct wire_head head; /* of the request */
	char *request;	       /* the datagram, WIRE_REQUEST_MAX octets of struct mail */
	size_t size;
	int memory; /* the items, -1: behind the head or none */
	struct worker *worker;
	unsigned attempts;
	uint64_t order;
	int64_t arrived_ms, deadline_ms;
	struct lost_worker {
		uint32_t generation; /* 0: none has died of it */
		int64_t ms;
	} lost;
};

struct worker {
	struct generation *generation;
	int fd; /* -1: none, or being forked again */
	pid_t pid;
	bool is_ready;	  /* it has settled and said so */
	bool busy;
	struct conn *job; /* NULL when the client went away */
	uint64_t id;	  /* of the scan; 0: what it says when it has settled */
	int64_t asked_ms; /* when the template was told to fork it */
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
	struct worker workers[WIRE_WORKERS_MAX];
	size_t worker_count;
	unsigned lost; /* workers that died before they had settled */
	enum load_rank rank;
	int64_t started_ms, ready_ms;
};

enum poll_kind { POLL_LISTEN, POLL_SIGNAL, POLL_LIFE, POLL_CONN, POLL_TEMPLATE, POLL_WORKER };
struct poll_what {
	enum poll_kind kind;
	void *what;
};

/* All of mail and of what was said of it. Templates and workers do not get it when they are forked. */
struct mail {
	char requests[WIRE_CONNECTIONS_MAX][WIRE_REQUEST_MAX];
	char answer[WIRE_ANSWER_MAX];
};

struct supervisor_stats {
	uint64_t scans, infected, unscanned, timeouts, deaths, retries, micros, loads, load_failures;
};

struct supervisor {
	int listen_fd, life_fd, signals;
	const char *tmpdir;
	struct conn conns[WIRE_CONNECTIONS_MAX];
	size_t conn_end; /* behind the last that is used */
	struct generation *generations[GENERATIONS_MAX];
	struct generation *current; /* NULL until one is ready */
	struct generation *next;    /* loads */
	struct buf wanted;	    /* the settings in force, as they came */
	uint64_t serial;
	bool changed;		    /* databases or settings are newer than what is loaded */
	bool hurries;		    /* the last load got no time: the next takes some */
	int64_t retry_ms;	    /* not before */
	unsigned load_deaths;	    /* processes that died while they loaded, one after the other */
	int64_t warn_ms;	    /* of old databases, not before */
	char error[LINK_TEXT_MAX];  /* why the last load failed; "" it did not */
	uint32_t numbers;
	uint64_t ids, orders;
	bool ends;
	struct supervisor_stats stats;
	struct pollfd polls[POLLS_MAX];
	struct poll_what poll_what[POLLS_MAX];
	size_t poll_count;
	struct wire_answer answer;
	struct mail *mail;
};

int64_t supervisor_now_ms(void);
void conn_answer(struct supervisor *s, struct conn *c, enum wire_status status, struct str text);
/* Lines "GROUP NAME VALUE"; returns their length. */
size_t supervisor_status(const struct supervisor *s, char *text, size_t size);

/* Answers those who wait for databases that cannot be loaded. */
void supervisor_give_up(struct supervisor *s);

/* A client's settings; nothing happens when they are in force already. */
void generation_want(struct supervisor *s, struct str datagram);
/* False when there are no settings yet. */
bool generation_reload(struct supervisor *s);
/* From the template. */
void generation_event(struct supervisor *s, struct generation *g);
/* The next idle one behind `after` (NULL: the first), or NULL; missing ones on the way are asked for. */
struct worker *generation_idle_worker(struct generation *g, const struct worker *after);
void generation_kill(struct worker *w);
/* A worker has gone, by itself or killed from outside. */
void generation_lost(struct supervisor *s, struct worker *w);
/* The first word of a worker: it has settled. */
void generation_settled(struct supervisor *s, struct worker *w);
/* Starts what is due, asks for missing workers, buries what has drained. */
void generations_tend(struct supervisor *s);
void generations_end(struct supervisor *s);

#endif
