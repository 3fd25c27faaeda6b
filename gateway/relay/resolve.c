/*
 * Look-ups of a site. Two rounds in one DNS scope: MX records, then the addresses of all hosts.
 * The DNS thread only posts; everything is read on the loop's thread, when no ticket is pending.
 */
#include "gateway/relay/resolve.h"

#include <stdlib.h>

#include "lib/clock.h"

enum {
	HOSTS_MAX = 20,
	QUERIES = 60,
	TTL_LEAST_S = 30,
	TTL_MOST_S = 3600,
	AGAIN_AFTER_TROUBLE_S = 20,
};

struct host {
	struct str name;
	uint16_t port;
	unsigned weight, preference;
	struct dns_ticket *v4, *v6;
};

struct mx_ask {
	const struct hop *hop;
	struct dns_ticket *ticket;
};

struct lookup {
	const struct resolver *rs;
	struct site *site;
	struct arena *arena;
	struct dns_scope *scope;
	struct mx_ask *mx;
	size_t mx_n;
	struct host hosts[HOSTS_MAX];
	size_t host_n;
	uint32_t ttl;
	bool is_second;
	bool any_temporary;
	const char *nowhere_code, *nowhere_text;
};

static void proceed(struct lookup *l);

void lookup_free(struct lookup *l)
{
	if (!l)
		return;
	dns_scope_free(l->scope);
	arena_free(l->arena);
	free(l);
}

static void on_posted(void *arg)
{
	proceed(arg);
}

static void on_idle(void *arg)
{
	struct lookup *l = arg;

	loop_post(l->rs->loop, on_posted, l);
}

static void host_add(struct lookup *l, struct str name, uint16_t port, unsigned weight, unsigned preference)
{
	if (l->host_n < HOSTS_MAX)
		l->hosts[l->host_n++] = (struct host){.name = name, .port = port, .weight = weight,
		    .preference = preference};
}

/* ---- the first round ---- */

static void ask_mx(struct lookup *l)
{
	const struct route *r = &l->site->route;

	l->mx = arena_array(l->arena, r->hop_count + 1, sizeof *l->mx);
	for (size_t i = 0; i < r->hop_count; i++) {
		const struct hop *h = &r->hops[i];
		if (h->is_mx)
			l->mx[l->mx_n++] = (struct mx_ask){h, dns_ask(l->scope, h->host, DNS_MX)};
		else if (h->ip.family == 0)
			host_add(l, h->host, h->port, h->weight, 0);
	}
}

static void nowhere(struct lookup *l, const char *code, const char *text)
{
	l->nowhere_code = code;
	l->nowhere_text = text;
}

/* Our own name as an exchanger: it and all of its preference and beyond would come back to us. */
static unsigned own_preference(const struct lookup *l, const struct dns_answer *answer)
{
	unsigned limit = UINT32_MAX;

	for (size_t i = 0; i < answer->n; i++)
		if (str_ieq(answer->records[i].name, l->rs->hostname) && answer->records[i].preference < limit)
			limit = answer->records[i].preference;
	return limit;
}

static void take_exchangers(struct lookup *l, const struct hop *hop, const struct dns_answer *answer)
{
	unsigned limit = own_preference(l, answer);
	size_t before = l->host_n;

	if (answer->n == 1 && answer->records[0].name.n == 0) {
		nowhere(l, "5.1.10", "the domain takes no mail (null MX)");
		return;
	}
	for (size_t i = 0; i < answer->n; i++)
		if (answer->records[i].preference < limit && answer->records[i].name.n)
			host_add(l, arena_str(l->arena, answer->records[i].name), hop->port, hop->weight,
			    answer->records[i].preference);
	if (l->host_n == before)
		nowhere(l, "5.4.6", "mail for the domain would come back to this host");
}

static void take_mx(struct lookup *l, const struct mx_ask *ask)
{
	const struct dns_answer *answer = dns_wait(ask->ticket);

	switch (answer->status) {
	case DNS_OK:
		take_exchangers(l, ask->hop, answer);
		if (answer->ttl < l->ttl)
			l->ttl = answer->ttl;
		break;
	case DNS_NODATA: /* RFC 5321, 5.1: then the host of that name */
		host_add(l, ask->hop->host, ask->hop->port, ask->hop->weight, 0);
		break;
	case DNS_NXDOMAIN:
	case DNS_BADNAME:
		nowhere(l, "5.1.2", "the domain does not exist");
		break;
	default:
		l->any_temporary = true;
	}
}

/* ---- the second round ---- */

static void ask_hosts(struct lookup *l)
{
	for (size_t i = 0; i < l->mx_n; i++)
		take_mx(l, &l->mx[i]);
	dns_scope_renew(l->scope);
	for (size_t i = 0; i < l->host_n; i++) {
		l->hosts[i].v4 = dns_ask(l->scope, l->hosts[i].name, DNS_A);
		l->hosts[i].v6 = dns_ask(l->scope, l->hosts[i].name, DNS_AAAA);
	}
}

static size_t take_addresses(struct lookup *l, const struct host *h, struct dns_ticket *ticket)
{
	const struct dns_answer *answer = dns_wait(ticket);

	if (answer->status != DNS_OK) {
		l->any_temporary |= answer->status != DNS_NODATA && answer->status != DNS_NXDOMAIN &&
				    answer->status != DNS_BADNAME;
		return 0;
	}
	if (answer->ttl < l->ttl)
		l->ttl = answer->ttl;
	for (size_t i = 0; i < answer->n; i++)
		site_endpoint_add(l->site, &answer->records[i].ip, h->port, h->weight, h->preference, h->name);
	return answer->n;
}

static size_t take_hops(struct site *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->route.hop_count; i++) {
		const struct hop *h = &s->route.hops[i];
		if (h->ip.family == 0)
			continue;
		site_endpoint_add(s, &h->ip, h->port, h->weight, 0, STR(""));
		n++;
	}
	return n;
}

static int64_t seconds_from_now(int64_t seconds)
{
	return clock_mono_us() + seconds * 1000000;
}

/* What nobody found: for a domain outside that can be final, for a configured hop it never is. */
static void conclude_empty(struct lookup *l)
{
	struct site *s = l->site;

	if (!l->any_temporary && s->domain.n) {
		s->find = SITE_NOWHERE;
		s->nowhere_code = l->nowhere_code ? l->nowhere_code : "5.4.4";
		site_set_trouble(s, str_of(l->nowhere_text ? l->nowhere_text : "the domain has no address for mail"));
		s->find_again_us = seconds_from_now(TTL_LEAST_S);
		return;
	}
	s->find = s->endpoints ? SITE_KNOWN : SITE_UNKNOWN;
	site_set_trouble(s, l->any_temporary ? STR("DNS gives no answer for the next hop")
					     : STR("the next hop has no address in DNS"));
	s->find_again_us = seconds_from_now(AGAIN_AFTER_TROUBLE_S);
}

static void conclude(struct lookup *l)
{
	struct site *s = l->site;
	size_t found;

	site_endpoints_begin(s);
	found = take_hops(s);
	for (size_t i = 0; i < l->host_n; i++)
		found += take_addresses(l, &l->hosts[i], l->hosts[i].v4) +
			 take_addresses(l, &l->hosts[i], l->hosts[i].v6);
	if (found) {
		site_endpoints_end(s);
		s->find = SITE_KNOWN;
		s->find_again_us = l->host_n || l->mx_n ? seconds_from_now(l->ttl < TTL_LEAST_S ? TTL_LEAST_S : l->ttl) : 0;
	} else {
		conclude_empty(l);
	}
}

static void proceed(struct lookup *l)
{
	struct site *s = l->site;
	const struct resolver *rs = l->rs;

	if (!l->is_second) {
		l->is_second = true;
		ask_hosts(l);
		if (!dns_scope_arm(l->scope))
			return;
	}
	conclude(l);
	s->lookup = NULL;
	lookup_free(l);
	rs->done(rs->arg, s);
}

void resolve_start(const struct resolver *rs, struct site *s)
{
	struct dns_limits limits = {QUERIES, rs->timeout_ms};
	struct lookup *l;

	if (s->lookup)
		return;
	l = calloc(1, sizeof *l);
	if (!l)
		abort();
	s->find = SITE_ASKING;
	s->lookup = l;
	l->rs = rs;
	l->site = s;
	l->ttl = TTL_MOST_S;
	l->arena = arena_new(0);
	l->scope = dns_scope_new(rs->dns, &limits, on_idle, l);
	ask_mx(l);
	if (dns_scope_arm(l->scope))
		proceed(l);
}
