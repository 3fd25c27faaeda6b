/*
 * One stage of one session, from facts to verdicts: the same for both front ends and for
 * `reevectl scan`. Runs on a worker (it calls chain_run), or on the loop when judge_is_quick().
 */
#ifndef REEVE_GATEWAY_JUDGE_H
#define REEVE_GATEWAY_JUDGE_H

#include "core/session.h"
#include "core/verdict.h"
#include "gateway/snapshot.h"
#include "lib/json.h"

/* No filter works at the stage: policy alone answers, in microseconds. */
bool judge_is_quick(const struct snapshot *snap, enum stage stage);

/*
 * Runs the stage's filters and the policy for all (connect, helo, mail, header) or for the current
 * recipient (rcpt). The verdict lives in the session's or the message's arena.
 */
void judge_stage(const struct snapshot *snap, struct session *s, enum stage stage, struct verdict *ret_verdict);

/* The message stage: a verdict per recipient and what becomes of the message. */
struct judgement {
	struct verdict *verdicts; /* one per recipient, in their order */
	const struct recipient **recipients;
	size_t n;
	struct verdict whole;	  /* what the client is told: rejected or tempfailed only if all are */
	bool any_accept, any_quarantine, any_discard;
};

void judge_message(const struct snapshot *snap, struct session *s, struct judgement *ret_judgement);

/* "550 5.7.1 text (id)" for a verdict, as it goes to the client; code 250 for accept and discard. */
struct str judge_reply(struct arena *a, const struct verdict *v, const char *id);

/* Delivery groups: recipients that get the same edits go in one queue entry. */
struct delivery_group {
	struct str *recipients;		 /* addresses after redirect */
	const struct recipient **origins; /* NULL for copies */
	size_t n;
	struct edits edits;		 /* filters' and policy's together, subject tag included */
	struct str sender;		 /* of the envelope */
	struct str body;		 /* instead of the message's, when replaces_body */
	bool replaces_body;
	bool is_quarantine;
	const struct verdict *verdict;
	struct delivery_group *next;
};

/* The message with the body of a group that replaces it; the edits are still to be applied. */
struct str judge_with_body(struct arena *a, const struct message *m, const struct delivery_group *g);

struct delivery_group *judge_groups(struct session *s, const struct judgement *j, struct arena *a);
/*
 * Whoever was named more than once, or is where several are redirected to, gets one copy: the first leads. Those
 * for the quarantine are united already; of an MTA's list each must be taken out, so the others are not.
 */
void judge_unite(struct delivery_group *g, struct arena *a);

/* The log line of a message, and the trail as JSON or text for people. */
void judge_log(const struct snapshot *snap, const struct session *s, const struct judgement *j, struct str reply);
/* The log line of a stage that was refused. */
void judge_log_refused(const struct session *s, enum stage stage, const struct verdict *v, struct str reply);
void judge_explain(const struct session *s, const struct judgement *j, struct buf *out);
void judge_json(const struct session *s, const struct judgement *j, struct json *out);

#endif
