/* The master process: prepares what needs root, forks the roles, restarts them, ends them. */
#ifndef REEVE_GATEWAY_MASTER_H
#define REEVE_GATEWAY_MASTER_H

#include <stdbool.h>

#include "gateway/config.h"

/* Runs until SIGTERM or SIGINT; returns the exit status. The configuration was checked before. */
int master_run(const struct config *config, const char *config_path, bool foreground);

#endif
