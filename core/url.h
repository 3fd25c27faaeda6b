/*
 * URLs in text and HTML: found, cleaned of obfuscation, split, with the registered domain by the
 * public suffix list. Bounded by URL_MAX per message.
 */
#ifndef REEVE_CORE_URL_H
#define REEVE_CORE_URL_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/arena.h"
#include "lib/str.h"

enum { URL_MAX = 2000, URL_BYTES_MAX = 4096 };

enum url_source { URL_FROM_TEXT, URL_FROM_HREF, URL_FROM_SUBJECT, URL_FROM_IMAGE };

struct url {
	struct str url;	   /* with a scheme ("http://" added where the text had none) */
	struct str raw;	   /* as it was written */
	struct str scheme; /* lower case */
	struct str host;   /* lower case, A-labels, no port */
	struct str domain; /* registered domain, or the host when it is an address */
	enum url_source source;
	struct str anchor; /* visible text of a link */
};

struct urls {
	struct url *v;
	size_t n, room;
	bool is_over;
};

/* Adds what it finds in plain text; no url twice (same url and source). */
void urls_from_text(struct arena *a, struct urls *urls, struct str text, enum url_source source);
/* Adds one that markup gave (href, src); raw may be anything. */
void urls_add(struct arena *a, struct urls *urls, struct str raw, enum url_source source, struct str anchor);
/* "www.example.co.uk" -> "example.co.uk"; the host itself when there is no registered part. */
struct str domain_registered(struct str host);
const char *url_source_name(enum url_source source);

#endif
