/*
 * Signing: DKIM-Signature (RFC 6376, never with l=, fields oversigned) and ARC sets (RFC 8617).
 * What is signed is the message as it will be relayed: sign_view() applies an edit list first.
 */
#ifndef REEVE_AUTH_SIGN_H
#define REEVE_AUTH_SIGN_H

#include "auth/arc.h"
#include "auth/crypto.h"
#include "core/edit.h"
#include "core/header.h"

struct sign_key {
	struct str domain, selector;
	const struct crypto_key *key;
};

struct sign_request {
	const struct sign_key *key;
	struct str names;     /* h=; "" chooses: sign_names() */
	int64_t now, expires; /* expires 0: no x= */
};

/* The fields as they go out; slices of headers' bytes and of the arena. */
void sign_view(struct arena *a, const struct headers *headers, const struct edits *edits, struct headers *ret_view);
/* h= for these fields: the ones that matter, each once more than it is there. */
struct str sign_names(struct arena *a, const struct headers *view);
/* Relaxed SHA-256 of a body: what both functions below want. */
void sign_body(struct arena *a, struct str body, uint8_t ret_hash[CRYPTO_DIGEST_MAX]);
/* The value of a DKIM-Signature field; false when the key does not sign. */
bool sign_dkim(struct arena *a, const struct headers *view, const uint8_t body_hash[CRYPTO_DIGEST_MAX],
    const struct sign_request *request, struct str *ret_value);

struct arc_values {
	struct str results, message, seal; /* of ARC-Authentication-Results and so on */
};

/*
 * The next set of the chain. arc: what validation found of the sets that are there; results: our
 * Authentication-Results value. False when there is nothing to add: the chain was failed before, or
 * is full (RFC 8617 part 5.1).
 */
bool sign_arc(struct arena *a, const struct headers *view, const uint8_t body_hash[CRYPTO_DIGEST_MAX],
    const struct arc *arc, struct str results, const struct sign_request *request, struct arc_values *ret_values);

#endif
