/*
 * Received fields into relays, and which of them are ours: the formats that mail servers in the
 * field write, as a table of patterns. Compiled once per rule set; bounded by RELAYS_MAX fields of
 * RECEIVED_MAX octets.
 */
#ifndef REEVE_RULES_EVALS_RECEIVED_H
#define REEVE_RULES_EVALS_RECEIVED_H

#include "lib/addr.h"
#include "lib/arena.h"
#include "lib/regex.h"
#include "rules/target.h"

struct rule_setting;

enum { RECEIVED_MAX = 2000 };

struct network {
	struct cidr cidr;
	bool is_excluded; /* "!192.0.2.0/24" */
};

struct networks {
	struct network *v;
	size_t n, room;
	bool is_set;
};

struct received;

struct received *received_new(struct arena *a);
/* Networks from the rule files and the configuration; the first that matches decides. */
void networks_add(struct arena *a, struct networks *nets, struct cidr cidr, bool is_excluded);
/* "192.0.2.1", "192.0.2.", "192.0.2.0/24", each maybe with !; false: none of these. */
bool networks_add_text(struct arena *a, struct networks *nets, struct str text);
bool networks_has(const struct networks *nets, const struct ip *ip);

struct received_policy {
	const struct networks *trusted, *internal, *msa;
	const struct str *originating; /* header fields that hold the client's address */
	size_t originating_count;
};

void received_read(const struct received *r, struct regex_scratch *scratch, const struct rule_target *t,
    const struct received_policy *policy, struct relays *ret_relays);
/* "[ ip=... rdns=... ... ]" of relays from..to-1, joined by blanks: what rules match. */
struct str received_text(struct arena *a, const struct relays *relays, size_t from, size_t to);

#endif
