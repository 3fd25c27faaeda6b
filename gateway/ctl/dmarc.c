/*
 * reevectl dmarc report: what other domains are owed about a day. Lists the reports, writes them as files
 * (--out), or hands them to the queue, signed like any mail of ours (--send), once per domain and day.
 * The daemon does the same every night (filter dmarc, report-send); this needs no running daemon.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <time.h>

#include "gateway/ctl/ctl.h"
#include "gateway/reports/reports.h"
#include "lib/clock.h"
#include "lib/gzip.h"
#include "lib/json.h"

struct work {
	struct ctl *ctl;
	const char *out;
	bool sends;
	struct str day;
	char **only; /* domains from the command line, NULL-terminated */
	struct dns *dns;
	struct store *store;
	struct reports reports;
	size_t count;
	int status;
};

/* ---- one report ---- */

static bool write_file(struct work *w, struct arena *a, const struct report_item *item)
{
	const char *path = arena_printf(a, "%s/%.*s.gz", w->out, STR_ARG(report_filename(a, item->meta))).p;
	struct str data = gzip_pack(a, item->xml);
	FILE *file = fopen(path, "wb");
	bool ok = file && fwrite(data.p, 1, data.n, file) == data.n;

	if (file)
		ok &= fclose(file) == 0;
	if (!ok)
		w->status = ctl_fail("%s: %s", path, strerror(errno));
	return ok;
}

static void add_json(struct buf *out, const struct report_item *item, const char *what)
{
	struct json json = json_start(out);

	json_open(&json, '{');
	json_kv(&json, "domain", item->meta->domain);
	json_kv_int(&json, "begin", item->meta->begin);
	json_kv_int(&json, "end", item->meta->end);
	json_kv_int(&json, "bytes", (int64_t)item->xml.n);
	json_key(&json, "to");
	json_open(&json, '[');
	for (size_t i = 0; i < item->n; i++)
		json_text(&json, item->to[i]);
	json_close(&json);
	json_kv(&json, "status", str_of(what));
	json_close(&json);
}

static void add_line(struct buf *out, const struct report_item *item, const char *what)
{
	buf_addf(out, "%-8s %.*s  %zu octets  ", what, STR_ARG(item->meta->domain), item->xml.n);
	for (size_t i = 0; i < item->n; i++)
		buf_addf(out, "%s%.*s", i ? ", " : "", STR_ARG(item->to[i]));
}

static void each(void *arg, const struct report_item *item)
{
	struct work *w = arg;
	const char *what = report_state_words[item->state];
	struct arena *a = arena_new(0);
	struct buf out = {0};

	w->count++;
	if (w->out && write_file(w, a, item) && !w->sends)
		what = "written";
	if (w->ctl->json)
		add_json(&out, item, what);
	else
		add_line(&out, item, what);
	buf_addc(&out, '\n');
	ctl_print(buf_str(&out));
	buf_free(&out);
	arena_free(a);
}

static bool wants(void *arg, struct str domain)
{
	const struct work *w = arg;

	for (size_t i = 0; w->only[i]; i++)
		if (str_iis(domain, w->only[i]))
			return true;
	return false;
}

/* ---- all of them ---- */

/* Keys are read before root is given up, the store is opened after it. */
static bool open_all(struct work *w)
{
	const struct config *config = ctl_config(w->ctl);
	struct arena *a = w->ctl->arena;
	const char *state = arena_cstr(a, config->state);
	struct str error = STR("");
	struct conf_load load;
	struct snapshot *snapshot;

	w->dns = ctl_dns(w->ctl);
	conf_load_init(&load, a);
	snapshot = snapshot_load(w->ctl->config_path,
	    &(struct snapshot_world){.only_check = true, .only_filters = reports_filters}, &load, a);
	if (snapshot)
		reports_init(&w->reports, snapshot, w->dns, NULL);
	if (!w->reports.conf)
		return ctl_fail("the configuration has errors, or no filter dmarc"), false;
	if (!ctl_become_owner(state))
		return ctl_fail("%s: cannot act as its owner: %s", state, strerror(errno)), false;
	w->store = w->reports.store = store_open(arena_printf(a, "%s/state.db", state).p, !w->sends, a, &error);
	if (w->store && (!w->sends || reports_open(&w->reports, a, &error)))
		return true;
	return ctl_fail("%.*s", STR_ARG(error)), false;
}

static void close_all(struct work *w)
{
	reports_close(&w->reports);
	store_close(w->store);
	dns_free(w->dns);
}

/* ---- failure reports that wait ---- */

static bool print_note(void *arg, const struct failure_note *note)
{
	struct work *w = arg;
	struct buf out = {0};

	if (w->ctl->json) {
		struct json json = json_start(&out);

		json_open(&json, '{');
		json_kv(&json, "domain", note->domain);
		json_kv_int(&json, "since", note->taken);
		json_kv_int(&json, "incidents", note->incidents);
		json_kv(&json, "to", note->ruf);
		json_close(&json);
	} else {
		buf_addf(&out, "%.*s  %lld messages  %.*s", STR_ARG(note->domain), (long long)note->incidents, STR_ARG(note->ruf));
	}
	buf_addc(&out, '\n');
	ctl_print(buf_str(&out));
	buf_free(&out);
	return true;
}

static int list_failures(struct work *w)
{
	if (!open_all(w))
		w->status = 1;
	else if (failure_each(w->store, print_note, w) == RES_TEMP)
		w->status = ctl_fail("the store cannot be read");
	close_all(w);
	return w->status;
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
	struct reports_watch watch;

	argc = ctl_options(ctl, argc, argv);
	if (argc == 2 && strcmp(argv[1], "failures") == 0)
		return list_failures(&w);
	if (argc < 2 || strcmp(argv[1], "report") != 0 || !read_options(&w, argc - 1, argv + 1))
		return ctl_usage(ctl);
	if (!open_all(&w)) {
		close_all(&w);
		return 1;
	}
	watch = (struct reports_watch){w.only[0] ? wants : NULL, each, &w};
	if (reports_day(&w.reports, w.day, &watch) == RES_TEMP && w.sends)
		w.status = ctl_fail("not all could be done now: run it again later");
	if (w.count == 0 && w.status == 0 && !ctl->json)
		puts("nothing to report");
	if (w.reports.was_unsigned)
		fputs("reevectl: the reports are unsigned: filter dkim has no `sign` line for the domain of report-from\n", stderr);
	close_all(&w);
	return w.status;
}
