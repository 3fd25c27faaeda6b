/*
 * Connections: each site gets as many as it has work for, within its limits; a connection that has
 * done its job takes the next one; one that has nothing to do is closed after a few seconds.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/relay/relay_private.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/tls.h"

enum { RAMP = 2, NO_TLS_US = 600 * 1000000 };

static void on_ready(void *arg, struct client *c);
static void on_done(void *arg, struct client *c, struct job *job);
static void on_gone(void *arg, struct client *c, struct job *job, enum client_trouble trouble, struct str text);

static const struct client_events client_events = {on_ready, on_done, on_gone};

/* ---- connections ---- */

static void hop_text(const struct endpoint *e, char out[HOP_TEXT_MAX])
{
	char ip[IP_TEXT_MAX];
	struct str address = ip_format(&e->ip, ip);

	if (e->host.n)
		snprintf(out, HOP_TEXT_MAX, "%.*s[%.*s]:%u", (int)(e->host.n < 60 ? e->host.n : 60), e->host.p,
		    STR_ARG(address), e->port);
	else
		snprintf(out, HOP_TEXT_MAX, e->ip.family == 6 ? "[%.*s]:%u" : "%.*s:%u", STR_ARG(address), e->port);
}

static struct tls_shared *tls_make(struct relay *r, struct str ca)
{
	struct tls_shared *t = calloc(1, sizeof *t + ca.n + 1);
	struct arena *a = arena_new(0);
	struct str error;

	if (!t)
		abort();
	memcpy(t->ca, ca.p ? ca.p : "", ca.n);
	t->context = tls_client_new(ca.n ? t->ca : NULL, a, &error);
	if (!t->context)
		log_say(LOG_LEVEL_ERROR, "tls", "TLS to next hops cannot be used: %.*s", STR_ARG(error));
	t->next = r->tls;
	r->tls = t;
	arena_free(a);
	return t;
}

static struct ssl_ctx_st *tls_of(struct relay *r, const struct site *s)
{
	struct tls_shared *t = r->tls;

	if (s->route.tls == ROUTE_TLS_NONE)
		return NULL;
	while (t && !str_is(s->route.tls_ca, t->ca))
		t = t->next;
	return (t ? t : tls_make(r, s->route.tls_ca))->context;
}

void pump_forget_tls(struct relay *r)
{
	for (struct tls_shared *t = r->tls, *next; t; t = next) {
		next = t->next;
		tls_free(t->context);
		free(t);
	}
	r->tls = NULL;
}

static void connection_open(struct relay *r, struct site *s, struct endpoint *e)
{
	struct client_slot *k = calloc(1, sizeof *k);
	bool no_tls = s->route.tls == ROUTE_TLS_MAY && e->no_tls_until_us > clock_mono_us();
	struct client_target target = {
	    .ip = e->ip,
	    .port = e->port,
	    .tls = no_tls ? ROUTE_TLS_NONE : s->route.tls,
	    .tls_name = s->route.tls_name.n ? s->route.tls_name : e->host,
	    .tls_context = tls_of(r, s),
	    .helo = r->hostname,
	    .connect_ms = s->route.connect_timeout_ms,
	    .command_ms = s->route.command_timeout_ms,
	    .data_ms = s->route.data_timeout_ms,
	};

	if (!k)
		abort();
	k->relay = r;
	k->site = s;
	k->endpoint = e;
	k->next = s->slots;
	s->slots = k;
	s->connections++;
	s->connecting++;
	r->outside += s->domain.n > 0;
	e->connections++;
	k->client = client_new(r->loop, &target, &client_events, k);
}

static void become_idle(struct client_slot *k)
{
	k->is_idle = true;
	k->endpoint->idle++;
	k->idle_since_us = clock_mono_us();
}

static void become_busy(struct client_slot *k)
{
	k->endpoint->idle -= k->is_idle;
	k->is_idle = false;
}

static void slot_end(struct client_slot *k)
{
	struct client_slot **at = &k->site->slots;

	while (*at != k)
		at = &(*at)->next;
	*at = k->next;
	become_busy(k);
	k->site->connections--;
	k->relay->outside -= k->site->domain.n > 0;
	k->site->connecting -= !k->was_ready;
	k->endpoint->connections--;
	site_endpoints_clean(k->site);
	free(k);
}

static struct client_slot *idle_slot(struct site *s, const struct endpoint *e)
{
	for (struct client_slot *k = s->slots; k; k = k->next)
		if (k->endpoint == e && k->is_idle)
			return k;
	return NULL;
}

void pump_idle(struct relay *r, struct site *s, bool all)
{
	int64_t now = clock_mono_us();

	(void)r;
	for (struct client_slot *k = s->slots, *next; k; k = next) {
		next = k->next;
		if (!k->is_idle || (!all && now - k->idle_since_us < CONNECTION_IDLE_MS * 1000))
			continue;
		client_quit(k->client);
		slot_end(k);
	}
}

void pump_drop(struct relay *r)
{
	for (size_t i = 0; i < r->site_n; i++) {
		for (struct client_slot *k = r->sites[i] ? r->sites[i]->slots : NULL, *next; k; k = next) {
			next = k->next;
			client_drop(k->client);
			if (k->delivery) {
				r->jobs--;
				delivery_unref(k->delivery);
			}
			slot_end(k);
		}
	}
}

/* ---- what a client says ---- */

static void send_on(struct client_slot *k, struct delivery *d)
{
	become_busy(k);
	site_used(k->site, k->endpoint, clock_mono_us());
	k->delivery = d;
	k->relay->jobs++;
	hop_text(k->endpoint, d->hop);
	d->tls = client_tls(k->client);
	d->server_has_dsn = client_offers(k->client) & OFFER_DSN;
	d->job.started_us = clock_mono_us();
	client_send(k->client, &d->job);
}

static void on_ready(void *arg, struct client *c)
{
	struct client_slot *k = arg;

	(void)c;
	k->was_ready = true;
	k->site->connecting--;
	become_idle(k);
	endpoint_worked(k->endpoint);
	k->site->trouble.n = 0;
	pump_later(k->relay, k->site);
	pump_queued(k->relay);
}

static void on_done(void *arg, struct client *c, struct job *job)
{
	struct client_slot *k = arg;
	struct relay *r = k->relay;
	struct site *s = k->site;
	struct delivery *d = job->owner;

	k->delivery = NULL;
	r->jobs--;
	delivery_settle(d, STR(""));
	if (!client_is_ready(c)) /* on_gone follows */
		return;
	if (client_jobs(c) >= CONNECTION_JOBS_MAX) {
		client_quit(c);
		slot_end(k);
	} else {
		become_idle(k);
	}
	pump_later(r, s);
	pump_queued(r);
}

/*
 * No next hop answers. The messages stay where they are; only the one whose turn it was is deferred
 * and logged, and the next probe, when an endpoint may be tried again, takes another.
 */
static void say_trouble(struct relay *r, struct site *s, const char *hop)
{
	int64_t now = clock_mono_us(), up = s->find == SITE_KNOWN ? site_up_at_us(s) : s->find_again_us;
	struct delivery *d;

	if (s->find == SITE_KNOWN && !site_all_down(s, now))
		return;
	d = delivery_take(r, s);
	if (!d)
		return;
	snprintf(d->hop, sizeof d->hop, "%s", hop);
	d->tls = "none";
	d->next_ms = wall_ms(clock_now_us()) + (up > now && up != INT64_MAX ? (up - now) / 1000 : 1000);
	delivery_settle(d, s->trouble);
}

static bool is_hop_trouble(enum client_trouble trouble)
{
	return trouble == TROUBLE_CONNECT || trouble == TROUBLE_TLS || trouble == TROUBLE_BUSY;
}

/* `tls may` promises to try: a server that cannot do it is spoken to in the clear for a while. */
static bool is_tls_given_up(struct client_slot *k, enum client_trouble trouble)
{
	if (trouble != TROUBLE_TLS || k->site->route.tls != ROUTE_TLS_MAY)
		return false;
	k->endpoint->no_tls_until_us = clock_mono_us() + NO_TLS_US;
	return true;
}

static void log_trouble(const char *hop, struct str text)
{
	struct log_line l = log_start(LOG_LEVEL_WARNING, "next-hop");

	log_text(&l, "hop", str_of(hop));
	log_text(&l, "text", text);
	log_end(&l);
}

static void on_gone(void *arg, struct client *c, struct job *job, enum client_trouble trouble, struct str text)
{
	struct client_slot *k = arg;
	struct relay *r = k->relay;
	struct site *s = k->site;
	char hop[HOP_TEXT_MAX];

	(void)c;
	hop_text(k->endpoint, hop);
	if (is_hop_trouble(trouble)) {
		log_trouble(hop, text);
		if (!is_tls_given_up(k, trouble))
			endpoint_failed(s, k->endpoint, clock_mono_us());
		site_set_trouble(s, text);
	}
	if (job) {
		struct delivery *d = job->owner;
		r->jobs--;
		d->is_free_try = trouble == TROUBLE_STALE;
		delivery_settle(d, text);
	}
	slot_end(k);
	if (is_hop_trouble(trouble))
		say_trouble(r, s, hop);
	pump_later(r, s);
	pump_queued(r);
}

/* ---- the pump ---- */

/* Are there endpoints to send to, or is it known that there are none? */
static bool is_found(struct relay *r, struct site *s)
{
	bool is_old = s->find_again_us && s->find_again_us <= clock_mono_us();

	if (s->find == SITE_ASKING)
		return false;
	if (s->find == SITE_UNKNOWN ? s->find_again_us == 0 || is_old : is_old)
		resolve_start(&r->resolver, s);
	return s->find == SITE_KNOWN || s->find == SITE_NOWHERE;
}

void pump_resolved(void *arg, struct site *s)
{
	struct relay *r = arg;

	if (s->find == SITE_UNKNOWN)
		say_trouble(r, s, "");
	pump_later(r, s);
	pump_queued(r);
}

static void fail_nowhere(struct relay *r, struct site *s)
{
	struct delivery *d = delivery_take(r, s);

	if (!d)
		return;
	d->tls = "none";
	delivery_decide(d, FATE_PERM, 550, s->nowhere_code, s->trouble);
	delivery_settle(d, STR(""));
}

static void send_one(struct relay *r, struct site *s, struct client_slot *k)
{
	struct delivery *d = delivery_take(r, s);

	if (d && delivery_check(d, k->client))
		send_on(k, d);
}

/*
 * One step; false when nothing more can be done now. Who has the turn but no connection gets one;
 * meanwhile another that is idle takes the message.
 */
static bool step(struct relay *r, struct site *s)
{
	int64_t now = clock_mono_us();
	struct endpoint *e;

	if (!is_found(r, s))
		return false;
	if (s->find == SITE_NOWHERE) {
		fail_nowhere(r, s);
		return true;
	}
	e = site_pick(s, now, false);
	if (e && !e->idle && s->connecting < RAMP && s->connecting < s->n && (s->domain.n == 0 || r->outside < OUTSIDE_MAX))
		connection_open(r, s, e);
	e = site_pick(s, now, true);
	if (!e)
		return false;
	send_one(r, s, idle_slot(s, e));
	return true;
}

void pump(struct relay *r, struct site *s)
{
	if (r->is_draining || s->is_pumping)
		return;
	s->is_pumping = true;
	site_prune(s);
	while (site_first_ms(s) <= wall_ms(clock_now_us()) && step(r, s))
		;
	s->is_pumping = false;
}

void pump_later(struct relay *r, struct site *s)
{
	if (s->is_queued)
		return;
	s->is_queued = true;
	s->next_queued = r->queued;
	r->queued = s;
}

void pump_queued(struct relay *r)
{
	if (r->is_pumping)
		return;
	r->is_pumping = true;
	for (struct site *s; (s = r->queued);) {
		r->queued = s->next_queued;
		s->is_queued = false;
		pump(r, s);
	}
	r->is_pumping = false;
}
