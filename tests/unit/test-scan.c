/* The scanner from its client's side: outcomes, ways to ask, and clients that ask wrongly. Its life is test-scan-life.c. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>

#include "core/scan/scan_private.h"
#include "lib/sanitizer.h"
#include "tests/unit/scan-kit.h"

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

/* A message of so many octets, the sample at its end. */
static enum wire_status status_of_long(struct kit *k, size_t octets)
{
	struct arena *a = arena_new(0);
	char *body = arena_alloc(a, octets + 1);
	enum wire_status status;

	memset(body, 'x', octets);
	for (size_t i = 70; i < octets; i += 70)
		body[i] = '\n';
	memcpy(body + octets - strlen(sample), sample, strlen(sample));
	body[octets] = '\0';
	status = scan_text(k, a, body)->status;
	arena_free(a);
	return status;
}

/* Small ones come in the request, larger ones in memory that is copied, the largest in memory that is mapped. */
static void ways_to_come(void **state)
{
	struct kit *k = kit_new();

	(void)state;
	write_sample(k, "One");
	start(k, 60000);
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(status_of_long(k, (size_t[]){1000, 60000, 70000, 200000, 300000}[i]), WIRE_INFECTED);
	assert_int_equal(status_of(k, "nothing"), WIRE_CLEAN);
	assert_int_equal(count_of(k, "deaths"), 0);
	kit_free(k);
}

static enum wire_status answer_to(struct kit *k, struct str datagram, int memory)
{
	return read_status(put(k, 0, datagram, memory));
}

/* A client that sends items and memory, neither, less than it says, or items that lead out of what came. */
static void requests_that_lie(void **state)
{
	struct kit *k = kit_new();
	struct small r = small_request("nothing");
	struct str whole = {(const char *)&r, sizeof r};

	(void)state;
	write_sample(k, "One");
	start(k, 60000);
	assert_int_equal(answer_to(k, whole, -1), WIRE_CLEAN);
	assert_int_equal(answer_to(k, whole, 2), WIRE_UNSCANNED);
	assert_int_equal(answer_to(k, str_sub(whole, 0, sizeof r.head), -1), WIRE_UNSCANNED);
	assert_int_equal(answer_to(k, str_sub(whole, 0, sizeof r.head), 2), WIRE_UNSCANNED); /* no sealed memory */
	assert_int_equal(answer_to(k, str_sub(whole, 0, sizeof r - 1), -1), WIRE_STATUSES);
	assert_int_equal(answer_to(k, STR(""), -1), WIRE_STATUSES);
	r.item.size++;
	assert_int_equal(answer_to(k, whole, -1), WIRE_UNSCANNED);
	r.item.size--;
	r.head.op = WIRE_STATUS;
	assert_int_equal(answer_to(k, str_sub(whole, 0, sizeof r.head), -1), WIRE_STATUSES);
	assert_int_equal(status_of(k, sample), WIRE_INFECTED);
	assert_int_equal(count_of(k, "deaths"), 0);
	kit_free(k);
}

/* Nobody waits for the answer any more, or says so, or nobody can be answered. */
static void nobody_waits(void **state)
{
	static char large[WIRE_REQUEST_MAX + 1];
	struct kit *k = kit_new();
	struct small r = small_request("nothing");
	struct str whole = {(const char *)&r, sizeof r};
	struct scan_link *l;

	(void)state;
	write_sample(k, "One");
	start(k, 60000);
	assert_int_equal(answer_to(k, (struct str){large, sizeof large}, -1), WIRE_STATUSES);
	r.head.deadline_ms = scan_now_ms();
	assert_int_equal(answer_to(k, whole, -1), WIRE_STATUSES);
	r.head.deadline_ms = INT64_MAX;
	assert_int_equal(answer_to(k, whole, -1), WIRE_CLEAN);
	close(put(k, 0, whole, -1));
	l = scan_link_take(k->scan, scan_now_ms() + 20000);
	assert_true(wire_send(l->queues.fd[0], whole, NULL, 0));
	scan_link_drop(k->scan, l);
	assert_int_equal(status_of(k, sample), WIRE_INFECTED);
	assert_int_equal(count_of(k, "deaths"), 0);
	kit_free(k);
}

/* A message goes to the queue, not to the supervisor. */
static void mail_at_the_wrong_door(void **state)
{
	struct kit *k = kit_new();
	struct small r = small_request("nothing");
	char room[10];
	int fd;

	(void)state;
	write_sample(k, "One");
	start(k, 60000);
	fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	assert_int_equal(connect(fd, (const struct sockaddr *)&k->scan->own_address, k->scan->own_size), 0);
	assert_true(wire_send(fd, (struct str){(const char *)&r, sizeof r}, NULL, 0));
	assert_true(wire_receive(fd, room, sizeof room, NULL, 0) <= 0);
	close(fd);
	assert_int_equal(status_of(k, sample), WIRE_INFECTED);
	kit_free(k);
}

/* Two that serve, and those that were replaced have gone. */
static void await_workers(struct kit *k, pid_t *ret)
{
	size_t n = 0;

	for (int i = 0; i < 6000 && (count_of(k, "workers") < 2 || n != 2); i++) {
		n = find_processes("reeve-worker", ret, 8);
		usleep(10000);
	}
	assert_int_equal(n, 2);
}

/* Who asks why a message has no answer; a lie about when it was sent ends nobody. */
static void overdue(void **state)
{
	struct kit *k = kit_new();
	struct arena *a = arena_new(0);
	struct wire_head head = {.id = 77, .sent_ms = INT64_MAX, .options = WIRE_O_CLAMAV};
	pid_t before[8], after[8];
	struct str why;

	(void)state;
	write_sample(k, "One");
	start(k, 60000);
	assert_int_equal(status_of(k, sample), WIRE_INFECTED);
	await_workers(k, before);
	for (int i = 0; i < 3; i++) {
		assert_true(scan_why_overdue(k->scan, &head, a, &why));
		assert_true(str_is(why, "the scanner had too much to do"));
	}
	head.deadline_ms = scan_now_ms() + 60000;
	assert_false(scan_why_overdue(k->scan, &head, a, &why));
	await_workers(k, after);
	assert_memory_equal(before, after, 2 * sizeof *before);
	/* Since a message was sent nobody has done anything: they hang. */
	head = (struct wire_head){.id = 77, .sent_ms = scan_now_ms()};
	usleep(2000);
	assert_true(scan_why_overdue(k->scan, &head, a, &why));
	for (int i = 0; i < 6000 && memcmp(before, after, 2 * sizeof *before) == 0; i++)
		await_workers(k, after);
	assert_memory_not_equal(before, after, 2 * sizeof *before);
	assert_int_equal(status_of(k, sample), WIRE_INFECTED);
	arena_free(a);
	kit_free(k);
}

/* A second try waits for a fresh worker: where none is on its way, one is replaced. The two that have just begun may take one each. */
static void second_tries_get_fresh_workers(void **state)
{
	struct kit *k = kit_new();
	struct small r = small_request(sample);
	pid_t before[8], after[8];
	size_t same = 0;

	(void)state;
	write_sample(k, "One");
	start(k, 60000);
	await_workers(k, before);
	for (int i = 0; i < 3; i++) {
		r.head.is_again = 1;
		assert_int_equal(read_status(put(k, 1, (struct str){(const char *)&r, sizeof r}, -1)), WIRE_INFECTED);
		await_workers(k, after);
	}
	for (size_t i = 0; i < 4; i++)
		same += before[i / 2] == after[i % 2];
	assert_true(same < 2);
	assert_int_equal(count_of(k, "deaths"), 0);
	assert_int_equal(count_of(k, "retries"), 3);
	kit_free(k);
}

struct many {
	struct kit *kit;
	_Atomic unsigned infected;
};

static void *scan_long(void *arg)
{
	struct many *m = arg;

	m->infected += status_of_long(m->kit, 60000) == WIRE_INFECTED;
	return NULL;
}

/* Senders wait for room. */
static void more_than_the_queue_holds(void **state)
{
	enum { SENDERS = 40 };
	struct many m = {.kit = kit_new()};
	pthread_t threads[SENDERS];

	(void)state;
	write_sample(m.kit, "One");
	start(m.kit, 60000);
	for (int i = 0; i < SENDERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, scan_long, &m), 0);
	for (int i = 0; i < SENDERS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(m.infected, SENDERS);
	kit_free(m.kit);
}

static void no_database(void **state)
{
	struct kit *k = kit_new();
	struct arena *a = arena_new(0);
	const struct scan_report *report;

	(void)state;
	start(k, 600000); /* nobody waits for what cannot come */
	report = scan_text(k, a, "nothing");
	assert_int_equal(report->status, WIRE_UNSCANNED);
	assert_true(str_find(report->reason, STR("freshclam")) >= 0);
	kit_free(k);
	k = kit_new();
	write_sample(k, "One");
	write_database(k, "bad.ndb", "this is no signature\n");
	start(k, 600000);
	report = scan_text(k, a, "nothing");
	assert_int_equal(report->status, WIRE_UNSCANNED);
	assert_true(str_find(report->reason, STR("/bad.ndb: ")) >= 0);
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

/* Whether a process has the text in memory; -1 when even root may not look. */
static int holds(pid_t pid, const char *text)
{
	char path[64], line[300], *room = NULL;
	size_t from, to;
	int memory, found = 0;
	FILE *maps;

	snprintf(path, sizeof path, "/proc/%d/mem", (int)pid);
	memory = open(path, O_RDONLY | O_CLOEXEC);
	snprintf(path, sizeof path, "/proc/%d/maps", (int)pid);
	maps = fopen(path, "r");
	while (memory >= 0 && maps && fgets(line, sizeof line, maps)) {
		char rights[5];
		ssize_t n;

		if (sscanf(line, "%zx-%zx %4s", &from, &to, rights) != 3 || rights[1] != 'w')
			continue;
		room = realloc(room, to - from);
		n = pread(memory, room, to - from, (off_t)from);
		found |= n > 0 && memmem(room, (size_t)n, text, strlen(text));
	}
	free(room);
	if (maps)
		fclose(maps);
	if (memory >= 0)
		close(memory);
	return memory < 0 ? -1 : found;
}

static bool any_lives(const pid_t *pids, size_t n)
{
	pid_t now[16];
	size_t m = find_processes("reeve-worker", now, 16);

	for (size_t i = 0; i < n * m; i++)
		if (pids[i / m] == now[i % m])
			return true;
	return false;
}

static unsigned how_many_hold(const char *name, const char *text)
{
	pid_t pids[8];
	size_t n = find_processes(name, pids, 8);
	unsigned found = 0;

	for (size_t i = 0; i < n; i++)
		found += holds(pids[i], text) == 1;
	return found;
}

/* Only who has scanned a message has it in memory: not the supervisor, so nothing that it forks. */
static void workers_alone_hold_mail(void **state)
{
	struct kit *k;
	struct arena *a;
	struct str text;
	pid_t old[8];
	size_t n;

	(void)state;
	if (sanitizer_is_here() || geteuid() != 0)
		skip(); /* its memory is too large to be read; or we may not */
	k = kit_new();
	a = arena_new(0);
	write_sample(k, "One");
	start(k, 60000);
	assert_int_equal(status_of(k, "the secret of one message"), WIRE_CLEAN);
	assert_int_equal(how_many_hold("reeve-worker", "the secret of one message"), 1);
	assert_int_equal(how_many_hold("mailreeve-scann", "the secret of one message"), 0);
	n = find_processes("reeve-worker", old, 8);
	assert_int_equal(scan_ask_own(k->scan, WIRE_RELOAD, 60000, a, &text), RES_OK);
	for (int i = 0; i < 6000 && any_lives(old, n); i++)
		usleep(10000);
	assert_int_equal(how_many_hold("reeve-", "the secret of one message"), 0);
	arena_free(a);
	kit_free(k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(outcomes),
	    cmocka_unit_test(ways_to_come),
	    cmocka_unit_test(requests_that_lie),
	    cmocka_unit_test(nobody_waits),
	    cmocka_unit_test(mail_at_the_wrong_door),
	    cmocka_unit_test(overdue),
	    cmocka_unit_test(second_tries_get_fresh_workers),
	    cmocka_unit_test(more_than_the_queue_holds),
	    cmocka_unit_test(no_database),
	    cmocka_unit_test(no_program),
	    cmocka_unit_test(workers_alone_hold_mail),
	};

	clock_init();
	setpgid(0, 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
