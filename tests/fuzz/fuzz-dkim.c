/*
 * DKIM: key records in the first lines, then a message. Pieces must hash as the whole does, whatever
 * the form, and what we sign of it must verify.
 */
#include "auth/dkim.h"
#include "auth/sign.h"
#include "tests/fuzz/fuzz-auth.h"

static void compare_pieces(struct arena *a, struct str body, size_t step, enum canon canon, uint64_t limit)
{
	struct body_hash whole, pieces, only;
	const struct body_mark *w, *m, *o;

	body_hash_init(&whole, a, canon, CRYPTO_SHA256);
	body_hash_init(&pieces, a, canon, CRYPTO_SHA256);
	body_hash_init(&only, a, canon, CRYPTO_SHA256);
	w = body_hash_mark(&whole, limit);
	body_hash_mark(&pieces, BODY_ALL);
	m = body_hash_mark(&pieces, limit);
	body_hash_mark(&pieces, limit / 2);
	o = body_hash_mark(&only, limit);
	body_hash_add(&whole, body);
	for (size_t at = 0; at < body.n; at += step)
		body_hash_add(&pieces, str_sub(body, at, step));
	for (size_t at = 0; at < body.n; at += 1)
		body_hash_add(&only, str_sub(body, at, 1));
	body_hash_end(&whole);
	body_hash_end(&pieces);
	body_hash_end(&only);
	assert(whole.length == pieces.length && whole.length == only.length);
	assert(memcmp(w->value, m->value, w->value_n) == 0 && memcmp(w->value, o->value, w->value_n) == 0);
}

static void sign_and_verify(struct arena *a, struct str message)
{
	static const char pem[] = "-----BEGIN PRIVATE KEY-----\n"
				  "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----\n";
	static struct crypto_key *key;
	struct sign_key signer = {STR("example.org"), STR("s1"), key};
	struct sign_request request = {.key = &signer, .now = 1};
	struct signature_options options = SIGNATURE_DEFAULTS;
	uint8_t hash[CRYPTO_DIGEST_MAX];
	struct fuzz_dns f = {.txt = {STR("k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=")}, .n = 1};
	struct headers h;
	struct str value;
	struct dkim *d;

	if (!key)
		signer.key = key = crypto_private_key(str_of(pem));
	headers_parse(a, message, &h);
	if (h.n == 0 || h.broken_at || !h.has_end || h.is_over || h.has_nul || headers_count(&h, "From") == 0)
		return;
	sign_body(a, str_from(message, h.body), hash);
	assert(sign_dkim(a, &h, hash, &request, &value));
	fuzz_dns_start(&f);
	d = dkim_verify(a, f.scope, arena_printf(a, "DKIM-Signature: %.*s\r\n%.*s", STR_ARG(value), STR_ARG(message)), &options);
	assert(d->n == 0 || d->v[0].result == AUTH_PASS || d->v[0].result == AUTH_PERMERROR || d->v[0].result == AUTH_TEMPERROR);
	fuzz_dns_end(&f);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct signature_options options = {.minimum_rsa_bits = 512, .accept_sha1 = true};
	struct str input = fuzz_input(p, n);
	uint8_t choice = fuzz_octet(&input);
	struct arena *a = arena_new(0);
	struct fuzz_dns f = {0};
	struct dkim *d;

	fuzz_dns_records(&f, &input);
	fuzz_dns_start(&f);
	d = dkim_verify(a, f.scope, input, &options);
	assert(d->n <= DKIM_SIGNATURES_MAX);
	for (size_t i = 0; i < d->n; i++)
		assert(d->v[i].result != AUTH_NONE);
	compare_pieces(a, input, 1 + choice % 61, choice & 64 ? CANON_RELAXED : CANON_SIMPLE, choice & 128 ? choice : BODY_ALL);
	if (memchr(input.p ? input.p : "", 0, input.n) == NULL)
		sign_and_verify(a, input);
	fuzz_dns_end(&f);
	arena_free(a);
	return 0;
}
