/*
 * Domain lists asked about the links of a message: uridnsbl, uridnssub, urirhsbl, urirhssub and their
 * name server kinds. Such a line names a rule; the rule itself is "body NAME eval:check_uridnsbl".
 */
#include "rules/ask/ask.h"

struct uri_word {
	const char *keyword;
	bool is_about_address; /* of the name servers or of the host, else names */
	bool is_about_servers, is_full_name, has_test;
};

static const struct uri_word words[] = {
    {"uridnsbl", true, true, false, false},
    {"uridnssub", true, true, false, true},
    {"urirhsbl", false, false, false, false},
    {"urirhssub", false, false, false, true},
    {"urinsrhsbl", false, true, false, false},
    {"urinsrhssub", false, true, false, true},
    {"urifullnsrhsbl", false, true, true, false},
    {"urifullnsrhssub", false, true, true, true},
};

static const struct uri_word *word_of(struct str keyword)
{
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (str_is(keyword, words[i].keyword))
			return &words[i];
	return NULL;
}

/* ---- which hosts ---- */

/* In this order hosts are taken while there is room: what a reader is led to first. */
enum rank { RANK_LINK, RANK_FORM, RANK_IMAGE, RANK_OTHER, RANK_TEXT, RANK_EMPTY_LINK, RANKS };

static enum rank rank_of(const struct url *u)
{
	if (!u->tag)
		return RANK_TEXT;
	if (strcmp(u->tag, "a") == 0)
		return u->anchor.n ? RANK_LINK : RANK_EMPTY_LINK;
	return strcmp(u->tag, "form") == 0 ? RANK_FORM : strcmp(u->tag, "img") == 0 ? RANK_IMAGE : RANK_OTHER;
}

static bool is_known(const struct asker *k, struct str host)
{
	for (size_t i = 0; i < k->host_count; i++)
		if (str_eq(k->hosts[i], host))
			return true;
	return false;
}

static void add_host(struct asker *k, const struct url *u)
{
	const struct ask_policy *p = k->m->rs->ask_policy;

	if (!u->host.n || (p->no_mailto && str_is(u->scheme, "mailto")) || is_known(k, u->host))
		return;
	if (ask_skips_domain(k, u->domain) || ask_skips_domain(k, u->host))
		return;
	k->hosts[k->host_count] = u->host;
	k->domains[k->host_count++] = registry_domain(k->m->rs->registry, u->host);
}

/* Domains of signatures rank between what is seen and what is only text. */
static void add_signers(struct asker *k, size_t most)
{
	struct str signers[SIGNERS_MAX];
	size_t n = signer_domains(k->m, signers);

	for (size_t i = 0; i < n && k->host_count < most; i++) {
		struct url u = {.host = signers[i], .domain = registry_domain(k->m->rs->registry, signers[i])};
		add_host(k, &u);
	}
}

void ask_find_hosts(struct asker *k)
{
	const struct content *content = k->m->t->content;
	size_t most = k->m->rs->ask_policy->domains_max;

	if (k->has_hosts || !content)
		return;
	k->has_hosts = true;
	k->hosts = arena_array(k->m->t->arena, most + 1, sizeof *k->hosts);
	k->domains = arena_array(k->m->t->arena, most + 1, sizeof *k->domains);
	for (int rank = 0; rank < RANKS; rank++) {
		if (rank == RANK_TEXT)
			add_signers(k, most);
		for (size_t i = 0; i < content->urls.n && k->host_count < most; i++)
			if (rank_of(&content->urls.v[i]) == (enum rank)rank)
				add_host(k, &content->urls.v[i]);
	}
}

/* ---- what is asked ---- */

static void ask_about(struct asker *k, uint32_t rule, struct str what, struct str shown)
{
	const struct ask_rule *ask = k->m->rs->rules[rule].ask;
	char reverse[72];
	struct ip ip;

	/* Addresses of the old kind are asked about in reverse; others make no name. */
	if (ip_parse(what, &ip)) {
		if (ip.family != 4 || ip_is_private(&ip))
			return;
		what = ip_reverse(&ip, reverse);
	}
	ask_put(k, rule, arena_printf(k->m->t->arena, "%.*s.%.*s", STR_ARG(what), STR_ARG(ask->zone)), ask->types[0],
	    ask_listed(k, shown, ask->zone), ask_judge);
}

static void address_found(struct asker *k, const struct question *q, const struct dns_answer *answer)
{
	char text[IP_TEXT_MAX];

	for (size_t i = 0; answer->status == DNS_OK && i < answer->n; i++)
		ask_about(k, q->rule, ip_format(&answer->records[i].ip, text),
		    arena_printf(k->m->t->arena, "%.*s/%.*s", STR_ARG(q->shown), STR_ARG(ip_format(&answer->records[i].ip, text))));
}

static void servers_found(struct asker *k, const struct question *q, const struct dns_answer *answer)
{
	const struct uri_word *word = k->m->rs->rules[q->rule].ask->uri;

	for (size_t i = 0; answer->status == DNS_OK && i < answer->n; i++) {
		struct str server = answer->records[i].name;
		if (word->is_about_address)
			ask_put(k, q->rule, server, DNS_A, q->shown, address_found);
		else
			ask_about(k, q->rule, word->is_full_name ? server : domain_registered(server), server);
	}
}

static void ask_host(struct asker *k, uint32_t rule, struct str host, struct str domain)
{
	const struct compiled_rule *c = &k->m->rs->rules[rule];
	const struct uri_word *word = c->ask->uri;
	bool is_address = host.p[0] == '[' || host_is_address(host);

	if (!word->is_about_address && !word->is_about_servers) {
		if (!(c->flags & (is_address ? RULE_DOMAINS_ONLY : RULE_IPS_ONLY)) && host.p[0] != '[')
			ask_about(k, rule, c->flags & RULE_NOTRIM || is_address ? host : domain, host);
		return;
	}
	if (is_address)
		return;
	if (word->is_about_address && c->flags & RULE_ABOUT_HOST)
		ask_put(k, rule, host, DNS_A, host, address_found);
	if (!word->is_about_address || c->flags & RULE_ABOUT_SERVERS || !(c->flags & RULE_ABOUT_HOST))
		ask_put(k, rule, domain, DNS_NS, domain, servers_found);
}

static void start_uris(struct asker *k, uint32_t rule, const struct ask_rule *ask)
{
	(void)ask;
	ask_find_hosts(k);
	for (size_t i = 0; i < k->host_count; i++)
		ask_host(k, rule, k->hosts[i], k->domains[i]);
}

/* ---- lines ---- */

/* The last line that names the rule holds. */
static const struct rule_setting *line_of(const struct ruleset *rs, const struct rule *r, struct str *ret_rest)
{
	const struct rule_setting *found = NULL;

	for (const struct rule_setting *s = rs->conf->settings; s; s = s->next) {
		struct str rest = s->value, name;
		if (!str_starts(s->keyword, STR("uri")) || !word_of(s->keyword) || !str_word(&rest, &name) || !str_eq(name, r->name))
			continue;
		found = s;
		*ret_rest = rest;
	}
	return found;
}

static const char *compile_uri(struct ruleset *rs, struct compiled_rule *c, struct ask_rule *ask)
{
	struct str rest, zone, type;
	const struct rule_setting *s = line_of(rs, c->rule, &rest);

	if (!s) {
		ask->ignored = "no uridnsbl or urirhsbl line names it";
		return NULL;
	}
	ask->uri = word_of(s->keyword);
	if (!str_word(&rest, &zone) || !str_word(&rest, &type))
		return "its line must be: RULE ZONE TYPE, and a test for the ...sub kinds";
	ask->zone = ask_zone(zone);
	if (!ask_type(type, &ask->types[0]) || (ask->types[0] != DNS_A && ask->types[0] != DNS_TXT))
		return "the type in its line must be A or TXT";
	rest = str_trim(rest);
	if (!ask->uri->has_test || !rest.n)
		return rest.n || ask->uri->has_test ? "its line has too much or no test" : NULL;
	return subtest_number(rs->arena, rest, &ask->test);
}

const struct ask_kind ask_uri_kinds[] = {
    {"check_uridnsbl", false, true, compile_uri, start_uris, NULL},
    {0},
};
