/*
 * A chain of one filter, a session, and DNS from a table, for the tests of filters:
 *
 *     static const struct zone zone[] = {{"1.2.0.192.in-addr.arpa", DNS_PTR, "mx.example.org"}, {0}};
 *     struct fixture *f = fixture_new(&iprev_filter, "filter iprev { names 3; }", zone);
 *     fixture_client(f, "192.0.2.1");
 *     assert_int_equal(fixture_run(f, STAGE_CONNECT), RUN_OK);
 *     assert_string_equal(fixture_fact(f, "iprev"), "pass");
 *     fixture_free(f);
 */
#ifndef REEVE_TESTS_CHAIN_FIXTURE_H
#define REEVE_TESTS_CHAIN_FIXTURE_H

#include <stdio.h>
#include <stdlib.h>

#include "core/chain.h"
#include "core/list/list.h"
#include "core/route.h"
#include "lib/store/store.h"
#include "tests/unit/unit.h"

/* A name that is not in the table does not exist. */
struct zone {
	const char *name;
	enum dns_type type;
	const char *data; /* records apart by blanks; TXT: one record; NULL: what status says */
	enum dns_status status;
};

struct fixture {
	struct arena *arena;
	struct conf_load load;
	struct fact_registry *facts;
	struct filter_env env;
	struct chain *chain;
	struct session *s;
	const struct zone *zone;
	unsigned asked;
};

static inline void fixture_record(struct arena *a, const struct zone *row, struct dns_record *r, struct str text)
{
	if (row->type == DNS_A || row->type == DNS_AAAA)
		assert_true(ip_parse(text, &r->ip));
	else if (row->type == DNS_TXT)
		r->data = text;
	else
		r->name = str_lower(a, text);
}

static inline void fixture_answer(void *arg, struct str name, enum dns_type type, struct dns_answer *ret)
{
	struct fixture *f = arg;
	const struct zone *row = f->zone;
	struct dns_record *records;
	struct str rest, word;

	f->asked++;
	*ret = (struct dns_answer){.status = DNS_NXDOMAIN};
	for (; row && row->name; row++) {
		if (!str_iis(name, row->name))
			continue;
		if (row->type != type) {
			ret->status = ret->status == DNS_NXDOMAIN ? DNS_NODATA : ret->status;
			continue;
		}
		ret->status = row->data ? DNS_OK : row->status;
		if (!row->data)
			return;
		records = arena_array(f->arena, strlen(row->data) + 1, sizeof *records);
		rest = str_of(row->data);
		if (type == DNS_TXT)
			fixture_record(f->arena, row, &records[ret->n++], rest);
		else
			while (str_word(&rest, &word))
				fixture_record(f->arena, row, &records[ret->n++], word);
		ret->records = records;
		return;
	}
}

/* The configuration may have list and relay statements before the filter's. */
static inline struct fixture *fixture_new_with(const struct filter *filter, const char *conf, const struct zone *zone,
    struct store *store)
{
	struct fixture *f = calloc(1, sizeof *f);
	const struct filter *known[] = {filter, NULL};
	struct lists *lists;
	struct routes *routes;
	struct buf errors = {0};

	f->arena = arena_new(0);
	f->zone = zone;
	conf_load_init(&f->load, f->arena);
	f->facts = fact_registry_new(f->arena);
	fact_registry_add(f->facts, core_facts);
	lists = lists_new(f->arena, store);
	routes = routes_new(f->arena);
	f->env = (struct filter_env){.arena = f->arena, .hostname = STR("mx.example.com"), .store = store,
	    .lists = lists, .routes = routes, .dns = dns_new_table(fixture_answer, f)};
	f->chain = chain_new(f->arena, &f->env, f->facts);
	f->env.chain = f->chain;
	for (struct conf_node *n = conf_parse_text(&f->load, "test.conf", str_of(conf)); n; n = n->next) {
		if (str_is(n->tokens[0].text, "list"))
			lists_add(lists, &f->load, n);
		else if (str_is(n->tokens[0].text, "relay"))
			routes_add(routes, &f->load, n);
		else
			chain_add(f->chain, &f->load, n, known);
	}
	chain_open(f->chain, &f->load);
	if (f->load.errors) {
		conf_errors_print(&f->load, &errors);
		print_message("%.*s", (int)errors.n, errors.p);
		buf_free(&errors);
	}
	f->s = session_new(f->chain, f->env.dns, FACE_SMTP);
	f->s->hostname = f->env.hostname;
	ip_parse(STR("203.0.113.25"), &f->s->local);
	return f;
}

static inline struct fixture *fixture_new(const struct filter *filter, const char *conf, const struct zone *zone)
{
	return fixture_new_with(filter, conf, zone, NULL);
}

static inline void fixture_free(struct fixture *f)
{
	session_free(f->s);
	chain_close(f->chain);
	dns_free(f->env.dns);
	arena_free(f->arena);
	free(f);
}

static inline void fixture_client(struct fixture *f, const char *client)
{
	assert_true(ip_parse(str_of(client), &f->s->client));
}

/* Forgets all but the configuration. */
static inline void fixture_again(struct fixture *f)
{
	struct session *s = session_new(f->chain, f->env.dns, FACE_SMTP);

	s->hostname = f->s->hostname;
	s->local = f->s->local;
	s->client = f->s->client;
	session_free(f->s);
	f->s = s;
}

static inline enum outcome fixture_run(struct fixture *f, enum stage stage)
{
	if (stage > STAGE_HELO && !f->s->message)
		message_start(f->s);
	chain_want(f->s, stage);
	chain_run(f->s, stage);
	return f->s->failed ? RUN_TEMP : RUN_OK;
}

/* As text, of whatever scope; NULL when it is not set. */
static inline const char *fixture_fact(struct fixture *f, const char *name)
{
	const struct fact_def *def = fact_def_find(f->facts, str_of(name));
	const struct fact *fact;

	assert_non_null(def);
	fact = session_fact(f->s, f->s->message ? f->s->message->current : NULL, def);
	return fact ? arena_cstr(f->arena, fact_text(f->arena, fact)) : NULL;
}

static inline size_t fixture_count(const struct findings *findings, const char *name)
{
	size_t n = 0;

	for (const struct finding *x = findings->first; x; x = x->next)
		n += name == NULL || str_is(x->name, name);
	return n;
}

/* How often the finding is there; NULL: all findings. */
static inline size_t fixture_found(struct fixture *f, const char *name)
{
	size_t n = fixture_count(&f->s->findings, name);

	if (f->s->message)
		n += fixture_count(&f->s->message->findings, name);
	if (f->s->message && f->s->message->current)
		n += fixture_count(&f->s->message->current->findings, name);
	return n;
}

#endif
