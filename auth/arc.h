/*
 * ARC (RFC 8617): the chain of custody that earlier hops wrote into the message.
 *
 * The life of a struct arc is that of a struct dkim: arc_new, arc_ask, body through `bodies`,
 * arc_finish. Structure comes first: a chain that is broken in itself fails before any key is
 * asked for. Sealing is in arc-seal.h.
 */
#ifndef REEVE_AUTH_ARC_H
#define REEVE_AUTH_ARC_H

#include "auth/signature.h"

enum { ARC_SETS_MAX = 50 };

struct arc_set {
	size_t aar, ams, seal; /* indexes of the fields, plus 1; 0: missing */
	struct signature message; /* of the AMS */
	struct signature chain;	  /* of the seal */
};

struct arc {
	struct arena *arena;
	enum auth_result result; /* none, pass or fail */
	struct str reason;
	bool is_temporary;	 /* it failed because the DNS did not answer */
	bool was_failed;	 /* an earlier hop sealed it as failed: nobody adds to it */
	unsigned instance;	 /* of the newest set, 0 none */
	unsigned highest;	 /* number that any field claims, whatever is wrong with it */
	unsigned oldest_pass;	 /* 0: each hop's view of the message still holds (RFC 8617 part 5.2) */
	struct arc_set *sets;	 /* [1] .. [instance] */
	struct signature_options options;
	bool is_finished;
};

struct arc *arc_new(struct arena *a, const struct headers *headers, struct body_hashes *bodies,
    const struct signature_options *options);
void arc_ask(struct arc *arc, struct dns_scope *dns);
void arc_finish(struct arc *arc, struct dns_scope *dns, const struct headers *headers,
    struct body_hashes *bodies);
/* Whole message in hand: all of the above in one. */
struct arc *arc_verify(struct arena *a, struct dns_scope *dns, struct str message,
    const struct signature_options *options);
/* "i=N;" at the start of an ARC-Authentication-Results value: N, and what stands behind; 0 is none. */
unsigned arc_results_instance(struct str value, struct str *ret_rest);
/* Instance of any of the three fields, 0 when it has none. */
unsigned arc_field_instance(const struct header *h);
/* Appends what the seal of set i signs: all sets to i, that seal without its b= value. */
void arc_add_chain(struct buf *out, const struct headers *headers, const struct arc_set *sets, unsigned i);

#endif
