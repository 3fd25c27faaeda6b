/*
 * The verdict: what policy says about one recipient at one stage, and its trail: every statement
 * that was evaluated and mattered. There is no implicit verdict: VERDICT_NONE means "go on" before
 * the message stage, and is turned into a tempfail at its end.
 */
#ifndef REEVE_CORE_VERDICT_H
#define REEVE_CORE_VERDICT_H

#include "core/edit.h"
#include "lib/arena.h"
#include "lib/conf/conf.h"
#include "lib/str.h"

enum verdict_kind {
	VERDICT_NONE,
	VERDICT_ACCEPT,
	VERDICT_REJECT,
	VERDICT_TEMPFAIL,
	VERDICT_QUARANTINE,
	VERDICT_DISCARD,
};

struct trail_step {
	struct conf_place place;
	struct str statement; /* as written, shortened: "reject 550 5.7.1 \"spam\" if score >= 15" */
	bool matched;
	struct str facts; /* what it read: "score = 17.2; spf = fail" */
	struct trail_step *next;
};

struct verdict {
	enum verdict_kind kind;
	int code;	      /* 250, 451, 550 ...; 0 when the kind has no reply */
	struct str enhanced;  /* "5.7.1" */
	struct str text;      /* of the reply, filled in and made safe, without the id */
	struct conf_place decided_by; /* file NULL: not by a statement (failure of a filter) */
	const char *failed_filter;    /* name when an on-failure word decided, else NULL */
	struct edits tags;	      /* headers to add, remove, change for this recipient */
	struct str subject_prefix;    /* "" none */
	struct str *copies;	      /* further recipients */
	size_t copy_count;
	struct str redirect;	      /* instead of the recipient; "" none */
	bool sets_sender;
	struct str sender;	      /* of the envelope, when sets_sender; "" null */
	bool replaces_body;
	struct str body;	      /* plain text instead of it, encoded; lines end in CRLF */
	bool is_body_base64;
	int64_t delay_ms;	      /* before the reply */
	struct trail_step *trail, **trail_last;
};

/*
 * A quarantine or discard that was decided before the message was there is kept (a copy in a) until
 * there is something to put away; NULL for the other kinds.
 */
const struct verdict *verdict_keep(struct arena *a, const struct verdict *v);
const char *verdict_name(enum verdict_kind kind); /* "accept" ...; NONE is "none" */

#endif
