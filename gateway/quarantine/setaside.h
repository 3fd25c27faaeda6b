/* Puts delivery groups into the quarantine: the same records from both front ends. */
#ifndef REEVE_GATEWAY_QUARANTINE_SETASIDE_H
#define REEVE_GATEWAY_QUARANTINE_SETASIDE_H

#include "gateway/judge.h"
#include "gateway/quarantine/quarantine.h"

/*
 * The quarantined groups of a message as one. They appear together, or none does; whoever has more to do
 * with the message can still take them back, so that a client that hears 4xx and comes again leaves no
 * second copy.
 *
 *     a = setaside_prepare(q, s, j, groups);      NULL with errno: nothing remains
 *     setaside_publish(a)                         false with errno: nothing remains
 *     setaside_abandon(a)                         before or after publish
 *
 * The order follows from which step cannot be undone. The queue delivers what it has: publish first, abandon
 * when the queue has no room. The MTA forgets its part when we defer: change that first, publish last.
 * All block for syncs. What a crash leaves between prepare and publish is removed at the next start; a crash
 * between publish and the commit of the queue leaves a copy that was not acknowledged in the quarantine. In
 * the message's arena.
 */
struct setaside;

struct setaside *setaside_prepare(struct quarantine *q, const struct session *s, const struct judgement *j,
    const struct delivery_group *groups);
bool setaside_publish(struct setaside *a);
/* Keeps errno; what cannot be removed is logged. */
void setaside_abandon(struct setaside *a);

#endif
