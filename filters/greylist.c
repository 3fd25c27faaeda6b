/*
 * Greylisting (RFC 6647): who comes for the first time is asked to come again; real servers do.
 *
 * The key is the origin with sender and recipient. The origin is the domain that SPF passed for,
 * else the client's network: a provider's pool of addresses is one origin and waits once at most.
 * An origin that came back, and whose message was then accepted, is let through without waiting for
 * allow-for. The filter only says greylist.new; what that means is the policy's.
 */
#include "filters/greylist.h"

#include <inttypes.h>

#include "core/chain.h"
#include "core/filter.h"
#include "core/list.h"
#include "lib/clock.h"
#include "lib/store.h"

enum { REFRESH_S = 86400 }; /* an allowance is written anew once a day at most */

struct greylist_conf {
	int64_t delay_ms, window_ms, allow_ms;
	int64_t bits4, bits6;
	struct str known, opt_out;
	const struct list *known_list, *opt_out_list;
	const struct fact_def *spf, *spf_domain, *wanted;
	struct store *store;
};

/* What is known of a recipient's origin, from RCPT to the end of the message. */
struct greylist_try {
	struct str origin, pending;
	const struct recipient *recipient;
	bool is_new, is_first, came_back, is_allowed, is_exempt;
	int64_t allowed_at;
	struct greylist_try *next;
};

static const struct fact_def greylist_facts[] = {
    {"greylist.new", FACT_BOOL, STAGE_RCPT, NULL, "this sender has not come back yet, or came too early"},
    {"greylist.wait", FACT_DURATION, STAGE_RCPT, NULL, "how long it has to wait still"},
    {"greylist.origin", FACT_TEXT, STAGE_RCPT, NULL, "what is waited for: a domain that SPF passed for, or a network"},
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
    {0},
};
#undef AT

static bool find_list(struct str name, const struct filter_env *env, struct conf_load *load, struct conf_place place,
    const struct list **ret_list)
{
	if (!name.n)
		return true;
	*ret_list = lists_find(env->lists, name);
	if (!*ret_list)
		conf_error(load, place, "there is no list '%.*s'", STR_ARG(name));
	return *ret_list != NULL;
}

static bool greylist_open(void *conf, const struct filter_env *env, struct conf_load *load, struct conf_place place)
{
	struct greylist_conf *c = conf;

	c->store = env->store;
	/* Absent when the filter spf is not configured: then networks are the only origins. */
	c->spf = fact_def_find(chain_facts(env->chain), STR("spf"));
	c->spf_domain = fact_def_find(chain_facts(env->chain), STR("spf.domain"));
	c->wanted = fact_def_find(chain_facts(env->chain), STR("settings.greylist"));
	return find_list(c->known, env, load, place, &c->known_list) &
	       find_list(c->opt_out, env, load, place, &c->opt_out_list);
}

static struct str network_of(const struct greylist_conf *c, const struct ip *client, struct arena *a)
{
	struct cidr net = cidr_of(client, (unsigned)(client->family == 4 ? c->bits4 : c->bits6));
	char text[CIDR_TEXT_MAX];

	return arena_str(a, cidr_format(&net, text));
}

static struct str origin_of(const struct greylist_conf *c, const struct session *s, struct arena *a)
{
	const struct fact *spf = c->spf ? session_fact(s, NULL, c->spf) : NULL;
	const struct fact *domain = c->spf_domain ? session_fact(s, NULL, c->spf_domain) : NULL;

	if (spf && domain && str_is(spf->u.text, "pass") && domain->u.text.n)
		return str_lower(a, domain->u.text);
	return network_of(c, &s->client, a);
}

static bool is_known(const struct greylist_conf *c, const struct session *s)
{
	const struct message *m = s->message;
	struct str rcpt = m->current->address.text;

	return c->known_list && (list_has_ip_for(c->known_list, rcpt, &s->client, NULL) == RES_OK ||
				    (m->sender.text.n && list_has_text_for(c->known_list, rcpt, m->sender.text, NULL) == RES_OK));
}

static bool has_opted_out(const struct greylist_conf *c, const struct session *s)
{
	const struct recipient *r = s->message->current;
	const struct fact *wanted = c->wanted ? session_fact(s, r, c->wanted) : NULL;

	return (wanted && !wanted->u.boolean) ||
	       (c->opt_out_list && list_has_text(c->opt_out_list, r->address.text, NULL) == RES_OK);
}

static void count(const struct greylist_conf *c, const char *what)
{
	store_count(c->store, GREYLIST_COUNTS, str_of(what), 1, 0, NULL);
}

static void note_new(struct session *s, struct greylist_try *try, int64_t wait_ms)
{
	try->is_new = true;
	fact_set_bool(FACTS(s), "greylist.new", true);
	/* People read whole seconds. */
	fact_set_duration(FACTS(s), "greylist.wait", (wait_ms + 999) / 1000 * 1000);
	finding_add(s, "greylist.new", "%.*s is new here", STR_ARG(try->origin));
}

/* A value that is no number counts as long ago. */
static int64_t number_of(struct str value)
{
	uint64_t number;

	return str_u64(value, &number) && number <= INT64_MAX ? (int64_t)number : 0;
}

static struct str allowed_key(struct arena *a, struct str origin)
{
	return arena_printf(a, "a%.*s", STR_ARG(origin));
}

static enum res judge(const struct greylist_conf *c, struct session *s, struct greylist_try *try)
{
	struct arena *a = filter_arena(s);
	int64_t now = clock_now_us() / 1000, passed;
	struct store_entry entry;
	enum res res = store_get(c->store, GREYLIST_TABLE, allowed_key(a, try->origin), a, &entry);

	if (res == RES_OK) {
		try->is_allowed = true;
		try->allowed_at = number_of(entry.value);
	}
	if (res != RES_NONE)
		return res;
	res = store_add(c->store, GREYLIST_TABLE, try->pending, arena_printf(a, "%" PRId64, now), c->window_ms / 1000, a, &entry);
	if (res == RES_OK) {
		try->is_first = true;
		note_new(s, try, c->delay_ms);
	}
	if (res != RES_NONE)
		return res;
	/* A clock that was set back must not make anybody wait longer than the delay. */
	passed = now - number_of(entry.value);
	if (passed < c->delay_ms)
		note_new(s, try, passed < 0 ? c->delay_ms : c->delay_ms - passed);
	else
		try->came_back = true;
	return RES_OK;
}

/* Addresses may be long: their hash stands in the key then. */
static struct str pending_key(struct session *s, struct str origin, struct arena *a)
{
	struct buf key = {0};

	buf_addf(&key, "p%.*s", STR_ARG(origin));
	buf_addc(&key, '\0');
	buf_add(&key, str_lower(a, s->message->sender.text));
	buf_addc(&key, '\0');
	buf_add(&key, str_lower(a, s->message->current->address.text));
	if (key.n > STORE_KEY_MAX) {
		uint64_t hash = str_hash(buf_str(&key));

		key.n = 0;
		buf_addf(&key, "p%.*s#%" PRIx64, STR_ARG(str_sub(origin, 0, 300)), hash);
	}
	return buf_take(&key, a);
}

static struct greylist_try *try_new(struct session *s)
{
	struct greylist_try *try = arena_alloc(filter_arena(s), sizeof *try);

	try->recipient = s->message->current;
	try->next = *filter_state(s);
	*filter_state(s) = try;
	return try;
}

static enum outcome greylist_rcpt(struct session *s, const void *conf)
{
	const struct greylist_conf *c = conf;
	struct greylist_try *try = try_new(s);
	struct arena *a = filter_arena(s);

	fact_set_bool(FACTS(s), "greylist.new", false);
	if (s->client.family == 0 || s->auth_user.n || is_known(c, s) || has_opted_out(c, s)) {
		try->is_exempt = s->client.family != 0;
		return RUN_SKIP;
	}
	try->origin = origin_of(c, s, a);
	try->pending = pending_key(s, try->origin, a);
	fact_set_text(FACTS(s), "greylist.origin", try->origin);
	if (judge(c, s, try) != RES_TEMP)
		return RUN_OK;
	filter_failed(s, "the store cannot be reached");
	return RUN_TEMP;
}

/* ---- settling ---- */

/* Deferred means stopped only when the policy deferred it. */
static void settle_recipient(const struct greylist_conf *c, struct greylist_try *try, enum verdict_kind kind)
{
	if (try->is_new && kind == VERDICT_TEMPFAIL)
		count(c, try->is_first ? GREYLIST_DELAYED : GREYLIST_TOO_EARLY);
	else if (try->is_allowed)
		count(c, GREYLIST_ALLOWED);
	else if (try->is_exempt)
		count(c, GREYLIST_EXEMPT);
	/* Who was refused has no part in how the message ends. */
	if (kind == VERDICT_TEMPFAIL || kind == VERDICT_REJECT)
		try->came_back = try->is_allowed = false;
}

/* Once for each origin: recipients of one message mostly have the same one. */
static void allow(const struct greylist_conf *c, struct session *s, struct greylist_try *try)
{
	struct arena *a = filter_arena(s);
	int64_t refresh = c->allow_ms / 4000 < REFRESH_S ? c->allow_ms / 4000 : REFRESH_S;

	if (try->is_allowed && clock_now() - try->allowed_at < refresh)
		return;
	store_put(c->store, GREYLIST_TABLE, allowed_key(a, try->origin), arena_printf(a, "%" PRId64, clock_now()),
	    c->allow_ms / 1000);
	for (struct greylist_try *t = try->next; t; t = t->next)
		if (t->is_allowed && str_eq(t->origin, try->origin))
			t->allowed_at = clock_now();
}

static void settle_message(const struct greylist_conf *c, struct session *s)
{
	for (struct greylist_try *try = *filter_state(s); try; try = try->next) {
		if (!try->came_back && !try->is_allowed)
			continue;
		allow(c, s, try);
		if (try->came_back) {
			store_delete(c->store, GREYLIST_TABLE, try->pending);
			count(c, GREYLIST_CAME_BACK);
		}
	}
}

static void greylist_settle(struct session *s, const void *conf, enum stage stage, enum verdict_kind kind)
{
	const struct greylist_conf *c = conf;
	struct greylist_try *try = stage == STAGE_RCPT ? *filter_state(s) : NULL;

	if (try && try->recipient == s->message->current)
		settle_recipient(c, try, kind);
	else if (stage == STAGE_MESSAGE && kind == VERDICT_ACCEPT)
		settle_message(c, s);
}

const struct filter greylist_filter = {
    .name = "greylist",
    .help = "asks unknown senders to come again, by SPF domain or network",
    .directives = greylist_directives,
    .conf_size = sizeof(struct greylist_conf),
    .facts = greylist_facts,
    .findings = greylist_findings,
    .open = greylist_open,
    .run = {[STAGE_RCPT] = greylist_rcpt},
    .settle = greylist_settle,
};
