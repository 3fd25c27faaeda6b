/* Syntax of the fields that filter headers looks into. */
#ifndef REEVE_FILTERS_HEADERS_H
#define REEVE_FILTERS_HEADERS_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/str.h"

/* RFC 5322 part 3.3 with the obsolete forms of 4.3; value: unfolded, trimmed. */
bool headers_parse_date(struct str value, int64_t *ret_unix);
/* "<left@right>" without blanks and controls, both sides there. */
bool headers_is_message_id(struct str value);

#endif
