/* Carries out verdicts: replies, recipients, quarantine, and the log line. */
#include "gateway/milter/private.h"

#include <errno.h>
#include <string.h>

#include "gateway/quarantine/setaside.h"
#include "lib/log.h"

/* ---- replies ---- */

enum { REPLY_LINES = 8, REPLY_LINE_OCTETS = 400 };

/*
 * One line for libmilter, which takes no CR or LF; the MTA's printf-like code wants each percent sign
 * twice.
 */
static char *reply_line(struct arena *a, struct str text)
{
	struct buf out = {0};

	for (size_t i = 0; i < text.n; i++) {
		unsigned char octet = (unsigned char)text.p[i];

		if (octet == '%')
			buf_addc(&out, '%');
		buf_addc(&out, octet < ' ' || octet == 127 ? ' ' : (char)octet);
	}
	return (char *)buf_take(&out, a).p;
}

/* Long texts in several lines, broken at a blank where there is one. */
static void split_reply(struct arena *a, struct str text, char **lines)
{
	for (size_t n = 0; n < REPLY_LINES; n++) {
		struct str line = str_sub(text, 0, REPLY_LINE_OCTETS);
		ptrdiff_t blank = text.n > line.n ? str_rchr(line, ' ') : -1;

		if (blank > 0)
			line = str_sub(line, 0, (size_t)blank);
		lines[n] = reply_line(a, line);
		text = str_from(text, line.n + (blank > 0));
		if (!text.n)
			return;
	}
}

sfsistat milter_say(struct milter_conn *c, int code, struct str enhanced, struct str text)
{
	struct session *s = c->session;
	struct arena *a = s->message ? s->message->arena : s->arena;
	char *number = (char *)arena_printf(a, "%d", code).p, *dotted = enhanced.n ? (char *)arena_cstr(a, enhanced) : NULL;
	char *l[REPLY_LINES + 1] = {0};
	int result;

	split_reply(a, text, l);
	result = l[1] ? smfi_setmlreply(c->ctx, number, dotted, l[0], l[1], l[2], l[3], l[4], l[5], l[6], l[7], NULL)
		      : smfi_setreply(c->ctx, number, dotted, l[0]);
	if (result != MI_SUCCESS)
		log_say(LOG_LEVEL_WARNING, "milter", "the reply %d %.*s was not taken", code, STR_ARG(text));
	return code >= 500 ? SMFIS_REJECT : SMFIS_TEMPFAIL;
}

sfsistat milter_reply(struct milter_conn *c, const struct verdict *v)
{
	struct session *s = c->session;
	struct message *m = s->message;

	if (v->kind != VERDICT_REJECT && v->kind != VERDICT_TEMPFAIL)
		return SMFIS_CONTINUE;
	return milter_say(c, v->code, v->enhanced,
	    arena_printf(m ? m->arena : s->arena, "%.*s (%s)", STR_ARG(v->text), m ? m->id : s->id));
}

/* ---- recipients ---- */

static bool delete_recipient(struct milter_conn *c, struct arena *a, const struct recipient *r)
{
	return smfi_delrcpt(c->ctx, (char *)arena_cstr(a, intake_path_of(&c->intake, r))) == MI_SUCCESS;
}

static bool add_recipient(struct milter_conn *c, struct arena *a, struct str address)
{
	return smfi_addrcpt(c->ctx, (char *)arena_printf(a, "<%.*s>", STR_ARG(address)).p) == MI_SUCCESS;
}

/* Redirects and copies of one delivered group. */
static bool change_group(struct milter_conn *c, struct arena *a, const struct delivery_group *g)
{
	bool ok = true;

	for (size_t i = 0; i < g->n; i++) {
		const struct recipient *origin = g->origins[i];

		if (origin && str_eq(origin->address.text, g->recipients[i]))
			continue;
		if (origin)
			ok &= delete_recipient(c, a, origin);
		ok &= add_recipient(c, a, g->recipients[i]);
	}
	return ok;
}

/* Who does not get it through the MTA. */
static bool drop_others(struct milter_conn *c, struct arena *a, const struct judgement *j, enum verdict_kind through)
{
	bool ok = true;

	for (size_t i = 0; i < j->n; i++)
		if (j->verdicts[i].kind != through)
			ok &= delete_recipient(c, a, j->recipients[i]);
	return ok;
}

/* ---- sender and body ---- */

/* The MTA keeps one message: the first group that wants another sender, or another body, has it for all. */
static bool change_sender(struct milter_conn *c, struct arena *a, const struct delivery_group *groups)
{
	const struct delivery_group *g = groups;

	while (g && !g->verdict->sets_sender)
		g = g->next;
	return !g || smfi_chgfrom(c->ctx, (char *)arena_printf(a, "<%.*s>", STR_ARG(g->sender)).p, NULL) == MI_SUCCESS;
}

static bool replace_body(struct milter_conn *c, const struct delivery_group *groups)
{
	const struct delivery_group *g = groups;

	while (g && !g->replaces_body)
		g = g->next;
	return !g || smfi_replacebody(c->ctx, (unsigned char *)g->body.p, (int)g->body.n) == MI_SUCCESS;
}

/* ---- a message that was taken ---- */

static sfsistat later(struct milter_conn *c, int code, const char *enhanced, const char *text)
{
	return milter_say(c, code, str_of(enhanced), str_of(text));
}

/* Those that the MTA delivers, or holds. */
static struct delivery_group *through_mta(struct delivery_group *groups, bool is_quarantine)
{
	struct delivery_group *kept = NULL, **last = &kept, *next;

	for (; groups; groups = next) {
		next = groups->next;
		if (groups->is_quarantine != is_quarantine)
			continue;
		groups->next = NULL;
		*last = groups;
		last = &groups->next;
	}
	return kept;
}

/* The MTA has a hold queue for whole messages only: where some accept, our store takes the others. */
static bool is_held(const struct judgement *j)
{
	return milter.conf->hold && j->any_quarantine && !j->any_accept;
}

static bool hold(struct milter_conn *c, struct arena *a, const struct judgement *j)
{
	struct str reason = arena_printf(a, "%.*s (%s)", STR_ARG(j->whole.text), c->session->message->id);

	return smfi_quarantine(c->ctx, reply_line(a, reason)) == MI_SUCCESS;
}

/* What the MTA delivers or holds is made what was decided; false when it does not take that. */
static bool change(struct milter_conn *c, const struct judgement *j, struct delivery_group *groups, bool held)
{
	struct arena *a = c->session->message->arena;
	bool ok = milter_edit(c, groups);

	ok &= change_sender(c, a, groups);
	ok &= replace_body(c, groups);
	for (const struct delivery_group *g = groups; g; g = g->next)
		ok &= change_group(c, a, g);
	ok &= drop_others(c, a, j, held ? VERDICT_QUARANTINE : VERDICT_ACCEPT);
	if (held)
		ok &= hold(c, a, j);
	return ok;
}

static sfsistat not_stored(struct milter_conn *c)
{
	if (errno == ENOSPC || errno == EDQUOT)
		return later(c, 452, "4.3.1", "no room to store the message, try again later");
	return later(c, 451, "4.3.0", "cannot store the message, try again later");
}

/*
 * An MTA that has gone tells its client to come again, which would leave a second copy: there is none for what
 * it does not wait for. It hears of progress, which says nothing and still has to be written to it.
 */
static bool publish(struct milter_conn *c, struct setaside *aside)
{
	if (smfi_progress(c->ctx) == MI_SUCCESS)
		return setaside_publish(aside);
	setaside_abandon(aside);
	errno = EPIPE;
	return false;
}

/* Our quarantine has its copies only when the MTA has taken the changes that leave those recipients out. */
static sfsistat apply_taken(struct milter_conn *c, const struct judgement *j, struct delivery_group *groups)
{
	bool held = is_held(j), goes_on = j->any_accept || held;
	struct setaside *aside = NULL;

	if (!held && !(aside = setaside_prepare(milter.quarantine, c->session, j, groups)))
		return not_stored(c);
	if (goes_on && !change(c, j, through_mta(groups, held), held)) {
		if (aside)
			setaside_abandon(aside);
		return later(c, 451, "4.3.0", "the message could not be changed as decided");
	}
	if (aside && j->any_quarantine && !publish(c, aside))
		return not_stored(c);
	/* Else all of it is in our quarantine, or discarded by policy. */
	return goes_on ? SMFIS_CONTINUE : SMFIS_DISCARD;
}

/* ---- the end ---- */

static void count(enum verdict_kind kind, sfsistat status)
{
	_Atomic uint64_t *const counters[] = {[VERDICT_NONE] = &milter.tempfailed, [VERDICT_ACCEPT] = &milter.accepted,
	    [VERDICT_REJECT] = &milter.rejected, [VERDICT_TEMPFAIL] = &milter.tempfailed,
	    [VERDICT_QUARANTINE] = &milter.quarantined, [VERDICT_DISCARD] = &milter.discarded};

	milter.messages++;
	++*counters[status == SMFIS_TEMPFAIL ? VERDICT_TEMPFAIL : kind];
}

sfsistat milter_apply(struct milter_conn *c, const struct judgement *j, struct delivery_group *groups)
{
	struct session *s = c->session;
	bool is_taken = j->any_accept || j->any_quarantine || j->any_discard;
	sfsistat status = is_taken && j->whole.kind != VERDICT_TEMPFAIL ? apply_taken(c, j, groups) : milter_reply(c, &j->whole);
	struct str reply = judge_reply(s->message->arena, &j->whole, s->message->id);

	count(j->whole.kind, status);
	if (status == SMFIS_TEMPFAIL && j->whole.kind != VERDICT_TEMPFAIL)
		reply = STR("451 4.3.0 the verdict could not be carried out");
	judge_log(c->snapshot, s, j, reply);
	return status;
}
