/*
 * What the parts of dns share about packets, and domain names in wire form: lower case, lengths
 * checked, with the root label. Text names are slices of raw octets with dots between the labels.
 */
#ifndef REEVE_LIB_DNS_DNS_PACKET_H
#define REEVE_LIB_DNS_DNS_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/str.h"

enum { DNS_NAME_WIRE_MAX = 255, DNS_NAME_TEXT_MAX = 1024, DNS_LABEL_MAX = 63 };

struct dns_name {
	uint8_t b[DNS_NAME_WIRE_MAX];
	size_t n; /* with the root label; at least 1 */
};

/* One final dot is allowed, "." is the root; false for anything that is no name (also ""). */
bool dns_name_from_text(struct str text, struct dns_name *ret_name);
/*
 * Master-file form without the final dot: dots and backslashes inside a label, blanks and octets
 * outside ASCII come as \DDD, so that what looks like one label is one.
 */
struct str dns_name_to_text(const struct dns_name *name, char out[DNS_NAME_TEXT_MAX]);

/*
 * How long a response may be kept, in seconds: the least TTL of its answers, or of the SOA that
 * comes with a denial (RFC 2308 part 5). 0: not at all.
 */
uint32_t dns_packet_ttl(const uint8_t *packet, size_t length);

#endif
