/*
 * The process that sends reports to other domains. It looks once a minute what is due and does the
 * work on a thread of its own; days that were missed while nothing ran are made up for.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "gateway/control.h"
#include "gateway/reports/reports.h"
#include "gateway/world.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/loop/loop.h"
#include "lib/pool.h"

enum { LOOK_MS = 60 * 1000, DAY_SECONDS = 86400, DAYS_BACK = 3, RETRY_SECONDS = 3600 };

struct process {
	struct world world;
	struct loop *loop;
	struct timer *timer;
	struct pool *pool;
	struct control *control;
	atomic_bool ends, is_busy;
	int64_t retry_at[DAYS_BACK + 1];   /* by days back: something was left then */
	_Atomic uint64_t aggregates, failures;
};

/* ---- the work, on its thread ---- */

static void each(void *arg, const struct report_item *item)
{
	struct process *p = arg;
	struct log_line l;

	if (item->state == REPORT_SENT)
		return;
	p->aggregates += item->state == REPORT_QUEUED;
	l = log_start(LOG_LEVEL_INFO, "report");
	log_text(&l, "domain", item->meta->domain);
	log_text(&l, "state", str_of(report_state_words[item->state]));
	log_int(&l, "begin", item->meta->begin);
	log_int(&l, "octets", (int64_t)item->xml.n);
	if (item->n)
		log_text(&l, "to", item->to[0]);
	log_end(&l);
}

static void send_day(struct process *p, struct reports *r, unsigned back)
{
	const struct reports_watch watch = {.each = each, .arg = p};
	int64_t now = clock_now(), delay = r->conf->delay_ms / 1000;
	struct arena *a = arena_new(0);
	struct str day = report_day(a, now - (int64_t)back * DAY_SECONDS);

	if ((back == 1 && now % DAY_SECONDS < delay) || now < p->retry_at[back] || reports_day_is_done(r, day)) {
		arena_free(a);
		return;
	}
	p->retry_at[back] = reports_day(r, day, &watch) == RES_OK ? 0 : now + RETRY_SECONDS;
	arena_free(a);
}

static void send_all(struct process *p, struct reports *r)
{
	for (unsigned back = DAYS_BACK; r->conf->is_on && r->conf->is_sent && back > 0 && !p->ends; back--)
		send_day(p, r, back);
	if (r->conf->is_failure_on && !p->ends)
		p->failures += reports_failures(r);
}

static bool wants_anything(const struct report_conf *conf)
{
	return conf && ((conf->is_on && conf->is_sent) || conf->is_failure_on);
}

static void work(void *arg)
{
	struct process *p = arg;
	struct snapshot *snapshot = snapshot_current();
	struct arena *a = arena_new(0);
	struct str error = STR("");
	struct reports r;

	reports_init(&r, snapshot, p->world.dns, p->world.store);
	r.ends = &p->ends;
	if (wants_anything(r.conf) && reports_open(&r, a, &error))
		send_all(p, &r);
	if (r.was_unsigned)
		log_say(LOG_LEVEL_WARNING, "report", "reports went out unsigned: filter dkim has no `sign` line for the domain of report-from");
	if (error.n)
		log_say(LOG_LEVEL_WARNING, "report", "not now: %.*s", STR_ARG(error));
	reports_close(&r);
	snapshot_unref(snapshot);
	arena_free(a);
	p->is_busy = false;
}

/* ---- the loop ---- */

static void on_timer(void *arg)
{
	struct process *p = arg;

	timer_set(p->timer, LOOK_MS);
	if (!p->is_busy) {
		p->is_busy = true;
		if (!pool_submit(p->pool, work, p))
			p->is_busy = false;
	}
}

static void on_hup(void *arg)
{
	world_reload(&((struct process *)arg)->world, NULL);
}

static void on_term(void *arg)
{
	struct process *p = arg;

	p->ends = true;
	loop_stop(p->loop);
}

static const char *control_reload(void *arg, struct str args, struct buf *out)
{
	(void)args;
	return world_reload(&((struct process *)arg)->world, out) ? NULL : "the configuration has errors: the old one stays in force";
}

static const char *control_stats(void *arg, struct str args, struct buf *out)
{
	struct process *p = arg;

	(void)args;
	world_stat(out, "reports", "aggregate", p->aggregates);
	world_stat(out, "reports", "failure", p->failures);
	world_stats(&p->world, out);
	return NULL;
}

static const struct control_command commands[] = {
    {"reload", control_reload, "takes the configuration over, or says what is wrong with it"},
    {"stats", control_stats, "counters"},
    {NULL, NULL, NULL},
};

static void open_control(struct process *p)
{
	const char *path = arena_printf(p->world.arena, "%.*s/reports.sock", STR_ARG(p->world.env->config->runtime)).p;

	p->control = control_new(p->loop, path, commands, p);
	if (!p->control)
		log_say(LOG_LEVEL_ERROR, "control", "%s: %s", path, strerror(errno));
}

bool reports_are_wanted(const struct config *config)
{
	for (const struct conf_node *node = config->root; node; node = node->next)
		if (node->n >= 2 && str_is(node->tokens[0].text, "filter") && str_is(node->tokens[1].text, "dmarc"))
			return true;
	return false;
}

int reports_role(const struct role_env *env)
{
	struct process p = {.world.only_filters = reports_filters};
	int status;

	role_settle(env, "reports");
	status = world_open(&p.world, env);
	if (status)
		return status;
	p.loop = loop_new();
	open_control(&p);
	p.pool = pool_new("reports", 1, 1);
	p.timer = timer_new(p.loop, on_timer, &p);
	timer_set(p.timer, 0);
	loop_signal(p.loop, SIGHUP, on_hup, &p);
	loop_signal(p.loop, SIGTERM, on_term, &p);
	loop_signal(p.loop, SIGINT, on_term, &p);
	role_ready(env);
	loop_run(p.loop);
	pool_free(p.pool);
	control_free(p.control);
	timer_free(p.timer);
	loop_free(p.loop);
	world_close(&p.world);
	return 0;
}
