/*
 * The commit: records wait in one line, and one thread writes all that wait with one pwritev and one
 * fdatasync. Also the writer's life cycle. Where records come from: submit.c.
 */
#define _GNU_SOURCE
#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "gateway/queue/writer_private.h"
#include "lib/clock.h"

enum {
	IOV_PER_RECORD = 3,
	BATCH_IOV = 1020, /* Linux takes 1024 */
	BATCH_BYTES = 32 * 1024 * 1024,
	FREE_CHECK_US = 100000,
};

static void *commit_main(void *arg);
void *writer_link_main(void *arg);

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

void writer_line_add(struct queue_writer *w, struct line *line, struct submission *s)
{
	pthread_mutex_lock(&w->lock);
	s->next = NULL;
	*line->last = s;
	line->last = &s->next;
	if (line == &w->link && !line->is_started)
		line_start(line, writer_link_main, w);
	pthread_cond_signal(&line->is_filled);
	pthread_mutex_unlock(&w->lock);
}

struct submission *writer_line_take(struct queue_writer *w, struct line *line)
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

enum queue_result writer_result_of_errno(int e)
{
	return e == ENOSPC || e == EDQUOT || e == EFBIG ? QUEUE_FULL : QUEUE_FAILED;
}

static void unlink_files(struct queue_writer *w, struct submission *s)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->items[i].is_linked)
			unlinkat(w->dir_fd, s->items[i].file, 0);
}

void writer_submission_end(struct queue_writer *w, struct submission *s)
{
	if (s->result != QUEUE_OK)
		unlink_files(w, s);
	s->done(s->arg, s->result);
	free(s);
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

/* A message may have more groups than one call writes. */
static void make_room(struct queue_writer *w, const struct submission *first, const struct submission *end)
{
	size_t n = 0;

	for (const struct submission *s = first; s != end; s = s->next)
		n += s->n * IOV_PER_RECORD;
	if (n <= w->iov_room)
		return;
	free(w->iov);
	w->iov_room = n > BATCH_IOV ? n : BATCH_IOV;
	w->iov = calloc(w->iov_room, sizeof *w->iov);
	if (!w->iov)
		abort();
}

/* Heads get their commit offset and CRC here, and the pieces their place in one vector. */
static size_t gather(struct queue_writer *w, struct submission *first, const struct submission *end)
{
	static const unsigned char zeros[8];
	size_t n = 0;

	make_room(w, first, end);
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
		ssize_t got = pwritev(fd, iov, n < BATCH_IOV ? (int)n : BATCH_IOV, (off_t)offset);
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
		return writer_result_of_errno(errno);
	n = gather(w, first, end);
	if (!write_all(w->fd, w->iov, n, w->offset) || !sync_all(w, has_links(first, end))) {
		enum queue_result result = writer_result_of_errno(errno);
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

	while ((s = writer_line_take(w, &w->commit))) {
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
				writer_submission_end(w, s);
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
	free(w->iov);
	free(w);
}
