/*
 * SPF (RFC 7208): may this client use that domain? A plain library: no filters, no policy.
 *
 *   struct spf_query q = {.client = ip, .helo = helo, .sender = STR("a@example.org")};
 *   spf_prefetch(scope, &q);                    starts the first look-up (a filter's want)
 *   spf_check(arena, scope, &q, &report);       evaluates; waits for DNS
 *
 * Limits: 10 terms that look up, 2 void look-ups (unless the query says otherwise), 10 names of an MX or
 * PTR answer, and whatever the scope still allows in queries and time.
 */
#ifndef REEVE_AUTH_SPF_H
#define REEVE_AUTH_SPF_H

#include "lib/addr.h"
#include "lib/arena.h"
#include "lib/dns/dns.h"
#include "lib/str.h"

enum { SPF_TERMS_MAX = 10, SPF_VOID_MAX = 2, SPF_NAMES_MAX = 10 };

enum spf_result {
	SPF_NONE,
	SPF_NEUTRAL,
	SPF_PASS,
	SPF_FAIL,
	SPF_SOFTFAIL,
	SPF_TEMPERROR,
	SPF_PERMERROR,
};

enum spf_identity { SPF_MAILFROM, SPF_HELO };

struct spf_limits {
	int64_t terms, voids;
};

struct spf_query {
	struct ip client;
	struct str helo;     /* as given */
	struct str sender;   /* MAIL FROM as local@domain; "" is the null sender: HELO is checked */
	struct str receiver; /* our host name, for %{r} */
	const struct spf_limits *limits; /* NULL: those of RFC 7208, part 4.6.4 */
};

struct spf_report {
	enum spf_result result;
	enum spf_identity identity;
	struct str domain;	/* that was checked, lower case */
	struct str mechanism;	/* the term that decided, as written; "" none did */
	struct str record;	/* of the domain, as found; "" none */
	struct str explanation; /* of the domain, for result fail; "" it gave none */
	struct str problem;	/* what is wrong, for temperror and permerror; for people */
	unsigned terms, voids;	/* spent */
};

extern const char *const spf_result_words[]; /* by enum spf_result, NULL-terminated */

void spf_prefetch(struct dns_scope *dns, const struct spf_query *q);
/* dns NULL: temperror. Everything in the report lives in the arena. */
void spf_check(struct arena *a, struct dns_scope *dns, const struct spf_query *q,
    struct spf_report *ret_report);

#endif
