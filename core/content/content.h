/*
 * What a person would read in a message, and what rules match: visible text, raw text, links.
 * Made once per message, at first use; the shapes follow SpamAssassin's so that its rules mean
 * the same here.
 */
#ifndef REEVE_CORE_CONTENT_CONTENT_H
#define REEVE_CORE_CONTENT_CONTENT_H

#include "core/html/html.h"
#include "core/content/mime.h"
#include "core/url/url.h"

struct message;

enum {
	CONTENT_TEXT_MAX = 1024 * 1024,	  /* decoded text looked at, per message */
	CONTENT_BODY_PART_MAX = 50000,	  /* rendered text of one part, in characters */
	CONTENT_RAW_PART_MAX = 500000,	  /* the same for raw text, in octets */
	CONTENT_LINE_MAX = 2048,
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
	struct urls urls; /* where rules look, as SpamAssassin does */
	/* Beyond that: written to be missed, in odd markup, in scripts, in PDF files. Hosts that are no news are left out. */
	struct urls more_urls;
	struct html_facts html; /* counts of all HTML parts together, the rest of the last one */
	bool is_truncated; /* more text than the limit `text` allows */
};

struct content *content_make(struct arena *a, struct mime *mime);
struct content *message_content(struct message *m);

#endif
