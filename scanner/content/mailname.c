/*
 * What the parts of mail that is a file are called: parameters of RFC 2231 in pieces and in percent signs,
 * words of RFC 2047, or plainly. Octets stay as they are, which is UTF-8 nearly always.
 */
#include <string.h>

#include "scanner/content/content.h"

enum { PIECES_MAX = 32, VALUE_MAX = 1024, NAMES_MAX = 32 };

struct piece {
	struct str value;
	bool is_encoded;
};

static struct str blanks_off(struct str s)
{
	while (s.n && is_space(s.p[0]))
		s = str_from(s, 1);
	return s;
}

/* Behind the equals sign, in quotes or not. */
static struct str value_of(struct str s)
{
	size_t n = 0;

	s = str_sub(blanks_off(s), 0, VALUE_MAX);
	if (s.n && s.p[0] == '"') {
		ptrdiff_t end = str_chr(str_from(s, 1), '"');

		return str_sub(s, 1, end < 0 ? s.n : (size_t)end);
	}
	while (n < s.n && !is_space(s.p[n]) && s.p[n] != ';')
		n++;
	return str_sub(s, 0, n);
}

/* "name", "name*", "name*0", "name*0*" and the equals sign; -1 there is no number. Cuts it off. */
static bool take_key(struct str *s, int *ret_number, bool *ret_is_encoded)
{
	struct str rest = blanks_off(*s);
	size_t n = 0;

	*ret_number = -1;
	*ret_is_encoded = false;
	if (rest.n && rest.p[0] == '*') {
		rest = str_from(rest, 1);
		for (; n < rest.n && n < 3 && is_digit(rest.p[n]); n++)
			*ret_number = (*ret_number < 0 ? 0 : *ret_number * 10) + rest.p[n] - '0';
		rest = str_from(rest, n);
		*ret_is_encoded = n == 0 || (rest.n && rest.p[0] == '*');
		rest = str_from(rest, n && *ret_is_encoded);
	}
	rest = blanks_off(rest);
	if (!rest.n || rest.p[0] != '=')
		return false;
	*s = str_from(rest, 1);
	return true;
}

static void add_percent(struct str s, struct buf *out)
{
	for (size_t i = 0; i < s.n; i++) {
		int high = s.p[i] == '%' && i + 2 < s.n ? hex_value(s.p[i + 1]) : -1, low = high >= 0 ? hex_value(s.p[i + 2]) : -1;

		buf_addc(out, low >= 0 ? (char)(high << 4 | low) : s.p[i]);
		i += low >= 0 ? 2 : 0;
	}
}

static void add_pieces(const struct piece pieces[PIECES_MAX], struct buf *out)
{
	for (int i = 0; i < PIECES_MAX && pieces[i].value.p; i++) {
		struct str value = pieces[i].value;

		/* The character set and the language stand before the first. */
		for (int quotes = 0; i == 0 && pieces[i].is_encoded && quotes < 2 && str_chr(value, '\'') >= 0; quotes++)
			value = str_from(value, (size_t)str_chr(value, '\'') + 1);
		if (pieces[i].is_encoded)
			add_percent(value, out);
		else
			buf_add(out, value);
	}
}

/* "=?utf-8?B?YQ==?=" at the start: how many octets; 0 it is none. */
static size_t add_word(struct str s, struct buf *out)
{
	struct str rest = str_from(s, 2), part[2];
	ptrdiff_t end;

	for (int i = 0; i < 2; i++) {
		end = str_chr(rest, '?');
		if (end < 0)
			return 0;
		part[i] = str_sub(rest, 0, (size_t)end);
		rest = str_from(rest, (size_t)end + 1);
	}
	end = str_find(rest, STR("?="));
	if (end < 0 || part[1].n != 1)
		return 0;
	rest = str_sub(rest, 0, (size_t)end);
	if (to_lower(part[1].p[0]) == 'b') {
		content_base64(rest, out);
	} else {
		for (size_t i = 0; i < rest.n; i++) {
			int high = rest.p[i] == '=' && i + 2 < rest.n ? hex_value(rest.p[i + 1]) : -1;
			int low = high >= 0 ? hex_value(rest.p[i + 2]) : -1;

			buf_addc(out, low >= 0 ? (char)(high << 4 | low) : rest.p[i] == '_' ? ' ' : rest.p[i]);
			i += low >= 0 ? 2 : 0;
		}
	}
	return (size_t)(rest.p + rest.n + 2 - s.p);
}

/* Words may stand anywhere; blanks between two of them do not count. */
static void add_words(struct str s, struct buf *out)
{
	bool was_word = false;

	while (s.n) {
		struct str next = was_word ? blanks_off(s) : s;
		size_t n = str_starts(next, STR("=?")) ? add_word(next, out) : 0;

		if (n) {
			s = str_from(next, n);
		} else {
			buf_addc(out, s.p[0]);
			s = str_from(s, 1);
		}
		was_word = n > 0;
	}
}

/* A name behind the place; true when it was whole, else a piece was noted. */
static bool one_name(struct str s, struct piece pieces[PIECES_MAX], struct buf *out)
{
	bool is_encoded;
	int number;

	if (!take_key(&s, &number, &is_encoded))
		return false;
	if (number < 0 && !is_encoded) {
		add_words(value_of(s), out);
		return true;
	}
	number = number < 0 ? 0 : number;
	if (number < PIECES_MAX && !pieces[number].value.p)
		pieces[number] = (struct piece){value_of(s), is_encoded};
	return false;
}

void mail_part_names(struct str head, void (*take)(void *arg, struct str name), void *arg)
{
	struct piece pieces[PIECES_MAX] = {{STR_NONE, false}};
	struct buf name = {0};
	ptrdiff_t at;

	for (int i = 0; i < NAMES_MAX && (at = content_find(head, "name")) >= 0; i++) {
		head = str_from(head, (size_t)at + 4);
		name.n = 0;
		if (one_name(head, pieces, &name) && name.n)
			take(arg, buf_str(&name));
	}
	name.n = 0;
	add_pieces(pieces, &name);
	if (name.n)
		take(arg, buf_str(&name));
	buf_free(&name);
}
