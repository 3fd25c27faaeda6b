/* The retry schedule. */
#include "gateway/relay/retry.h"

#include <stdlib.h>
#include <sys/random.h>

int64_t retry_delay_ms(int64_t first_ms, int64_t most_ms, unsigned attempt, uint32_t dice)
{
	int64_t delay = first_ms;

	for (unsigned i = 1; i < attempt && delay < most_ms; i++)
		delay *= 2;
	if (delay > most_ms)
		delay = most_ms;
	delay = (int64_t)((double)delay * (0.8 + 0.4 * (double)dice / (double)UINT32_MAX));
	return delay > 0 ? delay : 1;
}

/* xorshift (Marsaglia): spreading retries needs no better one. For the relay's one thread. */
uint32_t retry_dice(void)
{
	static uint64_t state;

	while (state == 0)
		if (getrandom(&state, sizeof state, 0) != (ssize_t)sizeof state)
			state = 0x9e3779b97f4a7c15u;
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 32);
}
