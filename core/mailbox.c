/*
 * Address lists: cut into tokens first, then into items at commas and semicolons; each item is read
 * by what stands in it, not by what a grammar would want there. What never closes (a quote, a
 * comment, a bracket) is looked for once only, so that the whole stays linear.
 */
#include "core/mailbox.h"

#include "core/address.h"
#include "core/header.h"

enum { TOKENS_MAX = 20000, ANGLES_MAX = 16 };

enum token_kind { WORD, QUOTED, COMMENT, LITERAL, SIGN };

struct token {
	enum token_kind kind;
	struct str raw;
	char sign; /* of < > @ , ; : */
	bool has_blank, has_comment; /* in front of it */
};

struct lexer {
	struct str in;
	size_t at;
	struct token *v;
	size_t n, room;
	uint32_t odd;
	bool no_quotes, no_comments, no_literals; /* one that is never closed was met */
};

struct list {
	struct arena *arena;
	struct mailbox *v;
	size_t n, room;
	uint32_t odd;
	struct str group;
	bool is_in_group;
	struct str stray;     /* words before a comma that are no address: the name of the next one */
	struct mailbox lonely; /* a local part alone: listed only when nothing better comes */
};

/* ---- tokens ---- */

static void add_token(struct arena *a, struct lexer *l, enum token_kind kind, size_t from, bool has_blank)
{
	if (l->n == TOKENS_MAX) {
		l->odd |= MAILBOX_OVER;
		return;
	}
	if (l->n == l->room) {
		struct token *more = arena_array(a, l->room ? l->room * 2 : 16, sizeof *more);
		if (l->n)
			memcpy(more, l->v, l->n * sizeof *more);
		l->v = more;
		l->room = l->room ? l->room * 2 : 16;
	}
	l->v[l->n++] = (struct token){.kind = kind, .raw = str_sub(l->in, from, l->at - from),
	    .sign = kind == SIGN ? l->in.p[from] : '\0', .has_blank = has_blank};
}

/* End of what opens at l->at and closes with `close`; 0 when it never does. */
static size_t end_of(const struct lexer *l, char close)
{
	for (size_t i = l->at + 1; i < l->in.n; i++) {
		if (l->in.p[i] == '\\')
			i++;
		else if (l->in.p[i] == close)
			return i + 1;
	}
	return 0;
}

static size_t end_of_comment(struct lexer *l)
{
	unsigned depth = 0;

	for (size_t i = l->at; i < l->in.n; i++) {
		char c = l->in.p[i];
		if (c == '\\')
			i++;
		else if (c == '(' && ++depth > MAILBOX_COMMENT_DEPTH)
			return 0;
		else if (c == ')' && --depth == 0)
			return i + 1;
	}
	return 0;
}

/* A bracketed thing, or its opening sign alone dropped when nothing closes it. */
static void take_enclosed(struct arena *a, struct lexer *l, enum token_kind kind, bool *never, bool has_blank)
{
	size_t from = l->at, end = 0;

	if (!*never)
		end = kind == COMMENT ? end_of_comment(l) : end_of(l, kind == QUOTED ? '"' : ']');
	if (!end) {
		*never = true;
		l->odd |= MAILBOX_UNBALANCED;
		l->at++;
		return;
	}
	l->at = end;
	add_token(a, l, kind, from, has_blank);
}

static bool ends_word(char c)
{
	return c && strchr(" \t\r\n()<>@,;:\"[]", c);
}

static void note_octet(struct lexer *l, unsigned char c)
{
	if (c == '\0')
		l->odd |= MAILBOX_NUL;
	else if (c >= 0x80)
		l->odd |= MAILBOX_8BIT;
	else if ((c < ' ' && !is_space(c)) || c == 0x7f)
		l->odd |= MAILBOX_CONTROL;
}

static void note_octets(struct lexer *l)
{
	for (size_t i = 0; i < l->in.n; i++) {
		note_octet(l, (unsigned char)l->in.p[i]);
		if (l->in.p[i] == '\r' && (i + 1 == l->in.n || l->in.p[i + 1] != '\n'))
			l->odd |= MAILBOX_CONTROL;
	}
}

static void take_token(struct arena *a, struct lexer *l, bool has_blank)
{
	size_t from = l->at;
	char c = l->in.p[l->at];

	if (c == '"') {
		take_enclosed(a, l, QUOTED, &l->no_quotes, has_blank);
	} else if (c == '(') {
		take_enclosed(a, l, COMMENT, &l->no_comments, has_blank);
	} else if (c == '[') {
		take_enclosed(a, l, LITERAL, &l->no_literals, has_blank);
	} else if (c == ')' || c == ']') {
		l->odd |= MAILBOX_UNBALANCED;
		l->at++;
	} else if (ends_word(c)) {
		l->at++;
		add_token(a, l, SIGN, from, has_blank);
	} else {
		while (l->at < l->in.n && !ends_word(l->in.p[l->at]))
			l->at++;
		add_token(a, l, WORD, from, has_blank);
	}
}

static void lex(struct arena *a, struct lexer *l)
{
	bool has_blank = false;
	size_t before;

	note_octets(l);
	while (l->at < l->in.n && !(l->odd & MAILBOX_OVER)) {
		if (is_space((unsigned char)l->in.p[l->at])) {
			has_blank = true;
			l->at++;
			continue;
		}
		before = l->n;
		take_token(a, l, has_blank);
		has_blank = l->n == before; /* what was dropped separates like a blank */
	}
}

/* ---- names ---- */

/* Without the brackets around it and backslashes before others. */
static void add_unquoted(struct buf *out, const struct token *t)
{
	struct str in = str_sub(t->raw, 1, t->raw.n - 2);

	for (size_t i = 0; i < in.n; i++) {
		if (in.p[i] == '\\' && i + 1 < in.n)
			i++;
		if (in.p[i] != '\r' && in.p[i] != '\n')
			buf_addc(out, in.p[i]);
	}
}

static struct str name_of(struct arena *a, const struct token *v, size_t n)
{
	struct buf out = {0};

	for (size_t i = 0; i < n; i++) {
		if (v[i].kind == COMMENT)
			continue;
		if (out.n && v[i].has_blank)
			buf_addc(&out, ' ');
		if (v[i].kind == QUOTED)
			add_unquoted(&out, &v[i]);
		else
			buf_add(&out, v[i].raw);
	}
	return str_trim(rfc2047_decode(a, buf_take(&out, a)));
}

static struct str last_comment(struct arena *a, const struct token *v, size_t n)
{
	struct buf out = {0};

	while (n && v[n - 1].kind != COMMENT)
		n--;
	if (!n)
		return STR_NONE;
	add_unquoted(&out, &v[n - 1]);
	return str_trim(rfc2047_decode(a, buf_take(&out, a)));
}

/* ---- one address ---- */

static bool is_sign(const struct token *t, char c)
{
	return t->kind == SIGN && t->sign == c;
}

/* Copies the tokens without comments, which part words as blanks do; what was dropped on the way is noted. */
static size_t without_comments(struct token *out, const struct token *v, size_t n, uint32_t *odd)
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++) {
		if (v[i].kind != COMMENT) {
			out[kept] = v[i];
			out[kept++].has_comment = i > 0 && v[i - 1].kind == COMMENT;
		} else if (kept && i + 1 < n && v[i + 1].kind != COMMENT) {
			*odd |= MAILBOX_COMMENT;
		}
	}
	return kept;
}

static bool joins(const struct token *left, const struct token *right)
{
	return (!right->has_blank && !right->has_comment) || str_ends(left->raw, STR(".")) || str_starts(right->raw, STR("."));
}

static struct str concat(struct arena *a, const struct token *v, size_t n)
{
	struct buf out = {0};

	if (n == 1)
		return v[0].raw;
	for (size_t i = 0; i < n; i++)
		buf_add(&out, v[i].raw);
	return buf_take(&out, a);
}

static bool is_atext(unsigned char c)
{
	return is_alnum(c) || c >= 0x80 || (c && strchr("!#$%&'*+-/=?^_`{|}~", c));
}

static bool is_atoms(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!is_atext((unsigned char)s.p[i]) && s.p[i] != '.')
			return false;
	return s.n > 0;
}

static void check_local(struct mailbox *m)
{
	struct str s = m->local;

	if (s.n >= 2 && s.p[0] == '"' && s.p[s.n - 1] == '"') {
		m->odd |= MAILBOX_QUOTED_LOCAL;
		return;
	}
	if (!is_atoms(s))
		m->odd |= MAILBOX_BAD_LOCAL;
	else if (s.p[0] == '.' || s.p[s.n - 1] == '.' || str_find(s, STR("..")) >= 0)
		m->odd |= MAILBOX_OBSOLETE;
	if (str_find(s, STR("=?")) >= 0)
		m->odd |= MAILBOX_ENCODED;
}

static void check_domain(struct mailbox *m, const struct token *first)
{
	if (first->kind == LITERAL)
		m->odd |= MAILBOX_LITERAL;
	else if (!domain_is_valid(m->domain, true))
		m->odd |= MAILBOX_BAD_DOMAIN;
}

static void finish_address(struct arena *a, struct mailbox *m)
{
	struct buf out = {0};

	m->address = m->local;
	if (!m->domain.n)
		return;
	buf_add(&out, m->local); /* not by printf: there may be a NUL in it */
	buf_addc(&out, '@');
	buf_add(&out, m->domain);
	m->address = buf_take(&out, a);
}

/* v: no comments; `at` is the place of the @. Words around that do not belong to it are junk. */
static void read_at(struct arena *a, struct mailbox *m, const struct token *v, size_t n, size_t at)
{
	size_t from = at, to = at + 1;

	while (from > 0 && v[from - 1].kind != SIGN && (from == at || joins(&v[from - 1], &v[from])))
		from--;
	while (to < n && v[to].kind != SIGN && (to == at + 1 || joins(&v[to - 1], &v[to])))
		to++;
	if (from > 0 || to < n)
		m->odd |= to < n && is_sign(&v[to], '@') ? MAILBOX_BAD_LOCAL : MAILBOX_JUNK;
	for (size_t i = from + 1; i < to; i++)
		if (v[i].has_blank)
			m->odd |= MAILBOX_OBSOLETE;
	m->local = concat(a, v + from, at - from);
	m->domain = str_lower(a, concat(a, v + at + 1, to - at - 1));
	if (from == at)
		m->odd |= MAILBOX_BAD_LOCAL;
	else
		check_local(m);
	if (to == at + 1)
		m->odd |= MAILBOX_BAD_DOMAIN;
	else
		check_domain(m, &v[at + 1]);
	finish_address(a, m);
}

static size_t find_sign(const struct token *v, size_t n, size_t from, char c)
{
	while (from < n && !is_sign(&v[from], c))
		from++;
	return from;
}

/* An addr-spec or what stands in its place. False when it holds nothing like one. */
static bool read_spec(struct arena *a, struct mailbox *m, const struct token *all, size_t count)
{
	struct token *v = arena_array(a, count + 1, sizeof *v);
	size_t n = without_comments(v, all, count, &m->odd), at;

	if (n && is_sign(&v[0], '@')) { /* <@relay,@relay:local@domain> */
		size_t colon = find_sign(v, n, 0, ':');
		if (colon < n) {
			m->odd |= MAILBOX_ROUTE;
			v += colon + 1;
			n -= colon + 1;
		}
	}
	at = find_sign(v, n, 0, '@');
	if (at < n) {
		read_at(a, m, v, n, at);
		return true;
	}
	if (n != 1 || v[0].kind == SIGN || v[0].kind == LITERAL)
		return false;
	m->odd |= MAILBOX_NO_DOMAIN;
	m->local = m->address = v[0].raw;
	check_local(m);
	return true;
}

/* ---- items ---- */

static void add_mailbox(struct list *l, const struct mailbox *m)
{
	if (l->n == MAILBOXES_MAX) {
		l->odd |= MAILBOX_OVER;
		return;
	}
	if (l->n == l->room) {
		struct mailbox *more = arena_array(l->arena, l->room ? l->room * 2 : 4, sizeof *more);
		if (l->n)
			memcpy(more, l->v, l->n * sizeof *more);
		l->v = more;
		l->room = l->room ? l->room * 2 : 4;
	}
	l->v[l->n] = *m;
	l->v[l->n].group = l->group;
	if (!m->name.n)
		l->v[l->n].name = l->stray;
	l->stray = STR_NONE;
	l->n++;
	l->odd |= m->odd;
}

static struct str raw_of(const struct token *v, size_t n)
{
	return n ? str_range(v[0].raw.p, v[n - 1].raw.p + v[n - 1].raw.n) : STR_NONE;
}

/* Words in front of <>: a name; an address among them is one that some programs would take. */
static void read_phrase(struct list *l, struct mailbox *m, const struct token *v, size_t n)
{
	struct mailbox other = {.raw = m->raw};
	size_t at;

	m->name = name_of(l->arena, v, n);
	if (!m->name.n)
		m->name = last_comment(l->arena, v, n);
	if (str_chr(m->name, '@') > 0)
		m->odd |= MAILBOX_ADDRESS_NAME;
	if (find_sign(v, n, 0, '>') < n)
		m->odd |= MAILBOX_UNBALANCED;
	for (size_t i = 0; i < n; i++)
		if (v[i].kind == LITERAL)
			m->odd |= MAILBOX_JUNK; /* [<c@d>] <a@b> */
	at = find_sign(v, n, 0, '@');
	if (at < n && find_sign(v, n, at + 1, '@') < n)
		m->odd |= MAILBOX_JUNK; /* only one of them can be the address behind */
	if (at == n || !read_spec(l->arena, &other, v, n))
		return;
	if (str_ieq(other.address, m->address))
		return;
	m->odd |= MAILBOX_JUNK;
	other.odd |= MAILBOX_JUNK;
	add_mailbox(l, &other);
}

/* `open` is the place of the <. Further ones give further mailboxes. */
static void read_angle(struct list *l, const struct token *v, size_t n, size_t open)
{
	size_t close = find_sign(v, n, open, '>'), next = find_sign(v, n, open + 1, '<');
	struct mailbox m = {.raw = raw_of(v, n)};
	size_t end = close < next ? close : next;

	if (close == n)
		m.odd |= MAILBOX_UNBALANCED;
	if (next < n)
		m.odd |= MAILBOX_TWO_ANGLES;
	if (end == open + 1)
		m.odd |= MAILBOX_NULL_ANGLE;
	else if (!read_spec(l->arena, &m, v + open + 1, end - open - 1))
		m.odd |= MAILBOX_NONE;
	read_phrase(l, &m, v, open);
	for (size_t i = end + 1; i < n && i < next; i++)
		if (v[i].kind != COMMENT)
			m.odd |= MAILBOX_JUNK;
	if (!m.name.n && end < n)
		m.name = last_comment(l->arena, v + end, n - end);
	add_mailbox(l, &m);
}

/* An address that stands in a comment, and nowhere else in its item, is taken by some programs. */
static void read_comments(struct list *l, const struct token *v, size_t n)
{
	for (size_t i = 0; i < n && i < ANGLES_MAX; i++) {
		struct lexer inner = {.in = str_sub(v[i].raw, 1, v[i].raw.n - 2)};
		struct mailbox m = {.raw = v[i].raw, .odd = MAILBOX_JUNK};
		size_t from, to;

		if (v[i].kind != COMMENT || str_chr(v[i].raw, '@') < 0)
			continue;
		lex(l->arena, &inner);
		from = find_sign(inner.v, inner.n, 0, '<');
		from = from < inner.n ? from + 1 : 0;
		to = find_sign(inner.v, inner.n, from, '>');
		if (read_spec(l->arena, &m, inner.v + from, to - from) && m.domain.n)
			add_mailbox(l, &m);
	}
}

static void read_item(struct list *l, const struct token *v, size_t n)
{
	struct mailbox m = {.raw = raw_of(v, n)};
	size_t open = find_sign(v, n, 0, '<');

	if (n == 0) {
		l->odd |= MAILBOX_EMPTY_ITEM;
		return;
	}
	if (open < n) {
		size_t start = 0;

		for (int i = 0; open < n && i < ANGLES_MAX; i++) {
			read_angle(l, v + start, n - start, open - start);
			start = open;
			open = find_sign(v, n, open + 1, '<');
		}
		l->odd |= open < n ? MAILBOX_OVER : 0;
		return;
	}
	if (find_sign(v, n, 0, '>') < n)
		m.odd |= MAILBOX_UNBALANCED;
	if (read_spec(l->arena, &m, v, n)) {
		m.name = last_comment(l->arena, v, n);
		if (m.domain.n)
			add_mailbox(l, &m);
		else
			l->lonely = m;
	}
	if (m.domain.n)
		return;
	l->odd |= m.odd | (m.local.n ? 0 : MAILBOX_NONE);
	l->stray = name_of(l->arena, v, n);
	if (str_chr(l->stray, '@') >= 0)
		l->odd |= MAILBOX_ENCODED;
	read_comments(l, v, n);
}

/* Where the item that starts at `from` ends: a separator outside of <>, or the end. */
static size_t item_end(const struct token *v, size_t n, size_t from)
{
	bool is_angle = false;

	for (size_t i = from; i < n; i++) {
		if (is_sign(&v[i], '<'))
			is_angle = true;
		else if (is_sign(&v[i], '>'))
			is_angle = false;
		else if (is_sign(&v[i], ';') || (!is_angle && (is_sign(&v[i], ',') || is_sign(&v[i], ':'))))
			return i;
	}
	return n;
}

/* A name is of words; an address in front of a colon would be shown by many, and seen by nobody here. */
static bool is_phrase(const struct token *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (v[i].kind == LITERAL || (v[i].kind == SIGN && v[i].sign != '.'))
			return false;
	return true;
}

static void start_group(struct list *l, const struct token *v, size_t n)
{
	l->odd |= MAILBOX_GROUP | (l->is_in_group || !is_phrase(v, n) ? MAILBOX_JUNK : 0);
	l->group = name_of(l->arena, v, n);
	l->is_in_group = true;
}

/* What the separator behind an item does. */
static void separate(struct list *l, const struct token *sign)
{
	if (sign->sign != ';')
		return;
	if (!l->is_in_group)
		l->odd |= MAILBOX_SEMICOLON;
	l->is_in_group = false;
	l->group = STR_NONE;
}

static void read_items(struct list *l, const struct token *v, size_t n)
{
	for (size_t from = 0, end; from < n; from = end + 1) {
		end = item_end(v, n, from);
		if (end < n && is_sign(&v[end], ':')) {
			start_group(l, v + from, end - from);
			continue;
		}
		/* "name:;" and "a@b;" have nothing between or behind their signs. */
		if (end > from || (end < n && !is_sign(&v[end], ';')))
			read_item(l, v + from, end - from);
		if (end < n)
			separate(l, &v[end]);
	}
	if (l->is_in_group)
		l->odd |= MAILBOX_UNBALANCED;
}

void mailboxes_parse(struct arena *a, struct str value, struct mailboxes *ret_mailboxes)
{
	struct lexer lexer = {.in = str_trim(value)};
	struct list list = {.arena = a};

	lex(a, &lexer);
	read_items(&list, lexer.v, lexer.n);
	list.odd |= lexer.odd;
	if (!list.n && list.lonely.local.n)
		add_mailbox(&list, &list.lonely);
	if (list.n > 1)
		list.odd |= MAILBOX_SEVERAL;
	*ret_mailboxes = (struct mailboxes){list.v, list.n, list.odd};
}

const char *mailbox_odd_name(uint32_t bit)
{
	static const char *const names[] = {
	    "nul", "control", "unbalanced", "junk", "two-angles", "no-domain", "bad-domain", "bad-local",
	    "encoded", "none", "over", "group", "several", "route", "quoted-local", "literal", "comment",
	    "obsolete", "8bit", "empty-item", "semicolon", "address-name", "null-angle",
	};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (bit == 1u << i)
			return names[i];
	return NULL;
}
