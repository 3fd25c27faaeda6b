/*
 * Everything of the queue that reads octets from disk or from a next hop: segment heads, record meta
 * with its checksums made right (so that the parser behind them is reached), quarantine .json, and
 * edits and dots on any message.
 */
#include "core/edit_apply.h"
#include "gateway/quarantine/quarantine_json.h"
#include "gateway/queue/crc32c.h"
#include "gateway/queue/record.h"
#include "tests/fuzz/fuzz.h"

static void meta(struct arena *a, struct str in)
{
	struct record_head h = {.flags = fuzz_octet(&in) & RECORD_FLAGS, .recipients = fuzz_octet(&in), .edits = fuzz_octet(&in)};
	struct queue_entry e;
	struct str file;

	h.meta_length = (uint32_t)in.n;
	h.meta_crc = crc32c(0, in.p, in.n);
	if (!record_meta_get(a, &h, in, &e, &file))
		return;
	/* What was understood can be written again, to the same octets. */
	unsigned char *again = arena_alloc(a, record_meta_size(&e, file) + 1);
	size_t n = record_meta_put(&e, file, again);
	assert(n == record_meta_size(&e, file) && n == in.n && (n == 0 || memcmp(again, in.p, n) == 0));
}

static void edits(struct arena *a, struct str in)
{
	struct edits e;
	struct edited out;
	size_t bytes = 0;

	edits_init(&e);
	for (int i = fuzz_octet(&in) % 8; i > 0; i--) {
		uint8_t what = fuzz_octet(&in);
		unsigned index = fuzz_octet(&in) % 4;
		struct str name = what & 4 ? STR("A") : STR("Subject");
		if (what % 3 == 0)
			edit_add_header(&e, a, name, str_sub(in, 0, what));
		else if (what % 3 == 1)
			edit_remove_header(&e, a, name, index);
		else
			edit_change_header(&e, a, name, index, str_sub(in, 0, what));
	}
	edits_apply(a, &e, in, &out);
	for (size_t i = 0; i < out.n; i++)
		bytes += out.pieces[i].n;
	assert(bytes == out.bytes && out.tail <= in.n);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct arena *a = arena_new(0);
	struct str in = fuzz_input(p, n);
	struct quarantine_item item;
	struct segment_head segment;
	struct record_head head;

	switch (fuzz_octet(&in) % 4) {
	case 0:
		meta(a, in);
		break;
	case 1:
		edits(a, in);
		break;
	case 2:
		quarantine_json_read(a, in, &item);
		break;
	default:
		segment_head_get(in, &segment);
		record_head_get(in, &head);
	}
	arena_free(a);
	return 0;
}
