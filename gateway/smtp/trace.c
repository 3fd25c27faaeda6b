/*
 * Traces on demand: networks whose sessions are logged in full for a while, asked for by reevectl.
 * What the configuration says about it (log { trace }) is in session.c.
 */
#include "gateway/smtp/private.h"
#include "lib/clock.h"
#include "lib/log.h"

/* Takes out what is over, and the entry of that network. */
static void clean(struct smtp_traces *t, const struct cidr *same)
{
	int64_t now = clock_mono_us();
	size_t kept = 0;

	for (size_t i = 0; i < t->n; i++) {
		const struct cidr *net = &t->v[i].net;

		if (t->v[i].until_us <= now || (same && net->bits == same->bits && ip_eq(&net->ip, &same->ip)))
			continue;
		t->v[kept++] = t->v[i];
	}
	atomic_store(&t->n, kept);
}

bool smtp_trace_add(struct smtp_server *server, const struct cidr *net, int64_t ms)
{
	struct smtp_traces *t = &server->traces;
	bool has_room;

	pthread_mutex_lock(&t->lock);
	clean(t, net);
	has_room = t->n < SMTP_TRACES_MAX;
	if (has_room) {
		t->v[t->n] = (struct smtp_trace){*net, clock_mono_us() + ms * 1000};
		atomic_fetch_add(&t->n, 1);
	}
	pthread_mutex_unlock(&t->lock);
	return has_room;
}

void smtp_trace_end(struct smtp_server *server)
{
	atomic_store(&server->traces.n, 0);
}

void smtp_trace_each(struct smtp_server *server, void (*each)(void *arg, const struct cidr *net, int64_t left_ms), void *arg)
{
	struct smtp_traces *t = &server->traces;

	pthread_mutex_lock(&t->lock);
	clean(t, NULL);
	for (size_t i = 0; i < t->n; i++)
		each(arg, &t->v[i].net, (t->v[i].until_us - clock_mono_us()) / 1000);
	pthread_mutex_unlock(&t->lock);
}

static bool is_asked_for(struct smtp_traces *t, const struct ip *client)
{
	int64_t now = clock_mono_us();
	bool found = false;

	pthread_mutex_lock(&t->lock);
	for (size_t i = 0; i < t->n && !found; i++)
		found = t->v[i].until_us > now && cidr_has(&t->v[i].net, client);
	pthread_mutex_unlock(&t->lock);
	return found;
}

void smtp_trace(struct smtp *c, const char *direction, struct str text)
{
	struct smtp_traces *t = &c->home->server->traces;
	enum log_level level = LOG_LEVEL_INFO;
	char ip[IP_TEXT_MAX];
	struct log_line l;

	if (!c->is_traced && (atomic_load_explicit(&t->n, memory_order_relaxed) == 0 || !is_asked_for(t, &c->s->client)))
		return;
	/* It was asked for: a log that keeps to warnings has it too. */
	while (level > LOG_LEVEL_ERROR && !log_wants(level))
		level--;
	l = log_start(level, "trace");
	log_text(&l, "session", str_of(c->s->id));
	log_text(&l, "client", ip_format(&c->s->client, ip));
	log_text(&l, "direction", str_of(direction));
	log_text(&l, "text", text);
	log_end(&l);
}
