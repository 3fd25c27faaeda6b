/*
 * Submissions: turned into records on the caller's thread, which then wait in a line for the commit
 * thread. Those with a large message wait for the link thread first, which reads, syncs and links its
 * file, so that it holds up neither the caller nor the small ones.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/queue/crc32c.h"
#include "gateway/queue/writer_private.h"

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

static void item_init(struct queue_writer *w, struct item *it, const struct item *before, const struct queue_entry *e)
{
	struct stat st;

	it->entry = *e;
	it->head.uid.epoch = w->epoch;
	it->head.uid.serial = atomic_fetch_add(&w->serial, 1);
	it->head.arrived = e->arrived;
	it->head.recipients = (uint32_t)e->recipient_count;
	it->head.edits = e->edits ? (uint32_t)e->edits->n : 0;
	it->head.data_length = e->data.n;
	if (e->data_fd >= 0 && fstat(e->data_fd, &st) == 0 && (uint64_t)st.st_size == e->data.n)
		snprintf(it->file, sizeof it->file, "%s-%016llx-%llu.msg", w->name,
		    (unsigned long long)w->epoch, (unsigned long long)it->head.uid.serial);
	/* The octets of a file are the link thread's work: the caller may be a loop. Groups share theirs. */
	if (!it->file[0])
		it->head.data_crc = before && before->entry.data.p == e->data.p ? before->head.data_crc
										: crc32c(0, e->data.p, e->data.n);
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
		item_init(w, it, i ? it - 1 : NULL, &entries[i]);
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
	struct submission *s = n && n <= RECORD_RECIPIENTS_MAX ? submission_new(w, entries, n) : NULL;

	if (!s) {
		done(arg, QUEUE_FAILED);
		return;
	}
	s->done = done;
	s->arg = arg;
	writer_line_add(w, needs_link(s) ? &w->link : &w->commit, s);
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
	writer_line_add(w, &w->commit, s);
}

/* ---- the link thread ---- */

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

/* Through the file: a mapping would bring all of a large message into memory. */
static bool file_sync(struct queue_writer *w, const struct item *it, uint32_t *ret_crc)
{
	return crc32c_file(it->entry.data_fd, 0, it->entry.data.n, ret_crc) &&
	       (!w->is_durable || fsync(it->entry.data_fd) == 0);
}

static bool submission_link(struct queue_writer *w, struct submission *s)
{
	int synced = -1;
	uint32_t crc = 0;

	s->bytes = 0;
	for (size_t i = 0; i < s->n; i++) {
		struct item *it = &s->items[i];
		if (it->file[0]) {
			if (it->entry.data_fd != synced && !file_sync(w, it, &crc)) {
				s->result = writer_result_of_errno(errno);
				return false;
			}
			synced = it->entry.data_fd;
			it->head.data_crc = crc;
			item_link(w, it, i + 1 < s->n);
		}
		s->bytes += it->head.length;
	}
	return true;
}

void *writer_link_main(void *arg)
{
	struct queue_writer *w = arg;
	struct submission *s, *next;

	while ((s = writer_line_take(w, &w->link))) {
		for (; s; s = next) {
			next = s->next;
			if (submission_link(w, s))
				writer_line_add(w, &w->commit, s);
			else
				writer_submission_end(w, s);
		}
	}
	return NULL;
}
