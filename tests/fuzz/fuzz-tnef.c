/* TNEF containers: files are slices of the input or of the arena, never more than there is room for. */
#include "core/content/tnef.h"
#include "tests/fuzz/fuzz.h"

enum { ROOM = 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tnef_file files[ROOM];
	struct arena *a = arena_new(0);
	struct str in = fuzz_input(data, size);
	bool is_whole;
	size_t n = tnef_list(a, in, files, ROOM, &is_whole);

	assert(n <= ROOM);
	for (size_t i = 0; i < n; i++)
		assert(!files[i].data.n || (files[i].data.p >= in.p && files[i].data.p + files[i].data.n <= in.p + in.n));
	arena_free(a);
	return 0;
}
