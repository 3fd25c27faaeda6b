/*
 * What must stand in a text for a pattern to match: a set of folded literals one of which occurs in
 * every match, maybe several times. Sound by construction (a text without any of them cannot match), as selective as the
 * pattern allows. Patterns without such a set are run on every text.
 */
#ifndef REEVE_RULES_LITERAL_H
#define REEVE_RULES_LITERAL_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/arena.h"
#include "lib/str.h"

enum {
	LITERAL_MIN = 3,
	LITERAL_MAX = 32,
	LITERAL_SET_MAX = 250,
	LITERAL_TIMES_MAX = 8,
	GRAM = 4,
	GRAM_SET_MAX = 3000,
};

/* The alphabet of literals: letters folded, every white space a blank. */
static inline char literal_letter(unsigned char c)
{
	return c >= '\t' && c <= '\r' ? ' ' : (char)to_lower(c);
}

/*
 * The alphabet of grams: letters folded, all digits 0, _, all octets above 0x7f as one, and every
 * other octet a blank.
 */
static inline char gram_letter(unsigned char c)
{
	int low = to_lower(c);

	if ((low >= 'a' && low <= 'z') || low == '_')
		return (char)low;
	return is_digit(c) ? '0' : c >= 0x80 ? '\x80' : ' ';
}

struct literals {
	struct str *v;	/* in the alphabet of literal_letter(); none stands inside another */
	size_t n;	/* 0: nothing is required */
	unsigned times; /* so many occurrences of any of them are in each match, at places apart */
	double rate;	/* expected occurrences per octet of ordinary text */

	/*
	 * For patterns of classes instead of letters ([v\x{..}][i1!]agra and the obfuscation templates):
	 * windows of GRAM octets in the alphabet of gram_letter(), one of which stands in every match.
	 * Only where there are no literals.
	 */
	struct str *grams;
	size_t gram_count;
};

/* pattern and flags as for regex_new(). */
void literals_of(struct arena *a, struct str pattern, unsigned flags, struct literals *ret_literals);
/* How often the literal is expected per octet of text. */
double literal_rate(struct str literal);

#endif
