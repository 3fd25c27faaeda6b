/* Sites: keys, heap, endpoints. Look-ups are in resolve.c, connections in relay.c. */
#include "gateway/relay/site.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/relay/resolve.h"
#include "gateway/relay/retry.h"

enum { DOWN_FIRST_MS = 5000, DOWN_MOST_MS = 300000, BALANCE_MOST = 4 * ROUTE_WEIGHT_MAX };

static struct str hop_text(struct arena *a, const struct hop *h)
{
	char ip[IP_TEXT_MAX];
	struct str host = h->ip.family ? ip_format(&h->ip, ip) : h->host;

	return arena_printf(a, "%s%.*s:%u*%u", h->is_mx ? "mx:" : "", STR_ARG(host), h->port, h->weight);
}

struct str site_route_key(struct arena *a, const struct route *r)
{
	struct buf b = {0};

	for (size_t i = 0; i < r->hop_count; i++) {
		buf_add(&b, hop_text(a, &r->hops[i]));
		buf_addc(&b, ' ');
	}
	buf_addf(&b, "tls=%d name=%.*s ca=%.*s max=%lld ", r->tls, STR_ARG(r->tls_name),
	    STR_ARG(r->tls_ca), (long long)r->max_connections);
	buf_addf(&b, "times=%lld,%lld,%lld,%lld,%lld,%lld,%lld", (long long)r->connect_timeout_ms,
	    (long long)r->command_timeout_ms, (long long)r->data_timeout_ms, (long long)r->lifetime_ms,
	    (long long)r->retry_first_ms, (long long)r->retry_max_ms, (long long)r->warn_after_ms);
	return buf_take(&b, a);
}

static void copy_route(struct site *s, const struct route *r)
{
	s->route = *r;
	s->route.domains = (struct conf_strings){0};
	s->route.hops = arena_array(s->arena, r->hop_count + 1, sizeof *r->hops);
	for (size_t i = 0; i < r->hop_count; i++) {
		s->route.hops[i] = r->hops[i];
		s->route.hops[i].host = arena_str(s->arena, r->hops[i].host);
	}
	s->route.tls_name = arena_str(s->arena, r->tls_name);
	s->route.tls_ca = arena_str(s->arena, r->tls_ca);
}

struct site *site_new(uint32_t index, struct str key, const struct route *route, struct str domain)
{
	struct arena *a = arena_new(0);
	struct site *s = calloc(1, sizeof *s);

	if (!s)
		abort();
	s->arena = a;
	s->index = index;
	s->key = arena_str(a, key);
	s->domain = arena_str(a, domain);
	copy_route(s, route);
	return s;
}

void site_free(struct site *s)
{
	for (struct endpoint *e = s->endpoints, *next; e; e = next) {
		next = e->next;
		free(e);
	}
	for (size_t i = 0; i < s->n; i++)
		mail_unpin(s->heap[i].m);
	free(s->heap);
	lookup_free(s->lookup);
	arena_free(s->arena);
	free(s);
}

void site_set_trouble(struct site *s, struct str text)
{
	text = str_sub(text, 0, sizeof s->trouble_text);
	memcpy(s->trouble_text, text.p ? text.p : "", text.n);
	s->trouble = (struct str){s->trouble_text, text.n};
}

/* ---- the heap: the earliest on top ---- */

/* What is due at the same time goes in the order in which it came in. */
static bool is_before(const struct due *a, const struct due *b)
{
	if (a->at_ms != b->at_ms)
		return a->at_ms < b->at_ms;
	if (a->m->arrived != b->m->arrived)
		return a->m->arrived < b->m->arrived;
	return a->m->offset < b->m->offset;
}

static void swap(struct due *a, struct due *b)
{
	struct due t = *a;

	*a = *b;
	*b = t;
}

void site_push(struct site *s, struct mail *m, int64_t at_ms)
{
	size_t i = s->n++;

	if (s->n > s->room) {
		s->room = s->room ? s->room * 2 : 64;
		s->heap = realloc(s->heap, s->room * sizeof *s->heap);
		if (!s->heap)
			abort();
	}
	mail_pin(m);
	s->heap[i] = (struct due){at_ms, m};
	for (; i && is_before(&s->heap[i], &s->heap[(i - 1) / 2]); i = (i - 1) / 2)
		swap(&s->heap[i], &s->heap[(i - 1) / 2]);
}

int64_t site_first_ms(const struct site *s)
{
	return s->n ? s->heap[0].at_ms : INT64_MAX;
}

struct mail *site_pop(struct site *s, int64_t now_ms)
{
	struct mail *m;

	if (s->n == 0 || s->heap[0].at_ms > now_ms)
		return NULL;
	m = s->heap[0].m;
	s->heap[0] = s->heap[--s->n];
	for (size_t i = 0, child; (child = 2 * i + 1) < s->n; i = child) {
		child += child + 1 < s->n && is_before(&s->heap[child + 1], &s->heap[child]);
		if (!is_before(&s->heap[child], &s->heap[i]))
			break;
		swap(&s->heap[i], &s->heap[child]);
	}
	if (s->n < s->room / 4 && s->room > 1024) {
		struct due *less = realloc(s->heap, s->room / 2 * sizeof *s->heap);
		if (less) {
			s->heap = less;
			s->room /= 2;
		}
	}
	return m;
}

void site_prune(struct site *s)
{
	while (s->n && s->heap[0].m->flags & MAIL_DONE)
		mail_unpin(site_pop(s, INT64_MAX));
}

/* ---- endpoints ---- */

static bool is_down(const struct endpoint *e, int64_t now_us)
{
	return e->down_until_us > now_us;
}

/* One that failed before is probed with one connection at a time. */
bool endpoint_has_room(const struct site *s, const struct endpoint *e)
{
	return e->connections < (e->failures ? 1 : (unsigned)s->route.max_connections);
}

static bool is_usable(const struct endpoint *e, int64_t now_us)
{
	return !e->is_stale && !is_down(e, now_us);
}

static unsigned best_preference(const struct site *s, int64_t now_us)
{
	unsigned best = UINT32_MAX;

	for (const struct endpoint *e = s->endpoints; e; e = e->next)
		if (is_usable(e, now_us) && e->preference < best)
			best = e->preference;
	return best;
}

static bool takes_part(const struct site *s, const struct endpoint *e, unsigned preference, int64_t now_us)
{
	return e->preference == preference && is_usable(e, now_us) && (e->idle || endpoint_has_room(s, e));
}

/*
 * Smooth weighted round robin: at each message all that take part gain their weight, and the one
 * that is furthest ahead gets it and pays for all.
 */
struct endpoint *site_pick(struct site *s, int64_t now_us, bool only_idle)
{
	unsigned preference = best_preference(s, now_us);
	struct endpoint *best = NULL;

	for (struct endpoint *e = s->endpoints; e; e = e->next) {
		if (!takes_part(s, e, preference, now_us) || (only_idle && !e->idle))
			continue;
		if (!best || e->balance + e->weight > best->balance + best->weight)
			best = e;
	}
	return best;
}

void site_used(struct site *s, struct endpoint *used, int64_t now_us)
{
	int64_t total = 0;

	for (struct endpoint *e = s->endpoints; e; e = e->next) {
		if (e != used && !takes_part(s, e, used->preference, now_us))
			continue;
		total += e->weight;
		/* One that had no connection for a while must not get everything afterwards. */
		if (e->balance < BALANCE_MOST)
			e->balance += e->weight;
	}
	used->balance -= total;
}

bool site_all_down(const struct site *s, int64_t now_us)
{
	for (const struct endpoint *e = s->endpoints; e; e = e->next)
		if (is_usable(e, now_us))
			return false;
	return true;
}

int64_t site_up_at_us(const struct site *s)
{
	int64_t at = INT64_MAX;

	for (const struct endpoint *e = s->endpoints; e; e = e->next)
		if (!e->is_stale && e->down_until_us < at)
			at = e->down_until_us;
	return at;
}

void endpoint_failed(struct site *s, struct endpoint *e, int64_t now_us)
{
	int64_t first = s->route.retry_first_ms < DOWN_FIRST_MS ? s->route.retry_first_ms : DOWN_FIRST_MS;
	int64_t most = s->route.retry_max_ms < DOWN_MOST_MS ? s->route.retry_max_ms : DOWN_MOST_MS;

	e->failures++;
	e->down_until_us = now_us + 1000 * retry_delay_ms(first, most, e->failures, retry_dice());
}

void endpoint_worked(struct endpoint *e)
{
	e->failures = 0;
	e->down_until_us = 0;
}

void site_endpoints_begin(struct site *s)
{
	for (struct endpoint *e = s->endpoints; e; e = e->next)
		e->is_fresh = false;
}

void site_endpoint_add(struct site *s, const struct ip *ip, uint16_t port, unsigned weight,
    unsigned preference, struct str host)
{
	struct endpoint *e, **last = &s->endpoints;
	size_t n = 0;

	for (; (e = *last) && !(e->port == port && ip_eq(&e->ip, ip)); last = &e->next)
		n++;
	if (!e && n >= ENDPOINTS_MAX)
		return;
	if (!e) {
		e = *last = calloc(1, sizeof *e + host.n + 1);
		if (!e)
			abort();
		e->ip = *ip;
		e->port = port;
		memcpy(e->text, host.p ? host.p : "", host.n);
		e->host = (struct str){e->text, host.n};
	}
	e->weight = weight ? weight : 1;
	e->preference = preference;
	e->is_fresh = true;
	e->is_stale = false;
}

void site_endpoints_end(struct site *s)
{
	for (struct endpoint *e = s->endpoints; e; e = e->next)
		e->is_stale = !e->is_fresh;
	site_endpoints_clean(s);
}

void site_endpoints_clean(struct site *s)
{
	for (struct endpoint **at = &s->endpoints, *e; (e = *at);) {
		if (!e->is_stale || e->connections) {
			at = &e->next;
			continue;
		}
		*at = e->next;
		free(e);
	}
}
