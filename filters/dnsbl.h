/*
 * What the two halves of filter dnsbl share: dnsbl.c asks the zones about clients, dnsbl_test.c asks
 * them now and then about their test points and switches off those that went bad.
 */
#ifndef REEVE_FILTERS_DNSBL_H
#define REEVE_FILTERS_DNSBL_H

#include <stdint.h>

#include "core/filter.h"

enum { DNSBL_ZONES_MAX = 32, DNSBL_CODES_MAX = 32 };
enum dnsbl_family { DNSBL_IPV4, DNSBL_IPV6, DNSBL_BOTH };
enum dnsbl_unanswered { DNSBL_IGNORE, DNSBL_ALL, DNSBL_ANY };

/* Answers first..last, and with bits only those that have one of them in the last octet. */
struct dnsbl_code {
	uint32_t first, last;
	uint8_t bits;
	bool has_weight;
	double weight;
};

struct dnsbl_zone {
	struct str name;
	struct conf_place place;
	double weight;
	int family; /* enum dnsbl_family */
	bool has_test_points;
	struct dnsbl_code codes[DNSBL_CODES_MAX];
	size_t code_count;
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

/* Whether the answer lists, and with which weight (of its heaviest code). */
bool dnsbl_judge(const struct dnsbl_zone *zone, const struct dns_answer *answer, double *ret_weight);
/* 127.255.255.x: the zone does not want to be asked by us. */
bool dnsbl_is_refusal(const struct ip *answer);
uint32_t dnsbl_number(const struct ip *ip);

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
