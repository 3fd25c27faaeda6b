/*
 * Transfer decoders: quoted-printable and uuencode; base64 has a file of its own. Linear in the input, output never longer
 * than it, no input fails: what is odd is skipped or kept as text, and flagged.
 */
#include "core/content/decode.h"

#include "core/content/mime.h"

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
	char *start = arena_room(a, in.n + 1), *out = start;

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

/* Lower case is no letter of the encoding: text has it. */
static bool uu_is_text(struct str line, size_t need)
{
	for (size_t i = 1; i <= need && i < line.n; i++)
		if (line.p[i] >= 'a' && line.p[i] <= 'z')
			return true;
	return false;
}

bool uu_is_data(struct str line)
{
	size_t count = uu_value(line, 0), need = (count + 2) / 3 * 4;

	return line.n > 1 && line.p[0] > ' ' && line.p[0] <= '`' && line.n - 1 >= need / 2 && line.n - 1 <= need + 5 &&
	    !uu_is_text(line, need);
}

/* One line of data: its first octet is the count. False when it cannot be one. */
static bool uu_line(struct str line, char **out, const char *end)
{
	size_t count, need;

	if (!line.n || line.p[0] < ' ' || line.p[0] > '`')
		return false;
	count = uu_value(line, 0);
	need = (count * 4 + 2) / 3;
	if (line.n - 1 > need + 5 || uu_is_text(line, need))
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

/* "begin 644 name": three or four octal digits; the name may be empty. */
bool uu_begin(struct str line, struct str *ret_name)
{
	size_t i = 6, digits = 0;

	if (!str_starts(line, STR("begin ")))
		return false;
	while (i < line.n && is_space((unsigned char)line.p[i]))
		i++;
	for (; i < line.n && line.p[i] >= '0' && line.p[i] <= '7'; i++)
		digits++;
	if (digits < 3 || digits > 4 || (i < line.n && !is_space((unsigned char)line.p[i])))
		return false;
	*ret_name = str_trim(str_from(line, i));
	return true;
}

/* A line that lost its blanks on the way counts as zeros, but the result never outgrows the input. */
struct str decode_uuencode(struct arena *a, struct str in, uint32_t *anomalies, struct str *ret_name)
{
	struct str rest = in, line;
	char *start, *out;
	bool has_begin = false;

	*ret_name = STR_NONE;
	while (!has_begin && next_line(&rest, &line))
		has_begin = uu_begin(line, ret_name);
	if (!has_begin)
		rest = in;
	start = out = arena_room(a, in.n + 1);
	while (next_line(&rest, &line)) {
		if (str_is(str_trim(line), "end"))
			return (struct str){start, (size_t)(out - start)};
		if (line.n && !uu_line(line, &out, start + in.n))
			*anomalies |= MIME_BAD_BASE64;
	}
	*anomalies |= MIME_MISSING_END;
	return (struct str){start, (size_t)(out - start)};
}
