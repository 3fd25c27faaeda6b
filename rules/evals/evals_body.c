/* Eval functions over the text: capitals, blank lines, words of the HTML and the plain version. */
#include "rules/evals/evals_private.h"

#include <math.h>
#include <stdlib.h>

#include "core/html/html.h"
#include "core/text/unicode.h"

enum { WORDS_MAX = 20000, WORD_LOOKS_MAX = 256, STOCK_MAX = 64 };

static size_t body_length(const struct eval_call *c)
{
	return c->m->t->message.n - c->m->t->headers->body;
}

/* In octets with plain line ends, as files have them. */
static double check_body_length(struct eval_call *c)
{
	struct str body = str_from(c->m->t->message, c->m->t->headers->body);
	size_t n = body_length(c);

	if ((double)n > 2 * eval_number(c, 0, 0) + 100)
		return 0;
	for (size_t i = 0; i + 1 < body.n; i++)
		n -= body.p[i] == '\r' && body.p[i + 1] == '\n';
	return (double)n <= eval_number(c, 0, 0);
}

static double blank_line_ratio(struct eval_call *c)
{
	const struct content *content = c->m->t->content;
	double least = eval_number(c, 0, 0), most = eval_number(c, 1, 100), lines_min = eval_number(c, 2, 1), ratio;
	size_t blank = 0, lines = 0;

	for (size_t i = 0; content && i < content->raw_count; i++) {
		struct str rest = content->raw[i], line;
		/* Nothing stands behind the last line end. */
		while (rest.n && str_split(&rest, '\n', &line)) {
			lines++;
			blank += !str_trim(line).n;
		}
	}
	ratio = (double)lines < (lines_min < 1 ? 1 : lines_min) ? -1 : 100.0 * (double)blank / (double)lines;
	return (least == 0 && ratio <= most) || (ratio > least && ratio <= most);
}

/* Whether two words stand side by side somewhere; and whether it looks like base64. */
static bool counts_for_capitals(struct str line)
{
	bool seen = false, blank = false, base64 = line.n > 120;

	for (size_t i = 0; i < line.n && i < 60 && base64; i++)
		base64 = is_alnum(line.p[i]) || line.p[i] == '+' || line.p[i] == '/' || line.p[i] == '=' || line.p[i] == '\0';
	for (size_t i = 0; i < line.n; i++) {
		if (is_space(line.p[i])) {
			blank = seen;
		} else {
			if (blank)
				return !base64;
			seen = true;
		}
	}
	return false;
}

/* Once per message: several rules ask. */
static const struct letter_counts *count_letters(struct eval_call *c, const struct content *content)
{
	struct eval_state *s = eval_state(c);
	struct letter_counts *out = s->letters;

	if (out)
		return out;
	s->letters = out = arena_alloc(c->m->t->arena, sizeof *out);
	for (size_t i = 0; i < content->body_count; i++) {
		struct str line = content->body[i];
		if (!counts_for_capitals(line))
			continue;
		out->length += line.n;
		out->lower += str_count(line, 'a', 'z') + str_count(line, '0', '9');
		out->upper += str_count(line, 'A', 'Z');
	}
	return out;
}

static double uppercase(struct eval_call *c)
{
	const struct content *content = c->m->t->content;
	const struct letter_counts *n;
	double share;

	if (!content || eval_shouts_by_charset(c))
		return 0;
	n = count_letters(c, content);
	share = n->length < 200 || n->upper + n->lower == 0 ? 0 : 100.0 * (double)n->upper / (double)(n->upper + n->lower);
	return share > eval_number(c, 0, 0) && share <= eval_number(c, 1, 100);
}

static double vertical_words(struct eval_call *c)
{
	const struct content *content = c->m->t->content;
	double most = eval_number(c, 1, 100), best = -1;

	for (size_t i = 0; content && i < content->body_count; i++) {
		size_t n = content->body[i].n, spaces, others;
		double share;
		if (n <= 5)
			continue;
		spaces = str_count(content->body[i], ' ', ' ');
		others = n - spaces;
		share = spaces > others || others == 0 ? 100 : (double)(100 * spaces / others);
		if (share > best)
			best = share;
	}
	return best >= eval_number(c, 0, 0) && best < (most >= 100 ? 101 : most);
}

/* ---- multipart/alternative: words that only the HTML has ---- */

struct word {
	struct str text;
	size_t html, plain;
};

/* Words by hash. Who picks words that fall on one place makes some of them count as one, not the search long. */
struct words {
	struct word *v;
	size_t n, seen; /* seen: all that were added, each time */
	uint32_t *slots; /* index in v from 1, or 0 */
	size_t room;	 /* of slots, a power of two; v has half of it */
};

/* Perl's \w: signs of other alphabets are letters, those of none (dashes, quotes, the euro) are not. */
static bool is_wordy(struct str s)
{
	while (s.n) {
		unsigned char c = (unsigned char)s.p[0];
		uint32_t wide;
		size_t n = 1;

		if (is_alnum(c) || c == '_')
			return true;
		if (c >= 0x80) {
			n = unicode_read(s, &wide);
			if (unicode_script(wide) != SCRIPT_COMMON)
				return true;
		}
		s = str_from(s, n);
	}
	return false;
}

/* The slot of the word, or the one where it belongs. */
static uint32_t *word_slot(const struct words *w, struct str text)
{
	size_t at = (size_t)str_hash(text);
	uint32_t *slot = NULL;

	for (size_t i = 0; i < WORD_LOOKS_MAX; i++) {
		slot = &w->slots[(at + i) % w->room];
		if (!*slot || str_eq(w->v[*slot - 1].text, text))
			break;
	}
	return slot;
}

static void grow_words(struct words *w)
{
	w->room = w->room ? w->room * 2 : 512;
	free(w->slots);
	w->slots = calloc(w->room, sizeof *w->slots);
	w->v = realloc(w->v, w->room / 2 * sizeof *w->v);
	if (!w->slots || !w->v)
		abort();
	for (size_t i = 0; i < w->n; i++)
		*word_slot(w, w->v[i].text) = (uint32_t)i + 1;
}

static struct word *word_of(struct words *w, struct str text)
{
	uint32_t *slot;

	if (w->n == w->room / 2)
		grow_words(w);
	slot = word_slot(w, text);
	if (!*slot) {
		w->v[w->n] = (struct word){text, 0, 0};
		*slot = (uint32_t)++w->n;
	}
	return &w->v[*slot - 1];
}

static void add_words(struct words *w, struct str text, bool is_html)
{
	struct str word;

	while (w->seen < WORDS_MAX && str_word(&text, &word)) {
		if (!is_wordy(word))
			continue;
		w->seen++;
		if (is_html)
			word_of(w, word)->html++;
		else
			word_of(w, word)->plain++;
	}
}

/* The part as it was rendered for the rules. */
static const struct html *html_of(struct eval_call *c, struct mime_part *part)
{
	struct html *html;

	if (part->html)
		return part->html;
	html = arena_alloc(c->m->t->arena, sizeof *html);
	html_render(c->m->t->arena, mime_text(c->m->t->mime, part), html);
	part->html = html;
	return html;
}

static bool is_below(const struct mime_part *part, const struct mime_part *above)
{
	while (part && part != above)
		part = part->parent;
	return part;
}

/* All words of the text parts; whether there is a picture in one of HTML. */
static bool add_parts(struct eval_call *c, struct mime_part *ma, struct words *w)
{
	bool has_image = false;

	for (struct mime_part *p = ma->first; p && p != ma->next && is_below(p->parent, ma); p = mime_next(p)) {
		if (p->first || !str_starts(p->type, STR("text")))
			continue;
		if (str_is(p->type, "text/html")) {
			const struct html *html = html_of(c, p);
			add_words(w, html->text, true);
			has_image |= html_facts_inside(&html->facts, STR("img")) >= 0;
		} else {
			add_words(w, mime_text(c->m->t->mime, p), false);
		}
	}
	return has_image;
}

static void compare_alternative(struct eval_call *c, struct eval_state *s, struct mime_part *ma)
{
	struct words w = {0};
	size_t html = 0, plain = 0, left = 0;
	bool has_image = add_parts(c, ma, &w);
	double share;

	for (size_t i = 0; i < w.n; i++) {
		html += w.v[i].html > 0;
		plain += w.v[i].plain > 0;
		left += w.v[i].html > 0 && (w.v[i].plain == 0 || w.v[i].html > w.v[i].plain);
	}
	free(w.v);
	free(w.slots);
	/* Without words, a picture counts as one. */
	if (html == 0 && has_image)
		html = left = 1;
	if (html == 0)
		return;
	s->ma_html = html;
	s->ma_text = plain;
	share = 100.0 * (double)left / (double)html;
	if (share > s->madiff)
		s->madiff = share;
}

static const struct eval_state *alternatives(struct eval_call *c)
{
	struct eval_state *s = eval_state(c);

	if (s->has_madiff || !c->m->t->mime)
		return s;
	s->has_madiff = true;
	for (struct mime_part *p = c->m->t->mime->root; p; p = mime_next(p))
		if (str_is(p->type, "multipart/alternative"))
			compare_alternative(c, s, p);
	return s;
}

static double alternative_difference(struct eval_call *c)
{
	double share = alternatives(c)->madiff;

	return share > eval_number(c, 0, 0) && share <= eval_number(c, 1, 100);
}

static double alternative_difference_count(struct eval_call *c)
{
	const struct eval_state *s = alternatives(c);
	double ratio = eval_number(c, 0, 0), least = eval_number(c, 1, 0);

	if ((double)s->ma_html <= least)
		return 0;
	return (double)s->ma_text / (double)s->ma_html > ratio;
}

/* ---- stock tips ---- */

static struct str letters_of(struct arena *a, struct str s)
{
	char *p = arena_alloc(a, s.n + 1);
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++)
		if (is_alpha(s.p[i]))
			p[n++] = (char)to_lower(s.p[i]);
	return (struct str){p, n};
}

static bool is_stock_label(struct str s)
{
	static const char *const ends[] = {"company", "companyname", "stock", "sym", "symbol", "target", "ticker",
	    "openingp", "openingprice", "currentp", "currentprice", "projected", "position", "expectations",
	    "weekhigh", "weekshigh", "marketperformance", "yeartarget", "weektarget", "monthtarget",
	    "daytarget", "pricetarget", "yearestimate", "yearestimates", "weekestimate", "weekestimates",
	    "monthestimate", "monthestimates", "dayestimate", "dayestimates", "priceestimate",
	    "priceestimates", "sector", "recommendation", "rating"};

	if (str_is(s, "tradedate") || str_is(s, "tradingdate"))
		return true;
	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
		if (str_ends(s, str_of(ends[i])))
			return true;
	return false;
}

/* "Label: value" lines in the first plain part whose labels belong to a share. */
static double stock_info(struct eval_call *c)
{
	struct mime_part *p = c->m->t->mime ? c->m->t->mime->root : NULL;
	struct str seen[STOCK_MAX], text, line;
	size_t n = 0;

	while (p && !str_is(p->type, "text/plain"))
		p = mime_next(p);
	if (!p)
		return 0;
	text = mime_text(c->m->t->mime, p);
	while (n < STOCK_MAX && text.n && str_split(&text, '\n', &line)) {
		ptrdiff_t colon = str_chr(line, ':');
		struct str label;
		size_t k = 0;
		if (colon < 3 || colon > 40 || !str_trim(str_from(line, (size_t)colon + 1)).n)
			continue;
		label = letters_of(c->m->t->arena, str_sub(line, 0, (size_t)colon));
		while (k < n && !str_eq(seen[k], label))
			k++;
		if (k == n && is_stock_label(label))
			seen[n++] = label;
	}
	return (double)n >= eval_number(c, 0, 0);
}

/* ---- links ---- */

static bool is_ip_link(struct str url)
{
	ptrdiff_t at = str_find(url, STR("://"));
	struct str host = at < 0 ? STR("") : str_from(url, (size_t)at + 3);
	size_t n = 0;
	struct ip ip;

	while (n < host.n && !strchr("/:?#", host.p[n]))
		n++;
	return ip_parse(str_sub(host, 0, n), &ip) && ip.family == 4;
}

/* A link to an address whose text shows a secure site. */
static double https_ip_mismatch(struct eval_call *c)
{
	const struct content *content = c->m->t->content;

	for (size_t i = 0; content && i < content->urls.n; i++) {
		const struct url *u = &content->urls.v[i];
		if (is_ip_link(u->raw) && str_ifind(u->anchor, STR("https:")) >= 0 && !is_ip_link(u->anchor)) {
			c->text = u->raw;
			return 1;
		}
	}
	return 0;
}

static struct str shown_host(struct eval_call *c, struct str anchor)
{
	ptrdiff_t at = str_ifind(anchor, STR("https://"));
	struct str host = at < 0 ? STR("") : str_from(anchor, (size_t)at + 8);
	size_t n = 0;

	while (n < host.n && !is_space(host.p[n]) && !strchr("/:?#", host.p[n]))
		n++;
	return str_lower(c->m->t->arena, str_sub(host, 0, n));
}

/* The text of a link shows another secure site than the link leads to. */
static double https_http_mismatch(struct eval_call *c)
{
	const struct content *content = c->m->t->content;
	double least = eval_number(c, 0, 1), anchors = 0;
	bool hit = false;

	for (size_t i = 0; content && i < content->urls.n; i++) {
		const struct url *u = &content->urls.v[i];
		struct str shown;
		if (u->source != URL_FROM_HREF || !u->anchor.n || host_is_address(u->host) || !host_is_public(u->host))
			continue;
		anchors++;
		shown = shown_host(c, u->anchor);
		if (!shown.n || (!host_is_address(shown) && !host_is_public(shown)))
			continue;
		if (!str_eq(u->domain, host_is_address(shown) ? shown : domain_registered(shown))) {
			hit = true;
			c->text = u->raw;
		}
	}
	return hit && anchors >= (least < 1 ? 1 : least) && (c->n < 2 || anchors < eval_number(c, 1, 1e9));
}

static double http_redirector(struct eval_call *c)
{
	const struct content *content = c->m->t->content;

	for (size_t i = 0; content && i < content->urls.n; i++) {
		struct str rest = str_from(content->urls.v[i].url, 8);
		ptrdiff_t at = str_ifind(rest, STR("http://"));
		struct url inner;
		if (at < 0)
			at = str_ifind(rest, STR("https://"));
		if (at > 0 && url_read(c->m->t->arena, str_from(rest, (size_t)at), &inner) &&
		    !str_eq(inner.domain, content->urls.v[i].domain)) {
			c->text = content->urls.v[i].url;
			return 1;
		}
	}
	return 0;
}

static double uri_truncated(struct eval_call *c)
{
	const struct content *content = c->m->t->content;

	for (size_t i = 0; content && i < content->urls.n; i++)
		if (content->urls.v[i].raw.n >= URL_BYTES_MAX)
			return 1;
	return 0;
}

/* ---- body and signature of the first plain part ---- */

struct signature {
	bool has_text;
	double body, signature; /* octets in front of the last "-- " line, and behind it */
};

static bool is_delimiter(struct str line)
{
	if (line.n && line.p[line.n - 1] == '\r')
		line.n--;
	return str_is(line, "--") || str_is(line, "-- ");
}

static struct signature signature_of(struct eval_call *c)
{
	struct mime *mime = c->m->t->mime;
	struct mime_part *part = mime ? mime->root : NULL;
	struct signature out = {false, 0, 0};
	struct str text, rest, line;

	while (part && !str_starts(part->type, STR("text/plain")))
		part = mime_next(part);
	if (!part)
		return out;
	text = rest = mime_decoded(mime, part);
	out = (struct signature){true, (double)text.n, 0};
	while (str_split(&rest, '\n', &line)) {
		size_t left = text.n - (size_t)(line.p + line.n - text.p);
		/* One at the very end is bait. */
		if (is_delimiter(line) && left > 4)
			out = (struct signature){true, (double)(line.p - text.p), (double)left};
	}
	return out;
}

static double is_between(const struct eval_call *c, bool is_known, double value)
{
	return is_known && value >= eval_number(c, 0, 0) && value <= eval_number(c, 1, INFINITY);
}

static double plain_body_length(struct eval_call *c)
{
	struct signature s = signature_of(c);

	return is_between(c, s.has_text, s.body);
}

static double signature_length(struct eval_call *c)
{
	struct signature s = signature_of(c);

	return is_between(c, s.has_text, s.signature);
}

static double signature_ratio(struct eval_call *c)
{
	struct signature s = signature_of(c);

	return is_between(c, s.has_text, s.signature > 0 ? s.body / s.signature : 1e6);
}

const struct eval_def eval_body_table[] = {
    {"check_blank_line_ratio", blank_line_ratio, NULL},
    {"check_body_length", check_body_length, NULL},
    {"check_for_http_redirector", http_redirector, NULL},
    {"check_for_uppercase", uppercase, NULL},
    {"check_https_http_mismatch", https_http_mismatch, NULL},
    {"check_https_ip_mismatch", https_ip_mismatch, NULL},
    {"check_stock_info", stock_info, NULL},
    {"check_uri_truncated", uri_truncated, NULL},
    {"multipart_alternative_difference", alternative_difference, NULL},
    {"multipart_alternative_difference_count", alternative_difference_count, NULL},
    {"plaintext_body_length", plain_body_length, NULL},
    {"plaintext_body_sig_ratio", signature_ratio, NULL},
    {"plaintext_sig_length", signature_length, NULL},
    {"tvd_vertical_words", vertical_words, NULL},
    {NULL, NULL, NULL},
};
