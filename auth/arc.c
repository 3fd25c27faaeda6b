/* ARC validation, in the order of RFC 8617 part 5.2. Signatures themselves are signature.c's. */
#include "auth/arc.h"

#include <assert.h>

#include "auth/tags.h"

enum { ARC_NOT, ARC_AAR, ARC_AMS, ARC_SEAL };

static void fail(struct arc *arc, const char *reason)
{
	if (arc->result == AUTH_FAIL)
		return;
	arc->result = AUTH_FAIL;
	arc->reason = str_of(reason);
}

static int field_kind(struct str name)
{
	static const char *const names[] = {"ARC-Authentication-Results", "ARC-Message-Signature", "ARC-Seal"};

	if (name.n < 8 || to_lower((unsigned char)name.p[0]) != 'a')
		return ARC_NOT;
	for (int i = 0; i < 3; i++)
		if (str_iis(name, names[i]))
			return i + 1;
	return ARC_NOT;
}

/* A comment in front of the semicolon may hold one itself. */
unsigned arc_results_instance(struct str value, struct str *ret_rest)
{
	struct str rest = value;

	while (rest.n && rest.p[0] != ';') {
		if (rest.p[0] != '(')
			rest = str_from(rest, 1);
		else if (!tag_skip_cfws(&rest))
			return 0;
	}
	if (rest.n == 0)
		return 0;
	*ret_rest = str_from(rest, 1);
	return tag_instance(str_range(value.p, rest.p));
}

/* ---- structure ---- */

/*
 * The instance is read from the field itself before memory is spent on it. The grammar has it in
 * front; nobody insists on that for signatures.
 */
static unsigned field_instance(const struct header *h, int kind)
{
	struct str rest, spec;
	unsigned instance = 0;

	if (kind == ARC_AAR)
		return arc_results_instance(h->value, &rest);
	rest = h->value;
	while (!instance && str_split(&rest, ';', &spec))
		instance = tag_instance(spec);
	return instance;
}

unsigned arc_field_instance(const struct header *h)
{
	return field_instance(h, field_kind(h->name));
}

static void place_field(struct arc *arc, const struct header *h, size_t index, int kind)
{
	unsigned i = field_instance(h, kind);
	unsigned most = arc->options.sets ? arc->options.sets : ARC_SETS_MAX;
	size_t *place;

	if (i > arc->highest)
		arc->highest = i;
	if (i == 0 || i > most) {
		fail(arc, i ? "more sets than are looked at" : "a field without instance");
		return;
	}
	place = kind == ARC_AAR ? &arc->sets[i].aar : kind == ARC_AMS ? &arc->sets[i].ams : &arc->sets[i].seal;
	if (*place)
		fail(arc, "a field is there twice");
	*place = index + 1;
	if (i > arc->instance)
		arc->instance = i;
}

static void check_sets(struct arc *arc)
{
	for (unsigned i = 1; i <= arc->instance; i++) {
		const struct arc_set *set = &arc->sets[i];

		if (!set->aar || !set->ams || !set->seal)
			fail(arc, "a set is not complete");
	}
}

static void check_seal_values(struct arc *arc)
{
	if (str_iis(arc->sets[arc->instance].chain.cv, "fail")) {
		fail(arc, "an earlier hop found the chain broken");
		arc->was_failed = true;
		return;
	}
	for (unsigned i = 1; i <= arc->instance; i++)
		if (!str_iis(arc->sets[i].chain.cv, i == 1 ? "none" : "pass"))
			fail(arc, "a seal says the wrong chain value");
}

/* A signature that is broken as text ends the chain before any look-up. */
static void check_syntax(struct arc *arc)
{
	const struct arc_set *newest = &arc->sets[arc->instance];

	if (newest->message.result != AUTH_NONE)
		fail(arc, "newest message signature is broken");
	for (unsigned i = 1; i <= arc->instance; i++)
		if (arc->sets[i].chain.result != AUTH_NONE)
			fail(arc, "a seal is broken");
}

static void read_signatures(struct arc *arc, const struct headers *headers, struct body_hashes *bodies)
{
	for (unsigned i = 1; i <= arc->instance; i++) {
		struct arc_set *set = &arc->sets[i];

		signature_parse(arc->arena, &headers->v[set->seal - 1], set->seal - 1, SIGNATURE_SEAL, NULL,
		    &set->chain);
		signature_parse(arc->arena, &headers->v[set->ams - 1], set->ams - 1, SIGNATURE_AMS, bodies,
		    &set->message);
	}
}

struct arc *arc_new(struct arena *a, const struct headers *headers, struct body_hashes *bodies,
    const struct signature_options *options)
{
	struct arc *arc = arena_alloc(a, sizeof *arc);

	arc->arena = a;
	arc->options = *options;
	arc->options.accept_sha1 = false; /* ARC never had it */
	arc->reason = STR("");
	for (size_t i = 0; i < headers->n; i++) {
		int kind = field_kind(headers->v[i].name);

		if (kind == ARC_NOT)
			continue;
		if (!arc->sets)
			arc->sets = arena_array(a, ARC_SETS_MAX + 1, sizeof *arc->sets);
		place_field(arc, &headers->v[i], i, kind);
	}
	check_sets(arc);
	if (arc->result == AUTH_NONE && arc->instance) {
		read_signatures(arc, headers, bodies);
		check_seal_values(arc);
		check_syntax(arc);
	}
	return arc;
}

void arc_ask(struct arc *arc, struct dns_scope *dns)
{
	if (arc->result != AUTH_NONE || arc->instance == 0)
		return;
	signature_ask(&arc->sets[arc->instance].message, dns);
	for (unsigned i = arc->instance; i > 0; i--)
		signature_ask(&arc->sets[i].chain, dns);
}

/* ---- validation ---- */

void arc_add_chain(struct buf *out, const struct headers *headers, const struct arc_set *sets, unsigned i)
{
	for (unsigned k = 1; k <= i; k++) {
		canon_header(out, &headers->v[sets[k].aar - 1], CANON_RELAXED);
		canon_header(out, &headers->v[sets[k].ams - 1], CANON_RELAXED);
		if (k < i)
			canon_header(out, &headers->v[sets[k].seal - 1], CANON_RELAXED);
		else
			canon_signature(out, &headers->v[sets[k].seal - 1], CANON_RELAXED);
	}
}

static void fail_of(struct arc *arc, const struct signature *sig, const char *what, unsigned i)
{
	fail(arc, "");
	arc->is_temporary = sig->result == AUTH_TEMPERROR;
	arc->reason = arena_printf(arc->arena, "%s %u: %.*s", what, i, STR_ARG(sig->reason));
}

static void check_seals(struct arc *arc, struct dns_scope *dns, const struct headers *headers)
{
	for (unsigned i = arc->instance; i > 0 && arc->result == AUTH_NONE; i--) {
		struct signature *seal = &arc->sets[i].chain;
		struct buf text = {0};

		arc_add_chain(&text, headers, arc->sets, i);
		signature_verify_text(arc->arena, seal, dns, buf_str(&text), &arc->options);
		buf_free(&text);
		if (seal->result != AUTH_PASS)
			fail_of(arc, seal, "seal", i);
	}
}

/* How far back the message is as the hops saw it; keys of older sets are asked for only here. */
static unsigned find_oldest_pass(struct arc *arc, struct dns_scope *dns, const struct headers *headers)
{
	for (unsigned i = arc->instance - 1; i > 0; i--) {
		struct signature *ams = &arc->sets[i].message;

		signature_verify(arc->arena, ams, dns, headers, &arc->options);
		if (ams->result != AUTH_PASS)
			return i + 1;
	}
	return 0;
}

void arc_finish(struct arc *arc, struct dns_scope *dns, const struct headers *headers,
    struct body_hashes *bodies)
{
	struct signature *newest;

	if (arc->is_finished)
		return;
	arc->is_finished = true;
	if (arc->result != AUTH_NONE || arc->instance == 0)
		return;
	assert(bodies->has_ended);
	newest = &arc->sets[arc->instance].message;
	assert(newest->index < headers->n);
	signature_verify(arc->arena, newest, dns, headers, &arc->options);
	if (newest->result != AUTH_PASS)
		fail_of(arc, newest, "message signature", arc->instance);
	check_seals(arc, dns, headers);
	if (arc->result != AUTH_NONE)
		return;
	arc->result = AUTH_PASS;
	arc->oldest_pass = find_oldest_pass(arc, dns, headers);
}

struct arc *arc_verify(struct arena *a, struct dns_scope *dns, struct str message,
    const struct signature_options *options)
{
	struct body_hashes bodies;
	struct headers headers;
	struct arc *arc;

	headers_parse(a, message, &headers);
	body_hashes_init(&bodies, a);
	arc = arc_new(a, &headers, &bodies, options);
	arc_ask(arc, dns);
	body_hashes_end(&bodies, str_from(message, headers.body));
	arc_finish(arc, dns, &headers, &bodies);
	return arc;
}
