/*
 * Greylisting (RFC 6647): who comes for the first time is asked to come again; real servers do.
 *
 * The key is the origin with sender and recipient. The origin is the domain that SPF passed for,
 * else the client's network: a provider's pool of addresses is one origin and waits once at most.
 * An origin that came back, and whose message was then accepted, is let through without waiting for
 * allow-for.
 *
 * A good DKIM signature makes its domain the origin, too, but is known only when the message is there.
 * So a recipient whose origin is new is not made to wait at RCPT, but may be at the end of the message,
 *   - when his message comes again, after the delay, from another network: a signature that is good
 *     then tells that it is another server of the same pool, and it has come back;
 *   - when messages of that sender's domain were signed well before.
 * `wait-for-dkim` turns that off, or on for all. The filter only says greylist.new, at RCPT and at
 * the end of the message; what that means is the policy's.
 */
#include "filters/greylist.h"

#include <inttypes.h>

#include "core/chain.h"
#include "core/filter.h"
#include "core/list/list.h"
#include "lib/clock.h"
#include "lib/store/store.h"

enum {
	REFRESH_S = 86400, /* an allowance is written anew once a day at most */
	DKIM_DOMAINS_MAX = 3,
};

enum wait_for_dkim { WAIT_WHEN_LIKELY, WAIT_ALWAYS, WAIT_NEVER };
static const char *const wait_words[] = {"when-likely", "always", "never", NULL};

struct greylist_conf {
	int64_t delay_ms, window_ms, allow_ms;
	int64_t bits4, bits6;
	struct str known, opt_out;
	const struct list *known_list, *opt_out_list;
	int wait_for_dkim; /* enum wait_for_dkim */
	const struct fact_def *spf, *spf_domain, *dkim_domains, *wanted;
	struct store *store;
};

/* What is known of a recipient's origin, from RCPT to the end of the message. */
struct greylist_try {
	struct str origin, pending;
	struct recipient *recipient;
	bool is_new, is_first, came_back, is_allowed, is_exempt;
	bool is_open;	    /* whether he waits is told at the end of the message */
	bool is_by_network; /* SPF vouches for nobody */
	bool is_by_dkim;    /* the origin is a domain that signed */
	bool has_waited;    /* the same message was here before, and the delay is over */
	struct str first_origin; /* from where; "" not known */
	int64_t allowed_at, signed_at; /* 0: never */
	struct greylist_try *next;
};

static const struct fact_def greylist_facts[] = {
    {"greylist.new", FACT_BOOL, STAGE_RCPT, NULL, "this sender has not come back yet, or came too early"},
    {"greylist.wait", FACT_DURATION, STAGE_RCPT, NULL, "how long it has to wait still"},
    {"greylist.origin", FACT_TEXT, STAGE_RCPT, NULL, "what is waited for: a domain that SPF or DKIM passed for, or a network"},
    {0},
};

static const struct finding_def greylist_findings[] = {
    {"greylist.new", 0, "greylisted: asked to come again"},
    {0},
};

#define AT(field) offsetof(struct greylist_conf, field)
static const struct directive greylist_directives[] = {
    {.name = "delay", .type = CONF_DURATION, .offset = AT(delay_ms), .def = "5m", .min = 1000, .max = 86400e3,
	.args = "DURATION", .help = "how long a new sender has to wait"},
    {.name = "window", .type = CONF_DURATION, .offset = AT(window_ms), .def = "2d", .min = 60e3, .max = 30 * 86400e3,
	.args = "DURATION", .help = "how long a first try is remembered"},
    {.name = "allow-for", .type = CONF_DURATION, .offset = AT(allow_ms), .def = "36d", .min = 60e3,
	.max = 3650 * 86400e3, .args = "DURATION", .help = "how long an origin that came back is let through, counted from its last mail"},
    {.name = "network-bits-4", .type = CONF_INT, .offset = AT(bits4), .def = "24", .min = 8, .max = 32, .args = "BITS",
	.help = "network of an IPv4 client"},
    {.name = "network-bits-6", .type = CONF_INT, .offset = AT(bits6), .def = "64", .min = 16, .max = 128,
	.args = "BITS", .help = "network of an IPv6 client"},
    {.name = "known", .type = CONF_STRING, .offset = AT(known), .args = "LIST",
	.help = "clients and senders that never wait; of a state list the recipient's own entries count, too"},
    {.name = "opt-out", .type = CONF_STRING, .offset = AT(opt_out), .args = "LIST",
	.help = "recipients who do not want greylisting"},
    {.name = "wait-for-dkim", .type = CONF_CHOICE, .offset = AT(wait_for_dkim), .def = "when-likely", .choices = wait_words,
	.args = "when-likely | always | never",
	.help = "decide at the end of the message when SPF does not pass, for DKIM may: when the message comes again from "
		"another network, or messages of the sender's domain were signed before; always; or never"},
    {0},
};
#undef AT

/* Filters run in the order of the configuration. */
static bool dkim_is_behind(const struct chain *chain)
{
	bool seen = false;

	for (size_t i = 0; i < chain_length(chain); i++) {
		const char *name = chain_at(chain, i)->filter->name;

		if (seen && strcmp(name, "dkim") == 0)
			return true;
		seen |= strcmp(name, "greylist") == 0;
	}
	return false;
}

static void find_dkim(struct greylist_conf *c, const struct filter_env *env, struct conf_load *load, struct conf_place place)
{
	c->dkim_domains = fact_def_find(chain_facts(env->chain), STR("dkim.domains"));
	if (c->wait_for_dkim == WAIT_NEVER) {
		c->dkim_domains = NULL;
	} else if (c->dkim_domains && dkim_is_behind(env->chain)) {
		conf_warning(load, place, "filter greylist stands before filter dkim and cannot wait for it; put it behind, or "
		    "say wait-for-dkim never");
		c->dkim_domains = NULL;
	}
}

static bool greylist_open(void *conf, const struct filter_env *env, struct conf_load *load, struct conf_place place)
{
	struct greylist_conf *c = conf;
	bool has_list;

	c->store = env->store;
	/* Absent when the filter spf is not configured: then networks are the only origins at RCPT. */
	c->spf = fact_def_find(chain_facts(env->chain), STR("spf"));
	c->spf_domain = fact_def_find(chain_facts(env->chain), STR("spf.domain"));
	c->wanted = fact_def_find(chain_facts(env->chain), STR("settings.greylist"));
	find_dkim(c, env, load, place);
	has_list = lists_may_need(env->lists, c->known, load, place, &c->known_list);
	return lists_may_need(env->lists, c->opt_out, load, place, &c->opt_out_list) && has_list; /* both errors in one run */
}

static struct str network_of(const struct greylist_conf *c, const struct ip *client, struct arena *a)
{
	struct cidr net = cidr_of(client, (unsigned)(client->family == 4 ? c->bits4 : c->bits6));
	char text[CIDR_TEXT_MAX];

	return arena_str(a, cidr_format(&net, text));
}

/* The domain that SPF passed for; "" none. */
static struct str spf_origin(const struct greylist_conf *c, const struct session *s, struct arena *a)
{
	const struct fact *spf = c->spf ? session_fact(s, NULL, c->spf) : NULL;
	const struct fact *domain = c->spf_domain ? session_fact(s, NULL, c->spf_domain) : NULL;

	if (spf && domain && str_is(spf->u.text, "pass") && domain->u.text.n)
		return str_lower(a, domain->u.text);
	return STR("");
}

/* RES_OK: never waits. */
static enum res is_known(const struct greylist_conf *c, const struct session *s)
{
	const struct message *m = s->message;
	struct str rcpt = m->current->address.text;
	enum res res = RES_NONE;

	if (c->known_list)
		res = list_has_ip_for(c->known_list, rcpt, &s->client, NULL);
	if (c->known_list && res == RES_NONE && m->sender.text.n)
		res = list_has_text_for(c->known_list, rcpt, m->sender.text, NULL);
	return res;
}

static enum res has_opted_out(const struct greylist_conf *c, const struct session *s)
{
	const struct recipient *r = s->message->current;
	const struct fact *wanted = c->wanted ? session_fact(s, r, c->wanted) : NULL;

	if (wanted && !wanted->u.boolean)
		return RES_OK;
	return c->opt_out_list ? list_has_text(c->opt_out_list, r->address.text, NULL) : RES_NONE;
}

static enum res is_exempt(const struct greylist_conf *c, const struct session *s)
{
	enum res res = s->client.family == 0 || s->auth_user.n ? RES_OK : RES_NONE;

	if (res == RES_NONE)
		res = is_known(c, s);
	return res == RES_NONE ? has_opted_out(c, s) : res;
}

static void count(const struct greylist_conf *c, const char *what)
{
	store_count(c->store, GREYLIST_COUNTS, str_of(what), 1, 0, NULL);
}

/* The facts are the recipient's at the end of the message, too. */
static void note_new(struct session *s, struct greylist_try *try, int64_t wait_ms)
{
	struct facts *f = &try->recipient->facts;

	try->is_new = true;
	fact_set_bool(f, "greylist.new", true);
	/* People read whole seconds. */
	fact_set_duration(f, "greylist.wait", (wait_ms + 999) / 1000 * 1000);
	finding_add(s, "greylist.new", "%.*s is new here", STR_ARG(try->origin));
}

/* A value that is no number counts as long ago. */
static int64_t number_of(struct str value)
{
	uint64_t number;

	return str_u64(value, &number) && number <= INT64_MAX ? (int64_t)number : 0;
}

/* ---- keys ---- */

static struct str kind_key(struct arena *a, char kind, struct str name)
{
	return str_sub(arena_printf(a, "%c%.*s", kind, STR_ARG(name)), 0, STORE_KEY_MAX);
}

/* Addresses may be long: their hash stands in the key then. */
static struct str tuple_key(struct arena *a, char kind, struct str origin, const struct message *m, const struct recipient *r)
{
	struct buf key = {0};

	buf_addf(&key, "%c%.*s", kind, STR_ARG(origin));
	buf_addc(&key, '\0');
	buf_add(&key, str_lower(a, m->sender.text));
	buf_addc(&key, '\0');
	buf_add(&key, str_lower(a, r->address.text));
	if (key.n > STORE_KEY_MAX) {
		uint64_t hash = str_hash(buf_str(&key));

		key.n = 0;
		buf_addf(&key, "%c%.*s#%" PRIx64, kind, STR_ARG(str_sub(origin, 0, 300)), hash);
	}
	return buf_take(&key, a);
}

/* ---- judging ---- */

/* RES_OK: the origin was let through before. */
static enum res look_allowed(const struct greylist_conf *c, struct arena *a, struct greylist_try *try, struct str origin)
{
	struct store_entry entry;
	enum res res = store_get(c->store, GREYLIST_TABLE, kind_key(a, 'a', origin), a, &entry);

	if (res == RES_OK) {
		try->origin = origin;
		try->is_allowed = true;
		try->allowed_at = number_of(entry.value);
	}
	return res;
}

/* Of an origin that is not allowed: ret_wait_ms is above 0 when it has to come again. */
static enum res look_pending(const struct greylist_conf *c, struct session *s, struct greylist_try *try, int64_t *ret_wait_ms)
{
	struct arena *a = filter_arena(s);
	int64_t now = clock_now_us() / 1000, passed;
	struct store_entry entry;
	enum res res;

	try->pending = tuple_key(a, 'p', try->origin, s->message, try->recipient);
	res = store_add(c->store, GREYLIST_TABLE, try->pending, arena_printf(a, "%" PRId64, now), c->window_ms / 1000, a, &entry);
	*ret_wait_ms = c->delay_ms;
	if (res == RES_OK)
		try->is_first = true;
	if (res != RES_NONE)
		return res;
	/* A clock that was set back must not make anybody wait longer than the delay. */
	passed = now - number_of(entry.value);
	*ret_wait_ms = passed < 0 ? c->delay_ms : c->delay_ms - passed;
	try->came_back = *ret_wait_ms <= 0;
	return RES_OK;
}

/* The same sender and recipient, from wherever: when that was first tried, and from where. */
static enum res look_first_try(const struct greylist_conf *c, struct session *s, struct greylist_try *try)
{
	struct arena *a = filter_arena(s);
	int64_t now = clock_now_us() / 1000;
	struct str key = tuple_key(a, 's', STR(""), s->message, try->recipient), time, origin;
	struct str value = arena_printf(a, "%" PRId64 " %.*s", now, STR_ARG(try->origin));
	struct store_entry entry;
	enum res res = store_add(c->store, GREYLIST_TABLE, key, value, c->window_ms / 1000, a, &entry);

	if (res != RES_NONE)
		return res;
	origin = entry.value;
	if (str_word(&origin, &time) && now - number_of(time) >= c->delay_ms) {
		try->has_waited = true;
		try->first_origin = str_trim(origin);
	}
	return RES_OK;
}

static enum res look_signed(const struct greylist_conf *c, struct session *s, struct greylist_try *try)
{
	struct str domain = str_lower(filter_arena(s), s->message->sender.domain);
	struct store_entry entry;
	enum res res = RES_NONE;

	if (domain.n)
		res = store_get(c->store, GREYLIST_TABLE, kind_key(filter_arena(s), 'v', domain), filter_arena(s), &entry);
	if (res == RES_OK)
		try->signed_at = number_of(entry.value);
	return res;
}

/* Whether a signature may speak for an origin that is new. */
static enum res look_open(const struct greylist_conf *c, struct session *s, struct greylist_try *try)
{
	if (!c->dkim_domains || !try->is_by_network)
		return RES_OK;
	if (look_first_try(c, s, try) == RES_TEMP || look_signed(c, s, try) == RES_TEMP)
		return RES_TEMP;
	try->is_open = try->has_waited || try->signed_at || c->wait_for_dkim == WAIT_ALWAYS;
	return RES_OK;
}

static enum res judge(const struct greylist_conf *c, struct session *s, struct greylist_try *try)
{
	enum res res = look_allowed(c, filter_arena(s), try, try->origin);
	int64_t wait_ms;

	if (res != RES_NONE)
		return res;
	res = look_pending(c, s, try, &wait_ms);
	if (res != RES_OK || wait_ms <= 0)
		return res;
	res = look_open(c, s, try);
	if (res == RES_OK && !try->is_open)
		note_new(s, try, wait_ms);
	return res;
}

static struct greylist_try *try_new(struct session *s)
{
	struct greylist_try *try = arena_alloc(filter_arena(s), sizeof *try);

	try->recipient = s->message->current;
	try->next = *filter_state(s);
	*filter_state(s) = try;
	return try;
}

static enum outcome is_down(struct session *s)
{
	filter_failed(s, "the store cannot be reached");
	return RUN_TEMP;
}

static enum outcome greylist_rcpt(struct session *s, const void *conf)
{
	const struct greylist_conf *c = conf;
	struct greylist_try *try = try_new(s);
	struct arena *a = filter_arena(s);
	enum res res = is_exempt(c, s);

	fact_set_bool(FACTS(s), "greylist.new", false);
	if (res == RES_TEMP)
		return is_down(s);
	if (res == RES_OK) {
		try->is_exempt = s->client.family != 0;
		return RUN_SKIP;
	}
	try->origin = spf_origin(c, s, a);
	try->is_by_network = !try->origin.n;
	if (try->is_by_network)
		try->origin = network_of(c, &s->client, a);
	fact_set_text(FACTS(s), "greylist.origin", try->origin);
	return judge(c, s, try) == RES_TEMP ? is_down(s) : RUN_OK;
}

/* ---- the end of the message: who signed is known ---- */

/* The first domain that was let through before, else the first one: an origin as any. */
static enum res look_domains(const struct greylist_conf *c, struct session *s, struct greylist_try *try)
{
	const struct fact *domains = session_fact(s, NULL, c->dkim_domains);
	struct arena *a = filter_arena(s);

	for (size_t i = 0; domains && i < domains->u.list.n && i < DKIM_DOMAINS_MAX; i++) {
		struct str domain = str_lower(a, domains->u.list.v[i]);
		enum res res = look_allowed(c, a, try, domain);

		if (i == 0 || res == RES_OK)
			try->origin = domain;
		try->is_by_dkim = true;
		if (res != RES_NONE)
			return res;
	}
	return RES_NONE;
}

static enum res judge_signed(const struct greylist_conf *c, struct session *s, struct greylist_try *try)
{
	enum res res = look_domains(c, s, try);
	int64_t wait_ms;

	if (res != RES_NONE)
		return res;
	if (try->is_by_dkim && try->has_waited) {
		try->came_back = true;
		return RES_OK;
	}
	res = look_pending(c, s, try, &wait_ms);
	if (res == RES_OK && wait_ms > 0)
		note_new(s, try, wait_ms);
	return res;
}

static enum outcome greylist_message(struct session *s, const void *conf)
{
	const struct greylist_conf *c = conf;
	bool down = false;

	for (struct greylist_try *try = *filter_state(s); try; try = try->next) {
		if (!try->is_open)
			continue;
		down |= judge_signed(c, s, try) == RES_TEMP;
		fact_set_text(&try->recipient->facts, "greylist.origin", try->origin);
	}
	return down ? is_down(s) : RUN_OK;
}

/* ---- settling ---- */

static void count_delayed(const struct greylist_conf *c, const struct greylist_try *try)
{
	count(c, try->is_first ? GREYLIST_DELAYED : GREYLIST_TOO_EARLY);
}

/* Deferred means stopped only when the policy deferred it. */
static void settle_recipient(const struct greylist_conf *c, struct greylist_try *try, enum verdict_kind kind)
{
	if (try->is_new && kind == VERDICT_TEMPFAIL)
		count_delayed(c, try);
	else if (try->is_allowed)
		count(c, GREYLIST_ALLOWED);
	else if (try->is_exempt)
		count(c, GREYLIST_EXEMPT);
	/* Who was refused has no part in how the message ends. */
	if (kind == VERDICT_TEMPFAIL || kind == VERDICT_REJECT)
		try->came_back = try->is_allowed = try->is_open = false;
}

static bool is_fresh(const struct greylist_conf *c, int64_t at)
{
	int64_t refresh = c->allow_ms / 4000 < REFRESH_S ? c->allow_ms / 4000 : REFRESH_S;

	return at && clock_now() - at < refresh;
}

static void keep(const struct greylist_conf *c, struct arena *a, char kind, struct str name)
{
	store_put(c->store, GREYLIST_TABLE, kind_key(a, kind, name), arena_printf(a, "%" PRId64, clock_now()), c->allow_ms / 1000);
}

/* Once for each origin: recipients of one message mostly have the same one. */
static void allow(const struct greylist_conf *c, struct session *s, struct greylist_try *try)
{
	struct arena *a = filter_arena(s);

	if (try->is_by_dkim && !is_fresh(c, try->signed_at) && s->message->sender.domain.n)
		keep(c, a, 'v', str_lower(a, s->message->sender.domain));
	if (is_fresh(c, try->is_allowed ? try->allowed_at : 0))
		return;
	keep(c, a, 'a', try->origin);
	for (struct greylist_try *t = try->next; t; t = t->next)
		if (t->is_allowed && str_eq(t->origin, try->origin))
			t->allowed_at = t->signed_at = clock_now();
}

/* Nobody waits for it any more, from wherever it was tried. */
static void forget_tries(const struct greylist_conf *c, struct session *s, const struct greylist_try *try)
{
	struct arena *a = filter_arena(s);

	if (try->pending.n)
		store_delete(c->store, GREYLIST_TABLE, try->pending);
	if (try->first_origin.n)
		store_delete(c->store, GREYLIST_TABLE, tuple_key(a, 'p', try->first_origin, s->message, try->recipient));
	if (c->dkim_domains && try->is_by_network)
		store_delete(c->store, GREYLIST_TABLE, tuple_key(a, 's', STR(""), s->message, try->recipient));
}

static void settle_taken(const struct greylist_conf *c, struct session *s, struct greylist_try *try)
{
	if (!try->came_back && !try->is_allowed)
		return;
	allow(c, s, try);
	if (try->came_back || try->is_by_dkim)
		forget_tries(c, s, try);
	if (try->came_back)
		count(c, GREYLIST_CAME_BACK);
	else if (try->is_open) /* the others were counted at RCPT */
		count(c, GREYLIST_ALLOWED);
}

static void settle_message(const struct greylist_conf *c, struct session *s, enum verdict_kind kind)
{
	for (struct greylist_try *try = *filter_state(s); try; try = try->next) {
		if (kind == VERDICT_ACCEPT)
			settle_taken(c, s, try);
		else if (kind == VERDICT_TEMPFAIL && try->is_open && try->is_new)
			count_delayed(c, try);
	}
}

static void greylist_settle(struct session *s, const void *conf, enum stage stage, enum verdict_kind kind)
{
	const struct greylist_conf *c = conf;
	struct greylist_try *try = stage == STAGE_RCPT ? *filter_state(s) : NULL;

	if (try && try->recipient == s->message->current)
		settle_recipient(c, try, kind);
	else if (stage == STAGE_MESSAGE)
		settle_message(c, s, kind);
}

const struct filter greylist_filter = {
    .name = "greylist",
    .help = "asks unknown senders to come again, by SPF domain, DKIM domain or network",
    .directives = greylist_directives,
    .conf_size = sizeof(struct greylist_conf),
    .facts = greylist_facts,
    .findings = greylist_findings,
    .open = greylist_open,
    .run = {[STAGE_RCPT] = greylist_rcpt, [STAGE_MESSAGE] = greylist_message},
    .settle = greylist_settle,
};
