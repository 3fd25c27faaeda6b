/*
 * The bytes of one message while it comes in: in memory up to a limit, then in an unlinked file.
 * Written by one thread, then finished, then read as one slice by whoever holds the message.
 */
#ifndef REEVE_CORE_SPOOL_H
#define REEVE_CORE_SPOOL_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/str.h"

struct spool;

enum { SPOOL_MEMORY = 256 * 1024 };

/* dir_fd: where the unlinked file goes (O_TMPFILE, so that it can be linked into the queue). */
struct spool *spool_new(int dir_fd, size_t memory_max);
/* Bytes that are there already (a message file); not copied, not freed. */
struct spool *spool_of(struct str data);
/* False with errno: ENOSPC and the like. The spool can then only be freed. */
bool spool_add(struct spool *sp, struct str data);
/* False with errno. Afterwards spool_data() is valid until spool_free(). */
bool spool_finish(struct spool *sp);
struct str spool_data(const struct spool *sp);
size_t spool_size(const struct spool *sp);
/* What is there so far, before the end: only while all of it is in memory, else nothing. */
struct str spool_beginning(const struct spool *sp);
/* Heap that it holds now, for budgets. */
size_t spool_memory(const struct spool *sp);
/* The file behind it, or -1 while it is in memory. Still owned by the spool. */
int spool_fd(const struct spool *sp);
/* Calls each() with what stands behind from, in order; pages of a mapped file are dropped behind it. */
void spool_pieces(struct spool *sp, size_t from, void (*each)(void *arg, struct str piece), void *arg);
/* A linear reader has passed this offset: pages of a mapped file before it may be dropped. */
void spool_passed(struct spool *sp, size_t offset);
void spool_free(struct spool *sp);

#endif
