/*
 * The scanner's folder for what is unpacked. It is locked while its supervisor lives: one that was
 * killed leaves a folder, perhaps full, in memory, and the next one removes it.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "scanner/private.h"

#define NAME "mailreeve-scanner."

enum { DEPTH_MAX = 64, YOUNG_S = 60 /* may not be locked yet */ };

static bool remove_entry(int dir, const char *name, int depth);

static void remove_all(int fd, int depth)
{
	struct dirent *entry;
	DIR *dir = fdopendir(fd);

	if (!dir) {
		close(fd);
		return;
	}
	while ((entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			remove_entry(dirfd(dir), entry->d_name, depth);
	closedir(dir);
}

static bool remove_entry(int dir, const char *name, int depth)
{
	int fd;

	if (unlinkat(dir, name, 0) == 0)
		return true;
	fd = depth < DEPTH_MAX ? openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
	if (fd >= 0)
		remove_all(fd, depth + 1);
	return unlinkat(dir, name, AT_REMOVEDIR) == 0;
}

void tmpdir_clear(const char *path, bool itself)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd >= 0)
		remove_all(fd, 0);
	if (itself)
		rmdir(path);
}

/* True for a folder of ours that nobody has locked; it stays locked by *ret_fd. */
static bool is_left_behind(int dir, const char *name, int *ret_fd)
{
	struct stat st;
	int fd;

	*ret_fd = -1;
	if (strncmp(name, NAME, sizeof NAME - 1) != 0 || fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISDIR(st.st_mode) ||
	    st.st_uid != geteuid() || time(NULL) - st.st_mtime <= YOUNG_S)
		return false;
	fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0) {
		*ret_fd = fd;
		return true;
	}
	if (fd >= 0)
		close(fd);
	return false;
}

static void sweep(const char *place)
{
	DIR *dir = opendir(place);
	struct dirent *entry;
	int fd;

	while (dir && (entry = readdir(dir)))
		if (is_left_behind(dirfd(dir), entry->d_name, &fd)) {
			remove_all(fd, 0);
			unlinkat(dirfd(dir), entry->d_name, AT_REMOVEDIR);
		}
	if (dir)
		closedir(dir);
}

bool tmpdir_make(const char *given, char *path, size_t size)
{
	const char *const places[] = {"/dev/shm", given};

	for (size_t i = 0; i < 2; i++) {
		int fd;

		sweep(places[i]);
		snprintf(path, size, "%.180s/" NAME "XXXXXX", places[i]);
		if (!mkdtemp(path))
			continue;
		fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC); /* open, and locked, as long as we live */
		if (fd >= 0 && flock(fd, LOCK_EX) == 0)
			return true;
		if (fd >= 0)
			close(fd);
		rmdir(path);
	}
	return false;
}
