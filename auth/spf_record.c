/*
 * Parser of SPF records (RFC 7208 part 4.6, 5, 6, 12). The whole record is read before anything is
 * evaluated, so that a syntax error anywhere is a permanent error. Called by spf.c only.
 */
#include "auth/spf_private.h"

#include <stdio.h>

enum { ARG_NONE, ARG_DOMAIN, ARG_DOMAIN_OPTIONAL, ARG_NET };

struct mechanism {
	const char *name;
	enum spf_kind kind;
	int arg;
	bool has_cidr;
};

static const struct mechanism mechanisms[] = {
    {"all", SPF_ALL, ARG_NONE, false},
    {"include", SPF_INCLUDE, ARG_DOMAIN, false},
    {"a", SPF_A, ARG_DOMAIN_OPTIONAL, true},
    {"mx", SPF_MX, ARG_DOMAIN_OPTIONAL, true},
    {"ptr", SPF_PTR, ARG_DOMAIN_OPTIONAL, false},
    {"ip4", SPF_IP4, ARG_NET, false},
    {"ip6", SPF_IP6, ARG_NET, false},
    {"exists", SPF_EXISTS, ARG_DOMAIN, false},
};

static const struct mechanism *mechanism_find(struct str name)
{
	for (size_t i = 0; i < sizeof mechanisms / sizeof *mechanisms; i++)
		if (str_iis(name, mechanisms[i].name))
			return &mechanisms[i];
	return NULL;
}

/* "0" or a number without leading zero, at most `most`. */
static bool parse_bits(struct str text, unsigned most, uint8_t *ret_bits)
{
	uint64_t bits;

	if (text.n > 3 || !str_u64(text, &bits) || bits > most || (text.n > 1 && text.p[0] == '0'))
		return false;
	*ret_bits = (uint8_t)bits;
	return true;
}

/* Number of digits at the end of text when `slashes` slashes stand before them, else 0. */
static size_t cidr_tail(struct str text, unsigned slashes)
{
	size_t digits = 0;

	while (digits < text.n && is_digit((unsigned char)text.p[text.n - digits - 1]))
		digits++;
	if (digits == 0 || text.n < digits + slashes)
		return 0;
	for (unsigned i = 0; i < slashes; i++)
		if (text.p[text.n - digits - 1 - i] != '/')
			return 0;
	return digits;
}

/* Cuts "/24", "//64" or "/24//64" off the end of *rest. */
static bool parse_dual_cidr(struct str *rest, struct spf_term *term)
{
	size_t digits = cidr_tail(*rest, 2);

	term->bits4 = 32;
	term->bits6 = 128;
	if (digits) {
		if (!parse_bits(str_from(*rest, rest->n - digits), 128, &term->bits6))
			return false;
		rest->n -= digits + 2;
	}
	digits = cidr_tail(*rest, 1);
	if (digits) {
		if (!parse_bits(str_from(*rest, rest->n - digits), 32, &term->bits4))
			return false;
		rest->n -= digits + 1;
	}
	return true;
}

static bool parse_net(struct str text, unsigned family, struct cidr *ret_net)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	ptrdiff_t slash = str_chr(text, '/');
	struct str address = slash < 0 ? text : str_sub(text, 0, (size_t)slash);
	struct cidr net = {.bits = family == 4 ? 32 : 128};

	if ((str_chr(address, ':') >= 0) != (family == 6) || !ip_parse(address, &net.ip))
		return false;
	if (slash >= 0 && !parse_bits(str_from(text, (size_t)slash + 1), net.bits, &net.bits))
		return false;
	if (family == 6 && net.ip.family == 4) { /* mapped clients are IPv4: keep this one IPv6 */
		memcpy(net.ip.b + 12, net.ip.b, 4);
		memcpy(net.ip.b, mapped, sizeof mapped);
		net.ip.family = 6;
	}
	*ret_net = net;
	return true;
}

/* arg: everything behind the mechanism's name, from ':' or '/'. */
static bool parse_argument(const struct mechanism *m, struct str arg, struct spf_term *term)
{
	if (m->has_cidr && !parse_dual_cidr(&arg, term))
		return false;
	if (arg.n == 0)
		return m->arg == ARG_NONE || m->arg == ARG_DOMAIN_OPTIONAL;
	if (arg.p[0] != ':' || m->arg == ARG_NONE)
		return false;
	term->domain = str_from(arg, 1);
	if (m->arg == ARG_NET)
		return parse_net(term->domain, m->kind == SPF_IP4 ? 4 : 6, &term->net);
	return spf_domain_spec_is_valid(term->domain);
}

static bool parse_mechanism(struct str word, struct spf_term *term)
{
	static const char marks[] = "+-~?";
	static const enum spf_result results[] = {SPF_PASS, SPF_FAIL, SPF_SOFTFAIL, SPF_NEUTRAL};
	const struct mechanism *m;
	const char *mark;
	size_t n = 0;

	*term = (struct spf_term){.text = word, .qualifier = SPF_PASS};
	mark = strchr(marks, word.p[0]);
	if (mark && word.p[0]) {
		term->qualifier = results[mark - marks];
		word = str_from(word, 1);
	}
	while (n < word.n && word.p[n] != ':' && word.p[n] != '/')
		n++;
	m = mechanism_find(str_sub(word, 0, n));
	if (!m)
		return false;
	term->kind = m->kind;
	return parse_argument(m, str_from(word, n), term);
}

/* Length of a modifier's name when word is NAME=..., else 0. */
static size_t modifier_name(struct str word)
{
	size_t n = 0;

	if (word.n == 0 || !is_alpha((unsigned char)word.p[0]))
		return 0;
	while (n < word.n && (is_alnum((unsigned char)word.p[n]) || word.p[n] == '-' ||
				 word.p[n] == '_' || word.p[n] == '.'))
		n++;
	return n < word.n && word.p[n] == '=' ? n : 0;
}

static bool parse_modifier(struct spf_record *r, struct str word, size_t n)
{
	struct str name = str_sub(word, 0, n), value = str_from(word, n + 1);
	struct str *known = str_iis(name, "redirect") ? &r->redirect : str_iis(name, "exp") ? &r->explain : NULL;

	if (!known)
		return spf_macro_is_valid(value, false);
	if (known->n || !spf_domain_spec_is_valid(value))
		return false;
	*known = value;
	if (known == &r->redirect)
		r->redirect_text = word;
	return true;
}

static size_t count_words(struct str text)
{
	size_t n = 0;

	for (size_t i = 0; i < text.n; i++)
		n += text.p[i] != ' ' && (i == 0 || text.p[i - 1] == ' ');
	return n;
}

bool spf_record_parse(struct arena *a, struct str text, struct spf_record *ret_record, struct str *ret_problem)
{
	struct spf_record r = {.terms = arena_array(a, count_words(text) + 1, sizeof *r.terms)};
	struct str rest = text, word;

	while (str_split(&rest, ' ', &word)) {
		size_t name;
		bool ok;

		if (word.n == 0)
			continue;
		name = modifier_name(word);
		ok = name ? parse_modifier(&r, word, name) : parse_mechanism(word, &r.terms[r.n]);
		if (!ok) {
			*ret_problem = arena_printf(a, "invalid term '%.*s'",
			    (int)(word.n > 80 ? 80 : word.n), word.p);
			return false;
		}
		r.n += name == 0;
	}
	*ret_record = r;
	return true;
}
