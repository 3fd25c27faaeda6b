/* A message file as rules see it: for samples, measuring and benches. */
#include "rules/target.h"

void rule_target_parse(struct arena *a, struct str message, struct rule_target *ret_target)
{
	struct headers *headers = arena_alloc(a, sizeof *headers);

	headers_parse(a, message, headers);
	*ret_target = (struct rule_target){.arena = a, .message = message, .headers = headers};
	ret_target->mime = mime_parse(a, message, NULL);
	ret_target->content = content_make(a, ret_target->mime);
}
