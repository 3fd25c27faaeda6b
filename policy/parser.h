/*
 * The parser of conditions, in two files: expr.c reads logic, arithmetic and values, compare.c what
 * stands between two of them. Every function that returns an expression returns NULL after an error.
 */
#ifndef REEVE_POLICY_PARSER_H
#define REEVE_POLICY_PARSER_H

#include "policy/program.h"

struct parser {
	struct compiler *c;
	const struct conf_token *t;
	size_t i, n;
	struct conf_place end;
	unsigned depth, nodes;
};

/* "a number", "a text" ... by enum expr_type. */
extern const char *const parse_type_names[];

/* The token in hand: where it is, how it is shown, and taking it when it is this one. */
struct conf_place parse_place(const struct parser *p);
const char *parse_shown(const struct parser *p);
bool parse_word(struct parser *p, const char *word);
bool parse_op(struct parser *p, const char *op);

struct expr *parse_make(struct parser *p, enum expr_op op, enum expr_type type, struct expr *a,
    struct expr *b);
struct expr *parse_literal(struct parser *p, double value, enum expr_type type);
struct expr *parse_fact(struct parser *p, const struct conf_token *t);
/* What is always false: see EXPR_NEVER. */
struct expr *parse_never(struct parser *p);
/* Numbers, sizes (25M) and durations (5m): the case of M tells the last two apart. */
bool parse_number(struct str text, double *ret_value, enum expr_type *ret_type);
/* What a mistaken operand is called: "'score' is a number". */
const char *parse_describe(struct parser *p, const struct expr *e);
/* False, after an error, for a bare word where a value must be. Never false when lenient. */
bool parse_is_known(struct parser *p, const struct expr *e);

struct expr *parse_sum(struct parser *p);
struct expr *parse_compare(struct parser *p);

#endif
