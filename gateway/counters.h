/*
 * What `reevectl stats` counts: a row for each counter that a process tells of, with its meaning. Filters bring rows of
 * their own (core/filter.h). The manual is made of them; a scenario holds that no counter is without a row.
 */
#ifndef REEVE_GATEWAY_COUNTERS_H
#define REEVE_GATEWAY_COUNTERS_H

struct counter {
	const char *group, *name; /* as stats prints them */
	const char *help;
};

/* By group; ends with a group of NULL. Those that are no sum since the start say "now". */
extern const struct counter counters[];

#endif
