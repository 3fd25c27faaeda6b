/*
 * Segments as a log: one struct per file, ordered by writer and number. A segment of a living
 * writer is read up to where the writer says it is committed; any other to its last good record.
 */
#define _GNU_SOURCE
#include "gateway/queue/reader.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/queue/crc32c.h"
#include "gateway/queue/live.h"
#include "lib/file.h"

enum { WINDOW = 4096 };

struct writer_view {
	struct writer_view *next;
	struct live live;
	bool is_known, is_alive; /* there is a lock file; it is held */
	uint64_t number, offset, epoch;
	uint64_t highest; /* segment that was found */
	struct str name;
	char text[];
};

struct segment {
	struct segment *next;
	struct writer_view *writer;
	uint64_t number;
	int fd;
	uint64_t at;	/* read so far */
	uint64_t limit; /* good up to here, for a complete one: found by checking the last commit */
	size_t refs;
	void *tag;
	bool is_checked, is_complete, is_refused;
	char name[];
};

struct queue_reader {
	int dir_fd;
	struct queue_reader_events events;
	void *arg;
	struct segment *first;
	struct writer_view *writers;
	unsigned char window[WINDOW];
};

__attribute__((format(printf, 2, 3))) static void trouble(struct queue_reader *r, const char *format, ...)
{
	char text[512];
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(text, sizeof text, format, args);
	va_end(args);
	if (r->events.trouble && n > 0)
		r->events.trouble(r->arg, str_sub(str_of(text), 0, (size_t)n));
}

struct queue_reader *queue_reader_open(const char *dir, const struct queue_reader_events *events,
    void *arg, struct arena *a, struct str *ret_error)
{
	struct queue_reader *r = calloc(1, sizeof *r);

	if (!r)
		abort();
	if (mkdir(dir, 0770) && errno != EEXIST)
		goto failed;
	r->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r->dir_fd < 0)
		goto failed;
	r->events = *events;
	r->arg = arg;
	return r;
failed:
	*ret_error = arena_printf(a, "%s: %s", dir, strerror(errno));
	free(r);
	return NULL;
}

static void segment_free(struct queue_reader *r, struct segment *seg)
{
	if (r->events.gone)
		r->events.gone(r->arg, seg);
	if (seg->fd >= 0)
		close(seg->fd);
	free(seg);
}

void queue_reader_close(struct queue_reader *r)
{
	if (!r)
		return;
	for (struct segment *s = r->first, *next; s; s = next) {
		next = s->next;
		segment_free(r, s);
	}
	for (struct writer_view *w = r->writers, *next; w; w = next) {
		next = w->next;
		live_drop(&w->live);
		free(w);
	}
	close(r->dir_fd);
	free(r);
}

int queue_reader_dir(const struct queue_reader *r)
{
	return r->dir_fd;
}

/* ---- writers and segments ---- */

static struct writer_view *writer_for(struct queue_reader *r, struct str name)
{
	struct writer_view *w;

	for (w = r->writers; w; w = w->next)
		if (str_eq(w->name, name))
			return w;
	w = calloc(1, sizeof *w + name.n + 1);
	if (!w)
		abort();
	memcpy(w->text, name.p, name.n);
	w->name = (struct str){w->text, name.n};
	w->live.fd = -1;
	w->next = r->writers;
	r->writers = w;
	return w;
}

static void writer_look(struct queue_reader *r, struct writer_view *w)
{
	if (!w->is_known)
		w->is_known = live_look(&w->live, r->dir_fd, w->text);
	w->is_alive = w->is_known && live_get(&w->live, &w->number, &w->offset, &w->epoch);
}

/* "gateway-00000012.seg": the writer's name and the number; false for any other name. */
static bool name_parse(struct str name, struct str *ret_writer, uint64_t *ret_number)
{
	ptrdiff_t dash = str_rchr(name, '-');

	if (dash <= 0 || name.n >= RECORD_NAME_MAX || !str_ends(name, STR(".seg")))
		return false;
	*ret_writer = str_sub(name, 0, (size_t)dash);
	name = str_from(name, (size_t)dash + 1);
	return str_u64(str_sub(name, 0, name.n - 4), ret_number);
}

/* Keeps the list in order: by writer, then by number. */
static struct segment **place_for(struct queue_reader *r, struct writer_view *w, uint64_t number)
{
	struct segment **at = &r->first;

	for (; *at; at = &(*at)->next) {
		int order = str_cmp((*at)->writer->name, w->name);
		if (order > 0 || (order == 0 && (*at)->number >= number))
			break;
	}
	return at;
}

static void segment_found(struct queue_reader *r, struct str name)
{
	struct str writer;
	uint64_t number;
	struct segment **at, *seg;
	struct writer_view *w;

	if (!name_parse(name, &writer, &number))
		return;
	w = writer_for(r, writer);
	at = place_for(r, w, number);
	if (*at && (*at)->writer == w && (*at)->number == number)
		return;
	seg = calloc(1, sizeof *seg + name.n + 1);
	if (!seg)
		abort();
	memcpy(seg->name, name.p, name.n);
	seg->writer = w;
	seg->number = number;
	seg->fd = openat(r->dir_fd, seg->name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (seg->fd < 0) {
		if (errno != ENOENT)
			trouble(r, "%s: %s", seg->name, strerror(errno));
		free(seg);
		return;
	}
	seg->next = *at;
	*at = seg;
	if (number > w->highest)
		w->highest = number;
}

static void each_name(struct queue_reader *r, void (*fn)(struct queue_reader *r, struct str name, void *arg), void *arg)
{
	int fd = openat(r->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (!dir) {
		trouble(r, "queue folder: %s", strerror(errno));
		if (fd >= 0)
			close(fd);
		return;
	}
	for (struct dirent *e; (e = readdir(dir));)
		fn(r, str_of(e->d_name), arg);
	closedir(dir);
}

static void look_at_name(struct queue_reader *r, struct str name, void *arg)
{
	(void)arg;
	segment_found(r, name);
	if (str_ends(name, STR(".lock")) && name.n > 5)
		writer_for(r, str_sub(name, 0, name.n - 5));
}

/* ---- reading records ---- */

/* Head and meta. Small ones, nearly all, come with one read. */
static bool read_entry(struct queue_reader *r, int fd, uint64_t offset, struct arena *a,
    struct record_head *h, struct queue_entry *e, struct str *file)
{
	ssize_t got = pread(fd, r->window, WINDOW, (off_t)offset);
	char *meta;

	if (got < RECORD_HEAD || !record_head_get((struct str){(char *)r->window, (size_t)got}, h))
		return false;
	meta = arena_alloc(a, h->meta_length + 1);
	if ((size_t)got >= RECORD_HEAD + (size_t)h->meta_length)
		memcpy(meta, r->window + RECORD_HEAD, h->meta_length);
	else if (!file_read_at(fd, meta, h->meta_length, offset + RECORD_HEAD))
		return false;
	return record_meta_get(a, h, (struct str){meta, h->meta_length}, e, file);
}

static bool read_head(int fd, uint64_t offset, struct record_head *h)
{
	char octets[RECORD_HEAD];

	return file_read_at(fd, octets, sizeof octets, offset) &&
	       record_head_get((struct str){octets, sizeof octets}, h);
}

/* Is the record at offset whole: meta, data, and its file when it has one? */
static bool is_whole(struct queue_reader *r, struct segment *seg, uint64_t offset)
{
	struct arena *a = arena_new(0);
	struct record_head h;
	struct queue_entry e;
	struct queue_data d;
	struct str file;
	uint32_t crc;
	bool ok = false;

	if (read_entry(r, seg->fd, offset, a, &h, &e, &file) &&
	    queue_reader_data(r, seg, offset, &h, file, &d)) {
		ok = crc32c_file(d.fd, d.offset, d.length, &crc) && crc == h.data_crc;
		queue_data_close(&d);
	}
	arena_free(a);
	return ok;
}

/*
 * Where a segment of a dead writer ends: heads are followed to the last good one, then the records
 * of that last commit are checked in full. A submission of several records that was cut in the
 * middle is dropped as a whole.
 */
static uint64_t find_end(struct queue_reader *r, struct segment *seg)
{
	uint64_t offset = SEGMENT_HEAD, commit = SEGMENT_HEAD, group;
	struct record_head h;

	while (read_head(seg->fd, offset, &h) && h.commit <= offset) {
		commit = h.commit;
		offset += h.length;
	}
	for (group = offset = commit; read_head(seg->fd, offset, &h) && is_whole(r, seg, offset);) {
		offset += h.length;
		if (!(h.flags & RECORD_MORE))
			group = offset;
	}
	return group;
}

static bool head_is_good(struct queue_reader *r, struct segment *seg)
{
	struct segment_head h;
	char octets[SEGMENT_HEAD];
	enum res res = RES_NONE;

	if (file_read_at(seg->fd, octets, sizeof octets, 0))
		res = segment_head_get((struct str){octets, sizeof octets}, &h);
	if (res == RES_PERM) {
		trouble(r, "%s has format version %u; this program knows version %d: left alone",
		    seg->name, h.version, SEGMENT_VERSION);
		seg->is_refused = true;
	}
	return res == RES_OK;
}

/* How far may the segment be read now? Sets is_complete when that is all there will ever be. */
static uint64_t limit_of(struct queue_reader *r, struct segment *seg)
{
	const struct writer_view *w = seg->writer;

	if (w->is_alive && seg->number > w->number)
		return 0; /* its writer is just starting */
	if (w->is_alive && seg->number == w->number)
		return w->offset;
	if (!seg->is_checked) {
		seg->is_checked = true;
		seg->limit = head_is_good(r, seg) ? find_end(r, seg) : 0;
		if (seg->at == 0 && seg->limit)
			seg->at = SEGMENT_HEAD;
	}
	seg->is_complete = !seg->is_refused && seg->at >= seg->limit;
	return seg->limit;
}

static bool give(struct queue_reader *r, struct segment *seg, uint64_t offset, uint64_t *ret_length)
{
	struct arena *a = arena_new(0);
	struct record_head h;
	struct queue_entry e;
	struct str file;
	bool ok = read_entry(r, seg->fd, offset, a, &h, &e, &file);

	if (ok) {
		*ret_length = h.length;
		r->events.each(r->arg, seg, offset, &h, &e, file);
	}
	arena_free(a);
	return ok;
}

/* True when max stopped it. */
static bool segment_poll(struct queue_reader *r, struct segment *seg, size_t *max)
{
	uint64_t limit = limit_of(r, seg), length;

	if (limit && seg->at == 0)
		seg->at = SEGMENT_HEAD;
	while (seg->at < limit) {
		if (*max == 0)
			return true;
		if (!give(r, seg, seg->at, &length)) {
			trouble(r, "%s: record at %llu cannot be read: %s; the rest of the segment is left alone",
			    seg->name, (unsigned long long)seg->at, strerror(errno));
			seg->is_refused = true;
			return false;
		}
		seg->at += length;
		--*max;
	}
	limit_of(r, seg);
	return false;
}

bool queue_reader_poll(struct queue_reader *r, bool look_around, size_t max)
{
	bool more = false;

	for (struct writer_view *w = r->writers; w && !look_around; w = w->next) {
		writer_look(r, w);
		look_around = w->is_alive && w->offset && w->number > w->highest;
	}
	if (look_around) {
		/* First the names, then the locks: a segment found now whose writer is dead then is complete. */
		each_name(r, look_at_name, NULL);
		for (struct writer_view *w = r->writers; w; w = w->next)
			writer_look(r, w);
	}
	for (struct segment *s = r->first; s && !more; s = s->next)
		if (!s->is_refused && !s->is_complete)
			more = segment_poll(r, s, &max);
	return more;
}

/* ---- access ---- */

void segment_ref(struct segment *seg)
{
	seg->refs++;
}

void segment_unref(struct segment *seg)
{
	assert(seg->refs > 0);
	seg->refs--;
}

const char *segment_name(const struct segment *seg)
{
	return seg->name;
}

uint64_t segment_size(const struct segment *seg)
{
	return seg->at;
}

size_t segment_refs(const struct segment *seg)
{
	return seg->refs;
}

void **segment_tag(struct segment *seg)
{
	return &seg->tag;
}

bool segment_is_complete(const struct segment *seg)
{
	return seg->is_complete;
}

struct segment *queue_reader_first(struct queue_reader *r)
{
	return r->first;
}

struct segment *segment_next(struct segment *seg)
{
	return seg->next;
}

enum res segment_read(struct queue_reader *r, struct segment *seg, uint64_t *offset)
{
	uint64_t length;

	if (*offset < SEGMENT_HEAD)
		*offset = SEGMENT_HEAD;
	if (*offset >= seg->at)
		return RES_NONE;
	if (!give(r, seg, *offset, &length))
		return RES_TEMP;
	*offset += length;
	return RES_OK;
}

size_t queue_reader_sweep(struct queue_reader *r, bool (*may)(void *arg, struct segment *seg), void *arg)
{
	size_t n = 0;

	for (struct segment **at = &r->first, *seg; (seg = *at);) {
		if (!seg->is_complete || seg->refs || seg->is_refused || (may && !may(arg, seg))) {
			at = &seg->next;
			continue;
		}
		if (unlinkat(r->dir_fd, seg->name, 0) && errno != ENOENT)
			trouble(r, "%s: %s", seg->name, strerror(errno));
		*at = seg->next;
		segment_free(r, seg);
		n++;
	}
	return n;
}

void queue_reader_remove_file(struct queue_reader *r, struct str file)
{
	char name[RECORD_NAME_MAX];

	if (file.n == 0 || file.n >= sizeof name)
		return;
	memcpy(name, file.p, file.n);
	name[file.n] = '\0';
	if (unlinkat(r->dir_fd, name, 0) && errno != ENOENT)
		trouble(r, "%s: %s", name, strerror(errno));
}

struct orphan_question {
	bool (*is_known)(void *arg, struct str file);
	void *arg;
};

/* WRITER-EPOCH-SERIAL.msg belongs to a living writer when the lock's epoch is the same. */
static bool is_of_living(struct queue_reader *r, struct str name)
{
	char epoch[24];

	for (struct writer_view *w = r->writers; w; w = w->next) {
		if (!w->is_alive || !str_starts(name, w->name))
			continue;
		snprintf(epoch, sizeof epoch, "-%016llx-", (unsigned long long)w->epoch);
		if (str_starts(str_from(name, w->name.n), str_of(epoch)))
			return true;
	}
	return false;
}

static void remove_orphan(struct queue_reader *r, struct str name, void *arg)
{
	const struct orphan_question *q = arg;

	if (str_ends(name, STR(".msg")) && !is_of_living(r, name) && !q->is_known(q->arg, name))
		queue_reader_remove_file(r, name);
}

void queue_reader_remove_orphans(struct queue_reader *r, bool (*is_known)(void *arg, struct str file), void *arg)
{
	struct orphan_question q = {is_known, arg};

	for (struct writer_view *w = r->writers; w; w = w->next)
		writer_look(r, w);
	each_name(r, remove_orphan, &q);
}

bool queue_reader_entry(struct queue_reader *r, struct segment *seg, uint64_t offset, struct arena *a,
    struct record_head *ret_head, struct queue_entry *ret_entry, struct str *ret_file)
{
	return read_entry(r, seg->fd, offset, a, ret_head, ret_entry, ret_file);
}

bool queue_reader_data(struct queue_reader *r, struct segment *seg, uint64_t offset,
    const struct record_head *head, struct str file, struct queue_data *ret_data)
{
	char name[RECORD_NAME_MAX];

	*ret_data = (struct queue_data){seg->fd, offset + record_data_offset(head), head->data_length, false};
	if (!(head->flags & RECORD_FILE))
		return true;
	if (file.n >= sizeof name)
		return false;
	memcpy(name, file.p, file.n);
	name[file.n] = '\0';
	ret_data->fd = openat(r->dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	ret_data->offset = 0;
	ret_data->is_own = true;
	return ret_data->fd >= 0;
}

void queue_data_close(struct queue_data *d)
{
	if (d->is_own && d->fd >= 0)
		close(d->fd);
	d->fd = -1;
}
