/* Names of files, and what tricks are played with them. Pure functions. */
#ifndef REEVE_FILTERS_ATTACHMENT_NAME_H
#define REEVE_FILTERS_ATTACHMENT_NAME_H

#include "lib/str.h"

enum name_trick {
	NAME_PROGRAM = 1 << 0,	    /* its extension makes systems run it */
	NAME_SCRIPT = 1 << 1,	    /* as text */
	NAME_SHORTCUT = 1 << 2,
	NAME_IMAGE = 1 << 3,	    /* a disk image, which is mounted by a click */
	NAME_DOUBLE = 1 << 4,	    /* invoice.pdf.exe */
	NAME_RTLO = 1 << 5,	    /* characters that turn the reading direction */
	NAME_TRAILING = 1 << 6,	    /* dots or blanks at the end, which Windows takes away */
	NAME_CONTROL = 1 << 7,
	NAME_HTML = 1 << 8,
};

enum { EXTENSION_MAX = 20 };

struct file_name {
	char extension[EXTENSION_MAX + 1]; /* lower case, without dot; "" none */
	unsigned tricks;		   /* NAME_* */
};

void file_name_read(struct str name, struct file_name *ret);
/* The word is one of those separated by blanks. */
bool word_in(const char *words, const char *word);

#endif
