/*
 * One scan for all filters that want to know: settings, the question, the report. How messages get to the scanner is
 * core/scan/scan_link.c, what is in them core/scan/scan_items.c, a scanner of our own core/scan/scan_own.c.
 */
#define _GNU_SOURCE
#include "core/scan/scan_private.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

enum { SETUP_MS = 10000, AGAIN_MS = 50, ABSENCES_MAX = 3 };

struct scan *scan_new(struct arena *a, struct str socket, struct str tmpdir)
{
	struct scan *sc = arena_alloc(a, sizeof *sc);
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	sc->arena = a;
	sc->socket = arena_str(a, socket);
	sc->tmpdir = arena_str(a, tmpdir);
	sc->life_fd = -1;
	if (getrandom(&sc->ids, sizeof sc->ids, 0) != sizeof sc->ids)
		sc->ids = (uint64_t)now.tv_nsec << 32 ^ (uint64_t)getpid();
	pthread_mutex_init(&sc->lock, NULL);
	sc->settings = (struct wire_settings){.serial = (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000,
	    .max_recursion = 1, .max_files = 1, .workers = 1, .check_ms = 5000,
	    /* As the filter attachment has them by default. */
	    .max_members = 2000, .max_depth = 8, .max_member = 64 << 20, .max_total = 256 << 20, .max_ratio = 250};
	return sc;
}

struct wire_settings *scan_settings(struct scan *sc)
{
	return &sc->settings;
}

bool scan_add_database(struct scan *sc, struct str path)
{
	if (sc->path_count == WIRE_PATHS_MAX || path.n > 1000)
		return false;
	sc->paths[sc->path_count++] = path;
	return sc->path_count * 1010 + 200 < WIRE_REQUEST_MAX;
}

void scan_set_timeout(struct scan *sc, int64_t ms)
{
	if (ms > sc->timeout_ms)
		sc->timeout_ms = ms;
}

bool scan_is_used(const struct scan *sc)
{
	return (sc->settings.options & (WIRE_O_CLAMAV | WIRE_O_CONTENT)) != 0;
}

void scan_start(struct scan *sc)
{
	struct scan_link *l;

	if (!scan_is_used(sc))
		return;
	if (sc->timeout_ms == 0)
		sc->timeout_ms = 60000;
	l = scan_link_take(sc, scan_now_ms() + SETUP_MS);
	if (l)
		scan_link_drop(sc, l);
}

void scan_close(struct scan *sc)
{
	if (!sc)
		return;
	scan_link_forget(sc);
	if (sc->life_fd >= 0)
		scan_own_end(sc);
	pthread_mutex_destroy(&sc->lock);
}

/* ---- a message ---- */

static struct scan_report *unscanned(struct arena *a, struct str reason)
{
	struct scan_report *report = arena_alloc(a, sizeof *report);

	report->status = WIRE_UNSCANNED;
	report->reason = arena_str(a, reason);
	return report;
}

/* The worst item speaks for the message. */
static void take_reason(struct scan_report *report, const struct scan_record *x)
{
	bool is_worst = x->r.type == WIRE_RESULT && x->r.status == report->status;

	if (is_worst && report->status == WIRE_INFECTED && !report->name.n)
		report->name = x->name;
	if ((is_worst || x->r.type == WIRE_TEXT) && !report->reason.n)
		report->reason = x->name;
}

static struct scan_report *read_report(struct arena *a, const struct wire_head *head, struct str rest,
    const struct scan_items *items)
{
	struct scan_report *report = arena_alloc(a, sizeof *report);
	struct scan_record *records = arena_array(a, head->count ? head->count : 1, sizeof *records);
	struct wire_record r;
	struct str name;

	*report = (struct scan_report){.status = head->status, .is_cut = head->is_cut, .database_time = head->database_time,
	    .generation = head->generation, .signatures = head->signatures, .records = records, .parts = items->parts,
	    .items = items->n, .has_content = head->status != WIRE_UNSCANNED};
	while (wire_next_record(&rest, &r, &name)) {
		if (r.item >= items->n)
			return unscanned(a, STR("the scanner answered something that was not asked"));
		records[report->n] = (struct scan_record){r, name};
		take_reason(report, &records[report->n++]);
	}
	if (report->status == WIRE_CLEAN && items->is_cut) {
		report->status = WIRE_LIMIT;
		report->reason = STR("the message has too many parts");
	}
	return report;
}

static struct str why_not(struct arena *a, const struct scan *sc)
{
	if (sc->failure.n)
		return sc->failure;
	if (errno == ETIMEDOUT)
		return STR("the scanner did not answer in time");
	return arena_printf(a, "the scanner cannot be reached: %s", strerror(errno));
}

/* Once, wherever that takes it. */
static enum scan_outcome try(struct scan *sc, struct arena *a, const struct scan_request *request, struct str *ret_answer)
{
	struct scan_link *l = scan_link_take(sc, request->head.deadline_ms);
	enum scan_outcome outcome;
	int why;

	if (!l)
		return SCAN_FAILED;
	outcome = scan_exchange(l, request, a, ret_answer);
	why = errno;
	if (outcome == SCAN_LOST && !scan_link_lives(l))
		outcome = SCAN_ABSENT;
	if (outcome == SCAN_ABSENT)
		scan_link_lost(sc, l);
	scan_link_drop(sc, l);
	errno = why;
	return outcome;
}

/* A message that nobody could have answered. What does not answer questions either may be gone: a new link will tell. */
static struct scan_report *overdue(struct scan *sc, struct arena *a, const struct scan_request *request)
{
	struct str text;

	if (scan_why_overdue(sc, &request->head, a, &text))
		return unscanned(a, text);
	scan_link_forget(sc);
	return unscanned(a, STR("the scanner did not answer in time"));
}

/* The report; NULL when the scanner does not do yet what we want: it loads. */
static struct scan_report *answered(struct scan *sc, struct arena *a, const struct scan_request *request, struct str answer,
    const struct scan_items *items)
{
	struct wire_head head;
	struct str why;

	if (!wire_read_answer(answer, &head) || head.id != request->head.id || head.op != WIRE_SCAN)
		return unscanned(a, STR("the scanner answered something that was not asked"));
	if ((request->head.options & ~head.options) == 0)
		return read_report(a, &head, str_from(answer, sizeof head), items);
	if (scan_now_ms() >= request->head.deadline_ms)
		return overdue(sc, a, request);
	if (scan_why_overdue(sc, &request->head, a, &why))
		return unscanned(a, why);
	poll(NULL, 0, AGAIN_MS);
	return NULL;
}

/*
 * A message whose worker died gets a fresh one, once. One that nobody has taken, for the scanner was started again, costs
 * it nothing to try, and there all workers are fresh.
 */
static struct scan_report *ask(struct scan *sc, struct arena *a, const struct scan_items *items, struct scan_request *request)
{
	unsigned absences = 0;

	request->head.id = __atomic_add_fetch(&sc->ids, 1, __ATOMIC_RELAXED);
	request->head.sent_ms = scan_now_ms();
	request->head.deadline_ms = request->head.sent_ms + sc->timeout_ms;
	request->head.options = sc->settings.options & (WIRE_O_CLAMAV | WIRE_O_CONTENT);
	while (request->head.is_again < 2 && absences < ABSENCES_MAX) {
		struct scan_report *report = NULL;
		struct str answer;

		switch (try(sc, a, request, &answer)) {
		case SCAN_ANSWERED:
			report = answered(sc, a, request, answer, items);
			break;
		case SCAN_LOST:
			request->head.is_again++;
			break;
		case SCAN_ABSENT:
			request->head.is_again = 0;
			absences++;
			break;
		case SCAN_FAILED:
			return unscanned(a, why_not(a, sc));
		case SCAN_OVERDUE:
			return overdue(sc, a, request);
		}
		if (report)
			return report;
	}
	return unscanned(a, absences < ABSENCES_MAX ? STR("a scanner process died of this message, and a fresh one too") :
	    STR("the scanner cannot be reached: it ends as soon as it has begun"));
}

const struct scan_report *message_scan(struct scan *sc, struct message *m)
{
	struct scan_request request;
	struct scan_items items;

	if (m->scan)
		return m->scan;
	scan_items(m, &items);
	if (scan_request_pack(&request, m->arena, &items))
		m->scan = ask(sc, m->arena, &items, &request);
	else
		m->scan = unscanned(m->arena, request.head.size > WIRE_BYTES_MAX ? STR("the message is too large to be scanned") :
		    STR("there is no memory for the scan"));
	if (request.memory >= 0)
		close(request.memory);
	return m->scan;
}
