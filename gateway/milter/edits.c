/*
 * Header edits in the MTA's terms. libmilter wants folds as LF, the blank behind the colon from us
 * where leading blanks are ours, and counts from the top; a change of a field that is not there would
 * add it, and an empty value would remove it.
 */
#include "gateway/milter/private.h"

#include <stdlib.h>

/* The value as libmilter takes it. */
static char *value_of(const struct milter_conn *c, struct arena *a, struct str value)
{
	struct buf out = {0};

	if ((c->steps & SMFIP_HDR_LEADSPC) || value.n == 0)
		buf_addc(&out, ' ');
	for (size_t i = 0; i < value.n; i++)
		if (value.p[i] != '\r')
			buf_addc(&out, value.p[i]);
	return (char *)buf_take(&out, a).p;
}

static bool is_same(const struct edit *a, const struct edit *b)
{
	return a->op == b->op && a->index == b->index && str_ieq(a->name, b->name) &&
	       (a->op == EDIT_REMOVE_HEADER || str_eq(a->value, b->value));
}

static bool has_edit(const struct edit *const *list, size_t n, const struct edit *like)
{
	for (size_t i = 0; i < n; i++)
		if (is_same(list[i], like))
			return true;
	return false;
}

/*
 * The MTA keeps one message for all recipients, so what any delivered group adds is added for all
 * (the admin guide's table of differences says so). What a group says twice stays twice.
 */
static size_t unite(const struct delivery_group *groups, const struct edit **list)
{
	size_t n = 0;

	for (const struct delivery_group *g = groups; g; g = g->next) {
		size_t others = n;

		for (const struct edit *e = g->edits.first; e; e = e->next)
			if (!has_edit(list, others, e))
				list[n++] = e;
	}
	return n;
}

static size_t count_edits(const struct delivery_group *groups)
{
	size_t n = 0;

	for (const struct delivery_group *g = groups; g; g = g->next)
		n += g->edits.n;
	return n;
}

/* An edit of a field that is there; order: its place in the list. */
struct change {
	const struct edit *edit;
	const struct header *field;
	size_t order;
};

/* By field from below, so that no change moves the count of the next; of several for one field the last leads. */
static int by_place(const void *x, const void *y)
{
	const struct change *a = x, *b = y;

	if (a->field != b->field)
		return a->field < b->field ? 1 : -1;
	return (a->order < b->order) - (a->order > b->order);
}

/* The field's own spelling of its name stays. */
static bool change(struct milter_conn *c, struct arena *a, const struct change *h)
{
	char *value = h->edit->op == EDIT_REMOVE_HEADER ? NULL : value_of(c, a, h->edit->value);

	return smfi_chgheader(c->ctx, (char *)arena_cstr(a, h->field->name), (int)h->edit->index, value) == MI_SUCCESS;
}

static bool change_all(struct milter_conn *c, struct arena *a, const struct edit *const *list, size_t n)
{
	struct change *changes = arena_array(a, n + 1, sizeof *changes);
	size_t count = 0;
	bool ok = true;

	for (size_t i = 0; i < n; i++) {
		const struct edit *e = list[i];
		const struct header *field = e->op == EDIT_ADD_HEADER || e->index == 0 ? NULL
		    : headers_get(&c->session->message->headers, arena_cstr(a, e->name), e->index - 1);

		if (field)
			changes[count++] = (struct change){e, field, i};
	}
	qsort(changes, count, sizeof *changes, by_place);
	for (size_t i = 0; i < count; i++)
		if (i == 0 || changes[i].field != changes[i - 1].field)
			ok &= change(c, a, &changes[i]);
	return ok;
}

/* The edit added last stands topmost. */
static bool add_all(struct milter_conn *c, struct arena *a, const struct edit *const *list, size_t n)
{
	bool ok = true;

	for (size_t i = 0; i < n; i++)
		if (list[i]->op == EDIT_ADD_HEADER)
			ok &= smfi_insheader(c->ctx, 0, (char *)arena_cstr(a, list[i]->name), value_of(c, a, list[i]->value)) ==
			      MI_SUCCESS;
	return ok;
}

/* What the MTA did not offer was logged at negotiation, or refused there when the policy needs it. */
bool milter_edit(struct milter_conn *c, const struct delivery_group *groups)
{
	struct arena *a = c->session->message->arena;
	const struct edit **list = arena_array(a, count_edits(groups) + 1, sizeof(struct edit *));
	size_t n = unite(groups, list);
	bool ok = true;

	if (c->actions & SMFIF_CHGHDRS)
		ok &= change_all(c, a, list, n);
	if (c->actions & SMFIF_ADDHDRS)
		ok &= add_all(c, a, list, n);
	return ok;
}
