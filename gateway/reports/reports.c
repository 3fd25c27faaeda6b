/* What both kinds of reports need: where they come from, limits, signing, the way into the queue. */
#include "gateway/reports/reports.h"

#include <semaphore.h>
#include <string.h>

#include "auth/sealing.h"
#include "core/chain.h"
#include "gateway/queue/reader.h"
#include "lib/clock.h"

enum { READ_AT_ONCE = 1024, DAY_SECONDS = 86400 };

static const char host_table[] = "dmarc-host";

const char *const reports_filters[] = {"spf", "dkim", "dmarc", NULL};

static const struct chain_slot *slot_of(const struct reports *r, const char *name)
{
	for (size_t i = 0; i < chain_length(r->snapshot->chain); i++)
		if (strcmp(chain_at(r->snapshot->chain, i)->filter->name, name) == 0)
			return chain_at(r->snapshot->chain, i);
	return NULL;
}

void reports_init(struct reports *r, const struct snapshot *snapshot, struct dns *dns, struct store *store)
{
	const struct chain_slot *dmarc;

	*r = (struct reports){.snapshot = snapshot, .dns = dns, .store = store};
	dmarc = slot_of(r, "dmarc");
	r->conf = dmarc ? dmarc->conf : NULL; /* it starts with one: auth/report.h */
}

bool reports_open(struct reports *r, struct arena *a, struct str *ret_error)
{
	const struct config *config = r->snapshot->config;
	struct queue_options options = {.writer = "dmarc", .segment_bytes = config->queue_segment,
	    .free_min = config->queue_free_min, .is_durable = config->queue_durable};

	options.dir = arena_printf(a, "%.*s/queue", STR_ARG(config->state)).p;
	r->writer = queue_writer_open(&options, a, ret_error);
	return r->writer != NULL;
}

void reports_close(struct reports *r)
{
	queue_writer_close(r->writer);
	r->writer = NULL;
}

struct str reports_from(const struct reports *r, struct arena *a)
{
	return r->conf->from.n ? r->conf->from : arena_printf(a, "dmarc-noreply@%.*s", STR_ARG(r->snapshot->config->hostname));
}

bool reports_skips(const struct reports *r, struct str domain)
{
	for (size_t i = 0; i < r->conf->skip.n; i++)
		if (str_ieq(r->conf->skip.v[i].text, domain))
			return true;
	return false;
}

/* ---- limits ---- */

static bool may_get_more(struct reports *r, struct arena *a, struct str address)
{
	struct str host = str_lower(a, str_from(address, (size_t)(str_rchr(address, '@') + 1)));
	struct str key = arena_printf(a, "%.*s\t%.*s", STR_ARG(report_day(a, clock_now())), STR_ARG(host));
	int64_t total;

	return store_count(r->store, host_table, key, 1, DAY_SECONDS, &total) == RES_OK && total <= r->conf->per_host;
}

size_t reports_limit(struct reports *r, struct arena *a, struct str *to, size_t n)
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++)
		if (may_get_more(r, a, to[i]))
			to[kept++] = to[i];
	return kept;
}

/* ---- the queue ---- */

struct search {
	struct str id;
	bool is_found;
};

static void look(void *arg, struct segment *seg, uint64_t offset, const struct record_head *head, const struct queue_entry *entry,
    struct str file)
{
	struct search *search = arg;

	(void)seg, (void)offset, (void)head, (void)file;
	search->is_found |= str_is(search->id, entry->id);
}

static void ignore(void *arg, struct str text)
{
	(void)arg, (void)text;
}

enum res reports_is_queued(const struct reports *r, struct str id)
{
	const struct queue_reader_events events = {.each = look, .trouble = ignore};
	struct search search = {.id = id};
	struct arena *a = arena_new(0);
	struct str error;
	const char *dir = arena_printf(a, "%.*s/queue", STR_ARG(r->snapshot->config->state)).p;
	struct queue_reader *reader = queue_reader_open(dir, &events, &search, a, &error);
	enum res res = RES_TEMP;

	if (reader) {
		for (bool around = true; queue_reader_poll(reader, around, READ_AT_ONCE); around = false)
			;
		res = search.is_found ? RES_OK : RES_NONE;
	}
	queue_reader_close(reader);
	arena_free(a);
	return res;
}

struct handover {
	sem_t done;
	enum queue_result result;
};

static void on_committed(void *arg, enum queue_result result)
{
	struct handover *h = arg;

	h->result = result;
	sem_post(&h->done);
}

static bool submit(struct reports *r, const struct queue_entry *entry)
{
	struct handover h = {.result = QUEUE_FAILED};

	sem_init(&h.done, 0, 0);
	queue_submit(r->writer, entry, 1, on_committed, &h);
	while (sem_wait(&h.done) != 0)
		;
	sem_destroy(&h.done);
	return h.result == QUEUE_OK;
}

/* The filter dkim sees the report as mail that was submitted here, and says with what it is signed. */
static void sign(struct reports *r, struct session *s, struct edits *edits)
{
	const struct chain_slot *dkim = slot_of(r, "dkim");

	if (!dkim)
		return;
	s->slot = dkim;
	s->stage = STAGE_MESSAGE;
	dkim->filter->run[STAGE_MESSAGE](s, dkim->conf);
	edits_init(edits);
	seal_outgoing(s, edits);
}

void reports_make_id(char id[ID_TEXT_MAX])
{
	id_make(id);
}

bool reports_queue(struct reports *r, const char *id, struct str mail, const struct str *to, size_t n)
{
	struct session *s = session_new(r->snapshot->chain, r->dns, FACE_MILTER);
	struct message *m = message_start(s);
	struct queue_entry entry = {.arrived = clock_now(), .sender = reports_from(r, m->arena), .is_dsn = true, .data = mail,
	    .is_8bit = !str_is_ascii(mail), .data_fd = -1};
	struct edits edits;
	bool ok;

	edits_init(&edits);
	s->hostname = r->snapshot->config->hostname;
	m->spool = spool_of(mail);
	headers_parse(m->arena, mail, &m->headers);
	sign(r, s, &edits);
	r->was_unsigned |= edits.n == 0;
	memcpy(entry.id, id, sizeof entry.id);
	entry.edits = &edits;
	entry.recipients = arena_array(m->arena, n, sizeof *entry.recipients);
	for (entry.recipient_count = 0; entry.recipient_count < n; entry.recipient_count++)
		entry.recipients[entry.recipient_count].address = to[entry.recipient_count];
	ok = submit(r, &entry);
	session_free(s);
	return ok;
}
