/*
 * Members of a zip file that the list at its end does not tell, or tells otherwise than the heads do:
 * of another file before it, left out of the list, under two names. Programs differ in what they
 * show of these, and libarchive reads one way only, which was done before.
 */
#include <stdlib.h>
#include <string.h>

#include "scanner/content/content.h"

enum { FILES_MAX = 16 /* one behind the other */, NAME_MAX_OCTETS = 1024, EXTRA_UNICODE = 0x7075, METHODS = 100, ENCRYPTED = 1 };

struct hidden {
	struct content_job *job;
	struct str file;
	unsigned depth;
	size_t told;	/* members, by who read the list before */
	bool is_unread; /* those are less than are listed: all are told here */
	struct place {
		size_t from, to;
	} *listed; /* where members are that are told */
	size_t n;
	uint32_t flags;
};

/* ---- one member ---- */

static void put(struct buf *out, uint64_t n, unsigned octets)
{
	for (unsigned i = 0; i < octets; i++)
		buf_addc(out, (char)(n >> 8 * i));
}

/* A head as it would be if all that is known were true. */
static void write_head(const struct zip_entry *e, struct buf *out)
{
	buf_adds(out, "PK\3\4");
	put(out, e->version, 2);
	put(out, e->flags & ~(unsigned)ZIP_SIZES_LATER, 2);
	put(out, e->method, 2);
	put(out, 0, 4);
	put(out, e->check, 4);
	put(out, e->packed, 4);
	put(out, e->size, 4);
	put(out, 1, 2);
	put(out, 0, 2);
	buf_addc(out, 'x');
}

static struct str without_slash(struct str name)
{
	while (name.n && (name.p[name.n - 1] == '/' || name.p[name.n - 1] == '\\'))
		name.n--;
	return str_sub(name, 0, NAME_MAX_OCTETS);
}

static void tell(struct hidden *h, struct str name, struct str head, struct str data, uint32_t flags)
{
	struct buf bytes = {0};
	bool was_unseen = h->job->is_unseen;

	name = without_slash(name);
	flags |= archive_name_escapes(name) ? WIRE_F_TRAVERSAL : 0;
	h->job->members++;
	if (!(flags & (WIRE_F_ENCRYPTED | WIRE_F_BROKEN)))
		archive_unzip(h->job, head, data, &bytes, &flags);
	h->job->is_unseen = true; /* libclamav may see what we saw before */
	h->flags |= content_member(h->job, name, buf_str(&bytes), bytes.n, flags, h->depth);
	h->job->is_unseen = was_unseen;
	buf_free(&bytes);
}

/* As the list has it. */
static void tell_listed(struct hidden *h, const struct zip_entry *e, struct str name)
{
	struct zip_entry head;
	struct buf room = {0};
	uint32_t flags = e->flags & ENCRYPTED ? WIRE_F_ENCRYPTED : 0;

	if (!zip_read_head(h->file, e->local, &head)) {
		tell(h, name, STR_NONE, STR_NONE, flags | WIRE_F_BROKEN);
		return;
	}
	write_head(e, &room);
	tell(h, name, buf_str(&room), str_sub(h->file, head.data, e->packed), flags);
	buf_free(&room);
}

/* ---- what the list says ---- */

/* Names in a field of their own: a version and a check before them. */
static struct str unicode_name(const struct zip_entry *e)
{
	return str_from(zip_extra(e->extra, EXTRA_UNICODE), 5);
}

static bool has_data_behind_folder(const struct zip_entry *e)
{
	return e->packed && (e->is_folder || (e->name.n && (e->name.p[e->name.n - 1] == '/' || e->name.p[e->name.n - 1] == '\\')));
}

static void one_listed(struct hidden *h, const struct zip_entry *e)
{
	struct zip_entry head;
	bool is_there = zip_read_head(h->file, e->local, &head);
	struct str other = unicode_name(e);

	if (is_there)
		h->listed[h->n++] = (struct place){e->local, head.data + e->packed};
	if (h->is_unread || !is_there || !str_eq(e->name, head.name) || e->method != head.method || has_data_behind_folder(e))
		tell_listed(h, e, e->name);
	if (other.n && !(is_there && str_eq(other, unicode_name(&head))))
		tell_listed(h, e, other);
}

static int by_place(const void *a, const void *b)
{
	const struct place *left = a, *right = b;

	return left->from < right->from ? -1 : left->from > right->from;
}

/* ---- what it does not say ---- */

/* The mark occurs in programs too. */
static bool is_head(const struct zip_entry *e, size_t end)
{
	if (e->version % 256 > METHODS || e->method >= METHODS || e->name.n == 0 || e->name.n > NAME_MAX_OCTETS || e->data > end)
		return false;
	for (size_t i = 0; i < e->name.n; i++)
		if ((unsigned char)e->name.p[i] < ' ' && e->name.p[i] != '\0')
			return false;
	return true;
}

static void unlisted_between(struct hidden *h, size_t from, size_t to)
{
	struct str s = str_sub(h->file, 0, to);
	struct zip_entry e;
	ptrdiff_t at;

	while (from < to && !content_is_over(h->job) && (at = str_find(str_from(s, from), STR("PK\3\4"))) >= 0) {
		from += (size_t)at;
		if (!zip_read_head(s, from, &e) || !is_head(&e, to)) {
			from += 4;
			continue;
		}
		tell(h, e.name, str_sub(s, from, e.data - from), str_from(s, e.data), e.flags & ENCRYPTED ? WIRE_F_ENCRYPTED : 0);
		from = e.data + (e.flags & ZIP_SIZES_LATER || e.packed > to - e.data ? 0 : e.packed);
	}
}

/* Around the members that are told. */
static void unlisted(struct hidden *h, size_t from, size_t to)
{
	for (size_t i = 0; i < h->n && !content_is_over(h->job); i++) {
		if (h->listed[i].from > from)
			unlisted_between(h, from, h->listed[i].from);
		from = h->listed[i].to > from ? h->listed[i].to : from;
	}
	unlisted_between(h, from, to);
}

/* One file of those that stand one behind the other; how many octets are before it, when they are a zip file too. */
static size_t one_file(struct hidden *h)
{
	struct zip_list list, again, before;
	struct zip_entry e;
	size_t from = 0;

	if (!zip_find_list(h->file, &list))
		return 0;
	again = list;
	for (h->n = 0; zip_next_listed(&again, &e);)
		h->n++;
	h->listed = malloc((h->n + 1) * sizeof *h->listed);
	if (!h->listed)
		abort();
	h->is_unread = h->told < h->n;
	for (h->n = 0; zip_next_listed(&list, &e) && !content_is_over(h->job);)
		one_listed(h, &e);
	qsort(h->listed, h->n, sizeof *h->listed, by_place);
	if (h->n && zip_find_list(str_sub(h->file, 0, h->listed[0].from), &before))
		from = h->listed[0].from;
	unlisted(h, from, h->file.n);
	free(h->listed);
	return from;
}

uint32_t zip_read_hidden(struct content_job *job, struct str bytes, size_t told, unsigned depth)
{
	struct hidden h = {.job = job, .file = bytes, .depth = depth, .told = told};

	for (int i = 0; i < FILES_MAX && h.file.n && !content_is_over(job); i++) {
		h.file = str_sub(h.file, 0, one_file(&h));
		h.told = 0;
	}
	job->is_over |= h.file.n > 0;
	return h.flags;
}
