/*
 * The envelope address grammar, one function per production of RFC 5321 part 4.1.2; the names of
 * the productions stand beside them. Each takes the text at *rest and moves behind what it read.
 */
#include "core/address.h"

#include <idn2.h>
#include <stdlib.h>

#include "lib/addr.h"
#include "lib/conf/conf.h"

enum { LABEL_MAX = 63, ROUTE_HOPS_MAX = 100 };

static const char too_long[] = "address too long";
static const char bad_domain[] = "bad domain";

static bool at(struct str rest, char c)
{
	return rest.n > 0 && rest.p[0] == c;
}

static bool skip(struct str *rest, char c)
{
	if (!at(*rest, c))
		return false;
	*rest = str_from(*rest, 1);
	return true;
}

static bool is_high(char c)
{
	return (unsigned char)c >= 0x80;
}

/* atext; UTF-8 is checked for the whole text before. */
static bool is_atext(char c)
{
	return is_alnum((unsigned char)c) || is_high(c) || (c && strchr("!#$%&'*+-/=?^_`{|}~", c));
}

/* Dot-string = Atom *("." Atom) */
static size_t dot_string(struct str text)
{
	size_t n = 0;

	for (;;) {
		size_t start = n;

		while (n < text.n && is_atext(text.p[n]))
			n++;
		if (n == start)
			return 0;
		if (n == text.n || text.p[n] != '.')
			return n;
		n++;
	}
}

/* Quoted-string = DQUOTE *QcontentSMTP DQUOTE */
static size_t quoted_string(struct str text)
{
	for (size_t n = 1; n < text.n; n++) {
		unsigned char c = (unsigned char)text.p[n];

		if (c == '"')
			return n + 1;
		if (c == '\\') {
			n++;
			if (n == text.n || text.p[n] < 32 || text.p[n] > 126)
				return 0;
		} else if (c < 32 || c == 127) {
			return 0;
		}
	}
	return 0;
}

/* Local-part = Dot-string / Quoted-string */
static const char *local_part(struct str *rest, struct str *ret_local)
{
	size_t n = at(*rest, '"') ? quoted_string(*rest) : dot_string(*rest);

	if (n == 0)
		return "bad local part";
	if (n > ADDRESS_LOCAL_MAX)
		return "local part too long";
	*ret_local = str_sub(*rest, 0, n);
	*rest = str_from(*rest, n);
	return NULL;
}

/* address-literal = "[" ( IPv4-address-literal / IPv6-address-literal ) "]" */
static const char *address_literal(struct str *rest, struct str *ret_domain)
{
	ptrdiff_t end = str_chr(*rest, ']');
	struct str inner;
	struct ip ip;
	bool is_v6;

	if (end < 0)
		return "bad address literal";
	inner = str_sub(*rest, 1, (size_t)end - 1);
	is_v6 = str_istarts(inner, STR("IPv6:"));
	if (is_v6)
		inner = str_from(inner, 5);
	if (!ip_parse(inner, &ip) || (str_chr(inner, ':') >= 0) != is_v6)
		return "bad address literal";
	*ret_domain = str_sub(*rest, 0, (size_t)end + 1);
	*rest = str_from(*rest, (size_t)end + 1);
	return NULL;
}

/* Let-dig [Ldh-str], or a U-label; n octets. */
static bool is_label(const char *p, size_t n)
{
	if (n == 0 || n > LABEL_MAX * 4 || p[0] == '-' || p[n - 1] == '-')
		return false;
	for (size_t i = 0; i < n; i++)
		if (!is_alnum((unsigned char)p[i]) && p[i] != '-' && !is_high(p[i]))
			return false;
	return n <= LABEL_MAX || !str_is_ascii((struct str){p, n});
}

/* U-labels must have A-labels, which also checks the length of each. */
static bool has_a_labels(struct str domain)
{
	struct arena *a = arena_new(0);
	struct str ascii;
	bool is_good = domain_to_ascii(a, domain, &ascii);

	arena_free(a);
	return is_good;
}

bool domain_is_valid(struct str domain, bool allow_utf8)
{
	struct str rest = domain, label;
	bool is_ascii = str_is_ascii(domain);

	if (domain.n == 0 || domain.n > ADDRESS_DOMAIN_MAX)
		return false;
	if (!is_ascii && (!allow_utf8 || !str_is_utf8(domain)))
		return false;
	while (str_split(&rest, '.', &label))
		if (!is_label(label.p, label.n))
			return false;
	return is_ascii || has_a_labels(domain);
}

static const char *domain_name(struct str *rest, bool allow_utf8, struct str *ret_domain)
{
	size_t n = 0;

	while (n < rest->n && (is_alnum((unsigned char)rest->p[n]) || rest->p[n] == '-' ||
	    rest->p[n] == '.' || is_high(rest->p[n])))
		n++;
	if (n > ADDRESS_DOMAIN_MAX)
		return "domain too long";
	if (!domain_is_valid(str_sub(*rest, 0, n), allow_utf8))
		return bad_domain;
	*ret_domain = str_sub(*rest, 0, n);
	*rest = str_from(*rest, n);
	return NULL;
}

/* Domain / address-literal */
static const char *domain_or_literal(struct str *rest, bool allow_utf8, struct str *ret_domain)
{
	if (at(*rest, '['))
		return address_literal(rest, ret_domain);
	return domain_name(rest, allow_utf8, ret_domain);
}

static void fill_in(struct arena *a, struct str text, size_t local_n, struct address *ret_address)
{
	struct str copy = arena_str(a, text);

	*ret_address = (struct address){
	    .text = copy,
	    .local = str_sub(copy, 0, local_n),
	    .domain = local_n < copy.n ? str_lower(a, str_from(copy, local_n + 1)) : STR(""),
	    .is_utf8 = !str_is_ascii(copy),
	};
}

/* Mailbox = Local-part "@" ( Domain / address-literal ) */
static const char *mailbox(struct arena *a, struct str *rest, bool allow_utf8, bool allow_postmaster,
    struct address *ret_address)
{
	struct str start = *rest, local, domain;
	const char *wrong = local_part(rest, &local);

	if (wrong)
		return wrong;
	if (!at(*rest, '@')) {
		if (!allow_postmaster || !str_iis(local, "postmaster"))
			return "domain missing";
		fill_in(a, local, local.n, ret_address);
		return NULL;
	}
	skip(rest, '@');
	wrong = domain_or_literal(rest, allow_utf8, &domain);
	if (wrong)
		return wrong;
	start.n -= rest->n;
	if (start.n > ADDRESS_PATH_MAX)
		return too_long;
	if (!str_is_ascii(start) && (!allow_utf8 || !str_is_utf8(start)))
		return allow_utf8 ? "bad UTF-8" : "non-ASCII address";
	fill_in(a, start, local.n, ret_address);
	return NULL;
}

/* A-d-l ":", with A-d-l = At-domain *( "," At-domain ): read, checked and forgotten. */
static const char *source_route(struct str *rest, bool allow_utf8)
{
	struct str domain;

	for (unsigned hops = 0; hops < ROUTE_HOPS_MAX && skip(rest, '@'); hops++) {
		const char *wrong = domain_or_literal(rest, allow_utf8, &domain);

		if (wrong)
			return wrong;
		if (skip(rest, ':'))
			return NULL;
		if (!skip(rest, ','))
			break;
	}
	return "bad source route";
}

const char *address_path(struct arena *a, struct str *rest, bool allow_null, bool allow_utf8,
    struct address *ret_address)
{
	struct str in = *rest;
	const char *wrong = NULL;

	if (!skip(&in, '<'))
		return "address must stand in < >";
	if (allow_null && skip(&in, '>')) {
		*ret_address = (struct address){STR(""), STR(""), STR(""), false};
		*rest = in;
		return NULL;
	}
	if (at(in, '@'))
		wrong = source_route(&in, allow_utf8);
	if (!wrong)
		wrong = mailbox(a, &in, allow_utf8, !allow_null, ret_address);
	if (!wrong && !skip(&in, '>'))
		wrong = "closing > missing";
	if (!wrong)
		*rest = in;
	return wrong;
}

const char *address_parse(struct arena *a, struct str text, bool allow_utf8, struct address *ret_address)
{
	const char *wrong = mailbox(a, &text, allow_utf8, false, ret_address);

	return !wrong && text.n > 0 ? "unexpected text behind the address" : wrong;
}

bool domain_to_ascii(struct arena *a, struct str domain, struct str *ret_ascii)
{
	char *out = NULL;
	bool is_good;

	if (domain.n == 0 || domain.n > ADDRESS_DOMAIN_MAX || memchr(domain.p, 0, domain.n))
		return false;
	if (str_is_ascii(domain)) {
		*ret_ascii = str_lower(a, domain);
		return true;
	}
	is_good = idn2_to_ascii_8z(arena_cstr(a, domain), &out, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) ==
	    IDN2_OK;
	if (is_good)
		*ret_ascii = str_lower(a, str_of(out));
	free(out);
	return is_good && ret_ascii->n <= ADDRESS_DOMAIN_MAX;
}

bool domain_to_unicode(struct arena *a, struct str domain, struct str *ret_unicode)
{
	char *out = NULL;

	if (domain.n > ADDRESS_DOMAIN_MAX || str_ifind(domain, STR("xn--")) < 0 || memchr(domain.p, '\0', domain.n) ||
	    idn2_to_unicode_8z8z(arena_cstr(a, domain), &out, 0) != IDN2_OK)
		return false;
	*ret_unicode = arena_str(a, str_of(out));
	idn2_free(out);
	return true;
}

bool domains_check(const struct conf_strings *list, struct conf_load *load)
{
	bool ok = true;

	for (size_t i = 0; i < list->n; i++) {
		struct str name = list->v[i].text, ascii;

		if (domain_to_ascii(load->arena, name, &ascii) && domain_is_valid(ascii, false))
			continue;
		conf_error(load, list->v[i].place, "'%.*s' is no domain name; expected one such as example.org", STR_ARG(name));
		ok = false;
	}
	return ok;
}
