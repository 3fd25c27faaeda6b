/* The reply parser. Input is a peer's: every step is bounded by what is there. */
#include "gateway/relay/reply.h"

#include <string.h>

static void text_add(struct reply *r, struct str line)
{
	if (r->text_length && r->text_length < sizeof r->text)
		r->text[r->text_length++] = '\n';
	for (size_t i = 0; i < line.n && r->text_length < sizeof r->text; i++) {
		unsigned char c = (unsigned char)line.p[i];
		r->text[r->text_length++] = c < 32 || c == 127 ? ' ' : (char)c;
	}
}

/* "250-text" or "250 text" or "250". False when it is none, or of another code than before. */
static bool line_parse(struct str line, struct reply *r, bool *ret_last)
{
	int code = 0;

	if (line.n < 3)
		return false;
	for (size_t i = 0; i < 3; i++) {
		if (!is_digit((unsigned char)line.p[i]))
			return false;
		code = code * 10 + line.p[i] - '0';
	}
	if (code < 200 || code > 599 || (r->code && r->code != code))
		return false;
	if (line.n > 3 && line.p[3] != ' ' && line.p[3] != '-')
		return false;
	r->code = code;
	*ret_last = line.n == 3 || line.p[3] == ' ';
	text_add(r, str_from(line, 4));
	return true;
}

/* Class, dot, 1-3 digits, dot, 1-3 digits, then a blank or the end (RFC 2034, RFC 3463). */
static void find_enhanced(struct reply *r)
{
	struct str s = reply_text(r);
	size_t at = 1;

	if (s.n < 5 || s.p[0] != '0' + r->code / 100)
		return;
	for (int part = 0; part < 2; part++) {
		size_t digits = 0;
		if (at >= s.n || s.p[at++] != '.')
			return;
		for (; at < s.n && is_digit((unsigned char)s.p[at]); at++)
			digits++;
		if (digits < 1 || digits > 3)
			return;
	}
	if (at < s.n && s.p[at] != ' ' && s.p[at] != '\n')
		return;
	memcpy(r->enhanced, s.p, at);
	r->enhanced[at] = '\0';
}

enum reply_status reply_parse(struct str input, struct reply *ret_reply)
{
	struct reply *r = ret_reply;
	bool is_last = false;

	r->code = 0;
	r->enhanced[0] = '\0';
	r->text_length = r->length = 0;
	for (int lines = 0; !is_last; lines++) {
		struct str rest = str_from(input, r->length), line;
		ptrdiff_t end = str_chr(rest, '\n');
		if (r->length + (end < 0 ? rest.n : (size_t)end) > REPLY_BYTES_MAX || lines == REPLY_LINES_MAX)
			return REPLY_BAD;
		if (end < 0)
			return REPLY_MORE;
		line = str_sub(rest, 0, (size_t)end);
		r->length += line.n + 1;
		if (line.n && line.p[line.n - 1] == '\r')
			line.n--;
		if (!line_parse(line, r, &is_last))
			return REPLY_BAD;
	}
	find_enhanced(r);
	return REPLY_DONE;
}
