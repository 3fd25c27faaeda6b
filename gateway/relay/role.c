/* The relay process: the relay on its loop, with signals and the control socket. */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "gateway/relay/relay.h"
#include "gateway/role.h"
#include "gateway/world.h"
#include "lib/log.h"

struct process {
	struct world world;
	struct loop *loop;
	struct relay *relay;
	struct control *control;
	struct timer *drain_limit;
	bool ends;
};

static void on_hup(void *arg)
{
	struct process *p = arg;

	if (world_reload(&p->world, NULL))
		relay_reload(p->relay);
}

static const char *control_reload(void *arg, struct buf *out)
{
	struct process *p = arg;

	if (!world_reload(&p->world, out))
		return "the configuration has errors: the old one stays in force";
	relay_reload(p->relay);
	return NULL;
}

static void control_stats(void *arg, struct buf *out)
{
	struct process *p = arg;

	world_stats(&p->world, out);
}

static void on_drained(void *arg)
{
	struct process *p = arg;

	loop_stop(p->loop);
}

static void on_drain_limit(void *arg)
{
	struct process *p = arg;

	log_say(LOG_LEVEL_WARNING, "drain", "deliveries under way are cut off and will be repeated");
	loop_stop(p->loop);
}

static void on_term(void *arg)
{
	struct process *p = arg;

	if (p->ends)
		return;
	p->ends = true;
	timer_set(p->drain_limit, snapshot_drain_ms());
	relay_drain(p->relay, on_drained, p);
}

/* The queue is served all the same without: only reevectl is not. */
static void open_control(struct process *p)
{
	const char *path = arena_printf(p->world.arena, "%.*s/relay.sock", STR_ARG(p->world.env->config->runtime)).p;

	p->control = control_new(p->loop, path, relay_commands, p->relay);
	if (!p->control)
		log_say(LOG_LEVEL_ERROR, "control", "%s: %s", path, strerror(errno));
}

int relay_role(const struct role_env *env)
{
	struct process p = {.world.only_routes = true};
	struct relay_options options;
	struct str error = STR_NONE;
	int status;

	role_settle(env, "relay");
	status = world_open(&p.world, env);
	if (status)
		return status;
	p.loop = loop_new();
	options = (struct relay_options){.loop = p.loop, .dns = p.world.dns, .doorbell = env->doorbell_read,
	    .reload = control_reload, .stats = control_stats, .hook_arg = &p};
	p.relay = relay_open(&options, p.world.arena, &error);
	if (!p.relay) {
		log_say(LOG_LEVEL_ERROR, "queue", "%.*s", STR_ARG(error));
		return 1;
	}
	open_control(&p);
	p.drain_limit = timer_new(p.loop, on_drain_limit, &p);
	loop_signal(p.loop, SIGHUP, on_hup, &p);
	loop_signal(p.loop, SIGTERM, on_term, &p);
	loop_signal(p.loop, SIGINT, on_term, &p);
	role_ready(env);
	loop_run(p.loop);
	control_free(p.control);
	relay_close(p.relay);
	timer_free(p.drain_limit);
	loop_free(p.loop);
	world_close(&p.world);
	return 0;
}
