/*
 * What goes out: DKIM signatures for mail of our own users, ARC sets for mail of others. The filters
 * dkim and arc leave their settings in the message's record; the front ends call seal_outgoing() on
 * the edits of a delivery group when nothing will change the message any more.
 */
#ifndef REEVE_AUTH_SEALING_H
#define REEVE_AUTH_SEALING_H

#include "auth/sign.h"
#include "core/session.h"
#include "lib/conf/conf.h"

struct filter_env;

struct sealing_key {
	struct sign_key key;
	struct str path;
	struct conf_place place;
	struct sealing_key *next;
};

struct sealing {
	struct sealing_key *first, **last; /* of `sign` or `seal` lines */
	size_t n;
	struct conf_cidrs clients; /* whose mail counts as our own users' */
	int64_t expire_ms;	   /* x=, 0 none */
};

/* One line: "sign DOMAIN selector S key FILE". */
void sealing_read(struct conf_load *load, const struct conf_node *node, struct sealing *sealing);
/* Whether the client is one whose mail counts as our own users'. */
bool sealing_has_client(const struct sealing *sealing, const struct ip *client);
/* Loads the key files; false with errors in load. */
bool sealing_open(struct sealing *sealing, const struct filter_env *env, struct conf_load *load);
void sealing_close(struct sealing *sealing);

/*
 * Adds to edits what the message in hand deserves: signatures when it is our users', an ARC set when
 * it is not and was authenticated here. Costs an RSA signature: for a worker, not for a loop.
 */
void seal_outgoing(struct session *s, struct edits *edits);

#endif
