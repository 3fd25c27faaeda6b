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
#include "policy/program.h"

struct parser {
	struct compiler *c;
	const struct conf_token *t;
	size_t i, n;
	struct conf_place end;
	unsigned depth, nodes;
};

static struct expr *parse_or(struct parser *p);
static struct expr *compare_make(struct parser *p, enum expr_op op, struct expr *a, struct expr *b);
static struct expr *parse_members(struct parser *p, struct expr *a);
static struct expr *parse_pattern(struct parser *p, struct expr *a, enum expr_op op);

static const char *const type_names[] = {
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

static struct conf_place here(const struct parser *p)
{
	return p->i < p->n ? p->t[p->i].place : p->end;
}

static const char *shown(const struct parser *p)
{
	return p->i < p->n ? conf_token_show(p->c->arena, &p->t[p->i]) : "the end of the statement";
}

static bool take_word(struct parser *p, const char *word)
{
	if (p->i >= p->n || !conf_is_word(&p->t[p->i], word))
		return false;
	p->i++;
	return true;
}

static bool take_op(struct parser *p, const char *op)
{
	if (p->i >= p->n || p->t[p->i].kind != TOKEN_OP || !str_is(p->t[p->i].text, op))
		return false;
	p->i++;
	return true;
}

static struct expr *expr_new(struct parser *p, enum expr_op op, enum expr_type type, struct expr *a,
    struct expr *b)
{
	struct expr *e;

	if (++p->nodes > POLICY_EXPR_NODES) {
		if (p->nodes == POLICY_EXPR_NODES + 1)
			conf_error(p->c->load, here(p), "a condition has at most %d parts", POLICY_EXPR_NODES);
		return NULL;
	}
	e = arena_alloc(p->c->arena, sizeof *e);
	e->op = op;
	e->type = type;
	e->a = a;
	e->b = b;
	e->place = a ? a->place : here(p);
	return e;
}

static bool enter(struct parser *p)
{
	if (p->depth++ < POLICY_EXPR_DEPTH)
		return true;
	conf_error(p->c->load, here(p), "the condition is nested more than %d deep", POLICY_EXPR_DEPTH);
	return false;
}

/* What a mistaken operand is called: "'score' is a number". */
static const char *describe(struct parser *p, const struct expr *e)
{
	if (e->op == EXPR_FACT)
		return arena_printf(p->c->arena, "'%s' is %s", e->def->name, type_names[e->type]).p;
	if (e->op == EXPR_TEXT)
		return arena_printf(p->c->arena, "\"%.*s\" is a text", STR_ARG(str_sub(e->u.text, 0, 40))).p;
	return arena_printf(p->c->arena, "this is %s", type_names[e->type]).p;
}

/* A bare word where a value must be: it was meant as a fact. Never false when lenient. */
static bool is_known(struct parser *p, const struct expr *e)
{
	if (e->type != TYPE_BARE)
		return true;
	compile_unknown(p->c, e->place, e->u.text);
	return p->c->is_lenient;
}

/* In the default policy a fact that nobody declares compares false with everything. */
static struct expr *never(struct parser *p)
{
	return expr_new(p, EXPR_NEVER, TYPE_BOOL, NULL, NULL);
}

/* ---- and, or, not ---- */

static struct expr *need_bool(struct parser *p, struct expr *e)
{
	if (!e || e->type == TYPE_BOOL)
		return e;
	if (!is_known(p, e))
		return NULL;
	if (e->type == TYPE_BARE)
		return never(p);
	if (e->op == EXPR_FACT && e->type == TYPE_WORD)
		conf_error(p->c->load, e->place, "'%s' is a word; compare it: %s == %s", e->def->name, e->def->name,
		    e->def->words[0]);
	else
		conf_error(p->c->load, e->place, "%s, not yes or no; expected a comparison", describe(p, e));
	return NULL;
}

struct expr *compile_condition(struct compiler *c, const struct conf_node *node, size_t from)
{
	struct parser p = {.c = c, .t = node->tokens, .i = from, .n = node->n, .end = node->end};
	struct expr *e = need_bool(&p, parse_or(&p));

	if (e && p.i < p.n) {
		conf_error(c->load, here(&p), "%s is wrong here; expected and, or, an operator or the end of the statement",
		    shown(&p));
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

	while (*last && take_word(p, word)) {
		struct expr *left = need_bool(p, *last), *right = left ? part(p) : NULL;

		right = need_bool(p, right);
		if (!right || !(*last = expr_new(p, op, TYPE_BOOL, left, right)))
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

static struct expr *parse_compare(struct parser *p);

static struct expr *parse_not(struct parser *p)
{
	struct expr *e = NULL;

	if (p->i < p->n && p->t[p->i].kind == TOKEN_OP && str_is(p->t[p->i].text, "!")) {
		conf_error(p->c->load, here(p), "'!' is wrong here; expected not");
		return NULL;
	}
	if (!take_word(p, "not"))
		return parse_compare(p);
	if (enter(p))
		e = need_bool(p, parse_not(p));
	p->depth--;
	return e ? expr_new(p, EXPR_NOT, TYPE_BOOL, e, NULL) : NULL;
}

/* ---- atoms ---- */

static struct expr *literal_number(struct parser *p, double value, enum expr_type type)
{
	struct expr *e = expr_new(p, EXPR_NUMBER, type, NULL, NULL);

	if (e)
		e->u.number = value;
	return e;
}

/* Numbers, sizes (25M) and durations (5m): the case of M tells the last two apart. */
static bool read_number(struct str text, double *ret_value, enum expr_type *ret_type)
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

static struct expr *fact_expr(struct parser *p, const struct conf_token *t)
{
	int slot = compile_fact(p->c, t->place, t->text);
	struct expr *e;

	if (slot < 0)
		return NULL;
	e = expr_new(p, EXPR_FACT, fact_type(p->c->policy->facts[slot]), NULL, NULL);
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

	if (fact_def_find(p->c->facts, t->text))
		return fact_expr(p, t);
	if (read_number(t->text, &value, &type))
		return literal_number(p, value, type);
	if (cidr_parse(t->text, false, &net)) {
		e = expr_new(p, EXPR_NET, TYPE_NET, NULL, NULL);
		if (e)
			e->u.net = net;
		return e;
	}
	e = expr_new(p, EXPR_TEXT, TYPE_BARE, NULL, NULL);
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

	if (take_op(p, "(")) {
		e = parse_or(p);
		if (e && !take_op(p, ")")) {
			conf_error(p->c->load, here(p), "%s is wrong here; expected ')'", shown(p));
			return NULL;
		}
		return e;
	}
	if (p->i >= p->n || t->kind == TOKEN_OP || is_reserved(t)) {
		conf_error(p->c->load, here(p), "%s is wrong here; expected a fact or a value", shown(p));
		return NULL;
	}
	if (t->kind == TOKEN_STRING) {
		e = expr_new(p, EXPR_TEXT, TYPE_TEXT, NULL, NULL);
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

	if (!a || !b || !is_known(p, a) || !is_known(p, b))
		return NULL;
	if (a->type == TYPE_BARE || b->type == TYPE_BARE)
		return a->type == TYPE_BARE ? a : b;
	if (!arithmetic_type(op, a->type, b->type, &type)) {
		bool a_is_wrong = a->type != TYPE_NUMBER && a->type != TYPE_DURATION;
		conf_error(p->c->load, a_is_wrong ? a->place : b->place,
		    "%s; cannot reckon with it here; expected two numbers, or durations",
		    describe(p, a_is_wrong ? a : b));
		return NULL;
	}
	return expr_new(p, op, type, a, b);
}

static struct expr *parse_operands(struct parser *p, struct expr *(*part)(struct parser *p),
    const char *first_word, enum expr_op first_op, const char *second_word, enum expr_op second_op)
{
	struct expr *e = part(p);
	unsigned links = 0;

	while (e) {
		enum expr_op op = take_word(p, first_word) ? first_op : take_word(p, second_word) ? second_op : EXPR_FACT;

		if (op == EXPR_FACT)
			return e;
		if (++links > POLICY_EXPR_DEPTH) {
			conf_error(p->c->load, here(p), "more than %d operations in a row", POLICY_EXPR_DEPTH);
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

static struct expr *parse_sum(struct parser *p)
{
	return parse_operands(p, parse_product, "+", EXPR_ADD, "-", EXPR_SUB);
}

/* ---- comparisons ---- */

static struct expr *parse_compare(struct parser *p)
{
	static const struct {
		const char *text;
		enum expr_op op;
	} rows[] = {{"==", EXPR_EQ}, {"!=", EXPR_NE}, {"<", EXPR_LT}, {"<=", EXPR_LE}, {">", EXPR_GT},
	    {">=", EXPR_GE}, {"=~", EXPR_MATCH}, {"!~", EXPR_NO_MATCH}};
	struct expr *a = parse_sum(p);

	if (!a)
		return NULL;
	if (take_word(p, "in"))
		return parse_members(p, a);
	if (p->i + 1 < p->n && conf_is_word(&p->t[p->i], "not") && conf_is_word(&p->t[p->i + 1], "in")) {
		p->i += 2;
		a = parse_members(p, a);
		return a ? expr_new(p, EXPR_NOT, TYPE_BOOL, a, NULL) : NULL;
	}
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (!take_op(p, rows[i].text))
			continue;
		if (rows[i].op >= EXPR_MATCH)
			return parse_pattern(p, a, rows[i].op);
		return compare_make(p, rows[i].op, a, parse_sum(p));
	}
	if (p->i < p->n && p->t[p->i].kind == TOKEN_OP && str_is(p->t[p->i].text, "=")) {
		conf_error(p->c->load, here(p), "'=' is wrong here; expected == to compare");
		return NULL;
	}
	return a;
}

static size_t count_words(const struct fact_def *def)
{
	size_t n = 0;

	while (def->words && def->words[n])
		n++;
	return n;
}

/* A bare word against a word fact: one of its values. */
static bool word_is_value(struct parser *p, const struct fact_def *def, struct expr *word)
{
	size_t n = count_words(def);
	const char *near;

	for (size_t i = 0; i < n; i++)
		if (str_is(word->u.text, def->words[i])) {
			word->type = TYPE_WORD;
			return true;
		}
	near = conf_near(word->u.text, def->words, n);
	conf_error(p->c->load, word->place, "'%s' is never '%.*s'; expected %s%s%s%s", def->name, STR_ARG(word->u.text),
	    conf_names_text(p->c->arena, def->words, n), near ? "; did you mean '" : "", near ? near : "",
	    near ? "'?" : "");
	return false;
}

/* Gives a bare word its meaning by the other side; false after an error. */
static bool settle_bare(struct parser *p, struct expr *e, const struct expr *other)
{
	if (e->type != TYPE_BARE)
		return true;
	if (other->op == EXPR_FACT && other->type == TYPE_WORD)
		return word_is_value(p, other->def, e);
	if ((other->type == TYPE_TEXT || other->type == TYPE_LIST) && other->op == EXPR_FACT) {
		conf_error(p->c->load, e->place, "'%.*s' is no fact; a text needs double quotes: \"%.*s\"",
		    STR_ARG(e->u.text), STR_ARG(e->u.text));
		return false;
	}
	return is_known(p, e);
}

static bool is_textual(enum expr_type type)
{
	return type == TYPE_TEXT || type == TYPE_WORD;
}

static bool is_address(enum expr_type type)
{
	return type == TYPE_IP || type == TYPE_NET;
}

static bool is_equatable(enum expr_type a, enum expr_type b)
{
	if (is_address(a) || is_address(b))
		return is_address(a) && is_address(b) && (a == TYPE_IP || b == TYPE_IP);
	if (a == TYPE_LIST || b == TYPE_LIST)
		return is_textual(a) || is_textual(b);
	if (is_textual(a) && is_textual(b))
		return true;
	return a == b && a != TYPE_BOOL;
}

/* "score == "10"": the text where a number must be. */
static struct expr *mismatch(struct parser *p, enum expr_op op, const struct expr *a, const struct expr *b)
{
	bool is_order = op != EXPR_EQ && op != EXPR_NE;

	if (a->type == TYPE_BOOL || b->type == TYPE_BOOL)
		conf_error(p->c->load, (a->type == TYPE_BOOL ? a : b)->place,
		    "yes or no is not compared; write the fact alone, or not before it");
	else if (is_order && a->type == b->type)
		conf_error(p->c->load, a->place, "%s: only numbers and durations have an order", describe(p, a));
	else
		conf_error(p->c->load, b->place, "%s, but %s: they cannot be compared%s", describe(p, a), describe(p, b),
		    a->type == TYPE_DURATION && b->type == TYPE_NUMBER ? "; a duration has a unit: 30s, 5m" : "");
	return NULL;
}

static struct expr *compare_make(struct parser *p, enum expr_op op, struct expr *a, struct expr *b)
{
	bool is_order = op != EXPR_EQ && op != EXPR_NE;

	if (!a || !b)
		return NULL;
	if (a->type == TYPE_BARE && b->type == TYPE_BARE && !is_known(p, a))
		return NULL;
	if (!settle_bare(p, b, a) || !settle_bare(p, a, b))
		return NULL;
	if (a->type == TYPE_BARE || b->type == TYPE_BARE)
		return never(p);
	if (is_order ? a->type != b->type || (a->type != TYPE_NUMBER && a->type != TYPE_DURATION)
		     : !is_equatable(a->type, b->type))
		return mismatch(p, op, a, b);
	return expr_new(p, op, TYPE_BOOL, a, b);
}

/* "text", or /text/flags where no sign of the text ends a word; flags i m s x as in Perl. */
static bool read_pattern(const struct conf_token *t, struct str *ret_pattern, unsigned *ret_flags)
{
	static const char letters[] = "imsx";
	static const unsigned flags[] = {REGEX_CASELESS, REGEX_MULTILINE, REGEX_DOTALL, REGEX_EXTENDED};
	ptrdiff_t slash = str_rchr(t->text, '/');

	*ret_pattern = t->text;
	*ret_flags = REGEX_NO_CAPTURE;
	if (t->kind != TOKEN_WORD)
		return t->kind == TOKEN_STRING;
	if (slash < 1 || t->text.p[0] != '/')
		return false;
	*ret_pattern = str_sub(t->text, 1, (size_t)slash - 1);
	for (size_t i = (size_t)slash + 1; i < t->text.n; i++) {
		const char *letter = strchr(letters, t->text.p[i]);
		if (!letter)
			return false;
		*ret_flags |= flags[letter - letters];
	}
	return true;
}

static struct expr *parse_pattern(struct parser *p, struct expr *a, enum expr_op op)
{
	struct str pattern, error;
	unsigned flags;
	size_t offset;
	struct expr *e;

	if (!is_known(p, a))
		return NULL;
	if (!is_textual(a->type) && a->type != TYPE_LIST && a->type != TYPE_BARE) {
		conf_error(p->c->load, a->place, "%s; only texts and lists are matched with patterns", describe(p, a));
		return NULL;
	}
	if (p->i >= p->n || !read_pattern(&p->t[p->i], &pattern, &flags)) {
		conf_error(p->c->load, here(p), "%s is wrong here; expected a pattern: \"PATTERN\" or /PATTERN/i", shown(p));
		return NULL;
	}
	e = expr_new(p, op, TYPE_BOOL, a, NULL);
	if (!e)
		return NULL;
	e->u.re = regex_new(p->c->arena, pattern, flags, &error, &offset);
	if (!e->u.re) {
		conf_error(p->c->load, here(p), "pattern: %.*s, at octet %zu", STR_ARG(error), offset + 1);
		return NULL;
	}
	p->i++;
	return a->type == TYPE_BARE ? never(p) : e;
}

/* ---- in ---- */

static struct expr *in_list(struct parser *p, struct expr *a, const struct list *list)
{
	struct expr *e = expr_new(p, EXPR_IN, TYPE_BOOL, a, NULL);

	if (e)
		e->u.list = list;
	return e;
}

/* Makes a list of the members that stand in parentheses or alone. */
static const struct list *inline_list(struct parser *p, struct conf_token *members, size_t n)
{
	struct arena *a = p->c->arena;
	struct str name = arena_printf(a, "inline-%u", ++p->c->inline_count);
	struct conf_token head[2] = {{TOKEN_WORD, STR("list"), members[0].place}, {TOKEN_WORD, name, members[0].place}};
	struct conf_node child = {.tokens = members, .n = n, .end = members[n - 1].place};
	struct conf_node node = {.tokens = head, .n = 2, .has_block = true, .children = &child, .end = child.end};

	lists_add(p->c->inline_lists, p->c->load, &node);
	return lists_find(p->c->inline_lists, name);
}

static bool member_fits(struct parser *p, const struct expr *a, const struct conf_token *t)
{
	struct cidr net;

	if (a->type == TYPE_IP && !cidr_parse(t->text, true, &net)) {
		conf_error(p->c->load, t->place, "%s is no address or network", conf_token_show(p->c->arena, t));
		return false;
	}
	if (a->type == TYPE_WORD && a->op == EXPR_FACT) {
		struct expr word = {.u.text = t->text, .place = t->place};
		return word_is_value(p, a->def, &word);
	}
	return true;
}

/* "a == 1 or a == 2 ..." for numbers and durations. */
static struct expr *number_members(struct parser *p, struct expr *a, const struct conf_token *members, size_t n)
{
	struct expr *first = NULL, **last = &first;

	for (size_t i = 0; i < n; i++) {
		enum expr_type type;
		struct expr *e, *value;
		double number;

		if (members[i].kind != TOKEN_WORD || !read_number(members[i].text, &number, &type) || type != a->type) {
			conf_error(p->c->load, members[i].place, "%s is wrong here; expected %s",
			    conf_token_show(p->c->arena, &members[i]), type_names[a->type]);
			return NULL;
		}
		value = literal_number(p, number, type);
		e = value ? expr_new(p, EXPR_EQ, TYPE_BOOL, a, value) : NULL;
		if (!e)
			return NULL;
		if (i + 1 < n)
			e = expr_new(p, EXPR_OR, TYPE_BOOL, e, NULL);
		if (!e)
			return NULL;
		*last = e;
		last = &e->b;
	}
	return first;
}

/* "(a, b, c)": fills members; 0 after an error. */
static size_t take_members(struct parser *p, struct conf_token *members)
{
	size_t n = 0;

	do {
		if (p->i >= p->n || p->t[p->i].kind == TOKEN_OP) {
			conf_error(p->c->load, here(p), "%s is wrong here; expected a member of the list", shown(p));
			return 0;
		}
		members[n++] = p->t[p->i++];
	} while (take_op(p, ","));
	if (take_op(p, ")"))
		return n;
	conf_error(p->c->load, here(p), "%s is wrong here; expected ',' or ')'", shown(p));
	return 0;
}

static struct expr *parse_inline(struct parser *p, struct expr *a)
{
	struct conf_token *members = arena_array(p->c->arena, p->n, sizeof *members);
	size_t n = take_members(p, members);
	const struct list *list;

	if (n == 0)
		return NULL;
	if (a->type == TYPE_BARE)
		return never(p);
	if (a->type == TYPE_NUMBER || a->type == TYPE_DURATION)
		return number_members(p, a, members, n);
	for (size_t i = 0; i < n; i++)
		if (!member_fits(p, a, &members[i]))
			return NULL;
	list = inline_list(p, members, n);
	return list ? in_list(p, a, list) : NULL;
}

static struct expr *no_list(struct parser *p, const struct conf_token *t)
{
	size_t n = lists_count(p->c->lists);
	const char **names = arena_array(p->c->arena, n + 1, sizeof *names), *near;

	if (p->c->is_lenient)
		return never(p);
	for (size_t i = 0; i < n; i++)
		names[i] = lists_name_at(p->c->lists, i);
	near = conf_near(t->text, names, n);
	conf_error(p->c->load, t->place, "there is no list %s%s%s%s", conf_token_show(p->c->arena, t),
	    near ? "; did you mean '" : "; expected a list, a network or values in parentheses", near ? near : "",
	    near ? "'?" : "");
	return NULL;
}

static bool starts_values(const struct parser *p)
{
	return p->i < p->n && p->t[p->i].kind == TOKEN_OP && str_is(p->t[p->i].text, "(");
}

/* What stands behind `in`: a list by name, a fact that is a list, a network, or values. */
static struct expr *parse_members(struct parser *p, struct expr *a)
{
	const struct conf_token *t = &p->t[p->i];
	const struct list *list;
	struct conf_token one;
	struct cidr net;

	if (!is_known(p, a))
		return NULL;
	if (a->type == TYPE_BOOL || a->type == TYPE_NET ||
	    ((a->type == TYPE_NUMBER || a->type == TYPE_DURATION) && !starts_values(p))) {
		conf_error(p->c->load, a->place, "%s; that cannot be in a list", describe(p, a));
		return NULL;
	}
	if (take_op(p, "("))
		return parse_inline(p, a);
	if (p->i >= p->n || t->kind != TOKEN_WORD) {
		conf_error(p->c->load, here(p), "%s is wrong here; expected a list, a network or values in parentheses",
		    shown(p));
		return NULL;
	}
	p->i++;
	list = lists_find(p->c->lists, t->text);
	if (a->type == TYPE_BARE)
		return never(p);
	if (list)
		return in_list(p, a, list);
	if (is_textual(a->type) && fact_def_find(p->c->facts, t->text)) {
		struct expr *b = fact_expr(p, t);
		if (b && b->type == TYPE_LIST)
			return expr_new(p, EXPR_IN_FACT, TYPE_BOOL, a, b);
		if (b)
			conf_error(p->c->load, t->place, "%s, not a list", describe(p, b));
		return NULL;
	}
	one = *t;
	if (a->type == TYPE_IP && cidr_parse(t->text, true, &net)) {
		list = inline_list(p, &one, 1);
		return list ? in_list(p, a, list) : NULL;
	}
	return no_list(p, t);
}
