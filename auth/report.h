/*
 * DMARC aggregate reports (RFC 9990): a row per kind of message and day, kept as a counter in the
 * store, and the XML that is made of a day's rows for one policy domain.
 */
#ifndef REEVE_AUTH_REPORT_H
#define REEVE_AUTH_REPORT_H

#include "auth/auth.h"
#include "lib/conf/conf.h"
#include "lib/store/store.h"

enum {
	REPORT_DKIM_MAX = 4,	      /* signatures told of per row */
	REPORT_ROWS_MAX = 10000,      /* kinds of messages per domain and day */
	REPORT_DOMAINS_MAX = 20000,   /* policy domains per day */
	REPORT_KEEP_SECONDS = 4 * 86400,
};

enum report_kind { REPORT_AGGREGATE, REPORT_FAILURE };

/* The settings of the filter dmarc start with one of these. */
struct report_conf {
	bool is_on, is_sent;
	int64_t delay_ms;	  /* after midnight UTC */
	int64_t bytes_max;	  /* of XML */
	int64_t per_host;	  /* reports a day to one destination */
	struct str from, organization;
	struct conf_strings skip; /* policy domains that want none */
	int method;		  /* enum dmarc_method: what the reports say of it */

	bool is_failure_on;	  /* auth/failure.h */
	int64_t failure_body;	  /* octets of the body that are shown; 0: header fields only */
	int64_t failure_limit;	  /* an hour and policy domain */
};

struct report_row {
	struct str ip;
	struct str disposition;	/* none, pass, quarantine, reject */
	struct str reason;	/* why it is not what the policy asks for; "" none */
	bool is_dkim_aligned, is_spf_aligned;
	struct str author, envelope_from;
	struct str spf_domain, spf_result; /* "" not checked */
	struct {
		struct str domain, selector, result;
	} dkim[REPORT_DKIM_MAX];
	size_t dkim_count;
	int64_t count;
};

/* Counts a message that DMARC passed or failed; disposition is what became of it. Never blocks. */
void report_count(struct store *store, const struct auth *auth, const struct ip *client, struct str sender_domain,
    const char *disposition, const char *reason);

/* Unix day number, "20400". */
struct str report_day(struct arena *a, int64_t now);
/* The domains that a day has rows of; each() returns false to end. */
enum res report_domains(struct store *store, struct str day, bool (*each)(void *arg, struct str domain), void *arg);

struct report_meta {
	struct str organization, email, receiver; /* receiver: our host name */
	struct str domain;			  /* whose policy */
	struct dmarc_record record;
	enum dmarc_method method;
	int64_t begin, end;
	int64_t bytes_max;			  /* of XML; rows beyond are told of as a number */
};

/*
 * False when there is nothing to report of the domain on that day. The record's texts are in a. Made
 * again it is the same, octet by octet, once the day is over.
 */
bool report_make(struct arena *a, struct store *store, struct str day, struct report_meta *meta, struct str *ret_xml);
/* "receiver!domain!begin!end.xml" */
struct str report_filename(struct arena *a, const struct report_meta *meta);
struct str report_id(struct arena *a, const struct report_meta *meta);
/*
 * Where a report about domain goes: the addresses of list (rua or ruf) that have agreed (RFC 9990 part
 * 4), at most n, none twice. RES_TEMP when the DNS did not answer for one of them.
 */
enum res report_addresses(struct arena *a, struct dns_scope *dns, enum report_kind kind, struct str domain, struct str list,
    struct str *ret_v, size_t n, size_t *ret_n);
/* The whole message with the packed report, CRLF. */
struct str report_mail(struct arena *a, const struct report_meta *meta, struct str xml, const struct str *to, size_t n);

/* What both kinds have on top: From to MIME-Version. Auto-Submitted, so that nobody answers. */
void report_add_head(struct buf *out, struct str from, const struct str *to, size_t n, struct str subject, struct str id);
/* "NAME: Thu, 1 Jan 1970 00:00:00 +0000" and CRLF. */
void report_add_date(struct buf *out, const char *name, int64_t when);

#endif
