/* The list of findings of one scope. */
#include "core/finding.h"

void findings_init(struct findings *f)
{
	*f = (struct findings){.last = &f->first};
}

bool findings_add(struct findings *f, struct arena *a, const struct finding *finding)
{
	struct finding *copy;

	if (f->n >= FINDINGS_MAX)
		return false;
	copy = arena_alloc(a, sizeof *copy);
	copy->filter = finding->filter;
	copy->name = arena_str(a, finding->name);
	copy->score = finding->score;
	copy->reason = arena_str(a, finding->reason);
	copy->where = arena_str(a, finding->where);
	copy->text = arena_str(a, str_sub(finding->text, 0, FINDING_TEXT_MAX));
	*f->last = copy;
	f->last = &copy->next;
	f->n++;
	f->score += finding->score;
	return true;
}
