/*
 * The filter interface. A filter is one const struct; its code reads like the RFC section or the
 * idea that it implements. An example: filters/iprev.c.
 *
 * A filter finds, it never rejects: it sets the facts that it declared and adds findings. For each
 * stage it may have two functions:
 *   want  starts look-ups (dns_ask on the scope of the stage) and returns at once; runs on a loop
 *         thread, must never block and must be cheap;
 *   run   does the work straight-line; may wait for its tickets; runs on a worker thread.
 * State between its stages hangs in *filter_state(s, stage), in the arena of that scope.
 */
#ifndef REEVE_CORE_FILTER_H
#define REEVE_CORE_FILTER_H

#include <stdbool.h>

#include "core/fact.h"
#include "core/finding.h"
#include "core/session.h"
#include "core/verdict.h"
#include "lib/conf/conf.h"

struct lists;
struct routes;
struct settings;
struct store;
struct dns;
struct gate;
struct scan;

/*
 * Conditions as the policy language has them, for directives ("limit ... unless CONDITION"): filters do
 * not see policy/, so the snapshot lends these. compile: tokens of node behind `from`, NULL after an error;
 * call it in open(). stage: from which on its facts are known. holds: RES_TEMP a list could not say.
 */
struct condition;
struct filter_conditions {
	struct condition *(*compile)(const struct filter_conditions *self, struct conf_load *load, const struct conf_node *node,
	    size_t from, enum stage stage);
	enum stage (*stage)(const struct condition *x);
	enum res (*holds)(const struct condition *x, const struct session *s, const struct recipient *r, struct arena *a);
};

enum outcome {
	RUN_OK,	  /* done */
	RUN_SKIP, /* nothing to do for this one */
	RUN_TEMP, /* could not be done: the filter's on-failure word decides; call filter_failed() first */
};

/* What a filter may use of the world; lives as long as the snapshot. */
struct filter_env {
	struct arena *arena;	     /* of the snapshot */
	struct str hostname;
	struct str state_dir;	     /* "" in dry runs without state */
	struct dns *dns;	     /* NULL while only checking */
	struct store *store;
	const struct lists *lists;
	const struct routes *routes;
	const struct settings *settings; /* NULL: there are none */
	const struct filter_conditions *conditions; /* NULL: directives cannot have any */
	bool only_check;	     /* mailreeved -t: open() checks all it can but starts nothing */
	const struct chain *chain;
	struct scan *scan;	     /* core/scan/scan.h; NULL while only checking */
	/* A key file that only root may read, for reading: -1 with errno. NULL: open() will do. */
	int (*open_key)(int keys_fd, const char *path);
	int keys_fd;
};

/* For `reevectl stats`: counts of the process, which a reload does not reset. */
struct filter_counter {
	const char *name; /* lower case, no blanks */
	const _Atomic uint64_t *value;
	const char *help;
};

struct filter {
	const char *name;
	const char *help; /* one line, for the manual */
	const struct directive *directives;
	size_t conf_size; /* of the struct that directives fill; zeroed before */
	const struct fact_def *facts;
	const struct finding_def *findings;

	/* Builds what is immutable from now on; errors go to load with the place of the block. */
	bool (*open)(void *conf, const struct filter_env *env, struct conf_load *load, struct conf_place place);
	void (*close)(void *conf);
	void (*want[STAGE_COUNT])(struct session *s, const void *conf);
	enum outcome (*run[STAGE_COUNT])(struct session *s, const void *conf);
	/*
	 * Hears what policy decided at a stage (RCPT: for the current recipient; MESSAGE: for the whole
	 * message), to charge counters or learn. Must not block. May be NULL.
	 */
	void (*settle)(struct session *s, const void *conf, enum stage stage, enum verdict_kind kind);
	/*
	 * Sees the body, octet for octet as it is relayed (CRLF line ends, no decoding), in order, in pieces
	 * of any length: as it arrives on a thread of the front end, the rest from a worker when the message
	 * is complete, never at the same time. Must be cheap and must not wait. message->headers are there
	 * at the first call; want[STAGE_HEADER] and run[STAGE_HEADER] may come before or behind it. All of
	 * the body was seen when run[STAGE_MESSAGE] is called, which without a body is the first call of
	 * all; after a refusal neither comes. State: filter_state(). May be NULL.
	 */
	void (*data)(struct session *s, const void *conf, struct str piece);
	bool is_heavy; /* its message stage goes through the scan gate */
	const struct filter_counter *counters; /* ends with a name of NULL; may be NULL */
};

/* ---- for filters, inside want, run and data ---- */

/* The facts of the stage that runs now. */
#define FACTS(s) filter_facts(s)
struct facts *filter_facts(struct session *s);
/* A finding of the running filter's table, with its score (or the one of the configuration). */
void finding_add(struct session *s, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* A finding that is no row of a table (rules): all slices are copied. */
void finding_put(struct session *s, struct str name, double score, struct str reason, struct str where,
    struct str text);
/* Why RUN_TEMP. */
void filter_failed(struct session *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* One pointer of the running filter; scope is the session's at connect and helo, else the message's. */
void **filter_state(struct session *s);
/* The session's, for state that must survive several messages. */
void **filter_session_state(struct session *s);
/* The arena and the DNS scope of the stage that runs now. */
struct arena *filter_arena(struct session *s);
struct dns_scope *filter_dns(struct session *s);

#endif
