/*
 * xtext, the encoding of addresses and ids in the parameters of MAIL and RCPT (RFC 3461 part 4).
 */
#ifndef REEVE_CORE_XTEXT_H
#define REEVE_CORE_XTEXT_H

#include <stdbool.h>

#include "lib/arena.h"
#include "lib/str.h"

bool xtext_is_valid(struct str s);
/*
 * False for a broken "+XX" and for anything that decodes to a control character. Takes characters
 * that should have been encoded too, as Postfix does.
 */
bool xtext_decode(struct arena *a, struct str s, struct str *ret_text);

#endif
