/*
 * Links of PDF files: /URI (...) in the file and in the compressed streams in which newer files keep
 * their objects. Text in, addresses out; bounded in octets looked at, octets unpacked, and links.
 */
#ifndef REEVE_CORE_CONTENT_PDF_H
#define REEVE_CORE_CONTENT_PDF_H

#include "lib/arena.h"
#include "lib/str.h"

enum {
	PDF_MAX = 4 * 1024 * 1024,	    /* so much of a file is looked at */
	PDF_UNPACKED_MAX = 4 * 1024 * 1024, /* of all streams of a file together */
	PDF_STREAMS_MAX = 200,
	PDF_LINKS_MAX = 1000,
};

/* Calls take() for each link, as it is written without escapes; the text is the arena's. */
void pdf_links(struct arena *a, struct str pdf, void (*take)(void *arg, struct str link), void *arg);

#endif
