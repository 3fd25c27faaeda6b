/*
 * recipients: does the recipient exist? Mail for those who do not is best refused in the session:
 * accepted, it would have to be bounced to somebody who often never sent it.
 *
 * Asked in this order: maps and lists of this filter; then what the relay block of the domain says:
 * any, a list, or verify, which means the cache and then the internal server. An answer of the
 * server is kept in the store; a yes outlives its time while the server is not there. A client that
 * asks for too many who do not exist gets no more answers for a while.
 */
#include "filters/recipients.h"
#include "filters/recipients_callahead.h"
#include "lib/clock.h"

enum { HARVEST_KEY_MAX = 64, MX_MAX = 4 };

static const struct directive directives[] = {
    {.name = "map", .type = CONF_CUSTOM, .set = recipients_set_map, .repeats = true, .args = "\"FILE\"",
	.help = "addresses and @domains that exist, one a line; others in these domains do not"},
    {.name = "list", .type = CONF_STRINGS, .offset = offsetof(struct recipients_conf, list_names), .repeats = true,
	.args = "NAME...", .help = "lists (see list) of addresses that exist, state lists too"},
    {.name = "subaddress", .type = CONF_STRING, .offset = offsetof(struct recipients_conf, subaddress), .def = "+",
	.args = "CHARACTERS", .help = "user+tag exists in maps and lists when user does; \"\" for none"},
    {.name = "positive", .type = CONF_DURATION, .offset = offsetof(struct recipients_conf, positive_ms),
	.def = "12h", .min = 1000, .max = 31536000000, .args = "DURATION",
	.help = "how long a yes of the internal server is believed"},
    {.name = "negative", .type = CONF_DURATION, .offset = offsetof(struct recipients_conf, negative_ms),
	.def = "30m", .min = 1000, .max = 31536000000, .args = "DURATION", .help = "how long a no is believed"},
    {.name = "stale", .type = CONF_DURATION, .offset = offsetof(struct recipients_conf, stale_ms), .def = "7d",
	.min = 0, .max = 31536000000, .args = "DURATION",
	.help = "how much longer a yes counts while the internal server cannot be asked"},
    {.name = "harvest", .type = CONF_INT, .offset = offsetof(struct recipients_conf, harvest_limit), .def = "20",
	.min = 1, .max = 1000000, .args = "COUNT",
	.help = "so many unknown recipients a client may ask for in harvest-window"},
    {.name = "harvest-window", .type = CONF_DURATION, .offset = offsetof(struct recipients_conf, harvest_ms),
	.def = "1h", .min = 1000, .max = 31536000000, .args = "DURATION", .help = "see harvest"},
    {.name = "timeout", .type = CONF_DURATION, .offset = offsetof(struct recipients_conf, timeout_ms), .def = "10s",
	.min = 100, .max = 300000, .args = "DURATION", .help = "for one question to the internal servers of a domain"},
    {.name = "probes", .type = CONF_INT, .offset = offsetof(struct recipients_conf, probes_max), .def = "8",
	.min = 1, .max = 1000, .args = "COUNT", .help = "questions to internal servers at the same time"},
    {0},
};

static const char *const sources[] = {"any", "map", "list", "cache", "server", NULL};

static const struct fact_def facts[] = {
    {"rcpt.unknown", FACT_BOOL, STAGE_RCPT, NULL, "the recipient does not exist"},
    {"recipients.source", FACT_WORD, STAGE_RCPT, sources,
	"who says so: any (everybody in the domain is taken), a map, a list, the cache, the internal server"},
    {"recipients.reply", FACT_TEXT, STAGE_RCPT, NULL, "what the internal server said, now or when it was asked last"},
    {"recipients.stale", FACT_BOOL, STAGE_RCPT, NULL, "an old answer counts, as the internal server could not be asked"},
    {"recipients.misses", FACT_INT, STAGE_RCPT, NULL, "unknown recipients of this client in harvest-window, this one included"},
    {"recipients.harvest", FACT_BOOL, STAGE_RCPT, NULL, "the client asked for more unknown recipients than harvest allows"},
    {0},
};

static const struct finding_def findings[] = {
    {"recipients.unknown", 0, "the recipient does not exist"},
    {"recipients.harvest", 3.0, "the client seems to try addresses out"},
    {0},
};

/* ---- settings ---- */

static bool needs_callahead(const struct routes *routes)
{
	for (size_t i = 0; i < routes_count(routes); i++)
		if (routes_at(routes, i)->recipients == ROUTE_VERIFY)
			return true;
	return false;
}

static bool recipients_open(void *conf, const struct filter_env *env, struct conf_load *load, struct conf_place place)
{
	struct recipients_conf *c = conf;
	bool ok = true;

	(void)place;
	c->routes = env->routes;
	c->all_lists = env->lists;
	c->store = env->store;
	c->lists = arena_array(env->arena, c->list_names.n + 1, sizeof *c->lists);
	for (size_t i = 0; i < c->list_names.n; i++)
		ok &= lists_need(env->lists, c->list_names.v[i].text, load, c->list_names.v[i].place, &c->lists[i]);
	if (ok && !env->only_check && needs_callahead(c->routes))
		c->callahead = callahead_new(env->hostname, (unsigned)c->probes_max);
	return ok;
}

static void recipients_close(void *conf)
{
	struct recipients_conf *c = conf;

	callahead_free(c->callahead);
}

/* ---- maps and lists ---- */

/* user@domain for user+tag@domain, "" when there is no tag. */
static struct str without_tag(struct arena *a, const struct recipients_conf *c, const struct address *address)
{
	for (size_t i = 1; i < address->local.n; i++)
		if (str_chr(c->subaddress, address->local.p[i]) >= 0 && address->local.p[0] != '"')
			return arena_printf(a, "%.*s@%.*s", (int)i, address->local.p, STR_ARG(address->domain));
	return STR("");
}

static enum res is_listed(const struct list *list, struct str full, struct str base)
{
	enum res res = list_has_text(list, full, NULL);

	return res == RES_NONE && base.n ? list_has_text(list, base, NULL) : res;
}

/* RES_OK: it is in one of them. RES_TEMP only when no other one has it. */
static enum res is_in_lists(const struct recipients_conf *c, struct str full, struct str base)
{
	enum res worst = RES_NONE;

	for (size_t i = 0; i < c->list_names.n; i++) {
		enum res res = is_listed(c->lists[i], full, base);
		if (res == RES_OK)
			return RES_OK;
		if (res == RES_TEMP)
			worst = RES_TEMP;
	}
	return worst;
}

static bool is_in_map(const struct recipients_conf *c, struct str full, struct str base)
{
	return recipient_map_has(&c->map, full) || (base.n && recipient_map_has(&c->map, base));
}

/* ---- harvesting ---- */

/* IPv6 clients own a /64 at least. */
static struct str client_key(const struct session *s, char out[HARVEST_KEY_MAX])
{
	struct ip ip = s->client;

	if (ip.family == 6)
		memset(ip.b + 8, 0, 8);
	return ip_format(&ip, out);
}

static void count_miss(struct session *s, const struct recipients_conf *c)
{
	char key[HARVEST_KEY_MAX];
	int64_t misses;

	if (!s->client.family || !c->store || s->face == FACE_SCAN)
		return;
	if (store_count(c->store, "harvest", client_key(s, key), 1, c->harvest_ms / 1000, &misses) != RES_OK)
		return;
	fact_set_int(FACTS(s), "recipients.misses", misses);
	fact_set_bool(FACTS(s), "recipients.harvest", misses > c->harvest_limit);
	if (misses > c->harvest_limit)
		finding_add(s, "recipients.harvest", "%lld unknown recipients", (long long)misses);
}

static bool is_harvester(struct session *s, const struct recipients_conf *c)
{
	char key[HARVEST_KEY_MAX];
	struct store_entry e;
	uint64_t misses;

	if (!s->client.family || !c->store)
		return false;
	if (store_get(c->store, "harvest", client_key(s, key), filter_arena(s), &e) != RES_OK)
		return false;
	if (!str_u64(e.value, &misses) || misses <= (uint64_t)c->harvest_limit)
		return false;
	fact_set_int(FACTS(s), "recipients.misses", (int64_t)misses);
	fact_set_bool(FACTS(s), "recipients.harvest", true);
	return true;
}

/* ---- the cache: "y 1700000000 250 2.1.5 ok": yes or no, fresh until, reply ---- */

struct cached {
	bool is_there, is_known, is_fresh;
	struct str reply;
};

static struct cached cache_get(struct session *s, const struct recipients_conf *c, struct str key)
{
	struct cached cached = {0};
	struct str rest, word, until;
	struct store_entry e;
	uint64_t fresh_until;

	if (!c->store || store_get(c->store, "recipients", key, filter_arena(s), &e) != RES_OK)
		return cached;
	rest = e.value;
	if (!str_word(&rest, &word) || !str_word(&rest, &until) || !str_u64(until, &fresh_until))
		return cached;
	cached.is_there = true;
	cached.is_known = str_is(word, "y");
	cached.is_fresh = clock_now() < (int64_t)fresh_until;
	cached.reply = str_trim(rest);
	return cached;
}

static void cache_put(struct session *s, const struct recipients_conf *c, struct str key, bool is_known, struct str reply)
{
	int64_t fresh_s = (is_known ? c->positive_ms : c->negative_ms) / 1000;
	int64_t keep_s = fresh_s + (is_known ? c->stale_ms / 1000 : 0);
	struct str value = arena_printf(filter_arena(s), "%c %lld %.*s", is_known ? 'y' : 'n',
	    (long long)(clock_now() + fresh_s), STR_ARG(reply));

	if (c->store)
		store_put(c->store, "recipients", key, value, keep_s);
}

/* ---- the internal server ---- */

struct server_list {
	struct callahead_server v[CALLAHEAD_SERVERS_MAX];
	size_t n;
};

static void add_server(struct server_list *list, const struct ip *ip, const struct hop *hop, struct str name)
{
	if (list->n < CALLAHEAD_SERVERS_MAX)
		list->v[list->n++] = (struct callahead_server){*ip, hop->port, name};
}

static void add_host(struct session *s, struct server_list *list, const struct hop *hop, struct str host)
{
	const struct dns_answer *a = dns_get(filter_dns(s), host, DNS_A);
	const struct dns_answer *aaaa = dns_get(filter_dns(s), host, DNS_AAAA);

	for (size_t i = 0; i < a->n; i++)
		add_server(list, &a->records[i].ip, hop, host);
	for (size_t i = 0; i < aaaa->n; i++)
		add_server(list, &aaaa->records[i].ip, hop, host);
}

/* Hosts in order of preference; equal ones in the order of the answer. */
static void add_mx(struct session *s, struct server_list *list, const struct hop *hop, struct str domain)
{
	const struct dns_answer *mx = dns_get(filter_dns(s), domain, DNS_MX);
	int64_t last = -1;

	if (mx->n == 0)
		add_host(s, list, hop, domain);
	for (int taken = 0; taken < MX_MAX;) {
		int64_t next = INT64_MAX;

		for (size_t i = 0; i < mx->n; i++)
			if (mx->records[i].preference > last && mx->records[i].preference < next)
				next = mx->records[i].preference;
		if (next == INT64_MAX)
			return;
		for (size_t i = 0; i < mx->n && taken < MX_MAX; i++)
			if (mx->records[i].preference == next && mx->records[i].name.n) {
				add_host(s, list, hop, mx->records[i].name);
				taken++;
			}
		last = next;
	}
}

static void find_servers(struct session *s, const struct route *route, struct str domain, struct server_list *list)
{
	list->n = 0;
	for (size_t i = 0; i < route->hop_count; i++) {
		const struct hop *hop = &route->hops[i];

		if (hop->ip.family)
			add_server(list, &hop->ip, hop, hop->host);
		else if (hop->is_mx)
			add_mx(s, list, hop, hop->host.n ? hop->host : domain);
		else
			add_host(s, list, hop, hop->host);
	}
}

static enum res ask_server(struct session *s, const struct recipients_conf *c, const struct route *route,
    const struct address *address, struct str *ret_reply)
{
	struct callahead_question q = {.route = route, .is_utf8 = address->is_utf8};
	struct server_list servers;

	find_servers(s, route, address->domain, &servers);
	q.servers = servers.v;
	q.n = servers.n;
	q.address = arena_printf(filter_arena(s), "%.*s@%.*s", STR_ARG(address->local), STR_ARG(address->domain));
	q.deadline_us = clock_mono_us() + c->timeout_ms * 1000;
	return callahead_ask(c->callahead, &q, filter_arena(s), ret_reply);
}

/* ---- the decision ---- */

static enum outcome decide(struct session *s, const struct recipients_conf *c, bool is_known, const char *source)
{
	fact_set_bool(FACTS(s), "rcpt.unknown", !is_known);
	fact_set_word(FACTS(s), "recipients.source", source);
	if (is_known)
		return RUN_OK;
	finding_add(s, "recipients.unknown", "%.*s", STR_ARG(s->message->current->address.text));
	count_miss(s, c);
	return RUN_OK;
}

static enum outcome decide_cached(struct session *s, const struct recipients_conf *c, const struct cached *cached)
{
	fact_set_text(FACTS(s), "recipients.reply", cached->reply);
	return decide(s, c, cached->is_known, "cache");
}

static enum outcome verify(struct session *s, const struct recipients_conf *c, const struct route *route,
    const struct address *address)
{
	struct str key = str_lower(filter_arena(s), address->text), reply = STR("");
	struct cached cached = cache_get(s, c, key);
	enum res res;

	if (cached.is_there && cached.is_fresh)
		return decide_cached(s, c, &cached);
	if (s->face == FACE_SCAN || !c->callahead)
		return RUN_SKIP;
	if (is_harvester(s, c)) {
		filter_failed(s, "too many unknown recipients from this client");
		return RUN_TEMP;
	}
	res = ask_server(s, c, route, address, &reply);
	if (res == RES_TEMP && cached.is_there && cached.is_known) {
		fact_set_bool(FACTS(s), "recipients.stale", true);
		return decide_cached(s, c, &cached);
	}
	fact_set_text(FACTS(s), "recipients.reply", reply);
	if (res == RES_TEMP) {
		filter_failed(s, "the internal server could not be asked: %.*s", STR_ARG(reply));
		return RUN_TEMP;
	}
	cache_put(s, c, key, res == RES_OK, reply);
	return decide(s, c, res == RES_OK, "server");
}

static enum outcome by_list(struct session *s, const struct recipients_conf *c, const struct route *route,
    const struct address *address, struct str base)
{
	const struct list *list = lists_find(c->all_lists, route->recipients_list);
	enum res res = list ? is_listed(list, address->text, base) : RES_NONE;

	if (res == RES_TEMP) {
		filter_failed(s, "the list of recipients could not be read");
		return RUN_TEMP;
	}
	return decide(s, c, res == RES_OK, "list");
}

static enum outcome recipients_run(struct session *s, const void *conf)
{
	const struct recipients_conf *c = conf;
	const struct address *address = &s->message->current->address;
	const struct route *route = routes_find(c->routes, address->domain);
	struct str base;
	enum res listed;

	if (address->domain.n == 0) /* bare postmaster: RFC 5321 part 4.5.1 */
		return RUN_SKIP;
	base = without_tag(filter_arena(s), c, address);
	if (is_in_map(c, address->text, base))
		return decide(s, c, true, "map");
	listed = is_in_lists(c, address->text, base);
	if (listed == RES_OK)
		return decide(s, c, true, "list");
	if (listed == RES_TEMP) {
		filter_failed(s, "a list of recipients could not be read");
		return RUN_TEMP;
	}
	if (route && route->recipients == ROUTE_VERIFY)
		return verify(s, c, route, address);
	if (route && route->recipients == ROUTE_LIST)
		return by_list(s, c, route, address, base);
	if (recipient_map_covers(&c->map, address->domain))
		return decide(s, c, false, "map");
	return decide(s, c, true, "any");
}

const struct filter recipients_filter = {
    .name = "recipients",
    .help = "whether the recipient exists: maps, lists, or a question to the internal server",
    .directives = directives,
    .conf_size = sizeof(struct recipients_conf),
    .facts = facts,
    .findings = findings,
    .open = recipients_open,
    .close = recipients_close,
    .run = {[STAGE_RCPT] = recipients_run},
};
