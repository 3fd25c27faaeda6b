/* Options that say which messages are meant, for `reevectl queue` and `reevectl quarantine`. */
#ifndef REEVE_GATEWAY_CTL_SELECT_H
#define REEVE_GATEWAY_CTL_SELECT_H

#include "gateway/ctl/ctl.h"
#include "lib/str.h"

struct ctl_select {
	const char *const *ids; /* what is no option */
	size_t id_count;
	const char *sender, *recipient, *domain;
	int64_t older, younger; /* seconds; -1: not asked */
	bool all;
};

/* argv[0] is the verb. False: wrong usage, said on stderr. */
bool ctl_select_read(struct ctl *ctl, int argc, char **argv, struct ctl_select *ret_select);
bool ctl_select_is_empty(const struct ctl_select *s);

/* "3d", "5h", "12m", "40s": the largest unit that fits. */
struct str ctl_age(struct arena *a, int64_t seconds);
/* "812", "34K", "2.1M" */
struct str ctl_bytes(struct arena *a, uint64_t bytes);
/* For terminals: controls become blanks, at most width octets (0: all). */
struct str ctl_plain(struct arena *a, struct str s, size_t width);

#endif
