/* What the learner sees of a message: bounded, the same again for the same octets, words are of the message's parts. */
#include "core/chain.h"
#include "rules/learn/learner.h"
#include "tests/fuzz/fuzz.h"

static struct chain *chain;

static void set_up(void)
{
	static struct filter_env env;
	struct fact_registry *facts;

	env.arena = arena_new(0);
	facts = fact_registry_new(env.arena);
	fact_registry_add(facts, core_facts);
	chain = chain_new(env.arena, &env, facts);
}

static uint64_t digest_of(struct str text)
{
	static const struct str rules[] = {STR("HTML_MESSAGE"), STR("MISSING_DATE")};
	struct session *s = session_new(chain, NULL, FACE_SCAN);
	struct message *m = message_start(s);
	struct features f;
	uint64_t digest;

	m->spool = spool_of(text);
	headers_parse(m->arena, text, &m->headers);
	features_make(m->arena, m, &(struct feature_source){.hostname = STR("mx"), .rules = rules, .rule_count = 2}, &f);
	assert(f.n <= LEARNER_FEATURES_MAX && f.word_count <= f.n && f.ends[ZONE_COUNT - 1] == f.n);
	for (size_t z = 1; z < ZONE_COUNT; z++)
		assert(f.ends[z - 1] <= f.ends[z]);
	for (size_t i = 0; i < f.word_count; i++)
		assert(!f.words[i].n || f.words[i].p);
	assert(f.ends[ZONE_RULE] == 2);
	digest = features_digest(&f);
	session_free(s);
	return digest;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = {(const char *)data, size};

	if (!chain)
		set_up();
	assert(digest_of(text) == digest_of(text));
	return 0;
}
