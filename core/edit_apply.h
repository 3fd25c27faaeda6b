/*
 * Applies an edit list while a message is written: the message is not copied; what comes out is a
 * list of slices (of the message, and of the arena for what is new) and the place from where on the
 * message goes on as it is.
 */
#ifndef REEVE_CORE_EDIT_APPLY_H
#define REEVE_CORE_EDIT_APPLY_H

#include <stddef.h>

#include "core/edit.h"
#include "lib/arena.h"
#include "lib/str.h"

struct edited {
	struct str *pieces; /* to be written first, in this order */
	size_t n;
	size_t bytes;	    /* of all pieces */
	size_t tail;	    /* then the message from this offset to its end */
};

/*
 * head: the message, or its beginning with at least the whole header section. Edits that name a field
 * that is not there do nothing; of several for one field the last counts. Line ends are CRLF.
 */
void edits_apply(struct arena *a, const struct edits *e, struct str head, struct edited *ret_edited);

#endif
