/* How a message came in, by the Received field that this host wrote: for scans of mail that was delivered. */
#ifndef REEVE_GATEWAY_CTL_ARRIVAL_H
#define REEVE_GATEWAY_CTL_ARRIVAL_H

#include "core/header.h"
#include "lib/addr.h"

struct arrival {
	struct ip client;    /* family 0: not told */
	struct str helo;     /* slices of the message */
	struct str rcpt;     /* "" when the field has none, as with several recipients */
};

/* The topmost field "from HELO (... [IP]) by HOSTNAME ... for <RCPT>"; false when no field is by that host. */
bool arrival_read(const struct headers *headers, struct str hostname, struct arrival *ret);

#endif
