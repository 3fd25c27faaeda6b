/* SPF: the lines of the input are records of names that refer to each other. */
#include "auth/spf.h"
#include "tests/fuzz/fuzz-auth.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct str input = fuzz_input(p, n);
	uint8_t options = fuzz_octet(&input);
	struct spf_query q = {.helo = STR("mx.example.org"), .receiver = STR("mx.example.net")};
	struct arena *a = arena_new(0);
	struct fuzz_dns f = {0};
	struct spf_report report;

	fuzz_dns_records(&f, &input);
	ip_parse(options & 1 ? STR("2001:db8::1") : STR("192.0.2.20"), &q.client);
	if (options & 2)
		q.helo = str_sub(input, 0, 300);
	q.sender = options & 4 ? str_sub(input, 0, 300) : STR("joe@example.org");
	fuzz_dns_start(&f);
	spf_prefetch(f.scope, &q);
	spf_check(a, f.scope, &q, &report);
	assert(report.result <= SPF_PERMERROR && report.terms <= SPF_TERMS_MAX + 1);
	assert(report.explanation.n == 0 || report.result == SPF_FAIL);
	fuzz_dns_end(&f);
	arena_free(a);
	return 0;
}
