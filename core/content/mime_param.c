/*
 * "type/sub; name=value; ..." as Content-Type and Content-Disposition have it: RFC 2045 part 5.1,
 * continuations and charsets of RFC 2231, and what real programs write instead. Linear; comments are
 * counted, not recursed into.
 */
#include "core/text/charset.h"
#include "core/content/mime_private.h"

struct cursor {
	const char *at, *end;
	bool is_odd;
	bool is_unclosed; /* a comment without end was met: no ( counts any more */
};

/* A parameter as it stands, before RFC 2231. */
struct raw {
	struct str name;  /* lower case, without the stars */
	struct str value; /* unquoted */
	struct str other; /* another way to read it, "" none */
	int section;	  /* -1 none */
	bool is_extended; /* percent-encoded, with charset in the first section */
	bool is_taken;
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool one_of(char c, const char *set)
{
	return c && strchr(set, c);
}

/* c stands on "(". One that is never closed hides nothing: only its ( is skipped. */
static void skip_comment(struct cursor *c)
{
	const char *p = c->at;
	unsigned depth = 0;

	for (; p < c->end; p++) {
		if (*p == '\\' && p + 1 < c->end)
			p++;
		else if (*p == '(')
			depth++;
		else if (*p == ')' && --depth == 0)
			break;
	}
	if (p < c->end) {
		c->at = p + 1;
		return;
	}
	c->is_odd = c->is_unclosed = true;
	c->at++;
}

static void skip_blanks(struct cursor *c)
{
	while (c->at < c->end && (is_blank(*c->at) || *c->at == '(')) {
		if (*c->at == '(' && !c->is_unclosed)
			skip_comment(c);
		else
			c->at++;
	}
}

static struct str take_until(struct cursor *c, const char *stops)
{
	const char *from = c->at;

	while (c->at < c->end && !one_of(*c->at, stops))
		c->at++;
	return str_range(from, c->at);
}

/* The word in front: "text / html" loses its blanks. */
static struct str take_word(struct arena *a, struct cursor *c)
{
	struct str first, second;

	skip_blanks(c);
	first = take_until(c, " \t\r\n(;=,\"/");
	skip_blanks(c);
	if (c->at == c->end || *c->at != '/')
		return str_lower(a, first);
	c->at++;
	skip_blanks(c);
	second = take_until(c, " \t\r\n(;=,\"");
	return str_lower(a, arena_printf(a, "%.*s/%.*s", STR_ARG(first), STR_ARG(second)));
}

/* Behind the opening quote. A backslash counts only before " and \ : file names have them too. */
static struct str take_quoted(struct arena *a, struct cursor *c)
{
	const char *from = c->at;
	bool is_plain = true;
	char *copy;
	size_t n = 0;
	struct str text;

	while (c->at < c->end && *c->at != '"') {
		is_plain &= *c->at != '\\' && *c->at != '\r' && *c->at != '\n';
		c->at += *c->at == '\\' && c->at + 1 < c->end ? 2 : 1;
	}
	text = str_range(from, c->at);
	if (c->at == c->end)
		c->is_odd = true;
	else
		c->at++;
	if (is_plain)
		return text;
	copy = (char *)arena_str(a, text).p;
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] == '\r' || text.p[i] == '\n')
			continue;
		if (text.p[i] == '\\' && i + 1 < text.n && (text.p[i + 1] == '"' || text.p[i + 1] == '\\'))
			i++;
		copy[n++] = text.p[i];
	}
	return (struct str){copy, n};
}

/*
 * An unquoted value runs to the semicolon; a comment behind blanks is none of it. ret_other: only up
 * to the first blank, where that may be a whole file name.
 */
static struct str take_token(struct arena *a, struct cursor *c, struct str *ret_other)
{
	const char *from = c->at, *end;
	struct str first;

	take_until(c, " \t\r\n;");
	end = c->at;
	first = str_range(from, end);
	skip_blanks(c);
	while (c->at < c->end && *c->at != ';') {
		const char *name = c->at;
		take_until(c, " \t\r\n;=");
		if (c->at > name && c->at < c->end && *c->at == '=') { /* the semicolon is missing */
			c->at = name;
			c->is_odd = true;
			break;
		}
		take_until(c, " \t\r\n;"); /* "=?utf-8?...": the next of two encoded words */
		c->is_odd = true;
		end = c->at;
		skip_blanks(c);
		if (str_chr(first, '.') >= 0 && str_find(first, STR("=?")) < 0)
			*ret_other = first;
	}
	return header_unfold(a, str_range(from, end));
}

/* An encoded word that a stray quote has cut. */
static bool is_open_word(struct str value)
{
	ptrdiff_t at;

	while ((at = str_find(value, STR("=?"))) >= 0) {
		ptrdiff_t end = str_find(str_from(value, (size_t)at + 2), STR("?="));

		if (end < 0)
			return true;
		value = str_from(value, (size_t)at + 2 + (size_t)end + 2);
	}
	return false;
}

/* ret_other: with what stands between the quoted text and the semicolon, as some programs take it. */
static struct str take_value(struct arena *a, struct cursor *c, struct str *ret_other)
{
	const char *from, *end = NULL;
	struct cursor behind;
	struct str value;

	skip_blanks(c);
	if (c->at == c->end || *c->at != '"')
		return take_token(a, c, ret_other);
	from = ++c->at;
	value = take_quoted(a, c);
	skip_blanks(c);
	if (c->at == c->end || *c->at == ';')
		return value;
	c->is_odd = true;
	behind = *c;
	take_until(&behind, ";=");
	if (str_starts(str_range(behind.at, behind.end), STR("=?")) || is_open_word(value)) /* not "name2=" but an encoded word */
		take_until(&behind, ";");
	if (behind.at > from && behind.at[-1] == '"')
		end = behind.at - 1;
	if (behind.at == behind.end || *behind.at == ';')
		*ret_other = header_unfold(a, str_range(from, end ? end : behind.at));
	return value;
}

/* "filename*1*" : cuts stars and section off. */
static void split_name(struct raw *p)
{
	ptrdiff_t star = str_chr(p->name, '*');
	struct str tail;
	uint64_t section;

	p->section = -1;
	if (star < 0)
		return;
	tail = str_from(p->name, (size_t)star + 1);
	p->name.n = (size_t)star;
	if (tail.n && tail.p[tail.n - 1] == '*') {
		p->is_extended = true;
		tail.n--;
	}
	if (tail.n == 0)
		p->is_extended = true;
	else if (str_u64(tail, &section) && section < MIME_PARAMS_MAX)
		p->section = (int)section;
}

/* False when nothing is left. A part without "=" is skipped. */
static bool take_param(struct arena *a, struct cursor *c, struct raw *ret_raw)
{
	for (;;) {
		struct str name;

		skip_blanks(c);
		while (c->at < c->end && (*c->at == ';' || *c->at == ',' || is_blank(*c->at)))
			c->at++;
		skip_blanks(c);
		if (c->at == c->end)
			return false;
		name = take_until(c, "=;");
		if (c->at < c->end && *c->at == '=') {
			c->at++;
			*ret_raw = (struct raw){.name = str_lower(a, str_trim(name))};
			split_name(ret_raw);
			ret_raw->value = take_value(a, c, &ret_raw->other);
			return true;
		}
		c->is_odd |= str_trim(name).n > 0;
	}
}

static void add_percent_decoded(struct buf *out, struct str in)
{
	char *to = buf_reserve(out, in.n + 1);

	for (size_t i = 0; i < in.n; i++) {
		int high = in.p[i] == '%' && i + 2 < in.n ? hex_value((unsigned char)in.p[i + 1]) : -1;
		int low = high < 0 ? -1 : hex_value((unsigned char)in.p[i + 2]);
		*to++ = low < 0 ? in.p[i] : (char)(high << 4 | low);
		i += low < 0 ? 0 : 2;
	}
	out->n = (size_t)(to - out->p);
}

/* charset'language'text; without two quotes all of it is text. */
static struct str cut_charset(struct str value, struct str *ret_charset)
{
	ptrdiff_t first = str_chr(value, '\''), second;

	if (first < 0)
		return value;
	second = str_chr(str_from(value, (size_t)first + 1), '\'');
	if (second < 0)
		return value;
	*ret_charset = str_sub(value, 0, (size_t)first);
	return str_from(value, (size_t)first + (size_t)second + 2);
}

static struct raw *section_of(struct raw *v, size_t n, struct str name, int section)
{
	for (size_t i = 0; i < n; i++)
		if (!v[i].is_taken && v[i].section == section && str_eq(v[i].name, name) &&
		    (section >= 0 || v[i].is_extended))
			return &v[i];
	return NULL;
}

/* Joins the sections of one name from `first` on (section 0, or the lone extended one). */
static struct str join_sections(struct arena *a, struct raw *v, size_t n, struct raw *first)
{
	struct str charset = STR_NONE, text;
	struct buf octets = {0};
	struct str name = first->name;
	bool is_bad, is_extended = false;

	for (struct raw *p = first; p; p = p->section < 0 ? NULL : section_of(v, n, name, p->section + 1)) {
		struct str value = p->value;
		p->is_taken = true;
		if (!p->is_extended) {
			buf_add(&octets, value);
			continue;
		}
		if (p == first)
			value = cut_charset(value, &charset);
		is_extended = true;
		add_percent_decoded(&octets, value);
	}
	text = buf_take(&octets, a);
	if (!is_extended)
		return rfc2047_decode(a, text);
	if (!charset.n)
		return charset_guess(a, text);
	name = charset_to_utf8(a, charset, text, &is_bad);
	if (is_bad) /* what a program shows that does not convert it */
		first->other = text;
	return name;
}

static struct mime_param *param_find(struct mime_field *f, struct str name)
{
	for (size_t i = 0; i < f->n; i++)
		if (str_eq(f->params[i].name, name))
			return &f->params[i];
	return NULL;
}

static bool is_boundary(struct str name)
{
	return str_is(name, "boundary");
}

static void note_other(struct arena *a, struct mime_field *f, const struct raw *p)
{
	if (p->other.n && (str_is(p->name, "name") || str_is(p->name, "filename")))
		f->plain_name = rfc2047_decode(a, p->other);
}

static void add_plain(struct arena *a, struct mime_field *f, const struct raw *p)
{
	struct mime_param *there = param_find(f, p->name);
	struct str value = is_boundary(p->name) ? p->value : rfc2047_decode(a, p->value);

	note_other(a, f, p);
	if (!there) {
		f->params[f->n++] = (struct mime_param){p->name, value};
		return;
	}
	f->anomalies |= MIME_DUPLICATE_PARAMETER;
	if (str_eq(there->value, value))
		return;
	if (is_boundary(p->name)) {
		f->is_boundary_doubtful = true;
		f->last_boundary = value;
	} else {
		f->plain_name = value;
	}
}

/* RFC 2231 forms win over a plain one of the same name, as RFC 6266 recommends. */
static void add_joined(struct mime_field *f, struct str name, struct str value)
{
	struct mime_param *there = param_find(f, name);

	if (!there) {
		f->params[f->n++] = (struct mime_param){name, value};
		return;
	}
	if (str_eq(there->value, value))
		return;
	if (is_boundary(name)) {
		f->is_boundary_doubtful = true;
		f->last_boundary = value;
		return;
	}
	f->plain_name = there->value;
	there->value = value;
}

static void add_sections(struct arena *a, struct mime_field *f, struct raw *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!v[i].is_taken && (v[i].section == 0 || (v[i].section < 0 && v[i].is_extended)))
			add_joined(f, v[i].name, join_sections(a, v, n, &v[i]));
	for (size_t i = 0; i < n; i++) {
		if (v[i].is_taken || v[i].section <= 0)
			continue;
		f->anomalies |= MIME_BAD_PARAMETER; /* a section without the ones before it */
		add_joined(f, v[i].name, join_sections(a, v, n, &v[i]));
	}
}

void mime_field_parse(struct arena *a, struct str value, struct mime_field *ret_field)
{
	struct cursor c = {.at = value.p, .end = value.p + value.n};
	struct raw v[MIME_PARAMS_MAX], one;
	struct mime_field *f = ret_field;
	size_t n = 0;

	*f = (struct mime_field){.word = take_word(a, &c)};
	if (c.at < c.end && *c.at == '=') { /* no word: the parameters start at once */
		c = (struct cursor){.at = value.p, .end = value.p + value.n, .is_odd = true};
		f->word = STR_NONE;
	}
	skip_blanks(&c);
	c.is_odd |= c.at < c.end && *c.at != ';';
	while (take_param(a, &c, &one)) {
		if (n == MIME_PARAMS_MAX) {
			f->anomalies |= MIME_BAD_PARAMETER;
			break;
		}
		v[n++] = one;
	}
	f->anomalies |= c.is_odd ? MIME_BAD_PARAMETER : 0;
	if (!n)
		return;
	f->params = arena_array(a, n, sizeof *f->params);
	for (size_t i = 0; i < n; i++)
		if (v[i].section < 0 && !v[i].is_extended)
			add_plain(a, f, &v[i]);
	add_sections(a, f, v, n);
	for (size_t i = 0; i < n; i++)
		if (v[i].is_extended || v[i].section >= 0)
			note_other(a, f, &v[i]);
}
