/*
 * Conditions: tokens to a typed tree, by recursive descent.
 *
 *     or       = and { "or" and }                    not   = "not" not | compare
 *     and      = not { "and" not }
 *     compare  = sum [ ( == != < <= > >= ) sum | [ "not" ] "in" members | ( =~ !~ ) pattern ]
 *     sum      = product { ( + - ) product }         product = atom { ( * / ) atom }
 *     atom     = "(" or ")" | fact | "text" | number | size | duration | address | word
 *     pattern  = "PATTERN" | /PATTERN/flags
 *     members  = list | list-fact | network | "(" member { "," member } ")"
 *
 * + - * / are words of their own: they need blanks around them. An error ends the condition.
 */
#include "policy/parser.h"

static struct expr *parse_or(struct parser *p);

const char *const parse_type_names[] = {
    [TYPE_BOOL] = "yes or no",
    [TYPE_NUMBER] = "a number",
    [TYPE_DURATION] = "a duration",
    [TYPE_TEXT] = "a text",
    [TYPE_WORD] = "a word",
    [TYPE_IP] = "an address",
    [TYPE_LIST] = "a list",
    [TYPE_NET] = "an address",
    [TYPE_BARE] = "a word",
};

/* ---- small tools ---- */

struct conf_place parse_place(const struct parser *p)
{
	return p->i < p->n ? p->t[p->i].place : p->end;
}

const char *parse_shown(const struct parser *p)
{
	return p->i < p->n ? conf_token_show(p->c->arena, &p->t[p->i]) : "the end of the statement";
}

bool parse_word(struct parser *p, const char *word)
{
	if (p->i >= p->n || !conf_is_word(&p->t[p->i], word))
		return false;
	p->i++;
	return true;
}

bool parse_op(struct parser *p, const char *op)
{
	if (p->i >= p->n || p->t[p->i].kind != TOKEN_OP || !str_is(p->t[p->i].text, op))
		return false;
	p->i++;
	return true;
}

struct expr *parse_make(struct parser *p, enum expr_op op, enum expr_type type, struct expr *a,
    struct expr *b)
{
	struct expr *e;

	if (++p->nodes > POLICY_EXPR_NODES) {
		if (p->nodes == POLICY_EXPR_NODES + 1)
			conf_error(p->c->load, parse_place(p), "a condition has at most %d parts", POLICY_EXPR_NODES);
		return NULL;
	}
	e = arena_alloc(p->c->arena, sizeof *e);
	e->op = op;
	e->type = type;
	e->a = a;
	e->b = b;
	e->place = a ? a->place : parse_place(p);
	return e;
}

static bool enter(struct parser *p)
{
	if (p->depth++ < POLICY_EXPR_DEPTH)
		return true;
	conf_error(p->c->load, parse_place(p), "the condition is nested more than %d deep", POLICY_EXPR_DEPTH);
	return false;
}

/* What a mistaken operand is called: "'score' is a number". */
const char *parse_describe(struct parser *p, const struct expr *e)
{
	if (e->op == EXPR_FACT)
		return arena_printf(p->c->arena, "'%s' is %s", e->def->name, parse_type_names[e->type]).p;
	if (e->op == EXPR_TEXT)
		return arena_printf(p->c->arena, "\"%.*s\" is a text", STR_ARG(str_sub(e->u.text, 0, 40))).p;
	return arena_printf(p->c->arena, "this is %s", parse_type_names[e->type]).p;
}

/* A bare word where a value must be: it was meant as a fact. Never false when lenient. */
bool parse_is_known(struct parser *p, const struct expr *e)
{
	if (e->type != TYPE_BARE)
		return true;
	compile_unknown(p->c, e->place, e->u.text);
	return p->c->is_lenient;
}

/* In the default policy a fact that nobody declares compares false with everything. */
struct expr *parse_never(struct parser *p)
{
	return parse_make(p, EXPR_NEVER, TYPE_BOOL, NULL, NULL);
}

/* ---- and, or, not ---- */

static struct expr *need_bool(struct parser *p, struct expr *e)
{
	if (!e || e->type == TYPE_BOOL)
		return e;
	if (!parse_is_known(p, e))
		return NULL;
	if (e->type == TYPE_BARE)
		return parse_never(p);
	if (e->op == EXPR_FACT && e->type == TYPE_WORD)
		conf_error(p->c->load, e->place, "'%s' is a word; compare it: %s == %s", e->def->name, e->def->name,
		    e->def->words[0]);
	else
		conf_error(p->c->load, e->place, "%s, not yes or no; expected a comparison", parse_describe(p, e));
	return NULL;
}

struct expr *compile_condition(struct compiler *c, const struct conf_node *node, size_t from)
{
	struct parser p = {.c = c, .t = node->tokens, .i = from, .n = node->n, .end = node->end};
	struct expr *e = need_bool(&p, parse_or(&p));

	if (e && p.i < p.n) {
		conf_error(c->load, parse_place(&p), "%s is wrong here; expected and, or, an operator or the end of the statement",
		    parse_shown(&p));
		return NULL;
	}
	return e;
}

static struct expr *parse_not(struct parser *p);

/* One level of and / or: right-deep, so that the evaluator loops along a chain. */
static struct expr *parse_chain(struct parser *p, const char *word, enum expr_op op,
    struct expr *(*part)(struct parser *p))
{
	struct expr *first = part(p), **last = &first;

	while (*last && parse_word(p, word)) {
		struct expr *left = need_bool(p, *last), *right = left ? part(p) : NULL;

		right = need_bool(p, right);
		if (!right || !(*last = parse_make(p, op, TYPE_BOOL, left, right)))
			return NULL;
		last = &(*last)->b;
	}
	return *last ? first : NULL;
}

static struct expr *parse_and(struct parser *p)
{
	return parse_chain(p, "and", EXPR_AND, parse_not);
}

static struct expr *parse_or(struct parser *p)
{
	struct expr *e = NULL;

	if (enter(p))
		e = parse_chain(p, "or", EXPR_OR, parse_and);
	p->depth--;
	return e;
}

static struct expr *parse_not(struct parser *p)
{
	struct expr *e = NULL;

	if (p->i < p->n && p->t[p->i].kind == TOKEN_OP && str_is(p->t[p->i].text, "!")) {
		conf_error(p->c->load, parse_place(p), "'!' is wrong here; expected not");
		return NULL;
	}
	if (!parse_word(p, "not"))
		return parse_compare(p);
	if (enter(p))
		e = need_bool(p, parse_not(p));
	p->depth--;
	return e ? parse_make(p, EXPR_NOT, TYPE_BOOL, e, NULL) : NULL;
}

/* ---- atoms ---- */

struct expr *parse_literal(struct parser *p, double value, enum expr_type type)
{
	struct expr *e = parse_make(p, EXPR_NUMBER, type, NULL, NULL);

	if (e)
		e->u.number = value;
	return e;
}

/* Numbers, sizes (25M) and durations (5m): the case of M tells the last two apart. */
bool parse_number(struct str text, double *ret_value, enum expr_type *ret_type)
{
	uint64_t bytes;
	int64_t ms;

	*ret_type = TYPE_NUMBER;
	if (conf_parse_number(text, ret_value))
		return true;
	if (text.n && text.p[text.n - 1] != 'm' && conf_parse_size(text, &bytes)) {
		*ret_value = (double)bytes;
		return true;
	}
	if (text.n && text.p[text.n - 1] != 'M' && conf_parse_duration(text, &ms)) {
		*ret_type = TYPE_DURATION;
		*ret_value = (double)ms;
		return true;
	}
	return false;
}

static enum expr_type fact_type(const struct fact_def *def)
{
	static const enum expr_type types[] = {
	    [FACT_BOOL] = TYPE_BOOL,
	    [FACT_INT] = TYPE_NUMBER,
	    [FACT_NUMBER] = TYPE_NUMBER,
	    [FACT_TEXT] = TYPE_TEXT,
	    [FACT_WORD] = TYPE_WORD,
	    [FACT_IP] = TYPE_IP,
	    [FACT_DURATION] = TYPE_DURATION,
	    [FACT_LIST] = TYPE_LIST,
	};

	return types[def->type];
}

struct expr *parse_fact(struct parser *p, const struct conf_token *t)
{
	int slot = compile_fact(p->c, t->place, t->text);
	struct expr *e;

	if (slot < 0)
		return NULL;
	e = parse_make(p, EXPR_FACT, fact_type(p->c->policy->facts[slot]), NULL, NULL);
	if (e) {
		e->u.slot = (unsigned)slot;
		e->def = p->c->policy->facts[slot];
	}
	return e;
}

/* A bare word: fact, number, address, or what only its context can tell. */
static struct expr *word_expr(struct parser *p, const struct conf_token *t)
{
	enum expr_type type;
	struct expr *e;
	struct cidr net;
	double value;

	if (compile_find(p->c, t->text))
		return parse_fact(p, t);
	if (parse_number(t->text, &value, &type))
		return parse_literal(p, value, type);
	if (cidr_parse(t->text, false, &net)) {
		e = parse_make(p, EXPR_NET, TYPE_NET, NULL, NULL);
		if (e)
			e->u.net = net;
		return e;
	}
	e = parse_make(p, EXPR_TEXT, TYPE_BARE, NULL, NULL);
	if (e)
		e->u.text = arena_str(p->c->arena, t->text);
	return e;
}

static bool is_reserved(const struct conf_token *t)
{
	static const char *const words[] = {"and", "or", "not", "in", "if", "+", "*", "/", "-"};

	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (conf_is_word(t, words[i]))
			return true;
	return false;
}

static struct expr *parse_atom(struct parser *p)
{
	const struct conf_token *t = &p->t[p->i];
	struct expr *e;

	if (parse_op(p, "(")) {
		e = parse_or(p);
		if (e && !parse_op(p, ")")) {
			conf_error(p->c->load, parse_place(p), "%s is wrong here; expected ')'", parse_shown(p));
			return NULL;
		}
		return e;
	}
	if (p->i >= p->n || t->kind == TOKEN_OP || is_reserved(t)) {
		conf_error(p->c->load, parse_place(p), "%s is wrong here; expected a fact or a value", parse_shown(p));
		return NULL;
	}
	if (t->kind == TOKEN_STRING) {
		e = parse_make(p, EXPR_TEXT, TYPE_TEXT, NULL, NULL);
		if (e)
			e->u.text = arena_str(p->c->arena, t->text);
	} else {
		e = word_expr(p, t);
	}
	if (e)
		e->place = t->place;
	p->i++;
	return e;
}

/* ---- arithmetic ---- */

/* The type of a op b; false when there is none. */
static bool arithmetic_type(enum expr_op op, enum expr_type a, enum expr_type b, enum expr_type *ret_type)
{
	bool is_additive = op == EXPR_ADD || op == EXPR_SUB;

	*ret_type = TYPE_DURATION;
	if (a == TYPE_NUMBER && b == TYPE_NUMBER) {
		*ret_type = TYPE_NUMBER;
		return true;
	}
	if (a == TYPE_DURATION && b == TYPE_DURATION) {
		if (op == EXPR_DIV)
			*ret_type = TYPE_NUMBER;
		return op != EXPR_MUL;
	}
	if (a == TYPE_DURATION && b == TYPE_NUMBER)
		return !is_additive;
	return a == TYPE_NUMBER && b == TYPE_DURATION && op == EXPR_MUL;
}

static struct expr *arithmetic_make(struct parser *p, enum expr_op op, struct expr *a, struct expr *b)
{
	enum expr_type type;

	if (!a || !b || !parse_is_known(p, a) || !parse_is_known(p, b))
		return NULL;
	if (a->type == TYPE_BARE || b->type == TYPE_BARE)
		return a->type == TYPE_BARE ? a : b;
	if (!arithmetic_type(op, a->type, b->type, &type)) {
		bool a_is_wrong = a->type != TYPE_NUMBER && a->type != TYPE_DURATION;
		conf_error(p->c->load, a_is_wrong ? a->place : b->place,
		    "%s; cannot reckon with it here; expected two numbers, or durations",
		    parse_describe(p, a_is_wrong ? a : b));
		return NULL;
	}
	return parse_make(p, op, type, a, b);
}

static struct expr *parse_operands(struct parser *p, struct expr *(*part)(struct parser *p),
    const char *first_word, enum expr_op first_op, const char *second_word, enum expr_op second_op)
{
	struct expr *e = part(p);
	unsigned links = 0;

	while (e) {
		enum expr_op op = parse_word(p, first_word) ? first_op : parse_word(p, second_word) ? second_op : EXPR_FACT;

		if (op == EXPR_FACT)
			return e;
		if (++links > POLICY_EXPR_DEPTH) {
			conf_error(p->c->load, parse_place(p), "more than %d operations in a row", POLICY_EXPR_DEPTH);
			return NULL;
		}
		e = arithmetic_make(p, op, e, part(p));
	}
	return NULL;
}

static struct expr *parse_product(struct parser *p)
{
	return parse_operands(p, parse_atom, "*", EXPR_MUL, "/", EXPR_DIV);
}

struct expr *parse_sum(struct parser *p)
{
	return parse_operands(p, parse_product, "+", EXPR_ADD, "-", EXPR_SUB);
}
