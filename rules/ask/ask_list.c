/*
 * Block and welcome lists asked about the hosts that a message came by (check_rbl and its family),
 * about domains of its addresses, and whether the sender's domain exists at all.
 */
#include "rules/ask/ask.h"

#include "rules/evals/person.h"

enum { CHECKED_MAX = 9, HOSTS_MAX = 32, LIST_IPS_MAX = RELAYS_MAX + 16 };

static bool has_flag(const struct asker *k, uint32_t rule, unsigned flag)
{
	return k->m->rs->rules[rule].flags & flag;
}

static struct str rule_set(const struct asker *k, uint32_t rule)
{
	return k->m->rs->rules[rule].ask->set;
}

/* ---- lines ---- */

static const char *take_test(struct ruleset *rs, const struct rule *r, size_t arg, struct ask_rule *ask)
{
	if (r->arg_count <= arg || !r->args[arg].n)
		return NULL;
	if (str_starts(r->args[arg], STR("sb:")))
		ask->ignored = "SenderBase is gone";
	return ask->ignored ? NULL : subtest_list(rs->arena, r->args[arg], &ask->test);
}

/* (set, zone, test): all of the family but check_rbl_sub. */
static const char *compile_zone(struct ruleset *rs, struct compiled_rule *c, struct ask_rule *ask)
{
	const struct rule *r = c->rule;

	if (r->arg_count < 2 || !ask_zone(r->args[1]).n)
		return "the arguments must be 'set', 'zone' and maybe a test";
	ask->set = r->args[0];
	ask->zone = ask_zone(r->args[1]);
	ask->types[0] = str_is(r->function, "check_rbl_txt") ? DNS_TXT : DNS_A;
	return take_test(rs, r, 2, ask);
}

static const char *compile_sub(struct ruleset *rs, struct compiled_rule *c, struct ask_rule *ask)
{
	if (c->rule->arg_count < 2)
		return "the arguments must be 'set' and a test";
	ask->set = c->rule->args[0];
	return take_test(rs, c->rule, 1, ask);
}

static const char *compile_nothing(struct ruleset *rs, struct compiled_rule *c, struct ask_rule *ask)
{
	(void)rs;
	(void)c;
	(void)ask;
	return NULL;
}

/* ---- which hosts ---- */

struct addresses {
	struct ip v[LIST_IPS_MAX];
	size_t n;
};

static void add_public(struct addresses *list, const struct ip *ip)
{
	if (!ip->family || ip_is_private(ip) || list->n == LIST_IPS_MAX)
		return;
	for (size_t i = 0; i < list->n; i++)
		if (ip_eq(&list->v[i], ip))
			return;
	list->v[list->n++] = *ip;
}

static bool is_trusted(const struct asker *k, const struct ip *ip)
{
	return networks_has(&k->m->rs->trusted, ip);
}

/* Addresses that fields like X-Originating-IP name. */
static void add_originating(struct asker *k, struct addresses *list)
{
	const struct received_policy *p = &k->m->rs->policy;
	struct ip ip;

	for (size_t i = 0; i < p->originating_count; i++) {
		struct str text = eval_header(&k->call, arena_cstr(k->m->t->arena, p->originating[i]), 0), line;
		while (str_split(&text, '\n', &line))
			if (person_find_ip(line, &ip) && !is_trusted(k, &ip))
				add_public(list, &ip);
	}
}

static void add_relays(const struct relays *r, size_t from, bool only_external, struct addresses *list)
{
	for (size_t i = from; i < r->n; i++)
		if (!only_external || !r->all[i].is_internal || i >= r->trusted)
			add_public(list, &r->all[i].addr);
}

static void drop_first(struct addresses *list)
{
	if (list->n)
		memmove(list->v, list->v + 1, --list->n * sizeof *list->v);
}

static void turn_round(struct addresses *list)
{
	for (size_t i = 0; i < list->n / 2; i++) {
		struct ip first = list->v[i];
		list->v[i] = list->v[list->n - 1 - i];
		list->v[list->n - 1 - i] = first;
	}
}

/* The end of the set's name says which of the hosts are asked about. */
static void choose(struct asker *k, struct str set, struct addresses *list)
{
	const struct relays *r = fields_relays(&k->m->fields);
	bool last_external = str_ends(set, STR("-lastexternal"));

	if (last_external || str_ends(set, STR("-notfirsthop"))) {
		add_relays(r, 0, true, list);
		if (last_external)
			list->n = list->n > 0;
		else if (list->n > 1)
			list->n--;
		return;
	}
	add_relays(r, r->trusted, false, list);
	add_originating(k, list);
	if (str_ends(set, STR("-firsttrusted")))
		list->n = list->n > 0;
	else if (str_ends(set, STR("-untrusted")))
		drop_first(list);
	else
		turn_round(list);
}

/* A message that only came by hosts we trust is not looked up at all. */
static bool has_untrusted(struct asker *k)
{
	const struct relays *r = fields_relays(&k->m->fields);
	struct addresses list = {.n = 0};

	add_relays(r, r->trusted, false, &list);
	if (!list.n)
		add_originating(k, &list);
	return list.n > 0;
}

static void ask_address(struct asker *k, uint32_t rule, const struct ask_rule *ask, const struct ip *ip)
{
	char reverse[72], plain[IP_TEXT_MAX];
	struct arena *a = k->m->t->arena;

	ask_put(k, rule, arena_printf(a, "%.*s.%.*s", STR_ARG(ip_reverse(ip, reverse)), STR_ARG(ask->zone)), ask->types[0],
	    ask_listed(k, ip_format(ip, plain), ask->zone), ask_judge);
}

static void start_rbl(struct asker *k, uint32_t rule, const struct ask_rule *ask)
{
	struct addresses list = {.n = 0};

	if (!has_untrusted(k))
		return;
	choose(k, rule_set(k, rule), &list);
	if (list.n > CHECKED_MAX)
		list.n = CHECKED_MAX;
	/* Only lists of good hosts are asked about those that we trust. */
	while (list.n && !has_flag(k, rule, RULE_NICE) && is_trusted(k, &list.v[0]))
		drop_first(&list);
	for (size_t i = 0; i < list.n; i++)
		ask_address(k, rule, ask, &list.v[i]);
}

/* ---- names ---- */

/* A host that is named: by its address or by its name, as the flags of the rule allow. */
static void ask_host(struct asker *k, uint32_t rule, const struct ask_rule *ask, struct str host)
{
	struct arena *a = k->m->t->arena;
	struct ip ip;

	if (host.n > 2 && host.p[0] == '[' && host.p[host.n - 1] == ']')
		host = str_sub(host, 1, host.n - 2);
	host = ask_zone(host);
	if (ip_parse(host, &ip)) {
		if (!has_flag(k, rule, RULE_DOMAINS_ONLY))
			ask_address(k, rule, ask, &ip);
	} else if (!has_flag(k, rule, RULE_IPS_ONLY) && ask_is_name(host, false) && host_is_public(host)) {
		ask_put(k, rule, arena_printf(a, "%.*s.%.*s", STR_ARG(host), STR_ARG(ask->zone)), ask->types[0],
		    ask_listed(k, host, ask->zone), ask_judge);
	}
}

/* Hosts of addresses, each once; registered: only their domains. */
static void ask_addresses(struct asker *k, uint32_t rule, const struct ask_rule *ask, const struct str *v, size_t n,
    bool registered)
{
	for (size_t i = 0; i < n && i < HOSTS_MAX; i++) {
		ptrdiff_t at = str_rchr(v[i], '@');
		struct str host = str_lower(k->m->t->arena, str_from(v[i], (size_t)(at + 1)));
		while (host.n && host.p[0] == '.')
			host = str_from(host, 1);
		if (at > 0)
			ask_host(k, rule, ask, registered ? domain_registered(host) : host);
	}
}

static void start_from_host(struct asker *k, uint32_t rule, const struct ask_rule *ask)
{
	struct str v[EVAL_ADDRESSES_MAX];

	ask_addresses(k, rule, ask, v, eval_from_addresses(&k->call, v, EVAL_ADDRESSES_MAX), false);
}

static void start_from_domain(struct asker *k, uint32_t rule, const struct ask_rule *ask)
{
	struct str v[EVAL_ADDRESSES_MAX];

	ask_addresses(k, rule, ask, v, eval_from_addresses(&k->call, v, EVAL_ADDRESSES_MAX), true);
}

static void start_envfrom(struct asker *k, uint32_t rule, const struct ask_rule *ask)
{
	struct str v[1];

	ask_addresses(k, rule, ask, v, eval_addresses(&k->call, "EnvelopeFrom", v, 1), false);
}

/* The fields of rbl_headers, or of the fourth argument: an address in them, or lines that are hosts. */
static void start_fields(struct asker *k, uint32_t rule, const struct ask_rule *ask)
{
	struct str names = k->call.n > 3 ? k->call.args[3] : k->m->rs->ask_policy->fields, name;

	while (str_split(&names, ',', &name)) {
		const char *field = arena_cstr(k->m->t->arena, str_trim(name));
		struct str v[1], text, line;
		if (eval_addresses(&k->call, field, v, 1) && str_chr(v[0], '@') >= 0) {
			ask_addresses(k, rule, ask, v, 1, false);
			continue;
		}
		text = eval_header(&k->call, field, 0);
		while (str_split(&text, '\n', &line))
			ask_host(k, rule, ask, str_trim(line));
	}
}

/* What the oldest hop that we do not trust says of itself. */
static void start_received(struct asker *k, uint32_t rule, const struct ask_rule *ask)
{
	const struct relays *r = fields_relays(&k->m->fields);
	const struct relay *last = r->n > r->trusted ? &r->all[r->n - 1] : NULL;

	if (!last)
		return;
	ask_host(k, rule, ask, last->ip);
	ask_host(k, rule, ask, last->by);
	ask_host(k, rule, ask, last->helo);
	ask_host(k, rule, ask, last->rdns);
}

/* ---- the sender's domain ---- */

static struct str sender_domain(struct asker *k)
{
	struct str v[1];
	ptrdiff_t at;

	if (!eval_addresses(&k->call, "EnvelopeFrom", v, 1))
		return STR("");
	at = str_rchr(v[0], '@');
	return at < 0 || str_chr(str_from(v[0], (size_t)at), '.') < 0 ? STR("") : ask_zone(str_from(v[0], (size_t)at + 1));
}

static void name_server_found(struct asker *k, const struct question *q, const struct dns_answer *answer)
{
	for (size_t i = 0; answer->status == DNS_OK && i < answer->n; i++)
		ask_host(k, q->rule, k->m->rs->rules[q->rule].ask, answer->records[i].name);
}

static void start_name_servers(struct asker *k, uint32_t rule, const struct ask_rule *ask)
{
	struct str domain = sender_domain(k);

	(void)ask;
	if (domain.n)
		ask_put(k, rule, domain, DNS_NS, domain, name_server_found);
}

static void sender_answered(struct asker *k, const struct question *q, const struct dns_answer *answer)
{
	k->no_domain += answer->status == DNS_NXDOMAIN;
	if (k->no_domain == 2 && !matcher_is_settled(k->m, q->rule))
		matcher_hit(k->m, q->rule, 1, q->shown);
}

static void start_sender(struct asker *k, uint32_t rule, const struct ask_rule *ask)
{
	struct str domain = sender_domain(k);

	(void)ask;
	if (!domain.n)
		return;
	ask_put(k, rule, domain, DNS_MX, domain, sender_answered);
	ask_put(k, rule, domain, DNS_A, domain, sender_answered);
}

const struct ask_kind ask_list_kinds[] = {
    {"check_rbl", true, false, compile_zone, start_rbl, NULL},
    {"check_rbl_txt", true, false, compile_zone, start_rbl, NULL},
    {"check_rbl_sub", true, false, compile_sub, NULL, NULL},
    {"check_rbl_envfrom", true, false, compile_zone, start_envfrom, NULL},
    {"check_rbl_from_host", true, false, compile_zone, start_from_host, NULL},
    {"check_rbl_from_domain", true, false, compile_zone, start_from_domain, NULL},
    {"check_rbl_headers", true, false, compile_zone, start_fields, NULL},
    {"check_rbl_rcvd", true, false, compile_zone, start_received, NULL},
    {"check_rbl_ns_from", true, false, compile_zone, start_name_servers,
	"asks about the name servers; 4.0.1 about the first of a zone"},
    {"check_dns_sender", true, false, compile_nothing, start_sender,
	"hits when the sender's domain does not exist; 4.0.1 finds that only behind an alias"},
    {0},
};
