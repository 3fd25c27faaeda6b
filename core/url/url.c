/*
 * One URL: taken apart the way a browser would read it, whatever was done to hide where it goes.
 * And the list of URLs of a message, without doubles.
 */
#include "core/url/url.h"

#include "core/address.h"
#include "core/html/html.h"
#include "core/url/url_private.h"
#include "lib/addr.h"

enum { SLOTS = 2 * 2048, NESTED_MAX = 4 };
_Static_assert((size_t)SLOTS > (size_t)URL_MAX, "a free slot always");

static bool is_scheme_char(unsigned char c)
{
	return is_alnum(c) || c == '+' || c == '-' || c == '.';
}

/* Schemes that digits may follow at once: anything else before a digit is a host with its port. */
static const char *const digit_schemes[] = {"cid", "data", "mid", "sms", "tel", "callto", "mailto"};

static bool takes_digits(struct str scheme)
{
	for (size_t i = 0; i < sizeof digit_schemes / sizeof *digit_schemes; i++)
		if (str_iis(scheme, digit_schemes[i]))
			return true;
	return false;
}

/* "https" of "https:..."; 0 when there is none. */
static size_t scheme_length(struct str s)
{
	size_t n = 0;

	while (n < s.n && is_scheme_char((unsigned char)s.p[n]))
		n++;
	if (n == 0 || n == s.n || s.p[n] != ':' || !is_alpha((unsigned char)s.p[0]))
		return 0;
	if (str_chr(str_sub(s, 0, n), '.') >= 0)
		return 0;
	if (n + 1 < s.n && is_digit((unsigned char)s.p[n + 1]) && !takes_digits(str_sub(s, 0, n)))
		return 0;
	return n;
}

static bool is_web(struct str scheme)
{
	return str_is(scheme, "http") || str_is(scheme, "https") || str_is(scheme, "ftp");
}

/* Without controls and what a broken quote let in; backslashes are slashes before the query. */
static struct str cleaned(struct arena *a, struct str raw)
{
	char *out = (char *)arena_str(a, str_sub(str_trim(raw), 0, URL_BYTES_MAX)).p;
	size_t n = 0, length = str_sub(str_trim(raw), 0, URL_BYTES_MAX).n;
	bool is_query = false;

	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)out[i];
		if (c == '<' || c == '>' || c == '"')
			break;
		if (c < ' ' || c == 0x7f)
			continue;
		is_query |= c == '?' || c == '#';
		out[n++] = c == '\\' && !is_query ? '/' : (char)c;
	}
	out[n] = '\0';
	return str_trim((struct str){out, n});
}

static struct str percent_decoded(struct arena *a, struct str s)
{
	char *out;
	size_t n = 0;

	if (str_chr(s, '%') < 0)
		return s;
	out = arena_alloc(a, s.n + 1);
	for (size_t i = 0; i < s.n; i++) {
		int high = s.p[i] == '%' && i + 2 < s.n ? hex_value((unsigned char)s.p[i + 1]) : -1;
		int low = high < 0 ? -1 : hex_value((unsigned char)s.p[i + 2]);
		out[n++] = low < 0 ? s.p[i] : (char)(high << 4 | low);
		i += low < 0 ? 0 : 2;
	}
	return (struct str){out, n};
}

/* One number of an IPv4 address: decimal, 0x hexadecimal, 0 octal. */
static bool address_number(struct str s, uint64_t *ret_value)
{
	unsigned base = 10;
	uint64_t value = 0;

	if (str_istarts(s, STR("0x"))) {
		base = 16;
		s = str_from(s, 2);
	} else if (s.n > 1 && s.p[0] == '0' && str_chr(s, '8') < 0 && str_chr(s, '9') < 0) {
		base = 8;
		s = str_from(s, 1);
	}
	for (size_t i = 0; i < s.n; i++) {
		int v = hex_value((unsigned char)s.p[i]);
		if (v < 0 || (unsigned)v >= base)
			return false;
		value = value > UINT32_MAX ? value : value * base + (unsigned)v;
	}
	*ret_value = value;
	return s.n > 0 || base != 10;
}

/* 1 to 4 numbers as inet_aton() reads them; false when the host is a name. */
static bool numeric_host(struct arena *a, struct str host, struct str *ret_host)
{
	uint64_t v[4], whole = 0;
	struct str rest = host, part;
	unsigned n = 0;

	while (str_split(&rest, '.', &part)) {
		if (n == 4 || !address_number(part, &v[n]))
			return false;
		n++;
	}
	for (unsigned i = 0; i + 1 < n; i++)
		whole = whole << 8 | (v[i] & 255);
	whole = n == 4 ? whole << 8 | (v[3] & 255) : (whole << (8 * (5 - n))) | (v[n - 1] & (UINT32_MAX >> (8 * (n - 1))));
	*ret_host = arena_printf(a, "%u.%u.%u.%u", (unsigned)(whole >> 24 & 255), (unsigned)(whole >> 16 & 255),
	    (unsigned)(whole >> 8 & 255), (unsigned)(whole & 255));
	return true;
}

static bool is_host_char(unsigned char c)
{
	return is_alnum(c) || c == '-' || c == '_' || c == '.' || c >= 0x80;
}

/* Cuts what is no host any more behind it: "example.com,", "example.com!!!" */
static struct str host_part(struct str s)
{
	size_t n = 0;

	while (n < s.n && is_host_char((unsigned char)s.p[n]))
		n++;
	s.n = n;
	while (s.n && !is_alnum((unsigned char)s.p[s.n - 1]) && (unsigned char)s.p[s.n - 1] < 0x80)
		s.n--;
	while (s.n && s.p[0] == '.')
		s = str_from(s, 1);
	return s;
}

/* authority: between // and the path. */
struct str url_host(struct arena *a, struct str authority)
{
	struct str host = html_unescape(a, percent_decoded(a, authority));
	ptrdiff_t at = str_rchr(host, '@');
	struct str read;

	if (at >= 0)
		host = str_from(host, (size_t)at + 1);
	if (host.n && host.p[0] == '[') {
		ptrdiff_t end = str_chr(host, ']');
		return end > 2 ? str_lower(a, str_sub(host, 0, (size_t)end + 1)) : STR_NONE;
	}
	host = host_part(host);
	if (!host.n)
		return STR_NONE;
	if (is_digit((unsigned char)host.p[0]) && numeric_host(a, host, &read))
		return read;
	return domain_to_ascii(a, host, &read) ? read : str_lower(a, host);
}

static void read_host(struct arena *a, struct str authority, struct url *u)
{
	u->host = url_host(a, authority);
	if (u->host.n)
		u->domain = domain_registered(u->host);
}

static size_t authority_length(struct str s)
{
	size_t n = 0;

	while (n < s.n && s.p[n] != '/' && s.p[n] != '?' && s.p[n] != '#')
		n++;
	return n;
}

static bool read_web(struct arena *a, struct str rest, struct url *u)
{
	size_t slashes = 0, n;

	while (slashes < rest.n && rest.p[slashes] == '/')
		slashes++;
	rest = str_from(rest, slashes);
	n = authority_length(rest);
	read_host(a, str_sub(rest, 0, n), u);
	if (n == rest.n || rest.p[n] == '/')
		u->url = arena_printf(a, "%.*s://%.*s", STR_ARG(u->scheme), STR_ARG(rest));
	else
		u->url = arena_printf(a, "%.*s://%.*s/%.*s", STR_ARG(u->scheme), (int)n, rest.p,
		    STR_ARG(str_from(rest, n)));
	return u->host.n > 0;
}

static size_t mail_length(struct str s)
{
	size_t n = 0;

	while (n < s.n && s.p[n] != '?' && s.p[n] != '&')
		n++;
	return n;
}

static bool read_mail(struct arena *a, struct str text, struct str rest, struct url *u)
{
	ptrdiff_t at;

	rest = percent_decoded(a, str_sub(rest, 0, mail_length(rest)));
	while (rest.n && rest.p[0] == '/')
		rest = str_from(rest, 1);
	at = str_rchr(rest, '@');
	u->url = text;
	if (at < 0 || str_chr(rest, '@') != at)
		return true;
	read_host(a, str_from(rest, (size_t)at + 1), u);
	return true;
}

bool url_read(struct arena *a, struct str raw, struct url *ret_url)
{
	struct str text = cleaned(a, raw);
	size_t n = scheme_length(text);

	*ret_url = (struct url){.raw = raw};
	if (n == 0 && str_chr(text, '%') >= 0) { /* the scheme itself may be hidden */
		struct str open = percent_decoded(a, text);
		if (scheme_length(open)) {
			text = open;
			n = scheme_length(text);
		}
	}
	if (n) {
		ret_url->scheme = str_lower(a, str_sub(text, 0, n));
		if (is_web(ret_url->scheme))
			return read_web(a, str_from(text, n + 1), ret_url);
		if (str_is(ret_url->scheme, "mailto"))
			return read_mail(a, text, str_from(text, n + 1), ret_url);
		ret_url->url = text;
		return true;
	}
	if (!text.n || text.p[0] == '#' || text.p[0] == '?' || text.p[0] == '&' ||
	    (text.p[0] == '/' && !str_starts(text, STR("//"))))
		return false;
	ret_url->scheme = str_istarts(text, STR("ftp.")) ? STR("ftp") : STR("http");
	return read_web(a, text, ret_url) && (host_is_public(ret_url->host) || host_is_address(ret_url->host));
}

bool host_is_address(struct str host)
{
	for (size_t i = 0; i < host.n && host.p[0] != '['; i++)
		if (!is_digit((unsigned char)host.p[i]) && host.p[i] != '.')
			return false;
	return host.n > 0;
}

/* ---- lists ---- */

static size_t slot_of(const struct urls *urls, const struct url *u)
{
	size_t at = (str_hash(u->url) + u->source) % SLOTS;

	while (urls->slots[at]) {
		const struct url *there = &urls->v[urls->slots[at] - 1];
		if (there->source == u->source && str_eq(there->url, u->url))
			break;
		at = (at + 1) % SLOTS;
	}
	return at;
}

static void grow(struct arena *a, struct urls *urls)
{
	size_t room = urls->room ? urls->room * 2 : 16;
	struct url *more = arena_array(a, room, sizeof *more);

	if (urls->n)
		memcpy(more, urls->v, urls->n * sizeof *more);
	urls->v = more;
	urls->room = room;
}

static size_t most(const struct urls *urls)
{
	return urls->most && urls->most < URL_MAX ? urls->most : URL_MAX;
}

static void add(struct arena *a, struct urls *urls, const struct url *u)
{
	size_t at;

	if (!urls->slots)
		urls->slots = arena_array(a, SLOTS, sizeof *urls->slots);
	at = slot_of(urls, u);
	if (urls->slots[at])
		return;
	if (urls->n == most(urls)) {
		urls->is_over = true;
		return;
	}
	if (urls->n == urls->room)
		grow(a, urls);
	urls->v[urls->n++] = *u;
	urls->slots[at] = (uint16_t)urls->n;
}

/* The URL that a redirector carries in its path or query; false when there is none. */
static bool nested(struct arena *a, const struct url *u, struct str *ret_raw)
{
	struct str rest = percent_decoded(a, str_from(u->url, u->scheme.n + 3));
	ptrdiff_t http = str_ifind(rest, STR("http"));

	while (http >= 0) {
		struct str from = str_from(rest, (size_t)http);
		if (str_istarts(from, STR("http:/")) || str_istarts(from, STR("https:/"))) {
			ptrdiff_t end = str_chr(from, '&');
			*ret_raw = end < 0 ? from : str_sub(from, 0, (size_t)end);
			return true;
		}
		rest = str_from(from, 4);
		http = str_ifind(rest, STR("http"));
	}
	return false;
}

void urls_put(struct arena *a, struct urls *urls, const struct url *u)
{
	struct url here = *u;
	struct str inner;

	add(a, urls, u);
	for (int i = 0; i < NESTED_MAX && is_web(here.scheme) && nested(a, &here, &inner); i++) {
		struct url next;
		if (!url_read(a, inner, &next))
			return;
		next.source = u->source;
		next.tag = u->tag;
		next.is_nested = true;
		next.is_obfuscated = u->is_obfuscated;
		add(a, urls, &next);
		here = next;
	}
}

void urls_add_tag(struct arena *a, struct urls *urls, struct str raw, enum url_source source,
    struct str anchor, const char *tag)
{
	struct url u;

	if (urls->n == most(urls)) {
		urls->is_over = true;
		return;
	}
	if (!url_read(a, raw, &u))
		return;
	u.source = source;
	u.anchor = anchor;
	u.tag = tag;
	urls_put(a, urls, &u);
}

void urls_add(struct arena *a, struct urls *urls, struct str raw, enum url_source source, struct str anchor)
{
	urls_add_tag(a, urls, raw, source, anchor, NULL);
}

const char *url_source_name(enum url_source source)
{
	static const char *const names[] = {"text", "href", "subject", "href"};

	return names[source];
}
