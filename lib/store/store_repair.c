/*
 * Damage to the store's file: found at opening, by any reader or writer, or by one check of the
 * whole file in each process that lives long enough. The file is renamed, what can be read of it
 * goes into a new one; everybody else notices by its inode and follows. No mail waits for this:
 * changes stay in memory until the new file is there.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/store/store_sqlite.h"

enum {
	CHECK_AFTER_MS = 3000, /* from the start: short-lived programs do not check */
	PROGRESS_OPS = 20000,  /* of SQLite's machine, between questions whether to stop */
	SALVAGE_MAX = 5000000, /* rows */
};

bool backend_was_rebuilt(struct backend *b, uint64_t *ret_kept)
{
	bool was;

	pthread_mutex_lock(&b->lock);
	was = b->was_rebuilt;
	if (was && ret_kept)
		*ret_kept = b->kept;
	b->was_rebuilt = false;
	pthread_mutex_unlock(&b->lock);
	return was;
}

int backend_was_migrated(struct backend *b)
{
	int from;

	pthread_mutex_lock(&b->lock);
	from = b->migrated_from;
	b->migrated_from = 0;
	pthread_mutex_unlock(&b->lock);
	return from;
}

void backend_set_file_max(struct backend *b, uint64_t octets)
{
	b->file_max = octets; /* the writer's thread tells SQLite */
}

/* Copies rows until one cannot be read, from either end of the table. */
static uint64_t salvage_from(sqlite3 *db, const char *select, sqlite3_stmt *insert)
{
	sqlite3_stmt *s = NULL;
	uint64_t kept = 0;

	if (sqlite3_prepare_v2(db, select, -1, &s, NULL) != SQLITE_OK)
		return 0;
	while (kept < SALVAGE_MAX && sqlite3_step(s) == SQLITE_ROW) {
		if (sqlite3_column_bytes(s, 0) > FULL_KEY_MAX ||
		    sqlite3_column_bytes(s, 1) > STORE_VALUE_MAX)
			continue;
		for (int i = 0; i < 3; i++)
			sqlite3_bind_value(insert, i + 1, sqlite3_column_value(s, i));
		sqlite3_step(insert);
		if (sqlite3_reset(insert) != SQLITE_OK)
			break;
		kept += (uint64_t)sqlite3_changes(sqlite3_db_handle(insert));
	}
	sqlite3_finalize(s);
	return kept;
}

static uint64_t salvage(struct store_conn *to, const char *damaged)
{
	sqlite3_stmt *insert = NULL;
	struct store_conn *from = NULL;
	uint64_t kept = 0;

	if (store_conn_open(damaged, SQLITE_OPEN_READWRITE, READER_BUSY_MS, &from) != SQLITE_OK)
		return 0;
	if (sqlite3_exec(to->db, "BEGIN IMMEDIATE", NULL, NULL, NULL) == SQLITE_OK) {
		if (sqlite3_prepare_v2(to->db, "INSERT OR IGNORE INTO entry VALUES(?1, ?2, ?3)", -1,
			&insert, NULL) == SQLITE_OK) {
			kept =
			    salvage_from(from->db, "SELECT k, v, e FROM entry ORDER BY k", insert);
			kept += salvage_from(
			    from->db, "SELECT k, v, e FROM entry ORDER BY k DESC", insert);
		}
		sqlite3_finalize(insert);
		if (sqlite3_exec(to->db, "COMMIT", NULL, NULL, NULL) != SQLITE_OK)
			kept = 0;
	}
	store_conn_close(from);
	return kept;
}

/* Renames the file and what belongs to it; the new name goes to out. */
static bool set_aside(const char *path, char *out, size_t room)
{
	static const char *const tails[] = {"-wal", "-shm", ""};
	char from[4200], to[4300];

	snprintf(out, room, "%s.damaged-%" PRId64, path, clock_now());
	if (access(out, F_OK) == 0)
		snprintf(out, room, "%s.damaged-%" PRId64, path, clock_now_us());
	for (size_t i = 0; i < sizeof tails / sizeof *tails; i++) {
		snprintf(from, sizeof from, "%s%s", path, tails[i]);
		snprintf(to, sizeof to, "%s%s", out, tails[i]);
		if (rename(from, to) < 0 && errno != ENOENT)
			return false;
	}
	return true;
}

/* With the lock file: whoever comes first sets aside, the others find another inode and follow. */
static int replace_file(struct backend *b)
{
	char damaged[4200];
	struct stat st;
	int rc;

	if (stat(b->path, &st) == 0 && (st.st_dev != b->dev || st.st_ino != b->ino))
		return writer_open(b, false);
	if (!set_aside(b->path, damaged, sizeof damaged))
		return SQLITE_CANTOPEN;
	rc = writer_open(b, false);
	if (rc != SQLITE_OK)
		return rc;
	uint64_t kept = salvage(b->writer, damaged);
	pthread_mutex_lock(&b->lock);
	b->was_rebuilt = true;
	b->kept = kept;
	pthread_mutex_unlock(&b->lock);
	return rc;
}

int backend_lock(const char *path)
{
	char lock_path[4200];
	int fd;

	snprintf(lock_path, sizeof lock_path, "%s-lock", path);
	create_file(lock_path);
	fd = open(lock_path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
	while (fd >= 0 && flock(fd, LOCK_EX) < 0 && errno == EINTR)
		;
	return fd;
}

int rebuild(struct backend *b)
{
	int fd = backend_lock(b->path), rc;

	if (fd < 0)
		return SQLITE_CANTOPEN;
	store_conn_close(b->writer);
	b->writer = NULL;
	b->is_damaged = false;
	b->has_lock = true;
	rc = replace_file(b);
	b->has_lock = false;
	readers_renew(b);
	close(fd);
	return rc;
}

struct check {
	bool (*should_stop)(void *arg);
	void *arg;
};

static int on_progress(void *arg)
{
	struct check *check = arg;

	return check->should_stop(check->arg);
}

/* Reads the whole file once; an interrupted check is made again at the next care. */
static void check_file(struct backend *b, struct check *check)
{
	sqlite3_stmt *s = NULL;
	struct store_conn *c = NULL;
	int rc = store_conn_open(b->path, SQLITE_OPEN_READONLY, READER_BUSY_MS, &c);

	if (rc == SQLITE_OK) {
		sqlite3_progress_handler(c->db, PROGRESS_OPS, on_progress, check);
		rc = sqlite3_prepare_v2(c->db, "PRAGMA quick_check(1)", -1, &s, NULL);
	}
	if (rc == SQLITE_OK)
		rc = sqlite3_step(s);
	if (rc == SQLITE_ROW && !str_is(column_str(s, 0), "ok"))
		rc = SQLITE_CORRUPT;
	sqlite3_finalize(s);
	store_conn_close(c);
	b->is_checked = rc == SQLITE_ROW;
	if (is_damage(rc))
		b->is_damaged = true;
}

void backend_care(struct backend *b, bool (*should_stop)(void *arg), void *arg)
{
	struct check check = {should_stop, arg};
	struct stat st;

	if (!b->is_checked && clock_ticks_ns() - b->opened_ns > CHECK_AFTER_MS * (int64_t)1000000)
		check_file(b, &check);
	if (b->is_damaged) {
		rebuild(b);
	} else if (stat(b->path, &st) < 0 ? errno == ENOENT
					  : st.st_dev != b->dev || st.st_ino != b->ino) {
		store_conn_close(b->writer);
		b->writer = NULL;
		writer_open(b, true);
		readers_renew(b);
	}
}
