/*
 * SPF macros (RFC 7208 part 7): the grammar of macro-strings and domain-specs, and their expansion
 * into a buffer that cannot grow beyond SPF_EXPANDED_MAX. Called by spf.c and spf_record.c.
 */
#include "auth/spf_private.h"

#include <stdio.h>

#include "lib/clock.h"

struct macro {
	char letter; /* lower case */
	bool is_escaped;
	bool is_reversed;
	unsigned keep; /* right-hand parts; 0 is all */
	struct str delimiters;
};

/* One "%{...}" at the start of text; its length, or 0 when it is none. */
static size_t parse_macro(struct str text, bool is_explanation, struct macro *ret_macro)
{
	const char *letters = is_explanation ? "slodiphvcrt" : "slodiphv";
	struct macro m = {0};
	size_t i = 3, from;

	if (text.n < 4 || text.p[0] != '%' || text.p[1] != '{')
		return 0;
	m.letter = (char)to_lower((unsigned char)text.p[2]);
	m.is_escaped = m.letter != text.p[2];
	if (!m.letter || !strchr(letters, m.letter))
		return 0;
	for (from = i; i < text.n && is_digit((unsigned char)text.p[i]); i++)
		m.keep = m.keep > 1000 ? m.keep : m.keep * 10 + (unsigned)(text.p[i] - '0');
	if (i > from && m.keep == 0)
		return 0;
	if (i < text.n && (text.p[i] == 'r' || text.p[i] == 'R')) {
		m.is_reversed = true;
		i++;
	}
	for (from = i; i < text.n && text.p[i] && strchr(".-+,/_=", text.p[i]); i++)
		;
	m.delimiters = i > from ? str_sub(text, from, i - from) : STR(".");
	if (i >= text.n || text.p[i] != '}')
		return 0;
	*ret_macro = m;
	return i + 1;
}

/* Length of one macro-expand or one literal at the start of text; 0 when it is neither. */
static size_t macro_step(struct str text, bool is_explanation)
{
	unsigned char c = (unsigned char)text.p[0];
	struct macro m;

	if (c == '%') {
		if (text.n > 1 && (text.p[1] == '%' || text.p[1] == '_' || text.p[1] == '-'))
			return 2;
		return parse_macro(text, is_explanation, &m);
	}
	if (c == ' ')
		return is_explanation;
	return c > 0x20 && c < 0x7f;
}

bool spf_macro_is_valid(struct str text, bool is_explanation)
{
	while (text.n) {
		size_t n = macro_step(text, is_explanation);

		if (n == 0)
			return false;
		text = str_from(text, n);
	}
	return true;
}

/* The literal behind the last macro must end in ".toplabel" with an optional dot. */
static bool ends_in_toplabel(struct str tail)
{
	bool has_letter = false, has_hyphen = false;
	ptrdiff_t dot;
	struct str label;

	if (tail.n && tail.p[tail.n - 1] == '.')
		tail.n--;
	dot = str_rchr(tail, '.');
	if (dot < 0)
		return false;
	label = str_from(tail, (size_t)dot + 1);
	if (label.n == 0 || label.p[0] == '-' || label.p[label.n - 1] == '-')
		return false;
	for (size_t i = 0; i < label.n; i++) {
		has_letter |= is_alpha((unsigned char)label.p[i]);
		has_hyphen |= label.p[i] == '-';
		if (!is_alnum((unsigned char)label.p[i]) && label.p[i] != '-')
			return false;
	}
	return has_letter || has_hyphen;
}

bool spf_domain_spec_is_valid(struct str text)
{
	struct str tail = text;

	if (text.n == 0)
		return false;
	while (text.n) {
		bool is_macro = text.p[0] == '%';
		size_t n = macro_step(text, false);

		if (n == 0)
			return false;
		text = str_from(text, n);
		if (is_macro)
			tail = text;
	}
	return tail.n == 0 || ends_in_toplabel(tail);
}

static struct str nibbles(struct arena *a, const struct ip *ip)
{
	char text[64];
	size_t n = 0;

	for (int i = 0; i < 16; i++)
		n += (size_t)snprintf(text + n, sizeof text - n, "%s%X.%X", i ? "." : "", ip->b[i] >> 4, ip->b[i] & 15);
	return arena_str(a, (struct str){text, n});
}

static struct str address_text(struct arena *a, const struct ip *ip)
{
	char text[IP_TEXT_MAX];

	return arena_str(a, ip_format(ip, text));
}

static struct str client_name(struct spf_state *st, struct str domain)
{
	struct str name;

	spf_validate_names(st, false);
	name = spf_validated_name(st, domain, false);
	return name.n ? name : STR("unknown");
}

static struct str macro_value(struct spf_state *st, char letter, struct str domain)
{
	const struct ip *ip = &st->query->client;

	switch (letter) {
	case 's':
		return st->sender;
	case 'l':
		return st->local;
	case 'o':
		return st->sender_domain;
	case 'd':
		return domain;
	case 'i':
		return ip->family == 6 ? nibbles(st->arena, ip) : address_text(st->arena, ip);
	case 'p':
		return client_name(st, domain);
	case 'v':
		return ip->family == 6 ? STR("ip6") : STR("in-addr");
	case 'h':
		return st->query->helo;
	case 'c':
		return address_text(st->arena, ip);
	case 'r':
		return st->query->receiver.n ? st->query->receiver : STR("unknown");
	case 't':
		return arena_printf(st->arena, "%lld", (long long)clock_now());
	}
	return STR("");
}

/*
 * Splits at any of the delimiters, reverses, keeps the right-hand parts, joins with dots. The parts
 * stay on the stack: a record may hold thousands of macros that come out empty.
 */
static void add_transformed(struct buf *out, struct str value, const struct macro *m)
{
	struct str parts[SPF_VALUE_MAX + 1];
	size_t n = 0, from = 0;

	for (size_t i = 0; i <= value.n; i++) {
		if (i < value.n && str_chr(m->delimiters, value.p[i]) < 0)
			continue;
		parts[n++] = str_sub(value, from, i - from);
		from = i + 1;
	}
	for (size_t i = 0; m->is_reversed && i < n / 2; i++) {
		struct str swap = parts[i];

		parts[i] = parts[n - 1 - i];
		parts[n - 1 - i] = swap;
	}
	from = m->keep && m->keep < n ? n - m->keep : 0;
	for (size_t i = from; i < n; i++) {
		if (i > from)
			buf_addc(out, '.');
		buf_add(out, parts[i]);
	}
}

/* Escapes what stands behind `from` by RFC 3986: everything but the unreserved characters. */
static void escape_tail(struct buf *out, size_t from)
{
	char plain[SPF_VALUE_MAX];
	size_t n = out->n - from;

	memcpy(plain, out->p + from, n);
	out->n = from;
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)plain[i];

		if (is_alnum(c) || (c && strchr("-._~", c)))
			buf_addc(out, (char)c);
		else
			buf_addf(out, "%%%02X", c);
	}
}

static size_t expand_one(struct spf_state *st, struct str text, struct str domain, struct buf *out)
{
	struct macro m;
	struct str value;
	size_t n, from;

	if (text.p[0] != '%') {
		buf_addc(out, text.p[0]);
		return 1;
	}
	if (text.n > 1 && text.p[1] != '{') {
		buf_adds(out, text.p[1] == '%' ? "%" : text.p[1] == '_' ? " " : "%20");
		return 2;
	}
	n = parse_macro(text, st->is_explaining, &m);
	if (n == 0)
		return 0;
	value = str_sub(macro_value(st, m.letter, domain), 0, SPF_VALUE_MAX);
	from = out->n;
	if (m.keep || m.is_reversed || !str_is(m.delimiters, "."))
		add_transformed(out, value, &m);
	else
		buf_add(out, value);
	if (m.is_escaped && out->n > from)
		escape_tail(out, from);
	return n;
}

bool spf_expand(struct spf_state *st, struct str text, struct str domain, struct str *ret_text)
{
	struct buf out = {0};

	if (str_chr(text, '%') < 0) {
		*ret_text = text;
		return true;
	}
	while (text.n && out.n <= SPF_EXPANDED_MAX) {
		size_t n = expand_one(st, text, domain, &out);

		if (n == 0)
			break;
		text = str_from(text, n);
	}
	if (text.n || out.n > SPF_EXPANDED_MAX) {
		buf_free(&out);
		return false;
	}
	*ret_text = buf_take(&out, st->arena);
	return true;
}
