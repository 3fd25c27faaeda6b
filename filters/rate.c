/*
 * Rate limits: layered token buckets in the store, each with a named unit and any key.
 *
 *     filter rate {
 *         limit connections 60 per 1m by client;
 *         limit recipients 500 per 1h by sender;
 *         limit messages 100 per 1h by network rcpt.domain except trusted;
 *     }
 *
 * What is looked at and charged when:
 *   connections          taken at connect
 *   recipients           taken at RCPT, given back when policy refuses the recipient
 *   messages, bytes      looked at at MAIL, charged when the message was taken
 *   errors               looked at at connect and MAIL, charged for each refusal
 *   unknown              looked at at connect and RCPT, charged for each unknown recipient
 * A key whose fact is not set (no authenticated user) means that the limit does not apply.
 */
#include "core/chain.h"
#include "core/filter.h"
#include "core/list.h"
#include "lib/store.h"

enum { KEYS_MAX = 4 };

enum unit { UNIT_CONNECTIONS, UNIT_MESSAGES, UNIT_RECIPIENTS, UNIT_BYTES, UNIT_ERRORS, UNIT_UNKNOWN, UNITS };

static const struct {
	const char *name;
	enum stage look;	 /* where the limit is looked at first */
	bool looks_at_connect;	 /* and there too */
	bool takes;		 /* at the look; else charged in settle */
} units[UNITS] = {
    [UNIT_CONNECTIONS] = {"connections", STAGE_CONNECT, false, true},
    [UNIT_MESSAGES] = {"messages", STAGE_MAIL, false, false},
    [UNIT_RECIPIENTS] = {"recipients", STAGE_RCPT, false, true},
    [UNIT_BYTES] = {"bytes", STAGE_MAIL, false, false},
    [UNIT_ERRORS] = {"errors", STAGE_MAIL, true, false},
    [UNIT_UNKNOWN] = {"unknown", STAGE_RCPT, true, false},
};

struct rate_key {
	struct str name;
	bool is_network; /* the client's, by network-bits */
	const struct fact_def *def;
};

struct limit {
	enum unit unit;
	struct store_rate rate;
	struct rate_key keys[KEYS_MAX];
	size_t key_count;
	struct str except; /* name of a list; "" none */
	const struct list *except_list;
	enum stage stage;  /* the latest of the unit's and its keys' */
	struct str text;   /* "500 recipients per 1h by sender" */
	struct conf_place place;
	struct limit *next;
};

struct rate_conf {
	struct limit *first, **last;
	int64_t bits4, bits6;
	bool charges_refused;
	struct store *store;
};

static const struct fact_def rate_facts[] = {
    {"rate.exceeded", FACT_BOOL, STAGE_CONNECT, NULL, "a limit is used up"},
    {"rate.limit", FACT_TEXT, STAGE_CONNECT, NULL, "the limit that is used up, as it is configured"},
    {"rate.unit", FACT_TEXT, STAGE_CONNECT, NULL, "its unit: connections, messages, recipients, bytes, errors, unknown"},
    {"rate.key", FACT_TEXT, STAGE_CONNECT, NULL, "what it was counted by: the client's address, the sender ..."},
    {"rate.wait", FACT_DURATION, STAGE_CONNECT, NULL, "time until there is room again"},
    {"rate.used", FACT_NUMBER, STAGE_CONNECT, NULL, "how full the fullest limit is, 0 to 1"},
    {0},
};

static const struct finding_def rate_findings[] = {
    {"rate.exceeded", 0, "a rate limit is used up; the policy decides what that means"},
    {0},
};

/* ---- configuration ---- */

static bool read_unit(struct conf_load *load, const struct conf_token *t, struct limit *l)
{
	const char *names[UNITS], *near;

	for (int i = 0; i < UNITS; i++) {
		names[i] = units[i].name;
		if (str_is(t->text, units[i].name)) {
			l->unit = (enum unit)i;
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

static bool read_keys(struct conf_load *load, const struct conf_node *node, size_t at, struct limit *l)
{
	for (; at < node->n && !str_is(node->tokens[at].text, "except"); at++) {
		if (l->key_count == KEYS_MAX) {
			conf_error(load, node->tokens[at].place, "at most %d keys in one limit", KEYS_MAX);
			return false;
		}
		l->keys[l->key_count++].name = node->tokens[at].text;
	}
	if (at == node->n)
		return l->key_count > 0;
	if (at + 2 != node->n) {
		conf_error(load, node->tokens[at].place, "expected except LIST at the end");
		return false;
	}
	l->except = node->tokens[at + 1].text;
	return l->key_count > 0;
}

static struct str limit_text(struct arena *a, const struct conf_node *node)
{
	struct buf out = {0};

	buf_addf(&out, "%.*s %.*s", STR_ARG(node->tokens[2].text), STR_ARG(node->tokens[1].text));
	for (size_t i = 3; i < node->n && !str_is(node->tokens[i].text, "except"); i++)
		buf_addf(&out, " %.*s", STR_ARG(node->tokens[i].text));
	return buf_take(&out, a);
}

static void set_limit(struct conf_load *load, const struct conf_node *node, void *target)
{
	struct rate_conf *c = target;
	struct limit *l = arena_alloc(load->arena, sizeof *l);

	if (node->n < 7 || !str_is(node->tokens[3].text, "per") || !str_is(node->tokens[5].text, "by")) {
		conf_error(load, node->tokens[0].place, "expected limit UNIT COUNT per DURATION by KEY... [except LIST]");
		return;
	}
	l->place = node->tokens[0].place;
	if (!read_unit(load, &node->tokens[1], l) || !read_count(load, &node->tokens[2], l) ||
	    !conf_duration(load, &node->tokens[4], &l->rate.per_ms) || !read_keys(load, node, 6, l))
		return;
	if (l->rate.capacity < 1 || l->rate.per_ms < 1) {
		conf_error(load, node->tokens[2].place, "a limit needs a count and a duration above 0");
		return;
	}
	l->text = limit_text(load->arena, node);
	if (!c->last)
		c->last = &c->first;
	*c->last = l;
	c->last = &l->next;
}

#define AT(field) offsetof(struct rate_conf, field)
static const struct directive rate_directives[] = {
    {.name = "limit", .type = CONF_CUSTOM, .set = set_limit, .repeats = true,
	.args = "UNIT COUNT per DURATION by KEY... [except LIST]",
	.help = "units: connections messages recipients bytes errors unknown; keys: network, or any fact: client, "
		"helo, sender, sender.domain, auth.user, rcpt, rcpt.domain"},
    {.name = "network-bits-4", .type = CONF_INT, .offset = AT(bits4), .def = "24", .min = 8, .max = 32, .args = "BITS",
	.help = "what the key `network` means for IPv4 clients"},
    {.name = "network-bits-6", .type = CONF_INT, .offset = AT(bits6), .def = "64", .min = 16, .max = 128,
	.args = "BITS", .help = "and for IPv6 clients"},
    {.name = "charge-refused", .type = CONF_FLAG, .offset = AT(charges_refused), .def = "off", .args = "on | off",
	.help = "refused recipients count too"},
    {0},
};
#undef AT

static bool find_fact(struct rate_key *key, const struct filter_env *env, struct limit *l, struct conf_load *load)
{
	key->is_network = str_is(key->name, "network");
	if (key->is_network)
		return true;
	key->def = fact_def_find(chain_facts(env->chain), key->name);
	if (!key->def) {
		conf_error(load, l->place, "'%.*s' is no fact that a configured filter sets", STR_ARG(key->name));
		return false;
	}
	if (key->def->stage > l->stage)
		l->stage = key->def->stage;
	return true;
}

static bool open_limit(struct limit *l, const struct filter_env *env, struct conf_load *load)
{
	bool ok = true;

	l->stage = units[l->unit].look;
	for (size_t i = 0; i < l->key_count; i++)
		ok &= find_fact(&l->keys[i], env, l, load);
	if (l->stage > STAGE_RCPT) {
		conf_error(load, l->place, "a key of this limit is known only after the recipients");
		ok = false;
	}
	if (!l->except.n)
		return ok;
	l->except_list = lists_find(env->lists, l->except);
	if (!l->except_list)
		conf_error(load, l->place, "there is no list '%.*s'", STR_ARG(l->except));
	return ok && l->except_list;
}

static bool rate_open(void *conf, const struct filter_env *env, struct conf_load *load, struct conf_place place)
{
	struct rate_conf *c = conf;
	bool ok = true;

	(void)place;
	c->store = env->store;
	for (struct limit *l = c->first; l; l = l->next)
		ok &= open_limit(l, env, load);
	return ok;
}

/* ---- keys ---- */

static void add_network(const struct rate_conf *c, const struct session *s, struct buf *out)
{
	struct cidr net = cidr_of(&s->client, (unsigned)(s->client.family == 4 ? c->bits4 : c->bits6));
	char text[CIDR_TEXT_MAX];

	buf_add(out, cidr_format(&net, text));
}

/* What the limit counts by, readable; the limit's own text keeps limits apart. False: does not apply. */
static bool make_key(const struct rate_conf *c, const struct limit *l, struct session *s, struct str *ret_key)
{
	const struct recipient *r = s->message ? s->message->current : NULL;
	struct arena *a = filter_arena(s);
	struct buf out = {0};

	buf_add(&out, l->text);
	for (size_t i = 0; i < l->key_count; i++) {
		const struct fact *fact = l->keys[i].is_network ? NULL : session_fact(s, r, l->keys[i].def);

		buf_addc(&out, '\n');
		if (l->keys[i].is_network && s->client.family)
			add_network(c, s, &out);
		else if (fact && !(fact->def->type == FACT_IP && !fact->u.ip.family))
			buf_add(&out, fact_text(a, fact));
		else {
			buf_free(&out);
			return false;
		}
	}
	*ret_key = str_sub(buf_take(&out, a), 0, STORE_KEY_MAX);
	return true;
}

static struct str key_shown(const struct limit *l, struct arena *a, struct str key)
{
	struct str shown = arena_str(a, str_from(key, l->text.n + 1));

	for (size_t i = 0; i < shown.n; i++)
		if (shown.p[i] == '\n')
			((char *)shown.p)[i] = ' ';
	return shown;
}

static bool is_excepted(const struct limit *l, const struct session *s)
{
	if (!l->except_list)
		return false;
	if (s->client.family && list_has_ip(l->except_list, &s->client, NULL) == RES_OK)
		return true;
	return s->message && s->message->sender.text.n &&
	       list_has_text(l->except_list, s->message->sender.text, NULL) == RES_OK;
}

/* ---- looking ---- */

static void note_exceeded(struct session *s, const struct limit *l, struct str key, const struct store_level *level)
{
	struct facts *f = FACTS(s);
	const struct fact *seen = fact_find(f, "rate.exceeded");
	struct str shown = key_shown(l, filter_arena(s), key);

	finding_add(s, "rate.exceeded", "%.*s: over %.*s", STR_ARG(shown), STR_ARG(l->text));
	if (seen && seen->u.boolean)
		return; /* the first one is told */
	fact_set_bool(f, "rate.exceeded", true);
	fact_set_text(f, "rate.limit", l->text);
	fact_set_text(f, "rate.unit", str_of(units[l->unit].name));
	fact_set_text(f, "rate.key", shown);
	fact_set_duration(f, "rate.wait", level->wait_ms < 0 ? l->rate.per_ms : (level->wait_ms + 999) / 1000 * 1000);
}

static void note_level(struct session *s, const struct limit *l, const struct store_level *level)
{
	struct facts *f = FACTS(s);
	double used = 1 - level->left / (double)l->rate.capacity;
	const struct fact *seen = fact_find(f, "rate.used");

	if (!seen || seen->u.number < used)
		fact_set_number(f, "rate.used", used);
}

/* What this stage would use up; bytes are known only when the client said SIZE. */
static int64_t amount_looked_for(const struct limit *l, const struct session *s)
{
	if (l->unit == UNIT_BYTES && s->message && s->message->declared_size < (uint64_t)l->rate.capacity)
		return (int64_t)s->message->declared_size;
	return 1;
}

/* Takes, or takes and gives back at once: a look must say how long to wait for the amount. */
static enum res ask_bucket(const struct rate_conf *c, const struct limit *l, struct str key, int64_t n,
    struct store_level *ret_level)
{
	enum res res = store_bucket(c->store, "rate", key, &l->rate, n, ret_level);

	if (res == RES_OK && !units[l->unit].takes && store_bucket(c->store, "rate", key, &l->rate, -n, NULL) == RES_TEMP)
		return RES_TEMP;
	return res;
}

static enum res look(const struct rate_conf *c, struct session *s, const struct limit *l)
{
	struct store_level level;
	struct str key;
	enum res res;

	if (is_excepted(l, s) || !make_key(c, l, s, &key))
		return RES_OK;
	res = ask_bucket(c, l, key, amount_looked_for(l, s), &level);
	if (res == RES_NONE)
		note_exceeded(s, l, key, &level);
	if (res != RES_TEMP)
		note_level(s, l, &level);
	return res;
}

static bool is_looked_at(const struct limit *l, enum stage stage)
{
	bool key_is_early = l->stage == units[l->unit].look;

	return l->stage == stage || (stage == STAGE_CONNECT && key_is_early && units[l->unit].looks_at_connect &&
					l->key_count == 1 && (l->keys[0].is_network || l->keys[0].def->stage == STAGE_CONNECT));
}

static enum outcome run(struct session *s, const struct rate_conf *c, enum stage stage)
{
	const struct recipient *r = s->message ? s->message->current : NULL;
	bool is_down = false;

	/* What was exceeded at an earlier stage stays so: a nearer "no" would hide it. */
	if (!session_fact(s, r, fact_def_find(s->facts.registry, STR("rate.exceeded"))))
		fact_set_bool(FACTS(s), "rate.exceeded", false);
	for (const struct limit *l = c->first; l; l = l->next)
		if (is_looked_at(l, stage))
			is_down |= look(c, s, l) == RES_TEMP;
	if (!is_down)
		return RUN_OK;
	filter_failed(s, "the store cannot be reached");
	return RUN_TEMP;
}

static enum outcome rate_connect(struct session *s, const void *conf)
{
	return run(s, conf, STAGE_CONNECT);
}

static enum outcome rate_helo(struct session *s, const void *conf)
{
	return run(s, conf, STAGE_HELO);
}

static enum outcome rate_mail(struct session *s, const void *conf)
{
	return run(s, conf, STAGE_MAIL);
}

static enum outcome rate_rcpt(struct session *s, const void *conf)
{
	return run(s, conf, STAGE_RCPT);
}

/* ---- charging ---- */

static bool is_refusal(enum verdict_kind kind)
{
	return kind == VERDICT_REJECT || kind == VERDICT_TEMPFAIL;
}

static bool is_unknown_recipient(const struct session *s)
{
	const struct fact *fact = s->message && s->message->current ? fact_find(&s->message->current->facts, "rcpt.unknown") : NULL;

	return fact && fact->u.boolean;
}

/* Tokens to take (or give back, below 0) now that the stage is decided. */
static int64_t amount_charged(const struct rate_conf *c, const struct limit *l, const struct session *s,
    enum stage stage, enum verdict_kind kind)
{
	switch (l->unit) {
	case UNIT_RECIPIENTS:
		return stage == l->stage && stage == STAGE_RCPT && is_refusal(kind) && !c->charges_refused ? -1 : 0;
	case UNIT_MESSAGES:
		return stage == STAGE_MESSAGE && !is_refusal(kind) ? 1 : 0;
	case UNIT_BYTES:
		return stage == STAGE_MESSAGE && !is_refusal(kind) ? (int64_t)spool_size(s->message->spool) : 0;
	case UNIT_ERRORS:
		return is_refusal(kind) ? 1 : 0;
	case UNIT_UNKNOWN:
		return stage == STAGE_RCPT && is_unknown_recipient(s) ? 1 : 0;
	case UNIT_CONNECTIONS:
	case UNITS:
		break;
	}
	return 0;
}

/* A limit that was exceeded took nothing, so nothing is given back. */
static bool took_nothing(const struct session *s, const struct limit *l)
{
	for (const struct finding *f = s->message && s->message->current ? s->message->current->findings.first : NULL; f; f = f->next)
		if (str_is(f->name, "rate.exceeded") && str_ends(f->reason, l->text))
			return true;
	return false;
}

static void charge(const struct rate_conf *c, const struct limit *l, struct session *s, int64_t amount)
{
	struct str key;

	if (amount == 0 || (amount < 0 && took_nothing(s, l)) || is_excepted(l, s) || !make_key(c, l, s, &key))
		return;
	/* More than is left takes the rest: the next look finds it empty. */
	if (amount > 0 && amount > l->rate.capacity)
		amount = l->rate.capacity;
	if (store_bucket(c->store, "rate", key, &l->rate, amount, NULL) == RES_NONE && amount > 1) {
		struct store_level level;

		if (store_bucket(c->store, "rate", key, &l->rate, 0, &level) == RES_OK && level.left >= 1)
			store_bucket(c->store, "rate", key, &l->rate, (int64_t)level.left, NULL);
	}
}

static void rate_settle(struct session *s, const void *conf, enum stage stage, enum verdict_kind kind)
{
	const struct rate_conf *c = conf;

	for (const struct limit *l = c->first; l; l = l->next)
		charge(c, l, s, amount_charged(c, l, s, stage, kind));
}

const struct filter rate_filter = {
    .name = "rate",
    .help = "layered rate limits on connections, messages, recipients, bytes, errors and unknown recipients",
    .directives = rate_directives,
    .conf_size = sizeof(struct rate_conf),
    .facts = rate_facts,
    .findings = rate_findings,
    .open = rate_open,
    .run = {[STAGE_CONNECT] = rate_connect, [STAGE_HELO] = rate_helo, [STAGE_MAIL] = rate_mail,
	[STAGE_RCPT] = rate_rcpt},
    .settle = rate_settle,
};
