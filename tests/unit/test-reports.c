/* Reports to other domains: what is counted and made, and that each goes out once, whatever happens. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "gateway/queue/reader.h"
#include "gateway/reports/reports.h"
#include "lib/clock.h"
#include "tests/unit/auth-fixture.h"
#include "tests/unit/folder.h"

static const struct row zone[] = {
    {"example.org", DNS_TXT, "v=spf1 -all"},
    {"_dmarc.example.org", DNS_TXT, "v=DMARC1; p=reject; fo=1:d:s; rua=mailto:rua@example.org,mailto:x@victim.example; ruf=mailto:ruf@example.org"},
    {"_dmarc.later.example", DNS_TXT, "v=DMARC1; p=none; rua=mailto:a@later.example,mailto:b@slow.example"},
    {"_dmarc.slow.example", DNS_TXT, "TEMP"},
    {0},
};

enum { DAY = 20400, NOON = 43200, MIDNIGHT = (DAY + 1) * 86400 };

struct world {
	struct auth_fixture dns;
	char dir[FOLDER_MAX];
	struct arena *arena;
	struct store *store;
	struct snapshot *snapshot;
	struct reports reports;
};

static void start(struct world *w, const char *directives)
{
	const struct snapshot_world lent = {.only_check = true, .only_filters = reports_filters};
	struct conf_load load;
	struct str error;
	const char *path;
	FILE *file;

	*w = (struct world){.arena = arena_new(0)};
	clock_fix((int64_t)DAY * 86400 + NOON);
	auth_fixture_start(&w->dns, zone);
	assert_int_equal(folder_make(w->dir), 0);
	path = arena_printf(w->arena, "%s/conf", w->dir).p;
	file = fopen(path, "w");
	assert_non_null(file);
	fprintf(file, "hostname mx.example.net;\nstate \"%s\";\nfilter spf;\nfilter dkim;\nfilter dmarc { report on; failure-report on; %s }\n",
	    w->dir, directives);
	fclose(file);
	conf_load_init(&load, w->arena);
	w->snapshot = snapshot_load(path, &lent, &load, w->arena);
	assert_non_null(w->snapshot);
	w->store = store_open(NULL, false, w->arena, &error);
	reports_init(&w->reports, w->snapshot, w->dns.dns, w->store);
	assert_true(reports_open(&w->reports, w->arena, &error));
}

static void end(struct world *w)
{
	reports_close(&w->reports);
	store_close(w->store);
	auth_fixture_end(&w->dns);
	assert_int_equal(folder_remove(w->dir), 0);
	snapshot_unref(w->snapshot); /* and w->arena with it */
}

/* A message judged by the real filters' functions. */
static struct session *judge(struct world *w, const char *text, const char *sender)
{
	struct session *s = session_new(w->snapshot->chain, w->dns.dns, FACE_SMTP);
	struct message *m = message_start(s);
	struct auth *auth = message_auth(m);
	struct spf_query q = {.helo = STR("h.example"), .sender = str_of(sender), .receiver = STR("mx.example.net")};
	const struct signature_options options = SIGNATURE_DEFAULTS;

	assert_true(ip_parse(STR("192.0.2.7"), &s->client));
	q.client = s->client;
	assert_null(address_parse(m->arena, q.sender, false, &m->sender));
	m->spool = spool_of(str_of(text));
	headers_parse(m->arena, str_of(text), &m->headers);
	spf_check(m->arena, w->dns.scope, &q, &auth->spf);
	auth->has_spf = true;
	auth->sender = q.sender;
	auth_start_dkim(auth, &m->headers, &options, w);
	auth_start_dmarc(auth, w->dns.scope, &m->headers);
	auth_finish_dkim(auth, w->dns.scope, &m->headers, str_from(str_of(text), m->headers.body));
	auth_finish_dmarc(auth, w->dns.scope);
	return s;
}

static void count(struct world *w, const char *from, const char *sender)
{
	char text[200];
	struct session *s;

	snprintf(text, sizeof text, "From: %s\r\n\r\nx\r\n", from);
	s = judge(w, text, sender);
	report_count(w->store, s->message->auth, &s->client, s->message->sender.domain, "none", "");
	session_free(s);
}

/* ---- looking into the queue ---- */

struct look {
	size_t n, recipients;
	struct str data; /* of the last one */
	struct queue_reader *reader;
	struct arena *arena;
};

static void each_entry(void *arg, struct segment *seg, uint64_t offset, const struct record_head *head,
    const struct queue_entry *entry, struct str file)
{
	struct look *look = arg;
	struct queue_data data;
	char *text;

	look->n++;
	look->recipients = entry->recipient_count;
	assert_true(entry->is_dsn); /* nobody is told when it cannot be delivered */
	assert_true(queue_reader_data(look->reader, seg, offset, head, file, &data));
	text = arena_alloc(look->arena, data.length + 1);
	assert_int_equal(pread(data.fd, text, data.length, (off_t)data.offset), data.length);
	look->data = (struct str){text, data.length};
	queue_data_close(&data);
}

static void trouble(void *arg, struct str text)
{
	(void)arg;
	fail_msg("%.*s", STR_ARG(text));
}

static struct look look(struct world *w)
{
	const struct queue_reader_events events = {.each = each_entry, .trouble = trouble};
	struct look look = {.arena = w->arena};
	struct str error;

	look.reader = queue_reader_open(arena_printf(w->arena, "%s/queue", w->dir).p, &events, &look, w->arena, &error);
	assert_non_null(look.reader);
	while (queue_reader_poll(look.reader, true, 100))
		;
	queue_reader_close(look.reader);
	return look;
}

/* ---- aggregate reports ---- */

static void remember(void *arg, const struct report_item *item)
{
	*(enum report_state *)arg = item->state;
}

static enum report_state run_day(struct world *w, enum res wanted)
{
	enum report_state state = REPORT_NOBODY;
	const struct reports_watch watch = {.each = remember, .arg = &state};

	assert_int_equal(reports_day(&w->reports, report_day(w->arena, (int64_t)DAY * 86400), &watch), wanted);
	return state;
}

static void sent_once(void **state)
{
	struct world w;

	(void)state;
	start(&w, "");
	count(&w, "a@example.org", "a@example.org");
	clock_fix(MIDNIGHT + 1);
	assert_int_equal(run_day(&w, RES_OK), REPORT_QUEUED);
	assert_int_equal(look(&w).n, 1);
	assert_int_equal(look(&w).recipients, 1); /* the victim has not agreed */
	assert_true(reports_day_is_done(&w.reports, report_day(w.arena, (int64_t)DAY * 86400)));
	assert_int_equal(run_day(&w, RES_OK), REPORT_SENT);
	assert_int_equal(look(&w).n, 1);
	end(&w);
}

static void put_id(struct world *w, const char *id)
{
	struct str key = arena_printf(w->arena, "%d\texample.org", DAY);

	assert_int_equal(store_put(w->store, "dmarc-sent", key, str_of(id), 0), RES_OK);
}

/* The process fell after the queue had taken the report, before it was noted: the queue is asked. */
static void fallen_behind_the_queue(void **state)
{
	struct str to = STR("rua@example.org");
	char id[ID_TEXT_MAX];
	struct world w;

	(void)state;
	start(&w, "");
	count(&w, "a@example.org", "a@example.org");
	clock_fix(MIDNIGHT + 1);
	reports_make_id(id);
	put_id(&w, id);
	assert_true(reports_queue(&w.reports, id, STR("Subject: x\r\n\r\nx\r\n"), &to, 1));
	assert_int_equal(run_day(&w, RES_OK), REPORT_SENT);
	assert_int_equal(look(&w).n, 1);
	end(&w);
}

/* It fell before: the report is not there, and not lost. */
static void fallen_before_the_queue(void **state)
{
	struct world w;

	(void)state;
	start(&w, "");
	count(&w, "a@example.org", "a@example.org");
	clock_fix(MIDNIGHT + 1);
	put_id(&w, "0never0queued0x");
	assert_int_equal(run_day(&w, RES_OK), REPORT_QUEUED);
	assert_int_equal(look(&w).n, 1);
	end(&w);
}

/* One destination cannot be looked up: the report waits for it, but not for ever. */
static void waits_for_the_dns(void **state)
{
	struct world w;

	(void)state;
	start(&w, "");
	count(&w, "a@later.example", "a@later.example");
	clock_fix(MIDNIGHT + 1);
	assert_int_equal(run_day(&w, RES_TEMP), REPORT_LATER);
	clock_fix(MIDNIGHT + 2 * 86400 - 2);
	assert_int_equal(run_day(&w, RES_TEMP), REPORT_LATER);
	assert_int_equal(look(&w).n, 0);
	assert_false(reports_day_is_done(&w.reports, report_day(w.arena, (int64_t)DAY * 86400)));
	clock_fix(MIDNIGHT + 2 * 86400);
	assert_int_equal(run_day(&w, RES_OK), REPORT_QUEUED);
	assert_int_equal(look(&w).recipients, 1);
	end(&w);
}

static void destination_limit(void **state)
{
	struct world w;

	(void)state;
	start(&w, "report-limit 2;");
	for (int i = 0; i < 3; i++) {
		struct str to = STR("a@host.example");

		assert_int_equal(reports_limit(&w.reports, w.arena, &to, 1), i < 2);
	}
	clock_fix(MIDNIGHT + 1);
	assert_int_equal(reports_limit(&w.reports, w.arena, &(struct str){"a@host.example", 14}, 1), 1);
	end(&w);
}

static struct str make_xml(struct world *w, int64_t bytes)
{
	struct report_meta meta = {.domain = STR("example.org"), .receiver = STR("mx.example.net"), .organization = STR("o"),
	    .email = STR("e@x.example"), .bytes_max = bytes};
	struct str xml;

	return report_make(w->arena, w->store, report_day(w->arena, (int64_t)DAY * 86400), &meta, &xml) ? xml : STR("");
}

static unsigned occurrences(struct str text, const char *what)
{
	unsigned n = 0;
	ptrdiff_t at;

	for (; (at = str_find(text, str_of(what))) >= 0; n++)
		text = str_from(text, (size_t)at + 1);
	return n;
}

/* Rows that find no room are told of as a number. */
static void report_size(void **state)
{
	struct world w;
	size_t rows;

	(void)state;
	start(&w, "");
	for (int i = 0; i < 20; i++) {
		char sender[40];

		snprintf(sender, sizeof sender, "a@s%02d.example", i);
		count(&w, "a@example.org", sender);
	}
	assert_int_equal(occurrences(make_xml(&w, 1 << 20), "<record>"), 20);
	assert_int_equal(occurrences(make_xml(&w, 1 << 20), "<error>"), 0);
	rows = (size_t)str_find(make_xml(&w, 1 << 20), STR("</feedback>")) - (size_t)str_find(make_xml(&w, 1 << 20), STR("  <record>"));
	assert_int_equal(occurrences(make_xml(&w, (int64_t)rows), "<record>"), 20);
	assert_int_equal(occurrences(make_xml(&w, (int64_t)rows - 1), "<record>"), 19);
	assert_true(str_find(make_xml(&w, (int64_t)rows - 1), STR("<error>1 messages")) > 0);
	assert_int_equal(make_xml(&w, 10).n, 0);
	end(&w);
}

/* n messages that differ in their sender's domain, or in the domain of the policy. */
static void count_kinds(struct world *w, int n, bool by_domain)
{
	struct session *s = judge(w, "From: a@example.org\r\n\r\nx\r\n", "a@example.org");
	char name[40];

	for (int i = 0; i < n; i++) {
		snprintf(name, sizeof name, "d%d.example", i);
		if (by_domain)
			s->message->auth->dmarc.domain = str_of(name);
		report_count(w->store, s->message->auth, &s->client, by_domain ? STR("example.org") : str_of(name), "none", "");
	}
	session_free(s);
}

/* At the limit there is a row for each kind; beyond it known kinds still count, others are a number. */
static void kinds_limit(void **state)
{
	struct world w;

	(void)state;
	start(&w, "");
	count_kinds(&w, REPORT_ROWS_MAX, false);
	assert_int_equal(occurrences(make_xml(&w, 64 << 20), "<record>"), REPORT_ROWS_MAX);
	assert_int_equal(occurrences(make_xml(&w, 64 << 20), "<error>"), 0);
	count_kinds(&w, REPORT_ROWS_MAX + 2, false);
	assert_int_equal(occurrences(make_xml(&w, 64 << 20), "<record>"), REPORT_ROWS_MAX);
	assert_int_equal(occurrences(make_xml(&w, 64 << 20), "<count>2</count>"), REPORT_ROWS_MAX);
	assert_int_equal(occurrences(make_xml(&w, 64 << 20), "<error>2 messages"), 1);
	end(&w);
}

static bool count_domain(void *arg, struct str domain)
{
	(void)domain;
	++*(size_t *)arg;
	return true;
}

/* Names that a wildcard makes up do not fill the store. */
static void domains_limit(void **state)
{
	struct world w;
	size_t n = 0;

	(void)state;
	start(&w, "");
	count_kinds(&w, REPORT_DOMAINS_MAX + 5, true);
	assert_int_equal(report_domains(w.store, report_day(w.arena, clock_now()), count_domain, &n), RES_OK);
	assert_int_equal(n, REPORT_DOMAINS_MAX);
	end(&w);
}

/* The last record of a day is the one that the report tells of. */
static void last_policy(void **state)
{
	struct world w;
	struct session *s;

	(void)state;
	start(&w, "");
	count(&w, "a@example.org", "a@example.org");
	s = judge(&w, "From: a@example.org\r\n\r\nx\r\n", "a@example.org");
	s->message->auth->dmarc.record.p = DMARC_POLICY_QUARANTINE;
	report_count(w.store, s->message->auth, &s->client, STR("example.org"), "none", "");
	session_free(s);
	assert_int_equal(occurrences(make_xml(&w, 1 << 20), "<p>quarantine</p>"), 1);
	assert_int_equal(occurrences(make_xml(&w, 1 << 20), "<count>2</count>"), 1);
	end(&w);
}

/* ---- failure reports ---- */

static void note(struct world *w, const char *text, const char *sender)
{
	struct session *s = judge(w, text, sender);

	failure_note(w->store, w->reports.conf, s, "reject");
	session_free(s);
}

static void failure_text(void **state)
{
	static const char text[] = "Received: from x by y for <u.ser@example.net>; now\r\n"
				   "From: Joe <joe@example.org>\r\nTo: \"A \\\" B@x\" <u.ser@example.net>,\r\n\tuser@example.net\r\n"
				   "Subject: sh\xc3\xb6n\r\nX-Long: a\rb\r\n\r\nbody\r\n";
	struct world w;
	struct look found;

	(void)state;
	start(&w, "");
	note(&w, text, "joe@example.org");
	assert_int_equal(reports_failures(&w.reports), 0); /* it gathers first */
	note(&w, text, "joe@example.org");
	clock_fix(clock_now() + FAILURE_GATHER_SECONDS);
	assert_int_equal(reports_failures(&w.reports), 1);
	found = look(&w);
	assert_int_equal(found.n, 1);
	assert_true(str_find(found.data, STR("Incidents: 2\r\n")) > 0);
	assert_true(str_find(found.data, STR("Auth-Failure: dmarc\r\n")) > 0);
	assert_true(str_find(found.data, STR("Identity-Alignment: dkim, spf\r\n")) > 0);
	assert_true(str_find(found.data, STR("SPF-DNS: txt : example.org : \"v=spf1 -all\"\r\n")) > 0);
	assert_true(str_find(found.data, STR("Source-IP: 192.0.2.7\r\n")) > 0);
	assert_true(str_find(found.data, STR("Delivery-Result: reject\r\n")) > 0);
	assert_true(str_find(found.data, STR("From: Joe <joe@example.org>\r\n")) > 0);
	assert_true(str_find(found.data, STR("text/rfc822-headers")) > 0);
	assert_true(str_find(found.data, STR("u.ser@")) < 0);
	assert_true(str_find(found.data, STR("user@")) < 0);
	assert_true(str_find(found.data, STR("body")) < 0);
	assert_true(str_find(found.data, STR("a\rb")) < 0);
	assert_int_equal(reports_failures(&w.reports), 0);
	end(&w);
}

static void failure_body(void **state)
{
	struct world w;
	struct look found;

	(void)state;
	start(&w, "failure-body 8;");
	note(&w, "From: joe@example.org\r\n\r\n12345\r\nabcdefg\r\n", "joe@example.org");
	clock_fix(clock_now() + FAILURE_GATHER_SECONDS);
	assert_int_equal(reports_failures(&w.reports), 1);
	found = look(&w);
	assert_true(str_find(found.data, STR("message/rfc822")) > 0);
	assert_true(str_find(found.data, STR("\r\n\r\n12345\r\na\r\n\r\n--")) > 0);
	end(&w);
}

static bool count_note(void *arg, const struct failure_note *note)
{
	(void)note;
	++*(unsigned *)arg;
	return true;
}

static unsigned waiting_notes(struct world *w)
{
	unsigned n = 0;

	assert_int_equal(failure_each(w->store, count_note, &n), RES_OK);
	return n;
}

static unsigned notes_after(struct world *w, int n, const char *from)
{
	unsigned before = (unsigned)look(w).n;

	for (int i = 0; i < n; i++) {
		char sender[60], text[100];

		snprintf(sender, sizeof sender, "a@sender-%d.example", i);
		snprintf(text, sizeof text, "From: %s\r\n\r\nx\r\n", from);
		note(w, text, sender);
	}
	clock_fix(clock_now() + FAILURE_GATHER_SECONDS);
	reports_failures(&w->reports);
	return (unsigned)look(w).n - before;
}

/* At, below and above the limit of an hour; then the bucket has filled again. */
static void failure_limit(void **state)
{
	struct world w;

	(void)state;
	start(&w, "failure-limit 3;");
	assert_int_equal(notes_after(&w, 2, "a@example.org"), 2);
	assert_int_equal(notes_after(&w, 4, "a@example.org"), 1); /* two of these are quiet, one finds room */
	clock_fix(clock_now() + 2 * 3600);
	assert_int_equal(notes_after(&w, 3, "a@example.org"), 3);
	end(&w);
}

/* All domains together have a limit too. */
static void failure_limit_of_all(void **state)
{
	struct world w;
	struct session *s;
	char name[40];

	(void)state;
	start(&w, "failure-limit 1000;");
	s = judge(&w, "From: a@example.org\r\n\r\nx\r\n", "a@example.org");
	for (int i = 0; i < FAILURE_AN_HOUR_MAX + 5; i++) {
		snprintf(name, sizeof name, "d%d.example", i);
		s->message->auth->dmarc.domain = arena_str(w.arena, str_of(name));
		failure_note(w.store, w.reports.conf, s, "reject");
	}
	session_free(s);
	clock_fix(clock_now() + FAILURE_GATHER_SECONDS);
	assert_int_equal(waiting_notes(&w), FAILURE_AN_HOUR_MAX);
	end(&w);
}

static enum failure_kind kind(struct world *w, const char *fo, char psd, bool spf, bool dkim, enum auth_result signature)
{
	struct session *s = judge(w, "DKIM-Signature: v=1\r\nFrom: a@example.org\r\n\r\nx\r\n", "a@example.org");
	struct auth *auth = s->message->auth;
	enum failure_kind got;

	auth->dmarc.record.fo = str_of(fo);
	auth->dmarc.record.psd = psd;
	auth->dmarc.is_spf_aligned = spf;
	auth->dmarc.is_dkim_aligned = dkim;
	auth->dmarc.result = spf || dkim ? AUTH_PASS : AUTH_FAIL;
	auth->spf.result = spf ? SPF_PASS : SPF_FAIL;
	auth->dkim->v[0].result = signature;
	got = failure_wanted(auth);
	session_free(s);
	return got;
}

static void failure_options(void **state)
{
	struct world w;

	(void)state;
	start(&w, "");
	assert_int_equal(kind(&w, "", 'u', false, false, AUTH_PERMERROR), FAILURE_DMARC);
	assert_int_equal(kind(&w, "", 'u', true, false, AUTH_FAIL), FAILURE_NOT);
	assert_int_equal(kind(&w, "0", 'u', false, true, AUTH_PASS), FAILURE_NOT);
	assert_int_equal(kind(&w, "1", 'u', false, true, AUTH_PASS), FAILURE_DMARC);
	assert_int_equal(kind(&w, "1", 'u', true, true, AUTH_PASS), FAILURE_NOT);
	assert_int_equal(kind(&w, "0:d", 'u', true, false, AUTH_FAIL), FAILURE_DKIM);
	assert_int_equal(kind(&w, "d", 'u', true, false, AUTH_PERMERROR), FAILURE_NOT);
	assert_int_equal(kind(&w, "s", 'u', false, true, AUTH_PASS), FAILURE_SPF);
	assert_int_equal(kind(&w, "s:d", 'u', true, true, AUTH_PASS), FAILURE_NOT);
	assert_int_equal(kind(&w, "d:s", 'u', false, false, AUTH_FAIL), FAILURE_DKIM);
	assert_int_equal(kind(&w, "1", 'y', false, false, AUTH_FAIL), FAILURE_NOT);
	end(&w);
}

static void redaction(void **state)
{
	static const struct {
		const char *field, *text;
	} rows[] = {
	    {"To: a@b\r\n", "To: #@b\r\n"},
	    {"To: <a.b+c@d>, e@f", "To: <#@d>, #@f\r\n"},
	    {"To: \"a b\"@c, \"x\" <y@z>\r\n", "To: #@c, \"x\" <#@z>\r\n"},
	    {"To: \"a@b\" <c@d>\n", "To: \"#@b\" <#@d>\r\n"},
	    {"To: @b, a@\r\n", "To: @b, #@\r\n"},
	    {"To: a@b@c\r\n", "To: #@#@c\r\n"},
	    {"X: no address", "X: no address\r\n"},
	    {"To: \"open@x\r\n", "To: \"#@x\r\n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct buf out = {0}, plain = {0};
		struct arena *a = arena_new(0);

		failure_redact(&out, str_of(rows[i].field), STR("secret"));
		for (size_t k = 0; k < out.n; k++) {
			size_t hex = 0;

			while (k + hex < out.n && hex_value(out.p[k + hex]) >= 0)
				hex++;
			buf_addc(&plain, hex == 10 ? '#' : out.p[k]);
			k += hex == 10 ? 9 : 0;
		}
		assert_str(buf_str(&plain), rows[i].text);
		buf_free(&out);
		buf_free(&plain);
		arena_free(a);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(sent_once),
	    cmocka_unit_test(fallen_behind_the_queue),
	    cmocka_unit_test(fallen_before_the_queue),
	    cmocka_unit_test(waits_for_the_dns),
	    cmocka_unit_test(destination_limit),
	    cmocka_unit_test(report_size),
	    cmocka_unit_test(kinds_limit),
	    cmocka_unit_test(domains_limit),
	    cmocka_unit_test(last_policy),
	    cmocka_unit_test(failure_text),
	    cmocka_unit_test(failure_body),
	    cmocka_unit_test(failure_limit),
	    cmocka_unit_test(failure_limit_of_all),
	    cmocka_unit_test(failure_options),
	    cmocka_unit_test(redaction),
	};

	clock_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
