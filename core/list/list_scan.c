/*
 * Entries of state lists that no key leads to: patterns, and networks whose prefix has another length
 * than those that are looked up. They stand in a table of their own, and each list has a number there
 * that every change raises. Each process keeps the entries of a list ready to be tried one by one, and
 * reads them anew when the number has changed: that costs a look-up one read.
 */
#include "core/list/list_private.h"

#include <pthread.h>
#include <stdatomic.h>

#include "lib/clock.h"
#include "lib/regex.h"
#include "lib/store/store.h"

struct scan_entry {
	struct str scope, text;
	int64_t expires;
	struct regex *re; /* NULL: a network */
	struct cidr net;
};

/* One reading of a list; counted, for it may be replaced while others go through it. */
struct scan_set {
	struct arena *arena;
	_Atomic int users;
	struct str version;
	struct scan_entry v[LIST_SCAN_MAX];
	size_t n;
};

struct list_scan {
	struct store *store;
	struct str name; /* lower case */
	struct regex_pool *pool;
	pthread_mutex_t lock;
	struct scan_set *now; /* NULL: not read yet */
};

/* ---- sets ---- */

static void set_unref(struct scan_set *set)
{
	if (set && atomic_fetch_sub(&set->users, 1) == 1)
		arena_free(set->arena);
}

static void scan_free(void *arg)
{
	struct list_scan *scan = arg;

	set_unref(scan->now);
	pthread_mutex_destroy(&scan->lock);
}

struct list_scan *list_scan_new(struct arena *a, struct store *store, struct str name, struct regex_pool *pool)
{
	struct list_scan *scan = arena_alloc(a, sizeof *scan);

	scan->store = store;
	scan->name = str_lower(a, name);
	scan->pool = pool;
	pthread_mutex_init(&scan->lock, NULL);
	arena_defer(a, scan_free, scan);
	return scan;
}

static bool is_pattern(struct str entry)
{
	return entry.n > 2 && entry.p[0] == '/' && entry.p[entry.n - 1] == '/';
}

struct regex *list_pattern(struct arena *a, struct str entry, struct str *ret_error)
{
	size_t offset;

	return regex_new(a, str_sub(entry, 1, entry.n - 2), REGEX_CASELESS | REGEX_NO_CAPTURE, ret_error, &offset);
}

/* Key: NAME[@SCOPE] NUL ENTRY. What cannot be read was written by another version: left out. */
static bool read_entry(void *arg, const struct store_entry *entry)
{
	struct scan_set *set = arg;
	struct scan_entry *e = &set->v[set->n];
	ptrdiff_t nul = str_chr(entry->key, '\0'), at = str_chr(entry->key, '@');
	struct str error;

	if (nul < 0)
		return true;
	*e = (struct scan_entry){.expires = entry->expires, .scope = STR("")};
	e->text = arena_str(set->arena, str_from(entry->key, (size_t)nul + 1));
	if (at >= 0 && at < nul)
		e->scope = arena_str(set->arena, str_sub(entry->key, (size_t)at + 1, (size_t)(nul - at - 1)));
	if (is_pattern(e->text))
		e->re = list_pattern(set->arena, e->text, &error);
	if (e->re || cidr_parse(e->text, false, &e->net))
		set->n++;
	return set->n < LIST_SCAN_MAX;
}

static enum res each_of(struct list_scan *scan, const char *separator, struct scan_set *set)
{
	struct str prefix = arena_printf(set->arena, "%.*s%c", STR_ARG(scan->name), *separator);

	return store_each(scan->store, LIST_SCAN_TABLE, prefix, read_entry, set);
}

static struct scan_set *set_read(struct list_scan *scan, struct str version)
{
	struct arena *a = arena_new(0);
	struct scan_set *set = arena_alloc(a, sizeof *set);

	set->arena = a;
	set->users = 1;
	set->version = arena_str(a, version);
	if (each_of(scan, "", set) == RES_OK && each_of(scan, "@", set) == RES_OK)
		return set;
	arena_free(a);
	return NULL;
}

static struct scan_set *take_current(struct list_scan *scan, struct str version)
{
	struct scan_set *set;

	pthread_mutex_lock(&scan->lock);
	set = scan->now && str_eq(scan->now->version, version) ? scan->now : NULL;
	if (set)
		atomic_fetch_add(&set->users, 1);
	pthread_mutex_unlock(&scan->lock);
	return set;
}

static void put_current(struct list_scan *scan, struct scan_set *set)
{
	struct scan_set *old;

	atomic_fetch_add(&set->users, 1);
	pthread_mutex_lock(&scan->lock);
	old = scan->now;
	scan->now = set;
	pthread_mutex_unlock(&scan->lock);
	set_unref(old);
}

/* RES_NONE: the list has no such entries. The number is read first: what is read after it is no older. */
static enum res set_get(struct list_scan *scan, struct scan_set **ret_set)
{
	struct arena *a = arena_new(0);
	struct store_entry version;
	enum res res = store_get(scan->store, LIST_SCAN_VERSIONS, scan->name, a, &version);

	*ret_set = NULL;
	if (res == RES_OK) {
		*ret_set = take_current(scan, version.value);
		if (!*ret_set && (*ret_set = set_read(scan, version.value)))
			put_current(scan, *ret_set);
		res = *ret_set ? RES_OK : RES_TEMP;
	}
	arena_free(a);
	return res;
}

/* ---- look-ups ---- */

static const struct scan_entry *find(const struct scan_set *set, struct str scope, const struct list_wanted *wanted,
    struct regex_scratch *scratch)
{
	int64_t now = clock_now();

	for (size_t i = 0; i < set->n; i++) {
		const struct scan_entry *e = &set->v[i];

		if ((e->expires && e->expires <= now) || !str_ieq(e->scope, scope))
			continue;
		if (wanted->ip ? !e->re && cidr_has(&e->net, wanted->ip)
			       : e->re && regex_match(e->re, scratch, wanted->text, 0, NULL) == REGEX_MATCH)
			return e;
	}
	return NULL;
}

enum res list_scan_has(struct list_scan *scan, const struct str *scopes, size_t n, const struct list_wanted *wanted)
{
	const struct scan_entry *found = NULL;
	struct regex_scratch *scratch;
	struct scan_set *set;
	enum res res = set_get(scan, &set);

	if (res != RES_OK)
		return res;
	scratch = regex_borrow(scan->pool);
	for (size_t i = 0; i < n && !found; i++)
		found = find(set, scopes[i], wanted, scratch);
	regex_give_back(scan->pool, scratch);
	set_unref(set);
	return found ? RES_OK : RES_NONE;
}

/* ---- changes ---- */

static bool count_one(void *arg, const struct store_entry *entry)
{
	size_t *n = arg;

	(void)entry;
	return ++*n <= LIST_SCAN_MAX;
}

static enum res has_room(struct store *store, const struct list_place *place)
{
	size_t n = 0;
	enum res res = store_has(store, LIST_SCAN_TABLE, place->key);

	if (res != RES_NONE)
		return res;
	res = store_each(store, LIST_SCAN_TABLE, place->name, count_one, &n);
	return res == RES_OK && n >= LIST_SCAN_MAX ? RES_PERM : res;
}

static bool is_scanned(const struct list_place *place)
{
	return strcmp(place->table, LIST_SCAN_TABLE) == 0;
}

enum res list_state_put(struct store *store, const struct list_place *place, struct str value, int64_t ttl)
{
	struct store_change changes[] = {
	    {.what = STORE_PUT, .table = place->table, .key = place->key, .value = value, .ttl = ttl},
	    {.what = STORE_COUNT, .table = LIST_SCAN_VERSIONS, .key = place->name, .add = 1},
	};
	enum res res = is_scanned(place) ? has_room(store, place) : RES_OK;

	return res == RES_OK ? store_apply(store, changes, is_scanned(place) ? 2 : 1) : res;
}

enum res list_state_delete(struct store *store, const struct list_place *place)
{
	struct store_change changes[] = {
	    {.what = STORE_DELETE, .table = place->table, .key = place->key},
	    {.what = STORE_COUNT, .table = LIST_SCAN_VERSIONS, .key = place->name, .add = 1},
	};
	enum res res = store_has(store, place->table, place->key);

	return res == RES_OK ? store_apply(store, changes, is_scanned(place) ? 2 : 1) : res;
}
