/* Edit lists: the one place that makes header names and values safe. */
#include "core/edit.h"

#include <assert.h>

enum { LINE_MAX_OCTETS = 998, FOLD_AT = 900 };

void edits_init(struct edits *e)
{
	*e = (struct edits){.last = &e->first};
}

static bool name_is_valid(struct str name)
{
	if (name.n == 0 || name.n > 200)
		return false;
	for (size_t i = 0; i < name.n; i++)
		if (name.p[i] < 33 || name.p[i] > 126 || name.p[i] == ':')
			return false;
	return true;
}

static bool is_fold(struct str value, size_t i)
{
	return i + 2 < value.n && value.p[i] == '\r' && value.p[i + 1] == '\n' &&
	       (value.p[i + 2] == ' ' || value.p[i + 2] == '\t');
}

/* Copies value; controls that are no fold become blanks, and a line that grows too long is folded. */
static struct str safe_value(struct arena *a, size_t name_length, struct str value)
{
	struct buf out = {0};
	size_t column = name_length + 2;

	for (size_t i = 0; i < value.n; i++) {
		char c = value.p[i];

		if (is_fold(value, i)) {
			buf_adds(&out, "\r\n");
			column = 0;
			i++;
			continue;
		}
		if (c == '\r' || c == '\n' || c == '\0')
			c = ' ';
		if (column >= FOLD_AT && (c == ' ' || column >= LINE_MAX_OCTETS)) {
			buf_adds(&out, "\r\n ");
			column = 1;
			if (c == ' ')
				continue;
		}
		buf_addc(&out, c);
		column++;
	}
	return buf_take(&out, a);
}

static void add(struct edits *e, struct arena *a, const struct edit *like)
{
	struct edit *edit = arena_alloc(a, sizeof *edit);

	assert(name_is_valid(like->name));
	*edit = *like;
	edit->name = arena_str(a, like->name);
	edit->value = safe_value(a, like->name.n, like->value);
	*e->last = edit;
	e->last = &edit->next;
	e->n++;
}

void edit_add_header(struct edits *e, struct arena *a, struct str name, struct str value)
{
	add(e, a, &(struct edit){.op = EDIT_ADD_HEADER, .name = name, .value = value});
}

void edit_remove_header(struct edits *e, struct arena *a, struct str name, unsigned index)
{
	add(e, a, &(struct edit){.op = EDIT_REMOVE_HEADER, .name = name, .index = index});
}

void edit_change_header(struct edits *e, struct arena *a, struct str name, unsigned index, struct str value)
{
	add(e, a, &(struct edit){.op = EDIT_CHANGE_HEADER, .name = name, .value = value, .index = index});
}
