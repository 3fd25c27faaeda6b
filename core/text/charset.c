/*
 * Charsets to UTF-8. ASCII, UTF-8 and the Latin-1 family are done here; everything else by iconv,
 * and only charsets of the table are ever opened (iconv_open loads code by name). Opening one again
 * costs 0.2 us as long as one handle stays open: charset_warm_up() keeps them for a sandbox.
 */
#include "core/text/charset.h"

#include <errno.h>
#include <iconv.h>


enum kind { KIND_ASCII, KIND_UTF8, KIND_LATIN, KIND_UTF16, KIND_SINGLE, KIND_ICONV };

/* Names without - _ . : and blanks. A unit of several octets is skipped as a whole when it is bad. */
struct charset {
	const char *name;
	enum kind kind;
	const char *iconv_name;
	unsigned unit;
};

/* Two octets, or one of ASCII: where they are no character both are skipped, or the rest would be read askew. */
enum { PAIR = 0 };

static const struct charset charsets[] = {
    {"usascii", KIND_ASCII, NULL, 1},
    {"ascii", KIND_ASCII, NULL, 1},
    {"ansix341968", KIND_ASCII, NULL, 1},
    {"iso646us", KIND_ASCII, NULL, 1},
    {"us", KIND_ASCII, NULL, 1},
    {"utf8", KIND_UTF8, NULL, 1},
    {"unicode11utf8", KIND_UTF8, NULL, 1},
    {"cputf8", KIND_UTF8, NULL, 1},
    {"iso88591", KIND_LATIN, NULL, 1},
    {"latin1", KIND_LATIN, NULL, 1},
    {"l1", KIND_LATIN, NULL, 1},
    {"windows1252", KIND_LATIN, NULL, 1},
    {"cp1252", KIND_LATIN, NULL, 1},
    {"xansi", KIND_LATIN, NULL, 1},
    {"ansi", KIND_LATIN, NULL, 1},
    {"utf16", KIND_UTF16, "UTF-16LE", 2},
    {"utf16le", KIND_ICONV, "UTF-16LE", 2},
    {"utf16be", KIND_ICONV, "UTF-16BE", 2},
    {"unicode", KIND_UTF16, "UTF-16LE", 2},
    {"iso10646ucs2", KIND_UTF16, "UTF-16LE", 2},
    {"utf32", KIND_ICONV, "UTF-32", 4},
    {"utf32le", KIND_ICONV, "UTF-32LE", 4},
    {"utf32be", KIND_ICONV, "UTF-32BE", 4},
    {"utf7", KIND_ICONV, "UTF-7", 1},
    {"unicode11utf7", KIND_ICONV, "UTF-7", 1},
    {"iso88592", KIND_SINGLE, "ISO-8859-2", 1},
    {"latin2", KIND_SINGLE, "ISO-8859-2", 1},
    {"iso88593", KIND_SINGLE, "ISO-8859-3", 1},
    {"iso88594", KIND_SINGLE, "ISO-8859-4", 1},
    {"iso88595", KIND_SINGLE, "ISO-8859-5", 1},
    {"iso88596", KIND_SINGLE, "ISO-8859-6", 1},
    {"iso88597", KIND_SINGLE, "ISO-8859-7", 1},
    {"iso88598", KIND_SINGLE, "ISO-8859-8", 1},
    {"iso88598i", KIND_SINGLE, "ISO-8859-8", 1},
    {"iso88598e", KIND_SINGLE, "ISO-8859-8", 1},
    {"iso88599", KIND_SINGLE, "ISO-8859-9", 1},
    {"latin5", KIND_SINGLE, "ISO-8859-9", 1},
    {"iso885910", KIND_SINGLE, "ISO-8859-10", 1},
    {"iso885911", KIND_SINGLE, "ISO-8859-11", 1},
    {"iso885913", KIND_SINGLE, "ISO-8859-13", 1},
    {"iso885914", KIND_SINGLE, "ISO-8859-14", 1},
    {"iso885915", KIND_SINGLE, "ISO-8859-15", 1},
    {"latin9", KIND_SINGLE, "ISO-8859-15", 1},
    {"iso885916", KIND_SINGLE, "ISO-8859-16", 1},
    {"windows1250", KIND_SINGLE, "CP1250", 1},
    {"cp1250", KIND_SINGLE, "CP1250", 1},
    {"windows1251", KIND_SINGLE, "CP1251", 1},
    {"cp1251", KIND_SINGLE, "CP1251", 1},
    {"windows1253", KIND_SINGLE, "CP1253", 1},
    {"cp1253", KIND_SINGLE, "CP1253", 1},
    {"windows1254", KIND_SINGLE, "CP1254", 1},
    {"cp1254", KIND_SINGLE, "CP1254", 1},
    {"windows1255", KIND_SINGLE, "CP1255", 1},
    {"cp1255", KIND_SINGLE, "CP1255", 1},
    {"windows1256", KIND_SINGLE, "CP1256", 1},
    {"cp1256", KIND_SINGLE, "CP1256", 1},
    {"windows1257", KIND_SINGLE, "CP1257", 1},
    {"cp1257", KIND_SINGLE, "CP1257", 1},
    {"windows1258", KIND_SINGLE, "CP1258", 1},
    {"cp1258", KIND_SINGLE, "CP1258", 1},
    {"windows874", KIND_SINGLE, "CP874", 1},
    {"cp874", KIND_SINGLE, "CP874", 1},
    {"tis620", KIND_SINGLE, "TIS-620", 1},
    {"koi8r", KIND_SINGLE, "KOI8-R", 1},
    {"koi8", KIND_SINGLE, "KOI8-R", 1},
    {"koi8u", KIND_SINGLE, "KOI8-U", 1},
    {"koi8ru", KIND_SINGLE, "KOI8-U", 1},
    {"cp866", KIND_SINGLE, "CP866", 1},
    {"ibm866", KIND_SINGLE, "CP866", 1},
    {"cp437", KIND_SINGLE, "CP437", 1},
    {"ibm437", KIND_SINGLE, "CP437", 1},
    {"cp850", KIND_SINGLE, "CP850", 1},
    {"ibm850", KIND_SINGLE, "CP850", 1},
    {"cp852", KIND_SINGLE, "CP852", 1},
    {"ibm852", KIND_SINGLE, "CP852", 1},
    {"macintosh", KIND_SINGLE, "MACINTOSH", 1},
    {"macroman", KIND_SINGLE, "MACINTOSH", 1},
    {"xmacroman", KIND_SINGLE, "MACINTOSH", 1},
    {"viscii", KIND_SINGLE, "VISCII", 1},
    {"gb2312", KIND_ICONV, "GB18030", PAIR},
    {"gb231280", KIND_ICONV, "GB18030", PAIR},
    {"chinese", KIND_ICONV, "GB18030", PAIR},
    {"euccn", KIND_ICONV, "GB18030", PAIR},
    {"gbk", KIND_ICONV, "GB18030", PAIR},
    {"xgbk", KIND_ICONV, "GB18030", PAIR},
    {"cp936", KIND_ICONV, "GB18030", PAIR},
    {"gb18030", KIND_ICONV, "GB18030", PAIR},
    {"big5", KIND_ICONV, "BIG5-HKSCS", PAIR},
    {"xxbig5", KIND_ICONV, "BIG5-HKSCS", PAIR},
    {"cp950", KIND_ICONV, "CP950", PAIR},
    {"big5hkscs", KIND_ICONV, "BIG5-HKSCS", PAIR},
    {"euctw", KIND_ICONV, "EUC-TW", PAIR},
    {"shiftjis", KIND_ICONV, "CP932", PAIR},
    {"sjis", KIND_ICONV, "CP932", PAIR},
    {"xsjis", KIND_ICONV, "CP932", PAIR},
    {"mskanji", KIND_ICONV, "CP932", PAIR},
    {"cp932", KIND_ICONV, "CP932", PAIR},
    {"windows31j", KIND_ICONV, "CP932", PAIR},
    {"eucjp", KIND_ICONV, "EUC-JP", PAIR},
    {"xeucjp", KIND_ICONV, "EUC-JP", PAIR},
    {"iso2022jp", KIND_ICONV, "ISO-2022-JP-3", 1},
    {"iso2022jp1", KIND_ICONV, "ISO-2022-JP-2", 1},
    {"iso2022jp2", KIND_ICONV, "ISO-2022-JP-2", 1},
    {"iso2022jp3", KIND_ICONV, "ISO-2022-JP-3", 1},
    {"iso2022jpms", KIND_ICONV, "ISO-2022-JP-3", 1},
    {"euckr", KIND_ICONV, "CP949", PAIR},
    {"ksc56011987", KIND_ICONV, "CP949", PAIR},
    {"ksc5601", KIND_ICONV, "CP949", PAIR},
    {"korean", KIND_ICONV, "CP949", PAIR},
    {"cp949", KIND_ICONV, "CP949", PAIR},
    {"uhc", KIND_ICONV, "CP949", PAIR},
    {"iso2022kr", KIND_ICONV, "ISO-2022-KR", 1},
    {"johab", KIND_ICONV, "JOHAB", PAIR},
    {"iso2022cn", KIND_ICONV, "ISO-2022-CN", 1},
};
enum { CHARSETS = sizeof charsets / sizeof *charsets, NAME_MAX_LENGTH = 40 };

static const struct charset *charset_find(struct str name)
{
	char key[NAME_MAX_LENGTH];
	size_t n = 0;

	for (size_t i = 0; i < name.n && name.p[i] != '*'; i++) {
		if (!is_alnum((unsigned char)name.p[i]))
			continue;
		if (n == sizeof key)
			return NULL;
		key[n++] = (char)to_lower((unsigned char)name.p[i]);
	}
	for (size_t i = 0; i < CHARSETS; i++)
		if (str_is((struct str){key, n}, charsets[i].name))
			return &charsets[i];
	return NULL;
}

bool charset_is_known(struct str name)
{
	return charset_find(name) != NULL;
}

static const uint16_t windows_1252[32] = {
    0x20ac, 0xfffd, 0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021,
    0x02c6, 0x2030, 0x0160, 0x2039, 0x0152, 0xfffd, 0x017d, 0xfffd,
    0xfffd, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014,
    0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0xfffd, 0x017e, 0x0178,
};

uint32_t windows_1252_character(unsigned char c)
{
	return c >= 0x80 && c < 0xa0 ? windows_1252[c - 0x80] : c;
}

size_t utf8_put(char *out, uint32_t c)
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xc0 | c >> 6);
		out[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (char)(0xe0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 0x3f));
		out[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | c >> 18);
	out[1] = (char)(0x80 | (c >> 12 & 0x3f));
	out[2] = (char)(0x80 | (c >> 6 & 0x3f));
	out[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

/* Octets at the start that are ASCII, eight at a time. */
size_t ascii_span(struct str s)
{
	size_t i = 0;
	uint64_t word;

	for (; i + sizeof word <= s.n; i += sizeof word) {
		memcpy(&word, s.p + i, sizeof word);
		if (word & 0x8080808080808080u)
			break;
	}
	while (i < s.n && (unsigned char)s.p[i] < 0x80)
		i++;
	return i;
}

static struct str from_latin(struct arena *a, struct str in)
{
	size_t high = 0, n = 0;
	char *out;

	if (ascii_span(in) == in.n)
		return in;
	for (size_t i = 0; i < in.n; i++)
		high += (unsigned char)in.p[i] >> 7;
	out = arena_room(a, in.n + 2 * high + 1);
	for (size_t i = 0; i < in.n; i++) {
		n += utf8_put(out + n, windows_1252_character((unsigned char)in.p[i]));
	}
	return (struct str){out, n};
}

/* Length of the well-formed sequence at p, 0 when there is none. */
static size_t utf8_length(struct str s)
{
	for (size_t n = 1; n <= 4 && n <= s.n; n++)
		if (str_is_utf8(str_sub(s, 0, n)))
			return n;
	return 0;
}

static bool utf8_is_valid(struct str s)
{
	size_t n = ascii_span(s);

	return n == s.n || str_is_utf8(str_from(s, n));
}

/* Keeps what is well-formed; a run of bad octets gives one U+FFFD each. */
static struct str repair_utf8(struct arena *a, struct str in)
{
	struct buf out = {0};

	while (in.n) {
		size_t n = ascii_span(in);
		if (n == 0)
			n = utf8_length(in);
		if (n == 0) {
			buf_adds(&out, "\xef\xbf\xbd");
			n = 1;
		} else {
			buf_add(&out, str_sub(in, 0, n));
		}
		in = str_from(in, n);
	}
	return buf_take(&out, a);
}

/* Broken UTF-8 has more good sequences than bad octets; other text that claims to be it has not. */
static bool is_mostly_utf8(struct str in)
{
	size_t good = 0, bad = 0;

	while (in.n) {
		size_t n = ascii_span(in);
		if (n == 0) {
			n = utf8_length(in);
			good += n > 0;
			bad += n == 0;
			n += n == 0;
		}
		in = str_from(in, n);
	}
	return good > bad;
}

/* One bad unit is skipped and shown as U+FFFD. False when nothing is left. */
static bool skip_bad(struct buf *out, char **at, size_t *left, unsigned unit)
{
	size_t n;

	if (unit == PAIR)
		unit = *left > 1 && ((*at)[1] & 0x80) ? 2 : 1;
	n = *left < unit ? *left : unit;

	buf_adds(out, "\xef\xbf\xbd");
	*at += n;
	*left -= n;
	return *left > 0;
}

static struct str by_iconv(struct arena *a, const struct charset *c, struct str in, bool *ret_bad)
{
	iconv_t cd = iconv_open("UTF-8", c->iconv_name);
	struct buf out = {0};
	char *at = (char *)in.p;
	size_t left = in.n;

	if (cd == (iconv_t)-1) {
		*ret_bad = true;
		return from_latin(a, in);
	}
	while (left) {
		size_t room = left + left / 2 + 64;
		char *to = buf_reserve(&out, room), *start = to;
		size_t done = iconv(cd, &at, &left, &to, &room);
		int error = errno;

		out.n += (size_t)(to - start);
		if (done != (size_t)-1 || error == E2BIG)
			continue;
		*ret_bad = true;
		if (!skip_bad(&out, &at, &left, error == EINVAL ? (unsigned)left : c->unit))
			break;
	}
	iconv_close(cd);
	return buf_take(&out, a);
}

static struct str from_utf16(struct arena *a, struct str in, bool *ret_bad)
{
	static const struct charset le = {"", KIND_ICONV, "UTF-16LE", 2};
	static const struct charset be = {"", KIND_ICONV, "UTF-16BE", 2};

	if (str_starts(in, STR("\xfe\xff")))
		return by_iconv(a, &be, str_from(in, 2), ret_bad);
	if (str_starts(in, STR("\xff\xfe")))
		return by_iconv(a, &le, str_from(in, 2), ret_bad);
	/* RFC 2781 says big-endian; what is sent is little-endian unless every first octet is 0. */
	return by_iconv(a, in.n >= 2 && in.p[0] == 0 ? &be : &le, in, ret_bad);
}

struct str charset_to_utf8(struct arena *a, struct str charset, struct str in, bool *ret_bad)
{
	const struct charset *c = charset_find(charset);

	*ret_bad = !c && charset.n;
	if (c && c->kind == KIND_ICONV)
		return by_iconv(a, c, in, ret_bad);
	if (c && c->kind == KIND_UTF16)
		return from_utf16(a, in, ret_bad);
	/* Well-formed UTF-8 is no chance: programs that say otherwise are wrong. */
	if (utf8_is_valid(in))
		return in;
	if (c && c->kind == KIND_SINGLE)
		return by_iconv(a, c, in, ret_bad);
	if (c && c->kind == KIND_LATIN)
		return from_latin(a, in);
	*ret_bad |= charset.n > 0;
	if (c && c->kind == KIND_UTF8 && is_mostly_utf8(in))
		return repair_utf8(a, in);
	return from_latin(a, in);
}

struct str charset_guess(struct arena *a, struct str in)
{
	return utf8_is_valid(in) ? in : from_latin(a, in);
}

void charset_warm_up(void)
{
	for (size_t i = 0; i < CHARSETS; i++)
		if (charsets[i].iconv_name)
			(void)iconv_open("UTF-8", charsets[i].iconv_name);
}
