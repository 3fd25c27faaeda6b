/* The service manager's notification socket (sd_notify): one datagram, nothing when there is none. */
#ifndef REEVE_GATEWAY_NOTIFY_H
#define REEVE_GATEWAY_NOTIFY_H

void notify_manager(const char *state);

#endif
