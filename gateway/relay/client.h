/*
 * One SMTP connection to a next hop: greeting, EHLO or HELO, STARTTLS as asked for, then one job
 * (a message with some of its recipients) after the other.
 *
 *   c = client_new(loop, &target, &events, arg);      on_ready when it can take a job
 *   client_send(c, job);                              on_done when every recipient has an outcome
 *   client_quit(c);                                   polite end; no more events
 *
 * on_gone: the connection is over and the client is freed; recipients of its job (if any) that have
 * no outcome yet were not decided. Nothing that waits in the input when TLS starts is believed.
 */
#ifndef REEVE_GATEWAY_RELAY_CLIENT_H
#define REEVE_GATEWAY_RELAY_CLIENT_H

#include "core/route.h"
#include "gateway/relay/body.h"
#include "gateway/relay/reply.h"
#include "lib/loop/loop.h"

struct client;
struct ssl_ctx_st;

struct client_target {
	struct ip ip;
	uint16_t port;
	int tls;		     /* enum route_tls */
	struct str tls_name;	     /* to send, and to verify when asked to; "" none */
	struct ssl_ctx_st *tls_context; /* kept as long as the client needs it */
	struct str helo;	     /* our name */
	int64_t connect_ms, command_ms, data_ms;
};

enum fate { FATE_NONE, FATE_OK, FATE_TEMP, FATE_PERM };

struct job_rcpt {
	uint32_t index;	 /* in the entry */
	enum fate fate;
	int code;
	char enhanced[12];
	struct str text; /* reply or reason; in the job's arena */
	bool is_late;	 /* decided by the reply to the data, not to RCPT */
};

struct job {
	struct arena *arena;
	const struct queue_entry *entry;
	struct body body;
	bool needs_8bit, needs_utf8;
	struct job_rcpt *rcpts;
	size_t n;
	void *owner;
	int64_t started_us;
};

enum client_trouble {
	TROUBLE_CONNECT, /* no connection, no usable greeting: the hop is down */
	TROUBLE_TLS,	 /* no TLS though it must be, or the handshake failed */
	TROUBLE_BUSY,	 /* 421, or a 4xx to greeting or EHLO */
	TROUBLE_LOST,	 /* it ended in the middle of a job */
	TROUBLE_STALE,	 /* it ended before the first reply of a job, on a connection used before */
	TROUBLE_IDLE,	 /* it ended while nothing was going on */
};

struct client_events {
	void (*on_ready)(void *arg, struct client *c);
	void (*on_done)(void *arg, struct client *c, struct job *job);
	void (*on_gone)(void *arg, struct client *c, struct job *job, enum client_trouble trouble,
	    struct str text);
};

enum {
	OFFER_PIPELINING = 1,
	OFFER_8BITMIME = 2,
	OFFER_SMTPUTF8 = 4,
	OFFER_CHUNKING = 8,
	OFFER_DSN = 16,
	OFFER_STARTTLS = 32,
	OFFER_SIZE = 64,
};

struct client *client_new(struct loop *l, const struct client_target *target,
    const struct client_events *events, void *arg);
void client_send(struct client *c, struct job *job);
bool client_is_ready(const struct client *c);
void client_quit(struct client *c);
/* At once, without a word and without events. */
void client_drop(struct client *c);

unsigned client_offers(const struct client *c);
/* Largest message that it takes; 0: did not say. */
uint64_t client_size_max(const struct client *c);
unsigned client_jobs(const struct client *c);
/* "none", "TLSv1.3 unverified" or "TLSv1.3 verified". */
const char *client_tls(const struct client *c);

#endif
