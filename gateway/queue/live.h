/*
 * WRITER.lock: says that a writer lives, and how far its segment is committed (see record.h).
 * Shared memory between the writer's process and the relay's; never synced, never removed.
 */
#ifndef REEVE_GATEWAY_QUEUE_LIVE_H
#define REEVE_GATEWAY_QUEUE_LIVE_H

#include <stdbool.h>
#include <stdint.h>

struct live {
	int fd;
	struct live_words *words;
};

/* The writer's side: opens, makes and locks. False with errno (EAGAIN: somebody else is writing). */
bool live_take(struct live *live, int dir_fd, const char *writer, uint64_t epoch);
/* Before a segment is made: it is number, and nothing of it is committed. After a commit: up to offset. */
void live_set(struct live *live, uint64_t number, uint64_t offset);

/* The reader's side: false when there is no such file. */
bool live_look(struct live *live, int dir_fd, const char *writer);
/* Does a writer hold it? Then what it said last. */
bool live_get(const struct live *live, uint64_t *ret_number, uint64_t *ret_offset, uint64_t *ret_epoch);

void live_drop(struct live *live);

#endif
