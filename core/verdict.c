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
