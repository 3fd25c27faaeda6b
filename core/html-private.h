/* Shared by the core/html*.c files only. */
#ifndef REEVE_CORE_HTML_PRIVATE_H
#define REEVE_CORE_HTML_PRIVATE_H

#include "core/html.h"

enum html_flag {
	TAG_ELEMENT = 1 << 0, /* known to HTML 4 */
	TAG_STYLE = 1 << 1,   /* changes how text looks */
	TAG_BREAK = 1 << 2,   /* one line end */
	TAG_BLANK = 1 << 3,   /* a blank */
	TAG_BLOCK = 1 << 4,   /* an empty line */
	TAG_RAW = 1 << 5,     /* what is in it is no markup */
	TAG_TRICK = 1 << 6,   /* not valid, but rendered */
};

struct html_tag {
	const char *name;
	unsigned flags;
};

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

enum { HTML_TAGS_MAX = 128, HTML_MORE_MAX = 256 * 1024 };
const struct html_tag *html_tag_find(struct str name);
size_t html_tag_index(const struct html_tag *tag);
bool html_is_tag(const struct html_tag *tag, const char *name);
const struct str *attribute_text(const struct attributes *attributes, const char *name);
int html_colour(struct str value);

static inline bool html_is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* ---- the renderer: html.c reads markup and writes text, html-link.c collects links ---- */

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
	size_t link_room, tag_links; /* of links; those before the tag in hand */
	struct buf anchor; /* of the <a> seen last */
	ptrdiff_t anchor_link; /* its link, or -1 */
	struct str base;
	struct buf more; /* script, handlers, conditional comments: text in which links may be hidden */
	bool no_double, no_single, no_comment_end; /* not found from here to the end */
};

/* Open tags of that name. */
bool html_is_inside(const struct renderer *r, const char *name);
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
