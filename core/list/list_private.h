/* What core/list/list.c has from core/list/list_state.c: look-ups in lists that are kept in the store. */
#ifndef REEVE_CORE_LIST_LIST_PRIVATE_H
#define REEVE_CORE_LIST_LIST_PRIVATE_H

#include "core/list/list.h"

/* What stands behind the last @; the whole text when there is none. */
static inline struct str list_domain_of(struct str text)
{
	return str_from(text, (size_t)(str_rchr(text, '@') + 1));
}

/* Not what starts with a dot, so that no text equals the key of a ".domain" entry. */
static inline bool list_is_domain(struct str text)
{
	return text.n > 0 && text.n <= 255 && text.p[0] != '.';
}

/* A network, or what was meant as one. */
bool list_looks_like_network(struct str text);

struct regex;
struct regex_pool;
struct list_scan;

/* What is looked for: an address, or a text when ip is NULL. */
struct list_wanted {
	struct str text;
	const struct ip *ip;
};

enum res list_state_has_text(struct store *store, struct list_scan *scan, struct str name, struct str rcpt, struct str text,
    struct str *ret_entry);
enum res list_state_has_ip(struct store *store, struct list_scan *scan, struct str name, struct str rcpt, const struct ip *ip);

/* ---- list_scan.c ---- */

/* Ends with the arena; the store may be NULL. */
struct list_scan *list_scan_new(struct arena *a, struct store *store, struct str name, struct regex_pool *pool);
enum res list_scan_has(struct list_scan *scan, const struct str *scopes, size_t n, const struct list_wanted *wanted);
/* "/REGEX/" compiled; NULL with the reason. */
struct regex *list_pattern(struct arena *a, struct str entry, struct str *ret_error);

#endif
