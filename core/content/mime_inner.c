/*
 * Files inside of parts that MIME does not know of: TNEF containers and uuencoded files in text.
 * They hang under the part that carries them, as leaves of their own.
 */
#include "core/content/decode.h"
#include "core/content/mime_private.h"
#include "core/content/tnef.h"

enum { TNEF_FILES_MAX = 100, TNEF_BYTES_MAX = 64 * 1024 * 1024 };

static struct mime_part *add_inner(struct mime *mime, struct mime_part *parent, struct mime_part **last)
{
	struct mime_part *part;

	if (mime->part_count >= MIME_PARTS_MAX || parent->depth >= MIME_DEPTH_MAX) {
		parent->anomalies |= MIME_PART_LIMIT;
		mime->anomalies |= MIME_PART_LIMIT;
		return NULL;
	}
	part = arena_alloc(mime->arena, sizeof *part);
	part->parent = parent;
	part->depth = parent->depth + 1;
	part->type = STR("application/octet-stream");
	part->disposition = STR("attachment");
	if (*last)
		(*last)->next = part;
	else
		parent->first = part;
	*last = part;
	mime->part_count++;
	return part;
}

/* ---- TNEF ---- */

static bool is_tnef(const struct mime_part *part)
{
	return str_is(part->type, "application/ms-tnef") || str_is(part->type, "application/vnd.ms-tnef") ||
	    str_iis(part->filename, "winmail.dat");
}

static void list_tnef(struct mime *mime, struct mime_part *part)
{
	struct tnef_file *files = arena_array(mime->arena, TNEF_FILES_MAX, sizeof *files);
	struct mime_part *last = NULL, *inner;
	bool is_whole;
	struct str octets;
	size_t n;

	if (part->body.n > TNEF_BYTES_MAX)
		return;
	octets = mime_decoded(mime, part);
	n = tnef_list(mime->arena, octets, files, TNEF_FILES_MAX, &is_whole);
	for (size_t i = 0; i < n && (inner = add_inner(mime, part, &last)); i++) {
		inner->filename = files[i].name;
		inner->body = files[i].data.p ? files[i].data : str_sub(octets, 0, 0);
		inner->offset = (size_t)(inner->body.p - octets.p);
	}
}

/* ---- uuencode ---- */

/*
 * From the "begin" line to behind the "end" line, or to where another file begins. Lines that are no
 * data are passed over, as decoders do: one of them must not hide a file. Without an end they must be fewer.
 */
static bool uu_extent(struct str text, size_t *ret_n)
{
	struct str rest = text, line, name;
	size_t data = 0, others = 0;
	bool is_end = false;

	str_split(&rest, '\n', &line);
	*ret_n = text.n;
	while (!is_end && rest.n && str_split(&rest, '\n', &line)) {
		size_t start = (size_t)(line.p - text.p);

		while (line.n && is_space((unsigned char)line.p[line.n - 1]))
			line.n--;
		if (uu_begin(line, &name)) {
			*ret_n = start;
			break;
		}
		is_end = str_is(line, "end");
		data += uu_is_data(line);
		others += line.n > 1 && !uu_is_data(line) && !is_end;
		*ret_n = rest.p ? (size_t)(rest.p - text.p) : text.n;
	}
	return data && (is_end || data > others);
}

/* Place of the next line that starts with "begin ", or the length. */
static size_t next_begin(struct str text, size_t from)
{
	for (;;) {
		ptrdiff_t at = str_find(str_from(text, from), STR("begin "));

		if (at < 0)
			return text.n;
		from += (size_t)at;
		if (from == 0 || text.p[from - 1] == '\n')
			return from;
		from += 6;
	}
}

static void list_uuencoded(struct mime *mime, struct mime_part *part)
{
	struct mime_part *last = NULL, *inner;
	size_t at = 0, n;

	while ((at = next_begin(part->body, at)) < part->body.n) {
		struct str from = str_from(part->body, at), name, line = from;

		if (str_chr(line, '\n') >= 0)
			line.n = (size_t)str_chr(line, '\n');
		line = str_trim(line);
		at += 6;
		if (!uu_begin(line, &name) || !uu_extent(from, &n))
			continue;
		inner = add_inner(mime, part, &last);
		if (!inner)
			return;
		inner->filename = name;
		inner->encoding = MIME_UUENCODE;
		inner->encoding_name = STR("x-uuencode");
		inner->body = str_sub(from, 0, n);
		inner->offset = part->offset + at - 6;
		part->anomalies |= MIME_UUENCODED_TEXT;
		mime->anomalies |= MIME_UUENCODED_TEXT;
		at += n - 6;
	}
}

void mime_list_inner(struct mime *mime)
{
	struct mime_part *next;

	for (struct mime_part *part = mime->root; part; part = next) {
		next = mime_next(part);
		if (!mime_is_leaf(part) || part->first)
			continue;
		if (is_tnef(part))
			list_tnef(mime, part);
		else if (part->has_begin_line && part->encoding == MIME_IDENTITY && str_is(part->type, "text/plain"))
			list_uuencoded(mime, part);
	}
}
