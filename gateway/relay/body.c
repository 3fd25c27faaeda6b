/* Message data: one pass that checks and looks, and the encoder for DATA. */
#define _GNU_SOURCE
#include "gateway/relay/body.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/header.h"
#include "gateway/queue/crc32c.h"
#include "lib/file.h"

/* What is known of the octets so far. */
struct look {
	uint32_t crc;
	uint8_t bits;
	bool is_start, was_cr;
	bool is_dirty, has_dots;
};

static uint8_t all_bits(const char *p, size_t n)
{
	uint64_t bits = 0, word;

	for (; n >= 8; n -= 8, p += 8) {
		memcpy(&word, p, 8);
		bits |= word;
	}
	for (; n; n--, p++)
		bits |= (uint64_t)(unsigned char)*p;
	bits |= bits >> 32;
	bits |= bits >> 16;
	return (uint8_t)(bits | bits >> 8);
}

/* A whole line without its LF: does it end in CR, and is that its only one? */
static void look_at_line(struct look *l, const char *p, size_t n)
{
	if (n == 0) {
		l->is_dirty |= !l->was_cr;
		return;
	}
	l->is_dirty |= p[n - 1] != '\r' || memchr(p, '\r', n - 1) != NULL || l->was_cr;
}

static void look_at(struct look *l, struct str s)
{
	const char *p = s.p, *end = s.p + s.n, *lf;

	l->bits |= all_bits(s.p, s.n);
	while (p < end) {
		l->has_dots |= l->is_start && *p == '.';
		lf = memchr(p, '\n', (size_t)(end - p));
		if (!lf) {
			/* An open line: its CR may be the last octet only. */
			l->is_dirty |= l->was_cr || memchr(p, '\r', (size_t)(end - p) - 1) != NULL;
			l->was_cr = end[-1] == '\r';
			l->is_start = false;
			return;
		}
		look_at_line(l, p, (size_t)(lf - p));
		l->was_cr = false;
		l->is_start = true;
		p = lf + 1;
	}
}

static bool look_at_file(struct look *l, const struct queue_data *d, uint64_t from)
{
	char *chunk = malloc(BODY_CHUNK);
	bool ok = chunk != NULL;

	for (uint64_t at = from; ok && at < d->length;) {
		size_t n = d->length - at < BODY_CHUNK ? (size_t)(d->length - at) : BODY_CHUNK;
		ok = file_read_at(d->fd, chunk, n, d->offset + at);
		if (ok) {
			l->crc = crc32c(l->crc, chunk, n);
			look_at(l, (struct str){chunk, n});
		}
		at += n;
	}
	free(chunk);
	return ok;
}

/* How much of the start must be at hand: all when small, else what the edits need to see. */
static size_t head_size(const struct queue_data *d, const struct edits *edits)
{
	size_t n = BODY_CHUNK;

	for (const struct edit *e = edits ? edits->first : NULL; e; e = e->next)
		if (e->op != EDIT_ADD_HEADER)
			n = HEADER_BYTES_MAX + BODY_CHUNK;
	if (d->length <= BODY_MEMORY || d->length < n)
		n = (size_t)d->length;
	return n;
}

/* Where the header section ends, roughly: good enough to say whether 8-bit octets are in it. */
static bool header_is_8bit(struct str head)
{
	ptrdiff_t end = str_starts(head, STR("\r\n")) ? 0 : str_find(head, STR("\r\n\r\n"));

	return all_bits(head.p, end < 0 ? head.n : (size_t)end) & 0x80;
}

static bool is_8bit(struct str s)
{
	return all_bits(s.p, s.n) & 0x80;
}

enum res body_open(struct arena *a, const struct queue_data *d, const struct record_head *h,
    const struct edits *edits, struct body *ret_body)
{
	struct look l = {.is_start = true};
	size_t n = head_size(d, edits);
	char *head = (char *)arena_array(a, n + 1, 1);
	struct body *b = ret_body;

	*b = (struct body){.fd = -1};
	if (!file_read_at(d->fd, head, n, d->offset))
		return RES_TEMP;
	l.crc = crc32c(0, head, n);
	look_at(&l, (struct str){head, n});
	if (n < d->length && !look_at_file(&l, d, n))
		return RES_TEMP;
	if (l.crc != h->data_crc || d->length != h->data_length)
		return RES_PERM;
	edits_apply(a, edits, (struct str){head, n}, &b->edited);
	b->has_8bit = l.bits & 0x80;
	b->has_8bit_header = b->has_8bit && header_is_8bit((struct str){head, n});
	for (size_t i = 0; i < b->edited.n; i++)
		b->has_8bit_header |= is_8bit(b->edited.pieces[i]);
	b->has_8bit |= b->has_8bit_header;
	b->is_clean = !l.is_dirty && !l.was_cr && l.is_start;
	b->has_dots = l.has_dots;
	b->length = d->length - b->edited.tail;
	b->offset = d->offset + b->edited.tail;
	b->size = b->edited.bytes + b->length;
	if (n == d->length)
		b->memory = str_from((struct str){head, n}, b->edited.tail);
	else
		b->fd = d->fd;
	return RES_OK;
}

struct str body_start(struct arena *a, const struct body *b, size_t max)
{
	size_t n = b->size < max ? (size_t)b->size : max, at = 0;
	char *out = arena_array(a, n + 1, 1);
	struct queue_data d = {b->fd, b->offset, b->length, false};

	for (size_t i = 0; i < b->edited.n && at < n; i++) {
		struct str s = str_sub(b->edited.pieces[i], 0, n - at);
		memcpy(out + at, s.p, s.n);
		at += s.n;
	}
	if (at < n && b->fd < 0)
		memcpy(out + at, b->memory.p, n - at);
	else if (at < n && !file_read_at(d.fd, out + at, n - at, d.offset))
		n = at;
	return (struct str){out, n};
}

struct str body_headers(struct arena *a, const struct body *b, size_t max)
{
	struct str start = body_start(a, b, max);
	struct headers h;

	headers_parse(a, start, &h);
	return str_sub(start, 0, h.body);
}

/* ---- DATA ---- */

/* Up to the next line end; true when one was written. */
static void write_line(struct dots *d, struct str line, void (*out)(void *arg, struct str s), void *arg)
{
	if (line.n == 0)
		return;
	if (d->is_start && line.p[0] == '.')
		out(arg, STR("."));
	out(arg, line);
	d->is_start = false;
}

void dots_write(struct dots *d, struct str in, void (*out)(void *arg, struct str s), void *arg)
{
	const char *end = in.p + in.n, *from = in.p;

	/* A CR at the end of the last piece: written only now that it is known what follows. */
	if (d->was_cr && in.n) {
		out(arg, STR("\r\n"));
		d->was_cr = false;
		d->is_start = true;
		from += *from == '\n';
	}
	while (from < end) {
		const char *p = from, *lf = memchr(from, '\n', (size_t)(end - from));
		const char *stop = lf ? lf : end, *cr = memchr(p, '\r', (size_t)(stop - p));
		if (cr && cr + 1 == stop && lf) { /* the usual line: whole, with its CRLF */
			write_line(d, str_range(p, lf + 1), out, arg);
			d->is_start = true;
			from = lf + 1;
			continue;
		}
		write_line(d, str_range(p, cr ? cr : stop), out, arg);
		if (cr && cr + 1 == end) { /* what comes behind it decides */
			d->was_cr = true;
			return;
		}
		if (!cr && !lf)
			return;
		out(arg, STR("\r\n"));
		d->is_start = true;
		from = cr ? cr + 1 : lf + 1;
	}
}

void dots_end(struct dots *d, void (*out)(void *arg, struct str s), void *arg)
{
	if (!d->is_start || d->was_cr)
		out(arg, STR("\r\n"));
	out(arg, STR(".\r\n"));
}
