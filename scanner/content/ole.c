/*
 * OLE compound files: a file system of sectors in chains, with a tree of names. The names and a few
 * streams say what acts by itself; packages and attachments in it are looked at like members of an
 * archive. Where the chains are damaged, names and streams are taken as they lie in the file.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scanner/content/content.h"

enum {
	SECTORS_MAX = 1 << 20,
	ENTRIES_MAX = 32768,
	STREAM_MAX = 8 * 1024 * 1024,
	TABLE_MAX = 64 * 1024,
	TEMPLATES_MAX = 4,
	ENTRY = 128,
	NAME_MAX_OCTETS = 32,
	NO_SECTOR = 0xfffffffa, /* from here on not a sector */
	TYPE_STORAGE = 1, TYPE_STREAM = 2, TYPE_ROOT = 5,
};

struct entry {
	char name[NAME_MAX_OCTETS];
	size_t n;
	unsigned type;
	uint32_t start, size;
	uint32_t parent; /* index; itself: none is known */
};

struct ole {
	struct content_job *job;
	unsigned depth;
	struct str bytes;
	size_t sector, mini_sector;
	uint32_t *fat, fat_n;
	uint32_t cutoff;
	uint64_t budget; /* octets that may still be copied: chains may cross */
	struct buf mini, mini_fat;
	struct entry *entries;
	uint32_t n;
	enum wire_kind_id kind;
	bool is_damaged;
	unsigned templates; /* looked for */
};

/* ---- sectors and chains ---- */

static struct str sector_at(const struct ole *o, uint32_t number)
{
	return str_sub(o->bytes, ((size_t)number + 1) * o->sector, o->sector);
}

static void add_fat_sector(struct ole *o, uint32_t number, size_t most)
{
	struct str s = sector_at(o, number);

	for (size_t i = 0; i + 4 <= s.n && o->fat_n < most; i += 4)
		o->fat[o->fat_n++] = content_u32(s, i);
}

/* The table of all chains: 109 of its sectors are named in the header, the rest in a chain. */
static bool read_fat(struct ole *o)
{
	uint32_t next = content_u32(o->bytes, 68), left = content_u32(o->bytes, 72);
	size_t most = o->bytes.n / o->sector + 1;

	if (most > SECTORS_MAX)
		most = SECTORS_MAX;
	o->fat = malloc(most * sizeof *o->fat);
	if (!o->fat)
		return false;
	for (size_t i = 0; i < 109 && content_u32(o->bytes, 76 + 4 * i) < NO_SECTOR && o->fat_n < most; i++)
		add_fat_sector(o, content_u32(o->bytes, 76 + 4 * i), most);
	if (left > most)
		left = (uint32_t)most; /* the chain may be a ring that adds nothing */
	for (; next < NO_SECTOR && left > 0 && o->fat_n < most; left--) {
		struct str s = sector_at(o, next);

		if (s.n < o->sector)
			break;
		for (size_t i = 0; i + 8 <= s.n && content_u32(s, i) < NO_SECTOR && o->fat_n < most; i += 4)
			add_fat_sector(o, content_u32(s, i), most);
		next = content_u32(s, o->sector - 4);
	}
	return o->fat_n > 0;
}

static void take(struct ole *o, struct str piece, struct buf *ret)
{
	piece = str_sub(piece, 0, o->budget);
	o->budget -= piece.n;
	buf_add(ret, piece);
}

static void read_chain(struct ole *o, uint32_t start, size_t most, struct buf *ret)
{
	uint32_t at = start;

	for (uint32_t steps = 0; at < o->fat_n && steps <= o->fat_n && ret->n < most && o->budget; steps++) {
		take(o, sector_at(o, at), ret);
		at = o->fat[at];
	}
	if (ret->n >= most || most == STREAM_MAX)
		return;
	/* A chain that breaks off: what lies behind its start. */
	o->is_damaged = true;
	ret->n = 0;
	if (start < NO_SECTOR)
		take(o, str_sub(o->bytes, ((size_t)start + 1) * o->sector, most), ret);
}

static void read_stream(struct ole *o, const struct entry *e, struct buf *ret)
{
	/* An attachment may be as large as any member. */
	size_t limit = o->job->limits->max_member > STREAM_MAX ? o->job->limits->max_member : STREAM_MAX, most = e->size < limit ? e->size : limit;
	uint32_t at = e->start;

	if (e->size >= o->cutoff || !o->mini.n) {
		read_chain(o, e->start, most, ret);
	} else {
		for (size_t steps = 0; at < o->mini_fat.n / 4 && steps <= o->mini_fat.n / 4 && ret->n < most && o->budget; steps++) {
			take(o, str_sub(buf_str(&o->mini), at * o->mini_sector, o->mini_sector), ret);
			at = content_u32(buf_str(&o->mini_fat), 4 * (size_t)at);
		}
	}
	if (ret->n > most)
		ret->n = most;
}

/* ---- names ---- */

static bool is_entry(struct str s)
{
	unsigned n = content_u16(s, 64), type = (unsigned char)s.p[66];

	return n >= 2 && n <= 64 && n % 2 == 0 && (type == TYPE_STORAGE || type == TYPE_STREAM || type == TYPE_ROOT) &&
	       (s.p[0] || s.p[1]);
}

static void add_entry(struct ole *o, struct str s)
{
	struct entry *e = &o->entries[o->n];

	*e = (struct entry){.parent = o->n, .type = is_entry(s) ? (unsigned char)s.p[66] : 0, .start = content_u32(s, 116),
	    .size = content_u32(s, 120)};
	for (size_t i = 0; e->type && i + 2 < content_u16(s, 64); i += 2)
		e->name[e->n++] = s.p[i + 1] ? '?' : s.p[i];
	o->n++;
}

/* Gives all below a storage their parent; the tree may have rings. */
static void set_parents(struct ole *o, struct str directory)
{
	uint32_t *stack = malloc((o->n + 1) * 2 * sizeof *stack), depth = 0;
	bool *seen = calloc(o->n + 1, sizeof *seen);

	if (stack && seen && o->n) {
		stack[depth++] = 0;
		stack[depth++] = 0;
	}
	while (depth) {
		uint32_t parent = stack[--depth], at = stack[--depth], next[3];

		for (size_t i = 0; i < 3; i++)
			next[i] = content_u32(directory, (size_t)at * ENTRY + 68 + 4 * i); /* left, right, child */
		for (size_t i = 0; i < 3; i++) {
			if (next[i] >= o->n || seen[next[i]])
				continue;
			seen[next[i]] = true;
			o->entries[next[i]].parent = i == 2 ? at : parent;
			stack[depth++] = next[i];
			stack[depth++] = o->entries[next[i]].parent;
		}
	}
	free(stack);
	free(seen);
}

/* Entries lie on multiples of their size wherever their sectors are. */
static void carve_entries(struct ole *o)
{
	o->is_damaged = true;
	for (size_t at = 512; at + ENTRY <= o->bytes.n && o->n < ENTRIES_MAX; at += ENTRY) {
		struct str s = str_sub(o->bytes, at, ENTRY);

		/* Colour and the rest must fit too, or half of all sectors are entries. */
		if (is_entry(s) && (unsigned char)s.p[67] <= 1 && s.p[1] == '\0' && content_u16(s, content_u16(s, 64) - 2u) == 0)
			add_entry(o, s);
	}
}

static void read_directory(struct ole *o)
{
	struct buf directory = {0};

	read_chain(o, content_u32(o->bytes, 48), STREAM_MAX, &directory);
	o->entries = malloc(ENTRIES_MAX * sizeof *o->entries);
	if (!o->entries)
		abort();
	for (size_t at = 0; at + ENTRY <= directory.n && o->n < ENTRIES_MAX; at += ENTRY)
		add_entry(o, str_sub(buf_str(&directory), at, ENTRY));
	if (o->n && o->entries[0].type == TYPE_ROOT) {
		set_parents(o, buf_str(&directory));
	} else {
		o->n = 0;
		carve_entries(o);
	}
	for (uint32_t i = 0; i < o->n && !o->mini.n; i++)
		if (o->entries[i].type == TYPE_ROOT)
			read_chain(o, o->entries[i].start, STREAM_MAX, &o->mini);
	buf_free(&directory);
}

/* ---- streams ---- */

/* Where the document's template is: the second string of a table in another stream. */
static bool has_remote_template(struct ole *o, struct str document)
{
	const char *name = content_u16(document, 10) & 0x200 ? "1Table" : "0Table";
	size_t at = content_u32(document, 0x19a), n = content_u32(document, 0x19e);
	struct buf table = {0};
	struct str strings, second;
	bool is_remote = false;

	/* One document has one; many would be a way to keep us busy. */
	if (o->templates++ >= TEMPLATES_MAX)
		return false;
	for (uint32_t i = 0; i < o->n && n >= 10 && n < TABLE_MAX; i++) {
		if (!str_iis((struct str){o->entries[i].name, o->entries[i].n}, name))
			continue;
		read_stream(o, &o->entries[i], &table);
		strings = str_sub(buf_str(&table), at, n);
		strings = str_from(strings, 6);
		strings = str_from(strings, 2 + 2 * (size_t)content_u16(strings, 0));
		second = str_sub(strings, 2, 2 * (size_t)content_u16(strings, 0));
		is_remote = str_find(second, (struct str){":\0/\0/\0", 6}) >= 0 || str_starts(second, (struct str){"\\\0\\\0", 4});
		break;
	}
	buf_free(&table);
	return is_remote;
}

static uint32_t word_flags(struct ole *o, const struct entry *e, struct str s)
{
	struct buf text = {0};
	uint32_t flags = content_u16(s, 10) & 0x100 ? WIRE_F_ENCRYPTED : 0;

	(void)e;
	/* Text has one or two octets a character: without the zeros both read alike. */
	if (!flags && str_chr(s, FIELD_BEGIN) >= 0) {
		char *out = buf_reserve(&text, s.n);

		for (size_t i = 0; i < s.n; i++)
			if (s.p[i])
				out[text.n++] = s.p[i];
		flags |= fields_flags(buf_str(&text));
		buf_free(&text);
	}
	return has_remote_template(o, s) ? flags | WIRE_F_EXTERNAL : flags;
}

static uint32_t sheets_flags(struct ole *o, const struct entry *e, struct str s)
{
	(void)o;
	(void)e;
	return biff_flags(s);
}

/* A storage that was compressed: an object, or the macros. */
static uint32_t stored_flags(struct ole *o, struct str data, bool is_compressed)
{
	struct buf plain = {0};
	enum wire_kind_id kind = KIND_OLE;
	uint32_t flags = 0;

	o->job->members++;
	if (!is_compressed)
		return ole_flags(o->job, data, &kind, o->depth + 1);
	if (archive_inflate(o->job, str_from(data, 4), &plain) && content_kind(buf_str(&plain)) == KIND_OLE)
		flags = ole_flags(o->job, buf_str(&plain), &kind, o->depth + 1);
	buf_free(&plain);
	return flags;
}

enum { PPT_VBA = 0x0400, PPT_OBJECT = 0x0fcc, PPT_LINK = 0x0fce, PPT_CONTROL = 0x0fee, PPT_STORAGE = 0x1011 };

/* Records of version and instance, type, length; containers hold records. */
static uint32_t slides_flags(struct ole *o, const struct entry *e, struct str s)
{
	uint32_t flags = 0;

	(void)e;
	while (s.n >= 8) {
		unsigned head = content_u16(s, 0), type = content_u16(s, 2);
		uint32_t n = content_u32(s, 4);

		if (type == PPT_VBA && content_u32(s, 12))
			flags |= WIRE_F_MACRO;
		else if (type == PPT_OBJECT || type == PPT_CONTROL)
			flags |= WIRE_F_EMBEDDED;
		else if (type == PPT_LINK)
			flags |= WIRE_F_EXTERNAL | WIRE_F_EMBEDDED;
		else if (type == PPT_STORAGE && !content_is_over(o->job))
			flags |= stored_flags(o, str_sub(s, 8, n), head >> 4 & 1);
		s = str_from(s, (head & 15) == 15 ? 8 : 8 + (size_t)n);
	}
	return flags;
}

/* The token of "Current User" tells encrypted slides. */
static uint32_t user_flags(struct ole *o, const struct entry *e, struct str s)
{
	(void)o;
	(void)e;
	return content_u32(s, 12) == 0xf3d1c4df ? WIRE_F_ENCRYPTED : 0;
}

static uint32_t native_flags(struct ole *o, const struct entry *e, struct str s)
{
	(void)e;
	return package_flags(o->job, str_sub(s, 4, content_u32(s, 0)), o->depth);
}

/* Linked objects are somewhere else; those from the web have a class of their own. */
static uint32_t link_flags(struct ole *o, const struct entry *e, struct str s)
{
	(void)o;
	(void)e;
	return content_u32(s, 4) & 1 || ole_has_web_link(s) ? WIRE_F_EXTERNAL : 0;
}

/* An office document in a document, as it was. */
static uint32_t embedded_flags(struct ole *o, const struct entry *e, struct str s)
{
	return content_embedded(o->job, (struct str){e->name, e->n}, s, o->depth);
}

/* ---- attachments of .msg ---- */

/* Long, short and shown name, in wide letters and in others. */
static const char *const attachment_names[] = {"__substg1.0_3707001F", "__substg1.0_3707001E", "__substg1.0_3704001F", "__substg1.0_3704001E",
    "__substg1.0_3001001F", "__substg1.0_3001001E"};

static struct str until_zero(struct str s)
{
	ptrdiff_t end = str_chr(s, '\0');

	return str_sub(s, 0, end < 0 ? s.n : (size_t)end);
}

static size_t name_rank(const struct entry *e)
{
	size_t n = sizeof attachment_names / sizeof *attachment_names, rank = 0;

	while (rank < n && !str_is((struct str){e->name, e->n}, attachment_names[rank]))
		rank++;
	return rank;
}

/* The name of an attachment stands in a sibling of its data. */
static uint32_t attachment_flags(struct ole *o, const struct entry *e, struct str s)
{
	size_t best = sizeof attachment_names / sizeof *attachment_names;
	struct buf stream = {0}, utf8 = {0};
	const struct entry *named = NULL;
	struct str name = STR_NONE;
	uint32_t flags;

	for (uint32_t i = 0; i < o->n; i++)
		if (o->entries[i].parent == e->parent && o->entries[i].size && name_rank(&o->entries[i]) < best) {
			named = &o->entries[i];
			best = name_rank(named);
		}
	if (named) {
		read_stream(o, named, &stream);
		name = str_ends(str_of(attachment_names[best]), STR("F")) ? content_utf8(buf_str(&stream), &utf8) : until_zero(buf_str(&stream));
	}
	flags = content_embedded(o->job, name, s, o->depth);
	buf_free(&stream);
	buf_free(&utf8);
	return flags;
}

/* ---- the table of names ---- */

static const struct {
	const char *name;
	bool is_prefix;
	enum wire_kind_id kind;
	uint32_t flags;
	uint32_t (*look)(struct ole *o, const struct entry *e, struct str stream);
} names[] = {
    {"WordDocument", false, KIND_WORD, 0, word_flags},
    {"Workbook", false, KIND_EXCEL, 0, sheets_flags},
    {"Book", false, KIND_EXCEL, 0, sheets_flags},
    {"PowerPoint Document", false, KIND_POWERPOINT, 0, slides_flags},
    {"Current User", false, 0, 0, user_flags},
    {"__substg1.0_37010102", false, KIND_MSG, 0, attachment_flags},
    {"__substg1.0_", true, KIND_MSG, 0, NULL},
    {"__properties_version1.0", false, KIND_MSG, 0, NULL},
    {"_VBA_PROJECT_CUR", false, 0, WIRE_F_MACRO, NULL},
    {"_VBA_PROJECT", false, 0, WIRE_F_MACRO, NULL},
    {"VBA", false, 0, WIRE_F_MACRO, NULL},
    {"Macros", false, 0, WIRE_F_MACRO, NULL},
    {"\001Ole10Native", false, 0, WIRE_F_EMBEDDED, native_flags},
    {"\001Ole", false, 0, 0, link_flags},
    {"\003LinkInfo", false, 0, WIRE_F_EXTERNAL, NULL},
    {"ObjectPool", false, 0, WIRE_F_EMBEDDED, NULL},
    {"Equation Native", false, 0, WIRE_F_EMBEDDED, NULL},
    {"MBD0", true, 0, WIRE_F_EMBEDDED, NULL},
    {"Package", false, 0, WIRE_F_EMBEDDED, embedded_flags},
    {"EncryptedPackage", false, KIND_OOXML, WIRE_F_ENCRYPTED, NULL},
    {"EncryptedSummary", false, 0, WIRE_F_ENCRYPTED, NULL},
};

static void name_kind(struct ole *o, enum wire_kind_id kind)
{
	/* The first of them that is found at the top is the document; a message may hold others. */
	if (kind && (o->kind == KIND_OLE || kind == KIND_MSG))
		o->kind = kind;
}

static uint32_t entry_flags(struct ole *o, const struct entry *e)
{
	struct str name = {e->name, e->n};
	uint32_t flags = 0;

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		struct str known = str_of(names[i].name);
		struct buf stream = {0};

		if (names[i].is_prefix ? !str_starts(name, known) : !str_ieq(name, known))
			continue;
		name_kind(o, names[i].kind);
		flags |= names[i].flags;
		if (names[i].look && e->type == TYPE_STREAM) {
			read_stream(o, e, &stream);
			flags |= names[i].look(o, e, buf_str(&stream));
			buf_free(&stream);
		}
		break;
	}
	return flags;
}

/* The class of the root says what has no stream of its own. */
static bool is_installer(struct str bytes, size_t sector)
{
	static const unsigned char classes[2][16] = {
	    {0x84, 0x10, 0x0c, 0, 0, 0, 0, 0, 0xc0, 0, 0, 0, 0, 0, 0, 0x46}, /* .msi */
	    {0x86, 0x10, 0x0c, 0, 0, 0, 0, 0, 0xc0, 0, 0, 0, 0, 0, 0, 0x46}, /* .msp */
	};
	struct str root = str_sub(bytes, ((size_t)content_u32(bytes, 48) + 1) * sector, ENTRY);

	return root.n == ENTRY && (memcmp(root.p + 80, classes[0], 16) == 0 || memcmp(root.p + 80, classes[1], 16) == 0);
}

bool ole_has_web_link(struct str s)
{
	/* URL moniker, script moniker, SOAP moniker */
	static const char *const classes[] = {"\xe0\xc9\xea\x79\xf9\xba\xce\x11\x8c\x82\x00\xaa\x00\x4b\xa9\x0b",
	    "\xc7\xb0\xab\xec\x74\x53\xcf\x11\xa3\xa9\x00\xa0\xc9\x03\x49\x20", "\x9e\xb8\xd0\xec\x74\x53\xcf\x11\xa3\xa9\x00\xa0\xc9\x03\x49\x20"};

	for (size_t i = 0; i < sizeof classes / sizeof *classes; i++)
		if (str_find(s, (struct str){classes[i], 16}) >= 0)
			return true;
	return false;
}

static uint32_t look_at_all(struct ole *o)
{
	uint32_t flags = 0;

	read_directory(o);
	read_chain(o, content_u32(o->bytes, 60), STREAM_MAX, &o->mini_fat);
	for (uint32_t i = 0; i < o->n && !content_is_over(o->job); i++)
		if (o->entries[i].type)
			flags |= entry_flags(o, &o->entries[i]);
	/* Compressed macros begin so, whatever their stream is called. */
	if (str_find(o->bytes, (struct str){"\0Attribut\0e ", 12}) >= 0)
		flags |= WIRE_F_MACRO;
	if (is_installer(o->bytes, o->sector))
		o->kind = KIND_MSI;
	if (!o->budget)
		o->job->is_over = true;
	return flags;
}

uint32_t ole_flags(struct content_job *job, struct str bytes, enum wire_kind_id *kind, unsigned depth)
{
	struct ole o = {.job = job, .depth = depth, .bytes = bytes, .kind = *kind, .budget = 4 * (uint64_t)bytes.n + (1 << 20)};
	unsigned shift = content_u16(bytes, 30), mini_shift = content_u16(bytes, 32);
	uint32_t flags;

	if (bytes.n < 512 || depth > job->limits->max_depth + 1)
		return bytes.n < 512 ? WIRE_F_BROKEN : WIRE_F_LIMIT;
	if (shift < 7 || shift > 16 || mini_shift > shift) {
		shift = 9;
		mini_shift = 6;
	}
	o.sector = (size_t)1 << shift;
	o.mini_sector = (size_t)1 << mini_shift;
	o.cutoff = content_u32(bytes, 56);
	if (!read_fat(&o))
		o.is_damaged = true;
	flags = look_at_all(&o);
	flags |= o.n == 0 ? WIRE_F_BROKEN : 0;
	*kind = o.kind;
	buf_free(&o.mini);
	buf_free(&o.mini_fat);
	free(o.entries);
	free(o.fat);
	return flags | wire_kind(*kind)->flags;
}
