/*
 * URIs as rules are matched against them: every canonical writing that SpamAssassin 4.0.1 derives
 * from one (percent signs, backslashes, numeric hosts, ports, user names, redirectors), so that its
 * `uri` rules and its domain look-ups mean the same here.
 */
#include "core/address.h"
#include "core/html/html.h"
#include "core/url/url_private.h"

enum { VARIANTS_MAX = 24, QUEUE_MAX = 6 };

struct variants {
	struct arena *arena;
	struct str *v;
	size_t n;
	struct str queue[QUEUE_MAX]; /* redirector targets, to be treated as URIs of their own */
	size_t queued;
};

static void add(struct variants *l, struct str uri)
{
	for (size_t i = 0; i < l->n; i++)
		if (str_eq(l->v[i], uri))
			return;
	if (l->n < VARIANTS_MAX && uri.n)
		l->v[l->n++] = str_sub(uri, 0, 2 * URL_BYTES_MAX);
}

static void enqueue(struct variants *l, struct str uri)
{
	for (size_t i = 0; i < l->queued; i++)
		if (str_eq(l->queue[i], uri))
			return;
	if (l->queued < QUEUE_MAX)
		l->queue[l->queued++] = uri;
}

static struct str without(struct arena *a, struct str s, const char *octets)
{
	char *out = (char *)arena_str(a, s).p;
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++)
		if (!s.p[i] || !strchr(octets, s.p[i]))
			out[n++] = s.p[i];
	return (struct str){out, n};
}

static struct str with_slashes(struct arena *a, struct str s)
{
	char *out = (char *)arena_str(a, s).p;

	for (size_t i = 0; i < s.n; i++)
		if (out[i] == '\\')
			out[i] = '/';
	return (struct str){out, s.n};
}

static bool has_percent(struct str s)
{
	for (size_t i = 0; i + 2 < s.n; i++)
		if (s.p[i] == '%' && hex_value((unsigned char)s.p[i + 1]) >= 0 &&
		    hex_value((unsigned char)s.p[i + 2]) >= 0)
			return true;
	return false;
}

/* Printable octets that are escaped are written out; odd ones that are not become escaped. */
static struct str normal_percent(struct arena *a, struct str s)
{
	struct buf out = {0};

	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		int high = c == '%' && i + 2 < s.n ? hex_value((unsigned char)s.p[i + 1]) : -1;
		int low = high < 0 ? -1 : hex_value((unsigned char)s.p[i + 2]);

		if (low >= 0) {
			int v = high << 4 | low;
			if (v > 0x20 && v < 0x7f)
				buf_addc(&out, (char)v);
			else
				buf_add(&out, str_sub(s, i, 3));
			i += 2;
		} else if (c <= ' ' || c >= 0x7f || c == '"' || c == '%' || c == '<' || c == '>') {
			buf_addf(&out, "%%%02x", c);
		} else {
			buf_addc(&out, (char)c);
		}
	}
	return buf_take(&out, a);
}

static struct str join3(struct arena *a, struct str x, struct str y, struct str z)
{
	struct buf out = {0};

	buf_add(&out, x);
	buf_add(&out, y);
	buf_add(&out, z);
	return buf_take(&out, a);
}

static struct str join2(struct arena *a, struct str x, struct str y)
{
	return join3(a, x, y, STR(""));
}

/* ---- addresses ---- */

static struct str mail_to(struct arena *a, struct str address)
{
	return join2(a, STR("mailto:"), address);
}

/* "a@b?subject=x", "a@b&c", "%20a@b", "Name <a@b>": the address alone, too. */
static void mail_variants(struct variants *l, struct str uri)
{
	ptrdiff_t at = str_chr(uri, '@'), query = str_chr(uri, '?'), amp = str_chr(uri, '&'), open, close;

	if (at > 0 && query > at + 1)
		add(l, str_sub(uri, 0, (size_t)query));
	if (at > 0 && amp > at + 1 && (query < 0 || amp < query))
		add(l, str_sub(uri, 0, (size_t)amp));
	if (at > 0 && str_find(uri, STR("%20")) >= 0) {
		struct str rest = str_istarts(uri, STR("mailto:")) ? str_from(uri, 7) : uri;
		size_t n = 0;

		while (str_starts(rest, STR("%20")))
			rest = str_from(rest, 3);
		while (n < rest.n && rest.p[n] != '?' && rest.p[n] != '&' &&
		    (rest.p[n] != '%' || str_chr(str_sub(rest, 0, n), '@') < 0))
			n++;
		add(l, mail_to(l->arena, str_sub(rest, 0, n)));
	}
	open = str_chr(uri, '<');
	close = open < 0 ? -1 : str_chr(str_from(uri, (size_t)open), '>');
	if (close > 1)
		add(l, mail_to(l->arena, str_sub(uri, (size_t)open + 1, (size_t)close - 1)));
}

/* ---- the web ---- */

struct web {
	struct str proto; /* "http://" */
	struct str auth;  /* "user@" */
	struct str host, rest; /* rest from the port on */
	struct str port;  /* digits, "" none */
	struct str behind_port;
};

static bool split_web(struct str uri, struct web *w)
{
	size_t n = str_istarts(uri, STR("https://")) ? 8 : str_istarts(uri, STR("http://")) ? 7 : 0, i = 0;
	struct str rest = str_from(uri, n);
	ptrdiff_t at;

	if (!n)
		return false;
	w->proto = str_sub(uri, 0, n);
	while (i < rest.n && rest.p[i] != '/' && rest.p[i] != '?' && rest.p[i] != '#')
		i++;
	at = str_chr(str_sub(rest, 0, i), '@');
	w->auth = str_sub(rest, 0, (size_t)(at + 1));
	rest = str_from(rest, w->auth.n);
	for (i = 0; i < rest.n && !strchr("/?#:", rest.p[i] ? rest.p[i] : 1); i++)
		;
	w->host = str_sub(rest, 0, i);
	w->rest = w->behind_port = str_from(rest, i);
	w->port = STR("");
	if (w->rest.n && w->rest.p[0] == ':') {
		for (i = 1; i < w->rest.n && is_digit((unsigned char)w->rest.p[i]); i++)
			;
		w->port = str_sub(w->rest, 1, i - 1);
		w->behind_port = str_from(w->rest, i);
	}
	return w->host.n > 0;
}

static void add_web(struct variants *l, const struct web *w, struct str host, struct str rest)
{
	add(l, join3(l->arena, w->proto, host, rest));
}

static void port_variants(struct variants *l, const struct web *w)
{
	bool is_default = str_is(w->port, w->proto.n == 7 ? "80" : "443");

	if (is_default)
		add_web(l, w, w->host, w->behind_port);
}

static struct str without_tail(struct str host)
{
	while (host.n && !is_alnum((unsigned char)host.p[host.n - 1]))
		host.n--;
	return host;
}

static void host_variants(struct variants *l, struct web *w)
{
	struct arena *a = l->arena;
	struct str ascii, plain, read;
	bool is_plain_port = !w->port.n || str_is(w->port, "80");

	if (!domain_to_ascii(a, w->host, &ascii))
		ascii = str_lower(a, w->host);
	if (!str_eq(ascii, str_lower(a, w->host))) {
		add_web(l, w, ascii, w->rest);
		if (w->port.n)
			add_web(l, w, ascii, w->behind_port);
		w->host = ascii;
	}
	plain = without(a, w->host, "\1\2\3\4\5\6\7\b\t\n\v\f\r\16\17\20\21\22\23\24\25\26\27\30\31\32\33\34\35\36\37 ");
	if (plain.n != w->host.n)
		add_web(l, w, plain, w->rest);
	w->host = plain;
	plain = without_tail(w->host);
	if (plain.n != w->host.n)
		add_web(l, w, plain, w->rest);
	w->host = plain;
	read = url_host(a, w->host);
	if (host_is_address(read)) {
		add_web(l, w, read, w->rest);
	} else if (w->proto.n == 7 && !w->auth.n && is_plain_port && !str_is(ascii, "localhost")) {
		/* A single word: browsers of old went to www.word.com. */
		struct str word = str_starts(ascii, STR("www.")) ? str_from(ascii, 4) : ascii;
		if (word.n && str_chr(word, '.') < 0 && !host_is_public(ascii))
			add(l, arena_printf(a, "%.*swww.%.*s.com%.*s", STR_ARG(w->proto), STR_ARG(word),
			    STR_ARG(w->rest)));
	}
}

static void redirector(struct variants *l, const struct web *w)
{
	ptrdiff_t at = str_ifind(w->rest, STR("http"));
	struct str target;
	size_t n = 0;

	while (at >= 0) {
		target = str_from(w->rest, (size_t)at);
		if (str_istarts(target, STR("http:")) || str_istarts(target, STR("https:")))
			break;
		target = str_from(target, 4);
		at = str_ifind(target, STR("http"));
		at = at < 0 ? -1 : at + (target.p - w->rest.p);
	}
	if (at < 0)
		return;
	while (n < target.n && target.p[n] != '&' && target.p[n] != '#')
		n++;
	if (str_chr(str_sub(target, 0, n), '.') >= 0)
		enqueue(l, str_sub(target, 0, n));
}

/* "http:www.x" and "http:/www.x" get their slashes. */
static struct str with_two_slashes(struct arena *a, struct str uri)
{
	size_t n = str_istarts(uri, STR("https:")) ? 6 : str_istarts(uri, STR("http:")) ? 5 : 0, i = n;

	while (n && i < n + 2 && i < uri.n && uri.p[i] == '/')
		i++;
	return n && i < n + 2 ? join3(a, str_sub(uri, 0, n), STR("//"), str_from(uri, i)) : uri;
}

static bool has_scheme(struct str uri)
{
	size_t n = 0;

	while (n < uri.n && (is_alnum((unsigned char)uri.p[n]) || uri.p[n] == '-' || uri.p[n] == '_'))
		n++;
	return n && n < uri.n && uri.p[n] == ':';
}

/* "http://x?y" to "http://x/?y". */
static struct str with_path(struct arena *a, struct str uri)
{
	struct web w;

	if (!split_web(uri, &w) || !w.behind_port.n || w.behind_port.p[0] == '/')
		return uri;
	return arena_printf(a, "%.*s/%.*s", (int)(w.behind_port.p - uri.p), uri.p, STR_ARG(w.behind_port));
}

static void web_variants(struct variants *l, struct str uri)
{
	struct arena *a = l->arena;
	struct str new = with_two_slashes(a, with_slashes(a, uri));
	struct web w;

	if (has_percent(new))
		new = normal_percent(a, new);
	if (!has_scheme(new))
		new = join2(a, str_starts(new, STR("ftp.")) ? STR("ftp://") : STR("http://"), new);
	new = html_unescape(a, with_path(a, new));
	add(l, new);
	if (!split_web(new, &w))
		return;
	port_variants(l, &w);
	redirector(l, &w);
	host_variants(l, &w);
}

static void one(struct variants *l, struct str uri)
{
	ptrdiff_t at = str_chr(uri, '@'), colon = str_chr(uri, ':');

	uri = without(l->arena, str_trim(without(l->arena, uri, "\n")), "\r");
	add(l, uri);
	if (uri.n <= 1 || strchr("#?&", uri.p[0]) || (uri.p[0] == '/' && uri.p[1] != '/'))
		return;
	if (str_istarts(uri, STR("mailto:")) || (at >= 0 && (colon < 0 || at < colon)))
		mail_variants(l, uri);
	else
		web_variants(l, uri);
}

struct str *url_variants(struct arena *a, struct str raw, size_t *ret_n)
{
	struct variants l = {.arena = a, .v = arena_array(a, VARIANTS_MAX, sizeof *l.v)};

	enqueue(&l, str_sub(raw, 0, 2 * URL_BYTES_MAX));
	for (size_t i = 0; i < l.queued; i++)
		one(&l, l.queue[i]);
	*ret_n = l.n;
	return l.v;
}

/* ---- domains ---- */

/* The host of a URI by cutting alone; false when there can be none. */
static bool cut_host(struct str uri, struct str *ret_host)
{
	size_t n = 0;
	ptrdiff_t at;

	if (str_starts(uri, STR("javascript:")) || str_starts(uri, STR("cid:")) || str_starts(uri, STR("file:")))
		return false;
	if (str_starts(uri, STR("mailto:"))) {
		uri = str_from(uri, 7);
		if (str_chr(uri, '?') >= 0)
			uri.n = (size_t)str_chr(uri, '?');
		at = str_rchr(uri, '@');
		if (at < 0 || str_chr(uri, '@') != at)
			return false;
		*ret_host = str_from(uri, (size_t)at + 1);
		return true;
	}
	while (n < uri.n && is_alpha((unsigned char)uri.p[n]))
		n++;
	if (n && n < uri.n && uri.p[n] == ':') {
		uri = str_from(uri, n + 1);
		for (n = 0; n < 2 && uri.n && uri.p[0] == '/'; n++)
			uri = str_from(uri, 1);
	}
	for (n = 0; n < uri.n && uri.p[n] != '/' && uri.p[n] != '?' && uri.p[n] != '#'; n++)
		;
	uri.n = n;
	at = str_rchr(uri, '@');
	uri = str_from(uri, (size_t)(at + 1));
	for (n = uri.n; n && is_digit((unsigned char)uri.p[n - 1]); n--)
		;
	if (n && uri.p[n - 1] == ':')
		uri.n = n - 1;
	*ret_host = uri;
	return true;
}

bool url_domain(struct arena *a, struct str uri, struct str *ret_host, struct str *ret_domain)
{
	struct str host;

	if (!cut_host(str_lower(a, uri), &host) || !host.n || has_percent(host))
		return false;
	while (host.n && host.p[host.n - 1] == '.')
		host.n--;
	if (host_is_address(host)) {
		*ret_host = *ret_domain = host;
		return true;
	}
	if (!str_is_ascii(host) && !domain_to_ascii(a, host, &host))
		return false;
	if (!host_is_public(host))
		return false;
	*ret_host = host;
	*ret_domain = domain_registered(host);
	return true;
}
