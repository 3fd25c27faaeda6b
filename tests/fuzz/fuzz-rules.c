/* A rule file up to the first NUL octet, then a message that it is matched against, with a DNS that answers anything. */
#include "rules/ruleset.h"
#include "tests/fuzz/fuzz.h"

/* By the name's hash: nothing, or a record of the type. */
static void answer(void *arg, struct str name, enum dns_type type, struct dns_answer *ret)
{
	static const struct dns_record addresses[] = {{.ip = {.family = 4, .b = {127, 0, 0, 6}}},
	    {.ip = {.family = 4, .b = {192, 0, 2, 1}}}};
	static const struct dns_record names[] = {{.name = STR("ns.example.com"), .data = STR("v=DMARC1; p=reject")}};
	uint64_t hash = str_hash(name);
	bool is_address = type == DNS_A || type == DNS_AAAA;

	(void)arg;
	*ret = (struct dns_answer){.status = hash % 3 ? DNS_OK : hash % 2 ? DNS_NXDOMAIN : DNS_TEMP};
	ret->records = is_address ? addresses : names;
	ret->n = ret->status != DNS_OK ? 0 : is_address ? 2 : 1;
}

static void match(struct arena *a, struct ruleset *set, struct str message)
{
	struct str lines[1] = {message};
	struct headers headers;
	struct content content = {.body = lines, .raw = lines, .body_count = 1, .raw_count = 1};
	struct match_options options = {.with_subrules = true, .budget_us = 200000, .lookups = 20, .lookup_us = 100000};
	struct dns_limits limits = {.queries = 30, .timeout_ms = 100};
	struct dns *dns = dns_new_table(answer, NULL);
	struct rule_target target = {.arena = a, .message = message, .headers = &headers, .content = &content};
	struct rule_result result;

	headers_parse(a, message, &headers);
	target.dns = dns_scope_new(dns, &limits, NULL, NULL);
	ruleset_ask(set, &target, &options);
	ruleset_match(set, &target, &options, &result);
	dns_scope_free(target.dns);
	dns_free(dns);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct arena *a = arena_new(0);
	struct str in = fuzz_input(p, n);
	const char *nul = memchr(p, 0, n);
	size_t cut = nul ? (size_t)(nul - (const char *)p) : n;
	struct ruleset_options options = {.has_network = true, .auth = 15};
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
