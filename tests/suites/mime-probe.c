/*
 * Puts core/mime and its neighbours behind lines of text, for the suites (mime_suites.py).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/crypto.h"
#include "core/text/charset.h"
#include "core/content/content.h"
#include "core/header.h"
#include "core/mailbox.h"
#include "core/content/mime.h"
#include "lib/clock.h"
#include "tests/suites/probe.h"

static void sha256(struct str octets, uint8_t ret_hash[32])
{
	digest_of(CRYPTO_SHA256, octets, ret_hash);
}

/* The message of a file, without a mailbox line on top. */
static struct str message_of(struct probe *p, size_t *ret_skipped)
{
	struct str text = probe_file(p->arena, p->field[1]);
	ptrdiff_t end = str_starts(text, STR("From ")) ? str_chr(text, '\n') : -1;

	*ret_skipped = (size_t)(end + 1);
	return str_from(text, *ret_skipped);
}

/* mime PATH */
static void run_mime(struct probe *p)
{
	size_t skipped;
	struct mime *mime = mime_parse(p->arena, message_of(p, &skipped), NULL);

	mime->base = skipped;
	json_key(&p->json, "mime");
	mime_json(mime, &p->json, sha256);
}

static void hex(struct json *j, const char *key, struct str octets)
{
	static const char digits[] = "0123456789abcdef";
	struct buf out = {0};

	for (size_t i = 0; i < octets.n; i++) {
		buf_addc(&out, digits[(unsigned char)octets.p[i] >> 4]);
		buf_addc(&out, digits[(unsigned char)octets.p[i] & 15]);
	}
	json_kv(j, key, buf_str(&out));
	buf_free(&out);
}

/* leaves PATH: what has a content of its own, readings of doubt too, with all decoded octets. */
static void run_leaves(struct probe *p)
{
	size_t skipped;
	struct mime *mime = mime_parse(p->arena, message_of(p, &skipped), NULL);

	json_kv_bool(&p->json, "ambiguous", mime->is_ambiguous);
	json_key(&p->json, "leaves");
	json_open(&p->json, '[');
	for (struct mime_part *part = mime->root; part; part = mime_next(part)) {
		if (!mime_has_content(part))
			continue;
		mime_decoded(mime, part);
		json_open(&p->json, '{');
		json_kv(&p->json, "type", part->type);
		json_kv(&p->json, "filename", part->filename);
		json_kv(&p->json, "other_filename", part->other_filename);
		json_kv_bool(&p->json, "alternative", part->is_alternative_reading);
		json_kv_bool(&p->json, "leaf", mime_is_leaf(part));
		hex(&p->json, "octets", part->decoded_all);
		hex(&p->json, "unpadded", part->decoded_unpadded);
		json_close(&p->json);
	}
	json_close(&p->json);
}

static void texts(struct json *j, const char *key, const struct str *v, size_t n)
{
	json_key(j, key);
	json_open(j, '[');
	for (size_t i = 0; i < n; i++)
		json_text(j, v[i]);
	json_close(j);
}

static void urls(struct json *j, const char *key, const struct urls *list)
{
	json_key(j, key);
	json_open(j, '[');
	for (size_t i = 0; i < list->n; i++) {
		json_open(j, '{');
		json_kv(j, "url", list->v[i].url);
		json_kv(j, "raw", list->v[i].raw);
		json_kv(j, "host", list->v[i].host);
		json_kv(j, "domain", list->v[i].domain);
		json_kv(j, "anchor", list->v[i].anchor);
		json_kv(j, "from", str_of(url_source_name(list->v[i].source)));
		json_kv(j, "tag", str_of(list->v[i].tag));
		json_kv_bool(j, "obfuscated", list->v[i].is_obfuscated);
		json_close(j);
	}
	json_close(j);
}

/* content PATH */
static void run_content(struct probe *p)
{
	size_t skipped;
	struct content *c = content_make(p->arena, mime_parse(p->arena, message_of(p, &skipped), NULL));

	texts(&p->json, "body", c->body, c->body_count);
	texts(&p->json, "hidden", c->hidden, c->hidden_count);
	texts(&p->json, "raw", c->raw, c->raw_count);
	urls(&p->json, "urls", &c->urls);
	urls(&p->json, "more", &c->more_urls);
}

/* urls TEXT */
static void run_urls(struct probe *p)
{
	struct urls list = {0}, more = {0};

	urls_from_text(p->arena, &list, p->field[1], URL_FROM_TEXT);
	urls_from_hidden(p->arena, &more, &list, p->field[1], URL_FROM_TEXT);
	urls(&p->json, "urls", &list);
	urls(&p->json, "more", &more);
}

/* variants URI */
static void run_variants(struct probe *p)
{
	size_t n;
	const struct str *v = url_variants(p->arena, p->field[1], &n);

	texts(&p->json, "variants", v, n);
}

/* domain URI */
static void run_domain(struct probe *p)
{
	struct str host = STR(""), domain = STR("");

	json_kv_bool(&p->json, "found", url_domain(p->arena, p->field[1], &host, &domain));
	json_kv(&p->json, "host", host);
	json_kv(&p->json, "domain", domain);
	json_kv(&p->json, "registered", domain_registered(p->field[1]));
}

/* cost PATH ROUNDS: microseconds of header and structure, best of all rounds. */
static void run_cost(struct probe *p)
{
	size_t skipped;
	struct str text = message_of(p, &skipped);
	int64_t header = INT64_MAX, structure = INT64_MAX, content = INT64_MAX;

	for (int i = atoi(arena_cstr(p->arena, p->field[2])); i > 0; i--) {
		struct arena *a = arena_new(0);
		struct headers h;
		int64_t start = clock_mono_us(), middle, end, last;
		struct mime *mime = NULL;

		for (int k = 0; k < 100; k++)
			headers_parse(a, text, &h);
		middle = clock_mono_us();
		for (int k = 0; k < 100; k++)
			mime = mime_parse_body(a, text, &h, NULL, &parse_limits_default);
		end = clock_mono_us();
		content_make(a, mime);
		last = clock_mono_us();
		content = last - end < content ? last - end : content;
		header = middle - start < header ? middle - start : header;
		structure = end - middle < structure ? end - middle : structure;
		arena_free(a);
	}
	json_kv_int(&p->json, "bytes", (int64_t)text.n);
	json_key(&p->json, "header_us");
	json_number(&p->json, (double)header / 100);
	json_key(&p->json, "mime_us");
	json_number(&p->json, (double)structure / 100);
	json_key(&p->json, "content_us");
	json_number(&p->json, (double)content);
}

/* addresses VALUE */
static void run_addresses(struct probe *p)
{
	struct mailboxes list;

	mailboxes_parse(p->arena, p->field[1], &list);
	json_key(&p->json, "list");
	json_open(&p->json, '[');
	for (size_t i = 0; i < list.n; i++) {
		json_open(&p->json, '{');
		json_kv(&p->json, "name", list.v[i].name);
		json_kv(&p->json, "address", list.v[i].address);
		json_kv(&p->json, "domain", list.v[i].domain);
		json_kv(&p->json, "group", list.v[i].group);
		json_close(&p->json);
	}
	json_close(&p->json);
	json_key(&p->json, "odd");
	json_open(&p->json, '[');
	for (uint32_t bit = 1; bit; bit <<= 1)
		if (list.odd & bit)
			json_text(&p->json, str_of(mailbox_odd_name(bit)));
	json_close(&p->json);
	json_kv_bool(&p->json, "broken", (list.odd & MAILBOX_BROKEN) != 0);
}

/* decode VALUE: encoded words. */
static void run_decode(struct probe *p)
{
	json_kv(&p->json, "text", header_decode(p->arena, p->field[1]));
}

/* charset NAME OCTETS */
static void run_charset(struct probe *p)
{
	bool is_bad = false;

	json_kv(&p->json, "text", charset_to_utf8(p->arena, p->field[1], p->field[2], &is_bad));
	json_kv_bool(&p->json, "bad", is_bad);
}

static const struct command commands[] = {
    {"mime", run_mime},
    {"leaves", run_leaves},
    {"content", run_content},
    {"urls", run_urls},
    {"variants", run_variants},
    {"domain", run_domain},
    {"cost", run_cost},
    {"addresses", run_addresses},
    {"decode", run_decode},
    {"charset", run_charset},
    {0},
};

int main(void)
{
	probe_serve(commands);
	return 0;
}
