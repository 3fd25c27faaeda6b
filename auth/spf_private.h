/* What the three SPF files share: the parsed record, and the state of one evaluation. */
#ifndef REEVE_AUTH_SPF_PRIVATE_H
#define REEVE_AUTH_SPF_PRIVATE_H

#include "auth/spf.h"

/* Expanded text beyond this is taken for an attack: names end at 253 octets, replies at 512. */
enum { SPF_EXPANDED_MAX = 8192, SPF_VALUE_MAX = 512, SPF_NAME_MAX = 253 };

enum spf_kind { SPF_ALL, SPF_INCLUDE, SPF_A, SPF_MX, SPF_PTR, SPF_IP4, SPF_IP6, SPF_EXISTS };

struct spf_term {
	enum spf_kind kind;
	enum spf_result qualifier; /* result when it matches */
	struct str text;	   /* as written */
	struct str domain;	   /* domain-spec, unexpanded; "" is the current domain */
	struct cidr net;	   /* ip4, ip6 */
	uint8_t bits4, bits6;	   /* a, mx */
};

struct spf_record {
	struct spf_term *terms;
	size_t n;
	struct str redirect, explain;		  /* domain-specs, "" none */
	struct str redirect_text;		  /* the modifier as written */
};

struct spf_state {
	struct arena *arena;
	struct dns_scope *dns;
	const struct spf_query *query;
	struct str sender, local, sender_domain; /* with postmaster filled in */
	unsigned terms, voids;
	struct str *validated; /* names of the client, proved forward and back */
	size_t validated_count;
	bool has_validated;
	bool is_explaining; /* %{c} %{r} %{t} are allowed */
	struct str problem;
};

/* False: permanent error, ret_problem says what. text starts behind "v=spf1". */
bool spf_record_parse(struct arena *a, struct str text, struct spf_record *ret_record,
    struct str *ret_problem);
/* Grammar of macro-string and of domain-spec; exp texts may use c, r, t too and blanks. */
bool spf_macro_is_valid(struct str text, bool is_explanation);
bool spf_domain_spec_is_valid(struct str text);
/* False when the text is wrong or grows too long. */
bool spf_expand(struct spf_state *st, struct str text, struct str domain, struct str *ret_text);
/* Names of the client that lead back to it (RFC 7208 part 5.5), looked up once per check. */
void spf_validate_names(struct spf_state *st, bool count_void);
/* The best validated name for domain: itself, then one below it, then any; "" none. */
struct str spf_validated_name(const struct spf_state *st, struct str domain, bool must_be_below);

#endif
