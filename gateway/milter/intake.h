/*
 * Intake: what an MTA hands to the milter callbacks (macros, envelope, header fields, body pieces)
 * becomes a session and a message, whose bytes are put together again as they were on the wire.
 * Knows nothing of libmilter, so that it is tested and fuzzed without it.
 *
 *   intake_connect  intake_mail  intake_rcpt...  intake_field...  intake_eoh  intake_body...  intake_end
 */
#ifndef REEVE_GATEWAY_MILTER_INTAKE_H
#define REEVE_GATEWAY_MILTER_INTAKE_H

#include "core/session.h"

struct intake_limits {
	uint64_t message;   /* octets; 0: none */
	int64_t recipients, hops;
	size_t memory;	       /* of a message before it goes to a file; 0: SPOOL_MEMORY */
	uint64_t memory_total; /* of all messages together; 0: no limit */
};

/* A recipient as the MTA wrote it: what it must be called when it is to be deleted. */
struct intake_path {
	const struct recipient *recipient;
	struct str text; /* with its brackets */
	struct intake_path *next;
};

struct intake {
	struct session *s;
	struct intake_limits limits;
	int spool_dir;
	bool has_leading_space; /* values come with the blanks behind the colon */
	struct buf header;	/* the header section while it comes */
	size_t size;		/* octets of the message so far */
	bool is_in_body;
	const char *failed;	/* the reply, when the message cannot be taken: nothing more is kept */
	_Atomic uint64_t *used; /* memory of all messages; NULL: not counted */
	size_t charged;		/* of it by the message in hand */
	bool is_postmaster;	/* the recipient in hand is <postmaster>, who is always taken */
	struct intake_path *paths;
};

/* The value of a macro of the MTA, or NULL. */
struct intake_macros {
	const char *(*get)(void *arg, const char *name);
	void *arg;
};

/* name: of the client as the MTA says, NULL or "[...]" when it has none. */
void intake_connect(struct intake *in, const char *name, const struct intake_macros *macros);
/* HELO again and again is allowed. */
void intake_helo(struct intake *in, const char *name, const struct intake_macros *macros);

/*
 * Start a transaction, or a recipient (as message->current). argv: path and parameters, NULL at the
 * end. A reply "CODE X.Y.Z words" when it cannot be taken, else NULL. Parameters that we do not
 * know are the MTA's affair.
 */
const char *intake_mail(struct intake *in, char **argv, const struct intake_macros *macros);
const char *intake_rcpt(struct intake *in, char **argv);
/* Keeps the recipient in hand. */
void intake_keep(struct intake *in);
/* How the MTA wrote a recipient. */
struct str intake_path_of(const struct intake *in, const struct recipient *r);

/* A field as libmilter gives it: folds are bare LF. */
void intake_field(struct intake *in, const char *name, const char *value);
/* End of the header section: message->headers are valid. A reply, or NULL. */
const char *intake_eoh(struct intake *in);
/* False when no more is wanted. */
bool intake_body(struct intake *in, struct str piece);
/* The message is complete: spool and headers are ready. A reply, or NULL. */
const char *intake_end(struct intake *in, const struct intake_macros *macros);

/* Forgets the message in hand, if any. */
void intake_reset(struct intake *in);
void intake_free(struct intake *in);

#endif
