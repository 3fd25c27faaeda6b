/*
 * Finds which of many literals occur in a text, in one pass: bitmaps of hashed 4- and 3-octet
 * windows, small enough for the first cache, say where to look closer; a table of each literal's
 * rarest window says what to compare. Letters and white space are folded. Beside an Aho-Corasick automaton
 * over the same literals (megabytes of transitions, cold for every message) it is faster and is
 * built in a few milliseconds; a text position costs as many comparisons as literals share its
 * window, and they are spread over their windows when the table is built.
 */
#ifndef REEVE_RULES_MATCH_PREFILTER_H
#define REEVE_RULES_MATCH_PREFILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/arena.h"
#include "lib/str.h"

struct prefilter;
struct prefilter_builder;

struct prefilter_builder *prefilter_start(struct arena *a);
/* value is reported where the literal occurs; literal: folded, at least LITERAL_MIN octets. */
void prefilter_add(struct prefilter_builder *b, struct str literal, uint32_t value);
/* NULL when nothing was added. */
struct prefilter *prefilter_finish(struct prefilter_builder *b);
size_t prefilter_literals(const struct prefilter *pf);

/* in, in the alphabet of literal_letter(), to out (in.n octets, may be the same place). */
void prefilter_fold(struct str in, char *out);
/* Calls found(arg, value, at) for each occurrence in the folded text; it returns false to stop. */
void prefilter_scan(const struct prefilter *pf, struct str folded,
    bool (*found)(void *arg, uint32_t value, size_t at), void *arg);

#endif
