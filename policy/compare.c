/* Comparisons, patterns and `in`: what may stand beside what, and what to say when it may not. */
#include "policy/parser.h"

static struct expr *compare_make(struct parser *p, enum expr_op op, struct expr *a, struct expr *b);
static struct expr *parse_pattern(struct parser *p, struct expr *a, enum expr_op op);
static struct expr *parse_members(struct parser *p, struct expr *a);

struct expr *parse_compare(struct parser *p)
{
	static const struct {
		const char *text;
		enum expr_op op;
	} rows[] = {{"==", EXPR_EQ}, {"!=", EXPR_NE}, {"<", EXPR_LT}, {"<=", EXPR_LE}, {">", EXPR_GT},
	    {">=", EXPR_GE}, {"=~", EXPR_MATCH}, {"!~", EXPR_NO_MATCH}};
	struct expr *a = parse_sum(p);

	if (!a)
		return NULL;
	if (parse_word(p, "in"))
		return parse_members(p, a);
	if (p->i + 1 < p->n && conf_is_word(&p->t[p->i], "not") && conf_is_word(&p->t[p->i + 1], "in")) {
		p->i += 2;
		a = parse_members(p, a);
		return a ? parse_make(p, EXPR_NOT, TYPE_BOOL, a, NULL) : NULL;
	}
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (!parse_op(p, rows[i].text))
			continue;
		if (rows[i].op >= EXPR_MATCH)
			return parse_pattern(p, a, rows[i].op);
		return compare_make(p, rows[i].op, a, parse_sum(p));
	}
	if (p->i < p->n && p->t[p->i].kind == TOKEN_OP && str_is(p->t[p->i].text, "=")) {
		conf_error(p->c->load, parse_place(p), "'=' is wrong here; expected == to compare");
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
	return parse_is_known(p, e);
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
		conf_error(p->c->load, a->place, "%s: only numbers and durations have an order", parse_describe(p, a));
	else
		conf_error(p->c->load, b->place, "%s, but %s: they cannot be compared%s", parse_describe(p, a), parse_describe(p, b),
		    a->type == TYPE_DURATION && b->type == TYPE_NUMBER ? "; a duration has a unit: 30s, 5m" : "");
	return NULL;
}

static struct expr *compare_make(struct parser *p, enum expr_op op, struct expr *a, struct expr *b)
{
	bool is_order = op != EXPR_EQ && op != EXPR_NE;

	if (!a || !b)
		return NULL;
	if (a->type == TYPE_BARE && b->type == TYPE_BARE && !parse_is_known(p, a))
		return NULL;
	if (!settle_bare(p, b, a) || !settle_bare(p, a, b))
		return NULL;
	if (a->type == TYPE_BARE || b->type == TYPE_BARE)
		return parse_never(p);
	if (is_order ? a->type != b->type || (a->type != TYPE_NUMBER && a->type != TYPE_DURATION)
		     : !is_equatable(a->type, b->type))
		return mismatch(p, op, a, b);
	return parse_make(p, op, TYPE_BOOL, a, b);
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

	if (!parse_is_known(p, a))
		return NULL;
	if (!is_textual(a->type) && a->type != TYPE_LIST && a->type != TYPE_BARE) {
		conf_error(p->c->load, a->place, "%s; only texts and lists are matched with patterns", parse_describe(p, a));
		return NULL;
	}
	if (p->i >= p->n || !read_pattern(&p->t[p->i], &pattern, &flags)) {
		conf_error(p->c->load, parse_place(p), "%s is wrong here; expected a pattern: \"PATTERN\" or /PATTERN/i", parse_shown(p));
		return NULL;
	}
	e = parse_make(p, op, TYPE_BOOL, a, NULL);
	if (!e)
		return NULL;
	e->u.re = regex_new(p->c->arena, pattern, flags, &error, &offset);
	if (!e->u.re) {
		conf_error(p->c->load, parse_place(p), "pattern: %.*s, at octet %zu", STR_ARG(error), offset + 1);
		return NULL;
	}
	p->i++;
	return a->type == TYPE_BARE ? parse_never(p) : e;
}

/* ---- in ---- */

static struct expr *in_list(struct parser *p, struct expr *a, const struct list *list)
{
	struct expr *e = parse_make(p, EXPR_IN, TYPE_BOOL, a, NULL);

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

		if (members[i].kind != TOKEN_WORD || !parse_number(members[i].text, &number, &type) || type != a->type) {
			conf_error(p->c->load, members[i].place, "%s is wrong here; expected %s",
			    conf_token_show(p->c->arena, &members[i]), parse_type_names[a->type]);
			return NULL;
		}
		value = parse_literal(p, number, type);
		e = value ? parse_make(p, EXPR_EQ, TYPE_BOOL, a, value) : NULL;
		if (!e)
			return NULL;
		if (i + 1 < n)
			e = parse_make(p, EXPR_OR, TYPE_BOOL, e, NULL);
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
			conf_error(p->c->load, parse_place(p), "%s is wrong here; expected a member of the list", parse_shown(p));
			return 0;
		}
		members[n++] = p->t[p->i++];
	} while (parse_op(p, ","));
	if (parse_op(p, ")"))
		return n;
	conf_error(p->c->load, parse_place(p), "%s is wrong here; expected ',' or ')'", parse_shown(p));
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
		return parse_never(p);
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
	const char *near;

	if (p->c->is_lenient)
		return parse_never(p);
	near = lists_near(p->c->lists, p->c->arena, t->text);
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

	if (!parse_is_known(p, a))
		return NULL;
	if (a->type == TYPE_BOOL || a->type == TYPE_NET ||
	    ((a->type == TYPE_NUMBER || a->type == TYPE_DURATION) && !starts_values(p))) {
		conf_error(p->c->load, a->place, "%s; that cannot be in a list", parse_describe(p, a));
		return NULL;
	}
	if (parse_op(p, "("))
		return parse_inline(p, a);
	if (p->i >= p->n || t->kind != TOKEN_WORD) {
		conf_error(p->c->load, parse_place(p), "%s is wrong here; expected a list, a network or values in parentheses",
		    parse_shown(p));
		return NULL;
	}
	p->i++;
	list = lists_find(p->c->lists, t->text);
	if (a->type == TYPE_BARE)
		return parse_never(p);
	if (list)
		return in_list(p, a, list);
	if (is_textual(a->type) && compile_find(p->c, t->text)) {
		struct expr *b = parse_fact(p, t);
		if (b && b->type == TYPE_LIST)
			return parse_make(p, EXPR_IN_FACT, TYPE_BOOL, a, b);
		if (b)
			conf_error(p->c->load, t->place, "%s, not a list", parse_describe(p, b));
		return NULL;
	}
	one = *t;
	if (a->type == TYPE_IP && cidr_parse(t->text, true, &net)) {
		list = inline_list(p, &one, 1);
		return list ? in_list(p, a, list) : NULL;
	}
	return no_list(p, t);
}
