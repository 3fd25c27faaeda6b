/*
 * Fingerprints of what a message says, for telling messages of one mailing from others although each
 * copy differs in names, numbers and links. Text: the smallest hashes of three words in a row, in
 * bands; two messages that share much of their text share bands. Attachments: a hash of the octets.
 * Pure functions; where counts are kept is the filter's affair.
 */
#ifndef REEVE_CORE_CONTENT_FUZZY_H
#define REEVE_CORE_CONTENT_FUZZY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/content/content.h"

enum {
	FUZZY_BANDS = 12,
	FUZZY_ROWS = 2,		   /* hashes in a band: all must agree */
	FUZZY_FILES = 8,	   /* attachments that are looked at */
	FUZZY_TEXT_MAX = 64 * 1024, /* octets of text that are looked at */
	FUZZY_FILE_MIN = 1024,	   /* smaller attachments say nothing */
};

struct fuzzy_print {
	uint64_t band[FUZZY_BANDS];
	size_t words;	 /* that count; 0: no text fingerprint */
	size_t shingles; /* threes of words */
	uint64_t file[FUZZY_FILES];
	size_t files;
};

/* body: paragraphs, as in struct content, the Subject at index 0 left out by the caller. */
void fuzzy_text(struct fuzzy_print *print, const struct str *body, size_t n);
void fuzzy_files(struct fuzzy_print *print, struct mime *mime);
/* Both, of a message. */
void fuzzy_make(struct fuzzy_print *ret_print, struct mime *mime, const struct content *content);
/* Bands that two fingerprints share; about the square of how much of the text is the same. */
size_t fuzzy_shared(const struct fuzzy_print *a, const struct fuzzy_print *b);

#endif
