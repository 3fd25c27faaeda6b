/*
 * The octets of one message on their way out: edits applied, the data checked against its CRC, and
 * what must be known before it is sent (8-bit octets, dots at line starts, clean line ends). Small
 * messages are held in memory, large ones stay in their file.
 */
#ifndef REEVE_GATEWAY_RELAY_BODY_H
#define REEVE_GATEWAY_RELAY_BODY_H

#include <stdbool.h>

#include "core/edit_apply.h"
#include "gateway/queue/reader.h"
#include "lib/arena.h"
#include "lib/res.h"
#include "lib/str.h"

enum { BODY_MEMORY = 128 * 1024, BODY_CHUNK = 64 * 1024 };

struct body {
	struct edited edited;	/* pieces first */
	struct str memory;	/* then this, all of it when small */
	int fd;			/* or this part of a file; -1 when it is in memory */
	uint64_t offset, length;
	uint64_t size;		/* octets, without dots added */
	bool has_8bit, has_8bit_header;
	bool is_clean;		/* every line ends in CRLF, no other CR or LF */
	bool has_dots;		/* lines that start with a dot */
};

/* RES_TEMP: cannot be read (errno); RES_PERM: not what was written. d stays the caller's, and open. */
enum res body_open(struct arena *a, const struct queue_data *d, const struct record_head *h,
    const struct edits *edits, struct body *ret_body);

/* The header section, for reports: at most max octets, edits applied, copied. */
struct str body_headers(struct arena *a, const struct body *b, size_t max);
/* At most max octets from the start, edits applied, copied. */
struct str body_start(struct arena *a, const struct body *b, size_t max);

/*
 * SMTP's DATA: lines end in CRLF (a bare CR or LF becomes one), a dot at the start of a line is
 * doubled. State between pieces is in struct dots; start with {.is_start = true}.
 */
struct dots {
	bool is_start, was_cr;
};
void dots_write(struct dots *d, struct str in, void (*out)(void *arg, struct str s), void *arg);
/* Ends the last line if it is open, then the message. */
void dots_end(struct dots *d, void (*out)(void *arg, struct str s), void *arg);

#endif
