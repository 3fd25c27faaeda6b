/*
 * Settings of the recipient (core/settings.h) as facts, for policies:
 *
 *     reject 550 5.7.1 "spam, score {score}" if score >= settings.spam-reject;
 *
 * Stands first in the configuration: filters behind it that a recipient has in filters-off do not
 * run for him. A recipient without a class of his own belongs to the class of all who have the same
 * settings.
 */
#include "core/settings.h"

#include "core/chain.h"
#include "core/filter.h"

struct settings_conf {
	const struct settings *settings;
	const struct chain *chain;
	struct store *store;
};

static const struct fact_def settings_facts[] = {
    {"settings.spam-reject", FACT_NUMBER, STAGE_RCPT, NULL, "the recipient's spam-reject, when it is set"},
    {"settings.spam-quarantine", FACT_NUMBER, STAGE_RCPT, NULL, "the recipient's spam-quarantine, when it is set"},
    {"settings.spam-tag", FACT_NUMBER, STAGE_RCPT, NULL, "the recipient's spam-tag, when it is set"},
    {"settings.greylist", FACT_BOOL, STAGE_RCPT, NULL, "whether the recipient wants greylisting, when it is set"},
    {"settings.filters-off", FACT_LIST, STAGE_RCPT, NULL, "filters that do not work for the recipient"},
    {"settings.language", FACT_TEXT, STAGE_RCPT, NULL, "the recipient's language, when it is set"},
    {"settings.class", FACT_TEXT, STAGE_RCPT, NULL, "recipients of one class may share a message; made of all settings when it is not set"},
    {0},
};

static const struct chain_slot *find_filter(const struct chain *chain, struct str name)
{
	for (size_t i = 0; i < chain_length(chain); i++)
		if (str_is(name, chain_at(chain, i)->filter->name))
			return chain_at(chain, i);
	return NULL;
}

static bool settings_open(void *conf, const struct filter_env *env, struct conf_load *load, struct conf_place place)
{
	struct settings_conf *c = conf;

	(void)load;
	(void)place;
	c->settings = env->settings;
	c->store = env->store;
	c->chain = env->chain;
	return true;
}

static void set_number(struct facts *f, const char *name, struct str text)
{
	double number;

	if (text.n && conf_parse_number(text, &number))
		fact_set_number(f, name, number);
}

/* Names that no configured filter has mean nothing: a setting may outlive a filter. */
static void set_filters_off(const struct settings_conf *c, struct session *s, struct str names)
{
	struct str name;

	while (str_word(&names, &name)) {
		const struct chain_slot *slot = find_filter(c->chain, name);

		fact_add_text(FACTS(s), "settings.filters-off", name);
		if (slot && slot->index < SESSION_FILTERS_OFF_MAX)
			s->message->current->filters_off |= UINT64_C(1) << slot->index;
	}
}

static struct str class_of(struct arena *a, const struct settings_values *v)
{
	struct str text;

	if (v->v[SETTING_CLASS].n)
		return v->v[SETTING_CLASS];
	text = settings_write(a, v);
	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] == '\n')
			((char *)text.p)[i] = i + 1 < text.n ? ',' : ' ';
	return str_trim(text);
}

static enum outcome settings_rcpt(struct session *s, const void *conf)
{
	const struct settings_conf *c = conf;
	const struct recipient *r = s->message->current;
	struct facts *f = FACTS(s);
	struct settings_values v;

	if (!c->settings)
		return RUN_SKIP;
	if (settings_find(c->settings, c->store, r->address.text, r->address.domain, filter_arena(s), &v) != RES_OK) {
		filter_failed(s, "the store cannot be reached");
		return RUN_TEMP;
	}
	set_number(f, "settings.spam-reject", v.v[SETTING_SPAM_REJECT]);
	set_number(f, "settings.spam-quarantine", v.v[SETTING_SPAM_QUARANTINE]);
	set_number(f, "settings.spam-tag", v.v[SETTING_SPAM_TAG]);
	if (v.v[SETTING_GREYLIST].n)
		fact_set_bool(f, "settings.greylist", str_is(v.v[SETTING_GREYLIST], "on"));
	if (v.v[SETTING_LANGUAGE].n)
		fact_set_text(f, "settings.language", v.v[SETTING_LANGUAGE]);
	set_filters_off(c, s, v.v[SETTING_FILTERS_OFF]);
	fact_set_text(f, "settings.class", class_of(filter_arena(s), &v));
	return RUN_OK;
}

const struct filter settings_filter = {
    .name = "settings",
    .help = "settings of recipients and domains as facts, from `settings` blocks and reevectl policy set; put it first",
    .conf_size = sizeof(struct settings_conf),
    .facts = settings_facts,
    .open = settings_open,
    .run = {[STAGE_RCPT] = settings_rcpt},
};
