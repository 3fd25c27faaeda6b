/* What tests of the learner need: messages without a configuration, and their features. */
#ifndef REEVE_TESTS_FEATURES_KIT_H
#define REEVE_TESTS_FEATURES_KIT_H

#include "core/chain.h"
#include "rules/learn/learner.h"
#include "tests/unit/unit.h"

static struct arena *arena;
static struct chain *chain;

static inline int set_up(void **state)
{
	static struct filter_env env;
	struct fact_registry *facts;

	(void)state;
	env.arena = arena = arena_new(0);
	facts = fact_registry_new(arena);
	fact_registry_add(facts, core_facts);
	chain = chain_new(arena, &env, facts);
	return 0;
}

static inline int tear_down(void **state)
{
	(void)state;
	arena_free(arena);
	return 0;
}

static inline void *copy(const void *from, size_t n)
{
	void *to = arena_alloc(arena, n + 1);

	if (n)
		memcpy(to, from, n);
	return to;
}

/* They outlive the message. */
static inline struct features features_with(struct str text, const struct str *rules, size_t rule_count)
{
	struct feature_source source = {.hostname = STR("mx.ours.example"), .rules = rules, .rule_count = rule_count};
	struct session *s = session_new(chain, NULL, FACE_SCAN);
	struct message *m;
	struct features f;
	struct str *words;

	/* In memory of its own, so that reading behind it is noticed. */
	m = message_start(s);
	text = arena_str(m->arena, text);
	m->spool = spool_of(text);
	headers_parse(m->arena, text, &m->headers);
	features_make(m->arena, m, &source, &f);
	f.v = copy(f.v, f.n * sizeof *f.v);
	f.words = words = copy(f.words, f.word_count * sizeof *f.words);
	for (size_t i = 0; i < f.word_count; i++)
		words[i] = arena_str(arena, words[i]);
	session_free(s);
	return f;
}

static inline struct features features_of(struct str text)
{
	return features_with(text, NULL, 0);
}

#endif
