/*
 * Slices: a pointer and a length, owned by somebody else, never NUL-terminated by contract.
 * struct buf is the one growable string; what it built can be taken as a slice of an arena.
 * Nothing here fails or allocates unless it takes an arena or a buf. Case rules are ASCII only.
 */
#ifndef REEVE_LIB_STR_H
#define REEVE_LIB_STR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct arena;

struct str {
	const char *p;
	size_t n;
};

#define STR(literal) ((struct str){"" literal, sizeof(literal) - 1})
#define STR_NONE ((struct str){NULL, 0})
/* printf("%.*s", STR_ARG(s)) */
#define STR_ARG(s) (int)(s).n, (s).p ? (s).p : ""

static inline struct str str_of(const char *cstr)
{
	return (struct str){cstr, cstr ? strlen(cstr) : 0};
}
static inline struct str str_range(const char *from, const char *to)
{
	return (struct str){from, (size_t)(to - from)};
}

/* Both ends are clamped to s. */
static inline struct str str_sub(struct str s, size_t from, size_t n)
{
	from = from < s.n ? from : s.n;
	return (struct str){s.p ? s.p + from : NULL, n < s.n - from ? n : s.n - from};
}
static inline struct str str_from(struct str s, size_t from)
{
	return str_sub(s, from, s.n);
}

/* Order as memcmp, shorter first. */
int str_cmp(struct str a, struct str b);
int str_icmp(struct str a, struct str b);
static inline bool str_eq(struct str a, struct str b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}
static inline bool str_ieq(struct str a, struct str b)
{
	return a.n == b.n && str_icmp(a, b) == 0;
}
static inline bool str_is(struct str a, const char *cstr)
{
	return str_eq(a, str_of(cstr));
}
static inline bool str_iis(struct str a, const char *cstr)
{
	return str_ieq(a, str_of(cstr));
}
static inline bool str_starts(struct str s, struct str prefix)
{
	return s.n >= prefix.n && str_eq((struct str){s.p, prefix.n}, prefix);
}
static inline bool str_istarts(struct str s, struct str prefix)
{
	return s.n >= prefix.n && str_ieq((struct str){s.p, prefix.n}, prefix);
}
static inline bool str_ends(struct str s, struct str suffix)
{
	return s.n >= suffix.n && str_eq(str_from(s, s.n - suffix.n), suffix);
}
static inline bool str_iends(struct str s, struct str suffix)
{
	return s.n >= suffix.n && str_ieq(str_from(s, s.n - suffix.n), suffix);
}
/* Position of the first match, or -1. */
ptrdiff_t str_find(struct str s, struct str needle);
ptrdiff_t str_ifind(struct str s, struct str needle);
static inline ptrdiff_t str_chr(struct str s, char c)
{
	const char *at = s.n ? (const char *)memchr(s.p, c, s.n) : NULL;

	return at ? at - s.p : -1;
}
ptrdiff_t str_rchr(struct str s, char c);
/* How many octets are from..to. */
size_t str_count(struct str s, char from, char to);

/* All of s fits the pattern, in which * is any octets and ? any one. At most s.n * glob.n steps. */
bool str_glob(struct str s, struct str glob);

/* Without SP, HTAB, CR, LF at both ends. */
struct str str_trim(struct str s);
/* Cuts the part before the first sep off *rest; false when *rest is used up (p NULL). */
bool str_split(struct str *rest, char sep, struct str *ret_part);
/* Same, for runs of SP/HTAB/CR/LF; never yields an empty word. */
bool str_word(struct str *rest, struct str *ret_word);

/* Decimal digits only, all of s, no sign; false on anything else or overflow. */
bool str_u64(struct str s, uint64_t *ret_value);
/* Nothing but digits, or nothing at all. */
bool str_is_digits(struct str s);
bool str_is_ascii(struct str s);
bool str_is_utf8(struct str s);
/* Characters: octets that do not go on with one. */
size_t utf8_count(struct str s);
uint64_t str_hash(struct str s);
uint64_t str_ihash(struct str s);
struct str str_lower(struct arena *a, struct str s);

static inline bool is_digit(int c)
{
	return c >= '0' && c <= '9';
}
static inline bool is_alpha(int c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
static inline bool is_alnum(int c)
{
	return is_digit(c) || is_alpha(c);
}
static inline bool is_space(int c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}
static inline int to_lower(int c)
{
	return c >= 'A' && c <= 'Z' ? c + 32 : c;
}
static inline int to_upper(int c)
{
	return c >= 'a' && c <= 'z' ? c - 32 : c;
}
/* 0..15 or -1 */
int hex_value(int c);

/* A growable string on the heap: {0} is empty; buf_free at the end, or buf_take into an arena. */
struct buf {
	char *p;
	size_t n, room;
};

void buf_add(struct buf *b, struct str s);
void buf_addc(struct buf *b, char c);
void buf_adds(struct buf *b, const char *cstr);
void buf_addf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A quoted-string of RFC 5322: nothing in s can end it, and controls become spaces. */
void buf_add_quoted(struct buf *b, struct str s);
/* Room for n more bytes at the returned place; the caller adds to b->n what it wrote. */
char *buf_reserve(struct buf *b, size_t n);
static inline struct str buf_str(const struct buf *b)
{
	return (struct str){b->p, b->n};
}
/* Copies into the arena and frees the heap part. */
struct str buf_take(struct buf *b, struct arena *a);
void buf_free(struct buf *b);

#endif
