/*
 * Zip files as they lie there: the list of members at the end, and the heads before each. Who reads a
 * zip file may go by either, so both are asked for; here is what they say, and what kind that makes.
 */
#define _GNU_SOURCE
#include <string.h>

#include "scanner/content/content.h"

enum {
	ENTRIES_MAX = 1 << 20, END = 22, ENTRY = 46, HEAD = 30, COMMENT_MAX = 65535, ENDS_MAX = 64,
	END64 = 56, LOCATOR = 20, NOT_HERE = -1 /* of 32 bits: the number is elsewhere */, EXTRA_64 = 1,
	METHOD_KNOWN = 12, METHOD_AES = 99
};

static bool is_at(struct str s, size_t at, const char *mark)
{
	return at < s.n && s.n - at >= 4 && memcmp(s.p + at, mark, 4) == 0;
}

static uint64_t number64(struct str s, size_t at)
{
	return content_u32(s, at) | (uint64_t)content_u32(s, at + 4) << 32;
}

/* ---- the list ---- */

/* Where the record for large files stands, which says more than that at the end; 0 there is none. */
static size_t find_end64(struct str s, size_t end)
{
	size_t locator = end >= LOCATOR ? end - LOCATOR : 0, at;

	if (!is_at(s, locator, "PK\6\7"))
		return 0;
	at = number64(s, locator + 8);
	if (is_at(s, at, "PK\6\6"))
		return at;
	at = locator >= END64 ? locator - END64 : 0;
	return is_at(s, at, "PK\6\6") ? at : 0;
}

static bool read_end(struct str s, size_t end, struct zip_list *ret)
{
	uint64_t size = content_u32(s, end + 12), start = content_u32(s, end + 16), before = end;
	size_t end64 = size == (uint32_t)NOT_HERE || start == (uint32_t)NOT_HERE ? find_end64(s, end) : 0;

	if (end64) {
		size = number64(s, end64 + 40);
		start = number64(s, end64 + 48);
		before = end64;
	}
	/* Something may stand before the whole file: then only the size is right. */
	ret->at = size <= before && is_at(s, before - size, "PK\1\2") ? before - size : start;
	ret->shift = ret->at > start ? ret->at - start : 0;
	ret->end = end + END + content_u16(s, end + 20);
	ret->bytes = s;
	ret->read = 0;
	return is_at(s, ret->at, "PK\1\2");
}

/* Most files are none: the letter is looked for. */
bool zip_find_list(struct str s, struct zip_list *ret)
{
	struct str tail = str_from(s, s.n > END + COMMENT_MAX ? s.n - END - COMMENT_MAX : 0);
	size_t left = tail.n < END ? 0 : tail.n - END + 1;
	const char *p;

	for (unsigned ends = 0; left && ends < ENDS_MAX && (p = memrchr(tail.p, 'P', left)); left = (size_t)(p - tail.p)) {
		if (memcmp(p, "PK\5\6", 4) != 0)
			continue;
		ends++;
		if (read_end(s, (size_t)(p - s.p), ret))
			return true;
	}
	return false;
}

struct str zip_extra(struct str extra, unsigned id)
{
	while (extra.n >= 4) {
		size_t n = content_u16(extra, 2);

		if (content_u16(extra, 0) == id)
			return str_sub(extra, 4, n);
		extra = str_from(extra, 4 + n);
	}
	return STR_NONE;
}

/* A number of the list; when it is too large for its place, it is the next of those in a field of their own. */
static uint64_t list_number(struct str entry, size_t at, struct str *large)
{
	uint64_t n = content_u32(entry, at);

	if (n != (uint32_t)NOT_HERE || large->n < 8)
		return n;
	n = number64(*large, 0);
	*large = str_from(*large, 8);
	return n;
}

bool zip_next_listed(struct zip_list *list, struct zip_entry *ret)
{
	struct str e = str_from(list->bytes, list->at), large;
	uint64_t local;

	if (e.n < ENTRY || !is_at(e, 0, "PK\1\2") || list->read++ >= ENTRIES_MAX)
		return false;
	*ret = (struct zip_entry){.version = content_u16(e, 6), .flags = content_u16(e, 8), .method = content_u16(e, 10), .check = content_u32(e, 16),
	    .is_folder = content_u32(e, 38) & 0x10, .name = str_sub(e, ENTRY, content_u16(e, 28))};
	ret->extra = str_sub(e, ENTRY + (size_t)content_u16(e, 28), content_u16(e, 30));
	large = zip_extra(ret->extra, EXTRA_64);
	ret->size = list_number(e, 24, &large);
	ret->packed = list_number(e, 20, &large);
	local = list_number(e, 42, &large);
	/* What was put before it may be counted or not. */
	ret->local = is_at(list->bytes, local + list->shift, "PK\3\4") ? local + list->shift : local;
	list->at += ENTRY + (size_t)content_u16(e, 28) + content_u16(e, 30) + content_u16(e, 32);
	return true;
}

/* ---- heads ---- */

bool zip_read_head(struct str s, size_t at, struct zip_entry *ret)
{
	struct str e = str_from(s, at);

	if (e.n < HEAD || !is_at(e, 0, "PK\3\4"))
		return false;
	*ret = (struct zip_entry){.version = content_u16(e, 4), .flags = content_u16(e, 6), .method = content_u16(e, 8), .check = content_u32(e, 14),
	    .packed = content_u32(e, 18), .size = content_u32(e, 22), .local = at, .name = str_sub(e, HEAD, content_u16(e, 26))};
	ret->extra = str_sub(e, HEAD + (size_t)content_u16(e, 26), content_u16(e, 28));
	ret->data = at + HEAD + (size_t)content_u16(e, 26) + content_u16(e, 28);
	return true;
}

/* ---- what the members make of it ---- */

/* What members tell. The first row that has all of its bits names the kind. */
enum { HAS_TYPES = 1, HAS_WORD = 2, HAS_SHEETS = 4, HAS_SLIDES = 8, HAS_MANIFEST = 16, HAS_CLASS = 32 };

static const struct {
	unsigned members;
	enum wire_kind_id kind;
} zip_kinds[] = {
    {HAS_TYPES | HAS_WORD, KIND_DOCX}, {HAS_TYPES | HAS_SHEETS, KIND_XLSX}, {HAS_TYPES | HAS_SLIDES, KIND_PPTX},
    {HAS_TYPES, KIND_OOXML}, {HAS_MANIFEST | HAS_CLASS, KIND_JAR}, {0, KIND_ZIP},
};

/* A folder, whichever of the two slashes is behind it. */
static bool is_below(struct str name, const char *folder)
{
	size_t n = strlen(folder);

	return name.n > n && str_istarts(name, str_of(folder)) && (name.p[n] == '/' || name.p[n] == '\\');
}

static unsigned member_bits(struct str name)
{
	unsigned bits = 0;

	if (name.n && (name.p[0] == '/' || name.p[0] == '\\'))
		name = str_from(name, 1);
	bits |= str_iis(name, "[content_types].xml") ? HAS_TYPES : 0;
	bits |= is_below(name, "word") ? HAS_WORD : 0;
	bits |= is_below(name, "xl") ? HAS_SHEETS : 0;
	bits |= is_below(name, "ppt") ? HAS_SLIDES : 0;
	bits |= str_is(name, "META-INF/MANIFEST.MF") ? HAS_MANIFEST : 0;
	bits |= str_ends(name, STR(".class")) ? HAS_CLASS : 0;
	return bits;
}

/* Members in their own order, as far as their sizes are told, for files without a list. */
static unsigned local_bits(struct str s)
{
	unsigned bits = 0;
	struct zip_entry e;

	for (size_t i = 0, at = 0; i < ENTRIES_MAX && zip_read_head(s, at, &e); i++) {
		bits |= member_bits(e.name);
		at = e.data + e.packed;
	}
	return bits;
}

enum wire_kind_id zip_kind(struct str s)
{
	struct str head = str_sub(s, 0, 256);
	struct zip_list list;
	struct zip_entry e;
	unsigned bits = 0;
	size_t i = 0;

	if (str_find(head, STR("mimetypeapplication/vnd.oasis")) >= 0 || str_find(head, STR("mimetypeapplication/vnd.sun.xml")) >= 0)
		return KIND_ODF;
	if (zip_find_list(s, &list))
		while (zip_next_listed(&list, &e))
			bits |= member_bits(e.name);
	else
		bits = local_bits(s);
	while ((bits & zip_kinds[i].members) != zip_kinds[i].members)
		i++;
	return zip_kinds[i].kind;
}

/* The head does not say what the list does, or is not there. */
static bool differs(struct str s, const struct zip_entry *e)
{
	struct zip_entry head;

	if (!zip_read_head(s, e->local, &head) || head.method != e->method)
		return true;
	return !(head.flags & ZIP_SIZES_LATER) && (head.packed != e->packed || head.size != e->size);
}

/* libclamav unpacks what is stored, shrunk, imploded, deflated in two ways, bzip2; and reads no more than one file, from its first octet. */
bool zip_is_odd(struct str s)
{
	struct zip_list list;
	struct zip_entry e;

	if (!zip_find_list(s, &list) || list.shift || list.end != s.n || !is_at(s, 0, "PK\3\4"))
		return true; /* who knows */
	while (zip_next_listed(&list, &e))
		if ((e.method > METHOD_KNOWN && e.method != METHOD_AES) || differs(s, &e))
			return true;
	return false;
}

/* In names that do not say what they are written in, the other programs' UTF-8. */
bool zip_names_are_utf8(struct str s)
{
	struct zip_list list;
	struct zip_entry e;

	if (!zip_find_list(s, &list))
		return false;
	while (zip_next_listed(&list, &e))
		if (!(e.flags & ZIP_UTF8) && !str_is_utf8(e.name))
			return false;
	return true;
}
