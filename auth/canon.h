/*
 * Canonical forms of DKIM (RFC 6376 part 3.4) for headers and bodies. Lines end in CRLF or LF in
 * what comes in (stored files, milters) and always in CRLF in what goes out.
 *
 * A body_hash takes the body in pieces of any size, as it arrives; body_hashes keeps one per
 * distinct (form, hash, length), so that ten signatures of one kind cost one pass.
 */
#ifndef REEVE_AUTH_CANON_H
#define REEVE_AUTH_CANON_H

#include <stdbool.h>
#include <stdint.h>

#include "auth/crypto.h"
#include "core/header.h"

enum canon { CANON_SIMPLE, CANON_RELAXED };

#define BODY_ALL UINT64_MAX

struct body_hash {
	enum canon canon;
	enum crypto_hash hash;
	uint64_t limit;	 /* octets that are hashed (l=), or BODY_ALL */
	uint64_t length; /* octets of the canonical body so far */
	/* Filled in by body_hash_end(). */
	uint8_t value[CRYPTO_DIGEST_MAX];
	size_t value_n;

	struct digest *digest;
	uint64_t blank_lines; /* withheld: they count only when something follows */
	bool has_cr, has_blank, has_content;
	size_t staged;
	char stage[2048];
};

/* Before the first piece; the digest is freed with the arena. */
void body_hash_init(struct body_hash *b, struct arena *a, enum canon canon, enum crypto_hash hash,
    uint64_t limit);
void body_hash_add(struct body_hash *b, struct str piece);
/* Once, after the last piece. */
void body_hash_end(struct body_hash *b);

enum { BODY_HASHES_MAX = 64 };

struct body_hashes {
	struct arena *arena;
	struct body_hash *v[BODY_HASHES_MAX];
	size_t n;
	bool has_data, has_ended;
};

void body_hashes_init(struct body_hashes *set, struct arena *a);
/* The one for these three, new or shared; NULL when there are too many or data has come already. */
struct body_hash *body_hashes_want(struct body_hashes *set, enum canon canon, enum crypto_hash hash,
    uint64_t limit);
void body_hashes_add(struct body_hashes *set, struct str piece);
void body_hashes_end(struct body_hashes *set);

/* Appends one field in canonical form, with its CRLF. */
void canon_header(struct buf *out, const struct header *h, enum canon canon);
/* Same for a signature's own field: without the value of its b= tag, without the CRLF. */
void canon_signature(struct buf *out, const struct header *h, enum canon canon);

#endif
