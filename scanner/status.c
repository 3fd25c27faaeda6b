/* What `reevectl scanner status` shows. */
#define _GNU_SOURCE
#include <inttypes.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <sys/ioctl.h>

#include "scanner/supervisor.h"

void generation_add_counts(const struct generation *g, struct supervisor_stats *sum)
{
	for (size_t i = 0; i < g->settings.wire.workers; i++) {
		const struct desk *d = g->desks[i];

		sum->scans += d->scans;
		sum->infected += d->infected;
		sum->unscanned += d->unscanned;
		sum->retries += d->retries;
		sum->micros += d->micros;
	}
}

static const char *state_of(const struct supervisor *s)
{
	return s->current ? "ready" : s->next ? "loading" : s->error[0] ? "failed" : "waiting";
}

/* Of mail that no worker has taken yet. */
static int waiting_octets(const struct supervisor *s)
{
	int sum = 0, octets;

	for (size_t i = 0; i < s->senders.n; i++)
		sum += ioctl(s->senders.fd[i], SIOCOUTQ, &octets) == 0 ? octets : 0;
	return sum;
}

static struct supervisor_stats stats_so_far(const struct supervisor *s)
{
	struct supervisor_stats sum = s->stats;

	for (size_t i = 0; i < GENERATIONS_MAX; i++)
		if (s->generations[i])
			generation_add_counts(s->generations[i], &sum);
	return sum;
}

size_t supervisor_status(const struct supervisor *s, char *text, size_t size)
{
	const struct generation *g = s->current;
	const struct supervisor_stats stats = stats_so_far(s);
	unsigned busy = 0, alive = 0;
	int n;

	for (size_t i = 0; g && i < g->worker_count; i++) {
		busy += g->workers[i].desk->id != 0;
		alive += g->workers[i].state == WORKER_SERVES;
	}
	n = snprintf(text, size, "state %s\ngeneration %u\nsignatures %u\ndatabase-age-s %" PRId64 "\nworkers %u\nbusy %u\n"
	    "waiting-octets %d\nscans %" PRIu64 "\ninfected %" PRIu64 "\nunscanned %" PRIu64 "\ntimeouts %" PRIu64
	    "\ndeaths %" PRIu64 "\nretries %" PRIu64 "\nmicros %" PRIu64 "\nloads %" PRIu64 "\nload-failures %" PRIu64
	    "\nerror %s\n", state_of(s), g ? g->number : 0, g ? g->info.signatures : 0,
	    g ? generation_age_s(g) : 0, alive, busy, waiting_octets(s), stats.scans, stats.infected, stats.unscanned, stats.timeouts,
	    stats.deaths, stats.retries, stats.micros, stats.loads, stats.load_failures, s->error[0] ? s->error : "none");
	return n > 0 && (size_t)n < size ? (size_t)n : 0;
}
