/* The cleaning side of the backlog: see backlog.h. Called by backlog.c only. */
#ifndef REEVE_GATEWAY_RELAY_COMPACT_H
#define REEVE_GATEWAY_RELAY_COMPACT_H

#include "gateway/relay/backlog_private.h"

/* The message's file goes when the journal is on disk. */
void garbage_add(struct backlog *b, struct mail *m);
/* Removes the files whose time has come. */
void garbage_remove(struct backlog *b);
void garbage_free(struct backlog *b);
/* After the writer was closed. */
void copies_free(struct backlog *b);
/* One record of the segment that is being compacted. */
void compact_record(struct backlog *b, struct mail *m, struct segment *seg, uint64_t offset,
    const struct record_head *h, const struct queue_entry *e, struct str file);

#endif
