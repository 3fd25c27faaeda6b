/*
 * Rules that ask the DNS. A rule's start() puts its questions, all go out at once while the patterns
 * are tried, and its answer() looks at each answer when the rest of the set is done; an answer may
 * bring new questions (name servers, their addresses). The same question of several rules is one
 * look-up. Bounded per message: look-ups by match_options.lookups and by the scope, questions by
 * QUESTIONS_MAX, the time of all by match_options.lookup_us.
 */
#ifndef REEVE_RULES_ASK_ASK_H
#define REEVE_RULES_ASK_ASK_H

#include "rules/evals/evals_private.h"
#include "rules/subtest.h"

enum { QUESTIONS_MAX = 4096, QUESTION_SLOTS = 256, ASK_TYPES_MAX = 6 };

struct asker;
struct ask_rule;
struct ask_hash;
struct uri_word;

struct ask_kind {
	const char *function; /* of an eval rule; NULL: askdns */
	bool is_early;	      /* the headers tell all that is asked */
	bool is_of_uris;      /* skip_uribl_checks switches it off, else skip_rbl_checks */
	/* What the rule's line means; NULL, or what is wrong with it. */
	const char *(*compile)(struct ruleset *rs, struct compiled_rule *c, struct ask_rule *ret_ask);
	void (*start)(struct asker *k, uint32_t rule, const struct ask_rule *ask);
	const char *differs; /* as struct eval_def's */
};

/* Made at load. */
struct ask_rule {
	const struct ask_kind *kind;
	struct str zone; /* without the final dot */
	struct str set;	 /* check_rbl: what check_rbl_sub names */
	struct subtest test;
	enum dns_type types[ASK_TYPES_MAX];
	size_t type_count;
	uint32_t *subs; /* check_rbl_sub rules that look at the answers to this one */
	size_t sub_count;
	const struct uri_word *uri;
	struct ask_hash *hash;
	const char *ignored; /* set by compile(): why it cannot be asked here */
};

struct question {
	uint32_t rule;
	enum dns_type type;
	struct str name, shown; /* shown: what it is about, for the report */
	struct dns_ticket *ticket;
	void (*answer)(struct asker *k, const struct question *q, const struct dns_answer *answer);
	bool is_first;		    /* of those with this look-up */
	struct question *next;	    /* in the order of asking */
	struct question *slot_next; /* of another name */
};

/* One message's. */
struct asker {
	struct matcher *m;
	struct eval_call call; /* for the helpers of the eval functions */
	struct question *first, **last, *slots[QUESTION_SLOTS];
	size_t count, asked;
	int64_t until_us;
	/* What the message has, made at first use. */
	struct str *hosts, *domains; /* of its links, as uridnsbl rules want them */
	size_t host_count;
	bool has_hosts;
	size_t no_domain; /* check_dns_sender: types that the sender's domain has not */
};

typedef void ask_answer(struct asker *k, const struct question *q, const struct dns_answer *answer);

/* Puts a question; name and shown must live as long as the message. */
void ask_put(struct asker *k, uint32_t rule, struct str name, enum dns_type type, struct str shown,
    ask_answer *answer);
/* "what listed in zone" */
struct str ask_listed(struct asker *k, struct str what, struct str zone);
/* Each record of an answer that hits the rule by its test. */
void ask_judge(struct asker *k, const struct question *q, const struct dns_answer *answer);
/* The record says that something is listed: in 127/8, and no refusal unless the test names one. */
bool ask_is_listing(enum dns_type type, const struct dns_record *record, const struct subtest *test);

/* An argument or word as a zone: without final dots. */
struct str ask_zone(struct str text);
/* "A", "TXT"; false for what our resolver does not read. */
bool ask_type(struct str word, enum dns_type *ret_type);
/* A name with at least two labels of letters, digits, - and _. */
bool ask_is_name(struct str host, bool may_be_underscored);
bool ask_skips_domain(const struct asker *k, struct str domain);

/* ask_uri.c: hosts of links and their domains, no more than uridnsbl_max_domains. */
void ask_find_hosts(struct asker *k);
/* ask_tag.c: values of _NAME_; how many. */
size_t ask_tag_values(struct asker *k, struct str name, struct str *out, size_t most);

extern const struct ask_kind ask_list_kinds[], ask_uri_kinds[], ask_hash_kinds[];
extern const struct ask_kind ask_tag_kind;

/* What the settings of a set say about asking. */
struct ask_policy {
	struct text_set *skipped;	 /* uridnsbl_skip_domain */
	struct text_set *denied, *allowed; /* dns_query_restriction */
	bool has_denied, no_lists, no_uris, no_mailto;
	size_t domains_max;
	struct str fields; /* rbl_headers */
	struct text_set *hash_ignored;
	struct named_set *hash_acls, *hash_aliases;
};

#endif
