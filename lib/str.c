/* Slices and the growable buffer. */
#define _GNU_SOURCE
#include "lib/str.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "lib/arena.h"

enum { SHORT_NEEDLE = 32 };

static size_t min_size(size_t a, size_t b)
{
	return a < b ? a : b;
}

bool str_eq(struct str a, struct str b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

bool str_ieq(struct str a, struct str b)
{
	return a.n == b.n && str_icmp(a, b) == 0;
}

bool str_is(struct str a, const char *cstr)
{
	return str_eq(a, str_of(cstr));
}

bool str_iis(struct str a, const char *cstr)
{
	return str_ieq(a, str_of(cstr));
}

bool str_starts(struct str s, struct str prefix)
{
	return s.n >= prefix.n && str_eq(str_sub(s, 0, prefix.n), prefix);
}

bool str_istarts(struct str s, struct str prefix)
{
	return s.n >= prefix.n && str_ieq(str_sub(s, 0, prefix.n), prefix);
}

bool str_ends(struct str s, struct str suffix)
{
	return s.n >= suffix.n && str_eq(str_from(s, s.n - suffix.n), suffix);
}

bool str_iends(struct str s, struct str suffix)
{
	return s.n >= suffix.n && str_ieq(str_from(s, s.n - suffix.n), suffix);
}

int str_cmp(struct str a, struct str b)
{
	size_t n = min_size(a.n, b.n);
	int order = n ? memcmp(a.p, b.p, n) : 0;

	return order ? order : (a.n > b.n) - (a.n < b.n);
}

int str_icmp(struct str a, struct str b)
{
	size_t n = min_size(a.n, b.n);

	for (size_t i = 0; i < n; i++) {
		int order = to_lower((unsigned char)a.p[i]) - to_lower((unsigned char)b.p[i]);
		if (order)
			return order;
	}
	return (a.n > b.n) - (a.n < b.n);
}

ptrdiff_t str_find(struct str s, struct str needle)
{
	const char *at;

	if (needle.n == 0)
		return 0;
	at = s.n ? memmem(s.p, s.n, needle.p, needle.n) : NULL;
	return at ? at - s.p : -1;
}

/* Long needles come from messages, which may be made so that every place is nearly one: linear. */
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
	if (needle.n > s.n)
		return -1;
	if (needle.n > SHORT_NEEDLE)
		return find_in_lower(s, needle);
	for (size_t i = 0; i <= s.n - needle.n; i++)
		if (str_ieq(str_sub(s, i, needle.n), needle))
			return (ptrdiff_t)i;
	return -1;
}

ptrdiff_t str_chr(struct str s, char c)
{
	const char *at = s.n ? memchr(s.p, c, s.n) : NULL;

	return at ? at - s.p : -1;
}

ptrdiff_t str_rchr(struct str s, char c)
{
	const char *at = s.n ? memrchr(s.p, c, s.n) : NULL;

	return at ? at - s.p : -1;
}

struct str str_sub(struct str s, size_t from, size_t n)
{
	from = min_size(from, s.n);
	return (struct str){s.p ? s.p + from : NULL, min_size(n, s.n - from)};
}

struct str str_from(struct str s, size_t from)
{
	return str_sub(s, from, s.n);
}

struct str str_trim(struct str s)
{
	while (s.n && is_space(s.p[0]))
		s = str_from(s, 1);
	while (s.n && is_space(s.p[s.n - 1]))
		s.n--;
	return s;
}

bool str_split(struct str *rest, char sep, struct str *ret_part)
{
	ptrdiff_t at;

	if (!rest->p)
		return false;
	at = str_chr(*rest, sep);
	if (at < 0) {
		*ret_part = *rest;
		*rest = STR_NONE;
		return true;
	}
	*ret_part = str_sub(*rest, 0, (size_t)at);
	*rest = str_from(*rest, (size_t)at + 1);
	return true;
}

bool str_word(struct str *rest, struct str *ret_word)
{
	size_t n = 0;

	while (rest->n && is_space(rest->p[0]))
		*rest = str_from(*rest, 1);
	while (n < rest->n && !is_space(rest->p[n]))
		n++;
	if (n == 0)
		return false;
	*ret_word = str_sub(*rest, 0, n);
	*rest = str_from(*rest, n);
	return true;
}

bool str_u64(struct str s, uint64_t *ret_value)
{
	uint64_t value = 0;

	if (s.n == 0)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		if (!is_digit((unsigned char)s.p[i]))
			return false;
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(s.p[i] - '0'), &value))
			return false;
	}
	*ret_value = value;
	return true;
}

bool str_is_ascii(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] >= 0x80)
			return false;
	return true;
}

/* Length of the well-formed UTF-8 sequence at p (RFC 3629: no overlong forms, no surrogates). */
static size_t utf8_sequence(const unsigned char *p, size_t n)
{
	size_t want = p[0] < 0x80 ? 1 : p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : p[0] < 0xf5 ? 4 : 0;

	if (want == 0 || want > n)
		return 0;
	for (size_t i = 1; i < want; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
	    (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	return want;
}

bool str_is_utf8(struct str s)
{
	for (size_t i = 0; i < s.n;) {
		size_t step = utf8_sequence((const unsigned char *)s.p + i, s.n - i);
		if (step == 0)
			return false;
		i += step;
	}
	return true;
}

/* FNV-1a; for tables of our own names, not for keys that an attacker chooses freely. */
uint64_t str_hash(struct str s)
{
	uint64_t h = 14695981039346656037u;

	for (size_t i = 0; i < s.n; i++)
		h = (h ^ (unsigned char)s.p[i]) * 1099511628211u;
	return h;
}

uint64_t str_ihash(struct str s)
{
	uint64_t h = 14695981039346656037u;

	for (size_t i = 0; i < s.n; i++)
		h = (h ^ (uint64_t)to_lower((unsigned char)s.p[i])) * 1099511628211u;
	return h;
}

struct str str_lower(struct arena *a, struct str s)
{
	struct str copy = arena_str(a, s);

	for (size_t i = 0; i < copy.n; i++)
		((char *)copy.p)[i] = (char)to_lower((unsigned char)copy.p[i]);
	return copy;
}

int hex_value(int c)
{
	if (is_digit(c))
		return c - '0';
	c = to_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

char *buf_reserve(struct buf *b, size_t n)
{
	if (b->room - b->n < n) {
		size_t room = b->room ? b->room : 128;

		while (room - b->n < n)
			room *= 2;
		b->p = realloc(b->p, room);
		if (!b->p)
			abort();
		b->room = room;
	}
	return b->p + b->n;
}

void buf_add(struct buf *b, struct str s)
{
	if (s.n == 0)
		return;
	memcpy(buf_reserve(b, s.n), s.p, s.n);
	b->n += s.n;
}

void buf_addc(struct buf *b, char c)
{
	*buf_reserve(b, 1) = c;
	b->n++;
}

void buf_adds(struct buf *b, const char *cstr)
{
	buf_add(b, str_of(cstr));
}

void buf_addf(struct buf *b, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (n < 0)
		abort();
	buf_reserve(b, (size_t)n + 1);
	va_start(args, format);
	vsnprintf(b->p + b->n, (size_t)n + 1, format, args);
	va_end(args);
	b->n += (size_t)n;
}

struct str buf_take(struct buf *b, struct arena *a)
{
	struct str s = arena_str(a, buf_str(b));

	buf_free(b);
	return s;
}

void buf_free(struct buf *b)
{
	free(b->p);
	*b = (struct buf){0};
}
