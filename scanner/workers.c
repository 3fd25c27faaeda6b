/*
 * Workers as the supervisor sees them: they are forked, settle, serve, and end when they are told, hang or die. Their desks
 * say what they do.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/sanitizer.h"
#include "scanner/supervisor.h"

enum {
	SPAWN_AGAIN_MS = 1000, SETTLE_MS = 60000, BEGIN_MS = 1000, LATE_MS = 500,
	END_MS = 1000, LEAKS_MS = 60000, /* a search for leaks takes longer than an end */
};

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
		w->desk->has_begun = 0;
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
	w->told_ms = supervisor_now_ms();
	kill(w->pid, SIGTERM);
}

void worker_go(struct worker *w)
{
	struct link_message m = {.op = LINK_GO};

	w->state = WORKER_SERVES;
	w->told_ms = supervisor_now_ms();
	w->desk->since_ms = w->told_ms;
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

void generation_leave_gaps(struct generation *g, bool wanted)
{
	for (size_t i = 0; i < g->worker_count; i++)
		if (g->workers[i].desk->leaves_gaps != wanted)
			g->workers[i].desk->leaves_gaps = wanted;
}

bool generation_has_ending(const struct generation *g)
{
	for (size_t i = 0; g && i < g->worker_count; i++)
		if (g->workers[i].state == WORKER_ENDS)
			return true;
	return false;
}

static bool is_fresh_soon(const struct worker *w, int64_t now)
{
	if (w->state == WORKER_SERVES)
		return !w->desk->has_begun && now - w->told_ms < BEGIN_MS;
	return w->state != WORKER_ENDS || !w->desk->id;
}

/* One that is idle, else the one that began last, unless one is on its way out already. */
static struct worker *dispensable(const struct generation *g)
{
	const struct worker *found = NULL;

	for (size_t i = 0; i < g->worker_count; i++) {
		const struct worker *w = &g->workers[i];

		if (w->state == WORKER_SERVES && !w->desk->id)
			return (struct worker *)w;
		if (w->state == WORKER_SERVES && (!found || w->desk->since_ms > found->desk->since_ms))
			found = w;
	}
	return generation_has_ending(g) ? NULL : (struct worker *)found;
}

bool generation_awaits_fresh(const struct generation *g)
{
	int64_t now = supervisor_now_ms();

	for (size_t i = 0; i < g->worker_count; i++)
		if (is_fresh_soon(&g->workers[i], now))
			return true;
	return !dispensable(g);
}

void generation_refresh(struct generation *g)
{
	struct worker *w = dispensable(g);

	if (w)
		worker_end(w);
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

/* What a desk says of a message's end is believed when it can be. */
static bool is_late(const struct desk *d, int64_t now)
{
	int64_t deadline = d->deadline_ms;

	return d->id && (deadline < now - LATE_MS || deadline > now + 2 * MESSAGE_MS_MAX);
}

static bool hangs(const struct worker *w, int64_t now)
{
	int64_t since = now - (w->state == WORKER_STARTS ? w->asked_ms : w->told_ms);

	if (w->state == WORKER_ENDS)
		return since > (w->desk->id ? MESSAGE_MS_MAX : sanitizer_seeks_leaks() ? LEAKS_MS : END_MS);
	return w->state == WORKER_STARTS && since > SETTLE_MS; /* one that does not settle is no worker */
}

/* A message whose client has gone before it was found late, and who does not hear. */
void worker_watch(struct supervisor *s, struct worker *w, int64_t now)
{
	if (may_have_mail(w) && is_late(w->desk, now))
		generation_time_out(s, w);
	else if (hangs(w, now))
		worker_kill(w);
}

bool generation_has_work(const struct generation *g)
{
	for (size_t i = 0; i < g->worker_count; i++)
		if (may_have_mail(&g->workers[i]))
			return true;
	return false;
}
