/*
 * A scanner of our own with a folder of databases, for tests of the scanner from its client's side:
 *
 *     struct kit *k = kit_new();
 *     write_sample(k, "One");
 *     start(k, 20000);
 *     assert_int_equal(status_of(k, sample), WIRE_INFECTED);
 *     kit_free(k);
 */
#ifndef REEVE_TESTS_SCAN_KIT_H
#define REEVE_TESTS_SCAN_KIT_H

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/scan/scan_private.h"

#include "lib/clock.h"
#include "lib/res.h"
#include "tests/unit/folder.h"
#include "tests/unit/unit.h"

struct kit {
	struct arena *arena;
	char folder[FOLDER_MAX];
	struct scan *scan;
};

static const char sample[] __attribute__((unused)) = "a sample that is found by our own signature";

static inline void write_database(struct kit *k, const char *name, const char *lines)
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

static inline void write_sample(struct kit *k, const char *comment)
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

/* socket "": a scanner of our own. */
static inline void start_with(struct kit *k, struct str socket, int64_t timeout_ms, uint32_t check_ms)
{
	struct wire_settings *s;

	k->scan = scan_new(k->arena, socket, STR_NONE);
	s = scan_settings(k->scan);
	s->options = WIRE_O_CLAMAV | WIRE_O_CONTENT;
	s->workers = 2;
	s->max_file = s->max_scan = s->max_member = s->max_total = 100 << 20;
	s->max_recursion = 17;
	s->max_files = 1000;
	s->max_members = 100;
	s->max_depth = 5;
	s->max_ratio = 250;
	s->check_ms = check_ms;
	assert_true(scan_add_database(k->scan, str_of(k->folder)));
	scan_set_timeout(k->scan, timeout_ms);
	scan_start(k->scan);
}

static inline void start_checking(struct kit *k, int64_t timeout_ms, uint32_t check_ms)
{
	start_with(k, STR_NONE, timeout_ms, check_ms);
}

static inline void start_at(struct kit *k, struct str socket, int64_t timeout_ms)
{
	start_with(k, socket, timeout_ms, 50);
}

static inline void start(struct kit *k, int64_t timeout_ms)
{
	start_checking(k, timeout_ms, 50);
}

/* program: from the build folder. */
static inline struct kit *kit_with(const char *scanner)
{
	struct kit *k = calloc(1, sizeof *k);
	char self[400] = "", program[500];

	assert_true(readlink("/proc/self/exe", self, sizeof self - 1) > 0);
	*strrchr(self, '/') = '\0';
	/* The programs of the build stand two folders above the tests. */
	snprintf(program, sizeof program, "%s/../../%s", self, scanner);
	if (access(program, X_OK) == 0)
		setenv("REEVE_SCANNER", program, 1);
	assert_int_equal(folder_make(k->folder), 0);
	k->arena = arena_new(0);
	return k;
}

static inline struct kit *kit_new(void)
{
	return kit_with("mailreeve-scanner");
}

static inline void kit_free(struct kit *k)
{
	scan_close(k->scan);
	assert_int_equal(folder_remove(k->folder), 0);
	arena_free(k->arena);
	free(k);
}

static inline void drop_spool(void *spool)
{
	spool_free(spool);
}

/* One message; the report is in an arena that the caller frees. */
static inline const struct scan_report *scan_text(struct kit *k, struct arena *a, const char *body)
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

static inline enum wire_status status_of(struct kit *k, const char *body)
{
	struct arena *a = arena_new(0);
	enum wire_status status = scan_text(k, a, body)->status;

	arena_free(a);
	return status;
}

static inline uint32_t generation_of(struct kit *k)
{
	struct arena *a = arena_new(0);
	uint32_t generation = scan_text(k, a, sample)->generation;

	arena_free(a);
	return generation;
}

/* ---- requests by hand ---- */

/* What a reader of a pipe gets; WIRE_STATUSES when nobody answers. */
static inline enum wire_status read_status(int fd)
{
	static char room[WIRE_ANSWER_MAX];
	struct wire_head head = {.status = WIRE_STATUSES};
	ssize_t n = read(fd, room, sizeof room);

	if (n > 0)
		assert_true(wire_read_answer((struct str){room, (size_t)n}, &head));
	close(fd);
	return head.status;
}

/* Puts a datagram into a queue, with memory (-1: none); where the answer will come. */
static inline int put(struct kit *k, int queue, struct str datagram, int memory)
{
	struct scan_link *l = scan_link_take(k->scan, scan_now_ms() + 20000);
	struct wire_fds pass = {.n = memory < 0 ? 1 : 2};
	int ends[2];

	assert_non_null(l);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	pass.fd[0] = ends[1];
	pass.fd[1] = memory;
	assert_true(wire_send(l->queues.fd[queue], datagram, &pass, 0));
	scan_link_drop(k->scan, l);
	close(ends[1]);
	return ends[0];
}

/* A message in a request. */
struct small {
	struct wire_head head;
	struct wire_item item;
	char text[64];
};

static inline struct small small_request(const char *text)
{
	struct small r = {.head = {.magic = WIRE_MAGIC, .version = WIRE_VERSION, .op = WIRE_SCAN, .id = 1, .count = 1, .sent_ms = scan_now_ms(),
	    .deadline_ms = scan_now_ms() + 60000, .size = sizeof r.item + sizeof r.text}, .item = {.offset = sizeof r.item, .size = sizeof r.text}};

	memcpy(r.text, text, strlen(text));
	return r;
}

/* ---- the scanner itself ---- */

/* A number of the scanner's status. */
static inline uint64_t count_of(struct kit *k, const char *name)
{
	struct arena *a = arena_new(0);
	struct str text, line;
	uint64_t n = 0;

	assert_int_equal(scan_ask_own(k->scan, WIRE_STATUS, 60000, a, &text), RES_OK);
	while (str_split(&text, '\n', &line))
		if (str_starts(line, str_of(name)) && line.n > strlen(name) && line.p[strlen(name)] == ' ')
			assert_true(str_u64(str_from(line, strlen(name) + 1), &n));
	arena_free(a);
	return n;
}

/* Living processes of our scanner by name: those that belong to our family. */
static inline size_t find_processes(const char *name, pid_t *ret, size_t most)
{
	DIR *dir = opendir("/proc");
	struct dirent *entry;
	size_t n = 0;

	while (n < most && (entry = readdir(dir))) {
		char path[300], text[400] = "";
		int parent, group;
		char state;
		FILE *f;

		snprintf(path, sizeof path, "/proc/%s/stat", entry->d_name);
		f = is_digit(entry->d_name[0]) ? fopen(path, "r") : NULL;
		if (!f)
			continue;
		if (fgets(text, sizeof text, f) && strstr(text, name) && strrchr(text, ')') &&
		    sscanf(strrchr(text, ')') + 1, " %c %d %d", &state, &parent, &group) == 3 && state != 'Z' &&
		    group == getpgrp())
			ret[n++] = atoi(entry->d_name);
		fclose(f);
	}
	closedir(dir);
	return n;
}

static inline size_t signal_all(const char *name, int signo)
{
	pid_t pids[32];
	size_t n = find_processes(name, pids, 32);

	for (size_t i = 0; i < n; i++)
		kill(pids[i], signo);
	return n;
}

#endif
