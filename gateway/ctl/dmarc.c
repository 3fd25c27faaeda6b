/*
 * reevectl dmarc report: what other domains are owed about a day. Lists the reports, writes them as files
 * (--out), or hands them to the queue, signed like any mail of ours (--send), once per domain and day.
 * Meant to be run by a timer after midnight UTC; needs no running daemon.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <getopt.h>
#include <semaphore.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "auth/report.h"
#include "auth/sealing.h"
#include "core/chain.h"
#include "gateway/ctl/ctl.h"
#include "gateway/queue/queue.h"
#include "gateway/snapshot.h"
#include "lib/clock.h"
#include "lib/gzip.h"

enum { DOMAINS_MAX = 100000, ADDRESSES_MAX = 8, QUERIES = 60, TIMEOUT_MS = 20000, SENT_KEEP_SECONDS = 30 * 86400 };

static const char sent_table[] = "dmarc-sent";

struct work {
	struct ctl *ctl;
	const char *out;
	bool sends;
	struct str day;
	char **only; /* domains from the command line, NULL-terminated */
	struct snapshot *snapshot;
	const struct report_conf *conf;
	struct dns *dns;
	struct store *store;
	struct queue_writer *writer;
	struct str *domains;
	size_t n, room;
	int status;
};

/* ---- one report ---- */

static bool write_file(struct work *w, struct arena *a, struct str name, struct str data)
{
	const char *path = arena_printf(a, "%s/%.*s", w->out, STR_ARG(name)).p;
	FILE *file = fopen(path, "wb");
	bool ok = file && fwrite(data.p, 1, data.n, file) == data.n;

	if (file)
		ok &= fclose(file) == 0;
	if (!ok)
		w->status = ctl_fail("%s: %s", path, strerror(errno));
	return ok;
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

static const struct chain_slot *slot_of(const struct work *w, const char *name)
{
	for (size_t i = 0; i < chain_length(w->snapshot->chain); i++)
		if (strcmp(chain_at(w->snapshot->chain, i)->filter->name, name) == 0)
			return chain_at(w->snapshot->chain, i);
	return NULL;
}

/* The filter dkim sees the report as mail that was submitted here, and says with what it is signed. */
static void sign(struct work *w, struct session *s, struct edits *edits)
{
	const struct chain_slot *dkim = slot_of(w, "dkim");

	if (!dkim)
		return;
	s->slot = dkim;
	s->stage = STAGE_MESSAGE;
	dkim->filter->run[STAGE_MESSAGE](s, dkim->conf);
	edits_init(edits);
	seal_outgoing(s, edits);
}

static bool hand_over(struct work *w, const struct report_meta *meta, struct str mail, const struct str *to, size_t n)
{
	struct session *s = session_new(w->snapshot->chain, w->dns, FACE_MILTER);
	struct message *m = message_start(s);
	struct queue_entry entry = {.arrived = clock_now(), .sender = meta->email, .is_dsn = true, .data = mail, .data_fd = -1};
	struct handover h = {.result = QUEUE_FAILED};
	struct edits edits;

	edits_init(&edits);
	s->hostname = w->ctl->config->hostname;
	m->spool = spool_of(mail);
	headers_parse(m->arena, mail, &m->headers);
	sign(w, s, &edits);
	memcpy(entry.id, m->id, sizeof entry.id);
	entry.edits = &edits;
	entry.recipients = arena_array(m->arena, n, sizeof *entry.recipients);
	for (entry.recipient_count = 0; entry.recipient_count < n; entry.recipient_count++)
		entry.recipients[entry.recipient_count].address = to[entry.recipient_count];
	sem_init(&h.done, 0, 0);
	queue_submit(w->writer, &entry, 1, on_committed, &h);
	while (sem_wait(&h.done) != 0)
		;
	sem_destroy(&h.done);
	session_free(s);
	return h.result == QUEUE_OK;
}

static void print(const struct work *w, const struct report_meta *meta, size_t bytes, const struct str *to, size_t n,
    const char *what)
{
	struct buf out = {0};

	if (w->ctl->json) {
		struct json json = json_start(&out);

		json_open(&json, '{');
		json_kv(&json, "domain", meta->domain);
		json_kv_int(&json, "begin", meta->begin);
		json_kv_int(&json, "end", meta->end);
		json_kv_int(&json, "bytes", (int64_t)bytes);
		json_key(&json, "to");
		json_open(&json, '[');
		for (size_t i = 0; i < n; i++)
			json_text(&json, to[i]);
		json_close(&json);
		json_kv(&json, "status", str_of(what));
		json_close(&json);
	} else {
		buf_addf(&out, "%-8s %.*s  %zu octets  ", what, STR_ARG(meta->domain), bytes);
		for (size_t i = 0; i < n; i++)
			buf_addf(&out, "%s%.*s", i ? ", " : "", STR_ARG(to[i]));
	}
	buf_addc(&out, '\n');
	ctl_print(buf_str(&out));
	buf_free(&out);
}

/* What becomes of one: a word for the list. */
static const char *deal_with(struct work *w, struct arena *a, const struct report_meta *meta, struct str xml,
    const struct str *to, size_t n, enum res res)
{
	struct str key = arena_printf(a, "%.*s\t%.*s", STR_ARG(w->day), STR_ARG(meta->domain));
	struct store_entry sent;

	if (w->out && write_file(w, a, arena_printf(a, "%.*s.gz", STR_ARG(report_filename(a, meta))), gzip_pack(a, xml)) && !w->sends)
		return "written";
	if (n == 0)
		return res == RES_TEMP ? "later" : "nobody";
	if (!w->sends)
		return "ready";
	if (store_get(w->store, sent_table, key, a, &sent) == RES_OK)
		return "sent";
	if (!hand_over(w, meta, report_mail(a, meta, xml, to, n), to, n)) {
		w->status = ctl_fail("%.*s: the queue did not take the report", STR_ARG(meta->domain));
		return "failed";
	}
	store_put(w->store, sent_table, key, STR("1"), SENT_KEEP_SECONDS);
	return "queued";
}

static void report_on(struct work *w, struct str domain)
{
	static const struct dns_limits limits = {.queries = QUERIES, .timeout_ms = TIMEOUT_MS};
	struct dns_scope *scope = dns_scope_new(w->dns, &limits, NULL, NULL);
	struct arena *a = arena_new(0);
	struct report_meta meta = {.domain = domain, .receiver = w->ctl->config->hostname,
	    .method = (enum dmarc_method)w->conf->method};
	struct str to[ADDRESSES_MAX], xml;
	enum res res;
	size_t n;

	meta.organization = w->conf->organization.n ? w->conf->organization : meta.receiver;
	meta.email = w->conf->from.n ? w->conf->from : arena_printf(a, "dmarc-noreply@%.*s", STR_ARG(meta.receiver));
	if (report_make(a, w->store, w->day, &meta, &xml)) {
		res = report_addresses(a, scope, &meta, to, ADDRESSES_MAX, &n);
		print(w, &meta, xml.n, to, n, deal_with(w, a, &meta, xml, to, n, res));
	}
	arena_free(a);
	dns_scope_free(scope);
}

/* ---- all of them ---- */

static bool is_wanted(const struct work *w, struct str domain)
{
	for (size_t i = 0; i < w->conf->skip.n; i++)
		if (str_ieq(w->conf->skip.v[i].text, domain))
			return false;
	for (size_t i = 0; w->only[i]; i++)
		if (str_iis(domain, w->only[i]))
			return true;
	return !w->only[0];
}

static bool collect(void *arg, struct str domain)
{
	struct work *w = arg;

	if (!is_wanted(w, domain))
		return true;
	if (w->n == w->room) {
		struct str *more = arena_array(w->ctl->arena, w->room ? w->room * 2 : 64, sizeof *more);

		if (w->n)
			memcpy(more, w->domains, w->n * sizeof *more);
		w->domains = more;
		w->room = w->room ? w->room * 2 : 64;
	}
	w->domains[w->n++] = arena_str(w->ctl->arena, domain);
	return w->n < DOMAINS_MAX;
}

/* Keys are read before root is given up, the store is opened after it. */
static bool open_all(struct work *w)
{
	const struct config *config = ctl_config(w->ctl);
	struct arena *a = w->ctl->arena;
	struct queue_options options = {.writer = "dmarc", .segment_bytes = config->queue_segment,
	    .free_min = config->queue_free_min, .is_durable = config->queue_durable};
	const char *state = arena_cstr(a, config->state);
	struct str error = STR("");
	struct conf_load load;

	w->dns = ctl_dns(w->ctl);
	conf_load_init(&load, a);
	w->snapshot = snapshot_load(w->ctl->config_path, &(struct snapshot_world){.only_check = true}, &load, a);
	w->conf = w->snapshot && slot_of(w, "dmarc") ? slot_of(w, "dmarc")->conf : NULL;
	if (!w->conf)
		return ctl_fail("the configuration has errors, or no filter dmarc"), false;
	if (!ctl_become_owner(state))
		return ctl_fail("%s: cannot act as its owner: %s", state, strerror(errno)), false;
	w->store = store_open(arena_printf(a, "%s/state.db", state).p, !w->sends, a, &error);
	options.dir = arena_printf(a, "%s/queue", state).p;
	if (w->store && w->sends)
		w->writer = queue_writer_open(&options, a, &error);
	if (w->store && (w->writer || !w->sends))
		return true;
	return ctl_fail("%.*s", STR_ARG(error)), false;
}

static void close_all(struct work *w)
{
	queue_writer_close(w->writer);
	store_close(w->store);
	dns_free(w->dns);
}

/* "2026-11-21" or "yesterday"; "" is nonsense. */
static struct str day_of(struct arena *a, const char *text)
{
	struct tm tm = {0};
	char *end;

	if (strcmp(text, "yesterday") == 0 || strcmp(text, "today") == 0)
		return report_day(a, clock_now() - (text[0] == 'y' ? 86400 : 0));
	end = strptime(text, "%Y-%m-%d", &tm);
	return end && *end == '\0' ? report_day(a, timegm(&tm)) : STR("");
}

static bool read_options(struct work *w, int argc, char **argv)
{
	static const struct option options[] = {{"day", required_argument, NULL, 'd'}, {"out", required_argument, NULL, 'o'},
	    {"send", no_argument, NULL, 's'}, {NULL, 0, NULL, 0}};
	int c;

	w->day = day_of(w->ctl->arena, "yesterday");
	optind = 0;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'd')
			w->day = day_of(w->ctl->arena, optarg);
		else if (c == 'o')
			w->out = optarg;
		else if (c == 's')
			w->sends = true;
		else
			return false;
	}
	w->only = argv + optind;
	return w->day.n > 0;
}

int ctl_dmarc(struct ctl *ctl, int argc, char **argv)
{
	struct work w = {.ctl = ctl};

	argc = ctl_options(ctl, argc, argv);
	if (argc < 2 || strcmp(argv[1], "report") != 0 || !read_options(&w, argc - 1, argv + 1))
		return ctl_usage(ctl);
	if (!open_all(&w)) {
		close_all(&w);
		return 1;
	}
	if (report_domains(w.store, w.day, collect, &w) == RES_TEMP)
		w.status = ctl_fail("the store cannot be read");
	for (size_t i = 0; i < w.n; i++)
		report_on(&w, w.domains[i]);
	if (w.n == 0 && w.status == 0 && !ctl->json)
		puts("nothing to report");
	close_all(&w);
	return w.status;
}
