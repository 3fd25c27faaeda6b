/*
 * The inside of the relay. relay.c owns the process's side (opening, ticks, ageing), places.c finds
 * the site of a domain, pump.c runs connections, deliver.c makes jobs and takes their outcomes,
 * report.c writes to senders, command.c answers reevectl.
 */
#ifndef REEVE_GATEWAY_RELAY_RELAY_PRIVATE_H
#define REEVE_GATEWAY_RELAY_RELAY_PRIVATE_H

#include "gateway/relay/backlog.h"
#include "gateway/relay/client.h"
#include "gateway/relay/map.h"
#include "gateway/relay/relay.h"
#include "gateway/relay/resolve.h"
#include "gateway/relay/site.h"

enum {
	JOB_RECIPIENTS_MAX = 100,  /* of one transaction: what every server must take (RFC 5321, 4.5.3.1.8) */
	CONNECTION_JOBS_MAX = 1000,
	CONNECTION_IDLE_MS = 5000,
	OUTSIDE_MAX = 200,	   /* connections to strangers, all together: ours must not wait for them */
	DOMAINS_MAX = 100000,	   /* remembered; then forgotten all at once */
	HOP_TEXT_MAX = 120,
	REPORT_DOMAINS = 1024,
	SITE_IDLE_S = 600,	   /* then one that nobody needs is forgotten */
	SITES_MANY = 1000,	   /* more: at once */
};

/* Trusted issuers take a megabyte: sites with the same ones share them. */
struct tls_shared {
	struct tls_shared *next;
	struct ssl_ctx_st *context; /* NULL: it cannot be made */
	char ca[];		    /* "": the system's */
};

/* Reports written in this minute. Domains share counters by their hash, so that memory stays bounded. */
struct report_rate {
	int64_t minute;
	int64_t total;
	uint16_t by_domain[REPORT_DOMAINS];
};

struct relay {
	struct loop *loop;
	struct dns *dns;
	struct snapshot *snapshot;
	const struct config *config;
	struct str hostname;
	struct backlog *backlog;
	struct queue_writer *writer;
	struct resolver resolver;
	struct arena *defaults_arena;
	struct route defaults;

	struct site **sites; /* by index; NULL: forgotten, to be used again */
	size_t site_n, site_room, site_count;
	struct tls_shared *tls;
	struct map *site_by_key, *site_by_domain;
	struct site *queued; /* to be pumped */
	bool is_pumping;

	struct timer *tick;
	int64_t looked_us, walked_us;
	size_t walk_cursor;
	uint64_t walks;
	int doorbell;
	bool is_polling, more_waits;

	size_t jobs, reports; /* under way */
	unsigned outside; /* connections to servers that no route names */
	struct report_rate report_rate;
	bool is_draining, is_drained;
	void (*drained)(void *arg);
	void *drained_arg;

	const char *(*reload)(void *arg, struct buf *out);
	void (*stats)(void *arg, struct buf *out);
	void *hook_arg;

	uint64_t delivered, deferred, bounced, reported;
};

/* One connection. */
struct client_slot {
	struct client_slot *next;
	struct relay *relay;
	struct site *site;
	struct endpoint *endpoint;
	struct client *client;
	struct delivery *delivery; /* NULL: idle or not ready yet */
	bool was_ready, is_idle;
	int64_t idle_since_us;
};

/* A message with its envelope in hand: on its way, or having something said about it. */
struct delivery {
	struct relay *relay;
	struct site *site;
	struct mail *mail; /* pinned */
	struct arena *arena;
	struct record_head head;
	struct queue_entry entry;
	struct queue_data data;
	struct segment *segment; /* data is in it; held */
	struct job job;
	unsigned refs;
	char hop[HOP_TEXT_MAX]; /* "mail.example.org[10.0.0.5]:25" */
	const char *tls;
	bool server_has_dsn;
	int64_t next_ms; /* for those that are deferred; 0: by the schedule */
	bool is_free_try; /* nothing was really tried: it does not count */
};

static inline int64_t wall_ms(int64_t now_us)
{
	return now_us / 1000;
}

/* places.c */
uint32_t place_of(struct relay *r, struct str address);
void places_free(struct relay *r);
/* A message names the site: it is needed still. */
void place_needed(struct relay *r, uint32_t site);
/* After a walk through all messages: forgets the sites that none of them named, and that are idle. */
void places_expire(struct relay *r);

/* pump.c */
void pump(struct relay *r, struct site *s);
void pump_later(struct relay *r, struct site *s);
void pump_queued(struct relay *r);
void pump_resolved(void *arg, struct site *s);
/* Closes connections that have been idle long enough (or all idle ones). */
void pump_idle(struct relay *r, struct site *s, bool all);
/* No connection may outlive this. */
void pump_drop(struct relay *r);
/* Files of issuers may have changed: they are read again when needed. */
void pump_forget_tls(struct relay *r);

/* deliver.c */
/* The next due message of the site with its due recipients, marked busy; NULL: none. */
struct delivery *delivery_take(struct relay *r, struct site *s);
/* The message with the recipients that each(m, i) says yes to, of any site. NULL: damaged or none. */
struct delivery *delivery_of(struct relay *r, struct mail *m, bool (*each)(const struct relay *r, const struct mail *m, uint32_t i));
/* False: it cannot be sent there, and that has been dealt with. */
bool delivery_check(struct delivery *d, const struct client *c);
/* Every recipient has an outcome (none: temporary, with text): note, log, report. Gives up d. */
void delivery_settle(struct delivery *d, struct str text);
/* The same outcome for all that have none. */
void delivery_decide(struct delivery *d, enum fate fate, int code, const char *enhanced, struct str text);
/* d points to the site from now on. */
void delivery_place(struct delivery *d, struct site *s);
void delivery_ref(struct delivery *d);
void delivery_unref(struct delivery *d);
/* Where (m, site of recipient i) waits: pushed once for its earliest live recipient. */
void delivery_requeue(struct relay *r, struct mail *m, uint32_t site);
void delivery_check_drained(struct relay *r);

/* report.c */
enum report_kind { REPORT_FAILED, REPORT_DELAYED, REPORT_RELAYED };
bool report_is_owed(const struct mail *m, const struct queue_entry *e, uint32_t i, enum report_kind kind);
/*
 * Reports the recipients marked in which (indices of job.rcpts); done(d, ok) on the loop when the
 * report is in the queue or could not be put there. Keeps a reference to d.
 */
void report_send(struct delivery *d, enum report_kind kind, const bool *which,
    void (*done)(struct delivery *d, const bool *which, bool ok));

#endif
