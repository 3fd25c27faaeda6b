/*
 * Hashes of texts, for names that are looked up by their hash. Signatures have auth/crypto.h.
 */
#ifndef REEVE_LIB_HASH_H
#define REEVE_LIB_HASH_H

#include <stdint.h>

#include "lib/arena.h"
#include "lib/str.h"

enum hash_kind { HASH_MD5, HASH_SHA1, HASH_SHA256 };
enum { HASH_MAX = 32 };

/* Length of what was written to out; 0 when the system's library does not allow the hash. */
size_t hash_of(enum hash_kind kind, struct str data, uint8_t out[HASH_MAX]);
/* In hexadecimal, lower case. */
struct str hash_hex(struct arena *a, const uint8_t *hash, size_t n);
/* RFC 4648 base32, upper case, without padding. */
struct str hash_base32(struct arena *a, const uint8_t *hash, size_t n);

#endif
