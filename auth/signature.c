/*
 * Signatures: RFC 6376 part 6.1 for DKIM, RFC 8617 part 5 for what ARC shares with it. The limits
 * are checked before anything is looked up or computed.
 */
#include "auth/signature.h"

#include "auth/key.h"
#include "auth/tags.h"
#include "core/address.h"
#include "lib/clock.h"

const char *const auth_result_words[] = {"none", "pass", "fail", "policy", "neutral", "temperror",
    "permerror", NULL};

static void settle(struct signature *sig, enum auth_result result, const char *reason)
{
	if (sig->result != AUTH_NONE)
		return;
	sig->result = result;
	sig->reason = str_of(reason);
}

static void broken(struct signature *sig, const char *reason)
{
	settle(sig, AUTH_NEUTRAL, reason);
}

/* ---- reading ---- */

/* Labels of letters, digits, - and _, or UTF-8, as they occur in d= and s=. */
static bool is_name(struct str name)
{
	struct str rest = name, label;

	if (name.n == 0 || name.n > 253)
		return false;
	while (str_split(&rest, '.', &label)) {
		if (label.n == 0 || label.n > 63 || label.p[0] == '-')
			return false;
		for (size_t i = 0; i < label.n; i++) {
			unsigned char c = (unsigned char)label.p[i];

			if (!is_alnum(c) && c != '-' && c != '_' && c < 0x80)
				return false;
		}
	}
	return true;
}

static bool read_algorithm(struct signature *sig, struct str value)
{
	static const struct {
		const char *name;
		enum crypto_kind kind;
		enum crypto_hash hash;
	} known[] = {
	    {"rsa-sha256", CRYPTO_RSA, CRYPTO_SHA256},
	    {"rsa-sha1", CRYPTO_RSA, CRYPTO_SHA1},
	    {"ed25519-sha256", CRYPTO_ED25519, CRYPTO_SHA256},
	};

	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (str_iis(value, known[i].name)) {
			sig->kind = known[i].kind;
			sig->hash = known[i].hash;
			return true;
		}
	return false;
}

static bool read_canon(struct str word, enum canon *ret_canon)
{
	*ret_canon = str_iis(word, "relaxed") ? CANON_RELAXED : CANON_SIMPLE;
	return *ret_canon == CANON_RELAXED || str_iis(word, "simple");
}

/*
 * An AMS without c= is relaxed: RFC 8617 does not repeat the default of DKIM, and those who verify
 * ARC (and the validation suite) agree on this.
 */
static void read_canons(struct signature *sig, const struct tags *tags)
{
	struct str value = tags_get(tags, "c"), head;

	if (!value.p) {
		sig->header_canon = sig->body_canon = sig->form == SIGNATURE_AMS ? CANON_RELAXED : CANON_SIMPLE;
		return;
	}
	str_split(&value, '/', &head);
	if (!read_canon(str_trim(head), &sig->header_canon) ||
	    (value.p && !read_canon(str_trim(value), &sig->body_canon)))
		broken(sig, "unknown canonicalization");
}

/* An absent tag leaves 0. */
static bool read_number(const struct tags *tags, const char *name, uint64_t *ret_value)
{
	struct str value = tags_get(tags, name);

	*ret_value = 0;
	return !value.p || (value.n <= 76 && str_u64(value, ret_value));
}

static void read_times(struct signature *sig, const struct tags *tags)
{
	uint64_t made, ends = 0;
	bool ok = read_number(tags, "t", &made) && (sig->form == SIGNATURE_SEAL || read_number(tags, "x", &ends));

	if (!ok || made > INT64_MAX || ends > INT64_MAX) {
		broken(sig, "bad time");
		return;
	}
	sig->signed_at = (int64_t)made;
	sig->expires_at = (int64_t)ends;
	if (ends && made && ends <= made)
		broken(sig, "expires before it was made");
}

/* An absent l= is the whole body; one that is too large to be a number is longer than any body. */
static void read_length(struct signature *sig, const struct tags *tags)
{
	struct str value = tags_get(tags, "l");

	sig->limit = BODY_ALL;
	if (!value.p)
		return;
	for (size_t i = 0; i < value.n; i++)
		if (!is_digit((unsigned char)value.p[i])) {
			broken(sig, "bad body length");
			return;
		}
	if (value.n == 0 || value.n > 76)
		broken(sig, "bad body length");
	else if (!str_u64(value, &sig->limit))
		sig->limit = BODY_ALL - 1;
}

/* "=40" and the like; what is no escape stays. */
static struct str decode_identity(struct arena *a, struct str value)
{
	struct str out = tag_squeeze(a, value);
	char *text;
	size_t n = 0;

	if (str_chr(out, '=') < 0)
		return out;
	text = arena_alloc(a, out.n + 1);
	for (size_t i = 0; i < out.n; i++) {
		if (out.p[i] == '=' && i + 2 < out.n && hex_value(out.p[i + 1]) >= 0 && hex_value(out.p[i + 2]) >= 0) {
			text[n++] = (char)(hex_value(out.p[i + 1]) << 4 | hex_value(out.p[i + 2]));
			i += 2;
		} else {
			text[n++] = out.p[i];
		}
	}
	return (struct str){text, n};
}

static struct str to_ascii(struct arena *a, struct str domain)
{
	struct str ascii;

	return !str_is_ascii(domain) && domain_to_ascii(a, domain, &ascii) ? ascii : domain;
}

/* The domain of i= must be that of d= or below it, each in U- or A-labels (RFC 8616 part 5). */
static void read_identity(struct arena *a, struct signature *sig, const struct tags *tags)
{
	struct str value = tags_get(tags, "i"), domain, ours = to_ascii(a, sig->domain);
	ptrdiff_t at;

	if (!value.p) {
		sig->identity = arena_printf(a, "@%.*s", STR_ARG(sig->domain));
		return;
	}
	sig->identity = decode_identity(a, value);
	at = str_rchr(sig->identity, '@');
	domain = to_ascii(a, str_from(sig->identity, (size_t)(at + 1)));
	if (at < 0 || !str_iends(domain, ours) || (domain.n > ours.n && domain.p[domain.n - ours.n - 1] != '.'))
		settle(sig, AUTH_PERMERROR, "identity is outside the signing domain");
}

/*
 * The tags of one field. The instance of ARC has comments that a tag list has not, so it is taken off
 * where the grammar wants it, in front (RFC 8617 part 4.1.2); behind that it may stand as a tag.
 */
static bool read_tags(struct arena *a, struct signature *sig, struct str text, struct tags *ret_tags)
{
	const struct tag *tag;
	struct str rest = text, spec;

	if (sig->form == SIGNATURE_DKIM || !str_split(&rest, ';', &spec))
		return tags_parse(text, ret_tags);
	sig->instance = tag_instance(spec);
	if (!tags_parse(sig->instance ? rest : text, ret_tags))
		return false;
	tag = tags_find(ret_tags, "i");
	if (tag && sig->instance)
		return false;
	if (tag)
		sig->instance = tag_instance(arena_printf(a, "i=%.*s", STR_ARG(tag->value)));
	return true;
}

/* U-labels of RFC 8616 become A-labels for the question. */
static void read_names(struct arena *a, struct signature *sig, const struct tags *tags)
{
	struct str domain, selector;

	sig->domain = str_lower(a, tag_squeeze(a, tags_get(tags, "d")));
	sig->selector = tag_squeeze(a, tags_get(tags, "s"));
	domain = sig->domain;
	selector = sig->selector;
	if (!is_name(domain) || !is_name(selector)) {
		broken(sig, domain.n == 0 ? "no domain" : selector.n == 0 ? "no selector" : "bad domain or selector");
		return;
	}
	if ((!str_is_ascii(domain) && !domain_to_ascii(a, domain, &domain)) ||
	    (!str_is_ascii(selector) && !domain_to_ascii(a, selector, &selector))) {
		broken(sig, "bad domain or selector");
		return;
	}
	sig->ascii = str_lower(a, domain);
	sig->key_name = arena_printf(a, "%.*s._domainkey.%.*s", STR_ARG(selector), STR_ARG(domain));
}

static void read_b(struct arena *a, struct signature *sig, const struct tags *tags)
{
	struct str value = tags_get(tags, "b");

	sig->b_text = tag_squeeze(a, value.p ? value : STR(""));
	if (!value.p || value.n == 0)
		broken(sig, "no signature value");
	else if (!base64_read(value, sig->b, sizeof sig->b, &sig->b_n) || sig->b_n == 0)
		broken(sig, "signature value is not base64");
}

static void read_bh(struct signature *sig, const struct tags *tags)
{
	struct str value = tags_get(tags, "bh");

	if (!value.p)
		broken(sig, "no body hash");
	else if (!base64_read(value, sig->bh, sizeof sig->bh, &sig->bh_n) ||
	    sig->bh_n != (sig->hash == CRYPTO_SHA1 ? 20u : 32u))
		broken(sig, "body hash of the wrong length");
}

static void read_field_names(struct signature *sig, const struct tags *tags)
{
	struct str rest, name;
	size_t n = 0;

	sig->names = tags_get(tags, "h");
	rest = sig->names;
	while (str_split(&rest, ':', &name))
		n++;
	if (!sig->names.p || (sig->names.n == 0 && sig->form == SIGNATURE_DKIM))
		broken(sig, "no list of signed fields");
	else if (n > SIGNATURE_NAMES_MAX)
		broken(sig, "too many signed fields");
	else if (sig->form == SIGNATURE_DKIM && !signature_covers(sig->names, "from"))
		settle(sig, AUTH_PERMERROR, "From is not signed");
	else if (sig->form == SIGNATURE_AMS && signature_covers(sig->names, "arc-seal"))
		broken(sig, "signs an ARC-Seal");
}

/* A seal has few tags (RFC 8617 part 4.1.3): the others of DKIM are unknown to it, but for a forbidden one. */
static void read_seal_tags(struct signature *sig, const struct tags *tags)
{
	sig->header_canon = CANON_RELAXED;
	sig->cv = tags_get(tags, "cv");
	if (sig->cv.p && !tag_skip_cfws(&sig->cv))
		broken(sig, "comment without an end");
	if (tags_find(tags, "h"))
		broken(sig, "seal with h=");
}

static void read_body_tags(struct signature *sig, const struct tags *tags, struct body_hashes *bodies)
{
	struct str query = tags_get(tags, "q");

	if (query.p && !tag_has_word(query, "dns/txt"))
		broken(sig, "unknown query method");
	read_canons(sig, tags);
	read_bh(sig, tags);
	read_length(sig, tags);
	read_field_names(sig, tags);
	if (sig->result == AUTH_NONE && bodies)
		sig->mark = body_hashes_want(bodies, sig->body_canon, sig->hash, sig->limit, &sig->body);
}

void signature_parse(struct arena *a, const struct header *h, size_t index, enum signature_form form,
    struct body_hashes *bodies, struct signature *ret_signature)
{
	struct signature *sig = ret_signature;
	struct tags tags;

	*sig = (struct signature){.form = form, .index = index, .reason = STR(""), .ascii = STR(""), .limit = BODY_ALL};
	if (!read_tags(a, sig, arena_str(a, h->value), &tags))
		broken(sig, "syntax error");
	sig->algorithm = str_lower(a, tags_get(&tags, "a"));
	read_names(a, sig, &tags);
	if (!read_algorithm(sig, sig->algorithm))
		broken(sig, sig->algorithm.n ? "unknown algorithm" : "no algorithm");
	if (form == SIGNATURE_DKIM && !str_is(tags_get(&tags, "v"), "1"))
		broken(sig, "unknown version");
	if (form == SIGNATURE_DKIM)
		read_identity(a, sig, &tags);
	else if (sig->instance == 0)
		broken(sig, "bad instance");
	read_b(a, sig, &tags);
	read_times(sig, &tags);
	if (form == SIGNATURE_SEAL)
		read_seal_tags(sig, &tags);
	else
		read_body_tags(sig, &tags, bodies);
}

void signature_ignore(struct signature *sig)
{
	sig->result = AUTH_POLICY;
	sig->reason = STR("more signatures than are looked at");
}

bool signature_covers(struct str names, const char *name)
{
	return tag_has_word(names, name);
}

/* ---- verifying ---- */

void signature_ask(struct signature *sig, struct dns_scope *dns)
{
	if (sig->result == AUTH_NONE && dns && !sig->ticket)
		sig->ticket = dns_ask(dns, sig->key_name, DNS_TXT);
}

void signature_add_fields(struct buf *out, const struct headers *headers, struct str names, size_t skip,
    enum canon canon)
{
	bool used[HEADER_COUNT_MAX] = {false};
	uint64_t hashes[HEADER_COUNT_MAX];
	size_t n = headers->n < HEADER_COUNT_MAX ? headers->n : HEADER_COUNT_MAX;
	struct str name;

	for (size_t i = 0; i < n; i++)
		hashes[i] = str_ihash(headers->v[i].name);
	if (skip < n)
		used[skip] = true;
	while (str_split(&names, ':', &name)) {
		uint64_t hash = str_ihash(name = str_trim(name));

		for (size_t i = n; i > 0; i--) {
			const struct header *h = &headers->v[i - 1];

			if (used[i - 1] || hashes[i - 1] != hash || !str_ieq(h->name, name))
				continue;
			used[i - 1] = true;
			canon_header(out, h, canon);
			break;
		}
	}
}

/* One key record of maybe several; false when another might do better. */
static bool try_key(struct arena *a, struct signature *sig, struct str record, struct str digest,
    const struct signature_options *options)
{
	struct dkim_key key;
	const char *problem = dkim_key_parse(a, record, sig->kind, sig->hash, &key);
	struct str signature = {(const char *)sig->b, sig->b_n};

	if (problem) {
		if (key.has_bad_size)
			settle(sig, AUTH_POLICY, problem);
		sig->reason = str_of(problem);
		return key.has_bad_size;
	}
	sig->key_bits = crypto_key_bits(key.key);
	sig->is_testing = key.is_testing;
	if (sig->kind == CRYPTO_RSA && sig->key_bits < options->minimum_rsa_bits) {
		settle(sig, AUTH_POLICY, "");
		sig->reason = arena_printf(a, "key of %u bits is too short", sig->key_bits);
		return true;
	}
	if (sig->kind == CRYPTO_RSA && options->maximum_rsa_bits && sig->key_bits > options->maximum_rsa_bits) {
		settle(sig, AUTH_POLICY, "");
		sig->reason = arena_printf(a, "key of %u bits is too long", sig->key_bits);
		return true;
	}
	if (key.is_strict && sig->form == SIGNATURE_DKIM &&
	    !str_ieq(to_ascii(a, str_from(sig->identity, (size_t)str_rchr(sig->identity, '@') + 1)), sig->ascii)) {
		settle(sig, AUTH_PERMERROR, "key does not allow sub-domains");
		return true;
	}
	if (!crypto_verify(key.key, sig->hash, digest, signature)) {
		sig->result = AUTH_FAIL;
		sig->reason = STR("signature did not verify");
		return false;
	}
	sig->result = AUTH_PASS;
	sig->reason = STR("");
	return true;
}

static void verify_digest(struct arena *a, struct signature *sig, struct dns_scope *dns, struct str digest,
    const struct signature_options *options)
{
	const struct dns_answer *answer;

	signature_ask(sig, dns);
	answer = sig->ticket ? dns_wait(sig->ticket) : NULL;
	if (answer && (answer->status == DNS_NXDOMAIN || answer->status == DNS_NODATA ||
			  answer->status == DNS_BADNAME)) {
		settle(sig, AUTH_PERMERROR, "no key");
		return;
	}
	if (!answer || answer->status != DNS_OK) {
		settle(sig, AUTH_TEMPERROR, "key not available now");
		return;
	}
	for (size_t i = 0; i < answer->n && i < SIGNATURE_KEYS_MAX; i++)
		if (try_key(a, sig, answer->records[i].data, digest, options))
			return;
	if (sig->result == AUTH_NONE)
		sig->result = AUTH_PERMERROR; /* the reason stands */
}

void signature_verify_text(struct arena *a, struct signature *sig, struct dns_scope *dns, struct str text,
    const struct signature_options *options)
{
	uint8_t value[CRYPTO_DIGEST_MAX];
	size_t n;

	if (sig->hash == CRYPTO_SHA1 && !options->accept_sha1)
		settle(sig, AUTH_POLICY, "SHA-1 is not accepted");
	if (sig->expires_at && sig->expires_at < clock_now())
		settle(sig, AUTH_FAIL, "signature has expired");
	if (sig->result != AUTH_NONE)
		return;
	n = digest_of(sig->hash, text, value);
	verify_digest(a, sig, dns, (struct str){(char *)value, n}, options);
}

static void check_body(struct arena *a, struct signature *sig)
{
	const struct body_hash *body = sig->body;

	if (sig->result != AUTH_NONE)
		return;
	if (sig->limit != BODY_ALL && body->length < sig->limit)
		settle(sig, AUTH_FAIL, "body is shorter than signed");
	else if (sig->mark->value_n != sig->bh_n || memcmp(sig->mark->value, sig->bh, sig->bh_n) != 0)
		settle(sig, AUTH_FAIL, "body hash did not verify");
	sig->is_partial = sig->limit != BODY_ALL && body->length > sig->limit;
	if (sig->is_partial && sig->result == AUTH_NONE)
		sig->reason = arena_printf(a, "partial: %llu of %llu octets of the body are signed",
		    (unsigned long long)sig->limit, (unsigned long long)body->length);
}

void signature_verify(struct arena *a, struct signature *sig, struct dns_scope *dns,
    const struct headers *headers, const struct signature_options *options)
{
	struct buf text = {0};
	struct str partial;

	check_body(a, sig);
	if (sig->result != AUTH_NONE)
		return;
	partial = sig->reason;
	signature_add_fields(&text, headers, sig->names, sig->index, sig->header_canon);
	canon_signature(&text, &headers->v[sig->index], sig->header_canon);
	signature_verify_text(a, sig, dns, buf_str(&text), options);
	buf_free(&text);
	if (sig->result == AUTH_PASS && sig->is_partial)
		sig->reason = partial;
}
