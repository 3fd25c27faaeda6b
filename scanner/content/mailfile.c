/*
 * Mail and web archives that are attached as files (.eml, .mht), and uuencoded text: what they carry is
 * looked at like members of an archive. Parts are found by the fields of their heads alone, for boundaries
 * are easily damaged on purpose.
 */
#include <string.h>

#include "scanner/content/content.h"

enum { PARTS_MAX = 500, HEAD_MAX = 8192, NAME_ROOM = 255, NAMES_MAX = 4, UU_LINE = 45 };

static bool is_base64(char c)
{
	return is_alnum(c) || c == '+' || c == '/';
}

/* Up to a line that begins with two dashes. */
static struct str part_text(struct str s)
{
	ptrdiff_t end = str_find(s, STR("\n--"));

	return str_sub(s, 0, end < 0 ? s.n : (size_t)end);
}

/* What is no digit does not count, and padding ends only what stands before it. */
static void take_base64(struct str s, struct buf *out)
{
	struct buf digits = {0};
	char *p = buf_reserve(&digits, s.n + 1);

	for (size_t i = 0; i < s.n; i++)
		if (is_base64(s.p[i])) {
			p[digits.n++] = s.p[i];
		} else if (s.p[i] == '=') {
			content_base64(buf_str(&digits), out);
			digits.n = 0;
		}
	content_base64(buf_str(&digits), out);
	buf_free(&digits);
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

/* The value of a field, with what it goes on with. */
static struct str field_of(struct str head, const char *name)
{
	ptrdiff_t at = content_find(head, name), end;
	struct str s = str_from(head, at < 0 ? head.n : (size_t)at + strlen(name));

	for (end = 0; (size_t)end < s.n; end++)
		if (s.p[end] == '\n' && ((size_t)end + 1 >= s.n || (s.p[end + 1] != ' ' && s.p[end + 1] != '\t')))
			break;
	return str_trim(str_sub(s, 0, (size_t)end));
}

/* The names of a part: the first is its own, the others it has too. */
struct names {
	struct buf name[NAMES_MAX];
	size_t n;
};

static void take_name(void *arg, struct str name)
{
	struct names *names = arg;

	for (size_t i = 0; i < names->n; i++)
		if (str_eq(buf_str(&names->name[i]), str_sub(name, 0, NAME_ROOM)))
			return;
	if (names->n < NAMES_MAX)
		buf_add(&names->name[names->n++], str_sub(name, 0, NAME_ROOM));
}

/* Without a name or an encoding, text is what is read, and the rest is parts again. */
static bool is_nothing_of_its_own(struct str head, struct str encoding)
{
	struct str type = field_of(head, "content-type:");

	return !encoding.n && (!type.n || str_istarts(type, STR("text/plain")) || str_istarts(type, STR("multipart/")) ||
	    str_istarts(type, STR("message/")));
}

static uint32_t one_part(struct content_job *job, struct str head, struct str body, unsigned depth)
{
	struct str encoding = field_of(head, "content-transfer-encoding:");
	struct names names = {.n = 0};
	struct buf out = {0};
	uint32_t flags = 0;

	mail_part_names(head, take_name, &names);
	if (content_has(encoding, "base64"))
		take_base64(part_text(body), &out);
	else if (content_has(encoding, "quoted-printable"))
		take_quoted(part_text(body), &out);
	else if (names.n || !is_nothing_of_its_own(head, encoding))
		buf_add(&out, part_text(body));
	if (out.n)
		flags = content_embedded(job, names.n ? buf_str(&names.name[0]) : STR_NONE, buf_str(&out), depth);
	for (size_t i = 1; i < names.n && out.n; i++)
		content_rename(job, buf_str(&names.name[i]), buf_str(&out), flags, depth);
	for (size_t i = 0; i < names.n; i++)
		buf_free(&names.name[i]);
	buf_free(&out);
	return flags;
}

/* Where a field about a part begins, from there on. */
static ptrdiff_t next_field(struct str s, size_t from)
{
	static const char *const fields[] = {"type:", "transfer-encoding:", "disposition:"};
	ptrdiff_t at;

	for (; (at = content_find(str_from(s, from), "content-")) >= 0; from++) {
		from += (size_t)at;
		for (size_t i = 0; (from == 0 || s.p[from - 1] == '\n') && i < sizeof fields / sizeof *fields; i++)
			if (str_istarts(str_from(s, from + 8), str_of(fields[i])))
				return (ptrdiff_t)from;
	}
	return -1;
}

uint32_t mail_flags(struct content_job *job, struct str s, unsigned depth)
{
	ptrdiff_t at = next_field(s, 0), next;
	uint32_t flags = 0;

	for (unsigned i = 0; at >= 0 && !content_is_over(job); i++, at = next) {
		struct str head = head_around(s, (size_t)at);
		size_t body = (size_t)(head.p - s.p) + head.n, end;

		if (i == PARTS_MAX) {
			job->is_over = true;
			return flags | WIRE_F_LIMIT;
		}
		next = next_field(s, body > (size_t)at ? body : (size_t)at + 1);
		end = next < 0 ? s.n : (size_t)next;
		flags |= one_part(job, head, str_sub(s, body, end > body ? end - body : 0), depth);
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
