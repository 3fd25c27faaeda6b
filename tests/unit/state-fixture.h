/*
 * For the tests of filters with state: a chain of one filter on a store in memory, a clock that the
 * test moves, and sessions as front ends drive them: every stage is run, judged and settled.
 */
#ifndef REEVE_TESTS_STATE_FIXTURE_H
#define REEVE_TESTS_STATE_FIXTURE_H

#include "tests/unit/chain-fixture.h"
#include "tests/unit/clock-fake.h"

static inline struct store *memory_store(struct arena *a)
{
	struct str error;

	return store_open(NULL, false, a, &error);
}

/* A store per test. */
struct state_world {
	struct arena *a;
	struct store *st;
};

static inline int state_setup(void **state)
{
	struct state_world *w = calloc(1, sizeof *w);

	w->a = arena_new(0);
	w->st = memory_store(w->a);
	*state = w;
	return 0;
}

static inline int state_teardown(void **state)
{
	struct state_world *w = *state;

	store_close(w->st);
	arena_free(w->a);
	free(w);
	return 0;
}

/* Runs a stage; refuses where the fact is true; settles. Whether it was taken. */
static inline bool pass(struct fixture *f, enum stage stage, const char *refuse_if, enum verdict_kind refusal)
{
	const char *value;
	bool refused;

	fixture_run(f, stage);
	value = refuse_if ? fixture_fact(f, refuse_if) : NULL;
	refused = value && strcmp(value, "yes") == 0;
	chain_settle(f->s, stage, refused ? refusal : stage == STAGE_MESSAGE ? VERDICT_ACCEPT : VERDICT_NONE);
	return !refused;
}

static inline void mail_from(struct fixture *f, const char *sender)
{
	struct message *m = message_start(f->s);

	if (*sender)
		assert_null(address_parse(m->arena, str_of(sender), false, &m->sender));
}

static inline bool rcpt_to(struct fixture *f, const char *rcpt, const char *refuse_if)
{
	struct message *m = f->s->message;
	struct address address;
	bool taken;

	assert_null(address_parse(m->arena, str_of(rcpt), false, &address));
	recipient_start(m, &address);
	taken = pass(f, STAGE_RCPT, refuse_if, VERDICT_TEMPFAIL);
	if (taken)
		recipient_keep(m);
	else
		m->current = NULL;
	return taken;
}

static inline void body(struct fixture *f, size_t octets)
{
	struct message *m = f->s->message;
	static const char text[1024] = "Subject: x\r\n\r\n";

	m->spool = spool_new(-1, 1 << 20);
	for (size_t n; octets; octets -= n) {
		n = octets < sizeof text ? octets : sizeof text;
		assert_true(spool_add(m->spool, (struct str){text, n}));
	}
	assert_true(spool_finish(m->spool));
	headers_parse(m->arena, spool_data(m->spool), &m->headers);
}

#endif
