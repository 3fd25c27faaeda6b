/*
 * ARJ, which libarchive does not read: its members. How most are packed LHA does too, and libarchive
 * unpacks that; the fastest method of ARJ is its own, and unpacked here.
 */
#include <string.h>

#include "scanner/content/content.h"

enum { HEADER_MAX = 2600, EXTENDED_MAX = 64, GARBLED = 1, STORED = 0, FASTEST = 4, DIRECTORY = 3, MATCH_MIN = 3, PIECE = 65536 };

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

/* ---- the fastest method ---- */

struct bits {
	struct str s;
	size_t at; /* in bits; beyond the end all are 0 */
};

static unsigned take_bits(struct bits *b, unsigned n)
{
	unsigned value = 0;

	for (; n; n--, b->at++)
		value = value << 1 | (b->at / 8 < b->s.n ? (unsigned char)b->s.p[b->at / 8] >> (7 - b->at % 8) & 1 : 0);
	return value;
}

/* Ones up to a zero, at most so many that the width is `to`, say how wide the number is: larger ones follow smaller ones. */
static unsigned take_number(struct bits *b, unsigned from, unsigned to)
{
	unsigned before = 0, width = from;

	for (; width < to && take_bits(b, 1); width++)
		before += 1u << width;
	return before + take_bits(b, width);
}

static bool may_go_on(struct content_job *job, const struct buf *out, size_t *counted)
{
	if (out->n - *counted < PIECE)
		return true;
	job->unpacked += out->n - *counted;
	*counted = out->n;
	return !content_is_over(job);
}

/* An octet, or a length and how far back it begins. */
static void unpack_fastest(struct content_job *job, struct str packed, uint32_t size, struct buf *out)
{
	struct bits b = {.s = packed};
	size_t counted = 0;

	while (out->n < size && b.at < packed.n * 8 && may_go_on(job, out, &counted)) {
		unsigned n = take_number(&b, 0, 7), back;

		if (n == 0) {
			buf_addc(out, (char)take_bits(&b, 8));
			continue;
		}
		back = take_number(&b, 9, 13) + 1;
		if (back > out->n)
			break;
		for (n += MATCH_MIN - 1; n && out->n < size; n--)
			buf_addc(out, out->p[out->n - back]);
	}
	job->unpacked += out->n - counted;
}

/* ---- members ---- */

/* As far as it can be read and the limits let. */
static struct str unpack(struct content_job *job, const struct header *h, struct str packed, struct buf *room)
{
	uint64_t most = job->limits->max_member;
	uint32_t size = h->size < most ? h->size : (uint32_t)most;

	if (h->method == STORED) {
		packed = str_sub(packed, 0, most);
		job->unpacked += packed.n;
		return packed;
	}
	if (h->method < FASTEST)
		archive_unlzh(job, packed, h->size, room);
	else if (h->method == FASTEST)
		unpack_fastest(job, packed, size, room);
	return str_sub(buf_str(room), 0, size);
}

static uint32_t one_member(struct content_job *job, const struct header *h, struct str packed, unsigned depth)
{
	uint32_t flags = h->flags & GARBLED ? WIRE_F_ENCRYPTED : 0;
	struct str bytes = STR_NONE;
	struct buf room = {0};

	flags |= archive_name_escapes(h->name) ? WIRE_F_TRAVERSAL : 0;
	flags |= packed.n < h->packed ? WIRE_F_BROKEN : 0;
	if (h->type == DIRECTORY)
		return flags & WIRE_F_TRAVERSAL;
	job->members++;
	if (h->size > job->limits->max_member) {
		job->is_over = true;
		flags |= WIRE_F_LIMIT;
	}
	if (!(flags & WIRE_F_ENCRYPTED))
		bytes = unpack(job, h, packed, &room);
	if (bytes.n < h->size && !(flags & (WIRE_F_ENCRYPTED | WIRE_F_LIMIT)) && !job->is_over)
		flags |= WIRE_F_BROKEN;
	flags = content_member(job, h->name, bytes, h->size, flags, depth);
	buf_free(&room);
	return flags;
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
