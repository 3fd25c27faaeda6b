/* Resolver, store and snapshots of a role. */
#include "gateway/world.h"

#include <inttypes.h>

#include "core/list/list.h"
#include "core/settings.h"
#include "rules/learn/learner.h"
#include "gateway/keys.h"
#include "gateway/nameservers.h"
#include "lib/log.h"

static void log_errors(const struct conf_load *load)
{
	for (const struct conf_error *e = load->first; e; e = e->next) {
		struct log_line l = log_start(e->severity == CONF_ERROR ? LOG_LEVEL_ERROR : LOG_LEVEL_WARNING, "config");

		log_text(&l, "file", str_of(e->place.file ? e->place.file : ""));
		log_int(&l, "line", e->place.line);
		log_int(&l, "column", e->place.column);
		log_text(&l, "text", e->text);
		log_end(&l);
	}
}

static struct snapshot *load_snapshot(struct world *w, struct buf *ret_text)
{
	struct snapshot_world lent = {.dns = w->dns, .store = w->store, .only_routes = w->only_routes,
	    .only_filters = w->only_filters, .has_daemon = true, .open_key = keys_open_file, .keys_fd = w->env->keys_fd};
	struct arena *a = arena_new(0);
	struct conf_load load;
	struct snapshot *s;

	conf_load_init(&load, a);
	s = snapshot_load(w->env->config_path, &lent, &load, a);
	log_errors(&load);
	if (ret_text)
		conf_errors_print(&load, ret_text);
	if (!s)
		arena_free(a);
	return s;
}

static bool open_dns(struct world *w)
{
	struct dns_options options;
	struct str error;

	nameservers_options(w->env->config, w->arena, &options);
	w->dns = dns_new(&options, w->arena, &error);
	if (!w->dns)
		log_say(LOG_LEVEL_ERROR, "dns", "cannot start the resolver: %.*s", STR_ARG(error));
	return w->dns != NULL;
}

static void log_event(void *arg, enum store_event event, uint64_t number, struct str text)
{
	const char *path = arg;

	if (event == STORE_REBUILT)
		log_say(LOG_LEVEL_ERROR, "store", "%s was damaged: it is set aside as %s.damaged-TIME, %" PRIu64
		    " entries were carried over into a new one", path, path, number);
	else if (event == STORE_MIGRATED)
		log_say(LOG_LEVEL_INFO, "store", "%s had schema %" PRIu64 " of an older version: it was brought up to date; a "
		    "copy was kept as %s.schema-%" PRIu64, path, number, path, number);
	else if (event == STORE_FAILS)
		log_say(LOG_LEVEL_ERROR, "store", "cannot write %s: %.*s; changes of policy state wait in memory", path,
		    STR_ARG(text));
	else
		log_say(LOG_LEVEL_INFO, "store", "%s is written again", path);
}

/*
 * Mail must not wait for policy state: what cannot be written is read, else memory has to do. What the
 * administrator wrote or taught cannot be guessed then: it is not empty, but unknown.
 */
static void open_store(struct world *w)
{
	static const char *const unknown[] = {LIST_STATE_TABLE, LIST_SCAN_TABLE, LIST_SCAN_VERSIONS, SETTINGS_TABLE,
	    LEARNER_TABLE, LEARNER_LESSON_TABLE, LEARNER_NOTE_TABLE, NULL};
	const char *path = arena_printf(w->arena, "%.*s/state.db", STR_ARG(w->env->config->state)).p;
	bool is_readable;
	struct str why;

	w->store = store_open_patiently(path, unknown, w->arena, &why, &is_readable);
	if (why.n)
		log_say(LOG_LEVEL_ERROR, "store", "cannot open %.*s; it is tried again, and changes of policy state wait in memory",
		    STR_ARG(why));
	if (!is_readable)
		log_say(LOG_LEVEL_ERROR, "store", "nor can it be read: state lists, settings and what was learnt are unknown until "
		    "then, and what asks for them ends as its on-failure says");
	store_set_file_max(w->store, w->env->config->state_max);
	store_listen(w->store, log_event, (void *)path);
}

int world_open(struct world *w, const struct role_env *env)
{
	struct snapshot *first;

	w->env = env;
	w->arena = arena_new(0);
	if (!open_dns(w))
		return 1;
	open_store(w);
	first = load_snapshot(w, NULL);
	if (!first)
		return ROLE_EXIT_CONFIG;
	snapshot_publish(first);
	return 0;
}

bool world_reload(struct world *w, struct buf *ret_text)
{
	struct snapshot *s = load_snapshot(w, ret_text);

	if (!s) {
		log_say(LOG_LEVEL_ERROR, "reload", "the configuration has errors: the old one stays in force");
		return false;
	}
	snapshot_publish(s);
	log_say(LOG_LEVEL_INFO, "reload", "generation %u is in force", s->generation);
	/* Who loads a part only may have missed an error in the rest. */
	if (!w->only_routes && !w->only_filters)
		keys_tell_reloaded(w->env->keys_fd);
	return true;
}

void world_stat(struct buf *out, const char *group, const char *name, uint64_t value)
{
	buf_addf(out, "%s %s %" PRIu64 "\n", group, name, value);
}

/* Mail that went on although a filter could not work is what an administrator must see; and what filters count. */
static void chain_stats(const struct chain *chain, struct buf *out)
{
	for (size_t i = 0; i < chain_length(chain); i++) {
		const struct filter *filter = chain_at(chain, i)->filter;

		world_stat(out, "failures", filter->name, *chain_at(chain, i)->failures);
		for (const struct filter_counter *c = filter->counters; c && c->name; c++)
			world_stat(out, filter->name, c->name, *c->value);
	}
}

void world_stats(struct world *w, struct buf *out)
{
	struct snapshot *s = snapshot_current();
	struct store_stats store;

	store_stats(w->store, &store);
	world_stat(out, "config", "generation", s->generation);
	chain_stats(s->chain, out);
	world_stat(out, "store", "waiting", store.waiting);
	world_stat(out, "store", "commits", store.commits);
	world_stat(out, "store", "written", store.written);
	world_stat(out, "store", "failures", store.failures);
	world_stat(out, "store", "hot", store.hot);
	world_stat(out, "store", "hot-bytes", store.hot_bytes);
	snapshot_unref(s);
}

void world_close(struct world *w)
{
	snapshot_publish(NULL);
	dns_free(w->dns);
	store_close(w->store);
	arena_free(w->arena);
}
