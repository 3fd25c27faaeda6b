/*
 * Findings: what a filter noticed, with a score, a reason, and where that is set. The score of a
 * message for a recipient is the sum over the session's, the message's and the recipient's.
 */
#ifndef REEVE_CORE_FINDING_H
#define REEVE_CORE_FINDING_H

#include <stdbool.h>

#include "lib/arena.h"
#include "lib/str.h"

/* Row of a filter's table, ends with a row without name: the default score, and the manual. */
struct finding_def {
	const char *name; /* "spf.fail" */
	double score;
	const char *help;
};

struct finding {
	const char *filter;
	struct str name;
	double score;
	struct str reason; /* for people, one line */
	struct str where;  /* "20_uri.cf:88", "mailreeve.conf:12", or "" for a built-in score */
	struct str text;   /* the matched text, "" when there is none; at most 200 octets */
	struct finding *next;
};

enum { FINDINGS_MAX = 5000, FINDING_TEXT_MAX = 200 };

struct findings {
	struct finding *first, **last;
	size_t n;
	double score;
};

void findings_init(struct findings *f);
/* All slices are copied to the arena. Beyond FINDINGS_MAX nothing is added and false returned. */
bool findings_add(struct findings *f, struct arena *a, const struct finding *finding);

#endif
