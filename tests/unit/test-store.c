/* What the SQLite file of a store must survive; what all back ends must keep to: test-store-conform.c. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "tests/unit/store-fixture.h"

static void reopen(struct fixture *f)
{
	store_close(f->st);
	f->st = open_file(f->a);
	assert_non_null(f->st);
}

static void file_keeps_what_was_closed(void **state)
{
	struct fixture *f = *state;
	struct store_rate rate = {.capacity = 2, .per_ms = 1000000};

	store_put(f->st, "t", STR("k"), STR("v"), 100);
	store_count(f->st, "t", STR("n"), 41, 0, NULL);
	store_bucket(f->st, "t", STR("b"), &rate, 2, NULL);
	reopen(f);
	expect(f, "t", "k", "v");
	store_count(f->st, "t", STR("n"), 1, 0, NULL);
	expect(f, "t", "n", "42");
	assert_int_equal(store_bucket(f->st, "t", STR("b"), &rate, 1, NULL), RES_NONE);
}

static void file_is_shared(void **state)
{
	struct fixture *f = *state, other = {.a = f->a, .st = open_file(f->a)};
	struct store_rate rate = {.capacity = 10, .per_ms = 1000000000};
	int admitted = 0;

	assert_non_null(other.st);
	for (int i = 0; i < 100; i++) {
		store_count(f->st, "t", STR("n"), 1, 0, NULL);
		store_count(other.st, "t", STR("n"), 10, 0, NULL);
		if (i % 10 == 0)
			store_flush(f->st);
	}
	store_flush(f->st);
	store_flush(other.st);
	expect(f, "t", "n", "1100");
	expect(&other, "t", "n", "1100");
	for (int i = 0; i < 40; i++) {
		admitted += store_bucket(f->st, "t", STR("b"), &rate, 1, NULL) == RES_OK;
		admitted += store_bucket(other.st, "t", STR("b"), &rate, 1, NULL) == RES_OK;
	}
	assert_in_range(admitted, 10, 20); /* the documented bound: processes times what was left */
	store_flush(f->st);
	store_flush(other.st);
	assert_int_equal(store_bucket(f->st, "t", STR("b"), &rate, 1, NULL), RES_NONE);
	assert_int_equal(store_bucket(other.st, "t", STR("b"), &rate, 1, NULL), RES_NONE);
	store_close(other.st);
}

/* One process of several that take as much as they get for so long; how much that was. */
static int64_t take_for(const struct store_rate *rate, int64_t us)
{
	struct arena *a = arena_new(0);
	struct store *st = open_file(a);
	int64_t end = clock_now_us() + us, taken = 0;

	while (st && clock_now_us() < end) {
		taken += store_bucket(st, "t", STR("b"), rate, 1, NULL) == RES_OK;
		usleep(300);
	}
	store_close(st);
	return taken;
}

/*
 * Property: P processes never admit more than P * capacity + rate * time, for what they took too much
 * of is missing later; nor do they starve each other.
 */
static void file_shared_by_processes_keeps_the_rate(void **state)
{
	const struct store_rate rate = {.capacity = 20, .per_ms = 500};
	enum { PROCESSES = 4, MS = 2500 };
	int64_t taken, total = 0, start = clock_now_us(), ms;
	int ends[2];

	(void)state;
	remove_files();
	assert_int_equal(pipe(ends), 0);
	for (int i = 0; i < PROCESSES; i++)
		if (fork() == 0) {
			taken = take_for(&rate, MS * 1000);
			_exit(write(ends[1], &taken, sizeof taken) != sizeof taken);
		}
	close(ends[1]);
	for (int i = 0; i < PROCESSES; i++) {
		assert_int_equal(read(ends[0], &taken, sizeof taken), sizeof taken);
		total += taken;
	}
	close(ends[0]);
	ms = (clock_now_us() - start) / 1000;
	while (wait(NULL) > 0)
		;
	assert_in_range(total, MS * rate.capacity / rate.per_ms / 2,
	    PROCESSES * rate.capacity + ms * rate.capacity / rate.per_ms + 1);
}

static void file_opened_read_only_stays_as_it_is(void **state)
{
	struct fixture *f = *state, reader = {.a = f->a};
	struct str error;

	store_put(f->st, "t", STR("k"), STR("v"), 0);
	store_flush(f->st);
	reader.st = store_open(path, true, f->a, &error);
	assert_non_null(reader.st);
	store_put(reader.st, "t", STR("k"), STR("mine"), 0);
	store_put(reader.st, "t", STR("new"), STR("mine"), 0);
	store_delete(reader.st, "t", STR("k2"));
	expect_both(&reader, "t", "k", "mine");
	store_close(reader.st);
	expect(f, "t", "k", "v");
	expect(f, "t", "new", NULL);
	remove_files();
	reader.st = store_open(path, true, f->a, &error);
	assert_non_null(reader.st);
	expect(&reader, "t", "k", NULL);
	store_close(reader.st);
	assert_int_equal(access(path, F_OK), -1);
}

static bool wait_for(struct store *st, bool (*is_so)(struct store *st))
{
	for (int i = 0; i < 500; i++) {
		if (is_so(st))
			return true;
		usleep(20000);
	}
	return false;
}

static bool has_purged(struct store *st)
{
	struct store_stats stats;

	store_stats(st, &stats);
	return stats.purged >= 3000;
}

static void file_is_purged_in_the_background(void **state)
{
	struct fixture *f = *state;
	char key[16];

	for (int i = 0; i < 4000; i++) {
		snprintf(key, sizeof key, "%d", i);
		store_put(f->st, "t", str_of(key), STR("v"), i % 4 ? 10 : 0);
	}
	store_flush(f->st);
	step_s(20);
	assert_true(wait_for(f->st, has_purged));
	expect(f, "t", "4", "v");
	expect(f, "t", "5", NULL);
}

/* The child counts and says how far it came only after a flush; then it is killed while writing. */
static void count_until_killed(int ready)
{
	struct arena *a = arena_new(0);
	struct store *st = open_file(a);
	int64_t total;

	for (int i = 0; st; i++) {
		char key[32];
		snprintf(key, sizeof key, "%d", i);
		store_count(st, "t", STR("n"), 1, 0, &total);
		store_put(st, "many", str_of(key), str_of(key), 0);
		if (i % 500 == 0 &&
		    (store_flush(st) != RES_OK || write(ready, &total, sizeof total) < 0))
			break;
	}
	_exit(1);
}

/* Runs SQL on the file behind the store's back; the first column of the first row goes to word. */
static void run_sql(const char *sql, char word[16])
{
	sqlite3 *db = NULL;
	sqlite3_stmt *stmt = NULL;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
	word[0] = '\0';
	if (sqlite3_step(stmt) == SQLITE_ROW)
		snprintf(word, 16, "%s", (const char *)sqlite3_column_text(stmt, 0));
	sqlite3_finalize(stmt);
	sqlite3_close(db);
}

static bool integrity_is_ok(void)
{
	char word[16];

	run_sql("PRAGMA integrity_check", word);
	return strcmp(word, "ok") == 0;
}

static void file_survives_kill_9(void **state)
{
	const char *rounds = getenv("STORE_KILLS");
	struct arena *a = arena_new(0);

	(void)state;
	remove_files();
	for (int i = rounds ? atoi(rounds) : 5; i > 0; i--) {
		int64_t said = 0, sure = 0;
		struct store_entry e;
		int fds[2];
		pid_t pid;

		assert_int_equal(pipe(fds), 0);
		pid = fork();
		if (pid == 0)
			count_until_killed(fds[1]);
		close(fds[1]);
		usleep(30000 + (unsigned)i * 7919 % 60000);
		while (sure == 0)
			assert_int_equal(read(fds[0], &sure, sizeof sure), sizeof sure);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		while (read(fds[0], &said, sizeof said) == sizeof said)
			sure = said;
		close(fds[0]);
		assert_true(integrity_is_ok());
		struct store *st = open_file(a);
		assert_int_equal(store_get(st, "t", STR("n"), a, &e), RES_OK);
		assert_true(atoll(arena_cstr(a, e.value)) >= sure);
		assert_false(store_was_rebuilt(st, NULL));
		store_close(st);
	}
	arena_free(a);
}

static void overwrite(const char *file, off_t at, size_t n)
{
	int fd = open(file, O_WRONLY | O_CREAT, 0600);
	char junk[4096];

	memset(junk, 0xa5, sizeof junk);
	for (; n > 0; n -= n < sizeof junk ? n : sizeof junk, at += (off_t)sizeof junk)
		assert_true(pwrite(fd, junk, n < sizeof junk ? n : sizeof junk, at) > 0);
	close(fd);
}

static void fill(struct store *st, int n)
{
	char key[16];

	for (int i = 0; i < n; i++) {
		snprintf(key, sizeof key, "%08d", i);
		assert_int_equal(store_put(st, "t", str_of(key), str_of(key), 0), RES_OK);
	}
	assert_int_equal(store_flush(st), RES_OK);
}

static bool has_damaged_file(void)
{
	char command[128];

	snprintf(command, sizeof command, "ls %s/state.db.damaged-* >/dev/null 2>&1", folder);
	return system(command) == 0;
}

static void damaged_header_is_set_aside_at_start(void **state)
{
	struct fixture *f = *state;
	uint64_t kept = 77;

	fill(f->st, 100);
	store_close(f->st);
	overwrite(path, 0, 100);
	f->st = open_file(f->a);
	assert_non_null(f->st);
	assert_true(store_was_rebuilt(f->st, &kept));
	assert_int_equal(kept, 0);
	assert_false(store_was_rebuilt(f->st, &kept));
	assert_true(has_damaged_file());
	assert_int_equal(store_put(f->st, "t", STR("k"), STR("v"), 0), RES_OK);
	expect_both(f, "t", "k", "v");
	assert_true(integrity_is_ok());
}

static bool was_rebuilt(struct store *st)
{
	return store_was_rebuilt(st, NULL);
}

static bool has(struct fixture *f, const char *key)
{
	struct store_entry e;

	return store_get(f->st, "t", str_of(key), f->a, &e) == RES_OK;
}

/* Each looks every second whether the file is still the one that it has open. */
static bool share_a_file(struct fixture *one, struct fixture *other)
{
	for (int i = 0; i < 200; i++) {
		store_put(one->st, "t", STR("from one"), STR("1"), 0);
		store_put(other->st, "t", STR("from other"), STR("2"), 0);
		store_flush(one->st);
		store_flush(other->st);
		if (has(one, "from other") && has(other, "from one"))
			return true;
		usleep(100000);
	}
	return false;
}

/* Two processes share the file; both go on with the same new one, and what can be read is kept. */
static void damage_while_running_is_repaired(void **state)
{
	struct fixture *f = *state, other = {.a = f->a};
	struct stat st;
	char key[16];
	int kept = 0;

	fill(f->st, 20000);
	store_close(f->st); /* so that all is in the file, not in the log */
	f->st = open_file(f->a);
	other.st = open_file(f->a);
	stat(path, &st);
	overwrite(path, st.st_size / 2 & ~(off_t)4095, 3 * 4096);
	assert_true(wait_for(f->st, was_rebuilt) || store_was_rebuilt(other.st, NULL));
	assert_true(has_damaged_file());
	for (int i = 0; i < 20000; i += 100) {
		struct store_entry e;
		snprintf(key, sizeof key, "%08d", i);
		kept += store_get(f->st, "t", str_of(key), f->a, &e) == RES_OK;
	}
	assert_in_range(kept, 190, 200);
	assert_true(share_a_file(f, &other));
	expect(f, "t", "from other", "2");
	expect(&other, "t", "from one", "1");
	store_close(other.st);
	assert_true(integrity_is_ok());
}

static void truncated_file_is_set_aside(void **state)
{
	struct fixture *f = *state;
	struct stat st;

	fill(f->st, 5000);
	store_close(f->st);
	stat(path, &st);
	assert_int_equal(truncate(path, st.st_size / 3), 0);
	f->st = open_file(f->a);
	assert_non_null(f->st);
	assert_true(store_was_rebuilt(f->st, NULL) || wait_for(f->st, was_rebuilt));
	assert_int_equal(store_put(f->st, "t", STR("k"), STR("v"), 0), RES_OK);
	expect_both(f, "t", "k", "v");
}

static void foreign_and_newer_files_are_refused(void **state)
{
	struct fixture *f = *state;
	struct str error = STR_NONE;
	char word[16];

	store_close(f->st);
	run_sql("PRAGMA user_version=99", word);
	f->st = store_open(path, false, f->a, &error);
	assert_null(f->st);
	assert_true(str_find(error, STR("newer version")) > 0);
	f->st = store_open(path, true, f->a, &error);
	assert_null(f->st);
	assert_true(str_find(error, STR("newer version")) > 0);
	assert_false(has_damaged_file());
	f->st = store_open("/nonexistent/state.db", false, f->a, &error);
	assert_null(f->st);
	assert_true(str_find(error, STR("No such file")) > 0);
}

/* With a limit on file sizes as a full disk: refused as RES_TEMP, served from memory, caught up
 * later. */
static void full_disk_child(void)
{
	struct arena *a = arena_new(0);
	struct fixture f = {.a = a, .st = open_file(a)};
	struct rlimit limit = {.rlim_cur = 64 * 1024, .rlim_max = RLIM_INFINITY};
	char value[1000] = {0}, key[16];
	bool ok = f.st != NULL;

	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &limit);
	for (int i = 0; i < 500; i++) {
		snprintf(key, sizeof key, "%d", i);
		ok = ok && store_put(f.st, "t", str_of(key), (struct str){value, sizeof value},
			       0) == RES_OK;
	}
	ok = ok && store_flush(f.st) == RES_TEMP;
	for (int i = 0; i < 500; i++) {
		struct store_entry e;
		snprintf(key, sizeof key, "%d", i);
		ok = ok && store_get(f.st, "t", str_of(key), a, &e) == RES_OK;
	}
	limit.rlim_cur = RLIM_INFINITY;
	setrlimit(RLIMIT_FSIZE, &limit);
	for (int i = 0; ok && i < 300 && store_flush(f.st) != RES_OK; i++)
		usleep(100000);
	ok = ok && store_flush(f.st) == RES_OK && !store_was_rebuilt(f.st, NULL);
	store_close(f.st);
	_exit(ok ? 0 : 1);
}

static void full_disk_is_outlived(void **state)
{
	struct fixture *f = *state;
	int status;
	pid_t pid;

	store_close(f->st);
	pid = fork();
	if (pid == 0)
		full_disk_child();
	waitpid(pid, &status, 0);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	f->st = open_file(f->a);
	struct store_entry e;
	assert_int_equal(store_get(f->st, "t", STR("499"), f->a, &e), RES_OK);
	assert_int_equal(e.value.n, 1000);
}

static void too_much_waiting_is_refused(void **state)
{
	struct fixture *f = *state;
	int64_t n = 0;
	enum res res;

	while ((res = store_put(f->st, "t", (struct str){(char *)&n, sizeof n}, STR("v"), 0)) ==
	       RES_OK)
		n++;
	assert_int_equal(res, RES_TEMP);
	assert_int_equal(n, STORE_WAITING_MAX);
	assert_int_equal(store_count(f->st, "t", STR("n"), 1, 0, &n), RES_TEMP);
}

#define FILE_ONLY(f) cmocka_unit_test_setup_teardown(f, setup_file, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    FILE_ONLY(file_keeps_what_was_closed),
	    FILE_ONLY(file_is_shared),
	    cmocka_unit_test(file_shared_by_processes_keeps_the_rate),
	    FILE_ONLY(file_opened_read_only_stays_as_it_is),
	    FILE_ONLY(file_is_purged_in_the_background),
	    cmocka_unit_test(file_survives_kill_9),
	    FILE_ONLY(damaged_header_is_set_aside_at_start),
	    FILE_ONLY(damage_while_running_is_repaired),
	    FILE_ONLY(truncated_file_is_set_aside),
	    FILE_ONLY(foreign_and_newer_files_are_refused),
	    FILE_ONLY(full_disk_is_outlived),
	    cmocka_unit_test_setup_teardown(too_much_waiting_is_refused, setup_memory, teardown),
	};
	return cmocka_run_group_tests(tests, init, fini);
}
