/*
 * What is known about who sent the message in hand. The authentication filters share it (they do
 * not see each other), the front end prints it, sealing repeats it. Made at first use.
 *
 * The body goes through `bodies` once, whatever number of filters wants hashes of it: the filter
 * that starts first feeds it (auth_feed), and what was missed is hashed at the end.
 */
#ifndef REEVE_AUTH_AUTH_H
#define REEVE_AUTH_AUTH_H

#include "auth/arc.h"
#include "auth/author.h"
#include "auth/dkim.h"
#include "auth/dmarc.h"
#include "auth/spf.h"
#include "core/edit.h"
#include "core/session.h"
#include "lib/json.h"

struct sealing;

struct auth {
	struct arena *arena;
	bool has_spf, has_dmarc;
	struct spf_report spf;
	struct str sender;	  /* that SPF was asked about; "" HELO */
	struct dkim *dkim;	  /* NULL: not checked */
	struct arc *arc;
	struct authors authors;
	struct dmarc_report dmarc;
	enum dmarc_method method; /* how the filter dmarc wants it */
	bool accepts_partial;	  /* l= short of the body counts for alignment */
	const struct sealing *signing, *sealing; /* of the filters dkim and arc: auth/sealing.h */
	bool is_own;		  /* the client is one of `sign-clients` */

	struct signature_options options, arc_options;
	size_t header_count;	  /* when reading began */
	struct body_hashes bodies;
	const void *feeder;

	struct str results;	  /* value of our Authentication-Results, "" not written yet */
};

struct auth *auth_new(struct arena *a);
struct auth *message_auth(struct message *m);

/* Start reading signatures (idempotent); who is any pointer that is the caller's own. */
void auth_start_dkim(struct auth *auth, const struct headers *headers, const struct signature_options *options,
    const void *who);
void auth_start_arc(struct auth *auth, const struct headers *headers, const struct signature_options *options,
    const void *who);
/* A piece of the body, from .data of the filter `who`. */
void auth_feed(struct auth *auth, struct str piece, const void *who);
/* body: of the whole message. */
void auth_finish_dkim(struct auth *auth, struct dns_scope *dns, const struct headers *headers, struct str body);
void auth_finish_arc(struct auth *auth, struct dns_scope *dns, const struct headers *headers, struct str body);
/* Reads From and starts the walk of its domains (idempotent). */
void auth_start_dmarc(struct auth *auth, struct dns_scope *dns, const struct headers *headers);
/* SPF and DKIM must be done, as far as they are done at all. */
void auth_finish_dmarc(struct auth *auth, struct dns_scope *dns);

/* iprev: the word, "" none; user: authenticated by SMTP AUTH, "" none. */
struct auth_client {
	struct ip ip;
	struct str iprev, name, user;
};

/* The value of our field. */
struct str auth_results(const struct auth *auth, struct arena *a, struct str id, const struct auth_client *client);
/* Once per message: removes fields that claim to be ours, and adds ours on top. */
void auth_edit(struct session *s);
/* What each authentication filter calls at the end of its message stage: the last one calls auth_edit(). */
void auth_done(struct session *s);
/* Mail of our own users: authenticated, of a host of ours, or handed over here. No other domain's policy speaks of it. */
bool auth_is_submission(const struct session *s);
/* The object that `reevectl auth` prints. iprev "" is left out. */
void auth_json(const struct auth *auth, struct str iprev, struct json *out);
/* The same for the message in hand, with whatever its filters found. */
void session_auth_json(const struct session *s, struct json *out);

#endif
