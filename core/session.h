/*
 * The mail model: a session with a client, the message in hand, its recipients. Both front ends
 * and `reevectl scan` fill these in; filters read them and add facts and findings; policy judges.
 *
 * Ownership: what lives as long as the connection is in s->arena, what lives as long as one mail
 * transaction is in s->message->arena. A session belongs to one thread at a time.
 */
#ifndef REEVE_CORE_SESSION_H
#define REEVE_CORE_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/address.h"
#include "core/edit.h"
#include "core/fact.h"
#include "core/finding.h"
#include "core/header.h"
#include "core/limits.h"
#include "core/spool.h"
#include "lib/addr.h"
#include "lib/arena.h"
#include "lib/dns/dns.h"
#include "lib/str.h"

struct chain;
struct chain_slot;
struct verdict;
struct mime;
struct content;
struct scan_report;
struct auth;

enum face { FACE_SMTP, FACE_MILTER, FACE_SCAN };

enum { SESSION_FILTERS_OFF_MAX = 64 }; /* bits of recipient.filters_off */
enum { SESSION_MAGIC = 0x5e551014, MESSAGE_MAGIC = 0x3e55a6e5, ID_TEXT_MAX = 20 };

struct recipient {
	struct address address;
	struct facts facts;
	struct findings findings;
	struct str orcpt;	/* RFC 3461, xtext as given; "" none */
	unsigned notify;	/* NOTIFY_* bits; 0: not given */
	uint64_t filters_off;	/* by slot of the chain: filters that do not work for this one */
	const struct verdict *verdict;	/* decided at an earlier stage already (scan keeps such ones); else NULL */
	struct recipient *next;
};

enum { NOTIFY_NEVER = 1, NOTIFY_SUCCESS = 2, NOTIFY_FAILURE = 4, NOTIFY_DELAY = 8 };
enum dsn_ret { DSN_RET_NONE, DSN_RET_FULL, DSN_RET_HDRS };

struct message {
	unsigned magic;
	struct arena *arena;
	char id[ID_TEXT_MAX];		/* unique; the same in reply, log, trail and quarantine */
	struct address sender;		/* text "" is the null sender */
	uint64_t declared_size;		/* SIZE=, 0 none */
	bool is_8bit;			/* BODY=8BITMIME */
	bool is_utf8;			/* SMTPUTF8 */
	enum dsn_ret ret;
	struct str envid;
	struct recipient *first, **last; /* accepted so far */
	size_t recipients;
	struct str queue_id;		/* the MTA's, when the milter front end was told it; else "" */
	struct recipient *current;	/* the one being decided at STAGE_RCPT; not yet in the list */

	const struct parse_limits *limits; /* the session's, never NULL */
	struct spool *spool;		/* complete and finished at STAGE_MESSAGE */
	struct headers headers;		/* valid from STAGE_HEADER on; slices into the spool's bytes,
					   or into a buffer of its own before the end of data */
	size_t body_fed;		/* offset up to which filters have seen the body (chain_data); 0: nothing */
	struct mime *mime;		/* core/content/mime.h, made at first use: message_mime() */
	struct content *content;	/* core/content/content.h, made at first use: message_content() */
	const struct scan_report *scan;	/* core/scan/scan.h, made at first use: message_scan() */
	struct auth *auth;		/* auth/auth.h, made at first use: message_auth() */

	struct facts facts;
	struct findings findings;
	struct edits edits;		/* filters' own (Authentication-Results); policy adds its tags later */
	struct dns_scope *dns;		/* budget of this message; made at the first look-up */
	void **state;			/* one pointer per chain slot, for the filter between its stages */
	struct failure *failures;	/* filters that could not do their work, latest first */
	int64_t started_us;		/* clock_mono_us() */
};

/* A filter that could not do its work; its on-failure word decides. */
struct failure {
	const struct chain_slot *slot;
	struct str why;
	enum stage stage;
	struct failure *next;
};

struct session {
	unsigned magic;
	struct arena *arena;
	const struct chain *chain;	/* of the snapshot that the session started with */
	enum face face;
	char id[ID_TEXT_MAX];
	int64_t started_us;		/* clock_mono_us() */

	struct ip client;		/* family 0: submitted locally */
	uint16_t client_port;
	struct ip local;		/* our side */
	uint16_t local_port;
	const struct parse_limits *limits; /* of that snapshot; at first the defaults */
	struct str hostname;		/* ours: authserv-id, Received, greeting */
	struct str helo;		/* as given; "" before HELO */
	bool is_esmtp;
	bool talked_early;		/* sent before our greeting */
	struct str tls_version, tls_cipher, tls_peer; /* "" when plain; peer: verified subject */
	struct str auth_user;		/* "" none */
	struct str mta_daemon;		/* name of the MTA's listener (milter); else "" */
	struct str client_name;		/* reverse name when the front end was told one (milter); else "" */

	struct facts facts;
	struct findings findings;
	struct dns_scope *dns;		/* budget of the session's own stages (connect, helo) */
	void **state;			/* as in message */
	struct failure *failures;	/* as in message */
	int64_t *slot_ns;		/* nanoseconds spent per chain slot, session and message together */
	struct message *message;	/* NULL outside a transaction */
	struct session_mark {		/* what the connect stage left: a new HELO forgets the rest */
		struct findings findings;
		size_t facts;
		struct failure *failures;
	} mark;

	/* For the scopes that are made at the first look-up; the front end fills these in. */
	struct dns *resolver;
	struct dns_limits dns_limits;
	void (*on_lookups_done)(void *arg); /* called on the DNS thread; NULL: nobody waits that way */
	void *on_lookups_done_arg;

	/* Set by chain_run: the failure at this stage whose on-failure word is the strictest; and its reason. */
	const struct failure *failed;
	struct str failed_why;

	/* Where the chain is, for the helpers of core/filter.h. */
	enum stage stage;
	const struct chain_slot *slot;
};

/*
 * client, hostname etc. are filled in by the caller (slices that outlive the session, or in its
 * arena). dns may be NULL: every look-up then says DNS_TEMP.
 */
struct session *session_new(const struct chain *chain, struct dns *dns, enum face face);
/* Ends the message too. NULL is allowed. */
void session_free(struct session *s);
/*
 * HELO may come again, after STARTTLS or as often as a client likes. The connect stage ends with
 * session_mark(); session_forget_helo() forgets what was found since, so that nothing counts twice and
 * nothing said in the clear survives.
 */
void session_mark(struct session *s);
void session_forget_helo(struct session *s);
/* Starts a transaction: s->message with an id and an empty envelope. */
struct message *message_start(struct session *s);
/* Forgets it (RSET, after the final reply). Nothing happens when there is none. */
void message_end(struct session *s);
/* A new recipient as message->current; recipient_keep() puts it into the list. */
struct recipient *recipient_start(struct message *m, const struct address *address);
void recipient_keep(struct message *m);

/* What the stage sets and uses: the session's, the message's or the current recipient's. */
struct facts *stage_facts(struct session *s, enum stage stage);
struct findings *stage_findings(struct session *s, enum stage stage);
struct arena *stage_arena(struct session *s, enum stage stage);
/* Made at the first call; NULL when the session has no resolver. */
struct dns_scope *stage_dns(struct session *s, enum stage stage);
/* False when nothing is pending; else on_lookups_done will be called once. */
bool stage_is_waiting(struct session *s, enum stage stage);
/* Looks in r (may be NULL), then message, then session. */
const struct fact *session_fact(const struct session *s, const struct recipient *r, const struct fact_def *def);
/* Sum of findings over session, message and r (may be NULL), but for filters that r has off. */
double session_score(const struct session *s, const struct recipient *r);

/* 15 characters, sortable by time, unique in all processes of this host. */
void id_make(char out[ID_TEXT_MAX]);

#endif
