/*
 * URLs in text and HTML: found, cleaned of obfuscation, split, with the registered domain by the
 * public suffix list. Bounded by URL_MAX per message, or fewer.
 */
#ifndef REEVE_CORE_URL_URL_H
#define REEVE_CORE_URL_URL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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
	const char *tag;   /* "a", "img", "form", "css" ... of markup; NULL in text */
	bool is_schemeless, is_unlinked; /* in text: without scheme; and nothing that programs make a link of */
	bool is_obfuscated;		 /* written so that programs miss it */
	bool is_nested;			 /* carried by the one before it: a redirector's target */
};

struct urls {
	struct url *v;
	size_t n, room;
	size_t most; /* 0: URL_MAX */
	bool is_over;
	uint16_t *slots; /* hash table of indexes + 1, against doubles */
};

/* Adds what it finds in plain text; no url twice (same url and source). */
void urls_from_text(struct arena *a, struct urls *urls, struct str text, enum url_source source);
/*
 * Adds what is written so that programs miss it: hxxp, [.], blanks around dots, characters without
 * width, names in other scripts without a scheme. Hosts of `known` are left out: no news.
 */
void urls_from_hidden(struct arena *a, struct urls *urls, const struct urls *known, struct str text,
    enum url_source source);
/* Adds those of `found` whose host neither `known` nor urls has. */
void urls_take_new(struct arena *a, struct urls *urls, const struct urls *known, const struct urls *found);
/* Adds one that markup gave (href, src); raw may be anything. */
void urls_add(struct arena *a, struct urls *urls, struct str raw, enum url_source source, struct str anchor);
/* Same, with the tag that it stood in. */
void urls_add_tag(struct arena *a, struct urls *urls, struct str raw, enum url_source source,
    struct str anchor, const char *tag);
/*
 * Takes one apart: scheme, host, domain as in struct url. A host of odd writing (numbers, percent
 * signs, full-width dots, backslashes, user@) is turned into what a browser would go to. False when
 * there is nothing to go to: no scheme and no host.
 */
bool url_read(struct arena *a, struct str raw, struct url *ret_url);
/* All writings that rules are matched against, raw first (SpamAssassin's canonical forms). */
struct str *url_variants(struct arena *a, struct str raw, size_t *ret_n);
/* Host and registered domain of a URI as SpamAssassin's registry code gives them; false when none. */
bool url_domain(struct arena *a, struct str uri, struct str *ret_host, struct str *ret_domain);
/* A name whose last label is a top-level domain. */
bool host_is_public(struct str host);
/* "192.0.2.1" or "[2001:db8::1]". */
bool host_is_address(struct str host);
/* "www.example.co.uk" -> "example.co.uk"; the host itself when there is no registered part. */
struct str domain_registered(struct str host);
const char *url_source_name(enum url_source source);

#endif
