/*
 * A map from names to pointers, case ignored: filled once while loading, then only read, by any
 * number of threads. Open addressing; for keys from configuration, not from peers.
 */
#ifndef REEVE_LIB_NAMES_H
#define REEVE_LIB_NAMES_H

#include <stddef.h>

#include "lib/arena.h"
#include "lib/str.h"

struct names;

struct names *names_new(struct arena *a);
/* The key is not copied. Returns the value that the name has already (and keeps it), else NULL. */
void *names_add(struct names *m, struct str key, void *value);
/* NULL when there is none; value must not be NULL for this to tell. */
void *names_get(const struct names *m, struct str key);
size_t names_count(const struct names *m);

#endif
