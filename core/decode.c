/*
 * Transfer decoders: base64, quoted-printable, uuencode. Linear in the input, output never longer
 * than it, no input fails: what is odd is skipped or kept as text, and flagged.
 */
#include "core/decode.h"

#include "core/mime.h"

/* Value of an octet of the alphabet; classes of all others. */
enum { B64_PAD = 0x40, B64_BLANK = 0x80, B64_JUNK = 0xc0, B64_OTHER = 0xc0 };

#define JUNK8 B64_JUNK, B64_JUNK, B64_JUNK, B64_JUNK, B64_JUNK, B64_JUNK, B64_JUNK, B64_JUNK
#define JUNK32 JUNK8, JUNK8, JUNK8, JUNK8

static const uint8_t base64_values[256] = {
    B64_JUNK, B64_JUNK, B64_JUNK, B64_JUNK, B64_JUNK, B64_JUNK, B64_JUNK, B64_JUNK,
    B64_JUNK, B64_BLANK, B64_BLANK, B64_JUNK, B64_JUNK, B64_BLANK, B64_JUNK, B64_JUNK,
    JUNK8, JUNK8,
    B64_BLANK, B64_JUNK, B64_JUNK, B64_JUNK, B64_JUNK, B64_JUNK, B64_JUNK, B64_JUNK,
    B64_JUNK, B64_JUNK, B64_JUNK, 62, B64_JUNK, B64_JUNK, B64_JUNK, 63,
    52, 53, 54, 55, 56, 57, 58, 59, 60, 61, B64_JUNK, B64_JUNK, B64_JUNK, B64_PAD, B64_JUNK, B64_JUNK,
    B64_JUNK, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14,
    15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, B64_JUNK, B64_JUNK, B64_JUNK, B64_JUNK, B64_JUNK,
    B64_JUNK, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40,
    41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, B64_JUNK, B64_JUNK, B64_JUNK, B64_JUNK, B64_JUNK,
    JUNK32, JUNK32, JUNK32, JUNK32,
};

struct base64 {
	const unsigned char *at, *end;
	unsigned char *out;
	uint32_t bits;
	unsigned have; /* characters of the group in hand */
	unsigned pads;
	bool is_odd, is_ended; /* junk seen; padding that completes a group seen */
	bool is_padding_junk;  /* = is skipped like any other octet outside the alphabet */
};

static void base64_fast(struct base64 *b)
{
	const uint8_t *t = base64_values;

	while (b->end - b->at >= 4) {
		uint32_t v0 = t[b->at[0]], v1 = t[b->at[1]], v2 = t[b->at[2]], v3 = t[b->at[3]], v;
		if ((v0 | v1 | v2 | v3) & B64_OTHER)
			return;
		v = v0 << 18 | v1 << 12 | v2 << 6 | v3;
		b->out[0] = (unsigned char)(v >> 16);
		b->out[1] = (unsigned char)(v >> 8);
		b->out[2] = (unsigned char)v;
		b->out += 3;
		b->at += 4;
	}
}

/* The octets that an incomplete group holds. */
static void base64_flush(struct base64 *b)
{
	if (b->have == 2) {
		*b->out++ = (unsigned char)(b->bits >> 4);
	} else if (b->have == 3) {
		*b->out++ = (unsigned char)(b->bits >> 10);
		*b->out++ = (unsigned char)(b->bits >> 2);
	}
	b->have = 0;
	b->bits = 0;
	b->pads = 0;
}

static void base64_pad(struct base64 *b)
{
	if (b->is_padding_junk)
		return;
	b->pads++;
	if (b->have < 2) {
		b->is_odd = true;
	} else if (b->have + b->pads >= 4) {
		base64_flush(b);
		b->is_ended = true;
	}
}

static void base64_slow(struct base64 *b)
{
	uint8_t v = base64_values[*b->at++];

	if (v == B64_PAD) {
		base64_pad(b);
	} else if (v & B64_OTHER) {
		b->is_odd |= v == B64_JUNK;
	} else {
		b->is_odd |= b->pads != 0;
		b->pads = 0;
		b->bits = b->bits << 6 | v;
		if (++b->have == 4) {
			b->out[0] = (unsigned char)(b->bits >> 16);
			b->out[1] = (unsigned char)(b->bits >> 8);
			b->out[2] = (unsigned char)b->bits;
			b->out += 3;
			b->have = 0;
			b->bits = 0;
		}
	}
}

/* All of it; *ret_first is how much of that stands before the first padding. */
static struct str base64_run(struct arena *a, struct base64 *b, struct str in, size_t *ret_first)
{
	unsigned char *start = b->out = arena_alloc(a, in.n / 4 * 3 + 4);
	size_t first = SIZE_MAX;

	b->at = (const unsigned char *)in.p;
	b->end = b->at + in.n;
	while (b->at < b->end) {
		if (b->have == 0)
			base64_fast(b);
		if (b->at == b->end)
			break;
		base64_slow(b);
		if (b->is_ended && first == SIZE_MAX)
			first = (size_t)(b->out - start);
	}
	b->is_odd |= b->have != 0;
	base64_flush(b);
	*ret_first = first < (size_t)(b->out - start) ? first : (size_t)(b->out - start);
	return (struct str){(char *)start, (size_t)(b->out - start)};
}

struct str decode_base64_both(struct arena *a, struct str in, uint32_t *anomalies, struct str *ret_all)
{
	struct base64 b = {0};
	size_t first;

	*ret_all = base64_run(a, &b, in, &first);
	if (b.is_odd || first != ret_all->n)
		*anomalies |= MIME_BAD_BASE64;
	return str_sub(*ret_all, 0, first);
}

struct str decode_base64_unpadded(struct arena *a, struct str in)
{
	struct base64 b = {.is_padding_junk = true};
	size_t first;

	return base64_run(a, &b, in, &first);
}

struct str decode_base64(struct arena *a, struct str in, uint32_t *anomalies)
{
	struct str all;

	return decode_base64_both(a, in, anomalies, &all);
}

/* Text between = signs is copied in one go; returns where the output goes on. */
static char *qp_line(struct str line, char *out, uint32_t *anomalies)
{
	while (line.n) {
		ptrdiff_t at = str_chr(line, '=');
		size_t n = at < 0 ? line.n : (size_t)at;
		int high, low;

		memcpy(out, line.p, n);
		out += n;
		line = str_from(line, n);
		if (!line.n)
			break;
		high = line.n > 2 ? hex_value((unsigned char)line.p[1]) : -1;
		low = high < 0 ? -1 : hex_value((unsigned char)line.p[2]);
		if (low < 0) {
			*anomalies |= MIME_BAD_QP;
			*out++ = '=';
			line = str_from(line, 1);
		} else {
			*out++ = (char)(high << 4 | low);
			line = str_from(line, 3);
		}
	}
	return out;
}

static struct str without_blanks_behind(struct str line)
{
	while (line.n && (line.p[line.n - 1] == ' ' || line.p[line.n - 1] == '\t'))
		line.n--;
	return line;
}

/* RFC 2045 part 6.7: blanks at the end of a line were added on the way and go. */
struct str decode_quoted_printable(struct arena *a, struct str in, uint32_t *anomalies)
{
	char *start = arena_alloc(a, in.n + 1), *out = start;

	while (in.n) {
		ptrdiff_t at = str_chr(in, '\n');
		struct str line = at < 0 ? in : str_sub(in, 0, (size_t)at), end = STR_NONE;

		if (at >= 0) {
			if (line.n && line.p[line.n - 1] == '\r')
				line.n--;
			end = str_range(line.p + line.n, in.p + at + 1);
		}
		in = str_from(in, line.n + end.n);
		line = without_blanks_behind(line);
		if (line.n && line.p[line.n - 1] == '=') {
			line.n--;
			end.n = 0;
		}
		out = qp_line(line, out, anomalies);
		if (end.n)
			memcpy(out, end.p, end.n);
		out += end.n;
	}
	return (struct str){start, (size_t)(out - start)};
}

static unsigned uu_value(struct str line, size_t i)
{
	return i < line.n ? ((unsigned char)line.p[i] - ' ') & 0x3f : 0;
}

bool uu_is_data(struct str line)
{
	size_t count = uu_value(line, 0), need = (count + 2) / 3 * 4;

	return line.n > 1 && line.p[0] > ' ' && line.p[0] <= '`' && line.n - 1 >= need / 2 && line.n - 1 <= need + 2;
}

/* One line of data: its first octet is the count. False when it cannot be one. */
static bool uu_line(struct str line, char **out, const char *end)
{
	size_t count, need;

	if (!line.n || line.p[0] < ' ' || line.p[0] > '`')
		return false;
	count = uu_value(line, 0);
	need = (count * 4 + 2) / 3;
	if (line.n - 1 > need + 5)
		return false;
	for (size_t i = 1; count && *out < end; i += 4) {
		uint32_t v = uu_value(line, i) << 18 | uu_value(line, i + 1) << 12 |
		    uu_value(line, i + 2) << 6 | uu_value(line, i + 3);
		for (int shift = 16; shift >= 0 && count && *out < end; shift -= 8, count--)
			*(*out)++ = (char)(v >> shift);
	}
	return true;
}

static bool next_line(struct str *rest, struct str *ret_line)
{
	if (!rest->n || !str_split(rest, '\n', ret_line))
		return false;
	if (ret_line->n && ret_line->p[ret_line->n - 1] == '\r')
		ret_line->n--;
	return true;
}

/* "begin 644 name": three or four octal digits. */
bool uu_begin(struct str line, struct str *ret_name)
{
	size_t i = 6;

	if (!str_starts(line, STR("begin ")))
		return false;
	while (i < line.n && line.p[i] >= '0' && line.p[i] <= '7')
		i++;
	if (i < 9 || i > 10 || i >= line.n || line.p[i] != ' ')
		return false;
	*ret_name = str_trim(str_from(line, i));
	return ret_name->n > 0;
}

/* A line that lost its blanks on the way counts as zeros, but the result never outgrows the input. */
struct str decode_uuencode(struct arena *a, struct str in, uint32_t *anomalies, struct str *ret_name)
{
	struct str rest = in, line;
	char *start, *out;

	*ret_name = STR_NONE;
	while (next_line(&rest, &line))
		if (uu_begin(line, ret_name))
			break;
	if (!ret_name->n)
		rest = in;
	start = out = arena_alloc(a, in.n + 1);
	while (next_line(&rest, &line)) {
		if (str_is(str_trim(line), "end"))
			return (struct str){start, (size_t)(out - start)};
		if (line.n && !uu_line(line, &out, start + in.n))
			*anomalies |= MIME_BAD_BASE64;
	}
	*anomalies |= MIME_MISSING_END;
	return (struct str){start, (size_t)(out - start)};
}
