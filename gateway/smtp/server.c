/* Listeners on every loop, admission by counts, statistics, drain. */
#include <assert.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/smtp/private.h"
#include "lib/pool.h"

enum { BUCKETS = sizeof(((struct smtp_server *)0)->clients) / sizeof(struct smtp_client *) };

struct smtp_client {
	struct ip ip;
	uint64_t sessions;
	struct smtp_client *next;
};

struct smtp_accept {
	struct smtp_loop *home;
	const struct smtp_listen *listen;
};

/* ---- per client ---- */

/* IPv6 clients count by their /64: one host has all of it. */
static struct ip client_key(const struct ip *ip)
{
	struct ip key = *ip;

	if (key.family == 6)
		memset(key.b + 8, 0, 8);
	return key;
}

static struct smtp_client **client_find(struct smtp_server *server, const struct ip *key)
{
	uint64_t hash = str_hash((struct str){(const char *)key->b, sizeof key->b});
	struct smtp_client **at = &server->clients[hash % BUCKETS];

	while (*at && !ip_eq(&(*at)->ip, key))
		at = &(*at)->next;
	return at;
}

bool smtp_client_enter(struct smtp *c, const struct ip *ip)
{
	struct smtp_server *server = c->home->server;
	struct ip key = client_key(ip);
	struct smtp_client **at;
	bool has_room;

	smtp_client_leave(c);
	pthread_mutex_lock(&server->lock);
	at = client_find(server, &key);
	if (!*at) {
		*at = calloc(1, sizeof **at);
		if (!*at)
			abort();
		(*at)->ip = key;
	}
	(*at)->sessions++;
	c->client = *at;
	has_room = c->conf->max_sessions_per_client <= 0 ||
	    (*at)->sessions <= (uint64_t)c->conf->max_sessions_per_client;
	pthread_mutex_unlock(&server->lock);
	return has_room;
}

void smtp_client_leave(struct smtp *c)
{
	struct smtp_server *server = c->home->server;
	struct smtp_client *client = c->client;

	if (!client)
		return;
	c->client = NULL;
	pthread_mutex_lock(&server->lock);
	if (--client->sessions == 0) {
		struct smtp_client **at = client_find(server, &client->ip);

		assert(*at == client);
		*at = client->next;
		free(client);
	}
	pthread_mutex_unlock(&server->lock);
}

/* ---- accepting ---- */

static void refuse(struct smtp_server *server, const struct smtp_listen *listen, int fd)
{
	static const char text[] = "421 4.3.2 too many sessions, try again later\r\n";

	smtp_count(&server->stats.refused_sessions);
	if (!listen->conf->is_implicit_tls)
		(void)!send(fd, text, sizeof text - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
	close(fd);
}

static bool is_full(struct smtp_server *server, const struct smtp_listen *listen)
{
	uint64_t open = server->listen_sessions[listen - server->o.listens];
	struct snapshot *snap = snapshot_current();
	int64_t max = smtp_listen_conf(listen, snap->config)->max_sessions;

	snapshot_unref(snap);
	return max > 0 && open >= (uint64_t)max;
}

static void on_accept(void *arg, int fd, const struct sockaddr *peer)
{
	struct smtp_accept *accept = arg;
	struct smtp_server *server = accept->home->server;
	const struct smtp_listen *listen = accept->listen;
	struct ip client;
	uint16_t port;

	smtp_count(&server->stats.connections);
	if (server->is_draining || is_full(server, listen)) {
		refuse(server, listen, fd);
		return;
	}
	ip_from_sockaddr(peer, &client, &port);
	smtp_start(accept->home, listen, fd, &client, port);
}

static void open_loop(struct smtp_server *server, size_t i)
{
	struct smtp_loop *home = &server->loops[i];
	size_t n = server->o.listen_count;

	home->server = server;
	home->loop = server->o.loops[i];
	home->listeners = calloc(n, sizeof *home->listeners);
	home->accepts = calloc(n, sizeof *home->accepts);
	if (n && (!home->listeners || !home->accepts))
		abort();
	for (size_t k = 0; k < n; k++) {
		home->accepts[k] = (struct smtp_accept){home, &server->o.listens[k]};
		home->listeners[k] = listener_new(home->loop, server->o.listens[k].fd, on_accept, &home->accepts[k]);
	}
}

struct smtp_server *smtp_server_new(const struct smtp_server_options *options)
{
	struct smtp_server *server = calloc(1, sizeof *server);

	if (!server)
		abort();
	server->o = *options;
	server->loops = calloc(options->loop_count, sizeof *server->loops);
	server->listen_sessions = calloc(options->listen_count + 1, sizeof *server->listen_sessions);
	if (!server->loops || !server->listen_sessions)
		abort();
	pthread_mutex_init(&server->lock, NULL);
	pthread_mutex_init(&server->traces.lock, NULL);
	for (size_t i = 0; i < options->loop_count; i++)
		open_loop(server, i);
	return server;
}

const struct smtp_stats *smtp_server_stats(const struct smtp_server *server)
{
	return &server->stats;
}

/* ---- drain ---- */

static void loop_is_empty(struct smtp_server *server)
{
	if (atomic_fetch_sub(&server->loops_busy, 1) == 1 && server->o.on_drained)
		server->o.on_drained(server->o.on_drained_arg);
}

void smtp_left(struct smtp_loop *home, const struct smtp_listen *listen)
{
	struct smtp_server *server = home->server;

	atomic_fetch_sub(&server->stats.sessions, 1);
	atomic_fetch_sub(&server->listen_sessions[listen - server->o.listens], 1);
	if (home->is_draining && !home->sessions)
		loop_is_empty(server);
}

static void close_listeners(struct smtp_loop *home)
{
	for (size_t i = 0; i < home->server->o.listen_count; i++) {
		listener_free(home->listeners[i]);
		home->listeners[i] = NULL;
	}
}

static void drain_loop(void *arg)
{
	struct smtp_loop *home = arg;

	close_listeners(home);
	for (struct smtp *c = home->sessions, *next; c; c = next) {
		next = c->next;
		if (c->mode == MODE_PROXY)
			smtp_end(c, false);
		/* Looks at the drain before the next command. */
		smtp_pump(c);
		smtp_settle(c);
	}
	home->is_draining = true;
	if (!home->sessions)
		loop_is_empty(home->server);
}

void smtp_server_drain(struct smtp_server *server)
{
	if (atomic_exchange(&server->is_draining, true))
		return;
	atomic_store(&server->loops_busy, server->o.loop_count);
	for (size_t i = 0; i < server->o.loop_count; i++)
		loop_post(server->loops[i].loop, drain_loop, &server->loops[i]);
}

void smtp_server_free(struct smtp_server *server)
{
	if (!server)
		return;
	for (size_t i = 0; i < server->o.loop_count; i++) {
		struct smtp_loop *home = &server->loops[i];

		home->is_draining = false;
		close_listeners(home);
		for (struct smtp *c = home->sessions, *next; c; c = next) {
			next = c->next;
			smtp_end(c, false);
			c->wait = WAIT_NOTHING; /* pool, queue and loops have ended before */
			atomic_store(&c->posts, 0);
			smtp_settle(c);
		}
		free(home->listeners);
		free(home->accepts);
	}
	for (size_t i = 0; i < BUCKETS; i++)
		assert(!server->clients[i]);
	pthread_mutex_destroy(&server->lock);
	pthread_mutex_destroy(&server->traces.lock);
	free(server->listen_sessions);
	free(server->loops);
	free(server);
}
