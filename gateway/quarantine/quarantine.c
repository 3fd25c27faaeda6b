/* The quarantine folder: putting, listing, releasing, deleting. */
#define _GNU_SOURCE
#include "gateway/quarantine/quarantine.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "core/edit_apply.h"
#include "gateway/quarantine/quarantine_json.h"
#include "lib/clock.h"
#include "lib/file.h"

enum { COPIES_MAX = 1000, NAME_MAX_OCTETS = QUARANTINE_KEY_MAX + 16 };

struct quarantine {
	int dir_fd;
};

static bool file_name(struct str key, const char *end, char out[NAME_MAX_OCTETS]);
static bool forget(struct quarantine *q, const char *key);

static struct str key_of(struct str name)
{
	static const struct str ends[] = {{".eml", 4}, {".tmp", 4}};

	for (size_t i = 0; i < 2; i++)
		if (str_ends(name, ends[i]))
			return str_sub(name, 0, name.n - ends[i].n);
	return STR("");
}

/* What a crash left behind before it was published. */
static void sweep(struct quarantine *q)
{
	int fd = openat(q->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (!dir)
		return;
	for (struct dirent *e; (e = readdir(dir));) {
		struct str key = key_of(str_of(e->d_name));
		char name[NAME_MAX_OCTETS], text[QUARANTINE_KEY_MAX];

		if (!file_name(key, ".json", name) || faccessat(q->dir_fd, name, F_OK, 0) == 0)
			continue;
		snprintf(text, sizeof text, "%.*s", STR_ARG(key));
		forget(q, text);
	}
	closedir(dir);
}

/* Shared by all who have the folder open, so that who gets it alone knows that nothing is on its way. */
static void enter(struct quarantine *q)
{
	if (flock(q->dir_fd, LOCK_EX | LOCK_NB) == 0)
		sweep(q);
	while (flock(q->dir_fd, LOCK_SH) && errno == EINTR)
		;
}

struct quarantine *quarantine_open(const char *dir, struct arena *a, struct str *ret_error)
{
	struct quarantine *q = calloc(1, sizeof *q);

	if (!q)
		abort();
	if (mkdir(dir, 0770) == 0 || errno == EEXIST)
		q->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	else
		q->dir_fd = -1;
	if (q->dir_fd >= 0) {
		enter(q);
		return q;
	}
	*ret_error = arena_printf(a, "%s: %s", dir, strerror(errno));
	free(q);
	return NULL;
}

void quarantine_close(struct quarantine *q)
{
	if (!q)
		return;
	close(q->dir_fd);
	free(q);
}

/* A key from outside becomes a file name: letters, digits and hyphens only. */
static bool file_name(struct str key, const char *end, char out[NAME_MAX_OCTETS])
{
	if (key.n == 0 || key.n >= QUARANTINE_KEY_MAX)
		return false;
	for (size_t i = 0; i < key.n; i++)
		if (!is_alnum((unsigned char)key.p[i]) && key.p[i] != '-')
			return false;
	snprintf(out, NAME_MAX_OCTETS, "%.*s%s", STR_ARG(key), end);
	return true;
}

/* ---- putting ---- */

/* The first of ID, ID-2, ID-3 ... that is free; the descriptor of its .eml, or -1. */
static int take_key(struct quarantine *q, const char *id, char key[QUARANTINE_KEY_MAX])
{
	char name[NAME_MAX_OCTETS];
	int fd = -1;

	for (unsigned i = 1; i <= COPIES_MAX; i++) {
		if (i == 1)
			snprintf(key, QUARANTINE_KEY_MAX, "%s", id);
		else
			snprintf(key, QUARANTINE_KEY_MAX, "%s-%u", id, i);
		if (!file_name(str_of(key), ".eml", name)) {
			errno = EINVAL;
			return -1;
		}
		fd = openat(q->dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
		if (fd >= 0 || errno != EEXIST)
			break;
	}
	return fd;
}

static bool write_message(int fd, const struct quarantine_item *item, uint64_t *ret_size)
{
	struct arena *a = arena_new(0);
	struct edited edited;
	bool ok = true;

	edits_apply(a, item->edits, item->data, &edited);
	for (size_t i = 0; i < edited.n && ok; i++)
		ok = file_write(fd, edited.pieces[i]);
	ok = ok && file_write(fd, str_from(item->data, edited.tail)) && fsync(fd) == 0;
	*ret_size = edited.bytes + item->data.n - edited.tail;
	arena_free(a);
	return ok;
}

/* Under another name: its appearance will make the item exist. */
static bool write_json(struct quarantine *q, const char *key, const struct quarantine_item *item)
{
	char name[NAME_MAX_OCTETS];
	struct buf json = {0};
	bool ok = false;
	int fd;

	file_name(str_of(key), ".tmp", name);
	quarantine_json_write(item, &json);
	fd = openat(q->dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
	if (fd >= 0) {
		ok = json.n <= QUARANTINE_JSON_MAX && file_write(fd, buf_str(&json)) && fsync(fd) == 0;
		close(fd);
	}
	buf_free(&json);
	return ok;
}

/* False: something of it stays. */
static bool forget(struct quarantine *q, const char *key)
{
	static const char *const ends[] = {".json", ".tmp", ".eml"};
	char name[NAME_MAX_OCTETS];
	bool ok = true;
	int saved = errno;

	for (size_t i = 0; i < 3; i++) {
		file_name(str_of(key), ends[i], name);
		ok &= unlinkat(q->dir_fd, name, 0) == 0 || errno == ENOENT;
	}
	errno = saved;
	return ok;
}

enum res quarantine_prepare(struct quarantine *q, const struct quarantine_item *item,
    struct quarantine_pending *ret_pending)
{
	struct quarantine_item stored = *item;
	int fd = take_key(q, item->id, ret_pending->key);
	bool ok;

	if (fd < 0)
		return RES_TEMP;
	ok = write_message(fd, item, &stored.size);
	ok = close(fd) == 0 && ok && write_json(q, ret_pending->key, &stored);
	if (ok)
		return RES_OK;
	forget(q, ret_pending->key);
	return RES_TEMP;
}

static bool appear(struct quarantine *q, const char *key)
{
	char temporary[NAME_MAX_OCTETS], name[NAME_MAX_OCTETS];

	file_name(str_of(key), ".tmp", temporary);
	file_name(str_of(key), ".json", name);
	return renameat(q->dir_fd, temporary, q->dir_fd, name) == 0;
}

enum res quarantine_publish(struct quarantine *q, const struct quarantine_pending *pending, size_t n)
{
	bool ok = true;

	for (size_t i = 0; i < n && ok; i++)
		ok = appear(q, pending[i].key);
	if (ok && (n == 0 || fsync(q->dir_fd) == 0))
		return RES_OK;
	quarantine_abandon(q, pending, n);
	return RES_TEMP;
}

enum res quarantine_abandon(struct quarantine *q, const struct quarantine_pending *pending, size_t n)
{
	bool ok = true;
	int saved = errno;

	for (size_t i = 0; i < n; i++)
		ok &= forget(q, pending[i].key);
	/* What was published may not come back with a crash. */
	ok &= n == 0 || fsync(q->dir_fd) == 0;
	errno = saved;
	return ok ? RES_OK : RES_TEMP;
}

enum res quarantine_put(struct quarantine *q, const struct quarantine_item *item, char *ret_key)
{
	struct quarantine_pending pending;
	enum res res = quarantine_prepare(q, item, &pending);

	if (res == RES_OK)
		res = quarantine_publish(q, &pending, 1);
	if (res == RES_OK && ret_key)
		memcpy(ret_key, pending.key, sizeof pending.key);
	return res;
}

/* ---- reading ---- */

static struct str map_file(struct quarantine *q, const char *name)
{
	int fd = openat(q->dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct stat st;
	void *p = MAP_FAILED;

	if (fd < 0)
		return STR_NONE;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0)
		p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	return p == MAP_FAILED ? STR_NONE : (struct str){p, (size_t)st.st_size};
}

static enum res read_item(struct quarantine *q, struct str key, struct arena *a, struct quarantine_item *item)
{
	char name[NAME_MAX_OCTETS];
	struct str json;
	struct stat st;
	bool ok;

	if (!file_name(key, ".json", name))
		return RES_NONE;
	json = map_file(q, name);
	if (!json.p)
		return RES_NONE;
	ok = quarantine_json_read(a, json, item);
	munmap((void *)json.p, json.n);
	memcpy(item->key, key.p, key.n);
	file_name(key, ".eml", name);
	if (!ok || fstatat(q->dir_fd, name, &st, AT_SYMLINK_NOFOLLOW))
		return RES_PERM;
	item->size = (uint64_t)st.st_size;
	return RES_OK;
}

enum res quarantine_each(struct quarantine *q,
    bool (*each)(void *arg, const struct quarantine_item *item), void *arg)
{
	int fd = openat(q->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	bool goes_on = true;

	if (!dir)
		return RES_TEMP;
	for (struct dirent *e; goes_on && (e = readdir(dir));) {
		struct str name = str_of(e->d_name);
		struct quarantine_item item;
		struct arena *a;
		if (!str_ends(name, STR(".json")))
			continue;
		a = arena_new(0);
		if (read_item(q, str_sub(name, 0, name.n - 5), a, &item) == RES_OK)
			goes_on = each(arg, &item);
		arena_free(a);
	}
	closedir(dir);
	return RES_OK;
}

struct mapping {
	void *p;
	size_t n;
};

static void unmap(void *arg)
{
	struct mapping *m = arg;

	munmap(m->p, m->n);
}

enum res quarantine_get(struct quarantine *q, struct str key, struct arena *a,
    struct quarantine_item *ret_item)
{
	char name[NAME_MAX_OCTETS];
	struct mapping *m;
	enum res res = read_item(q, key, a, ret_item);

	if (res != RES_OK)
		return res;
	file_name(key, ".eml", name);
	ret_item->data = map_file(q, name);
	if (!ret_item->data.p)
		return ret_item->size ? RES_TEMP : RES_OK;
	m = arena_alloc(a, sizeof *m);
	*m = (struct mapping){(void *)ret_item->data.p, ret_item->data.n};
	arena_defer(a, unmap, m);
	return RES_OK;
}

enum res quarantine_delete(struct quarantine *q, struct str key)
{
	char name[NAME_MAX_OCTETS], text[QUARANTINE_KEY_MAX];

	if (!file_name(key, ".json", name))
		return RES_NONE;
	if (faccessat(q->dir_fd, name, F_OK, 0))
		return errno == ENOENT ? RES_NONE : RES_TEMP;
	snprintf(text, sizeof text, "%.*s", STR_ARG(key));
	forget(q, text);
	return fsync(q->dir_fd) == 0 && faccessat(q->dir_fd, name, F_OK, 0) ? RES_OK : RES_TEMP;
}

/* ---- releasing ---- */

enum res quarantine_release(struct quarantine *q, struct str key, struct queue_writer *w)
{
	struct arena *a = arena_new(0);
	struct quarantine_item item;
	enum res res = quarantine_get(q, key, a, &item);

	if (res == RES_OK) {
		struct queue_entry e = {.arrived = clock_now(), .sender = item.sender, .envid = item.envid,
		    .ret = item.ret, .is_8bit = item.is_8bit, .is_utf8 = item.is_utf8,
		    .recipients = (struct queue_recipient *)item.recipients,
		    .recipient_count = item.recipient_count, .data = item.data, .data_fd = -1};
		memcpy(e.id, item.id, sizeof e.id);
		res = queue_submit_wait(w, &e, 1) == QUEUE_OK ? quarantine_delete(q, key) : RES_TEMP;
	}
	arena_free(a);
	return res;
}
