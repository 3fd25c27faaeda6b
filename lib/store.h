/*
 * Policy state: a key-value store with expiry, shared by all role processes and by reevectl.
 * Back end: SQLite (WAL, synchronous NORMAL), one writer thread per process with group commit,
 * one reader per calling thread. What is lost at a power cut is the last few milliseconds of
 * policy state, never consistency. Mail is not kept here.
 *
 * A table is a name in lower case ("greylist"); a key is any octets up to 512; a value up to 64 KiB.
 * Times are Unix seconds from clock_now(); an entry whose time has passed is not there.
 * Thread-safe. RES_TEMP means that the store could not be reached: never the same as RES_NONE.
 */
#ifndef REEVE_LIB_STORE_H
#define REEVE_LIB_STORE_H

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

enum { STORE_KEY_MAX = 512, STORE_VALUE_MAX = 65536 };

/*
 * path: the file, or NULL for a store in memory (tests, dry runs). read_only: changes are accepted
 * and kept in memory only (reevectl scan without --learn-state). NULL and a text when it cannot.
 */
struct store *store_open(const char *path, bool read_only, struct arena *a, struct str *ret_error);
/* Writes what waits, then closes. NULL is allowed. */
void store_close(struct store *st);

enum res store_get(struct store *st, const char *table, struct str key, struct arena *a,
    struct store_entry *ret_entry);
/* Replaces. ttl in seconds, 0 never expires. Seen by the next get of this process at once. */
enum res store_put(struct store *st, const char *table, struct str key, struct str value, int64_t ttl);
/* Puts only when there is none: RES_OK it is new, RES_NONE there was one (in ret_entry if not NULL). */
enum res store_add(struct store *st, const char *table, struct str key, struct str value, int64_t ttl,
    struct arena *a, struct store_entry *ret_entry);
/* Adds to a counter (a missing one is 0) and sets its expiry when it is new; ret_total after it. */
enum res store_count(struct store *st, const char *table, struct str key, int64_t add, int64_t ttl,
    int64_t *ret_total);
/* RES_NONE when there was none. */
enum res store_delete(struct store *st, const char *table, struct str key);
/* All entries whose key starts with prefix, in key order; each() returns false to end. */
enum res store_each(struct store *st, const char *table, struct str prefix,
    bool (*each)(void *arg, const struct store_entry *entry), void *arg);
/* Waits until everything put so far is written. */
enum res store_flush(struct store *st);

#endif
