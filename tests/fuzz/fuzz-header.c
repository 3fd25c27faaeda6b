/* Header sections and every decoder of header values: sizes and slices must hold, nothing may crash. */
#include "core/header.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = {(const char *)data, size};
	struct arena *a = arena_new(0);
	struct headers h;

	headers_parse(a, text, &h);
	assert(h.body <= size && h.n <= HEADER_COUNT_MAX);
	for (size_t i = 0; i < h.n; i++) {
		struct str decoded = header_decode(a, h.v[i].value);
		assert(h.v[i].raw.p >= text.p && h.v[i].raw.p + h.v[i].raw.n <= text.p + h.body);
		assert(h.v[i].name.n > 0);
		assert(decoded.n <= 4 * h.v[i].value.n);
	}
	rfc2047_decode(a, text);
	arena_free(a);
	return 0;
}
