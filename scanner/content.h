/*
 * What attachments are: kind by content, what they hold, what in them acts by itself. Runs in
 * workers only, on bytes that somebody else chose; everything is bounded by the settings.
 */
#ifndef REEVE_SCANNER_CONTENT_H
#define REEVE_SCANNER_CONTENT_H

#include "scanner/wire.h"

struct content_job {
	struct wire_answer *answer;
	const struct wire_settings *limits;
	uint16_t item;
	struct str leaf;    /* the item's bytes */
	uint64_t unpacked;  /* octets read out of archives so far */
	uint32_t members;
	uint64_t deadline_us;
	bool is_document;   /* a container that is a document: only what is odd in it is told */
	bool is_broken, is_over, is_encrypted;
};

/* One item: adds its records, and of its members; returns all flags. is_body: text that is no attachment. */
uint32_t content_examine(struct content_job *job, struct str bytes, bool is_body);

/* ---- the parts of it ---- */

enum wire_kind_id content_kind(struct str bytes);
/* Flags of content that is no archive; may make the kind more exact. */
uint32_t content_flags(struct str bytes, enum wire_kind_id *kind);
/* A member of an archive: its record, and what is inside; returns its flags. */
uint32_t content_member(struct content_job *job, struct str name, struct str bytes, uint64_t size, uint32_t flags,
    unsigned depth);
bool content_is_over(struct content_job *job);

/* archive.c: reads the members; returns flags of the archive itself. */
uint32_t archive_read_members(struct content_job *job, struct str bytes, enum wire_kind_id kind, unsigned depth);
bool archive_can_read(enum wire_kind_id kind);
void archive_init(void);
/* Leads out of the folder into which it is unpacked. */
bool archive_name_escapes(struct str name);

/* office.c, active.c: detectors, linear in the bytes. */
uint32_t ole_flags(struct str bytes, enum wire_kind_id *kind);
uint32_t ooxml_member_flags(struct str name, struct str bytes, enum wire_kind_id *kind);
uint32_t rtf_flags(struct str bytes);
uint32_t xml_flags(struct str bytes);
uint32_t csv_flags(struct str bytes);
uint32_t pdf_flags(struct str bytes);
uint32_t html_flags(struct str bytes);
/* Without regard to case; needle in lower case. */
ptrdiff_t content_find(struct str bytes, const char *needle);
bool content_has(struct str bytes, const char *needle);

#endif
