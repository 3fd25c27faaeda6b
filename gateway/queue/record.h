/*
 * The queue's format on disk, version 1. All numbers are little-endian.
 *
 * A segment (WRITER-NNNNNNNN.seg) is a segment head and then records, each at a multiple of 8:
 *
 *   segment head, 32 octets
 *     0  u64 "MREEVESG"   8 u32 version   12 u32 CRC-32C of octets 16..31
 *    16  u64 epoch of the writer          24 u64 number of the segment
 *
 *   record head, 80 octets
 *     0  u32 "MRrc"        4 u32 CRC-32C of octets 8..79
 *     8  u64 length of the whole record: head, meta, data, zeros up to a multiple of 8
 *    16  u64 epoch        24 u64 serial     together the entry's uid, unique for ever
 *    32  u64 offset of the first record of its commit in this segment
 *    40  i64 arrival, Unix seconds
 *    48  u64 octets of data               56 u32 CRC-32C of data
 *    60  u32 octets of meta               64 u32 CRC-32C of meta
 *    68  u32 flags (RECORD_*)             72 u32 recipients       76 u32 edits
 *   meta
 *     texts are u32 length + octets: id, sender, envid, file name ("" unless RECORD_FILE);
 *     per recipient: address, orcpt, u8 notify; per edit: u8 op, u32 index, name, value
 *   data
 *     the message as it came in; with RECORD_FILE it is in the named file instead
 *
 * Reading after a crash. Each commit is one write and one sync, so everything before the commit
 * offset of the last good record was on disk when that record was written; only records of that
 * last commit can be torn, and were then never acknowledged. A reader that takes up a segment of a
 * dead writer checks the data of the last commit and the heads of all; data of earlier records is
 * checked before it is delivered, where a difference means a broken disk.
 *
 * Reading beside a living writer: WRITER.lock is locked by it (OFD lock) and holds, as one native
 * u64, number << 40 | offset: the segment it appends to, and up to where that is committed. The
 * word is never synced: it means something only as long as the lock is held.
 *
 * A record that is copied (compaction) keeps its uid; who sees a uid twice keeps one of them.
 */
#ifndef REEVE_GATEWAY_QUEUE_RECORD_H
#define REEVE_GATEWAY_QUEUE_RECORD_H

#include "gateway/queue/queue.h"
#include "lib/res.h"

enum {
	SEGMENT_VERSION = 1,
	SEGMENT_HEAD = 32,
	RECORD_HEAD = 80,
	RECORD_META_MAX = 32 * 1024 * 1024,
	RECORD_OFFSET_BITS = 40,
	RECORD_RECIPIENTS_MAX = 1000000,
	RECORD_NAME_MAX = 96, /* of a file in the queue folder, with NUL */
};

#define RECORD_DATA_MAX ((uint64_t)1 << 38)

enum {
	RECORD_8BIT = 1,
	RECORD_UTF8 = 2,
	RECORD_DSN = 4,
	RECORD_FILE = 8,
	RECORD_RET_FULL = 16,
	RECORD_RET_HDRS = 32,
	RECORD_MORE = 64, /* the next record belongs to the same submission */
	RECORD_FLAGS = 127,
};

struct uid {
	uint64_t epoch, serial;
};

struct record_head {
	uint64_t length;
	struct uid uid;
	uint64_t commit;
	int64_t arrived;
	uint64_t data_length;
	uint32_t data_crc, meta_length, meta_crc, flags, recipients, edits;
};

struct segment_head {
	uint32_t version;
	uint64_t epoch, number;
};

void segment_head_put(const struct segment_head *h, unsigned char out[SEGMENT_HEAD]);
/* RES_OK; RES_NONE: torn or not ours; RES_PERM: a version that we do not know (in ret_head). */
enum res segment_head_get(struct str octets, struct segment_head *ret_head);

/* Where the data of a record starts, and how long the record is. */
static inline uint64_t record_data_offset(const struct record_head *h)
{
	return RECORD_HEAD + (uint64_t)h->meta_length;
}
uint64_t record_length(const struct record_head *h);

void record_head_put(const struct record_head *h, unsigned char out[RECORD_HEAD]);
/* False unless magic, CRC and all lengths are right. */
bool record_head_get(struct str octets, struct record_head *ret_head);

/* Octets of meta for the entry; file "" when the data is in the record. */
size_t record_meta_size(const struct queue_entry *e, struct str file);
/* Writes them; returns what record_meta_size() said. */
size_t record_meta_put(const struct queue_entry *e, struct str file, unsigned char *out);
/*
 * CRC and every length checked; arrays and edits go to the arena, texts are slices of meta. data is
 * not set. file is the name beside the segment: no slash, never hidden.
 */
bool record_meta_get(struct arena *a, const struct record_head *h, struct str meta,
    struct queue_entry *ret_entry, struct str *ret_file);
uint32_t record_flags(const struct queue_entry *e);

/*
 * Compaction: the entry once more, under its old uid. Its file (when it has one) is named, not
 * linked again; then data is not read.
 */
void queue_submit_copy(struct queue_writer *w, const struct queue_entry *entry, struct str file,
    const struct record_head *head, void (*done)(void *arg, enum queue_result result), void *arg);

/* Little-endian access for the journal too. */
static inline void put32(unsigned char *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (unsigned char)(v >> 8 * i);
}
static inline void put64(unsigned char *p, uint64_t v)
{
	for (int i = 0; i < 8; i++)
		p[i] = (unsigned char)(v >> 8 * i);
}
static inline uint32_t get32(const unsigned char *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}
static inline uint64_t get64(const unsigned char *p)
{
	return get32(p) | (uint64_t)get32(p + 4) << 32;
}

#endif
