/* Life cycle of a session: from the accepted socket to its end, and the pump in between. */
#include <assert.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "gateway/smtp/private.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/tls.h"

enum { SKIP_MAX = 256 * 1024 };

static void on_input(void *arg);
static void on_end(void *arg, enum conn_end why);
static void on_drained(void *arg);
static void on_secured(void *arg);

static const struct conn_events events = {.on_input = on_input, .on_drained = on_drained, .on_end = on_end,
    .on_secured = on_secured};

/* ---- start ---- */

/* The configuration of the listener as the snapshot has it; what the process started with if it is gone. */
const struct listen_conf *smtp_listen_conf(const struct smtp_listen *listen, const struct config *config)
{
	for (const struct listen_conf *l = config->listens; l; l = l->next)
		if (l->port == listen->conf->port && ip_eq(&l->ip, &listen->conf->ip))
			return l;
	return listen->conf;
}

static bool any_has(const struct conf_cidrs *nets, const struct ip *ip)
{
	for (size_t i = 0; i < nets->n; i++)
		if (cidr_has(&nets->v[i], ip))
			return true;
	return false;
}

void smtp_session_new(struct smtp *c, const struct ip *client, uint16_t port, const struct ip *local,
    uint16_t local_port)
{
	const struct config *config = c->snap->config;
	struct session *s = session_new(c->snap->chain, c->home->server->o.dns, FACE_SMTP);

	/* The addresses may be those of the session that goes. */
	s->client = *client;
	s->client_port = port;
	s->local = *local;
	s->local_port = local_port;
	s->hostname = config->hostname;
	s->limits = &config->limits.parse;
	s->dns_limits.queries = (unsigned)config->limits.dns_queries;
	/* A filter that waits on a worker must not wait longer than the stage may take. */
	s->dns_limits.timeout_ms =
	    (unsigned)(config->dns_timeout_ms < config->limits.stage_ms ? config->dns_timeout_ms : config->limits.stage_ms);
	s->on_lookups_done = smtp_lookups_done;
	s->on_lookups_done_arg = c;
	session_free(c->s);
	c->s = s;
	c->connect_decided = c->session_decided = NULL;
	c->is_traced = config->log_client_trace || any_has(&config->trace, client);
}

static void on_timer(void *arg)
{
	smtp_stage_timer(arg);
}

/* The whole session took too long. In somebody else's hands it is ended when it comes back. */
static void on_life_over(void *arg)
{
	struct smtp *c = arg;

	smtp_count(&smtp_stats(c)->timeouts);
	if (c->wait == WAIT_WORKER || c->wait == WAIT_QUEUE)
		c->is_ending = true;
	else
		smtp_bye(c, "421 4.4.2 session took too long");
	smtp_settle(c);
}

static struct smtp *smtp_new(struct smtp_loop *home, const struct smtp_listen *listen)
{
	struct smtp *c = calloc(1, sizeof *c);

	if (!c)
		abort();
	c->magic = SMTP_MAGIC;
	c->home = home;
	c->listen = listen;
	c->snap = snapshot_current();
	c->conf = smtp_listen_conf(listen, c->snap->config);
	c->timer = timer_new(home->loop, on_timer, c);
	c->life = timer_new(home->loop, on_life_over, c);
	c->next = home->sessions;
	c->link = &home->sessions;
	if (c->next)
		c->next->link = &c->next;
	home->sessions = c;
	smtp_count(&smtp_stats(c)->sessions);
	smtp_count(&home->server->listen_sessions[listen - home->server->o.listens]);
	return c;
}

/* The client is known now: may it come in? */
static void admit(struct smtp *c)
{
	const struct limits_conf *limits = &c->snap->config->limits;

	if (!smtp_client_enter(c, &c->s->client)) {
		smtp_count(&smtp_stats(c)->refused_sessions);
		smtp_bye(c, "421 4.7.0 too many sessions from your address");
		return;
	}
	c->mode = MODE_GREET;
	c->banner_us = clock_mono_us() + limits->banner_ms * 1000;
	if (!conn_ssl(c->conn) || c->is_tls)
		smtp_greet(c);
}

void smtp_start(struct smtp_loop *home, const struct smtp_listen *listen, int fd, const struct ip *client,
    uint16_t port)
{
	struct smtp *c = smtp_new(home, listen);
	const struct limits_conf *limits = &c->snap->config->limits;
	struct sockaddr_storage sa = {0};
	socklen_t length = sizeof sa;
	struct ssl_st *ssl = NULL;
	struct ip local = {0};
	uint16_t local_port = 0;

	if (getsockname(fd, (struct sockaddr *)&sa, &length) == 0)
		ip_from_sockaddr((struct sockaddr *)&sa, &local, &local_port);
	if (any_has(&c->conf->proxy, client))
		c->mode = MODE_PROXY;
	else
		c->mode = MODE_GREET;
	if (c->conf->is_implicit_tls && smtp_tls(c))
		ssl = tls_server_session(smtp_tls(c));
	smtp_session_new(c, client, port, &local, local_port);
	c->conn = conn_accept(home->loop, fd, c->mode == MODE_PROXY ? NULL : ssl, &events, c);
	conn_timeout(c->conn, limits->idle_ms, limits->idle_ms);
	timer_set(c->life, limits->session_ms);
	if (c->mode == MODE_PROXY)
		tls_session_free(ssl); /* made anew behind the header */
	else
		admit(c);
	smtp_pump(c);
	smtp_settle(c);
}

/* ---- end ---- */

void smtp_message_end(struct smtp *c)
{
	if (c->charged)
		atomic_fetch_sub(&smtp_stats(c)->memory, c->charged);
	c->charged = 0;
	c->reader = NULL;
	c->failure = NULL;
	c->judgement = NULL;
	c->delivery = NULL;
	c->message_decided = NULL;
	c->received = 0;
	c->searched = 0;
	c->is_refused = c->has_header = false;
	c->is_bdat = c->has_failed_rcpt = false;
	message_end(c->s);
}

void smtp_end(struct smtp *c, bool must_linger)
{
	if (!smtp_is_open(c))
		return;
	c->mode = MODE_CLOSED;
	timer_stop(c->timer);
	timer_stop(c->life);
	if (must_linger)
		conn_close_linger(c->conn);
	else
		conn_close_after_write(c->conn);
	c->conn = NULL;
}

void smtp_settle(struct smtp *c)
{
	if (smtp_is_open(c) || c->is_pumping || c->wait == WAIT_WORKER || c->wait == WAIT_QUEUE)
		return;
	if (c->s) {
		smtp_message_end(c);
		session_free(c->s);
		c->s = NULL;
	}
	/* The DNS thread does not call any more, but what it posted is still to come. */
	if (atomic_load(&c->posts) > 0)
		return;
	smtp_client_leave(c);
	timer_free(c->timer);
	timer_free(c->life);
	*c->link = c->next;
	if (c->next)
		c->next->link = c->link;
	snapshot_unref(c->snap);
	c->magic = 0;
	smtp_left(c->home, c->listen);
	free(c);
}

static void on_end(void *arg, enum conn_end why)
{
	struct smtp *c = arg;

	assert(c->magic == SMTP_MAGIC);
	if (why == CONN_TIMEOUT) {
		smtp_count(&smtp_stats(c)->timeouts);
		smtp_reply(c, "421 4.4.2 idle for too long, closing");
	} else if (conn_ssl(c->conn) && !c->is_tls) {
		smtp_count(&smtp_stats(c)->tls_failures);
	}
	smtp_end(c, false);
	smtp_settle(c);
}

/* ---- input ---- */

/* Behind the header comes the real client; TLS listeners start their handshake then. */
static bool proxy_input(struct smtp *c)
{
	struct proxy_header h;
	size_t used;
	enum proxy_step step = proxy_parse(conn_input(c->conn), &h, &used);

	if (step == PROXY_MORE)
		return false;
	if (step == PROXY_BAD) {
		smtp_end(c, false);
		return false;
	}
	conn_consume(c->conn, used);
	if (!h.is_local)
		smtp_session_new(c, &h.client, h.client_port, &h.local, h.local_port);
	if (c->conf->is_implicit_tls && smtp_tls(c) &&
	    !conn_starttls_behind(c->conn, tls_server_session(smtp_tls(c)))) {
		smtp_end(c, false);
		return false;
	}
	admit(c);
	return true;
}

/* One error however long it is, but what never ends is cut off. */
static void long_line(struct smtp *c, size_t used, bool was_skipping)
{
	c->skipped = was_skipping ? c->skipped + used : used;
	if (c->skipped > SKIP_MAX)
		smtp_bye(c, "421 4.7.0 line without an end, closing");
	else if (!was_skipping)
		smtp_error(c, "500 5.5.2 line too long");
}

static bool command_input(struct smtp *c)
{
	struct str in = conn_input(c->conn), line;
	const struct limits_conf *limits = &c->snap->config->limits;
	enum line_step step;
	bool was_skipping;
	size_t used;

	if (c->home->server->is_draining && !c->s->message) {
		smtp_bye(c, "421 4.3.2 shutting down");
		return false;
	}
	if (in.n == 0)
		return false;
	c->is_choked = conn_output_length(c->conn) > OUTPUT_MAX;
	if (c->is_choked)
		return false;
	step = line_take(in, (size_t)limits->command - 2, c->conf->bare_newline == BARE_NORMALIZE, &line, &used);
	if (used == 0)
		return false;
	/* The line stays where it is as long as we do not return to the loop. */
	conn_consume(c->conn, used);
	was_skipping = c->skips_line;
	c->skips_line = step == LINE_LONG && in.p[used - 1] != '\n';
	if (step == LINE_BARE)
		smtp_smuggled(c);
	else if (step == LINE_OK && !was_skipping)
		smtp_command(c, line);
	else if (step == LINE_LONG)
		long_line(c, used, was_skipping);
	return true;
}

static bool step(struct smtp *c)
{
	switch (c->mode) {
	case MODE_PROXY:
		return proxy_input(c);
	case MODE_COMMAND:
	case MODE_REFUSED:
		return command_input(c);
	case MODE_DATA:
		return smtp_data_input(c);
	case MODE_BDAT:
		return smtp_bdat_input(c);
	default:
		return false;
	}
}

void smtp_pump(struct smtp *c)
{
	if (c->is_pumping)
		return;
	c->is_pumping = true;
	while (smtp_is_open(c) && c->wait == WAIT_NOTHING && step(c))
		;
	c->is_pumping = false;
	if (!smtp_is_open(c))
		return;
	if (c->is_choked || (c->wait != WAIT_NOTHING && c->mode != MODE_GREET)) {
		conn_pause(c->conn);
		c->is_paused = true;
	} else if (c->is_paused && c->wait == WAIT_NOTHING) {
		c->is_paused = false;
		conn_resume(c->conn);
	}
}

static void on_input(void *arg)
{
	struct smtp *c = arg;

	assert(c->magic == SMTP_MAGIC);
	if (c->mode == MODE_GREET) {
		/* Before our banner: a fact for the policy; the words are kept and answered later. */
		if (c->wait != WAIT_WORKER && !c->is_xclient)
			c->s->talked_early = true;
		conn_pause(c->conn);
		c->is_paused = true;
		if (c->wait == WAIT_BANNER)
			timer_set(c->timer, 0);
		return;
	}
	smtp_pump(c);
	smtp_settle(c);
}

/* The replies are out. */
static void on_drained(void *arg)
{
	struct smtp *c = arg;

	if (!c->is_choked)
		return;
	c->is_choked = false;
	smtp_pump(c);
	smtp_settle(c);
}

static void on_secured(void *arg)
{
	struct smtp *c = arg;

	smtp_count(&smtp_stats(c)->tls_sessions);
	smtp_secured(c);
	smtp_pump(c);
	smtp_settle(c);
}
