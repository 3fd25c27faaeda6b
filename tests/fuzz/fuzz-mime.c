/* MIME structure, transfer encodings, charsets: within the limits, whatever comes. */
#include "core/mime.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct arena *a = arena_new(0);
	struct mime *mime = mime_parse(a, fuzz_input(p, n), NULL);
	size_t parts = 0;

	for (struct mime_part *part = mime->root; part; part = mime_next(part)) {
		assert(part->depth <= MIME_DEPTH_MAX && ++parts <= MIME_PARTS_MAX + 1);
		mime_decoded(mime, part);
		mime_text(mime, part);
	}
	arena_free(a);
	return 0;
}
