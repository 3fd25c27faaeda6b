/* Shared by the files of this folder only. */
#ifndef REEVE_CORE_HTML_HTML_PRIVATE_H
#define REEVE_CORE_HTML_HTML_PRIVATE_H

#include "core/html/html.h"

enum html_flag {
	TAG_ELEMENT = 1 << 0, /* known to HTML 4 */
	TAG_STYLE = 1 << 1,   /* changes how text looks */
	TAG_BREAK = 1 << 2,   /* one line end */
	TAG_BLANK = 1 << 3,   /* a blank */
	TAG_BLOCK = 1 << 4,   /* an empty line */
	TAG_RAW = 1 << 5,     /* what is in it is no markup */
	TAG_TRICK = 1 << 6,   /* not valid, but rendered */
};

/* The tags that are known, by name, and what each does to the text. */
#define HTML_TAGS(X) \
	X(A, "a", TAG_ELEMENT | TAG_STYLE) X(ABBR, "abbr", TAG_ELEMENT) X(ACRONYM, "acronym", TAG_ELEMENT) \
	X(ADDRESS, "address", TAG_ELEMENT) X(APPLET, "applet", TAG_ELEMENT) X(AREA, "area", TAG_ELEMENT) \
	X(B, "b", TAG_ELEMENT) X(BASE, "base", TAG_ELEMENT) \
	X(BASEFONT, "basefont", TAG_ELEMENT | TAG_STYLE) X(BDO, "bdo", TAG_ELEMENT) \
	X(BGSOUND, "bgsound", TAG_TRICK) X(BIG, "big", TAG_ELEMENT | TAG_STYLE) \
	X(BLOCKQUOTE, "blockquote", TAG_ELEMENT | TAG_BLOCK) X(BODY, "body", TAG_ELEMENT | TAG_STYLE) \
	X(BR, "br", TAG_ELEMENT | TAG_BREAK) X(BUTTON, "button", TAG_ELEMENT) \
	X(CAPTION, "caption", TAG_ELEMENT) X(CENTER, "center", TAG_ELEMENT) X(CITE, "cite", TAG_ELEMENT) \
	X(CODE, "code", TAG_ELEMENT) X(COL, "col", TAG_ELEMENT) X(COLGROUP, "colgroup", TAG_ELEMENT) \
	X(DD, "dd", TAG_ELEMENT | TAG_BLANK) X(DEL, "del", TAG_ELEMENT) X(DFN, "dfn", TAG_ELEMENT) \
	X(DIR, "dir", TAG_ELEMENT) X(DIV, "div", TAG_ELEMENT | TAG_STYLE | TAG_BREAK) \
	X(DL, "dl", TAG_ELEMENT) X(DT, "dt", TAG_ELEMENT | TAG_BLANK) X(EM, "em", TAG_ELEMENT) \
	X(EMBED, "embed", TAG_TRICK | TAG_BLANK) X(FIELDSET, "fieldset", TAG_ELEMENT) \
	X(FONT, "font", TAG_ELEMENT | TAG_STYLE) X(FORM, "form", TAG_ELEMENT) \
	X(FRAME, "frame", TAG_ELEMENT) X(FRAMESET, "frameset", TAG_ELEMENT) \
	X(H1, "h1", TAG_ELEMENT | TAG_BLANK) X(H2, "h2", TAG_ELEMENT | TAG_BLANK) \
	X(H3, "h3", TAG_ELEMENT | TAG_BLANK) X(H4, "h4", TAG_ELEMENT | TAG_BLANK) \
	X(H5, "h5", TAG_ELEMENT | TAG_BLANK) X(H6, "h6", TAG_ELEMENT | TAG_BLANK) \
	X(HEAD, "head", TAG_ELEMENT) X(HR, "hr", TAG_ELEMENT | TAG_BLOCK) X(HTML, "html", TAG_ELEMENT) \
	X(I, "i", TAG_ELEMENT) X(IFRAME, "iframe", TAG_ELEMENT | TAG_RAW) X(IMG, "img", TAG_ELEMENT) \
	X(INPUT, "input", TAG_ELEMENT) X(INS, "ins", TAG_ELEMENT) X(ISINDEX, "isindex", TAG_ELEMENT) \
	X(KBD, "kbd", TAG_ELEMENT) X(LABEL, "label", TAG_ELEMENT) X(LEGEND, "legend", TAG_ELEMENT) \
	X(LI, "li", TAG_ELEMENT | TAG_BLANK) X(LINK, "link", TAG_ELEMENT) \
	X(LISTING, "listing", TAG_TRICK | TAG_BLOCK) X(MAP, "map", TAG_ELEMENT) \
	X(MARQUEE, "marquee", TAG_STYLE) X(MENU, "menu", TAG_ELEMENT) X(META, "meta", TAG_ELEMENT) \
	X(NOBR, "nobr", TAG_ELEMENT) X(NOFRAMES, "noframes", TAG_ELEMENT) \
	X(NOSCRIPT, "noscript", TAG_ELEMENT) X(OBJECT, "object", TAG_ELEMENT) X(OL, "ol", TAG_ELEMENT) \
	X(OPTGROUP, "optgroup", TAG_ELEMENT) X(OPTION, "option", TAG_ELEMENT) \
	X(P, "p", TAG_ELEMENT | TAG_STYLE | TAG_BLOCK) X(PARAM, "param", TAG_ELEMENT) \
	X(PLAINTEXT, "plaintext", TAG_TRICK | TAG_BLOCK) X(PRE, "pre", TAG_ELEMENT | TAG_BLOCK) \
	X(Q, "q", TAG_ELEMENT) X(S, "s", TAG_ELEMENT) X(SAMP, "samp", TAG_ELEMENT) \
	X(SCRIPT, "script", TAG_ELEMENT | TAG_RAW) X(SELECT, "select", TAG_ELEMENT) \
	X(SMALL, "small", TAG_ELEMENT | TAG_STYLE) X(SOURCE, "source", 0) \
	X(SPAN, "span", TAG_ELEMENT | TAG_STYLE) X(STRIKE, "strike", TAG_ELEMENT) \
	X(STRONG, "strong", TAG_ELEMENT) X(STYLE, "style", TAG_ELEMENT | TAG_RAW) \
	X(SUB, "sub", TAG_ELEMENT) X(SUP, "sup", TAG_ELEMENT) X(SVG, "svg", 0) \
	X(TABLE, "table", TAG_ELEMENT | TAG_STYLE) X(TBODY, "tbody", TAG_ELEMENT) \
	X(TD, "td", TAG_ELEMENT | TAG_STYLE | TAG_BLANK) X(TEXTAREA, "textarea", TAG_ELEMENT | TAG_RAW) \
	X(TFOOT, "tfoot", TAG_ELEMENT) X(TH, "th", TAG_ELEMENT | TAG_STYLE | TAG_BLANK) \
	X(THEAD, "thead", TAG_ELEMENT) X(TITLE, "title", TAG_ELEMENT | TAG_RAW | TAG_BLOCK) \
	X(TR, "tr", TAG_ELEMENT | TAG_STYLE) X(TT, "tt", TAG_ELEMENT) X(U, "u", TAG_ELEMENT) \
	X(UL, "ul", TAG_ELEMENT) X(VAR, "var", TAG_ELEMENT) X(X_SIGSEP, "x-sigsep", TAG_ELEMENT) \
	X(X_TAB, "x-tab", TAG_ELEMENT) X(XMP, "xmp", TAG_TRICK | TAG_RAW | TAG_BLOCK)

enum html_tag_number {
#define NUMBER_OF(number, name, flags) HTML_##number,
	HTML_TAGS(NUMBER_OF)
#undef NUMBER_OF
	HTML_TAG_COUNT
};

struct html_tag {
	struct str name;
	unsigned flags;
};

extern const struct html_tag html_tags[HTML_TAG_COUNT];

struct attribute {
	struct str name, value; /* as written */
	struct str text;	/* entities resolved */
};

struct attributes {
	struct attribute v[HTML_ATTRIBUTES_MAX];
	size_t n;
};

enum { COLOUR_INVALID = -1, COLOUR_TRANSPARENT = -2 };

struct style {
	const struct html_tag *tag; /* NULL: the default */
	int fg, bg, size;	    /* as a browser has them */
	int rule_fg, rule_bg;	    /* as rules know them: bad colours count, bgcolor= does not */
	bool is_none, is_hidden; /* display, visibility */
	bool is_tiny, is_clear;	 /* font-size of a pixel or less, opacity of nothing */
};

struct styles {
	struct style v[HTML_STYLES_MAX];
	size_t n;
	size_t too_deep; /* opened beyond the limit: their ends close nothing */
	int base_size, min_size, max_size;
};

enum look { LOOK_VISIBLE = 0, LOOK_LOW_CONTRAST = 1, LOOK_INVALID_COLOUR = 2, LOOK_TINY = 4, LOOK_HIDDEN = 8 };

void styles_start(struct styles *s);
void styles_open(struct styles *s, const struct html_tag *tag, const struct attributes *attributes);
void styles_close(struct styles *s, const struct html_tag *tag);
/* How text looks now: why it cannot be read, or LOOK_VISIBLE. */
enum look styles_look(const struct styles *s);
/* The same as SpamAssassin sees it. */
enum look styles_rule_look(const struct styles *s);

enum { HTML_MORE_MAX = 256 * 1024 };
const struct html_tag *html_tag_find(struct str name);
static inline size_t html_tag_index(const struct html_tag *tag)
{
	return (size_t)(tag - html_tags);
}
/* tag may be NULL. */
static inline bool html_is_tag(const struct html_tag *tag, enum html_tag_number number)
{
	return tag == &html_tags[number];
}
const struct str *attribute_text(const struct attributes *attributes, const char *name);
int html_colour(struct str value);

static inline bool html_is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* ---- the renderer: html.c reads markup and writes text, html_link.c collects links ---- */

enum { STRANGE_SLOTS = 2 * HTML_STRANGE_MAX };

/* A tag that is in no table; what is beyond HTML_STRANGE_MAX names counts as met before. */
struct strange_tag {
	uint64_t hash; /* of its name without case; 0: none */
	int inside;
};

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
	int inside[HTML_TAG_COUNT];
	bool was_seen[HTML_TAG_COUNT];
	struct strange_tag *strange; /* STRANGE_SLOTS, once there is one */
	size_t strange_count;
	bool has_no_end[HTML_TAG_COUNT]; /* its end tag does not come any more */
	size_t link_room, tag_links; /* of links; those before the tag in hand */
	struct buf anchor; /* of the <a> seen last */
	ptrdiff_t anchor_link; /* its link, or -1 */
	struct str base;
	struct buf more; /* script, handlers, conditional comments: text in which links may be hidden */
	bool no_double, no_single, no_comment_end; /* not found from here to the end */
};

/* Whether a tag of that name is open. */
static inline bool html_is_inside(const struct renderer *r, enum html_tag_number number)
{
	return r->inside[number] > 0;
}
/* The links of a start tag; tag is NULL for one that is not known. */
void html_link_tag(struct renderer *r, const struct html_tag *tag, const struct attributes *at);
void html_start_anchor(struct renderer *r, const struct attributes *at);
void html_end_anchor(struct renderer *r);
void html_set_base(struct renderer *r, const struct str *href);
void html_meta_tag(struct renderer *r, const struct attributes *at);
void html_image_tag(struct renderer *r, const struct attributes *at);
/* url(...) in style attributes and sheets. */
void html_css_links(struct renderer *r, struct str css);
/* Text that is no text of the message, but may hold links. */
void html_more(struct renderer *r, struct str text);

#endif
