/*
 * What little of Unicode the mail model needs: characters out of UTF-8, those without width, which
 * script one belongs to, and which letters look like others. The tables are our own and small: the
 * scripts that people write mail in, and look-alikes that are used for deceit in domain names.
 */
#ifndef REEVE_CORE_TEXT_UNICODE_H
#define REEVE_CORE_TEXT_UNICODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/arena.h"
#include "lib/str.h"

enum script {
	SCRIPT_COMMON, /* digits, punctuation, symbols: no script of their own */
	SCRIPT_LATIN,
	SCRIPT_GREEK,
	SCRIPT_CYRILLIC,
	SCRIPT_ARMENIAN,
	SCRIPT_HEBREW,
	SCRIPT_ARABIC,
	SCRIPT_DEVANAGARI,
	SCRIPT_BENGALI,
	SCRIPT_TAMIL,
	SCRIPT_THAI,
	SCRIPT_GEORGIAN,
	SCRIPT_ETHIOPIC,
	SCRIPT_KHMER,
	SCRIPT_HANGUL,
	SCRIPT_KANA,
	SCRIPT_HAN,
	SCRIPT_OTHER,
	SCRIPTS,
};

/* One character; octets that are no UTF-8 give U+FFFD and 1. s must not be empty. */
size_t unicode_read(struct str s, uint32_t *ret_c);
/* Zero width, soft hyphens, direction marks, variation selectors. */
bool unicode_is_invisible(uint32_t c);
enum script unicode_script(uint32_t c);
/* "latin"; as the fact text.script has it. */
const char *script_name(enum script script);
/*
 * What a reader takes the text for: lower case, look-alikes as the ASCII letter that they look like,
 * accents and invisible characters gone; 0 reads as o, 1 as l, "rn" as m, "vv" as w. Two texts with the same skeleton look
 * alike. Never longer than the input.
 */
struct str unicode_skeleton(struct arena *a, struct str text);
/* Letters of more than one of Latin, Greek, Cyrillic and Armenian in one label of a domain name. */
bool unicode_is_mixed(struct str domain);

#endif
