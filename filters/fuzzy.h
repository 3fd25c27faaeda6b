/* The filter fuzzy, for reevectl and tests. */
#ifndef REEVE_FILTERS_FUZZY_H
#define REEVE_FILTERS_FUZZY_H

#include "core/fuzzy.h"
#include "lib/res.h"

struct store;

/*
 * Counters of bands and attachments: "b" what was seen, "s" spam, "h" ham, then the hash in 16
 * hexadecimal digits. They expire on their own.
 */
#define FUZZY_TABLE "fuzzy"

enum fuzzy_mark { FUZZY_SEEN, FUZZY_SPAM, FUZZY_HAM };

/* Adds (n may be below 0) to all counters of a fingerprint. Short texts count by their attachments only. */
enum res fuzzy_add(struct store *store, const struct fuzzy_print *print, enum fuzzy_mark mark, int64_t n, int64_t ttl);

struct fuzzy_counts {
	int64_t text[3];   /* by enum fuzzy_mark: what the third of the bands, by size, has */
	int64_t files[3];  /* the largest of the attachments */
	size_t shared;	   /* bands that were seen before */
};

/* RES_TEMP: the store could not say. */
enum res fuzzy_counts(struct store *store, const struct fuzzy_print *print, struct arena *a, struct fuzzy_counts *ret_counts);

#endif
