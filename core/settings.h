/*
 * Settings of recipients: what one recipient, all of a domain, or everybody wants, from blocks of the
 * configuration and from the store (`reevectl policy set`):
 *
 *     settings default { spam-reject 15; spam-tag 5; }
 *     settings example.org sales@example.net { spam-reject 12; greylist off; filters-off dnsbl rules; }
 *
 * Each value is looked for at the recipient, then at the domain, then at `default`; at each of them
 * the store comes before the configuration. The filter `settings` makes facts of them.
 * In the store: table "settings", key ADDRESS, DOMAIN or "default", value one "NAME VALUE" a line.
 */
#ifndef REEVE_CORE_SETTINGS_H
#define REEVE_CORE_SETTINGS_H

#include <stdbool.h>

#include "lib/arena.h"
#include "lib/conf/conf.h"
#include "lib/res.h"
#include "lib/str.h"

struct store;
struct settings;

enum setting {
	SETTING_SPAM_REJECT,
	SETTING_SPAM_QUARANTINE,
	SETTING_SPAM_TAG,
	SETTING_GREYLIST,
	SETTING_FILTERS_OFF,
	SETTING_LANGUAGE,
	SETTING_CLASS,
	SETTINGS,
};

#define SETTINGS_TABLE "settings"

/* The directives of a block, in the order of enum setting: names, arguments and help. */
extern const struct directive settings_directives[];

struct settings_values {
	struct str v[SETTINGS]; /* checked text; n 0: not set */
};

struct settings *settings_new(struct arena *a);
/* Reads one `settings` node. */
void settings_add(struct settings *ss, struct conf_load *load, const struct conf_node *node);
/* Where the first block stands; NULL when there is none. */
const struct conf_place *settings_place(const struct settings *ss);
/*
 * For one recipient; the values live in arena a or in the settings. RES_TEMP: the store could not
 * say. store may be NULL: the configuration alone.
 */
enum res settings_find(const struct settings *ss, struct store *store, struct str address, struct str domain,
    struct arena *a, struct settings_values *ret_values);

/* For reevectl: the row of a name, -1 when there is none; what is wrong with a value, or NULL. */
int settings_row(struct str name);
const char *settings_wrong(int row, struct str value);
/* The value of an entry in the store, and back. Lines that this version does not know are left out. */
void settings_read(struct str text, struct settings_values *ret_values);
struct str settings_write(struct arena *a, const struct settings_values *values);
/* ADDRESS, DOMAIN or "default" in lower case; false when it is none of them. */
bool settings_key(struct arena *a, struct str who, struct str *ret_key);

#endif
