/* What a policy may do, found by a walk over its statements: for the milter's negotiation. */
#include "policy/program.h"

static const unsigned uses[] = {
    [ACTION_QUARANTINE] = POLICY_USES_QUARANTINE,
    [ACTION_DISCARD] = POLICY_USES_DISCARD,
    [ACTION_ADD_HEADER] = POLICY_USES_TAGS,
    [ACTION_TAG_SUBJECT] = POLICY_USES_TAGS,
    [ACTION_REMOVE_HEADER] = POLICY_USES_TAGS,
    [ACTION_COPY] = POLICY_USES_COPY,
    [ACTION_REDIRECT] = POLICY_USES_REDIRECT,
    [ACTION_SET_SENDER] = POLICY_USES_SENDER,
    [ACTION_REPLACE_BODY] = POLICY_USES_BODY | POLICY_USES_TAGS,
    [ACTION_FOR] = 0,
};

static unsigned of_statements(const struct statement *list)
{
	unsigned bits = 0;

	for (; list; list = list->next) {
		if ((size_t)list->action < sizeof uses / sizeof *uses)
			bits |= uses[list->action];
		bits |= of_statements(list->body);
	}
	return bits;
}

/* Where some recipients reject a message that others take, theirs goes to the quarantine. */
static bool may_reject(const struct statement *list)
{
	for (; list; list = list->next)
		if (list->action == ACTION_REJECT || may_reject(list->body))
			return true;
	return false;
}

unsigned policy_uses(const struct policy *p)
{
	unsigned bits = 0;

	for (int stage = 0; stage < STAGE_COUNT; stage++)
		bits |= of_statements(p->stages[stage]);
	if (may_reject(p->stages[STAGE_MESSAGE]))
		bits |= POLICY_USES_QUARANTINE;
	for (size_t i = 0; i < p->fact_count; i++)
		if (str_is(str_of(p->facts[i]->name), "size"))
			bits |= POLICY_USES_SIZE;
	return bits;
}
