/* Charsets to UTF-8, and what is known of single ones. */
#ifndef REEVE_CORE_TEXT_CHARSET_H
#define REEVE_CORE_TEXT_CHARSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/arena.h"
#include "lib/str.h"

/* To UTF-8; names from an allow-list; unknown ones are read as Windows-1252. */
struct str charset_to_utf8(struct arena *a, struct str charset, struct str in, bool *ret_bad);
bool charset_is_known(struct str name);
/* Text of unsaid charset: UTF-8 when it is well-formed, else Windows-1252. */
struct str charset_guess(struct arena *a, struct str in);
uint32_t windows_1252_character(unsigned char c);
/* Writes the character at out (room for 4); returns the octets written. */
size_t utf8_put(char *out, uint32_t c);
/* How many octets at the start are ASCII. */
size_t ascii_span(struct str s);
/*
 * Loads the code of every charset and keeps it: once per process, before a sandbox takes the
 * files away.
 */
void charset_warm_up(void);

#endif
