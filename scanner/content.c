/* Kind by the first octets, then what the kind asks for, then what is inside. */
#define _GNU_SOURCE
#include "scanner/content.h"

#include <string.h>
#include <time.h>

#include "scanner/engine.h"

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

/* An OLE file in a document is an object of it; alone in an archive it is a file like others. */
uint32_t content_member(struct content_job *job, struct str name, struct str bytes, uint64_t size, uint32_t flags,
    unsigned depth)
{
	struct wire_record record = {.type = WIRE_MEMBER, .item = job->item, .depth = (uint16_t)depth, .size = size};
	enum wire_kind_id container = content_exact_kind(bytes), kind = container, document = KIND_OOXML;
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
	enum wire_kind_id container = content_exact_kind(bytes), kind = container;
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
