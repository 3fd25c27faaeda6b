#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <signal.h>
#include <unistd.h>

#include "core/spool.h"
#include "tests/unit/unit.h"

static int dir(void)
{
	int fd = open("/tmp", O_DIRECTORY | O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static char pattern(size_t i)
{
	return (char)('a' + (i * 31 + i / 977) % 26);
}

/* Fills in n octets in steps, and compares. */
static struct spool *filled(int dir_fd, size_t memory_max, size_t n, size_t step)
{
	struct spool *sp = spool_new(dir_fd, memory_max);
	char *piece = malloc(step);

	for (size_t at = 0; at < n; at += step) {
		size_t part = n - at < step ? n - at : step;

		for (size_t i = 0; i < part; i++)
			piece[i] = pattern(at + i);
		assert_true(spool_add(sp, (struct str){piece, part}));
	}
	free(piece);
	assert_int_equal(spool_size(sp), n);
	assert_true(spool_finish(sp));
	assert_int_equal(spool_data(sp).n, n);
	for (size_t i = 0; i < n; i++)
		if (spool_data(sp).p[i] != pattern(i))
			fail_msg("octet %zu differs", i);
	return sp;
}

static void memory_below_and_at_the_limit_file_above(void **state)
{
	int fd = dir();

	(void)state;
	for (size_t n = 9999; n <= 10001; n++) {
		struct spool *sp = filled(fd, 10000, n, 100);

		assert_int_equal(spool_fd(sp) >= 0, n > 10000);
		spool_free(sp);
	}
	close(fd);
}

static void pieces_of_any_size_make_the_same_bytes(void **state)
{
	int fd = dir();

	(void)state;
	for (size_t step = 1; step < 1000000; step = step * 3 + 1)
		spool_free(filled(fd, 50000, 700001, step));
	close(fd);
}

static void an_empty_one_has_no_bytes(void **state)
{
	struct spool *sp = spool_new(-1, 10);

	(void)state;
	assert_true(spool_finish(sp));
	assert_int_equal(spool_data(sp).n, 0);
	spool_free(sp);
	spool_free(NULL);
}

static void the_file_has_no_name_but_can_get_one(void **state)
{
	char path[] = "/tmp/reeve-spool-XXXXXX", source[64], target[64];
	struct spool *sp;
	struct stat st;
	int fd;

	(void)state;
	assert_non_null(mkdtemp(path));
	fd = open(path, O_DIRECTORY | O_CLOEXEC);
	sp = filled(fd, 1000, 5000, 10);
	assert_int_equal(fstat(spool_fd(sp), &st), 0);
	assert_int_equal(st.st_nlink, 0);
	assert_int_equal(st.st_size, 5000);
	snprintf(source, sizeof source, "/proc/self/fd/%d", spool_fd(sp));
	snprintf(target, sizeof target, "%s/kept", path);
	assert_int_equal(linkat(AT_FDCWD, source, AT_FDCWD, target, AT_SYMLINK_FOLLOW), 0);
	spool_free(sp);
	assert_int_equal(stat(target, &st), 0);
	assert_int_equal(st.st_size, 5000);
	unlink(target);
	close(fd);
	rmdir(path);
}

static void the_beginning_can_be_seen_while_in_memory(void **state)
{
	int fd = dir();
	struct spool *sp = spool_new(fd, 5);

	(void)state;
	spool_add(sp, STR("abc"));
	assert_str(spool_beginning(sp), "abc");
	spool_add(sp, STR("defg"));
	assert_str(spool_beginning(sp), "");
	spool_finish(sp);
	assert_str(spool_beginning(sp), "abcdefg");
	spool_free(sp);
	close(fd);
}

static void passed_pages_can_still_be_read(void **state)
{
	int fd = dir();
	struct spool *sp = filled(fd, 1000, 2000000, 4096);

	(void)state;
	for (size_t at = 0; at < 2000000; at += 1000)
		spool_passed(sp, at);
	for (size_t i = 0; i < 2000000; i++)
		if (spool_data(sp).p[i] != pattern(i))
			fail_msg("octet %zu differs", i);
	spool_free(sp);
	close(fd);
}

static void a_failed_write_is_told_and_remembered(void **state)
{
	static char much[100000];
	struct rlimit before, small = {50000, 50000};
	struct spool *sp;
	int fd = dir();

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &before);
	small.rlim_max = before.rlim_max;
	setrlimit(RLIMIT_FSIZE, &small);
	sp = spool_new(fd, 10);
	assert_false(spool_add(sp, (struct str){much, sizeof much}));
	assert_int_equal(errno, EFBIG);
	assert_false(spool_add(sp, STR("x")));
	assert_false(spool_finish(sp));
	assert_int_equal(errno, EFBIG);
	spool_free(sp);
	setrlimit(RLIMIT_FSIZE, &before);
	close(fd);
}

static void bytes_of_others_are_neither_copied_nor_freed(void **state)
{
	struct spool *sp = spool_of(STR("their bytes"));

	(void)state;
	assert_true(spool_finish(sp));
	assert_str(spool_data(sp), "their bytes");
	assert_int_equal(spool_fd(sp), -1);
	spool_free(sp);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(memory_below_and_at_the_limit_file_above),
	    cmocka_unit_test(pieces_of_any_size_make_the_same_bytes),
	    cmocka_unit_test(an_empty_one_has_no_bytes),
	    cmocka_unit_test(the_file_has_no_name_but_can_get_one),
	    cmocka_unit_test(the_beginning_can_be_seen_while_in_memory),
	    cmocka_unit_test(passed_pages_can_still_be_read),
	    cmocka_unit_test(a_failed_write_is_told_and_remembered),
	    cmocka_unit_test(bytes_of_others_are_neither_copied_nor_freed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
