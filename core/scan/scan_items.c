/* What a scanner gets to see of a message, and how it travels: in the request, or in sealed memory. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "core/scan/scan_private.h"

/* Half of all first fields make libclamav miss that this is mail at all; this one is always known. */
const struct str scan_prefix = {"Received: from mailreeve (mailreeve [127.0.0.1])\r\n", 50};

static void add_item(struct scan_items *items, struct str bytes, const struct mime_part *part)
{
	if (items->n == items->room) {
		items->is_cut = true;
		return;
	}
	items->parts[items->n] = part;
	items->bytes[items->n++] = bytes;
}

void scan_items(struct message *m, struct scan_items *ret_items)
{
	struct mime *mime = message_mime(m);

	/* The message, and of each part up to three readings. */
	*ret_items = (struct scan_items){.room = 1 + 3 * mime->part_count < WIRE_ITEMS_MAX ? 1 + 3 * mime->part_count : WIRE_ITEMS_MAX};
	ret_items->bytes = arena_array(m->arena, ret_items->room, sizeof *ret_items->bytes);
	ret_items->parts = arena_array(m->arena, ret_items->room, sizeof *ret_items->parts);
	add_item(ret_items, spool_data(m->spool), NULL);
	for (struct mime_part *part = mime->root; part; part = (struct mime_part *)mime_next(part)) {
		struct str decoded;

		if (!mime_has_content(part))
			continue;
		decoded = mime_decoded(mime, part);
		if (decoded.n)
			add_item(ret_items, decoded, part);
		/* Programs differ on what stands behind padding. */
		if (part->decoded_all.n > decoded.n)
			add_item(ret_items, part->decoded_all, part);
		if (part->decoded_unpadded.n)
			add_item(ret_items, part->decoded_unpadded, part);
	}
}

/* A text without a name that is shown in line: what people read, not an attachment. */
bool scan_is_body(const struct mime_part *part)
{
	return part->filename.n == 0 && part->other_filename.n == 0 && !str_is(part->disposition, "attachment") &&
	       (str_is(part->type, "text/plain") || str_is(part->type, "text/html"));
}

static bool write_all(int fd, struct iovec *v, int n)
{
	while (n > 0) {
		ssize_t written = writev(fd, v, n < IOV_MAX ? n : IOV_MAX);

		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			return false;
		while (n > 0 && (size_t)written >= v->iov_len) {
			written -= (ssize_t)v->iov_len;
			v++;
			n--;
		}
		if (n > 0) {
			v->iov_base = (char *)v->iov_base + written;
			v->iov_len -= (size_t)written;
		}
	}
	return true;
}

/* A part without transfer encoding stands in the message as it is: it needs no second copy. */
static bool is_within(struct str part, struct str whole)
{
	uintptr_t from = (uintptr_t)whole.p, at = (uintptr_t)part.p;

	return at >= from && at - from <= whole.n && part.n <= whole.n - (at - from);
}

/* The table and the items as pieces; their number. */
static size_t put_items(struct iovec *v, struct wire_item *table, const struct scan_items *items, uint64_t *ret_size)
{
	uint64_t start = items->n * sizeof *table, message = start + scan_prefix.n, at = message + items->bytes[0].n;
	size_t count = 0;

	v[count++] = (struct iovec){table, start};
	v[count++] = (struct iovec){(void *)scan_prefix.p, scan_prefix.n};
	v[count++] = (struct iovec){(void *)items->bytes[0].p, items->bytes[0].n};
	table[0] = (struct wire_item){.offset = start, .size = at - start, .flags = WIRE_I_MESSAGE};
	for (size_t i = 1; i < items->n; i++) {
		struct str bytes = items->bytes[i];

		table[i] = (struct wire_item){.offset = at, .size = bytes.n, .flags = scan_is_body(items->parts[i]) ? WIRE_I_BODY : 0};
		if (is_within(bytes, items->bytes[0])) {
			table[i].offset = message + (uint64_t)(bytes.p - items->bytes[0].p);
			continue;
		}
		at += bytes.n;
		v[count++] = (struct iovec){(void *)bytes.p, bytes.n};
	}
	*ret_size = at;
	return count;
}

static int sealed_memory(struct iovec *v, size_t count)
{
	int fd = memfd_create("mail", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd >= 0 && write_all(fd, v, (int)count) &&
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

bool scan_request_pack(struct scan_request *r, struct arena *a, const struct scan_items *items)
{
	struct wire_item *table = arena_array(a, items->n, sizeof *table);
	size_t count;

	*r = (struct scan_request){.memory = -1, .pieces = arena_array(a, items->n + 3, sizeof *r->pieces)};
	r->head = (struct wire_head){.magic = WIRE_MAGIC, .version = WIRE_VERSION, .op = WIRE_SCAN, .count = (uint32_t)items->n};
	r->pieces[0] = (struct iovec){&r->head, sizeof r->head};
	count = put_items(r->pieces + 1, table, items, &r->head.size);
	r->count = 1;
	if (r->head.size > WIRE_BYTES_MAX)
		return false;
	if (r->head.size <= WIRE_REQUEST_MAX - sizeof r->head && count < IOV_MAX)
		r->count += count;
	else
		r->memory = sealed_memory(r->pieces + 1, count);
	return r->count > 1 || r->memory >= 0;
}
