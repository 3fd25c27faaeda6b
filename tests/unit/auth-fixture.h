/*
 * DNS from a table for the tests of auth/: rows of one name and type make one answer together.
 *
 *     static const struct row zone[] = {{"example.org", DNS_TXT, "v=spf1 -all"}, {0}};
 *     struct auth_fixture f;
 *     auth_fixture_start(&f, zone); ... f.scope ... auth_fixture_end(&f);
 */
#ifndef REEVE_TESTS_AUTH_FIXTURE_H
#define REEVE_TESTS_AUTH_FIXTURE_H

#include "lib/dns/dns.h"
#include "tests/unit/unit.h"

struct row {
	const char *name;
	enum dns_type type;
	const char *data; /* "TEMP": no answer */
};

struct auth_fixture {
	struct arena *arena;
	const struct row *zone;
	struct dns *dns;
	struct dns_scope *scope;
	unsigned asked;
};

static inline void auth_fixture_record(struct auth_fixture *f, const struct row *row, struct dns_record *r)
{
	if (row->type == DNS_A || row->type == DNS_AAAA)
		assert_true(ip_parse(str_of(row->data), &r->ip));
	else if (row->type == DNS_TXT)
		r->data = str_of(row->data);
	else
		r->name = str_lower(f->arena, str_of(row->data));
}

static inline void auth_fixture_answer(void *arg, struct str name, enum dns_type type, struct dns_answer *ret)
{
	struct auth_fixture *f = arg;
	struct dns_record *records = arena_array(f->arena, 64, sizeof *records);

	f->asked++;
	*ret = (struct dns_answer){.status = DNS_NXDOMAIN, .records = records};
	for (const struct row *row = f->zone; row->name; row++) {
		if (!str_iis(name, row->name) && !str_iends(str_of(row->name), arena_printf(f->arena, ".%.*s", STR_ARG(name))))
			continue;
		if (ret->status == DNS_NXDOMAIN)
			ret->status = DNS_NODATA;
		if (!str_iis(name, row->name) || row->type != type)
			continue;
		if (strcmp(row->data, "TEMP") == 0) {
			ret->status = DNS_TEMP;
			return;
		}
		assert_true(ret->n < 64);
		auth_fixture_record(f, row, &records[ret->n++]);
		ret->status = DNS_OK;
	}
}

static inline void auth_fixture_start(struct auth_fixture *f, const struct row *zone)
{
	static const struct dns_limits limits = {.queries = 200, .timeout_ms = 5000};

	*f = (struct auth_fixture){.arena = arena_new(0), .zone = zone};
	f->dns = dns_new_table(auth_fixture_answer, f);
	f->scope = dns_scope_new(f->dns, &limits, NULL, NULL);
}

static inline void auth_fixture_end(struct auth_fixture *f)
{
	dns_scope_free(f->scope);
	dns_free(f->dns);
	arena_free(f->arena);
}

#endif
