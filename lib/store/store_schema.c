/*
 * The schema of the store's file: what each version adds, bringing an older file up to date, and
 * refusing a newer one. Called by the writer when it opens the file (store_sqlite.c).
 *
 * A file of version n gets all later steps in one transaction, after a copy of it was made as
 * PATH.schema-n: a program of that version can go on from there. Processes that open an old file at the
 * same moment wait for the one that came first.
 */
#define _GNU_SOURCE
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/store/store_sqlite.h"

/* What makes version n+1 out of version n; the number of rows is the version of this program. */
static const char *const steps[] = {
    "CREATE TABLE entry(k BLOB NOT NULL PRIMARY KEY, v, e INTEGER NOT NULL) WITHOUT ROWID",
    "CREATE TABLE meta(name TEXT NOT NULL PRIMARY KEY, value) WITHOUT ROWID;"
    "INSERT INTO meta VALUES('made', CAST(strftime('%s') AS INTEGER))",
};
enum { VERSION = sizeof steps / sizeof *steps, OLDEST_READABLE = 1 };

int schema_version(void)
{
	return VERSION;
}

bool schema_is_readable(int version)
{
	return version >= OLDEST_READABLE && version <= VERSION;
}

void schema_say_newer(struct backend *b, int version)
{
	backend_say(b, "it has schema %d of a newer version of this program, and this one knows up to %d; start that one, or "
	    "put a copy %s.schema-N in its place", version, VERSION, b->path);
}

int schema_read(sqlite3 *db, int *ret_version)
{
	sqlite3_stmt *s = NULL;
	int rc = sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &s, NULL);

	if (rc == SQLITE_OK && (rc = sqlite3_step(s)) == SQLITE_ROW) {
		*ret_version = sqlite3_column_int(s, 0);
		rc = SQLITE_OK;
	}
	sqlite3_finalize(s);
	return rc;
}

/* ---- the copy ---- */

/* By a reader of its own: SQLite copies nothing out of a connection that is writing. */
static int copy_to(const char *from, const char *path)
{
	struct store_conn *source = NULL, *to = NULL;
	int rc = store_conn_open(from, SQLITE_OPEN_READONLY, READER_BUSY_MS, &source);
	sqlite3_backup *copy = NULL;

	if (rc == SQLITE_OK)
		rc = store_conn_open(path, SQLITE_OPEN_READWRITE, READER_BUSY_MS, &to);
	if (rc == SQLITE_OK && !(copy = sqlite3_backup_init(to->db, "main", source->db, "main")))
		rc = sqlite3_errcode(to->db);
	if (copy) {
		sqlite3_backup_step(copy, -1);
		rc = sqlite3_backup_finish(copy);
	}
	if (rc == SQLITE_OK) /* one file, without a log beside it */
		rc = sqlite3_exec(to->db, "PRAGMA journal_mode=DELETE", NULL, NULL, NULL);
	store_conn_close(source);
	store_conn_close(to);
	return rc;
}

/* Inside of the transaction, so that nobody changes the file meanwhile. */
static int keep_copy(struct backend *b, int version)
{
	char path[4200];
	int rc;

	snprintf(path, sizeof path, "%s.schema-%d", b->path, version);
	if (access(path, F_OK) == 0)
		snprintf(path, sizeof path, "%s.schema-%d-%" PRId64, b->path, version, clock_now());
	create_file(path);
	rc = copy_to(b->path, path);
	if (rc == SQLITE_OK)
		return rc;
	unlink(path);
	backend_say(b, "its schema is older, and no copy could be made before changing it: %s", sqlite3_errstr(rc));
	return rc;
}

/* ---- the steps ---- */

static int run_steps(sqlite3 *db, int version)
{
	char set_version[64];
	int rc = SQLITE_OK;

	for (; rc == SQLITE_OK && version < VERSION; version++)
		rc = sqlite3_exec(db, steps[version], NULL, NULL, NULL);
	snprintf(set_version, sizeof set_version, "PRAGMA user_version=%d", VERSION);
	return rc == SQLITE_OK ? sqlite3_exec(db, set_version, NULL, NULL, NULL) : rc;
}

static int migrate(struct backend *b, sqlite3 *db)
{
	int version = 0, rc = sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL);

	if (rc == SQLITE_OK)
		rc = schema_read(db, &version);
	if (rc == SQLITE_OK && (version > VERSION || version < 0))
		rc = SQLITE_MISMATCH;
	if (rc == SQLITE_OK && version > 0 && version < VERSION)
		rc = keep_copy(b, version);
	if (rc == SQLITE_OK && version < VERSION)
		rc = run_steps(db, version);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
	if (rc != SQLITE_OK && !sqlite3_get_autocommit(db))
		sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
	if (rc == SQLITE_OK && version > 0 && version < VERSION)
		b->migrated_from = version;
	return rc;
}

int schema_bring_up(struct backend *b, sqlite3 *db)
{
	int version = 0, rc = schema_read(db, &version), fd;

	if (rc != SQLITE_OK || version == VERSION)
		return rc;
	if (version > VERSION || version < 0) {
		schema_say_newer(b, version);
		return SQLITE_MISMATCH;
	}
	/* A new file is made in no time, and who repairs has the lock already. */
	fd = version > 0 && !b->has_lock ? backend_lock(b->path) : -1;
	rc = migrate(b, db);
	if (fd >= 0)
		close(fd);
	return rc;
}
