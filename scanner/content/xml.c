/*
 * A reader of tags that asks for nothing: documents that are damaged on purpose are read as far as
 * they go. Names come without their prefix, for the prefix is the author's choice. One pass.
 */
#include <string.h>

#include "scanner/content/content.h"

enum { ENTITY_MAX = 12 };

static struct str local_name(struct str name)
{
	ptrdiff_t colon = str_rchr(name, ':');

	return str_from(name, colon < 0 ? 0 : (size_t)colon + 1);
}

/* The end of a tag: a > outside of quotes. */
static size_t tag_end(struct str s)
{
	char quote = '\0';

	for (size_t i = 0; i < s.n && i < XML_TAG_MAX; i++) {
		char c = s.p[i];

		if (quote ? c == quote : c == '"' || c == '\'')
			quote = quote ? '\0' : c;
		else if (c == '>' && !quote)
			return i;
	}
	return s.n < XML_TAG_MAX ? s.n : XML_TAG_MAX;
}

bool xml_next(struct str *rest, struct xml_tag *ret)
{
	ptrdiff_t at = str_chr(*rest, '<');
	struct str tag;
	size_t name = 0;

	if (at < 0)
		return false;
	ret->text = str_sub(*rest, 0, (size_t)at);
	*rest = str_from(*rest, (size_t)at + 1);
	tag = str_sub(*rest, 0, tag_end(*rest));
	*rest = str_from(*rest, tag.n + 1);
	ret->is_end = str_starts(tag, STR("/"));
	tag = str_from(tag, ret->is_end);
	while (name < tag.n && !is_space(tag.p[name]) && tag.p[name] != '/')
		name++;
	ret->name = local_name(str_sub(tag, 0, name));
	ret->attributes = str_from(tag, name);
	return true;
}

bool xml_attribute(struct str *attributes, struct str *ret_name, struct str *ret_value)
{
	ptrdiff_t equals = str_chr(*attributes, '=');
	struct str value;
	ptrdiff_t end;

	if (equals < 0)
		return false;
	*ret_name = local_name(str_trim(str_sub(*attributes, 0, (size_t)equals)));
	value = str_trim(str_from(*attributes, (size_t)equals + 1));
	if (value.n && (value.p[0] == '"' || value.p[0] == '\'')) {
		end = str_chr(str_from(value, 1), value.p[0]);
		*ret_value = str_sub(value, 1, end < 0 ? value.n : (size_t)end);
		*attributes = str_from(value, end < 0 ? value.n : (size_t)end + 2);
		return true;
	}
	for (end = 0; (size_t)end < value.n && !is_space(value.p[end]); end++)
		;
	*ret_value = str_sub(value, 0, (size_t)end);
	*attributes = str_from(value, (size_t)end);
	return true;
}

struct str xml_get(const struct xml_tag *tag, const char *name)
{
	struct str rest = tag->attributes, here, value;

	while (xml_attribute(&rest, &here, &value))
		if (str_iis(here, name))
			return value;
	return STR_NONE;
}

/* The five names of XML, and those of HTML that hide a scheme or a call; '?' for others. */
static char named(struct str name)
{
	static const struct {
		const char *name;
		char c;
	} names[] = {{"quot", '"'}, {"apos", '\''}, {"amp", '&'}, {"lt", '<'}, {"gt", '>'},
	    {"Tab", '\t'}, {"NewLine", '\n'}, {"colon", ':'},
	    {"lpar", '('},
	    {"rpar", ')'}, {"sol", '/'}, {"period", '.'}, {"comma", ','}, {"semi", ';'}, {"equals", '='}, {"plus", '+'}, {"nbsp", ' '}};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (str_is(name, names[i].name))
			return names[i].c;
	return '?';
}

/* "&#68;", "&#x0044" behind its mark: with as many digits as one likes, and browsers do without the end. '?' when it is not ASCII. */
static char numbered(struct str *rest)
{
	bool is_hex = rest->n && to_lower(rest->p[0]) == 'x';
	unsigned base = is_hex ? 16 : 10;
	uint32_t code = 0;

	*rest = str_from(*rest, is_hex);
	for (; rest->n && hex_value(rest->p[0]) >= 0 && (is_hex || is_digit(rest->p[0])); *rest = str_from(*rest, 1))
		code = code < 0x110000 ? code * base + (uint32_t)hex_value(rest->p[0]) : code;
	*rest = str_from(*rest, rest->n && rest->p[0] == ';');
	return code > 0 && code < 128 ? (char)code : '?';
}

void xml_plain(struct str text, struct buf *out)
{
	while (text.n) {
		ptrdiff_t at = str_chr(text, '&'), end;

		buf_add(out, str_sub(text, 0, at < 0 ? text.n : (size_t)at));
		if (at < 0)
			return;
		text = str_from(text, (size_t)at + 1);
		if (text.n && text.p[0] == '#') {
			text = str_from(text, 1);
			buf_addc(out, numbered(&text));
			continue;
		}
		end = str_chr(str_sub(text, 0, ENTITY_MAX), ';');
		buf_addc(out, end < 0 ? '&' : named(str_sub(text, 0, (size_t)end)));
		text = str_from(text, end < 0 ? 0 : (size_t)end + 1);
	}
}
