/* A rule file up to the first NUL octet, then a message that it is matched against. */
#include "rules/ruleset.h"
#include "tests/fuzz/fuzz.h"

static void match(struct arena *a, struct ruleset *set, struct str message)
{
	struct str lines[1] = {message};
	struct headers headers;
	struct content content = {.body = lines, .raw = lines, .body_count = 1, .raw_count = 1};
	struct match_options options = {.with_subrules = true, .budget_us = 200000};
	struct rule_target target = {.arena = a, .message = message, .headers = &headers, .content = &content};
	struct rule_result result;

	headers_parse(a, message, &headers);
	ruleset_match(set, &target, &options, &result);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct arena *a = arena_new(0);
	struct str in = fuzz_input(p, n);
	const char *nul = memchr(p, 0, n);
	size_t cut = nul ? (size_t)(nul - (const char *)p) : n;
	struct ruleset_options options = {0};
	struct ruleset_builder *b;
	struct conf_load load;
	struct ruleset *set;

	conf_load_init(&load, a);
	b = ruleset_start(a, &load);
	if (str_find(fuzz_input(p, n), STR("include")) < 0)
		ruleset_text(b, "fuzz.cf", str_sub(in, 0, cut));
	set = ruleset_finish(b, &options);
	if (set)
		match(a, set, str_from(in, cut));
	arena_free(a);
	return 0;
}
