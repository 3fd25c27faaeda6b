/*
 * What SMTP looks like on the wire, as pure functions: lines, the transparency of DATA, parameters,
 * PROXY headers. No sockets, no sessions: everything here is unit-tested and fuzzed alone.
 */
#ifndef REEVE_GATEWAY_SMTP_WIRE_H
#define REEVE_GATEWAY_SMTP_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/session.h"
#include "core/xtext.h"
#include "lib/addr.h"
#include "lib/arena.h"
#include "lib/str.h"

/* ---- command lines ---- */

enum line_step {
	LINE_OK,
	LINE_MORE, /* no end yet: wait for more input */
	LINE_BARE, /* a CR or LF that is not part of CRLF; ret_used goes behind the LF, if there is one */
	LINE_LONG, /* more than max octets before the line end; ret_used is what may be thrown away */
};

/* The first line of in without its end; max does not count the CRLF. with lax, LF alone ends it too. */
enum line_step line_take(struct str in, size_t max, bool lax, struct str *ret_line, size_t *ret_used);

/* Verb and the rest behind one blank; blanks at the end are dropped. */
void line_split(struct str line, struct str *ret_verb, struct str *ret_args);
/* No control characters (NUL, ESC ...): the line may go to logs and headers. */
bool line_is_clean(struct str line);

/* ---- content ---- */

enum content_step {
	CONTENT_MORE, /* all input used */
	CONTENT_END,  /* CRLF.CRLF was read: what follows is commands again */
	CONTENT_BARE, /* bare CR or LF, and that is not allowed here */
	CONTENT_SINK, /* the sink refused */
};

/*
 * Strict reading of message content. With dots (DATA) the transparency of RFC 5321 4.5.2 is undone
 * and only CRLF.CRLF ends it; without (BDAT) all octets are content. Bare CR and LF stop it, or,
 * with lax, become a blank and a CRLF: nothing that leaves could be read as two messages.
 */
struct content_reader {
	bool has_dots, is_lax;
	uint8_t state;
	size_t line;	  /* octets in the current line so far */
	size_t line_max;
	bool has_long_line; /* some line was longer than line_max */
	bool (*sink)(void *arg, struct str run);
	void *arg;
};

void content_start(struct content_reader *r, bool has_dots, bool is_lax, size_t line_max,
    bool (*sink)(void *arg, struct str run), void *arg);
/* Any segmentation of the same octets gives the same result. */
enum content_step content_feed(struct content_reader *r, struct str in, size_t *ret_used);
/* End of a BDAT message: completes its last line, tells of a CR that nothing followed. */
enum content_step content_finish(struct content_reader *r);

/* What no policy can allow in a header section: a reply "CODE X.Y.Z words", or NULL. */
const char *content_headers_wrong(const struct headers *h, int64_t hops_max);

/* ---- parameters of MAIL and RCPT ---- */

/* One "KEYWORD" or "KEYWORD=value" off *rest; false at its end. *ret_bad: syntax error. */
bool param_next(struct str *rest, struct str *ret_key, struct str *ret_value, bool *ret_bad);

/* Reply text "CODE X.Y.Z words" when something is wrong with the parameters, else NULL. */
const char *mail_params(struct arena *a, struct str rest, struct message *m);
const char *rcpt_params(struct arena *a, struct str rest, struct recipient *r);

/* ---- PROXY protocol, versions 1 and 2 ---- */

struct proxy_header {
	bool is_local; /* LOCAL or UNKNOWN: the addresses of the connection itself stand */
	struct ip client, local;
	uint16_t client_port, local_port;
};

enum proxy_step { PROXY_OK, PROXY_MORE, PROXY_BAD };

enum { PROXY_V1_MAX = 107, PROXY_V2_MAX = 16 + 2048 };

enum proxy_step proxy_parse(struct str in, struct proxy_header *ret_header, size_t *ret_used);

#endif
