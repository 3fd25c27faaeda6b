/*
 * What a role that judges or delivers mail works with: resolver, store, and snapshots that are
 * reloaded. Made after role_settle(), before other threads.
 */
#ifndef REEVE_GATEWAY_WORLD_H
#define REEVE_GATEWAY_WORLD_H

#include "gateway/role.h"
#include "gateway/snapshot.h"
#include "lib/dns/dns.h"
#include "lib/store/store.h"

struct world {
	const struct role_env *env;
	bool only_routes; /* set before world_open(): the relay needs no filters */
	const char *const *only_filters; /* likewise: as in struct snapshot_world */
	struct arena *arena;
	struct dns *dns;
	struct store *store;
};

/* Opens all and publishes the first snapshot; logs and returns the exit status when it cannot, else 0. */
int world_open(struct world *w, const struct role_env *env);
/*
 * Loads the configuration anew and publishes it; any error keeps the old one. The outcome is
 * logged; ret_text (may be NULL; the caller frees) has the errors, or "generation N".
 */
bool world_reload(struct world *w, struct buf *ret_text);
/* For `reevectl stats`: one line "GROUP NAME VALUE"; world_stats() gives those of chain and store. */
void world_stat(struct buf *out, const char *group, const char *name, uint64_t value);
void world_stats(struct world *w, struct buf *out);
void world_close(struct world *w);

#endif
