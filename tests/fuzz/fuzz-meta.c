/* Meta expressions: what compiles can be evaluated, with any counts, and gives a number. */
#include "rules/meta.h"
#include "tests/fuzz/fuzz.h"

static uint32_t find_letter(void *arg, struct str name)
{
	(void)arg;
	return name.n == 1 && name.p[0] >= 'A' && name.p[0] <= 'Z' ? (uint32_t)(name.p[0] - 'A') : UINT32_MAX;
}

static void match_all(void *arg, struct str glob, void (*add)(void *to, uint32_t rule), void *to)
{
	(void)arg;
	for (uint32_t i = 0; i < glob.n % 27; i++)
		add(to, i);
}

static void ignore(void *arg, struct str name)
{
	(void)arg;
	(void)name;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct meta_names names = {find_letter, match_all, ignore, NULL};
	struct arena *a = arena_new(0);
	struct meta meta;
	float counts[26];

	for (size_t i = 0; i < 26; i++)
		counts[i] = n > i ? (float)p[i] - 64 : 0;
	if (!meta_compile(a, fuzz_input(p, n), &names, &meta) && meta.n)
		(void)meta_value(&meta, counts);
	arena_free(a);
	return 0;
}
