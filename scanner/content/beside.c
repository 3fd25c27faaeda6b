/*
 * Files that are two things at once: a picture with an archive behind it, a program that unpacks
 * itself, a disk whose first octets are a document. The first octets gave the kind; here is what else
 * other programs would read in them.
 */
#include <string.h>

#include "scanner/content/content.h"

enum { SEARCHED = 4 << 20 /* programs look no further for an archive behind something */, MARKS_MAX = 64 };

/* At most so many marks that are none are passed over. */
static struct str find_mark(struct str s, struct str mark, bool (*is_one)(struct str archive))
{
	struct str rest = str_sub(s, 0, SEARCHED);

	for (unsigned i = 0; i < MARKS_MAX; i++) {
		ptrdiff_t at = str_find(rest, mark);
		struct str archive;

		if (at < 0)
			return STR_NONE;
		archive = str_from(s, (size_t)(rest.p - s.p) + (size_t)at);
		if (is_one(archive))
			return archive;
		rest = str_from(rest, (size_t)at + mark.n);
	}
	return STR_NONE;
}

static bool is_rar(struct str s)
{
	return s.n > 20 && (s.p[6] == '\1' ? s.p[7] == '\0' : s.p[6] == '\0' && s.p[9] == '\x73');
}

static bool is_7z(struct str s)
{
	uint64_t at = content_u32(s, 12) | (uint64_t)content_u32(s, 16) << 32;

	return s.n > 32 && s.p[6] == '\0' && at < s.n && content_u32(s, 24) == 0 && s.n - at >= content_u32(s, 20);
}

static bool is_cab(struct str s)
{
	return s.n > 36 && content_u32(s, 4) == 0 && content_u32(s, 12) == 0 && content_u32(s, 8) <= s.n && content_u16(s, 24) == 0x103;
}

static struct str find_rar(struct str s)
{
	return find_mark(s, STR("Rar!\x1a\a"), is_rar);
}

static struct str find_7z(struct str s)
{
	return find_mark(s, STR("7z\xbc\xaf\x27\x1c"), is_7z);
}

static struct str find_cab(struct str s)
{
	return find_mark(s, STR("MSCF"), is_cab);
}

static struct str find_zip(struct str s)
{
	struct zip_list list;

	return zip_find_list(s, &list) ? s : STR_NONE;
}

/* An archive ends with what is in it, but not as exactly. */
static struct str find_last_zip(struct str s)
{
	struct zip_list list;

	return zip_find_list(s, &list) && list.end == s.n ? s : STR_NONE;
}

static struct str find_iso(struct str s)
{
	return str_starts(str_from(s, 32769), STR("CD001")) ? s : STR_NONE;
}

static struct str find_tar(struct str s)
{
	return content_is_tar(s) ? s : STR_NONE;
}

/* What is looked for in what: of a kind, in all that is no archive, in archives. */
static const struct {
	enum wire_kind_id kind;
	bool in_others, in_archives;
	struct str (*find)(struct str s);
} sides[] = {
    {KIND_ZIP, true, false, find_zip}, {KIND_ZIP, false, true, find_last_zip}, {KIND_ISO, true, true, find_iso}, {KIND_TAR, true, true, find_tar},
    {KIND_RAR, true, false, find_rar}, {KIND_7Z, true, false, find_7z}, {KIND_CAB, true, false, find_cab},
};

uint32_t content_beside(struct content_job *job, struct str name, struct str bytes, enum wire_kind_id kind, unsigned depth)
{
	/* Files in an old document of Office stand in pieces all over it: its own reader puts them together. */
	bool is_archive = wire_kind(kind)->flags & WIRE_F_ARCHIVE || archive_is_zip(kind) || content_binary_kind(bytes) == KIND_OLE;
	uint32_t flags = 0;

	if (kind == KIND_EMPTY || kind == KIND_DISK)
		return 0;
	for (size_t i = 0; i < sizeof sides / sizeof *sides && !content_is_over(job); i++) {
		enum wire_kind_id side = sides[i].kind;
		struct str found;

		if (!(is_archive ? sides[i].in_archives : sides[i].in_others) || side == kind || (side == KIND_ZIP && archive_is_zip(kind)))
			continue;
		found = sides[i].find(bytes);
		if (!found.n)
			continue;
		side = side == KIND_ZIP ? zip_kind(found) : side;
		flags |= wire_kind(side)->flags | content_inside(job, name, found, side, depth, true);
	}
	if (!is_archive && kind != KIND_PDF && content_is_late_pdf(bytes))
		flags |= pdf_flags(job, bytes, depth);
	return flags;
}
