/*
 * Greylisting (RFC 6647): who comes for the first time is asked to come again; real servers do.
 *
 * The key is the origin with sender and recipient. The origin is the domain that SPF passed for,
 * else the client's network: a provider's pool of addresses is one origin and waits once at most.
 * An origin that came back, and whose mail policy then took, is let through without waiting for
 * allow-for. The filter only says greylist.new; what that means is the policy's.
 *
 * Table "greylist" of the store: "p" ORIGIN NUL SENDER NUL RCPT = time of the first try (ms);
 * "a" ORIGIN = time when it was allowed (s). Table "greylist-count": what it did.
 */
#include <inttypes.h>

#include "core/chain.h"
#include "core/filter.h"
#include "core/list.h"
#include "lib/clock.h"
#include "lib/store.h"

static const char table[] = "greylist", counts[] = "greylist-count";

struct greylist_conf {
	int64_t delay_ms, window_ms, allow_ms;
	int64_t bits4, bits6;
	struct str known, opt_out;
	const struct list *known_list, *opt_out_list;
	const struct fact_def *spf, *spf_domain;
	struct store *store;
};

/* Between run and settle of one recipient. */
struct greylist_try {
	struct str origin, pending;
	bool came_back, is_allowed;
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
	.help = "clients and senders that never wait"},
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

static bool is_exempt(const struct greylist_conf *c, const struct session *s)
{
	const struct message *m = s->message;

	if (s->client.family == 0 || s->auth_user.n)
		return true;
	if (c->known_list && (list_has_ip(c->known_list, &s->client, NULL) == RES_OK ||
				 (m->sender.text.n && list_has_text(c->known_list, m->sender.text, NULL) == RES_OK)))
		return true;
	return c->opt_out_list && list_has_text(c->opt_out_list, m->current->address.text, NULL) == RES_OK;
}

static void count(const struct greylist_conf *c, const char *what)
{
	store_count(c->store, counts, str_of(what), 1, 0, NULL);
}

static void note_new(struct session *s, const struct greylist_try *try, int64_t wait_ms)
{
	fact_set_bool(FACTS(s), "greylist.new", true);
	/* People read whole seconds. */
	fact_set_duration(FACTS(s), "greylist.wait", (wait_ms + 999) / 1000 * 1000);
	finding_add(s, "greylist.new", "%.*s is new here", STR_ARG(try->origin));
}

/* The time of the first try; a value that is no number counts as long ago. */
static int64_t first_try(struct str value)
{
	uint64_t ms;

	return str_u64(value, &ms) ? (int64_t)ms : 0;
}

static enum res judge(const struct greylist_conf *c, struct session *s, struct greylist_try *try)
{
	struct arena *a = filter_arena(s);
	int64_t now = clock_now_us() / 1000, passed;
	struct store_entry entry;
	enum res res = store_get(c->store, table, arena_printf(a, "a%.*s", STR_ARG(try->origin)), a, &entry);

	try->is_allowed = res == RES_OK;
	if (res != RES_NONE)
		return res;
	res = store_add(c->store, table, try->pending, arena_printf(a, "%" PRId64, now), c->window_ms / 1000, a, &entry);
	if (res == RES_OK) {
		count(c, "delayed");
		note_new(s, try, c->delay_ms);
		return res;
	}
	if (res != RES_NONE)
		return res;
	passed = now - first_try(entry.value);
	if (passed < c->delay_ms) {
		count(c, "too-early");
		note_new(s, try, c->delay_ms - passed);
		return RES_OK;
	}
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

static enum outcome greylist_rcpt(struct session *s, const void *conf)
{
	const struct greylist_conf *c = conf;
	struct arena *a = filter_arena(s);
	struct greylist_try *try = arena_alloc(a, sizeof *try);

	*filter_state(s) = try;
	fact_set_bool(FACTS(s), "greylist.new", false);
	if (is_exempt(c, s))
		return RUN_SKIP;
	try->origin = origin_of(c, s, a);
	try->pending = pending_key(s, try->origin, a);
	fact_set_text(FACTS(s), "greylist.origin", try->origin);
	if (judge(c, s, try) != RES_TEMP)
		return RUN_OK;
	filter_failed(s, "the store cannot be reached");
	return RUN_TEMP;
}

/* The recipient was taken: the origin needs to wait no more, and its time is counted anew. */
static void greylist_settle(struct session *s, const void *conf, enum stage stage, enum verdict_kind kind)
{
	const struct greylist_conf *c = conf;
	struct greylist_try *try = stage == STAGE_RCPT ? *filter_state(s) : NULL;
	struct arena *a;

	if (!try || (!try->came_back && !try->is_allowed) || kind == VERDICT_REJECT || kind == VERDICT_TEMPFAIL)
		return;
	a = filter_arena(s);
	store_put(c->store, table, arena_printf(a, "a%.*s", STR_ARG(try->origin)),
	    arena_printf(a, "%" PRId64, clock_now()), c->allow_ms / 1000);
	if (try->came_back) {
		store_delete(c->store, table, try->pending);
		count(c, "came-back");
	} else {
		count(c, "allowed");
	}
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
