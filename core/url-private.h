/* Shared by the core/url*.c files only. */
#ifndef REEVE_CORE_URL_PRIVATE_H
#define REEVE_CORE_URL_PRIVATE_H

#include "core/url.h"

/* Adds one that was read, and those that a redirector carries inside. */
void urls_put(struct arena *a, struct urls *urls, const struct url *u);

#endif
