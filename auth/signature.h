/*
 * One signature over a message, as DKIM-Signature, ARC-Message-Signature and ARC-Seal have it in
 * common: the tag list is read, the key is asked for, header and body hashes are compared.
 *
 *   signature_parse(a, header, index, form, bodies, &sig);   sig.result is AUTH_NONE while open
 *   signature_ask(&sig, dns);
 *   ... the body goes through `bodies` ...
 *   body_hashes_end(bodies, body);
 *   signature_verify(a, &sig, dns, headers, options);
 */
#ifndef REEVE_AUTH_SIGNATURE_H
#define REEVE_AUTH_SIGNATURE_H

#include "auth/body.h"
#include "auth/result.h"
#include "core/header.h"
#include "lib/dns/dns.h"

enum {
	SIGNATURE_NAMES_MAX = 1000, /* in h= */
	SIGNATURE_KEYS_MAX = 4,	    /* records tried at one name */
};

enum signature_form { SIGNATURE_DKIM, SIGNATURE_AMS, SIGNATURE_SEAL };

struct signature_options {
	unsigned minimum_rsa_bits; /* below: result policy */
	bool accept_sha1;
	unsigned maximum_rsa_bits; /* above: result policy; 0: CRYPTO_RSA_MAX */
	unsigned signatures, sets; /* of DKIM and ARC that are looked at; 0: their maxima */
};

#define SIGNATURE_DEFAULTS ((struct signature_options){.minimum_rsa_bits = 1024})

struct signature {
	enum signature_form form;
	size_t index;		/* of its field in the message's headers */
	enum auth_result result;
	struct str reason;	/* for people; "" for a plain pass */

	/* As the field has them, also when it is broken; "" missing. */
	struct str domain;	/* lower case */
	struct str ascii;	/* the same in A-labels; "" when it is no name */
	struct str selector;
	struct str algorithm;	/* lower case */
	struct str identity;	/* i=, or "@" and domain */
	struct str b_text;	/* without blanks */
	unsigned instance;	/* i= of ARC */
	struct str cv;		/* of a seal */

	enum crypto_kind kind;
	enum crypto_hash hash;
	enum canon header_canon, body_canon;
	struct str names; /* h= */
	int64_t signed_at, expires_at; /* 0: not given */
	uint64_t limit;	  /* l=, or BODY_ALL */
	const struct body_hash *body;
	const struct body_mark *mark; /* where it is cut for this one */
	uint8_t bh[CRYPTO_DIGEST_MAX], b[CRYPTO_SIGNATURE_MAX];
	size_t bh_n, b_n;

	struct str key_name; /* that the DNS is asked for */
	struct dns_ticket *ticket;
	unsigned key_bits;
	bool is_testing; /* key says t=y */
	bool is_partial; /* l= is short of the body */
};

/* bodies is NULL for a seal, which has no body hash, and for what will be ignored. Everything is copied to the arena. */
void signature_parse(struct arena *a, const struct header *h, size_t index, enum signature_form form,
    struct body_hashes *bodies, struct signature *ret_signature);
/* One beyond the limit: settled, whatever it says. */
void signature_ignore(struct signature *sig);
void signature_ask(struct signature *sig, struct dns_scope *dns);
/* For DKIM and AMS. The body hashes must have ended. Sets result and reason when they are open. */
void signature_verify(struct arena *a, struct signature *sig, struct dns_scope *dns,
    const struct headers *headers, const struct signature_options *options);
/* The rest for a seal, whose signed text the caller puts together. */
void signature_verify_text(struct arena *a, struct signature *sig, struct dns_scope *dns, struct str text,
    const struct signature_options *options);
/* Appends the fields that h= names, in its order, from the bottom up; skip is left out. */
void signature_add_fields(struct buf *out, const struct headers *headers, struct str names, size_t skip,
    enum canon canon);
/* Whether h= has the name. */
bool signature_covers(struct str names, const char *name);

#endif
