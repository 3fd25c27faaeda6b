/* Recursive descent over a meta expression, one function per level of precedence. */
#include "rules/meta.h"

#include <math.h>
#include <stdlib.h>

struct builder {
	struct arena *arena;
	const struct meta_names *names;
	struct str in;
	size_t at;
	struct meta_op *ops;
	size_t n, room;
	uint32_t *rules;
	size_t rule_count, rule_room;
	unsigned depth, stack, stack_most;
	const char *error;
};

static void read_choice(struct builder *b);
static double value_of(const struct meta *meta, const float *counts);

static void fail(struct builder *b, const char *error)
{
	if (!b->error)
		b->error = error;
}

static void emit(struct builder *b, struct meta_op op)
{
	if (b->n == META_OPS_MAX) {
		fail(b, "the expression is too long");
		return;
	}
	if (b->n == b->room) {
		size_t room = b->room ? b->room * 2 : 16;
		struct meta_op *more = arena_array(b->arena, room, sizeof *more);
		if (b->n)
			memcpy(more, b->ops, b->n * sizeof *more);
		b->ops = more;
		b->room = room;
	}
	b->ops[b->n++] = op;
	if (op.code <= META_RULE && ++b->stack > b->stack_most)
		b->stack_most = b->stack;
	else if (op.code >= META_MULTIPLY)
		b->stack -= op.code == META_CHOOSE ? 2 : 1;
	if (b->stack_most > META_STACK_MAX)
		fail(b, "the expression is nested too deeply");
}

static void emit_code(struct builder *b, enum meta_code code)
{
	emit(b, (struct meta_op){.code = code});
}

static void note_rule(struct builder *b, uint32_t rule)
{
	for (size_t i = 0; i < b->rule_count; i++)
		if (b->rules[i] == rule)
			return;
	if (b->rule_count == b->rule_room) {
		size_t room = b->rule_room ? b->rule_room * 2 : 8;
		uint32_t *more = arena_array(b->arena, room, sizeof *more);
		if (b->rule_count)
			memcpy(more, b->rules, b->rule_count * sizeof *more);
		b->rules = more;
		b->rule_room = room;
	}
	b->rules[b->rule_count++] = rule;
}

static void skip_blanks(struct builder *b)
{
	while (b->at < b->in.n && is_space(b->in.p[b->at]))
		b->at++;
}

static bool take(struct builder *b, const char *token)
{
	size_t n = strlen(token);

	skip_blanks(b);
	if (b->in.n - b->at < n || memcmp(b->in.p + b->at, token, n))
		return false;
	b->at += n;
	return true;
}

static char peek(struct builder *b)
{
	skip_blanks(b);
	return b->at < b->in.n ? b->in.p[b->at] : '\0';
}

static bool is_glob_char(char c)
{
	return is_alnum(c) || c == '_' || c == '*' || c == '?';
}

static struct str take_word(struct builder *b, bool glob)
{
	size_t start;

	skip_blanks(b);
	start = b->at;
	while (b->at < b->in.n && (glob ? is_glob_char(b->in.p[b->at])
	                                : is_alnum(b->in.p[b->at]) || b->in.p[b->at] == '_'))
		b->at++;
	return str_sub(b->in, start, b->at - start);
}

/*
 * SpamAssassin reads signs, digits and points in a row as one word, and knows only numbers ("1", "0.5")
 * and operators among them: 1., .5, -2 and A -1 are errors there, and rules that have them do not run.
 */
static void check_run(struct builder *b)
{
	size_t n = 0, digits = 0, points = 0;
	const char *p;

	skip_blanks(b);
	for (p = b->in.p + b->at; b->at + n < b->in.n && (is_digit(p[n]) || strchr("+-.", p[n])); n++) {
		digits += is_digit(p[n]) != 0;
		points += p[n] == '.';
	}
	if (n == digits + points && points <= (digits > 1) && (!points || (is_digit(p[0]) && is_digit(p[n - 1]))))
		return;
	if (n == 1 ? !points : n == 2 && !digits && !points && p[0] != p[1])
		return;
	fail(b, "signs and numbers need blanks between them, and a number digits around its point");
}

static void read_number(struct builder *b)
{
	char copy[32], *end;
	size_t n = 0;
	double value;

	while (b->at < b->in.n && n < sizeof copy - 1 && (is_digit(b->in.p[b->at]) || b->in.p[b->at] == '.'))
		copy[n++] = b->in.p[b->at++];
	copy[n] = '\0';
	value = strtod(copy, &end);
	if (n == 0 || *end || !isfinite(value))
		fail(b, "a number was expected");
	emit(b, (struct meta_op){.code = META_NUMBER, .number = value});
}

struct sum {
	struct builder *b;
	size_t n;
};

static void add_matching(void *arg, uint32_t rule)
{
	struct sum *sum = arg;

	note_rule(sum->b, rule);
	emit(sum->b, (struct meta_op){.code = META_RULE, .rule = rule});
	if (sum->n++)
		emit_code(sum->b, META_ADD);
}

/* rules_matching(GLOB): the sum of all rules of that name. */
static void read_matching(struct builder *b)
{
	struct sum sum = {b, 0};
	struct str glob;

	if (!take(b, "("))
		fail(b, "'(' was expected behind rules_matching");
	glob = take_word(b, true);
	if (glob.n == 0 || !take(b, ")"))
		fail(b, "a rule name with * or ? and ')' were expected");
	if (b->error)
		return;
	b->names->match(b->names->arg, glob, add_matching, &sum);
	if (sum.n == 0)
		emit(b, (struct meta_op){.code = META_NUMBER});
}

static void read_name(struct builder *b)
{
	struct str name = take_word(b, false);
	uint32_t rule;

	if (str_is(name, "rules_matching")) {
		read_matching(b);
		return;
	}
	rule = b->names->find(b->names->arg, name);
	if (rule == UINT32_MAX) {
		bool is_setting = str_is(name, "local_tests_only");

		if (!is_setting)
			b->names->undefined(b->names->arg, name);
		emit(b, (struct meta_op){.code = META_NUMBER, .number = is_setting && b->names->is_local});
		return;
	}
	note_rule(b, rule);
	emit(b, (struct meta_op){.code = META_RULE, .rule = rule});
}

static void read_unary(struct builder *b)
{
	char c = peek(b);

	check_run(b);
	if (++b->depth > META_DEPTH_MAX)
		fail(b, "the expression is nested too deeply");
	if (b->error)
		return;
	if (c == '!' || c == '-' || c == '+') {
		b->at++;
		read_unary(b);
		if (c != '+')
			emit_code(b, c == '!' ? META_NOT : META_MINUS);
	} else if (c == '(') {
		b->at++;
		read_choice(b);
		if (!take(b, ")"))
			fail(b, "')' was expected");
	} else if (is_digit(c) || c == '.') {
		read_number(b);
	} else if (is_alpha(c) || c == '_') {
		read_name(b);
	} else {
		fail(b, c ? "a rule name or a number was expected" : "the expression ends too early");
	}
	b->depth--;
}

struct operator {
	const char *token;
	enum meta_code code;
	unsigned level; /* 0 binds closest */
};

/* Longer tokens first. */
static const struct operator operators[] = {
    {"<=", META_LESS_EQUAL, 2},
    {">=", META_GREATER_EQUAL, 2},
    {"==", META_EQUAL, 3},
    {"!=", META_NOT_EQUAL, 3},
    {"&&", META_AND, 5},
    {"||", META_OR, 6},
    {"*", META_MULTIPLY, 0},
    {"/", META_DIVIDE, 0},
    {"+", META_ADD, 1},
    {"-", META_SUBTRACT, 1},
    {"<", META_LESS, 2},
    {">", META_GREATER, 2},
    {"^", META_XOR, 4},
};

enum { META_LEVEL_ORDER = 2, META_LEVEL_EQUAL = 3, LEVELS = 7 };

static const struct operator *take_operator(struct builder *b, unsigned level)
{
	size_t start;

	skip_blanks(b);
	start = b->at;
	for (size_t i = 0; i < sizeof operators / sizeof *operators; i++) {
		if (!take(b, operators[i].token))
			continue;
		if (operators[i].level == level) {
			size_t behind = b->at;

			b->at = start;
			check_run(b);
			b->at = behind;
			return &operators[i];
		}
		b->at = start;
		return NULL;
	}
	return NULL;
}

static void read_level(struct builder *b, unsigned level);

static void read_operand(struct builder *b, unsigned level)
{
	if (level == 0)
		read_unary(b);
	else
		read_level(b, level - 1);
}

/* Once more what was emitted from `from` to `to`: a value that is needed twice. */
static void repeat(struct builder *b, size_t from, size_t to)
{
	while (from < to && !b->error)
		emit(b, b->ops[from++]);
}

/* Comparisons in a row hold when each of them does: a < b < c is a < b && b < c, since Perl 5.32. */
static void read_level(struct builder *b, unsigned level)
{
	bool is_chain = level == META_LEVEL_ORDER || level == META_LEVEL_EQUAL;
	const struct operator *op;
	size_t from = 0, to = 0;

	read_operand(b, level);
	for (unsigned n = 0; !b->error && (op = take_operator(b, level)); n++) {
		size_t start;

		if (is_chain && n)
			repeat(b, from, to);
		start = b->n;
		read_operand(b, level);
		from = start;
		to = b->n;
		emit_code(b, op->code);
		if (is_chain && n)
			emit_code(b, META_AND);
	}
}

static void read_choice(struct builder *b)
{
	read_level(b, LEVELS - 1);
	if (b->error || !take(b, "?"))
		return;
	if (++b->depth > META_DEPTH_MAX)
		fail(b, "the expression is nested too deeply");
	read_choice(b);
	if (!take(b, ":"))
		fail(b, "':' was expected");
	if (!b->error)
		read_choice(b);
	emit_code(b, META_CHOOSE);
	b->depth--;
}

static bool is_placeholder(struct str text)
{
	struct str s = str_trim(text);

	return s.n >= 2 && s.p[0] == '(' && s.p[s.n - 1] == ')' &&
	       str_trim(str_sub(s, 1, s.n - 2)).n == 0;
}

const char *meta_compile(struct arena *a, struct str text, const struct meta_names *names, struct meta *ret_meta)
{
	struct builder b = {.arena = a, .names = names, .in = text};

	*ret_meta = (struct meta){0};
	if (is_placeholder(text)) {
		ret_meta->is_never_run = true;
		return NULL;
	}
	read_choice(&b);
	if (!b.error && peek(&b))
		fail(&b, "an operator was expected");
	if (b.error)
		return b.error;
	*ret_meta = (struct meta){.ops = b.ops, .n = b.n, .rules = b.rules, .rule_count = b.rule_count};
	return isnan(value_of(ret_meta, NULL)) ? "it divides by zero where no rule hits" : NULL;
}

/* ---- evaluation ---- */

/* A division by zero is no number, and nothing that is made of it is, but for what && and || leave out. */
static double binary(enum meta_code code, double x, double y)
{
	if (isnan(x) || (isnan(y) && code != META_AND && code != META_OR))
		return NAN;
	switch (code) {
	case META_MULTIPLY:
		return x * y;
	case META_DIVIDE:
		return y != 0 ? x / y : NAN;
	case META_ADD:
		return x + y;
	case META_SUBTRACT:
		return x - y;
	case META_LESS:
		return x < y;
	case META_GREATER:
		return x > y;
	case META_LESS_EQUAL:
		return x <= y;
	case META_GREATER_EQUAL:
		return x >= y;
	case META_EQUAL:
		return x == y;
	case META_NOT_EQUAL:
		return x != y;
	case META_XOR:
		return fabs(x) < 1e9 && fabs(y) < 1e9 ? (double)((int64_t)x ^ (int64_t)y) : 0;
	case META_AND:
		return x != 0 ? y : x;
	default:
		return x != 0 ? x : y;
	}
}

/* counts: NULL where no rule has hit. */
static double value_of(const struct meta *meta, const float *counts)
{
	double stack[META_STACK_MAX + 1];
	size_t n = 0;

	for (const struct meta_op *op = meta->ops, *end = op + meta->n; op < end; op++) {
		switch (op->code) {
		case META_NUMBER:
			stack[n++] = op->number;
			break;
		case META_RULE:
			stack[n++] = counts ? (double)counts[op->rule] : 0;
			break;
		case META_NOT:
			stack[n - 1] = isnan(stack[n - 1]) ? NAN : stack[n - 1] == 0;
			break;
		case META_MINUS:
			stack[n - 1] = -stack[n - 1];
			break;
		case META_CHOOSE:
			n -= 2;
			stack[n - 1] = isnan(stack[n - 1]) ? NAN : stack[n - 1] != 0 ? stack[n] : stack[n + 1];
			break;
		default:
			n--;
			stack[n - 1] = binary(op->code, stack[n - 1], stack[n]);
		}
	}
	return n ? stack[0] : 0;
}

double meta_value(const struct meta *meta, const float *counts)
{
	double value = value_of(meta, counts);

	return isnan(value) ? 0 : value;
}
