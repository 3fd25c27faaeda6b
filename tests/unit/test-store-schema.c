/*
 * Files of other versions: an older schema is brought up to date and kept as a copy, a newer one is left
 * alone, and what cannot be written is read. The older file is made here, statement by statement, as
 * the first version made it.
 */
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/store/store.h"
#include "tests/unit/clock-fake.h"
#include "tests/unit/folder.h"
#include "tests/unit/unit.h"

static char folder[FOLDER_MAX], path[FOLDER_MAX + 32];

/* ---- files ---- */

static void sql_at(const char *file, const char *sql, char word[64])
{
	sqlite3 *db = NULL;
	sqlite3_stmt *stmt = NULL;

	assert_int_equal(sqlite3_open(file, &db), SQLITE_OK);
	word[0] = '\0';
	while (*sql) {
		assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, &sql), SQLITE_OK);
		if (!stmt)
			break;
		if (sqlite3_step(stmt) == SQLITE_ROW)
			snprintf(word, 64, "%s", (const char *)sqlite3_column_text(stmt, 0));
		assert_int_equal(sqlite3_finalize(stmt), SQLITE_OK);
	}
	sqlite3_close(db);
}

static void expect_sql(const char *file, const char *sql, const char *expected)
{
	char word[64];

	sql_at(file, sql, word);
	assert_string_equal(word, expected);
}

static const char *at(const char *tail)
{
	static char name[200];

	snprintf(name, sizeof name, "%s%s", path, tail);
	return name;
}

/* The first version's file, with a text, a counter, and many rows where the test wants a large one. */
static void make_version_1(int rows)
{
	char word[64], sql[1000];

	snprintf(sql, sizeof sql,
	    "PRAGMA journal_mode=WAL;"
	    "CREATE TABLE entry(k BLOB NOT NULL PRIMARY KEY, v, e INTEGER NOT NULL) WITHOUT ROWID;"
	    "INSERT INTO entry VALUES(CAST('list' || char(0) || 'deny' || char(0) || 'bad.example' AS BLOB), CAST('1' AS BLOB), 0);"
	    "INSERT INTO entry VALUES(CAST('greylist-count' || char(0) || 'delayed' AS BLOB), 41, 0);"
	    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)"
	    " INSERT INTO entry SELECT CAST('t' || char(0) || i AS BLOB), zeroblob(200), 0 FROM n;"
	    "PRAGMA user_version=1", rows);
	sql_at(path, sql, word);
}

static void make_newer(void)
{
	char word[64];

	make_version_1(1);
	sql_at(path, "PRAGMA user_version=1000", word);
}

static uint64_t digest(const char *file)
{
	char octets[65536];
	FILE *in = fopen(file, "r");
	size_t n;

	assert_non_null(in);
	n = fread(octets, 1, sizeof octets, in);
	fclose(in);
	return str_hash((struct str){octets, n});
}

/* ---- what is heard ---- */

struct heard {
	uint64_t migrated_from;
	_Atomic int fails, writes;
	char why[300];
};

static void listen_to(void *arg, enum store_event event, uint64_t number, struct str text)
{
	struct heard *heard = arg;

	if (event == STORE_MIGRATED)
		heard->migrated_from = number;
	if (event == STORE_FAILS)
		snprintf(heard->why, sizeof heard->why, "%.*s", STR_ARG(text));
	heard->fails += event == STORE_FAILS;
	heard->writes += event == STORE_WRITES;
}

static struct store *open_it(struct arena *a, bool read_only, struct str *ret_error)
{
	*ret_error = STR("");
	return store_open(path, read_only, a, ret_error);
}

static void expect_old_entries(struct store *st, struct arena *a)
{
	struct store_entry e;
	int64_t total;

	assert_int_equal(store_get(st, "list", (struct str){"deny\0bad.example", 16}, a, &e), RES_OK);
	assert_str(e.value, "1");
	assert_int_equal(store_count(st, "greylist-count", STR("delayed"), 1, 0, &total), RES_OK);
	assert_int_equal(total, 42);
	assert_int_equal(store_has(st, "t", STR("1")), RES_OK);
}

/* ---- the tests ---- */

static void older_file_is_brought_up_to_date(void **state)
{
	struct arena *a = *state;
	struct heard heard = {0};
	struct str error;
	struct store *st;

	make_version_1(100);
	st = open_it(a, false, &error);
	assert_non_null(st);
	store_listen(st, listen_to, &heard);
	assert_int_equal(heard.migrated_from, 1);
	expect_old_entries(st, a);
	assert_int_equal(store_flush(st), RES_OK);
	store_close(st);
	expect_sql(path, "PRAGMA integrity_check", "ok");
	expect_sql(path, "SELECT count(*) FROM entry", "102");
	expect_sql(path, "SELECT count(*) FROM meta WHERE name='made'", "1");
	/* The copy is the file as it was, for the version that made it. */
	expect_sql(at(".schema-1"), "PRAGMA user_version", "1");
	expect_sql(at(".schema-1"), "PRAGMA integrity_check", "ok");
	expect_sql(at(".schema-1"), "SELECT v FROM entry WHERE k = CAST('greylist-count' || char(0) || 'delayed' AS BLOB)", "41");
	assert_int_equal(access(at(".schema-1-wal"), F_OK), -1);
	st = open_it(a, false, &error); /* once */
	heard.migrated_from = 0;
	store_listen(st, listen_to, &heard);
	assert_int_equal(heard.migrated_from, 0);
	store_close(st);
}

static void an_earlier_copy_is_not_overwritten(void **state)
{
	struct arena *a = *state;
	struct str error;
	FILE *out = fopen(at(".schema-1"), "w");

	fputs("precious", out);
	fclose(out);
	make_version_1(1);
	store_close(open_it(a, false, &error));
	assert_int_equal(digest(at(".schema-1")), str_hash(STR("precious")));
	assert_int_equal(system(arena_printf(a, "ls %s.schema-1-* >/dev/null", path).p), 0);
}

/* As roles do at the first start after an upgrade. */
static void processes_that_open_at_once_migrate_once(void **state)
{
	struct arena *a = *state;
	int status, ok = 0;

	make_version_1(20000);
	for (int i = 0; i < 4; i++)
		if (fork() == 0) {
			struct str error;
			struct store *st = open_it(a, false, &error);
			int64_t total;

			_exit(st && store_count(st, "greylist-count", STR("delayed"), 1, 0, &total) == RES_OK &&
				      store_flush(st) == RES_OK ? 0 : 1);
		}
	while (wait(&status) > 0)
		ok += WIFEXITED(status) && WEXITSTATUS(status) == 0;
	assert_int_equal(ok, 4);
	expect_sql(path, "SELECT v FROM entry WHERE k = CAST('greylist-count' || char(0) || 'delayed' AS BLOB)", "45");
	assert_int_equal(access(at(".schema-1"), F_OK), 0);
	assert_int_not_equal(system(arena_printf(a, "ls %s.schema-1-* >/dev/null 2>&1", path).p), 0);
	expect_sql(path, "PRAGMA integrity_check", "ok");
}

/* The roles of a first start, all at once: none may be left without the file. */
static void processes_that_make_the_file_at_once_all_have_it(void **state)
{
	struct arena *a = *state;

	for (int round = 0; round < 20; round++) {
		int status, ok = 0, start[2];

		assert_int_equal(pipe(start), 0);
		for (int i = 0; i < 6; i++)
			if (fork() == 0) {
				struct store *st;
				struct str error;
				char octet;

				close(start[1]);
				(void)!read(start[0], &octet, 1); /* the end comes to all at once */
				st = open_it(a, false, &error);
				_exit(st && store_put(st, "t", arena_printf(a, "%d", i), STR("v"), 0) == RES_OK &&
					      store_flush(st) == RES_OK ? 0 : 1);
			}
		close(start[0]);
		close(start[1]);
		while (wait(&status) > 0)
			ok += WIFEXITED(status) && WEXITSTATUS(status) == 0;
		assert_int_equal(ok, 6);
		unlink(path);
		unlink(at("-wal"));
		unlink(at("-shm"));
		unlink(at("-seen"));
	}
}

/* No room for the copy: nothing is changed, what is there can be read. */
static void without_room_for_a_copy_nothing_changes(void **state)
{
	struct arena *a = *state;
	int status;
	pid_t pid;

	make_version_1(5000);
	pid = fork();
	if (pid == 0) {
		struct rlimit limit = {.rlim_cur = 256 * 1024, .rlim_max = RLIM_INFINITY};
		struct str error;
		struct store *st;
		bool ok;

		signal(SIGXFSZ, SIG_IGN);
		setrlimit(RLIMIT_FSIZE, &limit);
		ok = !open_it(a, false, &error) && str_find(error, STR("no copy could be made")) >= 0;
		st = open_it(a, true, &error);
		_exit(ok && st && store_has(st, "t", STR("4999")) == RES_OK ? 0 : 1);
	}
	waitpid(pid, &status, 0);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	expect_sql(path, "PRAGMA user_version", "1");
	expect_sql(path, "SELECT count(*) FROM entry", "5002");
	assert_int_equal(access(at(".schema-1"), F_OK), -1);
}

static void newer_file_is_left_alone(void **state)
{
	struct arena *a = *state;
	struct str error;
	uint64_t before;

	make_newer();
	before = digest(path);
	assert_null(open_it(a, false, &error));
	assert_true(str_find(error, STR("schema 1000 of a newer version")) > 0);
	assert_true(str_find(error, STR(".schema-N")) > 0);
	assert_null(open_it(a, true, &error));
	assert_true(str_find(error, STR("schema 1000 of a newer version")) > 0);
	assert_int_equal(digest(path), before);
}

static bool wait_for(_Atomic int *what)
{
	for (int i = 0; i < 500 && !*what; i++)
		usleep(10000);
	return *what;
}

/* The roles of an old daemon may still run when the new one starts. */
static void file_that_gets_newer_is_not_written(void **state)
{
	struct arena *a = *state;
	struct heard heard = {0};
	struct store_entry e;
	struct str error;
	struct store *st = open_it(a, false, &error);
	char word[64];

	store_listen(st, listen_to, &heard);
	assert_int_equal(store_put(st, "t", STR("k"), STR("old"), 0), RES_OK);
	assert_int_equal(store_flush(st), RES_OK);
	sql_at(path, "PRAGMA user_version=1000", word);
	assert_int_equal(store_put(st, "t", STR("k"), STR("new"), 0), RES_OK);
	assert_int_equal(store_flush(st), RES_TEMP);
	assert_true(wait_for(&heard.fails));
	assert_non_null(strstr(heard.why, "newer version"));
	assert_int_equal(store_get(st, "t", STR("k"), a, &e), RES_OK);
	assert_str(e.value, "new");
	expect_sql(path, "SELECT CAST(v AS TEXT) FROM entry WHERE k = CAST('t' || char(0) || 'k' AS BLOB)", "old");
	sql_at(path, "PRAGMA user_version=2", word);
	assert_true(wait_for(&heard.writes));
	assert_int_equal(store_flush(st), RES_OK);
	expect_sql(path, "SELECT CAST(v AS TEXT) FROM entry WHERE k = CAST('t' || char(0) || 'k' AS BLOB)", "new");
	assert_int_equal(heard.fails, 1);
	store_close(st);
}

/* Whom the file does not belong to: root can write everything. */
static void as_somebody_else(void)
{
	if (geteuid() == 0 && (setgid(65534) < 0 || setuid(65534) < 0))
		_exit(2);
}

static bool reads_but_keeps_nothing(struct arena *a)
{
	struct str error;
	struct store *st = open_it(a, false, &error);
	int64_t total = 0;
	bool ok = !st && error.n > 0;

	st = open_it(a, true, &error);
	ok = ok && st && store_has(st, "t", STR("50")) == RES_OK;
	ok = ok && store_count(st, "greylist-count", STR("delayed"), 1, 0, &total) == RES_OK && total == 42;
	store_close(st);
	return ok;
}

static void file_that_may_not_be_written_is_read(void **state)
{
	struct arena *a = *state;

	for (int folder_too = 0; folder_too < 2; folder_too++) {
		int status;
		struct str error;

		make_version_1(100);
		store_close(open_it(a, false, &error));
		assert_int_equal(chmod(path, 0444), 0);
		assert_int_equal(chmod(folder, folder_too ? 0555 : 0777), 0);
		if (fork() == 0) {
			as_somebody_else();
			_exit(reads_but_keeps_nothing(a) ? 0 : 1);
		}
		wait(&status);
		assert_int_equal(chmod(folder, 0700), 0);
		assert_int_equal(status, 0);
		expect_sql(path, "SELECT v FROM entry WHERE k = CAST('greylist-count' || char(0) || 'delayed' AS BLOB)", "41");
		assert_int_equal(system(arena_printf(a, "rm -f %s*", path).p), 0);
	}
}

/* ---- a file that may be written later ---- */

/* What SQLite holds on an open file, so that no other process takes its log away. */
static bool is_locked(void)
{
	int status = -1;

	if (fork() == 0) {
		struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0x40000002, .l_len = 510};
		int fd = open(path, O_RDWR);

		_exit(fd >= 0 && fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK ? 0 : 1);
	}
	wait(&status);
	return status == 0;
}

/* A reader that comes between the opening and the first write. */
static void read_at_once(void *arg, enum store_event event, uint64_t n, struct str why)
{
	(void)n;
	(void)why;
	if (event == STORE_WRITES)
		store_has(arg, "t", STR("50"));
}

/* Reads while the file may not be written; keeps what is put as soon as it may be. */
static bool keeps_what_waited(struct arena *a, int tell, int go)
{
	struct str error;
	bool is_readable = false, is_kept = false;
	struct store *st = store_open_patiently(path, NULL, a, &error, &is_readable);
	int64_t until_ns = clock_ticks_ns() + 20 * INT64_C(1000000000);
	char c = 'x';

	store_listen(st, read_at_once, st);
	if (!is_readable || store_has(st, "t", STR("50")) != RES_OK || write(tell, &c, 1) != 1 || read(go, &c, 1) != 1)
		return false;
	while (!is_kept && clock_ticks_ns() < until_ns) {
		is_kept = store_put(st, "x", STR("late"), STR("v"), 0) == RES_OK && store_flush(st) == RES_OK;
		if (!is_kept)
			usleep(2000);
	}
	is_kept = is_kept && is_locked();
	store_close(st);
	return is_kept;
}

/* Several have read it meanwhile, and made parts of its log with the rights that it had then. */
static void file_that_may_be_written_later_is_written(void **state)
{
	struct arena *a = *state;
	int ready[2], go[2], status;
	struct str error;
	char c[2];

	assert_int_equal(pipe(ready) | pipe(go), 0);
	for (int folder_too = 0; folder_too < 2; folder_too++) {
		int processes = folder_too ? 1 : 2;

		make_version_1(100);
		store_close(open_it(a, false, &error));
		assert_int_equal(chmod(path, 0444) | chmod(folder, folder_too ? 0555 : 0777), 0);
		for (int i = 0; i < processes; i++) {
			if (fork() == 0) {
				as_somebody_else();
				_exit(keeps_what_waited(a, ready[1], go[0]) ? 0 : 1);
			}
			assert_int_equal(read(ready[0], c, 1), 1);
		}
		assert_int_equal(chmod(folder, 0777) | chmod(path, 0666), 0);
		assert_int_equal(write(go[1], c, (size_t)processes), processes);
		for (int i = 0; i < processes; i++) {
			wait(&status);
			assert_int_equal(status, 0);
		}
		expect_sql(path, "SELECT CAST(v AS TEXT) FROM entry WHERE k = CAST('x' || char(0) || 'late' AS BLOB)", "v");
		assert_int_equal(system(arena_printf(a, "rm -f %s*", path).p), 0);
	}
}

/* A store that cannot write does not fill up with what has expired. */
static void read_only_store_forgets_what_expired(void **state)
{
	struct arena *a = *state;
	struct str error;
	struct store *st;
	int64_t n = 0;

	make_version_1(1);
	st = open_it(a, true, &error);
	assert_int_equal(store_delete(st, "t", STR("1")), RES_OK);
	while (store_put(st, "x", (struct str){(char *)&n, sizeof n}, STR("v"), 10) == RES_OK && n < STORE_WAITING_MAX)
		n++;
	assert_int_equal(n, STORE_WAITING_MAX - 1);
	step_s(11);
	assert_int_equal(store_put(st, "x", STR("later"), STR("v"), 10), RES_OK);
	assert_int_equal(store_has(st, "t", STR("1")), RES_NONE); /* stays deleted */
	store_close(st);
}

static int setup(void **state)
{
	if (folder_make(folder) != 0)
		return -1;
	snprintf(path, sizeof path, "%s/state.db", folder);
	*state = arena_new(0);
	return 0;
}

static int teardown(void **state)
{
	arena_free(*state);
	return folder_remove(folder);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(older_file_is_brought_up_to_date),
	    TEST(an_earlier_copy_is_not_overwritten),
	    TEST(processes_that_open_at_once_migrate_once),
	    TEST(processes_that_make_the_file_at_once_all_have_it),
	    TEST(without_room_for_a_copy_nothing_changes),
	    TEST(newer_file_is_left_alone),
	    TEST(file_that_gets_newer_is_not_written),
	    TEST(file_that_may_not_be_written_is_read),
	    TEST(file_that_may_be_written_later_is_written),
	    TEST(read_only_store_forgets_what_expired),
	};

	return cmocka_run_group_tests(tests, steer_setup, NULL);
}
