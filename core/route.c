/* Routes: `relay` blocks, and look-ups by recipient domain. */
#include "core/route.h"

#include <stddef.h>

#include "core/address.h"
#include "core/list/list.h"
#include "lib/names.h"

struct routes {
	struct arena *arena;
	struct names *names; /* "example.org" and ".example.org" to struct route */
	const struct route **v;
	size_t n, room;
	const struct route *fallback; /* "*" */
};

static void route_add_domain(struct routes *r, struct conf_load *load, struct route *route,
    const struct conf_token *t);

struct routes *routes_new(struct arena *a)
{
	struct routes *r = arena_alloc(a, sizeof *r);

	r->arena = a;
	r->names = names_new(a);
	return r;
}

static void keep(struct routes *r, const struct route *route)
{
	if (r->n == r->room) {
		const struct route **more;

		r->room = r->room ? r->room * 2 : 8;
		more = arena_array(r->arena, r->room, sizeof *more);
		if (r->n)
			memcpy(more, r->v, r->n * sizeof *more);
		r->v = more;
	}
	r->v[r->n++] = route;
}

void routes_add(struct routes *r, struct conf_load *load, const struct conf_node *node)
{
	struct route *route;

	if (!conf_expect_args(load, node, 1, SIZE_MAX, "DOMAIN... { to HOST:PORT; ... }"))
		return;
	route = arena_alloc(r->arena, sizeof *route);
	route->place = node->tokens[0].place;
	conf_apply(load, route_directives, node->children, route,
	    arena_printf(r->arena, "relay %.*s", STR_ARG(node->tokens[1].text)).p, route->place);
	if (route->hop_count == 0) {
		route->hops = arena_alloc(r->arena, sizeof *route->hops);
		route->hops[0] = (struct hop){.is_mx = true, .port = ROUTE_PORT, .weight = 1, .place = route->place};
		route->hop_count = 1;
	}
	if (route->retry_first_ms > route->retry_max_ms)
		conf_error(load, route->place, "retry-first is longer than retry-max");
	for (size_t i = 1; i < node->n; i++)
		route_add_domain(r, load, route, &node->tokens[i]);
	keep(r, route);
}

/* ---- domains ---- */

static bool is_literal(struct str domain)
{
	return domain.n > 2 && domain.p[0] == '[' && domain.p[domain.n - 1] == ']';
}

/* Lower-case A-labels; false when it is no domain. */
static bool normalise(struct arena *a, struct str domain, struct str *ret_domain)
{
	if (str_is_ascii(domain)) {
		*ret_domain = domain;
		return is_literal(domain) || domain_is_valid(domain, false);
	}
	return domain_is_valid(domain, true) && domain_to_ascii(a, domain, ret_domain);
}

static void add_fallback(struct routes *r, struct conf_load *load, struct route *route,
    const struct conf_token *t)
{
	if (r->fallback)
		conf_error(load, t->place, "'*' is in the relay block at %s:%u already", r->fallback->place.file,
		    r->fallback->place.line);
	r->fallback = route;
}

static void route_add_domain(struct routes *r, struct conf_load *load, struct route *route,
    const struct conf_token *t)
{
	const struct route *other;
	struct str domain;
	bool below;

	if (t->kind != TOKEN_OP)
		conf_strings_add(load, &route->domains, t);
	if (t->kind != TOKEN_OP && str_is(t->text, "*")) {
		add_fallback(r, load, route, t);
		return;
	}
	below = str_starts(t->text, STR("."));
	if (t->kind == TOKEN_OP || !normalise(r->arena, str_from(t->text, below), &domain)) {
		conf_error(load, t->place, "%s is no domain; expected example.org, .example.org for all below it, or *",
		    conf_token_show(r->arena, t));
		return;
	}
	domain = arena_printf(r->arena, "%s%.*s", below ? "." : "", STR_ARG(domain));
	other = names_add(r->names, domain, route);
	if (other)
		conf_error(load, t->place, "'%.*s' is in the relay block at %s:%u already", STR_ARG(domain),
		    other->place.file, other->place.line);
}

/* ".b.c" of "a.b.c", then ".c". */
static const struct route *find_below(const struct routes *r, struct str domain)
{
	for (ptrdiff_t dot = str_chr(domain, '.'); dot >= 0;) {
		const struct route *route;

		domain = str_from(domain, (size_t)dot);
		route = names_get(r->names, domain);
		if (route)
			return route;
		dot = str_chr(str_from(domain, 1), '.');
		dot = dot < 0 ? -1 : dot + 1;
	}
	return NULL;
}

static const struct route *find(const struct routes *r, struct str domain)
{
	const struct route *route;

	/* A name that starts with a dot must not meet the keys of ".parent" entries. */
	if (domain.n == 0 || domain.n > ADDRESS_DOMAIN_MAX || domain.p[0] == '.')
		return NULL;
	route = names_get(r->names, domain);
	return route || is_literal(domain) ? route : find_below(r, domain);
}

const struct route *routes_find(const struct routes *r, struct str domain)
{
	const struct route *route = NULL;
	struct arena *a;

	if (str_is_ascii(domain))
		return find(r, domain);
	a = arena_new(0);
	if (domain.n <= ADDRESS_DOMAIN_MAX && normalise(a, domain, &domain))
		route = find(r, domain);
	arena_free(a);
	return route;
}

const struct route *routes_default(const struct routes *r)
{
	return r->fallback;
}

size_t routes_count(const struct routes *r)
{
	return r->n;
}

const struct route *routes_at(const struct routes *r, size_t i)
{
	return r->v[i];
}

void routes_check(const struct routes *r, struct conf_load *load, const struct lists *lists)
{
	const struct list *list;

	for (size_t i = 0; i < r->n; i++)
		if (r->v[i]->recipients == ROUTE_LIST)
			lists_need(lists, r->v[i]->recipients_list, load, r->v[i]->recipients_place, &list);
}

/* ---- next hops ---- */

/* "host", "host:port"; what has several colons and no brackets is an IPv6 address. */
static bool split_host(struct str text, struct str *ret_host, uint16_t *ret_port)
{
	ptrdiff_t colon = str_rchr(text, ':');
	uint64_t port;

	*ret_host = text;
	if (colon < 0 || text.p[text.n - 1] == ']' || (str_chr(text, ':') != colon && text.p[0] != '['))
		return true;
	if (!str_u64(str_from(text, (size_t)colon + 1), &port) || port == 0 || port > UINT16_MAX)
		return false;
	*ret_host = str_sub(text, 0, (size_t)colon);
	*ret_port = (uint16_t)port;
	return true;
}

static bool read_hop(struct arena *a, struct str text, struct hop *hop)
{
	struct str host, name = text;

	hop->port = ROUTE_PORT;
	hop->weight = 1;
	hop->is_mx = str_istarts(text, STR("mx:"));
	if (hop->is_mx)
		name = str_from(text, 3);
	if (!split_host(name, &host, &hop->port))
		return false;
	if (is_literal(host))
		return !hop->is_mx && ip_parse(str_sub(host, 1, host.n - 2), &hop->ip);
	if (ip_parse(host, &hop->ip))
		return !hop->is_mx;
	return normalise(a, host, &name) && (hop->host = str_lower(a, name)).n > 0;
}

static void hop_add(struct conf_load *load, struct route *route, const struct hop *hop)
{
	if (route->hop_count == ROUTE_HOPS_MAX) {
		conf_error(load, hop->place, "more than %d next hops in one relay block", ROUTE_HOPS_MAX);
		return;
	}
	if (route->hop_count == 0)
		route->hops = arena_array(load->arena, ROUTE_HOPS_MAX, sizeof *route->hops);
	route->hops[route->hop_count++] = *hop;
}

static bool read_weight(struct conf_load *load, const struct conf_node *node, size_t i, struct hop *hop)
{
	int64_t weight;

	if (i >= node->n) {
		conf_error(load, node->end, "expected a number behind weight");
		return false;
	}
	if (!conf_int(load, &node->tokens[i], &weight))
		return false;
	if (weight < 1 || weight > ROUTE_WEIGHT_MAX)
		conf_error(load, node->tokens[i].place, "'weight' is out of bounds; expected 1 to %d", ROUTE_WEIGHT_MAX);
	hop->weight = (unsigned)weight;
	return true;
}

static void set_to(struct conf_load *load, const struct conf_node *node, void *target)
{
	if (!conf_expect_block(load, node, false) ||
	    !conf_expect_args(load, node, 1, SIZE_MAX, "HOST[:PORT] [weight N] ..."))
		return;
	for (size_t i = 1; i < node->n; i++) {
		const struct conf_token *t = &node->tokens[i];
		struct hop hop = {.place = t->place};

		if (t->kind == TOKEN_OP || !read_hop(load->arena, t->text, &hop)) {
			conf_error(load, t->place, "%s is no next hop; expected ADDRESS:PORT, HOST:PORT or mx:DOMAIN",
			    conf_token_show(load->arena, t));
			continue;
		}
		if (i + 1 < node->n && conf_is_word(&node->tokens[i + 1], "weight")) {
			i += 2;
			if (!read_weight(load, node, i, &hop))
				continue;
		}
		hop_add(load, target, &hop);
	}
}

static void set_recipients(struct conf_load *load, const struct conf_node *node, void *target)
{
	static const char *const words[] = {"any", "verify", "list", NULL};
	struct route *route = target;

	if (!conf_expect_block(load, node, false) || !conf_expect_args(load, node, 1, 2, "any | verify | list NAME") ||
	    !conf_choice(load, &node->tokens[1], words, &route->recipients))
		return;
	if (!conf_expect_args(load, node, 1 + (route->recipients == ROUTE_LIST),
		1 + (route->recipients == ROUTE_LIST), "any | verify | list NAME"))
		return;
	if (route->recipients == ROUTE_LIST) {
		route->recipients_list = arena_str(load->arena, node->tokens[2].text);
		route->recipients_place = node->tokens[2].place;
	}
}

static const char *const tls_words[] = {"none", "may", "require", "verify", NULL};

#define AT(field) offsetof(struct route, field)
#define SECOND 1000.0
#define HOUR (3600 * SECOND)
#define DAY (24 * HOUR)

const struct directive route_directives[] = {
    {.name = "to", .type = CONF_CUSTOM, .set = set_to, .repeats = true, .args = "HOST[:PORT] [weight N] ...",
	.help = "next hops: addresses, host names or mx:DOMAIN; several share the load by weight and stand in for "
		"each other; without any, mail goes to the MX hosts of the recipient's domain"},
    {.name = "tls", .type = CONF_CHOICE, .offset = AT(tls), .choices = tls_words, .def = "may",
	.args = "none | may | require | verify",
	.help = "STARTTLS to the next hop: never, when offered, always, or always with a verified certificate"},
    {.name = "tls-name", .type = CONF_STRING, .offset = AT(tls_name), .args = "NAME",
	.help = "name that the certificate must have, instead of the host's"},
    {.name = "tls-ca", .type = CONF_PATH, .offset = AT(tls_ca), .args = "FILE",
	.help = "certificates that are trusted, instead of the system's"},
    {.name = "recipients", .type = CONF_CUSTOM, .set = set_recipients, .def = "any",
	.args = "any | verify | list NAME",
	.help = "which recipients exist (filter recipients): all, those that the next hop says yes to, or a list"},
    {.name = "max-connections", .type = CONF_INT, .offset = AT(max_connections), .def = "10", .min = 1,
	.max = 1000, .args = "NUMBER", .help = "connections to one next hop at the same time"},
    {.name = "connect-timeout", .type = CONF_DURATION, .offset = AT(connect_timeout_ms), .def = "30s",
	.min = SECOND, .max = HOUR, .args = "DURATION", .help = "for the connection and the greeting"},
    {.name = "command-timeout", .type = CONF_DURATION, .offset = AT(command_timeout_ms), .def = "5m",
	.min = SECOND, .max = HOUR, .args = "DURATION", .help = "for the reply to a command"},
    {.name = "data-timeout", .type = CONF_DURATION, .offset = AT(data_timeout_ms), .def = "10m",
	.min = SECOND, .max = HOUR, .args = "DURATION", .help = "for the reply to the end of the message"},
    {.name = "lifetime", .type = CONF_DURATION, .offset = AT(lifetime_ms), .def = "5d", .min = SECOND,
	.max = 60 * DAY, .args = "DURATION", .help = "how long delivery is tried before the sender is told"},
    {.name = "retry-first", .type = CONF_DURATION, .offset = AT(retry_first_ms), .def = "1m", .min = SECOND,
	.max = DAY, .args = "DURATION", .help = "wait after the first failure; doubles each time"},
    {.name = "retry-max", .type = CONF_DURATION, .offset = AT(retry_max_ms), .def = "1h", .min = SECOND,
	.max = 7 * DAY, .args = "DURATION", .help = "longest wait between two tries"},
    {.name = "warn-after", .type = CONF_DURATION, .offset = AT(warn_after_ms), .def = "4h", .max = 60 * DAY,
	.args = "DURATION", .help = "when the sender is told of a delay, once; 0 is never"},
    {0},
};
