/*
 * reevectl learn spam|ham|forget FILE|DIR...: lessons for the filter learn. Files may be mboxes. Needs
 * no running daemon; a running one takes over what was learnt within seconds.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/chain.h"
#include "gateway/ctl/ctl.h"
#include "gateway/ctl/state.h"
#include "gateway/ctl/walk.h"
#include "lib/json.h"
#include "rules/learner.h"

enum lesson_kind { LESSON_SPAM, LESSON_HAM, LESSON_FORGET };

struct school {
	struct learner *learner;
	struct chain *chain; /* an empty one: a message needs a session */
	enum lesson_kind kind;
	uint64_t seen, changed;
	bool failed;
};

static void teach(struct school *school, struct str data)
{
	struct session *s = session_new(school->chain, NULL, FACE_SCAN);
	struct message *m = message_start(s);
	struct features features;
	enum res res;

	m->spool = spool_of(data);
	headers_parse(m->arena, data, &m->headers);
	features_make(m->arena, m, &features);
	res = school->kind == LESSON_FORGET ? learner_forget(school->learner, &features)
					    : learner_learn(school->learner, &features, school->kind == LESSON_SPAM);
	school->seen++;
	school->changed += res == RES_OK;
	school->failed |= res == RES_TEMP;
	session_free(s);
}

/* Up to the next line that starts a message of an mbox: "From " behind an empty line. */
static struct str next_message(struct str *rest)
{
	struct str whole = *rest;
	size_t at = 0;

	for (;;) {
		ptrdiff_t found = str_find(str_from(whole, at), STR("\n\nFrom "));

		if (found < 0) {
			*rest = STR("");
			return whole;
		}
		at += (size_t)found + 2;
		if (str_chr(str_from(whole, at), '\n') > 0)
			break;
	}
	*rest = str_from(whole, at);
	return str_sub(whole, 0, at - 1);
}

static void teach_file(void *arg, const char *path)
{
	struct school *school = arg;
	struct ctl own = {.arena = arena_new(0)};
	struct str data, rest;

	if (!ctl_read_message(&own, path, &data)) {
		school->failed = true;
		arena_free(own.arena);
		return;
	}
	for (rest = data; rest.n;) {
		struct str one = next_message(&rest);

		if (str_starts(one, STR("From ")))
			one = str_from(one, (size_t)str_chr(one, '\n') + 1);
		teach(school, one);
	}
	arena_free(own.arena);
}

static void report(struct ctl *ctl, const struct school *school)
{
	struct buf out = {0};
	struct json j = json_start(&out);
	uint64_t spam, ham;

	learner_counts(school->learner, &spam, &ham);
	if (ctl->json) {
		json_open(&j, '{');
		json_kv_int(&j, "messages", (int64_t)school->seen);
		json_kv_int(&j, "changed", (int64_t)school->changed);
		json_kv_int(&j, "spam", (int64_t)spam);
		json_kv_int(&j, "ham", (int64_t)ham);
		json_close(&j);
		buf_addc(&out, '\n');
	} else {
		buf_addf(&out, "%" PRIu64 " of %" PRIu64 " messages were news; known: %" PRIu64 " spam, %" PRIu64 " ham\n",
		    school->changed, school->seen, spam, ham);
	}
	ctl_print(buf_str(&out));
	buf_free(&out);
}

static int learn(struct ctl *ctl, struct store *store, int argc, char **argv, enum lesson_kind kind)
{
	struct arena *a = arena_new(0);
	struct fact_registry *facts = fact_registry_new(a);
	struct filter_env env = {.arena = a};
	struct school school = {.kind = kind};
	int status;

	if (argc < 2)
		return 2;
	fact_registry_add(facts, core_facts);
	school.chain = chain_new(a, &env, facts);
	school.learner = learner_new(store);
	for (int i = 1; i < argc; i++)
		school.failed |= !ctl_walk(argv[i], teach_file, &school);
	if (learner_save(school.learner) != RES_OK)
		school.failed = true;
	report(ctl, &school);
	status = school.failed ? ctl_fail("not everything could be learnt") : 0;
	learner_free(school.learner);
	arena_free(a);
	return status;
}

static int learn_spam(struct ctl *ctl, struct store *store, int argc, char **argv)
{
	return learn(ctl, store, argc, argv, LESSON_SPAM);
}

static int learn_ham(struct ctl *ctl, struct store *store, int argc, char **argv)
{
	return learn(ctl, store, argc, argv, LESSON_HAM);
}

static int learn_forget(struct ctl *ctl, struct store *store, int argc, char **argv)
{
	return learn(ctl, store, argc, argv, LESSON_FORGET);
}

int ctl_learn(struct ctl *ctl, int argc, char **argv)
{
	static const struct ctl_verb verbs[] = {
	    {"spam", learn_spam, true}, {"ham", learn_ham, true}, {"forget", learn_forget, true}};

	return ctl_state_run(ctl, argc, argv, verbs, 3);
}
