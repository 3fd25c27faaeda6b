/* Segment heads, record heads and meta: to octets and, checked, back. See record.h. */
#include "gateway/queue/record.h"

#include <string.h>

#include "gateway/queue/crc32c.h"
#include "lib/res.h"

#define SEGMENT_MAGIC "MREEVESG"
#define RECORD_MAGIC "MRrc"

void segment_head_put(const struct segment_head *h, unsigned char out[SEGMENT_HEAD])
{
	memcpy(out, SEGMENT_MAGIC, 8);
	put32(out + 8, h->version);
	put64(out + 16, h->epoch);
	put64(out + 24, h->number);
	put32(out + 12, crc32c(0, out + 16, 16));
}

enum res segment_head_get(struct str octets, struct segment_head *ret_head)
{
	const unsigned char *p = (const unsigned char *)octets.p;

	if (octets.n < SEGMENT_HEAD || memcmp(p, SEGMENT_MAGIC, 8) != 0)
		return RES_NONE;
	ret_head->version = get32(p + 8);
	if (ret_head->version != SEGMENT_VERSION)
		return RES_PERM;
	if (get32(p + 12) != crc32c(0, p + 16, 16))
		return RES_NONE;
	ret_head->epoch = get64(p + 16);
	ret_head->number = get64(p + 24);
	return RES_OK;
}

uint64_t record_length(const struct record_head *h)
{
	uint64_t data = h->flags & RECORD_FILE ? 0 : h->data_length;

	return (record_data_offset(h) + data + 7) & ~(uint64_t)7;
}

void record_head_put(const struct record_head *h, unsigned char out[RECORD_HEAD])
{
	memcpy(out, RECORD_MAGIC, 4);
	put64(out + 8, h->length);
	put64(out + 16, h->uid.epoch);
	put64(out + 24, h->uid.serial);
	put64(out + 32, h->commit);
	put64(out + 40, (uint64_t)h->arrived);
	put64(out + 48, h->data_length);
	put32(out + 56, h->data_crc);
	put32(out + 60, h->meta_length);
	put32(out + 64, h->meta_crc);
	put32(out + 68, h->flags);
	put32(out + 72, h->recipients);
	put32(out + 76, h->edits);
	put32(out + 4, crc32c(0, out + 8, RECORD_HEAD - 8));
}

bool record_head_get(struct str octets, struct record_head *ret_head)
{
	const unsigned char *p = (const unsigned char *)octets.p;
	struct record_head *h = ret_head;

	if (octets.n < RECORD_HEAD || memcmp(p, RECORD_MAGIC, 4) != 0 ||
	    get32(p + 4) != crc32c(0, p + 8, RECORD_HEAD - 8))
		return false;
	h->length = get64(p + 8);
	h->uid.epoch = get64(p + 16);
	h->uid.serial = get64(p + 24);
	h->commit = get64(p + 32);
	h->arrived = (int64_t)get64(p + 40);
	h->data_length = get64(p + 48);
	h->data_crc = get32(p + 56);
	h->meta_length = get32(p + 60);
	h->meta_crc = get32(p + 64);
	h->flags = get32(p + 68);
	h->recipients = get32(p + 72);
	h->edits = get32(p + 76);
	return h->meta_length <= RECORD_META_MAX && h->data_length <= RECORD_DATA_MAX &&
	       h->recipients > 0 && h->recipients <= RECORD_RECIPIENTS_MAX &&
	       (h->flags & ~(uint32_t)RECORD_FLAGS) == 0 && h->length == record_length(h);
}

uint32_t record_flags(const struct queue_entry *e)
{
	return (e->is_8bit ? RECORD_8BIT : 0u) | (e->is_utf8 ? RECORD_UTF8 : 0u) |
	       (e->is_dsn ? RECORD_DSN : 0u) | (e->ret == DSN_RET_FULL ? RECORD_RET_FULL : 0u) |
	       (e->ret == DSN_RET_HDRS ? RECORD_RET_HDRS : 0u);
}

size_t record_meta_size(const struct queue_entry *e, struct str file)
{
	size_t n = 4 * 4 + strlen(e->id) + e->sender.n + e->envid.n + file.n;

	for (size_t i = 0; i < e->recipient_count; i++)
		n += 2 * 4 + 1 + e->recipients[i].address.n + e->recipients[i].orcpt.n;
	for (const struct edit *d = e->edits ? e->edits->first : NULL; d; d = d->next)
		n += 1 + 4 + 2 * 4 + d->name.n + d->value.n;
	return n;
}

static unsigned char *put_text(unsigned char *p, struct str s)
{
	put32(p, (uint32_t)s.n);
	if (s.n)
		memcpy(p + 4, s.p, s.n);
	return p + 4 + s.n;
}

size_t record_meta_put(const struct queue_entry *e, struct str file, unsigned char *out)
{
	unsigned char *p = put_text(out, str_of(e->id));

	p = put_text(p, e->sender);
	p = put_text(p, e->envid);
	p = put_text(p, file);
	for (size_t i = 0; i < e->recipient_count; i++) {
		p = put_text(p, e->recipients[i].address);
		p = put_text(p, e->recipients[i].orcpt);
		*p++ = (unsigned char)e->recipients[i].notify;
	}
	for (const struct edit *d = e->edits ? e->edits->first : NULL; d; d = d->next) {
		*p++ = (unsigned char)d->op;
		put32(p, d->index);
		p = put_text(p + 4, d->name);
		p = put_text(p, d->value);
	}
	return (size_t)(p - out);
}

/* The reading side: each get takes its part off *rest and says whether it was there. */

static bool get_text(struct str *rest, struct str *ret_text)
{
	uint32_t n;

	if (rest->n < 4)
		return false;
	n = get32((const unsigned char *)rest->p);
	if (n > rest->n - 4)
		return false;
	*ret_text = str_sub(*rest, 4, n);
	*rest = str_from(*rest, 4 + (size_t)n);
	return true;
}

static bool get_octet(struct str *rest, unsigned *ret_value)
{
	if (rest->n < 1)
		return false;
	*ret_value = (unsigned char)rest->p[0];
	*rest = str_from(*rest, 1);
	return true;
}

static bool get_recipients(struct arena *a, struct str *rest, size_t n, struct queue_entry *e)
{
	/* Each takes at least 9 octets: no table larger than the meta itself can ask for. */
	if (n > rest->n / 9)
		return false;
	e->recipients = arena_array(a, n, sizeof *e->recipients);
	e->recipient_count = n;
	for (size_t i = 0; i < n; i++) {
		struct queue_recipient *r = &e->recipients[i];
		if (!get_text(rest, &r->address) || !get_text(rest, &r->orcpt) ||
		    !get_octet(rest, &r->notify))
			return false;
	}
	return true;
}

static bool get_edits(struct arena *a, struct str *rest, size_t n, struct queue_entry *e)
{
	struct edits *edits = arena_alloc(a, sizeof *edits);

	edits->last = &edits->first;
	if (n > rest->n / 13)
		return false;
	for (size_t i = 0; i < n; i++) {
		struct edit *d = arena_alloc(a, sizeof *d);
		unsigned op;
		if (!get_octet(rest, &op) || op > EDIT_CHANGE_HEADER || rest->n < 4)
			return false;
		d->op = (enum edit_op)op;
		d->index = get32((const unsigned char *)rest->p);
		*rest = str_from(*rest, 4);
		if (!get_text(rest, &d->name) || !get_text(rest, &d->value))
			return false;
		*edits->last = d;
		edits->last = &d->next;
		edits->n++;
	}
	e->edits = edits;
	return true;
}

static bool is_file_name(struct str s)
{
	return s.n > 0 && s.n < RECORD_NAME_MAX && s.p[0] != '.' && str_chr(s, '/') < 0 &&
	       str_chr(s, '\0') < 0 && str_ends(s, STR(".msg"));
}

/* It goes into logs and reports. */
static bool is_id(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= 32 || s.p[i] == 127)
			return false;
	return s.n < ID_TEXT_MAX;
}

static void flags_to_entry(uint32_t flags, struct queue_entry *e)
{
	e->is_8bit = flags & RECORD_8BIT;
	e->is_utf8 = flags & RECORD_UTF8;
	e->is_dsn = flags & RECORD_DSN;
	e->ret = flags & RECORD_RET_FULL ? DSN_RET_FULL
		 : flags & RECORD_RET_HDRS ? DSN_RET_HDRS
					   : DSN_RET_NONE;
}

bool record_meta_get(struct arena *a, const struct record_head *h, struct str meta,
    struct queue_entry *ret_entry, struct str *ret_file)
{
	struct queue_entry *e = ret_entry;
	struct str id;

	*e = (struct queue_entry){.arrived = h->arrived, .data_fd = -1};
	if (meta.n != h->meta_length || crc32c(0, meta.p, meta.n) != h->meta_crc)
		return false;
	if (!get_text(&meta, &id) || !is_id(id) || !get_text(&meta, &e->sender) ||
	    !get_text(&meta, &e->envid) || !get_text(&meta, ret_file))
		return false;
	if (h->flags & RECORD_FILE ? !is_file_name(*ret_file) : ret_file->n != 0)
		return false;
	memcpy(e->id, id.p, id.n);
	flags_to_entry(h->flags, e);
	return get_recipients(a, &meta, h->recipients, e) && get_edits(a, &meta, h->edits, e) &&
	       meta.n == 0;
}
