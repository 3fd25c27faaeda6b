/*
 * DKIM verification (RFC 6376, 8301, 8463, 8616): all signatures of a message, the first
 * DKIM_SIGNATURES_MAX from the top.
 *
 *   d = dkim_new(a, &headers, &bodies, &options);    reads the fields; says which body hashes it wants
 *   dkim_ask(d, dns);                                starts the look-ups of all keys
 *   body_hashes_add(&bodies, piece); ...             the body as it comes
 *   body_hashes_end(&bodies, body);                  all of it
 *   dkim_finish(d, dns, &headers, &bodies);          results are in d->v
 */
#ifndef REEVE_AUTH_DKIM_H
#define REEVE_AUTH_DKIM_H

#include "auth/signature.h"

enum { DKIM_SIGNATURES_MAX = 10 };

struct dkim {
	struct arena *arena;
	struct signature *v;
	size_t n;	/* that are looked at */
	size_t ignored; /* signatures beyond the limit: v[n] and on, with result policy */
	struct signature_options options;
	bool is_finished;
};

/* The settings of the filter dkim start with one of these. */
struct dkim_settings {
	struct signature_options options;
	bool accepts_partial; /* l= short of the body counts for alignment */
};

struct dkim *dkim_new(struct arena *a, const struct headers *headers, struct body_hashes *bodies,
    const struct signature_options *options);
void dkim_ask(struct dkim *d, struct dns_scope *dns);
/* headers: the same fields as before, maybe at another place in memory. */
void dkim_finish(struct dkim *d, struct dns_scope *dns, const struct headers *headers, struct body_hashes *bodies);
/* The best result of all: pass before anything else, none without signatures. */
enum auth_result dkim_best(const struct dkim *d);
/* Whole message in hand: all of the above in one. */
struct dkim *dkim_verify(struct arena *a, struct dns_scope *dns, struct str message,
    const struct signature_options *options);

#endif
