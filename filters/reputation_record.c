/* The record of a subject's reputation: packed, because a store keeps a million of them in memory. */
#include "filters/reputation.h"

#include <math.h>
#include <string.h>

enum { VERSION = 1, COUNTERS = 7, FEW = 10 };

static float *counter(struct history *h, int i)
{
	float *const all[COUNTERS] = {&h->ham, &h->spam, &h->refused, &h->volume, &h->recipients, &h->hour, &h->hour_recipients};

	return all[i];
}

static void put32(char *out, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		out[i] = (char)(value >> 8 * i);
}

static uint32_t get32(const char *p)
{
	uint32_t value = 0;

	for (int i = 0; i < 4; i++)
		value |= (uint32_t)(unsigned char)p[i] << 8 * i;
	return value;
}

bool history_read(struct str value, struct history *ret_history)
{
	struct history h = {0};

	if (value.n != REPUTATION_RECORD || value.p[0] != VERSION)
		return false;
	h.first = get32(value.p + 1);
	h.at = get32(value.p + 5);
	for (int i = 0; i < COUNTERS; i++) {
		uint32_t bits = get32(value.p + 9 + 4 * i);

		memcpy(counter(&h, i), &bits, sizeof bits);
		if (!(*counter(&h, i) >= 0) || isinf(*counter(&h, i)))
			return false;
	}
	*ret_history = h;
	return true;
}

void history_write(const struct history *h, char out[REPUTATION_RECORD])
{
	struct history copy = *h;

	out[0] = VERSION;
	put32(out + 1, (uint32_t)h->first);
	put32(out + 5, (uint32_t)h->at);
	for (int i = 0; i < COUNTERS; i++) {
		uint32_t bits;

		memcpy(&bits, counter(&copy, i), sizeof bits);
		put32(out + 9 + 4 * i, bits);
	}
}

void history_decay(struct history *h, int64_t half_life_ms, int64_t now)
{
	double age = now > h->at ? (double)(now - h->at) : 0;
	float slow = (float)exp2(-age * 1000 / (double)half_life_ms), fast = (float)exp2(-age / REPUTATION_HOUR_S);

	for (int i = 0; age > 0 && i < COUNTERS; i++)
		*counter(h, i) *= i < 5 ? slow : fast;
	h->at = now;
}

double history_score(const struct history *h, double prior)
{
	return ((double)h->ham - h->spam) / ((double)h->ham + h->spam + prior);
}

/*
 * With rate r a counter of half-life L stands at r * L / ln 2 * (1 - 2^(-age / L)): both counters of
 * a steady sender, divided by that, give the same rate, however young the subject is.
 */
static double unusual(double hour, double whole, double age_s, int64_t half_life_ms)
{
	double life_s = (double)half_life_ms / 1000, expected;

	if (hour < FEW)
		return 0;
	age_s = age_s > 1 ? age_s : 1;
	expected = whole * (REPUTATION_HOUR_S * (1 - exp2(-age_s / REPUTATION_HOUR_S))) / (life_s * (1 - exp2(-age_s / life_s)));
	return hour / (expected > 1 ? expected : 1);
}

double history_anomaly(const struct history *h, int64_t half_life_ms)
{
	return unusual(h->hour, h->volume, (double)(h->at - h->first), half_life_ms);
}

double history_spread(const struct history *h, int64_t half_life_ms)
{
	return unusual(h->hour_recipients, h->recipients, (double)(h->at - h->first), half_life_ms);
}
