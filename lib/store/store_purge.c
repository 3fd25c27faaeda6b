/*
 * What has expired goes, in small steps by the writer's thread: one goes round through all keys. When
 * the file is larger than it may be, what would expire within the hour goes too, after a whole
 * round within six hours, and so on: who floods the store with keys drives out other short-lived ones
 * first, and entries that never expire stay. SQLite itself stops a file that grows faster than that.
 */
#include <stdio.h>

#include "lib/store/store_sqlite.h"

enum {
	PURGE_ROWS = 500,	 /* looked at in one step */
	PURGE_STEPS_MAX = 20,	 /* at a time, while a quarter of them had expired */
	PRESSED_STEPS_MAX = 100, /* when the file is too large */
	HARD_PERCENT = 125,	 /* of what the file may have, in SQLite's hands */
	RELIEF_PERCENT = 90,
};

static const int64_t horizons_s[] = {0, 3600, 6 * 3600, 86400, 3 * 86400, 10 * 86400, 40 * 86400, 400 * 86400};
enum {
	HORIZONS = sizeof horizons_s / sizeof *horizons_s,
	FULL_DISK_HORIZON = 3, /* others may have filled the disk: what lasts longer is not given up for them */
};

static int64_t ask_number(struct store_conn *c, const char *pragma)
{
	sqlite3_stmt *s = NULL;
	int64_t number = 0;

	if (sqlite3_prepare_v2(c->db, pragma, -1, &s, NULL) == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW)
		number = sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	return number;
}

int purge_limit(struct backend *b, struct store_conn *c)
{
	int64_t page = ask_number(c, "PRAGMA page_size"), pages;
	char text[64];

	pages = (int64_t)(b->file_max / 100 * HARD_PERCENT / (uint64_t)(page > 0 ? page : 4096));
	snprintf(text, sizeof text, "PRAGMA max_page_count=%lld", (long long)(pages < INT32_MAX ? pages : INT32_MAX));
	return sqlite3_exec(c->db, text, NULL, NULL, NULL);
}

static uint64_t octets_used(struct store_conn *c)
{
	return (uint64_t)((ask_number(c, "PRAGMA page_count") - ask_number(c, "PRAGMA freelist_count")) *
			  ask_number(c, "PRAGMA page_size"));
}

/* Where the next PURGE_ROWS rows end; the last of all keys when there are fewer. */
static bool purge_range(struct backend *b, struct str from, struct full_key *ret_to)
{
	sqlite3_stmt *s = store_statement(b->writer, SQL_PURGE_END);
	bool has_more;

	if (!s)
		return false;
	bind_key(s, 1, from);
	sqlite3_bind_int(s, 2, PURGE_ROWS - 1);
	has_more = sqlite3_step(s) == SQLITE_ROW;
	ret_to->n = 1;
	ret_to->b[0] = '\xff';
	if (has_more && (size_t)sqlite3_column_bytes(s, 0) <= sizeof ret_to->b) {
		struct str key = column_str(s, 0);
		memcpy(ret_to->b, key.p, key.n);
		ret_to->n = key.n;
	}
	sqlite3_reset(s);
	return has_more;
}

static size_t purge_step(struct backend *b, int64_t until)
{
	struct full_key to;
	struct str from = {b->purge_key, b->purge_n};
	bool has_more = purge_range(b, from, &to);
	sqlite3_stmt *s = store_statement(b->writer, SQL_PURGE);
	size_t gone = 0;

	if (!s)
		return 0;
	bind_key(s, 1, from);
	bind_key(s, 2, (struct str){to.b, to.n});
	sqlite3_bind_int64(s, 3, until);
	if (sqlite3_step(s) == SQLITE_DONE)
		gone = (size_t)sqlite3_changes(b->writer->db);
	sqlite3_reset(s);
	b->purge_n = has_more ? to.n : 0;
	memcpy(b->purge_key, to.b, b->purge_n);
	return gone;
}

/* The next horizon only after a whole round at this one. A full disk is eased by what goes, too. */
static void feel_pressure(struct backend *b)
{
	uint64_t used = octets_used(b->writer), most = b->file_max;

	purge_limit(b, b->writer);
	if (!b->is_full && used < most / 100 * RELIEF_PERCENT)
		b->pressure = 0;
	else if ((b->is_full || used > most) && (b->pressure == 0 || b->purge_n == 0) &&
		 b->pressure < (used > most ? HORIZONS - 1 : FULL_DISK_HORIZON)) {
		b->pressure++;
		b->purge_n = 0;
	}
}

size_t backend_purge(struct backend *b, int64_t now)
{
	size_t gone, total = 0;
	int steps = 0;

	if (!b->writer || check_version(b->writer) != SQLITE_OK)
		return 0;
	feel_pressure(b);
	do {
		gone = purge_step(b, now + horizons_s[b->pressure]);
		total += gone;
		steps++;
	} while (b->pressure ? b->purge_n && steps < PRESSED_STEPS_MAX : gone > PURGE_ROWS / 4 && steps < PURGE_STEPS_MAX);
	return total;
}
