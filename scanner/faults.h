/*
 * Parts of messages that make a worker fail, for tests: tests/scanner-faulty is the scanner with
 * this; in the scanner itself there is nothing of it.
 */
#ifndef REEVE_SCANNER_FAULTS_H
#define REEVE_SCANNER_FAULTS_H

#include <stdbool.h>

#include "lib/str.h"

#ifdef SCANNER_FAULTS
/* Does what the text asks for: "FAULT:segv", "FAULT:memory" ...; true when what must be denied was possible. */
bool fault_happens(struct str bytes);
/* REEVE_FAULT=starved: what loads when nobody else wants the processor never gets it. */
void fault_of_rank(bool is_idle);
#else
static inline bool fault_happens(struct str bytes)
{
	(void)bytes;
	return false;
}

static inline void fault_of_rank(bool is_idle)
{
	(void)is_idle;
}
#endif

#endif
