/* JSON writer: brackets, commas and the one text encoder. */
#include "lib/json.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>

struct json json_start(struct buf *out)
{
	return (struct json){.out = out};
}

/* The comma before a value or a key, where one is due. */
static void separate(struct json *j)
{
	if (j->needs_comma)
		buf_addc(j->out, ',');
	j->needs_comma = true;
}

void json_open(struct json *j, char bracket)
{
	assert(j->depth < JSON_DEPTH_MAX);
	separate(j);
	buf_addc(j->out, bracket);
	j->closers[j->depth++] = bracket == '{' ? '}' : ']';
	j->needs_comma = false;
}

void json_close(struct json *j)
{
	assert(j->depth > 0);
	buf_addc(j->out, j->closers[--j->depth]);
	j->needs_comma = true;
}

static bool is_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

/* Octets of the next character that is no plain ASCII, written to out in JSON's terms. */
static size_t add_special(struct buf *out, struct str rest)
{
	unsigned char c = (unsigned char)rest.p[0];

	switch (c) {
	case '"':
	case '\\':
		buf_addc(out, '\\');
		buf_addc(out, (char)c);
		return 1;
	case '\n':
		buf_adds(out, "\\n");
		return 1;
	case '\r':
		buf_adds(out, "\\r");
		return 1;
	case '\t':
		buf_adds(out, "\\t");
		return 1;
	}
	if (c < 0x80) {
		buf_addf(out, "\\u%04x", c);
		return 1;
	}
	for (size_t n = 2; n <= 4 && n <= rest.n; n++)
		if (str_is_utf8(str_sub(rest, 0, n))) {
			buf_add(out, str_sub(rest, 0, n));
			return n;
		}
	buf_adds(out, "\xef\xbf\xbd");
	return 1;
}

static void add_quoted(struct buf *out, struct str s)
{
	buf_addc(out, '"');
	for (size_t i = 0; i < s.n;) {
		size_t from = i;

		while (i < s.n && is_plain((unsigned char)s.p[i]))
			i++;
		buf_add(out, str_sub(s, from, i - from));
		if (i < s.n)
			i += add_special(out, str_from(s, i));
	}
	buf_addc(out, '"');
}

void json_key_str(struct json *j, struct str key)
{
	separate(j);
	add_quoted(j->out, key);
	buf_addc(j->out, ':');
	j->needs_comma = false;
}

void json_key(struct json *j, const char *key)
{
	json_key_str(j, str_of(key));
}

void json_text(struct json *j, struct str value)
{
	separate(j);
	add_quoted(j->out, value);
}

void json_int(struct json *j, int64_t value)
{
	separate(j);
	buf_addf(j->out, "%" PRId64, value);
}

static void number(struct json *j, double value, int places)
{
	struct str digits;

	if (!isfinite(value)) {
		json_null(j);
		return;
	}
	separate(j);
	buf_addf(j->out, "%.*f", places, value == 0 ? 0 : value);
	digits = buf_str(j->out);
	while (digits.p[digits.n - 1] == '0')
		digits.n--;
	if (digits.p[digits.n - 1] == '.')
		digits.n--;
	j->out->n = digits.n;
}

void json_number(struct json *j, double value)
{
	number(j, value, 3);
}

void json_fine(struct json *j, double value, int places)
{
	number(j, value, places);
}

void json_bool(struct json *j, bool value)
{
	separate(j);
	buf_adds(j->out, value ? "true" : "false");
}

void json_null(struct json *j)
{
	separate(j);
	buf_adds(j->out, "null");
}

void json_kv(struct json *j, const char *key, struct str value)
{
	json_key(j, key);
	json_text(j, value);
}

void json_kv_int(struct json *j, const char *key, int64_t value)
{
	json_key(j, key);
	json_int(j, value);
}

void json_kv_bool(struct json *j, const char *key, bool value)
{
	json_key(j, key);
	json_bool(j, value);
}
