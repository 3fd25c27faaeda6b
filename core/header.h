/*
 * The header section of a message (RFC 5322 part 2.2), as offsets into the immutable bytes.
 *
 * The one place that says where headers end: at the first empty line, or before the first line that
 * is neither a field nor a continuation (then `broken_at` is set; the body starts there). Lines end
 * in CRLF or, in stored files, LF. Bounded by core/limits.h.
 */
#ifndef REEVE_CORE_HEADER_H
#define REEVE_CORE_HEADER_H

#include <stdbool.h>
#include <stddef.h>

#include "core/limits.h"
#include "lib/arena.h"
#include "lib/str.h"

enum { HEADER_COUNT_MAX = 1000, HEADER_BYTES_MAX = 256 * 1024 };

struct header {
	struct str name;  /* without blanks before the colon */
	struct str value; /* behind the colon up to the final line end, which is not included; folds in it */
	struct str raw;	  /* the whole field with its final line end */
};

struct headers {
	const struct header *v;
	size_t n;
	size_t body;	    /* offset of the body in the message; = length when there is none */
	bool has_end;	    /* the empty line was there */
	bool is_over;	    /* more than the limits allow: the rest was not read */
	size_t broken_at;   /* offset of a line that is no field, or 0 */
	bool has_nul, has_bare_cr, has_8bit;
	bool has_bare_lf; /* LF and CRLF mixed; in a stored file all lines may end in LF */
};

/* Within the default limits. */
void headers_parse(struct arena *a, struct str message, struct headers *ret_headers);
void headers_parse_within(struct arena *a, struct str message, const struct parse_limits *limits,
    struct headers *ret_headers);

/*
 * The same octets now stand somewhere else: what was read while the message came in points into the
 * complete one from now on.
 */
void headers_move(struct headers *h, const char *from, const char *to);
/* The index-th (from 0) field of that name, top down; NULL when there is none. */
const struct header *headers_get(const struct headers *h, const char *name, size_t index);
size_t headers_count(const struct headers *h, const char *name);
/* Line ends of folds removed (RFC 5322 part 2.2.3), blanks at both ends trimmed. */
struct str header_unfold(struct arena *a, struct str value);
/* Unfolded, RFC 2047 encoded words decoded to UTF-8, comments kept; bounded to 4 times the input. */
struct str header_decode(struct arena *a, struct str value);
/* The same for text that is unfolded already. */
struct str rfc2047_decode(struct arena *a, struct str text);

#endif
