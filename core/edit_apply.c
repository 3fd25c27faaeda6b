/* Added fields on top, then the original fields with some cut out or written anew. */
#include "core/edit_apply.h"

#include "core/header.h"

static void piece_add(struct edited *out, struct str s)
{
	if (s.n == 0)
		return;
	out->pieces[out->n++] = s;
	out->bytes += s.n;
}

static struct str field_text(struct arena *a, const struct edit *e)
{
	return arena_printf(a, "%.*s: %.*s\r\n", STR_ARG(e->name), STR_ARG(e->value));
}

/* The edit added last stands topmost: pieces are filled from behind. */
static void add_on_top(struct arena *a, const struct edits *e, size_t adds, struct edited *out)
{
	size_t at = adds;

	for (const struct edit *d = e->first; d; d = d->next) {
		if (d->op != EDIT_ADD_HEADER)
			continue;
		out->pieces[--at] = field_text(a, d);
		out->bytes += out->pieces[at].n;
	}
	out->n = adds;
}

/* The field that the edit means, or n. */
static size_t field_of(const struct headers *h, const struct edit *e)
{
	unsigned seen = 0;

	for (size_t i = 0; i < h->n; i++)
		if (str_ieq(h->v[i].name, e->name) && ++seen == e->index)
			return i;
	return h->n;
}

static void cut_fields(struct arena *a, const struct edits *e, struct str head, struct edited *out)
{
	struct headers h;
	const struct edit **by_field;
	size_t from = 0;

	headers_parse(a, head, &h);
	by_field = arena_array(a, h.n + 1, sizeof(struct edit *));
	for (const struct edit *d = e->first; d; d = d->next)
		if (d->op != EDIT_ADD_HEADER)
			by_field[field_of(&h, d)] = d;
	for (size_t i = 0; i < h.n; i++) {
		size_t start = (size_t)(h.v[i].raw.p - head.p);
		if (!by_field[i])
			continue;
		piece_add(out, str_sub(head, from, start - from));
		if (by_field[i]->op == EDIT_CHANGE_HEADER)
			piece_add(out, arena_printf(a, "%.*s: %.*s\r\n", STR_ARG(h.v[i].name),
			    STR_ARG(by_field[i]->value)));
		from = start + h.v[i].raw.n;
	}
	out->tail = from;
}

void edits_apply(struct arena *a, const struct edits *e, struct str head, struct edited *ret_edited)
{
	size_t adds = 0;

	*ret_edited = (struct edited){0};
	if (!e || e->n == 0)
		return;
	for (const struct edit *d = e->first; d; d = d->next)
		adds += d->op == EDIT_ADD_HEADER;
	ret_edited->pieces = arena_array(a, adds + 1 + 2 * (e->n - adds), sizeof(struct str));
	add_on_top(a, e, adds, ret_edited);
	/* A message that starts with a blank would continue our field: its headers are empty, so say so. */
	if (adds && head.n && (head.p[0] == ' ' || head.p[0] == '\t'))
		piece_add(ret_edited, STR("\r\n"));
	if (e->n > adds)
		cut_fields(a, e, head, ret_edited);
}
