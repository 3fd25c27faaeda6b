/*
 * Reports on their way out, of both kinds: where they may go (RFC 9990 part 4), and the messages that
 * carry them. What stands in records of other domains is nobody's word but theirs: only addresses that
 * pass the grammar of the envelope get in.
 */
#include "auth/report.h"

#include <inttypes.h>

#include "core/address.h"
#include "core/date.h"
#include "lib/clock.h"
#include "lib/gzip.h"

/* ---- where they go ---- */

/* Same organization, or a record of the destination that says yes; it may name another mailbox there. */
static enum res agrees(struct arena *a, struct dns_scope *dns, enum report_kind kind, struct str domain,
    struct address *address)
{
	struct str host = address->domain, ours = STR(""), theirs = STR("");
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
		struct str list;

		if (!dmarc_record_parse(answer->records[i].data, &record))
			continue;
		list = kind == REPORT_AGGREGATE ? record.rua : record.ruf;
		if (list.n == 0)
			return RES_OK;
		return dmarc_next_address(a, &list, address) && str_eq(address->domain, host) ? RES_OK : RES_NONE;
	}
	return RES_NONE;
}

static bool has_address(const struct str *v, size_t n, struct str address)
{
	for (size_t i = 0; i < n; i++)
		if (str_ieq(v[i], address))
			return true;
	return false;
}

enum res report_addresses(struct arena *a, struct dns_scope *dns, enum report_kind kind, struct str domain, struct str list,
    struct str *ret_v, size_t n, size_t *ret_n)
{
	struct address address;
	enum res all = RES_OK;

	*ret_n = 0;
	while (*ret_n < n && dmarc_next_address(a, &list, &address)) {
		enum res res = agrees(a, dns, kind, domain, &address);

		if (res == RES_OK && !has_address(ret_v, *ret_n, address.text))
			ret_v[(*ret_n)++] = address.text;
		else if (res == RES_TEMP)
			all = RES_TEMP;
	}
	return all;
}

/* ---- the messages ---- */

static void add_base64(struct arena *a, struct buf *out, struct str data)
{
	struct str text = base64_write(a, data);

	for (size_t i = 0; i < text.n; i += 76)
		buf_addf(out, "%.*s\r\n", STR_ARG(str_sub(text, i, 76)));
}

void report_add_date(struct buf *out, const char *name, int64_t when)
{
	buf_addf(out, "%s: ", name);
	date_write(out, when);
	buf_adds(out, "\r\n");
}

void report_add_head(struct buf *out, struct str from, const struct str *to, size_t n, struct str subject, struct str id)
{
	buf_addf(out, "From: %.*s\r\nTo: ", STR_ARG(from));
	for (size_t i = 0; i < n; i++)
		buf_addf(out, "%s%.*s", i ? ",\r\n\t" : "", STR_ARG(to[i]));
	buf_addf(out, "\r\nSubject: %.*s\r\n", STR_ARG(subject));
	report_add_date(out, "Date", clock_now());
	buf_addf(out, "Message-ID: <%.*s>\r\nAuto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n", STR_ARG(id));
}

struct str report_mail(struct arena *a, const struct report_meta *meta, struct str xml, const struct str *to, size_t n)
{
	struct str id = report_id(a, meta), file = report_filename(a, meta);
	struct str subject = arena_printf(a, "Report Domain: %.*s\r\n\tSubmitter: %.*s\r\n\tReport-ID: <%.*s>",
	    STR_ARG(meta->domain), STR_ARG(meta->receiver), STR_ARG(id));
	struct buf out = {0};

	report_add_head(&out, meta->email, to, n, subject, id);
	buf_adds(&out, "Content-Type: multipart/mixed; boundary=\"=_report\"\r\n\r\n--=_report\r\nContent-Type: text/plain\r\n\r\n");
	buf_addf(&out, "This is a DMARC aggregate report about %.*s by %.*s.\r\n--=_report\r\n", STR_ARG(meta->domain),
	    STR_ARG(meta->receiver));
	buf_addf(&out, "Content-Type: application/gzip\r\nContent-Transfer-Encoding: base64\r\n"
		       "Content-Disposition: attachment;\r\n\tfilename=\"%.*s.gz\"\r\n\r\n", STR_ARG(file));
	add_base64(a, &out, gzip_pack(a, xml));
	buf_adds(&out, "--=_report--\r\n");
	return buf_take(&out, a);
}
