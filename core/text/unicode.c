/* Tables of scripts and look-alikes, and what is read from them. */
#include "core/text/unicode.h"

size_t unicode_read(struct str s, uint32_t *ret_c)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	const unsigned char *p = (const unsigned char *)s.p;
	size_t n = p[0] < 0x80 ? 1 : p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : p[0] < 0xf5 ? 4 : 0;
	uint32_t c = n < 2 ? p[0] : p[0] & (0x7fu >> n);

	*ret_c = 0xfffd;
	if (!n || n > s.n)
		return 1;
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 1;
		c = c << 6 | (p[i] & 0x3f);
	}
	if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		return 1;
	*ret_c = c;
	return n;
}

bool unicode_is_invisible(uint32_t c)
{
	return c == 0xad || c == 0x34f || c == 0x61c || c == 0x115f || c == 0x180e || (c >= 0x200b && c <= 0x200f) ||
	       (c >= 0x202a && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) || (c >= 0xfe00 && c <= 0xfe0f) || c == 0xfeff;
}

/* ---- scripts ---- */

/* Sorted, without overlap; what stands in none of them is common. */
static const struct range {
	uint32_t first, last;
	enum script script;
} ranges[] = {
    {'A', 'Z', SCRIPT_LATIN},
    {'a', 'z', SCRIPT_LATIN},
    {0xaa, 0xaa, SCRIPT_LATIN},
    {0xba, 0xba, SCRIPT_LATIN},
    {0xc0, 0xd6, SCRIPT_LATIN},
    {0xd8, 0xf6, SCRIPT_LATIN},
    {0xf8, 0x2b8, SCRIPT_LATIN},
    {0x370, 0x3ff, SCRIPT_GREEK},
    {0x400, 0x52f, SCRIPT_CYRILLIC},
    {0x531, 0x58f, SCRIPT_ARMENIAN},
    {0x591, 0x5f4, SCRIPT_HEBREW},
    {0x600, 0x6ff, SCRIPT_ARABIC},
    {0x750, 0x77f, SCRIPT_ARABIC},
    {0x900, 0x97f, SCRIPT_DEVANAGARI},
    {0x980, 0x9ff, SCRIPT_BENGALI},
    {0xa00, 0xb7f, SCRIPT_OTHER},
    {0xb80, 0xbff, SCRIPT_TAMIL},
    {0xc00, 0xdff, SCRIPT_OTHER},
    {0xe01, 0xe5b, SCRIPT_THAI},
    {0xe80, 0x109f, SCRIPT_OTHER},
    {0x10a0, 0x10ff, SCRIPT_GEORGIAN},
    {0x1100, 0x11ff, SCRIPT_HANGUL},
    {0x1200, 0x139f, SCRIPT_ETHIOPIC},
    {0x13a0, 0x177f, SCRIPT_OTHER},
    {0x1780, 0x17ff, SCRIPT_KHMER},
    {0x1800, 0x1c7f, SCRIPT_OTHER},
    {0x1c80, 0x1c8f, SCRIPT_CYRILLIC},
    {0x1c90, 0x1cbf, SCRIPT_GEORGIAN},
    {0x1d00, 0x1d25, SCRIPT_LATIN},
    {0x1e00, 0x1eff, SCRIPT_LATIN},
    {0x1f00, 0x1fff, SCRIPT_GREEK},
    {0x2c60, 0x2c7f, SCRIPT_LATIN},
    {0x2de0, 0x2dff, SCRIPT_CYRILLIC},
    {0x3041, 0x30ff, SCRIPT_KANA},
    {0x3131, 0x318e, SCRIPT_HANGUL},
    {0x31f0, 0x31ff, SCRIPT_KANA},
    {0x3400, 0x4dbf, SCRIPT_HAN},
    {0x4e00, 0x9fff, SCRIPT_HAN},
    {0xa640, 0xa69f, SCRIPT_CYRILLIC},
    {0xa722, 0xa7ff, SCRIPT_LATIN},
    {0xac00, 0xd7ff, SCRIPT_HANGUL},
    {0xf900, 0xfaff, SCRIPT_HAN},
    {0xfb50, 0xfdff, SCRIPT_ARABIC},
    {0xfe70, 0xfefc, SCRIPT_ARABIC},
    {0xff21, 0xff3a, SCRIPT_LATIN},
    {0xff41, 0xff5a, SCRIPT_LATIN},
    {0xff66, 0xff9d, SCRIPT_KANA},
    {0x20000, 0x323af, SCRIPT_HAN},
};

static const char *const script_names[SCRIPTS] = {
    "common", "latin", "greek", "cyrillic", "armenian", "hebrew", "arabic", "devanagari", "bengali",
    "tamil",  "thai",  "georgian", "ethiopic", "khmer",	 "hangul", "kana",   "han",	   "other",
};

enum script unicode_script(uint32_t c)
{
	size_t low = 0, high = sizeof ranges / sizeof *ranges;

	if (c < 0x80)
		return is_alpha((int)c) ? SCRIPT_LATIN : SCRIPT_COMMON;
	while (low < high) {
		size_t middle = (low + high) / 2;
		if (c < ranges[middle].first)
			high = middle;
		else if (c > ranges[middle].last)
			low = middle + 1;
		else
			return ranges[middle].script;
	}
	return SCRIPT_COMMON;
}

const char *script_name(enum script script)
{
	return script_names[script];
}

/* ---- look-alikes ---- */

/* Each row: an ASCII letter, then the characters that look like it, in UTF-8. */
static const char *const alike[] = {
    "a" "\xc3\xa0\xc3\xa1\xc3\xa2\xc3\xa3\xc3\xa4\xc3\xa5\xc4\x81\xc4\x83\xc4\x85\xc7\x8e\xc9\x91\xce\xb1\xd0\xb0\xe1\xba\xa1\xe1\xba\xa3",
    "b" "\xc6\x84\xd0\xac\xd1\x8c\xe1\xb8\x83\xe1\xb8\x85",
    "c" "\xc3\xa7\xc4\x87\xc4\x89\xc4\x8b\xc4\x8d\xcf\xb2\xd1\x81\xe2\x85\xbd",
    "d" "\xc4\x8f\xc4\x91\xd4\x81\xe1\xb8\x8d\xe2\x85\xbe",
    "e" "\xc3\xa8\xc3\xa9\xc3\xaa\xc3\xab\xc4\x93\xc4\x95\xc4\x97\xc4\x99\xc4\x9b\xce\xb5\xd0\xb5\xd1\x91\xd1\x94\xd2\xbd\xe1\xba\xb9",
    "f" "\xc6\x92\xd6\x84\xe1\xb8\x9f",
    "g" "\xc4\x9d\xc4\x9f\xc4\xa1\xc4\xa3\xc9\xa1\xd6\x81\xe1\xb8\xa1",
    "h" "\xc4\xa5\xc4\xa7\xd2\xbb\xd5\xb0\xe1\xb8\xa5",
    "i" "\xc3\xac\xc3\xad\xc3\xae\xc3\xaf\xc4\xa9\xc4\xab\xc4\xad\xc4\xaf\xc4\xb1\xc9\xa9\xce\xaf\xce\xb9\xd1\x96\xd1\x97\xe1\xbb\x8b\xe2\x85\xb0",
    "j" "\xc4\xb5\xcf\xb3\xd1\x98",
    "k" "\xc4\xb7\xce\xba\xd0\xba\xe1\xb8\xb3",
    "l" "\xc4\xba\xc4\xbc\xc4\xbe\xc5\x80\xc5\x82\xc7\x80\xd3\x8f\xe1\xb8\xb7\xe2\x84\x93\xe2\x85\xbc|",
    "m" "\xd0\xbc\xe1\xb9\x81\xe1\xb9\x83\xe2\x85\xbf",
    "n" "\xc3\xb1\xc5\x84\xc5\x86\xc5\x88\xce\xb7\xd5\xb8\xd5\xbc\xe1\xb9\x87",
    "o" "\xc3\xb2\xc3\xb3\xc3\xb4\xc3\xb5\xc3\xb6\xc3\xb8\xc5\x8d\xc5\x8f\xc5\x91\xce\xbf\xcf\x8c\xcf\x83\xd0\xbe\xd5\x85\xd6\x85\xe1\xbb\x8d",
    "p" "\xcf\x81\xd1\x80\xe1\xb9\x97",
    "q" "\xd4\x9b\xd5\xa3",
    "r" "\xc5\x95\xc5\x97\xc5\x99\xd0\xb3\xe1\xb9\x9b",
    "s" "\xc3\x9f\xc5\x9b\xc5\x9d\xc5\x9f\xc5\xa1\xc8\x99\xd1\x95\xe1\xb9\xa3",
    "t" "\xc5\xa3\xc5\xa5\xc8\x9b\xcf\x84\xd1\x82\xe1\xb9\xad",
    "u" "\xc3\xb9\xc3\xba\xc3\xbb\xc3\xbc\xc5\xa9\xc5\xab\xc5\xad\xc5\xaf\xc5\xb1\xc5\xb3\xcf\x85\xd5\xbd\xe1\xbb\xa5",
    "v" "\xce\xbd\xd1\xb5\xe1\xb9\xbf\xe2\x85\xb4",
    "w" "\xc5\xb5\xcf\x89\xd4\x9d\xe1\xba\x81\xe1\xba\x83\xe1\xba\x85",
    "x" "\xcf\x87\xd1\x85\xe2\x85\xb9",
    "y" "\xc3\xbd\xc3\xbf\xc5\xb7\xce\xb3\xd1\x83\xd2\xaf\xe1\xbb\xb3\xe1\xbb\xb5",
    "z" "\xc5\xba\xc5\xbc\xc5\xbe\xe1\xba\x93",
};

/* Lower case where upper and lower stand at a fixed distance; enough for the scripts above. */
static uint32_t lower(uint32_t c)
{
	if (c < 0x80)
		return (uint32_t)to_lower((int)c);
	if ((c >= 0xc0 && c <= 0xde && c != 0xd7) || (c >= 0x391 && c <= 0x3a9) || (c >= 0x410 && c <= 0x42f))
		return c + 0x20;
	if (c >= 0x400 && c <= 0x40f)
		return c + 0x50;
	if (c >= 0x531 && c <= 0x556)
		return c + 0x30;
	if (((c >= 0x100 && c <= 0x137) || (c >= 0x14a && c <= 0x177) || (c >= 0x460 && c <= 0x52f) || (c >= 0x1e00 && c <= 0x1eff)) && !(c & 1))
		return c + 1;
	return ((c >= 0x139 && c <= 0x148) || (c >= 0x179 && c <= 0x17e)) && (c & 1) ? c + 1 : c;
}

/* The ASCII letter that c looks like, or 0. */
static char letter_like(uint32_t c)
{
	for (size_t i = 0; i < sizeof alike / sizeof *alike; i++) {
		struct str rest = str_of(alike[i] + 1);
		uint32_t other;

		for (size_t n; rest.n; rest = str_from(rest, n)) {
			n = unicode_read(rest, &other);
			if (other == c)
				return alike[i][0];
		}
	}
	return 0;
}

static char ascii_like(char c)
{
	return c == '0' ? 'o' : c == '1' || c == '|' ? 'l' : c;
}

/* "rn" reads as m and "vv" as w. */
static size_t put_letter(char *out, size_t n, char c)
{
	if (n && ((c == 'n' && out[n - 1] == 'r') || (c == 'v' && out[n - 1] == 'v'))) {
		out[n - 1] = c == 'n' ? 'm' : 'w';
		return n;
	}
	out[n] = c;
	return n + 1;
}

struct str unicode_skeleton(struct arena *a, struct str text)
{
	char *out = arena_alloc(a, text.n + 1);
	size_t n = 0, step;

	for (size_t at = 0; at < text.n; at += step) {
		uint32_t c;
		char like;

		step = unicode_read(str_from(text, at), &c);
		if (unicode_is_invisible(c))
			continue;
		if (c >= 0xff01 && c <= 0xff5e)
			c = c - 0xff01 + '!';
		c = lower(c);
		if (c < 0x80) {
			n = put_letter(out, n, ascii_like((char)c));
		} else if ((like = letter_like(c))) {
			n = put_letter(out, n, like);
		} else {
			memcpy(out + n, text.p + at, step);
			n += step;
		}
	}
	return (struct str){out, n};
}

bool unicode_is_mixed(struct str domain)
{
	unsigned seen = 0;
	size_t n;

	for (size_t at = 0; at < domain.n; at += n) {
		uint32_t c;
		enum script script;

		n = unicode_read(str_from(domain, at), &c);
		script = unicode_script(c);
		if (c == '.')
			seen = 0;
		else if (script >= SCRIPT_LATIN && script <= SCRIPT_ARMENIAN)
			seen |= 1u << script;
		if (seen & (seen - 1))
			return true;
	}
	return false;
}
