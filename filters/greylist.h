/* What the filter greylist keeps in the store; reevectl greylist shows it. */
#ifndef REEVE_FILTERS_GREYLIST_H
#define REEVE_FILTERS_GREYLIST_H

/*
 * Table greylist: "p" ORIGIN NUL SENDER NUL RCPT = time of the first try (ms); where that is too long
 * for a key, "p" ORIGIN "#" HASH. "a" ORIGIN = time when it was last allowed (s). "s" NUL SENDER NUL
 * RCPT = time (ms), blank, origin of the first try from wherever. "v" DOMAIN = time (s) when a message
 * of that sender's domain was last let through because of its signature.
 */
#define GREYLIST_TABLE "greylist"
/* Counters by name: what the filter did. */
#define GREYLIST_COUNTS "greylist-count"

#define GREYLIST_DELAYED "delayed"     /* first tries that were deferred */
#define GREYLIST_TOO_EARLY "too-early" /* again before the time was up */
#define GREYLIST_CAME_BACK "came-back" /* after it, and the message was taken */
#define GREYLIST_ALLOWED "allowed"     /* recipients of known origins */
#define GREYLIST_EXEMPT "exempt"       /* known lists, opt-outs, authenticated users */

#endif
