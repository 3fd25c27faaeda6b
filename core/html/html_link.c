/*
 * Links of markup: from attributes, srcset, styles, <base> and <meta>. What rules look at as
 * SpamAssassin does, and beyond that what browsers follow or fetch all the same.
 */
#include "core/html/html_private.h"

static struct str clean_link(struct str url)
{
	for (;;) {
		if (url.n && (html_is_blank(url.p[0]) || url.p[0] == '`'))
			url = str_from(url, 1);
		else if (str_starts(url, STR("\xc2\xa0")))
			url = str_from(url, 2);
		else
			break;
	}
	for (;;) {
		if (url.n && (html_is_blank(url.p[url.n - 1]) || url.p[url.n - 1] == '`'))
			url.n--;
		else if (str_ends(url, STR("\xc2\xa0")))
			url.n -= 2;
		else
			break;
	}
	return str_sub(url, 0, HTML_LINK_MAX);
}

static bool has_own_scheme(struct str url)
{
	return str_istarts(url, STR("data:")) || str_istarts(url, STR("mailto:")) ||
	    str_istarts(url, STR("file:")) || str_istarts(url, STR("cid:")) || str_istarts(url, STR("tel:"));
}

void html_more(struct renderer *r, struct str text)
{
	if (str_ifind(text, STR("http")) < 0 && str_ifind(text, STR("//")) < 0)
		return;
	buf_add(&r->more, str_sub(text, 0, r->more.n < HTML_MORE_MAX ? HTML_MORE_MAX - r->more.n : 0));
	buf_addc(&r->more, '\n');
}

/* "java\nscript:", "data:text/html,": what runs or is shown may hold links of its own. */
static bool is_program(struct str url)
{
	static const char *const schemes[] = {"javascript:", "vbscript:", "data:"};
	char start[12];
	size_t n = 0;

	for (size_t i = 0; i < url.n && n < sizeof start; i++)
		if ((unsigned char)url.p[i] > ' ')
			start[n++] = url.p[i];
	for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
		if (str_istarts((struct str){start, n}, str_of(schemes[i])))
			return true;
	return false;
}

/* Index of the new link, or -1. */
static ptrdiff_t add_link(struct renderer *r, const char *tag, struct str url)
{
	struct html *h = r->html;

	url = clean_link(url);
	if (!url.n)
		return -1;
	if (is_program(url))
		html_more(r, url);
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

void html_end_anchor(struct renderer *r)
{
	if (r->anchor_link >= 0)
		r->html->links[r->anchor_link].anchor = str_trim(arena_str(r->arena, buf_str(&r->anchor)));
	r->anchor_link = -1;
	r->anchor.n = 0;
}

void html_start_anchor(struct renderer *r, const struct attributes *at)
{
	const struct str *href = attribute_text(at, "href");

	html_end_anchor(r);
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
void html_css_links(struct renderer *r, struct str css)
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

void html_set_base(struct renderer *r, const struct str *href)
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

void html_meta_tag(struct renderer *r, const struct attributes *at)
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

void html_image_tag(struct renderer *r, const struct attributes *at)
{
	const struct str *width = attribute_text(at, "width"), *height = attribute_text(at, "height");
	const struct str *set = attribute_text(at, "srcset");

	r->html->facts.images++;
	if (r->anchor_link >= 0 && html_is_inside(r, HTML_A))
		buf_adds(&r->anchor, "<img>\n");
	if (width && height)
		r->html->facts.image_area += pixels(width, 8) * pixels(height, 6);
	if (set)
		add_srcset(r, *set);
}

/* Which attribute of which tag is a link. */
static const struct {
	enum html_tag_number tag;
	const char *attribute;
} link_attributes[] = {
    {HTML_AREA, "href"}, {HTML_BGSOUND, "src"}, {HTML_BODY, "background"}, {HTML_EMBED, "src"}, {HTML_FORM, "action"},
    {HTML_FRAME, "src"}, {HTML_IFRAME, "src"}, {HTML_IMG, "src"}, {HTML_LINK, "href"}, {HTML_SCRIPT, "src"},
    {HTML_TABLE, "background"}, {HTML_TD, "background"}, {HTML_TR, "background"}, {HTML_SOURCE, "src"},
    {HTML_A, "data-saferedirecturl"}, {HTML_BUTTON, "formaction"}, {HTML_OBJECT, "data"},
};

/* Attributes that are links in some tag or other, beside those above. */
static bool is_link_attribute(struct str name)
{
	static const char *const names[] = {"href", "src", "xlink:href", "poster", "cite", "action", "formaction",
	    "background", "data", "codebase", "longdesc", "ping", "manifest"};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (str_iis(name, names[i]))
			return true;
	return false;
}

static bool has_link(const struct html *h, size_t from, struct str url)
{
	for (size_t i = from; i < h->link_count; i++)
		if (str_ends(h->links[i].url, url))
			return true;
	return false;
}

/* What the rows above left out: other tags, other attributes, handlers. from: links of this tag. */
static void add_beyond(struct renderer *r, const struct attributes *at, size_t from)
{
	for (size_t i = 0; i < at->n; i++) {
		const struct attribute *one = &at->v[i];
		struct str url = clean_link(one->text);
		ptrdiff_t link;

		if (str_istarts(one->name, STR("on")) || str_iis(one->name, "srcdoc"))
			html_more(r, one->text);
		if (!url.n || !is_link_attribute(one->name) || has_link(r->html, from, url))
			continue;
		link = add_link(r, "other", url);
		if (link >= 0)
			r->html->links[link].is_beyond = true;
	}
}

void html_link_tag(struct renderer *r, const struct html_tag *tag, const struct attributes *at)
{
	size_t from = r->tag_links;

	const struct str *value = attribute_text(at, "style");

	if (value && tag)
		html_css_links(r, *value);
	for (size_t i = 0; tag && i < sizeof link_attributes / sizeof *link_attributes; i++)
		if (html_is_tag(tag, link_attributes[i].tag) && (value = attribute_text(at, link_attributes[i].attribute)))
			add_link(r, tag->name.p, *value);
	add_beyond(r, at, from);
}
