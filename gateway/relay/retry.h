/* When a delivery is tried again: doubling delays between two bounds, each a little off the beat. */
#ifndef REEVE_GATEWAY_RELAY_RETRY_H
#define REEVE_GATEWAY_RELAY_RETRY_H

#include <stdint.h>

/*
 * Delay behind the attempt-th failure (from 1): first * 2^(attempt-1), at most most, times a factor
 * between 0.8 and 1.2 taken from dice. Never below 1 ms.
 */
int64_t retry_delay_ms(int64_t first_ms, int64_t most_ms, unsigned attempt, uint32_t dice);

/* A cheap random number; not for secrets. */
uint32_t retry_dice(void);

#endif
