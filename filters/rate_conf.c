/*
 * Reads the blocks of the filter rate: which unit, how many, by which keys, and at which stage all of
 * them are known.
 */
#include "filters/rate.h"

enum { RATE_LIMITS_MAX = 64 }; /* bits of what a session has taken */
static const int64_t RATE_PER_MAX_MS = INT64_C(3650) * 86400 * 1000;

const struct rate_unit_row rate_units[UNITS] = {
    [UNIT_CONNECTIONS] = {"connections", STAGE_CONNECT, false, true},
    [UNIT_MESSAGES] = {"messages", STAGE_MAIL, false, true},
    [UNIT_RECIPIENTS] = {"recipients", STAGE_RCPT, false, true},
    [UNIT_BYTES] = {"bytes", STAGE_MAIL, false, true},
    [UNIT_ERRORS] = {"errors", STAGE_MAIL, true, false},
    [UNIT_UNKNOWN] = {"unknown", STAGE_RCPT, true, false},
};

static bool read_unit(struct conf_load *load, const struct conf_token *t, struct limit *l)
{
	const char *names[UNITS], *near;

	for (int i = 0; i < UNITS; i++) {
		names[i] = rate_units[i].name;
		if (str_is(t->text, rate_units[i].name)) {
			l->unit = (enum rate_unit)i;
			return true;
		}
	}
	near = conf_near(t->text, names, UNITS);
	conf_error(load, t->place, "unknown unit '%.*s'; expected connections, messages, recipients, bytes, errors or "
	    "unknown%s%s%s", STR_ARG(t->text), near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
	return false;
}

/* Bytes may be written as a size: 100M. */
static bool read_count(struct conf_load *load, const struct conf_token *t, struct limit *l)
{
	uint64_t bytes;

	if (l->unit != UNIT_BYTES)
		return conf_int(load, t, &l->rate.capacity);
	if (!conf_size(load, t, &bytes) || bytes > INT64_MAX)
		return false;
	l->rate.capacity = (int64_t)bytes;
	return true;
}

static bool is_exception(const struct conf_token *t)
{
	return conf_is_word(t, "except") || conf_is_word(t, "unless");
}

/* except LIST, unless CONDITION: both may be there, the condition last. */
static bool read_exceptions(struct conf_load *load, const struct conf_node *node, size_t at, struct limit *l)
{
	if (at + 1 < node->n && conf_is_word(&node->tokens[at], "except")) {
		l->except = node->tokens[at + 1].text;
		at += 2;
	}
	if (at + 1 < node->n && conf_is_word(&node->tokens[at], "unless")) {
		l->unless_at = at + 1;
		at = node->n;
	}
	if (at < node->n)
		conf_error(load, node->tokens[at].place, "expected except LIST, or unless CONDITION, or both in this order");
	return at == node->n;
}

static bool read_keys(struct conf_load *load, const struct conf_node *node, size_t at, struct limit *l)
{
	for (; at < node->n && !is_exception(&node->tokens[at]); at++) {
		if (l->key_count == RATE_KEYS_MAX) {
			conf_error(load, node->tokens[at].place, "at most %d keys in one limit", RATE_KEYS_MAX);
			return false;
		}
		l->keys[l->key_count++].name = node->tokens[at].text;
	}
	if (l->key_count == 0)
		conf_error(load, node->tokens[5].place, "expected a key behind by: network, or a fact like client or sender");
	return l->key_count > 0 && read_exceptions(load, node, at, l);
}

static struct str limit_text(struct arena *a, const struct conf_node *node)
{
	struct buf out = {0};

	buf_addf(&out, "%.*s %.*s", STR_ARG(node->tokens[2].text), STR_ARG(node->tokens[1].text));
	for (size_t i = 3; i < node->n && !is_exception(&node->tokens[i]); i++)
		buf_addf(&out, " %.*s", STR_ARG(node->tokens[i].text));
	return buf_take(&out, a);
}

/* Limits are told apart by their text: two of the same would count everything twice. */
static const struct limit *find_same(const struct rate_conf *c, struct str text)
{
	for (const struct limit *l = c->first; l; l = l->next)
		if (str_ieq(l->text, text))
			return l;
	return NULL;
}

static void set_limit(struct conf_load *load, const struct conf_node *node, void *target)
{
	struct rate_conf *c = target;
	struct limit *l = arena_alloc(load->arena, sizeof *l);
	const struct limit *same;

	if (node->n < 7 || !str_is(node->tokens[3].text, "per") || !str_is(node->tokens[5].text, "by")) {
		conf_error(load, node->tokens[0].place, "expected limit UNIT COUNT per DURATION by KEY... [except LIST] "
		    "[unless CONDITION]");
		return;
	}
	l->place = node->tokens[0].place;
	l->node = node;
	if (!read_unit(load, &node->tokens[1], l) || !read_count(load, &node->tokens[2], l) ||
	    !conf_duration(load, &node->tokens[4], &l->rate.per_ms) || !read_keys(load, node, 6, l))
		return;
	if (l->rate.capacity < 1 || l->rate.per_ms < 1) {
		conf_error(load, node->tokens[2].place, "a limit needs a count and a duration above 0");
		return;
	}
	if (l->rate.per_ms > RATE_PER_MAX_MS) {
		conf_error(load, node->tokens[4].place, "a limit is for ten years (3650d) at most");
		return;
	}
	l->text = limit_text(load->arena, node);
	same = find_same(c, l->text);
	if (same) {
		conf_error(load, l->place, "the same limit stands in line %u already; put all its exceptions there",
		    same->place.line);
		return;
	}
	l->index = c->limits++;
	if (l->index == RATE_LIMITS_MAX)
		conf_error(load, l->place, "at most %d limits", RATE_LIMITS_MAX);
	if (!c->last)
		c->last = &c->first;
	*c->last = l;
	c->last = &l->next;
}

#define AT(field) offsetof(struct rate_conf, field)
const struct directive rate_directives[] = {
    {.name = "limit", .type = CONF_CUSTOM, .set = set_limit, .repeats = true,
	.args = "UNIT COUNT per DURATION by KEY... [except LIST] [unless CONDITION]",
	.help = "units: connections messages recipients bytes errors unknown; keys: network, or any fact: client, "
		"helo, sender, sender.domain, auth.user, rcpt, rcpt.domain; LIST: clients, users and senders; CONDITION: as in a "
		"policy, over what is known by RCPT"},
    {.name = "network-bits-4", .type = CONF_INT, .offset = AT(bits4), .def = "24", .min = 8, .max = 32, .args = "BITS",
	.help = "what the key `network` means for IPv4 clients"},
    {.name = "network-bits-6", .type = CONF_INT, .offset = AT(bits6), .def = "64", .min = 16, .max = 128,
	.args = "BITS", .help = "and for IPv6 clients"},
    {.name = "charge-refused", .type = CONF_FLAG, .offset = AT(charges_refused), .def = "off", .args = "on | off",
	.help = "refused recipients, and messages that were refused or not finished, count too"},
    {0},
};
#undef AT

static void no_fact(struct str name, const struct fact_registry *facts, struct limit *l, struct conf_load *load)
{
	size_t n = fact_registry_count(facts);
	const char **names = arena_array(load->arena, n + 1, sizeof *names), *near;

	for (size_t i = 0; i < n; i++)
		names[i] = fact_registry_at(facts, i)->name;
	names[n++] = "network";
	near = conf_near(name, names, n);
	conf_error(load, l->place, "'%.*s' is no fact that a configured filter sets%s%s%s", STR_ARG(name),
	    near ? "; did you mean '" : "; expected network, or one of reevectl help facts", near ? near : "", near ? "'?" : "");
}

static bool find_fact(struct rate_key *key, const struct filter_env *env, struct limit *l, struct conf_load *load)
{
	key->is_network = str_is(key->name, "network");
	if (key->is_network)
		return true;
	key->def = fact_def_find(chain_facts(env->chain), key->name);
	if (!key->def) {
		no_fact(key->name, chain_facts(env->chain), l, load);
		return false;
	}
	if (key->def->stage > l->stage)
		l->stage = key->def->stage;
	return true;
}

/* What the condition reads makes the limit late, as a key does. */
static bool compile_unless(struct limit *l, const struct filter_env *env, struct conf_load *load)
{
	if (!l->unless_at)
		return true;
	if (!env->conditions) {
		conf_error(load, l->place, "conditions are not possible here");
		return false;
	}
	l->unless = env->conditions->compile(env->conditions, load, l->node, l->unless_at, STAGE_RCPT);
	if (l->unless && env->conditions->stage(l->unless) > l->stage)
		l->stage = env->conditions->stage(l->unless);
	return l->unless != NULL;
}

static bool open_limit(struct limit *l, const struct filter_env *env, struct conf_load *load)
{
	bool ok = true;

	l->stage = rate_units[l->unit].look;
	for (size_t i = 0; i < l->key_count; i++)
		ok &= find_fact(&l->keys[i], env, l, load);
	if (l->stage > STAGE_RCPT) {
		conf_error(load, l->place, "a key of this limit is known only after the recipients");
		ok = false;
	}
	/* All of them, so that every mistake is told. */
	ok = lists_may_need(env->lists, l->except, load, l->place, &l->except_list) && ok;
	return compile_unless(l, env, load) && ok;
}

bool rate_open(void *conf, const struct filter_env *env, struct conf_load *load, struct conf_place place)
{
	struct rate_conf *c = conf;
	bool ok = true;

	(void)place;
	c->store = env->store;
	c->conditions = env->conditions;
	for (struct limit *l = c->first; l; l = l->next)
		ok &= open_limit(l, env, load);
	return ok;
}
