/*
 * MIME structure (RFC 2045-2049, 2183, 2231, 6532) of a message as a tree of parts, each a slice of
 * the immutable bytes. One pass, iterative, linear, bounded by core/limits.h
 * and the boundary's length. What is odd or can be read in several ways is not repaired
 * silently: it is a named anomaly, and every plausible reading yields parts (the union).
 */
#ifndef REEVE_CORE_CONTENT_MIME_H
#define REEVE_CORE_CONTENT_MIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/header.h"
#include "lib/arena.h"
#include "lib/json.h"
#include "lib/str.h"

struct spool;
struct message;

enum { MIME_DEPTH_MAX = 32, MIME_PARTS_MAX = 1000, MIME_BOUNDARY_MAX = 998, MIME_PARAMS_MAX = 100 };

enum mime_encoding { MIME_IDENTITY, MIME_BASE64, MIME_QUOTED_PRINTABLE, MIME_UUENCODE };

/* Named bits; mime_anomaly_name() gives "duplicate-boundary" and so on. */
enum mime_anomaly {
	MIME_DUPLICATE_BOUNDARY = 1 << 0,  /* same boundary on two levels or given twice */
	MIME_MISSING_BOUNDARY = 1 << 1,	   /* multipart without (usable) boundary, or one that never occurs */
	MIME_MISSING_END = 1 << 2,	   /* no closing delimiter */
	MIME_DUPLICATE_TYPE = 1 << 3,	   /* several Content-Type fields */
	MIME_DUPLICATE_ENCODING = 1 << 4,  /* several or conflicting Content-Transfer-Encoding */
	MIME_UNKNOWN_ENCODING = 1 << 5,
	MIME_BAD_BASE64 = 1 << 6,	   /* octets outside the alphabet, data behind padding, bad length */
	MIME_BAD_QP = 1 << 7,
	MIME_BAD_TYPE = 1 << 8,		   /* Content-Type that cannot be parsed */
	MIME_BAD_PARAMETER = 1 << 9,
	MIME_DUPLICATE_PARAMETER = 1 << 10,
	MIME_CONFLICTING_NAMES = 1 << 11,  /* filename and name, or 2231 and plain, differ */
	MIME_NUL = 1 << 12,
	MIME_BARE_CR = 1 << 13,
	MIME_BARE_LF = 1 << 14,
	MIME_LONG_LINE = 1 << 15,
	MIME_HEADER_WITHOUT_COLON = 1 << 16,
	MIME_HEADER_WITHOUT_BODY = 1 << 17,
	MIME_ENCODED_MULTIPART = 1 << 18,  /* base64 or qp on a multipart */
	MIME_8BIT_HEADER = 1 << 19,
	MIME_BAD_CHARSET = 1 << 20,
	MIME_DEPTH_LIMIT = 1 << 21,
	MIME_PART_LIMIT = 1 << 22,
	MIME_HEADER_LIMIT = 1 << 23,
	MIME_DATA_BEHIND_END = 1 << 24,	   /* something that looks like a part after the closing delimiter */
	MIME_VERSION_MISSING = 1 << 25,
	MIME_BOUNDARY_PREFIX = 1 << 26,	   /* a line that only begins with a boundary */
	MIME_CONTROL_HEADER = 1 << 27,	   /* NUL or lone CR in a header field */
	MIME_UUENCODED_TEXT = 1 << 28,	   /* a file inside a text */
};

struct mime_param {
	struct str name;  /* lower case */
	struct str value; /* unquoted, RFC 2231 joined and decoded, encoded words decoded; UTF-8 */
};

struct html;

struct mime_part {
	struct mime_part *parent, *first, *next; /* tree; see mime_is_leaf() */
	struct headers headers;
	struct str type;	   /* "text/plain", lower case; the default when missing or broken */
	struct mime_param *params;
	size_t param_count;
	struct str charset;	   /* lower case, "" none */
	struct str disposition;	   /* lower case, "" none */
	struct str filename;	   /* UTF-8, "" none */
	struct str other_filename; /* another name that programs may show (MIME_CONFLICTING_NAMES) */
	struct str content_id;
	enum mime_encoding encoding;
	struct str encoding_name;  /* as written, lower case, "" none */
	struct str body;	   /* raw slice, without the line end that belongs to the delimiter */
	/* Of body in the message (in the decoded parent for encoded rfc822; without lone CRs in that reading). */
	size_t offset;
	unsigned depth;
	uint32_t anomalies;	   /* of this part */
	bool is_alternative_reading; /* exists only in a second reading of an ambiguous place */
	struct str decoded;	   /* filled in by mime_decoded() */
	struct str decoded_all;	   /* base64: with what stands behind padding too; begins with decoded */
	struct str decoded_unpadded; /* base64 with = in its middle, as if they were not there; else "" */
	const struct html *html;   /* as content_make() has rendered it; NULL when it has not */
	bool has_decoded;
	bool claims_message;	   /* of the parser: "message/" and no subtype of the grammar */
	bool has_begin_line;	   /* of the parser: maybe uuencode */
};

struct mime {
	struct arena *arena;
	const struct parse_limits *limits;
	struct mime_part *root;
	size_t part_count;
	uint32_t anomalies; /* of all parts together */
	bool is_ambiguous;  /* other mail programs may see other parts than we do */
	bool is_partial, is_external_body;
	size_t base; /* added to the offsets that mime_json() prints: an mbox line that was skipped */
};

/* spool may be NULL; with it, pages that were passed may be dropped. */
struct mime *mime_parse(struct arena *a, struct str message, struct spool *spool);
/* The same with the header section that was parsed before, and limits. */
struct mime *mime_parse_body(struct arena *a, struct str message, const struct headers *headers,
    struct spool *spool, const struct parse_limits *limits);
/* Of the message in hand; parsed at the first call. Body must be complete. */
struct mime *message_mime(struct message *m);
bool mime_is_multipart(const struct mime_part *part);
/*
 * Whether the part has a content of its own. A leaf may have children all the same: files in TNEF
 * and in uuencoded text, and alternative readings under the root.
 */
bool mime_is_leaf(const struct mime_part *part);
/* A multipart in which no part was found: programs may show its body as text. */
bool mime_is_hollow(const struct mime_part *part);
/* What a scanner must see: leaves, hollow multiparts, and messages that were encoded, as they are. */
bool mime_has_content(const struct mime_part *part);
/* message/rfc822 and message/global: first is the message inside. */
bool mime_is_message(const struct mime_part *part);
/* Next part in document order, or NULL; start with mime->root. */
struct mime_part *mime_next(const struct mime_part *part);
const struct mime_param *mime_param(const struct mime_part *part, const char *name);
/* The octets without transfer encoding; decoded once, kept in the mime's arena. */
struct str mime_decoded(struct mime *mime, struct mime_part *part);
/* Text of a text part as UTF-8 (charset converted, U+FFFD for what cannot be). */
struct str mime_text(struct mime *mime, struct mime_part *part);
/* Name of one bit. */
const char *mime_anomaly_name(uint32_t bit);
typedef void mime_digest(struct str octets, uint8_t ret_hash[32]);
/* `reevectl mime`: the tree as DESIGN.md part 7 says. The caller brings SHA-256 with him. */
void mime_json(struct mime *mime, struct json *out, mime_digest *sha256);

/* Decoders, also for others; linear, never fail, odd input sets bits in *anomalies. */
struct str decode_base64(struct arena *a, struct str in, uint32_t *anomalies);
struct str decode_quoted_printable(struct arena *a, struct str in, uint32_t *anomalies);

#endif
