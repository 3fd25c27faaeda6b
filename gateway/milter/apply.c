/*
 * Carries out verdicts: replies, header edits, recipients, quarantine. libmilter wants folds as LF
 * and, where leading blanks are ours, the blank behind the colon.
 */
#include "auth/sealing.h"
#include "gateway/milter/private.h"

#include <errno.h>
#include <stdlib.h>

#include "gateway/setaside.h"
#include "lib/log.h"

/* libmilter hands the text to printf-like code of the MTA: a percent sign is written twice. */
static struct str double_percent(struct arena *a, struct str text)
{
	struct buf out = {0};

	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] == '%')
			buf_addc(&out, '%');
		buf_addc(&out, text.p[i]);
	}
	return buf_take(&out, a);
}

static sfsistat set_reply(struct milter_conn *c, struct arena *a, int code, struct str enhanced, struct str text)
{
	const char *code_text = arena_printf(a, "%d", code).p;

	if (smfi_setreply(c->ctx, (char *)code_text, (char *)arena_cstr(a, enhanced),
		(char *)double_percent(a, text).p) != MI_SUCCESS)
		log_say(LOG_LEVEL_WARNING, "milter", "the reply %d %.*s was not taken", code, STR_ARG(text));
	return code >= 500 ? SMFIS_REJECT : SMFIS_TEMPFAIL;
}

sfsistat milter_reply(struct milter_conn *c, const struct verdict *v)
{
	struct session *s = c->session;
	struct message *m = s->message;
	struct arena *a = m ? m->arena : s->arena;

	switch (v->kind) {
	case VERDICT_REJECT:
	case VERDICT_TEMPFAIL:
		return set_reply(c, a, v->code, v->enhanced,
		    arena_printf(a, "%.*s (%s)", STR_ARG(v->text), m ? m->id : s->id));
	case VERDICT_DISCARD:
		return SMFIS_DISCARD;
	case VERDICT_NONE:
	case VERDICT_ACCEPT:
	case VERDICT_QUARANTINE:
		break;
	}
	return SMFIS_CONTINUE;
}

/* The value as libmilter takes it: folds are LF + blank; with HDR_LEADSPC the first blank is ours. */
static char *milter_value(struct milter_conn *c, struct arena *a, struct str value)
{
	struct buf out = {0};

	if ((c->steps & SMFIP_HDR_LEADSPC) && value.n)
		buf_addc(&out, ' ');
	for (size_t i = 0; i < value.n; i++)
		if (value.p[i] != '\r')
			buf_addc(&out, value.p[i]);
	return (char *)buf_take(&out, a).p;
}

static int by_index_down(const void *x, const void *y)
{
	const struct edit *a = *(const struct edit *const *)x, *b = *(const struct edit *const *)y;

	return (a->index < b->index) - (a->index > b->index);
}

/* Removals and changes count in the message as it came: the highest index goes first. */
static bool change_headers(struct milter_conn *c, struct arena *a, const struct edits *edits)
{
	const struct edit **sorted = arena_array(a, edits->n + 1, sizeof *sorted);
	size_t n = 0;
	bool ok = true;

	for (const struct edit *e = edits->first; e; e = e->next)
		if (e->op != EDIT_ADD_HEADER)
			sorted[n++] = e;
	qsort(sorted, n, sizeof *sorted, by_index_down);
	for (size_t i = 0; i < n; i++)
		ok &= smfi_chgheader(c->ctx, (char *)arena_cstr(a, sorted[i]->name), (int)sorted[i]->index,
			  sorted[i]->op == EDIT_REMOVE_HEADER ? NULL : milter_value(c, a, sorted[i]->value)) == MI_SUCCESS;
	return ok;
}

static bool add_headers(struct milter_conn *c, struct arena *a, const struct edits *edits)
{
	bool ok = true;

	for (const struct edit *e = edits->first; e; e = e->next)
		if (e->op == EDIT_ADD_HEADER)
			ok &= smfi_insheader(c->ctx, 0, (char *)arena_cstr(a, e->name), milter_value(c, a, e->value)) == MI_SUCCESS;
	return ok;
}

static bool has_edit(const struct edits *edits, const struct edit *like)
{
	for (const struct edit *e = edits->first; e; e = e->next)
		if (e->op == like->op && e->index == like->index && str_ieq(e->name, like->name) &&
		    (e->op == EDIT_REMOVE_HEADER || str_eq(e->value, like->value)))
			return true;
	return false;
}

/*
 * The MTA keeps one message for all recipients, so what any delivered group adds is added for all
 * (the admin guide's table of differences says so).
 */
static struct edits *united_edits(const struct delivery_group *groups, struct arena *a)
{
	struct edits *all = arena_alloc(a, sizeof *all);

	edits_init(all);
	for (const struct delivery_group *g = groups; g; g = g->next)
		for (const struct edit *e = g->is_quarantine ? NULL : g->edits.first; e; e = e->next) {
			struct edit *copy;

			if (has_edit(all, e))
				continue;
			copy = arena_alloc(a, sizeof *copy);
			*copy = *e;
			copy->next = NULL;
			*all->last = copy;
			all->last = &copy->next;
			all->n++;
		}
	return all;
}

static char *bracketed(struct arena *a, struct str address)
{
	return (char *)arena_printf(a, "<%.*s>", STR_ARG(address)).p;
}

/* Takes those out who do not get it through the MTA, and puts in redirects and copies. */
static bool change_recipients(struct milter_conn *c, struct arena *a, const struct delivery_group *groups)
{
	bool ok = true;

	for (const struct delivery_group *g = groups; g; g = g->next)
		for (size_t i = 0; i < g->n; i++) {
			const struct recipient *origin = g->origins[i];
			bool stays = origin && !g->is_quarantine && str_eq(origin->address.text, g->recipients[i]);

			if (stays)
				continue;
			if (origin)
				ok &= smfi_delrcpt(c->ctx, bracketed(a, origin->address.text)) == MI_SUCCESS;
			if (!g->is_quarantine)
				ok &= smfi_addrcpt(c->ctx, bracketed(a, g->recipients[i])) == MI_SUCCESS;
		}
	return ok;
}

static bool drop_discarded(struct milter_conn *c, struct arena *a, const struct judgement *j)
{
	bool ok = true;

	for (size_t i = 0; i < j->n; i++)
		if (j->verdicts[i].kind == VERDICT_DISCARD)
			ok &= smfi_delrcpt(c->ctx, bracketed(a, j->recipients[i]->address.text)) == MI_SUCCESS;
	return ok;
}

/* The MTA's own hold queue, for the whole message, when that was configured. */
static sfsistat hold(struct milter_conn *c, struct arena *a, const struct judgement *j)
{
	struct str reason = arena_printf(a, "%.*s (%s)", STR_ARG(j->whole.text), c->session->message->id);

	if (smfi_quarantine(c->ctx, (char *)reason.p) == MI_SUCCESS)
		return SMFIS_CONTINUE;
	return set_reply(c, a, 451, STR("4.3.0"), STR("cannot hold the message, try again later"));
}

static sfsistat apply_taken(struct milter_conn *c, const struct judgement *j)
{
	struct session *s = c->session;
	struct arena *a = s->message->arena;
	struct delivery_group *groups = judge_groups(s, j, a);
	struct edits *edits = united_edits(groups, a);

	if (j->any_accept)
		seal_outgoing(s, edits);
	for (const struct delivery_group *g = groups; g; g = g->next)
		if (g->is_quarantine && !milter.conf->hold && setaside_put(milter.quarantine, s, j, g) != RES_OK)
			return set_reply(c, a, errno == ENOSPC ? 452 : 451, errno == ENOSPC ? STR("4.3.1") : STR("4.3.0"),
			    STR("cannot store the message, try again later"));
	if (j->any_quarantine && milter.conf->hold && !j->any_accept)
		return hold(c, a, j);
	if (!j->any_accept)
		return SMFIS_DISCARD; /* all of it is in our quarantine, or discarded by policy */
	if (change_headers(c, a, edits) && add_headers(c, a, edits) && change_recipients(c, a, groups) &&
	    drop_discarded(c, a, j))
		return SMFIS_CONTINUE;
	return set_reply(c, a, 451, STR("4.3.0"), STR("the message could not be changed as decided"));
}

static void count(const struct judgement *j)
{
	_Atomic uint64_t *const counters[] = {[VERDICT_NONE] = &milter.tempfailed, [VERDICT_ACCEPT] = &milter.accepted,
	    [VERDICT_REJECT] = &milter.rejected, [VERDICT_TEMPFAIL] = &milter.tempfailed,
	    [VERDICT_QUARANTINE] = &milter.quarantined, [VERDICT_DISCARD] = &milter.discarded};

	milter.messages++;
	++*counters[j->whole.kind];
}

sfsistat milter_apply(struct milter_conn *c, const struct judgement *j)
{
	struct session *s = c->session;
	bool is_taken = j->any_accept || j->any_quarantine || j->any_discard;
	sfsistat status = is_taken && j->whole.kind != VERDICT_TEMPFAIL ? apply_taken(c, j) : milter_reply(c, &j->whole);

	count(j);
	judge_log(c->snapshot, s, j, judge_reply(s->message->arena, &j->whole, s->message->id));
	return status;
}
