/*
 * What must stand in a text for a pattern to match: a set of folded literals one of which occurs in
 * every match, maybe several times. Sound by construction (a text without any of them cannot match), as selective as the
 * pattern allows. Patterns without such a set are run on every text.
 */
#ifndef REEVE_RULES_MATCH_LITERAL_H
#define REEVE_RULES_MATCH_LITERAL_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/arena.h"
#include "lib/str.h"
#include "rules/match/pattern.h"

enum {
	LITERAL_MIN = 3,
	LITERAL_MAX = 32,
	LITERAL_SET_MAX = 250,
	LITERAL_TIMES_MAX = 8,
};

/* The alphabet of literals: letters folded, every white space a blank. */
static inline char literal_letter(unsigned char c)
{
	return c >= '\t' && c <= '\r' ? ' ' : (char)to_lower(c);
}

struct literals {
	struct str *v;	/* in the alphabet of literal_letter(); none stands inside another */
	size_t n;	/* 0: nothing is required */
	unsigned times; /* so many occurrences of any of them are in each match, at places apart */
	double rate;	/* expected occurrences per octet of ordinary text */
};

/* pattern: NULL is one that is not understood. The result lives in a; work is for what may go at once. */
void literals_of(struct arena *a, struct arena *work, const struct node *pattern, struct literals *ret_literals);
/* How often the literal is expected per octet of text. */
double literal_rate(struct str literal);

#endif
