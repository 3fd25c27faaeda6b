/* Objects in documents: packages, OLE 1 objects as RTF has them, files in notebooks and ActiveMime. */
#include <string.h>

#include "scanner/content/content.h"

enum { STRING_MAX = 1024, LINKED = 1, NOTEBOOK_FILES_MAX = 500, NAME_OCTETS = 520, EXTENSION_OCTETS = 40 };

/* A string that ends with a zero octet. */
static struct str take_string(struct str *s)
{
	struct str here = str_sub(*s, 0, STRING_MAX);
	ptrdiff_t end = str_chr(here, '\0');

	here = str_sub(here, 0, end < 0 ? here.n : (size_t)end);
	*s = str_from(*s, here.n + 1);
	return here;
}

static bool is_wide_letter(unsigned c)
{
	return c > ' ' && c < 0x7f;
}

static struct str file_of(struct str path)
{
	for (size_t i = path.n; i-- > 0;)
		if (path.p[i] == '\\' || path.p[i] == '/')
			return str_from(path, i + 1);
	return path;
}

/* What the packager of Windows wraps around a file: label, path, path of its copy, the file. */
uint32_t package_flags(struct content_job *job, struct str s, unsigned depth)
{
	struct str label, path, data;
	unsigned type;

	s = str_from(s, 2);
	label = take_string(&s);
	path = take_string(&s);
	type = content_u16(s, 2);
	s = str_from(s, 4);
	if (type == LINKED)
		return content_embedded(job, file_of(path), STR_NONE, depth) |
		       (str_starts(path, STR("\\\\")) || str_find(path, STR("://")) >= 0 ? WIRE_F_EXTERNAL : 0);
	s = str_from(s, 4 + (size_t)content_u32(s, 0));
	data = str_sub(s, 4, content_u32(s, 0));
	path = file_of(path.n ? path : label);
	return data.n || path.n ? content_embedded(job, path, data, depth) : 0;
}

/* Version, format, class, topic, item, size, data; where that is torn, what begins an OLE file. */
uint32_t ole1_flags(struct content_job *job, struct str s, unsigned depth)
{
	uint32_t flags = WIRE_F_EMBEDDED, format = content_u32(s, 4);
	size_t n = content_u32(s, 8);
	struct str name = str_sub(s, 12, n ? n - 1 : 0), rest = str_from(s, 12 + n);
	ptrdiff_t ole = str_find(s, STR("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"));

	flags |= format == LINKED || ole_has_web_link(s) ? WIRE_F_EXTERNAL : 0;
	for (int i = 0; i < 2; i++)
		rest = str_from(rest, 4 + (size_t)content_u32(rest, 0));
	rest = str_sub(rest, 4, content_u32(rest, 0));
	if (str_iis(name, "package") && rest.n)
		return flags | package_flags(job, rest, depth);
	if (ole >= 0)
		return flags | content_embedded(job, STR_NONE, str_from(s, (size_t)ole), depth);
	return flags;
}

/* A name of wide letters, with its length before it and a zero behind it, around its last dot. */
static bool wide_name_at(struct str s, size_t dot, struct str *ret)
{
	size_t to = dot, from = dot;

	while (to + 2 <= s.n && to - dot <= EXTENSION_OCTETS && is_wide_letter(content_u16(s, to)))
		to += 2;
	if (to - dot <= 2 || to - dot > EXTENSION_OCTETS || to + 2 > s.n || content_u16(s, to) != 0)
		return false;
	for (; from >= 4 && dot - from < NAME_OCTETS; from -= 2) {
		*ret = str_sub(s, from, to - from);
		if (from < dot && (content_u32(s, from - 4) == ret->n + 2 || content_u32(s, from - 4) == ret->n))
			return true;
		if (content_u16(s, from - 2) < ' ')
			return false;
	}
	return false;
}

/* What files in it are called stands elsewhere: who clicks on one opens it by that. */
static uint32_t notebook_names(struct content_job *job, struct str s, unsigned depth)
{
	struct str name;
	uint32_t flags = 0;
	ptrdiff_t next;

	for (size_t at = 0; !content_is_over(job) && (next = str_find(str_from(s, at), (struct str){".\0", 2})) >= 0; at += 2) {
		struct buf room = {0};

		at += (size_t)next;
		if (wide_name_at(s, at, &name))
			flags |= content_embedded(job, content_utf8(name, &room), STR_NONE, depth);
		buf_free(&room);
	}
	return flags;
}

/* Files in a notebook stand behind a mark of their own, with their length. */
uint32_t notebook_flags(struct content_job *job, struct str s, unsigned depth)
{
	static const struct str mark = {"\xe7\x16\xe3\xbd\x65\x26\x11\x45\xa4\xc4\x8d\x4d\x0b\x7a\x9e\xac", 16};
	struct str whole = s;
	uint32_t flags = 0;
	ptrdiff_t at;

	for (unsigned i = 0; i < NOTEBOOK_FILES_MAX && !content_is_over(job) && (at = str_find(s, mark)) >= 0; i++) {
		struct str data = str_sub(s, (size_t)at + 36, content_u32(s, (size_t)at + 16));
		enum wire_kind_id kind = content_kind(data);

		s = str_from(s, (size_t)at + 16);
		if (wire_kind(kind)->flags & WIRE_F_PROGRAM || (kind != KIND_PNG && kind != KIND_JPEG && kind != KIND_EMPTY))
			flags |= WIRE_F_EMBEDDED | content_embedded(job, STR_NONE, data, depth);
	}
	return flags & WIRE_F_EMBEDDED ? flags | notebook_names(job, whole, depth) : flags;
}

/* "ActiveMime", a head, then an OLE file that zlib compressed: macros or objects. */
uint32_t activemime_flags(struct content_job *job, struct str s, unsigned depth)
{
	struct buf plain = {0};
	enum wire_kind_id kind = KIND_OLE;
	ptrdiff_t at = str_chr(str_from(s, 16), 'x');
	uint32_t flags = WIRE_F_MACRO; /* what cannot be read is taken for the worse */

	if (at >= 0 && at < 256 && archive_inflate(job, str_from(s, 16 + (size_t)at), &plain)) {
		flags = content_kind(buf_str(&plain)) == KIND_OLE ? ole_flags(job, buf_str(&plain), &kind, depth) : 0;
		flags |= flags & WIRE_F_MACRO ? 0 : WIRE_F_EMBEDDED;
	}
	buf_free(&plain);
	return flags;
}
