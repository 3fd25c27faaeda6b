/* What the fuzz targets share: the entry that libFuzzer calls, and the input as a slice. */
#ifndef REEVE_TESTS_FUZZ_FUZZ_H
#define REEVE_TESTS_FUZZ_FUZZ_H

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/arena.h"
#include "lib/str.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static inline struct str fuzz_input(const uint8_t *p, size_t n)
{
	return (struct str){(const char *)p, n};
}

/* Takes one octet off the input, for options; 0 at its end. */
static inline uint8_t fuzz_octet(struct str *input)
{
	uint8_t octet = 0;

	if (input->n) {
		octet = (uint8_t)input->p[0];
		*input = str_from(*input, 1);
	}
	return octet;
}

#endif
