/* The journal and the backlog: what is known after a restart, and compaction of both logs. */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/queue/journal.h"
#include "gateway/relay/backlog.h"
#include "lib/clock.h"
#include "tests/unit/folder.h"
#include "tests/unit/unit.h"

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

static size_t count_files(const char *start, const char *end)
{
	DIR *d = opendir(dir);
	size_t n = 0;

	for (struct dirent *e; (e = readdir(d));)
		n += str_starts(str_of(e->d_name), str_of(start)) && str_ends(str_of(e->d_name), str_of(end));
	closedir(d);
	return n;
}

/* ---- the journal alone ---- */

struct states {
	size_t n;
	struct uid uid[64];
	uint32_t recipient[64];
	struct recipient_state state[64];
	journal_ref ref[64];
	size_t troubles;
};

static void each_state(void *arg, struct uid uid, uint32_t recipient, const struct recipient_state *state, journal_ref ref)
{
	struct states *s = arg;

	assert_true(s->n < 64);
	s->uid[s->n] = uid;
	s->recipient[s->n] = recipient;
	s->state[s->n] = *state;
	s->ref[s->n++] = ref;
}

static void count_trouble(void *arg, struct str text)
{
	(void)text;
	((struct states *)arg)->troubles++;
}

static const struct journal_events journal_events = {each_state, count_trouble};

static struct journal *open_journal(struct states *s, struct arena *a)
{
	struct str error;
	int fd = open(dir, O_RDONLY | O_DIRECTORY);
	struct journal *j;

	memset(s, 0, sizeof *s);
	j = journal_open(fd, &journal_events, s, a, &error);
	assert_non_null(j);
	return j;
}

static void journal_round_trip(void **state)
{
	struct arena *a = arena_new(0);
	struct states s;
	struct journal *j = open_journal(&s, a);
	struct recipient_state deferred = {STATE_WAITING, STATE_WARNED, 300, 1700000000123}, done = {STATE_DELIVERED, 0, 1, 0};
	journal_ref ref;

	(void)state;
	assert_int_equal(s.n, 0);
	ref = journal_add(j, (struct uid){7, 8}, 3, &deferred, STR("hop\t450 later"));
	assert_true(ref != 0);
	assert_str(journal_text(j, ref, a), "hop\t450 later");
	assert_true(journal_add(j, (struct uid){7, 9}, 0, &done, STR("")) != 0);
	for (int i = 0; i < 400 && journal_synced(j) != journal_position(j); i++)
		usleep(5000);
	assert_int_equal(journal_synced(j), journal_position(j));
	journal_close(j);
	j = open_journal(&s, a);
	assert_int_equal(s.n, 2);
	assert_true(s.uid[0].epoch == 7 && s.uid[0].serial == 8);
	assert_int_equal(s.recipient[0], 3);
	assert_int_equal(s.state[0].state, STATE_WAITING);
	assert_int_equal(s.state[0].flags, STATE_WARNED);
	assert_int_equal(s.state[0].attempts, 300);
	assert_true(s.state[0].next_ms == 1700000000123);
	assert_int_equal(s.state[1].state, STATE_DELIVERED);
	assert_str(journal_text(j, s.ref[0], a), "hop\t450 later");
	assert_true(journal_when(j, s.ref[0]) > 1700000000);
	assert_str(journal_text(j, 0, a), "");
	journal_close(j);
	arena_free(a);
}

/* Cut anywhere: all whole records before the cut are read, and nothing else. */
static void journal_torn(void **state)
{
	struct arena *a = arena_new(0);
	struct states s;
	struct journal *j = open_journal(&s, a);
	struct recipient_state done = {STATE_FAILED, 0, 1, 0};
	char path[100], octets[4096];
	size_t n;
	FILE *f;

	(void)state;
	for (uint32_t i = 0; i < 3; i++)
		journal_add(j, (struct uid){1, i}, 0, &done, STR("text"));
	journal_close(j);
	snprintf(path, sizeof path, "%s/journal-00000001.jnl", dir);
	f = fopen(path, "r");
	n = fread(octets, 1, sizeof octets, f);
	fclose(f);
	assert_int_equal(n, JOURNAL_HEAD + 3 * 64);
	for (size_t cut = 0; cut <= n; cut++) {
		char others[100];
		snprintf(others, sizeof others, "%s/journal-00000002.jnl", dir);
		unlink(others);
		f = fopen(path, "w");
		fwrite(octets, 1, cut, f);
		fclose(f);
		j = open_journal(&s, a);
		assert_int_equal(s.n, cut < JOURNAL_HEAD ? 0 : (cut - JOURNAL_HEAD) / 64);
		assert_int_equal(s.troubles, 0);
		journal_close(j);
	}
	octets[8] = 9; /* another version */
	f = fopen(path, "w");
	fwrite(octets, 1, n, f);
	fclose(f);
	j = open_journal(&s, a);
	assert_int_equal(s.n, 0);
	assert_int_equal(s.troubles, 1);
	journal_close(j);
	arena_free(a);
}

static void journal_turns(void **state)
{
	struct arena *a = arena_new(0);
	struct states s;
	struct journal *j = open_journal(&s, a);
	struct recipient_state waiting = {STATE_WAITING, 0, 1, 5};
	journal_ref old = journal_add(j, (struct uid){1, 1}, 0, &waiting, STR("kept")), new;

	(void)state;
	journal_add(j, (struct uid){1, 2}, 0, &waiting, STR("dropped"));
	assert_true(journal_turn(j));
	assert_true(journal_is_old(j, old));
	new = journal_add(j, (struct uid){1, 1}, 0, &waiting, journal_text(j, old, a));
	assert_false(journal_is_old(j, new));
	assert_true(journal_has_old(j));
	assert_true(journal_drop_old(j));
	assert_false(journal_has_old(j));
	assert_int_equal(count_files("journal-", ".jnl"), 1);
	journal_close(j);
	j = open_journal(&s, a);
	assert_int_equal(s.n, 1);
	assert_str(journal_text(j, s.ref[0], a), "kept");
	journal_close(j);
	arena_free(a);
}

/* ---- the backlog ---- */

struct seen {
	size_t added, ready;
	struct mail *last, *all[5000];
	struct str trouble;
};

static void on_added(void *arg, struct mail *m, const struct queue_entry *e)
{
	struct seen *s = arg;

	(void)e;
	s->added++;
	for (uint32_t i = 0; i < m->n; i++)
		m->r[i].site = i;
}

static void on_ready(void *arg, struct mail *m)
{
	struct seen *s = arg;

	s->last = m;
	s->all[s->ready++] = m;
}

static void on_trouble(void *arg, struct str text)
{
	(void)arg;
	fail_msg("%.*s", STR_ARG(text));
}

static struct backlog *open_backlog(struct seen *s, struct arena *a)
{
	static const struct backlog_events events = {on_added, on_ready, on_trouble};
	struct str error = STR_NONE;
	struct backlog *b;

	memset(s, 0, sizeof *s);
	b = backlog_open(dir, &events, s, a, &error);
	if (!b)
		fail_msg("%.*s", STR_ARG(error));
	return b;
}

static struct queue_writer *open_writer(const char *name, uint64_t segment, struct arena *a)
{
	struct queue_options o = {dir, name, segment, 0, true};
	struct str error;
	struct queue_writer *w = queue_writer_open(&o, a, &error);

	assert_non_null(w);
	return w;
}

static _Atomic size_t committed;

static void on_commit(void *arg, enum queue_result result)
{
	(void)arg;
	assert_int_equal(result, QUEUE_OK);
	committed++;
}

static void submit(struct queue_writer *w, size_t n, struct str data)
{
	static struct queue_recipient two[] = {{.address = {"a@x.example", 11}}, {.address = {"b@x.example", 11}}};
	struct queue_entry e = {.id = "0id", .arrived = 1700000000, .sender = STR("s@example.com"), .recipients = two,
	    .recipient_count = 2, .data = data, .data_fd = -1};

	committed = 0;
	for (size_t i = 0; i < n; i++)
		queue_submit(w, &e, 1, on_commit, NULL);
	while (committed < n)
		usleep(500);
}

static void finish(struct backlog *b, struct mail *m, uint32_t i, enum journal_state to)
{
	m->r[i].state = (uint8_t)to;
	backlog_note(b, m, i, STR("hop\t250 done"));
}

static void restart_keeps_states(void **state)
{
	struct arena *a = arena_new(0);
	struct queue_writer *w = open_writer("gateway", 1 << 20, a);
	struct seen s;
	struct backlog *b = open_backlog(&s, a);

	(void)state;
	submit(w, 3, STR("x"));
	while (backlog_poll(b, true, 10))
		;
	assert_int_equal(s.ready, 3);
	assert_int_equal(backlog_count(b), 3);
	finish(b, s.all[0], 0, STATE_DELIVERED);
	finish(b, s.all[0], 1, STATE_FAILED);
	finish(b, s.all[1], 1, STATE_DELETED);
	s.all[2]->r[0].attempts = 4;
	s.all[2]->r[0].flags = STATE_HELD | RCPT_BUSY;
	s.all[2]->r[0].next_ms = 12345;
	backlog_note(b, s.all[2], 0, STR("hop\t450 busy"));
	assert_int_equal(backlog_count(b), 2);
	backlog_close(b);
	b = open_backlog(&s, a);
	assert_int_equal(s.added, 3);
	assert_int_equal(s.ready, 2);
	assert_int_equal(backlog_count(b), 2);
	for (size_t i = 0; i < 2; i++) {
		struct mail *m = s.all[i];
		if (m->live == 1) {
			assert_int_equal(m->r[0].state, STATE_WAITING);
			assert_int_equal(m->r[1].state, STATE_DELETED);
			continue;
		}
		assert_int_equal(m->r[0].attempts, 4);
		assert_int_equal(m->r[0].flags, STATE_HELD);
		assert_int_equal(m->r[0].next_ms, 12345);
		assert_str(backlog_text(b, &m->r[0], a), "hop\t450 busy");
		assert_int_equal(m->r[1].attempts, 0);
	}
	backlog_close(b);
	queue_writer_close(w);
	arena_free(a);
}

/* The journal of the first run is written anew in the second; a third run sees the same. */
static void journal_is_compacted(void **state)
{
	struct arena *a = arena_new(0);
	struct queue_writer *w = open_writer("gateway", 1 << 20, a);
	struct seen s;
	struct backlog *b = open_backlog(&s, a);

	(void)state;
	submit(w, 50, STR("x"));
	while (backlog_poll(b, true, 100))
		;
	for (size_t i = 0; i < 50; i++) {
		finish(b, s.all[i], 0, STATE_DELIVERED);
		if (i % 2)
			finish(b, s.all[i], 1, STATE_DELIVERED);
	}
	backlog_close(b);
	for (int run = 0; run < 2; run++) {
		b = open_backlog(&s, a);
		assert_int_equal(backlog_count(b), 25);
		assert_int_equal(count_files("journal-", ".jnl"), 2);
		for (int i = 0; i < 20; i++)
			backlog_maintain(b);
		assert_int_equal(count_files("journal-", ".jnl"), 1);
		backlog_close(b);
	}
	b = open_backlog(&s, a);
	assert_int_equal(backlog_count(b), 25);
	for (size_t i = 0; i < 25; i++) {
		assert_int_equal(s.all[i]->live, 1);
		assert_int_equal(s.all[i]->r[0].state, STATE_DELIVERED);
		assert_str(backlog_text(b, &s.all[i]->r[0], a), "hop\t250 done");
	}
	backlog_close(b);
	queue_writer_close(w);
	arena_free(a);
}

/* Of a segment of which little is left the rest is copied, and it goes; nothing is seen twice. */
static void segment_is_compacted(void **state)
{
	struct arena *a = arena_new(0);
	struct queue_writer *w = open_writer("gateway", 512 * 1024, a), *own = open_writer("relay", 1 << 20, a);
	struct seen s;
	struct backlog *b = open_backlog(&s, a);
	char *data = malloc(10000);
	size_t kept;

	(void)state;
	memset(data, 'x', 10000);
	for (int i = 0; i < 100; i++)
		submit(w, 1, (struct str){data, 10000});
	queue_writer_close(w);
	backlog_set_writer(b, own);
	while (backlog_poll(b, true, 100))
		;
	assert_true(count_files("gateway-", ".seg") >= 2);
	for (size_t i = 0; i < 100; i++)
		for (uint32_t k = 0; k < (i % 10 ? 2 : 1); k++)
			finish(b, s.all[i], k, STATE_DELIVERED);
	kept = backlog_count(b);
	assert_int_equal(kept, 10);
	for (int i = 0; i < 400 && count_files("gateway-", ".seg"); i++) {
		backlog_maintain(b);
		backlog_poll(b, true, 100);
		usleep(i < 4 ? 5100000 / 4 : 5000); /* it looks for work every five seconds */
	}
	assert_int_equal(count_files("gateway-", ".seg"), 0);
	assert_int_equal(count_files("relay-", ".seg"), 1);
	assert_int_equal(backlog_count(b), kept);
	assert_int_equal(s.added, 100);
	for (size_t i = 0; i < 100; i += 10) {
		struct record_head h;
		struct queue_entry e;
		struct queue_data d;
		struct str file;
		char back[10000];
		assert_int_equal(s.all[i]->live, 1);
		assert_true(backlog_entry(b, s.all[i], a, &h, &e, &file));
		assert_str(e.recipients[1].address, "b@x.example");
		assert_true(backlog_data(b, s.all[i], &h, file, &d));
		assert_int_equal(pread(d.fd, back, sizeof back, (off_t)d.offset), 10000);
		assert_memory_equal(back, data, 10000);
	}
	backlog_close(b);
	queue_writer_close(own);
	b = open_backlog(&s, a);
	assert_int_equal(backlog_count(b), kept);
	assert_int_equal(s.all[0]->live, 1);
	backlog_close(b);
	free(data);
	arena_free(a);
}

static void count_each(void *arg, struct mail *m)
{
	(void)m;
	++*(size_t *)arg;
}

/* Five thousand, in steps; and what one costs in memory. */
static void walk_and_memory(void **state)
{
	struct arena *a = arena_new(0);
	struct queue_writer *w = open_writer("gateway", 64 << 20, a);
	struct seen s;
	struct backlog *b = open_backlog(&s, a);
	size_t cursor = 0, n = 0, steps = 1;

	(void)state;
	submit(w, 5000, STR("x"));
	while (backlog_poll(b, true, 700))
		;
	while (backlog_walk(b, &cursor, 500, count_each, &n))
		steps++;
	assert_int_equal(n, 5000);
	assert_true(steps > 5);
	assert_true(backlog_bytes_in_memory(b) / 5000 < 200);
	backlog_close(b);
	queue_writer_close(w);
	arena_free(a);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_dir, remove_dir)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(journal_round_trip), TEST(journal_torn), TEST(journal_turns), TEST(restart_keeps_states),
	    TEST(journal_is_compacted), TEST(segment_is_compacted), TEST(walk_and_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
