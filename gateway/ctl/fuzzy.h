/* What other commands tell the filter fuzzy: a message that was released was no spam. */
#ifndef REEVE_GATEWAY_CTL_FUZZY_H
#define REEVE_GATEWAY_CTL_FUZZY_H

#include "lib/store/store.h"

/* A mark as ham; a message without a fingerprint needs none. RES_TEMP: the store could not take it. */
enum res ctl_fuzzy_ham(struct store *store, struct str message);

#endif
