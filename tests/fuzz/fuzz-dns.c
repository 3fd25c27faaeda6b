/* DNS answers: first octet chooses the type, the rest is the packet. */
#include "lib/dns.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const enum dns_type types[] = {DNS_A, DNS_NS, DNS_CNAME, DNS_SOA, DNS_PTR, DNS_MX, DNS_TXT, DNS_AAAA, DNS_TLSA};
	struct arena *a = arena_new(0);
	struct str in = fuzz_input(p, n);
	enum dns_type type = types[fuzz_octet(&in) % (sizeof types / sizeof *types)];
	struct dns_answer answer;

	if (dns_parse(a, (const uint8_t *)in.p, in.n, STR("a.example"), type, &answer)) {
		assert(answer.n <= DNS_RECORDS_MAX);
		for (size_t i = 0; i < answer.n; i++)
			assert(answer.records[i].data.n <= DNS_ANSWER_BYTES_MAX && answer.records[i].name.n < 1024);
	}
	arena_free(a);
	return 0;
}
