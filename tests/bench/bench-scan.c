/*
 * What a scan costs beside bare calls of libclamav, in CPU and in time, with the same signatures:
 *
 *     bench-scan DATABASE-FOLDER [WORD-OF-A-MESSAGE]
 *
 * "bare" is libclamav in this process on the same items: the message, then each part by itself. Each message is
 * measured by itself, in rounds of some bare and some of ours: so the bare calls have the caches of the processor for
 * themselves, as no program has that does anything beside scanning. What ours costs more is the median over the rounds
 * of the difference of a round's medians, for the machine's speed changes from round to round; "quiet" is the
 * difference of the first deciles of all, which is what is left where nobody else uses the machine. Prints a line of
 * JSON for each kind of message.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/scan/scan.h"
#include "lib/clock.h"
#include "scanner/engine.h"

enum { ROUNDS_MAX = 25, BLOCK_MAX = 40, SAMPLES_MAX = ROUNDS_MAX * BLOCK_MAX };

static struct wire_settings settings = {.options = WIRE_O_CLAMAV | WIRE_O_ENCRYPTED, .workers = 1, .max_file = 100 << 20,
    .max_scan = 400 << 20, .max_recursion = 17, .max_files = 10000, .check_ms = 60000};

/* ---- messages ---- */

static uint32_t chance = 1;

static unsigned draw(unsigned below)
{
	chance = chance * 1664525 + 1013904223;
	return (chance >> 8) % below;
}

/* Words in lines; each call gives another text, so that nothing is known from before. */
static void add_text(struct buf *b, size_t n)
{
	size_t from = b->n;

	while (b->n - from < n) {
		size_t letters = 2 + draw(9);

		for (size_t i = 0; i < letters; i++)
			buf_addc(b, (char)('a' + draw(26)));
		buf_adds(b, draw(12) ? " " : "\r\n");
	}
	buf_adds(b, "\r\n");
}

static void add_base64(struct buf *b, size_t n)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < n / 76; i++) {
		for (int k = 0; k < 76; k++)
			buf_addc(b, digits[draw(64)]);
		buf_adds(b, "\r\n");
	}
}

static struct str make_message(struct arena *a, size_t size, bool is_attached)
{
	struct buf b = {0};

	buf_addf(&b, "From: a@example.com\r\nTo: b@example.net\r\nSubject: %u\r\nMIME-Version: 1.0\r\n", draw(1 << 24));
	if (is_attached)
		buf_adds(&b, "Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n");
	else
		buf_adds(&b, "Content-Type: text/plain\r\n\r\n");
	if (is_attached)
		add_base64(&b, size);
	else
		add_text(&b, size);
	return buf_take(&b, a);
}

static void drop_spool(void *spool)
{
	spool_free(spool);
}

static struct message *message_of(struct arena *a, struct str data)
{
	struct message *m = arena_alloc(a, sizeof *m);

	m->magic = MESSAGE_MAGIC;
	m->limits = &parse_limits_default;
	m->arena = a;
	m->spool = spool_of(data);
	arena_defer(a, drop_spool, m->spool);
	headers_parse(a, data, &m->headers);
	return m;
}

/* ---- CPU ---- */

/* Whose time it is: this process, the supervisor with its template, the worker. */
enum role { US, SUPERVISOR, WORKER, ROLES };

/*
 * The processes of our group, and their clocks: these are exact to the moment, while what /proc tells of a process
 * that runs is as old as the last tick.
 */
struct process {
	enum role role;
	clockid_t clock;
};

enum { PROCESSES_MAX = 16 };
static struct process processes[PROCESSES_MAX];
static size_t process_count;

static enum role role_of(pid_t pid)
{
	char path[64], name[32] = "";
	FILE *f;

	snprintf(path, sizeof path, "/proc/%d/comm", (int)pid);
	f = fopen(path, "r");
	if (f && !fgets(name, sizeof name, f))
		name[0] = '\0';
	if (f)
		fclose(f);
	return pid == getpid() ? US : strcmp(name, "reeve-worker\n") == 0 ? WORKER : SUPERVISOR;
}

static void find_processes(void)
{
	DIR *dir = opendir("/proc");
	struct dirent *entry;

	process_count = 0;
	while (dir && process_count < PROCESSES_MAX && (entry = readdir(dir))) {
		pid_t pid = (pid_t)atoi(entry->d_name);
		struct process *p = &processes[process_count];

		if (pid <= 0 || getpgid(pid) != getpgrp() || clock_getcpuclockid(pid, &p->clock) != 0)
			continue;
		p->role = role_of(pid);
		process_count++;
	}
	if (dir)
		closedir(dir);
}

/* Microseconds. */
struct cost {
	double cpu[ROLES], wall;
};

static struct cost cost_so_far(void)
{
	struct cost sum = {.wall = (double)clock_ticks_ns() / 1e3};
	struct timespec used;

	for (size_t i = 0; i < process_count; i++)
		if (clock_gettime(processes[i].clock, &used) == 0)
			sum.cpu[processes[i].role] += (double)used.tv_sec * 1e6 + (double)used.tv_nsec / 1e3;
	return sum;
}

/* ---- ways to scan ---- */

struct bench {
	struct engine *engine;
	struct scan *scan;
};

static void bare(struct bench *b, struct message *m)
{
	struct scan_items items;
	char text[ENGINE_TEXT_MAX];
	struct buf whole = {0};

	scan_items(m, &items);
	buf_add(&whole, scan_prefix);
	buf_add(&whole, items.bytes[0]);
	engine_scan(b->engine, buf_str(&whole), text);
	for (size_t i = 1; i < items.n; i++)
		engine_scan(b->engine, items.bytes[i], text);
	buf_free(&whole);
}

/* The message alone: what a program without our second look does. */
static void bare_once(struct bench *b, struct message *m)
{
	char text[ENGINE_TEXT_MAX];

	engine_scan(b->engine, spool_data(m->spool), text);
}

static void ours(struct bench *b, struct message *m)
{
	if (message_scan(b->scan, m)->status != WIRE_CLEAN)
		exit(1);
}

enum way { ONCE, BARE, OURS, WAYS };
static void (*const ways[WAYS])(struct bench *b, struct message *m) = {bare_once, bare, ours};

/* ---- figures ---- */

/* What is told of each way. */
enum figure { WALL, CPU, CPU_US, CPU_SUPERVISOR, CPU_WORKER, FIGURES };

struct kind {
	const char *name;
	size_t size;
	bool is_attached;
	unsigned rounds, block;
};

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* The value above so many of a hundred; sorts them. */
static double centile(double *values, unsigned n, unsigned hundredth)
{
	qsort(values, n, sizeof *values, by_size);
	return values[n * hundredth / 100];
}

static double median(double *values, unsigned n)
{
	return centile(values, n, 50);
}

static double samples[FIGURES][WAYS][SAMPLES_MAX]; /* by round */

static void measure(struct bench *b, const struct kind *k, enum way way, unsigned round)
{
	struct arena *a = arena_new(0);
	struct message *messages[BLOCK_MAX];

	for (unsigned i = 0; i < k->block; i++) {
		messages[i] = message_of(a, make_message(a, k->size, k->is_attached));
		message_mime(messages[i]); /* is needed by other filters too */
	}
	for (unsigned i = 0; i < k->block; i++) {
		struct cost from = cost_so_far(), to;
		double figures[FIGURES] = {0};

		ways[way](b, messages[i]);
		to = cost_so_far();
		figures[WALL] = to.wall - from.wall;
		for (int role = 0; role < ROLES; role++) {
			figures[CPU_US + role] = to.cpu[role] - from.cpu[role];
			figures[CPU] += figures[CPU_US + role];
		}
		for (int f = 0; f < FIGURES; f++)
			samples[f][way][round * k->block + i] = figures[f];
	}
	arena_free(a);
}

/* Of a round's medians; sorts within the rounds. */
static double median_more(enum figure f, const struct kind *k)
{
	double more[ROUNDS_MAX];

	for (unsigned i = 0; i < k->rounds; i++)
		more[i] = median(&samples[f][OURS][i * k->block], k->block) - median(&samples[f][BARE][i * k->block], k->block);
	return median(more, k->rounds);
}

static void compare(struct bench *b, const struct kind *k)
{
	unsigned n = k->rounds * k->block;
	double more[FIGURES], quiet[FIGURES], middle[FIGURES][WAYS];

	for (unsigned i = 0; i < k->rounds; i++)
		for (int way = 0; way < WAYS; way++)
			measure(b, k, way, i);
	for (int f = 0; f < FIGURES; f++) {
		more[f] = median_more(f, k);
		quiet[f] = centile(samples[f][OURS], n, 10) - centile(samples[f][BARE], n, 10);
		for (int way = 0; way < WAYS; way++)
			middle[f][way] = median(samples[f][way], n);
	}
	printf("{\"message\":\"%s\",\"bytes\":%zu,\"once_cpu_us\":%.0f,\"bare_cpu_us\":%.0f,\"ours_cpu_us\":%.0f,"
	       "\"more_cpu_us\":%.0f,\"quiet_more_cpu_us\":%.0f", k->name, k->size, middle[CPU][ONCE], middle[CPU][BARE],
	    middle[CPU][OURS], more[CPU], quiet[CPU]);
	printf(",\"client_cpu_us\":%.0f,\"supervisor_cpu_us\":%.0f,\"worker_cpu_us\":%.0f", middle[CPU_US][OURS],
	    middle[CPU_SUPERVISOR][OURS], middle[CPU_WORKER][OURS]);
	printf(",\"bare_us\":%.0f,\"ours_us\":%.0f,\"more_us\":%.0f,\"quiet_more_us\":%.0f}\n", middle[WALL][BARE],
	    middle[WALL][OURS], more[WALL], quiet[WALL]);
	fflush(stdout);
}

static const struct kind kinds[] = {
    {"text 10 KB", 10 << 10, false, ROUNDS_MAX, BLOCK_MAX},
    {"attachment 10 KB", 10 << 10, true, ROUNDS_MAX, BLOCK_MAX},
    {"text 1 MB", 1 << 20, false, 15, 4},
    {"attachment 1 MB", 1 << 20, true, 21, 5},
};

int main(int argc, char **argv)
{
	struct bench b;
	struct arena *a = arena_new(0);
	struct engine_info info;
	struct str path = str_of(argc > 1 ? argv[1] : ".");
	char error[ENGINE_TEXT_MAX];

	setpgid(0, 0);
	clock_init();
	engine_init();
	b.engine = engine_load(&settings, &path, 1, "/dev/shm", &info, error);
	if (!b.engine) {
		fprintf(stderr, "bench-scan: %s\n", error);
		return 1;
	}
	b.scan = scan_new(a, STR_NONE, STR_NONE);
	*scan_settings(b.scan) = settings;
	scan_add_database(b.scan, path);
	scan_set_timeout(b.scan, 60000);
	scan_start(b.scan);
	ours(&b, message_of(a, make_message(a, 1000, false))); /* all its processes are there then */
	find_processes();
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (argc < 3 || strstr(kinds[i].name, argv[2]))
			compare(&b, &kinds[i]);
	scan_close(b.scan);
	arena_free(a);
	return 0;
}
