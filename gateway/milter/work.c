/*
 * The message stage on the pool, while libmilter's own thread keeps the MTA waiting: only that thread
 * writes to the MTA. Work that would start too late is shed.
 */
#include "gateway/milter/private.h"

#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

#include "auth/sealing.h"
#include "lib/clock.h"

struct work {
	struct milter_conn *c;
	struct judgement *judgement;
	struct delivery_group *groups;
	int64_t deadline_us; /* to have begun */
	pthread_mutex_t lock;
	pthread_cond_t done;
	bool is_done, was_shed;
};

static bool enter(struct work *w, bool is_heavy)
{
	return is_heavy ? gate_enter(milter.gate, w->deadline_us) : clock_mono_us() <= w->deadline_us;
}

/* What the MTA delivers is signed as it goes out. */
static void seal(struct session *s, struct delivery_group *groups)
{
	for (struct delivery_group *g = groups; g; g = g->next)
		if (!g->is_quarantine)
			seal_outgoing(s, &g->edits);
}

static void do_work(void *arg)
{
	struct work *w = arg;
	struct session *s = w->c->session;
	struct message *m = s->message;
	bool is_heavy = chain_is_heavy(s->chain, STAGE_MESSAGE);

	w->was_shed = !enter(w, is_heavy);
	if (!w->was_shed) {
		chain_body(s);
		judge_message(w->c->snapshot, s, w->judgement);
		w->groups = judge_groups(s, w->judgement, m->arena);
		seal(s, w->groups);
		if (is_heavy)
			gate_leave(milter.gate);
	}
	pthread_mutex_lock(&w->lock);
	w->is_done = true;
	pthread_cond_signal(&w->done);
	pthread_mutex_unlock(&w->lock);
}

static bool wait_a_while(struct work *w)
{
	struct timespec until;
	bool is_done;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += PROGRESS_MS / 1000;
	pthread_mutex_lock(&w->lock);
	while (!w->is_done && pthread_cond_timedwait(&w->done, &w->lock, &until) == 0)
		;
	is_done = w->is_done;
	pthread_mutex_unlock(&w->lock);
	return is_done;
}

bool milter_judge(struct milter_conn *c, struct judgement *ret_judgement, struct delivery_group **ret_groups)
{
	struct work w = {.c = c, .judgement = ret_judgement, .lock = PTHREAD_MUTEX_INITIALIZER,
	    .done = PTHREAD_COND_INITIALIZER, .deadline_us = clock_mono_us() + c->snapshot->config->limits.stage_ms * 1000};

	chain_want(c->session, STAGE_MESSAGE);
	if (!pool_submit(milter.pool, do_work, &w))
		return false;
	while (!wait_a_while(&w))
		smfi_progress(c->ctx);
	pthread_mutex_destroy(&w.lock);
	pthread_cond_destroy(&w.done);
	*ret_groups = w.groups;
	return !w.was_shed;
}

/*
 * libmilter has a thread for each callback that runs, so a delay must hold it; few may wait at a time,
 * none longer than the MTA's patience allows, and none when the process ends.
 */
void milter_delay(int64_t ms)
{
	int64_t until = clock_mono_us() + (ms < DELAY_MAX_MS ? ms : DELAY_MAX_MS) * 1000;

	if (ms <= 0)
		return;
	if (atomic_fetch_add(&milter.delayed, 1) < DELAYED_MAX)
		while (clock_mono_us() < until && !milter.is_draining)
			usleep(DELAY_STEP_US);
	atomic_fetch_sub(&milter.delayed, 1);
}
