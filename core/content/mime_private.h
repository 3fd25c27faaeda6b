/* Shared by the mime_*.c files only. */
#ifndef REEVE_CORE_CONTENT_MIME_PRIVATE_H
#define REEVE_CORE_CONTENT_MIME_PRIVATE_H

#include "core/content/mime.h"

/*
 * How doubtful places are read. The first pass has none of these bits; for each doubt that it met
 * the message is read once more with that bit, and parts that appear only then are added.
 */
enum reading {
	READ_LAST_TYPE = 1 << 0,     /* of several Content-Type fields the last */
	READ_LAST_ENCODING = 1 << 1, /* of several Content-Transfer-Encoding fields the last */
	READ_LAST_PARAM = 1 << 2,    /* of several boundary parameters the last */
	READ_PREFIX = 1 << 3,	     /* a line that begins with a boundary is a delimiter (RFC 2046) */
	READ_BARE_CR = 1 << 4,	     /* a lone CR ends a line too: the text is a copy with LF there */
	READ_OVER_BROKEN = 1 << 5,   /* a header line without colon is skipped, the section goes on */
	READ_BEHIND_END = 1 << 6,    /* a closing delimiter closes nothing */
	READ_OUTERMOST = 1 << 7,     /* a boundary that two levels use belongs to the outer one */
	READ_DECODED = 1 << 8,	     /* an encoded multipart is decoded first, as forbidden */
	READ_GUESSED = 1 << 9,	     /* a multipart without boundary has the one of its first such line */
	READ_ENCODED_WORD = 1 << 10, /* a boundary written as encoded word or RFC 2231 is decoded; one with a NUL ends there */
	READ_DROP_CR = 1 << 11,	     /* a lone CR is nothing: the text is a copy without it */
	READ_BARE_TYPE = 1 << 12,    /* a Content-Type that is none, but has a boundary, is a multipart */
	READ_MESSAGE = 1 << 13,	     /* an unknown message/... holds a message, a fragment one too */
	READ_OVER_BROKEN_TOP = 1 << 14, /* READ_OVER_BROKEN for the message's own header */
	READINGS = 15,
};

/* Where a scan over body lines stands, and what it saw on its way. */
struct sweep {
	struct str text;
	size_t at;	   /* next octet to look at */
	size_t line_start; /* behind the last line end seen */
	bool is_fresh;	   /* text->p[at] begins a line and was not looked at */
	bool has_nul, has_bare_cr, has_crlf, has_lf, has_long_line;
	bool has_begin;	   /* a line that starts with "begin ": maybe uuencode */
};

void sweep_start(struct sweep *s, struct str text, size_t at);
/* The next line that begins with "--", from s->at on; false at the end of the text. */
bool sweep_dashes(struct sweep *s, size_t *ret_line);

/* ---- the parser: mime.c, its header sections: mime_header.c, its readings: mime_reading.c ---- */

enum { MIME_STACK_MAX = MIME_DEPTH_MAX + 1, MIME_QUEUE_MAX = 64 };

/* A part whose end was not seen yet. */
struct open_part {
	struct mime_part *part, *last_child;
	struct str boundary;
	bool is_multipart; /* has a boundary that may be looked for */
	bool is_closed;	   /* its closing delimiter was there */
	bool is_guessing;  /* READ_GUESSED: the first "--" line gives the boundary */
	bool is_elsewhere; /* its body stands in another text than the one that is scanned */
};

/* A part whose content must be decoded before it can be parsed. */
struct waiting {
	struct mime_part *part;
	bool is_multipart;
	struct str boundary;
};

struct parser {
	struct arena *arena;
	struct mime *mime;
	struct spool *spool; /* of the outermost text only */
	uint32_t reading, doubts;
	struct str text;
	enum { END_UNKNOWN, END_CRLF, END_LF } line_end; /* the first of the text; others are odd */
	bool is_full; /* part limit reached: the rest stays in the last part */
	struct open_part stack[MIME_STACK_MAX];
	unsigned depth; /* entries in use */
	struct sweep sweep;
	struct waiting queue[MIME_QUEUE_MAX];
	size_t queue_head, queue_tail;
	size_t decode_budget;
};

/*
 * One reading of the whole message into p->mime; p has arena, mime and reading. Returns the doubts
 * that it met: other ways to read the same octets.
 */
uint32_t mime_read_once(struct parser *p, struct str message, const struct headers *headers);
/* Whether line is a delimiter of an open part. */
bool mime_is_delimiter(const struct parser *p, struct str line);
/* Without its line end. */
struct str mime_line_of(struct str text, size_t at);
/* The header section at `at` (`given`: it was parsed before); returns where the body starts. */
size_t mime_read_header(struct parser *p, struct mime_part *part, size_t at, const struct headers *given);
/* message/... that has no message inside, as far as its type says. */
bool mime_is_other_message(const struct mime_part *part);

/* Content-* fields of a part: type, encoding, disposition, parameters. Returns doubts met. */
uint32_t mime_read_fields(struct arena *a, struct mime_part *part, uint32_t reading, bool in_digest,
    struct str *ret_boundary);

/* "type/sub; name=value" and the like, read leniently: what is no grammar sets MIME_BAD_PARAMETER. */
struct mime_field {
	struct str word; /* in front of the parameters, lower case, "" when there is none */
	struct mime_param *params;
	size_t n;
	uint32_t anomalies;
	bool is_boundary_doubtful;  /* several boundary parameters that differ: see last_boundary */
	struct str last_boundary;
	struct str plain_name;	    /* value of name= or filename= beside a name*= that differs */
};

void mime_field_parse(struct arena *a, struct str value, struct mime_field *ret_field);

/* Adds the files in TNEF containers and uuencoded ones in text as parts. */
void mime_list_inner(struct mime *mime);

/* Adds leaves of `other` that `mime` does not have as alternative readings; true when it did. */
bool mime_unite(struct mime *mime, struct mime_part *other);

#endif
