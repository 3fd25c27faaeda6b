/*
 * What the two halves of dns share: dns.c (scopes and tickets, the asker's side) and dns_resolver.c
 * (libunbound and its thread).
 *
 * A scope is counted: one reference for its holder, one for each ticket that the resolver has. A
 * ticket goes to the resolver by resolver_submit() and comes back by ticket_deliver().
 */
#ifndef REEVE_LIB_DNS_DNS_PRIVATE_H
#define REEVE_LIB_DNS_DNS_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "lib/arena.h"
#include "lib/dns/dns.h"

struct resolver;

struct dns_ticket {
	struct dns_scope *scope;
	struct dns_ticket *next;	    /* in its scope */
	struct dns_ticket *queued;	    /* on the way to the resolver */
	struct dns_ticket *prev_in_flight, *next_in_flight; /* of the resolver */
	struct resolver *resolver;
	struct str name;		    /* lower case, no final dot */
	uint64_t hash;
	enum dns_type type;
	int async_id;
	_Atomic int64_t deadline_us;	    /* its holder may make it earlier */

	/* under the lock of the scope until is_done */
	_Atomic bool is_done;
	enum dns_status status; /* DNS_OK: look into the packet */
	uint8_t rcode;		/* of DNS_TEMP; 0: nothing came */
	bool is_secure;
	uint32_t age; /* of a cached packet, seconds */
	uint8_t *packet;
	size_t packet_length;

	struct dns_answer answer; /* of the holder: filled in at the first dns_wait */
};

struct dns_scope {
	struct dns *dns;
	struct arena *arena;
	struct dns_limits limits;
	void (*on_idle)(void *arg);
	void *arg;
	struct dns_ticket *tickets;
	unsigned used;
	int64_t left_us;  /* of the time budget, when nothing is pending */
	int64_t until_us; /* the deadline while something is pending */
	struct dns_ticket bad_name, over_budget, no_time;

	atomic_uint references;
	_Atomic bool is_dead;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned pending;
	bool is_armed;
};

/* Starts the thread. NULL and a text in ret_error when it cannot. */
struct resolver *resolver_new(const struct dns_options *options, struct arena *a,
    struct str *ret_error);
/* Delivers what is in flight, ends the thread. NULL is allowed. */
void resolver_free(struct resolver *r);
/* Takes the ticket, with a reference to its scope. */
void resolver_submit(struct resolver *r, struct dns_ticket *t);

/*
 * The result, on the resolver's thread; DNS_OK comes with the packet, which is copied. Tells the
 * waiters and gives the reference back: the ticket may be gone afterwards.
 */
void ticket_deliver(struct dns_ticket *t, enum dns_status status, const void *packet, size_t length,
    bool is_secure);
/* The same with DNS_TEMP, and why: the rcode that came. */
void ticket_fail(struct dns_ticket *t, unsigned rcode);
void scope_ref(struct dns_scope *scope);
void scope_unref(struct dns_scope *scope);

#endif
