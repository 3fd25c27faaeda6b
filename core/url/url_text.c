/*
 * URLs in plain text. What mail programs make clickable, and names with a known top-level domain
 * that spammers leave for the reader to type. Text is cut into words at the delimiters that end a
 * link; only words with a dot, colon or @ are looked at, and each octet of them once or twice.
 */
#include "core/url/url_private.h"
#include "lib/block.h"

enum { LINK_MAX = 2048, MAIL_PART_MAX = 251, NAME_MAX = 253 };

enum class {
	END = 1,	 /* ends every link */
	MARK = 2,	 /* a word with one of these may hold a link */
	MAIL_END = 4,	 /* ends a mail address */
	START = 8,	 /* a link may start behind it */
	NAME_START = 16, /* a bare name may start behind it */
	NAME = 32,	 /* letters of a host name */
};

#define ENDS (END | MAIL_END | START)
/* What starts a bare name: most punctuation. Letters, digits and ". _ -" make one. */
#define S NAME_START
#define N NAME
static const unsigned char classes[256] = {
    0, 0, 0, 0, 0, 0, 0, 0, 0, ENDS | S, ENDS | S, ENDS | S, ENDS | S, ENDS | S, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, ENDS | S, 0, 0, 0, 0,
    ENDS | S, S, ENDS | S, S, S, 0, S, MAIL_END | START | S, MAIL_END | START | S, S, S, S, MAIL_END | START | S, N, N | MARK, S,
    N, N, N, N, N, N, N, N, N, N, S | MARK, S, ENDS | S, S, ENDS | S, S,
    S | MARK, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N,
    ENDS | S, S, ENDS | S, S, N,
    ENDS | S, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N,
    ENDS | S, ENDS | S, ENDS | S, S, 0,
    [0x80 ... 0xff] = MAIL_END,
};
#undef S
#undef N

static bool has(char c, enum class bit)
{
	return classes[(unsigned char)c] & bit;
}

struct word {
	struct str text;   /* without delimiters inside */
	size_t next_at;	   /* place of the next @, or SIZE_MAX; valid from `asked` on */
	size_t mail_end;   /* place of the next MAIL_END */
	bool is_shifted;   /* behind ESC: its first two octets are of ISO 2022 */
};

static bool is_word_char(char c)
{
	return is_alnum((unsigned char)c) || c == '_';
}

/* A match may start here: a word boundary, or behind a delimiter. */
static bool may_start(const struct word *w, size_t at)
{
	char before;

	if (at == 0 || (at == 2 && w->is_shifted))
		return true;
	before = w->text.p[at - 1];
	return has(before, START) || is_word_char(before) != is_word_char(w->text.p[at]);
}

static size_t prefix_length(struct str s)
{
	static const struct str schemes[] = {
	    {"http://", 7}, {"https://", 8}, {"ftp://", 6}, {"ftp.", 4}, {"www.", 4},
	};

	for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
		if (str_istarts(s, schemes[i]))
			return schemes[i].n;
	if (str_istarts(s, STR("www")) && s.n > 4 && is_digit((unsigned char)s.p[3])) {
		size_t n = is_digit((unsigned char)s.p[4]) ? 5 : 4;
		return n < s.n && s.p[n] == '.' ? n + 1 : 0;
	}
	return 0;
}

/* http://..., www3.... : to the end of the word. Length or 0. */
static size_t match_link(const struct word *w, size_t at)
{
	struct str rest = str_from(w->text, at);
	size_t prefix;

	if (to_lower((unsigned char)rest.p[0]) != 'h' && to_lower((unsigned char)rest.p[0]) != 'w' &&
	    to_lower((unsigned char)rest.p[0]) != 'f')
		return 0;
	prefix = prefix_length(rest);
	return prefix && rest.n > prefix && rest.n - prefix <= LINK_MAX ? rest.n : 0;
}

static size_t next_of(const struct word *w, size_t from, size_t known, enum class bit, char c)
{
	if (known != SIZE_MAX && known >= from)
		return known;
	while (from < w->text.n && !(c ? w->text.p[from] == c : has(w->text.p[from], bit)))
		from++;
	return from;
}

/* mailto:... or local@domain. */
static size_t match_mail(struct word *w, size_t at)
{
	struct str rest = str_from(w->text, at);
	size_t domain;

	w->mail_end = next_of(w, at, w->mail_end, MAIL_END, 0);
	if (to_lower((unsigned char)rest.p[0]) == 'm' && str_istarts(rest, STR("mailto:"))) {
		size_t n = w->mail_end - at;
		return n > 7 && n <= 7 + LINK_MAX ? n : 0;
	}
	w->next_at = next_of(w, at, w->next_at, 0, '@');
	if (w->next_at >= w->mail_end || w->next_at == at || w->next_at - at > MAIL_PART_MAX)
		return 0;
	domain = w->mail_end - w->next_at - 1;
	return domain && domain <= MAIL_PART_MAX ? w->mail_end - at : 0;
}

/* name.tld, name.tld:80, name.tld/path; *ret_host is the name. */
static size_t match_name(const struct word *w, size_t at, struct str *ret_host)
{
	size_t n = at, digits = 0;
	struct str host;

	if (at && !has(w->text.p[at - 1], NAME_START))
		return 0;
	while (n < w->text.n && n - at < NAME_MAX && has(w->text.p[n], NAME))
		n++;
	host = str_sub(w->text, at, n - at);
	if (host.n && host.p[host.n - 1] == '.')
		host.n--;
	if (host.n < 4 || !is_alnum((unsigned char)host.p[0]) || str_chr(host, '.') <= 0 || !host_is_public(host))
		return 0;
	if (n < w->text.n && w->text.p[n] == ':') {
		while (n + 1 + digits < w->text.n && is_digit((unsigned char)w->text.p[n + 1 + digits]))
			digits++;
		if (digits < 1 || digits > 5)
			return 0;
		n += 1 + digits;
	}
	*ret_host = host;
	if (n == w->text.n)
		return n - at;
	return w->text.p[n] == '/' && w->text.n - n > 1 && w->text.n - n <= LINK_MAX ? w->text.n - at : 0;
}

/* The end of a sentence is no part of the link; a ) without ( before it ends it. */
static struct str trimmed(struct str raw)
{
	ptrdiff_t close = str_chr(raw, ')'), open = str_chr(raw, '(');

	if (close >= 0 && (open < 0 || open > close))
		raw.n = (size_t)close;
	while (raw.n && strchr("-~!@#^&*()_+=:;'?,.", raw.p[raw.n - 1]) && raw.p[raw.n - 1])
		raw.n--;
	return raw;
}

static bool is_empty_link(struct str raw)
{
	ptrdiff_t colon = str_chr(raw, ':');
	size_t i = (size_t)colon + 1;

	if (colon <= 0)
		return false;
	while (i < raw.n && raw.p[i] == '/')
		i++;
	return i == raw.n;
}

struct found {
	struct arena *arena;
	struct urls *urls;
	enum url_source source;
};

static bool has_scheme(struct str s)
{
	return str_istarts(s, STR("http:")) || str_istarts(s, STR("https:")) || str_istarts(s, STR("ftp:")) ||
	    str_istarts(s, STR("mailto:"));
}

static bool slash_before_at(struct str s)
{
	ptrdiff_t slash = str_chr(s, '/'), at = str_rchr(s, '@');

	return slash >= 0 && at > slash + 1;
}

/* "skype:", "mail:", "email:", ":" that stuck to an address. */
static struct str without_label(struct str s)
{
	static const struct str labels[] = {{"skype:", 6}, {"email:", 6}, {"e-mail:", 7}, {"mail:", 5}};

	for (size_t i = 0; i < sizeof labels / sizeof *labels; i++)
		if (str_istarts(s, labels[i]))
			s = str_from(s, labels[i].n);
	while (s.n && s.p[0] == ':')
		s = str_from(s, 1);
	return s;
}

static struct str with_prefix(struct arena *a, const char *prefix, struct str s)
{
	return arena_printf(a, "%s%.*s", prefix, STR_ARG(s));
}

/* Adds the scheme that programs assume. False when nobody would go there. */
static bool add_scheme(const struct found *f, struct str raw, struct str *ret_text, struct url *flags)
{
	ptrdiff_t at = str_chr(raw, '@');

	*ret_text = raw;
	if (has_scheme(raw))
		return true;
	flags->is_schemeless = true;
	if (str_istarts(raw, STR("ftp."))) {
		*ret_text = with_prefix(f->arena, "ftp://", raw);
	} else if (prefix_length(raw) || slash_before_at(raw)) {
		*ret_text = with_prefix(f->arena, "http://", raw);
	} else if (at >= 0) {
		if (str_chr(str_from(raw, (size_t)at + 2), '.') < 0)
			return false;
		*ret_text = with_prefix(f->arena, "mailto:", without_label(raw));
	} else {
		if (str_chr(raw, '.') < 0)
			return false;
		flags->is_unlinked = true;
		*ret_text = with_prefix(f->arena, "http://", raw);
	}
	return true;
}

/* Names for examples and tests (RFC 6761): no public suffix, but with a scheme they are meant as links. */
static bool is_reserved(struct str host)
{
	static const char *const ends[] = {".example", ".test", ".invalid", ".localhost"};

	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
		if (str_ends(host, str_of(ends[i])))
			return true;
	return false;
}

static void put(const struct found *f, struct str raw)
{
	struct url flags = {0}, u;
	struct str text;

	raw = trimmed(raw);
	if (!raw.n || is_empty_link(raw) || str_istarts(raw, STR("cid:")) || str_istarts(raw, STR("mid:")))
		return;
	if (!add_scheme(f, raw, &text, &flags) || !url_read(f->arena, text, &u) || !u.host.n)
		return;
	if (!host_is_public(u.host) && !host_is_address(u.host) && (flags.is_schemeless || !is_reserved(u.host)))
		return;
	u.raw = raw;
	u.source = f->source;
	u.is_schemeless = flags.is_schemeless;
	u.is_unlinked = flags.is_unlinked;
	urls_put(f->arena, f->urls, &u);
}

static void read_word(const struct found *f, struct word *w)
{
	for (size_t at = 0; at < w->text.n;) {
		struct str host;
		size_t n = 0;

		if (may_start(w, at)) {
			n = match_link(w, at);
			if (!n)
				n = match_mail(w, at);
		}
		if (!n && is_alnum((unsigned char)w->text.p[at]))
			n = match_name(w, at, &host);
		if (!n) {
			at++;
			continue;
		}
		put(f, str_sub(w->text, at, n));
		at += n;
	}
}

/* Where the next octet of the class MARK stands, or the end. */
static size_t next_mark(struct str text, size_t at)
{
	for (; at + BLOCK <= text.n; at += BLOCK) {
		block here = block_load(text.p + at);

		unsigned found = block_bits(block_is(here, '.') | block_is(here, ':') | block_is(here, '@'));
		if (found)
			return at + (size_t)__builtin_ctz(found);
	}
	while (at < text.n && !has(text.p[at], MARK))
		at++;
	return at;
}

void urls_from_text(struct arena *a, struct urls *urls, struct str text, enum url_source source)
{
	struct found f = {a, urls, source};
	size_t mark = 0, behind = 0; /* where the word in front has ended */

	while ((mark = next_mark(text, mark)) < text.n && !urls->is_over) {
		size_t start = mark, end = mark + 1;

		while (start > behind && !has(text.p[start - 1], END))
			start--;
		while (end < text.n && !has(text.p[end], END))
			end++;
		/* A mark that ends its word, like that of a sentence, makes no link. */
		if (end > mark + 1 && end - start > 3) {
			struct word w = {.text = str_sub(text, start, end - start),
			    .next_at = SIZE_MAX, .mail_end = SIZE_MAX,
			    .is_shifted = start && text.p[start - 1] == '\033' && text.p[start] == '('};
			read_word(&f, &w);
		}
		mark = behind = end;
	}
}
