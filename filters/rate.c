/*
 * Rate limits: layered token buckets in the store, each with a named unit and any key.
 *
 *     filter rate {
 *         limit connections 60 per 1m by client;
 *         limit recipients 500 per 1h by sender;
 *         limit messages 100 per 1h by network rcpt.domain except trusted unless spf == pass;
 *     }
 *
 * What is taken when (sessions side by side can never take more than there is):
 *   connections          once a session, at connect or as soon as the key is known
 *   messages             at MAIL (or RCPT, by the key); given back when the message is not taken
 *   bytes                the SIZE that the client said at MAIL, made right at the end of the message
 *   recipients           at RCPT; given back when policy refuses the recipient
 *   errors, unknown      looked at at connect and MAIL or RCPT, charged for each refusal or unknown
 *                        recipient
 * A key whose fact is not set (no authenticated user) means that the limit does not apply.
 */
#include "filters/rate.h"

#include <inttypes.h>
#include <stdio.h>

/* What a message has taken of one limit, in the message's arena. */
struct take {
	const struct rate_conf *conf;
	const struct limit *limit;
	struct str key;
	int64_t amount;
	const struct recipient *recipient; /* who was being decided; NULL at MAIL */
	bool is_final;			   /* stays taken */
	struct take *next;
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

/* ---- keys ---- */

static void add_network(const struct rate_conf *c, const struct session *s, struct buf *out)
{
	struct cidr net = cidr_of(&s->client, (unsigned)(s->client.family == 4 ? c->bits4 : c->bits6));
	char text[CIDR_TEXT_MAX];

	buf_add(out, cidr_format(&net, text));
}

/* Case is the client's to choose, so it does not tell keys apart; nor do line ends. */
static void add_fact(struct buf *out, struct arena *a, const struct fact *fact)
{
	struct str text = str_lower(a, fact_text(a, fact));

	for (size_t i = 0; i < text.n; i++)
		buf_addc(out, text.p[i] == '\n' ? ' ' : text.p[i]);
}

/* What is longer than a key of the store ends with a hash instead. */
static struct str bounded(struct buf *out, struct arena *a)
{
	char hash[20];
	int n;

	if (out->n > STORE_KEY_MAX) {
		n = snprintf(hash, sizeof hash, "#%016" PRIx64, str_hash(buf_str(out)));
		out->n = STORE_KEY_MAX - (size_t)n;
		buf_adds(out, hash);
	}
	return buf_take(out, a);
}

/* Whom the policy decides on now. */
static const struct recipient *recipient_of(const struct session *s)
{
	return s->message && s->stage == STAGE_RCPT ? s->message->current : NULL;
}

/* What the limit counts by, readable; the limit's own text keeps limits apart. False: does not apply. */
static bool make_key(const struct rate_conf *c, const struct limit *l, struct session *s, struct str *ret_key)
{
	const struct recipient *r = recipient_of(s);
	struct arena *a = filter_arena(s);
	struct buf out = {0};

	buf_add(&out, l->text);
	for (size_t i = 0; i < l->key_count; i++) {
		const struct fact *fact = l->keys[i].is_network ? NULL : session_fact(s, r, l->keys[i].def);

		buf_addc(&out, '\n');
		if (l->keys[i].is_network && s->client.family)
			add_network(c, s, &out);
		else if (fact && !(fact->def->type == FACT_IP && !fact->u.ip.family))
			add_fact(&out, a, fact);
		else {
			buf_free(&out);
			return false;
		}
	}
	*ret_key = bounded(&out, a);
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

static enum res has_text(const struct list *list, struct str text)
{
	return text.n ? list_has_text(list, text, NULL) : RES_NONE;
}

static enum res is_in_list(const struct limit *l, const struct session *s)
{
	const struct message *m = s->message;
	enum res res = RES_NONE;

	if (s->client.family)
		res = list_has_ip(l->except_list, &s->client, NULL);
	if (res == RES_NONE)
		res = has_text(l->except_list, s->auth_user);
	return res == RES_NONE && m ? has_text(l->except_list, m->sender.text) : res;
}

/* RES_OK: tokens are not even counted. */
static enum res is_excepted(const struct rate_conf *c, const struct limit *l, struct session *s)
{
	enum res res = l->except_list ? is_in_list(l, s) : RES_NONE;

	if (res == RES_NONE && l->unless)
		res = c->conditions->holds(l->unless, s, recipient_of(s), filter_arena(s));
	return res;
}

/* ---- what was taken ---- */

static void give_back(struct take *t)
{
	if (!t->is_final && t->amount > 0)
		store_bucket(t->conf->store, RATE_TABLE, t->key, &t->limit->rate, -t->amount, NULL);
	t->is_final = true;
	t->amount = 0;
}

/* The message's arena ends: what was not settled by then was never taken in. */
static void forget(void *arg)
{
	give_back(arg);
}

static struct take *find_take(struct session *s, const struct limit *l, struct str key)
{
	for (struct take *t = *filter_state(s); t; t = t->next)
		if (t->limit == l && !t->is_final && str_eq(t->key, key))
			return t;
	return NULL;
}

static void keep_take(const struct rate_conf *c, struct session *s, const struct limit *l, struct str key, int64_t amount)
{
	struct arena *a = filter_arena(s);
	struct take *t = arena_alloc(a, sizeof *t);
	struct take **list = (struct take **)filter_state(s);

	*t = (struct take){.conf = c, .limit = l, .key = key, .amount = amount, .next = *list};
	t->recipient = s->stage == STAGE_RCPT ? s->message->current : NULL;
	*list = t;
	if (!c->charges_refused && l->unit != UNIT_RECIPIENTS)
		arena_defer(a, forget, t);
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
	fact_set_text(f, "rate.unit", str_of(rate_units[l->unit].name));
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

/* Bytes are known only when the client said SIZE; a message above the limit needs all of it. */
static int64_t amount_wanted(const struct limit *l, const struct session *s)
{
	uint64_t size = l->unit == UNIT_BYTES && s->message ? s->message->declared_size : 1;

	if (size == 0)
		return 1;
	return size > (uint64_t)l->rate.capacity ? l->rate.capacity : (int64_t)size;
}

/* Connections: the limits of which this session has its part already, as bits. */
static bool was_counted(struct session *s, const struct limit *l)
{
	uint64_t **counted = (uint64_t **)filter_session_state(s);

	if (l->unit != UNIT_CONNECTIONS)
		return false;
	if (!*counted)
		*counted = arena_alloc(s->arena, sizeof **counted);
	if (**counted >> l->index & 1)
		return true;
	**counted |= UINT64_C(1) << l->index;
	return false;
}

static bool is_of_message(const struct limit *l)
{
	return l->unit == UNIT_MESSAGES || l->unit == UNIT_BYTES || l->unit == UNIT_RECIPIENTS;
}

static enum res look(const struct rate_conf *c, struct session *s, const struct limit *l)
{
	bool takes = rate_units[l->unit].takes;
	struct store_level level;
	int64_t amount = amount_wanted(l, s);
	struct str key;
	enum res res = is_excepted(c, l, s);

	if (res != RES_NONE || !make_key(c, l, s, &key))
		return res == RES_TEMP ? res : RES_OK;
	/* One message counts once, however many recipients have this key. */
	if ((l->unit == UNIT_MESSAGES || l->unit == UNIT_BYTES) && find_take(s, l, key))
		return RES_OK;
	if (was_counted(s, l))
		return RES_OK;
	res = takes ? store_bucket(c->store, RATE_TABLE, key, &l->rate, amount, &level)
		    : store_bucket_look(c->store, RATE_TABLE, key, &l->rate, amount, &level);
	if (res == RES_NONE)
		note_exceeded(s, l, key, &level);
	else if (res == RES_OK && takes && is_of_message(l))
		keep_take(c, s, l, key, amount);
	if (res == RES_OK || res == RES_NONE)
		note_level(s, l, &level);
	return res;
}

static bool is_looked_at(const struct limit *l, enum stage stage)
{
	bool key_is_early = l->stage == rate_units[l->unit].look;

	return l->stage == stage || (stage == STAGE_CONNECT && key_is_early && rate_units[l->unit].looks_at_connect &&
					l->key_count == 1 && !l->unless && (l->keys[0].is_network || l->keys[0].def->stage == STAGE_CONNECT));
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

/* ---- settling ---- */

static bool is_refusal(enum verdict_kind kind)
{
	return kind == VERDICT_REJECT || kind == VERDICT_TEMPFAIL;
}

static bool is_unknown_recipient(const struct session *s)
{
	const struct fact_def *def = fact_def_find(s->facts.registry, STR("rcpt.unknown"));
	const struct fact *fact = def && s->message && s->message->current ? fact_get(&s->message->current->facts, def) : NULL;

	return fact && fact->u.boolean;
}

/* More than is left takes the rest: the next look finds it empty. */
static void take_all(const struct rate_conf *c, const struct limit *l, struct str key, int64_t amount)
{
	struct store_level level;

	if (amount > l->rate.capacity)
		amount = l->rate.capacity;
	if (store_bucket(c->store, RATE_TABLE, key, &l->rate, amount, &level) == RES_NONE && level.left >= 1)
		store_bucket(c->store, RATE_TABLE, key, &l->rate, (int64_t)level.left, NULL);
}

/* Errors and unknown recipients: one token for each. */
static void charge_fault(const struct rate_conf *c, const struct limit *l, struct session *s)
{
	struct str key;

	if (is_excepted(c, l, s) == RES_NONE && make_key(c, l, s, &key))
		store_bucket(c->store, RATE_TABLE, key, &l->rate, 1, NULL);
}

/* The recipient was refused: what was taken for him alone goes back. */
static void settle_recipient(const struct rate_conf *c, struct session *s, enum verdict_kind kind)
{
	for (struct take *t = *filter_state(s); t; t = t->next)
		if (t->recipient == s->message->current && is_refusal(kind) && !c->charges_refused)
			give_back(t);
}

/* Bytes are known now; what the client said before was a guess. */
static void settle_bytes(const struct rate_conf *c, const struct session *s, const struct take *t)
{
	int64_t more = (int64_t)spool_size(s->message->spool) - t->amount;

	if (more > 0)
		take_all(c, t->limit, t->key, more);
	else if (more < 0)
		store_bucket(c->store, RATE_TABLE, t->key, &t->limit->rate, more, NULL);
}

static void settle_message(const struct rate_conf *c, struct session *s, enum verdict_kind kind)
{
	for (struct take *t = *filter_state(s); t; t = t->next) {
		if (t->is_final || t->limit->unit == UNIT_RECIPIENTS)
			continue;
		if (is_refusal(kind) && !c->charges_refused) {
			give_back(t);
			continue;
		}
		if (t->limit->unit == UNIT_BYTES)
			settle_bytes(c, s, t);
		t->is_final = true;
	}
}

static void rate_settle(struct session *s, const void *conf, enum stage stage, enum verdict_kind kind)
{
	const struct rate_conf *c = conf;
	bool is_unknown = stage == STAGE_RCPT && is_unknown_recipient(s);

	for (const struct limit *l = c->first; l; l = l->next)
		if ((l->unit == UNIT_ERRORS && is_refusal(kind)) || (l->unit == UNIT_UNKNOWN && is_unknown))
			charge_fault(c, l, s);
	if (stage == STAGE_RCPT)
		settle_recipient(c, s, kind);
	else if (stage == STAGE_MESSAGE)
		settle_message(c, s, kind);
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
