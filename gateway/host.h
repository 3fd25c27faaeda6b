/*
 * Checks of a configuration that need the machine it is for: accounts and groups that it names, and
 * whether certificates and keys belong together. For mailreeved -t and reevectl check, and before a
 * start; what the calling account may not read is left out. Not for roles, whose sandbox hides files.
 */
#ifndef REEVE_GATEWAY_HOST_H
#define REEVE_GATEWAY_HOST_H

#include "gateway/config.h"

/* Adds an error to load for each. Call it in a single thread. */
void host_check(const struct config *config, struct conf_load *load);

#endif
