/* The filter fuzzy, for reevectl and tests. */
#ifndef REEVE_FILTERS_FUZZY_H
#define REEVE_FILTERS_FUZZY_H

#include "core/content/fuzzy.h"
#include "lib/res.h"

struct store;

/*
 * Two counters for each band and attachment, under "n" and "m" and its hash in 16 hexadecimal digits:
 * how often it was seen, and its marks, those as spam and those as ham in one number. They expire on
 * their own. All that is done to them is adding, so that processes do not disturb each other.
 */
#define FUZZY_TABLE "fuzzy"

enum fuzzy_mark { FUZZY_SEEN, FUZZY_SPAM, FUZZY_HAM, FUZZY_MARKS };

/* One message more. Short texts count by their attachments only; RES_NONE: it has none either. */
enum res fuzzy_see(struct store *store, const struct fuzzy_print *print, int64_t ttl);
/* A mark as FUZZY_SPAM or FUZZY_HAM. */
enum res fuzzy_mark(struct store *store, const struct fuzzy_print *print, enum fuzzy_mark mark, int64_t ttl);
/* Takes all marks away. */
enum res fuzzy_forget(struct store *store, const struct fuzzy_print *print, struct arena *a);

struct fuzzy_counts {
	int64_t text[FUZZY_MARKS];  /* by enum fuzzy_mark: what the third of the bands, by size, has */
	int64_t files[FUZZY_MARKS]; /* the largest of the attachments */
	size_t shared;		    /* bands that were seen before */
};

/* RES_TEMP: the store could not say. */
enum res fuzzy_counts(struct store *store, const struct fuzzy_print *print, struct arena *a, struct fuzzy_counts *ret_counts);

#endif
