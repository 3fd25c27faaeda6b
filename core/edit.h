/*
 * Edits: what is done to an accepted message besides relaying it. The bytes that came in are never
 * changed in place: an edit list travels beside them (scan --json shows it as "changes", the relay
 * applies it while it writes, the milter translates it).
 */
#ifndef REEVE_CORE_EDIT_H
#define REEVE_CORE_EDIT_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/arena.h"
#include "lib/str.h"

enum edit_op {
	EDIT_ADD_HEADER,    /* at the top; the edit added last stands topmost */
	EDIT_REMOVE_HEADER, /* the index-th field of that name, from 1, counted in the message as it came */
	EDIT_CHANGE_HEADER, /* same index; value replaces the body of the field */
};

struct edit {
	enum edit_op op;
	struct str name;
	struct str value; /* without the name, colon, leading blank and final CRLF; folds are CRLF + WSP */
	unsigned index;
	struct edit *next;
};

struct edits {
	struct edit *first, **last;
	size_t n;
};

void edits_init(struct edits *e);
/*
 * Name and value are checked and copied: a name is made of RFC 5322 ftext; in the value CR, LF and
 * NUL that are not part of a fold become blanks, and lines longer than 998 are folded.
 */
void edit_add_header(struct edits *e, struct arena *a, struct str name, struct str value);
void edit_remove_header(struct edits *e, struct arena *a, struct str name, unsigned index);
void edit_change_header(struct edits *e, struct arena *a, struct str name, unsigned index, struct str value);

#endif
