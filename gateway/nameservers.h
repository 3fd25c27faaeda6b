/* Which resolvers to ask: the configuration's, else the system's (/etc/resolv.conf). */
#ifndef REEVE_GATEWAY_NAMESERVERS_H
#define REEVE_GATEWAY_NAMESERVERS_H

#include "gateway/config.h"
#include "lib/dns/dns.h"

/* config may be NULL. Fills in servers, time-out and trust anchor; slices live in the arena or config. */
void nameservers_options(const struct config *config, struct arena *a, struct dns_options *ret_options);

#endif
