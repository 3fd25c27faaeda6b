/*
 * learn: how likely a message is spam, by what this installation was taught (reevectl learn). The
 * score follows the log-odds, finely graded, up to `weight` either way; until there are enough
 * lessons of both kinds the filter says nothing.
 */
#include <inttypes.h>
#include <math.h>

#include "core/filter.h"
#include "rules/learner.h"

struct learn_conf {
	double weight;
	int64_t minimum;
	struct learner *learner;
};

static const struct fact_def learn_facts[] = {
    {"learn.probability", FACT_NUMBER, STAGE_MESSAGE, NULL, "how likely it is spam, 0 to 1, by what was learnt"},
    {"learn.lessons", FACT_INT, STAGE_MESSAGE, NULL, "messages that were learnt, of the kind with fewer"},
    {0},
};

#define AT(field) offsetof(struct learn_conf, field)
static const struct directive learn_directives[] = {
    {.name = "weight", .type = CONF_NUMBER, .offset = AT(weight), .def = "6", .min = 0, .max = 100, .args = "SCORE",
	.help = "score of a message that is spam for sure; ham for sure is the same below 0"},
    {.name = "minimum", .type = CONF_INT, .offset = AT(minimum), .def = "20", .min = 1, .max = 1000000,
	.args = "NUMBER", .help = "lessons of each kind that it takes before the filter speaks"},
    {0},
};
#undef AT

static bool learn_open(void *conf, const struct filter_env *env, struct conf_load *load, struct conf_place place)
{
	struct learn_conf *c = conf;

	(void)load;
	(void)place;
	c->learner = env->only_check ? NULL : learner_new(env->store);
	return true;
}

static void learn_close(void *conf)
{
	struct learn_conf *c = conf;

	learner_free(c->learner);
}

/* -1 to 1: half way at odds of about 20 to 1. */
static double graded(double probability)
{
	double p = fmin(fmax(probability, 1e-9), 1 - 1e-9);

	return tanh(log(p / (1 - p)) / 5.5);
}

static enum outcome learn_run(struct session *s, const void *conf)
{
	const struct learn_conf *c = conf;
	struct arena *a = filter_arena(s);
	struct features features;
	uint64_t spam, ham, fewer;
	double p;

	learner_refresh(c->learner);
	learner_counts(c->learner, &spam, &ham);
	fewer = spam < ham ? spam : ham;
	fact_set_int(FACTS(s), "learn.lessons", (int64_t)fewer);
	if (fewer < (uint64_t)c->minimum)
		return RUN_SKIP;
	features_make(a, s->message, &features);
	p = learner_probability(c->learner, &features);
	fact_set_number(FACTS(s), "learn.probability", p);
	finding_put(s, STR("learn"), c->weight * graded(p),
	    arena_printf(a, "%.1f %% spam, by %" PRIu64 " messages of spam and %" PRIu64 " of ham", 100 * p, spam, ham),
	    STR(""), STR(""));
	return RUN_OK;
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
    .is_heavy = true,
};
