/*
 * What the parts of the SQLite back end share: store_sqlite.c reads, writes and opens,
 * store_schema.c knows the versions of the file, store_repair.c sets damaged files aside,
 * store_purge.c drops what has expired.
 */
#ifndef REEVE_LIB_STORE_STORE_SQLITE_H
#define REEVE_LIB_STORE_STORE_SQLITE_H

#include <sqlite3.h>
#include <stdatomic.h>
#include <sys/types.h>

#include "lib/store/store_private.h"

enum { READER_BUSY_MS = 1000, BACKEND_TEXT = 300 };

enum statement {
	SQL_GET,
	SQL_RANGE,
	SQL_PUT,
	SQL_ADD,
	SQL_COUNT,
	SQL_BUCKET,
	SQL_DELETE,
	SQL_PURGE_END,
	SQL_PURGE,
	SQL_VERSION,
	SQL_STATEMENTS,
};

struct store_conn {
	sqlite3 *db;
	sqlite3_stmt *statements[SQL_STATEMENTS]; /* prepared at first use */
	unsigned era;				  /* of the file that it opened */
	struct store_conn *next;
};

struct backend {
	const char *path; /* strdup'ed, as the store may outlive the caller's arena */
	bool read_only;
	_Atomic bool is_immutable;
	_Atomic bool is_damaged; /* somebody met SQLITE_CORRUPT */
	_Atomic unsigned era;	 /* counts the files: readers of older ones are closed */

	pthread_mutex_t lock;
	struct store_conn *idle;
	unsigned idle_count;
	bool was_rebuilt;
	uint64_t kept;
	int migrated_from; /* 0: was not */
	char said[BACKEND_TEXT];

	/* the writer's thread */
	struct store_conn *writer;
	dev_t dev;
	ino_t ino;
	int64_t opened_ns;
	bool is_checked;
	bool has_lock; /* of backend_lock() */
	char purge_key[FULL_KEY_MAX];
	size_t purge_n;
	bool is_full;	   /* the last commit found no room */
	unsigned pressure; /* how far from its end an entry is purged, when the file is too large */

	_Atomic uint64_t file_max;
};

/* NULL when it cannot be prepared. */
sqlite3_stmt *store_statement(struct store_conn *c, enum statement which);
void bind_key(sqlite3_stmt *s, int at, struct str key);
/* SQLITE_MISMATCH: a newer program has changed the file. */
int check_version(struct store_conn *c);
/* Tells SQLite how large the file may get at most (store_purge.c). */
int purge_limit(struct backend *b, struct store_conn *c);
/* SQLITE_CORRUPT, SQLITE_NOTADB */
bool is_damage(int rc);
int store_conn_open(const char *path, int flags, int busy_ms, struct store_conn **ret_conn);
/* NULL is allowed. */
void store_conn_close(struct store_conn *c);
struct str column_str(sqlite3_stmt *s, int at);
int writer_open(struct backend *b, bool may_rebuild);
/*
 * All readers open the file anew. A process has one handle of the log's index for all its connections: readers of a
 * file that could not be written may have it for reading only, and a writer that joins them cannot write either.
 */
void readers_renew(struct backend *b);
/* Sets the file aside and opens a new one, or the one that another process has made by now. */
int rebuild(struct backend *b);

/* Locks the file against others who repair it or change its schema; closed it is free again. */
int backend_lock(const char *path);
/* What is wrong, for errors and the log: more than SQLite's word for it. */
void backend_say(struct backend *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* ---- store_schema.c ---- */

/* The version that this program writes, and whether it can read that one. */
int schema_version(void);
bool schema_is_readable(int version);
void schema_say_newer(struct backend *b, int version);
int schema_read(sqlite3 *db, int *ret_version);
/* SQLITE_MISMATCH: the file is of a newer program; it was not touched. */
int schema_bring_up(struct backend *b, sqlite3 *db);

#endif
