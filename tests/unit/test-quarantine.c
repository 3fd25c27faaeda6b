#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/quarantine/quarantine.h"
#include "gateway/quarantine/quarantine_json.h"
#include "gateway/queue/reader.h"
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

static struct quarantine *open_it(struct arena *a)
{
	struct str error;
	struct quarantine *q = quarantine_open(arena_printf(a, "%s/quarantine", dir).p, a, &error);

	assert_non_null(q);
	return q;
}

static struct queue_recipient recipients[] = {
    {{"u@example.org", 13}, {"rfc822;u@example.org", 20}, NOTIFY_FAILURE}, {{"\"a\\\"b\"@example.net", 18}, {NULL, 0}, 0}};

static struct quarantine_item item(void)
{
	return (struct quarantine_item){.id = "0abcdefghijkl", .arrived = 1700000000, .client = STR("192.0.2.1"),
	    .helo = STR("mx.example.com"), .sender = STR("s@example.com"), .envid = STR("e"), .ret = DSN_RET_FULL,
	    .is_8bit = true, .recipients = recipients, .recipient_count = 2,
	    .subject = STR("gr\xc3\xbc\xc3\x9f \"quoted\" \\ \x01\ttab"), .score = 12.5, .verdict = STR("spam"),
	    .decided_by = STR("mailreeve.conf:41"), .trail = STR("one\ntwo\n"), .data = STR("Subject: x\r\n\r\nbody\r\n")};
}

static void put_and_get(void **state)
{
	struct arena *a = arena_new(0);
	struct quarantine *q = open_it(a);
	struct quarantine_item in = item(), out;
	char key[QUARANTINE_KEY_MAX], second[QUARANTINE_KEY_MAX];
	struct edits e;

	(void)state;
	edits_init(&e);
	edit_add_header(&e, a, STR("Received"), STR("here"));
	in.edits = &e;
	assert_int_equal(quarantine_put(q, &in, key), RES_OK);
	assert_string_equal(key, "0abcdefghijkl");
	assert_int_equal(quarantine_put(q, &in, second), RES_OK);
	assert_string_equal(second, "0abcdefghijkl-2");
	assert_int_equal(quarantine_get(q, str_of(key), a, &out), RES_OK);
	assert_str(out.data, "Received: here\r\nSubject: x\r\n\r\nbody\r\n");
	assert_int_equal(out.size, out.data.n);
	assert_string_equal(out.id, in.id);
	assert_string_equal(out.key, key);
	assert_int_equal(out.arrived, in.arrived);
	assert_str(out.sender, "s@example.com");
	assert_str(out.subject, in.subject.p);
	assert_str(out.trail, "one\ntwo\n");
	assert_str(out.decided_by, "mailreeve.conf:41");
	assert_true(out.score == 12.5 && out.is_8bit && !out.is_utf8 && out.ret == DSN_RET_FULL);
	assert_int_equal(out.recipient_count, 2);
	assert_str(out.recipients[0].orcpt, "rfc822;u@example.org");
	assert_int_equal(out.recipients[0].notify, NOTIFY_FAILURE);
	assert_str(out.recipients[1].address, "\"a\\\"b\"@example.net");
	assert_int_equal(quarantine_delete(q, str_of(key)), RES_OK);
	assert_int_equal(quarantine_delete(q, str_of(key)), RES_NONE);
	assert_int_equal(quarantine_get(q, str_of(key), a, &out), RES_NONE);
	assert_int_equal(quarantine_get(q, STR("0abcdefghijkl-2"), a, &out), RES_OK);
	quarantine_close(q);
	arena_free(a);
}

/* A key comes from the command line: it stays a name in the folder. */
static void keys_are_names(void **state)
{
	struct arena *a = arena_new(0);
	struct quarantine *q = open_it(a);
	struct quarantine_item out;
	const char *const bad[] = {"", "../x", "a/b", ".", "a.json", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "a b", "a\nb"};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		assert_int_equal(quarantine_get(q, str_of(bad[i]), a, &out), RES_NONE);
		assert_int_equal(quarantine_delete(q, str_of(bad[i])), RES_NONE);
	}
	quarantine_close(q);
	arena_free(a);
}

static bool is_file(struct arena *a, const char *name)
{
	return access(arena_printf(a, "%s/quarantine/%s", dir, name).p, F_OK) == 0;
}

/* What is only prepared is in no list, and can be taken back without a trace. */
static void prepare_and_abandon(void **state)
{
	struct arena *a = arena_new(0);
	struct quarantine *q = open_it(a);
	struct quarantine_pending two[2];
	struct quarantine_item in = item(), out;

	(void)state;
	assert_int_equal(quarantine_prepare(q, &in, &two[0]), RES_OK);
	assert_int_equal(quarantine_prepare(q, &in, &two[1]), RES_OK);
	assert_int_equal(quarantine_get(q, str_of(two[0].key), a, &out), RES_NONE);
	assert_true(is_file(a, "0abcdefghijkl.eml") && is_file(a, "0abcdefghijkl-2.tmp"));
	errno = ENOSPC;
	quarantine_abandon(q, two, 2);
	assert_int_equal(errno, ENOSPC);
	assert_false(is_file(a, "0abcdefghijkl.eml") || is_file(a, "0abcdefghijkl-2.eml") || is_file(a, "0abcdefghijkl-2.tmp"));
	assert_int_equal(quarantine_prepare(q, &in, &two[0]), RES_OK);
	assert_int_equal(quarantine_prepare(q, &in, &two[1]), RES_OK);
	assert_int_equal(quarantine_publish(q, two, 2), RES_OK);
	assert_int_equal(quarantine_get(q, str_of(two[0].key), a, &out), RES_OK);
	assert_int_equal(quarantine_get(q, str_of(two[1].key), a, &out), RES_OK);
	quarantine_close(q);
	arena_free(a);
}

/* One that cannot be published takes the others back. */
static void publish_is_all_or_nothing(void **state)
{
	struct arena *a = arena_new(0);
	struct quarantine *q = open_it(a);
	struct quarantine_pending two[2];
	struct quarantine_item in = item(), out;

	(void)state;
	assert_int_equal(quarantine_prepare(q, &in, &two[0]), RES_OK);
	assert_int_equal(quarantine_prepare(q, &in, &two[1]), RES_OK);
	unlink(arena_printf(a, "%s/quarantine/%s.tmp", dir, two[1].key).p);
	assert_int_equal(quarantine_publish(q, two, 2), RES_TEMP);
	assert_int_equal(quarantine_get(q, str_of(two[0].key), a, &out), RES_NONE);
	assert_false(is_file(a, "0abcdefghijkl.eml"));
	quarantine_close(q);
	arena_free(a);
}

/* Killed between prepare and publish: removed at the next start, but never what others are preparing. */
static void leftovers_are_swept(void **state)
{
	struct arena *a = arena_new(0);
	struct quarantine *q = open_it(a), *other = open_it(a);
	struct quarantine_pending left, kept;
	struct quarantine_item in = item(), out;

	(void)state;
	assert_int_equal(quarantine_put(q, &in, kept.key), RES_OK);
	assert_int_equal(quarantine_prepare(q, &in, &left), RES_OK);
	quarantine_close(other);
	other = open_it(a); /* not alone */
	assert_true(is_file(a, "0abcdefghijkl-2.eml") && is_file(a, "0abcdefghijkl-2.tmp"));
	quarantine_close(other);
	quarantine_close(q);
	q = open_it(a);
	assert_false(is_file(a, "0abcdefghijkl-2.eml") || is_file(a, "0abcdefghijkl-2.tmp"));
	assert_int_equal(quarantine_get(q, str_of(kept.key), a, &out), RES_OK);
	quarantine_close(q);
	arena_free(a);
}

static bool count(void *arg, const struct quarantine_item *i)
{
	(void)i;
	return ++*(int *)arg < 3;
}

static void list(void **state)
{
	struct arena *a = arena_new(0);
	struct quarantine *q = open_it(a);
	struct quarantine_item in = item();
	int n = 0;

	(void)state;
	quarantine_each(q, count, &n);
	assert_int_equal(n, 0);
	quarantine_put(q, &in, NULL);
	quarantine_put(q, &in, NULL);
	quarantine_each(q, count, &n);
	assert_int_equal(n, 2);
	n = 0;
	quarantine_put(q, &in, NULL);
	quarantine_put(q, &in, NULL);
	quarantine_each(q, count, &n);
	assert_int_equal(n, 3);
	/* A message without its .json was never acknowledged and is not there. */
	close(open(arena_printf(a, "%s/quarantine/0torn.eml", dir).p, O_CREAT | O_WRONLY, 0600));
	assert_int_equal(quarantine_get(q, STR("0torn"), a, &in), RES_NONE);
	quarantine_close(q);
	arena_free(a);
}

struct found {
	int n;
	struct str sender;
	struct arena *arena;
};

static void each(void *arg, struct segment *seg, uint64_t offset, const struct record_head *h,
    const struct queue_entry *e, struct str file)
{
	struct found *f = arg;

	(void)seg, (void)offset, (void)h, (void)file;
	f->n++;
	f->sender = arena_str(f->arena, e->sender);
	assert_int_equal(e->recipient_count, 2);
	assert_true(e->arrived > 1700000000); /* its time in the queue starts now */
}

static void release(void **state)
{
	static const struct queue_reader_events events = {.each = each};
	struct arena *a = arena_new(0);
	struct quarantine *q = open_it(a);
	struct quarantine_item in = item();
	struct queue_options o = {arena_printf(a, "%s/queue", dir).p, "reevectl", 1 << 20, 0, true};
	struct str error;
	struct queue_writer *w = queue_writer_open(&o, a, &error);
	struct found f = {.arena = a};
	struct queue_reader *r;

	(void)state;
	quarantine_put(q, &in, NULL);
	assert_int_equal(quarantine_release(q, STR("0abcdefghijkl"), w), RES_OK);
	assert_int_equal(quarantine_release(q, STR("0abcdefghijkl"), w), RES_NONE);
	queue_writer_close(w);
	r = queue_reader_open(o.dir, &events, &f, a, &error);
	queue_reader_poll(r, true, 10);
	assert_int_equal(f.n, 1);
	assert_str(f.sender, "s@example.com");
	queue_reader_close(r);
	quarantine_close(q);
	arena_free(a);
}

static void json_of_others(void **state)
{
	struct arena *a = arena_new(0);
	struct quarantine_item out;
	const char *const bad[] = {"", "{", "{}", "[]", "{\"recipients\":[]}", "{\"recipients\":[{}]}",
	    "{\"recipients\":[{\"address\":\"a@b\"}]", "{\"recipients\":[{\"address\":\"a\\x\"}]}",
	    "{\"id\":\"012345678901234567890\",\"recipients\":[{\"address\":\"a\"}]}",
	    "{\"x\":[[[[[[[[[[[[1]]]]]]]]]]]],\"recipients\":[{\"address\":\"a\"}]}", "{\"ret\":9,\"recipients\":[{\"address\":\"a\"}]}",
	    "{\"recipients\":[{\"address\":\"a\",\"notify\":99}]}", "{\"recipients\":[{\"address\":\"a\"}],\"sender\":\"\\u00zz\"}"};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_false(quarantine_json_read(a, str_of(bad[i]), &out));
	assert_true(quarantine_json_read(a, STR(" { \"new\" : [ 1 , { \"a\" : null } , true ] , \"recipients\" : "
	    "[ { \"address\" : \"a\\u00e9@b\" , \"later\" : -1.5e3 } ] } "), &out));
	assert_str(out.recipients[0].address, "a\xc3\xa9@b");
	arena_free(a);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_dir, remove_dir)

int main(void)
{
	const struct CMUnitTest tests[] = {TEST(put_and_get), TEST(prepare_and_abandon), TEST(publish_is_all_or_nothing),
	    TEST(leftovers_are_swept), TEST(keys_are_names), TEST(list), TEST(release), TEST(json_of_others)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
