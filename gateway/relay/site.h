/*
 * A site: where mail for some domains goes. One per route of the configuration (all its domains
 * share connections and transactions) and one per domain outside (found by MX). A site owns its
 * endpoints (addresses with weight, preference and what is known of their health) and the heap of
 * messages by the time of their next attempt.
 *
 * Sites are found by a key that says all settings, so a reload that changes nothing for a route
 * keeps its site, and each message finds its site anew when it is due.
 */
#ifndef REEVE_GATEWAY_RELAY_SITE_H
#define REEVE_GATEWAY_RELAY_SITE_H

#include "core/route.h"
#include "gateway/relay/backlog.h"
#include "lib/arena.h"

struct site;
struct client;
struct lookup;

enum { ENDPOINTS_MAX = 40 };

struct endpoint {
	struct endpoint *next;
	struct ip ip;
	uint16_t port;
	unsigned weight, preference;
	int64_t balance;	/* of the weighted round robin */
	struct str host;	/* name it was found by; "" when configured as address */
	unsigned connections, idle;
	unsigned failures;	/* in a row */
	int64_t down_until_us;	/* monotonic; 0: up */
	int64_t no_tls_until_us; /* its TLS failed, and the route says `tls may` */
	bool is_stale;		/* not in the last look-up any more; goes with its last connection */
	bool is_fresh;		/* while a look-up is being merged */
	char text[];
};

struct due {
	int64_t at_ms; /* Unix */
	struct mail *m;
};

enum site_find { SITE_UNKNOWN, SITE_ASKING, SITE_KNOWN, SITE_NOWHERE };

struct site {
	uint32_t index;
	struct arena *arena;
	struct str key;
	struct route route;	/* hops and texts are the arena's */
	struct str domain;	/* of an MX site, else "" */
	uint64_t seen_walk;	/* of the backlog: the last one in which a message named this site */
	int64_t used_us;	/* when the last message came for it */
	unsigned deliveries;	/* that point here */

	enum site_find find;
	int64_t find_again_us;	/* when what was found is too old; 0: addresses never are */
	struct lookup *lookup;	/* resolve.c: under way */
	const char *nowhere_code; /* SITE_NOWHERE: enhanced status of the reports */
	struct endpoint *endpoints;
	unsigned connections, connecting;
	struct client_slot *slots; /* relay.c: connections */

	struct due *heap;
	size_t n, room;

	struct str trouble;	  /* why, for people; in trouble_text */
	char trouble_text[512];
	bool is_queued;		  /* in the relay's list of sites to look at */
	bool is_pumping;
	struct site *next_queued;
};

struct site *site_new(uint32_t index, struct str key, const struct route *route, struct str domain);
void site_free(struct site *s);

/* The key of a route: hops and settings as text, in the arena. */
struct str site_route_key(struct arena *a, const struct route *r);

/* The heap. push pins the message. */
void site_push(struct site *s, struct mail *m, int64_t at_ms);
/* NULL when there is none, or the first is due later than now. Still pinned. */
struct mail *site_pop(struct site *s, int64_t now_ms);
/* Drops from the top what was done meanwhile: nobody need connect for it. */
void site_prune(struct site *s);
/* When the first is due; INT64_MAX: never. */
int64_t site_first_ms(const struct site *s);

/*
 * Whose turn it is for the next message: of the best preference that has an endpoint that is up,
 * those that have an idle connection or room for another, in turn by weight. only_idle: only those
 * that can take the message at once. NULL: none. site_used() says that it got the message.
 */
struct endpoint *site_pick(struct site *s, int64_t now_us, bool only_idle);
void site_used(struct site *s, struct endpoint *used, int64_t now_us);
/* May one more connection be opened to it? */
bool endpoint_has_room(const struct site *s, const struct endpoint *e);
bool site_all_down(const struct site *s, int64_t now_us);
/* Earliest moment at which an endpoint may be tried again. */
int64_t site_up_at_us(const struct site *s);
void endpoint_failed(struct site *s, struct endpoint *e, int64_t now_us);
void endpoint_worked(struct endpoint *e);

/* Merging a look-up: begin, add each, end. Known ones keep what is known of them. */
void site_endpoints_begin(struct site *s);
void site_endpoint_add(struct site *s, const struct ip *ip, uint16_t port, unsigned weight,
    unsigned preference, struct str host);
void site_endpoints_end(struct site *s);
void site_endpoints_clean(struct site *s);

void site_set_trouble(struct site *s, struct str text);

#endif
