/*
 * Texts with {facts}: read at load, filled per message, and made safe for where they land. The two
 * functions at the end are the only ways from a fact into a reply or a header.
 */
#include "policy/program.h"

/* ---- reading ---- */

static void add_part(struct compiler *c, struct template *t, struct template_part part)
{
	struct template_part *more = arena_array(c->arena, t->n + 1, sizeof *more);

	if (t->n)
		memcpy(more, t->v, t->n * sizeof *more);
	more[t->n++] = part;
	t->v = more;
}

static void add_text(struct compiler *c, struct template *t, struct buf *text)
{
	if (text->n)
		add_part(c, t, (struct template_part){buf_take(text, c->arena), -1});
}

/* Where in the file octet `at` of a string stands, near enough: escapes are not counted. */
static struct conf_place inside(const struct conf_token *t, size_t at)
{
	struct conf_place place = t->place;

	place.column++;
	for (size_t i = 0; i < at; i++)
		if (((unsigned char)t->text.p[i] & 0xc0) != 0x80)
			place.column++;
	return place;
}

/* "{fact}" at octet i; moves i behind it. */
static bool add_fact(struct compiler *c, const struct conf_token *t, size_t *i, struct template *out)
{
	struct str rest = str_from(t->text, *i + 1);
	ptrdiff_t end = str_chr(rest, '}');
	int slot;

	if (end < 0) {
		conf_error(c->load, inside(t, *i), "this '{' is never closed; expected {FACT}, or {{ for a brace");
		return false;
	}
	slot = compile_fact(c, inside(t, *i + 1), str_sub(rest, 0, (size_t)end));
	if (slot < 0)
		return false;
	add_part(c, out, (struct template_part){STR_NONE, slot});
	*i += (size_t)end + 2;
	return true;
}

bool compile_template(struct compiler *c, const struct conf_token *t, struct template *ret_template)
{
	struct buf text = {0};
	bool ok = true;

	*ret_template = (struct template){0};
	for (size_t i = 0; i < t->text.n && ok;) {
		char ch = t->text.p[i];
		bool is_double = i + 1 < t->text.n && t->text.p[i + 1] == ch;

		if (ch == '{' && !is_double) {
			add_text(c, ret_template, &text);
			ok = add_fact(c, t, &i, ret_template);
			continue;
		}
		buf_addc(&text, ch);
		i += (ch == '{' || ch == '}') && is_double ? 2 : 1;
	}
	add_text(c, ret_template, &text);
	buf_free(&text);
	return ok;
}

/* ---- filling ---- */

static void fill(struct run *run, const struct template *t, size_t most, struct buf *out)
{
	for (size_t i = 0; i < t->n && out->n < most; i++) {
		const struct fact *fact = t->v[i].slot < 0 ? NULL : run->facts[t->v[i].slot];
		struct str text = t->v[i].slot < 0 ? t->v[i].text : fact ? fact_text(run->arena, fact) : STR_NONE;

		buf_add(out, str_sub(text, 0, most - out->n));
	}
}

/* Octets of the well-formed UTF-8 character at i, 0 for none. */
static size_t character(struct str s, size_t i)
{
	for (size_t n = 1; n <= 4 && i + n <= s.n; n++)
		if (str_is_utf8(str_sub(s, i, n)))
			return n;
	return 0;
}

static bool is_control(unsigned char c)
{
	return c < ' ' || c == 0x7f;
}

static bool takes_utf8(const struct run *run)
{
	return run->session->message && run->session->message->is_utf8;
}

struct str template_reply(struct run *run, const struct template *t)
{
	struct buf raw = {0}, out = {0};
	bool utf8 = takes_utf8(run);
	struct str s;

	fill(run, t, POLICY_REPLY_MAX, &raw);
	s = buf_str(&raw);
	for (size_t i = 0; i < s.n;) {
		unsigned char c = (unsigned char)s.p[i];
		size_t n = c < 0x80 ? 1 : character(s, i);

		if (is_control(c))
			buf_addc(&out, ' ');
		else if (c < 0x80 || (utf8 && n))
			buf_add(&out, str_sub(s, i, n));
		else
			buf_addc(&out, '?');
		i += n ? n : 1;
	}
	buf_free(&raw);
	return buf_take(&out, run->arena);
}

/* An encoded word has at most 75 octets: 12 around the text leave 63, which hold 45 in base64. */
enum { WORD_OCTETS = 45 };

static void add_base64(struct buf *out, struct str s)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < s.n; i += 3) {
		uint32_t v = (uint32_t)(unsigned char)s.p[i] << 16;

		v |= i + 1 < s.n ? (uint32_t)(unsigned char)s.p[i + 1] << 8 : 0;
		v |= i + 2 < s.n ? (uint32_t)(unsigned char)s.p[i + 2] : 0;
		buf_addc(out, digits[v >> 18]);
		buf_addc(out, digits[v >> 12 & 63]);
		buf_addc(out, i + 1 < s.n ? digits[v >> 6 & 63] : '=');
		buf_addc(out, i + 2 < s.n ? digits[v & 63] : '=');
	}
}

/* RFC 2047: words of whole characters, a fold between them. */
static void add_encoded(struct buf *out, struct str s)
{
	for (size_t i = 0; i < s.n;) {
		size_t n = 0, step;

		while (i + n < s.n && (step = character(s, i + n)) && n + step <= WORD_OCTETS)
			n += step;
		buf_adds(out, i ? "\r\n =?utf-8?B?" : "=?utf-8?B?");
		add_base64(out, str_sub(s, i, n));
		buf_adds(out, "?=");
		i += n;
	}
}

/* Without controls; what is no UTF-8 becomes U+FFFD. */
static void clean_header(struct str s, struct buf *out)
{
	for (size_t i = 0; i < s.n;) {
		size_t n = character(s, i);

		if (n == 0)
			buf_adds(out, "\xef\xbf\xbd");
		else if (is_control((unsigned char)s.p[i]))
			buf_addc(out, ' ');
		else
			buf_add(out, str_sub(s, i, n));
		i += n ? n : 1;
	}
}

struct str template_header(struct run *run, const struct template *t)
{
	struct buf raw = {0}, clean = {0}, out = {0};

	fill(run, t, POLICY_HEADER_MAX, &raw);
	clean_header(buf_str(&raw), &clean);
	if (str_is_ascii(buf_str(&clean)))
		buf_add(&out, buf_str(&clean));
	else
		add_encoded(&out, buf_str(&clean));
	buf_free(&raw);
	buf_free(&clean);
	return buf_take(&out, run->arena);
}

/* Lines end in CRLF, other controls are blanks, what is no UTF-8 becomes U+FFFD. */
static void clean_body(struct str s, struct buf *out)
{
	for (size_t i = 0; i < s.n;) {
		size_t n = character(s, i);

		if (n == 0)
			buf_adds(out, "\xef\xbf\xbd");
		else if (s.p[i] == '\n')
			buf_adds(out, "\r\n");
		else if (is_control((unsigned char)s.p[i]) && s.p[i] != '\t')
			buf_addc(out, ' ');
		else
			buf_add(out, str_sub(s, i, n));
		i += n ? n : 1;
	}
	if (out->n < 2 || out->p[out->n - 1] != '\n')
		buf_adds(out, "\r\n");
}

enum { BASE64_LINE_OCTETS = 57, PLAIN_LINE_MAX = 998 };

static bool is_plain(struct str s)
{
	struct str line;

	if (!str_is_ascii(s))
		return false;
	while (str_split(&s, '\n', &line))
		if (line.n > PLAIN_LINE_MAX)
			return false;
	return true;
}

struct str template_body(struct run *run, const struct template *t, bool *ret_is_base64)
{
	struct buf raw = {0}, clean = {0}, out = {0};
	struct str s;

	fill(run, t, POLICY_BODY_MAX, &raw);
	clean_body(buf_str(&raw), &clean);
	s = buf_str(&clean);
	*ret_is_base64 = !is_plain(s);
	for (size_t i = 0; *ret_is_base64 && i < s.n; i += BASE64_LINE_OCTETS) {
		add_base64(&out, str_sub(s, i, BASE64_LINE_OCTETS));
		buf_adds(&out, "\r\n");
	}
	if (!*ret_is_base64)
		buf_add(&out, s);
	buf_free(&raw);
	buf_free(&clean);
	return buf_take(&out, run->arena);
}
