/*
 * learn: how likely a message is spam, by what this installation was taught (reevectl learn). The
 * score follows the log-odds, finely graded, up to `weight` either way; until there are enough
 * lessons of both kinds the filter says nothing. With auto-learn it also takes lessons from what
 * the other filters are sure of, within bounds that keep a stranger from teaching it.
 */
#include <inttypes.h>
#include <math.h>

#include "core/filter.h"
#include "lib/store/store.h"
#include "rules/learn/learner.h"

struct learn_conf {
	double weight;
	int64_t minimum;
	bool auto_learn;
	double auto_spam, auto_ham;
	int64_t auto_rate;
	struct learner *learner;
	struct store *store;
};

static const struct fact_def learn_facts[] = {
    {"learn.probability", FACT_NUMBER, STAGE_MESSAGE, NULL, "how likely it is spam, 0 to 1, by what was learnt"},
    {"learn.lessons", FACT_INT, STAGE_MESSAGE, NULL, "messages that were learnt, of the kind with fewer"},
    {0},
};

#define AT(field) offsetof(struct learn_conf, field)
static const struct directive learn_directives[] = {
    {.name = "weight", .type = CONF_NUMBER, .offset = AT(weight), .def = "6", .min = 0, .max = 100, .args = "SCORE",
	.help = "the score nears it as a message is surely spam; and the same below 0 for ham"},
    {.name = "minimum", .type = CONF_INT, .offset = AT(minimum), .def = "20", .min = 1, .max = 1000000,
	.args = "NUMBER", .help = "lessons of each kind that it takes before the filter speaks"},
    {.name = "auto-learn", .type = CONF_FLAG, .offset = AT(auto_learn), .def = "off", .args = "on|off",
	.help = "takes lessons from messages of which the other filters are sure"},
    {.name = "auto-spam", .type = CONF_NUMBER, .offset = AT(auto_spam), .def = "12", .min = 5, .max = 1000, .args = "SCORE",
	.help = "score of the other filters, two of them at least, from which a message is such a lesson of spam"},
    {.name = "auto-ham", .type = CONF_NUMBER, .offset = AT(auto_ham), .def = "-0.5", .min = -1000, .max = 1,
	.args = "SCORE", .help = "score of the other filters up to which one that passed DMARC is such a lesson of ham"},
    {.name = "auto-rate", .type = CONF_INT, .offset = AT(auto_rate), .def = "100", .min = 1, .max = 10000,
	.args = "NUMBER", .help = "such lessons of each kind in a day; of one sender domain at most 2"},
    {0},
};
#undef AT

static bool learn_open(void *conf, const struct filter_env *env, struct conf_load *load, struct conf_place place)
{
	struct learn_conf *c = conf;
	struct str lock = env->state_dir.n ? arena_printf(env->arena, "%.*s/learn.lock", STR_ARG(env->state_dir)) : STR("");

	(void)load;
	(void)place;
	c->store = env->store;
	c->learner = env->only_check ? NULL : learner_new(env->store, lock.p);
	return true;
}

static void learn_close(void *conf)
{
	struct learn_conf *c = conf;

	learner_free(c->learner);
}

/* ---- judging ---- */

/* What settle() needs of a message that was judged. */
struct judged {
	struct features features;
	double probability;
	bool is_known; /* there were lessons enough */
};

/* The domain of all recipients, or "". */
static struct str sole_domain(const struct message *m)
{
	struct str domain = m->first ? m->first->address.domain : STR("");

	for (const struct recipient *r = m->first; r; r = r->next)
		if (!str_ieq(r->address.domain, domain))
			return STR("");
	return domain;
}

/* -1 to 1, never the same for different odds: half way at about 20 to 1. */
static double graded(double odds)
{
	return odds / (fabs(odds) + 3);
}

enum { SHOWN_MAX = 60 };

/* On one line, whatever the message had between two words. */
static void add_shown(struct buf *text, struct str word)
{
	bool was_blank = false;

	for (size_t i = 0; i < word.n && i < SHOWN_MAX; i++) {
		bool is_blank = (unsigned char)word.p[i] <= ' ' || word.p[i] == 127;

		if (!is_blank || !was_blank)
			buf_addc(text, is_blank ? ' ' : word.p[i]);
		was_blank = is_blank;
	}
}

static struct str explain(struct arena *a, const struct learner_verdict *v)
{
	struct buf text = {0};

	buf_addf(&text, "%.1f %% spam, by %" PRIu64 " messages of spam and %" PRIu64 " of ham", 100 * v->probability, v->spam, v->ham);
	for (size_t i = 0; i < v->reason_count; i++) {
		buf_addf(&text, "%s %s \"", i ? "," : ";", zone_name(v->reasons[i].zone));
		add_shown(&text, v->reasons[i].word);
		buf_addc(&text, '"');
	}
	return buf_take(&text, a);
}

static enum outcome learn_run(struct session *s, const void *conf)
{
	const struct learn_conf *c = conf;
	struct arena *a = filter_arena(s);
	struct judged *judged = arena_alloc(a, sizeof *judged);
	struct feature_source source = {.hostname = s->hostname, .learner = c->learner};
	struct learner_verdict v;
	uint64_t spam, ham;

	learner_refresh(c->learner);
	if (learner_state(c->learner) != RES_OK) {
		filter_failed(s, "what was learnt cannot be read%s",
		    learner_state(c->learner) == RES_PERM ? ": damaged or of a later version; reevectl learn reset, and teach again" : "");
		return RUN_TEMP;
	}
	learner_counts(c->learner, STR(""), &spam, &ham);
	fact_set_int(FACTS(s), "learn.lessons", (int64_t)(spam < ham ? spam : ham));
	feature_source_take(&source, s->message);
	features_make(a, s->message, &source, &judged->features);
	judged->is_known = learner_judge(c->learner, sole_domain(s->message), (uint64_t)c->minimum, &judged->features, &v) == RES_OK;
	judged->probability = v.probability;
	*filter_state(s) = judged;
	if (!judged->is_known)
		return RUN_SKIP;
	fact_set_number(FACTS(s), "learn.probability", v.probability);
	finding_put(s, STR("learn"), c->weight * graded(v.odds), explain(a, &v), STR(""), STR(""));
	return RUN_OK;
}
/* ---- lessons from what the others are sure of ---- */

enum { DAY_MS = 86400 * 1000, PER_DOMAIN = 2, SHARE = 2 };

/* What the other filters found, without us. */
struct others {
	double score;
	const char *first;     /* the filter of a finding that speaks for spam */
	bool are_two, is_bad;  /* two such filters; one such finding of weight */
};

static void weigh(struct others *o, const struct findings *findings)
{
	for (const struct finding *f = findings->first; f; f = f->next) {
		if (strcmp(f->filter, "learn") == 0)
			continue;
		o->score += f->score;
		if (f->score < 1)
			continue;
		o->is_bad = true;
		if (!o->first)
			o->first = f->filter;
		o->are_two |= strcmp(o->first, f->filter) != 0;
	}
}

/* The domain of a fact that a stranger cannot choose freely: for ham DMARC vouches for it. */
static struct str text_of(const struct facts *facts, const char *name)
{
	const struct fact *fact = fact_find(facts, name);

	return fact ? fact->u.text : STR("");
}

/* Whether there is a lesson, and of which kind. What was taught by hand must not say the opposite. */
static bool is_sure(const struct learn_conf *c, struct session *s, enum verdict_kind kind, double probability, bool *ret_is_spam)
{
	struct others o = {0};

	weigh(&o, &s->findings);
	weigh(&o, &s->message->findings);
	if (o.score >= c->auto_spam && o.are_two && (kind == VERDICT_REJECT || kind == VERDICT_QUARANTINE)) {
		*ret_is_spam = true;
		return probability > 0.2 && probability < 0.99;
	}
	*ret_is_spam = false;
	return o.score <= c->auto_ham && !o.is_bad && kind == VERDICT_ACCEPT && str_is(text_of(&s->message->facts, "dmarc"), "pass") &&
	       probability < 0.8 && probability > 0.01;
}

/* Takes one of so many a day. */
static bool is_within(struct store *store, struct str key, int64_t most)
{
	struct store_rate rate = {.capacity = most, .per_ms = DAY_MS};

	return store_bucket(store, "learnauto", key, &rate, 1, NULL) == RES_OK;
}

/* Neither kind may outgrow the other, no sender or network teaches much, no day either. */
static bool is_allowed(const struct learn_conf *c, struct session *s, bool is_spam)
{
	struct arena *a = filter_arena(s);
	const char *kind = is_spam ? "spam" : "ham";
	struct str domain = str_lower(a, s->message->sender.domain);
	uint64_t spam, ham;
	char ip[IP_TEXT_MAX];

	learner_counts(c->learner, STR(""), &spam, &ham);
	if (is_spam ? spam > SHARE * ham : ham > SHARE * spam)
		return false;
	return is_within(c->store, arena_printf(a, "%s ip %.*s", kind, STR_ARG(ip_format(&s->client, ip))), PER_DOMAIN) &&
	       is_within(c->store, arena_printf(a, "%s domain %.200s", kind, arena_cstr(a, domain)), PER_DOMAIN) &&
	       is_within(c->store, str_of(kind), c->auto_rate);
}

static void learn_settle(struct session *s, const void *conf, enum stage stage, enum verdict_kind kind)
{
	const struct learn_conf *c = conf;
	const struct judged *judged;
	bool is_spam;

	if (!c->auto_learn || stage != STAGE_MESSAGE || s->client.family == 0)
		return;
	judged = *filter_state(s);
	if (!judged || !judged->is_known || !is_sure(c, s, kind, judged->probability, &is_spam) || !is_allowed(c, s, is_spam))
		return;
	learner_note(c->learner, STR(""), &judged->features, is_spam);
}

const struct filter learn_filter = {
    .name = "learn",
    .help = "probability of spam by what this installation was taught",
    .directives = learn_directives,
    .conf_size = sizeof(struct learn_conf),
    .facts = learn_facts,
    .open = learn_open,
    .close = learn_close,
    .run = {[STAGE_MESSAGE] = learn_run},
    .settle = learn_settle,
    .is_heavy = true,
};
