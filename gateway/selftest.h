/* mailreeved --self-test. */
#ifndef REEVE_GATEWAY_SELFTEST_H
#define REEVE_GATEWAY_SELFTEST_H

#include "gateway/config.h"

/* Prints what is in force for each role; the exit status. */
int self_test(const struct config *config);

#endif
