/*
 * Links that are written so that programs miss them while people still go there: hxxp, [.] and (dot),
 * blanks around dots and colons, characters without width, full-width letters, backslashes, addresses
 * in brackets, and names in other scripts without a scheme. Lines without any sign of that are passed
 * over; the others are written out plainly and read once more. Linear, for each step looks ahead a
 * bounded number of octets.
 */
#include "core/address.h"
#include "core/text/unicode.h"
#include "core/url/url_private.h"
#include "lib/block.h"

enum { HIDDEN_MAX = 200, LABELS_MAX = 253, BRACKET_MAX = 64, BLANKS_MAX = 2 };

/* ---- what is worth a second look ---- */

static size_t blanks_at(struct str s, size_t at)
{
	size_t n = 0;

	while (n < BLANKS_MAX && at + n < s.n && (s.p[at + n] == ' ' || s.p[at + n] == '\t'))
		n++;
	return n;
}

/* "http", "hxxp", "h**p" and the like, maybe with s: its length, or 0. */
static size_t scheme_at(struct str s, size_t at)
{
	struct str rest = str_from(s, at);
	size_t n = 4;

	if (rest.n < 5 || (rest.p[0] != 'h' && rest.p[0] != 'H') || (rest.p[3] != 'p' && rest.p[3] != 'P'))
		return 0;
	for (size_t i = 1; i < 3; i++)
		if (!strchr("tTxX*_", rest.p[i]) || !rest.p[i])
			return 0;
	if (at && is_alnum((unsigned char)s.p[at - 1]))
		return 0;
	return rest.p[n] == 's' || rest.p[n] == 'S' ? n + 1 : n;
}

/* ":", " : ", "[:]" at `at`; its length, or 0. */
static size_t colon_at(struct str s, size_t at)
{
	size_t blanks = blanks_at(s, at);

	if (str_starts(str_from(s, at), STR("[:]")))
		return 3;
	return at + blanks < s.n && s.p[at + blanks] == ':' ? blanks + 1 : 0;
}

/* Slashes of any kind with blanks between; *ret_slashes counts them. */
static size_t slashes_at(struct str s, size_t at, size_t *ret_slashes)
{
	size_t n = 0;

	*ret_slashes = 0;
	for (size_t blanks; *ret_slashes < 4; n += blanks + 1, ++*ret_slashes) {
		blanks = blanks_at(s, at + n);
		if (at + n + blanks >= s.n || (s.p[at + n + blanks] != '/' && s.p[at + n + blanks] != '\\'))
			break;
	}
	return *ret_slashes ? n + blanks_at(s, at + n) : 0;
}

/* A dot in disguise: "[.]", "(dot)", " {dot} ". Its length with the blanks around, or 0. */
static size_t dot_at(struct str s, size_t at)
{
	static const struct str inner[] = {{".", 1}, {"dot", 3}, {"d0t", 3}, {"punkt", 5}, {"point", 5}};
	size_t before = blanks_at(s, at);
	struct str rest = str_from(s, at + before);

	if (!rest.n || (rest.p[0] != '[' && rest.p[0] != '(' && rest.p[0] != '{'))
		return 0;
	for (size_t i = 0; i < sizeof inner / sizeof *inner; i++) {
		size_t n = inner[i].n + 1;
		if (str_istarts(str_from(rest, 1), inner[i]) && n < rest.n && (rest.p[n] == ']' || rest.p[n] == ')' || rest.p[n] == '}'))
			return before + n + 1 + blanks_at(s, at + before + n + 1);
	}
	return 0;
}

static bool is_host_octet(unsigned char c)
{
	return is_alnum(c) || c >= 0x80;
}

static bool is_odd_scheme(struct str s, size_t at)
{
	size_t n = scheme_at(s, at), colon = n ? colon_at(s, at + n) : 0;

	if (!colon)
		return false;
	return !str_istarts(str_from(s, at), STR("http")) || colon > 1 ||
	    !str_starts(str_from(s, at + n + 1), STR("//")) ||
	    (at + n + 3 < s.n && strchr(" [", s.p[at + n + 3]) && s.p[at + n + 3]);
}

/* From `at` on, blocks that have none of the signs: octets beyond ASCII, opening brackets, "h**p". */
static size_t plain_blocks(struct str line, size_t at)
{
	for (; at + BLOCK + 3 <= line.n; at += BLOCK) {
		block here = block_load(line.p + at), last = block_load(line.p + at + 3);
		block is_scheme = block_is(here | block_of(0x20), 'h') & block_is(last | block_of(0x20), 'p');
		block is_bracket = block_is(here, '[') | block_is(here, '(') | block_is(here, '{');

		if (block_bits(here | is_scheme | is_bracket))
			break;
	}
	return at;
}

static bool is_odd_line(struct str line)
{
	for (size_t i = plain_blocks(line, 0), known = i + BLOCK; i < line.n; i++) {
		unsigned char c = (unsigned char)line.p[i];

		if (c >= 0x80)
			return true;
		if ((c == '[' || c == '(' || c == '{') && dot_at(line, i))
			return true;
		if ((c == 'h' || c == 'H') && is_odd_scheme(line, i))
			return true;
		if (i + 1 == known) {
			i = plain_blocks(line, known) - 1;
			known = i + 1 + BLOCK;
		}
	}
	return false;
}

/* ---- written out plainly ---- */

struct plain {
	struct arena *arena;
	struct urls *urls;
	enum url_source source;
	struct buf text;
	bool is_in_host; /* behind a scheme that was taken apart */
};

/* The ASCII character that another one is only a shape of; 0 none. */
static char shape_of(uint32_t c)
{
	if (c >= 0xff01 && c <= 0xff5e) /* full width */
		return (char)(c - 0xff01 + '!');
	if (c == 0x3002 || c == 0xff61 || c == 0x2024)
		return '.';
	if (c == 0x2044 || c == 0x2215 || c == 0x29f8)
		return '/';
	return c == 0x2236 || c == 0xfe55 || c == 0xa789 ? ':' : '\0';
}

static size_t put_character(struct plain *p, struct str line, size_t at)
{
	uint32_t c;
	size_t n = unicode_read(str_from(line, at), &c);

	if (unicode_is_invisible(c))
		return n;
	if (shape_of(c))
		buf_addc(&p->text, shape_of(c));
	else
		buf_add(&p->text, str_sub(line, at, n));
	return n;
}

/* An address in brackets ends words elsewhere: taken here, up to a blank or a quote. */
static size_t put_bracket(struct plain *p, struct str line, size_t at, bool is_secure)
{
	ptrdiff_t close = str_chr(str_sub(line, at, BRACKET_MAX), ']');
	size_t n;

	for (ptrdiff_t i = 1; i < close; i++)
		if (hex_value((unsigned char)line.p[at + (size_t)i]) < 0 && !strchr(":.%", line.p[at + (size_t)i]))
			return 0;
	if (close < 3)
		return 0;
	for (n = (size_t)close + 1; at + n < line.n && n < URL_BYTES_MAX && !strchr(" \t<>\"'", line.p[at + n]); n++)
		;
	urls_add(p->arena, p->urls, arena_printf(p->arena, "http%s://%.*s", is_secure ? "s" : "", (int)n, line.p + at),
	    p->source, STR_NONE);
	return n;
}

/* A scheme in any disguise becomes the plain one; 0 when there is none with a host behind it. */
static size_t put_scheme(struct plain *p, struct str line, size_t at)
{
	size_t n = scheme_at(line, at), colon = n ? colon_at(line, at + n) : 0, slashes, gap, next;

	if (!colon)
		return 0;
	gap = slashes_at(line, at + n + colon, &slashes);
	next = at + n + colon + gap;
	if (next >= line.n || (slashes == 0 && !is_host_octet((unsigned char)line.p[next])))
		return 0;
	if (line.p[next] == '[') {
		size_t bracket = put_bracket(p, line, next, n == 5);
		if (bracket)
			return next + bracket - at;
	}
	buf_adds(&p->text, n == 5 ? "https://" : "http://");
	p->is_in_host = true;
	return next - at;
}

static bool ends_in_host(const struct plain *p)
{
	return p->text.n && is_host_octet((unsigned char)p->text.p[p->text.n - 1]);
}

/* A blank amid a host, beside one of its dots: its length, or 0. */
static size_t blank_in_host(struct plain *p, struct str line, size_t at)
{
	size_t n = blanks_at(line, at);
	char next = at + n < line.n ? line.p[at + n] : ' ';

	if (!n || !p->is_in_host)
		return 0;
	if (next == '.' || (p->text.n && p->text.p[p->text.n - 1] == '.' && is_host_octet((unsigned char)next)))
		return n;
	p->is_in_host = false;
	return 0;
}

static size_t put_next(struct plain *p, struct str line, size_t at)
{
	unsigned char c = (unsigned char)line.p[at];
	size_t n = 0;

	if (c >= 0x80)
		return put_character(p, line, at);
	if ((c == 'h' || c == 'H') && (n = put_scheme(p, line, at)))
		return n;
	if (strchr(" \t[({", c) && ends_in_host(p) && (n = dot_at(line, at)) && at + n < line.n &&
	    is_host_octet((unsigned char)line.p[at + n])) {
		buf_addc(&p->text, '.');
		return n;
	}
	if ((n = blank_in_host(p, line, at)))
		return n;
	buf_addc(&p->text, p->is_in_host && c == '\\' ? '/' : (char)c);
	p->is_in_host &= c != '/' && c != '\\' && c != '?';
	return 1;
}

static void put_line(struct plain *p, struct str line)
{
	p->is_in_host = false;
	for (size_t at = 0; at < line.n;)
		at += put_next(p, line, at);
	buf_addc(&p->text, '\n');
}

/* ---- names in other scripts ---- */

static bool is_label_octet(unsigned char c)
{
	return is_host_octet(c) || c == '-' || c == '.';
}

static void take_name(struct arena *a, struct urls *urls, struct str name, enum url_source source)
{
	struct str ascii;
	struct url u;

	while (name.n && (name.p[name.n - 1] == '.' || name.p[name.n - 1] == '-'))
		name.n--;
	if (name.n > LABELS_MAX || str_chr(name, '.') <= 0 || str_is_ascii(name) || !domain_to_ascii(a, name, &ascii) ||
	    !host_is_public(ascii) || !url_read(a, name, &u))
		return;
	u.source = source;
	u.is_schemeless = u.is_unlinked = true;
	urls_put(a, urls, &u);
}

static void read_names(struct arena *a, struct urls *urls, struct str text, enum url_source source)
{
	for (size_t at = 0, start; at < text.n && urls->n < HIDDEN_MAX;) {
		bool has_dot = false, is_foreign = false;

		while (at < text.n && !is_label_octet((unsigned char)text.p[at]))
			at++;
		for (start = at; at < text.n && is_label_octet((unsigned char)text.p[at]); at++) {
			has_dot |= text.p[at] == '.';
			is_foreign |= (unsigned char)text.p[at] >= 0x80;
		}
		if (has_dot && is_foreign && (start == 0 || text.p[start - 1] != '@'))
			take_name(a, urls, str_sub(text, start, at - start), source);
	}
}

/* ---- all together ---- */

static bool is_known(const struct urls *known, struct str host)
{
	for (size_t i = 0; i < known->n; i++)
		if (str_eq(known->v[i].host, host))
			return true;
	return false;
}

void urls_take_new(struct arena *a, struct urls *urls, const struct urls *known, const struct urls *found)
{
	for (size_t i = 0; i < found->n; i++)
		if (!is_known(known, found->v[i].host) && !is_known(urls, found->v[i].host))
			urls_put(a, urls, &found->v[i]);
}

void urls_from_hidden(struct arena *a, struct urls *urls, const struct urls *known, struct str text,
    enum url_source source)
{
	struct urls found = {.most = HIDDEN_MAX}, names = {.most = HIDDEN_MAX};
	struct plain p = {.arena = a, .urls = &found, .source = source};
	struct str line;

	while (str_split(&text, '\n', &line))
		if (is_odd_line(line))
			put_line(&p, line);
	if (p.text.n) {
		struct str plain = buf_take(&p.text, a); /* links are slices of it */

		urls_from_text(a, &found, plain, source);
		read_names(a, &names, plain, source);
		for (size_t i = 0; i < found.n; i++)
			found.v[i].is_obfuscated = true;
		urls_take_new(a, urls, known, &names);
		urls_take_new(a, urls, known, &found);
	}
	buf_free(&p.text);
}
