/*
 * Routes: which recipient domains are ours, and which servers take their mail. Immutable, part of
 * the snapshot. A domain without a route is not ours: mail for it is refused, so that an open relay
 * cannot be written down.
 */
#ifndef REEVE_CORE_ROUTE_H
#define REEVE_CORE_ROUTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/addr.h"
#include "lib/arena.h"
#include "lib/conf/conf.h"
#include "lib/str.h"

enum route_tls { ROUTE_TLS_NONE, ROUTE_TLS_MAY, ROUTE_TLS_REQUIRE, ROUTE_TLS_VERIFY };
enum route_recipients { ROUTE_ANY, ROUTE_VERIFY, ROUTE_LIST };

/*
 * One next hop: an address, a host name (A/AAAA), or "mx:DOMAIN" (MX look-up). A route without any
 * `to` has one hop: is_mx with an empty host, which stands for the recipient's own domain.
 */
struct hop {
	struct ip ip; /* family 0: use host */
	struct str host;
	bool is_mx;
	uint16_t port;
	unsigned weight;
	struct conf_place place;
};

struct route {
	struct conf_strings domains; /* "example.org", ".example.org" (sub-domains), "*" (for DSNs only) */
	struct hop *hops;
	size_t hop_count;
	int tls;		/* enum route_tls */
	struct str tls_name;	/* name to verify instead of the host */
	struct str tls_ca;	/* file; "" = system's */
	int recipients;		/* enum route_recipients */
	struct str recipients_list; /* list name for ROUTE_LIST */
	int64_t max_connections; /* per next hop */
	int64_t connect_timeout_ms, command_timeout_ms, data_timeout_ms;
	int64_t lifetime_ms, retry_first_ms, retry_max_ms, warn_after_ms;
	struct conf_place place, recipients_place;
};

enum { ROUTE_WEIGHT_MAX = 1000, ROUTE_HOPS_MAX = 64, ROUTE_PORT = 25 };

struct routes;

/* The directive table of a `relay` block; target is a struct route. */
extern const struct directive route_directives[];

struct routes *routes_new(struct arena *a);
/* Reads one `relay DOMAIN... { ... }` node. */
void routes_add(struct routes *r, struct conf_load *load, const struct conf_node *node);
/*
 * For recipients: the exact name first, then the nearest parent written as ".parent"; NULL: not
 * ours. Never the "*" route: it would make every domain ours, an open relay.
 */
const struct route *routes_find(const struct routes *r, struct str domain);
/*
 * Where a report to somebody outside goes: the "*" route, or NULL: then by MX of the domain.
 */
const struct route *routes_default(const struct routes *r);
struct lists;
/* `recipients list NAME`: errors for lists that there are not. Call when lists and routes are read. */
void routes_check(const struct routes *r, struct conf_load *load, const struct lists *lists);
size_t routes_count(const struct routes *r);
const struct route *routes_at(const struct routes *r, size_t i);

#endif
