/*
 * Gzip (RFC 1951, 1952) for texts that we make ourselves: one block with the fixed code and matches
 * from a window of 32 KiB. Reports shrink to about a tenth; nothing here reads what others packed.
 */
#ifndef REEVE_LIB_GZIP_H
#define REEVE_LIB_GZIP_H

#include "lib/arena.h"
#include "lib/str.h"

struct str gzip_pack(struct arena *a, struct str data);

#endif
