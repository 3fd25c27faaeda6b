/*
 * A Perl pattern up to the first NUL octet, then a text. What the translation accepts must compile or
 * be refused with a reason; and when the pattern matches the text, its required literals must stand
 * in the text and its automaton must tell, or hits would be lost.
 */
#include "lib/regex.h"
#include "rules/match/automaton.h"
#include "rules/match/literal.h"
#include "rules/perlre.h"
#include "rules/match/prefilter.h"
#include "tests/fuzz/fuzz.h"

static bool note_found(void *arg, uint32_t value, size_t at)
{
	(void)value;
	(void)at;
	++*(unsigned *)arg;
	return true;
}

static void note_told(void *arg, uint32_t value)
{
	(void)value;
	++*(unsigned *)arg;
}

static void check_literals(struct arena *a, struct node *tree, struct str text)
{
	struct prefilter_builder *b = prefilter_start(a);
	struct literals literals;
	unsigned found = 0;
	char *folded = arena_alloc(a, text.n + 1);

	literals_of(a, a, tree, &literals);
	if (literals.n == 0)
		return;
	for (size_t i = 0; i < literals.n; i++)
		prefilter_add(b, literals.v[i], 0);
	prefilter_fold(text, folded);
	prefilter_scan(prefilter_finish(b), (struct str){folded, text.n}, note_found, &found);
	assert(found && found >= literals.times);
}

static void check_automaton(struct arena *a, struct node *tree, struct str text)
{
	struct automaton_pattern one = {tree, 0, 0};
	struct automaton_states *lanes[AUTOMATON_LANES];
	unsigned told = 0;
	size_t taken;
	struct automaton *au = automaton_new(a, automaton_space_new(a), &one, 1, &taken);

	if (!au)
		return;
	for (size_t i = 0; i < AUTOMATON_LANES; i++)
		lanes[i] = automaton_idle();
	lanes[1] = automaton_states_new(au);
	automaton_start(lanes[1], text.n);
	assert(!automaton_run(lanes, text, note_told, &told) || told);
	automaton_states_free(lanes[1]);
}

static void check_match(struct arena *a, struct regex *re, struct str pattern, unsigned flags, struct str text)
{
	struct regex_scratch *scratch = regex_scratch_new();
	struct node *tree = pattern_parse(a, pattern, flags);

	if (tree && regex_match(re, scratch, text, 0, NULL) == REGEX_MATCH) {
		check_literals(a, tree, text);
		check_automaton(a, tree, text);
	}
	regex_scratch_free(scratch);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct arena *a = arena_new(0);
	struct str in = fuzz_input(p, n), pattern, error;
	ptrdiff_t nul = n ? str_chr(in, '\0') : -1;
	struct perlre re = {.flags = 0};
	struct regex *compiled;
	size_t offset;

	if (!perlre_split(nul < 0 ? in : str_sub(in, 0, (size_t)nul), &re) &&
	    !perlre_translate(a, &re, &pattern) && pattern.n < 4096) {
		compiled = regex_new(a, pattern, re.flags, &error, &offset);
		if (compiled)
			check_match(a, compiled, pattern, re.flags, nul < 0 ? STR("") : str_from(in, (size_t)nul + 1));
	}
	arena_free(a);
	return 0;
}
