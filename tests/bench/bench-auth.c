/*
 * What sender authentication costs: hashing of bodies in both forms beside plain SHA-256, and SPF, DKIM
 * and DMARC together on an 11 KB message with one RSA-2048 signature, DNS answers at hand.
 *
 *     make tests/bench/bench-auth && tests/bench/bench-auth
 *     bench-auth FOLDER     writes a message and its key record there, for others to verify, and
 *                           prints the seconds of CPU that DKIM alone takes: tests/bench/verify
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "auth/auth.h"
#include "auth/sign.h"

enum { BODY = 1024 * 1024, MESSAGE_BODY = 10 * 1024, ROUNDS = 5 };

static double cpu(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* ---- bodies ---- */

static const char *const text_lines[] = {"Dear all,\r\n", "\r\n",
    "the quick brown fox jumps over the lazy dog, and then it goes home again to sleep.\r\n",
    "> On Monday somebody wrote something that nobody had asked for.\r\n", "--  \r\n",
    "A line with a number of words that is about as long as lines in mail use to be:\r\n"};
static const char *const base64_lines[] = {"TWFueSBoYW5kcyBtYWtlIGxpZ2h0IHdvcmsuTWFueSBoYW5kcyBtYWtlIGxpZ2h0IHdvcmsuTWFu\r\n"};
static const char *const html_lines[] = {"<html>\r\n", "  <body>\r\n", "    <table width=3D\"100%\"  border=3D0>\r\n",
    "\t\t<td style=3D\"font-family: Arial, sans-serif; color: #333333;\">=\r\n", "      Hello  World</td>\t\r\n", "\r\n"};

static struct str make_body(struct buf *out, const char *const *lines, size_t n, size_t size)
{
	while (out->n < size)
		buf_adds(out, lines[out->n % 7 % n]);
	return buf_str(out);
}

static double rate(struct str body, int form)
{
	double best = 0;

	for (int round = 0; round < ROUNDS; round++) {
		struct arena *a = arena_new(0);
		double start = cpu(), got;

		for (int i = 0; i < 20; i++) {
			uint8_t value[CRYPTO_DIGEST_MAX];
			struct body_hash b;

			if (form < 0) {
				digest_of(CRYPTO_SHA256, body, value);
				continue;
			}
			body_hash_init(&b, a, (enum canon)form, CRYPTO_SHA256);
			body_hash_mark(&b, BODY_ALL);
			body_hash_add(&b, body);
			body_hash_end(&b);
		}
		got = 20.0 * (double)body.n / (cpu() - start) / 1e9;
		best = got > best ? got : best;
		arena_free(a);
	}
	return best;
}

static void bench_bodies(void)
{
	static const struct {
		const char *name;
		const char *const *lines;
		size_t n;
	} kinds[] = {{"text", text_lines, 6}, {"base64", base64_lines, 1}, {"html", html_lines, 6}};

	for (size_t i = 0; i < 3; i++) {
		struct buf out = {0};
		struct str body = make_body(&out, kinds[i].lines, kinds[i].n, BODY);
		double plain = rate(body, -1), simple = rate(body, CANON_SIMPLE), relaxed = rate(body, CANON_RELAXED);

		printf("%-7s sha256 %.2f GB/s   simple %.2f (%.2fx)   relaxed %.2f (%.2fx)\n", kinds[i].name, plain, simple,
		    plain / simple, relaxed, plain / relaxed);
		buf_free(&out);
	}
}

/* ---- pieces, as a loop thread hashes them ---- */

enum { PIECE = 64 * 1024 };

/* Microseconds of a loop thread for one read: the longest that its other sessions wait because of it. */
static double piece_cost(struct str body, size_t forms, size_t limits)
{
	double best = 1e9;

	for (int round = 0; round < ROUNDS; round++) {
		struct arena *a = arena_new(0);
		const struct body_hash *hash;
		struct body_hashes set;
		double start;

		body_hashes_init(&set, a);
		for (size_t i = 0; i < forms * limits; i++)
			body_hashes_want(&set, (enum canon)(i % forms), CRYPTO_SHA256, i < forms ? BODY_ALL : 1000 * i, &hash);
		start = cpu();
		for (size_t at = 0; at < body.n; at += PIECE)
			body_hashes_add(&set, str_sub(body, at, PIECE));
		start = (cpu() - start) / (double)(body.n / PIECE) * 1e6;
		best = start < best ? start : best;
		arena_free(a);
	}
	return best;
}

static void bench_pieces(void)
{
	struct buf out = {0};
	struct str body = make_body(&out, text_lines, 6, BODY);

	printf("a read of 64 KiB, hashed as it arrives: one signature %.0f us, both forms %.0f us, both forms and 60 lengths %.0f us\n",
	    piece_cost(body, 1, 1), piece_cost(body, 2, 1), piece_cost(body, 2, 30));
	buf_free(&out);
}

/* ---- messages ---- */

static struct dns_record records[4];

static void answer(void *arg, struct str name, enum dns_type type, struct dns_answer *ret)
{
	struct dns_record *r = str_iis(name, "example.org") ? &records[0] : str_istarts(name, STR("s1.")) ? &records[1]
	    : str_iis(name, "_dmarc.example.org") ? &records[2] : NULL;

	(void)arg;
	*ret = (struct dns_answer){.status = DNS_NXDOMAIN};
	if (r && type == DNS_TXT)
		*ret = (struct dns_answer){.status = DNS_OK, .n = 1, .records = r};
}

static struct str make_message(struct arena *a, enum crypto_kind kind, unsigned bits)
{
	struct str pem, value, message;
	struct sign_key key = {STR("example.org"), STR("s1"), crypto_generate(kind, bits, a, &pem)};
	struct sign_request request = {.key = &key, .names = STR(""), .now = time(NULL) - 60};
	uint8_t hash[CRYPTO_DIGEST_MAX];
	struct buf text = {0};
	struct headers headers;

	buf_adds(&text, "Received: from mail.example.org (mail.example.org [192.0.2.1])\r\n\tby mx.example.net with ESMTPS id x\r\n");
	buf_adds(&text, "From: Joe <joe@example.org>\r\nTo: Ann <ann@example.net>\r\nSubject: about something\r\nMessage-ID: <1@example.org>\r\n");
	buf_adds(&text, "Date: Thu, 1 Jan 2026 00:00:00 +0000\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n");
	make_body(&text, text_lines, 6, text.n + MESSAGE_BODY);
	message = buf_take(&text, a);
	headers_parse(a, message, &headers);
	sign_body(a, str_from(message, headers.body), hash);
	if (!key.key || !sign_dkim(a, &headers, hash, &request, &value))
		abort();
	records[0].data = STR("v=spf1 ip4:198.51.100.0/24 ip4:192.0.2.0/24 -all");
	records[1].data = arena_printf(a, "v=DKIM1; k=%s; p=%.*s", kind == CRYPTO_RSA ? "rsa" : "ed25519",
	    STR_ARG(crypto_public_text(a, key.key)));
	records[2].data = STR("v=DMARC1; p=reject; rua=mailto:dmarc@example.org");
	crypto_key_free((struct crypto_key *)key.key);
	return arena_printf(a, "DKIM-Signature: %.*s\r\n%.*s", STR_ARG(value), STR_ARG(message));
}

static enum auth_result check_one(struct dns *dns, struct str message)
{
	static const struct dns_limits limits = {.queries = 60, .timeout_ms = 1000};
	static const struct signature_options options = {.minimum_rsa_bits = 1024};
	struct dns_scope *scope = dns_scope_new(dns, &limits, NULL, NULL);
	struct spf_query q = {.helo = STR("mail.example.org"), .sender = STR("joe@example.org"), .receiver = STR("mx.example.net")};
	struct auth_client client = {.iprev = STR(""), .name = STR(""), .user = STR("")};
	struct arena *a = arena_new(0);
	struct auth *auth = auth_new(a);
	enum auth_result result;
	struct headers headers;

	ip_parse(STR("192.0.2.1"), &q.client);
	spf_check(a, scope, &q, &auth->spf);
	auth->has_spf = true;
	auth->sender = q.sender;
	headers_parse(a, message, &headers);
	auth_start_dkim(auth, &headers, &options, auth);
	dkim_ask(auth->dkim, scope);
	auth_start_dmarc(auth, scope, &headers);
	auth_finish_dkim(auth, scope, &headers, str_from(message, headers.body));
	auth_finish_dmarc(auth, scope);
	auth_results(auth, a, STR("mx.example.net"), &client);
	result = auth->dmarc.is_dkim_aligned && auth->dmarc.is_spf_aligned ? auth->dmarc.result : AUTH_FAIL;
	arena_free(a);
	dns_scope_free(scope);
	return result;
}

/* DKIM and nothing else, as others are measured. */
static bool verify_one(struct dns *dns, struct str message)
{
	static const struct dns_limits limits = {.queries = 60, .timeout_ms = 1000};
	static const struct signature_options options = {.minimum_rsa_bits = 1024};
	struct dns_scope *scope = dns_scope_new(dns, &limits, NULL, NULL);
	struct arena *a = arena_new(0);
	struct auth *auth = auth_new(a);
	struct headers headers;
	bool ok;

	headers_parse(a, message, &headers);
	auth_start_dkim(auth, &headers, &options, auth);
	auth_finish_dkim(auth, scope, &headers, str_from(message, headers.body));
	ok = dkim_best(auth->dkim) == AUTH_PASS;
	arena_free(a);
	dns_scope_free(scope);
	return ok;
}

static double verify_seconds(struct dns *dns, struct str message)
{
	double best = 1e9;

	for (int round = 0; round < ROUNDS; round++) {
		double start = cpu(), got;

		for (int i = 0; i < 2000; i++)
			if (!verify_one(dns, message))
				abort();
		got = (cpu() - start) / 2000;
		best = got < best ? got : best;
	}
	return best;
}

static bool write_file(const char *folder, const char *name, struct str text)
{
	char path[1024];
	int n = snprintf(path, sizeof path, "%s/%s", folder, name);
	FILE *f = n > 0 && n < (int)sizeof path ? fopen(path, "w") : NULL;
	bool ok = f && fwrite(text.p, 1, text.n, f) == text.n;

	return f && fclose(f) == 0 && ok;
}

/* message.eml and key.txt in folder, and what it costs us to verify it. */
static int compare(const char *folder)
{
	struct arena *a = arena_new(0);
	struct dns *dns = dns_new_table(answer, NULL);
	struct str message = make_message(a, CRYPTO_RSA, 2048);
	bool ok = write_file(folder, "message.eml", message) && write_file(folder, "key.txt", records[1].data);

	if (ok)
		printf("%.9f\n", verify_seconds(dns, message));
	dns_free(dns);
	arena_free(a);
	return ok ? 0 : 1;
}

static void bench_messages(const char *name, enum crypto_kind kind, unsigned bits)
{
	struct arena *a = arena_new(0);
	struct dns *dns = dns_new_table(answer, NULL);
	struct str message = make_message(a, kind, bits);
	double best = 1e9;

	for (int round = 0; round < ROUNDS; round++) {
		double start = cpu(), got;

		for (int i = 0; i < 4000; i++)
			if (check_one(dns, message) != AUTH_PASS)
				abort();
		got = (cpu() - start) / 4000 * 1e6;
		best = got < best ? got : best;
	}
	printf("SPF + DKIM (%s) + DMARC + Authentication-Results, %zu octets: %.1f us\n", name, message.n, best);
	dns_free(dns);
	arena_free(a);
}

int main(int argc, char **argv)
{
	if (argc == 2)
		return compare(argv[1]);
	bench_bodies();
	bench_pieces();
	bench_messages("RSA-2048", CRYPTO_RSA, 2048);
	bench_messages("RSA-1024", CRYPTO_RSA, 1024);
	bench_messages("Ed25519", CRYPTO_ED25519, 0);
	return 0;
}
