/* Walks folders of message files. */
#include "gateway/ctl/walk.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "gateway/ctl/ctl.h"
#include "lib/str.h"

enum { DEPTH_MAX = 16 };

static bool walk(const char *path, int depth, void (*each)(void *arg, const char *path), void *arg);

static bool walk_folder(const char *path, int depth, void (*each)(void *arg, const char *path), void *arg)
{
	struct dirent **names;
	int n = depth < DEPTH_MAX ? scandir(path, &names, NULL, alphasort) : -1;
	bool ok = true;

	if (n < 0) {
		ctl_fail("%s: %s", path, depth < DEPTH_MAX ? strerror(errno) : "folders too deep");
		return false;
	}
	for (int i = 0; i < n; i++) {
		if (names[i]->d_name[0] != '.') {
			struct buf child = {0};

			buf_addf(&child, "%s%s%s", path, path[strlen(path) - 1] == '/' ? "" : "/", names[i]->d_name);
			buf_addc(&child, '\0');
			ok &= walk(child.p, depth + 1, each, arg);
			buf_free(&child);
		}
		free(names[i]);
	}
	free(names);
	return ok;
}

static bool walk(const char *path, int depth, void (*each)(void *arg, const char *path), void *arg)
{
	struct stat st;

	if (strcmp(path, "-") != 0 && stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return walk_folder(path, depth, each, arg);
	each(arg, path);
	return true;
}

bool ctl_walk(const char *path, void (*each)(void *arg, const char *path), void *arg)
{
	return walk(path, 0, each, arg);
}
