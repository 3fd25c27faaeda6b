/*
 * greet: how the client introduces itself.
 *
 * Servers wait for the greeting (RFC 5321 part 4.3.1) and give their own, fully qualified name, or
 * an address literal, in EHLO (part 4.1.1.1). What sends spam often does neither: it talks first,
 * names itself after us, gives a bare address, or has a name that leads nowhere.
 */
#include "core/filter.h"
#include "filters/greet.h"

enum syntax { NAME, LITERAL, UNQUALIFIED, UNDERSCORE, BARE_ADDRESS, INVALID };

struct greet_conf {
	struct conf_cidrs trust;
	bool resolve;
	struct str hostname; /* ours */
};

static const struct directive directives[] = {
    {.name = "trust", .type = CONF_CIDRS, .offset = offsetof(struct greet_conf, trust), .repeats = true,
	.args = "NETWORK...", .help = "clients that may introduce themselves as they like"},
    {.name = "resolve", .type = CONF_FLAG, .offset = offsetof(struct greet_conf, resolve), .def = "on",
	.help = "look the HELO name and the client's own name up"},
    {0},
};

static const char *const syntaxes[] = {
    [NAME] = "name",
    [LITERAL] = "literal",
    [UNQUALIFIED] = "unqualified",
    [UNDERSCORE] = "underscore",
    [BARE_ADDRESS] = "bare-address",
    [INVALID] = "invalid",
    NULL,
};
static const char *const answers[] = {"yes", "no", "temperror", NULL};

static const struct fact_def facts[] = {
    {"greet.early", FACT_BOOL, STAGE_CONNECT, NULL, "the client talked before it was greeted"},
    {"greet.helo-syntax", FACT_WORD, STAGE_HELO, syntaxes, "what the HELO argument looks like"},
    {"greet.helo-ours", FACT_BOOL, STAGE_HELO, NULL, "the client introduced itself with our name or address"},
    {"greet.helo-mismatch", FACT_BOOL, STAGE_HELO, NULL, "the HELO address literal is not the client's address"},
    {"greet.helo-resolves", FACT_WORD, STAGE_HELO, answers, "whether the HELO name has an address"},
    {"greet.helo-confirmed", FACT_BOOL, STAGE_HELO, NULL, "the client's address is one of the HELO name's"},
    {"greet.dynamic", FACT_BOOL, STAGE_HELO, NULL,
	"the client's own name looks like that of a customer line, and HELO names no real server"},
    {0},
};

static const struct finding_def findings[] = {
    {"greet.early", 3.0, "the client talked before it was greeted"},
    {"greet.helo-invalid", 2.0, "the HELO argument is neither a name nor an address literal"},
    {"greet.helo-bare-address", 2.0, "the HELO argument is an address without brackets"},
    {"greet.helo-unqualified", 1.0, "the HELO name has no dot"},
    {"greet.helo-underscore", 0.5, "the HELO name has an underscore"},
    {"greet.helo-ours", 4.0, "the client introduced itself with our own name or address"},
    {"greet.helo-mismatch", 2.0, "the HELO address literal is another address than the client's"},
    {"greet.helo-unresolvable", 1.5, "the HELO name has no address"},
    {"greet.dynamic", 1.5, "a customer line that introduces itself with no server's name"},
    {0},
};

static void find(struct session *s, const char *name, struct str what)
{
	size_t row = 0;

	while (strcmp(findings[row].name, name) != 0)
		row++;
	finding_add(s, name, "%s: %.*s", findings[row].help, STR_ARG(what));
}

static bool is_trusted(const struct session *s, const struct greet_conf *c)
{
	if (!s->client.family)
		return true;
	for (size_t i = 0; i < c->trust.n; i++)
		if (cidr_has(&c->trust.v[i], &s->client))
			return true;
	return false;
}

/* ---- connect: who talks first ---- */

static void check_early(struct session *s)
{
	fact_set_bool(FACTS(s), "greet.early", s->talked_early);
	if (s->talked_early)
		find(s, "greet.early", STR("before the greeting"));
}

static enum outcome connect_run(struct session *s, const void *conf)
{
	if (is_trusted(s, conf))
		return RUN_SKIP;
	check_early(s);
	if (s->talked_early)
		*filter_session_state(s) = s; /* found: HELO need not look again */
	return RUN_OK;
}

/* ---- helo: syntax ---- */

static bool parse_literal(struct str helo, struct ip *ret_ip)
{
	if (helo.n < 2 || helo.p[0] != '[' || helo.p[helo.n - 1] != ']')
		return false;
	helo = str_sub(helo, 1, helo.n - 2);
	if (str_istarts(helo, STR("IPv6:")))
		return ip_parse(str_from(helo, 5), ret_ip);
	return ip_parse(helo, ret_ip) && ret_ip->family == 4;
}

/* Letters, digits, hyphens and, tolerated, underscores in labels of 1 to 63 octets; a final dot. */
static bool is_name(struct str helo, bool *ret_has_underscore)
{
	struct str label;

	*ret_has_underscore = false;
	if (helo.n && helo.p[helo.n - 1] == '.')
		helo.n--;
	if (helo.n == 0 || helo.n > 253)
		return false;
	while (str_split(&helo, '.', &label)) {
		if (label.n == 0 || label.n > 63 || label.p[0] == '-' || label.p[label.n - 1] == '-')
			return false;
		for (size_t i = 0; i < label.n; i++) {
			unsigned char c = (unsigned char)label.p[i];
			*ret_has_underscore |= c == '_';
			if (!is_alnum(c) && c != '-' && c != '_' && c < 0x80)
				return false;
		}
	}
	return true;
}

static enum syntax syntax_of(struct str helo, struct ip *ret_ip)
{
	bool has_underscore;

	if (parse_literal(helo, ret_ip))
		return LITERAL;
	if (ip_parse(helo, ret_ip))
		return BARE_ADDRESS;
	ret_ip->family = 0;
	if (!is_name(helo, &has_underscore) || !str_is_utf8(helo))
		return INVALID;
	if (str_chr(helo, '.') < 0)
		return UNQUALIFIED;
	return has_underscore ? UNDERSCORE : NAME;
}

static bool is_ours(const struct session *s, const struct greet_conf *c, const struct ip *literal)
{
	struct str helo = s->helo;

	if (literal->family)
		return ip_eq(literal, &s->local) && !ip_eq(literal, &s->client);
	if (helo.n && helo.p[helo.n - 1] == '.')
		helo.n--;
	return (str_ieq(helo, s->hostname) || str_ieq(helo, c->hostname)) && !ip_eq(&s->local, &s->client);
}

static void check_syntax(struct session *s, const struct greet_conf *c, enum syntax syntax,
    const struct ip *literal)
{
	static const char *const by_syntax[] = {
	    [UNQUALIFIED] = "greet.helo-unqualified",
	    [UNDERSCORE] = "greet.helo-underscore",
	    [BARE_ADDRESS] = "greet.helo-bare-address",
	    [INVALID] = "greet.helo-invalid",
	};
	bool mismatch = syntax == LITERAL && !ip_eq(literal, &s->client), ours = is_ours(s, c, literal);

	fact_set_word(FACTS(s), "greet.helo-syntax", syntaxes[syntax]);
	fact_set_bool(FACTS(s), "greet.helo-ours", ours);
	fact_set_bool(FACTS(s), "greet.helo-mismatch", mismatch);
	if (by_syntax[syntax])
		find(s, by_syntax[syntax], s->helo);
	if (ours)
		find(s, "greet.helo-ours", s->helo);
	else if (mismatch)
		find(s, "greet.helo-mismatch", s->helo);
}

/* ---- helo: plausibility ---- */

static struct dns_ticket *ask_client_name(struct session *s)
{
	char reverse[72];
	struct str address = ip_reverse(&s->client, reverse);

	return dns_ask(filter_dns(s), arena_printf(filter_arena(s), "%.*s.%s.arpa", STR_ARG(address),
				      s->client.family == 4 ? "in-addr" : "ip6"), DNS_PTR);
}

static bool can_resolve(const struct greet_conf *c, enum syntax syntax)
{
	return c->resolve && (syntax == NAME || syntax == UNDERSCORE);
}

static bool holds(const struct dns_answer *answer, const struct ip *ip)
{
	for (size_t i = 0; i < answer->n; i++)
		if (ip_eq(&answer->records[i].ip, ip))
			return true;
	return false;
}

/* Sets what is known of the HELO name; true when it is surely one of the client's. */
static bool check_name(struct session *s)
{
	const struct dns_answer *a = dns_get(filter_dns(s), s->helo, DNS_A);
	const struct dns_answer *aaaa = dns_get(filter_dns(s), s->helo, DNS_AAAA);
	bool has_any = a->n || aaaa->n, is_confirmed = holds(a, &s->client) || holds(aaaa, &s->client);
	bool is_trouble = dns_is_trouble(a->status) || dns_is_trouble(aaaa->status);

	fact_set_word(FACTS(s), "greet.helo-resolves", has_any ? "yes" : is_trouble ? "temperror" : "no");
	fact_set_bool(FACTS(s), "greet.helo-confirmed", is_confirmed);
	if (!has_any && !is_trouble)
		find(s, "greet.helo-unresolvable", s->helo);
	return is_confirmed;
}

/* A customer line has its address, or words like pool and dsl, in its name. */
static void check_dynamic(struct session *s, bool is_confirmed)
{
	const struct dns_answer *names = dns_wait(ask_client_name(s));
	bool is_dynamic = false;

	for (size_t i = 0; i < names->n && !is_dynamic; i++)
		is_dynamic = greet_is_dynamic(names->records[i].name, &s->client);
	is_dynamic = is_dynamic && (!is_confirmed || greet_is_dynamic(s->helo, &s->client));
	fact_set_bool(FACTS(s), "greet.dynamic", is_dynamic);
	if (is_dynamic)
		find(s, "greet.dynamic", names->records[0].name);
}

static void helo_want(struct session *s, const void *conf)
{
	const struct greet_conf *c = conf;
	struct ip literal;

	if (is_trusted(s, c) || !c->resolve)
		return;
	ask_client_name(s);
	if (!can_resolve(c, syntax_of(s->helo, &literal)))
		return;
	dns_ask(filter_dns(s), s->helo, DNS_A);
	dns_ask(filter_dns(s), s->helo, DNS_AAAA);
}

static enum outcome helo_run(struct session *s, const void *conf)
{
	const struct greet_conf *c = conf;
	struct ip literal;
	enum syntax syntax;

	if (is_trusted(s, c))
		return RUN_SKIP;
	if (!*filter_session_state(s))
		check_early(s); /* the front end may have seen it since */
	syntax = syntax_of(s->helo, &literal);
	check_syntax(s, c, syntax, &literal);
	if (c->resolve)
		check_dynamic(s, can_resolve(c, syntax) && check_name(s));
	return RUN_OK;
}

static bool greet_open(void *conf, const struct filter_env *env, struct conf_load *load,
    struct conf_place place)
{
	struct greet_conf *c = conf;

	(void)load;
	(void)place;
	c->hostname = env->hostname;
	return true;
}

const struct filter greet_filter = {
    .name = "greet",
    .help = "early talkers, and what the client says in HELO",
    .directives = directives,
    .conf_size = sizeof(struct greet_conf),
    .facts = facts,
    .findings = findings,
    .open = greet_open,
    .want = {[STAGE_HELO] = helo_want},
    .run = {[STAGE_CONNECT] = connect_run, [STAGE_HELO] = helo_run},
};
