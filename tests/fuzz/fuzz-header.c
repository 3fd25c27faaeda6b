/* Header sections, address lists in them, encoded words. */
#include "core/header.h"
#include "core/mailbox.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct arena *a = arena_new(0);
	struct str in = fuzz_input(p, n);
	struct headers headers;
	struct mailboxes boxes;

	headers_parse(a, in, &headers);
	assert(headers.n <= HEADER_COUNT_MAX && headers.body <= n);
	for (size_t i = 0; i < headers.n && i < 20; i++) {
		const struct header *h = &headers.v[i];

		assert(h->raw.p >= in.p && h->raw.p + h->raw.n <= in.p + in.n);
		header_unfold(a, h->value);
		header_decode(a, h->value);
		mailboxes_parse(a, h->value, &boxes);
		assert(boxes.n <= MAILBOXES_MAX);
	}
	arena_free(a);
	return 0;
}
