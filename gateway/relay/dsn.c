/* Writes reports. Every value that came from outside passes one of the encoders below. */
#define _GNU_SOURCE
#include "gateway/relay/dsn.h"

#include "core/date.h"
#include "core/xtext.h"

enum { DIAGNOSTIC_MAX = 900, LINE_MAX_OCTETS = 900 };

/* ---- encoders ---- */

/* Decoded; what is no xtext stays as it is. */
static struct str plain(struct arena *a, struct str xtext)
{
	struct str text;

	return xtext_decode(a, xtext, &text) ? text : xtext;
}

/* One line of printable ASCII. */
static void add_ascii(struct buf *out, struct str s, size_t max)
{
	for (size_t i = 0; i < s.n && i < max; i++) {
		unsigned char c = (unsigned char)s.p[i];
		buf_addc(out, c < 32 || c == 127 ? ' ' : c >= 128 ? '?' : (char)c);
	}
}

/* Length of the UTF-8 sequence at s, and its code point; 1 and '?' for what is none. */
static size_t code_point(struct str s, uint32_t *ret_point)
{
	unsigned char c = (unsigned char)s.p[0];
	size_t n = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;

	*ret_point = '?';
	if (c < 0x80)
		*ret_point = c;
	if (n == 1 || c < 0xc2 || n > s.n || !str_is_utf8(str_sub(s, 0, n)))
		return 1;
	*ret_point = c & (0xffu >> (n + 1));
	for (size_t i = 1; i < n; i++)
		*ret_point = *ret_point << 6 | ((unsigned char)s.p[i] & 0x3f);
	return n;
}

/* "rfc822; local@domain", or RFC 6533's 7-bit form of an internationalized address. */
static void add_address(struct buf *out, struct str address)
{
	if (str_is_ascii(address)) {
		buf_adds(out, "rfc822; ");
		add_ascii(out, address, LINE_MAX_OCTETS);
		return;
	}
	buf_adds(out, "utf-8; ");
	for (size_t i = 0; i < address.n && i < LINE_MAX_OCTETS / 10;) {
		uint32_t point;
		i += code_point(str_from(address, i), &point);
		if (point > 32 && point < 127 && point != '\\' && point != '+' && point != '=')
			buf_addc(out, (char)point);
		else
			buf_addf(out, "\\x{%X}", (unsigned)point);
	}
}

/* ---- the parts ---- */

static const struct {
	const char *action, *subject, *says;
} kinds[] = {
	[DSN_FAILED] = {"failed", "Undelivered mail",
	    "Your message could not be delivered to the recipients below. It will not be tried again."},
	[DSN_DELAYED] = {"delayed", "Delayed mail",
	    "Your message has not been delivered to the recipients below yet. You need not do anything:\r\n"
	    "delivery will be tried again, and you will be told if it fails."},
	[DSN_RELAYED] = {"relayed", "Relayed mail",
	    "Your message was handed on for the recipients below to a server that does not send\r\n"
	    "confirmations of delivery. You may hear nothing further about it."},
};

static void add_boundary(const struct dsn *d, struct buf *out)
{
	buf_addf(out, "=_report_%.*s", STR_ARG(d->id));
}

static void add_part(const struct dsn *d, struct buf *out, const char *type)
{
	buf_adds(out, "\r\n--");
	add_boundary(d, out);
	buf_addf(out, "\r\nContent-Type: %s\r\n", type);
}

static void add_header(const struct dsn *d, struct buf *out, bool is_8bit)
{
	buf_adds(out, "Date: ");
	date_write(out, d->now);
	buf_addf(out, "\r\nFrom: Mail Delivery System <%.*s>\r\nTo: <", STR_ARG(d->postmaster));
	buf_add(out, d->to); /* checked by the envelope's grammar when it came in; UTF-8 may stay */
	buf_addf(out, ">\r\nSubject: %s\r\n", kinds[d->kind].subject);
	buf_addf(out, "Message-ID: <%.*s.report@%.*s>\r\n", STR_ARG(d->id), STR_ARG(d->hostname));
	buf_adds(out, "Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n"
		      "Content-Type: multipart/report; report-type=delivery-status;\r\n\tboundary=\"");
	add_boundary(d, out);
	buf_addf(out, "\"\r\nContent-Transfer-Encoding: %s\r\n", is_8bit ? "8bit" : "7bit");
	buf_adds(out, "\r\nThis is a report in MIME format.\r\n");
}

static void add_text(const struct dsn *d, struct buf *out)
{
	add_part(d, out, "text/plain; charset=us-ascii");
	buf_addf(out, "\r\nThis is the mail server %.*s.\r\n\r\n%s\r\n", STR_ARG(d->hostname), kinds[d->kind].says);
	if (d->message_id.n)
		buf_addf(out, "If you ask the postmaster about it, name the message %.*s.\r\n", STR_ARG(d->message_id));
	for (size_t i = 0; i < d->n; i++) {
		const struct dsn_recipient *r = &d->recipients[i];
		buf_adds(out, "\r\n<");
		add_ascii(out, r->address, LINE_MAX_OCTETS);
		buf_adds(out, ">\r\n");
		if (r->remote.n) {
			buf_adds(out, "    ");
			add_ascii(out, r->remote, 200);
			buf_adds(out, " said:\r\n");
		}
		buf_adds(out, "    ");
		add_ascii(out, r->diagnostic, DIAGNOSTIC_MAX);
		buf_adds(out, "\r\n");
	}
}

static void add_date_field(struct buf *out, const char *name, int64_t when)
{
	buf_addf(out, "%s: ", name);
	date_write(out, when);
	buf_adds(out, "\r\n");
}

static void add_recipient(const struct dsn *d, const struct dsn_recipient *r, struct buf *out, struct arena *a)
{
	struct str orcpt = plain(a, r->orcpt), type;

	buf_adds(out, "\r\n");
	if (orcpt.n && str_split(&orcpt, ';', &type) && orcpt.p) {
		buf_adds(out, "Original-Recipient: ");
		add_ascii(out, type, 60);
		buf_adds(out, "; ");
		add_ascii(out, orcpt, LINE_MAX_OCTETS);
		buf_adds(out, "\r\n");
	}
	buf_adds(out, "Final-Recipient: ");
	add_address(out, r->address);
	buf_addf(out, "\r\nAction: %s\r\nStatus: %.*s\r\n", kinds[d->kind].action, STR_ARG(r->status));
	if (r->remote.n) {
		buf_adds(out, "Remote-MTA: dns; ");
		add_ascii(out, r->remote, 200);
		buf_adds(out, "\r\n");
	}
	buf_adds(out, r->is_reply ? "Diagnostic-Code: smtp; " : "Diagnostic-Code: X-Mailreeve; ");
	add_ascii(out, r->diagnostic, DIAGNOSTIC_MAX);
	buf_adds(out, "\r\n");
	add_date_field(out, "Last-Attempt-Date", d->now);
	if (d->kind == DSN_DELAYED)
		add_date_field(out, "Will-Retry-Until", d->retry_until);
}

static void add_status(const struct dsn *d, struct buf *out)
{
	struct arena *a = arena_new(0);

	add_part(d, out, "message/delivery-status");
	buf_adds(out, "\r\n");
	if (d->envid.n) {
		buf_adds(out, "Original-Envelope-Id: ");
		add_ascii(out, plain(a, d->envid), LINE_MAX_OCTETS);
		buf_adds(out, "\r\n");
	}
	buf_addf(out, "Reporting-MTA: dns; %.*s\r\n", STR_ARG(d->hostname));
	add_date_field(out, "Arrival-Date", d->arrived);
	for (size_t i = 0; i < d->n; i++)
		add_recipient(d, &d->recipients[i], out, a);
	arena_free(a);
}

/* Headers in 7 bits: a report must get through where the message may not have. */
static void add_original_headers(const struct dsn *d, struct buf *out)
{
	add_part(d, out, "text/rfc822-headers");
	buf_adds(out, "\r\n");
	for (size_t i = 0; i < d->original.n; i++) {
		unsigned char c = (unsigned char)d->original.p[i];
		buf_addc(out, c >= 128 || c == 0 ? '?' : (char)c);
	}
}

static void add_original(const struct dsn *d, struct buf *out, bool is_8bit)
{
	if (!d->is_whole) {
		add_original_headers(d, out);
		return;
	}
	add_part(d, out, "message/rfc822");
	if (is_8bit)
		buf_adds(out, "Content-Transfer-Encoding: 8bit\r\n");
	buf_adds(out, "\r\n");
	buf_add(out, d->original);
}

void dsn_write(const struct dsn *d, struct buf *out, bool *ret_8bit)
{
	*ret_8bit = d->is_whole && !str_is_ascii(d->original);
	add_header(d, out, *ret_8bit);
	add_text(d, out);
	add_status(d, out);
	add_original(d, out, *ret_8bit);
	buf_adds(out, "\r\n--");
	add_boundary(d, out);
	buf_adds(out, "--\r\n");
}
