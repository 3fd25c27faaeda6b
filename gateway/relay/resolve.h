/* Finds the endpoints of a site: MX, then A and AAAA, without blocking the loop. */
#ifndef REEVE_GATEWAY_RELAY_RESOLVE_H
#define REEVE_GATEWAY_RELAY_RESOLVE_H

#include "gateway/relay/site.h"
#include "lib/dns/dns.h"
#include "lib/loop/loop.h"

struct lookup;

struct resolver {
	struct loop *loop;
	struct dns *dns;
	struct str hostname; /* ours: an MX that names us, and those behind it, are not tried (RFC 5321, 5.1) */
	unsigned timeout_ms;
	/* s->find, endpoints and trouble are set: SITE_KNOWN, SITE_NOWHERE, or SITE_UNKNOWN for "try later". */
	void (*done)(void *arg, struct site *s);
	void *arg;
};

/* Sets s->find to SITE_ASKING; done() may be called before it returns when nothing needs asking. */
void resolve_start(const struct resolver *rs, struct site *s);
/* NULL is allowed. */
void lookup_free(struct lookup *l);

#endif
