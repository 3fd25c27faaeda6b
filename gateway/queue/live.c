/* The lock file of a writer, mapped. */
#define _GNU_SOURCE
#include "gateway/queue/live.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/queue/record.h"

/* One word, so that number and offset always belong together. */
struct live_words {
	_Atomic uint64_t position;
	_Atomic uint64_t epoch;
};

static bool map(struct live *live, int protection)
{
	void *p = mmap(NULL, sizeof *live->words, protection, MAP_SHARED, live->fd, 0);

	live->words = p == MAP_FAILED ? NULL : p;
	return live->words != NULL;
}

static int open_lock(int dir_fd, const char *writer, int flags)
{
	char name[RECORD_NAME_MAX];

	snprintf(name, sizeof name, "%s.lock", writer);
	return openat(dir_fd, name, flags | O_CLOEXEC | O_NOFOLLOW, 0660);
}

bool live_take(struct live *live, int dir_fd, const char *writer, uint64_t epoch)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	*live = (struct live){.fd = open_lock(dir_fd, writer, O_RDWR | O_CREAT)};
	if (live->fd < 0)
		return false;
	if (fcntl(live->fd, F_OFD_SETLK, &lock) || ftruncate(live->fd, sizeof *live->words) ||
	    !map(live, PROT_READ | PROT_WRITE)) {
		live_drop(live);
		return false;
	}
	atomic_store(&live->words->epoch, epoch);
	return true;
}

void live_set(struct live *live, uint64_t number, uint64_t offset)
{
	atomic_store_explicit(&live->words->position, number << RECORD_OFFSET_BITS | offset,
	    memory_order_release);
}

bool live_look(struct live *live, int dir_fd, const char *writer)
{
	struct stat st;

	*live = (struct live){.fd = open_lock(dir_fd, writer, O_RDWR)};
	if (live->fd < 0)
		return false;
	if (fstat(live->fd, &st) || st.st_size < (off_t)sizeof *live->words || !map(live, PROT_READ)) {
		live_drop(live);
		return false;
	}
	return true;
}

bool live_get(const struct live *live, uint64_t *ret_number, uint64_t *ret_offset, uint64_t *ret_epoch)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	uint64_t position;

	if (fcntl(live->fd, F_OFD_GETLK, &lock) || lock.l_type == F_UNLCK)
		return false;
	position = atomic_load_explicit(&live->words->position, memory_order_acquire);
	*ret_number = position >> RECORD_OFFSET_BITS;
	*ret_offset = position & (((uint64_t)1 << RECORD_OFFSET_BITS) - 1);
	*ret_epoch = atomic_load(&live->words->epoch);
	return true;
}

void live_drop(struct live *live)
{
	int saved = errno;

	if (live->words)
		munmap(live->words, sizeof *live->words);
	if (live->fd >= 0)
		close(live->fd);
	live->fd = -1;
	live->words = NULL;
	errno = saved;
}
