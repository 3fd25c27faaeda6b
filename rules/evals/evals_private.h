/*
 * Between the files of the eval functions: their tables, the lists of addresses and hosts made once
 * per set, the patterns they share, and what is kept per message.
 */
#ifndef REEVE_RULES_EVALS_EVALS_PRIVATE_H
#define REEVE_RULES_EVALS_EVALS_PRIVATE_H

#include "rules/evals/evals.h"

extern const struct eval_def eval_relay_table[], eval_header_table[], eval_forged_table[], eval_list_table[],
    eval_mime_table[], eval_body_table[], eval_image_table[], eval_date_table[], eval_freemail_table[],
    eval_html_table[], eval_auth_table[];
/* Names that SpamAssassin 4.0.1 has and that are not here yet, NULL at the end. */
extern const char *const eval_known_names[];

/* A set of texts, exact or with * and ?; lower case. */
struct text_set;
struct text_set *text_set_new(struct arena *a);
void text_set_add(struct text_set *s, struct arena *a, struct str text);
void text_set_remove(struct text_set *s, struct str text);
/* text must be lower case. */
bool text_set_has(const struct text_set *s, struct str text);
bool text_set_is_empty(const struct text_set *s);

/* A list with a name: enlist_addrlist (NAME) ..., enlist_uri_host (NAME) ... */
struct named_set {
	struct str name;
	struct text_set *set, *except;
	struct named_set *next;
};

/* NULL: there is none of that name. */
const struct named_set *named_set_find(const struct named_set *list, struct str name);
/* Adds an empty one when there is none. */
struct named_set *named_set_make(struct named_set **list, struct arena *a, struct str name);

/* welcomelist_from_rcvd ADDRESS HOST */
struct rcvd_entry {
	struct str address, host;
	struct rcvd_entry *next;
};

enum eval_list {
	LIST_WELCOME_FROM,
	LIST_BLOCK_FROM,
	LIST_WELCOME_TO,
	LIST_BLOCK_TO,
	LIST_MORE_SPAM_TO,
	LIST_ALL_SPAM_TO,
	LIST_ALLOWS_RELAYS,
	LIST_BOUNCE_RELAYS,
	LIST_SHORTENERS,
	LIST_WELCOME_SPF,
	LIST_DEF_WELCOME_SPF,
	LISTS,
};

enum eval_pattern {
	P_AOL_RELAY,
	P_AOL_VIA,
	P_AOL_ID,
	P_EZMLM,
	P_EZMLM_TO,
	P_EZMLM_RCVD,
	P_MSN_GROUPS,
	P_HOTMAIL_PICKUP,
	P_HOTMAIL_RCVD,
	P_HOTMAIL_PROTECT,
	P_HOTMAIL_WEB,
	P_HOTMAIL_CLAIM,
	P_ORIGINATOR_ORG,
	P_IP,
	P_YAHOO_RCVD,
	P_YAHOO_BULK,
	P_YAHOO_RDNS,
	P_JUNO_RCVD,
	P_JUNO_COOKIE,
	P_MAILCOM_RCVD,
	P_UNTD_RCVD,
	P_WHOWHERE,
	P_GMAIL_XRCVD,
	P_GMAIL_RCVD,
	P_CAPS_CHARSET,
	P_REPLY_PREFIX,
	P_TEMPLATE,
	P_TEMPLATE_EXEMPT,
	P_RATWARE_ID,
	P_RATWARE_FROM,
	P_OUTLOOK_ID,
	P_DATE_IN_RCVD,
	P_RCVD_LOCAL,
	P_RCVD_FETCHMAIL,
	P_BULK_ENVFROM,
	P_NO_FREEMAIL,
	P_EMAIL,
	P_URL_WITH_EMAIL,
	P_QUOTED_EMAIL,
	P_LEAVE,
	P_CWT,
	PATTERNS,
};

struct eval_data {
	struct regex *patterns[PATTERNS];
	struct text_set *lists[LISTS];
	struct named_set *addresses, *hosts;
	struct rcvd_entry *rcvd, *def_rcvd;
	struct rcvd_entry *dkim, *def_dkim; /* host: the signing domain, "" the author's */
	struct text_set *freemail, *freemail_except;
	bool freemail_skip_bulk;
	double freemail_max_body, freemail_max_free;
	struct regex **subject_welcome, **subject_block;
	size_t subject_welcome_count, subject_block_count;
	struct arg_pattern *arg_patterns;
};

/* A pattern that a rule gives as an argument; compiled at load. */
struct arg_pattern {
	struct str text;
	struct regex *re;
	struct arg_pattern *next;
};

bool eval_like(struct eval_call *c, enum eval_pattern p, struct str text);
/* Group g of the last eval_like() that matched. */
struct str eval_group(struct eval_call *c, struct str text, size_t g);
/* Matches become a blank. */
struct str eval_without(struct eval_call *c, enum eval_pattern p, struct str line);
struct regex *eval_arg_pattern(struct eval_call *c, struct str text);
static inline struct str eval_header(struct eval_call *c, const char *name, unsigned modifiers)
{
	return field_text(&c->m->fields, name, modifiers);
}
static inline bool eval_has_header(struct eval_call *c, const char *name)
{
	return headers_count(c->m->t->headers, name) > 0;
}
/* Addresses of From, Sender, envelope and so on, lower case, once each: who may be the sender. */
size_t eval_from_addresses(struct eval_call *c, struct str *out, size_t most);
size_t eval_to_addresses(struct eval_call *c, struct str *out, size_t most);
/* Values of a field's addresses, lower case. */
size_t eval_addresses(struct eval_call *c, const char *name, struct str *out, size_t most);
enum { EVAL_ADDRESSES_MAX = 256 };

/* RFC 5322 date (and its common misspellings) as Unix time; false when it is none. */
bool date_parse(struct str text, int64_t *ret_time);

/* What check_for_uppercase() asks about. */
struct letter_counts {
	size_t length, lower, upper;
};

/* Kept per message. */
struct eval_state {
	struct letter_counts *letters;
	struct tag_look *tags;
	bool has_dates;
	int64_t date_diff;
	struct mime_counts *mime;
	struct image_counts *images;
	struct html_counts *html;
	int forged_hotmail, no_hotmail;
	bool has_hotmail;
	double similar;
	bool sorted, has_recipients;
	double madiff;
	size_t ma_html, ma_text;
	bool has_madiff;
	struct str *body_freemails;
	size_t body_freemail_count;
	bool has_body_freemails, skips_body_freemails;
};
struct eval_state *eval_state(struct eval_call *c);

/* Facts about MIME parts; evals_mime.c */
struct mime_counts {
	size_t base64, qp, html, text, attachments, ascii_illegal, qp_escapes, qp_bytes, base64_line;
	bool base64_text, bad_iso_charset, alternative, missing_boundary;
	double ratio, unicode_ratio;
	struct str *charsets;
	size_t charset_count;
};
const struct mime_counts *eval_mime_counts(struct eval_call *c);
bool eval_shouts_by_charset(struct eval_call *c);

#endif
