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

enum { CONTENT_TEXT_MAX = 1024 * 1024 }; /* decoded text looked at, per message */

/* Hints from HTML, for findings and eval rules. */
struct html_facts {
	bool is_html;
	size_t tags, images, links, hidden_bytes, visible_bytes, tiny_font, low_contrast, comments, scripts, forms, iframes;
	bool has_meta_refresh, has_base, has_unclosed_quote;
	struct str title;
};

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
	struct urls urls;
	struct html_facts html;
	bool is_truncated; /* more text than CONTENT_TEXT_MAX */
};

struct content *content_make(struct arena *a, struct mime *mime);
struct content *message_content(struct message *m);

#endif
