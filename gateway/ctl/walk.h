/* Message files named on a command line: files, "-", and folders with all that is below them. */
#ifndef REEVE_GATEWAY_CTL_WALK_H
#define REEVE_GATEWAY_CTL_WALK_H

#include <stdbool.h>

/*
 * Calls each() for path, or for each file below it, in order; names that start with a dot are passed
 * over. False when a folder could not be read (reported on stderr).
 */
bool ctl_walk(const char *path, void (*each)(void *arg, const char *path), void *arg);

#endif
