/*
 * The text that a header rule looks at: a field by name with its modifiers, or one of the pseudo
 * fields (ALL, ToCc, EnvelopeFrom, MESSAGEID, X-Spam-Relays-...). Several fields of one name are
 * joined, each with a line end. Computed at first use and kept for the message.
 */
#ifndef REEVE_RULES_FIELD_H
#define REEVE_RULES_FIELD_H

#include "rules/evals/received.h"
#include "rules/registry.h"
#include "rules/target.h"

enum field_source {
	FIELD_HEADER,
	FIELD_ALL,
	FIELD_ALL_TRUSTED,
	FIELD_ALL_INTERNAL,
	FIELD_ALL_UNTRUSTED,
	FIELD_ALL_EXTERNAL,
	FIELD_ENVELOPE_FROM,
	FIELD_RELAYS_TRUSTED,
	FIELD_RELAYS_UNTRUSTED,
	FIELD_RELAYS_INTERNAL,
	FIELD_RELAYS_EXTERNAL,
	FIELD_TO_CC,
	FIELD_MESSAGE_ID,
};

enum { FIELD_TEXT_MAX = 256 * 1024, FIELD_VALUE_MAX = 8192 }; /* of one field rules see no more */

struct field_spec {
	enum field_source source;
	struct str name;
	unsigned modifiers; /* enum header_modifier */
};

/* What was made of all headers or of the relays, for the next one who asks. */
struct field_made {
	enum field_source source;
	unsigned modifiers;
	struct str text;
	bool is_there;
};

enum { FIELDS_MADE_MAX = 12 };

struct fields {
	const struct rule_target *t;
	struct regex_scratch *scratch;
	const struct received *received;
	const struct received_policy *policy;
	const struct registry *registry; /* NULL: the public suffix list */
	struct str envelope_header; /* envelope_sender_header, "" none */
	struct relays *relays;	    /* read at first use */
	struct str *decoded;	    /* by index of the header */
	bool *has_decoded;
	struct str envelope;
	bool has_envelope, knows_envelope;
	struct field_made made[FIELDS_MADE_MAX];
	size_t made_count;
};

struct field_spec field_spec_of(struct str name, unsigned modifiers);
void fields_init(struct fields *f, const struct rule_target *t, struct regex_scratch *scratch);
/* False when the message has none of it. */
bool field_get(struct fields *f, const struct field_spec *spec, struct str *ret_text);
/* Convenience for eval functions: name with modifiers; "" when there is none. */
struct str field_text(struct fields *f, const char *name, unsigned modifiers);
const struct relays *fields_relays(struct fields *f);
/* One field's value, unfolded, trimmed, encoded words decoded. */
struct str field_decoded(struct fields *f, size_t index);
/* Each fold, with the blanks behind it, becomes one blank. */
struct str field_unfold(struct arena *a, struct str value);
/* The value behind the colon with LF line ends, unchanged otherwise. */
struct str field_raw(struct arena *a, const struct header *h);

#endif
