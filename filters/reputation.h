/* What the filter reputation keeps of a subject; reevectl reputation shows it. */
#ifndef REEVE_FILTERS_REPUTATION_H
#define REEVE_FILTERS_REPUTATION_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/str.h"

/* Table reputation: "client:NETWORK", "domain:NAME" or "dkim:NAME" = a packed history. */
#define REPUTATION_TABLE "reputation"

enum { REPUTATION_RECORD = 37, REPUTATION_HOUR_S = 3600 };

/* Counters are as of `at`; they halve every half-life, hour and hour_recipients every hour. */
struct history {
	int64_t first, at; /* Unix seconds */
	float ham, spam, refused, volume, recipients, hour, hour_recipients;
};

/* False when it is none of ours. */
bool history_read(struct str value, struct history *ret_history);
void history_write(const struct history *h, char out[REPUTATION_RECORD]);
/* Brings the counters up to now. */
void history_decay(struct history *h, int64_t half_life_ms, int64_t now);
/* (ham - spam) / (ham + spam + prior): -1 to 1, 0 when nothing is known. */
double history_score(const struct history *h, double prior);
/*
 * The volume of the last hour over what the history makes one expect of an hour; 1 is usual, 0 too
 * little to say. The second is the same for recipients.
 */
double history_anomaly(const struct history *h, int64_t half_life_ms);
double history_spread(const struct history *h, int64_t half_life_ms);

#endif
