/*
 * iprev: forward-confirmed reverse DNS of the client (RFC 8601 part 3).
 *
 * The client's address is I; its PTR names are the set N; the addresses of all names in N are the
 * list L. The test passes when I is in L. Of N at most `names` are looked at.
 *
 * This filter is the example for others: a table of settings, a table of facts, a table of
 * findings, one function that starts look-ups and one that reads like the text above.
 */
#include "core/filter.h"

struct iprev_conf {
	int64_t names;
};

static const struct directive directives[] = {
    {.name = "names", .type = CONF_INT, .offset = offsetof(struct iprev_conf, names), .def = "10",
	.min = 1, .max = 20, .args = "COUNT",
	.help = "so many names of the client's address are looked at"},
    {0},
};

static const char *const results[] = {"pass", "fail", "permerror", "temperror", NULL};

static const struct fact_def facts[] = {
    {"iprev", FACT_WORD, STAGE_CONNECT, results,
	"forward-confirmed reverse DNS: pass, fail (names lead elsewhere), permerror (no name), temperror"},
    {"iprev.name", FACT_TEXT, STAGE_CONNECT, NULL, "the confirmed name of the client, when iprev is pass"},
    {"iprev.claimed", FACT_TEXT, STAGE_CONNECT, NULL, "first name of the client's address, confirmed or not"},
    {0},
};

static const struct finding_def findings[] = {
    {"iprev.fail", 1.0, "no name of the client's address leads back to it"},
    {"iprev.none", 1.5, "the client's address has no name"},
    {"iprev.temperror", 0, "DNS did not say in time what the client's name is"},
    {0},
};

static struct dns_ticket *ask_names(struct session *s)
{
	char reverse[72];
	const char *zone = s->client.family == 4 ? "in-addr" : "ip6";
	struct str address = ip_reverse(&s->client, reverse);

	return dns_ask(filter_dns(s),
	    arena_printf(filter_arena(s), "%.*s.%s.arpa", STR_ARG(address), zone), DNS_PTR);
}

static void iprev_want(struct session *s, const void *conf)
{
	(void)conf;
	if (s->client.family)
		ask_names(s);
}

static struct dns_ticket *ask_addresses(struct session *s, struct str name)
{
	return dns_ask(filter_dns(s), name, s->client.family == 4 ? DNS_A : DNS_AAAA);
}

static bool has_address(const struct dns_answer *addresses, const struct ip *ip)
{
	for (size_t i = 0; i < addresses->n; i++)
		if (ip_eq(&addresses->records[i].ip, ip))
			return true;
	return false;
}

/* The confirmed name; *ret_is_sure is false when a look-up failed that might have had it. */
static struct str confirm(struct session *s, const struct dns_answer *names, size_t most, bool *ret_is_sure)
{
	size_t n = names->n < most ? names->n : most;

	*ret_is_sure = true;
	for (size_t i = 0; i < n; i++) /* all at once, then one by one */
		ask_addresses(s, names->records[i].name);
	for (size_t i = 0; i < n; i++) {
		const struct dns_answer *addresses = dns_wait(ask_addresses(s, names->records[i].name));

		if (has_address(addresses, &s->client))
			return names->records[i].name;
		if (dns_is_trouble(addresses->status))
			*ret_is_sure = false;
	}
	return STR_NONE;
}

static enum outcome finish(struct session *s, const char *result, const char *finding, const char *why)
{
	fact_set_word(FACTS(s), "iprev", result);
	if (finding)
		finding_add(s, finding, "%s", why);
	return RUN_OK;
}

static enum outcome iprev_run(struct session *s, const void *conf)
{
	const struct iprev_conf *c = conf;
	const struct dns_answer *names;
	struct str name;
	bool is_sure;

	if (!s->client.family)
		return RUN_SKIP;
	names = dns_wait(ask_names(s));
	if (dns_is_trouble(names->status))
		return finish(s, "temperror", "iprev.temperror", dns_answer_problem(names));
	if (names->n == 0)
		return finish(s, "permerror", "iprev.none", "the client's address has no name");
	fact_set_text(FACTS(s), "iprev.claimed", names->records[0].name);
	name = confirm(s, names, (size_t)c->names, &is_sure);
	if (!name.p && !is_sure)
		return finish(s, "temperror", "iprev.temperror", "the client's name could not be looked up");
	if (!name.p)
		return finish(s, "fail", "iprev.fail", "the client's name does not lead back to it");
	fact_set_text(FACTS(s), "iprev.name", name);
	return finish(s, "pass", NULL, NULL);
}

const struct filter iprev_filter = {
    .name = "iprev",
    .help = "forward-confirmed reverse DNS of the client (RFC 8601)",
    .directives = directives,
    .conf_size = sizeof(struct iprev_conf),
    .facts = facts,
    .findings = findings,
    .want = {[STAGE_CONNECT] = iprev_want},
    .run = {[STAGE_CONNECT] = iprev_run},
};
