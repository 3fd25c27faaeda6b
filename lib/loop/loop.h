/*
 * The event loop: sockets, TLS, timers and messages from other threads, on libevent and OpenSSL.
 * A loop and all that hangs on it belong to the thread that runs it; only loop_post() and
 * loop_stop() may be called from elsewhere.
 *
 * A conn is a buffered stream. Reading is by look and take: on_input is called whenever new octets
 * came (or conn_resume was called and some wait); the callback looks at conn_input() and takes what
 * it understood with conn_consume(). There are no watermarks: who cannot take more calls
 * conn_pause(). Writes are buffered; on_drained is called when all went to the kernel.
 * A conn may be closed inside its own callbacks.
 */
#ifndef REEVE_LIB_LOOP_LOOP_H
#define REEVE_LIB_LOOP_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "lib/addr.h"
#include "lib/str.h"

struct loop;
struct timer;
struct listener;
struct conn;
struct ssl_ctx_st;
struct ssl_st;

struct loop *loop_new(void);
/* Returns after loop_stop(). */
void loop_run(struct loop *l);
void loop_stop(struct loop *l);
void loop_free(struct loop *l);
/* fn(arg) on the loop's thread, soon, in order. Thread-safe; one wake-up for many. */
void loop_post(struct loop *l, void (*fn)(void *), void *arg);
/* Calls fn on the loop's thread when a signal comes (self-pipe; the thread keeps it unblocked). */
void loop_signal(struct loop *l, int signo, void (*fn)(void *), void *arg);
/* Calls fn whenever fd is readable, until the loop ends (control sockets, doorbells). */
void loop_watch(struct loop *l, int fd, void (*fn)(void *arg, int fd), void *arg);

/* One-shot; setting it again moves it. */
struct timer *timer_new(struct loop *l, void (*fn)(void *), void *arg);
void timer_set(struct timer *t, int64_t ms);
void timer_stop(struct timer *t);
void timer_free(struct timer *t);

/* fd: bound and listening. on_accept owns the new, non-blocking descriptor. */
struct listener *listener_new(struct loop *l, int fd,
    void (*on_accept)(void *arg, int fd, const struct sockaddr *peer), void *arg);
void listener_free(struct listener *ls);
/* A bound, listening, close-on-exec TCP socket (SO_REUSEADDR; V6ONLY for IPv6); -1 and errno. */
int listen_tcp(const struct ip *ip, uint16_t port, int backlog);
/* path is replaced; mode e.g. 0660. */
int listen_unix(const char *path, mode_t mode);

enum conn_end {
	CONN_EOF,      /* the peer closed its side */
	CONN_ERROR,    /* errno, or a TLS error: conn_error_text() */
	CONN_TIMEOUT,  /* nothing came, or nothing could be written, for the time set */
};

struct conn_events {
	void (*on_input)(void *arg);
	void (*on_drained)(void *arg);	/* may be NULL */
	void (*on_end)(void *arg, enum conn_end why);
	void (*on_connected)(void *arg);  /* outgoing only */
	void (*on_secured)(void *arg);	  /* TLS handshake done */
};

/* An accepted descriptor; ssl NULL or a fresh SSL for implicit TLS. Owns both. */
struct conn *conn_accept(struct loop *l, int fd, struct ssl_st *ssl, const struct conn_events *events, void *arg);
/* Starts to connect; local may be NULL. The time set by conn_timeout counts for connecting too. */
struct conn *conn_connect(struct loop *l, const struct ip *ip, uint16_t port, const struct ip *local,
    const struct conn_events *events, void *arg);
/*
 * TLS on a running plain conn, owns ssl. Server: call after the 220 was written; the handshake
 * starts when it has drained. Input that waits unconsumed at the call is a protocol violation:
 * conn_starttls() returns false, nothing is started, and the caller closes (TRAPS.md: injection).
 */
bool conn_starttls(struct conn *c, struct ssl_st *ssl, bool is_server);
/*
 * The same where TLS was agreed on before the first octet and only a PROXY header came in front of
 * it: input that waits is the start of the handshake.
 */
bool conn_starttls_behind(struct conn *c, struct ssl_st *ssl);
struct ssl_st *conn_ssl(const struct conn *c); /* NULL when plain */

/*
 * All unread input as one slice. It stays where it is until the callback returns to the loop; what
 * conn_consume() takes off the front may be looked at until then, too.
 */
struct str conn_input(struct conn *c);
/* Octets waiting, and the first piece of them without copying together. */
size_t conn_input_length(const struct conn *c);
struct str conn_input_piece(const struct conn *c);
void conn_consume(struct conn *c, size_t n);
void conn_pause(struct conn *c);
/* Reads again, and calls on_input soon when something waits already. */
void conn_resume(struct conn *c);

void conn_write(struct conn *c, struct str data);
/* Appends part of a file without copying where the platform can. The conn dups the descriptor. */
void conn_write_file(struct conn *c, int fd, off_t offset, size_t length);
size_t conn_output_length(const struct conn *c);
/* 0: none. */
void conn_timeout(struct conn *c, int64_t read_ms, int64_t write_ms);
void conn_close(struct conn *c);
/* Writes what is buffered, then closes; the callbacks are not called any more. */
void conn_close_after_write(struct conn *c);
/*
 * Same, for peers that are still sending: our side is shut first and what comes is thrown away
 * until there were two seconds of silence, since closing at once would make the kernel drop our last reply on its way.
 */
void conn_close_linger(struct conn *c);
struct str conn_error_text(struct conn *c, char out[128]);
int conn_fd(const struct conn *c);

#endif
