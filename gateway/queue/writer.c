/*
 * The writing side of the queue: submissions are turned into records on the caller's thread, wait
 * in one list, and one commit thread writes all that wait with one pwritev and one fdatasync.
 * A second thread, started when the first large message comes, syncs and links files of messages,
 * so that a large message does not hold up the small ones.
 */
#define _GNU_SOURCE
#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include "gateway/queue/crc32c.h"
#include "gateway/queue/live.h"
#include "gateway/queue/record.h"
#include "lib/clock.h"

enum {
	IOV_PER_RECORD = 3,
	BATCH_IOV = 1020, /* Linux takes 1024 */
	BATCH_BYTES = 32 * 1024 * 1024,
	FREE_CHECK_US = 100000,
	WRITER_NAME_MAX = 32,
};

/* One record on its way to the disk. */
struct item {
	struct queue_entry entry; /* its slices are the caller's */
	struct record_head head;
	unsigned char *octets;	  /* head and meta */
	char file[RECORD_NAME_MAX];
	bool is_linked;
};

struct submission {
	struct submission *next;
	void (*done)(void *arg, enum queue_result result);
	void *arg;
	enum queue_result result;
	uint64_t bytes;
	size_t n;
	struct item items[];
};

/* Submissions that wait for one thread. */
struct line {
	struct submission *first, **last;
	pthread_cond_t is_filled;
	pthread_t thread;
	bool is_started, is_stopping;
};

struct queue_writer {
	char name[WRITER_NAME_MAX];
	uint64_t segment_bytes, free_min;
	bool is_durable;
	int dir_fd;
	struct live live;
	uint64_t epoch;
	_Atomic uint64_t serial;
	_Atomic int doorbell;

	pthread_mutex_t lock; /* of the two lines */
	struct line commit, link;

	/* The commit thread's own. */
	int fd;
	uint64_t number, offset;
	bool is_new; /* the segment's name is not on disk yet */
	int64_t free_checked_us;
	bool is_low;
	struct iovec iov[BATCH_IOV];
};

static void *commit_main(void *arg);
static void *link_main(void *arg);

/* ---- life cycle ---- */

static void line_init(struct line *line)
{
	line->last = &line->first;
	pthread_cond_init(&line->is_filled, NULL);
}

/* Threads of the queue take no signals: those are for the loop. */
static void line_start(struct line *line, void *(*run)(void *), struct queue_writer *w)
{
	sigset_t all, before;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	if (pthread_create(&line->thread, NULL, run, w))
		abort();
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	line->is_started = true;
}

/* The number behind the highest that any segment of this writer has. */
static bool next_number(int dir_fd, const char *writer, uint64_t *ret_number)
{
	size_t n = strlen(writer);
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	uint64_t number, next = 1;

	if (!dir)
		return false;
	for (struct dirent *e; (e = readdir(dir));) {
		struct str s = str_of(e->d_name);
		if (s.n <= n + 5 || memcmp(s.p, writer, n) != 0 || s.p[n] != '-' ||
		    !str_ends(s, STR(".seg")))
			continue;
		if (str_u64(str_sub(s, n + 1, s.n - n - 5), &number) && number >= next)
			next = number + 1;
	}
	closedir(dir);
	*ret_number = next;
	return true;
}

static bool open_parts(struct queue_writer *w, const char *dir)
{
	if (mkdir(dir, 0770) && errno != EEXIST)
		return false;
	w->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (w->dir_fd < 0 || getrandom(&w->epoch, sizeof w->epoch, 0) != sizeof w->epoch)
		return false;
	if (!live_take(&w->live, w->dir_fd, w->name, w->epoch) ||
	    !next_number(w->dir_fd, w->name, &w->number))
		return false;
	live_set(&w->live, w->number, 0);
	return true;
}

struct queue_writer *queue_writer_open(const struct queue_options *options, struct arena *a, struct str *ret_error)
{
	struct queue_writer *w = calloc(1, sizeof *w);

	if (!w)
		abort();
	assert(strlen(options->writer) < sizeof w->name);
	memcpy(w->name, options->writer, strlen(options->writer) + 1);
	w->segment_bytes = options->segment_bytes;
	w->free_min = options->free_min;
	w->is_durable = options->is_durable;
	w->fd = w->dir_fd = w->live.fd = -1;
	w->doorbell = -1;
	w->free_checked_us = -FREE_CHECK_US;
	if (!open_parts(w, options->dir)) {
		*ret_error = errno == EAGAIN || errno == EACCES
				 ? arena_printf(a, "%s: another process writes as '%s' already, or no permission", options->dir, w->name)
				 : arena_printf(a, "%s: %s", options->dir, strerror(errno));
		live_drop(&w->live);
		if (w->dir_fd >= 0)
			close(w->dir_fd);
		free(w);
		return NULL;
	}
	pthread_mutex_init(&w->lock, NULL);
	line_init(&w->commit);
	line_init(&w->link);
	line_start(&w->commit, commit_main, w);
	return w;
}

int queue_writer_dir(const struct queue_writer *w)
{
	return w->dir_fd;
}

void queue_writer_set_doorbell(struct queue_writer *w, int fd)
{
	atomic_store(&w->doorbell, fd);
}

/* Returns when all that waited in the line went through. */
static void line_stop(struct queue_writer *w, struct line *line)
{
	pthread_mutex_lock(&w->lock);
	line->is_stopping = true;
	pthread_cond_signal(&line->is_filled);
	pthread_mutex_unlock(&w->lock);
	if (line->is_started)
		pthread_join(line->thread, NULL);
	pthread_cond_destroy(&line->is_filled);
}

static void line_add(struct queue_writer *w, struct line *line, struct submission *s)
{
	pthread_mutex_lock(&w->lock);
	s->next = NULL;
	*line->last = s;
	line->last = &s->next;
	if (line == &w->link && !line->is_started)
		line_start(line, link_main, w);
	pthread_cond_signal(&line->is_filled);
	pthread_mutex_unlock(&w->lock);
}

/* ---- submitting ---- */

/* (Re)writes head and meta; the commit thread only puts in the commit offset. */
static void item_encode(struct item *it, bool more)
{
	struct record_head *h = &it->head;
	struct str file = str_of(it->file);
	unsigned char *meta = it->octets + RECORD_HEAD;

	h->flags = record_flags(&it->entry) | (file.n ? RECORD_FILE : 0u) | (more ? RECORD_MORE : 0u);
	h->meta_length = (uint32_t)record_meta_put(&it->entry, file, meta);
	h->meta_crc = crc32c(0, meta, h->meta_length);
	h->length = record_length(h);
}

static void item_init(struct queue_writer *w, struct item *it, const struct queue_entry *e)
{
	struct stat st;

	it->entry = *e;
	it->head.uid.epoch = w->epoch;
	it->head.uid.serial = atomic_fetch_add(&w->serial, 1);
	it->head.arrived = e->arrived;
	it->head.recipients = (uint32_t)e->recipient_count;
	it->head.edits = e->edits ? (uint32_t)e->edits->n : 0;
	it->head.data_length = e->data.n;
	/* Through the file where there is one: a mapping would bring all of a large message into memory. */
	if (e->data_fd < 0 || !crc32c_file(e->data_fd, 0, e->data.n, &it->head.data_crc))
		it->head.data_crc = crc32c(0, e->data.p, e->data.n);
	if (e->data_fd >= 0 && fstat(e->data_fd, &st) == 0 && (uint64_t)st.st_size == e->data.n)
		snprintf(it->file, sizeof it->file, "%s-%016llx-%llu.msg", w->name,
		    (unsigned long long)w->epoch, (unsigned long long)it->head.uid.serial);
}

static bool entry_fits(const struct queue_entry *e)
{
	return e->recipient_count > 0 && e->recipient_count <= RECORD_RECIPIENTS_MAX &&
	       e->data.n <= RECORD_DATA_MAX &&
	       record_meta_size(e, STR_NONE) + RECORD_NAME_MAX <= RECORD_META_MAX;
}

static struct submission *submission_new(struct queue_writer *w, const struct queue_entry *entries, size_t n)
{
	size_t room = sizeof(struct submission) + n * sizeof(struct item), at = room;
	struct submission *s;

	for (size_t i = 0; i < n; i++) {
		if (!entry_fits(&entries[i]))
			return NULL;
		room += RECORD_HEAD + record_meta_size(&entries[i], STR_NONE) + RECORD_NAME_MAX;
	}
	s = malloc(room);
	if (!s)
		return NULL;
	memset(s, 0, at);
	s->n = n;
	for (size_t i = 0; i < n; i++) {
		struct item *it = &s->items[i];
		it->octets = (unsigned char *)s + at;
		at += RECORD_HEAD + record_meta_size(&entries[i], STR_NONE) + RECORD_NAME_MAX;
		item_init(w, it, &entries[i]);
		item_encode(it, i + 1 < n);
		s->bytes += it->head.length;
	}
	return s;
}

static bool needs_link(const struct submission *s)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->items[i].file[0])
			return true;
	return false;
}

void queue_submit(struct queue_writer *w, const struct queue_entry *entries, size_t n,
    void (*done)(void *arg, enum queue_result result), void *arg)
{
	struct submission *s = n && n <= BATCH_IOV / IOV_PER_RECORD ? submission_new(w, entries, n) : NULL;

	if (!s) {
		done(arg, QUEUE_FAILED);
		return;
	}
	s->done = done;
	s->arg = arg;
	line_add(w, needs_link(s) ? &w->link : &w->commit, s);
}

/* Data and its CRC stay what they were: a damaged message is not made to look whole. */
void queue_submit_copy(struct queue_writer *w, const struct queue_entry *entry, struct str file,
    const struct record_head *head, void (*done)(void *arg, enum queue_result result), void *arg)
{
	struct submission *s = file.n < RECORD_NAME_MAX ? submission_new(w, entry, 1) : NULL;
	struct item *it = s ? &s->items[0] : NULL;

	if (!s) {
		done(arg, QUEUE_FAILED);
		return;
	}
	memcpy(it->file, file.p ? file.p : "", file.n);
	it->file[file.n] = '\0';
	it->head.uid = head->uid;
	it->head.data_length = head->data_length;
	it->head.data_crc = head->data_crc;
	item_encode(it, false);
	s->bytes = it->head.length;
	s->done = done;
	s->arg = arg;
	line_add(w, &w->commit, s);
}

/* ---- the link thread ---- */

static enum queue_result result_of_errno(int e)
{
	return e == ENOSPC || e == EDQUOT || e == EFBIG ? QUEUE_FULL : QUEUE_FAILED;
}

static void unlink_files(struct queue_writer *w, struct submission *s)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->items[i].is_linked)
			unlinkat(w->dir_fd, s->items[i].file, 0);
}

/*
 * Gives the file a name beside the segments. Where that cannot be (another file system, made
 * without O_TMPFILE, no /proc), the data is copied into the segment instead.
 */
static void item_link(struct queue_writer *w, struct item *it, bool more)
{
	char path[40];

	snprintf(path, sizeof path, "/proc/self/fd/%d", it->entry.data_fd);
	if (linkat(AT_FDCWD, path, w->dir_fd, it->file, AT_SYMLINK_FOLLOW) == 0) {
		it->is_linked = true;
		return;
	}
	it->file[0] = '\0';
	item_encode(it, more);
}

static bool submission_link(struct queue_writer *w, struct submission *s)
{
	int synced = -1;

	s->bytes = 0;
	for (size_t i = 0; i < s->n; i++) {
		struct item *it = &s->items[i];
		if (it->file[0]) {
			if (w->is_durable && it->entry.data_fd != synced && fsync(it->entry.data_fd)) {
				s->result = result_of_errno(errno);
				return false;
			}
			synced = it->entry.data_fd;
			item_link(w, it, i + 1 < s->n);
		}
		s->bytes += it->head.length;
	}
	return true;
}

/* Takes all that wait; NULL at the end of the line's life. */
static struct submission *line_take(struct queue_writer *w, struct line *line)
{
	struct submission *s;

	pthread_mutex_lock(&w->lock);
	while (!line->first && !line->is_stopping)
		pthread_cond_wait(&line->is_filled, &w->lock);
	s = line->first;
	line->first = NULL;
	line->last = &line->first;
	pthread_mutex_unlock(&w->lock);
	return s;
}

static void submission_end(struct queue_writer *w, struct submission *s)
{
	if (s->result != QUEUE_OK)
		unlink_files(w, s);
	s->done(s->arg, s->result);
	free(s);
}

static void *link_main(void *arg)
{
	struct queue_writer *w = arg;
	struct submission *s, *next;

	while ((s = line_take(w, &w->link))) {
		for (; s; s = next) {
			next = s->next;
			if (submission_link(w, s))
				line_add(w, &w->commit, s);
			else
				submission_end(w, s);
		}
	}
	return NULL;
}

/* ---- the commit thread ---- */

/* Is there room left beyond what must stay free? Asked at most every 100 ms. */
static bool is_low(struct queue_writer *w)
{
	int64_t now = clock_ticks_ns() / 1000;
	struct statvfs st;

	if (w->free_min == 0 || now - w->free_checked_us < FREE_CHECK_US)
		return w->is_low;
	w->free_checked_us = now;
	if (fstatvfs(w->dir_fd, &st) == 0)
		w->is_low = (uint64_t)st.f_bavail * st.f_frsize < w->free_min;
	return w->is_low;
}

static void segment_name(const struct queue_writer *w, char out[RECORD_NAME_MAX])
{
	snprintf(out, RECORD_NAME_MAX, "%s-%08llu.seg", w->name, (unsigned long long)w->number);
}

static void segment_close(struct queue_writer *w)
{
	if (w->fd < 0)
		return;
	close(w->fd);
	w->fd = -1;
	w->number++;
}

/* The reader is told first, so that it never takes a segment for one of a dead writer. */
static bool segment_open(struct queue_writer *w)
{
	struct segment_head h = {SEGMENT_VERSION, w->epoch, w->number};
	unsigned char octets[SEGMENT_HEAD];
	char name[RECORD_NAME_MAX];
	int saved;

	live_set(&w->live, w->number, 0);
	segment_name(w, name);
	w->fd = openat(w->dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0660);
	if (w->fd < 0)
		return false;
	segment_head_put(&h, octets);
	if (pwrite(w->fd, octets, sizeof octets, 0) != (ssize_t)sizeof octets) {
		saved = errno;
		unlinkat(w->dir_fd, name, 0);
		segment_close(w);
		errno = saved;
		return false;
	}
	w->offset = SEGMENT_HEAD;
	w->is_new = true;
	return true;
}

static bool segment_for(struct queue_writer *w, uint64_t bytes)
{
	if (w->fd >= 0 && w->offset > SEGMENT_HEAD && w->offset + bytes > w->segment_bytes)
		segment_close(w);
	return w->fd >= 0 || segment_open(w);
}

/* Heads get their commit offset and CRC here, and the pieces their place in one vector. */
static size_t gather(struct queue_writer *w, struct submission *first, const struct submission *end)
{
	static const unsigned char zeros[8];
	size_t n = 0;

	for (struct submission *s = first; s != end; s = s->next) {
		for (size_t i = 0; i < s->n; i++) {
			struct item *it = &s->items[i];
			size_t own = RECORD_HEAD + it->head.meta_length;
			size_t data = it->file[0] ? 0 : it->entry.data.n;
			it->head.commit = w->offset;
			record_head_put(&it->head, it->octets);
			w->iov[n++] = (struct iovec){it->octets, own};
			if (data)
				w->iov[n++] = (struct iovec){(char *)it->entry.data.p, data};
			if (it->head.length > own + data)
				w->iov[n++] = (struct iovec){(void *)zeros, it->head.length - own - data};
		}
	}
	return n;
}

static bool write_all(int fd, struct iovec *iov, size_t n, uint64_t offset)
{
	while (n) {
		ssize_t got = pwritev(fd, iov, (int)n, (off_t)offset);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0) {
			errno = got ? errno : ENOSPC;
			return false;
		}
		offset += (uint64_t)got;
		for (; n && (size_t)got >= iov->iov_len; n--)
			got -= (ssize_t)(iov++)->iov_len;
		if (got) {
			iov->iov_base = (char *)iov->iov_base + got;
			iov->iov_len -= (size_t)got;
		}
	}
	return true;
}

static bool has_links(const struct submission *first, const struct submission *end)
{
	for (const struct submission *s = first; s != end; s = s->next)
		for (size_t i = 0; i < s->n; i++)
			if (s->items[i].is_linked)
				return true;
	return false;
}

static bool sync_all(struct queue_writer *w, bool has_names)
{
	if (!w->is_durable)
		return true;
	if (fdatasync(w->fd))
		return false;
	if (!has_names && !w->is_new)
		return true;
	if (fsync(w->dir_fd))
		return false;
	w->is_new = false;
	return true;
}

/*
 * Takes back what was written of a commit that failed. After a failed sync the kernel may have
 * dropped pages and would call the next sync a success, so the segment is never used again.
 */
static void take_back(struct queue_writer *w)
{
	char name[RECORD_NAME_MAX];

	if (ftruncate(w->fd, (off_t)w->offset) == 0 && w->offset == SEGMENT_HEAD) {
		segment_name(w, name);
		unlinkat(w->dir_fd, name, 0);
	}
	segment_close(w);
	w->free_checked_us -= FREE_CHECK_US;
}

static enum queue_result commit(struct queue_writer *w, struct submission *first,
    const struct submission *end, uint64_t bytes)
{
	size_t n;

	if (is_low(w))
		return QUEUE_FULL;
	if (!segment_for(w, bytes))
		return result_of_errno(errno);
	n = gather(w, first, end);
	if (!write_all(w->fd, w->iov, n, w->offset) || !sync_all(w, has_links(first, end))) {
		enum queue_result result = result_of_errno(errno);
		take_back(w);
		return result;
	}
	w->offset += bytes;
	live_set(&w->live, w->number, w->offset);
	return QUEUE_OK;
}

static void ring(struct queue_writer *w)
{
	int fd = atomic_load(&w->doorbell);

	/* A full pipe means that the relay will look anyway. */
	if (fd >= 0 && write(fd, "", 1) < 0)
		return;
}

/* The first of the submissions that do not fit into one commit any more. */
static struct submission *batch_end(struct submission *first, uint64_t *ret_bytes)
{
	struct submission *s = first;
	size_t records = 0;

	*ret_bytes = 0;
	for (; s; s = s->next) {
		if (s != first && ((records + s->n) * IOV_PER_RECORD > BATCH_IOV ||
				      *ret_bytes + s->bytes > BATCH_BYTES))
			break;
		records += s->n;
		*ret_bytes += s->bytes;
	}
	return s;
}

static void *commit_main(void *arg)
{
	struct queue_writer *w = arg;
	struct submission *s, *end, *next;

	while ((s = line_take(w, &w->commit))) {
		while (s) {
			uint64_t bytes;
			enum queue_result result;
			end = batch_end(s, &bytes);
			result = commit(w, s, end, bytes);
			if (result == QUEUE_OK)
				ring(w);
			for (; s != end; s = next) {
				next = s->next;
				s->result = result;
				submission_end(w, s);
			}
		}
	}
	return NULL;
}

/* The link line first: what it still holds ends up in the commit line. */
void queue_writer_close(struct queue_writer *w)
{
	if (!w)
		return;
	line_stop(w, &w->link);
	line_stop(w, &w->commit);
	segment_close(w);
	live_drop(&w->live);
	close(w->dir_fd);
	pthread_mutex_destroy(&w->lock);
	free(w);
}
