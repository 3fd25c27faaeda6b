/* Reads mailboxes as mail programs show them, and hosts and addresses out of any text. */
#include "rules/person.h"

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

/* Length of one item of an address list: up to a comma outside quotes, comments and brackets. */
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
		else if (c == ',' && !comments && !angle)
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

/* "Name <address> (comment)" as mail programs show it: the address in brackets wins. */
struct person person_read(struct arena *a, struct str s)
{
	ptrdiff_t open = str_rchr(s, '<');
	struct str inner, comment = STR_NONE, ignored = STR_NONE;
	struct person item = {STR(""), STR("")};
	ptrdiff_t close;

	if (open >= 0) {
		inner = str_from(s, (size_t)open + 1);
		close = str_chr(inner, '>');
		inner = close < 0 ? inner : str_sub(inner, 0, (size_t)close);
		item.address = without_blanks(a, plain_words(a, inner, &ignored));
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
	if (!item.name.n || str_eq(item.name, item.address))
		item.name = comment.p ? comment : STR("");
	return item;
}

/* "Group: a, b;" is a, b. */
struct str person_list(struct str s)
{
	ptrdiff_t colon = str_chr(s, ':'), semicolon;

	if (colon <= 0)
		return s;
	for (ptrdiff_t i = 0; i < colon; i++)
		if (strchr("\"()<>@", s.p[i]))
			return s;
	s = str_from(s, (size_t)colon + 1);
	semicolon = str_rchr(s, ';');
	return semicolon < 0 ? s : str_sub(s, 0, (size_t)semicolon);
}

struct str person_name(struct arena *a, struct str name)
{
	return squeeze(a, str_find(name, STR("=?")) >= 0 ? header_decode(a, name) : name);
}

static bool is_host_char(char c)
{
	return is_alnum(c) || c == '-' || c == '.' || c == '_' || (unsigned char)c > 0x7f;
}

/* A name with a dot whose end is a public suffix or looks like one. */
static bool is_host(struct str s)
{
	ptrdiff_t dot = str_rchr(s, '.');
	struct str top = dot < 0 ? s : str_from(s, (size_t)dot + 1);

	if (dot <= 0 || top.n < 2 || s.n > 253)
		return false;
	for (size_t i = 0; i < top.n; i++)
		if (is_digit(top.p[i]))
			return str_istarts(top, STR("xn--"));
	return true;
}

static bool take_host(struct str text, size_t *at, struct str *ret_host)
{
	while (*at < text.n) {
		size_t start = *at;
		struct str s;
		while (*at < text.n && is_host_char(text.p[*at]))
			++*at;
		s = str_sub(text, start, *at - start);
		if (*at == start)
			++*at;
		while (s.n && s.p[s.n - 1] == '.')
			s.n--;
		if (is_host(s)) {
			*ret_host = s;
			return true;
		}
	}
	return false;
}

bool person_find_host(struct str text, struct str *ret_host)
{
	ptrdiff_t sign = str_rchr(text, '@');
	size_t at = sign < 0 ? 0 : (size_t)sign + 1;

	if (take_host(text, &at, ret_host))
		return true;
	at = 0;
	return take_host(text, &at, ret_host);
}

bool person_find_ip(struct str text, struct ip *ret_ip)
{
	for (size_t i = 0; i < text.n;) {
		size_t start = i;
		struct str s;
		while (i < text.n && (hex_value(text.p[i]) >= 0 || text.p[i] == '.' || text.p[i] == ':'))
			i++;
		s = str_sub(text, start, i - start);
		while (s.n && (s.p[s.n - 1] == '.' || s.p[s.n - 1] == ':') && s.n < 40)
			s.n--;
		if (s.n >= 3 && s.n < IP_TEXT_MAX && ip_parse(s, ret_ip))
			return true;
		if (i == start)
			i++;
	}
	return false;
}
