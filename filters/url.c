/*
 * url: the links of a message as facts, and their domains on DNS block lists.
 *
 *     filter url {
 *         zone multi.uribl.example { weight 3; code bits 2; code bits 4 weight 1; }
 *         shorteners short-domains;            a list (see list): hosts that hide where a link goes,
 *         hosters our-hosters;                 and sites on which anybody may put a page, beside the built-in ones
 *         skip our-domains;
 *     }
 *
 * What counts as odd: a host that is an address or a number, a link whose text names another domain
 * than it goes to, a user name before the host, a port of its own, names in punycode, letters of
 * another script that look like Latin ones, and writing that programs are meant to miss.
 */
#include "core/address.h"
#include "core/content/content.h"
#include "core/dnszone.h"
#include "core/filter.h"
#include "core/url/known_domains.h"
#include "core/list/list.h"
#include "core/text/unicode.h"

enum { ZONES_MAX = 16, DOMAINS_MAX = 20, SHOWN_MAX = 100 };

struct url_conf {
	struct dnszone *zones[ZONES_MAX];
	size_t n;
	int64_t domains_max;
	struct str shorteners, hosters, skip;
	const struct list *shortener_list, *hoster_list, *skip_list;
};

/* The domains that are asked about. */
struct asked {
	struct str domains[DOMAINS_MAX];
	size_t n;
};

static const struct fact_def url_facts[] = {
    {"url.count", FACT_INT, STAGE_MESSAGE, NULL, "links in text, markup and Subject"},
    {"url.hosts", FACT_LIST, STAGE_MESSAGE, NULL, "their hosts, each once"},
    {"url.domains", FACT_LIST, STAGE_MESSAGE, NULL, "their registered domains, each once"},
    {"url.weight", FACT_NUMBER, STAGE_MESSAGE, NULL, "sum of the weights of all zones that list a domain"},
    {"url.listed", FACT_LIST, STAGE_MESSAGE, NULL, "domains that a zone lists"},
    {"url.zones", FACT_LIST, STAGE_MESSAGE, NULL, "zones that list a domain"},
    {"url.mismatch", FACT_BOOL, STAGE_MESSAGE, NULL, "a link shows another domain than it goes to"},
    {"url.ip", FACT_BOOL, STAGE_MESSAGE, NULL, "a link goes to an address or a number instead of a name"},
    {"url.user", FACT_BOOL, STAGE_MESSAGE, NULL, "a link has a user name before the host"},
    {"url.punycode", FACT_BOOL, STAGE_MESSAGE, NULL, "a link has a name in another script than ASCII"},
    {"url.homograph", FACT_BOOL, STAGE_MESSAGE, NULL, "a link's name is written in letters that look like those of another script"},
    {"url.port", FACT_BOOL, STAGE_MESSAGE, NULL, "a link names a port that is not the usual one"},
    {"url.obfuscated", FACT_BOOL, STAGE_MESSAGE, NULL, "a link is written so that programs miss it: hxxp, [.], blanks, characters without width"},
    {"url.shortener", FACT_BOOL, STAGE_MESSAGE, NULL, "a link goes to one of the shorteners"},
    {"url.hoster", FACT_BOOL, STAGE_MESSAGE, NULL, "a link goes to a site on which anybody may put a page"},
    {"url.redirect", FACT_BOOL, STAGE_MESSAGE, NULL, "a link carries another one that goes to another domain"},
    {"url.limit", FACT_BOOL, STAGE_MESSAGE, NULL, "there are more links than are looked at"},
    {0},
};

static const struct finding_def url_findings[] = {
    {"url.mismatch", 2, "a link shows another domain than it goes to"},
    {"url.ip", 1.5, "a link goes to an address or a number instead of a name"},
    {"url.user", 1.5, "a link has a user name before the host"},
    {"url.punycode", 0.5, "a link has a name in another script than ASCII"},
    {"url.homograph", 2, "a link's name is written in letters that look like those of another script"},
    {"url.port", 0.5, "a link names a port that is not the usual one"},
    {"url.obfuscated", 0.8, "a link is written so that programs miss it"},
    {"url.shortener", 0.5, "a link goes to a shortener"},
    {"url.hoster", 0.3, "a link goes to a site on which anybody may put a page"},
    {"url.redirect", 0, "a link carries another one that goes to another domain"},
    {0},
};

/* ---- settings ---- */

static const struct directive zone_directives[] = {
    {.name = "weight", .type = CONF_NUMBER, .offset = offsetof(struct dnszone, weight), .def = "1", .min = -1000,
	.max = 1000, .args = "NUMBER", .help = "weight of codes that have none of their own"},
    {.name = "code", .type = CONF_CUSTOM, .set = dnszone_set_code, .repeats = true, .args = DNSZONE_CODE_ARGS,
	.help = "answers that count (default 127.0.0.2..127.0.0.254); bits: the last octet has one of them"},
    {0},
};

static void set_zone(struct conf_load *load, const struct conf_node *node, void *target)
{
	struct url_conf *c = target;
	struct dnszone *zone = arena_alloc(load->arena, sizeof *zone);

	if (c->n == ZONES_MAX)
		conf_error(load, node->tokens[0].place, "more than %d zones", ZONES_MAX);
	else if (dnszone_read(load, node, zone_directives, zone))
		c->zones[c->n++] = zone;
}

#define AT(field) offsetof(struct url_conf, field)
static const struct directive url_directives[] = {
    {.name = "zone", .type = CONF_CUSTOM, .set = set_zone, .block = zone_directives, .repeats = true,
	.args = "NAME { ... }", .help = "a block list of domains to ask about each registered domain"},
    {.name = "domains", .type = CONF_INT, .offset = AT(domains_max), .def = "10", .min = 1, .max = DOMAINS_MAX,
	.args = "NUMBER", .help = "domains of one message that zones are asked about, from the top"},
    {.name = "shorteners", .type = CONF_STRING, .offset = AT(shorteners), .args = "LIST",
	.help = "hosts that hide where a link goes, beside the built-in ones"},
    {.name = "hosters", .type = CONF_STRING, .offset = AT(hosters), .args = "LIST",
	.help = "sites on which anybody may put a page, beside the built-in ones"},
    {.name = "skip", .type = CONF_STRING, .offset = AT(skip), .args = "LIST", .help = "domains that no zone is asked about"},
    {0},
};
#undef AT

static bool url_open(void *conf, const struct filter_env *env, struct conf_load *load, struct conf_place place)
{
	struct url_conf *c = conf;
	/* One after the other: all errors in one run. */
	bool has_shorteners = lists_may_need(env->lists, c->shorteners, load, place, &c->shortener_list);
	bool has_hosters = lists_may_need(env->lists, c->hosters, load, place, &c->hoster_list);
	bool has_skip = lists_may_need(env->lists, c->skip, load, place, &c->skip_list);

	return has_shorteners && has_hosters && has_skip;
}

/* ---- which domains ---- */

static bool is_in(const struct asked *asked, struct str domain)
{
	for (size_t i = 0; i < asked->n; i++)
		if (str_eq(asked->domains[i], domain))
			return true;
	return false;
}

static bool is_askable(const struct url_conf *c, const struct url *u)
{
	struct ip ip;

	if (!u->domain.n || u->domain.p[0] == '[' || ip_parse(u->domain, &ip) || str_is(u->scheme, "mailto"))
		return false;
	return !c->skip_list || list_has_text(c->skip_list, u->domain, NULL) != RES_OK;
}

static void choose_from(const struct url_conf *c, const struct urls *urls, struct asked *asked)
{
	for (size_t i = 0; i < urls->n && asked->n < (size_t)c->domains_max; i++)
		if (is_askable(c, &urls->v[i]) && !is_in(asked, urls->v[i].domain))
			asked->domains[asked->n++] = urls->v[i].domain;
}

static struct asked *choose(const struct url_conf *c, struct session *s)
{
	const struct content *content = message_content(s->message);
	struct asked *asked = arena_alloc(s->message->arena, sizeof *asked);

	choose_from(c, &content->urls, asked);
	choose_from(c, &content->more_urls, asked);
	return asked;
}

static struct dns_ticket *ask(struct session *s, struct str domain, const struct dnszone *zone)
{
	return dns_ask(filter_dns(s), arena_printf(filter_arena(s), "%.*s.%.*s", STR_ARG(domain), STR_ARG(zone->name)), DNS_A);
}

/* ---- what is odd ---- */

/* The registered domain that the visible text of a link names; "" when it names none. */
static struct str shown_domain(struct arena *a, struct str anchor)
{
	struct urls found = {0};

	urls_from_text(a, &found, str_sub(str_trim(anchor), 0, URL_BYTES_MAX), URL_FROM_TEXT);
	return found.n ? found.v[0].domain : STR("");
}

static bool is_mismatch(const struct url_conf *c, struct arena *a, const struct url *u)
{
	struct str shown = u->source == URL_FROM_HREF && u->anchor.n ? shown_domain(a, u->anchor) : STR("");

	(void)c;
	return shown.n && u->domain.n && !str_eq(shown, u->domain);
}

static bool is_number(const struct url_conf *c, struct arena *a, const struct url *u)
{
	struct str host = u->host;
	struct ip ip;

	(void)c;
	(void)a;
	return host.n && (host.p[0] == '[' || ip_parse(host, &ip) || (str_chr(host, '.') < 0 && is_digit((unsigned char)host.p[0])));
}

/* Between "://" and the path, as it was written. */
static struct str authority(const struct url *u)
{
	ptrdiff_t start = str_find(u->raw, STR("://"));
	struct str rest = start < 0 ? STR("") : str_from(u->raw, (size_t)start + 3);
	size_t end = 0;

	while (end < rest.n && !strchr("/?#", rest.p[end]))
		end++;
	return str_sub(rest, 0, end);
}

static bool has_user(const struct url_conf *c, struct arena *a, const struct url *u)
{
	(void)c;
	(void)a;
	return str_chr(authority(u), '@') >= 0;
}

static bool has_port(const struct url_conf *c, struct arena *a, const struct url *u)
{
	struct str where = authority(u), port;
	ptrdiff_t colon = str_rchr(where, ':');
	uint64_t n;

	(void)c;
	(void)a;
	port = colon < 0 ? STR("") : str_from(where, (size_t)colon + 1);
	return str_u64(port, &n) && n != 80 && n != 443;
}

static bool is_punycode(const struct url_conf *c, struct arena *a, const struct url *u)
{
	(void)c;
	(void)a;
	return str_starts(u->host, STR("xn--")) || str_find(u->host, STR(".xn--")) >= 0;
}

/* Scripts mixed in one label, or a label of another script that reads as plain Latin under a Latin ending. */
static bool is_homograph(const struct url_conf *c, struct arena *a, const struct url *u)
{
	struct str shown, label, rest;
	ptrdiff_t dot = str_rchr(u->host, '.');

	if (!is_punycode(c, a, u) || !domain_to_unicode(a, u->host, &shown))
		return false;
	if (unicode_is_mixed(shown))
		return true;
	rest = shown;
	while (str_split(&rest, '.', &label)) {
		uint32_t first;

		if (!label.n || str_is_ascii(label) || str_starts(str_from(u->host, (size_t)(dot + 1)), STR("xn--")))
			continue;
		unicode_read(label, &first);
		if (unicode_script(first) != SCRIPT_LATIN && str_is_ascii(unicode_skeleton(a, label)))
			return true;
	}
	return false;
}

static bool is_obfuscated(const struct url_conf *c, struct arena *a, const struct url *u)
{
	(void)c;
	(void)a;
	return u->is_obfuscated;
}

static bool is_on(const struct list *list, enum known_domains kind, struct str host)
{
	return domain_is_known(kind, host) || (list && list_has_text(list, host, NULL) == RES_OK);
}

static bool is_shortener(const struct url_conf *c, struct arena *a, const struct url *u)
{
	(void)a;
	return is_on(c->shortener_list, KNOWN_SHORTENER, u->host);
}

static bool is_hoster(const struct url_conf *c, struct arena *a, const struct url *u)
{
	(void)a;
	return is_on(c->hoster_list, KNOWN_HOSTER, u->host);
}

static bool is_redirect(const struct url_conf *c, struct arena *a, const struct url *u)
{
	(void)c;
	(void)a;
	return u->is_nested;
}

/* Each is a fact and a finding. */
static const struct oddity {
	const char *name;
	bool (*is)(const struct url_conf *c, struct arena *a, const struct url *u);
} oddities[] = {
    {"url.mismatch", is_mismatch},
    {"url.ip", is_number},
    {"url.user", has_user},
    {"url.port", has_port},
    {"url.punycode", is_punycode},
    {"url.homograph", is_homograph},
    {"url.obfuscated", is_obfuscated},
    {"url.shortener", is_shortener},
    {"url.hoster", is_hoster},
    {"url.redirect", is_redirect},
};
enum { ODDITIES = sizeof oddities / sizeof *oddities };

static bool is_told(struct session *s, const char *name)
{
	const struct fact *seen = fact_find(FACTS(s), name);

	return seen && seen->u.boolean;
}

static void look_at(const struct url_conf *c, struct session *s, const struct url *u)
{
	if (str_is(u->scheme, "mailto"))
		return;
	for (size_t i = 0; i < ODDITIES; i++) {
		if (is_told(s, oddities[i].name) || !oddities[i].is(c, s->message->arena, u))
			continue;
		fact_set_bool(FACTS(s), oddities[i].name, true);
		finding_add(s, oddities[i].name, "%.*s", STR_ARG(str_sub(u->url, 0, SHOWN_MAX)));
	}
}

static void look_at_all(const struct url_conf *c, struct session *s, const struct urls *urls)
{
	for (size_t i = 0; i < urls->n; i++) {
		look_at(c, s, &urls->v[i]);
		/* Lists that grow with each new host: a hundred of them tell enough. */
		if (i < SHOWN_MAX) {
			fact_add_text_once(FACTS(s), "url.hosts", urls->v[i].host);
			fact_add_text_once(FACTS(s), "url.domains", urls->v[i].domain);
		}
	}
}

static void set_facts(const struct url_conf *c, struct session *s)
{
	const struct content *content = message_content(s->message);
	struct facts *f = FACTS(s);

	fact_set_int(f, "url.count", (int64_t)(content->urls.n + content->more_urls.n));
	fact_set_bool(f, "url.limit", content->urls.is_over);
	for (size_t i = 0; i < ODDITIES; i++)
		fact_set_bool(f, oddities[i].name, false);
	look_at_all(c, s, &content->urls);
	look_at_all(c, s, &content->more_urls);
}

/* ---- block lists ---- */

static double note_listing(struct session *s, struct str domain, const struct dnszone *zone, double weight)
{
	struct arena *a = filter_arena(s);

	fact_add_text_once(FACTS(s), "url.listed", domain);
	fact_add_text_once(FACTS(s), "url.zones", zone->name);
	finding_put(s, arena_printf(a, "url.%.*s", STR_ARG(zone->name)), weight,
	    arena_printf(a, "a link goes to a domain on %.*s", STR_ARG(zone->name)),
	    arena_printf(a, "%s:%u", zone->place.file, zone->place.line), domain);
	return weight;
}

/* Each zone counts once, with the weight of the first domain that it lists. */
static void ask_zones(const struct url_conf *c, struct session *s, const struct asked *asked)
{
	double total = 0, weight;

	/* All questions go out before the first is waited for. */
	for (size_t i = 0; i < asked->n; i++)
		for (size_t k = 0; k < c->n; k++)
			ask(s, asked->domains[i], c->zones[k]);
	for (size_t k = 0; k < c->n; k++)
		for (size_t i = 0; i < asked->n; i++)
			if (dnszone_judge(c->zones[k], dns_wait(ask(s, asked->domains[i], c->zones[k])), &weight)) {
				total += note_listing(s, asked->domains[i], c->zones[k], weight);
				break;
			}
	fact_set_number(FACTS(s), "url.weight", total);
}

static enum outcome url_run(struct session *s, const void *conf)
{
	const struct url_conf *c = conf;

	set_facts(c, s);
	if (c->n)
		ask_zones(c, s, choose(c, s));
	return RUN_OK;
}

const struct filter url_filter = {
    .name = "url",
    .help = "links of the message: facts, oddities, and domains on DNS block lists",
    .directives = url_directives,
    .conf_size = sizeof(struct url_conf),
    .facts = url_facts,
    .findings = url_findings,
    .open = url_open,
    .run = {[STAGE_MESSAGE] = url_run},
    .is_heavy = true,
};
