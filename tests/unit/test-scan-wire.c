/* The scanner's protocol: what is refused, and the limits at, below and above. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/scan/scan_private.h"
#include "filters/attachment_name.h"
#include "lib/arena.h"
#include "scanner/wire.h"
#include "tests/unit/unit.h"

static struct str head_of(struct wire_head *h)
{
	h->magic = WIRE_MAGIC;
	h->version = WIRE_VERSION;
	return (struct str){(const char *)h, sizeof *h};
}

static void requests(void **state)
{
	struct wire_head h = {.op = WIRE_SCAN, .count = 1, .size = sizeof(struct wire_item)}, got;

	(void)state;
	assert_true(wire_read_request(head_of(&h), &got));
	assert_false(wire_read_request(str_sub(head_of(&h), 0, sizeof h - 1), &got));
	h.count = 0;
	assert_false(wire_read_request(head_of(&h), &got));
	h.count = WIRE_ITEMS_MAX;
	h.size = WIRE_ITEMS_MAX * sizeof(struct wire_item);
	assert_true(wire_read_request(head_of(&h), &got));
	h.size--;
	assert_false(wire_read_request(head_of(&h), &got));
	h.count++;
	h.size = WIRE_BYTES_MAX;
	assert_false(wire_read_request(head_of(&h), &got));
	h.count = 1;
	assert_true(wire_read_request(head_of(&h), &got));
	h.size++;
	assert_false(wire_read_request(head_of(&h), &got));
	h.op = 99;
	assert_false(wire_read_request(head_of(&h), &got));
	head_of(&h);
	h.version++;
	assert_false(wire_read_request((struct str){(const char *)&h, sizeof h}, &got));
}

/* A SCAN brings all of its items behind the head, or none. */
static void requests_with_items(void **state)
{
	static char room[WIRE_REQUEST_MAX + 1];
	struct wire_head h = {.op = WIRE_SCAN, .count = 1, .size = WIRE_REQUEST_MAX - sizeof h}, got;
	struct str whole = {room, WIRE_REQUEST_MAX};

	(void)state;
	head_of(&h);
	memcpy(room, &h, sizeof h);
	assert_true(wire_read_request(whole, &got));
	assert_true(wire_has_items(whole));
	assert_false(wire_has_items(head_of(&h)));
	assert_false(wire_read_request(str_sub(whole, 0, whole.n - 1), &got));
	assert_false(wire_read_request(str_sub(whole, 0, sizeof h + 1), &got));
	((struct wire_head *)room)->size++;
	assert_false(wire_read_request(whole, &got));
	assert_false(wire_read_request((struct str){room, sizeof room}, &got));
	((struct wire_head *)room)->op = WIRE_STATUS;
	assert_false(wire_read_request(whole, &got));
}

/* One item, so that the whole request has so many octets. */
static void check_packing(size_t octets, bool is_behind)
{
	struct arena *a = arena_new(0);
	const struct mime_part *part = NULL;
	struct str bytes = {arena_alloc(a, octets), octets - sizeof(struct wire_head) - sizeof(struct wire_item) - scan_prefix.n};
	struct scan_items items = {.bytes = &bytes, .parts = &part, .n = 1};
	struct scan_request r;
	size_t n = 0;

	assert_true(scan_request_pack(&r, a, &items));
	for (size_t i = 0; i < r.count; i++)
		n += r.pieces[i].iov_len;
	assert_int_equal(r.head.size, octets - sizeof r.head);
	assert_int_equal(n, is_behind ? octets : sizeof r.head);
	assert_int_equal(r.memory < 0, is_behind);
	if (r.memory >= 0) {
		assert_int_equal(lseek(r.memory, 0, SEEK_END), r.head.size);
		assert_int_equal(fcntl(r.memory, F_GET_SEALS), F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
		close(r.memory);
	}
	arena_free(a);
}

/* What stands in the message is not sent twice; what only begins or ends there is. */
static void parts_of_the_message(void **state)
{
	struct arena *a = arena_new(0);
	struct str whole = STR("Subject: a\r\n\r\nnothing\r\n"), other = STR("decoded");
	struct str bytes[] = {whole, str_from(whole, 14), str_sub(whole, whole.n, 0), whole, other, {whole.p + 1, whole.n}};
	struct mime_part part = {.type = STR("text/plain")};
	const struct mime_part *parts[] = {NULL, &part, &part, &part, &part, &part};
	struct scan_items items = {.bytes = bytes, .parts = parts, .n = 4};
	struct scan_request r;
	const struct wire_item *table;
	uint64_t message;

	(void)state;
	assert_true(scan_request_pack(&r, a, &items));
	table = r.pieces[1].iov_base;
	message = table[0].offset + scan_prefix.n;
	assert_int_equal(r.head.size, message + whole.n);
	assert_true(wire_check_items(table, r.head.size, 4));
	assert_int_equal(table[1].offset, message + 14);
	assert_int_equal(table[2].offset, r.head.size);
	assert_int_equal(table[3].offset, message);
	assert_int_equal(table[3].size, whole.n);
	items.n = 6;
	assert_true(scan_request_pack(&r, a, &items));
	table = r.pieces[1].iov_base;
	message = table[0].offset + scan_prefix.n;
	assert_int_equal(table[4].offset, message + whole.n);
	assert_int_equal(table[5].offset, message + whole.n + other.n);
	assert_int_equal(r.head.size, message + 2 * whole.n + other.n);
	arena_free(a);
}

static void packing(void **state)
{
	(void)state;
	check_packing(1000, true);
	check_packing(WIRE_REQUEST_MAX, true);
	check_packing(WIRE_REQUEST_MAX + 1, false);
}

static void items(void **state)
{
	struct wire_item table[2] = {{.offset = 48, .size = 10}, {.offset = 58, .size = 0}};

	(void)state;
	assert_true(wire_check_items(table, 58, 2));
	assert_false(wire_check_items(table, 57, 2));
	assert_false(wire_check_items(table, 47, 2));
	table[1].offset = UINT64_MAX;
	assert_false(wire_check_items(table, 58, 2));
	table[1] = (struct wire_item){.offset = 50, .size = UINT64_MAX - 10};
	assert_false(wire_check_items(table, 58, 2));
	assert_false(wire_check_items(table, 58, 0));
}

static void settings(void **state)
{
	struct wire_settings s = {.workers = 1, .max_recursion = 17, .max_files = 1, .check_ms = 10}, got;
	struct str paths[WIRE_PATHS_MAX] = {STR("/a"), STR("/b/c")}, read[WIRE_PATHS_MAX];
	struct buf b = {0};
	size_t n;

	(void)state;
	wire_put_settings(&b, 7, &s, paths, 2);
	assert_true(wire_read_settings(buf_str(&b), &got, read, &n));
	assert_int_equal(n, 2);
	assert_true(str_is(read[1], "/b/c"));
	for (size_t cut = 1; cut < b.n; cut++)
		assert_false(wire_read_settings(str_sub(buf_str(&b), 0, b.n - cut), &got, read, &n));
	buf_addc(&b, 'x');
	assert_false(wire_read_settings(buf_str(&b), &got, read, &n));
	b.n = 0;
	s.workers = WIRE_WORKERS_MAX + 1;
	wire_put_settings(&b, 7, &s, paths, 2);
	assert_false(wire_read_settings(buf_str(&b), &got, read, &n));
	b.n = 0;
	s.workers = WIRE_WORKERS_MAX;
	wire_put_settings(&b, 7, &s, paths, 0);
	assert_true(wire_read_settings(buf_str(&b), &got, read, &n));
	buf_free(&b);
}

static void answers(void **state)
{
	static char room[WIRE_ANSWER_MAX];
	struct wire_head request = {.op = WIRE_SCAN, .id = 5}, got;
	struct wire_record r = {.type = WIRE_MEMBER, .kind = KIND_ZIP}, read;
	struct wire_answer a;
	struct str name = STR("a name"), rest, whole;
	size_t n = 0;

	(void)state;
	wire_answer_start(&a, room, &request);
	while (wire_answer_add(&a, &r, name, NULL))
		n++;
	assert_int_equal(n, (WIRE_ANSWER_MAX - sizeof request) / (sizeof r + name.n));
	whole = wire_answer_finish(&a);
	assert_true(wire_read_answer(whole, &got));
	assert_int_equal(got.is_cut, 1);
	assert_int_equal(got.id, 5);
	rest = str_from(whole, sizeof got);
	assert_true(wire_next_record(&rest, &read, &name));
	assert_true(str_is(name, "a name"));
	assert_false(wire_read_answer(str_sub(whole, 0, whole.n - 1), &got));
	r.kind = KIND_COUNT;
	memcpy(room + sizeof got, &r, sizeof r);
	assert_false(wire_read_answer(whole, &got));
}

static unsigned open_descriptors(void)
{
	unsigned n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* So many copies of a descriptor beside a datagram, which wire_send() would not send. */
static void send_with(int fd, size_t count)
{
	union {
		char room[CMSG_SPACE(8 * sizeof(int))];
		struct cmsghdr align;
	} control = {0};
	struct msghdr message = {.msg_iov = &(struct iovec){(void *)"hello", 5}, .msg_iovlen = 1, .msg_control = control.room,
	    .msg_controllen = CMSG_SPACE(count * sizeof(int))};
	struct cmsghdr *c = CMSG_FIRSTHDR(&message);

	*c = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(count * sizeof(int))};
	for (size_t i = 0; i < count; i++)
		memcpy(CMSG_DATA(c) + i * sizeof(int), &(int){2}, sizeof(int));
	assert_int_equal(sendmsg(fd, &message, 0), 5);
}

static void datagrams(void **state)
{
	struct wire_fds one = {1, {2}}, got;
	char room[100];
	int ends[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
	assert_true(wire_send(ends[0], STR("hello"), &one, 0));
	assert_int_equal(wire_receive(ends[1], room, sizeof room, &got, 0), 5);
	assert_int_equal(got.n, 1);
	wire_fds_close(&got);
	assert_true(wire_send(ends[0], STR("too long"), &one, 0));
	assert_int_equal(wire_receive(ends[1], room, 4, &got, 0), -1);
	assert_int_equal(errno, EMSGSIZE);
	assert_int_equal(got.n, 0);
	close(ends[0]);
	assert_int_equal(wire_receive(ends[1], room, sizeof room, NULL, 0), 0);
	close(ends[1]);
}

/* Two are what a datagram brings; of more the first two are taken, of far more none. None stays open by mistake. */
static void descriptors(void **state)
{
	static const struct {
		size_t sent, taken;
		ptrdiff_t octets;
	} rows[] = {{1, 1, 5}, {2, 2, 5}, {3, 2, 5}, {8, 0, -1}};
	unsigned before;
	char room[100];
	int ends[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
	before = open_descriptors();
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct wire_fds got;

		send_with(ends[0], rows[i].sent);
		assert_int_equal(wire_receive(ends[1], room, sizeof room, &got, 0), rows[i].octets);
		assert_int_equal(got.n, rows[i].taken);
		wire_fds_close(&got);
		send_with(ends[0], rows[i].sent);
		assert_int_equal(wire_receive(ends[1], room, sizeof room, NULL, 0), rows[i].octets);
		assert_int_equal(open_descriptors(), before);
	}
	close(ends[0]);
	close(ends[1]);
}

/* Who refuses mail reads the head and who wants to know. */
static void heads(void **state)
{
	struct wire_fds one = {1, {2}}, got;
	struct wire_head h = {.op = WIRE_SCAN, .id = 7, .count = 1}, read;
	char whole[sizeof h + 50] = "";
	int ends[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
	assert_false(wire_receive_head(ends[1], &read, &got));
	memcpy(whole, head_of(&h).p, sizeof h);
	assert_true(wire_send(ends[0], (struct str){whole, sizeof whole}, &one, 0));
	assert_true(wire_receive_head(ends[1], &read, &got));
	assert_int_equal(read.id, 7);
	assert_int_equal(got.n, 1);
	wire_fds_close(&got);
	assert_true(wire_send(ends[0], (struct str){whole, sizeof h - 1}, &one, 0));
	assert_true(wire_receive_head(ends[1], &read, &got));
	assert_int_equal(got.n, 0);
	assert_false(wire_receive_head(ends[1], &read, &got));
	close(ends[0]);
	close(ends[1]);
}

static void names(void **state)
{
	static const struct {
		const char *name, *extension;
		unsigned tricks;
	} rows[] = {
	    {"a.txt", "txt", 0},
	    {"a", "", 0},
	    {"", "", 0},
	    {".", "", 0},
	    {"a.EXE", "exe", NAME_PROGRAM},
	    {"a.exe.", "exe", NAME_PROGRAM | NAME_TRAILING},
	    {"a.exe . .", "exe", NAME_PROGRAM | NAME_TRAILING},
	    {"invoice.pdf.exe", "exe", NAME_PROGRAM | NAME_DOUBLE},
	    {"invoice.pdf              .js", "js", NAME_PROGRAM | NAME_SCRIPT | NAME_DOUBLE},
	    {"jquery.min.js", "js", NAME_PROGRAM | NAME_SCRIPT},
	    {"archive.tar.gz", "gz", 0},
	    {"a\xe2\x80\xaegpj.scr", "scr", NAME_PROGRAM | NAME_RTLO},
	    {"..\\..\\a.lnk", "lnk", NAME_PROGRAM | NAME_SHORTCUT},
	    {"a.ex\te", "exe", NAME_PROGRAM | NAME_CONTROL},
	    {"a.0123456789abcdef0123", "0123456789abcdef0123", 0},
	    {"a.0123456789abcdef01234", "", 0},
	    {"a.exe::$Data", "exe", NAME_PROGRAM},
	    {"a\xef\xbc\x8e" "exe", "exe", NAME_PROGRAM},
	    {"a\xe2\x80\xa4" "exe", "exe", NAME_PROGRAM},
	    {"a.e\xe2\x80\x8bxe\xc2\xa0", "exe", NAME_PROGRAM | NAME_TRAILING},
	    {"a.pdf\xe2\xa0\x80\xe2\xa0\x80.hta", "hta", NAME_PROGRAM | NAME_SCRIPT | NAME_DOUBLE | NAME_HTML}, /* Braille's blank */
	    {"a.pdf\xe3\x85\xa4.exe", "exe", NAME_PROGRAM | NAME_DOUBLE}, /* the filler of Hangul */
	    {"a.pdf\xe2\x80\x83.exe\xe2\x80\xa8", "exe", NAME_PROGRAM | NAME_DOUBLE | NAME_TRAILING},
	    {"a.\xef\xbd\x85\xef\xbd\x98\xef\xbd\x85", "exe", NAME_PROGRAM}, /* letters of full width */
	    {"a.e\xcd\x8fx\xf3\xa0\x81\x81" "e\xef\xb8\x8f", "exe", NAME_PROGRAM}, /* a joiner, a tag, a selector */
	    {"a\xd8\x9cgpj.exe", "exe", NAME_PROGRAM | NAME_RTLO},
	    {"a.\xe2\x80", "\xe2\x80", 0}, /* half a character */
	    {"a.txt.{3050f4d8-98b5-11cf-bb82-00aa00bdce0b}", "", NAME_PROGRAM | NAME_DOUBLE},
	    {"a.{3050f4d8-98b5-11cf-bb82-00aa00bdce0b", "", 0},
	    {"a.{3050f4d8-98b5-11cf-bb82-00aa00bdce0g}", "", 0},
	    {"a.\\exe", "exe", NAME_PROGRAM},
	    {"'a.exe'", "exe", NAME_PROGRAM},
	    {"a.exe:", "exe", NAME_PROGRAM},
	    {"a.exe:b.txt", "exe", NAME_PROGRAM},
	    {"a.txt:b.exe", "txt", NAME_PROGRAM},
	    {"a.exe:$DATA ", "exe", NAME_PROGRAM},
	    {"C:a.exe", "exe", NAME_PROGRAM},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct file_name read;

		file_name_read(str_of(rows[i].name), &read);
		assert_string_equal(read.extension, rows[i].extension);
		assert_int_equal(read.tricks, rows[i].tricks);
	}
	assert_true(word_in("a bc d", "bc"));
	assert_false(word_in("a bc d", "b"));
	assert_false(word_in("a bc d", ""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(requests), cmocka_unit_test(requests_with_items), cmocka_unit_test(packing),
	    cmocka_unit_test(parts_of_the_message), cmocka_unit_test(items),
	    cmocka_unit_test(settings), cmocka_unit_test(answers), cmocka_unit_test(datagrams), cmocka_unit_test(descriptors),
	    cmocka_unit_test(heads), cmocka_unit_test(names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
