/*
 * Whether a domain was made to be taken for another one: letters that look alike, one letter more,
 * less, other or swapped, a word added, another ending, or the other name in front as a sub-domain.
 */
#ifndef REEVE_CORE_URL_LOOKALIKE_H
#define REEVE_CORE_URL_LOOKALIKE_H

#include <stdbool.h>

#include "lib/arena.h"
#include "lib/str.h"

enum lookalike {
	LOOKALIKE_NONE,
	LOOKALIKE_SHAPE,     /* exarnple.org, еxample.org */
	LOOKALIKE_TYPO,	     /* examlpe.org: edit distance 1 */
	LOOKALIKE_WORD,	     /* example-login.org, secureexample.net */
	LOOKALIKE_ENDING,    /* example.co for example.org */
	LOOKALIKE_SUBDOMAIN, /* example.org.evil.net */
};

/* Shorter names than these are too near to everything to say anything. */
enum { LOOKALIKE_TYPO_MIN = 6, LOOKALIKE_WORD_MIN = 5, LOOKALIKE_ENDING_MIN = 5 };

/* A host name, prepared once for many comparisons. */
struct lookalike_host {
	struct str host;     /* lower case, A-labels */
	struct str domain;   /* registered, of it */
	struct str skeleton; /* of the domain */
	struct str label;    /* "example" of the skeleton */
};

/* host: of a link or an address; its slices, or in the arena. */
void lookalike_prepare(struct arena *a, struct str host, struct lookalike_host *ret_host);
/* The domain that is to be protected, and another. That domain itself and all below it are NONE. */
enum lookalike lookalike_check(const struct lookalike_host *mine, const struct lookalike_host *other);
const char *lookalike_name(enum lookalike kind);

#endif
