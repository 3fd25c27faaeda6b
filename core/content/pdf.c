/* A search, no parser: files that are damaged on purpose are read as far as they go. */
#include "core/content/pdf.h"

#include <zlib.h>

#include "core/url/url.h"

enum { DICTIONARY_MAX = 2048, PIECE = 16 * 1024, WORDS_MAX = 20000 /* "stream", at the end of one too */,
	HEX_MAX = 4 * URL_BYTES_MAX };

struct links {
	struct arena *arena;
	void (*take)(void *arg, struct str link);
	void *arg;
	unsigned count;
};

/* ---- strings ---- */

static int octal(struct str s, size_t *i)
{
	int value = 0;

	for (int k = 0; k < 3 && *i < s.n && s.p[*i] >= '0' && s.p[*i] <= '7'; k++)
		value = value * 8 + (s.p[(*i)++] - '0');
	--*i;
	return value & 255;
}

/* "(text\)more)" without what escapes; *rest is then behind it. */
static struct str literal(struct arena *a, struct str *rest)
{
	struct str raw;
	size_t n = 1, length = 0;
	char *out;

	while (n < rest->n && n < URL_BYTES_MAX && rest->p[n] != ')')
		n += rest->p[n] == '\\' && n + 1 < rest->n ? 2 : 1;
	raw = str_sub(*rest, 1, n - 1);
	*rest = str_from(*rest, n);
	out = arena_alloc(a, raw.n + 1);
	for (size_t i = 0; i < raw.n; i++) {
		bool is_escaped = raw.p[i] == '\\' && i + 1 < raw.n;

		i += is_escaped;
		if (is_escaped && (raw.p[i] == '\n' || raw.p[i] == '\r'))
			continue; /* the line goes on */
		out[length++] = is_escaped && raw.p[i] >= '0' && raw.p[i] <= '7' ? (char)octal(raw, &i) : raw.p[i];
	}
	return (struct str){out, length};
}

/* "<68747470...>"; blanks may stand between the digits. */
static struct str hexadecimal(struct arena *a, struct str *rest)
{
	struct str near = str_sub(*rest, 0, HEX_MAX);
	ptrdiff_t end = str_chr(near, '>');
	size_t n = 1, length = 0, most = (end < 0 ? near.n : (size_t)end) / 2;
	char *out;
	int high = -1;

	most = most < URL_BYTES_MAX ? most : URL_BYTES_MAX;
	out = arena_alloc(a, most + 1);
	for (; n < near.n && near.p[n] != '>' && length < most; n++) {
		int digit = hex_value(near.p[n]);

		if (digit >= 0 && high >= 0)
			out[length++] = (char)(high << 4 | digit);
		high = digit < 0 ? high : high >= 0 ? -1 : digit;
	}
	*rest = str_from(*rest, n);
	return (struct str){out, length};
}

static void links_in(struct links *l, struct str rest)
{
	ptrdiff_t at;

	while (l->count < PDF_LINKS_MAX && (at = str_find(rest, STR("/URI"))) >= 0) {
		struct str link;

		rest = str_trim(str_from(rest, (size_t)at + 4));
		if (!rest.n || (rest.p[0] != '(' && rest.p[0] != '<') || str_starts(rest, STR("<<")))
			continue;
		l->count++;
		link = rest.p[0] == '(' ? literal(l->arena, &rest) : hexadecimal(l->arena, &rest);
		if (link.n)
			l->take(l->arg, link);
	}
}

/* ---- streams of objects ---- */

/* Adds what comes out until the budget is used; damage ends it without a word. */
static void inflate_stream(struct str packed, size_t *budget, struct buf *out)
{
	z_stream z = {.next_in = (Bytef *)packed.p, .avail_in = (uInt)packed.n};
	int result = Z_OK;

	if (inflateInit(&z) != Z_OK)
		return;
	while (result == Z_OK && *budget) {
		uInt room = *budget < PIECE ? (uInt)*budget : PIECE;

		z.next_out = (Bytef *)buf_reserve(out, room);
		z.avail_out = room;
		result = inflate(&z, Z_NO_FLUSH);
		out->n += room - z.avail_out;
		*budget -= room - z.avail_out;
	}
	inflateEnd(&z);
}

/* What stands before "stream", back to where the object begins. */
static struct str dictionary_before(struct str s, size_t at)
{
	struct str d = str_sub(s, at > DICTIONARY_MAX ? at - DICTIONARY_MAX : 0, at > DICTIONARY_MAX ? DICTIONARY_MAX : at);

	for (ptrdiff_t next; (next = str_find(d, STR("obj"))) >= 0;)
		d = str_from(d, (size_t)next + 3);
	return d;
}

/* Names may be written with #xx: such a stream is tried. */
static bool may_hold_objects(struct str dictionary)
{
	return str_find(dictionary, STR("/ObjStm")) >= 0 || str_chr(dictionary, '#') >= 0;
}

static struct str data_behind(struct str s, size_t at)
{
	s = str_from(s, at);
	return str_from(s, str_starts(s, STR("\r\n")) ? 2 : str_starts(s, STR("\n")) || str_starts(s, STR("\r")) ? 1 : 0);
}

void pdf_links(struct arena *a, struct str pdf, void (*take)(void *arg, struct str link), void *arg)
{
	struct links l = {.arena = a, .take = take, .arg = arg};
	struct buf plain = {0};
	size_t at = 0, budget = PDF_UNPACKED_MAX;

	pdf = str_sub(pdf, 0, PDF_MAX);
	links_in(&l, pdf);
	for (unsigned i = 0, word = 0; i < PDF_STREAMS_MAX && word < WORDS_MAX && budget && l.count < PDF_LINKS_MAX; word++) {
		ptrdiff_t next = str_find(str_from(pdf, at), STR("stream"));

		if (next < 0)
			break;
		at += (size_t)next + 6;
		if (!may_hold_objects(dictionary_before(pdf, at - 6)))
			continue;
		i++;
		plain.n = 0;
		inflate_stream(data_behind(pdf, at), &budget, &plain);
		links_in(&l, buf_str(&plain));
	}
	buf_free(&plain);
}
