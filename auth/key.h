/*
 * DKIM key records (RFC 6376 part 3.6.1, RFC 8463): the TXT records at SELECTOR._domainkey.DOMAIN.
 */
#ifndef REEVE_AUTH_KEY_H
#define REEVE_AUTH_KEY_H

#include <stdbool.h>

#include "auth/crypto.h"
#include "lib/arena.h"
#include "lib/str.h"

struct dkim_key {
	struct crypto_key *key; /* a reference; the arena gives it back */
	bool is_testing;	/* t=y */
	bool is_strict;		/* t=s: i= must be in d= itself */
	bool has_bad_size;	/* why it cannot be used: nobody wants RSA keys so short or long */
};

/*
 * Reads one record for a signature of this kind and hash. NULL, or why it cannot be used, in a few
 * words.
 */
const char *dkim_key_parse(struct arena *a, struct str record, enum crypto_kind kind, enum crypto_hash hash,
    struct dkim_key *ret_key);

#endif
