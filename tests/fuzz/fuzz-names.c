/* What text and names are taken for: scripts, skeletons, look-alikes, languages, fingerprints. */
#include "core/address.h"
#include "core/content/fuzzy.h"
#include "core/text/language.h"
#include "core/url/lookalike.h"
#include "core/text/unicode.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new(0);
	struct str text = fuzz_input(data, size), mine = str_sub(text, 0, size / 2), shown;
	struct lookalike_host one, other;
	struct language language;
	struct fuzzy_print print = {0}, same = {0};

	assert(unicode_skeleton(a, text).n <= text.n);
	unicode_is_mixed(text);
	domain_to_unicode(a, text, &shown);
	lookalike_prepare(a, mine, &one);
	lookalike_prepare(a, str_from(text, size / 2), &other);
	lookalike_check(&one, &other);
	assert(lookalike_check(&one, &one) == LOOKALIKE_NONE);
	language_guess(&text, 1, &language);
	assert(language.confidence >= 0 && language.confidence <= 1 && language.words <= language.letters);
	fuzzy_text(&print, &text, 1);
	fuzzy_text(&same, &text, 1);
	assert(fuzzy_shared(&print, &same) == (print.shingles ? FUZZY_BANDS : 0));
	arena_free(a);
	return 0;
}
