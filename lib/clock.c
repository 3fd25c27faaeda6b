/* Real clocks plus the offset that a test may steer. */
#include "lib/clock.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static _Atomic int64_t no_offset;
static _Atomic int64_t *offset = &no_offset;
static int64_t fixed = -1;

void clock_init(void)
{
	const char *path = getenv("REEVE_CLOCK");
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	void *map;

	if (fd < 0)
		return;
	map = mmap(NULL, sizeof(int64_t), PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	if (map != MAP_FAILED)
		offset = map;
}

void clock_fix(int64_t unix_seconds)
{
	fixed = unix_seconds;
}

bool clock_is_steered(void)
{
	return offset != &no_offset;
}

static int64_t read_ns(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int64_t clock_now_us(void)
{
	if (fixed >= 0)
		return fixed * 1000000;
	return (read_ns(CLOCK_REALTIME) + atomic_load_explicit(offset, memory_order_relaxed)) / 1000;
}

int64_t clock_now(void)
{
	return clock_now_us() / 1000000;
}

int64_t clock_mono_us(void)
{
	return (read_ns(CLOCK_MONOTONIC) + atomic_load_explicit(offset, memory_order_relaxed)) / 1000;
}

int64_t clock_thread_ns(void)
{
	return read_ns(CLOCK_THREAD_CPUTIME_ID);
}

int64_t clock_ticks_ns(void)
{
	return read_ns(CLOCK_MONOTONIC);
}
