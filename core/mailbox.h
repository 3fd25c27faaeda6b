/*
 * The address lists of From, Sender, Reply-To, To and Cc (RFC 5322 part 3.4, obsolete forms of part
 * 4.4, RFC 6532). Whatever stands there, the addresses that any mail program might take out of it
 * are listed; what is not plain is flagged, so that DMARC can refuse where programs may disagree:
 *
 *     struct mailboxes from;
 *     mailboxes_parse(m->arena, field->value, &from);
 *     if (from.n != 1 || (from.odd & MAILBOX_BROKEN)) ...
 *
 * Linear, bounded by MAILBOXES_MAX addresses and MAILBOX_COMMENT_DEPTH.
 */
#ifndef REEVE_CORE_MAILBOX_H
#define REEVE_CORE_MAILBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/arena.h"
#include "lib/str.h"

enum { MAILBOXES_MAX = 1000, MAILBOX_COMMENT_DEPTH = 32 };

enum mailbox_odd {
	/* Programs may take different addresses, or none, out of these. */
	MAILBOX_NUL = 1 << 0,
	MAILBOX_CONTROL = 1 << 1,     /* other controls, bare CR, DEL */
	MAILBOX_UNBALANCED = 1 << 2,  /* ( or " or < or [ never closed, or closed too often */
	MAILBOX_JUNK = 1 << 3,	      /* text behind or between what makes an address */
	MAILBOX_TWO_ANGLES = 1 << 4,  /* <a@b> <c@d> without comma, or < inside <> */
	MAILBOX_NO_DOMAIN = 1 << 5,   /* a local part alone; listed only when there is no address */
	MAILBOX_BAD_DOMAIN = 1 << 6,  /* not by the grammar of RFC 5321, 8-bit: not UTF-8 */
	MAILBOX_BAD_LOCAL = 1 << 7,   /* no atoms and not quoted; a second @ */
	MAILBOX_ENCODED = 1 << 8,     /* an encoded word in an address, or one that holds the only address */
	MAILBOX_NONE = 1 << 9,	      /* text, but no address at all */
	MAILBOX_OVER = 1 << 10,	      /* a limit was reached */
	/* Allowed, but rare. */
	MAILBOX_GROUP = 1 << 11,
	MAILBOX_SEVERAL = 1 << 12,    /* more than one address */
	MAILBOX_ROUTE = 1 << 13,      /* <@a,@b:c@d> */
	MAILBOX_QUOTED_LOCAL = 1 << 14,
	MAILBOX_LITERAL = 1 << 15,    /* user@[192.0.2.1] */
	MAILBOX_COMMENT = 1 << 16,    /* inside the address, not behind it */
	MAILBOX_OBSOLETE = 1 << 17,   /* blanks around dots or @; two dots in a row in the local part */
	MAILBOX_8BIT = 1 << 18,
	MAILBOX_EMPTY_ITEM = 1 << 19, /* ",," */
	MAILBOX_SEMICOLON = 1 << 20,  /* ; between addresses, as some programs write */
	MAILBOX_ADDRESS_NAME = 1 << 21, /* the display name looks like an address */
	MAILBOX_NULL_ANGLE = 1 << 22, /* <> */
};
enum { MAILBOX_BROKEN = MAILBOX_GROUP - 1 };

struct mailbox {
	struct str name;    /* display name, or the comment behind a bare address; unquoted, encoded words decoded; UTF-8 */
	struct str address; /* local@domain without comments and blanks; "" for <> */
	struct str local;   /* as in address, quotes kept where they are needed */
	struct str domain;  /* lower case; "[192.0.2.1]" for a literal; "" when there is none */
	struct str group;   /* name of the group that it stands in, "" none */
	struct str raw;	    /* as it stands in the field */
	uint32_t odd;	    /* enum mailbox_odd, of this one */
};

struct mailboxes {
	const struct mailbox *v;
	size_t n;
	uint32_t odd; /* of all together and of what is between them */
};

/* value: of the field, folded or not. */
void mailboxes_parse(struct arena *a, struct str value, struct mailboxes *ret_mailboxes);
/* "unbalanced" and so on; NULL for a bit without name. */
const char *mailbox_odd_name(uint32_t bit);

#endif
