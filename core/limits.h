/*
 * How much of one message is read: the directives of `limits` that the parsers of core/ heed. The
 * constants beside each parser are its defaults and its hard maxima; a configuration only lowers them.
 */
#ifndef REEVE_CORE_LIMITS_H
#define REEVE_CORE_LIMITS_H

#include <stdint.h>

struct parse_limits {
	int64_t headers;       /* fields of one header section */
	uint64_t header_bytes; /* octets of one header section */
	int64_t mime_depth, mime_parts;
	int64_t urls;
	uint64_t text;	       /* decoded octets of text that are looked at */
};

extern const struct parse_limits parse_limits_default;

#endif
