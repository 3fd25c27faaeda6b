/*
 * The HTML tokenizer and renderer. Markup is what browsers take for it: a "<" before a letter, "/",
 * "!" or "?"; a tag name runs to a blank or ">". Searches that can fail (a closing quote, the end of
 * a comment or of a script) fail once per document, so that the pass stays linear.
 */
#include "core/html.h"

#include "core/html-private.h"

struct renderer {
	struct arena *arena;
	struct str in;
	size_t at;
	struct html *html;
	struct styles styles;
	struct buf text, visible, hidden, title, charsets, scratch;
	bool last_is_blank, last_is_hidden, has_last; /* the piece of text written last */
	struct buf *last_side;			      /* visible or hidden: where it went besides text */
	size_t last_start;			      /* where it starts in text */
	int inside[HTML_TAGS_MAX];
	bool was_seen[HTML_TAGS_MAX];
	bool has_no_end[HTML_TAGS_MAX]; /* its end tag does not come any more */
	size_t link_room;
	struct buf anchor; /* of the <a> seen last */
	ptrdiff_t anchor_link; /* its link, or -1 */
	struct str base;
	bool no_double, no_single, no_comment_end; /* not found from here to the end */
};

static const struct html_tag tags[] = {
    {"a", TAG_ELEMENT | TAG_STYLE}, {"abbr", TAG_ELEMENT}, {"acronym", TAG_ELEMENT},
    {"address", TAG_ELEMENT}, {"applet", TAG_ELEMENT}, {"area", TAG_ELEMENT}, {"b", TAG_ELEMENT},
    {"base", TAG_ELEMENT}, {"basefont", TAG_ELEMENT | TAG_STYLE}, {"bdo", TAG_ELEMENT},
    {"bgsound", TAG_TRICK}, {"big", TAG_ELEMENT | TAG_STYLE}, {"blockquote", TAG_ELEMENT | TAG_BLOCK},
    {"body", TAG_ELEMENT | TAG_STYLE}, {"br", TAG_ELEMENT | TAG_BREAK}, {"button", TAG_ELEMENT},
    {"caption", TAG_ELEMENT}, {"center", TAG_ELEMENT}, {"cite", TAG_ELEMENT}, {"code", TAG_ELEMENT},
    {"col", TAG_ELEMENT}, {"colgroup", TAG_ELEMENT}, {"dd", TAG_ELEMENT | TAG_BLANK},
    {"del", TAG_ELEMENT}, {"dfn", TAG_ELEMENT}, {"dir", TAG_ELEMENT},
    {"div", TAG_ELEMENT | TAG_STYLE | TAG_BREAK}, {"dl", TAG_ELEMENT}, {"dt", TAG_ELEMENT | TAG_BLANK},
    {"em", TAG_ELEMENT}, {"embed", TAG_TRICK | TAG_BLANK}, {"fieldset", TAG_ELEMENT},
    {"font", TAG_ELEMENT | TAG_STYLE}, {"form", TAG_ELEMENT}, {"frame", TAG_ELEMENT},
    {"frameset", TAG_ELEMENT}, {"h1", TAG_ELEMENT | TAG_BLANK}, {"h2", TAG_ELEMENT | TAG_BLANK},
    {"h3", TAG_ELEMENT | TAG_BLANK}, {"h4", TAG_ELEMENT | TAG_BLANK}, {"h5", TAG_ELEMENT | TAG_BLANK},
    {"h6", TAG_ELEMENT | TAG_BLANK}, {"head", TAG_ELEMENT}, {"hr", TAG_ELEMENT | TAG_BLOCK},
    {"html", TAG_ELEMENT}, {"i", TAG_ELEMENT}, {"iframe", TAG_ELEMENT | TAG_RAW}, {"img", TAG_ELEMENT},
    {"input", TAG_ELEMENT}, {"ins", TAG_ELEMENT}, {"isindex", TAG_ELEMENT}, {"kbd", TAG_ELEMENT},
    {"label", TAG_ELEMENT}, {"legend", TAG_ELEMENT}, {"li", TAG_ELEMENT | TAG_BLANK},
    {"link", TAG_ELEMENT}, {"listing", TAG_TRICK | TAG_BLOCK}, {"map", TAG_ELEMENT},
    {"marquee", TAG_STYLE}, {"menu", TAG_ELEMENT}, {"meta", TAG_ELEMENT}, {"nobr", TAG_ELEMENT},
    {"noframes", TAG_ELEMENT}, {"noscript", TAG_ELEMENT}, {"object", TAG_ELEMENT}, {"ol", TAG_ELEMENT},
    {"optgroup", TAG_ELEMENT}, {"option", TAG_ELEMENT}, {"p", TAG_ELEMENT | TAG_STYLE | TAG_BLOCK},
    {"param", TAG_ELEMENT}, {"plaintext", TAG_TRICK | TAG_BLOCK}, {"pre", TAG_ELEMENT | TAG_BLOCK},
    {"q", TAG_ELEMENT}, {"s", TAG_ELEMENT}, {"samp", TAG_ELEMENT}, {"script", TAG_ELEMENT | TAG_RAW},
    {"select", TAG_ELEMENT}, {"small", TAG_ELEMENT | TAG_STYLE}, {"source", 0},
    {"span", TAG_ELEMENT | TAG_STYLE}, {"strike", TAG_ELEMENT}, {"strong", TAG_ELEMENT},
    {"style", TAG_ELEMENT | TAG_RAW}, {"sub", TAG_ELEMENT}, {"sup", TAG_ELEMENT}, {"svg", 0},
    {"table", TAG_ELEMENT | TAG_STYLE}, {"tbody", TAG_ELEMENT},
    {"td", TAG_ELEMENT | TAG_STYLE | TAG_BLANK}, {"textarea", TAG_ELEMENT | TAG_RAW},
    {"tfoot", TAG_ELEMENT}, {"th", TAG_ELEMENT | TAG_STYLE | TAG_BLANK}, {"thead", TAG_ELEMENT},
    {"title", TAG_ELEMENT | TAG_RAW | TAG_BLOCK}, {"tr", TAG_ELEMENT | TAG_STYLE}, {"tt", TAG_ELEMENT},
    {"u", TAG_ELEMENT}, {"ul", TAG_ELEMENT}, {"var", TAG_ELEMENT}, {"x-sigsep", TAG_ELEMENT},
    {"x-tab", TAG_ELEMENT}, {"xmp", TAG_TRICK | TAG_RAW | TAG_BLOCK},
};
enum { TAGS = sizeof tags / sizeof *tags };
_Static_assert(sizeof tags / sizeof *tags <= (size_t)HTML_TAGS_MAX, "room for a count of each tag");

const struct html_tag *html_tag_find(struct str name)
{
	size_t low = 0, high = TAGS;

	while (low < high) {
		size_t middle = (low + high) / 2;
		int order = str_icmp(name, str_of(tags[middle].name));
		if (order == 0)
			return &tags[middle];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

size_t html_tag_index(const struct html_tag *tag)
{
	return (size_t)(tag - tags);
}

int html_facts_inside(const struct html_facts *facts, struct str name)
{
	const struct html_tag *tag = html_tag_find(name);

	return tag && facts->inside ? facts->inside[html_tag_index(tag)] : -1;
}

static bool is_tag(const struct html_tag *tag, const char *name)
{
	return tag && strcmp(tag->name, name) == 0;
}

static bool is_inside(const struct renderer *r, const char *name)
{
	return r->inside[html_tag_index(html_tag_find(str_of(name)))] > 0;
}

/* ---- text out ---- */

static bool is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_all_blank(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!is_blank(s.p[i]))
			return false;
	return true;
}

static void drop_last_blank(struct buf *b)
{
	if (b->n && b->p[b->n - 1] == ' ')
		b->n--;
}

/* A line end, blank or empty line between elements swallows the blank before it. */
static void put_blank(struct renderer *r, const char *blank)
{
	if (r->has_last && !r->last_is_blank && !r->last_is_hidden && r->text.n > r->last_start) {
		drop_last_blank(&r->text);
		drop_last_blank(r->last_side);
	}
	r->last_start = r->text.n;
	buf_adds(&r->text, blank);
	buf_adds(&r->visible, blank);
	r->last_side = &r->visible;
	r->has_last = r->last_is_blank = true;
	r->last_is_hidden = false;
}

/* s with every run of blanks as one, into scratch. */
static struct str folded(struct renderer *r, struct str s, bool skip_first_blank)
{
	char *out;
	size_t n = 0;

	r->scratch.n = 0;
	out = buf_reserve(&r->scratch, s.n + 1);
	for (size_t i = 0; i < s.n;) {
		if (!is_blank(s.p[i])) {
			out[n++] = s.p[i++];
			continue;
		}
		while (i < s.n && is_blank(s.p[i]))
			i++;
		if (n || !skip_first_blank)
			out[n++] = ' ';
	}
	return (struct str){out, n};
}

/* 7 or fewer word characters at the end or start, for the marks of obfuscation that rules ask for. */
static bool is_wordish(unsigned char c)
{
	return c >= 0x80 || is_alnum(c);
}

static void note_obfuscation(struct renderer *r, struct str text)
{
	if (!r->has_last || r->text.n == r->last_start || !text.n)
		return;
	if (is_wordish((unsigned char)r->text.p[r->text.n - 1]) && is_wordish((unsigned char)text.p[0]))
		r->html->facts.obfuscations++;
}

static void put_text(struct renderer *r, struct str text)
{
	struct html_facts *facts = &r->html->facts;
	bool is_blank_text = is_all_blank(text);
	enum look look = is_blank_text ? LOOK_VISIBLE : styles_look(&r->styles);
	enum look rule_look = is_blank_text ? LOOK_VISIBLE : styles_rule_look(&r->styles);
	bool is_hidden = look != LOOK_VISIBLE;

	note_obfuscation(r, text);
	facts->low_contrast += look == LOOK_LOW_CONTRAST;
	facts->tiny_font += look == LOOK_TINY;
	facts->font_low_contrast |= rule_look == LOOK_LOW_CONTRAST;
	facts->font_invalid_colour |= rule_look == LOOK_INVALID_COLOUR;
	text = folded(r, text, r->has_last && r->last_is_blank && rule_look == LOOK_VISIBLE);
	r->last_start = r->text.n;
	buf_add(&r->text, text);
	r->last_side = is_hidden ? &r->hidden : &r->visible;
	buf_add(r->last_side, text);
	r->has_last = true;
	r->last_is_blank = false;
	r->last_is_hidden = rule_look != LOOK_VISIBLE;
}

static void text_event(struct renderer *r, struct str raw, bool is_markup_text)
{
	struct str text;

	if (!raw.n || is_inside(r, "script") || is_inside(r, "style"))
		return;
	text = is_markup_text ? html_unescape(r->arena, raw) : raw;
	if (r->anchor_link >= 0 && is_inside(r, "a") && r->anchor.n < HTML_ANCHOR_MAX)
		buf_add(&r->anchor, str_sub(text, 0, HTML_ANCHOR_MAX));
	if (is_inside(r, "title") && r->title.n < HTML_ANCHOR_MAX)
		buf_add(&r->title, str_sub(text, 0, HTML_ANCHOR_MAX));
	put_text(r, text);
}

/* ---- links ---- */

static struct str clean_link(struct str url)
{
	for (;;) {
		if (url.n && is_blank(url.p[0]))
			url = str_from(url, 1);
		else if (str_starts(url, STR("\xc2\xa0")))
			url = str_from(url, 2);
		else
			break;
	}
	for (;;) {
		if (url.n && is_blank(url.p[url.n - 1]))
			url.n--;
		else if (str_ends(url, STR("\xc2\xa0")))
			url.n -= 2;
		else
			break;
	}
	return str_sub(url, 0, 2 * URL_BYTES_MAX);
}

static bool has_own_scheme(struct str url)
{
	return str_istarts(url, STR("data:")) || str_istarts(url, STR("mailto:")) ||
	    str_istarts(url, STR("file:")) || str_istarts(url, STR("cid:")) || str_istarts(url, STR("tel:"));
}

/* Index of the new link, or -1. */
static ptrdiff_t add_link(struct renderer *r, const char *tag, struct str url)
{
	struct html *h = r->html;

	url = clean_link(url);
	if (!url.n)
		return -1;
	if (!has_own_scheme(url))
		url = html_resolve(r->arena, r->base, url);
	if (!url.n)
		return -1;
	if (h->link_count == HTML_LINKS_MAX) {
		h->is_over = true;
		return -1;
	}
	if (h->link_count == r->link_room) {
		size_t room = r->link_room ? r->link_room * 2 : 16;
		struct html_link *more = arena_array(r->arena, room, sizeof *more);
		if (h->link_count)
			memcpy(more, h->links, h->link_count * sizeof *more);
		h->links = more;
		r->link_room = room;
	}
	h->links[h->link_count] = (struct html_link){.url = url, .tag = tag};
	return (ptrdiff_t)h->link_count++;
}

static void end_anchor(struct renderer *r)
{
	if (r->anchor_link >= 0)
		r->html->links[r->anchor_link].anchor = str_trim(arena_str(r->arena, buf_str(&r->anchor)));
	r->anchor_link = -1;
	r->anchor.n = 0;
}

static void start_anchor(struct renderer *r, const struct attributes *at)
{
	const struct str *href = attribute_text(at, "href");

	end_anchor(r);
	r->html->facts.links++;
	if (!href)
		return;
	r->anchor_link = add_link(r, "a", *href);
}

/* "small.png 1x, large.png 2x" */
static void add_srcset(struct renderer *r, struct str set)
{
	struct str item, url;

	while (str_split(&set, ',', &item))
		if (str_word(&item, &url))
			add_link(r, "img", url);
}

/* url(...) in style attributes and sheets. */
static void add_css_links(struct renderer *r, struct str css)
{
	ptrdiff_t at;

	while ((at = str_ifind(css, STR("url("))) >= 0) {
		size_t n = 0;
		struct str url;

		css = str_from(css, (size_t)at + 4);
		while (n < css.n && css.p[n] != ')')
			n++;
		url = str_trim(str_sub(css, 0, n));
		while (url.n && (url.p[0] == '"' || url.p[0] == '\''))
			url = str_from(url, 1);
		while (url.n && (url.p[url.n - 1] == '"' || url.p[url.n - 1] == '\''))
			url.n--;
		add_link(r, "css", url);
		css = str_from(css, n);
	}
}

static void set_base(struct renderer *r, const struct str *href)
{
	struct str url = href ? clean_link(*href) : STR_NONE;
	ptrdiff_t slash;

	if (!url.n)
		return;
	r->html->facts.has_base = true;
	add_link(r, "base", url);
	if (!str_istarts(url, STR("http:")) && !str_istarts(url, STR("https:")) && !str_istarts(url, STR("ftp:")))
		return;
	slash = str_rchr(url, '/');
	if (slash > 8 && str_chr(str_from(url, (size_t)slash), '.') > 0)
		url.n = (size_t)slash + 1;
	r->base = str_ends(url, STR("/")) ? url : arena_printf(r->arena, "%.*s/", STR_ARG(url));
}

static void meta_tag(struct renderer *r, const struct attributes *at)
{
	const struct str *equiv = attribute_text(at, "http-equiv"), *content = attribute_text(at, "content");
	ptrdiff_t n;
	struct str rest;

	if (!equiv || !content)
		return;
	if (str_ifind(*equiv, STR("content-type")) >= 0 && (n = str_ifind(*content, STR("charset"))) >= 0) {
		rest = str_trim(str_from(*content, (size_t)n + 7));
		if (rest.n && rest.p[0] == '=' && r->charsets.n < HTML_ANCHOR_MAX) {
			rest = str_trim(str_from(rest, 1));
			if (r->charsets.n)
				buf_addc(&r->charsets, ' ');
			buf_add(&r->charsets, rest);
		}
	}
	if (str_ifind(*equiv, STR("refresh")) < 0 || (n = str_ifind(*content, STR("url"))) < 0)
		return;
	rest = str_trim(str_from(*content, (size_t)n + 3));
	if (!rest.n || rest.p[0] != '=')
		return;
	rest = str_trim(str_from(rest, 1));
	n = str_chr(rest, ';');
	r->html->facts.has_meta_refresh = true;
	while (rest.n && (rest.p[0] == '\'' || rest.p[0] == '"'))
		rest = str_from(rest, 1);
	rest = n >= 0 ? str_sub(rest, 0, (size_t)n) : rest;
	while (rest.n && (rest.p[rest.n - 1] == '\'' || rest.p[rest.n - 1] == '"'))
		rest.n--;
	add_link(r, "meta", rest);
}

/* "600" or "50%", and nothing behind it; else what an image without a size is taken for. */
static size_t pixels(const struct str *value, size_t per_cent)
{
	struct str digits = *value;
	bool is_share = str_ends(digits, STR("%"));
	size_t v = 0;

	digits.n -= is_share;
	for (size_t i = 0; i < digits.n && v < 100000; i++) {
		if (!is_digit(digits.p[i]))
			return 200;
		v = v * 10 + (size_t)(digits.p[i] - '0');
	}
	if (is_share)
		v *= per_cent;
	return v ? v : 200;
}

static void image_tag(struct renderer *r, const struct attributes *at)
{
	const struct str *width = attribute_text(at, "width"), *height = attribute_text(at, "height");
	const struct str *set = attribute_text(at, "srcset");

	r->html->facts.images++;
	if (r->anchor_link >= 0 && is_inside(r, "a"))
		buf_adds(&r->anchor, "<img>\n");
	if (width && height)
		r->html->facts.image_area += pixels(width, 8) * pixels(height, 6);
	if (set)
		add_srcset(r, *set);
}

/* Which attribute of which tag is a link. */
static const struct {
	const char *tag, *attribute;
} link_attributes[] = {
    {"area", "href"}, {"bgsound", "src"}, {"body", "background"}, {"embed", "src"}, {"form", "action"},
    {"frame", "src"}, {"iframe", "src"}, {"img", "src"}, {"link", "href"}, {"script", "src"},
    {"table", "background"}, {"td", "background"}, {"tr", "background"}, {"source", "src"},
    {"a", "data-saferedirecturl"}, {"button", "formaction"}, {"object", "data"},
};

static void link_tag(struct renderer *r, const struct html_tag *tag, const struct attributes *at)
{
	const struct str *value = attribute_text(at, "style");

	if (value)
		add_css_links(r, *value);
	for (size_t i = 0; i < sizeof link_attributes / sizeof *link_attributes; i++)
		if (is_tag(tag, link_attributes[i].tag) && (value = attribute_text(at, link_attributes[i].attribute)))
			add_link(r, tag->name, *value);
}

/* ---- tags ---- */

const struct str *attribute_text(const struct attributes *at, const char *name)
{
	for (size_t i = 0; i < at->n; i++) {
		struct str key = at->v[i].name;
		ptrdiff_t slash = str_rchr(key, '/'); /* <img/src=...> */

		if (str_iis(slash >= 0 ? str_from(key, (size_t)slash + 1) : key, name))
			return &at->v[i].text;
	}
	return NULL;
}

/* What rules ask about single tags. */
static void note_tag(struct renderer *r, const struct html_tag *tag, const struct attributes *at)
{
	struct html_facts *f = &r->html->facts;
	const struct str *action;

	f->scripts += is_tag(tag, "script");
	f->forms += is_tag(tag, "form");
	f->iframes += is_tag(tag, "iframe");
	f->embeds |= is_tag(tag, "object") || is_tag(tag, "embed");
	if (is_tag(tag, "form") && (action = attribute_text(at, "action")))
		f->form_action_mailto |= str_ifind(*action, STR("mailto:")) >= 0;
}

static void start_tag(struct renderer *r, const struct html_tag *tag, const struct attributes *at)
{
	if (tag->flags & TAG_STYLE)
		styles_open(&r->styles, tag, at);
	if (tag->flags & TAG_BREAK)
		put_blank(r, "\n");
	if (tag->flags & TAG_BLANK)
		put_blank(r, " ");
	if (tag->flags & TAG_BLOCK)
		put_blank(r, "\n\n");
	note_tag(r, tag, at);
	if (is_tag(tag, "a"))
		start_anchor(r, at);
	else if (is_tag(tag, "base"))
		set_base(r, attribute_text(at, "href"));
	else if (is_tag(tag, "meta"))
		meta_tag(r, at);
	else if (is_tag(tag, "img"))
		image_tag(r, at);
	link_tag(r, tag, at);
}

static void end_tag(struct renderer *r, const struct html_tag *tag)
{
	struct html_facts *f = &r->html->facts;

	if (tag->flags & TAG_STYLE)
		styles_close(&r->styles, tag);
	if (tag->flags & TAG_BREAK)
		put_blank(r, "\n");
	if (tag->flags & TAG_BLANK)
		put_blank(r, " ");
	if (tag->flags & TAG_BLOCK)
		put_blank(r, "\n\n");
	f->closed_html |= is_tag(tag, "html");
	f->closed_body |= is_tag(tag, "body");
	if (is_tag(tag, "a") && !is_inside(r, "a"))
		end_anchor(r);
}

/* Counts; true when the tag is one that we know. */
static const struct html_tag *count_tag(struct renderer *r, struct str name, int step)
{
	const struct html_tag *tag = html_tag_find(name);
	struct html_facts *f = &r->html->facts;
	size_t i;

	f->tags++;
	if (!tag)
		return NULL;
	i = html_tag_index(tag);
	f->elements += (tag->flags & TAG_ELEMENT) != 0;
	f->elements_seen += (tag->flags & TAG_ELEMENT) && !r->was_seen[i];
	f->tags_seen += !r->was_seen[i];
	r->was_seen[i] = true;
	r->inside[i] += step;
	if (r->inside[i] < 0) {
		r->inside[i] = 0;
		f->closed_extra++;
	}
	return tag;
}

/* ---- markup in ---- */

static size_t skip_blanks(const struct renderer *r, size_t at)
{
	while (at < r->in.n && is_blank(r->in.p[at]))
		at++;
	return at;
}

static size_t find_from(const struct renderer *r, size_t at, struct str what)
{
	ptrdiff_t n = str_find(str_from(r->in, at), what);

	return n < 0 ? r->in.n : at + (size_t)n;
}

/*
 * A quoted value; at stands behind the quote. Without closing quote it ends where a link would.
 * One that swallows markup is noted: browsers differ on it.
 */
static size_t quoted_end(struct renderer *r, size_t at, char quote, struct str *ret_value)
{
	bool *never = quote == '"' ? &r->no_double : &r->no_single;
	const char *end = NULL;
	size_t n = at;

	if (!*never) {
		end = memchr(r->in.p + at, quote, r->in.n - at);
		*never = !end;
	}
	if (end) {
		*ret_value = str_range(r->in.p + at, end);
		if (str_chr(*ret_value, '<') >= 0)
			r->html->facts.has_unclosed_quote = true;
		return (size_t)(end - r->in.p) + 1;
	}
	r->html->facts.has_unclosed_quote = true;
	while (n < r->in.n && !is_blank(r->in.p[n]) && r->in.p[n] != '>' && r->in.p[n] != '<')
		n++;
	*ret_value = str_sub(r->in, at, n - at);
	return n;
}

static size_t read_value(struct renderer *r, size_t at, struct str *ret_value)
{
	size_t start;

	at = skip_blanks(r, at);
	if (at < r->in.n && (r->in.p[at] == '"' || r->in.p[at] == '\''))
		return quoted_end(r, at + 1, r->in.p[at], ret_value);
	start = at;
	while (at < r->in.n && !is_blank(r->in.p[at]) && r->in.p[at] != '>')
		at++;
	*ret_value = str_sub(r->in, start, at - start);
	return at;
}

/* To behind the ">". */
static size_t read_attributes(struct renderer *r, size_t at, struct attributes *ret_attributes)
{
	for (;;) {
		struct str name, value = STR("");
		size_t start;

		at = skip_blanks(r, at);
		if (at == r->in.n || r->in.p[at] == '>')
			break;
		start = at++;
		while (at < r->in.n && !is_blank(r->in.p[at]) && r->in.p[at] != '>' && r->in.p[at] != '=')
			at++;
		name = str_sub(r->in, start, at - start);
		start = skip_blanks(r, at);
		if (start < r->in.n && r->in.p[start] == '=')
			at = read_value(r, start + 1, &value);
		if (ret_attributes->n < HTML_ATTRIBUTES_MAX)
			ret_attributes->v[ret_attributes->n++] = (struct attribute){.name = name, .value = value,
			    .text = html_unescape(r->arena, value)};
	}
	return at < r->in.n ? at + 1 : at;
}

/* Where "</name" stands at or behind `at`; the end of the text when nowhere. */
static size_t find_end_tag(const struct renderer *r, size_t at, struct str name)
{
	while ((at = find_from(r, at, STR("</"))) < r->in.n) {
		struct str rest = str_from(r->in, at + 2);
		if (str_istarts(rest, name) && (rest.n == name.n || is_blank(rest.p[name.n]) ||
		    rest.p[name.n] == '>' || rest.p[name.n] == '/'))
			return at;
		at += 2;
	}
	return at;
}

/* The inside of script, style, title ...: no markup, up to its own end tag. */
static void raw_inside(struct renderer *r, const struct html_tag *tag)
{
	bool *no_end = &r->has_no_end[html_tag_index(tag)];
	size_t end = *no_end ? r->in.n : find_end_tag(r, r->at, str_of(tag->name));
	struct str inside = str_sub(r->in, r->at, end - r->at);

	*no_end = end == r->in.n;
	if (is_tag(tag, "style"))
		add_css_links(r, inside);
	text_event(r, inside, is_tag(tag, "title") || is_tag(tag, "textarea"));
	r->at = end;
}

static void take_start_tag(struct renderer *r)
{
	struct attributes at;
	size_t start = ++r->at;
	const struct html_tag *tag;
	struct str name;

	at.n = 0;
	while (r->at < r->in.n && !is_blank(r->in.p[r->at]) && r->in.p[r->at] != '>')
		r->at++;
	name = str_sub(r->in, start, r->at - start);
	if (str_chr(name, '/') > 0) { /* <br/> and <img/src=x> */
		name.n = (size_t)str_chr(name, '/');
		r->at = start + name.n;
	}
	r->at = read_attributes(r, r->at, &at);
	tag = count_tag(r, name, 1);
	if (!tag)
		return;
	start_tag(r, tag, &at);
	if (tag->flags & TAG_RAW)
		raw_inside(r, tag);
}

static void take_end_tag(struct renderer *r)
{
	size_t start = r->at + 2, end = start;
	const struct html_tag *tag;

	while (end < r->in.n && !is_blank(r->in.p[end]) && r->in.p[end] != '>')
		end++;
	r->at = find_from(r, end, STR(">"));
	r->at += r->at < r->in.n;
	tag = count_tag(r, str_sub(r->in, start, end - start), -1);
	if (tag)
		end_tag(r, tag);
}

/* <!-- -->, <!doctype ...>, <? ... >, </ 5 > */
static void take_other(struct renderer *r)
{
	struct str rest = str_from(r->in, r->at);
	size_t end = r->in.n;

	if (str_starts(rest, STR("<!--"))) {
		r->html->facts.comments++;
		if (!r->no_comment_end)
			end = find_from(r, r->at + 4, STR("-->"));
		r->no_comment_end = end == r->in.n;
		if (r->no_comment_end)
			end = find_from(r, r->at + 4, STR(">"));
		r->at = end < r->in.n ? end + (r->no_comment_end ? 1 : 3) : end;
		return;
	}
	if (str_istarts(rest, STR("<!doctype"))) {
		r->html->facts.elements++;
		r->html->facts.tags++;
	}
	end = find_from(r, r->at, STR(">"));
	r->at = end < r->in.n ? end + 1 : end;
}

/* True when markup starts at r->at, where a "<" stands. */
static bool is_markup(const struct renderer *r)
{
	unsigned char c = r->at + 1 < r->in.n ? (unsigned char)r->in.p[r->at + 1] : 0;

	return is_alpha(c) || c == '/' || c == '!' || c == '?';
}

static void take_markup(struct renderer *r)
{
	unsigned char c = (unsigned char)r->in.p[r->at + 1];

	if (is_alpha(c))
		take_start_tag(r);
	else if (c == '/' && r->at + 2 < r->in.n && is_alpha((unsigned char)r->in.p[r->at + 2]))
		take_end_tag(r);
	else
		take_other(r);
}

static void walk(struct renderer *r)
{
	while (r->at < r->in.n) {
		size_t start = r->at;

		r->at = find_from(r, start, STR("<"));
		while (r->at < r->in.n && !is_markup(r))
			r->at = find_from(r, r->at + 1, STR("<"));
		text_event(r, str_sub(r->in, start, r->at - start), true);
		if (r->at < r->in.n)
			take_markup(r);
	}
	end_anchor(r);
	if (is_inside(r, "title")) /* one that is never closed ends with the document */
		put_blank(r, "\n\n");
}

/* Curly quotes are quotes around attributes, as mail programs write them; in text they become ". */
static struct str with_plain_quotes(struct arena *a, struct str in)
{
	char *copy;
	size_t n = 0;

	if (str_find(in, STR("\xe2\x80\x9c")) < 0 && str_find(in, STR("\xe2\x80\x9d")) < 0)
		return in;
	copy = (char *)arena_str(a, in).p;
	for (size_t i = 0; i < in.n; i++) {
		bool is_quote = in.p[i] == '\xe2' && i + 2 < in.n && in.p[i + 1] == '\x80' &&
		    (in.p[i + 2] == '\x9c' || in.p[i + 2] == '\x9d');
		copy[n++] = is_quote ? '"' : in.p[i];
		i += is_quote ? 2 : 0;
	}
	return (struct str){copy, n};
}

void html_render(struct arena *a, struct str in, struct html *ret_html)
{
	struct renderer r = {.arena = a, .in = with_plain_quotes(a, in), .html = ret_html, .anchor_link = -1};
	struct html_facts *f = &ret_html->facts;
	int *inside = arena_array(a, HTML_TAGS_MAX, sizeof *inside);

	*ret_html = (struct html){.facts.is_html = true};
	styles_start(&r.styles);
	walk(&r);
	for (size_t i = 0; i < HTML_TAGS_MAX; i++)
		inside[i] = r.was_seen[i] ? r.inside[i] : -1;
	f->inside = inside;
	f->min_size = r.styles.min_size < 0 ? 0 : (unsigned)r.styles.min_size;
	f->max_size = r.styles.max_size < 0 ? 0 : (unsigned)r.styles.max_size;
	f->hidden_bytes = r.hidden.n;
	f->visible_bytes = r.visible.n;
	ret_html->text = buf_take(&r.text, a);
	ret_html->visible = buf_take(&r.visible, a);
	ret_html->hidden = buf_take(&r.hidden, a);
	f->title = buf_take(&r.title, a);
	f->charsets = buf_take(&r.charsets, a);
	buf_free(&r.scratch);
	buf_free(&r.anchor);
}
