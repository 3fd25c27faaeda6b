/*
 * The gateway process: loop threads with the SMTP front end, the worker pool, the resolver and the
 * queue's commit thread. The main thread's loop has signals and the control socket.
 */
#include <errno.h>
#include <stdlib.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "gateway/control.h"
#include "gateway/keys.h"
#include "gateway/quarantine/quarantine.h"
#include "gateway/queue/queue.h"
#include "gateway/smtp/smtp.h"
#include "gateway/world.h"
#include "lib/log.h"
#include "lib/pool.h"
#include "lib/tls.h"

enum { LOOPS_MAX = 64, QUEUE_PER_WORKER = 64, OLD_KEYS_MS = 60000, TRACE_MAX_S = 7 * 86400 };

struct gateway {
	const struct role_env *env;
	struct world world;
	struct loop *main_loop, *loops[LOOPS_MAX];
	pthread_t threads[LOOPS_MAX];
	size_t loop_count;
	struct smtp_listen *listens;
	struct pool *pool;
	struct gate *gate;
	struct queue_writer *queue;
	struct quarantine *quarantine;
	struct smtp_server *server;
	struct control *control;
	struct timer *drain_timer;
	struct old_keys *old_keys;
	bool ends;
};

/* ---- keys ---- */

static struct ssl_ctx_st *load_keys(struct gateway *g, const struct listen_conf *conf)
{
	char certificate[KEYS_PATH_MAX + 1], key[KEYS_PATH_MAX + 1];
	int certificate_fd, key_fd = -1;
	struct arena *a = arena_new(0); /* each reload may fail */
	struct ssl_ctx_st *tls = NULL;
	struct str error;

	if (!keys_open(g->env->keys_fd, conf->certificate.p, certificate, sizeof certificate, &certificate_fd))
		error = arena_printf(a, "%s: %s", conf->certificate.p, strerror(errno));
	else if (!keys_open(g->env->keys_fd, conf->key.p, key, sizeof key, &key_fd))
		error = arena_printf(a, "%s: %s", conf->key.p, strerror(errno));
	else
		tls = tls_server_new(certificate, key, a, &error);
	keys_forget(certificate_fd);
	keys_forget(key_fd);
	if (!tls)
		log_say(LOG_LEVEL_ERROR, "tls", "%s:%u: %.*s", conf->place.file, conf->place.line, STR_ARG(error));
	arena_free(a);
	return tls;
}

struct old_keys {
	struct old_keys *next, **link;
	struct timer *timer;
	struct ssl_ctx_st *tls;
};

static void free_keys(void *arg)
{
	struct old_keys *old = arg;

	*old->link = old->next;
	if (old->next)
		old->next->link = old->link;
	tls_free(old->tls);
	timer_free(old->timer);
	free(old);
}

static void free_keys_later(struct gateway *g, struct ssl_ctx_st *tls)
{
	struct old_keys *old = calloc(1, sizeof *old);

	if (!old)
		abort();
	*old = (struct old_keys){.next = g->old_keys, .link = &g->old_keys, .tls = tls};
	if (old->next)
		old->next->link = &old->next;
	g->old_keys = old;
	old->timer = timer_new(g->main_loop, free_keys, old);
	timer_set(old->timer, OLD_KEYS_MS);
}

/* Sessions that are about to take the old context finish with it: it goes a minute later. */
static void renew_keys(struct gateway *g, const struct config *config)
{
	for (size_t i = 0; i < g->env->listen_count; i++) {
		const struct listen_conf *conf = config_listen(config, g->listens[i].conf);
		struct ssl_ctx_st *old = g->listens[i].tls, *new = conf && conf->has_tls ? load_keys(g, conf) : NULL;

		if (!new || !old) {
			tls_free(new);
			continue;
		}
		__atomic_store_n(&g->listens[i].tls, new, __ATOMIC_RELEASE);
		free_keys_later(g, old);
	}
}

/* ---- signals and control ---- */

static bool reload(struct gateway *g, struct buf *ret_text)
{
	struct snapshot *s;

	if (!world_reload(&g->world, ret_text))
		return false;
	s = snapshot_current();
	renew_keys(g, s->config);
	snapshot_unref(s);
	return true;
}

static void on_hup(void *arg)
{
	reload(arg, NULL);
}

static const char *control_reload(void *arg, struct str args, struct buf *out)
{
	(void)args;
	return reload(arg, out) ? NULL : "the configuration has errors: the old one stays in force";
}

static const char *control_stats(void *arg, struct str args, struct buf *out)
{
	const struct smtp_stats *stats = smtp_server_stats(((struct gateway *)arg)->server);
	const struct {
		const char *name;
		const _Atomic uint64_t *value;
	} rows[] = {
	    {"connections", &stats->connections}, {"sessions", &stats->sessions},
	    {"refused-sessions", &stats->refused_sessions}, {"tls-sessions", &stats->tls_sessions},
	    {"tls-failures", &stats->tls_failures}, {"commands", &stats->commands}, {"messages", &stats->messages},
	    {"accepted", &stats->accepted}, {"rejected", &stats->rejected}, {"tempfailed", &stats->tempfailed},
	    {"refused-stages", &stats->refused_stages}, {"bytes", &stats->bytes}, {"shed", &stats->shed},
	    {"smuggling", &stats->smuggling}, {"timeouts", &stats->timeouts}, {"memory", &stats->memory}};

	(void)args;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		world_stat(out, "smtp", rows[i].name, *rows[i].value);
	world_stats(&((struct gateway *)arg)->world, out);
	return NULL;
}

static void each_trace(void *arg, const struct cidr *net, int64_t left_ms)
{
	char text[CIDR_TEXT_MAX];

	buf_addf(arg, "%.*s\t%lld\n", STR_ARG(cidr_format(net, text)), (long long)(left_ms / 1000));
}

/* "" lists, "off" ends all, "NETWORK SECONDS" begins one. */
static const char *control_trace(void *arg, struct str args, struct buf *out)
{
	struct smtp_server *server = ((struct gateway *)arg)->server;
	struct str word;
	struct cidr net;
	uint64_t seconds;

	if (str_is(args, "off")) {
		smtp_trace_end(server);
	} else if (str_word(&args, &word)) {
		if (!cidr_parse(word, true, &net) || !str_word(&args, &word) || !str_u64(word, &seconds) || seconds > TRACE_MAX_S)
			return "expected NETWORK SECONDS, off, or nothing";
		if (!smtp_trace_add(server, &net, (int64_t)seconds * 1000))
			return "as many networks as can be are traced already";
	}
	smtp_trace_each(server, each_trace, out);
	return NULL;
}

static const struct control_command control_commands[] = {
    {"reload", control_reload, "takes the configuration over, or says what is wrong with it"},
    {"stats", control_stats, "counters"},
    {"trace", control_trace, "logs sessions of a network in full for a while"},
    {NULL, NULL, NULL},
};

static bool open_control(struct gateway *g)
{
	const char *path = arena_printf(g->world.arena, "%.*s/gateway.sock", STR_ARG(g->env->config->runtime)).p;

	g->control = control_new(g->main_loop, path, control_commands, g);
	if (!g->control)
		log_say(LOG_LEVEL_ERROR, "control", "%s: %s", path, strerror(errno));
	return g->control != NULL;
}

static void stop(void *arg)
{
	struct gateway *g = arg;

	for (size_t i = 0; i < g->loop_count; i++)
		loop_stop(g->loops[i]);
	loop_stop(g->main_loop);
}

static void on_drain_limit(void *arg)
{
	log_say(LOG_LEVEL_WARNING, "drain", "sessions that did not end in time are closed");
	stop(arg);
}

static void on_drained(void *arg)
{
	struct gateway *g = arg;

	loop_post(g->main_loop, stop, g);
}

static void on_term(void *arg)
{
	struct gateway *g = arg;

	if (g->ends)
		return;
	g->ends = true;
	g->drain_timer = timer_new(g->main_loop, on_drain_limit, g);
	timer_set(g->drain_timer, snapshot_drain_ms());
	smtp_server_drain(g->server);
}

/* ---- opening ---- */

static bool open_listens(struct gateway *g)
{
	size_t i = 0;

	g->listens = arena_array(g->world.arena, g->env->listen_count, sizeof *g->listens);
	for (const struct listen_conf *l = g->env->config->listens; l; l = l->next, i++) {
		g->listens[i] = (struct smtp_listen){.fd = g->env->listen_fds[i], .conf = l};
		if (!l->has_tls)
			continue;
		g->listens[i].tls = load_keys(g, l);
		if (!g->listens[i].tls)
			return false;
	}
	return true;
}

static bool open_queue(struct gateway *g)
{
	const struct config *config = g->env->config;
	struct arena *a = g->world.arena;
	struct queue_options options = {.writer = "gateway", .segment_bytes = config->queue_segment,
	    .free_min = config->queue_free_min, .is_durable = config->queue_durable};
	struct str error;

	options.dir = arena_printf(a, "%.*s/queue", STR_ARG(config->state)).p;
	g->queue = queue_writer_open(&options, a, &error);
	if (!g->queue) {
		log_say(LOG_LEVEL_ERROR, "queue", "%s: %.*s", options.dir, STR_ARG(error));
		return false;
	}
	queue_writer_set_doorbell(g->queue, g->env->doorbell_write);
	if (!config->queue_durable)
		log_say(LOG_LEVEL_WARNING, "queue", "durability is switched off: a crash of the system loses accepted mail");
	g->quarantine = quarantine_open(arena_printf(a, "%.*s/quarantine", STR_ARG(config->state)).p, a, &error);
	if (!g->quarantine)
		log_say(LOG_LEVEL_ERROR, "quarantine", "%.*s", STR_ARG(error));
	return g->quarantine != NULL;
}

static void *run_loop(void *arg)
{
	loop_run(arg);
	return NULL;
}

static bool start_loops(struct gateway *g)
{
	sigset_t all, old;
	bool ok = true;

	/* Signals are the main thread's. */
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	for (size_t i = 0; i < g->loop_count && ok; i++)
		ok = pthread_create(&g->threads[i], NULL, run_loop, g->loops[i]) == 0;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return ok;
}

static bool open_all(struct gateway *g)
{
	const struct config *config = g->env->config;
	struct smtp_server_options options = {0};

	if (!open_listens(g) || !open_queue(g))
		return false;
	g->loop_count = (size_t)config->loops < LOOPS_MAX ? (size_t)config->loops : LOOPS_MAX;
	g->main_loop = loop_new();
	for (size_t i = 0; i < g->loop_count; i++)
		g->loops[i] = loop_new();
	g->pool = pool_new("worker", (unsigned)config->workers, QUEUE_PER_WORKER * (unsigned)config->workers);
	g->gate = gate_new((unsigned)config->scans);
	options = (struct smtp_server_options){.loops = g->loops, .loop_count = g->loop_count, .listens = g->listens,
	    .listen_count = g->env->listen_count, .pool = g->pool, .gate = g->gate, .queue = g->queue,
	    .quarantine = g->quarantine, .dns = g->world.dns, .on_drained = on_drained, .on_drained_arg = g};
	g->server = smtp_server_new(&options);
	return g->server != NULL;
}

static void close_all(struct gateway *g)
{
	for (size_t i = 0; i < g->loop_count; i++)
		pthread_join(g->threads[i], NULL);
	/* Workers first: they may hold sessions; then what sessions wait for. */
	control_free(g->control);
	pool_free(g->pool);
	queue_writer_close(g->queue);
	smtp_server_free(g->server);
	for (size_t i = 0; i < g->loop_count; i++)
		loop_free(g->loops[i]);
	quarantine_close(g->quarantine);
	gate_free(g->gate);
	for (size_t i = 0; i < g->env->listen_count; i++)
		tls_free(g->listens[i].tls);
	while (g->old_keys)
		free_keys(g->old_keys);
	timer_free(g->drain_timer);
	loop_free(g->main_loop);
	world_close(&g->world);
}

int gateway_role(const struct role_env *env)
{
	static struct gateway g;
	int status;

	g.env = env;
	role_settle(env, "gateway");
	status = world_open(&g.world, env);
	if (status)
		return status;
	if (!open_all(&g) || !open_control(&g))
		return 1;
	loop_signal(g.main_loop, SIGTERM, on_term, &g);
	loop_signal(g.main_loop, SIGHUP, on_hup, &g);
	if (!start_loops(&g))
		return 1;
	role_ready(env);
	loop_run(g.main_loop);
	close_all(&g);
	return 0;
}
