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

/* magic.c: by the first octets; of a zip also what its members make of it. */
enum wire_kind_id content_kind(struct str bytes);
enum wire_kind_id content_exact_kind(struct str bytes);
struct content_magic {
	unsigned offset;
	unsigned n;
	const char *octets;
	enum wire_kind_id kind;
};
/* The rows, in their order: the first that fits counts. */
const struct content_magic *content_magics(size_t *ret_n);
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

/* words.c: without regard to case; needles in lower case. */
ptrdiff_t content_find(struct str bytes, const char *needle);
bool content_has(struct str bytes, const char *needle);
/* Bit i: words[i], of two characters at least, is in the bytes. At most 64 words. */
uint64_t content_words(struct str bytes, const char *const *words, size_t n);
/* UTF-16 as ASCII in the room; other bytes as they are. */
struct str content_narrow(struct str bytes, struct buf *room);

/* Little-endian numbers; 0 where the bytes end before. */
static inline unsigned content_u16(struct str s, size_t at)
{
	const unsigned char *p = (const unsigned char *)s.p;

	return at < s.n && s.n - at >= 2 ? p[at] | (unsigned)p[at + 1] << 8 : 0;
}
static inline uint32_t content_u32(struct str s, size_t at)
{
	return at < s.n && s.n - at >= 4 ? content_u16(s, at) | (uint32_t)content_u16(s, at + 2) << 16 : 0;
}

#endif
