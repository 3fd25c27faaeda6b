/*
 * What the parts of the store share. store.c, store_bucket.c and store_each.c have the calls and
 * their meaning; store_overlay.c the changes that wait to be written; store_writer.c the thread
 * that writes them; store_sqlite.c the file. The back end's interface is here too: who adds a
 * shared one implements these functions.
 *
 * Changes go to `pending`; the writer takes all of them as `committing`, writes them in one
 * transaction, and forgets them. A look-up asks pending, committing, file, in this order.
 */
#ifndef REEVE_LIB_STORE_STORE_PRIVATE_H
#define REEVE_LIB_STORE_STORE_PRIVATE_H

#include <pthread.h>

#include "lib/store/store.h"

enum { FULL_KEY_MAX = STORE_TABLE_MAX + 1 + STORE_KEY_MAX };

/* Table, NUL, key. */
struct full_key {
	size_t n;
	char b[FULL_KEY_MAX];
};

enum change_kind {
	CHANGE_PUT,    /* the value or the number, whatever is there */
	CHANGE_ADD,    /* only when nothing is there */
	CHANGE_COUNT,  /* what is there plus amount */
	CHANGE_BUCKET, /* the later of what is there and number - amount, plus amount */
	CHANGE_DELETE,
};

/* One changed key: what to do to the file, and how it looks from here. */
struct change {
	struct change *next; /* in its hash slot */
	uint64_t hash;
	enum change_kind kind;
	bool is_number; /* the value is the number, not the text */
	uint32_t version; /* see store_hot.c: what the entry looked like here was true then */
	int64_t number, amount;
	int64_t expires;
	struct str value; /* in value_room octets of its own */
	uint32_t key_n, value_room;
	char key[];
};

/* How an entry looks now. */
struct view {
	bool exists;
	bool is_number;
	int64_t number;
	struct str value;
	int64_t expires;
	uint32_t version; /* as in struct change */
};

/* ---- the overlay: not thread-safe ---- */

struct overlay {
	struct change **slots;
	size_t slot_count, n, bytes;
	size_t first_slots;  /* 0: a few */
	struct arena *arena; /* of the changes, when is_bulk: they are freed together */
	bool is_bulk;
};

uint64_t key_hash(struct str key);
uint64_t key_mix(struct str key, uint64_t seed);
struct change *overlay_find(const struct overlay *o, struct str key, uint64_t hash);
/* The change of that key, made as CHANGE_DELETE when it is new. */
struct change *overlay_at(struct overlay *o, struct str key, uint64_t hash);
void overlay_set_value(struct overlay *o, struct change *c, struct str value);
void overlay_set_number(struct change *c, int64_t number);
/* All in key order, in an array from malloc. */
struct change **overlay_sorted(const struct overlay *o, struct str prefix, size_t *ret_n);
/* Drops what has expired, for stores that write no file; deletions are kept where there is one. */
void overlay_expire(struct overlay *o, int64_t now, bool keeps_deleted);
/* What is put stays behind what is there. */
void overlay_yield(struct overlay *o);
void overlay_clear(struct overlay *o);

/* A leading decimal number as SQLite casts it; 0 when there is none. */
int64_t text_number(struct str text);

/* ---- hot entries: store_hot.c; all take NULL, for a store that has none ---- */

struct hot;
struct hot *hot_open(const char *path);
void hot_close(struct hot *h);
uint32_t hot_version(const struct hot *h, struct str key);
bool hot_get(struct hot *h, struct str key, uint64_t hash, struct arena *a, struct view *ret_view);
/* version: hot_version() from before the entry was read. */
void hot_keep(struct hot *h, struct str key, uint64_t hash, uint32_t version, const struct view *v);
/* After a commit, for each change in it. */
void hot_committed(struct hot *h, const struct change *c);
void hot_forget(struct hot *h);
size_t hot_bytes(const struct hot *h, size_t *ret_n);

/* ---- the store ---- */

struct backend;

struct store {
	struct backend *backend; /* NULL: all is in memory */
	struct hot *hot;	 /* NULL: none */
	const char *const *unknown; /* see store_open_patiently(); NULL none */
	bool has_writer;
	bool is_open;	  /* for what it is meant to be; false: the writer tries again */
	bool is_readable; /* true when is_open */
	bool was_blind;	  /* something may have been put while the file could not be read */
	pthread_t writer;

	pthread_mutex_t lock;
	pthread_cond_t work, written_more;
	struct overlay pending, committing;
	uint64_t generation; /* of pending; committing has the one before */
	uint64_t written;    /* the last generation that is in the file */
	uint64_t wanted;     /* the generation that somebody waits for */
	unsigned frozen;     /* batches under way: pending must not be taken */
	bool is_stopping;
	int64_t expired_at; /* last look through a store without file */
	struct store_stats stats;
	store_listener *listener;
	void *listener_arg;
	bool is_failing; /* the last commit failed, and it was told */
};

/* A key in its place. */
struct place {
	struct full_key key;
	struct str text; /* of key */
	uint64_t hash;
};

/* False when the key is too long. */
bool place_init(struct place *p, const char *table, struct str key);
/*
 * The newest view of an entry. Called and left with the lock; reads the file without it, and looks
 * again when a commit or a change of this key came in between. Without an arena no text is copied.
 */
enum res store_look(
    struct store *st, const struct place *p, struct arena *a, int64_t now, struct view *ret_view);
/* The file cannot be read, and what the table has may not be guessed. */
bool store_is_unknown(const struct store *st, const struct place *p);
/* Whether so many more keys may wait. With the lock. */
bool store_has_room(struct store *st, size_t keys, int64_t now);
/*
 * The pending change of the key, with the lock; is_new: there was none, so that its kind counts
 * from the file.
 */
struct change *store_change_at(struct store *st, const struct place *p, bool *ret_is_new);

void view_change(const struct change *c, int64_t now, struct arena *a, struct view *ret_view);
void entry_from_view(
    struct arena *a, struct str key, const struct view *v, struct store_entry *ret_entry);

static inline bool is_over(int64_t expires, int64_t now)
{
	return expires != 0 && expires <= now;
}

/* Tells the listener what became of the file. Without the lock. */
void store_tell(struct store *st);
bool writer_start(struct store *st);
/* Beside the store's file; without it all still works, but for the speed. */
void store_open_hot(struct store *st);
/* Writes what waits, ends the thread. */
void writer_stop(struct store *st);

/* ---- the back end ---- */

struct backend *backend_open(
    const char *path, bool read_only, struct arena *a, struct str *ret_error);
/* One that may be opened later. *ret_is_open: it is; else ret_error says why not, and backend_retry() may help. */
struct backend *backend_open_patiently(
    const char *path, struct arena *a, struct str *ret_error, bool *ret_is_open, bool *ret_is_readable);
/* The writer's thread: true when it is open now. *is_readable is what it was, and is. */
bool backend_retry(struct backend *b, bool *is_readable);
const char *backend_path(const struct backend *b);
void backend_close(struct backend *b);
/* An empty file with the owner of its folder, so that root leaves nothing that the roles cannot use. */
void create_file(const char *path);
/* Another number after each change of the file behind the path. */
unsigned backend_era(const struct backend *b);
/* Any thread. Text values are copied to a; without one only the number is wanted. */
enum res backend_get(struct backend *b, struct str key, struct arena *a, struct view *ret_view);
/* Any thread: all from..below to, in key order, a batch at a time; the slices live until each() returns. */
enum res backend_each(struct backend *b, struct str from, struct str to,
    bool (*each)(void *arg, struct str key, const struct view *view), void *arg);

/* The rest is for the writer's thread. */
enum res backend_commit(struct backend *b, struct change *const *changes, size_t n, int64_t now);
void backend_set_file_max(struct backend *b, uint64_t octets);
/* A small step of purging what has expired; the number of entries that went. */
size_t backend_purge(struct backend *b, int64_t now);
/*
 * Looks whether the file is still the one that was opened, and once whether it is sound; goes on
 * should_stop() only so long. Sets it aside and makes a new one when it is damaged.
 */
void backend_care(struct backend *b, bool (*should_stop)(void *arg), void *arg);
bool backend_was_rebuilt(struct backend *b, uint64_t *ret_kept);
/* The older schema that the file had until it was opened; 0 none. Asking resets it. */
int backend_was_migrated(struct backend *b);
/* Why the last commit, or opening it, failed. */
struct str backend_said(struct backend *b, struct arena *a);

#endif
