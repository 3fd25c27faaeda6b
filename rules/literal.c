/*
 * Reads a pattern by recursive descent and keeps, for each piece, the finite set of texts that it
 * can be (when it is small), and the best set of literals seen on the way. Whatever is not
 * understood is "any text", which is always right. Called once per pattern at load.
 */
#include "rules/literal.h"

#include <math.h>
#include <stdlib.h>

#include "lib/regex.h"
#include "rules/rule.h"

enum { DEPTH_MAX = 60, CLASS_MAX = 12, RUN_MAX = 64, EDGE_MAX = 2, JOINED_SET_MAX = 600 };
/* The same when looking for grams: classes are larger, texts shorter. */
enum { GRAM_CLASS_MAX = 30, GRAM_EXACT_MAX = 1000, GRAM_TEXT_MAX = 8, GRAM_PIECES_MAX = 4000, GRAM_REPEAT_MAX = 3 };
static const double gram_rate_max = 2e-3;

struct set {
	struct str *v;
	size_t n;
};

struct piece {
	bool is_exact; /* it is one of `exact` and nothing else */
	struct set exact, best;
	double rate;	 /* of best; meaningless without */
	unsigned times;	 /* how often one of best occurs at least, at places apart */
	struct set edge; /* not exact, but it starts with one of these and ends with one; n 0: not known */
};

struct reader {
	struct arena *a;
	struct str in;
	size_t at;
	unsigned flags, depth;
	bool failed;
	bool grams;	    /* texts are in the alphabet of grams, and windows are looked for */
	const char *octets; /* each octet once, to point at */
};

static struct piece read_alternatives(struct reader *r);

static double gram_rate(struct str gram);

/* ---- sets ---- */

static struct set set_of(struct reader *r, struct str s)
{
	struct set set = {arena_array(r->a, 1, sizeof *set.v), 1};

	set.v[0] = s;
	return set;
}

static struct piece nothing(struct reader *r)
{
	return (struct piece){.is_exact = true, .exact = set_of(r, STR(""))};
}

static struct piece anything(void)
{
	return (struct piece){0};
}

static bool set_has(const struct set *set, struct str s)
{
	for (size_t i = 0; i < set->n; i++)
		if (set->v[i].n == s.n && (s.n == 0 || (set->v[i].p[0] == s.p[0] && str_eq(set->v[i], s))))
			return true;
	return false;
}

static int by_octets(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

static void set_dedupe(struct set *set)
{
	size_t kept = 0;

	qsort(set->v, set->n, sizeof *set->v, by_octets);
	for (size_t i = 0; i < set->n; i++)
		if (kept == 0 || !str_eq(set->v[kept - 1], set->v[i]))
			set->v[kept++] = set->v[i];
	set->n = kept;
}

/* A text that holds another one of the set adds nothing. */
static void set_reduce(struct set *set)
{
	size_t kept = 0;

	for (size_t i = 0; i < set->n; i++) {
		bool is_needed = true;
		for (size_t k = 0; k < set->n && is_needed; k++)
			is_needed = k == i || set->v[k].n > set->v[i].n || str_find(set->v[i], set->v[k]) < 0;
		if (is_needed)
			set->v[kept++] = set->v[i];
	}
	set->n = kept;
}

/* The union; false when it is too large. */
static bool join_all(struct reader *r, const struct set *sets, size_t n, size_t most, struct set *ret)
{
	struct set out = {NULL, 0};
	size_t total = 0;

	for (size_t i = 0; i < n; i++)
		total += sets[i].n;
	if (total > 2 * most)
		return false;
	out.v = arena_array(r->a, total, sizeof *out.v);
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < sets[i].n; k++)
			if (r->grams || !set_has(&out, sets[i].v[k]))
				out.v[out.n++] = sets[i].v[k];
	if (r->grams)
		set_dedupe(&out);
	*ret = out;
	return out.n <= most;
}

static bool set_join(struct reader *r, const struct set *a, const struct set *b, size_t most, struct set *ret)
{
	return join_all(r, (struct set[]){*a, *b}, 2, most, ret);
}

/* Each of a followed by each of b; false when that is too much. */
static bool set_cross(struct reader *r, const struct set *a, const struct set *b, struct set *ret)
{
	size_t most = r->grams ? GRAM_EXACT_MAX : RUN_MAX, longest = r->grams ? GRAM_TEXT_MAX : LITERAL_MAX;
	struct set out;

	if (a->n * b->n > most)
		return false;
	out = (struct set){arena_array(r->a, a->n * b->n, sizeof *out.v), 0};
	for (size_t i = 0; i < a->n; i++) {
		for (size_t k = 0; k < b->n; k++) {
			struct str x = a->v[i], y = b->v[k], *to = &out.v[out.n];
			if (x.n + y.n > longest)
				return false;
			if (x.n == 0 || y.n == 0) {
				*to = x.n ? x : y;
			} else {
				char *p = arena_alloc(r->a, x.n + y.n);
				memcpy(p, x.p, x.n);
				memcpy(p + x.n, y.p, y.n);
				*to = (struct str){p, x.n + y.n};
			}
			if (r->grams || !set_has(&(struct set){out.v, out.n}, *to))
				out.n++;
		}
	}
	if (r->grams)
		set_dedupe(&out);
	*ret = out;
	return true;
}

static double set_rate(const struct reader *r, const struct set *set)
{
	double rate = 0;

	if (set->n == 0 || set->n > (r->grams ? GRAM_SET_MAX : LITERAL_SET_MAX))
		return INFINITY;
	for (size_t i = 0; i < set->n; i++) {
		if (set->v[i].n < (r->grams ? GRAM : LITERAL_MIN))
			return INFINITY;
		rate += r->grams ? gram_rate(set->v[i]) : literal_rate(set->v[i]);
	}
	return rate;
}

/* What is needed several times is rarer than what is needed once. */
static void offer_times(const struct reader *r, struct piece *p, const struct set *set, unsigned times)
{
	double rate = set_rate(r, set) / times / times;

	if (isinf(rate) || (p->best.n && p->rate <= rate))
		return;
	p->best = *set;
	p->rate = rate;
	p->times = times;
}

static void offer(const struct reader *r, struct piece *p, const struct set *set)
{
	offer_times(r, p, set, 1);
}

static void offer_best(const struct reader *r, struct piece *p, const struct piece *from)
{
	if (from->best.n)
		offer_times(r, p, &from->best, from->times);
}

static void offer_window(struct reader *r, struct piece *out, const struct set *pieces, size_t n);

/* An exact set as a requirement: as it is, or the start of each text as grams. */
static void offer_exact(struct reader *r, struct piece *p, const struct set *set)
{
	if (r->grams)
		offer_window(r, p, set, 1);
	else
		offer(r, p, set);
}

/* ---- characters and classes ---- */

static bool at_end(const struct reader *r)
{
	return r->at >= r->in.n;
}

static char peek(const struct reader *r)
{
	return at_end(r) ? '\0' : r->in.p[r->at];
}

static struct piece one_char(struct reader *r, unsigned char c)
{
	unsigned char low = (unsigned char)(r->grams ? gram_letter(c) : literal_letter(c));

	return (struct piece){.is_exact = true, .exact = set_of(r, (struct str){r->octets + low, 1})};
}

struct bytes {
	bool has[256];
};

static void add_range(struct bytes *b, unsigned from, unsigned to)
{
	for (unsigned c = from; c <= to && c < 256; c++)
		b->has[c] = true;
}

/* A class escape: which octets; false when it is not one that we spell out. */
static bool add_class(struct bytes *b, char c)
{
	switch (c) {
	case 'd':
		add_range(b, '0', '9');
		return true;
	case 's':
		add_range(b, '\t', '\r');
		b->has[' '] = true;
		return true;
	case 'w':
		add_range(b, '0', '9');
		add_range(b, 'A', 'Z');
		add_range(b, 'a', 'z');
		b->has['_'] = true;
		return true;
	case 'W':
		add_range(b, 0, '0' - 1);
		add_range(b, '9' + 1, 'A' - 1);
		add_range(b, 'Z' + 1, '_' - 1);
		b->has['`'] = true;
		add_range(b, 'z' + 1, 255);
		return true;
	default:
		return false;
	}
}

static struct piece of_bytes(struct reader *r, const struct bytes *b)
{
	size_t most = r->grams ? GRAM_CLASS_MAX : CLASS_MAX;
	struct piece p = {.is_exact = true, .exact = {arena_array(r->a, most, sizeof(struct str)), 0}};
	bool seen[256] = {false};

	for (unsigned c = 0; c < 256; c++) {
		unsigned low = r->grams ? (unsigned char)gram_letter((unsigned char)c) : (unsigned char)literal_letter((unsigned char)c);
		if (!b->has[c] || seen[low])
			continue;
		seen[low] = true;
		if (p.exact.n == most)
			return anything();
		p.exact.v[p.exact.n++] = (struct str){r->octets + low, 1};
	}
	return p.exact.n ? p : anything();
}

/*
 * The octet that an escape of one character stands for; -1 for classes, assertions and all that is
 * not understood. The reader stands behind the backslash and its letter.
 */
static int escaped_octet(struct reader *r, char c, bool in_class)
{
	static const char from[] = "nrtfae", to[] = "\n\r\t\f\a\033";
	const char *at = c ? strchr(from, c) : NULL;
	int value = 0, digits = 0;

	if (at)
		return (unsigned char)to[at - from];
	if (c == 'b' && in_class)
		return '\b';
	if (c == 'x' && peek(r) == '{') {
		for (r->at++; !at_end(r) && peek(r) != '}'; r->at++)
			value = value > 0xffff || hex_value(peek(r)) < 0 ? 0x10000 : value * 16 + hex_value(peek(r));
		r->at++;
		return value <= 0xff && !(r->flags & REGEX_UTF && value > 0x7f) ? value : -1;
	}
	if (c == 'x') {
		for (; digits < 2 && hex_value(peek(r)) >= 0; digits++, r->at++)
			value = value * 16 + hex_value(peek(r));
		return r->flags & REGEX_UTF && value > 0x7f ? -1 : value;
	}
	if (c == '0') {
		for (; digits < 2 && peek(r) >= '0' && peek(r) <= '7'; digits++, r->at++)
			value = value * 8 + peek(r) - '0';
		return value;
	}
	return is_alnum(c) ? -1 : (unsigned char)c;
}

/* Inside [ ]: one member, or a range. False: the class is not understood. */
static bool read_member(struct reader *r, struct bytes *b)
{
	unsigned from, to;
	int octet;
	char c = peek(r);

	r->at++;
	if (c == '[' && (peek(r) == ':' || peek(r) == '.' || peek(r) == '='))
		return false;
	if (c == '\\') {
		char e = peek(r);
		r->at++;
		if (add_class(b, e))
			return true;
		octet = escaped_octet(r, e, true);
		if (octet < 0)
			return false;
		from = (unsigned)octet;
	} else {
		from = (unsigned char)c;
	}
	to = from;
	if (peek(r) == '-' && r->at + 1 < r->in.n && r->in.p[r->at + 1] != ']') {
		r->at++;
		c = peek(r);
		r->at++;
		if (c == '\\') {
			char e = peek(r);
			r->at++;
			octet = escaped_octet(r, e, true);
			if (octet < 0)
				return false;
			to = (unsigned)octet;
		} else {
			to = (unsigned char)c;
		}
	}
	add_range(b, from, to);
	return true;
}

/* Behind the [; leaves the reader behind the ]. */
static struct piece read_class(struct reader *r)
{
	struct bytes b = {{false}};
	bool is_clear = true, first = true, negated = peek(r) == '^';

	if (negated)
		r->at++;
	for (; !at_end(r) && (first || peek(r) != ']'); first = false) {
		if (!read_member(r, &b)) {
			is_clear = false;
			/* A [:name:] ends with ":]": its bracket must not end the class. */
			if (peek(r) == ':' || peek(r) == '.' || peek(r) == '=') {
				ptrdiff_t end = str_find(str_from(r->in, r->at), STR(":]"));
				if (end >= 0)
					r->at += (size_t)end + 2;
			}
		}
	}
	if (at_end(r))
		r->failed = true;
	r->at++;
	return is_clear && !negated && !(r->flags & REGEX_UTF) ? of_bytes(r, &b) : anything();
}

static struct piece read_escape(struct reader *r)
{
	struct bytes b = {{false}};
	char c = peek(r);
	int octet;

	if (at_end(r)) {
		r->failed = true;
		return anything();
	}
	r->at++;
	if (strchr("bBAzZGKE", c))
		return nothing(r);
	if (c == 'Q' || c == 'c' || c == 'o') {
		r->failed = true;
		return anything();
	}
	if (strchr("pPNgk", c)) {
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
		return anything();
	}
	if (is_digit(c) && c != '0') {
		while (is_digit(peek(r)))
			r->at++;
		return anything();
	}
	if (add_class(&b, c))
		return of_bytes(r, &b);
	octet = escaped_octet(r, c, false);
	return octet < 0 ? anything() : one_char(r, (unsigned char)octet);
}

/* ---- groups ---- */

static void skip_to(struct reader *r, char close)
{
	while (!at_end(r) && peek(r) != close)
		r->at++;
	r->at++;
}

/* Inline flags "imsx-imsx" up to : or ); anything else fails. */
static bool read_inline_flags(struct reader *r)
{
	bool off = false;

	for (; !at_end(r) && peek(r) != ':' && peek(r) != ')'; r->at++) {
		unsigned flag = peek(r) == 'i' ? REGEX_CASELESS : peek(r) == 'x' ? REGEX_EXTENDED : 0;
		if (peek(r) == '-')
			off = true;
		else if (peek(r) == '^')
			r->flags &= ~(unsigned)(REGEX_CASELESS | REGEX_EXTENDED);
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

/* Behind "(": what kind of group it is; the reader stands at its contents. */
static enum group group_kind(struct reader *r)
{
	struct str rest = str_from(r->in, r->at);
	static const struct {
		struct str head;
		enum group kind;
	} heads[] = {
	    {{"?:", 2}, GROUP_PLAIN},
	    {{"?>", 2}, GROUP_PLAIN},
	    {{"?|", 2}, GROUP_PLAIN},
	    {{"?=", 2}, GROUP_EMPTY},
	    {{"?!", 2}, GROUP_EMPTY},
	    {{"?<=", 3}, GROUP_EMPTY},
	    {{"?<!", 3}, GROUP_EMPTY},
	};

	if (!str_starts(rest, STR("?")) && !str_starts(rest, STR("*")))
		return GROUP_PLAIN;
	for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
		if (str_starts(rest, heads[i].head)) {
			r->at += heads[i].head.n;
			return heads[i].kind;
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

static struct piece read_group(struct reader *r)
{
	unsigned flags = r->flags;
	enum group kind = group_kind(r);
	struct piece p;

	if (kind == GROUP_DONE)
		return nothing(r);
	if (kind == GROUP_ANY)
		return anything();
	if (kind == GROUP_FLAGS) /* (?i) holds up to the end of the group around it */
		return nothing(r);
	if (++r->depth > DEPTH_MAX) {
		r->failed = true;
		return anything();
	}
	p = read_alternatives(r);
	r->depth--;
	r->flags = flags;
	if (peek(r) != ')')
		r->failed = true;
	r->at++;
	return kind == GROUP_EMPTY ? nothing(r) : p;
}

/* ---- sequences ---- */

struct count {
	unsigned least, most; /* most 0: no bound */
};

/* {n}, {n,}, {n,m} at the reader; false when the brace is a literal. */
static bool read_braces(struct reader *r, struct count *ret)
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
	*ret = (struct count){v[0], !has_comma ? v[0] : has_second ? v[1] : 0};
	if (ret->most == 0 && (!has_comma || has_second))
		ret->most = UINT32_MAX; /* {0}: matches nothing at all; callers see least 0 */
	return true;
}

static struct count read_quantifier(struct reader *r)
{
	struct count c = {1, 1};

	switch (peek(r)) {
	case '*':
		c = (struct count){0, 0};
		r->at++;
		break;
	case '+':
		c = (struct count){1, 0};
		r->at++;
		break;
	case '?':
		c = (struct count){0, 1};
		r->at++;
		break;
	case '{':
		if (!read_braces(r, &c))
			return c;
		break;
	default:
		return c;
	}
	if (peek(r) == '?' || peek(r) == '+')
		r->at++;
	return c;
}

/* first, then up to n times turn; false when that is too much. */
static bool up_to(struct reader *r, const struct set *first, const struct set *turn, unsigned n, struct set *ret)
{
	struct set run = *first, all = *first;

	for (unsigned i = 0; i < n; i++)
		if (!set_cross(r, &run, turn, &run) || !set_join(r, &all, &run, GRAM_EXACT_MAX, &all))
			return false;
	*ret = all;
	return true;
}

static struct piece repeat(struct reader *r, struct piece p, struct count c)
{
	struct piece out = {0};
	struct set run;

	if (c.least == 1 && c.most == 1)
		return p;
	if (c.least == 0) {
		struct set empty = set_of(r, STR(""));
		if (c.most == 1 && p.is_exact &&
		    set_join(r, &empty, &p.exact, r->grams ? GRAM_EXACT_MAX : RUN_MAX, &out.exact))
			out.is_exact = true;
		else if (r->grams && c.most > 1 && c.most <= GRAM_REPEAT_MAX && p.is_exact)
			out.is_exact = up_to(r, &empty, &p.exact, c.most, &out.exact);
		return out;
	}
	if (r->grams && c.most > c.least && c.most <= GRAM_REPEAT_MAX && c.least == 1 && p.is_exact) {
		out.is_exact = up_to(r, &p.exact, &p.exact, c.most - 1, &out.exact);
		return out;
	}
	/* At least once: what one turn requires, and the turns that must follow each other. */
	if (p.best.n)
		offer_times(r, &out, &p.best, p.times * c.least < LITERAL_TIMES_MAX ? p.times * c.least : LITERAL_TIMES_MAX);
	if (!p.is_exact)
		return out;
	offer_exact(r, &out, &p.exact);
	run = p.exact;
	if (r->grams || run.n <= EDGE_MAX)
		out.edge = run;
	for (unsigned i = 1; i < c.least && i < LITERAL_MAX; i++) {
		if (!set_cross(r, &run, &p.exact, &run))
			return out;
		offer_exact(r, &out, &run);
		if (r->grams || run.n <= EDGE_MAX)
			out.edge = run;
	}
	if (c.least == c.most && c.least < LITERAL_MAX) {
		out.is_exact = true;
		out.exact = run;
	}
	return out;
}

static struct piece read_atom(struct reader *r)
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
	case '.':
		return anything();
	case '^':
	case '$':
		return nothing(r);
	default:
		if (r->flags & REGEX_UTF && (unsigned char)c > 0x7f)
			return anything();
		return one_char(r, (unsigned char)c);
	}
}

/* Blanks and comments of /x. */
static bool skip_extended(struct reader *r)
{
	size_t start = r->at;

	if (!(r->flags & REGEX_EXTENDED))
		return false;
	while (!at_end(r) && (is_space(peek(r)) || peek(r) == '#')) {
		if (peek(r) == '#')
			while (!at_end(r) && peek(r) != '\n')
				r->at++;
		r->at++;
	}
	return r->at != start;
}

/* Every text of a followed by every text of b, cut at GRAM octets; false when there are too many. */
static bool window_cross(struct reader *r, const struct set *a, const struct set *b, struct set *ret, bool *ret_full)
{
	struct set out = {arena_array(r->a, a->n * (b->n ? b->n : 1), sizeof *out.v), 0};

	*ret_full = true;
	for (size_t i = 0; i < a->n; i++) {
		for (size_t k = 0; k < b->n; k++) {
			struct str x = a->v[i], y = str_sub(b->v[k], 0, GRAM - x.n), *to = &out.v[out.n];
			char *p;
			if (x.n == GRAM && k > 0)
				break;
			p = arena_alloc(r->a, GRAM);
			memcpy(p, x.p, x.n);
			if (y.n)
				memcpy(p + x.n, y.p, y.n);
			*to = (struct str){p, x.n + y.n};
			*ret_full &= to->n == GRAM;
			out.n++;
		}
	}
	*ret = out;
	return out.n <= GRAM_SET_MAX;
}

/* The best window that starts at piece i of the sequence. */
static void offer_window(struct reader *r, struct piece *out, const struct set *pieces, size_t n)
{
	struct set run = set_of(r, STR(""));
	bool is_full = false;

	for (size_t k = 0; k < n && !is_full; k++) {
		if (pieces[k].n == 0 || run.n * pieces[k].n > 8 * GRAM_SET_MAX)
			return;
		if (!window_cross(r, &run, &pieces[k], &run, &is_full) && run.n > 4 * GRAM_SET_MAX)
			return;
		set_dedupe(&run);
	}
	if (is_full)
		offer(r, out, &run);
}

struct pieces {
	struct set *v; /* n 0: anything may stand there */
	size_t n, room;
};

static void add_piece(struct reader *r, struct pieces *list, struct set set)
{
	if (list->n == GRAM_PIECES_MAX)
		return;
	if (list->n == list->room) {
		size_t room = list->room ? list->room * 2 : 16;
		struct set *more = arena_array(r->a, room, sizeof *more);
		if (list->n)
			memcpy(more, list->v, list->n * sizeof *more);
		list->v = more;
		list->room = room;
	}
	list->v[list->n++] = set;
}

static void add_pieces(struct reader *r, struct pieces *list, const struct piece *p)
{
	if (p->is_exact)
		add_piece(r, list, p->exact);
	else if (p->edge.n)
		add_piece(r, list, p->edge);
	if (!p->is_exact)
		add_piece(r, list, (struct set){NULL, 0});
	if (!p->is_exact && p->edge.n)
		add_piece(r, list, p->edge);
}

static struct piece read_sequence(struct reader *r)
{
	struct piece out = {.is_exact = true}, p;
	struct set run = set_of(r, STR("")), longer;
	struct pieces pieces = {NULL, 0, 0};

	while (!r->failed && !at_end(r) && peek(r) != '|' && peek(r) != ')') {
		if (skip_extended(r))
			continue;
		p = read_atom(r);
		skip_extended(r);
		p = repeat(r, p, read_quantifier(r));
		if (r->grams)
			add_pieces(r, &pieces, &p);
		offer_best(r, &out, &p);
		if (p.is_exact && set_cross(r, &run, &p.exact, &run))
			continue;
		if (!p.is_exact && p.edge.n && set_cross(r, &run, &p.edge, &longer))
			run = longer;
		if (!r->grams)
			offer(r, &out, &run);
		out.is_exact = false;
		run = p.is_exact ? p.exact : p.edge.n ? p.edge : set_of(r, STR(""));
	}
	if (!r->grams)
		offer(r, &out, &run);
	for (size_t i = 0; i < pieces.n; i++)
		offer_window(r, &out, pieces.v + i, pieces.n - i);
	if (out.is_exact)
		out.exact = run;
	return out;
}

/* The best of what is exact and what was offered; in gram mode texts are cut to their start. */
static struct piece usable(struct reader *r, const struct piece *p)
{
	struct piece best = {0};

	offer_best(r, &best, p);
	if (p->is_exact)
		offer_exact(r, &best, &p->exact);
	return best;
}

/* What the whole alternation can be, and what all of its branches require. */
static struct piece join_branches(struct reader *r, const struct piece *v, size_t n)
{
	struct set *sets = arena_array(r->a, n, sizeof *sets);
	struct piece out = {.is_exact = true};
	unsigned times = LITERAL_TIMES_MAX;

	for (size_t i = 0; i < n; i++) {
		out.is_exact &= v[i].is_exact;
		sets[i] = v[i].exact;
	}
	if (out.is_exact)
		out.is_exact = join_all(r, sets, n, r->grams ? GRAM_EXACT_MAX : LITERAL_SET_MAX, &out.exact);
	for (size_t i = 0; i < n; i++) {
		struct piece best = usable(r, &v[i]);
		sets[i] = best.best;
		if (sets[i].n == 0)
			return out;
		times = best.times < times ? best.times : times;
	}
	if (!join_all(r, sets, n, r->grams ? GRAM_SET_MAX : JOINED_SET_MAX, &sets[0]))
		return out;
	if (!r->grams)
		set_reduce(&sets[0]);
	offer_times(r, &out, &sets[0], times);
	return out;
}

static struct piece read_alternatives(struct reader *r)
{
	struct piece first = read_sequence(r), *v = NULL;
	size_t n = 1, room = 0;

	while (!r->failed && peek(r) == '|' && !at_end(r)) {
		if (n >= room) {
			struct piece *more = arena_array(r->a, room ? room * 2 : 8, sizeof *more);
			room = room ? room * 2 : 8;
			memcpy(more, v ? v : &first, n * sizeof *more);
			v = more;
		}
		r->at++;
		v[n++] = read_sequence(r);
	}
	return v ? join_branches(r, v, n) : first;
}

/* The best set of the whole pattern; none when best.n is 0. */
static struct piece required(struct arena *work, struct str pattern, unsigned flags, bool grams)
{
	struct reader r = {.a = work, .in = pattern, .flags = flags, .grams = grams};
	char *octets = arena_alloc(work, 256);
	struct piece p, best;

	for (unsigned c = 0; c < 256; c++)
		octets[c] = (char)c;
	r.octets = octets;
	p = read_alternatives(&r);
	best = usable(&r, &p);
	if (r.failed || r.at != pattern.n)
		best.best.n = 0;
	if (!grams)
		set_reduce(&best.best);
	return best;
}

static struct str *copy_set(struct arena *a, const struct set *set)
{
	struct str *v = arena_array(a, set->n, sizeof *v);

	for (size_t i = 0; i < set->n; i++)
		v[i] = arena_str(a, set->v[i]);
	return v;
}

void literals_of(struct arena *a, struct str pattern, unsigned flags, struct literals *ret_literals)
{
	struct arena *work;
	struct reader plain = {.grams = false}, windows = {.grams = true};
	struct piece best, grams;

	*ret_literals = (struct literals){0};
	/* Caseless characters reach over ASCII: the Kelvin sign is a k. */
	if ((flags & REGEX_UTF && flags & REGEX_CASELESS) || str_starts(pattern, STR("(*")) ||
	    pattern.n > RULE_EXPANDED_MAX)
		return;
	work = arena_new(0);
	best = required(work, pattern, flags, false);
	if (best.best.n) {
		ret_literals->v = copy_set(a, &best.best);
		ret_literals->n = best.best.n;
		ret_literals->times = best.times;
		ret_literals->rate = set_rate(&plain, &best.best);
	} else {
		grams = required(work, pattern, flags, true);
		if (grams.best.n && set_rate(&windows, &grams.best) < gram_rate_max) {
			ret_literals->grams = copy_set(a, &grams.best);
			ret_literals->gram_count = grams.best.n;
		}
	}
	arena_free(work);
}

/* Share of octets in mail text, in 1/10,000: letters folded, the rest by kind. */
static const unsigned short letter_share[26] = {
    600, 120, 250, 300, 900, 150, 150, 330, 550, 15, 60, 350, 200,
    550, 550, 200, 8, 500, 500, 650, 210, 70, 120, 20, 120, 8,
};

static double octet_share(unsigned char c)
{
	if (c >= 'a' && c <= 'z')
		return letter_share[c - 'a'] / 10000.0;
	if (c == ' ')
		return 0.15;
	if (is_digit(c))
		return 0.008;
	return strchr("./-=\"<>:\n", c) && c ? 0.009 : 0.003;
}

double literal_rate(struct str literal)
{
	double rate = 1;

	/* Octets of a word go together: later ones tell less than their share says. */
	for (size_t i = 0; i < literal.n; i++)
		rate *= i < 4 ? octet_share((unsigned char)literal.p[i]) : sqrt(octet_share((unsigned char)literal.p[i]));
	return rate;
}

static double gram_rate(struct str gram)
{
	double rate = 1;

	for (size_t i = 0; i < gram.n; i++) {
		char c = gram.p[i];
		rate *= c == ' ' ? 0.25 : c == '0' ? 0.05 : c == '_' ? 0.002 : octet_share((unsigned char)c);
	}
	return rate;
}
