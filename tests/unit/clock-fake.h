/* A clock that the test moves (lib/clock.h). Once, before other threads: steer_start(). */
#ifndef REEVE_TESTS_CLOCK_FAKE_H
#define REEVE_TESTS_CLOCK_FAKE_H

#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/clock.h"

static _Atomic int64_t *steer; /* nanoseconds, shared with processes that are started later */

static inline void steer_start(void)
{
	char path[] = "/tmp/reeve-clock-XXXXXX";
	int fd = mkstemp(path);

	if (fd < 0 || ftruncate(fd, sizeof *steer) != 0)
		abort();
	steer = mmap(NULL, sizeof *steer, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	setenv("REEVE_CLOCK", path, 1);
	clock_init();
	unlink(path);
}

/* Same, as a group's setup for cmocka. */
static inline int steer_setup(void **state)
{
	(void)state;
	steer_start();
	return 0;
}

static inline void step_ms(int64_t ms)
{
	*steer += ms * 1000000;
}

static inline void step_s(int64_t seconds)
{
	step_ms(seconds * 1000);
}

#endif
