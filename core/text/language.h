/*
 * Which script and language a text is written in. The script is counted; the language of Latin and
 * Cyrillic text is told by its small words (the, und, que ...), a few hundred of our own choosing, and
 * that of the others by the script. It needs a few sentences: the confidence says how sure it is.
 */
#ifndef REEVE_CORE_TEXT_LANGUAGE_H
#define REEVE_CORE_TEXT_LANGUAGE_H

#include <stddef.h>

#include "core/text/unicode.h"

enum { LANGUAGE_TEXT_MAX = 32 * 1024 };

struct language {
	const char *code;   /* ISO 639-1, "" not known */
	double confidence;  /* 0 to 1 */
	enum script script; /* that most letters have */
	size_t letters, words;
	size_t count[SCRIPTS]; /* letters of each */
};

/* lines: UTF-8. */
void language_guess(const struct str *lines, size_t n, struct language *ret_language);

#endif
