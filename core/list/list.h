/*
 * Named lists, for `fact in NAME` in policies and for maps of recipients.
 *
 *     list partners { joe@example.com; .example.org; 192.0.2.0/24; "/^bounce-[0-9]+@/"; }
 *     list staff "/etc/mailreeve/staff" "more";     one entry a line, # comments
 *     list friends state;                           in the store, changed by reevectl at any time
 *
 * An entry is one of
 *     a@example.org      that address
 *     example.org        that text, or any address in that domain (also written @example.org)
 *     .example.org       that domain and all below it, and any address there
 *     192.0.2.0/24       a network or address, for facts that are addresses
 *     /REGEX/            any text that the pattern matches
 * Case is ignored everywhere. Look-ups are by hash or binary search, whatever the size; only
 * patterns are tried one by one.
 *
 * Entries of state lists are in the table "list", key "NAME\0ENTRY" (lower case; networks as cidr text
 * with prefix length), so that a look-up is a few reads whatever the size. Patterns, and networks with
 * other prefixes than LIST_STATE_BITS_4 or _6, are in the table "list-scan", LIST_SCAN_MAX at most in a
 * list, and are tried one by one. Entries of one recipient or domain have the key
 * "NAME@user@domain\0ENTRY" or "NAME@domain\0ENTRY" and count only where the recipient is known:
 * list_has_text_for() looks at his, then at his domain's, then at those for all.
 */
#ifndef REEVE_CORE_LIST_LIST_H
#define REEVE_CORE_LIST_LIST_H

#include <stdbool.h>

#include "lib/addr.h"
#include "lib/arena.h"
#include "lib/conf/conf.h"
#include "lib/res.h"
#include "lib/str.h"

struct list;
struct lists;
struct store;

enum list_limits {
	LIST_FILE_BYTES = 256 * 1024 * 1024,
	LIST_ENTRY_MAX = 400, /* octets */
	LIST_REGEX_MAX = 1000, /* patterns in one list */
	LIST_NAME_MAX = 64,
	LIST_PARENTS_MAX = 10, /* parent domains that are looked up in a state list */
	LIST_SCAN_MAX = 1000,  /* patterns and odd networks of a state list */
};

#define LIST_STATE_BITS_4 32, 24, 16, 8
#define LIST_STATE_BITS_6 128, 64, 56, 48, 32

struct lists *lists_new(struct arena *a, struct store *store);
/* Reads one `list` node; errors with file:line of the list file too. */
void lists_add(struct lists *ls, struct conf_load *load, const struct conf_node *node);
/* For use: whoever looks into a list while messages are judged has found it while the configuration was read. */
const struct list *lists_find(const struct lists *ls, struct str name);
/* The one that a directive names; false when there is none, which is an error at its place. */
bool lists_need(const struct lists *ls, struct str name, struct conf_load *load, struct conf_place place,
    const struct list **ret_list);
/* The same for a directive that is "" when nobody wrote it: NULL then. */
bool lists_may_need(const struct lists *ls, struct str name, struct conf_load *load, struct conf_place place,
    const struct list **ret_list);
/* A name like it, or NULL. In a. */
const char *lists_near(const struct lists *ls, struct arena *a, struct str name);
/* When all that may use one is read. */
void lists_warn_unused(const struct lists *ls, struct conf_load *load);
size_t lists_count(const struct lists *ls);
const char *lists_name_at(const struct lists *ls, size_t i);

/*
 * RES_OK: in, ret_entry (may be NULL) is what matched, "" for an address in a state list; RES_NONE: not in; RES_TEMP: the store could not say.
 * A text with @ matches addresses, then the domain behind it; case is ignored.
 */
enum res list_has_text(const struct list *l, struct str text, struct str *ret_entry);
enum res list_has_ip(const struct list *l, const struct ip *ip, struct str *ret_entry);

/*
 * The same for mail to that recipient ("" none): entries of a state list for him or his domain count too.
 */
enum res list_has_text_for(const struct list *l, struct str rcpt, struct str text, struct str *ret_entry);
enum res list_has_ip_for(const struct list *l, struct str rcpt, const struct ip *ip, struct str *ret_entry);

bool list_is_state(const struct list *l);
/* Entries that were loaded; 0 for a state list. */
size_t list_count(const struct list *l);
/* Tables of state lists in the store; the last one has a number by NAME that each change of "list-scan" raises. */
#define LIST_STATE_TABLE "list"
#define LIST_SCAN_TABLE "list-scan"
#define LIST_SCAN_VERSIONS "list-scan-version"

/* Where an entry is kept. */
struct list_place {
	const char *table;
	struct str key;
	struct str name; /* of the list, lower case */
};

/*
 * The place of an entry of a state list, for one recipient or domain (scope; "" for all). Without an
 * entry ("") the key is the prefix of all, in either table. False with the reason when it cannot be one.
 */
bool list_state_place(struct arena *a, struct str name, struct str scope, struct str entry, struct list_place *ret_place,
    const char **ret_error);
/* RES_PERM: there are LIST_SCAN_MAX already. */
enum res list_state_put(struct store *store, const struct list_place *place, struct str value, int64_t ttl);
/* RES_NONE: there was none. */
enum res list_state_delete(struct store *store, const struct list_place *place);

#endif
