/* DKIM: canonical forms, key records, limits, tampering; what we sign, we verify. */
#include <stdio.h>

#include "auth/dkim.h"
#include "auth/key.h"
#include "auth/sign.h"
#include "auth/tags.h"
#include "lib/clock.h"
#include "tests/unit/auth-fixture.h"

/* ---- canonical forms ---- */

static void body_is(enum canon canon, const char *text, const char *wanted)
{
	uint8_t hash[CRYPTO_DIGEST_MAX];
	struct str in = str_of(text);

	digest_of(CRYPTO_SHA256, str_of(wanted), hash);
	for (size_t cut = 0; cut <= in.n; cut++) { /* in two pieces, at every place */
		struct arena *a = arena_new(0);
		const struct body_mark *mark;
		struct body_hash b;

		body_hash_init(&b, a, canon, CRYPTO_SHA256);
		mark = body_hash_mark(&b, BODY_ALL);
		body_hash_add(&b, str_sub(in, 0, cut));
		body_hash_add(&b, str_from(in, cut));
		body_hash_end(&b);
		if (b.length != strlen(wanted) || memcmp(mark->value, hash, mark->value_n) != 0)
			fail_msg("form %d of '%s' cut at %zu: %zu octets", canon, text, cut, (size_t)b.length);
		arena_free(a);
	}
}

static void bodies(void **state)
{
	(void)state;
	body_is(CANON_SIMPLE, "", "\r\n");
	body_is(CANON_RELAXED, "", "");
	body_is(CANON_SIMPLE, "\r\n\r\n\r\n", "\r\n");
	body_is(CANON_RELAXED, "\r\n \t\r\n\r\n", "");
	body_is(CANON_SIMPLE, "a b \r\n\r\nc\t \r\n\r\n\r\n", "a b \r\n\r\nc\t \r\n");
	body_is(CANON_RELAXED, "a  b \r\n\r\n\tc\t \r\n\r\n\r\n", "a b\r\n\r\n c\r\n");
	body_is(CANON_SIMPLE, "no end", "no end\r\n");
	body_is(CANON_RELAXED, "no end  ", "no end\r\n");
	body_is(CANON_SIMPLE, "lf\nonly\n\n", "lf\r\nonly\r\n");
	body_is(CANON_RELAXED, "lf \n\n only\n\n", "lf\r\n\r\n only\r\n");
	body_is(CANON_RELAXED, "bare\rcr \r x\r", "bare\rcr \r x\r\r\n");
	body_is(CANON_SIMPLE, "bare\rcr\r\r\nx", "bare\rcr\r\r\nx\r\n");
	body_is(CANON_RELAXED, "a line that is long enough for the scan of sixteen octets at a time \r\nand another one\r\n",
	    "a line that is long enough for the scan of sixteen octets at a time\r\nand another one\r\n");
	body_is(CANON_RELAXED, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n\r\n\r\nbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb \t \r\n\r\n",
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n\r\n\r\nbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\r\n");
}

/* The octet-by-octet form of RFC 6376 part 3.4.4, to compare the fast one with. */
static struct str plain_relaxed(struct arena *a, struct str in)
{
	struct buf out = {0};
	size_t blank = 0;

	while (in.n) {
		ptrdiff_t lf = str_chr(in, '\n');
		struct str line = str_sub(in, 0, lf < 0 ? in.n : (size_t)lf);
		size_t from = out.n;

		in = lf < 0 ? STR_NONE : str_from(in, (size_t)lf + 1);
		if (lf >= 0 && line.n && line.p[line.n - 1] == '\r')
			line.n--;
		while (line.n && (line.p[line.n - 1] == ' ' || line.p[line.n - 1] == '\t'))
			line.n--;
		if (line.n == 0) {
			blank++;
			continue;
		}
		for (; blank; blank--)
			buf_adds(&out, "\r\n");
		from = out.n;
		for (size_t i = 0; i < line.n; i++) {
			bool is_blank = line.p[i] == ' ' || line.p[i] == '\t';

			if (!is_blank)
				buf_addc(&out, line.p[i]);
			else if (out.n == from || out.p[out.n - 1] != ' ' || line.p[i - 1] == 'x')
				buf_addc(&out, ' ');
		}
		buf_adds(&out, "\r\n");
	}
	return buf_take(&out, a);
}

static void random_bodies(void **state)
{
	static const char *const pieces[] = {" ", "  ", "\t", "\r\n", "\n", "a", "word", "\r\n\r\n", "0123456789abcdef", "\r\n ", "--"};
	unsigned seed = 1;

	(void)state;
	for (int round = 0; round < 3000; round++) {
		struct arena *a = arena_new(0);
		uint8_t hash[CRYPTO_DIGEST_MAX];
		const struct body_mark *mark;
		struct buf text = {0};
		struct body_hash b;

		for (int i = 0; i < 40; i++) {
			seed = seed * 1103515245u + 12345u;
			buf_adds(&text, pieces[(seed >> 16) % (sizeof pieces / sizeof *pieces)]);
		}
		body_hash_init(&b, a, CANON_RELAXED, CRYPTO_SHA256);
		mark = body_hash_mark(&b, BODY_ALL);
		for (size_t at = 0; at < text.n; at += 7 + seed % 90)
			body_hash_add(&b, str_sub(buf_str(&text), at, 7 + seed % 90));
		body_hash_end(&b);
		digest_of(CRYPTO_SHA256, plain_relaxed(a, buf_str(&text)), hash);
		if (memcmp(hash, mark->value, sizeof hash) != 0)
			fail_msg("round %d: '%.*s'", round, (int)text.n, text.p);
		buf_free(&text);
		arena_free(a);
	}
}

/* Marks at all lengths, in any order, in one pass: each is the hash of so many octets. */
static void marks(void **state)
{
	static const char text[] = "one  two \r\n\r\n three\r\n\r\n";
	static const char wanted[] = "one two\r\n\r\n three\r\n";
	enum { N = sizeof wanted - 1 };

	(void)state;
	for (size_t step = 1; step <= sizeof text; step++) {
		struct arena *a = arena_new(0);
		const struct body_mark *m[N + 3];
		struct body_hash b;

		body_hash_init(&b, a, CANON_RELAXED, CRYPTO_SHA256);
		for (size_t i = 0; i < N + 3; i++)
			m[(i * 7 + 3) % (N + 3)] = body_hash_mark(&b, (i * 7 + 3) % (N + 3));
		assert_ptr_equal(body_hash_mark(&b, 4), m[4]);
		for (size_t at = 0; at < sizeof text - 1; at += step)
			body_hash_add(&b, str_sub(str_of(text), at, step));
		body_hash_end(&b);
		assert_int_equal(b.length, N);
		for (size_t i = 0; i < N + 3; i++) {
			uint8_t hash[CRYPTO_DIGEST_MAX];

			assert_int_equal(m[i]->limit, i);
			digest_of(CRYPTO_SHA256, str_sub(str_of(wanted), 0, i), hash);
			assert_memory_equal(m[i]->value, hash, sizeof hash);
		}
		arena_free(a);
	}
}

static void mark_is(const struct body_hashes *set, enum canon canon, uint64_t limit, const char *wanted)
{
	const struct body_mark *m = body_hashes_find(set, canon, CRYPTO_SHA256, limit);
	uint8_t hash[CRYPTO_DIGEST_MAX];

	digest_of(CRYPTO_SHA256, str_of(wanted), hash);
	assert_non_null(m);
	assert_memory_equal(m->value, hash, sizeof hash);
}

/* What is wanted when some of the body has come already is right too, and so is a body of which only some came. */
static void late_wishes(void **state)
{
	static const char body[] = "a  b\r\nc\r\n";

	(void)state;
	for (size_t fed = 0; fed < sizeof body; fed++) {
		struct arena *a = arena_new(0);
		struct body_hashes set;
		const struct body_hash *hash;

		body_hashes_init(&set, a);
		body_hashes_want(&set, CANON_SIMPLE, CRYPTO_SHA256, BODY_ALL, &hash);
		body_hashes_want(&set, CANON_SIMPLE, CRYPTO_SHA256, 3, &hash);
		body_hashes_add(&set, str_sub(str_of(body), 0, fed));
		body_hashes_want(&set, CANON_RELAXED, CRYPTO_SHA256, BODY_ALL, &hash);
		body_hashes_want(&set, CANON_SIMPLE, CRYPTO_SHA256, 2, &hash);
		body_hashes_want(&set, CANON_SIMPLE, CRYPTO_SHA256, 3, &hash);
		assert_null(body_hashes_find(&set, CANON_SIMPLE, CRYPTO_SHA256, 3));
		body_hashes_end(&set, str_of(body));
		body_hashes_end(&set, str_of(body));
		assert_int_equal(hash->length, 9);
		mark_is(&set, CANON_SIMPLE, BODY_ALL, body);
		mark_is(&set, CANON_SIMPLE, 3, "a  ");
		mark_is(&set, CANON_SIMPLE, 2, "a ");
		mark_is(&set, CANON_RELAXED, BODY_ALL, "a b\r\nc\r\n");
		assert_null(body_hashes_find(&set, CANON_RELAXED, CRYPTO_SHA1, BODY_ALL));
		arena_free(a);
	}
}

static void headers(void **state)
{
	struct header h = {STR("SUBJect"), STR(" AbC\r\n\t  d  \t"), STR("SUBJect : AbC\r\n\t  d  \t\r\n")};
	struct header lf = {STR("A"), STR(" x\n y"), STR("A: x\n y\n")};
	struct header sig = {.name = STR("DKIM-Signature"), .raw = STR("DKIM-Signature: v=1; b = abc\r\n def ; bh=b=x\r\n")};
	struct buf out = {0};

	(void)state;
	canon_header(&out, &h, CANON_RELAXED);
	assert_str(buf_str(&out), "subject:AbC d\r\n");
	out.n = 0;
	canon_header(&out, &h, CANON_SIMPLE);
	assert_str(buf_str(&out), "SUBJect : AbC\r\n\t  d  \t\r\n");
	out.n = 0;
	canon_header(&out, &lf, CANON_SIMPLE);
	assert_str(buf_str(&out), "A: x\r\n y\r\n");
	out.n = 0;
	canon_header(&out, &lf, CANON_RELAXED);
	assert_str(buf_str(&out), "a:x y\r\n");
	out.n = 0;
	sig.value = str_sub(sig.raw, 15, sig.raw.n - 17);
	canon_signature(&out, &sig, CANON_RELAXED);
	assert_str(buf_str(&out), "dkim-signature:v=1; b =; bh=b=x");
	out.n = 0;
	canon_signature(&out, &sig, CANON_SIMPLE);
	assert_str(buf_str(&out), "DKIM-Signature: v=1; b =; bh=b=x");
	buf_free(&out);
}

/* ---- tag lists, base64, keys ---- */

static void tag_lists(void **state)
{
	static const char *const bad[] = {"", ";", "a", "a=1;;b=2", "a=1;a=2", "1a=1", "=1", "a-b=1", "a=1;b", "a=\x01", " ; a=1"};
	char many[TAGS_MAX * 8 + 20] = "";
	struct tags tags;

	(void)state;
	assert_true(tags_parse(STR(" a = 1 ;\r\n\tb=x y;c=; "), &tags));
	assert_int_equal(tags.n, 3);
	assert_str(tags_get(&tags, "b"), "x y");
	assert_non_null(tags_get(&tags, "c").p);
	assert_null(tags_get(&tags, "A").p);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (tags_parse(str_of(bad[i]), &tags))
			fail_msg("taken: '%s'", bad[i]);
	for (int i = 0; i < TAGS_MAX; i++)
		snprintf(many + strlen(many), sizeof many - strlen(many), "t%d=1;", i);
	assert_true(tags_parse(str_of(many), &tags));
	snprintf(many + strlen(many), sizeof many - strlen(many), "z=1");
	assert_false(tags_parse(str_of(many), &tags));
}

static bool reads(const char *text, const char *wanted)
{
	uint8_t out[8];
	size_t n = 99;

	return base64_read(str_of(text), out, sizeof out, &n) && n == strlen(wanted) && memcmp(out, wanted, n) == 0;
}

static void base64(void **state)
{
	struct arena *a = arena_new(0);

	(void)state;
	assert_true(reads("", ""));
	assert_true(reads("YQ==", "a"));
	assert_true(reads("YQ", "a"));
	assert_true(reads(" YW\r\n\tJj ", "abc"));
	assert_true(reads("YWJjZGVmZ2g=", "abcdefgh"));
	assert_false(reads("YWJjZGVmZ2hp", "abcdefghi"));
	assert_false(reads("Y", ""));
	assert_false(reads("YQ=", "a"));
	assert_false(reads("YQ===", "a"));
	assert_false(reads("YQ==YQ==", "aa"));
	assert_false(reads("Y*Q=", "a"));
	assert_str(base64_write(a, STR("a")), "YQ==");
	assert_str(base64_write(a, STR("abcdefgh")), "YWJjZGVmZ2g=");
	arena_free(a);
}

static void keys(void **state)
{
	static const char ed[] = "k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
	static const struct {
		const char *record, *problem;
	} cases[] = {
	    {"p=", "key is revoked"},
	    {"k=ed25519; p=", "key is revoked"},
	    {"k=rsa; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=", "key is of another type than the signature"},
	    {"k=ed25519", "key record without a key"},
	    {"k=ed25519; p=AAAA", "key cannot be read"},
	    {"k=ed25519; p=%%", "key is not base64"},
	    {"v=DKIM2; k=ed25519; p=AAAA", "key record of an unknown version"},
	    {"k=ed25519; v=DKIM1; p=AAAA", "key record of an unknown version"},
	    {"k=ed25519; h=sha1; p=AAAA", "key does not allow this hash"},
	    {"k=ed25519; s=tlsrpt; p=AAAA", "key is not for mail"},
	    {"hello", "key record has a syntax error"},
	};
	struct arena *a = arena_new(0);
	struct dkim_key key;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const char *problem = dkim_key_parse(a, str_of(cases[i].record), CRYPTO_ED25519, CRYPTO_SHA256, &key);

		if (strcmp(cases[i].record, "p=") == 0)
			problem = dkim_key_parse(a, str_of(cases[i].record), CRYPTO_RSA, CRYPTO_SHA256, &key);
		assert_non_null(problem);
		assert_string_equal(problem, cases[i].problem);
	}
	assert_null(dkim_key_parse(a, str_of(ed), CRYPTO_ED25519, CRYPTO_SHA256, &key));
	assert_int_equal(crypto_key_kind(key.key), CRYPTO_ED25519);
	assert_null(dkim_key_parse(a, STR("v=DKIM1; t=y:s; h=sha1:sha256; s=*; k=ed25519; n=x; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="),
	    CRYPTO_ED25519, CRYPTO_SHA256, &key));
	assert_true(key.is_testing && key.is_strict);
	arena_free(a);
}

/* "SEQUENCE { INTEGER n of 1024 bits, INTEGER e of that many }" */
static struct str key_with_exponent(struct arena *a, size_t bits)
{
	uint8_t der[300] = {0x30, 0x81, 0, 0x02, 0x81, 129, 0}, *e = der + 7 + 128;
	size_t octets = bits / 8 + 1;

	memset(der + 7, 0xc5, 128);
	e[0] = 0x02;
	e[1] = (uint8_t)octets;
	e[2] = (uint8_t)(1u << (bits - 1) % 8);
	if (bits % 8 == 0)
		e[2] = 0, e[3] = 0x80;
	e[1 + octets] |= 1;
	der[2] = (uint8_t)(4 + 128 + 2 + octets);
	return base64_write(a, (struct str){(char *)der, 3u + der[2]});
}

/* Exponents of attackers: a verification that takes a thousand times as long. */
static void exponents(void **state)
{
	static const struct {
		size_t bits;
		enum crypto_fault fault;
	} rows[] = {{2, CRYPTO_OK}, {17, CRYPTO_OK}, {64, CRYPTO_OK}, {65, CRYPTO_BAD_KEY}, {1000, CRYPTO_BAD_KEY}};
	struct arena *a = arena_new(0);

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct crypto_key *key = NULL;

		assert_int_equal(crypto_public_key(CRYPTO_RSA, key_with_exponent(a, rows[i].bits), &key), rows[i].fault);
		if (rows[i].fault == CRYPTO_OK) {
			assert_int_equal(crypto_key_bits(key), 1024);
			crypto_key_free(key);
		}
	}
	arena_free(a);
}

/* More keys than the cache holds, each used twice. */
static void key_cache(void **state)
{
	(void)state;
	for (int i = 0; i < CRYPTO_KEYS_KEPT + 200; i++) {
		struct arena *a = arena_new(0);
		uint8_t raw[32] = {(uint8_t)i, (uint8_t)(i >> 8), 7};
		struct str text = base64_write(a, (struct str){(char *)raw, 32});
		struct crypto_key *one, *two;

		assert_int_equal(crypto_public_key(CRYPTO_ED25519, text, &one), CRYPTO_OK);
		assert_int_equal(crypto_public_key(CRYPTO_ED25519, text, &two), CRYPTO_OK);
		assert_ptr_equal(one, two);
		assert_true(str_eq(crypto_public_text(a, one), text));
		crypto_key_free(one);
		crypto_key_free(two);
		arena_free(a);
	}
}

/* ---- whole messages ---- */

static const char base[] = "From: Joe <joe@example.org>\r\nTo: ann@example.net\r\nSubject: hi\r\n"
			   "Date: Thu, 1 Jan 2026 00:00:00 +0000\r\n\r\nHello  you \r\n\r\nbye\r\n\r\n";

struct signed_mail {
	struct auth_fixture f;
	struct row zone[3];
	struct sign_key key;
	struct str text;
};

static void sign_with(struct signed_mail *m, enum crypto_kind kind, unsigned bits, const char *message, int64_t expires)
{
	struct sign_request request = {.key = &m->key, .names = STR(""), .now = 1000, .expires = expires};
	struct arena *a = m->f.arena;
	uint8_t hash[CRYPTO_DIGEST_MAX];
	struct headers h;
	struct str pem, value;

	m->key = (struct sign_key){STR("example.org"), STR("s1"), crypto_generate(kind, bits, a, &pem)};
	assert_non_null(m->key.key);
	headers_parse(a, str_of(message), &h);
	sign_body(a, str_from(str_of(message), h.body), hash);
	assert_true(sign_dkim(a, &h, hash, &request, &value));
	m->text = arena_printf(a, "DKIM-Signature: %.*s\r\n%s", STR_ARG(value), message);
	m->zone[0] = (struct row){"s1._domainkey.example.org", DNS_TXT, arena_printf(a, "v=DKIM1; k=%s; p=%.*s",
	    kind == CRYPTO_RSA ? "rsa" : "ed25519", STR_ARG(crypto_public_text(a, m->key.key))).p};
}

static struct signed_mail *start(enum crypto_kind kind, unsigned bits, int64_t expires)
{
	static struct signed_mail m;

	m = (struct signed_mail){0};
	auth_fixture_start(&m.f, m.zone);
	sign_with(&m, kind, bits, base, expires);
	return &m;
}

static void end(struct signed_mail *m)
{
	crypto_key_free((struct crypto_key *)m->key.key);
	auth_fixture_end(&m->f);
}

static struct signature verify(struct signed_mail *m, struct str text)
{
	static const struct signature_options options = {.minimum_rsa_bits = 1024};
	struct dkim *d = dkim_verify(m->f.arena, m->f.scope, text, &options);

	assert_true(d->n > 0);
	return d->v[0];
}

/* The message with the first `old` replaced. */
static struct str replaced(struct signed_mail *m, const char *old, const char *new)
{
	ptrdiff_t at = str_find(m->text, str_of(old));

	assert_true(at >= 0);
	return arena_printf(m->f.arena, "%.*s%s%.*s", (int)at, m->text.p, new,
	    STR_ARG(str_from(m->text, (size_t)at + strlen(old))));
}

/* A key of 1,024 bits, with limits one bit to either side of it. */
static void rsa_bits_at_the_limits(void **state)
{
	static const struct {
		unsigned least, most;
		enum auth_result result;
	} rows[] = {{1023, 0, AUTH_PASS}, {1024, 0, AUTH_PASS}, {1025, 0, AUTH_POLICY}, {1024, 1023, AUTH_POLICY},
	    {1024, 1024, AUTH_PASS}, {1024, 1025, AUTH_PASS}};
	struct signed_mail *m = start(CRYPTO_RSA, 1024, 0);

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct signature_options options = {.minimum_rsa_bits = rows[i].least, .maximum_rsa_bits = rows[i].most};

		assert_int_equal(dkim_verify(m->f.arena, m->f.scope, m->text, &options)->v[0].result, rows[i].result);
	}
	end(m);
}

static void round_trip(void **state)
{
	static const struct {
		enum crypto_kind kind;
		unsigned bits;
	} kinds[] = {{CRYPTO_RSA, 1024}, {CRYPTO_RSA, 2048}, {CRYPTO_RSA, 4096}, {CRYPTO_ED25519, 0}};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct signed_mail *m = start(kinds[i].kind, kinds[i].bits, 0);

		assert_int_equal(verify(m, m->text).result, AUTH_PASS);
		/* Blanks may change, words may not. */
		assert_int_equal(verify(m, replaced(m, "Hello  you ", "Hello you")).result, AUTH_PASS);
		assert_int_equal(verify(m, replaced(m, "Subject: hi", "subject:   hi ")).result, AUTH_PASS);
		assert_int_equal(verify(m, replaced(m, "bye\r\n\r\n", "bye\r\n\r\n\r\n\r\n")).result, AUTH_PASS);
		assert_int_equal(verify(m, replaced(m, "Hello", "hello")).result, AUTH_FAIL);
		assert_int_equal(verify(m, replaced(m, "Subject: hi", "Subject: ho")).result, AUTH_FAIL);
		assert_int_equal(verify(m, replaced(m, "d=example.org", "d=example.com")).result, AUTH_PERMERROR);
		/* Oversigned: a second From, a Reply-To that was not there. */
		assert_int_equal(verify(m, replaced(m, "To: ann", "From: evil@example.com\r\nTo: ann")).result, AUTH_FAIL);
		assert_int_equal(verify(m, replaced(m, "To: ann", "Reply-To: e@example.com\r\nTo: ann")).result, AUTH_FAIL);
		end(m);
	}
}

static void policy_of_keys(void **state)
{
	struct signed_mail *m = start(CRYPTO_RSA, 768, 0);

	(void)state;
	assert_int_equal(verify(m, m->text).result, AUTH_POLICY);
	end(m);
	m = start(CRYPTO_ED25519, 0, 0);
	/* Mislabelled: an Ed25519 key record for an RSA signature. */
	assert_int_equal(verify(m, replaced(m, "a=ed25519-sha256", "a=rsa-sha256")).result, AUTH_PERMERROR);
	m->zone[0].data = "TEMP";
	dns_scope_free(m->f.scope);
	m->f.scope = dns_scope_new(m->f.dns, &(struct dns_limits){10, 1000}, NULL, NULL);
	assert_int_equal(verify(m, m->text).result, AUTH_TEMPERROR);
	end(m);
}

static void times(void **state)
{
	struct signed_mail *m = start(CRYPTO_ED25519, 0, 5000);

	(void)state;
	clock_fix(5000);
	assert_int_equal(verify(m, m->text).result, AUTH_PASS);
	clock_fix(5001);
	assert_int_equal(verify(m, m->text).result, AUTH_FAIL);
	assert_str(verify(m, m->text).reason, "signature has expired");
	clock_fix(4000);
	assert_int_equal(verify(m, replaced(m, "x=5000", "x=1000")).result, AUTH_NEUTRAL);
	assert_int_equal(verify(m, replaced(m, "x=5000", "x=-1")).result, AUTH_NEUTRAL);
	end(m);
}

static void broken_fields(void **state)
{
	static const struct {
		const char *old, *new;
		enum auth_result result;
	} cases[] = {
	    {"v=1", "v=2", AUTH_NEUTRAL},
	    {"v=1; ", "", AUTH_NEUTRAL},
	    {"a=ed25519-sha256", "a=rot13", AUTH_NEUTRAL},
	    {"c=relaxed/relaxed", "c=lax", AUTH_NEUTRAL},
	    {"s=s1", "s=", AUTH_NEUTRAL},
	    {"s=s1", "s=s1/", AUTH_NEUTRAL},
	    {"d=example.org", "d=..", AUTH_NEUTRAL},
	    {"d=example.org", "d=example.org; i=joe@example.com", AUTH_PERMERROR},
	    {"d=example.org", "d=example.org; i=joe@badexample.org", AUTH_PERMERROR},
	    {"d=example.org", "d=example.org; q=http", AUTH_NEUTRAL},
	    {"d=example.org", "d=example.org; l=x", AUTH_NEUTRAL},
	    {"d=example.org", "d=example.org; d=example.org", AUTH_NEUTRAL},
	    {"h=From:From", "h=Fro:Fro", AUTH_PERMERROR},
	    {"bh=", "bh=AAAA", AUTH_NEUTRAL},
	    {"bh=", "bh=AA*", AUTH_NEUTRAL},
	    {"\tb=", "\tb=*", AUTH_NEUTRAL},
	};
	struct signed_mail *m = start(CRYPTO_ED25519, 0, 0);

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct signature sig = verify(m, replaced(m, cases[i].old, cases[i].new));

		if (sig.result != cases[i].result)
			fail_msg("%s -> %s: %s (%.*s)", cases[i].old, cases[i].new, auth_result_words[sig.result], STR_ARG(sig.reason));
		if (cases[i].old[0] != 'd')
			assert_str(sig.domain, "example.org");
	}
	end(m);
}

static void counts(void **state)
{
	static const char format[] = "DKIM-Signature: v=1; a=ed25519-sha256; d=example.org; s=s1; b=AA; c=relaxed/relaxed;\r\n"
				     " bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; h=%s%.*s\r\n\r\n";
	struct signed_mail *m = start(CRYPTO_ED25519, 0, 0);
	struct signature_options options = SIGNATURE_DEFAULTS;
	struct buf many = {0}, names = {0};
	struct dkim *d;

	(void)state;
	for (int i = 1; i <= DKIM_SIGNATURES_MAX + 1; i++) {
		buf_adds(&many, "DKIM-Signature: v=1; d=x.example; s=s\r\n");
		d = dkim_verify(m->f.arena, m->f.scope, arena_printf(m->f.arena, "%.*s\r\n", STR_ARG(buf_str(&many))), &options);
		assert_int_equal(d->n, i <= DKIM_SIGNATURES_MAX ? i : DKIM_SIGNATURES_MAX);
		assert_int_equal(d->ignored, i <= DKIM_SIGNATURES_MAX ? 0 : 1);
	}
	/* h= with names at and above the limit: no crypto is done for the latter. */
	for (int i = 0; i < SIGNATURE_NAMES_MAX - 1; i++)
		buf_adds(&names, "x:");
	buf_adds(&names, "From");
	d = dkim_verify(m->f.arena, m->f.scope, arena_printf(m->f.arena, format, "", STR_ARG(buf_str(&names))), &options);
	assert_str(d->v[0].reason, "signature did not verify");
	d = dkim_verify(m->f.arena, m->f.scope, arena_printf(m->f.arena, format, "y:", STR_ARG(buf_str(&names))), &options);
	assert_str(d->v[0].reason, "too many signed fields");
	buf_free(&many);
	buf_free(&names);
	end(m);
}

/* Signed with a chosen l=: a shorter one passes and says so. */
static void partial(void **state)
{
	struct signed_mail *m = start(CRYPTO_ED25519, 0, 0);
	struct arena *a = m->f.arena;
	struct str head, b64, field, text = STR("From: a@example.org\r\n\r\nHello\r\n");
	uint8_t hash[CRYPTO_DIGEST_MAX], signature[CRYPTO_SIGNATURE_MAX];
	struct header self;
	struct headers h;
	struct buf signed_text = {0};
	struct signature sig;

	(void)state;
	sign_body(a, STR("Hello\r\n"), hash);
	head = arena_printf(a, "v=1; a=ed25519-sha256; c=relaxed/relaxed; d=example.org; s=s1; l=7; h=From; bh=%.*s; b=",
	    STR_ARG(base64_write(a, (struct str){(char *)hash, 32})));
	headers_parse(a, text, &h);
	self = (struct header){.name = STR("DKIM-Signature"), .value = head};
	signature_add_fields(&signed_text, &h, STR("From"), SIZE_MAX, CANON_RELAXED);
	canon_signature(&signed_text, &self, CANON_RELAXED);
	digest_of(CRYPTO_SHA256, buf_str(&signed_text), hash);
	b64 = base64_write(a, (struct str){(char *)signature,
	    crypto_sign(m->key.key, CRYPTO_SHA256, (struct str){(char *)hash, 32}, signature)});
	field = arena_printf(a, "DKIM-Signature: %.*s%.*s\r\n", STR_ARG(head), STR_ARG(b64));
	sig = verify(m, arena_printf(a, "%.*s%.*s", STR_ARG(field), STR_ARG(text)));
	assert_int_equal(sig.result, AUTH_PASS);
	assert_false(sig.is_partial);
	sig = verify(m, arena_printf(a, "%.*s%.*sadded\r\n", STR_ARG(field), STR_ARG(text)));
	assert_int_equal(sig.result, AUTH_PASS);
	assert_true(sig.is_partial);
	assert_str(sig.reason, "partial: 7 of 14 octets of the body are signed");
	sig = verify(m, arena_printf(a, "%.*sFrom: a@example.org\r\n\r\nHell\r\n", STR_ARG(field)));
	assert_int_equal(sig.result, AUTH_FAIL);
	buf_free(&signed_text);
	end(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(bodies),
	    cmocka_unit_test(random_bodies),
	    cmocka_unit_test(marks),
	    cmocka_unit_test(late_wishes),
	    cmocka_unit_test(headers),
	    cmocka_unit_test(tag_lists),
	    cmocka_unit_test(base64),
	    cmocka_unit_test(keys),
	    cmocka_unit_test(exponents),
	    cmocka_unit_test(key_cache),
	    cmocka_unit_test(rsa_bits_at_the_limits), cmocka_unit_test(round_trip),
	    cmocka_unit_test(policy_of_keys),
	    cmocka_unit_test(times),
	    cmocka_unit_test(broken_fields),
	    cmocka_unit_test(counts),
	    cmocka_unit_test(partial),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
