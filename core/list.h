/*
 * Named lists: `list NAME { ... }` (inline), `list NAME "file"`, `list NAME state` (kept in the
 * store, changed by reevectl at any time). Entries: an address (a@b), a domain (b), a domain with
 * its sub-domains (.b), an IP address or network, "/regex/" or any other text. Immutable but for
 * state lists. Lines of files: one entry, # comments.
 */
#ifndef REEVE_CORE_LIST_H
#define REEVE_CORE_LIST_H

#include <stdbool.h>

#include "lib/addr.h"
#include "lib/arena.h"
#include "lib/conf.h"
#include "lib/res.h"
#include "lib/str.h"

struct list;
struct lists;
struct store;

struct lists *lists_new(struct arena *a, struct store *store);
/* Reads one `list` node; errors with file:line of the list file too. */
void lists_add(struct lists *ls, struct conf_load *load, const struct conf_node *node);
const struct list *lists_find(const struct lists *ls, struct str name);
size_t lists_count(const struct lists *ls);
const char *lists_name_at(const struct lists *ls, size_t i);

/*
 * RES_OK: in, ret_entry is what matched; RES_NONE: not in; RES_TEMP: the store could not say.
 * A text with @ matches addresses, then the domain behind it; case is ignored.
 */
enum res list_has_text(const struct list *l, struct str text, struct str *ret_entry);
enum res list_has_ip(const struct list *l, const struct ip *ip, struct str *ret_entry);

#endif
