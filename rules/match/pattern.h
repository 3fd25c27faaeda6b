/*
 * A pattern as a tree of what it consumes: the view of those that look for what must stand in a text
 * (literal.c) or build an automaton (automaton.c). It says what a match can be, never less: what
 * only looks (anchors, look-around) is empty, what is not understood is any text.
 */
#ifndef REEVE_RULES_MATCH_PATTERN_H
#define REEVE_RULES_MATCH_PATTERN_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/arena.h"
#include "lib/str.h"

struct octets {
	uint64_t bits[4];
};

enum node_kind {
	NODE_EMPTY,
	NODE_OCTET, /* one octet of a set */
	NODE_ANY,   /* any octets, or none */
	NODE_SEQUENCE,
	NODE_CHOICE,
	NODE_REPEAT, /* of its one child */
};

enum { NODE_ENDLESS = INT_MAX };

struct node {
	enum node_kind kind;
	unsigned least, most;	  /* REPEAT */
	unsigned weight;	  /* a note of automaton_build.c; 0: none yet */
	const struct octets *set; /* OCTET */
	struct node *child;	  /* the first one */
	struct node *next;	  /* sibling */
};

/*
 * pattern and flags as for regex_new(). NULL when the pattern has something that changes the meaning
 * of all the rest (\Q, conditions, verbs). The tree is at most PATTERN_DEPTH_MAX groups deep.
 */
enum { PATTERN_DEPTH_MAX = 60 };
struct node *pattern_parse(struct arena *a, struct str pattern, unsigned flags);

static inline bool octets_has(const struct octets *o, unsigned char c)
{
	return o->bits[c / 64] >> (c % 64) & 1;
}

static inline void octets_add(struct octets *o, unsigned char c)
{
	o->bits[c / 64] |= (uint64_t)1 << (c % 64);
}

void octets_add_all(struct octets *o, const struct octets *other);
unsigned octets_count(const struct octets *o);

#endif
