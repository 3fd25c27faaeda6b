/*
 * What a scan costs beside bare calls of libclamav, in CPU and in time, with the same signatures:
 *
 *     bench-scan DATABASE-FOLDER
 *
 * "bare" is libclamav in this process on the same items: the message, then each part by itself. Rounds
 * alternate; what ours costs more is the median of the differences between neighbours, for the machine's
 * speed changes from round to round. Prints one line of JSON for each kind of message.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

#include "core/scan/scan.h"
#include "lib/clock.h"
#include "scanner/engine.h"

enum { ROUNDS = 15 };

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

/* Nanoseconds of all processes of our group: the scanner's are in it. */
static uint64_t group_cpu_ns(void)
{
	DIR *dir = opendir("/proc");
	struct dirent *entry;
	uint64_t sum = 0;

	while (dir && (entry = readdir(dir))) {
		char path[300], text[100];
		unsigned long long ns;
		FILE *f;

		if (!is_digit(entry->d_name[0]) || getpgid(atoi(entry->d_name)) != getpgrp())
			continue;
		snprintf(path, sizeof path, "/proc/%s/schedstat", entry->d_name);
		f = fopen(path, "r");
		if (f && fgets(text, sizeof text, f) && sscanf(text, "%llu", &ns) == 1)
			sum += ns;
		if (f)
			fclose(f);
	}
	if (dir)
		closedir(dir);
	return sum;
}

struct round {
	double cpu_us, wall_us;
};

struct bench {
	struct engine *engine;
	struct scan *scan;
	size_t size;
	bool is_attached;
	unsigned count;
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

static struct round measure(struct bench *b, void (*scan)(struct bench *b, struct message *m))
{
	struct arena *a = arena_new(0);
	struct message **messages = arena_array(a, b->count, sizeof *messages);
	uint64_t cpu, wall;

	for (unsigned i = 0; i < b->count; i++) {
		messages[i] = message_of(a, make_message(a, b->size, b->is_attached));
		message_mime(messages[i]); /* is needed by other filters too */
	}
	cpu = group_cpu_ns();
	wall = (uint64_t)clock_ticks_ns();
	for (unsigned i = 0; i < b->count; i++)
		scan(b, messages[i]);
	wall = (uint64_t)clock_ticks_ns() - wall;
	cpu = group_cpu_ns() - cpu;
	arena_free(a);
	return (struct round){(double)cpu / 1e3 / b->count, (double)wall / 1e3 / b->count};
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *values)
{
	qsort(values, ROUNDS, sizeof *values, by_size);
	return values[ROUNDS / 2];
}

static double median_more(const double *ours_us, const double *bare_us)
{
	double more[ROUNDS];

	for (int i = 0; i < ROUNDS; i++)
		more[i] = ours_us[i] - bare_us[i];
	return median(more);
}

static void compare(struct bench *b, const char *what, size_t size, bool is_attached, unsigned count)
{
	enum { ONCE, BARE, OURS, WAYS };
	double cpu[WAYS][ROUNDS], wall[WAYS][ROUNDS], more_cpu, more;
	void (*const ways[WAYS])(struct bench *b, struct message *m) = {bare_once, bare, ours};

	b->size = size;
	b->is_attached = is_attached;
	b->count = count;
	for (int i = 0; i < ROUNDS; i++)
		for (int way = 0; way < WAYS; way++) {
			struct round r = measure(b, ways[way]);

			cpu[way][i] = r.cpu_us;
			wall[way][i] = r.wall_us;
		}
	more_cpu = median_more(cpu[OURS], cpu[BARE]);
	more = median_more(wall[OURS], wall[BARE]);
	printf("{\"message\":\"%s\",\"bytes\":%zu,\"once_cpu_us\":%.0f,\"bare_cpu_us\":%.0f,\"ours_cpu_us\":%.0f,\"more_cpu_us\":%.0f,"
	       "\"bare_us\":%.0f,\"ours_us\":%.0f,\"more_us\":%.0f}\n", what, size, median(cpu[ONCE]), median(cpu[BARE]), median(cpu[OURS]),
	    more_cpu, median(wall[BARE]), median(wall[OURS]), more);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	struct bench b = {.count = 0};
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
	compare(&b, "text 10 KB", 10 << 10, false, 60);
	compare(&b, "attachment 10 KB", 10 << 10, true, 60);
	compare(&b, "text 1 MB", 1 << 20, false, 5);
	compare(&b, "attachment 1 MB", 1 << 20, true, 5);
	scan_close(b.scan);
	arena_free(a);
	return 0;
}
