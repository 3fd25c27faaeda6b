/*
 * Negotiation: asks only for what the configuration can use, skips the steps that nobody needs,
 * and refuses an MTA that could not carry out a configured action (never accept instead).
 */
#include "gateway/milter/private.h"

#include <stdlib.h>

#include "lib/log.h"

/* What each action of the policy needs of the MTA. */
static const struct {
	enum policy_use use;
	unsigned long flag;
	const char *what;
} needs[] = {
    {POLICY_USES_TAGS, SMFIF_ADDHDRS, "add headers"},
    {POLICY_USES_TAGS, SMFIF_CHGHDRS, "change headers"},
    {POLICY_USES_COPY, SMFIF_ADDRCPT, "add recipients"},
    {POLICY_USES_REDIRECT, SMFIF_ADDRCPT, "add recipients"},
    {POLICY_USES_REDIRECT, SMFIF_DELRCPT, "delete recipients"},
    {POLICY_USES_QUARANTINE, SMFIF_DELRCPT, "delete recipients"},
};

static unsigned long actions_needed(const struct snapshot *snap, unsigned long offered, const char **ret_missing)
{
	unsigned uses = policy_uses(snap->policy);
	/* Filters add Authentication-Results and remove forged ones. */
	unsigned long wanted = (SMFIF_ADDHDRS | SMFIF_CHGHDRS) & offered;

	*ret_missing = NULL;
	for (size_t i = 0; i < sizeof needs / sizeof *needs; i++) {
		if (!(uses & needs[i].use))
			continue;
		if (!(offered & needs[i].flag))
			*ret_missing = needs[i].what;
		wanted |= needs[i].flag;
	}
	if (milter.conf->hold && (uses & POLICY_USES_QUARANTINE)) {
		if (!(offered & SMFIF_QUARANTINE))
			*ret_missing = "hold messages";
		wanted |= SMFIF_QUARANTINE;
	}
	return wanted;
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

/* No reply where none can come; every bit only if it was offered. */
static unsigned long steps_wanted(const struct snapshot *snap, unsigned long offered)
{
	static const struct {
		enum stage stage;
		unsigned long flag;
	} silent[] = {{STAGE_CONNECT, SMFIP_NR_CONN}, {STAGE_HELO, SMFIP_NR_HELO}, {STAGE_HEADER, SMFIP_NR_EOH}};
	unsigned long steps = SMFIP_NOUNKNOWN | SMFIP_NODATA | SMFIP_NR_HDR | SMFIP_NR_BODY | SMFIP_HDR_LEADSPC | SMFIP_SKIP;

	for (size_t i = 0; i < sizeof silent / sizeof *silent; i++)
		if (is_silent(snap, silent[i].stage))
			steps |= silent[i].flag;
	if (!needs_body(snap))
		steps |= SMFIP_NOBODY;
	/* A reply per chunk is needed to say SKIP; body chunks come without one otherwise. */
	return steps & offered;
}

static void ask_macros(SMFICTX *ctx)
{
	static const struct {
		int stage;
		const char *names;
	} lists[] = {
	    {SMFIM_CONNECT, "j {daemon_name} {daemon_addr} {if_addr} {client_name} {client_addr}"},
	    {SMFIM_HELO, "{tls_version} {cipher} {verify} {cert_subject}"},
	    {SMFIM_ENVFROM, "i {auth_authen} {auth_type} {tls_version} {cipher} {verify} {cert_subject}"},
	    {SMFIM_ENVRCPT, "{rcpt_mailer} {rcpt_host} {rcpt_addr}"},
	    {SMFIM_EOM, "i"},
	};

	for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
		smfi_setsymlist(ctx, lists[i].stage, (char *)lists[i].names);
}

sfsistat milter_negotiate(SMFICTX *ctx, unsigned long actions, unsigned long steps, unsigned long f2,
    unsigned long f3, unsigned long *ret_actions, unsigned long *ret_steps, unsigned long *ret_f2,
    unsigned long *ret_f3)
{
	struct snapshot *snap = snapshot_current();
	struct milter_conn *c;
	const char *missing;

	(void)f2;
	(void)f3;
	*ret_actions = actions_needed(snap, actions, &missing);
	*ret_steps = steps_wanted(snap, steps);
	*ret_f2 = *ret_f3 = 0;
	if (missing) {
		log_say(LOG_LEVEL_ERROR, "milter", "the MTA cannot %s, which the policy needs: refused", missing);
		snapshot_unref(snap);
		return SMFIS_REJECT;
	}
	if (actions & SMFIF_SETSYMLIST) {
		*ret_actions |= SMFIF_SETSYMLIST;
		ask_macros(ctx);
	}
	c = calloc(1, sizeof *c);
	if (!c)
		abort();
	*c = (struct milter_conn){.magic = MILTER_MAGIC, .ctx = ctx, .snapshot = snap, .actions = *ret_actions,
	    .steps = *ret_steps, .needs_body = needs_body(snap)};
	if (smfi_setpriv(ctx, c) != MI_SUCCESS) {
		milter_conn_free(c);
		return SMFIS_TEMPFAIL;
	}
	return SMFIS_CONTINUE;
}
