/*
 * The quarantine: messages that policy set aside, as files that an administrator can read:
 * STATE/quarantine/KEY.eml (the message as it would have been relayed, edits applied) and KEY.json
 * (envelope, verdict, trail). KEY is the message's id; when several delivery groups of one message
 * are set aside, the later ones are KEY-2, KEY-3 ...
 *
 * Promise: RES_OK from quarantine_publish() means that both files and their directory are on disk. Until
 * then the .json is a .tmp: the item is in no list, was never acknowledged, and can be taken back.
 * What a crash leaves of such ones is removed by the next process that opens the folder alone.
 */
#ifndef REEVE_GATEWAY_QUARANTINE_QUARANTINE_H
#define REEVE_GATEWAY_QUARANTINE_QUARANTINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/queue/queue.h"
#include "lib/arena.h"
#include "lib/res.h"
#include "lib/str.h"

struct quarantine;

enum { QUARANTINE_KEY_MAX = 32, QUARANTINE_JSON_MAX = 4 * 1024 * 1024 };

struct quarantine_item {
	char id[ID_TEXT_MAX];	     /* of the message */
	char key[QUARANTINE_KEY_MAX]; /* name of the files; filled in by the quarantine */
	int64_t arrived;	     /* Unix seconds */
	struct str client, helo;     /* text */
	struct str sender;	     /* "" null */
	struct str envid;
	enum dsn_ret ret;
	bool is_8bit, is_utf8;
	const struct queue_recipient *recipients;
	size_t recipient_count;
	struct str subject;	     /* decoded, for lists; "" when there is none */
	double score;
	struct str verdict;	     /* the text of the statement: "spam", "ambiguous MIME ..." */
	struct str decided_by;	     /* "mailreeve.conf:41" */
	struct str trail;	     /* as judge_explain() writes it, lines end in LF */
	const struct edits *edits;   /* applied when it is stored; NULL: none */
	struct str data;	     /* the bytes as they came in */
	uint64_t size;		     /* of the stored .eml; filled in by the quarantine */
};

/* dir: STATE/quarantine, made when missing. NULL and a text when it cannot. */
struct quarantine *quarantine_open(const char *dir, struct arena *a, struct str *ret_error);
/* NULL is allowed. */
void quarantine_close(struct quarantine *q);

/* An item that is written but not there yet. */
struct quarantine_pending {
	char key[QUARANTINE_KEY_MAX];
};

/*
 * In two steps, for what has to happen together with something else: prepare, then publish or abandon.
 * Thread-safe; prepare blocks for two syncs, publish for one whatever n is. RES_TEMP: not stored, and
 * nothing is left of it (errno says why; ENOSPC is a 452).
 */
enum res quarantine_prepare(struct quarantine *q, const struct quarantine_item *item,
    struct quarantine_pending *ret_pending);
enum res quarantine_publish(struct quarantine *q, const struct quarantine_pending *pending, size_t n);
/* Before or after publish. RES_TEMP: something of them stays. Keeps errno. */
enum res quarantine_abandon(struct quarantine *q, const struct quarantine_pending *pending, size_t n);
/* Both steps; ret_key (QUARANTINE_KEY_MAX octets, may be NULL): the name it got. */
enum res quarantine_put(struct quarantine *q, const struct quarantine_item *item, char *ret_key);

/* Without data and edits. each() returns false to end; the item lives as long as the call. */
enum res quarantine_each(struct quarantine *q,
    bool (*each)(void *arg, const struct quarantine_item *item), void *arg);
/* RES_NONE: no such key. data is the stored .eml, mapped as long as the arena lives. */
enum res quarantine_get(struct quarantine *q, struct str key, struct arena *a,
    struct quarantine_item *ret_item);
/* Gone with directory synced. RES_NONE: there was none. */
enum res quarantine_delete(struct quarantine *q, struct str key);
/*
 * Puts the message into the queue for its recipients as it is stored, then deletes it here. Waits
 * for the writer's commit.
 */
enum res quarantine_release(struct quarantine *q, struct str key, struct queue_writer *w);

#endif
