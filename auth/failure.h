/*
 * DMARC failure reports (RFC 9991): notes of single messages, kept in the store until the process that
 * sends reports takes them up. Alike ones are one note with a count. Off by default: they tell others
 * about mail of our users.
 */
#ifndef REEVE_AUTH_FAILURE_H
#define REEVE_AUTH_FAILURE_H

#include "auth/report.h"

enum {
	FAILURE_TEXT_MAX = 48 * 1024,	 /* of header fields and body that are shown */
	FAILURE_AN_HOUR_MAX = 300,	 /* notes of all domains together */
	FAILURE_AT_ONCE_MAX = 1000,	 /* reports in one run */
	FAILURE_KEEP_SECONDS = 86400,	 /* then a note that could not be sent goes */
	FAILURE_QUIET_SECONDS = 3600,	 /* after a report nothing of its kind is sent */
	FAILURE_GATHER_SECONDS = 60,	 /* a note waits for others like it */
};

enum failure_kind { FAILURE_NOT, FAILURE_DMARC, FAILURE_DKIM, FAILURE_SPF };

/* What the domain's fo= asks to be told about this message. */
enum failure_kind failure_wanted(const struct auth *auth);
/*
 * Takes a note of the message in hand when its domain wants one, and limits allow. delivery: a word
 * of RFC 6591 part 3.2.2 (delivered, spam, policy, reject, other). Does not block.
 */
void failure_note(struct store *store, const struct report_conf *conf, const struct session *s, const char *delivery);

struct failure_note {
	struct str key;	   /* for failure_done() */
	int64_t taken;	   /* Unix time */
	struct str domain; /* whose policy */
	struct str ruf;
	struct str fields; /* of message/feedback-report, CRLF */
	struct str shown;  /* of the message, CRLF */
	bool has_body;	   /* shown is more than header fields */
	int64_t incidents;
};

/* It has waited long enough for others like it. */
bool failure_is_due(const struct failure_note *note);
/* All notes, in any order; each() returns false to end. */
enum res failure_each(struct store *store, bool (*each)(void *arg, const struct failure_note *note), void *arg);
/* The whole message, CRLF; id is that of Message-ID. */
struct str failure_mail(struct arena *a, const struct failure_note *note, struct str from, struct str id, const struct str *to,
    size_t n);
/* The note is done with; after it was sent, its kind stays quiet for a while. */
void failure_done(struct store *store, const struct failure_note *note, bool was_sent);

/*
 * Appends a header field with all local parts of addresses replaced by a keyed hash (RFC 6590), the same
 * for the same one. Line ends become CRLF, lines are cut at 998 octets.
 */
void failure_redact(struct buf *out, struct str field, struct str secret);

#endif
