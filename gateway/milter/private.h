/*
 * Inside of the milter front end: the connection that libmilter's threads hand to each other, and
 * the functions that its files share. Only gateway/milter/ sees libmilter.
 */
#ifndef REEVE_GATEWAY_MILTER_PRIVATE_H
#define REEVE_GATEWAY_MILTER_PRIVATE_H

#include <libmilter/mfapi.h>
#include <pthread.h>

#include "gateway/judge.h"
#include "gateway/quarantine.h"
#include "gateway/world.h"
#include "lib/pool.h"

enum { MILTER_MAGIC = 0x3117e500, PROGRESS_MS = 10000 };
/* Of a policy's `delay`: the longest, how many at the same time, and between looks at the clock. */
enum { DELAY_MAX_MS = 15000, DELAYED_MAX = 100, DELAY_STEP_US = 50000 };

/* What the process shares; one per process, for libmilter has no argument for its callbacks. */
struct milter {
	const struct milter_conf *conf;
	struct world world;
	struct pool *pool;
	struct gate *gate;
	struct quarantine *quarantine;
	int spool_dir;
	pthread_mutex_t lock;
	pthread_cond_t idle;
	size_t connections;
	_Atomic unsigned delayed;
	_Atomic bool is_ending;
	_Atomic uint64_t sessions, messages, rejected, tempfailed, accepted, quarantined, discarded;
};

extern struct milter milter;

struct milter_conn {
	unsigned magic;
	SMFICTX *ctx;
	struct snapshot *snapshot;
	struct session *session;
	unsigned long actions, steps; /* agreed with the MTA */
	struct str name;	      /* of the client, as the MTA says */
	struct buf header;	      /* the header section while it comes */
	size_t size;		      /* octets of the message so far */
	bool is_too_large, spool_failed;
	bool needs_body;
	/* An ending verdict of connect or HELO: every MAIL gets it (the MTA may not have shown it). */
	const struct verdict *refusal;
};

/* negotiate.c */
sfsistat milter_negotiate(SMFICTX *ctx, unsigned long actions, unsigned long steps, unsigned long f2,
    unsigned long f3, unsigned long *ret_actions, unsigned long *ret_steps, unsigned long *ret_f2,
    unsigned long *ret_f3);

/* session.c: the other callbacks */
extern struct smfiDesc milter_callbacks;
void milter_conn_free(struct milter_conn *c);

/* apply.c */
/* Shows the verdict of a stage to the MTA. */
sfsistat milter_reply(struct milter_conn *c, const struct verdict *v);
/* Carries out what was judged on the message in hand; quarantine included. */
sfsistat milter_apply(struct milter_conn *c, const struct judgement *j);

/* macros.c: what the MTA's macros tell, at the stage where they are there. */
void milter_macros_connect(struct milter_conn *c);
void milter_macros_mail(struct milter_conn *c);

#endif
