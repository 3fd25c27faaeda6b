/*
 * What rules look at, of one message: filled in by filters/rules.c, by the sample runner and by
 * tests. All slices live at least as long as the arena, which also takes what is derived from them.
 */
#ifndef REEVE_RULES_TARGET_H
#define REEVE_RULES_TARGET_H

#include "core/content/content.h"
#include "core/header.h"
#include "core/content/mime.h"
#include "lib/addr.h"
#include "lib/arena.h"
#include "lib/dns/dns.h"

enum { TARGET_FULL_MAX = 2 * 1024 * 1024, TARGET_LINES_MAX = 100000 };

/* One hop by a Received field, as far as it could be read. */
struct relay {
	struct str ip, rdns, helo, by, ident, envfrom, id, auth;
	struct ip addr;
	bool is_private, has_envfrom;
	bool no_rdns;  /* the server looks names up and found none */
	bool rdns_unknown; /* the server does not look names up */
	bool is_internal, is_msa;
	size_t field; /* which Received field, from 0 */
};

enum { RELAYS_MAX = 100 };

struct relays {
	struct relay all[RELAYS_MAX];
	size_t n;
	size_t trusted, internal; /* how many of them, from the top */
	size_t unparseable;
	long last_trusted, last_internal; /* index of the Received field, -1: none */
};

/* What the filters before this one found out about the sender; texts "" where they said nothing. */
enum rule_auth_kind { RULE_AUTH_SPF = 1, RULE_AUTH_DKIM = 2, RULE_AUTH_DMARC = 4, RULE_AUTH_ARC = 8 };
/* What the filter of that name finds out; 0: nothing that rules ask for. */
unsigned rule_auth_kind_of(struct str filter);

struct rule_auth {
	struct str spf;	     /* "pass" ...: of the envelope sender */
	struct str spf_helo;
	struct str dkim;
	const struct str *dkim_domains; /* of signatures that pass */
	size_t dkim_domain_count, dkim_count;
	bool is_dkim_test;
	struct str dmarc, dmarc_policy, dmarc_domain;
	struct str arc;
	int64_t arc_count;
};

struct rule_target {
	struct arena *arena;
	struct str message; /* all of it, as it came */
	const struct headers *headers;
	const struct content *content; /* NULL: none */
	struct mime *mime;	       /* NULL: none */
	/* The session, when there is one: it counts as the topmost relay. */
	struct ip client; /* family 0: none */
	struct str helo, client_name, hostname, auth_user;
	struct str sender;
	bool has_sender;
	const struct rule_auth *auth; /* NULL: nothing is known */
	struct dns_scope *dns;	      /* NULL: nothing can be asked */
};

/* A message alone, without a session: parses headers, MIME structure and text into the arena. */
void rule_target_parse(struct arena *a, struct str message, struct rule_target *ret_target);

#endif
