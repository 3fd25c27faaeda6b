/* Configuration text into a tree, and the tree into structs by the real tables. */
#include "core/route.h"
#include "gateway/config.h"
#include "tests/fuzz/fuzz.h"

static void apply(struct conf_load *load, const struct conf_node *tree)
{
	struct config *config = arena_alloc(load->arena, sizeof *config);
	struct routes *routes = routes_new(load->arena);

	conf_apply(load, config_directives, tree, config, "the configuration", (struct conf_place){"fuzz", 1, 1});
	for (const struct conf_node *node = tree; node; node = node->next)
		if (str_is(node->tokens[0].text, "relay"))
			routes_add(routes, load, node);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct arena *a = arena_new(0);
	struct conf_load load;
	struct conf_node *tree;
	struct buf out = {0};

	if (str_find(fuzz_input(p, n), STR("include")) >= 0) {
		arena_free(a);
		return -1; /* would read files */
	}
	conf_load_init(&load, a);
	tree = conf_parse_text(&load, "fuzz", fuzz_input(p, n));
	if (tree)
		apply(&load, tree);
	conf_errors_print(&load, &out);
	buf_free(&out);
	arena_free(a);
	return 0;
}
