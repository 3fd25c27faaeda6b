/*
 * A snapshot: configuration, lists, routes, chain and policy of one load; immutable and
 * reference-counted. Sessions keep the one they started with; a reload swaps the current one only
 * when the new one has no error.
 */
#ifndef REEVE_GATEWAY_SNAPSHOT_H
#define REEVE_GATEWAY_SNAPSHOT_H

#include "core/chain.h"
#include "core/list/list.h"
#include "core/route.h"
#include "core/settings.h"
#include "gateway/config.h"
#include "policy/policy.h"

struct snapshot {
	struct arena *arena;
	const struct config *config;
	struct fact_registry *facts;
	struct lists *lists;
	struct routes *routes;
	struct settings *settings;
	struct chain *chain;
	struct policy *policy;
	struct scan *scan; /* NULL while only checking */
	unsigned generation;
	_Atomic unsigned references;
};

/* What the process lends to each load. */
struct snapshot_world {
	struct dns *dns;     /* NULL while only checking */
	struct store *store; /* NULL while only checking */
	bool only_check;
	bool has_daemon;     /* the daemon's scanner is used, not one of our own */
	bool only_routes;    /* no filters and no policy: for the relay */
	const char *const *only_filters; /* NULL: all; else the names of those that are wanted, and no policy */
	int (*open_key)(int keys_fd, const char *path); /* as in struct filter_env */
	int keys_fd;
};

/* Whether a filter is called so, built in or loaded by this configuration; *ret_near: one like it, or NULL. In a. */
bool snapshot_knows_filter(const struct config *config, struct arena *a, struct str name, const char **ret_near);

/* All errors and warnings are in load (its arena must be `a`, owned by the snapshot on success). */
struct snapshot *snapshot_load(const char *path, const struct snapshot_world *world,
    struct conf_load *load, struct arena *a);
/*
 * Reads everything that a role would load and forgets it again; tell(), called once, has all errors and warnings.
 * True when there is no error.
 */
bool snapshot_check(const char *path, void (*tell)(void *arg, const struct conf_load *load, bool ok), void *arg);
struct snapshot *snapshot_ref(struct snapshot *s);
void snapshot_unref(struct snapshot *s);

/* The current one of this process; thread-safe. */
struct snapshot *snapshot_current(void); /* a new reference */
/* `drain` of the current one. */
int64_t snapshot_drain_ms(void);
void snapshot_publish(struct snapshot *s);

/* The built-in filters, NULL-terminated: one line each in gateway/builtin.c. */
extern const struct filter *const builtin_filters[];

#endif
