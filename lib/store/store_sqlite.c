/*
 * The store's file: one SQLite database in WAL mode, one table, one connection for the writer's
 * thread and a pool of connections for readers.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/store/store_sqlite.h"

enum {
	IDLE_READERS_MAX = 32,
	WRITER_BUSY_MS = 5000,
	EACH_ROWS = 500, /* read at a time, or so many octets: no transaction lasts while somebody looks at them */
	EACH_BYTES = 1 << 20,
};

#define IS_OVER "(e <> 0 AND e <= ?4)"
static const char *const texts[] = {
    [SQL_GET] = "SELECT v, e FROM entry WHERE k = ?1",
    [SQL_RANGE] = "SELECT k, v, e FROM entry WHERE k >= ?1 AND k < ?2 ORDER BY k LIMIT ?3",
    [SQL_PUT] = "INSERT INTO entry VALUES(?1, ?2, ?3)"
		" ON CONFLICT(k) DO UPDATE SET v = excluded.v, e = excluded.e",
    [SQL_ADD] = "INSERT INTO entry VALUES(?1, ?2, ?3)"
		" ON CONFLICT(k) DO UPDATE SET v = excluded.v, e = excluded.e WHERE " IS_OVER,
    [SQL_COUNT] = "INSERT INTO entry VALUES(?1, ?2, ?3) ON CONFLICT(k) DO UPDATE SET"
		  " v = CASE WHEN " IS_OVER " THEN ?2 ELSE CAST(v AS INTEGER) + ?2 END,"
		  " e = CASE WHEN " IS_OVER " THEN ?3 ELSE e END",
    [SQL_BUCKET] = "INSERT INTO entry VALUES(?1, ?2 + ?5, ?3) ON CONFLICT(k) DO UPDATE SET"
		   " v = max(CAST(v AS INTEGER), ?5) + ?2,"
		   " e = (max(CAST(v AS INTEGER), ?5) + ?2) / 1000000000 + 2",
    [SQL_DELETE] = "DELETE FROM entry WHERE k = ?1",
    [SQL_PURGE_END] = "SELECT k FROM entry WHERE k > ?1 ORDER BY k LIMIT 1 OFFSET ?2",
    [SQL_PURGE] = "DELETE FROM entry WHERE k > ?1 AND k <= ?2 AND e <> 0 AND e <= ?3",
    [SQL_VERSION] = "PRAGMA user_version",
};

/* ---- connections ---- */

bool is_damage(int rc)
{
	return (rc & 0xff) == SQLITE_CORRUPT || (rc & 0xff) == SQLITE_NOTADB;
}

void store_conn_close(struct store_conn *c)
{
	if (!c)
		return;
	for (int i = 0; i < SQL_STATEMENTS; i++)
		sqlite3_finalize(c->statements[i]);
	sqlite3_close_v2(c->db);
	free(c);
}

int store_conn_open(const char *path, int flags, int busy_ms, struct store_conn **ret_conn)
{
	struct store_conn *c = calloc(1, sizeof *c);
	int rc;

	if (!c)
		abort();
	rc = sqlite3_open_v2(path, &c->db, flags | SQLITE_OPEN_NOMUTEX, NULL);
	if (rc == SQLITE_OK) {
		sqlite3_busy_timeout(c->db, busy_ms);
		rc = sqlite3_exec(
		    c->db, "PRAGMA temp_store=MEMORY; PRAGMA mmap_size=0", NULL, NULL, NULL);
	}
	if (rc != SQLITE_OK) {
		store_conn_close(c);
		return rc;
	}
	*ret_conn = c;
	return SQLITE_OK;
}

/* NULL when it cannot be prepared. */
sqlite3_stmt *store_statement(struct store_conn *c, enum statement which)
{
	if (!c->statements[which])
		sqlite3_prepare_v3(c->db, texts[which], -1, SQLITE_PREPARE_PERSISTENT,
		    &c->statements[which], NULL);
	return c->statements[which];
}

static struct store_conn *reader_take(struct backend *b)
{
	unsigned era = b->era;
	struct store_conn *c;
	char uri[4200];

	pthread_mutex_lock(&b->lock);
	while ((c = b->idle)) {
		b->idle = c->next;
		b->idle_count--;
		if (c->era == era)
			break;
		store_conn_close(c);
	}
	pthread_mutex_unlock(&b->lock);
	if (c)
		return c;
	snprintf(uri, sizeof uri, "file:%s?immutable=1", b->path);
	if (store_conn_open(b->is_immutable ? uri : b->path,
		SQLITE_OPEN_READONLY | (b->is_immutable ? SQLITE_OPEN_URI : 0), READER_BUSY_MS, &c))
		return NULL;
	c->era = era;
	return c;
}

/* Takes note of damage; a reader that failed, or is of an earlier era, is not used again. */
static void reader_give(struct backend *b, struct store_conn *c, int rc)
{
	if (is_damage(rc))
		b->is_damaged = true;
	pthread_mutex_lock(&b->lock);
	if (rc == SQLITE_OK && c->era == b->era && b->idle_count < IDLE_READERS_MAX) {
		c->next = b->idle;
		b->idle = c;
		b->idle_count++;
		c = NULL;
	}
	pthread_mutex_unlock(&b->lock);
	store_conn_close(c);
}

/* ---- reading ---- */

void bind_key(sqlite3_stmt *s, int at, struct str key)
{
	sqlite3_bind_blob(s, at, key.n ? key.p : "", (int)key.n, SQLITE_STATIC);
}

struct str column_str(sqlite3_stmt *s, int at)
{
	const void *p = sqlite3_column_blob(s, at);

	return (struct str){p ? p : "", (size_t)sqlite3_column_bytes(s, at)};
}

/* value at column v, expiry behind it. */
static void read_view(sqlite3_stmt *s, int v, bool wants_text, struct view *ret_view)
{
	*ret_view = (struct view){
	    .exists = true,
	    .is_number = sqlite3_column_type(s, v) == SQLITE_INTEGER,
	    .expires = sqlite3_column_int64(s, v + 1),
	};
	if (ret_view->is_number) {
		ret_view->number = sqlite3_column_int64(s, v);
		return;
	}
	ret_view->value = column_str(s, v);
	if (!wants_text)
		ret_view->number = text_number(ret_view->value);
}

enum res backend_get(struct backend *b, struct str key, struct arena *a, struct view *ret_view)
{
	struct store_conn *c = reader_take(b);
	sqlite3_stmt *s = c ? store_statement(c, SQL_GET) : NULL;
	int rc;

	if (!s) {
		if (c)
			reader_give(b, c, sqlite3_errcode(c->db));
		return RES_TEMP;
	}
	bind_key(s, 1, key);
	rc = sqlite3_step(s);
	if (rc == SQLITE_ROW) {
		read_view(s, 0, a != NULL, ret_view);
		ret_view->value = a ? arena_str(a, ret_view->value) : STR_NONE;
	}
	sqlite3_reset(s);
	reader_give(b, c, rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc);
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? RES_OK : RES_TEMP;
}

struct row {
	struct str key;
	struct view view;
};

/* The next rows from..below to; SQLITE_DONE when there are no more behind them. */
static int read_rows(struct store_conn *c, struct str from, struct str to, struct arena *a, struct row rows[EACH_ROWS],
    size_t *ret_n)
{
	sqlite3_stmt *s = store_statement(c, SQL_RANGE);
	int rc = SQLITE_ERROR;

	*ret_n = 0;
	if (!s)
		return rc;
	bind_key(s, 1, from);
	bind_key(s, 2, to);
	sqlite3_bind_int(s, 3, EACH_ROWS);
	while (*ret_n < EACH_ROWS && arena_used(a) < EACH_BYTES && (rc = sqlite3_step(s)) == SQLITE_ROW) {
		struct row *row = &rows[(*ret_n)++];

		read_view(s, 1, true, &row->view);
		row->key = arena_str(a, column_str(s, 0));
		row->view.value = arena_str(a, row->view.value);
	}
	sqlite3_reset(s);
	return rc;
}

/* SQLITE_ROW: there may be more, behind what `from` is now. */
static int each_batch(struct backend *b, struct full_key *from, struct str to,
    bool (*each)(void *arg, struct str key, const struct view *view), void *arg)
{
	struct store_conn *c = reader_take(b);
	struct arena *a = arena_new(0);
	struct row rows[EACH_ROWS];
	size_t n = 0;
	int rc = SQLITE_CANTOPEN;

	if (c) {
		rc = read_rows(c, (struct str){from->b, from->n}, to, a, rows, &n);
		reader_give(b, c, rc == SQLITE_DONE || rc == SQLITE_ROW ? SQLITE_OK : rc);
	}
	for (size_t i = 0; i < n && (rc == SQLITE_ROW || rc == SQLITE_DONE); i++)
		if (!each(arg, rows[i].key, &rows[i].view)) {
			arena_free(a);
			return SQLITE_DONE;
		}
	/* The least key behind the last one has a NUL more. */
	if (n && rows[n - 1].key.n < sizeof from->b) {
		memcpy(from->b, rows[n - 1].key.p, rows[n - 1].key.n);
		from->b[rows[n - 1].key.n] = '\0';
		from->n = rows[n - 1].key.n + 1;
	} else if (n) {
		rc = SQLITE_DONE; /* no key of ours is so long */
	}
	arena_free(a);
	return rc;
}

enum res backend_each(struct backend *b, struct str from, struct str to,
    bool (*each)(void *arg, struct str key, const struct view *view), void *arg)
{
	struct full_key at = {.n = from.n};
	int rc;

	memcpy(at.b, from.p, from.n);
	do {
		rc = each_batch(b, &at, to, each, arg);
	} while (rc == SQLITE_ROW);
	return rc == SQLITE_DONE ? RES_OK : RES_TEMP;
}

/* ---- writing ---- */

static const enum statement statement_of[] = {
    [CHANGE_PUT] = SQL_PUT,
    [CHANGE_ADD] = SQL_ADD,
    [CHANGE_COUNT] = SQL_COUNT,
    [CHANGE_BUCKET] = SQL_BUCKET,
    [CHANGE_DELETE] = SQL_DELETE,
};

static int write_change(struct store_conn *c, const struct change *change, int64_t now)
{
	sqlite3_stmt *s = store_statement(c, statement_of[change->kind]);
	bool is_sum = change->kind == CHANGE_COUNT || change->kind == CHANGE_BUCKET;

	if (!s)
		return sqlite3_errcode(c->db);
	bind_key(s, 1, (struct str){change->key, change->key_n});
	if (change->kind != CHANGE_DELETE) {
		if (is_sum)
			sqlite3_bind_int64(s, 2, change->amount);
		else if (change->is_number)
			sqlite3_bind_int64(s, 2, change->number);
		else
			bind_key(s, 2, change->value);
		sqlite3_bind_int64(s, 3, change->expires);
	}
	if (change->kind == CHANGE_COUNT || change->kind == CHANGE_ADD)
		sqlite3_bind_int64(s, 4, now);
	if (change->kind == CHANGE_BUCKET)
		sqlite3_bind_int64(s, 5, change->number - change->amount);
	sqlite3_step(s);
	return sqlite3_reset(s);
}

/* What an administrator may put right while we run: rights, a file system mounted for reading only. */
static bool is_refusal(int rc)
{
	int primary = rc & 0xff;

	return primary == SQLITE_READONLY || primary == SQLITE_CANTOPEN || primary == SQLITE_IOERR || primary == SQLITE_PERM;
}

/* A newer program may have changed the schema since: then this one must not write any more. */
int check_version(struct store_conn *c)
{
	sqlite3_stmt *s = store_statement(c, SQL_VERSION);
	int rc = SQLITE_MISMATCH;

	if (!s)
		return sqlite3_errcode(c->db);
	if (sqlite3_step(s) == SQLITE_ROW && sqlite3_column_int(s, 0) == schema_version())
		rc = SQLITE_OK;
	sqlite3_reset(s);
	return rc;
}

enum res backend_commit(struct backend *b, struct change *const *changes, size_t n, int64_t now)
{
	int rc = b->writer ? SQLITE_OK : writer_open(b, true);

	if (rc == SQLITE_OK)
		rc = sqlite3_exec(b->writer->db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		rc = check_version(b->writer);
	for (size_t i = 0; i < n && rc == SQLITE_OK; i++)
		rc = write_change(b->writer, changes[i], now);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(b->writer->db, "COMMIT", NULL, NULL, NULL);
	b->is_full = (rc & 0xff) == SQLITE_FULL;
	if (rc == SQLITE_OK)
		return RES_OK;
	if (b->writer && !sqlite3_get_autocommit(b->writer->db))
		sqlite3_exec(b->writer->db, "ROLLBACK", NULL, NULL, NULL);
	if (is_damage(rc))
		b->is_damaged = true;
	if (is_refusal(rc)) { /* the next commit opens the file anew */
		store_conn_close(b->writer);
		b->writer = NULL;
		readers_renew(b);
	}
	backend_say(b, "%s", rc == SQLITE_MISMATCH ? "a newer version of this program has changed its schema" : sqlite3_errstr(rc));
	return RES_TEMP;
}

/* ---- opening ---- */

void create_file(const char *path)
{
	char folder[4096];
	struct stat st;
	int fd = open(path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0640);
	const char *slash = strrchr(path, '/');

	if (fd < 0)
		return;
	snprintf(
	    folder, sizeof folder, "%.*s", slash ? (int)(slash - path) + 1 : 1, slash ? path : ".");
	if (geteuid() == 0 && stat(folder, &st) == 0 && fchown(fd, st.st_uid, st.st_gid) < 0)
		unlink(path);
	close(fd);
}

/* SQLite opens what it may not write for reading only, and says so with the first write. */
static int writer_setup(struct backend *b, struct store_conn *c)
{
	int version = 0, rc = schema_read(c->db, &version);

	if (rc == SQLITE_OK && sqlite3_db_readonly(c->db, "main"))
		rc = SQLITE_READONLY;
	if (rc == SQLITE_OK && version <= schema_version())
		rc = sqlite3_exec(c->db,
		    "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"
		    "PRAGMA wal_autocheckpoint=16000; PRAGMA journal_size_limit=67108864;"
		    "PRAGMA cache_size=-64000",
		    NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		rc = schema_bring_up(b, c->db);
	return rc == SQLITE_OK ? purge_limit(b, c) : rc;
}

static void remember_file(struct backend *b)
{
	struct stat st;

	if (stat(b->path, &st) == 0) {
		b->dev = st.st_dev;
		b->ino = st.st_ino;
	}
}

/* Readers of a file that nobody may write make a log like it, which is no use when that has changed. */
static void allow_log(const struct backend *b)
{
	static const char *const tails[] = {"-wal", "-shm"};
	char name[4200];
	struct stat st;

	for (size_t i = 0; i < sizeof tails / sizeof *tails; i++) {
		snprintf(name, sizeof name, "%s%s", b->path, tails[i]);
		if (lstat(name, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() && !(st.st_mode & S_IWUSR))
			chmod(name, (st.st_mode & 07777) | S_IWUSR);
	}
}

static int writer_try(struct backend *b)
{
	struct store_conn *c = NULL;
	int rc = store_conn_open(b->path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, WRITER_BUSY_MS, &c);

	if (rc == SQLITE_OK)
		rc = writer_setup(b, c);
	if (rc == SQLITE_OK)
		b->writer = c;
	else
		store_conn_close(c);
	return rc;
}

/* Roles that start at once on a new file switch it to its log together: SQLite says busy then, without waiting. */
int writer_open(struct backend *b, bool may_rebuild)
{
	int64_t until_ns = clock_ticks_ns() + (int64_t)WRITER_BUSY_MS * 1000000;
	int rc;

	create_file(b->path);
	allow_log(b);
	while (((rc = writer_try(b)) & 0xff) == SQLITE_BUSY && clock_ticks_ns() < until_ns)
		usleep(10000);
	remember_file(b);
	return is_damage(rc) && may_rebuild ? rebuild(b) : rc;
}

void backend_say(struct backend *b, const char *format, ...)
{
	va_list args;

	pthread_mutex_lock(&b->lock);
	va_start(args, format);
	vsnprintf(b->said, sizeof b->said, format, args);
	va_end(args);
	pthread_mutex_unlock(&b->lock);
}

struct str backend_said(struct backend *b, struct arena *a)
{
	struct str text;

	pthread_mutex_lock(&b->lock);
	text = arena_str(a, str_of(b->said));
	pthread_mutex_unlock(&b->lock);
	return text;
}

static void explain(struct backend *b, int rc, int error, struct arena *a, struct str *ret_error)
{
	bool has_errno = (rc & 0xff) == SQLITE_CANTOPEN && error;

	if (!b->said[0])
		backend_say(b, "%s%s%s", sqlite3_errstr(rc), has_errno ? ": " : "", has_errno ? strerror(error) : "");
	*ret_error = arena_printf(a, "%s: %.*s", b->path, STR_ARG(backend_said(b, a)));
}

/* A folder that we may not write to has a file that nobody writes to, or we could not lock it. */
static int readers_try(struct backend *b)
{
	struct store_conn *c;
	int rc = SQLITE_OK, version = 0;

	for (int attempt = 0; attempt < 2; attempt++) {
		b->is_immutable = attempt > 0;
		c = reader_take(b);
		rc = c ? schema_read(c->db, &version) : SQLITE_CANTOPEN;
		if (c)
			reader_give(b, c, rc);
		if (rc == SQLITE_OK)
			break;
	}
	if (rc == SQLITE_OK && version == 0)
		return SQLITE_EMPTY;
	if (rc == SQLITE_OK && !schema_is_readable(version)) {
		schema_say_newer(b, version);
		return SQLITE_MISMATCH;
	}
	return rc;
}

static struct backend *backend_new(const char *path)
{
	struct backend *b = calloc(1, sizeof *b);

	if (!b || !(b->path = strdup(path)))
		abort();
	b->opened_ns = clock_ticks_ns();
	b->file_max = STORE_FILE_MAX;
	pthread_mutex_init(&b->lock, NULL);
	return b;
}

struct backend *backend_open(
    const char *path, bool read_only, struct arena *a, struct str *ret_error)
{
	struct backend *b;
	int rc;

	if (read_only && access(path, F_OK) < 0 && errno == ENOENT)
		return NULL;
	b = backend_new(path);
	b->read_only = read_only;
	errno = 0;
	rc = read_only ? readers_try(b) : writer_open(b, true);
	if (rc == SQLITE_OK)
		return b;
	if (rc != SQLITE_EMPTY) /* somebody made the file just now: nothing is in it */
		explain(b, rc, errno, a, ret_error);
	backend_close(b);
	return NULL;
}

struct backend *backend_open_patiently(
    const char *path, struct arena *a, struct str *ret_error, bool *ret_is_open, bool *ret_is_readable)
{
	struct backend *b = backend_new(path);
	int rc;

	errno = 0;
	rc = writer_open(b, true);
	*ret_is_open = rc == SQLITE_OK;
	if (!*ret_is_open)
		explain(b, rc, errno, a, ret_error);
	*ret_is_readable = *ret_is_open || readers_try(b) == SQLITE_OK;
	return b;
}

bool backend_retry(struct backend *b, bool *is_readable)
{
	readers_renew(b);
	if (writer_open(b, true) != SQLITE_OK) {
		*is_readable = *is_readable || readers_try(b) == SQLITE_OK;
		return false;
	}
	*is_readable = true;
	b->is_immutable = false;
	b->opened_ns = clock_ticks_ns();
	readers_renew(b);
	return true;
}

const char *backend_path(const struct backend *b)
{
	return b->path;
}

unsigned backend_era(const struct backend *b)
{
	return b->era;
}

static void readers_close(struct backend *b)
{
	struct store_conn *c;

	pthread_mutex_lock(&b->lock);
	while ((c = b->idle)) {
		b->idle = c->next;
		store_conn_close(c);
	}
	b->idle_count = 0;
	pthread_mutex_unlock(&b->lock);
}

void readers_renew(struct backend *b)
{
	b->era++;
	readers_close(b);
}

void backend_close(struct backend *b)
{
	if (!b)
		return;
	readers_close(b);
	store_conn_close(b->writer);
	pthread_mutex_destroy(&b->lock);
	free((char *)b->path);
	free(b);
}
