/*
 * What the answer to a rule's question must be for the rule to hit: an address, a range, bits, a
 * pattern, a text or a response code. Three ways to write it, one for each family of rules.
 */
#ifndef REEVE_RULES_SUBTEST_H
#define REEVE_RULES_SUBTEST_H

#include "lib/arena.h"
#include "lib/dns/dns.h"
#include "lib/regex.h"

enum subtest_kind {
	SUBTEST_ANY,
	SUBTEST_TEXT,  /* equal to the text */
	SUBTEST_BITS,  /* an address in 127/8 with one of the bits */
	SUBTEST_RANGE, /* an address from..to */
	SUBTEST_MASK,  /* an address that is `from` under the mask `to` */
	SUBTEST_PATTERN,
	SUBTEST_CODES, /* response codes, bit by number */
};

struct subtest {
	enum subtest_kind kind;
	struct str text;
	uint32_t from, to, codes;
	struct regex *re;
};

/* Each: NULL, or what is wrong with the text. */
/* check_rbl and check_rbl_sub: "4" bits, "127.0.0.2", else a pattern without delimiters. */
const char *subtest_list(struct arena *a, struct str text, struct subtest *ret_test);
/* urirhssub and its family: N, N-N, N/N, each a number or an address. */
const char *subtest_number(struct arena *a, struct str text, struct subtest *ret_test);
/* askdns: the same, /pattern/, "text", [CODE,CODE]. */
const char *subtest_answer(struct arena *a, struct str text, struct subtest *ret_test);

/* A record as the tests see it: an address, a text, or as zone files write it. */
struct str subtest_record(struct arena *a, enum dns_type type, const struct dns_record *record);
/* Not for SUBTEST_CODES. */
bool subtest_holds(const struct subtest *test, struct regex_scratch *scratch, struct str record);
bool subtest_has_code(const struct subtest *test, enum dns_status status);

#endif
