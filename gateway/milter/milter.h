/* The milter front end: one process per `milter` line of the configuration (libmilter allows one). */
#ifndef REEVE_GATEWAY_MILTER_MILTER_H
#define REEVE_GATEWAY_MILTER_MILTER_H

#include "gateway/role.h"

int milter_role(const struct role_env *env);

#endif
