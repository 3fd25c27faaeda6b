/* Shared by the files of this folder only. */
#ifndef REEVE_CORE_URL_URL_PRIVATE_H
#define REEVE_CORE_URL_URL_PRIVATE_H

#include "core/url/url.h"

/* The host of what stands between // and the path, as in struct url; STR_NONE when there is none. */
struct str url_host(struct arena *a, struct str authority);
/* Adds one that was read, and those that a redirector carries inside. */
void urls_put(struct arena *a, struct urls *urls, const struct url *u);

#endif
