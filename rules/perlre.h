/*
 * A Perl regular expression as rule files write it, /.../imsx, m{...}, m!...!: taken apart, checked
 * and put into the form that lib/regex.h compiles. What PCRE2 reads differently from Perl is
 * rewritten here; what it cannot do at all ((?{code}), /e) is refused with a reason.
 */
#ifndef REEVE_RULES_PERLRE_H
#define REEVE_RULES_PERLRE_H

#include <stdbool.h>

#include "lib/arena.h"
#include "lib/str.h"

enum { PERLRE_QUANTIFIER_MAX = 64 }; /* octets of "{ 1, 20 }"; what is longer is text */

struct perlre {
	struct str body;  /* between the delimiters, still Perl */
	unsigned flags;	  /* enum regex_flag */
};

/* NULL, or what is wrong in a few words. */
const char *perlre_split(struct str written, struct perlre *ret_re);
/* The body for regex_new(). NULL, or what is wrong; may add REGEX_UTF to re->flags. */
const char *perlre_translate(struct arena *a, struct perlre *re, struct str *ret_pattern);

#endif
