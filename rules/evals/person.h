/*
 * Mailboxes in header fields, as SpamAssassin's :addr and :name see them: more lenient than RFC 5322,
 * because what a reader is shown counts. All results are slices of the input or live in the arena.
 */
#ifndef REEVE_RULES_EVALS_PERSON_H
#define REEVE_RULES_EVALS_PERSON_H

#include "lib/addr.h"
#include "lib/arena.h"
#include "lib/str.h"

struct person {
	struct str name, address; /* "" when there is none */
};

/* "Group: a, b;" is a, b. */
struct str person_list(struct str field);
/* Octets up to the comma (or semicolon) that ends the first mailbox of the list. */
size_t person_length(struct str list);
struct person person_read(struct arena *a, struct str text);
/* Encoded words decoded, white space squeezed. */
struct str person_name(struct arena *a, struct str name);

bool person_find_ip(struct str text, struct ip *ret_ip);
/* The same with the text of it, "IPv6:" included where that stands before it. */
bool person_find_ip_text(struct str text, struct ip *ret_ip, struct str *ret_written);

#endif
