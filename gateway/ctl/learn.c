/*
 * reevectl learn spam|ham|forget FILE|DIR...: lessons for the filter learn. Files may be mboxes. Needs
 * no running daemon; a running one takes over what was learnt within seconds. One process at a time
 * changes the counts, the next one waits for it.
 *
 * Rules that hit are features of a message: where the configuration has filter rules in front of filter learn, they run
 * here too.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/chain.h"
#include "gateway/ctl/ctl.h"
#include "gateway/ctl/fuzzy.h"
#include "gateway/ctl/learn.h"
#include "gateway/ctl/state.h"
#include "gateway/ctl/walk.h"
#include "gateway/snapshot.h"
#include "lib/json.h"
#include "rules/learn/learner.h"

enum lesson_kind { LESSON_SPAM, LESSON_HAM, LESSON_FORGET };

struct school {
	struct arena *arena;
	struct learner *learner;
	struct chain *chain; /* a message needs a session; it has the filters rules, or none */
	struct snapshot *snapshot; /* with the filters rules; NULL: without */
	struct str hostname; /* ours */
	struct str domain;   /* "" the whole installation */
	enum lesson_kind kind;
	bool only_errors;
	uint64_t seen, changed;
	bool failed;
};

static void school_open(struct school *school, struct ctl *ctl, struct store *store)
{
	static struct filter_env env;
	struct fact_registry *facts;

	school->arena = env.arena = arena_new(0);
	facts = fact_registry_new(school->arena);
	fact_registry_add(facts, core_facts);
	school->chain = chain_new(school->arena, &env, facts);
	school->hostname = ctl_config(ctl)->hostname;
	school->learner = learner_new(store, arena_printf(school->arena, "%.*s/learn.lock", STR_ARG(ctl_config(ctl)->state)).p);
}

/* Filters that are named behind it find nothing that the filter learn could see. */
static bool has_rules(const struct config *config)
{
	bool found = false;

	for (const struct conf_node *node = config->root; node; node = node->next) {
		if (!str_is(node->tokens[0].text, "filter") || node->n < 2)
			continue;
		if (str_is(node->tokens[1].text, "learn"))
			return found;
		found |= str_is(node->tokens[1].text, "rules");
	}
	return found;
}

/* For lessons: what hits here hits when the next one like it comes. Without the rules they are lessons all the same. */
static void school_take_rules(struct school *school, struct ctl *ctl)
{
	static const char *const names[] = {"rules", NULL};
	const struct snapshot_world world = {.only_check = true, .only_filters = names};
	struct arena *a;
	struct conf_load load;

	if (!has_rules(ctl_config(ctl)))
		return;
	a = arena_new(0);
	conf_load_init(&load, a);
	school->snapshot = snapshot_load(ctl->config_path, &world, &load, a);
	if (school->snapshot) {
		school->chain = school->snapshot->chain;
		return;
	}
	conf_errors_tell(&load);
	ctl_fail("the lessons are taken without the names of rules that hit");
	arena_free(a);
}

static void school_close(struct school *school)
{
	if (school->snapshot)
		snapshot_unref(school->snapshot);
	learner_free(school->learner);
	arena_free(school->arena);
}

/* On the right side by 9 to 1: nothing to learn from, when only errors are wanted. */
static bool is_known(const struct school *school, const struct features *f)
{
	struct learner_verdict v;

	return learner_judge(school->learner, school->domain, 1, f, &v) == RES_OK &&
	       (school->kind == LESSON_SPAM ? v.probability > 0.9 : v.probability < 0.1);
}

static enum res lesson(struct school *school, const struct features *f)
{
	if (school->kind == LESSON_FORGET)
		return learner_forget(school->learner, school->domain, f);
	if (school->only_errors && is_known(school, f))
		return RES_NONE;
	return learner_learn(school->learner, school->domain, f, school->kind == LESSON_SPAM);
}

static void teach(struct school *school, struct str data)
{
	struct session *s = session_new(school->chain, NULL, FACE_SCAN);
	struct message *m = message_start(s);
	struct feature_source source = {.hostname = school->hostname, .learner = school->learner};
	struct features features;
	enum res res;

	s->hostname = school->hostname;
	m->spool = spool_of(data);
	headers_parse(m->arena, data, &m->headers);
	/* The rules, if there are any. */
	chain_want(s, STAGE_MESSAGE);
	chain_run(s, STAGE_MESSAGE);
	feature_source_take(&source, m);
	features_make(m->arena, m, &source, &features);
	res = lesson(school, &features);
	school->seen++;
	school->changed += res == RES_OK;
	school->failed |= res != RES_OK && res != RES_NONE;
	session_free(s);
}

/* "From a@b Mon Jan  1 00:00:00 2024": what has no time of day is text. */
static bool has_time(struct str line)
{
	for (size_t i = 0; i + 5 <= line.n; i++)
		if (is_digit(line.p[i]) && is_digit(line.p[i + 1]) && line.p[i + 2] == ':' && is_digit(line.p[i + 3]))
			return true;
	return false;
}

/* Whether the line "From ..." at that place begins a message: an empty line is before it. */
static bool is_start(struct str whole, size_t at)
{
	struct str rest = str_from(whole, at), line;

	if (at < 2 || (whole.p[at - 2] != '\n' && !(at >= 3 && whole.p[at - 2] == '\r' && whole.p[at - 3] == '\n')))
		return false;
	return str_split(&rest, '\n', &line) && has_time(line);
}

/* Up to the next line that starts a message of an mbox. */
static struct str next_message(struct str *rest)
{
	struct str whole = *rest;
	size_t at = 0;
	ptrdiff_t found;

	while ((found = str_find(str_from(whole, at), STR("\nFrom "))) >= 0) {
		at += (size_t)found + 1;
		if (is_start(whole, at)) {
			*rest = str_from(whole, at);
			return str_sub(whole, 0, at - 1);
		}
	}
	*rest = STR("");
	return whole;
}

/* What does not start like an mbox is one message, whatever lines it has. */
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
	rest = data;
	if (!own.skipped) {
		teach(school, data);
		rest = STR("");
	}
	while (rest.n) {
		teach(school, next_message(&rest));
		if (rest.n)
			rest = str_from(rest, (size_t)str_chr(rest, '\n') + 1);
	}
	arena_free(own.arena);
}

static void report(struct ctl *ctl, const struct school *school)
{
	struct buf out = {0};
	struct json j = json_start(&out);
	uint64_t spam, ham;

	learner_counts(school->learner, school->domain, &spam, &ham);
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

static int why_not(enum res res)
{
	if (res == RES_PERM)
		return ctl_fail("what was learnt is damaged, or of a later version: `reevectl learn reset`, and teach again");
	return ctl_fail("the learnt counts cannot be read or locked");
}

static int learn(struct ctl *ctl, struct store *store, int argc, char **argv, enum lesson_kind kind)
{
	const char *domain = ctl_option(&argc, argv, "--domain");
	struct school school = {.kind = kind, .domain = str_of(domain), .only_errors = ctl_flag(&argc, argv, "--errors")};
	enum res res;
	int status;

	if (argc < 2)
		return 2;
	school_open(&school, ctl, store);
	school_take_rules(&school, ctl);
	res = learner_begin(school.learner);
	for (int i = 1; i < argc && res == RES_OK; i++)
		school.failed |= !ctl_walk(argv[i], teach_file, &school);
	if (res == RES_OK && learner_save(school.learner) != RES_OK)
		status = ctl_fail("what was learnt could not be written; is there room, and may %s be written?", "state.db");
	else if (res == RES_OK) {
		report(ctl, &school);
		status = school.failed ? ctl_fail("not everything could be learnt") : 0;
	} else
		status = why_not(res);
	school_close(&school);
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

static int learn_show(struct ctl *ctl, struct store *store, int argc, char **argv)
{
	const char *domain = ctl_option(&argc, argv, "--domain");
	struct school school = {.domain = str_of(domain)};
	uint64_t spam, ham;
	enum res res;

	if (argc != 1)
		return 2;
	school_open(&school, ctl, store);
	res = learner_state(school.learner);
	learner_counts(school.learner, school.domain, &spam, &ham);
	if (res == RES_OK && ctl->json)
		printf("{\"spam\":%" PRIu64 ",\"ham\":%" PRIu64 "}\n", spam, ham);
	else if (res == RES_OK)
		printf("known: %" PRIu64 " spam, %" PRIu64 " ham\n", spam, ham);
	school_close(&school);
	return res == RES_OK ? 0 : why_not(res);
}

static int learn_reset(struct ctl *ctl, struct store *store, int argc, char **argv)
{
	struct school school = {0};
	enum res res;

	(void)argv;
	if (argc != 1)
		return 2;
	school_open(&school, ctl, store);
	res = learner_reset(school.learner);
	school_close(&school);
	if (res == RES_OK)
		puts("everything that was learnt is forgotten");
	return res == RES_OK ? 0 : ctl_fail("what was learnt could not be removed");
}

/* ---- for other commands ---- */

struct ctl_lessons {
	struct school school;
	struct store *store;
};

struct ctl_lessons *ctl_lessons_open(struct ctl *ctl)
{
	struct store *store = ctl_store(ctl, true);
	struct ctl_lessons *lessons;
	enum res res;

	if (!store)
		return NULL;
	lessons = arena_alloc(ctl->arena, sizeof *lessons);
	*lessons = (struct ctl_lessons){.school = {.kind = LESSON_HAM}, .store = store};
	school_open(&lessons->school, ctl, store);
	school_take_rules(&lessons->school, ctl);
	res = learner_begin(lessons->school.learner);
	if (res == RES_OK)
		return lessons;
	why_not(res);
	school_close(&lessons->school);
	store_close(store);
	return NULL;
}

void ctl_lessons_ham(struct ctl_lessons *lessons, struct str message)
{
	teach(&lessons->school, message);
	if (ctl_fuzzy_ham(lessons->store, message) == RES_TEMP)
		lessons->school.failed = true;
}

bool ctl_lessons_close(struct ctl_lessons *lessons)
{
	bool ok;

	if (!lessons)
		return true;
	ok = learner_save(lessons->school.learner) == RES_OK && !lessons->school.failed;
	if (!ok)
		ctl_fail("not everything could be learnt");
	school_close(&lessons->school);
	store_close(lessons->store);
	return ok;
}

int ctl_learn(struct ctl *ctl, int argc, char **argv)
{
	static const struct ctl_verb verbs[] = {{"spam", learn_spam, true}, {"ham", learn_ham, true},
	    {"forget", learn_forget, true}, {"show", learn_show, false}, {"reset", learn_reset, true}};

	return ctl_state_run(ctl, argc, argv, verbs, sizeof verbs / sizeof *verbs);
}
