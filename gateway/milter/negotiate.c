/*
 * Negotiation: asks only for what the configuration can use, skips the steps that nobody needs,
 * and refuses an MTA that could not carry out a configured action (never accept instead).
 */
#include "gateway/milter/private.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "lib/clock.h"
#include "lib/log.h"

enum { REFUSED_AGAIN_MS = 10000 };

/* ---- what is asked for ---- */

/* What each action of the policy needs of the MTA. */
static const struct {
	unsigned uses;
	unsigned long flag;
	const char *what;
} needs[] = {
    {POLICY_USES_TAGS, SMFIF_ADDHDRS, "add headers"},
    {POLICY_USES_TAGS, SMFIF_CHGHDRS, "change headers"},
    {POLICY_USES_COPY | POLICY_USES_REDIRECT, SMFIF_ADDRCPT, "add recipients"},
    {POLICY_USES_SENDER, SMFIF_CHGFROM, "change the envelope sender"},
    {POLICY_USES_BODY, SMFIF_CHGBODY, "replace bodies"},
    {POLICY_USES_REDIRECT | POLICY_USES_QUARANTINE | POLICY_USES_DISCARD, SMFIF_DELRCPT, "delete recipients"},
};

static unsigned long actions_needed(const struct snapshot *snap)
{
	unsigned uses = policy_uses(snap->policy);
	unsigned long needed = 0;

	for (size_t i = 0; i < sizeof needs / sizeof *needs; i++)
		if (uses & needs[i].uses)
			needed |= needs[i].flag;
	if (milter.conf->hold && (uses & POLICY_USES_QUARANTINE))
		needed |= SMFIF_QUARANTINE;
	return needed;
}

/* An MTA that is refused comes again and again. */
static bool was_said(unsigned long missing)
{
	static unsigned long last;
	static int64_t last_us;
	int64_t now = clock_mono_us();
	bool is_same;

	pthread_mutex_lock(&milter.lock);
	is_same = missing == last && now - last_us < REFUSED_AGAIN_MS * 1000;
	if (!is_same) {
		last = missing;
		last_us = now;
	}
	pthread_mutex_unlock(&milter.lock);
	return is_same;
}

/* Says what the MTA cannot do. */
static void log_missing(unsigned long missing)
{
	const char *what = "hold messages";

	if (was_said(missing))
		return;
	for (size_t i = 0; i < sizeof needs / sizeof *needs; i++)
		if (missing & needs[i].flag)
			what = needs[i].what;
	log_say(LOG_LEVEL_ERROR, "milter", "the MTA cannot %s, which the policy needs: refused", what);
}

/*
 * Filters add Authentication-Results and remove forged ones; without that mail is still judged. Said once:
 * an MTA has a connection for each of its processes.
 */
static void log_less(unsigned long actions, unsigned long steps)
{
	static _Atomic bool has_said_headers, has_said_blanks;

	if ((~actions & (SMFIF_ADDHDRS | SMFIF_CHGHDRS)) && !atomic_exchange(&has_said_headers, true))
		log_say(LOG_LEVEL_WARNING, "milter", "the MTA cannot change headers: Authentication-Results are neither "
		    "added nor are forged ones removed");
	if (!(steps & SMFIP_HDR_LEADSPC) && !atomic_exchange(&has_said_blanks, true))
		log_say(LOG_LEVEL_WARNING, "milter", "the MTA hides blanks in front of header values: signatures over "
		    "unusual header fields may fail");
}

static bool is_silent(const struct snapshot *snap, enum stage stage)
{
	return !chain_has_run(snap->chain, stage) && !policy_has(snap->policy, stage);
}

static bool needs_body(const struct snapshot *snap)
{
	return chain_has_run(snap->chain, STAGE_MESSAGE) || chain_has_data(snap->chain) ||
	       (policy_uses(snap->policy) & (POLICY_USES_QUARANTINE | POLICY_USES_SIZE));
}

/*
 * No reply where none can come; every bit only if it was offered. A reply to each piece of the body is
 * what saying "enough" (SKIP) would cost: a tenth of our time for each message, to spare the rest of one
 * that is too large. So pieces are not answered; where an MTA wants them to be, libmilter does it. What is wrong at a step that
 * is not answered (too long a header, the process ends) is said at the end of the message. MAIL and
 * RCPT are always answered: a size or a recipient too many is refused there, and nothing else with it.
 */
static unsigned long steps_wanted(const struct snapshot *snap, unsigned long offered)
{
	static const struct {
		enum stage stage;
		unsigned long flag;
	} silent[] = {{STAGE_CONNECT, SMFIP_NR_CONN}, {STAGE_HELO, SMFIP_NR_HELO},
	    {STAGE_HEADER, SMFIP_NR_EOH}};
	unsigned long steps = SMFIP_NOUNKNOWN | SMFIP_NODATA | SMFIP_NR_HDR | SMFIP_HDR_LEADSPC;

	for (size_t i = 0; i < sizeof silent / sizeof *silent; i++)
		if (is_silent(snap, silent[i].stage))
			steps |= silent[i].flag;
	if ((steps & SMFIP_NR_EOH) && !chain_has_want(snap->chain, STAGE_HEADER))
		steps |= SMFIP_NOEOH;
	steps |= needs_body(snap) ? SMFIP_NR_BODY : SMFIP_NOBODY;
	return steps & offered;
}

static void ask_macros(SMFICTX *ctx)
{
	static const struct {
		int stage;
		const char *names;
	} lists[] = {
	    {SMFIM_CONNECT, "v {daemon_name} {daemon_addr} {if_addr} {client_resolve}"},
	    {SMFIM_HELO, "{tls_version} {cipher} {verify} {cert_subject}"},
	    {SMFIM_ENVFROM, "i {auth_authen} {tls_version} {cipher} {verify} {cert_subject}"},
	    {SMFIM_EOH, "i"},
	    {SMFIM_EOM, "i"},
	};

	for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
		smfi_setsymlist(ctx, lists[i].stage, (char *)lists[i].names);
}

/* ---- what was agreed, for contexts that start another connection without negotiating ---- */

enum { AGREED_SLOTS = 4096, AGREED_TRIES = 8 };

/* A slot that is wanted for another context is taken over: that one is told to come again then. */
static struct agreed {
	const SMFICTX *ctx;
	unsigned long actions, steps;
} agreed[AGREED_SLOTS];

static struct agreed *agreed_slot(const SMFICTX *ctx, bool is_new)
{
	size_t first = (size_t)((uintptr_t)ctx >> 4) * 0x9e3779b1u;

	for (size_t i = 0; i < AGREED_TRIES; i++) {
		struct agreed *a = &agreed[(first + i) % AGREED_SLOTS];

		if (a->ctx == ctx || (is_new && !a->ctx))
			return a;
	}
	return is_new ? &agreed[first % AGREED_SLOTS] : NULL;
}

static void agreed_keep(const SMFICTX *ctx, unsigned long actions, unsigned long steps)
{
	pthread_mutex_lock(&milter.lock);
	*agreed_slot(ctx, true) = (struct agreed){ctx, actions, steps};
	pthread_mutex_unlock(&milter.lock);
}

static bool agreed_find(const SMFICTX *ctx, struct agreed *ret_agreed)
{
	struct agreed *a;

	pthread_mutex_lock(&milter.lock);
	a = agreed_slot(ctx, false);
	if (a)
		*ret_agreed = *a;
	pthread_mutex_unlock(&milter.lock);
	return a != NULL;
}

/* ---- connections ---- */

static struct milter_conn *conn_new(SMFICTX *ctx, struct snapshot *snap, unsigned long actions, unsigned long steps)
{
	struct milter_conn *c = calloc(1, sizeof *c);

	if (!c)
		abort();
	*c = (struct milter_conn){.magic = MILTER_MAGIC, .ctx = ctx, .snapshot = snap, .actions = actions, .steps = steps};
	pthread_mutex_lock(&milter.lock);
	milter.connections++;
	pthread_mutex_unlock(&milter.lock);
	smfi_setpriv(ctx, c);
	return c;
}

struct milter_conn *milter_conn_at_connect(SMFICTX *ctx)
{
	struct milter_conn *c = smfi_getpriv(ctx);
	struct snapshot *snap;
	struct agreed was;
	unsigned long needed;

	assert(!c || c->magic == MILTER_MAGIC);
	if (c || !agreed_find(ctx, &was))
		return c;
	snap = snapshot_current();
	needed = actions_needed(snap);
	if (needed & ~was.actions) {
		log_missing(needed & ~was.actions);
		snapshot_unref(snap);
		return NULL;
	}
	return conn_new(ctx, snap, was.actions, was.steps);
}

void milter_conn_free(struct milter_conn *c)
{
	if (!c)
		return;
	milter_transaction_end(c);
	intake_free(&c->intake);
	session_free(c->session);
	snapshot_unref(c->snapshot);
	pthread_mutex_lock(&milter.lock);
	milter.connections--;
	pthread_mutex_unlock(&milter.lock);
	c->magic = 0;
	free(c);
}

sfsistat milter_negotiate(SMFICTX *ctx, unsigned long actions, unsigned long steps, unsigned long f2,
    unsigned long f3, unsigned long *ret_actions, unsigned long *ret_steps, unsigned long *ret_f2,
    unsigned long *ret_f3)
{
	struct snapshot *snap = snapshot_current();
	unsigned long needed = actions_needed(snap);

	(void)f2;
	(void)f3;
	if (needed & ~actions) {
		log_missing(needed & ~actions);
		snapshot_unref(snap);
		return SMFIS_REJECT;
	}
	log_less(actions, steps);
	*ret_actions = needed | (actions & (SMFIF_ADDHDRS | SMFIF_CHGHDRS | SMFIF_SETSYMLIST));
	*ret_steps = steps_wanted(snap, steps);
	*ret_f2 = *ret_f3 = 0;
	if (actions & SMFIF_SETSYMLIST)
		ask_macros(ctx);
	/* An MTA that negotiates twice starts anew. */
	milter_conn_free(smfi_getpriv(ctx));
	agreed_keep(ctx, *ret_actions, *ret_steps);
	conn_new(ctx, snap, *ret_actions, *ret_steps);
	return SMFIS_CONTINUE;
}
