/*
 * Call-ahead: asks an internal server whether it takes mail for an address (MAIL FROM:<>, RCPT TO)
 * and goes no further. Connections are kept and used again; several askers for one address share
 * one question; a server that does not answer is left alone for a while, so that a dead one costs
 * one worker one time-out and not all workers all the time.
 */
#ifndef REEVE_FILTERS_RECIPIENTS_CALLAHEAD_H
#define REEVE_FILTERS_RECIPIENTS_CALLAHEAD_H

#include <stdint.h>

#include "core/route.h"
#include "lib/addr.h"
#include "lib/arena.h"
#include "lib/res.h"
#include "lib/str.h"

enum callahead_bounds {
	CALLAHEAD_SERVERS_MAX = 16,  /* tried for one question */
	CALLAHEAD_IDLE_MAX = 4,	     /* connections kept for one server */
	CALLAHEAD_IDLE_MS = 20000,
	CALLAHEAD_DOWN_MS = 10000,   /* a server that failed is not tried so long */
	CALLAHEAD_REPLY_LINES = 100,
	CALLAHEAD_LINE_MAX = 2048,
};

struct callahead_server {
	struct ip ip;
	uint16_t port;
	struct str name; /* for TLS */
};

struct callahead_question {
	const struct route *route;
	const struct callahead_server *servers;
	size_t n;
	struct str address;
	bool is_utf8;
	int64_t deadline_us; /* clock_mono_us() */
};

struct callahead;

/* hostname: for EHLO; outlives it. probes_max: questions under way at the same time. */
struct callahead *callahead_new(struct str hostname, unsigned probes_max);
/* No question may be under way. NULL is allowed. */
void callahead_free(struct callahead *ca);
/*
 * RES_OK: it takes mail for the address; RES_NONE: it refuses for good; RES_TEMP: it could not be
 * asked. ret_reply: what it said ("550 5.1.1 no such user") or what went wrong, in the arena.
 */
enum res callahead_ask(struct callahead *ca, const struct callahead_question *q, struct arena *a,
    struct str *ret_reply);

#endif
