/*
 * The configuration file as a struct: everything but filters, lists, routes and policy, which their
 * own modules read from the same tree. The tables are public: the manual is generated from them.
 */
#ifndef REEVE_GATEWAY_CONFIG_H
#define REEVE_GATEWAY_CONFIG_H

#include "core/limits.h"
#include "core/route.h"
#include "lib/addr.h"
#include "lib/conf/conf.h"

enum bare_newline { BARE_REJECT, BARE_NORMALIZE };

struct listen_conf {
	struct ip ip;
	uint16_t port;
	bool has_tls, is_implicit_tls; /* `tls implicit ...` */
	struct str certificate, key;
	bool tls_required;	       /* MAIL only after STARTTLS */
	int64_t max_sessions, max_sessions_per_client;
	struct conf_cidrs xclient, proxy; /* networks that may send XCLIENT / must send PROXY */
	int bare_newline;	       /* enum bare_newline */
	struct conf_place place;
	struct listen_conf *next;
};

struct milter_conf {
	struct str socket;	       /* as libmilter wants it: unix:/path, inet:port@host */
	int64_t mode;		       /* of a unix socket, octal in the file: 0660 */
	struct str group;	       /* of a unix socket: the MTA's; "" ours */
	int64_t max_sessions;	       /* more are told to come again */
	int hold;		       /* 1: quarantine means the MTA's hold queue instead of our store */
	struct conf_place place;
	struct milter_conf *next;
};

struct limits_conf {
	int64_t line;			/* DATA line that is accepted, without CRLF */
	int64_t command;		/* octets of a command line */
	int64_t recipients, commands, errors, hops;
	uint64_t message, memory;	/* bytes; memory: per session before spooling to a file */
	uint64_t memory_total;		/* all sessions of the process together */
	int64_t idle_ms, session_ms, stage_ms, banner_ms;
	int64_t dns_queries;
	int64_t transfer_min;		/* octets per second in DATA, after 60 s */
	struct parse_limits parse;
};

struct config {
	struct str path;
	struct str hostname, state, runtime, user, group;
	uint64_t state_max; /* octets of state.db */
	struct conf_strings dns_servers; /* "ADDRESS@PORT", as struct dns_options wants them; may be none */
	int64_t dns_timeout_ms;
	struct str dns_trust_anchor;
	struct listen_conf *listens;
	struct milter_conf *milters;
	struct limits_conf limits;
	int64_t loops, workers, scans;	/* threads; slots of the scan gate */
	int log_target, log_level;
	bool log_client_trace;		/* every client's sessions are logged in full */
	struct conf_cidrs trace;	/* clients whose sessions are logged in full */
	int recipient_classes;		/* enum: 0 quarantine the rest, 1 defer other classes at RCPT */
	struct str postmaster;		/* where DSNs come from and bare <postmaster> goes; never empty */
	uint64_t queue_segment, queue_free_min;	/* bytes */
	bool queue_durable;
	int64_t reports, reports_domain; /* per minute: of all senders, of one domain's */
	int64_t drain_ms;

	/* Statements that others read, in order. */
	const struct conf_node *root;
};

extern const struct directive config_directives[];
extern const struct directive listen_directives[];
extern const struct directive milter_directives[];
extern const struct directive limits_directives[];
extern const struct directive dns_directives[];
extern const struct directive log_directives[];
extern const struct directive queue_directives[];

/* Parses and applies; NULL when the file could not be read at all. Errors are in load. */
struct config *config_load(struct conf_load *load, const char *path);
/* The listener of the same address and port; NULL none. */
const struct listen_conf *config_listen(const struct config *config, const struct listen_conf *like);

#endif
