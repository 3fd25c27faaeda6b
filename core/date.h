/* Dates as header fields have them. */
#ifndef REEVE_CORE_DATE_H
#define REEVE_CORE_DATE_H

#include <stdint.h>

#include "lib/str.h"

/* RFC 5322, in UTC: "Sat, 01 Jan 2000 00:00:00 +0000". */
void date_write(struct buf *out, int64_t unix_seconds);

#endif
