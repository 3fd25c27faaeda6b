/* Lessons of ham that other commands give: what an administrator released was wanted. */
#ifndef REEVE_GATEWAY_CTL_LEARN_H
#define REEVE_GATEWAY_CTL_LEARN_H

#include <stdbool.h>

#include "gateway/ctl/ctl.h"

struct ctl_lessons;

/* Opens the store and waits for its turn; NULL (reported) when that cannot be done. */
struct ctl_lessons *ctl_lessons_open(struct ctl *ctl);
/* For the filters learn and fuzzy. */
void ctl_lessons_ham(struct ctl_lessons *lessons, struct str message);
/* Writes what was learnt; false (reported) when not everything could be. NULL is allowed. */
bool ctl_lessons_close(struct ctl_lessons *lessons);

#endif
