/*
 * What the two halves of filter dnsbl share: dnsbl.c asks the zones about clients, dnsbl_test.c asks
 * them now and then about their test points and switches off those that went bad.
 */
#ifndef REEVE_FILTERS_DNSBL_H
#define REEVE_FILTERS_DNSBL_H

#include "core/dnszone.h"
#include "core/filter.h"

enum { DNSBL_ZONES_MAX = 32 };
enum dnsbl_family { DNSBL_IPV4, DNSBL_IPV6, DNSBL_BOTH };
enum dnsbl_unanswered { DNSBL_IGNORE, DNSBL_ALL, DNSBL_ANY };

struct dnsbl_zone {
	struct dnszone list; /* first: dnszone_set_code() fills it */
	int family;	     /* enum dnsbl_family */
	bool has_test_points;
};

struct dnsbl_conf {
	struct dnsbl_zone *zones[DNSBL_ZONES_MAX];
	size_t n;
	bool wants_text;
	struct conf_cidrs skip;
	int unanswered; /* enum dnsbl_unanswered */
	int64_t test_every_ms;
	struct dnsbl_test *test;
};

struct dnsbl_test;

/* dns may be NULL: then nothing is ever tested and all zones count as good. */
struct dnsbl_test *dnsbl_test_new(const struct dnsbl_conf *conf, struct dns *dns);
void dnsbl_test_free(struct dnsbl_test *t);
/*
 * Starts the look-ups when they are due, and takes their answers when they are there; never blocks.
 * Called by any session's thread: traffic drives the tests, no thread of their own.
 */
void dnsbl_test_step(struct dnsbl_test *t);
/* Why the zone is not to be asked, or NULL. */
const char *dnsbl_test_problem(struct dnsbl_test *t, size_t zone);

#endif
