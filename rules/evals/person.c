/* Reads mailboxes as mail programs show them, and hosts and addresses out of any text. */
#include "rules/evals/person.h"

#include <string.h>

#include "core/header.h"

static struct str squeeze(struct arena *a, struct str s)
{
	char *p = arena_alloc(a, s.n + 1);
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++)
		if (!is_space(s.p[i]))
			p[n++] = s.p[i];
		else if (n && p[n - 1] != ' ')
			p[n++] = ' ';
	while (n && p[n - 1] == ' ')
		n--;
	if (n > 1 && p[0] == '\'' && p[n - 1] == '\'')
		return (struct str){p + 1, n - 2};
	return (struct str){p, n};
}

/* Length of one item of an address list: up to a comma (or a semicolon) outside quotes, comments and brackets. */
size_t person_length(struct str s)
{
	unsigned comments = 0;
	bool quoted = false, angle = false;

	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		if (c == '\\')
			i++;
		else if (c == '"' && !comments)
			quoted = !quoted;
		else if (quoted)
			continue;
		else if (c == '(')
			comments++;
		else if (c == ')' && comments)
			comments--;
		else if (c == '<' && !comments)
			angle = true;
		else if (c == '>' && !comments)
			angle = false;
		else if ((c == ',' || c == ';') && !comments && !angle)
			return i;
	}
	return s.n;
}

/* Without quotes, backslashes and (comments); *ret_comment: the last comment. */
static struct str plain_words(struct arena *a, struct str s, struct str *ret_comment)
{
	char *p = arena_alloc(a, s.n + 1);
	size_t n = 0, start = 0;
	unsigned comments = 0;
	bool quoted = false;

	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		if (c == '\\' && i + 1 < s.n && quoted) {
			p[n++] = s.p[++i];
		} else if (c == '"' && !comments) {
			quoted = !quoted;
		} else if (!quoted && c == '(') {
			if (comments++ == 0)
				start = i + 1;
		} else if (!quoted && c == ')' && comments) {
			if (--comments == 0)
				*ret_comment = str_sub(s, start, i - start);
		} else if (!comments) {
			p[n++] = c;
		}
	}
	return str_trim((struct str){p, n});
}

static struct str without_blanks(struct arena *a, struct str s)
{
	char *p = arena_alloc(a, s.n + 1);
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++)
		if (!is_space(s.p[i]))
			p[n++] = s.p[i];
	return (struct str){p, n};
}

/* The first bracket outside of quotes. */
static ptrdiff_t first_bracket(struct str s)
{
	bool quoted = false;

	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '\\' && quoted)
			i++;
		else if (s.p[i] == '"')
			quoted = !quoted;
		else if (s.p[i] == '<' && !quoted)
			return (ptrdiff_t)i;
	}
	return str_rchr(s, '<');
}

/* What stands behind a second @ belongs to nobody. */
static struct str one_address(struct str s)
{
	ptrdiff_t first = str_chr(s, '@'), second = first < 0 ? -1 : str_chr(str_from(s, (size_t)first + 1), '@');

	return second < 0 ? s : str_sub(s, 0, (size_t)(first + 1 + second));
}

/* "Name <address> (comment)": the first brackets count, and of brackets in brackets the inner ones. */
struct person person_read(struct arena *a, struct str s)
{
	ptrdiff_t open = first_bracket(s), close, again;
	struct str inner, comment = STR_NONE, ignored = STR_NONE;
	struct person item = {STR(""), STR("")};

	if (open >= 0) {
		inner = str_from(s, (size_t)open + 1);
		close = str_chr(inner, '>');
		inner = close < 0 ? inner : str_sub(inner, 0, (size_t)close);
		again = str_rchr(inner, '<');
		item.address = without_blanks(a, plain_words(a, str_from(inner, (size_t)(again + 1)), &ignored));
		item.name = plain_words(a, str_sub(s, 0, (size_t)open), &comment);
	} else {
		struct str words = plain_words(a, s, &comment);
		if (str_chr(words, '@') > 0)
			item.address = words;
		else
			item.name = words;
	}
	if (str_chr(item.address, '@') <= 0)
		item.address = STR("");
	item.address = one_address(item.address);
	if (!item.name.n)
		item.name = comment.p ? comment : STR("");
	return item;
}

/* "Group: a, b;" is a, b; so is whatever stands before the last colon of words without quotes and brackets. */
struct str person_list(struct str s)
{
	size_t from = 0;

	for (size_t i = 0; i < s.n && !strchr("\"()<>", s.p[i] ? s.p[i] : 'x'); i++)
		if (s.p[i] == ':' && i)
			from = i + 1;
	return str_from(s, from);
}

struct str person_name(struct arena *a, struct str name)
{
	return squeeze(a, str_find(name, STR("=?")) >= 0 ? header_decode(a, name) : name);
}

static bool is_ip_char(char c)
{
	return hex_value(c) >= 0 || c == '.' || c == ':';
}

/* Octets of an address at the start of s; 0: none. It must end where a word ends, and not before a dot. */
static size_t ip_length(struct str s, struct ip *ret_ip)
{
	size_t n = 0;

	while (n < s.n && is_ip_char(s.p[n]))
		n++;
	if (n < s.n && (is_alnum(s.p[n]) || s.p[n] == '_'))
		return 0;
	while (n && s.p[n - 1] == ':')
		n--;
	return n >= 3 && n < IP_TEXT_MAX && ip_parse(str_sub(s, 0, n), ret_ip) ? n : 0;
}

bool person_find_ip_text(struct str text, struct ip *ret_ip, struct str *ret_written)
{
	static const size_t prefix = sizeof "IPv6:" - 1;

	for (size_t i = 0; i < text.n;) {
		size_t start = i, n;
		struct str rest = str_from(text, i);
		if (str_istarts(rest, STR("IPv6:")) && (n = ip_length(str_from(rest, prefix), ret_ip))) {
			*ret_written = str_sub(rest, 0, prefix + n);
			return true;
		}
		if (hex_value(text.p[i]) >= 0 && (n = ip_length(rest, ret_ip))) {
			*ret_written = str_sub(rest, 0, n);
			return true;
		}
		/* An address begins where a word begins. */
		while (i < text.n && (is_alnum(text.p[i]) || is_ip_char(text.p[i]) || text.p[i] == '_'))
			i++;
		if (i == start)
			i++;
	}
	return false;
}

bool person_find_ip(struct str text, struct ip *ret_ip)
{
	struct str ignored;

	return person_find_ip_text(text, ret_ip, &ignored);
}
