/* The .json of a quarantined message: written once, read back for lists and release. */
#ifndef REEVE_GATEWAY_QUARANTINE_QUARANTINE_JSON_H
#define REEVE_GATEWAY_QUARANTINE_QUARANTINE_JSON_H

#include "gateway/quarantine/quarantine.h"

void quarantine_json_write(const struct quarantine_item *item, struct buf *out);
/* Texts go to the arena. False when it is not what we write: bounded, whatever is in it. */
bool quarantine_json_read(struct arena *a, struct str text, struct quarantine_item *ret_item);

#endif
