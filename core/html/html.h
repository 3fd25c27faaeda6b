/*
 * HTML as a reader sees it, in one linear pass: text with the blanks that blocks and breaks give,
 * which of it is hidden, and every link. No tree is built; styles are a bounded stack. Tags, blanks
 * and styles are read as SpamAssassin's renderer reads them, so that its rules mean the same.
 */
#ifndef REEVE_CORE_HTML_HTML_H
#define REEVE_CORE_HTML_HTML_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/arena.h"
#include "lib/str.h"

enum { HTML_LINKS_MAX = 4000, HTML_STYLES_MAX = 200, HTML_ATTRIBUTES_MAX = 64, HTML_ANCHOR_MAX = 4096, HTML_LINK_MAX = 8192,
	HTML_STRANGE_MAX = 512 /* names of tags that HTML does not have, told apart */ };

struct html_link {
	struct str url; /* entities resolved, blanks trimmed, made absolute by <base>; UTF-8; at most HTML_LINK_MAX */
	const char *tag; /* "a", "img", "form", "meta" ...; "css" for url() in styles */
	struct str anchor; /* visible text of an <a> */
	bool is_beyond;	   /* where rules do not look: a tag or attribute that SpamAssassin does not know */
};

/* Hints from HTML, for findings and eval rules. */
struct html_facts {
	bool is_html;
	size_t tags, images, links, hidden_bytes, visible_bytes, tiny_font, low_contrast, comments, scripts, forms, iframes;
	bool has_meta_refresh, has_base, has_unclosed_quote;
	struct str title;
	/* What html_eval and its kin ask for; of the last HTML part, as there. */
	bool font_low_contrast, font_invalid_colour, font_face_bad, embeds, form_action_mailto;
	bool closed_html, closed_body;
	size_t html_length, non_space; /* of rendered text, in characters */
	size_t source_length;	       /* the same of the part after transfer decoding */
	size_t image_area;
	unsigned min_size, max_size;   /* font sizes, 3 is normal */
	size_t elements, tags_seen, elements_seen, closed_extra, obfuscations, backhair;
	struct str charsets;	       /* of <meta>, separated by blanks */
	/* How many of a tag are open at the end, or -1 when it never occurred: html_facts_inside(). */
	const int *inside;
};

/* Open tags of that name at the end of the HTML (0: all closed); -1 when there was none. */
int html_facts_inside(const struct html_facts *facts, struct str tag);

struct html {
	struct str text;    /* all of it, hidden too */
	struct str visible, hidden;
	struct str more; /* scripts, handlers and conditional comments: no text, but links may be in them */
	struct html_link *links;
	size_t link_count;
	bool is_over; /* more links than HTML_LINKS_MAX */
	struct html_facts facts;
};

/* in: UTF-8. */
void html_render(struct arena *a, struct str in, struct html *ret_html);
/* Character references resolved; the input itself when there are none. */
struct str html_unescape(struct arena *a, struct str in);
/* r against base, as RFC 3986 part 5; also repairs "//www.x" to "http://www.x". */
struct str html_resolve(struct arena *a, struct str base, struct str r);

#endif
