/* Names of verdicts. */
#include "core/verdict.h"

const char *verdict_name(enum verdict_kind kind)
{
	static const char *const names[] = {
	    [VERDICT_NONE] = "none",
	    [VERDICT_ACCEPT] = "accept",
	    [VERDICT_REJECT] = "reject",
	    [VERDICT_TEMPFAIL] = "tempfail",
	    [VERDICT_QUARANTINE] = "quarantine",
	    [VERDICT_DISCARD] = "discard",
	};

	return names[kind];
}

const struct verdict *verdict_keep(struct arena *a, const struct verdict *v)
{
	struct verdict *copy;

	if (v->kind != VERDICT_QUARANTINE && v->kind != VERDICT_DISCARD)
		return NULL;
	copy = arena_alloc(a, sizeof *copy);
	*copy = *v;
	return copy;
}
