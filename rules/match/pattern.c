/*
 * Perl patterns by recursive descent, as far as it matters what they consume. Called once per
 * pattern at load, by the compiler; the tree lives in the caller's arena.
 */
#include "rules/match/pattern.h"

#include <pthread.h>

#include <string.h>

#include "lib/regex.h"
#include "rules/rule.h"

struct reader {
	struct arena *a;
	struct str in;
	size_t at;
	unsigned flags, depth;
	bool failed;
};

static const struct node empty = {.kind = NODE_EMPTY}, any = {.kind = NODE_ANY};

static struct node *read_choice(struct reader *r);

/* ---- sets ---- */

void octets_add_all(struct octets *o, const struct octets *other)
{
	for (size_t i = 0; i < 4; i++)
		o->bits[i] |= other->bits[i];
}

unsigned octets_count(const struct octets *o)
{
	unsigned n = 0;

	for (size_t i = 0; i < 4; i++)
		n += (unsigned)__builtin_popcountll(o->bits[i]);
	return n;
}

static void add_range(struct octets *o, unsigned from, unsigned to)
{
	for (unsigned c = from; c <= to && c < 256; c++)
		octets_add(o, (unsigned char)c);
}

static void invert(struct octets *o)
{
	for (size_t i = 0; i < 4; i++)
		o->bits[i] = ~o->bits[i];
}

/* Letters stand in the second word, the small ones 32 places above the others. */
static void add_other_case(struct octets *o)
{
	const uint64_t capitals = 0x07fffffe;
	uint64_t both = (o->bits[1] | o->bits[1] >> 32) & capitals;

	o->bits[1] |= both | both << 32;
}

/* Each octet alone, and each with its other case: what most nodes point at. */
static struct octets singles[256], pairs[256];
static pthread_once_t are_made = PTHREAD_ONCE_INIT;

static void make_singles(void)
{
	for (unsigned c = 0; c < 256; c++) {
		octets_add(&singles[c], (unsigned char)c);
		octets_add(&pairs[c], (unsigned char)c);
		add_other_case(&pairs[c]);
	}
}

/* ---- nodes ---- */

static struct node *node_new(struct reader *r, struct node from)
{
	struct node *n = arena_alloc(r->a, sizeof *n);

	*n = from;
	return n;
}

static struct node *set_node(struct reader *r, const struct octets *set)
{
	return node_new(r, (struct node){.kind = NODE_OCTET, .set = set});
}

static bool at_end(const struct reader *r)
{
	return r->at >= r->in.n;
}

static char peek(const struct reader *r)
{
	return at_end(r) ? '\0' : r->in.p[r->at];
}

static struct node *one_octet(struct reader *r, unsigned char c)
{
	return set_node(r, r->flags & REGEX_CASELESS ? &pairs[c] : &singles[c]);
}

/* ---- escapes and classes ---- */

static const struct {
	char letter;
	const char *ranges; /* pairs of octets */
	size_t n;
	bool is_inverse;
} classes[] = {
    {'d', "09", 1, false},
    {'D', "09", 1, true},
    {'s', "\t\r  ", 2, false},
    {'S', "\t\r  ", 2, true},
    {'w', "09AZaz__", 4, false},
    {'W', "09AZaz__", 4, true},
    {'h', "\t\t  \xa0\xa0", 3, false},
    {'v', "\n\r\x85\x85", 2, false},
    {'N', "\n\n", 1, true},
    {'.', "", 0, true},
};

/* A class escape; false when it is not one of them. */
static bool add_class(struct octets *o, char letter)
{
	for (size_t i = 0; i < sizeof classes / sizeof *classes; i++) {
		struct octets set = {{0}};
		if (classes[i].letter != letter)
			continue;
		for (size_t k = 0; k < classes[i].n; k++)
			add_range(&set, (unsigned char)classes[i].ranges[2 * k], (unsigned char)classes[i].ranges[2 * k + 1]);
		if (classes[i].is_inverse)
			invert(&set);
		octets_add_all(o, &set);
		return true;
	}
	return false;
}

/* The number behind \x; -1 when it is no single octet. */
static int hex_octet(struct reader *r)
{
	int value = 0, digits = 0;

	if (peek(r) == '{') {
		for (r->at++; !at_end(r) && peek(r) != '}'; r->at++)
			value = value > 0xffff || hex_value(peek(r)) < 0 ? 0x10000 : value * 16 + hex_value(peek(r));
		r->at++;
	} else {
		for (; digits < 2 && hex_value(peek(r)) >= 0; digits++, r->at++)
			value = value * 16 + hex_value(peek(r));
	}
	return value > 0xff || (r->flags & REGEX_UTF && value > 0x7f) ? -1 : value;
}

/*
 * The octet that an escape of one character stands for; -1 for classes, assertions and all that is
 * not understood. The reader stands behind the backslash and its letter.
 */
static int escaped_octet(struct reader *r, char c, bool in_class)
{
	static const char from[] = "nrtfae", to[] = "\n\r\t\f\a\033";
	const char *at = c ? strchr(from, c) : NULL;
	int value = 0;

	if (at)
		return (unsigned char)to[at - from];
	if (c == 'b' && in_class)
		return '\b';
	if (c == 'x')
		return hex_octet(r);
	if (c == '0') {
		for (int digits = 0; digits < 2 && peek(r) >= '0' && peek(r) <= '7'; digits++, r->at++)
			value = value * 8 + peek(r) - '0';
		return value;
	}
	return is_alnum(c) ? -1 : (unsigned char)c;
}

/* One end of a range, or a member alone; -1: a class that was added to o, -2: not understood. */
static int read_member_octet(struct reader *r, struct octets *o)
{
	char c = peek(r), e;
	int octet;

	r->at++;
	if (c != '\\')
		return (unsigned char)c;
	e = peek(r);
	r->at++;
	if (is_alpha(e) && add_class(o, e))
		return -1;
	octet = escaped_octet(r, e, true);
	return octet < 0 ? -2 : octet;
}

/* Inside [ ]: one member, or a range. False: the class is not understood. */
static bool read_member(struct reader *r, struct octets *o)
{
	int from, to;

	if (peek(r) == '[' && r->at + 1 < r->in.n && strchr(":.=", r->in.p[r->at + 1])) {
		ptrdiff_t end = str_find(str_from(r->in, r->at), STR(":]"));
		r->at += end >= 0 ? (size_t)end + 2 : 1;
		return false;
	}
	from = read_member_octet(r, o);
	if (from < 0)
		return from == -1;
	to = from;
	if (peek(r) == '-' && r->at + 1 < r->in.n && r->in.p[r->at + 1] != ']') {
		r->at++;
		to = read_member_octet(r, o);
		if (to < 0)
			return false;
	}
	add_range(o, (unsigned)from, (unsigned)to);
	return true;
}

/* Behind the [; leaves the reader behind the ]. */
static struct node *read_class(struct reader *r)
{
	struct octets *o = arena_alloc(r->a, sizeof *o);
	bool is_clear = true, first = true, negated = peek(r) == '^';

	if (negated)
		r->at++;
	for (; !at_end(r) && (first || peek(r) != ']'); first = false)
		is_clear &= read_member(r, o);
	if (at_end(r))
		r->failed = true;
	r->at++;
	/* Characters of a UTF pattern may have several octets. */
	if (r->flags & REGEX_UTF)
		return node_new(r, any);
	if (!is_clear)
		add_range(o, 0, 255);
	else if (r->flags & REGEX_CASELESS)
		add_other_case(o);
	if (negated && is_clear)
		invert(o);
	return set_node(r, o);
}

/* \p{..}, \g{..}, \k<..> and the like: skips the name. */
static void skip_name(struct reader *r, char c)
{
	if (peek(r) == '{' || peek(r) == '<' || peek(r) == '\'') {
		char close = peek(r) == '{' ? '}' : peek(r) == '<' ? '>' : '\'';
		for (r->at++; !at_end(r) && peek(r) != close; r->at++)
			;
		r->at++;
	} else if (c == 'p' || c == 'P') {
		r->at++;
	} else if (c == 'g') {
		while (is_digit(peek(r)) || peek(r) == '-' || peek(r) == '+')
			r->at++;
	}
}

static struct node *class_escape(struct reader *r, char c)
{
	struct octets *o = arena_alloc(r->a, sizeof *o);

	if (r->flags & REGEX_UTF || !add_class(o, c))
		return node_new(r, any);
	return set_node(r, o);
}

static struct node *read_escape(struct reader *r)
{
	char c = peek(r);
	int octet;

	if (at_end(r)) {
		r->failed = true;
		return node_new(r, any);
	}
	r->at++;
	if (strchr("bBAzZGKE", c))
		return node_new(r, empty);
	if (c == 'Q' || c == 'c' || c == 'o') {
		r->failed = true;
		return node_new(r, any);
	}
	if (strchr("pPgk", c)) {
		skip_name(r, c);
		return node_new(r, any);
	}
	if (is_digit(c) && c != '0') {
		while (is_digit(peek(r)))
			r->at++;
		return node_new(r, any);
	}
	octet = escaped_octet(r, c, false);
	return octet < 0 ? class_escape(r, c) : one_octet(r, (unsigned char)octet);
}

/* ---- groups ---- */

static void skip_to(struct reader *r, char close)
{
	while (!at_end(r) && peek(r) != close)
		r->at++;
	r->at++;
}

static unsigned inline_flag(char c)
{
	return c == 'i' ? REGEX_CASELESS : c == 's' ? REGEX_DOTALL : c == 'x' ? REGEX_EXTENDED : 0;
}

/* Inline flags "imsx-imsx" up to : or ); anything else fails. */
static bool read_inline_flags(struct reader *r)
{
	bool off = false;

	for (; !at_end(r) && peek(r) != ':' && peek(r) != ')'; r->at++) {
		unsigned flag = inline_flag(peek(r));
		if (peek(r) == '-')
			off = true;
		else if (peek(r) == '^')
			r->flags &= ~(unsigned)(REGEX_CASELESS | REGEX_DOTALL | REGEX_EXTENDED);
		else if (!strchr("imsxnaudlpJ", peek(r)))
			return false;
		else if (off)
			r->flags &= ~flag;
		else
			r->flags |= flag;
	}
	return !at_end(r);
}

enum group { GROUP_PLAIN, GROUP_EMPTY, GROUP_FLAGS, GROUP_DONE, GROUP_ANY };

static const struct {
	struct str head;
	enum group kind;
} group_heads[] = {
    {{"?:", 2}, GROUP_PLAIN},
    {{"?>", 2}, GROUP_PLAIN},
    {{"?|", 2}, GROUP_PLAIN},
    {{"?=", 2}, GROUP_EMPTY},
    {{"?!", 2}, GROUP_EMPTY},
    {{"?<=", 3}, GROUP_EMPTY},
    {{"?<!", 3}, GROUP_EMPTY},
};

/* Behind "(": what kind of group it is; the reader stands at its contents. */
static enum group group_kind(struct reader *r)
{
	struct str rest = str_from(r->in, r->at);

	if (!str_starts(rest, STR("?")) && !str_starts(rest, STR("*")))
		return GROUP_PLAIN;
	for (size_t i = 0; i < sizeof group_heads / sizeof *group_heads; i++) {
		if (str_starts(rest, group_heads[i].head)) {
			r->at += group_heads[i].head.n;
			return group_heads[i].kind;
		}
	}
	if (str_starts(rest, STR("?#"))) {
		skip_to(r, ')');
		return GROUP_DONE;
	}
	if (str_starts(rest, STR("?<")) || str_starts(rest, STR("?P<")) || str_starts(rest, STR("?'"))) {
		r->at += rest.p[1] == 'P' ? 3 : 2;
		skip_to(r, rest.p[1] == '\'' ? '\'' : '>');
		return GROUP_PLAIN;
	}
	if (str_starts(rest, STR("?&")) || str_starts(rest, STR("?P>")) || str_starts(rest, STR("?R")) ||
	    (rest.n > 1 && is_digit(rest.p[1]))) {
		skip_to(r, ')');
		return GROUP_ANY;
	}
	r->at++;
	if (rest.p[0] == '*' || !read_inline_flags(r)) {
		r->failed = true;
		return GROUP_DONE;
	}
	return r->in.p[r->at++] == ':' ? GROUP_PLAIN : GROUP_FLAGS;
}

static struct node *read_group(struct reader *r)
{
	unsigned flags = r->flags;
	enum group kind = group_kind(r);
	struct node *inside;

	if (kind == GROUP_ANY)
		return node_new(r, any);
	if (kind == GROUP_DONE || kind == GROUP_FLAGS) /* (?i) holds up to the end of the group around it */
		return node_new(r, empty);
	if (++r->depth > PATTERN_DEPTH_MAX) {
		r->failed = true;
		return node_new(r, any);
	}
	inside = read_choice(r);
	r->depth--;
	r->flags = flags;
	if (peek(r) != ')')
		r->failed = true;
	r->at++;
	return kind == GROUP_EMPTY ? node_new(r, empty) : inside;
}

/* ---- sequences ---- */

/* {n}, {n,}, {n,m} at the reader; false when the brace is a literal. */
static bool read_braces(struct reader *r, struct node *ret)
{
	size_t i = r->at + 1, start = i;
	unsigned v[2] = {0, 0};
	bool has_comma = false, has_second = false;

	for (; i < r->in.n && is_digit(r->in.p[i]) && i < start + 6; i++)
		v[0] = v[0] * 10 + (unsigned)(r->in.p[i] - '0');
	if (i == start)
		return false;
	if (i < r->in.n && r->in.p[i] == ',') {
		has_comma = true;
		for (start = ++i; i < r->in.n && is_digit(r->in.p[i]) && i < start + 6; i++)
			v[1] = v[1] * 10 + (unsigned)(r->in.p[i] - '0'), has_second = true;
	}
	if (i >= r->in.n || r->in.p[i] != '}')
		return false;
	r->at = i + 1;
	ret->least = v[0];
	ret->most = !has_comma ? v[0] : has_second ? v[1] : NODE_ENDLESS;
	return true;
}

/* The quantifier at the reader; false: there is none. */
static bool read_quantifier(struct reader *r, struct node *ret)
{
	switch (peek(r)) {
	case '*':
		*ret = (struct node){.kind = NODE_REPEAT, .least = 0, .most = NODE_ENDLESS};
		r->at++;
		break;
	case '+':
		*ret = (struct node){.kind = NODE_REPEAT, .least = 1, .most = NODE_ENDLESS};
		r->at++;
		break;
	case '?':
		*ret = (struct node){.kind = NODE_REPEAT, .least = 0, .most = 1};
		r->at++;
		break;
	case '{':
		*ret = (struct node){.kind = NODE_REPEAT};
		if (!read_braces(r, ret))
			return false;
		break;
	default:
		return false;
	}
	if (peek(r) == '?' || peek(r) == '+')
		r->at++;
	return true;
}

static struct node *read_atom(struct reader *r)
{
	char c = peek(r);

	r->at++;
	switch (c) {
	case '(':
		return read_group(r);
	case '[':
		return read_class(r);
	case '\\':
		return read_escape(r);
	case '^':
	case '$':
		return node_new(r, empty);
	case '.':
		return class_escape(r, r->flags & REGEX_DOTALL ? '.' : 'N');
	default:
		if (r->flags & REGEX_UTF && (unsigned char)c > 0x7f)
			return node_new(r, any);
		return one_octet(r, (unsigned char)c);
	}
}

/* What /x passes over: the next line of Latin-1 is one too. */
static bool is_pattern_blank(char c)
{
	return is_space(c) || (unsigned char)c == 0x85;
}

/* Blanks and comments of /x. */
static bool skip_extended(struct reader *r)
{
	size_t start = r->at;

	if (!(r->flags & REGEX_EXTENDED))
		return false;
	while (!at_end(r) && (is_pattern_blank(peek(r)) || peek(r) == '#')) {
		if (peek(r) == '#')
			while (!at_end(r) && peek(r) != '\n')
				r->at++;
		r->at++;
	}
	return r->at != start;
}

static struct node *read_sequence(struct reader *r)
{
	struct node *first = NULL, **last = &first, repeat, *n;

	while (!r->failed && !at_end(r) && peek(r) != '|' && peek(r) != ')') {
		if (skip_extended(r))
			continue;
		n = read_atom(r);
		skip_extended(r);
		if (read_quantifier(r, &repeat)) {
			repeat.child = n;
			n = node_new(r, repeat);
		}
		*last = n;
		last = &n->next;
	}
	if (!first)
		return node_new(r, empty);
	return node_new(r, (struct node){.kind = NODE_SEQUENCE, .child = first});
}

static struct node *read_choice(struct reader *r)
{
	struct node *first = read_sequence(r), *last = first;

	while (!r->failed && peek(r) == '|' && !at_end(r)) {
		struct node *n;
		r->at++;
		n = read_sequence(r);
		last->next = n;
		last = n;
	}
	return first == last ? first : node_new(r, (struct node){.kind = NODE_CHOICE, .child = first});
}

struct node *pattern_parse(struct arena *a, struct str pattern, unsigned flags)
{
	struct reader r = {.a = a, .in = pattern, .flags = flags};
	struct node *root;

	/* Caseless characters reach over ASCII: the Kelvin sign is a k. */
	if ((flags & REGEX_UTF && flags & REGEX_CASELESS) || str_starts(pattern, STR("(*")) ||
	    pattern.n > RULE_EXPANDED_MAX)
		return NULL;
	pthread_once(&are_made, make_singles);
	root = read_choice(&r);
	return r.failed || r.at != pattern.n ? NULL : root;
}
