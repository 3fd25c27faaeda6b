/*
 * Searching text: str_find(), str_ifind() and str_count(). Short needles, which are nearly all, are looked for by
 * their first and last octet, a block of places at a time. Long ones come from messages, which may be
 * made so that every place is nearly one: those are searched linearly.
 */
#define _GNU_SOURCE
#include "lib/str.h"

#include <stdlib.h>

#include "lib/block.h"

enum { SHORT_NEEDLE = 32 };

static bool has_at(struct str s, size_t at, struct str needle, bool any_case)
{
	return any_case ? str_icmp((struct str){s.p + at, needle.n}, needle) == 0
	                : memcmp(s.p + at, needle.p, needle.n) == 0;
}

/* What both octets must have in common with those of the needle: for letters any case may do. */
struct ends {
	block first, first_case, last, last_case;
};

static block case_of(char c, bool any_case)
{
	return block_of(any_case && is_alpha((unsigned char)c) ? 0x20 : 0);
}

static struct ends ends_of(struct str needle, bool any_case)
{
	char first = needle.p[0], last = needle.p[needle.n - 1];
	struct ends e = {.first_case = case_of(first, any_case), .last_case = case_of(last, any_case)};

	e.first = block_of((unsigned char)first) | e.first_case;
	e.last = block_of((unsigned char)last) | e.last_case;
	return e;
}

static inline block both_ends(struct ends e, const char *first, const char *last)
{
	block a = block_load(first) | e.first_case, b = block_load(last) | e.last_case;

	return (block)(a == e.first) & (block)(b == e.last);
}

enum { STEP = 4 * BLOCK };

/* Passes over places where neither end is right, as long as there are as many as four blocks have. */
static size_t skip_wide(struct str s, struct str needle, struct ends e, size_t at)
{
	size_t places = s.n - needle.n + 1;

	for (; at + STEP <= places; at += STEP) {
		const char *first = s.p + at, *last = first + needle.n - 1;
		block found = both_ends(e, first, last) | both_ends(e, first + BLOCK, last + BLOCK) |
		              both_ends(e, first + 2 * BLOCK, last + 2 * BLOCK) | both_ends(e, first + 3 * BLOCK, last + 3 * BLOCK);

		if (block_bits(found))
			break;
	}
	return at;
}

/* Looks at *at and behind, as long as there are as many places as a block has; *at is where it has stopped. */
static bool find_wide(struct str s, struct str needle, bool any_case, size_t *at)
{
	size_t places = s.n - needle.n + 1;
	struct ends e = ends_of(needle, any_case);

	for (; *at + BLOCK <= places; *at += BLOCK) {
		unsigned found = block_bits(both_ends(e, s.p + *at, s.p + *at + needle.n - 1));

		if (!found)
			*at = skip_wide(s, needle, e, *at + BLOCK) - BLOCK;
		for (; found; found &= found - 1) {
			size_t place = *at + (size_t)__builtin_ctz(found);
			if (has_at(s, place, needle, any_case)) {
				*at = place;
				return true;
			}
		}
	}
	return false;
}

static ptrdiff_t find_short(struct str s, struct str needle, bool any_case)
{
	size_t at = 0;

	if (find_wide(s, needle, any_case, &at))
		return (ptrdiff_t)at;
	for (; at + needle.n <= s.n; at++)
		if (has_at(s, at, needle, any_case))
			return (ptrdiff_t)at;
	return -1;
}

ptrdiff_t str_find(struct str s, struct str needle)
{
	const char *at;

	if (needle.n == 0)
		return 0;
	if (needle.n > s.n)
		return -1;
	if (needle.n > 1 && needle.n <= SHORT_NEEDLE)
		return find_short(s, needle, false);
	at = memmem(s.p, s.n, needle.p, needle.n);
	return at ? at - s.p : -1;
}

static ptrdiff_t find_in_lower(struct str s, struct str needle)
{
	char *copy = malloc(s.n + needle.n);
	ptrdiff_t at;

	if (!copy)
		abort();
	for (size_t i = 0; i < s.n; i++)
		copy[i] = (char)to_lower((unsigned char)s.p[i]);
	for (size_t i = 0; i < needle.n; i++)
		copy[s.n + i] = (char)to_lower((unsigned char)needle.p[i]);
	at = str_find((struct str){copy, s.n}, (struct str){copy + s.n, needle.n});
	free(copy);
	return at;
}

ptrdiff_t str_ifind(struct str s, struct str needle)
{
	if (needle.n == 0)
		return 0;
	if (needle.n > s.n)
		return -1;
	return needle.n > SHORT_NEEDLE ? find_in_lower(s, needle) : find_short(s, needle, true);
}

size_t str_count(struct str s, char from, char to)
{
	size_t i = 0, n = 0;

	for (; i + BLOCK <= s.n; i += BLOCK)
		n += (size_t)__builtin_popcount(block_bits(block_within(block_load(s.p + i), (unsigned char)from, (unsigned char)to)));
	for (; i < s.n; i++)
		n += (unsigned char)s.p[i] >= (unsigned char)from && (unsigned char)s.p[i] <= (unsigned char)to;
	return n;
}
