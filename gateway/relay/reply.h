/*
 * Replies of a next hop (RFC 5321 part 4.2): one line or several, the last without a hyphen behind
 * the code. Bounded; tolerant of a bare LF as line end and of a missing text, of nothing else.
 */
#ifndef REEVE_GATEWAY_RELAY_REPLY_H
#define REEVE_GATEWAY_RELAY_REPLY_H

#include <stddef.h>

#include "lib/str.h"

enum { REPLY_BYTES_MAX = 32 * 1024, REPLY_LINES_MAX = 200, REPLY_TEXT_MAX = 2000 };

struct reply {
	int code;		   /* 200..599 */
	char enhanced[12];	   /* "5.1.1", or "" when the text has none of the reply's class */
	char text[REPLY_TEXT_MAX]; /* all lines without code, LF between them; cut; printable or UTF-8 */
	size_t text_length;
	size_t length;		   /* octets of input that it took */
};

enum reply_status { REPLY_DONE, REPLY_MORE, REPLY_BAD };

enum reply_status reply_parse(struct str input, struct reply *ret_reply);

static inline struct str reply_text(const struct reply *r)
{
	return (struct str){r->text, r->text_length};
}

#endif
