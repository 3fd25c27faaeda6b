/*
 * The message stage. It runs in libmilter's own thread, without a change of threads; meanwhile the loop
 * looks once a second whether an MTA has waited for long, and tells it that we are still at it. Work
 * that would start too late is shed.
 */
#include "gateway/milter/private.h"

#include <stdatomic.h>
#include <unistd.h>

#include "auth/sealing.h"
#include "lib/clock.h"

/* ---- progress ---- */

/* The connections whose message is being judged. */
static struct {
	pthread_mutex_t lock;
	struct milter_conn *first;
} working = {.lock = PTHREAD_MUTEX_INITIALIZER};

/*
 * Only between start and end may another thread write to the MTA: libmilter's own writes nothing then.
 * Few octets, to an MTA that waits for an answer: they never wait themselves.
 */
static void work_start(struct milter_conn *c)
{
	c->progress_us = clock_mono_us() + PROGRESS_MS * 1000;
	pthread_mutex_lock(&working.lock);
	c->next_working = working.first;
	c->working_link = &working.first;
	if (c->next_working)
		c->next_working->working_link = &c->next_working;
	working.first = c;
	pthread_mutex_unlock(&working.lock);
}

static void work_end(struct milter_conn *c)
{
	pthread_mutex_lock(&working.lock);
	*c->working_link = c->next_working;
	if (c->next_working)
		c->next_working->working_link = c->working_link;
	pthread_mutex_unlock(&working.lock);
}

void milter_progress(void)
{
	int64_t now = clock_mono_us();

	pthread_mutex_lock(&working.lock);
	for (struct milter_conn *c = working.first; c; c = c->next_working)
		if (c->progress_us <= now) {
			smfi_progress(c->ctx);
			c->progress_us = now + PROGRESS_MS * 1000;
		}
	pthread_mutex_unlock(&working.lock);
}

/* ---- work ---- */

/* What the MTA delivers is signed as it goes out. */
static void seal(struct session *s, struct delivery_group *groups)
{
	for (struct delivery_group *g = groups; g; g = g->next)
		if (!g->is_quarantine && !g->replaces_body)
			seal_outgoing(s, &g->edits);
}

static void work(struct milter_conn *c, struct judgement *ret_judgement, struct delivery_group **ret_groups)
{
	struct session *s = c->session;
	struct message *m = s->message;

	chain_body(s);
	judge_message(c->snapshot, s, ret_judgement);
	*ret_groups = judge_groups(s, ret_judgement, m->arena);
	seal(s, *ret_groups);
}

bool milter_judge(struct milter_conn *c, struct judgement *ret_judgement, struct delivery_group **ret_groups)
{
	int64_t deadline_us = clock_mono_us() + c->snapshot->config->limits.stage_ms * 1000;
	bool is_heavy = chain_is_heavy(c->session->chain, STAGE_MESSAGE), ok;

	chain_want(c->session, STAGE_MESSAGE);
	work_start(c);
	ok = !is_heavy || gate_enter(milter.gate, deadline_us);
	if (ok) {
		work(c, ret_judgement, ret_groups);
		if (is_heavy)
			gate_leave(milter.gate);
	}
	work_end(c);
	return ok;
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
