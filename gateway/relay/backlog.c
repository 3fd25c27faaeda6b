/*
 * The backlog: a hash table of messages by uid, fed by the segments and corrected by the journal.
 * Each segment carries a tag: the uids that are done in it (the journal must go on saying so while
 * the segment exists) and how many octets are still alive.
 */
#define _GNU_SOURCE
#include "gateway/relay/backlog.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/relay/compact.h"
#include "gateway/relay/backlog_private.h"

enum { FIRST_BUCKETS = 1024, ALL_RECIPIENTS = -1, LOAD_BATCH = 4096 };

static void each_record(void *arg, struct segment *seg, uint64_t offset, const struct record_head *h,
    const struct queue_entry *e, struct str file);
static void each_state(void *arg, struct uid uid, uint32_t recipient, const struct recipient_state *state,
    journal_ref ref);
static void on_trouble(void *arg, struct str text);
static void on_gone(void *arg, struct segment *seg);
static void each_done_check(void *arg, struct mail *m);
static bool file_is_known(void *arg, struct str file);

/* ---- life cycle ---- */

static bool open_parts(struct backlog *b, const char *dir, struct arena *a, struct str *ret_error)
{
	static const struct queue_reader_events reader_events = {each_record, on_trouble, on_gone};
	static const struct journal_events journal_events = {each_state, on_trouble};
	size_t cursor = 0;

	b->reader = queue_reader_open(dir, &reader_events, b, a, ret_error);
	if (!b->reader)
		return false;
	while (queue_reader_poll(b->reader, true, LOAD_BATCH))
		;
	b->journal = journal_open(queue_reader_dir(b->reader), &journal_events, b, a, ret_error);
	if (!b->journal)
		return false;
	b->is_loaded = true;
	while (backlog_walk(b, &cursor, LOAD_BATCH, each_done_check, b))
		;
	queue_reader_remove_orphans(b->reader, file_is_known, b);
	return true;
}

struct backlog *backlog_open(const char *dir, const struct backlog_events *events, void *arg,
    struct arena *a, struct str *ret_error)
{
	struct backlog *b = calloc(1, sizeof *b);

	if (!b)
		abort();
	b->events = *events;
	b->arg = arg;
	b->room = FIRST_BUCKETS;
	b->buckets = calloc(b->room, sizeof *b->buckets);
	b->files_last = &b->files;
	if (!b->buckets)
		abort();
	if (!open_parts(b, dir, a, ret_error)) {
		backlog_close(b);
		return NULL;
	}
	return b;
}

void backlog_close(struct backlog *b)
{
	if (!b)
		return;
	for (size_t i = 0; i < b->room; i++) {
		for (struct mail *m = b->buckets[i], *next; m; m = next) {
			next = m->chain;
			free(m);
		}
	}
	if (b->journal && journal_sync(b->journal))
		garbage_remove(b);
	garbage_free(b);
	copies_free(b);
	while (b->ended)
		ended_take(b, b->ended->uid);
	queue_reader_close(b->reader);
	journal_close(b->journal);
	free(b->buckets);
	free(b);
}

void backlog_set_writer(struct backlog *b, struct queue_writer *w)
{
	b->writer = w;
}

/* ---- the table ---- */

static struct mail **bucket_of(const struct backlog *b, struct uid uid)
{
	uint64_t h = (uid.epoch ^ uid.serial) * 0x9e3779b97f4a7c15u;

	return &b->buckets[(h >> 20) & (b->room - 1)];
}

struct mail *backlog_find(const struct backlog *b, struct uid uid)
{
	struct mail *m = *bucket_of(b, uid);

	while (m && (m->uid.epoch != uid.epoch || m->uid.serial != uid.serial))
		m = m->chain;
	return m;
}

static void grow(struct backlog *b)
{
	size_t old_room = b->room;
	struct mail **old = b->buckets;

	b->room *= 2;
	b->generation++;
	b->buckets = calloc(b->room, sizeof *b->buckets);
	if (!b->buckets)
		abort();
	for (size_t i = 0; i < old_room; i++) {
		for (struct mail *m = old[i], *next; m; m = next) {
			struct mail **at = bucket_of(b, m->uid);
			next = m->chain;
			m->chain = *at;
			*at = m;
		}
	}
	free(old);
}

static void table_add(struct backlog *b, struct mail *m)
{
	struct mail **at;

	if (b->n >= b->room)
		grow(b);
	at = bucket_of(b, m->uid);
	m->chain = *at;
	*at = m;
	b->n++;
	b->bytes += sizeof *m + m->n * sizeof *m->r;
}

static void table_remove(struct backlog *b, struct mail *m)
{
	struct mail **at = bucket_of(b, m->uid);

	while (*at != m)
		at = &(*at)->chain;
	*at = m->chain;
	b->n--;
	b->bytes -= sizeof *m + m->n * sizeof *m->r;
}

bool backlog_walk(struct backlog *b, size_t *cursor, size_t count, void (*each)(void *arg, struct mail *m), void *arg)
{
	size_t seen = 0;

	for (; *cursor < b->room && seen < count; ++*cursor) {
		for (struct mail *m = b->buckets[*cursor], *next; m; m = next) {
			next = m->chain;
			seen++;
			each(arg, m);
		}
		seen += *cursor % 64 == 0; /* empty stretches cost something too */
	}
	return *cursor < b->room;
}

size_t backlog_count(const struct backlog *b)
{
	return b->n;
}

size_t backlog_bytes_in_memory(const struct backlog *b)
{
	return b->bytes + b->room * sizeof *b->buckets;
}

void mail_pin(struct mail *m)
{
	m->pins++;
}

void mail_unpin(struct mail *m)
{
	assert(m->pins > 0);
	if (--m->pins == 0 && m->flags & MAIL_DONE)
		free(m);
}

/* ---- records come in ---- */

struct segment_tag *tag_of(struct segment *seg)
{
	void **tag = segment_tag(seg);

	if (!*tag && !(*tag = calloc(1, sizeof(struct segment_tag))))
		abort();
	return *tag;
}

static void on_gone(void *arg, struct segment *seg)
{
	struct segment_tag *tag = *segment_tag(seg);

	(void)arg;
	if (tag)
		free(tag->done);
	free(tag);
}

static void on_trouble(void *arg, struct str text)
{
	struct backlog *b = arg;

	b->events.trouble(b->arg, text);
}

static void done_add(struct segment_tag *tag, struct uid uid)
{
	if (tag->n == tag->room) {
		tag->room = tag->room ? tag->room * 2 : 32;
		tag->done = realloc(tag->done, tag->room * sizeof *tag->done);
		if (!tag->done)
			abort();
	}
	tag->done[tag->n++] = uid;
}

static void ended_add(struct backlog *b, struct uid uid)
{
	struct ended *e = malloc(sizeof *e);

	if (!e)
		abort();
	*e = (struct ended){b->ended, uid};
	b->ended = e;
}

bool ended_take(struct backlog *b, struct uid uid)
{
	for (struct ended **at = &b->ended, *e; (e = *at); at = &e->next) {
		if (e->uid.epoch != uid.epoch || e->uid.serial != uid.serial)
			continue;
		*at = e->next;
		free(e);
		return true;
	}
	return false;
}

static void mail_place(struct mail *m, struct segment *seg, uint64_t offset)
{
	segment_ref(seg);
	tag_of(seg)->live_bytes += m->length;
	if (m->seg) {
		tag_of(m->seg)->live_bytes -= m->length;
		segment_unref(m->seg);
	}
	m->seg = seg;
	m->offset = offset;
	m->flags &= ~(uint32_t)MAIL_COPYING;
}

static void each_record(void *arg, struct segment *seg, uint64_t offset, const struct record_head *h,
    const struct queue_entry *e, struct str file)
{
	struct backlog *b = arg;
	struct mail *m = backlog_find(b, h->uid);

	if (b->is_copying) {
		compact_record(b, m, seg, offset, h, e, file);
		return;
	}
	if (!m && ended_take(b, h->uid)) {
		done_add(tag_of(seg), h->uid);
		return;
	}
	if (m) { /* a copy that compaction made, or its original */
		mail_place(m, seg, offset);
		return;
	}
	m = calloc(1, sizeof *m + e->recipient_count * sizeof *m->r);
	if (!m)
		abort();
	m->uid = h->uid;
	m->length = h->length;
	m->arrived = h->arrived;
	m->n = m->live = (uint32_t)e->recipient_count;
	m->flags = (e->is_dsn ? MAIL_DSN : 0u) | (file.n ? MAIL_FILE : 0u);
	mail_place(m, seg, offset);
	table_add(b, m);
	b->events.added(b->arg, m, e);
	if (b->is_loaded)
		b->events.ready(b->arg, m);
}

/* WRITER-EPOCH-SERIAL.msg: asked only for files without a living writer, once, at the start. */
static bool file_is_known(void *arg, struct str file)
{
	struct backlog *b = arg;
	struct str rest = str_sub(file, 0, file.n - 4);
	ptrdiff_t dash = str_rchr(rest, '-');
	struct uid uid = {0};

	if (dash < 16 || !str_u64(str_from(rest, (size_t)dash + 1), &uid.serial))
		return true; /* not ours: left alone */
	for (ptrdiff_t i = dash - 16; i < dash; i++) {
		int digit = hex_value(rest.p[i]);
		if (digit < 0)
			return true;
		uid.epoch = uid.epoch << 4 | (unsigned)digit;
	}
	return backlog_find(b, uid) != NULL;
}

bool backlog_poll(struct backlog *b, bool look_around, size_t max)
{
	return queue_reader_poll(b->reader, look_around, max);
}

/* ---- states ---- */

/* Nothing is left to do: out of the table, its place in the segment noted as done. */
static void mail_end(struct backlog *b, struct mail *m)
{
	struct segment_tag *tag = tag_of(m->seg);

	if (m->flags & MAIL_FILE)
		garbage_add(b, m);
	if (m->flags & MAIL_COPYING)
		ended_add(b, m->uid);
	done_add(tag, m->uid);
	tag->done_at = b->journal ? journal_position(b->journal) : 0;
	b->done++;
	tag->live_bytes -= m->length;
	segment_unref(m->seg);
	m->seg = NULL;
	table_remove(b, m);
	m->flags |= MAIL_DONE;
	if (m->pins == 0)
		free(m);
}

/* Of the journal of earlier runs; whatever is not in the table any more needs no state. */
static void each_state(void *arg, struct uid uid, uint32_t recipient, const struct recipient_state *state,
    journal_ref ref)
{
	struct backlog *b = arg;
	struct mail *m = backlog_find(b, uid);
	uint32_t from = recipient, to = recipient + 1;

	if (!m)
		return;
	if (recipient == (uint32_t)ALL_RECIPIENTS) {
		from = 0;
		to = m->n;
	}
	for (uint32_t i = from; i < to && i < m->n; i++) {
		struct rcpt *r = &m->r[i];
		m->live -= rcpt_is_live(r) && state->state != STATE_WAITING;
		m->live += !rcpt_is_live(r) && state->state == STATE_WAITING;
		r->state = state->state;
		r->flags = state->flags;
		r->attempts = state->attempts;
		r->next_ms = state->next_ms;
		r->ref = ref;
	}
}

static void each_done_check(void *arg, struct mail *m)
{
	struct backlog *b = arg;

	if (m->live == 0)
		mail_end(b, m);
	else
		b->events.ready(b->arg, m);
}

static struct recipient_state state_of(const struct rcpt *r)
{
	return (struct recipient_state){r->state, r->flags & (uint8_t)~RCPT_BUSY, r->attempts, r->next_ms};
}

void journal_copy(struct backlog *b, struct mail *m, uint32_t i, struct arena *a)
{
	struct recipient_state state = state_of(&m->r[i]);
	struct str text = journal_text(b->journal, m->r[i].ref, a);

	m->r[i].ref = journal_add(b->journal, m->uid, i, &state, text);
}

void journal_done(struct backlog *b, struct uid uid)
{
	static const struct recipient_state done = {STATE_DELIVERED, 0, 0, 0};

	journal_add(b->journal, uid, (uint32_t)ALL_RECIPIENTS, &done, STR(""));
}

void backlog_note(struct backlog *b, struct mail *m, uint32_t i, struct str text)
{
	struct recipient_state state = state_of(&m->r[i]);

	m->r[i].ref = journal_add(b->journal, m->uid, i, &state, text);
	if (rcpt_is_live(&m->r[i]) || m->flags & MAIL_DONE)
		return;
	assert(m->live > 0);
	if (--m->live)
		return;
	/* One record for all, so that a compaction under way need not know the single ones. */
	if (m->n > 1)
		journal_done(b, m->uid);
	mail_end(b, m);
}

struct str backlog_text(struct backlog *b, const struct rcpt *r, struct arena *a)
{
	return journal_text(b->journal, r->ref, a);
}

int64_t backlog_when(struct backlog *b, const struct rcpt *r)
{
	return journal_when(b->journal, r->ref);
}

bool backlog_entry(struct backlog *b, const struct mail *m, struct arena *a, struct record_head *ret_head,
    struct queue_entry *ret_entry, struct str *ret_file)
{
	return m->seg && queue_reader_entry(b->reader, m->seg, m->offset, a, ret_head, ret_entry, ret_file) &&
	       ret_entry->recipient_count == m->n;
}

bool backlog_data(struct backlog *b, const struct mail *m, const struct record_head *head, struct str file,
    struct queue_data *ret_data)
{
	return queue_reader_data(b->reader, m->seg, m->offset, head, file, ret_data);
}
