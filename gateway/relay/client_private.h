/* The inside of a client connection, shared by client.c (session) and client_mail.c (jobs). */
#ifndef REEVE_GATEWAY_RELAY_CLIENT_PRIVATE_H
#define REEVE_GATEWAY_RELAY_CLIENT_PRIVATE_H

#include "gateway/relay/client.h"

enum phase {
	PHASE_CONNECT,
	PHASE_BANNER,
	PHASE_EHLO,
	PHASE_HELO,
	PHASE_STARTTLS,
	PHASE_HANDSHAKE,
	PHASE_READY,
	PHASE_ENVELOPE, /* commands of a job are answered one by one */
	PHASE_DATA,	/* data is being written, then its reply awaited */
};

struct client {
	struct loop *loop;
	struct conn *conn;
	struct client_target target;
	const struct client_events *events;
	void *arg;
	enum phase phase;
	unsigned offers;
	uint64_t size_max;
	unsigned jobs;
	char tls_text[32];
	bool is_secure;
	struct reply reply;

	struct job *job;
	size_t sent, answered;	/* commands of the job */
	size_t first;		/* 1 when RSET comes before MAIL */
	size_t accepted;	/* recipients */
	bool needs_reset, mail_ok, data_sent, must_close;
	struct timer *timer;	/* for the whole of what is waited for now */
	int64_t patience_ms;
	bool *is_gone;		/* set when c is freed below on_input() */
	uint64_t written;	/* of the body's file */
	bool all_written;
	struct dots dots;
	char *chunk;
};

/* The session's end; frees c. */
void client_fail(struct client *c, enum client_trouble trouble, struct str text);
/* A job goes out; client_mail.c. */
void mail_start(struct client *c);
void mail_reply(struct client *c);
void mail_drained(struct client *c);
/*
 * At most ms of silence, and as much for each whole reply: a server that sends it octet by octet is not
 * waited for longer. 0: as long as it likes.
 */
void client_wait(struct client *c, int64_t ms);
/* The same while the message's text goes out, which also has to go on at a least rate. */
void client_wait_text(struct client *c);
/* printf to the connection. */
void client_say(struct client *c, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
