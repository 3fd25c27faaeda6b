/* What core/list.c has from core/list_state.c: look-ups in lists that are kept in the store. */
#ifndef REEVE_CORE_LIST_PRIVATE_H
#define REEVE_CORE_LIST_PRIVATE_H

#include "core/list.h"

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

enum res list_state_has_text(struct store *store, struct str name, struct str rcpt, struct str text,
    struct str *ret_entry);
enum res list_state_has_ip(struct store *store, struct str name, struct str rcpt, const struct ip *ip);

#endif
