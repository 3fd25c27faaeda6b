/*
 * Reports that are owed to other domains: aggregate ones (RFC 9990) about whole days, failure reports
 * (RFC 9991) about single messages. Used by the role "reports" and by `reevectl dmarc`; the lock of
 * the queue's writer "dmarc" lets only one of them send at a time.
 *
 * An aggregate report is not sent twice, and not lost, by a crash: the id of the queue's entry is written
 * to the store before the entry is handed over, "sent" after it. Whoever finds an id alone looks for it
 * in the queue. What a crash can repeat is a report that the relay had delivered before anybody
 * looked; it then has the same name, Report-ID and rows. Of a failure report only "sent" is written,
 * after it was handed over: a crash between the two repeats it.
 */
#ifndef REEVE_GATEWAY_REPORTS_REPORTS_H
#define REEVE_GATEWAY_REPORTS_REPORTS_H

#include <stdatomic.h>

#include "auth/failure.h"
#include "gateway/queue/queue.h"
#include "gateway/snapshot.h"

enum { REPORTS_ADDRESSES_MAX = 8 }; /* of one report */

/* What the snapshot needs at least. */
extern const char *const reports_filters[];

struct reports {
	const struct snapshot *snapshot;
	const struct report_conf *conf; /* NULL: no filter dmarc */
	struct dns *dns;
	struct store *store;
	struct queue_writer *writer; /* NULL: nothing is sent */
	const atomic_bool *ends;     /* true: come to an end; may be NULL */
	bool was_unsigned;	     /* a report went out without a signature: receivers may not believe it */
};

/* All but dns and store, which are the caller's. */
void reports_init(struct reports *r, const struct snapshot *snapshot, struct dns *dns, struct store *store);
/* Opens the queue's writer; false and a text when somebody else has it. */
bool reports_open(struct reports *r, struct arena *a, struct str *ret_error);
/* Closes the writer. */
void reports_close(struct reports *r);

enum report_state {
	REPORT_READY,  /* would be sent */
	REPORT_NOBODY, /* nobody has agreed to get it */
	REPORT_LATER,  /* DNS, store or queue could not be asked */
	REPORT_QUEUED, /* just now */
	REPORT_SENT,   /* before */
	REPORT_LIMIT,  /* its destinations have got all that they may get today */
};

extern const char *const report_state_words[]; /* by enum report_state, NULL-terminated */

struct report_item {
	const struct report_meta *meta;
	struct str xml;
	const struct str *to;
	size_t n;
	enum report_state state;
};

struct reports_watch {
	bool (*wants)(void *arg, struct str domain); /* NULL: all */
	void (*each)(void *arg, const struct report_item *item);
	void *arg;
};

/* Every report about the day (report_day()). RES_OK: all done; RES_TEMP: something is left for later. */
enum res reports_day(struct reports *r, struct str day, const struct reports_watch *watch);
/* Was all of the day sent? reports_day() has noted it when it sent and nothing was left. */
bool reports_day_is_done(const struct reports *r, struct str day);
/* Failure reports that have waited long enough; the number that was sent. */
size_t reports_failures(struct reports *r);

/* ---- shared by the two kinds ---- */

struct str reports_from(const struct reports *r, struct arena *a);
/* A domain of report-skip. */
bool reports_skips(const struct reports *r, struct str domain);
/* An id for reports_queue(). */
void reports_make_id(char id[ID_TEXT_MAX]);
/* Signs the message as mail of our own, and hands it over; returns when it is on disk. */
bool reports_queue(struct reports *r, const char *id, struct str mail, const struct str *to, size_t n);
/* Whether the queue has an entry of that id. RES_TEMP: it cannot be read. */
enum res reports_is_queued(const struct reports *r, struct str id);
/* One more report for the hosts of these addresses today; those that had enough are taken out. */
size_t reports_limit(struct reports *r, struct arena *a, struct str *to, size_t n);

#endif
