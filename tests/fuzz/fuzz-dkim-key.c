/* Key records and tag lists. */
#include "auth/key.h"
#include "auth/tags.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct str input = fuzz_input(p, n);
	uint8_t choice = fuzz_octet(&input);
	struct arena *a = arena_new(0);
	struct dkim_key key;
	struct tags tags;

	if (tags_parse(input, &tags))
		for (size_t i = 0; i < tags.n; i++)
			assert(tags.v[i].name.n && tags.v[i].value.n <= tags.v[i].raw.n);
	if (!dkim_key_parse(a, input, choice & 1 ? CRYPTO_ED25519 : CRYPTO_RSA, choice & 2 ? CRYPTO_SHA1 : CRYPTO_SHA256, &key)) {
		static const char nothing[64];

		assert(crypto_key_bits(key.key) <= CRYPTO_RSA_MAX);
		assert(!crypto_verify(key.key, CRYPTO_SHA256, (struct str){nothing, 32}, (struct str){nothing, 64}));
	}
	arena_free(a);
	return 0;
}
