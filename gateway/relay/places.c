/* From a recipient's address to the site that takes his mail. */
#include <stdlib.h>
#include <string.h>

#include "core/address.h"
#include "gateway/relay/relay_private.h"
#include "lib/clock.h"

static struct str domain_of(struct arena *a, struct str address)
{
	ptrdiff_t at = str_rchr(address, '@');
	struct str domain = str_lower(a, str_from(address, (size_t)(at + 1)));

	if (at < 0)
		return STR("");
	if (!str_is_ascii(domain))
		domain_to_ascii(a, domain, &domain);
	return domain;
}

static const struct route *route_of(const struct relay *r, struct str domain)
{
	const struct routes *routes = r->snapshot->routes;
	const struct route *route = routes_find(routes, domain);

	if (!route && domain.n == 0 && routes_count(routes)) /* bare postmaster */
		route = routes_at(routes, 0);
	if (!route)
		route = routes_default(routes);
	return route ? route : &r->defaults;
}

static bool is_per_domain(const struct route *route)
{
	for (size_t i = 0; i < route->hop_count; i++)
		if (route->hops[i].is_mx && route->hops[i].host.n == 0)
			return true;
	return false;
}

/* "MX of the recipient's domain" filled in; an address literal is its own next hop. */
static struct route filled_in(struct arena *a, const struct route *route, struct str domain)
{
	struct route copy = *route;
	struct str literal = str_sub(domain, 1, domain.n > 2 ? domain.n - 2 : 0);

	copy.hops = arena_array(a, route->hop_count, sizeof *copy.hops);
	for (size_t i = 0; i < route->hop_count; i++) {
		copy.hops[i] = route->hops[i];
		if (!copy.hops[i].is_mx || copy.hops[i].host.n)
			continue;
		copy.hops[i].host = domain;
		if (domain.n && domain.p[0] == '[')
			copy.hops[i].is_mx = !ip_parse(str_istarts(literal, STR("IPv6:")) ? str_from(literal, 5)
											   : literal, &copy.hops[i].ip);
	}
	return copy;
}

static uint32_t site_add(struct relay *r, struct str key, const struct route *route, struct str domain)
{
	uint32_t index = 0;

	if (r->site_count < r->site_n) {
		while (r->sites[index])
			index++;
	} else if (r->site_n == r->site_room) {
		r->site_room = r->site_room ? r->site_room * 2 : 16;
		r->sites = realloc(r->sites, r->site_room * sizeof(struct site *));
		if (!r->sites)
			abort();
	}
	if (r->site_count++ == r->site_n)
		index = (uint32_t)r->site_n++;
	r->sites[index] = site_new(index, key, route, domain);
	map_add(r->site_by_key, key, index);
	return index;
}

uint32_t place_of(struct relay *r, struct str address)
{
	struct arena *a = arena_new(0);
	struct str domain = domain_of(a, address), key;
	const struct route *route;
	struct route mine;
	uint32_t site;

	if (map_get(r->site_by_domain, domain, &site))
		goto out;
	route = route_of(r, domain);
	key = site_route_key(a, route);
	if (is_per_domain(route)) {
		key = arena_printf(a, "%.*s for=%.*s", STR_ARG(key), STR_ARG(domain));
		mine = filled_in(a, route, domain);
		route = &mine;
	}
	if (!map_get(r->site_by_key, key, &site))
		site = site_add(r, key, route, route == &mine ? domain : STR(""));
	if (map_count(r->site_by_domain) >= DOMAINS_MAX)
		map_clear(r->site_by_domain);
	map_add(r->site_by_domain, domain, site);
out:
	arena_free(a);
	place_needed(r, site);
	r->sites[site]->used_us = clock_mono_us();
	return site;
}

void place_needed(struct relay *r, uint32_t site)
{
	r->sites[site]->seen_walk = r->walks;
}

static bool is_needed(const struct relay *r, const struct site *s, int64_t now_us)
{
	if (s->n || s->slots || s->lookup || s->deliveries || s->is_queued || s->seen_walk + 1 >= r->walks)
		return true;
	return r->site_count <= SITES_MANY && now_us - s->used_us < SITE_IDLE_S * INT64_C(1000000);
}

static void site_forget(struct relay *r, struct site *s)
{
	map_remove(r->site_by_key, s->key);
	/* A domain outside has a site of its own; one of the configuration may be that of many. */
	if (!s->domain.n)
		map_clear(r->site_by_domain);
	else
		map_remove(r->site_by_domain, s->domain);
	r->sites[s->index] = NULL;
	r->site_count--;
	site_free(s);
}

void places_expire(struct relay *r)
{
	int64_t now = clock_mono_us();

	for (size_t i = 0; i < r->site_n; i++)
		if (r->sites[i] && !is_needed(r, r->sites[i], now))
			site_forget(r, r->sites[i]);
}

void places_free(struct relay *r)
{
	for (size_t i = 0; i < r->site_n; i++)
		if (r->sites[i])
			site_free(r->sites[i]);
	free(r->sites);
	map_free(r->site_by_key);
	map_free(r->site_by_domain);
}
