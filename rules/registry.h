/*
 * Which part of a host name somebody registered, as a rule set says it: util_rb_tld, util_rb_2tld and
 * util_rb_3tld name endings below which names are given out. A set without such lines takes the
 * public suffix list (core/url/url.h).
 */
#ifndef REEVE_RULES_REGISTRY_H
#define REEVE_RULES_REGISTRY_H

#include "lib/arena.h"
#include "lib/str.h"
#include "rules/rule.h"

struct registry;

struct registry *registry_new(struct arena *a, const struct rules_conf *conf);
/* host must be lower case; the result is a part of it. */
struct str registry_domain(const struct registry *g, struct str host);

/*
 * The host that a text names, as header rules with :host see it: behind the last @ that has one, else
 * the first of the text; its top level must be one that exists.
 */
bool registry_find_host(struct str text, struct str *ret_host);

#endif
