/*
 * The crypto that mail authentication needs, and the only user of OpenSSL's EVP in auth/: digests,
 * RSA and Ed25519 keys, base64. Parsing a public key costs several times a verification, so parsed
 * keys are kept by the text of their record, at most CRYPTO_KEYS_KEPT in the process.
 * Thread-safe, except that one digest belongs to one thread.
 */
#ifndef REEVE_AUTH_CRYPTO_H
#define REEVE_AUTH_CRYPTO_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/arena.h"
#include "lib/str.h"

enum {
	CRYPTO_DIGEST_MAX = 32,
	CRYPTO_SIGNATURE_MAX = 512, /* RSA 4096 */
	CRYPTO_RSA_MIN = 512,	    /* parsed at all; what passes is the caller's choice */
	CRYPTO_RSA_MAX = 4096,
	CRYPTO_KEYS_KEPT = 1024,
};

enum crypto_hash { CRYPTO_SHA256, CRYPTO_SHA1 };
enum crypto_kind { CRYPTO_RSA, CRYPTO_ED25519 };

struct digest;

/* Freed with the arena. */
struct digest *digest_new(struct arena *a, enum crypto_hash hash);
/* One that goes on from where d is. */
struct digest *digest_copy(struct arena *a, const struct digest *d);
void digest_add(struct digest *d, struct str data);
/* Length of what was written to out. The digest is used up. */
size_t digest_end(struct digest *d, uint8_t out[CRYPTO_DIGEST_MAX]);
/* All three in one. */
size_t digest_of(enum crypto_hash hash, struct str data, uint8_t out[CRYPTO_DIGEST_MAX]);

/* A parsed key, public or private; counted references. */
struct crypto_key;

enum crypto_fault { CRYPTO_OK, CRYPTO_BAD_BASE64, CRYPTO_BAD_KEY, CRYPTO_BAD_SIZE };

/*
 * base64: the p= of a key record. RSA as SubjectPublicKeyInfo or RSAPublicKey, Ed25519 as 32 octets.
 * A new reference.
 */
enum crypto_fault crypto_public_key(enum crypto_kind kind, struct str base64, struct crypto_key **ret_key);
/* PEM text of a private key; NULL when it is none or of a kind that DKIM has not. */
struct crypto_key *crypto_private_key(struct str pem);
/* bits is for RSA. The PEM text of the new key goes to ret_pem. */
struct crypto_key *crypto_generate(enum crypto_kind kind, unsigned bits, struct arena *a, struct str *ret_pem);
void crypto_key_free(struct crypto_key *key);
enum crypto_kind crypto_key_kind(const struct crypto_key *key);
unsigned crypto_key_bits(const struct crypto_key *key);
/* The p= of its public half. */
struct str crypto_public_text(struct arena *a, const struct crypto_key *key);

bool crypto_verify(const struct crypto_key *key, enum crypto_hash hash, struct str digest, struct str signature);
/* Length written to out, 0 when it failed. */
size_t crypto_sign(const struct crypto_key *key, enum crypto_hash hash, struct str digest,
    uint8_t out[CRYPTO_SIGNATURE_MAX]);

/*
 * Base64 with folds and blanks in it, as tag values have; padding may be missing. False when there
 * is anything else in it or the result has more than room octets.
 */
bool base64_read(struct str text, uint8_t *out, size_t room, size_t *ret_n);
struct str base64_write(struct arena *a, struct str data);

#endif
