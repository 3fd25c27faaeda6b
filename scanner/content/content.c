/* Kind by the first octets, then what the kind asks for, then what is inside. */
#define _GNU_SOURCE
#include "scanner/content/content.h"

#include <string.h>
#include <time.h>

#include "scanner/engine.h"

/* ---- what the kind asks for ---- */

static uint32_t look_ole(struct content_job *job, struct str s, enum wire_kind_id *kind, unsigned depth)
{
	return ole_flags(job, s, kind, depth);
}

static uint32_t look_rtf(struct content_job *job, struct str s, enum wire_kind_id *kind, unsigned depth)
{
	(void)kind;
	return rtf_flags(job, s, depth);
}

static uint32_t look_pdf(struct content_job *job, struct str s, enum wire_kind_id *kind, unsigned depth)
{
	(void)kind;
	return pdf_flags(job, s, depth);
}

static uint32_t look_page(struct content_job *job, struct str s, enum wire_kind_id *kind, unsigned depth)
{
	(void)kind;
	return html_flags(s) | xml_flags(job, s, depth) | mail_flags(job, s, depth);
}

static uint32_t look_xml(struct content_job *job, struct str s, enum wire_kind_id *kind, unsigned depth)
{
	(void)kind;
	return xml_flags(job, s, depth);
}

static uint32_t look_mail(struct content_job *job, struct str s, enum wire_kind_id *kind, unsigned depth)
{
	(void)kind;
	return xml_flags(job, s, depth) | mail_flags(job, s, depth);
}

static uint32_t look_text(struct content_job *job, struct str s, enum wire_kind_id *kind, unsigned depth)
{
	(void)kind;
	return sylk_text_flags(s) | csv_flags(s) | query_flags(s) | xml_flags(job, s, depth) | mail_flags(job, s, depth) | uu_flags(job, s, depth);
}

/* Excel reads on behind octets that are no text. */
static uint32_t look_unknown(struct content_job *job, struct str s, enum wire_kind_id *kind, unsigned depth)
{
	(void)job;
	(void)kind;
	(void)depth;
	return csv_flags(s);
}

static uint32_t look_sheet(struct content_job *job, struct str s, enum wire_kind_id *kind, unsigned depth)
{
	(void)job;
	(void)depth;
	return *kind == KIND_SLK ? sylk_flags(s) : biff_flags(s);
}

static uint32_t look_notebook(struct content_job *job, struct str s, enum wire_kind_id *kind, unsigned depth)
{
	(void)kind;
	return notebook_flags(job, s, depth);
}

static uint32_t look_activemime(struct content_job *job, struct str s, enum wire_kind_id *kind, unsigned depth)
{
	(void)kind;
	return activemime_flags(job, s, depth);
}

static uint32_t look_arj(struct content_job *job, struct str s, enum wire_kind_id *kind, unsigned depth)
{
	(void)kind;
	return arj_flags(job, s, depth);
}

static uint32_t look_packed(struct content_job *job, struct str s, enum wire_kind_id *kind, unsigned depth)
{
	return *kind == KIND_TNEF ? tnef_flags(job, s, depth) : *kind == KIND_SZDD ? szdd_flags(job, s, depth) : binhex_flags(job, s, depth);
}

static uint32_t look_disk(struct content_job *job, struct str s, enum wire_kind_id *kind, unsigned depth)
{
	(void)kind;
	return disk_flags(job, s, depth);
}

static const struct {
	enum wire_kind_id kind;
	uint32_t (*look)(struct content_job *job, struct str bytes, enum wire_kind_id *kind, unsigned depth);
} looks[] = {
    {KIND_OLE, look_ole}, {KIND_RTF, look_rtf}, {KIND_PDF, look_pdf}, {KIND_HTML, look_page}, {KIND_SVG, look_page},
    {KIND_XML, look_xml}, {KIND_MAIL, look_mail}, {KIND_TEXT, look_text}, {KIND_SLK, look_sheet}, {KIND_EXCEL, look_sheet},
    {KIND_ONENOTE, look_notebook}, {KIND_MSO, look_activemime}, {KIND_ARJ, look_arj}, {KIND_TNEF, look_packed},
    {KIND_UNKNOWN, look_unknown}, {KIND_SZDD, look_packed}, {KIND_BINHEX, look_packed}, {KIND_DISK, look_disk},
};

/* Flags of content that is no archive, and of what is embedded in it; may make the kind more exact. */
static uint32_t content_flags(struct content_job *job, struct str bytes, enum wire_kind_id *kind, unsigned depth)
{
	/* What it holds cannot be told. */
	uint32_t flags = wire_kind(*kind)->flags & WIRE_F_ARCHIVE && !archive_can_read(*kind) ? WIRE_F_BROKEN : 0;
	struct buf room = {0};

	job->is_unread |= content_is_unreadable(*kind);
	for (size_t i = 0; i < sizeof looks / sizeof *looks; i++)
		if (looks[i].kind == *kind) {
			flags = looks[i].look(job, content_narrow(bytes, &room), kind, depth);
			break;
		}
	buf_free(&room);
	return flags;
}

/* ---- limits ---- */

static uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

enum { FOLDERS_FREE = 16 /* of a file system: it has one at least */ };

bool content_is_over(struct content_job *job)
{
	const struct wire_settings *l = job->limits;

	if (job->members > l->max_members || job->folders > l->max_members + FOLDERS_FREE || job->unpacked > l->max_total ||
	    (job->unpacked > 16 * 1024 * 1024 && l->max_ratio && job->unpacked / l->max_ratio > job->leaf.n) || now_us() > job->deadline_us)
		job->is_over = true;
	return job->is_over;
}

/* ---- members ---- */

static enum wire_kind_id document_of(enum wire_kind_id kind)
{
	return kind == KIND_OOXML || kind == KIND_DOCX || kind == KIND_XLSX || kind == KIND_PPTX || kind == KIND_ODF ? kind :
	    KIND_UNKNOWN;
}

static bool is_page_name(struct str name)
{
	static const char *const ends[] = {".html", ".htm", ".xhtml", ".shtml", ".hta", ".svg", ".mht", ".mhtml"};

	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
		if (str_iends(name, str_of(ends[i])))
			return true;
	return false;
}

/* Browsers go by the name, and read past whatever stands before the first tag. */
static uint32_t late_page_flags(struct str bytes, enum wire_kind_id kind)
{
	return (kind == KIND_TEXT || kind == KIND_UNKNOWN) && (content_has(bytes, "<script") || content_has(bytes, "<svg")) ? html_flags(bytes) : 0;
}

static bool is_too_deep(struct content_job *job, unsigned depth)
{
	job->is_over |= depth > job->limits->max_depth;
	return depth > job->limits->max_depth;
}

uint32_t content_inside(struct content_job *job, struct str name, struct str bytes, enum wire_kind_id kind, unsigned depth, bool is_unseen)
{
	struct str outer = job->container;
	enum wire_kind_id before = job->document;
	bool was_unseen = job->is_unseen;
	uint32_t flags = 0;

	if (!archive_can_read(kind))
		return 0;
	if (content_is_over(job) || is_too_deep(job, depth)) {
		job->is_missed |= is_unseen;
		return depth > job->limits->max_depth ? WIRE_F_LIMIT : 0;
	}
	job->container = name;
	job->document = document_of(kind);
	job->is_unseen = is_unseen;
	flags = archive_read_members(job, bytes, kind, depth);
	job->container = outer;
	job->document = before;
	job->is_unseen = was_unseen;
	job->is_missed |= is_unseen && job->is_over;
	job->is_unread |= is_unseen && flags & WIRE_F_BROKEN;
	return flags;
}

static uint32_t look_inside(struct content_job *job, struct str name, struct str bytes, enum wire_kind_id kind, unsigned depth)
{
	uint32_t flags = content_inside(job, name, bytes, kind, depth, archive_can_read(kind) && content_is_unseen(bytes, kind));

	return flags | content_beside(job, name, bytes, kind, depth);
}

/* Of a document's parts only what is odd is told. */
static uint32_t part_of_document(struct content_job *job, struct wire_record *record, struct str name, struct str bytes,
    unsigned depth)
{
	enum wire_kind_id container = content_exact_kind(bytes), kind = container;

	record->flags |= wire_kind(kind)->flags | content_flags(job, bytes, &kind, depth + 1);
	record->flags |= package_member_flags(name, bytes, job->document);
	record->flags |= look_inside(job, name, bytes, container, depth + 1);
	record->kind = (uint16_t)kind;
	if (record->flags & ~(uint32_t)WIRE_F_HTML)
		wire_answer_add(job->answer, record, name, NULL);
	return record->flags;
}

uint32_t content_member(struct content_job *job, struct str name, struct str bytes, uint64_t size, uint32_t flags,
    unsigned depth)
{
	struct wire_record record = {.type = WIRE_MEMBER, .item = job->item, .depth = (uint16_t)depth, .size = size, .flags = flags};
	enum wire_kind_id container, kind;
	size_t at;

	if (bytes.n && job->is_hashed)
		engine_sha256(bytes, record.hash);
	if (job->is_unseen && job->scan && bytes.n)
		job->scan(job->scan_arg, job->item, bytes);
	if (job->document)
		return part_of_document(job, &record, name, bytes, depth);
	container = kind = content_exact_kind(bytes);
	record.kind = (uint16_t)kind;
	record.flags |= wire_kind(kind)->flags;
	if (!wire_answer_add(job->answer, &record, name, &at)) {
		job->is_over = true; /* what cannot be told was not seen */
		return record.flags;
	}
	record.flags |= content_flags(job, bytes, &kind, depth + 1);
	record.flags |= is_page_name(name) ? late_page_flags(bytes, kind) : 0;
	record.flags |= look_inside(job, name, bytes, container, depth + 1);
	wire_answer_mark(job->answer, at, kind, record.flags);
	return record.flags;
}

void content_rename(struct content_job *job, struct str name, struct str bytes, uint32_t flags, unsigned depth)
{
	struct wire_record record = {.type = WIRE_MEMBER, .item = job->item, .depth = (uint16_t)depth, .size = bytes.n, .flags = flags,
	    .kind = (uint16_t)content_exact_kind(bytes)};

	if (bytes.n && job->is_hashed)
		engine_sha256(bytes, record.hash);
	job->is_over |= !wire_answer_add(job->answer, &record, name, NULL);
}

/* Names in documents are in the character set of some Windows: what is no UTF-8 is read as Latin 1. */
static struct str readable(struct str name, char room[2 * WIRE_NAME_MAX])
{
	size_t n = 0;

	name = str_sub(name, 0, WIRE_NAME_MAX);
	if (str_is_utf8(name))
		return name;
	for (size_t i = 0; i < name.n; i++) {
		unsigned char c = (unsigned char)name.p[i];

		if (c >= 0x80)
			room[n++] = (char)(0xc0 | c >> 6);
		room[n++] = (char)(c >= 0x80 ? 0x80 | (c & 0x3f) : c);
	}
	return (struct str){room, n};
}

uint32_t content_embedded(struct content_job *job, struct str name, struct str bytes, unsigned depth)
{
	enum wire_kind_id before = job->document;
	bool was_unseen = job->is_unseen;
	char room[2 * WIRE_NAME_MAX];
	uint32_t flags;

	if (content_is_over(job) || is_too_deep(job, depth))
		return WIRE_F_LIMIT;
	job->members++;
	job->unpacked += bytes.n;
	content_is_over(job); /* this one is looked at, for it is here, but not what is in it */
	job->document = KIND_UNKNOWN;
	job->is_unseen = true; /* libclamav has its own view of where such a file ends */
	flags = content_member(job, readable(name, room), bytes, bytes.n, 0, depth);
	job->is_unseen = was_unseen;
	job->document = before;
	return flags;
}

uint32_t content_examine(struct content_job *job, struct str bytes, bool is_body)
{
	struct wire_record record = {.type = WIRE_CONTENT, .item = job->item, .size = bytes.n};
	enum wire_kind_id container = content_exact_kind(bytes), kind = container;
	uint32_t flags = wire_kind(kind)->flags;
	size_t at;

	job->leaf = bytes;
	record.kind = (uint16_t)kind;
	if (job->is_hashed)
		engine_sha256(bytes, record.hash);
	if (!wire_answer_add(job->answer, &record, STR_NONE, &at)) {
		job->is_over = true;
		return WIRE_F_LIMIT;
	}
	if (!is_body || kind == KIND_OLE || kind == KIND_PDF)
		flags |= content_flags(job, bytes, &kind, 1);
	if (!is_body) /* who knows its name will tell whether that counts */
		flags |= late_page_flags(bytes, kind);
	flags |= is_body ? content_inside(job, STR_NONE, bytes, container, 1, content_is_unseen(bytes, container)) :
	    look_inside(job, STR_NONE, bytes, container, 1);
	flags |= job->is_over ? WIRE_F_LIMIT : 0;
	wire_answer_mark(job->answer, at, kind, flags);
	return flags;
}
