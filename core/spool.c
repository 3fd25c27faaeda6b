/*
 * The bytes of a message in memory, then in an unlinked file that is mapped when it is complete.
 * While a file is written, the memory block serves as its write buffer.
 */
#define _GNU_SOURCE
#include "core/spool.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { FIRST_ROOM = 4096, WRITE_ROOM = 64 * 1024, PASSED_STEP = 256 * 1024, PIECE = 256 * 1024 };

struct spool {
	int dir_fd, fd;
	int error; /* errno of the first failure */
	size_t memory_max;
	char *p; /* bytes in memory, or the write buffer */
	size_t n, room;
	size_t written; /* octets in the file */
	struct str whole;
	size_t passed; /* mapped pages before it were given back */
	bool is_finished, is_mapped;
};

struct spool *spool_new(int dir_fd, size_t memory_max)
{
	struct spool *sp = calloc(1, sizeof *sp);

	if (!sp)
		abort();
	sp->dir_fd = dir_fd;
	sp->fd = -1;
	sp->memory_max = memory_max;
	return sp;
}

struct spool *spool_of(struct str data)
{
	struct spool *sp = spool_new(-1, 0);

	sp->whole = data;
	sp->is_finished = true;
	return sp;
}

static bool fail(struct spool *sp, int error)
{
	sp->error = error;
	errno = error;
	return false;
}

static bool write_out(struct spool *sp, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t done = write(sp->fd, p, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return fail(sp, done < 0 ? errno : ENOSPC);
		p += done;
		n -= (size_t)done;
		sp->written += (size_t)done;
	}
	return true;
}

static bool write_buffered(struct spool *sp)
{
	size_t n = sp->n;

	sp->n = 0;
	return write_out(sp, sp->p, n);
}

/* A file system without O_TMPFILE gets a file that has lost its name. */
static int open_named(int dir_fd)
{
	static _Atomic unsigned counter;
	char name[64];
	int fd;

	snprintf(name, sizeof name, ".spool-%ld-%u", (long)getpid(), counter++);
	fd = openat(dir_fd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd >= 0)
		unlinkat(dir_fd, name, 0);
	return fd;
}

static bool move_to_file(struct spool *sp)
{
	sp->fd = openat(sp->dir_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (sp->fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == ENOENT))
		sp->fd = open_named(sp->dir_fd);
	if (sp->fd < 0)
		return fail(sp, errno);
	if (!write_buffered(sp))
		return false;
	free(sp->p);
	sp->p = malloc(WRITE_ROOM);
	if (!sp->p)
		abort();
	sp->room = WRITE_ROOM;
	return true;
}

static void grow(struct spool *sp, size_t n)
{
	size_t room = sp->room ? sp->room : FIRST_ROOM;

	while (room < sp->n + n)
		room *= 4;
	sp->p = realloc(sp->p, room);
	if (!sp->p)
		abort();
	sp->room = room;
}

static void put(struct spool *sp, struct str data)
{
	memcpy(sp->p + sp->n, data.p, data.n);
	sp->n += data.n;
}

bool spool_add(struct spool *sp, struct str data)
{
	assert(!sp->is_finished);
	if (sp->error)
		return fail(sp, sp->error);
	if (data.n == 0)
		return true;
	if (sp->fd < 0) {
		if (sp->dir_fd < 0 || data.n <= sp->memory_max - sp->n) {
			if (sp->room - sp->n < data.n)
				grow(sp, data.n);
			put(sp, data);
			return true;
		}
		if (!move_to_file(sp))
			return false;
	}
	if (data.n > sp->room - sp->n && !write_buffered(sp))
		return false;
	if (data.n >= sp->room)
		return write_out(sp, data.p, data.n);
	put(sp, data);
	return true;
}

bool spool_finish(struct spool *sp)
{
	void *map;

	if (sp->is_finished)
		return true;
	if (sp->error)
		return fail(sp, sp->error);
	sp->is_finished = true;
	if (sp->fd < 0) {
		sp->whole = sp->n ? (struct str){sp->p, sp->n} : STR("");
		return true;
	}
	if (!write_buffered(sp))
		return false;
	free(sp->p);
	sp->p = NULL;
	sp->room = 0;
	map = mmap(NULL, sp->written, PROT_READ, MAP_SHARED, sp->fd, 0);
	if (map == MAP_FAILED)
		return fail(sp, errno);
	madvise(map, sp->written, MADV_SEQUENTIAL);
	sp->is_mapped = true;
	sp->whole = (struct str){map, sp->written};
	return true;
}

struct str spool_data(const struct spool *sp)
{
	assert(sp->is_finished && !sp->error);
	return sp->whole;
}

size_t spool_size(const struct spool *sp)
{
	return sp->whole.n ? sp->whole.n : sp->written + sp->n;
}

struct str spool_beginning(const struct spool *sp)
{
	if (sp->is_finished)
		return sp->whole;
	return sp->fd < 0 ? (struct str){sp->p, sp->n} : STR_NONE;
}

size_t spool_memory(const struct spool *sp)
{
	return sp->room;
}

int spool_fd(const struct spool *sp)
{
	return sp->fd;
}

/* In steps, so that a reader may call it as often as he likes. */
void spool_pieces(struct spool *sp, size_t from, void (*each)(void *arg, struct str piece), void *arg)
{
	struct str rest = str_from(spool_data(sp), from);

	if (!sp->is_mapped) {
		each(arg, rest);
		return;
	}
	sp->passed = 0; /* what an earlier reader dropped is read again */
	while (rest.n) {
		struct str piece = str_sub(rest, 0, PIECE);

		each(arg, piece);
		rest = str_from(rest, piece.n);
		spool_passed(sp, sp->whole.n - rest.n);
	}
	sp->passed = 0;
}

void spool_passed(struct spool *sp, size_t offset)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), upto = offset / page * page;

	if (!sp->is_mapped || upto < sp->passed + PASSED_STEP || upto > sp->whole.n)
		return;
	madvise((char *)sp->whole.p + sp->passed, upto - sp->passed, MADV_DONTNEED);
	sp->passed = upto;
}

void spool_free(struct spool *sp)
{
	if (!sp)
		return;
	if (sp->is_mapped)
		munmap((void *)sp->whole.p, sp->whole.n);
	if (sp->fd >= 0)
		close(sp->fd);
	free(sp->p);
	free(sp);
}
