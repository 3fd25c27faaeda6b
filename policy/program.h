/*
 * A compiled policy: what policy/compile.c builds, policy/decide.c runs. Private to policy/.
 *
 * Facts are numbered: each fact that the policy reads has a slot. policy_decide() fills the slots
 * once, in one pass over the facts that are set; expressions then index an array.
 */
#ifndef REEVE_POLICY_PROGRAM_H
#define REEVE_POLICY_PROGRAM_H

#include "lib/regex.h"
#include "policy/policy.h"

enum program_limits {
	POLICY_FACTS_MAX = 256,	     /* different facts in one policy */
	POLICY_EXPR_DEPTH = 64,	     /* of parentheses, not and arithmetic */
	POLICY_EXPR_NODES = 10000,   /* of one condition */
	POLICY_REPLY_MAX = 500,	     /* octets of a filled reply */
	POLICY_HEADER_MAX = 4000,    /* octets of a filled header, before it is encoded */
	POLICY_BODY_MAX = 16000,     /* octets of a filled body, before it is encoded */
	POLICY_STATEMENT_MAX = 200,  /* octets of a statement in the trail */
	POLICY_FACTS_TEXT_MAX = 500, /* octets of the facts of a statement in the trail */
	POLICY_DELAY_MAX = 60000,    /* ms */
};

/* ---- expressions ---- */

enum expr_type {
	TYPE_BOOL,
	TYPE_NUMBER,
	TYPE_DURATION,
	TYPE_TEXT,
	TYPE_WORD,
	TYPE_IP,
	TYPE_LIST,
	TYPE_NET,  /* a literal address or network */
	TYPE_BARE, /* a bare word that is no fact: a value of a word fact, or a mistake */
};

enum expr_op {
	EXPR_FACT,   /* slot */
	EXPR_NUMBER, /* number; durations in ms */
	EXPR_TEXT,
	EXPR_NET,
	EXPR_AND, /* a, then b: chains hang on b */
	EXPR_OR,
	EXPR_NOT, /* a */
	EXPR_EQ,
	EXPR_NE,
	EXPR_LT,
	EXPR_LE,
	EXPR_GT,
	EXPR_GE,
	EXPR_ADD,
	EXPR_SUB,
	EXPR_MUL,
	EXPR_DIV,
	EXPR_IN,       /* a in list */
	EXPR_IN_FACT,  /* text a in the list fact b */
	EXPR_MATCH,    /* a =~ re */
	EXPR_NO_MATCH, /* a !~ re */
	EXPR_NEVER,    /* what only facts that nobody sets could make true */
};

struct expr {
	enum expr_op op;
	enum expr_type type;
	struct expr *a, *b;
	union {
		unsigned slot;
		double number;
		struct str text;
		struct cidr net;
		const struct list *list;
		const struct regex *re;
	} u;
	const struct fact_def *def; /* EXPR_FACT */
	struct conf_place place;
};

/* ---- templates ---- */

struct template_part {
	struct str text;
	int slot; /* -1: text */
};

struct template {
	struct template_part *v;
	size_t n;
};

struct translation {
	struct str language;
	struct template text;
	struct translation *next;
};

/* ---- statements ---- */

enum action {
	ACTION_ACCEPT,
	ACTION_REJECT,
	ACTION_TEMPFAIL,
	ACTION_QUARANTINE,
	ACTION_DISCARD,
	ACTION_STOP,
	ACTION_ADD_HEADER,
	ACTION_TAG_SUBJECT,
	ACTION_REMOVE_HEADER,
	ACTION_COPY,
	ACTION_REDIRECT,
	ACTION_SET_SENDER,
	ACTION_REPLACE_BODY,
	ACTION_DELAY,
	ACTION_FOR,
};

struct statement {
	enum action action;
	struct expr *condition; /* NULL: always */
	struct conf_place place;
	struct str shown; /* for the trail */
	int code;
	struct str enhanced;
	struct str name; /* of a header; or an address */
	struct template text;
	struct translation *translations;
	int64_t delay_ms;
	struct statement *body; /* ACTION_FOR */
	unsigned *reads;	/* slots that the statement reads */
	size_t read_count;
	struct statement *next;
};

struct policy {
	struct arena *arena;
	const struct fact_def *facts[POLICY_FACTS_MAX]; /* by slot */
	size_t fact_count;
	/* Slot + 1 by address of the definition; open addressing, a power of two. */
	uint16_t *slots;
	size_t slot_room;
	struct statement *stages[STAGE_COUNT];
	struct str *own_headers;
	size_t own_header_count;
	struct regex_pool *pool;
	const struct fact_def *language; /* of a recipient; NULL nobody has one */
	size_t left_out; /* facts of the default policy that nobody sets */
};

static inline size_t slot_hash(const struct policy *p, const struct fact_def *def)
{
	return (size_t)((uintptr_t)def / sizeof *def * UINT64_C(0x9e3779b97f4a7c15) >> 32) & (p->slot_room - 1);
}

/* ---- compiling ---- */

struct compiler {
	struct conf_load *load;
	struct arena *arena;
	struct policy *policy;
	const struct fact_registry *facts;
	const struct lists *lists;
	const struct filter *const *known; /* all filters that there are, or NULL */
	struct policy_texts *texts;	     /* or NULL */
	struct lists *inline_lists;
	unsigned inline_count;
	enum stage stage;
	bool is_lenient; /* the default policy: a fact that this configuration cannot know is one that is
			    never set, and a statement that shows one in a text is left out */
	unsigned reads[POLICY_FACTS_MAX]; /* of the statement in hand */
	size_t read_count;
};

/* Fills in both; the policy is zeroed memory of the load's arena. */
void compiler_start(struct compiler *c, struct conf_load *load, struct policy *policy, const struct fact_registry *facts,
    const struct lists *lists);
/* After the last statement. */
void policy_finish(struct policy *p);
/* The declaration of a fact, of a filter that is not configured too (not when lenient). */
const struct fact_def *compile_find(const struct compiler *c, struct str name);
/* The slot of a fact that may be read at the stage; -1 after an error, or quietly when lenient. */
int compile_fact(struct compiler *c, struct conf_place place, struct str name);
/* Reports a name that is no fact, with the nearest one. */
void compile_unknown(struct compiler *c, struct conf_place place, struct str name);
/* Tokens from..n of the node as a condition; NULL after an error. */
struct expr *compile_condition(struct compiler *c, const struct conf_node *node, size_t from);
/* False after an error, or quietly when lenient. */
bool compile_template(struct compiler *c, const struct conf_token *t, struct template *ret_template);

/* A statement has that text, whether it can be compiled or not. */
void texts_mark(struct compiler *c, struct str text);
/* The translations of a statement's text; false after an error. */
bool texts_compile(struct compiler *c, struct str text, struct translation **ret_first);
/* Warns of those that no statement took. */
void texts_check(struct compiler *c);

/* ---- running ---- */

struct run {
	const struct policy *policy;
	const struct session *session;
	const struct recipient *recipient;
	struct arena *arena;
	struct verdict *verdict;
	enum stage stage;
	bool explains; /* the trail also holds what did not match */
	const struct fact *facts[POLICY_FACTS_MAX]; /* by slot; NULL: not set */
	struct regex_scratch *scratch;		    /* borrowed at the first match */
	bool list_failed;			    /* a list could not be asked */
};

/* Every fact that is set, to its slot. */
void run_load_facts(struct run *run);
bool run_condition(struct run *run, const struct expr *e);
/* The statement's text in the recipient's language, where there is one. */
const struct template *texts_choose(const struct run *run, const struct statement *s);
struct str template_reply(struct run *run, const struct template *t);
struct str template_header(struct run *run, const struct template *t);
/* Text of a body: lines end in CRLF; base64 when it is not plain ASCII of short lines. */
struct str template_body(struct run *run, const struct template *t, bool *ret_is_base64);

#endif
