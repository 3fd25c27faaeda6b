/* See hash.h. */
#include "lib/hash.h"

#include <openssl/evp.h>

size_t hash_of(enum hash_kind kind, struct str data, uint8_t out[HASH_MAX])
{
	const EVP_MD *method = kind == HASH_MD5 ? EVP_md5() : kind == HASH_SHA1 ? EVP_sha1() : EVP_sha256();
	unsigned n = 0;

	return EVP_Digest(data.n ? data.p : "", data.n, out, &n, method, NULL) == 1 ? n : 0;
}

struct str hash_hex(struct arena *a, const uint8_t *hash, size_t n)
{
	static const char digits[] = "0123456789abcdef";
	char *p = arena_alloc(a, 2 * n + 1);

	for (size_t i = 0; i < n; i++) {
		p[2 * i] = digits[hash[i] >> 4];
		p[2 * i + 1] = digits[hash[i] & 15];
	}
	return (struct str){p, 2 * n};
}

struct str hash_base32(struct arena *a, const uint8_t *hash, size_t n)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
	size_t length = (8 * n + 4) / 5;
	char *p = arena_alloc(a, length + 1);

	for (size_t i = 0; i < length; i++) {
		size_t bit = 5 * i, at = bit / 8;
		unsigned two = (unsigned)hash[at] << 8 | (at + 1 < n ? hash[at + 1] : 0U);
		p[i] = digits[two >> (11 - bit % 8) & 31];
	}
	return (struct str){p, length};
}
