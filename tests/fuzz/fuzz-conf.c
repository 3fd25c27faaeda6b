/* Configuration text to a tree, and the tree through a table with every type of directive. */
#include "lib/conf/conf.h"

struct target {
	bool flag;
	int64_t integer, duration;
	double number;
	uint64_t size;
	struct str string, path;
	int choice;
	struct conf_strings strings;
	struct conf_cidrs cidrs;
};

static const char *const choices[] = {"red", "green", NULL};
static const struct directive table[];

static void set_block(struct conf_load *load, const struct conf_node *node, void *target)
{
	struct ip ip;
	uint16_t port;

	if (node->n > 1)
		conf_endpoint(load, &node->tokens[1], node->n > 2 ? 25 : 0, &ip, &port);
	conf_apply(load, table, node->children, target, "block", node->end);
}

#define AT(field) offsetof(struct target, field)
static const struct directive table[] = {
    {.name = "flag", .type = CONF_FLAG, .offset = AT(flag), .def = "on"},
    {.name = "int", .type = CONF_INT, .offset = AT(integer), .min = -5, .max = 5},
    {.name = "number", .type = CONF_NUMBER, .offset = AT(number)},
    {.name = "size", .type = CONF_SIZE, .offset = AT(size), .def = "25M", .min = 1, .max = 1e12},
    {.name = "duration", .type = CONF_DURATION, .offset = AT(duration), .min = 1, .max = 1e12},
    {.name = "string", .type = CONF_STRING, .offset = AT(string)},
    {.name = "path", .type = CONF_PATH, .offset = AT(path), .required = true},
    {.name = "choice", .type = CONF_CHOICE, .offset = AT(choice), .choices = choices},
    {.name = "strings", .type = CONF_STRINGS, .offset = AT(strings)},
    {.name = "cidrs", .type = CONF_CIDRS, .offset = AT(cidrs)},
    {.name = "block", .type = CONF_CUSTOM, .set = set_block, .repeats = true},
    {0},
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = {(const char *)data, size};
	struct target target = {0};
	struct conf_load load;
	struct arena *a;
	struct buf out = {0};

	/* No files: what this machine has must not matter. */
	if (str_find(text, STR("include")) >= 0)
		return 0;
	a = arena_new(0);
	conf_load_init(&load, a);
	conf_apply(&load, table, conf_parse_text(&load, "fuzz", text), &target, "fuzz", (struct conf_place){"fuzz", 1, 1});
	conf_errors_print(&load, &out);
	if (load.errors > 0 && out.n == 0)
		__builtin_trap();
	buf_free(&out);
	arena_free(a);
	return 0;
}
