/* What bytes are, by their first octets: a table, and a second look where those are few. */
#define _GNU_SOURCE
#include "scanner/content/content.h"

#include <string.h>

#define MAGIC(offset, literal, kind) {offset, sizeof(literal) - 1, literal, kind}

static const struct content_magic magics[] = {
    MAGIC(0, "PK\003\004", KIND_ZIP), MAGIC(0, "PK\005\006", KIND_ZIP), MAGIC(0, "PK\007\010PK", KIND_ZIP),
    MAGIC(0, "%PDF-", KIND_PDF), MAGIC(0, "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", KIND_OLE), MAGIC(0, "{\\rt", KIND_RTF),
    MAGIC(0, "\x7f" "ELF", KIND_ELF), MAGIC(0, "\xfe\xed\xfa\xce", KIND_MACHO), MAGIC(0, "\xfe\xed\xfa\xcf", KIND_MACHO),
    MAGIC(0, "\xce\xfa\xed\xfe", KIND_MACHO), MAGIC(0, "\xcf\xfa\xed\xfe", KIND_MACHO), MAGIC(0, "dex\n03", KIND_DEX),
    MAGIC(0, "L\0\0\0\001\024\002\0", KIND_LNK), MAGIC(0, "Rar!\x1a\a", KIND_RAR), MAGIC(0, "7z\xbc\xaf\x27\x1c", KIND_7Z),
    MAGIC(0, "RE~^", KIND_RAR), MAGIC(257, "ustar", KIND_TAR), MAGIC(0, "\x1f\x8b\x08", KIND_GZIP), MAGIC(0, "BZh", KIND_BZIP2),
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
    MAGIC(0, "\x09\x08\x10\0", KIND_EXCEL), MAGIC(0, "\x09\x08\x08\0", KIND_EXCEL), MAGIC(0, "\x09\x04\x06\0", KIND_EXCEL),
    MAGIC(0, "\x09\x02\x06\0", KIND_EXCEL), MAGIC(0, "\x09\0\x04\0", KIND_EXCEL), MAGIC(0, "ActiveMime", KIND_MSO),
    MAGIC(0, "\x02\x21\x4c\x18", KIND_LZ4), MAGIC(0, "MSWIM\0\0\0", KIND_WIM), MAGIC(0, "ID;P", KIND_SLK),
    MAGIC(0, "\x04\x22\x4d\x18", KIND_LZ4), MAGIC(0, "!<arch>\n", KIND_AR), MAGIC(0, "\xed\xab\xee\xdb", KIND_RPM),
    MAGIC(0, "xar!\0\x1c", KIND_XAR), MAGIC(0, "ALZ\001", KIND_ALZ), MAGIC(0, "EGGA", KIND_EGG), MAGIC(0, "StuffIt ", KIND_STUFFIT),
    MAGIC(10, "rLau", KIND_STUFFIT), MAGIC(20, "\xdc\xa7\xc4\xfd", KIND_ZOO), MAGIC(0, "7kSt", KIND_ZPAQ), MAGIC(0, "zPQ", KIND_ZPAQ),
    MAGIC(0, "\x89LZO\0\r\n\x1a\n", KIND_LZO), MAGIC(0, "QFI\xfb", KIND_VHD), MAGIC(64, "\x7f\x10\xda\xbe", KIND_VHD),
    MAGIC(0, "BM", KIND_BMP), MAGIC(0, "MZ", KIND_EXE), MAGIC(0, "ZM", KIND_EXE),
};

/* Short magics need a second look, or every text that begins with BM is a picture. */
static bool is_plausible(struct str s, enum wire_kind_id kind)
{
	switch (kind) {
	case KIND_BMP:
		return s.n >= 26 && content_u32(s, 14) >= 12 && content_u32(s, 14) <= 124;
	case KIND_EXE: {
		size_t at = content_u32(s, 60); /* anything up to 4 GiB: as the file says */

		/* A bare DOS program has no second header, but control characters. */
		return s.n >= 28 && ((s.n >= 64 && s.n - 2 >= at && (s.p[at] == 'P' || s.p[at] == 'N' || s.p[at] == 'L')) ||
			memchr(s.p, 0, 64 < s.n ? 64 : s.n));
	}
	case KIND_LHA:
		return s.n > 22 && s.p[6] == '-';
	case KIND_BZIP2:
		/* The second is the end of nothing, with more to follow. */
		return s.n > 10 && s.p[3] >= '1' && s.p[3] <= '9' &&
		       (memcmp(s.p + 4, "1AY&SY", 6) == 0 || memcmp(s.p + 4, "\x17\x72\x45\x38\x50\x90", 6) == 0);
	case KIND_SWF:
		return s.n > 8 && (unsigned char)s.p[3] < 64;
	case KIND_LZMA:
		return s.n > 13 && (content_u32(s, 5) == 0xffffffff || s.p[12] == 0);
	case KIND_ICO:
		return s.n > 22 && content_u16(s, 4) > 0 && content_u16(s, 4) < 256;
	case KIND_MP4:
		return content_u16(s, 0) == 0;
	default:
		return true;
	}
}

enum { PAGE_MAX = 65536, DECLARED_MAX = 64 };

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
} texts[] = {{"<!doctype html", KIND_HTML}, {"<html", KIND_HTML}, {"<script>", KIND_HTML}, {"<script ", KIND_HTML}, {"<body", KIND_HTML},
    {"<head", KIND_HTML}, {"<svg", KIND_SVG}, {"@echo", KIND_BATCH}, {"[internetshortcut]", KIND_URL},
    {"<?xml", KIND_XML}, {"<job", KIND_VBSCRIPT}, {"<hta:", KIND_HTML}, {"received:", KIND_MAIL},
    {"return-path:", KIND_MAIL}, {"mime-version:", KIND_MAIL}};

/* Browsers are content with less than a head; what begins with a tag or a comment may be padded. */
static bool is_page(struct str start)
{
	static const char *const tags[] = {"<html", "<script>", "<script ", "<body", "<head>", "<meta ", "<iframe", "<table", "<div", "<img ",
	    "<input", "<form", "<embed", "<object", "<svg", "<video", "<style", "<title", "<font", "<span", "<br>", "<p>", "<a "};
	struct str near = start.n && start.p[0] == '<' ? start : str_sub(start, 0, 2048);

	return content_words(near, tags, start.n && start.p[0] == '<' ? sizeof tags / sizeof *tags : 3) != 0;
}

/* The first element, behind what is declared before it; or near the start. */
static bool is_svg(struct str start)
{
	struct str rest = start;
	struct xml_tag tag = {.name = STR_NONE};

	for (int i = 0; i < DECLARED_MAX && xml_next(&rest, &tag) && (!tag.name.n || tag.name.p[0] == '?' || tag.name.p[0] == '!');)
		i++;
	return str_iis(tag.name, "svg") || content_has(str_sub(start, 0, 2048), "<svg");
}

static enum wire_kind_id plain_text_kind(struct str s)
{
	struct str start = without_space(str_sub(s, 0, PAGE_MAX));

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		if (str_istarts(start, str_of(texts[i].start)))
			return texts[i].kind == KIND_XML && is_svg(start) ? KIND_SVG :
			    texts[i].kind == KIND_XML && content_has(str_sub(start, 0, 2048), "<html") ? KIND_HTML : texts[i].kind;
	if (is_page(start))
		return KIND_HTML;
	return is_text(s) ? KIND_TEXT : KIND_UNKNOWN;
}

static enum wire_kind_id text_kind(struct str s)
{
	struct buf room = {0};
	enum wire_kind_id kind = plain_text_kind(content_narrow(str_sub(s, 0, 2 * PAGE_MAX), &room));

	buf_free(&room);
	return kind;
}

bool content_is_late_pdf(struct str s)
{
	ptrdiff_t at;

	s = str_sub(s, 0, 1024);
	at = str_find(s, STR("%PDF"));
	if (at >= 0 && (size_t)at + 4 < s.n && (s.p[at + 4] == '-' || is_digit(s.p[at + 4])))
		return true;
	return str_starts(s, STR("%!PS-Adobe-")) && str_find(str_sub(s, 0, 64), STR(" PDF-")) > 0;
}

const struct content_magic *content_magics(size_t *ret_n)
{
	*ret_n = sizeof magics / sizeof *magics;
	return magics;
}

/* Sector 0 of a disk or of a file system on it: a jump and a signature, or only partitions. */
static bool is_disk(struct str s)
{
	if (s.n < 512 || memcmp(s.p + 510, "\x55\xaa", 2) != 0)
		return false;
	if ((unsigned char)s.p[0] == 0xeb || (unsigned char)s.p[0] == 0xe9)
		return true;
	return s.n > 65536 && (unsigned char)(s.p[446] & 0x7f) == 0 && s.p[450] != 0;
}

enum { TAR_HEAD = 512, TAR_SUM = 148, SKIPS_MAX = 64 };

/* All octets of a head are in its sum, with that field as blanks. */
bool content_is_tar(struct str s)
{
	uint32_t sum = 0, said = 0;

	if (s.n < TAR_HEAD || !s.p[0])
		return false;
	for (size_t i = 0; i < TAR_HEAD; i++)
		sum += i >= TAR_SUM && i < TAR_SUM + 8 ? ' ' : (unsigned char)s.p[i];
	s = str_trim(str_sub(s, TAR_SUM, 8));
	for (size_t i = 0; i < s.n && s.p[i] >= '0' && s.p[i] <= '7'; i++)
		said = said * 8 + (uint32_t)(s.p[i] - '0');
	return said == sum;
}

/* The usual parameters with any size of window; the first octet of what is packed is 0. */
static bool is_lzma(struct str s)
{
	uint32_t window = content_u32(s, 1);

	return s.n > 14 && s.p[0] == ']' && window >= 4096 && (window & (window - 1)) == 0 && s.p[13] == 0;
}

/* Frames of ZSTD and LZ4 that hold nothing may stand before the others. */
struct str content_without_skips(struct str s)
{
	for (int i = 0; i < SKIPS_MAX && (content_u32(s, 0) & 0xfffffff0) == 0x184d2a50; i++)
		s = str_from(s, 8 + (size_t)content_u32(s, 4));
	return s;
}

/* What no magic at a fixed place tells. */
static enum wire_kind_id other_kind(struct str s)
{
	struct str end = s.n >= 1024 ? str_from(s, s.n - 512) : STR_NONE;
	struct zip_list list;

	if (s.n > 8 && memcmp(s.p, "\xca\xfe\xba\xbe", 4) == 0)
		return s.p[4] == 0 && (unsigned char)s.p[7] < 20 ? KIND_MACHO : KIND_CLASS;
	if (s.n > 34 && content_u16(s, 0) == 0xea60 && content_u16(s, 2) <= 2600)
		return KIND_ARJ;
	if (content_is_tar(s))
		return KIND_TAR;
	if (is_lzma(s))
		return KIND_LZMA;
	if (str_starts(end, STR("koly")))
		return KIND_DMG;
	if (str_starts(end, STR("conectix")))
		return KIND_DISK; /* as it is, and a word about it at its end */
	if (is_disk(s))
		return KIND_DISK;
	/* Something stands before the archive: programs that unpack it look at its end. */
	return zip_find_list(s, &list) ? KIND_ZIP : KIND_UNKNOWN;
}

/* What is no text; unknown: it may be some. */
static enum wire_kind_id binary_kind(struct str s)
{
	struct str packed = content_without_skips(s);
	enum wire_kind_id kind;

	if (s.n == 0)
		return KIND_EMPTY;
	if (packed.n < s.n)
		return content_u32(packed, 0) == 0xfd2fb528 ? KIND_ZSTD : content_u32(packed, 0) == 0x184d2204 ? KIND_LZ4 : KIND_UNKNOWN;
	for (size_t i = 0; i < sizeof magics / sizeof *magics; i++) {
		const struct content_magic *m = &magics[i];

		if (s.n >= m->offset + m->n && memcmp(s.p + m->offset, m->octets, m->n) == 0 && is_plausible(s, m->kind))
			return m->kind;
	}
	kind = other_kind(s);
	if (kind != KIND_UNKNOWN)
		return kind;
	if (str_istarts(without_space(str_sub(s, 0, 64)), STR("{\\rt")))
		return KIND_RTF;
	return content_is_late_pdf(s) ? KIND_PDF : KIND_UNKNOWN;
}

enum wire_kind_id content_kind(struct str s)
{
	enum wire_kind_id kind = binary_kind(s);

	return kind == KIND_UNKNOWN ? text_kind(s) : kind;
}

bool content_is_unseen(struct str bytes, enum wire_kind_id kind)
{
	switch (kind) {
	case KIND_BZIP2: /* of several parts only the first */
	case KIND_ZSTD:
	case KIND_LZMA:
	case KIND_LZ:
	case KIND_COMPRESS:
	case KIND_LZ4:
	case KIND_AR:
	case KIND_RPM:
	case KIND_XAR:
	case KIND_RAR: /* needs a module that is not everywhere */
		return true;
	case KIND_ZIP:
	case KIND_JAR:
	case KIND_OOXML:
	case KIND_DOCX:
	case KIND_XLSX:
	case KIND_PPTX:
	case KIND_ODF:
		return zip_is_odd(bytes);
	default:
		return false;
	}
}

bool content_is_unreadable(enum wire_kind_id kind)
{
	return kind == KIND_ACE || kind == KIND_VHD || kind == KIND_WIM || kind == KIND_STUFFIT || kind == KIND_ZOO || kind == KIND_ZPAQ ||
	       kind == KIND_LZO;
}

enum wire_kind_id content_exact_kind(struct str bytes)
{
	enum wire_kind_id kind = content_kind(bytes);

	return kind == KIND_ZIP ? zip_kind(bytes) : kind;
}

enum wire_kind_id content_binary_kind(struct str bytes)
{
	enum wire_kind_id kind = binary_kind(bytes);

	return kind == KIND_ZIP ? zip_kind(bytes) : kind;
}
