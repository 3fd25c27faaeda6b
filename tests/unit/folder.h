/* A folder of the test's own, and its end with all that is in it. */
#ifndef REEVE_TESTS_FOLDER_H
#define REEVE_TESTS_FOLDER_H

#include <stdio.h>
#include <stdlib.h>

enum { FOLDER_MAX = 64 };

/* Fills in its path; 0 or -1, as cmocka wants it. */
static inline int folder_make(char ret_path[FOLDER_MAX])
{
	snprintf(ret_path, FOLDER_MAX, "/tmp/test-reeve-XXXXXX");
	return mkdtemp(ret_path) ? 0 : -1;
}

static inline int folder_remove(const char *path)
{
	char command[FOLDER_MAX + 8];

	snprintf(command, sizeof command, "rm -rf %s", path);
	return system(command);
}

#endif
