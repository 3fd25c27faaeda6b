/*
 * DNS, the asker's side: scopes with their budgets and tickets. Answers come back from the resolver
 * as raw packets under the lock of their scope and are parsed by whoever waits for them, into the
 * scope's arena, which belongs to the scope's holder.
 */
#include "lib/dns/dns.h"

#include <stdlib.h>
#include <time.h>

#include "lib/clock.h"
#include "lib/dns/dns_cache.h"
#include "lib/dns/dns_packet.h"
#include "lib/dns/dns_private.h"

enum { LOOK_AGAIN_US = 20000 }; /* while a test steers the clock */

struct dns {
	void (*table)(
	    void *arg, struct str name, enum dns_type type, struct dns_answer *ret_answer);
	void *table_arg;
	struct resolver *resolver;
	struct dns_cache *cache;
	int64_t timeout_us; /* of one question */
};

static struct dns_ticket no_scope = {.is_done = true, .answer = {.status = DNS_TEMP}};

static void finish_locked(struct dns_ticket *t, enum dns_status status);

/* ---- life ---- */

static struct dns *dns_alloc(void)
{
	struct dns *dns = calloc(1, sizeof *dns);

	if (!dns)
		abort();
	return dns;
}

struct dns *dns_new(const struct dns_options *options, struct arena *a, struct str *ret_error)
{
	struct dns *dns = dns_alloc();

	dns->timeout_us = (int64_t)options->timeout_ms * 1000;
	dns->cache = dns_cache_new();
	dns->resolver = resolver_new(options, a, ret_error);
	if (dns->resolver)
		return dns;
	dns_free(dns);
	return NULL;
}

struct dns *dns_new_table(
    void (*answer)(void *arg, struct str name, enum dns_type type, struct dns_answer *ret_answer),
    void *arg)
{
	struct dns *dns = dns_alloc();

	dns->table = answer;
	dns->table_arg = arg;
	return dns;
}

void dns_free(struct dns *dns)
{
	if (!dns)
		return;
	resolver_free(dns->resolver);
	dns_cache_free(dns->cache);
	free(dns);
}

const char *dns_answer_problem(const struct dns_answer *answer)
{
	static const char *const names[] = {
	    [DNS_PENDING] = "pending",
	    [DNS_OK] = "ok",
	    [DNS_NXDOMAIN] = "no such name",
	    [DNS_NODATA] = "no such record",
	    [DNS_TEMP] = "no answer",
	    [DNS_BOGUS] = "failed validation",
	    [DNS_BADNAME] = "not a domain name",
	    [DNS_BUDGET] = "too many queries",
	};
	static const char *const rcodes[] = {
	    [DNS_FORMERR] = "an answer that cannot be read",
	    [DNS_SERVFAIL] = "the name server failed (SERVFAIL)",
	};
	const char *said = answer->rcode < sizeof rcodes / sizeof *rcodes ? rcodes[answer->rcode] : NULL;

	if (answer->status != DNS_TEMP || answer->rcode == 0)
		return names[answer->status];
	return said ? said : "an answer of no use";
}

/* ---- scopes ---- */

static void ticket_preset(struct dns_ticket *t, struct dns_scope *scope, enum dns_status status)
{
	t->scope = scope;
	t->status = t->answer.status = status;
	t->is_done = true;
}

struct dns_scope *dns_scope_new(
    struct dns *dns, const struct dns_limits *limits, void (*on_idle)(void *arg), void *arg)
{
	struct dns_scope *scope = calloc(1, sizeof *scope);
	pthread_condattr_t attr;

	if (!scope)
		abort();
	scope->dns = dns;
	scope->limits = *limits;
	scope->on_idle = on_idle;
	scope->arg = arg;
	scope->arena = arena_new(0);
	scope->left_us = (int64_t)limits->timeout_ms * 1000;
	scope->references = 1;
	pthread_mutex_init(&scope->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&scope->changed, &attr);
	pthread_condattr_destroy(&attr);
	ticket_preset(&scope->bad_name, scope, DNS_BADNAME);
	ticket_preset(&scope->over_budget, scope, DNS_BUDGET);
	ticket_preset(&scope->no_time, scope, DNS_TEMP);
	return scope;
}

void dns_scope_free(struct dns_scope *scope)
{
	if (!scope)
		return;
	/* on_idle runs under the lock: behind it nobody calls it any more. */
	pthread_mutex_lock(&scope->lock);
	scope->is_dead = true;
	scope->is_armed = false;
	pthread_mutex_unlock(&scope->lock);
	scope_unref(scope);
}

void scope_ref(struct dns_scope *scope)
{
	atomic_fetch_add(&scope->references, 1);
}

void scope_unref(struct dns_scope *scope)
{
	if (atomic_fetch_sub(&scope->references, 1) != 1)
		return;
	for (struct dns_ticket *t = scope->tickets; t; t = t->next)
		free(t->packet);
	pthread_cond_destroy(&scope->changed);
	pthread_mutex_destroy(&scope->lock);
	arena_free(scope->arena);
	free(scope);
}

bool dns_scope_arm(struct dns_scope *scope)
{
	bool is_idle;

	if (!scope)
		return true;
	pthread_mutex_lock(&scope->lock);
	is_idle = scope->pending == 0;
	scope->is_armed = !is_idle;
	pthread_mutex_unlock(&scope->lock);
	return is_idle;
}

void dns_scope_renew(struct dns_scope *scope)
{
	if (!scope)
		return;
	pthread_mutex_lock(&scope->lock);
	scope->left_us = (int64_t)scope->limits.timeout_ms * 1000;
	scope->until_us = clock_mono_us() + scope->left_us;
	pthread_mutex_unlock(&scope->lock);
}

unsigned dns_scope_used(const struct dns_scope *scope)
{
	return scope ? scope->used : 0;
}

/* ---- tickets, the holder's side ---- */

static struct dns_ticket *find_ticket(
    const struct dns_scope *scope, struct str name, uint64_t hash, enum dns_type type)
{
	struct dns_ticket *t = scope->tickets;

	while (t && (t->hash != hash || t->type != type || !str_ieq(t->name, name)))
		t = t->next;
	return t;
}

static struct dns_ticket *new_ticket(
    struct dns_scope *scope, struct str name, uint64_t hash, enum dns_type type)
{
	struct dns_ticket *t = arena_alloc(scope->arena, sizeof *t);

	t->scope = scope;
	t->name = str_lower(scope->arena, name);
	t->hash = hash;
	t->type = type;
	t->next = scope->tickets;
	scope->tickets = t;
	scope->used++;
	return t;
}

static void answer_from_table(struct dns *dns, struct dns_ticket *t)
{
	dns->table(dns->table_arg, t->name, t->type, &t->answer);
	if (t->answer.status == DNS_PENDING)
		t->answer.status = DNS_TEMP;
	t->status = t->answer.status;
	t->is_done = true;
}

static bool answer_from_cache(struct dns *dns, struct dns_ticket *t)
{
	struct dns_cached cached;

	if (!dns_cache_get(dns->cache, t->name, t->hash, t->type, &cached))
		return false;
	t->packet = cached.packet;
	t->packet_length = cached.length;
	t->is_secure = cached.is_secure;
	t->age = cached.age;
	t->status = DNS_OK;
	t->is_done = true;
	return true;
}

/* Counts the ticket as pending; false when the scope's time is used up. */
static bool start_clock(struct dns_scope *scope, struct dns_ticket *t)
{
	int64_t now = clock_mono_us();
	bool has_time;

	pthread_mutex_lock(&scope->lock);
	if (scope->pending == 0)
		scope->until_us = now + scope->left_us;
	has_time = scope->until_us > now;
	t->deadline_us = scope->until_us;
	if (scope->dns->timeout_us && t->deadline_us > now + scope->dns->timeout_us)
		t->deadline_us = now + scope->dns->timeout_us;
	scope->pending += has_time;
	pthread_mutex_unlock(&scope->lock);
	return has_time;
}

static struct dns_ticket *ask(struct dns_scope *scope, struct str name, enum dns_type type, unsigned reserve)
{
	struct dns_name wire;
	struct dns_ticket *t;
	uint64_t hash;

	if (!scope)
		return &no_scope;
	if (!dns_name_from_text(name, &wire))
		return &scope->bad_name;
	if (name.n > 1 && name.p[name.n - 1] == '.')
		name.n--;
	hash = str_ihash(name);
	t = find_ticket(scope, name, hash, type);
	if (t)
		return t;
	if (!scope->dns)
		return &scope->no_time;
	if (scope->used + reserve >= scope->limits.queries)
		return &scope->over_budget;
	t = new_ticket(scope, name, hash, type);
	if (scope->dns->table)
		answer_from_table(scope->dns, t);
	else if (answer_from_cache(scope->dns, t))
		;
	else if (start_clock(scope, t))
		resolver_submit(scope->dns->resolver, t);
	else
		ticket_preset(t, scope, DNS_TEMP);
	return t;
}

struct dns_ticket *dns_ask(struct dns_scope *scope, struct str name, enum dns_type type)
{
	return ask(scope, name, type, scope ? scope->limits.reserve : 0);
}

struct dns_ticket *dns_ask_reserved(struct dns_scope *scope, struct str name, enum dns_type type)
{
	return ask(scope, name, type, 0);
}

/* Waits on the scope's condition till the deadline, in short steps while a test steers the clock.
 */
static void wait_until(struct dns_scope *scope, int64_t deadline_us)
{
	int64_t left_us = deadline_us - clock_mono_us();
	int64_t until_ns;
	struct timespec ts;

	if (clock_is_steered() && left_us > LOOK_AGAIN_US)
		left_us = LOOK_AGAIN_US;
	until_ns = clock_ticks_ns() + left_us * 1000;
	ts.tv_sec = until_ns / 1000000000;
	ts.tv_nsec = until_ns % 1000000000;
	pthread_cond_timedwait(&scope->changed, &scope->lock, &ts);
}

static void wait_done(struct dns_ticket *t)
{
	struct dns_scope *scope = t->scope;

	pthread_mutex_lock(&scope->lock);
	while (!t->is_done) {
		if (clock_mono_us() >= t->deadline_us)
			finish_locked(t, DNS_TEMP);
		else
			wait_until(scope, t->deadline_us);
	}
	pthread_mutex_unlock(&scope->lock);
}

const struct dns_answer *dns_wait(struct dns_ticket *t)
{
	if (t->answer.status != DNS_PENDING)
		return &t->answer;
	wait_done(t);
	t->answer.status = t->status;
	t->answer.rcode = t->rcode;
	if (t->status == DNS_OK &&
	    !dns_parse(t->scope->arena, t->packet, t->packet_length, t->name, t->type, &t->answer))
		t->answer = (struct dns_answer){.status = DNS_TEMP, .rcode = DNS_FORMERR};
	t->answer.ttl = t->answer.ttl > t->age ? t->answer.ttl - t->age : 0;
	t->answer.is_secure = t->is_secure && t->answer.status != DNS_TEMP;
	free(t->packet);
	t->packet = NULL;
	return &t->answer;
}

const struct dns_answer *dns_wait_until(struct dns_ticket *t, int64_t until_us)
{
	if (t->answer.status == DNS_PENDING && t->deadline_us > until_us)
		t->deadline_us = until_us;
	return dns_wait(t);
}

bool dns_is_done(const struct dns_ticket *t)
{
	return atomic_load_explicit(&t->is_done, memory_order_acquire);
}

const struct dns_answer *dns_get(struct dns_scope *scope, struct str name, enum dns_type type)
{
	return dns_wait(dns_ask(scope, name, type));
}

/* ---- the way back from the resolver ---- */

/* Call with the lock of the scope, once per ticket that was pending. */
static void finish_locked(struct dns_ticket *t, enum dns_status status)
{
	struct dns_scope *scope = t->scope;

	t->status = status;
	atomic_store_explicit(&t->is_done, true, memory_order_release);
	if (--scope->pending == 0)
		scope->left_us = scope->until_us - clock_mono_us();
}

void ticket_fail(struct dns_ticket *t, unsigned rcode)
{
	struct dns_scope *scope = t->scope;

	pthread_mutex_lock(&scope->lock);
	if (!t->is_done)
		t->rcode = (uint8_t)rcode;
	pthread_mutex_unlock(&scope->lock);
	ticket_deliver(t, DNS_TEMP, NULL, 0, false);
}

void ticket_deliver(
    struct dns_ticket *t, enum dns_status status, const void *packet, size_t length, bool is_secure)
{
	struct dns_scope *scope = t->scope;
	uint8_t *copy = NULL;

	if (packet && !scope->is_dead) {
		copy = malloc(length);
		if (!copy)
			abort();
		memcpy(copy, packet, length);
	}
	if (packet)
		dns_cache_put(scope->dns->cache, t->name, t->hash, t->type, packet, length, is_secure);
	pthread_mutex_lock(&scope->lock);
	if (!t->is_done) {
		t->packet = copy;
		t->packet_length = length;
		t->is_secure = is_secure;
		copy = NULL;
		finish_locked(t, status);
		pthread_cond_broadcast(&scope->changed);
	}
	if (scope->is_armed && scope->pending == 0) {
		scope->is_armed = false;
		if (scope->on_idle)
			scope->on_idle(scope->arg);
	}
	pthread_mutex_unlock(&scope->lock);
	free(copy);
	scope_unref(scope);
}
