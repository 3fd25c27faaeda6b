/*
 * Policy state: a key-value store with expiry, shared by all role processes and by reevectl.
 * Back end: SQLite (WAL, synchronous NORMAL), one writer thread per process with group commit,
 * one reader per calling thread. What is lost at a power cut is the last few milliseconds of
 * policy state, never consistency. Mail is not kept here.
 *
 * A table is a name in lower case ("greylist"); a key is any octets up to 512; a value up to 64 KiB.
 * Times are Unix seconds from clock_now(). Thread-safe. RES_TEMP means that the store could not be
 * reached, or that more changes wait than it may hold: never the same as RES_NONE, and nothing was
 * changed. RES_PERM: key or value are longer than allowed.
 *
 * What any back end must keep to. Its test is tests/unit/test-store-conform.c, run for each back end that has a
 * setup function in store-fixture.h, before and after a flush.
 *
 * Values
 * - An entry with expires e is there while clock_now() < e; 0 is never. put, and what makes an entry
 *   anew, set it; count and bucket of an entry that is there do not let it live shorter.
 * - A counter is its decimal text to get; count on text adds to its leading number. It stops at the
 *   ends of 64 bits. One that has expired is 0 again, and new.
 * - A bucket is one number F, the time in ns when it is full again. Taking n of a rate (capacity c in
 *   per_ms p) at time t: F' = max(F, t) + n * p / c, taken only if F' <= t + p; giving back is n below 0.
 *   So over any time T it admits c + T * c / p at most, whoever asks. An F further ahead than 16 p is the
 *   trace of a clock that jumped and counts as empty.
 * - Tables do not see each other; keys are compared octet by octet; each() goes in that order.
 * Threads and processes
 * - Within one process each call is atomic and seen by every later call of any thread.
 * - Another process sees it after the next group commit: STORE_COMMIT_MS (under load up to
 *   STORE_COMMIT_MAX_MS) and the commit's own time.
 * - Counters and buckets are added up, not overwritten: nothing is lost when processes meet. Only
 *   what a call *returns* may be older by what others did within one commit interval. So P
 *   processes together never admit more than P times what is left in a bucket at that moment, and as
 *   what was too much is missing later, P * c + T * c / p over any time T (P up to 16).
 * - Of puts of one key the one that is committed last stays. Two processes that store_add() one key
 *   within a commit interval may both be told RES_OK; the first commit is kept.
 * - A killed process loses what it changed in its last commit interval, a power cut the last
 *   commits; a batch (store_apply) is there as a whole or not at all, to readers too.
 * Bounds
 * - STORE_WAITING_MAX changes wait at most, in memory; then RES_TEMP. The file has a size; above it
 *   entries go before their time, the shortest-lived first, never those without expiry.
 */
#ifndef REEVE_LIB_STORE_STORE_H
#define REEVE_LIB_STORE_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/arena.h"
#include "lib/res.h"
#include "lib/str.h"

struct store;

struct store_entry {
	struct str key, value;
	int64_t expires; /* 0: never */
};

enum {
	STORE_TABLE_MAX = 32,
	STORE_KEY_MAX = 512,
	STORE_VALUE_MAX = 65536,
	STORE_COMMIT_MS = 10,	   /* changes wait so long for others, to be written together; */
	STORE_COMMIT_MAX_MS = 50,  /* longer, up to this, when writing takes long */
	STORE_WAITING_MAX = 200000,		     /* changed keys that are not written yet */
	STORE_WAITING_BYTES_MAX = 128 * 1024 * 1024,
};

/* Octets of the file; above it entries go before their time, the shortest-lived first. */
#define STORE_FILE_MAX (UINT64_C(4) << 30)

/* A token bucket: holds `capacity` at most, and refills as a whole in per_ms. Both above 0. */
struct store_rate {
	int64_t capacity;
	int64_t per_ms;
};

struct store_level {
	double left;	 /* tokens that are there now (after the call) */
	int64_t wait_ms; /* until there are enough; 0 they were, -1 never (more than capacity) */
};

enum store_what { STORE_PUT, STORE_COUNT, STORE_DELETE };

struct store_change {
	enum store_what what;
	const char *table;
	struct str key;
	struct str value; /* PUT */
	int64_t add;	  /* COUNT */
	int64_t ttl;	  /* seconds; 0 never expires */
};

/*
 * path: the file, or NULL for a store in memory (tests, dry runs). read_only: changes are accepted
 * and kept in memory only (reevectl scan without --learn-state). NULL and a text when it cannot.
 */
struct store *store_open(const char *path, bool read_only, struct arena *a, struct str *ret_error);
/*
 * For who must go on without the file: never NULL. What cannot be opened for writing (ret_why, else
 * empty) is tried again by the writer, ever more rarely; changes wait in memory until then, and
 * store_flush() is RES_TEMP. A file that can at least be read is (*ret_is_readable). Of one that cannot nothing
 * is known: look-ups of what was not put here are RES_NONE, but RES_TEMP in the tables `unknown` (ends
 * with NULL, lives as long as the store), and what was put blindly does not replace what turns out to be there.
 */
struct store *store_open_patiently(
    const char *path, const char *const *unknown, struct arena *a, struct str *ret_why, bool *ret_is_readable);
/* Writes what waits, then closes. NULL is allowed. */
void store_close(struct store *st);

/* Instead of STORE_FILE_MAX; at least 1 MiB. Takes effect within a second. */
void store_set_file_max(struct store *st, uint64_t octets);
/* For tests, a store in memory: look-ups in these tables are as those of a file that cannot be read. */
void store_set_unknown(struct store *st, const char *const *tables);

enum res store_get(struct store *st, const char *table, struct str key, struct arena *a,
    struct store_entry *ret_entry);
/* The same without the value. */
enum res store_has(struct store *st, const char *table, struct str key);
/* Replaces. ttl in seconds, 0 never expires. Seen by the next get of this process at once. */
enum res store_put(struct store *st, const char *table, struct str key, struct str value, int64_t ttl);
/* Puts only when there is none: RES_OK it is new, RES_NONE there was one (in ret_entry if not NULL). */
enum res store_add(struct store *st, const char *table, struct str key, struct str value, int64_t ttl,
    struct arena *a, struct store_entry *ret_entry);
/*
 * Adds to a counter (a missing one is 0) and sets its expiry when it is new; ret_total after it may
 * be NULL. To store_get() a counter is its decimal text; text that is no number counts as 0.
 */
enum res store_count(struct store *st, const char *table, struct str key, int64_t add, int64_t ttl,
    int64_t *ret_total);
/*
 * Takes n tokens: RES_OK taken, RES_NONE not enough there, nothing taken. n below 0 gives back, 0
 * only looks. A bucket that nobody used before is full. ret_level may be NULL. To store_get() a
 * bucket is the time when it is full again, in nanoseconds: store_level_at() reads it.
 */
enum res store_bucket(struct store *st, const char *table, struct str key,
    const struct store_rate *rate, int64_t n, struct store_level *ret_level);
/* The same without taking: RES_OK n are there. */
enum res store_bucket_look(struct store *st, const char *table, struct str key,
    const struct store_rate *rate, int64_t n, struct store_level *ret_level);
struct store_level store_level_at(struct str value, const struct store_rate *rate);
/* All changes or none, in order. */
enum res store_apply(struct store *st, const struct store_change *changes, size_t n);
/* RES_NONE when there was none. */
enum res store_delete(struct store *st, const char *table, struct str key);
/*
 * All entries whose key starts with prefix, in key order; each() returns false to end. What changes
 * meanwhile may be seen or not: no lock and no transaction lasts while each() works.
 */
enum res store_each(struct store *st, const char *table, struct str prefix,
    bool (*each)(void *arg, const struct store_entry *entry), void *arg);
/* Waits until everything put so far is written; RES_TEMP when that failed (it will be tried again). */
enum res store_flush(struct store *st);

/*
 * True when this process found the file damaged, set it aside as PATH.damaged-TIME and went on with
 * a new one: to be logged. Asking resets it. ret_kept: entries that could be carried over.
 */
bool store_was_rebuilt(struct store *st, uint64_t *ret_kept);
/*
 * What became of the file, for the log. REBUILT: see above, number entries were carried over. MIGRATED: it
 * had the older schema `number`; a copy of that was kept as PATH.schema-NUMBER. FAILS: a commit failed,
 * why is in text; changes wait in memory and are tried again. WRITES: a commit went well after that, or the
 * file could be opened at last.
 */
enum store_event { STORE_REBUILT, STORE_MIGRATED, STORE_FAILS, STORE_WRITES };
typedef void store_listener(void *arg, enum store_event event, uint64_t number, struct str text);
/*
 * Tells at once what happened while opening, and later events within about a second, from the
 * writer's thread. Set once, right after opening.
 */
void store_listen(struct store *st, store_listener *listener, void *arg);

struct store_stats {
	uint64_t waiting;	/* changed keys not written yet */
	uint64_t commits, written, failures, purged;
	uint64_t hot, hot_bytes; /* entries kept in memory, and what they take */
};
void store_stats(struct store *st, struct store_stats *ret_stats);

#endif
