/*
 * DMARC (RFC 9989): finds the policy that an author domain published, by the DNS tree walk, and
 * whether any authenticated identifier is aligned with the author.
 *
 *   dmarc_ask(dns, DMARC_TREEWALK, author);                        starts the look-ups of the walk
 *   dmarc_check(a, dns, DMARC_TREEWALK, author, ids, n, &report);  waits, walks, judges
 */
#ifndef REEVE_AUTH_DMARC_H
#define REEVE_AUTH_DMARC_H

#include <stdbool.h>

#include "auth/result.h"
#include "core/address.h"
#include "lib/arena.h"
#include "lib/dns/dns.h"
#include "lib/str.h"

enum { DMARC_WALK_MAX = 8 }; /* queries of one walk */

/* How organizational domains are found: by the records, or as before RFC 9989 by the public suffix list. */
enum dmarc_method { DMARC_TREEWALK, DMARC_PSL };
extern const char *const dmarc_method_words[]; /* of reports; NULL-terminated */

enum dmarc_policy { DMARC_POLICY_NONE, DMARC_POLICY_QUARANTINE, DMARC_POLICY_REJECT };
extern const char *const dmarc_policy_words[]; /* NULL-terminated */

struct dmarc_record {
	enum dmarc_policy p, sp, np;
	bool has_p, has_sp, has_np;
	bool is_broken;	       /* a policy that cannot be read and no rua: not to be applied */
	bool is_strict_dkim, is_strict_spf;
	bool is_testing;       /* t=y */
	char psd;	       /* 'y', 'n' or 'u' */
	struct str rua, ruf, fo; /* as written, "" none */
};

/* Something that was authenticated, or could not be because the DNS did not answer. */
struct dmarc_id {
	struct str domain;
	bool is_spf;
	bool is_temporary; /* no pass, but no failure either */
};

struct dmarc_report {
	enum auth_result result; /* none, pass, fail, temperror, permerror */
	enum dmarc_method method;
	struct str reason;
	struct str author;	 /* domain of From, lower case, A-labels */
	struct str domain;	 /* whose record applies, "" none */
	struct str organization; /* of the author; "" when it was not needed */
	struct dmarc_record record;
	enum dmarc_policy published; /* p, sp or np, whichever speaks of this author */
	enum dmarc_policy policy;    /* the same after t=y */
	bool is_spf_aligned, is_dkim_aligned;
};

/* False for a text that is no DMARC record. Faulty tags are left out (RFC 9989 part 4.8). */
bool dmarc_record_parse(struct str text, struct dmarc_record *ret_record);
void dmarc_ask(struct dns_scope *dns, enum dmarc_method method, struct str author);
/* The tree walk for something that may be authenticated, where it can be aligned with the author at all. */
void dmarc_ask_related(struct dns_scope *dns, struct str author, struct str domain);
void dmarc_check(struct arena *a, struct dns_scope *dns, enum dmarc_method method, struct str author,
    const struct dmarc_id *ids, size_t n, struct dmarc_report *ret_report);
/* By tree walk: RES_OK with the organizational domain, RES_TEMP when the DNS did not answer. */
int dmarc_organization(struct arena *a, struct dns_scope *dns, struct str domain, struct str *ret_domain);
/* The worse of two for a message with several authors. */
bool dmarc_is_worse(const struct dmarc_report *a, const struct dmarc_report *b);
/* The next address of a rua or ruf list, without "mailto:" and size; what is none is passed over. False at the end. */
bool dmarc_next_address(struct arena *a, struct str *rest, struct address *ret_address);

#endif
