#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/queue/crc32c.h"
#include "gateway/queue/queue.h"
#include "gateway/queue/reader.h"
#include "tests/unit/folder.h"
#include "tests/unit/unit.h"

/* ---- a folder, a writer, a reader that remembers what it saw ---- */

static char dir[FOLDER_MAX];

static int make_dir(void **state)
{
	(void)state;
	return folder_make(dir);
}

static int remove_dir(void **state)
{
	(void)state;
	return folder_remove(dir);
}

static size_t count_files(const char *end)
{
	DIR *d = opendir(dir);
	size_t n = 0;

	for (struct dirent *e; (e = readdir(d));)
		n += str_ends(str_of(e->d_name), str_of(end));
	closedir(d);
	return n;
}

struct seen {
	struct arena *arena;
	size_t n, troubles;
	struct str senders[4096];
	struct segment *seg[4096];
	uint64_t offset[4096];
	uint32_t edits;
	bool hold;
	char trouble[512];
};

static void each(void *arg, struct segment *seg, uint64_t offset, const struct record_head *h,
    const struct queue_entry *e, struct str file)
{
	struct seen *s = arg;

	(void)file;
	assert_true(s->n < 4096);
	s->senders[s->n] = arena_str(s->arena, e->sender);
	s->seg[s->n] = seg;
	s->offset[s->n++] = offset;
	s->edits = h->edits;
	if (s->hold)
		segment_ref(seg);
}

static void trouble(void *arg, struct str text)
{
	struct seen *s = arg;

	s->troubles++;
	snprintf(s->trouble, sizeof s->trouble, "%.*s", STR_ARG(text));
}

static const struct queue_reader_events events = {each, trouble};

static struct queue_writer *open_writer(struct arena *a, const char *name, uint64_t segment)
{
	struct queue_options o = {dir, name, segment, 0, true};
	struct str error = STR_NONE;
	struct queue_writer *w = queue_writer_open(&o, a, &error);

	if (!w)
		fail_msg("%.*s", STR_ARG(error));
	return w;
}

static struct queue_reader *open_reader(struct seen *s)
{
	struct str error = STR_NONE;
	struct queue_reader *r;

	s->arena = arena_new(0);
	r = queue_reader_open(dir, &events, s, s->arena, &error);
	assert_non_null(r);
	return r;
}

static void close_reader(struct seen *s, struct queue_reader *r)
{
	queue_reader_close(r);
	arena_free(s->arena);
	memset(s, 0, sizeof *s);
}

struct result {
	_Atomic int got; /* 1 + enum queue_result */
};

static void done(void *arg, enum queue_result result)
{
	((struct result *)arg)->got = 1 + (int)result;
}

static enum queue_result wait_result(struct result *r)
{
	while (!r->got)
		usleep(100);
	return (enum queue_result)(r->got - 1);
}

static enum queue_result submit(struct queue_writer *w, const struct queue_entry *e, size_t n)
{
	struct result r = {0};

	queue_submit(w, e, n, done, &r);
	return wait_result(&r);
}

static struct queue_recipient two[] = {
    {{"u@example.org", 13}, {"rfc822;u@example.org", 20}, NOTIFY_FAILURE | NOTIFY_DELAY},
    {{"v@example.net", 13}, {NULL, 0}, 0},
};

static struct queue_entry entry(const char *sender, struct str data)
{
	return (struct queue_entry){.id = "0abcdefghijkl", .arrived = 1700000000, .sender = str_of(sender),
	    .envid = STR("env+2Bid"), .ret = DSN_RET_HDRS, .is_8bit = true, .recipients = two,
	    .recipient_count = 2, .data = data, .data_fd = -1};
}

/* ---- tests ---- */

static void crc(void **state)
{
	unsigned char octets[1024];

	(void)state;
	assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283);
	assert_int_equal(crc32c_by_table(0, "123456789", 9), 0xe3069283);
	for (size_t i = 0; i < sizeof octets; i++)
		octets[i] = (unsigned char)(i * 7 + i / 256);
	for (size_t n = 0; n < sizeof octets; n += 13)
		assert_int_equal(crc32c(crc32c(0, octets, n), octets + n, sizeof octets - n),
		    crc32c_by_table(0, octets, sizeof octets));
}

static void round_trip(void **state)
{
	struct arena *a = arena_new(0);
	struct seen *s = calloc(1, sizeof *s);
	struct queue_writer *w = open_writer(a, "gateway", 1 << 20);
	struct queue_reader *r = open_reader(s);
	struct queue_entry e = entry("a@example.com", STR("Subject: x\r\n\r\nbody\r\n")), got;
	struct edits edits = {NULL, &edits.first, 0};
	struct edit add = {EDIT_ADD_HEADER, STR("Received"), STR("from x\r\n\tby y"), 0, NULL};
	struct record_head h;
	struct queue_data d;
	struct str file;
	char data[32] = "";

	(void)state;
	edits.first = &add;
	edits.last = &add.next;
	edits.n = 1;
	e.edits = &edits;
	assert_int_equal(submit(w, &e, 1), QUEUE_OK);
	assert_false(queue_reader_poll(r, true, 100));
	assert_int_equal(s->n, 1);
	assert_int_equal(s->edits, 1);
	assert_true(queue_reader_entry(r, s->seg[0], s->offset[0], a, &h, &got, &file));
	assert_string_equal(got.id, "0abcdefghijkl");
	assert_str(got.sender, "a@example.com");
	assert_str(got.envid, "env+2Bid");
	assert_int_equal(got.arrived, 1700000000);
	assert_int_equal(got.ret, DSN_RET_HDRS);
	assert_true(got.is_8bit && !got.is_utf8 && !got.is_dsn);
	assert_int_equal(got.recipient_count, 2);
	assert_str(got.recipients[0].address, "u@example.org");
	assert_str(got.recipients[0].orcpt, "rfc822;u@example.org");
	assert_int_equal(got.recipients[0].notify, NOTIFY_FAILURE | NOTIFY_DELAY);
	assert_str(got.recipients[1].address, "v@example.net");
	assert_int_equal(got.edits->n, 1);
	assert_str(got.edits->first->value, "from x\r\n\tby y");
	assert_true(queue_reader_data(r, s->seg[0], s->offset[0], &h, file, &d));
	assert_true(pread(d.fd, data, sizeof data, (off_t)d.offset) >= 20);
	assert_int_equal(d.length, 20);
	assert_memory_equal(data, "Subject: x\r\n\r\nbody\r\n", 20);
	/* The segment is still written to: it stays, then goes when its writer is gone. */
	assert_int_equal(queue_reader_sweep(r, NULL, NULL), 0);
	queue_writer_close(w);
	queue_reader_poll(r, true, 100);
	assert_int_equal(s->n, 1);
	assert_int_equal(queue_reader_sweep(r, NULL, NULL), 1);
	assert_int_equal(count_files(".seg"), 0);
	close_reader(s, r);
	free(s);
	arena_free(a);
}

/* A message whose recipients all get something of their own has as many groups, in one commit. */
static void more_groups_than_one_write_takes(void **state)
{
	enum { GROUPS = 2000 };
	struct arena *a = arena_new(0);
	struct seen *s = calloc(1, sizeof *s);
	struct queue_writer *w = open_writer(a, "gateway", 1 << 20);
	struct queue_reader *r = open_reader(s);
	struct queue_entry *e = calloc(GROUPS, sizeof *e);
	struct record_head h;
	struct queue_entry got;
	struct queue_data d;
	struct str file;
	uint32_t crc;

	(void)state;
	for (size_t i = 0; i < GROUPS; i++)
		e[i] = entry(arena_printf(a, "%zu@example.com", i).p, STR("body\r\n"));
	assert_int_equal(submit(w, e, GROUPS), QUEUE_OK);
	assert_int_equal(submit(w, e, 1), QUEUE_OK);
	queue_reader_poll(r, true, 4000);
	assert_int_equal(s->n, GROUPS + 1);
	assert_str(s->senders[GROUPS - 1], "1999@example.com");
	assert_true(queue_reader_entry(r, s->seg[GROUPS - 1], s->offset[GROUPS - 1], a, &h, &got, &file));
	assert_true(queue_reader_data(r, s->seg[GROUPS - 1], s->offset[GROUPS - 1], &h, file, &d));
	assert_true(crc32c_file(d.fd, d.offset, d.length, &crc) && crc == h.data_crc);
	queue_writer_close(w);
	close_reader(s, r);
	free(e);
	free(s);
	arena_free(a);
}

static void one_writer_of_a_name(void **state)
{
	struct arena *a = arena_new(0);
	struct queue_writer *w = open_writer(a, "gateway", 1 << 20), *other;
	struct queue_options o = {dir, "gateway", 1 << 20, 0, true};
	struct str error = STR_NONE;

	(void)state;
	assert_null(queue_writer_open(&o, a, &error));
	assert_true(str_find(error, STR("another process writes as 'gateway'")) >= 0);
	other = open_writer(a, "relay", 1 << 20);
	queue_writer_close(w);
	w = open_writer(a, "gateway", 1 << 20);
	queue_writer_close(w);
	queue_writer_close(other);
	arena_free(a);
}

static void segments_turn_over(void **state)
{
	struct arena *a = arena_new(0);
	struct seen *s = calloc(1, sizeof *s);
	struct queue_writer *w = open_writer(a, "gateway", 4096);
	struct queue_reader *r = open_reader(s);
	char body[1000];
	struct queue_entry e;

	(void)state;
	memset(body, 'x', sizeof body);
	e = entry("a@example.com", (struct str){body, sizeof body});
	s->hold = true;
	for (int i = 0; i < 20; i++) {
		assert_int_equal(submit(w, &e, 1), QUEUE_OK);
		queue_reader_poll(r, i == 0, 100);
	}
	assert_int_equal(s->n, 20);
	assert_int_equal(count_files(".seg"), 7);
	assert_int_equal(queue_reader_sweep(r, NULL, NULL), 0);
	for (size_t i = 0; i < 19; i++)
		segment_unref(s->seg[i]);
	assert_int_equal(queue_reader_sweep(r, NULL, NULL), 6);
	assert_true(queue_reader_first(r) == s->seg[19]);
	queue_writer_close(w);
	close_reader(s, r);
	free(s);
	arena_free(a);
}

/* A message in a file is linked, survives, and an orphan is removed. */
static void linked_file(void **state)
{
	struct arena *a = arena_new(0);
	struct seen *s = calloc(1, sizeof *s);
	struct queue_writer *w = open_writer(a, "gateway", 1 << 20);
	struct queue_reader *r = open_reader(s);
	size_t n = 300000;
	char *body = malloc(n), *back = malloc(n), path[128];
	int fd = openat(queue_writer_dir(w), ".", O_TMPFILE | O_RDWR, 0600);
	struct queue_entry e[2], got;
	struct record_head h;
	struct queue_data d;
	struct str file;

	(void)state;
	memset(body, 'y', n);
	assert_int_equal(write(fd, body, n), n);
	e[0] = e[1] = entry("big@example.com", (struct str){body, n});
	e[0].data_fd = e[1].data_fd = fd;
	assert_int_equal(submit(w, e, 2), QUEUE_OK);
	close(fd);
	assert_int_equal(count_files(".msg"), 2);
	queue_reader_poll(r, true, 100);
	assert_int_equal(s->n, 2);
	assert_true(segment_size(s->seg[0]) < 1000);
	assert_true(queue_reader_entry(r, s->seg[1], s->offset[1], a, &h, &got, &file));
	assert_true(queue_reader_data(r, s->seg[1], s->offset[1], &h, file, &d));
	assert_int_equal(pread(d.fd, back, n, (off_t)d.offset), n);
	assert_memory_equal(body, back, n);
	queue_data_close(&d);
	snprintf(path, sizeof path, "%s/gateway-0123-1.msg", dir);
	close(open(path, O_CREAT | O_WRONLY, 0600));
	queue_writer_close(w);
	queue_reader_poll(r, true, 100);
	queue_reader_remove_file(r, file);
	assert_int_equal(count_files(".msg"), 2);
	close_reader(s, r);
	free(s);
	free(body);
	free(back);
	arena_free(a);
}

static bool nothing_is_known(void *arg, struct str file)
{
	(void)file;
	++*(int *)arg;
	return false;
}

static void orphans(void **state)
{
	struct arena *a = arena_new(0);
	struct seen *s = calloc(1, sizeof *s);
	struct queue_writer *w = open_writer(a, "gateway", 1 << 20);
	struct queue_reader *r = open_reader(s);
	int fd = openat(queue_writer_dir(w), ".", O_TMPFILE | O_RDWR, 0600), asked = 0;
	struct queue_entry e = entry("", STR("x"));
	char path[128];

	(void)state;
	assert_int_equal(write(fd, "x", 1), 1);
	e.data_fd = fd;
	assert_int_equal(submit(w, &e, 1), QUEUE_OK);
	close(fd);
	snprintf(path, sizeof path, "%s/gateway-00-1.msg", dir);
	close(open(path, O_CREAT | O_WRONLY, 0600));
	queue_reader_poll(r, true, 1);
	queue_reader_remove_orphans(r, nothing_is_known, &asked);
	/* That of the living writer was not even asked for. */
	assert_int_equal(asked, 1);
	assert_int_equal(count_files(".msg"), 1);
	queue_writer_close(w);
	queue_reader_remove_orphans(r, nothing_is_known, &asked);
	assert_int_equal(count_files(".msg"), 0);
	close_reader(s, r);
	free(s);
	arena_free(a);
}

/* A file that cannot be linked (made elsewhere, or with less in it than said) is copied. */
static void unlinkable_file(void **state)
{
	struct arena *a = arena_new(0);
	struct seen *s = calloc(1, sizeof *s);
	struct queue_writer *w = open_writer(a, "gateway", 1 << 20);
	struct queue_reader *r = open_reader(s);
	struct queue_entry e = entry("a@b", STR("0123456789")), got;
	struct record_head h;
	struct str file;
	char name[] = "/dev/shm/test-queue-XXXXXX";
	int fd = mkstemp(name);

	(void)state;
	unlink(name);
	assert_int_equal(write(fd, "0123456789", 10), 10);
	e.data_fd = fd;
	assert_int_equal(submit(w, &e, 1), QUEUE_OK);
	assert_int_equal(count_files(".msg"), 0);
	queue_reader_poll(r, true, 10);
	assert_true(queue_reader_entry(r, s->seg[0], s->offset[0], a, &h, &got, &file));
	assert_int_equal(file.n, 0);
	assert_int_equal(h.flags & RECORD_FILE, 0);
	close(fd);
	queue_writer_close(w);
	close_reader(s, r);
	free(s);
	arena_free(a);
}

/* ---- crashes ---- */

/* Copies the only segment, cut to n octets and with one octet changed, into a new folder's place. */
static void rewrite(const char *octets, size_t n, ssize_t flip)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof path, "%s/gateway-00000001.seg", dir);
	f = fopen(path, "w");
	assert_int_equal(fwrite(octets, 1, n, f), n);
	if (flip >= 0) {
		fseek(f, flip, SEEK_SET);
		fputc(octets[flip] ^ 0x10, f);
	}
	fclose(f);
}

static size_t slurp(char *out, size_t room)
{
	char path[128];
	FILE *f;
	size_t n;

	snprintf(path, sizeof path, "%s/gateway-00000001.seg", dir);
	f = fopen(path, "r");
	n = fread(out, 1, room, f);
	fclose(f);
	return n;
}

/* Three commits: one record, two records of one submission, one record. */
static size_t three_commits(char *octets, size_t room, size_t ends[3])
{
	struct arena *a = arena_new(0);
	struct queue_writer *w = open_writer(a, "gateway", 1 << 20);
	struct queue_entry e[2] = {entry("first@x", STR("one")), entry("second@x", STR("two-two"))};
	struct stat st;
	char path[128];

	snprintf(path, sizeof path, "%s/gateway-00000001.seg", dir);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(submit(w, i == 1 ? e : &e[i / 2], i == 1 ? 2 : 1), QUEUE_OK);
		assert_int_equal(stat(path, &st), 0);
		ends[i] = (size_t)st.st_size;
	}
	queue_writer_close(w);
	arena_free(a);
	return slurp(octets, room);
}

static size_t records_after(const char *octets, size_t n, ssize_t flip)
{
	struct seen *s = calloc(1, sizeof *s);
	struct queue_reader *r;
	size_t found;

	rewrite(octets, n, flip);
	r = open_reader(s);
	queue_reader_poll(r, true, 100);
	found = s->n;
	close_reader(s, r);
	free(s);
	return found;
}

static void torn_at_every_octet(void **state)
{
	char octets[8192];
	size_t ends[3], n = three_commits(octets, sizeof octets, ends);

	(void)state;
	assert_int_equal(n, ends[2]);
	for (size_t cut = 0; cut <= n; cut++) {
		/* The pad at the end of a record may be missing: head, meta and data say that it is whole. */
		size_t found = records_after(octets, cut, -1);
		size_t sure = cut >= ends[2] ? 4 : cut >= ends[1] ? 3 : cut >= ends[0] ? 1 : 0;
		size_t most = cut + 8 > ends[2] ? 4 : cut + 8 > ends[1] ? 3 : cut + 8 > ends[0] ? 1 : 0;
		assert_true(found >= sure && found <= most);
	}
}

static void flipped_bit_in_the_last_commit(void **state)
{
	char octets[8192];
	size_t ends[3], n = three_commits(octets, sizeof octets, ends);

	(void)state;
	for (size_t at = ends[1]; at < n - 1; at++) {
		size_t found = records_after(octets, n, (ssize_t)at);
		assert_true(found == 3 || (found == 4 && at >= n - 7));
	}
	/* In the head of the segment: nothing of it is believed. */
	for (size_t at = 0; at < SEGMENT_HEAD; at++)
		assert_int_equal(records_after(octets, n, (ssize_t)at), 0);
}

static void unknown_version(void **state)
{
	char octets[8192];
	size_t ends[3], n = three_commits(octets, sizeof octets, ends);
	struct seen *s = calloc(1, sizeof *s);
	struct queue_reader *r;

	(void)state;
	octets[8] = 2;
	rewrite(octets, n, -1);
	r = open_reader(s);
	queue_reader_poll(r, true, 100);
	assert_int_equal(s->n, 0);
	assert_int_equal(s->troubles, 1);
	assert_non_null(strstr(s->trouble, "version 2"));
	assert_int_equal(queue_reader_sweep(r, NULL, NULL), 0);
	close_reader(s, r);
	free(s);
}

/* What is not committed yet is not seen while the writer lives. */
static void only_committed_is_read(void **state)
{
	struct arena *a = arena_new(0);
	struct seen *s = calloc(1, sizeof *s);
	struct queue_writer *w = open_writer(a, "gateway", 1 << 20);
	struct queue_reader *r;
	struct queue_entry e = entry("a@b", STR("x"));
	char octets[8192], path[128];
	size_t n;
	FILE *f;

	(void)state;
	assert_int_equal(submit(w, &e, 1), QUEUE_OK);
	n = slurp(octets, sizeof octets);
	snprintf(path, sizeof path, "%s/gateway-00000001.seg", dir);
	f = fopen(path, "a");
	fwrite(octets + SEGMENT_HEAD, 1, n - SEGMENT_HEAD, f);
	fclose(f);
	r = open_reader(s);
	queue_reader_poll(r, true, 100);
	assert_int_equal(s->n, 1);
	queue_writer_close(w);
	queue_reader_poll(r, true, 100);
	assert_int_equal(s->n, 2);
	close_reader(s, r);
	free(s);
	arena_free(a);
}

/* No room: QUEUE_FULL, nothing half-written, and on it goes when there is room again. */
static void no_space(void **state)
{
	struct arena *a = arena_new(0);
	struct seen *s = calloc(1, sizeof *s);
	struct queue_writer *w = open_writer(a, "gateway", 1 << 20);
	struct queue_reader *r = open_reader(s);
	struct rlimit before, small;
	size_t n = 20000;
	char *body = calloc(1, 60000);
	struct queue_entry e = entry("a@b", (struct str){body, n});
	size_t ok = 0, full = 0, segments;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &before);
	small = (struct rlimit){50000, before.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	for (int i = 0; i < 8; i++) {
		enum queue_result result = submit(w, &e, 1);
		assert_true(result == QUEUE_OK || result == QUEUE_FULL);
		ok += result == QUEUE_OK;
		full += result == QUEUE_FULL;
	}
	assert_true(ok == 6 && full == 2);
	e.data.n = 60000;
	assert_int_equal(submit(w, &e, 1), QUEUE_FULL);
	e.data.n = n;
	setrlimit(RLIMIT_FSIZE, &before);
	assert_int_equal(submit(w, &e, 1), QUEUE_OK);
	queue_reader_poll(r, true, 100);
	assert_int_equal(s->n, ok + 1);
	assert_int_equal(s->troubles, 0);
	queue_writer_close(w);
	queue_reader_poll(r, true, 100);
	assert_int_equal(s->n, ok + 1);
	segments = count_files(".seg");
	assert_true(segments > 1);
	assert_int_equal(queue_reader_sweep(r, NULL, NULL), segments);
	assert_int_equal(count_files(".seg"), 0);
	close_reader(s, r);
	free(s);
	free(body);
	arena_free(a);
}

static void free_min(void **state)
{
	struct arena *a = arena_new(0);
	struct queue_options o = {dir, "gateway", 1 << 20, UINT64_MAX, true};
	struct str error;
	struct queue_writer *w = queue_writer_open(&o, a, &error);
	struct queue_entry e = entry("a@b", STR("x"));

	(void)state;
	assert_int_equal(submit(w, &e, 1), QUEUE_FULL);
	assert_int_equal(count_files(".seg"), 0);
	queue_writer_close(w);
	arena_free(a);
}

/* ---- many at once ---- */

struct hammer {
	struct queue_writer *w;
	int id;
	pthread_t thread;
	_Atomic int acknowledged;
};

static void count_done(void *arg, enum queue_result result)
{
	struct hammer *h = arg;

	assert_int_equal(result, QUEUE_OK);
	h->acknowledged++;
}

static void *hammer_main(void *arg)
{
	struct hammer *h = arg;
	struct queue_entry e = entry("a@b", STR("some data"));

	for (int i = 0; i < 200; i++)
		queue_submit(h->w, &e, 1, count_done, h);
	return NULL;
}

static void many_submitters(void **state)
{
	struct arena *a = arena_new(0);
	struct seen *s = calloc(1, sizeof *s);
	struct queue_writer *w = open_writer(a, "gateway", 100000);
	struct queue_reader *r = open_reader(s);
	struct hammer h[8] = {0};

	(void)state;
	for (int i = 0; i < 8; i++) {
		h[i].w = w;
		pthread_create(&h[i].thread, NULL, hammer_main, &h[i]);
	}
	for (int i = 0; i < 100; i++)
		queue_reader_poll(r, false, 7);
	for (int i = 0; i < 8; i++)
		pthread_join(h[i].thread, NULL);
	queue_writer_close(w);
	for (int i = 0; i < 8; i++)
		assert_int_equal(h[i].acknowledged, 200);
	while (queue_reader_poll(r, true, 100))
		;
	assert_int_equal(s->n, 1600);
	assert_int_equal(s->troubles, 0);
	close_reader(s, r);
	free(s);
	arena_free(a);
}

static void refused_entries(void **state)
{
	struct arena *a = arena_new(0);
	struct queue_writer *w = open_writer(a, "gateway", 1 << 20);
	struct queue_entry e = entry("a@b", STR("x"));

	(void)state;
	e.recipient_count = 0;
	assert_int_equal(submit(w, &e, 1), QUEUE_FAILED);
	assert_int_equal(submit(w, &e, 0), QUEUE_FAILED);
	e.recipient_count = 1;
	e.sender = (struct str){dir, RECORD_META_MAX};
	assert_int_equal(submit(w, &e, 1), QUEUE_FAILED);
	queue_writer_close(w);
	arena_free(a);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_dir, remove_dir)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(crc),
	    TEST(round_trip),
	    TEST(one_writer_of_a_name),
	    TEST(segments_turn_over),
	    TEST(linked_file),
	    TEST(orphans),
	    TEST(unlinkable_file),
	    TEST(torn_at_every_octet),
	    TEST(flipped_bit_in_the_last_commit),
	    TEST(unknown_version),
	    TEST(only_committed_is_read),
	    TEST(no_space),
	    TEST(free_min),
	    TEST(many_submitters),
	    TEST(more_groups_than_one_write_takes),
	    TEST(refused_entries),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
