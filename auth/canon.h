/* Canonical forms of DKIM (RFC 6376 part 3.4) for header fields; bodies are in body.h. */
#ifndef REEVE_AUTH_CANON_H
#define REEVE_AUTH_CANON_H

#include <stdbool.h>

#include "core/header.h"

enum canon { CANON_SIMPLE, CANON_RELAXED };

/* Appends one field in canonical form, with its CRLF. */
void canon_header(struct buf *out, const struct header *h, enum canon canon);
/* Same for a signature's own field: without the value of its b= tag, without the CRLF. */
void canon_signature(struct buf *out, const struct header *h, enum canon canon);

#endif
