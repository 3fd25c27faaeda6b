/*
 * The text of delivery status notifications (RFC 3464 in RFC 6522's multipart/report), from plain
 * values: no clock, no random, no network in here, so that tests see the same octets each time.
 */
#ifndef REEVE_GATEWAY_RELAY_DSN_H
#define REEVE_GATEWAY_RELAY_DSN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/arena.h"
#include "lib/str.h"

enum dsn_kind { DSN_FAILED, DSN_DELAYED, DSN_RELAYED };

struct dsn_recipient {
	struct str address;
	struct str orcpt;      /* xtext as given; "" none */
	struct str status;     /* "5.1.1" */
	struct str remote;     /* name or address of the server that said it; "" nobody did */
	struct str diagnostic; /* "550 5.1.1 no such user"; lines are joined */
	bool is_reply;	       /* diagnostic is an SMTP reply */
};

struct dsn {
	enum dsn_kind kind;
	struct str hostname, postmaster;
	struct str to;	       /* the sender of the message */
	struct str id;	       /* of the report: Message-ID and boundary are made of it */
	struct str message_id; /* of the message, ours: for people */
	struct str envid;      /* xtext; "" none */
	int64_t now, arrived, retry_until; /* Unix seconds; retry_until for DSN_DELAYED */
	const struct dsn_recipient *recipients;
	size_t n;
	struct str original; /* octets of the message, or its header section */
	bool is_whole;	     /* original is all of it */
};

/* CRLF lines. 7-bit unless the whole original with 8-bit octets is in it (ret_8bit). */
void dsn_write(const struct dsn *d, struct buf *out, bool *ret_8bit);

#endif
