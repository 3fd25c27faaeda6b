/*
 * DNS, the resolver's side: libunbound in event mode on one thread, which owns the event base, the
 * context and the list of questions in flight. Askers put tickets into its queue and ring an
 * eventfd. libunbound's own time-outs are long (a dead forwarder: 27 s), so that each ticket has
 * its deadline here.
 */
#define _GNU_SOURCE
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unbound.h>
#include <unbound-event.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/dns/dns_packet.h"
#include "lib/dns/dns_private.h"

enum {
	TICK_MS = 20,	       /* how late a deadline may be noticed */
	IN_FLIGHT_MAX = 20000, /* beyond that questions are answered DNS_TEMP at once */
	CLASS_IN = 1,
	RCODE_NXDOMAIN = 3,
	SEC_BOGUS = 1,
	SEC_SECURE = 2,
};

struct resolver {
	pthread_mutex_t lock;
	struct dns_ticket *queue, **queue_last;
	bool is_rung, is_stopping;
	int bell;

	/* the thread's */
	pthread_t thread;
	bool is_running;
	struct event_base *base;
	struct event *bell_event, *tick;
	struct ub_ctx *ctx;
	struct dns_ticket *in_flight;
	unsigned in_flight_count;
	bool is_ticking;
};

static bool start(
    struct resolver *r, const struct dns_options *options, struct arena *a, struct str *ret_error);
static void stop(struct resolver *r);

struct resolver *resolver_new(
    const struct dns_options *options, struct arena *a, struct str *ret_error)
{
	struct resolver *r = calloc(1, sizeof *r);

	if (!r)
		abort();
	r->bell = -1;
	r->queue_last = &r->queue;
	pthread_mutex_init(&r->lock, NULL);
	if (start(r, options, a, ret_error))
		return r;
	resolver_free(r);
	return NULL;
}

void resolver_free(struct resolver *r)
{
	if (!r)
		return;
	stop(r);
	pthread_mutex_destroy(&r->lock);
	free(r);
}

static void ring(struct resolver *r)
{
	static const uint64_t one = 1;

	if (write(r->bell, &one, sizeof one) < 0)
		abort(); /* an eventfd of our own with room for 2^64 rings */
}

void resolver_submit(struct resolver *r, struct dns_ticket *t)
{
	bool must_ring;

	scope_ref(t->scope);
	t->resolver = r;
	pthread_mutex_lock(&r->lock);
	*r->queue_last = t;
	r->queue_last = &t->queued;
	must_ring = !r->is_rung;
	r->is_rung = true;
	pthread_mutex_unlock(&r->lock);
	if (must_ring)
		ring(r);
}

static void link_in_flight(struct resolver *r, struct dns_ticket *t)
{
	t->prev_in_flight = NULL;
	t->next_in_flight = r->in_flight;
	if (r->in_flight)
		r->in_flight->prev_in_flight = t;
	r->in_flight = t;
	r->in_flight_count++;
}

static void unlink_in_flight(struct resolver *r, struct dns_ticket *t)
{
	if (t->prev_in_flight)
		t->prev_in_flight->next_in_flight = t->next_in_flight;
	else
		r->in_flight = t->next_in_flight;
	if (t->next_in_flight)
		t->next_in_flight->prev_in_flight = t->prev_in_flight;
	r->in_flight_count--;
}

/* libunbound's callback; the packet is its own. */
static void on_answer(
    void *arg, int rcode, void *packet, int length, int sec, char *why_bogus, int was_ratelimited)
{
	struct dns_ticket *t = arg;

	(void)why_bogus;
	(void)was_ratelimited;
	unlink_in_flight(t->resolver, t);
	if (sec == SEC_BOGUS)
		ticket_deliver(t, DNS_BOGUS, NULL, 0, false);
	else if (rcode == 0 && packet && length > 0)
		ticket_deliver(t, DNS_OK, packet, (size_t)length, sec == SEC_SECURE);
	else if (rcode == RCODE_NXDOMAIN)
		ticket_deliver(t, DNS_NXDOMAIN, NULL, 0, sec == SEC_SECURE);
	else
		ticket_fail(t, rcode > 0 && rcode < 16 ? (unsigned)rcode : DNS_SERVFAIL);
}

/* Gives up on one that libunbound still works on: its callback will not come any more. */
static void drop(struct resolver *r, struct dns_ticket *t)
{
	ub_cancel(r->ctx, t->async_id);
	unlink_in_flight(r, t);
	ticket_deliver(t, DNS_TEMP, NULL, 0, false);
}

static void resolve(struct resolver *r, struct dns_ticket *t)
{
	char text[DNS_NAME_TEXT_MAX];
	struct dns_name wire;
	int error;

	if (t->scope->is_dead || r->in_flight_count >= IN_FLIGHT_MAX ||
	    !dns_name_from_text(t->name, &wire)) {
		ticket_deliver(t, DNS_TEMP, NULL, 0, false);
		return;
	}
	/* The callback may come before the call returns and drop the ticket's reference. */
	struct dns_scope *scope = t->scope;
	scope_ref(scope);
	link_in_flight(r, t);
	dns_name_to_text(&wire, text);
	error = ub_resolve_event(
	    r->ctx, text[0] ? text : ".", (int)t->type, CLASS_IN, t, on_answer, &t->async_id);
	if (error) {
		unlink_in_flight(r, t);
		ticket_deliver(t, error == UB_SYNTAX ? DNS_BADNAME : DNS_TEMP, NULL, 0, false);
	}
	scope_unref(scope);
}

/* ---- the thread ---- */

static void keep_ticking(struct resolver *r)
{
	static const struct timeval period = {.tv_usec = TICK_MS * 1000};

	if (r->is_ticking == (r->in_flight != NULL))
		return;
	r->is_ticking = !r->is_ticking;
	if (r->is_ticking)
		event_add(r->tick, &period);
	else
		event_del(r->tick);
}

static void on_tick(int fd, short what, void *arg)
{
	struct resolver *r = arg;
	int64_t now = clock_mono_us();

	(void)fd;
	(void)what;
	for (struct dns_ticket *t = r->in_flight, *next; t; t = next) {
		next = t->next_in_flight;
		if (t->scope->is_dead || t->is_done || now >= t->deadline_us)
			drop(r, t);
	}
	keep_ticking(r);
}

static void on_bell(int fd, short what, void *arg)
{
	struct resolver *r = arg;
	struct dns_ticket *t;
	uint64_t rings;
	bool is_stopping;

	(void)what;
	if (read(fd, &rings, sizeof rings) < 0)
		return;
	pthread_mutex_lock(&r->lock);
	t = r->queue;
	r->queue = NULL;
	r->queue_last = &r->queue;
	r->is_rung = false;
	is_stopping = r->is_stopping;
	pthread_mutex_unlock(&r->lock);
	for (struct dns_ticket *next; t; t = next) {
		next = t->queued;
		resolve(r, t);
	}
	if (is_stopping)
		event_base_loopbreak(r->base);
	else if (!r->is_ticking)
		keep_ticking(r);
}

static void *run(void *arg)
{
	struct resolver *r = arg;

	event_base_dispatch(r->base);
	while (r->in_flight)
		drop(r, r->in_flight);
	return NULL;
}

/* ---- setting libunbound up ---- */

/*
 * What libunbound answers by itself, NXDOMAIN mostly, goes to the configured resolver instead: it
 * knows which private and special zones exist. Only a file can say so.
 */
#define ZEROS_31 "0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0."
static const char zones_text[] = "server:\n"
				 "\tunblock-lan-zones: yes\n"
				 "\tinsecure-lan-zones: yes\n"
				 "\tlocal-zone: \"test.\" nodefault\n"
				 "\tlocal-zone: \"invalid.\" nodefault\n"
				 "\tlocal-zone: \"localhost.\" nodefault\n"
				 "\tlocal-zone: \"home.arpa.\" nodefault\n"
				 "\tlocal-zone: \"127.in-addr.arpa.\" nodefault\n"
				 "\tlocal-zone: \"1." ZEROS_31 "ip6.arpa.\" nodefault\n";

/* The library's own defaults are for one question at a time. */
static const struct {
	const char *name, *value;
} settings[] = {
    {"do-not-query-localhost:", "no"},
    {"outgoing-range:", "900"},
    {"num-queries-per-thread:", "4096"},
    {"outgoing-num-tcp:", "50"},
    {"msg-cache-size:", "16m"},
    {"rrset-cache-size:", "32m"},
    {"key-cache-size:", "4m"},
    {"infra-keep-probing:", "yes"},
    {"cache-max-ttl:", "86400"},
    {"cache-max-negative-ttl:", "900"},
};

static int read_zones(struct ub_ctx *ctx)
{
	char path[64];
	int fd = memfd_create("dns zones", MFD_CLOEXEC), error = UB_READFILE;
	size_t n = sizeof zones_text - 1;

	if (fd < 0)
		return error;
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	if (write(fd, zones_text, n) == (ssize_t)n)
		error = ub_ctx_config(ctx, path);
	close(fd);
	return error;
}

/* The first call that fails: its error, and what it was about. Finalizes, so that errors show now.
 */
static int configure(struct ub_ctx *ctx, const struct dns_options *o, const char **ret_what)
{
	int error;

	*ret_what = "local zones";
	error = read_zones(ctx);
	for (size_t i = 0; !error && i < sizeof settings / sizeof *settings; i++) {
		*ret_what = settings[i].name;
		error = ub_ctx_set_option(ctx, settings[i].name, settings[i].value);
	}
	*ret_what = o->trust_anchor_file ? o->trust_anchor_file : "module-config:";
	if (!error && o->trust_anchor_file)
		error = ub_ctx_add_ta_file(ctx, o->trust_anchor_file);
	else if (!error)
		error = ub_ctx_set_option(ctx, "module-config:", "iterator");
	for (size_t i = 0; !error && i < o->server_count; i++) {
		char server[IP_TEXT_MAX + 8];
		snprintf(server, sizeof server, "%.*s", STR_ARG(o->servers[i]));
		*ret_what = "server";
		error = o->servers[i].n < sizeof server ? ub_ctx_set_fwd(ctx, server) : UB_SYNTAX;
	}
	if (error)
		return error;
	*ret_what = "start";
	return ub_ctx_zone_add(ctx, "reeve-is-configured.onion.", "static");
}

static bool start_thread(struct resolver *r)
{
	sigset_t all, old;
	int error;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	error = pthread_create(&r->thread, NULL, run, r);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	r->is_running = error == 0;
	if (r->is_running)
		pthread_setname_np(r->thread, "dns");
	return r->is_running;
}

/* The base belongs to the DNS thread alone: no locks. */
static bool base_new(struct resolver *r)
{
	struct event_config *config = event_config_new();

	if (!config)
		return false;
	event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
	r->base = event_base_new_with_config(config);
	event_config_free(config);
	r->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (!r->base || r->bell < 0)
		return false;
	r->bell_event = event_new(r->base, r->bell, EV_READ | EV_PERSIST, on_bell, r);
	r->tick = event_new(r->base, -1, EV_PERSIST, on_tick, r);
	return r->bell_event && r->tick && event_add(r->bell_event, NULL) == 0;
}

static bool start(
    struct resolver *r, const struct dns_options *options, struct arena *a, struct str *ret_error)
{
	const char *what = "";
	int error;

	if (options->server_count == 0) {
		*ret_error = STR("no DNS server");
		return false;
	}
	if (!base_new(r)) {
		*ret_error = STR("cannot make an event base for DNS");
		return false;
	}
	r->ctx = ub_ctx_create_event(r->base);
	if (!r->ctx) {
		*ret_error = STR("cannot make a libunbound context");
		return false;
	}
	ub_ctx_debugout(r->ctx, NULL);
	error = configure(r->ctx, options, &what);
	if (error) {
		*ret_error = arena_printf(a, "libunbound: %s: %s", what, ub_strerror(error));
		return false;
	}
	if (!start_thread(r)) {
		*ret_error = STR("cannot start the DNS thread");
		return false;
	}
	return true;
}

static void stop(struct resolver *r)
{
	if (r->is_running) {
		pthread_mutex_lock(&r->lock);
		r->is_stopping = true;
		pthread_mutex_unlock(&r->lock);
		ring(r);
		pthread_join(r->thread, NULL);
	}
	if (r->ctx)
		ub_ctx_delete(r->ctx);
	if (r->bell_event)
		event_free(r->bell_event);
	if (r->tick)
		event_free(r->tick);
	if (r->base)
		event_base_free(r->base);
	if (r->bell >= 0)
		close(r->bell);
}
