/*
 * Commands on policy state work on the store itself and need no running daemon; a running one sees
 * their changes as it sees those of its other roles.
 */
#define _GNU_SOURCE
#include "gateway/ctl/state.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/ctl/select.h"
#include "lib/clock.h"
#include "lib/json.h"

struct store *ctl_store(struct ctl *ctl, bool writes)
{
	const char *folder = arena_cstr(ctl->arena, ctl_config(ctl)->state);
	const char *path = arena_printf(ctl->arena, "%s/state.db", folder).p;
	struct str error = STR_NONE;
	struct store *st;

	if (!ctl_become_owner(folder)) {
		ctl_fail("%s: cannot act as its owner: %s", folder, strerror(errno));
		return NULL;
	}
	st = store_open(path, !writes, ctl->arena, &error);
	if (!st)
		ctl_fail("%.*s", STR_ARG(error));
	return st;
}

int ctl_state_run(struct ctl *ctl, int argc, char **argv, const struct ctl_verb *verbs, size_t n)
{
	const struct ctl_verb *verb = NULL;
	struct store *st;
	int status;

	argc = ctl_options(ctl, argc, argv);
	for (size_t i = 0; argc >= 2 && i < n; i++)
		if (strcmp(argv[1], verbs[i].name) == 0)
			verb = &verbs[i];
	st = verb ? ctl_store(ctl, verb->writes) : NULL;
	if (verb && !st)
		return 1;
	status = verb ? verb->run(ctl, st, argc - 1, argv + 1) : 2;
	if (status == 2)
		ctl_usage(ctl);
	if (verb && verb->writes && store_flush(st) != RES_OK && status == 0)
		status = ctl_fail("the change could not be written; is there room, and may %s be written?", "state.db");
	store_close(st);
	return status;
}

/* ---- options ---- */

static int find_option(int argc, char **argv, const char *name)
{
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], name) == 0)
			return i;
	return 0;
}

static void cut(int *argc, char **argv, int at, int n)
{
	for (int i = at; i + n <= *argc; i++)
		argv[i] = argv[i + n];
	*argc -= n;
}

const char *ctl_option(int *argc, char **argv, const char *name)
{
	int at = find_option(*argc, argv, name);
	const char *value;

	if (!at)
		return NULL;
	if (at + 1 >= *argc) {
		ctl_fail("%s needs a value", name);
		exit(2);
	}
	value = argv[at + 1];
	cut(argc, argv, at, 2);
	return value;
}

bool ctl_flag(int *argc, char **argv, const char *name)
{
	int at = find_option(*argc, argv, name);

	if (at)
		cut(argc, argv, at, 1);
	return at > 0;
}

int64_t ctl_seconds(struct ctl *ctl, const char *option, const char *text)
{
	int64_t ms;

	(void)ctl;
	if (conf_parse_duration(str_of(text), &ms) && ms >= 1000)
		return ms / 1000;
	ctl_fail("%s: expected a duration like 30m, 12h or 7d, not '%s'", option, text);
	exit(2);
}

struct str ctl_expiry(struct arena *a, int64_t expires)
{
	return expires ? arena_printf(a, "in %.*s", STR_ARG(ctl_age(a, expires - clock_now()))) : STR("never");
}

/* ---- keys ---- */

void ctl_keys_add(struct ctl *ctl, struct ctl_keys *keys, struct str key)
{
	if (keys->n == keys->room) {
		struct str *more;

		keys->room = keys->room ? keys->room * 2 : 64;
		more = arena_array(ctl->arena, keys->room, sizeof *more);
		if (keys->n)
			memcpy(more, keys->v, keys->n * sizeof *more);
		keys->v = more;
	}
	keys->v[keys->n++] = arena_str(ctl->arena, key);
}

int ctl_keys_delete(struct ctl *ctl, struct store *st, const char *table, const struct ctl_keys *keys, const char *done)
{
	enum res res = RES_OK;

	for (size_t i = 0; i < keys->n && res != RES_TEMP; i++) {
		res = store_delete(st, table, keys->v[i]);
		if (res == RES_TEMP && store_flush(st) == RES_OK)
			res = store_delete(st, table, keys->v[i]);
	}
	if (res == RES_TEMP)
		return ctl_fail("the store cannot be reached");
	if (ctl->json)
		printf("{\"count\":%zu}\n", keys->n);
	else
		printf("%zu %s\n", keys->n, done);
	return 0;
}
