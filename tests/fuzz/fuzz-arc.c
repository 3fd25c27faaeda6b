/* ARC: a key record in the first line, then a message whose sets are the input's. */
#include "auth/arc.h"
#include "auth/sign.h"
#include "tests/fuzz/fuzz-auth.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct signature_options options = {.minimum_rsa_bits = 512};
	struct str input = fuzz_input(p, n);
	struct arena *a = arena_new(0);
	struct fuzz_dns f = {0};
	struct arc *arc;

	fuzz_dns_records(&f, &input);
	fuzz_dns_start(&f);
	arc = arc_verify(a, f.scope, input, &options);
	assert(arc->result == AUTH_NONE || arc->result == AUTH_PASS || arc->result == AUTH_FAIL);
	assert(arc->instance <= ARC_SETS_MAX && arc->oldest_pass <= arc->instance);
	assert(arc->result == AUTH_FAIL || (arc->result == AUTH_NONE) == (arc->instance == 0));
	fuzz_dns_end(&f);
	arena_free(a);
	return 0;
}
