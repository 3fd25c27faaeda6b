/*
 * Call-ahead: which server is asked, over which connection, and by whom. One mutex guards servers,
 * idle connections and questions; nobody holds it while talking.
 */
#include "filters/recipients_callahead.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "filters/recipients_smtp.h"
#include "lib/clock.h"
#include "lib/tls.h"

enum {
	SERVERS_KNOWN_MAX = 256, /* beyond that connections are not kept */
	LOOK_AGAIN_US = 20000,	 /* while a test steers the clock */
	CONNECT_MIN_MS = 500,	 /* of the time that is left, for each server */
};

struct idle {
	struct smtp_link *link;
	int64_t since_us;
};

struct server {
	struct ip ip;
	uint16_t port;
	const struct route *route; /* its TLS settings count */
	int64_t down_until_us;
	struct idle idle[CALLAHEAD_IDLE_MAX];
	unsigned idle_count;
	struct server *next;
};

/* A question under way, and who else waits for its answer. */
struct probe {
	const struct route *route;
	char address[330];
	unsigned users;
	bool is_done;
	enum res res;
	struct smtp_reply reply;
	struct probe *next;
};

struct authority {
	struct str file; /* of trusted issuers; "" the system's */
	struct ssl_ctx_st *tls;
	struct authority *next;
};

struct callahead {
	struct str hostname;
	unsigned probes_max;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct server *servers;
	unsigned server_count, running;
	struct probe *probes;
	struct arena *arena; /* of authorities, with the lock */
	struct authority *authorities;
};

static enum res ask_servers(struct callahead *ca, const struct callahead_question *q, struct smtp_reply *reply);

struct callahead *callahead_new(struct str hostname, unsigned probes_max)
{
	struct callahead *ca = calloc(1, sizeof *ca);
	pthread_condattr_t attr;

	if (!ca)
		abort();
	ca->hostname = hostname;
	ca->probes_max = probes_max;
	ca->arena = arena_new(0);
	pthread_mutex_init(&ca->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&ca->changed, &attr);
	pthread_condattr_destroy(&attr);
	return ca;
}

void callahead_free(struct callahead *ca)
{
	if (!ca)
		return;
	for (struct server *s = ca->servers, *next; s; s = next) {
		next = s->next;
		while (s->idle_count)
			smtp_link_close(s->idle[--s->idle_count].link);
		free(s);
	}
	for (struct authority *a = ca->authorities; a; a = a->next)
		tls_free(a->tls);
	arena_free(ca->arena);
	pthread_cond_destroy(&ca->changed);
	pthread_mutex_destroy(&ca->lock);
	free(ca);
}

/* ---- one question for all who have it ---- */

/* With the lock; false when time is up. */
static bool wait_change(struct callahead *ca, int64_t deadline_us)
{
	int64_t left_us = deadline_us - clock_mono_us(), until_ns;
	struct timespec ts;

	if (left_us <= 0)
		return false;
	if (clock_is_steered() && left_us > LOOK_AGAIN_US)
		left_us = LOOK_AGAIN_US;
	until_ns = clock_ticks_ns() + left_us * 1000;
	ts = (struct timespec){.tv_sec = until_ns / 1000000000, .tv_nsec = until_ns % 1000000000};
	pthread_cond_timedwait(&ca->changed, &ca->lock, &ts);
	return true;
}

static struct probe *find_probe(struct callahead *ca, const struct callahead_question *q)
{
	struct probe *p = ca->probes;

	while (p && (p->route != q->route || !str_eq(str_of(p->address), q->address)))
		p = p->next;
	return p;
}

static void drop_probe(struct probe *p)
{
	if (--p->users == 0)
		free(p);
}

static enum res report(struct arena *a, enum res res, const char *text, struct str *ret_reply)
{
	*ret_reply = arena_str(a, str_of(text));
	return res;
}

static enum res join(struct callahead *ca, struct probe *p, const struct callahead_question *q, struct arena *a,
    struct str *ret_reply)
{
	enum res res;

	p->users++;
	while (!p->is_done && wait_change(ca, q->deadline_us))
		;
	res = p->is_done ? report(a, p->res, p->reply.text, ret_reply)
			 : report(a, RES_TEMP, "no answer in time", ret_reply);
	drop_probe(p);
	return res;
}

static enum res lead(struct callahead *ca, const struct callahead_question *q, struct arena *a, struct str *ret_reply)
{
	struct probe *p = calloc(1, sizeof *p), **at;
	enum res res;

	if (!p)
		abort();
	p->route = q->route;
	p->users = 1;
	memcpy(p->address, q->address.p, q->address.n);
	p->next = ca->probes;
	ca->probes = p;
	ca->running++;
	pthread_mutex_unlock(&ca->lock);
	res = ask_servers(ca, q, &p->reply);
	pthread_mutex_lock(&ca->lock);
	ca->running--;
	p->res = res;
	p->is_done = true;
	for (at = &ca->probes; *at != p;)
		at = &(*at)->next;
	*at = p->next;
	report(a, res, p->reply.text, ret_reply);
	drop_probe(p);
	pthread_cond_broadcast(&ca->changed);
	return res;
}

enum res callahead_ask(struct callahead *ca, const struct callahead_question *q, struct arena *a,
    struct str *ret_reply)
{
	struct probe *p;
	enum res res;

	if (q->address.n >= sizeof p->address)
		return report(a, RES_NONE, "address too long", ret_reply);
	pthread_mutex_lock(&ca->lock);
	while (!(p = find_probe(ca, q)) && ca->running >= ca->probes_max)
		if (!wait_change(ca, q->deadline_us))
			break;
	if (p)
		res = join(ca, p, q, a, ret_reply);
	else if (ca->running >= ca->probes_max)
		res = report(a, RES_TEMP, "too many questions under way", ret_reply);
	else
		res = lead(ca, q, a, ret_reply);
	pthread_mutex_unlock(&ca->lock);
	return res;
}

/* ---- servers and their connections ---- */

/* With the lock; NULL when there are too many. */
static struct server *server_at(struct callahead *ca, const struct callahead_server *where, const struct route *route)
{
	struct server *s = ca->servers;

	while (s && (s->port != where->port || s->route != route || !ip_eq(&s->ip, &where->ip)))
		s = s->next;
	if (s || ca->server_count == SERVERS_KNOWN_MAX)
		return s;
	s = calloc(1, sizeof *s);
	if (!s)
		abort();
	*s = (struct server){.ip = where->ip, .port = where->port, .route = route, .next = ca->servers};
	ca->servers = s;
	ca->server_count++;
	return s;
}

/* A connection that was used lately, or NULL; older ones are closed. */
static struct smtp_link *take_idle(struct callahead *ca, struct server *s)
{
	struct smtp_link *link = NULL;

	pthread_mutex_lock(&ca->lock);
	while (s && s->idle_count && !link) {
		struct idle *last = &s->idle[--s->idle_count];

		if (clock_mono_us() - last->since_us < CALLAHEAD_IDLE_MS * (int64_t)1000)
			link = last->link;
		else
			smtp_link_close(last->link);
	}
	pthread_mutex_unlock(&ca->lock);
	return link;
}

static void give_idle(struct callahead *ca, struct server *s, struct smtp_link *link)
{
	pthread_mutex_lock(&ca->lock);
	if (s && s->idle_count < CALLAHEAD_IDLE_MAX) {
		s->idle[s->idle_count++] = (struct idle){link, clock_mono_us()};
		link = NULL;
	}
	pthread_mutex_unlock(&ca->lock);
	smtp_link_close(link);
}

static void note_down(struct callahead *ca, struct server *s, bool is_down)
{
	pthread_mutex_lock(&ca->lock);
	if (s)
		s->down_until_us = is_down ? clock_mono_us() + CALLAHEAD_DOWN_MS * (int64_t)1000 : 0;
	pthread_mutex_unlock(&ca->lock);
}

/* One context for each file of issuers; made at the first use. */
static struct ssl_ctx_st *tls_for(struct callahead *ca, const struct route *route)
{
	struct authority *at;
	struct str error;

	if (route->tls == ROUTE_TLS_NONE)
		return NULL;
	pthread_mutex_lock(&ca->lock);
	for (at = ca->authorities; at && !str_eq(at->file, route->tls_ca);)
		at = at->next;
	if (!at) {
		at = arena_alloc(ca->arena, sizeof *at);
		at->file = arena_str(ca->arena, route->tls_ca);
		at->tls = tls_client_new(at->file.n ? at->file.p : NULL, ca->arena, &error);
		at->next = ca->authorities;
		ca->authorities = at;
	}
	pthread_mutex_unlock(&ca->lock);
	return at->tls;
}

/* ---- asking ---- */

/* 501 and 550 to 559 are about the address; other refusals are about us. */
static enum res judge(const struct smtp_reply *reply)
{
	if (reply->code / 100 == 2)
		return RES_OK;
	if (reply->code == 501 || (reply->code >= 550 && reply->code <= 559))
		return RES_NONE;
	return RES_TEMP;
}

/* A fair share of what is left, as others may have to be tried; the route's own limit counts too. */
static int64_t open_deadline(const struct callahead_question *q, size_t servers_left)
{
	int64_t now = clock_mono_us(), share = (q->deadline_us - now) / (int64_t)servers_left;
	int64_t limit = q->route->connect_timeout_ms * 1000;

	if (share < CONNECT_MIN_MS * 1000)
		share = CONNECT_MIN_MS * 1000;
	if (limit > 0 && share > limit)
		share = limit;
	return now + share < q->deadline_us ? now + share : q->deadline_us;
}

static enum res ask_over(struct callahead *ca, const struct callahead_question *q, struct server *s,
    struct smtp_link *link, struct smtp_reply *reply, bool *ret_is_stale)
{
	*ret_is_stale = false;
	if (q->is_utf8 && !smtp_link_has_utf8(link)) {
		*reply = (struct smtp_reply){.code = 553, .text = "553 5.6.7 the internal server takes no UTF-8 addresses"};
		give_idle(ca, s, link);
		return RES_NONE;
	}
	smtp_link_ask(link, q->address, q->is_utf8, q->deadline_us, reply, ret_is_stale);
	if (reply->code == 0 || reply->code == 421)
		smtp_link_close(link);
	else
		give_idle(ca, s, link);
	return judge(reply);
}

/* RES_TEMP with code 0: this server cannot be asked, another may. */
static enum res ask_server(struct callahead *ca, const struct callahead_question *q, size_t i, struct server *s,
    struct smtp_reply *reply)
{
	struct smtp_link *link;
	bool is_stale;
	enum res res;

	while ((link = take_idle(ca, s))) {
		res = ask_over(ca, q, s, link, reply, &is_stale);
		if (!is_stale)
			return res;
	}
	link = smtp_link_open(&q->servers[i], q->route, tls_for(ca, q->route), ca->hostname,
	    open_deadline(q, q->n - i), reply);
	note_down(ca, s, link == NULL);
	return link ? ask_over(ca, q, s, link, reply, &is_stale) : RES_TEMP;
}

static enum res ask_servers(struct callahead *ca, const struct callahead_question *q, struct smtp_reply *reply)
{
	enum res res = RES_TEMP;

	*reply = (struct smtp_reply){.text = "no server to ask"};
	for (size_t i = 0; i < q->n && clock_mono_us() < q->deadline_us; i++) {
		struct server *s;
		bool is_down;

		pthread_mutex_lock(&ca->lock);
		s = server_at(ca, &q->servers[i], q->route);
		is_down = s && s->down_until_us > clock_mono_us();
		pthread_mutex_unlock(&ca->lock);
		if (is_down) {
			*reply = (struct smtp_reply){.text = "the server did not answer a moment ago"};
			continue;
		}
		res = ask_server(ca, q, i, s, reply);
		if (reply->code)
			return res;
	}
	return RES_TEMP;
}
