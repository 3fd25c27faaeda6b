/* Kind by the first octets, then what the kind asks for, then what is inside. */
#define _GNU_SOURCE
#include "scanner/content.h"

#include <string.h>
#include <time.h>

#include "scanner/engine.h"

#define MAGIC(offset, literal, kind) {offset, sizeof(literal) - 1, literal, kind}

static const struct magic {
	unsigned offset;
	unsigned n;
	const char *octets;
	enum wire_kind_id kind;
} magics[] = {
    MAGIC(0, "PK\003\004", KIND_ZIP), MAGIC(0, "PK\005\006", KIND_ZIP), MAGIC(0, "PK\007\010PK", KIND_ZIP),
    MAGIC(0, "%PDF-", KIND_PDF), MAGIC(0, "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", KIND_OLE), MAGIC(0, "{\\rt", KIND_RTF),
    MAGIC(0, "\x7f" "ELF", KIND_ELF), MAGIC(0, "\xfe\xed\xfa\xce", KIND_MACHO), MAGIC(0, "\xfe\xed\xfa\xcf", KIND_MACHO),
    MAGIC(0, "\xce\xfa\xed\xfe", KIND_MACHO), MAGIC(0, "\xcf\xfa\xed\xfe", KIND_MACHO), MAGIC(0, "dex\n03", KIND_DEX),
    MAGIC(0, "L\0\0\0\001\024\002\0", KIND_LNK), MAGIC(0, "Rar!\x1a\a", KIND_RAR), MAGIC(0, "7z\xbc\xaf\x27\x1c", KIND_7Z),
    MAGIC(257, "ustar", KIND_TAR), MAGIC(0, "\x1f\x8b\x08", KIND_GZIP), MAGIC(0, "BZh", KIND_BZIP2),
    MAGIC(0, "\xfd" "7zXZ\0", KIND_XZ), MAGIC(0, "\x28\xb5\x2f\xfd", KIND_ZSTD), MAGIC(0, "MSCF", KIND_CAB),
    MAGIC(32769, "CD001", KIND_ISO), MAGIC(34817, "CD001", KIND_ISO), MAGIC(32769, "BEA01", KIND_UDF),
    MAGIC(32769, "NSR0", KIND_UDF), MAGIC(2, "-lh", KIND_LHA), MAGIC(2, "-lz", KIND_LHA),
    MAGIC(0, "070701", KIND_CPIO), MAGIC(0, "070702", KIND_CPIO), MAGIC(0, "070707", KIND_CPIO),
    MAGIC(0, "\xc7\x71", KIND_CPIO), MAGIC(0, "\x71\xc7", KIND_CPIO), MAGIC(7, "**ACE**", KIND_ACE),
    MAGIC(0, "LZIP", KIND_LZ), MAGIC(0, "\x1f\x9d", KIND_COMPRESS), MAGIC(0, "\x78\x9f\x3e\x22", KIND_TNEF),
    MAGIC(0, "ITSF", KIND_CHM), MAGIC(0, "conectix", KIND_VHD), MAGIC(0, "vhdxfile", KIND_VHD), MAGIC(0, "KDMV", KIND_VHD),
    MAGIC(0, "\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d", KIND_ONENOTE), MAGIC(0, "FWS", KIND_SWF), MAGIC(0, "CWS", KIND_SWF),
    MAGIC(0, "ZWS", KIND_SWF), MAGIC(0, "\x89PNG\r\n\x1a\n", KIND_PNG), MAGIC(0, "\xff\xd8\xff", KIND_JPEG),
    MAGIC(0, "GIF8", KIND_GIF), MAGIC(8, "WEBP", KIND_WEBP), MAGIC(0, "II*\0", KIND_TIFF), MAGIC(0, "MM\0*", KIND_TIFF),
    MAGIC(8, "WAVE", KIND_WAV), MAGIC(8, "AVI ", KIND_AVI), MAGIC(0, "\0\0\001\0", KIND_ICO), MAGIC(0, "ID3", KIND_MP3),
    MAGIC(4, "ftyp", KIND_MP4), MAGIC(0, "OggS", KIND_OGG), MAGIC(0, "OTTO", KIND_FONT), MAGIC(0, "wOFF", KIND_FONT),
    MAGIC(0, "wOF2", KIND_FONT), MAGIC(0, "\0\001\0\0\0", KIND_FONT), MAGIC(0, "#!", KIND_SHELL),
    MAGIC(0, "<?php", KIND_PHP), MAGIC(0, "\0asm", KIND_WASM), MAGIC(0, "SZDD\x88\xf0\x27\x33", KIND_SZDD),
    MAGIC(0, "REGEDIT4", KIND_REG), MAGIC(0, "Windows Registry Editor", KIND_REG),
    MAGIC(0, "SQLite format 3", KIND_SQLITE), MAGIC(0, "BEGIN:VCALENDAR", KIND_ICS), MAGIC(0, "BEGIN:VCARD", KIND_VCARD),
    MAGIC(0, "-----BEGIN PGP", KIND_PGP), MAGIC(0, "]\0\0", KIND_LZMA), MAGIC(0, "(This file must be converted with BinHex", KIND_BINHEX),
    MAGIC(0, "BM", KIND_BMP), MAGIC(0, "MZ", KIND_EXE), MAGIC(0, "ZM", KIND_EXE),
};

static unsigned u16_at(struct str s, size_t at)
{
	const unsigned char *p = (const unsigned char *)s.p + at;

	return at + 2 <= s.n ? p[0] | (unsigned)p[1] << 8 : 0;
}

static uint32_t u32_at(struct str s, size_t at)
{
	return at + 4 <= s.n ? u16_at(s, at) | (uint32_t)u16_at(s, at + 2) << 16 : 0;
}

/* Short magics need a second look, or every text that begins with BM is a picture. */
static bool is_plausible(struct str s, enum wire_kind_id kind)
{
	switch (kind) {
	case KIND_BMP:
		return s.n >= 26 && u32_at(s, 14) >= 12 && u32_at(s, 14) <= 124;
	case KIND_EXE: {
		size_t at = u32_at(s, 60); /* anything up to 4 GiB: as the file says */

		/* A bare DOS program has no second header, but control characters. */
		return s.n >= 28 && ((s.n >= 64 && s.n - 2 >= at && (s.p[at] == 'P' || s.p[at] == 'N' || s.p[at] == 'L')) ||
			memchr(s.p, 0, 64 < s.n ? 64 : s.n));
	}
	case KIND_LHA:
		return s.n > 22 && s.p[6] == '-';
	case KIND_BZIP2:
		return s.n > 10 && s.p[3] >= '1' && s.p[3] <= '9' && memcmp(s.p + 4, "1AY&SY", 6) == 0;
	case KIND_SWF:
		return s.n > 8 && (unsigned char)s.p[3] < 64;
	case KIND_LZMA:
		return s.n > 13 && (u32_at(s, 5) == 0xffffffff || s.p[12] == 0);
	case KIND_ICO:
		return s.n > 22 && u16_at(s, 4) > 0 && u16_at(s, 4) < 256;
	case KIND_MP4:
		return u16_at(s, 0) == 0;
	default:
		return true;
	}
}

ptrdiff_t content_find(struct str bytes, const char *needle)
{
	size_t n = strlen(needle);
	int low = needle[0], high = to_upper(low);

	for (size_t at = 0; at + n <= bytes.n; at++) {
		const char *p = bytes.p + at, *end = bytes.p + bytes.n - n;

		while (p <= end && *p != low && *p != high)
			p++;
		if (p > end)
			return -1;
		at = (size_t)(p - bytes.p);
		if (str_ieq((struct str){p, n}, (struct str){needle, n}))
			return (ptrdiff_t)at;
	}
	return -1;
}

bool content_has(struct str bytes, const char *needle)
{
	return content_find(bytes, needle) >= 0;
}

static struct str without_space(struct str s)
{
	if (str_starts(s, STR("\xef\xbb\xbf")))
		s = str_from(s, 3);
	while (s.n && (is_space(s.p[0]) || s.p[0] == '\0'))
		s = str_from(s, 1);
	return s;
}

static bool is_text(struct str s)
{
	size_t n = s.n < 4096 ? s.n : 4096, odd = 0;

	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c == 0)
			return false;
		odd += c < 32 && c != '\t' && c != '\n' && c != '\r' && c != '\f' && c != '\b' && c != 27;
	}
	return odd * 50 <= n;
}

static const struct {
	const char *start;
	enum wire_kind_id kind;
} texts[] = {{"<!doctype html", KIND_HTML}, {"<html", KIND_HTML}, {"<script", KIND_HTML}, {"<body", KIND_HTML},
    {"<head", KIND_HTML}, {"<svg", KIND_SVG}, {"@echo", KIND_BATCH}, {"[internetshortcut]", KIND_URL},
    {"<?xml", KIND_XML}, {"<job", KIND_VBSCRIPT}, {"<hta:", KIND_HTML}, {"received:", KIND_MAIL},
    {"return-path:", KIND_MAIL}};

static enum wire_kind_id text_kind(struct str s)
{
	struct str start = without_space(str_sub(s, 0, 4096));

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		if (str_istarts(start, str_of(texts[i].start)))
			return texts[i].kind == KIND_XML && content_has(str_sub(start, 0, 2048), "<svg") ? KIND_SVG :
			    texts[i].kind == KIND_XML && content_has(str_sub(start, 0, 2048), "<html") ? KIND_HTML : texts[i].kind;
	if (content_has(str_sub(start, 0, 2048), "<html") || content_has(start, "<script"))
		return KIND_HTML;
	return is_text(s) ? KIND_TEXT : KIND_UNKNOWN;
}

/* Programs open a PDF whose header stands further down. */
static bool is_late_pdf(struct str s)
{
	return str_find(str_sub(s, 0, 1024), STR("%PDF-")) >= 0;
}

enum wire_kind_id content_kind(struct str s)
{
	struct str start;

	if (s.n == 0)
		return KIND_EMPTY;
	for (size_t i = 0; i < sizeof magics / sizeof *magics; i++) {
		const struct magic *m = &magics[i];

		if (s.n >= m->offset + m->n && memcmp(s.p + m->offset, m->octets, m->n) == 0 && is_plausible(s, m->kind))
			return m->kind;
	}
	if (s.n > 8 && memcmp(s.p, "\xca\xfe\xba\xbe", 4) == 0)
		return s.p[4] == 0 && (unsigned char)s.p[7] < 20 ? KIND_MACHO : KIND_CLASS;
	if (s.n > 34 && u16_at(s, 0) == 0xea60 && u16_at(s, 2) <= 2600)
		return KIND_ARJ;
	if (s.n > 512 && str_ends(str_sub(s, s.n - 512, 4), STR("koly")))
		return KIND_DMG;
	start = without_space(str_sub(s, 0, 64));
	if (str_istarts(start, STR("{\\rt")))
		return KIND_RTF;
	return is_late_pdf(s) ? KIND_PDF : text_kind(s);
}

uint32_t content_flags(struct str bytes, enum wire_kind_id *kind)
{
	switch (*kind) {
	case KIND_OLE:
		return ole_flags(bytes, kind);
	case KIND_RTF:
		return rtf_flags(bytes);
	case KIND_PDF:
		return pdf_flags(bytes);
	case KIND_HTML:
	case KIND_SVG:
		return html_flags(bytes) | xml_flags(bytes);
	case KIND_XML:
	case KIND_MAIL:
		return xml_flags(bytes);
	case KIND_TEXT:
		return csv_flags(bytes) | xml_flags(bytes);
	default:
		return 0;
	}
}

static uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

bool content_is_over(struct content_job *job)
{
	const struct wire_settings *l = job->limits;

	if (job->members > l->max_members || job->unpacked > l->max_total ||
	    (job->unpacked > 16 * 1024 * 1024 && job->unpacked / l->max_ratio > job->leaf.n) || now_us() > job->deadline_us)
		job->is_over = true;
	return job->is_over;
}

/* A zip that is a document: said by its members, listed at the end and mostly at the start too. */
static enum wire_kind_id zip_kind(struct str s)
{
	struct str head = str_sub(s, 0, 4096), tail = s.n > 65536 ? str_from(s, s.n - 65536) : s;

	if (str_find(head, STR("mimetypeapplication/vnd.oasis")) >= 0 || str_find(head, STR("mimetypeapplication/vnd.sun.xml")) >= 0)
		return KIND_ODF;
	if (str_find(tail, STR("META-INF/MANIFEST.MF")) >= 0 && str_find(tail, STR(".class")) >= 0)
		return KIND_JAR;
	if (str_find(tail, STR("[Content_Types].xml")) < 0 && str_find(head, STR("[Content_Types].xml")) < 0)
		return KIND_ZIP;
	return str_find(tail, STR("word/")) >= 0 ? KIND_DOCX : str_find(tail, STR("xl/")) >= 0 ? KIND_XLSX :
	    str_find(tail, STR("ppt/")) >= 0 ? KIND_PPTX : KIND_OOXML;
}

static bool is_document(enum wire_kind_id kind)
{
	return kind == KIND_OOXML || kind == KIND_DOCX || kind == KIND_XLSX || kind == KIND_PPTX || kind == KIND_ODF;
}

static uint32_t look_inside(struct content_job *job, struct str bytes, enum wire_kind_id kind, unsigned depth)
{
	if (!archive_can_read(kind))
		return 0;
	if (depth > job->limits->max_depth) {
		job->is_over = true;
		return WIRE_F_LIMIT;
	}
	return archive_read_members(job, bytes, kind, depth);
}

static enum wire_kind_id exact_kind(struct str bytes)
{
	enum wire_kind_id kind = content_kind(bytes);

	return kind == KIND_ZIP ? zip_kind(bytes) : kind;
}

/* An OLE file in a document is an object of it; alone in an archive it is a file like others. */
uint32_t content_member(struct content_job *job, struct str name, struct str bytes, uint64_t size, uint32_t flags,
    unsigned depth)
{
	struct wire_record record = {.type = WIRE_MEMBER, .item = job->item, .depth = (uint16_t)depth, .size = size};
	enum wire_kind_id container = exact_kind(bytes), kind = container, document = KIND_OOXML;
	bool was_document = job->is_document;
	uint32_t inside;
	size_t at = 0;
	bool is_told = false;

	flags |= wire_kind(kind)->flags | content_flags(bytes, &kind);
	flags |= was_document ? ooxml_member_flags(name, bytes, &document) : 0;
	record.kind = (uint16_t)kind;
	record.flags = flags;
	if (bytes.n)
		engine_sha256(bytes, record.hash);
	if (!was_document || (flags & ~(uint32_t)WIRE_F_HTML))
		is_told = wire_answer_add(job->answer, &record, name, &at);
	if (!is_told && !was_document)
		job->is_over = true; /* what cannot be told was not seen */
	job->is_document = is_document(container);
	inside = content_is_over(job) ? 0 : look_inside(job, bytes, container, depth + 1);
	job->is_document = was_document;
	if (is_told && inside)
		wire_answer_mark(job->answer, at, kind, inside);
	return flags | inside;
}

uint32_t content_examine(struct content_job *job, struct str bytes, bool is_body)
{
	struct wire_record record = {.type = WIRE_CONTENT, .item = job->item, .size = bytes.n};
	enum wire_kind_id container = exact_kind(bytes), kind = container;
	uint32_t flags = wire_kind(kind)->flags;
	size_t at;

	job->leaf = bytes;
	record.kind = (uint16_t)kind;
	engine_sha256(bytes, record.hash);
	if (!wire_answer_add(job->answer, &record, STR_NONE, &at)) {
		job->is_over = true;
		return WIRE_F_LIMIT;
	}
	if (!is_body || kind == KIND_OLE || kind == KIND_PDF)
		flags |= content_flags(bytes, &kind);
	job->is_document = is_document(container);
	flags |= look_inside(job, bytes, container, 1);
	flags |= job->is_over ? WIRE_F_LIMIT : 0;
	wire_answer_mark(job->answer, at, kind, flags);
	return flags;
}
