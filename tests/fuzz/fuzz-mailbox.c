/* Address lists: parts fit together, what is flagged has a name. */
#include "core/mailbox.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = {(const char *)data, size};
	struct arena *a = arena_new(0);
	struct mailboxes list;

	mailboxes_parse(a, in, &list);
	assert(list.n <= MAILBOXES_MAX);
	for (uint32_t bit = 1; bit; bit <<= 1)
		assert(!(list.odd & bit) || mailbox_odd_name(bit));
	for (size_t i = 0; i < list.n; i++) {
		const struct mailbox *m = &list.v[i];
		assert(m->address.n == m->local.n + (m->domain.n ? m->domain.n + 1 : 0));
		assert((m->odd & list.odd) == m->odd);
	}
	arena_free(a);
	return 0;
}
