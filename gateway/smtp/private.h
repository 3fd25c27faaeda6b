/*
 * One SMTP session, as the files of this folder share it:
 *   server.c    listeners, admission, drain        reply.c    what goes to the client, trace.c
 *   session.c   life cycle, input pump, time-outs  greet.c    connect stage, banner, HELO/EHLO
 *   command.c   the table of verbs                 envelope.c MAIL, RCPT
 *   stage.c     parking, workers, verdicts         data.c     DATA, bdat.c BDAT: receiving
 *   header.c    its header while the rest comes    tls.c, xclient.c, received.c
 *   finish.c    judging and queueing a message
 *   wire.h      the pure parsers
 *
 * A session belongs to its loop. While `wait` is not WAIT_NOTHING no command is read; in WAIT_WORKER
 * and WAIT_QUEUE it is somebody else's and the loop only notes what happens to the connection.
 */
#ifndef REEVE_GATEWAY_SMTP_PRIVATE_H
#define REEVE_GATEWAY_SMTP_PRIVATE_H

#include <pthread.h>

#include "core/session.h"
#include "core/verdict.h"
#include "gateway/judge.h"
#include "gateway/queue/queue.h"
#include "gateway/smtp/smtp.h"
#include "gateway/smtp/wire.h"
#include "gateway/snapshot.h"

enum { SMTP_MAGIC = 0x536d7470, TRANSFER_GRACE_MS = 60000, REPLY_MAX = 510, /* octets of a line */
	HELO_MAX = 64,		/* of one session: each leaves a little in its memory */
	OUTPUT_MAX = 64 * 1024	/* unsent replies; no command is read until they are sent */
};

enum smtp_mode {
	MODE_PROXY,   /* the PROXY header comes first */
	MODE_GREET,   /* before our banner */
	MODE_COMMAND,
	MODE_DATA,
	MODE_BDAT,
	MODE_REFUSED, /* 554 banner: only QUIT */
	MODE_CLOSED,  /* the connection is gone or going */
};

enum smtp_wait {
	WAIT_NOTHING,
	WAIT_LOOKUPS, /* parked for DNS */
	WAIT_BANNER,  /* banner_ms is not over */
	WAIT_WORKER,
	WAIT_DELAY,   /* of a verdict */
	WAIT_QUEUE,
};

struct smtp_loop;
struct smtp_client;

struct smtp {
	unsigned magic;
	enum smtp_mode mode;
	enum smtp_wait wait;
	struct smtp_loop *home;
	struct smtp *next, **link; /* in home->sessions */
	struct conn *conn;	   /* NULL when it is gone */
	const struct smtp_listen *listen;
	const struct listen_conf *conf;
	struct snapshot *snap;
	struct session *s;
	struct smtp_client *client; /* counts sessions of this address */
	struct timer *timer, *life;

	/* The stage in hand. */
	enum stage stage;
	void (*then)(struct smtp *c, const struct verdict *v);
	struct verdict verdict;
	int64_t banner_us;
	_Atomic int posts; /* look-up news on its way to the loop */

	/* Decided for all recipients before RCPT: quarantine, discard. */
	const struct verdict *connect_decided, *session_decided, *message_decided;
	struct address sender; /* of MAIL, until its stage is over */

	/* Receiving. */
	struct content_reader *reader;
	const char *failure;	/* reply that waits for the end of the message; static or the message's */
	bool is_refused;	/* by a verdict, which was logged already */
	bool has_header;	/* parsed, and its stage begun, before the end */
	const char *header;	/* the copy that was parsed then */
	size_t searched;	/* for the end of the header section */
	int64_t header_us;	/* when its stage began */
	uint64_t received;	/* octets since data_us, on the wire */
	uint64_t chunk_left;
	size_t charged;		/* of the memory budget */
	int64_t data_us;
	bool is_last_chunk, is_bdat;

	/* The message in judgement. */
	struct judgement *judgement;
	struct delivery_group *groups; /* of the judgement, signed and sealed */
	struct smtp_delivery *delivery;

	unsigned commands, errors, helos;
	bool has_helo, has_failed_rcpt;
	bool is_pumping, is_paused, is_choked, is_traced, is_tls, is_ending, is_xclient;
	size_t skipped;
	bool skips_line;    /* throws away the rest of a line that was too long */
	bool is_postmaster; /* the recipient in hand is the bare postmaster */
};

/* ---- server.c ---- */
struct smtp_loop {
	struct smtp_server *server;
	struct loop *loop;
	struct listener **listeners;
	struct smtp *sessions;
	struct smtp_accept *accepts;
	bool is_draining; /* its listeners are closed */
};

struct smtp_traces {
	pthread_mutex_t lock;
	_Atomic size_t n; /* looked at without the lock: mostly there is none */
	struct smtp_trace {
		struct cidr net;
		int64_t until_us;
	} v[SMTP_TRACES_MAX];
};

struct smtp_server {
	struct smtp_server_options o;
	struct smtp_stats stats;
	struct smtp_loop *loops;
	_Atomic bool is_draining;
	_Atomic size_t loops_busy; /* while draining */
	_Atomic uint64_t *listen_sessions;
	pthread_mutex_t lock; /* clients */
	struct smtp_client *clients[1024];
	struct smtp_traces traces;
};

/* False when the client has max sessions already; counts this one otherwise. */
bool smtp_client_enter(struct smtp *c, const struct ip *ip);
void smtp_client_leave(struct smtp *c);
/* A session was taken off the list. */
void smtp_left(struct smtp_loop *home, const struct smtp_listen *listen);
static inline struct smtp_stats *smtp_stats(struct smtp *c)
{
	return &c->home->server->stats;
}
static inline void smtp_count(_Atomic uint64_t *counter)
{
	atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

/* ---- session.c ---- */
const struct listen_conf *smtp_listen_conf(const struct smtp_listen *listen, const struct config *config);
void smtp_start(struct smtp_loop *home, const struct smtp_listen *listen, int fd, const struct ip *client,
    uint16_t port);
/* Makes the core session anew, for another client (XCLIENT, PROXY). */
void smtp_session_new(struct smtp *c, const struct ip *client, uint16_t port, const struct ip *local,
    uint16_t local_port);
/* Reads and works as long as there is something and nobody is waited for. */
void smtp_pump(struct smtp *c);
/* The conn goes (after what was written); the session itself stays until smtp_settle(). */
void smtp_end(struct smtp *c, bool must_linger);
/* Last call of every entry from the loop: frees what has ended, unless somebody holds it. */
void smtp_settle(struct smtp *c);
/* Forgets the transaction and gives its memory back. */
void smtp_message_end(struct smtp *c);
/* A reload may put another context there at any time. */
static inline struct ssl_ctx_st *smtp_tls(const struct smtp *c)
{
	return __atomic_load_n(&c->listen->tls, __ATOMIC_ACQUIRE);
}
static inline bool smtp_is_open(const struct smtp *c)
{
	return c->mode != MODE_CLOSED;
}

/* ---- trace.c ---- */
/* Logs a line of the dialogue when the client is to be traced. */
void smtp_trace(struct smtp *c, const char *direction, struct str text);

/* ---- reply.c ---- */
void smtp_reply(struct smtp *c, const char *text);
void smtp_replyf(struct smtp *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Counts against the error budget; over it: 421 and the end. */
void smtp_error(struct smtp *c, const char *text);
/* The reply of a refusing verdict, counted and logged, in the arena of its stage. */
struct str smtp_refusal(struct smtp *c, const struct verdict *v);
/* The same, said; 421 ends the session. */
void smtp_refuse(struct smtp *c, const struct verdict *v);
/* Last words. */
void smtp_bye(struct smtp *c, const char *text);

/* ---- stage.c ---- */
bool smtp_verdict_refuses(const struct verdict *v);
/* Look-ups, filters, policy; then() gets the verdict, on the loop. */
void smtp_stage(struct smtp *c, enum stage stage, void (*then)(struct smtp *c, const struct verdict *v));
/* The timer fired while parked or delayed. */
void smtp_stage_timer(struct smtp *c);
void smtp_lookups_done(void *arg); /* on the DNS thread */
/* Hands over to the pool; work() ends with smtp_work_done(). False: the pool is full. */
bool smtp_work(struct smtp *c, void (*work)(void *arg));
/* On the worker, last of all: done() runs on the loop and starts with smtp_take_back(). */
void smtp_work_done(struct smtp *c, void (*done)(void *arg));
/* Back from somebody else's hands; false when the session ended meanwhile and is gone now. */
bool smtp_take_back(struct smtp *c);

/* ---- greet.c, command.c, envelope.c, data.c, bdat.c, header.c, tls.c, xclient.c, finish.c ---- */
void smtp_greet(struct smtp *c);
void smtp_forget_helo(struct smtp *c);
void smtp_helo(struct smtp *c, struct str args);
void smtp_ehlo(struct smtp *c, struct str args);
void smtp_command(struct smtp *c, struct str line);
void smtp_mail(struct smtp *c, struct str args);
void smtp_rcpt(struct smtp *c, struct str args);
void smtp_data(struct smtp *c, struct str args);
void smtp_bdat(struct smtp *c, struct str args);
/* Take from the input what belongs to them; false when more is needed. */
bool smtp_data_input(struct smtp *c);
bool smtp_bdat_input(struct smtp *c);
/* Between data.c and bdat.c. */
const char *smtp_receive_start(struct smtp *c, bool is_bdat);
/* Counts what the message takes in memory now; false: more than all sessions together may. */
bool smtp_charge(struct smtp *c);
/* The message fails: the rest of it is read for nothing, then the reply is said. */
void smtp_receive_fail(struct smtp *c, const char *reply);
/* It failed while it came in: the reply, and the end of the transaction. */
void smtp_receive_failed(struct smtp *c);
bool smtp_too_slow(struct smtp *c);
void smtp_smuggled(struct smtp *c);
void smtp_starttls(struct smtp *c, struct str args);
void smtp_secured(struct smtp *c);
void smtp_xclient(struct smtp *c, struct str args);
/* The client stands in a network that may speak for others. */
bool smtp_may_xclient(const struct smtp *c);
void smtp_set_tls(struct smtp *c);
/* After a read that did not complete the message: may begin the header stage. */
void smtp_header_look(struct smtp *c);
/* What policy said at the header stage holds for all recipients. */
void smtp_header_decided(struct smtp *c, const struct verdict *v);
/* The message stage for all recipients, into c->judgement and c->verdict; on a worker or the loop. */
void smtp_judge_message(struct smtp *c);
/* The message is complete in the spool. */
void smtp_finish(struct smtp *c);
/* RFC 5321 4.4; for: the only recipient, or "". */
struct str smtp_received(const struct session *s, struct arena *a, unsigned tls_bits, int64_t now);

#endif
