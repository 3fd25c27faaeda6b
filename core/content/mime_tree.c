/*
 * What others do with the tree: walking, contents (decoded once, kept), names of anomalies, and
 * uniting a second reading with the first.
 */
#include "core/text/charset.h"
#include "core/content/decode.h"
#include "core/content/mime_private.h"

static const char *const anomaly_names[] = {
    "duplicate-boundary", "missing-boundary",	  "missing-end",	   "duplicate-type",
    "duplicate-encoding", "unknown-encoding",	  "bad-base64",		   "bad-quoted-printable",
    "bad-type",		  "bad-parameter",	  "duplicate-parameter",   "conflicting-names",
    "nul",		  "bare-cr",		  "bare-lf",		   "long-line",
    "header-without-colon", "header-without-body", "encoded-multipart",	   "8bit-header",
    "bad-charset",	  "depth-limit",	  "part-limit",		   "header-limit",
    "data-behind-end",	  "version-missing",	  "boundary-prefix",	   "control-in-header",
    "uuencoded-text",
};

const char *mime_anomaly_name(uint32_t bit)
{
	for (size_t i = 0; i < sizeof anomaly_names / sizeof *anomaly_names; i++)
		if (bit == 1u << i)
			return anomaly_names[i];
	return NULL;
}

struct mime_part *mime_next(const struct mime_part *part)
{
	if (part->first)
		return part->first;
	while (part && !part->next)
		part = part->parent;
	return part ? part->next : NULL;
}

const struct mime_param *mime_param(const struct mime_part *part, const char *name)
{
	for (size_t i = 0; i < part->param_count; i++)
		if (str_is(part->params[i].name, name))
			return &part->params[i];
	return NULL;
}

static void decode(struct mime *mime, struct mime_part *part)
{
	uint32_t seen = 0;
	struct str name;

	part->decoded = part->body;
	if (part->encoding == MIME_BASE64)
		part->decoded = decode_base64_both(mime->arena, part->body, &seen, &part->decoded_all);
	else if (part->encoding == MIME_QUOTED_PRINTABLE)
		part->decoded = decode_quoted_printable(mime->arena, part->body, &seen);
	else if (part->encoding == MIME_UUENCODE)
		part->decoded = decode_uuencode(mime->arena, part->body, &seen, &name);
	if (!part->decoded_all.n)
		part->decoded_all = part->decoded;
	if (part->decoded_all.n != part->decoded.n)
		part->decoded_unpadded = decode_base64_unpadded(mime->arena, part->body);
	part->anomalies |= seen;
	mime->anomalies |= seen;
}

struct str mime_decoded(struct mime *mime, struct mime_part *part)
{
	/* What is made of parts has no encoding of its own (RFC 2045 part 6.4). */
	if (!part->has_decoded && mime_is_multipart(part))
		part->decoded = part->decoded_all = part->body;
	else if (!part->has_decoded)
		decode(mime, part);
	part->has_decoded = true;
	return part->decoded;
}

struct str mime_text(struct mime *mime, struct mime_part *part)
{
	bool is_bad = false;
	struct str text = charset_to_utf8(mime->arena, part->charset, mime_decoded(mime, part), &is_bad);

	if (is_bad) {
		part->anomalies |= MIME_BAD_CHARSET;
		mime->anomalies |= MIME_BAD_CHARSET;
	}
	return text;
}

/* ---- uniting readings ---- */

enum { SLOTS = 4 * MIME_PARTS_MAX };

struct known {
	uint64_t hash;
	const struct mime_part *part;
};

/* Eight octets a step; only to find candidates, which are then compared. */
static uint64_t body_hash(const struct mime_part *part)
{
	uint64_t h = part->body.n * 0x9e3779b97f4a7c15u, word;
	size_t i = 0;

	for (; i + sizeof word <= part->body.n; i += sizeof word) {
		memcpy(&word, part->body.p + i, sizeof word);
		h = (h ^ word) * 0xff51afd7ed558ccdu;
		h ^= h >> 29;
	}
	for (; i < part->body.n; i++)
		h = (h ^ (unsigned char)part->body.p[i]) * 0x100000001b3u;
	return h ^ str_hash(part->type) ^ (uint64_t)part->encoding << 60 ^ str_hash(part->filename);
}

static bool is_same(const struct mime_part *a, const struct mime_part *b)
{
	return a->encoding == b->encoding && str_eq(a->type, b->type) &&
	    str_eq(a->filename, b->filename) && a->body.n == b->body.n &&
	    (a->body.p == b->body.p || str_eq(a->body, b->body));
}

/* The slot of an equal part, or the free one where it belongs; SLOTS when the table is full. */
static size_t slot_of(const struct known *table, const struct mime_part *part, uint64_t hash)
{
	for (size_t i = 0; i < SLOTS; i++) {
		size_t at = (hash + i) % SLOTS;
		if (!table[at].part || (table[at].hash == hash && is_same(table[at].part, part)))
			return at;
	}
	return SLOTS;
}

static bool remember(struct known *table, const struct mime_part *part)
{
	uint64_t hash = body_hash(part);
	size_t at = slot_of(table, part, hash);

	if (at == SLOTS || table[at].part)
		return false;
	table[at] = (struct known){hash, part};
	return true;
}

bool mime_unite(struct mime *mime, struct mime_part *other)
{
	struct known *table = arena_array(mime->arena, SLOTS, sizeof *table);
	struct mime_part **last = &mime->root->first, *next;
	bool did_add = false;

	for (struct mime_part *part = mime->root; part; part = mime_next(part))
		if (mime_is_leaf(part) || part->is_alternative_reading)
			remember(table, part);
	while (*last)
		last = &(*last)->next;
	for (struct mime_part *part = other; part; part = next) {
		next = mime_next(part);
		if (!mime_is_leaf(part) || part->body.n == 0 || !remember(table, part))
			continue;
		if ((int64_t)mime->part_count >= mime->limits->mime_parts) {
			mime->anomalies |= MIME_PART_LIMIT;
			break;
		}
		struct mime_part *copy = arena_alloc(mime->arena, sizeof *copy);
		*copy = *part;
		copy->parent = mime->root;
		copy->next = copy->first = NULL;
		copy->depth = 1;
		copy->is_alternative_reading = true;
		*last = copy;
		last = &copy->next;
		mime->part_count++;
		mime->anomalies |= copy->anomalies;
		did_add = true;
	}
	return did_add;
}
