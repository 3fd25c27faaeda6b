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
static void set_code(struct conf_load *load, const struct conf_node *node, void *target);

static const char *const families[] = {"ipv4", "ipv6", "both", NULL};
static const char *const unanswered[] = {"ignore", "all", "any", NULL};

static const struct directive zone_directives[] = {
    {.name = "weight", .type = CONF_NUMBER, .offset = offsetof(struct dnsbl_zone, weight), .def = "1",
	.min = -1000, .max = 1000, .args = "NUMBER",
	.help = "weight of codes that have none of their own; below 0 for allow lists"},
    {.name = "code", .type = CONF_CUSTOM, .set = set_code, .repeats = true,
	.args = "ADDRESS | FIRST..LAST | bits MASK [weight NUMBER]",
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

static bool read_range(struct str text, struct dnsbl_code *code)
{
	ptrdiff_t dots = str_find(text, STR(".."));
	struct ip first, last;

	if (!ip_parse(dots < 0 ? text : str_sub(text, 0, (size_t)dots), &first) || first.family != 4)
		return false;
	last = first;
	if (dots >= 0 && (!ip_parse(str_from(text, (size_t)dots + 2), &last) || last.family != 4))
		return false;
	code->first = dnsbl_number(&first);
	code->last = dnsbl_number(&last);
	return code->first <= code->last && first.b[0] == 127 && last.b[0] == 127;
}

static void set_code(struct conf_load *load, const struct conf_node *node, void *target)
{
	struct dnsbl_zone *zone = target;
	struct dnsbl_code code = {.first = 127u << 24, .last = (127u << 24) + 0xffffff};
	bool is_bits = node->n > 1 && conf_is_word(&node->tokens[1], "bits");
	size_t at = is_bits ? 2 : 1;
	int64_t bits;

	if (node->n != at + 1 && !(node->n == at + 3 && conf_is_word(&node->tokens[at + 1], "weight"))) {
		conf_error(load, node->tokens[0].place,
		    "expected code ADDRESS, FIRST..LAST or bits MASK, then maybe weight NUMBER");
		return;
	}
	if (is_bits && conf_int(load, &node->tokens[at], &bits)) {
		if (bits < 1 || bits > 255)
			conf_error(load, node->tokens[at].place, "expected a mask from 1 to 255");
		code.bits = (uint8_t)bits;
	} else if (!is_bits && !read_range(node->tokens[at].text, &code)) {
		conf_error(load, node->tokens[at].place, "expected an address in 127.0.0.0/8 or FIRST..LAST there");
	}
	code.has_weight = node->n == at + 3 && conf_number(load, &node->tokens[at + 2], &code.weight);
	if (zone->code_count == DNSBL_CODES_MAX)
		conf_error(load, node->tokens[0].place, "more than %d codes", DNSBL_CODES_MAX);
	else
		zone->codes[zone->code_count++] = code;
}

static void set_zone(struct conf_load *load, const struct conf_node *node, void *target)
{
	struct dnsbl_conf *c = target;
	struct dnsbl_zone *zone;

	if (!conf_expect_args(load, node, 1, 1, "NAME { ... }"))
		return;
	if (c->n == DNSBL_ZONES_MAX) {
		conf_error(load, node->tokens[0].place, "more than %d zones", DNSBL_ZONES_MAX);
		return;
	}
	zone = arena_alloc(load->arena, sizeof *zone);
	zone->name = str_lower(load->arena, node->tokens[1].text);
	zone->place = node->tokens[0].place;
	if (!domain_is_valid(zone->name, false))
		conf_error(load, node->tokens[1].place, "'%.*s' is no domain name", STR_ARG(zone->name));
	for (size_t i = 0; i < c->n; i++)
		if (str_eq(c->zones[i]->name, zone->name))
			conf_error(load, node->tokens[1].place, "zone %.*s is there twice", STR_ARG(zone->name));
	conf_apply(load, zone_directives, node->children, zone,
	    arena_printf(load->arena, "zone %.*s", STR_ARG(zone->name)).p, zone->place);
	if (zone->code_count == 0)
		zone->codes[zone->code_count++] = (struct dnsbl_code){.first = 0x7f000002, .last = 0x7f0000fe};
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

/* ---- what an answer means ---- */

uint32_t dnsbl_number(const struct ip *ip)
{
	return (uint32_t)ip->b[0] << 24 | (uint32_t)ip->b[1] << 16 | (uint32_t)ip->b[2] << 8 | ip->b[3];
}

static const struct dnsbl_code *find_code(const struct dnsbl_zone *zone, const struct ip *answer)
{
	uint32_t number = dnsbl_number(answer);

	for (size_t i = 0; i < zone->code_count; i++) {
		const struct dnsbl_code *code = &zone->codes[i];
		if (number < code->first || number > code->last)
			continue;
		if (code->bits == 0 || (number & code->bits))
			return code;
	}
	return NULL;
}

bool dnsbl_is_refusal(const struct ip *answer)
{
	return answer->b[0] == 127 && answer->b[1] == 255 && answer->b[2] == 255;
}

bool dnsbl_judge(const struct dnsbl_zone *zone, const struct dns_answer *answer, double *ret_weight)
{
	bool is_listed = false;

	for (size_t i = 0; i < answer->n; i++) {
		const struct ip *ip = &answer->records[i].ip;
		const struct dnsbl_code *code;
		double weight;

		if (ip->family != 4 || ip->b[0] != 127 || dnsbl_is_refusal(ip))
			continue;
		code = find_code(zone, ip);
		if (!code)
			continue;
		weight = code->has_weight ? code->weight : zone->weight;
		if (!is_listed || weight * weight > *ret_weight * *ret_weight)
			*ret_weight = weight;
		is_listed = true;
	}
	return is_listed;
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
	    arena_printf(filter_arena(s), "%.*s.%.*s", STR_ARG(address), STR_ARG(zone->name)), type);
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
	fact_add_text(FACTS(s), "dnsbl.zones", zone->name);
	finding_put(s, arena_printf(a, "dnsbl.%.*s", STR_ARG(zone->name)), weight,
	    arena_printf(a, "the client is on the %s %.*s", is_allow ? "allow list" : "block list", STR_ARG(zone->name)),
	    arena_printf(a, "%s:%u", zone->place.file, zone->place.line), STR(""));
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
		fact_add_text(FACTS(s), "dnsbl.disabled", zone->name);
		finding_add(s, "dnsbl.disabled", "zone %.*s is not asked: %s", STR_ARG(zone->name), problem);
		return;
	}
	answer = dns_wait(ask(s, zone, DNS_A));
	t->asked++;
	if (dns_is_trouble(answer->status)) {
		t->unanswered++;
		fact_add_text(FACTS(s), "dnsbl.unanswered", zone->name);
	} else if (dnsbl_judge(zone, answer, &weight)) {
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
		fact_set_text(FACTS(s), "dnsbl.zone", t.zone->name);
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
