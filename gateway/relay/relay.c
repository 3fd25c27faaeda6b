/*
 * The relay's frame: opening, the doorbell, the tick that looks at everything now and then, ageing
 * (warnings, and messages that are too old), reload and the end.
 */
#define _GNU_SOURCE
#include "gateway/relay/relay.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/relay/relay_private.h"
#include "lib/clock.h"
#include "lib/log.h"

enum {
	TICK_MS = 200,
	STEERED_TICK_MS = 20,
	LOOK_AROUND_US = 1000000,
	POLL_RECORDS = 512,
	WALK_STEP = 5000,
	DNS_TIMEOUT_MS = 15000,
};

static void on_tick(void *arg);
static void on_doorbell(void *arg, int fd);
static void on_added(void *arg, struct mail *m, const struct queue_entry *e);
static void on_mail_ready(void *arg, struct mail *m);
static void on_trouble(void *arg, struct str text);

/* ---- opening ---- */

/* What holds for domains that no route names: by MX, with the defaults of the directive table. */
static void make_defaults(struct relay *r)
{
	struct conf_load load;

	r->defaults_arena = arena_new(0);
	conf_load_init(&load, r->defaults_arena);
	conf_apply(&load, route_directives, NULL, &r->defaults, "relay", (struct conf_place){0});
	r->defaults.hops = arena_alloc(r->defaults_arena, sizeof *r->defaults.hops);
	r->defaults.hops[0] = (struct hop){.is_mx = true, .port = ROUTE_PORT, .weight = 1};
	r->defaults.hop_count = 1;
}

static bool open_queue(struct relay *r, struct arena *a, struct str *ret_error)
{
	static const struct backlog_events events = {on_added, on_mail_ready, on_trouble};
	struct queue_options options = {.writer = "relay", .segment_bytes = r->config->queue_segment,
	    .is_durable = r->config->queue_durable};

	options.dir = arena_printf(a, "%.*s/queue", STR_ARG(r->config->state)).p;
	r->writer = queue_writer_open(&options, a, ret_error);
	if (!r->writer)
		return false;
	r->backlog = backlog_open(options.dir, &events, r, a, ret_error);
	if (!r->backlog)
		return false;
	backlog_set_writer(r->backlog, r->writer);
	return true;
}

struct relay *relay_open(const struct relay_options *options, struct arena *a, struct str *ret_error)
{
	struct relay *r = calloc(1, sizeof *r);

	if (!r)
		abort();
	r->loop = options->loop;
	r->dns = options->dns;
	r->doorbell = options->doorbell;
	r->reload = options->reload;
	r->stats = options->stats;
	r->hook_arg = options->hook_arg;
	r->snapshot = snapshot_current();
	r->config = r->snapshot->config;
	r->site_by_key = map_new();
	r->site_by_domain = map_new();
	make_defaults(r);
	r->hostname = arena_str(r->defaults_arena, r->config->hostname);
	r->resolver = (struct resolver){.loop = r->loop, .dns = r->dns, .hostname = r->hostname,
	    .timeout_ms = DNS_TIMEOUT_MS, .done = pump_resolved, .arg = r};
	if (!open_queue(r, a, ret_error)) {
		relay_close(r);
		return NULL;
	}
	if (r->doorbell >= 0) {
		fcntl(r->doorbell, F_SETFL, O_NONBLOCK);
		loop_watch(r->loop, r->doorbell, on_doorbell, r);
	}
	r->tick = timer_new(r->loop, on_tick, r);
	timer_set(r->tick, 0);
	log_say(LOG_LEVEL_INFO, "queue", "%zu messages are waiting", backlog_count(r->backlog));
	return r;
}

void relay_close(struct relay *r)
{
	if (!r)
		return;
	timer_free(r->tick);
	pump_drop(r);
	queue_writer_close(r->writer);
	places_free(r);
	pump_forget_tls(r);
	backlog_close(r->backlog);
	arena_free(r->defaults_arena);
	snapshot_unref(r->snapshot);
	free(r);
}

/* ---- the queue ---- */

static void on_added(void *arg, struct mail *m, const struct queue_entry *e)
{
	for (uint32_t i = 0; i < m->n; i++)
		m->r[i].site = place_of(arg, e->recipients[i].address);
}

/* Into the heap of each of its sites, once. */
static void on_mail_ready(void *arg, struct mail *m)
{
	struct relay *r = arg;

	for (uint32_t i = 0; i < m->n; i++) {
		bool is_first = true;
		for (uint32_t k = 0; k < i && is_first; k++)
			is_first = m->r[k].site != m->r[i].site;
		if (!is_first)
			continue;
		delivery_requeue(r, m, m->r[i].site);
		pump_later(r, r->sites[m->r[i].site]);
	}
}

static void on_trouble(void *arg, struct str text)
{
	(void)arg;
	log_say(LOG_LEVEL_ERROR, "queue", "%.*s", STR_ARG(text));
}

static void poll_queue(struct relay *r, bool look_around);

static void poll_more(void *arg)
{
	struct relay *r = arg;

	r->is_polling = false;
	poll_queue(r, false);
}

static void poll_queue(struct relay *r, bool look_around)
{
	if (r->is_polling || r->is_draining)
		return;
	if (backlog_poll(r->backlog, look_around, POLL_RECORDS)) {
		r->is_polling = true; /* others have their turn first */
		loop_post(r->loop, poll_more, r);
	}
	pump_queued(r);
}

static void on_doorbell(void *arg, int fd)
{
	char bytes[4096];

	while (read(fd, bytes, sizeof bytes) == (ssize_t)sizeof bytes)
		;
	poll_queue(arg, false);
}

/* ---- ageing ---- */

static bool is_expired(const struct relay *r, const struct mail *m, uint32_t i)
{
	return clock_now() - m->arrived >= r->sites[m->r[i].site]->route.lifetime_ms / 1000;
}

static bool is_to_warn(const struct relay *r, const struct mail *m, uint32_t i)
{
	int64_t after = r->sites[m->r[i].site]->route.warn_after_ms / 1000;

	return after > 0 && !(m->flags & MAIL_DSN) && !(m->r[i].flags & STATE_WARNED) &&
	       clock_now() - m->arrived >= after;
}

/* What was last heard about each: of himself, or of his site when he never had a turn. */
static void fill_last_words(struct delivery *d, enum fate fate, const char *status)
{
	struct relay *r = d->relay;

	for (size_t i = 0; i < d->job.n; i++) {
		struct job_rcpt *j = &d->job.rcpts[i];
		const struct rcpt *rcpt = &d->mail->r[j->index];
		struct str last = backlog_text(r->backlog, rcpt, d->arena), hop;
		if (!str_split(&last, '\t', &hop) || !last.p)
			last = hop;
		if (last.n == 0)
			last = r->sites[rcpt->site]->trouble;
		if (last.n == 0)
			last = STR("it was not tried yet");
		j->fate = fate;
		memcpy(j->enhanced, status, strlen(status) + 1);
		j->text = arena_printf(d->arena, "%s%.*s", fate == FATE_PERM ? "not delivered in time; last: " : "",
		    STR_ARG(last));
	}
	delivery_place(d, r->sites[d->mail->r[d->job.rcpts[0].index].site]);
}

static void expire(struct relay *r, struct mail *m)
{
	struct delivery *d = delivery_of(r, m, is_expired);

	if (!d)
		return;
	fill_last_words(d, FATE_PERM, "4.4.7");
	delivery_settle(d, STR(""));
}

static void warned(struct delivery *d, const bool *which, bool ok)
{
	struct relay *r = d->relay;

	(void)which;
	for (size_t i = 0; i < d->job.n; i++) {
		const struct job_rcpt *j = &d->job.rcpts[i];
		struct rcpt *rcpt = &d->mail->r[j->index];
		rcpt->flags &= (uint8_t)~RCPT_BUSY;
		if (ok) {
			rcpt->flags |= STATE_WARNED;
			backlog_note(r->backlog, d->mail, j->index, backlog_text(r->backlog, rcpt, d->arena));
		}
		delivery_requeue(r, d->mail, rcpt->site);
		pump_later(r, r->sites[rcpt->site]);
	}
	delivery_unref(d);
	delivery_check_drained(r);
}

static void warn(struct relay *r, struct mail *m)
{
	struct delivery *d = delivery_of(r, m, is_to_warn);
	bool *which, any = false;

	if (!d)
		return;
	fill_last_words(d, FATE_TEMP, "4.4.1");
	which = arena_array(d->arena, d->job.n, sizeof *which);
	for (size_t i = 0; i < d->job.n; i++) {
		which[i] = report_is_owed(m, &d->entry, d->job.rcpts[i].index, REPORT_DELAYED);
		any |= which[i];
	}
	if (any)
		report_send(d, REPORT_DELAYED, which, warned);
	else
		warned(d, which, true);
}

static void each_age(void *arg, struct mail *m)
{
	struct relay *r = arg;
	bool expired = false, to_warn = false;

	for (uint32_t i = 0; i < m->n; i++) {
		place_needed(r, m->r[i].site);
		if (!rcpt_is_live(&m->r[i]) || m->r[i].flags & (RCPT_BUSY | STATE_HELD))
			continue;
		expired |= is_expired(r, m, i);
		to_warn |= is_to_warn(r, m, i);
	}
	mail_pin(m);
	if (expired)
		expire(r, m);
	else if (to_warn)
		warn(r, m);
	mail_unpin(m);
}

/* ---- the tick ---- */

static void look_at_sites(struct relay *r)
{
	int64_t now = clock_now_us() / 1000;

	for (size_t i = 0; i < r->site_n; i++) {
		struct site *s = r->sites[i];
		if (!s)
			continue;
		if (s->connections)
			pump_idle(r, s, false);
		if (site_first_ms(s) <= now)
			pump_later(r, s);
	}
	pump_queued(r);
}

static void walk(struct relay *r)
{
	if (backlog_walk(r->backlog, &r->walk_cursor, WALK_STEP, each_age, r))
		return;
	r->walk_cursor = 0;
	r->walks++;
	places_expire(r);
}

static void on_tick(void *arg)
{
	struct relay *r = arg;
	int64_t now = clock_mono_us();
	bool look_around = now - r->looked_us >= LOOK_AROUND_US;

	if (look_around)
		r->looked_us = now;
	if (look_around || r->more_waits) {
		r->more_waits = false;
		poll_queue(r, true);
	}
	if (!r->is_draining)
		walk(r);
	look_at_sites(r);
	backlog_maintain(r->backlog);
	timer_set(r->tick, clock_is_steered() ? STEERED_TICK_MS : TICK_MS);
}

/* ---- reload and the end ---- */

void relay_reload(struct relay *r)
{
	struct snapshot *old = r->snapshot;

	r->snapshot = snapshot_current();
	r->config = r->snapshot->config;
	/* Connections go on using the old text: it is kept. */
	if (!str_eq(r->hostname, r->config->hostname))
		r->hostname = arena_str(r->defaults_arena, r->config->hostname);
	r->resolver.hostname = r->hostname;
	map_clear(r->site_by_domain);
	/* Whatever was wrong with a next hop may be what was repaired. */
	pump_forget_tls(r);
	for (size_t i = 0; i < r->site_n; i++)
		for (struct endpoint *e = r->sites[i] ? r->sites[i]->endpoints : NULL; e; e = e->next)
			e->down_until_us = 0;
	snapshot_unref(old);
}

static void tell_drained(void *arg)
{
	struct relay *r = arg;

	r->drained(r->drained_arg);
}

void delivery_check_drained(struct relay *r)
{
	if (!r->is_draining || r->is_drained || r->jobs || r->reports)
		return;
	r->is_drained = true;
	for (size_t i = 0; i < r->site_n; i++)
		if (r->sites[i])
			pump_idle(r, r->sites[i], true);
	loop_post(r->loop, tell_drained, r);
}

void relay_drain(struct relay *r, void (*done)(void *arg), void *arg)
{
	r->is_draining = true;
	r->drained = done;
	r->drained_arg = arg;
	delivery_check_drained(r);
}
