/* Decoders beyond those that core/content/mime.h offers to all. */
#ifndef REEVE_CORE_CONTENT_DECODE_H
#define REEVE_CORE_CONTENT_DECODE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/arena.h"
#include "lib/str.h"

/*
 * Programs differ on what stands behind padding: the result stops there, *ret_all goes on (the
 * result is its beginning). Both are the same for good input.
 */
struct str decode_base64_both(struct arena *a, struct str in, uint32_t *anomalies, struct str *ret_all);
/* As programs read it that skip = like junk: "QU=JD" is "ABC". */
struct str decode_base64_unpadded(struct arena *a, struct str in);
/* From the first "begin" line, or all when there is none, to "end". */
struct str decode_uuencode(struct arena *a, struct str in, uint32_t *anomalies, struct str *ret_name);
/* A line whose length fits its count. */
bool uu_is_data(struct str line);
bool uu_begin(struct str line, struct str *ret_name);

#endif
