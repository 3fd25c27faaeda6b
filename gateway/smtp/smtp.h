/*
 * The SMTP front end: listeners and sessions on loop threads, judging on the worker pool.
 *
 *     server = smtp_server_new(&options);     loops not running yet, or called on none of them
 *     ... the loops run ...
 *     smtp_server_drain(server);              no new sessions, idle ones get 421, the others end
 *                                             after their message; on_drained when all are gone
 *     smtp_server_free(server);               after the loops have stopped
 *
 * Each session keeps the snapshot that was current when it came. Thread-safe but for new and free.
 */
#ifndef REEVE_GATEWAY_SMTP_SMTP_H
#define REEVE_GATEWAY_SMTP_SMTP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/config.h"
#include "lib/loop/loop.h"

struct dns;
struct gate;
struct pool;
struct quarantine;
struct queue_writer;
struct smtp_server;

/* One listening socket. tls NULL: no STARTTLS. All must outlive the server. */
struct smtp_listen {
	int fd;
	const struct listen_conf *conf; /* a later snapshot's for the same address and port replaces it */
	struct ssl_ctx_st *tls;
};

struct smtp_server_options {
	struct loop *const *loops;
	size_t loop_count;
	const struct smtp_listen *listens;
	size_t listen_count;
	struct pool *pool;
	struct gate *gate; /* scan gate for heavy message stages; NULL: none */
	struct queue_writer *queue;
	struct quarantine *quarantine; /* NULL: quarantine verdicts are tempfailed */
	struct dns *dns;
	void (*on_drained)(void *arg); /* on some loop's thread; may be NULL */
	void *on_drained_arg;
};

struct smtp_stats {
	_Atomic uint64_t connections;	  /* accepted sockets */
	_Atomic uint64_t sessions;	  /* open now */
	_Atomic uint64_t refused_sessions; /* too many, or drained */
	_Atomic uint64_t tls_sessions;
	_Atomic uint64_t tls_failures;
	_Atomic uint64_t commands;
	_Atomic uint64_t messages;	  /* read completely */
	_Atomic uint64_t accepted, rejected, tempfailed; /* final replies to messages */
	_Atomic uint64_t refused_stages;  /* reject and tempfail before the message stage */
	_Atomic uint64_t bytes;		  /* of message content */
	_Atomic uint64_t shed;		  /* no worker, no memory: 421, 451, 452 */
	_Atomic uint64_t smuggling;	  /* bare CR or LF refused */
	_Atomic uint64_t timeouts;
	_Atomic uint64_t memory;	  /* spooled in memory now */
};

enum { SMTP_TRACES_MAX = 32 };

/*
 * Sessions of a network are logged in full for ms, those that are open already too; again: anew. False
 * when there are SMTP_TRACES_MAX already.
 */
bool smtp_trace_add(struct smtp_server *server, const struct cidr *net, int64_t ms);
void smtp_trace_end(struct smtp_server *server);
void smtp_trace_each(struct smtp_server *server, void (*each)(void *arg, const struct cidr *net, int64_t left_ms), void *arg);

struct smtp_server *smtp_server_new(const struct smtp_server_options *options);
void smtp_server_drain(struct smtp_server *server);
const struct smtp_stats *smtp_server_stats(const struct smtp_server *server);
/* Sessions that are left are closed as they are. NULL is allowed. */
void smtp_server_free(struct smtp_server *server);

#endif
