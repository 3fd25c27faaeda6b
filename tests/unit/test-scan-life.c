/* The scanner's life from its client's side: databases that change, processes that die or hang. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "core/scan/scan_private.h"
#include "tests/unit/scan-kit.h"

enum { THREADS = 4, MANY = 60000, WINDOWS = 5, TRIES = 12, PLAIN_TRIES = 3, AFTER = 100 /* scans by the new databases */ };

/* Idle workers and the template: mail goes on. */
static void deaths(void **state)
{
	struct kit *k = kit_new();

	(void)state;
	write_sample(k, "One");
	start(k, 60000);
	assert_int_equal(status_of(k, sample), WIRE_INFECTED);
	assert_true(signal_all("reeve-worker", SIGKILL) >= 1);
	assert_int_equal(status_of(k, sample), WIRE_INFECTED);
	assert_true(signal_all("reeve-template", SIGKILL) >= 1); /* a worker is named so at first */
	assert_int_equal(status_of(k, sample), WIRE_INFECTED);
	assert_int_equal(status_of(k, "nothing"), WIRE_CLEAN);
	kit_free(k);
}

/* Until there are workers that answer; a busy machine may take a while to start them. */
static void await_infected(struct kit *k)
{
	enum wire_status status = WIRE_UNSCANNED;

	for (int i = 0; i < 20 && status != WIRE_INFECTED; i++)
		status = status_of(k, sample);
	assert_int_equal(status, WIRE_INFECTED);
}

/* Workers that hang cost their message its deadline, and are replaced. */
static void hangs(void **state)
{
	struct kit *k = kit_new();
	int64_t before;

	(void)state;
	write_sample(k, "One");
	start(k, 1500);
	await_infected(k);
	usleep(200000);
	assert_true(signal_all("reeve-worker", SIGSTOP) >= 1);
	before = clock_ticks_ns();
	assert_int_equal(status_of(k, "nothing"), WIRE_UNSCANNED);
	assert_true(clock_ticks_ns() - before < 6000000000);
	signal_all("reeve-worker", SIGCONT);
	await_infected(k);
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

/* Signatures enough for a load that takes a while; they match nothing. Beside the folder until they are wanted. */
static void write_many(struct kit *k, unsigned seed)
{
	char path[120];
	FILE *f;

	snprintf(path, sizeof path, "%s.many", k->folder);
	f = fopen(path, "w");
	assert_non_null(f);
	for (unsigned i = 0; i < MANY; i++)
		fprintf(f, "%08x%08x%08x%08x:%u:Test.Many-%u\n", seed, i, i * 2654435761u, ~i, 1000000 + i, i);
	fclose(f);
}

static void put_many(struct kit *k)
{
	char from[120], to[120];

	snprintf(from, sizeof from, "%s.many", k->folder);
	snprintf(to, sizeof to, "%s/many.hdb", k->folder);
	assert_int_equal(rename(from, to), 0);
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

struct window {
	double worst_ms;
	unsigned scans;
};

static struct window window_end(struct load *l, pthread_t *threads)
{
	l->ends = true;
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(l->infected, l->scans);
	return (struct window){(double)l->worst_ns / 1e6, l->scans};
}

static void await_scans(struct load *l, unsigned scans)
{
	for (int i = 0; i < 60000 && l->scans < scans; i++)
		usleep(1000);
	assert_true(l->scans >= scans);
}

static void await_found(struct load *l, unsigned found)
{
	for (int i = 0; i < 60000 && l->infected < found; i++)
		usleep(1000);
	assert_true(l->infected >= found);
}

/* From before the new databases are there until some scans have been made by them. */
static struct window swap_window(struct kit *k)
{
	struct load l = {0};
	pthread_t threads[THREADS];
	uint32_t before = generation_of(k);

	load_start(&l, k, threads);
	put_many(k);
	/* The template loads when nobody else wants the processor: on a busy machine that takes a while. */
	for (int i = 0; i < 6000 && l.generation <= before; i++)
		usleep(10000);
	assert_true(l.generation > before);
	await_scans(&l, l.scans + AFTER);
	return window_end(&l, threads);
}

static void *want_processor(void *arg)
{
	const struct load *l = arg;
	struct sched_param none = {0};

	assert_int_equal(sched_setscheduler(0, SCHED_IDLE, &none), 0);
	while (!l->ends)
		;
	return NULL;
}

/* As many scans without a swap: the longest of more would be longer. */
static struct window usual_window(struct kit *k, unsigned scans, bool is_wanted)
{
	struct load l = {0};
	pthread_t threads[THREADS], idle;
	struct window w;

	load_start(&l, k, threads);
	if (is_wanted)
		assert_int_equal(pthread_create(&idle, NULL, want_processor, &l), 0);
	await_scans(&l, scans);
	w = window_end(&l, threads);
	if (is_wanted)
		pthread_join(idle, NULL);
	return w;
}

struct worst {
	double usual, swapping; /* medians of windows */
};

static struct worst compare_windows(struct kit *k, unsigned seed, bool is_wanted)
{
	double usual[WINDOWS], swapping[WINDOWS];

	for (unsigned i = 0; i < WINDOWS; i++) {
		struct window w;

		write_many(k, seed + i);
		w = swap_window(k);
		swapping[i] = w.worst_ms;
		usual[i] = usual_window(k, w.scans, is_wanted).worst_ms;
	}
	qsort(usual, WINDOWS, sizeof *usual, by_size);
	qsort(swapping, WINDOWS, sizeof *swapping, by_size);
	return (struct worst){usual[WINDOWS / 2], swapping[WINDOWS / 2]};
}

/*
 * The bar: the longest scan during a swap takes at most twice the usual longest. One outlier of a
 * shared machine says nothing, so windows with and without alternate, have as many scans each, and their
 * medians count; a noisy machine gets more tries. In the last of them something of the lowest rank wants
 * the processor in the usual windows too, for where others load the machine that alone makes our turns
 * come later.
 */
static void swap_latency(void **state)
{
	struct kit *k = kit_new();
	struct worst w = {0};

	(void)state;
	write_sample(k, "One");
	write_many(k, 0);
	put_many(k);
	/* Where others always want the processor, it loads with a better rank after two seconds (200 checks). */
	start_checking(k, 20000, 10);
	assert_int_equal(status_of(k, sample), WIRE_INFECTED);
	for (unsigned i = 0; i < TRIES && (i == 0 || w.swapping > 2 * w.usual); i++) {
		w = compare_windows(k, 1 + i * WINDOWS, i >= PLAIN_TRIES);
		print_message("longest scan%s: %.1f ms, while databases are swapped %.1f ms (medians of %d windows)\n",
		    i >= PLAIN_TRIES ? " beside a task of the lowest rank" : "", w.usual, w.swapping, WINDOWS);
	}
	assert_true(w.swapping <= 2 * w.usual);
	kit_free(k);
}

static void swap_under_load(void **state)
{
	struct kit *k = kit_new();
	struct load l = {0};
	pthread_t threads[THREADS];

	(void)state;
	write_sample(k, "One");
	start_checking(k, 20000, 10);
	assert_int_equal(status_of(k, sample), WIRE_INFECTED);
	load_start(&l, k, threads);
	usleep(1000000);
	print_message("before: worst %.1f ms\n", (double)l.worst_ns / 1e6);
	for (int i = 0; i < 15 || (i < 600 && (l.generation < 4 || l.scans <= 500)); i++) {
		usleep(150000);
		write_sample(k, i % 2 ? "One" : "Other");
	}
	load_end(&l, threads, "databases swapped");
	assert_int_equal(l.infected, l.scans);
	assert_true(l.generation >= 4);
	assert_true(l.scans > 500);
	kit_free(k);
}

/* Whatever dies, an infected message is found or not scanned: never clean. Some are found between two deaths. */
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
		await_found(&l, l.infected + 11);
		signal_all(i % 7 == 6 ? "reeve-template" : "reeve-worker", SIGKILL);
	}
	await_found(&l, l.infected + 1);
	load_end(&l, threads, "workers killed");
	assert_int_equal(l.clean, 0);
	assert_int_equal(l.infected + l.unscanned, l.scans);
	assert_int_equal(status_of(k, "nothing"), WIRE_CLEAN);
	kit_free(k);
}

/* Killed while it loads, and once more: mail waits for the next, which begins soon. */
static void loader_dies(void **state)
{
	struct kit *k = kit_new();

	(void)state;
	write_sample(k, "One");
	write_many(k, 1);
	put_many(k);
	start(k, 600000);
	for (uint64_t i = 1; i <= 2; i++)
		while (count_of(k, "load-failures") < i)
			signal_all("reeve-template", SIGKILL);
	assert_int_equal(status_of(k, sample), WIRE_INFECTED);
	assert_int_equal(count_of(k, "unscanned"), 0);
	kit_free(k);
}

/*
 * Who has been told of new databases sends no message that the old ones see; not even when the old ones do not hear that
 * they shall end.
 */
static void told_when_certain(void **state)
{
	struct kit *k = kit_new();

	(void)state;
	write_sample(k, "0");
	start_checking(k, 60000, 600000);
	assert_int_equal(status_of(k, sample), WIRE_INFECTED);
	for (int i = 1; i <= 6; i++) {
		struct arena *a = arena_new(0);
		struct str text;
		char name[20];

		snprintf(name, sizeof name, "%d", i);
		write_sample(k, name);
		if (i == 3)
			assert_true(signal_all("reeve-worker", SIGSTOP) >= 2); /* and who still ends */
		assert_int_equal(scan_ask_own(k->scan, WIRE_RELOAD, 60000, a, &text), RES_OK);
		signal_all("reeve-worker", SIGCONT);
		assert_true(str_is(scan_text(k, a, sample)->name, arena_printf(a, "Test.%d.UNOFFICIAL", i).p));
		arena_free(a);
	}
	assert_int_equal(count_of(k, "deaths"), 0);
	kit_free(k);
}

/* A scanner as the master starts it, with a listening socket. */
static pid_t start_scanner(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	pid_t pid;

	unlink(address->sun_path);
	assert_int_equal(bind(fd, (const struct sockaddr *)address, sizeof *address), 0);
	assert_int_equal(listen(fd, 64), 0);
	pid = fork();
	if (pid == 0) {
		dup2(fd, 10);
		execl(getenv("REEVE_SCANNER"), "mailreeve-scanner", "10", "-1", "-1", "/tmp", "0", (char *)NULL);
		_exit(127);
	}
	close(fd);
	return pid;
}

/* The next message finds the new one. */
static void scanner_starts_again(void **state)
{
	struct kit *k = kit_new();
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	pid_t pid;

	(void)state;
	snprintf(address.sun_path, sizeof address.sun_path, "%s/socket", k->folder);
	write_sample(k, "One");
	pid = start_scanner(&address);
	start_at(k, str_of(address.sun_path), 60000);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(status_of(k, sample), WIRE_INFECTED);
		kill(pid, i == 1 ? SIGTERM : SIGKILL);
		waitpid(pid, NULL, 0);
		pid = start_scanner(&address);
	}
	assert_int_equal(status_of(k, sample), WIRE_INFECTED);
	kill(pid, SIGTERM);
	waitpid(pid, NULL, 0);
	kit_free(k);
}

/* Who wants databases is not content with the answer of a scanner that has none yet. */
static void databases_come_later(void **state)
{
	struct kit *k = kit_new();
	struct scan *content;

	(void)state;
	write_sample(k, "One");
	start(k, 60000);
	assert_int_equal(status_of(k, sample), WIRE_INFECTED);
	content = k->scan;
	k->scan = scan_new(k->arena, STR_NONE, STR_NONE);
	*scan_settings(k->scan) = *scan_settings(content);
	scan_settings(k->scan)->serial++;
	scan_settings(k->scan)->options = WIRE_O_CONTENT;
	k->scan->own_address = content->own_address;
	k->scan->own_size = content->own_size;
	scan_start(k->scan);
	for (int i = 0; i < 6000 && count_of(k, "signatures") > 0; i++)
		usleep(10000);
	assert_int_equal(status_of(k, sample), WIRE_CLEAN);
	scan_close(k->scan);
	k->scan = content;
	scan_settings(k->scan)->serial += 2;
	scan_link_forget(k->scan);
	assert_int_equal(status_of(k, sample), WIRE_INFECTED);
	kit_free(k);
}

/* And who wants databases that cannot be loaded hears why, soon. */
static void databases_never_come(void **state)
{
	struct kit *k = kit_new();
	struct arena *a = arena_new(0);
	struct scan *content;
	const struct scan_report *report;

	(void)state;
	start(k, 600000); /* there is none */
	content = scan_new(k->arena, STR_NONE, STR_NONE);
	*scan_settings(content) = *scan_settings(k->scan);
	scan_settings(content)->serial++;
	scan_settings(content)->options = WIRE_O_CONTENT;
	content->own_address = k->scan->own_address;
	content->own_size = k->scan->own_size;
	scan_start(content);
	for (int i = 0; i < 6000 && count_of(k, "workers") < 2; i++)
		usleep(10000);
	scan_settings(k->scan)->serial += 2;
	scan_link_forget(k->scan);
	report = scan_text(k, a, sample);
	assert_int_equal(report->status, WIRE_UNSCANNED);
	assert_true(str_find(report->reason, STR("freshclam")) >= 0);
	assert_int_equal(count_of(k, "workers"), 2);
	scan_close(content);
	arena_free(a);
	kit_free(k);
}

/* Without its folder libclamav finds nothing and says clean: that is not believed, and a fresh worker has one. */
static void folders_vanish(void **state)
{
	struct kit *k = kit_new();
	pid_t pids[8];

	(void)state;
	if (geteuid() != 0)
		skip(); /* where it is only root may ask */
	write_sample(k, "One");
	start(k, 60000);
	assert_int_equal(status_of(k, sample), WIRE_INFECTED);
	for (size_t n = find_processes("reeve-worker", pids, 8); n-- > 0;) {
		char link[64], folder[200] = "";

		snprintf(link, sizeof link, "/proc/%d/cwd", pids[n]);
		assert_true(readlink(link, folder, sizeof folder - 1) > 0);
		assert_int_equal(rmdir(folder), 0);
	}
	assert_int_equal(status_of(k, sample), WIRE_UNSCANNED);
	for (int i = 0; i < 6000 && status_of(k, sample) == WIRE_UNSCANNED; i++)
		usleep(10000);
	assert_int_equal(status_of(k, sample), WIRE_INFECTED);
	kit_free(k);
}

/* With the supervisor all go, and nobody waits for them. */
static void supervisor_dies(void **state)
{
	struct kit *k = kit_new();
	pid_t left[8];
	int64_t before;

	(void)state;
	write_sample(k, "One");
	start(k, 600000);
	assert_int_equal(status_of(k, sample), WIRE_INFECTED);
	assert_true(signal_all("mailreeve-scann", SIGKILL) >= 1);
	for (int i = 0; i < 6000 && find_processes("reeve-", left, 8) > 0; i++)
		usleep(10000);
	before = scan_now_ms();
	assert_int_equal(status_of(k, sample), WIRE_UNSCANNED);
	assert_true(scan_now_ms() - before < 60000);
	kit_free(k);
}

/* As a scanner that was killed leaves it, so old. Its descriptor when it is to be locked. */
static int leave_folder(char path[60], const char *name, int64_t age_s, bool is_locked)
{
	struct timespec times[2] = {{.tv_sec = time(NULL) - age_s}, {.tv_sec = time(NULL) - age_s}};
	char inner[80];
	int fd;

	snprintf(path, 60, "/dev/shm/mailreeve-scanner.%s%d", name, getpid());
	snprintf(inner, sizeof inner, "%s/g1", path);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(mkdir(inner, 0700), 0);
	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
	fd = open(path, O_RDONLY | O_DIRECTORY);
	assert_true(fd >= 0);
	if (is_locked)
		assert_int_equal(flock(fd, LOCK_EX), 0);
	return fd;
}

static void folders_of_the_killed_are_removed(void **state)
{
	struct kit *k = kit_new();
	char left[60], locked[60], fresh[60], command[300];
	int fds[3];

	(void)state;
	if (access("/dev/shm", W_OK) < 0)
		skip();
	fds[0] = leave_folder(left, "left", 100, false);
	fds[1] = leave_folder(locked, "locked", 100, true);
	fds[2] = leave_folder(fresh, "fresh", 0, false);
	write_sample(k, "One");
	start(k, 60000);
	assert_int_equal(status_of(k, sample), WIRE_INFECTED);
	assert_int_equal(access(left, F_OK), -1);
	assert_int_equal(access(locked, F_OK), 0);
	assert_int_equal(access(fresh, F_OK), 0);
	snprintf(command, sizeof command, "rm -r %s %s", locked, fresh);
	assert_int_equal(system(command), 0);
	for (int i = 0; i < 3; i++)
		close(fds[i]);
	kit_free(k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(deaths),
	    cmocka_unit_test(supervisor_dies),
	    cmocka_unit_test(hangs),
	    cmocka_unit_test(bad_database_keeps_old),
	    cmocka_unit_test(told_when_certain),
	    cmocka_unit_test(scanner_starts_again),
	    cmocka_unit_test(databases_come_later),
	    cmocka_unit_test(databases_never_come),
	    cmocka_unit_test(folders_vanish),
	    cmocka_unit_test(swap_under_load),
	    cmocka_unit_test(swap_latency),
	    cmocka_unit_test(kills_under_load),
	    cmocka_unit_test(loader_dies),
	    cmocka_unit_test(folders_of_the_killed_are_removed),
	};

	clock_init();
	setpgid(0, 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
