/* Pages for desks, and what a worker writes there. Called by generation.c, template.c and worker.c. */
#define _GNU_SOURCE
#include "scanner/desk.h"

#include <sys/mman.h>
#include <unistd.h>

static size_t page(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

struct desk *desk_new(void)
{
	void *d = mmap(NULL, page(), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return d == MAP_FAILED ? NULL : d;
}

void desk_free(struct desk *d)
{
	munmap(d, page());
}

void desk_take(struct desk *d, uint64_t id, int64_t deadline_ms, uint32_t is_again, int64_t now_ms)
{
	d->deadline_ms = deadline_ms;
	d->is_again = is_again;
	d->since_ms = now_ms;
	d->retries += is_again != 0;
	d->id = id;
}

void desk_clear(struct desk *d, int64_t now_ms)
{
	d->since_ms = now_ms;
	d->id = 0;
}
