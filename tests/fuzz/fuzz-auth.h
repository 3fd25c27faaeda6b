/* DNS for the fuzz targets of auth/: every question gets the records that the target wrote down. */
#ifndef REEVE_TESTS_FUZZ_AUTH_H
#define REEVE_TESTS_FUZZ_AUTH_H

#include "lib/dns/dns.h"
#include "tests/fuzz/fuzz.h"

enum { FUZZ_RECORDS = 12 };

struct fuzz_dns {
	struct str txt[FUZZ_RECORDS];
	size_t n;
	struct dns_record records[FUZZ_RECORDS];
	struct dns *dns;
	struct dns_scope *scope;
};

/* TXT: one of the texts, by the length of the name; others: an address and a name that depend on it too. */
static inline void fuzz_dns_answer(void *arg, struct str name, enum dns_type type, struct dns_answer *ret)
{
	struct fuzz_dns *f = arg;
	size_t pick = f->n ? name.n % f->n : 0;

	*ret = (struct dns_answer){.status = DNS_NXDOMAIN};
	if (f->n == 0 || name.n % 7 == 6)
		return;
	if (name.n % 11 == 10) {
		ret->status = DNS_TEMP;
		return;
	}
	f->records[pick] = (struct dns_record){.data = f->txt[pick], .name = STR("mx.example.org")};
	f->records[pick].ip = (struct ip){type == DNS_AAAA ? 6 : 4, {192, 0, 2, (uint8_t)name.n}};
	*ret = (struct dns_answer){.status = DNS_OK, .n = 1, .records = &f->records[pick]};
}

static inline void fuzz_dns_start(struct fuzz_dns *f)
{
	static const struct dns_limits limits = {.queries = 200, .timeout_ms = 1000};

	f->dns = dns_new_table(fuzz_dns_answer, f);
	f->scope = dns_scope_new(f->dns, &limits, NULL, NULL);
}

static inline void fuzz_dns_end(struct fuzz_dns *f)
{
	dns_scope_free(f->scope);
	dns_free(f->dns);
}

/* The input's lines, up to the first empty one, become records; what follows is left in *input. */
static inline void fuzz_dns_records(struct fuzz_dns *f, struct str *input)
{
	struct str line;

	while (f->n < FUZZ_RECORDS && str_split(input, '\n', &line) && line.n)
		f->txt[f->n++] = line;
}

#endif
