/*
 * One stage of a session: start the look-ups, park until they are in or the deadline passes, run
 * filters and policy here (when that takes microseconds) or on a worker, keep the client waiting
 * if the verdict says so, and go on with then(). Whoever comes back finds the session in the state
 * in which it was handed over; a connection that ended meanwhile is noticed in smtp_take_back().
 */
#include <assert.h>
#include <sys/socket.h>

#include "gateway/smtp/private.h"
#include "lib/clock.h"
#include "lib/pool.h"

bool smtp_verdict_refuses(const struct verdict *v)
{
	return v->kind == VERDICT_REJECT || v->kind == VERDICT_TEMPFAIL;
}

/* ---- hand-over ---- */

bool smtp_take_back(struct smtp *c)
{
	assert(c->magic == SMTP_MAGIC);
	c->wait = WAIT_NOTHING;
	if (smtp_is_open(c) && !c->is_ending)
		return true;
	smtp_bye(c, "421 4.4.2 session took too long");
	smtp_settle(c);
	return false;
}

bool smtp_work(struct smtp *c, void (*work)(void *arg))
{
	c->wait = WAIT_WORKER;
	if (pool_submit(c->home->server->o.pool, work, c))
		return true;
	c->wait = WAIT_NOTHING;
	smtp_count(&smtp_stats(c)->shed);
	return false;
}

void smtp_work_done(struct smtp *c, void (*done)(void *arg))
{
	loop_post(c->home->loop, done, c);
}

/* ---- the stage ---- */

static void finish(struct smtp *c)
{
	c->wait = WAIT_NOTHING;
	c->then(c, &c->verdict);
	smtp_pump(c);
}

static void judged(struct smtp *c)
{
	if (c->verdict.delay_ms > 0) {
		c->wait = WAIT_DELAY;
		timer_set(c->timer, c->verdict.delay_ms);
		return;
	}
	finish(c);
}

static void judge(struct smtp *c)
{
	if (c->stage == STAGE_MESSAGE)
		smtp_judge_message(c);
	else
		judge_stage(c->snap, c->s, c->stage, &c->verdict);
}

static void back_from_worker(void *arg)
{
	struct smtp *c = arg;

	if (!smtp_take_back(c))
		return;
	judged(c);
	smtp_settle(c);
}

static void judge_on_worker(void *arg)
{
	struct smtp *c = arg;

	judge(c);
	smtp_work_done(c, back_from_worker);
}

/* Octets that came before our banner and that the loop has not read yet. */
static void look_for_early_talk(struct smtp *c)
{
	char octet;

	if (conn_input_length(c->conn) > 0 ||
	    (!c->is_tls && recv(conn_fd(c->conn), &octet, 1, MSG_PEEK | MSG_DONTWAIT) > 0))
		c->s->talked_early = true;
}

static void stage_ready(struct smtp *c)
{
	c->wait = WAIT_NOTHING;
	timer_stop(c->timer);
	c->verdict = (struct verdict){0};
	if (c->stage == STAGE_CONNECT && !c->is_xclient)
		look_for_early_talk(c);
	if (judge_is_quick(c->snap, c->stage)) {
		judge(c);
		judged(c);
		return;
	}
	if (smtp_work(c, judge_on_worker))
		return;
	c->verdict = (struct verdict){.kind = VERDICT_TEMPFAIL, .code = c->stage == STAGE_CONNECT ? 421 : 451,
	    .enhanced = STR("4.3.2"), .text = STR("too busy, try again later")};
	judged(c);
}

static void park(struct smtp *c, enum smtp_wait wait, int64_t ms)
{
	c->wait = wait;
	timer_set(c->timer, ms);
}

/* How long the banner has to be held back still. */
static int64_t banner_left_ms(const struct smtp *c)
{
	int64_t left = c->banner_us - clock_mono_us();

	return c->stage != STAGE_CONNECT || left <= 0 || c->s->talked_early ? 0 : (left + 999) / 1000;
}

/* Look-ups that only the message stage needs go on while the body comes. */
static bool is_waiting(const struct smtp *c)
{
	return (c->stage != STAGE_HEADER || chain_needs_answers(c->s->chain, c->stage)) && stage_is_waiting(c->s, c->stage);
}

void smtp_stage(struct smtp *c, enum stage stage, void (*then)(struct smtp *c, const struct verdict *v))
{
	int64_t banner;

	assert(c->wait == WAIT_NOTHING);
	c->stage = stage;
	c->then = then;
	chain_want(c->s, stage);
	banner = banner_left_ms(c);
	if (banner > 0)
		park(c, WAIT_BANNER, banner);
	else if (is_waiting(c))
		park(c, WAIT_LOOKUPS, c->snap->config->limits.stage_ms);
	else
		stage_ready(c);
}

void smtp_stage_timer(struct smtp *c)
{
	if (c->wait == WAIT_BANNER && stage_is_waiting(c->s, c->stage))
		park(c, WAIT_LOOKUPS, c->snap->config->limits.stage_ms);
	else if (c->wait == WAIT_BANNER || c->wait == WAIT_LOOKUPS)
		stage_ready(c); /* filters see that what is missing now is missing */
	else if (c->wait == WAIT_DELAY)
		finish(c);
	smtp_settle(c);
}

static void lookups_are_in(void *arg)
{
	struct smtp *c = arg;

	assert(c->magic == SMTP_MAGIC);
	atomic_fetch_sub(&c->posts, 1);
	/* News of an earlier stage may come late: look again. */
	if (smtp_is_open(c) && c->wait == WAIT_LOOKUPS && !stage_is_waiting(c->s, c->stage))
		stage_ready(c);
	smtp_settle(c);
}

void smtp_lookups_done(void *arg)
{
	struct smtp *c = arg;

	atomic_fetch_add(&c->posts, 1);
	loop_post(c->home->loop, lookups_are_in, c);
}
