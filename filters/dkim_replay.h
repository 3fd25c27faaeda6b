/*
 * What a sound signature does not say: that the message is the one that was sent to us. A copy can be
 * sent to anybody, and fields that were not signed can be put on top. Called by filters/dkim.c only.
 */
#ifndef REEVE_FILTERS_DKIM_REPLAY_H
#define REEVE_FILTERS_DKIM_REPLAY_H

#include "auth/dkim.h"
#include "core/session.h"
#include "lib/store/store.h"

struct replay_conf {
	int64_t limit;	   /* recipients; more is a finding; 0: nothing is counted */
	int64_t period_ms; /* how long a signature is remembered */
};

/* Recipients that have got one of the signatures that pass; the highest number. RES_TEMP: not known. */
enum res replay_look(struct store *store, const struct dkim *dkim, int64_t *ret_replays);
/* The message was accepted for so many. */
void replay_count(struct store *store, const struct replay_conf *conf, const struct dkim *dkim, size_t recipients);
/*
 * A field that may be there once, is there more often than the signature covers, and was signed: what
 * stands on top was put there later. NULL: none.
 */
const char *replay_added_field(const struct headers *headers, const struct signature *sig);

#endif
