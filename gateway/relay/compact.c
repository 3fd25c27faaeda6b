/*
 * Cleaning: message files, segments without life, the journal, segments with little life. Each
 * call of backlog_maintain() does a bounded piece of it.
 */
#define _GNU_SOURCE
#include "gateway/relay/compact.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/clock.h"

enum {
	PASS_STEP = 2000,
	JOURNAL_MIN = 8 * 1024 * 1024,
	JOURNAL_PER_MAIL = 128,
	SEGMENT_MIN = 256 * 1024,
	COPY_STEP = 4 * 1024 * 1024, /* octets on their way at a time */
	LOOK_EVERY_MS = 5000,
};

/* ---- message files ---- */

void garbage_add(struct backlog *b, struct mail *m)
{
	struct arena *a = arena_new(0);
	struct record_head h;
	struct queue_entry e;
	struct str file;
	struct garbage *g;

	if (backlog_entry(b, m, a, &h, &e, &file) && file.n < RECORD_NAME_MAX) {
		g = calloc(1, sizeof *g);
		if (!g)
			abort();
		memcpy(g->file, file.p, file.n);
		g->position = b->journal ? journal_position(b->journal) : 0;
		*b->files_last = g;
		b->files_last = &g->next;
	}
	arena_free(a);
}

void garbage_remove(struct backlog *b)
{
	uint64_t synced = journal_synced(b->journal);
	struct garbage *g;

	while ((g = b->files) && g->position <= synced) {
		queue_reader_remove_file(b->reader, str_of(g->file));
		b->files = g->next;
		if (!b->files)
			b->files_last = &b->files;
		free(g);
	}
}

void garbage_free(struct backlog *b)
{
	for (struct garbage *g = b->files, *next; g; g = next) {
		next = g->next;
		free(g);
	}
}

/* ---- segments of which nothing is left ---- */

/* The journal that says so is on disk: the loop never waits for a sync here. */
static bool may_go(void *arg, struct segment *seg)
{
	struct backlog *b = arg;

	return tag_of(seg)->done_at <= journal_synced(b->journal);
}

/* ---- the journal ---- */

static void pass_start(struct backlog *b)
{
	b->pass = PASS_SEGMENTS;
}

static void pass_segments(struct backlog *b)
{
	for (struct segment *s = queue_reader_first(b->reader); s; s = segment_next(s)) {
		struct segment_tag *tag = *segment_tag(s);
		for (size_t i = 0; tag && i < tag->n; i++)
			journal_done(b, tag->done[i]);
	}
	b->pass = PASS_MAILS;
	b->pass_cursor = 0;
	b->pass_generation = b->generation;
}

static void pass_mail(void *arg, struct mail *m)
{
	struct backlog *b = arg;
	struct arena *a = arena_new(0);

	for (uint32_t i = 0; i < m->n; i++)
		if (m->r[i].ref && journal_is_old(b->journal, m->r[i].ref))
			journal_copy(b, m, i, a);
	arena_free(a);
}

static void pass_mails(struct backlog *b)
{
	if (b->pass_generation != b->generation) { /* the table was laid out anew: some were skipped */
		b->pass_cursor = 0;
		b->pass_generation = b->generation;
	}
	if (!backlog_walk(b, &b->pass_cursor, PASS_STEP, pass_mail, b) && journal_drop_old(b->journal))
		b->pass = PASS_NONE;
}

static bool journal_is_long(const struct backlog *b)
{
	uint64_t size = journal_size(b->journal);

	return size > JOURNAL_MIN && size > 4 * JOURNAL_PER_MAIL * (uint64_t)(b->n + b->done);
}

static void journal_step(struct backlog *b)
{
	switch (b->pass) {
	case PASS_NONE:
		if (journal_has_old(b->journal) || (journal_is_long(b) && journal_turn(b->journal)))
			pass_start(b);
		break;
	case PASS_SEGMENTS:
		pass_segments(b);
		break;
	case PASS_MAILS:
		pass_mails(b);
		break;
	}
}

/* ---- segments of which little is left ---- */

struct copy {
	struct copy *next;
	struct arena *arena;
	struct uid uid;
	char *data;
	uint64_t bytes;
	_Atomic int result; /* 1 + enum queue_result when it is done */
};

static void copy_done(void *arg, enum queue_result result)
{
	struct copy *c = arg;

	c->result = 1 + (int)result;
}

static void copy_free(struct backlog *b, struct copy *c)
{
	struct mail *m = backlog_find(b, c->uid);

	/* Not written: the original is still there, and may be tried again. */
	if (m && c->result != 1 + QUEUE_OK)
		m->flags &= ~(uint32_t)MAIL_COPYING;
	else if (!m && c->result != 1 + QUEUE_OK)
		ended_take(b, c->uid);
	b->copied_bytes -= c->bytes;
	arena_free(c->arena);
	free(c->data);
	free(c);
}

static void copies_reap(struct backlog *b)
{
	for (struct copy **at = &b->copies, *c; (c = *at);) {
		if (!c->result) {
			at = &c->next;
			continue;
		}
		*at = c->next;
		copy_free(b, c);
	}
}

void copies_free(struct backlog *b)
{
	for (struct copy *c; (c = b->copies);) {
		b->copies = c->next;
		copy_free(b, c);
	}
}

static char *data_read(struct backlog *b, struct segment *seg, uint64_t offset, const struct record_head *h)
{
	struct queue_data d;
	char *data = malloc(h->data_length + 1);

	if (data && queue_reader_data(b->reader, seg, offset, h, STR_NONE, &d) &&
	    pread(d.fd, data, d.length, (off_t)d.offset) == (ssize_t)d.length)
		return data;
	free(data);
	return NULL;
}

/* The entry's slices live as long as the callback: the writer needs them longer. */
static void entry_keep(struct arena *a, struct queue_entry *e)
{
	struct queue_recipient *r = arena_array(a, e->recipient_count, sizeof *r);
	struct edits *edits = arena_alloc(a, sizeof *edits);

	e->sender = arena_str(a, e->sender);
	e->envid = arena_str(a, e->envid);
	for (size_t i = 0; i < e->recipient_count; i++)
		r[i] = (struct queue_recipient){arena_str(a, e->recipients[i].address),
		    arena_str(a, e->recipients[i].orcpt), e->recipients[i].notify};
	e->recipients = r;
	edits->last = &edits->first;
	for (const struct edit *d = e->edits ? e->edits->first : NULL; d; d = d->next) {
		struct edit *n = arena_alloc(a, sizeof *n);
		*n = (struct edit){d->op, arena_str(a, d->name), arena_str(a, d->value), d->index, NULL};
		*edits->last = n;
		edits->last = &n->next;
		edits->n++;
	}
	e->edits = edits;
}

void compact_record(struct backlog *b, struct mail *m, struct segment *seg, uint64_t offset,
    const struct record_head *h, const struct queue_entry *e, struct str file)
{
	struct queue_entry kept = *e;
	struct copy *c;

	if (!m || m->seg != seg || m->flags & MAIL_COPYING)
		return;
	c = calloc(1, sizeof *c);
	if (!c)
		abort();
	*c = (struct copy){.next = b->copies, .arena = arena_new(0), .uid = h->uid, .bytes = h->length};
	if (!(h->flags & RECORD_FILE) && !(c->data = data_read(b, seg, offset, h))) {
		arena_free(c->arena);
		free(c);
		return;
	}
	b->copies = c;
	b->copied_bytes += c->bytes;
	m->flags |= MAIL_COPYING;
	entry_keep(c->arena, &kept);
	kept.data = (struct str){c->data, c->data ? h->data_length : 0};
	queue_submit_copy(b->writer, &kept, arena_str(c->arena, file), h, copy_done, c);
}

static bool is_worth_it(struct segment *s)
{
	return segment_is_complete(s) && segment_refs(s) && segment_size(s) > SEGMENT_MIN &&
	       tag_of(s)->live_bytes < segment_size(s) / 4;
}

static void copy_look(struct backlog *b)
{
	int64_t now = clock_mono_us() / 1000;

	if (!b->writer || now - b->looked_ms < LOOK_EVERY_MS)
		return;
	b->looked_ms = now;
	for (struct segment *s = queue_reader_first(b->reader); s; s = segment_next(s)) {
		if (!is_worth_it(s))
			continue;
		segment_ref(s);
		b->copying = s;
		b->copying_at = 0;
		return;
	}
}

static void copy_step(struct backlog *b)
{
	enum res res = RES_OK;

	copies_reap(b);
	b->is_copying = true;
	while (res == RES_OK && b->copied_bytes < COPY_STEP)
		res = segment_read(b->reader, b->copying, &b->copying_at);
	b->is_copying = false;
	if (res == RES_OK || b->copies)
		return;
	/* The copies are seen by the next poll, which moves their messages over. */
	segment_unref(b->copying);
	b->copying = NULL;
}

void backlog_maintain(struct backlog *b)
{
	garbage_remove(b);
	queue_reader_sweep(b->reader, may_go, b);
	journal_step(b);
	if (b->copying)
		copy_step(b);
	else
		copy_look(b);
}
