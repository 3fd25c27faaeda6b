/* A growing map from texts (copied) to numbers, for the relay's sites and domains. Case counts. */
#ifndef REEVE_GATEWAY_RELAY_MAP_H
#define REEVE_GATEWAY_RELAY_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/str.h"

struct map;

struct map *map_new(void);
void map_free(struct map *m);
bool map_get(const struct map *m, struct str key, uint32_t *ret_value);
/* The key must not be there yet. */
void map_add(struct map *m, struct str key, uint32_t value);
/* False when it was not there. */
bool map_remove(struct map *m, struct str key);
size_t map_count(const struct map *m);
void map_clear(struct map *m);

#endif
