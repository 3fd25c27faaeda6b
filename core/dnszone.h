/*
 * A DNS list (RFC 5782): a zone whose answers in 127/8 say that something is listed, each code with a
 * weight. Shared by the filters that ask lists, about clients and about domains.
 */
#ifndef REEVE_CORE_DNSZONE_H
#define REEVE_CORE_DNSZONE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/conf/conf.h"
#include "lib/dns/dns.h"

enum { DNSZONE_CODES_MAX = 32 };

/* Answers first..last, and with bits only those that have one of them in the last octet. */
struct dnszone_code {
	uint32_t first, last;
	uint8_t bits;
	bool has_weight;
	double weight;
};

struct dnszone {
	struct str name;
	struct conf_place place;
	double weight; /* of codes that have none of their own */
	struct dnszone_code codes[DNSZONE_CODES_MAX];
	size_t code_count;
};

/* How the directive `code` is written; its set(), for a target that starts with a struct dnszone. */
#define DNSZONE_CODE_ARGS "ADDRESS | FIRST..LAST | bits MASK [weight NUMBER]"
void dnszone_set_code(struct conf_load *load, const struct conf_node *node, void *target);
/*
 * Reads "zone NAME { ... }" by the table into zone, which starts a struct of the caller's; without a
 * code, 127.0.0.2 to 127.0.0.254 count. False after an error that leaves no zone.
 */
bool dnszone_read(struct conf_load *load, const struct conf_node *node, const struct directive *table,
    struct dnszone *zone);

/* Whether the answer lists, and with which weight (of its heaviest code). */
bool dnszone_judge(const struct dnszone *zone, const struct dns_answer *answer, double *ret_weight);
/* 127.255.255.x: the zone does not want to be asked by us. */
bool dnszone_is_refusal(const struct ip *answer);

#endif
