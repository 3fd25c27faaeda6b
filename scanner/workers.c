/*
 * Workers as the supervisor sees them: they are forked, settle, serve, and end when they are told, hang or die. Their desks
 * say what they do.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "scanner/supervisor.h"

enum { SPAWN_AGAIN_MS = 1000, SETTLE_MS = 60000, END_MS = 1000, LATE_MS = 500 };

void fall_back(pid_t pid)
{
	if (pid > 0)
		setpriority(PRIO_PROCESS, (id_t)pid, 19);
}

/* ---- one ---- */

static void ask_for_worker(struct generation *g, size_t slot)
{
	struct link_message m = {.op = LINK_SPAWN, .slot = (uint32_t)slot};
	struct worker *w = &g->workers[slot];
	int64_t now = supervisor_now_ms();
	int ends[2];

	/* One that died before it had settled may do so again. */
	if (w->asked_ms && now - w->asked_ms < SPAWN_AGAIN_MS)
		return;
	w->asked_ms = now;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return;
	if (wire_send(g->link, (struct str){(const char *)&m, sizeof m}, &(struct wire_fds){1, {ends[1]}}, MSG_DONTWAIT)) {
		w->state = WORKER_STARTS;
		w->fd = ends[0];
		w->desk->takes_no_more = 0;
	} else {
		close(ends[0]);
	}
	close(ends[1]);
}

void worker_forget(struct worker *w, int64_t asked_ms)
{
	close(w->fd);
	w->desk->id = 0;
	*w = (struct worker){.generation = w->generation, .fd = -1, .desk = w->desk, .asked_ms = asked_ms};
}

void worker_kill(struct worker *w)
{
	/* The template buries it; until then the pid is its own. */
	if (w->pid > 0)
		kill(w->pid, SIGKILL);
	worker_forget(w, 0);
}

/* It takes no more mail, and ends when it has finished what it has. */
static void worker_end(struct worker *w)
{
	w->state = WORKER_ENDS;
	w->ended_ms = supervisor_now_ms();
	if (!w->desk->id)
		fall_back(w->pid);
	kill(w->pid, SIGTERM);
}

void worker_go(struct worker *w)
{
	struct link_message m = {.op = LINK_GO};

	w->state = WORKER_SERVES;
	w->desk->since_ms = supervisor_now_ms();
	wire_send(w->fd, (struct str){(const char *)&m, sizeof m}, NULL, MSG_DONTWAIT); /* one that is gone is noticed */
}

/* ---- those of a generation ---- */

void generation_ask_for_missing(struct generation *g)
{
	for (size_t i = 0; g && g->link >= 0 && i < g->worker_count; i++)
		if (g->workers[i].fd < 0)
			ask_for_worker(g, i);
}

void generation_drain(struct generation *g)
{
	g->state = GENERATION_DRAINS;
	for (size_t i = 0; i < g->worker_count; i++)
		if (g->workers[i].state == WORKER_SERVES)
			worker_end(&g->workers[i]);
}

bool generation_awaits_fresh(const struct generation *g)
{
	for (size_t i = 0; i < g->worker_count; i++)
		if (g->workers[i].state != WORKER_SERVES)
			return true;
	return false;
}

void generation_refresh(struct generation *g)
{
	struct worker *idle = NULL;

	for (size_t i = 0; i < g->worker_count; i++)
		if (!idle || idle->desk->id)
			idle = &g->workers[i];
	if (idle && idle->state == WORKER_SERVES)
		worker_end(idle);
}

static bool may_have_mail(const struct worker *w)
{
	return w->state == WORKER_SERVES || w->state == WORKER_ENDS;
}

struct worker *generation_find(struct supervisor *s, uint64_t id)
{
	for (size_t i = 0; i < GENERATIONS_MAX && id; i++)
		for (size_t k = 0; s->generations[i] && k < s->generations[i]->worker_count; k++) {
			struct worker *w = &s->generations[i]->workers[k];

			if (may_have_mail(w) && w->desk->id == id)
				return w;
		}
	return NULL;
}

void generation_time_out(struct supervisor *s, struct worker *w)
{
	s->stats.timeouts++;
	s->stats.unscanned++;
	worker_kill(w);
}

void generation_end_idle(struct generation *g, int64_t sent_ms)
{
	for (size_t i = 0; i < g->worker_count; i++) {
		struct worker *w = &g->workers[i];

		if (w->state == WORKER_SERVES && !w->desk->id && w->desk->since_ms < sent_ms)
			worker_kill(w);
	}
}

/* Of a worker that was told to end. Who is stopped does not take anything either. */
bool worker_is_quiet(const struct worker *w)
{
	return w->state != WORKER_ENDS || w->desk->takes_no_more || w->desk->id;
}

/* Who does not hear is ended, and whose client has gone before it was found late. */
void worker_watch(struct supervisor *s, struct worker *w, int64_t now)
{
	if (w->state == WORKER_ENDS && !worker_is_quiet(w) && now - w->ended_ms > END_MS)
		worker_kill(w);
	else if (may_have_mail(w) && w->desk->id && now - w->desk->deadline_ms > LATE_MS)
		generation_time_out(s, w);
	/* One that does not settle is no worker. */
	else if (w->state == WORKER_STARTS && now - w->asked_ms > SETTLE_MS)
		worker_kill(w);
}

bool generation_has_work(const struct generation *g)
{
	for (size_t i = 0; i < g->worker_count; i++)
		if (may_have_mail(&g->workers[i]))
			return true;
	return false;
}
