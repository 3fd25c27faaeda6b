/*
 * The author domains of a message: what stands in From, read so that it cannot be fooled. Anything
 * that mail programs may show differently is a permanent error, never "no policy".
 */
#ifndef REEVE_AUTH_AUTHOR_H
#define REEVE_AUTH_AUTHOR_H

#include <stdbool.h>

#include "core/header.h"
#include "lib/arena.h"
#include "lib/str.h"

enum { AUTHOR_DOMAINS_MAX = 8 };

struct authors {
	const char *fault;  /* NULL, or why there is no author to be trusted */
	struct str domains[AUTHOR_DOMAINS_MAX]; /* distinct, lower case, A-labels */
	size_t n;
};

void authors_find(struct arena *a, const struct headers *headers, struct authors *ret_authors);

#endif
