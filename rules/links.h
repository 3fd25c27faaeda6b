/*
 * The links of a message, each once however often it stands there: with all its writings, for uri and
 * uri_detail rules. Made at first use, in the message's arena.
 */
#ifndef REEVE_RULES_LINKS_H
#define REEVE_RULES_LINKS_H

#include "rules/set.h"

enum link_key { LINK_RAW, LINK_CLEANED, LINK_TEXT, LINK_DOMAIN, LINK_HOST, LINK_TYPE, LINK_KEYS };

struct text_list {
	struct str *v;
	size_t n;
};

/* One link, however often and in whatever way the message has it. */
struct link {
	struct str raw;
	struct text_list values[LINK_KEYS]; /* hosts and domains: by link_values() alone */
	bool has_hosts;
	struct link *next, *slot_next;
};

enum { LINK_SLOTS = 256 };

struct links {
	struct link *first, **last, *slots[LINK_SLOTS];
	struct str *lines;
	size_t line_count;
};

const struct links *message_links(struct matcher *m);
const struct text_list *link_values(struct matcher *m, struct link *link, enum link_key key);
/* All writings of all links of the content, each once: what uri rules match. */
const struct str *link_lines(struct matcher *m, size_t *ret_n);

#endif
