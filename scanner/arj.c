/*
 * ARJ, which libarchive does not read: the list of members. Those that are stored as they are get
 * looked at; of the others name, size and password are told.
 */
#include <string.h>

#include "scanner/content.h"

enum { HEADER_MAX = 2600, EXTENDED_MAX = 64, GARBLED = 1, STORED = 0, ARCHIVE_HEADER = 2, DIRECTORY = 3, LINK = 5 };

struct header {
	struct str name;
	unsigned flags, method, type;
	uint32_t packed, size;
};

/* Cuts a header off, with what extends it; false at the end, which is one without length. */
static bool take_header(struct str *s, struct header *ret, uint32_t *flags)
{
	unsigned n = content_u16(*s, 2), first;
	struct str h = str_sub(*s, 4, n);
	ptrdiff_t end;

	if (n == 0)
		return false;
	if (content_u16(*s, 0) != 0xea60 || n > HEADER_MAX || h.n < n || n < 30) {
		*flags |= WIRE_F_BROKEN;
		return false;
	}
	first = (unsigned char)h.p[0];
	*ret = (struct header){.flags = (unsigned char)h.p[4], .method = (unsigned char)h.p[5], .type = (unsigned char)h.p[6],
	    .packed = content_u32(h, 12), .size = content_u32(h, 16), .name = str_from(h, first)};
	end = str_chr(ret->name, '\0');
	ret->name = str_sub(ret->name, 0, end < 0 ? ret->name.n : (size_t)end);
	*s = str_from(*s, 4 + (size_t)n + 4);
	for (unsigned i = 0; i < EXTENDED_MAX && content_u16(*s, 0); i++)
		*s = str_from(*s, 2 + (size_t)content_u16(*s, 0) + 4);
	*s = str_from(*s, 2);
	return true;
}

static uint32_t one_member(struct content_job *job, const struct header *h, struct str packed, unsigned depth)
{
	uint32_t flags = h->flags & GARBLED ? WIRE_F_ENCRYPTED : 0;

	flags |= archive_name_escapes(h->name) ? WIRE_F_TRAVERSAL : 0;
	flags |= packed.n < h->packed ? WIRE_F_BROKEN : 0;
	if (h->type == DIRECTORY)
		return flags & WIRE_F_TRAVERSAL;
	if (h->method != STORED || flags & WIRE_F_ENCRYPTED)
		packed = STR_NONE;
	if (h->size > job->limits->max_member) {
		job->is_over = true;
		flags |= WIRE_F_LIMIT;
		packed = str_sub(packed, 0, job->limits->max_member);
	}
	job->members++;
	job->unpacked += packed.n;
	return content_member(job, h->name, packed, h->size, flags, depth);
}

uint32_t arj_flags(struct content_job *job, struct str s, unsigned depth)
{
	struct header h;
	uint32_t flags = 0;

	if (depth > job->limits->max_depth) {
		job->is_over = true;
		return WIRE_F_LIMIT;
	}
	if (!take_header(&s, &h, &flags))
		return flags | WIRE_F_BROKEN;
	while (!content_is_over(job) && take_header(&s, &h, &flags)) {
		struct str packed = str_sub(s, 0, h.packed);

		s = str_from(s, packed.n);
		flags |= one_member(job, &h, packed, depth);
	}
	return job->is_over ? flags | WIRE_F_LIMIT : flags;
}
