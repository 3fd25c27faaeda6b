/*
 * The relay's journal: what became of each recipient. Every record holds the whole state of one
 * recipient, so reading it is assignment, the last one counts, and copying a state forward is
 * writing it again. For one thread, with a helper thread of its own for syncs.
 *
 * On disk, little-endian: STATE/queue/journal-NNNNNNNN.jnl, a head of 24 octets
 *     0 u64 "MREEVEJN"   8 u32 version   12 u32 CRC-32C of octets 16..23   16 u64 number
 * and records at multiples of 8:
 *     0 u32 "MRjr"       4 u32 CRC-32C of octets 8..end
 *     8 u32 length of the record with text and padding      12 u32 octets of text
 *    16 u64 epoch       24 u64 serial: the entry     32 u32 recipient (from 0)
 *    36 u8 state   37 u8 flags   38 u16 attempts     40 i64 next attempt, Unix milliseconds
 *    48 i64 when this was written, Unix seconds      56 the text: last reply or reason
 * A process never appends to a file of an earlier one: behind a torn record nothing is lost.
 *
 * A record is in the page cache when journal_add() returns (a crash of the process loses nothing)
 * and on disk a few milliseconds later (a power cut may repeat deliveries of that moment).
 */
#ifndef REEVE_GATEWAY_QUEUE_JOURNAL_H
#define REEVE_GATEWAY_QUEUE_JOURNAL_H

#include "gateway/queue/record.h"

enum { JOURNAL_VERSION = 1, JOURNAL_HEAD = 24, JOURNAL_RECORD = 56, JOURNAL_TEXT_MAX = 4000 };

enum journal_state {
	STATE_WAITING,	 /* never tried, or deferred: attempts > 0 */
	STATE_DELIVERED,
	STATE_FAILED,	 /* refused for good or too old; a report went out where one was owed */
	STATE_DELETED,	 /* by the administrator */
};

enum { STATE_HELD = 1, STATE_WARNED = 2 /* a delay report went out */ };

struct recipient_state {
	uint8_t state, flags;
	uint16_t attempts;
	int64_t next_ms;
};

/* Where a record stands: to read its text again. 0 is nowhere. */
typedef uint64_t journal_ref;

struct journal;

struct journal_events {
	/* A record of an earlier run. */
	void (*each)(void *arg, struct uid uid, uint32_t recipient, const struct recipient_state *state,
	    journal_ref ref);
	void (*trouble)(void *arg, struct str text);
};

/*
 * Reads all journals there are, in order, then starts a new one. NULL and a text when it cannot.
 * dir_fd stays the caller's.
 */
struct journal *journal_open(int dir_fd, const struct journal_events *events, void *arg,
    struct arena *a, struct str *ret_error);
/* Syncs and closes. */
void journal_close(struct journal *j);

/* 0 and errno when it could not be written: what it says is then known in memory only. */
journal_ref journal_add(struct journal *j, struct uid uid, uint32_t recipient,
    const struct recipient_state *state, struct str text);
/* The text of a record, in the arena; "" when there is none. */
struct str journal_text(struct journal *j, journal_ref ref, struct arena *a);
/* When it was written; 0: unknown. */
int64_t journal_when(struct journal *j, journal_ref ref);

/* Position behind the last record, and up to where all is on disk; for "delete only after". */
uint64_t journal_position(const struct journal *j);
uint64_t journal_synced(struct journal *j);
/* Syncs now, on the caller's thread. */
bool journal_sync(struct journal *j);

/*
 * Compaction: starts a new file; the caller then writes every state again that it still needs
 * (journal_is_old() tells), and ends with journal_drop_old(), which syncs and deletes.
 */
bool journal_turn(struct journal *j);
bool journal_is_old(const struct journal *j, journal_ref ref);
bool journal_has_old(const struct journal *j);
bool journal_drop_old(struct journal *j);
/* Octets in the current file. */
uint64_t journal_size(const struct journal *j);

#endif
