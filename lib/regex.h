/*
 * Regular expressions (Perl syntax, PCRE2 with JIT): the only module that sees pcre2.h.
 *
 *     re = regex_new(a, STR("(?i)invoice-(\\d+)"), 0, &error, &offset);      once, at load
 *     scratch = regex_scratch_new();                                         one per worker
 *     if (regex_match(re, scratch, subject, 0, &hit) == REGEX_MATCH)
 *             number = regex_group(scratch, subject, 1);
 *
 * A compiled pattern is immutable and may be used by any number of threads at once. What a match
 * needs to write (offsets, JIT stack) is in the scratch, which belongs to one thread at a time and
 * serves any pattern. Matching is bounded by match, heap and depth limits; a limit that is reached
 * is REGEX_LIMIT: not a hit, to be counted by the caller. The match limit is no clock: who runs
 * many patterns over a message keeps a time budget of his own between them.
 *
 * Without JIT (no executable memory) the limits are tighter and subjects are cut to
 * REGEX_SLOW_SUBJECT_MAX octets, because the interpreter is quadratic where the JIT is not.
 */
#ifndef REEVE_LIB_REGEX_H
#define REEVE_LIB_REGEX_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/arena.h"
#include "lib/str.h"

enum regex_flag {
	REGEX_CASELESS = 1,
	REGEX_MULTILINE = 2, /* ^ and $ at line ends too */
	REGEX_DOTALL = 4,    /* . matches a line end */
	REGEX_EXTENDED = 8,  /* blanks and # comments in the pattern are ignored */
	REGEX_UTF = 16,	     /* characters instead of octets; what is no UTF-8 matches nothing */
	REGEX_UCP = 32,	     /* with UTF: \w, \d, \s by Unicode properties */
	REGEX_ANCHORED = 64,
	REGEX_NO_CAPTURE = 128, /* plain ( ) do not capture: faster */
};

enum regex_limits {
	REGEX_PATTERN_MAX = 64 * 1024,
	REGEX_MATCH_LIMIT = 100000,
	REGEX_SLOW_MATCH_LIMIT = 10000,
	REGEX_SLOW_SUBJECT_MAX = 4096,
	REGEX_HEAP_KIB = 20 * 1024,
	REGEX_DEPTH_LIMIT = 5000,
	REGEX_GROUPS_MAX = 32, /* groups whose offsets are kept */
};

enum regex_result { REGEX_MATCH, REGEX_NO, REGEX_LIMIT };

struct regex;
struct regex_scratch;

struct regex_hit {
	size_t start, end; /* offsets into the subject */
};

/*
 * Compiles with JIT; the arena frees it. flags: enum regex_flag or'd. NULL, a text and the offset
 * into the pattern when it is none.
 */
struct regex *regex_new(struct arena *a, struct str pattern, unsigned flags, struct str *ret_error,
    size_t *ret_offset);
/* Whether the pattern runs as machine code. */
bool regex_is_fast(const struct regex *re);
/* Least number of characters that any match has; 0 is also "may match the empty string". */
size_t regex_min_length(const struct regex *re);
/* Number of ( ) groups, and the name of group i or NULL. */
size_t regex_group_count(const struct regex *re);
const char *regex_group_name(const struct regex *re, size_t group);

struct regex_scratch *regex_scratch_new(void);
/* NULL is allowed. */
void regex_scratch_free(struct regex_scratch *scratch);

/* Another match limit from now on; 0: REGEX_MATCH_LIMIT. Without JIT a tenth of it holds. */
void regex_scratch_limit(struct regex_scratch *scratch, unsigned limit);
/* Looks from offset `from` (what stands before it is seen by ^, \b and look-behind). ret_hit may be NULL. */
enum regex_result regex_match(const struct regex *re, struct regex_scratch *scratch, struct str subject,
    size_t from, struct regex_hit *ret_hit);
/* Group of the last match with this scratch; p NULL when it took no part. */
struct str regex_group(const struct regex_scratch *scratch, struct str subject, size_t group);

/*
 * Spare scratches for code that matches now and then and has no thread of its own to keep one in:
 * borrow, match, give back. Thread-safe; freed with the arena, when all were given back.
 */
struct regex_pool;
struct regex_pool *regex_pool_new(struct arena *a);
struct regex_scratch *regex_borrow(struct regex_pool *pool);
void regex_give_back(struct regex_pool *pool, struct regex_scratch *scratch);

/* Whether this process can run machine code from PCRE2's JIT at all: tried once, for the log. */
bool regex_has_jit(void);

#endif
