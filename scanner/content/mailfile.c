/*
 * Mail and web archives that are attached as files (.eml, .mht), and uuencoded text: what they carry is
 * looked at like members of an archive. Parts are found by their transfer encoding alone, for boundaries
 * are easily damaged on purpose.
 */
#include <string.h>

#include "scanner/content/content.h"

enum { PARTS_MAX = 500, HEAD_MAX = 8192, NAME_ROOM = 256, UU_LINE = 45 };

static const char encoding_field[] = "content-transfer-encoding:";

static bool is_base64(char c)
{
	return is_alnum(c) || c == '+' || c == '/';
}

/* Lines of digits, up to what is none. */
static void take_base64(struct str s, struct buf *out)
{
	struct buf digits = {0};
	char *p = buf_reserve(&digits, s.n + 1);

	for (size_t i = 0; i < s.n && (is_base64(s.p[i]) || is_space(s.p[i])); i++)
		if (!is_space(s.p[i]))
			p[digits.n++] = s.p[i];
	content_base64(buf_str(&digits), out);
	buf_free(&digits);
}

/* Up to a line that begins with two dashes. */
static struct str part_text(struct str s)
{
	ptrdiff_t end = str_find(s, STR("\n--"));

	return str_sub(s, 0, end < 0 ? s.n : (size_t)end);
}

static void take_quoted(struct str s, struct buf *out)
{
	for (size_t i = 0; i < s.n; i++) {
		int high = s.p[i] == '=' && i + 2 < s.n ? hex_value(s.p[i + 1]) : -1, low = high >= 0 ? hex_value(s.p[i + 2]) : -1;

		if (low >= 0) {
			buf_addc(out, (char)(high << 4 | low));
			i += 2;
		} else if (s.p[i] == '=' && i + 1 < s.n && (s.p[i + 1] == '\n' || s.p[i + 1] == '\r')) {
			i += s.p[i + 1] == '\r' ? 2 : 1;
		} else {
			buf_addc(out, s.p[i]);
		}
	}
}

/* name=x or filename="x", as it stands. */
static struct str part_name(struct str head)
{
	ptrdiff_t at = content_find(head, "name=");
	struct str s = str_sub(str_from(head, at < 0 ? head.n : (size_t)at + 5), 0, NAME_ROOM);
	size_t n = 0;

	if (s.n && s.p[0] == '"') {
		ptrdiff_t end = str_chr(str_from(s, 1), '"');

		return str_sub(s, 1, end < 0 ? s.n : (size_t)end);
	}
	while (n < s.n && !is_space(s.p[n]) && s.p[n] != ';')
		n++;
	return str_sub(s, 0, n);
}

static bool begins_head(struct str s, size_t i)
{
	return str_starts(str_from(s, i), STR("\n--")) || str_starts(str_from(s, i), STR("\n\n")) ||
	       str_starts(str_from(s, i), STR("\n\r\n"));
}

/* The header that the field at this place stands in: from the empty line or boundary before. */
static struct str head_around(struct str s, size_t at)
{
	struct str behind = str_sub(s, at, HEAD_MAX);
	ptrdiff_t crlf = str_find(behind, STR("\r\n\r\n")), lf = str_find(behind, STR("\n\n"));
	size_t end = crlf >= 0 && (lf < 0 || crlf < lf) ? (size_t)crlf + 4 : lf >= 0 ? (size_t)lf + 2 : behind.n, from = at;

	while (from > 0 && at - from < HEAD_MAX && !begins_head(s, from - 1))
		from--;
	return str_sub(s, from, at - from + end);
}

static uint32_t one_part(struct content_job *job, struct str head, struct str encoding, struct str body, unsigned depth)
{
	struct buf out = {0};
	uint32_t flags = 0;

	if (str_istarts(encoding, STR("base64")))
		take_base64(body, &out);
	else if (str_istarts(encoding, STR("quoted-printable")))
		take_quoted(part_text(body), &out);
	else
		buf_add(&out, part_text(body));
	if (out.n)
		flags = content_embedded(job, part_name(head), buf_str(&out), depth);
	buf_free(&out);
	return flags;
}

uint32_t mail_flags(struct content_job *job, struct str s, unsigned depth)
{
	ptrdiff_t at = content_find(s, encoding_field), next;
	uint32_t flags = 0;

	for (unsigned i = 0; at >= 0 && !content_is_over(job); i++, at = next) {
		size_t behind = (size_t)at + sizeof encoding_field - 1, end, body;
		struct str head = head_around(s, (size_t)at);

		if (i == PARTS_MAX) {
			job->is_over = true;
			return flags | WIRE_F_LIMIT;
		}
		next = content_find(str_from(s, behind), encoding_field);
		next = next < 0 ? -1 : next + (ptrdiff_t)behind;
		end = next < 0 ? s.n : (size_t)next;
		body = (size_t)(head.p - s.p) + head.n;
		flags |= one_part(job, head, str_trim(str_sub(s, behind, 64)), str_sub(s, body, end > body ? end - body : 0), depth);
	}
	return flags;
}

/* ---- uuencode ---- */

static bool take_uu_line(struct str line, struct buf *out)
{
	size_t n = line.n ? ((unsigned char)line.p[0] - 32u) & 63 : 0, room = out->n + n;

	if (n == 0 || n > UU_LINE)
		return false;
	for (size_t i = 1; out->n < room; i += 4) {
		uint32_t bits = 0;

		for (size_t k = 0; k < 4; k++)
			bits = bits << 6 | (i + k < line.n ? ((unsigned char)line.p[i + k] - 32u) & 63 : 0);
		for (int shift = 16; shift >= 0 && out->n < room; shift -= 8)
			buf_addc(out, (char)(bits >> shift));
	}
	return true;
}

/* "begin 644 name", lines, "end". */
static uint32_t one_uu_file(struct content_job *job, struct str *rest, unsigned depth)
{
	struct buf out = {0};
	struct str name, line;
	uint32_t flags = 0;

	if (!str_split(rest, '\n', &line) || line.n < 10 || !is_digit(line.p[6]) || !is_digit(line.p[8]))
		return 0;
	name = str_trim(str_from(line, 9));
	while (str_split(rest, '\n', &line) && take_uu_line(str_trim(line), &out))
		;
	if (out.n)
		flags = content_embedded(job, str_sub(name, 0, NAME_ROOM), buf_str(&out), depth);
	buf_free(&out);
	return flags;
}

uint32_t uu_flags(struct content_job *job, struct str s, unsigned depth)
{
	uint32_t flags = 0;
	ptrdiff_t at;

	for (unsigned i = 0; i < PARTS_MAX && !content_is_over(job) && (at = str_find(s, STR("begin "))) >= 0; i++) {
		bool is_line = at == 0 || s.p[at - 1] == '\n';

		s = str_from(s, (size_t)at);
		if (is_line)
			flags |= one_uu_file(job, &s, depth);
		else
			s = str_from(s, 6);
	}
	return flags;
}
