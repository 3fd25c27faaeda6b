/* Puts a delivery group into the quarantine: the same record from both front ends. */
#ifndef REEVE_GATEWAY_SETASIDE_H
#define REEVE_GATEWAY_SETASIDE_H

#include "gateway/judge.h"
#include "gateway/quarantine.h"

/* Blocks for the syncs; RES_TEMP with errno when it could not be stored. */
enum res setaside_put(struct quarantine *q, const struct session *s, const struct judgement *j,
    const struct delivery_group *g);

#endif
