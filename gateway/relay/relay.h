/*
 * The relay: takes what is in the queue to the next hops. One loop, one thread (syncs and DNS have
 * threads of their own).
 *
 *   r = relay_open(&options, arena, &error);   reads the queue, starts to deliver with the loop
 *   relay_reload(r);                           after snapshot_publish(): routes may have changed
 *   relay_drain(r, done, arg);                 no new deliveries; done() when none is under way
 *   relay_close(r);
 */
#ifndef REEVE_GATEWAY_RELAY_RELAY_H
#define REEVE_GATEWAY_RELAY_RELAY_H

#include "gateway/control.h"
#include "gateway/snapshot.h"
#include "lib/dns/dns.h"
#include "lib/loop/loop.h"

struct relay;

struct relay_options {
	struct loop *loop;
	struct dns *dns;
	int doorbell; /* readable when a writer has committed; -1: none */
	/* Settings and routes come from snapshot_current(). */

	/* For the control socket's `reload` and `stats`; may be NULL. */
	const char *(*reload)(void *arg, struct buf *out);
	void (*stats)(void *arg, struct buf *out);
	void *hook_arg;
};

struct relay *relay_open(const struct relay_options *options, struct arena *a, struct str *ret_error);
void relay_reload(struct relay *r);
void relay_drain(struct relay *r, void (*done)(void *arg), void *arg);
void relay_close(struct relay *r);

/* For the control socket, with the relay as arg; see gateway/relay/command.c. */
extern const struct control_command relay_commands[];

#endif
