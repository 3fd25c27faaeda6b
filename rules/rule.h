/*
 * One rule and what a set of rule files says, as the parser leaves it: shared by the files of this
 * folder only. Other modules see rules/ruleset.h.
 *
 * Life: rules_conf_new(), rules_conf_load() for each file, then ruleset_compile() turns it into the
 * immutable set. Everything lives in the arena given at the start.
 */
#ifndef REEVE_RULES_RULE_H
#define REEVE_RULES_RULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/arena.h"
#include "lib/conf/conf.h"
#include "lib/regex.h"
#include "lib/str.h"

enum rule_limits {
	RULE_NAME_MAX = 128,
	RULE_LINE_MAX = 256 * 1024,
	RULE_FILE_MAX = 32 * 1024 * 1024,
	RULE_COUNT_MAX = 100000,
	RULE_IF_DEPTH = 64,
	RULE_INCLUDE_DEPTH = 16,
	RULE_EXPANDED_MAX = 512 * 1024, /* of a pattern with its replace tags filled in */
	RULE_ARGS_MAX = 32,
	RULE_SCORE_SETS = 4,
};

enum rule_kind {
	RULE_EMPTY, /* named by score or describe only, or `test`-less declaration */
	RULE_HEADER,
	RULE_BODY,
	RULE_RAWBODY,
	RULE_FULL,
	RULE_URI,
	RULE_MIMEHEADER,
	RULE_URI_DETAIL,
	RULE_META,
	RULE_EVAL,
	RULE_DNS, /* askdns, uridnsbl and its family: wait for an answer */
	RULE_KINDS,
};

enum rule_status {
	RULE_SUPPORTED,
	RULE_APPROXIMATED, /* runs, but may differ from what its author meant; `why` says where */
	RULE_IGNORED,	   /* cannot hit here; `why` says why */
};

enum rule_flag {
	RULE_MULTIPLE = 1 << 0,
	RULE_NICE = 1 << 1,
	RULE_NET = 1 << 2,
	RULE_LEARN = 1 << 3,
	RULE_NOSUBJECT = 1 << 4,
	RULE_NEGATED = 1 << 5, /* !~ */
	RULE_EXISTS = 1 << 6,  /* exists: */
	RULE_HAS_SCORE = 1 << 7,
	RULE_REPLACE = 1 << 8, /* named by replace_rules */
	RULE_CONCAT = 1 << 9,  /* mimeheader over all parts at once */
	RULE_IS_SUB = 1 << 10, /* the name starts with __ */
	RULE_IS_DEFINED = 1 << 11,
	RULE_CAPTURES = 1 << 12, /* sets %{NAME} for others */
	RULE_TEMPLATE = 1 << 13, /* uses %{NAME} */
	RULE_RANGE = 1 << 14,	 /* mimeheader: only the parts range=FROM-TO */
	/* What a rule that asks the DNS asks about. */
	RULE_IPS_ONLY = 1 << 15,
	RULE_DOMAINS_ONLY = 1 << 16,
	RULE_NOTRIM = 1 << 17, /* the whole host, not its domain */
	RULE_ABOUT_HOST = 1 << 18, /* uridnsbl: the host's address */
	RULE_ABOUT_SERVERS = 1 << 19,
};

/* How a header rule asks for its text. */
enum header_modifier {
	HEADER_RAW = 1,
	HEADER_ADDR = 2,
	HEADER_NAME = 4,
	HEADER_HOST = 8,
	HEADER_DOMAIN = 16,
	HEADER_IP = 32,
	HEADER_REVIP = 64,
	HEADER_FIRST = 128,
	HEADER_LAST = 256,
};

struct rule {
	struct str name;
	struct conf_place place; /* of the definition */
	struct conf_place score_place;
	struct conf_place earlier; /* of a definition that this one replaced; line 0: none */
	struct str describe;
	struct str text; /* the definition, without keyword and name */
	enum rule_kind kind, eval_on; /* eval_on: which keyword an eval stands behind */
	unsigned flags;
	unsigned maxhits; /* 0: no bound */
	unsigned range_from, range_to;
	int priority;
	double scores[RULE_SCORE_SETS];
	enum rule_status status;
	struct str why;

	/* HEADER, MIMEHEADER */
	struct str header;
	unsigned modifiers;
	struct str if_unset;
	bool has_if_unset;

	/* everything with a pattern: as it was written, delimiters included */
	struct str pattern;

	/* EVAL */
	struct str function;
	struct str *args;
	size_t arg_count;

	struct rule *hash_next;
	struct rule_sample *samples;
	uint32_t index; /* in the set */
};

/* "#+ text" and "#- text" beside a rule: must hit, must not. */
struct rule_sample {
	struct str text;
	bool must_hit;
	struct conf_place place;
	struct rule_sample *next;
};

/* A line that sets something for eval functions or for the set: keyword and value, in order. */
struct rule_setting {
	struct str keyword, value;
	struct conf_place place;
	struct rule_setting *next;
};

struct rule_tag {
	struct str name, value;
	struct rule_tag *next;
};

enum { RULE_BUCKETS = 8192 };

struct rules_conf {
	struct arena *arena;
	struct conf_load *load; /* errors go here */
	struct rule **rules;	/* in order of first mention */
	size_t count, room;
	struct rule *buckets[RULE_BUCKETS];
	struct rule_setting *settings, **settings_last;
	struct rule_tag *tags, *pres, *inters, *posts;
	struct str replace_start, replace_end;
	size_t files;
	bool has_network; /* else local_tests_only is true */
};

struct rules_conf *rules_conf_new(struct arena *a, struct conf_load *load);
/* One file; false when it could not be read (an error in load with place). */
bool rules_conf_load(struct rules_conf *conf, const char *path, struct conf_place place);
/* Text in memory; name stands for the file. */
void rules_conf_text(struct rules_conf *conf, const char *name, struct str text);
struct rule *rules_conf_find(const struct rules_conf *conf, struct str name);
/* Found or made (RULE_EMPTY). */
struct rule *rules_conf_rule(struct rules_conf *conf, struct str name);

/* ---- parts of the parser ---- */

/* "From:addr:last" into name and modifiers (enum header_modifier); false when it is none. */
bool rules_header_of(struct str text, struct str *ret_name, unsigned *ret_modifiers);
/* The condition of an `if` line. NULL, or what is wrong. */
const char *rules_condition(struct rules_conf *conf, struct str text, bool *ret_value);
bool rules_has_plugin(const struct rules_conf *conf, struct str name);
/*
 * Fills replace tags into a pattern body, as replace_rules asks for. as_calls: each tag becomes one
 * named group that is called where it stands, for patterns that would be too large otherwise.
 */
struct str rules_replace(struct rules_conf *conf, struct str pattern, bool as_calls);
/* A large group that is repeated, (?:X){5}, as one that is called: (?<r>X)(?&r){4}. */
struct str rules_shrink(struct rules_conf *conf, struct str pattern);

#endif
