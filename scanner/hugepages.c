/*
 * Memory that is read at random, as the tries of a virus database are, in huge pages: the processor finds few
 * translations in many small ones. Called by the template when it has loaded, before it forks.
 */
#define _GNU_SOURCE
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "scanner/private.h"

enum { HUGE_PAGE = 2 << 20 };

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25 /* since Linux 6.1; before that it is refused */
#endif

/* The administrator's word: "always [madvise] never". */
static bool are_wanted(void)
{
	FILE *f = fopen("/sys/kernel/mm/transparent_hugepage/enabled", "re");
	char line[100];
	bool wanted = f && fgets(line, sizeof line, f) && !strstr(line, "[never]");

	if (f)
		fclose(f);
	return wanted;
}

/* A line of maps: memory of no file that is ours to write. */
static bool read_range(const char *line, uintptr_t *ret_from, uintptr_t *ret_to)
{
	char rights[5];
	unsigned long inode;

	return sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %4s %*x %*s %lu", ret_from, ret_to, rights, &inode) == 4 && inode == 0 &&
	       strcmp(rights, "rw-p") == 0 && !strstr(line, "[stack");
}

void hugepages_gather(void)
{
	FILE *maps = are_wanted() ? fopen("/proc/self/maps", "re") : NULL;
	uintptr_t from, to;
	char line[300];

	while (maps && fgets(line, sizeof line, maps)) {
		if (!read_range(line, &from, &to))
			continue;
		from = (from + HUGE_PAGE - 1) & ~(uintptr_t)(HUGE_PAGE - 1);
		to &= ~(uintptr_t)(HUGE_PAGE - 1);
		/* What cannot be gathered stays as it is. */
		if (from < to)
			madvise((void *)from, to - from, MADV_COLLAPSE);
	}
	if (maps)
		fclose(maps);
}
