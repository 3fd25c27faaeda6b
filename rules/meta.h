/*
 * Meta rules: expressions over the hit counts of other rules, compiled to postfix. Operators and
 * precedence are Perl's, as rule authors expect: || and && yield the deciding operand, ^ is bitwise,
 * a comparison is 1 or 0. Unknown names count 0. All evaluation is bounded by the compiled length.
 */
#ifndef REEVE_RULES_META_H
#define REEVE_RULES_META_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/arena.h"
#include "lib/str.h"

enum { META_OPS_MAX = 20000, META_STACK_MAX = 128, META_DEPTH_MAX = 200 };

enum meta_code {
	META_NUMBER,
	META_RULE,
	META_NOT,
	META_MINUS,
	META_MULTIPLY,
	META_DIVIDE,
	META_ADD,
	META_SUBTRACT,
	META_LESS,
	META_GREATER,
	META_LESS_EQUAL,
	META_GREATER_EQUAL,
	META_EQUAL,
	META_NOT_EQUAL,
	META_XOR,
	META_AND,
	META_OR,
	META_CHOOSE, /* a ? b : c */
};

struct meta_op {
	enum meta_code code;
	uint32_t rule;
	double number;
};

struct meta {
	struct meta_op *ops;
	size_t n;
	const uint32_t *rules; /* each rule it reads, once */
	size_t rule_count;
	bool is_never_run; /* "( )": placeholder for rules that hit by other means */
};

/* Gives names their numbers: UINT32_MAX for a name that is no rule. */
struct meta_names {
	uint32_t (*find)(void *arg, struct str name);
	/* Calls add(to, rule) for each rule whose name matches the glob. */
	void (*match)(void *arg, struct str glob, void (*add)(void *to, uint32_t rule), void *to);
	void (*undefined)(void *arg, struct str name);
	void *arg;
	bool is_local; /* local_tests_only */
};

/* NULL, or what is wrong. */
const char *meta_compile(struct arena *a, struct str text, const struct meta_names *names, struct meta *ret_meta);
/* counts: by rule number. */
double meta_value(const struct meta *meta, const float *counts);

#endif
