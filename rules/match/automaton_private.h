/* The inside of an automaton: shared by what builds it and what runs it. */
#ifndef REEVE_RULES_MATCH_AUTOMATON_PRIVATE_H
#define REEVE_RULES_MATCH_AUTOMATON_PRIVATE_H

#include "rules/match/automaton.h"

enum step_kind { STEP_OCTET, STEP_FORK, STEP_END };

struct step {
	unsigned char kind;
	uint16_t set;	      /* OCTET: index of a set; END: of a value */
	uint32_t next, other; /* other: FORK only */
};

struct automaton {
	struct step *steps;
	size_t n;
	struct octets *sets;
	size_t set_count;
	uint32_t *values;
	size_t value_count;
	unsigned char classes[256]; /* by octet */
	unsigned char samples[256]; /* by class: one octet of it */
	unsigned width;		    /* classes */
	bool *is_start;		    /* by step: can be the first one */
	uint32_t *start_first, *start_steps; /* by class: the first steps that take it, first[c]..first[c + 1] */
};

/*
 * All steps that can be taken from the entry without reading, added to out; marks what it has seen.
 * marks, stack and out have room for all steps.
 */
void automaton_close(const struct step *steps, uint32_t entry, uint32_t *marks, uint32_t mark, uint32_t *stack,
    uint32_t *out, size_t *n);

static inline bool automaton_takes(const struct automaton *au, uint32_t step, unsigned class)
{
	return octets_has(&au->sets[au->steps[step].set], au->samples[class]);
}

#endif
