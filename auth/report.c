/*
 * Aggregate reports. Table "dmarc-row": DAY TAB DOMAIN TAB fields of the row, TAB between them = number
 * of messages. Table "dmarc-policy": DAY TAB DOMAIN = the record that applied last. "dmarc-rows" counts:
 * DAY the domains, DAY TAB DOMAIN the kinds, so that nobody can fill the store with made-up senders, and
 * DAY TAB DOMAIN TAB "more" the messages that found no room.
 */
#include "auth/report.h"

#include <inttypes.h>

#include "lib/clock.h"

static const char rows_table[] = "dmarc-row", policy_table[] = "dmarc-policy", count_table[] = "dmarc-rows";

enum { FIELDS = 10 };

struct str report_day(struct arena *a, int64_t now)
{
	return arena_printf(a, "%" PRId64, now / 86400);
}

/* ---- counting ---- */

/* Names from peers: only what cannot disturb keys and XML gets in. */
static void add_field(struct buf *key, struct str value)
{
	value = str_sub(value, 0, 120);
	buf_addc(key, '\t');
	for (size_t i = 0; i < value.n; i++)
		if ((unsigned char)value.p[i] > 0x20 && value.p[i] != 0x7f && value.p[i] != ',' && value.p[i] != '|')
			buf_addc(key, value.p[i]);
}

/* The order in which signatures are worth telling of (RFC 9990 part 3.1.3): 0 first. */
static unsigned signature_rank(const struct dmarc_report *r, const struct signature *sig)
{
	if (sig->result != AUTH_PASS)
		return 3;
	if (str_ieq(sig->ascii, r->author))
		return 0;
	return r->organization.n && str_iends(sig->ascii, r->organization) ? 1 : 2;
}

static void add_signature(struct buf *key, const struct signature *sig, size_t *n)
{
	if (*n == REPORT_DKIM_MAX || sig->ascii.n == 0 || sig->selector.n == 0 ||
	    key->n + sig->ascii.n + sig->selector.n + 16 > STORE_KEY_MAX)
		return;
	buf_addf(key, "%s%.*s|%.*s|%s", (*n)++ ? "," : "", STR_ARG(sig->ascii), STR_ARG(sig->selector),
	    auth_result_words[sig->result]);
}

static void add_signatures(struct buf *key, const struct auth *auth)
{
	size_t n = 0;

	buf_addc(key, '\t');
	for (unsigned rank = 0; rank <= 3; rank++)
		for (size_t i = 0; auth->dkim && i < auth->dkim->n; i++)
			if (signature_rank(&auth->dmarc, &auth->dkim->v[i]) == rank)
				add_signature(key, &auth->dkim->v[i], &n);
}

static struct str row_key(struct arena *a, struct str prefix, const struct auth *auth, const struct ip *client,
    struct str sender_domain, const char *disposition, const char *reason)
{
	char ip[IP_TEXT_MAX];
	struct buf key = {0};

	buf_add(&key, prefix);
	add_field(&key, ip_format(client, ip));
	add_field(&key, str_of(disposition));
	add_field(&key, str_of(reason));
	add_field(&key, auth->dmarc.is_dkim_aligned ? STR("pass") : STR("fail"));
	add_field(&key, auth->dmarc.is_spf_aligned ? STR("pass") : STR("fail"));
	add_field(&key, auth->dmarc.author);
	add_field(&key, sender_domain);
	add_field(&key, auth->has_spf ? auth->spf.domain : STR(""));
	add_field(&key, auth->has_spf ? str_of(spf_result_words[auth->spf.result]) : STR(""));
	add_signatures(&key, auth);
	if (key.n > STORE_KEY_MAX)
		key.n = 0;
	return buf_take(&key, a);
}

static struct str record_text(struct arena *a, const struct dmarc_record *r)
{
	struct buf out = {0};

	buf_addf(&out, "v=DMARC1; p=%s; adkim=%c; aspf=%c; t=%c", dmarc_policy_words[r->p], r->is_strict_dkim ? 's' : 'r',
	    r->is_strict_spf ? 's' : 'r', r->is_testing ? 'y' : 'n');
	if (r->has_sp)
		buf_addf(&out, "; sp=%s", dmarc_policy_words[r->sp]);
	if (r->has_np)
		buf_addf(&out, "; np=%s", dmarc_policy_words[r->np]);
	if (r->fo.n)
		buf_addf(&out, "; fo=%.*s", STR_ARG(r->fo));
	buf_addf(&out, "; rua=%.*s", STR_ARG(r->rua));
	return buf_take(&out, a);
}

static struct str more_key(struct arena *a, struct str prefix)
{
	return arena_printf(a, "%.*s\tmore", STR_ARG(prefix));
}

/* A domain that is new today, or a record that has changed: the last one is what the report tells of. */
static bool keep_policy(struct store *store, struct arena *a, struct str day, struct str prefix, const struct dmarc_record *record)
{
	struct str text = record_text(a, record);
	struct store_entry old;
	enum res res = store_get(store, policy_table, prefix, a, &old);
	int64_t domains;

	if (res == RES_OK && str_eq(old.value, text))
		return true;
	if (res == RES_NONE && (store_count(store, count_table, day, 0, REPORT_KEEP_SECONDS, &domains) != RES_OK ||
				   domains >= REPORT_DOMAINS_MAX ||
				   store_count(store, count_table, day, 1, REPORT_KEEP_SECONDS, NULL) != RES_OK))
		return false;
	return res != RES_TEMP && store_put(store, policy_table, prefix, text, REPORT_KEEP_SECONDS) == RES_OK;
}

void report_count(struct store *store, const struct auth *auth, const struct ip *client, struct str sender_domain,
    const char *disposition, const char *reason)
{
	const struct dmarc_report *r = &auth->dmarc;
	struct arena *a = auth->arena;
	int64_t kinds = 0, total = 0;
	struct str day, prefix, key;

	if (!store || r->record.rua.n == 0 || (r->result != AUTH_PASS && r->result != AUTH_FAIL))
		return;
	day = report_day(a, clock_now());
	prefix = arena_printf(a, "%.*s\t%.*s", STR_ARG(day), STR_ARG(r->domain));
	key = row_key(a, prefix, auth, client, sender_domain, disposition, reason);
	if (!keep_policy(store, a, day, prefix, &r->record) ||
	    store_count(store, count_table, prefix, 0, REPORT_KEEP_SECONDS, &kinds) != RES_OK)
		return;
	if (key.n == 0 || (kinds >= REPORT_ROWS_MAX && store_has(store, rows_table, key) == RES_NONE)) {
		store_count(store, count_table, more_key(a, prefix), 1, REPORT_KEEP_SECONDS, NULL);
		return;
	}
	if (store_count(store, rows_table, key, 1, REPORT_KEEP_SECONDS, &total) == RES_OK && total == 1)
		store_count(store, count_table, prefix, 1, REPORT_KEEP_SECONDS, NULL);
}

/* ---- reading back ---- */

struct domain_walk {
	bool (*each)(void *arg, struct str domain);
	void *arg;
};

static bool each_policy(void *arg, const struct store_entry *entry)
{
	struct domain_walk *walk = arg;
	ptrdiff_t tab = str_chr(entry->key, '\t');

	return tab < 0 || walk->each(walk->arg, str_from(entry->key, (size_t)tab + 1));
}

enum res report_domains(struct store *store, struct str day, bool (*each)(void *arg, struct str domain), void *arg)
{
	struct domain_walk walk = {each, arg};
	struct arena *a = arena_new(0);
	enum res res = store_each(store, policy_table, arena_printf(a, "%.*s\t", STR_ARG(day)), each_policy, &walk);

	arena_free(a);
	return res;
}

static void parse_signatures(struct report_row *row, struct str list)
{
	struct str item;

	while (list.n && str_split(&list, ',', &item) && row->dkim_count < REPORT_DKIM_MAX) {
		struct str rest = item;

		str_split(&rest, '|', &row->dkim[row->dkim_count].domain);
		if (str_split(&rest, '|', &row->dkim[row->dkim_count].selector) && rest.p)
			row->dkim[row->dkim_count++].result = rest;
	}
}

/* fields: what stands behind DAY TAB DOMAIN TAB. */
static bool parse_row(struct str fields, struct report_row *row)
{
	struct str v[FIELDS];
	size_t n = 0;

	while (n < FIELDS && str_split(&fields, '\t', &v[n]))
		n++;
	if (n < FIELDS)
		return false;
	*row = (struct report_row){.ip = v[0], .disposition = v[1], .reason = v[2], .is_dkim_aligned = str_is(v[3], "pass"),
	    .is_spf_aligned = str_is(v[4], "pass"), .author = v[5], .envelope_from = v[6], .spf_domain = v[7], .spf_result = v[8]};
	parse_signatures(row, v[9]);
	return true;
}

/* ---- XML ---- */

static void add_text(struct buf *out, struct str text)
{
	for (size_t i = 0; i < text.n; i++) {
		unsigned char c = (unsigned char)text.p[i];

		if (c == '<')
			buf_adds(out, "&lt;");
		else if (c == '>')
			buf_adds(out, "&gt;");
		else if (c == '&')
			buf_adds(out, "&amp;");
		else
			buf_addc(out, c < 0x20 || c >= 0x7f ? '?' : (char)c);
	}
}

static void element(struct buf *out, unsigned depth, const char *name, struct str value)
{
	buf_addf(out, "%*s<%s>", (int)depth * 2, "", name);
	add_text(out, value);
	buf_addf(out, "</%s>\n", name);
}

static void add_row(struct buf *out, const struct report_row *row)
{
	buf_adds(out, "  <record>\n    <row>\n");
	element(out, 3, "source_ip", row->ip);
	buf_addf(out, "      <count>%" PRId64 "</count>\n      <policy_evaluated>\n", row->count);
	element(out, 4, "disposition", row->disposition);
	element(out, 4, "dkim", row->is_dkim_aligned ? STR("pass") : STR("fail"));
	element(out, 4, "spf", row->is_spf_aligned ? STR("pass") : STR("fail"));
	if (row->reason.n) {
		buf_adds(out, "        <reason>\n");
		element(out, 5, "type", row->reason);
		buf_adds(out, "        </reason>\n");
	}
	buf_adds(out, "      </policy_evaluated>\n    </row>\n    <identifiers>\n");
	element(out, 3, "envelope_from", row->envelope_from);
	element(out, 3, "header_from", row->author);
	buf_adds(out, "    </identifiers>\n    <auth_results>\n");
	for (size_t i = 0; i < row->dkim_count; i++) {
		buf_adds(out, "      <dkim>\n");
		element(out, 4, "domain", row->dkim[i].domain);
		element(out, 4, "selector", row->dkim[i].selector);
		element(out, 4, "result", row->dkim[i].result);
		buf_adds(out, "      </dkim>\n");
	}
	if (row->spf_result.n) {
		buf_adds(out, "      <spf>\n");
		element(out, 4, "domain", row->spf_domain);
		element(out, 4, "scope", STR("mfrom"));
		element(out, 4, "result", row->spf_result);
		buf_adds(out, "      </spf>\n");
	}
	buf_adds(out, "    </auth_results>\n  </record>\n");
}

struct str report_id(struct arena *a, const struct report_meta *meta)
{
	return arena_printf(a, "%" PRId64 "-%.*s@%.*s", meta->begin, STR_ARG(meta->domain), STR_ARG(meta->receiver));
}

static void add_head(struct arena *a, struct buf *out, const struct report_meta *m, int64_t missing)
{
	const struct dmarc_record *r = &m->record;

	buf_adds(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<feedback xmlns=\"urn:ietf:params:xml:ns:dmarc-2.0\">\n"
		      "  <version>1.0</version>\n  <report_metadata>\n");
	element(out, 2, "org_name", m->organization);
	element(out, 2, "email", m->email);
	element(out, 2, "report_id", report_id(a, m));
	buf_addf(out, "    <date_range>\n      <begin>%" PRId64 "</begin>\n      <end>%" PRId64 "</end>\n    </date_range>\n",
	    m->begin, m->end);
	if (missing)
		buf_addf(out, "    <error>%" PRId64 " messages found no room in this report</error>\n", missing);
	buf_adds(out, "    <generator>Mailreeve</generator>\n  </report_metadata>\n  <policy_published>\n");
	element(out, 2, "domain", m->domain);
	element(out, 2, "p", str_of(dmarc_policy_words[r->p]));
	if (r->has_sp)
		element(out, 2, "sp", str_of(dmarc_policy_words[r->sp]));
	if (r->has_np)
		element(out, 2, "np", str_of(dmarc_policy_words[r->np]));
	element(out, 2, "adkim", r->is_strict_dkim ? STR("s") : STR("r"));
	element(out, 2, "aspf", r->is_strict_spf ? STR("s") : STR("r"));
	element(out, 2, "discovery_method", str_of(dmarc_method_words[m->method]));
	if (r->fo.n)
		element(out, 2, "fo", r->fo);
	element(out, 2, "testing", r->is_testing ? STR("y") : STR("n"));
	buf_adds(out, "  </policy_published>\n");
}

struct row_walk {
	struct buf *out;
	size_t prefix, rows, room;
	int64_t missing;
};

static bool each_row(void *arg, const struct store_entry *entry)
{
	struct row_walk *walk = arg;
	size_t before = walk->out->n;
	struct report_row row;
	uint64_t count;

	if (!parse_row(str_from(entry->key, walk->prefix), &row) || !str_u64(entry->value, &count) || count == 0)
		return true;
	row.count = (int64_t)count;
	add_row(walk->out, &row);
	walk->rows++;
	if (walk->out->n > walk->room) {
		walk->out->n = before;
		walk->rows--;
		walk->missing += row.count;
	}
	return true;
}

static int64_t number_at(struct arena *a, struct store *store, struct str key)
{
	struct store_entry entry;
	uint64_t number;

	return store_get(store, count_table, key, a, &entry) == RES_OK && str_u64(entry.value, &number) ? (int64_t)number : 0;
}

static bool read_policy(struct arena *a, struct store *store, struct str day, struct str key, struct report_meta *meta)
{
	struct store_entry policy;
	uint64_t number;

	if (!str_u64(day, &number) || number > INT64_MAX / 86400 ||
	    store_get(store, policy_table, key, a, &policy) != RES_OK || !dmarc_record_parse(policy.value, &meta->record))
		return false;
	meta->begin = (int64_t)number * 86400;
	meta->end = meta->begin + 86399;
	return true;
}

bool report_make(struct arena *a, struct store *store, struct str day, struct report_meta *meta, struct str *ret_xml)
{
	struct str key = arena_printf(a, "%.*s\t%.*s", STR_ARG(day), STR_ARG(meta->domain));
	struct buf rows = {0}, out = {0};
	struct row_walk walk = {.out = &rows, .prefix = key.n + 1, .room = (size_t)meta->bytes_max};

	if (!read_policy(a, store, day, key, meta))
		return false;
	walk.missing = number_at(a, store, more_key(a, key));
	if (store_each(store, rows_table, arena_printf(a, "%.*s\t", STR_ARG(key)), each_row, &walk) != RES_TEMP && walk.rows) {
		add_head(a, &out, meta, walk.missing);
		buf_add(&out, buf_str(&rows));
		buf_adds(&out, "</feedback>\n");
	}
	buf_free(&rows);
	*ret_xml = buf_take(&out, a);
	return ret_xml->n > 0;
}

struct str report_filename(struct arena *a, const struct report_meta *meta)
{
	return arena_printf(a, "%.*s!%.*s!%" PRId64 "!%" PRId64 ".xml", STR_ARG(meta->receiver), STR_ARG(meta->domain),
	    meta->begin, meta->end);
}
