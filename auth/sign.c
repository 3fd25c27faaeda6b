/* Signing: puts tag lists together so that their relaxed form does not depend on the folds. */
#include "auth/sign.h"

#include <stdio.h>

enum { FOLD_AT = 72 };

/* Fields that are signed; those with `seal` once more than they are there, so that none can be added. */
static const struct {
	const char *name;
	bool seal;
} fields[] = {
    {"From", true},
    {"To", true},
    {"Cc", true},
    {"Subject", true},
    {"Date", true},
    {"Reply-To", true},
    {"Message-ID", true},
    {"MIME-Version", true},
    {"Content-Type", true},
    {"Content-Transfer-Encoding", true},
    {"Sender", false},
    {"In-Reply-To", false},
    {"References", false},
    {"List-Id", false},
    {"List-Unsubscribe", false},
    {"List-Unsubscribe-Post", false},
    {"Auto-Submitted", false},
};

/* ---- the message as it goes out ---- */

static const struct edit *find_edit(const struct edits *edits, struct str name, unsigned index)
{
	for (const struct edit *e = edits ? edits->first : NULL; e; e = e->next)
		if (e->op != EDIT_ADD_HEADER && e->index == index && str_ieq(e->name, name))
			return e;
	return NULL;
}

static unsigned index_of(const struct headers *headers, size_t at)
{
	unsigned index = 1;

	for (size_t i = 0; i < at; i++)
		index += str_ieq(headers->v[i].name, headers->v[at].name);
	return index;
}

static struct header make_field(struct arena *a, struct str name, struct str value)
{
	struct header h = {.name = name};

	h.raw = arena_printf(a, "%.*s: %.*s\r\n", STR_ARG(name), STR_ARG(value));
	h.value = str_sub(h.raw, name.n + 1, h.raw.n - name.n - 3);
	return h;
}

static bool has_changes(const struct edits *edits)
{
	for (const struct edit *e = edits ? edits->first : NULL; e; e = e->next)
		if (e->op != EDIT_ADD_HEADER)
			return true;
	return false;
}

void sign_view(struct arena *a, const struct headers *headers, const struct edits *edits, struct headers *ret_view)
{
	size_t added = edits ? edits->n : 0, n = 0, top = 0;
	struct header *v = arena_array(a, headers->n + added + 1, sizeof *v);
	bool changes = has_changes(edits);

	for (const struct edit *e = edits ? edits->first : NULL; e; e = e->next)
		top += e->op == EDIT_ADD_HEADER;
	n = top;
	for (const struct edit *e = edits ? edits->first : NULL; e; e = e->next)
		if (e->op == EDIT_ADD_HEADER)
			v[--top] = make_field(a, e->name, e->value);
	for (size_t i = 0; i < headers->n; i++) {
		const struct header *h = &headers->v[i];
		const struct edit *e = changes ? find_edit(edits, h->name, index_of(headers, i)) : NULL;

		if (!e)
			v[n++] = *h;
		else if (e->op == EDIT_CHANGE_HEADER)
			v[n++] = make_field(a, h->name, e->value);
	}
	*ret_view = *headers;
	ret_view->v = v;
	ret_view->n = n;
}

struct str sign_names(struct arena *a, const struct headers *view)
{
	struct buf out = {0};
	size_t column = 0;

	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
		size_t times = headers_count(view, fields[i].name) + fields[i].seal, length = strlen(fields[i].name) + 1;

		for (; times; times--, column += length) {
			if (out.n)
				buf_addc(&out, ':');
			if (column + length > FOLD_AT) {
				buf_adds(&out, "\r\n\t");
				column = 0;
			}
			buf_adds(&out, fields[i].name);
		}
	}
	return buf_take(&out, a);
}

void sign_body(struct arena *a, struct str body, uint8_t ret_hash[CRYPTO_DIGEST_MAX])
{
	const struct body_mark *all;
	struct body_hash b;

	body_hash_init(&b, a, CANON_RELAXED, CRYPTO_SHA256);
	all = body_hash_mark(&b, BODY_ALL);
	body_hash_add(&b, body);
	body_hash_end(&b);
	memcpy(ret_hash, all->value, CRYPTO_DIGEST_MAX);
}

/* ---- signatures ---- */

static const char *algorithm(const struct crypto_key *key)
{
	return crypto_key_kind(key) == CRYPTO_RSA ? "rsa-sha256" : "ed25519-sha256";
}

static struct str hash_text(struct arena *a, const uint8_t hash[CRYPTO_DIGEST_MAX])
{
	return base64_write(a, (struct str){(const char *)hash, CRYPTO_DIGEST_MAX});
}

/* Signs text; "" when the key does not. */
static struct str sign_text(struct arena *a, const struct crypto_key *key, struct str text)
{
	uint8_t hash[CRYPTO_DIGEST_MAX], signature[CRYPTO_SIGNATURE_MAX];
	size_t n = digest_of(CRYPTO_SHA256, text, hash);

	n = crypto_sign(key, CRYPTO_SHA256, (struct str){(char *)hash, n}, signature);
	return n ? base64_write(a, (struct str){(char *)signature, n}) : STR("");
}

/* b= of a DKIM-Signature is folded; nobody signs it again in a way that would notice. */
static struct str fold_base64(struct arena *a, struct str text)
{
	struct buf out = {0};

	for (size_t i = 0; i < text.n; i += FOLD_AT) {
		if (i)
			buf_adds(&out, "\r\n\t ");
		buf_add(&out, str_sub(text, i, FOLD_AT));
	}
	return buf_take(&out, a);
}

bool sign_dkim(struct arena *a, const struct headers *view, const uint8_t body_hash[CRYPTO_DIGEST_MAX],
    const struct sign_request *request, struct str *ret_value)
{
	struct str names = request->names.n ? request->names : sign_names(a, view), b;
	struct buf value = {0}, text = {0};
	struct header self;

	buf_addf(&value, "v=1; a=%s; c=relaxed/relaxed; d=%.*s; s=%.*s;\r\n\tt=%lld;", algorithm(request->key->key),
	    STR_ARG(request->key->domain), STR_ARG(request->key->selector), (long long)request->now);
	if (request->expires)
		buf_addf(&value, " x=%lld;", (long long)request->expires);
	buf_addf(&value, "\r\n\th=%.*s;\r\n\tbh=%.*s;\r\n\tb=", STR_ARG(names), STR_ARG(hash_text(a, body_hash)));
	self = (struct header){.name = STR("DKIM-Signature"), .value = buf_str(&value)};
	signature_add_fields(&text, view, names, SIZE_MAX, CANON_RELAXED);
	canon_signature(&text, &self, CANON_RELAXED);
	b = sign_text(a, request->key->key, buf_str(&text));
	buf_add(&value, fold_base64(a, b));
	*ret_value = buf_take(&value, a);
	buf_free(&text);
	return b.n > 0;
}

/* ---- ARC ---- */

static struct header relaxed_field(const char *name, struct str value)
{
	return (struct header){.name = str_of(name), .value = value};
}

/*
 * Tags in alphabetical order, one blank between them once the folds are gone. A blank stands in front
 * of i=, not a tab: dkimpy looks for " i=N;".
 */
static struct str message_signature(struct arena *a, const struct headers *view, const uint8_t hash[CRYPTO_DIGEST_MAX],
    unsigned instance, const struct sign_request *request)
{
	struct str names = request->names.n ? request->names : sign_names(a, view), head, tail, b;
	struct buf text = {0};
	struct header self;

	head = arena_printf(a, "a=%s;\r\n\tb=", algorithm(request->key->key));
	tail = arena_printf(a, ";\r\n\tbh=%.*s; c=relaxed/relaxed;\r\n\td=%.*s; h=%.*s;\r\n i=%u; s=%.*s; t=%lld",
	    STR_ARG(hash_text(a, hash)), STR_ARG(request->key->domain), STR_ARG(names), instance,
	    STR_ARG(request->key->selector), (long long)request->now);
	self = relaxed_field("ARC-Message-Signature", arena_printf(a, "%.*s%.*s", STR_ARG(head), STR_ARG(tail)));
	signature_add_fields(&text, view, names, SIZE_MAX, CANON_RELAXED);
	canon_signature(&text, &self, CANON_RELAXED);
	b = sign_text(a, request->key->key, buf_str(&text));
	buf_free(&text);
	return b.n ? arena_printf(a, "%.*s%.*s%.*s", STR_ARG(head), STR_ARG(b), STR_ARG(tail)) : b;
}

/* A chain that fails is sealed as if the new set were the only one (RFC 8617 part 5.1.2). */
static void add_older_sets(struct buf *out, const struct headers *view, const struct arc *arc)
{
	const struct header **sets;
	size_t n = 0;

	if (arc->result != AUTH_PASS)
		return;
	/* The view has other positions than the message that was validated: look the sets up again. */
	sets = arena_array(arc->arena, 3 * ((size_t)arc->instance + 1), sizeof *sets);
	for (size_t i = 0; i < view->n; i++) {
		static const char *const names[] = {"ARC-Authentication-Results", "ARC-Message-Signature", "ARC-Seal"};

		for (size_t kind = 0; kind < 3; kind++) {
			unsigned k;

			if (!str_iis(view->v[i].name, names[kind]))
				continue;
			k = arc_field_instance(&view->v[i]);
			if (k >= 1 && k <= arc->instance)
				sets[3 * k + kind] = &view->v[i];
		}
	}
	for (n = 3; n < 3 * ((size_t)arc->instance + 1); n++)
		if (sets[n])
			canon_header(out, sets[n], CANON_RELAXED);
}

static struct str seal(struct arena *a, const struct headers *view, const struct arc *arc, unsigned instance,
    const struct arc_values *values, const struct sign_request *request)
{
	const char *cv = arc->result == AUTH_FAIL ? "fail" : instance == 1 ? "none" : "pass";
	struct header aar = relaxed_field("ARC-Authentication-Results", values->results);
	struct header ams = relaxed_field("ARC-Message-Signature", values->message), self;
	struct str head, tail, b;
	struct buf text = {0};

	head = arena_printf(a, "a=%s;\r\n\tb=", algorithm(request->key->key));
	tail = arena_printf(a, "; cv=%s;\r\n\td=%.*s; i=%u; s=%.*s; t=%lld", cv, STR_ARG(request->key->domain), instance,
	    STR_ARG(request->key->selector), (long long)request->now);
	self = relaxed_field("ARC-Seal", arena_printf(a, "%.*s%.*s", STR_ARG(head), STR_ARG(tail)));
	add_older_sets(&text, view, arc);
	canon_header(&text, &aar, CANON_RELAXED);
	canon_header(&text, &ams, CANON_RELAXED);
	canon_signature(&text, &self, CANON_RELAXED);
	b = sign_text(a, request->key->key, buf_str(&text));
	buf_free(&text);
	return b.n ? arena_printf(a, "%.*s%.*s%.*s", STR_ARG(head), STR_ARG(b), STR_ARG(tail)) : b;
}

bool sign_arc(struct arena *a, const struct headers *view, const uint8_t body_hash[CRYPTO_DIGEST_MAX],
    const struct arc *arc, struct str results, const struct sign_request *request, struct arc_values *ret_values)
{
	unsigned instance = arc->highest + 1;
	struct arc_values values;

	if (arc->was_failed || instance > ARC_SETS_MAX)
		return false;
	values.results = arena_printf(a, "i=%u; %.*s", instance, STR_ARG(results));
	values.message = message_signature(a, view, body_hash, instance, request);
	values.seal = seal(a, view, arc, instance, &values, request);
	if (values.message.n == 0 || values.seal.n == 0)
		return false;
	*ret_values = values;
	return true;
}
