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

const struct html_tag *html_tag_find(struct str name);
size_t html_tag_index(const struct html_tag *tag);
enum { HTML_TAGS_MAX = 128 };
const struct str *attribute_text(const struct attributes *attributes, const char *name);
int html_colour(struct str value);

#endif
