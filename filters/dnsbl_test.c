/*
 * The test points of block lists (RFC 5782 part 5): 127.0.0.2 must be listed, 127.0.0.1 must not.
 * A zone that lists both answers for everybody, a zone that lists neither is gone; both happen when
 * an operator gives up. Without an answer the last verdict stands.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "filters/dnsbl.h"
#include "lib/clock.h"

enum { LISTED, UNLISTED, POINTS };
enum { TIMEOUT_MS = 10000, RETRY_US = 60 * 1000000 };

struct dnsbl_test {
	const struct dnsbl_conf *conf;
	struct dns *dns;
	_Atomic(const char *) problems[DNSBL_ZONES_MAX];
	_Atomic int64_t due_us;
	atomic_bool is_running;

	pthread_mutex_t lock; /* for what follows; only ever tried */
	struct dns_scope *scope;
	struct dns_ticket *tickets[DNSBL_ZONES_MAX][POINTS];
};

static void start(struct dnsbl_test *t);

struct dnsbl_test *dnsbl_test_new(const struct dnsbl_conf *conf, struct dns *dns)
{
	struct dnsbl_test *t = calloc(1, sizeof *t);

	if (!t)
		abort();
	t->conf = conf;
	t->dns = dns;
	pthread_mutex_init(&t->lock, NULL);
	if (dns)
		start(t);
	return t;
}

void dnsbl_test_free(struct dnsbl_test *t)
{
	if (!t)
		return;
	dns_scope_free(t->scope);
	pthread_mutex_destroy(&t->lock);
	free(t);
}

const char *dnsbl_test_problem(struct dnsbl_test *t, size_t zone)
{
	return atomic_load_explicit(&t->problems[zone], memory_order_relaxed);
}

/* 127.0.0.x, for zones of IPv6 only as ::ffff:127.0.0.x. */
static struct dns_ticket *ask(struct dnsbl_test *t, const struct dnsbl_zone *zone, uint8_t last)
{
	struct ip v4 = {.family = 4, .b = {127, 0, 0, last}};
	struct ip v6 = {.family = 6, .b = {[10] = 0xff, 0xff, 127, 0, 0, last}};
	char reverse[72], name[72 + 256];
	struct str address = ip_reverse(zone->family == DNSBL_IPV6 ? &v6 : &v4, reverse);

	snprintf(name, sizeof name, "%.*s.%.*s", STR_ARG(address), STR_ARG(zone->list.name));
	return dns_ask(t->scope, str_of(name), DNS_A);
}

static void start(struct dnsbl_test *t)
{
	struct dns_limits limits = {.queries = POINTS * DNSBL_ZONES_MAX, .timeout_ms = TIMEOUT_MS};

	t->scope = dns_scope_new(t->dns, &limits, NULL, NULL);
	for (size_t i = 0; i < t->conf->n; i++) {
		const struct dnsbl_zone *zone = t->conf->zones[i];
		if (!zone->has_test_points)
			continue;
		t->tickets[i][LISTED] = ask(t, zone, 2);
		t->tickets[i][UNLISTED] = ask(t, zone, 1);
	}
	atomic_store(&t->is_running, true);
}

static bool has_refusal(const struct dns_answer *answer)
{
	for (size_t i = 0; i < answer->n; i++)
		if (dnszone_is_refusal(&answer->records[i].ip))
			return true;
	return false;
}

/* The answers decide, as far as there are any. */
static const char *judge(const struct dns_answer *listed, const struct dns_answer *unlisted,
    const char *before)
{
	if (has_refusal(listed) || has_refusal(unlisted))
		return "it refuses our queries";
	if (unlisted->n)
		return "it lists 127.0.0.1, so it answers for everybody";
	if (dns_is_trouble(listed->status) || dns_is_trouble(unlisted->status))
		return before;
	return listed->n ? NULL : "it does not list its test entry 127.0.0.2, so it is out of service";
}

static bool are_answered(const struct dnsbl_test *t)
{
	for (size_t i = 0; i < t->conf->n; i++)
		for (int k = 0; k < POINTS; k++)
			if (t->tickets[i][k] && !dns_is_done(t->tickets[i][k]))
				return false;
	return true;
}

static void finish(struct dnsbl_test *t)
{
	bool has_trouble = false;

	for (size_t i = 0; i < t->conf->n; i++) {
		const struct dns_answer *listed, *unlisted;

		if (!t->tickets[i][LISTED])
			continue;
		listed = dns_wait(t->tickets[i][LISTED]);
		unlisted = dns_wait(t->tickets[i][UNLISTED]);
		has_trouble |= dns_is_trouble(listed->status) || dns_is_trouble(unlisted->status);
		t->problems[i] = judge(listed, unlisted, t->problems[i]);
	}
	dns_scope_free(t->scope);
	t->scope = NULL;
	t->due_us = clock_mono_us() + (has_trouble ? RETRY_US : t->conf->test_every_ms * 1000);
	atomic_store(&t->is_running, false);
}

void dnsbl_test_step(struct dnsbl_test *t)
{
	if (!t->dns || (!t->is_running && clock_mono_us() < t->due_us))
		return;
	if (pthread_mutex_trylock(&t->lock) != 0)
		return;
	if (!t->scope && clock_mono_us() >= t->due_us)
		start(t);
	if (t->scope && are_answered(t))
		finish(t);
	pthread_mutex_unlock(&t->lock);
}
