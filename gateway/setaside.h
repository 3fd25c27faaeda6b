/* Puts delivery groups into the quarantine: the same records from both front ends. */
#ifndef REEVE_GATEWAY_SETASIDE_H
#define REEVE_GATEWAY_SETASIDE_H

#include "gateway/judge.h"
#include "gateway/quarantine.h"

/*
 * The quarantined groups of a message as one: written, but in no list until the rest of the message (queue
 * or MTA) is safe too. Otherwise a client that hears 4xx and comes again would leave a second copy.
 *
 *     a = setaside_prepare(q, s, j, groups);      NULL with errno: nothing remains
 *     ... hand over the other groups ...
 *     setaside_publish(a) or setaside_abandon(a)
 *
 * All block for syncs. What a crash leaves between prepare and publish was not acknowledged and is
 * removed at the next start. In the message's arena.
 */
struct setaside;

struct setaside *setaside_prepare(struct quarantine *q, const struct session *s, const struct judgement *j,
    const struct delivery_group *groups);
/* False with errno: taken back. */
bool setaside_publish(struct setaside *a);
void setaside_abandon(struct setaside *a);

#endif
