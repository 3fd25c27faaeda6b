/*
 * What the parts of filter recipients share: recipients.c decides, recipients_map.c reads maps,
 * recipients_callahead.c asks internal servers.
 */
#ifndef REEVE_FILTERS_RECIPIENTS_H
#define REEVE_FILTERS_RECIPIENTS_H

#include "core/filter.h"
#include "core/list/list.h"
#include "core/route.h"
#include "lib/names.h"
#include "lib/store/store.h"

struct callahead;

enum { RECIPIENT_MAPS_MAX = 64, RECIPIENT_MAP_BYTES = 256 * 1024 * 1024 };

/* Addresses and @domains out of files; immutable after loading. */
struct recipient_map {
	struct names *entries;
	struct names *domains; /* for which there is an entry: these maps know all their recipients */
};

struct recipients_conf {
	struct recipient_map map;
	struct conf_strings list_names;
	struct str subaddress; /* characters that begin a tag */
	int64_t positive_ms, negative_ms, stale_ms;
	int64_t harvest_limit, harvest_ms;
	int64_t timeout_ms, probes_max;

	const struct list **lists; /* of list_names */
	const struct lists *all_lists;
	const struct routes *routes;
	struct store *store;
	struct callahead *callahead;
};

/* Directive `map "FILE";`: errors with the line of the map. */
void recipients_set_map(struct conf_load *load, const struct conf_node *node, void *target);
bool recipient_map_has(const struct recipient_map *map, struct str address);
/* Whether the map decides about this domain. */
bool recipient_map_covers(const struct recipient_map *map, struct str domain);

#endif
