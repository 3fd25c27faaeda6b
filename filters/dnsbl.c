/*
 * dnsbl: block lists and allow lists in DNS (RFC 5782), each with a weight by return code.
 *
 *     filter dnsbl {
 *         zone zen.example.org { weight 4; code 127.0.0.2; code 127.0.0.4..127.0.0.11 weight 6; }
 *         zone bits.example.net { code bits 8 weight 3; }
 *         zone allow.example.com { weight -5; }
 *     }
 *
 * Only answers that a `code` names count; refusals (127.255.255.x) and answers outside 127/8 never
 * do. Lists die: each zone is tested with the test points of RFC 5782 part 5, and switched off while
 * it lists everybody, lists not even its test entry, or refuses us (dnsbl_test.c).
 */
#include "filters/dnsbl.h"

enum { TEXT_MAX = 255 };

static void set_zone(struct conf_load *load, const struct conf_node *node, void *target);

static const char *const families[] = {"ipv4", "ipv6", "both", NULL};
static const char *const unanswered[] = {"ignore", "all", "any", NULL};

static const struct directive zone_directives[] = {
    {.name = "weight", .type = CONF_NUMBER, .offset = offsetof(struct dnsbl_zone, list.weight), .def = "1",
	.min = -1000, .max = 1000, .args = "NUMBER",
	.help = "weight of codes that have none of their own; below 0 for allow lists"},
    {.name = "code", .type = CONF_CUSTOM, .set = dnszone_set_code, .repeats = true,
	.args = DNSZONE_CODE_ARGS,
	.help = "answers that count (default 127.0.0.2..127.0.0.254); bits: the last octet has one of them"},
    {.name = "family", .type = CONF_CHOICE, .offset = offsetof(struct dnsbl_zone, family), .def = "both",
	.choices = families, .args = "ipv4 | ipv6 | both", .help = "which clients the zone knows about"},
    {.name = "test-points", .type = CONF_FLAG, .offset = offsetof(struct dnsbl_zone, has_test_points),
	.def = "on", .help = "the zone lists 127.0.0.2 and not 127.0.0.1 (RFC 5782), which is tested"},
    {0},
};

static const struct directive directives[] = {
    {.name = "zone", .type = CONF_CUSTOM, .set = set_zone, .block = zone_directives, .repeats = true,
	.args = "NAME { ... }", .help = "a list to ask about each client"},
    {.name = "text", .type = CONF_FLAG, .offset = offsetof(struct dnsbl_conf, wants_text), .def = "on",
	.help = "ask the heaviest list for its reason (a TXT record)"},
    {.name = "skip", .type = CONF_CIDRS, .offset = offsetof(struct dnsbl_conf, skip), .repeats = true,
	.args = "NETWORK...", .help = "clients that are not looked up; private networks never are"},
    {.name = "unanswered", .type = CONF_CHOICE, .offset = offsetof(struct dnsbl_conf, unanswered),
	.def = "all", .choices = unanswered, .args = "ignore | all | any",
	.help = "the filter has failed when all (or any) zones give no answer"},
    {.name = "test-every", .type = CONF_DURATION, .offset = offsetof(struct dnsbl_conf, test_every_ms),
	.def = "1h", .min = 1000, .max = 86400000, .args = "DURATION",
	.help = "how often the test points are looked up"},
    {0},
};

static const struct fact_def facts[] = {
    {"dnsbl.weight", FACT_NUMBER, STAGE_CONNECT, NULL, "sum of the weights of all zones that list the client"},
    {"dnsbl.zone", FACT_TEXT, STAGE_CONNECT, NULL, "the heaviest zone that lists the client"},
    {"dnsbl.zones", FACT_LIST, STAGE_CONNECT, NULL, "all zones that list the client, allow lists too"},
    {"dnsbl.text", FACT_TEXT, STAGE_CONNECT, NULL, "what the heaviest zone says about it"},
    {"dnsbl.disabled", FACT_LIST, STAGE_CONNECT, NULL, "zones that failed their test and are not asked"},
    {"dnsbl.unanswered", FACT_LIST, STAGE_CONNECT, NULL, "zones that gave no answer in time"},
    {0},
};

static const struct finding_def findings[] = {
    {"dnsbl.disabled", 0, "a zone failed its test and is not asked until it passes again"},
    {0},
};

/* ---- settings ---- */

static void set_zone(struct conf_load *load, const struct conf_node *node, void *target)
{
	struct dnsbl_conf *c = target;
	struct dnsbl_zone *zone;

	if (c->n == DNSBL_ZONES_MAX) {
		conf_error(load, node->tokens[0].place, "more than %d zones", DNSBL_ZONES_MAX);
		return;
	}
	zone = arena_alloc(load->arena, sizeof *zone);
	if (!dnszone_read(load, node, zone_directives, &zone->list))
		return;
	for (size_t i = 0; i < c->n; i++)
		if (str_eq(c->zones[i]->list.name, zone->list.name))
			conf_error(load, node->tokens[1].place, "zone %.*s is there twice", STR_ARG(zone->list.name));
	c->zones[c->n++] = zone;
}

static bool dnsbl_open(void *conf, const struct filter_env *env, struct conf_load *load,
    struct conf_place place)
{
	struct dnsbl_conf *c = conf;

	if (c->n == 0)
		conf_warning(load, place, "filter dnsbl has no zone");
	c->test = dnsbl_test_new(c, env->only_check ? NULL : env->dns);
	return true;
}

static void dnsbl_close(void *conf)
{
	struct dnsbl_conf *c = conf;

	dnsbl_test_free(c->test);
}

/* ---- the client ---- */

static bool is_skipped(const struct session *s, const struct dnsbl_conf *c)
{
	if (!s->client.family || ip_is_private(&s->client))
		return true;
	for (size_t i = 0; i < c->skip.n; i++)
		if (cidr_has(&c->skip.v[i], &s->client))
			return true;
	return false;
}

static bool knows_family(const struct dnsbl_zone *zone, const struct ip *ip)
{
	return zone->family == DNSBL_BOTH || (zone->family == DNSBL_IPV4) == (ip->family == 4);
}

static struct dns_ticket *ask(struct session *s, const struct dnsbl_zone *zone, enum dns_type type)
{
	char reverse[72];
	struct str address = ip_reverse(&s->client, reverse);

	return dns_ask(filter_dns(s),
	    arena_printf(filter_arena(s), "%.*s.%.*s", STR_ARG(address), STR_ARG(zone->list.name)), type);
}

static void dnsbl_want(struct session *s, const void *conf)
{
	const struct dnsbl_conf *c = conf;

	dnsbl_test_step(c->test);
	if (is_skipped(s, c))
		return;
	for (size_t i = 0; i < c->n; i++)
		if (knows_family(c->zones[i], &s->client) && !dnsbl_test_problem(c->test, i))
			ask(s, c->zones[i], DNS_A);
}

struct tally {
	double weight, heaviest;
	const struct dnsbl_zone *zone; /* the heaviest */
	size_t asked, unanswered;
};

static void note_listing(struct session *s, struct tally *t, const struct dnsbl_zone *zone, double weight)
{
	struct arena *a = filter_arena(s);
	bool is_allow = weight < 0;

	t->weight += weight;
	if (!t->zone || weight > t->heaviest) {
		t->zone = zone;
		t->heaviest = weight;
	}
	fact_add_text(FACTS(s), "dnsbl.zones", zone->list.name);
	finding_put(s, arena_printf(a, "dnsbl.%.*s", STR_ARG(zone->list.name)), weight,
	    arena_printf(a, "the client is on the %s %.*s", is_allow ? "allow list" : "block list", STR_ARG(zone->list.name)),
	    arena_printf(a, "%s:%u", zone->list.place.file, zone->list.place.line), STR(""));
}

static void try_zone(struct session *s, const struct dnsbl_conf *c, size_t i, struct tally *t)
{
	const struct dnsbl_zone *zone = c->zones[i];
	const struct dns_answer *answer;
	const char *problem;
	double weight;

	if (!knows_family(zone, &s->client))
		return;
	problem = dnsbl_test_problem(c->test, i);
	if (problem) {
		fact_add_text(FACTS(s), "dnsbl.disabled", zone->list.name);
		finding_add(s, "dnsbl.disabled", "zone %.*s is not asked: %s", STR_ARG(zone->list.name), problem);
		return;
	}
	answer = dns_wait(ask(s, zone, DNS_A));
	t->asked++;
	if (dns_is_trouble(answer->status)) {
		t->unanswered++;
		fact_add_text(FACTS(s), "dnsbl.unanswered", zone->list.name);
	} else if (dnszone_judge(&zone->list, answer, &weight)) {
		note_listing(s, t, zone, weight);
	}
}

static void set_text(struct session *s, const struct dnsbl_zone *zone)
{
	const struct dns_answer *answer = dns_wait(ask(s, zone, DNS_TXT));

	if (answer->n)
		fact_set_text(FACTS(s), "dnsbl.text", str_sub(answer->records[0].data, 0, TEXT_MAX));
}

static enum outcome dnsbl_run(struct session *s, const void *conf)
{
	const struct dnsbl_conf *c = conf;
	struct tally t = {0};

	dnsbl_test_step(c->test);
	if (is_skipped(s, c))
		return RUN_SKIP;
	for (size_t i = 0; i < c->n; i++)
		try_zone(s, c, i, &t);
	fact_set_number(FACTS(s), "dnsbl.weight", t.weight);
	if (t.zone)
		fact_set_text(FACTS(s), "dnsbl.zone", t.zone->list.name);
	if (t.zone && t.heaviest > 0 && c->wants_text)
		set_text(s, t.zone);
	if (t.unanswered == 0 || c->unanswered == DNSBL_IGNORE ||
	    (c->unanswered == DNSBL_ALL && t.unanswered < t.asked))
		return RUN_OK;
	filter_failed(s, "%zu of %zu zones gave no answer", t.unanswered, t.asked);
	return RUN_TEMP;
}

const struct filter dnsbl_filter = {
    .name = "dnsbl",
    .help = "weighted DNS block lists and allow lists for the client's address",
    .directives = directives,
    .conf_size = sizeof(struct dnsbl_conf),
    .facts = facts,
    .findings = findings,
    .open = dnsbl_open,
    .close = dnsbl_close,
    .want = {[STAGE_CONNECT] = dnsbl_want},
    .run = {[STAGE_CONNECT] = dnsbl_run},
};
