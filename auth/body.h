/*
 * Hashes of message bodies in the canonical forms of DKIM (RFC 6376 part 3.4). Lines end in CRLF or LF
 * in what comes in (stored files) and always in CRLF in what is hashed.
 *
 * A body_hash takes the body in pieces of any size, as it arrives. Signatures that cover only so many
 * octets (l=) are marks on the way: ten signatures of one form and hash cost one pass, whatever their
 * l= say. So a message costs as many passes as there are forms and hashes, four at most.
 */
#ifndef REEVE_AUTH_BODY_H
#define REEVE_AUTH_BODY_H

#include <stdbool.h>
#include <stdint.h>

#include "auth/canon.h"
#include "auth/crypto.h"

#define BODY_ALL UINT64_MAX

/* The hash of the first `limit` octets, or of all when there are less. */
struct body_mark {
	uint64_t limit; /* or BODY_ALL */
	uint8_t value[CRYPTO_DIGEST_MAX];
	size_t value_n;
	struct body_mark *next; /* with a larger limit */
};

struct body_hash {
	struct arena *arena;
	enum canon canon;
	enum crypto_hash hash;
	uint64_t length; /* octets of the canonical body so far */
	struct body_mark *first, *open; /* open: reached next; NULL: nothing more is hashed */
	uint64_t stop;	 /* limit of the open one, or 0 */

	struct digest *digest;
	uint64_t blank_lines; /* withheld: they count only when something follows */
	bool has_cr, has_blank, has_content;
	size_t staged;
	char stage[2048];
};

/* Digests are freed with the arena. */
void body_hash_init(struct body_hash *b, struct arena *a, enum canon canon, enum crypto_hash hash);
/* Before the first piece. */
struct body_mark *body_hash_mark(struct body_hash *b, uint64_t limit);
void body_hash_add(struct body_hash *b, struct str piece);
/* Once, after the last piece: fills in the values. */
void body_hash_end(struct body_hash *b);

enum { BODY_KINDS = 4 };

struct body_hashes {
	struct arena *arena;
	struct body_hash *v[BODY_KINDS], *late[BODY_KINDS]; /* late: wanted when data had come already */
	uint64_t fed;
	bool has_ended;
};

void body_hashes_init(struct body_hashes *set, struct arena *a);
/* The mark for these three, new or shared; *ret_hash has the length. Not after the end. */
const struct body_mark *body_hashes_want(struct body_hashes *set, enum canon canon, enum crypto_hash hash, uint64_t limit,
    const struct body_hash **ret_hash);
void body_hashes_add(struct body_hashes *set, struct str piece);
/*
 * whole: all of the body. Where the pieces that came by were not all of it, and for what was wanted late, it
 * is hashed now: what is judged is what will be relayed. Idempotent.
 */
void body_hashes_end(struct body_hashes *set, struct str whole);
/* After the end: what was wanted for these three, or NULL. */
const struct body_mark *body_hashes_find(const struct body_hashes *set, enum canon canon, enum crypto_hash hash, uint64_t limit);

#endif
