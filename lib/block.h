/*
 * Sixteen octets at a time: text is mostly passed over, and nearly all passes look for a few octets.
 * Vectors of the compiler, which every processor has in some form. A truth is 0xff in its place.
 *
 *     for (; at + BLOCK <= s.n; at += BLOCK)
 *             if (block_any(block_is(block_load(s.p + at), '<')))
 *                     break;
 */
#ifndef REEVE_LIB_BLOCK_H
#define REEVE_LIB_BLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum { BLOCK = 16 };

typedef unsigned char block __attribute__((vector_size(BLOCK)));

static inline block block_load(const char *p)
{
	block b;

	memcpy(&b, p, BLOCK);
	return b;
}

static inline void block_store(char *p, block b)
{
	memcpy(p, &b, BLOCK);
}

static inline block block_of(unsigned char c)
{
	return (block){0} + c;
}

static inline block block_is(block b, unsigned char c)
{
	return (block)(b == block_of(c));
}

static inline block block_within(block b, unsigned char from, unsigned char to)
{
	return (block)(b - from <= block_of((unsigned char)(to - from)));
}

static inline bool block_any(block truth)
{
	uint64_t half[2];

	memcpy(half, &truth, sizeof half);
	return (half[0] | half[1]) != 0;
}

/* Bit i for the octet i of a truth, or its highest bit. */
static inline unsigned block_bits(block truth)
{
#ifdef __SSE2__
	__m128i wide;

	memcpy(&wide, &truth, sizeof wide);
	return (unsigned)_mm_movemask_epi8(wide);
#else
	unsigned bits = 0;

	for (unsigned i = 0; i < BLOCK; i++)
		bits |= (unsigned)(truth[i] >> 7) << i;
	return bits;
#endif
}

#endif
