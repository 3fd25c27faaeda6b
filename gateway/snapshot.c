/* Builds snapshots and keeps the current one of the process. */
#include "gateway/snapshot.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>

#include "core/scan/scan.h"
#include "gateway/host.h"
#include "gateway/plugin.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct snapshot *current;
static unsigned generations;

/* Calls add for each top-level statement of that name. */
#define EACH_NODE(node, config, what)                                                              \
	for (const struct conf_node *node = (config)->root; node; node = node->next)               \
		if (str_is(node->tokens[0].text, what))

struct conditions {
	struct filter_conditions lent;
	const struct snapshot *snapshot;
};

static struct condition *compile_for_filter(const struct filter_conditions *self, struct conf_load *load,
    const struct conf_node *node, size_t from, enum stage stage)
{
	const struct snapshot *s = ((const struct conditions *)self)->snapshot;

	return condition_new(load, node, from, stage, s->facts, s->lists, builtin_filters);
}

static const struct filter_conditions *lend_conditions(struct snapshot *s)
{
	struct conditions *c = arena_alloc(s->arena, sizeof *c);

	*c = (struct conditions){{compile_for_filter, condition_stage, condition_holds}, s};
	return &c->lent;
}

static struct filter_env *make_env(struct snapshot *s, const struct snapshot_world *world)
{
	struct filter_env *env = arena_alloc(s->arena, sizeof *env);

	env->arena = s->arena;
	env->hostname = s->config->hostname;
	env->state_dir = s->config->state;
	env->dns = world->dns;
	env->store = world->store;
	env->lists = s->lists;
	env->routes = s->routes;
	env->settings = s->settings;
	env->conditions = lend_conditions(s);
	env->only_check = world->only_check;
	env->scan = s->scan;
	env->open_key = world->open_key;
	env->keys_fd = world->keys_fd;
	return env;
}

static void add_filter(struct snapshot *s, struct conf_load *load, const struct conf_node *node)
{
	const struct filter *plugin[2] = {NULL, NULL};

	if (node->n != 4 || !str_is(node->tokens[2].text, "from")) {
		chain_add(s->chain, load, node, builtin_filters);
		return;
	}
	plugin[0] = plugin_load(load, node);
	if (plugin[0])
		chain_add(s->chain, load, node, plugin);
}

static void build_policy(struct snapshot *s, struct conf_load *load)
{
	struct policy_texts *texts = policy_texts_new(s->arena);
	const struct conf_node *policy = NULL;

	EACH_NODE(node, s->config, "language")
		policy_texts_add(texts, load, node);
	EACH_NODE(node, s->config, "policy")
		policy = node; /* a second one is an error already */
	s->policy = policy_new(load, policy, s->facts, s->lists, builtin_filters, texts);
}

bool snapshot_knows_filter(const struct config *config, struct arena *a, struct str name, const char **ret_near)
{
	size_t n = 0;
	const char **names;

	for (*ret_near = NULL; builtin_filters[n]; n++)
		if (str_is(name, builtin_filters[n]->name))
			return true;
	EACH_NODE(node, config, "filter")
		if (node->n > 1 && str_eq(node->tokens[1].text, name))
			return true;
	names = arena_array(a, n, sizeof *names);
	for (size_t i = 0; i < n; i++)
		names[i] = builtin_filters[i]->name;
	*ret_near = conf_near(name, names, n);
	return false;
}

/* A filter that is spelled wrongly would go on working for these recipients. */
static void check_filters_off(const struct snapshot *s, struct conf_load *load)
{
	const char *near;

	EACH_NODE(node, s->config, "settings")
		for (const struct conf_node *child = node->children; child; child = child->next)
			for (size_t i = 1; str_is(child->tokens[0].text, "filters-off") && i < child->n; i++)
				if (!snapshot_knows_filter(s->config, load->arena, child->tokens[i].text, &near))
					conf_error(load, child->tokens[i].place, "unknown filter %s%s%s%s",
					    conf_token_show(load->arena, &child->tokens[i]), near ? "; did you mean '" : "",
					    near ? near : "", near ? "'?" : "");
}

static bool has_filter(const struct snapshot *s, const char *name)
{
	for (size_t i = 0; i < chain_length(s->chain); i++)
		if (strcmp(chain_at(s->chain, i)->filter->name, name) == 0)
			return true;
	return false;
}

/* `recipients verify` and settings do nothing alone: it is the filters that ask. */
static void check_filters(const struct snapshot *s, struct conf_load *load)
{
	if (settings_place(s->settings) && !has_filter(s, "settings"))
		conf_error(load, *settings_place(s->settings), "settings need `filter settings;` in front of the other filters");
	for (size_t i = 0; i < routes_count(s->routes) && !has_filter(s, "recipients"); i++) {
		const struct route *route = routes_at(s->routes, i);

		if (route->recipients != ROUTE_ANY)
			conf_warning(load, route->place, "recipients are not checked: filter recipients is not configured; add "
			    "\"filter recipients;\"");
	}
}

static bool is_wanted(const struct snapshot_world *world, struct str name)
{
	for (size_t i = 0; world->only_filters && world->only_filters[i]; i++)
		if (str_is(name, world->only_filters[i]))
			return true;
	return !world->only_filters;
}

static void build(struct snapshot *s, const struct snapshot_world *world, struct conf_load *load)
{
	struct filter_env *env;

	s->facts = fact_registry_new(s->arena);
	fact_registry_add(s->facts, core_facts);
	s->lists = lists_new(s->arena, world->store);
	s->routes = routes_new(s->arena);
	EACH_NODE(node, s->config, "list")
		lists_add(s->lists, load, node);
	EACH_NODE(node, s->config, "relay")
		routes_add(s->routes, load, node);
	s->settings = settings_new(s->arena);
	EACH_NODE(node, s->config, "settings")
		settings_add(s->settings, load, node);
	routes_check(s->routes, load, s->lists);
	if (!world->only_check && !world->only_routes && !world->only_filters)
		s->scan = scan_new(s->arena, world->has_daemon ? scan_socket(s->arena, s->config->runtime) : STR_NONE, STR_NONE);
	env = make_env(s, world);
	s->chain = chain_new(s->arena, env, s->facts);
	env->chain = s->chain;
	if (world->only_routes)
		return;
	EACH_NODE(node, s->config, "filter")
		if (node->n < 2 || is_wanted(world, node->tokens[1].text))
			add_filter(s, load, node);
	if (world->only_filters)
		return;
	check_filters(s, load);
	check_filters_off(s, load);
	build_policy(s, load);
	if (world->only_check)
		host_check(s->config, load);
}

struct snapshot *snapshot_load(const char *path, const struct snapshot_world *world,
    struct conf_load *load, struct arena *a)
{
	struct snapshot *s = arena_alloc(a, sizeof *s);

	assert(load->arena == a);
	s->arena = a;
	s->references = 1;
	s->config = config_load(load, path);
	if (!s->config)
		return NULL;
	build(s, world, load);
	/* Filters open even after errors elsewhere, so that all errors come in one run. */
	chain_open(s->chain, load);
	if (load->errors == 0 && !world->only_routes && !world->only_filters)
		lists_warn_unused(s->lists, load);
	if (load->errors == 0) {
		if (s->scan)
			scan_start(s->scan);
		return s;
	}
	chain_close(s->chain);
	scan_close(s->scan);
	return NULL;
}

bool snapshot_check(const char *path, void (*tell)(void *arg, const struct conf_load *load, bool ok), void *arg)
{
	struct arena *a = arena_new(0);
	struct conf_load load;
	struct snapshot *s;

	conf_load_init(&load, a);
	s = snapshot_load(path, &(struct snapshot_world){.only_check = true}, &load, a);
	tell(arg, &load, s != NULL);
	if (s)
		snapshot_unref(s);
	else
		arena_free(a);
	return s != NULL;
}

struct snapshot *snapshot_ref(struct snapshot *s)
{
	atomic_fetch_add_explicit(&s->references, 1, memory_order_relaxed);
	return s;
}

void snapshot_unref(struct snapshot *s)
{
	if (!s || atomic_fetch_sub_explicit(&s->references, 1, memory_order_acq_rel) != 1)
		return;
	chain_close(s->chain);
	scan_close(s->scan);
	arena_free(s->arena);
}

struct snapshot *snapshot_current(void)
{
	struct snapshot *s;

	pthread_mutex_lock(&lock);
	s = current ? snapshot_ref(current) : NULL;
	pthread_mutex_unlock(&lock);
	return s;
}

int64_t snapshot_drain_ms(void)
{
	struct snapshot *s = snapshot_current();
	int64_t ms = s->config->drain_ms;

	snapshot_unref(s);
	return ms;
}

void snapshot_publish(struct snapshot *s)
{
	struct snapshot *old;

	pthread_mutex_lock(&lock);
	old = current;
	current = s;
	if (s)
		s->generation = ++generations;
	pthread_mutex_unlock(&lock);
	snapshot_unref(old);
}
