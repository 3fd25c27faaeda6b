/*
 * Aggregate reports. Table "dmarc-row": DAY TAB DOMAIN TAB fields of the row, TAB between them = number
 * of messages. Table "dmarc-policy": DAY TAB DOMAIN = the record that applied. "dmarc-rows" counts the
 * kinds, so that nobody can fill the store with made-up senders.
 */
#include "auth/report.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "lib/clock.h"
#include "lib/gzip.h"

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

static void add_signatures(struct buf *key, const struct auth *auth)
{
	size_t n = 0;

	buf_addc(key, '\t');
	for (size_t i = 0; auth->dkim && i < auth->dkim->n && n < REPORT_DKIM_MAX; i++) {
		const struct signature *sig = &auth->dkim->v[i];

		if (sig->domain.n == 0 || sig->selector.n == 0 || key->n + sig->domain.n + sig->selector.n + 16 > STORE_KEY_MAX)
			continue;
		buf_addf(key, "%s%.*s|%.*s|%s", n++ ? "," : "", STR_ARG(sig->domain), STR_ARG(sig->selector),
		    auth_result_words[sig->result]);
	}
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

void report_count(struct store *store, const struct auth *auth, const struct ip *client, struct str sender_domain,
    const char *disposition, const char *reason)
{
	const struct dmarc_report *r = &auth->dmarc;
	struct arena *a = auth->arena;
	int64_t kinds = 0, total = 0;
	struct str prefix, key;

	if (!store || r->record.rua.n == 0 || (r->result != AUTH_PASS && r->result != AUTH_FAIL))
		return;
	prefix = arena_printf(a, "%.*s\t%.*s", STR_ARG(report_day(a, clock_now())), STR_ARG(r->domain));
	key = row_key(a, prefix, auth, client, sender_domain, disposition, reason);
	if (key.n == 0 || store_count(store, count_table, prefix, 0, REPORT_KEEP_SECONDS, &kinds) != RES_OK ||
	    kinds >= REPORT_ROWS_MAX || store_count(store, rows_table, key, 1, REPORT_KEEP_SECONDS, &total) != RES_OK)
		return;
	if (total == 1)
		store_count(store, count_table, prefix, 1, REPORT_KEEP_SECONDS, &kinds);
	if (kinds <= 1)
		store_put(store, policy_table, prefix, record_text(a, &r->record), REPORT_KEEP_SECONDS);
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

static void add_head(struct arena *a, struct buf *out, const struct report_meta *m)
{
	const struct dmarc_record *r = &m->record;

	buf_adds(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<feedback xmlns=\"urn:ietf:params:xml:ns:dmarc-2.0\">\n"
		      "  <version>1.0</version>\n  <report_metadata>\n");
	element(out, 2, "org_name", m->organization);
	element(out, 2, "email", m->email);
	element(out, 2, "report_id", report_id(a, m));
	buf_addf(out, "    <date_range>\n      <begin>%" PRId64 "</begin>\n      <end>%" PRId64 "</end>\n    </date_range>\n",
	    m->begin, m->end);
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
	size_t prefix, rows;
};

static bool each_row(void *arg, const struct store_entry *entry)
{
	struct row_walk *walk = arg;
	struct report_row row;
	uint64_t count;

	if (walk->out->n > REPORT_BYTES_MAX)
		return false;
	if (!parse_row(str_from(entry->key, walk->prefix), &row) || !str_u64(entry->value, &count) || count == 0)
		return true;
	row.count = (int64_t)count;
	add_row(walk->out, &row);
	walk->rows++;
	return true;
}

bool report_make(struct arena *a, struct store *store, struct str day, struct report_meta *meta, struct str *ret_xml)
{
	struct str key = arena_printf(a, "%.*s\t%.*s", STR_ARG(day), STR_ARG(meta->domain));
	struct row_walk walk = {0};
	struct store_entry policy;
	struct buf out = {0};
	uint64_t number;

	if (!str_u64(day, &number) || number > INT64_MAX / 86400 ||
	    store_get(store, policy_table, key, a, &policy) != RES_OK || !dmarc_record_parse(policy.value, &meta->record))
		return false;
	meta->begin = (int64_t)number * 86400;
	meta->end = meta->begin + 86399;
	add_head(a, &out, meta);
	walk = (struct row_walk){&out, key.n + 1, 0};
	store_each(store, rows_table, arena_printf(a, "%.*s\t", STR_ARG(key)), each_row, &walk);
	buf_adds(&out, "</feedback>\n");
	*ret_xml = buf_take(&out, a);
	return walk.rows > 0;
}

struct str report_filename(struct arena *a, const struct report_meta *meta)
{
	return arena_printf(a, "%.*s!%.*s!%" PRId64 "!%" PRId64 ".xml", STR_ARG(meta->receiver), STR_ARG(meta->domain),
	    meta->begin, meta->end);
}

/* ---- where it goes ---- */

static struct str host_of(struct arena *a, struct str address)
{
	return str_lower(a, str_from(address, (size_t)(str_rchr(address, '@') + 1)));
}

/* Same organization, or a record of the destination that says yes; its rua may name another mailbox there. */
static enum res agrees(struct arena *a, struct dns_scope *dns, struct str domain, struct str *address)
{
	struct str host = host_of(a, *address), ours = STR(""), theirs = STR(""), other;
	const struct dns_answer *answer;
	struct dmarc_record record;

	if (dmarc_organization(a, dns, domain, &ours) != RES_OK || dmarc_organization(a, dns, host, &theirs) != RES_OK)
		return RES_TEMP;
	if (str_ieq(ours, theirs))
		return RES_OK;
	answer = dns_get(dns, arena_printf(a, "%.*s._report._dmarc.%.*s", STR_ARG(domain), STR_ARG(host)), DNS_TXT);
	if (answer->status == DNS_TEMP || answer->status == DNS_BUDGET)
		return RES_TEMP;
	for (size_t i = 0; answer->status == DNS_OK && i < answer->n; i++) {
		if (!dmarc_record_parse(answer->records[i].data, &record))
			continue;
		if (record.rua.n == 0)
			return RES_OK;
		if (!dmarc_next_address(a, &record.rua, &other) || !str_ieq(host_of(a, other), host))
			return RES_NONE;
		*address = other;
		return RES_OK;
	}
	return RES_NONE;
}

enum res report_addresses(struct arena *a, struct dns_scope *dns, const struct report_meta *meta, struct str *ret_v,
    size_t n, size_t *ret_n)
{
	struct str rest = meta->record.rua, address;
	enum res all = RES_OK;

	*ret_n = 0;
	while (*ret_n < n && dmarc_next_address(a, &rest, &address)) {
		enum res res = agrees(a, dns, meta->domain, &address);

		if (res == RES_OK)
			ret_v[(*ret_n)++] = address;
		else if (res == RES_TEMP)
			all = RES_TEMP;
	}
	return all;
}

/* ---- the message ---- */

static void add_base64(struct arena *a, struct buf *out, struct str data)
{
	struct str text = base64_write(a, data);

	for (size_t i = 0; i < text.n; i += 76)
		buf_addf(out, "%.*s\r\n", STR_ARG(str_sub(text, i, 76)));
}

static void add_date(struct buf *out)
{
	static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
	static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
	time_t now = (time_t)clock_now();
	struct tm tm;

	gmtime_r(&now, &tm);
	buf_addf(out, "Date: %s, %d %s %d %02d:%02d:%02d +0000\r\n", days[tm.tm_wday], tm.tm_mday, months[tm.tm_mon],
	    tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

struct str report_mail(struct arena *a, const struct report_meta *meta, struct str xml, const struct str *to, size_t n)
{
	struct str id = report_id(a, meta), file = report_filename(a, meta);
	struct buf out = {0};

	buf_addf(&out, "From: %.*s\r\nTo: ", STR_ARG(meta->email));
	for (size_t i = 0; i < n; i++)
		buf_addf(&out, "%s%.*s", i ? ",\r\n\t" : "", STR_ARG(to[i]));
	buf_addf(&out, "\r\nSubject: Report Domain: %.*s\r\n\tSubmitter: %.*s\r\n\tReport-ID: <%.*s>\r\n", STR_ARG(meta->domain),
	    STR_ARG(meta->receiver), STR_ARG(id));
	add_date(&out);
	buf_addf(&out, "Message-ID: <%.*s>\r\nAuto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n", STR_ARG(id));
	buf_adds(&out, "Content-Type: multipart/mixed; boundary=\"=_report\"\r\n\r\n--=_report\r\nContent-Type: text/plain\r\n\r\n");
	buf_addf(&out, "This is a DMARC aggregate report about %.*s by %.*s.\r\n--=_report\r\n", STR_ARG(meta->domain),
	    STR_ARG(meta->receiver));
	buf_addf(&out, "Content-Type: application/gzip\r\nContent-Transfer-Encoding: base64\r\n"
		       "Content-Disposition: attachment;\r\n\tfilename=\"%.*s.gz\"\r\n\r\n", STR_ARG(file));
	add_base64(a, &out, gzip_pack(a, xml));
	buf_adds(&out, "--=_report--\r\n");
	return buf_take(&out, a);
}
