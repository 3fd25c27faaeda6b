/*
 * A set of rules: loaded from SpamAssassin-format files, compiled once, immutable, shared by all
 * threads; and matched against one message at a time.
 *
 *     b = ruleset_start(arena, load);
 *     ruleset_load(b, "/etc/mailreeve/rules/local.cf", place);   any number, in order
 *     rs = ruleset_finish(b, &options);                          errors are in load
 *     ruleset_match(rs, &target, &match, &result);               any thread
 *
 * Costs are bounded per message: each pattern by match limits, all together by processor time; what
 * is cut off is counted in the result, never silently a miss.
 */
#ifndef REEVE_RULES_RULESET_H
#define REEVE_RULES_RULESET_H

#include "lib/conf/conf.h"
#include "rules/rule.h"
#include "rules/target.h"

struct ruleset;
struct ruleset_builder;

struct ruleset_options {
	unsigned score_set; /* 0..3: SpamAssassin's sets: +1 with network tests, +2 with a learner */
	struct conf_cidrs trusted, internal;
	bool has_network; /* rules may ask the DNS */
	unsigned auth;	  /* which checks of the sender are made before: enum rule_auth_kind */
};

struct ruleset_builder *ruleset_start(struct arena *a, struct conf_load *load);
/* Before files are loaded: whether rules will be allowed to ask the DNS; conditions in files want to know. */
void ruleset_allow_network(struct ruleset_builder *b, bool has_network);
bool ruleset_load(struct ruleset_builder *b, const char *path, struct conf_place place);
/* All files of a glob pattern, sorted; an error in load when there are none. */
bool ruleset_load_glob(struct ruleset_builder *b, const char *pattern, struct conf_place place);
void ruleset_text(struct ruleset_builder *b, const char *name, struct str text);
/* Never NULL; rules with errors (in load) are left out. Lives as long as the arena. */
struct ruleset *ruleset_finish(struct ruleset_builder *b, const struct ruleset_options *options);

/* Rules that are defined, in the order of the files. */
size_t ruleset_count(const struct ruleset *rs);
const struct rule *ruleset_rule(const struct ruleset *rs, size_t i);
double ruleset_score(const struct ruleset *rs, const struct rule *r);
const struct rules_conf *ruleset_conf(const struct ruleset *rs);
/* "20_uri.cf:88": where a rule stands, for people. */
struct str rule_where(struct arena *a, const struct rule *r);
const char *rule_kind_name(const struct rule *r);

/* Time and work that one rule took, for `reevectl rules cost`. */
struct rule_cost {
	uint64_t ns, runs, hits;
};

struct match_options {
	int64_t budget_us;	 /* of processor time; 0: none */
	unsigned match_limit;	 /* of each pattern, in PCRE2's steps; 0: the default */
	size_t lookups;		 /* DNS look-ups of the message's rules, at most */
	int64_t lookup_us;	 /* how long their answers are waited for */
	bool with_subrules;	 /* report hits of __ rules too */
	struct rule_cost *costs; /* NULL, or one per rule: measured with two clock readings each */
};

struct rule_hit {
	const struct rule *rule;
	double score, count;
	struct str text; /* what matched, "" when there is nothing to show */
};

struct rule_result {
	struct rule_hit *v; /* in the order of the rules */
	size_t n;
	double score;
	bool is_timed_out;
	size_t limits;		       /* matches cut off by a limit */
	const struct rule *limit_rule; /* the first of them */
	size_t runs;		       /* patterns tried */
	size_t asked;		       /* DNS look-ups */
	size_t unasked;		       /* look-ups left out because of a limit */
	size_t unanswered;
};

/* Whether rules of the set ask the DNS: then ruleset_ask() and target.dns make sense. */
bool ruleset_asks(const struct ruleset *rs);
/*
 * Sends the questions that the headers bring, through target.dns; never waits. ruleset_match() with
 * the same scope finds their answers.
 */
void ruleset_ask(const struct ruleset *rs, const struct rule_target *t, const struct match_options *o);

void ruleset_match(const struct ruleset *rs, const struct rule_target *t, const struct match_options *o,
    struct rule_result *ret_result);

#endif
