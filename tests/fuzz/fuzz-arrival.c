/* Received fields of a message that an administrator scans: anybody may have written them. */
#include "gateway/ctl/arrival.h"
#include "tests/fuzz/fuzz.h"

static bool is_inside(struct str part, struct str whole)
{
	return part.n == 0 || (part.p >= whole.p && part.p + part.n <= whole.p + whole.n);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct str in = fuzz_input(p, n);
	struct arena *a = arena_new(0);
	struct headers headers;
	struct arrival arrival;

	headers_parse(a, in, &headers);
	if (arrival_read(&headers, STR("mx.example.org"), &arrival)) {
		assert(is_inside(arrival.helo, in) && is_inside(arrival.rcpt, in));
		assert(arrival.client.family == 0 || arrival.client.family == 4 || arrival.client.family == 6);
	}
	arena_free(a);
	return 0;
}
