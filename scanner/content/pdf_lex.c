/* The words of PDF: names with #xx resolved, strings and comments passed over, values of dictionaries, objects by number. */
#include <string.h>

#include "scanner/content/content.h"

enum { ROOM = 40, OBJECT_MAX = 1 << 20, LEVELS_MAX = 32 };

static bool is_blank(char c)
{
	return is_space(c) || c == '\0' || c == '\f';
}

static bool ends_word(char c)
{
	return is_blank(c) || memchr("/<>[](){}%", c, 10) != NULL;
}

struct str pdf_name(struct str s, char *room, size_t size)
{
	size_t n = 0;

	for (size_t i = 0; i < s.n && !ends_word(s.p[i]); i++) {
		int high = i + 2 < s.n && s.p[i] == '#' ? hex_value(s.p[i + 1]) : -1;
		int low = high >= 0 ? hex_value(s.p[i + 2]) : -1;

		if (n == size)
			return STR_NONE;
		room[n++] = low >= 0 ? (char)(high << 4 | low) : s.p[i];
		i += low >= 0 ? 2 : 0;
	}
	return (struct str){room, n};
}

/* Blanks and comments. */
static struct str without_blanks(struct str s)
{
	while (s.n && (is_blank(s.p[0]) || s.p[0] == '%')) {
		if (s.p[0] == '%')
			while (s.n && s.p[0] != '\n' && s.p[0] != '\r')
				s = str_from(s, 1);
		s = str_from(s, 1);
	}
	return s;
}

/* Octets of a string in parentheses, which stand in pairs or behind a backslash. */
static size_t string_length(struct str s)
{
	unsigned depth = 0;

	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] == '\\')
			i++;
		else if (s.p[i] == '(')
			depth++;
		else if (s.p[i] == ')' && --depth == 0)
			return i + 1;
	return s.n;
}

static size_t word_length(struct str s)
{
	size_t n = 1;

	while (n < s.n && !ends_word(s.p[n]))
		n++;
	return n;
}

bool pdf_next(struct str *rest, struct str *ret)
{
	struct str s = without_blanks(*rest);
	bool is_double = s.n > 1 && (s.p[0] == '<' || s.p[0] == '>') && s.p[1] == s.p[0];
	ptrdiff_t end;
	size_t n;

	if (!s.n)
		return false;
	if (s.p[0] == '(') {
		n = string_length(s);
	} else if (s.p[0] == '<' && !is_double) {
		end = str_chr(s, '>');
		n = end < 0 ? s.n : (size_t)end + 1;
	} else {
		n = is_double ? 2 : s.p[0] != '/' && ends_word(s.p[0]) ? 1 : word_length(s);
	}
	*ret = str_sub(s, 0, n);
	*rest = str_from(s, n);
	return true;
}

static bool is_name(struct str token, const char *name)
{
	char room[ROOM];

	return token.n && token.p[0] == '/' && str_is(pdf_name(str_from(token, 1), room, sizeof room), name);
}

struct str pdf_value(struct str dictionary, const char *name)
{
	struct str rest = dictionary, token;
	unsigned depth = 0;
	bool is_value = false;

	while (pdf_next(&rest, &token)) {
		bool is_key = depth == 1 && token.p[0] == '/' && !is_value;

		if (str_is(token, "<<") || token.p[0] == '[')
			depth++;
		else if (str_is(token, ">>") || token.p[0] == ']')
			depth -= depth > 0;
		is_value = is_key;
		if (is_key && is_name(token, name))
			return without_blanks(rest);
	}
	return STR_NONE;
}

struct str pdf_behind_name(struct str s, const char *name)
{
	struct str found = STR_NONE;
	ptrdiff_t at;

	while ((at = str_chr(s, '/')) >= 0) {
		struct str token = str_sub(s, (size_t)at, word_length(str_from(s, (size_t)at)));

		s = str_from(s, (size_t)at + token.n);
		if (is_name(token, name))
			found = without_blanks(s);
	}
	return found;
}

uint32_t pdf_number(struct str s)
{
	uint32_t n = 0;

	for (size_t i = 0; i < s.n && i < 9 && is_digit(s.p[i]); i++)
		n = n * 10 + (uint32_t)(s.p[i] - '0');
	return n;
}

bool pdf_reference(struct str *rest, uint32_t *ret_number)
{
	struct str s = *rest, number, generation, word;

	if (!pdf_next(&s, &number) || !is_digit(number.p[0]) || !pdf_next(&s, &generation) || !is_digit(generation.p[0]) ||
	    !pdf_next(&s, &word) || !str_is(word, "R"))
		return false;
	*ret_number = pdf_number(number);
	*rest = s;
	return true;
}

/* A number that ends here, with blanks behind it; moves to its first digit. */
static bool number_before(struct str s, size_t *at, uint32_t *ret)
{
	size_t end;

	while (*at && is_blank(s.p[*at - 1]))
		--*at;
	end = *at;
	while (*at && is_digit(s.p[*at - 1]))
		--*at;
	*ret = pdf_number(str_sub(s, *at, end - *at));
	return *at < end;
}

bool pdf_last_object(struct str s, struct pdf_object *ret)
{
	size_t left = s.n;

	for (; left >= 3; left--) {
		const char *p = s.p + left - 3;
		size_t at = left - 3;

		if (p[2] != 'j' || p[1] != 'b' || p[0] != 'o' || !number_before(s, &at, &ret->generation) || !number_before(s, &at, &ret->number))
			continue;
		ret->text = str_from(s, left);
		return true;
	}
	return false;
}

struct str pdf_object(struct str file, uint32_t number)
{
	struct str found = STR_NONE, rest = file;
	ptrdiff_t at;

	while ((at = str_find(rest, STR("obj"))) >= 0) {
		size_t from = (size_t)(rest.p - file.p) + (size_t)at;
		uint32_t generation, here;

		rest = str_from(rest, (size_t)at + 3);
		if (number_before(file, &from, &generation) && number_before(file, &from, &here) && here == number)
			found = str_sub(rest, 0, OBJECT_MAX);
	}
	at = str_find(found, STR("endobj"));
	return at < 0 ? found : str_sub(found, 0, (size_t)at);
}
