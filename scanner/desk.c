/* Pages for desks, and what a worker writes there. Called by generation.c, template.c and worker.c. */
#define _GNU_SOURCE
#include "scanner/desk.h"

#include <sys/mman.h>
#include <unistd.h>

static size_t page(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

void *desks_new(size_t count)
{
	void *desks = mmap(NULL, count * page(), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return desks == MAP_FAILED ? NULL : desks;
}

void desks_free(void *desks, size_t count)
{
	if (desks)
		munmap(desks, count * page());
}

struct desk *desk_at(void *desks, size_t i)
{
	return (struct desk *)((char *)desks + i * page());
}

void desks_leave(void *desks, size_t count, size_t but)
{
	for (size_t i = 0; i < count; i++)
		if (i != but)
			munmap(desk_at(desks, i), page());
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
