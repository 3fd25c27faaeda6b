/* Loads filters from shared objects. */
#include "gateway/plugin.h"

#include <dlfcn.h>

static const struct filter *check(struct conf_load *load, const struct conf_node *node, void *object)
{
	const struct filter *f = dlsym(object, "mailreeve_filter");
	const unsigned *abi = dlsym(object, "mailreeve_filter_abi");
	struct conf_place place = node->tokens[3].place;

	if (!f || !abi)
		conf_error(load, place, "%.*s exports no mailreeve_filter and mailreeve_filter_abi", STR_ARG(node->tokens[3].text));
	else if (*abi != FILTER_ABI)
		conf_error(load, place, "%.*s was built for filter interface %u, this is %u", STR_ARG(node->tokens[3].text), *abi, FILTER_ABI);
	else if (!str_is(node->tokens[1].text, f->name))
		conf_error(load, node->tokens[1].place, "the filter in %.*s is named '%s'", STR_ARG(node->tokens[3].text), f->name);
	else
		return f;
	return NULL;
}

const struct filter *plugin_load(struct conf_load *load, const struct conf_node *node)
{
	const char *path = arena_cstr(load->arena, node->tokens[3].text);
	void *object;

	if (path[0] != '/') {
		conf_error(load, node->tokens[3].place, "expected an absolute path to a shared object");
		return NULL;
	}
	object = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!object) {
		conf_error(load, node->tokens[3].place, "cannot load the filter: %s", dlerror());
		return NULL;
	}
	return check(load, node, object);
}
