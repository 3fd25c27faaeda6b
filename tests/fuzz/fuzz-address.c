/* Envelope addresses: whatever parses must parse again to the same, and hold no control. */
#include "core/address.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct arena *a = arena_new(0);
	struct str rest = fuzz_input(p, n), ascii;
	uint8_t options = fuzz_octet(&rest);
	struct address address, again;

	if (!address_path(a, &rest, options & 1, options & 2, &address) && address.domain.n) {
		assert(address.text.n <= n);
		for (size_t i = 0; i < address.text.n; i++)
			assert((unsigned char)address.text.p[i] >= 0x20 && address.text.p[i] != 0x7f);
		assert(!address_parse(a, address.text, true, &again));
		assert(str_eq(address.local, again.local) && str_eq(address.domain, again.domain));
		domain_to_ascii(a, address.domain, &ascii);
	}
	address_parse(a, fuzz_input(p, n), true, &address);
	domain_is_valid(fuzz_input(p, n), options & 1);
	arena_free(a);
	return 0;
}
