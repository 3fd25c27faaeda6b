/* The encoding of DSN parameters. */
#include "core/xtext.h"

static bool is_xchar(unsigned char c)
{
	return c >= 33 && c <= 126 && c != '+' && c != '=';
}

static bool is_upper_hex(char c)
{
	return is_digit((unsigned char)c) || (c >= 'A' && c <= 'F');
}

bool xtext_is_valid(struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		if (is_xchar((unsigned char)s.p[i]))
			continue;
		if (s.p[i] != '+' || s.n - i < 3 || !is_upper_hex(s.p[i + 1]) || !is_upper_hex(s.p[i + 2]))
			return false;
		i += 2;
	}
	return true;
}

bool xtext_decode(struct arena *a, struct str s, struct str *ret_text)
{
	char *out = arena_alloc(a, s.n + 1);
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++) {
		int c = (unsigned char)s.p[i];

		if (c == '+') {
			if (s.n - i < 3 || hex_value(s.p[i + 1]) < 0 || hex_value(s.p[i + 2]) < 0)
				return false;
			c = hex_value(s.p[i + 1]) * 16 + hex_value(s.p[i + 2]);
			i += 2;
		}
		if (c < 32 || c == 127)
			return false;
		out[n++] = (char)c;
	}
	*ret_text = (struct str){out, n};
	return true;
}
