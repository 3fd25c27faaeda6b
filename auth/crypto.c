/* OpenSSL behind a small door: digests, keys, the cache of parsed keys. See crypto.h. */
#include "auth/crypto.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

enum { EXPONENT_BITS_MAX = 64, DER_MAX = 2200 }; /* of a public key: enough to know that 16384 bits are too many */

/* ---- digests ---- */

struct digest {
	EVP_MD_CTX *ctx;
};

/* Fetched once: EVP_sha256() would be looked up again in each EVP_DigestInit. */
static EVP_MD *methods[2];
static pthread_once_t methods_once = PTHREAD_ONCE_INIT;

static void fetch_methods(void)
{
	methods[CRYPTO_SHA256] = EVP_MD_fetch(NULL, "SHA256", NULL);
	methods[CRYPTO_SHA1] = EVP_MD_fetch(NULL, "SHA1", NULL);
	if (!methods[CRYPTO_SHA256] || !methods[CRYPTO_SHA1])
		abort();
}

static const EVP_MD *method(enum crypto_hash hash)
{
	pthread_once(&methods_once, fetch_methods);
	return methods[hash];
}

static void free_digest(void *arg)
{
	struct digest *d = arg;

	EVP_MD_CTX_free(d->ctx);
}

struct digest *digest_new(struct arena *a, enum crypto_hash hash)
{
	struct digest *d = arena_alloc(a, sizeof *d);

	d->ctx = EVP_MD_CTX_new();
	if (!d->ctx || !EVP_DigestInit_ex(d->ctx, method(hash), NULL))
		abort();
	arena_defer(a, free_digest, d);
	return d;
}

struct digest *digest_copy(struct arena *a, const struct digest *d)
{
	struct digest *copy = arena_alloc(a, sizeof *copy);

	copy->ctx = EVP_MD_CTX_new();
	if (!copy->ctx || !EVP_MD_CTX_copy_ex(copy->ctx, d->ctx))
		abort();
	arena_defer(a, free_digest, copy);
	return copy;
}

void digest_add(struct digest *d, struct str data)
{
	if (data.n && !EVP_DigestUpdate(d->ctx, data.p, data.n))
		abort();
}

size_t digest_end(struct digest *d, uint8_t out[CRYPTO_DIGEST_MAX])
{
	unsigned n = 0;

	if (!EVP_DigestFinal_ex(d->ctx, out, &n))
		abort();
	return n;
}

size_t digest_of(enum crypto_hash hash, struct str data, uint8_t out[CRYPTO_DIGEST_MAX])
{
	unsigned n = 0;

	if (!EVP_Digest(data.n ? data.p : "", data.n, out, &n, method(hash), NULL))
		abort();
	return n;
}

/* ---- keys ---- */

struct crypto_key {
	EVP_PKEY *pkey;
	EVP_PKEY_CTX *verify[2]; /* RSA: set up once per hash, copied for each use */
	enum crypto_kind kind;
	unsigned bits;
	atomic_uint references;
	char *text; /* the base64 it was made of; NULL for private keys */
	size_t text_n;
	uint64_t used; /* by the cache's count */
};

static EVP_PKEY_CTX *rsa_verifier(EVP_PKEY *pkey, enum crypto_hash hash)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);

	if (ctx && EVP_PKEY_verify_init(ctx) == 1 &&
	    EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1 &&
	    EVP_PKEY_CTX_set_signature_md(ctx, method(hash)) == 1)
		return ctx;
	EVP_PKEY_CTX_free(ctx);
	return NULL;
}

/* Takes pkey over, also when it is refused. */
static struct crypto_key *key_new(EVP_PKEY *pkey)
{
	struct crypto_key *key = pkey ? calloc(1, sizeof *key) : NULL;

	if (!key) {
		EVP_PKEY_free(pkey);
		ERR_clear_error();
		return NULL;
	}
	key->pkey = pkey;
	key->bits = (unsigned)EVP_PKEY_get_bits(pkey);
	key->references = 1;
	if (EVP_PKEY_is_a(pkey, "ED25519"))
		key->kind = CRYPTO_ED25519;
	else if (EVP_PKEY_is_a(pkey, "RSA"))
		key->kind = CRYPTO_RSA;
	else {
		crypto_key_free(key);
		return NULL;
	}
	return key;
}

void crypto_key_free(struct crypto_key *key)
{
	if (!key || atomic_fetch_sub(&key->references, 1) != 1)
		return;
	EVP_PKEY_CTX_free(key->verify[0]);
	EVP_PKEY_CTX_free(key->verify[1]);
	EVP_PKEY_free(key->pkey);
	free(key->text);
	free(key);
}

enum crypto_kind crypto_key_kind(const struct crypto_key *key)
{
	return key->kind;
}

unsigned crypto_key_bits(const struct crypto_key *key)
{
	return key->bits;
}

/* Huge exponents make a verification as slow as a signature: nobody needs them. */
static bool exponent_is_small(EVP_PKEY *pkey)
{
	BIGNUM *e = NULL;
	bool ok = EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_E, &e) == 1 && BN_num_bits(e) <= EXPONENT_BITS_MAX;

	BN_free(e);
	return ok;
}

/* The key's octets must be used up by what d2i reads: no trailing data. */
static EVP_PKEY *read_rsa(const uint8_t *der, size_t n)
{
	const uint8_t *p = der;
	EVP_PKEY *pkey = d2i_PUBKEY(NULL, &p, (long)n);

	if (!pkey) {
		p = der;
		pkey = d2i_PublicKey(EVP_PKEY_RSA, NULL, &p, (long)n);
	}
	if (pkey && (p != der + n || !exponent_is_small(pkey))) {
		EVP_PKEY_free(pkey);
		pkey = NULL;
	}
	ERR_clear_error();
	return pkey;
}

static enum crypto_fault read_public(enum crypto_kind kind, struct str base64, struct crypto_key **ret_key)
{
	uint8_t der[DER_MAX];
	struct crypto_key *key;
	size_t n;

	if (!base64_read(base64, der, sizeof der, &n))
		return CRYPTO_BAD_BASE64;
	if (kind == CRYPTO_ED25519)
		key = n == 32 ? key_new(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, der, n)) : NULL;
	else
		key = key_new(read_rsa(der, n));
	if (!key || key->kind != kind) {
		crypto_key_free(key);
		return CRYPTO_BAD_KEY;
	}
	if (kind == CRYPTO_RSA && (key->bits < CRYPTO_RSA_MIN || key->bits > CRYPTO_RSA_MAX)) {
		crypto_key_free(key);
		return CRYPTO_BAD_SIZE;
	}
	if (kind == CRYPTO_RSA) {
		key->verify[CRYPTO_SHA256] = rsa_verifier(key->pkey, CRYPTO_SHA256);
		key->verify[CRYPTO_SHA1] = rsa_verifier(key->pkey, CRYPTO_SHA1);
	}
	*ret_key = key;
	return CRYPTO_OK;
}

/* ---- the cache: sets of four, the one unused for longest goes ---- */

enum { WAYS = 4, SETS = CRYPTO_KEYS_KEPT / WAYS };

static struct {
	pthread_mutex_t lock;
	uint64_t count;
	struct crypto_key *v[SETS][WAYS];
} cache = {.lock = PTHREAD_MUTEX_INITIALIZER};

static struct crypto_key **cache_set(enum crypto_kind kind, struct str text)
{
	return cache.v[(str_hash(text) + kind) % SETS];
}

static struct crypto_key *cache_get(enum crypto_kind kind, struct str text)
{
	struct crypto_key **set = cache_set(kind, text), *found = NULL;

	pthread_mutex_lock(&cache.lock);
	for (int i = 0; i < WAYS && !found; i++)
		if (set[i] && set[i]->kind == kind && str_eq(text, (struct str){set[i]->text, set[i]->text_n}))
			found = set[i];
	if (found) {
		found->used = ++cache.count;
		atomic_fetch_add(&found->references, 1);
	}
	pthread_mutex_unlock(&cache.lock);
	return found;
}

static void cache_put(struct crypto_key *key, struct str text)
{
	struct crypto_key **set = cache_set(key->kind, text), *gone;
	int oldest = 0;

	key->text = malloc(text.n ? text.n : 1);
	if (!key->text)
		abort();
	memcpy(key->text, text.p, text.n);
	key->text_n = text.n;
	pthread_mutex_lock(&cache.lock);
	for (int i = 0; i < WAYS; i++)
		if (!set[i] || (set[oldest] && set[i]->used < set[oldest]->used))
			oldest = i;
	gone = set[oldest];
	set[oldest] = key;
	key->used = ++cache.count;
	atomic_fetch_add(&key->references, 1);
	pthread_mutex_unlock(&cache.lock);
	crypto_key_free(gone);
}

enum crypto_fault crypto_public_key(enum crypto_kind kind, struct str base64, struct crypto_key **ret_key)
{
	enum crypto_fault fault;

	*ret_key = cache_get(kind, base64);
	if (*ret_key)
		return CRYPTO_OK;
	fault = read_public(kind, base64, ret_key);
	if (fault == CRYPTO_OK)
		cache_put(*ret_key, base64);
	return fault;
}

/* ---- private keys ---- */

static int no_passphrase(char *buf, int size, int rwflag, void *arg)
{
	(void)buf, (void)size, (void)rwflag, (void)arg;
	return 0;
}

struct crypto_key *crypto_private_key(struct str pem)
{
	BIO *bio = BIO_new_mem_buf(pem.n ? pem.p : "", (int)pem.n);
	EVP_PKEY *pkey = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL) : NULL;
	struct crypto_key *key = key_new(pkey);

	BIO_free(bio);
	ERR_clear_error();
	return key;
}

static struct str bio_text(struct arena *a, BIO *bio)
{
	char *p;
	long n = BIO_get_mem_data(bio, &p);

	return arena_str(a, (struct str){p, n > 0 ? (size_t)n : 0});
}

struct crypto_key *crypto_generate(enum crypto_kind kind, unsigned bits, struct arena *a, struct str *ret_pem)
{
	EVP_PKEY *pkey = kind == CRYPTO_ED25519 ? EVP_PKEY_Q_keygen(NULL, NULL, "ED25519")
						: EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)bits);
	struct crypto_key *key = key_new(pkey);
	BIO *bio = BIO_new(BIO_s_mem());

	if (key && bio && PEM_write_bio_PrivateKey(bio, key->pkey, NULL, NULL, 0, NULL, NULL) == 1)
		*ret_pem = bio_text(a, bio);
	else {
		crypto_key_free(key);
		key = NULL;
	}
	BIO_free(bio);
	return key;
}

struct str crypto_public_text(struct arena *a, const struct crypto_key *key)
{
	uint8_t raw[32];
	size_t raw_n = sizeof raw;
	struct str text = STR("");
	uint8_t *der = NULL;
	int n;

	if (key->kind == CRYPTO_ED25519) {
		if (EVP_PKEY_get_raw_public_key(key->pkey, raw, &raw_n) == 1)
			text = base64_write(a, (struct str){(char *)raw, raw_n});
		return text;
	}
	n = i2d_PUBKEY(key->pkey, &der);
	if (n > 0)
		text = base64_write(a, (struct str){(char *)der, (size_t)n});
	OPENSSL_free(der);
	return text;
}

/* ---- signatures ---- */

static bool verify_rsa(const struct crypto_key *key, enum crypto_hash hash, struct str digest, struct str signature)
{
	EVP_PKEY_CTX *ctx = key->verify[hash] ? EVP_PKEY_CTX_dup(key->verify[hash])
					      : rsa_verifier(key->pkey, hash);
	bool ok = ctx && EVP_PKEY_verify(ctx, (const uint8_t *)signature.p, signature.n,
			     (const uint8_t *)digest.p, digest.n) == 1;

	EVP_PKEY_CTX_free(ctx);
	return ok;
}

static bool verify_ed25519(const struct crypto_key *key, struct str digest, struct str signature)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok = ctx && EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, key->pkey) == 1 &&
	    EVP_DigestVerify(ctx, (const uint8_t *)signature.p, signature.n, (const uint8_t *)digest.p,
		digest.n) == 1;

	EVP_MD_CTX_free(ctx);
	return ok;
}

bool crypto_verify(const struct crypto_key *key, enum crypto_hash hash, struct str digest, struct str signature)
{
	bool ok = false;

	if (signature.n == 0)
		return false;
	if (key->kind == CRYPTO_RSA)
		ok = verify_rsa(key, hash, digest, signature);
	else if (hash == CRYPTO_SHA256)
		ok = verify_ed25519(key, digest, signature);
	ERR_clear_error();
	return ok;
}

static size_t sign_rsa(const struct crypto_key *key, enum crypto_hash hash, struct str digest, uint8_t *out)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key->pkey, NULL);
	size_t n = CRYPTO_SIGNATURE_MAX;
	bool ok = ctx && EVP_PKEY_sign_init(ctx) == 1 &&
	    EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1 &&
	    EVP_PKEY_CTX_set_signature_md(ctx, method(hash)) == 1 &&
	    EVP_PKEY_sign(ctx, out, &n, (const uint8_t *)digest.p, digest.n) == 1;

	EVP_PKEY_CTX_free(ctx);
	return ok ? n : 0;
}

static size_t sign_ed25519(const struct crypto_key *key, struct str digest, uint8_t *out)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	size_t n = CRYPTO_SIGNATURE_MAX;
	bool ok = ctx && EVP_DigestSignInit(ctx, NULL, NULL, NULL, key->pkey) == 1 &&
	    EVP_DigestSign(ctx, out, &n, (const uint8_t *)digest.p, digest.n) == 1;

	EVP_MD_CTX_free(ctx);
	return ok ? n : 0;
}

size_t crypto_sign(const struct crypto_key *key, enum crypto_hash hash, struct str digest,
    uint8_t out[CRYPTO_SIGNATURE_MAX])
{
	size_t n = 0;

	if (key->kind == CRYPTO_RSA && key->bits <= CRYPTO_RSA_MAX)
		n = sign_rsa(key, hash, digest, out);
	else if (key->kind == CRYPTO_ED25519 && hash == CRYPTO_SHA256)
		n = sign_ed25519(key, digest, out);
	ERR_clear_error();
	return n;
}

/* ---- base64 ---- */

static int base64_value(int c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (is_digit(c))
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool base64_read(struct str text, uint8_t *out, size_t room, size_t *ret_n)
{
	size_t n = 0, digits = 0, padding = 0;
	uint32_t bits = 0;

	for (size_t i = 0; i < text.n; i++) {
		int c = (unsigned char)text.p[i], v = base64_value(c);

		if (is_space(c))
			continue;
		if (c == '=') {
			padding++;
			continue;
		}
		if (v < 0 || padding)
			return false;
		bits = bits << 6 | (uint32_t)v;
		if (++digits % 4 == 1)
			continue;
		if (n == room)
			return false;
		out[n++] = (uint8_t)(bits >> (6 - 2 * ((digits - 1) % 4)));
	}
	*ret_n = n;
	return digits % 4 != 1 && padding <= 2 && (padding == 0 || (digits + padding) % 4 == 0);
}

struct str base64_write(struct arena *a, struct str data)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t n = 0;
	char *out = arena_alloc(a, (data.n + 2) / 3 * 4 + 1);

	for (size_t i = 0; i < data.n; i += 3) {
		uint32_t bits = 0;
		size_t have = data.n - i < 3 ? data.n - i : 3;

		for (size_t k = 0; k < 3; k++)
			bits = bits << 8 | (k < have ? (unsigned char)data.p[i + k] : 0);
		for (size_t k = 0; k < 4; k++)
			out[n++] = k <= have ? digits[bits >> (18 - 6 * k) & 63] : '=';
	}
	return (struct str){out, n};
}
