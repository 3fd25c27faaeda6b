/*
 * The inside of a rule set: shared by its compiler, its matcher and the eval functions.
 */
#ifndef REEVE_RULES_SET_H
#define REEVE_RULES_SET_H

#include <pthread.h>

#include "lib/clock.h"
#include "rules/match/automaton.h"
#include "rules/field.h"
#include "rules/meta.h"
#include "rules/match/prefilter.h"
#include "rules/evals/received.h"
#include "rules/ruleset.h"

struct eval_def;
struct eval_data;
struct ask_rule;
struct ask_kind;
struct ask_policy;
struct asker;
struct matcher;

/* One condition of a uri_detail rule. */
struct detail_test {
	int key; /* enum detail_key */
	bool is_negated;
	struct regex *re;
	struct detail_test *next;
};

struct compiled_rule {
	struct rule *rule;
	struct regex *re;
	unsigned flags;
	uint32_t maxhits; /* UINT32_MAX: no bound */
	bool is_active;	  /* has a score in the set, and something that can be run */
	bool absent_hits; /* header rules: whether they hit when the field is missing */
	bool joins;	  /* may be tried on all lines at once first */
	unsigned times;	  /* so many literals must stand in a line that is tried */
	bool is_lazy;	  /* a sub-rule that is tried often: run only when it matters */
	bool is_always;	  /* has no literal: tried on all text */
	bool is_dead;	  /* a meta on a meta without score never runs */
	double score;
	struct literals *literals;
	struct node *tree; /* while compiling: of patterns without rare literals */
	/* RULE_EVAL */
	const struct eval_def *eval;
	struct ask_rule *ask; /* NULL: it asks nothing */
	/* RULE_URI_DETAIL */
	struct detail_test *details;
	/* RULE_TEMPLATE: the pattern with its %{NAME} places, compiled per message */
	struct str template;
	unsigned template_flags;
	/* RULE_META */
	struct meta meta;
};

/* Rules whose patterns one automaton looks for. */
struct rule_automaton {
	const struct automaton *au;
	uint32_t *rules;
	size_t count;
	size_t number; /* in the set: which states of a matcher */
};

/* Rules over one kind of text. */
struct rule_group {
	struct prefilter *prefilter; /* NULL: none of them has a literal */
	struct rule_automaton *automata;
	size_t automaton_count;
	uint32_t *always;	     /* rules that are run on every text */
	size_t always_count, room;
};

struct field_slot {
	struct field_spec spec;
	struct rule_group group;
	uint32_t *rules; /* all of the slot */
	size_t count, room;
};

struct captured;
struct links;

enum text_kind { TEXT_BODY, TEXT_RAW, TEXT_FULL, TEXT_URI, TEXT_KINDS };

struct ruleset {
	struct arena *arena, *work, *pattern_work; /* work: while compiling; pattern_work: for one pattern */
	struct automaton_space *space;
	struct rules_conf *conf;
	struct ruleset_options options;
	struct compiled_rule *rules;
	size_t n;
	struct rule_group texts[TEXT_KINDS];
	size_t automaton_count; /* of all groups */
	struct field_slot *fields, *mime_fields;
	size_t field_count, mime_field_count;
	uint32_t *lazies; /* sub-rules that wait; see lazy.c */
	size_t lazy_count;
	bool *meta_waits; /* by meta position: depends on a lazy rule */
	size_t first_waiting;
	uint32_t *evals, *details, *fulls, *metas, *captures, *templates; /* rule numbers; metas in order of dependence */
	size_t eval_count, detail_count, full_count, meta_count, capture_count, template_count;
	uint32_t *asks;
	size_t ask_count;
	struct ask_policy *ask_policy;

	/* Which metas read a rule: meta_users[first[rule] .. first[rule + 1]). */
	uint32_t *meta_first, *meta_users;
	bool *meta_at_zero; /* by rule number: is true when nothing hit */

	struct received *received;
	struct networks trusted, internal, msa;
	struct received_policy policy;
	struct str envelope_header;
	struct eval_data *eval_data;
	const struct registry *registry;
	bool no_signers; /* parse_dkim_uris 0 */

	/* Matchers that are not in use. */
	pthread_mutex_t lock;
	struct matcher *idle;
};

struct near {
	uint32_t line, count;
};

/* Lines that lazy rules will be tried on, a list for each rule; indices from 1, 0 ends a list. */
struct waiting {
	struct waiting_line {
		uint32_t line, next;
	} *v;
	uint32_t n, room;
	uint32_t *first, *last; /* by rule */
};

/* What one message needs to write while it is matched. */
struct matcher {
	struct matcher *next;
	const struct ruleset *rs;
	struct regex_scratch *scratch;
	float *counts;	   /* by rule */
	uint32_t *seen;	   /* by rule: number of the last line it was tried on, from 1 */
	struct near *near; /* by rule: literals on the line in hand, for those that need several */
	struct waiting waiting;
	struct automaton_states **states; /* by number of the automaton; made at first use */
	struct str *texts; /* by rule: what matched first */
	struct buf joined, folded, full;
	struct str whole; /* what full rules match; made at first use: may stand in full */
	bool has_whole;
	const struct str *joined_lines; /* what stands in joined */
	size_t *starts; /* of lines in joined */
	size_t start_room;

	const struct rule_target *t;
	const struct match_options *options;
	struct rule_result *result;
	struct fields fields;
	int64_t started_ns, deadline_ns; /* by the thread's clock; by all time, when to look at that */
	bool runs_all; /* sub-rules too that change nothing */
	int64_t reading_ns; /* what measuring takes by itself */
	void *eval_state; /* of the eval functions, for this message */
	struct captured *captured;
	struct links *links; /* NULL: not made yet; links.c */

	/* the group in hand */
	const struct str *lines;
	size_t line_count, line; /* line: where the scan is */
};

/* Adds hits of a rule; text is shown. */
void matcher_hit(struct matcher *m, uint32_t rule, double count, struct str text);
/* One pattern over one line: counts, shows what matched, keeps to the clock. */
void matcher_run(struct matcher *m, uint32_t rule, struct str line);
/* Whether a lazy rule has anything to be tried on. */
bool matcher_is_waiting(const struct matcher *m, uint32_t rule);
/* The lines that a rule of the kind looks at; a header rule has one or none, a mimeheader rule one per part. */
const struct str *matcher_lines(struct matcher *m, const struct compiled_rule *c, size_t *ret_n);
static inline bool matcher_is_over(const struct matcher *m)
{
	return m->result->is_timed_out;
}

/* Around what a rule costs, where that is asked for: processor time, for others may have the machine meanwhile. */
static inline int64_t matcher_cost_start(const struct matcher *m)
{
	return m->options->costs ? clock_thread_ns() : 0;
}
void matcher_cost_end(struct matcher *m, uint32_t rule, int64_t start);

void matcher_check_clock(struct matcher *m, size_t bytes);
/* Whether more hits of the rule would change nothing. */
bool matcher_is_settled(const struct matcher *m, uint32_t rule);
enum regex_result matcher_try(struct matcher *m, uint32_t rule, struct str line, size_t from, struct regex_hit *ret_hit);
void matcher_free(struct matcher *m);

/* match_field.c */
void match_fields(struct matcher *m);
void match_parts(struct matcher *m);
/* The values of a field in all parts that have it. */
const struct str *match_part_lines(struct matcher *m, const struct field_spec *spec, size_t *ret_n);
void match_one_text(struct matcher *m, const struct rule_group *g, const struct str *text);
/* match_text.c */
/* One more literal of the rule on the line (from 1): whether there are enough of them now. */
bool matcher_has_enough(struct matcher *m, uint32_t rule, uint32_t line);
void match_texts(struct matcher *m);
/* A rule that waited, on its lines. */
void match_waiting(struct matcher *m, uint32_t rule);

/* ---- compiler parts ---- */

/* group.c */
void group_rules(struct ruleset *rs);
/* Whether a prefilter finds it by literals that are seldom seen. */
bool rule_has_rare_literals(const struct compiled_rule *c);

void compile_metas(struct ruleset *rs);
/* Patterns with captures or templates; capture.c */
struct str capture_template(struct arena *a, struct str body, bool *ret_is_template);
void capture_run(struct matcher *m);
/* Texts kept under a name, once each; how many. */
size_t capture_values(const struct matcher *m, struct str name, struct str *out, size_t most);
/* lazy.c: which metas depend on lazy rules. */
void lazy_mark(struct ruleset *rs);
/* Runs those sub-rules that can still change a scored meta; the other metas are known. */
void lazy_run(struct matcher *m, void (*run)(struct matcher *m, uint32_t rule));
/* ask.c: rules that ask the DNS; ask.h is for its own files. NULL: the rule does not ask. */
const struct ask_kind *ask_kind_of(const struct rule *r);
/* NULL, or what is wrong; *ret_ignored: why the rule cannot be asked here, or NULL. */
const char *ask_compile(struct ruleset *rs, struct compiled_rule *c, const struct ask_kind *kind,
    const char **ret_ignored);
const char *ask_differs(const struct ask_kind *kind);
void ask_finish_set(struct ruleset *rs);
/* Sends the questions; only_early: those that headers alone bring. NULL: there is nothing to ask. */
struct asker *ask_start(struct matcher *m, bool only_early);
/* Waits for the answers and adds the hits. */
void ask_finish(struct asker *k);
/* Domains that signatures of the message name, valid or not, once each; they count as links. evals_auth.c */
enum { SIGNERS_MAX = 16 };
size_t signer_domains(const struct matcher *m, struct str out[SIGNERS_MAX]);
/* uri_detail.c */
const char *detail_compile(struct ruleset *rs, struct compiled_rule *c);
void detail_run(struct matcher *m);

#endif
