/*
 * What a person would read in a message, and what rules match: visible text, raw text, links.
 * Made once per message, at first use; the shapes follow SpamAssassin's so that its rules mean
 * the same here.
 */
#ifndef REEVE_CORE_CONTENT_H
#define REEVE_CORE_CONTENT_H

#include "core/mime.h"
#include "core/url.h"

struct message;

enum {
	CONTENT_TEXT_MAX = 1024 * 1024,	  /* decoded text looked at, per message */
	CONTENT_BODY_PART_MAX = 50000,	  /* rendered text of one part, in characters */
	CONTENT_RAW_PART_MAX = 500000,	  /* the same for raw text, in octets */
	CONTENT_LINE_MAX = 2048,
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

struct content {
	/* `body` rules: Subject first (decoded), then paragraphs of rendered text, white space folded. */
	const struct str *body;
	size_t body_count;
	/* Rendered text that a reader cannot see. */
	const struct str *hidden;
	size_t hidden_count;
	/* `rawbody` rules: text parts, transfer-decoded, HTML as it is, in chunks of up to 2 KiB at line ends. */
	const struct str *raw;
	size_t raw_count;
	struct urls urls; /* where rules look, as SpamAssassin does */
	/* Beyond that: written to be missed, in odd markup, in scripts, in PDF files. Hosts that are no news are left out. */
	struct urls more_urls;
	struct html_facts html; /* counts of all HTML parts together, the rest of the last one */
	bool is_truncated; /* more text than the limit `text` allows */
};

struct content *content_make(struct arena *a, struct mime *mime);
struct content *message_content(struct message *m);

#endif
