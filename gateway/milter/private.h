/*
 * Inside of the milter front end: the connection that libmilter's threads hand to each other, and
 * the functions that its files share. Only gateway/milter/ sees libmilter.
 */
#ifndef REEVE_GATEWAY_MILTER_PRIVATE_H
#define REEVE_GATEWAY_MILTER_PRIVATE_H

#include <libmilter/mfapi.h>
#include <pthread.h>

#include "gateway/judge.h"
#include "gateway/milter/intake.h"
#include "gateway/quarantine/quarantine.h"
#include "gateway/world.h"
#include "lib/pool.h"

enum {
	MILTER_MAGIC = 0x3117e500,
	/* How often an MTA hears that we are still at it, and how often we look. */
	PROGRESS_MS = 10000,
	LOOK_MS = 200,
	/* Of a policy's `delay`: the longest (an MTA waits 30 s), how many at the same time, between looks at the clock. */
	DELAY_MAX_MS = 15000,
	DELAYED_MAX = 100,
	DELAY_STEP_US = 50000
};

/* What the process shares; one per process, for libmilter has no argument for its callbacks. */
struct milter {
	const struct milter_conf *conf;
	struct world world;
	struct gate *gate;
	struct quarantine *quarantine;
	int spool_dir;
	pthread_mutex_t lock;	/* of the counts below */
	pthread_cond_t idle;	/* busy went down */
	size_t connections;
	size_t busy;		/* transactions, and stages that are being decided */
	_Atomic bool is_draining;
	_Atomic unsigned delayed;
	_Atomic uint64_t memory; /* of messages that are coming in or are judged */
	_Atomic uint64_t sessions, messages, rejected, tempfailed, accepted, quarantined, discarded, refused_stages, shed;
};

extern struct milter milter;

struct milter_conn {
	unsigned magic;
	SMFICTX *ctx;
	struct snapshot *snapshot;
	struct session *session;
	unsigned long actions, steps; /* agreed with the MTA */
	struct intake intake;
	bool is_in_transaction, is_header_judged;
	const char *late; /* what is wrong with the message in hand, where the MTA was promised silence; or NULL */
	/* While its message is being judged: work.c. */
	int64_t progress_us;
	struct milter_conn *next_working, **working_link;
	/* Refused at connect or HELO: every MAIL gets it (the MTA may have gone on). */
	const struct verdict *connect_refusal, *helo_refusal;
};

/* negotiate.c */
sfsistat milter_negotiate(SMFICTX *ctx, unsigned long actions, unsigned long steps, unsigned long f2,
    unsigned long f3, unsigned long *ret_actions, unsigned long *ret_steps, unsigned long *ret_f2,
    unsigned long *ret_f3);
/*
 * The connection of a context at connect: as negotiated, or, when the MTA said "quit, new connection"
 * and so negotiates no more, made with what was agreed before. NULL when the MTA lacks what the
 * configuration now needs.
 */
struct milter_conn *milter_conn_at_connect(SMFICTX *ctx);
/* NULL is allowed. */
void milter_conn_free(struct milter_conn *c);

/* session.c: the other callbacks */
extern struct smfiDesc milter_callbacks;
/* What a drain waits for. */
void milter_busy(int change);
/* Forgets the message in hand; nothing happens when there is none. */
void milter_transaction_end(struct milter_conn *c);

/* work.c: judges the message in hand. False: too busy. */
bool milter_judge(struct milter_conn *c, struct judgement *ret_judgement, struct delivery_group **ret_groups);
/* On the loop: tells MTAs that have waited long for it that we are still at it. */
void milter_progress(void);
/* Keeps the MTA waiting. */
void milter_delay(int64_t ms);

/* nudge.c: keeps libmilter's pool of workers going while callbacks wait. */
void milter_nudge_open(struct str socket);
/* Around whatever may wait. */
void milter_callback_starts(void);
void milter_callback_ends(void);
/* On the loop, now and then. */
void milter_nudge_look(void);

/* apply.c */
/* The MTA gets code and text; "" for no enhanced code. */
sfsistat milter_say(struct milter_conn *c, int code, struct str enhanced, struct str text);
/* Shows the verdict of a stage to the MTA. */
sfsistat milter_reply(struct milter_conn *c, const struct verdict *v);
/* Carries out what was judged on the message in hand; quarantine included. */
sfsistat milter_apply(struct milter_conn *c, const struct judgement *j, struct delivery_group *groups);

/* edits.c: header edits of all groups that are delivered. False when the MTA does not take one. */
bool milter_edit(struct milter_conn *c, const struct delivery_group *groups);

#endif
