/*
 * Tag lists (RFC 6376 part 3.2): "v=1; a=rsa-sha256; ..." of signatures, keys and DMARC records.
 * Values are slices of the text: nothing is copied. No more than TAGS_MAX tags.
 */
#ifndef REEVE_AUTH_TAGS_H
#define REEVE_AUTH_TAGS_H

#include <stdbool.h>

#include "lib/arena.h"
#include "lib/str.h"

enum { TAGS_MAX = 64, TAG_COMMENT_DEPTH = 32 };

struct tag {
	struct str name, value; /* value without blanks and folds at its ends */
	struct str raw;		/* everything between '=' and ';' */
};

struct tags {
	struct tag v[TAGS_MAX];
	size_t n;
};

/* False when the text is no tag list, or a tag is there twice. */
bool tags_parse(struct str text, struct tags *ret_tags);
/* .p is NULL when there is no such tag; names are case-sensitive. */
struct str tags_get(const struct tags *tags, const char *name);
const struct tag *tags_find(const struct tags *tags, const char *name);
/* Whether a colon-separated value has the word (no case). */
bool tag_has_word(struct str value, const char *word);
/*
 * Moves to behind blanks, folds and comments (CFWS of RFC 5322); false when a comment does not end or
 * they are nested too deep.
 */
bool tag_skip_cfws(struct str *rest);
/*
 * The number of "i=N", N of one or two digits, in front of which, between which and behind which CFWS
 * may stand (RFC 8617 part 3.9); 0 is none. Up to 999, so that a chain that is too long is seen as one.
 */
unsigned tag_instance(struct str spec);
/* The value without any blanks and folds in it; the value itself when there are none. */
struct str tag_squeeze(struct arena *a, struct str value);

#endif
