/* The scanner from its client's side: outcomes, databases that change, processes that die or hang. */
#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/scan.h"
#include "lib/clock.h"
#include "tests/unit/unit.h"

enum { THREADS = 4 };

struct kit {
	struct arena *arena;
	char folder[64];
	struct scan *scan;
};

static const char sample[] = "a sample that is found by our own signature";

static void write_database(struct kit *k, const char *name, const char *lines)
{
	char path[200], temporary[220];
	FILE *f;

	snprintf(path, sizeof path, "%s/%s", k->folder, name);
	snprintf(temporary, sizeof temporary, "%s.new", path);
	f = fopen(temporary, "w");
	assert_non_null(f);
	fputs(lines, f);
	fclose(f);
	assert_int_equal(rename(temporary, path), 0);
}

static void write_sample(struct kit *k, const char *comment)
{
	struct buf b = {0};

	buf_addf(&b, "Test.%s:0:*:", comment);
	for (size_t i = 0; sample[i]; i++)
		buf_addf(&b, "%02x", sample[i]);
	buf_adds(&b, "\n");
	buf_addc(&b, '\0');
	write_database(k, "own.ndb", b.p);
	buf_free(&b);
}

static void start(struct kit *k, int64_t timeout_ms)
{
	struct wire_settings *s;

	k->scan = scan_new(k->arena, STR_NONE, STR_NONE);
	s = scan_settings(k->scan);
	s->options = WIRE_O_CLAMAV | WIRE_O_CONTENT;
	s->workers = 2;
	s->max_file = s->max_scan = s->max_member = s->max_total = 100 << 20;
	s->max_recursion = 17;
	s->max_files = 1000;
	s->max_members = 100;
	s->max_depth = 5;
	s->max_ratio = 250;
	s->check_ms = 50;
	assert_true(scan_add_database(k->scan, str_of(k->folder)));
	scan_set_timeout(k->scan, timeout_ms);
	scan_start(k->scan);
}

static struct kit *kit_new(void)
{
	struct kit *k = calloc(1, sizeof *k);
	char self[400] = "", program[500];

	assert_true(readlink("/proc/self/exe", self, sizeof self - 1) > 0);
	*strrchr(self, '/') = '\0';
	/* The programs of the build stand two folders above the tests. */
	snprintf(program, sizeof program, "%s/../../mailreeve-scanner", self);
	if (access(program, X_OK) == 0)
		setenv("REEVE_SCANNER", program, 0);
	strcpy(k->folder, "/tmp/test-scan.XXXXXX");
	assert_non_null(mkdtemp(k->folder));
	k->arena = arena_new(0);
	return k;
}

static void kit_free(struct kit *k)
{
	char command[100];

	scan_close(k->scan);
	snprintf(command, sizeof command, "rm -rf %s", k->folder);
	assert_int_equal(system(command), 0);
	arena_free(k->arena);
	free(k);
}

static void drop_spool(void *spool)
{
	spool_free(spool);
}

/* One message; the report is in an arena that the caller frees. */
static const struct scan_report *scan_text(struct kit *k, struct arena *a, const char *body)
{
	struct message *m = arena_alloc(a, sizeof *m);
	struct str data = arena_printf(a, "DKIM-Signature: v=1\r\nSubject: x\r\n\r\n%s\r\n", body);

	m->magic = MESSAGE_MAGIC;
	m->limits = &parse_limits_default;
	m->arena = a;
	m->spool = spool_of(data);
	arena_defer(a, drop_spool, m->spool);
	headers_parse(a, data, &m->headers);
	return message_scan(k->scan, m);
}

static enum wire_status status_of(struct kit *k, const char *body)
{
	struct arena *a = arena_new(0);
	enum wire_status status = scan_text(k, a, body)->status;

	arena_free(a);
	return status;
}

static uint32_t generation_of(struct kit *k)
{
	struct arena *a = arena_new(0);
	uint32_t generation = scan_text(k, a, sample)->generation;

	arena_free(a);
	return generation;
}

/* Processes of our scanner by name: those that belong to our family. */
static size_t find_processes(const char *name, pid_t *ret, size_t most)
{
	DIR *dir = opendir("/proc");
	struct dirent *entry;
	size_t n = 0;

	while (n < most && (entry = readdir(dir))) {
		char path[300], text[400] = "";
		int parent, group;
		FILE *f;

		snprintf(path, sizeof path, "/proc/%s/stat", entry->d_name);
		f = is_digit(entry->d_name[0]) ? fopen(path, "r") : NULL;
		if (!f)
			continue;
		if (fgets(text, sizeof text, f) && strstr(text, name) && strrchr(text, ')') &&
		    sscanf(strrchr(text, ')') + 1, " %*c %d %d", &parent, &group) == 2 && group == getpgrp())
			ret[n++] = atoi(entry->d_name);
		fclose(f);
	}
	closedir(dir);
	return n;
}

static size_t signal_all(const char *name, int signo)
{
	pid_t pids[32];
	size_t n = find_processes(name, pids, 32);

	for (size_t i = 0; i < n; i++)
		kill(pids[i], signo);
	return n;
}

static void outcomes(void **state)
{
	struct kit *k = kit_new();
	struct arena *a = arena_new(0);
	const struct scan_report *report;

	(void)state;
	write_sample(k, "One");
	start(k, 20000);
	assert_int_equal(status_of(k, "nothing"), WIRE_CLEAN);
	report = scan_text(k, a, sample);
	assert_int_equal(report->status, WIRE_INFECTED);
	assert_true(str_is(report->name, "Test.One.UNOFFICIAL"));
	assert_true(report->database_time > 0);
	assert_int_equal(report->signatures, 1);
	arena_free(a);
	kit_free(k);
}

static void no_database(void **state)
{
	struct kit *k = kit_new();
	struct arena *a = arena_new(0);
	const struct scan_report *report;

	(void)state;
	start(k, 1000);
	report = scan_text(k, a, "nothing");
	assert_int_equal(report->status, WIRE_UNSCANNED);
	assert_true(str_find(report->reason, STR("freshclam")) >= 0);
	arena_free(a);
	kit_free(k);
}

static void no_program(void **state)
{
	struct kit *k = kit_new();

	(void)state;
	setenv("REEVE_SCANNER", "/nonexistent", 1);
	start(k, 1000);
	assert_int_equal(status_of(k, "nothing"), WIRE_UNSCANNED);
	unsetenv("REEVE_SCANNER");
	kit_free(k);
}

/* Idle workers, the template, and workers that hang: mail goes on. */
static void deaths(void **state)
{
	struct kit *k = kit_new();
	int64_t before;

	(void)state;
	write_sample(k, "One");
	start(k, 1500);
	assert_int_equal(status_of(k, sample), WIRE_INFECTED);
	assert_true(signal_all("reeve-worker", SIGKILL) >= 1);
	assert_int_equal(status_of(k, sample), WIRE_INFECTED);
	assert_true(signal_all("reeve-template", SIGKILL) >= 1); /* a worker is named so at first */
	assert_int_equal(status_of(k, sample), WIRE_INFECTED);
	/* Workers of the dead template may have answered: those of the next must be there. */
	for (int i = 0; i < 100 && generation_of(k) < 2; i++)
		usleep(50000);
	usleep(200000);
	assert_true(signal_all("reeve-worker", SIGSTOP) >= 1);
	before = clock_ticks_ns();
	assert_int_equal(status_of(k, "nothing"), WIRE_UNSCANNED);
	assert_true(clock_ticks_ns() - before < 4000000000);
	signal_all("reeve-worker", SIGCONT);
	for (int i = 0; i < 4; i++)
		assert_int_equal(status_of(k, sample), WIRE_INFECTED);
	assert_int_equal(status_of(k, "nothing"), WIRE_CLEAN);
	kit_free(k);
}

static void bad_database_keeps_old(void **state)
{
	struct kit *k = kit_new();

	(void)state;
	write_sample(k, "One");
	start(k, 20000);
	assert_int_equal(status_of(k, sample), WIRE_INFECTED);
	write_database(k, "own.ndb", "this is no signature\n");
	usleep(600000);
	assert_int_equal(status_of(k, sample), WIRE_INFECTED);
	kit_free(k);
}

struct load {
	struct kit *kit;
	_Atomic bool ends;
	_Atomic unsigned scans, infected, clean, unscanned;
	_Atomic int64_t worst_ns;
	_Atomic unsigned generation;
};

static void *scan_on(void *arg)
{
	struct load *l = arg;

	while (!l->ends) {
		struct arena *a = arena_new(0);
		int64_t before = clock_ticks_ns(), took;
		const struct scan_report *report = scan_text(l->kit, a, sample);

		took = clock_ticks_ns() - before;
		l->scans++;
		l->infected += report->status == WIRE_INFECTED;
		l->unscanned += report->status == WIRE_UNSCANNED;
		l->clean += report->status == WIRE_CLEAN;
		if (report->generation > l->generation)
			l->generation = report->generation;
		if (took > l->worst_ns)
			l->worst_ns = took;
		arena_free(a);
	}
	return NULL;
}

static void load_start(struct load *l, struct kit *k, pthread_t *threads)
{
	l->kit = k;
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, scan_on, l), 0);
}

static void load_end(struct load *l, pthread_t *threads, const char *what)
{
	l->ends = true;
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	print_message("%s: %u scans, %u found, %u not scanned, %u generations, worst %.1f ms\n", what, l->scans, l->infected,
	    l->unscanned, l->generation, (double)l->worst_ns / 1e6);
}

static void swap_under_load(void **state)
{
	struct kit *k = kit_new();
	struct load l = {0};
	pthread_t threads[THREADS];

	(void)state;
	write_sample(k, "One");
	start(k, 20000);
	assert_int_equal(status_of(k, sample), WIRE_INFECTED);
	load_start(&l, k, threads);
	usleep(1000000);
	print_message("before: worst %.1f ms\n", (double)l.worst_ns / 1e6);
	for (int i = 0; i < 15; i++) {
		usleep(150000);
		write_sample(k, i % 2 ? "One" : "Other");
	}
	load_end(&l, threads, "databases swapped");
	assert_int_equal(l.infected, l.scans);
	assert_true(l.generation >= 4);
	assert_true(l.scans > 500);
	kit_free(k);
}

/* Whatever dies, an infected message is found or not scanned: never clean. */
static void kills_under_load(void **state)
{
	struct kit *k = kit_new();
	struct load l = {0};
	pthread_t threads[THREADS];

	(void)state;
	write_sample(k, "One");
	start(k, 20000);
	assert_int_equal(status_of(k, sample), WIRE_INFECTED);
	load_start(&l, k, threads);
	for (int i = 0; i < 20; i++) {
		usleep(70000);
		signal_all(i % 7 == 6 ? "reeve-template" : "reeve-worker", SIGKILL);
	}
	usleep(100000);
	load_end(&l, threads, "workers killed");
	assert_int_equal(l.clean, 0);
	assert_int_equal(l.infected + l.unscanned, l.scans);
	assert_true(l.infected > 200);
	assert_int_equal(status_of(k, "nothing"), WIRE_CLEAN);
	kit_free(k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(outcomes),
	    cmocka_unit_test(no_database),
	    cmocka_unit_test(no_program),
	    cmocka_unit_test(deaths),
	    cmocka_unit_test(bad_database_keeps_old),
	    cmocka_unit_test(swap_under_load),
	    cmocka_unit_test(kills_under_load),
	};

	clock_init();
	setpgid(0, 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
