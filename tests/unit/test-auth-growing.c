/* Everything in auth/ that reads what peers send takes linear time, on the texts that would make it take more. */
#include <stdlib.h>

#include "auth/arc.h"
#include "auth/authres.h"
#include "auth/dkim.h"
#include "auth/dmarc.h"
#include "auth/failure.h"
#include "auth/spf_private.h"
#include "auth/tags.h"
#include "tests/unit/growing.h"

/* ---- what is run ---- */

static void run_tags(struct arena *a, struct str in)
{
	struct tags tags;

	tags_parse(in, &tags);
	for (size_t i = 0; i < tags.n; i++)
		tag_squeeze(a, tags.v[i].value);
}

static void run_body(struct arena *a, struct str in)
{
	for (enum canon canon = CANON_SIMPLE; canon <= CANON_RELAXED; canon++) {
		struct body_hash b;

		body_hash_init(&b, a, canon, CRYPTO_SHA256);
		for (uint64_t limit = 0; limit < 50; limit++)
			body_hash_mark(&b, limit * in.n / 40);
		body_hash_add(&b, in);
		body_hash_end(&b);
	}
}

static void run_message(struct arena *a, struct str in)
{
	static const struct signature_options options = SIGNATURE_DEFAULTS;

	dkim_verify(a, NULL, in, &options);
	arc_verify(a, NULL, in, &options);
}

static void run_field(struct arena *a, struct str in)
{
	struct header h = {.name = STR("X"), .value = in, .raw = arena_printf(a, "X:%.*s\r\n", STR_ARG(in))};
	struct buf out = {0};

	canon_header(&out, &h, CANON_SIMPLE);
	canon_header(&out, &h, CANON_RELAXED);
	canon_signature(&out, &h, CANON_RELAXED);
	buf_free(&out);
}

static void run_authres(struct arena *a, struct str in)
{
	struct authres results;

	authres_parse(a, in, &results);
	authres_claims(a, in, STR("mx.example.org"));
}

static void run_dmarc(struct arena *a, struct str in)
{
	struct dmarc_record record;
	struct address address;
	struct str rest = in;

	dmarc_record_parse(in, &record);
	while (dmarc_next_address(a, &rest, &address))
		;
}

static void run_spf(struct arena *a, struct str in)
{
	struct spf_record record;
	struct str problem;

	spf_record_parse(a, in, &record, &problem);
}

static void run_redaction(struct arena *a, struct str in)
{
	struct buf out = {0};

	(void)a;
	failure_redact(&out, in, STR("secret"));
	buf_free(&out);
}

static void run_base64(struct arena *a, struct str in)
{
	uint8_t *out = arena_alloc(a, in.n + 1);
	size_t n;

	base64_read(in, out, in.n, &n);
}

/* ---- on what ---- */

struct row {
	const char *what;
	void (*run)(struct arena *a, struct str in);
	const char *head, *piece, *tail;
};

static const struct row rows[] = {
    {"tags without end", run_tags, "", "a=b;", ""},
    {"one long tag", run_tags, "a=", "x y\r\n\t", ""},
    {"semicolons", run_tags, "a=b", ";", ""},
    {"body of blanks", run_body, "", " ", "x\r\n"},
    {"body of empty lines", run_body, "", "\r\n", ""},
    {"empty lines, then text", run_body, "", "\n", "x"},
    {"body of CR", run_body, "", "\r", ""},
    {"blank, letter", run_body, "", "a \t", ""},
    {"short lines", run_body, "", "a \r\n", ""},
    {"many signed fields", run_message, "DKIM-Signature: v=1; a=rsa-sha256; d=a.example; s=s; b=AAAA; "
	"bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; h=from", ":from", "\r\nFrom: a@a.example\r\n\r\n"},
    {"long b=", run_message, "DKIM-Signature: v=1; a=rsa-sha256; d=a.example; s=s; h=from; "
	"bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=", "AAAA\r\n ", "\r\nFrom: a@a.example\r\n\r\n"},
    {"many broken signatures", run_message, "", "DKIM-Signature: v=1\r\n", "\r\n"},
    {"many ARC fields", run_message, "", "ARC-Seal: i=7; cv=none\r\n", "\r\n"},
    {"instances", run_message, "ARC-Authentication-Results: i=", "1", "; x\r\n\r\n"},
    {"field of folds", run_field, "", "\r\n ", ""},
    {"field of blanks", run_field, "", " ", "x"},
    {"field of b=", run_field, "a=b", ";b =", ""},
    {"comments", run_authres, "mx.example.org; ", "(", ""},
    {"comments one by one", run_authres, "mx.example.org; spf=pass ", "(x)", ""},
    {"results", run_authres, "mx.example.org", "; dkim=pass header.d=x", ""},
    {"properties", run_authres, "mx.example.org; dkim=pass", " header.d=\"x\"", ""},
    {"quoted id", run_authres, "\"", "\\x", ""},
    {"tags of DMARC", run_dmarc, "v=DMARC1", ";p=none", ""},
    {"addresses", run_dmarc, "", "mailto:a@b.example,", ""},
    {"escapes", run_dmarc, "mailto:", "%40", ""},
    {"one long list", run_dmarc, "mailto:a@", "a.", ""},
    {"terms", run_spf, "", " a", ""},
    {"blanks", run_spf, "", " ", ""},
    {"macros", run_spf, " exists:", "%{i}", ""},
    {"delimiters", run_spf, " exists:%{i", ".-", "}"},
    {"labels", run_spf, " a:", "a.", "b"},
    {"addresses in a field", run_redaction, "", "a@b ", ""},
    {"signs of addresses", run_redaction, "", "@", ""},
    {"quotes", run_redaction, "", "\"", "@"},
    {"one long local part", run_redaction, "", "a", "@"},
    {"blanks in base64", run_base64, "AA", " ", "AA"},
};

static const struct row *current;

static void run_current(struct arena *a, struct str in)
{
	current->run(a, arena_printf(a, "%.*s%s", STR_ARG(in), current->tail));
}

static void linear(void **state)
{
	(void)state;
	for (current = rows; current < rows + sizeof rows / sizeof *rows; current++)
		assert_linear(current->what, run_current, current->head, str_of(current->piece), 120000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(linear)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
