/* DMARC: records in the first lines, then From and identifiers. */
#include "auth/author.h"
#include "auth/dmarc.h"
#include "tests/fuzz/fuzz-auth.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct str input = fuzz_input(p, n), rest;
	struct address address;
	struct dmarc_id ids[2] = {{STR("mail.example.org"), true, false}, {STR("a.b.example.net"), false, false}};
	struct arena *a = arena_new(0);
	struct fuzz_dns f = {0};
	struct dmarc_report report;
	struct authors authors;
	struct headers headers;

	fuzz_dns_records(&f, &input);
	fuzz_dns_start(&f);
	headers_parse(a, arena_printf(a, "From: %.*s\r\n\r\n", STR_ARG(str_sub(input, 0, 4000))), &headers);
	authors_find(a, &headers, &authors);
	for (size_t i = 0; !authors.fault && i < authors.n; i++) {
		dmarc_ask(f.scope, DMARC_TREEWALK, authors.domains[i]);
		dmarc_check(a, f.scope, DMARC_TREEWALK, authors.domains[i], ids, 2, &report);
		assert(report.result <= AUTH_PERMERROR && report.policy <= report.published);
		rest = report.record.rua;
		while (dmarc_next_address(a, &rest, &address))
			assert(address.text.n <= report.record.rua.n && address.domain.n && str_chr(address.text, '\n') < 0);
	}
	fuzz_dns_end(&f);
	arena_free(a);
	return 0;
}
