/*
 * Office documents: OLE compound files, members of OOXML packages, RTF, XML and CSV. They say what
 * acts by itself when the document is opened: macros, DDE, templates from elsewhere, objects.
 */
#include <stdlib.h>
#include <string.h>

#include "scanner/content.h"

enum {
	OLE_SECTORS_MAX = 1 << 20,	/* of a chain */
	OLE_ENTRIES_MAX = 65536,
	OLE_STREAM_MAX = 8 * 1024 * 1024,
	RELATION_MAX = 4096,
	OLE_END = 0xfffffffa,		/* from here on not a sector */
};

struct ole {
	struct str bytes;
	size_t sector, mini_sector;
	uint32_t *fat, fat_n;
	uint32_t mini_fat, cutoff;
	struct buf directory, mini;
};

static uint32_t u32_at(struct str s, size_t at)
{
	const unsigned char *p = (const unsigned char *)s.p + at;

	if (at > s.n || s.n - at < 4)
		return 0;
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static unsigned u16_at(struct str s, size_t at)
{
	const unsigned char *p = (const unsigned char *)s.p + at;

	return at + 2 <= s.n ? p[0] | (unsigned)p[1] << 8 : 0;
}

static struct str sector_at(const struct ole *o, uint32_t number)
{
	return str_sub(o->bytes, ((size_t)number + 1) * o->sector, o->sector);
}

static void add_fat_sector(struct ole *o, uint32_t number)
{
	struct str s = sector_at(o, number);

	for (size_t i = 0; i + 4 <= s.n && o->fat_n < OLE_SECTORS_MAX; i += 4)
		o->fat[o->fat_n++] = u32_at(s, i);
}

/* The table of all chains: 109 of its sectors are named in the header, the rest in a chain. */
static bool read_fat(struct ole *o)
{
	uint32_t next = u32_at(o->bytes, 68), left = u32_at(o->bytes, 72);
	size_t most = o->bytes.n / 4 + o->sector;

	o->fat = malloc((most < OLE_SECTORS_MAX ? most : OLE_SECTORS_MAX) * sizeof *o->fat + 4 * o->sector);
	if (!o->fat)
		return false;
	for (size_t i = 0; i < 109 && u32_at(o->bytes, 76 + 4 * i) < OLE_END && o->fat_n + o->sector / 4 <= most; i++)
		add_fat_sector(o, u32_at(o->bytes, 76 + 4 * i));
	for (; next < OLE_END && left > 0; left--) {
		struct str s = sector_at(o, next);

		if (s.n < o->sector)
			break;
		for (size_t i = 0; i + 8 <= s.n && u32_at(s, i) < OLE_END && o->fat_n + o->sector / 4 <= most; i += 4)
			add_fat_sector(o, u32_at(s, i));
		next = u32_at(s, o->sector - 4);
	}
	return o->fat_n > 0;
}

static void read_chain(const struct ole *o, uint32_t start, size_t most, struct buf *ret)
{
	for (uint32_t steps = 0; start < o->fat_n && steps <= o->fat_n && ret->n < most; steps++) {
		buf_add(ret, sector_at(o, start));
		start = o->fat[start];
	}
}

static void read_stream(struct ole *o, uint32_t start, size_t size, struct buf *ret)
{
	size_t most = size < OLE_STREAM_MAX ? size : OLE_STREAM_MAX;
	struct buf table = {0};

	if (size >= o->cutoff) {
		read_chain(o, start, most, ret);
		return;
	}
	read_chain(o, o->mini_fat, OLE_STREAM_MAX, &table);
	for (uint32_t steps = 0; start < table.n / 4 && steps <= table.n / 4 && ret->n < most; steps++) {
		buf_add(ret, str_sub(buf_str(&o->mini), start * o->mini_sector, o->mini_sector));
		start = u32_at(buf_str(&table), 4 * (size_t)start);
	}
	buf_free(&table);
}

/* A field that starts with DDE or DDEAUTO, in either width of characters. */
static bool has_dde_field(struct str s)
{
	for (size_t at = 0; at < s.n; at++) {
		const char *p = memchr(s.p + at, 0x13, s.n - at);
		char word[8];
		size_t n = 0;

		if (!p)
			return false;
		at = (size_t)(p - s.p);
		for (size_t i = at + 1; i < s.n && i < at + 64 && n < 4; i++)
			if (s.p[i] != '\0' && s.p[i] != ' ' && s.p[i] != '"')
				word[n++] = (char)to_lower(s.p[i]);
		if (n >= 3 && memcmp(word, "dde", 3) == 0)
			return true;
	}
	return false;
}

static uint32_t word_flags(struct ole *o, uint32_t start, size_t size)
{
	struct buf stream = {0};
	uint32_t flags = 0;

	read_stream(o, start, size, &stream);
	if (u16_at(buf_str(&stream), 10) & 0x100)
		flags |= WIRE_F_ENCRYPTED;
	if (has_dde_field(buf_str(&stream)))
		flags |= WIRE_F_DDE;
	buf_free(&stream);
	return flags;
}

/* BIFF: records of type, length, data. */
static uint32_t workbook_flags(struct ole *o, uint32_t start, size_t size)
{
	struct buf stream = {0};
	uint32_t flags = 0;
	struct str s;

	read_stream(o, start, size, &stream);
	s = buf_str(&stream);
	while (s.n >= 4) {
		unsigned type = u16_at(s, 0), n = u16_at(s, 2);
		struct str data = str_sub(s, 4, n);

		if (type == 0x85 && data.n > 5 && data.p[5] == 1)
			flags |= WIRE_F_MACRO; /* a sheet of Excel 4 macros */
		else if (type == 0x2f && data.n >= 4)
			flags |= WIRE_F_ENCRYPTED;
		else if (type == 0x1ae && memchr(data.p, 3, data.n) && data.n > 8)
			flags |= content_has(data, "cmd") || content_has(data, "powershell") || content_has(data, "mshta") ? WIRE_F_DDE : 0;
		s = str_from(s, 4 + (size_t)n);
	}
	buf_free(&stream);
	return flags;
}

/* Records of version and instance, type, length; containers hold records. */
static uint32_t slides_flags(struct ole *o, uint32_t start, size_t size)
{
	struct buf stream = {0};
	uint32_t flags = 0;
	struct str s;

	read_stream(o, start, size, &stream);
	s = buf_str(&stream);
	while (s.n >= 8) {
		unsigned version = u16_at(s, 0) & 15, type = u16_at(s, 2);
		uint32_t n = u32_at(s, 4);

		if (type == 0x0400 && u32_at(s, 12))
			flags |= WIRE_F_MACRO;
		else if (type == 0x1011)
			flags |= WIRE_F_EMBEDDED;
		s = str_from(s, version == 15 ? 8 : 8 + (size_t)n);
	}
	buf_free(&stream);
	return flags;
}

static const struct {
	const char *name;
	bool is_prefix;
	enum wire_kind_id kind;
	uint32_t flags;
} entry_names[] = {
    {"WordDocument", false, KIND_WORD, 0},
    {"Workbook", false, KIND_EXCEL, 0},
    {"Book", false, KIND_EXCEL, 0},
    {"PowerPoint Document", false, KIND_POWERPOINT, 0},
    {"__substg1.0_", true, KIND_MSG, 0},
    {"__properties_version1.0", false, KIND_MSG, 0},
    {"_VBA_PROJECT_CUR", false, 0, WIRE_F_MACRO},
    {"_VBA_PROJECT", false, 0, WIRE_F_MACRO},
    {"VBA", false, 0, WIRE_F_MACRO},
    {"Macros", false, 0, WIRE_F_MACRO},
    {"\001Ole10Native", false, 0, WIRE_F_EMBEDDED},
    {"ObjectPool", false, 0, WIRE_F_EMBEDDED},
    {"MBD0", true, 0, WIRE_F_EMBEDDED},
    {"Package", false, 0, WIRE_F_EMBEDDED},
    {"EncryptedPackage", false, KIND_OOXML, WIRE_F_ENCRYPTED},
    {"EncryptedSummary", false, 0, WIRE_F_ENCRYPTED},
};

static uint32_t entry_flags(struct ole *o, struct str entry, enum wire_kind_id *kind)
{
	unsigned n = u16_at(entry, 64);
	char name[32];
	size_t length = 0;
	uint32_t flags = 0;

	if (n > 64 || entry.p[66] == 0)
		return 0;
	for (size_t i = 0; i + 2 < n; i += 2)
		name[length++] = entry.p[i + 1] ? '?' : entry.p[i];
	for (size_t i = 0; i < sizeof entry_names / sizeof *entry_names; i++) {
		struct str known = str_of(entry_names[i].name), here = {name, length};

		if (entry_names[i].is_prefix ? !str_starts(here, known) : !str_ieq(here, known))
			continue;
		flags |= entry_names[i].flags;
		if (entry_names[i].kind && (*kind == KIND_OLE || entry_names[i].kind == KIND_MSG))
			*kind = entry_names[i].kind;
		if (entry_names[i].kind == KIND_WORD)
			flags |= word_flags(o, u32_at(entry, 116), u32_at(entry, 120));
		else if (entry_names[i].kind == KIND_EXCEL)
			flags |= workbook_flags(o, u32_at(entry, 116), u32_at(entry, 120));
		else if (entry_names[i].kind == KIND_POWERPOINT)
			flags |= slides_flags(o, u32_at(entry, 116), u32_at(entry, 120));
	}
	return flags;
}

/* The class of the root says what has no stream of its own. */
static void root_kind(struct str root, enum wire_kind_id *kind)
{
	static const unsigned char installer[] = {0x84, 0x10, 0x0c, 0, 0, 0, 0, 0, 0xc0, 0, 0, 0, 0, 0, 0, 0x46};

	if (memcmp(root.p + 80, installer, 16) == 0)
		*kind = KIND_MSI;
}

uint32_t ole_flags(struct str bytes, enum wire_kind_id *kind)
{
	struct ole o = {.bytes = bytes};
	unsigned shift = u16_at(bytes, 30), mini_shift = u16_at(bytes, 32);
	uint32_t flags = 0;

	if (bytes.n < 512 || shift < 7 || shift > 16 || mini_shift > shift)
		return WIRE_F_BROKEN;
	o.sector = (size_t)1 << shift;
	o.mini_sector = (size_t)1 << mini_shift;
	o.cutoff = u32_at(bytes, 56);
	o.mini_fat = u32_at(bytes, 60);
	if (!read_fat(&o)) {
		free(o.fat);
		return WIRE_F_BROKEN;
	}
	read_chain(&o, u32_at(bytes, 48), OLE_ENTRIES_MAX * 128, &o.directory);
	if (o.directory.n >= 128) {
		struct str root = str_sub(buf_str(&o.directory), 0, 128);

		root_kind(root, kind);
		read_chain(&o, u32_at(root, 116), OLE_STREAM_MAX, &o.mini);
	}
	for (size_t at = 0; at + 128 <= o.directory.n; at += 128)
		flags |= entry_flags(&o, str_sub(buf_str(&o.directory), at, 128), kind);
	buf_free(&o.directory);
	buf_free(&o.mini);
	free(o.fat);
	return flags | wire_kind(*kind)->flags;
}

/* ---- packages ---- */

/* A relation to something outside that is loaded without a click. */
static bool loads_from_elsewhere(struct str rels)
{
	for (;;) {
		ptrdiff_t at = content_find(rels, "<relationship ");
		struct str one;
		ptrdiff_t end;

		if (at < 0)
			return false;
		rels = str_from(rels, (size_t)at + 1);
		one = str_sub(rels, 0, RELATION_MAX); /* whatever its end: the whole stays linear */
		end = str_chr(one, '>');
		one = str_sub(one, 0, end < 0 ? one.n : (size_t)end);
		if (content_has(one, "targetmode=\"external\"") && !content_has(one, "/hyperlink\"") &&
		    !content_has(one, "/externallinkpath\"") && !content_has(one, "/audio\"") && !content_has(one, "/video\""))
			return true;
		/* A link that some programs follow by themselves. */
		if (content_has(one, "targetmode=\"external\"") && (content_has(one, "mhtml:") || content_has(one, "ms-msdt:")))
			return true;
		if (content_has(one, "/externallinkpath\""))
			return true;
	}
}

/* Word spreads a field over several runs: their text is put together before it is read. */
static bool has_dde_instruction(struct str xml)
{
	char text[256];
	size_t n = 0;

	if (content_has(xml, "w:instr=\"dde") || content_has(xml, "w:instr=\" dde"))
		return true;
	while (xml.n) {
		ptrdiff_t at = str_find(xml, STR("instrText")), end;
		struct str run;

		if (at < 0)
			break;
		xml = str_from(xml, (size_t)at + 9);
		end = str_chr(xml, '>');
		if (end < 0)
			break;
		xml = str_from(xml, (size_t)end + 1);
		end = str_chr(xml, '<');
		run = str_sub(xml, 0, end < 0 ? 0 : (size_t)end);
		for (size_t i = 0; i < run.n; i++) {
			if (n == sizeof text) {
				memmove(text, text + 128, n - 128);
				n -= 128;
			}
			if (!is_space(run.p[i]))
				text[n++] = run.p[i];
			if (n >= 7 && str_ieq((struct str){text + n - 7, 7}, STR("ddeauto")))
				return true;
		}
		if (n >= 4 && content_has((struct str){text, n}, "dde"))
			return true;
	}
	return false;
}

static const struct {
	const char *part; /* of the name */
	uint32_t flags;
} package_names[] = {
    {"vbaproject.bin", WIRE_F_MACRO}, {"xl/macrosheets/", WIRE_F_MACRO}, {"basic/", WIRE_F_MACRO},
    {"vbadata.xml", WIRE_F_MACRO}, {"scripts/", WIRE_F_MACRO}, {"/embeddings/", WIRE_F_EMBEDDED},
    {"/activex/", WIRE_F_EMBEDDED}, {"/dialogsheets/", WIRE_F_MACRO},
};

uint32_t ooxml_member_flags(struct str name, struct str bytes, enum wire_kind_id *kind)
{
	uint32_t flags = 0;

	(void)kind;
	for (size_t i = 0; i < sizeof package_names / sizeof *package_names; i++)
		if (content_has(name, package_names[i].part))
			flags |= package_names[i].flags;
	if (str_iends(name, STR(".rels")) && loads_from_elsewhere(bytes))
		flags |= WIRE_F_EXTERNAL;
	if (str_iends(name, STR(".xml")) && has_dde_instruction(bytes))
		flags |= WIRE_F_DDE;
	if (content_has(name, "externallinks/") && content_has(bytes, "<ddelink"))
		flags |= WIRE_F_DDE;
	return flags;
}

/* ---- text formats ---- */

static bool has_rtf_dde(struct str s)
{
	while (s.n) {
		ptrdiff_t at = content_find(s, "\\fldinst");

		if (at < 0)
			return false;
		s = str_from(s, (size_t)at + 8);
		if (content_has(str_sub(s, 0, 400), "dde"))
			return true;
	}
	return false;
}

uint32_t rtf_flags(struct str s)
{
	uint32_t flags = 0;

	if (content_has(s, "\\objdata") || content_has(s, "\\objemb") || content_has(s, "\\objocx") || content_has(s, "\\objupdate") ||
	    content_has(s, "\\object"))
		flags |= WIRE_F_EMBEDDED;
	if (content_has(s, "\\*\\template") || content_has(s, "\\objautlink") || content_has(s, "\\objlink") ||
	    content_has(s, "includepicture"))
		flags |= WIRE_F_EXTERNAL;
	return has_rtf_dde(s) ? flags | WIRE_F_DDE : flags;
}

/* Word 2003 XML, flat packages, MHTML: documents as text, and macros in them. */
uint32_t xml_flags(struct str s)
{
	uint32_t flags = 0;

	if (content_has(s, "editdata.mso") || content_has(s, "vbaproject.bin") || str_find(s, STR("QWN0aXZlTWlt")) >= 0 ||
	    content_has(s, "<script:module") || content_has(s, "macrospresent=\"yes\""))
		flags |= WIRE_F_MACRO;
	if ((content_has(s, "instrtext") && has_dde_instruction(s)) || content_has(s, "w:instr=\"dde"))
		flags |= WIRE_F_DDE;
	if (content_has(s, "<o:oleobject") || content_has(s, "oledata.mso") || content_has(s, "/embeddings/"))
		flags |= WIRE_F_EMBEDDED;
	if (content_has(s, "pkg:package") && loads_from_elsewhere(s))
		flags |= WIRE_F_EXTERNAL;
	return flags;
}

/* A cell that starts a program: =cmd|'/c calc'!A0 */
uint32_t csv_flags(struct str s)
{
	for (;;) {
		ptrdiff_t at = str_chr(s, '|');
		size_t i;

		if (at < 0)
			return 0;
		i = (size_t)at;
		if (i + 1 < s.n && i > 0 && (s.p[i + 1] == '\'' || s.p[i + 1] == '/' || s.p[i + 1] == '"')) {
			size_t from = i;

			while (from > 0 && i - from < 200 && s.p[from - 1] != '\n' && s.p[from - 1] != '=' && s.p[from - 1] != '@' &&
			    s.p[from - 1] != '+' && s.p[from - 1] != '-')
				from--;
			if (from > 0 && from < i && s.p[from - 1] != '\n' && content_has(str_sub(s, i, 400), "!"))
				return WIRE_F_DDE;
		}
		s = str_from(s, i + 1);
	}
}
