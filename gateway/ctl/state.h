/* What the commands on policy state share: the store of the configuration, and small things. */
#ifndef REEVE_GATEWAY_CTL_STATE_H
#define REEVE_GATEWAY_CTL_STATE_H

#include "gateway/ctl/ctl.h"
#include "lib/store/store.h"

struct ctl_verb {
	const char *name;
	int (*run)(struct ctl *ctl, struct store *st, int argc, char **argv); /* argv[0] is the verb */
	bool writes;
};

/*
 * Finds the verb in argv[1], opens the store as it needs it, runs it, and sees that what it changed
 * is written: roles of a running daemon see it within their next look.
 */
int ctl_state_run(struct ctl *ctl, int argc, char **argv, const struct ctl_verb *verbs, size_t n);

/* The store of the configuration; NULL (reported) when it cannot be opened. */
struct store *ctl_store(struct ctl *ctl, bool writes);

/* Takes "NAME VALUE" out of argv; NULL when it is not there. Exits with 2 when the value is missing. */
const char *ctl_option(int *argc, char **argv, const char *name);
/* The same for a name without a value. */
bool ctl_flag(int *argc, char **argv, const char *name);
/* "30m" as seconds; exits with 2 when it is none. */
int64_t ctl_seconds(struct ctl *ctl, const char *option, const char *text);
/* "in 3d", "never" */
struct str ctl_expiry(struct arena *a, int64_t expires);

/* Keys to be deleted after store_each(), which must not see its own changes. */
struct ctl_keys {
	struct str *v;
	size_t n, room;
};
void ctl_keys_add(struct ctl *ctl, struct ctl_keys *keys, struct str key);
/* Deletes them and says how many: "3 forgotten". */
int ctl_keys_delete(struct ctl *ctl, struct store *st, const char *table, const struct ctl_keys *keys, const char *done);

#endif
