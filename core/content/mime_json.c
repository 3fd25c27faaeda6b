/*
 * The tree of a message as `reevectl mime` shows it (DESIGN.md part 7). Written with an explicit
 * walk up and down: the depth of the tree is the peer's choice.
 */
#include "core/mailbox.h"
#include "core/content/mime_private.h"

static void optional(struct json *out, const char *key, struct str value)
{
	if (value.n) {
		json_kv(out, key, value);
	} else {
		json_key(out, key);
		json_null(out);
	}
}

static void addresses(struct arena *a, struct json *out, const struct headers *h, const char *field,
    const char *key)
{
	const struct header *found;

	json_key(out, key);
	json_open(out, '[');
	for (size_t i = 0; (found = headers_get(h, field, i)); i++) {
		struct mailboxes list;

		mailboxes_parse(a, found->value, &list);
		for (size_t k = 0; k < list.n; k++) {
			json_open(out, '{');
			json_kv(out, "name", list.v[k].name);
			json_kv(out, "address", list.v[k].address);
			json_close(out);
		}
	}
	json_close(out);
}

static void message_fields(struct arena *a, struct json *out, const struct mime_part *part)
{
	const struct header *subject = headers_get(&part->headers, "subject", 0);

	json_kv(out, "subject", subject ? header_decode(a, subject->value) : STR(""));
	addresses(a, out, &part->headers, "from", "from");
	addresses(a, out, &part->headers, "to", "to");
}

static void params(struct json *out, const struct mime_part *part)
{
	json_key(out, "params");
	json_open(out, '{');
	for (size_t i = 0; i < part->param_count; i++) {
		json_key_str(out, part->params[i].name);
		json_text(out, part->params[i].value);
	}
	json_close(out);
}

static void contents(struct mime *mime, struct mime_part *part, struct json *out, mime_digest *sha256)
{
	static const char digits[] = "0123456789abcdef";
	struct str octets = mime_decoded(mime, part);
	uint8_t hash[32];
	char hex[64];

	sha256(octets, hash);
	for (size_t i = 0; i < sizeof hash; i++) {
		hex[2 * i] = digits[hash[i] >> 4];
		hex[2 * i + 1] = digits[hash[i] & 15];
	}
	json_kv_int(out, "decoded_bytes", (int64_t)octets.n);
	json_kv(out, "sha256", (struct str){hex, sizeof hex});
}

static void anomalies(struct json *out, uint32_t bits)
{
	json_key(out, "anomalies");
	json_open(out, '[');
	for (uint32_t bit = 1; bit; bit <<= 1)
		if (bits & bit && mime_anomaly_name(bit))
			json_text(out, str_of(mime_anomaly_name(bit)));
	json_close(out);
}

/* A part inside decoded content has offsets in that. */
static bool is_in_message(const struct mime_part *part)
{
	for (part = part->parent; part; part = part->parent)
		if (part->encoding != MIME_IDENTITY)
			return false;
	return true;
}

/* All members but the last, "children", whose bracket stays open. */
static void open_node(struct mime *mime, struct mime_part *part, struct json *out, mime_digest *sha256)
{
	bool is_message = !part->parent || (mime_is_message(part->parent) && !part->is_alternative_reading);

	json_open(out, '{');
	json_kv(out, "type", part->type);
	params(out, part);
	optional(out, "disposition", part->disposition);
	optional(out, "filename", part->filename);
	if (part->other_filename.n)
		json_kv(out, "other_filename", part->other_filename);
	json_kv(out, "encoding", part->encoding_name.n ? part->encoding_name : STR("7bit"));
	json_kv_int(out, "offset", (int64_t)(part->offset + (is_in_message(part) ? mime->base : 0)));
	json_kv_int(out, "length", (int64_t)part->body.n);
	contents(mime, part, out, sha256);
	anomalies(out, part->anomalies);
	if (is_message)
		message_fields(mime->arena, out, part);
	if (part->is_alternative_reading)
		json_kv_bool(out, "alternative", true);
	if (!part->parent)
		json_kv_bool(out, "ambiguous", mime->is_ambiguous);
	json_key(out, "children");
	json_open(out, '[');
}

static void close_node(struct json *out)
{
	json_close(out);
	json_close(out);
}

void mime_json(struct mime *mime, struct json *out, mime_digest *sha256)
{
	struct mime_part *part = mime->root;

	while (part) {
		open_node(mime, part, out, sha256);
		if (part->first) {
			part = part->first;
			continue;
		}
		close_node(out);
		while (part && !part->next) {
			part = part->parent;
			if (part)
				close_node(out);
		}
		if (part)
			part = part->next;
	}
}
