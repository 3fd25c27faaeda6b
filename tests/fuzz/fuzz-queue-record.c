/* Records of the queue as they might stand on a damaged disk. */
#include "gateway/queue/record.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct arena *a = arena_new(0);
	struct record_head head;
	struct queue_entry entry;
	struct str file;

	if (n >= RECORD_HEAD && record_head_get(fuzz_input(p, n), &head) && head.meta_length <= n - RECORD_HEAD)
		record_meta_get(a, &head, str_sub(fuzz_input(p, n), RECORD_HEAD, head.meta_length), &entry, &file);
	memset(&head, 0, sizeof head);
	head.meta_length = (uint32_t)n;
	record_meta_get(a, &head, fuzz_input(p, n), &entry, &file);
	arena_free(a);
	return 0;
}
