/* Finding words in content without regard to case, and making plain octets of wide characters. */
#include <assert.h>
#include <string.h>

#include "scanner/content/content.h"

ptrdiff_t content_find(struct str bytes, const char *needle)
{
	size_t n = strlen(needle);
	int low = needle[0], high = to_upper(low);

	for (size_t at = 0; at + n <= bytes.n; at++) {
		const char *p = bytes.p + at, *end = bytes.p + bytes.n - n;

		while (p <= end && *p != low && *p != high)
			p++;
		if (p > end)
			return -1;
		at = (size_t)(p - bytes.p);
		if (str_ieq((struct str){p, n}, (struct str){needle, n}))
			return (ptrdiff_t)at;
	}
	return -1;
}

bool content_has(struct str bytes, const char *needle)
{
	return content_find(bytes, needle) >= 0;
}

enum { PAIRS = 65536, WIDE_MIN = 16 };

static unsigned pair_at(const char *p)
{
	return (unsigned char)p[0] << 8 | (unsigned char)p[1];
}

/* Marks the first two characters of a word, in any case. */
static void mark(unsigned char pairs[PAIRS / 8], const char *word)
{
	for (unsigned i = 0; i < 4; i++) {
		char first[2] = {i & 1 ? (char)to_upper(word[0]) : word[0], i & 2 ? (char)to_upper(word[1]) : word[1]};
		unsigned pair = pair_at(first);

		pairs[pair / 8] |= (unsigned char)(1 << pair % 8);
	}
}

static uint64_t words_at(struct str here, const char *const *words, size_t n)
{
	uint64_t found = 0;

	for (size_t i = 0; i < n; i++)
		if (to_lower(here.p[0]) == words[i][0] && str_istarts(here, str_of(words[i])))
			found |= (uint64_t)1 << i;
	return found;
}

/* One pass for all of them: most pairs of characters begin no word. */
uint64_t content_words(struct str bytes, const char *const *words, size_t n)
{
	unsigned char pairs[PAIRS / 8] = {0};
	uint64_t found = 0, all = n == 64 ? ~(uint64_t)0 : ((uint64_t)1 << n) - 1;

	assert(n <= 64);
	for (size_t i = 0; i < n; i++)
		mark(pairs, words[i]);
	for (size_t at = 0; at + 2 <= bytes.n && found != all; at++) {
		unsigned pair = pair_at(bytes.p + at);

		if (pairs[pair / 8] & 1 << pair % 8)
			found |= words_at(str_from(bytes, at), words, n);
	}
	return found;
}

static int base64_value(char c)
{
	if (is_alpha(c))
		return c >= 'a' ? c - 'a' + 26 : c - 'A';
	return is_digit(c) ? c - '0' + 52 : c == '+' ? 62 : c == '/' ? 63 : -1;
}

void content_base64(struct str text, struct buf *out)
{
	uint32_t bits = 0;
	unsigned n = 0;

	for (size_t i = 0; i < text.n && base64_value(text.p[i]) >= 0; i++) {
		bits = bits << 6 | (uint32_t)base64_value(text.p[i]);
		n += 6;
		if (n >= 8) {
			n -= 8;
			buf_addc(out, (char)(bits >> n));
		}
	}
}

/* Text without a mark of its order: every other octet is zero, and the others are of text. */
static bool is_wide(struct str s, size_t low)
{
	if (s.n < 2 || (s.n >= 2 && s.p[low] != '<' && s.n < WIDE_MIN))
		return false;
	for (size_t i = 0; i + 1 < s.n && i < WIDE_MIN; i += 2)
		if (s.p[i + 1 - low] != '\0' || !((s.p[i + low] >= ' ' && s.p[i + low] < 0x7f) || is_space(s.p[i + low])))
			return i > 0 && s.p[low] == '<';
	return true;
}

/* UTF-16 as what is ASCII of it, '?' for the rest; other bytes as they are. */
struct str content_narrow(struct str bytes, struct buf *room)
{
	bool is_little = bytes.n >= 2 && (memcmp(bytes.p, "\xff\xfe", 2) == 0 || is_wide(bytes, 0));
	bool is_big = bytes.n >= 2 && (memcmp(bytes.p, "\xfe\xff", 2) == 0 || is_wide(bytes, 1));
	char *out;

	if (!is_little && !is_big)
		return bytes;
	room->n = 0;
	out = buf_reserve(room, bytes.n / 2);
	for (size_t i = 0; i + 1 < bytes.n; i += 2) {
		char high = bytes.p[is_little ? i + 1 : i], low = bytes.p[is_little ? i : i + 1];

		out[room->n++] = high ? '?' : low;
	}
	return (unsigned char)bytes.p[0] >= 0xfe ? str_from(buf_str(room), 1) : buf_str(room);
}

static void add_utf8(uint32_t c, struct buf *out)
{
	if (c < 0x80) {
		buf_addc(out, (char)c);
		return;
	}
	if (c < 0x800) {
		buf_addc(out, (char)(0xc0 | c >> 6));
	} else {
		if (c < 0x10000) {
			buf_addc(out, (char)(0xe0 | c >> 12));
		} else {
			buf_addc(out, (char)(0xf0 | c >> 18));
			buf_addc(out, (char)(0x80 | (c >> 12 & 0x3f)));
		}
		buf_addc(out, (char)(0x80 | (c >> 6 & 0x3f)));
	}
	buf_addc(out, (char)(0x80 | (c & 0x3f)));
}

struct str content_utf8(struct str wide, struct buf *room)
{
	room->n = 0;
	for (size_t i = 0; i + 1 < wide.n && room->n < WIRE_NAME_MAX - 4; i += 2) {
		uint32_t c = content_u16(wide, i), low = content_u16(wide, i + 2);

		if (c == 0)
			break;
		if (c >= 0xd800 && c < 0xdc00 && low >= 0xdc00 && low < 0xe000) {
			c = 0x10000 + ((c & 0x3ff) << 10 | (low & 0x3ff));
			i += 2;
		}
		add_utf8(c >= 0xd800 && c < 0xe000 ? '?' : c, room);
	}
	return buf_str(room);
}
