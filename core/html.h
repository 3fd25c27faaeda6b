/*
 * HTML as a reader sees it, in one linear pass: text with the blanks that blocks and breaks give,
 * which of it is hidden, and every link. No tree is built; styles are a bounded stack. Tags, blanks
 * and styles are read as SpamAssassin's renderer reads them, so that its rules mean the same.
 */
#ifndef REEVE_CORE_HTML_H
#define REEVE_CORE_HTML_H

#include <stdbool.h>
#include <stddef.h>

#include "core/content.h"
#include "lib/arena.h"
#include "lib/str.h"

enum { HTML_LINKS_MAX = 4000, HTML_STYLES_MAX = 200, HTML_ATTRIBUTES_MAX = 64, HTML_ANCHOR_MAX = 4096 };

struct html_link {
	struct str url; /* entities resolved, blanks trimmed, made absolute by <base>; UTF-8 */
	const char *tag; /* "a", "img", "form", "meta" ...; "css" for url() in styles */
	struct str anchor; /* visible text of an <a> */
	bool is_beyond;	   /* where rules do not look: a tag or attribute that SpamAssassin does not know */
};

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
