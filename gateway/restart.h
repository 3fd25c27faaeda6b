/*
 * Directives that are read at a start alone (struct directive, at_start): a reload cannot take a change
 * of them over, and must not be silent about it.
 */
#ifndef REEVE_GATEWAY_RESTART_H
#define REEVE_GATEWAY_RESTART_H

#include "gateway/config.h"

/* Calls tell() with the name ("workers", "queue segment") of each that is written otherwise in after. */
void restart_needed(const struct config *before, const struct config *after, void (*tell)(const char *name));

#endif
